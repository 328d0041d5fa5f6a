"""The tables of rail operations: what was asked of the rails, what they said of themselves, and what is to be sent."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.metadata import metadata
from gateway.domain.rail_operations import RailEventKind

_INSTANT = DateTime(timezone=True)
_KINDS: Final = ", ".join(repr(str(kind)) for kind in RailEventKind)

rail_event = Table(
    "rail_event",
    metadata,
    Column("region", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("rail", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("subjects", ARRAY(Text), nullable=False),
    Column("about", Text),
    Column("business_message_id", Text),
    Column("asked_by", Text),
    Column("note", Text),
    Column("reason_code", Text),
    Column("description", Text),
    Column("event_time", _INSTANT),
    Column("at", _INSTANT, nullable=False),
    Column("message_type", Text),
    Column("message_class", Text),
    Column("key_id", Text),
    Column("body", LargeBinary),
    Column("digest", LargeBinary),
    Column("content_digest", LargeBinary),
    PrimaryKeyConstraint("event_id", "region"),
    UniqueConstraint("rail", "business_message_id", "region"),
    CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
    Index("rail_event_newest_ix", "rail", "at"),
    Index("rail_event_code_ix", "rail", "code", "at"),
    Index("rail_event_kind_ix", "rail", "kind", "at"),
    postgresql_partition_by="LIST (region)",
)

rail_event_due = Table(
    "rail_event_due",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("not_before", _INSTANT, nullable=False),
)
