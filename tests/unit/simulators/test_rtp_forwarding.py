"""Payments from RTP: forwarded, settled on the receiver's answer within the clock, given up by DS24, asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from iso20022 import (
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EnvelopeKind,
    Message,
    MessageId,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    RoutingNumber,
    StatusReason,
    TransactionStatus,
    examine,
    header,
    pacs002,
    wrap,
)
from iso20022.header import RTP_HEADER_TYPE
from iso20022.messages import pacs028
from iso20022.reader import Element
from simulators.facts import TransferForwarded
from simulators.orders import order_from, shown
from simulators.rail import SimulatedRail
from simulators.rtp.rail import rtp_rail
from simulators.rtp.settings import RtpSimulatorSettings
from tests.unit.simulators.world import LinesJournal

NOON: Final = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)
RECEIVER: Final = ConnectionPartyId("990000107A1")
OURS: Final = RoutingNumber("990000107")
RAIL_NUMBER: Final = RoutingNumber("990000001")
SETTINGS: Final = RtpSimulatorSettings(rail_clock_s=15)


@pytest.fixture
def journal() -> LinesJournal:
    """What the rail remembers by."""
    return LinesJournal()


@pytest.fixture
def rail(journal: LinesJournal) -> SimulatedRail:
    """RTP in memory."""
    return rtp_rail(SETTINGS, journal, started_at=NOON)


def ordered(rail: SimulatedRail, **order: object) -> TransferForwarded:
    """Have a payment forwarded at noon."""
    return rail.originate(order_from(order), now=NOON)


def heard(rail: SimulatedRail, *, at: datetime) -> list[Message | None]:
    """What waits for the receiver, each in good form."""
    waiting = rail.fetch(RECEIVER, messages_max=100, now=at)
    rail.acknowledge(RECEIVER, [each.receipt for each in waiting])
    reports = [examine(each.body, profile=SETTINGS.profile, direction=Direction.FROM_RAIL) for each in waiting]
    assert all(report.valid for report in reports), [report.findings for report in reports]
    return [report.message for report in reports]


def sent(rail: SimulatedRail, message_type: str, document: Element, *, number: int, at: datetime, to: str) -> None:
    """Have the receiver send a message."""
    app_header = BusinessHeader(
        sender=RECEIVER,
        receiver=SETTINGS.rail_id,
        business_message_id=BusinessMessageId(f"B20260310{RECEIVER}BTST{number:011d}"),
        message_type=message_type,
        creation_time=at,
    )
    body = wrap(EnvelopeKind.RTP_MESSAGE, header.build(app_header, header_type=RTP_HEADER_TYPE), document)
    rail.receive(body, connection_party=RECEIVER, message_class=to, now=at)


def answer(rail: SimulatedRail, forwarded: TransferForwarded, status: TransactionStatus, *, at: datetime) -> None:
    """Have the receiver answer."""
    report = PaymentStatusReport(
        message_id=MessageId(f"M20260310{RECEIVER}BTST{forwarded.number:011d}"),
        creation_time=at,
        original_message_id=forwarded.message_id,
        original_message_name=forwarded.message_type,
        original_creation_time=forwarded.document_creation_time,
        original_instruction_id=forwarded.instruction_id,
        status=status,
        reasons=(StatusReason(code="AC04"),) if status is TransactionStatus.RJCT else (),
        acceptance_time=at,
        instructing_agent=forwarded.instructed_agent,
        instructed_agent=forwarded.instructing_agent,
        agent_clearing_system=None,
        states_group=True,
    )
    sent(rail, pacs002.MESSAGE_TYPE, pacs002.build(report), number=forwarded.number, at=at, to="nonvalue")


def question(rail: SimulatedRail, forwarded: TransferForwarded, *, about: str, at: datetime) -> None:
    """Have the receiver ask with pacs.028."""
    request = PaymentStatusRequest(
        message_id=MessageId(f"M20260310{RECEIVER}BASK{forwarded.number:011d}"),
        creation_time=at,
        acceptance_time=at,
        original_message_id=MessageId(about),
        original_message_name=forwarded.message_type,
        original_creation_time=forwarded.document_creation_time,
        original_instruction_id=forwarded.instruction_id,
        original_transaction_id=forwarded.transaction_id,
        original_amount=forwarded.amount,
        original_settlement_date=at.date(),
        instructing_agent=forwarded.instructed_agent,
        instructed_agent=RAIL_NUMBER,
        agent_clearing_system=None,
        states_group=True,
    )
    sent(rail, pacs028.MESSAGE_TYPE, pacs028.build(request), number=forwarded.number + 100, at=at, to="inquiry")


@pytest.mark.parametrize(
    ("said", "told", "moved"),
    [
        (TransactionStatus.ACTC, "ACTC", 5_174),
        (TransactionStatus.ACWP, "ACWP", 5_174),
        (TransactionStatus.RJCT, "RJCT", 0),
    ],
)
def test_an_answer_in_time_settles_or_not_and_the_receiver_is_told(
    rail: SimulatedRail, said: TransactionStatus, told: str, moved: int
) -> None:
    """The rail's pacs.002 has the status of the answer; money moves once, and sums to zero."""
    forwarded = ordered(rail)
    (arrived,) = heard(rail, at=NOON)

    answer(rail, forwarded, said, at=NOON + timedelta(seconds=2))
    (advice,) = heard(rail, at=NOON + timedelta(seconds=2))

    assert isinstance(arrived, CustomerCreditTransfer)
    assert isinstance(advice, PaymentStatusReport)
    assert (advice.status, advice.instructing_agent) == (told, RAIL_NUMBER)
    assert rail.book.ledger.positions.get(OURS, 0) == moved
    assert rail.book.ledger.sum_cents == 0


def test_without_an_answer_it_is_given_up_and_a_later_acceptance_is_rejected(rail: SimulatedRail) -> None:
    """camt.056 with DS24; the late yes gets RJCT with the same, and RCVD is taken as it is."""
    forwarded = ordered(rail)
    heard(rail, at=NOON)

    (given_up,) = heard(rail, at=NOON + timedelta(seconds=16))
    answer(rail, forwarded, TransactionStatus.ACTC, at=NOON + timedelta(seconds=17))
    (rejected,) = heard(rail, at=NOON + timedelta(seconds=17))
    answer(rail, forwarded, TransactionStatus.RCVD, at=NOON + timedelta(seconds=18))

    assert isinstance(given_up, PaymentCancellationRequest)
    assert isinstance(rejected, PaymentStatusReport)
    assert (rejected.status, [each.code for each in rejected.reasons]) == ("RJCT", ["DS24"])
    record = rail.book.forwarded_with_id(forwarded.message_id)
    assert record is not None
    assert [(each["status"], each["counts"]) for each in shown(record)["answers"]] == [("ACTC", False), ("RCVD", False)]
    assert rail.book.ledger.positions.get(OURS, 0) == 0
    assert heard(rail, at=NOON + timedelta(seconds=18)) == []


def test_a_repeat_is_the_identical_message_marked_as_such(rail: SimulatedRail) -> None:
    """Beside it copies byte for byte, and an advice that is no message."""
    forwarded = ordered(rail, copies=2, again_after_s=1, advice="unreadable")
    bodies = [each.body for each in rail.fetch(RECEIVER, messages_max=9, now=NOON + timedelta(seconds=2))]
    rail.acknowledge(RECEIVER, [])

    answer(rail, forwarded, TransactionStatus.ACTC, at=NOON + timedelta(seconds=2))
    garbage = [each.body for each in rail.fetch(RECEIVER, messages_max=9, now=NOON + timedelta(seconds=2))]

    assert bodies[0] == bodies[1]
    assert bodies[2].count(b"DUPL") == 1
    assert len(garbage) == 1
    assert not examine(garbage[0], profile=SETTINGS.profile, direction=Direction.FROM_RAIL).valid


def test_who_asks_is_told_what_is_known_and_a_question_about_nothing_is_refused(
    rail: SimulatedRail, journal: LinesJournal
) -> None:
    """RCVD while it is in process, then the status as it was told, also by a rail that was started anew."""
    forwarded = ordered(rail, advice="none")
    heard(rail, at=NOON)

    question(rail, forwarded, about=forwarded.message_id, at=NOON + timedelta(seconds=1))
    (early,) = heard(rail, at=NOON + timedelta(seconds=1))
    answer(rail, forwarded, TransactionStatus.ACTC, at=NOON + timedelta(seconds=2))
    silence = heard(rail, at=NOON + timedelta(seconds=3))
    again = rtp_rail(SETTINGS, journal, started_at=NOON + timedelta(seconds=4), facts=journal.load())
    question(again, forwarded, about=forwarded.message_id, at=NOON + timedelta(seconds=20))
    question(again, forwarded, about=f"{forwarded.message_id[:-1]}X", at=NOON + timedelta(seconds=21))
    late, refused = heard(again, at=NOON + timedelta(seconds=21))

    assert silence == []
    reports = [each for each in (early, late, refused) if isinstance(each, PaymentStatusReport)]
    assert [(each.status, each.original_message_name) for each in reports] == [
        ("RCVD", "pacs.008.001.08"),
        ("ACTC", "pacs.008.001.08"),
        ("RJCT", "pacs.028.001.03"),
    ]
