"""The archiver walks through the messages of conversations in the order of their times, too (docs/adr/0037).

Additive: a program of the former revision goes on working while this runs (`pre`), and archives payments alone.

Revision ID: 0026
"""

from typing import Final

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "CREATE INDEX conversation_message_at_ix ON conversation_message (at, message_id)",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again: what is archived stays so, and the former revision reads it by its index."""
    op.execute("DROP INDEX conversation_message_at_ix")
