"""The world of one scenario: built, run until nothing more happens, and watched after each step."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

from gateway.domain.conversation import ConversationId
from gateway.domain.history import RecordedEvent
from gateway.domain.incoming_transfer import WAITED_FOR, IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, PaymentState
from gateway.service.ports import Queue
from iso20022 import EndToEndId
from tests.fakes.bus import InMemoryBus
from tests.simulation.build import Build, LifeObserver
from tests.simulation.checks import CHECKS, FINAL
from tests.simulation.clients import EXPECTED, TENANTS, Gateway, Orders, client, giving_back, operator
from tests.simulation.incoming import ENDS, Institution, tenants
from tests.simulation.processes import Life, LifeClock
from tests.simulation.rail import RailSurroundings, SimulatedRail
from tests.simulation.scenario import (
    IncomingPlan,
    Outage,
    Part,
    PaymentPlan,
    Scenario,
)
from tests.simulation.screening import person
from tests.simulation.stage import STUCK_S, Lasting, Run, Stage
from tests.simulation.talks import People, cents_of, is_at_rest, reference_of
from tests.simulation.witness import Acknowledging, Witnessed


class SimulatedBus(InMemoryBus):
    """The bus that all share."""

    @property
    def waiting(self) -> int:
        """How many deliveries are on queues."""
        return sum(len(queue) for queue in self._queues.values())

    def payments(self, queue: Queue) -> set[PaymentId]:
        """Return the payments that a queue has deliveries of, handed out or not."""
        return {waiting.outbound.payment_id for waiting in self._queues[queue].values()}

    @property
    def dead(self) -> int:
        """How many dead letters there are."""
        return len(self._dead)


class World(Stage):
    """Everything there is: parts, processes, clients, and those who watch."""

    def __init__(self, scenario: Scenario, build: Build) -> None:
        super().__init__(scenario, build)
        self.store = build.store(self)
        self.store.not_found_policies.update({tenant: policy for policy, tenant in TENANTS.items()})
        self.incoming = build.incoming_store(self)
        self.incoming.tenants.update(tenants())
        self.institution = Institution(self)
        self.conversations = build.conversations(self)
        self.people = People(self)
        self.orders = Orders(self)
        self.gateways = [Gateway(self, name) for name in scenario.processes if name.startswith("gateway")]
        self._checks = [check() for check in CHECKS]
        self._seen: dict[PaymentId, int] = {}
        self._seen_talks: Counter[ConversationId] = Counter()
        self._seen_incoming: dict[PaymentId, int] = {}
        self.bus: SimulatedBus
        self.rail: SimulatedRail

    # --- what others ask ---

    def monotonic_s(self) -> float:
        """Return the seconds since the world began."""
        return self.loop.time()

    @property
    def payments(self) -> Sequence[Payment]:
        """Every payment as the store has it."""
        return tuple(self.store.rows.payments.values())

    @property
    def transfers(self) -> Sequence[IncomingTransfer]:
        """Everything that the rail has brought."""
        return tuple(self.incoming.rows.transfers.values())

    @property
    def own_transfers(self) -> Sequence[IncomingTransfer]:
        """What of it is seen to here: all."""
        return self.transfers

    def history(self, payment: Payment) -> Sequence[RecordedEvent]:
        """Return the events of a payment."""
        return self.store.rows.events[payment.payment_id]

    def words(self, payment: Payment | PaymentId) -> str:
        """Return a payment's name for people."""
        known = payment if isinstance(payment, Payment) else self.store.rows.payments[payment]
        if known.original_id is not None:
            return f"the return {known.message_id}"
        return f"payment {self.numbers.get(known.end_to_end_id, known.end_to_end_id)}"

    def saved_bodies(self) -> set[bytes]:
        """Return every message that belongs to a payment, sent or received."""
        talks = self.conversations.rows.messages.values()
        kept = (*self.store.rows.messages.values(), *self.incoming.rows.messages.values(), *talks)
        return {message.body for messages in kept for message in messages}

    def payment_of_body(self, body: bytes) -> Payment | None:
        """Return the payment that a message was saved with."""
        for payment_id, messages in self.store.rows.messages.items():
            if any(message.body == body for message in messages):
                return self.store.rows.payments[payment_id]
        return None

    def place_of(self, _process: str) -> World:
        """Return what every process finds itself in."""
        return self

    @property
    def lasting(self) -> Sequence[Lasting]:
        """What befalls it for a while."""
        return (*self.scenario.outages, *self.scenario.hits)

    def observer_of(self, life: Life) -> LifeObserver:
        """Return what a life tells."""
        return LifeObserver(life)

    # --- what happens ---

    def is_down(self, part: Part) -> bool:
        """Whether a part answers nobody now."""
        now_s = self.loop.time()
        return any(
            outage.part is part and 0 <= now_s - outage.at_s < outage.seconds for outage in self.scenario.outages
        )

    def _end_of(self, outage: Outage) -> None:
        self.trace.tell(outage.part, "is back")
        self.bus.changed.set()

    def _beginning_of(self, outage: Outage) -> None:
        self.happened[f"the {outage.part} is down"] += 1
        self.trace.tell(outage.part, f"is down for {outage.seconds:.1f} s")

    # --- who watches ---

    def look(self, who: str, *, is_step: bool) -> None:
        """Tell what `who` has changed in the store; look whether every promise still holds, where that is a step."""
        events = self.store.rows.events
        changed = [payment_id for payment_id in events if len(events[payment_id]) != self._seen.get(payment_id, 0)]
        for payment_id in changed:
            for event in events[payment_id][self._seen.get(payment_id, 0) :]:
                is_new = event.state_after is not event.state_before
                state = event.state_after if is_new else f"still {event.state_after}"
                self.trace.tell(who, f"saves {self.words(payment_id)}: {event.event.kind}, {state}")
            self._seen[payment_id] = len(events[payment_id])
        is_changed = any([self._look_at_incoming(who), self._look_at_talks(who)])
        if is_changed or changed or is_step:
            self.judge(changed)

    def _look_at_talks(self, who: str) -> bool:
        """Tell what `who` has changed in conversations."""
        is_changed = False
        for conversation_id, events in self.conversations.rows.events.items():
            reference = self.conversations.rows.conversations[conversation_id].end_to_end_id
            for event in events[self._seen_talks[conversation_id] :]:
                is_changed = True
                words = self.rail.talks.of_reference(reference).plan.words
                self.trace.tell(who, f"saves {words}: {event.act}, {event.state_after}")
            self._seen_talks[conversation_id] = len(events)
        return is_changed

    def _look_at_incoming(self, who: str) -> bool:
        """Tell what `who` has changed of what the rail has brought."""
        is_changed = False
        for payment_id, events in self.incoming.rows.events.items():
            plan = self.rail.forwarding.plan_of(self.incoming.rows.transfers[payment_id])
            for event in events[self._seen_incoming.get(payment_id, 0) :]:
                is_changed = True
                self.trace.tell(who, f"saves {plan.words}: {event.fact.kind}, {event.state_after}")
            self._seen_incoming[payment_id] = len(events)
        return is_changed

    def judge(self, changed: Sequence[PaymentId] = ()) -> None:
        """Look whether every promise still holds."""
        for check in self._checks:
            self.report(check.promise, *check.on_step(self, changed))

    def witness(self, witnessed: Witnessed) -> None:
        """Look at a moment that leaves no trace in the store."""
        for check in self._checks:
            self.report(check.promise, *check.on_witnessed(self, witnessed))

    def loop_fault(self, life: Life, where: str, error: BaseException) -> None:
        """Tell a fault of the world, or keep one of ours."""
        if not life.is_alive:
            return
        if isinstance(error, EXPECTED):
            self.trace.tell(life.name, f"{where}: {error}")
        else:
            self.fault(f"{life.name}, {where}: {error!r}")

    # --- time ---

    def quiet_until_s(self) -> float:
        """Return until when nobody who looks for work finds any: now, if there is some."""
        if self.store.rows.outbox:
            return 0.0
        quiet_until = None
        for payment in self.store.rows.payments.values():
            number = None if payment.is_return else self.numbers[payment.end_to_end_id]
            is_waited_for = payment.state in FINAL and number is not None and self.asked[number]
            if payment.state is PaymentState.RECEIVED or is_waited_for:
                return 0.0
            if payment.next_step_at is not None and (quiet_until is None or payment.next_step_at < quiet_until):
                quiet_until = payment.next_step_at
        for transfer in self.incoming.rows.transfers.values():
            waits = (transfer.next_step_at if transfer.state in WAITED_FOR else None, transfer.unsent_at)
            for at in waits:
                if at is not None and (quiet_until is None or at < quiet_until):
                    quiet_until = at
        due_at = self.conversations.waits_until()
        if due_at is not None and (quiet_until is None or due_at < quiet_until):
            quiet_until = due_at
        return math.inf if quiet_until is None else (quiet_until - self.scenario.starts_at).total_seconds()

    # --- the whole ---

    async def _begin(self) -> None:
        scenario = self.scenario
        self.bus = SimulatedBus(clock=LifeClock(Life(self, "bus", 0)))
        self.rail = SimulatedRail(
            RailSurroundings(
                now=self.now,
                later=self.later,
                tell=lambda words: self.trace.tell("rail", words),
                treatment_of=lambda reference: self._treatments[EndToEndId(reference)],
                coming_back=self._coming_back,
                delay_s=lambda least, most, name: self.chance.delay_s(least, most, "rail", name),
                changed=self.judge,
                acknowledging=lambda bodies: self.witness(Acknowledging(bodies)),
                requests={talk: reference_of(self, talk) for talk in scenario.talks},
            )
        )
        for name in scenario.processes:
            self.start(name)
        self._plan()

    def _outside(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What those outside of the processes do."""
        yield operator(self)
        yield person(self)
        yield from map(self._client, self._clients())

    def _judge_the_end(self) -> None:
        for check in self._checks:
            self.report(check.promise, *check.on_end(self))

    def _clients(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What clients and institutions do."""
        for plan in self.scenario.payments:
            yield from (client(self, plan, number) for number in range(plan.clients))
        for received in self.scenario.incoming:
            if received.gives_back and not received.refuses:
                yield giving_back(self, received)
        for talk in self.scenario.talks:
            yield self.people.asking(talk) if talk.is_ours else self.people.answering(talk)

    def _plan(self) -> None:
        """Have happen what the scenario has in store, each in its time."""
        scenario = self.scenario
        for brought in scenario.incoming:
            if brought.of is None:
                self.later(brought.at_s, _bound(self.rail.forwarding.bring, brought))
        for talk in scenario.talks:
            if not talk.is_ours:
                self.later(talk.at_s, partial(self.rail.talks.ask, talk, cents=cents_of(self, talk)))
        for outage in scenario.outages:
            self.later(outage.at_s, _bound(self._beginning_of, outage))
            self.later(outage.at_s + outage.seconds, _bound(self._end_of, outage))
        for hit in scenario.hits:
            self.later(hit.at_s, _bound(self.hit, hit))

    def _coming_back(self, reference: str) -> Sequence[IncomingPlan]:
        """Return what comes back of a payment."""
        number = self.numbers[reference]
        return [plan for plan in self.scenario.incoming if plan.of == number]

    def received(self, plan: IncomingPlan) -> IncomingTransfer | None:
        """Return what was made of a payment that the rail has brought, if it has come."""
        transfers = self.incoming.rows.transfers.values()
        return next((each for each in transfers if self.rail.forwarding.plan_of(each) == plan), None)

    def _is_stuck(self, *, told_at_s: float, last_s: float) -> bool:
        now_s = self.loop.time()
        return now_s - told_at_s > STUCK_S and self.quiet_until_s() < now_s

    def _is_at_rest(self) -> bool:
        """Whether all is final, nothing is under way, and every process is up."""
        return (
            all(payment.state in FINAL for payment in self.payments)
            and len(self.rail.forwarding.records) == self._brought_in_all()
            and all(
                each.state in ENDS and each.unsent_at is None and not each.returning_cents
                for each in self.incoming.rows.transfers.values()
            )
            and is_at_rest(self)
            and not (self.store.rows.outbox or self.bus.waiting or self.rail.unacknowledged or self.rail.under_way)
            and all(life.is_alive for life in self._lives.values())
        )

    def _brought_in_all(self) -> int:
        """How many payments the rail brings: also what comes back, of payments that have reached it."""
        decided = {plan.number for plan in self.scenario.payments if self._is_decided(plan)}
        return sum(plan.of is None or plan.of in decided for plan in self.scenario.incoming)

    def _is_decided(self, plan: PaymentPlan) -> bool:
        return self.rail.account_of(self.reference(plan.number)).is_complete


def _bound(callback: Callable[[Any], None], argument: object) -> Callable[[], None]:
    return lambda: callback(argument)


def run(scenario: Scenario, build: Build | None = None) -> Run:
    """Run a scenario from beginning to end; the same scenario gives the same run."""
    build = build or Build()
    with build.planted():
        world = World(scenario, build)
        world.play()
    return world.outcome(
        Counter(str(payment.state) for payment in world.payments)
        + Counter(f"incoming {each.state}" for each in world.incoming.rows.transfers.values())
        + Counter(f"request {each.state}" for each in world.conversations.rows.conversations.values())
    )
