"""The payment's table: every state against every event, and what must hold whatever comes in whatever order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product
from typing import Final
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, TenantId
from gateway.domain.transitions import SENDABLE, TRANSITIONS, Effect, IllegalTransitionError, Transition, advance
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber
from tests.unit.domain.search import SEARCH, invariant_broken_by

NOON: Final = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)

_IN_DOUBT_OR_CALLED: Final = {PaymentState.IN_DOUBT, PaymentState.AWAITING_OPERATOR}

_ONLY_WHILE_OPEN: Final = {
    # Only a payment in doubt is asked about.
    EventKind.STATUS_REQUEST_DUE,
    EventKind.QUESTIONS_EXHAUSTED,
    EventKind.LOOK_BACK_ENDED,
    EventKind.PING_DUE,
}

MOVED: Final = {
    *(PaymentState.SETTLED, PaymentState.ACCEPTED_WITHOUT_POSTING, PaymentState.RETURN_DUE, PaymentState.RETURNED)
}

ASKING: Final = {
    EventKind.RETURN_ASKED,
    EventKind.RETURN_RECEIPT_REPORTED,
    EventKind.RETURN_RECEIPT_MISSED,
    EventKind.RETURN_REQUEST_REFUSED,
    EventKind.RETURN_PENDING_REPORTED,
    EventKind.RETURN_AGREED_REPORTED,
    EventKind.RETURN_REFUSED_REPORTED,
    # Its receiver is asked about it, and the question arrives.
    EventKind.POSTING_QUESTION_RECEIVED,
}

ILLEGAL: Final = {
    # Nothing but a payment that waits may be sent: every other pair would send twice, or after the end.
    *(
        (state, EventKind.SENDING_STARTED)
        for state in PaymentState
        if state not in {PaymentState.RECEIVED, PaymentState.RELEASED, PaymentState.RESEND_DUE}
    ),
    # The core is asked, and the directory, before the bytes leave, and at no other time.
    *(
        (state, kind)
        for state in PaymentState
        for kind in (EventKind.FUNDS_REFUSED, EventKind.DIRECTORY_REFUSED)
        if state not in {PaymentState.RECEIVED, PaymentState.RELEASED, PaymentState.RESEND_DUE}
    ),
    # Screening holds what waits to be sent, and what a person has released it holds no second time.
    *(
        (state, EventKind.SCREENING_HELD)
        for state in PaymentState
        if state not in {PaymentState.RECEIVED, PaymentState.RESEND_DUE}
    ),
    *(
        (state, kind)
        for state in PaymentState
        for kind in (EventKind.HOLD_RELEASED, EventKind.HOLD_REJECTED)
        if state is not PaymentState.HELD
    ),
    # What is final is nobody's to carry on.
    *((state, EventKind.TAKEN_OVER) for state in PaymentState if state.is_final),
    # What was never begun cannot be abandoned.
    *(
        (state, EventKind.SENDING_ABANDONED)
        for state in (PaymentState.RECEIVED, PaymentState.HELD, PaymentState.RELEASED)
    ),
    *(
        (state, kind)
        for state in (PaymentState.RECEIVED, PaymentState.HELD, PaymentState.RELEASED, PaymentState.SENDING)
        for kind in _ONLY_WHILE_OPEN
    ),
    *(
        (state, kind)
        for state in PaymentState
        for kind in (EventKind.STATUS_REQUESTED, EventKind.PINGED, EventKind.TRANSFER_REPEATED)
        if state not in _IN_DOUBT_OR_CALLED
    ),
    # Only of what is in doubt can it be unclear what a refusal refuses.
    *(
        (state, kind)
        for state in PaymentState
        for kind in (EventKind.REFUSAL_UNPLACED, EventKind.POSTING_REFUSAL_PLACED)
        if state not in _IN_DOUBT_OR_CALLED
    ),
    # A person is asked only where the rail could not tell; of an end that is contradicted, its own word is recorded.
    *(
        (state, kind)
        for kind, ends in {
            EventKind.OPERATOR_ASKED: frozenset[PaymentState](),
            EventKind.OPERATOR_RECORDED_SETTLEMENT: MOVED,
            EventKind.OPERATOR_RECORDED_REJECTION: frozenset({PaymentState.REJECTED}),
        }.items()
        for state in PaymentState
        if state not in {PaymentState.AWAITING_OPERATOR, *ends}
    ),
    # Only what has settled is asked back: its answers can come to nothing else.
    *((state, kind) for state in PaymentState if state not in MOVED for kind in ASKING),
    # Its receiver is asked about what it has taken without posting it, and about nothing else.
    *(
        (state, kind)
        for state in PaymentState
        for kind in (EventKind.POSTING_ASKED, EventKind.POSTING_REFUSAL_UNCLEAR)
        if state is not PaymentState.ACCEPTED_WITHOUT_POSTING
    ),
    # A payment is accepted once, by being made.
    *((state, EventKind.ACCEPTED) for state in PaymentState),
}

SETTLING: Final = {
    EventKind.SETTLEMENT_REPORTED,
    EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED,
    EventKind.POSTING_REPORTED,
    EventKind.POSTING_PENDING_REPORTED,
}


def payment_in(state: PaymentState) -> Payment:
    """A payment in a state; the rest of it does not matter to the table."""
    return Payment(
        payment_id=PaymentId(UUID(int=1)),
        tenant_id=TenantId("default"),
        rail=Rail.FEDNOW,
        state=state,
        version=1,
        message_id=MessageId("20261120990000107A"),
        end_to_end_id=EndToEndId("E2E"),
        instruction_id=None,
        uetr=None,
        amount=Amount(1),
        debtor_agent=RoutingNumber("990000107"),
        creditor_agent=RoutingNumber("990001203"),
        business_date=date(2026, 11, 20),
        accepted_at=NOON,
        deadline_at=NOON,
        updated_at=NOON,
    )


@pytest.mark.parametrize(("state", "kind"), list(product(PaymentState, EventKind)))
def test_every_pair_is_either_in_the_table_or_known_to_be_a_fault_of_ours(state: PaymentState, kind: EventKind) -> None:
    """Late, duplicate and contradictory answers are rows; only our own mistakes raise."""
    if (state, kind) in ILLEGAL:
        with pytest.raises(IllegalTransitionError):
            advance(payment_in(state), Event(kind))
    else:
        assert advance(payment_in(state), Event(kind)) == TRANSITIONS[state, kind]


def test_the_two_lists_together_hold_every_pair_once() -> None:
    """The control of the test above: a pair in neither list, or in both, would show here."""
    assert TRANSITIONS.keys() | ILLEGAL == set(product(PaymentState, EventKind))
    assert not TRANSITIONS.keys() & ILLEGAL


@pytest.mark.parametrize(("pair", "transition"), list(TRANSITIONS.items()), ids=lambda value: str(value)[:60])
def test_no_final_state_changes_but_as_the_rails_rules_foresee(
    pair: tuple[PaymentState, EventKind], transition: Transition
) -> None:
    """Finals stay final: ACWP is followed by something (posted, or refused), and money comes back."""
    state = pair[0]
    foreseen = {
        (PaymentState.ACCEPTED_WITHOUT_POSTING, EventKind.POSTING_REPORTED): PaymentState.SETTLED,
        (PaymentState.ACCEPTED_WITHOUT_POSTING, EventKind.REJECTION_REPORTED): PaymentState.RETURN_DUE,
        **{(state, EventKind.RETURNED): PaymentState.RETURNED for state in MOVED},
    }

    if state.is_final:
        assert transition.state is foreseen.get(pair, state)


@pytest.mark.parametrize("state", sorted(set(PaymentState) - MOVED))
def test_what_has_not_settled_cannot_come_back(state: PaymentState) -> None:
    """A return of it is reported to a person, and changes nothing."""
    for kind in (EventKind.PART_RETURNED, EventKind.RETURNED):
        assert advance(payment_in(state), Event(kind)) == Transition(state, (Effect.REPORT_CONTRADICTION,))


@pytest.mark.parametrize("state", [state for state in PaymentState if state.is_final])
def test_what_a_person_records_of_an_end_is_the_ends_own_word_and_changes_nothing(state: PaymentState) -> None:
    """It says that somebody has seen to what contradicts it. What is final is not undone by a word."""
    own, other = EventKind.OPERATOR_RECORDED_SETTLEMENT, EventKind.OPERATOR_RECORDED_REJECTION
    if state is PaymentState.REJECTED:
        own, other = other, own

    assert advance(payment_in(state), Event(own)) == Transition(state)
    with pytest.raises(IllegalTransitionError):
        advance(payment_in(state), Event(other))


@pytest.mark.parametrize("kind", sorted(SETTLING))
def test_a_settlement_after_a_rejection_is_reported_and_never_applied(kind: EventKind) -> None:
    """The worst contradiction there is: the client was told that no money moved."""
    transition = advance(payment_in(PaymentState.REJECTED), Event(kind))

    assert transition.state is PaymentState.REJECTED
    assert Effect.REPORT_CONTRADICTION in transition.effects


def test_silence_never_becomes_a_rejection_once_the_bytes_may_have_left() -> None:
    """No answer is doubt: the rail is asked, nothing is guessed."""
    transition = advance(payment_in(PaymentState.SENDING), Event(EventKind.DEADLINE_PASSED))

    assert transition.state is PaymentState.IN_DOUBT
    assert transition.effects == (Effect.ASK_STATUS,)


@pytest.mark.parametrize("kind", [EventKind.STATUS_REQUEST_UNANSWERED, EventKind.STILL_IN_PROCESS_REPORTED])
def test_an_answer_to_the_question_alone_says_nothing_of_the_payment(kind: EventKind) -> None:
    """A RJCT of the pacs.028 is not a RJCT of the pacs.008."""
    transition = advance(payment_in(PaymentState.IN_DOUBT), Event(kind))

    assert transition.state is PaymentState.IN_DOUBT
    assert Effect.ASK_STATUS_AGAIN in transition.effects


@pytest.mark.parametrize("kind", [EventKind.STILL_IN_PROCESS_REPORTED, EventKind.PROGRESS_REPORTED])
@pytest.mark.parametrize("state", sorted(SENDABLE | {PaymentState.HELD}))
def test_what_the_rail_has_in_hand_is_not_sent(state: PaymentState, kind: EventKind) -> None:
    """A copy has left that is not known here, as after a failover that lost SENDING: the rail is asked."""
    transition = advance(payment_in(state), Event(kind))

    assert transition.state is PaymentState.IN_DOUBT
    assert {Effect.ASK_STATUS_AGAIN, Effect.REPORT_CONTRADICTION} <= {*transition.effects}


def test_every_open_state_keeps_a_timer_or_ends_or_has_a_person_called() -> None:
    """Nothing is stuck: whatever leads into an open state from another sets a timer, or calls a person."""
    waking = {
        *(Effect.AWAIT_ANSWER, Effect.AWAIT_RESENDING, Effect.AWAIT_RELEASE),
        *(Effect.ASK_STATUS, Effect.ASK_STATUS_AGAIN, Effect.AWAIT_ASKING),
    }
    for (state, kind), transition in TRANSITIONS.items():
        if transition.state is not state and not transition.state.is_final:
            assert (waking | {Effect.CALL_OPERATOR}) & set(transition.effects), (state, kind)
        if transition.state is not state and transition.state.is_final and not state.is_final:
            assert Effect.STOP_TIMER in transition.effects, (state, kind)


@pytest.mark.parametrize("state", sorted(_IN_DOUBT_OR_CALLED))
def test_a_second_copy_leaves_only_after_the_rails_word_that_it_has_none(state: PaymentState) -> None:
    """Resend only after "not found", and only by the sender's choice."""
    leading = {kind for (before, kind), after in TRANSITIONS.items() if after.state is PaymentState.RESEND_DUE}

    assert TRANSITIONS[state, EventKind.RESENDING_CHOSEN].state is PaymentState.RESEND_DUE
    assert all(
        kind is EventKind.RESENDING_CHOSEN
        for (before, kind), after in TRANSITIONS.items()
        if after.state is PaymentState.RESEND_DUE and before is not PaymentState.RESEND_DUE
    )
    assert EventKind.RESENDING_CHOSEN in leading


def test_what_screening_holds_leaves_only_by_a_persons_word() -> None:
    """Nothing leads from HELD to where it may be sent but its release; unreleased, it ends rejected."""
    onward = {kind: transition.state for (state, kind), transition in TRANSITIONS.items() if state is PaymentState.HELD}

    assert [kind for kind, after in onward.items() if after is PaymentState.RELEASED] == [EventKind.HOLD_RELEASED]
    assert PaymentState.SENDING not in onward.values()
    assert PaymentState.RECEIVED not in onward.values()
    assert onward[EventKind.DEADLINE_PASSED] is PaymentState.REJECTED


class OutgoingPayment(RuleBasedStateMachine):
    """A payment on which everything falls in any order: what it shows must stay possible."""

    def __init__(self) -> None:
        super().__init__()
        self.state = PaymentState.RECEIVED
        self.copies = 0
        self.copies_allowed = 1
        self.finals: list[bool] = []

    @rule(kind=st.sampled_from(EventKind))
    def something_happens(self, kind: EventKind) -> None:
        """Apply one event; what is a fault of ours changes nothing."""
        try:
            transition = advance(payment_in(self.state), Event(kind))
        except IllegalTransitionError:
            return
        self.copies += kind is EventKind.SENDING_STARTED
        if transition.state is PaymentState.RESEND_DUE and self.state is not PaymentState.RESEND_DUE:
            self.copies_allowed += 1
        self.state = transition.state
        if self.state.is_final:
            self.finals.append(self.state in MOVED)

    @rule(data=st.data())
    def it_goes_on(self, data: st.DataObject) -> None:
        """Apply one that does not end it: of forty drawn blindly nearly all come after an early end."""
        onward = {
            kind: after.state
            for (state, kind), after in TRANSITIONS.items()
            if state is self.state and not after.state.is_final
        }
        if onward:
            to = data.draw(st.sampled_from(sorted(set(onward.values()))))
            self.something_happens(data.draw(st.sampled_from(sorted(each for each in onward if onward[each] is to))))

    @invariant()
    def no_copy_leaves_that_the_rail_did_not_clear(self) -> None:
        """One copy, and one more for each time that the rail has said it has none."""
        assert self.copies <= self.copies_allowed

    @invariant()
    def the_first_final_word_about_the_money_stands(self) -> None:
        """No way from rejected to moved, or back."""
        assert len(set(self.finals)) <= 1


TestOutgoingPayment = OutgoingPayment.TestCase
TestOutgoingPayment.settings = SEARCH

DOUBTING: Final = tuple(
    (state, kind)
    for (state, kind), after in TRANSITIONS.items()
    if state is PaymentState.SENDING and after.state is PaymentState.IN_DOUBT
)


@pytest.mark.parametrize(
    ("pairs", "planted", "found_by"),
    [
        # What puts a payment in doubt has it sent again.
        (DOUBTING, Transition(PaymentState.RECEIVED), "no_copy_leaves_that_the_rail_did_not_clear"),
        # A late word overwrites the end.
        (
            ((PaymentState.REJECTED, EventKind.SETTLEMENT_REPORTED),),
            Transition(PaymentState.SETTLED),
            "the_first_final_word_about_the_money_stands",
        ),
    ],
    ids=["sent again", "late settlement"],
)
def test_control_a_slip_in_the_table_is_found(
    pairs: tuple[tuple[PaymentState, EventKind], ...],
    planted: Transition,
    found_by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same search, on a table with one wrong row or a few: the invariant that each breaks says so."""
    for pair in pairs:
        monkeypatch.setitem(TRANSITIONS, pair, planted)

    assert invariant_broken_by(OutgoingPayment) == found_by
