"""Doubt: how a rail is asked what became of a payment, how often, and when a person is called. Pure functions.

FedNow is asked with a pacs.028, not before its own clock has run out, for today's and yesterday's payments only
(FedNow Operating Procedures v2.1, October 2024, section 16). RTP is asked by the identical message once more, marked
as a duplicate (IBM FTM and Oracle Banking Payments, their RTP guides): it repeats its answer, or processes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, assert_never

from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import Payment, PaymentState, Reason, ReasonOrigin
from gateway.domain.transitions import DOUBTED

EXPIRED: Final = Reason("AB11", ReasonOrigin.GATEWAY, "The payment's time ran out before it could be sent.")
"""ISO external status reason AB11: time-out at the debtor agent. No money can have moved."""

NOT_RELEASED: Final = Reason(
    "AB11", ReasonOrigin.GATEWAY, "It was held for a person, who did not release it in time; nothing was sent."
)
"""ISO external status reason AB11: what screening has held, and nobody has released. No money can have moved."""

ASKED_IN_VAIN: Final = Reason(
    "ASKED_IN_VAIN", ReasonOrigin.GATEWAY, "The rail was asked as often as foreseen and did not tell; ask its support."
)
"""Why a person is called: the questions stay unanswered."""

LOOK_BACK_ENDED: Final = Reason(
    "LOOK_BACK_ENDED", ReasonOrigin.GATEWAY, "The rail answers no question about a day this long past; ask its support."
)
"""Why a person is called: the rail cannot be asked by message any more."""


DAY_ENDED: Final = Reason(
    "DAY_ENDED", ReasonOrigin.GATEWAY, "The rail's day ended before it was sent again under its ids; ask its support."
)
"""Why a person is called: the rail has no such message, and its ids may not be sent any more."""


ENDED_BY_TIME: Final = frozenset(
    {
        PaymentState.RECEIVED,
        PaymentState.HELD,
        PaymentState.RELEASED,
        PaymentState.SENDING,
        PaymentState.RESEND_DUE,
    }
)
"""The open states from which time alone leads on (`due_event`), to an end or to doubt: nobody is asked for it, and
nothing is sent."""


class Enquiry(StrEnum):
    """How a rail is asked."""

    STATUS_REQUEST = "status_request"
    """With a pacs.028."""

    REPEAT = "repeat"
    """With the identical message, marked as a duplicate (``CpyDplct`` DUPL)."""


class NotFoundPolicy(StrEnum):
    """What a tenant wants when the rail has no such message."""

    REJECT = "reject"
    """The payment is rejected: it never reached the rail, and trying again is a new payment under a new key."""

    RESEND = "resend"
    """It is sent again under the same ids while they are of today; later a person decides."""


@dataclass(frozen=True, slots=True)
class DoubtPolicy:
    """How one rail is asked, and how often.

    After ``ping_after`` questions without an answer the rail is pinged once, where it has a PING (0: never); after
    ``questions_max`` a person is called.
    """

    enquiry: Enquiry = Enquiry.STATUS_REQUEST
    questions_max: int = 12
    ping_after: int = 3


def asks_first(payment: Payment) -> bool:
    """Whether another region may have accepted the same key, and sent it, unknown here: the rail is asked first."""
    return payment.ask_after is not None and payment.state is PaymentState.RECEIVED


def due_event(payment: Payment, *, policy: DoubtPolicy, is_looked_back_to: bool) -> Event:
    """Return what it means that an open payment's timer has come.

    `is_looked_back_to` says whether the rail still answers questions about the day on which the payment was sent.
    """
    match payment.state:
        case PaymentState.RECEIVED if asks_first(payment):
            return Event(EventKind.TAKEN_OVER)
        case PaymentState.RECEIVED | PaymentState.RELEASED | PaymentState.RESEND_DUE:
            return Event(EventKind.DEADLINE_PASSED, reason=EXPIRED)
        case PaymentState.HELD:
            return Event(EventKind.DEADLINE_PASSED, reason=NOT_RELEASED)
        case PaymentState.SENDING:
            return Event(EventKind.DEADLINE_PASSED)
        case PaymentState.IN_DOUBT | PaymentState.AWAITING_OPERATOR if not is_looked_back_to:
            return Event(EventKind.LOOK_BACK_ENDED, reason=LOOK_BACK_ENDED)
        case PaymentState.IN_DOUBT:
            return _next_question(payment, policy)
        case PaymentState.AWAITING_OPERATOR if policy.enquiry is Enquiry.REPEAT:
            return Event(EventKind.LOOK_BACK_ENDED, reason=ASKED_IN_VAIN)  # a repeat may settle: a person is on it now
        case PaymentState.AWAITING_OPERATOR:
            return Event(EventKind.STATUS_REQUEST_DUE)
        case (
            PaymentState.SETTLED
            | PaymentState.ACCEPTED_WITHOUT_POSTING
            | PaymentState.RETURN_DUE
            | PaymentState.RETURNED
            | PaymentState.REJECTED
        ):
            return Event(EventKind.DEADLINE_PASSED)
        case _:
            assert_never(payment.state)


def _next_question(payment: Payment, policy: DoubtPolicy) -> Event:
    asked = questions(payment, policy)
    if asked >= policy.questions_max:
        return Event(EventKind.QUESTIONS_EXHAUSTED, reason=ASKED_IN_VAIN)
    if policy.ping_after and asked >= policy.ping_after and not payment.pings:
        return Event(EventKind.PING_DUE)
    return Event(EventKind.STATUS_REQUEST_DUE)


def questions(payment: Payment, policy: DoubtPolicy) -> int:
    """Return how often the rail was asked about a payment."""
    match policy.enquiry:
        case Enquiry.STATUS_REQUEST:
            return payment.status_requests
        case Enquiry.REPEAT:
            return max(0, payment.transfers - 1)
        case _:
            assert_never(policy.enquiry)


def is_of_one_copy(event: Event) -> bool:
    """Whether an answer says of the copies that had left when it was asked for, and of no later one."""
    return event.kind in {EventKind.NOT_FOUND_REPORTED, EventKind.NOT_PROCESSED_REPORTED}


def without_later_copies(event: Event, *, policy: NotFoundPolicy, is_of_today: bool, is_about_last_copy: bool) -> Event:
    """Return what an answer that `is_of_one_copy` means for a tenant with this policy about what is not found.

    `is_of_today` says whether the ids of the payment are of the rail's present day: only then may they be sent again.
    `is_about_last_copy` says whether the question was put after the last copy had left: where not, the answer says
    nothing of that copy, which may settle. What was not processed wants new ids, and is never sent again as it is.
    """
    assert is_of_one_copy(event), "only the rail's word that no copy can settle leads here"
    if not is_about_last_copy:
        return Event(EventKind.STATUS_REQUEST_UNANSWERED, event.reason, None, event.business_message_id, event.details)
    if event.kind is EventKind.NOT_PROCESSED_REPORTED:
        return event
    match policy:
        case NotFoundPolicy.REJECT:
            return event
        case NotFoundPolicy.RESEND:
            kind = EventKind.RESENDING_CHOSEN if is_of_today else EventKind.RESENDING_TOO_LATE
            return Event(kind, event.reason, event.status, event.business_message_id, event.details)
        case _:
            assert_never(policy)


def may_be_out_of_place(event: Event, payment: Payment) -> bool:
    """Whether an event may mean another thing than it says, where something was not heard that came before it."""
    is_either = event.kind in {EventKind.REJECTION_REPORTED, EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED}
    return is_either and payment.state in DOUBTED


_REPORT: Final = "report"
"""The id of the report that is unplaced, in the event's details."""


def placed(
    event: Event,
    events: Sequence[RecordedEvent],
    *,
    report_id: str,
    may_be_of_posting: bool,
    is_before_questions: bool,
) -> Event:
    """Return what an event that `may_be_out_of_place` means for a payment with this history before it.

    After ACWP the creditor's institution may refuse the posting, by an RJCT that is worded like one before the
    settlement (FedNow Operating Procedures v2.1 section 5). Where the ACWP may have gone to where it was not read, the
    other region's connection point, the RJCT decides nothing: the rail itself is asked, which tells the status as at
    its own completion. Where it relays the institution's report again as its answer, that is the same Document: its id,
    `report_id`, is that of an RJCT which came before the question. Another one is the institution's news again.

    `may_be_of_posting` says whether it is the institution's own word on a rail where a posting may be refused, and
    `is_before_questions` whether it was written before the rail could be asked at all: what was to be heard before it
    is then under way as well, unless it went to a region that is lost.
    """
    unplaced = [each for each in events if each.event.kind is EventKind.REFUSAL_UNPLACED]
    if event.kind is EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED:
        if not unplaced:
            return event
        said = unplaced[0].event
        return replace(event, kind=EventKind.POSTING_REFUSAL_PLACED, reason=said.reason, status=said.status)
    was_taken_over = any(each.event.kind is EventKind.TAKEN_OVER for each in events)
    asked_at = max((each.sequence for each in events if each.event.kind is EventKind.STATUS_REQUESTED), default=0)
    is_answer = any(each.sequence < asked_at and each.event.details.get(_REPORT) == report_id for each in unplaced)
    if not may_be_of_posting or is_answer or (is_before_questions and not was_taken_over):
        return event
    return replace(event, kind=EventKind.REFUSAL_UNPLACED, details={**event.details, _REPORT: report_id})
