"""FedNow's conversations: what its messages mean in one, and how ours are written.

Sources: FedNow Operating Procedures v2.1 (October 2024), the message flows; the forms of the messages as in
`iso20022.profiles.fednow`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.conversation import Act, Conversation, ConversationId, ConversationKind, Side, end_of
from gateway.domain.identity import request_reference_of
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail, Reason, ReasonOrigin
from gateway.service.conversations.fednow_answers import NOT_PROVIDED, FedNowAnswers, stated
from gateway.service.conversations.rail import InformationAsked, Opening, PaymentAsked, ReportAsked
from gateway.service.dialect import document_in, rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.fednow_requests import FedNowRequests
from gateway.service.ports import MessageClass, RawMessage
from gateway.service.rail_protocol import OutboundMessage, Statement, Talk
from iso20022 import (
    CustomerCreditTransfer,
    Direction,
    Element,
    Finding,
    MessageId,
    MessageReject,
    Personal,
    ReceiptAcknowledgement,
    Resolution,
    RoutingNumber,
    Severity,
    examine,
    explain,
)
from iso20022.messages import camt026, camt055, camt060, pacs008, pain013
from iso20022.messages.actors import Account, Agent, OtherIdentification, PartyDetails
from iso20022.messages.camt026 import (
    AnyInformation,
    InformationRequest,
    MissingOrIncorrect,
    PossibleDuplicate,
    Question,
)
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt052 import AccountReportMessage
from iso20022.messages.camt054 import DebitCreditNotification
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt060 import AccountReportingRequest, ReportingPeriod, ReportingRequest
from iso20022.messages.investigation import Case, UnderlyingEntry, UnderlyingPayment
from iso20022.messages.original import OriginalMessage, PaymentType
from iso20022.messages.original import Reason as StatedReason
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse, RequestStatus
from iso20022.messages.remittance import Remittance
from iso20022.messages.shape import Proprietary

_BY_STATUS: Final = {
    RequestStatus.RCVD: Act.PRESENTED,
    RequestStatus.PRES: Act.PRESENTED,
    RequestStatus.ACTC: Act.ACCEPTED,
    RequestStatus.RJCT: Act.REFUSED,
}
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
_CLASSES: Final = {camt060.MESSAGE_TYPE: MessageClass.INQUIRY}


class FedNowConversations:
    """Implements `gateway.service.conversations.rail.ConversationRail` for FedNow."""

    rail: Final = Rail.FEDNOW

    def __init__(self, dialect: FedNowDialect) -> None:
        self._dialect = dialect
        self._zone = ZoneInfo(dialect.profile.time_zone)
        self._receipts = FedNowRequests(dialect)
        self._answers = FedNowAnswers(dialect)

    @property
    def service(self) -> RoutingNumber:
        """The service."""
        return RoutingNumber(self._dialect.service_id)

    # --- what is heard ---

    def opening(self, talk: Talk, *, business_message_id: str) -> Opening | None:
        """Return what a message opens: a request, a question, or a report that nobody has asked for."""
        match talk:
            case RequestForPayment():
                return _request_heard(talk)
            case InformationRequest():
                return _question_heard(talk)
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
            case MessageReject():
                return (said.related_reference,)
            case ReceiptAcknowledgement(receipts=(receipt, *_)):
                return (receipt.related_reference,)
            case _:
                return ()

    def speaker(self, said: Talk | Statement) -> str | None:
        """Return who put the case, or answers it."""
        match said:
            case RequestForPaymentResponse(debtor_agent=Agent() as agent):
                return agent.member_id
            case Resolution(assigner=Agent() as agent):
                return agent.member_id
            case RequestForPaymentCancellation(assigner=Agent() as agent):
                return agent.member_id
            case AdditionalPaymentInformation(assigner=Agent() as agent):
                return agent.member_id
            case _:
                return None

    def act(self, said: Talk | Statement, conversation: Conversation) -> Act | None:
        """Return what it means there."""
        is_ours = conversation.side is Side.US
        match said:
            case RequestForPaymentResponse():
                return _BY_STATUS[said.status]
            case RequestForPaymentCancellation():
                return Act.WITHDRAWAL_ASKED
            case AdditionalPaymentInformation():
                return Act.INFORMATION_GIVEN
            case AccountReportMessage():
                return Act.REPORTED
            case Resolution():
                return _BY_CONFIRMATION.get(conversation.kind, {}).get(said.confirmation or "")
            case ReceiptAcknowledgement():
                return Act.RECEIPT
            case MessageReject(related_reference=reference) if is_ours and reference == conversation.message_id:
                return Act.OPENING_REFUSED
            case MessageReject(related_reference=reference) if is_ours and reference == conversation.withdrawal_id:
                return Act.WITHDRAWAL_FAILED
            case MessageReject():
                return Act.ANSWER_REFUSED
            case _:
                return None

    def reason(self, said: Talk | Statement) -> Reason | None:
        """Return the code that it states first."""
        match said:
            case RequestForPaymentResponse() | RequestForPaymentCancellation():
                given: Sequence[StatedReason] = said.reasons
            case Resolution():
                of_payments = [reason for one in said.payments for reason in one.reasons]
                of_requests = [reason for one in said.requests for reason in one.reasons]
                of_both = [reason for each in said.requests for one in each.transactions for reason in one.reasons]
                given = (*of_payments, *of_requests, *of_both)
            case MessageReject():
                return Reason(said.reason_code, ReasonOrigin.RAIL)
            case _:
                return None
        code = next((each.reason.text for each in given if each.reason is not None), None)
        return None if code is None else Reason(code, ReasonOrigin.RAIL)

    def receipt(self, said: Talk | Statement, *, message_type: str, at: datetime) -> OutboundMessage | None:
        """Return the admi.007 that participants send each other; reports and the service's own words need none."""
        if isinstance(said, AccountReportMessage | DebitCreditNotification | MessageReject | ReceiptAcknowledgement):
            return None
        if isinstance(said, RequestForPayment) and not said.amount.cents:
            return None  # of a request for nothing its answer tells that it came (Operating Procedures)
        return self._receipts.receipt_of(said.message_id, message_type, at=at)

    # --- what we open ---

    def request(self, asked: PaymentAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the pain.013."""
        reference = request_reference_of("request-for-payment", str(conversation_id))
        message_id = self._message_id(reference, at)
        creditor, debtor = PartyDetails(name=asked.creditor_name), PartyDetails(name=asked.debtor_name)
        request = RequestForPayment(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            initiating_party=creditor,
            payment_information_id=reference,
            requested_execution=asked.pay_on,
            expiry=asked.expires,
            debtor=debtor,
            debtor_account=_account(asked.debtor_account),
            debtor_agent=Agent(member_id=asked.debtor_agent),
            instruction_id=asked.instruction_id,
            end_to_end_id=asked.end_to_end_id,
            uetr=asked.uetr,
            payment_type=PaymentType(
                local_instrument=Proprietary(self._dialect.form.local_instrument),
                category_purpose=Proprietary(asked.category_purpose),
            ),
            amount=asked.amount,
            creditor_agent=Agent(member_id=asked.creditor_agent),
            creditor=creditor,
            creditor_account=_account(asked.creditor_account),
            remittance=Remittance(unstructured=asked.remittance) if asked.remittance else None,
        )
        return self._message(message_id, pain013.MESSAGE_TYPE, pain013.build(request), at)

    def question(
        self,
        asked: InformationAsked,
        transfer: IncomingTransfer,
        brought: CustomerCreditTransfer,
        conversation_id: ConversationId,
        *,
        at: datetime,
    ) -> OutboundMessage:
        """Return the camt.026, under a new case: the case's id is the message's own."""
        message_id = self._message_id(request_reference_of("information-request", str(conversation_id)), at)
        author, reader = Agent(member_id=transfer.instructed_agent), Agent(member_id=transfer.instructing_agent)

        def questions(codes: Sequence[str]) -> tuple[Question, ...]:
            return tuple(Question(code=code, additional=asked.text if code == "NARR" else None) for code in codes)

        request = InformationRequest(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=rail_time(at, self._zone),
            case=Case(id=message_id, creator=author),
            underlying=UnderlyingPayment(
                original_message=OriginalMessage(
                    message_id=transfer.message_id,
                    message_name=pacs008.MESSAGE_TYPE,
                    creation_time=rail_time(transfer.message_created_at, self._zone),
                ),
                original_instruction_id=transfer.instruction_id,
                original_end_to_end_id=transfer.end_to_end_id,
                original_transaction_id=transfer.transaction_id,
                original_uetr=transfer.uetr,
                original_amount=transfer.amount,
                original_settlement_date=brought.settlement_date,
            ),
            justification=MissingOrIncorrect(missing=questions(asked.missing), incorrect=questions(asked.incorrect)),
        )
        return self._message(message_id, camt026.MESSAGE_TYPE, camt026.build(request), at)

    def report_request(self, asked: ReportAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the camt.060."""
        message_id = self._message_id(request_reference_of("report-request", str(conversation_id)), at)
        period = None if asked.from_date is None else ReportingPeriod(from_date=asked.from_date, to_date=asked.to_date)
        request = AccountReportingRequest(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            requests=(
                ReportingRequest(kind=asked.kind, account=asked.account, account_owner=asked.account, period=period),
            ),
        )
        return self._message(message_id, camt060.MESSAGE_TYPE, camt060.build(request), at)

    def withdrawal(
        self, conversation: Conversation, messages: Sequence[RawMessage], reason: Reason, *, at: datetime
    ) -> OutboundMessage:
        """Return the camt.055, under a new case; each one that follows another has an id of its own."""
        request = pain013.parse(document_in(messages[0]))
        reference = request_reference_of("withdrawal", f"{conversation.conversation_id}:{conversation.version}")
        message_id = self._message_id(reference, at)
        author, reader = request.creditor_agent, request.debtor_agent
        cancellation = RequestForPaymentCancellation(
            message_id=message_id,
            assigner=author,
            assignee=reader,
            creation_time=rail_time(at, self._zone),
            case=Case(id=message_id, creator=author),
            original_payment_information_id=request.payment_information_id or NOT_PROVIDED,
            original_message=OriginalMessage(
                message_id=request.message_id, message_name=pain013.MESSAGE_TYPE, creation_time=request.creation_time
            ),
            original_instruction_id=request.instruction_id,
            original_end_to_end_id=request.end_to_end_id,
            original_uetr=request.uetr,
            original_amount=request.amount,
            original_requested_execution=request.requested_execution,
            reasons=(stated(reason),),
        )
        return self._message(message_id, camt055.MESSAGE_TYPE, camt055.build(cancellation), at)

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
        report = explain(examine(message.body, profile=self._dialect.profile, direction=Direction.TO_RAIL))
        return tuple(each for each in report.findings if each.severity is Severity.ERROR)

    def _message_id(self, reference: str, at: datetime) -> MessageId:
        return self._dialect.message_id(at.astimezone(self._zone).date(), reference)

    def _message(self, message_id: MessageId, message_type: str, document: Element, at: datetime) -> OutboundMessage:
        message_class = _CLASSES.get(message_type, MessageClass.NONVALUE)
        return self._dialect.message(message_id, message_type, document, message_class, at)


def _request_heard(request: RequestForPayment) -> Opening | None:
    own, theirs = request.debtor_agent.member_id, request.creditor_agent.member_id
    if own is None or theirs is None:
        return None
    return Opening(
        kind=ConversationKind.REQUEST_FOR_PAYMENT,
        message_id=request.message_id,
        own_agent=own,
        counterparty=theirs,
        amount=request.amount,
        end_to_end_id=request.end_to_end_id,
        pay_by=end_of(request.requested_execution),
        expires_at=None if request.expiry is None else end_of(request.expiry),
    )


def _question_heard(request: InformationRequest) -> Opening | None:
    own, theirs = request.assignee, request.assigner
    if not isinstance(own, Agent) or not isinstance(theirs, Agent) or own.member_id is None or theirs.member_id is None:
        return None
    underlying = request.underlying
    original = underlying.original_message
    amount = None if isinstance(underlying, UnderlyingEntry) else underlying.original_amount
    return Opening(
        kind=ConversationKind.INFORMATION_REQUEST,
        message_id=request.message_id,
        own_agent=own.member_id,
        counterparty=theirs.member_id,
        topic=topic_of(request),
        amount=amount,
        about=None if original is None else original.message_id,
    )


def topic_of(request: InformationRequest) -> str:
    """Return what is asked, in codes."""
    asked = request.justification
    if isinstance(asked, AnyInformation):
        return "any"
    if isinstance(asked, PossibleDuplicate):
        return "duplicate"
    return " ".join(each.code for each in (*asked.missing, *asked.incorrect)) or "AML"


def _report_heard(business_message_id: str, kind: str, account: str, service: RoutingNumber) -> Opening:
    """A report has its kind where other messages have their id: the header's is the conversation's."""
    return Opening(
        kind=ConversationKind.ACCOUNT_REPORT,
        message_id=MessageId(business_message_id),
        own_agent=RoutingNumber(account),
        counterparty=service,
        topic=kind,
    )


def _account(number: Personal) -> Account:
    return Account(id=OtherIdentification(id=number))
