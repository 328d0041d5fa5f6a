"""Our answers in FedNow's conversations: pain.014 to a request, camt.029 to a withdrawal or a question, camt.028."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.conversation import Act, Conversation, ConversationKind
from gateway.domain.identity import request_reference_of
from gateway.domain.payment import Reason
from gateway.service.dialect import document_in, rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.ports import MessageClass, MessageDirection, RawMessage
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import MessageId, Personal, Resolution
from iso20022.messages import camt026, camt028, camt029, camt055, pain013, pain014
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AddedInformation, AdditionalPaymentInformation
from iso20022.messages.camt029 import (
    Confirmation,
    PaymentResolution,
    RequestResolution,
    RequestTransactionResolution,
)
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.investigation import Case, UnderlyingPayment, UnderlyingRequest
from iso20022.messages.original import Reason as StatedReason
from iso20022.messages.pain014 import RequestForPaymentResponse, RequestStatus
from iso20022.messages.remittance import Remittance
from iso20022.messages.shape import Code

NOT_PROVIDED: Final = "NOTPROVIDED"
"""What stands where a reference must, and the original has none."""

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
        self._zone = ZoneInfo(dialect.profile.time_zone)

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
        purpose = f"{conversation.message_id}:{conversation.version}"
        if conversation.kind is ConversationKind.INFORMATION_REQUEST:
            question = camt026.parse(document_in(_received(messages, camt026.MESSAGE_TYPE)))
            told = self._information(question, purpose, information, at=at) if information else ()
            return (*told, self._resolved(question, _QUESTIONS[act], purpose, at=at))
        if act in _WITHDRAWALS:
            withdrawal = camt055.parse(document_in(_received(messages, camt055.MESSAGE_TYPE)))
            return (self._withdrawn(withdrawal, _WITHDRAWALS[act], reason, purpose, at=at),)
        return (self._response(_received(messages, pain013.MESSAGE_TYPE), _STATUSES[act], reason, purpose, at=at),)

    def _response(
        self, received: RawMessage, status: RequestStatus, reason: Reason | None, purpose: str, *, at: datetime
    ) -> OutboundMessage:
        """Our pain.014: from the debtor's institution to the creditor's."""
        request = pain013.parse(document_in(received))
        message_id = self._id("response", purpose, at)
        response = RequestForPaymentResponse(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            initiating_party=request.debtor,
            debtor_agent=request.debtor_agent,
            creditor_agent=request.creditor_agent,
            original_message_id=request.message_id,
            original_message_name=pain013.MESSAGE_TYPE,
            original_creation_time=request.creation_time,
            original_payment_information_id=request.payment_information_id or NOT_PROVIDED,
            original_instruction_id=request.instruction_id,
            original_end_to_end_id=request.end_to_end_id,
            original_uetr=request.uetr,
            status=status,
            reasons=() if reason is None else (stated(reason),),
        )
        document = pain014.build(response)
        return self._dialect.message(message_id, pain014.MESSAGE_TYPE, document, MessageClass.NONVALUE, at)

    def _withdrawn(
        self,
        withdrawal: RequestForPaymentCancellation,
        confirmation: Confirmation,
        reason: Reason | None,
        purpose: str,
        *,
        at: datetime,
    ) -> OutboundMessage:
        reasons = () if reason is None else (stated(reason),)
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
        message_id = self._id("withdrawal-answer", purpose, at)
        resolution = Resolution(
            message_id=message_id,
            assigner=withdrawal.assignee,
            assignee=withdrawal.assigner,
            creation_time=rail_time(at, self._zone),
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
                    original_payment_information_id=underlying.original_payment_information_id or NOT_PROVIDED,
                    original_message=underlying.original_message,
                ),
            )
        resolution = Resolution(
            message_id=self._id("information-answer", purpose, at),
            assigner=question.assignee,
            assignee=question.assigner,
            creation_time=rail_time(at, self._zone),
            resolved_case=case_of(question),
            confirmation=confirmation,
            payments=payments,
            requests=requests,
        )
        return self._resolution(resolution, _INFORMATION_PRACTICE, at=at)

    def _information(
        self, question: InformationRequest, purpose: str, lines: Sequence[Personal], *, at: datetime
    ) -> tuple[OutboundMessage]:
        message_id = self._id("information", purpose, at)
        information = AdditionalPaymentInformation(
            message_id=message_id,
            assigner=question.assignee,
            assignee=question.assigner,
            creation_time=rail_time(at, self._zone),
            case=case_of(question),
            underlying=question.underlying,
            information=AddedInformation(remittance=Remittance(unstructured=tuple(lines))),
        )
        document = camt028.build(information)
        return (self._dialect.message(message_id, camt028.MESSAGE_TYPE, document, MessageClass.NONVALUE, at),)

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

    def _id(self, purpose: str, of: str, at: datetime) -> MessageId:
        return self._dialect.message_id(at.astimezone(self._zone).date(), request_reference_of(purpose, of))


def case_of(asked: InformationRequest | RequestForPaymentCancellation) -> Case:
    """Return the case that a question or a withdrawal was put under; one that names none is a case by its own id."""
    return asked.case or Case(id=asked.message_id, creator=asked.assigner)


def stated(reason: Reason) -> StatedReason:
    """Return a reason as messages state it."""
    additional = () if reason.text is None else (Personal(reason.text),)
    return StatedReason(reason=Code(reason.code), additional=additional)


def _received(messages: Sequence[RawMessage], message_type: str) -> RawMessage:
    """Return the newest of this type that the rail has brought; that there is one, the state says."""
    found = [m for m in messages if m.message_type == message_type and m.direction is MessageDirection.RAIL_IN]
    assert found, f"what is answered is a {message_type}"
    return found[-1]
