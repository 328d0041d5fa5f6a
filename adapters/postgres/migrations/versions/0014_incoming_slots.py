"""The slots of incoming transfers: which region admits one, and decides on it.

One column of a local table, quick and additive: a program of the former revision goes on working (`pre`). A transfer
without a slot is of the region whose database it is in; `fifteen region init` fills them in where there are several.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None
phase = "pre"


def upgrade() -> None:
    """Add."""
    op.execute("ALTER TABLE incoming_state ADD COLUMN slot SMALLINT")


def downgrade() -> None:
    """Take it away again."""
    op.execute("ALTER TABLE incoming_state DROP COLUMN slot")
