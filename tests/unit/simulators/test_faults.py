"""What a test has the rail do wrong: with the messages of a type, so many of them, and with no other."""

from __future__ import annotations

import pytest

from iso20022 import Direction, FedNowProfile, examine
from iso20022.messages.admi002 import MessageReject
from iso20022.messages.admi011 import SystemEventAcknowledgement
from simulators.faults import GARBAGE, Faults, TypeFault, fate_of, faults_from, signed_as
from tests.unit.simulators.world import World, ping_bytes

ANSWER = "admi.011"


def asked(world: World, fault: TypeFault, *, times: int = 1) -> None:
    """Have the rail asked so often, its answers as the fault has them."""
    world.rail.faults = Faults(messages={ANSWER: fault})
    for _ in range(times):
        body, _ = ping_bytes(world)
        world.send(body, message_class="system")


def answers(world: World) -> list[bytes]:
    """What waits now."""
    return list(world.bodies())


def test_so_many_messages_of_a_type_are_lost_and_no_more(world: World) -> None:
    """The third is there, and nothing is left of the fault."""
    asked(world, TypeFault(next=2, copies=0), times=3)

    assert len(answers(world)) == 1
    assert world.rail.faults == Faults()


def test_a_message_comes_twice_byte_for_byte(world: World) -> None:
    """Under one id, and one receipt each."""
    asked(world, TypeFault(copies=2))

    first, second = answers(world)
    assert first == second


def test_a_message_comes_later(world: World) -> None:
    """It waits, and is in nobody's sight; the control: in its time it is."""
    asked(world, TypeFault(delay_s=60))
    before = answers(world)
    world.pass_time(60)

    assert (before, len(answers(world))) == ([], 1)


def test_a_message_cannot_be_read(world: World) -> None:
    """Something comes in its place."""
    asked(world, TypeFault(unreadable=True))

    assert answers(world) == [GARBAGE]


def test_messages_of_other_types_come_as_they_would(world: World) -> None:
    """A fault is of one type."""
    world.rail.faults = Faults(messages={"camt.029": TypeFault(copies=0)})
    body, _ = ping_bytes(world)
    world.send(body, message_class="system")

    assert len(answers(world)) == 1
    assert world.rail.faults.messages == {"camt.029": TypeFault(copies=0)}


def test_what_is_no_message_is_none_of_a_type() -> None:
    """Nothing is looked for in it."""
    faults = Faults(messages={ANSWER: TypeFault(copies=0)}, delay_answers_s=3)
    fate, left = fate_of(GARBAGE, faults)

    assert (fate.body, fate.copies, fate.delay_s, left) == (GARBAGE, 1, 3, faults)


def test_messages_of_a_type_are_refused_with_the_code_that_was_ordered(world: World) -> None:
    """The control: once it is switched off the same is done."""
    world.rail.faults = Faults(refuse={"admi.004": "SIM-ORDERED"})
    for faults in (world.rail.faults, Faults()):
        world.rail.faults = faults
        body, _ = ping_bytes(world)
        world.send(body, message_class="system")

    refusal, answer = [
        examine(body, profile=FedNowProfile(), direction=Direction.FROM_RAIL).message for body in world.bodies()
    ]
    assert isinstance(refusal, MessageReject)
    assert refusal.reason_code == "SIM-ORDERED"
    assert isinstance(answer, SystemEventAcknowledgement)


def test_so_many_messages_of_a_type_are_signed_wrongly_and_no_more() -> None:
    """How is said by type; what is no message is none of it."""
    body = b"<MsgDefIdr>pacs.002.001.10</MsgDefIdr>"
    faults = faults_from({"signatures": {"pacs.002": {"next": 2, "signed": "altered"}}})

    first, left = signed_as(body, faults)
    other, left = signed_as(GARBAGE, left)
    second, left = signed_as(body, left)

    assert [first, other, second, signed_as(body, left)[0]] == ["altered", None, "altered", None]
    assert left == Faults()


@pytest.mark.parametrize("said", [[], {"pacs": {}}, {"pacs.002": {"next": 0}}, {"pacs.002": {"signed": 1}}])
def test_a_way_to_sign_wrongly_that_is_none_is_refused(said: object) -> None:
    """Before anything is switched on."""
    with pytest.raises(ValueError, match=r"^(signatures|pacs|next)"):
        faults_from({"signatures": said})
