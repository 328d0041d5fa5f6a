"""Our answers in FedNow's conversations: pain.014 to a request, camt.029 to a withdrawal or a question, camt.028."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.conversation import NO_REFERENCE, Act, Conversation, ConversationKind
from gateway.domain.payment import Reason
from gateway.service.conversations.alike import (
    Manner,
    case_of,
    purpose_of,
    question_in,
    received,
    request_in,
    response,
    stated,
)
from gateway.service.conversations.alike import information as told_about
from gateway.service.dialect import document_in
from gateway.service.fednow import FedNowDialect
from gateway.service.ports import MessageClass, RawMessage
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import Personal, Resolution
from iso20022.messages import camt028, camt029, camt055, pain014
from iso20022.messages.actors import Agent
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt029 import (
    Confirmation,
    PaymentResolution,
    RequestResolution,
    RequestTransactionResolution,
)
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.investigation import UnderlyingPayment, UnderlyingRequest
from iso20022.messages.pain014 import RequestStatus

_INFORMATION_PRACTICE: Final = "frb.fednow.irr.01"
_WITHDRAWAL_PRACTICE: Final = "frb.fednow.rcr.01"
_STATUSES: Final = {
    Act.PRESENTED: RequestStatus.PRES,
    Act.ACCEPTED: RequestStatus.ACTC,
    Act.REFUSED: RequestStatus.RJCT,
}
_WITHDRAWALS: Final = {
    Act.WITHDRAWAL_AGREED: Confirmation.CNCL,
    Act.WITHDRAWAL_REFUSED: Confirmation.RJCR,
    Act.WITHDRAWAL_DEFERRED: Confirmation.PDCR,
}
_QUESTIONS: Final = {
    Act.DEFERRED: Confirmation.PDNG,
    Act.INFORMED: Confirmation.INFO,
    Act.NO_INFORMATION: Confirmation.NINF,
    Act.DUPLICATE: Confirmation.IDUP,
    Act.WILL_PAY: Confirmation.IPAY,
}


class FedNowAnswers:
    """Makes the messages; pure. Made of the same things they have the same ids."""

    def __init__(self, dialect: FedNowDialect) -> None:
        self._dialect = dialect
        self._manner = manner_of(dialect)

    def answer(
        self,
        conversation: Conversation,
        act: Act,
        messages: Sequence[RawMessage],
        *,
        reason: Reason | None,
        information: Sequence[Personal],
        at: datetime,
    ) -> Sequence[OutboundMessage]:
        """Return what says this act, in the words of what the other side has sent."""
        purpose = purpose_of(conversation)
        if conversation.kind is ConversationKind.INFORMATION_REQUEST:
            question = question_in(messages)
            told = self._information(question, purpose, information, at=at) if information else ()
            return (*told, self._resolved(question, _QUESTIONS[act], purpose, at=at))
        if act in _WITHDRAWALS:
            withdrawal = camt055.parse(document_in(received(messages, camt055.MESSAGE_TYPE)))
            return (self._withdrawn(withdrawal, _WITHDRAWALS[act], reason, purpose, at=at),)
        answered = response(self._manner, request_in(messages), _STATUSES[act], reason, purpose, at=at)
        document = pain014.build(answered)
        return (self._dialect.message(answered.message_id, pain014.MESSAGE_TYPE, document, MessageClass.NONVALUE, at),)

    def _withdrawn(
        self,
        withdrawal: RequestForPaymentCancellation,
        confirmation: Confirmation,
        reason: Reason | None,
        purpose: str,
        *,
        at: datetime,
    ) -> OutboundMessage:
        reasons = stated(reason)
        answered = RequestResolution(
            original_payment_information_id=withdrawal.original_payment_information_id,
            original_message=withdrawal.original_message,
            transactions=(
                RequestTransactionResolution(
                    original_instruction_id=withdrawal.original_instruction_id,
                    original_end_to_end_id=withdrawal.original_end_to_end_id,
                    original_uetr=withdrawal.original_uetr,
                    reasons=reasons,
                ),
            ),
        )
        message_id = self._manner.id_of("withdrawal-answer", purpose, at)
        resolution = Resolution(
            message_id=message_id,
            assigner=withdrawal.assignee,
            assignee=withdrawal.assigner,
            creation_time=self._manner.time(at),
            resolved_case=case_of(withdrawal),
            confirmation=confirmation,
            requests=(answered,),
        )
        return self._resolution(resolution, _WITHDRAWAL_PRACTICE, at=at)

    def _resolved(
        self, question: InformationRequest, confirmation: Confirmation, purpose: str, *, at: datetime
    ) -> OutboundMessage:
        underlying = question.underlying
        payments: tuple[PaymentResolution, ...] = ()
        requests: tuple[RequestResolution, ...] = ()
        if isinstance(underlying, UnderlyingPayment):
            payments = (
                PaymentResolution(
                    original_message=underlying.original_message,
                    original_instruction_id=underlying.original_instruction_id,
                    original_end_to_end_id=underlying.original_end_to_end_id,
                    original_transaction_id=underlying.original_transaction_id,
                    original_uetr=underlying.original_uetr,
                ),
            )
        elif isinstance(underlying, UnderlyingRequest):
            requests = (
                RequestResolution(
                    original_payment_information_id=underlying.original_payment_information_id or NO_REFERENCE,
                    original_message=underlying.original_message,
                ),
            )
        resolution = Resolution(
            message_id=self._manner.id_of("information-answer", purpose, at),
            assigner=question.assignee,
            assignee=question.assigner,
            creation_time=self._manner.time(at),
            resolved_case=case_of(question),
            confirmation=confirmation,
            payments=payments,
            requests=requests,
        )
        return self._resolution(resolution, _INFORMATION_PRACTICE, at=at)

    def _information(
        self, question: InformationRequest, purpose: str, lines: Sequence[Personal], *, at: datetime
    ) -> tuple[OutboundMessage]:
        told = told_about(self._manner, question, purpose, lines, at=at)
        document = camt028.build(told)
        return (self._dialect.message(told.message_id, camt028.MESSAGE_TYPE, document, MessageClass.NONVALUE, at),)

    def _resolution(self, resolution: Resolution, practice_id: str, *, at: datetime) -> OutboundMessage:
        practice = replace(self._dialect.profile.market_practice, id=practice_id)
        return self._dialect.message(
            resolution.message_id,
            camt029.MESSAGE_TYPE,
            camt029.build(resolution),
            MessageClass.NONVALUE,
            at,
            practice=practice,
        )


def manner_of(dialect: FedNowDialect) -> Manner:
    """Return how FedNow writes what all rails say."""
    return Manner(
        zone=ZoneInfo(dialect.profile.time_zone),
        message_id=dialect.message_id,
        agent=lambda number: Agent(member_id=number),
    )
