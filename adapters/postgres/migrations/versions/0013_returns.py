"""Returns: a payment that gives back an incoming transfer, and an incoming one that gives back a payment (docs/adr/0023).

Both are rows of the tables that are there, with the link to what they give back; how much has gone and come back stands
in the projections. From then on values are written that a program of the former revision cannot read, not even where
it only lists (a payment held by `arrived`, the state RETURNED): it is ended first. So nobody waits for the locks that this
holds, and what scans a table may do so here. A transfer in RETURN_DUE is left as it was, for a person to have it returned.

Revision ID: 0013
"""

from typing import Final

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
phase = "pre"
ends_older_code = True

PAYMENT_STATES: Final = (
    "'RECEIVED', 'SENDING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'RESEND_DUE', 'SETTLED', 'ACCEPTED_WITHOUT_POSTING', "
    "'RETURN_DUE', 'RETURNED', 'REJECTED'"
)

INCOMING_STATES: Final = (
    "'RECEIVED', 'ACCEPTED', 'ACCEPTED_WITHOUT_POSTING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'SETTLED', 'POSTED', "
    "'PENDING', 'BLOCKED', 'RETURN_DUE', 'RETURNED', 'RETURNED_BY_HAND', 'REJECTED', 'NOT_SETTLED'"
)
EVERY_STATE: Final = (
    "'RECEIVED', 'SENDING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'RESEND_DUE', 'SETTLED', 'ACCEPTED_WITHOUT_POSTING', "
    "'RETURN_DUE', 'RETURNED', 'REJECTED', 'ACCEPTED', 'POSTED', 'PENDING', 'BLOCKED', 'RETURNED_BY_HAND', "
    "'NOT_SETTLED'"
)

REQUEST_STATES: Final = "'NONE', 'REQUESTED', 'RECEIVED', 'PENDING', 'AGREED', 'REFUSED', 'RETURNED'"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "ALTER TABLE payment ADD COLUMN original_id UUID",
    "COMMENT ON COLUMN payment.original_id IS 'Of a return: the incoming transfer that it gives back.'",
    "ALTER TABLE payment DROP CONSTRAINT payment_funds_holder_ck",
    "ALTER TABLE payment ADD CONSTRAINT payment_funds_holder_ck CHECK (funds_holder IN ('tenant', 'core', 'arrived')) NOT VALID",
    "ALTER TABLE payment_state ADD COLUMN returned_cents BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE payment_state DROP CONSTRAINT payment_state_state_ck",
    f"ALTER TABLE payment_state ADD CONSTRAINT payment_state_state_ck CHECK (state IN ({PAYMENT_STATES})) NOT VALID",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_state_after_ck",
    f"ALTER TABLE payment_event ADD CONSTRAINT payment_event_state_after_ck CHECK (state_after IN ({EVERY_STATE})) NOT VALID",
    "ALTER TABLE incoming_state DROP CONSTRAINT incoming_state_state_ck",
    f"ALTER TABLE incoming_state ADD CONSTRAINT incoming_state_state_ck CHECK (state IN ({INCOMING_STATES})) NOT VALID",
    "ALTER TABLE incoming_transfer ADD COLUMN message_type TEXT NOT NULL DEFAULT 'pacs.008.001.08'",
    "ALTER TABLE incoming_transfer ADD COLUMN original_id UUID",
    "CREATE INDEX incoming_transfer_original_id_ix ON incoming_transfer (original_id) WHERE original_id IS NOT NULL",
    "COMMENT ON COLUMN incoming_transfer.original_id IS 'Of a return: the payment of ours that comes back.'",
    "ALTER TABLE incoming_state ADD COLUMN returns INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE incoming_state ADD COLUMN returning_cents BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE incoming_state ADD COLUMN returned_cents BIGINT NOT NULL DEFAULT 0",
    *(
        statement
        for table in ("payment_state", "incoming_state")
        for statement in (
            f"ALTER TABLE {table} ADD COLUMN request_state TEXT NOT NULL DEFAULT 'NONE'",
            f"ALTER TABLE {table} ADD COLUMN request_message_id TEXT",
            f"ALTER TABLE {table} ADD COLUMN request_due_at TIMESTAMP WITH TIME ZONE",
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_request_state_ck CHECK (request_state IN ({REQUEST_STATES})) NOT VALID",
            f"CREATE INDEX {table}_request_due_at_ix ON {table} (request_due_at) WHERE request_due_at IS NOT NULL",
        )
    ),
    "ALTER TABLE incoming_state ADD COLUMN attention TEXT",
    "COMMENT ON COLUMN incoming_state.attention IS 'Why a person must look, where the state does not say so.'",
    "ALTER TABLE incoming_state ADD CONSTRAINT incoming_state_attention_ck CHECK (attention IN ('return_failed', 'contradicted')) NOT VALID",
    "CREATE INDEX incoming_state_attention_ix ON incoming_state (payment_id) WHERE attention IS NOT NULL",
    "DROP INDEX incoming_state_timer_at_ix",
    """
    CREATE INDEX incoming_state_timer_at_ix ON incoming_state (timer_at)
    WHERE timer_at IS NOT NULL AND state IN (
        'RECEIVED', 'ACCEPTED', 'ACCEPTED_WITHOUT_POSTING', 'IN_DOUBT', 'SETTLED', 'POSTED', 'RETURN_DUE'
    )
    """,
    # What was owed back under the former revision had the last day as its timer, or may have been returned by hand.
    "UPDATE incoming_state SET timer_at = NULL WHERE state = 'RETURN_DUE'",
    "SET LOCAL lock_timeout = DEFAULT",
)


def upgrade() -> None:
    """Widen."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse, as the former one does."""
    raise RuntimeError("money may be on its way back of which the former revision knows nothing: there is no way back")
