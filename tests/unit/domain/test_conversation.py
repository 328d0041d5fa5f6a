"""Conversations: every state against every act, who may do what, and when things are due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Final
from uuid import UUID

import pytest

from gateway.domain.conversation import (
    REQUESTERS,
    RESPONDERS,
    TABLES,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    ConversationState,
    ConversationStep,
    Side,
    due_after,
    end_of,
    first_state,
    is_ours_to_do,
    is_theirs_to_say,
    needs_attention_after,
    step_after,
)
from gateway.domain.payment import Rail, TenantId
from gateway.domain.receiving_time import ZONE
from iso20022 import Amount, MessageId, RoutingNumber

_K, _S, _A = ConversationKind, ConversationState, Act
NOON: Final = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)

OF_EVERY_KIND: Final = {_A.RECEIPT, _A.OPENING_REFUSED, _A.NOTED}
ACTS: Final = {
    _K.REQUEST_FOR_PAYMENT: {
        *OF_EVERY_KIND,
        *(_A.ANSWER_REFUSED, _A.WITHDRAWAL_FAILED, _A.PRESENTED, _A.ACCEPTED, _A.REFUSED, _A.PAID),
        *(_A.WITHDRAWAL_ASKED, _A.WITHDRAWAL_AGREED, _A.WITHDRAWAL_REFUSED, _A.WITHDRAWAL_DEFERRED),
        *(_A.STATUS_ASKED, _A.STATUS_NOT_TOLD),
    },
    _K.INFORMATION_REQUEST: {
        *OF_EVERY_KIND,
        *(_A.ANSWER_REFUSED, _A.DEFERRED, _A.INFORMED, _A.INFORMATION_GIVEN, _A.NO_INFORMATION, _A.DUPLICATE),
        _A.WILL_PAY,
    },
    _K.ACCOUNT_REPORT: {*OF_EVERY_KIND, _A.REPORTED},
}
"""What the other side may say, or a person note, at any time, in each kind."""


def conversation(
    kind: ConversationKind = _K.REQUEST_FOR_PAYMENT, side: Side = Side.US, **changes: object
) -> Conversation:
    """A conversation, as a test wants it."""
    made = Conversation(
        conversation_id=ConversationId(UUID(int=1)),
        tenant_id=TenantId("default"),
        rail=Rail.FEDNOW,
        kind=kind,
        side=side,
        message_id=MessageId("20261120990001106EXAMPLE0001"),
        own_agent=RoutingNumber("990000107"),
        counterparty=RoutingNumber("990001106"),
        amount=Amount(5174),
        opened_at=NOON,
        state=_S.REQUESTED,
        version=1,
        due_at=None,
        updated_at=NOON,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", _K)
def test_whatever_the_other_side_says_at_whatever_time_is_a_row(kind: ConversationKind) -> None:
    """Late, repeated and contradictory messages are steps, never faults of ours."""
    states = {state for state, _ in TABLES[kind]} | {step.state for step in TABLES[kind].values()}

    missing = [pair for pair in product(states, ACTS[kind]) if pair not in TABLES[kind]]

    assert missing == []
    assert {act for _, act in TABLES[kind]} - ACTS[kind] <= {_A.EXPIRED, _A.RECEIPT_MISSED, _A.ASKED_AGAIN}


@pytest.mark.parametrize("kind", _K)
def test_every_state_is_reached_from_the_beginning(kind: ConversationKind) -> None:
    """A state that nothing leads to is a row that nobody has thought of."""
    reached = {first_state(kind, side) for side in Side}
    while further := {step.state for (state, _), step in TABLES[kind].items() if state in reached} - reached:
        reached |= further

    assert reached == {state for state, _ in TABLES[kind]}


def test_what_was_promised_or_paid_is_not_forgotten_because_of_a_later_word() -> None:
    """RJCT after ACTC, ACTC after RJCT or after the expiry, money for what was refused: a person must look."""
    strange = {
        (_S.ACCEPTED, _A.REFUSED): _S.ACCEPTED,
        (_S.PAID, _A.REFUSED): _S.PAID,
        (_S.REFUSED, _A.ACCEPTED): _S.REFUSED,
        (_S.EXPIRED, _A.ACCEPTED): _S.EXPIRED,
        (_S.EXPIRED, _A.PAID): _S.PAID,
        (_S.WITHDRAWN, _A.PAID): _S.PAID,
        (_S.WITHDRAWN, _A.ACCEPTED): _S.WITHDRAWN,
        (_S.WITHDRAWN, _A.WITHDRAWAL_REFUSED): _S.WITHDRAWN,
    }
    for (state, act), after in strange.items():
        assert TABLES[_K.REQUEST_FOR_PAYMENT][state, act] == ConversationStep(after, is_strange=True)


@pytest.mark.parametrize("state", sorted({state for state, _ in TABLES[_K.REQUEST_FOR_PAYMENT]}))
def test_how_a_request_stands_is_ours_to_ask_while_it_is_open_and_moves_nothing(state: ConversationState) -> None:
    """Nor does it that the other side cannot tell; of a request that it has answered a person must look at that."""
    table = TABLES[_K.REQUEST_FOR_PAYMENT]
    ours, theirs = conversation(state=state), conversation(side=Side.THEM, state=state)

    assert table[state, _A.STATUS_ASKED] == ConversationStep(state)
    assert table[state, _A.STATUS_NOT_TOLD].state is state
    assert table[state, _A.STATUS_NOT_TOLD].is_strange == (state in {_S.PRESENTED, _S.ACCEPTED})
    assert is_ours_to_do(ours, _A.STATUS_ASKED) == state.is_open
    assert not is_ours_to_do(theirs, _A.STATUS_ASKED)


def test_a_second_answer_to_a_question_is_strange_only_where_it_differs() -> None:
    """INFO twice says nothing new; INFO after NINF does."""
    table = TABLES[_K.INFORMATION_REQUEST]

    assert table[_S.INFORMED, _A.INFORMED] == ConversationStep(_S.INFORMED)
    assert table[_S.NO_INFORMATION, _A.INFORMED] == ConversationStep(_S.NO_INFORMATION, is_strange=True)


def test_what_the_rail_refuses_of_a_second_copy_changes_nothing_that_was_answered() -> None:
    """admi.002 about our pain.013 fails it while nobody has answered, and an answer tells that it has arrived."""
    table = TABLES[_K.REQUEST_FOR_PAYMENT]

    assert table[_S.REQUESTED, _A.OPENING_REFUSED].state is _S.FAILED
    assert table[_S.ACCEPTED, _A.OPENING_REFUSED] == ConversationStep(_S.ACCEPTED)
    assert table[_S.FAILED, _A.ACCEPTED] == ConversationStep(_S.ACCEPTED)
    assert table[_S.FAILED, _A.RECEIPT] == ConversationStep(_S.REQUESTED, is_strange=True)


def test_a_withdrawal_that_was_agreed_to_is_over_though_the_rail_refused_a_copy_of_it() -> None:
    """The first copy had arrived: who was asked has the last word, a person looks, and money that moved stays moved."""
    table = TABLES[_K.REQUEST_FOR_PAYMENT]

    for before in (_S.REQUESTED, _S.ACCEPTED):
        asked = table[before, _A.WITHDRAWAL_ASKED].state
        failed = table[asked, _A.WITHDRAWAL_FAILED]
        assert failed == ConversationStep(before)
        assert table[failed.state, _A.WITHDRAWAL_AGREED] == ConversationStep(_S.WITHDRAWN, is_strange=True)
    assert table[_S.PAID, _A.WITHDRAWAL_AGREED] == ConversationStep(_S.PAID, is_strange=True)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("kind", _K)
def test_nobody_does_what_is_the_other_sides_to_do(kind: ConversationKind, side: Side) -> None:
    """Who asks takes back, who is asked answers; and never with what contradicts, or in what is over."""
    ours, theirs = (REQUESTERS, RESPONDERS) if side is Side.US else (RESPONDERS, REQUESTERS)
    for state, act in TABLES[kind]:
        asked = conversation(kind, side, state=state)
        if is_ours_to_do(asked, act):
            step = step_after(asked, act)
            assert act in ours
            assert step is not None
            assert not step.is_strange
            assert state.is_open
        assert is_theirs_to_say(asked, act) == (act not in ours)
        assert act not in theirs or is_theirs_to_say(asked, act)


def test_each_side_can_bring_every_conversation_to_an_end() -> None:
    """The control of the test above: what is ours to do is not nothing."""
    asked = conversation(side=Side.THEM)

    assert [act for act in Act if is_ours_to_do(asked, act)] == [_A.PRESENTED, _A.ACCEPTED, _A.REFUSED]
    assert is_ours_to_do(conversation(side=Side.US), _A.WITHDRAWAL_ASKED)
    assert is_ours_to_do(conversation(side=Side.THEM, state=_S.WITHDRAWING), _A.WITHDRAWAL_AGREED)
    assert not is_ours_to_do(asked, _A.WITHDRAWAL_AGREED)
    assert is_ours_to_do(conversation(_K.INFORMATION_REQUEST, Side.THEM, state=_S.PENDING), _A.DEFERRED)


def test_deadlines_follow_the_calendar() -> None:
    """Thanksgiving 2026 is Thursday, 26 November: what is asked on the Wednesday is due on Friday."""
    wednesday = datetime(2026, 11, 25, 12, 0, tzinfo=ZONE)
    kind = _K.INFORMATION_REQUEST

    asked = due_after(kind, _S.REQUESTED, at=wednesday)
    pending = due_after(kind, _S.PENDING, at=wednesday)

    assert asked == datetime(2026, 11, 27, 23, 59, 59, tzinfo=ZONE)
    assert pending == datetime(2026, 12, 3, 23, 59, 59, tzinfo=ZONE)
    assert due_after(kind, _S.INFORMED, at=wednesday) is None


def test_a_request_for_payment_is_decided_until_it_expires_and_paid_until_its_day_ends() -> None:
    """An expiry stands before the day of payment; without one that day counts for both."""
    pay_by, expires_at = end_of(date(2026, 11, 24)), NOON + timedelta(hours=1)
    kind = _K.REQUEST_FOR_PAYMENT

    def due(state: ConversationState, expiry: datetime | None) -> datetime | None:
        return due_after(kind, state, at=NOON, pay_by=pay_by, expires_at=expiry)

    assert due(_S.REQUESTED, expires_at) == expires_at
    assert due(_S.REQUESTED, None) == pay_by
    assert due(_S.WITHDRAWING, expires_at) == expires_at
    assert due(_S.WITHDRAWING_ACCEPTED, expires_at) == pay_by
    assert due(_S.ACCEPTED, expires_at) == pay_by
    assert due(_S.EXPIRED, expires_at) is None


def test_a_day_ends_in_the_rails_zone_whatever_the_season() -> None:
    """23:59:59 US Eastern: the offset changes on 1 November 2026 and on 14 March 2027; an instant stays as it is."""
    offsets = {
        day: end_of(day).utcoffset()
        for day in (date(2026, 10, 31), date(2026, 11, 1), date(2027, 3, 13), date(2027, 3, 14))
    }

    assert list(offsets.values()) == [timedelta(hours=hours) for hours in (-4, -5, -5, -4)]
    assert end_of(NOON) == NOON


def test_attention_stays_until_a_person_has_looked() -> None:
    """An ordinary step after a strange one does not hide it; a note takes it off, and a contradiction puts it back."""
    strange = conversation(needs_attention=True)

    assert needs_attention_after(strange, _A.RECEIPT, is_strange=False)
    assert not needs_attention_after(strange, _A.NOTED, is_strange=False)
    assert needs_attention_after(conversation(), _A.REFUSED, is_strange=True)
    assert not needs_attention_after(conversation(), _A.REFUSED, is_strange=False)
