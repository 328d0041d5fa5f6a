"""How a rail is asked, how often, and when a person is called: each rail's way, as data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.doubt import (
    ASKED_IN_VAIN,
    DoubtPolicy,
    Enquiry,
    NotFoundPolicy,
    due_event,
    questions,
    without_later_copies,
)
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import PaymentState
from gateway.domain.transitions import TRANSITIONS, Effect
from tests.unit.domain.test_transitions import payment_in

FEDNOW = DoubtPolicy(questions_max=4, ping_after=2)
RTP = DoubtPolicy(enquiry=Enquiry.REPEAT, questions_max=3, ping_after=0)
DOUBTFUL = payment_in(PaymentState.IN_DOUBT)


@pytest.mark.parametrize(
    ("asked", "pings", "kind"),
    [
        (0, 0, EventKind.STATUS_REQUEST_DUE),
        (1, 0, EventKind.STATUS_REQUEST_DUE),
        (2, 0, EventKind.PING_DUE),
        (2, 1, EventKind.STATUS_REQUEST_DUE),
        (3, 1, EventKind.STATUS_REQUEST_DUE),
        (4, 1, EventKind.QUESTIONS_EXHAUSTED),
    ],
)
def test_fednow_is_asked_pinged_once_asked_again_and_then_a_person_is_called(
    asked: int, pings: int, kind: EventKind
) -> None:
    """No answer to the pacs.028, then a PING, then the support centre."""
    payment = replace(DOUBTFUL, status_requests=asked, pings=pings)

    assert due_event(payment, policy=FEDNOW, is_looked_back_to=True).kind is kind


@pytest.mark.parametrize(
    ("copies", "kind"),
    [(1, EventKind.STATUS_REQUEST_DUE), (3, EventKind.STATUS_REQUEST_DUE), (4, EventKind.QUESTIONS_EXHAUSTED)],
)
def test_rtp_is_asked_by_repeats_and_each_counts_as_a_copy(copies: int, kind: EventKind) -> None:
    """The identical message, marked as a duplicate: the first copy is no question, and there is no PING."""
    payment = replace(DOUBTFUL, transfers=copies)

    assert questions(payment, RTP) == copies - 1
    assert due_event(payment, policy=RTP, is_looked_back_to=True).kind is kind


def test_once_a_person_was_called_rtp_is_not_asked_by_itself_any_more() -> None:
    """A repeat may settle: nobody repeats while a person may be saying that nothing did."""
    called = replace(DOUBTFUL, state=PaymentState.AWAITING_OPERATOR, transfers=4)

    event = due_event(called, policy=RTP, is_looked_back_to=True)

    assert event == Event(EventKind.LOOK_BACK_ENDED, reason=ASKED_IN_VAIN)
    assert TRANSITIONS[called.state, event.kind].effects == (Effect.STOP_TIMER,)


def test_once_a_person_was_called_fednow_is_still_asked() -> None:
    """The control of the test above: a pacs.028 moves no money."""
    called = replace(DOUBTFUL, state=PaymentState.AWAITING_OPERATOR, status_requests=4, pings=1)

    assert due_event(called, policy=FEDNOW, is_looked_back_to=True).kind is EventKind.STATUS_REQUEST_DUE


@pytest.mark.parametrize("state", [PaymentState.IN_DOUBT, PaymentState.AWAITING_OPERATOR])
def test_a_day_that_the_rail_has_forgotten_is_not_asked_about(state: PaymentState) -> None:
    """FedNow answers for the present and the previous calendar day alone."""
    payment = replace(DOUBTFUL, state=state)

    assert due_event(payment, policy=FEDNOW, is_looked_back_to=False).kind is EventKind.LOOK_BACK_ENDED


@pytest.mark.parametrize("state", sorted(PaymentState))
def test_whatever_a_timer_means_can_befall_the_payment(state: PaymentState) -> None:
    """A timer that fires late, or twice, never parks a payment."""
    payment = replace(DOUBTFUL, state=state)

    for policy in (FEDNOW, RTP):
        for is_looked_back_to in (True, False):
            event = due_event(payment, policy=policy, is_looked_back_to=is_looked_back_to)
            assert (state, event.kind) in TRANSITIONS


@pytest.mark.parametrize(
    ("policy", "is_of_today", "kind"),
    [
        (NotFoundPolicy.REJECT, True, EventKind.NOT_FOUND_REPORTED),
        (NotFoundPolicy.REJECT, False, EventKind.NOT_FOUND_REPORTED),
        (NotFoundPolicy.RESEND, True, EventKind.RESENDING_CHOSEN),
        (NotFoundPolicy.RESEND, False, EventKind.RESENDING_TOO_LATE),
    ],
)
def test_not_found_means_what_the_tenant_has_chosen(
    policy: NotFoundPolicy, kind: EventKind, *, is_of_today: bool
) -> None:
    """And the ids go out again on their own day alone."""
    said = Event(EventKind.NOT_FOUND_REPORTED, business_message_id="RAIL-1")

    chosen = without_later_copies(said, policy=policy, is_of_today=is_of_today, is_about_last_copy=True)

    assert (chosen.kind, chosen.business_message_id) == (kind, "RAIL-1")


@pytest.mark.parametrize("policy", NotFoundPolicy)
def test_not_processed_rejects_whatever_the_tenant_has_chosen(policy: NotFoundPolicy) -> None:
    """The rail wants it as a new payment, under new ids."""
    said = Event(EventKind.NOT_PROCESSED_REPORTED, business_message_id="RAIL-1")

    assert without_later_copies(said, policy=policy, is_of_today=True, is_about_last_copy=True) == said


@pytest.mark.parametrize("policy", NotFoundPolicy)
@pytest.mark.parametrize("kind", [EventKind.NOT_FOUND_REPORTED, EventKind.NOT_PROCESSED_REPORTED])
def test_an_answer_to_a_question_that_came_before_the_last_copy_says_nothing(
    kind: EventKind, policy: NotFoundPolicy
) -> None:
    """That copy may settle: neither rejected nor sent once more."""
    said = Event(kind, business_message_id="RAIL-1")

    chosen = without_later_copies(said, policy=policy, is_of_today=True, is_about_last_copy=False)

    assert (chosen.kind, chosen.business_message_id) == (EventKind.STATUS_REQUEST_UNANSWERED, "RAIL-1")
