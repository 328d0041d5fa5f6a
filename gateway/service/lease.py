"""The lease: a region serves only while it holds it, and finds out by itself when it does not (docs/regions.md).

Nobody's wall clock matters. Who holds the lease counts from before it wrote the renewal; who takes over counts from
after it saw the last one; both leave room for clocks that run unequally fast (`gateway.domain.regions`).
"""

from __future__ import annotations

import math
from typing import Final

from gateway.domain.payment import RegionId
from gateway.domain.regions import LeaseTerms
from gateway.service.ports import (
    Clock,
    LeaseOverError,
    NotServingError,
    Observer,
    OvertakenError,
    UnavailableError,
    Witness,
    WitnessRecord,
)

RENEWALS_PER_LEASE: Final = 4
"""So many times within its length a lease is renewed: three renewals in a row may fail."""

UNANSWERED_S: Final = 1.0
"""The witness did not answer: it is asked again as soon as if the lease were so long."""

RIVALS_MAX: Final = 16
"""Processes of one region renew the same record; so many may come first in one renewal."""


def lease_name(region: RegionId) -> str:
    """Return the name of a region's lease at the witness."""
    return f"lease/{region}"


class RegionLease:
    """One process's share in its region's lease; `run` must be running. Every process of the region renews.

    A renewal by another process of the region extends nothing here: this one could not know when it began.
    """

    def __init__(self, witness: Witness, region: RegionId, clock: Clock, observer: Observer) -> None:
        self._witness = witness
        self._region = region
        self._clock = clock
        self._observer = observer
        self._held_until_s = -math.inf
        self._answered_at_s = clock.monotonic_s()
        self._term: int | None = None
        self.held_since_s = math.inf
        """Since when, by the monotonic clock, the lease has been held without a break."""
        self.fenced_by: RegionId | None = None
        """Who fenced this region off, if it was."""

    @property
    def left_s(self) -> float:
        """How long this process may still act if no renewal succeeds; 0: not at all."""
        return max(0.0, self._held_until_s - self._clock.monotonic_s())

    @property
    def witness_silent_s(self) -> float:
        """Since when the witness has not answered."""
        return self._clock.monotonic_s() - self._answered_at_s

    def demand(self) -> None:
        """Return if the lease is held at this very moment; see `gateway.service.ports.Tenure`."""
        if self._clock.monotonic_s() < self._held_until_s:
            return
        if self.fenced_by is None:
            raise LeaseOverError(f"region {self._region} does not serve: its lease has run out")
        raise NotServingError(f"region {self._region} does not serve: region {self.fenced_by} has taken over")

    async def run(self) -> None:
        """Renew until cancelled; the witness's faults are reported, and cost nothing while the lease lasts."""
        while True:
            length_s = await self._renewed()
            await self._clock.pause(length_s / RENEWALS_PER_LEASE)

    async def _renewed(self) -> float:
        """Renew once, and return the lease's length, or one to try again by."""
        try:
            return (await self.renew()).length_s
        except UnavailableError as error:
            self._observer.fault("lease", error)
            return UNANSWERED_S

    async def renew(self) -> LeaseTerms:
        """Renew once, and return the lease; a repeat is safe. A fenced region's is returned as it is.

        The record is read anew each time: another process of the region has mostly renewed since. What was read has no
        part in the length: whoever waits for the lease's end has seen the version that is written after it.

        Raises:
            UnavailableError: the witness does not answer, or knows no lease of this region.

        """
        for _ in range(RIVALS_MAX):
            record = await self._read()
            if record is None:
                raise UnavailableError(f"the witness has no lease of region {self._region}: fifteen region init")
            terms = LeaseTerms.read(record.text)
            if terms.fenced_by is not None:
                self._held_until_s, self.fenced_by = -math.inf, terms.fenced_by
                return terms
            started_s = self._clock.monotonic_s()
            try:
                await self._witness.write(lease_name(self._region), record.text, expected=record.version)
            except OvertakenError:
                continue
            if started_s >= self._held_until_s or terms.term != self._term:
                self.held_since_s = self._clock.monotonic_s()
            self._term = terms.term
            self._held_until_s = max(self._held_until_s, started_s + terms.holds_s)
            self._answered_at_s, self.fenced_by = self._clock.monotonic_s(), None
            return terms
        raise UnavailableError(f"the lease of region {self._region} changed {RIVALS_MAX} times while it was renewed")

    async def _read(self) -> WitnessRecord | None:
        record = await self._witness.read(lease_name(self._region))
        self._answered_at_s = self._clock.monotonic_s()
        return record


class LeaseWatch:
    """Watches another region's lease, and fences that region off once it has surely run out."""

    def __init__(self, witness: Witness, watched: RegionId, clock: Clock) -> None:
        self._witness = witness
        self._watched = watched
        self._clock = clock
        self._seen: WitnessRecord | None = None
        self._seen_at_s = math.inf

    async def look(self) -> LeaseTerms:
        """Look once, and return the lease as it is.

        Raises:
            UnavailableError: the witness does not answer, or knows no such lease.

        """
        record = await self._witness.read(lease_name(self._watched))
        if record is None:
            raise UnavailableError(f"the witness has no lease of region {self._watched}")
        if self._seen is None or record.version != self._seen.version:
            self._seen, self._seen_at_s = record, self._clock.monotonic_s()  # after the answer: it may have come late
        return LeaseTerms.read(record.text)

    @property
    def silent_s(self) -> float:
        """Since when no renewal has been seen; 0 before the first look."""
        return 0.0 if self._seen is None else self._clock.monotonic_s() - self._seen_at_s

    @property
    def is_surely_over(self) -> bool:
        """Whether the lease has run out, by whatever clock its holder goes: fenced off counts from then on too."""
        return self._seen is not None and self.silent_s >= LeaseTerms.read(self._seen.text).surely_over_s

    async def fence(self, *, by: RegionId) -> LeaseTerms:
        """Fence the watched region off, and return its lease: from now on its renewals fail. A repeat is safe.

        It may be done before the lease has run out: who holds it acts on until then.

        Raises:
            OvertakenError: it has renewed meanwhile: it is alive, or was a moment ago.
            UnavailableError: the witness does not answer.

        """
        await self.look()
        return await self.fence_as_seen(by=by)

    async def fence_as_seen(self, *, by: RegionId, to_be_taken: bool = False) -> LeaseTerms:
        """Fence the watched region off if it has not renewed since the last look; see `fence`."""
        assert self._seen is not None, "it was looked at"
        terms = LeaseTerms.read(self._seen.text)
        if terms.is_out:
            return terms
        fenced = LeaseTerms(terms.region, terms.term, terms.length_s, fenced_by=by, to_be_taken=to_be_taken)
        version = await self._witness.write(lease_name(self._watched), fenced.as_text(), expected=self._seen.version)
        # The time that was waited before counts on: the last renewal was before the version that was replaced.
        self._seen = WitnessRecord(fenced.as_text(), version)
        return fenced
