"""What a history says beyond the state that it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Final

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.history import (
    RecordedEvent,
    counts_transfer,
    has_no_contradiction,
    is_about_last_copy,
    standing_contradiction,
)
from gateway.domain.payment import PaymentState
from gateway.domain.transitions import TRANSITIONS, Effect
from tests.unit.domain.test_transitions import payment_in

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


SETTLED: Final = (EventKind.SETTLEMENT_REPORTED, False)
REJECTED: Final = (EventKind.REJECTION_REPORTED, True)
AGAIN: Final = (EventKind.TIME_OUT_REPORTED, True)
RECORDED: Final = (EventKind.OPERATOR_RECORDED_SETTLEMENT, False)


@pytest.mark.parametrize(
    ("history", "standing"),
    [
        ((SETTLED,), None),
        ((SETTLED, REJECTED), 2),
        ((SETTLED, REJECTED, SETTLED), 2),
        ((SETTLED, REJECTED, AGAIN), 3),
        ((SETTLED, REJECTED, RECORDED), None),
        ((SETTLED, REJECTED, RECORDED, AGAIN), 4),
        ((REJECTED, RECORDED, RECORDED), None),
        ((), None),
    ],
)
def test_a_contradiction_stands_until_a_person_has_recorded_what_is_so(
    history: tuple[tuple[EventKind, bool], ...], standing: int | None
) -> None:
    """The last one is shown; what the rail says later ends none, and one that comes after the record is another."""
    events = [
        RecordedEvent(
            number, Event(kind), PaymentState.SETTLED, PaymentState.SETTLED, _AT, "local", 1, contradiction=is_so
        )
        for number, (kind, is_so) in enumerate(history, start=1)
    ]

    for order in (events, events[::-1]):
        found = standing_contradiction(order)
        assert (None if found is None else found.sequence) == standing


def test_a_record_ends_what_a_lost_region_had_heard_under_an_earlier_epoch() -> None:
    """By epoch first. The control: what is heard under a later one stands."""
    said = RecordedEvent(
        9, Event(AGAIN[0]), PaymentState.SETTLED, PaymentState.SETTLED, _AT, "lost", 1, contradiction=True
    )
    record = replace(said, sequence=4, event=Event(RECORDED[0]), region="local", epoch=2, contradiction=False)

    assert standing_contradiction([said, record]) is None
    assert standing_contradiction([replace(said, sequence=3, epoch=3), record]) is not None


def test_a_history_that_is_said_to_be_too_short_for_a_contradiction_has_none() -> None:
    """By the whole table. The control: as short a history, of what was not sent when it ended, may have one."""
    strange: list[bool] = []
    for first, second in product(EventKind, repeat=2):
        after_first = TRANSITIONS.get((PaymentState.RECEIVED, first))
        ended = None if after_first is None else TRANSITIONS.get((after_first.state, second))
        if after_first is None or ended is None or not ended.state.is_final:
            continue
        is_strange = Effect.REPORT_CONTRADICTION in (*after_first.effects, *ended.effects)
        transfers = counts_transfer(first) + counts_transfer(second)
        payment = replace(payment_in(ended.state), version=3, transfers=transfers)
        assert has_no_contradiction(payment) is bool(transfers)
        assert not (is_strange and has_no_contradiction(payment)), (first, second)
        strange.append(is_strange)

    assert any(strange)
