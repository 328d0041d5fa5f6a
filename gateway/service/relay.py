"""The relay: from the outbox to the bus, at least once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gateway.service.ports import Bus, Clock, Leg, Observer, PaymentStore

BATCH_MAX: Final = 200
"""Outbox rows of one transaction; larger batches brought nothing."""

PAUSE_BUSY_S: Final = 0.005
PAUSE_IDLE_S: Final = 0.02
"""How long the relay rests after a batch, and after none."""


async def relay_once(store: PaymentStore, bus: Bus, *, batch_max: int = BATCH_MAX) -> int:
    """Publish what the outbox holds, up to `batch_max` rows, and delete it; returns how many.

    A failure in between publishes them again later: consumers stand that.

    Raises:
        UnavailableError: store or bus do not answer; the rows stay.
        UnroutableError: a queue is missing; the rows stay.

    """
    async with store.relay(limit=batch_max) as deliveries:
        if deliveries:
            await bus.publish(deliveries)
        return len(deliveries)


async def relay(store: PaymentStore, bus: Bus, clock: Clock, observer: Observer) -> None:
    """Relay until cancelled."""
    while True:
        started_s = clock.monotonic_s()
        count = await relay_once(store, bus)
        if count:
            observer.leg(Leg.RELAY, clock.monotonic_s() - started_s)
        pause_s = PAUSE_BUSY_S if count else PAUSE_IDLE_S
        await clock.sleep_until(clock.now() + timedelta(seconds=pause_s))
