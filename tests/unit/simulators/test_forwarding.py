"""Payments from the network: forwarded, settled on the receiver's answer within the clock, told, and asked about."""

from __future__ import annotations

import pytest

from iso20022 import (
    Amount,
    Direction,
    EnvelopeKind,
    FedNowProfile,
    MessageId,
    PaymentStatusReport,
    PaymentStatusRequest,
    RoutingNumber,
    Severity,
    StatusReason,
    TransactionStatus,
    examine,
    header,
    pacs002,
    pacs028,
    wrap,
)
from simulators.facts import TransferForwarded
from simulators.forwarding import Order
from simulators.orders import order_from, orders_from, shown, summary_of
from tests.unit.simulators.world import OTHER_SENDER, SENDER, World, header_of

RECEIVER = SENDER
"""Who receives here: the first participant, which sends as well."""


def ordered(world: World, **order: object) -> TransferForwarded:
    """Have a payment forwarded now."""
    return world.rail.originate(order_from(order), now=world.now)


def answered_by(
    world: World,
    status: TransactionStatus,
    *,
    forwarded: TransferForwarded | None = None,
    reason: str | None = None,
) -> TransferForwarded:
    """Forward a payment, or take one that was, and have the receiver answer it."""
    forwarded = forwarded or ordered(world)
    message_id = world.new_message_id(RECEIVER.connection_party)
    report = PaymentStatusReport(
        message_id=message_id,
        creation_time=world.now,
        original_message_id=forwarded.message_id,
        original_message_name=forwarded.message_type,
        original_creation_time=forwarded.document_creation_time,
        original_end_to_end_id=forwarded.end_to_end_id,
        original_uetr=forwarded.uetr,
        status=status,
        reasons=() if reason is None else (StatusReason(code=reason),),
        instructing_agent=forwarded.instructed_agent,
        instructed_agent=forwarded.instructing_agent,
    )
    app_header = header_of(pacs002.MESSAGE_TYPE, message_id, sender=RECEIVER.connection_party, created_at=world.now)
    body = wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs002.build(report))
    world.send(body, message_class="nonvalue")
    return forwarded


def posted(world: World) -> TransferForwarded:
    """Forward a payment that its receiver accepts, and then posts."""
    forwarded = answered_by(world, TransactionStatus.ACTC)
    return answered_by(world, TransactionStatus.ACCC, forwarded=forwarded)


def told(world: World) -> list[str]:
    """What the receiver was told: message types and statuses."""
    profile = FedNowProfile(aba_severity=Severity.WARNING)
    reports = [examine(body, profile=profile, direction=Direction.FROM_RAIL) for body in bodies(world)]
    assert all(report.valid for report in reports)
    return [
        report.message.status.value if isinstance(report.message, PaymentStatusReport) else str(report.message_type)
        for report in reports
    ]


def bodies(world: World) -> list[bytes]:
    """What waits for the receiver, taken."""
    waiting = world.rail.fetch(RECEIVER.connection_party, messages_max=100, now=world.now)
    world.rail.acknowledge(RECEIVER.connection_party, [each.receipt for each in waiting])
    return [each.body for each in waiting]


def test_a_payment_settles_on_the_receivers_yes_and_the_receiver_is_told(world: World) -> None:
    """The sender's Document under the service's header; ACSC after ACTC; positions whose sum is zero."""
    posted(world)

    assert told(world) == ["pacs.008.001.08", "ACSC"]
    assert world.rail.book.ledger.positions == {OTHER_SENDER.routing_number: -5174, RECEIVER.routing_number: 5174}
    (record,) = world.rail.book.forwardings()
    assert [answer["status"] for answer in shown(record)["answers"]] == ["ACTC"]
    assert shown(record)["posting"] == [{"status": "ACCC", "reasons": []}]


def test_a_no_settles_nothing(world: World) -> None:
    """RJCT with the receiver's own reason."""
    forwarded = answered_by(world, TransactionStatus.RJCT, reason="AC04")

    assert told(world) == ["pacs.008.001.08", "RJCT"]
    assert world.rail.book.ledger.settlements == ()
    record = world.rail.book.forwarded_with_id(forwarded.message_id)
    assert record is not None
    assert shown(record)["reasons"] == ["AC04"]


def test_acceptance_without_posting_settles_and_is_told_as_such(world: World) -> None:
    """ACWP, never ACSC."""
    answered_by(world, TransactionStatus.ACWP)

    assert told(world) == ["pacs.008.001.08", "ACWP"]
    assert len(world.rail.book.ledger.settlements) == 1


def test_without_an_answer_the_clock_rejects_and_a_late_yes_changes_nothing(world: World) -> None:
    """RJCT E997 when the clock has run out; money stays where it was."""
    forwarded = ordered(world)
    world.pass_time(20)

    at_the_end = told(world)
    answered_by(world, TransactionStatus.ACWP, forwarded=forwarded)

    assert at_the_end == ["pacs.008.001.08", "RJCT"]
    assert world.rail.book.ledger.settlements == ()
    assert summary_of(world.rail.book.forwardings())["answers_that_did_not_count"] == 1


def test_only_the_first_answer_counts(world: World) -> None:
    """Yes, and then no: it has settled."""
    forwarded = answered_by(world, TransactionStatus.ACWP)
    answered_by(world, TransactionStatus.ACTC, forwarded=forwarded)

    (record,) = world.rail.book.forwardings()
    assert [answer.counts for answer in record.answers] == [True, False]
    assert len(world.rail.book.ledger.settlements) == 1


def test_it_is_delivered_as_often_and_told_as_late_as_the_order_says(world: World) -> None:
    """Copies byte for byte, one under a header of its own, the advice late and twice, or not at all."""
    forwarded = ordered(world, copies=2, copy_after_s=1, again_after_s=2, advice_after_s=3, advice_copies=2)
    silent = ordered(world, advice="none")
    world.pass_time(1)
    first = bodies(world)
    world.pass_time(1)
    again = bodies(world)
    for each in (forwarded, silent):
        answered_by(world, TransactionStatus.ACWP, forwarded=each)

    early = bodies(world)
    world.pass_time(3)

    assert len(first) == 3
    assert len(set(first)) == 2
    assert len(again) == 1
    assert forwarded.message_id.encode() in again[0]
    assert again[0] not in first
    assert early == []
    assert told(world) == ["ACWP", "ACWP"]


def test_the_receiver_may_ask_what_became_of_it_once_the_clock_has_run_out(world: World) -> None:
    """pacs.028: still in process before, and then what it was told at completion, or should have been."""
    forwarded = ordered(world, advice="none")
    answered_by(world, TransactionStatus.ACWP, forwarded=forwarded)
    bodies(world)

    ask(world, forwarded)
    early = told(world)
    world.pass_time(25)
    ask(world, forwarded)

    assert early == ["RJCT"]
    assert told(world) == ["ACWP"]


def ask(world: World, forwarded: TransferForwarded) -> MessageId:
    """The receiver's pacs.028."""
    message_id = world.new_message_id(RECEIVER.connection_party)
    request = PaymentStatusRequest(
        message_id=message_id,
        creation_time=world.now,
        original_message_id=forwarded.message_id,
        original_message_name=forwarded.message_type,
        original_creation_time=forwarded.document_creation_time,
        original_end_to_end_id=forwarded.end_to_end_id,
        instructing_agent=forwarded.instructed_agent,
        instructed_agent=RoutingNumber("021150706"),
    )
    app_header = header_of(pacs028.MESSAGE_TYPE, message_id, sender=RECEIVER.connection_party, created_at=world.now)
    body = wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs028.build(request))
    world.send(body, message_class="inquiry")
    return message_id


def test_a_restarted_rail_has_forgotten_nothing(world: World) -> None:
    """What was forwarded, answered and told is in the journal."""
    posted(world)
    before = summary_of(world.rail.book.forwardings())

    world.restart()

    assert summary_of(world.rail.book.forwardings()) == before
    assert world.rail.book.ledger.sum_cents == 0


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"amuont": "1.00"}, "amuont"),
        ({"amount": 1.0}, "amount is a text"),
        ({"copies": 0}, "copies is a whole number"),
        ({"advice_after_s": -1}, "advice_after_s is in seconds"),
        ({"advice": "lies"}, "advice is one of"),
        ({"count": 0}, "count is from 1"),
        ([], "an object"),
    ],
)
def test_an_order_that_says_nothing_known_is_refused(content: object, what: str) -> None:
    """A slip of the pen in a test must not forward something else."""
    with pytest.raises(ValueError, match=what):
        orders_from(content)


def test_an_order_says_what_it_pays() -> None:
    """The control of the test above."""
    order, count = orders_from({"amount": "1.50", "count": 2, "creditor_account": "SIMSLOW39"})

    assert (order.amount, order.creditor_account, count) == (Amount(150), "SIMSLOW39", 2)
    assert order == Order(
        amount=Amount(150),
        debtor_agent=OTHER_SENDER.routing_number,
        creditor_agent=SENDER.routing_number,
        creditor_account="SIMSLOW39",
    )
