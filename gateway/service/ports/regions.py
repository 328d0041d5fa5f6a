"""What a region's database knows of the map of slots, and of the other region's payments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.history import Projection, RecordedEvent
from gateway.domain.payment import PaymentId, Rail, RegionId, TenantId
from gateway.domain.regions import SlotMap


@dataclass(frozen=True, slots=True)
class Unprojected:
    """A payment of which events were replicated that its projection may not have yet; `notes` say so, until it has.

    `slot` is None where it was accepted before there were slots. `digests` are those of the events, in their order.
    """

    payment_id: PaymentId
    tenant_id: TenantId
    slot: int | None
    events: Sequence[RecordedEvent] | ValueError
    """The fault in their place where this release cannot read one."""
    digests: Sequence[bytes | None]
    notes: Sequence[int]
    is_one: bool = True
    """Whether both regions, where each has accepted it, have accepted the same amount between the same parties."""


@dataclass(frozen=True, slots=True)
class Projected:
    """What was folded, and the digest of the event that stands last."""

    source: Unprojected
    projection: Projection
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Bytes from the rail that the other region received: `position` names the note that they wait to be applied."""

    position: int
    body: bytes | LookupError
    """The fault in their place where they cannot be opened: their key is not here."""
    at: datetime
    """When the other region received them."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far this region's log goes, and how far the other has it. Positions grow, and mean nothing else."""

    written: int
    """Whatever this region had committed when it was asked stands before it."""
    confirmed: int | None
    """What stands before it is on the other region's disk; None where nobody follows, or copies for the first time."""
    copied_at: datetime | None
    """The newest time at which the other has said that its copy is complete; None where it says that it is not."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What a replication slot of this region's server keeps of its log for whoever follows by it."""

    slot: str
    kept_bytes: int
    left_bytes: float
    """What may still be written before the slot is given up; infinite where nothing bounds it."""
    is_lost: bool
    """Given up, or not there at all: who followed by it has to copy anew."""


class ReachStore(Protocol):
    """Tells how far the other region follows."""

    async def reach(self, peer: RegionId) -> Reach:
        """Return how far it does at this moment; a repeat is safe."""
        ...


class RegionTimes(Protocol):
    """What each region's workers have last written down as their time, and has come here."""

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """Return as of when each region's payments are known here."""
        ...


class TakenMap(RegionTimes, Protocol):
    """Which region has which slots, as far as is known here, and as of when the other's facts are."""

    async def slot_map(self) -> SlotMap | None:
        """Return this region's copy of the map; None where there is none yet."""
        ...


class RegionStore(TakenMap, Protocol):
    """The database of one region, as far as there are several. Every call is safe to repeat."""

    async def adopt(self, slots: SlotMap) -> Collection[int]:
        """Make this the region's copy, and return the slots that it gained by it.

        A slot that another region has yet to release stays as it is: a later call takes it. What this region loses, or
        is named in the map as who ends it, it releases, and the other learns that by replication, after everything that
        was done before.

        Waits for every claim and decision that runs under the old map, and none runs under it afterwards. The timers of
        payments whose slots were lost are stopped: their new home carries them. A slot whose copy has a higher epoch
        keeps it: an older map changes nothing.

        Raises:
            ContradictedMapError: a slot has another owner here under the same epoch.

        """
        ...

    async def take_up(self, now: datetime) -> None:
        """Make the timers due of open payments that another region has carried, and that are this region's now."""
        ...

    async def is_copied(self, peer: RegionId) -> bool:
        """Whether everything that the peer had when this region began to follow it is here."""
        ...

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[Unprojected]:
        """Return payments of which something was replicated, the oldest note first."""
        ...

    async def project(self, payments: Sequence[Projected]) -> None:
        """Save projections, each unless a newer one is there, and drop their notes."""
        ...

    async def postpone(self, payments: Sequence[Unprojected], *, until: datetime) -> None:
        """Keep the notes of what could not be folded, and return them from `unprojected` no sooner than then."""
        ...

    async def hand_over(self, rail: Rail, body: bytes, *, at: datetime, came_by: str | None) -> None:
        """Keep bytes from the rail for the other region, which applies them; the same bytes once.

        `came_by` is the note by which they came from there, if they did: they go back, however often they have been
        handed over before, once for each note.
        """
        ...

    async def handed_over(self, rail: Rail, now: datetime, *, limit: int) -> Sequence[HandedOver]:
        """Return what the other region received from the rail, and this one has not applied yet, oldest first."""
        ...

    async def postpone_handed_over(self, positions: Sequence[int], *, until: datetime) -> None:
        """Keep the notes of what could not be opened, and return them from `handed_over` no sooner than then."""
        ...

    async def applied(self, positions: Sequence[int]) -> None:
        """Drop the notes of what was applied."""
        ...

    async def pulse(self, at: datetime) -> None:
        """Write down this region's time, to be replicated."""
        ...
