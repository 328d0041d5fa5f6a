"""Asking the receiver about a payment that it has not posted: once, in time, and nothing is guessed of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from gateway.domain.events import EventKind
from gateway.domain.identity import delivery_id_of
from gateway.domain.payment import Payment, PaymentState, Rail, RegionId
from gateway.domain.posting_question import ASKED_AGAIN_S, due_before
from gateway.domain.receiving_time import ZONE, posting_due
from gateway.domain.transitions import Effect
from gateway.service.conversations.fednow_copies import ACKNOWLEDGED
from gateway.service.group_commit import GroupCommit
from gateway.service.ports import Decision, Delivery, MessageClass, NotHomeError, Queue, UnavailableError
from gateway.service.posting_questions import ASKED_MAX, PostingNotAskableError, PostingQuestions
from gateway.service.receipts import AwaitedReceipts, ReceiptRules, ReceiptWatch
from iso20022 import (
    Direction,
    FedNowProfile,
    PaymentStatusRequest,
    StatusReason,
    TransactionStatus,
    examine,
)
from tests.fakes.receipts import InMemoryReceipts
from tests.unit.service.world import PARTY, TENANT, Numbered, World, transfer

CREDITOR_AGENT = "990001203"


def use_case(earth: World, *, wait: timedelta | None = timedelta(0)) -> PostingQuestions:
    """The use case, of a gateway and a worker at once."""
    decisions, protocol = earth.receiver.decisions, earth.receiver.rail
    waits = {} if wait is None else {Rail.FEDNOW: wait}
    return PostingQuestions(
        decisions, {Rail.FEDNOW: protocol}, waits, {Rail.FEDNOW: earth.rail}, earth.clock, Numbered()
    )


async def without_posting(earth: World) -> Payment:
    """A payment that its receiver has taken without posting it."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACWP))
    return await earth.now(payment)


async def asked(earth: World) -> tuple[Payment, PaymentStatusRequest]:
    """Such a payment, and the question about it, which has left."""
    payment = await without_posting(earth)
    await use_case(earth).ask(payment.payment_id, tenant_id=TENANT, by="a test")
    (delivery,) = deliveries(earth)
    assert await use_case(earth).send(delivery)
    return await earth.now(payment), questions(earth)[-1]


def deliveries(earth: World) -> list[Delivery]:
    """What was put on the queue of messages without money."""
    queued = [each for decision in earth.recorder.decisions for each in decision.outbox]
    return [
        Delivery(each.delivery_id, each.queue, each.payment_id, each.deadline_at, attempt=1)
        for each in queued
        if each.queue is Queue.FEDNOW_OUT_NONVALUE
    ]


def questions(earth: World) -> list[PaymentStatusRequest]:
    """The pacs.028 that have left, as the rail reads them: all of them valid, in the class of what has no money."""
    profile, found = FedNowProfile(own_connection_party=PARTY), []
    for sent in earth.rail.sent:
        report = examine(sent.body, profile=profile, direction=Direction.TO_RAIL)
        if isinstance(report.message, PaymentStatusRequest):
            assert report.valid, report.findings
            assert sent.message_class is MessageClass.NONVALUE
            found.append(report.message)
    return found


async def kinds(earth: World, payment: Payment) -> list[EventKind]:
    """The payment's history."""
    return [each.event.kind for each in await earth.store.events(payment.payment_id)]


async def test_the_receiver_is_asked_in_the_words_of_what_was_sent(earth: World) -> None:
    """To the institution, not to the service: its number is the instructed agent. It moves nothing."""
    payment, question = await asked(earth)

    assert question.instructed_agent == payment.creditor_agent == CREDITOR_AGENT
    assert question.instructing_agent == payment.debtor_agent
    assert (question.original_message_id, question.original_uetr) == (payment.message_id, payment.uetr)
    assert payment.state is PaymentState.ACCEPTED_WITHOUT_POSTING
    assert (await kinds(earth, payment))[-1] is EventKind.POSTING_ASKED


@pytest.mark.parametrize(
    ("status", "code", "state", "shown"),
    [
        (TransactionStatus.PDNG, None, PaymentState.ACCEPTED_WITHOUT_POSTING, "PDNG"),
        (TransactionStatus.BLCK, "AC06", PaymentState.ACCEPTED_WITHOUT_POSTING, "BLCK"),
        (TransactionStatus.ACWP, None, PaymentState.ACCEPTED_WITHOUT_POSTING, "ACWP"),
        (TransactionStatus.ACTC, None, PaymentState.ACCEPTED_WITHOUT_POSTING, "ACWP"),
        (TransactionStatus.ACCC, None, PaymentState.SETTLED, "ACCC"),
        (TransactionStatus.RJCT, "AC06", PaymentState.RETURN_DUE, "RJCT"),
        # Not traceable: the receiver answers the question, whatever message it names.
        (TransactionStatus.RJCT, "AG09", PaymentState.ACCEPTED_WITHOUT_POSTING, "ACWP"),
        (TransactionStatus.RJCT, "NARR", PaymentState.ACCEPTED_WITHOUT_POSTING, "ACWP"),
    ],
)
async def test_the_answer_about_the_transfer_moves_it_by_its_table(
    earth: World, status: TransactionStatus, code: str | None, state: PaymentState, shown: str
) -> None:
    """A word of the posting, as if it had come by itself; what may be of the question is not."""
    payment, _ = await asked(earth)
    reason = None if code is None else StatusReason(code=code)

    await earth.hear(earth.report(payment.message_id, status, reason=reason))

    ended = await earth.now(payment)
    assert (ended.state, ended.status) == (state, shown)
    assert not earth.recorder.quarantines
    assert bool(earth.recorder.contradictions) == (code == "NARR"), "a person is told of what may be either"


@pytest.mark.parametrize("code", ["AG09", "NARR", "AC06", "E400", "E402", "E401", "E411"])
async def test_what_refuses_the_question_is_no_refusal_of_the_posting(earth: World, code: str) -> None:
    """RJCT about the pacs.028, whatever its code, and were it one with which the service says "not found"."""
    payment, question = await asked(earth)
    reason = StatusReason(proprietary=code) if code[0] == "E" else StatusReason(code=code)

    await earth.hear(
        earth.report(question.message_id, TransactionStatus.RJCT, reason=reason, about_type="pacs.028.001.03")
    )

    ended = await earth.now(payment)
    assert (ended.state, ended.status) == (PaymentState.ACCEPTED_WITHOUT_POSTING, "ACWP")
    assert (await kinds(earth, payment))[-1] is EventKind.STATUS_REQUEST_UNANSWERED
    assert not earth.recorder.contradictions


@pytest.mark.parametrize("code", ["NARR", "AC06"])
async def test_the_control_an_unasked_refusal_is_of_the_posting(earth: World, code: str) -> None:
    """The same bytes about the transfer, and nobody has asked: the money is owed back."""
    payment = await without_posting(earth)

    await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code=code)))

    assert (await earth.now(payment)).state is PaymentState.RETURN_DUE


async def test_the_rails_refusal_of_the_question_says_nothing_of_the_payment(earth: World) -> None:
    """An admi.002 about the pacs.028."""
    payment, question = await asked(earth)

    await earth.hear(earth.reject(question.message_id, "T505"))

    assert (await earth.now(payment)).state is PaymentState.ACCEPTED_WITHOUT_POSTING
    assert (await kinds(earth, payment))[-1] is EventKind.STATUS_REQUEST_UNANSWERED


async def test_a_repeat_is_the_same_question_and_after_a_while_another(earth: World) -> None:
    """Nothing is asked twice by a client that repeats; who hears nothing may ask again, under another id."""
    payment, question = await asked(earth)

    await use_case(earth).ask(payment.payment_id, tenant_id=None, by="a test")
    assert len(deliveries(earth)) == 1
    earth.clock.advance(ASKED_AGAIN_S)
    await use_case(earth).ask(payment.payment_id, tenant_id=None, by="a test")
    await use_case(earth).send(deliveries(earth)[-1])

    first, second = questions(earth)
    assert first == question
    assert second.message_id != first.message_id
    for each in (first, second):
        await earth.hear(
            earth.report(
                each.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AC06"), about_type="pacs.028"
            )
        )
    assert (await earth.now(payment)).state is PaymentState.ACCEPTED_WITHOUT_POSTING


async def test_an_answer_that_comes_twice_or_late_changes_nothing_more(earth: World) -> None:
    """The same bytes are ignored; another word of the posting after ACCC is as it ever was."""
    payment, _ = await asked(earth)
    posted = earth.report(payment.message_id, TransactionStatus.ACCC)

    await earth.hear(posted, posted)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AG09")))

    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert len(earth.recorder.duplicates) == 1


async def test_before_its_own_time_is_over_nobody_is_asked(earth: World) -> None:
    """Until midnight Eastern of the next standard business day the receiver speaks by itself; then it is asked."""
    payment = await without_posting(earth)

    with pytest.raises(PostingNotAskableError) as refused:
        await use_case(earth, wait=None).ask(payment.payment_id, tenant_id=TENANT, by="a test")

    since = refused.value.askable_from
    assert refused.value.code == "too_early"
    assert since is not None
    earth.clock.advance((since - earth.clock.now()).total_seconds())
    await use_case(earth, wait=None).ask(payment.payment_id, tenant_id=TENANT, by="a test")
    assert len(deliveries(earth)) == 1


async def test_what_is_posted_or_anothers_is_not_asked_about(earth: World) -> None:
    """Only what was accepted without posting; a stranger's payment is not there."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    with pytest.raises(PostingNotAskableError) as refused:
        await use_case(earth).ask(payment.payment_id, tenant_id=TENANT, by="a test")
    with pytest.raises(LookupError):
        await use_case(earth).ask(payment.payment_id, tenant_id=type(TENANT)("another"), by="a test")

    assert refused.value.code == "not_without_posting"
    assert not deliveries(earth)


async def test_each_delivery_sends_what_it_was_put_on_the_queue_for(earth: World) -> None:
    """A repeat sends the same; that of a request for a return is left; one that was redriven may be for either."""
    payment, question = await asked(earth)
    (delivery,) = deliveries(earth)
    sequence = len(await kinds(earth, payment))
    of_request = delivery_id_of(payment.payment_id, Effect.QUEUE_REQUEST, sequence - 2)

    assert await use_case(earth).send(delivery)
    assert not await use_case(earth).send(replace(delivery, delivery_id=of_request))
    assert len(questions(earth)) == 2, "the control: a repeat has sent it again"
    assert not await use_case(earth).send(replace(delivery, delivery_id=UUID(int=99)))

    assert [each.message_id for each in questions(earth)] == [question.message_id] * 3


async def test_a_payment_that_was_never_asked_about_has_no_question_to_send(earth: World) -> None:
    """Whatever else is on the queue is for another handler."""
    payment = await without_posting(earth)
    delivery = Delivery(UUID(int=9), Queue.FEDNOW_OUT_NONVALUE, payment.payment_id, payment.deadline_at, attempt=1)

    assert not await use_case(earth).send(delivery)
    assert not questions(earth)


async def test_a_receiver_that_lets_its_time_pass_is_asked_by_itself_once(earth: World) -> None:
    """By midnight Eastern of the next standard business day it says so itself: a minute later it is asked."""
    payment = await without_posting(earth)
    use = replace(use_case(earth, wait=None), asked_by_itself={Rail.FEDNOW})
    due = posting_due(earth.clock.now())

    earth.clock.advance((due - earth.clock.now()).total_seconds() - 1)
    await use.ask_overdue()
    before = await kinds(earth, payment)
    earth.clock.advance(61)
    for _ in range(3):
        await use.ask_overdue()
        earth.clock.advance(ASKED_AGAIN_S)
    (delivery,) = deliveries(earth)
    assert await use.send(delivery)

    assert EventKind.POSTING_ASKED not in before
    assert (await kinds(earth, payment)).count(EventKind.POSTING_ASKED) == 1
    assert (await earth.store.events(payment.payment_id))[-1].event.details == {"by": "gateway"}
    assert len(questions(earth)) == 1


async def overdue(earth: World, count: int) -> tuple[PostingQuestions, list[Payment]]:
    """So many whose receivers have let their time pass, the oldest first, and who asks them without an order."""
    payments = []
    for number in range(count):
        submitted = await earth.submit(transfer(creditor_account=f"{200_000_000_001 + number}"))
        await earth.dispatch(submitted)
        await earth.hear(earth.report(submitted.message_id, TransactionStatus.ACWP))
        payments.append(await earth.now(submitted))
        earth.clock.advance(1)
    earth.clock.advance((posting_due(earth.clock.now()) - earth.clock.now()).total_seconds() + 61)
    return replace(use_case(earth, wait=None), asked_by_itself={Rail.FEDNOW}), payments


async def asked_about(earth: World, payments: list[Payment]) -> list[bool]:
    """Of which of them a question was put."""
    return [EventKind.POSTING_ASKED in await kinds(earth, payment) for payment in payments]


@pytest.mark.parametrize("fault", [UnavailableError, NotHomeError, RuntimeError])
async def test_a_payment_that_cannot_be_saved_keeps_no_other_from_being_asked_about(
    earth: World, fault: type[Exception]
) -> None:
    """The oldest comes first at every look: it is reported, and the others are asked. That it moved is no fault."""
    use, payments = await overdue(earth, 3)
    stuck = payments[0].payment_id

    async def save(decisions: Sequence[Decision]) -> Sequence[bool]:
        if any(each.payment.payment_id == stuck for each in decisions):
            raise fault("this one cannot be saved")
        return await earth.store.save(decisions)

    saves = GroupCommit(save, window_s=0, batch_max=1, key=lambda decision: decision.payment.payment_id)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(saves.run())
        await replace(use, payments=replace(use.payments, saves=saves)).ask_overdue()
        running.cancel()
    before = await asked_about(earth, payments)
    await use.ask_overdue()

    assert before == [False, True, True]
    assert earth.recorder.faults == ([] if fault is NotHomeError else ["posting questions"])
    assert await asked_about(earth, payments) == [True, True, True], "the control: it is asked as soon as it can be"


async def test_a_store_that_does_not_say_which_are_overdue_ends_the_look(earth: World) -> None:
    """Then nothing is known of any, and whoever supervises waits."""
    use, payments = await overdue(earth, 1)
    earth.store.reachable = False

    with pytest.raises(UnavailableError):
        await use.ask_overdue()

    earth.store.reachable = True
    assert await asked_about(earth, payments) == [False]


async def test_what_cannot_be_asked_about_is_passed_over(earth: World) -> None:
    """However many there are, and at every look: those behind them are found by the next page."""
    use, payments = await overdue(earth, ASKED_MAX + 2)
    for payment in payments[:-2]:
        earth.store.rows.messages[payment.payment_id].clear()  # none has left: the rail has settled what never did

    await use.ask_overdue()

    assert await asked_about(earth, payments) == [False] * ASKED_MAX + [True, True]
    assert earth.recorder.faults == []


async def test_one_look_asks_no_more_than_its_share(earth: World) -> None:
    """The answers come back over the link of the payments; the others are asked at the next look."""
    use, payments = await overdue(earth, ASKED_MAX + 2)

    await use.ask_overdue()
    before = await asked_about(earth, payments)
    await use.ask_overdue()

    assert before == [True] * ASKED_MAX + [False, False]
    assert all(await asked_about(earth, payments))


async def test_by_itself_nobody_is_asked_earlier_than_by_a_person(earth: World) -> None:
    """Where people wait for longer than the receiver has by the rules, so does the gateway: its week begins then."""
    use, payments = await overdue(earth, 1)
    wait = timedelta(days=12)
    use = replace(use, waits={Rail.FEDNOW: wait})
    since = payments[0].final_at
    assert since is not None

    asked = []
    for early in (timedelta(seconds=1), timedelta(0)):
        earth.clock.advance((since + wait - early - earth.clock.now()).total_seconds())
        await use.ask_overdue()
        asked += await asked_about(earth, payments)

    assert asked == [False, True]


@pytest.mark.parametrize("status", [TransactionStatus.BLCK, TransactionStatus.ACCC, TransactionStatus.RJCT, None])
async def test_who_has_said_what_became_of_it_or_was_asked_by_a_person_is_not_asked_by_itself(
    earth: World, status: TransactionStatus | None
) -> None:
    """The control: nothing is asked about what is known, and no question is put twice."""
    payment = await without_posting(earth)
    if status is None:
        await use_case(earth).ask(payment.payment_id, tenant_id=TENANT, by="a test")
    else:
        reason = StatusReason(code="AC06") if status is not TransactionStatus.ACCC else None
        await earth.hear(earth.report(payment.message_id, status, reason=reason))
    asked_before = (await kinds(earth, payment)).count(EventKind.POSTING_ASKED)

    earth.clock.advance(7 * 86_400)
    await replace(use_case(earth, wait=None), asked_by_itself={Rail.FEDNOW}).ask_overdue()

    assert (await kinds(earth, payment)).count(EventKind.POSTING_ASKED) == asked_before


@pytest.mark.parametrize(
    ("now", "before"),
    [
        ("2026-11-24 23:59:59", "2026-11-23"),  # Tuesday: what Monday brought
        ("2026-11-24 23:59:58", "2026-11-22"),  # a second before: what Sunday brought, due on Monday
        ("2026-11-26 12:00", "2026-11-24"),  # Thanksgiving: Wednesday's are due on Friday
        ("2026-11-29 12:00", "2026-11-26"),  # Sunday: Thanksgiving's own, due on Friday
        ("2026-11-30 23:59:59", "2026-11-29"),  # Monday: all of the weekend's
    ],
)
def test_what_is_overdue_is_what_came_on_days_whose_next_business_day_is_over(now: str, before: str) -> None:
    """The last instant of the last such day."""
    at = datetime.fromisoformat(now).replace(tzinfo=ZONE)

    assert due_before(at) == datetime.fromisoformat(f"{before} 23:59:59").replace(tzinfo=ZONE)


@pytest.mark.parametrize("what", ["receipt", "answer", "silence"])
async def test_the_receipt_of_a_question_is_waited_for(earth: World, what: str) -> None:
    """Acknowledged or answered, it has arrived, though its answer does not name it; else it is listed as missing."""
    store, rails = InMemoryReceipts(), {Rail.FEDNOW: earth.receiver.rail}
    awaited = AwaitedReceipts(store, {Rail.FEDNOW: ACKNOWLEDGED}, earth.clock)
    payment, use = await without_posting(earth), replace(use_case(earth), receipts=awaited)
    await use.ask(payment.payment_id, tenant_id=TENANT, by="a test")
    (delivery,) = deliveries(earth)
    await use.send(delivery)
    (question,) = questions(earth)
    if what == "receipt":
        await awaited.heard(Rail.FEDNOW, [question.message_id])
    elif what == "answer":
        await earth.hear(earth.report(payment.message_id, TransactionStatus.PDNG))
    earth.clock.advance(301)
    nothing = cast("Any", None)  # it is about a payment
    rules = {Rail.FEDNOW: ReceiptRules(wait=timedelta(seconds=300), ping_after=0, window=timedelta(hours=1))}
    watch = ReceiptWatch(
        *(store, rules, nothing, use.payments, nothing, rails, nothing, RegionId("a"), earth.clock, earth.recorder)
    )

    await watch.look()
    await watch.look()

    missing = [each.message_id for each in await store.missing(Rail.FEDNOW, limit=9)]
    assert missing == ([question.message_id] if what == "silence" else [])
    assert EventKind.RETURN_RECEIPT_MISSED not in await kinds(earth, payment)
