"""What is asked of the rails about ourselves, and what they say of themselves.

Additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0016
"""

from typing import Final

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    """
    CREATE TABLE rail_event (
        region TEXT NOT NULL,
        event_id UUID NOT NULL,
        rail TEXT NOT NULL,
        kind TEXT NOT NULL,
        code TEXT NOT NULL,
        subjects TEXT[] NOT NULL,
        about TEXT,
        business_message_id TEXT,
        asked_by TEXT,
        note TEXT,
        reason_code TEXT,
        description TEXT,
        event_time TIMESTAMP WITH TIME ZONE,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        message_type TEXT,
        message_class TEXT,
        key_id TEXT,
        body BYTEA,
        digest BYTEA,
        content_digest BYTEA,
        CONSTRAINT rail_event_pk PRIMARY KEY (event_id, region),
        CONSTRAINT rail_event_rail_business_message_id_region_uq UNIQUE (rail, business_message_id, region),
        CONSTRAINT rail_event_kind_ck CHECK (kind IN ('asked', 'acknowledged', 'refused', 'abandoned', 'broadcast'))
    ) PARTITION BY LIST (region)
    """,
    "CREATE INDEX rail_event_newest_ix ON rail_event (rail, at)",
    "CREATE INDEX rail_event_code_ix ON rail_event (rail, code, at)",
    "GRANT SELECT, INSERT ON rail_event TO fifteen_application",
    """
    CREATE TABLE rail_event_due (
        event_id UUID NOT NULL,
        not_before TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT rail_event_due_pk PRIMARY KEY (event_id))
    """,
    "GRANT SELECT, INSERT, UPDATE, DELETE ON rail_event_due TO fifteen_application",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again."""
    op.execute("DROP TABLE rail_event, rail_event_due")
