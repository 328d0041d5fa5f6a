"""The statements of what is due: one for each source, of one tenant or of all; `gateway.domain.due` is what they say.

Each looks at what waits, which an index tells, and then at the facts of that alone: at no history.
"""

from __future__ import annotations

from typing import Final

from adapters.postgres.conversation_statements import conversations_as_they_stand
from adapters.postgres.incoming_statements import TRANSFER_COLUMNS
from adapters.postgres.incoming_tables import TO_BE_DECIDED_SQL
from adapters.postgres.standing import stands
from adapters.postgres.statements import PAYMENT_COLUMNS, STANDS_UNSEEN
from gateway.domain.conversation import WITHDRAWING, ConversationKind, Side
from gateway.domain.due import NEVER, TO_BE_ANSWERED, DueKind, Source
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.payment import PaymentState

_NEVER: Final = f"timestamptz '{NEVER.isoformat()}'"
_HELD: Final = f"now.state = '{PaymentState.HELD}'"
_IS_RETURN_DUE: Final = f"now.state = '{IncomingState.RETURN_DUE}'"
_WITHDRAWING: Final = ", ".join(repr(str(state)) for state in sorted(WITHDRAWING))
_TO_BE_ANSWERED: Final = ", ".join(repr(str(state)) for state in TO_BE_ANSWERED)


def _payments(of_tenant: str) -> str:
    return f"""
SELECT * FROM (
    SELECT {PAYMENT_COLUMNS},
        CASE WHEN {_HELD} THEN '{DueKind.HELD_PAYMENT}' ELSE '{DueKind.PAYMENT_IN_DOUBT}' END AS due_kind,
        CASE WHEN {_HELD} THEN coalesce(now.timer_at, {_NEVER}) ELSE fact.deadline_at END AS due_by
    FROM payment AS fact JOIN payment_state AS now ON now.payment_id = fact.payment_id
    LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE {stands()} AND fact.payment_id = ANY (ARRAY(
        SELECT payment_id FROM payment_state WHERE state = '{PaymentState.HELD}'{of_tenant}
        UNION SELECT payment_id FROM payment_state WHERE state = '{PaymentState.AWAITING_OPERATOR}'{of_tenant}
        UNION SELECT payment_id FROM payment_event AS said WHERE {STANDS_UNSEEN}{of_tenant}
    ))
) AS due
WHERE due_kind = ANY ($1::text[]) AND (due_by, accepted_at, payment_id) > ($3, $4, $5)
ORDER BY due_by, accepted_at, payment_id LIMIT $2
"""


def _transfers(of_tenant: str) -> str:
    return f"""
SELECT * FROM (
    SELECT {TRANSFER_COLUMNS},
        CASE
            WHEN {_IS_RETURN_DUE} THEN '{DueKind.RETURN}'
            WHEN now.state IN ({TO_BE_DECIDED_SQL}) THEN '{DueKind.POSTING}'
            ELSE '{DueKind.TRANSFER_IN_DOUBT}'
        END AS due_kind
    FROM incoming_transfer AS fact JOIN incoming_state AS now ON now.payment_id = fact.payment_id
    LEFT JOIN slot AS home ON home.slot = now.slot
    WHERE {stands()} AND fact.payment_id = ANY (ARRAY(
        SELECT payment_id FROM incoming_state
        WHERE state IN ({TO_BE_DECIDED_SQL}, '{IncomingState.AWAITING_OPERATOR}'){of_tenant}
        UNION SELECT payment_id FROM incoming_state WHERE attention IS NOT NULL{of_tenant}
        UNION SELECT payment_id FROM incoming_state WHERE contrary_word IS NOT NULL{of_tenant}
    ))
) AS due
WHERE due_kind = ANY ($1::text[]) AND forwarded_at >= $3
    AND (forwarded_at >= $4 OR (forwarded_at, payment_id) > ($5, $6))
ORDER BY forwarded_at, payment_id LIMIT $2
"""


def _return_requests(of_tenant: str) -> str:
    return f"""
SELECT {TRANSFER_COLUMNS}, '{DueKind.RETURN_REQUEST}' AS due_kind
FROM incoming_transfer AS fact JOIN incoming_state AS now ON now.payment_id = fact.payment_id
LEFT JOIN slot AS home ON home.slot = now.slot
WHERE {stands()} AND '{DueKind.RETURN_REQUEST}' = ANY ($1::text[]) AND fact.payment_id = ANY (ARRAY(
        SELECT payment_id FROM incoming_state
        WHERE request_due_at >= $3 AND request_state IN ({_TO_BE_ANSWERED}){of_tenant}
    )) AND (now.request_due_at, fact.forwarded_at, fact.payment_id) > ($3, $4, $5)
ORDER BY now.request_due_at, fact.forwarded_at, fact.payment_id LIMIT $2
"""


def _conversations(of_tenant: str) -> str:
    return f"""
SELECT * FROM (
    SELECT found.*,
        CASE
            WHEN NOT is_to_us THEN '{DueKind.CONVERSATION_IN_DOUBT}'
            WHEN state IN ({_WITHDRAWING}) THEN '{DueKind.WITHDRAWAL}'
            WHEN kind = '{ConversationKind.REQUEST_FOR_PAYMENT}' THEN '{DueKind.REQUEST_FOR_PAYMENT}'
            ELSE '{DueKind.INFORMATION_REQUEST}'
        END AS due_kind,
        CASE WHEN is_to_us THEN due_at ELSE {_NEVER} END AS due_by
    FROM (
        SELECT standing.*, side = '{Side.THEM}' AND due_at IS NOT NULL AS is_to_us
        FROM ({conversations_as_they_stand("$6")} WHERE fact.conversation_id = ANY (ARRAY(
            SELECT conversation_id FROM conversation_state WHERE due_at IS NOT NULL{of_tenant}
            UNION SELECT conversation_id FROM conversation_state WHERE attention{of_tenant}
        ))) AS standing
    ) AS found
    WHERE is_to_us OR attention
) AS due
WHERE due_kind = ANY ($1::text[]) AND (due_by, opened_at, conversation_id) > ($3, $4, $5)
ORDER BY due_by, opened_at, conversation_id LIMIT $2
"""


_SOURCES: Final = {
    Source.PAYMENT: (_payments, 6),
    Source.TRANSFER: (_transfers, 7),
    Source.RETURN_REQUEST: (_return_requests, 6),
    Source.CONVERSATION: (_conversations, 7),
}
"""Each with the number of the parameter that names the tenant."""

OF_ALL: Final = {source: statement("") for source, (statement, _) in _SOURCES.items()}
"""Parameters: the kinds, the limit, the place after which it goes on, and what the source needs beside."""

OF_TENANT: Final = {
    source: statement(f" AND tenant_id = ${number}") for source, (statement, number) in _SOURCES.items()
}
"""The same, with the tenant last. One statement each: one plan for both would walk through every tenant's."""

SINCE: Final = f"""
SELECT payment_id,
    max(at) FILTER (WHERE state_before IS DISTINCT FROM state_after) AS stands_since,
    max(at) FILTER (WHERE contradiction) AS contradicted_at,
    max(at) FILTER (WHERE kind IN ('{IncomingEvent.RETURN_REQUESTED}', '{IncomingEvent.RETURN_DEFERRED}')) AS asked_at
FROM payment_event WHERE payment_id = ANY ($1::uuid[]) GROUP BY payment_id
"""

SINCE_IN_CONVERSATIONS: Final = """
SELECT conversation_id,
    max(at) FILTER (WHERE state_before IS DISTINCT FROM state_after) AS stands_since,
    max(at) FILTER (WHERE strange) AS contradicted_at
FROM conversation_event WHERE conversation_id = ANY ($1::uuid[]) GROUP BY conversation_id
"""
