"""What the rail says counts once, in any order, and is never lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentId, PaymentState
from gateway.service.ports import Decision, FaultyRowError, MessageDirection, PartlyFaultyError
from iso20022 import StatusReason, TransactionStatus
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import World, world


async def test_the_same_answer_twice_counts_once(earth: World) -> None:
    """The rail may deliver anything again, byte for byte."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    answer = earth.report(payment.message_id, TransactionStatus.ACSC)

    await earth.hear(answer, answer)
    await earth.hear(answer)

    kinds = [recorded.event.kind for recorded in await earth.store.events(payment.payment_id)]
    assert kinds.count(EventKind.SETTLEMENT_REPORTED) == 1
    assert len(earth.recorder.duplicates) == 2


async def test_another_message_with_the_same_word_is_another_event(earth: World) -> None:
    """The control of the test above: it is the header's id that makes a repeat."""
    payment = await earth.submit()
    await earth.dispatch(payment)

    for _ in range(2):
        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    kinds = [recorded.event.kind for recorded in await earth.store.events(payment.payment_id)]
    assert kinds.count(EventKind.SETTLEMENT_REPORTED) == 2


async def test_many_answers_about_one_payment_in_one_fetch_are_all_applied(earth: World) -> None:
    """A batch with two rows of one payment must not let one of them silently win."""
    payment = await earth.submit()
    await earth.dispatch(payment)

    await earth.hear(
        earth.report(payment.message_id, TransactionStatus.ACTC),
        earth.report(payment.message_id, TransactionStatus.ACWP),
        earth.report(payment.message_id, TransactionStatus.ACCC),
    )

    recorded = await earth.store.events(payment.payment_id)
    assert len(recorded) == 5
    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_a_rejection_after_a_settlement_is_kept_reported_and_not_applied(earth: World) -> None:
    """A contradiction is for a person; the money has moved."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AC04")))

    ended = await earth.now(payment)
    assert (ended.state, ended.status, ended.reason) == (PaymentState.SETTLED, "ACSC", None)
    assert len(earth.recorder.contradictions) == 1
    kept = await earth.store.messages(payment.payment_id)
    assert [message.direction for message in kept].count(MessageDirection.RAIL_IN) == 2


async def test_acwp_then_rjct_is_settled_with_a_return_due(earth: World) -> None:
    """FedNow: RJCT after ACWP means that the creditor's institution owes a pacs.004."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACWP))

    await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AC03")))

    assert (await earth.now(payment)).state is PaymentState.RETURN_DUE
    assert earth.recorder.contradictions == []


@pytest.mark.parametrize("body", [b"garbage", b"", b"<a/>", b"\xff\xfe<"])
async def test_what_cannot_be_read_is_kept_in_quarantine_and_acknowledged(earth: World, body: bytes) -> None:
    """Whatever comes from the rail is kept as bytes; it must not come again for ever either."""
    payment = await earth.submit()
    await earth.dispatch(payment)

    await earth.hear(body, earth.report(payment.message_id, TransactionStatus.ACSC))

    assert [item.message.body for item in earth.recorder.quarantines] == [body]
    assert earth.rail.unacknowledged == 0
    assert (await earth.now(payment)).state is PaymentState.SETTLED


async def test_two_unreadable_messages_are_two_in_quarantine(earth: World) -> None:
    """Without a header there is no id: nothing readable makes one a repeat of the other."""
    await earth.hear(b"first")
    await earth.hear(b"second")

    assert len(earth.recorder.quarantines) == 2
    assert earth.recorder.duplicates == []


async def test_an_answer_about_nothing_that_we_sent_is_kept_in_quarantine(earth: World) -> None:
    """A person must see it: money may have moved that we know nothing of."""
    await earth.hear(earth.report("20261120990000107UNKNOWN", TransactionStatus.ACSC))

    assert [item.codes for item in earth.recorder.quarantines] == [("UNMATCHED_MESSAGE",)]


async def test_other_bytes_under_a_used_message_id_are_kept_and_looked_at(earth: World) -> None:
    """A repeat is the same bytes; another message under the same id is not dropped as one."""
    first, second = await earth.submit(), await earth.submit()
    for payment in (first, second):
        await earth.dispatch(payment)

    await earth.hear(earth.report(first.message_id, TransactionStatus.ACSC, header_id="SAME-ID"))
    await earth.hear(earth.report(second.message_id, TransactionStatus.ACSC, header_id="SAME-ID"))

    assert [item.codes for item in earth.recorder.quarantines] == [("MESSAGE_ID_REUSED",)]
    assert (await earth.now(second)).state is PaymentState.SENDING


async def test_an_answer_that_is_not_for_us_or_not_valid_is_not_acted_upon(earth: World) -> None:
    """Only what is valid, from the rail, and to our connection party counts; the rest is kept, and doubt follows."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    answer = earth.report(payment.message_id, TransactionStatus.ACSC)

    await earth.hear(
        answer.replace(b"<MmbId>990000107</MmbId>", b"<MmbId>990001106</MmbId>", 1),
        answer.replace(b"frb.fednow.01", b"frb.fednow.99"),
    )

    assert [len(item.codes) for item in earth.recorder.quarantines] == [1, 1]
    assert (await earth.now(payment)).state is PaymentState.SENDING


async def test_an_answer_whose_references_are_another_payments_is_not_applied(earth: World) -> None:
    """The message id alone is not enough to move money on."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    answer = earth.report(payment.message_id, TransactionStatus.ACSC, end_to_end_id="SOMEBODY-ELSES")

    await earth.hear(answer)

    assert [item.codes for item in earth.recorder.quarantines] == [("ORIGINAL_END_TO_END_ID_DIFFERS",)]
    assert (await earth.now(payment)).state is PaymentState.SENDING


class _Choking(InMemoryStore):
    """A store that cannot save what a payment of this id is decided."""

    choking_on: PaymentId | None = None

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        if self.choking_on not in {decision.payment.payment_id for decision in decisions}:
            return await super().save(decisions)
        outcomes: list[object] = []
        for decision in decisions:
            if decision.payment.payment_id == self.choking_on:
                outcomes.append(FaultyRowError("a belief of ours does not hold"))
            else:
                outcomes += await super().save([decision])
        raise PartlyFaultyError(outcomes)


async def test_a_fault_of_ours_in_one_message_stops_that_one_alone() -> None:
    """Of two answers, the store chokes on the first: it is parked and kept, the second is applied."""
    store = _Choking()
    async with world(store=store) as earth:
        first, second = await earth.submit(), await earth.submit()
        for payment in (first, second):
            await earth.dispatch(payment)
        store.choking_on = first.payment_id

        await earth.hear(
            earth.report(first.message_id, TransactionStatus.ACSC),
            earth.report(second.message_id, TransactionStatus.ACSC),
        )

        assert earth.recorder.parkings == [first.payment_id]
        assert [item.codes for item in earth.recorder.quarantines] == [("FAULT_OF_OURS",)]
        assert (await earth.now(second)).state is PaymentState.SETTLED


async def test_a_contradiction_is_kept_with_its_event(earth: World) -> None:
    """The alarm survives a crash right after the commit: it is counted from the store."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.RJCT, reason=StatusReason(code="AC04")))

    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    assert (await earth.store.backlog()).contradictions == 1


@pytest.mark.parametrize(("late", "shown"), [(TransactionStatus.ACTC, "ACSC"), (TransactionStatus.ACWP, "ACSC")])
async def test_what_comes_after_the_end_does_not_change_the_status_that_is_shown(
    earth: World, late: TransactionStatus, shown: str
) -> None:
    """Progress that was overtaken by the settlement is history."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

    await earth.hear(earth.report(payment.message_id, late))

    assert (await earth.now(payment)).status == shown
