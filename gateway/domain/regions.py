"""Regions, the slots that they own, and the arithmetic of their leases: pure (docs/regions.md, ADR 21)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Self

from gateway.domain.identity import SLOTS
from gateway.domain.payment import RegionId

FIRST_EPOCH: Final = 1
"""The epoch of a slot that has never changed hands; every change raises it by one."""

DRIFT_MAX: Final = 0.01
"""How much faster or slower than true time a region's monotonic clock may run. Quartz drifts by 0.0001; a clock that
is being slewed to a time server, by 0.0005: ours is twenty times that."""

LEASE_MARGIN_S: Final = 0.5
"""Taken off by who holds a lease, and waited for by who takes over: for what the drift does not cover."""

ALONE_S: Final = 3.0
"""For so long a region goes on alone after it has read at the witness that the other is fenced off."""

SURELY_NOT_ALONE_S: Final = ALONE_S * (1 + 2 * DRIFT_MAX) + LEASE_MARGIN_S
"""After so long, by another region's clock, nobody goes on alone who had read that before."""


@dataclass(frozen=True, slots=True)
class SlotOwner:
    """The region that may claim a slot's keys, and under which epoch.

    `released_by` is who has it until then, in a planned hand-over: the new owner waits for its word. `ask_after` is set
    where the slot was taken over: what its old owner has sent last may not be known, and the rail is asked about it,
    and about every payment that is accepted from then on before it is sent; not before that instant.
    """

    region: RegionId
    epoch: int
    released_by: RegionId | None = None
    ask_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class SlotMap:
    """Who owns each of the 256 slots."""

    owners: tuple[SlotOwner, ...]

    def __post_init__(self) -> None:
        assert len(self.owners) == SLOTS, "a map has every slot"

    @classmethod
    def first(cls, regions: Sequence[RegionId]) -> Self:
        """Return the map that regions begin with: each its share, in the order in which they are named."""
        return cls(tuple(SlotOwner(regions[slot * len(regions) // SLOTS], FIRST_EPOCH) for slot in range(SLOTS)))

    @property
    def epochs(self) -> Sequence[tuple[RegionId, int]]:
        """Each slot's owner and epoch: what two copies of the map agree or differ on."""
        return [(owner.region, owner.epoch) for owner in self.owners]

    def contradicts(self, other: Self) -> frozenset[int]:
        """Return the slots that the other map gives to another region under the same epoch: one of the two is wrong."""
        pairs = enumerate(zip(self.owners, other.owners, strict=True))
        return frozenset(slot for slot, (one, two) in pairs if one.epoch == two.epoch and one.region != two.region)

    def is_ahead_of(self, other: Self) -> bool:
        """Whether a slot has a higher epoch here than in the other map."""
        return any(one.epoch > two.epoch for one, two in zip(self.owners, other.owners, strict=True))

    def slots_of(self, region: RegionId) -> frozenset[int]:
        """Return the slots that a region owns."""
        return frozenset(slot for slot, owner in enumerate(self.owners) if owner.region == region)

    def released_by(self, region: RegionId) -> frozenset[int]:
        """Return the slots whose new owner waits for a region's word, whether or not that one ever knew it had them."""
        return frozenset(slot for slot, owner in enumerate(self.owners) if owner.released_by == region)

    def names(self, region: RegionId) -> bool:
        """Whether a region owns a slot, or has yet to hand one over."""
        return any(region in {owner.region, owner.released_by} for owner in self.owners)

    def moved(self, slots: Collection[int], *, to: RegionId) -> Self:
        """Return the map after these slots went to a region: each under the epoch after its present one."""
        return self._with({slot: SlotOwner(to, self.owners[slot].epoch + 1) for slot in slots}, to)

    def handed_over(self, slots: Collection[int], *, to: RegionId) -> Self:
        """Return the map after a planned hand-over: the new owner begins with the old one's word that it has ended."""
        owners = {slot: self.owners[slot] for slot in slots}
        return self._with({slot: SlotOwner(to, old.epoch + 1, old.region) for slot, old in owners.items()}, to)

    def taken_over(self, lost: RegionId, *, by: RegionId, ask_after: datetime) -> Self:
        """Return the map after a region, which acts no more, has lost all that it had, or had yet to hand over."""
        return type(self)(
            tuple(
                SlotOwner(by, owner.epoch + 1, None, ask_after) if lost in {owner.region, owner.released_by} else owner
                for owner in self.owners
            )
        )

    def _with(self, changed: Mapping[int, SlotOwner], to: RegionId) -> Self:
        owners = enumerate(self.owners)
        return type(self)(tuple(owner if owner.region == to else changed.get(slot, owner) for slot, owner in owners))

    def as_text(self) -> str:
        """Return the map as the witness keeps it: runs of slots with one owner and epoch."""
        runs = []
        for owner, group in groupby(range(SLOTS), key=self.owners.__getitem__):
            slots = list(group)
            run = {"first": slots[0], "last": slots[-1], "region": owner.region, "epoch": owner.epoch}
            if owner.released_by is not None:
                run["released_by"] = owner.released_by
            if owner.ask_after is not None:
                run["ask_after"] = owner.ask_after.isoformat()
            runs.append(run)
        return json.dumps({"slots": runs}, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the map that `as_text` wrote.

        Raises:
            ValueError: it is none, or a slot is missing or named twice.

        """
        owners: dict[int, SlotOwner] = {}
        count = 0
        for run in _members(text, "slots"):
            owner = _owner_from(run)
            for slot in range(int(run["first"]), int(run["last"]) + 1):
                owners[slot] = owner
                count += 1
        if count != SLOTS or set(owners) != set(range(SLOTS)):
            raise ValueError(f"a slot map names each of {SLOTS} slots once: {text[:200]}")
        return cls(tuple(owners[slot] for slot in range(SLOTS)))


def _owner_from(run: Mapping[str, Any]) -> SlotOwner:
    released_by, ask_after = run.get("released_by"), run.get("ask_after")
    return SlotOwner(
        RegionId(str(run["region"])),
        int(run["epoch"]),
        None if released_by is None else RegionId(released_by),
        None if ask_after is None else datetime.fromisoformat(ask_after),
    )


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """A region's lease as the witness keeps it.

    `length_s` is part of the record, so that who holds it and who waits for its end reckon with the same length,
    whatever their settings say. `term` counts the times that the region was let in. A lease with `fenced_by` is not
    renewed: the region serves nothing until it is let in again. One that `returns` is fenced off still, and is about
    to be let in: the other goes on alone no more. One that is `to_be_taken` was fenced off because it fell silent:
    any process of `fenced_by` that watches it takes its slots over.
    """

    region: RegionId
    term: int
    length_s: float
    fenced_by: RegionId | None = None
    returns: bool = False
    to_be_taken: bool = False

    def as_text(self) -> str:
        """Return the record's text."""
        members = {"region": self.region, "term": self.term, "length_s": self.length_s, "fenced_by": self.fenced_by}
        marks = {"returns": self.returns, "to_be_taken": self.to_be_taken}
        return json.dumps(members | {name: True for name, is_set in marks.items() if is_set}, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what `as_text` wrote.

        Raises:
            ValueError: it is no lease.

        """
        try:
            found: Mapping[str, Any] = json.loads(text)
            fenced_by = found["fenced_by"]
            return cls(
                RegionId(found["region"]),
                int(found["term"]),
                float(found["length_s"]),
                None if fenced_by is None else RegionId(fenced_by),
                found.get("returns") is True,
                found.get("to_be_taken") is True,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no lease: {text[:200]}") from error

    @property
    def is_out(self) -> bool:
        """Whether the region is fenced off, and not about to be let in again."""
        return self.fenced_by is not None and not self.returns

    @property
    def holds_s(self) -> float:
        """For how long after it began to renew, by its own clock, a holder may act."""
        return self.length_s * (1 - DRIFT_MAX) - LEASE_MARGIN_S

    @property
    def surely_over_s(self) -> float:
        """After how long, by the clock of who has seen no renewal in that time, the lease has surely run out."""
        return self.length_s * (1 + DRIFT_MAX) + LEASE_MARGIN_S


def _members(text: str, name: str) -> Sequence[Mapping[str, Any]]:
    try:
        members: Sequence[Mapping[str, Any]] = json.loads(text)[name]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no {name} in {text[:200]}") from error
    return members
