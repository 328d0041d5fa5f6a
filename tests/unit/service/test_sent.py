"""What was just sent is remembered: its answer asks the store nothing, and the memory decides nothing by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.service import sent as memory
from gateway.service.ports import Decision
from gateway.service.sent import SentPayments
from iso20022 import TransactionStatus
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import world


class Asked(InMemoryStore):
    """A store that counts what it is asked about messages of the rail."""

    asked = 0

    async def seen(self, rail: Rail, inbox_ids: Sequence[str]) -> Mapping[str, bytes]:
        """Counted."""
        self.asked += 1
        return await super().seen(rail, inbox_ids)

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Counted."""
        self.asked += 1
        return await super().find_by_message_id(rail, message_ids)


async def test_an_answer_to_what_this_process_has_sent_asks_the_store_nothing() -> None:
    """Two questions less on the way of every payment."""
    store = Asked()
    async with world(store=store) as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)

        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

        assert (await earth.now(payment)).state is PaymentState.SETTLED
        assert store.asked == 0


async def test_the_next_answer_asks_what_has_become_of_the_payment() -> None:
    """A memory is good for one answer: after that the payment is another."""
    store = Asked()
    async with world(store=store) as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)
        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACCC))

        assert (await earth.now(payment)).status == "ACCC"
        assert store.asked == 2


async def test_what_has_happened_since_it_was_sent_counts_and_not_the_memory() -> None:
    """The version is the guard: the answer is applied to the payment in doubt that it has become."""
    async with world() as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)
        await earth.fire_timers(after_s=15)

        await earth.hear(earth.report(payment.message_id, TransactionStatus.ACSC))

        history = await earth.store.events(payment.payment_id)
        states = [event.state_before for event in history]
        assert states == [None, PaymentState.RECEIVED, PaymentState.SENDING, PaymentState.IN_DOUBT]
        assert history[-1].state_after is PaymentState.SETTLED


async def test_of_two_answers_in_one_batch_each_is_applied_to_what_the_other_has_left() -> None:
    """Both find the memory; whichever is saved second is decided anew, on what then is."""
    async with world() as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)

        await earth.hear(
            earth.report(payment.message_id, TransactionStatus.ACSC),
            earth.report(payment.message_id, TransactionStatus.ACCC),
        )

        history = await earth.store.events(payment.payment_id)
        assert [event.sequence for event in history] == [1, 2, 3, 4]
        assert (await earth.now(payment)).status == "ACCC"
        assert earth.recorder.quarantines == []


async def test_one_message_twice_in_a_batch_counts_once() -> None:
    """The inbox takes it once, though nobody has looked whether it is there."""
    async with world() as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)
        answer = earth.report(payment.message_id, TransactionStatus.ACSC)

        await earth.hear(answer, answer)

        assert len(await earth.store.events(payment.payment_id)) == 3
        assert len(earth.recorder.duplicates) == 1


def test_the_oldest_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is never answered does not stay for ever."""
    monkeypatch.setattr(memory, "SENT_MAX", 2)
    sent = SentPayments()
    for number in range(3):
        sent.remember(_sending(f"SENT-{number}"))

    found = sent.take(Rail.FEDNOW, ["SENT-0", "SENT-1", "SENT-2", "SENT-2", "NOBODYS"])

    assert set(found) == {"SENT-1", "SENT-2"}
    assert sent.take(Rail.FEDNOW, ["SENT-1"]) == {}


def _sending(message_id: str) -> Decision:
    payment = SimpleNamespace(rail=Rail.FEDNOW, message_id=message_id, at=datetime(2026, 1, 1, tzinfo=UTC))
    return cast("Decision", SimpleNamespace(state=PaymentState.SENDING, outcome=payment))
