"""Institutions over RabbitMQ: a request is put onto a queue of the institution's, which answers to where it says.

    <name>.questions      what is worth something until its time is over: transient, and expired by the broker then
    <name>.instructions   what must not be lost: persistent; told again until there is an answer

The institution declares both; nothing is declared here. Every request has headers that sign it as a webhook's do, under
an id that is the same when it is told again; so has the answer, with the same secret: a broker says of nobody who he
is. Which of several tries is answered, the correlation id says: a late word on an earlier one is none on this.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from types import TracebackType
from typing import Final, Self

from aiormq import spec
from aiormq.abc import DeliveredMessage

from adapters.institution.line import REPLY_TO, Line
from adapters.institution.way import Request
from adapters.webhooks import is_signed, json_of
from gateway.domain.payment import TenantId
from gateway.service.ports import Clock, ReceivingTenant, UnavailableError

QUESTIONS: Final = "questions"
INSTRUCTIONS: Final = "instructions"
"""What is asked and what is told: how the names of the queues end."""

OPEN_WAIT_S: Final = 1.0
"""How long is waited for a connection that is being made: as long as for a webhook's."""

REACH_TIMEOUT_S: Final = 2.0
"""How long an institution's broker may take to be reached at all."""

TRANSIENT: Final = 1
PERSISTENT: Final = 2
"""Delivery modes: gone with the broker, or kept (AMQP 0-9-1, basic.delivery-mode)."""

_MS: Final = 1_000


class QueueWay:
    """Implements `adapters.institution.way.Way`. Use it as a context manager; it connects when first used.

    `brokers` has the URLs of each tenant's broker. Each has connections of its own: a slow one stops no other.
    Questions and instructions have one each: where instructions are not confirmed (a quorum queue without its quorum),
    their line is dropped, and the broker may read no further from it; no question is lost, or stuck, with them.
    """

    def __init__(
        self, brokers: Mapping[TenantId, Sequence[str]], clock: Clock, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._brokers = brokers
        self._clock = clock
        self._tls = tls
        self._lines: dict[TenantId, Mapping[str, Line]] = {}
        self._tries = count(1)
        self._keepers: list[asyncio.Task[None]] = []
        self._group: asyncio.TaskGroup | None = None
        self._open_parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._group = await self._open_parts.enter_async_context(self._kept())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open_parts.aclose()

    async def reach(self, tenant: ReceivingTenant) -> None:
        """Return if somebody takes questions; see the protocol."""
        questions = _queue_of(tenant, QUESTIONS)
        seen = await self._line_to(tenant, QUESTIONS).look_at(questions, within_s=REACH_TIMEOUT_S)
        if seen.consumers == 0:
            raise UnavailableError(f"nobody takes from {questions}")

    async def ask(self, tenant: ReceivingTenant, request: Request, *, within_s: float) -> object:
        """Return the JSON of the first answer to this try; see the protocol."""
        until_s = self._clock.monotonic_s() + within_s
        kind = INSTRUCTIONS if request.until is None else QUESTIONS
        line = self._line_to(tenant, kind)
        opened = await line.opened(within_s=min(OPEN_WAIT_S, within_s))
        properties = self._properties(request)
        left_s = until_s - self._clock.monotonic_s()
        answer = await line.exchange(opened, _queue_of(tenant, kind), request.body, properties, within_s=left_s)
        return _read(request, answer)

    async def tell(self, tenant: ReceivingTenant, request: Request, *, within_s: float) -> None:
        """Return after ``{"taken": true}``; see the protocol."""
        match await self.ask(tenant, request, within_s=within_s):
            case {"taken": True}:
                return
            case _:
                raise UnavailableError("the institution's answer does not say that it has taken note")

    def _properties(self, request: Request) -> spec.Basic.Properties:
        """How a request travels; a question's life is what is left of its time now.

        Raises:
            UnavailableError: nothing is left of it.

        """
        expiration = None
        if request.until is not None:
            left_ms = int((request.until - self._clock.now()).total_seconds() * _MS)
            if left_ms <= 0:
                raise UnavailableError("no time is left to ask the institution")
            expiration = str(left_ms)
        # No message id: the library gives each message one of its own, by which it finds what is returned to it.
        return spec.Basic.Properties(
            content_type="application/json",
            delivery_mode=PERSISTENT if request.until is None else TRANSIENT,
            expiration=expiration,
            correlation_id=f"{request.request_id}.{next(self._tries)}",
            reply_to=REPLY_TO,
            headers={name: value for name, value in request.headers.items() if name.startswith("webhook-")},
        )

    def _line_to(self, tenant: ReceivingTenant, kind: str) -> Line:
        lines = self._lines.get(tenant.tenant_id)
        if lines is None:
            urls = self._brokers.get(tenant.tenant_id)
            if not urls:
                raise UnavailableError(f"tenant {tenant.tenant_id} has a queue, and no broker to find it at")
            assert self._group is not None, "it is used as a context manager"
            lines = self._lines[tenant.tenant_id] = {
                each: Line(urls, purpose=f"{each} to {tenant.tenant_id}", tls=self._tls)
                for each in (QUESTIONS, INSTRUCTIONS)
            }
            self._keepers += [self._group.create_task(line.keep()) for line in lines.values()]
        return lines[kind]

    @asynccontextmanager
    async def _kept(self) -> AsyncIterator[asyncio.TaskGroup]:
        """Keep every line while the context is open."""
        async with asyncio.TaskGroup() as group:
            try:
                yield group
            finally:
                for keeper in self._keepers:
                    keeper.cancel()


def _queue_of(tenant: ReceivingTenant, kind: str) -> str:
    """Return the name of an institution's queue."""
    assert tenant.institution_url is not None, "who has no address is not asked"
    return f"{tenant.institution_url.partition(':')[2]}.{kind}"


def _read(request: Request, answer: DeliveredMessage) -> object:
    """Return the JSON of an answer whose signature holds.

    Raises:
        UnavailableError: it does not, or it is no JSON.

    """
    content, headers = json_of(answer.body, of="the institution"), answer.header.properties.headers or {}
    timestamp, signature = (str(headers.get(f"webhook-{name}", "")) for name in ("timestamp", "signature"))
    if not is_signed(request.key, signature, webhook_id=request.request_id, timestamp=timestamp, body=answer.body):
        raise UnavailableError("the institution's answer is not signed with its secret")
    return content
