"""The audit trail on PostgreSQL, read as it is at one moment; it is sealed by `adapters.postgres.sealing`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg

from adapters.postgres.connection import CONNECT_TIMEOUT_S, SESSION_SETTINGS, translated
from gateway.domain.audit import (
    UNCHAINED,
    ConversationFacts,
    EventFacts,
    IncomingTransferFacts,
    MessageFacts,
    PaymentFacts,
    Seal,
    chained,
)
from gateway.domain.payment import RegionId
from gateway.service.ports import (
    AuditedEvent,
    AuditedMessage,
    AuditedPayment,
    AuditedState,
    SealedEntry,
    Span,
)

EVENTS_MAX: Final = 6_000
ENTRIES_MAX: Final = 10_000
SEALS_MAX: Final = 1_000
"""Rows of one part when the trail is read: memory stays flat."""

AuditConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

SEALS: Final = """
SELECT region, number, previous, entries, events, transactions_from, transactions_before, at, digest,
    covers_conversations
FROM audit_seal WHERE region = $1
"""

SEALS_AFTER: Final = f"{SEALS} AND number > $2 ORDER BY number LIMIT $3"

CHAINED: Final = """(
    SELECT region, sql_transaction, payment_id, epoch, sequence, digest, at, false AS is_of_conversation
    FROM payment_event
    UNION ALL
    SELECT region, sql_transaction, conversation_id, epoch, sequence, digest, at, true FROM conversation_event
) AS chained"""
"""What seals cover; what a former release has written of conversations has no transaction, and is not among it."""

_ENTRIES: Final = f"""
SELECT sql_transaction, payment_id, epoch, sequence, digest, at, is_of_conversation FROM {CHAINED}
WHERE region = $1 AND sql_transaction >= $2 AND sql_transaction < coalesce($3, 9223372036854775807)
ORDER BY sql_transaction, payment_id, epoch, sequence
"""

_ALL_OF_EVENTS: Final = """
SELECT region, payment_id, tenant_id, epoch, sequence, kind, state_before, state_after, status, reason_code,
    reason_origin, reason_text, business_message_id, details, contradiction, at, digest,
    sql_transaction IS NOT NULL AS has_transaction
FROM payment_event
"""

_ALL_OF_ACTS: Final = """
SELECT region, conversation_id, tenant_id, epoch, sequence, act, state_before, state_after, NULL, reason_code,
    reason_origin, reason_text, business_message_id,
    jsonb_strip_nulls(jsonb_build_object('decided_by', decided_by, 'payment_id', payment_id::text)), strange, at,
    digest, sql_transaction IS NOT NULL
FROM conversation_event
"""

_EVENTS: Final = f"""
{_ALL_OF_EVENTS} WHERE payment_id >= $1 AND payment_id <= $2
UNION ALL
{_ALL_OF_ACTS} WHERE conversation_id >= $1 AND conversation_id <= $2
ORDER BY payment_id, epoch, sequence
"""

_UNCHAINED: Final = f"""
{_ALL_OF_EVENTS} WHERE payment_id = ANY ($1::uuid[]) AND digest IS NULL
UNION ALL
{_ALL_OF_ACTS} WHERE conversation_id = ANY ($1::uuid[]) AND digest IS NULL
"""

_FACTS: Final = """
SELECT region, payment_id, tenant_id, rail, message_id, end_to_end_id, instruction_id, uetr, amount_cents,
    debtor_agent, creditor_agent, debtor_account_index, creditor_account_index, business_date, accepted_at, deadline_at,
    funds_holder, original_id
FROM payment WHERE payment_id >= $1 AND payment_id <= $2
"""

_INCOMING_FACTS: Final = """
SELECT region, payment_id, tenant_id, rail, message_id, message_created_at, instruction_id, end_to_end_id,
    transaction_id, uetr, amount_cents, instructing_agent, instructed_agent, debtor_agent, creditor_agent,
    debtor_account_index, creditor_account_index, forwarded_at, received_at, answer_by, message_type, original_id
FROM incoming_transfer WHERE payment_id >= $1 AND payment_id <= $2
"""

_CONVERSATION_FACTS: Final = """
SELECT region, conversation_id AS payment_id, tenant_id, rail, kind, side, message_id, content_digest, own_agent,
    counterparty, topic, amount_cents, end_to_end_id, about_id, opened_at, pay_by, expires_at
FROM conversation WHERE conversation_id >= $1 AND conversation_id <= $2
"""

_MESSAGES: Final = """
SELECT payment_id, region, tenant_id, event_sequence, message_id, direction, message_type, business_message_id,
    content_type, key_id, digest, at, sha256(body) = digest AS is_intact, false AS is_archived
FROM message WHERE payment_id >= $1 AND payment_id <= $2
UNION ALL
SELECT payment_id, region, tenant_id, event_sequence, message_id, direction, message_type, business_message_id,
    content_type, key_id, digest, at, true, true
FROM archived_message AS archived WHERE payment_id >= $1 AND payment_id <= $2 AND NOT EXISTS (
    SELECT FROM message
    WHERE message.at = archived.at AND message.message_id = archived.message_id
        AND message.tenant_id = archived.tenant_id AND message.region = archived.region
) AND NOT EXISTS (
    SELECT FROM conversation_message AS message
    WHERE message.message_id = archived.message_id AND message.tenant_id = archived.tenant_id
        AND message.region = archived.region
)
UNION ALL
SELECT conversation_id, region, tenant_id, sequence, message_id, direction, message_type, business_message_id,
    content_type, key_id, digest, at, sha256(body) = digest, false
FROM conversation_message WHERE conversation_id >= $1 AND conversation_id <= $2
"""
"""What has left the database is told by the archive's index; its bytes are verified with the archive."""

_STATES: Final = """
SELECT payment_id, state, version, epoch, updated_at, event_digest
FROM payment_state WHERE payment_id >= $1 AND payment_id <= $2
UNION ALL
SELECT payment_id, state, version, epoch, updated_at, event_digest
FROM incoming_state WHERE payment_id >= $1 AND payment_id <= $2
UNION ALL
SELECT conversation_id, state, version, epoch, updated_at, event_digest
FROM conversation_state WHERE conversation_id >= $1 AND conversation_id <= $2
"""

_UNFOLDED: Final = "SELECT DISTINCT payment_id FROM projection_due WHERE payment_id >= $1 AND payment_id <= $2"

_LAST_OF_PART: Final = """
SELECT payment_id FROM (
    SELECT payment_id FROM payment_event WHERE payment_id > $1
    UNION ALL
    SELECT conversation_id FROM conversation_event WHERE conversation_id > $1
) AS events ORDER BY payment_id OFFSET $2 LIMIT 1
"""
"""Where a part ends. What is there of a payment without any event falls between two such ids as well."""

_LASTS_OF_SPANS: Final = """
SELECT DISTINCT payment_id
FROM (
    SELECT payment_id, row_number() OVER (ORDER BY payment_id) AS number
    FROM (SELECT payment_id FROM payment_event UNION ALL SELECT conversation_id FROM conversation_event) AS events
) AS counted
WHERE number % $1 = 0 ORDER BY payment_id
"""

_NEAREST: Final = UUID(int=0)
_FARTHEST: Final = UUID(int=(1 << 128) - 1)


class PostgresAuditReader:
    """Implements `gateway.service.ports.AuditReader` on a connection whose transaction sees one moment."""

    def __init__(self, connection: AuditConnection) -> None:
        self._connection = connection

    async def regions(self) -> Sequence[RegionId]:
        """Return the regions that have events or seals; see the port."""
        rows = await self._connection.fetch(
            "SELECT region FROM payment_event UNION SELECT region FROM conversation_event "
            "UNION SELECT region FROM audit_seal ORDER BY region"
        )
        return [RegionId(row["region"]) for row in rows]

    async def count(self) -> int:
        """Return how many events there are; see the port."""
        of_both = "SELECT (SELECT count(*) FROM payment_event) + (SELECT count(*) FROM conversation_event)"
        return int(await self._connection.fetchval(of_both))

    async def snapshot(self) -> str:
        """Return a name under which others can read this same moment, while this reader is open."""
        return str(await self._connection.fetchval("SELECT pg_export_snapshot()"))

    async def spans(self, *, events: int) -> Sequence[Span]:
        """Divide all payments into spans of about so many events each."""
        lasts = [row["payment_id"] for row in await self._connection.fetch(_LASTS_OF_SPANS, events)]
        firsts = [_NEAREST, *(UUID(int=last.int + 1) for last in lasts)]
        return list(zip(firsts, [*lasts, _FARTHEST], strict=True))

    async def payments(self, between: Span | None = None) -> AsyncIterator[Sequence[AuditedPayment]]:
        """Read the payments; see the port."""
        first, end = between or (_NEAREST, _FARTHEST)
        while first <= end:
            found = await self._connection.fetchval(_LAST_OF_PART, first, EVENTS_MAX - 1)
            last = end if found is None else min(UUID(int=found.int), end)
            yield await self._payments(first, last)
            if last == _FARTHEST:
                return
            first = UUID(int=last.int + 1)

    async def _payments(self, first: UUID, last: UUID) -> Sequence[AuditedPayment]:
        fetch = self._connection.fetch
        sent = [(row, PaymentFacts(*row.values())) for row in await fetch(_FACTS, first, last)]
        received = [(row, IncomingTransferFacts(*row.values())) for row in await fetch(_INCOMING_FACTS, first, last)]
        talks = [(row, ConversationFacts(*row.values())) for row in await fetch(_CONVERSATION_FACTS, first, last)]
        facts = _by_payment([*sent, *received, *talks])
        events = _by_payment((row, _event_from(row)) for row in await fetch(_EVENTS, first, last))
        messages = _by_payment((row, _message_from(row)) for row in await fetch(_MESSAGES, first, last))
        states = {row["payment_id"]: _state_from(row) for row in await fetch(_STATES, first, last)}
        unfolded = {row["payment_id"] for row in await fetch(_UNFOLDED, first, last)}
        return [
            AuditedPayment(
                payment_id,
                facts.get(payment_id, ()),
                events.get(payment_id, ()),
                messages.get(payment_id, ()),
                states.get(payment_id),
                is_folded=payment_id not in unfolded,
            )
            for payment_id in sorted({*facts, *events, *messages, *states})
        ]

    async def seals(self, region: RegionId, *, after: int = 0) -> AsyncIterator[Sequence[tuple[Seal, bytes]]]:
        """Read a region's seals; see the port."""
        while rows := await self._connection.fetch(SEALS_AFTER, region, after, SEALS_MAX):
            yield [(seal_from(row), row["digest"]) for row in rows]
            after = rows[-1]["number"]

    async def entries(
        self, region: RegionId, *, since: int = 0, before: int | None = None
    ) -> AsyncIterator[Sequence[SealedEntry]]:
        """Read what a region's seals cover; see the port."""
        async for part in entries_of(self._connection, region, since, before):
            yield part


@asynccontextmanager
async def open_audit_reader(dsn: str, *, snapshot: str | None = None) -> AsyncIterator[PostgresAuditReader]:
    """Open the whole trail as it is at this moment, or at that of a snapshot; any role that may read will do.

    Raises:
        UnavailableError: the database does not answer, or refuses.

    """
    with translated():
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=SESSION_SETTINGS)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                if snapshot is not None:
                    await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
                yield PostgresAuditReader(connection)
        finally:
            await connection.close()


async def entries_of(
    connection: AuditConnection, region: RegionId, since: int, before: int | None
) -> AsyncIterator[Sequence[SealedEntry]]:
    """Read what a region's seals cover, from one transaction to before another, in the order in which it is sealed."""
    cursor = await connection.cursor(_ENTRIES, region, since, before)
    while rows := await cursor.fetch(ENTRIES_MAX):
        unchained = await _unchained(connection, {row["payment_id"] for row in rows if row["digest"] is None})
        yield [
            SealedEntry(
                row["sql_transaction"],
                row["payment_id"],
                row["digest"] or unchained[row["payment_id"], row["epoch"], row["sequence"]],
                row["at"],
                row["is_of_conversation"],
            )
            for row in rows
        ]


async def _unchained(connection: AuditConnection, payment_ids: set[UUID]) -> Mapping[tuple[UUID, int, int], bytes]:
    """What stands under a seal for events that were written before there were chains: made of their facts."""
    if not payment_ids:
        return {}
    events = [_event_from(row) for row in await connection.fetch(_UNCHAINED, list(payment_ids))]
    return {
        (event.facts.payment_id, event.epoch, event.facts.sequence): chained(
            UNCHAINED, epoch=event.epoch, facts=event.facts.digest()
        )
        for event in events
    }


def _by_payment(rows: Iterable[tuple[asyncpg.Record, Any]]) -> Mapping[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row, value in rows:
        found[row["payment_id"]].append(value)
    return found


def _event_from(row: asyncpg.Record) -> AuditedEvent:
    return AuditedEvent(
        row["epoch"],
        EventFacts(
            region=row["region"],
            payment_id=row["payment_id"],
            tenant_id=row["tenant_id"],
            sequence=row["sequence"],
            kind=row["kind"],
            state_before=row["state_before"],
            state_after=row["state_after"],
            status=row["status"],
            reason_code=row["reason_code"],
            reason_origin=row["reason_origin"],
            reason_text=row["reason_text"],
            business_message_id=row["business_message_id"],
            details={} if row["details"] == "{}" else json.loads(row["details"]),
            contradiction=row["contradiction"],
            at=row["at"],
        ),
        row["digest"],
        row["has_transaction"],
    )


def _message_from(row: asyncpg.Record) -> AuditedMessage:
    return AuditedMessage(
        MessageFacts(
            message_id=row["message_id"],
            direction=row["direction"],
            message_type=row["message_type"],
            business_message_id=row["business_message_id"],
            content_type=row["content_type"],
            key_id=row["key_id"],
            digest=row["digest"],
            at=row["at"],
        ),
        row["region"],
        row["tenant_id"],
        row["event_sequence"],
        row["is_intact"],
        row["is_archived"],
    )


def _state_from(row: asyncpg.Record) -> AuditedState:
    return AuditedState(row["state"], row["version"], row["epoch"], row["updated_at"], row["event_digest"])


def seal_from(row: asyncpg.Record) -> Seal:
    """Return the seal of a row."""
    return Seal(
        region=row["region"],
        number=row["number"],
        previous=row["previous"],
        entries=row["entries"],
        events=row["events"],
        transactions_from=row["transactions_from"],
        transactions_before=row["transactions_before"],
        at=row["at"],
        covers_conversations=row["covers_conversations"],
    )
