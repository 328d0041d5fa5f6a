"""FedNow as its receivers speak to it: pacs.002 as the answer, ACSC or ACWP as the advice, pacs.028 as the question.

Source: FedNow Operating Procedures v2.1 (October 2024), sections 9 and 16; the form of a participant's pacs.002 as in
`iso20022.profiles.fednow`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.identity import incoming_reference_of
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Rail, Reason, ReasonOrigin
from gateway.domain.receiving_time import ReceivingTiming
from gateway.service.dialect import rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.rail import ReasonCodes
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage, RailProtocol, Reading
from iso20022 import (
    EnquiryAnswer,
    MessageReject,
    PaymentStatusReport,
    PaymentStatusRequest,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
)
from iso20022.messages import pacs002, pacs008, pacs028

TEXT_MAX: Final = 105
"""Characters of `AddtlInf` (ISO 20022, Max105Text)."""

_QUESTION: Final = "question"
_ANSWER: Final = "answer"

_ADVISED: Final = {
    TransactionStatus.ACSC: IncomingEvent.SETTLEMENT_ADVISED,
    TransactionStatus.ACWP: IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED,
    TransactionStatus.RJCT: IncomingEvent.REJECTION_ADVISED,
}
"""What the service says of a transfer to its receiver; any other status decides nothing."""


class FedNowReceiving:
    """Implements `gateway.service.incoming.rail.ReceivingRail` for FedNow."""

    rail: Final = Rail.FEDNOW

    def __init__(
        self,
        dialect: FedNowDialect,
        protocol: RailProtocol,
        *,
        timing: ReceivingTiming,
        reasons: ReasonCodes,
        answer_refused: frozenset[str] = frozenset(),
    ) -> None:
        self._dialect = dialect
        self._protocol = protocol
        self._timing = timing
        self._reasons = reasons
        self._answer_refused = answer_refused
        self._zone = ZoneInfo(dialect.profile.time_zone)

    @property
    def timing(self) -> ReceivingTiming:
        """Its times."""
        return self._timing

    @property
    def reasons(self) -> ReasonCodes:
        """The gateway's own rejections."""
        return self._reasons

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail says."""
        return self._protocol.read(body)

    def answer(
        self, transfer: IncomingTransfer, status: str, reason_code: str | None, text: str | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our pacs.002: from the creditor's institution to the sender, with an ISO reason at the most."""
        reference = incoming_reference_of(transfer.payment_id, _ANSWER, transfer.version)
        message_id = self._dialect.message_id(at.astimezone(self._zone).date(), reference)
        additional = () if text is None else (text,)
        report = PaymentStatusReport(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            original_message_id=transfer.message_id,
            original_message_name=pacs008.MESSAGE_TYPE,
            original_creation_time=rail_time(transfer.message_created_at, self._zone),
            original_instruction_id=transfer.instruction_id,
            original_end_to_end_id=transfer.end_to_end_id,
            original_transaction_id=transfer.transaction_id,
            original_uetr=transfer.uetr,
            status=TransactionStatus(status),
            reasons=() if reason_code is None else (StatusReason(code=reason_code, additional=additional),),
            instructing_agent=transfer.instructed_agent,
            instructed_agent=transfer.instructing_agent,
        )
        return self._dialect.message(message_id, pacs002.MESSAGE_TYPE, pacs002.build(report), MessageClass.NONVALUE, at)

    def carries(self, text: str) -> bool:
        """Whether it is a line as ISO 20022 carries it beside a reason: 1 to 105 printable characters."""
        return 1 <= len(text) <= TEXT_MAX and text.isprintable()

    def enquiry(self, transfer: IncomingTransfer, *, at: datetime) -> OutboundMessage:
        """Return the next pacs.028 to the service."""
        reference = incoming_reference_of(transfer.payment_id, _QUESTION, transfer.status_requests + 1)
        message_id = self._dialect.message_id(at.astimezone(self._zone).date(), reference)
        request = PaymentStatusRequest(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            original_message_id=transfer.message_id,
            original_message_name=pacs008.MESSAGE_TYPE,
            original_creation_time=rail_time(transfer.message_created_at, self._zone),
            original_instruction_id=transfer.instruction_id,
            original_end_to_end_id=transfer.end_to_end_id,
            original_transaction_id=transfer.transaction_id,
            original_uetr=transfer.uetr,
            instructing_agent=transfer.instructed_agent,
            instructed_agent=RoutingNumber(self._dialect.service_id),
        )
        return self._dialect.message(message_id, pacs028.MESSAGE_TYPE, pacs028.build(request), MessageClass.INQUIRY, at)

    def is_looked_back_to(self, transfer: IncomingTransfer, *, at: datetime) -> bool:
        """Whether the rail, asked `at`, still knows of the day on which it brought the transfer."""
        brought_on, today = (self._protocol.business_date(instant) for instant in (transfer.forwarded_at, at))
        return today - brought_on <= timedelta(days=self._dialect.days_looked_back)

    def tells_posting(self, transfer: IncomingTransfer, status: str) -> bool:
        """Whether FedNow takes it: ACCC always, PDNG, BLCK and RJCT after our ACWP alone."""
        return status == TransactionStatus.ACCC or transfer.answer == TransactionStatus.ACWP

    def mismatches(self, reading: Reading, transfer: IncomingTransfer) -> tuple[str, ...]:
        """Return the references of a statement that are given and are not the transfer's."""
        said = reading.statement
        if not isinstance(said, PaymentStatusReport):
            return ()
        given: dict[str, tuple[object, object]] = {
            "ORIGINAL_UETR_DIFFERS": (said.original_uetr, transfer.uetr),
            "ORIGINAL_END_TO_END_ID_DIFFERS": (said.original_end_to_end_id, transfer.end_to_end_id),
            "ORIGINAL_INSTRUCTION_ID_DIFFERS": (said.original_instruction_id, transfer.instruction_id),
        }
        return tuple(code for code, (theirs, ours) in given.items() if theirs is not None and theirs != ours)

    def fact(self, reading: Reading, transfer: IncomingTransfer) -> IncomingFact:
        """Return what the service says: of the transfer, of our answer to it, or of a question about it."""
        said, about = reading.statement, reading.about
        assert about is not None, "a statement is about something"
        is_question = any(
            about.endswith(incoming_reference_of(transfer.payment_id, _QUESTION, number))
            for number in range(1, transfer.status_requests + 1)
        )
        if isinstance(said, MessageReject):
            kind = IncomingEvent.STATUS_REQUEST_UNANSWERED if is_question else IncomingEvent.ANSWER_REFUSED
            reason = Reason(said.reason_code, ReasonOrigin.RAIL)
            return IncomingFact(kind, reason, business_message_id=reading.business_message_id)
        assert isinstance(said, PaymentStatusReport), "nothing else is said to be about something"
        code = next((reason.code or reason.proprietary for reason in said.reasons), None)
        kind = _ADVISED.get(said.status, IncomingEvent.STILL_IN_PROCESS_REPORTED)
        if about != transfer.message_id and not is_question:
            kind = IncomingEvent.ANSWER_REFUSED  # said of our own pacs.002: of no money, whatever the status
        elif kind is IncomingEvent.REJECTION_ADVISED:
            kind = self._rejection(code, is_question=is_question)
        elif is_question:
            kind = IncomingEvent.STATUS_REQUEST_UNANSWERED  # a status of the question: of no money
        is_of_money = kind in _ADVISED.values()
        return IncomingFact(
            kind,
            reason=None if code is None else Reason(code, ReasonOrigin.RAIL),
            status=said.status.value if is_of_money else None,
            business_message_id=reading.business_message_id,
        )

    def _rejection(self, code: str | None, *, is_question: bool) -> IncomingEvent:
        """What an RJCT says: of the transfer that it did not settle, of a question that it was not answered.

        Some codes say about the transfer that our response to it was refused: whether it settled, the rail is asked.
        """
        if not is_question and code in self._answer_refused:
            return IncomingEvent.ANSWER_REFUSED
        answer = None if code is None else self._dialect.profile.enquiry_codes.get(code)
        if not is_question and answer is None:
            return IncomingEvent.REJECTION_ADVISED
        match answer:
            case EnquiryAnswer.NOT_FOUND:
                return IncomingEvent.NOT_FOUND_REPORTED
            case EnquiryAnswer.IN_PROCESS:
                return IncomingEvent.STILL_IN_PROCESS_REPORTED
            case _:
                return IncomingEvent.STATUS_REQUEST_UNANSWERED
