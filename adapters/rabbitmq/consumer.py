"""A consumer of one RabbitMQ queue: handles, acknowledges, gives back, and comes back after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from aio_pika.abc import AbstractIncomingMessage

from adapters.rabbitmq.connection import ANSWER_TIMEOUT_S, BrokerLink, close_channel, translated
from adapters.rabbitmq.deliveries import UnreadableDeliveryError, delivery_from
from gateway.service.ports import Delivery, DeliveryHandler, Queue, UnavailableError
from gateway.service.supervise import Verdict

FaultListener = Callable[[str, BaseException], None]
"""Is told where something failed, and with what; the bus goes on by itself."""

Bury = Callable[[Delivery, str], Awaitable[None]]
"""Publishes a dead letter with the fault that made it one; raises `UnavailableError` if it is not confirmed."""

RECONNECT_S: Final = 0.2
"""How long a consumer waits before it calls a broker again that did not answer."""

LAST_WORDS_S: Final = 2.0
"""How long handlers that were cancelled may take to give their deliveries back."""

FAULT_TEXT_MAX: Final = 300
"""Characters of a fault that are kept with a dead letter."""

SILENT_LOOKS_MAX: Final = 2
"""How often in a row the watchdog may find the queue without any consumer before it connects anew."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a consumer, in seconds; `RabbitMqBus` says what each is."""

    retry_s: float
    retry_max_s: float
    watch_s: float
    drain_s: float

    def retry_after_s(self, attempt: int) -> float:
        """Return the pause after the handler of this attempt has raised."""
        return min(self.retry_s * 2.0 ** min(attempt - 1, 30), self.retry_max_s)


@dataclass(frozen=True, slots=True, eq=False)
class _Arrival:
    """A message, read, and the channel that it must be answered on."""

    message: AbstractIncomingMessage
    delivery: Delivery


class BusConsumer(AbstractAsyncContextManager[None]):
    """Hands the deliveries of one queue to one handler while its context is open.

    The broker's prefetch is the number of handlers, so that nothing is held that is not being handled: a process that
    dies spends an attempt of those deliveries only that it was working on. A delivery that rests before it is tried
    again takes up prefetch too: that slows a queue down on which everything fails, which is wanted.
    """

    def __init__(
        self,
        link: BrokerLink,
        queue: Queue,
        handler: DeliveryHandler,
        *,
        broker_name: str,
        delivery_limit: int,
        prefetch: int,
        pace: Pace,
        bury: Bury,
        on_fault: FaultListener | None,
        running: list[BusConsumer],
    ) -> None:
        if prefetch < 1:
            raise ValueError(f"prefetch must be at least 1, not {prefetch}")
        self.queue = queue
        self._link = link
        self._handler = handler
        self._broker_name = broker_name
        self._delivery_limit = delivery_limit
        self._prefetch = prefetch
        self._pace = pace
        self._bury = bury
        self._on_fault = on_fault
        self._running = running
        self._group = asyncio.TaskGroup()
        self._connection_loop: asyncio.Task[None] | None = None
        self._handlers: set[asyncio.Task[None]] = set()
        self._waiting: list[_Arrival] = []
        self._session_end = asyncio.Event()
        self._leaving = asyncio.Event()
        self._drained = asyncio.Event()

    async def __aenter__(self) -> None:
        await self._group.__aenter__()
        self._connection_loop = self._group.create_task(self._stay_connected())
        self._running.append(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.remove(self)
        try:
            await self._drain()
        finally:
            for task in (*self._handlers, self._connection_loop):
                if task is not None:
                    task.cancel()
            # What the body raised goes on as it is; a cancellation may be the group's own, and is the group's to judge.
            is_cancelled = isinstance(error, asyncio.CancelledError)
            await self._group.__aexit__(*((kind, error, traceback) if is_cancelled else (None, None, None)))

    @property
    def held(self) -> int:
        """How many deliveries this consumer has and the broker does not count as waiting."""
        return len(self._handlers) + len(self._waiting)

    async def _drain(self) -> None:
        """Take no more, wait for the handlers, give back what they leave, close the channel: each bounded."""
        self._leaving.set()
        self._session_end.set()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=self._pace.drain_s)
        for task in self._handlers:
            task.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers, timeout=LAST_WORDS_S)
        self._drained.set()
        if self._connection_loop is not None:
            await asyncio.wait({self._connection_loop}, timeout=LAST_WORDS_S + ANSWER_TIMEOUT_S)

    async def _stay_connected(self) -> None:
        while not self._leaving.is_set():
            try:
                await self._consume()
            except UnavailableError as error:
                self._tell(f"bus {self.queue}: consumer", error)
                await _wait(self._leaving, timeout_s=RECONNECT_S)

    async def _consume(self) -> None:
        """Consume on one channel until the consumer leaves, or raise `UnavailableError` when the channel is lost.

        Cancel, drain, close, in this order: a channel that is closed with acknowledgements on the way takes the whole
        connection with it.
        """
        end = self._session_end = asyncio.Event()
        channel = await self._link.open_channel()
        try:
            with translated("consume"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    # The prefetch of each consumer, not of the channel: RabbitMQ 4.3 knows no other.
                    await channel.set_qos(prefetch_count=self._prefetch, global_=False)
                    queue = await channel.get_queue(self._broker_name, ensure=False)
                    channel.close_callbacks.add(lambda *_: end.set())
                    underlay = await channel.get_underlay_channel()
                    underlay.on_consumer_cancel_callbacks.add(lambda _: end.set())
                    tag = await queue.consume(self._take, no_ack=False)
            await self._watch(end)
            with translated("cancel a consumer"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await queue.cancel(tag)
            for arrival in self._waiting:
                await self._return(arrival)
            await self._drained.wait()
        finally:
            self._waiting.clear()  # The broker hands out again what was not answered.
            await close_channel(channel)

    async def _watch(self, end: asyncio.Event) -> None:
        """Return when the consumer leaves.

        Raises:
            UnavailableError: the channel is lost, the broker no longer answers, or it has forgotten this consumer.

        """
        silent_looks = 0
        while not end.is_set() and not self._leaving.is_set():
            await _wait(end, timeout_s=self._pace.watch_s)
            if not end.is_set():
                silent_looks = 0 if await self._is_consumed() else silent_looks + 1
            if silent_looks >= SILENT_LOOKS_MAX:
                await self._link.drop()
                break
        if not self._leaving.is_set():
            raise UnavailableError(f"RabbitMQ: the consumer of {self._broker_name} was lost")

    async def _is_consumed(self) -> bool:
        """Ask the broker, on a fresh channel (others answer from memory), whether the queue has a consumer."""
        try:
            channel = await self._link.open_channel()
            try:
                with translated("look for consumers"):
                    async with asyncio.timeout(ANSWER_TIMEOUT_S):
                        queue = await channel.declare_queue(self._broker_name, passive=True)
            finally:
                await close_channel(channel)
        except UnavailableError as error:
            self._tell(f"bus {self.queue}: watchdog", error)
            return False
        return bool(queue.declaration_result.consumer_count)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        try:
            arrival = _Arrival(message, delivery_from(message, self.queue))
        except UnreadableDeliveryError as error:
            self._tell(f"bus {self.queue}: message", error)
            await self._answer("refuse", message.reject(requeue=False))
            return
        self._waiting.append(arrival)
        self._start_waiting()

    def _start_waiting(self) -> None:
        """Start handlers for what waits, the earliest deadline first, as far as the prefetch allows.

        Something waits only after a loss, when the handlers of the lost channel still run.
        """
        self._waiting.sort(key=lambda arrival: arrival.delivery.deadline_at, reverse=True)
        while self._waiting and len(self._handlers) < self._prefetch and not self._leaving.is_set():
            task = self._group.create_task(self._handle(self._waiting.pop()))
            self._handlers.add(task)
            task.add_done_callback(self._on_handled)

    def _on_handled(self, task: asyncio.Task[None]) -> None:
        self._handlers.discard(task)
        self._start_waiting()

    async def _handle(self, arrival: _Arrival) -> None:
        verdict = Verdict()
        try:
            async with verdict:
                await self._handler(arrival.delivery)
            if verdict.fault is not None:
                await self._handle_fault(arrival, verdict.fault)
                return
        except asyncio.CancelledError:
            await self._return(arrival)
            raise
        await self._answer("acknowledge", arrival.message.ack())

    async def _handle_fault(self, arrival: _Arrival, fault: Exception) -> None:
        """Let the delivery rest and give it back; after the last attempt make it a dead letter, with the reason."""
        self._tell(f"bus {self.queue}: handler", fault)
        attempt = arrival.delivery.attempt
        if attempt < self._delivery_limit:
            await _wait(self._leaving, timeout_s=self._pace.retry_after_s(attempt))
            await self._return(arrival)
            return
        try:
            await self._bury(arrival.delivery, f"{type(fault).__name__}: {fault}"[:FAULT_TEXT_MAX])
        except UnavailableError as error:
            self._tell(f"bus {self.queue}: dead letter", error)
            await self._return(arrival)  # The broker makes it a dead letter by itself, without our reason.
            return
        await self._answer("acknowledge", arrival.message.ack())

    async def _return(self, arrival: _Arrival) -> None:
        await self._answer("give back", arrival.message.nack(requeue=True))

    async def _answer(self, what: str, answer: Awaitable[None]) -> None:
        """Send an answer; on a channel that is lost the broker has given the delivery back by itself."""
        try:
            with translated(what):
                await answer
        except UnavailableError as error:
            self._tell(f"bus {self.queue}: {what}", error)

    def _tell(self, where: str, error: BaseException) -> None:
        if self._on_fault is not None:
            self._on_fault(where, error)


async def _wait(event: asyncio.Event, *, timeout_s: float) -> None:
    """Return when the event is set, or after the time-out."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
