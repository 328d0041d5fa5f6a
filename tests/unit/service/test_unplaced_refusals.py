"""An RJCT of the creditor's institution that may be of the posting: the rail is asked before anything is believed."""

from __future__ import annotations

import pytest

from gateway.domain.events import EventKind
from gateway.domain.payment import Payment, PaymentState
from iso20022 import StatusReason, TransactionStatus
from tests.unit.service.test_taking_over import asked as taken_over
from tests.unit.service.world import World

IN_TIME_S = 5.0
LATE_S = 120.0


def refusal(earth: World, payment: Payment, *, report_id: str | None = None) -> bytes:
    """The institution's RJCT, relayed: before the settlement and after an ACWP it reads alike."""
    return earth.report(
        payment.message_id,
        TransactionStatus.RJCT,
        reason=StatusReason(code="AC06"),
        speaker=payment.creditor_agent,
        report_id=report_id,
    )


async def doubted(earth: World) -> Payment:
    """One that was sent, whose answer has not come."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear_nothing_until_in_doubt(payment)
    return payment


async def state_of(earth: World, payment: Payment) -> PaymentState:
    return (await earth.now(payment)).state


async def test_a_refusal_that_comes_after_the_rails_clock_does_not_reject_what_may_have_settled(earth: World) -> None:
    """The ACWP went to the other region, which is lost; the posting's refusal came here."""
    payment = await doubted(earth)
    earth.clock.advance(LATE_S)

    await earth.hear(refusal(earth, payment))

    now = await earth.now(payment)
    assert (now.state, now.status) == (PaymentState.IN_DOUBT, "RJCT")
    assert now.next_step_at == earth.clock.now(), "the rail is asked at once"


async def test_once_the_rail_says_that_it_had_settled_the_money_is_owed_back(earth: World) -> None:
    """The refusal has its place then, with the reason that came with it."""
    payment = await doubted(earth)
    earth.clock.advance(LATE_S)
    await earth.hear(refusal(earth, payment))
    await earth.fire_timers(after_s=0)
    await earth.ask(payment)

    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACWP))

    now = await earth.now(payment)
    assert (now.state, now.status) == (PaymentState.RETURN_DUE, "RJCT")
    assert now.reason is not None
    assert now.reason.code == "AC06"


async def test_what_the_rail_says_for_itself_is_final_whenever_it_comes(earth: World) -> None:
    """Its answer to a question is the status as at its completion."""
    payment = await doubted(earth)
    earth.clock.advance(LATE_S)
    await earth.hear(refusal(earth, payment))

    await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AC06")))

    assert await state_of(earth, payment) is PaymentState.REJECTED


async def test_a_report_that_is_relayed_again_after_a_question_is_believed(earth: World) -> None:
    """A rail that relays the institution's word again when it is asked: of what had settled it would have said ACWP."""
    payment = await doubted(earth)
    earth.clock.advance(LATE_S)
    await earth.hear(refusal(earth, payment, report_id="THE-REPORT"))
    await earth.hear(refusal(earth, payment, report_id="THE-REPORT"))
    assert await state_of(earth, payment) is PaymentState.IN_DOUBT, "the same thing twice, and no question between"
    await earth.fire_timers(after_s=0)
    await earth.ask(payment)

    await earth.hear(refusal(earth, payment, report_id="THE-REPORT"))

    assert await state_of(earth, payment) is PaymentState.REJECTED


async def test_an_institution_that_repeats_itself_answers_no_question(earth: World) -> None:
    """A report of its own again, under another id, before the rail's answer comes: the money had moved.

    The control is the test above: relayed as the answer, the report is the one that was heard before.
    """
    payment = await doubted(earth)
    earth.clock.advance(LATE_S)
    await earth.hear(refusal(earth, payment, report_id="THE-REPORT"))
    await earth.fire_timers(after_s=0)
    await earth.ask(payment)

    await earth.hear(refusal(earth, payment, report_id="ANOTHER-REPORT"))
    between = await state_of(earth, payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACWP))

    assert between is PaymentState.IN_DOUBT
    assert await state_of(earth, payment) is PaymentState.RETURN_DUE


async def test_a_refusal_in_the_rails_time_is_final_though_the_payment_is_in_doubt(earth: World) -> None:
    """What was to be heard before it would have come before it: the control of the first test."""
    payment = await doubted(earth)
    earth.clock.advance(IN_TIME_S)

    await earth.hear(refusal(earth, payment))

    assert await state_of(earth, payment) is PaymentState.REJECTED


async def test_a_refusal_of_what_was_taken_over_decides_nothing_however_early(earth: World) -> None:
    """What the lost region had heard before it is not known here."""
    payment = await taken_over(earth)

    await earth.hear(refusal(earth, payment))

    assert await state_of(earth, payment) is PaymentState.IN_DOUBT


async def test_an_operators_payment_is_asked_about_once_more_and_not_rejected(earth: World) -> None:
    """A person has been called: they see that the institution refuses, and the rail is asked again."""
    payment = await doubted(earth)
    for _ in range(earth.receiver.rail.doubt.questions_max + 1):
        await earth.fire_timers(after_s=LATE_S)
        await earth.ask(payment)
    assert await state_of(earth, payment) is PaymentState.AWAITING_OPERATOR

    await earth.hear(refusal(earth, payment))

    now = await earth.now(payment)
    assert now.state is PaymentState.AWAITING_OPERATOR
    kinds = [recorded.event.kind for recorded in await earth.store.events(payment.payment_id)]
    assert kinds[-1] is EventKind.REFUSAL_UNPLACED
    assert now.next_step_at == earth.clock.now()


@pytest.mark.parametrize("status", [TransactionStatus.ACCC, TransactionStatus.PDNG, TransactionStatus.ACSC])
async def test_what_only_follows_a_settlement_says_that_there_was_one(earth: World, status: TransactionStatus) -> None:
    """Whatever was unclear before."""
    payment = await doubted(earth)
    earth.clock.advance(LATE_S)
    await earth.hear(refusal(earth, payment))

    await earth.hear(earth.report(payment.message_id, status))

    assert await state_of(earth, payment) in {PaymentState.SETTLED, PaymentState.ACCEPTED_WITHOUT_POSTING}
