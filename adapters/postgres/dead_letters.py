"""Dead letters on PostgreSQL: two tables of facts, and nothing that is ever changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from adapters.postgres.connection import translated
from gateway.domain.payment import PaymentId, RegionId, TenantId
from gateway.service.ports import (
    Closing,
    DeadLetter,
    DeadLetterReason,
    DeadLetterState,
    Delivery,
    KeptDeadLetter,
    ParkedLetters,
    Queue,
)

_KEEP: Final = """
INSERT INTO dead_letter (region, delivery_id, queue, payment_id, tenant_id, deadline_at, attempts, reason, fault,
    published_at, died_at, kept_at)
SELECT $1, letter.delivery_id, queue, letter.payment_id,
    coalesce(
        (SELECT tenant_id FROM payment WHERE payment.payment_id = letter.payment_id LIMIT 1),
        (SELECT tenant_id FROM incoming_transfer AS received WHERE received.payment_id = letter.payment_id LIMIT 1)
    ),
    deadline_at, attempts, reason, fault, published_at, died_at, $2
FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::timestamptz[], $7::integer[], $8::text[], $9::text[],
        $10::timestamptz[], $11::timestamptz[])
    AS letter (delivery_id, queue, payment_id, deadline_at, attempts, reason, fault, published_at, died_at)
ORDER BY letter.delivery_id
ON CONFLICT (delivery_id, region) DO NOTHING
RETURNING delivery_id
"""

_LETTERS: Final = """
SELECT letter.delivery_id, letter.queue, letter.payment_id, letter.tenant_id, letter.deadline_at, letter.attempts,
    letter.reason, letter.fault, letter.published_at, letter.died_at,
    closing.redriven_as, closing.note, closing.closed_by, closing.at AS closed_at
FROM dead_letter AS letter LEFT JOIN dead_letter_closing AS closing USING (delivery_id, region)
WHERE letter.region = $1
"""

_FIND: Final = f"""
{_LETTERS}
    AND ($2::text IS NULL OR letter.tenant_id = $2)
    AND ($3::text IS NULL OR letter.queue = $3)
    AND ($4::text IS NULL OR $4 = CASE
        WHEN closing.delivery_id IS NULL THEN '{DeadLetterState.PARKED}'
        WHEN closing.redriven_as IS NULL THEN '{DeadLetterState.DISCARDED}'
        ELSE '{DeadLetterState.REDRIVEN}' END)
ORDER BY letter.died_at, letter.delivery_id LIMIT $5
"""

_LOAD: Final = f"{_LETTERS} AND letter.delivery_id = $2"

_DISCARD: Final = """
INSERT INTO dead_letter_closing (region, delivery_id, redriven_as, note, closed_by, at)
SELECT region, delivery_id, NULL, $3, $4, $5 FROM dead_letter WHERE region = $1 AND delivery_id = $2
ON CONFLICT (delivery_id, region) DO NOTHING
RETURNING delivery_id
"""

_REDRIVE: Final = """
WITH closed AS (
    INSERT INTO dead_letter_closing (region, delivery_id, redriven_as, note, closed_by, at)
    SELECT region, delivery_id, $6, $3, $4, $5 FROM dead_letter
    WHERE region = $1 AND delivery_id = $2 AND tenant_id IS NOT NULL
    ON CONFLICT (delivery_id, region) DO NOTHING
    RETURNING delivery_id
), queued AS (
    INSERT INTO outbox (delivery_id, queue, tenant_id, payment_id, deadline_at, created_at)
    SELECT $6, queue, tenant_id, payment_id, deadline_at, $5
    FROM dead_letter JOIN closed USING (delivery_id) WHERE region = $1
)
SELECT delivery_id FROM closed
"""

_PARKED: Final = """
SELECT queue, count(*) AS count, min(died_at) AS oldest_at
FROM dead_letter AS letter
WHERE region = $1 AND NOT EXISTS (
    SELECT FROM dead_letter_closing AS closing
    WHERE closing.delivery_id = letter.delivery_id AND closing.region = letter.region
)
GROUP BY queue
"""

_OPERATOR_OF_KEY: Final = "SELECT name FROM operator_key WHERE key_digest = $1 AND revoked_at IS NULL"


class PostgresDeadLetters:
    """Implements `gateway.service.ports.DeadLetterStore` over a pool of the application's role.

    A closing is inserted, and the primary key lets one alone in: who comes second waits for the first to commit, and
    is then told that nothing was left to do. The caller opens and closes the pool.
    """

    def __init__(self, pool: asyncpg.Pool, *, region: RegionId) -> None:
        self._pool = pool
        self._region = region

    async def keep(self, letters: Sequence[DeadLetter], *, at: datetime) -> Sequence[UUID]:
        """Keep what is not kept yet; see the port."""
        with translated():
            rows = await self._pool.fetch(
                _KEEP,
                self._region,
                at,
                [letter.delivery.delivery_id for letter in letters],
                [letter.delivery.queue.value for letter in letters],
                [letter.delivery.payment_id for letter in letters],
                [letter.delivery.deadline_at for letter in letters],
                [letter.delivery.attempt for letter in letters],
                [letter.reason.value for letter in letters],
                [letter.fault for letter in letters],
                [letter.published_at for letter in letters],
                [letter.died_at for letter in letters],
            )
        return [_uuid(row["delivery_id"]) for row in rows]

    async def find(
        self, *, tenant_id: TenantId | None, queue: Queue | None, state: DeadLetterState | None, limit: int
    ) -> Sequence[KeptDeadLetter]:
        """Return dead letters, the longest dead first; see the port."""
        with translated():
            rows = await self._pool.fetch(_FIND, self._region, tenant_id, queue, state, limit)
        return [_letter_from(row) for row in rows]

    async def load(self, delivery_id: UUID) -> KeptDeadLetter | None:
        """Return one; see the port."""
        with translated():
            row = await self._pool.fetchrow(_LOAD, self._region, delivery_id)
        return None if row is None else _letter_from(row)

    async def close(self, delivery_id: UUID, closing: Closing) -> bool:
        """Save the decision, and the outbox row of a redrive, in one statement; see the port."""
        parameters = (self._region, delivery_id, closing.note, closing.by, closing.at)
        with translated():
            if closing.redriven_as is None:
                closed = await self._pool.fetchval(_DISCARD, *parameters)
            else:
                closed = await self._pool.fetchval(_REDRIVE, *parameters, closing.redriven_as)
        return closed is not None

    async def parked(self) -> Mapping[Queue, ParkedLetters]:
        """Return what nobody has acted on; see the port."""
        with translated():
            rows = await self._pool.fetch(_PARKED, self._region)
        return {Queue(row["queue"]): ParkedLetters(row["count"], row["oldest_at"]) for row in rows}

    async def operator_of_key(self, digest: bytes) -> str | None:
        """Return whose key it is; see the port."""
        with translated():
            name: str | None = await self._pool.fetchval(_OPERATOR_OF_KEY, digest)
        return name


def _letter_from(row: asyncpg.Record) -> KeptDeadLetter:
    closing = None
    if row["closed_at"] is not None:
        redriven_as = row["redriven_as"]
        closing = Closing(
            at=row["closed_at"],
            by=row["closed_by"],
            note=row["note"],
            redriven_as=None if redriven_as is None else _uuid(redriven_as),
        )
    return KeptDeadLetter(
        letter=DeadLetter(
            delivery=Delivery(
                delivery_id=_uuid(row["delivery_id"]),
                queue=Queue(row["queue"]),
                payment_id=PaymentId(_uuid(row["payment_id"])),
                deadline_at=row["deadline_at"],
                attempt=row["attempts"],
            ),
            reason=DeadLetterReason(row["reason"]),
            fault=row["fault"],
            published_at=row["published_at"],
            died_at=row["died_at"],
        ),
        tenant_id=None if row["tenant_id"] is None else TenantId(row["tenant_id"]),
        closing=closing,
    )


def _uuid(value: UUID) -> UUID:
    return UUID(int=value.int)  # asyncpg's own subclass stays inside the adapter
