"""RTP's dialect: local times, three kinds of ids, the identical message again as the question, ACTC as the yes.

Sources: the public schemas and samples of RTP's releases 2.9 and 3.0 (``moov-io/rtp20022``); the public RTP guides of
IBM (FTM) and Oracle (Banking Payments) for the repeat. What no public text says is a setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.doubt import DoubtPolicy, Enquiry
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import ping_reference_of
from gateway.domain.payment import Payment, Rail, Reason, ReasonOrigin
from gateway.domain.timing import Timing
from gateway.service.dialect import DialectProtocol, Heard, rail_time
from gateway.service.ports import MessageClass, RawMessage
from gateway.service.rail_protocol import EchoAsked, Notice, OperationAnswer, OutboundMessage, Statement
from gateway.service.resolutions import resolved
from gateway.service.transfer_form import TransferForm
from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EchoRequest,
    EchoResponse,
    Element,
    EnvelopeKind,
    InstitutionCreditTransfer,
    InstructionId,
    Message,
    MessageId,
    MessageReject,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    ReceiptAcknowledgement,
    Resolution,
    RoutingNumber,
    RtpProfile,
    TransactionStatus,
    marked_as_duplicate,
    rtp_administration_id,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
    wrap,
)
from iso20022 import header as headers
from iso20022.header import RTP_HEADER_TYPE
from iso20022.local_time import in_local_time
from iso20022.messages import admn, pacs008
from iso20022.messages.admn import SignOffRequest, SignOffResponse, SignOnRequest, SignOnResponse, SignOnStatus
from iso20022.messages.shape import Code

DEFAULT_DOUBT: Final = DoubtPolicy(enquiry=Enquiry.REPEAT, questions_max=5, ping_after=3)
"""RTP is asked by the identical message, marked DUPL. How often is not public: each repeat may be the first to arrive,
so a person is called sooner than on a rail that is asked by a question."""

TIMED_OUT: Final = "DS24"
"""ISO: the waiting time has expired. The rail's word that it gave a payment up; a later acceptance is rejected."""

COPY_REFUSALS: Final = frozenset({"DUPL"})
"""Reasons of an RJCT that refuse a copy, and say nothing of the payment: it may have settled by another copy."""

RTP_RAIL_ID: Final = ConnectionPartyId("990000001T1")
"""To whom a participant's messages go (published samples)."""

SIGN_ON: Final = "admn.001"
SIGN_OFF: Final = "admn.003"
ECHO: Final = "admn.005"
"""What is asked by administration messages, by the request's type: they have no codes of their own."""

_ADMINISTRATION: Final[Mapping[type, str]] = {kind.value_type: name for name, kind in admn.KINDS.items()}

_BY_STATUS: Final = {
    TransactionStatus.ACTC: EventKind.SETTLEMENT_REPORTED,
    TransactionStatus.ACWP: EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED,
    TransactionStatus.RCVD: EventKind.PROGRESS_REPORTED,
    TransactionStatus.RJCT: EventKind.REJECTION_REPORTED,
}
"""All that a pacs.002 may say on RTP, as the sender of a payment hears it."""

_UNANSWERABLE: Final = frozenset({"RTP_ONE_PAYMENT", "RTP_CURRENCY", "RTP_AMOUNT_LEAST", "RTP_TOTAL"})
"""The findings that leave open which money a transfer brings."""

_SERIALS: Final = 10**11
_PAYMENT: Final = "pacs.008"
_REQUEST: Final = "camt.056"
_REQUEST_FOR_PAYMENT: Final = "pain.013"
_NUMBER_LENGTH: Final = 9

_DATE: Final = slice(1, 9)
"""Where a message id carries its date."""

_FILL: Final = "0"
"""The one character by which an instruction id of ours is longer in its source than the message id it is made of."""

_OWN_INSTRUCTION_ID: Final = re.compile(r"([0-9]{8}[0-9A-Z]{11}B[0-9A-Z]{3})" + _FILL + r"([0-9]{11})")


def _instruction_id_of(message_id: MessageId) -> InstructionId:
    """Return an instruction id that is unique where the message id is: the same parts, and one character more."""
    return InstructionId(f"{message_id[1:-11]}{_FILL}{message_id[-11:]}")


def message_id_of(instruction_id: InstructionId) -> MessageId | None:
    """Return the message id that an instruction id of ours was made of; None where a client chose its own."""
    match = _OWN_INSTRUCTION_ID.fullmatch(instruction_id)
    return None if match is None else MessageId(f"M{match[1]}{match[2]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpAddress:
    """Who we are in headers, and who the rail is."""

    participant: ConnectionPartyId
    rail: ConnectionPartyId = RTP_RAIL_ID


class RtpDialect:
    """Implements `gateway.service.dialect.Dialect` for RTP.

    A payment's ids are one number: the header's id is the message id with another first letter, and where a client
    leaves the instruction id out it is made of the message id. So no two payments of ours share an instruction id
    either, by which RTP tells a repeat from a new payment; what a client chose is claimed (`KNOWN_BY_INSTRUCTION_ID`).
    """

    rail: Final = Rail.RTP
    form: Final = TransferForm(
        clearing_system="TCH",
        date_code="RTP_MESSAGE_ID_DATE",
        service_level="SDVA",
        local_instrument="STANDARD",
        category_purposes=MappingProxyType({"CONS": "CONSUMER", "BIZZ": "BUSINESS"}),
        agent_clearing_system=None,
        states_group=True,
        has_transaction_id=True,
        instruction_id_of=_instruction_id_of,
    )
    """As in the published samples."""

    days_looked_back: Final = 0
    """A repeat may be the first copy to arrive, and its ids and settlement date are of the day on which it was made."""

    def __init__(
        self, profile: RtpProfile, address: RtpAddress, *, copy_refusals: frozenset[str] = COPY_REFUSALS
    ) -> None:
        self._profile = profile
        self._address = address
        self._copy_refusals = copy_refusals
        self._zone = ZoneInfo(profile.time_zone)

    @property
    def profile(self) -> RtpProfile:
        """The rail's rules, as this installation knows them."""
        return self._profile

    @property
    def copy_refusals(self) -> frozenset[str]:
        """Reasons that refuse a copy, and say nothing of what was taken before."""
        return self._copy_refusals

    @property
    def rail_number(self) -> RoutingNumber:
        """Who the rail is, as an agent of a message: the nine digits of its id."""
        return RoutingNumber(self._address.rail[:_NUMBER_LENGTH])

    @property
    def rail_numbers(self) -> frozenset[RoutingNumber]:
        """Who the rail is under any of its ids."""
        return frozenset(RoutingNumber(each[:_NUMBER_LENGTH]) for each in self._profile.rail_ids)

    def message_id(self, business_date: date, reference: str) -> MessageId:
        """Return ``M``, date, participant, ``B``, three characters and eleven digits."""
        return rtp_message_id(
            business_date=business_date,
            participant=self._address.participant,
            source=_source_of(reference),
            serial=_serial_of(reference),
        )

    def date_of(self, message_id: MessageId) -> str:
        """Return what follows the ``M``."""
        return message_id[_DATE]

    def closed_to_liquidity(self, at: datetime) -> None:
        """Return nothing: no liquidity transfer goes over RTP by this gateway."""

    def document(self, transfer: CustomerCreditTransfer | InstitutionCreditTransfer) -> Element:
        """Return the transfer's Document, its times local ones."""
        assert isinstance(transfer, CustomerCreditTransfer), "no liquidity transfer goes over RTP by this gateway"
        return in_local_time(pacs008.build(transfer))

    def transfer_message(
        self, message_id: MessageId, document: Element, *, at: datetime, message_type: str = pacs008.MESSAGE_TYPE
    ) -> OutboundMessage:
        """Return the Document's content under our header, whose id is the message id with another first letter."""
        return self.message(message_id, message_type, document, MessageClass.VALUE, at)

    def message(
        self,
        message_id: MessageId,
        message_type: str,
        document: Element,
        message_class: MessageClass,
        at: datetime,
    ) -> OutboundMessage:
        """Return a Document under our header, whose id is the message id with another first letter."""
        return self._message(header_id_of(message_id), message_type, document, message_class=message_class, at=at)

    def enquiry(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage:  # noqa: ARG002
        """Return what was sent once more, byte for byte but for the mark DUPL: same ids, same times, same amount."""
        return OutboundMessage(
            marked_as_duplicate(sent.body), pacs008.MESSAGE_TYPE, sent.business_message_id, MessageClass.VALUE
        )

    def posting_question(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage | None:  # noqa: ARG002
        """Return None: that RTP carries a status request to a participant no public text says."""
        return None

    def ping(self, payment: Payment, *, at: datetime) -> OutboundMessage:
        """Return an echo request, admn.005."""
        return self.administration(EchoRequest, ping_reference_of(payment.payment_id, payment.pings + 1), at=at)

    def administration(
        self, make: type[EchoRequest | SignOnRequest | SignOffRequest], reference: str, *, at: datetime
    ) -> OutboundMessage:
        """Return an administration message whose instruction id is its header's, with a character more."""
        source, serial, participant = _source_of(reference), _serial_of(reference), self._address.participant
        local = rail_time(at, self._zone)
        request = make(
            message_id=rtp_administration_id(local_time=local, participant=participant, reference=reference[:10]),
            creation_time=local,
            instruction_id=rtp_instruction_id(
                business_date=local.date(), participant=participant, source=f"{source}{_FILL}", serial=serial
            ),
            instructing_agent=participant,
            instructed_agent=self._address.rail,
        )
        header_id = rtp_business_message_id(
            business_date=local.date(), participant=participant, source=source, serial=serial
        )
        message_type = _ADMINISTRATION[make]
        return self._message(header_id, message_type, admn.build(request), message_class=MessageClass.SYSTEM, at=at)

    def echo_answer(self, asked: EchoAsked, reference: str, *, at: datetime) -> OutboundMessage:
        """Return the answer to an echo of the rail's, admn.006."""
        participant, local = self._address.participant, rail_time(at, self._zone)
        answer = EchoResponse(
            message_id=rtp_administration_id(local_time=local, participant=participant, reference=reference[:10]),
            creation_time=local,
            instructing_agent=participant,
            instructed_agent=self._address.rail,
            original_instruction_id=asked.instruction_id,
        )
        header_id = header_id_of(self.message_id(local.date(), reference))
        message_type = _ADMINISTRATION[EchoResponse]
        return self._message(header_id, message_type, admn.build(answer), message_class=MessageClass.SYSTEM, at=at)

    def is_for_us(self, header: BusinessHeader) -> bool:
        """Whether a header is the rail's, under any of its ids, and to our participant."""
        return header.sender in self._profile.rail_ids and header.receiver == self._address.participant

    @property
    def unanswerable(self) -> frozenset[str]:
        """More than one payment, none of dollars, none of anything, or of two amounts."""
        return _UNANSWERABLE

    def is_sign_of_life(self, message: Message | None) -> bool:
        """Whether it is the answer to an echo."""
        return isinstance(message, EchoResponse)

    def notice(self, message: Message | None) -> Notice | None:
        """Return what answers a sign-on, a sign-off or an echo, and the rail's own news."""
        match message:
            case SignOnResponse() | SignOffResponse():
                code = SIGN_ON if isinstance(message, SignOnResponse) else SIGN_OFF
                if message.status is SignOnStatus.ACTC:
                    return OperationAnswer(code, None, message.creation_time)
                assert message.reason is not None, "the rail's rules want a rejection's reason"
                return OperationAnswer(code, message.reason, message.creation_time)
            case EchoRequest():
                return EchoAsked(message.instruction_id)
            case EchoResponse():
                return OperationAnswer(ECHO, None, message.creation_time)
            case _:
                return message if isinstance(message, Notice) else None

    def about(self, message: Message | None) -> str | None:
        """Return the original's message id; of an admi.002 whichever id it refers to."""
        match message:
            case PaymentStatusReport():
                return _spoken_of(message)
            case MessageReject():
                return message.related_reference
            case PaymentCancellationRequest():
                return _original_of(message)
            case Resolution():
                return _answered_for(message)
            case PaymentAcknowledgement():
                return message_id_of(message.original_instruction_id)
            case SignOnResponse() | SignOffResponse() | EchoResponse():
                asked = message_id_of(message.original_instruction_id)
                return None if asked is None else header_id_of(asked)
            case _:
                return None

    def gives_up(self, statement: Statement) -> bool:
        """Whether it is a camt.056 with DS24, the rail's own."""
        return isinstance(statement, PaymentCancellationRequest) and any(
            isinstance(given.reason, Code) and given.reason.text == TIMED_OUT for given in statement.reasons
        )

    def may_be_of_posting(self, statement: Statement) -> bool:  # noqa: ARG002
        """Whether it is: never, RTP tells of a posting by camt.035."""
        return False

    def case_id_of(self, payment: Payment) -> str | None:
        """Return the Document's id of our camt.056, which is the case's; it is kept under its header's."""
        header_id = payment.request.message_id
        return None if header_id is None else f"M{header_id[1:]}"

    def names_transfer(self, about: str, payment: Payment) -> bool:
        """Whether it is the Document's id or the header's: they are one number."""
        return about in {payment.message_id, header_id_of(payment.message_id)}

    def names_posting_question(self, about: str, payment: Payment) -> bool:  # noqa: ARG002
        """Whether it is: never, there is none."""
        return False

    def event(self, statement: Statement, heard: Heard) -> Event:
        """Return what a report, a time-out or an acknowledgement means. An RJCT of a copy decides nothing."""
        match statement:
            case PaymentStatusReport():
                return self._status_event(statement, heard)
            case PaymentCancellationRequest():
                return Event(EventKind.TIME_OUT_REPORTED, reason=Reason(TIMED_OUT, ReasonOrigin.RAIL))
            case PaymentAcknowledgement():
                return Event(EventKind.POSTING_REPORTED)
            case MessageReject():
                raise AssertionError("a refusal means the same on every rail")
            case Resolution():
                return resolved(statement)
            case ReceiptAcknowledgement():
                raise AssertionError("RTP has no admi.007")

    def _status_event(self, report: PaymentStatusReport, heard: Heard) -> Event:
        code = next((reason.code or reason.proprietary for reason in report.reasons), None)
        reason = None if code is None else Reason(code, ReasonOrigin.RAIL)
        kind = _BY_STATUS[report.status]
        if report.original_message_name.startswith(_REQUEST):
            is_refused = kind is EventKind.REJECTION_REPORTED
            return Event(EventKind.RETURN_REQUEST_REFUSED if is_refused else EventKind.RETURN_RECEIPT_REPORTED, reason)
        if not heard.is_about_transfer:
            return Event(EventKind.STATUS_REQUEST_UNANSWERED, reason=reason)
        if kind is EventKind.REJECTION_REPORTED and code in self._copy_refusals:
            return Event(EventKind.REFUSAL_UNEXPLAINED, reason=reason)
        if kind is EventKind.REJECTION_REPORTED and code == TIMED_OUT:
            kind = EventKind.TIME_OUT_REPORTED
        return Event(kind, reason=reason, status=report.status.value)

    def _message(
        self,
        header_id: BusinessMessageId,
        message_type: str,
        document: Element,
        *,
        message_class: MessageClass,
        at: datetime,
    ) -> OutboundMessage:
        header = BusinessHeader(
            sender=self._address.participant,
            receiver=self._address.rail,
            business_message_id=header_id,
            message_type=message_type,
            creation_time=rail_time(at, self._zone),
        )
        body = wrap(EnvelopeKind.RTP_MESSAGE, headers.build(header, header_type=RTP_HEADER_TYPE), document)
        return OutboundMessage(body, message_type, header_id, message_class)


def rtp_protocol(
    profile: RtpProfile,
    *,
    address: RtpAddress,
    timing: Timing,
    doubt: DoubtPolicy = DEFAULT_DOUBT,
    definite_refusals: frozenset[str] = frozenset(),
    copy_refusals: frozenset[str] = COPY_REFUSALS,
) -> DialectProtocol:
    """Return RTP's messages, times and questions."""
    dialect = RtpDialect(profile, address, copy_refusals=copy_refusals)
    return DialectProtocol(dialect, timing=timing, doubt=doubt, definite_refusals=definite_refusals)


def header_id_of(message_id: MessageId) -> BusinessMessageId:
    """Return the header's id of a message of ours: the Document's with another first letter."""
    return BusinessMessageId(f"B{message_id[1:]}")


def _spoken_of(report: PaymentStatusReport) -> str:
    """Return of which message a status speaks: of a payment by its own id, of any other of ours by its header's.

    So is each kept: a payment is known by its Document's id to both sides, and what else we have sent by ours.
    """
    if report.original_message_name.startswith(_PAYMENT):
        return report.original_message_id
    return header_id_of(report.original_message_id)


def _source_of(reference: str) -> str:
    return f"B{reference[:3]}"


def _serial_of(reference: str) -> int:
    return int(reference[3:], 36) % _SERIALS


def _original_of(request: PaymentCancellationRequest) -> str | None:
    """Return which payment is given up or asked back, or which request for payment is taken back."""
    original = request.original_message or request.original_group
    return None if original is None else _named(original.message_name, original.message_id)


def _answered_for(resolution: Resolution) -> str | None:
    """Return which payment, or request for payment, the answer to a request for its return is about."""
    originals = (*(payment.original_message for payment in resolution.payments), resolution.group)
    named = (_named(each.message_name, each.message_id) for each in originals if each is not None)
    return next((each for each in named if each is not None), None)


def _named(message_name: str, message_id: str) -> str | None:
    """A payment by its id; a request for payment under a name that no payment has, whatever its id is."""
    if message_name.startswith(_PAYMENT):
        return message_id
    return f"{_REQUEST_FOR_PAYMENT}:{message_id}" if message_name.startswith(_REQUEST_FOR_PAYMENT) else None
