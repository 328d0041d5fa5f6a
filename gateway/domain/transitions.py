"""The one table that decides what may follow what for an outgoing credit transfer.

`advance` is pure. A pair that is not in the table raises: it can only come from a fault of ours.
Late, duplicate, contradictory and out-of-order answers are rows. A final state never changes but by what the rail's own
rules foresee (ACWP is followed by ACCC or by RJCT); whatever else contradicts one is recorded and reported.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    AWAIT_RESENDING = "await_resending"
    """Wake when what waits to be sent after all, a second copy or what a person has released, was not sent in time."""

    AWAIT_RELEASE = "await_release"
    """Wake when nobody has released it in time."""

    ASK_STATUS = "ask_status"
    """Wake as soon as the rail may be asked."""

    ASK_STATUS_AGAIN = "ask_status_again"
    """Wake after a pause, to ask once more if there is no word by then."""

    AWAIT_ASKING = "await_asking"
    """Wake when what was queued to ask the rail has not been asked for so long that it must be lost."""

    QUEUE_ENQUIRY = "queue_enquiry"
    """Put the question on the inquiry queue of the rail: a pacs.028, or the identical message marked as a duplicate."""

    QUEUE_REQUEST = "queue_request"
    """See to the request for a return: send it, or acknowledge its answer."""

    QUEUE_POSTING_QUESTION = "queue_posting_question"
    """Send the question to the receiver what became of the posting."""

    QUEUE_PING = "queue_ping"
    """Put a PING on the system queue of the rail."""

    STOP_TIMER = "stop_timer"
    """Nothing more is awaited."""

    CALL_OPERATOR = "call_operator"
    """A person must find out: the payment shows in the operators' list."""

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
_ASK_NOW = (Effect.QUEUE_ENQUIRY, Effect.AWAIT_ASKING)
_ASK_AGAIN = (Effect.ASK_STATUS_AGAIN,)
_OPERATOR = (Effect.ASK_STATUS_AGAIN, Effect.CALL_OPERATOR)
_OPERATOR_ALONE = (Effect.STOP_TIMER, Effect.CALL_OPERATOR)

_SETTLING: Final[Mapping[EventKind, PaymentState]] = {
    _E.SETTLEMENT_REPORTED: _S.SETTLED,
    _E.ACCEPTANCE_WITHOUT_POSTING_REPORTED: _S.ACCEPTED_WITHOUT_POSTING,
    # ACCC can only follow a settlement, PDNG and BLCK only ACWP: out of order is in order.
    _E.POSTING_REPORTED: _S.SETTLED,
    _E.POSTING_PENDING_REPORTED: _S.ACCEPTED_WITHOUT_POSTING,
}
"""The rail's words that money has moved, and where they lead from any open state."""

_REJECTING: Final = (_E.REJECTION_REPORTED, _E.TIME_OUT_REPORTED, _E.TRANSFER_REFUSED)
"""The rail's words that no money moved and none can any more."""

_NOT_FOUND: Final = (_E.NOT_FOUND_REPORTED, _E.RESENDING_CHOSEN, _E.RESENDING_TOO_LATE)
"""The rail's answer that it has no such message; which of them is the sender's choice."""

_SAYING_NOTHING: Final = (
    _E.REFUSAL_UNEXPLAINED,
    _E.STILL_IN_PROCESS_REPORTED,
    _E.STATUS_REQUEST_UNANSWERED,
    _E.NOT_AUTHORISED_REPORTED,
)
"""What may come late, and says nothing that a final state does not know better."""

_TIMERS: Final = (
    _E.DEADLINE_PASSED,
    _E.STATUS_REQUEST_DUE,
    _E.QUESTIONS_EXHAUSTED,
    _E.LOOK_BACK_ENDED,
    _E.PING_DUE,
)
"""What our own clock says."""

_DOUBTED: Final = (_S.IN_DOUBT, _S.AWAITING_OPERATOR)

_REQUEST: Final = (Effect.QUEUE_REQUEST,)
_OF_REQUEST: Final = (_E.RETURN_RECEIPT_REPORTED, _E.RETURN_RECEIPT_MISSED, _E.RETURN_REQUEST_REFUSED)
_ANSWERING: Final = (_E.RETURN_PENDING_REPORTED, _E.RETURN_AGREED_REPORTED, _E.RETURN_REFUSED_REPORTED)
"""What is heard of a request for a return; an answer is acknowledged."""

_COMING_BACK: Final = (_E.PART_RETURNED, _E.RETURNED)
"""Money that had settled comes back by a payment of its own."""

_SETTLED_STATES: Final = (_S.SETTLED, _S.ACCEPTED_WITHOUT_POSTING, _S.RETURN_DUE, _S.RETURNED)

_UNSENT_BY_SCREENING: Final = (_S.HELD, _S.RELEASED)
"""Held by screening, or released since: nothing has left from here."""

_UNSENT: Final = (_S.RECEIVED, *_UNSENT_BY_SCREENING, _S.RESEND_DUE)
"""No copy that could still settle has left, as far as is known here; one is to leave."""

_AT_THE_RAIL: Final = (_E.STILL_IN_PROCESS_REPORTED, _E.PROGRESS_REPORTED)
"""The rail's words that it has the payment, and has not ended it."""

_FINAL: Final = tuple(state for state in PaymentState if state.is_final)

TRANSITIONS: Final[dict[tuple[PaymentState, EventKind], Transition]] = {
    # Nothing has left yet. An answer here is to a message that we believe unsent: take the rail's word, tell a person.
    (_S.RECEIVED, _E.SENDING_STARTED): Transition(_S.SENDING, (Effect.AWAIT_ANSWER,)),
    (_S.RECEIVED, _E.FUNDS_REFUSED): Transition(_S.REJECTED, _STOP),
    (_S.RECEIVED, _E.DIRECTORY_REFUSED): Transition(_S.REJECTED, _STOP),
    (_S.RECEIVED, _E.DEADLINE_PASSED): Transition(_S.REJECTED, _STOP),
    **{(_S.RECEIVED, kind): Transition(state, _STRANGE_STOP) for kind, state in _SETTLING.items()},
    **{(_S.RECEIVED, kind): Transition(_S.REJECTED, _STRANGE_STOP) for kind in _REJECTING},
    **{(_S.RECEIVED, kind): Transition(_S.RECEIVED, _STRANGE) for kind in _NOT_FOUND},
    **{(_S.RECEIVED, kind): Transition(_S.RECEIVED, _STRANGE) for kind in _SAYING_NOTHING},
    (_S.RECEIVED, _E.NOT_PROCESSED_REPORTED): Transition(_S.RECEIVED, _STRANGE),
    # Screening found something, or could not look: a person decides, and until then nothing leaves.
    **{
        (state, _E.SCREENING_HELD): Transition(_S.HELD, (Effect.AWAIT_RELEASE,))
        for state in (_S.RECEIVED, _S.RESEND_DUE)
    },
    (_S.HELD, _E.HOLD_RELEASED): Transition(_S.RELEASED, (Effect.QUEUE_TRANSFER, Effect.AWAIT_RESENDING)),
    (_S.HELD, _E.HOLD_REJECTED): Transition(_S.REJECTED, _STOP),
    (_S.RELEASED, _E.SENDING_STARTED): Transition(_S.SENDING, (Effect.AWAIT_ANSWER,)),
    (_S.RELEASED, _E.FUNDS_REFUSED): Transition(_S.REJECTED, _STOP),
    (_S.RELEASED, _E.DIRECTORY_REFUSED): Transition(_S.REJECTED, _STOP),
    **{(state, _E.DEADLINE_PASSED): Transition(_S.REJECTED, _STOP) for state in _UNSENT_BY_SCREENING},
    # ... What the rail says of it is of a copy that we know nothing of: its word is taken, and a person looks.
    **{
        (state, kind): Transition(after, _STRANGE_STOP)
        for state in _UNSENT_BY_SCREENING
        for kind, after in _SETTLING.items()
    },
    **{(state, kind): Transition(_S.REJECTED, _STRANGE_STOP) for state in _UNSENT_BY_SCREENING for kind in _REJECTING},
    **{
        (state, kind): Transition(state)
        for state in _UNSENT_BY_SCREENING
        for kind in (*_NOT_FOUND, *_SAYING_NOTHING, _E.NOT_PROCESSED_REPORTED)
    },
    # The bytes may have left. What answers a question here answers one that was put before a second copy left.
    (_S.SENDING, _E.SENDING_ABANDONED): Transition(_S.REJECTED, _STOP),
    (_S.SENDING, _E.DEADLINE_PASSED): Transition(_S.IN_DOUBT, (Effect.ASK_STATUS,)),
    **{(_S.SENDING, kind): Transition(state, _STOP) for kind, state in _SETTLING.items()},
    **{(_S.SENDING, kind): Transition(_S.REJECTED, _STOP) for kind in _REJECTING},
    **{(_S.SENDING, kind): Transition(_S.SENDING) for kind in _NOT_FOUND},
    **{(_S.SENDING, kind): Transition(_S.SENDING) for kind in _SAYING_NOTHING},
    (_S.SENDING, _E.REFUSAL_UNEXPLAINED): Transition(_S.IN_DOUBT, (Effect.ASK_STATUS,)),
    (_S.SENDING, _E.NOT_PROCESSED_REPORTED): Transition(_S.SENDING),
    # No answer came. Only the rail's word ends it; the question is put again until it does, or a person is called.
    # The next one is due after a pause that begins when the last has been put: while one waits in a queue that lags, no
    # other joins it for a minute; after that it is taken for lost (`ASKED_WITHIN_S`).
    (_S.IN_DOUBT, _E.SENDING_ABANDONED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.DEADLINE_PASSED): Transition(_S.IN_DOUBT),
    (_S.IN_DOUBT, _E.STATUS_REQUEST_DUE): Transition(_S.IN_DOUBT, _ASK_NOW),
    (_S.IN_DOUBT, _E.STATUS_REQUESTED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    (_S.IN_DOUBT, _E.PING_DUE): Transition(_S.IN_DOUBT, (Effect.QUEUE_PING, Effect.AWAIT_ASKING)),
    (_S.IN_DOUBT, _E.PINGED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    (_S.IN_DOUBT, _E.TRANSFER_REPEATED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    (_S.IN_DOUBT, _E.QUESTIONS_EXHAUSTED): Transition(_S.AWAITING_OPERATOR, _OPERATOR),
    (_S.IN_DOUBT, _E.LOOK_BACK_ENDED): Transition(_S.AWAITING_OPERATOR, _OPERATOR_ALONE),
    **{(_S.IN_DOUBT, kind): Transition(state, _STOP) for kind, state in _SETTLING.items()},
    **{(_S.IN_DOUBT, kind): Transition(_S.REJECTED, _STOP) for kind in _REJECTING},
    (_S.IN_DOUBT, _E.NOT_FOUND_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.RESENDING_CHOSEN): Transition(_S.RESEND_DUE, (Effect.QUEUE_TRANSFER, Effect.AWAIT_RESENDING)),
    (_S.IN_DOUBT, _E.RESENDING_TOO_LATE): Transition(_S.AWAITING_OPERATOR, _OPERATOR_ALONE),
    (_S.IN_DOUBT, _E.NOT_PROCESSED_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.IN_DOUBT, _E.REFUSAL_UNEXPLAINED): Transition(_S.IN_DOUBT),
    (_S.IN_DOUBT, _E.STILL_IN_PROCESS_REPORTED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    (_S.IN_DOUBT, _E.STATUS_REQUEST_UNANSWERED): Transition(_S.IN_DOUBT, _ASK_AGAIN),
    (_S.IN_DOUBT, _E.NOT_AUTHORISED_REPORTED): Transition(_S.AWAITING_OPERATOR, _OPERATOR_ALONE),
    # A refusal that may be of the posting says nothing of the money: the rail is asked, at once.
    (_S.IN_DOUBT, _E.REFUSAL_UNPLACED): Transition(_S.IN_DOUBT, (Effect.ASK_STATUS,)),
    (_S.AWAITING_OPERATOR, _E.REFUSAL_UNPLACED): Transition(_S.AWAITING_OPERATOR, (Effect.ASK_STATUS,)),
    **{(state, _E.POSTING_REFUSAL_PLACED): Transition(_S.RETURN_DUE, _STOP) for state in _DOUBTED},
    # A person is called. The rail goes on being asked, seldom, while it looks back, and its word ends it as ever.
    (_S.AWAITING_OPERATOR, _E.SENDING_ABANDONED): Transition(_S.REJECTED, _STOP),
    **{(_S.AWAITING_OPERATOR, kind): Transition(_S.AWAITING_OPERATOR) for kind in _TIMERS},
    (_S.AWAITING_OPERATOR, _E.STATUS_REQUEST_DUE): Transition(
        _S.AWAITING_OPERATOR, (Effect.QUEUE_ENQUIRY, Effect.ASK_STATUS_AGAIN)
    ),
    (_S.AWAITING_OPERATOR, _E.LOOK_BACK_ENDED): Transition(_S.AWAITING_OPERATOR, _STOP),
    (_S.AWAITING_OPERATOR, _E.STATUS_REQUESTED): Transition(_S.AWAITING_OPERATOR),
    (_S.AWAITING_OPERATOR, _E.PINGED): Transition(_S.AWAITING_OPERATOR),
    (_S.AWAITING_OPERATOR, _E.TRANSFER_REPEATED): Transition(_S.AWAITING_OPERATOR),
    (_S.AWAITING_OPERATOR, _E.OPERATOR_ASKED): Transition(_S.AWAITING_OPERATOR, (Effect.QUEUE_ENQUIRY,)),
    (_S.AWAITING_OPERATOR, _E.OPERATOR_RECORDED_SETTLEMENT): Transition(_S.SETTLED, _STOP),
    (_S.AWAITING_OPERATOR, _E.OPERATOR_RECORDED_REJECTION): Transition(_S.REJECTED, _STOP),
    **{(_S.AWAITING_OPERATOR, kind): Transition(state, _STOP) for kind, state in _SETTLING.items()},
    **{(_S.AWAITING_OPERATOR, kind): Transition(_S.REJECTED, _STOP) for kind in _REJECTING},
    (_S.AWAITING_OPERATOR, _E.NOT_FOUND_REPORTED): Transition(_S.REJECTED, _STOP),
    (_S.AWAITING_OPERATOR, _E.RESENDING_CHOSEN): Transition(
        _S.RESEND_DUE, (Effect.QUEUE_TRANSFER, Effect.AWAIT_RESENDING)
    ),
    (_S.AWAITING_OPERATOR, _E.RESENDING_TOO_LATE): Transition(_S.AWAITING_OPERATOR),
    (_S.AWAITING_OPERATOR, _E.NOT_PROCESSED_REPORTED): Transition(_S.REJECTED, _STOP),
    **{(_S.AWAITING_OPERATOR, kind): Transition(_S.AWAITING_OPERATOR) for kind in _SAYING_NOTHING},
    # No copy can settle any more, the rail has said. A settlement all the same is taken at its word, and looked into.
    (_S.RESEND_DUE, _E.SENDING_STARTED): Transition(_S.SENDING, (Effect.AWAIT_ANSWER,)),
    (_S.RESEND_DUE, _E.SENDING_ABANDONED): Transition(_S.RESEND_DUE),
    **{(_S.RESEND_DUE, kind): Transition(_S.RESEND_DUE) for kind in _TIMERS},
    (_S.RESEND_DUE, _E.DEADLINE_PASSED): Transition(_S.REJECTED, _STOP),
    **{(_S.RESEND_DUE, kind): Transition(state, _STRANGE_STOP) for kind, state in _SETTLING.items()},
    **{(_S.RESEND_DUE, kind): Transition(_S.REJECTED, _STOP) for kind in _REJECTING},
    **{(_S.RESEND_DUE, kind): Transition(_S.RESEND_DUE) for kind in _NOT_FOUND},
    # ... but not on the day after, whose ids are others.
    **{
        (state, _E.RESENDING_TOO_LATE): Transition(_S.AWAITING_OPERATOR, _OPERATOR_ALONE)
        for state in (_S.RELEASED, _S.RESEND_DUE)
    },
    (_S.RESEND_DUE, _E.NOT_PROCESSED_REPORTED): Transition(_S.REJECTED, _STOP),
    **{(_S.RESEND_DUE, kind): Transition(_S.RESEND_DUE) for kind in _SAYING_NOTHING},
    # The rail has settled: that is final. ACWP cannot follow ACSC, but says the same of the money.
    **{(_S.SETTLED, kind): Transition(_S.SETTLED) for kind in _SETTLING},
    (_S.SETTLED, _E.POSTING_PENDING_REPORTED): Transition(_S.SETTLED, _STRANGE),
    # Settled, not posted: the creditor's institution decides by midnight of the next standard business day.
    **{(_S.ACCEPTED_WITHOUT_POSTING, kind): Transition(_S.ACCEPTED_WITHOUT_POSTING) for kind in _SETTLING},
    (_S.ACCEPTED_WITHOUT_POSTING, _E.POSTING_REPORTED): Transition(_S.SETTLED),
    # Its receiver is asked, and the answer is a row like any word of the posting. What may be of the question is not.
    (_S.ACCEPTED_WITHOUT_POSTING, _E.POSTING_ASKED): Transition(
        _S.ACCEPTED_WITHOUT_POSTING, (Effect.QUEUE_POSTING_QUESTION,)
    ),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.POSTING_REFUSAL_UNCLEAR): Transition(_S.ACCEPTED_WITHOUT_POSTING, _STRANGE),
    **{(state, _E.POSTING_QUESTION_RECEIVED): Transition(state) for state in _SETTLED_STATES},
    # Settled, then refused by the creditor's institution: a pacs.004 is owed, the settlement stands.
    **{(_S.RETURN_DUE, kind): Transition(_S.RETURN_DUE) for kind in _SETTLING},
    (_S.RETURN_DUE, _E.POSTING_REPORTED): Transition(_S.RETURN_DUE, _STRANGE),
    # A request for its return changes nothing of where the money stands; what becomes of it has a table of its own.
    **{(state, _E.RETURN_ASKED): Transition(state, _REQUEST) for state in _SETTLED_STATES},
    **{(state, kind): Transition(state) for state in _SETTLED_STATES for kind in _OF_REQUEST},
    **{(state, kind): Transition(state, _REQUEST) for state in _SETTLED_STATES for kind in _ANSWERING},
    # It has come back; that it had settled before, and what became of the posting, is no news.
    **{(_S.RETURNED, kind): Transition(_S.RETURNED) for kind in _SETTLING},
    # A return is taken only for a payment that has settled; more than was sent cannot come back.
    **{(state, _E.RETURNED): Transition(_S.RETURNED) for state in _SETTLED_STATES},
    **{(state, _E.PART_RETURNED): Transition(state) for state in _SETTLED_STATES},
    **{(_S.RETURNED, kind): Transition(_S.RETURNED, _STRANGE) for kind in _COMING_BACK},
    **{
        (state, kind): Transition(state, _STRANGE)
        for state in PaymentState
        if state not in _SETTLED_STATES
        for kind in _COMING_BACK
    },
    # Money has moved: whatever says that it has not is a contradiction, but for the RJCT that follows ACWP.
    **{
        (state, kind): Transition(state, _STRANGE)
        for state in _SETTLED_STATES
        for kind in (_E.SENDING_ABANDONED, *_REJECTING, *_NOT_FOUND, _E.NOT_PROCESSED_REPORTED)
    },
    (_S.ACCEPTED_WITHOUT_POSTING, _E.REJECTION_REPORTED): Transition(_S.RETURN_DUE),
    **{(state, _E.REJECTION_REPORTED): Transition(state) for state in (_S.RETURN_DUE, _S.RETURNED)},
    # Rejected is final. A settlement reported after it is the worst that can happen: never hidden, never applied.
    **{(_S.REJECTED, kind): Transition(_S.REJECTED, _STRANGE) for kind in _SETTLING},
    **{
        (_S.REJECTED, kind): Transition(_S.REJECTED)
        for kind in (_E.SENDING_ABANDONED, *_REJECTING, *_NOT_FOUND, _E.NOT_PROCESSED_REPORTED)
    },
    # A person has looked into what contradicts the end, and records what is so: the end's own word, for it stays.
    **{(state, _E.OPERATOR_RECORDED_SETTLEMENT): Transition(state) for state in _SETTLED_STATES},
    (_S.REJECTED, _E.OPERATOR_RECORDED_REJECTION): Transition(_S.REJECTED),
    # Answers and timers that come after the end change nothing.
    **{(state, kind): Transition(state) for state in _FINAL for kind in (*_TIMERS, *_SAYING_NOTHING)},
    # Another region carried it until now, and may have sent what is not known here. What is final stays so.
    **{
        (state, _E.TAKEN_OVER): Transition(_S.IN_DOUBT, (Effect.ASK_STATUS,))
        for state in (_S.RECEIVED, *_UNSENT_BY_SCREENING, _S.SENDING, _S.IN_DOUBT, _S.RESEND_DUE)
    },
    (_S.AWAITING_OPERATOR, _E.TAKEN_OVER): Transition(_S.AWAITING_OPERATOR, _ASK_AGAIN),
    # Never sent from here, since the rail was asked first: what the core, or the directory, refuses is not sent.
    (_S.RESEND_DUE, _E.FUNDS_REFUSED): Transition(_S.REJECTED, _STOP),
    (_S.RESEND_DUE, _E.DIRECTORY_REFUSED): Transition(_S.REJECTED, _STOP),
    # The rail has a copy that is not known here, as after a failover that lost SENDING: none is sent, it is asked.
    **{(state, kind): Transition(_S.IN_DOUBT, (*_ASK_AGAIN, *_STRANGE)) for state in _UNSENT for kind in _AT_THE_RAIL},
    # Elsewhere progress decides nothing, whenever it comes.
    **{(state, _E.PROGRESS_REPORTED): Transition(state) for state in PaymentState if state not in _UNSENT},
}


ACCEPTANCE: Final = Transition(PaymentState.RECEIVED, (Effect.QUEUE_TRANSFER, Effect.AWAIT_ANSWER))
"""How every payment begins."""

SENDABLE: Final = frozenset(state for state, kind in TRANSITIONS if kind is EventKind.SENDING_STARTED)
"""The states in which a transfer may leave; no other worker has sent a copy that could still settle."""

ASKABLE: Final = frozenset(state for state, kind in TRANSITIONS if kind is EventKind.STATUS_REQUESTED)
"""The states in which the rail is asked."""

DOUBTED: Final = frozenset(state for state, kind in TRANSITIONS if kind is EventKind.REFUSAL_UNPLACED)
"""The states in which nobody knows where the money is."""


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
