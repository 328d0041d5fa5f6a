"""Our answer leaves in time or not at all, and says what was decided."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import InstitutionAnswer, Verdict
from gateway.domain.payment import PaymentId, ReasonOrigin, TenantId
from gateway.domain.receiving_time import ReceivingTiming, Reserve
from gateway.domain.screening import PASSED
from gateway.domain.stand_in import StandInPolicy, policy_from
from gateway.service.incoming.ask import TENANT_IN_HAND_MAX
from gateway.service.ports import Question
from iso20022 import RoutingNumber
from tests.fakes.incoming_rail import ACCEPTED, receiving_rail
from tests.unit.service.incoming_world import AGENT, IncomingWorld, fednow_spoken, incoming_world

_E = IncomingEvent


async def send_unsent(earth: IncomingWorld) -> None:
    """Send once what may not have left."""
    earth.clock.advance(0.5)
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(earth.receiving.sender.run())
        await earth.clock.until_asleep(1)
        loop.cancel()


@pytest.mark.parametrize("text", ["no\x07bell", "two\nlines", "x" * 106, ""])
async def test_a_rejection_is_sent_whatever_words_come_with_it(text: str) -> None:
    """The words cannot be sent: the verdict is, and no stand-in decides otherwise."""
    async with incoming_world() as earth:
        transfer = await earth.received()

        answer = InstitutionAnswer(Verdict.REJECT, "AC04", text)
        by = ReasonOrigin.INSTITUTION
        await earth.receiving.asker._answer(transfer, answer, by=by, asked_s=0.0, screened=PASSED)

        assert earth.now(transfer).state is IncomingState.REJECTED
        assert earth.sent() == ["RJCT"]


@pytest.mark.parametrize(
    "after", [(), (_E.ADVICE_OVERDUE,), (_E.ADVICE_OVERDUE, _E.QUESTIONS_ENDED), (_E.SETTLEMENT_ADVISED,)]
)
@pytest.mark.parametrize("late_s", [0.0, 30.0])
async def test_an_answer_that_accepts_is_sent_in_its_time_or_never(
    after: tuple[IncomingEvent, ...], late_s: float
) -> None:
    """Whatever has befallen the transfer since: sent late it would say yes to what the rail has given up."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.received(), _E.ACCEPTANCE_DECIDED, *after)
        earth.clock.advance(late_s)

        await send_unsent(earth)

        assert earth.sent() == ([] if late_s else ["ACTC"])
        assert earth.now(transfer).unsent_at is None


@pytest.mark.parametrize(
    ("kinds", "status"),
    [((_E.REJECTION_DECIDED,), "RJCT"), ((_E.ACCEPTANCE_DECIDED, _E.SETTLEMENT_ADVISED, _E.POSTING_CONFIRMED), "ACCC")],
)
async def test_what_does_not_accept_is_sent_late_too(kinds: tuple[IncomingEvent, ...], status: str) -> None:
    """The control of the test above: a no, and what became of the posting, count whenever they come."""
    async with incoming_world() as earth:
        await earth.befalls(await earth.received(), *kinds)
        earth.clock.advance(30)

        await send_unsent(earth)

        assert earth.sent() == [status]


async def test_the_institution_is_told_until_when_it_is_really_waited_for() -> None:
    """Not the rail's time: when the stand-in decides, an answer is too late."""
    async with incoming_world() as earth, asyncio.TaskGroup() as group:
        told: list[datetime] = []

        def answer(question: Question) -> InstitutionAnswer:
            told.append(question.answer_until)
            return ACCEPTED

        earth.institution.answer_to = answer
        loop = group.create_task(earth.receiving.asker.run())
        transfer = await earth.received()
        async with asyncio.timeout(5):
            while earth.receiving.asker.in_hand:
                await asyncio.sleep(0)
        loop.cancel()

        assert told == [transfer.answer_by - timedelta(seconds=1)]


async def test_two_institutions_of_one_process_are_waited_for_as_each_has_chosen() -> None:
    """The stand-in decides for the quick one while the slow one is still asked."""
    quick, slow = AGENT, RoutingNumber("990000204")
    timing = ReceivingTiming(reserves={quick: Reserve(2, 0.5)})
    spoken = fednow_spoken()
    spoken = replace(spoken, receiving=receiving_rail(spoken.protocol, timing=timing))
    async with incoming_world(spoken=spoken) as earth, asyncio.TaskGroup() as group:
        earth.store.tenants[slow] = replace(earth.store.tenants[quick], tenant_id=TenantId("slow"))
        told: dict[RoutingNumber, float] = {}

        def answer(question: Question) -> InstitutionAnswer:
            waited = question.answer_until - question.transfer.forwarded_at
            told[question.transfer.instructed_agent] = waited.total_seconds()
            return ACCEPTED

        earth.institution.answer_to = answer
        loop = group.create_task(earth.receiving.asker.run())
        transfers = [await earth.received(agent=each) for each in (quick, slow)]
        async with asyncio.timeout(5):
            while earth.receiving.asker.in_hand:
                await asyncio.sleep(0)
        loop.cancel()

        assert told == {quick: 1.5, slow: 4.0}
        assert [(each.answer_by - each.forwarded_at).total_seconds() for each in transfers] == [2.0, 5.0]


async def test_while_both_institutions_are_silent_each_tenants_own_policy_decides_the_same_payment() -> None:
    """What a tenant has set holds for it alone: of two, one accepts it, and one rejects it with a reason of its own.

    Exchanged, they decide the other way round, so it is the policy that does it and nothing else: the control.
    """
    policies = [
        policy_from({"rules": [{"decision": "accept", "amount_max": 10_000}], "reason_code": "AC06"}),
        policy_from({"rules": [{"decision": "accept", "amount_max": 5_000}], "reason_code": "AM02"}),
    ]

    assert await decided_in_silence(policies) == [("ACCEPTED", None), ("REJECTED", "AM02")]
    assert await decided_in_silence(policies[::-1]) == [("REJECTED", "AM02"), ("ACCEPTED", None)]


async def decided_in_silence(policies: Sequence[StandInPolicy]) -> list[tuple[str, str | None]]:
    """What becomes of one payment of 51.74 each to two tenants with these policies, whose institutions are down."""
    first, second = AGENT, RoutingNumber("990000204")
    async with incoming_world(stand_in=policies[0]) as earth, asyncio.TaskGroup() as group:
        earth.institution.is_down = True
        other = replace(earth.store.tenants[first], tenant_id=TenantId("second"), stand_in=policies[1])
        earth.store.tenants[second] = other
        transfers = [await earth.received(agent=agent) for agent in (first, second)]
        loop = group.create_task(earth.receiving.asker.run())
        await asyncio.sleep(0)
        for transfer in transfers:
            earth.receiving.asker.take_up(transfer, await earth.receiving.messages.received(transfer))
        async with asyncio.timeout(5):
            while earth.receiving.asker.in_hand:
                earth.clock.advance(0.01)
                await asyncio.sleep(0)
        loop.cancel()
        assert all(earth.institution.asked[transfer.payment_id] for transfer in transfers)
        ended = [earth.now(transfer) for transfer in transfers]
    return [(each.state.value, None if each.reason is None else each.reason.code) for each in ended]


async def test_a_message_that_is_nowhere_is_told_of_once_and_not_looked_for_for_ever() -> None:
    """A loop twice a second would hide what is wrong, and never end."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.received(), _E.ACCEPTANCE_DECIDED)
        earth.store.rows.messages[transfer.payment_id].clear()

        for _ in range(3):
            await send_unsent(earth)

        assert earth.recorder.parkings == [transfer.payment_id]
        assert earth.now(transfer).unsent_at is None


async def test_one_slow_institution_has_so_much_in_hand_and_others_are_asked() -> None:
    """Its share is full: what comes beyond is left to the timers, and what is another's is asked."""
    async with incoming_world() as earth:
        transfer = await earth.received()
        message = await earth.receiving.messages.received(transfer)
        asker = earth.receiving.asker
        asker.in_hand.clear()
        for number in range(TENANT_IN_HAND_MAX + 1):
            asker.take_up(
                replace(transfer, payment_id=PaymentId(UUID(int=number)), tenant_id=TenantId("slow")), message
            )
        asker.take_up(replace(transfer, tenant_id=TenantId("another")), message)

        assert len(asker.in_hand) == TENANT_IN_HAND_MAX + 1
        assert transfer.payment_id in asker.in_hand
