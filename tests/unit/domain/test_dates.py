"""Dates across the Federal Reserve's holidays of 2026 and 2027, weekends, and the days on which clocks change.

Settlement dates follow the rail's cycle day, which rolls at 7 p.m. US Eastern every day of the year; deadlines follow
the calendar's standard business days, and end at midnight Eastern (FedNow Operating Procedures v2.1, October 2024).
What is expected here was written by hand, from the published calendars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.conversation import ConversationKind, ConversationState, due_after, end_of
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import TO_BE_DECIDED
from gateway.domain.payment import Reason, ReasonOrigin
from gateway.domain.receiving_time import business_days_later, decide_by, posting_due
from gateway.domain.reconciliation import cycle_begins, cycle_day
from gateway.domain.request import NO_REQUEST, Request
from gateway.domain.return_request import is_in_time, request_of
from simulators.fednow import decide
from tests.unit.domain.transfers import transfer

EASTERN: Final = ZoneInfo("America/New_York")

CLOSED: Final = (
    # (the last business day before, the days that are none, the next business day)
    ("2025-12-31", "2026-01-01", "2026-01-02"),  # New Year
    ("2026-01-16", "2026-01-17 2026-01-18 2026-01-19", "2026-01-20"),  # Martin Luther King Jr.
    ("2026-02-13", "2026-02-14 2026-02-15 2026-02-16", "2026-02-17"),  # Washington
    ("2026-03-06", "2026-03-07 2026-03-08", "2026-03-09"),  # clocks go forward on the 8th
    ("2026-05-22", "2026-05-23 2026-05-24 2026-05-25", "2026-05-26"),  # Memorial Day
    ("2026-06-18", "2026-06-19 2026-06-20 2026-06-21", "2026-06-22"),  # Juneteenth is a Friday
    ("2026-07-03", "2026-07-04 2026-07-05", "2026-07-06"),  # the Fourth is a Saturday: the Friday is a business day
    ("2026-09-04", "2026-09-05 2026-09-06 2026-09-07", "2026-09-08"),  # Labor Day
    ("2026-10-09", "2026-10-10 2026-10-11 2026-10-12", "2026-10-13"),  # Columbus
    ("2026-10-30", "2026-10-31 2026-11-01", "2026-11-02"),  # clocks go back on the 1st
    ("2026-11-10", "2026-11-11", "2026-11-12"),  # Veterans
    ("2026-11-25", "2026-11-26", "2026-11-27"),  # Thanksgiving
    ("2026-12-24", "2026-12-25 2026-12-26 2026-12-27", "2026-12-28"),  # Christmas is a Friday
    ("2026-12-31", "2027-01-01 2027-01-02 2027-01-03", "2027-01-04"),  # New Year is a Friday
    ("2027-01-15", "2027-01-16 2027-01-17 2027-01-18", "2027-01-19"),
    ("2027-02-12", "2027-02-13 2027-02-14 2027-02-15", "2027-02-16"),
    ("2027-03-12", "2027-03-13 2027-03-14", "2027-03-15"),  # clocks go forward on the 14th
    ("2027-05-28", "2027-05-29 2027-05-30 2027-05-31", "2027-06-01"),
    ("2027-06-18", "2027-06-19 2027-06-20", "2027-06-21"),  # Juneteenth is a Saturday: not kept
    ("2027-07-02", "2027-07-03 2027-07-04 2027-07-05", "2027-07-06"),  # the Fourth is a Sunday: kept on Monday
    ("2027-09-03", "2027-09-04 2027-09-05 2027-09-06", "2027-09-07"),
    ("2027-10-08", "2027-10-09 2027-10-10 2027-10-11", "2027-10-12"),
    ("2027-11-05", "2027-11-06 2027-11-07", "2027-11-08"),  # clocks go back on the 7th
    ("2027-11-10", "2027-11-11", "2027-11-12"),
    ("2027-11-24", "2027-11-25", "2027-11-26"),
    ("2027-12-24", "2027-12-25 2027-12-26", "2027-12-27"),  # Christmas is a Saturday: the Friday is a business day
)

EDGES: Final = (time(0), time(18, 59, 59), time(19), time(23, 59, 59))
"""The roll is at seven, and moves no deadline."""

SUMMER: Final = ((date(2026, 3, 8), date(2026, 11, 1)), (date(2027, 3, 14), date(2027, 11, 7)))
"""From the first day to the last but one New York is four hours behind UTC, else five."""


def offset_h(day: date) -> int:
    """By how many hours New York is behind UTC in the evening of a day."""
    return 4 if any(begins <= day < ends for begins, ends in SUMMER) else 5


def instants(*days: str) -> Iterator[datetime]:
    """Every edge of these days, US Eastern."""
    for day in days:
        yield from (datetime.combine(date.fromisoformat(day), edge, tzinfo=EASTERN) for edge in EDGES)


def in_utc(day: date, *, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An hour of a day in New York."""
    return datetime.combine(day, time(), tzinfo=UTC) + timedelta(
        hours=hour + offset_h(day), minutes=minute, seconds=second
    )


@pytest.mark.parametrize(("before", "closed", "after"), CLOSED)
def test_what_must_be_done_by_the_next_business_day_is_due_at_its_end_whatever_the_cycle_day(
    before: str, closed: str, after: str
) -> None:
    """After ACWP; the answer to a request for a return, or for information. The evening belongs to its calendar day."""
    expected = in_utc(date.fromisoformat(after), hour=23, minute=59, second=59)

    for now in instants(before, *closed.split()):
        asked = due_after(ConversationKind.INFORMATION_REQUEST, ConversationState.REQUESTED, at=now)
        assert asked is not None
        found = [due.astimezone(UTC) for due in (posting_due(now), business_days_later(now, 1), asked)]
        assert found == [expected] * 3, now


@pytest.mark.parametrize("state", sorted(TO_BE_DECIDED))
@pytest.mark.parametrize(("before", "closed", "after"), CLOSED)
def test_what_is_to_be_decided_is_due_by_the_day_it_came_whatever_has_befallen_it_since(
    before: str, closed: str, after: str, state: IncomingState
) -> None:
    """`pending` said a business day later, or a settlement recorded by hand then: the rail's deadline is the same."""
    expected = in_utc(date.fromisoformat(after), hour=23, minute=59, second=59)
    (later, *_) = instants(after)

    for came in instants(before, *closed.split()):
        held = replace(transfer(state=state), forwarded_at=came, updated_at=later, next_step_at=posting_due(later))
        due = decide_by(held)
        assert due is not None
        assert due.astimezone(UTC) == expected, came


@pytest.mark.parametrize(("before", "closed", "after"), CLOSED)
def test_the_settlement_date_is_the_cycle_day_which_rolls_at_seven_on_every_day_of_the_year(
    before: str, closed: str, after: str
) -> None:
    """Weekends and holidays too. The gateway's day is the simulated rail's, which was written apart."""
    for now in instants(before, *closed.split(), after):
        day = now.date() + timedelta(days=now.time() >= time(19))
        assert (cycle_day(now.astimezone(UTC)), decide.cycle_day(now.astimezone(UTC))) == (day, day), now
        assert cycle_begins(day) <= now < cycle_begins(day + timedelta(days=1)), now


def test_every_day_of_both_years_has_a_cycle_day_of_its_own_without_gap_or_overlap() -> None:
    """Twenty-three hours when clocks go forward, twenty-five when they go back, else twenty-four."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(731)]
    lengths = {day: cycle_begins(after) - cycle_begins(day) for day, after in pairwise(days)}

    assert {day: length / timedelta(hours=1) for day, length in lengths.items() if length != timedelta(days=1)} == {
        date(2026, 3, 8): 23,
        date(2026, 11, 1): 25,
        date(2027, 3, 14): 23,
        date(2027, 11, 7): 25,
    }
    assert all(cycle_begins(day + timedelta(days=1)) == in_utc(day, hour=19) for day in days)


def asked_for(now: datetime, reason_code: str) -> Request:
    """A request of ours for a payment's return."""
    asked = Event(EventKind.RETURN_ASKED, Reason(reason_code, ReasonOrigin.INSTITUTION), business_message_id="ours")
    return request_of(NO_REQUEST, asked, at=now)


LONGER: Final[dict[str, Callable[[datetime], datetime | None]]] = {
    "CUST": lambda now: asked_for(now, "CUST").due_at,
    "FRAD": lambda now: asked_for(now, "FRAD").due_at,
    "WNTB": lambda now: asked_for(now, "WNTB").due_at,
    "PDCR": lambda now: request_of(asked_for(now, "CUST"), Event(EventKind.RETURN_PENDING_REPORTED), at=now).due_at,
    "PDCR to WNTB": lambda now: (
        request_of(asked_for(now, "WNTB"), Event(EventKind.RETURN_PENDING_REPORTED), at=now).due_at
    ),
    "PDNG": lambda now: due_after(ConversationKind.INFORMATION_REQUEST, ConversationState.PENDING, at=now),
}
"""What is asked, or was answered, and until when what comes next is due."""


@pytest.mark.parametrize(
    ("at", "what", "due"),
    [
        ("2026-11-25 19:00:00", "CUST", "2026-11-27"),  # Thanksgiving between
        ("2026-11-25 19:00:00", "FRAD", "2026-11-27"),
        ("2026-11-20 19:00:00", "PDCR", "2026-12-07"),
        ("2026-12-18 18:59:59", "PDCR", "2027-01-05"),  # Christmas and New Year
        ("2026-12-18 19:00:00", "PDCR", "2027-01-05"),  # the evening belongs to its calendar day
        ("2027-06-30 23:59:59", "PDCR", "2027-07-15"),  # the Fourth is kept on Monday
        ("2026-10-26 12:00:00", "PDNG", "2026-11-02"),  # clocks go back
        ("2027-03-08 12:00:00", "PDNG", "2027-03-15"),  # clocks go forward
        ("2026-11-06 12:00:00", "WNTB", "2026-12-08"),  # two holidays
        ("2026-12-18 23:59:59", "WNTB", "2027-01-20"),  # three
        ("2026-12-18 23:59:59", "PDCR to WNTB", "2027-01-05"),
    ],
)
def test_longer_deadlines_count_standard_business_days_alone(at: str, what: str, due: str) -> None:
    """One for an answer, twenty for that to a warranty claim; ten for what is looked into, five for what is pending."""
    now = datetime.fromisoformat(at).replace(tzinfo=EASTERN)

    assert LONGER[what](now) == datetime.fromisoformat(f"{due} 23:59:59").replace(tzinfo=EASTERN)


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        ("2026-03-08", "2026-03-09T03:59:59"),
        ("2026-11-01", "2026-11-02T04:59:59"),
        ("2027-03-14", "2027-03-15T03:59:59"),
        ("2027-11-07", "2027-11-08T04:59:59"),
        ("2026-12-25", "2026-12-26T04:59:59"),
    ],
)
def test_a_request_for_payment_expires_with_its_calendar_day_and_not_with_the_cycle(day: str, ends: str) -> None:
    """23:59:59 US Eastern, on holidays too."""
    assert end_of(date.fromisoformat(day)).astimezone(UTC) == datetime.fromisoformat(ends).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("settled", "asked", "is_taken"),
    [
        # Settled in the cycle of New Year's Day: sixty calendar days end with the second of March.
        ("2026-01-01 18:59:59", "2026-03-02 23:59:59", True),
        ("2026-01-01 18:59:59", "2026-03-03 00:00:00", False),
        # A second later it is the next cycle's, and a day longer.
        ("2026-01-01 19:00:00", "2026-03-03 23:59:59", True),
        ("2026-01-01 19:00:00", "2026-03-04 00:00:00", False),
        # Clocks change in between: days are counted, not hours.
        ("2026-09-15 10:00:00", "2026-11-14 23:59:59", True),
        ("2027-01-14 10:00:00", "2027-03-15 23:59:59", True),
        ("2027-01-14 10:00:00", "2027-03-16 00:00:00", False),
    ],
)
def test_the_sixty_days_of_a_request_for_a_return_are_calendar_days_from_the_settlement_date(
    settled: str, asked: str, *, is_taken: bool
) -> None:
    """Whoever asks in the evening of the last day asks in time."""
    settled_at, asked_at = (datetime.fromisoformat(each).replace(tzinfo=EASTERN) for each in (settled, asked))

    assert is_in_time(settled_at=settled_at, asked_at=asked_at, reason_code="CUST") is is_taken
