"""The archive: where raw messages go when the database has kept them long enough, and how they are found again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.domain.audit import MessageFacts
from gateway.domain.payment import PaymentId, RegionId


class ArchiveDamagedError(Exception):
    """What the archive gives back is not what was put there: ``name`` is the object's."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name}: {what}")
        self.name = name
        self.what = what


class ObjectMissingError(ArchiveDamagedError):
    """The archive has no such object."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "the archive has no such object")


class RetentionOverError(ObjectMissingError):
    """The archive has no such object any more, and need not: the years for which it keeps messages are over."""


class ForeignObjectError(Exception):
    """An object is in the way, with messages that this database does not keep (docs/runbooks/archive.md)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of an object: from `start` on, `size` of them."""

    start: int
    size: int


class Archive(Protocol):
    """Objects that are written once and never changed. Names have small letters, digits and ``_ - . /`` alone."""

    async def put(self, name: str, content: bytes) -> bool:
        """Keep an object for good, unless one of that name is there: then nothing is changed, and False is returned.

        Raises:
            UnavailableError: it does not answer; the object may be there, whole, or not at all.

        """
        ...

    async def read(self, name: str) -> bytes:
        """Return an object.

        Raises:
            ObjectMissingError: there is none.
            UnavailableError: it does not answer.

        """
        ...

    async def read_parts(self, name: str, parts: Sequence[Part]) -> Sequence[bytes]:
        """Return parts of an object, in the order asked for; what lies beyond its end is left out. Raises as `read`."""
        ...

    def names(self, prefix: str) -> AsyncIterator[str]:
        """Return the names of the objects that begin so, in their order.

        Raises:
            UnavailableError: it does not answer.

        """
        ...

    async def check(self) -> None:
        """Return if it answers.

        Raises:
            UnavailableError: it does not.

        """
        ...


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A raw message as the database keeps it: ``body`` is ciphertext, and ``facts.digest`` is of that."""

    facts: MessageFacts
    tenant_id: str
    payment_id: UUID
    uetr: str | None
    event_sequence: int | None
    body: bytes


@dataclass(frozen=True, slots=True)
class ArchivedMessage:
    """What the index has of an archived message, and where its record lies."""

    facts: MessageFacts
    region: str
    tenant_id: str
    payment_id: UUID
    event_sequence: int | None
    segment: int
    position: int
    record: Part
    header_size: int


@dataclass(frozen=True, slots=True)
class ArchivedSegment:
    """What the index has of an object: how many messages, of which times, and the digest of all its bytes."""

    region: str
    number: int
    messages: int
    first_at: datetime
    last_at: datetime
    key_id: str
    size: int
    header_size: int
    digest: bytes
    archived_at: datetime


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a walk through the kept messages stands: the time and id of the last that was looked at."""

    at: datetime
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Walked:
    """A stretch of the walk: what of it is to be archived, and where it ended (None: nothing is left).

    ``left_at`` is the time of the oldest that has to stay, because its payment is not final or its bytes are not those
    of its digest.
    """

    due: Sequence[KeptMessage]
    to: Walk | None
    left_at: datetime | None


class ArchiveTurn(Protocol):
    """The right to archive one object, while nobody else of this region does."""

    async def next_number(self) -> int:
        """Return the number of the object that comes next: no two that are indexed have the same."""
        ...

    async def walk(self, since: Walk | None, *, before: datetime, bytes_max: int) -> Walked:
        """Look at the next messages of this region that are older than `before`, in the order of their times.

        About `bytes_max` of what is due are returned at once, and one message at the least.
        """
        ...

    async def kept(self, messages: Sequence[KeptMessage]) -> Sequence[KeptMessage]:
        """Return those of these that the database keeps and has not archived, as it keeps them."""
        ...

    async def record(self, segment: ArchivedSegment, messages: Sequence[KeptMessage], records: Sequence[Part]) -> None:
        """Write down that an object holds these messages, for good; the turn ends with it.

        Raises:
            ForeignObjectError: not all of them are kept, and not archived, any more; nothing was written.
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...


@dataclass(frozen=True, slots=True)
class ArchiveTotals:
    """How much of a region is archived, and until when there are months for what comes (None: none is there)."""

    segments: int
    months_until: datetime | None


class ArchiveStore(Protocol):
    """The index of the archive, in the database of one region. It is only ever added to."""

    def turn(self) -> AbstractAsyncContextManager[ArchiveTurn | None]:
        """Take a turn at archiving; None when another process has it. What was not recorded left nothing behind."""
        ...

    async def totals(self) -> ArchiveTotals:
        """Return how much is archived."""
        ...


class ArchiveIndex(Protocol):
    """The index of every region, as it is read to be verified."""

    async def regions(self) -> Sequence[RegionId]:
        """Return the regions that have archived anything."""
        ...

    def segments(self, region: RegionId) -> AsyncIterator[ArchivedSegment]:
        """Return a region's objects in the order of their numbers."""
        ...

    async def segment(self, region: RegionId, number: int) -> ArchivedSegment:
        """Return one object.

        Raises:
            LookupError: the index has no such.

        """
        ...

    async def messages(self, region: RegionId, number: int) -> Sequence[ArchivedMessage]:
        """Return what an object holds, in the order of the records."""
        ...

    async def of_payments(self, payment_ids: Sequence[PaymentId]) -> Sequence[ArchivedMessage]:
        """Return what is archived of these payments, in the order of payment, time and id."""
        ...


@dataclass(frozen=True, slots=True)
class Month:
    """A partition of a region's messages: those before `until`. ``segments`` hold what is archived of them."""

    region: RegionId
    name: str
    until: datetime
    segments: Sequence[int]


class MonthBusyError(Exception):
    """A month could not be made or dropped now, since others were at work on the region for longer than it may wait."""


class Months(Protocol):
    """The partitions of messages, in the hands of the database's owner."""

    async def create(self, now: datetime) -> Sequence[str]:
        """Make the months from now on that are missing; return their names. A repeat changes nothing.

        Raises:
            MonthBusyError: nothing has changed; try again.
            UnavailableError: the database does not answer.

        """
        ...

    async def past(self, before: datetime) -> Sequence[Month]:
        """Return the months that ended at `before` or earlier, the oldest first. Raises as `create`."""
        ...

    async def drop(self, month: Month, *, verified: Sequence[int]) -> int:
        """Drop a month if every message in it is in one of the objects that were `verified`; return how many are not.

        Nobody can add a message to it while it is looked at.

        Raises:
            MonthBusyError: nothing has changed; try again.
            UnavailableError: the database does not answer; whether it was dropped is unknown, and can be seen.

        """
        ...


class ArchiveReader(Protocol):
    """Gives back the bytes of archived messages."""

    async def bodies(self, messages: Sequence[ArchivedMessage]) -> Sequence[bytes]:
        """Return the bodies as the database kept them (ciphertext), in the order asked for.

        Raises:
            ArchiveDamagedError: an object is missing, or its record is not the one that the index speaks of.
            RetentionOverError: an object is missing, and old enough to be.
            UnavailableError: the archive does not answer.

        """
        ...
