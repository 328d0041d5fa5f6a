"""Slots and their epochs, and what the projection of another region's payments needs.

Every step is additive and quick: a program of the former revision goes on working while this runs (`pre`). A payment
without a slot is of the region whose database it is in; `fifteen region init` fills them in where there are several.

Revision ID: 0012
"""

from typing import Final

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    """
    CREATE TABLE slot (
        slot SMALLINT NOT NULL,
        region TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        ask_after TIMESTAMP WITH TIME ZONE,
        CONSTRAINT slot_pk PRIMARY KEY (slot),
        CONSTRAINT slot_slot_ck CHECK (slot BETWEEN 0 AND 255),
        CONSTRAINT slot_epoch_ck CHECK (epoch > 0))
    """,
    "GRANT SELECT, INSERT, UPDATE ON slot TO fifteen_application",
    "ALTER TABLE payment ADD COLUMN slot SMALLINT",
    "ALTER TABLE payment_state ADD COLUMN slot SMALLINT",
    """
    CREATE TABLE slot_release (
        region TEXT NOT NULL,
        slot SMALLINT NOT NULL,
        epoch BIGINT NOT NULL,
        CONSTRAINT slot_release_pk PRIMARY KEY (slot, epoch, region)) PARTITION BY LIST (region)
    """,
    "GRANT SELECT, INSERT ON slot_release TO fifteen_application",
    """
    CREATE TABLE projection_due (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        payment_id UUID NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        not_before TIMESTAMP WITH TIME ZONE,
        CONSTRAINT projection_due_pk PRIMARY KEY (position))
    """,
    "CREATE INDEX projection_due_payment_id_ix ON projection_due (payment_id)",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON projection_due TO fifteen_application",
    # Volatile, so that its query has a snapshot of its own, taken after the lock is held: the snapshot of the statement
    # that calls it may be older than the takeover that the lock waited for. The lock ends with the transaction.
    """
    CREATE FUNCTION owned_epoch(asking TEXT, wanted SMALLINT) RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('fifteen.slots', 0));
        RETURN (SELECT slot.epoch FROM slot WHERE slot.slot = wanted AND slot.region = asking);
    END
    $$
    """,
    """
    CREATE TABLE region_pulse (
        region TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT region_pulse_pk PRIMARY KEY (region)) PARTITION BY LIST (region)
    """,
    "GRANT SELECT, INSERT, UPDATE ON region_pulse TO fifteen_application",
    """
    CREATE TABLE handed_over (
        region TEXT NOT NULL,
        rail TEXT NOT NULL,
        digest BYTEA NOT NULL,
        key_id TEXT NOT NULL,
        body BYTEA NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT handed_over_pk PRIMARY KEY (rail, digest, region)) PARTITION BY LIST (region)
    """,
    "GRANT SELECT, INSERT ON handed_over TO fifteen_application",
    """
    CREATE TABLE handed_over_due (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        region TEXT NOT NULL,
        rail TEXT NOT NULL,
        digest BYTEA NOT NULL,
        not_before TIMESTAMP WITH TIME ZONE,
        CONSTRAINT handed_over_due_pk PRIMARY KEY (position))
    """,
    "GRANT SELECT, INSERT, UPDATE, DELETE ON handed_over_due TO fifteen_application",
    """
    CREATE FUNCTION note_handed_over() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.handed_over_due (region, rail, digest) VALUES (NEW.region, NEW.rail, NEW.digest);
        RETURN NULL;
    END
    $$
    """,
    # Both run where the other region's rows are applied (fifteen region init attaches them): they note whose state is
    # to be folded anew. They must never fail: replication would stop.
    """
    CREATE FUNCTION note_replicated_event() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.projection_due (payment_id, at) VALUES (NEW.payment_id, NEW.at);
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION refuse_foreign_rows() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'region % does not write rows of region %', TG_ARGV[0], NEW.region
            USING ERRCODE = 'insufficient_privilege';
    END
    $$
    """,
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again."""
    op.execute("ALTER TABLE payment DROP COLUMN slot")
    op.execute("ALTER TABLE payment_state DROP COLUMN slot")
    op.execute("DROP TABLE slot, slot_release, projection_due, region_pulse, handed_over, handed_over_due")
    op.execute("DROP FUNCTION owned_epoch, note_handed_over, note_replicated_event, refuse_foreign_rows")
