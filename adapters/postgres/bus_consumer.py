"""A consumer of the embedded bus: claims, handles, settles, renews, gives back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Final
from uuid import UUID

from adapters.postgres.bus_statements import BusDatabase, GivenBack
from gateway.service.ports import Delivery, DeliveryHandler, Queue, UnavailableError
from gateway.service.supervise import Verdict

FaultListener = Callable[[str, BaseException], None]
"""Is told where something failed, and with what; the bus goes on by itself."""

RECONNECT_S: Final = 0.2
"""How long a consumer waits before it calls a database again that did not answer."""

LAST_WORDS_S: Final = 2.0
"""How long a leaving consumer tries to tell the database what its handlers have settled and what it gives back."""

RENEWALS_PER_LEASE: Final = 3
"""Two renewals may fail before a lease is lost."""

FAULT_TEXT_MAX: Final = 300
"""Characters of a fault that are kept with a delivery."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a consumer, in seconds; `PostgresBus` says what each is."""

    lease_s: float
    retry_s: float
    retry_max_s: float
    poll_busy_s: float
    poll_idle_s: float
    drain_s: float

    @property
    def lease(self) -> timedelta:
        """How long a lease lasts."""
        return timedelta(seconds=self.lease_s)

    def retry_after(self, attempt: int) -> timedelta:
        """Return the pause after the handler of this attempt has raised."""
        return timedelta(seconds=min(self.retry_s * 2 ** min(attempt - 1, 30), self.retry_max_s))


class BusConsumer(AbstractAsyncContextManager[None]):
    """Hands the deliveries of one queue to one handler while its context is open.

    Two loops: one claims what is ready, as much as the prefetch leaves room for; the other tells the database what was
    handled, what is given back, and that the rest is still being worked on. A delivery takes up prefetch until the
    database knows what became of it.
    """

    def __init__(
        self,
        database: BusDatabase,
        queue: Queue,
        handler: DeliveryHandler,
        *,
        prefetch: int,
        pace: Pace,
        on_fault: FaultListener | None,
        running: list[BusConsumer],
    ) -> None:
        if prefetch < 1:
            raise ValueError(f"prefetch must be at least 1, not {prefetch}")
        self.queue = queue
        self._database = database
        self._handler = handler
        self._prefetch = prefetch
        self._pace = pace
        self._on_fault = on_fault
        self._running = running
        self._group = asyncio.TaskGroup()
        self._handlers: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._leased: dict[tuple[UUID, int], Delivery] = {}
        self._handled: list[Delivery] = []
        self._returned: list[GivenBack] = []
        self._is_leaving = False
        self._is_drained = False
        self._claim_now = asyncio.Event()
        self._report_now = asyncio.Event()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._loops = [self._group.create_task(self._claim()), self._group.create_task(self._report())]
        self._running.append(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.remove(self)
        try:
            await self._drain()
        finally:
            for task in (*self._handlers, *self._loops):
                task.cancel()
            # What the body raised goes on as it is; a cancellation may be the group's own, and is the group's to judge.
            is_cancelled = isinstance(error, asyncio.CancelledError)
            await self._group.__aexit__(*((kind, error, traceback) if is_cancelled else (None, None, None)))

    def wake(self) -> None:
        """Look for deliveries now: some have just been published."""
        self._claim_now.set()

    async def _drain(self) -> None:
        """Stop claiming, wait for the handlers, give back what they leave, and have it all written: each bounded."""
        self._is_leaving = True
        self._claim_now.set()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=self._pace.drain_s)
        for task in self._handlers:
            task.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=LAST_WORDS_S)
        self._is_drained = True
        self._report_now.set()
        await asyncio.wait(self._loops, timeout=LAST_WORDS_S)

    async def _claim(self) -> None:
        pause_s = self._pace.poll_busy_s
        while not self._is_leaving:
            room = self._prefetch - len(self._leased)
            claimed = await self._claim_up_to(room) if room else []
            if claimed is None:
                pause_s = RECONNECT_S
            elif claimed:
                pause_s = self._pace.poll_busy_s
            for delivery in claimed or ():
                self._leased[delivery.delivery_id, delivery.attempt] = delivery
                if self._is_leaving:
                    self._return(delivery, fault="its consumer left", attempts=delivery.attempt - 1)
                else:
                    self._start(delivery)
            await _wait(self._claim_now, timeout_s=pause_s)
            pause_s = min(pause_s * 2, self._pace.poll_idle_s)
        self._report_now.set()

    async def _claim_up_to(self, deliveries_max: int) -> list[Delivery] | None:
        """Return what was claimed; None if the database did not answer."""
        try:
            return await self._database.claim(self.queue, deliveries_max=deliveries_max, lease=self._pace.lease)
        except UnavailableError as error:
            self._tell(f"bus {self.queue}: claim", error)
            return None

    def _start(self, delivery: Delivery) -> None:
        task = self._group.create_task(self._handle(delivery))
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)

    async def _handle(self, delivery: Delivery) -> None:
        verdict = Verdict()
        try:
            async with verdict:
                await self._handler(delivery)
        except asyncio.CancelledError:
            self._return(delivery, fault="its consumer left", attempts=delivery.attempt)
            raise
        if verdict.fault is None:
            self._handled.append(delivery)
            self._report_now.set()
            return
        self._tell(f"bus {self.queue}: handler", verdict.fault)
        text = f"{type(verdict.fault).__name__}: {verdict.fault}"[:FAULT_TEXT_MAX].replace("\0", "")
        self._return(delivery, fault=text, attempts=delivery.attempt, pause=self._pace.retry_after(delivery.attempt))

    def _return(self, delivery: Delivery, *, fault: str, attempts: int, pause: timedelta = timedelta(0)) -> None:
        self._returned.append(GivenBack(delivery=delivery, attempts=attempts, fault=fault, pause=pause))
        self._report_now.set()

    async def _report(self) -> None:
        """Write down what became of deliveries, a batch for each round trip, and keep the leases of the rest alive."""
        loop = asyncio.get_running_loop()
        renewal_s = self._pace.lease_s / RENEWALS_PER_LEASE
        renew_at_s = loop.time() + renewal_s
        while not (self._is_drained and self._loops[0].done() and not self._handled and not self._returned):
            await _wait(self._report_now, timeout_s=max(renew_at_s - loop.time(), 0))
            try:
                await self._settle()
                await self._give_back()
                if loop.time() >= renew_at_s:
                    await self._renew()
                    renew_at_s = loop.time() + renewal_s
            except UnavailableError as error:
                self._tell(f"bus {self.queue}: settle", error)
                self._report_now.set()
                await asyncio.sleep(RECONNECT_S)

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
        was_full = len(self._leased) >= self._prefetch
        for delivery in deliveries:
            # A repeat of a delivery that has just been settled may have come under the same name.
            self._leased.pop((delivery.delivery_id, delivery.attempt), None)
        if was_full:
            self._claim_now.set()

    def _tell(self, where: str, error: BaseException) -> None:
        if self._on_fault is not None:
            self._on_fault(where, error)


async def _wait(event: asyncio.Event, *, timeout_s: float) -> None:
    """Return when the event is set, or after the time-out; it is clear then."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
