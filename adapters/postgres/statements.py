"""The hot statements, in one place: set-based, on asyncpg, one round trip each.

Rules that every one of them keeps (each was learnt from a failure, docs/adr/0003):

* rows that may be locked by several transactions are taken in one order (sorted by key);
* what another transaction may have just inserted is read in a *second* statement, never in the same snapshot;
* a payment appears at most once in a batch of updates;
* no SQL clock decides anything: every instant is a parameter.
"""

from __future__ import annotations

from typing import Final

from adapters.postgres.standing import stands
from gateway.domain.doubt import ENDED_BY_TIME
from gateway.domain.events import EventKind
from gateway.domain.history import SEEN_TO_BY
from gateway.domain.payment import KNOWN_BY_INSTRUCTION_ID, PaymentState

_CLAIMING: Final = f"({', '.join(repr(rail.value) for rail in sorted(KNOWN_BY_INSTRUCTION_ID))})"
"""The rails on which a payment claims its instruction id. Spelled out: so the index of theirs alone serves."""


def in_the_archive(statement: str) -> str:
    """Return the same look for messages that were sent in the archive's index, which has the same columns."""
    assert statement.count("FROM message AS sent") == 1, "it looks for what was sent"
    return statement.replace("FROM message AS sent", "FROM archived_message AS sent")


ACCEPT: Final = f"""
WITH asked AS (
    SELECT * FROM json_to_recordset($2) AS asked (
        epoch bigint, tenant_id text, idempotency_key text, slot smallint, content_digest bytea, payment_id uuid,
        rail text, message_id text, end_to_end_id text, instruction_id text, uetr text, amount_cents bigint,
        debtor_agent text, creditor_agent text, debtor_account_index bytea, creditor_account_index bytea,
        business_date date, accepted_at timestamptz, deadline_at timestamptz, raw_id uuid, message_type text,
        content_type text, key_id text, body integer, digest bytea, business_message_id text, direction text,
        timer_at timestamptz, digest_with_tenant bytea, digest_with_core bytea, original_id uuid, known_holder text
    )
), input AS MATERIALIZED (
    SELECT * FROM asked WHERE owned_epoch($1, slot) = epoch
        AND (rail NOT IN {_CLAIMING} OR instruction_id IS NULL OR NOT EXISTS (
            SELECT FROM payment AS other
            WHERE other.rail IN {_CLAIMING} AND other.rail = asked.rail AND other.instruction_id = asked.instruction_id
        ))
), claimed AS (
    INSERT INTO claim (region, tenant_id, idempotency_key, slot, epoch, content_digest, payment_id, business_date,
        claimed_at)
    SELECT $1, tenant_id, idempotency_key, slot, epoch, content_digest, payment_id, business_date, accepted_at
    FROM input
    WHERE NOT EXISTS (
        SELECT FROM claim AS other
        WHERE other.tenant_id = input.tenant_id AND other.idempotency_key = input.idempotency_key
    )
    ORDER BY tenant_id, idempotency_key
    ON CONFLICT (tenant_id, idempotency_key, region) DO NOTHING
    RETURNING tenant_id, idempotency_key
), fresh AS MATERIALIZED (
    SELECT input.*, coalesce(known_holder, tenant.funds_holder, 'tenant') AS funds_holder,
        CASE tenant.funds_holder WHEN 'core' THEN digest_with_core ELSE digest_with_tenant END AS event_digest
    FROM input JOIN claimed USING (tenant_id, idempotency_key) LEFT JOIN tenant USING (tenant_id)
), facts AS (
    INSERT INTO payment (region, payment_id, tenant_id, rail, message_id, end_to_end_id, instruction_id, uetr,
        amount_cents, debtor_agent, creditor_agent, debtor_account_index, creditor_account_index, business_date,
        accepted_at, deadline_at, funds_holder, slot, original_id)
    SELECT $1, payment_id, tenant_id, rail, message_id, end_to_end_id, instruction_id, uetr, amount_cents,
        debtor_agent, creditor_agent, debtor_account_index, creditor_account_index, business_date, accepted_at,
        deadline_at, funds_holder, slot, original_id
    FROM fresh
), instructions AS (
    INSERT INTO instruction_claim (rail, instruction_id, payment_id)
    SELECT rail, instruction_id, payment_id FROM fresh
    WHERE rail IN {_CLAIMING} AND instruction_id IS NOT NULL
    ORDER BY rail, instruction_id
), events AS (
    INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_after, details,
        contradiction, at, digest)
    SELECT $1, payment_id, tenant_id, epoch, 1, 'PaymentAccepted', 'RECEIVED', '{{}}', false, accepted_at, event_digest
    FROM fresh
), raw AS (
    INSERT INTO message (region, message_id, tenant_id, payment_id, direction, message_type, business_message_id,
        content_type, key_id, body, digest, at, event_sequence)
    SELECT $1, raw_id, tenant_id, payment_id, direction, message_type, business_message_id, content_type, key_id,
        ($3::bytea[])[body], digest, accepted_at, 1
    FROM fresh
), states AS (
    INSERT INTO payment_state (payment_id, tenant_id, state, version, epoch, transfers, status_requests, pings,
        timer_at, updated_at, event_digest, slot)
    SELECT payment_id, tenant_id, 'RECEIVED', 1, epoch, 0, 0, 0, timer_at, accepted_at, event_digest, slot FROM fresh
), queued AS (
    INSERT INTO outbox (delivery_id, queue, tenant_id, payment_id, deadline_at, created_at)
    SELECT out.delivery_id, out.queue, fresh.tenant_id, fresh.payment_id, out.deadline_at, fresh.accepted_at
    FROM json_to_recordset($4) AS out (delivery_id uuid, queue text, payment_id uuid, deadline_at timestamptz)
    JOIN fresh ON fresh.payment_id = out.payment_id
)
SELECT tenant_id, idempotency_key, funds_holder FROM fresh
"""

_OURS: Final = "SELECT * FROM asked WHERE owned_epoch($1, slot) = epoch"


def _beside_another(statement: str) -> str:
    """Return the same claim, which is not made where another region has accepted its message id, and that is here."""
    assert statement.count(_OURS) == 1, "it takes what is ours"
    return statement.replace(
        _OURS,
        f"""{_OURS} AND NOT EXISTS (
        SELECT FROM payment AS fact
        WHERE fact.rail = asked.rail AND fact.message_id = asked.message_id AND fact.region <> $1
    )""",
    )


ACCEPT_BESIDE_ANOTHER: Final = _beside_another(ACCEPT)
"""One statement, as for one region alone. Of who was not claimed, and has no claim, `IDS_TAKEN` says which id was why.
"""

SAVED_WITH_IT: Final = """), events AS (
    INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_before, state_after,
        status, reason_code, reason_origin, reason_text, business_message_id, details, contradiction, at, digest)
    SELECT $1, input.payment_id, tenant_id, moved.epoch, expected_version + 1, kind, state_before, state_after,
        event_status, event_reason_code, event_reason_origin, event_reason_text, business_message_id, details::jsonb,
        contradiction, at, moved.event_digest
    FROM input JOIN moved USING (payment_id)
), received AS (
    INSERT INTO inbox (region, rail, inbox_id, digest, tenant_id, payment_id, at)
    SELECT $1, $2, inbox_id, inbox_digest, tenant_id, payment_id, at FROM input JOIN moved USING (payment_id)
    WHERE inbox_id IS NOT NULL
    ORDER BY inbox_id
), raw AS (
    INSERT INTO message (region, message_id, tenant_id, payment_id, direction, message_type, business_message_id,
        content_type, key_id, body, digest, at, event_sequence)
    SELECT $1, raw.message_id, input.tenant_id, raw.payment_id, raw.direction, raw.message_type,
        raw.business_message_id, raw.content_type, raw.key_id, ($5::bytea[])[raw.body], raw.digest, raw.at,
        input.expected_version + 1
    FROM json_to_recordset($4) AS raw (
        payment_id uuid, message_id uuid, direction text, message_type text, business_message_id text,
        content_type text, key_id text, body integer, digest bytea, at timestamptz
    )
    JOIN moved ON moved.payment_id = raw.payment_id
    JOIN input ON input.payment_id = raw.payment_id
), queued AS (
    INSERT INTO outbox (delivery_id, queue, tenant_id, payment_id, deadline_at, created_at)
    SELECT out.delivery_id, out.queue, input.tenant_id, out.payment_id, out.deadline_at, input.at
    FROM json_to_recordset($6) AS out (delivery_id uuid, queue text, payment_id uuid, deadline_at timestamptz)
    JOIN moved ON moved.payment_id = out.payment_id
    JOIN input ON input.payment_id = out.payment_id
), booked AS (
    INSERT INTO ledger_posting (region, payment_id, tenant_id, rail, epoch, sequence, kind, debit, credit, amount_cents,
        at)
    SELECT $1, posting.payment_id, input.tenant_id, $2, moved.epoch, input.expected_version + 1, posting.kind,
        posting.debit, posting.credit, posting.amount_cents, input.at
    FROM json_to_recordset($7) AS posting (payment_id uuid, kind text, debit text, credit text, amount_cents bigint)
    JOIN moved ON moved.payment_id = posting.payment_id
    JOIN input ON input.payment_id = posting.payment_id
)"""
"""What is saved with decisions of either kind, once their rows have `moved`: event, inbox, raw messages, deliveries,
postings; in both `SAVE` statements, before what they return. Parameters from $4 on: `rows.SavedWith`."""

SAVE: Final = f"""
WITH input AS (
    SELECT * FROM json_to_recordset($3) AS input (
        payment_id uuid, tenant_id text, expected_version integer, kind text, state_before text, state_after text,
        event_status text, event_reason_code text, event_reason_origin text, event_reason_text text,
        business_message_id text, details text, at timestamptz, timer_changes boolean, timer_at timestamptz,
        creation_time timestamptz, inbox_id text, inbox_digest bytea, status_requests integer, status text,
        reason_code text, reason_origin text, reason_text text, final_at timestamptz, contradiction boolean,
        transfers integer, pings integer, event_facts bytea, returned_cents bigint, request_state text,
        request_message_id text, request_due_at timestamptz
    )
), locked AS MATERIALIZED (
    SELECT state.payment_id,
        CASE
            WHEN state.slot IS NOT NULL THEN owned_epoch($1, state.slot)
            -- From before there were slots: where its fact was written.
            WHEN EXISTS (SELECT FROM payment AS fact WHERE fact.payment_id = state.payment_id AND fact.region = $1)
            THEN state.epoch
        END AS epoch
    FROM payment_state AS state
    JOIN input ON state.payment_id = input.payment_id AND state.version = input.expected_version
    ORDER BY state.payment_id
    FOR NO KEY UPDATE OF state
), moved AS (
    UPDATE payment_state AS state
    SET state = input.state_after,
        version = state.version + 1,
        epoch = locked.epoch,
        status = input.status,
        reason_code = input.reason_code,
        reason_origin = input.reason_origin,
        reason_text = input.reason_text,
        creation_time = coalesce(input.creation_time, state.creation_time),
        transfers = state.transfers + input.transfers,
        status_requests = state.status_requests + input.status_requests,
        pings = state.pings + input.pings,
        returned_cents = input.returned_cents,
        request_state = input.request_state,
        request_message_id = input.request_message_id,
        request_due_at = input.request_due_at,
        final_at = coalesce(state.final_at, input.final_at),
        timer_at = CASE WHEN input.timer_changes THEN input.timer_at ELSE state.timer_at END,
        updated_at = input.at,
        event_digest = sha256(coalesce(state.event_digest, decode(repeat('00', 32), 'hex')) || int8send(locked.epoch)
            || input.event_facts)
    FROM input JOIN locked USING (payment_id)
    WHERE state.payment_id = input.payment_id AND state.version = input.expected_version
        AND (locked.epoch = state.epoch OR locked.epoch > state.epoch
            AND (state.final_at IS NOT NULL OR input.kind = '{EventKind.TAKEN_OVER.value}')
            AND NOT EXISTS (SELECT FROM projection_due AS unfolded WHERE unfolded.payment_id = state.payment_id))
    RETURNING state.payment_id, state.epoch, state.event_digest
{SAVED_WITH_IT}
SELECT payment_id, true AS is_ours FROM moved UNION ALL SELECT payment_id, false FROM locked WHERE epoch IS NULL
"""

IDS_TAKEN: Final = f"""
SELECT wanted.tenant_id, wanted.idempotency_key, taken.by_message_id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS wanted (tenant_id, idempotency_key, rail, message_id, instruction_id)
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM payment AS fact WHERE fact.rail = wanted.rail AND fact.message_id = wanted.message_id
    ) AS by_message_id, wanted.rail IN {_CLAIMING} AND EXISTS (
        SELECT FROM payment AS fact
        WHERE fact.rail IN {_CLAIMING} AND fact.rail = wanted.rail AND fact.instruction_id = wanted.instruction_id
    ) AS by_instruction_id
) AS taken
WHERE (taken.by_message_id OR taken.by_instruction_id) AND NOT EXISTS (
    SELECT FROM claim
    WHERE claim.tenant_id = wanted.tenant_id AND claim.idempotency_key = wanted.idempotency_key
)
"""
"""Which id of what was not claimed is another payment's: of this region, or of another as far as that has come here."""

SLOTS: Final = "SELECT region, epoch, ask_after FROM slot ORDER BY slot"
"""All of them, or none where this region has not been told of any."""

SLOTS_NAMED: Final = "SELECT slot, region, epoch, ask_after FROM slot WHERE slot = ANY ($1::smallint[])"

PAYMENT_COLUMNS: Final = """
    fact.payment_id, fact.tenant_id, fact.rail, fact.message_id, fact.end_to_end_id, fact.instruction_id, fact.uetr,
    fact.amount_cents, fact.debtor_agent, fact.creditor_agent, fact.business_date, fact.accepted_at, fact.deadline_at,
    fact.funds_holder, fact.original_id,
    now.state, now.version, now.status, now.reason_code, now.reason_origin, now.reason_text, now.creation_time,
    now.transfers, now.status_requests, now.pings, now.timer_at, now.updated_at, now.final_at, now.returned_cents,
    now.request_state, now.request_message_id, now.request_due_at,
    coalesce(now.epoch < home.epoch, false) AS is_taken_over, home.ask_after,
    coalesce(home.region, fact.region) AS region, fact.region AS accepted_in
"""

_PAYMENT: Final = f"""
    SELECT {PAYMENT_COLUMNS}
    FROM payment AS fact JOIN payment_state AS now ON now.payment_id = fact.payment_id
    LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE {stands()}
"""

LOAD: Final = f"{_PAYMENT} AND fact.payment_id = ANY ($1::uuid[])"

FIND_BY_UETR: Final = f"{_PAYMENT} AND fact.tenant_id = $1 AND fact.uetr = $2 ORDER BY fact.accepted_at DESC LIMIT $3"

FIND_BY_END_TO_END_ID: Final = (
    f"{_PAYMENT} AND fact.tenant_id = $1 AND fact.end_to_end_id = $2 ORDER BY fact.accepted_at DESC LIMIT $3"
)

FIND_BY_MESSAGE_SENT: Final = f"""
    SELECT sent.business_message_id AS sent_message_id, {PAYMENT_COLUMNS}
    FROM message AS sent
    JOIN payment AS fact ON fact.payment_id = sent.payment_id
    JOIN payment_state AS now ON now.payment_id = sent.payment_id LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE sent.direction = 'rail_out' AND sent.business_message_id = ANY ($1::text[]) AND {stands()}
"""
"""The caller looks at the rail: named here, a planner without statistics walks through all of the rail's payments."""

FIND_BY_ARCHIVED_MESSAGE_SENT: Final = in_the_archive(FIND_BY_MESSAGE_SENT)
"""For an answer that comes when what was sent has left the database: its payment is final, and must be found."""

FIND_BY_OWN_MESSAGE_ID: Final = f"""
    SELECT fact.message_id AS sent_message_id, {PAYMENT_COLUMNS}
    FROM payment AS fact JOIN payment_state AS now ON now.payment_id = fact.payment_id
    LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE fact.rail = $1 AND fact.message_id = ANY ($2::text[]) AND {stands()}
"""
"""For the answer to a message that was never saved as sent: there should be none, and it must find its payment."""

CLAIMS: Final = f"""
    WITH held AS MATERIALIZED (
        SELECT DISTINCT ON (tenant_id, idempotency_key) tenant_id, idempotency_key, content_digest, payment_id
        FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, idempotency_key)
        JOIN claim USING (tenant_id, idempotency_key)
        ORDER BY tenant_id, idempotency_key, claim.epoch DESC, claim.region
    )
    SELECT held.idempotency_key, held.content_digest, {PAYMENT_COLUMNS}
    FROM held
    JOIN payment AS fact ON fact.payment_id = held.payment_id
    JOIN payment_state AS now ON now.payment_id = held.payment_id LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE {stands()}
"""
"""The keys are looked up first, and alone. As one join, a planner without statistics has paired every wanted row with
every payment of the tenant (all three tables share the tenant), and took 20 s for 1,600 claims. Of two claims of one
key the later, as of two facts."""

LOAD_WITH_MESSAGE: Final = f"""
    SELECT raw.message_id AS raw_id, raw.direction, raw.message_type, raw.business_message_id, raw.content_type,
        raw.key_id, raw.body, raw.at, {PAYMENT_COLUMNS}
    FROM unnest($1::uuid[], $2::text[]) AS wanted (payment_id, direction)
    JOIN payment AS fact ON fact.payment_id = wanted.payment_id
    JOIN payment_state AS now ON now.payment_id = wanted.payment_id LEFT JOIN slot AS home ON home.slot = now.slot
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT * FROM message
            WHERE message.payment_id = wanted.payment_id AND message.direction = wanted.direction
                AND (message.direction <> 'rail_out'
                    OR message.message_type LIKE ANY ('{{pacs.008.%,pacs.009.%,pacs.004.%}}'::text[]))
            OFFSET 0
        ) AS of_payment
        ORDER BY of_payment.region <> fact.region, of_payment.at, of_payment.message_id
        LIMIT 1
    ) AS raw
    WHERE {stands()}
"""
"""The payment's few messages first, then the oldest of them: OFFSET 0 keeps the planner from walking the key's index,
which begins with `at`, from the oldest message of all until it meets one of this payment. It did so as soon as it had
statistics, half a minute after the start. Of what was sent, what moves money: a question may have come before it.

Of what both regions have, the one that the fact was written with: under one key the client may have asked each of them
for another amount."""

FINAL_SINCE: Final = """
    SELECT payment_id, final_at FROM payment_state WHERE payment_id = ANY ($1::uuid[]) AND final_at IS NOT NULL
"""

NOT_FOUND_POLICY: Final = "SELECT not_found_policy FROM tenant WHERE tenant_id = $1"

WAITING_SINCE: Final = """
    SELECT updated_at FROM payment_state WHERE state = 'RECEIVED' AND timer_at IS NOT NULL
    ORDER BY updated_at OFFSET $1 LIMIT 1
"""

_SEEN_TO_BY: Final = ", ".join(repr(kind.value) for kind in sorted(SEEN_TO_BY))

STANDS_UNSEEN: Final = f"""said.contradiction AND NOT EXISTS (
        SELECT FROM payment_event AS seen
        WHERE seen.payment_id = said.payment_id AND seen.kind IN ({_SEEN_TO_BY})
            AND (seen.epoch, seen.sequence) > (said.epoch, said.sequence)
    )"""
"""What was `said` contradicts what is certain, and no person has recorded since what is so: see
`standing_contradiction`. There are few of them, and they have an index."""

AWAITING_OPERATOR: Final = f"""
    {_PAYMENT} AND ($1::text IS NULL OR fact.tenant_id = $1) AND fact.payment_id = ANY (ARRAY(
        SELECT payment_id FROM payment_state WHERE state = 'AWAITING_OPERATOR' AND ($1::text IS NULL OR tenant_id = $1)
        UNION ALL SELECT payment_id FROM payment_event AS said WHERE {STANDS_UNSEEN}
    ))
    ORDER BY fact.accepted_at LIMIT $2
"""

HELD: Final = f"""
    {_PAYMENT} AND now.state = 'HELD' AND ($1::text IS NULL OR fact.tenant_id = $1)
    ORDER BY now.timer_at LIMIT $2
"""

UNPOSTED: Final = f"""
    {_PAYMENT} AND now.state = 'ACCEPTED_WITHOUT_POSTING'
        AND (now.final_at, now.payment_id) > ($2, $3) AND now.final_at <= $4
        AND fact.rail = $1 AND coalesce(home.region, fact.region) = $5 AND now.status IS DISTINCT FROM 'BLCK'
        AND NOT EXISTS (
            SELECT FROM payment_event AS said
            WHERE said.payment_id = now.payment_id AND said.kind = '{EventKind.POSTING_ASKED.value}'
        )
    ORDER BY now.final_at, now.payment_id LIMIT $6
"""

REQUESTED: Final = f"""
    {_PAYMENT} AND now.request_due_at IS NOT NULL AND ($1::text IS NULL OR fact.tenant_id = $1)
    ORDER BY now.request_due_at LIMIT $2
"""

SEEN: Final = "SELECT inbox_id, digest FROM inbox WHERE rail = $1 AND inbox_id = ANY ($2::text[])"

EVENTS: Final = """
    SELECT region, epoch, sequence, kind, state_before, state_after, status, reason_code, reason_origin, reason_text,
        business_message_id, details, at, contradiction
    FROM payment_event WHERE payment_id = $1 ORDER BY epoch, sequence
"""

CONTRADICTIONS: Final = f"""
    SELECT DISTINCT ON (payment_id) payment_id, region, epoch, sequence, kind, state_before, state_after, status,
        reason_code, reason_origin, reason_text, business_message_id, details, at, contradiction
    FROM payment_event AS said
    WHERE payment_id = ANY ($1::uuid[]) AND {STANDS_UNSEEN}
    ORDER BY payment_id, epoch DESC, sequence DESC
"""

MESSAGES: Final = """
    SELECT message_id AS raw_id, message_id, payment_id, region, tenant_id, direction, message_type,
        business_message_id, content_type, key_id, body, digest, at, event_sequence, NULL::bigint AS segment,
        NULL::integer AS position, NULL::bigint AS starts_at, NULL::integer AS size, NULL::integer AS header_size
    FROM message WHERE payment_id = $1
    UNION ALL
    SELECT message_id, message_id, payment_id, archived.region, tenant_id, direction, message_type, business_message_id,
        content_type, archived.key_id, NULL, archived.digest, at, event_sequence, segment, position, starts_at,
        archived.size, header_size
    FROM archived_message AS archived
    JOIN archive_segment AS object ON object.region = archived.region AND object.number = archived.segment
    WHERE payment_id = $1
    ORDER BY at, raw_id
"""
"""In one round trip: the rows of the database, and what the archive's index has. A message may be in both."""

REFUSE: Final = """
    INSERT INTO refusal (region, refusal_id, tenant_id, content_digest, size, codes, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT DO NOTHING
"""

QUARANTINE: Final = """
    INSERT INTO quarantine (region, rail, digest, message_id, message_type, business_message_id, key_id, body, codes,
        at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT DO NOTHING
"""

RELAY: Final = """
    DELETE FROM outbox
    WHERE position = ANY (ARRAY(
        SELECT position FROM outbox WHERE created_at < $2 ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED
    ))
    RETURNING delivery_id, queue, payment_id, deadline_at
"""

LEFT_TO_RELAY: Final = "SELECT FROM outbox WHERE created_at < $1 ORDER BY position LIMIT 1"
"""Whether there is anything to relay: mostly not, and to find that out takes no transaction."""

UNHURRIED: Final = "(SELECT set_config('synchronous_commit', 'off', true)) = 'off'"
"""A condition that always holds, and has the commit of its own statement not wait for the disk, which others wait for.

For notes alone whose loss has something done again that may be repeated: what is promised to anybody is on disk first.
"""

FORGET: Final = f"""
    DELETE FROM outbox
    WHERE position = ANY (ARRAY(
        SELECT position FROM outbox WHERE delivery_id = ANY ($1::uuid[]) FOR UPDATE SKIP LOCKED
    )) AND {UNHURRIED}
"""
"""What a relay holds at this moment it will delete itself. A row that a crash brings back is published once more."""

DUE_TIMERS: Final = """
    SELECT payment_id, timer_at FROM payment_state
    WHERE timer_at <= $1 ORDER BY timer_at LIMIT $2
"""

_ENDED_BY_TIME_SQL: Final = ", ".join(repr(state.value) for state in PaymentState if state in ENDED_BY_TIME)

DUE_DEADLINES: Final = f"""
    SELECT payment_id, timer_at FROM payment_state
    WHERE timer_at <= $1 AND state IN ({_ENDED_BY_TIME_SQL}) ORDER BY timer_at LIMIT $2
"""

TENANT_OF_API_KEY: Final = "SELECT tenant_id FROM api_key WHERE key_digest = $1 AND revoked_at IS NULL"

BACKLOG: Final = f"""
    SELECT
        (SELECT count(*) FROM outbox) AS outbox,
        (SELECT min(created_at) FROM outbox) AS outbox_oldest_at,
        (SELECT min(creation_time) FROM payment_state WHERE timer_at IS NOT NULL AND state = 'IN_DOUBT')
            AS oldest_in_doubt_at,
        (SELECT count(*) FROM payment_event WHERE contradiction) AS contradictions,
        (SELECT count(DISTINCT payment_id) FROM payment_event AS said
            JOIN payment_state USING (payment_id) WHERE {STANDS_UNSEEN}) AS attention
"""

OPEN_PAYMENTS: Final = """
    SELECT state, count(*) AS count FROM payment_state WHERE timer_at IS NOT NULL GROUP BY state
"""

SCHEMA_VERSION: Final = "SELECT version_num FROM alembic_version"

TAKEN_AWAY_SINCE: Final = """
    SELECT min(revision) FROM applied_migration WHERE phase = 'post' AND revision > $1
"""

WRITE_RELEASE: Final = """
    INSERT INTO running_release (instance_id, role, release, revision, seen_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (instance_id) DO UPDATE SET seen_at = excluded.seen_at
"""

REMOVE_RELEASE: Final = "DELETE FROM running_release WHERE instance_id = $1"

WORKERS_SEEN: Final = "SELECT count(*) FROM running_release WHERE role = 'worker' AND seen_at >= $1"
