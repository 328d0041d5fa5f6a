"""An acceptance is answered only when both regions have it, or the other one is fenced off (docs/adr/0025).

Whoever loses a region takes over what it had: an acceptance that only the lost one knew would be money that may arrive,
and that nobody asks about.
"""

from __future__ import annotations

from typing import Protocol


class InBothRegions(Protocol):
    """Whether what was committed here is in both regions; `gateway.service.both_regions.BothRegions` tells."""

    async def has_all(self, *, within_s: float) -> bool:
        """Whether everything that was committed before the call is in both regions, or need not be; waits for it.

        Raises:
            UnavailableError: that cannot be found out.

        """
        ...


class NoOtherRegion:
    """What a region that is alone has is everywhere."""

    async def has_all(self, *, within_s: float) -> bool:
        """Return True."""
        del within_s
        return True
