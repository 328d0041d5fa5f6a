"""Money that goes back by a pacs.004: what of an incoming transfer may be returned, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.events import EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.incoming import IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import IdempotencyKey, Payment, PaymentState, ReasonOrigin
from iso20022 import Amount

RETURNS_MAX: Final = 5
"""After so many tries a return that the rail, or the receiver, refuses is for a person. One that never left does not
count: an outage of a day loses none."""

AMOUNT: Final = "amount_cents"
"""Under this a fact's details have how much goes, or came, back."""


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
    match fact.kind:
        case IncomingEvent.RETURN_FAILED | IncomingEvent.RETURNS_ENDED:
            return Returns(transfer.returns, 0, transfer.returned_cents)
        case IncomingEvent.RETURN_SETTLED:
            return Returns(transfer.returns, 0, transfer.returned_cents + transfer.returning_cents)
        case _:
            return Returns(transfer.returns, transfer.returning_cents, transfer.returned_cents)


def returnable(transfer: IncomingTransfer) -> Amount | None:
    """Return how much may be given back now; None where nothing may.

    What was posted may be, all of it or a part; what is owed back, when its return goes no further by itself. One
    return at a time, so that their sum can never exceed the payment: the rail would not see it.
    """
    left = transfer.amount.cents - transfer.returned_cents
    stands = transfer.state in {IncomingState.POSTED, IncomingState.RETURN_DUE}
    if transfer.is_return or not stands or transfer.returning_cents or left <= 0:
        return None
    return Amount(left)


def return_key_of(transfer: IncomingTransfer) -> IdempotencyKey:
    """Return the key of the return that is under way: however often it is begun, it is one payment.

    With blanks in it, which no client's key has: none can stand in its way.
    """
    return IdempotencyKey(f"return {transfer.payment_id} {transfer.returns}")


def ended_as(transfer: IncomingTransfer, payment: Payment) -> IncomingEvent | None:
    """Return what the return under way has come to, as the transfer sees it; None while it is open.

    Whatever the receiver of the return does with the money once the rail has settled it: it has gone back.
    """
    match payment.state:
        case state if not state.is_final:
            return None
        case PaymentState.REJECTED if transfer.state is IncomingState.RETURN_DUE and _is_refused_for_good(
            transfer, payment
        ):
            return IncomingEvent.RETURNS_ENDED
        case PaymentState.REJECTED:
            return IncomingEvent.RETURN_FAILED
        case _:
            return IncomingEvent.RETURN_SETTLED


def _is_refused_for_good(transfer: IncomingTransfer, payment: Payment) -> bool:
    """Whether a return was refused by somebody else, and was tried often enough."""
    never_left = payment.reason is not None and payment.reason.origin is ReasonOrigin.GATEWAY
    return transfer.returns >= RETURNS_MAX and not never_left


def is_contradicted_return(events: Sequence[RecordedEvent]) -> bool:
    """Whether the rail has said, of a return that is rejected, that it settled: then no other may follow."""
    return any(recorded.event.kind in _SETTLING for recorded in events)


_SETTLING: Final = frozenset(
    {
        EventKind.SETTLEMENT_REPORTED,
        EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED,
        EventKind.POSTING_REPORTED,
        EventKind.POSTING_PENDING_REPORTED,
    }
)
"""The rail's words that money has moved."""
