"""A key that was another region's: the rail is asked before anything is sent, and what it says decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.domain.timing import Timing
from gateway.service.decide import taking_over
from iso20022 import StatusReason, TransactionStatus
from tests.unit.service.test_doubt import question
from tests.unit.service.world import World

ASK_WAIT_S = 10.0


async def accepted_in_a_slot_that_was_taken_over(earth: World) -> Payment:
    """A new payment here, of whose key the lost region may have made one too."""
    payment = await earth.submit()
    ask_after = earth.clock.now() + timedelta(seconds=ASK_WAIT_S)
    earth.store.rows.payments[payment.payment_id] = replace(await earth.now(payment), ask_after=ask_after)
    return payment


async def asked(earth: World) -> Payment:
    """One about which the rail has been asked."""
    payment = await accepted_in_a_slot_that_was_taken_over(earth)
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=ASK_WAIT_S)
    await earth.ask(payment)
    return payment


async def test_nothing_is_sent_before_the_rail_was_asked_and_it_is_not_asked_too_soon(earth: World) -> None:
    """What the lost region sent last may still settle: its copy and ours would be two."""
    payment = await accepted_in_a_slot_that_was_taken_over(earth)

    await earth.dispatch(payment)
    await earth.ask(payment)

    now = await earth.now(payment)
    assert earth.rail.sent == []
    assert now.state is PaymentState.IN_DOUBT
    assert now.next_step_at == now.ask_after


@pytest.mark.parametrize("is_of_a_taken_slot", [True, False])
async def test_time_alone_rejects_nothing_that_the_lost_region_may_have_sent(
    earth: World, *, is_of_a_taken_slot: bool
) -> None:
    """No worker took it up by its deadline: the rail is asked all the same. The control: any other is rejected."""
    submit = accepted_in_a_slot_that_was_taken_over if is_of_a_taken_slot else World.submit
    payment = await submit(earth)

    await earth.fire_timers(after_s=14.75)

    now = await earth.now(payment)
    if is_of_a_taken_slot:
        assert (now.state, now.next_step_at) == (PaymentState.IN_DOUBT, earth.clock.now())
    else:
        assert (now.state, now.next_step_at) == (PaymentState.REJECTED, None)


async def test_what_the_rail_has_never_seen_is_sent_then_whatever_the_tenant_wants_of_lost_ones(earth: World) -> None:
    """Nothing has left from here, and there is time: it is no second copy."""
    payment = await asked(earth)
    assert question(earth).original_message_id == payment.message_id

    await earth.hear(
        earth.report(
            question(earth).message_id,
            TransactionStatus.RJCT,
            reason=StatusReason(proprietary="E400"),
            about_type="pacs.028.001.03",
        )
    )
    assert (await earth.now(payment)).state is PaymentState.RESEND_DUE
    await earth.dispatch(payment)

    assert (await earth.now(payment)).state is PaymentState.SENDING
    assert len(earth.rail.sent) == 2


def not_found(earth: World, question_id: str) -> bytes:
    """The rail's word that it has no such payment, as the answer to this question."""
    unknown = StatusReason(proprietary="E400")
    return earth.report(question_id, TransactionStatus.RJCT, reason=unknown, about_type="pacs.028.001.03")


async def test_a_late_answer_to_a_question_from_before_the_first_copy_rejects_nothing(earth: World) -> None:
    """Asked twice, answered once, sent; the slot has gone back by the time the second answer comes."""
    payment = await asked(earth)
    first = question(earth).message_id
    await earth.ask(payment)
    second = question(earth).message_id
    await earth.hear(not_found(earth, first))
    await earth.dispatch(payment)
    await earth.hear_nothing_until_in_doubt(payment)
    earth.store.rows.payments[payment.payment_id] = replace(await earth.now(payment), ask_after=None)

    await earth.hear(not_found(earth, second))

    now = await earth.now(payment)
    assert first != second
    assert (now.state, now.transfers) == (PaymentState.IN_DOUBT, 1)


async def test_what_the_lost_region_had_sent_is_settled_and_never_sent_again(earth: World) -> None:
    """The rail's word about the one copy that there is."""
    payment = await asked(earth)

    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))
    await earth.dispatch(payment)

    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert len(earth.rail.sent) == 1


@pytest.mark.parametrize("is_sent", [False, True])
async def test_whatever_befalls_a_payment_of_a_lost_region_it_is_taken_over_first(
    earth: World, *, is_sent: bool
) -> None:
    """Its deadline would reject what may have been sent."""
    payment = await earth.submit()
    if is_sent:
        await earth.dispatch(payment)
    earth.store.rows.payments[payment.payment_id] = replace(await earth.now(payment), is_taken_over=True)
    decisions = replace(earth.timers.decisions, take_over=taking_over(earth.clock, {Rail.FEDNOW: Timing()}))
    seen: list[PaymentState] = []

    async def choose(now: Payment) -> None:
        seen.append(now.state)

    await decisions.take(payment.payment_id, choose)

    assert seen == [PaymentState.IN_DOUBT]
