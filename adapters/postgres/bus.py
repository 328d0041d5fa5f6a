"""The bus of the embedded default, in PostgreSQL: leases by ``SKIP LOCKED``.

A consumer polls, quickly while there is work and slowly when there is none. ``NOTIFY`` is not used: it takes a lock
that serialises the commits of all who publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg

from adapters.postgres.bus_consumer import BusConsumer, FaultListener, Pace
from adapters.postgres.bus_statements import BusDatabase
from gateway.service.ports import Clock, DeadLetter, DeliveryHandler, OutboundDelivery, Queue


class PostgresBus:
    """The `Bus` on PostgreSQL. Its user opens and closes `pool`, and calls `declare` once.

    * `lease_s`: how long a delivery stays with a consumer that gives no sign of life; handlers that run renew it.
    * `delivery_limit`: how often a delivery is handed out before it becomes a dead letter.
    * `retry_s`, `retry_max_s`: the pause after the first handler that raised, doubled with each one up to the maximum.
    * `poll_busy_s`, `poll_idle_s`: the pause between polls just after work was found, doubled up to the latter.
    * `drain_s`: how long a consumer that leaves waits for its handlers; the rest is given back.
    * `on_fault`: is told what handlers raise, and when the database is away (`Observer.fault` is one).

    A consumer holds one connection at a time for claiming and one for settling, each for one statement.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        clock: Clock,
        *,
        lease_s: float = 5.0,
        delivery_limit: int = 10,
        retry_s: float = 0.1,
        retry_max_s: float = 5.0,
        poll_busy_s: float = 0.005,
        poll_idle_s: float = 0.05,
        drain_s: float = 10.0,
        on_fault: FaultListener | None = None,
    ) -> None:
        self._database = BusDatabase(pool, clock, delivery_limit=delivery_limit)
        self._pace = Pace(
            lease_s=lease_s,
            retry_s=retry_s,
            retry_max_s=retry_max_s,
            poll_busy_s=poll_busy_s,
            poll_idle_s=poll_idle_s,
            drain_s=drain_s,
        )
        self._on_fault = on_fault
        self._consumers: list[BusConsumer] = []

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

    def consume(self, queue: Queue, handler: DeliveryHandler, *, prefetch: int) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open, at most `prefetch` at once; see `Bus.consume`.

        The context must be left by the task that entered it.

        Raises:
            ValueError: `prefetch` is below 1.

        """
        return BusConsumer(
            self._database,
            queue,
            handler,
            prefetch=prefetch,
            pace=self._pace,
            on_fault=self._on_fault,
            running=self._consumers,
        )

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait or are handed out, dead letters not counted.

        Raises:
            UnavailableError: the database does not answer.

        """
        return await self._database.depth(queue)

    async def dead_letters(self, queue: Queue, *, limit: int) -> Sequence[DeadLetter]:
        """Return dead letters of `queue`, oldest first, without taking them away.

        Raises:
            UnavailableError: the database does not answer.

        """
        return await self._database.dead_letters(queue, limit=limit)

    async def check(self) -> None:
        """Return if the bus can take a delivery now.

        Raises:
            UnavailableError: the database does not answer, takes no writes, or no queue has been declared.

        """
        await self._database.check()
