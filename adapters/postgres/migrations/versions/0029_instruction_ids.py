"""On a rail that tells copies by the instruction id no two payments share one (docs/adr/0043).

Additive: a program of the former revision goes on working while this runs (`pre`), and claims no instruction id: what
it has accepted is found in the payment itself. While the index is made no payment is accepted: one look through them.

Revision ID: 0029
"""

from typing import Final

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    """
    CREATE TABLE instruction_claim (
        rail TEXT NOT NULL,
        instruction_id TEXT NOT NULL,
        payment_id UUID NOT NULL,
        CONSTRAINT instruction_claim_pk PRIMARY KEY (rail, instruction_id)
    )
    """,
    "GRANT SELECT, INSERT, DELETE ON instruction_claim TO fifteen_application",
    "SET LOCAL lock_timeout = '5s'",
    "CREATE INDEX payment_instruction_id_ix ON payment (instruction_id) WHERE rail = 'rtp'",
    "SET LOCAL lock_timeout = DEFAULT",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again: what it guards is in the payments."""
    op.execute("DROP INDEX payment_instruction_id_ix")
    op.execute("DROP TABLE instruction_claim")
