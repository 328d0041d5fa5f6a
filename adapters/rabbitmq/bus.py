"""The bus on RabbitMQ: quorum queues, publisher confirms, acknowledgement after the handler has returned."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final, Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity, PublishError

from adapters.rabbitmq.connection import ANSWER_TIMEOUT_S, BrokerLink, close_channel, translated
from adapters.rabbitmq.consumer import BusConsumer, FaultListener, Pace
from adapters.rabbitmq.deliveries import (
    UnreadableDeliveryError,
    dead_letter_from,
    dead_letter_headers,
    message_of,
)
from adapters.rabbitmq.topology import Topology
from gateway.service.ports import (
    Clock,
    DeadLetter,
    Delivery,
    DeliveryHandler,
    OutboundDelivery,
    Queue,
    UnavailableError,
    UnroutableError,
)

CONFIRMS_MAX: Final = 500
"""Publishes that wait for their confirmation at one time. More gain nothing: the broker's rate is flat from 50 on."""


class RabbitMqBus:
    """The `Bus` on RabbitMQ 3.10 to 4.x and Amazon MQ. Close it (or use it as an async context) after its consumers.

    `urls` are brokers of one cluster, tried in turn. It connects on first use and after every loss, with one connection
    for publishing and one for consuming: a broker that blocks publishers goes on taking acknowledgements.

    * `namespace`: what the names of queues begin with.
    * `delivery_limit`: how often a delivery is handed out before it becomes a dead letter.
    * `confirm_timeout_s`: a publish that is not confirmed by then is `UnavailableError`, and the connection given up.
    * `retry_s`, `retry_max_s`: how long a delivery rests after the first handler that raised, doubled with each one.
      It rests with its consumer, unacknowledged, and is then given back. (A retry queue with a time to live could lose
      the count of attempts, and needs a second safe hand-over; what rests here the broker still holds.)
    * `watch_s`: how often a consumer asks whether the broker still knows it.
    * `drain_s`: how long a consumer that leaves waits for its handlers; the rest is given back.
    * `on_fault`: is told what handlers raise, and when the broker is away (`Observer.fault` is one).
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        namespace: str = "fifteen",
        delivery_limit: int = 10,
        confirm_timeout_s: float = 5.0,
        retry_s: float = 0.1,
        retry_max_s: float = 5.0,
        watch_s: float = 5.0,
        drain_s: float = 10.0,
        on_fault: FaultListener | None = None,
    ) -> None:
        self._clock = clock
        self._topology = Topology(namespace=namespace, delivery_limit=delivery_limit)
        self._confirm_timeout_s = confirm_timeout_s
        self._pace = Pace(retry_s=retry_s, retry_max_s=retry_max_s, watch_s=watch_s, drain_s=drain_s)
        self._on_fault = on_fault
        self._publishing = BrokerLink(urls, purpose=f"{namespace} publisher")
        self._consuming = BrokerLink(urls, purpose=f"{namespace} consumer")
        self._channel: AbstractChannel | None = None
        self._channel_lock = asyncio.Lock()
        self._consumers: list[BusConsumer] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, within some seconds; repeat-safe. Consumers must have been left before."""
        await self._publishing.close()
        await self._consuming.close()

    async def declare(self) -> None:
        """Make the exchange and all queues that are missing; a repeat is safe.

        Raises:
            UnavailableError: no broker answers.
            TopologyMismatchError: a queue exists with other arguments.

        """
        channel = await self._consuming.open_channel()
        try:
            with translated("declare"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self._topology.declare(channel)
        finally:
            await close_channel(channel)

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Put all on their queues and return once the broker has confirmed every one; see `Bus.publish`.

        Raises:
            UnroutableError: a queue does not exist; those for other queues have been published.
            UnavailableError: not confirmed; some may be on their queues all the same.

        """
        at = self._clock.now()
        for batch in _batches(deliveries):
            await self._publish(
                [(self._topology.name(delivery.queue), message_of(delivery, at=at)) for delivery in batch]
            )

    def consume(self, queue: Queue, handler: DeliveryHandler, *, prefetch: int) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open, at most `prefetch` at once; see `Bus.consume`.

        The context must be left by the task that entered it.

        Raises:
            ValueError: `prefetch` is below 1.

        """
        return BusConsumer(
            self._consuming,
            queue,
            handler,
            broker_name=self._topology.name(queue),
            delivery_limit=self._topology.delivery_limit,
            prefetch=prefetch,
            pace=self._pace,
            bury=self._bury,
            on_fault=self._on_fault,
            running=self._consumers,
        )

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait, or are handed out to consumers of this object.

        AMQP does not tell how many are handed out to others.

        Raises:
            UnavailableError: no broker answers.
            UnroutableError: the queue does not exist.

        """
        channel = await self._consuming.open_channel()
        try:
            with translated("count"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    declared = await channel.declare_queue(self._topology.name(queue), passive=True)
        except UnavailableError as error:
            raise _unroutable_or(error, queue) from error.__cause__
        finally:
            await close_channel(channel)
        held = sum(consumer.held for consumer in self._consumers if consumer.queue is queue)
        return (declared.declaration_result.message_count or 0) + held

    async def dead_letters(self, queue: Queue, *, limit: int) -> Sequence[DeadLetter]:
        """Return dead letters of `queue`, oldest first, without taking them away.

        They are fetched and put back: who looks at the same moment may see fewer. A delivery that died twice, because
        a process was killed between making it a dead letter and acknowledging it, is shown once.

        Raises:
            UnavailableError: no broker answers.

        """
        channel = await self._consuming.open_channel()
        messages: list[AbstractIncomingMessage] = []
        try:
            with translated("look at dead letters"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    dead = await channel.get_queue(self._topology.dead_letter_name(queue), ensure=False)
                    while len(messages) < limit and (message := await dead.get(no_ack=False, fail=False)) is not None:
                        messages.append(message)
                    for message in messages:
                        await message.nack(requeue=True)
        finally:
            await close_channel(channel)
        found: dict[object, DeadLetter] = {}
        for message in messages:
            try:
                letter = dead_letter_from(message, queue, delivery_limit=self._topology.delivery_limit)
            except UnreadableDeliveryError as error:
                self._tell(f"bus {queue}: dead letter", error)
            else:
                found.setdefault(letter.delivery.delivery_id, letter)
        return list(found.values())

    async def check(self) -> None:
        """Return if the bus can take a delivery now.

        Raises:
            UnavailableError: no broker answers, or it has blocked us (short of memory or disk).

        """
        await self._publishing_channel()

    async def _publish(self, messages: Sequence[tuple[str, aio_pika.Message]]) -> None:
        """Publish a batch at once and wait for all its confirmations."""
        channel = await self._publishing_channel()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._publish_one(channel, name, message)) for name, message in messages]
        faults = [fault for task in tasks if (fault := task.result()) is not None]
        for fault in faults:
            if isinstance(fault, UnroutableError):
                raise fault
        if faults:
            if not await self._publishing.is_blocked():
                await self._publishing.drop()
            raise faults[0]

    async def _publish_one(
        self, channel: AbstractChannel, name: str, message: aio_pika.Message
    ) -> UnroutableError | UnavailableError | None:
        """Return None once the message is confirmed, else why not: one that fails must not break off the others."""
        try:
            with translated("publish"):
                await channel.default_exchange.publish(
                    message, routing_key=name, mandatory=True, timeout=self._confirm_timeout_s
                )
        except UnavailableError as error:
            return UnroutableError(f"no queue {name}") if isinstance(error.__cause__, PublishError) else error
        return None

    async def _publishing_channel(self) -> AbstractChannel:
        async with self._channel_lock:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._publishing.open_channel()
            if await self._publishing.is_blocked():
                raise UnavailableError("RabbitMQ has blocked publishers: it is short of memory or disk")
            return self._channel

    async def _bury(self, delivery: Delivery, fault: str) -> None:
        """Publish a dead letter, confirmed."""
        headers = dead_letter_headers(attempt=delivery.attempt, fault=fault)
        message = message_of(delivery, at=self._clock.now(), headers=headers)
        await self._publish([(self._topology.dead_letter_name(delivery.queue), message)])

    def _tell(self, where: str, error: BaseException) -> None:
        if self._on_fault is not None:
            self._on_fault(where, error)


def _batches(deliveries: Sequence[OutboundDelivery]) -> Iterator[Sequence[OutboundDelivery]]:
    for start in range(0, len(deliveries), CONFIRMS_MAX):
        yield deliveries[start : start + CONFIRMS_MAX]


def _unroutable_or(error: UnavailableError, queue: Queue) -> UnavailableError | UnroutableError:
    """Return what the broker's answer means: that a queue is missing is no outage."""
    return UnroutableError(f"no queue {queue}") if isinstance(error.__cause__, ChannelNotFoundEntity) else error
