"""The table of receipts that are waited for (ADR 39)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, DateTime, Index, PrimaryKeyConstraint, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.metadata import metadata
from gateway.service.ports.receipts import ReceiptOf

_INSTANT = DateTime(timezone=True)
_OF: Final = ", ".join(f"'{of.value}'" for of in ReceiptOf)

awaited_receipt = Table(
    "awaited_receipt",
    metadata,
    Column("rail", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("message_type", Text, nullable=False),
    Column("tenant_id", Text, nullable=False),
    Column("of_kind", Text, nullable=False),
    Column("of_id", Uuid, nullable=False, comment="The conversation, payment or incoming transfer that it is part of."),
    Column("sent_at", _INSTANT, comment="None: it is not known that it has left."),
    Column("missed_at", _INSTANT, comment="When the receipt was found missing."),
    Column("copies", ARRAY(Text), nullable=False, comment="The ids of the copies that were sent before."),
    PrimaryKeyConstraint("rail", "message_id"),
    CheckConstraint(f"of_kind IN ({_OF})", name="of_kind"),
    Index("awaited_receipt_copies_ix", "copies", postgresql_using="gin"),
    Index("awaited_receipt_of_id_ix", "of_id"),
    Index(
        "awaited_receipt_late_ix",
        "rail",
        "sent_at",
        postgresql_where=text("missed_at IS NULL AND sent_at IS NOT NULL"),
    ),
    Index("awaited_receipt_missed_ix", "rail", "missed_at", postgresql_where=text("missed_at IS NOT NULL")),
)
