"""A way to one institution's broker: a channel on which is asked, and on which the answers come back.

Answers come by RabbitMQ's direct reply-to: no queue is declared for them, nothing is left behind by a process that
dies, and nobody can put an answer there who was not asked. It wants question and answers on one channel.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from aiormq import PublishError, spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.amqp.connection import ANSWER_TIMEOUT_S, BrokerLink, QueueLook, translated
from gateway.service.ports import UnavailableError, UnroutableError
from gateway.service.supervise import Verdict

REPLY_TO: Final = "amq.rabbitmq.reply-to"
"""The name under which a channel takes answers, and asks for them."""

CONFIRM_TIMEOUT_S: Final = 1.0
"""How long the broker may take to confirm a question: what takes longer has cost too much of the budget."""

REOPEN_PAUSE_S: Final = 0.2
"""Before a broker that did not answer, or was lost, is called again."""

UNDER_WAY_MAX: Final = 1_000
"""Questions to one institution without an answer: more than the use cases ask and tell one tenant at once."""

Answer = asyncio.Future[DeliveredMessage | None]
"""What has come; None: the connection was lost before it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A channel, and what says that it is lost: also set by who finds that it is deaf."""

    channel: AbstractChannel
    lost: asyncio.Event


class Line:
    """A connection that is kept open while `keep` runs; who asks never waits for more of it than it says.

    Nothing that a caller does, or gives up, makes a connection: its budget is not spent on handshakes.
    """

    def __init__(self, urls: Sequence[str], *, purpose: str, tls: ssl.SSLContext | None = None) -> None:
        self._link = BrokerLink(urls, purpose=purpose, tls=tls)
        self._opened: Opened | None = None
        self._is_open = asyncio.Event()
        self._fault = "it was not reached yet"
        self._awaited: dict[str, Answer] = {}
        self._heard_s = 0.0
        """When the broker has last confirmed something, or an answer has come."""

    async def keep(self) -> None:
        """Open the line, and anew whenever it is lost, at the next broker first; until cancelled.

        Whatever keeps one institution's line from opening stops no other's: a URL that the library cannot use, too.
        """
        try:
            while True:
                outcome = Verdict()
                async with outcome:
                    self._opened = await self._open()
                    self._is_open.set()
                    await self._opened.lost.wait()
                self._hang_up("it was lost" if outcome.fault is None else str(outcome.fault))
                await self._link.drop()  # what is stuck on its way must not leave when its time is over
                await asyncio.sleep(REOPEN_PAUSE_S)
        finally:
            self._hang_up("it is closed")
            await self._link.close()

    async def opened(self, *, within_s: float) -> Opened:
        """Return the line as it is now, once it is open.

        Raises:
            UnavailableError: it is not within that time, or the broker takes nothing (memory or disk alarm).

        """
        try:
            async with asyncio.timeout(within_s):
                await self._is_open.wait()
        except TimeoutError as error:
            raise UnavailableError(f"the institution's broker cannot be reached: {self._fault}") from error
        opened = self._opened
        if opened is None or opened.lost.is_set():  # again, before this task ran
            raise UnavailableError("the institution's broker cannot be reached: it was lost")
        if await self._link.is_blocked():
            raise UnavailableError("the institution's broker has blocked publishers: it is short of memory or disk")
        return opened

    async def exchange(
        self, opened: Opened, queue: str, body: bytes, properties: spec.Basic.Properties, *, within_s: float
    ) -> DeliveredMessage:
        """Put a message onto a queue, and return the first answer that has its correlation id, which no other has.

        Raises:
            UnavailableError: not confirmed, no such queue, too many under way, the line lost, or no answer in time.

        """
        until_s = asyncio.get_running_loop().time() + within_s
        assert properties.correlation_id, "by it the answer is known"
        with self._awaiting(properties.correlation_id) as answer:
            try:
                await self._publish(opened, queue, body, properties, within_s=min(within_s, CONFIRM_TIMEOUT_S))
            except UnavailableError:
                if not answer.done():  # an answer says more than a confirmation
                    raise
            try:
                async with asyncio.timeout_at(until_s):
                    came = await answer
            except TimeoutError as error:
                raise UnavailableError(f"the institution did not answer within {within_s:.2f} s") from error
        if came is None:
            raise UnavailableError("the connection to the institution's broker was lost before its answer")
        return came

    async def look_at(self, queue: str, *, within_s: float) -> QueueLook:
        """Return what the broker says of a queue.

        Raises:
            UnavailableError: it cannot be reached, or has no such queue.

        """
        await self.opened(within_s=within_s)
        try:
            return await self._link.look_at(queue)
        except UnroutableError as error:
            raise UnavailableError(f"the institution's broker has no queue {queue}") from error

    async def _open(self) -> Opened:
        channel, lost = await self._link.open_channel(), asyncio.Event()
        with translated("listen for answers"):
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                channel.closing.add_done_callback(lambda _: lost.set())
                channel.on_consumer_cancel_callbacks.add(lambda _: lost.set())
                await channel.basic_consume(REPLY_TO, self._take, no_ack=True)
        return Opened(channel, lost)

    async def _publish(
        self, opened: Opened, queue: str, body: bytes, properties: spec.Basic.Properties, *, within_s: float
    ) -> None:
        started_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(within_s):
                with translated(f"publish to {queue}"):
                    await opened.channel.basic_publish(
                        body, exchange="", routing_key=queue, properties=properties, mandatory=True
                    )
            self._hear()
        except TimeoutError as error:
            if self._heard_s < started_s:  # not slow, but silent: such a connection may never say so
                opened.lost.set()
            raise UnavailableError(f"the institution's broker did not confirm within {within_s:.2f} s") from error
        except UnavailableError as error:
            if isinstance(error.__cause__, PublishError):
                raise UnavailableError(f"the institution's broker has no queue {queue}") from error
            raise

    @contextmanager
    def _awaiting(self, correlation_id: str) -> Iterator[Answer]:
        assert correlation_id not in self._awaited, "what is asked again has another"
        if len(self._awaited) >= UNDER_WAY_MAX:
            raise UnavailableError(f"{UNDER_WAY_MAX} questions to the institution wait for their answers")
        answer: Answer = asyncio.get_running_loop().create_future()
        self._awaited[correlation_id] = answer
        try:
            yield answer
        finally:
            del self._awaited[correlation_id]

    async def _take(self, message: DeliveredMessage) -> None:
        """Give an answer to the try that it is for; a second one, or one to a try given up, goes to nobody."""
        self._hear()
        answer = self._awaited.get(message.header.properties.correlation_id or "")
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _hear(self) -> None:
        self._heard_s = asyncio.get_running_loop().time()

    def _hang_up(self, why: str) -> None:
        self._is_open.clear()
        self._opened, self._fault = None, why
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_result(None)
