"""Doubt: no answer in time. The rail is asked, and only its word about the payment ends it."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.domain.payment import Payment, PaymentState
from gateway.domain.timing import ASKED_WITHIN_S
from gateway.service.ports import Queue
from iso20022 import FEDNOW_ID, FedNowProfile, PaymentStatusRequest, StatusReason, TransactionStatus, examine
from tests.unit.service.world import PARTY, World, seconds, world


async def in_doubt(earth: World) -> Payment:
    """A payment that was sent 25 seconds ago, and asked about."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=15)
    await earth.fire_timers(after_s=10)
    await earth.ask(payment)
    return await earth.now(payment)


def question(earth: World) -> PaymentStatusRequest:
    """The last pacs.028 that was sent."""
    message = examine(earth.rail.sent[-1].body, profile=FedNowProfile()).message
    assert isinstance(message, PaymentStatusRequest)
    return message


async def test_at_the_promise_the_client_holds_in_doubt_with_the_next_step_and_its_time(earth: World) -> None:
    """FedNow: 15 s are promised, 25 s must pass from the creation time before the rail may be asked."""
    payment = await earth.submit()
    await earth.dispatch(payment)

    await earth.fire_timers(after_s=15)

    doubtful = await earth.now(payment)
    assert doubtful.state is PaymentState.IN_DOUBT
    assert seconds(doubtful.next_step_at, payment.accepted_at) == 25


async def test_the_question_names_the_payment_as_it_was_sent(earth: World) -> None:
    """Message id, creation time and references of the pacs.008 that left, under a message id of its own."""
    payment = await in_doubt(earth)

    asked = question(earth)

    assert asked.original_message_id == payment.message_id
    assert asked.original_uetr == payment.uetr
    assert asked.message_id != payment.message_id
    assert len(earth.rail.sent) == 2


async def test_a_delivery_of_a_question_that_comes_again_asks_again_under_a_new_id(earth: World) -> None:
    """Asking twice is harmless; asking under a used id would be refused."""
    payment = await in_doubt(earth)
    first = question(earth).message_id

    await earth.ask(payment)

    assert question(earth).message_id != first


@pytest.mark.parametrize(
    ("status", "reason", "state"),
    [
        (TransactionStatus.ACSC, None, PaymentState.SETTLED),
        (TransactionStatus.ACWP, None, PaymentState.ACCEPTED_WITHOUT_POSTING),
        (TransactionStatus.RJCT, StatusReason(code="AC04"), PaymentState.REJECTED),
        (TransactionStatus.RJCT, StatusReason(proprietary="E997"), PaymentState.REJECTED),
        (TransactionStatus.ACTC, None, PaymentState.IN_DOUBT),
    ],
)
async def test_the_rails_word_about_the_payment_ends_the_doubt(
    earth: World, status: TransactionStatus, reason: StatusReason | None, state: PaymentState
) -> None:
    """The answer to a question is a pacs.002 about the pacs.008."""
    payment = await in_doubt(earth)

    await earth.hear(earth.report(payment.message_id, status, reason=reason))

    assert (await earth.now(payment)).state is state


REFUSED_QUESTIONS: Final = (
    ("E400", PaymentState.REJECTED),
    ("E402", PaymentState.REJECTED),
    ("E401", PaymentState.AWAITING_OPERATOR),
    ("E411", PaymentState.IN_DOUBT),
    ("AG09", PaymentState.IN_DOUBT),
    ("NARR", PaymentState.IN_DOUBT),
    ("SIM-NEVER-HEARD-OF", PaymentState.IN_DOUBT),
)
"""Not found and not processed end it; anything else, known or not, says nothing of the payment."""

REFUSED_TRANSFERS: Final = (("E997", PaymentState.REJECTED), ("AC03", PaymentState.REJECTED))
"""The control: a code that refuses a transfer alone ends it where the transfer is named."""


@pytest.mark.parametrize(
    ("names_transfer", "code", "state"),
    [
        *((False, *row) for row in REFUSED_QUESTIONS),
        *((True, *row) for row in (*REFUSED_QUESTIONS, *REFUSED_TRANSFERS)),
    ],
)
async def test_a_refused_question_says_only_what_its_code_is_known_to_say(
    earth: World, code: str, state: PaymentState, *, names_transfer: bool
) -> None:
    """Whichever id the rail puts: that is not public."""
    payment = await in_doubt(earth)
    reason = StatusReason(code=code) if len(code) == 4 and code[0] != "E" else StatusReason(proprietary=code)
    about = (
        (payment.message_id, "pacs.008.001.08") if names_transfer else (question(earth).message_id, "pacs.028.001.03")
    )

    await earth.hear(earth.report(about[0], TransactionStatus.RJCT, reason=reason, about_type=about[1]))

    ended = await earth.now(payment)
    assert ended.state is state
    assert ended.state is not PaymentState.IN_DOUBT or ended.next_step_at is not None


@pytest.mark.parametrize(
    ("is_asked", "is_services", "state"),
    [
        (True, True, PaymentState.IN_DOUBT),
        (False, True, PaymentState.REJECTED),
        (False, False, PaymentState.REJECTED),
    ],
)
async def test_a_rejection_in_words_is_one_unless_the_service_was_asked(
    earth: World, *, is_asked: bool, is_services: bool, state: PaymentState
) -> None:
    """NARR: before any question the service rejects by it, and so does the creditor's institution."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    if is_asked:
        await earth.fire_timers(after_s=15)
        await earth.fire_timers(after_s=10)
        await earth.ask(payment)
    speaker = FEDNOW_ID if is_services else payment.creditor_agent

    await earth.hear(
        earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="NARR"), speaker=speaker)
    )

    assert (await earth.now(payment)).state is state


@pytest.mark.parametrize("about", ["the transfer", "the question"])
async def test_an_unknown_reason_is_in_doubt_with_a_finding(earth: World, about: str) -> None:
    """Nothing is read into a code that is not on the list; asked again, the rail tells."""
    payment = await in_doubt(earth)
    original = payment.message_id if about == "the transfer" else question(earth).message_id

    await earth.hear(
        earth.report(original, TransactionStatus.RJCT, reason=StatusReason(proprietary="SIM-NEVER-HEARD-OF"))
    )
    doubtful = await earth.now(payment)
    await earth.fire_timers(after_s=10)
    await earth.ask(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    assert doubtful.state is PaymentState.IN_DOUBT
    assert [quarantined.codes for quarantined in earth.recorder.quarantines] == [("FEDNOW_REASON_CODE",)]
    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_control_a_reason_on_the_list_is_final() -> None:
    """The test above can fail: the list is a setting."""
    known = FedNowProfile(own_connection_party=PARTY, status_reasons=frozenset({"SIM-NEVER-HEARD-OF"}))
    async with world(profile=known) as earth:
        payment = await in_doubt(earth)
        reason = StatusReason(proprietary="SIM-NEVER-HEARD-OF")

        await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=reason))

        assert (await earth.now(payment)).state is PaymentState.REJECTED


def questions_queued(earth: World) -> int:
    """How many deliveries of a question were ever put on the queue."""
    return sum(
        each.queue is Queue.FEDNOW_OUT_INQUIRY for decision in earth.recorder.decisions for each in decision.outbox
    )


async def test_while_a_question_waits_in_its_queue_no_other_joins_it(earth: World) -> None:
    """A queue that lags would grow by one of each payment at every turn, and lag the more.

    The pause runs from the moment at which the question is put; the control is the next one, which comes then.
    """
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=15)

    for _ in range(5):
        await earth.fire_timers(after_s=10)
    assert questions_queued(earth) == 1

    await earth.ask(payment)
    await earth.fire_timers(after_s=5)
    assert questions_queued(earth) == 2


async def test_a_question_that_was_lost_on_its_way_is_queued_again(earth: World) -> None:
    """A broker may lose what it had: nothing is stuck."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=15)
    await earth.fire_timers(after_s=10)

    await earth.fire_timers(after_s=ASKED_WITHIN_S)

    assert questions_queued(earth) == 2


async def test_a_rail_that_stays_silent_is_asked_again_and_again(earth: World) -> None:
    """Nothing is stuck: the pauses double up to a minute."""
    payment = await in_doubt(earth)

    for _ in range(5):
        await earth.fire_timers(after_s=60)
        await earth.ask(payment)

    assert (await earth.now(payment)).state is PaymentState.IN_DOUBT
    assert len(earth.rail.sent) >= 6


async def test_a_refusal_that_may_mean_a_duplicate_never_means_rejected(earth: World) -> None:
    """admi.002: a second copy may have been refused because the first was processed."""
    payment = await earth.submit()
    await earth.dispatch(payment)

    await earth.hear(earth.reject(payment.message_id, "T505"))
    doubtful = await earth.now(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    assert doubtful.state is PaymentState.IN_DOUBT
    assert seconds(doubtful.next_step_at, payment.accepted_at) == 25
    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert earth.recorder.contradictions == []


async def test_a_refusal_whose_code_is_set_as_definite_rejects_at_once() -> None:
    """The rail's list is not public: the institution that has it says which codes are definite."""
    async with world(definite_refusals=frozenset({"T505"})) as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)

        await earth.hear(earth.reject(payment.message_id, "T505"))

        ended = await earth.now(payment)
        assert (ended.state, ended.reason and ended.reason.code) == (PaymentState.REJECTED, "T505")


async def test_a_refused_question_is_no_refusal_of_the_payment() -> None:
    """An admi.002 about the pacs.028, even with a definite code."""
    async with world(definite_refusals=frozenset({"T505"})) as earth:
        payment = await in_doubt(earth)

        await earth.hear(earth.reject(question(earth).message_id, "T505"))

        assert (await earth.now(payment)).state is PaymentState.IN_DOUBT


@pytest.mark.parametrize(("days", "state"), [(1, PaymentState.REJECTED), (2, PaymentState.IN_DOUBT)])
async def test_not_found_is_believed_only_while_the_rail_looks_back_that_far(
    earth: World, days: int, state: PaymentState
) -> None:
    """The rail knows of today and yesterday: after two days "not found" says nothing, and a person must look."""
    payment = await in_doubt(earth)
    earth.clock.advance(days * 86_400)

    await earth.hear(
        earth.report(
            question(earth).message_id,
            TransactionStatus.RJCT,
            reason=StatusReason(proprietary="E400"),
            about_type="pacs.028.001.03",
        )
    )

    assert (await earth.now(payment)).state is state
