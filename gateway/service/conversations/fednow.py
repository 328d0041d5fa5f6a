"""FedNow's conversations: what its messages mean in one, and how ours are written.

Sources: FedNow Operating Procedures v2.1 (October 2024), the message flows; the forms of the messages as in
`iso20022.profiles.fednow`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from gateway.domain.conversation import NO_REFERENCE, Act, Conversation, ConversationId, ConversationKind
from gateway.domain.payment import Rail, Reason
from gateway.service.conversations.alike import (
    BY_STATUS,
    errors_in,
    information_request,
    question_heard,
    reason_of,
    refused,
    request_for_payment,
    request_heard,
    speaker_of,
    stated,
)
from gateway.service.conversations.fednow_answers import FedNowAnswers, manner_of
from gateway.service.conversations.fednow_copies import copy_heard_of
from gateway.service.conversations.rail import AskedAbout, InformationAsked, Opening, PaymentAsked, ReportAsked
from gateway.service.dialect import document_in
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.fednow_requests import FedNowRequests
from gateway.service.ports import MessageClass, RawMessage
from gateway.service.rail_protocol import OutboundMessage, Statement, Talk
from iso20022 import (
    Element,
    Finding,
    MessageId,
    MessageReject,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    ReceiptAcknowledgement,
    Resolution,
    RoutingNumber,
    TransactionStatus,
)
from iso20022.messages import camt026, camt055, camt060, pacs028, pain013
from iso20022.messages.camt026 import (
    InformationRequest,
)
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt052 import AccountReportMessage
from iso20022.messages.camt054 import DebitCreditNotification
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt060 import AccountReportingRequest, ReportingPeriod, ReportingRequest
from iso20022.messages.investigation import Case
from iso20022.messages.original import OriginalMessage, PaymentType
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse
from iso20022.messages.shape import Proprietary

_BY_CONFIRMATION: Final[Mapping[ConversationKind, Mapping[str, Act]]] = {
    ConversationKind.REQUEST_FOR_PAYMENT: {
        "CNCL": Act.WITHDRAWAL_AGREED,
        "RJCR": Act.WITHDRAWAL_REFUSED,
        "PDCR": Act.WITHDRAWAL_DEFERRED,
    },
    ConversationKind.INFORMATION_REQUEST: {
        "PDNG": Act.DEFERRED,
        "INFO": Act.INFORMED,
        "NINF": Act.NO_INFORMATION,
        "IDUP": Act.DUPLICATE,
        "IPAY": Act.WILL_PAY,
    },
}
_UNACKNOWLEDGED: Final = (
    *(AccountReportMessage, DebitCreditNotification, MessageReject),
    *(ReceiptAcknowledgement, PaymentStatusReport),
)
"""What is not acknowledged with admi.007: the service's own words, and statuses."""

_CLASSES: Final = {camt060.MESSAGE_TYPE: MessageClass.INQUIRY}


class FedNowConversations:
    """Implements `gateway.service.conversations.rail.ConversationRail` for FedNow."""

    rail: Final = Rail.FEDNOW

    def __init__(self, dialect: FedNowDialect) -> None:
        self._dialect = dialect
        self._manner = manner_of(dialect)
        self._receipts = FedNowRequests(dialect)
        self._answers = FedNowAnswers(dialect)

    @property
    def service(self) -> RoutingNumber:
        """The service."""
        return RoutingNumber(self._dialect.service_id)

    @property
    def services(self) -> frozenset[RoutingNumber]:
        """The service: it has one id."""
        return frozenset({self.service})

    def unsaid(self, kind: ConversationKind, act: Act | None) -> str | None:  # noqa: ARG002
        """Return None: FedNow has a word for everything."""
        return None

    def own_reason(self, act: Act, reason: Reason) -> Reason:  # noqa: ARG002
        """Return the reason as it is: the service's lists are not public."""
        return reason

    # --- what is heard ---

    def opening(self, talk: Talk, *, business_message_id: str) -> Opening | None:
        """Return what a message opens: a request, a question, or a report that nobody has asked for."""
        match talk:
            case RequestForPayment():
                return request_heard(talk)
            case InformationRequest():
                return question_heard(talk, lambda message_id: (message_id,))
            case AccountReportMessage(original_query=None, reports=(report, *_)):
                return _report_heard(business_message_id, talk.kind.value, report.account.id, self.service)
            case DebitCreditNotification(notifications=(notification, *_)):
                return _report_heard(business_message_id, talk.kind, notification.account, self.service)
            case _:
                return None

    def about(self, said: Talk | Statement) -> Sequence[str]:
        """Return the ids of the messages that it answers, or names; the case's before the others."""
        match said:
            case RequestForPaymentResponse():
                return (said.original_message_id,)
            case RequestForPaymentCancellation():
                original = said.original_message or said.original_group
                return () if original is None else (original.message_id,)
            case AdditionalPaymentInformation(case=case) if case is not None:
                return (case.id,)
            case AccountReportMessage(original_query=query) if query is not None:
                return (query.message_id,)
            case Resolution(resolved_case=case) if case is not None:
                return (case.id,)
            case PaymentStatusReport() if _refuses_question(said):
                return (said.original_message_id,)
            case MessageReject():
                return (said.related_reference,)
            case ReceiptAcknowledgement(receipts=(receipt, *_)):
                return (receipt.related_reference,)
            case _:
                return ()

    def speaker(self, said: Talk | Statement) -> str | None:
        """Return who put the case, or answers it."""
        return speaker_of(said)

    def act(self, said: Talk | Statement, conversation: Conversation) -> Act | None:
        """Return what it means there."""
        match said:
            case RequestForPaymentResponse():
                return BY_STATUS[said.status]
            case RequestForPaymentCancellation():
                return Act.WITHDRAWAL_ASKED
            case AdditionalPaymentInformation():
                return Act.INFORMATION_GIVEN
            case AccountReportMessage():
                return Act.REPORTED
            case Resolution():
                return _BY_CONFIRMATION.get(conversation.kind, {}).get(said.confirmation or "")
            case PaymentStatusReport():
                return Act.STATUS_NOT_TOLD
            case ReceiptAcknowledgement():
                return Act.RECEIPT
            case MessageReject():
                return refused(said.related_reference, conversation)
            case _:
                return None

    def reason(self, said: Talk | Statement) -> Reason | None:
        """Return the code that it states first."""
        return reason_of(said)

    def receipt(self, said: Talk | Statement, *, message_type: str, at: datetime) -> OutboundMessage | None:
        """Return the admi.007 that participants send each other; reports and the service's own words need none."""
        if isinstance(said, _UNACKNOWLEDGED):
            return None
        if isinstance(said, RequestForPayment) and not said.amount.cents:
            return None  # of a request for nothing its answer tells that it came (Operating Procedures)
        return self._receipts.receipt_of(said.message_id, message_type, at=at)

    # --- what we open ---

    def request(self, asked: PaymentAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the pain.013."""
        payment_type = PaymentType(
            local_instrument=Proprietary(self._dialect.form.local_instrument),
            category_purpose=Proprietary(asked.category_purpose),
        )
        request = request_for_payment(self._manner, asked, conversation_id, payment_type, at=at)
        return self._message(request.message_id, pain013.MESSAGE_TYPE, pain013.build(request), at)

    def question(
        self,
        asked: InformationAsked,
        about: AskedAbout,
        conversation_id: ConversationId,
        *,
        at: datetime,
    ) -> OutboundMessage:
        """Return the camt.026."""
        request = information_request(self._manner, asked, about, conversation_id, at=at)
        return self._message(request.message_id, camt026.MESSAGE_TYPE, camt026.build(request), at)

    def report_request(self, asked: ReportAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the camt.060."""
        message_id = self._manner.id_of("report-request", str(conversation_id), at)
        period = None if asked.from_date is None else ReportingPeriod(from_date=asked.from_date, to_date=asked.to_date)
        request = AccountReportingRequest(
            message_id=message_id,
            creation_time=self._manner.time(at),
            requests=(
                ReportingRequest(kind=asked.kind, account=asked.account, account_owner=asked.account, period=period),
            ),
        )
        return self._message(message_id, camt060.MESSAGE_TYPE, camt060.build(request), at)

    def withdrawal(
        self, conversation: Conversation, messages: Sequence[RawMessage], reason: Reason, *, at: datetime
    ) -> OutboundMessage:
        """Return the camt.055, under a new case; each one that follows another has an id of its own."""
        request = pain013.parse(document_in(copy_heard_of(messages)))
        message_id = self._manner.id_of("withdrawal", f"{conversation.conversation_id}:{conversation.version}", at)
        author, reader = request.creditor_agent, request.debtor_agent
        cancellation = RequestForPaymentCancellation(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=self._manner.time(at),
            case=Case(id=message_id, creator=author),
            original_payment_information_id=request.payment_information_id or NO_REFERENCE,
            original_message=OriginalMessage(
                message_id=request.message_id, message_name=pain013.MESSAGE_TYPE, creation_time=request.creation_time
            ),
            original_instruction_id=request.instruction_id,
            original_end_to_end_id=request.end_to_end_id,
            original_uetr=request.uetr,
            original_amount=request.amount,
            original_requested_execution=request.requested_execution,
            reasons=stated(reason),
        )
        return self._message(message_id, camt055.MESSAGE_TYPE, camt055.build(cancellation), at)

    def status_question(
        self, conversation: Conversation, messages: Sequence[RawMessage], *, at: datetime
    ) -> OutboundMessage:
        """Return the pacs.028 to who was asked, about the copy that it knows; each one has an id of its own."""
        request = pain013.parse(document_in(copy_heard_of(messages)))
        message_id = self._manner.id_of("request-status", f"{conversation.conversation_id}:{conversation.version}", at)
        question = PaymentStatusRequest(
            message_id=message_id,
            creation_time=self._manner.time(at),
            original_message_id=request.message_id,
            original_message_name=pain013.MESSAGE_TYPE,
            original_creation_time=request.creation_time,
            original_instruction_id=request.instruction_id,
            original_end_to_end_id=request.end_to_end_id,
            original_uetr=request.uetr,
            instructing_agent=conversation.own_agent,
            instructed_agent=conversation.counterparty,
        )
        return self._message(message_id, pacs028.MESSAGE_TYPE, pacs028.build(question), at)

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
        """Return pain.014, or camt.029, with the camt.028 before it where something is told."""
        return self._answers.answer(conversation, act, messages, reason=reason, information=information, at=at)

    def findings(self, message: OutboundMessage) -> Sequence[Finding]:
        """Return the errors that schema and profile find in it."""
        return errors_in(message, self._dialect.profile)

    def _message(self, message_id: MessageId, message_type: str, document: Element, at: datetime) -> OutboundMessage:
        message_class = _CLASSES.get(message_type, MessageClass.NONVALUE)
        return self._dialect.message(message_id, message_type, document, message_class, at)


def _refuses_question(said: PaymentStatusReport) -> bool:
    """Whether it may refuse a question about a request for payment: of money it says something else."""
    about = said.original_message_name[:8]
    return said.status is TransactionStatus.RJCT and about in {pacs028.MESSAGE_TYPE[:8], pain013.MESSAGE_TYPE[:8]}


def _report_heard(business_message_id: str, kind: str, account: str, service: RoutingNumber) -> Opening:
    """A report has its kind where other messages have their id: the header's is the conversation's."""
    return Opening(
        kind=ConversationKind.ACCOUNT_REPORT,
        message_id=MessageId(business_message_id),
        own_agent=RoutingNumber(account),
        counterparty=service,
        topic=kind,
    )
