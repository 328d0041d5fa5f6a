"""The tables of incoming transfers: their facts, their projection, and who receives (docs/adr/0015)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from adapters.postgres.metadata import metadata
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import TO_BE_DECIDED, WAITED_FOR, Attention, PostingOutcome, Verdict
from gateway.domain.request import RequestState
from gateway.domain.stand_in import AccountStanding

_INSTANT = DateTime(timezone=True)
_STATES: Final = ", ".join(repr(str(state)) for state in IncomingState)
_REQUEST_STATES: Final = ", ".join(repr(str(state)) for state in RequestState)
_ATTENTION: Final = ", ".join(repr(str(each)) for each in Attention)
_CONTRARY_WORDS: Final = ", ".join(repr(str(each)) for each in (*Verdict, *PostingOutcome))
_STANDINGS: Final = ", ".join(repr(str(standing)) for standing in AccountStanding)

WAITED_FOR_SQL: Final = ", ".join(repr(str(state)) for state in IncomingState if state in WAITED_FOR)
"""The states whose next step is the gateway's, as SQL."""

TO_BE_DECIDED_SQL: Final = ", ".join(repr(str(state)) for state in IncomingState if state in TO_BE_DECIDED)
"""The states in which the money must be somewhere else by a deadline, as SQL."""

receiving_agent = Table(
    "receiving_agent",
    metadata,
    Column("routing_number", Text, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenant.tenant_id"), nullable=False),
)

account_directory = Table(
    "account_directory",
    metadata,
    Column("tenant_id", Text, ForeignKey("tenant.tenant_id"), nullable=False),
    Column(
        "account_index", LargeBinary, nullable=False, comment="The blind index of the account, as transfers have it."
    ),
    Column("standing", Text, nullable=False),
    PrimaryKeyConstraint("tenant_id", "account_index"),
    CheckConstraint(f"standing IN ({_STANDINGS})", name="standing"),
)

incoming_transfer = Table(
    "incoming_transfer",
    metadata,
    Column("region", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("message_created_at", _INSTANT, nullable=False),
    Column("instruction_id", Text),
    Column("end_to_end_id", Text, nullable=False),
    Column("transaction_id", Text),
    Column("uetr", Text),
    Column("amount_cents", BigInteger, nullable=False),
    Column("instructing_agent", Text, nullable=False),
    Column("instructed_agent", Text, nullable=False),
    Column("debtor_agent", Text, nullable=False),
    Column("creditor_agent", Text, nullable=False),
    Column("debtor_account_index", LargeBinary, nullable=False),
    Column("creditor_account_index", LargeBinary, nullable=False),
    Column("forwarded_at", _INSTANT, nullable=False),
    Column("received_at", _INSTANT, nullable=False),
    Column("answer_by", _INSTANT, nullable=False),
    Column("message_type", Text, nullable=False, server_default=text("'pacs.008.001.08'")),
    Column("original_id", Uuid, comment="Of a return: the payment of ours that comes back."),
    Column("slot", SmallInteger),
    PrimaryKeyConstraint("payment_id", "tenant_id", "region"),
    UniqueConstraint("rail", "message_id", "region"),
    CheckConstraint("amount_cents > 0", name="amount_cents"),
    Index("incoming_transfer_end_to_end_id_ix", "tenant_id", "end_to_end_id"),
    Index("incoming_transfer_uetr_ix", "tenant_id", "uetr"),
    Index("incoming_transfer_received_at_ix", "received_at"),
    Index("incoming_transfer_original_id_ix", "original_id", postgresql_where=text("original_id IS NOT NULL")),
    Index("incoming_transfer_tenant_id_ix", "tenant_id", "received_at"),
    postgresql_partition_by="LIST (region)",
)

incoming_state = Table(
    "incoming_state",
    metadata,
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("answer", Text),
    Column("status", Text),
    Column("reason_code", Text),
    Column("reason_origin", Text),
    Column("reason_text", Text),
    Column("status_requests", Integer, nullable=False, server_default=text("0")),
    Column("timer_at", _INSTANT),
    Column(
        "unsent_at",
        _INSTANT,
        comment="A message of ours was saved of which it is not known that it left; looked at again then.",
    ),
    Column("updated_at", _INSTANT, nullable=False),
    Column("final_at", _INSTANT),
    Column("event_digest", LargeBinary, comment="The digest of the newest event, which the next one follows."),
    Column("returns", Integer, nullable=False, server_default=text("0")),
    Column("returning_cents", BigInteger, nullable=False, server_default=text("0")),
    Column("returned_cents", BigInteger, nullable=False, server_default=text("0")),
    Column("request_state", Text, nullable=False, server_default=text("'NONE'")),
    Column("request_message_id", Text),
    Column("request_due_at", _INSTANT),
    Column("attention", Text, comment="Why a person must look, where the state does not say so."),
    Column("slot", SmallInteger),
    Column(
        "contrary_word",
        Text,
        comment="What the institution has said against what is so, until somebody has seen to it.",
    ),
    PrimaryKeyConstraint("payment_id", "tenant_id"),
    CheckConstraint(f"attention IN ({_ATTENTION})", name="attention"),
    Index("incoming_state_attention_ix", "payment_id", postgresql_where=text("attention IS NOT NULL")),
    CheckConstraint(f"contrary_word IN ({_CONTRARY_WORDS})", name="contrary_word"),
    Index("incoming_state_contrary_word_ix", "payment_id", postgresql_where=text("contrary_word IS NOT NULL")),
    CheckConstraint(f"request_state IN ({_REQUEST_STATES})", name="request_state"),
    Index("incoming_state_request_due_at_ix", "request_due_at", postgresql_where=text("request_due_at IS NOT NULL")),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    Index(
        "incoming_state_timer_at_ix",
        "timer_at",
        postgresql_where=text(f"timer_at IS NOT NULL AND state IN ({WAITED_FOR_SQL})"),
    ),
    Index("incoming_state_unsent_at_ix", "unsent_at", postgresql_where=text("unsent_at IS NOT NULL")),
    Index("incoming_state_state_ix", "state", "updated_at"),
)
