"""RTP's decisions, as pure functions: the same message at the same instant always meets the same fate.

Which faults are answered by admi.002 and which by pacs.002 is public in part only (650: the schema is broken); the rest
is this simulator's choice. A message that is marked DUPL and known is answered with its status; unknown, it is
processed as if it were new (the public RTP guides of IBM and Oracle).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iso20022 import (
    BusinessHeader,
    ConnectionPartyId,
    CopyDuplicate,
    CustomerCreditTransfer,
    EnvelopeKind,
    PaymentStatusReport,
    PaymentStatusRequest,
    Report,
    TransactionStatus,
    admi002,
    pacs002,
    pacs008,
    pacs028,
)
from iso20022.messages import camt026, camt028, camt029, camt035, camt056, pain013, pain014
from simulators.behaviours import SETTLES, Behaviour
from simulators.book import Book, PaymentRecord
from simulators.facts import PaymentBooked, ReasonSource
from simulators.participants import Participant, participant_of
from simulators.refusals import TechnicalFault, first_finding
from simulators.rtp.behaviours import TABLE
from simulators.rtp.settings import RtpSimulatorSettings
from simulators.standing import Standing

EASTERN: Final = ZoneInfo("America/New_York")
"""The network's zone: every time in a message is its local time, without an offset."""

SIGN_ON_REQUEST: Final = "admn.001.001.01"
SIGN_OFF_REQUEST: Final = "admn.003.001.01"
ECHO_REQUEST: Final = "admn.005.001.01"
ECHO_RESPONSE: Final = "admn.006.001.01"

_CLASS_OF: Final = {
    pacs008.MESSAGE_TYPE: "value",
    pacs002.MESSAGE_TYPE: "nonvalue",
    camt026.MESSAGE_TYPE: "nonvalue",
    camt028.MESSAGE_TYPE: "nonvalue",
    camt029.MESSAGE_TYPE: "nonvalue",
    camt035.MESSAGE_TYPE: "nonvalue",
    camt056.MESSAGE_TYPE: "nonvalue",
    pain013.MESSAGE_TYPE: "nonvalue",
    pain014.MESSAGE_TYPE: "nonvalue",
    pacs028.MESSAGE_TYPE: "inquiry",
    admi002.MESSAGE_TYPE: "system",
    SIGN_ON_REQUEST: "system",
    SIGN_OFF_REQUEST: "system",
    ECHO_REQUEST: "system",
    ECHO_RESPONSE: "system",
}
"""What is taken from participants, and in which class of our transport's queues each belongs."""


def find_technical_fault(
    report: Report, *, connection_party: ConnectionPartyId, message_class: str, settings: RtpSimulatorSettings
) -> TechnicalFault | None:
    """The first technical fault of a message, if it has one."""
    codes, header = settings.codes, report.header
    if header is None or report.envelope is None or report.envelope.kind is not EnvelopeKind.RTP_MESSAGE:
        return TechnicalFault(codes.unreadable, first_finding(report))
    if header.sender != connection_party:
        return TechnicalFault(codes.sender, f"Fr is {header.sender}, the connection is {connection_party}'s")
    if report.message_type not in _CLASS_OF:
        return TechnicalFault(codes.unsupported, f"{report.message_type} is not taken from participants")
    if not report.valid:
        return TechnicalFault(codes.schema, first_finding(report))
    if _CLASS_OF[header.message_type] != message_class:
        return TechnicalFault(codes.wrong_class, f"{header.message_type} does not belong in class {message_class}")
    if not _speaks_for(report, connection_party, settings.participants):
        return TechnicalFault(codes.sender, f"{connection_party} does not speak for the instructing agent")
    return None


def is_repeat(header: BusinessHeader) -> bool:
    """Whether the sender says that it repeats a message."""
    return header.copy_duplicate is CopyDuplicate.DUPL


def book(
    transfer: CustomerCreditTransfer,
    header: BusinessHeader,
    *,
    copy: int,
    now: datetime,
    settings: RtpSimulatorSettings,
    standing: Standing,
) -> PaymentBooked:
    """The payment as the rail takes it in hand, its outcome decided: at once, or by the receiver and the clock."""
    fault = find_business_fault(transfer, settings=settings, standing=standing)
    behaviour = SETTLES if fault else behaviour_of(transfer)
    clock_ends_at = now + settings.rail_clock
    decided_at = now + (behaviour.decides_after or timedelta(seconds=settings.receiver_s))
    completes_at, status, source = clock_ends_at, TransactionStatus.RJCT, ReasonSource.RAIL
    reasons: tuple[str, ...] = (settings.codes.timed_out,)
    if fault is not None:
        completes_at, reasons = now, (fault,)
    elif behaviour.decision is not None and decided_at <= clock_ends_at:
        completes_at, status, source = decided_at, behaviour.decision, ReasonSource.CREDITOR_AGENT
        reasons = () if behaviour.reason is None else (behaviour.reason,)
    return PaymentBooked.of(
        transfer,
        header,
        copy=copy,
        received_at=now,
        clock_ends_at=clock_ends_at,
        behaviour=behaviour.code,
        completes_at=completes_at,
        status=status,
        reasons=reasons,
        reason_source=source,
    )


def known_payment(transfer: CustomerCreditTransfer, book: Book) -> PaymentRecord | None:
    """The payment that a transfer is a copy of: by its instruction id, whatever message id it has this time."""
    assert transfer.instruction_id is not None, "a payment on RTP has an instruction id"
    return book.payment_with_instruction_id(transfer.instruction_id) or book.payment_with_id(transfer.message_id)


def find_business_fault(
    transfer: CustomerCreditTransfer, *, settings: RtpSimulatorSettings, standing: Standing
) -> str | None:
    """The code of the first business fault of a credit transfer, if it has one: a pacs.002 carries one reason."""
    codes = settings.codes
    sender = participant_of(transfer.instructing_agent, settings.participants)
    receiver = participant_of(transfer.instructed_agent, settings.participants)
    checks = (
        (sender is None or not sender.may_send, codes.sender_profile),
        (sender is not None and is_suspended(sender, standing), codes.sender_suspended),
        (sender is not None and not standing.is_reached(sender), codes.sender_signed_off),
        (receiver is None, codes.receiver_profile),
        (receiver is not None and is_suspended(receiver, standing), codes.receiver_suspended),
        (receiver is not None and not standing.is_reached(receiver), codes.receiver_signed_off),
        (transfer.amount > settings.network_limit, codes.over_limit),
    )
    return next((code for is_fault, code in checks if is_fault), None)


def is_suspended(participant: Participant, standing: Standing) -> bool:
    """Whether an institution may do nothing any more, as its changed profile has it."""
    return not standing.services_of(participant)


def behaviour_of(transfer: CustomerCreditTransfer) -> Behaviour:
    """The behaviour that the transfer's creditor account or amount chooses."""
    return TABLE.chosen(creditor_account=transfer.creditor_account.reveal(), amount=transfer.amount)


def business_day(instant: datetime) -> date:
    """The calendar day in the network's zone; no cycle of its own is public."""
    return instant.astimezone(EASTERN).date()


def _speaks_for(report: Report, connection_party: ConnectionPartyId, participants: tuple[Participant, ...]) -> bool:
    """Whether the connection may send for the instructing agent; an unknown agent is a business fault, not this one."""
    if not isinstance(report.message, CustomerCreditTransfer | PaymentStatusReport | PaymentStatusRequest):
        return True
    participant = participant_of(report.message.instructing_agent, participants)
    return participant is None or participant.connection_party == connection_party
