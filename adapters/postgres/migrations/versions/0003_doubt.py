"""Doubt that ends: copies and questions are counted, a person is called, a tenant says what "not found" means.

Every step is additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0003
"""

from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
phase = "pre"

_STATES: Final = "'RECEIVED', 'SENDING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'RESEND_DUE', 'SETTLED', 'ACCEPTED_WITHOUT_POSTING', 'RETURN_DUE', 'REJECTED'"

STATEMENTS: Final = (
    "ALTER TABLE tenant ADD COLUMN not_found_policy TEXT NOT NULL DEFAULT 'reject'",
    "ALTER TABLE tenant ADD CONSTRAINT tenant_not_found_policy_ck CHECK (not_found_policy IN ('reject', 'resend'))",
    "ALTER TABLE payment_state ADD COLUMN transfers INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE payment_state ADD COLUMN pings INTEGER NOT NULL DEFAULT 0",
    "UPDATE payment_state SET transfers = 1 WHERE creation_time IS NOT NULL",
    "ALTER TABLE payment_state DROP CONSTRAINT payment_state_state_ck",
    f"ALTER TABLE payment_state ADD CONSTRAINT payment_state_state_ck CHECK (state IN ({_STATES}))",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_state_after_ck",
    f"ALTER TABLE payment_event ADD CONSTRAINT payment_event_state_after_ck CHECK (state_after IN ({_STATES}))",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_reason_origin_ck",
    "ALTER TABLE payment_event ADD CONSTRAINT payment_event_reason_origin_ck CHECK (reason_origin IN ('gateway', 'rail', 'operator'))",
    "CREATE INDEX payment_state_received_ix ON payment_state (updated_at) WHERE state = 'RECEIVED'",
    "CREATE INDEX payment_state_awaiting_operator_ix ON payment_state (tenant_id) WHERE state = 'AWAITING_OPERATOR'",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a payment may stand in a state that the former revision does not know."""
    raise RuntimeError("states were added that the former revision does not know: there is no way back")
