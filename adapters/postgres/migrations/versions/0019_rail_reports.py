"""Rail events may say more: reports that were asked for and came, what is missing, who takes part.

Additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0019
"""

from typing import Final

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None
phase = "pre"

KINDS: Final = (
    "'asked', 'acknowledged', 'refused', 'abandoned', 'broadcast', 'requested', 'reported', 'missing', 'closed', "
    "'directory'"
)

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "ALTER TABLE rail_event DROP CONSTRAINT rail_event_kind_ck",
    f"ALTER TABLE rail_event ADD CONSTRAINT rail_event_kind_ck CHECK (kind IN ({KINDS})) NOT VALID",
    "SET LOCAL lock_timeout = DEFAULT",
    "CREATE INDEX rail_event_kind_ix ON rail_event (rail, kind, at)",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the former revision does not know of what is kept."""
    raise RuntimeError("reports may be kept of which the former revision knows nothing: there is no way back")
