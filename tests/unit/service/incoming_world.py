"""Receiving on fakes: the real use cases, a store, a rail and an institution in memory, a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from adapters.keys.clear import ClearVault
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import PaymentId, Rail, TenantId
from gateway.domain.stand_in import policy_from
from gateway.domain.timing import Timing
from gateway.receiving import Receiving, compose
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.dispatch import Dispatcher, grouped_loads
from gateway.service.fednow import fednow_protocol
from gateway.service.funds import Funds
from gateway.service.incoming.both_regions import InBothRegions
from gateway.service.incoming.desk import IncomingDesk
from gateway.service.incoming.hear import Arrived, Hearing
from gateway.service.incoming.rail import ReceivingRail
from gateway.service.ports import (
    Delivery,
    IncomingDecision,
    MessageDirection,
    OutboundDelivery,
    Quarantined,
    Queue,
    RawMessage,
    ReceivingTenant,
    RegionStore,
)
from gateway.service.rail_operations import RailOperationSender
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receive import Receiver
from iso20022 import (
    Amount,
    ConnectionPartyId,
    Direction,
    FedNowProfile,
    MessageId,
    PaymentStatusReport,
    RoutingNumber,
    TransactionStatus,
    examine,
)
from simulators.facts import TransferForwarded
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from simulators.rtp.forward import RtpForwarding
from tests.fakes.clock import START, VirtualClock
from tests.fakes.core import InMemoryCore
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import PARTY, InMemoryInstitution, receiving_rail
from tests.fakes.rail import InMemoryRail
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import Numbered, Recorder

TENANT: Final = TenantId("default")
AGENT: Final = RoutingNumber("990000107")
URL: Final = "the institution"


@dataclass(slots=True)
class IncomingRecorder:
    """Remembers what the use cases told."""

    changes: list[IncomingDecision] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    parkings: list[PaymentId] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def contradictions(self) -> list[IncomingDecision]:
        """The decisions that a person must look at."""
        return [decision for decision in self.changes if decision.contradiction]

    def incoming_changed(self, decision: IncomingDecision) -> None:
        self.changes.append(decision)

    def incoming_answered(self, rail: Rail, *, own_s: float, left_s: float) -> None: ...

    def acceptance_waited(self, rail: Rail, seconds: float) -> None:
        self.waits.append(seconds)

    def duplicate_ignored(self, rail: Rail, inbox_id: str) -> None:
        self.duplicates.append(inbox_id)

    def quarantined(self, message: Quarantined) -> None: ...

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        self.parkings.append(payment_id)

    def fault(self, where: str, error: BaseException) -> None:
        self.faults.append(where)


@dataclass(slots=True)
class IncomingWorld:
    """Everything that a test drives by hand."""

    clock: VirtualClock
    store: InMemoryIncoming
    rail: InMemoryRail
    sending: Receiver
    dispatcher: Dispatcher
    institution: InMemoryInstitution
    receiving: Receiving
    hearing: Hearing
    recorder: IncomingRecorder
    writer: FedNowForwarding | RtpForwarding
    forwarded: list[OutboundDelivery]
    events: InMemoryRailEvents
    party: ConnectionPartyId = PARTY
    _numbers: int = 0
    _brought: dict[MessageId, TransferForwarded] = field(default_factory=dict)

    def brought(
        self, *, agent: RoutingNumber = AGENT, late_s: float = 0.0, liquidity: bool = False, cents: int = 5_174
    ) -> Arrived:
        """A transfer, or a liquidity transfer, as the rail brings it now, under a header of `late_s` ago."""
        self._numbers += 1
        debtor_agent = RoutingNumber("990001106")
        order = Order(
            amount=Amount(cents), debtor_agent=debtor_agent, creditor_agent=agent, spent_s=0.0, liquidity=liquidity
        )
        created = self.clock.now() - timedelta(seconds=late_s)
        forwarded = self.writer.forward(order, self._numbers, recipient=self.party, now=created)
        self._brought[forwarded.message_id] = forwarded
        return self.read(forwarded.body)

    def advice(self, transfer: IncomingTransfer) -> bytes:
        """The rail's word that a transfer has settled."""
        forwarded, now = self._brought[transfer.message_id], self.clock.now()
        return self.writer.advice(forwarded, TransactionStatus.ACSC, (), settlement_date=None, at=now)

    def read(self, body: bytes) -> Arrived:
        """A message of the rail as it was read."""
        reading = self.hearing.rail.read(body)
        raw = RawMessage(
            message_id=UUID(int=10_000 + self._numbers),
            direction=MessageDirection.RAIL_IN,
            message_type=reading.message_type,
            business_message_id=reading.business_message_id,
            content_type="application/xml",
            body=body,
            at=self.clock.now(),
        )
        return Arrived(raw, reading, ClearVault(b"test").blind_index("rail-message", body))

    async def received(self, *, agent: RoutingNumber = AGENT, liquidity: bool = False) -> IncomingTransfer:
        """A transfer that was just made durable, and that nobody decides on yet."""
        arrived = self.brought(agent=agent, liquidity=liquidity)
        assert await self.hearing.arrive([arrived]) == [None]
        assert arrived.reading.transfer is not None
        (transfer,) = (
            each
            for each in self.store.rows.transfers.values()
            if each.message_id == arrived.reading.transfer.message_id
        )
        return transfer

    async def befalls(self, transfer: IncomingTransfer, *kinds: IncomingEvent) -> IncomingTransfer:
        """Save what befalls a transfer, one after the other, and return it as it is then."""
        for kind in kinds:
            current, decider = self.now(transfer), self.receiving.decisions.decider
            assert await self.store.save([decider.decide(current, IncomingFact(kind), at=self.clock.now())]) == [True]
        return self.now(transfer)

    async def settled(self) -> IncomingTransfer:
        """A transfer that the rail has settled, and whose posting instruction is in the outbox."""
        return await self.befalls(
            await self.received(), IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED
        )

    def now(self, transfer: IncomingTransfer) -> IncomingTransfer:
        """The transfer as it is now."""
        return self.store.rows.transfers[transfer.payment_id]

    @staticmethod
    def instruction(transfer: IncomingTransfer) -> Delivery:
        """The delivery that has a transfer posted."""
        return Delivery(UUID(int=7), Queue.FEDNOW_IN_VALUE, transfer.payment_id, transfer.answer_by, attempt=1)

    async def fire_timers(self, *, after_s: float = 0.0) -> None:
        """Let time pass, and fire what is due."""
        self.clock.advance(after_s)
        for timer in await self.store.due_timers(self.clock.now(), limit=100):
            await self.receiving.timers.fire(timer)

    async def send_kept(self) -> None:
        """Send what is kept with the rail's events, and due, as a worker does."""
        links = {self.hearing.rail.rail: self.rail}
        await RailOperationSender({}, self.events, links, self.clock, Numbered(), Recorder()).send_due()

    def queued(self, queue: Queue) -> list[PaymentId]:
        """What the outbox has for a queue."""
        return [row.delivery.payment_id for row in self.store.store.rows.outbox if row.delivery.queue is queue]

    def sent(self) -> list[str]:
        """The statuses of the reports that the rail was sent."""
        profile = FedNowProfile(own_connection_party=PARTY)
        said = [examine(sent.body, profile=profile, direction=Direction.TO_RAIL).message for sent in self.rail.sent]
        return [report.status.value for report in said if isinstance(report, PaymentStatusReport)]


_KEYS: Final = count(1)


def fresh() -> str:
    """A key that no other call returns."""
    return f"key-{next(_KEYS)}"


def desk_of_world(earth: IncomingWorld) -> IncomingDesk:
    """What a tenant, or an operator, has of a world."""
    return IncomingDesk(earth.receiving.decisions, earth.receiving.arrived.coming_back)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One rail as a world speaks to it, and as its simulator forwards."""

    protocol: RailProtocol
    receiving: ReceivingRail
    writer: FedNowForwarding | RtpForwarding
    party: ConnectionPartyId


def fednow_spoken() -> Spoken:
    """FedNow."""
    protocol = fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=Timing())
    writer = FedNowForwarding(FedNowSimulatorSettings(), MessageIds(started_at=START))
    return Spoken(protocol, receiving_rail(protocol), writer, PARTY)


@asynccontextmanager
async def incoming_world(
    *,
    both: InBothRegions | None = None,
    regions: RegionStore | None = None,
    spoken: Spoken | None = None,
    store: InMemoryIncoming | None = None,
    **tenant: Any,
) -> AsyncIterator[IncomingWorld]:
    """A world with its group commits running; `tenant` says otherwise what is registered of the one that receives.

    Where there is another region, `both` says what it has too, and `regions` keeps what is for it. `spoken` is the one
    rail; without it FedNow. `store` is what may count what it is asked.
    """
    clock, rail, recorder = VirtualClock(), InMemoryRail(), IncomingRecorder()
    store = store or InMemoryIncoming(InMemoryStore())
    registered = {
        "tenant_id": TENANT,
        "institution_url": URL,
        "stand_in": policy_from({"rules": [{"decision": "accept"}]}),
        **tenant,
    }
    store.tenants[AGENT] = ReceivingTenant(**registered)
    spoken = spoken or fednow_spoken()
    protocol, found, name = spoken.protocol, spoken.receiving, spoken.receiving.rail
    institution = InMemoryInstitution()
    saves, loads, told = grouped_saves(store.store), grouped_loads(store.store), Recorder()
    payments, vault = Decisions(store.store, saves, told), ClearVault(b"test")
    identifiers, links, protocols, events = Numbered(), {name: rail}, {name: protocol}, InMemoryRailEvents()
    forwarded: list[OutboundDelivery] = []
    receiving = compose(
        rails={name: found},
        store=store,
        payments=payments,
        protocols=protocols,
        vault=vault,
        institution=institution,
        links=links,
        events=events,
        clock=clock,
        identifiers=identifiers,
        observer=recorder,
        forward=forwarded.extend,
        both=both,
    )
    hearing = receiving.hearing(name, store.store, vault)
    assert hearing is not None
    sending = Receiver(payments, protocol, rail, vault, clock, identifiers, told, hearing, regions)
    funds = Funds(InMemoryCore(), store.store, clock, told, Timing().promise_s)
    dispatcher = Dispatcher(payments, loads, protocols, links, clock, identifiers, told, funds)
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(each.run()) for each in (*receiving.groups, saves, loads)]
        yield IncomingWorld(
            clock,
            store,
            rail,
            sending,
            dispatcher,
            institution,
            receiving,
            hearing,
            recorder,
            spoken.writer,
            forwarded,
            events,
            spoken.party,
        )
        for loop in loops:
            loop.cancel()
