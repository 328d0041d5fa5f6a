"""The bus: at-least-once queues."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from gateway.domain.payment import PaymentId


class Queue(StrEnum):
    """The queues. Separate per rail, direction and class, so that nothing slow stands before money."""

    FEDNOW_OUT_VALUE = "fednow.out.value"
    FEDNOW_OUT_INQUIRY = "fednow.out.inquiry"


@dataclass(frozen=True, slots=True)
class OutboundDelivery:
    """What is put on a queue: identifiers only, never a body. ``delivery_id`` stays the same when it is repeated."""

    delivery_id: UUID
    queue: Queue
    payment_id: PaymentId
    deadline_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a consumer gets: an outbound delivery and how often it has been handed out (1 the first time)."""

    delivery_id: UUID
    queue: Queue
    payment_id: PaymentId
    deadline_at: datetime
    attempt: int


DeliveryHandler = Callable[[Delivery], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was handed out as often as the limit allows and never settled."""

    delivery: Delivery
    reason: str


class Bus(Protocol):
    """At-least-once queues that survive the kill of any process, broker or database.

    Order is nobody's promise, and any delivery may come twice.
    """

    async def declare(self) -> None:
        """Make every `Queue`, with its dead letters; a repeat changes nothing.

        Raises:
            UnavailableError: the bus does not answer.

        """
        ...

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Put all on their queues and return once every one is durable and confirmed; a repeat is safe.

        Raises:
            UnroutableError: a queue does not exist; others may be on theirs.
            UnavailableError: not confirmed; some may be on their queues all the same.

        """
        ...

    def consume(self, queue: Queue, handler: DeliveryHandler, *, prefetch: int) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open, at most `prefetch` at once.

        A delivery is settled (gone) only after its handler has returned. A handler that raises, or a process that
        dies, gives it back: it comes again with a higher attempt, and after the delivery limit it is dead-lettered
        with the reason. Lost connections are made anew. Leaving the context stops intake, waits for the handlers that
        run (bounded), and gives the rest back.
        """
        ...

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait, and how many this process has in hand; dead letters do not count."""
        ...

    async def dead_letters(self, queue: Queue, *, limit: int) -> Sequence[DeadLetter]:
        """Return dead letters of `queue`, oldest first, without taking them away."""
        ...

    async def check(self) -> None:
        """Return if the bus can take a delivery now.

        Raises:
            UnavailableError: it cannot.

        """
        ...
