-- So many payments of days gone by, settled and at rest, in every table that a payment fills. $1 is how many.
WITH number AS (
    SELECT n,
        to_timestamp(floor(extract(epoch FROM now()))) - interval '1 day' - make_interval(secs => n / 10) AS accepted_at
    FROM generate_series(1, {count}) AS n
), old AS MATERIALIZED (
    SELECT n, accepted_at, (accepted_at AT TIME ZONE 'America/New_York')::date AS business_date,
        (lpad(to_hex((accepted_at AT TIME ZONE 'America/New_York')::date - DATE '0001-01-01' + 1), 8, '0')
            || substr(md5(n::text), 1, 24))::uuid AS payment_id
    FROM number
), facts AS (
    INSERT INTO payment (region, payment_id, tenant_id, rail, message_id, end_to_end_id, uetr, amount_cents, debtor_agent,
        creditor_agent, debtor_account_index, creditor_account_index, business_date, accepted_at, deadline_at)
    SELECT 'local', payment_id, 'default', 'fednow', 'SEED' || n, 'SEED-E2E' || n, md5('uetr' || n)::uuid::text, 5174,
        '990000107', '990001203', sha256(n::text::bytea), sha256(n::text::bytea), business_date, accepted_at,
        accepted_at + interval '15 seconds'
    FROM old
), claims AS (
    INSERT INTO claim (region, tenant_id, idempotency_key, slot, epoch, content_digest, payment_id, business_date,
        claimed_at)
    SELECT 'local', 'default', 'SEED' || n, n % 256, 1, sha256(n::text::bytea), payment_id, business_date, accepted_at
    FROM old
), events AS (
    INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_before, state_after, details,
        contradiction, at)
    SELECT 'local', payment_id, 'default', 1, step.sequence, step.kind, step.before, step.after, '{}', false, accepted_at
    FROM old, (VALUES (1, 'PaymentAccepted', NULL, 'RECEIVED'), (2, 'SendingStarted', 'RECEIVED', 'SENDING'),
        (3, 'SettlementReported', 'SENDING', 'SETTLED')) AS step (sequence, kind, before, after)
), messages AS (
    INSERT INTO message (region, message_id, tenant_id, payment_id, direction, message_type, business_message_id,
        content_type, key_id, body, digest, at)
    SELECT 'local', md5(way.direction || n)::uuid, 'default', payment_id, way.direction, 'seed', way.direction || n,
        'application/xml', 'clear', convert_to(repeat('a message at rest ', 40), 'UTF8'), sha256(n::text::bytea),
        accepted_at
    FROM old, (VALUES ('client_in'), ('rail_out'), ('rail_in')) AS way (direction)
), heard AS (
    INSERT INTO inbox (region, rail, inbox_id, digest, tenant_id, payment_id, at)
    SELECT 'local', 'fednow', 'SEED' || n, sha256(n::text::bytea), 'default', payment_id, accepted_at FROM old
), booked AS (
    INSERT INTO ledger_posting (region, payment_id, tenant_id, rail, epoch, sequence, kind, debit, credit, amount_cents,
        at)
    SELECT 'local', payment_id, 'default', 'fednow', 1, posting.sequence, posting.kind, posting.debit, posting.credit,
        5174, accepted_at
    FROM old, (VALUES (2, 'reserve', 'reserved', 'funds'), (3, 'post', 'rail', 'reserved'))
        AS posting (sequence, kind, debit, credit)
)
INSERT INTO payment_state (payment_id, tenant_id, state, version, epoch, status, status_requests, updated_at, final_at,
    creation_time)
SELECT payment_id, 'default', 'SETTLED', 3, 1, 'ACSC', 0, accepted_at, accepted_at, accepted_at FROM old
