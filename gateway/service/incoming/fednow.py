"""FedNow as its receivers speak to it: pacs.002 as the answer, ACSC or ACWP as the advice, pacs.028 as the question.

Source: FedNow Operating Procedures v2.1 (October 2024), sections 9 and 16; the form of a participant's pacs.002 as in
`iso20022.profiles.fednow`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.identity import incoming_reference_of
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Rail, Reason, ReasonOrigin
from gateway.domain.receiving_time import ReceivingTiming
from gateway.domain.reconciliation import cycle_day
from gateway.service.dialect import rail_time
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.fednow_requests import FedNowRequests
from gateway.service.incoming.rail import (
    Brought,
    CodesOfRules,
    MadeReturn,
    ReasonCodes,
    carries,
    objection,
    references_of_another,
    requested,
    was_brought_within,
)
from gateway.service.incoming.status import status_about
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage, RailProtocol, Reading
from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    EnquiryAnswer,
    Finding,
    MessageReject,
    Party,
    PaymentCancellationRequest,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    serialise,
)
from iso20022.messages import pacs004, pacs028
from iso20022.messages.actors import Account, Agent, OtherIdentification, PartyDetails
from iso20022.messages.original import OriginalMessage, OriginalTransaction, PaymentType
from iso20022.messages.original import Reason as StatedReason
from iso20022.messages.pacs004 import ReturnChain
from iso20022.messages.shape import Code, Proprietary

_QUESTION: Final = "question"
_ANSWER: Final = "answer"

_NARRATIVE: Final = "NARR"
"""The ISO reason that is told in words."""

_CODES_OF_RULES: Final[CodesOfRules] = {
    ("FEDNOW_MESSAGE_ID", ""): "FF02",
    ("FEDNOW_AMOUNT_FORM", ""): "AM12",
    ("FEDNOW_NETWORK_LIMIT", ""): "AM13",
    ("FEDNOW_DEBTOR", "DbtrAcct"): "AC02",
    ("FEDNOW_CREDITOR", "CdtrAcct"): "AC03",
    **{
        (f"FEDNOW_{rule}", agent): code
        for rule in ("AGENT_CLEARING_SYSTEM", "AGENT_ROUTING_NUMBER", "ABA_CHECK_DIGIT")
        for agent, code in (("DbtrAgt", "RC03"), ("CdtrAgt", "RC04"))
    },
}
"""ISO's reasons (external status reasons) for what a message may break; which of them the rail takes is not public."""

_ADVISED: Final = {
    TransactionStatus.ACSC: IncomingEvent.SETTLEMENT_ADVISED,
    TransactionStatus.ACWP: IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED,
    TransactionStatus.RJCT: IncomingEvent.REJECTION_ADVISED,
}
"""What the service says of a transfer to its receiver; any other status decides nothing."""


class FedNowReceiving:
    """Implements `gateway.service.incoming.rail.ReceivingRail` for FedNow."""

    rail: Final = Rail.FEDNOW
    brings: Final = ("pacs.008", "pacs.002", "pacs.004", "pacs.009")

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
        self._requests = FedNowRequests(dialect)

    @property
    def return_reasons(self) -> frozenset[str]:
        """Those of the profile; the rail's own list is not public."""
        return self._dialect.profile.return_reasons

    @property
    def requests(self) -> FedNowRequests:
        """How returns are asked for, and answered."""
        return self._requests

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
        reasons = () if reason_code is None else (StatusReason(code=reason_code, additional=additional),)
        report = status_about(transfer, status, reasons, message_id=message_id, zone=self._zone, at=at)
        return self._dialect.status_message(report, at)

    def refusal(self, transfer: IncomingTransfer, broken: Sequence[Finding], *, at: datetime) -> Reason | None:
        """Return the reason for which it is rejected; None where the rail would not take our pacs.002."""
        reason = objection(broken, _CODES_OF_RULES, otherwise=self._reasons.broken_rule)
        answer = self.answer(transfer, TransactionStatus.RJCT.value, reason.code, reason.text, at=at)
        return reason if self._protocol.examine(answer.body).valid else None

    def return_of(
        self,
        transfer: IncomingTransfer,
        message: CustomerCreditTransfer,
        *,
        amount: Amount,
        reason: Reason,
        reference: str,
        business_date: date,
        at: datetime,
    ) -> MadeReturn:
        """Return the pacs.004: from the creditor's institution back to the debtor's, in the original's words."""
        message_id = self._dialect.message_id(business_date, reference)
        is_taken = not self.return_reasons or reason.code in self.return_reasons
        words = reason.text if is_taken else ": ".join(filter(None, (reason.code, reason.text)))
        text = words if words is not None and carries(words) else None if is_taken else reason.code
        returned = PaymentReturn(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            original_message=OriginalMessage(
                message_id=transfer.message_id,
                message_name=transfer.message_type,
                creation_time=rail_time(transfer.message_created_at, self._zone),
            ),
            original_instruction_id=transfer.instruction_id,
            original_end_to_end_id=transfer.end_to_end_id,
            original_transaction_id=transfer.transaction_id,
            original_uetr=transfer.uetr,
            original_amount=transfer.amount,
            original_settlement_date=message.settlement_date,
            amount=amount,
            settlement_date=cycle_day(at),
            instructing_agent=Agent(member_id=transfer.instructed_agent),
            instructed_agent=Agent(member_id=transfer.instructing_agent),
            return_chain=ReturnChain(
                debtor=_party(message.creditor),
                debtor_account=Account(id=OtherIdentification(id=message.creditor_account)),
                debtor_agent=Agent(member_id=transfer.creditor_agent),
                creditor_agent=Agent(member_id=transfer.debtor_agent),
                creditor=_party(message.debtor),
                creditor_account=Account(id=OtherIdentification(id=message.debtor_account)),
            ),
            reasons=(
                StatedReason(
                    reason=Code(reason.code if is_taken else _NARRATIVE),
                    additional=() if text is None else (Personal(text),),
                ),
            ),
            original_transaction=OriginalTransaction(
                payment_type=PaymentType(
                    local_instrument=Proprietary(message.local_instrument or self._dialect.form.local_instrument)
                )
            ),
        )
        return MadeReturn(
            message_id=message_id,
            message_type=pacs004.MESSAGE_TYPE,
            instruction_id=transfer.instruction_id,
            end_to_end_id=transfer.end_to_end_id,
            uetr=transfer.uetr,
            body=serialise(pacs004.build(returned)),
        )

    def returned_message_id(self, message: Brought) -> str | None:
        """Return the original's message id of a pacs.004."""
        if not isinstance(message, PaymentReturn) or message.original_message is None:
            return None
        return message.original_message.message_id

    def forwarded_at(self, created_at: datetime, *, received_at: datetime) -> datetime:  # noqa: ARG002
        """Return the header's creation time, which has its offset."""
        return created_at

    def enquiry(self, transfer: IncomingTransfer, message: Brought, *, at: datetime) -> OutboundMessage:  # noqa: ARG002
        """Return the next pacs.028 to the service."""
        reference = incoming_reference_of(transfer.payment_id, _QUESTION, transfer.status_requests + 1)
        message_id = self._dialect.message_id(at.astimezone(self._zone).date(), reference)
        request = PaymentStatusRequest(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            original_message_id=transfer.message_id,
            original_message_name=transfer.message_type,
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
        return was_brought_within(self._dialect.days_looked_back, self._protocol, transfer, at=at)

    def posting_status(
        self, transfer: IncomingTransfer, status: str, reason_code: str | None, text: str | None, *, at: datetime
    ) -> OutboundMessage | None:
        """Return a pacs.002: FedNow takes ACCC always, PDNG, BLCK and RJCT after our ACWP alone.

        Of a liquidity transfer it takes none (Operating Procedures v2.1, appendix F).
        """
        if transfer.is_liquidity:
            return None
        if status != TransactionStatus.ACCC and transfer.answer != TransactionStatus.ACWP:
            return None
        return self.answer(transfer, status, reason_code, text, at=at)

    def time_out_confirmed(self, transfer: IncomingTransfer, *, at: datetime) -> None:
        """Return nothing: FedNow says by pacs.002 that it gave a transfer up, and wants no word."""

    def mismatches(self, reading: Reading, transfer: IncomingTransfer) -> tuple[str, ...]:
        """Return the references of a statement that are given and are not the transfer's."""
        return references_of_another(reading, transfer)

    def fact(self, reading: Reading, transfer: IncomingTransfer) -> IncomingFact:
        """Return what the service says: of the transfer, of our answer to it, or of a question about it."""
        said, about = reading.statement, reading.about
        assert about is not None, "a statement is about something"
        if isinstance(said, PaymentCancellationRequest):
            return requested(said, reading)
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


def _party(party: Party) -> PartyDetails:
    """A customer of the original payment, in a return of it."""
    return PartyDetails(name=party.name, address=party.address)
