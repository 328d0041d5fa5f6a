"""PostgreSQL's side of a consumer: claims, renews, settles and gives back, a batch for each round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from adapters.postgres.bus_statements import BusDatabase, GivenBack
from gateway.service.consuming import Consumer, Handout
from gateway.service.fault_text import fault_text
from gateway.service.ports import BusObserver, Delivery, Queue, UnavailableError

RECONNECT_S: Final = 0.2
"""How long a consumer waits before it calls a database again that did not answer."""

RENEWALS_PER_LEASE: Final = 3
"""Two renewals may fail before a lease is lost."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a consumer's statements, in seconds; `PostgresBus` says what each is."""

    lease_s: float
    poll_busy_s: float
    poll_idle_s: float

    @property
    def lease(self) -> timedelta:
        """How long a lease lasts."""
        return timedelta(seconds=self.lease_s)


class PostgresSupply:
    """Implements `gateway.service.consuming.Supply` for one queue; a delivery names its lease, and needs no receipt.

    Two loops: one claims what is ready, as much as the prefetch leaves room for; the other tells the database what was
    handled, what is given back, and that the rest is still being worked on. A delivery takes up prefetch until the
    database knows what became of it.
    """

    def __init__(
        self,
        database: BusDatabase,
        queue: Queue,
        *,
        pace: Pace,
        observer: BusObserver,
        running: list[PostgresSupply],
    ) -> None:
        self.queue: Final = queue
        self._database = database
        self._pace = pace
        self._observer = observer
        self._running = running
        self._consumer: Consumer[None] | None = None
        self._leased: dict[tuple[UUID, int], Delivery] = {}
        self._handled: list[Delivery] = []
        self._returned: list[GivenBack] = []
        self._is_active = False
        self._is_leaving = False
        self._has_stopped_claiming = False
        self._is_finished = False
        self._claim_now = asyncio.Event()
        self._report_now = asyncio.Event()

    def loops(self, consumer: Consumer[None]) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the two loops."""
        self._consumer = consumer
        self._running.append(self)
        return [self._claim(consumer), self._report()]

    def wake(self) -> None:
        """Look for deliveries now: some have just been published."""
        self._claim_now.set()

    def leave(self) -> None:
        """Claim no more."""
        self._running.remove(self)
        self._is_leaving = True
        self._claim_now.set()

    def finish(self) -> None:
        """Write down what is left to be written, and end."""
        self._is_finished = True
        self._report_now.set()

    def settle(self, handout: Handout[None]) -> None:
        """Delete it soon."""
        self._handled.append(handout.delivery)
        self._report_now.set()

    def give_back(self, handout: Handout[None], *, is_begun: bool) -> None:
        """End its lease soon; what no handler had begun with has cost no attempt."""
        delivery = handout.delivery
        self._return(GivenBack(delivery, attempts=delivery.attempt if is_begun else delivery.attempt - 1, fault=None))

    async def fail(self, handout: Handout[None], fault: Exception) -> None:
        """End its lease soon; it rests in the database, or becomes a dead letter there."""
        assert self._consumer is not None
        delivery = handout.delivery
        pause = timedelta(seconds=self._consumer.pause_s(delivery.attempt))
        self._return(GivenBack(delivery, attempts=delivery.attempt, fault=fault_text(fault), pause=pause))

    def _return(self, given_back: GivenBack) -> None:
        self._returned.append(given_back)
        self._report_now.set()

    async def _claim(self, consumer: Consumer[None]) -> None:
        pause_s = self._pace.poll_busy_s
        while not self._is_leaving:
            room = consumer.prefetch - len(self._leased)
            claimed = await self._claim_up_to(room) if room else []
            if claimed is None:
                pause_s = RECONNECT_S
            elif claimed:
                pause_s = self._pace.poll_busy_s
            for delivery in claimed or ():
                self._leased[delivery.delivery_id, delivery.attempt] = delivery
                consumer.take(Handout(delivery, None))
            await _wait(self._claim_now, timeout_s=pause_s)
            pause_s = min(pause_s * 2, self._pace.poll_idle_s)
        self._tell_active(is_active=False)
        self._has_stopped_claiming = True
        self._report_now.set()

    async def _claim_up_to(self, deliveries_max: int) -> list[Delivery] | None:
        """Return what was claimed; None if the database did not answer."""
        try:
            claimed = await self._database.claim(self.queue, deliveries_max=deliveries_max, lease=self._pace.lease)
        except UnavailableError as error:
            self._observer.fault(f"bus {self.queue}: claim", error)
            self._tell_active(is_active=False)
            return None
        self._tell_active(is_active=True)
        return claimed

    def _tell_active(self, *, is_active: bool) -> None:
        if self._is_active is not is_active:
            self._is_active = is_active
            self._observer.consumer_active(self.queue, is_active=is_active)

    async def _report(self) -> None:
        """Write down what became of deliveries, a batch for each round trip, and keep the leases of the rest alive."""
        loop = asyncio.get_running_loop()
        renewal_s = self._pace.lease_s / RENEWALS_PER_LEASE
        renew_at_s = loop.time() + renewal_s
        while not self._is_done():
            await _wait(self._report_now, timeout_s=max(renew_at_s - loop.time(), 0))
            try:
                await self._settle()
                await self._give_back()
                if loop.time() >= renew_at_s:
                    await self._renew()
                    renew_at_s = loop.time() + renewal_s
            except UnavailableError as error:
                self._observer.fault(f"bus {self.queue}: settle", error)
                self._report_now.set()
                await asyncio.sleep(RECONNECT_S)

    def _is_done(self) -> bool:
        return self._is_finished and self._has_stopped_claiming and not self._handled and not self._returned

    async def _renew(self) -> None:
        if self._leased:
            await self._database.renew(tuple(self._leased.values()), lease=self._pace.lease)

    async def _settle(self) -> None:
        if batch := tuple(self._handled):
            await self._database.settle([delivery.delivery_id for delivery in batch])
            del self._handled[: len(batch)]
            self._forget(batch)

    async def _give_back(self) -> None:
        if batch := tuple(self._returned):
            await self._database.give_back(batch)
            del self._returned[: len(batch)]
            self._forget([each.delivery for each in batch])

    def _forget(self, deliveries: Sequence[Delivery]) -> None:
        assert self._consumer is not None
        was_full = len(self._leased) >= self._consumer.prefetch
        for delivery in deliveries:
            # A repeat of a delivery that has just been settled may have come under the same name.
            self._leased.pop((delivery.delivery_id, delivery.attempt), None)
        if was_full:
            self._claim_now.set()


async def _wait(event: asyncio.Event, *, timeout_s: float) -> None:
    """Return when the event is set, or after the time-out; it is clear then."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
