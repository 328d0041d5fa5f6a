"""What may befall two regions, and what is between them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.payment import RegionId
from tests.simulation.scenario import Outage

EAST: Final = RegionId("east")
WEST: Final = RegionId("west")
REGIONS: Final = (EAST, WEST)


def peer_of(region: RegionId) -> RegionId:
    """Return the other region."""
    return WEST if region == EAST else EAST


@dataclass(frozen=True, slots=True)
class RegionClock:
    """How far a region's wall clock is from true time: at the start, and what it gains in the first two minutes.

    `drift` is by how much its monotonic clocks are too fast: 0.01 is one second in a hundred.
    """

    ahead_s: float = 0.0
    gains_s: float = 0.0
    drift: float = 0.0

    def ahead_at(self, seconds: float) -> float:
        """Return how far it is ahead after so many seconds."""
        return self.ahead_s + self.gains_s * min(seconds, 120.0) / 120.0


class Way(StrEnum):
    """The ways of the link that are cut."""

    BOTH = "both ways"
    FROM_EAST = "from east to west"
    FROM_WEST = "from west to east"


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing comes through the link between the regions."""

    way: Way
    at_s: float
    seconds: float

    def is_on(self, now_s: float, *, source: RegionId) -> bool:
        """Whether what leaves that region is stopped now."""
        stops = self.way is Way.BOTH or (self.way is Way.FROM_EAST) == (source == EAST)
        return stops and 0 <= now_s - self.at_s < self.seconds

    @property
    def words(self) -> str:
        """It in words."""
        return f"the link is cut {self.way} at {self.at_s:.1f} s, for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Silence:
    """The witness cannot be reached by a region; None: by neither."""

    region: RegionId | None
    at_s: float
    seconds: float

    def is_on(self, now_s: float, region: RegionId) -> bool:
        """Whether it cannot be reached from there now."""
        return self.region in {None, region} and 0 <= now_s - self.at_s < self.seconds

    @property
    def words(self) -> str:
        """It in words."""
        return f"{self.region or 'neither region'} {'cannot' if self.region else 'can'} reach the witness \
at {self.at_s:.1f} s, for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The home's answer to the n-th submission that is forwarded is lost."""

    nth: int

    @property
    def words(self) -> str:
        """It in words."""
        return f"the answer to forwarded submission no. {self.nth} is lost"


@dataclass(frozen=True, slots=True)
class RegionalOutage(Outage):
    """A part of one region answers nobody for a while."""

    region: RegionId = EAST

    @property
    def words(self) -> str:
        """It in words."""
        return f"the {self.part} of {self.region} is down from {self.at_s:.1f} s on, for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Fencing:
    """A region is fenced off by the other, and let in again; once it is drained, what it owns at rest moves.

    Where it is taken over everything moves, whatever is under way, and the rail is asked about it.
    """

    region: RegionId
    at_s: float
    seconds: float
    moves: bool
    takes_over: bool = False
    hands_back: bool = False
    """Whether it has its slots back once it serves again, whatever is under way."""
    loses: bool = False
    """Whether it is taken over without what it has written last, which comes when it is back."""

    @property
    def words(self) -> str:
        """It in words."""
        if self.takes_over:
            back = ", and has its slots back" if self.hands_back else ""
            lost = " without what it has written last" if self.loses else ""
            return f"{self.region} is taken over{lost} at {self.at_s:.1f} s, is let in {self.seconds:.1f} s later{back}"
        moves = " its slots move, and" if self.moves else ""
        return f"{self.region} is fenced off at {self.at_s:.1f} s,{moves} it is let in {self.seconds:.1f} s later"


class Fate(StrEnum):
    """What becomes of a region that is lost."""

    LATE = "it comes back with all that it had"
    RESTORED = "its disk is gone, and it comes back with what its peer has of it"
    GONE = "it never comes back"


@dataclass(frozen=True, slots=True)
class Loss:
    """A region is lost whatever is under way in it, is taken over, and comes back, or does not.

    `taken_after_s` is how long after the loss a person takes it over; None: its peer does so by itself. With `alone_s`
    the region had lost sight of its peer so long before, had fenced it off, and has gone on alone.
    """

    region: RegionId
    at_s: float
    fate: Fate
    seconds: float
    """After how long it is back."""
    taken_after_s: float | None
    alone_s: float | None = None
    hands_back: bool = False

    @property
    def words(self) -> str:
        """It in words."""
        alone = "" if self.alone_s is None else f", alone for {self.alone_s:.1f} s"
        by = "by itself" if self.taken_after_s is None else f"{self.taken_after_s:.1f} s later by command"
        back = "" if self.fate is Fate.GONE else f", {self.seconds:.1f} s later"
        slots = ", and has its slots back" if self.hands_back else ""
        return f"{self.region}{alone}, is lost at {self.at_s:.1f} s; it is taken over {by}; {self.fate}{back}{slots}"
