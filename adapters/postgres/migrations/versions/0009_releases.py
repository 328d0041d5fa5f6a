"""Who runs, and what each migration may meet: so that nothing is taken away from code that still uses it (ADR 20).

Every step is additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0009
"""

from typing import Final

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    """
    CREATE TABLE running_release (
        instance_id UUID NOT NULL,
        role TEXT NOT NULL,
        release TEXT NOT NULL,
        revision TEXT NOT NULL,
        seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT running_release_pk PRIMARY KEY (instance_id)
    )
    """,
    "COMMENT ON TABLE running_release IS 'Processes that serve: each writes itself down every few seconds.'",
    "COMMENT ON COLUMN running_release.revision IS 'The newest migration that the process knows of.'",
    """
    CREATE TABLE applied_migration (
        revision TEXT NOT NULL,
        phase TEXT NOT NULL,
        applied_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT applied_migration_pk PRIMARY KEY (revision),
        CONSTRAINT applied_migration_phase_ck CHECK (phase IN ('pre', 'post'))
    )
    """,
    """
    COMMENT ON TABLE applied_migration IS 'What was done to this schema. Code that does not know of a post one must not run any more.'
    """,
    "GRANT SELECT, INSERT, UPDATE, DELETE ON running_release TO fifteen_application",
    "GRANT SELECT ON applied_migration TO fifteen_application",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what has been taken away stays known."""
    raise RuntimeError("there is no way back: drop the tables by hand if that is what is meant")
