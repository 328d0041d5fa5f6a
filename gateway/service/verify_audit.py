"""Verifying the audit trail: every digest is computed anew, and whatever does not fit is named with its place.

A payment is judged by itself, and so is a seal with the events under it: verifying a part is the same as verifying all
of it, and looking at that part.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from gateway.domain.audit import UNCHAINED, MessageFacts, Seal, chained, sealed_entry
from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, AuditedEvent, AuditedPayment, AuditReader, SealedEntry, Span

VIOLATIONS_MAX: Final = 10_000
"""So many violations are kept; all are counted."""


class ViolationKind(StrEnum):
    """What does not fit. The value is what ``--json`` prints: never rename one."""

    EVENT_CHANGED = "event_changed"
    """The event's digest does not follow from what it says and from what it follows."""

    EVENT_MISSING = "event_missing"
    """The numbers of a payment's events have a gap."""

    EVENT_UNCHAINED = "event_unchained"
    """An event without a digest in a payment that is chained: it was not written by the gateway as it is."""

    EVENT_UNSEALABLE = "event_unsealable"
    """A chained event without the transaction that wrote it: no seal covers it, now or ever."""

    PAYMENT_MISSING = "payment_missing"
    """There are events of a payment, and no payment."""

    PAYMENT_WITHOUT_EVENTS = "payment_without_events"
    """There is a payment, a message or a state, and no event that made it."""

    MESSAGE_CHANGED = "message_changed"
    """The bytes of a raw message are not those that its digest was made of."""

    MESSAGE_UNCHAINED = "message_unchained"
    """A raw message that no event was saved with: it was put there by hand."""

    STATE_DIFFERS = "state_differs"
    """The projection does not say what the last event says."""

    SEAL_CHANGED = "seal_changed"
    """A seal's digest does not follow from what it says, or it does not follow the seal before."""

    SEAL_MISSING = "seal_missing"
    """The numbers or the spans of a region's seals have a gap."""

    SEALED_EVENTS_DIFFER = "sealed_events_differ"
    """The events of a sealed span are not those that were sealed: changed, deleted, inserted or in another order."""

    HISTORY_CUT = "history_cut"
    """A seal was written down outside the database, and is not in it any more."""

    HISTORY_REWRITTEN = "history_rewritten"
    """A seal is not the one that was written down outside the database under its number."""

    ANCHOR_UNREADABLE = "anchor_unreadable"
    """What was written down outside the database cannot be read."""

    ARCHIVE_OBJECT_MISSING = "archive_object_missing"
    """The index speaks of an object, or its numbers of one between others, and there is none."""

    ARCHIVE_OBJECT_CHANGED = "archive_object_changed"
    """An object of the archive is not the one that was put there: edited, cut off, or another's."""

    ARCHIVE_OBJECT_UNKNOWN = "archive_object_unknown"
    """The archive has an object that the index does not speak of: the index was cut off, or it was put there."""

    ARCHIVE_INDEX_DIFFERS = "archive_index_differs"
    """The index says of an object other things than are in it."""

    ARCHIVE_KEY_MISSING = "archive_key_missing"
    """The key that an object's own is wrapped under is not in the key file: nothing in it can be verified, or read."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not fit: where, and what it means."""

    kind: ViolationKind
    place: str
    text: str


@dataclass(slots=True)
class RegionTrail:
    """What was found of one region: how much is sealed, how much is not, and how far it is anchored."""

    seals: int = 0
    sealed_events: int = 0
    unsealed_events: int = 0
    unsealed_oldest_at: datetime | None = None
    anchored_seals: int = 0
    """The number of the newest seal that is written down outside."""


@dataclass(slots=True)
class Trail:
    """The result: what was verified, what is stated, and what does not fit."""

    payments: int = 0
    events: int = 0
    unchained_events: int = 0
    """Written before there were chains: no digest follows the one before; covered by a seal as they were then."""
    messages: int = 0
    archived_messages: int = 0
    """Those of which the database has the digest alone."""
    archive_segments: int | None = None
    """Objects of the archive that were verified with all that is in them; None: the archive was not looked at."""
    regions: dict[str, RegionTrail] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    violations_count: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether everything fits."""
        return self.violations_count == 0

    def add(self, other: Trail) -> None:
        """Take in what was found of other payments."""
        self.payments += other.payments
        self.events += other.events
        self.unchained_events += other.unchained_events
        self.messages += other.messages
        self.archived_messages += other.archived_messages
        self.report(other.violations)
        self.violations_count += other.violations_count - len(other.violations)

    def report(self, found: Iterable[Violation]) -> None:
        """Keep what was found, up to the limit, and count all of it."""
        for violation in found:
            self.violations_count += 1
            if len(self.violations) < VIOLATIONS_MAX:
                self.violations.append(violation)


async def verify(
    reader: AuditReader,
    anchors: Sequence[Anchor],
    *,
    local: RegionId,
    progress: Callable[[int], None] = lambda _: None,
) -> Trail:
    """Verify everything; `progress` is told how many more events have been gone through: twice for each.

    `local` is the region whose projection the database holds: its payments must have one.
    """
    trail = Trail()
    await verify_payments(reader, trail, local=local, progress=progress)
    await verify_regions(reader, anchors, trail, progress=progress)
    return trail


async def verify_payments(
    reader: AuditReader,
    trail: Trail,
    *,
    local: RegionId,
    between: Span | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Verify the payments, or those of a span alone: each is judged by itself."""
    async for payments in reader.payments(between):
        before = trail.events
        for payment in payments:
            verify_payment(payment, trail, local=local)
        progress(trail.events - before)


async def verify_regions(
    reader: AuditReader, anchors: Sequence[Anchor], trail: Trail, *, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Verify the seals of every region, and what they cover."""
    for region in sorted({*await reader.regions(), *(RegionId(anchor.region) for anchor in anchors)}):
        await verify_seals(reader, region, anchors, trail, progress=progress)


# --- One payment ------------------------------------------------------------------------------------------------


def verify_payment(payment: AuditedPayment, trail: Trail, *, local: RegionId) -> None:
    """Verify all that there is under one payment id: facts, events, messages, projection."""
    trail.payments += 1
    trail.events += len(payment.events)
    trail.messages += len(payment.messages)
    trail.archived_messages += sum(message.is_archived for message in payment.messages)
    trail.unchained_events += sum(event.digest is None for event in payment.events)
    place = f"payment {payment.payment_id}"
    if not payment.events:
        text = "no event made it: its history was deleted, or it was put there by hand"
        trail.report([Violation(ViolationKind.PAYMENT_WITHOUT_EVENTS, place, text)])
        return
    trail.report(_faults_of_events(payment, place))
    trail.report(_faults_of_messages(payment, place))
    trail.report(_faults_of_state(payment, place, local=local))


_CHANGED: Final = "it, one of its messages or the event before it was changed, deleted, inserted or put elsewhere"
_CHANGED_FIRST: Final = "it, its message or the payment (amount, institutions, references, times) was changed"


def _faults_of_events(payment: AuditedPayment, place: str) -> Iterator[Violation]:
    origins = {facts.region: facts for facts in payment.facts}
    messages = _messages_by_event(payment)
    heads: dict[int, dict[str, bytes | None]] = {}  # by sequence and region; a higher epoch comes later, and stands
    for event in payment.events:
        sequence, region = event.facts.sequence, event.facts.region
        at = f"{place}, event {sequence}"
        before = heads.get(sequence - 1)
        head = None if before is None else before[region] if region in before else [*before.values()][-1]
        heads.setdefault(sequence, {})[region] = event.digest or head
        possible: Sequence[bytes] = (head or UNCHAINED,)
        if sequence == 1:
            origin = origins.pop(region, None)
            if origin is None or origin.tenant_id != event.facts.tenant_id:
                yield Violation(ViolationKind.PAYMENT_MISSING, place, "its history is there, and the payment is not")
                continue
            head, possible = (None, origin.digests())
        elif before is None:
            yield Violation(ViolationKind.EVENT_MISSING, at, "the event before it is gone, or its number was changed")
            continue
        if event.digest is not None and not event.has_transaction:
            text = "it names no transaction that wrote it: no seal covers it, now or ever"
            yield Violation(ViolationKind.EVENT_UNSEALABLE, at, text)
        if event.digest is None:
            if head is not None:
                yield Violation(ViolationKind.EVENT_UNCHAINED, at, "put there by hand, or by a former release")
        elif not _follows(event, possible, messages.get((region, sequence), ())):
            yield Violation(ViolationKind.EVENT_CHANGED, at, _CHANGED_FIRST if sequence == 1 else _CHANGED)
    for region in origins:
        text = f"region {region} has the payment, and no event that made it"
        yield Violation(ViolationKind.PAYMENT_WITHOUT_EVENTS, place, text)


def _follows(event: AuditedEvent, possible: Sequence[bytes], messages: Sequence[MessageFacts]) -> bool:
    """Whether the event follows one of these."""
    facts = event.facts.digest(messages)
    return any(event.digest == chained(head, epoch=event.epoch, facts=facts) for head in possible)


def _messages_by_event(payment: AuditedPayment) -> Mapping[tuple[str, int], Sequence[MessageFacts]]:
    found: defaultdict[tuple[str, int], list[MessageFacts]] = defaultdict(list)
    for message in payment.messages:
        if message.event_sequence is not None:
            found[message.region, message.event_sequence].append(message.facts)
    return found


def _faults_of_messages(payment: AuditedPayment, place: str) -> Iterator[Violation]:
    events = {(event.facts.region, event.facts.sequence): event.facts for event in payment.events}
    is_chained_whole = payment.events[0].digest is not None
    for message in payment.messages:
        at = f"{place}, message {message.facts.message_id}"
        if not message.is_intact:
            yield Violation(ViolationKind.MESSAGE_CHANGED, at, "its body was changed, or its digest")
        if message.event_sequence is None:
            if is_chained_whole:
                yield Violation(ViolationKind.MESSAGE_UNCHAINED, at, "no event was saved with it: put there by hand")
            continue
        event = events.get((message.region, message.event_sequence))
        if event is None or event.tenant_id != message.tenant_id:
            yield Violation(ViolationKind.MESSAGE_UNCHAINED, at, "the event that it names is not there, or another's")


def _faults_of_state(payment: AuditedPayment, place: str, *, local: RegionId) -> Iterator[Violation]:
    if not payment.is_folded:
        return  # what has come from the other region stands in its events, and not in the state yet
    last, state = payment.events[-1], payment.state
    newest = [  # more than one where two regions have accepted the same payment
        event for event in payment.events if (event.epoch, event.facts.sequence) == (last.epoch, last.facts.sequence)
    ]
    if state is None:
        if any(event.facts.region == local for event in newest):
            yield Violation(ViolationKind.STATE_DIFFERS, place, "it has a history, and no state")
        return
    chained_last = next((event.digest for event in reversed(payment.events) if event.digest is not None), None)
    shown = (state.state, state.version, state.epoch, state.updated_at, state.event_digest)
    told = [
        (each.facts.state_after, each.facts.sequence, each.epoch, each.facts.at, each.digest or chained_last)
        for each in newest
    ]
    if shown not in told:
        text = (
            f"the state is {state.state} after {state.version} events, the history says {last.facts.state_after} after "
            f"{last.facts.sequence}: the state was changed, or the end of the history was cut off"
        )
        yield Violation(ViolationKind.STATE_DIFFERS, place, text)


# --- The seals of one region ------------------------------------------------------------------------------------


async def verify_seals(
    reader: AuditReader,
    region: RegionId,
    anchors: Iterable[Anchor],
    trail: Trail,
    *,
    progress: Callable[[int], None] = lambda _: None,
    after: tuple[Seal, bytes] | None = None,
    until: int | None = None,
) -> None:
    """Verify a region's seals with the events under them, and hold them against what is written down outside.

    All of them, and what is not sealed yet; or those after one that was verified, up to number `until`.
    """
    found = trail.regions.setdefault(region, RegionTrail())
    written = _written_down(anchors, region, first=1 if after is None else after[0].number + 1, last=until)
    found.anchored_seals = max(written, default=0)
    head = _Head() if after is None else _Head(after[0].number, after[1], after[0].transactions_before)
    entries = _Entries(reader.entries(region, since=head.transactions_before), progress)
    async for seal, digest in _each(reader.seals(region, after=head.number), until=until):
        under = await entries.below(seal.transactions_before, with_conversations=seal.covers_conversations)
        place = f"region {region}, seal {seal.number}"
        trail.report(_faults_of_seal(seal, digest, head, under, place))
        trail.report(_faults_against_anchors(digest, written.pop(seal.number, ()), place))
        head = _Head(seal.number, digest, seal.transactions_before)
        found.seals += 1
        found.sealed_events += under.events
    for number in sorted(written):
        text = "it was written down outside the database, and is gone: the end of the history was cut off"
        trail.report([Violation(ViolationKind.HISTORY_CUT, f"region {region}, seal {number}", text)])
    if until is None:
        found.unsealed_events, found.unsealed_oldest_at = await entries.rest()


@dataclass(frozen=True, slots=True)
class _Head:
    """What the next seal follows."""

    number: int = 0
    digest: bytes = UNCHAINED
    transactions_before: int = 0


@dataclass(frozen=True, slots=True)
class _Under:
    """The events of a span, as they are."""

    digest: bytes
    events: int


class _Entries:
    """Takes the events of one span after the other from a stream."""

    def __init__(self, parts: AsyncIterator[Sequence[SealedEntry]], progress: Callable[[int], None]) -> None:
        self._parts = parts
        self._progress = progress
        self._part: Sequence[SealedEntry] = ()

    async def below(self, before: int, *, with_conversations: bool) -> _Under:
        """Take what lies below this SQL transaction; of conversations only where they count."""
        digest, events = sha256(), 0
        while self._part or await self._next_part():
            count = bisect_left(self._part, before, key=_transaction)
            taken, self._part = self._part[:count], self._part[count:]
            under = [entry for entry in taken if with_conversations or not entry.is_of_conversation]
            digest.update(b"".join([sealed_entry(entry.sql_transaction, entry.digest) for entry in under]))
            events += len(under)
            if self._part:
                break
        return _Under(digest.digest(), events)

    async def rest(self) -> tuple[int, datetime | None]:
        """Take all that is left: how many events, and the time of the oldest."""
        events, oldest_at = 0, None
        while self._part or await self._next_part():
            oldest = min(entry.at for entry in self._part)
            events, oldest_at = events + len(self._part), oldest if oldest_at is None else min(oldest, oldest_at)
            self._part = ()
        return events, oldest_at

    async def _next_part(self) -> bool:
        try:
            self._part = await anext(self._parts)
        except StopAsyncIteration:
            return False
        self._progress(len(self._part))
        return True


def _transaction(entry: SealedEntry) -> int:
    return entry.sql_transaction


async def _each(
    parts: AsyncIterator[Sequence[tuple[Seal, bytes]]], *, until: int | None
) -> AsyncIterator[tuple[Seal, bytes]]:
    async for part in parts:
        for seal, digest in part:
            if until is not None and seal.number > until:
                return
            yield seal, digest


def _written_down(
    anchors: Iterable[Anchor], region: RegionId, *, first: int, last: int | None
) -> dict[int, set[bytes]]:
    found: dict[int, set[bytes]] = {}
    for anchor in anchors:
        if anchor.region == region and first <= anchor.number and (last is None or anchor.number <= last):
            found.setdefault(anchor.number, set()).add(anchor.digest)
    return found


def _faults_of_seal(seal: Seal, digest: bytes, head: _Head, under: _Under, place: str) -> Iterator[Violation]:
    if seal.number != head.number + 1 or seal.transactions_from != head.transactions_before:
        yield Violation(ViolationKind.SEAL_MISSING, place, f"it does not go on where seal {head.number} ends")
    if seal.previous != head.digest or seal.digest() != digest:
        text = "it was changed, or put in the place of another: it does not follow from what it says"
        yield Violation(ViolationKind.SEAL_CHANGED, place, text)
    if (under.events, under.digest) != (seal.events, seal.entries):
        text = (
            f"{seal.events} events were sealed (transactions {seal.transactions_from} to {seal.transactions_before}, "
            f"before {seal.at.isoformat()}), {under.events} are there: changed, deleted, inserted or reordered"
        )
        yield Violation(ViolationKind.SEALED_EVENTS_DIFFER, place, text)


def _faults_against_anchors(digest: bytes, written: Iterable[bytes], place: str) -> Iterator[Violation]:
    if any(each != digest for each in written):
        text = "it is not the seal that was written down outside the database: history was rewritten"
        yield Violation(ViolationKind.HISTORY_REWRITTEN, place, text)
