"""What the contract suite needs of whatever rail stands behind a link: look at it, make it speak, and take it away."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp
import aiormq
from aiohttp import web
from aiormq import spec

from adapters.rails.amqp import AmqpRailLink
from adapters.rails.http import HttpRailLink
from adapters.rails.ibm_mq.connection import Channel
from adapters.rails.ibm_mq.link import IbmMqRailLink, Queues
from gateway.service.ports import MessageClass, RailLink
from iso20022 import ConnectionPartyId, MessageId
from simulators import fednow, rtp
from simulators.clock import SystemClock
from simulators.outqueue import Waiting
from simulators.service import SERVICE
from tests.acceptance.payments import rtp_message, rtp_transfer
from tests.fakes.ibm_mq import QueueManager, load_over_stand_in, reachable
from tests.fakes.rail import InMemoryRail
from tests.integration.bus.wire import FaultyWire
from tests.unit.simulators.world import SENDER, transfer_bytes

VISIBILITY_S: Final = 0.5
"""How long what was handed out and not acknowledged stays out of sight in these tests."""

PARTY: Final = SENDER.connection_party
"""Who we are on FedNow."""

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Network:
    """A simulated network, who we are on it, and a message that it answers at once, with one message."""

    name: str
    party: str
    payment: Callable[[], bytes]
    build: Callable[..., web.Application]
    """Builds the application from what `settings` returns; `serving` serves it."""
    serving: Callable[..., AbstractAsyncContextManager[str]]
    settings: Callable[..., Any]


def payment() -> bytes:
    """A message that FedNow answers at once."""
    now = SystemClock().now()
    return transfer_bytes(now, MessageId(f"{now:%Y%m%d}{PARTY}CONTRACT{next(_numbers):06d}"))


def rtp_payment() -> bytes:
    """A message that RTP answers at once."""
    return rtp_message(rtp_transfer())


FEDNOW: Final = Network(
    "fednow", PARTY, payment, fednow.build_application, fednow.serving, fednow.FedNowSimulatorSettings
)
RTP: Final = Network(
    "rtp",
    rtp.PARTICIPANTS[0].connection_party,
    rtp_payment,
    rtp.build_application,
    rtp.serving,
    rtp.RtpSimulatorSettings,
)


def digest(body: bytes) -> str:
    """How a simulator remembers what it was sent."""
    return hashlib.sha256(body).hexdigest()


class RailStand(Protocol):
    """A rail, and links of one participant to it."""

    def payment(self) -> bytes:
        """A message that the rail answers at once, with one message."""
        ...

    def link(self) -> AbstractAsyncContextManager[RailLink]:
        """A link of a process of its own."""
        ...

    async def taken(self) -> Sequence[tuple[str, str]]:
        """Class and digest of each copy that the rail has taken, in no order."""
        ...

    async def deliver(self, body: bytes, *, message_class: MessageClass = MessageClass.VALUE) -> None:
        """Have the rail say something of its own accord."""
        ...

    async def go_away(self) -> None:
        """Take the rail away: every connection breaks, none can be made."""
        ...

    async def come_back(self) -> None:
        """Let it be there again, with all that it had."""
        ...


class MemoryStand:
    """The rail in memory of the unit tests."""

    payment = staticmethod(payment)

    def __init__(self) -> None:
        self._rail = InMemoryRail(answering=lambda body, _: [b"about " + body], visibility_s=VISIBILITY_S)

    @asynccontextmanager
    async def link(self) -> AsyncIterator[RailLink]:
        """The rail itself."""
        yield self._rail

    async def taken(self) -> Sequence[tuple[str, str]]:
        """What it was sent."""
        return [(sent.message_class, digest(sent.body)) for sent in self._rail.sent]

    async def deliver(self, body: bytes, *, message_class: MessageClass = MessageClass.VALUE) -> None:
        """Queue a message."""
        self._rail.deliver(body)

    async def go_away(self) -> None:
        """Fail."""
        self._rail.reachable = False

    async def come_back(self) -> None:
        """Serve."""
        self._rail.reachable = True


class HttpStand:
    """A simulator over HTTP, its journal in a file."""

    def __init__(self, network: Network, *, port: int, journal: Path) -> None:
        self.payment = network.payment
        self._network = network
        self._port = port
        self._settings = network.settings(port=port, journal=journal, visibility_s=VISIBILITY_S)
        self._base_url = f"http://127.0.0.1:{port}"
        self._runner: web.AppRunner | None = None

    def link(self) -> AbstractAsyncContextManager[RailLink]:
        """A link over HTTP."""
        return HttpRailLink(self._base_url, connection_party=self._network.party)

    async def taken(self) -> Sequence[tuple[str, str]]:
        """What the simulator has journalled."""
        return await journalled(self._base_url)

    async def deliver(self, body: bytes, *, message_class: MessageClass = MessageClass.VALUE) -> None:
        """Put it in the queue that polls are answered from."""
        assert self._runner is not None
        service, now = self._runner.app[SERVICE], SystemClock().now()
        queue = service.current_rail().book.queue_of(ConnectionPartyId(self._network.party))
        queue.put(Waiting(f"of-its-own-accord-{next(_numbers)}", body), available_at=now)
        service._wake()

    async def go_away(self) -> None:
        """Close the port."""
        assert self._runner is not None
        await self._runner.cleanup()
        self._runner = None

    async def come_back(self) -> None:
        """Serve on the same port, from the same journal."""
        self._runner = web.AppRunner(self._network.build(self._settings), access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()


@asynccontextmanager
async def http_stand(network: Network, *, port: int, journal: Path) -> AsyncIterator[HttpStand]:
    """The stand, listening."""
    stand = HttpStand(network, port=port, journal=journal)
    await stand.come_back()
    try:
        yield stand
    finally:
        await stand.go_away()


class AmqpStand:
    """A simulator behind a broker's queues; the wire to the broker is what can be taken away."""

    def __init__(self, network: Network, broker_url: str, wire: FaultyWire, base_url: str) -> None:
        self.payment = network.payment
        self._network = network
        self._broker_url = broker_url
        self._wire = wire
        self.base_url = base_url
        self._running = wire.running()

    def link(self) -> AbstractAsyncContextManager[RailLink]:
        """A link over the wire."""
        return AmqpRailLink(
            self._wire.url,
            network=self._network.name,
            connection_party=self._network.party,
            lease_s=VISIBILITY_S,
        )

    async def taken(self) -> Sequence[tuple[str, str]]:
        """What the simulator has journalled."""
        return await journalled(self.base_url)

    async def deliver(self, body: bytes, *, message_class: MessageClass = MessageClass.VALUE) -> None:
        """Publish it as the rail does."""
        async with aiormq.Connection(self._broker_url) as connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            properties = spec.Basic.Properties(delivery_mode=2)
            queue = f"{self._network.name}.{self._network.party}.in.{message_class}"
            await channel.basic_publish(body, routing_key=queue, properties=properties, mandatory=True)

    async def go_away(self) -> None:
        """Cut the wire and refuse connections."""
        await self._running.__aexit__(None, None, None)

    async def come_back(self) -> None:
        """Listen again."""
        self._running = self._wire.running()
        await self._running.__aenter__()


@asynccontextmanager
async def amqp_stand(
    broker_url: str, network: Network = FEDNOW, *, rail_url: str | None = None
) -> AsyncIterator[AmqpStand]:
    """The stand with empty queues; the simulator itself may have another way to the broker."""
    await _empty(broker_url, network)
    settings = network.settings(amqp_url=rail_url or broker_url, visibility_s=VISIBILITY_S)
    async with network.serving(settings) as base_url:
        stand = AmqpStand(network, broker_url, FaultyWire(broker_url), base_url)
        await stand.come_back()
        try:
            yield stand
        finally:
            await stand.go_away()


async def _empty(broker_url: str, network: Network) -> None:
    async with aiormq.Connection(broker_url) as connection:
        for direction in ("in", "out"):
            for message_class in MessageClass:
                channel = await connection.channel()
                try:
                    await channel.queue_purge(f"{network.name}.{network.party}.{direction}.{message_class}")
                except aiormq.ChannelNotFoundEntity:
                    return  # nobody has declared them yet


class IbmMqStand:
    """A queue manager in memory under the real Python part of the package ibmmq."""

    payment = staticmethod(payment)
    CHANNEL: Final = Channel(queue_manager="QM1", connection_name="mq.invalid(1414)", channel="FIFTEEN.SVRCONN")
    QUEUES: Final = Queues(
        outgoing={each: f"OUT.{each.upper()}" for each in MessageClass},
        incoming={each: f"IN.{each.upper()}" for each in MessageClass},
    )

    def __init__(self) -> None:
        load_over_stand_in()
        self.manager = QueueManager(*self.QUEUES.outgoing.values(), *self.QUEUES.incoming.values())
        self.manager.answering = self._answer

    def link(self) -> AbstractAsyncContextManager[RailLink]:
        """A link with connections of its own."""
        return IbmMqRailLink(self.CHANNEL, self.QUEUES, lease_s=VISIBILITY_S)

    async def taken(self) -> Sequence[tuple[str, str]]:
        """What was committed to the out-queues."""
        classes = {queue: each for each, queue in self.QUEUES.outgoing.items()}
        return [(classes[queue], digest(message.body)) for queue, message in self.manager.taken]

    async def deliver(self, body: bytes, *, message_class: MessageClass = MessageClass.VALUE) -> None:
        """Put it as the rail does."""
        self.manager.deliver(self.QUEUES.incoming[message_class], body)

    async def go_away(self) -> None:
        """Stop the queue manager."""
        self.manager.stop()

    async def come_back(self) -> None:
        """Start it again."""
        self.manager.start()

    def _answer(self, queue: str, body: bytes) -> list[tuple[str, bytes]]:
        return [(self.QUEUES.incoming[MessageClass.VALUE], b"about " + body)] if queue.startswith("OUT.") else []


@asynccontextmanager
async def ibm_mq_stand() -> AsyncIterator[IbmMqStand]:
    """The stand, at its address."""
    stand = IbmMqStand()
    with reachable(stand.manager, connection_name=stand.CHANNEL.connection_name):
        yield stand


async def journalled(base_url: str) -> Sequence[tuple[str, str]]:
    """Class and digest of the copies that a simulator has taken."""
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/simulator/v1/messages") as response:
        return [(copy["message_class"], copy["digest"]) for copy in await response.json()]


async def receive_until(link: RailLink, wanted: int, *, messages_max: int = 10, within_s: float = 10.0) -> list[bytes]:
    """Fetch and acknowledge until so many messages have come, or a poll has brought nothing; return them."""
    saved: list[bytes] = []
    async with asyncio.timeout(within_s):
        while len(saved) < wanted and await receive_into(saved, link, messages_max=messages_max, wait_s=within_s / 5):
            pass
    return saved


async def receive_into(saved: list[bytes], link: RailLink, *, messages_max: int, wait_s: float) -> bool:
    """Fetch, save and acknowledge, in this order, as a receiver does; return whether anything came."""
    deliveries = await link.receive(messages_max=messages_max, wait_s=wait_s)
    assert len(deliveries) <= messages_max
    saved += [delivery.body for delivery in deliveries]
    if deliveries:
        await link.acknowledge([delivery.receipt for delivery in deliveries])
    return bool(deliveries)
