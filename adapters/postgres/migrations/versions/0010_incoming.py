"""Incoming transfers: their facts, their projection, who receives, and what stands in (docs/adr/0015).

Events, raw messages, the inbox, postings and the outbox are those of outgoing payments: one history, one chain, one
seal. Every step is additive: a program of the former revision goes on working while this runs (`pre`).

Revision ID: 0010
"""

from typing import Final

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
phase = "pre"

STATES: Final = (
    "'RECEIVED', 'ACCEPTED', 'ACCEPTED_WITHOUT_POSTING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'SETTLED', 'POSTED', "
    "'PENDING', 'BLOCKED', 'RETURN_DUE', 'RETURNED', 'REJECTED', 'NOT_SETTLED'"
)
EVERY_STATE: Final = (
    "'RECEIVED', 'SENDING', 'IN_DOUBT', 'AWAITING_OPERATOR', 'RESEND_DUE', 'SETTLED', 'ACCEPTED_WITHOUT_POSTING', "
    "'RETURN_DUE', 'REJECTED', 'ACCEPTED', 'POSTED', 'PENDING', 'BLOCKED', 'RETURNED', 'NOT_SETTLED'"
)
ACCOUNTS: Final = "'funds', 'reserved', 'rail', 'arrived'"

TABLES: Final = (
    "ALTER TABLE tenant ADD COLUMN institution_url TEXT",
    "ALTER TABLE tenant ADD COLUMN stand_in JSONB NOT NULL DEFAULT '{}'",
    """
    CREATE TABLE receiving_agent (
        routing_number TEXT NOT NULL,
        tenant_id TEXT NOT NULL,
        CONSTRAINT receiving_agent_pk PRIMARY KEY (routing_number),
        CONSTRAINT receiving_agent_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (tenant_id)
    )
    """,
    """
    CREATE TABLE account_directory (
        tenant_id TEXT NOT NULL,
        account_index BYTEA NOT NULL,
        standing TEXT NOT NULL,
        CONSTRAINT account_directory_pk PRIMARY KEY (tenant_id, account_index),
        CONSTRAINT account_directory_standing_ck CHECK (standing IN ('open', 'closed', 'blocked', 'unknown')),
        CONSTRAINT account_directory_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (tenant_id)
    )
    """,
    "COMMENT ON COLUMN account_directory.account_index IS 'The blind index of the account, as transfers have it.'",
    """
    CREATE TABLE incoming_transfer (
        region TEXT NOT NULL,
        payment_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        rail TEXT NOT NULL,
        message_id TEXT NOT NULL,
        message_created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        instruction_id TEXT,
        end_to_end_id TEXT NOT NULL,
        transaction_id TEXT,
        uetr TEXT,
        amount_cents BIGINT NOT NULL,
        instructing_agent TEXT NOT NULL,
        instructed_agent TEXT NOT NULL,
        debtor_agent TEXT NOT NULL,
        creditor_agent TEXT NOT NULL,
        debtor_account_index BYTEA NOT NULL,
        creditor_account_index BYTEA NOT NULL,
        forwarded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        answer_by TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT incoming_transfer_pk PRIMARY KEY (payment_id, tenant_id, region),
        CONSTRAINT incoming_transfer_rail_message_id_region_uq UNIQUE (rail, message_id, region),
        CONSTRAINT incoming_transfer_amount_cents_ck CHECK (amount_cents > 0)) PARTITION BY LIST (region)
    """,
    "CREATE INDEX incoming_transfer_end_to_end_id_ix ON incoming_transfer (tenant_id, end_to_end_id)",
    "CREATE INDEX incoming_transfer_uetr_ix ON incoming_transfer (tenant_id, uetr)",
    "CREATE INDEX incoming_transfer_received_at_ix ON incoming_transfer (received_at)",
    "CREATE INDEX incoming_transfer_tenant_id_ix ON incoming_transfer (tenant_id, received_at)",
    f"""
    CREATE TABLE incoming_state (
        payment_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        state TEXT NOT NULL,
        version INTEGER NOT NULL,
        epoch BIGINT NOT NULL,
        answer TEXT,
        status TEXT,
        reason_code TEXT,
        reason_origin TEXT,
        reason_text TEXT,
        status_requests INTEGER NOT NULL DEFAULT 0,
        timer_at TIMESTAMP WITH TIME ZONE,
        unsent_at TIMESTAMP WITH TIME ZONE,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        final_at TIMESTAMP WITH TIME ZONE,
        event_digest BYTEA,
        CONSTRAINT incoming_state_pk PRIMARY KEY (payment_id, tenant_id),
        CONSTRAINT incoming_state_state_ck CHECK (state IN ({STATES}))
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000)
    """,
    """
    COMMENT ON COLUMN incoming_state.unsent_at IS 'A message of ours was saved of which it is not known that it left; looked at again then.'
    """,
    "COMMENT ON COLUMN incoming_state.event_digest IS 'The digest of the newest event, which the next one follows.'",
    """
    CREATE INDEX incoming_state_timer_at_ix ON incoming_state (timer_at)
    WHERE timer_at IS NOT NULL AND state IN ('RECEIVED', 'ACCEPTED', 'ACCEPTED_WITHOUT_POSTING', 'IN_DOUBT')
    """,
    "CREATE INDEX incoming_state_unsent_at_ix ON incoming_state (unsent_at) WHERE unsent_at IS NOT NULL",
    "CREATE INDEX incoming_state_state_ix ON incoming_state (state, updated_at)",
)

WIDENED: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_state_after_ck",
    f"ALTER TABLE payment_event ADD CONSTRAINT payment_event_state_after_ck CHECK (state_after IN ({EVERY_STATE})) NOT VALID",
    "ALTER TABLE payment_event DROP CONSTRAINT payment_event_reason_origin_ck",
    "ALTER TABLE payment_event ADD CONSTRAINT payment_event_reason_origin_ck CHECK (reason_origin IN ('core', 'gateway', 'rail', 'operator', 'institution')) NOT VALID",
    "ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_kind_ck",
    "ALTER TABLE ledger_posting ADD CONSTRAINT ledger_posting_kind_ck CHECK (kind IN ('reserve', 'post', 'void', 'arrive', 'credit', 'give_back')) NOT VALID",
    "ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_debit_ck",
    f"ALTER TABLE ledger_posting ADD CONSTRAINT ledger_posting_debit_ck CHECK (debit IN ({ACCOUNTS})) NOT VALID",
    "ALTER TABLE ledger_posting DROP CONSTRAINT ledger_posting_credit_ck",
    f"ALTER TABLE ledger_posting ADD CONSTRAINT ledger_posting_credit_ck CHECK (credit IN ({ACCOUNTS})) NOT VALID",
    "SET LOCAL lock_timeout = DEFAULT",
)
"""What new rows may say. The largest tables are locked for a moment and not read through: what they hold is checked after
the commit, under a lock that stops no writer (`adapters.postgres.upgrade`)."""

GRANTS: Final = (
    # Facts are only ever added: the application's role can neither change nor delete them.
    "GRANT SELECT, INSERT ON incoming_transfer TO fifteen_application",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON incoming_state TO fifteen_application",
    "GRANT SELECT ON receiving_agent, account_directory TO fifteen_application",
)


def upgrade() -> None:
    """Add."""
    for statement in (*TABLES, *WIDENED, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the former revision would not answer for money that has arrived."""
    raise RuntimeError("money may have arrived of which the former revision knows nothing: there is no way back")
