"""The slots of incoming transfers: which region admits one, and decides on it.

Two columns, quick and additive: a program of the former revision goes on working (`pre`). A transfer without a slot is
of the region whose database it is in; `fifteen region init` fills in those of open ones, where there are several.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
phase = "pre"


def upgrade() -> None:
    """Add."""
    op.execute("ALTER TABLE incoming_transfer ADD COLUMN slot SMALLINT")
    op.execute("ALTER TABLE incoming_state ADD COLUMN slot SMALLINT")


def downgrade() -> None:
    """Take it away again."""
    op.execute("ALTER TABLE incoming_transfer DROP COLUMN slot")
    op.execute("ALTER TABLE incoming_state DROP COLUMN slot")
