"""One channel of a consumer, from its opening to its loss or end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.amqp.answers import AnswerKind, Answers
from adapters.amqp.connection import ANSWER_TIMEOUT_S, BrokerLink, close_channel, translated, unbroken
from gateway.service.ports import UnavailableError


class Session:
    """Takes messages from one queue on a channel of its own, and answers them.

    Make it with `opened`, and `close` it: cancel first, then answer what is in hand, close last. A channel that is
    closed with deliveries and answers on the way takes the whole connection with it.
    """

    def __init__(
        self, channel: AbstractChannel, *, on_message: Callable[[Session, DeliveredMessage], None], wake: asyncio.Event
    ) -> None:
        self.is_lost = False
        self.messages = 0
        self._channel = channel
        self._on_message = on_message
        self._wake = wake
        self._tag = ""
        self._answers = Answers()
        self._sending = asyncio.Lock()

    @classmethod
    async def opened(
        cls,
        link: BrokerLink,
        name: str,
        *,
        prefetch: int,
        on_message: Callable[[Session, DeliveredMessage], None],
        wake: asyncio.Event,
    ) -> Self:
        """Open a channel and consume; `wake` is set when there are answers to send, and when the session is lost.

        Raises:
            UnavailableError: no broker answers, or the queue is not there.

        """
        return await unbroken(
            cls._opened(link, name, prefetch=prefetch, on_message=on_message, wake=wake), undo=cls.close
        )

    @classmethod
    async def _opened(
        cls,
        link: BrokerLink,
        name: str,
        *,
        prefetch: int,
        on_message: Callable[[Session, DeliveredMessage], None],
        wake: asyncio.Event,
    ) -> Self:
        channel = await link.open_channel()
        session = cls(channel, on_message=on_message, wake=wake)
        try:
            with translated("consume"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    channel.closing.add_done_callback(session._lose)
                    channel.on_consumer_cancel_callbacks.add(session._lose)
                    # The prefetch of each consumer, not of the channel: RabbitMQ 4.3 knows no other.
                    await channel.basic_qos(prefetch_count=prefetch, global_=False)
                    consuming = await channel.basic_consume(name, session._take, no_ack=False)
                    session._tag = consuming.consumer_tag or ""
        except UnavailableError as error:
            if isinstance(error.__cause__, TimeoutError):
                await link.drop()  # a question without an answer may have left the connection deaf
            else:
                await close_channel(channel)
            raise
        return session

    def settle(self, tag: int) -> None:
        """Acknowledge soon."""
        self._answers.settle(tag)
        self._wake.set()

    def give_back(self, tag: int) -> None:
        """Give back soon."""
        self._answers.give_back(tag)
        self._wake.set()

    def refuse(self, tag: int) -> None:
        """Have it put aside soon."""
        self._answers.refuse(tag)
        self._wake.set()

    async def send_answers(self) -> None:
        """Send every answer that is due.

        Raises:
            UnavailableError: the channel is lost; the broker hands out again what was not answered.

        """
        channel = self._channel
        async with self._sending:
            with translated("answer"):
                for answer in self._answers.due():
                    match answer.kind:
                        case AnswerKind.ACKNOWLEDGE:
                            await channel.basic_ack(answer.tag, multiple=answer.multiple, wait=False)
                        case AnswerKind.GIVE_BACK:
                            await channel.basic_nack(answer.tag, requeue=True, wait=False)
                        case AnswerKind.REFUSE:
                            await channel.basic_reject(answer.tag, requeue=False, wait=False)

    async def cancel(self) -> None:
        """Have no more messages sent.

        Raises:
            UnavailableError: the channel is lost.

        """
        with translated("cancel a consumer"):
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._channel.basic_cancel(self._tag)

    async def close(self) -> None:
        """Close the channel."""
        self.is_lost = True
        await close_channel(self._channel)

    async def _take(self, message: DeliveredMessage) -> None:
        assert message.delivery_tag is not None, "what is delivered has a tag"
        self.messages += 1
        self._answers.hand_out(message.delivery_tag)
        self._on_message(self, message)

    def _lose(self, _: object) -> None:
        self.is_lost = True
        self._wake.set()
