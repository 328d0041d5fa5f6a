"""The bus on RabbitMQ: quorum queues, publisher confirms, acknowledgement after the handler has returned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Final, Self

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.amqp.connection import ANSWER_TIMEOUT_S, BrokerLink, close_channel, translated
from adapters.rabbitmq.consumer import RabbitMqSupply
from adapters.rabbitmq.deliveries import (
    UnreadableDeliveryError,
    body_of,
    dead_letter_from,
    dead_letter_properties,
    properties_of,
    published_at_of,
)
from adapters.rabbitmq.mending import Mender
from adapters.rabbitmq.publisher import Outgoing, Publisher
from adapters.rabbitmq.topology import Topology
from gateway.service.consuming import Consumer, Patience
from gateway.service.fault_text import fault_text
from gateway.service.ports import (
    BusObserver,
    Clock,
    DeadLetter,
    Delivery,
    DeliveryHandler,
    OutboundDelivery,
    Queue,
    UnavailableError,
)

CHECK_TIMEOUT_S: Final = 1.8
"""How long `RabbitMqBus.check` takes at the most: whoever asks for readiness waits for two seconds."""

PROBE_TIMEOUT_S: Final = 1.0
"""How long a broker may take to confirm what a check publishes; it takes a millisecond."""


class RabbitMqBus:
    """The `Bus` on RabbitMQ. Close it (or use it as an async context) after its consumers.

    Proven on RabbitMQ 3.10 alone, as Debian 12 has it (3.10.8): every test, drill and proof runs on that. Written for
    3.10 to 4.x and Amazon MQ (3.13 or newer) by their documentation: nothing is used that one of them refuses; on none
    of the others has it run.

    `urls` are brokers of one cluster, tried in turn. It connects on first use and after every loss, with one connection
    for publishing and one for consuming: a broker that blocks publishers goes on taking acknowledgements. What is
    missing on the broker is made anew by whoever finds it so (`Mender`).

    * `namespace`: what the names of queues begin with.
    * `queues`: those that `declare` makes; an installation with one rail needs none of another's.
    * `delivery_limit`: how often a delivery is handed out before it becomes a dead letter.
    * `confirm_timeout_s`: a publish that is not confirmed by then is `UnavailableError`, and the connection given up.
    * `retry_s`, `retry_max_s`: how long a delivery rests after the first handler that raised, doubled with each one.
    * `silence_s`: how long a consumer may be silent, while its queue has deliveries ready, before it is made anew.
    * `missing_for_s`: how long a queue must be missing before it is made anew. RabbitMQ 3.10 swallows what it confirms
      on one that was deleted and declared again within milliseconds.
    * `drain_s`: how long a consumer that leaves waits for its handlers; the rest is given back.
    """

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        observer: BusObserver,
        namespace: str = "fifteen",
        queues: Sequence[Queue] = tuple(Queue),
        delivery_limit: int = 10,
        confirm_timeout_s: float = 5.0,
        retry_s: float = 0.1,
        retry_max_s: float = 5.0,
        silence_s: float = 4.0,
        missing_for_s: float = 1.0,
        drain_s: float = 10.0,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._topology = Topology(namespace=namespace, delivery_limit=delivery_limit, queues=queues)
        self._confirm_timeout_s = confirm_timeout_s
        self._patience = Patience(retry_s=retry_s, retry_max_s=retry_max_s, drain_s=drain_s)
        self._silence_s = silence_s
        self._publishing = BrokerLink(urls, purpose=f"{namespace} publisher")
        self._consuming = BrokerLink(urls, purpose=f"{namespace} consumer")
        self._publisher = Publisher(self._publishing)
        self._mender = Mender(self._topology.declared, self._declare, clock, observer, missing_for_s=missing_for_s)
        self._consumers: list[RabbitMqSupply] = []

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
        await self._declare(None)

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Put all on their queues and return once the broker has confirmed every one; see `Bus.publish`.

        Raises:
            UnroutableError: a queue does not exist; others may be on theirs all the same.
            UnavailableError: not confirmed; some may be on their queues all the same.

        """
        now = self._clock.now()
        messages = [
            Outgoing("", self._topology.name(delivery.queue), body_of(delivery), properties_of(published_at=now))
            for delivery in deliveries
        ]
        async with self._mender.noticing():
            await self._publisher.publish(messages, timeout_s=self._confirm_timeout_s)

    def consume(
        self, queue: Queue, handler: DeliveryHandler, *, prefetch: int, concurrency: int
    ) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open; see `Bus.consume`.

        A process that dies spends an attempt of all that it had in hand: at most `prefetch`.

        Raises:
            ValueError: `concurrency` is below 1, or `prefetch` below `concurrency`.

        """
        supply = RabbitMqSupply(
            self._consuming,
            queue,
            broker_name=self._topology.name(queue),
            delivery_limit=self._topology.delivery_limit,
            silence_s=self._silence_s,
            bury=self._bury,
            mender=self._mender,
            observer=self._observer,
            running=self._consumers,
        )
        return Consumer(
            queue,
            handler,
            supply,
            prefetch=prefetch,
            concurrency=concurrency,
            patience=self._patience,
            observer=self._observer,
        )

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait, or are handed out to consumers of this object.

        AMQP does not tell how many are handed out to others.

        Raises:
            UnavailableError: no broker answers.
            UnroutableError: the queue does not exist.

        """
        async with self._mender.noticing():
            look = await self._consuming.look_at(self._topology.name(queue))
        return look.ready + sum(consumer.in_hand for consumer in self._consumers if consumer.queue is queue)

    @asynccontextmanager
    async def take_dead_letters(self, *, limit: int) -> AsyncIterator[Sequence[DeadLetter]]:
        """Lend dead letters; see `Bus.take_dead_letters`.

        A delivery that died twice, because a process was killed between making it a dead letter and acknowledging it,
        is lent once. What is no dead letter of ours is told, and moved to a queue of its own.

        Raises:
            UnavailableError: no broker answers.
            UnroutableError: the queues are not declared.

        """
        async with self._mender.noticing():
            look = await self._consuming.look_at(self._topology.dead_letters)
        if look.ready == 0:
            yield ()
            return
        channel = await self._consuming.open_channel()
        try:
            letters, tag = await self._get_dead_letters(channel, limit=limit)
            yield letters
            if tag:
                with translated("acknowledge dead letters"):
                    await channel.basic_ack(tag, multiple=True)  # this channel has been handed nothing else
        finally:
            await close_channel(channel)  # and whatever has not been acknowledged is back

    async def check(self) -> None:
        """Return if the bus can take a delivery now; within `CHECK_TIMEOUT_S`.

        A broker that is short of memory or disk says so only to who publishes, and then takes that one message still.
        So this publishes twice, to no queue, and waits for the confirmations that every other publish would wait for.

        Raises:
            BlockedError: the broker takes nothing (short of memory or disk).
            UnavailableError: no broker answers.

        """
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                for _ in range(2):
                    probe = Outgoing("", self._topology.nowhere, b"", spec.Basic.Properties(), is_mandatory=False)
                    await self._publisher.publish([probe], timeout_s=PROBE_TIMEOUT_S)
        except TimeoutError as error:
            raise UnavailableError(f"RabbitMQ: nothing answers within {CHECK_TIMEOUT_S:g} s") from error

    async def _declare(self, only: Collection[str] | None) -> None:
        channel = await self._consuming.open_channel()
        try:
            with translated("declare"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await self._topology.declare(channel, at=self._clock.now(), only=only)
        finally:
            await close_channel(channel)

    async def _bury(self, delivery: Delivery, message: DeliveredMessage, fault: Exception) -> None:
        """Publish a dead letter, confirmed, under the routing key that its queue's own would keep."""
        now = self._clock.now()
        properties = dead_letter_properties(
            published_at=published_at_of(message) or now,
            died_at=now,
            attempt=delivery.attempt,
            fault=fault_text(fault),
        )
        letter = Outgoing(
            self._topology.dead_letters, self._topology.name(delivery.queue), body_of(delivery), properties
        )
        async with self._mender.noticing():
            await self._publisher.publish([letter], timeout_s=self._confirm_timeout_s)

    async def _get_dead_letters(self, channel: AbstractChannel, *, limit: int) -> tuple[Sequence[DeadLetter], int]:
        """Return dead letters, the longest dead first, and the tag of the last message that was fetched for them."""
        letters: dict[object, DeadLetter] = {}
        last_tag = 0
        for _ in range(limit):
            with translated("get dead letters"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    message = await channel.basic_get(self._topology.dead_letters, no_ack=False)
            if message.delivery_tag is None:
                break
            try:
                letter = dead_letter_from(
                    message,
                    self._topology.queue_of(message.routing_key),
                    delivery_limit=self._topology.delivery_limit,
                    now=self._clock.now(),
                )
            except UnreadableDeliveryError as error:
                self._observer.fault("bus: dead letter", error)
                await self._set_aside(message)
            else:
                letters.setdefault(letter.delivery.delivery_id, letter)
            last_tag = message.delivery_tag
        return tuple(letters.values()), last_tag

    async def _set_aside(self, message: DeliveredMessage) -> None:
        """Publish what is no dead letter of ours, as it is, to the queue of such things."""
        aside = Outgoing("", self._topology.unreadable, message.body, message.header.properties)
        async with self._mender.noticing():
            await self._publisher.publish([aside], timeout_s=self._confirm_timeout_s)
