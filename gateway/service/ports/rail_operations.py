"""What was asked of the rails, and what they said of themselves, kept in the database: facts, only ever added."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import EVER, Codes, RailEvent, RailEventKind
from gateway.domain.reconciliation import Arrivals, Here
from gateway.service.ports.rail import MessageClass
from gateway.service.ports.store import RawMessage


@dataclass(frozen=True, slots=True)
class UnsentRailMessage:
    """A message of ours to a rail about ourselves of which it is not known that it left."""

    event: RailEvent
    body: bytes
    message_class: MessageClass


@dataclass(frozen=True, slots=True)
class HeardMessage:
    """Something that the rail has said, and its bytes."""

    event: RailEvent
    body: bytes


class RailEventStore(Protocol):
    """The rail's events of all regions; a region writes its own. Bytes are sealed, as every message is."""

    async def ask(self, event: RailEvent, message: RawMessage, *, message_class: MessageClass) -> None:
        """Keep a message of ours, to be sent; a repeat under the same event id changes nothing.

        Raises:
            UnavailableError: the database does not answer; whether it is kept is unknown.

        """
        ...

    async def hear(self, event: RailEvent, message: RawMessage, *, digest: bytes) -> bytes | None:
        """Keep what a rail said, unless its message id is known; then return the digest that it is known with.

        `digest` is the keyed digest of the message's bytes.
        """
        ...

    async def note(self, event: RailEvent) -> bool:
        """Keep a fact without a message; a repeat under the same event id changes nothing. Says whether it was new."""
        ...

    async def take_unsent(self, now: datetime, *, again_at: datetime, limit: int) -> Sequence[UnsentRailMessage]:
        """Return messages that are to be sent; nobody else is given them before `again_at`.

        What was asked about a subject is handed out after all that was asked about it before has left.
        """
        ...

    async def sent(self, event: RailEvent) -> None:
        """Note that a message has left, or never will; a repeat is safe."""
        ...

    async def asked(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, RailEvent]:
        """Return what was asked under these message ids, in whatever region."""
        ...

    async def with_ids(self, event_ids: Collection[UUID]) -> Mapping[UUID, RailEvent]:
        """Return the events with these ids, in whatever region; unknown ones are left out."""
        ...

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
        """Return the newest events of a rail of these kinds, with these codes, about one of these (None: any).

        The newest first. Whoever names a subject says since when it may be spoken of: what is older is not looked at.
        """
        ...

    async def still_missing(self, rail: Rail, *, message_id: str | None = None, limit: int) -> Sequence[RailEvent]:
        """Return what is missing, nobody has closed, and has not come and settled with its amount since.

        Each once, whichever region has found it; the oldest first. With `message_id` that one alone.
        """
        ...

    async def signed_off(self, rail: Rail, codes: Codes, *, since: datetime) -> Mapping[str, datetime]:
        """Return who is signed off by the rail's broadcasts heard since then, and since when.

        Of each the latest by its own time counts.
        """
        ...

    async def body_of(self, rail: Rail, event_id: UUID) -> bytes | None:
        """Return the message that brought an event, in whatever region; None where there is none."""
        ...

    async def heard(
        self, rail: Rail, kind: RailEventKind, *, since: datetime, but: Collection[UUID], limit: int
    ) -> Sequence[HeardMessage]:
        """Return what was heard in this region since then, `but` for these, with its bytes, the oldest first."""
        ...

    async def arrivals(self, rail: Rail, institution: str, *, since: datetime, until: datetime) -> Arrivals:
        """Return what came to an institution in this time, and has settled."""
        ...

    async def known_here(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, Here]:
        """Return which of these messages of others have come here, in whatever region, and what became of them."""
        ...
