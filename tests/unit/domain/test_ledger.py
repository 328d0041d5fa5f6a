"""Double entry: what every change of state books, and that nothing is booked twice or lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ledger import STANDS_IN, Account, Posting, PostingKind, balances, postings
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
    assert balances(booked) == {Account.FUNDS: -5174, Account.RESERVED: 0, Account.RAIL: 5174}
