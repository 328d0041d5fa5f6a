"""RabbitMQ's side of a consumer: stays connected, answers in batches, and notices when it goes silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiormq.abc import DeliveredMessage

from adapters.amqp.connection import BrokerLink, demand_there
from adapters.amqp.session import Session
from adapters.rabbitmq.deliveries import UnreadableDeliveryError, delivery_from
from adapters.rabbitmq.mending import Mender
from gateway.service.consuming import Consumer, Handout
from gateway.service.ports import BusObserver, Delivery, Queue, UnavailableError, UnroutableError

RECONNECT_S: Final = 0.2
"""How long a consumer waits before it calls a broker again that did not answer."""

SILENT_LOOKS_MAX: Final = 2
"""How often in a row the watchdog may find the consumer silent before it is torn down; one look may be unlucky."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What answers a message: it is worth something only while its session lives."""

    session: Session
    tag: int
    message: DeliveredMessage


Bury = Callable[[Delivery, DeliveredMessage, Exception], Awaitable[None]]
"""Publishes a dead letter with the fault that made it one; raises `UnavailableError` if it is not confirmed."""


class RabbitMqSupply:
    """Implements `gateway.service.consuming.Supply` for one queue.

    A delivery that rests before it is tried again takes up prefetch: that slows a queue down on which everything
    fails, which is wanted.

    **The watchdog.** Every half of `silence_s` in which nothing was delivered although there is room, the broker is
    asked on another channel. It has forgotten this consumer, or has deliveries ready and does not hand them out, or
    does not answer at all: twice in a row, and the consumer is torn down and made anew.
    """

    def __init__(
        self,
        link: BrokerLink,
        queue: Queue,
        *,
        broker_name: str,
        delivery_limit: int,
        silence_s: float,
        bury: Bury,
        mender: Mender,
        observer: BusObserver,
        running: list[RabbitMqSupply],
    ) -> None:
        self.queue: Final = queue
        self._link = link
        self._broker_name = broker_name
        self._delivery_limit = delivery_limit
        self._look_s = silence_s / SILENT_LOOKS_MAX
        self._bury = bury
        self._mender = mender
        self._observer = observer
        self._running = running
        self._consumer: Consumer[Receipt] | None = None
        self._wake = asyncio.Event()
        self._leaving = asyncio.Event()
        self._finished = asyncio.Event()

    @property
    def in_hand(self) -> int:
        """How many deliveries this consumer has and the broker does not count as waiting."""
        return 0 if self._consumer is None else self._consumer.in_hand

    def loops(self, consumer: Consumer[Receipt]) -> Sequence[Coroutine[Any, Any, None]]:
        """Return the one loop: connect, consume, answer, connect again."""
        self._consumer = consumer
        self._running.append(self)
        return [self._stay_connected(consumer)]

    def leave(self) -> None:
        """Cancel at the broker; what is in hand goes on."""
        self._running.remove(self)
        self._leaving.set()
        self._wake.set()

    def finish(self) -> None:
        """Send the last answers and close the channel."""
        self._finished.set()
        self._wake.set()

    def settle(self, handout: Handout[Receipt]) -> None:
        """Acknowledge; on a session that is lost the broker has given the delivery back by itself."""
        if not handout.receipt.session.is_lost:
            handout.receipt.session.settle(handout.receipt.tag)

    def give_back(self, handout: Handout[Receipt], *, is_begun: bool) -> None:
        """Give back; the broker counts that as an attempt, whether or not it `is_begun`."""
        del is_begun
        if not handout.receipt.session.is_lost:
            handout.receipt.session.give_back(handout.receipt.tag)

    async def fail(self, handout: Handout[Receipt], fault: Exception) -> None:
        """Let the delivery rest and give it back; after the last attempt make it a dead letter, with the fault.

        It rests here, unacknowledged. (A retry queue with a time to live could lose the count of attempts, and needs a
        second safe hand-over; what rests here the broker still holds.)
        """
        assert self._consumer is not None
        attempt = handout.delivery.attempt
        if attempt < self._delivery_limit:
            await self._consumer.rest(self._consumer.pause_s(attempt))
            self.give_back(handout, is_begun=True)
            return
        try:
            await self._bury(handout.delivery, handout.receipt.message, fault)
        except (UnavailableError, UnroutableError) as error:
            self._observer.fault(f"bus {self.queue}: dead letter", error)
            self.give_back(handout, is_begun=True)  # the broker makes it a dead letter by itself, without the fault
        else:
            self.settle(handout)

    async def _stay_connected(self, consumer: Consumer[Receipt]) -> None:
        while not self._leaving.is_set():
            try:
                await self._consume(consumer)
            except (UnavailableError, UnroutableError) as error:
                self._observer.fault(f"bus {self.queue}: consumer", error)
                await consumer.rest(RECONNECT_S)

    async def _consume(self, consumer: Consumer[Receipt]) -> None:
        """Consume in one session until the consumer has left.

        Raises:
            UnavailableError: the session is lost.
            NoSuchQueueError: the queue is not there; it soon is.

        """
        async with self._mender.noticing():
            session = await self._opened(consumer)
        self._observer.consumer_active(self.queue, is_active=True)
        try:
            await self._serve(consumer, session)
        except UnavailableError:
            if not self._leaving.is_set():
                self._observer.consumer_restarted(self.queue)
            raise
        finally:
            self._observer.consumer_active(self.queue, is_active=False)
            consumer.withdraw()  # the broker hands out again what was not answered
            await session.close()

    async def _opened(self, consumer: Consumer[Receipt]) -> Session:
        try:
            return await Session.opened(
                self._link, self._broker_name, prefetch=consumer.prefetch, on_message=self._take, wake=self._wake
            )
        except UnavailableError as error:
            demand_there(self._broker_name, error)
            raise

    async def _serve(self, consumer: Consumer[Receipt], session: Session) -> None:
        """Answer, and look after the session, until the consumer has left and every answer is sent.

        Cancel, answer, close, in this order.

        Raises:
            UnavailableError: the session is lost, or silent.

        """
        loop = asyncio.get_running_loop()
        is_cancelled = False
        silent_looks, messages_seen, look_at_s = 0, 0, loop.time() + self._look_s
        while True:
            await self._woken(until_s=look_at_s)
            is_finished = self._finished.is_set()  # read before the last answers are sent
            if session.is_lost:
                raise UnavailableError(f"RabbitMQ: the consumer of {self._broker_name} was lost")
            await session.send_answers()
            if is_finished:
                return
            if self._leaving.is_set():
                if not is_cancelled:
                    await session.cancel()
                    is_cancelled = True
                look_at_s = loop.time() + self._look_s
            elif loop.time() >= look_at_s:
                has_moved = session.messages > messages_seen or consumer.in_hand >= consumer.prefetch
                silent_looks = 0 if has_moved or await self._is_served(session) else silent_looks + 1
                if silent_looks >= SILENT_LOOKS_MAX:
                    raise UnavailableError(f"RabbitMQ: the consumer of {self._broker_name} has gone silent")
                messages_seen, look_at_s = session.messages, loop.time() + self._look_s

    async def _woken(self, *, until_s: float) -> None:
        """Return when there is something to do, or at that time of the loop's."""
        try:
            async with asyncio.timeout_at(until_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
        await asyncio.sleep(0)  # what ends in this turn of the loop is answered together

    async def _is_served(self, session: Session) -> bool:
        """Return whether the broker knows of a consumer and has nothing that it ought to have handed out.

        A broker that does not answer loses the connection: nothing else tells that a route has died.
        """
        messages = session.messages
        try:
            look = await self._link.look_at(self._broker_name)
        except UnroutableError as error:
            self._observer.fault(f"bus {self.queue}: watchdog", error)
            return False
        except UnavailableError as error:
            self._observer.fault(f"bus {self.queue}: watchdog", error)
            await self._link.drop()
            return False
        return look.consumers > 0 and (look.ready == 0 or session.messages > messages)

    def _take(self, session: Session, message: DeliveredMessage) -> None:
        """Take what the broker has handed out, unless it is nothing of ours."""
        assert self._consumer is not None
        assert message.delivery_tag is not None
        try:
            delivery = delivery_from(message, self.queue)
        except UnreadableDeliveryError as error:
            self._observer.fault(f"bus {self.queue}: message", error)
            session.refuse(message.delivery_tag)
            return
        self._consumer.take(Handout(delivery, Receipt(session, message.delivery_tag, message)))
