"""The archiver: messages that are old enough leave for the archive, and are found there again.

Nothing leaves the database here. An object is written, read back, and held against what the database keeps; only then
is it written down in the index. The rows go much later, with their whole month, by the owner's hand (`fifteen db
partitions`), and only if the index and the objects have every one of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.domain.payment import RegionId
from gateway.service.ports import (
    Archive,
    ArchiveDamagedError,
    ArchivedMessage,
    ArchivedSegment,
    ArchiveStore,
    ArchiveTurn,
    Clock,
    DataKeys,
    ForeignObjectError,
    KeptMessage,
    ObjectMissingError,
    Part,
    RetentionOverError,
    Walk,
)
from gateway.service.segment import read_record, read_segment, segment_name, write_segment

PAUSE_S: Final = 3_600.0
"""Between two looks whether a day has come that is due, or whether a pass that failed can be made up for."""

SEGMENT_BYTES: Final = 16 * 1024 * 1024
"""Bodies of one segment, about: what is held in memory, and in a transaction that waits for the archive."""

SEGMENT_MESSAGES: Final = 5_000


@dataclass(frozen=True, slots=True)
class Passed:
    """What one pass has done: how much went to the archive, and since when the oldest stays that was old enough."""

    segments: int = 0
    messages: int = 0
    left_at: datetime | None = None
    is_turned_away: bool = False
    """Another process of the region was at it."""


@dataclass(slots=True)
class Archiver:
    """Archives one region's messages. Any number may run: the store lets one at a time through."""

    store: ArchiveStore
    archive: Archive
    keys: DataKeys
    region: RegionId
    clock: Clock
    after: timedelta
    segment_bytes: int = SEGMENT_BYTES
    succeeded_at: datetime | None = None
    """When the last pass came to its end; None: none has yet."""
    left_at: datetime | None = None
    """Since when the oldest stays that this pass had to leave."""
    messages: int = 0
    """How many messages this process has archived."""

    async def run(self) -> None:
        """Archive what is due until cancelled: once a day, since a pass walks through all that has not left yet."""
        passed_before: datetime | None = None
        while True:
            before = self._before()
            if before != passed_before and not (await self.archive_due()).is_turned_away:
                passed_before = before
            await self.clock.pause(PAUSE_S)

    async def archive_due(self) -> Passed:
        """Archive all that is due, segment by segment.

        Who is killed in between leaves an object that is not in the index, at the most: the next call, of any process,
        finds it under the number that comes next, and takes it in if it holds what the database keeps.

        Raises:
            ArchiveDamagedError: the archive does not give back what it was given.
            ForeignObjectError: an object is in the way that is not of this database.
            UnavailableError: database or archive do not answer; nothing is lost by that.

        """
        before, passed = self._before(), Passed()
        since: Walk | None = None
        while True:
            step = await self._archive_once(since, before)
            if step is None:
                return replace(passed, is_turned_away=True)
            left_at = _earlier(passed.left_at, step.left_at)
            passed = Passed(passed.segments + (step.messages > 0), passed.messages + step.messages, left_at)
            if step.is_last:
                break
            since = step.since
        self.left_at, self.succeeded_at = passed.left_at, self.clock.now()
        return passed

    def _before(self) -> datetime:
        """Whole days alone are archived, so that a day's messages are not strewn over an object for each pass."""
        day = (self.clock.now() - self.after).astimezone(UTC)
        return day.replace(hour=0, minute=0, second=0, microsecond=0)

    async def _archive_once(self, since: Walk | None, before: datetime) -> _Step | None:
        async with self.store.turn() as turn:
            if turn is None:
                return None
            gathered = await _gather(turn, since, before, self.segment_bytes)
            if not gathered.messages:
                return _Step(0, None, is_last=True, left_at=gathered.left_at)
            number = await turn.next_number()
            name = segment_name(self.region, number)
            written = await asyncio.to_thread(
                write_segment, self.region, number, gathered.messages, self.keys.new_data_key()
            )
            is_ours = await self.archive.put(name, written.content)
            content = await self.archive.read(name)
            header, found, lying = await asyncio.to_thread(
                read_segment, content, self.keys, region=self.region, number=number
            )
            # An object that is there already was left by a process that died before it could write it down.
            kept = gathered.messages if is_ours else await turn.kept(found)
            if list(found) != list(kept):
                if is_ours:
                    raise ArchiveDamagedError(name, "it reads back otherwise than it was written")
                raise ForeignObjectError(f"{name} holds messages that this database does not keep, or has archived")
            segment = ArchivedSegment(
                region=self.region,
                number=number,
                messages=len(found),
                first_at=header.first_at,
                last_at=header.last_at,
                key_id=header.wrapped_key.key_id,
                size=len(content),
                header_size=lying.header_size,
                digest=lying.digest,
                archived_at=self.clock.now(),
            )
            await turn.record(segment, found, lying.records)
        self.messages += len(found)
        if is_ours:
            return _Step(len(found), gathered.to, is_last=gathered.to is None, left_at=gathered.left_at)
        return _Step(len(found), since, is_last=False, left_at=gathered.left_at)


@dataclass(frozen=True, slots=True)
class _Step:
    """One turn: how many messages were archived, and where the next one begins."""

    messages: int
    since: Walk | None
    is_last: bool
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What fits into one segment; `to` is None when the walk has come to its end."""

    messages: Sequence[KeptMessage]
    to: Walk | None
    left_at: datetime | None


async def _gather(turn: ArchiveTurn, since: Walk | None, before: datetime, bytes_max: int) -> _Gathered:
    messages: list[KeptMessage] = []
    left_at: datetime | None = None
    size = 0
    while True:
        walked = await turn.walk(since, before=before, bytes_max=bytes_max - size)
        messages += walked.due
        size += sum(len(message.body) for message in walked.due)
        left_at = _earlier(left_at, walked.left_at)
        since = walked.to
        if since is None or size >= bytes_max or len(messages) >= SEGMENT_MESSAGES:
            return _Gathered(messages, since, left_at)


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((instant for instant in (one, other) if instant is not None), default=None)


def expired_before(now: datetime, years: int) -> datetime:
    """Return before when what the archive has may go: so many years ago."""
    try:
        return now.replace(year=now.year - years)
    except ValueError:  # the 29th of February
        return now.replace(year=now.year - years, day=28)


@dataclass(frozen=True, slots=True)
class Reader:
    """Implements `gateway.service.ports.ArchiveReader`: finds records by the index, and opens them.

    What is older than `years` may be gone.
    """

    archive: Archive
    keys: DataKeys
    clock: Clock
    years: int

    async def bodies(self, messages: Sequence[ArchivedMessage]) -> Sequence[bytes]:
        """Return the bodies; see the port. Each object is read once, and of it what is asked for."""
        by_segment: dict[tuple[str, int], list[ArchivedMessage]] = defaultdict(list)
        for message in messages:
            by_segment[message.region, message.segment].append(message)
        found: dict[tuple[str, int, int], bytes] = {}
        for (region, segment), wanted in by_segment.items():
            parts = [Part(0, wanted[0].header_size), *(message.record for message in wanted)]
            try:
                opening, *records = await self.archive.read_parts(segment_name(region, segment), parts)
            except ObjectMissingError as error:
                if all(message.facts.at < expired_before(self.clock.now(), self.years) for message in wanted):
                    raise RetentionOverError(error.name) from error
                raise
            for message, record in zip(wanted, records, strict=True):
                found[region, segment, message.position] = self._body(opening, record, message)
        return [found[message.region, message.segment, message.position] for message in messages]

    def _body(self, opening: bytes, record: bytes, message: ArchivedMessage) -> bytes:
        name = segment_name(message.region, message.segment)
        try:
            kept = read_record(
                opening,
                record,
                self.keys,
                region=message.region,
                number=message.segment,
                position=message.position,
            )
        except LookupError as error:
            raise ArchiveDamagedError(name, f"its key cannot be opened: {error}") from error
        if kept.facts != message.facts or kept.payment_id != message.payment_id:
            raise ArchiveDamagedError(name, f"record {message.position} is not the message that the index speaks of")
        return kept.body
