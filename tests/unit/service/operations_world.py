"""Rail operations on fakes, against the simulated rail's own rules: what we build it takes, what it says we read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Operation, RailAction
from gateway.domain.timing import Timing
from gateway.service.fednow import FedNowDialect
from gateway.service.fednow_operations import FedNowOperations
from gateway.service.ports import MessageClass
from gateway.service.rail_operations import (
    OperationsDialect,
    RailNotices,
    RailOperations,
    RailOperationSender,
    RailStatus,
)
from gateway.service.rtp import RtpAddress, RtpDialect, rtp_protocol
from gateway.service.rtp_operations import RtpOperations
from iso20022 import ConnectionPartyId, FedNowProfile, RtpProfile
from simulators.fednow.rail import fednow_rail
from simulators.fednow.settings import DETAILS_MAX, FedNowSimulatorSettings
from simulators.journal import NoJournal
from simulators.rail import SimulatedRail
from simulators.rtp.rail import rtp_rail
from simulators.rtp.settings import RtpSimulatorSettings
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.unit.service.world import PARTY, World, world

EAST: Final = "EAST"
WEST: Final = "WEST"
PARTICIPANT: Final = ConnectionPartyId("990000107A1")
OTHER_PARTY: Final = ConnectionPartyId("990001106")


@dataclass(slots=True)
class OperationsWorld:
    """The use cases, the store and the rail."""

    earth: World
    events: InMemoryRailEvents
    operations: RailOperations
    sender: RailOperationSender
    simulated: SimulatedRail
    rail: Rail = Rail.FEDNOW
    party: ConnectionPartyId = PARTY

    async def ask(self, action: RailAction, subject: str | None = None) -> Operation:
        """Ask, let a worker send it and hear the answer; return how it ended."""
        asked = await self.operations.ask(self.rail, action, subject, by="sample operator", note="a sample")
        await self.work()
        found = await self.operations.find(self.rail, asked.event_id)
        assert found is not None
        return found

    async def work(self) -> None:
        """Send what is due, and hear what there is."""
        await self.sender.send_due()
        await self.hear()

    async def hear(self) -> None:
        """Hear what the rail has for us."""
        for body in self.waiting():
            self.earth.rail.deliver(body)
        await self.earth.hear()

    async def status(self) -> RailStatus:
        """How we stand."""
        return await self.operations.status(self.rail)

    def waiting(self) -> Iterator[bytes]:
        """Fetch and acknowledge what the rail has for us, at any point."""
        now = self.earth.clock.now()
        for point in self.simulated.book.standing.points_of(self.party):
            waiting = self.simulated.fetch(self.party, messages_max=1_000, now=now, point=point)
            self.simulated.acknowledge(self.party, [each.receipt for each in waiting])
            yield from [each.body for each in waiting]


@asynccontextmanager
async def operations_world(*, hears: bool = True, details_max: int = DETAILS_MAX) -> AsyncIterator[OperationsWorld]:
    """A world on FedNow in which rail operations are heard, or (`hears` off) nobody hears them.

    Of a day with more than `details_max` messages the rail gives no details.
    """
    profile = FedNowProfile(own_connection_party=PARTY)
    async with world(profile=profile) as earth:
        settings = FedNowSimulatorSettings(connection_points={PARTY: (EAST, WEST)}, details_max=details_max)
        simulated = fednow_rail(settings, NoJournal(), started_at=earth.clock.now())
        dialect = FedNowOperations(
            FedNowDialect(profile, PARTY), party=PARTY, institutions=frozenset({"990000107", "990000204"})
        )
        yield _place(earth, simulated, dialect, party=PARTY, hears=hears)


@asynccontextmanager
async def rtp_operations_world() -> AsyncIterator[OperationsWorld]:
    """A world on RTP."""
    profile, address = RtpProfile(), RtpAddress(participant=PARTICIPANT)
    async with world(protocol=rtp_protocol(profile, address=address, timing=Timing())) as earth:
        simulated = rtp_rail(RtpSimulatorSettings(), NoJournal(), started_at=earth.clock.now())
        dialect = RtpOperations(RtpDialect(profile, address), party=PARTICIPANT)
        yield _place(earth, simulated, dialect, party=PARTICIPANT)


def _place(
    earth: World, simulated: SimulatedRail, dialect: OperationsDialect, *, party: ConnectionPartyId, hears: bool = True
) -> OperationsWorld:
    def answering(body: bytes, message_class: MessageClass) -> Sequence[bytes]:
        now = earth.clock.now()
        simulated.receive(body, connection_party=party, message_class=message_class, now=now)
        return ()

    earth.rail.answering = answering
    events, identifiers, rail = InMemoryRailEvents(), earth.receiver.identifiers, dialect.rail
    notices = RailNotices(events, earth.recorder, {rail: dialect}) if hears else None
    earth.receiver = replace(earth.receiver, notices=notices)
    return OperationsWorld(
        earth,
        events,
        RailOperations({rail: dialect}, events, earth.clock, identifiers),
        RailOperationSender({rail: dialect}, events, {rail: earth.rail}, earth.clock, identifiers, earth.recorder),
        simulated,
        rail,
        party,
    )
