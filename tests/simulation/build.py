"""How a world's processes are composed: the real use cases on the simulated ports, as ``gateway.worker`` does it.

A planted bug is a subclass that builds one part otherwise; see `tests.simulation.plants`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from adapters.keys.clear import ClearVault
from gateway.conversing import Conversing
from gateway.domain.doubt import DoubtPolicy
from gateway.domain.payment import PaymentId, Rail
from gateway.domain.rail_operations import RailEvent
from gateway.domain.reconciliation import Arrivals
from gateway.domain.timing import Timing
from gateway.receiving import Receiving
from gateway.service.admission import Admission
from gateway.service.consuming import or_else
from gateway.service.conversations.desk import ConversationDesk
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.hear import ConversationHearing
from gateway.service.conversations.send import ConversationKeeping
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.dialect import DialectProtocol
from gateway.service.dispatch import Dispatcher, grouped_loads
from gateway.service.fednow import FedNowDialect
from gateway.service.fencing import at_home
from gateway.service.funds import Funds, NoCore
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.arrived import SeeingToArrived
from gateway.service.incoming.ask import Asker
from gateway.service.incoming.both_regions import Acceptances, NoOtherRegion
from gateway.service.incoming.come_back import ComingBack
from gateway.service.incoming.decide import IncomingDecider, IncomingDecisions, grouped_incoming_saves
from gateway.service.incoming.desk import IncomingDesk
from gateway.service.incoming.give_back import GivingBack
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.post import Posting
from gateway.service.incoming.rail import ReceivingRail
from gateway.service.incoming.requests import ReturnRequests
from gateway.service.incoming.send import IncomingSender, grouped_sents
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.incoming.timers import IncomingTimers
from gateway.service.operate import Operators
from gateway.service.ports import (
    Accepted,
    Bus,
    Clock,
    Decision,
    Delivery,
    Identifiers,
    IncomingDecision,
    IncomingStore,
    KeySide,
    Leg,
    MessageClass,
    NewPayment,
    Observer,
    PaymentStore,
    Quarantined,
    Queue,
    QueueDirection,
    RailLink,
    Refusal,
    RegionStore,
)
from gateway.service.ports.conversations import ConversationStore
from gateway.service.rail_operations import RailNotices
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receive import Receiver
from gateway.service.relay import Forwarder, relay
from gateway.service.screening import Screening
from gateway.service.submit import Intake, grouped_accepts
from gateway.service.supervise import supervise
from gateway.service.timers import Timers
from gateway.service.waiting import Waiting
from iso20022 import Finding
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import receiving_rail
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.fakes.store import InMemoryStore
from tests.simulation.incoming import InstitutionSide, incoming_side
from tests.simulation.ports import SimulatedSupply, bus_side, link_side, store_side
from tests.simulation.processes import Life
from tests.simulation.rail import DEFINITE, PARTY, profile
from tests.simulation.screening import screening_of
from tests.simulation.talks import WitnessedConversations, conversations_side
from tests.simulation.witness import Accepting

if TYPE_CHECKING:
    from tests.simulation.world import World

ADMISSION_WAIT_MAX_S: Final = 1.5
PREFETCH: Final = 64
CONCURRENCY: Final = 32
INQUIRY_PREFETCH: Final = 32
INQUIRY_CONCURRENCY: Final = 16

Loop = Callable[[], Awaitable[None]]


class WitnessedStore(InMemoryStore):
    """The store that all share; whoever watches sees what is about to be accepted."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def _accept_one(self, new: NewPayment) -> Accepted:
        self.world.witness(Accepting((new,)))
        return super()._accept_one(new)


class LifeObserver:
    """Implements `Observer` and `BusObserver` for one life: a fault of ours breaks a promise."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        """A fault of ours."""
        if self._life.is_alive:
            self._life.world.fault(f"{self._life.name} parked {payment_id}: {reason}")

    def fault(self, where: str, error: BaseException) -> None:
        """The world's faults are the scenario's; others are ours."""
        self._life.world.loop_fault(self._life, where, error)

    def quarantined(self, message: Quarantined) -> None:
        """Bytes from the rail found no payment."""
        if self._life.is_alive:
            self._life.world.trace.tell(self._life.name, f"puts a message in quarantine: {', '.join(message.codes)}")

    def rail_keys(self, rail: Rail, whose: KeySide, *, until: datetime) -> None:
        """There are none here."""

    def unverified(self, rail: Rail, finding: Finding, *, signature: str | None) -> None:
        """A signature does not hold: nothing here signs."""

    def duplicate_ignored(self, rail: Rail, inbox_id: str) -> None:
        """The rail delivered a message again."""
        if self._life.is_alive:
            self._life.world.trace.tell(self._life.name, f"has had message {inbox_id} of {rail} before, and ignores it")

    def contradiction(self, decision: Decision) -> None:
        """Counted in the store."""

    def payment_accepted(self, accepted: Accepted) -> None:
        """Seen in the store."""

    def request_refused(self, refusal: Refusal) -> None:
        """Seen in the store."""

    def state_changed(self, decision: Decision) -> None:
        """Seen in the store."""

    def dead_lettered(self, letter: object) -> None:
        """Seen on the bus."""

    def rail_event(self, event: RailEvent) -> None: ...

    def totals_compared(self, rail: Rail, *, theirs: Arrivals, ours: Arrivals, different_s: float) -> None: ...

    def rail_answered(self, rail: Rail) -> None:
        """Seen at the rail."""

    def leg(self, leg: Leg, seconds: float) -> None:
        """Not looked at."""

    def timer_fired(self, lateness_s: float) -> None:
        """Not looked at."""

    def incoming_changed(self, decision: IncomingDecision) -> None:
        """Seen in the store."""

    def acceptance_waited(self, rail: Rail, seconds: float) -> None:
        """Nobody counts."""

    def incoming_answered(self, rail: Rail, *, own_s: float, left_s: float) -> None:
        """Seen at the rail."""

    def consumer_active(self, queue: Queue, *, is_active: bool) -> None:
        """Not looked at."""

    def consumer_restarted(self, queue: Queue) -> None:
        """Not looked at."""

    def delivery_taken(self, queue: Queue) -> None:
        """Not looked at."""


class Build:
    """What is built, part by part. The parts of a process are built anew for each of its lives."""

    fednow: type[DialectProtocol] = DialectProtocol

    def planted(self) -> AbstractContextManager[None]:
        """Return what surrounds the whole run."""
        return nullcontext()

    def store(self, world: World) -> InMemoryStore:
        """Return the store that all processes share."""
        return WitnessedStore(world)

    def incoming_store(self, world: World) -> InMemoryIncoming:
        """Return where all processes keep what the rail brings."""
        return InMemoryIncoming(world.store)

    def conversations(self, world: World) -> WitnessedConversations:
        """Return where all processes keep conversations."""
        return WitnessedConversations(world.incoming)

    def conversations_side(self, life: Life) -> ConversationStore:
        """Return that as one life sees it."""
        return conversations_side(life, life.world.conversations)

    def heard_before(self, store: PaymentStore) -> PaymentStore:
        """Return what tells the hearing of conversations which messages it has heard."""
        return store

    def conversation_desk(self, *parts: Any) -> ConversationDesk:
        """Return what people start and answer conversations with."""
        return ConversationDesk(*parts)

    def incoming_side(self, life: Life) -> IncomingStore:
        """Return that as one life sees it."""
        return incoming_side(life, life.world.incoming)

    def incoming_sender(self, **parts: Any) -> IncomingSender:
        """Return the use case that sends answers."""
        return IncomingSender(**parts)

    def receiving(self, life: Life, rail: RailProtocol, link: RailLink, payments: Decisions) -> Receiving:
        """Return the use cases of receiving in one life, as ``gateway.receiving`` composes them."""
        world, observer = life.world, LifeObserver(life)
        store, institution = self.incoming_side(life), InstitutionSide(life, world.institution)
        rails, links = {rail.rail: receiving_rail(rail)}, {rail.rail: link}
        saves, sents = grouped_incoming_saves(store), grouped_sents(store)
        decider = self.incoming_decider(rails, world.chance.identifiers(f"{life.key}.incoming"))
        decisions = IncomingDecisions(store, saves, decider, life.clock, observer)
        tenants = ReceivingTenants(store, life.clock, observer)
        sender = self.incoming_sender(
            decisions=decisions,
            acceptances=self.acceptances(life),
            sents=sents,
            links=links,
            clock=life.poll_clock,
            observer=observer,
        )
        messages = ReceivedMessages(store, rails)
        protocols = {rail.rail: rail}
        coming_back = self.coming_back(store, payments, protocols, messages, life.clock)
        screening = self.screening(life)
        asker = Asker(decisions, institution, tenants, sender, coming_back, messages, life.clock, observer, screening)
        posting = Posting(decisions, institution, tenants, sender, messages, links, life.clock, observer)
        giving_back = self.giving_back(decisions, payments.store, protocols, messages, ClearVault(b"simulation"))
        timers = IncomingTimers(decisions, asker, messages, life.poll_clock, observer)
        requests = ReturnRequests(decisions, payments, protocols, links, InMemoryRailEvents())
        arrived = SeeingToArrived(store, payments.store, posting, giving_back, coming_back, requests)
        return Receiving(rails, decisions, sender, asker, messages, posting, arrived, timers, tenants, (saves, sents))

    def acceptances(self, _life: Life) -> Acceptances:
        """Return what the acceptances of one life wait for before they leave."""
        return Acceptances(NoOtherRegion())

    def screening(self, life: Life) -> Screening | None:
        """Return what has payments looked at, in a world where somebody wants it."""
        return screening_of(life)

    def incoming_decider(self, rails: Mapping[Rail, ReceivingRail], identifiers: Identifiers) -> IncomingDecider:
        """Return what decides of a received transfer."""
        return IncomingDecider(rails, identifiers)

    def coming_back(self, *parts: Any) -> ComingBack:
        """Return the use case that judges returns, and has their payments know of them."""
        return ComingBack(*parts)

    def giving_back(self, *parts: Any) -> GivingBack:
        """Return the use case that sends returns."""
        return GivingBack(*parts)

    def desk(self, *parts: Any) -> IncomingDesk:
        """Return what an institution has of what it has received."""
        return IncomingDesk(*parts)

    def protocol(self, world: World, *, timing: Timing | None = None) -> RailProtocol:
        """Return FedNow's messages and times."""
        scenario = world.scenario
        return self.fednow(
            FedNowDialect(profile(), PARTY),
            timing=timing or Timing(),
            doubt=DoubtPolicy(questions_max=scenario.questions_max, ping_after=scenario.ping_after),
            definite_refusals=frozenset({DEFINITE}),
        )

    def store_side(self, life: Life) -> PaymentStore:
        """Return the store as one life sees it."""
        return store_side(life, life.world.store)

    def bus_side(self, life: Life) -> Bus:
        """Return the bus as one life sees it."""
        return bus_side(life, life.world.bus)

    def link_side(self, life: Life) -> RailLink:
        """Return the rail as one life sees it."""
        return link_side(life, life.world.rail)

    def supply(self, life: Life, queue: Queue) -> SimulatedSupply:
        """Return the bus's side of one consumer."""
        return SimulatedSupply(life, life.world.bus, queue)

    def forwarder(self, store: PaymentStore, bus: Bus, clock: Clock, observer: Observer) -> Forwarder:
        """Return what publishes the deliveries of accepted payments at once."""
        return Forwarder(store, bus, clock, observer)

    def decisions(
        self, _life: Life, store: PaymentStore, saves: GroupCommit[Decision, bool], observer: Observer, _timing: Timing
    ) -> Decisions:
        """Return what takes events through the table."""
        return Decisions(store, saves, observer)

    def intake(self, **parts: Any) -> Intake:
        """Return the use case that takes payments in."""
        return Intake(**parts)

    def dispatcher(self, life: Life, **parts: Any) -> Dispatcher:
        """Return the use case that sends."""
        return Dispatcher(**parts)

    def receiver(self, **parts: Any) -> Receiver:
        """Return the use case that hears the rail."""
        return Receiver(**parts)

    def region_store(self, _life: Life) -> RegionStore | None:
        """Return what one life knows of the other region, where there is one."""
        return None

    def notices(self, _life: Life) -> RailNotices | None:
        """Return what hears the rail speak of itself, where somebody does."""
        return None

    def loops_of_every_role(self, _life: Life) -> Mapping[str, Loop]:
        """Return what runs besides, in gateways and in workers."""
        return {}

    def loops_of_a_worker(self, _life: Life, _receiver: Receiver) -> Mapping[str, Loop]:
        """Return what runs besides, in workers."""
        return {}


@asynccontextmanager
async def _running(life: Life, loops: Mapping[str, Loop]) -> AsyncIterator[asyncio.TaskGroup]:
    """Run supervised loops while the context is open."""
    observer = cast("Observer", LifeObserver(life))
    async with asyncio.TaskGroup() as group:
        for name, loop in loops.items():
            group.create_task(supervise(name, loop, clock=life.clock, observer=observer))
        yield group


class GatewayLife:
    """The use cases of one life of a gateway."""

    def __init__(self, life: Life, build: Build) -> None:
        world, observer = life.world, cast("Observer", LifeObserver(life))
        self.life = life
        self.build = build
        self.store = build.store_side(life)
        self.accepts = grouped_accepts(self.store)
        self.saves = grouped_saves(self.store)
        self.waiting = Waiting(self.store, life.poll_clock, observer)
        self.forwarder = build.forwarder(self.store, build.bus_side(life), life.clock, observer)
        self.admission = Admission(self.store, life.poll_clock, ADMISSION_WAIT_MAX_S)
        rail = build.protocol(world)
        decisions = build.decisions(life, self.store, self.saves, observer, rail.timing)
        self.operators = Operators(decisions, {rail.rail: rail}, life.clock)
        self.intake = build.intake(
            rails={rail.rail: rail},
            default_rail=rail.rail,
            store=self.store,
            accepts=self.accepts,
            admission=self.admission,
            clock=life.clock,
            identifiers=world.chance.identifiers(life.key),
            vault=ClearVault(b"simulation"),
            observer=observer,
            forward=self.forwarder.take,
        )
        self.incoming_saves: GroupCommit[IncomingDecision, bool] | None = None
        if world.scenario.receives:
            self.desk, self.incoming_saves = self._desk(rail, decisions)
        self.talking = self._talking() if world.scenario.talks else None
        self.group: asyncio.TaskGroup | None = None

    def _desk(
        self, rail: RailProtocol, payments: Decisions
    ) -> tuple[IncomingDesk, GroupCommit[IncomingDecision, bool]]:
        life, build = self.life, self.build
        store, rails = build.incoming_side(life), {rail.rail: receiving_rail(rail)}
        saves = grouped_incoming_saves(store)
        decider = build.incoming_decider(rails, life.world.chance.identifiers(f"{life.key}.incoming"))
        decisions = IncomingDecisions(store, saves, decider, life.clock, LifeObserver(life))
        messages = ReceivedMessages(store, rails)
        coming_back = build.coming_back(store, payments, {rail.rail: rail}, messages, life.clock)
        return build.desk(decisions, coming_back), saves

    def _talking(self) -> ConversationDesk:
        life, build = self.life, self.build
        store, received = build.incoming_side(life), ReceivedMessages(build.incoming_side(life), {})
        identifiers, vault = life.world.chance.identifiers(f"{life.key}.conversations"), ClearVault(b"simulation")
        parts = (store, received, {Rail.FEDNOW: talking_rail()}, life.clock, identifiers, vault)
        return build.conversation_desk(build.conversations_side(life), *parts)

    async def run(self) -> None:
        """Serve until the life ends."""
        loops: Mapping[str, Loop] = {
            "forwarder": self.forwarder.publish,
            "outbox": self.forwarder.forget,
            "admission": self.admission.run,
            "waiting": self.waiting.run,
            **self.build.loops_of_every_role(self.life),
        }
        async with _running(self.life, loops) as group:
            group.create_task(self.accepts.run())
            group.create_task(self.saves.run())
            if self.incoming_saves is not None:
                group.create_task(self.incoming_saves.run())
            self.group = group
            await asyncio.Event().wait()


def talking_rail() -> FedNowConversations:
    """Return FedNow's messages of conversations."""
    return FedNowConversations(FedNowDialect(profile(), PARTY))


def _conversing(life: Life, build: Build, receiving: Receiving, link: RailLink) -> Conversing:
    """What a worker runs of conversations, as ``gateway.conversing`` composes it."""
    store, rail = build.conversations_side(life), Rail.FEDNOW
    unknown = receiving.rails[rail].reasons.unknown_agent
    found = ConversationHearing(
        store,
        build.heard_before(build.store_side(life)),
        build.incoming_side(life),
        receiving.tenants,
        talking_rail(),
        unknown,
        life.clock,
        life.world.chance.identifiers(f"{life.key}.conversations"),
    )
    return Conversing({rail: found}, ConversationKeeping(store, {rail: link}, life.poll_clock))


async def _of_nobody(delivery: Delivery) -> None:
    raise AssertionError(f"{delivery.payment_id} is no conversation")


async def run_worker(life: Life, build: Build) -> None:
    """Relay, dispatch, receive and keep the timers until the life ends."""
    world, observer = life.world, cast("Observer", LifeObserver(life))
    store, bus, link = build.store_side(life), build.bus_side(life), build.link_side(life)
    rail, identifiers = build.protocol(world), world.chance.identifiers(life.key)
    rails = {rail.rail: rail}
    saves, loads = grouped_saves(store), grouped_loads(store)
    decisions = build.decisions(life, store, saves, observer, rail.timing)
    shared = {"decisions": decisions, "clock": life.clock, "identifiers": identifiers, "observer": observer}
    funds = Funds(NoCore(), store, life.clock, observer, rail.timing.promise_s)
    shared_parts = {**shared, "screening": build.screening(life)}
    dispatcher = build.dispatcher(life, loads=loads, rails=rails, links={rail.rail: link}, funds=funds, **shared_parts)
    vault = ClearVault(b"simulation")
    receiving = build.receiving(life, rail, link, decisions) if world.scenario.receives else None
    hearing = None if receiving is None else receiving.hearing(rail.rail, store, vault)
    regions = build.region_store(life)
    conversing = None if receiving is None or not world.scenario.talks else _conversing(life, build, receiving, link)
    talks, notices = None if conversing is None else conversing.hearings[rail.rail], build.notices(life)
    if talks is None and receiving is not None and notices is not None:  # a report may be the other region's
        talks = _conversing(life, build, receiving, link).hearings[rail.rail]
    parts = {"incoming": hearing, "regions": regions, "conversations": talks, "notices": notices}
    receiver = build.receiver(rail=rail, link=link, vault=vault, **parts, **shared)
    timers = Timers(decisions, rails, life.poll_clock, observer)

    async def consume() -> None:
        def queue_of(message_class: MessageClass) -> Queue:
            return Queue.of(rail.rail, QueueDirection.OUT, message_class)

        value, inquiry, system = map(queue_of, (MessageClass.VALUE, MessageClass.INQUIRY, MessageClass.SYSTEM))
        seldom = {"prefetch": INQUIRY_PREFETCH, "concurrency": INQUIRY_CONCURRENCY}
        async with (
            bus.consume(value, at_home(dispatcher.transfer), prefetch=PREFETCH, concurrency=CONCURRENCY),
            bus.consume(inquiry, at_home(dispatcher.enquiry), **seldom),
            bus.consume(system, at_home(dispatcher.ping), **seldom),
            AsyncExitStack() as stack,
        ):
            if conversing is not None:
                unhurried = or_else(conversing.keeping.send, _of_nobody)
                await stack.enter_async_context(bus.consume(queue_of(MessageClass.NONVALUE), unhurried, **seldom))
            for message_class, handler in () if receiving is None else receiving.handlers:
                queue = Queue.of(rail.rail, QueueDirection.IN, message_class)
                await stack.enter_async_context(bus.consume(queue, at_home(handler), **seldom))
            await asyncio.Event().wait()

    loops: Mapping[str, Loop] = {
        "consumers": consume,
        "relay": lambda: relay(store, bus, life.poll_clock, observer),
        "receiver": receiver.run,
        "timers": timers.run,
        **({} if receiving is None else receiving.loops),
        **({} if conversing is None else {"conversations": conversing.keeping.run}),
        **build.loops_of_every_role(life),
        **build.loops_of_a_worker(life, receiver),
    }
    async with _running(life, loops) as group:
        group.create_task(saves.run())
        group.create_task(loads.run())
        for grouping in () if receiving is None else receiving.groups:
            group.create_task(grouping.run())
        await asyncio.Event().wait()
