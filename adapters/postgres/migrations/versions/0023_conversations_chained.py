"""The events of conversations are chained and sealed, as those of payments are (docs/adr/0034).

Additive: a program of the former revision goes on working while this runs (`pre`). What it writes is not chained, and
lies under no seal; the seals that it makes say that they cover no conversations.

Revision ID: 0023
"""

from typing import Final

from alembic import op

revision = "0023"
down_revision = "0020"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    """
    ALTER TABLE conversation_event
        ADD COLUMN epoch BIGINT DEFAULT 1 NOT NULL,
        ADD COLUMN digest BYTEA,
        ADD COLUMN sql_transaction BIGINT,
        ADD CONSTRAINT conversation_event_sealed_if_chained_ck CHECK ((digest IS NULL) = (sql_transaction IS NULL))
    """,
    "ALTER TABLE conversation_state ADD COLUMN event_digest BYTEA",
    "ALTER TABLE audit_seal ADD COLUMN covers_conversations BOOLEAN DEFAULT false NOT NULL",
    "SET LOCAL lock_timeout = DEFAULT",
    "CREATE INDEX conversation_event_sql_transaction_ix ON conversation_event (sql_transaction)",
    """
    COMMENT ON COLUMN conversation_event.digest IS
        'SHA-256 over the digest before, epoch and facts; none: written before there were chains.'
    """,
    """
    COMMENT ON COLUMN conversation_event.sql_transaction IS
        'The transaction that wrote the row, in the region that wrote it; none: written before there were chains.'
    """,
    """
    COMMENT ON COLUMN audit_seal.covers_conversations IS
        'Whether the events of conversations are under it: not of what a former release has sealed.'
    """,
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: seals cover what the former revision does not know of."""
    raise RuntimeError("seals may cover the events of conversations: there is no way back")
