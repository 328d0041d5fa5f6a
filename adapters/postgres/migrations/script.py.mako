"""${message}.

Revision ID: ${up_revision}
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
phase = "pre"  # or "post": see docs/adr/0020


def upgrade() -> None:
    """Say what changes, and whether old code still runs on it (pre) or not any more (post)."""
    ${upgrades if upgrades else "..."}


def downgrade() -> None:
    """Say how to go back."""
    ${downgrades if downgrades else "..."}
