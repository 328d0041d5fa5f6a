"""Doubt that lasts: the rail is pinged, a person is called; "not found" is a rejection, or by choice a second copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.events import EventKind
from gateway.domain.payment import Payment, PaymentState, Rail, ReasonOrigin
from gateway.domain.timing import SELDOM_INTERVAL_S
from gateway.service.decide import Decisions
from gateway.service.operate import NotAwaitingOperatorError, OperatorAction, Operators
from gateway.service.ports import Decision, MessageClass, Queue
from iso20022 import FedNowProfile, MessageId, StatusReason, TransactionStatus, examine
from iso20022.messages import admi011
from iso20022.messages.admi011 import SystemEventAcknowledgement
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import TENANT, World, seconds, world

DAY_S = 86_400


async def unanswered(earth: World, *, questions: int) -> Payment:
    """A payment that was sent, and asked about so often, without any word."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=15)
    for _ in range(questions):
        await earth.fire_timers(after_s=120)
        await earth.ask(payment)
    return await earth.now(payment)


def not_found(earth: World, payment: Payment, *, question: int = -1, code: str = "E400") -> bytes:
    """The rail's answer to a message, the last one where not said otherwise: it has no such transfer."""
    asked = examine(earth.rail.sent[question].body, profile=FedNowProfile()).header
    assert asked is not None
    return earth.report(
        asked.business_message_id,
        TransactionStatus.RJCT,
        reason=StatusReason(proprietary=code),
        about_type="pacs.028.001.03",
    )


async def test_after_questions_without_an_answer_the_rail_is_pinged_once(earth: World) -> None:
    """FedNow Operating Procedures: no answer to the question, then a PING, then the support centre."""
    payment = await unanswered(earth, questions=3)

    await earth.fire_timers(after_s=120)
    await earth.dispatcher.ping(earth.delivery(payment, Queue.FEDNOW_OUT_SYSTEM))

    sent = earth.rail.sent[-1]
    assert (sent.message_class, examine(sent.body, profile=FedNowProfile()).message_type) == (
        MessageClass.SYSTEM,
        "admi.004.001.02",
    )
    assert (await earth.now(payment)).pings == 1
    await earth.fire_timers(after_s=120)
    await earth.ask(payment)
    assert (await earth.now(payment)).status_requests == 4


async def test_payments_in_doubt_share_one_ping(earth: World) -> None:
    """A PING is not to be sent with any regularity: a hundred payments in doubt are no reason for a hundred."""
    first, second = await unanswered(earth, questions=3), await unanswered(earth, questions=3)
    await earth.fire_timers(after_s=120)
    before = len(earth.rail.sent)

    for payment in (first, second):
        await earth.dispatcher.ping(earth.delivery(payment, Queue.FEDNOW_OUT_SYSTEM))

    assert len(earth.rail.sent) == before + 1
    assert [(await earth.now(payment)).pings for payment in (first, second)] == [1, 1]


class _OvertakenOnce(InMemoryStore):
    """A store in which something else is saved first when a PING is about to be."""

    was_overtaken = False

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        if not self.was_overtaken and any(decision.event.kind is EventKind.PINGED for decision in decisions):
            self.was_overtaken = True
            return [False] * len(decisions)
        return await super().save(decisions)


async def test_a_ping_that_was_overtaken_is_saved_before_it_leaves() -> None:
    """Found by the simulation: it took its own first try for somebody else's PING, and left without being saved."""
    async with world(store=_OvertakenOnce()) as earth:
        payment = await unanswered(earth, questions=3)
        await earth.fire_timers(after_s=120)

        await earth.dispatcher.ping(earth.delivery(payment, Queue.FEDNOW_OUT_SYSTEM))

        saved = {message.body for message in await earth.store.messages(payment.payment_id)}
        assert earth.rail.sent[-1].message_class is MessageClass.SYSTEM
        assert earth.rail.sent[-1].body in saved


async def test_a_person_is_called_when_questions_and_ping_stay_unanswered(earth: World) -> None:
    """Never guessed, never stuck unseen: the payment waits in the operators' list, and is asked about seldom."""
    payment = await unanswered(earth, questions=3)
    await earth.fire_timers(after_s=120)
    await earth.dispatcher.ping(earth.delivery(payment, Queue.FEDNOW_OUT_SYSTEM))
    for _ in range(9):
        await earth.fire_timers(after_s=120)
        await earth.ask(payment)

    await earth.fire_timers(after_s=120)

    called = await earth.now(payment)
    assert (called.state, called.reason and called.reason.code) == (PaymentState.AWAITING_OPERATOR, "ASKED_IN_VAIN")
    await earth.fire_timers(after_s=60)
    assert seconds((await earth.now(payment)).next_step_at, earth.clock.now()) == SELDOM_INTERVAL_S
    assert [waiting.payment_id for waiting in await earth.store.awaiting_operator(TENANT, limit=10)] == [
        payment.payment_id
    ]


async def test_the_rails_late_word_ends_it_even_then(earth: World) -> None:
    """A person was called, but the rail's own word counts whenever it comes."""
    payment = await called_for(earth)
    assert payment.state is PaymentState.AWAITING_OPERATOR

    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_a_question_past_the_rails_look_back_is_not_put(earth: World) -> None:
    """The rail answers for today and yesterday alone: afterwards a person is called, and nothing leaves."""
    payment = await unanswered(earth, questions=1)
    before = len(earth.rail.sent)
    earth.clock.advance(2 * DAY_S)

    await earth.ask(payment)
    await earth.fire_timers(after_s=1)

    called = await earth.now(payment)
    assert (called.state, called.reason and called.reason.code) == (PaymentState.AWAITING_OPERATOR, "LOOK_BACK_ENDED")
    assert called.next_step_at is None
    assert len(earth.rail.sent) == before


async def test_an_answered_ping_is_a_sign_of_life_and_about_no_payment(earth: World) -> None:
    """It tells the people who watch that the rail is there; it says nothing of the money."""
    acknowledgement = SystemEventAcknowledgement(message_id=MessageId("RAILPING1"), event_code="PING")

    await earth.hear(earth._outgoing("admi.011.001.01", admi011.build(acknowledgement), None))

    assert earth.recorder.signs_of_life == [Rail.FEDNOW]
    assert earth.recorder.quarantines == []


# --- not found ---


async def test_not_found_rejects_unless_the_tenant_has_chosen_otherwise(earth: World) -> None:
    """It never reached the rail, and a straggler's time has expired: no money has moved."""
    payment = await unanswered(earth, questions=1)

    await earth.hear(not_found(earth, payment))

    assert (await earth.now(payment)).state is PaymentState.REJECTED


async def sent_again(earth: World) -> Payment:
    """A payment that the rail had not found, and that left a second time."""
    earth.store.not_found_policies[TENANT] = NotFoundPolicy.RESEND
    payment = await unanswered(earth, questions=1)
    await earth.hear(not_found(earth, payment))
    assert (await earth.now(payment)).state is PaymentState.RESEND_DUE
    await earth.dispatch(payment)
    return await earth.now(payment)


async def test_a_second_copy_carries_the_same_ids_and_a_fresh_creation_time(earth: World) -> None:
    """The rail's clock starts from the creation time: an old one would be refused at once."""
    payment = await sent_again(earth)

    copies = [examine(sent.body, profile=FedNowProfile()) for sent in earth.rail.sent]
    first, second = (copy for copy in copies if copy.message_type == "pacs.008.001.08")

    assert first.header is not None
    assert second.header is not None
    assert first.message == second.message
    assert first.header.business_message_id == second.header.business_message_id
    assert str(first.header.business_message_id) == str(payment.message_id)
    assert second.header.creation_time > first.header.creation_time
    assert (payment.state, payment.transfers) == (PaymentState.SENDING, 2)
    assert seconds(payment.next_step_at, earth.clock.now()) == 25


async def test_a_second_copy_that_is_refused_as_a_duplicate_is_never_a_rejection() -> None:
    """admi.002 after more than one send: the first copy may have come late, and been processed."""
    async with world(definite_refusals=frozenset({"T505"})) as earth:
        payment = await sent_again(earth)

        await earth.hear(earth.reject(payment.message_id, "T505"))

        assert (await earth.now(payment)).state is PaymentState.IN_DOUBT


async def test_control_the_same_refusal_of_an_only_copy_is_one() -> None:
    """The test above can fail: it is the count of copies that makes the difference."""
    async with world(definite_refusals=frozenset({"T505"})) as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)

        await earth.hear(earth.reject(payment.message_id, "T505"))

        assert (await earth.now(payment)).state is PaymentState.REJECTED


@pytest.mark.parametrize("policy", NotFoundPolicy)
@pytest.mark.parametrize("code", ["E400", "E402"])
async def test_a_late_answer_to_a_question_about_the_first_copy_says_nothing_of_the_second(
    earth: World, policy: NotFoundPolicy, code: str
) -> None:
    """Not found, or not processed: the second copy may have settled, and was to be sent a third time, or given up."""
    earth.store.not_found_policies[TENANT] = NotFoundPolicy.RESEND
    payment = await unanswered(earth, questions=2)
    late = not_found(earth, payment, question=-2, code=code)
    await earth.hear(not_found(earth, payment, question=-1))
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=26)
    earth.store.not_found_policies[TENANT] = policy

    await earth.hear(late)

    doubtful = await earth.now(payment)
    assert (doubtful.state, doubtful.transfers) == (PaymentState.IN_DOUBT, 2)
    assert doubtful.next_step_at is not None


async def test_a_late_not_found_after_the_second_copy_has_settled_is_no_contradiction(earth: World) -> None:
    """Nobody is to be called for it: the rail spoke of the moment at which it was asked."""
    earth.store.not_found_policies[TENANT] = NotFoundPolicy.RESEND
    payment = await unanswered(earth, questions=2)
    late = not_found(earth, payment, question=-2)
    await earth.hear(not_found(earth, payment, question=-1))
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    await earth.hear(late)

    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert earth.recorder.contradictions == []


@pytest.mark.parametrize(("code", "state"), [("E400", PaymentState.RESEND_DUE), ("E402", PaymentState.REJECTED)])
async def test_control_an_answer_to_a_question_about_the_second_copy_counts(
    earth: World, code: str, state: PaymentState
) -> None:
    """The tests above can fail: it is when the question was put that makes the difference."""
    payment = await sent_again(earth)
    await earth.fire_timers(after_s=26)
    await earth.fire_timers(after_s=60)
    await earth.ask(payment)

    await earth.hear(not_found(earth, payment, code=code))

    assert (await earth.now(payment)).state is state


@pytest.mark.parametrize(
    ("chosen_s", "state"), [(2, PaymentState.AWAITING_OPERATOR), (12, PaymentState.SENDING)], ids=["after", "before"]
)
async def test_a_second_copy_leaves_on_the_day_of_its_ids_or_not_at_all(
    earth: World, chosen_s: int, state: PaymentState
) -> None:
    """Chosen so many seconds before midnight Eastern, taken up seven later; before midnight is the control."""
    earth.store.not_found_policies[TENANT] = NotFoundPolicy.RESEND
    earth.clock.advance((midnight(earth) - earth.clock.now()).total_seconds() - 300)
    payment = await unanswered(earth, questions=1)
    earth.clock.advance((midnight(earth) - earth.clock.now()).total_seconds() - chosen_s)
    await earth.hear(not_found(earth, payment))
    assert (await earth.now(payment)).state is PaymentState.RESEND_DUE
    sent = len(earth.rail.sent)
    earth.clock.advance(7)

    await earth.dispatch(payment)

    assert (await earth.now(payment)).state is state
    assert len(earth.rail.sent) - sent == (state is PaymentState.SENDING)


def midnight(earth: World) -> datetime:
    """The end of the rail's present day."""
    return earth.receiver.rail.day_ends(earth.clock.now())


async def test_a_payment_of_yesterdays_ids_is_not_sent_again_but_a_person_is_called(earth: World) -> None:
    """The ids begin with the date: on another day they are not ours to send."""
    earth.store.not_found_policies[TENANT] = NotFoundPolicy.RESEND
    payment = await unanswered(earth, questions=1)
    earth.clock.advance(DAY_S)

    await earth.hear(not_found(earth, payment))

    called = await earth.now(payment)
    assert called.state is PaymentState.AWAITING_OPERATOR
    kinds = [recorded.event.kind for recorded in await earth.store.events(payment.payment_id)]
    assert kinds[-1] is EventKind.RESENDING_TOO_LATE


async def test_a_second_copy_that_cannot_be_sent_in_time_is_rejected(earth: World) -> None:
    """Nothing of ours is on its way: the rail has said so of the first, and the second never left."""
    earth.store.not_found_policies[TENANT] = NotFoundPolicy.RESEND
    payment = await unanswered(earth, questions=1)
    await earth.hear(not_found(earth, payment))

    await earth.fire_timers(after_s=15)

    assert (await earth.now(payment)).state is PaymentState.REJECTED


async def test_what_was_never_sent_of_the_first_copy_says_nothing_of_the_second(earth: World) -> None:
    """A worker that wakes late, certain that its own copy never left, must not reject what another has sent."""
    payment = await sent_again(earth)
    as_the_first_worker_knew_it = replace(payment, transfers=0)

    await earth.dispatcher._abandon(as_the_first_worker_knew_it)

    assert (await earth.now(payment)).state is PaymentState.SENDING


async def test_control_the_worker_of_the_only_copy_rejects_what_never_left(earth: World) -> None:
    """The test above can fail: of its own copy the same worker is certain."""
    payment = await earth.submit()
    await earth.dispatch(payment)

    await earth.dispatcher._abandon(payment)

    assert (await earth.now(payment)).state is PaymentState.REJECTED


# --- people ---


def operators(earth: World) -> Operators:
    """What people act through."""
    decisions: Decisions = earth.dispatcher.decisions
    return Operators(decisions, earth.dispatcher.rails, earth.clock)


async def called_for(earth: World) -> Payment:
    """A payment that waits for a person."""
    payment = await unanswered(earth, questions=1)
    earth.clock.advance(2 * DAY_S)
    await earth.fire_timers(after_s=1)
    return await earth.now(payment)


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (OperatorAction.RECORD_SETTLEMENT, PaymentState.SETTLED),
        (OperatorAction.RECORD_REJECTION, PaymentState.REJECTED),
        (OperatorAction.ASK, PaymentState.AWAITING_OPERATOR),
    ],
)
async def test_what_a_person_finds_out_is_recorded_with_name_and_note(
    earth: World, action: OperatorAction, state: PaymentState
) -> None:
    """The rail's word on another way: who heard it, and from whom, is part of the payment's history."""
    payment = await called_for(earth)

    ended = await operators(earth).act(
        payment.payment_id, action, note="Support case 15, by telephone", by="key:operations"
    )

    last = (await earth.store.events(payment.payment_id))[-1].event
    assert ended.state is state
    assert last.reason is not None
    assert (last.reason.origin, last.reason.text) == (ReasonOrigin.OPERATOR, "Support case 15, by telephone")
    assert last.details == {"by": "key:operations"}


async def test_nobody_decides_on_a_payment_that_waits_for_nobody(earth: World) -> None:
    """A slip, or a second person at the same moment: refused, and nothing is changed."""
    payment = await earth.submit()

    with pytest.raises(NotAwaitingOperatorError) as refused:
        await operators(earth).act(payment.payment_id, OperatorAction.RECORD_REJECTION, note="a slip", by="key:a")

    assert refused.value.state is PaymentState.RECEIVED
    assert (await earth.now(payment)).version == 1
