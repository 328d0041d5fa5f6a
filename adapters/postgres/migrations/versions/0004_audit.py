"""The audit trail: events are chained by digest, their batches sealed (docs/adr/0010).

Every step is additive: a program of the former revision goes on working while this runs (`pre`), and what it still
writes is unchained. Events from before are unchained as well: their transaction is 0, so that the first seal covers
them as they are.

Revision ID: 0004
"""

from typing import Final

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "ALTER TABLE payment_event ADD COLUMN digest BYTEA",
    "ALTER TABLE payment_event ADD COLUMN sql_transaction BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE payment_event ALTER COLUMN sql_transaction SET DEFAULT pg_current_xact_id()::text::bigint",
    "CREATE INDEX payment_event_sql_transaction_ix ON payment_event (sql_transaction)",
    "ALTER TABLE payment_state ADD COLUMN event_digest BYTEA",
    "ALTER TABLE message ADD COLUMN event_sequence INTEGER",
    "COMMENT ON COLUMN payment_event.digest IS 'SHA-256 over the digest before, epoch and facts; none: written before there were chains.'",
    """
    COMMENT ON COLUMN payment_event.sql_transaction IS 'The transaction that wrote the row, in the region that wrote it: what lies below the oldest running one can be sealed.'
    """,
    "COMMENT ON COLUMN payment_state.event_digest IS 'The digest of the newest event, which the next one follows.'",
    "COMMENT ON COLUMN message.event_sequence IS 'The event that it was saved with, whose digest covers it.'",
    """
    CREATE TABLE audit_seal (
        region TEXT NOT NULL,
        number BIGINT NOT NULL,
        previous BYTEA NOT NULL,
        entries BYTEA NOT NULL,
        events BIGINT NOT NULL,
        transactions_from BIGINT NOT NULL,
        transactions_before BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        digest BYTEA NOT NULL,
        CONSTRAINT audit_seal_pk PRIMARY KEY (number, region),
        CONSTRAINT audit_seal_number_ck CHECK (number > 0),
        CONSTRAINT audit_seal_span_ck CHECK (transactions_from < transactions_before)) PARTITION BY LIST (region)
    """,
    "COMMENT ON TABLE audit_seal IS 'Heads of a region''s history: each covers the events of a span of transactions, and the seal before.'",
    "GRANT SELECT, INSERT ON audit_seal TO fifteen_application",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: evidence is not dropped by a program."""
    raise RuntimeError("there is no way back: drop the columns by hand if that is what is meant")
