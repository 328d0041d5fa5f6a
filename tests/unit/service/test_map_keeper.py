"""The copy of the map: it follows the witness's, and a process whose map is not sound serves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

import pytest

from gateway.domain.payment import RegionId
from gateway.domain.regions import SlotMap
from gateway.service.lease import RegionLease
from gateway.service.ports import ContradictedMapError, LeaseOverError, NotServingError, RegionStore
from gateway.service.regions import SLOTS_RECORD, MapKeeper
from gateway.service.steer import begin, fence, readmit, until_it_serves
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness
from tests.unit.http.world import RecordingObserver

EAST, WEST = RegionId("use1"), RegionId("usw2")
FIRST = SlotMap.first([EAST, WEST])


class Copy:
    """What a region's database has of the map."""

    def __init__(self, slots: SlotMap | None, *, is_copied: bool = True) -> None:
        self.slots = slots
        self.has_copied = is_copied

    async def slot_map(self) -> SlotMap | None:
        """The copy."""
        return self.slots

    async def adopt(self, slots: SlotMap) -> Collection[int]:
        """Follow."""
        if self.slots is not None and self.slots.contradicts(slots):
            raise ContradictedMapError("two maps")
        self.slots = slots
        return set()

    async def is_copied(self, peer: RegionId) -> bool:
        """Whether what the peer had is here."""
        assert peer == WEST
        return self.has_copied


async def keeper_of(copy: Copy, witness: SlotMap = FIRST) -> MapKeeper:
    """A keeper of this copy, with this map at the witness."""
    asked = InMemoryWitness()
    await asked.write(SLOTS_RECORD, witness.as_text(), expected=None)
    return MapKeeper(cast("RegionStore", copy), asked, VirtualClock(), WEST)


async def test_a_process_serves_once_it_has_read_the_map_and_not_before() -> None:
    """What its copy says may be of last week."""
    copy = Copy(None)
    keeper = await keeper_of(copy)
    with pytest.raises(NotServingError, match="not been read"):
        keeper.demand(held_since_s=0)

    await keeper.follow()

    keeper.demand(held_since_s=0)
    assert copy.slots == FIRST


async def test_a_region_that_has_not_copied_what_its_peer_had_serves_nothing_yet() -> None:
    """It could accept a key anew."""
    copy = Copy(FIRST, is_copied=False)
    keeper = await keeper_of(copy)
    await keeper.follow()
    with pytest.raises(NotServingError, match="not all copied"):
        keeper.demand(held_since_s=0)
    copy.has_copied = True

    await keeper.follow()

    keeper.demand(held_since_s=0)


async def test_a_region_that_regains_its_lease_serves_once_it_has_read_the_map_again() -> None:
    """It was frozen, or cut off: its slots may have gone meanwhile."""
    keeper = await keeper_of(Copy(FIRST))
    await keeper.follow()
    regained_s = keeper.clock.monotonic_s() + 60
    with pytest.raises(LeaseOverError, match="since the lease was gained"):
        keeper.demand(held_since_s=regained_s)
    cast("VirtualClock", keeper.clock).advance(61)

    await keeper.follow()

    keeper.demand(held_since_s=regained_s)


async def test_a_copy_that_is_ahead_of_the_witness_stops_its_region() -> None:
    """The witness was restored from before, or is another one: whoever follows it owns what is owned here."""
    keeper = await keeper_of(Copy(FIRST.moved([200], to=EAST)))

    with pytest.raises(NotServingError, match="ahead of the witness"):
        await keeper.follow()

    with pytest.raises(NotServingError, match="ahead of the witness"):
        keeper.demand(held_since_s=0)


async def test_a_map_that_contradicts_the_copy_stops_the_region() -> None:
    """Two regions under one epoch: two maps were begun."""
    keeper = await keeper_of(Copy(SlotMap.first([EAST])))

    with pytest.raises(ContradictedMapError):
        await keeper.follow()

    with pytest.raises(NotServingError, match="two maps"):
        keeper.demand(held_since_s=0)


@pytest.mark.parametrize("woken_after_s", [0.0, 1.1, 2.4])
async def test_a_region_that_is_let_in_has_its_slots_back_when_its_processes_serve(woken_after_s: float) -> None:
    """Wherever in their turns they were: what is forwarded to it before that would be refused."""
    witness, clock = InMemoryWitness(), VirtualClock()
    await begin(witness, [EAST, WEST], lease_s=10, held=None, is_first=True)
    await fence(witness, EAST, by=WEST, clock=clock)
    lease = RegionLease(witness, EAST, clock, RecordingObserver())
    keeper = MapKeeper(cast("RegionStore", Copy(FIRST)), witness, clock, WEST)

    def serves() -> bool:
        try:
            lease.demand()
            keeper.demand(held_since_s=lease.held_since_s)
        except NotServingError:
            return False
        return True

    async def pass_by(task: asyncio.Task[None] | None, *, until_s: float) -> None:
        while clock.monotonic_s() < until_s and not (task is not None and task.done()):
            clock.advance(0.05)
            for _ in range(20):
                await asyncio.sleep(0)

    loops = [asyncio.ensure_future(each) for each in (lease.run(), keeper.run())]
    await pass_by(None, until_s=10 + woken_after_s)
    terms = await readmit(witness, EAST)
    assert not serves(), "the control: it does not yet"
    handing_back = asyncio.ensure_future(until_it_serves(terms, clock))
    await pass_by(handing_back, until_s=20)

    assert handing_back.done()
    assert serves()
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
