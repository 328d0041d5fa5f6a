"""The world of one scenario: built, run until nothing more happens, and watched after each step."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from gateway.domain.conversation import ConversationId
from gateway.domain.history import RecordedEvent
from gateway.domain.incoming_transfer import WAITED_FOR, IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, PaymentState
from gateway.service.ports import Queue
from iso20022 import EndToEndId
from tests.fakes.bus import InMemoryBus
from tests.simulation.build import Build, GatewayLife, LifeObserver, run_worker
from tests.simulation.chance import Chance
from tests.simulation.check import Violation
from tests.simulation.checks import CHECKS, FINAL
from tests.simulation.clients import EXPECTED, TENANTS, Gateway, Orders, client, giving_back, operator
from tests.simulation.incoming import ENDS, Institution, tenants
from tests.simulation.loop import StalledError, VirtualLoop
from tests.simulation.processes import Life, LifeClock, owner_of
from tests.simulation.rail import RailSurroundings, SimulatedRail
from tests.simulation.scenario import (
    Blow,
    Call,
    Hit,
    IncomingPlan,
    Mishap,
    Outage,
    Part,
    PaymentPlan,
    Scenario,
)
from tests.simulation.screening import person
from tests.simulation.talks import People, cents_of, is_at_rest, reference_of
from tests.simulation.trace import Line, Trace
from tests.simulation.witness import Acknowledging, Witnessed

Result = TypeVar("Result")

END_S: Final = 3 * 3600.0
"""No world lasts longer: whatever is open then is stuck."""

STUCK_S: Final = 150.0
"""Where there is work, and nothing has happened for so long, nothing will: no outage and no death lasts as long."""

REST_S: Final = 5.0
"""How often it is looked whether anything is still to happen."""


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


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a scenario."""

    scenario: Scenario
    violations: tuple[Violation, ...]
    lines: tuple[Line, ...]
    digest: str
    calls: int
    ends_at_s: float
    states: Counter[str]
    happened: Counter[str]
    lives: int


class World:
    """Everything there is: parts, processes, clients, and those who watch."""

    def __init__(self, scenario: Scenario, build: Build) -> None:
        self.scenario = scenario
        self.build = build
        self.chance = Chance(scenario.seed)
        self.loop = VirtualLoop(seed=scenario.seed, owner_of=owner_of)
        self.loop.quiet_until_s = self.quiet_until_s
        self.loop.set_exception_handler(lambda _loop, _context: None)  # the last words of the dead
        self.trace = Trace(self.loop.time)
        self.store = build.store(self)
        self.store.not_found_policies.update({tenant: policy for policy, tenant in TENANTS.items()})
        self.incoming = build.incoming_store(self)
        self.incoming.tenants.update(tenants())
        self.institution = Institution(self)
        self.conversations = build.conversations(self)
        self.people = People(self)
        self._seen_talks: Counter[ConversationId] = Counter()
        self._seen_incoming: dict[PaymentId, int] = {}
        self.orders = Orders(self)
        self.gateways = [Gateway(self, name) for name in scenario.processes if name.startswith("gateway")]
        self.clients_waiting = 0
        self.asked: Counter[int] = Counter()
        self.violations: list[Violation] = []
        self._checks = [check() for check in CHECKS]
        self._context = Context()
        self._lives: dict[str, Life] = {}
        self._all_lives: list[Life] = []
        self._seen: dict[PaymentId, int] = {}
        self._calls: Counter[Call] = Counter()
        self._mishaps = {(mishap.call, mishap.nth): mishap for mishap in scenario.mishaps}
        self.happened: Counter[str] = Counter()
        self._references: dict[str, int] = {self.reference(plan.number): plan.number for plan in scenario.payments}
        self._treatments = {self.reference(plan.number): plan.treatment for plan in scenario.payments}
        self._background: set[asyncio.Task[Any]] = set()
        self._stop = asyncio.Event()
        self._is_over = False
        self.bus: SimulatedBus
        self.rail: SimulatedRail

    # --- what others ask ---

    def now(self) -> datetime:
        """Return the present instant."""
        return self.scenario.starts_at + timedelta(seconds=self.loop.time())

    def monotonic_s(self) -> float:
        """Return the seconds since the world began."""
        return self.loop.time()

    def reference(self, number: int) -> EndToEndId:
        """Return the end-to-end id of a payment."""
        return EndToEndId(f"PAYMENT-{number}")

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
        return f"payment {self._references.get(known.end_to_end_id, known.end_to_end_id)}"

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

    def observer_of(self, life: Life) -> LifeObserver:
        """Return what a life tells."""
        return LifeObserver(life)

    # --- what happens ---

    def mishap_at(self, call: Call) -> Mishap | None:
        """Count a call, and return what is to happen at it."""
        self._calls[call] += 1
        mishap = self._mishaps.get((call, self._calls[call]))
        if mishap is not None:
            self.happened[f"{mishap.call} {mishap.happening}"] += 1
        return mishap

    def is_down(self, part: Part) -> bool:
        """Whether a part answers nobody now."""
        now_s = self.loop.time()
        return any(
            outage.part is part and 0 <= now_s - outage.at_s < outage.seconds for outage in self.scenario.outages
        )

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Do something later, whoever lives by then."""
        self.loop.call_later(seconds, callback, context=self._context)

    def background(self, work: Awaitable[Any]) -> None:
        """Finish something that its process does not wait for any more."""

        async def finish() -> None:
            await work

        task = self.loop.create_task(finish(), context=self._context.copy())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def start(self, name: str) -> None:
        """Begin a new life of a process."""
        life = Life(self, name, len(self._all_lives) + 1)
        self._lives[name] = life
        self._all_lives.append(life)
        if name.startswith("gateway"):
            gateway = GatewayLife(life, self.build)
            next(each for each in self.gateways if each.name == name).current = gateway
            life.begin(gateway.run())
        else:
            life.begin(run_worker(life, self.build))

    def kill(self, name: str, *, down_s: float) -> None:
        """End a process with all its tasks, at once, and start it anew after a while."""
        life = self._lives[name]
        if not life.is_alive:
            return
        self.trace.tell(name, f"dies, for {down_s:.1f} s")
        life.end()
        self.later(down_s, lambda: self._start_again(name))

    def _start_again(self, name: str) -> None:
        if self._is_over:
            return
        self.trace.tell(name, "starts again")
        self.start(name)

    def _hit(self, hit: Hit) -> None:
        self.happened[f"a process {hit.blow}"] += 1
        if hit.blow is Blow.DIES:
            self.kill(hit.process, down_s=hit.seconds)
            return
        life = self._lives[hit.process]
        self.trace.tell(hit.process, f"stands still for {hit.seconds:.1f} s")
        life.stand_still(until_s=self.loop.time() + hit.seconds)

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
            self._report(check.promise, check.on_step(self, changed))

    def witness(self, witnessed: Witnessed) -> None:
        """Look at a moment that leaves no trace in the store."""
        for check in self._checks:
            self._report(check.promise, check.on_witnessed(self, witnessed))

    def fault(self, words: str) -> None:
        """A fault of ours: nothing in any world may bring one about."""
        self._report("no fault of ours is parked, and no process ends by itself", [words])

    def loop_fault(self, life: Life, where: str, error: BaseException) -> None:
        """Tell a fault of the world, or keep one of ours."""
        if not life.is_alive:
            return
        if isinstance(error, EXPECTED):
            self.trace.tell(life.name, f"{where}: {error}")
        else:
            self.fault(f"{life.name}, {where}: {error!r}")

    def _report(self, promise: str, found: Any) -> None:
        for words in found:
            violation = Violation(promise, self.loop.time(), words)
            self.violations.append(violation)
            self.trace.tell("violation", str(violation))
            self._stop.set()

    # --- time ---

    def quiet_until_s(self) -> float:
        """Return until when nobody who looks for work finds any: now, if there is some."""
        if self.store.rows.outbox:
            return 0.0
        quiet_until = None
        for payment in self.store.rows.payments.values():
            number = None if payment.is_return else self._references[payment.end_to_end_id]
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

    async def live(self) -> None:
        """Run the scenario until nothing more can happen in it, or a promise is broken."""
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
        async with asyncio.TaskGroup() as outside:
            tasks = [outside.create_task(each(self)) for each in (operator, person)]
            tasks += [outside.create_task(self._client(each)) for each in self._clients()]
            await self._until_the_end()
            for task in tasks:
                task.cancel()
        if not self.violations:
            for check in self._checks:
                self._report(check.promise, check.on_end(self))
        await self._end()

    def _clients(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What those outside do."""
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
            self.later(hit.at_s, _bound(self._hit, hit))

    def _coming_back(self, reference: str) -> Sequence[IncomingPlan]:
        """Return what comes back of a payment."""
        number = self._references[reference]
        return [plan for plan in self.scenario.incoming if plan.of == number]

    def received(self, plan: IncomingPlan) -> IncomingTransfer | None:
        """Return what was made of a payment that the rail has brought, if it has come."""
        transfers = self.incoming.rows.transfers.values()
        return next((each for each in transfers if self.rail.forwarding.plan_of(each) == plan), None)

    async def _client(self, work: Coroutine[Any, Any, None]) -> None:
        self.clients_waiting += 1
        await work
        self.clients_waiting -= 1

    async def _until_the_end(self) -> None:
        scenario = self.scenario
        ends = [each.at_s + each.seconds for each in scenario.outages]
        ends += [each.at_s for each in scenario.incoming]
        last_s = max(ends + [each.at_s + each.seconds for each in scenario.hits], default=0.0)
        lines, told_at_s = 0, 0.0
        while self.loop.time() < END_S and not self._stop.is_set():
            now_s = self.loop.time()
            if now_s > last_s and not self.clients_waiting and self._is_at_rest():
                return
            if len(self.trace.lines) > lines:
                lines, told_at_s = len(self.trace.lines), now_s
            if now_s - told_at_s > STUCK_S and self.quiet_until_s() < now_s:
                return
            try:
                async with asyncio.timeout(REST_S):
                    await self._stop.wait()
            except TimeoutError:
                continue

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

    async def _end(self) -> None:
        """Tear everything down; nothing of it counts any more."""
        self._is_over = True
        for life in self._all_lives:
            if life.is_alive and life.fault is not None:
                self.fault(f"{life.name} has ended: {life.fault!r}")
        for life in self._all_lives:
            life.stalled_until_s = 0.0
            life.end()
        for life in self._all_lives:
            await life.ended()
        for task in self._background:
            task.cancel()


def _bound(callback: Callable[[Any], None], argument: object) -> Callable[[], None]:
    return lambda: callback(argument)


def run(scenario: Scenario, build: Build | None = None) -> Run:
    """Run a scenario from beginning to end; the same scenario gives the same run."""
    build = build or Build()
    with build.planted():
        world = World(scenario, build)
        try:
            world.loop.run(world.live())
        except StalledError as error:
            world._report("nothing waits for what can never come", [str(error)])
    return Run(
        scenario=scenario,
        violations=tuple(world.violations),
        lines=tuple(world.trace.lines),
        digest=world.trace.digest,
        calls=world.trace.calls,
        ends_at_s=world.loop.time(),
        states=Counter(str(payment.state) for payment in world.payments)
        + Counter(f"incoming {each.state}" for each in world.incoming.rows.transfers.values())
        + Counter(f"request {each.state}" for each in world.conversations.rows.conversations.values()),
        happened=world.happened,
        lives=len(world._all_lives),
    )
