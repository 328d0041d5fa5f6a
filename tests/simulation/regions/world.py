"""The world of two regions: what each region's processes see of it, and who watches both."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, cast

from gateway.domain.payment import PaymentId, RegionId
from gateway.service.steer import begin
from iso20022 import EndToEndId
from tests.simulation.checks import FINAL, OwnIdsOnly
from tests.simulation.clients import Orders, operator
from tests.simulation.incoming import ENDS, Institution
from tests.simulation.processes import Life, LifeClock
from tests.simulation.rail import RailSurroundings
from tests.simulation.regions.build import RegionsBuild
from tests.simulation.regions.check import RegionsCheck
from tests.simulation.regions.checks import regions_checks
from tests.simulation.regions.incidents import REGIONS, Cut, Silence
from tests.simulation.regions.incoming_checks import is_known_to_be_lost
from tests.simulation.regions.link import RegionalRail, Replication, SimulatedWitness
from tests.simulation.regions.losses import Losses
from tests.simulation.regions.outside import client, steering
from tests.simulation.regions.region import Region
from tests.simulation.regions.scenario import RegionsScenario
from tests.simulation.regions.store import FIRST_MAP
from tests.simulation.scenario import Call, Mishap, Outage
from tests.simulation.stage import STUCK_S, Lasting, Run, Stage
from tests.simulation.witness import Accepting, Leaving, Told, Witnessed
from tests.simulation.world import SimulatedBus

CALM_S: Final = 5.0
"""What has ended so long ago has no effect any more."""

IN_STEP: Final = 8
"""A region that is let in again may be so many transactions behind: its peer's pulse writes one every second."""


class RegionsWorld(Stage):
    """Everything there is: two regions, what is between them, and those outside."""

    scenario: RegionsScenario
    build: RegionsBuild

    def __init__(self, scenario: RegionsScenario, build: RegionsBuild) -> None:
        super().__init__(scenario, build)
        self.loop.are_polls_patient = True
        self.orders = Orders(cast("Any", self))
        self.institution = Institution(cast("Any", self))
        self.witness_store = SimulatedWitness(self.loop.time)
        self.forwarded: set[int] = set()
        """The submissions that have arrived at their home."""
        self.is_steering = bool(scenario.fencings or scenario.losses)
        self.moving_since_s: float | None = None
        """Since when slots are being handed back."""
        self.moves = asyncio.Event()
        """Set when slots are handed back."""
        self._processes_of = {
            region: tuple(name for name in scenario.processes if name.startswith(region)) for region in REGIONS
        }
        self._workers_of = {
            region: tuple(name for name in names if name.startswith(f"{region}.worker"))
            for region, names in self._processes_of.items()
        }
        self._mishap_ends_s = 0.0
        self._forwards = 0
        self._own_ids = OwnIdsOnly()
        self._checks: list[RegionsCheck] = regions_checks()
        self.regions = {name: Region(self, name) for name in REGIONS}
        self.losses = Losses(self)
        self.rail: RegionalRail
        self.replications: Sequence[Replication] = ()

    # --- what others ask ---

    @property
    def both(self) -> Sequence[Region]:
        """Both regions."""
        return tuple(self.regions.values())

    @property
    def standing(self) -> Sequence[Region]:
        """The regions that are not lost."""
        return tuple(region for region in self.both if not region.is_lost)

    @property
    def lasting(self) -> Sequence[Lasting]:
        """What befalls it for a while."""
        scenario = self.scenario
        return (*scenario.outages, *scenario.hits, *scenario.cuts, *scenario.silences, *scenario.losses)

    def processes_of(self, region: RegionId) -> Sequence[str]:
        """Return the names of a region's processes."""
        return self._processes_of[region]

    def place_of(self, process: str) -> Region:
        """Return the region that a process is of."""
        return self.regions[RegionId(process.split(".", maxsplit=1)[0])]

    def way_s(self, *name: object) -> float:
        """Return how long something takes over the link."""
        return self.chance.delay_s(self.scenario.way_s, self.scenario.way_s * 3, *name)

    def is_cut(self, source: RegionId) -> bool:
        """Whether what leaves a region does not come to the other."""
        return bool(self.losses.lost) or any(cut.is_on(self.loop.time(), source=source) for cut in self.scenario.cuts)

    async def until_healed(self, source: RegionId) -> None:
        """Return once what leaves a region comes to the other."""
        while ends := [
            cut.at_s + cut.seconds for cut in self.scenario.cuts if cut.is_on(self.loop.time(), source=source)
        ]:
            await asyncio.sleep(max(ends) - self.loop.time() + 0.001)
        while self.losses.lost:
            await self.losses.until_found()

    def is_silent(self, region: RegionId) -> bool:
        """Whether a region cannot reach the witness."""
        return any(silence.is_on(self.loop.time(), region) for silence in self.scenario.silences)

    def counts_forward(self) -> bool:
        """Count a forwarded submission, and return whether its answer is to be lost."""
        self._forwards += 1
        return any(lost.nth == self._forwards for lost in self.scenario.lost_answers)

    def has_workers(self, region: RegionId) -> bool:
        """Whether a worker of a region is at work."""
        now_s = self.loop.time()
        for name in self._workers_of[region]:
            life = self._lives[name]
            if life.is_alive and life.stalled_until_s <= now_s:
                return True
        return False

    def has_old_readers(self, region: RegionId) -> bool:
        """Whether a process of a region has still to read the map since it gained its lease."""
        now_s = self.loop.time()
        for name in self._processes_of[region]:
            life = self._lives[name]
            if life.is_alive and life.stalled_until_s <= now_s:
                parts = self.build.regional(life)
                if parts.keeper.read_at_s < parts.lease.held_since_s and parts.lease.left_s:
                    return True
        return False

    def comes_when_slots_move(self, *name: object) -> bool:
        """Whether a payment comes at the moment at which slots are handed back, where that happens."""
        scenario = self.scenario
        hands_back = any(each.hands_back for each in scenario.fencings) or any(
            each.hands_back for each in scenario.losses
        )
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
        names = self._processes_of[region]
        is_up = all(self._lives[name].is_alive for name in names)
        parts = [self.build.regional(self._lives[name]) for name in names]
        return is_up and all(each.lease.left_s and each.keeper.read_at_s >= each.lease.held_since_s for each in parts)

    @property
    def moves_calmly(self) -> bool:
        """Whether slots are being handed back, and nothing else befalls anybody."""
        if self.moving_since_s is None or self.moving_since_s < self._mishap_ends_s + CALM_S:
            return False
        since_s, now_s = self.moving_since_s - CALM_S, self.loop.time()
        return not any(each.at_s <= now_s and each.at_s + each.seconds >= since_s for each in self.lasting)

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

    def start(self, name: str) -> None:
        """Begin a new life of a process; of a lost region none begins before that is back."""
        life = self._lives.get(name)
        if not self.place_of(name).is_lost and (life is None or not life.is_alive):
            super().start(name)

    def end(self, name: str) -> None:
        """End a process; nobody starts it anew."""
        if self._lives[name].is_alive:
            self._lives[name].end()

    def new_bus(self, region: Region) -> SimulatedBus:
        """Return an empty bus of a region."""
        return SimulatedBus(clock=LifeClock(Life(cast("Any", region), f"{region.name}.bus", 0)))

    def mishap_at(self, call: Call) -> Mishap | None:
        """Count a call, and return what is to happen at it."""
        mishap = super().mishap_at(call)
        if mishap is not None:
            self._mishap_ends_s = max(self._mishap_ends_s, self.loop.time() + mishap.seconds)
        return mishap

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
            self.report(check.promise, *check.on_step(self))
        for region in self.standing:
            own = (changed or {}).get(region.name, ())
            for each in region.checks:
                self.report(each.promise, *each.on_step(cast("Any", region), own))

    def witness(self, region: Region, witnessed: Witnessed) -> None:
        """Look at a moment that leaves no trace in a store."""
        for check in self._checks:
            self.report(check.promise, *check.on_witnessed(self, region, witnessed))
        for each in region.checks:
            self.report(each.promise, *each.on_witnessed(cast("Any", region), witnessed))
        if isinstance(witnessed, Accepting):
            self.report(OwnIdsOnly.promise, *self._own_ids.on_witnessed(cast("Any", region), witnessed))
        if isinstance(witnessed, Leaving):
            self.happened["messages to the rail"] += 1

    def told(self, told: Told) -> None:
        """A client was told what a payment is."""
        for check in self._checks:
            self.report(check.promise, *check.on_told(self, told))

    def quiet_until_s(self) -> float:
        """Return until when nobody who looks for work finds any: now, if there is some."""
        quiet_until_s = math.inf
        for region in self.standing:
            quiet_until_s = min(quiet_until_s, region.quiet_until_s())
            if quiet_until_s <= self.loop.time():
                break
        return quiet_until_s

    # --- the whole ---

    def _outside(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What those outside of the processes do."""
        yield from (each.run() for each in self.replications)
        yield from (operator(cast("Any", region)) for region in self.both)
        yield steering(self)
        for plan in self.scenario.payments:
            yield from (self._client(client(self, plan, number)) for number in range(plan.clients))

    def _judge_the_end(self) -> None:
        for check in self._checks:
            self.report(check.promise, *check.on_end(self))
        for region in self.standing:
            for each in region.checks:
                self.report(each.promise, *each.on_end(cast("Any", region)))

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
            region.bus = self.new_bus(region)
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
            self.later(hit.at_s, _bound(self.hit, hit))
        self.losses.plan()

    def _plan(self, each: Outage | Cut | Silence, kind: str) -> None:
        self.later(each.at_s, lambda: self._begins(each.words, kind))
        self.later(each.at_s + each.seconds, self._wake)

    def _is_stuck(self, *, told_at_s: float, last_s: float) -> bool:
        now_s = self.loop.time()
        return now_s - max(told_at_s, last_s) > STUCK_S and not now_s < self.quiet_until_s() < math.inf

    def _is_at_rest(self) -> bool:
        """Whether all is final and in both regions, nothing is under way, and every process is up."""
        stores = [region.store for region in self.standing]
        return (
            not self.is_steering
            and all(payment.state in FINAL for store in stores for payment in store.rows.payments.values())
            and all(self._is_received(region) for region in self.standing)
            and not any(store.rows.outbox or store.notes or store.to_apply for store in stores)
            and not (any(replication.behind for replication in self.replications) and not self.losses.lost)
            and not (any(each.bus.waiting for each in self.standing) or self.rail.unacknowledged or self.rail.under_way)
            and all(life.is_alive for name, life in self._lives.items() if not self.place_of(name).is_lost)
        )

    def _is_received(self, region: Region) -> bool:
        """Whether all that the rail brings is at its end in one region, and told; or what was lost of it is known."""
        transfers = region.incoming.rows.transfers.values()
        is_whole = len(self.rail.forwarding.records) == len(self.scenario.incoming) and not region.incoming.notes
        known = {each.message_id for each in transfers}
        is_whole = is_whole and all(
            message_id in known or is_known_to_be_lost(self, record)
            for message_id, record in self.rail.forwarding.records.items()
        )
        return is_whole and all(each.state in ENDS and each.unsent_at is None for each in transfers)


def _bound(callback: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: callback(*arguments)


def run_regions(scenario: RegionsScenario, build: RegionsBuild | None = None) -> Run:
    """Run a scenario from beginning to end; the same scenario gives the same run."""
    build = build or RegionsBuild()
    with build.planted():
        world = RegionsWorld(scenario, build)
        world.play()
    states = Counter(str(payment.state) for region in world.both for payment in region.payments)
    for region in world.both:
        transfers = region.incoming.rows.transfers
        states.update(f"incoming {transfers[each].state}" for each in transfers if region.incoming.is_at_home(each))
    return world.outcome(states)
