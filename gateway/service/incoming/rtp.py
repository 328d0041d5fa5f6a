"""RTP as its receivers speak to it: pacs.002 as the answer, the rail's own pacs.002 as the advice, pacs.028 to ask.

The receiver's ACTC or ACWP goes to the rail, which settles and says so to both sides by a pacs.002 with the same
status; where that stays out, the receiver asks with pacs.028 (public guide of IBM FTM, "Payment status request for an
inbound payment"). A time-out is told by camt.056 with DS24, and its arrival confirmed by a pacs.002 with RCVD (public
guide of Oracle Banking Payments). Of the posting the rail is told by camt.035. Forms: the public schemas and samples of
RTP's releases 2.9 and 3.0 (``moov-io/rtp20022``). What no public text says is a setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from gateway.domain.identity import incoming_reference_of
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Rail, Reason, ReasonOrigin
from gateway.domain.receiving_time import ReceivingTiming
from gateway.service.dialect import rail_time
from gateway.service.incoming.money import REASON_ENDS
from gateway.service.incoming.rail import (
    TEXT_MAX,
    Brought,
    CodesOfRules,
    MadeReturn,
    ReasonCodes,
    objection,
    references_of_another,
    requested,
    was_brought_within,
)
from gateway.service.incoming.rtp_requests import RtpRequests, agent
from gateway.service.incoming.status import status_about
from gateway.service.ports import MessageClass
from gateway.service.rail_protocol import OutboundMessage, RailProtocol, Reading
from gateway.service.rtp import TIMED_OUT, RtpDialect, message_id_of
from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    Finding,
    InstructionId,
    MessageId,
    MessageReject,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    Personal,
    StatusReason,
    TransactionId,
    TransactionStatus,
    serialise,
)
from iso20022.messages import camt035, pacs002, pacs008, pacs028
from iso20022.messages.camt035 import AcknowledgementKind
from iso20022.messages.investigation import Case

REMITTANCE_MAX: Final = 140
"""Characters of a line of remittance information (ISO 20022, Max140Text)."""

DAYS_LOOKED_BACK: Final = 1
"""On how many days after the one on which it brought a transfer the rail is asked about it: ours, none is public."""

_QUESTION: Final = "question"
_ANSWER: Final = "answer"
_NUMBER: Final = slice(9, None)
"""Of an id that is made of a reference, what is the same on every day: participant, source and serial."""

_NARRATIVE: Final = "NARR"
"""The ISO reason that is told in words."""

_CODES_OF_RULES: Final[CodesOfRules] = {
    ("RTP_MESSAGE_ID", ""): "FF02",
    ("RTP_INSTRUCTION_ID", ""): "FF02",
    ("RTP_LOCAL_TIME", ""): "FF02",
    ("RTP_NETWORK_LIMIT", ""): "AM13",
    **{
        (f"RTP_{rule}", agent): code
        for rule in ("AGENT_ID", "AGENT_CLEARING_SYSTEM", "ABA_CHECK_DIGIT")
        for agent, code in (("DbtrAgt", "RC03"), ("CdtrAgt", "RC04"))
    },
    ("RTP_ADDRESS", "Dbtr"): "BE07",
    ("RTP_ADDRESS", "Cdtr"): "BE04",
    **{
        (f"RTP_{rule}", account): code
        for rule in ("ACCOUNT", "MISSING")
        for account, code in (("DbtrAcct", "AC02"), ("CdtrAcct", "AC03"))
    },
}
"""The reasons on RTP's list for what a message may break."""

_ADVISED: Final = {
    TransactionStatus.ACTC: IncomingEvent.SETTLEMENT_ADVISED,
    TransactionStatus.ACWP: IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED,
    TransactionStatus.RJCT: IncomingEvent.REJECTION_ADVISED,
}
"""What the rail says of a transfer to its receiver; any other status decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverHabits:
    """What an institution does on RTP where the public texts leave it open.

    ``answer_refused``: the rail's reasons that say of our answer that it was refused, and nothing of the money.
    ``confirms_time_out``: a camt.056 with DS24 is answered with RCVD. ``acknowledges_posting``: camt.035 ACK follows
    every posting; after an ACWP camt.035 ACWP always does.
    """

    answer_refused: frozenset[str] = frozenset({"DUPL"})
    confirms_time_out: bool = True
    acknowledges_posting: bool = False


class RtpReceiving:
    """Implements `gateway.service.incoming.rail.ReceivingRail` for RTP."""

    rail: Final = Rail.RTP
    brings: Final = ("pacs.008", "pacs.002", "camt.056")

    def __init__(
        self,
        dialect: RtpDialect,
        protocol: RailProtocol,
        *,
        timing: ReceivingTiming,
        reasons: ReasonCodes,
        habits: ReceiverHabits,
    ) -> None:
        self._dialect = dialect
        self._protocol = protocol
        self._timing = timing
        self._reasons = reasons
        self._habits = habits
        self._zone = ZoneInfo(dialect.profile.time_zone)
        self._requests = RtpRequests(dialect)

    @property
    def timing(self) -> ReceivingTiming:
        """Its times."""
        return self._timing

    @property
    def reasons(self) -> ReasonCodes:
        """The gateway's own rejections."""
        return self._reasons

    @property
    def return_reasons(self) -> frozenset[str]:
        """Any: a pacs.008 that returns says its reason in words."""
        return frozenset()

    @property
    def requests(self) -> RtpRequests:
        """How returns are asked for, and answered."""
        return self._requests

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail says."""
        return self._protocol.read(body)

    # --- what we say ---

    def answer(
        self, transfer: IncomingTransfer, status: str, reason_code: str | None, text: str | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our pacs.002: from the creditor's institution to the sender, with one reason of RTP's list."""
        message_id = self._id(_ANSWER, transfer, transfer.version, at)
        reasons = () if reason_code is None else (self._reason(reason_code, text),)
        report = replace(
            status_about(transfer, status, reasons, message_id=message_id, zone=self._zone, at=at),
            acceptance_time=rail_time(transfer.received_at, self._zone),
            agent_clearing_system=None,
            states_group=True,
        )
        return self._dialect.message(message_id, pacs002.MESSAGE_TYPE, pacs002.build(report), MessageClass.NONVALUE, at)

    def posting_status(
        self,
        transfer: IncomingTransfer,
        status: str,
        reason_code: str | None,  # noqa: ARG002
        text: str | None,  # noqa: ARG002
        *,
        at: datetime,
    ) -> OutboundMessage | None:
        """Return a camt.035 once the creditor has the money; of what is held or refused RTP is told nothing."""
        if status != TransactionStatus.ACCC:
            return None
        was_held = transfer.answer == TransactionStatus.ACWP
        if not (was_held or self._habits.acknowledges_posting):
            return None
        message_id = self._id(_ANSWER, transfer, transfer.version, at)
        creditor_agent = agent(transfer.instructed_agent)
        acknowledgement = PaymentAcknowledgement(
            message_id=message_id,
            assigner=creditor_agent,
            assignee=agent(transfer.instructing_agent),
            creation_time=rail_time(at, self._zone),
            case=Case(id=message_id, creator=creditor_agent),
            kind=AcknowledgementKind.ACWP if was_held else AcknowledgementKind.ACK,
            original_instruction_id=_instruction_id(transfer),
            original_end_to_end_id=transfer.end_to_end_id,
            original_transaction_id=transfer.transaction_id or TransactionId(_instruction_id(transfer)),
            original_uetr=transfer.uetr,
        )
        document = camt035.build(acknowledgement)
        return self._dialect.message(message_id, camt035.MESSAGE_TYPE, document, MessageClass.NONVALUE, at)

    def time_out_confirmed(self, transfer: IncomingTransfer, *, at: datetime) -> OutboundMessage | None:
        """Return a pacs.002 with RCVD, where the institution sends one."""
        if not self._habits.confirms_time_out:
            return None
        return self.answer(transfer, TransactionStatus.RCVD.value, None, None, at=at)

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
        """Return a pacs.008 back to the debtor that refers to the original as what it returns (RTRN).

        RTP has no pacs.004, and no place for a reason: it is said in words.
        """
        message_id, form = self._dialect.message_id(business_date, reference), self._dialect.form
        assert form.instruction_id_of is not None, "RTP's instruction ids are made of message ids"
        instruction_id = form.instruction_id_of(message_id)
        words = REASON_ENDS.join(filter(None, (reason.code, reason.text)))
        made = CustomerCreditTransfer(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            instruction_id=instruction_id,
            end_to_end_id=transfer.end_to_end_id,
            transaction_id=TransactionId(instruction_id),
            service_level=form.service_level,
            local_instrument=form.local_instrument,
            category_purpose=message.category_purpose,
            amount=amount,
            settlement_date=business_date,
            instructing_agent=transfer.instructed_agent,
            instructed_agent=transfer.instructing_agent,
            debtor=message.creditor,
            debtor_account=message.creditor_account,
            debtor_agent=transfer.creditor_agent,
            creditor=message.debtor,
            creditor_account=message.debtor_account,
            creditor_agent=transfer.debtor_agent,
            remittance=(Personal(words[:REMITTANCE_MAX]),),
            returned_instruction_id=_instruction_id(transfer),
            clearing_system=form.clearing_system,
            agent_clearing_system=form.agent_clearing_system,
            states_group=form.states_group,
        )
        return MadeReturn(
            message_id=message_id,
            message_type=pacs008.MESSAGE_TYPE,
            instruction_id=instruction_id,
            end_to_end_id=transfer.end_to_end_id,
            uetr=None,
            body=serialise(self._dialect.document(made)),
        )

    def enquiry(self, transfer: IncomingTransfer, message: Brought, *, at: datetime) -> OutboundMessage:
        """Return the next pacs.028 to the rail."""
        assert isinstance(message, CustomerCreditTransfer), "RTP brings money by pacs.008 alone"
        message_id = self._id(_QUESTION, transfer, transfer.status_requests + 1, at)
        request = PaymentStatusRequest(
            message_id=message_id,
            creation_time=rail_time(at, self._zone),
            acceptance_time=rail_time(transfer.received_at, self._zone),
            original_message_id=transfer.message_id,
            original_message_name=transfer.message_type,
            original_creation_time=rail_time(transfer.message_created_at, self._zone),
            original_instruction_id=transfer.instruction_id,
            original_end_to_end_id=transfer.end_to_end_id,
            original_transaction_id=transfer.transaction_id,
            original_uetr=transfer.uetr,
            original_amount=transfer.amount,
            original_settlement_date=message.settlement_date,
            instructing_agent=transfer.instructed_agent,
            instructed_agent=self._dialect.rail_number,
            agent_clearing_system=None,
            states_group=True,
        )
        return self._dialect.message(message_id, pacs028.MESSAGE_TYPE, pacs028.build(request), MessageClass.INQUIRY, at)

    # --- what the rail says ---

    def returned_message_id(self, message: Brought) -> str | None:
        """Return the message id that the returned payment's instruction id was made of, where we have made it."""
        if not isinstance(message, CustomerCreditTransfer) or message.returned_instruction_id is None:
            return None
        return message_id_of(message.returned_instruction_id)

    def forwarded_at(self, created_at: datetime, *, received_at: datetime) -> datetime:
        """Return the instant that the header's local time names.

        In the hour that autumn repeats a local time has two: the one that is nearer to the message's arrival, since the
        rail's clock may be a little ahead of ours.
        """
        second = created_at.astimezone(self._zone).replace(fold=1).astimezone(created_at.tzinfo)
        return min(created_at, second, key=lambda instant: abs(received_at - instant))

    def is_looked_back_to(self, transfer: IncomingTransfer, *, at: datetime) -> bool:
        """Whether the rail, asked `at`, is still asked about the day on which it brought the transfer."""
        return was_brought_within(DAYS_LOOKED_BACK, self._protocol, transfer, at=at)

    def mismatches(self, reading: Reading, transfer: IncomingTransfer) -> tuple[str, ...]:
        """Return the references of a statement that are given and are not the transfer's."""
        return references_of_another(reading, transfer, states_amount=True)

    def fact(self, reading: Reading, transfer: IncomingTransfer) -> IncomingFact:
        """Return what the rail says: of the transfer, of our answer to it, or of a question about it."""
        said, about = reading.statement, reading.about
        assert about is not None, "a statement is about something"
        is_question = any(
            about[_NUMBER] == self._id(_QUESTION, transfer, number, transfer.received_at)[_NUMBER]
            for number in range(1, transfer.status_requests + 1)
        )
        if isinstance(said, PaymentCancellationRequest) and not reading.gives_up:
            return requested(said, reading)
        code: str | None = TIMED_OUT
        kind, status = IncomingEvent.TIME_OUT_ADVISED, None
        if isinstance(said, MessageReject):
            kind = IncomingEvent.STATUS_REQUEST_UNANSWERED if is_question else IncomingEvent.ANSWER_REFUSED
            code = said.reason_code
        elif isinstance(said, PaymentStatusReport):
            code = next((reason.code or reason.proprietary for reason in said.reasons), None)
            kind = self._told(said, code, is_question=is_question, is_of_money=about == transfer.message_id)
            status = said.status.value if kind in _ADVISED.values() else None
        else:
            assert reading.gives_up, "nothing else is said to be about something"
        reason = None if code is None else Reason(code, ReasonOrigin.RAIL)
        return IncomingFact(kind, reason, status=status, business_message_id=reading.business_message_id)

    def _told(
        self, said: PaymentStatusReport, code: str | None, *, is_question: bool, is_of_money: bool
    ) -> IncomingEvent:
        """What a status says; of our own messages it says nothing of the money, whatever it is."""
        if is_question:
            return IncomingEvent.STATUS_REQUEST_UNANSWERED
        is_rejection = said.status is TransactionStatus.RJCT
        if is_rejection and (not is_of_money or code in self._habits.answer_refused):
            return IncomingEvent.ANSWER_REFUSED
        if not is_of_money:
            return IncomingEvent.STILL_IN_PROCESS_REPORTED
        return _ADVISED.get(said.status, IncomingEvent.STILL_IN_PROCESS_REPORTED)

    # --- building ---

    def _reason(self, code: str, text: str | None) -> StatusReason:
        """The reason as RTP's list has it: by its code, or where it has none such in words."""
        profile = self._dialect.profile
        if code in profile.proprietary_status_reasons - profile.status_reasons:
            return StatusReason(proprietary=code, additional=() if text is None else (text,))
        if code in profile.status_reasons:
            return StatusReason(code=code, additional=() if text is None else (text,))
        words = code if text is None else f"{code}: {text}"
        return StatusReason(code=_NARRATIVE, additional=(words[:TEXT_MAX],))

    def _id(self, purpose: str, transfer: IncomingTransfer, number: int, at: datetime) -> MessageId:
        return self._dialect.message_id(self._date(at), incoming_reference_of(transfer.payment_id, purpose, number))

    def _date(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()


def _instruction_id(transfer: IncomingTransfer) -> InstructionId:
    assert transfer.instruction_id is not None, "the rail's rules demand one"
    return transfer.instruction_id
