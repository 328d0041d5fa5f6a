"""The tables that keep a deployment in order: who runs, and what was done to the schema (docs/adr/0020)."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Table, Text, Uuid

from adapters.postgres.metadata import metadata

running_release = Table(
    "running_release",
    metadata,
    Column("instance_id", Uuid, primary_key=True),
    Column("role", Text, nullable=False),
    Column("release", Text, nullable=False),
    Column("revision", Text, nullable=False, comment="The newest migration that the process knows of."),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    comment="Processes that serve: each writes itself down every few seconds.",
)

applied_migration = Table(
    "applied_migration",
    metadata,
    Column("revision", Text, primary_key=True),
    Column("phase", Text, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("phase IN ('pre', 'post')", name="phase"),
    comment="What was done to this schema. Code that does not know of a post one must not run any more.",
)
