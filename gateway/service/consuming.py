"""A consumer, whatever the bus: its deliveries in hand, the earliest deadline first, and the end of its life.

An adapter brings a `Supply`, its side of one consumer: where deliveries come from, and where it is said what became of
them. Everything else is here, once.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeVar

from gateway.service.group_commit import OverloadedError
from gateway.service.ports import BusObserver, Delivery, DeliveryHandler, Queue, UnavailableError
from gateway.service.supervise import Verdict

LAST_WORDS_S: Final = 5.0
"""How long a leaving consumer tries to say what its handlers have settled and what it gives back."""

IN_HAND_MAX_S: Final = 60.0
"""How long the world's faults are waited out with a delivery in hand, before that costs an attempt.

RabbitMQ closes the channel of a consumer that holds a delivery for half an hour."""

TRANSIENT: Final = (UnavailableError, OverloadedError)
"""Faults that are no fault of the delivery: the same handler may well succeed a moment later."""

Receipt = TypeVar("Receipt")


def or_else(sees_to: Callable[[Delivery], Awaitable[bool]], other: DeliveryHandler) -> DeliveryHandler:
    """Return the handler of a queue on which there is what `sees_to` says it has seen to, and what is for `other`."""

    async def handle(delivery: Delivery) -> None:
        if not await sees_to(delivery):
            await other(delivery)

    return handle


@dataclass(frozen=True, slots=True, eq=False)
class Handout(Generic[Receipt]):
    """A delivery that a bus has handed to a consumer, and the receipt under which the consumer answers."""

    delivery: Delivery
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The times of a consumer, in seconds.

    * ``retry_s``, ``retry_max_s``: the pause after the first handler that raised, doubled with each one.
    * ``drain_s``: how long a consumer that leaves waits for its handlers.
    """

    retry_s: float
    retry_max_s: float
    drain_s: float

    def pause_s(self, attempt: int) -> float:
        """Return the pause after this attempt has failed."""
        return min(self.retry_s * 2.0 ** min(attempt - 1, 30), self.retry_max_s)


class Supply(Protocol[Receipt]):
    """A bus's side of one consumer. Answers are told at once and sent when the supply sees fit, in batches."""

    def loops(self, consumer: Consumer[Receipt]) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what brings deliveries to `consumer` and answers to the bus: runs until `finish`, or cancelled."""
        ...

    def leave(self) -> None:
        """Take no more; what runs goes on."""
        ...

    def finish(self) -> None:
        """Send every answer that is still to be sent, then end the loops: no handler runs any more."""
        ...

    def settle(self, handout: Handout[Receipt]) -> None:
        """The handler has returned: the delivery is done."""
        ...

    def give_back(self, handout: Handout[Receipt], *, is_begun: bool) -> None:
        """The consumer leaves; `is_begun` says whether a handler had begun with the delivery."""
        ...

    async def fail(self, handout: Handout[Receipt], fault: Exception) -> None:
        """The handler has raised: let the delivery rest and give it back, or make it a dead letter."""
        ...


class Consumer(AbstractAsyncContextManager[None], Generic[Receipt]):
    """Hands the deliveries of one queue to one handler while its context is open; see `Bus.consume`.

    The context must be left by the task that entered it.
    """

    def __init__(
        self,
        queue: Queue,
        handler: DeliveryHandler,
        supply: Supply[Receipt],
        *,
        prefetch: int,
        concurrency: int,
        patience: Patience,
        observer: BusObserver,
    ) -> None:
        if not 1 <= concurrency <= prefetch:
            raise ValueError(f"1 <= concurrency <= prefetch must hold, not 1 <= {concurrency} <= {prefetch}")
        self.queue: Final = queue
        self.prefetch: Final = prefetch
        self._handler = handler
        self._supply = supply
        self._concurrency = concurrency
        self._patience = patience
        self._observer = observer
        self._group = asyncio.TaskGroup()
        self._loops: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[datetime, int, Handout[Receipt]]] = []
        self._arrivals = count()
        self._leaving = asyncio.Event()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._loops = [self._group.create_task(loop) for loop in self._supply.loops(self)]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._drain()
        finally:
            for task in (*self._running, *self._loops):
                task.cancel()
            # What the body raised goes on as it is; a cancellation may be the group's own, and is the group's to judge.
            is_cancelled = isinstance(error, asyncio.CancelledError)
            await self._group.__aexit__(*((kind, error, traceback) if is_cancelled else (None, None, None)))

    @property
    def in_hand(self) -> int:
        """How many deliveries this consumer has, handled or waiting."""
        return len(self._running) + len(self._waiting)

    def take(self, handout: Handout[Receipt]) -> None:
        """Take a delivery in hand: it is handled as soon as a handler is free and none has an earlier deadline."""
        self._observer.delivery_taken(self.queue)
        if self._leaving.is_set():
            self._supply.give_back(handout, is_begun=False)
            return
        heapq.heappush(self._waiting, (handout.delivery.deadline_at, next(self._arrivals), handout))
        self._start_waiting()

    def withdraw(self) -> Sequence[Handout[Receipt]]:
        """Take every delivery out of hand with which no handler has begun, and return them."""
        waiting, self._waiting = self._waiting, []
        return [handout for _, _, handout in waiting]

    async def rest(self, seconds: float) -> None:
        """Return after a pause, or at once when the consumer leaves."""
        try:
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        except TimeoutError:
            return

    def pause_s(self, attempt: int) -> float:
        """Return how long a delivery rests whose handler has raised at this attempt."""
        return self._patience.pause_s(attempt)

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self._concurrency and not self._leaving.is_set():
            _, _, handout = heapq.heappop(self._waiting)
            task = self._group.create_task(self._handle(handout))
            self._running.add(task)
            task.add_done_callback(self._on_handled)

    def _on_handled(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start_waiting()

    async def _handle(self, handout: Handout[Receipt]) -> None:
        try:
            fault = await self._fault_of(handout.delivery)
            if fault is None:
                self._supply.settle(handout)
            elif self._leaving.is_set() and isinstance(fault, TRANSIENT):
                self._supply.give_back(handout, is_begun=True)
            else:
                await self._supply.fail(handout, fault)
        except asyncio.CancelledError:
            self._supply.give_back(handout, is_begun=True)
            raise

    async def _fault_of(self, delivery: Delivery) -> Exception | None:
        """Return what the handler ended with: None when it has returned. The world's faults are waited out first."""
        waited_s = 0.0
        for trial in count(1):
            verdict = Verdict()
            async with verdict:
                await self._handler(delivery)
            if verdict.fault is None:
                return None
            self._observer.fault(f"bus {self.queue}: handler", verdict.fault)
            if not isinstance(verdict.fault, TRANSIENT) or waited_s >= IN_HAND_MAX_S or self._leaving.is_set():
                return verdict.fault
            pause_s = self._patience.pause_s(trial)
            await self.rest(pause_s)
            waited_s += pause_s
        raise AssertionError("the loop above has no end of its own")

    async def _drain(self) -> None:
        """Take no more, wait for the handlers, give back what they leave, and have it all said: each bounded."""
        self._leaving.set()
        self._supply.leave()
        for handout in self.withdraw():
            self._supply.give_back(handout, is_begun=False)
        if self._running:
            await asyncio.wait(self._running, timeout=self._patience.drain_s)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=LAST_WORDS_S)
        self._supply.finish()
        if self._loops:
            await asyncio.wait(self._loops, timeout=LAST_WORDS_S)
