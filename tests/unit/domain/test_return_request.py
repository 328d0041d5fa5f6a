"""Requests for returns: every state against everything that may befall a request, and when things are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

import pytest

from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention
from gateway.domain.receiving_time import ZONE, business_days_later
from gateway.domain.request import NO_REQUEST, Request, RequestState
from gateway.domain.return_request import (
    REQUEST_EVENTS,
    REQUEST_FACTS,
    REQUESTS,
    REQUESTS_TO_US,
    RequestStep,
    is_in_time,
    request_after,
)
from gateway.domain.returns import goes_back_by_itself
from tests.unit.domain.transfers import ARRIVED, transfer

_R, _E, _I = RequestState, EventKind, IncomingEvent
NOON: Final = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)

ILLEGAL: Final = {
    # A request of ours is never one to us.
    *((_R.RECEIVED, kind) for kind in REQUEST_EVENTS),
    # Nobody waits for the receipt of what was never asked.
    (_R.NONE, _E.RETURN_RECEIPT_MISSED),
}
ILLEGAL_TO_US: Final = {
    # And the other way round.
    *((_R.REQUESTED, kind) for kind in REQUEST_FACTS),
    # Nobody answers what was not asked, or is answered.
    *(
        (state, kind)
        for state in (_R.NONE, _R.AGREED, _R.REFUSED, _R.RETURNED)
        for kind in (_I.RETURN_DEFERRED, _I.RETURN_AGREED, _I.RETURN_REFUSED)
    ),
}


def test_every_pair_is_in_its_table_or_known_to_be_a_fault_of_ours() -> None:
    """Late, repeated and contradictory answers are rows; the two lists together hold every pair once."""
    ours, theirs = set(product(_R, REQUEST_EVENTS)), set(product(_R, REQUEST_FACTS))

    assert REQUESTS.keys() | ILLEGAL == ours
    assert not REQUESTS.keys() & ILLEGAL
    assert REQUESTS_TO_US.keys() | ILLEGAL_TO_US == theirs
    assert not REQUESTS_TO_US.keys() & ILLEGAL_TO_US


def test_what_was_promised_or_has_come_back_is_not_refused_by_a_later_word() -> None:
    """RJCR after IPAY: a person must look, and nothing is forgotten."""
    for state in (_R.AGREED, _R.RETURNED):
        assert REQUESTS[state, _E.RETURN_REFUSED_REPORTED] == RequestStep(state, is_strange=True)


def test_a_late_answer_still_counts() -> None:
    """The rail refused a second copy, and the first was answered."""
    assert REQUESTS[_R.REFUSED, _E.RETURN_AGREED_REPORTED].state is _R.AGREED
    assert REQUESTS[_R.REFUSED, _E.RETURN_PENDING_REPORTED].state is _R.PENDING


def test_an_answer_to_what_was_never_asked_is_for_a_person() -> None:
    """It changes nothing."""
    assert REQUESTS[_R.NONE, _E.RETURN_AGREED_REPORTED] == RequestStep(_R.NONE, is_strange=True)


def test_a_request_that_is_put_anew_is_due_anew_and_a_receipt_moves_nothing() -> None:
    """What is due belongs to the state; at the end nothing is."""
    due = NOON + timedelta(days=1)
    asked = request_after(NO_REQUEST, RequestStep(_R.REQUESTED), message_id="first", due_at=due)
    receipt = request_after(asked, RequestStep(_R.REQUESTED), message_id=None, due_at=due + timedelta(days=1))
    again = request_after(receipt, RequestStep(_R.REQUESTED), message_id="second", due_at=due + timedelta(days=1))
    refused = request_after(again, RequestStep(_R.REFUSED), message_id=None, due_at=due)

    assert asked == receipt == Request(_R.REQUESTED, "first", due)
    assert again == Request(_R.REQUESTED, "second", due + timedelta(days=1))
    assert refused == Request(_R.REFUSED, "second", None)


@pytest.mark.parametrize(
    ("reason", "days", "is_taken"),
    [
        *(("CUST", 60, True), ("CUST", 61, False), (None, 61, False)),
        *(("WNTB", 95, True), ("WNTB", 96, False), ("FRAD", 4_000, True)),
    ],
)
def test_a_return_is_asked_for_within_the_rails_time(*, reason: str | None, days: int, is_taken: bool) -> None:
    """60 calendar days; a warranty claim 95, a report of fraud for ever (FedNow Operating Procedures)."""
    assert is_in_time(settled_at=NOON, asked_at=NOON + timedelta(days=days), reason_code=reason) is is_taken


@pytest.mark.parametrize(
    ("on", "count", "due"),
    [
        ((2026, 11, 25), 1, (2026, 11, 27)),  # Thanksgiving between
        ((2026, 11, 20), 10, (2026, 12, 7)),
        ((2026, 12, 24), 1, (2026, 12, 28)),  # Christmas, then a weekend
        ((2027, 7, 2), 1, (2027, 7, 6)),  # the fourth of July is kept on Monday
        ((2027, 12, 31), 1, (2028, 1, 3)),
        ((2026, 3, 6), 1, (2026, 3, 9)),  # the clocks go forward in between
    ],
)
def test_deadlines_end_with_standard_business_days(
    on: tuple[int, int, int], count: int, due: tuple[int, int, int]
) -> None:
    """Over the Fed's holidays, weekends, and daylight saving; in Eastern time."""
    found = business_days_later(datetime(*on, 23, 30, tzinfo=ZONE), count)

    assert found == datetime(*due, 23, 59, 59, tzinfo=ZONE)


@pytest.mark.parametrize("state", list(IncomingState))
@pytest.mark.parametrize("attention", [None, *Attention])
@pytest.mark.parametrize(("returning_cents", "is_scheduled"), [(0, False), (0, True), (5_174, False), (5_174, True)])
def test_money_goes_back_by_itself_only_where_it_is_owed_and_nobody_has_to_look(
    state: IncomingState, attention: Attention | None, returning_cents: int, *, is_scheduled: bool
) -> None:
    """A return under way, or its next try: IPAY promises no less. All states, with every cause for a look."""
    next_step_at = ARRIVED if is_scheduled else None
    stands = replace(
        transfer(state=state), attention=attention, returning_cents=returning_cents, next_step_at=next_step_at
    )

    expected = state is IncomingState.RETURN_DUE and attention is None and (is_scheduled or returning_cents > 0)
    assert goes_back_by_itself(stands) is expected
