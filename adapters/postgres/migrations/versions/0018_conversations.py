"""Conversations: requests for payment, information requests, account reports (docs/adr/0028).

New tables alone: a program of the former revision goes on working while this runs (`pre`). It keeps what it is told of a
conversation in quarantine.

Revision ID: 0018
"""

from typing import Final

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
phase = "pre"

STATES: Final = (
    "'REQUESTED', 'PRESENTED', 'ACCEPTED', 'WITHDRAWING', 'WITHDRAWING_ACCEPTED', 'WITHDRAWN', 'PAID', 'REFUSED', "
    "'EXPIRED', 'PENDING', 'INFORMED', 'NO_INFORMATION', 'DUPLICATE', 'WILL_PAY', 'REPORTED', 'FAILED'"
)

STATEMENTS: Final = (
    """
    CREATE TABLE conversation (
        region TEXT NOT NULL,
        conversation_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        rail TEXT NOT NULL,
        kind TEXT NOT NULL,
        side TEXT NOT NULL,
        message_id TEXT NOT NULL,
        content_digest BYTEA NOT NULL,
        own_agent TEXT NOT NULL,
        counterparty TEXT NOT NULL,
        topic TEXT,
        amount_cents BIGINT,
        end_to_end_id TEXT,
        about_id UUID,
        opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
        pay_by TIMESTAMP WITH TIME ZONE,
        expires_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT conversation_pk PRIMARY KEY (conversation_id, tenant_id, region),
        CONSTRAINT conversation_rail_message_id_region_uq UNIQUE (rail, message_id, region),
        CONSTRAINT conversation_amount_cents_ck CHECK (amount_cents >= 0),
        CONSTRAINT conversation_kind_ck CHECK (kind IN ('request_for_payment', 'information_request', 'account_report')),
        CONSTRAINT conversation_side_ck CHECK (side IN ('out', 'in'))
    ) PARTITION BY LIST (region)
    """,
    "CREATE INDEX conversation_about_id_ix ON conversation (about_id) WHERE about_id IS NOT NULL",
    "CREATE INDEX conversation_opened_at_ix ON conversation (opened_at)",
    "CREATE INDEX conversation_tenant_id_ix ON conversation (tenant_id, opened_at)",
    "COMMENT ON COLUMN conversation.side IS 'Who opened it: out, we; in, the other side.'",
    "COMMENT ON COLUMN conversation.about_id IS 'The payment, or incoming transfer, that is asked about.'",
    f"""
    CREATE TABLE conversation_event (
        region TEXT NOT NULL,
        conversation_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        act TEXT NOT NULL,
        state_before TEXT,
        state_after TEXT NOT NULL,
        reason_code TEXT,
        reason_origin TEXT,
        reason_text TEXT,
        business_message_id TEXT,
        payment_id UUID,
        decided_by TEXT,
        strange BOOLEAN NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT conversation_event_pk PRIMARY KEY (conversation_id, tenant_id, sequence, region),
        CONSTRAINT conversation_event_state_after_ck CHECK (state_after IN ({STATES}))
    ) PARTITION BY LIST (region)
    """,
    """
    CREATE TABLE conversation_message (
        region TEXT NOT NULL,
        message_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        conversation_id UUID NOT NULL,
        direction TEXT NOT NULL,
        message_type TEXT NOT NULL,
        business_message_id TEXT NOT NULL,
        content_type TEXT NOT NULL,
        key_id TEXT NOT NULL,
        body BYTEA NOT NULL,
        digest BYTEA NOT NULL,
        sequence INTEGER NOT NULL,
        position INTEGER NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT conversation_message_pk PRIMARY KEY (message_id, tenant_id, region),
        CONSTRAINT conversation_message_direction_ck CHECK (direction IN ('rail_out', 'rail_in'))
    ) PARTITION BY LIST (region)
    """,
    "CREATE INDEX conversation_message_business_message_id_ix ON conversation_message (business_message_id) WHERE direction = 'rail_out'",
    "CREATE INDEX conversation_message_conversation_id_ix ON conversation_message (conversation_id)",
    "COMMENT ON COLUMN conversation_message.sequence IS 'The event that it was saved with.'",
    "COMMENT ON COLUMN conversation_message.position IS 'Among those that were saved with the same event.'",
    f"""
    CREATE TABLE conversation_state (
        conversation_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        state TEXT NOT NULL,
        version INTEGER NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE,
        expires_at TIMESTAMP WITH TIME ZONE,
        seeks_payment BOOLEAN NOT NULL,
        payment_id UUID,
        withdrawal_id TEXT,
        attention BOOLEAN DEFAULT false NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT conversation_state_pk PRIMARY KEY (conversation_id, tenant_id),
        CONSTRAINT conversation_state_state_ck CHECK (state IN ({STATES}))
    )
    """,
    "CREATE INDEX conversation_state_attention_ix ON conversation_state (conversation_id) WHERE attention",
    "CREATE INDEX conversation_state_due_at_ix ON conversation_state (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX conversation_state_expires_at_ix ON conversation_state (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE INDEX conversation_state_payment_id_ix ON conversation_state (payment_id) WHERE payment_id IS NOT NULL",
    "CREATE INDEX conversation_state_seeks_payment_ix ON conversation_state (conversation_id) WHERE seeks_payment",
    "COMMENT ON COLUMN conversation_state.due_at IS 'Until when what comes next is due; none where nothing is.'",
    "COMMENT ON COLUMN conversation_state.expires_at IS 'Of an undecided request for payment that has a time to stand.'",
    "COMMENT ON COLUMN conversation_state.seeks_payment IS 'A request that no payment is known for.'",
    "COMMENT ON COLUMN conversation_state.payment_id IS 'The payment, or incoming transfer, that settled for it.'",
    "COMMENT ON COLUMN conversation_state.withdrawal_id IS 'The message id of the camt.055.'",
    """
    CREATE TABLE conversation_unsent (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        conversation_id UUID NOT NULL,
        message_id UUID NOT NULL,
        CONSTRAINT conversation_unsent_pk PRIMARY KEY (position)
    )
    """,
    "CREATE INDEX conversation_unsent_conversation_id_ix ON conversation_unsent (conversation_id)",
    # Facts are only ever added: the application's role can neither change nor delete them.
    "GRANT SELECT, INSERT ON conversation, conversation_event, conversation_message TO fifteen_application",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON conversation_state, conversation_unsent TO fifteen_application",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what was promised in a conversation would be forgotten."""
    raise RuntimeError("requests may be open of which the former revision knows nothing: there is no way back")
