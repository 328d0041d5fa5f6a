"""The one table that decides what may follow what for an outgoing credit transfer.

`advance` is pure. A pair that is not in the table raises: it can only come from a fault of ours.
Late, duplicate and contradictory answers are rows. A final state never changes but by what the rail's own
rules foresee (ACWP is followed by ACCC or by RJCT); whatever else contradicts one is recorded and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentState


class Effect(StrEnum):
    """What follows a transition; saved with it, acted upon afterwards, at least once."""

    QUEUE_TRANSFER = "queue_transfer"
    """Put the transfer on the value queue of its rail."""

    AWAIT_ANSWER = "await_answer"
    """Wake when the answer is overdue."""

    ASK_STATUS = "ask_status"
    """Wake as soon as the rail may be asked."""

    ASK_STATUS_AGAIN = "ask_status_again"
    """Wake after a pause, to ask once more if there is no word by then."""

    QUEUE_STATUS_REQUEST = "queue_status_request"
    """Put a pacs.028 on the inquiry queue of the rail."""

    STOP_TIMER = "stop_timer"
    """Nothing more is awaited."""

    REPORT_CONTRADICTION = "report_contradiction"
    """A person must look: the rail contradicts what is final, or answers what was never asked."""


class IllegalTransitionError(Exception):
    """A fault of ours: the event cannot befall a payment in that state. The payment is parked, the others go on."""


@dataclass(frozen=True, slots=True)
class Transition:
    """The state that follows, and the effects to be saved with it."""

    state: PaymentState
    effects: tuple[Effect, ...] = ()


_S = PaymentState
_E = EventKind
_STOP = (Effect.STOP_TIMER,)
_STRANGE = (Effect.REPORT_CONTRADICTION,)
_STRANGE_STOP = (Effect.STOP_TIMER, Effect.REPORT_CONTRADICTION)
_ASK_AGAIN = (Effect.ASK_STATUS_AGAIN,)

TRANSITIONS: Final[dict[tuple[PaymentState, EventKind], Transition]] = {
    # Nothing has left yet. An answer here is to a message that we believe unsent: take the rail's word, tell a person.
    (_S.RECEIVED, _E.SENDING_STARTED): Transition(_S.SENDING, (Effect.AWAIT_ANSWER,)),
    (_S.RECEIVED, _E.DEADLINE_PASSED): Transition(_S.REJECTED, _STOP),
    (_S.RECEIVED, _E.SETTLEMENT_REPORTED): Transition(_S.SETTLED, _STRANGE_STOP),
    (_S.RECEIVED, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE_STOP),
    (_S.RECEIVED, _E.POSTING_REPORTED): Transition(_S.SETTLED, _STRANGE_STOP),
    (_S.RECEIVED, _E.POSTING_PENDING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE_STOP),
    (_S.RECEIVED, _E.REJECTION_REPORTED): Transition(_S.REJECTED, _STRANGE_STOP),
    (_S.RECEIVED, _E.TRANSFER_REFUSED): Transition(_S.REJECTED, _STRANGE_STOP),
    (_S.RECEIVED, _E.REFUSAL_UNEXPLAINED): Transition(_S.RECEIVED, _STRANGE),
    (_S.RECEIVED, _E.NOT_FOUND_REPORTED): Transition(_S.RECEIVED, _STRANGE),
    (_S.RECEIVED, _E.NOT_PROCESSED_REPORTED): Transition(_S.RECEIVED, _STRANGE),
    (_S.RECEIVED, _E.STILL_IN_PROCESS_REPORTED): Transition(_S.RECEIVED, _STRANGE),
    (_S.RECEIVED, _E.STATUS_REQUEST_UNANSWERED): Transition(_S.RECEIVED, _STRANGE),
    # The bytes may have left. PDNG and BLCK can only follow ACWP, ACCC only a settlement: out of order is in order.
    (_S.SENDING, _E.SENDING_ABANDONED): Transition(_S.REJECTED, _STOP),
    (_S.SENDING, _E.DEADLINE_PASSED): Transition(_S.IN_DOUBT, (Effect.ASK_STATUS,)),
    (_S.SENDING, _E.SETTLEMENT_REPORTED): Transition(_S.SETTLED, _STOP),
    (_S.SENDING, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STOP),
    (_S.SENDING, _E.POSTING_REPORTED): Transition(_S.SETTLED, _STOP),
    (_S.SENDING, _E.POSTING_PENDING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STOP),
    (_S.SENDING, _E.REJECTION_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.SENDING, _E.TRANSFER_REFUSED): Transition(_S.REJECTED, _STOP),
    (_S.SENDING, _E.REFUSAL_UNEXPLAINED): Transition(_S.IN_DOUBT, (Effect.ASK_STATUS,)),
    (_S.SENDING, _E.NOT_FOUND_REPORTED): Transition(_S.SENDING, _STRANGE),
    (_S.SENDING, _E.NOT_PROCESSED_REPORTED): Transition(_S.SENDING, _STRANGE),
    (_S.SENDING, _E.STILL_IN_PROCESS_REPORTED): Transition(_S.SENDING, _STRANGE),
    (_S.SENDING, _E.STATUS_REQUEST_UNANSWERED): Transition(_S.SENDING, _STRANGE),
    # No answer came. Only the rail's word ends it; the question is put again until it does.
    (_S.IN_DOUBT, _E.SENDING_ABANDONED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.DEADLINE_PASSED): Transition(_S.IN_DOUBT),
    (_S.IN_DOUBT, _E.STATUS_REQUEST_DUE): Transition(
        _S.IN_DOUBT, (Effect.QUEUE_STATUS_REQUEST, Effect.ASK_STATUS_AGAIN)
    ),
    (_S.IN_DOUBT, _E.STATUS_REQUESTED): Transition(_S.IN_DOUBT),
    (_S.IN_DOUBT, _E.SETTLEMENT_REPORTED): Transition(_S.SETTLED, _STOP),
    (_S.IN_DOUBT, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STOP),
    (_S.IN_DOUBT, _E.POSTING_REPORTED): Transition(_S.SETTLED, _STOP),
    (_S.IN_DOUBT, _E.POSTING_PENDING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STOP),
    (_S.IN_DOUBT, _E.REJECTION_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.TRANSFER_REFUSED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.REFUSAL_UNEXPLAINED): Transition(_S.IN_DOUBT),
    (_S.IN_DOUBT, _E.NOT_FOUND_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.NOT_PROCESSED_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.STILL_IN_PROCESS_REPORTED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    (_S.IN_DOUBT, _E.STATUS_REQUEST_UNANSWERED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    # The rail has settled: that is final. ACWP cannot follow ACSC, but says the same of the money.
    (_S.SETTLED, _E.SENDING_ABANDONED): Transition(_S.SETTLED, _STRANGE),
    (_S.SETTLED, _E.SETTLEMENT_REPORTED): Transition(_S.SETTLED),
    (_S.SETTLED, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.SETTLED),
    (_S.SETTLED, _E.POSTING_REPORTED): Transition(_S.SETTLED),
    (_S.SETTLED, _E.POSTING_PENDING_REPORTED): Transition(_S.SETTLED, _STRANGE),
    (_S.SETTLED, _E.REJECTION_REPORTED): Transition(_S.SETTLED, _STRANGE),
    (_S.SETTLED, _E.TRANSFER_REFUSED): Transition(_S.SETTLED, _STRANGE),
    (_S.SETTLED, _E.NOT_FOUND_REPORTED): Transition(_S.SETTLED, _STRANGE),
    (_S.SETTLED, _E.NOT_PROCESSED_REPORTED): Transition(_S.SETTLED, _STRANGE),
    # Settled, not posted: the creditor's institution decides by midnight of the next standard business day.
    (_S.ACCEPTED_WITHOUT_POSTING, _E.SENDING_ABANDONED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.SETTLEMENT_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.POSTING_REPORTED): Transition(_S.SETTLED),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.POSTING_PENDING_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.REJECTION_REPORTED): Transition(_S.RETURN_DUE),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.TRANSFER_REFUSED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.NOT_FOUND_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.NOT_PROCESSED_REPORTED): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE),
    # Settled, then refused by the creditor's institution: a pacs.004 is owed, the settlement stands.
    (_S.RETURN_DUE, _E.SENDING_ABANDONED): Transition(_S.RETURN_DUE, _STRANGE),
    (_S.RETURN_DUE, _E.SETTLEMENT_REPORTED): Transition(_S.RETURN_DUE),
    (_S.RETURN_DUE, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.RETURN_DUE),
    (_S.RETURN_DUE, _E.POSTING_REPORTED): Transition(_S.RETURN_DUE, _STRANGE),
    (_S.RETURN_DUE, _E.POSTING_PENDING_REPORTED): Transition(_S.RETURN_DUE),
    (_S.RETURN_DUE, _E.REJECTION_REPORTED): Transition(_S.RETURN_DUE),
    (_S.RETURN_DUE, _E.TRANSFER_REFUSED): Transition(_S.RETURN_DUE, _STRANGE),
    (_S.RETURN_DUE, _E.NOT_FOUND_REPORTED): Transition(_S.RETURN_DUE, _STRANGE),
    (_S.RETURN_DUE, _E.NOT_PROCESSED_REPORTED): Transition(_S.RETURN_DUE, _STRANGE),
    # Rejected is final. A settlement reported after it is the worst that can happen: never hidden, never applied.
    (_S.REJECTED, _E.SENDING_ABANDONED): Transition(_S.REJECTED),
    (_S.REJECTED, _E.SETTLEMENT_REPORTED): Transition(_S.REJECTED, _STRANGE),
    (_S.REJECTED, _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED): Transition(_S.REJECTED, _STRANGE),
    (_S.REJECTED, _E.POSTING_REPORTED): Transition(_S.REJECTED, _STRANGE),
    (_S.REJECTED, _E.POSTING_PENDING_REPORTED): Transition(_S.REJECTED, _STRANGE),
    (_S.REJECTED, _E.REJECTION_REPORTED): Transition(_S.REJECTED),
    (_S.REJECTED, _E.TRANSFER_REFUSED): Transition(_S.REJECTED),
    (_S.REJECTED, _E.NOT_FOUND_REPORTED): Transition(_S.REJECTED),
    (_S.REJECTED, _E.NOT_PROCESSED_REPORTED): Transition(_S.REJECTED),
    # Answers and timers that come after the end change nothing.
    **{
        (state, kind): Transition(state)
        for state in (_S.SETTLED, _S.ACCEPTED_WITHOUT_POSTING, _S.RETURN_DUE, _S.REJECTED)
        for kind in (
            _E.DEADLINE_PASSED,
            _E.REFUSAL_UNEXPLAINED,
            _E.STATUS_REQUEST_DUE,
            _E.STILL_IN_PROCESS_REPORTED,
            _E.STATUS_REQUEST_UNANSWERED,
        )
    },
    # Progress decides nothing, whenever it comes.
    **{(state, _E.PROGRESS_REPORTED): Transition(state) for state in PaymentState},
}


ACCEPTANCE: Final = Transition(PaymentState.RECEIVED, (Effect.QUEUE_TRANSFER, Effect.AWAIT_ANSWER))
"""How every payment begins."""


def tells(state: PaymentState, event: Event, transition: Transition) -> bool:
    """Whether the event's status and reason are what the payment shows from now on.

    A contradiction never is. After the end only a change of state is, or what the creditor's institution says of the
    posting.
    """
    if transition.state is not state:
        return True
    if event.status is None or Effect.REPORT_CONTRADICTION in transition.effects:
        return False
    return not state.is_final or event.kind in {EventKind.POSTING_REPORTED, EventKind.POSTING_PENDING_REPORTED}


def advance(payment: Payment, event: Event) -> Transition:
    """Decide what `event` makes of `payment`; pure, so a repeat gives the same answer.

    Raises:
        IllegalTransitionError: the pair is not in the table.

    """
    try:
        return TRANSITIONS[payment.state, event.kind]
    except KeyError:
        message = f"{event.kind} cannot befall a payment in {payment.state} ({payment.payment_id})"
        raise IllegalTransitionError(message) from None
