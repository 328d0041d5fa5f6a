"""The archive's index on PostgreSQL: what is due, what has been archived, and where it lies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg

from adapters.postgres import statements
from adapters.postgres.connection import translated
from adapters.postgres.rows import message_from
from gateway.domain.audit import MessageFacts
from gateway.domain.incoming import IncomingState
from gateway.domain.payment import PaymentId, RegionId, TenantId
from gateway.service.ports import (
    ArchivedMessage,
    ArchivedSegment,
    ArchiveReader,
    ArchiveTotals,
    ArchiveTurn,
    ForeignObjectError,
    KeptMessage,
    MessageDirection,
    Part,
    RawMessage,
    Sealed,
    UnavailableError,
    Vault,
    Walk,
    Walked,
)

WALKED_MAX: Final = 2_000
"""Messages that one statement looks at: it stays short, however much is archived already."""

SEGMENTS_MAX: Final = 1_000
"""Rows of one part when the index is read: memory stays flat."""

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

_TAKE_TURN: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('fifteen.archive.' || $1, 0))"

_NEXT_NUMBER: Final = "SELECT coalesce(max(number), 0) + 1 FROM archive_segment WHERE region = $1"

_KEPT_COLUMNS: Final = """
    message.message_id, message.tenant_id, message.payment_id, message.direction, message.message_type,
    message.business_message_id, message.content_type, message.key_id, message.digest, message.at,
    message.event_sequence
"""

_OF_PAYMENTS: Final = f"SELECT {_KEPT_COLUMNS}, message.region, message.body, false AS is_of_conversation FROM message"

_OF_CONVERSATIONS: Final = """
    SELECT message.message_id, message.tenant_id, message.conversation_id, message.direction, message.message_type,
        message.business_message_id, message.content_type, message.key_id, message.digest, message.at,
        message.sequence, message.region, message.body, true
    FROM conversation_message AS message
"""
"""In the columns of a payment's message: a conversation's id stands where a payment's does."""


def _of_both(conditions: str) -> str:
    """Return the messages of payments and of conversations that meet conditions, which each table has an index for."""
    return f"(({_OF_PAYMENTS} {conditions}) UNION ALL ({_OF_CONVERSATIONS} {conditions})) AS message"


_UETR: Final = """
    coalesce(
        (SELECT uetr FROM payment
        WHERE payment.payment_id = message.payment_id AND payment.tenant_id = message.tenant_id LIMIT 1),
        (SELECT uetr FROM incoming_transfer AS incoming
        WHERE incoming.payment_id = message.payment_id AND incoming.tenant_id = message.tenant_id LIMIT 1)
    ) AS uetr
"""

_SETTLED_FOR_GOOD: Final = ", ".join(
    repr(str(state)) for state in IncomingState if state.is_final and state is not IncomingState.BLOCKED
)
"""By state, and not by when one was first final: what is blocked is final until a person acts."""

_OF_UETR: Final = """
    SELECT payment_id FROM payment WHERE tenant_id = $1 AND uetr = $2
    UNION
    SELECT payment_id FROM incoming_transfer WHERE tenant_id = $1 AND uetr = $2
    LIMIT $3
"""

_IS_ARCHIVED: Final = """
    EXISTS (
        SELECT FROM archived_message AS archived
        WHERE archived.message_id = message.message_id AND archived.tenant_id = message.tenant_id
            AND archived.region = message.region
    )
"""

_NEXT: Final = """
    WHERE message.region = $1 AND message.at >= $2 AND (message.at, message.message_id) > ($2, $3) AND message.at < $4
    ORDER BY message.at, message.message_id LIMIT $5
"""

_WALK: Final = f"""
WITH looked_at AS (
    SELECT {_KEPT_COLUMNS}, {_UETR}, message.body, {_IS_ARCHIVED} AS is_archived,
        EXISTS (
            SELECT FROM payment_state AS state
            WHERE state.payment_id = message.payment_id AND state.tenant_id = message.tenant_id
                AND state.final_at IS NOT NULL
        ) OR EXISTS (
            SELECT FROM incoming_state AS state
            WHERE state.payment_id = message.payment_id AND state.tenant_id = message.tenant_id
                AND state.state IN ({_SETTLED_FOR_GOOD})
        ) OR message.is_of_conversation AS is_final
    FROM {_of_both(_NEXT)}
    ORDER BY message.at, message.message_id LIMIT $5
), judged AS (
    SELECT *, is_final AND NOT is_archived AND sha256(body) = digest AS is_due FROM looked_at
), measured AS (
    SELECT *, sum(CASE WHEN is_due THEN octet_length(body) ELSE 0 END) OVER (ORDER BY at, message_id) AS size
    FROM judged
)
SELECT message_id, tenant_id, payment_id, direction, message_type, business_message_id, content_type, key_id, digest,
    at, event_sequence, uetr, is_archived, is_due, CASE WHEN is_due THEN body END AS body
FROM measured
WHERE size - CASE WHEN is_due THEN octet_length(body) ELSE 0 END < $6
ORDER BY at, message_id
"""

_NAMED: Final = """
    WHERE message.region = $1 AND message.at = {by}.at AND message.message_id = {by}.message_id
        AND message.tenant_id = {by}.tenant_id
"""

_KEPT: Final = f"""
SELECT {_KEPT_COLUMNS}, {_UETR}, message.body
FROM unnest($2::timestamptz[], $3::uuid[], $4::text[]) AS wanted (at, message_id, tenant_id)
CROSS JOIN LATERAL {_of_both(_NAMED.format(by="wanted"))}
WHERE NOT {_IS_ARCHIVED}
ORDER BY at, message_id
"""

_RECORD_SEGMENT: Final = """
INSERT INTO archive_segment (region, number, messages, first_at, last_at, key_id, size, header_size, digest,
    archived_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_RECORD_MESSAGES: Final = f"""
INSERT INTO archived_message (region, message_id, tenant_id, payment_id, direction, message_type, business_message_id,
    content_type, key_id, digest, at, event_sequence, segment, position, starts_at, size)
SELECT $1, {_KEPT_COLUMNS}, $2, found.position, found.starts_at, found.size
FROM unnest($3::timestamptz[], $4::uuid[], $5::text[], $6::bytea[], $7::integer[], $8::bigint[], $9::integer[])
    AS found (at, message_id, tenant_id, digest, position, starts_at, size)
CROSS JOIN LATERAL {_of_both(_NAMED.format(by="found"))}
WHERE message.digest = found.digest
RETURNING position
"""

_TOTALS: Final = """
SELECT coalesce(max(number), 0) AS segments,
    (
        SELECT max((regexp_match(pg_get_expr(child.relpartbound, child.oid), $$TO \\('([^']*)'\\)$$))[1])
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = to_regclass('message_' || $1)
    ) AS months_until
FROM archive_segment WHERE region = $1
"""

_NOWHERE: Final = Walk(datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


class PostgresArchiveStore:
    """Implements `gateway.service.ports.ArchiveStore` over a pool of the application's role.

    One process archives at a time, by an advisory lock that ends with the transaction; and if two did, the key of the
    segment's number would let one alone in. The caller opens and closes the pool.
    """

    def __init__(self, pool: asyncpg.Pool, *, region: RegionId, walked_max: int = WALKED_MAX) -> None:
        self._pool = pool
        self._region = region
        self._walked_max = walked_max

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[ArchiveTurn | None]:
        """Hold the lock in a transaction, which commits when the context ends; see the port."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                is_ours = await connection.fetchval(_TAKE_TURN, self._region)
                yield PostgresArchiveTurn(connection, self._region, walked_max=self._walked_max) if is_ours else None

    async def totals(self) -> ArchiveTotals:
        """Return how much is archived; see the port."""
        with translated():
            row = (await self._pool.fetch(_TOTALS, self._region))[0]
        until = row["months_until"]
        return ArchiveTotals(row["segments"], None if until is None else datetime.fromisoformat(until))


class PostgresArchiveTurn:
    """Implements `gateway.service.ports.ArchiveTurn` in a transaction that somebody else ends."""

    def __init__(self, connection: _Connection, region: RegionId, *, walked_max: int = WALKED_MAX) -> None:
        self._connection = connection
        self._region = region
        self._walked_max = walked_max

    async def next_number(self) -> int:
        """Return the number that comes next; see the port."""
        return int(await self._connection.fetchval(_NEXT_NUMBER, self._region))

    async def walk(self, since: Walk | None, *, before: datetime, bytes_max: int) -> Walked:
        """Look at the next messages; see the port."""
        begin = since or _NOWHERE
        rows = await self._connection.fetch(
            _WALK, self._region, begin.at, begin.message_id, before, self._walked_max, max(bytes_max, 1)
        )
        left = [row["at"] for row in rows if not row["is_archived"] and not row["is_due"]]
        return Walked(
            due=[_kept_from(row) for row in rows if row["is_due"]],
            to=Walk(rows[-1]["at"], _uuid(rows[-1]["message_id"])) if rows else None,
            left_at=left[0] if left else None,
        )

    async def kept(self, messages: Sequence[KeptMessage]) -> Sequence[KeptMessage]:
        """Return those that are kept and not archived; see the port."""
        rows = await self._connection.fetch(
            _KEPT,
            self._region,
            [message.facts.at for message in messages],
            [message.facts.message_id for message in messages],
            [message.tenant_id for message in messages],
        )
        return [_kept_from(row) for row in rows]

    async def record(self, segment: ArchivedSegment, messages: Sequence[KeptMessage], records: Sequence[Part]) -> None:
        """Write the index; see the port."""
        try:
            await self._connection.execute(
                _RECORD_SEGMENT,
                *(segment.region, segment.number, segment.messages, segment.first_at, segment.last_at),
                *(segment.key_id, segment.size, segment.header_size, segment.digest, segment.archived_at),
            )
            written = await self._connection.fetch(
                _RECORD_MESSAGES,
                self._region,
                segment.number,
                [message.facts.at for message in messages],
                [message.facts.message_id for message in messages],
                [message.tenant_id for message in messages],
                [message.facts.digest for message in messages],
                list(range(len(messages))),
                [record.start for record in records],
                [record.size for record in records],
            )
        except asyncpg.UniqueViolationError as error:
            raise ForeignObjectError(f"segment {segment.number}: another process was quicker: {error}") from error
        if len(written) != len(messages):
            raise ForeignObjectError(
                f"segment {segment.number} holds {len(messages)} messages, {len(written)} of them are kept here"
            )


# --- Reading the index ------------------------------------------------------------------------------------------

_INDEX_COLUMNS: Final = """
    archived.region, archived.message_id, archived.tenant_id, archived.payment_id, archived.direction,
    archived.message_type, archived.business_message_id, archived.content_type, archived.key_id, archived.digest,
    archived.at, archived.event_sequence, archived.segment, archived.position, archived.starts_at, archived.size,
    segment.header_size
"""

_INDEX: Final = f"""
    SELECT {_INDEX_COLUMNS} FROM archived_message AS archived
    JOIN archive_segment AS segment ON segment.region = archived.region AND segment.number = archived.segment
"""

ARCHIVED_OF_PAYMENTS: Final = f"""
    {_INDEX} WHERE archived.payment_id = ANY ($1::uuid[])
    ORDER BY archived.payment_id, archived.at, archived.message_id
"""
"""What is archived of some payments; the rows themselves may still be in `message`."""

_OF_SEGMENT: Final = f"{_INDEX} WHERE archived.region = $1 AND archived.segment = $2 ORDER BY archived.position"

_SEGMENTS: Final = """
    SELECT region, number, messages, first_at, last_at, key_id, size, header_size, digest, archived_at
    FROM archive_segment WHERE region = $1
"""

_SEGMENTS_AFTER: Final = f"{_SEGMENTS} AND number > $2 ORDER BY number LIMIT $3"

_SEGMENT: Final = f"{_SEGMENTS} AND number = $2"


class PostgresArchiveIndex:
    """Implements `gateway.service.ports.ArchiveIndex` on a connection of any role that may read."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def regions(self) -> Sequence[RegionId]:
        """Return the regions; see the port."""
        with translated():
            rows = await self._connection.fetch("SELECT DISTINCT region FROM archive_segment ORDER BY region")
        return [RegionId(row["region"]) for row in rows]

    async def segments(self, region: RegionId) -> AsyncIterator[ArchivedSegment]:
        """Return the objects; see the port."""
        number = 0
        while True:
            with translated():
                rows = await self._connection.fetch(_SEGMENTS_AFTER, region, number, SEGMENTS_MAX)
            for row in rows:
                yield ArchivedSegment(*row.values())
            if len(rows) < SEGMENTS_MAX:
                return
            number = rows[-1]["number"]

    async def segment(self, region: RegionId, number: int) -> ArchivedSegment:
        """Return one object; see the port."""
        with translated():
            rows = await self._connection.fetch(_SEGMENT, region, number)
        if not rows:
            raise LookupError(f"the index has no segment {number} of region {region}")
        return ArchivedSegment(*rows[0].values())

    async def messages(self, region: RegionId, number: int) -> Sequence[ArchivedMessage]:
        """Return what an object holds; see the port."""
        with translated():
            return [archived_from(row) for row in await self._connection.fetch(_OF_SEGMENT, region, number)]

    async def of_payments(self, payment_ids: Sequence[PaymentId]) -> Sequence[ArchivedMessage]:
        """Return what is archived of them; see the port."""
        with translated():
            rows = await self._connection.fetch(ARCHIVED_OF_PAYMENTS, list(payment_ids))
        return [archived_from(row) for row in rows]

    async def of_uetr(self, tenant_id: TenantId, uetr: str, *, limit: int) -> Sequence[PaymentId]:
        """Return the payments of a tenant, sent or received, that have a UETR."""
        with translated():
            return [PaymentId(row[0]) for row in await self._connection.fetch(_OF_UETR, tenant_id, uetr, limit)]


async def messages_of(
    pool: asyncpg.Pool[asyncpg.Record], payment_id: PaymentId, *, vault: Vault, archive: ArchiveReader | None
) -> Sequence[RawMessage]:
    """Return a payment's raw messages in the order of its events, wherever they are; raises as `read_archived`.

    The clocks of two processes may differ: which event a message came with does not.
    """
    with translated():
        rows = await pool.fetch(statements.MESSAGES, payment_id)
    here = [message_from(row, vault) for row in rows if row["body"] is not None]
    archived = [row for row in rows if row["body"] is None]
    known = {message.message_id for message in here}
    away = (await read_archived(archived, archive, vault, but=known)).get(payment_id, ())
    sequences = {UUID(int=row["raw_id"].int): row["event_sequence"] or 0 for row in rows}
    return sorted((*here, *away), key=lambda message: (sequences[message.message_id], message.at, message.message_id))


async def read_archived(
    rows: Sequence[asyncpg.Record], reader: ArchiveReader | None, vault: Vault, *, but: Container[UUID] = ()
) -> Mapping[UUID, Sequence[RawMessage]]:
    """Return the messages that rows of `ARCHIVED_OF_PAYMENTS` speak of, by payment; `but` those that are at hand.

    Raises:
        ArchiveDamagedError: the archive does not have them as they were.
        UnavailableError: there is no archive to look in, or it does not answer.

    """
    wanted = [archived_from(row) for row in rows if row["message_id"] not in but]
    if not wanted:
        return {}
    if reader is None:
        raise UnavailableError(f"{len(wanted)} messages are in the archive: set FIFTEEN_ARCHIVE_URL")
    found: defaultdict[UUID, list[RawMessage]] = defaultdict(list)
    for message, body in zip(wanted, await reader.bodies(wanted), strict=True):
        facts = message.facts
        found[message.payment_id].append(
            RawMessage(
                message_id=facts.message_id,
                direction=MessageDirection(facts.direction),
                message_type=facts.message_type,
                business_message_id=facts.business_message_id,
                content_type=facts.content_type,
                body=vault.open(Sealed(facts.key_id, body)),
                at=facts.at,
            )
        )
    return found


def archived_from(row: asyncpg.Record) -> ArchivedMessage:
    """Return what a row of the index says."""
    return ArchivedMessage(
        facts=_facts_from(row),
        region=row["region"],
        tenant_id=row["tenant_id"],
        payment_id=_uuid(row["payment_id"]),
        event_sequence=row["event_sequence"],
        segment=row["segment"],
        position=row["position"],
        record=Part(row["starts_at"], row["size"]),
        header_size=row["header_size"],
    )


def _kept_from(row: asyncpg.Record) -> KeptMessage:
    return KeptMessage(
        facts=_facts_from(row),
        tenant_id=row["tenant_id"],
        payment_id=_uuid(row["payment_id"]),
        uetr=row["uetr"],
        event_sequence=row["event_sequence"],
        body=row["body"],
    )


def _facts_from(row: asyncpg.Record) -> MessageFacts:
    return MessageFacts(
        message_id=_uuid(row["message_id"]),
        direction=row["direction"],
        message_type=row["message_type"],
        business_message_id=row["business_message_id"],
        content_type=row["content_type"],
        key_id=row["key_id"],
        digest=row["digest"],
        at=row["at"],
    )


def _uuid(value: Any) -> UUID:
    return UUID(int=value.int)  # asyncpg's own subclass stays inside the adapter
