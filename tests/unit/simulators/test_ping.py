"""PING: the first thing a participant sends, and the last before it telephones."""

from iso20022 import Direction, FedNowProfile, examine
from iso20022.messages.admi004 import PING
from iso20022.messages.admi011 import SystemEventAcknowledgement
from tests.unit.simulators.world import World, ping_bytes


def test_a_ping_is_answered_with_the_event_and_the_reference_that_it_came_under(world: World) -> None:
    """FedNow Operating Procedures: admi.004 PING, answered by admi.011 within seconds."""
    body, message_id = ping_bytes(world)

    world.send(body, message_class="system")

    (answer,) = [examine(body, profile=FedNowProfile(), direction=Direction.FROM_RAIL) for body in world.bodies()]
    assert answer.valid, answer.findings
    assert isinstance(answer.message, SystemEventAcknowledgement)
    assert (answer.message.event_code, answer.message.originator_reference) == (PING, message_id)
