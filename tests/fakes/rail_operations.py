"""The rail's events in memory: obeys the contract of `RailEventStore`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import EVER, Codes, RailEvent, RailEventKind
from gateway.domain.reconciliation import Arrivals, Here
from gateway.service.ports import HeardMessage, MessageClass, RawMessage, UnsentRailMessage
from iso20022 import Amount


@dataclass(slots=True)
class InMemoryRailEvents:
    """Keeps events, and what is to be sent, by event id."""

    kept: dict[UUID, RailEvent] = field(default_factory=dict)
    digests: dict[tuple[Rail, str], bytes] = field(default_factory=dict)
    due: dict[UUID, tuple[datetime, UnsentRailMessage]] = field(default_factory=dict)
    bodies: dict[UUID, bytes] = field(default_factory=dict)
    transfers: dict[str, tuple[str, int, datetime]] = field(default_factory=dict)
    """What has come, by message id: to whom, how much and when."""
    unsettled: set[str] = field(default_factory=set)
    """Which of it has not settled here."""

    async def ask(self, event: RailEvent, message: RawMessage, *, message_class: MessageClass) -> None:
        """Keep it, to be sent."""
        if event.event_id not in self.kept:
            self.kept[event.event_id], self.bodies[event.event_id] = event, message.body
            self.due[event.event_id] = (event.at, UnsentRailMessage(event, message.body, message_class))

    async def hear(self, event: RailEvent, message: RawMessage, *, digest: bytes) -> bytes | None:
        """Keep what a rail said, once."""
        assert event.business_message_id == message.business_message_id
        key = (event.rail, message.business_message_id)
        if key in self.digests:
            return self.digests[key]
        self.kept[event.event_id], self.digests[key] = event, digest
        self.bodies[event.event_id] = message.body
        return None

    async def note(self, event: RailEvent) -> bool:
        """Keep a fact."""
        is_new = event.event_id not in self.kept
        self.kept.setdefault(event.event_id, event)
        return is_new

    async def take_unsent(self, now: datetime, *, again_at: datetime, limit: int) -> Sequence[UnsentRailMessage]:
        """Hand out what is due."""
        asked = [unsent.event for _, unsent in self.due.values() if unsent.event.kind is RailEventKind.ASKED]
        free = {
            event_id
            for event_id, (_, unsent) in self.due.items()
            if not any(
                (each.rail, each.kind, each.subjects) == (unsent.event.rail, unsent.event.kind, unsent.event.subjects)
                and unsent.event.comes_after(each)
                for each in asked
            )
        }
        due = sorted((at, event_id) for event_id, (at, _) in self.due.items() if at <= now and event_id in free)[:limit]
        taken = [self.due[event_id][1] for _, event_id in due]
        self.due |= {unsent.event.event_id: (again_at, unsent) for unsent in taken}
        return sorted(taken, key=lambda unsent: unsent.event.at)

    async def sent(self, event: RailEvent) -> None:
        """Forget that it is to be sent."""
        self.due.pop(event.event_id, None)

    async def asked(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, RailEvent]:
        """What was asked under these ids."""
        return {
            event.business_message_id: event
            for event in self.kept.values()
            if event.rail is rail
            and event.kind in {RailEventKind.ASKED, RailEventKind.REQUESTED}
            and event.business_message_id is not None
            and event.business_message_id in message_ids
        }

    async def with_ids(self, event_ids: Collection[UUID]) -> Mapping[UUID, RailEvent]:
        """Those with these ids."""
        return {event_id: self.kept[event_id] for event_id in event_ids if event_id in self.kept}

    async def events(
        self,
        rail: Rail,
        *,
        codes: Collection[str] | None = None,
        kinds: Collection[RailEventKind] | None = None,
        subjects: Collection[str] | None = None,
        since: datetime = EVER,
        limit: int,
    ) -> Sequence[RailEvent]:
        """The newest first."""
        found = [
            each
            for each in self.kept.values()
            if each.rail is rail
            and each.at >= since
            and (codes is None or each.code in codes)
            and (kinds is None or each.kind in kinds)
            and (subjects is None or not set(each.subjects).isdisjoint(subjects))
        ]
        return sorted(found, key=lambda each: each.at, reverse=True)[:limit]

    async def still_missing(self, rail: Rail, *, message_id: str | None = None, limit: int) -> Sequence[RailEvent]:
        """What nobody has closed, and has not come."""
        of_rail = [
            each
            for each in self.kept.values()
            if each.rail is rail and (message_id is None or each.about == message_id)
        ]
        closed = {each.about for each in of_rail if each.kind is RailEventKind.CLOSED}
        missing = sorted((each for each in of_rail if each.kind is RailEventKind.MISSING), key=lambda each: each.at)
        once = {each.about: each for each in reversed(missing) if each.about not in closed}
        found = [each for each in missing if once.get(each.about) is each and not self._has_come(each)]
        return found[:limit]

    def _has_come(self, missing: RailEvent) -> bool:
        message_id = str(missing.about)
        if message_id not in self.transfers or message_id in self.unsettled:
            return False
        return missing.note in {None, str(Amount(self.transfers[message_id][1]))}

    async def signed_off(self, rail: Rail, codes: Codes, *, since: datetime) -> Mapping[str, datetime]:
        """Of each the latest by its own time."""
        news = [
            each
            for each in self.kept.values()
            if each.rail is rail
            and each.kind is RailEventKind.BROADCAST
            and each.code in {codes.sign_on, codes.sign_off}
            and each.at >= since
        ]
        latest = {
            subject: each
            for each in sorted(news, key=lambda each: (each.happened_at, each.at))
            for subject in each.subjects
        }
        return {subject: each.happened_at for subject, each in latest.items() if each.code == codes.sign_off}

    async def body_of(self, rail: Rail, event_id: UUID) -> bytes | None:
        """Its bytes."""
        known = self.kept.get(event_id)
        return self.bodies.get(event_id) if known is not None and known.rail is rail else None

    async def heard(
        self, rail: Rail, kind: RailEventKind, *, since: datetime, but: Collection[UUID], limit: int
    ) -> Sequence[HeardMessage]:
        """With their bytes, the oldest first."""
        found = [
            each
            for each in self.kept.values()
            if (each.rail, each.kind) == (rail, kind) and each.at >= since and each.event_id not in but
        ]
        ordered = sorted(found, key=lambda each: each.at)[:limit]
        return [HeardMessage(each, self.bodies[each.event_id]) for each in ordered if each.event_id in self.bodies]

    async def arrivals(self, rail: Rail, institution: str, *, since: datetime, until: datetime) -> Arrivals:
        """What came in this time."""
        came = [
            cents
            for message_id, (to, cents, at) in self.transfers.items()
            if to == institution and since <= at < until and message_id not in self.unsettled
        ]
        return Arrivals(len(came), sum(came))

    async def known_here(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, Here]:
        """Which have come, and what became of them."""
        return {
            message_id: Here(cents, message_id not in self.unsettled, at)
            for message_id, (_, cents, at) in self.transfers.items()
            if message_id in message_ids
        }
