"""The day whose ids a payment has whose key a lost region may have accepted: that region's, if it can be told.

The rail's ids of a payment that was asked for in JSON are functions of its key and its day. What a region had accepted
and not replicated before it was lost is unknown; repeated on a later day, under that day's ids, it could be paid twice
(docs/adr/0035).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from gateway.domain.payment import IdempotencyKey, RegionId
from gateway.service.ports import DayUnknownError, RegionTimes
from gateway.service.rail_protocol import RailProtocol

CLOCKS_DIFFER: Final = timedelta(seconds=30)
"""What a lost region named by a day may have come so much earlier or later by our clock: clocks differ, within a region
and between two, and a submission is received some time before it is committed."""


@dataclass(frozen=True, slots=True)
class LostDays:
    """Says on which day a key was first accepted, where that may have been in the other region, which is lost.

    `repeated_within_s` is how long after it was first sent a client repeats a key, at the most; None: nobody knows.
    """

    store: RegionTimes
    own: RegionId
    peer: RegionId
    repeated_within_s: float | None = None

    async def day_of(self, rail: RailProtocol, key: IdempotencyKey, *, asked_from: datetime, at: datetime) -> date:
        """Return the day to name a payment by that is submitted `at`, under a key that is not claimed here.

        Its slot was taken over, and the rail is asked about it from `asked_from` on: the lost region has accepted
        nothing after that.

        Raises:
            DayUnknownError: there are several, or it is too long past for the rail to be asked about.
            UnavailableError: the store does not answer.

        """
        today = rail.business_date(at)
        followed_to = (await self.store.pulses()).get(self.peer)
        if followed_to is not None and followed_to - CLOCKS_DIFFER > asked_from:
            return today  # it is back, and all that it had accepted is here
        began = [] if followed_to is None else [followed_to - CLOCKS_DIFFER]
        if self.repeated_within_s is not None:
            began.append(at - timedelta(seconds=self.repeated_within_s) - CLOCKS_DIFFER)
        ended = min(asked_from, at + CLOCKS_DIFFER)
        if began and max(began) > ended:
            return today  # what it had accepted last is not repeated any more
        first = rail.business_date(max(began)) if began else None
        last = rail.business_date(ended)
        if first != last:
            raise self._unknown(key, f"on any day from {first or 'the first'} to {last}")
        if not rail.looks_back_to(last, at=at):
            raise self._unknown(key, f"on {last}, about which the rail cannot be asked any more")
        return last

    def _unknown(self, key: IdempotencyKey, when: str) -> DayUnknownError:
        why = f"Region {self.peer}, which is lost, may have accepted this key {when}: it is known once that is back"
        return DayUnknownError(self.own, key, why)
