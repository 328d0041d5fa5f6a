"""What was just decided is remembered: the next step asks the store nothing, and the memory itself decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, PostingAnswer, PostingOutcome
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail
from gateway.service.incoming import recent as memory
from gateway.service.incoming.hear import ID_REUSED
from gateway.service.incoming.post import record_posting
from gateway.service.incoming.recent import RecentTransfers
from gateway.service.ports import Delivery, OutboundDelivery, Queue, RailDelivery
from simulators.fednow.forward import FedNowForwarding
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.store import InMemoryStore
from tests.integration.store.harness import new_payment
from tests.unit.service.incoming_world import IncomingWorld, incoming_world
from tests.unit.service.statements import about
from tests.unit.service.test_coming_back import befall
from tests.unit.service.world import Recorder


class Payments(InMemoryStore):
    """A store of payments that counts what it is asked about messages of the rail."""

    asked = 0

    async def seen(self, rail: Rail, inbox_ids: Sequence[str]) -> Mapping[str, bytes]:
        """Counted."""
        self.asked += 1
        return await super().seen(rail, inbox_ids)

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Counted."""
        self.asked += 1
        return await super().find_by_message_id(rail, message_ids)


class Transfers(InMemoryIncoming):
    """A store of transfers that counts what is read of them."""

    asked = 0

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, IncomingTransfer]:
        """Counted."""
        self.asked += 1
        return await super().load(payment_ids)

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, IncomingTransfer]:
        """Counted."""
        self.asked += 1
        return await super().find_by_message_id(rail, message_ids)


class Counting:
    """Both stores, and how often they were asked since it was last looked."""

    def __init__(self) -> None:
        self.payments = Payments()
        self.transfers = Transfers(self.payments)

    def asked(self) -> int:
        """How often, since it was last looked."""
        count = self.payments.asked + self.transfers.asked
        self.payments.asked = self.transfers.asked = 0
        return count


async def answered(earth: IncomingWorld) -> IncomingTransfer:
    """A transfer that this process has just accepted."""
    transfer = await earth.received()
    await earth.receiving.asker.stand_in(transfer)
    assert earth.now(transfer).state is IncomingState.ACCEPTED
    return transfer


async def hear(earth: IncomingWorld, *bodies: bytes) -> None:
    """Have the rail say this, in one batch."""
    await earth.sending.apply([RailDelivery(f"r{number}", body) for number, body in enumerate(bodies)])


def handed(delivery: OutboundDelivery) -> Delivery:
    """A delivery as the bus hands it out."""
    return Delivery(delivery.delivery_id, delivery.queue, delivery.payment_id, delivery.deadline_at, attempt=1)


def quarantined(earth: IncomingWorld) -> list[tuple[str, ...]]:
    """Why messages were put aside."""
    assert isinstance(earth.sending.observer, Recorder)
    return [each.codes for each in earth.sending.observer.quarantines]


async def test_the_advice_on_what_this_process_has_answered_asks_the_store_nothing() -> None:
    """Three questions less on the way of every received payment; the next word asks what has become of it."""
    count = Counting()
    async with incoming_world(store=count.transfers) as earth:
        transfer = await answered(earth)
        count.asked()

        await hear(earth, earth.advice(transfer))
        first = count.asked()
        await hear(earth, earth.advice(transfer))

        assert (first, count.asked()) == (0, 3)
        assert earth.now(transfer).state is IncomingState.SETTLED


async def test_what_has_happened_since_it_was_answered_counts_and_not_the_memory() -> None:
    """The version is the guard: the advice is applied to the transfer in doubt that it has become."""
    async with incoming_world() as earth:
        transfer = await answered(earth)
        await earth.fire_timers(after_s=60)
        assert earth.now(transfer).state is IncomingState.IN_DOUBT, "the control"

        await hear(earth, earth.advice(transfer))

        last = (await earth.store.events(transfer.payment_id))[-1]
        assert (last.state_before, last.state_after) == (IncomingState.IN_DOUBT, IncomingState.SETTLED)


async def test_one_advice_twice_in_a_batch_counts_once() -> None:
    """The inbox takes it once, though nobody has looked whether it is there."""
    async with incoming_world() as earth:
        transfer = await answered(earth)
        advice = earth.advice(transfer)

        await hear(earth, advice, advice)

        assert earth.now(transfer).version == 3
        assert earth.queued(Queue.FEDNOW_IN_VALUE) == [transfer.payment_id]
        assert quarantined(earth) == []


async def test_another_advice_under_an_id_that_had_its_effect_is_put_aside() -> None:
    """Also where the memory knows the transfer, and nobody has asked whether the id was there."""
    async with incoming_world() as earth:
        one, other = await answered(earth), await answered(earth)
        first = earth.advice(one)
        assert isinstance(earth.writer, FedNowForwarding)
        second = earth.advice(other)
        ids = [earth.read(body).reading.business_message_id.encode() for body in (first, second)]
        await hear(earth, first)

        await hear(earth, second.replace(ids[1], ids[0]))

        assert quarantined(earth) == [(ID_REUSED,)]
        assert earth.now(other).state is IncomingState.ACCEPTED
        await hear(earth, second)
        assert earth.now(other).state is IncomingState.SETTLED, "the control: under its own id"


async def test_a_word_to_the_sender_finds_the_payment_of_ours_though_its_receiver_is_remembered() -> None:
    """Where two institutions of ours pay each other, both have the message id: the addressee tells."""
    async with incoming_world() as earth:
        transfer = await answered(earth)
        ours = replace(
            new_payment("OWN", message_id=transfer.message_id),
            debtor_agent=transfer.instructing_agent,
            creditor_agent=transfer.instructed_agent,
            end_to_end_id=transfer.end_to_end_id,
            uetr=transfer.uetr,
            instruction_id=transfer.instruction_id,
            amount=transfer.amount,
        )
        await earth.store.store.accept([ours])
        case = await befall(earth, ours.payment_id, EventKind.SENDING_STARTED)

        await hear(earth, about(case.now, "ACSC", at=earth.clock.now(), to=transfer.instructing_agent))

        assert case.now.state is PaymentState.SETTLED
        assert earth.now(transfer).state is IncomingState.ACCEPTED
        await hear(earth, earth.advice(transfer))
        assert earth.now(transfer).state is IncomingState.SETTLED, "the control: the receiver's own word"


async def test_a_posting_asks_what_was_decided_meanwhile() -> None:
    """A person has refused it while its delivery waited: what is owed back is not posted too."""
    async with incoming_world() as earth:
        transfer = await answered(earth)
        await hear(earth, earth.advice(transfer))
        (delivery,) = earth.forwarded
        refused = PostingAnswer(PostingOutcome.REFUSED, "AC04")
        await record_posting(earth.receiving.decisions, transfer.payment_id, refused, by="a person")

        await earth.receiving.arrived.see_to(handed(delivery))

        assert earth.now(transfer).state is IncomingState.RETURN_DUE
        assert earth.institution.told_to_post == {}


async def test_the_oldest_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is never advised does not stay for ever."""
    monkeypatch.setattr(memory, "RECENT_MAX", 2)
    recent = RecentTransfers()
    async with incoming_world() as earth:
        several = [earth.now(await answered(earth)) for _ in range(3)]
    for transfer in several:
        recent.remember(transfer)

    found = recent.answered(Rail.FEDNOW, [each.message_id for each in several])

    assert set(found) == {each.message_id for each in several[1:]}
    assert recent.answered(Rail.FEDNOW, [several[1].message_id]) == {}
