"""Outbox rows are deleted by the id of their delivery, once whoever committed them has published it.

Every step is additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
phase = "pre"


def upgrade() -> None:
    """Add."""
    op.execute("CREATE INDEX outbox_delivery_id_ix ON outbox (delivery_id)")


def downgrade() -> None:
    """Take it away again."""
    op.execute("DROP INDEX outbox_delivery_id_ix")
