"""What a history says beyond the state that it makes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent, is_about_last_copy
from gateway.domain.payment import PaymentState

SENT: Final = (EventKind.SENDING_STARTED, None)
TAKEN_OVER = (EventKind.TAKEN_OVER, None)
ASKED_FIRST: Final = (EventKind.STATUS_REQUESTED, "QUESTION-1")
ASKED_LAST: Final = (EventKind.STATUS_REQUESTED, "QUESTION-2")
ANSWERED: Final = (EventKind.STATUS_REQUEST_UNANSWERED, "QUESTION-1")
_AT: Final = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("history", "counts"),
    [
        ((SENT, ASKED_FIRST), True),
        ((SENT, ASKED_FIRST, ASKED_LAST), True),
        ((SENT, ASKED_FIRST, SENT), False),
        ((SENT, ASKED_FIRST, SENT, ASKED_LAST), False),
        ((SENT, ASKED_FIRST, TAKEN_OVER), False),
        ((SENT, TAKEN_OVER, ASKED_FIRST), True),
        ((SENT, ASKED_LAST, SENT, ASKED_FIRST), True),
        ((SENT, ASKED_LAST), False),
        ((SENT, ANSWERED), False),
        ((), False),
    ],
)
def test_the_answer_to_a_question_counts_for_the_copies_that_had_left_when_it_was_put(
    history: tuple[tuple[EventKind, str | None], ...], *, counts: bool
) -> None:
    """By the order of the events; where the question is not known, for none."""
    events = [
        RecordedEvent(
            sequence,
            Event(kind, business_message_id=name),
            PaymentState.IN_DOUBT,
            PaymentState.IN_DOUBT,
            _AT,
            "local",
            1,
        )
        for sequence, (kind, name) in enumerate(history, start=1)
    ]

    assert is_about_last_copy(events, "QUESTION-1") is counts
    assert is_about_last_copy(list(reversed(events)), "QUESTION-1") is counts
