"""Dead letters: moved off the bus into the database, and looked at, redriven or discarded by operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from gateway.domain.legs import Leg
from gateway.domain.payment import Payment, Rail, TenantId
from gateway.domain.timing import Timing
from gateway.domain.transitions import ASKABLE, SENDABLE
from gateway.service.ports import (
    Bus,
    Clock,
    Closing,
    DeadLetterState,
    DeadLetterStore,
    Identifiers,
    KeptDeadLetter,
    MessageClass,
    Observer,
    PaymentStore,
    Queue,
    QueueDirection,
)

COLLECT_MAX: Final = 50
"""Dead letters that are moved in one transaction."""

COLLECT_PAUSE_S: Final = 1.0
"""Between two looks for dead letters; the payments that they are about have timers of their own."""


# --- From the bus into the database -----------------------------------------------------------------------------


async def collect_once(bus: Bus, store: DeadLetterStore, clock: Clock, observer: Observer) -> int:
    """Move up to `COLLECT_MAX` dead letters from the bus into the database; returns how many.

    They are off the bus only after they have been committed: a failure in between keeps them twice, and the database
    knows each once.

    Raises:
        UnavailableError: bus or database do not answer; the letters stay on the bus.

    """
    async with bus.take_dead_letters(limit=COLLECT_MAX) as letters:
        fresh = set(await store.keep(letters, at=clock.now())) if letters else set()
    for letter in letters:
        if letter.delivery.delivery_id in fresh:
            observer.dead_lettered(letter)
    return len(letters)


async def collect(bus: Bus, store: DeadLetterStore, clock: Clock, observer: Observer) -> None:
    """Move dead letters until cancelled; raises as `collect_once`."""
    while True:
        if await collect_once(bus, store, clock, observer) < COLLECT_MAX:
            await clock.pause(COLLECT_PAUSE_S)


# --- What a redrive would do ------------------------------------------------------------------------------------


class Consequence(StrEnum):
    """What a redrive would do at this moment. The table of states decides when it comes to it, and not this."""

    NOTHING = "nothing"
    """The payment has moved on: the delivery would be settled without any effect."""

    SENDS = "sends"
    """The payment waits to be sent and has time left: it would be sent."""

    REJECTS = "rejects"
    """The payment waits to be sent and its time has run out: it would be rejected, unsent."""

    ASKS = "asks"
    """The payment is in doubt: the rail would be asked about it."""

    IS_HANDLED_AGAIN = "is_handled_again"
    """The handler would be given it once more, and finds out what is to be done."""

    IS_REFUSED = "is_refused"
    """There is no such payment here: there is nothing to redrive. Discard it."""


def _of_transfer(payment: Payment, now: datetime, timing: Timing) -> Consequence:
    if payment.state not in SENDABLE:
        return Consequence.NOTHING
    return Consequence.SENDS if now < timing.latest_start(Leg.FUNDS, payment) else Consequence.REJECTS


def _of_question(payment: Payment, _now: datetime, _timing: Timing) -> Consequence:
    return Consequence.ASKS if payment.state in ASKABLE else Consequence.NOTHING


_Foresight = Callable[[Payment, datetime, Timing], Consequence]

_CONSEQUENCES: Final[Mapping[tuple[QueueDirection, MessageClass], _Foresight]] = {
    (QueueDirection.OUT, MessageClass.VALUE): _of_transfer,
    (QueueDirection.OUT, MessageClass.INQUIRY): _of_question,
    (QueueDirection.OUT, MessageClass.SYSTEM): _of_question,
}


def consequence_of(letter: KeptDeadLetter, payment: Payment | None, *, at: datetime, timing: Timing) -> Consequence:
    """Return what redriving `letter` would do, its payment being as it is; pure."""
    queue = letter.letter.delivery.queue
    if queue.direction is QueueDirection.IN and letter.tenant_id is not None:
        return Consequence.IS_HANDLED_AGAIN  # about a transfer that was received; its handler looks at its state
    if payment is None or letter.tenant_id is None:
        return Consequence.IS_REFUSED
    foresee = _CONSEQUENCES.get((queue.direction, queue.message_class))
    return Consequence.IS_HANDLED_AGAIN if foresee is None else foresee(payment, at, timing)


# --- What operators do ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownDeadLetter:
    """A dead letter with its payment as it is now, and what a redrive would do (None: it is closed)."""

    letter: KeptDeadLetter
    payment: Payment | None
    consequence: Consequence | None


class ClosingOutcome(StrEnum):
    """What became of an operator's wish."""

    DONE = "done"
    NOT_FOUND = "not_found"
    CLOSED_BEFORE = "closed_before"
    """Somebody has redriven or discarded it already: nothing was done."""

    NOT_REDRIVABLE = "not_redrivable"
    """There is no such payment here: nothing was done."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead letters of this region, for those who may see them.

    `timings` has the times of each rail that is served here. A tenant (`tenant_id`) sees those of its own payments;
    None stands for an operator, who sees all. Only operators act.
    """

    store: DeadLetterStore
    payments: PaymentStore
    timings: Mapping[Rail, Timing]
    clock: Clock
    identifiers: Identifiers

    async def find(
        self, *, tenant_id: TenantId | None, queue: Queue | None, state: DeadLetterState | None, limit: int
    ) -> Sequence[KeptDeadLetter]:
        """Return dead letters, the longest dead first.

        Raises:
            UnavailableError: the database does not answer.

        """
        return await self.store.find(tenant_id=tenant_id, queue=queue, state=state, limit=limit)

    async def show(self, delivery_id: UUID, *, tenant_id: TenantId | None) -> ShownDeadLetter | None:
        """Return one with its payment; None when there is none, or it is another tenant's.

        Raises:
            UnavailableError: the database does not answer.

        """
        letter = await self.store.load(delivery_id)
        if letter is None or (tenant_id is not None and letter.tenant_id != tenant_id):
            return None
        payment_id = letter.letter.delivery.payment_id
        payment = (await self.payments.load([payment_id])).get(payment_id)
        if letter.state is not DeadLetterState.PARKED:
            return ShownDeadLetter(letter, payment, None)
        timing = self.timings.get(letter.letter.delivery.queue.rail, Timing())
        return ShownDeadLetter(letter, payment, consequence_of(letter, payment, at=self.clock.now(), timing=timing))

    async def redrive(self, delivery_id: UUID, *, by: str, note: str) -> ClosingOutcome:
        """Put the delivery on its queue again, under a fresh id and with its old deadline; who did it and why is kept.

        Of several operators at the same moment one alone succeeds. A repeat after a lost answer finds it closed. If the
        payment has moved on meanwhile the delivery has no effect: the table of states decides.

        Raises:
            UnavailableError: the database does not answer; whether it was done is not known: `show` tells.

        """
        return await self._close(delivery_id, by=by, note=note, redriven_as=self.identifiers.new_uuid())

    async def discard(self, delivery_id: UUID, *, by: str, note: str) -> ClosingOutcome:
        """Decide that nothing is to be done; who did it and why is kept. Repeats and races as `redrive`.

        Raises:
            UnavailableError: as `redrive`.

        """
        return await self._close(delivery_id, by=by, note=note, redriven_as=None)

    async def _close(self, delivery_id: UUID, *, by: str, note: str, redriven_as: UUID | None) -> ClosingOutcome:
        assert note.strip(), "the edge demands a note"
        closing = Closing(at=self.clock.now(), by=by, note=note, redriven_as=redriven_as)
        if await self.store.close(delivery_id, closing):
            return ClosingOutcome.DONE
        letter = await self.store.load(delivery_id)
        if letter is None:
            return ClosingOutcome.NOT_FOUND
        return ClosingOutcome.NOT_REDRIVABLE if letter.closing is None else ClosingOutcome.CLOSED_BEFORE
