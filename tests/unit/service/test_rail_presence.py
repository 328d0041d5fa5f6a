"""Sign-on only when those who answer do, and the protective sign-off when they are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

import pytest

from gateway.domain.payment import Rail, TenantId
from gateway.domain.rail_operations import OperationState, RailAction, RailEvent, RailEventKind
from gateway.domain.stand_in import StandInPolicy
from gateway.service.ports import MessageClass, Receivers, ReceivingTenant, UnavailableError
from gateway.service.rail_operations import NotReadyError
from gateway.service.rail_presence import BLIND_GAP_MAX_S, NO_STORE, Answerers, RailGuard
from iso20022 import RoutingNumber
from tests.fakes.clock import VirtualClock
from tests.unit.service.operations_world import WEST, OperationsWorld, operations_world

OURS, SECOND, UNASKED = "990000107", "990000204", "990001106"
AFTER_S = 10.0


@dataclass(slots=True)
class People:
    """Workers and institutions, as the test wants them; one institution is never asked."""

    workers: int = 1
    silent: set[str] = field(default_factory=set)
    is_stored: bool = True
    """Whether the database answers."""

    async def workers_seen(self, since: datetime) -> int:
        if not self.is_stored:
            raise UnavailableError("the database is away")
        return self.workers

    async def reach(self, tenant: ReceivingTenant) -> None:
        assert tenant.institution_url is not None
        if tenant.institution_url in self.silent:
            raise UnavailableError("nobody there")

    async def receiving_tenants(self) -> Receivers:
        urls = {"first": "https://first.example", "second": "https://second.example", "third": None}
        tenants = {TenantId(name): ReceivingTenant(TenantId(name), url, StandInPolicy()) for name, url in urls.items()}
        agents = dict(zip((OURS, SECOND, UNASKED), tenants, strict=True))
        return Receivers({RoutingNumber(agent): tenant for agent, tenant in agents.items()}, tenants)


@dataclass(slots=True)
class Guarded:
    """A guard, whom it guards, and the rail."""

    place: OperationsWorld
    people: People
    guard: RailGuard

    async def pass_time(self, seconds: float) -> None:
        """Let time go by, and the guard look every two seconds; what it asks is sent and answered."""
        for _ in range(round(seconds / 2)):
            await self.guard.look()
            await self.place.work()
            self.place.earth.clock.advance(2)

    def asked(self) -> list[tuple[str, tuple[str, ...]]]:
        """What the rail was asked, the oldest first."""
        kept = sorted(self.place.events.kept.values(), key=lambda event: event.at)
        return [(event.code, event.subjects) for event in kept if event.asked_by == "protective sign-off"]


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    """A guard over two institutions that are asked and one that is not."""
    async with operations_world() as place:
        people = People()
        answerers = Answerers(people, people, people, place.earth.clock)  # type: ignore[arg-type]
        place.operations = replace(place.operations, readiness=answerers)
        guard = RailGuard(Rail.FEDNOW, place.operations, answerers, place.earth.clock, AFTER_S)
        yield Guarded(place, people, guard)


async def test_while_everybody_answers_nobody_is_signed_off(guarded: Guarded) -> None:
    """The control of the tests below."""
    await guarded.pass_time(60)

    assert guarded.asked() == []


async def test_an_institution_that_has_not_answered_for_too_long_is_signed_off_once_and_the_others_stay(
    guarded: Guarded,
) -> None:
    """It alone: those whose institution answers go on receiving."""
    guarded.people.silent.add("https://second.example")

    await guarded.pass_time(AFTER_S)
    before = guarded.asked()
    await guarded.pass_time(120)

    assert (before, guarded.asked()) == ([], [("FPOF", (SECOND,))])
    standing = (await guarded.place.status()).standing
    assert (standing.is_reached(SECOND), standing.is_reached(OURS)) == (False, None)


async def test_one_that_answers_again_in_between_is_left_alone(guarded: Guarded) -> None:
    """Its time begins anew."""
    for _ in range(6):
        guarded.people.silent.add("https://second.example")
        await guarded.pass_time(AFTER_S - 2)
        guarded.people.silent.clear()
        await guarded.pass_time(2)

    assert guarded.asked() == []


async def test_when_no_worker_runs_the_whole_connection_party_is_signed_off_though_nobody_hears_the_answer(
    guarded: Guarded,
) -> None:
    """The acknowledgement waits at the rail: it is not asked again and again for want of it."""
    guarded.people.workers = 0
    for _ in range(40):
        await guarded.guard.look()
        await guarded.place.sender.send_due()
        guarded.place.earth.clock.advance(2)

    assert guarded.asked() == [("FPOF", ())]
    assert not guarded.place.simulated.book.standing.is_reached(guarded.place.simulated.settings.participants[0])


async def test_after_a_sign_on_by_a_person_a_second_death_is_a_second_sign_off(guarded: Guarded) -> None:
    """The guard looks at what was asked last."""
    guarded.people.silent.add("https://second.example")
    await guarded.pass_time(20)
    guarded.people.silent.clear()
    assert (await guarded.place.ask(RailAction.SIGN_ON, SECOND)).state is OperationState.DONE
    await guarded.pass_time(20)
    guarded.people.silent.add("https://second.example")
    await guarded.pass_time(20)

    assert guarded.asked() == [("FPOF", (SECOND,)), ("FPOF", (SECOND,))]


async def test_after_a_sign_on_by_another_way_a_second_death_is_a_second_sign_off(guarded: Guarded) -> None:
    """By the rail's portal or its support: the rail broadcasts it, and that is later than what was asked here."""
    guarded.people.silent.add("https://second.example")
    await guarded.pass_time(20)
    guarded.people.silent.clear()
    await guarded.pass_time(60)
    now = guarded.place.earth.clock.now()
    news = RailEvent(
        event_id=uuid4(),
        rail=Rail.FEDNOW,
        kind=RailEventKind.BROADCAST,
        code="FPON",
        subjects=(SECOND,),
        business_message_id="NEWS",
        event_time=now,
        at=now,
    )
    await guarded.place.events.note(news)
    await guarded.pass_time(60)
    guarded.people.silent.add("https://second.example")
    await guarded.pass_time(60)

    assert guarded.asked() == [("FPOF", (SECOND,)), ("FPOF", (SECOND,))]


async def test_a_sign_off_that_the_rail_never_acknowledged_is_asked_for_again_after_five_minutes(
    guarded: Guarded,
) -> None:
    """It may have been lost behind the rail's door."""
    guarded.place.earth.rail.answering = lambda _body, _class: ()
    guarded.people.silent.add("https://second.example")

    await guarded.pass_time(AFTER_S + 290)
    before = len(guarded.asked())
    await guarded.pass_time(30)

    assert (before, len(guarded.asked())) == (1, 2)


async def test_what_could_not_be_handed_to_the_rail_is_asked_again(guarded: Guarded) -> None:
    """Given up after a minute; the reason to ask has not gone."""
    guarded.people.silent.add("https://second.example")
    guarded.place.earth.rail.reachable = False
    for _ in range(45):
        await guarded.guard.look()
        await guarded.place.sender.send_due()
        guarded.place.earth.clock.advance(2)
    guarded.place.earth.rail.reachable = True
    await guarded.pass_time(10)

    assert guarded.asked() == [("FPOF", (SECOND,)), ("FPOF", (SECOND,))]
    assert (await guarded.place.status()).standing.is_reached(SECOND) is False


async def test_with_another_region_this_ones_point_is_disconnected_and_nobody_is_signed_off(guarded: Guarded) -> None:
    """The connection party is both regions': signing it off would stop the one that lives."""
    guarded.guard.has_peer, guarded.guard.own_point = True, WEST
    guarded.people.workers = 0
    guarded.people.silent.add("https://second.example")

    await guarded.pass_time(60)

    assert guarded.asked() == [("FPCD", (WEST,))]


async def test_with_another_region_and_no_point_of_its_own_nothing_is_asked_for(guarded: Guarded) -> None:
    """Settings refuse that; where it comes about all the same, the region that lives is not signed off."""
    guarded.guard.has_peer = True
    guarded.people.workers = 0

    await guarded.pass_time(60)

    assert guarded.asked() == []


async def blindly(guarded: Guarded, seconds: float) -> None:
    """Let time go by in which the database does not answer: the guard is run again and again, as by its supervisor."""
    guarded.people.is_stored = False
    for _ in range(round(seconds / 2)):
        with pytest.raises(UnavailableError):
            await guarded.guard.look()
        guarded.place.earth.clock.advance(2)
    guarded.people.is_stored = True


async def test_while_the_database_is_away_the_guard_signs_off_by_itself_and_the_history_says_so_later(
    guarded: Guarded,
) -> None:
    """Nobody could save a decision, and so nobody answers the rail; once in an outage, over a link of its own."""
    guarded.guard.link = guarded.place.earth.rail

    await blindly(guarded, AFTER_S)
    before = len(guarded.place.earth.rail.sent)
    await blindly(guarded, 60)
    sent, kept = len(guarded.place.earth.rail.sent), guarded.asked()
    await guarded.pass_time(20)

    assert (before, sent, kept) == (0, 1, [])
    assert not guarded.place.simulated.book.standing.is_reached(guarded.place.simulated.settings.participants[0])
    assert guarded.asked() == [("FPOF", ())]
    (operation,) = (await guarded.place.status()).operations
    assert (operation.state, operation.asked.note) == (OperationState.DONE, NO_STORE)
    assert (await guarded.place.status()).standing.is_reached(OURS) is False


async def test_who_starts_again_knows_by_the_rails_acknowledgement_that_it_is_signed_off(guarded: Guarded) -> None:
    """The guard died with what it had asked: what the rail has said waits there until it can be kept."""
    guarded.guard.link = guarded.place.earth.rail
    await blindly(guarded, AFTER_S + 4)
    guarded.guard = replace(guarded.guard, _unkept=None, _has_left=False, _blind=None)
    guarded.people.workers = 0

    await guarded.pass_time(60)

    assert guarded.asked() == [], "it is signed off: nothing is asked again"
    assert (await guarded.place.status()).standing.is_signed_on(None) is False


async def test_a_database_that_is_back_in_time_signs_nobody_off(guarded: Guarded) -> None:
    """The control: each outage has its own time."""
    guarded.guard.link = guarded.place.earth.rail

    for _ in range(4):
        await blindly(guarded, AFTER_S)
        await guarded.pass_time(2)

    assert guarded.place.earth.rail.sent == []


async def test_a_guard_that_stood_still_between_two_looks_was_not_blind_for_that_time(guarded: Guarded) -> None:
    """A process that is suspended knows nothing of the database meanwhile: its outage begins anew."""
    guarded.guard.link = guarded.place.earth.rail

    await blindly(guarded, 4)
    guarded.place.earth.clock.advance(3600)
    await blindly(guarded, AFTER_S)
    woken = len(guarded.place.earth.rail.sent)
    await blindly(guarded, 2)

    assert (woken, len(guarded.place.earth.rail.sent)) == (0, 1), "the control: it is away still, and for long enough"


async def test_a_few_looks_that_fail_say_nothing_of_the_database_however_long_they_take(guarded: Guarded) -> None:
    """A pool that has no free connection fails too; and looks in quick succession after a fault are one."""
    guarded.guard.link, guarded.people.is_stored = guarded.place.earth.rail, False

    sent = []
    for pause_s in (0.05, 0.1, BLIND_GAP_MAX_S - 3, BLIND_GAP_MAX_S - 3, 0.05):
        with pytest.raises(UnavailableError):
            await guarded.guard.look()
        sent.append(len(guarded.place.earth.rail.sent))
        guarded.place.earth.clock.advance(pause_s)

    assert sent == [0, 0, 0, 0, 1], "the control: the third that counts"


async def test_a_rail_that_is_slow_to_refuse_does_not_begin_the_outage_anew(guarded: Guarded) -> None:
    """What passes while the guard waits for the rail is no time in which it stood still."""
    link = SlowLink(guarded.place.earth.clock)
    guarded.guard.link = link  # type: ignore[assignment]

    await blindly(guarded, AFTER_S + 10)

    assert link.tried == 5, "at every look once its time was over"


@dataclass(slots=True)
class SlowLink:
    """A way to the rail that fails after half a minute."""

    clock: VirtualClock
    tried: int = 0

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        self.tried += 1
        self.clock.advance(30)
        raise UnavailableError("no answer")


async def test_what_could_not_be_handed_to_the_rail_while_the_database_is_away_is_handed_over_later(
    guarded: Guarded,
) -> None:
    """As it was asked first, under its id."""
    guarded.guard.link = guarded.place.earth.rail
    guarded.place.earth.rail.reachable = False
    await blindly(guarded, 40)
    guarded.place.earth.rail.reachable = True
    await blindly(guarded, 10)
    await guarded.pass_time(10)

    assert guarded.asked() == [("FPOF", ())]
    assert (await guarded.place.status()).standing.is_reached(OURS) is False


async def test_with_another_region_a_database_that_is_away_disconnects_this_ones_point_alone(guarded: Guarded) -> None:
    """The other region answers for both."""
    guarded.guard.link, guarded.guard.has_peer, guarded.guard.own_point = guarded.place.earth.rail, True, WEST

    await blindly(guarded, AFTER_S + 4)
    await guarded.pass_time(10)

    assert guarded.asked() == [("FPCD", (WEST,))]


@pytest.mark.parametrize(
    ("workers", "silent", "institution", "named"),
    [
        (0, "", None, ["no worker runs"]),
        (1, "https://second.example", SECOND, [SECOND]),
        (1, "https://second.example", None, [SECOND]),
        (1, "https://second.example", OURS, []),
        (1, "", None, []),
    ],
)
async def test_a_sign_on_is_refused_while_those_who_must_answer_do_not(
    guarded: Guarded, workers: int, silent: str, institution: str | None, named: list[str]
) -> None:
    """Nothing is asked of the rail, and the reason names who is missing; another's silence stops nobody."""
    guarded.people.workers, guarded.people.silent = workers, {silent}

    async def sign_on() -> OperationState | list[str]:
        try:
            return (await guarded.place.ask(RailAction.SIGN_ON, institution)).state
        except NotReadyError as error:
            return [fault.split(":")[0] for fault in error.faults]

    ended = await sign_on()

    assert ended == (named or OperationState.DONE)
    assert bool(guarded.place.events.kept) is not bool(named)
