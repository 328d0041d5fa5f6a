"""What arrived is posted once, and what contradicts what was decided is never dropped."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer, PostingAnswer, PostingOutcome
from gateway.domain.payment import TenantId
from gateway.domain.receiving_time import decide_by, posting_due
from gateway.domain.stand_in import StandInPolicy
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.post import TENANT_UNDER_WAY_MAX, UNDER_WAY_S, record_posting
from gateway.service.incoming.tenants import NOBODYS
from gateway.service.ports import IncomingDecision, Question, Queue, ReceivingTenant, UnavailableError
from gateway.settings import Settings
from iso20022 import RoutingNumber
from tests.unit.service.incoming_world import AGENT, incoming_world

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


async def test_an_agent_that_moves_to_another_tenant_takes_no_transfer_along() -> None:
    """Whose the money is was decided when it came: the other tenant's institution is never told of it."""
    async with incoming_world() as earth:
        transfer = await earth.settled()
        former = earth.store.tenants[AGENT]
        earth.store.tenants[AGENT] = ReceivingTenant(TenantId("another"), "another institution", StandInPolicy())
        earth.store.others = [former]
        await earth.receiving.tenants.refresh()

        await earth.receiving.posting.post(earth.instruction(transfer))

        assert earth.institution.tenants_told == {former.tenant_id}
        assert earth.now(transfer).state is IncomingState.POSTED


async def test_a_transfer_for_an_agent_that_nobody_receives_for_is_no_tenants_and_is_rejected() -> None:
    """Names and accounts of strangers' customers are for operators alone; the rail has its answer."""
    async with incoming_world() as earth:
        transfer = await earth.received(agent=RoutingNumber("990000204"))

        await earth.receiving.asker.stand_in(transfer)

        ended = earth.now(transfer)
        assert ended.tenant_id == NOBODYS
        assert (ended.state, ended.reason and ended.reason.code) == (IncomingState.REJECTED, "RC04")
        assert re.fullmatch(Settings.model_fields["tenant_id"].metadata[0].pattern, NOBODYS) is None


async def test_an_institution_that_is_down_for_long_is_told_again_until_it_has_answered() -> None:
    """A delivery of the bus is given up after ten attempts: the transfer's own timer is not, and its pause grows."""
    async with incoming_world() as earth:
        transfer = await earth.settled()
        earth.store.store.rows.outbox.clear()  # the first instruction is a dead letter
        pauses = []

        for _ in range(9):
            due = earth.now(transfer).next_step_at
            assert due is not None
            pauses.append((due - earth.clock.now()).total_seconds())
            await earth.fire_timers(after_s=pauses[-1])

        assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
        assert earth.queued(Queue.FEDNOW_IN_VALUE) == [transfer.payment_id] * 9
        await earth.receiving.posting.post(earth.instruction(transfer))
        assert earth.now(transfer).state is IncomingState.POSTED
        assert decide_by(transfer) == posting_due(transfer.forwarded_at)


_E = IncomingEvent


@pytest.mark.parametrize(
    ("kinds", "said", "days"),
    [
        ((_E.ACCEPTANCE_DECIDED, _E.SETTLEMENT_ADVISED), _E.PENDING_DECIDED, 4),
        (
            (_E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _E.ADVICE_OVERDUE, _E.QUESTIONS_ENDED),
            _E.OPERATOR_RECORDED_SETTLEMENT,
            3,
        ),
        (
            (_E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED, _E.PENDING_DECIDED),
            _E.PENDING_DECIDED,
            5,
        ),
    ],
)
async def test_the_deadline_of_what_is_held_never_moves(
    kinds: tuple[IncomingEvent, ...], said: IncomingEvent, days: int
) -> None:
    """Held after a weekend, recorded by hand three days late, put off again: it counts from the day of the payment."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.received(), *kinds)
        first = posting_due(transfer.forwarded_at)
        earth.clock.advance(days * 86_400)
        assert posting_due(earth.clock.now()) > first, "the control: counted from what was said it would have moved"

        held = await earth.befalls(transfer, said)

        assert (held.state, held.next_step_at, decide_by(held)) == (IncomingState.PENDING, first, first)


async def test_a_tenant_whose_address_is_lost_for_a_while_is_told_when_it_is_back() -> None:
    """An instruction without an address is settled, and nothing is lost: the timer brings it again."""
    async with incoming_world(institution_url=None) as earth:
        transfer = await earth.settled()
        await earth.receiving.posting.post(earth.instruction(transfer))
        assert earth.now(transfer).state is IncomingState.SETTLED
        earth.store.store.rows.outbox.clear()

        await earth.fire_timers(after_s=30)

        assert earth.queued(Queue.FEDNOW_IN_VALUE) == [transfer.payment_id]


async def test_the_transfers_own_message_is_found_however_clocks_differ() -> None:
    """What the rail said later may be kept under an earlier time by a worker whose clock is behind."""
    async with incoming_world() as earth:
        transfer = await earth.settled()
        kept = earth.store.rows.messages[transfer.payment_id]
        advice = replace(kept[0], message_type="pacs.002.001.10", body=b"an advice")
        earth.store.rows.messages[transfer.payment_id] = [advice, *kept]
        fresh = ReceivedMessages(earth.store, earth.receiving.rails)

        assert (await fresh.of(transfer)).message_id == transfer.message_id


async def test_who_commits_an_instruction_forwards_it() -> None:
    """Nobody waits for the relay: it leaves young rows to those who have just committed them."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.received(), IncomingEvent.ACCEPTANCE_DECIDED)
        decisions = earth.receiving.decisions

        async def settle(current: IncomingTransfer) -> IncomingDecision:
            return decisions.decider.decide(
                current, IncomingFact(IncomingEvent.SETTLEMENT_ADVISED), at=earth.clock.now()
            )

        await decisions.take(transfer.payment_id, settle)

        assert [(each.queue, each.payment_id) for each in earth.forwarded] == [
            (Queue.FEDNOW_IN_VALUE, transfer.payment_id)
        ]


async def test_a_slow_institution_is_told_so_much_at_once_and_the_rest_by_timers() -> None:
    """It would hold every place there is, and stop the posting of all others."""
    async with incoming_world() as earth, asyncio.TaskGroup() as group:
        gate = asyncio.Event()

        async def slow(_: Question) -> PostingAnswer:
            await gate.wait()
            return POSTED

        earth.institution.before_posting = slow
        transfers = [await earth.settled() for _ in range(TENANT_UNDER_WAY_MAX + 1)]
        for transfer in transfers[:-1]:
            group.create_task(earth.receiving.posting.post(earth.instruction(transfer)))
        while len(earth.institution.told_to_post) < TENANT_UNDER_WAY_MAX:
            await asyncio.sleep(0)

        await earth.receiving.posting.post(earth.instruction(transfers[-1]))

        assert earth.now(transfers[-1]).state is IncomingState.SETTLED
        assert earth.now(transfers[-1]).next_step_at is not None
        gate.set()


async def test_an_institution_that_is_down_holds_its_places_no_longer_than_it_is_tried() -> None:
    """What is tried again keeps its place; what nobody tries any more gives it back."""
    async with incoming_world() as earth:
        earth.institution.is_down = True
        transfers = [await earth.settled() for _ in range(TENANT_UNDER_WAY_MAX + 1)]
        for transfer in transfers[:-1]:
            with pytest.raises(UnavailableError):
                await earth.receiving.posting.post(earth.instruction(transfer))
        await earth.receiving.posting.post(earth.instruction(transfers[-1]))
        assert transfers[-1].payment_id not in earth.institution.told_to_post

        earth.clock.advance(UNDER_WAY_S + 1)
        earth.institution.is_down = False
        await earth.receiving.posting.post(earth.instruction(transfers[-1]))

        assert earth.now(transfers[-1]).state is IncomingState.POSTED
