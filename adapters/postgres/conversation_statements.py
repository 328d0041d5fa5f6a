"""The statements of conversations. They are few and rare: one conversation a transaction."""

from __future__ import annotations

from typing import Final

from adapters.postgres.standing import stands
from gateway.domain.conversation import NO_REFERENCE, ConversationKind
from gateway.domain.incoming_transfer import ARRIVED, GOING_BACK
from gateway.domain.payment import PaymentState

_TAKEN: Final = "conversation_id = $2 OR (rail = $4 AND message_id = $7 AND side = $6)"

FIND_TAKEN: Final = """
SELECT conversation_id, content_digest, region FROM conversation
WHERE conversation_id = $1 OR (rail = $2 AND message_id = $3 AND side = $4)
ORDER BY region <> $5, opened_at LIMIT 1
"""
"""Our own first: the other region may have opened it as well, before either knew."""

INSERT: Final = f"""
INSERT INTO conversation (region, conversation_id, tenant_id, rail, kind, side, message_id, content_digest, own_agent,
    counterparty, topic, amount_cents, end_to_end_id, about_id, opened_at, pay_by, expires_at)
SELECT $1, $2::uuid, $3, $4, $5, $6, $7, $8::bytea, $9, $10, $11, $12::bigint, $13, $14::uuid, $15::timestamptz,
    $16::timestamptz, $17::timestamptz
WHERE NOT EXISTS (SELECT FROM conversation WHERE {_TAKEN})
ON CONFLICT DO NOTHING RETURNING conversation_id
"""
"""What the other region has opened, as far as it is known here, is not opened again."""

INSERT_STATE: Final = """
INSERT INTO conversation_state (conversation_id, tenant_id, state, version, due_at, expires_at, seeks_payment,
    updated_at)
VALUES ($1, $2, $3, 1, $4, $5, $6, $7)
"""

MOVE: Final = """
UPDATE conversation_state
SET state = $3, version = version + 1, due_at = $4, expires_at = $5, seeks_payment = $6,
    payment_id = coalesce(payment_id, $7), withdrawal_id = coalesce($8, withdrawal_id),
    attention = $9, updated_at = $10
WHERE conversation_id = $1 AND version = $2 AND region IS NULL
RETURNING event_digest
"""
"""Returns the digest that the next event follows: the row is locked from here on."""

CHAIN: Final = "UPDATE conversation_state SET event_digest = $2 WHERE conversation_id = $1"

INSERT_EVENT: Final = """
INSERT INTO conversation_event (region, conversation_id, tenant_id, sequence, act, state_before, state_after,
    reason_code, reason_origin, reason_text, business_message_id, payment_id, decided_by, strange, at, epoch, digest,
    sql_transaction)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, pg_current_xact_id()::text::bigint)
"""

INSERT_INBOX: Final = """
INSERT INTO inbox (region, rail, inbox_id, digest, tenant_id, payment_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING RETURNING inbox_id
"""

INSERT_MESSAGE: Final = """
INSERT INTO conversation_message (region, message_id, tenant_id, conversation_id, direction, message_type,
    business_message_id, content_type, key_id, body, digest, sequence, position, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

INSERT_UNSENT: Final = "INSERT INTO conversation_unsent (conversation_id, message_id) VALUES ($1, $2)"

INSERT_OUTBOX: Final = """
INSERT INTO outbox (delivery_id, queue, tenant_id, payment_id, deadline_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)
"""


def conversations_as_they_stand(own: str) -> str:
    """Return the statement of all, up to its conditions; `own` is the parameter that names this region.

    Where both regions have opened one, before either knew of the other, it is the one that the projection is of.
    """
    return f"""
SELECT fact.conversation_id, fact.tenant_id, fact.rail, fact.kind, fact.side, fact.message_id, fact.own_agent,
    fact.counterparty, fact.topic, fact.amount_cents, fact.end_to_end_id, fact.about_id, fact.opened_at, fact.pay_by,
    fact.expires_at, fact.region, now.state, now.version, now.due_at, now.updated_at, now.payment_id, now.withdrawal_id,
    now.attention,
    (SELECT true FROM conversation AS asked WHERE asked.conversation_id = fact.about_id LIMIT 1) IS TRUE
        AS about_request
FROM conversation AS fact JOIN conversation_state AS now
    ON now.conversation_id = fact.conversation_id AND now.tenant_id = fact.tenant_id
    AND fact.region = coalesce(now.region, {own})
"""


LOAD: Final = f"{conversations_as_they_stand('$2')} WHERE fact.conversation_id = $1"

FIND_BY_MESSAGE_ID: Final = f"""
SELECT known.id AS known_by, found.* FROM (
    SELECT message_id AS id, conversation_id, opened_at FROM conversation
    WHERE rail = $1 AND message_id = ANY ($2::text[])
    UNION
    SELECT sent.business_message_id, sent.conversation_id, sent.at FROM conversation_message AS sent
    WHERE sent.direction = 'rail_out' AND sent.business_message_id = ANY ($2::text[])
) AS known JOIN ({conversations_as_they_stand("$3")} WHERE fact.rail = $1) AS found USING (conversation_id)
ORDER BY known.opened_at
"""

_WANTED: Final = "($1::text IS NULL OR fact.tenant_id = $1) AND ($2::text IS NULL OR fact.kind = $2)"
_DUE_FIRST: Final = "ORDER BY now.due_at NULLS LAST, fact.opened_at DESC LIMIT $3"

_MISSED: Final = "of_kind = 'conversation' AND missed_at IS NOT NULL"

FIND: Final = f"{conversations_as_they_stand('$4')} WHERE {_WANTED} {_DUE_FIRST}"

FIND_OPEN: Final = f"""
{conversations_as_they_stand("$4")}
WHERE fact.conversation_id = ANY (ARRAY(
    SELECT conversation_id FROM conversation_state WHERE due_at IS NOT NULL
    UNION SELECT conversation_id FROM conversation_state WHERE attention
    UNION SELECT of_id FROM awaited_receipt WHERE {_MISSED}
)) AND {_WANTED} {_DUE_FIRST}
"""
"""One statement for each way of asking: one plan for them all would walk through every conversation there ever was."""

FIND_ABOUT: Final = f"""
{conversations_as_they_stand("$6")}
WHERE fact.conversation_id = ANY (ARRAY(
    SELECT conversation_id FROM conversation WHERE about_id = $4
    UNION SELECT conversation_id FROM conversation_state WHERE payment_id = $4
)) AND {_WANTED} AND (
    NOT $5 OR now.due_at IS NOT NULL OR now.attention
    OR EXISTS (SELECT FROM awaited_receipt WHERE of_id = fact.conversation_id AND {_MISSED})
) {_DUE_FIRST}
"""

# Where both regions have opened one, each has written acts of it: shown are those of the home, as the projection is.
_OF_HOME: Final = """
ON kept.conversation_id = now.conversation_id AND kept.tenant_id = now.tenant_id
    AND kept.region = coalesce(now.region, $2)
WHERE now.conversation_id = $1
"""

EVENTS: Final = f"""
SELECT kept.* FROM conversation_state AS now JOIN conversation_event AS kept {_OF_HOME} ORDER BY kept.sequence
"""

MESSAGES: Final = f"""
SELECT kept.message_id AS raw_id, kept.direction, kept.message_type, kept.business_message_id, kept.content_type,
    kept.key_id, kept.body, kept.at
FROM conversation_state AS now JOIN conversation_message AS kept {_OF_HOME} ORDER BY kept.sequence, kept.position
"""

TAKE_UNSENT: Final = """
SELECT kept.message_id AS raw_id, kept.direction, kept.message_type, kept.business_message_id, kept.content_type,
    kept.key_id, kept.body, kept.at, unsent.position AS unsent_position
FROM conversation_unsent AS unsent JOIN conversation_message AS kept
    ON kept.message_id = unsent.message_id AND kept.conversation_id = unsent.conversation_id
WHERE unsent.conversation_id = $1 ORDER BY unsent.position LIMIT 1 FOR UPDATE OF unsent
"""

SENT: Final = "DELETE FROM conversation_unsent WHERE position = $1"

WAITING: Final = f"""
{conversations_as_they_stand("$5")}
WHERE fact.conversation_id = ANY (ARRAY(
    SELECT unsent.conversation_id
    FROM conversation_unsent AS unsent JOIN conversation AS waits
        ON waits.conversation_id = unsent.conversation_id AND waits.region = $5
    JOIN conversation_message AS kept
        ON kept.message_id = unsent.message_id AND kept.conversation_id = unsent.conversation_id
    WHERE waits.rail = $1 AND kept.at < $2 AND unsent.conversation_id <> ALL ($3::uuid[])
    ORDER BY unsent.position LIMIT $4
))
"""
"""Of one rail: what waits for another that is away, or was put off, takes nobody's place."""

EXPIRED: Final = f"""
{conversations_as_they_stand("$3")} WHERE now.expires_at < $1 AND now.region IS NULL ORDER BY now.expires_at LIMIT $2
"""

_REQUEST: Final = ConversationKind.REQUEST_FOR_PAYMENT.value
_ARRIVED: Final = ", ".join(f"'{state.value}'" for state in sorted(ARRIVED - GOING_BACK))
_SETTLED: Final = ", ".join(
    f"'{state.value}'" for state in (PaymentState.SETTLED, PaymentState.ACCEPTED_WITHOUT_POSTING)
)

SETTLED: Final = f"""
SELECT request.*, money.payment_id AS settled_id, money.amount_cents AS settled_cents
FROM ({conversations_as_they_stand("$3")} WHERE now.seeks_payment AND now.region IS NULL AND fact.opened_at >= $1
        AND fact.end_to_end_id <> '{NO_REFERENCE}')
    AS request
CROSS JOIN LATERAL (
    SELECT found.payment_id, found.amount_cents, found.amount_cents = request.amount_cents AS is_exact
    FROM (
        SELECT came.payment_id, came.amount_cents, came.received_at AS at
        FROM incoming_transfer AS came JOIN incoming_state AS state USING (payment_id)
        WHERE request.side = 'out' AND came.tenant_id = request.tenant_id AND came.end_to_end_id = request.end_to_end_id
            AND came.rail = request.rail AND came.creditor_agent = request.own_agent
            AND came.debtor_agent = request.counterparty AND came.original_id IS NULL
            AND came.received_at >= request.opened_at AND state.state IN ({_ARRIVED}) AND {stands("came")}
        UNION ALL
        SELECT went.payment_id, went.amount_cents, went.accepted_at
        FROM payment AS went JOIN payment_state AS state USING (payment_id)
        WHERE request.side = 'in' AND went.tenant_id = request.tenant_id AND went.end_to_end_id = request.end_to_end_id
            AND went.rail = request.rail AND went.debtor_agent = request.own_agent
            AND went.creditor_agent = request.counterparty AND went.original_id IS NULL
            AND went.accepted_at >= request.opened_at AND state.state IN ({_SETTLED}) AND {stands("went")}
    ) AS found
    WHERE NOT EXISTS (SELECT FROM conversation_state AS paid WHERE paid.payment_id = found.payment_id)
    ORDER BY is_exact DESC NULLS LAST, found.at, found.payment_id
    LIMIT 1
) AS money
ORDER BY money.is_exact DESC NULLS LAST, request.opened_at, request.conversation_id
LIMIT $2
"""
"""Both sides' references have an index with the tenant and the end-to-end id."""

OVERDUE: Final = """
SELECT coalesce(region, $2) AS region, count(*) AS count FROM conversation_state WHERE due_at < $1 GROUP BY region
"""

# --- the other region's ---

REPLICATED_NOTES: Final = """
SELECT due.position, due.payment_id FROM projection_due AS due
WHERE (due.not_before IS NULL OR due.not_before <= $2)
    AND EXISTS (SELECT FROM conversation AS fact WHERE fact.conversation_id = due.payment_id)
ORDER BY due.position LIMIT $1
"""

AS_OPENED: Final = """
SELECT conversation_id, tenant_id, rail, kind, side, message_id, own_agent, counterparty, topic, amount_cents,
    end_to_end_id, about_id, opened_at, pay_by, expires_at, region, 'REQUESTED' AS state, 1 AS version,
    NULL::timestamptz AS due_at, opened_at AS updated_at, NULL::uuid AS payment_id, NULL AS withdrawal_id,
    false AS attention, false AS about_request
FROM conversation WHERE conversation_id = ANY ($1::uuid[]) AND region <> $2
"""
"""What never changes of the other region's; what their acts make of them is folded."""

REPLICATED_ACTS: Final = """
SELECT * FROM conversation_event WHERE conversation_id = ANY ($1::uuid[]) AND region <> $2
ORDER BY conversation_id, epoch, sequence
"""

DROP_NOTES: Final = "DELETE FROM projection_due WHERE position = ANY ($1::bigint[])"

PROJECT: Final = """
WITH projected AS (
    INSERT INTO conversation_state AS now (conversation_id, tenant_id, region, epoch, state, version, due_at,
        seeks_payment, payment_id, withdrawal_id, attention, updated_at, event_digest)
    SELECT conversation_id, tenant_id, region, epoch, state, version, due_at, false, payment_id, withdrawal_id,
        attention, updated_at, event_digest
    FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::integer[], $7::timestamptz[], $8::uuid[],
        $9::text[], $10::boolean[], $11::timestamptz[], $12::bytea[]
    ) AS input (
        conversation_id, tenant_id, region, epoch, state, version, due_at, payment_id, withdrawal_id, attention,
        updated_at, event_digest
    )
    ORDER BY conversation_id
    ON CONFLICT (conversation_id, tenant_id) DO UPDATE SET
        epoch = excluded.epoch, state = excluded.state, version = excluded.version, due_at = excluded.due_at,
        payment_id = excluded.payment_id, withdrawal_id = excluded.withdrawal_id, attention = excluded.attention,
        updated_at = excluded.updated_at, event_digest = excluded.event_digest
    WHERE now.region = excluded.region AND (now.epoch, now.version) < (excluded.epoch, excluded.version)
)
DELETE FROM projection_due WHERE position = ANY ($13::bigint[])
"""
"""What is older changes nothing, and nothing changes what is this region's own. Nothing falls due here."""
