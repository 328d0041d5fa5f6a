"""The question to a receiver: when it may be put, how often, and what its answer is not taken for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import PaymentState, Reason, ReasonOrigin
from gateway.domain.posting_question import (
    ASKED_AGAIN_S,
    askable_from,
    may_be_of_question,
    standing_question,
    unguessed,
)
from gateway.domain.receiving_time import ZONE
from tests.unit.domain.test_transitions import NOON, payment_in

WITHOUT_POSTING = PaymentState.ACCEPTED_WITHOUT_POSTING


def refusal(code: str) -> Event:
    """RJCT with this reason."""
    return Event(EventKind.REJECTION_REPORTED, reason=Reason(code, ReasonOrigin.RAIL), status="RJCT")


def history(*kinds: EventKind, at: datetime = NOON) -> list[RecordedEvent]:
    """A history of these events, all at one instant."""
    return [
        RecordedEvent(number, Event(kind), WITHOUT_POSTING, WITHOUT_POSTING, at, "main", 1)
        for number, kind in enumerate(kinds, start=1)
    ]


@pytest.mark.parametrize(
    ("taken", "until"),
    [
        (datetime(2026, 11, 19, 12, tzinfo=ZONE), datetime(2026, 11, 20, 23, 59, 59, tzinfo=ZONE)),
        # Over the weekend; late in the evening, when the cycle day is another already; over Thanksgiving.
        (datetime(2026, 11, 20, 12, tzinfo=ZONE), datetime(2026, 11, 23, 23, 59, 59, tzinfo=ZONE)),
        (datetime(2026, 11, 19, 23, 59, tzinfo=ZONE), datetime(2026, 11, 20, 23, 59, 59, tzinfo=ZONE)),
        (datetime(2026, 11, 25, 12, tzinfo=ZONE), datetime(2026, 11, 27, 23, 59, 59, tzinfo=ZONE)),
        # Into the night in which the clocks go back: the day ends an hour later in universal time.
        (datetime(2026, 10, 30, 12, tzinfo=ZONE), datetime(2026, 11, 2, 23, 59, 59, tzinfo=ZONE)),
    ],
)
def test_the_receiver_is_asked_when_its_own_time_is_over(taken: datetime, until: datetime) -> None:
    """Midnight Eastern of the next standard business day; an installation may choose otherwise."""
    payment = replace(payment_in(WITHOUT_POSTING), final_at=taken)

    assert askable_from(payment, wait=None) == until
    assert askable_from(payment, wait=timedelta(minutes=1)) == taken + timedelta(minutes=1)


def test_a_question_stands_for_five_minutes() -> None:
    """A repeat of the request is the same question; the control is the one after that."""
    asked = history(EventKind.POSTING_ASKED)

    assert standing_question(asked, at=NOON + timedelta(seconds=ASKED_AGAIN_S - 1)) == asked[0]
    assert standing_question(asked, at=NOON + timedelta(seconds=ASKED_AGAIN_S)) is None
    assert standing_question(history(EventKind.POSTING_REPORTED), at=NOON) is None


def test_what_may_be_of_the_question_is_not_taken_for_the_postings() -> None:
    """RJCT in words, once it was ever asked. The controls: never asked, a reason of its own, another state."""
    payment = payment_in(WITHOUT_POSTING)
    asked = history(EventKind.POSTING_ASKED, EventKind.POSTING_PENDING_REPORTED)

    assert may_be_of_question(refusal("NARR"), payment)
    assert unguessed(refusal("NARR"), asked).kind is EventKind.POSTING_REFUSAL_UNCLEAR
    assert unguessed(refusal("NARR"), asked).status is None, "the payment's status is what it was"
    assert unguessed(refusal("NARR"), history(EventKind.SENDING_STARTED)) == refusal("NARR")
    assert not may_be_of_question(refusal("AC04"), payment)
    assert not may_be_of_question(refusal("NARR"), payment_in(PaymentState.SENDING))
