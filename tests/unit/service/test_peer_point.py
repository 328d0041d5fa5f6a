"""The other region's connection point at the rail: as the witness says that the region stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, cast

import pytest

from gateway.domain.payment import Rail, RegionId
from gateway.domain.regions import LeaseTerms, SlotMap
from gateway.service.lease import lease_name
from gateway.service.peer_point import PeerPoint
from gateway.service.ports import Alone, NotServingError, Tenure
from gateway.service.rail_operations import RailOperations
from gateway.service.regions import SLOTS_RECORD
from tests.fakes.clock import VirtualClock
from tests.fakes.witness import InMemoryWitness

REGIONS: Final[Sequence[RegionId]] = (RegionId("use1"), RegionId("usw2"))
OWN, PEER = REGIONS
LEASE: Final = LeaseTerms(PEER, 1, 10.0)
FENCED: Final = replace(LEASE, fenced_by=OWN)
SHARED: Final = SlotMap.first(REGIONS)
TAKEN: Final = SHARED.taken_over(PEER, by=OWN, ask_after=VirtualClock().now() + timedelta(seconds=25))


@dataclass(slots=True)
class Asked:
    """Remembers what was asked about which point."""

    done: list[tuple[str, str]] = field(default_factory=list)

    async def connect(self, rail: Rail, point: str, *, by: str, note: str) -> bool:
        self.done.append(("connect", point))
        return True

    async def disconnect(self, rail: Rail, point: str, *, by: str, note: str) -> bool:
        self.done.append(("disconnect", point))
        return True


class NotServing:
    """A region that may not act."""

    def demand(self) -> None:
        raise NotServingError("its lease has run out")


async def asked_when(lease: LeaseTerms, slots: SlotMap, *, tenure: Tenure) -> list[tuple[str, str]]:
    """What is asked of the rail where the witness says this."""
    witness, operations, clock = InMemoryWitness(), Asked(), VirtualClock()
    await witness.write(lease_name(PEER), lease.as_text(), expected=None)
    await witness.write(SLOTS_RECORD, slots.as_text(), expected=None)
    point = PeerPoint(cast("RailOperations", operations), Rail.FEDNOW, "WEST", witness, PEER, tenure, clock)
    await point.look()
    return operations.done


@pytest.mark.parametrize(
    ("lease", "slots", "asked"),
    [
        (LEASE, SHARED, [("connect", "WEST")]),
        (FENCED, SHARED, []),
        (FENCED, TAKEN, [("disconnect", "WEST")]),
        (LEASE, TAKEN, [("connect", "WEST")]),
    ],
    ids=["serving", "fenced off, and may still act", "taken over", "let in again"],
)
async def test_a_lost_regions_point_is_disconnected_once_it_is_taken_over_and_connected_when_it_is_let_in(
    lease: LeaseTerms, slots: SlotMap, asked: list[tuple[str, str]]
) -> None:
    """Fenced off alone it may act until its lease ends: the map moves only after that, and so does the traffic."""
    assert await asked_when(lease, slots, tenure=Alone()) == asked


async def test_a_region_that_may_not_act_asks_the_rail_for_nothing() -> None:
    """It may be the one that was lost."""
    with pytest.raises(NotServingError):
        await asked_when(FENCED, TAKEN, tenure=NotServing())
