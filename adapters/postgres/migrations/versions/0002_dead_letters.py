"""Dead letters in the database, what operators decide on them, and operators' keys (docs/adr/0006).

Every step is additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0002
"""

from typing import Final

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
phase = "pre"

TABLES: Final = (
    """
    CREATE TABLE dead_letter (
        region TEXT NOT NULL,
        delivery_id UUID NOT NULL,
        queue TEXT NOT NULL,
        payment_id UUID NOT NULL,
        tenant_id TEXT,
        deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
        attempts INTEGER NOT NULL,
        reason TEXT NOT NULL,
        fault TEXT,
        published_at TIMESTAMP WITH TIME ZONE NOT NULL,
        died_at TIMESTAMP WITH TIME ZONE NOT NULL,
        kept_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT dead_letter_pk PRIMARY KEY (delivery_id, region),
        CONSTRAINT dead_letter_reason_ck CHECK (reason IN ('handler_failed', 'consumer_died', 'broker'))) PARTITION BY LIST (region)
    """,
    "CREATE INDEX dead_letter_oldest_ix ON dead_letter (died_at, delivery_id)",
    """
    CREATE TABLE dead_letter_closing (
        region TEXT NOT NULL,
        delivery_id UUID NOT NULL,
        redriven_as UUID,
        note TEXT NOT NULL,
        closed_by TEXT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT dead_letter_closing_pk PRIMARY KEY (delivery_id, region)) PARTITION BY LIST (region)
    """,
    """
    CREATE TABLE operator_key (
        key_digest BYTEA NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT operator_key_pk PRIMARY KEY (key_digest)
    )
    """,
)

EMBEDDED_BUS: Final = (
    # The reason is a word of a closed set from now on. A worker of the former revision still writes a sentence, which is
    # taken for the fault: hence no constraint.
    "ALTER TABLE bus_dead_letter ADD COLUMN fault TEXT",
    "DROP INDEX bus_dead_letter_oldest_ix",
    "CREATE INDEX bus_dead_letter_oldest_ix ON bus_dead_letter (dead_at, delivery_id)",
    "COMMENT ON COLUMN bus_dead_letter.fault IS 'What the last handler that raised ended with.'",
    """
    COMMENT ON TABLE bus_dead_letter IS 'Deliveries that were handed out as often as the limit allows and never settled; a worker moves them into dead_letter.'
    """,
)

GRANTS: Final = (
    "GRANT SELECT, INSERT ON dead_letter, dead_letter_closing TO fifteen_application",
    "GRANT SELECT ON operator_key TO fifteen_application",
)


def upgrade() -> None:
    """Add the tables; the bus's own dead letters keep what they say."""
    for statement in (*TABLES, *EMBEDDED_BUS, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what operators have decided is not dropped by a program."""
    raise RuntimeError("there is no way back: drop the tables by hand if that is what is meant")
