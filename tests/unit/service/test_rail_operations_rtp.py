"""RTP's sign-on, sign-off and echo against the simulated rail's own rules: asked, answered once, refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import pytest

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import OperationState, RailAction, RailEventKind
from gateway.service.ports import UnavailableError
from gateway.service.rail_operations import SENDABLE_S, SubjectError
from gateway.service.rail_presence import Answerers, RailGuard
from gateway.service.rtp import RtpAddress, RtpDialect
from iso20022 import ConnectionPartyId, Direction, EchoRequest, EchoResponse, RtpProfile, examine
from iso20022.messages.admn import SignOffRequest, SignOnRequest
from simulators.forwarding import Order
from simulators.participants import PARTICIPANTS
from simulators.rtp.rail import SIGNED
from tests.unit.service.operations_world import PARTICIPANT, OperationsWorld, rtp_operations_world
from tests.unit.service.test_rail_presence import People

OTHER = ConnectionPartyId("990001106A1")


@pytest.fixture
async def place() -> AsyncIterator[OperationsWorld]:
    """The use cases and the rail."""
    async with rtp_operations_world() as made:
        yield made


@dataclass(slots=True)
class Sample:
    """Makes requests of a participant's as that participant would."""

    participant: ConnectionPartyId

    def request(self, make: type[SignOnRequest | SignOffRequest], at: datetime) -> bytes:
        """The message."""
        dialect = RtpDialect(RtpProfile(), RtpAddress(participant=self.participant))
        return dialect.administration(make, "0A1B2C3D4E5F6G7H8J", at=at).body


async def test_a_participant_signs_off_and_on_as_a_whole_and_the_rail_forwards_nothing_between(
    place: OperationsWorld,
) -> None:
    """Each is acknowledged under what was asked, and the standing follows."""
    order = Order(debtor_agent=PARTICIPANTS[2].routing_number, creditor_agent=PARTICIPANTS[0].routing_number)
    now = place.earth.clock.now()
    before = (await place.status()).standing.party

    off = await place.ask(RailAction.SIGN_OFF)
    refused = place.simulated.originate(order, now=now)
    standing_off = (await place.status()).standing.party
    place.earth.clock.advance(1)
    on = await place.ask(RailAction.SIGN_ON)
    brought = place.simulated.originate(order, now=place.earth.clock.now())

    assert (before, standing_off, (await place.status()).standing.party) == (None, False, True)
    assert [each.state for each in (off, on)] == [OperationState.DONE] * 2
    completed = [place.simulated.book.forwarded_with_id(each.message_id) for each in (refused, brought)]
    assert [each.completed is not None for each in completed if each is not None] == [True, False]


async def test_an_echo_is_answered_and_a_second_answer_changes_nothing(place: OperationsWorld) -> None:
    """A ping is about nobody; its answer, delivered twice, is kept once."""
    asked = await place.operations.ask(Rail.RTP, RailAction.PING, None, by="sample operator", note="a sample")
    await place.sender.send_due()
    (answer,) = list(place.waiting())

    for _ in range(2):
        place.earth.rail.deliver(answer)
    await place.earth.hear()

    found = await place.operations.find(Rail.RTP, asked.event_id)
    assert found is not None
    assert found.state is OperationState.DONE
    kept = await place.events.events(Rail.RTP, kinds={RailEventKind.ACKNOWLEDGED}, limit=10)
    assert len(kept) == 1


async def test_an_operators_ping_is_not_done_by_the_answer_to_anothers(place: OperationsWorld) -> None:
    """A payment in doubt pings the rail as well; its answer names that ping, and the operator's stays unanswered."""
    asked = await place.operations.ask(Rail.RTP, RailAction.PING, None, by="sample operator", note="a sample")
    other = RtpDialect(RtpProfile(), RtpAddress(participant=PARTICIPANT)).administration(
        EchoRequest, "0A1B2C3D4E5F6G7H8J", at=place.earth.clock.now()
    )
    place.simulated.receive(
        other.body, connection_party=PARTICIPANT, message_class="system", now=place.earth.clock.now()
    )
    await place.hear()
    before = await place.operations.find(Rail.RTP, asked.event_id)
    heard = await place.events.events(Rail.RTP, kinds={RailEventKind.ACKNOWLEDGED}, limit=10)
    await place.work()
    after = await place.operations.find(Rail.RTP, asked.event_id)

    assert before is not None
    assert after is not None
    assert (len(heard), before.state, after.state) == (1, OperationState.ASKED, OperationState.DONE)


async def test_an_echo_of_the_rails_is_answered_once_however_often_it_comes(place: OperationsWorld) -> None:
    """admn.005 the other way: the answer names its instruction, and nothing of it is shown to operators."""
    instruction_id = place.simulated.ask({"kind": "echo", "copies": 3}, now=place.earth.clock.now())
    await place.hear()
    await place.sender.send_due()
    await place.sender.send_due()

    (answer,) = [each.body for each in place.earth.rail.sent]
    said = examine(answer, profile=RtpProfile(), direction=Direction.TO_RAIL)
    assert said.valid, said.findings
    assert isinstance(said.message, EchoResponse)
    assert str(said.message.original_instruction_id) == instruction_id
    assert not place.earth.recorder.quarantines
    assert (await place.status()).operations == []


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        (RailAction.SIGN_ON, "990000107"),
        (RailAction.SIGN_OFF, "990000107"),
        (RailAction.PING, "990000107"),
        (RailAction.CONNECT, "EAST"),
        (RailAction.DISCONNECT, "EAST"),
    ],
)
async def test_what_rtp_does_not_have_is_refused_in_words_and_nothing_is_kept(
    place: OperationsWorld, action: RailAction, subject: str
) -> None:
    """One institution of several, and connection points: nothing public says that RTP knows either."""
    with pytest.raises(SubjectError) as refused:
        await place.ask(action, subject)

    assert len(str(refused.value)) > 20
    assert not (await place.status()).operations


async def test_the_rails_refusal_says_why_and_nothing_changes(place: OperationsWorld) -> None:
    """admn.002 with RJCT and its reason; ours to read, whoever has asked."""
    now = place.earth.clock.now()
    ours = await place.operations.ask(Rail.RTP, RailAction.SIGN_ON, None, by="sample operator", note="a sample")
    await place.sender.send_due()
    (answer,) = list(place.waiting())
    refusal = answer.replace(b"ACTC", b"RJCT").replace(
        b"<Sts>RJCT</Sts>", b"<Sts>RJCT</Sts><StsRsnInf><Rsn><Prtry>9948</Prtry></Rsn></StsRsnInf>"
    )
    foreign = Sample(OTHER).request(SignOnRequest, now)
    place.simulated.receive(
        foreign.replace(b">990001106A1<", b">990000107A1<", 1),
        connection_party=PARTICIPANT,
        message_class="system",
        now=now,
    )
    (not_ours,) = list(place.waiting())

    place.earth.rail.deliver(refusal)
    await place.earth.hear()

    found = await place.operations.find(Rail.RTP, ours.event_id)
    assert found is not None
    assert found.end is not None
    assert (found.state, found.end.reason_code) == (OperationState.REFUSED, "9948")
    assert (await place.status()).standing.party is None
    assert b"9964" in not_ours, "a participant signs on itself alone"


async def test_a_late_answer_to_what_was_given_up_counts(place: OperationsWorld) -> None:
    """It could not be handed over for a minute, or so it seemed: the rail had it all the same."""
    asked = await place.operations.ask(Rail.RTP, RailAction.SIGN_OFF, None, by="sample operator", note="a sample")
    place.earth.rail.next_send_raises = UnavailableError("the answer to the sending is lost")
    await place.sender.send_due()
    place.earth.clock.advance(SENDABLE_S + 1)
    await place.sender.send_due()
    given_up = await place.operations.find(Rail.RTP, asked.event_id)
    await place.hear()

    assert given_up is not None
    assert given_up.state is OperationState.ABANDONED
    found = await place.operations.find(Rail.RTP, asked.event_id)
    assert found is not None
    assert found.state is OperationState.DONE


async def test_the_rails_news_is_kept_and_changes_nothing_of_how_we_stand(place: OperationsWorld) -> None:
    """admi.004 982 of another participant: its parameters are in no public text."""
    now = place.earth.clock.now()
    place.simulated.receive(
        Sample(OTHER).request(SignOffRequest, now), connection_party=OTHER, message_class="system", now=now
    )

    await place.hear()

    (news,) = (await place.status()).broadcasts
    assert (news.code, news.subjects) == (SIGNED, (OTHER, "UNAVAILABLE"))
    assert (await place.status()).standing.party is None


async def test_downtime_is_not_counted_where_nothing_is_known_of_its_limits(place: OperationsWorld) -> None:
    """FedNow's limits are none of RTP's."""
    await place.ask(RailAction.SIGN_OFF)

    status = await place.status()
    assert (status.downtime, status.allowed) == ({}, None)


async def test_the_guard_signs_the_participant_off_when_no_worker_runs_and_leaves_institutions_alone(
    place: OperationsWorld,
) -> None:
    """An institution that is silent has its stand-in: RTP cannot sign it off alone."""
    people, clock = People(), place.earth.clock
    answerers = Answerers(people, people, people, clock)  # type: ignore[arg-type]
    guard = RailGuard(Rail.RTP, place.operations, answerers, clock, 10.0, signs_off_institutions=False)
    people.silent.add("https://first.example")

    async def pass_time(seconds: int) -> None:
        for _ in range(seconds // 2):
            await guard.look()
            await place.work()
            clock.advance(2)

    await pass_time(20)
    while_silent = (await place.status()).operations
    people.workers = 0
    await pass_time(20)

    assert while_silent == []
    assert [each.state for each in (await place.status()).operations] == [OperationState.DONE]
    assert (await place.status()).standing.party is False
