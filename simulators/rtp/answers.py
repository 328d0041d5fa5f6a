"""The messages that the simulated RTP sends: pacs.002, camt.056, camt.035, admi.002 and admn.006 in its envelope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EchoRequest,
    EchoResponse,
    EnvelopeKind,
    InstructionId,
    MessageId,
    MessageReject,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    RoutingNumber,
    StatusReason,
    TransactionId,
    TransactionStatus,
    admi002,
    header,
    pacs002,
    rtp_administration_id,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
    wrap,
)
from iso20022.header import RTP_HEADER_TYPE
from iso20022.messages import admi004, admn, camt035, camt056
from iso20022.messages.actors import Agent
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.admn import SignOffRequest, SignOffResponse, SignOnRequest, SignOnResponse, SignOnStatus
from iso20022.messages.camt035 import AcknowledgementKind
from iso20022.messages.investigation import Case, GroupCancellation
from iso20022.messages.original import Reason
from iso20022.messages.shape import Code
from iso20022.reader import Element
from simulators.facts import PaymentBooked
from simulators.message_ids import MessageIds, base36
from simulators.rtp.decide import EASTERN, ECHO_REQUEST, ECHO_RESPONSE
from simulators.rtp.settings import RtpSimulatorSettings

_SIGN_ON_RESPONSE: Final = "admn.002.001.01"
_SIGN_OFF_RESPONSE: Final = "admn.004.001.01"
_ISO_CODE_LENGTH: Final = 4
_SERIALS: Final = 10**11
_PLACES: Final = 36**3
_DESCRIPTION_MAX: Final = 350
"""Max350Text of admi.002 RsnDesc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A message that has come to the rail, and who has sent it; what names no instruction is known by its id."""

    message_id: MessageId
    message_type: str
    created_at: datetime
    author: object
    instruction_id: InstructionId | None = None


class AnswerWriter:
    """Writes the rail's messages to participants. Each has an id of its own; no message depends on another."""

    def __init__(self, settings: RtpSimulatorSettings, ids: MessageIds) -> None:
        self._rail = settings.rail_id
        self._codes = settings.codes
        self._iso_codes = settings.profile.status_reasons
        self._ids = ids

    def status(self, payment: PaymentBooked, *, settlement_date: date, now: datetime) -> bytes:
        """What became of the payment, as a pacs.002."""
        return self._about(payment, payment.status, payment.reasons, settlement_date=settlement_date, now=now)

    def truth(self, payment: PaymentBooked, *, settlement_date: date, now: datetime) -> bytes:
        """The same; but a time-out is said by a camt.056 with its reason."""
        if payment.reasons == (self._codes.timed_out,):
            return self._given_up(payment, settlement_date=settlement_date, now=now)
        return self.status(payment, settlement_date=settlement_date, now=now)

    def opposite(self, payment: PaymentBooked, *, settlement_date: date, now: datetime) -> bytes:
        """The contrary of the payment's status, in good form: what no real rail may say."""
        rejected = payment.status is TransactionStatus.RJCT
        status = TransactionStatus.ACTC if rejected else TransactionStatus.RJCT
        reasons = () if rejected else (self._codes.timed_out,)
        return self._about(payment, status, reasons, settlement_date=settlement_date, now=now)

    def unknown(self, payment: PaymentBooked, *, settlement_date: date, now: datetime) -> bytes:
        """A rejection with a reason that is on no list."""
        return self._about(
            payment, TransactionStatus.RJCT, (self._codes.unknown,), settlement_date=settlement_date, now=now
        )

    def posted(self, payment: PaymentBooked, *, now: datetime) -> bytes:
        """The creditor's institution has posted, camt.035; relayed."""
        assert payment.instruction_id is not None, "a payment on RTP has an instruction id"
        kind = AcknowledgementKind.ACWP if payment.status is TransactionStatus.ACWP else AcknowledgementKind.ACK
        message_id = self.message_id(now)
        creditor_agent = agent(payment.instructed_agent)
        acknowledgement = PaymentAcknowledgement(
            message_id=message_id,
            assigner=creditor_agent,
            assignee=agent(payment.instructing_agent),
            creation_time=now,
            case=Case(id=message_id, creator=creditor_agent),
            kind=kind,
            original_instruction_id=payment.instruction_id,
            original_end_to_end_id=payment.end_to_end_id,
            original_transaction_id=payment.transaction_id or TransactionId(payment.instruction_id),
            original_uetr=payment.uetr,
        )
        document = camt035.build(acknowledgement)
        return self.wrapped(camt035.MESSAGE_TYPE, document, recipient=payment.connection_party, now=now)

    def taken_in(
        self,
        message: Arrived,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
        reasons: tuple[StatusReason, ...] = (),
    ) -> bytes:
        """The rail's pacs.002 about a message without money: it has arrived (ACTC), or (RJCT) is not taken in."""
        assert isinstance(message.author, Agent), "an institution writes"
        assert message.author.member_id is not None, "by its number"
        report = PaymentStatusReport(
            message_id=self.message_id(now),
            creation_time=now,
            original_message_id=message.message_id,
            original_message_name=message.message_type,
            original_creation_time=message.created_at,
            original_instruction_id=message.instruction_id or InstructionId(message.message_id),
            status=TransactionStatus.RJCT if reasons else TransactionStatus.ACTC,
            reasons=reasons,
            acceptance_time=now,
            instructing_agent=RoutingNumber(self._rail[:9]),
            instructed_agent=message.author.member_id,
            agent_clearing_system=None,
            states_group=True,
        )
        return self.wrapped(pacs002.MESSAGE_TYPE, pacs002.build(report), recipient=recipient, now=now)

    def reject(
        self, *, related_reference: str, code: str, description: str, recipient: ConnectionPartyId, now: datetime
    ) -> bytes:
        """A technical refusal, admi.002."""
        reject = MessageReject(
            related_reference=related_reference,
            reason_code=code,
            rejection_time=now,
            description=description[:_DESCRIPTION_MAX],
        )
        return self.wrapped(admi002.MESSAGE_TYPE, admi002.build(reject), recipient=recipient, now=now)

    def echo(self, request: EchoRequest, *, recipient: ConnectionPartyId, now: datetime) -> bytes:
        """The answer to an echo request, admn.006."""
        response = EchoResponse(
            message_id=rtp_administration_id(
                local_time=now.astimezone(EASTERN), participant=self._rail, reference=self._ids.next_reference()[-10:]
            ),
            creation_time=now,
            instructing_agent=self._rail,
            instructed_agent=recipient,
            original_instruction_id=InstructionId(request.instruction_id),
        )
        return self.wrapped(ECHO_RESPONSE, admn.build(response), recipient=recipient, now=now)

    def echo_asked(self, *, recipient: ConnectionPartyId, now: datetime) -> tuple[bytes, InstructionId]:
        """The rail's own echo, admn.005, and its instruction id."""
        source, serial = self.next_number()
        day = now.astimezone(EASTERN).date()
        request = EchoRequest(
            message_id=rtp_administration_id(
                local_time=now.astimezone(EASTERN), participant=self._rail, reference=self._ids.next_reference()[-10:]
            ),
            creation_time=now,
            instruction_id=rtp_instruction_id(
                business_date=day, participant=self._rail, source=f"{source}0", serial=serial
            ),
            instructing_agent=self._rail,
            instructed_agent=recipient,
        )
        body = self.wrapped(ECHO_REQUEST, admn.build(request), recipient=recipient, now=now)
        return body, request.instruction_id

    def signed(
        self,
        request: SignOnRequest | SignOffRequest,
        reason: str | None,
        *,
        recipient: ConnectionPartyId,
        now: datetime,
    ) -> bytes:
        """The answer to a sign-on or a sign-off, admn.002 or admn.004: accepted, or rejected for a reason."""
        is_on = isinstance(request, SignOnRequest)
        make: type[SignOnResponse | SignOffResponse] = SignOnResponse if is_on else SignOffResponse
        response = make(
            message_id=rtp_administration_id(
                local_time=now.astimezone(EASTERN), participant=self._rail, reference=self._ids.next_reference()[-10:]
            ),
            creation_time=now,
            instructing_agent=self._rail,
            instructed_agent=recipient,
            original_instruction_id=request.instruction_id,
            status=SignOnStatus.ACTC if reason is None else SignOnStatus.RJCT,
            reason=reason,
        )
        message_type = _SIGN_ON_RESPONSE if is_on else _SIGN_OFF_RESPONSE
        return self.wrapped(message_type, admn.build(response), recipient=recipient, now=now)

    def notice(self, code: str, parameters: tuple[str, ...], *, recipient: ConnectionPartyId, now: datetime) -> bytes:
        """The rail's news of itself, admi.004."""
        event = SystemEventNotification(event_code=code, parameters=parameters, event_time=now)
        return self.wrapped(admi004.MESSAGE_TYPE, admi004.build(event), recipient=recipient, now=now)

    def reason(self, code: str) -> StatusReason:
        """A code as the list has it, ISO's or the rail's own."""
        is_iso = code in self._iso_codes or (len(code) == _ISO_CODE_LENGTH and code[:2].isalpha())
        return StatusReason(code=code) if is_iso else StatusReason(proprietary=code)

    def _about(
        self,
        payment: PaymentBooked,
        status: TransactionStatus,
        codes: tuple[str, ...],
        *,
        settlement_date: date,
        now: datetime,
    ) -> bytes:
        report = PaymentStatusReport(
            message_id=self.message_id(now),
            creation_time=now,
            original_message_id=payment.message_id,
            original_message_name=payment.message_type,
            original_creation_time=payment.document_creation_time,
            original_instruction_id=payment.instruction_id,
            original_transaction_id=payment.transaction_id,
            original_uetr=payment.uetr,
            original_amount=payment.amount,
            original_settlement_date=settlement_date,
            status=status,
            reasons=tuple(self.reason(code) for code in codes),
            acceptance_time=payment.received_at,
            instructing_agent=payment.instructed_agent,
            instructed_agent=payment.instructing_agent,
            agent_clearing_system=None,
            states_group=True,
        )
        document = pacs002.build(report)
        return self.wrapped(pacs002.MESSAGE_TYPE, document, recipient=payment.connection_party, now=now)

    def _given_up(self, payment: PaymentBooked, *, settlement_date: date, now: datetime) -> bytes:
        message_id, rail = self.message_id(now), agent(RoutingNumber(self._rail[:9]))
        request = PaymentCancellationRequest(
            message_id=message_id,
            assigner=rail,
            assignee=agent(payment.instructing_agent),
            creation_time=now,
            case=Case(id=message_id, creator=rail),
            original_group=GroupCancellation(message_id=payment.message_id, message_name=payment.message_type),
            original_instruction_id=payment.instruction_id,
            original_end_to_end_id=payment.end_to_end_id,
            original_transaction_id=payment.transaction_id,
            original_uetr=payment.uetr,
            original_amount=payment.amount,
            original_settlement_date=settlement_date,
            reasons=(Reason(reason=Code(self._codes.timed_out)),),
        )
        document = camt056.build(request)
        return self.wrapped(camt056.MESSAGE_TYPE, document, recipient=payment.connection_party, now=now)

    def wrapped(self, message_type: str, document: Element, *, recipient: ConnectionPartyId, now: datetime) -> bytes:
        """A Document under the rail's header, to a participant."""
        source, serial = self.next_number()
        outgoing = BusinessHeader(
            sender=self._rail,
            receiver=recipient,
            business_message_id=BusinessMessageId(
                rtp_business_message_id(
                    business_date=now.astimezone(EASTERN).date(), participant=self._rail, source=source, serial=serial
                )
            ),
            message_type=message_type,
            creation_time=now,
        )
        return wrap(EnvelopeKind.RTP_MESSAGE, header.build(outgoing, header_type=RTP_HEADER_TYPE), document)

    def message_id(self, now: datetime) -> MessageId:
        """An id that the rail has not used before."""
        source, serial = self.next_number()
        return rtp_message_id(
            business_date=now.astimezone(EASTERN).date(), participant=self._rail, source=source, serial=serial
        )

    def next_number(self, source: str = "H") -> tuple[str, int]:
        """What tells this id from the day's others: the source's letter, three characters, eleven digits."""
        places, serial = divmod(int(self._ids.next_reference(), 36), _SERIALS)
        return f"{source}{base36(places % _PLACES, length=3).upper()}", serial


def agent(number: RoutingNumber) -> Agent:
    """An institution as RTP names it: by its number alone."""
    return Agent(member_id=number, clearing_system=None)
