"""What has settled is under the gateway's timers too: the institution is told to post until it has answered.

The index holds few rows, those with a timer; the former revision's query is served by the wider one as well (`pre`).

Revision ID: 0011
"""

from typing import Final

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "DROP INDEX incoming_state_timer_at_ix",
    """
    CREATE INDEX incoming_state_timer_at_ix ON incoming_state (timer_at)
    WHERE timer_at IS NOT NULL
    AND state IN ('RECEIVED', 'ACCEPTED', 'ACCEPTED_WITHOUT_POSTING', 'IN_DOUBT', 'SETTLED')
    """,
    # What settled under the former revision waits until its last day: the first timers of this one tell it again.
    "UPDATE incoming_state SET timer_at = now() WHERE state = 'SETTLED'",
    "SET LOCAL lock_timeout = DEFAULT",
)


def upgrade() -> None:
    """Widen."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse, as the former one does."""
    raise RuntimeError("money may have arrived of which the former revision knows nothing: there is no way back")
