"""Account reports: totals and details of what the rail has booked, and nothing of what it has not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from iso20022 import Direction, EnvelopeKind, MessageReject, RoutingNumber, TransactionStatus, examine, header, wrap
from iso20022.messages import camt060
from iso20022.messages.camt052 import AccountReportMessage
from iso20022.messages.camt060 import AccountReportingRequest, ReportingPeriod, ReportingRequest, ReportKind
from simulators.fednow.decide import cycle_day
from simulators.orders import order_from
from tests.unit.simulators.test_forwarding import answered_by
from tests.unit.simulators.world import OTHER_SENDER, SENDER, World, header_of


def asked(
    world: World, kind: ReportKind, *, day: date | None = None, account: RoutingNumber = SENDER.routing_number
) -> AccountReportMessage | str:
    """Ask for a report; returns it, valid in every respect, or the code of the refusal."""
    world.bodies()
    message_id = world.new_message_id()
    request = AccountReportingRequest(
        message_id=message_id,
        creation_time=world.now,
        requests=(
            ReportingRequest(
                kind=kind,
                account=account,
                account_owner=account,
                period=None if day is None else ReportingPeriod(from_date=day, to_date=day),
            ),
        ),
    )
    outgoing = header_of(camt060.MESSAGE_TYPE, message_id, sender=SENDER.connection_party, created_at=world.now)
    body = wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(outgoing), camt060.build(request))
    world.send(body, message_class="inquiry")
    (answer,) = world.bodies()
    report = examine(answer, profile=world.settings.profile, direction=Direction.FROM_RAIL)
    assert report.valid, report.findings
    if isinstance(report.message, MessageReject):
        return report.message.reason_code
    assert isinstance(report.message, AccountReportMessage)
    assert report.message.original_query is not None
    assert report.message.original_query.message_id == message_id
    return report.message


def totals(message: AccountReportMessage | str) -> tuple[int | None, int | None]:
    """How many were credited, and how much."""
    assert isinstance(message, AccountReportMessage)
    (report,) = message.reports
    assert report.activity is not None
    credited = report.activity.credits
    assert credited is not None
    return credited.count, None if credited.total is None else credited.total.cents


def test_a_day_without_activity_is_all_zeros(world: World) -> None:
    """Operating Procedures: a report there is, and it says nothing."""
    assert totals(asked(world, ReportKind.IATR)) == (0, 0)


def test_the_totals_are_what_was_settled_to_us_and_the_details_name_each_message(world: World) -> None:
    """What was rejected, is open, or went to others is not in them; what was swallowed is."""
    settled = answered_by(world, TransactionStatus.ACTC)
    answered_by(world, TransactionStatus.RJCT, reason="AC04")
    world.rail.originate(order_from({}), now=world.now)
    world.rail.originate(order_from({"creditor_agent": "990000204"}), now=world.now)
    swallowed = world.rail.originate(order_from({"swallowed": True, "amount": "1.00"}), now=world.now)
    world.pay()

    details = asked(world, ReportKind.AADR, day=cycle_day(world.now))

    assert totals(asked(world, ReportKind.IATR)) == (2, 5174 + 100)
    assert isinstance(details, AccountReportMessage)
    (report,) = details.reports
    assert report.adds_up()
    credited = [
        transaction.references.message_id
        for entry in report.entries
        if entry.side == "CRDT"
        for transaction in entry.transactions
        if transaction.references is not None
    ]
    assert credited == [settled.message_id, swallowed.message_id]
    assert len(report.entries) == 3  # and the payment that went out


def test_a_cycle_day_ends_at_seven_in_the_evening(world: World) -> None:
    """What was settled before is in yesterday's details and in no total of today."""
    world.rail.originate(order_from({"swallowed": True}), now=world.now)
    before = cycle_day(world.now)
    world.pass_time(timedelta(hours=10).total_seconds())

    assert totals(asked(world, ReportKind.IATR)) == (0, 0)
    assert totals(asked(world, ReportKind.AATR, day=before)) == (1, 5174)


def test_a_report_of_another_is_refused(world: World) -> None:
    """Nobody sees another's account."""
    assert asked(world, ReportKind.IATR, account=OTHER_SENDER.routing_number) == "SIM-SENDER"


def test_a_payment_that_is_swallowed_is_settled_and_delivered_to_nobody(world: World) -> None:
    """The fault that reconciliation is there for."""
    sent = world.rail.originate(order_from({"swallowed": True}), now=world.now)

    assert world.bodies() == []
    record = world.rail.book.forwarded_with_id(sent.message_id)
    assert record is not None
    assert record.is_settled
    assert world.rail.book.ledger.sum_cents == 0


@pytest.mark.parametrize("kind", [ReportKind.AATR, ReportKind.ABAR, ReportKind.CATR, ReportKind.CADR])
def test_every_report_is_made_by_one_writer(world: World, kind: ReportKind) -> None:
    """A balance and a correspondent's totals too, of the day that is asked for; a correspondent's details fail."""
    answered_by(world, TransactionStatus.ACTC)
    today = cycle_day(world.now)

    report = asked(world, kind, day=None if kind is ReportKind.ABAR else today)

    assert report == "E301" if kind is ReportKind.CADR else totals(report) == (1, 5174)
