"""What an operator does at the witness: begin, fence off, let in; each safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from gateway.domain.payment import RegionId
from gateway.domain.regions import SURELY_NOT_ALONE_S, LeaseTerms, SlotMap
from gateway.service.lease import LeaseWatch, RegionLease, lease_name
from gateway.service.ports import NotServingError, OvertakenError, RegionTimes, UnavailableError
from gateway.service.regions import SLOTS_RECORD
from gateway.service.steer import (
    WATCH_PAUSE_S,
    Guardian,
    NewDatabaseError,
    admit,
    announce,
    begin,
    demand_own_database,
    fence,
    hand_back,
    readmit,
    standing,
    take_over,
    withdraw,
)
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness
from tests.unit.http.world import RecordingObserver

EAST, WEST = RegionId("use1"), RegionId("usw2")
BOTH: Final = (EAST, WEST)
STEP_S: Final = 10.0
"""So far a wall clock is set forward: longer than anything here that is waited for by another clock."""


async def test_two_regions_begin_with_a_share_each_and_a_repeat_changes_nothing() -> None:
    """Whichever begins first: both get the same map."""
    witness = InMemoryWitness()

    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    again = await begin(witness, BOTH, lease_s=99, held=None, is_first=False)

    assert first == again == SlotMap.first(BOTH)
    known = await standing(witness, BOTH)
    assert known.slots == first
    assert [lease and (lease.length_s, lease.term) for lease in known.leases.values()] == [(10, 1), (10, 1)]


async def test_a_region_that_was_alone_keeps_its_slots_when_a_second_one_comes() -> None:
    """What it has accepted stays at home; the new region forwards."""
    alone = SlotMap.first([EAST])

    assert await begin(InMemoryWitness(), BOTH, lease_s=10, held=alone, is_first=True) == alone


async def test_a_region_that_cannot_know_what_its_peer_has_accepted_does_not_make_the_map() -> None:
    """Its share would be slots whose keys the other has claimed, and goes on claiming."""
    witness = InMemoryWitness()

    with pytest.raises(UnavailableError, match="fifteen region init --first"):
        await begin(witness, BOTH, lease_s=10, held=None, is_first=False)

    assert not witness.records


async def test_a_region_that_was_lost_does_not_come_back_with_an_empty_database() -> None:
    """It would accept anew, or have paid again, what only its old one knew. One that begins has nothing to lose."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    await demand_own_database(witness, WEST, has_accepted=False)
    await fence(witness, WEST, by=EAST, clock=clock)

    with pytest.raises(NewDatabaseError, match=r"region usw2 .* fifteen region init --new-database"):
        await demand_own_database(witness, WEST, has_accepted=False)

    await demand_own_database(witness, WEST, has_accepted=True)
    await demand_own_database(witness, EAST, has_accepted=False)


async def test_a_witness_that_fell_silent_in_between_is_asked_again_and_nothing_is_made_twice() -> None:
    """The write was done, and its answer lost."""
    witness = InMemoryWitness()
    witness.answers = False
    with pytest.raises(UnavailableError):
        await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    witness.answers = True

    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)

    assert witness.records[SLOTS_RECORD].version == 1


async def test_a_region_that_was_fenced_off_serves_again_once_it_is_let_in_under_a_new_term() -> None:
    """A living region is fenced off too; twice is once."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    lease = RegionLease(witness, EAST, clock, RecordingObserver())
    await lease.renew()

    for _ in range(2):
        assert (await fence(witness, EAST, by=WEST, clock=clock)).fenced_by == WEST
    await lease.renew()
    with pytest.raises(NotServingError):
        lease.demand()
    for _ in range(2):
        assert (await readmit(witness, EAST)).term == 2
    await lease.renew()

    lease.demand()


@dataclass(frozen=True, slots=True)
class WorkersTimes:
    """What the regions' workers have written down; of a region that is not named nobody has."""

    by_region: Mapping[RegionId, datetime] = field(default_factory=dict)

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """The times."""
        return self.by_region


async def _taken_over(
    witness: InMemoryWitness, clock: VirtualClock, lost: RegionId, by: RegionId, times: RegionTimes = WorkersTimes()
) -> SlotMap:
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(take_over(witness, lost, by=by, clock=clock, times=times, ask_wait_s=25))
        while not taking.done():
            await asyncio.sleep(0)
            clock.advance(0.5)
    return taking.result()


async def test_a_region_is_taken_over_once_it_surely_acts_no_more() -> None:
    """All its slots go under the next epoch; the rail is asked no sooner than its clock has run out. Twice is once."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    lease = RegionLease(witness, WEST, clock, RecordingObserver())
    await lease.renew()
    started = clock.now()

    slots = await _taken_over(witness, clock, WEST, EAST)

    assert clock.now() - started >= timedelta(seconds=10.6)
    assert lease.left_s == 0
    assert slots.slots_of(EAST) == frozenset(range(256))
    [ask_after] = {owner.ask_after for owner in slots.owners if owner.epoch == 2}
    assert ask_after is not None
    assert ask_after - started >= timedelta(seconds=35)
    assert await _taken_over(witness, clock, WEST, EAST) == slots
    assert SlotMap.read(witness.records[SLOTS_RECORD].text) == slots


@pytest.mark.parametrize("slow_s", [-60, 0, 7, 60])
async def test_the_rail_is_asked_once_its_clock_has_run_out_however_slow_the_clock_is_of_who_takes_over(
    slow_s: float,
) -> None:
    """It is the region's workers who ask, by their clocks: a command's that is 7 s slow had them ask too early."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    started = clock.now()
    workers = started + timedelta(seconds=20 + slow_s)
    times = WorkersTimes({EAST: workers, WEST: workers + timedelta(days=1)})

    slots = await _taken_over(witness, clock, WEST, EAST, times)

    [ask_after] = {owner.ask_after for owner in slots.owners if owner.epoch == 2}
    assert ask_after is not None
    assert timedelta(seconds=35) <= ask_after - started < timedelta(days=1)
    assert ask_after >= workers + timedelta(seconds=25)


async def test_a_region_that_is_fenced_off_takes_nobody_over() -> None:
    """Two operators do the same at both ends of a way that is cut: one of them comes second."""
    witness, clock = InMemoryWitness(), VirtualClock()
    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    await fence(witness, EAST, by=WEST, clock=clock)

    with pytest.raises(NotServingError, match="itself fenced off"):
        await take_over(witness, WEST, by=EAST, clock=clock, times=WorkersTimes(), ask_wait_s=25)

    assert SlotMap.read(witness.records[SLOTS_RECORD].text) == first


async def test_slots_are_handed_back_to_a_region_that_serves_and_wait_for_their_owners_word() -> None:
    """Until then they are where they were; a region that is fenced off gets none."""
    witness, clock = InMemoryWitness(), VirtualClock()
    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    await _taken_over(witness, clock, WEST, EAST)
    with pytest.raises(NotServingError):
        await hand_back(witness, first.slots_of(WEST), to=WEST)
    await readmit(witness, WEST)

    slots = await hand_back(witness, first.slots_of(WEST), to=WEST)

    assert slots.slots_of(WEST) == first.slots_of(WEST)
    assert {(o.epoch, o.released_by, o.ask_after) for o in slots.owners if o.region == WEST} == {(3, EAST, None)}


async def test_what_a_lost_region_had_yet_to_hand_over_is_taken_over_with_the_rest() -> None:
    """Its new owner would wait for its word for ever."""
    first = SlotMap.first([EAST])
    waiting = first.handed_over(range(128), to=WEST)
    ask_after = VirtualClock().now()

    slots = waiting.taken_over(EAST, by=WEST, ask_after=ask_after)

    assert slots.slots_of(WEST) == frozenset(range(256))
    assert {owner.released_by for owner in slots.owners} == {None}
    assert SlotMap.read(slots.as_text()) == slots
    assert SlotMap.read(waiting.as_text()) == waiting


class Held:
    """A tenure that stands."""

    def demand(self) -> None:
        """Return."""


@pytest.mark.parametrize("renews", [True, False])
async def test_a_region_that_falls_silent_is_taken_over_by_itself_and_one_that_renews_is_not(*, renews: bool) -> None:
    """By what is seen at the witness, and by nobody's wall clock."""
    witness, clock = InMemoryWitness(), VirtualClock()
    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    lease = RegionLease(witness, WEST, clock, RecordingObserver())
    guardian = Guardian(witness, WEST, EAST, Held(), clock, WorkersTimes(), after_s=20, ask_wait_s=25)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(guardian.run())
        for _ in range(120):
            if renews:
                await lease.renew()
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(0.5)
        watching.cancel()

    slots = SlotMap.read(witness.records[SLOTS_RECORD].text)
    assert slots == first if renews else slots.slots_of(EAST) == frozenset(range(256))


async def test_the_silence_after_which_a_region_is_taken_over_by_itself_is_not_waited_for_twice() -> None:
    """The lease ran out within it. By command nothing was seen before, and the lease's length is waited for."""
    witness, clock = InMemoryWitness(), VirtualClock()
    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    guardian = Guardian(witness, WEST, EAST, Held(), clock, WorkersTimes(), after_s=12, ask_wait_s=25)
    started_s = clock.monotonic_s()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(guardian.run())
        while SlotMap.read(witness.records[SLOTS_RECORD].text) == first:
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(0.5)
        watching.cancel()

    assert 12 <= clock.monotonic_s() - started_s < 12 + WATCH_PAUSE_S + 1


class LosingTheAnswer(InMemoryWitness):
    """A witness that fences a region off, once, and whose answer to that is lost."""

    lost_answers = 0

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write, and lose the first answer about a fence."""
        version = await super().write(name, text, expected=expected)
        if name == lease_name(WEST) and LeaseTerms.read(text).fenced_by is not None and not self.lost_answers:
            self.lost_answers += 1
            raise UnavailableError("the witness did not answer")
        return version


async def test_what_one_process_began_to_take_over_by_itself_another_takes_over() -> None:
    """It had fenced the region off when it was lost: else its slots would have no owner that serves, for ever."""
    witness, clock = LosingTheAnswer(), VirtualClock()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    guardians = [
        Guardian(witness, WEST, EAST, Held(), clock, WorkersTimes(), after_s=20, ask_wait_s=25) for _ in range(2)
    ]
    watching = [asyncio.create_task(guardian.run()) for guardian in guardians]
    for _ in range(120):
        for _ in range(5):
            await asyncio.sleep(0)
        clock.advance(0.5)
    broken_off = [task for task in watching if task.done()]
    for task in watching:
        task.cancel()
    await asyncio.wait(watching)

    assert [type(task.exception()) for task in broken_off] == [UnavailableError]
    slots = SlotMap.read(witness.records[SLOTS_RECORD].text)
    assert slots.slots_of(EAST) == frozenset(range(256))
    assert {owner.epoch for owner in slots.owners} == {1, 2}


@pytest.mark.parametrize("is_by_itself", [False, True])
async def test_what_an_operator_has_fenced_off_or_lets_in_is_not_taken_over_by_itself(*, is_by_itself: bool) -> None:
    """By command a region is fenced off to serve nothing, and keeps its slots; so does one that is about to return."""
    witness, clock = InMemoryWitness(), VirtualClock()
    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    if is_by_itself:
        watch = LeaseWatch(witness, WEST, clock)
        await watch.look()
        await watch.fence_as_seen(by=EAST, to_be_taken=True)
        await announce(witness, WEST)
    else:
        await fence(witness, WEST, by=EAST, clock=clock)
    guardian = Guardian(witness, WEST, EAST, Held(), clock, WorkersTimes(), after_s=20, ask_wait_s=25)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(guardian.run())
        for _ in range(120):
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(0.5)
        watching.cancel()

    assert SlotMap.read(witness.records[SLOTS_RECORD].text) == first


async def test_a_region_that_renews_at_the_last_moment_is_not_fenced_off_by_itself() -> None:
    """Between the look and the write: by command it would be, whether it lives or not."""
    witness, clock = InMemoryWitness(), VirtualClock()
    first = await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    lease = RegionLease(witness, WEST, clock, RecordingObserver())

    class RenewingLate:
        """The region renews when its silence has just been found long enough."""

        def __init__(self) -> None:
            self.was_asked = False

        def demand(self) -> None:
            """Renew, and return."""
            self.was_asked = True
            record = witness.records[lease_name(WEST)]
            witness.records[lease_name(WEST)] = replace(record, version=record.version + 1)

    tenure = RenewingLate()
    guardian = Guardian(witness, WEST, EAST, tenure, clock, WorkersTimes(), after_s=12, ask_wait_s=25)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(guardian.run())
        while not tenure.was_asked:
            for _ in range(5):
                await asyncio.sleep(0)
            clock.advance(0.5)
        watching.cancel()

    assert (await lease.renew()).fenced_by is None
    assert SlotMap.read(witness.records[SLOTS_RECORD].text) == first


class Coming:
    """A region that is let in: what it does, in order, with what the witness says at each step."""

    def __init__(
        self, witness: InMemoryWitness, *, fails_at: int | None = None, clock: VirtualClock | None = None
    ) -> None:
        self.witness = witness
        self.fails_at = fails_at
        self.steps: list[tuple[str, bool, float]] = []
        self.clock = clock or VirtualClock()

    async def _step(self, name: str) -> None:
        terms = LeaseTerms.read(self.witness.records[lease_name(WEST)].text)
        self.steps.append((name, terms.returns, self.clock.monotonic_s()))
        if len(self.steps) == self.fails_at:
            raise UnavailableError("the way is cut")

    async def admitted(self) -> LeaseTerms:
        """Let it in, while time passes."""
        async with asyncio.TaskGroup() as group:
            admitting = group.create_task(
                admit(
                    self.witness,
                    WEST,
                    in_step=lambda: self._step("in step"),
                    catch_up=lambda: self._step("catch up"),
                    clock=self.clock,
                    within_s=60,
                )
            )
            while not admitting.done():
                await asyncio.sleep(0)
                self.clock.advance(0.5)
        return admitting.result()


async def test_a_region_catches_up_after_the_other_has_stopped_going_on_alone_and_is_let_in_then() -> None:
    """Asked before, how far the other has written would not be all; announced before it follows, clients would wait."""
    witness = InMemoryWitness()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    coming = Coming(witness)
    await fence(witness, WEST, by=EAST, clock=coming.clock)

    terms = await coming.admitted()

    assert [(name, returns) for name, returns, _ in coming.steps] == [
        ("in step", False),
        ("catch up", True),
        ("in step", True),
    ]
    assert coming.steps[1][2] - coming.steps[0][2] >= SURELY_NOT_ALONE_S
    assert (terms.fenced_by, terms.returns, terms.term) == (None, False, 2)


class SetWhileItSleeps(VirtualClock):
    """A clock whose wall time is set forward once, when somebody sleeps by it: no time has passed."""

    was_set_by_s = 0.0

    def monotonic_s(self) -> float:
        """Return seconds since the start, without those that it was set forward by."""
        return super().monotonic_s() - self.was_set_by_s

    async def sleep_until(self, instant: datetime) -> None:
        """Be set forward, and sleep for what is left of it."""
        self._is_set()
        await super().sleep_until(instant)

    async def pause(self, seconds: float) -> None:
        """Be set forward, and sleep for as long all the same."""
        self._is_set()
        await super().pause(seconds)

    def _is_set(self) -> None:
        if not self.was_set_by_s:
            self.was_set_by_s = STEP_S
            self.advance(STEP_S)


async def test_a_region_whose_wall_clock_is_set_forward_waits_as_long_all_the_same() -> None:
    """A machine that comes back is put right by its time server just then; the other still goes on alone."""
    witness = InMemoryWitness()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    coming = Coming(witness, clock=SetWhileItSleeps())
    await fence(witness, WEST, by=EAST, clock=coming.clock)

    await coming.admitted()

    assert coming.steps[1][2] - coming.steps[0][2] >= SURELY_NOT_ALONE_S


@pytest.mark.parametrize("step", [2, 3])
async def test_a_region_that_cannot_catch_up_is_out_as_before_and_the_other_goes_on_alone(step: int) -> None:
    """Else the other would wait for it for ever: transfers unanswered, synchronous tenants refused."""
    witness = InMemoryWitness()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    coming = Coming(witness, fails_at=step)
    before = await fence(witness, WEST, by=EAST, clock=coming.clock)

    with pytest.raises(ExceptionGroup) as failed:
        await coming.admitted()

    assert failed.group_contains(UnavailableError, match="the way is cut")
    assert LeaseTerms.read(witness.records[lease_name(WEST)].text) == before


@pytest.mark.parametrize("is_written_late", [False, True])
async def test_an_announcement_whose_answer_does_not_come_in_time_is_taken_back(*, is_written_late: bool) -> None:
    """Whether it was written before the time was over, or is on its way yet: the other goes on alone."""

    class NotAnswering(InMemoryWitness):
        """A witness that takes an announcement, and says nothing."""

        late: tuple[str, int | None] | None = None

        async def write(self, name: str, text: str, *, expected: int | None) -> int:
            """Write; in case of an announcement, now or later, without an answer."""
            if not LeaseTerms.read(text).returns:
                return await super().write(name, text, expected=expected)
            if is_written_late:
                self.late = text, expected
            else:
                await super().write(name, text, expected=expected)
            never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            return await never

    witness, clock = NotAnswering(), VirtualClock()
    for region in BOTH:
        await witness.write(lease_name(region), LeaseTerms(region, 1, 10.0).as_text(), expected=None)
    before = await fence(witness, WEST, by=EAST, clock=clock)

    async def nothing() -> None:
        """Be in step."""

    with pytest.raises(TimeoutError):
        await admit(witness, WEST, in_step=nothing, catch_up=nothing, clock=clock, within_s=0.05)
    if witness.late is not None:
        with pytest.raises(OvertakenError):
            await InMemoryWitness.write(witness, lease_name(WEST), witness.late[0], expected=witness.late[1])

    assert LeaseTerms.read(witness.records[lease_name(WEST)].text) == before


async def test_what_another_has_announced_at_the_same_moment_is_not_taken_back() -> None:
    """Two operators at once: the second one's announcement comes too late, and the first one's attempt goes on."""
    clock = VirtualClock()

    class TwoAtOnce(InMemoryWitness):
        """A witness at which the other operator's announcement comes first."""

        async def write(self, name: str, text: str, *, expected: int | None) -> int:
            """Write, and again in case of an announcement."""
            version = await super().write(name, text, expected=expected)
            if LeaseTerms.read(text).returns:
                await super().write(name, text, expected=expected)
            return version

    witness = TwoAtOnce()
    for region in BOTH:
        await witness.write(lease_name(region), LeaseTerms(region, 1, 10.0).as_text(), expected=None)
    await fence(witness, WEST, by=EAST, clock=clock)

    async def nothing() -> None:
        """Be in step."""

    with pytest.raises(OvertakenError):
        await admit(witness, WEST, in_step=nothing, catch_up=nothing, clock=clock, within_s=5)

    assert LeaseTerms.read(witness.records[lease_name(WEST)].text).returns


async def test_what_another_has_announced_since_is_not_taken_back() -> None:
    """Two operators at once: the second one's attempt goes on."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await begin(witness, BOTH, lease_s=10, held=None, is_first=True)
    await fence(witness, WEST, by=EAST, clock=clock)
    first = await announce(witness, WEST)
    await fence(witness, WEST, by=EAST, clock=clock)
    await announce(witness, WEST)

    await withdraw(witness, WEST, announced=first)

    assert LeaseTerms.read(witness.records[lease_name(WEST)].text).returns


async def test_a_region_that_the_witness_does_not_know_is_not_let_in() -> None:
    """The wrong witness, most likely."""
    with pytest.raises(UnavailableError, match="fifteen region init"):
        await readmit(InMemoryWitness(), EAST)
