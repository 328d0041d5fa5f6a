"""Verifying the archive: every object is read whole, every record opened, and held against the index.

The index in turn is part of the payments' chains (`verify_audit`): a message's digest, in the index, is what its event
was chained with. So an object that fits its index, in a database whose audit fits, holds what came and went.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.payment import RegionId
from gateway.service.ports import (
    Archive,
    ArchiveDamagedError,
    ArchivedMessage,
    ArchivedSegment,
    ArchiveIndex,
    DataKeys,
    KeptMessage,
    ObjectMissingError,
)
from gateway.service.segment import WrittenSegment, read_segment, segment_name
from gateway.service.verify_audit import Violation, ViolationKind


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was verified of one object: how many messages, and what does not fit."""

    name: str
    messages: int
    violations: Sequence[Violation]
    is_expired: bool = False
    """It is gone, and was old enough to go."""

    @property
    def is_sound(self) -> bool:
        """Whether it is there, and all of it fits."""
        return not self.violations and not self.is_expired


@dataclass(frozen=True, slots=True)
class ArchiveVerifier:
    """Verifies objects against the index. What ended before `expired_before` may be gone."""

    index: ArchiveIndex
    archive: Archive
    keys: DataKeys
    expired_before: datetime | None = None

    async def verify_region(self, region: RegionId) -> Sequence[Verdict]:
        """Verify all that the index has of a region, and look for objects that it does not have.

        Raises:
            UnavailableError: database or archive do not answer.

        """
        there = [name async for name in self.archive.names(f"{region}/")]  # first: archiving goes on meanwhile
        verdicts, number = [], 0
        async for segment in self.index.segments(region):
            missing = tuple(_gap(region, number, segment.number))
            number = segment.number
            if missing:
                verdicts.append(Verdict(segment_name(region, number), 0, missing))
            verdicts.append(await self.verify_segment(segment))
        # What comes next may be there already: its archiver is about to write it down, or died before it could.
        known = {verdict.name for verdict in verdicts} | {segment_name(region, number + 1)}
        verdicts += [Verdict(name, 0, (_unknown(name),)) for name in there if name not in known]
        return verdicts

    async def verify_segment(self, segment: ArchivedSegment) -> Verdict:
        """Verify one object; raises as `verify_region`."""
        name = segment_name(segment.region, segment.number)
        indexed = await self.index.messages(RegionId(segment.region), segment.number)
        try:
            content = await self.archive.read(name)
            found = await asyncio.to_thread(_read, content, self.keys, segment)
        except ObjectMissingError as error:
            if self.expired_before is not None and segment.last_at < self.expired_before:
                return Verdict(name, 0, (), is_expired=True)
            return Verdict(name, 0, (Violation(ViolationKind.ARCHIVE_OBJECT_MISSING, name, error.what),))
        except ArchiveDamagedError as error:
            return Verdict(name, 0, (Violation(ViolationKind.ARCHIVE_OBJECT_CHANGED, name, error.what),))
        except LookupError as error:
            return Verdict(name, 0, (Violation(ViolationKind.ARCHIVE_KEY_MISSING, name, str(error)),))
        messages, written = found
        return Verdict(name, len(messages), tuple(_differences(segment, indexed, messages, written)))


def _unknown(name: str) -> Violation:
    text = "the index does not speak of it: the end of the index was cut off, or the object was put there"
    return Violation(ViolationKind.ARCHIVE_OBJECT_UNKNOWN, name, text)


def _gap(region: str, before: int, number: int) -> Iterator[Violation]:
    if number != before + 1:
        text = f"the index goes on with {number} after {before}: what it said of those between was deleted"
        yield Violation(ViolationKind.ARCHIVE_OBJECT_MISSING, f"region {region}, object {before + 1}", text)


def _read(content: bytes, keys: DataKeys, segment: ArchivedSegment) -> tuple[Sequence[KeptMessage], WrittenSegment]:
    _, messages, written = read_segment(content, keys, region=segment.region, number=segment.number)
    return messages, written


def _differences(
    segment: ArchivedSegment,
    indexed: Sequence[ArchivedMessage],
    messages: Sequence[KeptMessage],
    written: WrittenSegment,
) -> Iterator[Violation]:
    name = segment_name(segment.region, segment.number)
    if written.digest != segment.digest or len(written.content) != segment.size:
        text = "its bytes are not those that were written down when it was archived: another was put in its place"
        yield Violation(ViolationKind.ARCHIVE_OBJECT_CHANGED, name, text)
    if len(indexed) != len(messages) or segment.messages != len(messages):
        text = f"it holds {len(messages)} messages, the index has {len(indexed)} of {segment.messages}"
        yield Violation(ViolationKind.ARCHIVE_INDEX_DIFFERS, name, text)
        return
    for position, (row, message, record) in enumerate(zip(indexed, messages, written.records, strict=True)):
        told = (row.facts, row.tenant_id, row.payment_id, row.event_sequence, row.position, row.record)
        held = (message.facts, message.tenant_id, message.payment_id, message.event_sequence, position, record)
        if told != held or row.header_size != written.header_size:
            text = f"the index says other things of message {row.facts.message_id} than record {position} holds"
            yield Violation(ViolationKind.ARCHIVE_INDEX_DIFFERS, name, text)
