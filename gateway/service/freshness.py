"""As of when each region's facts are known to a process: said of all that is read where there are two regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.domain.payment import RegionId
from gateway.service.ports import Clock, NotServingError, RegionTimes, Tenure

LOOK_PAUSE_S: Final = 0.5
"""Between two looks. So much older than it is a region may be said to be known, and never a moment younger."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """As of when what goes on in a region is known here, and how many seconds ago that was; None: that is not known.

    The time is the other region's own, so the difference of the clocks is in the seconds.
    """

    region: RegionId
    at: datetime | None = None
    behind_s: float | None = None


@dataclass(slots=True)
class Freshness:
    """Tells as of when this region and the other are known, from the last look: a read costs no statement.

    What the other region had committed by its time that has come here is here too, and folded (`RegionTimes`). While
    its copy is being made anything may be missing, and nothing is said. What goes on here is known as it is, while this
    process may act; after that its slots may have gone to the other region, which is not known here. `run` must be
    running.
    """

    times: RegionTimes
    own: RegionId
    peer: RegionId
    tenure: Tenure
    is_whole: Callable[[], bool]
    """Whether all is here that the other region had."""
    clock: Clock
    _peer_at: datetime | None = None
    _own_at: datetime | None = None

    async def run(self) -> None:
        """Look until cancelled; while the store does not answer, what is said grows old."""
        while True:
            await self.look()
            await self.clock.pause(LOOK_PAUSE_S)

    async def look(self) -> None:
        """Look once at the times that have come here.

        Raises:
            UnavailableError: the store does not answer; what was known before stands.

        """
        self._look_at_own()
        times = await self.times.pulses()
        self._peer_at = times.get(self.peer) if self.is_whole() else None

    def stated(self) -> Sequence[AsOf]:
        """Return it of both, as of this moment: asked for before what it is said of is read, it holds of that."""
        self._look_at_own()
        peer_at = self._peer_at if self.is_whole() else None
        return (self._as_of(self.own, self._own_at), self._as_of(self.peer, peer_at))

    def _look_at_own(self) -> None:
        with suppress(NotServingError):
            self.tenure.demand()
            self._own_at = self.clock.now()

    def _as_of(self, region: RegionId, at: datetime | None) -> AsOf:
        if at is None:
            return AsOf(region)
        now = self.clock.now()
        return AsOf(region, min(at, now), max(0.0, (now - at).total_seconds()))
