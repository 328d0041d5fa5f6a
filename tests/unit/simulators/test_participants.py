"""The invented institutions, and how foreign test numbers are mapped to them."""

import pytest

from iso20022 import ConnectionPartyId, has_aba_check_digit
from simulators.participants import PARTICIPANTS, Participant, map_to_participants

FOREIGN = ["111111111", "333333333", "222222222", "444444444"]
BY_NUMBER = {participant.routing_number: participant for participant in PARTICIPANTS}


@pytest.mark.parametrize("participant", PARTICIPANTS, ids=lambda participant: participant.name)
def test_no_participant_can_be_mistaken_for_a_real_institution(participant: Participant) -> None:
    """Prefix 99 is outside the ABA's ranges; the check digit holds, so that nothing else is wrong with the number."""

    assert participant.routing_number.startswith("99")
    assert has_aba_check_digit(participant.routing_number)


def test_the_network_has_senders_and_receivers() -> None:
    """Two senders share a connection, as a processor's clients do; the numbers are all different."""
    senders = [participant for participant in PARTICIPANTS if participant.may_send]

    assert len(BY_NUMBER) == len(PARTICIPANTS)
    assert len(senders) >= 2
    assert len(PARTICIPANTS) - len(senders) >= 4
    assert senders[0].connection_party == senders[1].connection_party == ConnectionPartyId("990000107")


def test_the_debtors_side_becomes_a_sender_and_the_others_receivers() -> None:
    """A restamped sample can be sent, and can arrive."""
    mapping = map_to_participants(FOREIGN)

    assert list(mapping) == FOREIGN
    assert [BY_NUMBER[number].may_send for number in mapping.values()] == [True, False, False, False]
    assert mapping["111111111"] == PARTICIPANTS[0].routing_number


def test_equal_numbers_stay_equal_and_distinct_ones_distinct() -> None:
    """InstgAgt and DbtrAgt of a sample are the same institution before and after."""
    mapping = map_to_participants(["111111111", "333333333", "111111111", "333333333"])

    assert len(mapping) == len(set(mapping.values())) == 2
    assert map_to_participants(FOREIGN) == map_to_participants(list(FOREIGN))


def test_participants_stay_who_they_are() -> None:
    """A message that is right already is not changed, and a number in use is not given out twice."""
    named = [PARTICIPANTS[0].routing_number, PARTICIPANTS[4].routing_number]

    mapping = map_to_participants([*named, "333333333", "444444444"])

    assert [mapping[number] for number in named] == named
    assert len(set(mapping.values())) == 4


def test_a_used_up_table_is_given_out_again() -> None:
    """More numbers than participants are still mapped, the same way every time."""
    many = [f"{number:09d}" for number in range(len(PARTICIPANTS) + 3)]

    mapping = map_to_participants(many)

    assert set(mapping.values()) == set(BY_NUMBER)
    assert len(set(list(mapping.values())[: len(PARTICIPANTS)])) == len(PARTICIPANTS)
