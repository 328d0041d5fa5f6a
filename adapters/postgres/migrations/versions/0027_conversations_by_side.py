"""Two institutions of one gateway talk: the message that opens a conversation opens one on either side (docs/adr/0028).

What we have opened and what was opened with us are told apart by `side`, so that one message id may stand in both. A
program of the former revision goes on working while this runs (`pre`): it finds the newer of the two by their message
id, and sets aside what was said in the other, as it set aside all of such a conversation before.

With two regions it is best run in both before new code runs in either: the second half of a conversation, replicated
to where the key is not widened yet, stops the apply of everything there until it is (docs/regions.md, Migrations).

Revision ID: 0027
"""

from typing import Final

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    """
    ALTER TABLE conversation
        DROP CONSTRAINT conversation_rail_message_id_region_uq,
        ADD CONSTRAINT conversation_rail_message_id_side_region_uq UNIQUE (rail, message_id, side, region)
    """,
    "SET LOCAL lock_timeout = DEFAULT",
)


def upgrade() -> None:
    """Widen."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: one message id may stand on both sides."""
    raise RuntimeError("one message may have opened two conversations: there is no way back")
