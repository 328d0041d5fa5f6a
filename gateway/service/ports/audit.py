"""The audit trail: sealing it, anchoring its heads outside the database, and reading it to be verified."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias
from uuid import UUID

from gateway.domain.audit import ConversationFacts, EventFacts, IncomingTransferFacts, MessageFacts, PaymentFacts, Seal
from gateway.domain.payment import RegionId


class HistoryBeganAnewError(Exception):
    """The database counts its transactions from lower numbers than it has sealed: it was restored from a dump."""


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The window that no seal covers yet: what could still be rewritten by who owns the database, and unseen.

    ``events`` is counted up to a limit; ``seals`` is the number of the newest seal, 0 when there is none.
    """

    events: int
    oldest_at: datetime | None
    seals: int


class AuditStore(Protocol):
    """The history of the region that this process writes as. Seals are only ever added."""

    async def seal(self, *, at: datetime, events_max: int) -> Seal | None:
        """Seal the oldest events that are not sealed yet, and that no running transaction can still come before.

        About `events_max` at a time: a transaction is never divided. None when there is nothing to seal, or when
        another process is at it. A repeat is safe, and so is any number of processes.

        Raises:
            HistoryBeganAnewError: nothing can be sealed (docs/runbooks/audit.md).
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def seals_after(self, number: int, *, limit: int) -> Sequence[Seal]:
        """Return the seals that follow the one of this number, oldest first."""
        ...

    async def unsealed(self) -> Unsealed:
        """Return what is not sealed yet."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is kept of a seal outside the database. Two of one region and number that differ are a rewritten history."""

    region: str
    number: int
    digest: bytes
    events: int
    at: datetime

    @classmethod
    def of(cls, seal: Seal) -> Anchor:
        """Return the anchor of a seal."""
        return cls(seal.region, seal.number, seal.digest(), seal.events, seal.at)


class AuditAnchor(Protocol):
    """A place outside the database that heads are written to, and where they cannot be taken back."""

    async def newest(self, region: RegionId) -> int:
        """Return the number of the region's newest anchor, 0 when there is none.

        Raises:
            UnavailableError: the place cannot be read.

        """
        ...

    async def append(self, anchors: Sequence[Anchor]) -> None:
        """Write them down for good; a repeat does no harm.

        Raises:
            UnavailableError: the place cannot be written to; some of them may be there.

        """
        ...


@dataclass(frozen=True, slots=True)
class AuditedEvent:
    """An event as the database has it; `digest` is None where it was written before there were chains.

    Without a transaction no seal covers it.
    """

    epoch: int
    facts: EventFacts
    digest: bytes | None
    has_transaction: bool = True


@dataclass(frozen=True, slots=True)
class AuditedMessage:
    """A raw message as the database has it, and whether its digest is that of its body.

    Where the body is in the archive alone, that is told by verifying the archive, and `is_intact` is True.
    """

    facts: MessageFacts
    region: str
    tenant_id: str
    event_sequence: int | None
    is_intact: bool
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class AuditedState:
    """The projection's columns that the history must agree with."""

    state: str
    version: int
    epoch: int
    updated_at: datetime
    event_digest: bytes | None


@dataclass(frozen=True, slots=True)
class AuditedPayment:
    """All that the database has under one id, of a payment or a conversation; of a sound one nothing is missing.

    ``events`` are in the order of epoch and sequence; a message names the event that it was saved with. The state is
    not folded anew while something of the other region's is new.
    """

    payment_id: UUID
    facts: Sequence[PaymentFacts | IncomingTransferFacts | ConversationFacts]
    events: Sequence[AuditedEvent]
    messages: Sequence[AuditedMessage]
    state: AuditedState | None
    is_folded: bool = True


Span: TypeAlias = tuple[UUID, UUID]
"""The first and the last of the payment ids that are meant, both included; no payment need have them."""


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """What a seal covers of one event; `digest` is what stands for an unchained one where it has none of its own."""

    sql_transaction: int
    payment_id: UUID
    digest: bytes
    at: datetime
    is_of_conversation: bool = False


class AuditReader(Protocol):
    """One moment of a database, read in order and in parts, however much there is of it."""

    async def regions(self) -> Sequence[RegionId]:
        """Return the regions that have events or seals."""
        ...

    async def count(self) -> int:
        """Return how many events there are."""
        ...

    def payments(self, between: Span | None = None) -> AsyncIterator[Sequence[AuditedPayment]]:
        """Return the payments in parts, in the order of their ids; or those of a span of ids alone."""
        ...

    def seals(self, region: RegionId, *, after: int = 0) -> AsyncIterator[Sequence[tuple[Seal, bytes]]]:
        """Return the region's seals that follow that number, in parts and in order, each with the digest it bears."""
        ...

    def entries(
        self, region: RegionId, *, since: int = 0, before: int | None = None
    ) -> AsyncIterator[Sequence[SealedEntry]]:
        """Return what seals cover, in parts and in their order: the events of these SQL transactions."""
        ...
