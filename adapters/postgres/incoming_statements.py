"""The statements of incoming transfers: set-based, one round trip each, under the rules of `statements`."""

from __future__ import annotations

from typing import Final

from adapters.postgres.incoming_tables import TO_BE_DECIDED_SQL, WAITED_FOR_SQL
from adapters.postgres.standing import stands
from adapters.postgres.statements import SAVED_WITH_IT, UNHURRIED, in_the_archive
from gateway.domain.incoming import ARRIVAL, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import TO_BE_DECIDED
from gateway.domain.request import RequestState

ADMIT: Final = """
WITH asked AS (
    SELECT * FROM json_to_recordset($2) AS asked (
        epoch bigint, payment_id uuid, tenant_id text, rail text, message_id text, message_created_at timestamptz,
        instruction_id text, end_to_end_id text, transaction_id text, uetr text, amount_cents bigint,
        instructing_agent text, instructed_agent text, debtor_agent text, creditor_agent text,
        debtor_account_index bytea, creditor_account_index bytea, forwarded_at timestamptz, received_at timestamptz,
        answer_by timestamptz, timer_at timestamptz, inbox_id text, inbox_digest bytea, raw_id uuid, message_type text,
        content_type text, key_id text, body integer, digest bytea, event_digest bytea, slot smallint, original_id uuid
    )
), input AS MATERIALIZED (
    SELECT * FROM asked WHERE owned_epoch($1, slot) = epoch
), admitted AS (
    INSERT INTO incoming_transfer (region, payment_id, tenant_id, rail, message_id, message_created_at, instruction_id,
        end_to_end_id, transaction_id, uetr, amount_cents, instructing_agent, instructed_agent, debtor_agent,
        creditor_agent, debtor_account_index, creditor_account_index, forwarded_at, received_at, answer_by,
        message_type, original_id, slot)
    SELECT $1, payment_id, tenant_id, rail, message_id, message_created_at, instruction_id, end_to_end_id,
        transaction_id, uetr, amount_cents, instructing_agent, instructed_agent, debtor_agent, creditor_agent,
        debtor_account_index, creditor_account_index, forwarded_at, received_at, answer_by, message_type, original_id,
        slot
    FROM input
    WHERE NOT EXISTS (
        SELECT FROM incoming_transfer AS other
        WHERE other.rail = input.rail AND other.message_id = input.message_id
    )
    ORDER BY rail, message_id
    ON CONFLICT DO NOTHING
    RETURNING payment_id
), fresh AS MATERIALIZED (
    SELECT input.* FROM input JOIN admitted USING (payment_id)
), events AS (
    INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_after, business_message_id,
        details, contradiction, at, digest)
    SELECT $1, payment_id, tenant_id, epoch, 1, 'TransferReceived', 'RECEIVED', inbox_id, '{}', false, received_at,
        event_digest
    FROM fresh
), raw AS (
    INSERT INTO message (region, message_id, tenant_id, payment_id, direction, message_type, business_message_id,
        content_type, key_id, body, digest, at, event_sequence)
    SELECT $1, raw_id, tenant_id, payment_id, 'rail_in', message_type, inbox_id, content_type, key_id,
        ($3::bytea[])[body], digest, received_at, 1
    FROM fresh
), received AS (
    INSERT INTO inbox (region, rail, inbox_id, digest, tenant_id, payment_id, at)
    SELECT $1, rail, inbox_id, inbox_digest, tenant_id, payment_id, received_at FROM fresh ORDER BY inbox_id
), states AS (
    INSERT INTO incoming_state (payment_id, tenant_id, state, version, epoch, status_requests, timer_at, updated_at,
        event_digest, slot)
    SELECT payment_id, tenant_id, 'RECEIVED', 1, epoch, 0, timer_at, received_at, event_digest, slot FROM fresh
)
SELECT payment_id FROM fresh
"""

SAVE: Final = f"""
WITH input AS (
    SELECT * FROM json_to_recordset($3) AS input (
        payment_id uuid, tenant_id text, expected_version integer, kind text, state_before text, state_after text,
        event_status text, event_reason_code text, event_reason_origin text, event_reason_text text,
        business_message_id text, details text, at timestamptz, timer_changes boolean, timer_at timestamptz,
        unsent_at timestamptz, inbox_id text, inbox_digest bytea, status_requests integer, answer text, status text,
        reason_code text, reason_origin text, reason_text text, final_at timestamptz, contradiction boolean,
        event_facts bytea, returns integer, returning_cents bigint, returned_cents bigint, request_state text,
        request_message_id text, request_due_at timestamptz, attention text, contrary_word text
    )
), locked AS MATERIALIZED (
    SELECT state.payment_id,
        CASE
            WHEN state.slot IS NOT NULL THEN owned_epoch($1, state.slot)
            -- From before there were slots: where its fact was written.
            WHEN EXISTS (
                SELECT FROM incoming_transfer AS fact WHERE fact.payment_id = state.payment_id AND fact.region = $1
            ) THEN state.epoch
        END AS epoch
    FROM incoming_state AS state
    JOIN input ON state.payment_id = input.payment_id AND state.version = input.expected_version
    ORDER BY state.payment_id
    FOR NO KEY UPDATE OF state
), moved AS (
    UPDATE incoming_state AS state
    SET state = input.state_after,
        version = state.version + 1,
        epoch = locked.epoch,
        answer = input.answer,
        status = input.status,
        reason_code = input.reason_code,
        reason_origin = input.reason_origin,
        reason_text = input.reason_text,
        status_requests = state.status_requests + input.status_requests,
        final_at = coalesce(state.final_at, input.final_at),
        timer_at = CASE WHEN input.timer_changes THEN input.timer_at ELSE state.timer_at END,
        unsent_at = coalesce(input.unsent_at, state.unsent_at),
        returns = input.returns,
        returning_cents = input.returning_cents,
        returned_cents = input.returned_cents,
        request_state = input.request_state,
        request_message_id = input.request_message_id,
        request_due_at = input.request_due_at,
        attention = input.attention,
        contrary_word = input.contrary_word,
        updated_at = input.at,
        event_digest = sha256(state.event_digest || int8send(locked.epoch) || input.event_facts)
    FROM input JOIN locked USING (payment_id)
    WHERE state.payment_id = input.payment_id AND state.version = input.expected_version
        AND (locked.epoch = state.epoch OR locked.epoch > state.epoch
            AND (state.final_at IS NOT NULL OR input.kind = '{IncomingEvent.TAKEN_OVER.value}')
            AND NOT EXISTS (SELECT FROM projection_due AS unfolded WHERE unfolded.payment_id = state.payment_id))
    RETURNING state.payment_id, state.epoch, state.event_digest
{SAVED_WITH_IT}
SELECT payment_id, true AS is_ours FROM moved UNION ALL SELECT payment_id, false FROM locked WHERE epoch IS NULL
"""

TRANSFER_COLUMNS: Final = """
    fact.payment_id, fact.tenant_id, fact.rail, fact.message_id, fact.message_created_at, fact.instruction_id,
    fact.end_to_end_id, fact.transaction_id, fact.uetr, fact.amount_cents, fact.instructing_agent,
    fact.instructed_agent, fact.debtor_agent, fact.creditor_agent, fact.creditor_account_index, fact.forwarded_at,
    fact.received_at, fact.answer_by, fact.message_type, fact.original_id,
    now.state, now.version, now.answer, now.status, now.reason_code, now.reason_origin, now.reason_text,
    now.status_requests, now.timer_at, now.unsent_at, now.updated_at, now.final_at, now.returns, now.returning_cents,
    now.returned_cents, now.request_state, now.request_message_id, now.request_due_at,
    now.attention, now.contrary_word,
    coalesce(now.epoch < home.epoch, false) AS is_taken_over, home.ask_after,
    coalesce(home.region, fact.region) AS region
"""


def _transfers(facts: str = "incoming_transfer", *, states: str = "incoming_state") -> str:
    return f"""
    SELECT {TRANSFER_COLUMNS}
    FROM {facts} AS fact JOIN {states} AS now ON now.payment_id = fact.payment_id
    LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE {stands()}
"""


_TRANSFER: Final = _transfers()

LOAD: Final = f"{_TRANSFER} AND fact.payment_id = ANY ($1::uuid[])"

FIND_BY_MESSAGE_ID: Final = f"{_TRANSFER} AND fact.rail = $1 AND fact.message_id = ANY ($2::text[])"

REQUESTED: Final = f"""
    {_TRANSFER} AND now.request_due_at IS NOT NULL AND ($1::text IS NULL OR now.tenant_id = $1)
    ORDER BY now.request_due_at LIMIT $2
"""

BACKLOG: Final = f"""
    SELECT now.state, count(*) AS count, min(fact.received_at) AS oldest_at, min(fact.forwarded_at) AS forwarded_at
    FROM incoming_state AS now JOIN incoming_transfer AS fact ON fact.payment_id = now.payment_id
    WHERE now.state = ANY ($1::text[]) AND {stands()} GROUP BY now.state
"""

REQUESTS_OVERDUE: Final = """
    SELECT (SELECT count(*) FROM incoming_state WHERE request_due_at < $1)
        + (SELECT count(*) FROM payment_state WHERE request_due_at < $1)
"""

_IN_ORDER: Final = f"""
    ORDER BY now.attention IS NULL AND now.contrary_word IS NULL, now.state NOT IN ({TO_BE_DECIDED_SQL}),
        CASE WHEN now.state IN ({TO_BE_DECIDED_SQL}) THEN fact.forwarded_at END, fact.received_at DESC, fact.payment_id
    LIMIT $1
"""
"""As `in_order_of_deciding` has them: what a list has no room for is what comes last."""

ATTENTION: Final = f"""
    {_TRANSFER} AND fact.payment_id = ANY (ARRAY(
        SELECT payment_id FROM incoming_state
        WHERE (attention IS NOT NULL OR contrary_word IS NOT NULL) AND state = ANY ($2::text[])
            AND ($3::text IS NULL OR tenant_id = $3)
    )) {_IN_ORDER}
"""

TO_BE_DECIDED_IN: Final = {
    state: f"""
    {_TRANSFER} AND fact.payment_id = ANY (ARRAY(
        SELECT payment_id FROM incoming_state
        WHERE state = '{state}' AND ($2::text IS NULL OR tenant_id = $2) ORDER BY updated_at
    )) {_IN_ORDER}
"""
    for state in sorted(TO_BE_DECIDED)
}
"""By what expires first: that is of the fact, not of where it stands, so all that stand there are looked at. As many as
wait for an institution, or for people; and their state names them, so that no history is walked through."""

ATTENTION_COUNT: Final = """
    SELECT count(*) FROM incoming_state WHERE attention IS NOT NULL OR contrary_word IS NOT NULL
"""

RETURNS_OF: Final = f"""
    {_TRANSFER} AND fact.original_id = $1
"""

FIND_BY_MESSAGE_SENT: Final = f"""
    SELECT sent.business_message_id AS sent_message_id, {TRANSFER_COLUMNS}
    FROM message AS sent
    JOIN incoming_transfer AS fact ON fact.payment_id = sent.payment_id
    JOIN incoming_state AS now ON now.payment_id = sent.payment_id LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE sent.direction = 'rail_out' AND sent.business_message_id = ANY ($1::text[]) AND {stands()}
"""

FIND_BY_ARCHIVED_MESSAGE_SENT: Final = in_the_archive(FIND_BY_MESSAGE_SENT)
"""For what the rail says of a transfer whose messages have left the database: it is final, and must be found."""

_NEWEST_FACTS: Final = "(SELECT * FROM incoming_transfer {} ORDER BY received_at DESC LIMIT 2 * $1::bigint)"
"""Twice as many as are listed: of one transfer there are two facts at the most, one of each region."""

NEWEST: Final = f"{_transfers(_NEWEST_FACTS.format(''))} ORDER BY fact.received_at DESC LIMIT $1"

NEWEST_OF_TENANT: Final = (
    f"{_transfers(_NEWEST_FACTS.format('WHERE tenant_id = $2'))} ORDER BY fact.received_at DESC LIMIT $1"
)

_NEWEST_STATES: Final = """(
    SELECT * FROM incoming_state WHERE state = $2 AND ($3::text IS NULL OR tenant_id = $3)
    ORDER BY updated_at DESC LIMIT $1
)"""

NEWEST_IN_STATE: Final = f"{_transfers(states=_NEWEST_STATES)} ORDER BY now.updated_at DESC"
"""One state a call: so the index gives them in order, and no history is walked through for the few that are held."""

SENT: Final = f"""
    UPDATE incoming_state AS state SET unsent_at = NULL
    FROM (
        SELECT state.payment_id FROM incoming_state AS state
        JOIN unnest($1::uuid[], $2::timestamptz[]) AS sent (payment_id, unsent_at)
            ON sent.payment_id = state.payment_id AND sent.unsent_at = state.unsent_at
        ORDER BY state.payment_id FOR NO KEY UPDATE OF state
    ) AS left_us
    WHERE state.payment_id = left_us.payment_id AND {UNHURRIED}
"""
"""A note that a crash takes back has the message sent once more, under its id: the rail refuses the second."""

TAKE_UNSENT: Final = """
    UPDATE incoming_state AS state SET unsent_at = $2
    WHERE state.payment_id = ANY (ARRAY(
        SELECT payment_id FROM incoming_state WHERE unsent_at <= $1 ORDER BY unsent_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )) AND state.unsent_at <= $1
    RETURNING state.payment_id
"""

TAKE_OVER: Final = """
    UPDATE incoming_state SET timer_at = $3 WHERE payment_id = $1 AND timer_at = $2 RETURNING payment_id
"""

DUE_TIMERS: Final = f"""
    SELECT payment_id, timer_at FROM incoming_state
    WHERE timer_at <= $1 AND state IN ({WAITED_FOR_SQL}) ORDER BY timer_at LIMIT $2
"""

RECEIVING_TENANTS: Final = """
    SELECT agent.routing_number, tenant.tenant_id, tenant.institution_url, tenant.stand_in
    FROM tenant LEFT JOIN receiving_agent AS agent USING (tenant_id)
"""

ACCOUNT_STANDING: Final = "SELECT standing FROM account_directory WHERE tenant_id = $1 AND account_index = $2"

_STEPS_ARE_OURS: Final = (
    f"state IN ({WAITED_FOR_SQL}) AND (final_at IS NULL AND (state <> '{IncomingState.RETURN_DUE.value}' "
    "OR attention IS NULL) OR returning_cents > 0)"
)
"""What has a next step of ours, whoever carried it before. Where a person is called for a return, that is none."""

REPLICATED_NOTES: Final = """
SELECT due.position, due.payment_id FROM projection_due AS due
WHERE (due.not_before IS NULL OR due.not_before <= $2)
    AND EXISTS (SELECT FROM incoming_transfer AS fact WHERE fact.payment_id = due.payment_id)
ORDER BY due.position LIMIT $1
"""

AS_RECEIVED: Final = f"""
SELECT payment_id, tenant_id, rail, message_id, message_created_at, instruction_id,
    end_to_end_id, transaction_id, uetr, amount_cents, instructing_agent, instructed_agent, debtor_agent,
    creditor_agent, creditor_account_index, forwarded_at, received_at, answer_by,
    message_type, original_id, slot, '{ARRIVAL.state.value}' AS state, 1 AS version, NULL AS answer, NULL AS status,
    NULL AS reason_code, NULL AS reason_origin, NULL AS reason_text, 0 AS status_requests,
    NULL::timestamptz AS timer_at, NULL::timestamptz AS unsent_at, received_at AS updated_at,
    NULL::timestamptz AS final_at, 0 AS returns, 0 AS returning_cents, 0 AS returned_cents,
    '{RequestState.NONE.value}' AS request_state, NULL AS request_message_id, NULL::timestamptz AS request_due_at,
    NULL AS attention, NULL AS contrary_word, false AS is_taken_over, NULL::timestamptz AS ask_after, region
FROM incoming_transfer AS fact WHERE payment_id = ANY ($1::uuid[]) AND {stands()}
"""
"""As their first events have made them."""

PROJECT: Final = f"""
WITH input AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::integer[], $12::timestamptz[], $13::timestamptz[], $14::bytea[], $15::smallint[],
        $16::integer[], $17::bigint[], $18::bigint[], $19::text[], $20::text[], $21::timestamptz[], $22::text[],
        $23::text[]
    ) AS input (
        payment_id, tenant_id, state, version, epoch, answer, status, reason_code, reason_origin, reason_text,
        status_requests, updated_at, final_at, event_digest, slot, returns, returning_cents, returned_cents,
        request_state, request_message_id, request_due_at, attention, contrary_word
    )
), homed AS MATERIALIZED (
    SELECT input.*,
        CASE
            WHEN {_STEPS_ARE_OURS} AND owned_epoch($25, slot) > epoch THEN updated_at
        END AS timer_at
    FROM input
), projected AS (
    INSERT INTO incoming_state AS now (payment_id, tenant_id, state, version, epoch, answer, status, reason_code,
        reason_origin, reason_text, status_requests, updated_at, final_at, event_digest, slot, returns,
        returning_cents, returned_cents, request_state, request_message_id, request_due_at, attention, contrary_word,
        timer_at)
    SELECT * FROM homed ORDER BY payment_id
    ON CONFLICT (payment_id, tenant_id) DO UPDATE SET
        state = excluded.state, version = excluded.version, epoch = excluded.epoch, answer = excluded.answer,
        status = excluded.status, reason_code = excluded.reason_code, reason_origin = excluded.reason_origin,
        reason_text = excluded.reason_text, status_requests = excluded.status_requests,
        updated_at = excluded.updated_at, final_at = excluded.final_at, event_digest = excluded.event_digest,
        slot = excluded.slot, returns = excluded.returns, returning_cents = excluded.returning_cents,
        returned_cents = excluded.returned_cents, request_state = excluded.request_state,
        request_message_id = excluded.request_message_id, request_due_at = excluded.request_due_at,
        attention = excluded.attention, contrary_word = excluded.contrary_word, timer_at = excluded.timer_at,
        unsent_at = CASE
            WHEN now.epoch < excluded.epoch AND now.answer IS DISTINCT FROM excluded.answer THEN NULL
            ELSE now.unsent_at
        END
    WHERE (now.epoch, now.version) < (excluded.epoch, excluded.version)
        OR (now.epoch, now.version) = (excluded.epoch, excluded.version) AND now.slot IS NULL
), told AS (
    INSERT INTO outbox (delivery_id, queue, tenant_id, payment_id, deadline_at, created_at)
    SELECT out.delivery_id, out.queue, input.tenant_id, out.payment_id, out.deadline_at, input.updated_at
    FROM unnest($26::uuid[], $27::text[], $28::uuid[], $29::timestamptz[])
        AS out (delivery_id, queue, payment_id, deadline_at)
    JOIN input USING (payment_id)
)
DELETE FROM projection_due WHERE position = ANY ($24::bigint[])
"""
"""As for payments: what is older changes nothing, and the timer of one whose slot has become this region's is due.
An answer of ours that a takeover has annulled is not there to be sent any more."""

TAKE_UP: Final = f"""
UPDATE incoming_state AS state SET timer_at = $2
FROM slot
WHERE slot.slot = state.slot AND slot.region = $1 AND slot.epoch > state.epoch
    AND {_STEPS_ARE_OURS} AND timer_at IS NULL
"""
"""Open transfers that another region has carried: their timers are due at once."""
