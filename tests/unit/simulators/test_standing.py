"""Sign-on and sign-off, and connection points: who is reached, where, and who is told (Operating Procedures 15.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from iso20022 import ConnectionPartyId, Direction, MessageReject, TransactionStatus, examine
from iso20022.messages.admi004 import SystemEventNotification
from iso20022.messages.admi011 import SystemEventAcknowledgement
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.orders import order_from
from simulators.outqueue import Waiting
from simulators.participants import LIQUIDITY_ONLY, PARTICIPANTS, SETTLEMENT_ONLY
from tests.unit.simulators.world import OTHER_SENDER, SENDER, Told, World, ping_bytes

PARTY = SENDER.connection_party
SECOND = "990000204"
"""The second institution behind the same connection party."""

EAST, WEST = "EAST", "WEST"


@pytest.fixture
def two_points() -> World:
    """A rail on which the party has two connection points."""
    return World(FedNowSimulatorSettings(connection_points={PARTY: (EAST, WEST)}))


def said(world: World, event_code: str, parameter: str | None = None, *, ahead_s: float = 0) -> str:
    """Send an event, and return what the rail answers: ``ok``, or the code of its refusal."""
    body, message_id = ping_bytes(world, event_code=event_code, parameter=parameter, ahead=timedelta(seconds=ahead_s))
    before = {entry.body for entry in everything(world)}
    world.send(body, message_class="system")
    for entry in everything(world):
        if entry.body in before:
            continue
        message = examine(entry.body, profile=world.settings.profile, direction=Direction.FROM_RAIL).message
        if isinstance(message, SystemEventAcknowledgement) and message.originator_reference == message_id:
            return "ok"
        if isinstance(message, MessageReject) and message.related_reference == message_id:
            return message.reason_code
    return "nothing"


def everything(world: World) -> list[Waiting]:
    """What waits for the party, at whatever point, looked at and not taken."""
    queues = [world.rail.book.queue_of(PARTY, point) for point in world.rail.book.standing.points_of(PARTY)]
    return [waiting for queue in queues for waiting in queue._waiting.values()]


def forwarded(world: World, agent: str = str(SENDER.routing_number)) -> str | None:
    """Order a payment to an institution; returns its status: None while its receiver is waited for."""
    order = order_from({"creditor_agent": agent})
    sent = world.rail.originate(order, now=world.now)
    record = world.rail.book.forwarded_with_id(sent.message_id)
    assert record is not None
    return None if record.completed is None else record.completed.status.value


def heard(world: World, party: ConnectionPartyId) -> list[tuple[str, tuple[str, ...]]]:
    """What a connection party is told by broadcast, each valid in every respect."""
    reports = [
        examine(body, profile=world.settings.profile, direction=Direction.FROM_RAIL) for body in world.bodies(party)
    ]
    assert all(report.valid for report in reports), [report.findings for report in reports]
    events = [report.message for report in reports if isinstance(report.message, SystemEventNotification)]
    return [(event.event_code, event.parameters) for event in events]


@pytest.mark.parametrize(
    ("events", "own", "second"),
    [
        ([], None, None),
        ([("FPOF", None)], "RJCT", "RJCT"),
        ([("FPOF", None), ("FPON", None)], None, None),
        ([("FPOF", SECOND)], None, "RJCT"),
        ([("FPOF", SECOND), ("FPOF", None), ("FPON", None)], None, "RJCT"),
        ([("FPOF", None), ("FPOF", SECOND), ("FPON", None), ("FPON", SECOND)], None, None),
        ([("FPOF", SECOND), ("FPON", None)], None, "RJCT"),
    ],
    ids=str,
)
def test_an_institution_is_reached_while_neither_it_nor_its_connection_party_is_off(
    world: World, events: list[tuple[str, str | None]], own: str | None, second: str | None
) -> None:
    """The table of section 15.1: the two are signed off independently."""
    for code, parameter in events:
        assert said(world, code, parameter) == "ok"

    assert (forwarded(world), forwarded(world, SECOND)) == (own, second)


def test_who_is_signed_off_still_sends_and_a_payment_to_it_is_rejected_with_a_code_of_its_own(world: World) -> None:
    """While signed off, inbound payments are rejected; everything else flows."""
    said(world, "FPOF")
    world.bodies()

    settled = world.pay()
    refused = world.pay(creditor_agent=SENDER.routing_number)

    assert world.answers() == [Told(settled, "ACSC"), Told(refused, "RJCT", ("SIM-SIGNED-OFF",))]


def test_what_was_forwarded_before_a_sign_off_is_settled_on_its_answer(world: World) -> None:
    """A sign-off in mid-flight takes nothing back: the receiver still answers."""
    from tests.unit.simulators.test_forwarding import answered_by

    sent = world.rail.originate(order_from({}), now=world.now)
    said(world, "FPOF")

    answered_by(world, TransactionStatus.ACTC, forwarded=sent)

    record = world.rail.book.forwarded_with_id(sent.message_id)
    assert record is not None
    assert record.completed is not None
    assert record.completed.status is TransactionStatus.ACSC


def test_an_institutions_sign_off_is_told_to_all_and_a_connection_partys_to_all_others(world: World) -> None:
    """The broadcast: with the institution's number, or that of the connection party."""
    said(world, "FPOF", SECOND)
    said(world, "FPOF")

    assert heard(world, PARTY) == [("FPOF", (SECOND,))]
    assert heard(world, OTHER_SENDER.connection_party) == [("FPOF", (SECOND,)), ("FPOF", (PARTY,))]


@pytest.mark.parametrize(
    ("code", "parameter", "ahead_s", "refusal"),
    [
        ("FPON", None, 60, "SIM-EVENT-TIME"),
        ("FPOF", "990001106", 0, "SIM-EVENT-SUBJECT"),
        ("FPCD", "NOWHERE", 0, "SIM-EVENT-SUBJECT"),
    ],
)
def test_an_event_of_the_future_or_about_another_is_refused_and_changes_nothing(
    world: World, code: str, parameter: str | None, ahead_s: float, refusal: str
) -> None:
    """Nobody signs another institution off."""
    assert said(world, code, parameter, ahead_s=ahead_s) == refusal
    assert forwarded(world) is None


def test_what_waits_at_a_point_that_is_disconnected_goes_to_the_other_at_once_even_if_it_was_handed_out(
    two_points: World,
) -> None:
    """A region that has died has taken messages along: they are in nobody's hand any more."""
    for _ in range(4):
        two_points.rail.originate(order_from({}), now=two_points.now)
    taken = two_points.rail.fetch(PARTY, messages_max=10, now=two_points.now, point=EAST)

    answer = said(two_points, "FPCD", EAST)
    at_west = two_points.rail.fetch(PARTY, messages_max=10, now=two_points.now, point=WEST)

    assert answer == "ok"
    assert len(taken) == 2
    assert {entry.body for entry in taken} <= {entry.body for entry in at_west}
    assert len(at_west) == 5  # the four, and the acknowledgement


def test_a_disconnected_point_gets_nothing_until_it_is_connected_again(two_points: World) -> None:
    """What comes afterwards goes to the other alone."""
    said(two_points, "FPCD", EAST)
    two_points.rail.originate(order_from({}), now=two_points.now)
    while_off = two_points.rail.fetch(PARTY, messages_max=10, now=two_points.now, point=EAST)
    assert said(two_points, "FPCR", EAST) == "ok"
    for _ in range(2):
        two_points.rail.originate(order_from({}), now=two_points.now)

    assert while_off == []
    assert two_points.rail.fetch(PARTY, messages_max=10, now=two_points.now, point=EAST)


def test_the_last_connected_point_cannot_be_disconnected(two_points: World) -> None:
    """Operating Procedures: rejected; the party signs off instead."""
    assert said(two_points, "FPCD", EAST) == "ok"
    assert said(two_points, "FPCD", WEST) == "SIM-LAST-POINT"


def test_who_is_off_and_what_is_disconnected_survives_a_restart(two_points: World) -> None:
    """It is a fold of the journal, and so is which point has which message."""
    two_points.rail.originate(order_from({}), now=two_points.now)
    said(two_points, "FPCD", EAST)
    said(two_points, "FPOF")

    two_points.restart()

    assert forwarded(two_points) == "RJCT"
    assert two_points.rail.fetch(PARTY, messages_max=10, now=two_points.now, point=EAST) == []
    assert len(two_points.rail.fetch(PARTY, messages_max=10, now=two_points.now, point=WEST)) == 3


def test_who_is_for_liquidity_or_settlement_only_does_not_sign_on() -> None:
    """Only profiles that take customers' transfers do (Operating Procedures v2.1, section 15.1)."""
    for participant in (LIQUIDITY_ONLY, SETTLEMENT_ONLY):
        ours = replace(participant, connection_party=PARTY)
        world = World(FedNowSimulatorSettings(participants=(*PARTICIPANTS, ours)))

        assert said(world, "FPON", str(ours.routing_number)) == "SIM-EVENT-SUBJECT"
        assert said(world, "FPON", str(SENDER.routing_number)) == "ok", "the control"
