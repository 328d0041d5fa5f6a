"""The tables of conversations: their facts, events and messages, their projection, and what is to be sent (ADR 28)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from adapters.postgres.metadata import metadata
from gateway.domain.conversation import ConversationKind, ConversationState, Side

_INSTANT = DateTime(timezone=True)
_BY_REGION: Final = "LIST (region)"
_KINDS: Final = ", ".join(f"'{kind.value}'" for kind in ConversationKind)
_SIDES: Final = ", ".join(f"'{side.value}'" for side in Side)
_STATES: Final = ", ".join(f"'{state.value}'" for state in ConversationState)

conversation = Table(
    "conversation",
    metadata,
    Column("region", Text, nullable=False),
    Column("conversation_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("side", Text, nullable=False, comment="Who opened it: out, we; in, the other side."),
    Column("message_id", Text, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),
    Column("own_agent", Text, nullable=False),
    Column("counterparty", Text, nullable=False),
    Column("topic", Text),
    Column("amount_cents", BigInteger),
    Column("end_to_end_id", Text),
    Column("about_id", Uuid, comment="The payment, or incoming transfer, that is asked about."),
    Column("opened_at", _INSTANT, nullable=False),
    Column("pay_by", _INSTANT),
    Column("expires_at", _INSTANT),
    PrimaryKeyConstraint("conversation_id", "tenant_id", "region"),
    UniqueConstraint("rail", "message_id", "side", "region"),
    CheckConstraint("amount_cents >= 0", name="amount_cents"),
    CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
    CheckConstraint(f"side IN ({_SIDES})", name="side"),
    Index("conversation_about_id_ix", "about_id", postgresql_where=text("about_id IS NOT NULL")),
    Index("conversation_opened_at_ix", "opened_at"),
    Index("conversation_tenant_id_ix", "tenant_id", "opened_at"),
    postgresql_partition_by=_BY_REGION,
)

conversation_event = Table(
    "conversation_event",
    metadata,
    Column("region", Text, nullable=False),
    Column("conversation_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("act", Text, nullable=False),
    Column("state_before", Text),
    Column("state_after", Text, nullable=False),
    Column("reason_code", Text),
    Column("reason_origin", Text),
    Column("reason_text", Text),
    Column("business_message_id", Text),
    Column("payment_id", Uuid),
    Column("decided_by", Text),
    Column("strange", Boolean, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default=text("1")),
    Column(
        "digest",
        LargeBinary,
        comment="SHA-256 over the digest before, epoch and facts; none: written before there were chains.",
    ),
    Column(
        "sql_transaction",
        BigInteger,
        comment="The transaction that wrote the row, in the region that wrote it; none: written before there were "
        "chains.",
    ),
    PrimaryKeyConstraint("conversation_id", "tenant_id", "sequence", "region"),
    CheckConstraint(f"state_after IN ({_STATES})", name="state_after"),
    CheckConstraint("(digest IS NULL) = (sql_transaction IS NULL)", name="sealed_if_chained"),
    Index("conversation_event_sql_transaction_ix", "sql_transaction"),
    postgresql_partition_by=_BY_REGION,
)

conversation_message = Table(
    "conversation_message",
    metadata,
    Column("region", Text, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("conversation_id", Uuid, nullable=False),
    Column("direction", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("business_message_id", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("sequence", Integer, nullable=False, comment="The event that it was saved with."),
    Column("position", Integer, nullable=False, comment="Among those that were saved with the same event."),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("message_id", "tenant_id", "region"),
    CheckConstraint("direction IN ('rail_out', 'rail_in')", name="direction"),
    Index("conversation_message_at_ix", "at", "message_id"),
    Index("conversation_message_conversation_id_ix", "conversation_id"),
    Index(
        "conversation_message_business_message_id_ix",
        "business_message_id",
        postgresql_where=text("direction = 'rail_out'"),
    ),
    postgresql_partition_by=_BY_REGION,
)

conversation_state = Table(
    "conversation_state",
    metadata,
    Column("conversation_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("due_at", _INSTANT, comment="Until when what comes next is due; none where nothing is."),
    Column("expires_at", _INSTANT, comment="Of an undecided request for payment that has a time to stand."),
    Column("seeks_payment", Boolean, nullable=False, comment="A request that no payment is known for."),
    Column("payment_id", Uuid, comment="The payment, or incoming transfer, that settled for it."),
    Column("withdrawal_id", Text, comment="The message id of the camt.055."),
    Column("attention", Boolean, nullable=False, server_default=text("false")),
    Column("updated_at", _INSTANT, nullable=False),
    Column("event_digest", LargeBinary),
    Column(
        "region",
        Text,
        comment="The other region, where the conversation began there: here it is shown; none: it is this region's "
        "own.",
    ),
    Column("epoch", BigInteger, nullable=False, server_default=text("1")),
    PrimaryKeyConstraint("conversation_id", "tenant_id"),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    Index("conversation_state_due_at_ix", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("conversation_state_expires_at_ix", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    Index("conversation_state_seeks_payment_ix", "conversation_id", postgresql_where=text("seeks_payment")),
    Index("conversation_state_attention_ix", "conversation_id", postgresql_where=text("attention")),
    Index("conversation_state_payment_id_ix", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
)

conversation_unsent = Table(
    "conversation_unsent",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("conversation_id", Uuid, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Index("conversation_unsent_conversation_id_ix", "conversation_id"),
)

CONVERSATION_FACTS: Final = (conversation, conversation_event, conversation_message)
"""Inserted, never updated; one partition per region."""

CONVERSATION_LOCAL: Final = (conversation_state, conversation_unsent)
"""Of this region alone."""
