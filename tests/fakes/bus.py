"""A bus in memory, for unit tests: obeys the contract of `Bus`, except that it ends with its process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from uuid import UUID

from gateway.service.fault_text import fault_text
from gateway.service.ports import (
    BlockedError,
    Clock,
    DeadLetter,
    DeadLetterReason,
    Delivery,
    DeliveryHandler,
    OutboundDelivery,
    Queue,
    UnavailableError,
    UnroutableError,
)
from gateway.service.supervise import Verdict
from tests.fakes.clock import VirtualClock


@dataclass(slots=True)
class Waiting:
    """A delivery on a queue, and whether a consumer has it."""

    outbound: OutboundDelivery
    published_at: datetime
    attempt: int = 0
    is_handed_out: bool = False

    @property
    def delivery(self) -> Delivery:
        return Delivery(
            delivery_id=self.outbound.delivery_id,
            queue=self.outbound.queue,
            payment_id=self.outbound.payment_id,
            deadline_at=self.outbound.deadline_at,
            attempt=self.attempt,
        )


class InMemoryBus:
    """Queues in a dictionary. What failed is handed out again at once, in the loop's next turn.

    `reachable` off makes everything raise `UnavailableError`, as a broker that is down; consumers then get nothing.
    `blocked` makes `check` and `publish` raise `BlockedError`, as a broker that is short of memory or disk.
    """

    def __init__(self, *, clock: Clock | None = None, delivery_limit: int = 10, declared: bool = True) -> None:
        self.reachable = True
        self.blocked = False
        self._clock = clock or VirtualClock()
        self._delivery_limit = delivery_limit
        self._queues: dict[Queue, dict[UUID, Waiting]] = {queue: {} for queue in Queue} if declared else {}
        self._dead: list[DeadLetter] = []
        self.changed = asyncio.Event()

    async def declare(self) -> None:
        """Make every queue known."""
        for queue in Queue:
            self._queues.setdefault(queue, {})

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Put all on their queues, or none."""
        await self.check()
        for delivery in deliveries:
            if delivery.queue not in self._queues:
                raise UnroutableError(f"not declared: {delivery.queue}")
        now = self._clock.now()
        for delivery in deliveries:
            self._queues[delivery.queue].setdefault(delivery.delivery_id, Waiting(delivery, now))
        self.changed.set()

    def consume(
        self, queue: Queue, handler: DeliveryHandler, *, prefetch: int, concurrency: int
    ) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open, at most `concurrency` at once."""
        if not 1 <= concurrency <= prefetch:
            raise ValueError("1 <= concurrency <= prefetch must hold")
        return _Consumer(self, queue, handler, concurrency=concurrency)

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait or are handed out."""
        self._demand_reachable()
        return len(self._queues.get(queue, {}))

    @asynccontextmanager
    async def take_dead_letters(self, *, limit: int) -> AsyncIterator[Sequence[DeadLetter]]:
        """Lend dead letters, the longest dead first; an exception gives them back."""
        self._demand_reachable()
        taken, self._dead = self._dead[:limit], self._dead[limit:]
        try:
            yield tuple(taken)
        except BaseException:
            self._dead = taken + self._dead
            raise

    async def check(self) -> None:
        """Raise `UnavailableError` while `reachable` is off, `BlockedError` while `blocked`."""
        self._demand_reachable()
        if self.blocked:
            raise BlockedError("the bus in memory is blocked")

    def ready(self, queue: Queue) -> list[Waiting]:
        """Return what may be handed out now, the earliest deadline first."""
        if not self.reachable:
            return []
        ready = [waiting for waiting in self._queues.get(queue, {}).values() if not waiting.is_handed_out]
        return sorted(ready, key=lambda waiting: waiting.outbound.deadline_at)

    def _demand_reachable(self) -> None:
        if not self.reachable:
            raise UnavailableError("the bus in memory is switched off")

    def conclude(self, waiting: Waiting, fault: Exception | None) -> None:
        """Settle a delivery, give it back, or make it a dead letter."""
        queue, delivery_id = waiting.outbound.queue, waiting.outbound.delivery_id
        waiting.is_handed_out = False
        if isinstance(fault, UnavailableError):
            waiting.attempt -= 1  # the world's fault costs no attempt
        elif fault is not None and waiting.attempt >= self._delivery_limit:
            self._dead.append(
                DeadLetter(
                    waiting.delivery,
                    DeadLetterReason.HANDLER_FAILED,
                    fault_text(fault),
                    published_at=waiting.published_at,
                    died_at=self._clock.now(),
                )
            )
        if fault is None or waiting.attempt >= self._delivery_limit:
            self._queues[queue].pop(delivery_id, None)
        self.changed.set()


class _Consumer(AbstractAsyncContextManager[None]):
    def __init__(self, bus: InMemoryBus, queue: Queue, handler: DeliveryHandler, *, concurrency: int) -> None:
        self._bus = bus
        self._queue = queue
        self._handler = handler
        self._concurrency = concurrency
        self._is_leaving = False
        self._running = 0
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._group.create_task(self._hand_out())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_leaving = True
        self._bus.changed.set()
        is_cancelled = isinstance(error, asyncio.CancelledError)
        await self._group.__aexit__(*((kind, error, traceback) if is_cancelled else (None, None, None)))

    async def _hand_out(self) -> None:
        while not self._is_leaving:
            for waiting in self._bus.ready(self._queue)[: self._concurrency - self._running]:
                waiting.is_handed_out = True
                waiting.attempt += 1
                self._running += 1
                self._group.create_task(self._handle(waiting))
            self._bus.changed.clear()
            await self._bus.changed.wait()

    async def _handle(self, waiting: Waiting) -> None:
        verdict = Verdict()
        try:
            async with verdict:
                await self._handler(waiting.delivery)
        except asyncio.CancelledError as error:
            verdict.fault = UnavailableError(f"its consumer left: {error}")
            raise
        finally:
            self._running -= 1
            self._bus.conclude(waiting, verdict.fault)
