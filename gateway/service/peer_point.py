"""The other region's connection point: disconnected at the rail once that region is taken over, and connected again.

What the rail has for us waits at the point of a region that is lost; once that point is disconnected it comes to ours.
The map shows a takeover, which is written only after the lost region's lease has surely ended: whatever that one still
fetches then, it decides on nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.domain.payment import Rail, RegionId
from gateway.domain.regions import LeaseTerms, SlotMap
from gateway.service.lease import lease_name
from gateway.service.ports import Clock, Tenure, Witness
from gateway.service.rail_operations import RailOperations
from gateway.service.regions import SLOTS_RECORD

PAUSE_S: Final = 1.0
BY: Final = "takeover"
"""Who asked, as the rail's operations show it."""


@dataclass(frozen=True, slots=True)
class PeerPoint:
    """Keeps the peer's connection point at the rail as the witness says that the peer stands."""

    operations: RailOperations
    rail: Rail
    point: str
    witness: Witness
    peer: RegionId
    tenure: Tenure
    clock: Clock

    async def run(self) -> None:
        """Look until cancelled; raises as the witness and the store do, and after a fault it looks again."""
        while True:
            await self.look()
            await self.clock.pause(PAUSE_S)

    async def look(self) -> None:
        """Look once, and ask the rail for what is not so; a repeat asks for nothing that was just asked for.

        Raises:
            NotServingError: this region may not act itself.
            UnavailableError: the witness or the store does not answer.

        """
        self.tenure.demand()
        lease, record = await self.witness.read(lease_name(self.peer)), await self.witness.read(SLOTS_RECORD)
        if lease is None or record is None:
            return
        is_fenced = LeaseTerms.read(lease.text).fenced_by is not None
        if not is_fenced:
            await self.operations.connect(self.rail, self.point, by=BY, note=f"region {self.peer} is back")
        elif not SlotMap.read(record.text).slots_of(self.peer):
            await self.operations.disconnect(self.rail, self.point, by=BY, note=f"region {self.peer} is taken over")
