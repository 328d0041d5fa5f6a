"""From the outbox to the bus, at least once: who commits a delivery forwards it, and the relay sweeps up what is left.

An outbox row is the promise that a delivery will be published. The process that has just committed rows knows them,
and publishes them at once (`Forwarder`): nobody has to look for them first. It promises nothing: whatever it did not
publish, because it died, the bus was away, or too much waited, still is in the outbox, and `relay` publishes what has
been there for `FORWARDED_WITHIN_S`. A delivery that both publish comes twice, which every consumer stands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.service.ports import Bus, Clock, Leg, Observer, OutboundDelivery, PaymentStore

BATCH_MAX: Final = 200
"""Deliveries that are published together; larger batches brought nothing."""

FORWARDED_WITHIN_S: Final = 0.5
"""A row that is still there after this is the relay's: many times what a forwarder takes, and little of a promise."""

PAUSE_S: Final = 0.1
"""How long the relay rests when it has found nothing."""

FORGET_S: Final = 0.05
"""How long a forwarder gathers what it has published before it deletes the rows: one small commit for many."""

WAITING_MAX: Final = 2_000
"""Deliveries that may wait for the forwarder; past that they are the relay's."""

Forward = Callable[[Sequence[OutboundDelivery]], None]
"""What is told of deliveries whose rows are committed."""


def leave_to_the_relay(_deliveries: Sequence[OutboundDelivery]) -> None:
    """Forward nothing: the relay publishes it."""


class Forwarder:
    """Publishes what this process has just committed; `publish` and `forget` must be running, or the relay does it."""

    def __init__(self, store: PaymentStore, bus: Bus, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._observer = observer
        self._waiting: deque[OutboundDelivery] = deque(maxlen=WAITING_MAX)
        self._arrived = asyncio.Event()
        self._published: list[UUID] = []
        self._has_published = asyncio.Event()

    def take(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Publish these soon; their rows are committed. Never waits and never fails: the rows are there."""
        self._waiting.extend(deliveries)
        self._arrived.set()

    async def publish(self) -> None:
        """Publish what is taken, until cancelled.

        Raises:
            UnavailableError: the bus does not answer; what waited is left to the relay.
            UnroutableError: a queue is missing; likewise.

        """
        self._waiting.clear()  # from before a fault: the relay has it, or will have
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]:
                started_s = self._clock.monotonic_s()
                await self._bus.publish(batch)
                self._published += [delivery.delivery_id for delivery in batch]
                self._has_published.set()
                self._observer.leg(Leg.RELAY, self._clock.monotonic_s() - started_s)

    async def forget(self) -> None:
        """Delete the rows of what was published, until cancelled.

        Raises:
            UnavailableError: the store does not answer; the relay publishes those rows once more.

        """
        while True:
            await self._has_published.wait()
            await self._clock.pause(FORGET_S)
            self._has_published.clear()
            published, self._published = self._published, []
            await self._store.forget(published)


async def relay_once(
    store: PaymentStore, bus: Bus, *, created_before: datetime | None = None, batch_max: int = BATCH_MAX
) -> int:
    """Publish what the outbox holds, up to `batch_max` rows, and delete it; returns how many.

    A failure in between publishes them again later: consumers stand that. `created_before` leaves younger rows alone.

    Raises:
        UnavailableError: store or bus do not answer; the rows stay.
        UnroutableError: a queue is missing; the rows stay.

    """
    async with store.relay(limit=batch_max, created_before=created_before) as deliveries:
        if deliveries:
            await bus.publish(deliveries)
        return len(deliveries)


async def relay(store: PaymentStore, bus: Bus, clock: Clock, observer: Observer) -> None:
    """Publish what no forwarder has, until cancelled."""
    while True:
        started_s = clock.monotonic_s()
        count = await relay_once(store, bus, created_before=clock.now() - timedelta(seconds=FORWARDED_WITHIN_S))
        if count:
            observer.leg(Leg.RELAY, clock.monotonic_s() - started_s)
        else:
            await clock.pause(PAUSE_S)
