"""The incoming transfer's table: every state against every event, and what must hold in whatever order they come."""

from __future__ import annotations

from itertools import product
from typing import Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.incoming import (
    INCOMING_TRANSITIONS,
    IncomingEffect,
    IncomingEvent,
    IncomingState,
    IncomingTransition,
    advance_incoming,
)
from gateway.domain.transitions import IllegalTransitionError
from tests.unit.domain.search import SEARCH, invariant_broken_by

_S, _E, _F = IncomingState, IncomingEvent, IncomingEffect

ACCEPTED_BY_US: Final = {_S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING, _S.IN_DOUBT, _S.AWAITING_OPERATOR}
ARRIVED: Final = {_S.SETTLED, _S.PENDING, _S.POSTED, _S.BLOCKED, _S.RETURN_DUE, _S.RETURNED, _S.RETURNED_BY_HAND}
WAITING: Final = {_S.AWAITING_OPERATOR}
OPERATORS: Final = (_E.OPERATOR_RECORDED_SETTLEMENT, _E.OPERATOR_RECORDED_NO_SETTLEMENT)
RETURNING: Final = (_E.RETURN_STARTED, _E.RETURN_OVERDUE, _E.RETURN_FAILED)
POSTINGS: Final = (_E.POSTING_CONFIRMED, _E.POSTING_REFUSED, _E.PENDING_DECIDED, _E.BLOCKING_DECIDED)

AGAIN: Final = (_E.POSTING_OVERDUE, _E.TAKEN_OVER)
"""What has the institution told once more to post: under the same id."""

ILLEGAL: Final = {
    # A transfer is received once, by being made; what comes again is another event.
    *((state, _E.RECEIVED) for state in _S),
    # Nothing was answered yet: no answer can be refused, no advice overdue, nothing asked.
    *(
        (_S.RECEIVED, kind)
        for kind in (
            _E.ANSWER_REFUSED,
            _E.ADVICE_OVERDUE,
            _E.STATUS_REQUEST_DUE,
            _E.QUESTIONS_ENDED,
        )
    ),
    # Only what is in doubt is asked about.
    *((state, _E.STATUS_REQUESTED) for state in _S if state not in {_S.IN_DOUBT, _S.AWAITING_OPERATOR}),
    *(
        (state, kind)
        for state in (_S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING)
        for kind in (_E.STATUS_REQUEST_DUE, _E.QUESTIONS_ENDED)
    ),
    # A liquidity transfer asks nothing: its credit is the first that befalls it.
    *((state, _E.CREDIT_ADVISED) for state in _S if state is not _S.RECEIVED),
    # An acceptance is withheld that was decided on.
    (_S.RECEIVED, _E.ANSWER_WITHHELD),
    # What is at its end is not taken over; the rail's word on what nobody here has accepted is heard in doubt alone.
    *((state, _E.TAKEN_OVER) for state in _S if state.is_final),
    *(
        (state, _E.SETTLEMENT_WITHOUT_ANSWER_ADVISED)
        for state in _S
        if state not in {_S.IN_DOUBT, _S.AWAITING_OPERATOR}
    ),
    # The institution is told to post only what has settled: before that nothing can be overdue.
    *((state, _E.POSTING_OVERDUE) for state in (_S.RECEIVED, *ACCEPTED_BY_US)),
    # A person is asked only where the rail could not tell, or what was certain is contradicted; what the creditor has,
    # or has gone back, does not come undone by a word.
    *((state, kind) for state in {_S.RECEIVED, *ACCEPTED_BY_US} - WAITING for kind in OPERATORS),
    *((state, _E.OPERATOR_RECORDED_NO_SETTLEMENT) for state in (_S.POSTED, _S.RETURNED, _S.RETURNED_BY_HAND)),
    # The institution is told to post only what has settled: it cannot speak of a posting before, or of a return.
    *((state, kind) for state in (_S.RECEIVED, *ACCEPTED_BY_US) for kind in (*POSTINGS, _E.RETURN_SETTLED)),
    *((state, _E.RETURN_SETTLED) for state in (_S.SETTLED, _S.PENDING, _S.BLOCKED)),
    # Only what is owed back, or was posted, is given back; our own timers and returns know where it stands.
    *((state, kind) for state in _S if state not in {_S.RETURN_DUE, _S.POSTED} for kind in RETURNING),
    *((state, _E.RETURN_CONTRADICTED) for state in (_S.RECEIVED, *ACCEPTED_BY_US, _S.SETTLED, _S.REJECTED)),
    # Only what is owed can have gone back by hand.
    *((state, _E.OPERATOR_RECORDED_RETURN) for state in _S if state is not _S.RETURN_DUE),
    *((state, _E.RETURNS_ENDED) for state in _S if state is not _S.RETURN_DUE),
    # What is held or blocked is posted or refused first: only what was posted, or is owed back, can be agreed to.
    *((state, _E.RETURN_AGREED) for state in _S if state not in {_S.POSTED, _S.RETURN_DUE}),
}


@pytest.mark.parametrize(("state", "event"), list(product(IncomingState, IncomingEvent)))
def test_every_pair_is_either_in_the_table_or_known_to_be_a_fault_of_ours(
    state: IncomingState, event: IncomingEvent
) -> None:
    """Late, duplicate and contradictory messages are rows; only our own mistakes raise."""
    if (state, event) in ILLEGAL:
        with pytest.raises(IllegalTransitionError):
            advance_incoming(state, event)
    else:
        assert advance_incoming(state, event) == INCOMING_TRANSITIONS[state, event]


def test_the_two_lists_together_hold_every_pair_once() -> None:
    """The control of the test above: a pair in neither list, or in both, would show here."""
    assert INCOMING_TRANSITIONS.keys() | ILLEGAL == set(product(IncomingState, IncomingEvent))
    assert not INCOMING_TRANSITIONS.keys() & ILLEGAL


def test_nothing_is_posted_before_the_rail_has_settled() -> None:
    """The institution is told to post by one state alone, again and again.

    Only the rail's ACSC leads there, or a liquidity transfer, which is its own advice of credit.
    """
    leading = {
        (state, event)
        for (state, event), transition in INCOMING_TRANSITIONS.items()
        if _F.QUEUE_POSTING in transition.effects
    }

    assert leading == {(state, _E.SETTLEMENT_ADVISED) for state in ACCEPTED_BY_US - {_S.ACCEPTED_WITHOUT_POSTING}} | {
        (_S.RECEIVED, _E.CREDIT_ADVISED),
        (_S.SETTLED, _E.POSTING_OVERDUE),
        (_S.SETTLED, _E.TAKEN_OVER),
    }


def test_silence_after_our_acceptance_is_doubt_and_the_rail_is_asked() -> None:
    """No advice within 25 s: never post on a guess, never give it up on one."""
    transition = advance_incoming(_S.ACCEPTED, _E.ADVICE_OVERDUE)

    assert transition == IncomingTransition(_S.IN_DOUBT, (_F.QUEUE_ENQUIRY, _F.AWAIT_ASKING))


def test_what_a_lost_region_had_is_asked_about_whatever_it_may_have_answered() -> None:
    """Undecided, accepted or in doubt here: the lost region may have done more than came over."""
    for state in (_S.RECEIVED, _S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING, _S.IN_DOUBT):
        assert advance_incoming(state, _E.TAKEN_OVER) == IncomingTransition(_S.IN_DOUBT, (_F.ASK_STATUS,))


def test_a_settlement_that_nobody_here_has_accepted_is_held_and_reported() -> None:
    """A lost region may have accepted without posting: the money is not posted on the rail's ACSC alone."""
    for state in (_S.IN_DOUBT, _S.AWAITING_OPERATOR):
        transition = advance_incoming(state, _E.SETTLEMENT_WITHOUT_ANSWER_ADVISED)

        assert transition.state is _S.PENDING
        assert _F.REPORT_CONTRADICTION in transition.effects


def test_an_institution_that_does_not_answer_in_time_rejects() -> None:
    """Nothing has left: the answer that still can be given is no."""
    assert advance_incoming(_S.RECEIVED, _E.ANSWER_TIME_PASSED).state is _S.REJECTED


def test_after_acwp_the_money_is_held_whatever_the_rail_calls_its_settlement() -> None:
    """We said that we may not post: the institution looks into it first."""
    for advice in (_E.SETTLEMENT_ADVISED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED):
        assert advance_incoming(_S.ACCEPTED_WITHOUT_POSTING, advice).state is _S.PENDING


def test_a_refusal_to_post_what_was_accepted_without_posting_owes_a_return() -> None:
    """RJCT after ACWP: settled, and the money is to go back by pacs.004 before the deadline."""
    transition = advance_incoming(_S.PENDING, _E.POSTING_REFUSED)

    assert transition.state is _S.RETURN_DUE
    assert {_F.SEND_STATUS, _F.START_RETURN, _F.AWAIT_RETURN} <= set(transition.effects)


def test_a_return_is_under_a_timer_from_its_beginning() -> None:
    """Nothing that is owed back depends on a delivery: whatever starts a return, or ends one in vain, wakes again."""
    for (state, event), transition in INCOMING_TRANSITIONS.items():
        if {_F.START_RETURN, _F.QUEUE_RETURN} & set(transition.effects):
            assert _F.AWAIT_RETURN in transition.effects, (state, event)
    assert _F.AWAIT_RETURN in INCOMING_TRANSITIONS[_S.RETURN_DUE, _E.RETURN_FAILED].effects
    assert _F.CALL_OPERATOR in INCOMING_TRANSITIONS[_S.RETURN_DUE, _E.RETURNS_ENDED].effects


class IncomingTransfer(RuleBasedStateMachine):
    """A transfer on which everything falls in any order: what it shows must stay possible."""

    def __init__(self) -> None:
        super().__init__()
        self.state = IncomingState.RECEIVED
        self.postings = 0
        self.answers = 0
        self.is_recorded = False
        self.seen: list[IncomingState] = []

    @rule(event=st.sampled_from(IncomingEvent))
    def something_happens(self, event: IncomingEvent) -> None:
        """Apply one event; what is a fault of ours changes nothing."""
        try:
            transition = advance_incoming(self.state, event)
        except IllegalTransitionError:
            return
        self.postings += _F.QUEUE_POSTING in transition.effects and event not in AGAIN
        self.answers += _F.SEND_ANSWER in transition.effects
        self.is_recorded |= event is _E.OPERATOR_RECORDED_SETTLEMENT
        self.state = transition.state
        self.seen.append(self.state)

    @rule(data=st.data())
    def it_goes_on(self, data: st.DataObject) -> None:
        """Apply one that does not end it: of forty drawn blindly nearly all come after an early end."""
        onward = sorted(
            event
            for (state, event), after in INCOMING_TRANSITIONS.items()
            if state is self.state and not after.state.is_final
        )
        if onward:
            self.something_happens(data.draw(st.sampled_from(onward)))

    @invariant()
    def one_answer_and_one_posting_at_the_most(self) -> None:
        """The rail hears one decision of ours, the institution one instruction, which is repeated under its own id."""
        assert self.answers <= 1
        assert self.postings <= 1

    @invariant()
    def posted_is_never_also_given_back(self) -> None:
        """The money goes one way."""
        assert not {_S.POSTED, _S.RETURNED} <= set(self.seen)

    @invariant()
    def what_did_not_arrive_is_never_posted(self) -> None:
        """Once it is certain that no money came, nothing says that it has, but a person whom a contradiction calls."""
        if {_S.REJECTED, _S.NOT_SETTLED} & set(self.seen) and not self.is_recorded:
            assert self.state in {_S.REJECTED, _S.NOT_SETTLED}


TestIncomingTransfer = IncomingTransfer.TestCase
TestIncomingTransfer.settings = SEARCH

ANSWERED: Final = (_S.ACCEPTED, _S.ACCEPTED_WITHOUT_POSTING)
DECIDED: Final = (_E.ACCEPTANCE_DECIDED, _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _E.ANSWER_TIME_PASSED)
NEVER_ARRIVED: Final = (_S.REJECTED, _S.NOT_SETTLED)


@pytest.mark.parametrize(
    ("pairs", "planted", "found_by"),
    [
        # A decision that comes after the answer is answered, too.
        (
            tuple(product(ANSWERED, DECIDED)),
            IncomingTransition(_S.ACCEPTED, (_F.SEND_ANSWER,)),
            "one_answer_and_one_posting_at_the_most",
        ),
        # What the rail says again has the institution told again.
        (
            tuple(product([_S.SETTLED], [_E.SETTLEMENT_ADVISED, _E.RECEIVED_AGAIN])),
            IncomingTransition(_S.SETTLED, (_F.QUEUE_POSTING,)),
            "one_answer_and_one_posting_at_the_most",
        ),
        # What was posted counts as given back.
        (
            tuple(product([_S.POSTED], [_E.POSTING_REFUSED, _E.RETURN_SETTLED])),
            IncomingTransition(_S.RETURNED),
            "posted_is_never_also_given_back",
        ),
        # A late settlement overwrites the end.
        (
            tuple(product(NEVER_ARRIVED, [_E.SETTLEMENT_ADVISED])),
            IncomingTransition(_S.SETTLED),
            "what_did_not_arrive_is_never_posted",
        ),
    ],
    ids=["answered twice", "told again", "given back", "late settlement"],
)
def test_control_a_slip_in_the_table_is_found(
    pairs: tuple[tuple[IncomingState, IncomingEvent], ...],
    planted: IncomingTransition,
    found_by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same search, on a table with one wrong row or a few: the invariant that each breaks says so."""
    for pair in pairs:
        monkeypatch.setitem(INCOMING_TRANSITIONS, pair, planted)

    assert invariant_broken_by(IncomingTransfer) == found_by
