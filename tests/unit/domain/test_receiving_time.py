"""When an incoming transfer's next step is due; and the Federal Reserve's business days of 2026 and 2027."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.receiving_time import ReceivingTiming, Reserve, holidays, posting_due
from iso20022 import RoutingNumber
from tests.unit.domain.transfers import ARRIVED, transfer

EASTERN = ZoneInfo("America/New_York")
TIMING = ReceivingTiming()


def test_the_institution_has_the_reserve_less_our_share_from_the_rails_creation_time() -> None:
    """Time in queues counts: what is left is what the rail's header says, not what our clock would like."""
    late = transfer()

    assert TIMING.answer_by(ARRIVED, late.instructed_agent) == ARRIVED + timedelta(seconds=5)
    assert TIMING.ask_until(late) == ARRIVED + timedelta(seconds=4)
    now, then = (
        TIMING.take_over(
            received_at=ARRIVED + timedelta(seconds=seconds),
            answer_by=late.answer_by,
            institution=late.instructed_agent,
        )
        for seconds in (0, 3.5)
    )
    assert (now, then) == (ARRIVED + timedelta(seconds=1), TIMING.ask_until(late))
    assert TIMING.advice_overdue(late) == ARRIVED + timedelta(seconds=25)


def test_each_institution_has_the_reserve_that_it_has_chosen() -> None:
    """Two institutions of one process: the one that has chosen two seconds is not waited for as the other is."""
    quick, slow = transfer(), replace(transfer(), instructed_agent=RoutingNumber("990000204"))
    timing = ReceivingTiming(reserves={quick.instructed_agent: Reserve(2, 0.5)})

    ends = [timing.answer_by(ARRIVED, each.instructed_agent) - ARRIVED for each in (quick, slow)]
    asked = [
        timing.ask_until(replace(each, answer_by=ARRIVED + end)) - ARRIVED
        for each, end in zip((quick, slow), ends, strict=True)
    ]

    assert ends == [timedelta(seconds=2), timedelta(seconds=5)]
    assert asked == [timedelta(seconds=1.5), timedelta(seconds=4)]


@pytest.mark.parametrize(
    ("arrived", "due"),
    [
        ("2026-11-23 12:00", "2026-11-24"),  # Monday: Tuesday
        ("2026-11-25 23:59", "2026-11-27"),  # the day before Thanksgiving: Friday
        ("2026-11-27 09:00", "2026-11-30"),  # Friday: Monday
        ("2026-11-28 09:00", "2026-11-30"),  # Saturday: Monday
        ("2026-12-24 20:00", "2026-12-28"),  # Christmas is a Friday: Monday
        ("2026-07-02 12:00", "2026-07-03"),  # the Fourth is a Saturday, and not kept
        ("2027-07-02 12:00", "2027-07-06"),  # the Fourth is a Sunday, and kept on Monday
        ("2027-06-17 12:00", "2027-06-18"),  # Juneteenth is a Saturday
        ("2026-03-07 12:00", "2026-03-09"),  # clocks go forward in between
        ("2026-10-30 12:00", "2026-11-02"),  # clocks go back in between
    ],
)
def test_what_arrived_is_posted_by_the_end_of_the_next_standard_business_day(arrived: str, due: str) -> None:
    """23:59:59 US Eastern, across weekends, holidays and daylight saving."""
    now = datetime.fromisoformat(arrived).replace(tzinfo=EASTERN)

    local = posting_due(now).astimezone(EASTERN)

    assert (local.date().isoformat(), local.time().isoformat()) == (due, "23:59:59")


def test_the_holidays_are_those_of_the_federal_reserve_banks() -> None:
    """The published schedules of 2026 and 2027; one that falls on a Saturday is not kept."""
    assert sorted(holidays(2026)) == [
        date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25), date(2026, 6, 19),
        date(2026, 9, 7), date(2026, 10, 12), date(2026, 11, 11), date(2026, 11, 26), date(2026, 12, 25),
    ]  # fmt: skip
    assert sorted(holidays(2027)) == [
        date(2027, 1, 1), date(2027, 1, 18), date(2027, 2, 15), date(2027, 5, 31), date(2027, 7, 5),
        date(2027, 9, 6), date(2027, 10, 11), date(2027, 11, 11), date(2027, 11, 25),
    ]  # fmt: skip
