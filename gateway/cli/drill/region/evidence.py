"""What clients, both databases and the rail say of each key, and where they do not agree; pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from gateway.cli.drill.recount import MOVED, NOT_MOVED

_SETTLED: Final = frozenset({"ACSC", "ACWP"})


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """A claim of a key in one region's rows, with its payment's ids and what has become of it."""

    region: str
    claimed_under: int
    claimed_at: datetime
    payment_id: str
    message_id: str
    state: str
    version: int
    epoch: int

    def __str__(self) -> str:
        """Return what has become of it."""
        return f"{self.state} (version {self.version}, epoch {self.epoch})"


Claims = Mapping[str, Sequence[Claim]]
"""By key."""


@dataclass(frozen=True, slots=True)
class RailRecord:
    """How many copies of each message the rail has booked, and how many of them moved money."""

    copies: Counter[str]
    settled: Counter[str]

    @classmethod
    def read(cls, journal: Iterable[bytes]) -> Self:
        """Return what the lines of a journal say."""
        booked: dict[int, Mapping[str, Any]] = {}
        copies: Counter[str] = Counter()
        settled: Counter[str] = Counter()
        for line in journal:
            if line.startswith(b'{"fact":"PaymentBooked"'):
                fact = json.loads(line)
                booked[fact["copy"]] = fact
                copies[fact["message_id"]] += 1
            elif line.startswith(b'{"fact":"PaymentCompleted"'):
                fact = booked[json.loads(line)["copy"]]
                settled[fact["message_id"]] += fact["status"] in _SETTLED
        return cls(copies, settled)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it: `told` are the payments that clients were told of, `moved_at` is when the other region had the slots.

    `here` are the rows of the first region, `there` those of the second.
    """

    told: Mapping[str, frozenset[str]]
    here: Claims
    there: Claims
    rail: RailRecord
    moved_at: datetime | None = None
    missed: frozenset[str] = frozenset()
    """Keys that were acknowledged as being in both regions, and were unknown to who took over at that moment."""

    @property
    def keys(self) -> Sequence[str]:
        """Every key that anybody knows."""
        return sorted(self.here.keys() | self.there.keys() | self.told.keys())

    def doubled(self, key: str) -> str | None:
        """Return how a key has more than one payment: told, claimed, or at the rail; None if it has not.

        Two claims are as they should be where the first was made by the key's owner, and was lost with it, and the
        second by who took over: they are of one payment, about which the rail is asked.
        """
        if len(told := self.told.get(key, frozenset())) > 1:
            return f"clients were told of payments {', '.join(sorted(told))}"
        claims = {*self.here.get(key, ()), *self.there.get(key, ())}
        if len({claim.region for claim in claims}) > 1:
            first, last = (extreme(claims, key=lambda claim: claim.claimed_under) for extreme in (min, max))
            is_lost = first.claimed_under < last.claimed_under and self.moved_at is not None
            if not is_lost or (self.moved_at is not None and first.claimed_at > self.moved_at):
                return f"it was claimed twice, under epoch {first.claimed_under} at {first.claimed_at:%H:%M:%S.%f}"
        copies = sum(self.rail.copies[message_id] for message_id in {claim.message_id for claim in claims})
        return f"{copies} copies came to the rail" if copies > 1 else None

    def diverged(self, key: str) -> str | None:
        """Return how the regions differ on a key; None if they do not."""
        here, there = (sorted(claims.get(key, ())) for claims in (self.here, self.there))
        if here == there:
            return None
        one, other = (" and ".join(map(str, claims)) or "unknown" for claims in (here, there))
        return f"it is {one} in one region, {other} in the other"

    def unaccounted(self, key: str) -> str | None:
        """Return why what a client was told of is not there, or not what the rail made of it; None if it is."""
        told, claims = self.told[key], self.here.get(key, ())
        if {claim.payment_id for claim in claims} != told:
            return f"acknowledged as {', '.join(sorted(told))}, and lost"
        if key in self.missed:
            return "acknowledged as being in both regions, and unknown to who took over"
        state = claims[0].state
        settled = sum(self.rail.settled[message_id] for message_id in {claim.message_id for claim in claims})
        if (state in MOVED and settled == 1) or (state in NOT_MOVED and settled == 0):
            return None
        return f"it is {state}, and the rail settled {settled} copies"
