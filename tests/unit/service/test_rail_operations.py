"""Rail operations: asked once, sent by a worker, answered; how we stand is what was acknowledged to us or told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import OperationState, RailAction, RailEvent, RailEventKind
from gateway.service.ports import MessageClass, NotSentError, RailLink, UnavailableError
from gateway.service.rail_operations import RailHasNoOperationsError, SubjectError
from iso20022 import BusinessHeader, BusinessMessageId, EnvelopeKind, header, wrap
from iso20022.messages import admi004
from iso20022.messages.admi004 import SystemEventNotification
from tests.unit.service.operations_world import EAST, OTHER_PARTY, WEST, OperationsWorld, operations_world
from tests.unit.service.world import PARTY, RAIL_ID

SECOND = "990000204"


@pytest.fixture
async def place() -> AsyncIterator[OperationsWorld]:
    """We and the rail."""
    async with operations_world() as made:
        yield made


def broadcast(place: OperationsWorld, code: str, subject: str, *, ago_s: float = 0) -> bytes:
    """News of the rail's about somebody, which happened so long ago."""
    earth = place.earth
    happened = earth.clock.now() - timedelta(seconds=ago_s)
    event = SystemEventNotification(event_code=code, parameters=(subject,), event_time=happened)
    outgoing = BusinessHeader(
        sender=RAIL_ID,
        receiver=PARTY,
        business_message_id=BusinessMessageId(f"NEWS{next(earth.answers):08}"),
        message_type=admi004.MESSAGE_TYPE,
        market_practice=earth.receiver.rail._dialect.profile.market_practice,  # type: ignore[attr-defined]
        creation_time=earth.clock.now(),
    )
    return wrap(EnvelopeKind.FEDNOW_OUTGOING, header.build(outgoing), admi004.build(event))


async def test_a_sign_on_that_could_not_be_sent_does_not_leave_after_the_sign_off_that_was_asked_since() -> None:
    """The rail does what it hears last: the older one is given up, and it and we stand alike."""
    async with operations_world() as place:
        await place.ask(RailAction.SIGN_OFF, SECOND)
        place.earth.rail.reachable = False
        place.earth.clock.advance(60)
        sign_on = await place.operations.ask(Rail.FEDNOW, RailAction.SIGN_ON, SECOND, by="sample", note="a sample")
        await place.sender.send_due()
        place.earth.rail.reachable = True
        place.earth.clock.advance(1)
        await place.operations.ask(Rail.FEDNOW, RailAction.SIGN_OFF, SECOND, by="sample", note="a sample")
        for _ in range(4):
            await place.work()
            place.earth.clock.advance(1)

        (second,) = [each for each in place.simulated.settings.participants if each.routing_number == SECOND]
        assert place.simulated.book.standing.is_reached(second) is False
        assert (await place.status()).standing.is_reached(SECOND) is False
        found = await place.operations.find(Rail.FEDNOW, sign_on.event_id)
        assert found is not None
        assert found.state is OperationState.ABANDONED


async def test_a_ping_is_answered_and_counts_as_a_sign_of_life(place: OperationsWorld) -> None:
    """The first message ever sent."""
    ended = await place.ask(RailAction.PING)

    assert ended.state is OperationState.DONE
    assert place.earth.recorder.signs_of_life == [Rail.FEDNOW]
    assert not place.earth.recorder.quarantines


async def test_an_institution_is_reached_while_neither_it_nor_the_connection_party_is_off(
    place: OperationsWorld,
) -> None:
    """Operating Procedures 15.1, as we see it: the rail's own rules say the same after every step."""
    steps = [
        (RailAction.SIGN_ON, SECOND, True),
        (RailAction.SIGN_OFF, None, False),
        (RailAction.SIGN_ON, None, True),
        (RailAction.SIGN_OFF, SECOND, False),
        (RailAction.SIGN_ON, None, False),
        (RailAction.SIGN_ON, SECOND, True),
    ]
    (second,) = [each for each in place.simulated.settings.participants if each.routing_number == SECOND]

    for action, subject, is_reached in steps:
        place.earth.clock.advance(1)
        assert (await place.ask(action, subject)).state is OperationState.DONE
        assert (await place.status()).standing.is_reached(SECOND) is is_reached
        assert place.simulated.book.standing.is_reached(second) is is_reached
    assert not place.earth.recorder.quarantines


async def test_an_institution_with_the_connection_partys_own_number_is_told_from_the_party(
    place: OperationsWorld,
) -> None:
    """The party's id is by default a routing number: with a subject it is the institution, without the whole party."""
    await place.ask(RailAction.SIGN_OFF, str(PARTY))
    institution_off = (await place.status()).standing
    place.earth.clock.advance(1)
    await place.ask(RailAction.SIGN_ON, str(PARTY))
    await place.ask(RailAction.SIGN_OFF)
    party_off = (await place.status()).standing

    assert (institution_off.party, dict(institution_off.institutions)) == (None, {str(PARTY): False})
    assert (party_off.party, dict(party_off.institutions)) == (False, {str(PARTY): True})


async def test_what_was_never_heard_of_is_said_to_be_unknown(place: OperationsWorld) -> None:
    """Nothing is guessed."""
    status = await place.status()

    assert (status.standing.party, status.standing.is_reached("990000107")) == (None, None)


async def test_a_point_that_is_disconnected_stays_so_however_often_a_takeover_asks(place: OperationsWorld) -> None:
    """A takeover may be repeated: one message goes out; the last point cannot go, and the rail's code is kept."""
    asked = [await place.operations.disconnect(Rail.FEDNOW, EAST, by="takeover", note="lost") for _ in range(2)]
    await place.work()
    asked.append(await place.operations.disconnect(Rail.FEDNOW, EAST, by="takeover", note="lost"))
    place.earth.clock.advance(1)
    last = await place.ask(RailAction.DISCONNECT, WEST)

    assert asked == [True, False, False]
    assert (await place.status()).standing.points == {EAST: False}
    assert last.state is OperationState.REFUSED
    assert last.end is not None
    assert last.end.reason_code == "SIM-LAST-POINT"
    assert not place.earth.recorder.quarantines


async def test_a_point_is_connected_again_only_where_it_is_known_to_be_disconnected(place: OperationsWorld) -> None:
    """A region that was never lost, and one that is back already, ask for nothing."""
    asked = [await place.operations.connect(Rail.FEDNOW, EAST, by="takeover", note="back")]
    await place.operations.disconnect(Rail.FEDNOW, EAST, by="takeover", note="lost")
    await place.work()
    place.earth.clock.advance(1)
    asked += [await place.operations.connect(Rail.FEDNOW, EAST, by="takeover", note="back") for _ in range(2)]
    await place.work()
    asked.append(await place.operations.connect(Rail.FEDNOW, EAST, by="takeover", note="back"))

    assert asked == [False, True, False, False]
    assert (await place.status()).standing.points == {EAST: True}


async def test_a_point_that_a_person_has_disconnected_is_connected_by_nobody_else(place: OperationsWorld) -> None:
    """Also where a takeover had asked for it before, or finds it so: what a person did last stands."""
    await place.operations.disconnect(Rail.FEDNOW, EAST, by="takeover", note="lost")
    await place.work()
    place.earth.clock.advance(1)
    await place.ask(RailAction.CONNECT, EAST)
    place.earth.clock.advance(1)
    await place.ask(RailAction.DISCONNECT, EAST)
    place.earth.clock.advance(1)

    assert not await place.operations.disconnect(Rail.FEDNOW, EAST, by="takeover", note="lost")
    assert not await place.operations.connect(Rail.FEDNOW, EAST, by="takeover", note="back")
    assert (await place.status()).standing.points == {EAST: False}


async def test_what_the_rail_has_refused_is_not_asked_again_at_once(place: OperationsWorld) -> None:
    """A takeover looks every second: a name that the rail does not know is asked about once a minute."""
    asked = []
    for second in range(62):
        if await place.operations.disconnect(Rail.FEDNOW, "NORTH", by="takeover", note="lost"):
            asked.append(second)
        await place.work()
        place.earth.clock.advance(1)

    assert {each.state for each in (await place.status()).operations} == {OperationState.REFUSED}
    assert asked == [0, 60]


@pytest.mark.parametrize("fault", [NotSentError("away"), UnavailableError("unanswered")], ids=["unsent", "unanswered"])
async def test_what_the_link_did_not_take_is_sent_again_under_the_same_id(
    place: OperationsWorld, fault: UnavailableError
) -> None:
    """The rail refuses a second copy; its acknowledgement of the first counts, whatever comes after it."""
    place.earth.rail.next_send_raises = fault

    asked = await place.ask(RailAction.SIGN_OFF)
    place.earth.clock.advance(2)
    await place.work()

    found = await place.operations.find(Rail.FEDNOW, asked.asked.event_id)
    assert found is not None
    assert found.state is OperationState.DONE
    sent = {each.body for each in place.earth.rail.sent}
    assert len(sent) == 1
    assert len(place.earth.rail.sent) == (1 if isinstance(fault, NotSentError) else 2)


async def test_what_could_not_be_handed_over_for_a_minute_is_given_up_and_said_to_be(place: OperationsWorld) -> None:
    """A sign-off that leaves an hour late would undo what somebody has done since."""
    place.earth.rail.reachable = False
    asked = await place.operations.ask(Rail.FEDNOW, RailAction.SIGN_OFF, None, by="sample operator", note="a sample")
    await place.sender.send_due()
    place.earth.clock.advance(61)
    await place.sender.send_due()
    place.earth.rail.reachable = True
    place.earth.clock.advance(10)
    await place.work()

    found = await place.operations.find(Rail.FEDNOW, asked.event_id)
    assert found is not None
    assert found.state is OperationState.ABANDONED
    assert place.earth.rail.sent == []


async def test_news_that_comes_out_of_order_is_ordered_by_its_own_time(place: OperationsWorld) -> None:
    """A broadcast may be late: the rail signs us off, and on again; the sign-off comes last."""
    place.earth.clock.advance(60)
    await place.earth.hear(broadcast(place, "FPON", SECOND, ago_s=10))
    await place.earth.hear(broadcast(place, "FPOF", SECOND, ago_s=20))

    status = await place.status()

    assert status.standing.is_reached(SECOND) is True
    assert {(each.code, each.subjects) for each in status.broadcasts} == {("FPON", (SECOND,)), ("FPOF", (SECOND,))}


async def test_news_about_others_is_kept_and_changes_nothing_of_ours(place: OperationsWorld) -> None:
    """Every party hears of every sign-off."""
    await place.earth.hear(broadcast(place, "FPOF", "990001203"), broadcast(place, "FPOF", str(OTHER_PARTY)))

    status = await place.status()

    assert len(status.broadcasts) == 2
    assert (status.standing.party, dict(status.standing.institutions)) == (None, {})


async def test_however_many_others_sign_on_and_off_how_we_stand_is_known(place: OperationsWorld) -> None:
    """Theirs are thousands a week: they do not push what was told us out of what a standing is made of."""
    asked = await place.ask(RailAction.SIGN_OFF, SECOND)
    place.earth.clock.advance(60)
    for number in range(2_001):
        news = RailEvent(
            event_id=UUID(int=2**100 + number),
            rail=Rail.FEDNOW,
            kind=RailEventKind.BROADCAST,
            code="FPOF",
            subjects=(f"98{number:07}",),
            at=place.earth.clock.now(),
        )
        await place.events.note(news)

    standing = (await place.status()).standing

    assert asked.state is OperationState.DONE
    assert standing.is_reached(SECOND) is False
    assert set(standing.institutions) == {SECOND}


async def test_what_waited_behind_a_slow_one_is_given_up_when_its_own_minute_is_over(place: OperationsWorld) -> None:
    """The time is that of each message's own turn, not that of the first."""
    first = await place.operations.ask(Rail.FEDNOW, RailAction.PING, None, by="sample operator", note="a sample")
    second = await place.operations.ask(Rail.FEDNOW, RailAction.SIGN_OFF, SECOND, by="sample operator", note="a sample")
    slow = _Slow(place, seconds=61)
    sender = replace(place.sender, links={Rail.FEDNOW: cast("RailLink", slow)})

    await sender.send_due()

    found = await place.operations.find(Rail.FEDNOW, second.event_id)
    assert slow.sent == 1
    assert (first.kind, found is not None and found.state) == (RailEventKind.ASKED, OperationState.ABANDONED)


@pytest.mark.parametrize("is_undone", [False, True])
async def test_what_waited_behind_a_slow_one_and_another_worker_has_sent_is_not_sent_again(
    place: OperationsWorld, *, is_undone: bool
) -> None:
    """Nor is it said to be given up, where it was undone since: it has left."""
    await place.operations.ask(Rail.FEDNOW, RailAction.PING, None, by="sample operator", note="a sample")
    sign_on = await place.operations.ask(Rail.FEDNOW, RailAction.SIGN_ON, SECOND, by="sample operator", note="a sample")

    async def meanwhile() -> None:
        await place.sender.send_due()
        if is_undone:
            await place.ask(RailAction.SIGN_OFF, SECOND)

    slow = _Slow(place, seconds=9, meanwhile=meanwhile)
    await replace(place.sender, links={Rail.FEDNOW: cast("RailLink", slow)}).send_due()

    left = [each.body for each in place.earth.rail.sent]
    given_up = await place.events.events(Rail.FEDNOW, kinds={RailEventKind.ABANDONED}, limit=10)
    assert (slow.sent, left.count(place.events.bodies[sign_on.event_id])) == (1, 1)
    assert list(given_up) == []


@dataclass(slots=True)
class _Slow:
    """A link that takes its time, in which others act."""

    place: OperationsWorld
    seconds: float
    meanwhile: Callable[[], Awaitable[None]] | None = None
    sent: int = 0

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Take it."""
        assert body
        assert message_class is MessageClass.SYSTEM
        self.sent += 1
        self.place.earth.clock.advance(self.seconds)
        if self.meanwhile is not None:
            await self.meanwhile()


async def test_news_that_comes_twice_is_kept_once_and_other_bytes_under_its_id_are_set_aside(
    place: OperationsWorld,
) -> None:
    """The rail repeats itself byte for byte; anything else is a person's to look at."""
    body = broadcast(place, "ROLL", "20261120")

    await place.earth.hear(body, body)
    await place.earth.hear(body.replace(b"ROLL", b"EXTN"))

    assert len((await place.status()).broadcasts) == 1
    assert len(place.earth.recorder.duplicates) == 1
    assert len(place.earth.recorder.quarantines) == 1


async def test_where_nobody_hears_it_what_the_rail_says_of_itself_is_set_aside() -> None:
    """The control: without the notices' side a broadcast is in quarantine, as all that finds nothing."""
    async with operations_world(hears=False) as deaf:
        await deaf.earth.hear(broadcast(deaf, "ROLL", "20261120"))

        assert len(deaf.earth.recorder.quarantines) == 1


@pytest.mark.parametrize(
    ("action", "subject"),
    [
        (RailAction.PING, "990000107"),
        (RailAction.SIGN_ON, "99000010"),
        (RailAction.SIGN_OFF, "PARTY"),
        (RailAction.CONNECT, None),
        (RailAction.DISCONNECT, "A POINT"),
    ],
)
async def test_an_action_about_the_wrong_kind_of_subject_is_refused_before_anything_is_saved(
    place: OperationsWorld, action: RailAction, subject: str | None
) -> None:
    """A slip of the pen signs nobody off."""
    with pytest.raises(SubjectError):
        await place.operations.ask(Rail.FEDNOW, action, subject, by="sample operator", note="a sample")

    assert place.events.kept == {}


async def test_a_rail_that_is_not_served_has_no_operations(place: OperationsWorld) -> None:
    """RTP's way of signing on is its own, and not done here yet."""
    with pytest.raises(RailHasNoOperationsError):
        await place.operations.ask(Rail.RTP, RailAction.PING, None, by="sample operator", note="a sample")
