"""What we ask of a rail about ourselves, what it says of itself, and what follows: who is signed on, what is connected.

A rail's news may come out of order and twice: an event's own time decides, never its arrival (FedNow Operating
Procedures v2.1, October 2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from gateway.domain.payment import Rail

EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything that any rail has said."""


class RailAction(StrEnum):
    """What may be asked of a rail."""

    PING = "ping"
    """Whether it is there."""

    SIGN_ON = "sign_on"
    """Have payments forwarded to an institution again; without a subject, to the whole connection party."""

    SIGN_OFF = "sign_off"
    """Have payments to an institution, or to the whole connection party, rejected by the rail."""

    CONNECT = "connect"
    """Have what is for us go to a connection point again."""

    DISCONNECT = "disconnect"
    """Have what is for us, also what waits, go to the other connection points."""


class RailEventKind(StrEnum):
    """What a row says."""

    ASKED = "asked"
    """A message of ours to the rail about ourselves, saved before it leaves."""

    ACKNOWLEDGED = "acknowledged"
    """The rail has done what it was asked."""

    REFUSED = "refused"
    """The rail refuses what it was asked: nothing changed."""

    ABANDONED = "abandoned"
    """It could not be handed over in time; where a try was not answered, the rail may have it all the same."""

    BROADCAST = "broadcast"
    """The rail's news: of a participant's sign-on or sign-off, of the day, of itself."""

    REQUESTED = "requested"
    """What no operator asked for: totals, details, an answered echo, a status that another asks for."""

    REPORTED = "reported"
    """The rail's report."""

    MISSING = "missing"
    """The rail has settled a message to us that never came here: a person must look."""

    CLOSED = "closed"
    """A person has looked at what was missing."""

    DIRECTORY = "directory"
    """The rail's participant file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RailEvent:
    """One fact about us and the rail, or the rail itself.

    ``code`` is the rail's own for the event; ``subjects`` whom it is about (none: the whole connection party), by
    routing number, connection party or connection point; of another institution's question, who asks, and the message
    that it asks about. ``about`` is the id of the message of ours that it answers; of
    an answer of ours to another institution's request, or of our receipt, the id of theirs.
    ``event_time`` is the time that the message gives the event.
    """

    event_id: UUID
    rail: Rail
    kind: RailEventKind
    code: str
    subjects: tuple[str, ...] = ()
    about: str | None = None
    business_message_id: str | None = None
    asked_by: str | None = None
    note: str | None = None
    reason_code: str | None = None
    description: str | None = None
    event_time: datetime | None = None
    at: datetime

    @property
    def happened_at(self) -> datetime:
        """When the event happened, by the message; else when we knew."""
        return self.event_time or self.at

    @property
    def answers_another(self) -> bool:
        """Whether it is a word of ours to another institution that says the same however late it leaves."""
        return self.kind is RailEventKind.REQUESTED and self.about is not None

    def comes_after(self, other: RailEvent) -> bool:
        """Whether it was kept later than another; of two at one moment the ids decide."""
        return (self.at, self.event_id) > (other.at, other.event_id)


class OperationState(StrEnum):
    """Where what was asked stands."""

    ASKED = "asked"
    DONE = "done"
    REFUSED = "refused"
    ABANDONED = "abandoned"


_ENDS: Final = {
    RailEventKind.ACKNOWLEDGED: OperationState.DONE,
    RailEventKind.REFUSED: OperationState.REFUSED,
    RailEventKind.ABANDONED: OperationState.ABANDONED,
}
_ORDER: Final = tuple(_ENDS)
"""In the order in which they count: an acknowledgement wins over the refusal of a second copy."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that was asked of the rail, and how it ended; None while nothing was heard."""

    asked: RailEvent
    end: RailEvent | None

    @property
    def state(self) -> OperationState:
        """Where it stands."""
        return OperationState.ASKED if self.end is None else _ENDS[self.end.kind]


def operations(events: Iterable[RailEvent]) -> Sequence[Operation]:
    """Return what was asked, the newest first, each with its end."""
    known = list(events)
    asked = _Asked(known)
    ends: dict[UUID, RailEvent] = {}
    for event in known:
        about = asked.of(event) if event.kind in _ENDS else None
        if about is not None:
            best = ends.get(about.event_id, event)
            ends[about.event_id] = min(best, event, key=lambda each: _ORDER.index(each.kind))
    return [Operation(each, ends.get(each.event_id)) for each in asked.newest_first]


class _Asked:
    """What was asked, and to which of it an end belongs."""

    def __init__(self, events: Iterable[RailEvent]) -> None:
        asked = [each for each in events if each.kind is RailEventKind.ASKED]
        self.newest_first = sorted(asked, key=lambda each: each.at, reverse=True)
        self._by_id = {each.business_message_id: each for each in asked}

    def of(self, end: RailEvent) -> RailEvent | None:
        """What an end names, or, where an acknowledgement names nothing at all, the last that asked for the same.

        What names something else is about that alone: as the answer to a ping that a payment in doubt has led to.
        """
        if end.about is not None:
            return self._by_id.get(end.about)
        if end.kind is not RailEventKind.ACKNOWLEDGED:
            return None
        same = (each for each in self.newest_first if (each.code, each.subjects) == (end.code, end.subjects))
        return next((each for each in same if each.at <= end.at), None)


@dataclass(frozen=True, slots=True)
class Standing:
    """Who of us is signed on, and which of our connection points are connected, as far as it was heard.

    What was never heard of is not there: on activation a connection party is signed on and an institution signed off
    (Operating Procedures v2.1, section 15.1), but what came later we may not have seen.
    """

    party: bool | None = None
    institutions: Mapping[str, bool] = field(default_factory=dict)
    points: Mapping[str, bool] = field(default_factory=dict)
    signed_at: Mapping[str | None, datetime] = field(default_factory=dict)
    """When each was last signed on or off, by the rail's word; None stands for the whole connection party."""

    def is_signed_on(self, institution: str | None) -> bool | None:
        """Whether an institution by itself is signed on, or the connection party; None where that was never heard."""
        return self.party if institution is None else self.institutions.get(institution)

    def is_reached(self, institution: str) -> bool | None:
        """Whether the rail forwards payments to an institution; None where that was never heard."""
        if self.party is False or self.institutions.get(institution) is False:
            return False
        return self.institutions.get(institution)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The codes under which a rail knows what changes somebody's standing; not every rail has connection points."""

    sign_on: str
    sign_off: str
    connect: str | None = None
    disconnect: str | None = None

    @property
    def changes(self) -> frozenset[str]:
        """All of them."""
        return frozenset(filter(None, (self.sign_on, self.sign_off, self.connect, self.disconnect)))

    def pair_of(self, code: str) -> frozenset[str]:
        """Return a code and the one that undoes it; nothing for one that changes no standing."""
        pairs = (frozenset((self.sign_on, self.sign_off)), frozenset((self.connect, self.disconnect)))
        found = next((pair for pair in pairs if code in pair), frozenset[str | None]())
        return frozenset(filter(None, found))


def standing(events: Iterable[RailEvent], *, party: str, own: Iterable[str], codes: Codes) -> Standing:
    """Return how we stand: of what was acknowledged to us, and broadcast about us, the latest by its own time.

    `own` are our institutions, as far as they are known; those that we asked about are ours too.
    """
    known = list(events)
    ours = _ours(known, own, codes)
    changes = sorted(_changes(known, party, ours, codes), key=lambda change: (change.at, not change.is_on))
    signings = [change for change in changes if change.code in {codes.sign_on, codes.sign_off}]
    signed = {change.subject: change.is_on for change in signings}
    return Standing(
        party=signed.get(None),
        institutions={subject: is_on for subject, is_on in signed.items() if subject is not None and subject in ours},
        points={
            change.subject: change.is_on
            for change in changes
            if change.code in {codes.connect, codes.disconnect} and change.subject is not None
        },
        signed_at={change.subject: change.at for change in signings},
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """Somebody's change; ``subject`` is None for the whole connection party."""

    subject: str | None
    code: str
    is_on: bool
    at: datetime


def _ours(events: Iterable[RailEvent], own: Iterable[str], codes: Codes) -> frozenset[str]:
    asked_about = (
        subject
        for event in events
        if event.kind is RailEventKind.ASKED and event.code in {codes.sign_on, codes.sign_off}
        for subject in event.subjects
    )
    return frozenset((*own, *asked_about))


def _changes(events: Iterable[RailEvent], party: str, ours: frozenset[str], codes: Codes) -> Iterable[_Change]:
    known = list(events)
    asked = _Asked(known)
    for event in known:
        if event.code not in codes.changes:
            continue
        said = event
        if event.kind is RailEventKind.ACKNOWLEDGED:
            said = asked.of(event) or event  # the acknowledgement's own time is when it was written
        elif event.kind is not RailEventKind.BROADCAST:
            continue
        is_on = event.code in {codes.sign_on, codes.connect}
        for subject in said.subjects or (None,):
            # A connection party may have the number of an institution. What is broadcast to us is about institutions:
            # a connection party's own sign-off is told to all others (Operating Procedures v2.1, section 15.1).
            is_party = subject == party and subject not in ours
            yield _Change(None if is_party else subject, event.code, is_on, said.happened_at)


def spans_off(
    events: Iterable[RailEvent], *, institution: str, party: str, codes: Codes, until: datetime
) -> Sequence[tuple[datetime, datetime]]:
    """Return the spans in which an institution, or its connection party, was signed off by itself."""
    known = list(events)
    ours = _ours(known, (institution,), codes)
    changes = sorted(_changes(known, party, ours, codes), key=lambda each: each.at)
    spans: list[tuple[datetime, datetime]] = []
    for subject in (institution, None):
        off_since: datetime | None = None
        for change in (each for each in changes if each.subject == subject):
            if change.code == codes.sign_off and off_since is None:
                off_since = change.at
            elif change.code == codes.sign_on and off_since is not None:
                spans.append((off_since, change.at))
                off_since = None
        if off_since is not None:
            spans.append((off_since, until))
    return spans
