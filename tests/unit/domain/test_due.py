"""The one order of what is due: places, and when what came is due after a deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.due import NEVER, START, DueKind, DuePlace, Source, arrivals_after, source_of
from gateway.domain.receiving_time import ZONE, arrivals_due_after, posting_due

_INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
_TICK = timedelta(microseconds=1)


@given(_INSTANTS)
def test_the_first_arrival_that_is_due_later_is_the_first(instant: datetime) -> None:
    """What came a moment before it is due no later, across weekends, holidays and the clock's changes."""
    first = arrivals_due_after(instant)

    assert posting_due(first) > instant
    assert posting_due(first.astimezone(UTC) - _TICK) <= instant


@pytest.mark.parametrize(
    ("instant", "first"),
    [
        ("2026-11-24T23:59:58-05:00", "2026-11-23T00:00:00-05:00"),  # Monday's is due at the end of Tuesday
        ("2026-11-24T23:59:59-05:00", "2026-11-24T00:00:00-05:00"),
        ("2026-11-27T12:00:00-05:00", "2026-11-25T00:00:00-05:00"),  # over Thanksgiving
        ("2026-11-28T12:00:00-05:00", "2026-11-27T00:00:00-05:00"),  # a weekend's is due on Monday, as Friday's
        ("2026-03-09T12:00:00-04:00", "2026-03-06T00:00:00-05:00"),  # the clock goes forward on Sunday
        ("2027-01-01T12:00:00-05:00", "2026-12-31T00:00:00-05:00"),
    ],
)
def test_by_the_feds_calendar(instant: str, first: str) -> None:
    """FedNow Operating Procedures v2.1: midnight Eastern of the next standard business day."""
    assert arrivals_due_after(datetime.fromisoformat(instant)) == datetime.fromisoformat(first)


@given(_INSTANTS, _INSTANTS)
def test_what_comes_after_a_place_is_found_by_when_it_was_brought(arrived_at: datetime, instant: datetime) -> None:
    """Of the place's own deadline from `since` on, of later ones from `later` on."""
    by = posting_due(instant)
    since, later = arrivals_after(DuePlace(by, Source.TRANSFER, instant, UUID(int=1)))

    assert (arrived_at >= since) is (posting_due(arrived_at) >= by)
    assert (arrived_at >= later) is (posting_due(arrived_at) > by)


def test_within_a_source_a_place_parts_what_comes_before_it_from_what_comes_after() -> None:
    """Whatever source the place is of: of each source the same entries lie behind it as in the one order."""
    instants = [datetime(2026, 11, day, tzinfo=ZONE) for day in (20, 21)]
    places = [
        DuePlace(by, source, began_at, UUID(int=number))
        for by, source, began_at, number in product(instants, Source, instants, (1, 2))
    ]

    for place, other in product(places, places):
        within = place.within(other.source)
        assert (other.order > place.order) is (
            (other.by, other.began_at, other.subject_id) > (within.by, within.began_at, within.subject_id)
        )


def test_before_all_and_behind_all() -> None:
    """The start comes before whatever there is; what has no deadline comes last."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    places = [
        START,
        DuePlace(now, Source.CONVERSATION, now, UUID(int=1)),
        DuePlace(NEVER, Source.PAYMENT, now, UUID(int=1)),
    ]

    assert all(one.order < two.order for one, two in pairwise(places))
    assert {source_of(kind) for kind in DueKind} == set(Source)
