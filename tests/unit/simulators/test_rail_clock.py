"""The rail's own clock: set, moved on, stopped, let run; what falls due on the way, and when it does not go back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from iso20022 import TransactionStatus
from iso20022.messages.camt060 import ReportKind
from simulators.clock import RailClock, clock_after
from simulators.facts import ClockChanged, DayRolled, ForwardingCompleted, PaymentCompleted
from simulators.rail import ClockHeldError
from tests.unit.simulators.test_forwarding import answered_by, ordered
from tests.unit.simulators.test_reports import asked, totals
from tests.unit.simulators.world import ACSC, NOON, RJCT, STRANGER, Told, World, transfer_bytes

DAY = timedelta(days=1)


@dataclass
class Machine:
    """A machine whose time a test moves."""

    instant: datetime = NOON

    def now(self) -> datetime:
        """Its present instant."""
        return self.instant

    def monotonic_s(self) -> float:
        """Seconds since noon."""
        return (self.instant - NOON).total_seconds()


@pytest.fixture
def machine() -> Machine:
    """At noon."""
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> RailClock:
    """A clock that nobody has set."""
    return RailClock(machine)


def set_clock(world: World, shows: datetime, *, runs: bool = True) -> None:
    """Set the clock of a rail, and go on from there."""
    world.rail.change_clock(ClockChanged(NOON, world.now, shows, runs))
    world.now = shows


def test_a_clock_that_nobody_has_set_shows_the_machines_time(machine: Machine, clock: RailClock) -> None:
    """Nothing is virtual until somebody wants it."""
    machine.instant += DAY

    assert (clock.now(), clock.runs, clock.ahead_s) == (machine.instant, True, 0)


def test_a_clock_that_was_moved_on_runs_from_there_and_the_machines_seconds_stay(
    machine: Machine, clock: RailClock
) -> None:
    """Twice moved on is moved on by both; what a client is kept waiting is not virtual."""
    clock.follow(clock.moved(by=60 * DAY))
    machine.instant += timedelta(seconds=5)
    clock.follow(clock.moved(by=DAY))
    machine.instant += timedelta(seconds=5)

    assert clock.now() == NOON + 61 * DAY + timedelta(seconds=10)
    assert (clock.ahead_s, clock.monotonic_s()) == (61 * 86_400, 10)


def test_a_clock_that_stands_moves_by_steps_alone_and_runs_from_where_it_stood(
    machine: Machine, clock: RailClock
) -> None:
    """Frozen, stepped, let run."""
    clock.follow(clock.moved(at=NOON + DAY, runs=False))
    machine.instant += timedelta(hours=1)
    frozen = clock.now()
    clock.follow(clock.moved(by=timedelta(seconds=1), runs=clock.runs))
    machine.instant += timedelta(hours=1)
    stepped = clock.now()
    clock.follow(clock.moved(runs=True))
    machine.instant += timedelta(hours=1)

    assert (frozen, stepped) == (NOON + DAY, NOON + DAY + timedelta(seconds=1))
    assert clock.now() == stepped + timedelta(hours=1)


def test_a_clock_goes_back_to_the_machines_time(machine: Machine, clock: RailClock) -> None:
    """From ahead of it, and from standing behind it."""
    clock.follow(clock.moved(by=-DAY, runs=False))

    clock.follow(clock.reset())

    machine.instant += DAY
    assert (clock.now(), clock.runs) == (machine.instant, True)


async def test_whoever_waits_for_the_rails_time_waits_for_ever_while_it_stands(clock: RailClock) -> None:
    """But no longer than the client waits; and once it runs, what is due is due (the control)."""
    clock.follow(clock.moved(runs=False))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await clock.wait(asyncio.Event(), until=NOON, timeout_s=60)
    await clock.wait(asyncio.Event(), until=NOON + DAY, timeout_s=0.001)

    clock.follow(clock.moved(runs=True))

    async with asyncio.timeout(5):
        await clock.wait(asyncio.Event(), until=NOON, timeout_s=60)


def test_a_leap_does_what_falls_due_in_its_order_and_under_its_own_instants(world: World) -> None:
    """Across kinds: a payment completes, one from the network is given up, another completes, and a day begins."""
    world.pay("SIMSLOW3")
    ordered(world)
    world.pass_time(2)
    world.pay("SIMSILENT")
    before = len(world.journal.lines)

    set_clock(world, NOON + DAY)

    facts = world.journal.load()[before:]
    ends = [fact for fact in facts if isinstance(fact, PaymentCompleted | ForwardingCompleted | DayRolled)]
    assert facts[0] == ClockChanged(NOON, NOON + timedelta(seconds=2), NOON + DAY, runs=True)
    assert [type(end) for end in ends] == [PaymentCompleted, ForwardingCompleted, PaymentCompleted, DayRolled]
    assert [end.at for end in ends if isinstance(end, ForwardingCompleted)] == [NOON + timedelta(seconds=20)]
    completed = [fact.copy for fact in ends if isinstance(fact, PaymentCompleted)]
    records = [world.rail.book.payment_of(copy) for copy in completed]
    completes_at = [record.booked.completes_at for record in records if record is not None]
    assert completes_at == [NOON + timedelta(seconds=3), NOON + timedelta(seconds=22)]


def test_an_answer_that_comes_late_comes_with_the_leap_and_not_before(world: World) -> None:
    """A test does not wait for what a scenario puts off."""
    message_id = world.pay("SIMLATE60")
    early = world.answers()

    set_clock(world, NOON + timedelta(seconds=60))

    assert (early, world.answers()) == ([], [Told(message_id, ACSC)])


def test_over_the_roll_another_day_settles_and_its_totals_are_its_own(world: World) -> None:
    """At 18:59:59 in New York, at 19:00, and over a weekend and a holiday: FedNow's day is every day's."""
    for shows, day in (
        (datetime(2026, 7, 2, 22, 59, 59, tzinfo=UTC), date(2026, 7, 2)),
        (datetime(2026, 7, 2, 23, 0, 0, tzinfo=UTC), date(2026, 7, 3)),
        (datetime(2026, 7, 5, 16, 0, 0, tzinfo=UTC), date(2026, 7, 5)),
    ):
        set_clock(world, shows)
        settled = answered_by(world, TransactionStatus.ACTC, forwarded=ordered(world, amount="12.34"))

        record = world.rail.book.forwarded_with_id(settled.message_id)
        assert record is not None
        assert record.completed is not None
        assert record.completed.settlement_date == day
        assert totals(asked(world, ReportKind.IATR)) == (1, 1_234)


@pytest.mark.parametrize(("off", "code"), [(timedelta(hours=1), "E997"), (-timedelta(hours=1), "SIM-FUTURE-DATED")])
def test_who_does_not_follow_the_rails_clock_is_late_or_early(world: World, off: timedelta, code: str) -> None:
    """What a participant stamps by the machine's time: why a gateway is to follow."""
    set_clock(world, NOON + off)
    message_id = world.new_message_id()

    world.send(transfer_bytes(NOON, message_id))

    assert world.answers() == [Told(message_id, RJCT, (code,))]


def payment_in_process(world: World) -> None:
    """A payment whose receiver is silent."""
    world.pay("SIMSILENT")


def unanswered(world: World) -> None:
    """A payment from the network that nobody has answered; its message is fetched and acknowledged."""
    ordered(world)
    world.bodies()


def comes_later(world: World) -> None:
    """An answer that is put off."""
    world.pay("SIMLATE30")


def not_acknowledged(world: World) -> None:
    """An answer that was fetched, and may be fetched again."""
    world.pay()
    world.fetch()


@pytest.mark.parametrize("opened", [payment_in_process, unanswered, comes_later, not_acknowledged])
def test_time_does_not_go_back_while_business_is_open(world: World, opened: Callable[[World], None]) -> None:
    """The clock stays, and nothing of it is kept; once all has ended and is acknowledged it goes back."""
    set_clock(world, NOON + DAY)
    world.bodies()
    opened(world)
    lines = len(world.journal.lines)

    with pytest.raises(ClockHeldError) as held:
        world.rail.change_clock(ClockChanged(NOON, world.now, NOON, runs=True))
    kept = len(world.journal.lines)
    set_clock(world, held.value.business.until)
    world.bodies()
    set_clock(world, NOON)
    message_id = world.pay()

    assert kept == lines
    assert world.answers() == [Told(message_id, ACSC)]


def test_after_time_went_back_days_begin_anew_and_what_waits_can_be_fetched(world: World) -> None:
    """What nobody has fetched waits at the earlier time too; a settlement is of the earlier day again."""
    set_clock(world, NOON + 60 * DAY)
    waiting = len(world.fetch(STRANGER.connection_party))
    world.bodies()
    world.pass_time(6)

    set_clock(world, NOON)
    found = len(world.fetch(STRANGER.connection_party))
    world.pay()
    (body,) = world.bodies()
    set_clock(world, NOON + timedelta(hours=8))

    assert (waiting, found) == (1, 1), "the participant file of the leap, and of no day since"
    assert world.report(body).settlement_date == date(2026, 3, 10)
    assert len(world.bodies()) == 1, "the next day's file"


def test_a_restart_leaves_the_clock_as_it_was_set(world: World, machine: Machine) -> None:
    """It would go back otherwise. The control: without its journal it shows the machine's time."""
    set_clock(world, NOON + DAY, runs=False)
    set_clock(world, NOON + 2 * DAY, runs=True)
    machine.instant += timedelta(seconds=5)

    world.restart()

    assert clock_after(world.journal.load(), machine).now() == NOON + 2 * DAY + timedelta(seconds=5)
    assert world.rail.book.clock_changes == 2
    assert clock_after([], machine).now() == machine.instant
