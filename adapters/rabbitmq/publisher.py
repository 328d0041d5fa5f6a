"""Publishing many messages at once: one write for all of them, one wait for all their confirmations.

The library publishes one message at a time, each with a task and a write of its own; that cost 100 µs of CPU a message
where this costs 40 (``python -m tests.benchmarks.bus``). So this does what `aiormq.Channel.basic_publish` does (7.2),
on the same attributes of the channel, for a whole batch. What the library promises is held by tests against a broker:
tests/integration/bus/test_rabbitmq_publishing.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

import aiormq
from aiormq import spec
from aiormq.abc import ChannelFrame, ConfirmationFrameType
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from adapters.amqp.connection import BrokerLink, NoSuchQueueError, translated
from gateway.service.ports import BlockedError, UnavailableError

CONFIRMS_MAX: Final = 500
"""Publishes that wait for their confirmation at one time. More gain nothing: the broker's rate is flat from 50 on."""

BLOCKED_LOOK_S: Final = 0.05
"""How often who waits for confirmations looks whether the broker has stopped taking any."""

Confirmation = asyncio.Future[ConfirmationFrameType]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way: ``exchange`` empty means straight to the queue that ``routing_key`` names.

    ``properties`` are this message's own: they are given an id, by which the library finds a returned message.
    """

    exchange: str
    routing_key: str
    body: bytes
    properties: spec.Basic.Properties
    is_mandatory: bool = True

    @property
    def place(self) -> str:
        """The queue or exchange that must be there."""
        return self.exchange or self.routing_key


class Publisher:
    """Publishes on one channel, which it opens on first use and after every loss."""

    def __init__(self, link: BrokerLink) -> None:
        self._link = link
        self._channel: aiormq.Channel | None = None
        self._opening = asyncio.Lock()
        self._ids = count(1)

    async def publish(self, messages: Sequence[Outgoing], *, timeout_s: float) -> None:
        """Publish all and return once the broker has confirmed every one.

        Raises:
            NoSuchQueueError: a queue does not exist; others may be on theirs all the same.
            UnavailableError: not confirmed; some may be on their queues all the same.

        """
        for start in range(0, len(messages), CONFIRMS_MAX):
            await self._publish(messages[start : start + CONFIRMS_MAX], timeout_s=timeout_s)

    async def _publish(self, messages: Sequence[Outgoing], *, timeout_s: float) -> None:
        channel = await self._usable_channel()
        ids = [str(next(self._ids)) for _ in messages]
        confirmations: Sequence[Confirmation] = ()
        try:
            async with asyncio.timeout(timeout_s):
                with translated("publish"):
                    confirmations = await _send(channel, messages, ids)
                await self._confirmed(confirmations)
        except TimeoutError as error:
            late = {sent.place for sent, answer in zip(messages, confirmations, strict=False) if not answer.done()}
            where = f" by {', '.join(sorted(late))}" if late else ""
            self._channel = None  # a connection that has gone silent may not even notice that it was closed
            await self._link.drop()
            raise UnavailableError(f"RabbitMQ: publish: not confirmed within {timeout_s:g} s{where}") from error
        finally:
            for message_id in ids:
                channel.message_id_delivery_tag.pop(message_id, None)
        faults = [
            (sent, fault)
            for sent, confirmation in zip(messages, confirmations, strict=True)
            if (fault := _fault_of(confirmation)) is not None
        ]
        if missing := {sent.place: fault for sent, fault in faults if _is_not_there(sent, fault)}:
            raise NoSuchQueueError(missing) from next(iter(missing.values()))
        for _, fault in faults:
            raise UnavailableError(f"RabbitMQ: publish: {fault!r}") from fault

    async def _confirmed(self, confirmations: Sequence[Confirmation]) -> None:
        """Return once every publish has ended, well or not.

        Raises:
            BlockedError: the broker has stopped taking any.

        """
        for confirmation in confirmations:
            while not confirmation.done():
                await asyncio.wait([confirmation], timeout=BLOCKED_LOOK_S)
                if not confirmation.done():
                    await self._demand_unblocked()

    async def _usable_channel(self) -> aiormq.Channel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                channel = await self._link.open_channel()
                assert isinstance(channel, aiormq.Channel)
                self._channel = channel
            await self._demand_unblocked()
            return self._channel

    async def _demand_unblocked(self) -> None:
        if await self._link.is_blocked():
            raise BlockedError("RabbitMQ has blocked publishers: it is short of memory or disk")


async def _send(channel: aiormq.Channel, messages: Sequence[Outgoing], ids: Sequence[str]) -> list[Confirmation]:
    """Hand all messages to the connection's writer in one piece; return what each one's confirmation will end.

    A cancellation leaves the channel's count of publishes as it was: the broker counts those that it has seen.
    """
    confirmations: list[Confirmation] = []
    async with channel.lock:
        first_tag = channel.delivery_tag
        frames: list[Frame | ContentHeader | ContentBody] = []
        for message, message_id in zip(messages, ids, strict=True):
            channel.delivery_tag += 1
            confirmation: Confirmation = channel.create_future()
            confirmations.append(confirmation)
            channel.confirmations[channel.delivery_tag] = confirmation
            channel.message_id_delivery_tag[message_id] = channel.delivery_tag
            message.properties.message_id = message_id
            frames.append(
                spec.Basic.Publish(
                    exchange=message.exchange, routing_key=message.routing_key, mandatory=message.is_mandatory
                )
            )
            frames.append(ContentHeader(properties=message.properties, body_size=len(message.body)))
            if message.body:
                frames.append(ContentBody(message.body))
        try:
            await channel.write_queue.put(ChannelFrame.marshall(channel_number=channel.number, frames=frames))
        except BaseException:
            for tag in range(first_tag + 1, channel.delivery_tag + 1):
                del channel.confirmations[tag]
            channel.delivery_tag = first_tag
            raise
    return confirmations


def _fault_of(confirmation: Confirmation) -> BaseException | None:
    """Return why a publish was not confirmed; None if it was."""
    if confirmation.cancelled():
        return asyncio.CancelledError("the channel was closed")
    return confirmation.exception()


def _is_not_there(sent: Outgoing, fault: BaseException) -> bool:
    """Whether no queue takes a message; an exchange that is not there ends the channel, with others' messages."""
    is_of_exchange = bool(sent.exchange) and isinstance(fault, aiormq.ChannelNotFoundEntity)
    return is_of_exchange or isinstance(fault, aiormq.PublishError)
