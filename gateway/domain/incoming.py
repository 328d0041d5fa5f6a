"""The one table that decides what may follow what for an incoming credit transfer.

The rail brings a transfer; the institution is asked; its answer leaves within the rail's reserve; the rail settles, and
says so; the institution posts. As for outgoing payments, every state says what is certain about the money, late,
duplicate, contradictory and out-of-order messages are rows, and a pair that is not in the table is a fault of ours.

Sources: FedNow Operating Procedures v2.1 (October 2024), sections 9, 14 and 16, for the flow, the 25 s and the
statuses after ACWP; section 5 for liquidity transfers, which nobody answers; 12 CFR 210.44(b)(3) for acceptance without
posting. RTP cancels by camt.056 with DS24 what it gave
up, and a message whose answer is missed is repeated, marked as a duplicate (RTP guides of IBM FTM and Oracle).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.domain.transitions import IllegalTransitionError


class IncomingState(StrEnum):
    """Where an incoming credit transfer stands. Each member says what is certain about the money."""

    RECEIVED = "RECEIVED"
    """Durable; the institution is being asked. Nothing was answered: no money can have moved. But for a liquidity
    transfer, which is no question: it has settled, and stays here only until that is written down."""

    ACCEPTED = "ACCEPTED"
    """Saved before our positive answer leaves. Money may arrive at any moment: nothing is posted before the rail says
    that it has."""

    ACCEPTED_WITHOUT_POSTING = "ACCEPTED_WITHOUT_POSTING"
    """Saved before our ACWP leaves. Money may arrive at any moment, and is not to be posted when it does."""

    IN_DOUBT = "IN_DOUBT"
    """We accepted, and the rail did not say what became of it. Money may have arrived: the rail is asked, and nothing
    is posted on a guess."""

    AWAITING_OPERATOR = "AWAITING_OPERATOR"
    """In doubt, and the rail could not tell. Money may have arrived: a person finds out."""

    SETTLED = "SETTLED"
    """The rail has settled: the money is ours, and is to be posted to the creditor at once."""

    POSTED = "POSTED"
    """Final. The creditor has the money."""

    PENDING = "PENDING"
    """The rail has settled; the money is held, and by midnight of the next standard business day it is posted, blocked
    or given back."""

    BLOCKED = "BLOCKED"
    """Final until a person acts. The rail has settled; the money may neither be posted nor given back."""

    RETURN_DUE = "RETURN_DUE"
    """The rail has settled and the creditor does not get the money: it is owed back by a pacs.004."""

    RETURNED = "RETURNED"
    """Final. The money has gone back by a payment of its own."""

    RETURNED_BY_HAND = "RETURNED_BY_HAND"
    """Final. The money has gone back over the rail, and not by a return that this gateway knows to have settled: a
    person has recorded it."""

    REJECTED = "REJECTED"
    """Final. We said no: no money has moved, and none can."""

    NOT_SETTLED = "NOT_SETTLED"
    """Final. We said yes and the rail did not settle (our answer came too late, or it gave up): no money has moved."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more is awaited of the rail or, but for what is blocked, of anyone."""
        return self in _FINAL


_FINAL: Final = frozenset(
    {
        IncomingState.POSTED,
        IncomingState.BLOCKED,
        IncomingState.RETURNED,
        IncomingState.RETURNED_BY_HAND,
        IncomingState.REJECTED,
        IncomingState.NOT_SETTLED,
    }
)


class IncomingEvent(StrEnum):
    """What can befall an incoming credit transfer, in the past tense."""

    RECEIVED = "TransferReceived"
    """The rail has brought the transfer, and it is durable."""

    RECEIVED_AGAIN = "TransferReceivedAgain"
    """The rail delivered the transfer once more, under the same or a duplicate-marked header."""

    ACCEPTANCE_DECIDED = "AcceptanceDecided"
    """The institution, or the stand-in for it, accepts."""

    ACCEPTANCE_WITHOUT_POSTING_DECIDED = "AcceptanceWithoutPostingDecided"
    """The institution accepts, and doubts whether it may post (compliance or entitlement only, never an outage)."""

    REJECTION_DECIDED = "RejectionDecided"
    """The institution, or the stand-in for it, rejects."""

    ANSWER_TIME_PASSED = "AnswerTimePassed"
    """Too little of the rail's clock is left for any answer to count."""

    ANSWER_WITHHELD = "AnswerWithheld"
    """Our acceptance was not known to be in both regions before its time had passed: who was to send it did not."""

    ANSWER_REFUSED = "AnswerRefused"
    """The rail refused our pacs.002 (admi.002): it did not process it."""

    SETTLEMENT_ADVISED = "SettlementAdvised"
    """The rail: ACSC, or on a rail without that advice, what its profile takes for it."""

    ACCEPTANCE_WITHOUT_POSTING_ADVISED = "AcceptanceWithoutPostingAdvised"
    """The rail: ACWP, settled and not to be posted yet; or ACSC, of what was in doubt and our answer was ACWP."""

    CREDIT_ADVISED = "CreditAdvised"
    """The rail brought a liquidity transfer: it settles without asking, and the message is its advice of credit."""

    SETTLEMENT_WITHOUT_ANSWER_ADVISED = "SettlementWithoutAnswerAdvised"
    """The rail: ACSC, and no acceptance of ours is known: another region had the transfer, and is lost."""

    REJECTION_ADVISED = "RejectionAdvised"
    """The rail: RJCT, it did not settle."""

    TIME_OUT_ADVISED = "TimeOutAdvised"
    """The rail gave the transfer up: camt.056 with DS24 (RTP)."""

    ADVICE_OVERDUE = "AdviceOverdue"
    """No word of the rail 25 s after the transfer's creation time, though we accepted."""

    STATUS_REQUEST_DUE = "StatusRequestDue"
    """The rail may be asked now."""

    STATUS_REQUESTED = "StatusRequested"
    """A pacs.028 is about to leave; saved first."""

    STILL_IN_PROCESS_REPORTED = "StillInProcessReported"
    """The rail, asked: not yet decided."""

    NOT_FOUND_REPORTED = "NotFoundReported"
    """The rail, asked: no such transfer. It brought it to us: that can be no answer."""

    STATUS_REQUEST_UNANSWERED = "StatusRequestUnanswered"
    """The rail refused the question: that says nothing of the money."""

    QUESTIONS_ENDED = "QuestionsEnded"
    """The rail was asked in vain, or looks back no further."""

    POSTING_OVERDUE = "PostingOverdue"
    """The institution was told to post, and has not said what became of it."""

    POSTING_CONFIRMED = "PostingConfirmed"
    """The institution has posted."""

    POSTING_REFUSED = "PostingRefused"
    """The institution cannot post, or will not after ACWP: the money is owed back."""

    PENDING_DECIDED = "PendingDecided"
    """The institution still looks into it (PDNG)."""

    BLOCKING_DECIDED = "BlockingDecided"
    """The institution must hold the money (BLCK)."""

    RETURN_REQUESTED = "ReturnRequested"
    """The sender asks for the money back (camt.056)."""

    RETURN_DEFERRED = "ReturnDeferred"
    """Our answer: PDCR, it is looked into."""

    RETURN_AGREED = "ReturnAgreed"
    """Our answer: IPAY or PECR; the return begins with it."""

    RETURN_REFUSED = "ReturnRefused"
    """Our answer: RJCR."""

    RETURN_RECEIPT_MISSED = "ReturnReceiptMissed"
    """Our own clock: our answer has left, and nobody has said that it arrived."""

    RETURN_STARTED = "ReturnStarted"
    """Money is to go back by a pacs.004: all of it, or what the institution gives back of what it had posted."""

    RETURN_OVERDUE = "ReturnOverdue"
    """A return is under way, and it is not known here what became of it."""

    RETURN_FAILED = "ReturnFailed"
    """The pacs.004 never left; or, of what was posted, was rejected: the money is still here."""

    RETURNS_ENDED = "ReturnsEnded"
    """The pacs.004 that was owed had left and was rejected, or could not even begin: no other follows by itself."""

    RETURN_CONTRADICTED = "ReturnContradicted"
    """The rail says that a return has settled which it had rejected, or which had never left."""

    RETURN_SETTLED = "ReturnSettled"
    """The pacs.004 that gives the money back has settled."""

    TAKEN_OVER = "TakenOver"
    """The transfer was another region's: what that one did last may not be known here, and the rail is asked first."""

    OPERATOR_RECORDED_SETTLEMENT = "OperatorRecordedSettlement"
    """A person has the rail's word, on another way, that the money arrived."""

    OPERATOR_RECORDED_NO_SETTLEMENT = "OperatorRecordedNoSettlement"
    """A person has the rail's word, on another way, that the money did not arrive and cannot any more."""

    OPERATOR_RECORDED_RETURN = "OperatorRecordedReturn"
    """A person has the rail's word, on another way, that what was owed has gone back."""


class IncomingEffect(StrEnum):
    """What follows a transition; saved with it, acted upon afterwards, at least once."""

    ASK_INSTITUTION = "ask_institution"
    """Ask the institution, with what is left of the rail's reserve."""

    AWAIT_DECISION = "await_decision"
    """Wake when too little of the rail's clock is left for an answer to count."""

    SEND_ANSWER = "send_answer"
    """Send our pacs.002."""

    REPEAT_ANSWER = "repeat_answer"
    """Send the same pacs.002 again: the rail may have missed it."""

    CONFIRM_TIME_OUT = "confirm_time_out"
    """Tell a rail that wants to know that its word is here: it gave the transfer up (RTP: RCVD)."""

    AWAIT_ADVICE = "await_advice"
    """Wake when the rail's word is overdue."""

    ASK_STATUS = "ask_status"
    """Wake as soon as the rail may be asked."""

    ASK_STATUS_AGAIN = "ask_status_again"
    """Wake after a pause, to ask once more."""

    AWAIT_ASKING = "await_asking"
    """Wake when a question that was queued has not been put for so long that it must be lost."""

    QUEUE_ENQUIRY = "queue_enquiry"
    """Ask the rail."""

    QUEUE_POSTING = "queue_posting"
    """Tell the institution to post; it may be told twice."""

    AWAIT_POSTING = "await_posting"
    """Wake after a pause that grows, to tell the institution to post once more."""

    TELL_NOT_SETTLED = "tell_not_settled"
    """Tell the institution that the money did not come."""

    TELL_RETURN = "tell_return"
    """Tell the institution what became of a return."""

    SEND_STATUS = "send_status"
    """Tell the rail, and through it the sender, what became of the posting: ACCC; after ACWP also PDNG, BLCK, RJCT."""

    AWAIT_POSTING_DECISION = "await_posting_decision"
    """Wake before midnight of the next standard business day."""

    START_RETURN = "start_return"
    """Give money back by a pacs.004: a payment of its own, under an id that a repeat gives it again."""

    QUEUE_REQUEST = "queue_request"
    """See to the request for a return: acknowledge it, judge it, or send our answer."""

    QUEUE_RETURN = "queue_return"
    """See to the return that is under way."""

    AWAIT_RETURN = "await_return"
    """Wake after a pause that grows, to see to the return."""

    STOP_TIMER = "stop_timer"
    """Nothing more is awaited."""

    STOP_RETURNS = "stop_returns"
    """No return is started any more by itself; one that is under way is still seen to."""

    CALL_OPERATOR = "call_operator"
    """A person must find out."""

    REPORT_CONTRADICTION = "report_contradiction"
    """A person must look: what comes contradicts what is certain."""


@dataclass(frozen=True, slots=True)
class IncomingTransition:
    """The state that follows, and the effects to be saved with it."""

    state: IncomingState
    effects: tuple[IncomingEffect, ...] = ()


_S = IncomingState
_E = IncomingEvent
_F = IncomingEffect
_T = IncomingTransition

_STRANGE = (_F.REPORT_CONTRADICTION,)
_ANSWER = (_F.SEND_ANSWER, _F.AWAIT_ADVICE)
_ARRIVED = (_F.QUEUE_POSTING, _F.AWAIT_POSTING)
_HELD = (_F.AWAIT_POSTING_DECISION,)
_GONE = (_F.TELL_NOT_SETTLED, _F.STOP_TIMER)
_GIVEN_UP = (*_GONE, _F.CONFIRM_TIME_OUT)
_RETURN = (_F.START_RETURN, _F.AWAIT_RETURN)
_ENDED = (_F.STOP_TIMER, _F.CALL_OPERATOR, _F.TELL_RETURN)
_REQUEST = (_F.QUEUE_REQUEST,)
_ASK_NOW = (_F.QUEUE_ENQUIRY, _F.AWAIT_ASKING)
_OWED = (_F.SEND_STATUS, *_RETURN)

_DECISIONS: Final = (_E.ACCEPTANCE_DECIDED, _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _E.REJECTION_DECIDED)
_TIMERS: Final = (_E.ANSWER_TIME_PASSED, _E.ADVICE_OVERDUE, _E.STATUS_REQUEST_DUE, _E.QUESTIONS_ENDED)
_SAYING_NOTHING: Final = (_E.STILL_IN_PROCESS_REPORTED, _E.STATUS_REQUEST_UNANSWERED)

_HOLDING_BY_RAIL: Final[Mapping[IncomingEvent, IncomingTransition]] = {
    _E.SETTLEMENT_ADVISED: _T(_S.SETTLED, _ARRIVED),
    _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED: _T(_S.PENDING, _HELD),
    _E.REJECTION_ADVISED: _T(_S.NOT_SETTLED, _GONE),
    _E.TIME_OUT_ADVISED: _T(_S.NOT_SETTLED, _GIVEN_UP),
}
"""Where the rail's word leads from any state in which we have accepted and do not know."""

_ANSWERED: Final = (_S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING, _S.IN_DOUBT, _S.AWAITING_OPERATOR)
"""We have accepted, and do not know what became of it."""

_GIVEN_BACK: Final = (_S.RETURNED, _S.RETURNED_BY_HAND)
_HELD_OR_GIVEN: Final = (_S.PENDING, _S.POSTED, _S.BLOCKED, _S.RETURN_DUE, *_GIVEN_BACK)
_ARRIVED_STATES: Final = (_S.SETTLED, *_HELD_OR_GIVEN)
_NEVER_ARRIVED: Final = (_S.REJECTED, _S.NOT_SETTLED)

INCOMING_TRANSITIONS: Final[dict[tuple[IncomingState, IncomingEvent], IncomingTransition]] = {
    # The institution is asked. Nothing was answered: whatever the rail says of a settlement contradicts that.
    (_S.RECEIVED, _E.ACCEPTANCE_DECIDED): _T(_S.ACCEPTED, _ANSWER),
    (_S.RECEIVED, _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED): _T(_S.ACCEPTED_WITHOUT_POSTING, _ANSWER),
    (_S.RECEIVED, _E.REJECTION_DECIDED): _T(_S.REJECTED, (_F.SEND_ANSWER, _F.STOP_TIMER)),
    (_S.RECEIVED, _E.ANSWER_TIME_PASSED): _T(_S.REJECTED, (_F.SEND_ANSWER, _F.STOP_TIMER)),
    (_S.RECEIVED, _E.RECEIVED_AGAIN): _T(_S.RECEIVED),
    (_S.RECEIVED, _E.REJECTION_ADVISED): _T(_S.NOT_SETTLED, _GONE),
    (_S.RECEIVED, _E.TIME_OUT_ADVISED): _T(_S.NOT_SETTLED, _GIVEN_UP),
    (_S.RECEIVED, _E.SETTLEMENT_ADVISED): _T(_S.PENDING, (*_HELD, *_STRANGE)),
    (_S.RECEIVED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED): _T(_S.PENDING, (*_HELD, *_STRANGE)),
    **{(_S.RECEIVED, kind): _T(_S.RECEIVED, _STRANGE) for kind in (*_SAYING_NOTHING, _E.NOT_FOUND_REPORTED)},
    # A liquidity transfer asks nothing: when it comes the money is here (Operating Procedures v2.1, chapter 5).
    (_S.RECEIVED, _E.CREDIT_ADVISED): _T(_S.SETTLED, _ARRIVED),
    # We accepted: only the rail's word says what became of it.
    **{(state, kind): transition for state in _ANSWERED for kind, transition in _HOLDING_BY_RAIL.items()},
    **{(state, _E.RECEIVED_AGAIN): _T(state, (_F.REPEAT_ANSWER,)) for state in _ANSWERED},
    # ... but having said ACWP, we may not post on a plain ACSC: it is held, and looked into by the institution.
    (_S.ACCEPTED_WITHOUT_POSTING, _E.SETTLEMENT_ADVISED): _T(_S.PENDING, _HELD),
    # ... and a decision that comes after the answer (the stand-in was quicker) cannot take it back.
    **{(state, kind): _T(state) for state in _ANSWERED for kind in _DECISIONS},
    **{(state, _E.ANSWER_TIME_PASSED): _T(state) for state in _ANSWERED},
    # A refused answer was not processed; until its time has surely passed the rail may still hold another copy of it.
    **{(state, _E.ANSWER_REFUSED): _T(state) for state in _ANSWERED},
    (_S.ACCEPTED, _E.ADVICE_OVERDUE): _T(_S.IN_DOUBT, _ASK_NOW),
    (_S.ACCEPTED_WITHOUT_POSTING, _E.ADVICE_OVERDUE): _T(_S.IN_DOUBT, _ASK_NOW),
    (_S.IN_DOUBT, _E.ADVICE_OVERDUE): _T(_S.IN_DOUBT),
    (_S.AWAITING_OPERATOR, _E.ADVICE_OVERDUE): _T(_S.AWAITING_OPERATOR),
    (_S.IN_DOUBT, _E.STATUS_REQUEST_DUE): _T(_S.IN_DOUBT, _ASK_NOW),
    (_S.IN_DOUBT, _E.QUESTIONS_ENDED): _T(_S.AWAITING_OPERATOR, (_F.STOP_TIMER, _F.CALL_OPERATOR)),
    (_S.AWAITING_OPERATOR, _E.STATUS_REQUEST_DUE): _T(_S.AWAITING_OPERATOR),
    (_S.AWAITING_OPERATOR, _E.QUESTIONS_ENDED): _T(_S.AWAITING_OPERATOR),
    # The next question is due after a pause that begins when the last has been put: none queues up behind another, but
    # one in a minute, as the one before is then taken for lost (`ASKED_WITHIN_S`).
    (_S.IN_DOUBT, _E.STATUS_REQUESTED): _T(_S.IN_DOUBT, (_F.ASK_STATUS_AGAIN,)),
    (_S.AWAITING_OPERATOR, _E.STATUS_REQUESTED): _T(_S.AWAITING_OPERATOR),
    **{(state, kind): _T(state) for state in (_S.IN_DOUBT, _S.AWAITING_OPERATOR) for kind in _SAYING_NOTHING},
    **{(state, kind): _T(state) for state in (_S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING) for kind in _SAYING_NOTHING},
    **{(state, _E.NOT_FOUND_REPORTED): _T(state, _STRANGE) for state in _ANSWERED},
    (_S.AWAITING_OPERATOR, _E.OPERATOR_RECORDED_SETTLEMENT): _T(_S.PENDING, _HELD),
    (_S.AWAITING_OPERATOR, _E.OPERATOR_RECORDED_NO_SETTLEMENT): _T(_S.NOT_SETTLED, _GONE),
    # Not sent, since the other region might not have had it: the rail's clock runs out, and its word is awaited.
    **{(state, _E.ANSWER_WITHHELD): _T(state) for state in _ANSWERED},
    # Another region had it, and is lost: what that one answered or was told may not be known here. The rail is asked.
    **{
        (state, _E.TAKEN_OVER): _T(_S.IN_DOUBT, (_F.ASK_STATUS,))
        for state in (_S.RECEIVED, _S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING, _S.IN_DOUBT)
    },
    (_S.AWAITING_OPERATOR, _E.TAKEN_OVER): _T(_S.AWAITING_OPERATOR),
    # ... and where it then says that a transfer has settled which nobody here has accepted, a person looks first.
    **{
        (state, _E.SETTLEMENT_WITHOUT_ANSWER_ADVISED): _T(_S.PENDING, (*_HELD, *_STRANGE))
        for state in (_S.IN_DOUBT, _S.AWAITING_OPERATOR)
    },
    # ... but what the rail is known to have settled stays so: the same instruction to post has the same id.
    (_S.SETTLED, _E.TAKEN_OVER): _T(_S.SETTLED, _ARRIVED),
    **{(state, _E.TAKEN_OVER): _T(state) for state in (_S.PENDING, _S.RETURN_DUE)},
    # ... and where the rail has contradicted what was the end, the person whom that calls may record that it arrived.
    **{(state, _E.OPERATOR_RECORDED_SETTLEMENT): _T(_S.PENDING, (*_HELD, *_STRANGE)) for state in _NEVER_ARRIVED},
    **{(state, _E.OPERATOR_RECORDED_NO_SETTLEMENT): _T(state) for state in _NEVER_ARRIVED},
    # ... or that what it had called settled is, and stays as it is; or is not, where nobody has the money yet: also of
    # what is owed back, while nothing of it can have left.
    **{(state, _E.OPERATOR_RECORDED_SETTLEMENT): _T(state) for state in _ARRIVED_STATES},
    **{
        (state, _E.OPERATOR_RECORDED_NO_SETTLEMENT): _T(_S.NOT_SETTLED, _GONE)
        for state in (_S.SETTLED, _S.PENDING, _S.BLOCKED, _S.RETURN_DUE)
    },
    # The money is ours: it is posted, held, blocked or given back. Until it is said, it is asked for again and again.
    (_S.SETTLED, _E.POSTING_OVERDUE): _T(_S.SETTLED, _ARRIVED),
    **{(state, _E.POSTING_OVERDUE): _T(state) for state in (*_HELD_OR_GIVEN, *_NEVER_ARRIVED)},
    (_S.SETTLED, _E.POSTING_CONFIRMED): _T(_S.POSTED, (_F.SEND_STATUS, _F.STOP_TIMER)),
    (_S.SETTLED, _E.POSTING_REFUSED): _T(_S.RETURN_DUE, _OWED),
    (_S.SETTLED, _E.PENDING_DECIDED): _T(_S.PENDING, (_F.SEND_STATUS, *_HELD)),
    (_S.SETTLED, _E.BLOCKING_DECIDED): _T(_S.BLOCKED, (_F.SEND_STATUS, _F.STOP_TIMER)),
    (_S.PENDING, _E.POSTING_CONFIRMED): _T(_S.POSTED, (_F.SEND_STATUS, _F.STOP_TIMER)),
    (_S.PENDING, _E.POSTING_REFUSED): _T(_S.RETURN_DUE, _OWED),
    (_S.PENDING, _E.PENDING_DECIDED): _T(_S.PENDING, (_F.SEND_STATUS,)),
    (_S.PENDING, _E.BLOCKING_DECIDED): _T(_S.BLOCKED, (_F.SEND_STATUS, _F.STOP_TIMER)),
    (_S.BLOCKED, _E.POSTING_CONFIRMED): _T(_S.POSTED, (_F.SEND_STATUS,)),
    (_S.BLOCKED, _E.POSTING_REFUSED): _T(_S.RETURN_DUE, _OWED),
    (_S.BLOCKED, _E.PENDING_DECIDED): _T(_S.BLOCKED),
    (_S.BLOCKED, _E.BLOCKING_DECIDED): _T(_S.BLOCKED),
    (_S.RETURN_DUE, _E.RETURN_SETTLED): _T(_S.RETURNED, (_F.STOP_TIMER, _F.TELL_RETURN)),
    # A request for the return: where the money stands decides what may be answered. Agreed, it goes with the answer.
    **{(state, _E.RETURN_REQUESTED): _T(state, _REQUEST) for state in _S},
    **{(state, kind): _T(state, _REQUEST) for state in _S for kind in (_E.RETURN_DEFERRED, _E.RETURN_REFUSED)},
    **{(state, _E.RETURN_RECEIPT_MISSED): _T(state) for state in _S},
    (_S.POSTED, _E.RETURN_AGREED): _T(_S.POSTED, (*_REQUEST, *_RETURN)),
    (_S.RETURN_DUE, _E.RETURN_AGREED): _T(_S.RETURN_DUE, _REQUEST),
    # A return that never left is followed by another, under new ids. After one that left a person decides: the rail may
    # yet contradict itself, and two would have gone.
    **{(state, _E.RETURN_STARTED): _T(state, _RETURN) for state in (_S.RETURN_DUE, _S.POSTED)},
    **{
        (state, _E.RETURN_OVERDUE): _T(state, (_F.QUEUE_RETURN, _F.AWAIT_RETURN))
        for state in (_S.RETURN_DUE, _S.POSTED)
    },
    (_S.RETURN_DUE, _E.RETURN_FAILED): _T(_S.RETURN_DUE, (_F.AWAIT_RETURN,)),
    (_S.RETURN_DUE, _E.RETURNS_ENDED): _T(_S.RETURN_DUE, _ENDED),
    **{
        (state, _E.RETURN_CONTRADICTED): _T(state, (_F.STOP_RETURNS, _F.CALL_OPERATOR, *_STRANGE))
        for state in (_S.RETURN_DUE, _S.POSTED, *_GIVEN_BACK)
    },
    # ... also where a person has recorded that what was owed back had never come: its returns had not left.
    **{
        (state, _E.RETURN_CONTRADICTED): _T(state, (_F.CALL_OPERATOR, *_STRANGE))
        for state in (_S.NOT_SETTLED, _S.PENDING, _S.BLOCKED)
    },
    # A person has found out that it has gone back: whatever else is said to have gone would be the second.
    (_S.RETURN_DUE, _E.OPERATOR_RECORDED_RETURN): _T(_S.RETURNED_BY_HAND, (_F.STOP_TIMER,)),
    (_S.RETURNED_BY_HAND, _E.RETURN_SETTLED): _T(_S.RETURNED_BY_HAND, _STRANGE),
    # What the institution gives back of what it had posted it has taken from its customer: it says so, and tries again.
    (_S.POSTED, _E.RETURN_SETTLED): _T(_S.POSTED, (_F.STOP_TIMER, _F.TELL_RETURN)),
    (_S.POSTED, _E.RETURN_FAILED): _T(_S.POSTED, _ENDED),
    (_S.RETURN_DUE, _E.POSTING_REFUSED): _T(_S.RETURN_DUE),
    (_S.RETURN_DUE, _E.POSTING_CONFIRMED): _T(_S.RETURN_DUE, _STRANGE),
    (_S.RETURN_DUE, _E.PENDING_DECIDED): _T(_S.RETURN_DUE),
    (_S.RETURN_DUE, _E.BLOCKING_DECIDED): _T(_S.RETURN_DUE, _STRANGE),
    # Posted, and given back: either is the end. Both at once would pay the creditor twice.
    (_S.POSTED, _E.POSTING_CONFIRMED): _T(_S.POSTED),
    **{
        (_S.POSTED, kind): _T(_S.POSTED, _STRANGE)
        for kind in (_E.POSTING_REFUSED, _E.PENDING_DECIDED, _E.BLOCKING_DECIDED)
    },
    (_S.RETURNED, _E.RETURN_SETTLED): _T(_S.RETURNED),
    **{(state, _E.POSTING_REFUSED): _T(state) for state in _GIVEN_BACK},
    **{
        (state, kind): _T(state, _STRANGE)
        for state in _GIVEN_BACK
        for kind in (_E.POSTING_CONFIRMED, _E.PENDING_DECIDED, _E.BLOCKING_DECIDED)
    },
    # It arrived: the rail's word that it did not is a contradiction, and no return begins by itself until a person has
    # looked; the same word again is none.
    **{
        (state, kind): _T(state)
        for state in _ARRIVED_STATES
        for kind in (_E.SETTLEMENT_ADVISED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED)
    },
    **{
        (state, kind): _T(state, (_F.STOP_RETURNS, *_STRANGE) if state is _S.RETURN_DUE else _STRANGE)
        for state in _ARRIVED_STATES
        for kind in (_E.REJECTION_ADVISED, _E.TIME_OUT_ADVISED, _E.NOT_FOUND_REPORTED)
    },
    **{(state, _E.RECEIVED_AGAIN): _T(state) for state in _ARRIVED_STATES},
    # It did not arrive. What is said of a posting, or of money that came, must be looked at by a person.
    **{
        (state, kind): _T(state, _STRANGE)
        for state in _NEVER_ARRIVED
        for kind in (
            _E.SETTLEMENT_ADVISED,
            _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED,
            _E.POSTING_CONFIRMED,
            _E.PENDING_DECIDED,
            _E.BLOCKING_DECIDED,
            _E.RETURN_SETTLED,
        )
    },
    **{
        (state, kind): _T(state)
        for state in _NEVER_ARRIVED
        for kind in (_E.REJECTION_ADVISED, _E.NOT_FOUND_REPORTED, _E.POSTING_REFUSED)
    },
    **{(state, _E.TIME_OUT_ADVISED): _T(state, (_F.CONFIRM_TIME_OUT,)) for state in _NEVER_ARRIVED},
    (_S.REJECTED, _E.RECEIVED_AGAIN): _T(_S.REJECTED, (_F.REPEAT_ANSWER,)),
    (_S.NOT_SETTLED, _E.RECEIVED_AGAIN): _T(_S.NOT_SETTLED),
    # Late decisions, late timers, refused answers and answered questions change nothing any more.
    **{
        (state, kind): _T(state)
        for state in (*_ARRIVED_STATES, *_NEVER_ARRIVED)
        for kind in (*_DECISIONS, *_TIMERS, *_SAYING_NOTHING, _E.ANSWER_REFUSED, _E.ANSWER_WITHHELD)
    },
}

ARRIVAL: Final = IncomingTransition(IncomingState.RECEIVED, (_F.ASK_INSTITUTION, _F.AWAIT_DECISION))
"""How every incoming transfer begins."""


def advance_incoming(state: IncomingState, event: IncomingEvent) -> IncomingTransition:
    """Decide what `event` makes of a transfer in `state`; pure, so a repeat gives the same answer.

    Raises:
        IllegalTransitionError: the pair is not in the table.

    """
    try:
        return INCOMING_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransitionError(f"{event} cannot befall an incoming transfer in {state}") from None
