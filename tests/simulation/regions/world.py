"""The world of two regions: what each region's processes see of it, and who watches both."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any, Final, cast

from gateway.domain.payment import PaymentId, RegionId
from gateway.service.steer import begin
from iso20022 import EndToEndId
from tests.simulation.build import GatewayLife, run_worker
from tests.simulation.chance import Chance
from tests.simulation.check import Violation
from tests.simulation.checks import FINAL, OwnIdsOnly
from tests.simulation.clients import Orders, operator
from tests.simulation.incoming import ENDS, Institution
from tests.simulation.loop import StalledError, VirtualLoop
from tests.simulation.processes import Life, LifeClock, owner_of
from tests.simulation.rail import RailSurroundings
from tests.simulation.regions.build import RegionsBuild
from tests.simulation.regions.check import RegionsCheck
from tests.simulation.regions.checks import regions_checks
from tests.simulation.regions.incoming import RegionalIncoming
from tests.simulation.regions.link import RegionalRail, Replication, SimulatedWitness
from tests.simulation.regions.outside import client, steering
from tests.simulation.regions.region import Region
from tests.simulation.regions.scenario import REGIONS, Cut, RegionsScenario, Silence
from tests.simulation.regions.store import FIRST_MAP
from tests.simulation.scenario import Blow, Call, Hit, Mishap, Outage
from tests.simulation.trace import Trace
from tests.simulation.witness import Accepting, Leaving, Told, Witnessed
from tests.simulation.world import END_S, REST_S, STUCK_S, Run, SimulatedBus

CALM_S: Final = 5.0
"""What has ended so long ago has no effect any more."""

IN_STEP: Final = 8
"""A region that is let in again may be so many transactions behind: its peer's pulse writes one every second."""


class RegionsWorld:
    """Everything there is: two regions, what is between them, and those outside."""

    def __init__(self, scenario: RegionsScenario, build: RegionsBuild) -> None:
        self.scenario = scenario
        self.build = build
        self.chance = Chance(scenario.seed)
        self.loop = VirtualLoop(seed=scenario.seed, owner_of=owner_of)
        self.loop.quiet_until_s = self.quiet_until_s
        self.loop.are_polls_patient = True
        self.loop.set_exception_handler(lambda _loop, _context: None)
        self.trace = Trace(self.loop.time)
        self.asked: Counter[int] = Counter()
        self.clients_waiting = 0
        self.numbers: dict[str, int] = {self.reference(plan.number): plan.number for plan in scenario.payments}
        self._treatments = {self.reference(plan.number): plan.treatment for plan in scenario.payments}
        self.orders = Orders(cast("Any", self))
        self.institution = Institution(cast("Any", self))
        self.witness_store = SimulatedWitness(self.loop.time)
        self.violations: list[Violation] = []
        self.happened: Counter[str] = Counter()
        self.forwarded: set[int] = set()
        """The submissions that have arrived at their home."""
        self.is_steering = bool(scenario.fencings)
        self.moving_since_s: float | None = None
        """Since when slots are being handed back."""
        self.moves = asyncio.Event()
        """Set when slots are handed back."""
        self._mishap_ends_s = 0.0
        self._forwards = 0
        self._own_ids = OwnIdsOnly()
        self._checks: list[RegionsCheck] = regions_checks()
        self._context = Context()
        self._lives: dict[str, Life] = {}
        self._all_lives: list[Life] = []
        self._calls: Counter[Call] = Counter()
        self._mishaps = {(mishap.call, mishap.nth): mishap for mishap in scenario.mishaps}
        self._background: set[asyncio.Task[Any]] = set()
        self._stop = asyncio.Event()
        self._is_over = False
        self.regions = {name: Region(self, name) for name in REGIONS}
        self.rail: RegionalRail
        self.replications: Sequence[Replication] = ()

    # --- what others ask ---

    def now(self) -> datetime:
        """Return the present instant: true time, and the rail's."""
        return self.scenario.starts_at + timedelta(seconds=self.loop.time())

    def reference(self, number: int) -> EndToEndId:
        """Return the end-to-end id of a payment."""
        return EndToEndId(f"PAYMENT-{number}")

    @property
    def both(self) -> Sequence[Region]:
        """Both regions."""
        return tuple(self.regions.values())

    def way_s(self, *name: object) -> float:
        """Return how long something takes over the link."""
        return self.chance.delay_s(self.scenario.way_s, self.scenario.way_s * 3, *name)

    def is_cut(self, source: RegionId) -> bool:
        """Whether what leaves a region does not come to the other."""
        return any(cut.is_on(self.loop.time(), source=source) for cut in self.scenario.cuts)

    async def until_healed(self, source: RegionId) -> None:
        """Return once what leaves a region comes to the other."""
        while ends := [
            cut.at_s + cut.seconds for cut in self.scenario.cuts if cut.is_on(self.loop.time(), source=source)
        ]:
            await asyncio.sleep(max(ends) - self.loop.time() + 0.001)

    def is_silent(self, region: RegionId) -> bool:
        """Whether a region cannot reach the witness."""
        return any(silence.is_on(self.loop.time(), region) for silence in self.scenario.silences)

    def counts_forward(self) -> bool:
        """Count a forwarded submission, and return whether its answer is to be lost."""
        self._forwards += 1
        return any(lost.nth == self._forwards for lost in self.scenario.lost_answers)

    def has_workers(self, region: RegionId) -> bool:
        """Whether a worker of a region is at work."""
        lives = [life for name, life in self._lives.items() if name.startswith(f"{region}.worker")]
        return any(life.is_alive and life.stalled_until_s <= self.loop.time() for life in lives)

    def has_old_readers(self, region: RegionId) -> bool:
        """Whether a process of a region has still to read the map since it gained its lease."""
        lives = [life for name, life in self._lives.items() if name.startswith(region) and life.is_alive]
        parts = [self.build.regional(life) for life in lives if life.stalled_until_s <= self.loop.time()]
        return any(each.lease.left_s and each.keeper.read_at_s < each.lease.held_since_s for each in parts)

    def comes_when_slots_move(self, *name: object) -> bool:
        """Whether a payment comes at the moment at which slots are handed back, where that happens."""
        hands_back = any(each.hands_back for each in self.scenario.fencings)
        return hands_back and self.chance.number(*name, "comes when slots move") < 0.5

    def begin_to_move(self) -> None:
        """Slots are handed back from now on: what was to come then comes."""
        self.moving_since_s = self.loop.time()
        self.moves.set()
        for brought in self.scenario.incoming:
            if self.comes_when_slots_move("incoming", brought.number):
                delay_s = self.chance.delay_s(0, 2, "incoming", brought.number, "moves")
                self.later(delay_s, _bound(self.rail.forwarding.bring, brought))

    def serves(self, region: RegionId) -> bool:
        """Whether every process of a region is at work, and knows the map."""
        names = [name for name in self._lives if name.startswith(region)]
        is_up = all(self._lives[name].is_alive for name in names)
        parts = [self.build.regional(self._lives[name]) for name in names]
        return is_up and all(each.lease.left_s and each.keeper.read_at_s >= each.lease.held_since_s for each in parts)

    @property
    def moves_calmly(self) -> bool:
        """Whether slots are being handed back, and nothing else befalls anybody."""
        if self.moving_since_s is None or self.moving_since_s < self._mishap_ends_s + CALM_S:
            return False
        since_s, now_s, scenario = self.moving_since_s - CALM_S, self.loop.time(), self.scenario
        lasting: Sequence[Outage | Hit | Cut | Silence]
        lasting = (*scenario.outages, *scenario.hits, *scenario.cuts, *scenario.silences)
        return not any(each.at_s <= now_s and each.at_s + each.seconds >= since_s for each in lasting)

    def is_in_step(self, region: RegionId) -> bool:
        """Whether the other region has all that this one had written a moment ago, and has said so."""
        source, target = self.regions[region].store, self.regions[region].peer
        is_folded = not (target.store.notes or target.incoming.notes)
        return is_folded and source.confirmed >= len(source.written) - IN_STEP

    def is_drained(self, region: RegionId) -> bool:
        """Whether nothing of a region is under way any more, and the other has everything that it wrote."""
        is_replicated = not any(replication.behind for replication in self.replications)
        is_folded = not any(each.store.notes or each.incoming.notes for each in self.both)
        return is_replicated and is_folded and not self.regions[region].statements

    # --- what happens ---

    def mishap_at(self, call: Call) -> Mishap | None:
        """Count a call, and return what is to happen at it."""
        self._calls[call] += 1
        mishap = self._mishaps.get((call, self._calls[call]))
        if mishap is not None:
            self.happened[f"{mishap.call} {mishap.happening}"] += 1
            self._mishap_ends_s = max(self._mishap_ends_s, self.loop.time() + mishap.seconds)
        return mishap

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
        region = self.regions[RegionId(name.split(".", maxsplit=1)[0])]
        life = Life(cast("Any", region), name, len(self._all_lives) + 1)
        self._lives[name] = life
        self._all_lives.append(life)
        if "gateway" in name:
            gateway = GatewayLife(life, self.build)
            next(each for each in region.gateways if each.name == name).current = gateway
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
        if not self._is_over:
            self.trace.tell(name, "starts again")
            self.start(name)

    def _hit(self, hit: Hit) -> None:
        self.happened[f"a process {hit.blow}"] += 1
        if hit.blow is Blow.DIES:
            self.kill(hit.process, down_s=hit.seconds)
            return
        self.trace.tell(hit.process, f"stands still for {hit.seconds:.1f} s")
        self._lives[hit.process].stand_still(until_s=self.loop.time() + hit.seconds)

    def _begins(self, words: str, kind: str) -> None:
        self.happened[kind] += 1
        self.trace.tell("world", words)

    def _wake(self) -> None:
        for region in self.both:
            region.bus.changed.set()

    # --- who watches ---

    def judge(self, changed: dict[RegionId, Sequence[PaymentId]] | None = None) -> None:
        """Look whether every promise still holds, in each region and of both together."""
        for check in self._checks:
            self._report(check.promise, check.on_step(self))
        for region in self.both:
            own = (changed or {}).get(region.name, ())
            for each in region.checks:
                self._report(each.promise, each.on_step(cast("Any", region), own))

    def witness(self, region: Region, witnessed: Witnessed) -> None:
        """Look at a moment that leaves no trace in a store."""
        for check in self._checks:
            self._report(check.promise, check.on_witnessed(self, region, witnessed))
        for each in region.checks:
            self._report(each.promise, each.on_witnessed(cast("Any", region), witnessed))
        if isinstance(witnessed, Accepting):
            self._report(OwnIdsOnly.promise, self._own_ids.on_witnessed(cast("Any", region), witnessed))
        if isinstance(witnessed, Leaving):
            self.happened["messages to the rail"] += 1

    def told(self, told: Told) -> None:
        """A client was told what a payment is."""
        for check in self._checks:
            self._report(check.promise, check.on_told(self, told))

    def fault(self, words: str) -> None:
        """A fault of ours: nothing in any world may bring one about."""
        self._report("no fault of ours is parked, and no process ends by itself", [words])

    def report(self, promise: str, words: str) -> None:
        """Keep a promise that was broken outside."""
        self._report(promise, [words])

    def _report(self, promise: str, found: Iterable[str]) -> None:
        for words in found:
            violation = Violation(promise, self.loop.time(), words)
            self.violations.append(violation)
            self.trace.tell("violation", str(violation))
            self._stop.set()

    def quiet_until_s(self) -> float:
        """Return until when nobody who looks for work finds any: now, if there is some."""
        quiet_until_s = math.inf
        for region in self.both:
            quiet_until_s = min(quiet_until_s, region.quiet_until_s())
            if quiet_until_s <= self.loop.time():
                break
        return quiet_until_s

    # --- the whole ---

    async def live(self) -> None:
        """Run the scenario until nothing more can happen in it, or a promise is broken."""
        await self._begin()
        async with asyncio.TaskGroup() as outside:
            tasks = [outside.create_task(each.run()) for each in self.replications]
            tasks += [outside.create_task(operator(cast("Any", region))) for region in self.both]
            tasks.append(outside.create_task(steering(self)))
            for plan in self.scenario.payments:
                tasks += [outside.create_task(self._client(client(self, plan, n))) for n in range(plan.clients)]
            await self._until_the_end()
            for task in tasks:
                task.cancel()
        if not self.violations:
            for check in self._checks:
                self._report(check.promise, check.on_end(self))
            for region in self.both:
                for each in region.checks:
                    self._report(each.promise, each.on_end(cast("Any", region)))
        await self._end()

    async def _begin(self) -> None:
        scenario = self.scenario
        await begin(self.witness_store, REGIONS, lease_s=scenario.lease_s, held=FIRST_MAP, is_first=True)
        self.rail = RegionalRail(
            RailSurroundings(
                now=self.now,
                later=self.later,
                tell=lambda words: self.trace.tell("rail", words),
                coming_back=lambda _: (),
                treatment_of=lambda reference: self._treatments[EndToEndId(reference)],
                delay_s=lambda least, most, name: self.chance.delay_s(least, most, "rail", name),
                changed=self.judge,
                acknowledging=lambda _bodies: None,
            ),
            lambda number: self.chance.below(len(REGIONS), "connection point", number),
        )
        for region in self.both:
            region.bus = SimulatedBus(clock=LifeClock(Life(cast("Any", region), f"{region.name}.bus", 0)))
        east, west = self.both
        self.replications = (Replication(east, west), Replication(west, east))
        for name in scenario.processes:
            self.start(name)
        for brought in scenario.incoming:
            if not self.comes_when_slots_move("incoming", brought.number):
                self.later(brought.at_s, _bound(self.rail.forwarding.bring, brought))
        for outage in scenario.outages:
            self._plan(outage, f"the {outage.part} is down")
        for cut in scenario.cuts:
            self._plan(cut, f"the link is cut {cut.way}")
        for silence in scenario.silences:
            self._plan(silence, "the witness is silent")
        for hit in scenario.hits:
            self.later(hit.at_s, _bound(self._hit, hit))

    def _plan(self, each: Outage | Cut | Silence, kind: str) -> None:
        self.later(each.at_s, lambda: self._begins(each.words, kind))
        self.later(each.at_s + each.seconds, self._wake)

    async def _client(self, work: Coroutine[Any, Any, None]) -> None:
        self.clients_waiting += 1
        await work
        self.clients_waiting -= 1

    async def _until_the_end(self) -> None:
        scenario = self.scenario
        lasting: Sequence[Outage | Hit | Cut | Silence]
        lasting = (*scenario.outages, *scenario.hits, *scenario.cuts, *scenario.silences)
        ends = [each.at_s + each.seconds for each in lasting] + [each.at_s for each in scenario.incoming]
        last_s = max(ends, default=0.0)
        lines, told_at_s = 0, 0.0
        while self.loop.time() < END_S and not self._stop.is_set():
            now_s = self.loop.time()
            if now_s > last_s and self._is_at_rest():
                return
            if len(self.trace.lines) > lines:
                lines, told_at_s = len(self.trace.lines), now_s
            if now_s - max(told_at_s, last_s) > STUCK_S and not now_s < self.quiet_until_s() < math.inf:
                return
            try:
                async with asyncio.timeout(REST_S):
                    await self._stop.wait()
            except TimeoutError:
                continue

    def _is_at_rest(self) -> bool:
        """Whether all is final and in both regions, nothing is under way, and every process is up."""
        stores = [region.store for region in self.both]
        return (
            not (self.clients_waiting or self.is_steering)
            and all(payment.state in FINAL for store in stores for payment in store.rows.payments.values())
            and all(self._is_received(region.incoming) for region in self.both)
            and not any(store.rows.outbox or store.notes or store.to_apply for store in stores)
            and not any(replication.behind for replication in self.replications)
            and not (any(each.bus.waiting for each in self.both) or self.rail.unacknowledged or self.rail.under_way)
            and all(life.is_alive for life in self._lives.values())
        )

    def _is_received(self, incoming: RegionalIncoming) -> bool:
        """Whether all that the rail brings is at its end in one region, and told."""
        transfers = incoming.rows.transfers.values()
        is_whole = len(transfers) == len(self.scenario.incoming) and not incoming.notes
        return is_whole and all(each.state in ENDS and each.unsent_at is None for each in transfers)

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


def _bound(callback: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: callback(*arguments)


def run_regions(scenario: RegionsScenario, build: RegionsBuild | None = None) -> Run:
    """Run a scenario from beginning to end; the same scenario gives the same run."""
    build = build or RegionsBuild()
    with build.planted():
        world = RegionsWorld(scenario, build)
        try:
            world.loop.run(world.live())
        except StalledError as error:
            world.report("nothing waits for what can never come", str(error))
    states = Counter(str(payment.state) for region in world.both for payment in region.payments)
    for region in world.both:
        transfers = region.incoming.rows.transfers
        states.update(f"incoming {transfers[each].state}" for each in transfers if region.incoming.is_at_home(each))
    return Run(
        scenario=scenario,
        violations=tuple(world.violations),
        lines=tuple(world.trace.lines),
        digest=world.trace.digest,
        calls=world.trace.calls,
        ends_at_s=world.loop.time(),
        states=states,
        happened=world.happened,
        lives=len(world._all_lives),
    )
