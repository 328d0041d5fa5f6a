"""The tables of the embedded bus. They belong to one region and are never replicated.

No column has a default: every instant comes from the `Clock`, never from the server.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, Table, Text, Uuid

from adapters.postgres.metadata import metadata

_QUEUE_LIKE_STORAGE: Final = {
    "fillfactor": 50,
    "autovacuum_vacuum_scale_factor": 0.0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_vacuum_cost_delay": 0,
}
"""Rows live for milliseconds and are updated once or twice: room on the page keeps updates off the indexes, and the
vacuum comes by the number of dead rows, however large the table has been."""

bus_queue: Final = Table(
    "bus_queue",
    metadata,
    Column("name", Text, primary_key=True),
    comment="Queues that have been declared; a delivery to any other is refused.",
)

bus_delivery: Final = Table(
    "bus_delivery",
    metadata,
    Column("delivery_id", Uuid, primary_key=True, comment="Chosen by the publisher; a repeat changes nothing."),
    Column("queue", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("deadline_at", DateTime(timezone=True), nullable=False, comment="The earliest goes first."),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column(
        "available_at",
        DateTime(timezone=True),
        nullable=False,
        comment="May be handed out from then on: when it was published, its lease ends, or its back-off is over.",
    ),
    Column(
        "attempt",
        Integer,
        nullable=False,
        comment="How often it has been handed out. With the id it names one lease: a later lease has a higher one.",
    ),
    Column("fault", Text, nullable=True, comment="What the last handler that raised ended with."),
    CheckConstraint("attempt >= 0", name="attempt"),
    Index("bus_delivery_next_ix", "queue", "deadline_at", "delivery_id"),
    postgresql_with=_QUEUE_LIKE_STORAGE,
    comment="Deliveries that wait or are handed out. A settled one is deleted.",
)

bus_dead_letter: Final = Table(
    "bus_dead_letter",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("queue", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("deadline_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("dead_at", DateTime(timezone=True), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fault", Text, nullable=True, comment="What the last handler that raised ended with."),
    CheckConstraint("attempt > 0", name="attempt"),
    Index("bus_dead_letter_oldest_ix", "dead_at", "delivery_id"),
    comment=(
        "Deliveries that were handed out as often as the limit allows and never settled; "
        "a worker moves them into dead_letter."
    ),
)

BUS_TABLES: Final = (bus_queue, bus_delivery, bus_dead_letter)
"""What the application role must be able to read and write: SELECT, INSERT, UPDATE and DELETE."""
