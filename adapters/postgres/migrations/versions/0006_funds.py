"""Who holds the debtor's money: a tenant says so, each payment keeps what its tenant said when it was accepted.

Every step is additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0006
"""

from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "ALTER TABLE tenant ADD COLUMN funds_holder TEXT NOT NULL DEFAULT 'tenant'",
    "ALTER TABLE tenant ADD CONSTRAINT tenant_funds_holder_ck CHECK (funds_holder IN ('tenant', 'core'))",
    "ALTER TABLE payment ADD COLUMN funds_holder TEXT NOT NULL DEFAULT 'tenant'",
    "ALTER TABLE payment ADD CONSTRAINT payment_funds_holder_ck CHECK (funds_holder IN ('tenant', 'core'))",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_reason_origin_ck",
    "ALTER TABLE payment_event ADD CONSTRAINT payment_event_reason_origin_ck CHECK (reason_origin IN ('core', 'gateway', 'rail', 'operator'))",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a core may hold money of which the former revision would never tell it."""
    raise RuntimeError("the core may hold money of which the former revision would never tell it: there is no way back")
