"""Each region says whether its copy of the other is complete: what a synchronous acceptance relies on (ADR 26).

Additive: until both regions have it, the one without applies nothing, and goes on by itself then.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
phase = "pre"


def upgrade() -> None:
    """Add."""
    op.execute("ALTER TABLE region_pulse ADD COLUMN is_copied BOOLEAN DEFAULT false NOT NULL")


def downgrade() -> None:
    """Take it away again."""
    op.execute("ALTER TABLE region_pulse DROP COLUMN is_copied")
