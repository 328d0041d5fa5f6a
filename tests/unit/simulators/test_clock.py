"""The edges of the rail's clock and of its days, on a virtual clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from iso20022 import RoutingNumber
from simulators.fednow.decide import cycle_day
from simulators.fednow.settings import FedNowSimulatorSettings
from tests.unit.simulators.conftest import MakeWorld
from tests.unit.simulators.world import ACSC, NOON, RJCT, UNKNOWN_AGENT, Told, World, transfer_bytes


@pytest.mark.parametrize(
    ("age_s", "status", "codes"),
    [
        (0, ACSC, ()),
        (18.999, ACSC, ()),
        (19, ACSC, ()),
        (19.001, RJCT, ("E997",)),
        (20, RJCT, ("E997",)),
        (3_600, RJCT, ("E997",)),
    ],
)
def test_a_message_is_forwarded_only_while_the_receivers_time_is_left(
    world: World, age_s: float, status: str, codes: tuple[str, ...]
) -> None:
    """20 s from the header's creation time, of which the receiver has one reserved (Operating Procedures 9, 16)."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)
    world.pass_time(age_s)

    world.send(body)

    assert world.answers() == [Told(message_id, status, codes)]


@pytest.mark.parametrize(("seconds", "status"), [(19, ACSC), (20, ACSC), (21, RJCT)])
def test_a_receiver_that_answers_at_the_end_of_the_clock_is_in_time(world: World, seconds: int, status: str) -> None:
    """The clock stops when the rail has the receiver's answer: at the end is in time, after it is not."""
    message_id = world.pay(f"SIMSLOW{seconds}")
    world.pass_time(20)

    told = world.answers()

    assert [(answer.about, answer.status) for answer in told] == [(message_id, status)]


@pytest.mark.parametrize("account", ["SIMSILENT", "SIMSLOW60"])
def test_a_silent_receiver_is_rejected_when_the_clock_ends_and_not_before(world: World, account: str) -> None:
    """The sender waits for the network's clock, whatever the receiver does."""
    message_id = world.pay(account)

    world.pass_time(19.999)
    before = world.answers()
    world.pass_time(0.001)
    after = world.answers()

    assert before == []
    assert after == [Told(message_id, RJCT, ("E997",))]


def test_the_clock_starts_with_the_header_and_not_with_the_arrival(world: World) -> None:
    """A message that was long on its way leaves the receiver less time."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id, account="SIMSILENT")
    world.pass_time(15)
    world.send(body)

    world.pass_time(5)

    assert world.answers() == [Told(message_id, RJCT, ("E997",))]


@pytest.mark.parametrize(("ahead_s", "status", "codes"), [(2, ACSC, ()), (2.001, RJCT, ("SIM-FUTURE-DATED",))])
def test_a_message_from_the_future_is_refused(
    world: World, ahead_s: float, status: str, codes: tuple[str, ...]
) -> None:
    """Clocks differ by a little; a message that is dated ahead would stretch its own time-out."""
    message_id = world.new_message_id()

    world.send(transfer_bytes(world.now + timedelta(seconds=ahead_s), message_id))

    assert world.answers() == [Told(message_id, status, codes)]


def test_a_settlement_date_beyond_the_cycle_day_is_refused(world: World) -> None:
    """Instant payments settle on the day they come; none is kept for tomorrow."""
    message_id = world.pay(settlement_date=date(2026, 3, 11))

    assert world.answers() == [Told(message_id, RJCT, ("SIM-FUTURE-DATED",))]


@pytest.mark.parametrize(
    ("arrives", "settles_on", "status"),
    [
        # 19:00 in New York is midnight UTC, when the cycle day of the 11th begins.
        ("2026-01-10T23:59:57.9", date(2026, 1, 11), RJCT),
        ("2026-01-10T23:59:58", date(2026, 1, 11), ACSC),  # of a clock that is two seconds ahead
        ("2026-01-11T00:00:00", date(2026, 1, 11), ACSC),
        ("2026-01-11T00:00:00", date(2026, 1, 12), RJCT),
        ("2026-01-11T00:00:00", date(2026, 1, 10), ACSC),  # the day that is over: nothing public refuses it
        ("2026-01-11T04:59:59", date(2026, 1, 10), ACSC),
        ("2026-01-11T04:59:59", date(2026, 1, 12), RJCT),
    ],
)
def test_a_settlement_date_is_held_against_the_networks_cycle_day(
    world: World, arrives: str, settles_on: date, status: str
) -> None:
    """Not against the calendar: in the evening it is a day ahead. Clocks differ by as much as for the creation time."""
    world.now = datetime.fromisoformat(arrives).replace(tzinfo=UTC)

    message_id = world.pay(settlement_date=settles_on)

    assert world.answers() == [Told(message_id, status, () if status == ACSC else ("SIM-FUTURE-DATED",))]


def test_every_business_fault_is_told_at_once(world: World) -> None:
    """FedNow consolidates the codes of all business faults in one pacs.002."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id, amount="10000000.01", creditor_agent=UNKNOWN_AGENT)
    world.pass_time(30)

    world.send(body)

    assert world.answers() == [Told(message_id, RJCT, ("E981", "E997", "E990"))]


def test_the_demonstrations_clock_is_shorter(make_world: MakeWorld) -> None:
    """The clock is a setting, and nothing else knows its length."""
    world = make_world(FedNowSimulatorSettings(rail_clock_s=4))
    message_id = world.pay("SIMSILENT")

    world.pass_time(3.999)
    before = world.answers()
    world.pass_time(0.001)

    assert before == []
    assert world.answers() == [Told(message_id, RJCT, ("E997",))]


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 3, 10, 22, 59, 59, tzinfo=UTC), date(2026, 3, 10)),
        (datetime(2026, 3, 10, 23, 0, 0, tzinfo=UTC), date(2026, 3, 11)),
        (datetime(2026, 1, 10, 23, 59, 59, tzinfo=UTC), date(2026, 1, 10)),
        (datetime(2026, 1, 11, 0, 0, 0, tzinfo=UTC), date(2026, 1, 11)),
        (datetime(2026, 1, 11, 4, 59, 59, tzinfo=UTC), date(2026, 1, 11)),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2027, 1, 1, 0, 0, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_cycle_day_rolls_at_seven_in_the_evening_in_new_york(instant: datetime, day: date) -> None:
    """In summer and in winter, at the end of the year too: the settlement date is the cycle day."""
    assert cycle_day(instant) == day


def test_a_settlement_states_when_it_was_accepted_and_its_cycle_day(world: World) -> None:
    """An ACSC carries the acceptance time and the effective settlement date, and comes from the service itself."""
    world.now = datetime(2026, 3, 10, 23, 30, 0, 250_000, tzinfo=UTC)
    world.pay("SIMSLOW3")
    world.pass_time(10)

    (body,) = world.bodies()
    report = world.report(body)

    assert report.acceptance_time == datetime(2026, 3, 10, 23, 30, 3, 250_000, tzinfo=UTC)
    assert report.settlement_date == date(2026, 3, 11)
    assert report.instructing_agent == RoutingNumber(world.settings.profile.fednow_id)
    assert b"<BizPrcgDt>2026-03-10T19:30:00.250-04:00</BizPrcgDt>" in body


def test_what_fell_due_keeps_its_own_time_however_late_someone_looks(world: World) -> None:
    """The outcome is the same whether someone polls all the time or comes back in an hour."""
    world.pay("SIMSLOW3")
    world.pass_time(3_600)

    (body,) = world.bodies()

    assert world.report(body).acceptance_time == NOON + timedelta(seconds=3)
