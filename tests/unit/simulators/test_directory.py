"""The participant file (admi.998): to every connection party at each roll, and on demand; profiles that change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from iso20022 import RoutingNumber
from iso20022.messages.admi998 import ParticipantFile
from simulators.fednow.settings import FedNowSimulatorSettings
from tests.unit.simulators.conftest import MakeWorld
from tests.unit.simulators.world import ACSC, OTHER_SENDER, RJCT, SENDER, Told, World, transfer_bytes

RECEIVER = RoutingNumber("990001203")
PARTIES = (SENDER.connection_party, OTHER_SENDER.connection_party)


def files(world: World) -> list[list[ParticipantFile]]:
    """What files each of two connection parties is told."""
    return [[file for body in world.bodies(party) if (file := world.file(body))] for party in PARTIES]


def listed(file: ParticipantFile) -> dict[str, str]:
    """Services by routing number."""
    return {str(each.routing_number): " ".join(each.services) for each in file.participants}


def test_at_each_roll_of_the_cycle_day_every_connection_party_is_told_who_takes_part(world: World) -> None:
    """At 7 p.m. in New York, once; the first day it only begins."""
    world.now = datetime(2026, 3, 10, 22, 59, 59, tzinfo=UTC)
    before = files(world)
    world.now += timedelta(seconds=1)
    at_the_roll, after = files(world), files(world)

    assert before == after == [[], []]
    assert [[file.business_day for file in each] for each in at_the_roll] == [[date(2026, 3, 11)]] * 2
    assert listed(at_the_roll[0][0]) == {
        **dict.fromkeys(("990000107", "990000204", "990001106"), "CTSR RFPR"),
        **dict.fromkeys(("990001203", "990001300", "990001407", "990001504"), "CTRO RFPR"),
    }


def test_a_roll_that_a_restart_slept_through_is_told_of_then_and_once(world: World) -> None:
    """The journal knows which day was begun."""
    world.pay()
    world.bodies()
    world.now += timedelta(days=1)
    world.restart()

    first = files(world)
    world.restart()

    assert [len(each) for each in first] == [1, 1]
    assert files(world) == [[], []]


@pytest.mark.parametrize(
    ("number", "services", "code"),
    [
        (RECEIVER, (), "E981"),
        (RECEIVER, ("RFPR",), "E981"),
        (RECEIVER, ("CTSR",), None),
        (SENDER.routing_number, ("CTRO",), "E980"),
        (SENDER.routing_number, (), "E980"),
    ],
)
def test_the_rail_itself_goes_by_a_changed_profile_which_survives_a_restart(
    world: World, number: RoutingNumber, services: tuple[str, ...], code: str | None
) -> None:
    """Whoever sends on an old file is refused by the rail, with its code."""
    world.rail.change_profile(number, services, now=world.now)
    world.restart()

    message_id = world.new_message_id()
    world.send(transfer_bytes(world.now, message_id))

    assert world.answers() == [Told(message_id, RJCT, (code,)) if code else Told(message_id, ACSC)]


def test_who_takes_no_part_in_customers_transfers_is_left_out_of_the_file(world: World) -> None:
    """So are institutions that are for liquidity transfers or settlement only."""
    world.rail.change_profile(RECEIVER, (), now=world.now)

    told = world.rail.publish_directory(now=world.now)

    ((file,), _) = files(world)
    assert told == len({each.connection_party for each in world.settings.participants})
    assert str(RECEIVER) not in listed(file)
    taking_part = [each for each in world.settings.participants if each.takes_transfers]
    assert len(file.participants) == len(taking_part) - 1


def test_nobody_is_made_a_participant_by_a_profile_and_no_service_is_invented(make_world: MakeWorld) -> None:
    """The order is refused whole, and nothing is journalled of it."""
    world = make_world(FedNowSimulatorSettings())
    world.rail.advance(world.now)
    lines = len(world.journal.lines)

    with pytest.raises(ValueError, match="no participant"):
        world.rail.change_profile(RoutingNumber("990009990"), ("CTRO",), now=world.now)
    with pytest.raises(ValueError, match="CTXX"):
        world.rail.change_profile(RECEIVER, ("CTXX",), now=world.now)

    assert len(world.journal.lines) == lines


def test_an_institution_that_may_only_receive_still_returns(world: World) -> None:
    """Whoever receives may return (Operating Procedures, appendix F)."""
    participant = next(each for each in world.settings.participants if each.routing_number == RECEIVER)

    assert not world.rail.book.standing.may_send(participant)
    assert world.rail.book.standing.may_receive(replace(participant, may_send=True))
