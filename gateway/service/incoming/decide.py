"""Decide, then save: one fact about one incoming transfer, taken through the table, with what is said about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.attention import attention_after, contrary_word_after
from gateway.domain.identity import delivery_id_of
from gateway.domain.incoming import (
    IncomingEffect,
    IncomingEvent,
    IncomingState,
    IncomingTransition,
    advance_incoming,
)
from gateway.domain.incoming_transfer import (
    ANSWERED_AS,
    ARRIVED,
    CONTRADICTS,
    Attention,
    IncomingFact,
    IncomingTransfer,
    tells_incoming,
)
from gateway.domain.ledger import incoming_postings
from gateway.domain.payment import PaymentId, Rail
from gateway.domain.receiving_time import UNSENT_S, posting_again, posting_due, return_again
from gateway.domain.request import Request, RequestState
from gateway.domain.return_request import (
    REQUEST_FACTS,
    REQUEST_ID,
    REQUESTS_TO_US,
    RequestStep,
    due_of,
    request_after,
)
from gateway.domain.returns import is_left_between_tries, returns_after
from gateway.domain.timing import asking_overdue
from gateway.domain.transitions import IllegalTransitionError
from gateway.service.decide import until_one_holds
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.incoming.rail import ReceivingRail, carries
from gateway.service.incoming.recent import REMEMBERED, RecentTransfers
from gateway.service.incoming.tenants import NOBODYS
from gateway.service.ports import (
    Clock,
    Identifiers,
    IncomingDecision,
    IncomingStore,
    MessageClass,
    OutboundDelivery,
    Queue,
    QueueDirection,
    RawMessage,
    TimerChange,
)
from gateway.service.rail_protocol import OutboundMessage
from gateway.service.relay import Forward, leave_to_the_relay

SAVE_WINDOW_S: Final = 0.001
SAVES_MAX: Final = 64
"""Decisions on different transfers are saved together: at most so many, gathered for at most so long."""

_F = IncomingEffect

_QUEUED: Final = (
    (_F.QUEUE_POSTING, MessageClass.VALUE),
    (_F.START_RETURN, MessageClass.VALUE),
    (_F.QUEUE_RETURN, MessageClass.VALUE),
    (_F.QUEUE_ENQUIRY, MessageClass.INQUIRY),
    (_F.TELL_NOT_SETTLED, MessageClass.NONVALUE),
    (_F.TELL_RETURN, MessageClass.NONVALUE),
    (_F.QUEUE_REQUEST, MessageClass.NONVALUE),
)
"""The effects that put something on a queue of incoming transfers, and its class."""

_STATUS_OF: Final = {
    IncomingEvent.POSTING_CONFIRMED: "ACCC",
    IncomingEvent.POSTING_REFUSED: "RJCT",
    IncomingEvent.PENDING_DECIDED: "PDNG",
    IncomingEvent.BLOCKING_DECIDED: "BLCK",
}
"""What is told to the rail of the posting."""

Choice = Callable[[IncomingTransfer], Awaitable[IncomingDecision | None]]
"""What to decide on a transfer as it is now; None to leave it alone."""


@dataclass(frozen=True, slots=True)
class IncomingDecider:
    """Makes a decision of a fact: the table's, with the message that it leads to. Pure, but for fresh ids."""

    rails: Mapping[Rail, ReceivingRail]
    identifiers: Identifiers

    def decide(
        self,
        transfer: IncomingTransfer,
        fact: IncomingFact,
        *,
        at: datetime,
        messages: tuple[RawMessage, ...] = (),
        inbox_id: str | None = None,
        inbox_digest: bytes | None = None,
        is_strange: bool = False,
    ) -> IncomingDecision:
        """Return everything that `fact` means for `transfer`, ready to be saved.

        `is_strange` marks a contradiction that the table cannot see.

        Raises:
            IllegalTransitionError: the fact cannot befall the transfer: a fault of ours.

        """
        transition = advance_incoming(transfer.state, fact.kind)
        step = requested_step(transfer, fact)
        told = tells_incoming(transfer.state, fact, after=transition.state, effects=transition.effects)
        said = self._said(transfer, fact, transition, at=at)
        answers = _F.SEND_ANSWER in transition.effects
        status = None if said is None else said[0]
        outgoing = () if said is None else (self.raw(said[1], at=at),)
        unsent_at = at + timedelta(seconds=UNSENT_S) if said is not None else None
        confirms = _F.CONFIRM_TIME_OUT in transition.effects and said is not None
        repeats = _F.REPEAT_ANSWER in transition.effects and transfer.answer is not None
        if confirms or repeats:
            unsent_at = at
        return IncomingDecision(
            transfer=transfer,
            fact=fact,
            state=transition.state,
            at=at,
            timer=self._timer(transfer, fact, transition.effects, at=at),
            unsent_at=unsent_at,
            outbox=(*_outbox(transfer, transition, at=at), *_for_the_original(transfer, transition, at=at)),
            messages=(*messages, *outgoing),
            inbox_id=inbox_id,
            inbox_digest=inbox_digest,
            answer=status if answers else transfer.answer,
            status=status or (fact.status if told and fact.status else transfer.status),
            reason=fact.reason if told else transfer.reason,
            contradiction=is_strange or _F.REPORT_CONTRADICTION in transition.effects,
            postings=incoming_postings(transfer.state, transition.state, transfer.amount),
            returns=returns_after(transfer, fact, transition.effects),
            attention=attention_after(transfer, fact, transition.state, transition.effects),
            contrary_word=contrary_word_after(transfer, fact, transition.state, transition.effects),
            request=transfer.request if step is None else _request(transfer, fact, step, at=at),
        )

    def raw(self, message: OutboundMessage, *, at: datetime) -> RawMessage:
        """Return a message of ours as it is kept."""
        return message.kept(self.identifiers.new_uuid(), at=at)

    def _said(
        self, transfer: IncomingTransfer, fact: IncomingFact, transition: IncomingTransition, *, at: datetime
    ) -> tuple[str | None, OutboundMessage] | None:
        """The status that the rail is told, where it is the transfer's own, and the message that tells it."""
        rail, reason = self.rails[transfer.rail], fact.reason
        code, text = (None, None) if reason is None else (reason.code, reason.text)
        if text is not None and not carries(text):
            text = None  # a verdict never falls away because of its words
        if _F.SEND_ANSWER in transition.effects:
            assert not transfer.is_liquidity, f"{transfer.payment_id} has settled: nobody answers it"
            status = ANSWERED_AS[transition.state]
            code, text = (code, text) if status == "RJCT" else (None, None)
            return status, rail.answer(transfer, status, code, text, at=at)
        message: OutboundMessage | None = None
        if _F.CONFIRM_TIME_OUT in transition.effects:
            message = rail.time_out_confirmed(transfer, at=at)
            return None if message is None else (None, message)
        if _F.SEND_STATUS in transition.effects:
            status = _STATUS_OF[fact.kind]
            message = rail.posting_status(transfer, status, code, text, at=at)
            return None if message is None else (status, message)
        return None

    def _timer(
        self, transfer: IncomingTransfer, fact: IncomingFact, effects: Sequence[IncomingEffect], *, at: datetime
    ) -> TimerChange:
        timing = self.rails[transfer.rail].timing
        if is_left_between_tries(transfer, fact):
            return "stop"
        if _F.STOP_TIMER in effects or (_F.STOP_RETURNS in effects and not transfer.returning_cents):
            return "stop"
        if _F.AWAIT_ADVICE in effects:
            return timing.advice_overdue(transfer)
        if _F.ASK_STATUS in effects:
            return timing.first_question(transfer, at)
        if _F.AWAIT_ASKING in effects:
            return asking_overdue(at)
        if _F.ASK_STATUS_AGAIN in effects:
            return timing.next_question(transfer, at)
        if _F.AWAIT_POSTING in effects:
            return posting_again(transfer, at)
        if _F.AWAIT_RETURN in effects:
            if fact.kind is IncomingEvent.RETURN_FAILED and transfer.attention is Attention.CONTRADICTED:
                return "stop"  # whether there is money to give back, a person finds out first
            return return_again(transfer, at, failed=fact.kind is IncomingEvent.RETURN_FAILED)
        if _F.AWAIT_POSTING_DECISION in effects:
            return posting_due(transfer.forwarded_at)
        return None


def _for_the_original(
    transfer: IncomingTransfer, transition: IncomingTransition, *, at: datetime
) -> tuple[OutboundDelivery, ...]:
    """What has come back, for the payment that it was: whichever way it arrived, before anybody decides of it."""
    has_come = transition.state in ARRIVED and transfer.state not in ARRIVED
    if not (transfer.is_return and has_come) or _F.QUEUE_POSTING in transition.effects:
        return ()
    delivery_id = delivery_id_of(transfer.payment_id, "tell_original", transfer.version)
    queue = Queue.of(transfer.rail, QueueDirection.IN, MessageClass.VALUE)
    return (OutboundDelivery(delivery_id, queue, transfer.payment_id, at),)


def requested_step(transfer: IncomingTransfer, fact: IncomingFact) -> RequestStep | None:
    """What a fact makes of the request for a transfer's return; None where it is of none.

    Raises:
        IllegalTransitionError: it cannot befall that request: a fault of ours.

    """
    if fact.kind not in REQUEST_FACTS:
        return None
    step = REQUESTS_TO_US.get((transfer.request.state, fact.kind))
    if step is None:
        raise IllegalTransitionError(f"{fact.kind} cannot befall a request that is {transfer.request.state}")
    return step


def _request(transfer: IncomingTransfer, fact: IncomingFact, step: RequestStep, *, at: datetime) -> Request:
    """The request for a transfer's return after a step, and until when what comes next is due."""
    asks = fact.kind is IncomingEvent.RETURN_REQUESTED and step.state is RequestState.RECEIVED
    asked = fact.details.get(REQUEST_ID) if asks else None
    return request_after(transfer.request, step, message_id=asked, due_at=due_of(step.state, fact.reason, at=at))


def _outbox(
    transfer: IncomingTransfer, transition: IncomingTransition, *, at: datetime
) -> tuple[OutboundDelivery, ...]:
    """What the effects put on queues: each under an id that a repeat of the same decision would give it again."""
    return tuple(
        OutboundDelivery(
            delivery_id_of(transfer.payment_id, effect, transfer.version),
            Queue.of(transfer.rail, QueueDirection.IN, message_class),
            transfer.payment_id,
            at,
        )
        for effect, message_class in _QUEUED
        if effect in transition.effects
    )


@dataclass(frozen=True, slots=True)
class IncomingDecisions:
    """Takes decisions and saves them, again and again until one holds. Saves of many transfers share a commit.

    `forward` is told of the deliveries that are committed with them, `recent` of what they leave.
    """

    store: IncomingStore
    saves: GroupCommit[IncomingDecision, bool]
    decider: IncomingDecider
    clock: Clock
    observer: IncomingObserver
    forward: Forward = leave_to_the_relay
    recent: RecentTransfers = field(default_factory=RecentTransfers)

    async def take(
        self, payment_id: PaymentId, choose: Choice, *, loaded: IncomingTransfer | None = None
    ) -> IncomingDecision | None:
        """Take a decision on a transfer until one holds; see `until_one_holds`.

        One that another region has carried is taken over first: what that one knew last may not be known here. Of a
        liquidity transfer nothing else can be known: it has settled.

        Raises:
            NotHomeError: another region decides on it; nothing was done.

        """
        is_taken_over = False

        async def take_over_or_choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            nonlocal is_taken_over
            is_taken_over = transfer.is_taken_over and not transfer.state.is_final
            if not is_taken_over:
                return await choose(transfer)
            is_credit = transfer.is_liquidity and transfer.state is IncomingState.RECEIVED
            fact = credited(transfer) if is_credit else IncomingFact(IncomingEvent.TAKEN_OVER)
            return self.decider.decide(transfer, fact, at=self.clock.now(), is_strange=CONTRADICTS in fact.details)

        decision = await until_one_holds(
            payment_id, self.store.load, take_over_or_choose, self.saves.submit, loaded=loaded
        )
        if decision is None:
            return None
        if decision.state in REMEMBERED:
            self.recent.remember(decided(decision))
        self.observer.incoming_changed(decision)
        self.forward(decision.outbox)
        return await self.take(payment_id, choose) if is_taken_over else decision


def credited(transfer: IncomingTransfer) -> IncomingFact:
    """Return that the money of a liquidity transfer is here. Pure.

    It is strange that it is nobody's who receives here, or that it names another creditor than whose account it is on.
    """
    is_strange = transfer.tenant_id == NOBODYS or transfer.creditor_agent != transfer.instructed_agent
    return IncomingFact(IncomingEvent.CREDIT_ADVISED, details={CONTRADICTS: "yes"} if is_strange else {})


def decided(decision: IncomingDecision) -> IncomingTransfer:
    """Return the transfer as a decision leaves it, once it is saved. Pure."""
    transfer = decision.transfer
    next_step_at = transfer.next_step_at
    if decision.timer is not None:
        next_step_at = decision.timer if isinstance(decision.timer, datetime) else None
    return replace(
        transfer,
        state=decision.state,
        version=transfer.version + 1,
        answer=decision.answer,
        status=decision.status,
        reason=decision.reason,
        status_requests=transfer.status_requests + (decision.fact.kind is IncomingEvent.STATUS_REQUESTED),
        next_step_at=next_step_at,
        unsent_at=decision.unsent_at or transfer.unsent_at,
        updated_at=decision.at,
        final_at=transfer.final_at or (decision.at if decision.state.is_final else None),
        returns=decision.returns.started,
        returning_cents=decision.returns.returning_cents,
        returned_cents=decision.returns.returned_cents,
        request=decision.request,
        attention=decision.attention,
        contrary_word=decision.contrary_word,
        is_taken_over=False,
    )


def grouped_incoming_saves(
    store: IncomingStore, *, window_s: float = SAVE_WINDOW_S
) -> GroupCommit[IncomingDecision, bool]:
    """Return the group commit that `IncomingDecisions` saves through; its `run` must be running."""
    return GroupCommit(
        store.save, window_s=window_s, batch_max=SAVES_MAX, key=lambda decision: decision.transfer.payment_id
    )
