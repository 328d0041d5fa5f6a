"""Receipts that are waited for: messages of ours of which the rail, or their receiver, is to say that they arrived."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from gateway.domain.payment import Rail, TenantId


class ReceiptOf(StrEnum):
    """What a message of ours is part of."""

    CONVERSATION = "conversation"
    PAYMENT = "payment"
    """A request for the return of a payment that was sent, or a question to its receiver what became of it."""

    INCOMING_TRANSFER = "incoming_transfer"
    """An answer to a request for the return of what has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedReceipt:
    """A message of ours whose receipt is waited for.

    ``of_id`` is the id of the conversation, payment or transfer. ``sent_at`` is None until it is known that it left,
    ``missed_at`` until its receipt was found missing. ``copies`` are the ids of the copies that were sent before it.
    """

    rail: Rail
    message_id: str
    message_type: str
    tenant_id: TenantId
    of: ReceiptOf
    of_id: UUID
    sent_at: datetime | None = None
    missed_at: datetime | None = None
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MissingReceipts:
    """How many receipts of a rail are missing, and since when the message of the oldest has been on its way."""

    count: int
    oldest_sent_at: datetime | None


class ReceiptStore(Protocol):
    """The receipts that this region waits for: of what its own workers have sent."""

    async def expect(self, awaited: AwaitedReceipt) -> None:
        """Note that a message is about to leave; a repeat changes nothing. Raises UnavailableError."""
        ...

    async def left(self, rail: Rail, message_id: str, *, at: datetime) -> None:
        """Note that a message has left, unless its receipt has come meanwhile. Raises UnavailableError."""
        ...

    async def heard(self, rail: Rail, message_ids: Collection[str]) -> None:
        """Wait no more for what one of these names, or named a copy of. Raises UnavailableError."""
        ...

    async def late(self, rail: Rail, *, before: datetime, limit: int) -> Sequence[AwaitedReceipt]:
        """Return what left before then, and was not found missing yet; the oldest first. Raises UnavailableError."""
        ...

    async def missed(self, awaited: AwaitedReceipt, *, at: datetime) -> None:
        """Note that a receipt is missing, unless it has come meanwhile; a repeat is safe. Raises UnavailableError."""
        ...

    async def sent_again(self, awaited: AwaitedReceipt, message_id: str) -> None:
        """Wait for the receipt of another copy, under this id, in the place of one that is missing.

        What names either copy counts for both. Raises UnavailableError.
        """
        ...

    async def missing(self, rail: Rail, *, limit: int) -> Sequence[AwaitedReceipt]:
        """Return what is missing, the oldest first. Raises UnavailableError."""
        ...

    async def find_missing(self, rail: Rail, message_id: str) -> AwaitedReceipt | None:
        """Return the message if its receipt is missing. Raises UnavailableError."""
        ...

    async def missing_of(self, of_ids: Collection[UUID]) -> Mapping[UUID, Sequence[AwaitedReceipt]]:
        """Return what is missing in these conversations, payments or transfers. Raises UnavailableError."""
        ...

    async def missed_since(self, rail: Rail, since: datetime) -> int:
        """Return how many receipts were found missing since then, and are. Raises UnavailableError."""
        ...

    async def count(self, rail: Rail) -> MissingReceipts:
        """Return how many are missing. Raises UnavailableError."""
        ...
