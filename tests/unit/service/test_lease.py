"""The lease on a clock that the test moves: drift, pauses, a witness that is silent, and who takes over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import product
from typing import Final

import pytest

from gateway.domain.payment import RegionId
from gateway.domain.regions import DRIFT_MAX, LeaseTerms
from gateway.service.lease import LeaseWatch, RegionLease, lease_name
from gateway.service.ports import LeaseOverError, NotServingError, OvertakenError, UnavailableError, WitnessRecord
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness
from tests.unit.http.world import RecordingObserver

EAST, WEST = RegionId("use1"), RegionId("usw2")
LENGTH_S: Final = 10.0
STEP_S: Final = 0.01


class DriftingClock:
    """A region's own clock: runs at another rate than the world's, and was set to another time."""

    def __init__(self, world: VirtualClock, *, rate: float, ahead_s: float = 0.0) -> None:
        self._world = world
        self._rate = rate
        self._ahead_s = ahead_s

    def now(self) -> datetime:
        return self._world.now()

    def monotonic_s(self) -> float:
        return self._world.monotonic_s() * self._rate + self._ahead_s

    async def sleep_until(self, instant: datetime) -> None:
        await self._world.sleep_until(instant)

    async def pause(self, seconds: float) -> None:
        await self._world.pause(seconds)


class SetBackClock(VirtualClock):
    """Its wall time can be set back; elapsed time goes on."""

    behind = timedelta(0)

    def now(self) -> datetime:
        return super().now() - self.behind

    async def sleep_until(self, instant: datetime) -> None:
        while self.now() < instant:
            await super().sleep_until(instant + self.behind)

    async def pause(self, seconds: float) -> None:
        await super().sleep_until(super().now() + timedelta(seconds=seconds))


class PausesByTheWall(SetBackClock):
    """The control: it pauses until its wall time has come."""

    async def pause(self, seconds: float) -> None:
        await self.sleep_until(self.now() + timedelta(seconds=seconds))


async def leased() -> InMemoryWitness:
    """A witness that knows both regions."""
    witness = InMemoryWitness()
    for region in (EAST, WEST):
        await witness.write(lease_name(region), LeaseTerms(region, 1, LENGTH_S).as_text(), expected=None)
    return witness


def serves(lease: RegionLease) -> bool:
    """Whether a process may act now."""
    try:
        lease.demand()
    except NotServingError:
        return False
    return True


def lease_of(witness: InMemoryWitness, clock: VirtualClock | DriftingClock) -> RegionLease:
    """East's share in its lease."""
    return RegionLease(witness, EAST, clock, RecordingObserver())


@asynccontextmanager
async def running(lease: RegionLease) -> AsyncIterator[None]:
    """Renew in the background."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lease.run())
        yield
        task.cancel()


async def turns() -> None:
    """Let every other task do what it can do now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_lease_is_held_without_a_break_until_it_lapses_or_the_region_is_let_in_anew() -> None:
    """What was read before a break is read again: another may have acted in between."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await witness.write(lease_name(EAST), LeaseTerms(EAST, 1, 10).as_text(), expected=None)
    lease = RegionLease(witness, EAST, clock, RecordingObserver())
    await lease.renew()
    first_s = lease.held_since_s
    clock.advance(5)
    await lease.renew()
    assert lease.held_since_s == first_s

    clock.advance(11)
    await lease.renew()
    lapsed_s = lease.held_since_s
    assert lapsed_s >= first_s + 16

    await witness.write(lease_name(EAST), LeaseTerms(EAST, 2, 10).as_text(), expected=4)
    clock.advance(1)
    await lease.renew()
    assert lease.held_since_s > lapsed_s


@pytest.mark.parametrize("clock", [SetBackClock(), PausesByTheWall()], ids=["pauses", "control"])
async def test_a_wall_clock_that_is_set_back_stops_no_renewal(clock: SetBackClock) -> None:
    """By an hour, between two renewals; the control stands still for that hour, and serves nobody."""
    lease = lease_of(await leased(), clock)
    async with running(lease):
        await turns()
        clock.behind = timedelta(hours=1)
        for _ in range(int(2 * LENGTH_S)):
            clock.advance(1)
            await turns()

        assert serves(lease) is not isinstance(clock, PausesByTheWall)


async def test_a_process_that_starts_serves_nothing_until_it_has_renewed() -> None:
    """An old region with its old map, started again, asks the witness before it does anything."""
    witness, clock = await leased(), VirtualClock()
    lease = lease_of(witness, clock)

    assert not serves(lease)
    await lease.renew()
    assert serves(lease)


async def test_who_goes_on_renewing_serves_without_a_gap() -> None:
    """Renewals come well before the lease runs out."""
    witness, clock = await leased(), VirtualClock()
    lease = lease_of(witness, clock)
    async with running(lease):
        await turns()
        for _ in range(600):
            clock.advance(0.1)
            await turns()
            assert serves(lease)


async def test_loss_of_the_witness_alone_stops_nobody_for_the_length_of_the_lease_and_is_told() -> None:
    """The witness may be restarted; only when it stays away does the region stop, and it goes on by itself."""
    witness, clock = await leased(), VirtualClock()
    observer = RecordingObserver()
    lease = RegionLease(witness, EAST, clock, observer)
    async with running(lease):
        await turns()
        witness.reachable = False
        served_s = 0.0
        while serves(lease):
            clock.advance(0.1)
            served_s += 0.1
            await turns()
        silent_s = lease.witness_silent_s
        witness.reachable = True
        for _ in range(40):
            clock.advance(0.1)
            await turns()

        assert served_s == pytest.approx(LENGTH_S * (1 - DRIFT_MAX) - 0.5, abs=0.2)
        assert silent_s == pytest.approx(served_s, abs=0.2)
        assert [fault for fault in observer.faults if fault[0] == "lease"]
        assert serves(lease)


@pytest.mark.parametrize(("holder", "watcher"), list(product((1 - DRIFT_MAX, 1.0, 1 + DRIFT_MAX), repeat=2)))
async def test_nobody_takes_over_while_the_holder_may_still_act_whatever_their_clocks_do(
    holder: float, watcher: float
) -> None:
    """The holder stops, by its clock, before the watcher, by its own, believes that it has."""
    assert await _both_at_once_s(holder_rate=holder, watcher_rate=watcher) == 0.0


async def test_clocks_that_drift_by_more_than_is_allowed_for_would_have_two_regions_act_at_once() -> None:
    """The control of the test above: it can fail."""
    assert await _both_at_once_s(holder_rate=0.9, watcher_rate=1.1) > 0.0


async def _both_at_once_s(*, holder_rate: float, watcher_rate: float) -> float:
    """For how long the holder still acts when the watcher has taken over; its witness fell silent after a renewal."""
    witness, world = await leased(), VirtualClock()
    lease = lease_of(witness, DriftingClock(world, rate=holder_rate, ahead_s=1_000.0))
    watch = LeaseWatch(witness, EAST, DriftingClock(world, rate=watcher_rate, ahead_s=-500.0))
    world.advance(3.0)
    await lease.renew()
    await watch.look()
    return _overlap_s(world, lease, watch)


def _overlap_s(world: VirtualClock, lease: RegionLease, watch: LeaseWatch) -> float:
    """For how long the holder still acts when the watcher believes that it has stopped; nobody renews any more."""
    overlap_s = 0.0
    for _ in range(int(2 * LENGTH_S / STEP_S)):
        world.advance(STEP_S)
        overlap_s += STEP_S * (watch.is_surely_over and serves(lease))
    assert watch.is_surely_over
    return overlap_s


class _SlowWitness(InMemoryWitness):
    """Answers late, what was written only after it was done: a watcher sees it at once. Counts what it is asked."""

    def __init__(self, clock: VirtualClock, *, read_s: float = 0.0, written_s: float = 0.0) -> None:
        super().__init__()
        self.seen_at_once: LeaseWatch | None = None
        self.asked: Counter[str] = Counter()
        self._clock = clock
        self._read_s = read_s
        self._written_s = written_s

    async def read(self, name: str) -> WitnessRecord | None:
        self.asked["read"] += 1
        record = await super().read(name)
        self._clock.advance(self._read_s)
        return record

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        self.asked["write"] += 1
        version = await super().write(name, text, expected=expected)
        if self.seen_at_once is not None:
            self._read_s = 0.0
            await self.seen_at_once.look()
        self._clock.advance(self._written_s)
        return version


async def slowly_leased(clock: VirtualClock, *, read_s: float, written_s: float) -> _SlowWitness:
    """A slow witness that knows East."""
    witness = _SlowWitness(clock, read_s=read_s, written_s=written_s)
    await witness.write(lease_name(EAST), LeaseTerms(EAST, 1, LENGTH_S).as_text(), expected=None)
    return witness


async def test_a_lease_is_counted_from_before_it_was_written_and_what_was_read_before_costs_nothing() -> None:
    """The watcher counts from the version that was written; an answer that was long on its way costs what it took."""
    world = VirtualClock()
    witness = await slowly_leased(world, read_s=3.0, written_s=2.0)
    lease = lease_of(witness, world)

    await lease.renew()

    assert lease.left_s == pytest.approx(LENGTH_S * (1 - DRIFT_MAX) - 0.5 - 2.0)


async def test_a_lease_that_a_slow_witness_has_written_is_over_before_a_watcher_that_saw_it_at_once_takes_over() -> (
    None
):
    """As unequally fast as the margin allows; the control beyond it, on the same way, has both act at once."""
    assert await _both_after_a_slow_renewal_s(holder_rate=1 - DRIFT_MAX, watcher_rate=1 + DRIFT_MAX) == 0.0
    assert await _both_after_a_slow_renewal_s(holder_rate=0.9, watcher_rate=1.1) > 0.0


async def _both_after_a_slow_renewal_s(*, holder_rate: float, watcher_rate: float) -> float:
    """For how long the holder still acts when who saw its renewal at the instant of its writing has taken over."""
    world = VirtualClock()
    witness = await slowly_leased(world, read_s=3.0, written_s=2.0)
    lease = lease_of(witness, DriftingClock(world, rate=holder_rate))
    watch = LeaseWatch(witness, EAST, DriftingClock(world, rate=watcher_rate))
    witness.seen_at_once = watch
    await lease.renew()
    return _overlap_s(world, lease, watch)


async def test_a_renewal_after_one_of_another_process_is_not_in_vain() -> None:
    """Processes of a region renew in turn: a write that expected what the own last one left would fail each time."""
    world = VirtualClock()
    witness = await slowly_leased(world, read_s=0.0, written_s=0.0)
    one, other = lease_of(witness, world), lease_of(witness, world)
    witness.asked.clear()

    for _ in range(3):
        await one.renew()
        await other.renew()

    assert witness.asked == {"read": 6, "write": 6}


async def test_a_process_that_was_stopped_for_longer_than_its_lease_finds_itself_fenced_before_it_acts() -> None:
    """SIGSTOP and SIGCONT: its own clock tells it, before it has asked anybody."""
    witness, clock = await leased(), VirtualClock()
    lease = lease_of(witness, clock)
    await lease.renew()
    watch = LeaseWatch(witness, EAST, clock)
    await watch.look()
    clock.advance(60.0)
    assert watch.is_surely_over
    await watch.fence(by=WEST)

    with pytest.raises(LeaseOverError, match="run out"):
        lease.demand()
    terms = await lease.renew()

    assert terms.fenced_by == WEST
    with pytest.raises(NotServingError, match="usw2 has taken over") as fenced:
        lease.demand()
    assert not isinstance(fenced.value, LeaseOverError), "no machine was too slow"


async def test_a_region_that_has_renewed_meanwhile_is_not_fenced() -> None:
    """Silence is what one saw of it; the conditional write finds that it was not so."""
    witness, clock = await leased(), VirtualClock()
    lease = lease_of(witness, clock)
    watch = _WatchThatReadsLate(witness, EAST, clock, lease)
    await watch.look()
    clock.advance(60.0)

    with pytest.raises(OvertakenError):
        await watch.fence(by=WEST)

    assert serves(lease)
    assert not watch.is_surely_over


class _WatchThatReadsLate(LeaseWatch):
    """Between its look and its write the region renews."""

    def __init__(self, witness: InMemoryWitness, watched: RegionId, clock: VirtualClock, lease: RegionLease) -> None:
        super().__init__(witness, watched, clock)
        self._lease = lease
        self._looks = 0

    async def look(self) -> LeaseTerms:
        terms = await super().look()
        self._looks += 1
        if self._looks == 2:
            await self._lease.renew()
            self._seen_at_s = self._clock.monotonic_s()
        return terms


async def test_a_region_may_be_fenced_before_its_lease_has_run_out_and_acts_until_then_alone() -> None:
    """An operator fences at once; the takeover waits until the lease has surely run out, counted from what was seen."""
    witness, clock = await leased(), VirtualClock()
    lease = lease_of(witness, clock)
    await lease.renew()
    watch = LeaseWatch(witness, EAST, clock)
    await watch.fence(by=WEST)
    await watch.fence(by=WEST)
    clock.advance(5.0)

    assert serves(lease)
    assert not watch.is_surely_over
    assert (await lease.renew()).fenced_by == WEST
    assert not serves(lease)
    clock.advance(LENGTH_S)
    assert watch.is_surely_over


async def test_a_renewal_whose_answer_was_lost_extends_nothing_and_hinders_nothing() -> None:
    """What is not known to have been done does not count; the next renewal reads what is there."""
    witness, clock = await leased(), VirtualClock()
    lease = lease_of(witness, clock)
    witness.answers = False
    with pytest.raises(UnavailableError):
        await lease.renew()
    assert not serves(lease)

    witness.answers = True
    await lease.renew()

    assert serves(lease)


async def test_a_region_that_the_witness_does_not_know_serves_nothing() -> None:
    """A wrong table, or an empty one, grants no lease."""
    lease = lease_of(InMemoryWitness(), VirtualClock())

    with pytest.raises(UnavailableError, match="fifteen region init"):
        await lease.renew()
    assert not serves(lease)
