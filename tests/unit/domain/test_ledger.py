"""Double entry: what every change of state books, and that nothing is booked twice or lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.incoming import ARRIVAL, INCOMING_TRANSITIONS, IncomingState
from gateway.domain.ledger import (
    INCOMING_STANDS_IN,
    STANDS_IN,
    Account,
    Posting,
    PostingKind,
    balances,
    incoming_postings,
    postings,
)
from gateway.domain.payment import PaymentState
from gateway.domain.transitions import ACCEPTANCE, TRANSITIONS
from iso20022 import Amount

AMOUNT = Amount(5174)


def test_every_row_of_the_state_table_can_be_booked() -> None:
    """No row takes settled money back; a row that did would raise here, before any payment meets it."""
    for (before, _), transition in TRANSITIONS.items():
        booked = postings(before, transition.state, AMOUNT)
        assert bool(booked) == (STANDS_IN[before] is not STANDS_IN[transition.state])
        assert all(posting.debit is not posting.credit for posting in booked)


def test_control_settled_money_does_not_come_back_by_a_change_of_state() -> None:
    """The test above can fail."""
    with pytest.raises(KeyError):
        postings(PaymentState.SETTLED, PaymentState.REJECTED, AMOUNT)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[PaymentState]:
    """The states of a payment to which anything befalls that the table knows."""
    state, states = ACCEPTANCE.state, [ACCEPTANCE.state]
    for _ in range(draw(st.integers(0, 12))):
        state = draw(st.sampled_from([to.state for (before, _), to in TRANSITIONS.items() if before is state]))
        states.append(state)
    return states


@given(histories())
def test_the_ledger_says_at_every_moment_where_the_state_says_the_money_is(states: Sequence[PaymentState]) -> None:
    """After any history: one account holds the amount, what the debtors miss is that amount, and the sum is zero."""
    booked: list[Posting] = []
    for before, after in pairwise(states):
        booked += postings(before, after, AMOUNT)

        found, stands_in = balances(booked), STANDS_IN[after]
        assert sum(found.values()) == 0
        assert found[Account.FUNDS] == (0 if stands_in is Account.FUNDS else -AMOUNT.cents)
        assert found[stands_in] == (0 if stands_in is Account.FUNDS else AMOUNT.cents)


def test_a_settlement_of_what_was_never_sent_is_booked_whole() -> None:
    """The rail's word is taken: reserve and post are made up for together."""
    booked = postings(PaymentState.RECEIVED, PaymentState.SETTLED, AMOUNT)

    assert [posting.kind for posting in booked] == [PostingKind.RESERVE, PostingKind.POST]
    assert balances(booked) == {Account.FUNDS: -5174, Account.RESERVED: 0, Account.RAIL: 5174, Account.ARRIVED: 0}


def test_every_row_of_the_incoming_table_can_be_booked_and_posted_money_stays_posted() -> None:
    """No row takes from a creditor what was posted; a row that did would raise here."""
    for (before, _), transition in INCOMING_TRANSITIONS.items():
        booked = incoming_postings(before, transition.state, AMOUNT)
        assert bool(booked) == (INCOMING_STANDS_IN[before] is not INCOMING_STANDS_IN[transition.state])
    with pytest.raises(KeyError):
        incoming_postings(IncomingState.POSTED, IncomingState.RETURNED, AMOUNT)


@st.composite
def incoming_histories(draw: st.DrawFn) -> Sequence[IncomingState]:
    """The states of an incoming transfer to which anything befalls that the table knows."""
    state, states = ARRIVAL.state, [ARRIVAL.state]
    for _ in range(draw(st.integers(0, 12))):
        follow = [to.state for (before, _), to in INCOMING_TRANSITIONS.items() if before is state]
        state = draw(st.sampled_from(follow))
        states.append(state)
    return states


@given(incoming_histories())
def test_the_ledger_says_where_incoming_money_is(states: Sequence[IncomingState]) -> None:
    """After any history: what has arrived is in one account, the rail's position has it once, and the sum is zero."""
    booked: list[Posting] = []
    for before, after in pairwise(states):
        booked += incoming_postings(before, after, AMOUNT)

        found, stands_in = balances(booked), INCOMING_STANDS_IN[after]
        assert sum(found.values()) == 0
        assert found[Account.RAIL] == (0 if stands_in is Account.RAIL else -AMOUNT.cents)
        assert found[stands_in] == (0 if stands_in is Account.RAIL else AMOUNT.cents)
