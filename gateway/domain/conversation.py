"""Conversations that move no money: requests for payment, information requests, account reports. Pure.

A conversation is opened by one message and goes on by others, until nothing is to be expected any more. Its table says
what may follow what, and is the same for what we ask and for what we are asked: an act is the requester's or the
responder's, and whichever of the two we are, what the other one does is heard, and what we do is decided here. What may
not follow is refused to us; said by the others it is kept all the same, as a step that a person must look at.

Sources: FedNow Operating Procedures v2.1 (October 2024), the message flows: a request for payment stands until it
expires (a day ends at 23:59:59 Eastern) and is paid by the end of the day that it asks for; it may be withdrawn while
it is not paid; an information request is answered by midnight Eastern of the next standard business day, and a pending
answer is renewed every five.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from gateway.domain.payment import PaymentId, Rail, Reason, RegionId, TenantId
from gateway.domain.receiving_time import FINAL_SECOND, ZONE, business_days_later
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber

ConversationId = NewType("ConversationId", UUID)
"""Our own id of a conversation: a function of the message, or of the key, that opened it."""


class ConversationKind(StrEnum):
    """What a conversation is."""

    REQUEST_FOR_PAYMENT = "request_for_payment"
    """A creditor asks to be paid: pain.013, pain.014, camt.055, camt.029."""

    INFORMATION_REQUEST = "information_request"
    """The receiver of a payment, or of a request for payment, asks about it: camt.026, camt.029, camt.028."""

    ACCOUNT_REPORT = "account_report"
    """The rail reports on an account, asked (camt.060) or by itself: camt.052, camt.054."""


class Side(StrEnum):
    """Who opened a conversation."""

    US = "out"
    THEM = "in"


class ConversationState(StrEnum):
    """Where a conversation stands."""

    REQUESTED = "REQUESTED"
    """Asked; the responder has decided nothing."""

    PRESENTED = "PRESENTED"
    """The request for payment has arrived (RCVD), or was shown to the debtor (PRES)."""

    ACCEPTED = "ACCEPTED"
    """The responder will pay (ACTC), and has not yet."""

    WITHDRAWING = "WITHDRAWING"
    """The requester takes an undecided request back; the responder is still to say that it does not count any more."""

    WITHDRAWING_ACCEPTED = "WITHDRAWING_ACCEPTED"
    """The same of an accepted request: it may still be paid."""

    WITHDRAWN = "WITHDRAWN"
    """Taken back (CNCL): nothing will be paid."""

    PAID = "PAID"
    """A payment for it has settled."""

    REFUSED = "REFUSED"
    """The responder will not pay (RJCT)."""

    EXPIRED = "EXPIRED"
    """Its time passed without a decision."""

    PENDING = "PENDING"
    """The responder looks into the question (PDNG)."""

    INFORMED = "INFORMED"
    """Answered: INFO, the information is in a camt.028."""

    NO_INFORMATION = "NO_INFORMATION"
    """Answered: NINF, there is none."""

    DUPLICATE = "DUPLICATE"
    """Answered: IDUP, the payment is a duplicate."""

    WILL_PAY = "WILL_PAY"
    """Answered: IPAY, a payment follows."""

    REPORTED = "REPORTED"
    """The report is here."""

    FAILED = "FAILED"
    """The rail refused the opening message: it did not reach the other side."""

    @property
    def is_open(self) -> bool:
        """Whether something is still to be expected."""
        return self in _OPEN


_S = ConversationState
_OPEN: Final = frozenset({_S.REQUESTED, _S.PRESENTED, _S.ACCEPTED, _S.WITHDRAWING, _S.WITHDRAWING_ACCEPTED, _S.PENDING})


class Act(StrEnum):
    """What may befall a conversation; the names are what the history keeps for years: never rename one."""

    OPENED = "Opened"
    RECEIPT = "ReceiptReported"
    """The rail, or the other side: a message of ours has arrived (admi.007)."""

    RECEIPT_MISSED = "ReceiptMissed"
    """Our own clock: a message of ours has left, and nobody has said that it arrived."""

    ASKED_AGAIN = "AskedAgain"
    """A person has a request of ours sent again, under another message id: nobody has said that the first arrived."""

    OPENING_REFUSED = "OpeningRefused"
    """The rail: admi.002 about our opening message."""

    WITHDRAWAL_FAILED = "WithdrawalFailed"
    """The rail: admi.002 about our withdrawal, or a second copy of it: an agreement that comes all the same counts."""

    ANSWER_REFUSED = "AnswerRefused"
    """The rail: admi.002 about another message of ours, or about an opening message that has arrived: of a copy."""

    PRESENTED = "Presented"
    ACCEPTED = "Accepted"
    REFUSED = "Refused"
    PAID = "Paid"
    """A payment for the request has settled: found by its references, whichever way it came."""

    EXPIRED = "Expired"
    STATUS_ASKED = "StatusAsked"
    """The requester asks how the request stands (pacs.028): what is answered is said like any answer."""

    STATUS_NOT_TOLD = "StatusNotTold"
    """The responder cannot trace it (RJCT with AG09 or NARR of the question), or the rail refuses the question."""

    WITHDRAWAL_ASKED = "WithdrawalAsked"
    WITHDRAWAL_AGREED = "WithdrawalAgreed"
    WITHDRAWAL_REFUSED = "WithdrawalRefused"
    WITHDRAWAL_DEFERRED = "WithdrawalDeferred"
    DEFERRED = "Deferred"
    INFORMED = "Informed"
    INFORMATION_GIVEN = "InformationGiven"
    """The information itself (camt.028), before INFO or with it."""

    NO_INFORMATION = "NoInformation"
    DUPLICATE = "DuplicateConfirmed"
    WILL_PAY = "PaymentPromised"
    REPORTED = "Reported"
    NOTED = "Noted"
    """A person has looked at it, and says what was found: it needs no attention any more."""


_A = Act
REQUESTERS: Final = frozenset({_A.WITHDRAWAL_ASKED, _A.ASKED_AGAIN, _A.STATUS_ASKED})
"""What only who opened a conversation may do."""

RESPONDERS: Final = frozenset(
    {
        *(_A.PRESENTED, _A.ACCEPTED, _A.REFUSED),
        *(_A.WITHDRAWAL_AGREED, _A.WITHDRAWAL_REFUSED, _A.WITHDRAWAL_DEFERRED),
        *(_A.DEFERRED, _A.INFORMED, _A.INFORMATION_GIVEN, _A.NO_INFORMATION, _A.DUPLICATE, _A.WILL_PAY),
        *(_A.REPORTED, _A.STATUS_NOT_TOLD),
    }
)
"""What only who was asked may do."""


@dataclass(frozen=True, slots=True)
class ConversationStep:
    """The state that follows; with ``is_strange`` a person must look."""

    state: ConversationState
    is_strange: bool = False


_T = ConversationStep
_Table = Mapping[tuple[ConversationState, Act], ConversationStep]

_SAYING_NOTHING: Final = (_A.RECEIPT, _A.RECEIPT_MISSED, _A.OPENING_REFUSED, _A.NOTED)
_UNDECIDED: Final = (_S.REQUESTED, _S.PRESENTED)
_ASKED_BACK: Final = {_S.REQUESTED: _S.WITHDRAWING, _S.PRESENTED: _S.WITHDRAWING, _S.ACCEPTED: _S.WITHDRAWING_ACCEPTED}
_GIVEN_UP: Final = {_S.WITHDRAWING: _S.REQUESTED, _S.WITHDRAWING_ACCEPTED: _S.ACCEPTED}
WITHDRAWING: Final = frozenset(_GIVEN_UP)
"""Where a request for payment was taken back, and who was asked has not said whether."""

MAY_EXPIRE: Final = (*_UNDECIDED, _S.WITHDRAWING)
"""Where a request for payment is over with its expiry, whatever is said after."""

_OVER: Final = (_S.WITHDRAWN, _S.PAID, _S.REFUSED, _S.EXPIRED)
_OF_REQUESTS: Final = (*_UNDECIDED, _S.ACCEPTED, _S.WITHDRAWING, _S.WITHDRAWING_ACCEPTED, *_OVER, _S.FAILED)

REQUEST_FOR_PAYMENT: Final[_Table] = {
    # What says nothing new, in whatever state.
    **{(state, act): _T(state) for state in _OF_REQUESTS for act in (*_SAYING_NOTHING, _A.PRESENTED)},
    # Another copy of what was asked, or of what asks for it back: the same request.
    **{(state, _A.ASKED_AGAIN): _T(state) for state in (_S.REQUESTED, *_GIVEN_UP)},
    **{(state, _A.WITHDRAWAL_FAILED): _T(_GIVEN_UP.get(state, state)) for state in _OF_REQUESTS},
    **{(state, _A.ANSWER_REFUSED): _T(state, is_strange=True) for state in _OF_REQUESTS},
    # The rail refuses a second copy too: what was answered stays answered, and what is answered was not refused.
    (_S.REQUESTED, _A.OPENING_REFUSED): _T(_S.FAILED),
    # A copy was refused before the first one's receipt was heard: the request stands, and must not be made anew.
    (_S.FAILED, _A.RECEIPT): _T(_S.REQUESTED, is_strange=True),
    **{(state, _A.PRESENTED): _T(_S.PRESENTED) for state in (*_UNDECIDED, _S.FAILED)},
    # The decision.
    **{(state, _A.ACCEPTED): _T(_S.ACCEPTED) for state in (*_UNDECIDED, _S.ACCEPTED, _S.FAILED)},
    **{(state, _A.ACCEPTED): _T(_S.WITHDRAWING_ACCEPTED) for state in _GIVEN_UP},
    (_S.PAID, _A.ACCEPTED): _T(_S.PAID),
    **{(state, _A.REFUSED): _T(_S.REFUSED) for state in (*_UNDECIDED, _S.WITHDRAWING, _S.REFUSED, _S.FAILED)},
    **{(state, _A.REFUSED): _T(state) for state in (_S.WITHDRAWN, _S.EXPIRED)},
    # What was promised, or has come, is refused; what is over is promised.
    **{(state, _A.REFUSED): _T(state, is_strange=True) for state in (_S.ACCEPTED, _S.WITHDRAWING_ACCEPTED, _S.PAID)},
    **{(state, _A.ACCEPTED): _T(state, is_strange=True) for state in (_S.WITHDRAWN, _S.REFUSED, _S.EXPIRED)},
    # Money is money, whatever was said before: it is linked, and what does not fit is for a person.
    **{(state, _A.PAID): _T(_S.PAID) for state in _OF_REQUESTS},
    **{(state, _A.PAID): _T(_S.PAID, is_strange=True) for state in _OVER},
    **{(state, _A.EXPIRED): _T(_S.EXPIRED) for state in MAY_EXPIRE},
    # How it stands: the question changes nothing, nor does that it cannot be told; of what was answered that is odd.
    **{(state, act): _T(state) for state in _OF_REQUESTS for act in (_A.STATUS_ASKED, _A.STATUS_NOT_TOLD)},
    **{(state, _A.STATUS_NOT_TOLD): _T(state, is_strange=True) for state in (_S.PRESENTED, _S.ACCEPTED)},
    # Taking it back.
    **{(state, _A.WITHDRAWAL_ASKED): _T(state) for state in _OF_REQUESTS},
    **{(state, _A.WITHDRAWAL_ASKED): _T(after) for state, after in _ASKED_BACK.items()},
    **{(state, _A.WITHDRAWAL_DEFERRED): _T(state) for state in _OF_REQUESTS},
    **{(state, _A.WITHDRAWAL_AGREED): _T(_S.WITHDRAWN) for state in (*_GIVEN_UP, _S.WITHDRAWN)},
    **{(state, _A.WITHDRAWAL_AGREED): _T(state) for state in (_S.REFUSED, _S.EXPIRED, _S.FAILED)},
    # The rail refused a second copy of the withdrawal, and the first had arrived: who was asked says that it is over.
    **{(state, _A.WITHDRAWAL_AGREED): _T(_S.WITHDRAWN, is_strange=True) for state in (*_UNDECIDED, _S.ACCEPTED)},
    (_S.PAID, _A.WITHDRAWAL_AGREED): _T(_S.PAID, is_strange=True),
    **{(state, _A.WITHDRAWAL_REFUSED): _T(_GIVEN_UP.get(state, state)) for state in _OF_REQUESTS},
    (_S.WITHDRAWN, _A.WITHDRAWAL_REFUSED): _T(_S.WITHDRAWN, is_strange=True),
}
"""What follows what in a request for payment."""

_ANSWERS: Final = {
    _A.INFORMED: _S.INFORMED,
    _A.NO_INFORMATION: _S.NO_INFORMATION,
    _A.DUPLICATE: _S.DUPLICATE,
    _A.WILL_PAY: _S.WILL_PAY,
}
_UNANSWERED: Final = (_S.REQUESTED, _S.PENDING, _S.FAILED)
_OF_QUESTIONS: Final = (*_UNANSWERED, *_ANSWERS.values())

INFORMATION_REQUEST: Final[_Table] = {
    **{(state, act): _T(state) for state in _OF_QUESTIONS for act in _SAYING_NOTHING},
    (_S.REQUESTED, _A.ASKED_AGAIN): _T(_S.REQUESTED),
    **{(state, _A.ANSWER_REFUSED): _T(state, is_strange=True) for state in _OF_QUESTIONS},
    (_S.REQUESTED, _A.OPENING_REFUSED): _T(_S.FAILED),
    **{(state, _A.DEFERRED): _T(_S.PENDING) for state in _UNANSWERED},
    **{(state, _A.DEFERRED): _T(state) for state in _ANSWERS.values()},
    **{(state, _A.INFORMATION_GIVEN): _T(state) for state in _OF_QUESTIONS},
    **{(state, act): _T(after) for state in _UNANSWERED for act, after in _ANSWERS.items()},
    **{
        (state, act): _T(state, is_strange=after is not state)
        for state in _ANSWERS.values()
        for act, after in _ANSWERS.items()
    },
}
"""What follows what in an information request."""

ACCOUNT_REPORT: Final[_Table] = {
    **{(state, act): _T(state) for state in (_S.REPORTED, _S.FAILED) for act in (_A.RECEIPT, _A.OPENING_REFUSED)},
    **{(state, _A.NOTED): _T(state) for state in (_S.REQUESTED, _S.REPORTED, _S.FAILED)},
    (_S.REQUESTED, _A.RECEIPT): _T(_S.REQUESTED),
    (_S.REQUESTED, _A.OPENING_REFUSED): _T(_S.FAILED),
    # A report has pages, and each is a message.
    **{(state, _A.REPORTED): _T(_S.REPORTED) for state in (_S.REQUESTED, _S.REPORTED, _S.FAILED)},
}
"""What follows what in an account report."""

TABLES: Final[Mapping[ConversationKind, _Table]] = {
    ConversationKind.REQUEST_FOR_PAYMENT: REQUEST_FOR_PAYMENT,
    ConversationKind.INFORMATION_REQUEST: INFORMATION_REQUEST,
    ConversationKind.ACCOUNT_REPORT: ACCOUNT_REPORT,
}
"""The table of each kind."""

NO_REFERENCE: Final = "NOTPROVIDED"
"""ISO 20022's end-to-end id of what has none: it says nothing of what belongs together."""

PENDING_DAYS: Final = 5
"""Standard business days after which a pending answer is renewed."""

STATUS_ASKED_AGAIN_S: Final = 300.0
"""So long after a question how a request stands no other is put: a repeat is the same question. Ours."""

REPORT_DUE_S: Final = 300.0
"""So long a report is waited for before it shows as overdue. Ours: the rail names no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation as it stands. Facts first, then what events have made of it.

    ``message_id`` is that of the opening message; ``topic`` what is asked in a word (a question's codes, a report's
    kind). ``payment_id`` is the payment, or incoming transfer, that a request was paid with, ``about_id`` the one that
    is asked about; with ``is_about_request`` that is a request for payment, by its conversation. ``due_at`` says until
    when what comes next is due. ``version`` counts events. ``region`` is where it goes on, its home; None before it is
    saved.
    """

    conversation_id: ConversationId
    tenant_id: TenantId
    rail: Rail
    kind: ConversationKind
    side: Side
    message_id: MessageId
    own_agent: RoutingNumber
    counterparty: RoutingNumber
    topic: str | None = None
    amount: Amount | None = None
    end_to_end_id: EndToEndId | None = None
    about_id: PaymentId | ConversationId | None = None
    is_about_request: bool = False
    opened_at: datetime
    pay_by: datetime | None = None
    expires_at: datetime | None = None
    state: ConversationState
    version: int
    due_at: datetime | None
    updated_at: datetime
    payment_id: PaymentId | None = None
    withdrawal_id: str | None = None
    needs_attention: bool = False
    region: RegionId | None = None


@dataclass(frozen=True, slots=True)
class RecordedAct:
    """One row of a conversation's history; `region` wrote it, `epoch` says under whose rule."""

    sequence: int
    act: Act
    state_before: ConversationState | None
    state_after: ConversationState
    reason: Reason | None
    business_message_id: str | None
    is_strange: bool
    at: datetime
    region: RegionId
    epoch: int
    payment_id: PaymentId | None = None


def step_after(conversation: Conversation, act: Act) -> ConversationStep | None:
    """Return what an act makes of a conversation; None where it is none of that kind of conversation."""
    return TABLES[conversation.kind].get((conversation.state, act))


def is_ours_to_do(conversation: Conversation, act: Act) -> bool:
    """Whether the act is one of our side's, and changes something now: a deferral may be renewed."""
    step = step_after(conversation, act)
    if step is None or step.is_strange or not conversation.state.is_open:
        return False
    if act not in (REQUESTERS if conversation.side is Side.US else RESPONDERS):
        return False
    if act in {_A.WITHDRAWAL_AGREED, _A.WITHDRAWAL_REFUSED, _A.WITHDRAWAL_DEFERRED}:
        return conversation.state in WITHDRAWING
    return step.state is not conversation.state or act in {_A.DEFERRED, _A.STATUS_ASKED}


def is_theirs_to_say(conversation: Conversation, act: Act) -> bool:
    """Whether the other side may say so at all: what only we may do is no word of theirs."""
    return act not in (REQUESTERS if conversation.side is Side.US else RESPONDERS)


def needs_attention_after(conversation: Conversation, act: Act, *, is_strange: bool) -> bool:
    """Whether a person must look at it after an act: once they have to, until one has."""
    return act is not _A.NOTED and (conversation.needs_attention or is_strange)


def first_state(kind: ConversationKind, side: Side) -> ConversationState:
    """Return where a conversation begins: a report that nobody has asked for is here with its opening."""
    unasked = kind is ConversationKind.ACCOUNT_REPORT and side is Side.THEM
    return _S.REPORTED if unasked else _S.REQUESTED


def due_after(
    kind: ConversationKind,
    state: ConversationState,
    *,
    at: datetime,
    pay_by: datetime | None = None,
    expires_at: datetime | None = None,
) -> datetime | None:
    """Return until when what comes next is due in a state that was entered, or renewed, at this instant."""
    if not state.is_open:
        return None
    match kind:
        case ConversationKind.REQUEST_FOR_PAYMENT:
            return (expires_at or pay_by) if state in MAY_EXPIRE else pay_by
        case ConversationKind.INFORMATION_REQUEST:
            return business_days_later(at, PENDING_DAYS if state is _S.PENDING else 1)
        case ConversationKind.ACCOUNT_REPORT:
            return at + timedelta(seconds=REPORT_DUE_S)


def end_of(day_or_instant: date | datetime) -> datetime:
    """Return the instant at which a day, or a point in time, is over on the rail: a day ends at 23:59:59 Eastern."""
    if isinstance(day_or_instant, datetime):
        return day_or_instant if day_or_instant.tzinfo else day_or_instant.replace(tzinfo=ZONE)
    return datetime.combine(day_or_instant, FINAL_SECOND, tzinfo=ZONE)
