"""Receipts that are waited for, on PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from adapters.postgres.connection import translated
from gateway.domain.payment import Rail, TenantId
from gateway.service.ports.receipts import AwaitedReceipt, MissingReceipts, ReceiptOf

_EXPECT: Final = """
INSERT INTO awaited_receipt (rail, message_id, message_type, tenant_id, of_kind, of_id, copies)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""

_LEFT: Final = "UPDATE awaited_receipt SET sent_at = $3 WHERE rail = $1 AND message_id = $2 AND missed_at IS NULL"

_HEARD: Final = """
DELETE FROM awaited_receipt WHERE rail = $1 AND (message_id = ANY ($2::text[]) OR copies && $2::text[])
"""

_LATE: Final = """
SELECT * FROM awaited_receipt WHERE rail = $1 AND sent_at < $2 AND missed_at IS NULL ORDER BY sent_at LIMIT $3
"""

_MISSED: Final = """
UPDATE awaited_receipt SET missed_at = $3 WHERE rail = $1 AND message_id = $2 AND missed_at IS NULL
"""

_SENT_AGAIN: Final = """
WITH before AS (DELETE FROM awaited_receipt WHERE rail = $1 AND message_id = $2 RETURNING *)
INSERT INTO awaited_receipt AS kept (rail, message_id, message_type, tenant_id, of_kind, of_id, copies)
SELECT rail, $3::text, message_type, tenant_id, of_kind, of_id, copies || message_id FROM before
ON CONFLICT (rail, message_id) DO UPDATE SET copies = excluded.copies
"""

_MISSING: Final = """
SELECT * FROM awaited_receipt WHERE rail = $1 AND missed_at IS NOT NULL ORDER BY sent_at, message_id LIMIT $2
"""

_FIND_MISSING: Final = "SELECT * FROM awaited_receipt WHERE rail = $1 AND message_id = $2 AND missed_at IS NOT NULL"

_MISSING_OF: Final = """
SELECT * FROM awaited_receipt WHERE of_id = ANY ($1::uuid[]) AND missed_at IS NOT NULL ORDER BY sent_at, message_id
"""

_MISSED_SINCE: Final = "SELECT count(*) FROM awaited_receipt WHERE rail = $1 AND missed_at >= $2"

_COUNT: Final = """
SELECT count(*) AS count, min(sent_at) AS oldest FROM awaited_receipt WHERE rail = $1 AND missed_at IS NOT NULL
"""


class PostgresReceipts:
    """Implements `gateway.service.ports.receipts.ReceiptStore`; the caller opens and closes the pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def expect(self, awaited: AwaitedReceipt) -> None:
        """Note that it is about to leave; see the port."""
        with translated():
            await self._pool.execute(
                _EXPECT,
                awaited.rail.value,
                awaited.message_id,
                awaited.message_type,
                awaited.tenant_id,
                awaited.of.value,
                awaited.of_id,
                list(awaited.copies),
            )

    async def left(self, rail: Rail, message_id: str, *, at: datetime) -> None:
        """Note that it has left; see the port."""
        with translated():
            await self._pool.execute(_LEFT, rail.value, message_id, at)

    async def heard(self, rail: Rail, message_ids: Collection[str]) -> None:
        """Wait no more; see the port."""
        with translated():
            await self._pool.execute(_HEARD, rail.value, list(message_ids))

    async def late(self, rail: Rail, *, before: datetime, limit: int) -> Sequence[AwaitedReceipt]:
        """Return what has been on its way for too long; see the port."""
        with translated():
            rows = await self._pool.fetch(_LATE, rail.value, before, limit)
        return [_awaited_from(row) for row in rows]

    async def missed(self, awaited: AwaitedReceipt, *, at: datetime) -> None:
        """Note that it is missing; see the port."""
        with translated():
            await self._pool.execute(_MISSED, awaited.rail.value, awaited.message_id, at)

    async def sent_again(self, awaited: AwaitedReceipt, message_id: str) -> None:
        """Wait for another copy's; see the port."""
        with translated():
            await self._pool.execute(_SENT_AGAIN, awaited.rail.value, awaited.message_id, message_id)

    async def missing(self, rail: Rail, *, limit: int) -> Sequence[AwaitedReceipt]:
        """Return what is missing; see the port."""
        with translated():
            rows = await self._pool.fetch(_MISSING, rail.value, limit)
        return [_awaited_from(row) for row in rows]

    async def find_missing(self, rail: Rail, message_id: str) -> AwaitedReceipt | None:
        """Return the message if its receipt is missing; see the port."""
        with translated():
            rows = await self._pool.fetch(_FIND_MISSING, rail.value, message_id)
        return _awaited_from(rows[0]) if rows else None

    async def missing_of(self, of_ids: Collection[UUID]) -> Mapping[UUID, Sequence[AwaitedReceipt]]:
        """Return what is missing in these; see the port."""
        with translated():
            rows = await self._pool.fetch(_MISSING_OF, list(of_ids))
        found: dict[UUID, list[AwaitedReceipt]] = defaultdict(list)
        for awaited in map(_awaited_from, rows):
            found[awaited.of_id].append(awaited)
        return found

    async def missed_since(self, rail: Rail, since: datetime) -> int:
        """Return how many were found missing since then; see the port."""
        with translated():
            found: int = await self._pool.fetchval(_MISSED_SINCE, rail.value, since)
        return found

    async def count(self, rail: Rail) -> MissingReceipts:
        """Return how many are missing; see the port."""
        with translated():
            (row,) = await self._pool.fetch(_COUNT, rail.value)
        return MissingReceipts(row["count"], row["oldest"])


def _awaited_from(row: asyncpg.Record) -> AwaitedReceipt:
    return AwaitedReceipt(
        rail=Rail(row["rail"]),
        message_id=row["message_id"],
        message_type=row["message_type"],
        tenant_id=TenantId(row["tenant_id"]),
        of=ReceiptOf(row["of_kind"]),
        of_id=UUID(int=row["of_id"].int),
        sent_at=row["sent_at"],
        missed_at=row["missed_at"],
        copies=tuple(row["copies"]),
    )
