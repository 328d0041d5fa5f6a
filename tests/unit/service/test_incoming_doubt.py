"""A received transfer of which the rail does not say what became: it is asked, for as long as it knows of the day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.timing import ASKED_WITHIN_S
from gateway.service.ports import DueTimer, Queue
from tests.fakes.clock import START
from tests.unit.service.incoming_world import incoming_world

YESTERDAY_ENDS = datetime(2026, 11, 22, 4, 59, tzinfo=UTC)
"""A minute before midnight, US Eastern, of the day after the one on which every test begins."""


@pytest.mark.parametrize(
    ("asked_at", "state", "questions"),
    [
        (YESTERDAY_ENDS, IncomingState.IN_DOUBT, 2),
        (YESTERDAY_ENDS.replace(hour=5, minute=1), IncomingState.AWAITING_OPERATOR, 1),
    ],
    ids=["the day before is looked back to", "the day before that is not"],
)
async def test_the_rail_is_asked_about_today_and_yesterday(
    asked_at: datetime, state: IncomingState, questions: int
) -> None:
    """By its own calendar (FedNow answers about the present and the previous day): after that a person finds out.

    The first question is put when the doubt begins.
    """
    async with incoming_world() as world:
        received = await world.received()
        doubtful = await world.befalls(
            received,
            IncomingEvent.ACCEPTANCE_DECIDED,
            IncomingEvent.ADVICE_OVERDUE,
            IncomingEvent.STATUS_REQUESTED,
        )
        world.clock.advance((asked_at - START).total_seconds())
        assert doubtful.next_step_at is not None

        await world.receiving.timers.fire(DueTimer(doubtful.payment_id, doubtful.next_step_at))

        assert world.now(doubtful).state is state
        assert len(world.queued(Queue.FEDNOW_IN_INQUIRY)) == questions


async def test_while_a_question_waits_in_its_queue_no_other_joins_it() -> None:
    """As of what is sent: only what surely was lost on its way is queued again."""
    async with incoming_world() as world:
        received = await world.received()
        doubtful = await world.befalls(received, IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.ADVICE_OVERDUE)
        assert doubtful.next_step_at is not None
        queued = []

        for seconds in (ASKED_WITHIN_S - 1, 1):
            world.clock.advance(seconds)
            await world.receiving.timers.fire(DueTimer(doubtful.payment_id, doubtful.next_step_at))
            queued.append(len(world.queued(Queue.FEDNOW_IN_INQUIRY)))

        assert queued == [1, 2]
