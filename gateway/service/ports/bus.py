"""The bus: at-least-once queues."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self
from uuid import UUID

from gateway.domain.payment import PaymentId, Rail
from gateway.service.ports.rail import MessageClass


class QueueDirection(StrEnum):
    """Which way what a queue carries goes, seen from the participant: to the rail, from it, or to its own core."""

    OUT = "out"
    IN = "in"
    CORE = "core"


class Queue(StrEnum):
    """The queues: one for each rail, direction and class, so that nothing slow stands before money.

    Every name is ``<rail>.<direction>.<class>``.
    """

    FEDNOW_OUT_VALUE = "fednow.out.value"
    FEDNOW_OUT_NONVALUE = "fednow.out.nonvalue"
    FEDNOW_OUT_INQUIRY = "fednow.out.inquiry"
    FEDNOW_OUT_SYSTEM = "fednow.out.system"
    FEDNOW_IN_VALUE = "fednow.in.value"
    FEDNOW_IN_NONVALUE = "fednow.in.nonvalue"
    FEDNOW_IN_INQUIRY = "fednow.in.inquiry"
    FEDNOW_IN_SYSTEM = "fednow.in.system"
    FEDNOW_CORE_VALUE = "fednow.core.value"
    RTP_OUT_VALUE = "rtp.out.value"
    RTP_OUT_NONVALUE = "rtp.out.nonvalue"
    RTP_OUT_INQUIRY = "rtp.out.inquiry"
    RTP_OUT_SYSTEM = "rtp.out.system"
    RTP_IN_VALUE = "rtp.in.value"
    RTP_IN_NONVALUE = "rtp.in.nonvalue"
    RTP_IN_INQUIRY = "rtp.in.inquiry"
    RTP_IN_SYSTEM = "rtp.in.system"
    RTP_CORE_VALUE = "rtp.core.value"

    @classmethod
    def of(cls, rail: Rail, direction: QueueDirection, message_class: MessageClass) -> Self:
        """Return the queue of a rail, direction and class."""
        return cls(f"{rail}.{direction}.{message_class}")

    @property
    def rail(self) -> Rail:
        """Whose messages it carries."""
        return Rail(self.partition(".")[0])

    @property
    def direction(self) -> QueueDirection:
        """Which way they go."""
        return QueueDirection(self.split(".")[1])

    @property
    def message_class(self) -> MessageClass:
        """Of which class they are."""
        return MessageClass(self.rpartition(".")[2])


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


class DeadLetterReason(StrEnum):
    """Why a delivery was put aside."""

    HANDLER_FAILED = "handler_failed"
    """The last handler raised; the fault is its own."""

    CONSUMER_DIED = "consumer_died"
    """Whoever held it died, every time or the last time; a fault, where there is one, is of an attempt before."""

    BROKER = "broker"
    """The broker put it aside for a reason of its own, which is the fault."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was handed out as often as the limit allows and never settled.

    ``delivery.attempt`` is how often it was handed out. ``fault`` is the class and message of the last exception, made
    fit to be kept (`gateway.service.fault_text`). ``published_at`` and ``died_at`` are its first and last time.
    """

    delivery: Delivery
    reason: DeadLetterReason
    fault: str | None
    published_at: datetime
    died_at: datetime


class BusObserver(Protocol):
    """Is told what becomes of consumers, and turns it into logs and metrics. It never raises."""

    def fault(self, where: str, error: BaseException) -> None:
        """Something failed there; the bus goes on by itself."""
        ...

    def consumer_active(self, queue: Queue, *, is_active: bool) -> None:
        """A consumer of this process is connected and takes deliveries, or is not."""
        ...

    def consumer_restarted(self, queue: Queue) -> None:
        """A consumer was torn down, because it was lost or silent, and is made anew."""
        ...

    def delivery_taken(self, queue: Queue) -> None:
        """A consumer was handed a delivery."""
        ...


class Bus(Protocol):
    """At-least-once queues that survive the kill of any process, broker or database.

    Order is nobody's promise, and any delivery may come twice.
    """

    async def declare(self) -> None:
        """Make every `Queue` that is used here, and where dead letters go; a repeat changes nothing.

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

    def consume(
        self, queue: Queue, handler: DeliveryHandler, *, prefetch: int, concurrency: int
    ) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` while the context is open.

        Up to `prefetch` deliveries are in hand and up to `concurrency` handlers run; of those in hand that wait, the
        one with the earliest deadline is next. Each consumer is on its own: none waits for another's handlers.

        A delivery is settled (gone) only after its handler has returned. A handler that raises, or a process that
        dies, gives it back: it comes again with a higher attempt, and after the delivery limit it is dead-lettered
        with the reason. That repeats the handler's look at the payment, and no payment: what was begun is not begun
        again (docs/adr/0006). What is the world's fault (`UnavailableError`) is tried again in hand for a while
        first, and costs no attempt. Lost connections and silent consumers are made anew. Leaving the context stops
        intake, waits for the handlers that run (bounded), and gives the rest back.

        Raises:
            ValueError: `concurrency` is below 1, or `prefetch` below `concurrency`.

        """
        ...

    def take_dead_letters(self, *, limit: int) -> AbstractAsyncContextManager[Sequence[DeadLetter]]:
        """Lend up to `limit` dead letters, of whatever queue, the longest dead first.

        Leaving the context normally takes them off the bus; an exception gives them back. What dies in between comes
        again, so that keeping one must be safe to repeat.

        Raises:
            UnavailableError: the bus does not answer; on leaving: it is not certain whether they are off.

        """
        ...

    async def depth(self, queue: Queue) -> int:
        """Return how many deliveries wait, and how many this process has in hand; dead letters do not count.

        Raises:
            UnavailableError: the bus does not answer.

        """
        ...

    async def check(self) -> None:
        """Return if the bus can take a delivery now; answers within two seconds, and without a delivery.

        Raises:
            BlockedError: it answers, and takes none (short of memory or disk).
            UnavailableError: it does not answer, or cannot be written to.
            UnroutableError: no queue has been declared, as before the first worker of an installation.

        """
        ...
