"""FedNow's messages, as the use cases need them: our header around transfers, questions, and what answers mean."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.doubt import DoubtPolicy
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import ping_reference_of, reference_of, status_request_reference_of, uetr_of
from gateway.domain.payment import IdempotencyKey, Payment, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.timing import Timing
from gateway.service.ports import RawMessage
from gateway.service.rail_protocol import OutboundMessage, Reading
from gateway.service.requests import PaymentRequest
from gateway.service.submit import JSON_TYPE
from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EndToEndId,
    EnquiryAnswer,
    EnvelopeKind,
    FedNowProfile,
    Finding,
    InstructionId,
    MessageId,
    MessageReject,
    Party,
    PaymentStatusReport,
    PaymentStatusRequest,
    Report,
    RoutingNumber,
    Severity,
    TransactionStatus,
    Uetr,
    examine,
    explain,
    fednow_message_id,
    read,
    serialise,
    unwrap,
    wrap,
)
from iso20022 import header as headers
from iso20022.messages import admi004, pacs008, pacs028
from iso20022.messages.admi004 import PING, SystemEventNotification
from iso20022.messages.admi011 import SystemEventAcknowledgement

_TRANSFER: Final = pacs008.MESSAGE_TYPE
_STATUS_REQUEST: Final = pacs028.MESSAGE_TYPE
_UNREADABLE: Final = "unreadable"

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

_LOCAL_INSTRUMENT: Final = "FDNA"
"""The one local instrument of a FedNow credit transfer that is public (the Federal Reserve's sample messages)."""

_NO_HEADER: Final = "NO_HEADER"
_NOT_FOR_US: Final = "HEADER_NOT_FOR_US"
"""The quarantine's codes for what comes without a header, or under one that is not from the rail to us."""

_NEVER_RECEIVED: Final = "AG09"
"""ISO: the original payment was never received. It can answer a question only, never a transfer."""


@lru_cache(maxsize=4)
def _dates_taken(today: date) -> frozenset[str]:
    """The dates that a new message id may begin with."""
    return frozenset(f"{day:%Y%m%d}" for day in (today, today - timedelta(days=1)))


class FedNowProtocol:
    """Implements `gateway.service.rail_protocol.RailProtocol` for FedNow."""

    def __init__(
        self,
        profile: FedNowProfile,
        *,
        connection_party: ConnectionPartyId,
        timing: Timing,
        doubt: DoubtPolicy = DEFAULT_DOUBT,
        definite_refusals: frozenset[str] = frozenset(),
    ) -> None:
        self._profile = profile
        self._connection_party = connection_party
        self._timing = timing
        self._doubt = doubt
        self._definite_refusals = definite_refusals
        self._zone = ZoneInfo(profile.time_zone)

    @property
    def rail(self) -> Rail:
        """FedNow."""
        return Rail.FEDNOW

    @property
    def timing(self) -> Timing:
        """Its times."""
        return self._timing

    @property
    def doubt(self) -> DoubtPolicy:
        """How it is asked."""
        return self._doubt

    def business_date(self, now: datetime) -> date:
        """Return the calendar date in the rail's zone: what its message ids begin with."""
        return now.astimezone(self._zone).date()

    # --- what clients send ---

    def examine(self, body: bytes) -> Report:
        """Return the verdict on a message that a client wants sent."""
        return examine(body, profile=self._profile, direction=Direction.TO_RAIL)

    def explain(self, report: Report) -> Report:
        """Return the report with all its findings."""
        return explain(report)

    def transfer_from_request(
        self,
        request: PaymentRequest,
        *,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: date,
        at: datetime,
    ) -> CustomerCreditTransfer:
        """Return the pacs.008 of a JSON request; ids that the client left out are functions of its key."""
        reference = reference_of("message", tenant_id, idempotency_key, business_date)
        instruction = reference_of("instruction", tenant_id, idempotency_key, business_date)
        end_to_end = reference_of("end-to-end", tenant_id, idempotency_key, business_date)
        return self._transfer(
            request,
            message_id=self._message_id(business_date, reference),
            end_to_end_id=request.end_to_end_id or EndToEndId(end_to_end),
            instruction_id=request.instruction_id or InstructionId(instruction),
            uetr=request.uetr or uetr_of(tenant_id, idempotency_key, business_date),
            settlement_date=business_date,
            at=at,
        )

    def check_transfer(self, transfer: CustomerCreditTransfer) -> tuple[Finding, ...]:
        """Return what the rail would refuse in a transfer that we built: schema and profile, as for any message."""
        return explain(self.examine(serialise(pacs008.build(transfer)))).findings

    def check_date(self, transfer: CustomerCreditTransfer, *, at: datetime) -> tuple[Finding, ...]:
        """Return a finding when the message id's date is neither today nor yesterday in the rail's zone."""
        today = self.business_date(at)
        if transfer.message_id[:8] in _dates_taken(today):
            return ()
        return (
            Finding(
                code="FEDNOW_MESSAGE_ID_DATE",
                xpath="/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId",
                value=transfer.message_id,
                rule="A new payment's message id begins with the date on which it is sent: the rail answers no "
                "question about an id of another day than today and yesterday.",
                hint=f"Make a new message id that begins with {today:%Y%m%d}.",
            ),
        )

    # --- what goes to the rail ---

    def transfer_message(self, payment: Payment, received: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return the transfer under our own header; a client's Document goes out as it came in."""
        if received.content_type == JSON_TYPE:
            document = pacs008.build(
                self._transfer(
                    PaymentRequest.from_json(json.loads(received.body)),
                    message_id=payment.message_id,
                    end_to_end_id=payment.end_to_end_id,
                    instruction_id=payment.instruction_id,
                    uetr=payment.uetr,
                    settlement_date=payment.business_date,
                    at=at,
                )
            )
        else:
            found = unwrap(read(received.body)).document
            assert found is not None, "a payment was accepted from a message without a Document"
            document = found
        header = self._header(payment.message_id, _TRANSFER, at)
        body = wrap(EnvelopeKind.FEDNOW_INCOMING, headers.build(header), document)
        return OutboundMessage(body, _TRANSFER, payment.message_id)

    def enquiry(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return the pacs.028 after a transfer that was sent, in the words of that transfer."""
        transfer = self._sent_transfer(sent)
        reference = status_request_reference_of(payment.payment_id, payment.status_requests + 1)
        message_id = self._message_id(self.business_date(at), reference)
        request = PaymentStatusRequest(
            message_id=message_id,
            creation_time=self._local(at),
            original_message_id=transfer.message_id,
            original_message_name=_TRANSFER,
            original_creation_time=transfer.creation_time,
            original_instruction_id=transfer.instruction_id,
            original_end_to_end_id=transfer.end_to_end_id,
            original_transaction_id=transfer.transaction_id,
            original_uetr=transfer.uetr,
            instructing_agent=transfer.instructing_agent,
            instructed_agent=RoutingNumber(self._profile.fednow_id),
        )
        header = self._header(message_id, _STATUS_REQUEST, at)
        body = wrap(EnvelopeKind.FEDNOW_INCOMING, headers.build(header), pacs028.build(request))
        return OutboundMessage(body, _STATUS_REQUEST, message_id)

    def ping(self, payment: Payment, *, at: datetime) -> OutboundMessage:
        """Return an admi.004 PING: the first thing to do when questions stay unanswered (Operating Procedures 16)."""
        message_id = self._message_id(self.business_date(at), ping_reference_of(payment.payment_id, payment.pings + 1))
        event = SystemEventNotification(event_code=PING, event_time=self._local(at))
        header = self._header(message_id, admi004.MESSAGE_TYPE, at)
        body = wrap(EnvelopeKind.FEDNOW_INCOMING, headers.build(header), admi004.build(event))
        return OutboundMessage(body, admi004.MESSAGE_TYPE, message_id)

    # --- what the rail says ---

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail is about; what cannot be read keeps its findings' codes."""
        report = examine(body, profile=self._profile, direction=Direction.FROM_RAIL)
        header, message = report.header, report.message
        codes = tuple(finding.code for finding in report.findings if finding.severity is Severity.ERROR)
        message_type = report.message_type or _UNREADABLE
        if header is None:
            return Reading("", message_type, None, None, codes or (_NO_HEADER,))
        if header.sender != self._profile.fednow_id or header.receiver != self._connection_party:
            codes = (*codes, _NOT_FOR_US)
        if codes:  # only what is valid, from the rail and for us, is acted upon; the rest is a person's to look at
            return Reading(header.business_message_id, message_type, None, None, codes)
        match message:
            case PaymentStatusReport():
                about: str | None = message.original_message_id
            case MessageReject():
                about = message.related_reference
            case SystemEventAcknowledgement(event_code=code) if code == PING:
                return Reading(header.business_message_id, message_type, None, None, is_sign_of_life=True)
            case _:
                return Reading(header.business_message_id, message_type, None, None, codes)
        return Reading(header.business_message_id, message_type, about, message)

    def is_looked_back_to(self, payment: Payment, *, at: datetime) -> bool:
        """Whether the rail still knows of the day on which the payment was sent: it looks back one calendar day.

        After that "not found" says nothing (FedNow Operating Procedures v2.1 section 16).
        """
        sent_on = self.business_date(payment.creation_time or at)
        return self.business_date(at) - sent_on <= timedelta(days=1)

    def is_of_today(self, payment: Payment, *, at: datetime) -> bool:
        """Whether the payment's message id begins with the rail's present day."""
        return payment.message_id[:8] == f"{self.business_date(at):%Y%m%d}"

    def mismatches(self, reading: Reading, payment: Payment) -> tuple[str, ...]:
        """Return the references of a status report that are given and are not the payment's."""
        report = reading.statement
        if not isinstance(report, PaymentStatusReport):
            return ()
        given = {
            "ORIGINAL_UETR_DIFFERS": (report.original_uetr, payment.uetr),
            "ORIGINAL_END_TO_END_ID_DIFFERS": (report.original_end_to_end_id, payment.end_to_end_id),
            "ORIGINAL_INSTRUCTION_ID_DIFFERS": (report.original_instruction_id, payment.instruction_id),
        }
        return tuple(code for code, (theirs, ours) in given.items() if theirs is not None and theirs != ours)

    def event(self, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        """Return what a reading means for the payment that it is about."""
        match reading.statement:
            case PaymentStatusReport() as report:
                return self._status_event(reading, report, payment, at)
            case MessageReject() as reject:
                if reading.about != payment.message_id:
                    kind = EventKind.STATUS_REQUEST_UNANSWERED
                elif reject.reason_code in self._definite_refusals and payment.transfers <= 1:
                    kind = EventKind.TRANSFER_REFUSED
                else:
                    kind = EventKind.REFUSAL_UNEXPLAINED  # it may mean "duplicate id": the other copy counts
                reason = Reason(reject.reason_code, ReasonOrigin.RAIL)
                return Event(kind, reason=reason, business_message_id=reading.business_message_id)
            case None:
                raise AssertionError("a reading without a statement is quarantined, not interpreted")

    def _status_event(self, reading: Reading, report: PaymentStatusReport, payment: Payment, at: datetime) -> Event:
        code = next((reason.code or reason.proprietary for reason in report.reasons), None)
        reason = None if code is None else Reason(code, ReasonOrigin.RAIL)
        kind = _BY_STATUS[report.status]
        if kind is EventKind.REJECTION_REPORTED:
            about_question = reading.about != payment.message_id
            answer = self._profile.enquiry_codes.get(code) if code is not None else None
            if answer is not None and self.is_looked_back_to(payment, at=at):
                kind = _BY_ANSWER[answer]
            elif answer is not None or about_question or code == _NEVER_RECEIVED:
                kind = EventKind.STATUS_REQUEST_UNANSWERED
        is_of_payment = kind in _BY_STATUS.values()
        return Event(
            kind,
            reason=reason,
            status=report.status.value if is_of_payment else None,
            business_message_id=reading.business_message_id,
        )

    # --- building ---

    def _transfer(
        self,
        request: PaymentRequest,
        *,
        message_id: MessageId,
        end_to_end_id: EndToEndId,
        instruction_id: InstructionId | None,
        uetr: Uetr | None,
        settlement_date: date,
        at: datetime,
    ) -> CustomerCreditTransfer:
        return CustomerCreditTransfer(
            message_id=message_id,
            creation_time=self._local(at),
            instruction_id=instruction_id,
            end_to_end_id=end_to_end_id,
            uetr=uetr,
            local_instrument=_LOCAL_INSTRUMENT,
            category_purpose=request.category_purpose,
            amount=request.amount,
            settlement_date=settlement_date,
            instructing_agent=request.debtor_agent,
            instructed_agent=request.creditor_agent,
            debtor=Party(name=request.debtor_name),
            debtor_account=request.debtor_account,
            debtor_agent=request.debtor_agent,
            creditor=Party(name=request.creditor_name),
            creditor_account=request.creditor_account,
            creditor_agent=request.creditor_agent,
            remittance=request.remittance,
        )

    @staticmethod
    def _sent_transfer(sent: RawMessage) -> CustomerCreditTransfer:
        document = unwrap(read(sent.body)).document
        assert document is not None, "what we sent had a Document"
        return pacs008.parse(document)

    def _header(self, message_id: MessageId, message_type: str, at: datetime) -> BusinessHeader:
        return BusinessHeader(
            sender=self._connection_party,
            receiver=ConnectionPartyId(self._profile.fednow_id),
            business_message_id=BusinessMessageId(message_id),
            message_type=message_type,
            market_practice=self._profile.market_practice,
            creation_time=self._local(at),
        )

    def _message_id(self, business_date: date, reference: str) -> MessageId:
        return fednow_message_id(
            business_date=business_date, connection_party=self._connection_party, reference=reference
        )

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone).replace(microsecond=at.microsecond // 1000 * 1000)
