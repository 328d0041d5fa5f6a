"""What an operator does at the witness: begin, fence off, let in; each safe to repeat."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.domain.payment import RegionId
from gateway.domain.regions import SlotMap
from gateway.service.lease import RegionLease
from gateway.service.ports import NotServingError, UnavailableError
from gateway.service.regions import SLOTS_RECORD
from gateway.service.steer import begin, fence, readmit, standing
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness
from tests.unit.http.world import RecordingObserver

EAST, WEST = RegionId("use1"), RegionId("usw2")
BOTH: Final = (EAST, WEST)


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


async def test_a_region_that_the_witness_does_not_know_is_not_let_in() -> None:
    """The wrong witness, most likely."""
    with pytest.raises(UnavailableError, match="fifteen region init"):
        await readmit(InMemoryWitness(), EAST)
