"""When a payment is looked at next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.legs import BUDGETS_PERCENT, Leg
from gateway.domain.payment import FundsHolder, PaymentState
from gateway.domain.timing import STATUS_REQUEST_INTERVAL_MAX_S, Timing
from tests.unit.domain.test_transitions import NOON, payment_in

TIMING = Timing()
SENT = replace(payment_in(PaymentState.IN_DOUBT), creation_time=NOON, deadline_at=NOON + timedelta(seconds=15))


def test_an_answer_is_overdue_at_the_promise_where_the_rail_may_be_asked_later() -> None:
    """FedNow: 15 seconds are promised, 25 must pass before the question."""
    assert TIMING.answer_overdue(SENT, NOON) == NOON + timedelta(seconds=14.75)


def test_an_answer_is_overdue_as_soon_as_the_rail_may_be_asked() -> None:
    """A rail with a shorter clock (the demo's) is asked before the promise is broken."""
    timing = replace(TIMING, status_request_wait_s=5)

    assert timing.answer_overdue(SENT, NOON) == NOON + timedelta(seconds=5)


def test_the_first_question_waits_for_the_rails_own_clock() -> None:
    """FedNow Operating Procedures v2.1 section 16: a question before its clock has run out is refused."""
    assert TIMING.first_status_request(SENT, NOON + timedelta(seconds=15)) == NOON + timedelta(seconds=25)


def test_the_pauses_between_questions_double_up_to_a_minute() -> None:
    """A silent rail is neither flooded nor forgotten."""
    now = NOON + timedelta(seconds=60)

    pauses = [
        (TIMING.next_status_request(replace(SENT, status_requests=asked), now) - now).total_seconds()
        for asked in range(8)
    ]

    assert pauses == [5, 10, 20, 40, *[STATUS_REQUEST_INTERVAL_MAX_S] * 4]


def test_the_legs_budgets_are_the_whole_promise() -> None:
    """What one leg may use more, another has less."""
    assert sum(BUDGETS_PERCENT.values()) == 100
    assert BUDGETS_PERCENT.keys() == set(Leg)


@pytest.mark.parametrize(
    ("leg", "holder", "needed_s"),
    [
        (Leg.RAIL, FundsHolder.TENANT, 1.0 + 0.45 + 0.45),
        (Leg.SIGN, FundsHolder.TENANT, 1.0 + 0.45 + 0.45 + 0.3),
        (Leg.FUNDS, FundsHolder.TENANT, 1.0 + 0.45 + 0.45 + 0.3),
        (Leg.RAIL, FundsHolder.CORE, 1.0 + 0.45 + 0.45),
        (Leg.SIGN, FundsHolder.CORE, 1.0 + 0.45 + 0.45 + 0.3),
        (Leg.FUNDS, FundsHolder.CORE, 1.0 + 0.45 + 0.45 + 0.3 + 0.9),
    ],
)
def test_a_leg_begins_while_what_is_left_is_enough_for_it_and_for_those_after_it(
    leg: Leg, holder: FundsHolder, needed_s: float
) -> None:
    """Ours by their budgets, the rail by what it needs at the least; the core's where it is asked."""
    waiting = replace(SENT, state=PaymentState.RECEIVED, funds_holder=holder, transfers=0)

    assert TIMING.latest_start(leg, waiting) == waiting.deadline_at - timedelta(seconds=needed_s)


def test_a_second_copy_has_a_time_of_its_own_to_leave_in_and_to_be_answered_in() -> None:
    """Sent because the rail has none, it comes after the promise's end: the deadline of the first says nothing."""
    later = NOON + timedelta(seconds=60)
    waiting = replace(SENT, state=PaymentState.RESEND_DUE, transfers=1, next_step_at=TIMING.resending_ends(later))

    assert TIMING.latest_sending(waiting) == later + timedelta(seconds=13.1)
    assert TIMING.answer_overdue(waiting, later) == later + timedelta(seconds=25)
