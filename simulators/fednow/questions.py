"""The institutions that the network plays, asked by who has sent them something (pacs.028): what they answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from iso20022 import ConnectionPartyId, PaymentStatusRequest, RoutingNumber, TransactionStatus, pacs028
from iso20022.messages import pain013
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestStatus
from simulators.behaviours import Told
from simulators.book import Book
from simulators.conversations import UNTRACED_ACCOUNT, number_of, statuses_of
from simulators.facts import PaymentBooked, ReasonSource
from simulators.fednow.answers import AnswerWriter
from simulators.fednow.behaviours import TABLE
from simulators.fednow.conversations import ConversationWriter
from simulators.relay import document_in

NOT_TRACEABLE: Final = "AG09"
"""ISO: the original payment was never received."""

_REFUSALS: Final = frozenset({NOT_TRACEABLE, "NARR"})
_SILENCE: Final = "NONE"
_TWICE: Final = "TWICE"


class QuestionAnswers:
    """Answers for the institution that is asked, after the receipts of the network and of the institution."""

    def __init__(self, answers: AnswerWriter, conversations: ConversationWriter) -> None:
        self._answers = answers
        self._conversations = conversations

    def answered(
        self, question: PaymentStatusRequest, party: ConnectionPartyId, book: Book, *, now: datetime
    ) -> tuple[bytes, ...]:
        """What who asks is told: a stranger's payment is not traceable."""
        receipts = tuple(
            self._conversations.receipt(question.message_id, pacs028.MESSAGE_TYPE, party, now=now) for _ in range(2)
        )
        record = book.payment_with_id(question.original_message_id)
        taken = book.request_with_id(question.original_message_id)
        completed_on = None if record is None else record.settlement_date
        if record is not None and completed_on is not None and _has_arrived(question, record.booked):
            told = self._of_payment(question, record.booked, party, settled_on=completed_on, now=now)
            return *receipts, *told
        if taken is not None:
            request = pain013.parse(document_in(taken.body))
            if _is_of_asker(question, request):
                return *receipts, self._of_request(question, request, party, now=now)
        return *receipts, self._refused(question, NOT_TRACEABLE, party, now=now)

    def _of_payment(
        self,
        question: PaymentStatusRequest,
        booked: PaymentBooked,
        party: ConnectionPartyId,
        *,
        settled_on: date,
        now: datetime,
    ) -> tuple[bytes, ...]:
        asked = TABLE.named(booked.behaviour).asked
        if asked == _SILENCE:
            return ()
        if asked in _REFUSALS:
            return (self._refused(question, asked, party, now=now),)
        if asked is None and booked.status is TransactionStatus.RJCT:
            return (self._answers.status(booked, settlement_date=settled_on, now=now),)
        if asked is None:
            status = _latest(booked, now)
        else:
            status = TransactionStatus.ACCC if asked == _TWICE else TransactionStatus(asked)
        told = self._answers.later_status(booked, status, now=now)
        return (told,) * (2 if asked == _TWICE else 1)

    def _of_request(
        self, question: PaymentStatusRequest, request: RequestForPayment, party: ConnectionPartyId, *, now: datetime
    ) -> bytes:
        if number_of(request.debtor_account) == UNTRACED_ACCOUNT:
            return self._refused(question, NOT_TRACEABLE, party, now=now)
        said = statuses_of(request)
        return self._conversations.response(request, said[-1] if said else RequestStatus.RCVD, party, now=now)

    def _refused(self, question: PaymentStatusRequest, code: str, party: ConnectionPartyId, *, now: datetime) -> bytes:
        return self._answers.question_refused(question, code=code, recipient=party, now=now)


def _has_arrived(question: PaymentStatusRequest, booked: PaymentBooked) -> bool:
    """Whether who is asked has had it of who asks: what the network itself has refused it has not."""
    is_of_network = booked.status is TransactionStatus.RJCT and booked.reason_source is ReasonSource.RAIL
    asked = (question.instructing_agent, question.instructed_agent)
    return asked == (booked.instructing_agent, booked.instructed_agent) and not is_of_network


def _is_of_asker(question: PaymentStatusRequest, request: RequestForPayment) -> bool:
    """Whether who asks has made the request, and asks who was asked by it."""
    asked: tuple[RoutingNumber | None, ...] = (question.instructing_agent, question.instructed_agent)
    return asked == (request.creditor_agent.member_id, request.debtor_agent.member_id)


def _latest(booked: PaymentBooked, now: datetime) -> TransactionStatus:
    """What the institution has said last by itself; what it has accepted outright it has posted."""
    answers = TABLE.named(booked.behaviour).answers
    told = [
        each.status for each in answers if each.told is Told.LATER_STATUS and booked.completes_at + each.after <= now
    ]
    if told and told[-1] is not None:
        return told[-1]
    return TransactionStatus.ACCC if booked.status is TransactionStatus.ACSC else booked.status
