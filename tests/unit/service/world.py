"""The real use cases on fakes: a store and a rail in memory, a clock that stands still until it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID

from lxml import etree

from adapters.keys.clear import ClearVault
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentId, Rail, TenantId
from gateway.domain.rail_operations import RailEvent
from gateway.domain.reconciliation import Arrivals
from gateway.domain.timing import Timing
from gateway.service.admission import Admission
from gateway.service.days import LostDays
from gateway.service.decide import Decisions, decide, grouped_saves
from gateway.service.directory import ParticipantDirectory
from gateway.service.dispatch import Dispatcher, grouped_loads
from gateway.service.fednow import fednow_protocol
from gateway.service.funds import Funds
from gateway.service.ports import Accepted, DeadLetter, Decision, Delivery, KeySide, Leg, Quarantined, Queue, Refusal
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receive import Receiver
from gateway.service.submit import Intake, Refused, Submitted, grouped_accepts
from gateway.service.timers import Timers
from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EndToEndId,
    EnvelopeKind,
    FedNowProfile,
    Finding,
    MessageId,
    MessageReject,
    PaymentStatusReport,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    admi002,
    header,
    pacs002,
    wrap,
)
from tests.acceptance import payments
from tests.acceptance.payments import message
from tests.fakes.clock import START, VirtualClock
from tests.fakes.core import InMemoryCore
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.rail import InMemoryRail
from tests.fakes.store import InMemoryStore

TENANT: Final = TenantId("default")
PARTY: Final = ConnectionPartyId("990000107")
RAIL_ID: Final = ConnectionPartyId(FEDNOW_ID)


def transfer(*, creditor_account: str = "200000000001") -> CustomerCreditTransfer:
    """A transfer that was created when the clock's time began."""
    return payments.transfer(creditor_account=creditor_account, created=START)


class Numbered:
    """Identifiers in the order in which they were asked for."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new_uuid(self) -> UUID:
        return UUID(int=next(self._numbers))


@dataclass(slots=True)
class Recorder:
    """Remembers what the use cases told."""

    decisions: list[Decision] = field(default_factory=list)
    contradictions: list[Decision] = field(default_factory=list)
    quarantines: list[Quarantined] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    rail_events: list[RailEvent] = field(default_factory=list)
    totals_different_s: list[float] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    parkings: list[PaymentId] = field(default_factory=list)
    keys_until: dict[tuple[Rail, KeySide], datetime] = field(default_factory=dict)
    unverified_findings: list[Finding] = field(default_factory=list)
    signs_of_life: list[Rail] = field(default_factory=list)
    legs: list[tuple[Leg, float]] = field(default_factory=list)
    lateness_s: list[float] = field(default_factory=list)

    def payment_accepted(self, accepted: Accepted) -> None: ...

    def request_refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def state_changed(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def contradiction(self, decision: Decision) -> None:
        self.contradictions.append(decision)

    def duplicate_ignored(self, rail: Rail, inbox_id: str) -> None:
        self.duplicates.append(inbox_id)

    def quarantined(self, message: Quarantined) -> None:
        self.quarantines.append(message)

    def rail_keys(self, rail: Rail, whose: KeySide, *, until: datetime) -> None:
        self.keys_until[rail, whose] = until

    def unverified(self, rail: Rail, finding: Finding, *, signature: str | None) -> None:
        self.unverified_findings.append(finding)

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        self.parkings.append(payment_id)

    def fault(self, where: str, error: BaseException) -> None:
        self.faults.append(where)

    def dead_lettered(self, letter: DeadLetter) -> None: ...

    def rail_event(self, event: RailEvent) -> None:
        self.rail_events.append(event)

    def totals_compared(self, rail: Rail, *, theirs: Arrivals, ours: Arrivals, different_s: float) -> None:
        self.totals_different_s.append(different_s)

    def rail_answered(self, rail: Rail) -> None:
        self.signs_of_life.append(rail)

    def leg(self, leg: Leg, seconds: float) -> None:
        self.legs.append((leg, seconds))

    def timer_fired(self, lateness_s: float) -> None:
        self.lateness_s.append(lateness_s)


@dataclass(slots=True)
class World:
    """Everything that a test drives by hand."""

    clock: VirtualClock
    store: InMemoryStore
    rail: InMemoryRail
    recorder: Recorder
    admission: Admission
    intake: Intake
    dispatcher: Dispatcher
    core: InMemoryCore
    funds: Funds
    receiver: Receiver
    timers: Timers
    answers: count[int] = field(default_factory=lambda: count(1))

    async def submit(self, payment: CustomerCreditTransfer | None = None) -> Payment:
        """Submit a payment and return it."""
        body = message(payment or transfer())
        submitted = await self.intake.submit_message(TENANT, body, header_key=None, received_at=self.clock.now())
        assert isinstance(submitted, Submitted), submitted
        return submitted.payment

    async def refused(self, body: bytes, *, header_key: str | None = None) -> Refused:
        """Submit what must be refused."""
        outcome = await self.intake.submit_message(TENANT, body, header_key=header_key, received_at=self.clock.now())
        assert isinstance(outcome, Refused), outcome
        return outcome

    async def dispatch(self, payment: Payment) -> None:
        """Hand the payment's delivery to the dispatcher."""
        await self.dispatcher.transfer(self.delivery(payment, Queue.FEDNOW_OUT_VALUE))

    async def ask(self, payment: Payment) -> None:
        """Hand the delivery of a status request to the dispatcher."""
        await self.dispatcher.enquiry(self.delivery(payment, Queue.FEDNOW_OUT_INQUIRY))

    @staticmethod
    def delivery(payment: Payment, queue: Queue) -> Delivery:
        """A delivery of the payment."""
        return Delivery(UUID(int=7), queue, payment.payment_id, payment.deadline_at, attempt=1)

    async def fire_timers(self, *, after_s: float) -> None:
        """Let time pass, and fire what is due."""
        self.clock.advance(after_s)
        for timer in await self.store.due_timers(self.clock.now(), limit=100):
            await self.timers.fire(timer)

    async def hear_nothing_until_in_doubt(self, payment: Payment) -> None:
        """Save what a timer elsewhere would: the answer did not come in time."""
        current = await self.now(payment)
        overdue = decide(
            current,
            Event(EventKind.DEADLINE_PASSED),
            at=self.clock.now(),
            timing=Timing(),
        )
        assert await self.store.save([overdue]) == [True]

    async def now(self, payment: Payment) -> Payment:
        """The payment as it is now."""
        return (await self.store.load([payment.payment_id]))[payment.payment_id]

    async def hear(self, *bodies: bytes) -> None:
        """Let the rail say something, and the receiver apply it."""
        for body in bodies:
            self.rail.deliver(body)
        deliveries = await self.rail.receive(messages_max=100, wait_s=0)
        await self.receiver.apply(deliveries)
        await self.rail.acknowledge([delivery.receipt for delivery in deliveries])

    def report(
        self,
        about: str,
        status: TransactionStatus,
        *,
        reason: StatusReason | None = None,
        about_type: str = "pacs.008.001.08",
        header_id: str | None = None,
        end_to_end_id: str | None = None,
        speaker: str = FEDNOW_ID,
        report_id: str | None = None,
    ) -> bytes:
        """A pacs.002 from the rail: its own, or one of an institution (`speaker`) that it relays."""
        document = pacs002.build(
            PaymentStatusReport(
                message_id=MessageId(report_id or f"RAIL{next(self.answers):08}"),
                creation_time=self.clock.now(),
                original_message_id=MessageId(about),
                original_message_name=about_type,
                original_end_to_end_id=None if end_to_end_id is None else EndToEndId(end_to_end_id),
                status=status,
                reasons=() if reason is None else (reason,),
                instructing_agent=RoutingNumber(speaker),
                instructed_agent=RoutingNumber(PARTY),
            )
        )
        return self._outgoing("pacs.002.001.10", document, header_id)

    def reject(self, about: str, code: str) -> bytes:
        """An admi.002 from the rail."""
        document = admi002.build(
            MessageReject(related_reference=about, reason_code=code, rejection_time=self.clock.now())
        )
        return self._outgoing("admi.002.001.01", document, None)

    def _outgoing(self, message_type: str, document: etree._Element, header_id: str | None) -> bytes:
        app_header = BusinessHeader(
            sender=RAIL_ID,
            receiver=PARTY,
            business_message_id=BusinessMessageId(header_id or f"HEAD{next(self.answers):08}"),
            message_type=message_type,
            market_practice=FEDNOW_PRACTICE,
            creation_time=self.clock.now(),
        )
        return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(app_header), document)


@asynccontextmanager
async def world(
    *,
    timing: Timing | None = None,
    definite_refusals: frozenset[str] = frozenset(),
    profile: FedNowProfile | None = None,
    store: InMemoryStore | None = None,
    protocol: RailProtocol | None = None,
    directory: Callable[[VirtualClock, Recorder], ParticipantDirectory] | None = None,
    days: LostDays | None = None,
) -> AsyncIterator[World]:
    """A world with its group commits running; its one rail is FedNow, or the one of `protocol`."""
    clock, rail, recorder = VirtualClock(), InMemoryRail(), Recorder()
    listed = None if directory is None else directory(clock, recorder)
    store = store or InMemoryStore()
    protocol = protocol or fednow_protocol(
        profile or FedNowProfile(own_connection_party=PARTY),
        connection_party=PARTY,
        timing=timing or Timing(),
        definite_refusals=definite_refusals,
    )
    # No windows: they run in loop time, and would let the virtual clock run ahead of what happens in none.
    accepts, saves = grouped_accepts(store), grouped_saves(store, window_s=0)
    loads, identifiers = grouped_loads(store, window_s=0), Numbered()
    decisions = Decisions(store, saves, recorder)
    core = InMemoryCore()
    funds = Funds(core, store, clock, recorder, promise_s=15.0)
    admission = Admission(store, clock, wait_max_s=1.5)
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(grouping.run()) for grouping in (accepts, saves, loads)]
        yield World(
            clock=clock,
            store=store,
            rail=rail,
            recorder=recorder,
            admission=admission,
            intake=Intake(
                rails={protocol.rail: protocol},
                default_rail=protocol.rail,
                store=store,
                accepts=accepts,
                admission=admission,
                clock=clock,
                identifiers=identifiers,
                vault=ClearVault(b"test"),
                observer=recorder,
                directory=listed,
                liquidity_tenants={TENANT},
                days=days,
            ),
            dispatcher=Dispatcher(
                *(decisions, loads, {protocol.rail: protocol}, {protocol.rail: rail}, clock, identifiers, recorder),
                funds,
                directory=listed,
            ),
            core=core,
            funds=funds,
            receiver=Receiver(decisions, protocol, rail, ClearVault(b"test"), clock, identifiers, recorder),
            timers=Timers(decisions, {protocol.rail: protocol}, clock, recorder),
        )
        for loop in loops:
            loop.cancel()
    assert not await InMemoryLedger(store).faults(limit=10), "the ledger says something else than the states"


def seconds(instant: datetime | None, since: datetime) -> float:
    """How long after `since`."""
    assert instant is not None
    return (instant - since) / timedelta(seconds=1)
