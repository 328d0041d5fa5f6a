"""Money that goes back: what of an incoming transfer may be returned, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.incoming import IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingFact, IncomingTransfer
from gateway.domain.payment import IdempotencyKey, Payment, PaymentState
from gateway.domain.screening import HELD_BY_A_HIT
from iso20022 import Amount

AMOUNT: Final = "amount_cents"
"""Under this a fact's details have how much goes, or came, back."""

NOTE: Final = "note"
"""Under this a fact's details have why a return was started though the rail had contradicted itself about another."""


@dataclass(frozen=True, slots=True)
class Returns:
    """How much of a transfer is going back, and has gone; `started` counts the returns."""

    started: int
    returning_cents: int
    returned_cents: int


NO_RETURNS: Final = Returns(0, 0, 0)
"""Nothing has gone back, and nothing is about to."""


def returns_after(transfer: IncomingTransfer, fact: IncomingFact, effects: Sequence[IncomingEffect]) -> Returns:
    """Return how the returns of a transfer stand after a fact with these effects."""
    if IncomingEffect.START_RETURN in effects:
        assert not transfer.returning_cents, f"a return of {transfer.payment_id} is under way already"
        whole = transfer.amount.cents - transfer.returned_cents
        cents = int(fact.details[AMOUNT]) if AMOUNT in fact.details else whole
        assert 0 < cents <= whole, f"{cents} cents of {transfer.payment_id} cannot be returned"
        return Returns(transfer.returns + 1, cents, transfer.returned_cents)
    assert not (fact.kind is IncomingEvent.OPERATOR_RECORDED_RETURN and transfer.returning_cents), "one is under way"
    match fact.kind:
        case IncomingEvent.RETURN_FAILED | IncomingEvent.RETURNS_ENDED:
            return Returns(transfer.returns, 0, transfer.returned_cents)
        case IncomingEvent.RETURN_SETTLED:
            return Returns(transfer.returns, 0, transfer.returned_cents + transfer.returning_cents)
        case _:
            return Returns(transfer.returns, transfer.returning_cents, transfer.returned_cents)


def is_left_between_tries(transfer: IncomingTransfer, fact: IncomingFact) -> bool:
    """Whether a return would have been tried again by the region that had the transfer: it may have been.

    Under which ids is a matter of the day on which it was: so no other is started by itself.
    """
    is_between = transfer.state is IncomingState.RETURN_DUE and not transfer.returning_cents
    return fact.kind is IncomingEvent.TAKEN_OVER and is_between


def returnable(transfer: IncomingTransfer) -> Amount | None:
    """Return how much may be given back now; None where nothing may.

    What was posted may be, all of it or a part; what is owed back, when its return goes no further by itself. One
    return at a time, so that their sum can never exceed the payment: the rail would not see it. Nothing where the rail
    contradicts itself about a former one: see `returnable_all_the_same`.
    """
    return None if transfer.attention is Attention.CONTRADICTED else returnable_all_the_same(transfer)


def returnable_all_the_same(transfer: IncomingTransfer) -> Amount | None:
    """Return how much may be given back by a person who has found out that no former return has moved money."""
    left = transfer.amount.cents - transfer.returned_cents
    stands = transfer.state in {IncomingState.POSTED, IncomingState.RETURN_DUE}
    if transfer.is_return or transfer.is_liquidity or not stands or transfer.returning_cents or left <= 0:
        return None
    return Amount(left)


def goes_back_by_itself(transfer: IncomingTransfer) -> bool:
    """Whether what is owed is on its way back, or its next try is, and nobody has to look before.

    A return that has failed for good is followed by none, nor is one that the rail contradicts itself about.
    """
    is_owed = transfer.state is IncomingState.RETURN_DUE and transfer.attention is None
    return is_owed and bool(transfer.returning_cents or transfer.next_step_at)


def return_key_of(transfer: IncomingTransfer) -> IdempotencyKey:
    """Return the key of the return that is under way: however often it is begun, it is one payment.

    It has spaces, which no client's key may have: none can be in its place.
    """
    return _key_of(transfer, transfer.returns)


def return_keys_of(transfer: IncomingTransfer) -> list[IdempotencyKey]:
    """Return the keys of all its returns, the first one first: of one that could not begin there is no payment."""
    return [_key_of(transfer, number) for number in range(1, transfer.returns + 1)]


def _key_of(transfer: IncomingTransfer, number: int) -> IdempotencyKey:
    return IdempotencyKey(f"return {transfer.payment_id} {number}")


def has_never_left(events: Sequence[RecordedEvent]) -> bool:
    """Whether it is certain that no byte of a payment has reached the rail, by its history.

    Never of one that was taken over: the other region may have sent what is not known here.
    """
    kinds = [recorded.event.kind for recorded in events]
    started, abandoned = kinds.count(EventKind.SENDING_STARTED), kinds.count(EventKind.SENDING_ABANDONED)
    return started == abandoned and not (_OF_THE_RAIL | {EventKind.TAKEN_OVER}).intersection(kinds)


def is_contradicted_by_rail(events: Sequence[RecordedEvent]) -> bool:
    """Whether the rail has said of a payment that it settled, after its end was that it did not."""
    return any(
        recorded.state_before is PaymentState.REJECTED and recorded.event.kind in _SETTLED for recorded in events
    )


_SETTLED: Final = frozenset(
    {
        EventKind.SETTLEMENT_REPORTED,
        EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED,
        EventKind.POSTING_REPORTED,
        EventKind.POSTING_PENDING_REPORTED,
    }
)
"""The rail's words that money has moved."""

_OF_THE_RAIL: Final = _SETTLED | {
    EventKind.REJECTION_REPORTED,
    EventKind.TIME_OUT_REPORTED,
    EventKind.TRANSFER_REFUSED,
    EventKind.REFUSAL_UNEXPLAINED,
    EventKind.PROGRESS_REPORTED,
}
"""The rail's words about a payment that only who has it can say."""


def ended_as(transfer: IncomingTransfer, payment: Payment, events: Sequence[RecordedEvent]) -> IncomingEvent | None:
    """Return what the return under way has come to, as the transfer sees it; None while it is open.

    Whatever the receiver of the return does with the money once the rail has settled it: it has gone back. `events` are
    the payment's: what is owed is tried again by itself only where nothing of it can have reached the rail, and where
    neither screening has found anything nor a person rejected it: whom the next one goes to is the same.
    """
    was_stopped = any(_is_about_whom_it_goes_to(recorded.event) for recorded in events)
    match payment.state:
        case state if not state.is_final:
            return None
        case PaymentState.REJECTED if transfer.state is IncomingState.POSTED:
            return IncomingEvent.RETURN_FAILED
        case PaymentState.REJECTED if has_never_left(events) and not was_stopped:
            return IncomingEvent.RETURN_FAILED
        case PaymentState.REJECTED:
            return IncomingEvent.RETURNS_ENDED
        case _:
            return IncomingEvent.RETURN_SETTLED


def _is_about_whom_it_goes_to(event: Event) -> bool:
    """Whether an event holds a return for a hit, or is a person's no to it; that nobody could look says nothing."""
    is_held = event.kind is EventKind.SCREENING_HELD
    code = None if event.reason is None else event.reason.code
    return event.kind is EventKind.HOLD_REJECTED or (is_held and code == HELD_BY_A_HIT.code)
