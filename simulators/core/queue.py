"""The simulated institution over RabbitMQ: it takes requests from its queues, and answers to where they say.

``<queue>.questions``
    A classic queue: what expires is worth nothing to anybody, and need not survive the broker. A question is taken as
    answered when it is handed over.

``<queue>.instructions``
    A quorum queue: what is on it survives the broker, and is handed over again until it was answered.

A request, and its answer, has the headers of a signed webhook; the answer has the request's correlation id, which says
to which of several tries it is one. A request whose signature does not hold is answered as such, and nothing is done
about it. The queues are declared here: they are the institution's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

import aiormq
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from simulators.broker import ANSWER_TIMEOUT_S, FAULTS_OF_THE_WORLD, BrokerSide, serving
from simulators.clock import SystemClock
from simulators.core.books import CoreSimulatorSettings
from simulators.core.incoming import IncomingBooks, Reply, is_signed, reply_to, signature_of

PREFETCH: Final = 64
"""Instructions in hand, unanswered."""

QUESTIONS: Final[Mapping[str, str | int]] = {
    "x-queue-type": "classic",
    "x-max-length": 10_000,
    "x-overflow": "reject-publish",
}
INSTRUCTIONS: Final[Mapping[str, str | int]] = {"x-queue-type": "quorum"}

NOT_SIGNED: Final = {"error": "the signature is missing, or does not hold"}
NOT_KNOWN: Final = {"error": "nothing is known of this request"}
ANOTHER_SECRET: Final = "whsec_" + "A" * 32
"""Nobody's."""

_CLOCK: Final = SystemClock()
_MS: Final = 1_000


def taking_from_queues(settings: CoreSimulatorSettings, books: IncomingBooks) -> AbstractAsyncContextManager[None]:
    """Take requests and answer them while the context is open; waits for a broker that is away."""
    return serving(_Desk(settings, books))


class _Desk(BrokerSide):
    """The institution's side of its two queues."""

    def __init__(self, settings: CoreSimulatorSettings, books: IncomingBooks) -> None:
        assert settings.amqp_url is not None, "there is a broker"
        assert settings.webhook_secret is not None, "what is answered over a queue is signed"
        super().__init__(settings.amqp_url)
        self._secret = settings.webhook_secret
        self._queue = settings.queue
        self._books = books

    async def _serve(self, connection: aiormq.Connection) -> None:
        """Take and answer until the connection is lost."""
        lost = asyncio.Event()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            channel = await connection.channel(publisher_confirms=False)
            channel.closing.add_done_callback(lambda _: lost.set())
            await self._consume(channel)
        self.declared.set()
        await lost.wait()
        raise ConnectionError("the connection to the broker was lost")

    async def _consume(self, channel: AbstractChannel) -> None:
        questions, instructions = f"{self._queue}.questions", f"{self._queue}.instructions"
        await channel.queue_declare(questions, durable=True, arguments=dict(QUESTIONS))
        await channel.queue_declare(instructions, durable=True, arguments=dict(INSTRUCTIONS))
        await channel.basic_qos(prefetch_count=PREFETCH)
        await channel.basic_consume(questions, partial(self._take, channel, is_kept=False), no_ack=True)
        await channel.basic_consume(instructions, partial(self._take, channel, is_kept=True))

    async def _take(self, channel: AbstractChannel, message: DeliveredMessage, *, is_kept: bool) -> None:
        arrived_s = _CLOCK.monotonic_s()
        reply = self._reply_to(message)
        if reply.after_s is not None:
            await asyncio.sleep(reply.after_s)
            try:
                await self._answer(channel, message, reply)
            except FAULTS_OF_THE_WORLD:
                return  # the connection was lost: what is kept comes again
            if reply.question is not None:
                self._books.answered_ms.setdefault(reply.question, (_CLOCK.monotonic_s() - arrived_s) * _MS)
        if is_kept:
            assert message.delivery_tag is not None, "what is delivered has a tag"
            await channel.basic_ack(message.delivery_tag, wait=False)

    def _reply_to(self, message: DeliveredMessage) -> Reply:
        request_id, timestamp, signature = (_header(message, name) for name in ("id", "timestamp", "signature"))
        body = message.body
        if not is_signed(self._secret, webhook_id=request_id, timestamp=timestamp, signature=signature, body=body):
            return Reply(content=NOT_SIGNED)
        try:
            content: object = json.loads(body)
            return reply_to(self._books, content, request_id=request_id) or Reply(content=NOT_KNOWN)
        except ValueError:
            return Reply(content=NOT_KNOWN)

    async def _answer(self, channel: AbstractChannel, message: DeliveredMessage, reply: Reply) -> None:
        properties, body = message.header.properties, json.dumps(reply.content).encode()
        request_id, timestamp = _header(message, "id"), str(int(_CLOCK.now().timestamp()))
        secret = ANOTHER_SECRET if reply.is_forged else self._secret
        headers: dict[str, Any] = {
            "webhook-id": request_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature_of(secret, webhook_id=request_id, timestamp=timestamp, body=body),
        }
        await channel.basic_publish(
            body,
            exchange="",
            routing_key=properties.reply_to or "",
            properties=spec.Basic.Properties(
                content_type="application/json", correlation_id=properties.correlation_id, headers=headers
            ),
        )


def _header(message: DeliveredMessage, name: str) -> str:
    return str((message.header.properties.headers or {}).get(f"webhook-{name}", ""))
