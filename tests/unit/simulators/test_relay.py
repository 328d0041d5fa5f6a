"""Between two institutions that answer for themselves: forwarded, settled once, and told to both; others are played."""

from __future__ import annotations

import pytest

from iso20022 import (
    EndToEndId,
    EnvelopeKind,
    MessageId,
    PaymentStatusReport,
    StatusReason,
    TransactionStatus,
    header,
    pacs002,
    wrap,
)
from simulators.forwarding import Forwarded
from tests.unit.simulators.world import OTHER_SENDER, SENDER, Told, World, header_of

THERE = OTHER_SENDER
"""Who is paid, and answers for itself."""


@pytest.fixture
def world() -> World:
    """A rail to which the payee has said that it answers."""
    made = World()
    made.rail.attended = frozenset({THERE.routing_number})
    return made


def paid(world: World) -> MessageId:
    """A payment to the institution that is there."""
    return world.pay("SIMRJCTAC04", creditor_agent=THERE.routing_number)


def answered(world: World, message_id: MessageId, status: TransactionStatus, *, reason: str | None = None) -> None:
    """Have the payee answer."""
    report_id = world.new_message_id(THERE.connection_party)
    report = PaymentStatusReport(
        message_id=report_id,
        creation_time=world.now,
        original_message_id=message_id,
        original_message_name="pacs.008.001.08",
        original_creation_time=world.now,
        original_end_to_end_id=EndToEndId("END-TO-END"),
        status=status,
        reasons=() if reason is None else (StatusReason(code=reason),),
        instructing_agent=THERE.routing_number,
        instructed_agent=SENDER.routing_number,
    )
    app_header = header_of(pacs002.MESSAGE_TYPE, report_id, sender=THERE.connection_party, created_at=world.now)
    body = wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs002.build(report))
    world.send(body, message_class="nonvalue", connection_party=THERE.connection_party)


def forwarded(world: World, message_id: MessageId) -> Forwarded:
    """What the rail knows of it."""
    record = world.rail.book.forwarded_with_id(message_id)
    assert record is not None
    return record


def test_it_settles_once_on_the_payees_word_and_both_are_told_also_after_a_restart(world: World) -> None:
    """What the account would have had the network do counts for nothing; of the posting the payer hears too."""
    message_id = paid(world)
    before = world.answers()
    world.restart()
    answered(world, message_id, TransactionStatus.ACTC)
    told = world.answers()
    answered(world, message_id, TransactionStatus.ACCC)

    assert (before, told) == ([], [Told(message_id, "ACSC")])
    assert world.answers() == [Told(message_id, "ACCC")]
    assert len(world.bodies(THERE.connection_party)) == 2, "the payment, and the advice"
    assert world.rail.book.ledger.positions == {SENDER.routing_number: -5174, THERE.routing_number: 5174}


def test_a_no_and_an_answer_that_never_comes_settle_nothing(world: World) -> None:
    """The payee's own reason, and the rail's when its clock has run out; an answer after that changes nothing."""
    refused, silent = paid(world), paid(world)
    answered(world, refused, TransactionStatus.RJCT, reason="AC04")
    first = world.answers()
    world.pass_time(world.settings.rail_clock_s + 1)
    second = world.answers()
    answered(world, silent, TransactionStatus.ACTC)

    assert first == [Told(refused, "RJCT", ("AC04",))]
    assert second == [Told(silent, "RJCT", (world.settings.codes.timed_out,))]
    assert world.answers() == []
    assert world.rail.book.ledger.settlements == ()
    assert [each.counts for each in forwarded(world, silent).answers] == [False]


def test_who_is_not_there_is_played_and_what_the_rail_refuses_is_not_forwarded(world: World) -> None:
    """The controls: another payee, and a payment over the limit."""
    played = world.pay()
    over = world.pay(amount="10000000.01", creditor_agent=THERE.routing_number)

    assert world.answers() == [Told(played, "ACSC"), Told(over, "RJCT", ("E990",))]
    assert world.rail.book.forwarded_with_id(over) is None
