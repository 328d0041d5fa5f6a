"""As of when each region is known: never younger than it is, and never said where it is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import pytest

from gateway.domain.payment import RegionId
from gateway.service.freshness import AsOf, Freshness
from gateway.service.ports import NotServingError, UnavailableError
from tests.fakes.clock import START, VirtualClock

EAST: Final = RegionId("use1")
WEST: Final = RegionId("usw2")


@dataclass(slots=True)
class Place:
    """A region with another beside it: what has come of the other's time, and whether this one may act."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    times: dict[RegionId, datetime] = field(default_factory=dict)
    may_act: bool = True
    is_whole: bool = True
    is_reached: bool = True

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """What the store says."""
        if not self.is_reached:
            raise UnavailableError("down")
        return dict(self.times)

    def demand(self) -> None:
        """Whether the lease is held, and the map sound."""
        if not self.may_act:
            raise NotServingError("the lease has run out")

    @property
    def freshness(self) -> Freshness:
        """What is tested: in East."""
        return Freshness(self, EAST, WEST, self, lambda: self.is_whole, self.clock)


def seconds(after_s: float) -> datetime:
    """So long after the start."""
    return START + timedelta(seconds=after_s)


def behind(freshness: Freshness) -> dict[RegionId, float | None]:
    """How many seconds each region is said to be behind."""
    return {each.region: each.behind_s for each in freshness.stated()}


async def test_what_goes_on_here_is_fresh_and_the_other_region_as_old_as_its_time_that_has_come() -> None:
    """The link is cut, or the other region lost: its time comes no more, and what is said grows old."""
    place = Place()
    freshness = place.freshness
    place.clock.advance(10)
    place.times = {EAST: seconds(10), WEST: seconds(9.5)}
    await freshness.look()

    assert freshness.stated() == (AsOf(EAST, seconds(10), 0.0), AsOf(WEST, seconds(9.5), 0.5))
    place.clock.advance(30)
    await freshness.look()
    assert freshness.stated() == (AsOf(EAST, seconds(40), 0.0), AsOf(WEST, seconds(9.5), 30.5))
    place.times[WEST] = seconds(40)
    assert behind(freshness)[WEST] == 30.5, "not before it was looked at"
    await freshness.look()
    assert behind(freshness) == {EAST: 0, WEST: 0}


async def test_before_anything_was_heard_nothing_is_said_of_the_other_region() -> None:
    """No number is made up."""
    freshness = Place().freshness

    assert freshness.stated() == (AsOf(EAST, START, 0.0), AsOf(WEST))
    await freshness.look()
    assert freshness.stated() == (AsOf(EAST, START, 0.0), AsOf(WEST))


async def test_while_the_other_regions_is_copied_nothing_is_said_of_it() -> None:
    """Its time may be copied before its payments are; and what was here before may be copied anew."""
    place = Place(times={WEST: START}, is_whole=False)
    freshness = place.freshness
    await freshness.look()
    assert behind(freshness)[WEST] is None
    place.is_whole = True
    assert behind(freshness)[WEST] is None, "the time was read while it was copied"
    await freshness.look()
    assert behind(freshness)[WEST] == 0

    place.is_whole = False

    assert behind(freshness)[WEST] is None, "it is copied anew"


async def test_a_region_that_may_not_act_says_since_when_it_does_not_know_what_goes_on() -> None:
    """Its slots may have gone to the other region, whatever its copy of the map says: it was taken over, or sleeps."""
    place = Place()
    freshness = place.freshness
    place.clock.advance(1)
    await freshness.look()
    place.may_act = False
    place.clock.advance(20)
    await freshness.look()

    assert freshness.stated()[0] == AsOf(EAST, seconds(1), 20.0)
    place.may_act = True
    assert behind(freshness)[EAST] == 0, "the control: it is let in again"


async def test_a_process_that_has_not_acted_yet_says_nothing_of_its_own_region() -> None:
    """It came back with the map of last week."""
    freshness = Place(may_act=False).freshness
    await freshness.look()

    assert behind(freshness)[EAST] is None


async def test_a_clock_of_the_other_region_that_is_ahead_is_no_time_to_come() -> None:
    """What is known is known now at the latest."""
    place = Place(times={WEST: seconds(5)})
    freshness = place.freshness
    await freshness.look()

    assert freshness.stated()[1] == AsOf(WEST, START, 0.0)


async def test_while_the_store_does_not_answer_what_was_known_grows_old() -> None:
    """It is as true as before."""
    place = Place(times={WEST: START})
    freshness = place.freshness
    await freshness.look()
    place.is_reached = False
    place.clock.advance(15)
    with pytest.raises(UnavailableError):
        await freshness.look()

    assert behind(freshness) == {EAST: 0, WEST: 15}
