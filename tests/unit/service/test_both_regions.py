"""When an acceptance may be acknowledged: by the other region's word, by its fence, and by nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.domain.payment import IdempotencyKey, RegionId, TenantId
from gateway.domain.regions import ALONE_S, SURELY_NOT_ALONE_S, LeaseTerms
from gateway.service.both_regions import COPIED_WITHIN_S, FOLLOWED_WITHIN_S, BothRegions, PeerFence
from gateway.service.ports import NotInBothError, NotServingError, OvertakenError, Reach, UnavailableError
from gateway.service.steer import announce, begin, fence, readmit
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness

EAST, WEST = RegionId("use1"), RegionId("usw2")
CAREFUL, OTHER = TenantId("careful"), TenantId("other")
KEY = IdempotencyKey("KEY")


class Log:
    """This region's log, and how far the other has it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.written = 100
        self.confirmed: int | None = 100
        self.is_copied = True
        self.answers = True

    async def reach(self, peer: RegionId) -> Reach:
        """How far."""
        assert peer == WEST
        if not self.answers:
            raise UnavailableError("PostgreSQL: gone")
        return Reach(self.written, self.confirmed, self.clock.now() if self.is_copied else None)


class East:
    """One gateway of the eastern region."""

    def __init__(self, *, wait_max_s: float = 60.0) -> None:
        self.clock, self.witness = VirtualClock(), InMemoryWitness()
        self.log = Log(self.clock)
        self.fence = PeerFence(self.witness, WEST, self.clock)
        self.both = BothRegions(self.log, EAST, WEST, self.clock, self.fence, CAREFUL.__eq__, wait_max_s)

    async def begun(self) -> East:
        """With leases at the witness, and a peer that follows."""
        await begin(self.witness, [EAST, WEST], lease_s=10, held=None, is_first=True)
        await self.look(2)
        return self

    async def look(self, times: int = 1) -> None:
        """Look, half a second after the last time."""
        for _ in range(times):
            self.clock.advance(0.5)
            await self.both.look()

    async def waiter(self) -> asyncio.Task[None]:
        """Somebody who has committed, and waits."""
        waiting = asyncio.create_task(self.both.wait(CAREFUL, KEY))
        await asyncio.sleep(0)
        return waiting


async def _is_let_go(waiting: asyncio.Task[Any]) -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return waiting.done()


async def test_who_waits_is_let_go_when_the_other_region_has_the_commit_and_not_before() -> None:
    """Confirmed up to some place before it is not enough."""
    east = await East().begun()
    east.log.written = 200
    waiting = await east.waiter()

    await east.look()
    assert not await _is_let_go(waiting)
    east.log.confirmed = 199
    await east.look()
    assert not await _is_let_go(waiting)
    east.log.written = 900  # what others write meanwhile is not waited for
    east.log.confirmed = 200
    await east.look()

    assert await _is_let_go(waiting)
    await waiting


async def test_a_look_that_was_under_way_before_the_commit_is_no_word_about_it() -> None:
    """The place that it tells may stand before the commit."""
    east = await East().begun()

    class Slow(Log):
        async def reach(self, peer: RegionId) -> Reach:
            found = await super().reach(peer)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return found

    slow = Slow(east.clock)
    east.both.store = slow
    looking = asyncio.create_task(east.both.look())
    await asyncio.sleep(0)
    slow.written = 200
    waiting = await east.waiter()
    await looking
    assert not await _is_let_go(waiting)

    await east.look()
    assert not await _is_let_go(waiting)
    slow.confirmed = 200
    await east.look()

    assert await _is_let_go(waiting)


async def test_other_tenants_wait_for_nobody() -> None:
    """Neither for the other region, nor for those who wait for it."""
    east = await East().begun()
    east.log.confirmed = None
    east.clock.advance(60)

    east.both.demand(OTHER)
    await east.both.wait(OTHER, KEY)

    with pytest.raises(NotServingError, match="does not follow"):
        east.both.demand(CAREFUL)


@pytest.mark.parametrize("fault", ["gone", "copying", "silent", "behind"])
async def test_a_peer_that_does_not_follow_is_waited_for_by_nobody_new(fault: str) -> None:
    """Its slot is gone; it copies anew; it has said for long nothing of its copy; it is seconds behind."""
    east = await East().begun()
    east.both.demand(CAREFUL)
    east.log.confirmed = None if fault == "gone" else 100
    east.log.is_copied = fault != "copying"
    if fault == "silent":
        word = east.clock.now()
        east.log.clock = VirtualClock(word)  # the newest word stays as it was
        await east.look(int(COPIED_WITHIN_S / 0.5) + 2)
    waiting = await east.waiter()
    for _ in range(int(FOLLOWED_WITHIN_S / 0.5) + 1):
        east.log.written += 10
        await east.look()

    with pytest.raises(NotServingError):
        east.both.demand(CAREFUL)
    assert not await _is_let_go(waiting)
    waiting.cancel()


async def test_the_word_that_stood_there_when_a_process_began_is_not_believed() -> None:
    """It may be of last week, from before a copy that was begun anew."""
    east = East()
    east.log.clock = VirtualClock()
    await east.look(3)

    with pytest.raises(NotServingError):
        east.both.demand(CAREFUL)


async def test_who_waits_too_long_and_who_cannot_be_answered_learns_that_it_is_not_known() -> None:
    """Accepted, and not acknowledged: a repeat under the same key finds out."""
    east = await East(wait_max_s=0.01).begun()
    east.log.written = 200
    with pytest.raises(NotInBothError, match="not confirmed it in time"):
        await east.both.wait(CAREFUL, KEY)

    east.both.wait_max_s = 60
    waiting = await east.waiter()
    east.log.answers = False
    with pytest.raises(UnavailableError):
        await east.both.run()

    with pytest.raises(NotInBothError) as told:
        await waiting
    assert (told.value.key, told.value.home) == (KEY, EAST)


async def test_while_the_other_is_fenced_off_the_region_goes_on_alone_and_no_longer() -> None:
    """Who waits is let go too. Without a word of the witness for seconds nobody goes on alone."""
    east = await East().begun()
    east.log.confirmed = None
    east.log.written = 200
    waiting = await east.waiter()
    await fence(east.witness, WEST, by=EAST, clock=east.clock)
    await east.fence.look()
    await east.look()

    assert await _is_let_go(waiting)
    east.clock.advance(60)
    await east.fence.look()
    east.both.demand(CAREFUL)
    await east.both.wait(CAREFUL, KEY)
    east.clock.advance(ALONE_S)
    with pytest.raises(NotServingError):
        east.both.demand(CAREFUL)


async def test_a_region_that_is_let_in_again_is_waited_for_at_once_and_for_seconds_alone() -> None:
    """Its first word is on its way: nobody is refused meanwhile. One that does not come is waited for no longer."""
    east = await East().begun()
    east.log.confirmed = None
    await fence(east.witness, WEST, by=EAST, clock=east.clock)
    await east.fence.look()
    east.clock.advance(60)
    await east.fence.look()
    await announce(east.witness, WEST)
    await east.fence.look()

    east.both.demand(CAREFUL)
    waiting = await east.waiter()
    east.log.written = 200
    await east.look()
    assert not await _is_let_go(waiting)
    await east.fence.look()
    east.clock.advance(FOLLOWED_WITHIN_S)
    with pytest.raises(NotServingError):
        east.both.demand(CAREFUL)
    east.log.confirmed = 200
    await east.look(2)
    await waiting
    east.both.demand(CAREFUL)


async def test_a_region_is_let_in_no_sooner_than_nobody_goes_on_alone() -> None:
    """It says so at the witness, and waits for longer than anybody believes what was there before.

    The control is a region that is let in at once: what is accepted alone meanwhile it may not have.
    """
    east = await East().begun()
    await fence(east.witness, WEST, by=EAST, clock=east.clock)
    await east.fence.look()

    announced = await announce(east.witness, WEST)
    assert await announce(east.witness, WEST) == announced
    assert east.fence.holds
    east.clock.advance(SURELY_NOT_ALONE_S)
    assert not east.fence.holds
    await east.fence.look()
    assert not east.fence.holds
    assert LeaseTerms.read(east.witness.records["lease/usw2"].text).fenced_by == EAST
    terms = await readmit(east.witness, WEST, announced=announced)
    assert (terms.fenced_by, terms.returns) == (None, False)

    await fence(east.witness, WEST, by=EAST, clock=east.clock)
    await east.fence.look()
    await readmit(east.witness, WEST)
    assert east.fence.holds


async def test_who_is_fenced_off_again_while_it_returns_is_out_again() -> None:
    """The other goes on alone again; whoever was about to let it in does not."""
    east = await East().begun()
    await fence(east.witness, WEST, by=EAST, clock=east.clock)
    announced = await announce(east.witness, WEST)

    await fence(east.witness, WEST, by=EAST, clock=east.clock)

    await east.fence.look()
    assert east.fence.holds
    with pytest.raises(OvertakenError, match="fenced off again"):
        await readmit(east.witness, WEST, announced=announced)
    await announce(east.witness, WEST)  # by another command, since: what was accepted alone between is not here
    with pytest.raises(OvertakenError, match="announced anew"):
        await readmit(east.witness, WEST, announced=announced)


async def test_who_waits_for_what_another_wants_no_more_is_not_cancelled_by_that() -> None:
    """Two may wait for one acceptance: it is not known to be in both regions, and that is all that they hear."""
    east = await East().begun()
    asked = east.both.ask()
    waiting = asyncio.create_task(east.both.is_there(asked, within_s=60))
    await asyncio.sleep(0)

    asked.forget()

    assert await _is_let_go(waiting)
    assert waiting.result() is False
