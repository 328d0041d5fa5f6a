"""The rail's decisions, as pure functions: the same message at the same instant always meets the same fate.

The order of the checks is that of the FedNow Operating Procedures v2.1, section 16.1, as far as it is public: technical
faults first, one code each; then every business fault at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from iso20022 import (
    BusinessHeader,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EnvelopeKind,
    InstitutionCreditTransfer,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    Report,
    RoutingNumber,
    TransactionStatus,
    admi002,
    is_fednow_message_id,
    pacs002,
    pacs008,
    pacs028,
)
from iso20022.messages import (
    admi004,
    admi007,
    camt026,
    camt028,
    camt029,
    camt055,
    camt056,
    camt060,
    pacs004,
    pacs009,
    pain013,
    pain014,
)
from simulators.behaviours import SETTLES, Behaviour
from simulators.facts import PaymentBooked, ReasonSource, Verdict
from simulators.fednow.behaviours import TABLE
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.fednow.value import Value, member_of
from simulators.participants import Liquidity, Participant, participant_of
from simulators.refusals import TechnicalFault, first_finding
from simulators.standing import Standing

EASTERN: Final = ZoneInfo("America/New_York")
"""The network's zone: its stamps carry its offset, its days roll by it."""

_ROLLOVER_HOUR: Final = 19
"""The cycle day rolls at about 7 p.m. Eastern, every day (Operating Procedures v2.1)."""

_CLASS_OF: Final = {
    pacs008.MESSAGE_TYPE: "value",
    pacs004.MESSAGE_TYPE: "value",
    pacs009.MESSAGE_TYPE: "value",
    camt056.MESSAGE_TYPE: "nonvalue",
    camt029.MESSAGE_TYPE: "nonvalue",
    **dict.fromkeys((pain013.MESSAGE_TYPE, pain014.MESSAGE_TYPE, camt055.MESSAGE_TYPE), "nonvalue"),
    **dict.fromkeys((camt026.MESSAGE_TYPE, camt028.MESSAGE_TYPE), "nonvalue"),
    admi007.MESSAGE_TYPE: "system",
    pacs002.MESSAGE_TYPE: "nonvalue",
    pacs028.MESSAGE_TYPE: "inquiry",
    camt060.MESSAGE_TYPE: "inquiry",
    admi002.MESSAGE_TYPE: "system",
    admi004.MESSAGE_TYPE: "system",
}
"""What is taken from participants, and in which class each belongs (Operating Procedures v2.1, section 14)."""

_SETTLED_AS: Final = {
    TransactionStatus.ACTC: TransactionStatus.ACSC,
    TransactionStatus.ACWP: TransactionStatus.ACWP,
}
"""What the rail says once it has settled on the receiver's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of a payment, and when; final from then on."""

    completes_at: datetime
    status: TransactionStatus
    reasons: tuple[str, ...] = ()
    reason_source: ReasonSource = ReasonSource.RAIL


@dataclass(frozen=True, slots=True)
class EnquiryRefused:
    """A status request that learns nothing about the payment but this code."""

    code: str


@dataclass(frozen=True, slots=True)
class EnquiryAnswered:
    """A status request that learns the payment's status as at completion."""

    payment: PaymentBooked


def find_technical_fault(
    report: Report,
    *,
    connection_party: ConnectionPartyId,
    message_class: str,
    id_is_used: bool,
    settings: FedNowSimulatorSettings,
) -> TechnicalFault | None:
    """The first technical fault of a message, if it has one."""
    codes = settings.codes
    header = report.header
    if header is None or report.envelope is None:
        return TechnicalFault(codes.unreadable, first_finding(report))
    if report.envelope.kind is not EnvelopeKind.FEDNOW_INCOMING:
        return TechnicalFault(codes.unreadable, "the envelope is not FedNow's for incoming messages")
    if header.sender != connection_party:
        return TechnicalFault(codes.sender, f"From is {header.sender}, the connection is {connection_party}'s")
    if id_is_used and settings.check_duplicates:
        return TechnicalFault(codes.duplicate, "the message id has been used", Verdict.DUPLICATE)
    if report.message_type not in _CLASS_OF:
        return TechnicalFault(codes.unsupported, f"{report.message_type} is not taken from participants")
    if not report.valid:
        return TechnicalFault(codes.schema, first_finding(report))
    if _class_of(report, settings) != message_class:
        return TechnicalFault(codes.wrong_class, f"{header.message_type} does not belong in class {message_class}")
    if not _speaks_for(report, connection_party, settings.participants):
        return TechnicalFault(codes.sender, f"{connection_party} does not speak for the instructing agent")
    return None


def find_business_faults(
    transfer: Value,
    header: BusinessHeader,
    *,
    now: datetime,
    settings: FedNowSimulatorSettings,
    standing: Standing,
) -> tuple[str, ...]:
    """The codes of every business fault of a value message, none where it may go to its receiver.

    Whoever receives may return, and nobody looks what was paid (Operating Procedures, appendix F and section 9).
    """
    if transfer.is_liquidity:
        return _liquidity_faults(transfer, header, now=now, settings=settings)
    codes = settings.codes
    sender = participant_of(transfer.instructing_agent, settings.participants)
    receiver = participant_of(transfer.instructed_agent, settings.participants)
    clock_left = header.creation_time + settings.rail_clock - now
    checks = (
        (sender is None or not (standing.may_send(sender) or transfer.is_return), codes.sender_profile),
        (receiver is None or (receiver.takes_transfers and not standing.may_receive(receiver)), codes.receiver_profile),
        (receiver is not None and not receiver.takes_transfers, codes.not_enabled),
        (receiver is not None and not standing.is_reached(receiver), codes.receiver_signed_off),
        (clock_left < timedelta(seconds=settings.receiver_reserve_s), codes.timed_out),
        (_is_of_the_future(transfer, header, now=now, settings=settings), codes.future_dated),
        (transfer.amount > settings.network_limit, codes.over_limit),
    )
    return tuple(code for is_fault, code in checks if is_fault)


def _liquidity_faults(
    transfer: Value, header: BusinessHeader, *, now: datetime, settings: FedNowSimulatorSettings
) -> tuple[str, ...]:
    """The codes of every business fault of a liquidity transfer.

    No receiver's reserve, and nobody has to be signed on (Operating Procedures, sections 5 and 16.1); but both have a
    profile for it, and the rail has hours and a limit of its own for it.
    """
    codes = settings.codes
    sender = participant_of(transfer.instructing_agent, settings.participants)
    receiver = participant_of(transfer.instructed_agent, settings.participants)
    checks = (
        (sender is None or sender.liquidity is not Liquidity.SEND_AND_RECEIVE, codes.sender_profile),
        (receiver is None, codes.receiver_profile),
        (receiver is not None and receiver.liquidity is Liquidity.NONE, codes.not_enabled),
        (now >= header.creation_time + settings.rail_clock, codes.timed_out),
        (_is_of_the_future(transfer, header, now=now, settings=settings), codes.future_dated),
        (transfer.amount > settings.liquidity_limit, codes.over_limit),
        (not settings.profile.takes_liquidity_at(now.astimezone(EASTERN).time()), codes.liquidity_closed),
    )
    return tuple(code for is_fault, code in checks if is_fault)


def _is_of_the_future(
    transfer: Value, header: BusinessHeader, *, now: datetime, settings: FedNowSimulatorSettings
) -> bool:
    """Whether it was created, or settles, later than the network's clock and cycle day, read by a clock that is ahead.

    One that settles on a cycle day that is over is taken: nothing public says otherwise.
    """
    latest = now + timedelta(seconds=settings.future_tolerance_s)
    settles_on = transfer.settlement_date
    return header.creation_time > latest or (settles_on is not None and settles_on > cycle_day(latest))


def decide_outcome(
    behaviour: Behaviour,
    *,
    faults: tuple[str, ...],
    received_at: datetime,
    clock_ends_at: datetime,
    settings: FedNowSimulatorSettings,
) -> Outcome:
    """What becomes of a credit transfer: refused by the rail at once, or by the receiver's answer and the clock."""
    if faults:
        return Outcome(completes_at=received_at, status=TransactionStatus.RJCT, reasons=faults)
    decided_at = received_at + (behaviour.decides_after or timedelta(seconds=settings.receiver_s))
    if behaviour.decision is None or decided_at > clock_ends_at:
        return Outcome(completes_at=clock_ends_at, status=TransactionStatus.RJCT, reasons=(settings.codes.timed_out,))
    if behaviour.decision is TransactionStatus.RJCT:
        assert behaviour.reason is not None, f"{behaviour.code} rejects without a reason"
        return Outcome(
            completes_at=decided_at,
            status=TransactionStatus.RJCT,
            reasons=(behaviour.reason,),
            reason_source=ReasonSource.CREDITOR_AGENT,
        )
    return Outcome(completes_at=decided_at, status=_SETTLED_AS[behaviour.decision])


def book(
    transfer: Value,
    header: BusinessHeader,
    *,
    copy: int,
    now: datetime,
    settings: FedNowSimulatorSettings,
    standing: Standing,
) -> PaymentBooked:
    """The payment as the rail takes it in hand, its outcome decided."""
    faults = find_business_faults(transfer, header, now=now, settings=settings, standing=standing)
    behaviour = SETTLES if faults else behaviour_of(transfer)
    clock_ends_at = (header.creation_time + settings.rail_clock).astimezone(UTC)
    outcome = decide_outcome(behaviour, faults=faults, received_at=now, clock_ends_at=clock_ends_at, settings=settings)
    return PaymentBooked.of(
        transfer,
        header,
        copy=copy,
        received_at=now,
        clock_ends_at=clock_ends_at,
        behaviour=behaviour.code,
        completes_at=outcome.completes_at,
        status=outcome.status,
        reasons=outcome.reasons,
        reason_source=outcome.reason_source,
    )


def answer_enquiry(
    request: PaymentStatusRequest,
    original: PaymentBooked | None,
    *,
    connection_party: ConnectionPartyId,
    now: datetime,
    settings: FedNowSimulatorSettings,
) -> EnquiryAnswered | EnquiryRefused:
    """What a status request learns.

    "Not found" is said only for a day that the rail still looks at, and where the request states when the original was
    created, only after its clock: a message that comes later than that is too late to settle.
    """
    codes = settings.codes
    if original is None:
        clock_started = request.original_creation_time
        if _is_too_old(_day_in_message_id(request.original_message_id), now):
            return EnquiryRefused(codes.too_old)
        if clock_started is not None and now < clock_started + settings.rail_clock:
            return EnquiryRefused(codes.still_in_process)
        return EnquiryRefused(codes.not_found)
    if connection_party not in _parties_to(original, settings.participants):
        return EnquiryRefused(codes.not_authorised)
    if _is_too_old(original.received_at.astimezone(EASTERN).date(), now):
        return EnquiryRefused(codes.too_old)
    if now < original.clock_ends_at or now < original.completes_at:
        return EnquiryRefused(codes.still_in_process)
    return EnquiryAnswered(original)


def behaviour_of(transfer: Value) -> Behaviour:
    """The behaviour that the creditor's account or the amount chooses; a return's creditor was the debtor before.

    Nobody is asked about a liquidity transfer: what a creditor's institution would do about it, it does not.
    """
    chosen = TABLE.chosen(creditor_account=transfer.creditor_account, amount=transfer.amount)
    is_answered = chosen.decision is not TransactionStatus.ACTC or chosen.decides_after
    return SETTLES if transfer.is_liquidity and is_answered else chosen


def cycle_day(instant: datetime) -> date:
    """The network's cycle day: the Eastern calendar day, and the next one from 7 p.m. on."""
    local = instant.astimezone(EASTERN)
    return local.date() + timedelta(days=local.hour >= _ROLLOVER_HOUR)


def is_to_institution(request: PaymentStatusRequest, settings: FedNowSimulatorSettings) -> bool:
    """Whether a status request asks an institution, and not the network."""
    return request.instructed_agent != RoutingNumber(settings.profile.fednow_id)


def _class_of(report: Report, settings: FedNowSimulatorSettings) -> str:
    """The class in which a message belongs; a question to an institution is one like any to an institution."""
    message, header = report.message, report.header
    assert header is not None, "a message without a header belongs in none"
    if isinstance(message, PaymentStatusRequest) and is_to_institution(message, settings):
        return "nonvalue"
    return _CLASS_OF[header.message_type]


def _speaks_for(
    report: Report,
    connection_party: ConnectionPartyId,
    participants: tuple[Participant, ...],
) -> bool:
    """Whether the connection may send for the instructing agent; an unknown agent is a business fault, not this one."""
    match report.message:
        case (
            CustomerCreditTransfer(instructing_agent=agent)
            | PaymentStatusRequest(instructing_agent=agent)
            | PaymentStatusReport(instructing_agent=agent)
        ):
            return _speaks_for_agent(agent, connection_party, participants)
        case PaymentReturn(instructing_agent=institution) | InstitutionCreditTransfer(instructing_agent=institution):
            return _speaks_for_agent(member_of(institution), connection_party, participants)
        case _:
            return True


def _speaks_for_agent(
    agent: RoutingNumber, connection_party: ConnectionPartyId, participants: tuple[Participant, ...]
) -> bool:
    participant = participant_of(agent, participants)
    return participant is None or participant.connection_party == connection_party


def _parties_to(payment: PaymentBooked, participants: tuple[Participant, ...]) -> set[ConnectionPartyId]:
    receiver = participant_of(payment.instructed_agent, participants)
    return {payment.connection_party} | ({receiver.connection_party} if receiver else set())


def _is_too_old(day: date | None, now: datetime) -> bool:
    """Whether the day is before yesterday: only the current and the previous calendar day can be asked about."""
    return day is not None and day < now.astimezone(EASTERN).date() - timedelta(days=1)


def _day_in_message_id(message_id: str) -> date | None:
    return date.fromisoformat(message_id[:8]) if is_fednow_message_id(message_id) else None
