"""Sealing on PostgreSQL, while others write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import asyncpg

from adapters.postgres.audit import CHAINED, SEALS, SEALS_AFTER, AuditConnection, entries_of, seal_from
from adapters.postgres.connection import translated
from gateway.domain.audit import UNCHAINED, Seal, sealed_entry
from gateway.domain.payment import RegionId
from gateway.service.ports import HistoryBeganAnewError, Unsealed

COUNTED_MAX: Final = 100_000
"""Unsealed events are counted up to here: more are as bad, and would be slow to count every few seconds."""

_TAKE_TURN: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('fifteen.audit.' || $1, 0))"

_NEWEST_SEAL: Final = f"{SEALS} ORDER BY number DESC LIMIT 1"

_OLDEST_RUNNING: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
"""Every transaction below has ended: what it wrote is committed and seen by the statements that follow, or gone."""

_LAST_OF_BATCH: Final = f"""
SELECT sql_transaction FROM {CHAINED} WHERE region = $1 AND sql_transaction >= $2 AND sql_transaction < $3
ORDER BY sql_transaction OFFSET $4 LIMIT 1
"""

_SUM_OF_ENTRIES: Final = f"""
SELECT count(*) AS events, count(digest) AS chained_events, sha256(coalesce(string_agg(
    int8send(sql_transaction) || digest, ''::bytea ORDER BY sql_transaction, payment_id, epoch, sequence
), '')) AS entries
FROM {CHAINED} WHERE region = $1 AND sql_transaction >= $2 AND sql_transaction < $3
"""
"""`sealed_entry` of each event, in SQL: what was written is not carried to a client to be sealed."""

_INSERT: Final = """
INSERT INTO audit_seal (region, number, previous, entries, events, transactions_from, transactions_before, at, digest,
    covers_conversations)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_UNSEALED: Final = f"""
WITH head AS (
    SELECT coalesce(max(number), 0) AS number, coalesce(max(transactions_before), 0) AS before
    FROM audit_seal WHERE region = $1
)
SELECT head.number, count(rest.at) AS events, min(rest.at) AS oldest_at
FROM head LEFT JOIN LATERAL (
    SELECT at FROM {CHAINED} WHERE region = $1 AND sql_transaction >= head.before
    ORDER BY sql_transaction LIMIT $2
) AS rest ON true
GROUP BY head.number
"""


class PostgresAudit:
    """Implements `gateway.service.ports.AuditStore` over a pool of the application's role.

    One process seals at a time, by an advisory lock that ends with the transaction; and if two did, the key of the
    seal's number would let one alone in. The caller opens and closes the pool.
    """

    def __init__(self, pool: asyncpg.Pool, *, region: RegionId) -> None:
        self._pool = pool
        self._region = region

    async def seal(self, *, at: datetime, events_max: int) -> Seal | None:
        """Seal the oldest that is not sealed; see the port."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval(_TAKE_TURN, self._region):
                    return None
                return await self._seal(connection, at=at, events_max=events_max)

    async def _seal(self, connection: AuditConnection, *, at: datetime, events_max: int) -> Seal | None:
        newest = await connection.fetchrow(_NEWEST_SEAL, self._region)
        last = None if newest is None else seal_from(newest)
        since = 0 if last is None else last.transactions_before
        before = await self._before(connection)
        if before < since:
            raise HistoryBeganAnewError(
                f"transaction {since - 1} is sealed, and the oldest running one is {before}: "
                "the database was restored from a dump (docs/runbooks/audit.md)"
            )
        last_of_batch = await connection.fetchval(_LAST_OF_BATCH, self._region, since, before, events_max - 1)
        if last_of_batch is not None:
            before = last_of_batch + 1
        events, entries = await self._entries(connection, since, before)
        if not events:
            return None
        seal = Seal(
            region=self._region,
            number=1 if last is None else last.number + 1,
            previous=UNCHAINED if newest is None else newest["digest"],
            entries=entries,
            events=events,
            transactions_from=since,
            transactions_before=before,
            at=at,
            covers_conversations=True,
        )
        await connection.execute(_INSERT, *_seal_row(seal))
        return seal

    async def _entries(self, connection: AuditConnection, since: int, before: int) -> tuple[int, bytes]:
        """How many events a span has, and what a seal holds of them; where all are chained, the server computes it."""
        row = (await connection.fetch(_SUM_OF_ENTRIES, self._region, since, before))[0]
        if row["events"] == row["chained_events"]:
            return row["events"], row["entries"]
        entries = sha256()
        async for part in entries_of(connection, self._region, since, before):
            entries.update(b"".join([sealed_entry(entry.sql_transaction, entry.digest) for entry in part]))
        return row["events"], entries.digest()

    async def _before(self, connection: AuditConnection) -> int:
        before: int = await connection.fetchval(_OLDEST_RUNNING)
        return before

    async def seals_after(self, number: int, *, limit: int) -> Sequence[Seal]:
        """Return the seals that follow; see the port."""
        with translated():
            rows = await self._pool.fetch(SEALS_AFTER, self._region, number, limit)
        return [seal_from(row) for row in rows]

    async def unsealed(self) -> Unsealed:
        """Return what no seal covers; see the port."""
        with translated():
            row = (await self._pool.fetch(_UNSEALED, self._region, COUNTED_MAX))[0]
        return Unsealed(events=row["events"], oldest_at=row["oldest_at"], seals=row["number"])


def _seal_row(seal: Seal) -> tuple[Any, ...]:
    return (
        seal.region,
        seal.number,
        seal.previous,
        seal.entries,
        seal.events,
        seal.transactions_from,
        seal.transactions_before,
        seal.at,
        seal.digest(),
        seal.covers_conversations,
    )
