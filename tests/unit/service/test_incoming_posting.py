"""What arrived is posted once, and what contradicts what was decided is never dropped."""

from __future__ import annotations

import pytest

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import PostingAnswer, PostingOutcome
from gateway.service.incoming.post import record_posting
from gateway.service.ports import Question
from tests.unit.service.incoming_world import incoming_world

POSTED = PostingAnswer(PostingOutcome.POSTED)
REFUSED = PostingAnswer(PostingOutcome.REFUSED, "AC06")
PENDING = PostingAnswer(PostingOutcome.PENDING)


@pytest.mark.parametrize(
    ("first", "then", "state", "contradictions"),
    [
        (REFUSED, POSTED, IncomingState.RETURN_DUE, 1),
        (POSTED, REFUSED, IncomingState.POSTED, 1),
        (POSTED, POSTED, IncomingState.POSTED, 0),
        (PENDING, POSTED, IncomingState.POSTED, 0),
    ],
)
async def test_what_the_institution_answers_after_a_decision_by_hand_goes_through_the_table(
    first: PostingAnswer, then: PostingAnswer, state: IncomingState, contradictions: int
) -> None:
    """Refused by hand, and posted all the same: the creditor would be paid twice, so a person must see it."""
    async with incoming_world() as earth:
        transfer = await earth.settled()
        decisions = earth.receiving.decisions

        async def answer_after_the_decision(_: Question) -> PostingAnswer:
            await record_posting(decisions, transfer.payment_id, first, by="a person")
            return then

        earth.institution.before_posting = answer_after_the_decision
        await earth.receiving.posting.post(earth.instruction(transfer))

        assert earth.now(transfer).state is state
        assert len(earth.recorder.contradictions) == contradictions
