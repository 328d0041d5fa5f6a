"""The first schema: facts by region, local projection and queues, configuration (docs/adr/0003).

Revision ID: 0001
"""

from typing import Final

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
phase = "pre"

TABLES: Final = (
    """
    CREATE TABLE tenant (
        tenant_id TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT tenant_pk PRIMARY KEY (tenant_id)
    )
    """,
    """
    CREATE TABLE api_key (
        key_digest BYTEA NOT NULL,
        tenant_id TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        revoked_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT api_key_pk PRIMARY KEY (key_digest),
        CONSTRAINT api_key_tenant_id_fk FOREIGN KEY(tenant_id) REFERENCES tenant (tenant_id)
    )
    """,
    """
    CREATE TABLE claim (
        region TEXT NOT NULL,
        tenant_id TEXT NOT NULL,
        idempotency_key TEXT NOT NULL,
        slot SMALLINT NOT NULL,
        epoch BIGINT NOT NULL,
        content_digest BYTEA NOT NULL,
        payment_id UUID NOT NULL,
        business_date DATE NOT NULL,
        claimed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT claim_pk PRIMARY KEY (tenant_id, idempotency_key, region),
        CONSTRAINT claim_slot_ck CHECK (slot BETWEEN 0 AND 255)) PARTITION BY LIST (region)
    """,
    """
    CREATE TABLE payment (
        region TEXT NOT NULL,
        payment_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        rail TEXT NOT NULL,
        message_id TEXT NOT NULL,
        end_to_end_id TEXT NOT NULL,
        instruction_id TEXT,
        uetr TEXT,
        amount_cents BIGINT NOT NULL,
        debtor_agent TEXT NOT NULL,
        creditor_agent TEXT NOT NULL,
        debtor_account_index BYTEA NOT NULL,
        creditor_account_index BYTEA NOT NULL,
        business_date DATE NOT NULL,
        accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT payment_pk PRIMARY KEY (payment_id, tenant_id, region),
        CONSTRAINT payment_rail_message_id_region_uq UNIQUE (rail, message_id, region),
        CONSTRAINT payment_amount_cents_ck CHECK (amount_cents > 0)) PARTITION BY LIST (region)
    """,
    "CREATE INDEX payment_end_to_end_id_ix ON payment (tenant_id, end_to_end_id)",
    "CREATE INDEX payment_uetr_ix ON payment (tenant_id, uetr)",
    """
    CREATE TABLE payment_event (
        region TEXT NOT NULL,
        payment_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        state_before TEXT,
        state_after TEXT NOT NULL,
        status TEXT,
        reason_code TEXT,
        reason_origin TEXT,
        reason_text TEXT,
        business_message_id TEXT,
        details JSONB NOT NULL,
        contradiction BOOLEAN NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT payment_event_pk PRIMARY KEY (payment_id, tenant_id, epoch, sequence, region),
        CONSTRAINT payment_event_state_after_ck CHECK (state_after IN ('RECEIVED', 'SENDING', 'IN_DOUBT', 'SETTLED', 'ACCEPTED_WITHOUT_POSTING', 'RETURN_DUE', 'REJECTED')),
        CONSTRAINT payment_event_reason_origin_ck CHECK (reason_origin IN ('gateway', 'rail'))) PARTITION BY LIST (region)
    """,
    "CREATE INDEX payment_event_contradiction_ix ON payment_event (at) WHERE contradiction",
    """
    CREATE TABLE message (
        region TEXT NOT NULL,
        message_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        payment_id UUID NOT NULL,
        direction TEXT NOT NULL,
        message_type TEXT NOT NULL,
        business_message_id TEXT NOT NULL,
        content_type TEXT NOT NULL,
        key_id TEXT NOT NULL,
        body BYTEA NOT NULL,
        digest BYTEA NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT message_pk PRIMARY KEY (message_id, tenant_id, region),
        CONSTRAINT message_direction_ck CHECK (direction IN ('client_in', 'rail_out', 'rail_in'))) PARTITION BY LIST (region)
    """,
    "CREATE INDEX message_business_message_id_ix ON message (business_message_id) WHERE direction = 'rail_out'",
    "CREATE INDEX message_payment_id_ix ON message (payment_id)",
    """
    CREATE TABLE inbox (
        region TEXT NOT NULL,
        rail TEXT NOT NULL,
        inbox_id TEXT NOT NULL,
        digest BYTEA NOT NULL,
        tenant_id TEXT NOT NULL,
        payment_id UUID NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT inbox_pk PRIMARY KEY (rail, inbox_id, region)) PARTITION BY LIST (region)
    """,
    """
    CREATE TABLE refusal (
        region TEXT NOT NULL,
        refusal_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        content_digest BYTEA NOT NULL,
        size BIGINT NOT NULL,
        codes TEXT[] NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT refusal_pk PRIMARY KEY (refusal_id, tenant_id, region)) PARTITION BY LIST (region)
    """,
    """
    CREATE TABLE quarantine (
        region TEXT NOT NULL,
        rail TEXT NOT NULL,
        digest BYTEA NOT NULL,
        message_id UUID NOT NULL,
        message_type TEXT NOT NULL,
        business_message_id TEXT NOT NULL,
        key_id TEXT NOT NULL,
        body BYTEA NOT NULL,
        codes TEXT[] NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT quarantine_pk PRIMARY KEY (rail, digest, region)) PARTITION BY LIST (region)
    """,
    """
    CREATE TABLE payment_state (
        payment_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        state TEXT NOT NULL,
        version INTEGER NOT NULL,
        epoch BIGINT NOT NULL,
        status TEXT,
        reason_code TEXT,
        reason_origin TEXT,
        reason_text TEXT,
        creation_time TIMESTAMP WITH TIME ZONE,
        status_requests INTEGER NOT NULL,
        timer_at TIMESTAMP WITH TIME ZONE,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        final_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT payment_state_pk PRIMARY KEY (payment_id, tenant_id),
        CONSTRAINT payment_state_state_ck CHECK (state IN ('RECEIVED', 'SENDING', 'IN_DOUBT', 'SETTLED', 'ACCEPTED_WITHOUT_POSTING', 'RETURN_DUE', 'REJECTED'))
    )
    """,
    "CREATE INDEX payment_state_timer_at_ix ON payment_state (timer_at) WHERE timer_at IS NOT NULL",
    """
    CREATE TABLE outbox (
        position BIGINT GENERATED ALWAYS AS IDENTITY,
        delivery_id UUID NOT NULL,
        queue TEXT NOT NULL,
        tenant_id TEXT NOT NULL,
        payment_id UUID NOT NULL,
        deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT outbox_pk PRIMARY KEY (position)
    )
    """,
    """
    CREATE TABLE bus_queue (
        name TEXT NOT NULL,
        CONSTRAINT bus_queue_pk PRIMARY KEY (name)
    )
    """,
    "COMMENT ON TABLE bus_queue IS 'Queues that have been declared; a delivery to any other is refused.'",
    """
    CREATE TABLE bus_delivery (
        delivery_id UUID NOT NULL,
        queue TEXT NOT NULL,
        payment_id UUID NOT NULL,
        deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
        published_at TIMESTAMP WITH TIME ZONE NOT NULL,
        available_at TIMESTAMP WITH TIME ZONE NOT NULL,
        attempt INTEGER NOT NULL,
        fault TEXT,
        CONSTRAINT bus_delivery_pk PRIMARY KEY (delivery_id),
        CONSTRAINT bus_delivery_attempt_ck CHECK (attempt >= 0)
    ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0)
    """,
    "CREATE INDEX bus_delivery_next_ix ON bus_delivery (queue, deadline_at, delivery_id)",
    "COMMENT ON TABLE bus_delivery IS 'Deliveries that wait or are handed out. A settled one is deleted.'",
    "COMMENT ON COLUMN bus_delivery.delivery_id IS 'Chosen by the publisher; a repeat changes nothing.'",
    "COMMENT ON COLUMN bus_delivery.deadline_at IS 'The earliest goes first.'",
    """
    COMMENT ON COLUMN bus_delivery.available_at IS 'May be handed out from then on: when it was published, its lease ends, or its back-off is over.'
    """,
    """
    COMMENT ON COLUMN bus_delivery.attempt IS 'How often it has been handed out. With the id it names one lease: a later lease has a higher one.'
    """,
    "COMMENT ON COLUMN bus_delivery.fault IS 'What the last handler that raised ended with.'",
    """
    CREATE TABLE bus_dead_letter (
        delivery_id UUID NOT NULL,
        queue TEXT NOT NULL,
        payment_id UUID NOT NULL,
        deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
        published_at TIMESTAMP WITH TIME ZONE NOT NULL,
        dead_at TIMESTAMP WITH TIME ZONE NOT NULL,
        attempt INTEGER NOT NULL,
        reason TEXT NOT NULL,
        CONSTRAINT bus_dead_letter_pk PRIMARY KEY (delivery_id),
        CONSTRAINT bus_dead_letter_attempt_ck CHECK (attempt > 0)
    )
    """,
    "CREATE INDEX bus_dead_letter_oldest_ix ON bus_dead_letter (queue, dead_at, delivery_id)",
    """
    COMMENT ON TABLE bus_dead_letter IS 'Deliveries that were handed out as often as the limit allows and never settled.'
    """,
)

STORAGE: Final = (
    # Raw messages stay as they are, in the row while they fit a page: compressing them would cost more than it saves.
    "ALTER TABLE message ALTER COLUMN body SET STORAGE EXTERNAL",
    "ALTER TABLE quarantine ALTER COLUMN body SET STORAGE EXTERNAL",
)

GRANTS: Final = (
    # Facts are only ever added: the application's role can neither change nor delete them.
    "GRANT SELECT, INSERT ON claim, payment, payment_event, message, inbox, refusal, quarantine TO fifteen_application",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON payment_state, outbox, bus_queue, bus_delivery, bus_dead_letter TO fifteen_application",
    "GRANT SELECT ON tenant, api_key, alembic_version TO fifteen_application",
)


def upgrade() -> None:
    """Create everything."""
    for statement in (*TABLES, *STORAGE, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    """Refuse: payments are not dropped by a program."""
    raise RuntimeError("the first schema has no way back: drop the database by hand if that is what is meant")
