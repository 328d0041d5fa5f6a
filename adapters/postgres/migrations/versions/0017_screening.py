"""Screening: a tenant's rules, two states of what is held, and what the limits of accounts count (docs/adr/0027).

From then on payments may be held: a program of the former revision could not read them, and would send what is to be
screened. It is ended first.

Revision ID: 0017
"""

from typing import Final

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
phase = "pre"
ends_older_code = True

PAYMENT_STATES: Final = (
    "'RECEIVED', 'HELD', 'RELEASED', 'SENDING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'RESEND_DUE', 'SETTLED', "
    "'ACCEPTED_WITHOUT_POSTING', 'RETURN_DUE', 'RETURNED', 'REJECTED'"
)

EVENT_STATES: Final = (
    "'RECEIVED', 'HELD', 'RELEASED', 'SENDING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'RESEND_DUE', 'SETTLED', "
    "'ACCEPTED_WITHOUT_POSTING', 'RETURN_DUE', 'RETURNED', 'REJECTED', 'ACCEPTED', 'POSTED', 'PENDING', 'BLOCKED', "
    "'RETURNED_BY_HAND', 'NOT_SETTLED'"
)

ORIGINS: Final = "'core', 'gateway', 'rail', 'operator', 'institution', 'screening'"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "ALTER TABLE tenant ADD COLUMN screening JSONB NOT NULL DEFAULT '{}'",
    "ALTER TABLE payment_state DROP CONSTRAINT payment_state_state_ck",
    f"ALTER TABLE payment_state ADD CONSTRAINT payment_state_state_ck CHECK (state IN ({PAYMENT_STATES})) NOT VALID",
    "CREATE INDEX payment_state_held_ix ON payment_state (timer_at) WHERE state = 'HELD'",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_state_after_ck",
    f"ALTER TABLE payment_event ADD CONSTRAINT payment_event_state_after_ck CHECK (state_after IN ({EVENT_STATES})) NOT VALID",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_reason_origin_ck",
    f"ALTER TABLE payment_event ADD CONSTRAINT payment_event_reason_origin_ck CHECK (reason_origin IN ({ORIGINS})) NOT VALID",
    """
    CREATE TABLE movement (
        tenant_id TEXT NOT NULL,
        way TEXT NOT NULL,
        account_index BYTEA NOT NULL,
        payment_id UUID NOT NULL,
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        amount_cents BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT movement_pk PRIMARY KEY (tenant_id, way, account_index, payment_id))
    """,
    "CREATE INDEX movement_at_ix ON movement (at)",
    "GRANT SELECT, INSERT, DELETE ON movement TO fifteen_application",
    # One account is counted by one at a time: the position is drawn under the lock, and what is below it is seen by the
    # second statement, whose snapshot is taken after the lock. So of two payments at once one sees the other.
    """
    CREATE FUNCTION count_movement(
        of_tenant TEXT, that_way TEXT, of_account BYTEA, of_payment UUID, cents BIGINT, moved_at TIMESTAMPTZ,
        windows_s INTEGER[])
    RETURNS TABLE (count BIGINT, cents_moved BIGINT) LANGUAGE plpgsql VOLATILE AS $$
    DECLARE own RECORD;
    BEGIN
        PERFORM pg_advisory_xact_lock(
            hashtextextended(of_tenant || ' ' || that_way || ' ' || encode(of_account, 'hex'), 15));
        INSERT INTO movement (tenant_id, way, account_index, payment_id, amount_cents, at)
        VALUES (of_tenant, that_way, of_account, of_payment, cents, moved_at) ON CONFLICT DO NOTHING;
        SELECT movement.position, movement.at INTO own FROM movement
        WHERE tenant_id = of_tenant AND way = that_way AND account_index = of_account AND payment_id = of_payment;
        RETURN QUERY
        SELECT count(movement.position), coalesce(sum(movement.amount_cents), 0)::bigint
        FROM unnest(windows_s) WITH ORDINALITY AS asked (seconds, number)
        LEFT JOIN movement ON movement.tenant_id = of_tenant AND movement.way = that_way
            AND movement.account_index = of_account AND movement.position <= own.position
            AND movement.at > own.at - asked.seconds * interval '1 second'
        GROUP BY asked.number ORDER BY asked.number;
    END
    $$
    """,
    "SET LOCAL lock_timeout = DEFAULT",
)


def upgrade() -> None:
    """Widen."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse, as the former one does."""
    raise RuntimeError("payments may be held of which the former revision knows nothing: there is no way back")
