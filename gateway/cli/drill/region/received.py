"""What the rail, both databases and the institution say of each transfer that came, and where they differ; pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from gateway.cli.drill.region.arrivals import AMOUNT_CENTS
from gateway.domain.incoming import IncomingState

ACCEPTING: Final = frozenset({"ACTC", "ACWP"})
_ANSWERS: Final = ACCEPTING | {"RJCT"}
_SETTLED: Final = "ACSC"


@dataclass(frozen=True, slots=True, order=True)
class Transfer:
    """A region's fact of a transfer, with what has become of it there."""

    region: str
    payment_id: str
    state: str
    version: int
    epoch: int

    def __str__(self) -> str:
        """Return what has become of it."""
        return f"{self.state} (version {self.version}, epoch {self.epoch})"


Transfers = Mapping[str, Sequence[Transfer]]
"""By the message's id."""


@dataclass(frozen=True, slots=True)
class RailAnswers:
    """What was answered to the rail, and what that has made of it, by the message's id."""

    answers: Mapping[str, frozenset[str]]
    completed: Mapping[str, str]

    @classmethod
    def read(cls, journal: Iterable[bytes]) -> Self:
        """Return what the lines of a journal say."""
        answers: defaultdict[str, set[str]] = defaultdict(set)
        completed: dict[str, str] = {}
        for line in journal:
            if line.startswith(b'{"fact":"ReceiverAnswered"'):
                fact = json.loads(line)
                answers[fact["message_id"]] |= {fact["status"]} & _ANSWERS
            elif line.startswith(b'{"fact":"ForwardingCompleted"'):
                fact = json.loads(line)
                completed[fact["message_id"]] = fact["status"]
        return cls({message_id: frozenset(said) for message_id, said in answers.items()}, completed)

    def accepted(self, message_ids: Iterable[str]) -> Sequence[str]:
        """Return those of which the rail was told that they are accepted: they were acknowledged."""
        return [each for each in message_ids if self.answers.get(each, frozenset()) & ACCEPTING]


@dataclass(frozen=True, slots=True)
class Received:
    """All of it: `here` are the rows of the first region, `there` those of the second; `credited` is in cents, by id.

    `missed` are those that the rail had been told are accepted, and that were unknown to who took over at that moment.
    """

    rail: RailAnswers
    here: Transfers
    there: Transfers
    credited: Mapping[str, int]
    missed: frozenset[str] = frozenset()

    def doubled(self, message_id: str) -> str | None:
        """Return how it was answered in two ways, or credited more than once; None if it was not."""
        if len(said := self.rail.answers.get(message_id, frozenset())) > 1:
            return f"it was answered {' and '.join(sorted(said))}"
        cents = self._credited(message_id)
        return f"{cents} cents were credited for {AMOUNT_CENTS}" if cents > AMOUNT_CENTS else None

    def diverged(self, message_id: str) -> str | None:
        """Return how the regions differ on it; None if they do not."""
        here, there = (sorted(each.get(message_id, ())) for each in (self.here, self.there))
        if here == there:
            return None
        one, other = (" and ".join(map(str, each)) or "unknown" for each in (here, there))
        return f"it is {one} in one region, {other} in the other"

    def unaccounted(self, message_id: str) -> str | None:
        """Return why it is not what the rail has made of it; None if it is.

        What the rail has settled is posted, once; of what it has not nothing is.
        """
        if message_id in self.missed:
            return "the rail was told that it is accepted, and who took over did not know of it: lost"
        states, cents = {each.state for each in self.here.get(message_id, ())}, self._credited(message_id)
        status = self.rail.completed.get(message_id)
        if status == _SETTLED:
            is_whole = states == {IncomingState.POSTED} and cents == AMOUNT_CENTS
        else:
            is_whole = (
                status is not None and states <= {IncomingState.REJECTED, IncomingState.NOT_SETTLED} and not cents
            )
        if is_whole:
            return None
        return f"the rail says {status}, it is {' and '.join(sorted(states)) or 'unknown'}, {cents} cents are credited"

    def _credited(self, message_id: str) -> int:
        ids = {each.payment_id for each in (*self.here.get(message_id, ()), *self.there.get(message_id, ()))}
        return sum(self.credited.get(payment_id, 0) for payment_id in ids)
