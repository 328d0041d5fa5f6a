"""Clients that wait for a final status: all of them are answered by one small query, again and again."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from gateway.domain.payment import PaymentId
from gateway.service.ports import Clock, Leg, Observer, PaymentStore

PAUSE_S: Final = 0.02
"""Between two looks at what is waited for. NOTIFY would serialise the commits of all payments (docs/adr/0004)."""

WAITING_MAX: Final = 10_000
"""Clients that may wait at once in one process; past that the answer is 202 at once."""


class Waiting:
    """Wakes those who wait for payments to become final; `run` must be running."""

    def __init__(self, store: PaymentStore, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._waiting: dict[PaymentId, list[asyncio.Event]] = {}
        self._somebody = asyncio.Event()

    async def until_final(self, payment_id: PaymentId, *, until: datetime) -> None:
        """Return when the payment is final, or at `until`, whichever comes first."""
        if len(self._waiting) >= WAITING_MAX:
            return
        final = asyncio.Event()
        self._waiting.setdefault(payment_id, []).append(final)
        self._somebody.set()
        try:
            async with asyncio.TaskGroup() as group:
                alarm = group.create_task(self._ring_at(until, final))
                await final.wait()
                alarm.cancel()
        finally:
            waiting = self._waiting[payment_id]
            waiting.remove(final)
            if not waiting:
                del self._waiting[payment_id]

    async def _ring_at(self, instant: datetime, bell: asyncio.Event) -> None:
        await self._clock.sleep_until(instant)
        bell.set()

    async def run(self) -> None:
        """Look until cancelled; does nothing while nobody waits."""
        while True:
            if not self._waiting:
                self._somebody.clear()
                await self._somebody.wait()
            final = await self._store.final_since(list(self._waiting))
            for payment_id, since in final.items():
                for bell in self._waiting.get(payment_id, ()):
                    if not bell.is_set():
                        bell.set()
                        self._observer.leg(Leg.NOTIFY, (self._clock.now() - since).total_seconds())
            await self._clock.pause(PAUSE_S)
