"""The tables, as SQLAlchemy Core sees them; the migrations are proved equal to this in the tests.

Three kinds (docs/adr/0003):

* **facts**, partitioned by the region that *wrote* them, only ever inserted, replicated to the other region;
* **local** tables, which are never replicated: the projection folded from events, the outbox, the embedded bus;
* **configuration**.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.bus_tables import BUS_TABLES
from adapters.postgres.conversation_tables import CONVERSATION_FACTS, CONVERSATION_LOCAL
from adapters.postgres.incoming_tables import account_directory, incoming_state, incoming_transfer, receiving_agent
from adapters.postgres.metadata import metadata
from adapters.postgres.rail_tables import rail_event, rail_event_due
from adapters.postgres.receipt_tables import awaited_receipt
from adapters.postgres.release_tables import applied_migration, running_release
from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.incoming import IncomingState
from gateway.domain.ledger import Account, PostingKind
from gateway.domain.payment import KNOWN_BY_INSTRUCTION_ID, FundsHolder, PaymentState, ReasonOrigin
from gateway.domain.request import RequestState
from gateway.service.ports import DeadLetterReason, MessageDirection


def _one_of(column: str, values: type[StrEnum]) -> str:
    return _among(column, *map(str, values))


def _among(column: str, *values: str) -> str:
    return f"{column} IN ({', '.join(map(repr, dict.fromkeys(values)))})"


_INSTANT = DateTime(timezone=True)
_BY_REGION = "LIST (region)"
_CLAIMING: Final = sorted(KNOWN_BY_INSTRUCTION_ID)

tenant = Table(
    "tenant",
    metadata,
    Column("tenant_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Column("not_found_policy", Text, nullable=False, server_default=text("'reject'")),
    Column("funds_holder", Text, nullable=False, server_default=text("'tenant'")),
    Column("institution_url", Text),
    Column("stand_in", JSONB, nullable=False, server_default=text("'{}'")),
    Column("screening", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint(_one_of("not_found_policy", NotFoundPolicy), name="not_found_policy"),
    CheckConstraint(_among("funds_holder", FundsHolder.TENANT, FundsHolder.CORE), name="funds_holder"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_digest", LargeBinary, primary_key=True),
    Column("tenant_id", Text, ForeignKey("tenant.tenant_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Column("revoked_at", _INSTANT),
)

operator_key = Table(
    "operator_key",
    metadata,
    Column("key_digest", LargeBinary, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Column("revoked_at", _INSTANT),
)

claim = Table(
    "claim",
    metadata,
    Column("region", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("claimed_at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("tenant_id", "idempotency_key", "region"),
    CheckConstraint("slot BETWEEN 0 AND 255", name="slot"),
    postgresql_partition_by=_BY_REGION,
)

payment = Table(
    "payment",
    metadata,
    Column("region", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("instruction_id", Text),
    Column("uetr", Text),
    Column("amount_cents", BigInteger, nullable=False),
    Column("debtor_agent", Text, nullable=False),
    Column("creditor_agent", Text, nullable=False),
    Column("debtor_account_index", LargeBinary, nullable=False),
    Column("creditor_account_index", LargeBinary, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("accepted_at", _INSTANT, nullable=False),
    Column("deadline_at", _INSTANT, nullable=False),
    Column("funds_holder", Text, nullable=False, server_default=text("'tenant'")),
    Column("slot", SmallInteger),
    Column("original_id", Uuid, comment="Of a return: the incoming transfer that it gives back."),
    PrimaryKeyConstraint("payment_id", "tenant_id", "region"),
    CheckConstraint(_one_of("funds_holder", FundsHolder), name="funds_holder"),
    UniqueConstraint("rail", "message_id", "region"),
    CheckConstraint("amount_cents > 0", name="amount_cents"),
    Index("payment_end_to_end_id_ix", "tenant_id", "end_to_end_id"),
    Index("payment_uetr_ix", "tenant_id", "uetr"),
    Index("payment_instruction_id_ix", "instruction_id", postgresql_where=text(_among("rail", *_CLAIMING))),
    postgresql_partition_by=_BY_REGION,
)

# Of a rail that tells copies by the instruction id: what a payment of this region has, no other gets.
instruction_claim = Table(
    "instruction_claim",
    metadata,
    Column("rail", Text, nullable=False),
    Column("instruction_id", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    PrimaryKeyConstraint("rail", "instruction_id"),
)

payment_event = Table(
    "payment_event",
    metadata,
    Column("region", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state_before", Text),
    Column("state_after", Text, nullable=False),
    Column("status", Text),
    Column("reason_code", Text),
    Column("reason_origin", Text),
    Column("reason_text", Text),
    Column("business_message_id", Text),
    Column("details", JSONB, nullable=False),
    Column("contradiction", Boolean, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column(
        "digest",
        LargeBinary,
        comment="SHA-256 over the digest before, epoch and facts; none: written before there were chains.",
    ),
    Column(
        "sql_transaction",
        BigInteger,
        nullable=False,
        server_default=text("pg_current_xact_id()::text::bigint"),
        comment="The transaction that wrote the row, in the region that wrote it: what lies below the oldest running "
        "one can be sealed.",
    ),
    PrimaryKeyConstraint("payment_id", "tenant_id", "epoch", "sequence", "region"),
    CheckConstraint(_among("state_after", *PaymentState, *IncomingState), name="state_after"),
    CheckConstraint(_one_of("reason_origin", ReasonOrigin), name="reason_origin"),
    Index("payment_event_contradiction_ix", "at", postgresql_where=text("contradiction")),
    Index("payment_event_sql_transaction_ix", "sql_transaction"),
    postgresql_partition_by=_BY_REGION,
)

message = Table(
    "message",
    metadata,
    Column("region", Text, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("direction", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("business_message_id", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column("event_sequence", Integer, comment="The event that it was saved with, whose digest covers it."),
    PrimaryKeyConstraint("at", "message_id", "tenant_id", "region"),
    CheckConstraint(_one_of("direction", MessageDirection), name="direction"),
    Index("message_payment_id_ix", "payment_id"),
    Index("message_business_message_id_ix", "business_message_id", postgresql_where=text("direction = 'rail_out'")),
    postgresql_partition_by=_BY_REGION,
)

archive_segment = Table(
    "archive_segment",
    metadata,
    Column("region", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("first_at", _INSTANT, nullable=False),
    Column("last_at", _INSTANT, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("header_size", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the whole object, as it was read back."),
    Column("archived_at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("number", "region"),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("messages > 0", name="messages"),
    comment="Objects of the archive; every message in them is in archived_message.",
    postgresql_partition_by=_BY_REGION,
)

archived_message = Table(
    "archived_message",
    metadata,
    Column("region", Text, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("direction", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("business_message_id", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column("event_sequence", Integer),
    Column("segment", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("starts_at", BigInteger, nullable=False, comment="Where in the object its record begins, in bytes."),
    Column("size", Integer, nullable=False, comment="The bytes of its record."),
    PrimaryKeyConstraint("message_id", "tenant_id", "region"),
    UniqueConstraint("segment", "position", "region"),
    CheckConstraint(_one_of("direction", MessageDirection), name="direction"),
    Index("archived_message_payment_id_ix", "payment_id"),
    Index(
        "archived_message_business_message_id_ix",
        "business_message_id",
        postgresql_where=text("direction = 'rail_out'"),
    ),
    comment="What the archive has of each message but its bytes; the row in message goes with its partition.",
    postgresql_partition_by=_BY_REGION,
)

inbox = Table(
    "inbox",
    metadata,
    Column("region", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("inbox_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("rail", "inbox_id", "region"),
    postgresql_partition_by=_BY_REGION,
)

refusal = Table(
    "refusal",
    metadata,
    Column("region", Text, nullable=False),
    Column("refusal_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("codes", ARRAY(Text), nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("refusal_id", "tenant_id", "region"),
    postgresql_partition_by=_BY_REGION,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("region", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("business_message_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("codes", ARRAY(Text), nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("rail", "digest", "region"),
    postgresql_partition_by=_BY_REGION,
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("region", Text, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    Column("queue", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text),
    Column("deadline_at", _INSTANT, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fault", Text),
    Column("published_at", _INSTANT, nullable=False),
    Column("died_at", _INSTANT, nullable=False),
    Column("kept_at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("delivery_id", "region"),
    CheckConstraint(_one_of("reason", DeadLetterReason), name="reason"),
    Index("dead_letter_oldest_ix", "died_at", "delivery_id"),
    postgresql_partition_by=_BY_REGION,
)

dead_letter_closing = Table(
    "dead_letter_closing",
    metadata,
    Column("region", Text, nullable=False),
    Column("delivery_id", Uuid, nullable=False),
    Column("redriven_as", Uuid),
    Column("note", Text, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("delivery_id", "region"),
    postgresql_partition_by=_BY_REGION,
)

ledger_posting = Table(
    "ledger_posting",
    metadata,
    Column("region", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("payment_id", "tenant_id", "epoch", "sequence", "kind", "region"),
    CheckConstraint("amount_cents > 0", name="amount_cents"),
    CheckConstraint("debit <> credit", name="two_sides"),
    CheckConstraint(_one_of("kind", PostingKind), name="kind"),
    CheckConstraint(_one_of("debit", Account), name="debit"),
    CheckConstraint(_one_of("credit", Account), name="credit"),
    postgresql_partition_by=_BY_REGION,
)

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("region", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("transactions_from", BigInteger, nullable=False),
    Column("transactions_before", BigInteger, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column(
        "covers_conversations",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Whether the events of conversations are under it: not of what a former release has sealed.",
    ),
    PrimaryKeyConstraint("number", "region"),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("transactions_from < transactions_before", name="span"),
    comment="Heads of a region's history: each covers the events of a span of transactions, and the seal before.",
    postgresql_partition_by=_BY_REGION,
)

payment_state = Table(
    "payment_state",
    metadata,
    Column("payment_id", Uuid, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("status", Text),
    Column("reason_code", Text),
    Column("reason_origin", Text),
    Column("reason_text", Text),
    Column("creation_time", _INSTANT),
    Column("transfers", Integer, nullable=False, server_default=text("0")),
    Column("status_requests", Integer, nullable=False),
    Column("pings", Integer, nullable=False, server_default=text("0")),
    Column("timer_at", _INSTANT),
    Column("updated_at", _INSTANT, nullable=False),
    Column("final_at", _INSTANT),
    Column("event_digest", LargeBinary, comment="The digest of the newest event, which the next one follows."),
    Column("slot", SmallInteger),
    Column("returned_cents", BigInteger, nullable=False, server_default=text("0")),
    Column("request_state", Text, nullable=False, server_default=text("'NONE'")),
    Column("request_message_id", Text),
    Column("request_due_at", _INSTANT),
    PrimaryKeyConstraint("payment_id", "tenant_id"),
    CheckConstraint(_one_of("request_state", RequestState), name="request_state"),
    Index("payment_state_request_due_at_ix", "request_due_at", postgresql_where=text("request_due_at IS NOT NULL")),
    CheckConstraint(_one_of("state", PaymentState), name="state"),
    Index(
        "payment_state_awaiting_operator_ix",
        "tenant_id",
        postgresql_where=text("state = 'AWAITING_OPERATOR'"),
    ),
    Index("payment_state_held_ix", "timer_at", postgresql_where=text("state = 'HELD'")),
    Index("payment_state_received_ix", "updated_at", postgresql_where=text("state = 'RECEIVED'")),
    Index(
        "payment_state_unposted_ix",
        "final_at",
        "payment_id",
        postgresql_where=text("state = 'ACCEPTED_WITHOUT_POSTING'"),
    ),
    Index("payment_state_timer_at_ix", "timer_at", postgresql_where=text("timer_at IS NOT NULL")),
)

# What the limits of accounts count (docs/screening.md); written only where a tenant has set limits.
movement = Table(
    "movement",
    metadata,
    Column("tenant_id", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("account_index", LargeBinary, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("tenant_id", "way", "account_index", "payment_id"),
    Index("movement_at_ix", "at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("delivery_id", Uuid, nullable=False),
    Column("queue", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("deadline_at", _INSTANT, nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Index("outbox_delivery_id_ix", "delivery_id"),
)

slot = Table(
    "slot",
    metadata,
    Column("slot", SmallInteger, autoincrement=False, primary_key=True),
    Column("region", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("ask_after", _INSTANT),  # taken over: not before then is the rail asked what its old owner sent
    CheckConstraint("slot BETWEEN 0 AND 255", name="slot"),
    CheckConstraint("epoch > 0", name="epoch"),
)

# What a region has given up: it has done nothing in the slot under a lower epoch after this row.
slot_release = Table(
    "slot_release",
    metadata,
    Column("region", Text, nullable=False),
    Column("slot", SmallInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    PrimaryKeyConstraint("slot", "epoch", "region"),
    postgresql_partition_by=_BY_REGION,
)

projection_due = Table(
    "projection_due",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("payment_id", Uuid, nullable=False),
    Column("at", _INSTANT, nullable=False),  # of the event that is to be folded
    Column("not_before", _INSTANT),  # could not be folded: tried again from then on
    Index("projection_due_payment_id_ix", "payment_id"),
)

handed_over = Table(
    "handed_over",
    metadata,
    Column("region", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", _INSTANT, nullable=False),
    PrimaryKeyConstraint("rail", "digest", "region"),
    postgresql_partition_by=_BY_REGION,
)

handed_over_due = Table(
    "handed_over_due",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("region", Text, nullable=False),
    Column("rail", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("not_before", _INSTANT),  # could not be opened: tried again from then on
)

# How old what is seen of another region is: each writes down its own time every second.
region_pulse = Table(
    "region_pulse",
    metadata,
    Column("region", Text, nullable=False),
    Column("at", _INSTANT, nullable=False),
    Column("is_copied", Boolean, nullable=False, server_default=text("false")),  # its copy of the other is complete
    PrimaryKeyConstraint("region"),
    postgresql_partition_by=_BY_REGION,
)

FACTS: Final = (
    *(claim, payment, payment_event, message, inbox, refusal, quarantine),
    *(dead_letter, dead_letter_closing, ledger_posting, audit_seal, archive_segment, archived_message),
    *(handed_over, slot_release, incoming_transfer, rail_event),
    *CONVERSATION_FACTS,
)
"""Inserted, never updated; one partition per region. That of `message` is divided by months (partitions.py)."""

LOCAL: Final = (
    *(payment_state, incoming_state, outbox, projection_due, handed_over_due, rail_event_due, movement),
    *BUS_TABLES,
    *CONVERSATION_LOCAL,
    *(awaited_receipt, instruction_claim),
    running_release,
)
"""Of this region alone."""

REPLICATED: Final = (*FACTS, region_pulse)
"""What each region publishes of its own."""

TOPOLOGY: Final = (slot,)
"""This region's copy of the map of slots: the witness has the one that counts."""

CONFIGURATION: Final = (tenant, api_key, operator_key, receiving_agent, account_directory, applied_migration)
"""Written by the owner, read by the application."""
