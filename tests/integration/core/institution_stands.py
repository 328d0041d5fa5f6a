"""Institutions as the contract suite needs them: behind a webhook and behind a queue, saying what a test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Final, Protocol

import aiormq
from aiohttp import web
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.institution.institutions import Institutions
from adapters.institution.queue import INSTRUCTIONS, QUESTIONS, QueueWay
from adapters.institution.webhook import WebhookWay
from adapters.system import SystemClock
from gateway.domain.payment import TenantId
from gateway.domain.stand_in import StandInPolicy
from gateway.service.ports import ReceivingTenant
from simulators.core import CoreSimulatorSettings, serving
from simulators.core.incoming import signature_of

SECRET: Final = "whsec_dGhlLXNlY3JldC1vZi1hLXNhbXBsZS1pbnN0aXR1dGlvbg=="
ANOTHER_SECRET: Final = "whsec_" + "A" * 32
TENANT: Final = TenantId("default")
PATIENCE_S: Final = 20.0
"""What has not happened by then will not."""

_queues = count(1)


@dataclass(frozen=True, slots=True)
class Said:
    """What an institution says: each of the contents, in turn, after so long; over a queue signed with the secret."""

    contents: Sequence[Any]
    after_s: float = 0.0
    secret: str = SECRET


Handler = Callable[[Mapping[str, str], bytes], Said]
"""Answers a request: its headers that sign it, and its body."""


def saying(*contents: Any, after_s: float = 0.0, secret: str = SECRET) -> Handler:
    """What says always the same."""
    said = Said(contents, after_s, secret)
    return lambda *_: said


class Stand(Protocol):
    """A way to institutions, with everything under it."""

    def institution(self, handler: Handler) -> AbstractAsyncContextManager[ReceivingTenant]:
        """An institution that answers so, as a tenant."""
        ...

    def simulated(self, *, secret: str) -> AbstractAsyncContextManager[ReceivingTenant]:
        """The simulated institution, as a tenant."""
        ...

    def gone(self) -> ReceivingTenant:
        """A tenant whose institution is nowhere."""
        ...

    def asking(self, signing: Mapping[TenantId, str]) -> AbstractAsyncContextManager[Institutions]:
        """What asks them."""
        ...


def tenant_at(url: str) -> ReceivingTenant:
    """A tenant with this address."""
    return ReceivingTenant(TENANT, url, StandInPolicy())


class WebhookStand:
    """Institutions that are asked by webhooks."""

    def __init__(self, free_port: int) -> None:
        self._free_port = free_port

    @asynccontextmanager
    async def institution(self, handler: Handler) -> AsyncIterator[ReceivingTenant]:
        """See `Stand`."""

        async def answer(request: web.Request) -> web.Response:
            said = handler(request.headers, await request.read())
            await asyncio.sleep(said.after_s)
            if not said.contents:
                await asyncio.Event().wait()
            return web.Response(body=bytes_of(said.contents[0]), content_type="application/json")

        async with serving_at(answer) as url:
            yield tenant_at(url)

    @asynccontextmanager
    async def simulated(self, *, secret: str) -> AsyncIterator[ReceivingTenant]:
        """See `Stand`."""
        async with serving(CoreSimulatorSettings(webhook_secret=secret)) as url:
            yield tenant_at(f"{url}/v1/incoming-transfers")

    def gone(self) -> ReceivingTenant:
        """See `Stand`."""
        return tenant_at(f"http://127.0.0.1:{self._free_port}/")

    @asynccontextmanager
    async def asking(self, signing: Mapping[TenantId, str]) -> AsyncIterator[Institutions]:
        """See `Stand`."""
        async with WebhookWay() as way:
            yield Institutions(signing, SystemClock(), {"http": way})


@asynccontextmanager
async def serving_at(answer: Callable[[web.Request], Any], *, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A web server that answers so to every POST, over TLS where it is said how."""
    application = web.Application()
    application.router.add_post("/", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"{'http' if tls is None else 'https'}://{host}:{port}/"
    finally:
        await runner.cleanup()


class QueueStand:
    """Institutions that are asked over a broker's queues."""

    def __init__(self, url: str, *further: str) -> None:
        self.url = url
        self.urls = (url, *further)

    @asynccontextmanager
    async def institution(self, handler: Handler) -> AsyncIterator[ReceivingTenant]:
        """See `Stand`."""
        async with self.queues() as (channel, tenant):
            for queue in queues_of(tenant):
                await channel.basic_consume(queue, partial(answer, channel, handler), no_ack=True)
            yield tenant

    @asynccontextmanager
    async def queues(self) -> AsyncIterator[tuple[AbstractChannel, ReceivingTenant]]:
        """Queues that nobody takes from yet, and a channel at their broker."""
        tenant = tenant_at(f"queue:test.institution-{next(_queues)}")
        connection = aiormq.Connection(self.url)
        await connection.connect()
        try:
            channel = await connection.channel(publisher_confirms=False)
            for queue in queues_of(tenant):
                await channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "classic"})
            yield channel, tenant
        finally:
            await connection.close()

    @asynccontextmanager
    async def simulated(self, *, secret: str) -> AsyncIterator[ReceivingTenant]:
        """See `Stand`."""
        name = f"test.institution-{next(_queues)}"
        async with serving(CoreSimulatorSettings(webhook_secret=secret, amqp_url=self.url, queue=name)):
            yield tenant_at(f"queue:{name}")

    def gone(self) -> ReceivingTenant:
        """See `Stand`."""
        return tenant_at("queue:test.nowhere")

    @asynccontextmanager
    async def asking(self, signing: Mapping[TenantId, str]) -> AsyncIterator[Institutions]:
        """See `Stand`; the broker has been reached, however busy the machine is."""
        async with QueueWay({TENANT: self.urls}, SystemClock()) as way:
            for kind in (QUESTIONS, INSTRUCTIONS):
                await way._line_to(self.gone(), kind).opened(within_s=PATIENCE_S)
            yield Institutions(signing, SystemClock(), {"queue": way})


def queues_of(tenant: ReceivingTenant) -> Sequence[str]:
    """The names of a tenant's queues: of questions, and of instructions."""
    assert tenant.institution_url is not None
    name = tenant.institution_url.removeprefix("queue:")
    return f"{name}.questions", f"{name}.instructions"


async def answer(channel: AbstractChannel, handler: Handler, message: DeliveredMessage) -> None:
    """Answer a request from a queue."""
    properties = message.header.properties
    headers = {name: str(value) for name, value in (properties.headers or {}).items()}
    said = handler(headers, message.body)
    await asyncio.sleep(said.after_s)
    for content in said.contents:
        body, signed = bytes_of(content), {name: headers[name] for name in ("webhook-id", "webhook-timestamp")}
        signature = signature_of(
            said.secret, webhook_id=signed["webhook-id"], timestamp=signed["webhook-timestamp"], body=body
        )
        await channel.basic_publish(
            body,
            routing_key=properties.reply_to or "",
            properties=spec.Basic.Properties(
                correlation_id=properties.correlation_id, headers={**signed, "webhook-signature": signature}
            ),
        )


def bytes_of(content: Any) -> bytes:
    """Text as it is, and all else as JSON."""
    return (content if isinstance(content, str) else json.dumps(content)).encode()
