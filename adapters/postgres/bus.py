"""The bus of the embedded default, in PostgreSQL: leases by ``SKIP LOCKED``.

A consumer polls, quickly while there is work and slowly when there is none. ``NOTIFY`` is not used: it takes a lock
that serialises the commits of all who publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg

from adapters.postgres.bus_consumer import Pace, PostgresSupply
from adapters.postgres.bus_statements import BusDatabase
from gateway.service.consuming import Consumer, Patience
from gateway.service.ports import BusObserver, Clock, DeadLetter, DeliveryHandler, OutboundDelivery, Queue


class PostgresBus:
    """The `Bus` on PostgreSQL. Its user opens and closes `pool`, and calls `declare` once.

    * `lease_s`: how long a delivery stays with a consumer that gives no sign of life; handlers that run renew it.
    * `delivery_limit`: how often a delivery is handed out before it becomes a dead letter.
    * `retry_s`, `retry_max_s`: the pause after the first handler that raised, doubled with each one up to the maximum.
    * `poll_busy_s`, `poll_idle_s`: the pause between polls just after work was found, doubled up to the latter.
    * `drain_s`: how long a consumer that leaves waits for its handlers; the rest is given back.

    A consumer holds one connection at a time for claiming and one for settling, each for one statement.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Clock,
        *,
        observer: BusObserver,
        lease_s: float = 5.0,
        delivery_limit: int = 10,
        retry_s: float = 0.1,
        retry_max_s: float = 5.0,
        poll_busy_s: float = 0.005,
        poll_idle_s: float = 0.05,
        drain_s: float = 10.0,
    ) -> None:
        self._database = BusDatabase(pool, clock, delivery_limit=delivery_limit)
        self._pace = Pace(lease_s=lease_s, poll_busy_s=poll_busy_s, poll_idle_s=poll_idle_s)
        self._patience = Patience(retry_s=retry_s, retry_max_s=retry_max_s, drain_s=drain_s)
        self._observer = observer
        self._consumers: list[PostgresSupply] = []

    async def declare(self) -> None:
        """Make every queue known; a repeat is safe.

        Raises:
            UnavailableError: not certain.

        """
        await self._database.declare(tuple(Queue))

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Put all on their queues, or none, in one commit; see `Bus.publish`.

        Raises:
            UnroutableError: a queue is not declared; nothing was published.
            UnavailableError: not certain whether they are on their queues.

        """
        if not deliveries:
            return
        await self._database.publish(deliveries)
        queues = {delivery.queue for delivery in deliveries}
        for consumer in self._consumers:
            if consumer.queue in queues:
                consumer.wake()

    def consume(
        self, queue: Queue, handler: DeliveryHandler, *, prefetch: int, concurrency: int
    ) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open; see `Bus.consume`.

        Raises:
            ValueError: `concurrency` is below 1, or `prefetch` below `concurrency`.

        """
        supply = PostgresSupply(
            self._database, queue, pace=self._pace, observer=self._observer, running=self._consumers
        )
        return Consumer(
            queue,
            handler,
            supply,
            prefetch=prefetch,
            concurrency=concurrency,
            patience=self._patience,
            observer=self._observer,
        )

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait or are handed out, dead letters not counted.

        Raises:
            UnavailableError: the database does not answer.

        """
        return await self._database.depth(queue)

    def take_dead_letters(self, *, limit: int) -> AbstractAsyncContextManager[Sequence[DeadLetter]]:
        """Lend dead letters; see `Bus.take_dead_letters`.

        Raises:
            UnavailableError: the database does not answer.

        """
        return self._database.take_dead_letters(limit=limit)

    async def check(self) -> None:
        """Return if the bus can take a delivery now.

        Raises:
            UnavailableError: the database does not answer, or takes no writes.
            UnroutableError: no queue has been declared.

        """
        await self._database.check()
