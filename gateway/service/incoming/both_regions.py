"""An acceptance is answered only when both regions have it, or the other one is fenced off (docs/adr/0025).

Whoever loses a region takes over what it had: an acceptance that only the lost one knew would be money that may arrive,
and that nobody asks about.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.domain.payment import PaymentId
from gateway.service.both_regions import Asked
from gateway.service.ports import UnavailableError

ASKED_MAX: Final = 4_096
"""Acceptances of which it is remembered what was asked; one that is forgotten is asked about anew."""


class InBothRegions(Protocol):
    """Tells whether what was committed here is in both regions; see `gateway.service.both_regions.BothRegions`."""

    def ask(self) -> Asked:
        """Ask about all that was committed before the call."""
        ...

    async def is_there(self, asked: Asked, *, within_s: float) -> bool:
        """Whether it is in both regions, or need not be; waits for it.

        Raises:
            UnavailableError: that could not be found out; ask anew.

        """
        ...


class NoOtherRegion:
    """What a region that is alone has is everywhere."""

    def ask(self) -> Asked:
        """Ask nobody."""
        return Asked(asyncio.get_running_loop().create_future())

    async def is_there(self, asked: Asked, *, within_s: float) -> bool:
        """Return True."""
        del asked, within_s
        return True


@dataclass(frozen=True, slots=True)
class Acceptances:
    """The acceptances of one process that wait for the other region.

    What was asked about one is remembered from try to try: asked anew each time, a peer that is always a little behind
    would never have it.
    """

    both: InBothRegions
    _asked: OrderedDict[PaymentId, Asked] = field(default_factory=OrderedDict)

    async def is_in_both(self, payment_id: PaymentId, *, within_s: float) -> bool:
        """Whether an acceptance that was committed before the first call is in both regions, or need not be.

        Raises:
            UnavailableError: that could not be found out; try again.

        """
        asked = self._asked.get(payment_id)
        if asked is None:
            asked = self._asked[payment_id] = self.both.ask()
            if len(self._asked) > ASKED_MAX:
                self._asked.popitem(last=False)[1].forget()
        try:
            return await self.both.is_there(asked, within_s=within_s)
        except UnavailableError:
            self.forget(payment_id)
            raise

    def forget(self, payment_id: PaymentId) -> None:
        """Wait for this one no more."""
        asked = self._asked.pop(payment_id, None)
        if asked is not None:
            asked.forget()
