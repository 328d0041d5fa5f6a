"""Points at the bus, the rail link, the rail's protocol and the HTTP answers; and the plants that live there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from adapters.rails.http import CLASS_HEADER, PARTY_HEADER
from adapters.system import SystemIdentifiers
from gateway.cli.drill.plants import Plant
from gateway.cli.drill.points import BY_NAME
from gateway.cli.drill.trap import Trap
from gateway.cli.drill.witness import Witness, name_of
from gateway.domain.payment import IdempotencyKey
from gateway.service.ports import (
    Bus,
    Delivery,
    DeliveryHandler,
    MessageClass,
    OutboundDelivery,
    Queue,
    QueueDirection,
    RailDelivery,
    RailLink,
)
from gateway.service.rail_protocol import OutboundMessage, RailProtocol, Reading
from gateway.service.supervise import Verdict, each
from iso20022 import CustomerCreditTransfer

REPEATED_EVERY: Final = 20
"""The drill's bus hands one delivery in so many out twice, at the same moment: a bus is allowed to."""

FORGOTTEN_EVERY: Final = 20
"""Without the guard of the outbox one transfer in so many is never published, and its row goes all the same."""

_PART_BYTES: Final = 30
"""So much of an HTTP answer leaves before the process dies in the middle of it."""

_SOON_S: Final = 0.003
"""A moment after what a handler has returned was acted upon."""

_HANDLED: Final = {MessageClass.VALUE: "transfer", MessageClass.INQUIRY: "enquiry"}
_SENT: Final = {MessageClass.VALUE: "send", MessageClass.INQUIRY: "ask"}


@dataclass(frozen=True, slots=True)
class WatchedBus:
    """A `Bus` at which a process can die, and which repeats itself, as a bus may."""

    bus: Bus
    trap: Trap
    witness: Witness
    plants: frozenset[Plant]
    handed: Iterator[int] = field(default_factory=count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bus, name)

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Publish; see the port."""
        if Plant.OUTBOX in self.plants:
            deliveries = [delivery for delivery in deliveries if not _is_forgotten(delivery)]
        if self.trap.is_due("publish.half"):
            await self.bus.publish(deliveries[: (len(deliveries) + 1) // 2])
            self.trap.spring()
        if self.trap.is_due("publish.sent"):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.bus.publish(deliveries))
                await asyncio.sleep(_SOON_S)
                self.trap.spring()
        await self.bus.publish(deliveries)
        self.witness.published(delivery.delivery_id for delivery in deliveries)
        self.trap.passed("publish.confirmed")

    @asynccontextmanager
    async def consume(self, queue: Queue, handler: DeliveryHandler, **options: Any) -> AsyncIterator[None]:
        """Consume, and watch what is acknowledged."""
        what = _HANDLED.get(queue.message_class) if queue.direction is QueueDirection.OUT else None

        async def handled(delivery: Delivery) -> None:
            self._passed(f"{what}.handed")
            hands = 1 if next(self.handed) % REPEATED_EVERY else 2
            await each([_handed(handler, delivery) for _ in range(hands)])
            self.witness.had_effect([str(delivery.delivery_id)])

        async with asyncio.TaskGroup() as group:

            async def handled_later(delivery: Delivery) -> None:
                group.create_task(_parked(handled, delivery))

            planted = handled_later if Plant.ACK_BEFORE_COMMIT in self.plants else handled

            async def acknowledged(delivery: Delivery) -> None:
                await planted(delivery)
                self.witness.acknowledged([str(delivery.delivery_id)])
                self._passed(f"{what}.handled")
                asyncio.get_running_loop().call_later(_SOON_S, self._passed, f"{what}.settled")

            async with self.bus.consume(queue, acknowledged, **options):
                yield

    def _passed(self, point: str) -> None:
        if point in BY_NAME:
            self.trap.passed(point)


def _is_forgotten(delivery: OutboundDelivery) -> bool:
    """Whether nobody publishes it, however often its row is read; a question that is lost would be put again."""
    return delivery.queue.message_class is MessageClass.VALUE and delivery.delivery_id.int % FORGOTTEN_EVERY == 0


async def _handed(handler: DeliveryHandler, delivery: Delivery) -> None:
    await handler(delivery)


async def _parked(handler: DeliveryHandler, delivery: Delivery) -> None:
    """Handle, and forget what it raises: nobody is left to whom it could be given back."""
    async with Verdict():
        await handler(delivery)


@dataclass(frozen=True, slots=True)
class WatchedLink:
    """A `RailLink` at which a process can die, in the middle of a message too."""

    link: RailLink
    url: str
    connection_party: str
    trap: Trap
    witness: Witness
    plants: frozenset[Plant]
    names: dict[str, str] = field(default_factory=dict)
    """What the witness calls each message in hand, by its receipt."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.link, name)

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Hand a message over, or die on the way."""
        what = _SENT.get(message_class)
        if what is None:
            await self.link.send(body, message_class=message_class)
            return
        self.trap.passed(f"{what}.before")
        head = self._head(len(body), message_class)
        parts = {
            "connected": b"",
            "head": head,
            "half": head + body[: len(body) // 2],
            "whole": head + body,
        }
        for moment, part in parts.items():
            if self.trap.is_due(f"{what}.{moment}"):
                await self._write_and_die(part)
        await self.link.send(body, message_class=message_class)
        self.trap.passed(f"{what}.after")

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch, and remember which receipt is whose."""
        deliveries = await self.link.receive(messages_max=messages_max, wait_s=wait_s)
        for delivery in deliveries:
            self.names[delivery.receipt] = name_of(delivery.body)
        if deliveries:
            self.trap.passed("fetch.after")
            if Plant.ACK_BEFORE_COMMIT in self.plants:
                await self.acknowledge([delivery.receipt for delivery in deliveries])
        return deliveries

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge, and have it witnessed."""
        self.witness.acknowledged(self.names.pop(receipt) for receipt in receipts if receipt in self.names)
        self.trap.passed("acknowledge.before")
        if self.trap.is_due("acknowledge.half"):
            await self.link.acknowledge(receipts[: (len(receipts) + 1) // 2])
            self.trap.spring()
        if self.trap.is_due("acknowledge.sent"):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.link.acknowledge(receipts))
                await asyncio.sleep(_SOON_S)
                self.trap.spring()
        await self.link.acknowledge(receipts)
        self.trap.passed("acknowledge.after")

    def _head(self, length: int, message_class: MessageClass) -> bytes:
        url = URL(self.url)
        return (
            f"POST /rail/v1/messages HTTP/1.1\r\nHost: {url.host}\r\n{PARTY_HEADER}: {self.connection_party}\r\n"
            f"{CLASS_HEADER}: {message_class}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    async def _write_and_die(self, part: bytes) -> None:
        url = URL(self.url)
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(_SOON_S)
        self.trap.spring()


@dataclass(frozen=True, slots=True)
class WatchedRail:
    """A `RailProtocol` at which a process can die, and which derives everything twice, to see that it is the same."""

    protocol: RailProtocol
    trap: Trap
    witness: Witness
    plants: frozenset[Plant]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)

    def examine(self, body: bytes) -> Any:
        """Examine; see the protocol."""
        self.trap.passed("examine.before")
        report = self.protocol.examine(body)
        self.trap.passed("examine.after")
        return report

    def transfer_from_request(self, request: Any, **named: Any) -> CustomerCreditTransfer:
        """Derive a transfer, twice."""
        transfers = [self._derived(request, **named) for _ in range(2)]
        if transfers[0] != transfers[1]:
            self.witness.saw(Plant.DETERMINISTIC_ID, f"{named['idempotency_key']} was derived twice, differently")
        self.trap.passed("derive.after")
        return transfers[0]

    def _derived(self, request: Any, **named: Any) -> CustomerCreditTransfer:
        if Plant.DETERMINISTIC_ID in self.plants:
            named["idempotency_key"] = IdempotencyKey(str(SystemIdentifiers().new_uuid()))
        return self.protocol.transfer_from_request(request, **named)

    def transfer_message(self, *values: Any, **named: Any) -> OutboundMessage:
        """Build a transfer for the rail; see the protocol."""
        self.trap.passed("build.before")
        message = self.protocol.transfer_message(*values, **named)
        self.trap.passed("build.after")
        return message

    def enquiry(self, *values: Any, **named: Any) -> OutboundMessage:
        """Build a question; see the protocol."""
        message = self.protocol.enquiry(*values, **named)
        self.trap.passed("enquiry.built")
        return message

    def read(self, body: bytes) -> Reading:
        """Read one of the rail's messages; see the protocol."""
        self.trap.passed("read.before")
        reading = self.protocol.read(body)
        if reading.is_sign_of_life:  # nothing is saved of it
            self.witness.had_effect([reading.business_message_id])
        self.trap.passed("read.after")
        return reading


def watched_application(application: web.Application, trap: Trap) -> web.Application:
    """Return the application with points at the head of each request, and around each answer."""

    @web.middleware
    async def at_the_head(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "POST":
            trap.passed("request.head")
        return await handler(request)

    async def at_the_answer(request: web.Request, response: web.StreamResponse) -> None:
        if not request.path.startswith("/v1/"):
            return
        what = "accepted" if response.status == 202 else "told"
        trap.passed(f"{what}.before")
        if trap.is_due(f"{what}.part"):
            _write_part(request, response)
            trap.spring()
        asyncio.get_running_loop().call_later(_SOON_S, trap.passed, f"{what}.after")

    application.middlewares.append(at_the_head)
    application.on_response_prepare.append(at_the_answer)
    return application


def _write_part(request: web.Request, response: web.StreamResponse) -> None:
    """Write the beginning of an answer straight to the socket: the client is left with it."""
    socket = request.get_extra_info("socket")
    begins = f"HTTP/1.1 {response.status} {response.reason}\r\nContent-Type: application/json\r\n".encode()
    os.write(socket.fileno(), begins[:_PART_BYTES])
