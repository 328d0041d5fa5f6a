"""FedNow's dialect: our header around transfers, pacs.028 and PING as questions, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.doubt import DoubtPolicy
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import (
    ping_reference_of,
    posting_question_reference_of,
    status_request_reference_of,
)
from gateway.domain.payment import Payment, Rail, Reason, ReasonOrigin
from gateway.domain.reconciliation import cycle_day
from gateway.domain.timing import Timing
from gateway.service.dialect import DialectProtocol, Heard, document_in, rail_time
from gateway.service.incoming.money import between_institutions
from gateway.service.ports import MessageClass, RawMessage
from gateway.service.rail_protocol import Notice, OutboundMessage, Statement
from gateway.service.resolutions import resolved
from gateway.service.transfer_form import TransferForm
from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Element,
    EndToEndId,
    EnquiryAnswer,
    EnvelopeKind,
    FedNowProfile,
    Finding,
    InstitutionCreditTransfer,
    InstructionId,
    MarketPractice,
    Message,
    MessageId,
    MessageReject,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    ReceiptAcknowledgement,
    Resolution,
    RoutingNumber,
    TransactionId,
    TransactionStatus,
    Uetr,
    fednow_message_id,
    wrap,
)
from iso20022 import header as headers
from iso20022.messages import admi004, pacs002, pacs004, pacs008, pacs009, pacs028
from iso20022.messages.admi004 import PING, SystemEventNotification
from iso20022.messages.admi011 import SystemEventAcknowledgement
from iso20022.messages.camt029 import PaymentResolution
from iso20022.moulds import status_moulds

DEFAULT_DOUBT: Final = DoubtPolicy()
"""FedNow is asked by pacs.028, and pinged once when it stays silent (Operating Procedures v2.1 section 16)."""

_BY_STATUS: Final = {
    TransactionStatus.ACSC: EventKind.SETTLEMENT_REPORTED,
    TransactionStatus.ACWP: EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED,
    TransactionStatus.ACCC: EventKind.POSTING_REPORTED,
    TransactionStatus.PDNG: EventKind.POSTING_PENDING_REPORTED,
    TransactionStatus.BLCK: EventKind.POSTING_PENDING_REPORTED,
    TransactionStatus.ACTC: EventKind.PROGRESS_REPORTED,
    TransactionStatus.RCVD: EventKind.PROGRESS_REPORTED,
    TransactionStatus.PRES: EventKind.PROGRESS_REPORTED,
    TransactionStatus.RJCT: EventKind.REJECTION_REPORTED,
}

_BY_ANSWER: Final = {
    EnquiryAnswer.NOT_FOUND: EventKind.NOT_FOUND_REPORTED,
    EnquiryAnswer.NOT_PROCESSED: EventKind.NOT_PROCESSED_REPORTED,
    EnquiryAnswer.IN_PROCESS: EventKind.STILL_IN_PROCESS_REPORTED,
    EnquiryAnswer.NOT_AUTHORISED: EventKind.NOT_AUTHORISED_REPORTED,
}

_NEVER_RECEIVED: Final = "AG09"
"""ISO: the original payment was never received. It can answer a question only, never a transfer."""

_IN_WORDS: Final = "NARR"
"""ISO: told in words. The service may refuse a question with it, and a transfer; an institution rejects with it."""

_UNANSWERABLE: Final = frozenset({"FEDNOW_ONE_PAYMENT", "FEDNOW_CURRENCY", "FEDNOW_AMOUNT_LEAST"})
"""The findings that leave open which money a transfer brings."""

_DATE: Final = slice(8)
"""Where a message id carries its date."""


class FedNowDialect:
    """Implements `gateway.service.dialect.Dialect` for FedNow."""

    rail: Final = Rail.FEDNOW
    form: Final = TransferForm(
        clearing_system="FDN",
        date_code="FEDNOW_MESSAGE_ID_DATE",
        local_instrument="FDNA",
        liquidity_instrument="LMT1",
        settlement_day=cycle_day,
    )
    """The one local instrument of a credit transfer that is public (the Federal Reserve's sample messages), and that of
    a liquidity transfer. The settlement date is the cycle day, not the calendar's (Operating Procedures v2.1)."""

    days_looked_back: Final = 1
    """After that "not found" says nothing (FedNow Operating Procedures v2.1 section 16)."""

    def __init__(self, profile: FedNowProfile, connection_party: ConnectionPartyId) -> None:
        self._profile = profile
        self._connection_party = connection_party
        self._zone = ZoneInfo(profile.time_zone)
        self._moulds = status_moulds(EnvelopeKind.FEDNOW_INCOMING)

    @property
    def profile(self) -> FedNowProfile:
        """The rail's rules, as this installation knows them."""
        return self._profile

    @property
    def service_id(self) -> ConnectionPartyId:
        """Who the rail is."""
        return self._profile.fednow_id

    def message_id(self, business_date: date, reference: str) -> MessageId:
        """Return date, connection party and reference."""
        return fednow_message_id(
            business_date=business_date, connection_party=self._connection_party, reference=reference
        )

    def date_of(self, message_id: MessageId) -> str:
        """Return what the id begins with."""
        return message_id[_DATE]

    def document(self, transfer: CustomerCreditTransfer | InstitutionCreditTransfer) -> Element:
        """Return the transfer's Document."""
        return pacs009.build(transfer) if isinstance(transfer, InstitutionCreditTransfer) else pacs008.build(transfer)

    def closed_to_liquidity(self, at: datetime) -> Finding | None:
        """Return that it is outside the hours that the profile has, if it has any: they are not public."""
        if self._profile.takes_liquidity_at(at.astimezone(self._zone).time()):
            return None
        return Finding(
            code="FEDNOW_LMT_HOURS",
            xpath="/",
            value=f"{at.astimezone(self._zone):%H:%M}",
            rule=f"FedNow takes liquidity transfers {self._profile.lmt_hours_text}.",
            hint="Send it then; the hours are a setting of the gateway.",
        )

    def transfer_message(
        self, message_id: MessageId, document: Element, *, at: datetime, message_type: str = pacs008.MESSAGE_TYPE
    ) -> OutboundMessage:
        """Return the Document under our header; both have one message id."""
        return self.message(message_id, message_type, document, MessageClass.VALUE, at)

    def enquiry(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return the pacs.028 after a transfer, or a return, that was sent, in the words of what was sent."""
        reference = status_request_reference_of(payment.payment_id, payment.status_requests + 1)
        service = RoutingNumber(self._profile.fednow_id)
        return self._status_request(sent, reference, MessageClass.INQUIRY, asked=service, at=at)

    def posting_question(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage | None:
        """Return the pacs.028 to the receiver, in the words of what was sent (Operating Procedures v2.1 section 9)."""
        reference = posting_question_reference_of(payment.payment_id, payment.version)
        return self._status_request(sent, reference, MessageClass.NONVALUE, asked=payment.creditor_agent, at=at)

    def _status_request(
        self, sent: RawMessage, reference: str, message_class: MessageClass, *, asked: RoutingNumber, at: datetime
    ) -> OutboundMessage:
        original = _asked_about(sent)
        message_id = self.message_id(at.astimezone(self._zone).date(), reference)
        request = PaymentStatusRequest(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            original_message_id=original.message_id,
            original_message_name=sent.message_type,
            original_creation_time=original.creation_time,
            original_instruction_id=original.instruction_id,
            original_end_to_end_id=original.end_to_end_id,
            original_transaction_id=original.transaction_id,
            original_uetr=original.uetr,
            instructing_agent=original.instructing_agent,
            instructed_agent=asked,
        )
        return self.message(message_id, pacs028.MESSAGE_TYPE, pacs028.build(request), message_class, at)

    def ping(self, payment: Payment, *, at: datetime) -> OutboundMessage:
        """Return an admi.004 PING: the first thing to do when questions stay unanswered (Operating Procedures 16)."""
        reference = ping_reference_of(payment.payment_id, payment.pings + 1)
        message_id = self.message_id(at.astimezone(self._zone).date(), reference)
        event = SystemEventNotification(event_code=PING, event_time=rail_time(at, self._zone))
        return self.message(message_id, admi004.MESSAGE_TYPE, admi004.build(event), MessageClass.SYSTEM, at)

    def is_for_us(self, header: BusinessHeader) -> bool:
        """Whether a header is the service's, and to our connection party."""
        return header.sender == self._profile.fednow_id and header.receiver == self._connection_party

    @property
    def unanswerable(self) -> frozenset[str]:
        """More than one payment, none of dollars, or none of anything."""
        return _UNANSWERABLE

    def is_sign_of_life(self, message: Message | None) -> bool:
        """Whether it is the answer to a PING."""
        return isinstance(message, SystemEventAcknowledgement) and message.event_code == PING

    def notice(self, message: Message | None) -> Notice | None:
        """Return admi.004, admi.011 and admi.998 as they are."""
        return message if isinstance(message, Notice) else None

    def about(self, message: Message | None) -> str | None:
        """Return the original's message id, of an admi.002 and an admi.007 the related reference."""
        match message:
            case PaymentStatusReport():
                return message.original_message_id
            case MessageReject():
                return message.related_reference
            case PaymentCancellationRequest(original_message=original) if original is not None:
                return original.message_id
            case Resolution(payments=(PaymentResolution(original_message=original), *_)) if original is not None:
                return original.message_id
            case Resolution(resolved_case=case) if case is not None:
                return case.id  # about a request for payment, and no payment
            case ReceiptAcknowledgement(receipts=(receipt, *_)):
                return receipt.related_reference
            case _:
                return None

    def gives_up(self, statement: Statement) -> bool:  # noqa: ARG002
        """Whether it is: never, FedNow says so by pacs.002 to each."""
        return False

    def case_id_of(self, payment: Payment) -> str | None:
        """Return the id of our camt.056: header and Document have one."""
        return payment.request.message_id

    def names_transfer(self, about: str, payment: Payment) -> bool:
        """Whether it is the pacs.008's id."""
        return about == payment.message_id

    def names_posting_question(self, about: str, payment: Payment) -> bool:
        """Whether it is the id of one of our questions to the receiver: each is made of the version that it had."""
        references = (posting_question_reference_of(payment.payment_id, each) for each in range(payment.version + 1))
        return any(about.endswith(reference) for reference in references)

    def event(self, statement: Statement, heard: Heard) -> Event:
        """Return what a status report means; an answer to a question is about the question."""
        if isinstance(statement, Resolution):
            return resolved(statement)
        if isinstance(statement, ReceiptAcknowledgement):
            is_of_question = heard.is_about_posting_question
            kind = EventKind.POSTING_QUESTION_RECEIVED if is_of_question else EventKind.RETURN_RECEIPT_REPORTED
            return Event(kind)
        assert isinstance(statement, PaymentStatusReport), "nothing else is said to be about something"
        code = next((reason.code or reason.proprietary for reason in statement.reasons), None)
        kind = _BY_STATUS[statement.status]
        if kind is EventKind.REJECTION_REPORTED:
            answer = self._profile.enquiry_codes.get(code) if code is not None else None
            if heard.is_about_posting_question:  # whoever refuses it, and with what code: no word of the payment
                kind = EventKind.STATUS_REQUEST_UNANSWERED
            elif answer is not None and heard.is_looked_back_to:
                kind = _BY_ANSWER[answer]
            elif answer is not None or not heard.is_about_transfer or self._may_refuse_question(statement, code, heard):
                kind = EventKind.STATUS_REQUEST_UNANSWERED
        is_of_payment = kind in _BY_STATUS.values()
        return Event(
            kind,
            reason=None if code is None else Reason(code, ReasonOrigin.RAIL),
            status=statement.status.value if is_of_payment else None,
        )

    def _may_refuse_question(self, report: PaymentStatusReport, code: str | None, heard: Heard) -> bool:
        """Whether an RJCT about the transfer may refuse a question instead: what the service names then is not public.

        What is told in words is not read: once the service was asked, it may say so of the question.
        """
        is_services = not self.may_be_of_posting(report)
        return code == _NEVER_RECEIVED or (code == _IN_WORDS and is_services and heard.was_asked)

    def may_be_of_posting(self, statement: Statement) -> bool:
        """Whether it is not the service's own word: an institution's, relayed, may follow its ACWP.

        What the service says for itself, as in its answer to a question, is the status as at its completion.
        """
        return isinstance(statement, PaymentStatusReport) and statement.instructing_agent != RoutingNumber(
            self._profile.fednow_id
        )

    def message(
        self,
        message_id: MessageId,
        message_type: str,
        document: Element,
        message_class: MessageClass,
        at: datetime,
        *,
        practice: MarketPractice | None = None,
    ) -> OutboundMessage:
        """Return a Document under our header, created `at`, in FedNow's envelope; both have one message id.

        `practice` is the header's market practice where it is not the common one.
        """
        header = self._header(message_id, message_type, at, practice)
        body = wrap(EnvelopeKind.FEDNOW_INCOMING, headers.build(header), document)
        return OutboundMessage(body, message_type, message_id, message_class)

    def status_message(self, report: PaymentStatusReport, at: datetime) -> OutboundMessage:
        """Return a pacs.002 under our header, as `message` would, by mould: it is what is said most often.

        One with words is built as it is: they would make a shape of each.
        """
        message_id, message_type = report.message_id, pacs002.MESSAGE_TYPE
        if any(reason.additional for reason in report.reasons):
            return self.message(message_id, message_type, pacs002.build(report), MessageClass.NONVALUE, at)
        body = self._moulds.wrapped(self._header(message_id, message_type, at), report)
        return OutboundMessage(body, message_type, message_id, MessageClass.NONVALUE)

    def _header(
        self, message_id: MessageId, message_type: str, at: datetime, practice: MarketPractice | None = None
    ) -> BusinessHeader:
        return BusinessHeader(
            sender=self._connection_party,
            receiver=ConnectionPartyId(self._profile.fednow_id),
            business_message_id=BusinessMessageId(message_id),
            message_type=message_type,
            market_practice=practice or self._profile.market_practice,
            creation_time=rail_time(at, self._zone),
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a question says of what was sent; a return has the references of the payment that it gives back."""

    message_id: MessageId
    creation_time: datetime
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId | None
    transaction_id: TransactionId | None
    uetr: Uetr | None
    instructing_agent: RoutingNumber


def _asked_about(sent: RawMessage) -> _Asked:
    document = document_in(sent)
    if sent.message_type == pacs009.MESSAGE_TYPE:
        money = between_institutions(pacs009.parse(document))
        return _Asked(
            money.message_id,
            money.creation_time,
            money.instruction_id,
            money.end_to_end_id,
            money.transaction_id,
            money.uetr,
            money.instructing_agent,
        )
    if sent.message_type != pacs004.MESSAGE_TYPE:
        transfer = pacs008.parse(document)
        return _Asked(
            transfer.message_id,
            transfer.creation_time,
            transfer.instruction_id,
            transfer.end_to_end_id,
            transfer.transaction_id,
            transfer.uetr,
            transfer.instructing_agent,
        )
    returned = pacs004.parse(document)
    assert returned.instructing_agent is not None, "a return of ours names its sender"
    assert returned.instructing_agent.member_id is not None, "by its routing number"
    return _Asked(
        returned.message_id,
        returned.creation_time,
        returned.original_instruction_id,
        returned.original_end_to_end_id,
        returned.original_transaction_id,
        returned.original_uetr,
        returned.instructing_agent.member_id,
    )


def fednow_protocol(
    profile: FedNowProfile,
    *,
    connection_party: ConnectionPartyId,
    timing: Timing,
    doubt: DoubtPolicy = DEFAULT_DOUBT,
    definite_refusals: frozenset[str] = frozenset(),
) -> DialectProtocol:
    """Return FedNow's messages, times and questions."""
    dialect = FedNowDialect(profile, connection_party)
    return DialectProtocol(dialect, timing=timing, doubt=doubt, definite_refusals=definite_refusals)
