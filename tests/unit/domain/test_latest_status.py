"""What is told of what has come: never a yes before the rail has settled, and nothing that the service takes not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from gateway.domain.conversation import TABLES, ConversationKind, ConversationState, Side, first_state
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import ARRIVED, Attention
from gateway.domain.latest_status import LatestStatus, latest_status_of, latest_status_of_request
from gateway.domain.payment import Reason, ReasonOrigin
from iso20022.messages import pacs009
from tests.unit.domain.test_conversation import conversation
from tests.unit.domain.transfers import transfer

_S = IncomingState
BLOCKED = Reason("AC06", ReasonOrigin.INSTITUTION)


@pytest.mark.parametrize(("state", "answer"), list(product(IncomingState, (None, "ACTC", "ACWP"))))
def test_no_answer_to_a_question_can_be_taken_for_the_acceptance_of_a_transfer(
    state: IncomingState, answer: str | None
) -> None:
    """All states with all answers: what has not arrived is told RJCT where that is certain, or nothing."""
    told = latest_status_of(transfer(state=state, answer=answer))

    if state not in ARRIVED:
        assert told is None or told.status == "RJCT"
    elif told is not None:
        assert told.status in ({"ACTC", "ACCC"} if answer == "ACTC" else {"ACWP", "PDNG", "BLCK", "RJCT", "ACCC"})
    if told is not None:
        assert (told.reason is not None) == (told.status in {"RJCT", "BLCK"})


@pytest.mark.parametrize(
    ("state", "answer", "status"),
    [
        (_S.RECEIVED, None, None),
        (_S.IN_DOUBT, "ACTC", None),
        (_S.REJECTED, "RJCT", "RJCT"),
        (_S.NOT_SETTLED, "ACTC", "RJCT"),
        (_S.SETTLED, "ACTC", "ACTC"),
        (_S.PENDING, "ACTC", "ACTC"),
        (_S.POSTED, "ACTC", "ACCC"),
        (_S.SETTLED, "ACWP", "ACWP"),
        (_S.PENDING, "ACWP", "PDNG"),
        (_S.BLOCKED, "ACWP", "BLCK"),
        (_S.RETURN_DUE, "ACWP", "RJCT"),
        (_S.RETURNED, "ACWP", "RJCT"),
        (_S.PENDING, None, None),
    ],
)
def test_what_is_told_of_a_transfer(state: IncomingState, answer: str | None, status: str | None) -> None:
    """As it went on after our answer; who took over without one does not know what was said."""
    told = latest_status_of(replace(transfer(state=state, answer=answer), reason=BLOCKED))

    assert (told and told.status) == status


@pytest.mark.parametrize("state", list(IncomingState))
def test_of_what_the_rail_contradicts_itself_about_nothing_is_told(state: IncomingState) -> None:
    """It said that it had not settled, then that it had: RJCT would be a guess. What only wants a look is told of."""
    contradicted = replace(transfer(state=state, answer="ACWP"), attention=Attention.CONTRADICTED)
    failed = replace(contradicted, attention=Attention.RETURN_FAILED)

    assert latest_status_of(contradicted) is None
    assert latest_status_of(failed) == latest_status_of(replace(contradicted, attention=None))


def test_a_code_of_the_rails_own_is_told_in_words() -> None:
    """A participant's answer takes ISO reasons alone; of a liquidity transfer participants are told nothing."""
    rejected = replace(transfer(state=_S.REJECTED), reason=Reason("E997", ReasonOrigin.RAIL))

    assert latest_status_of(rejected) == LatestStatus("RJCT", Reason("NARR", ReasonOrigin.RAIL, "E997"))
    assert latest_status_of(replace(transfer(state=_S.POSTED), message_type=pacs009.MESSAGE_TYPE)) is None


def test_of_a_request_for_payment_something_is_told_in_every_state_that_it_has() -> None:
    """The control of completeness: all that the table reaches, and a promise is not told before it was given."""
    table = TABLES[ConversationKind.REQUEST_FOR_PAYMENT]
    states = {step.state for step in table.values()} | {first_state(ConversationKind.REQUEST_FOR_PAYMENT, Side.THEM)}

    told = {
        state: latest_status_of_request(conversation(side=Side.THEM, state=state)).status
        for state in states - {_FAILED}
    }

    assert {state for state, status in told.items() if status == "ACTC"} == {
        ConversationState.ACCEPTED,
        ConversationState.WITHDRAWING_ACCEPTED,
        ConversationState.PAID,
    }


_FAILED = ConversationState.FAILED
"""Ours alone: what the rail has brought did not fail to arrive."""
