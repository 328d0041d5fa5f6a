"""An acceptance is answered only when both regions have it, or the other one is fenced off (docs/adr/0025).

Whoever loses a region takes over what it had: an acceptance that only the lost one knew would be money that may arrive,
and that nobody asks about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.domain.payment import RegionId
from gateway.domain.regions import LeaseTerms
from gateway.service.group_commit import GroupCommit
from gateway.service.lease import lease_name
from gateway.service.ports import Clock, Copied, PeerCopy, UnavailableError, Witness

LOOK_WINDOW_S: Final = 0.002
LOOKS_MAX: Final = 1_000
"""Everybody who waits shares a look at how far the peer is; a look is one small query."""

LOOK_PAUSE_S: Final = 0.003
"""Between two looks of one who waits."""

SILENT_S: Final = 0.25
"""After so long without the peer's word the witness is asked whether the peer is fenced off."""

FENCE_KNOWN_S: Final = 0.1
"""How old the witness's word may be."""


class InBothRegions(Protocol):
    """Whether what was committed here is in both regions."""

    async def has_all(self, *, until: datetime) -> bool:
        """Whether everything that was committed before the call is in both regions, or need not be; waits for it.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...


class NoOtherRegion:
    """What a region that is alone has is everywhere."""

    async def has_all(self, *, until: datetime) -> bool:
        """Return True."""
        del until
        return True


@dataclass(slots=True)
class PeerFence:
    """Knows from the witness whether the peer is fenced off: until it is let in again it can take nothing over."""

    witness: Witness
    peer: RegionId
    clock: Clock
    is_off: bool = False
    """As far as is known; `look` looks."""

    _looked_at_s: float | None = None

    async def look(self) -> bool:
        """Return whether it is; a witness that does not answer is no word that it is."""
        now_s = self.clock.monotonic_s()
        if self._looked_at_s is None or now_s - self._looked_at_s > FENCE_KNOWN_S:
            self._looked_at_s = now_s
            self.is_off = False
            try:
                record = await self.witness.read(lease_name(self.peer))
            except UnavailableError:
                return False
            self.is_off = record is not None and LeaseTerms.read(record.text).fenced_by is not None
        return self.is_off


@dataclass(slots=True)
class BothRegions:
    """Implements `InBothRegions` by the position that the peer has confirmed; `looks.run` must be running."""

    copy: PeerCopy
    fence: PeerFence
    clock: Clock
    looks: GroupCommit[None, Copied] = field(init=False)

    def __post_init__(self) -> None:
        self.looks = GroupCommit(self._look, window_s=LOOK_WINDOW_S, batch_max=LOOKS_MAX)

    async def _look(self, waiting: Sequence[None]) -> Sequence[Copied]:
        return [await self.copy.copied()] * len(waiting)

    async def has_all(self, *, until: datetime) -> bool:
        """Wait for the peer's word, or its fence; see `InBothRegions`."""
        began_s, wanted = self.clock.monotonic_s(), None
        while True:
            found = await self.looks.submit(None)
            wanted = found.written if wanted is None else wanted
            if found.confirmed is not None and found.confirmed >= wanted:
                return True
            is_silent = self.clock.monotonic_s() - began_s >= SILENT_S
            if (is_silent or self.fence.is_off) and await self.fence.look():
                return True
            now = self.clock.now()
            if now >= until:
                return False
            await self.clock.sleep_until(min(until, now + timedelta(seconds=LOOK_PAUSE_S)))
