"""The statements of the embedded bus: each a transaction of its own, set-based, and safe to repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from adapters.postgres.connection import translated
from gateway.domain.payment import PaymentId
from gateway.service.ports import (
    Clock,
    DeadLetter,
    DeadLetterReason,
    Delivery,
    OutboundDelivery,
    Queue,
    UnavailableError,
    UnroutableError,
)

ACQUIRE_TIMEOUT_S: Final = 5.0
"""A pool that has no connection free for so long is as good as no database."""

_DECLARE: Final = "INSERT INTO bus_queue (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"

_PUBLISH: Final = """
WITH incoming AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])
        AS incoming (delivery_id, queue, payment_id, deadline_at)
), unknown AS (
    SELECT DISTINCT queue FROM incoming WHERE queue NOT IN (SELECT name FROM bus_queue)
), published AS (
    INSERT INTO bus_delivery (delivery_id, queue, payment_id, deadline_at, published_at, available_at, attempt)
    SELECT delivery_id, queue, payment_id, deadline_at, $5, $5, 0 FROM incoming
    WHERE NOT EXISTS (SELECT FROM unknown)
    ON CONFLICT (delivery_id) DO NOTHING
)
SELECT queue FROM unknown ORDER BY queue
"""

_BURY: Final = """
    INSERT INTO bus_dead_letter
        (delivery_id, queue, payment_id, deadline_at, published_at, dead_at, attempt, reason, fault)
    SELECT delivery_id, queue, payment_id, deadline_at, published_at, $2, attempt, reason, fault FROM exhausted
    ON CONFLICT (delivery_id) DO UPDATE
    SET dead_at = excluded.dead_at, attempt = excluded.attempt, reason = excluded.reason, fault = excluded.fault
"""

_CLAIM: Final = f"""
WITH ready AS (
    SELECT delivery_id FROM bus_delivery
    WHERE queue = $1 AND available_at <= $2
    ORDER BY deadline_at, delivery_id LIMIT $3 FOR UPDATE SKIP LOCKED
), exhausted AS (
    DELETE FROM bus_delivery USING ready
    WHERE bus_delivery.delivery_id = ready.delivery_id AND attempt >= $5
    RETURNING bus_delivery.*, '{DeadLetterReason.CONSUMER_DIED}' AS reason
), buried AS ({_BURY})
UPDATE bus_delivery SET attempt = attempt + 1, available_at = $4
FROM ready WHERE bus_delivery.delivery_id = ready.delivery_id AND attempt < $5
RETURNING bus_delivery.delivery_id, queue, payment_id, deadline_at, attempt
"""  # noqa: S608 - put together from constants

_RENEW: Final = """
UPDATE bus_delivery SET available_at = $3
FROM unnest($1::uuid[], $2::int[]) AS held (delivery_id, lease)
WHERE bus_delivery.delivery_id = held.delivery_id AND attempt = lease
"""

_SETTLE: Final = "DELETE FROM bus_delivery WHERE delivery_id = ANY($1::uuid[])"

_GIVE_BACK: Final = f"""
WITH given AS (
    SELECT * FROM unnest($1::uuid[], $3::int[], $4::int[], $5::text[], $6::timestamptz[])
        AS given (delivery_id, lease, attempts, fault, retry_at)
), exhausted AS (
    DELETE FROM bus_delivery USING given
    WHERE bus_delivery.delivery_id = given.delivery_id AND attempt = lease AND attempts >= $7
    RETURNING bus_delivery.delivery_id, queue, payment_id, deadline_at, published_at, attempt,
        coalesce(given.fault, bus_delivery.fault) AS fault,
        CASE WHEN given.fault IS NULL THEN '{DeadLetterReason.CONSUMER_DIED}'
            ELSE '{DeadLetterReason.HANDLER_FAILED}' END AS reason
), buried AS ({_BURY})
UPDATE bus_delivery
SET attempt = attempts, available_at = retry_at, fault = coalesce(given.fault, bus_delivery.fault)
FROM given WHERE bus_delivery.delivery_id = given.delivery_id AND attempt = lease AND attempts < $7
"""  # noqa: S608 - put together from constants

_REASONS: Final = frozenset(DeadLetterReason)

_DEPTH: Final = "SELECT count(*) FROM bus_delivery WHERE queue = $1"

_TAKE_DEAD_LETTERS: Final = """
DELETE FROM bus_dead_letter
WHERE delivery_id = ANY (ARRAY(
    SELECT delivery_id FROM bus_dead_letter ORDER BY dead_at, delivery_id LIMIT $1 FOR UPDATE SKIP LOCKED
))
RETURNING delivery_id, queue, payment_id, deadline_at, attempt, reason, fault, published_at, dead_at
"""

_CHECK: Final = "SELECT current_setting('transaction_read_only') = 'on', EXISTS (SELECT FROM bus_queue)"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A lease that is given back.

    ``attempts`` is how often the delivery now counts as handed out, ``fault`` what its handler raised (None: nothing,
    its consumer leaves), ``pause`` how long it rests before it is handed out again.
    """

    delivery: Delivery
    attempts: int
    fault: str | None
    pause: timedelta = timedelta(0)


class BusDatabase:
    """The bus's statements on a pool. Each raises `UnavailableError` where its effect is not certain.

    A lease is named by the delivery's id and its attempt: each handing out has a higher one, so that who has lost a
    lease can neither renew it nor give it back.
    """

    def __init__(self, pool: asyncpg.Pool, clock: Clock, *, delivery_limit: int) -> None:
        self._pool = pool
        self._clock = clock
        self._delivery_limit = delivery_limit

    async def declare(self, queues: Sequence[Queue]) -> None:
        """Make the queues known."""
        async with self._connection() as connection:
            await connection.execute(_DECLARE, queues)

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Put all on their queues, or none.

        Raises:
            UnroutableError: a queue is not declared.

        """
        # In one order everywhere: concurrent publishers of the same deliveries would otherwise deadlock.
        ordered = sorted(deliveries, key=lambda delivery: delivery.delivery_id)
        async with self._connection() as connection:
            unknown = await connection.fetch(
                _PUBLISH,
                [delivery.delivery_id for delivery in ordered],
                [delivery.queue for delivery in ordered],
                [delivery.payment_id for delivery in ordered],
                [delivery.deadline_at for delivery in ordered],
                self._clock.now(),
            )
        if unknown:
            raise UnroutableError(f"not declared: {', '.join(row['queue'] for row in unknown)}; nothing was published")

    async def claim(self, queue: Queue, *, deliveries_max: int, lease: timedelta) -> list[Delivery]:
        """Lease what is ready, earliest deadline first; what has been handed out too often becomes a dead letter."""
        now = self._clock.now()
        async with self._connection() as connection:
            rows = await connection.fetch(_CLAIM, queue, now, deliveries_max, now + lease, self._delivery_limit)
        return sorted(map(_delivery_from, rows), key=lambda delivery: delivery.deadline_at)

    async def renew(self, deliveries: Sequence[Delivery], *, lease: timedelta) -> None:
        """Prolong the leases that have not been lost."""
        until = self._clock.now() + lease
        async with self._connection() as connection:
            await connection.execute(
                _RENEW, [each.delivery_id for each in deliveries], [each.attempt for each in deliveries], until
            )

    async def settle(self, delivery_ids: Sequence[UUID]) -> None:
        """Delete deliveries that have been handled, whoever holds them now."""
        async with self._connection() as connection:
            await connection.execute(_SETTLE, sorted(delivery_ids))

    async def give_back(self, returned: Sequence[GivenBack]) -> None:
        """End the leases that have not been lost; what has been handed out too often becomes a dead letter."""
        now = self._clock.now()
        ordered = sorted(returned, key=lambda each: each.delivery.delivery_id)
        async with self._connection() as connection:
            await connection.execute(
                _GIVE_BACK,
                [each.delivery.delivery_id for each in ordered],
                now,
                [each.delivery.attempt for each in ordered],
                [each.attempts for each in ordered],
                [each.fault for each in ordered],
                [now + each.pause for each in ordered],
                self._delivery_limit,
            )

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait or are leased."""
        async with self._connection() as connection:
            count: int = await connection.fetchval(_DEPTH, queue)
        return count

    @asynccontextmanager
    async def take_dead_letters(self, *, limit: int) -> AsyncIterator[list[DeadLetter]]:
        """Lend dead letters, the longest dead first; they are deleted when the context is left normally."""
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._connection())
            with translated():
                transaction = connection.transaction()
                await transaction.start()
                rows = await connection.fetch(_TAKE_DEAD_LETTERS, limit)
            letters = sorted(map(_dead_letter_from, rows), key=lambda letter: letter.died_at)
            try:
                yield letters
            except BaseException:
                await transaction.rollback()
                raise
            with translated():
                await transaction.commit()

    async def check(self) -> None:
        """Return if a delivery can be written now."""
        async with self._connection() as connection:
            row = await connection.fetchrow(_CHECK)
        assert row is not None, "it asks for one row"
        is_read_only, is_declared = row
        if is_read_only:
            raise UnavailableError("PostgreSQL is read-only")
        if not is_declared:
            raise UnroutableError("no queue has been declared")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """Lend a connection."""
        with translated():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                yield connection


def _dead_letter_from(row: asyncpg.Record) -> DeadLetter:
    reason, fault = row["reason"], row["fault"]
    if reason not in _REASONS:  # a worker of a former revision has written a sentence
        reason, fault = DeadLetterReason.HANDLER_FAILED, reason
    return DeadLetter(
        delivery=_delivery_from(row),
        reason=DeadLetterReason(reason),
        fault=fault,
        published_at=row["published_at"],
        died_at=row["dead_at"],
    )


def _delivery_from(row: asyncpg.Record) -> Delivery:
    return Delivery(
        delivery_id=row["delivery_id"],
        queue=Queue(row["queue"]),
        payment_id=PaymentId(row["payment_id"]),
        deadline_at=row["deadline_at"],
        attempt=row["attempt"],
    )
