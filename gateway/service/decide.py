"""Decide, then save: one event of one payment, taken through the table and made ready to be saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from gateway.domain.events import Event, EventKind
from gateway.domain.history import came_back
from gateway.domain.identity import delivery_id_of
from gateway.domain.ledger import postings
from gateway.domain.payment import FundsHolder, Payment, PaymentId, PaymentState, Rail
from gateway.domain.return_request import REQUEST_EVENTS, REQUESTS, request_of
from gateway.domain.screening import HELD_UNTIL
from gateway.domain.timing import Timing, asking_overdue
from gateway.domain.transitions import Effect, IllegalTransitionError, Transition, advance, tells
from gateway.service.group_commit import GroupCommit
from gateway.service.ports import (
    Clock,
    Decision,
    MessageClass,
    Observer,
    OutboundDelivery,
    PaymentStore,
    Queue,
    QueueDirection,
    RawMessage,
    TimerChange,
    UnavailableError,
)
from gateway.service.sent import SentPayments

CONFLICTS_MAX: Final = 10
"""How often a decision is taken again because another event of the same payment was saved first."""

SAVE_WINDOW_S: Final = 0.001
SAVES_MAX: Final = 64
"""Decisions of different payments are saved together: at most so many, gathered for at most so long."""

_QUEUED: Final = (
    (Effect.QUEUE_TRANSFER, MessageClass.VALUE),
    (Effect.QUEUE_ENQUIRY, MessageClass.INQUIRY),
    (Effect.QUEUE_PING, MessageClass.SYSTEM),
    (Effect.QUEUE_REQUEST, MessageClass.NONVALUE),
    (Effect.QUEUE_POSTING_QUESTION, MessageClass.NONVALUE),
)
"""The effects that put something on a queue of the payment's rail, and the class of what they put there."""


def decide(
    payment: Payment,
    event: Event,
    *,
    at: datetime,
    timing: Timing,
    messages: tuple[RawMessage, ...] = (),
    inbox_id: str | None = None,
    inbox_digest: bytes | None = None,
) -> Decision:
    """Return everything that `event` means for `payment`, ready to be saved; pure.

    Raises:
        IllegalTransitionError: the event cannot befall the payment: a fault of ours.

    """
    transition = advance(payment, event)
    step = REQUESTS[payment.request.state, event.kind] if event.kind in REQUEST_EVENTS else None
    strange = Effect.REPORT_CONTRADICTION in transition.effects or (step is not None and step.is_strange)
    told = tells(payment.state, event, transition)
    return Decision(
        payment=payment,
        event=event,
        state=transition.state,
        at=at,
        timer=_timer(payment, event, transition.effects, at=at, timing=timing),
        outbox=_outbox(payment, transition, at=at, timing=timing),
        messages=messages,
        inbox_id=inbox_id,
        inbox_digest=inbox_digest,
        creation_time=at if event.kind is EventKind.SENDING_STARTED else None,
        status=event.status if told and event.status else payment.status,
        reason=event.reason if told else payment.reason,
        contradiction=strange,
        postings=postings(payment.state, transition.state, payment.amount, payment.funds_holder),
        returned_cents=payment.returned_cents + (0 if strange else came_back(event)),
        request=request_of(payment.request, event, at=at),
    )


def _timer(payment: Payment, event: Event, effects: Sequence[Effect], *, at: datetime, timing: Timing) -> TimerChange:
    if Effect.STOP_TIMER in effects:
        return "stop"
    if Effect.AWAIT_RELEASE in effects:
        return datetime.fromisoformat(event.details[HELD_UNTIL])
    if Effect.AWAIT_ANSWER in effects:
        return timing.answer_overdue(payment, at)
    if Effect.AWAIT_RESENDING in effects:
        return timing.resending_ends(at)
    if Effect.ASK_STATUS in effects:
        return timing.first_status_request(payment, at)
    if Effect.AWAIT_ASKING in effects:
        return asking_overdue(at)
    if Effect.ASK_STATUS_AGAIN in effects:
        return timing.next_status_request(payment, at)
    return None


def _outbox(payment: Payment, transition: Transition, *, at: datetime, timing: Timing) -> tuple[OutboundDelivery, ...]:
    """What the effects put on queues: each under an id that a repeat of the same decision would give it again."""
    effects = transition.effects
    queued = tuple(
        OutboundDelivery(
            delivery_id_of(payment.payment_id, effect, payment.version),
            Queue.of(payment.rail, QueueDirection.OUT, message_class),
            payment.payment_id,
            timing.resending_ends(at) if effect is Effect.QUEUE_TRANSFER else payment.deadline_at,
        )
        for effect, message_class in _QUEUED
        if effect in effects
    )
    return (*queued, *_for_the_core(payment, transition), *_for_the_original(payment, transition))


def _for_the_original(payment: Payment, transition: Transition) -> tuple[OutboundDelivery, ...]:
    """The end of a return, for the transfer that it gives back: seen to by whoever sees to what has arrived.

    Also what contradicts that end: no other return may follow it then.
    """
    is_end = transition.state.is_final and not payment.state.is_final
    is_strange = payment.state is PaymentState.REJECTED and Effect.REPORT_CONTRADICTION in transition.effects
    if not payment.is_return or not (is_end or is_strange):
        return ()
    return (
        OutboundDelivery(
            delivery_id_of(payment.payment_id, "tell_original", payment.version),
            Queue.of(payment.rail, QueueDirection.IN, MessageClass.VALUE),
            payment.payment_id,
            payment.deadline_at,
        ),
    )


def _for_the_core(payment: Payment, transition: Transition) -> tuple[OutboundDelivery, ...]:
    """The core's word on the end of a payment whose money it holds: once, with the first final state.

    Also where it may never have been asked: what it does not know it remembers, and refuses a reservation that comes
    late.
    """
    if payment.funds_holder is not FundsHolder.CORE or payment.state.is_final or not transition.state.is_final:
        return ()
    return (
        OutboundDelivery(
            delivery_id_of(payment.payment_id, "tell_core", payment.version),
            Queue.of(payment.rail, QueueDirection.CORE, MessageClass.VALUE),
            payment.payment_id,
            payment.deadline_at,
        ),
    )


Decided = TypeVar("Decided")
Made = TypeVar("Made")


async def until_one_holds(
    payment_id: PaymentId,
    load: Callable[[Sequence[PaymentId]], Awaitable[Mapping[PaymentId, Decided]]],
    choose: Callable[[Decided], Awaitable[Made | None]],
    save: Callable[[Made], Awaitable[bool]],
    *,
    loaded: Decided | None = None,
) -> Made | None:
    """Load, let `choose` decide, save; start over when somebody else was first.

    `loaded` is what is decided on as it was a moment ago: if it has changed since, the save tells, or the state table:
    what cannot befall it as it was is looked at once more, on what it has become. Returns the decision that was saved,
    or None when there was nothing to decide. A repeat is safe: `choose` sees what then is.

    Raises:
        LookupError: nothing has this id.
        IllegalTransitionError: what was chosen cannot befall it: a fault of ours.
        UnavailableError: the store does not answer, or what is decided on changes all the time.

    """
    for attempt in range(CONFLICTS_MAX):
        current = loaded if attempt == 0 and loaded is not None else (await load([payment_id])).get(payment_id)
        if current is None:
            raise LookupError(f"no payment {payment_id}")
        try:
            made = await choose(current)
        except IllegalTransitionError:
            if attempt or loaded is None:
                raise
            continue
        if made is None or await save(made):
            return made
    raise UnavailableError(f"payment {payment_id} changed {CONFLICTS_MAX} times while it was decided on")


Choice = Callable[[Payment], Awaitable[Decision | None]]
"""What to decide on a payment as it is now; None to leave it alone."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Takes decisions and saves them, again and again until one holds. Saves of many payments share a commit."""

    store: PaymentStore
    saves: GroupCommit[Decision, bool]
    observer: Observer
    take_over: Callable[[Payment], Decision] | None = None
    """What comes first of a payment that another region has carried, where there is one."""
    sent: SentPayments = field(default_factory=SentPayments)

    async def take(self, payment_id: PaymentId, choose: Choice, *, loaded: Payment | None = None) -> Decision | None:
        """Take a decision on a payment until one holds; see `until_one_holds`."""
        is_taken_over = False

        async def take_over_or_choose(payment: Payment) -> Decision | None:
            nonlocal is_taken_over
            is_taken_over = payment.is_taken_over and not payment.state.is_final and self.take_over is not None
            return self.take_over(payment) if self.take_over and is_taken_over else await choose(payment)

        decision = await until_one_holds(
            payment_id, self.store.load, take_over_or_choose, self.saves.submit, loaded=loaded
        )
        if decision is None:
            return None
        self.saved(decision)
        return await self.take(payment_id, choose) if is_taken_over else decision

    def saved(self, decision: Decision) -> None:
        """Tell whom it concerns of a decision that holds."""
        self.sent.remember(decision)
        self.observer.state_changed(decision)
        if decision.contradiction:
            self.observer.contradiction(decision)


def taking_over(clock: Clock, timings: Mapping[Rail, Timing]) -> Callable[[Payment], Decision]:
    """Return what makes a payment this region's that another has carried."""

    def take_over(payment: Payment) -> Decision:
        return decide(payment, Event(EventKind.TAKEN_OVER), at=clock.now(), timing=timings[payment.rail])

    return take_over


def grouped_saves(store: PaymentStore, *, window_s: float = SAVE_WINDOW_S) -> GroupCommit[Decision, bool]:
    """Return the group commit that `Decisions` saves through; its `run` must be running."""
    return GroupCommit(
        store.save,
        window_s=window_s,
        batch_max=SAVES_MAX,
        key=lambda decision: decision.payment.payment_id,
    )
