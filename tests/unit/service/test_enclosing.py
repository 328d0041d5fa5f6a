"""What a delivery brings along: the same as the store would say, sealed, and never more than a question spared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.keys.aes import AesCipher, delivery_cipher
from adapters.rabbitmq.deliveries import body_of, body_with_enclosed
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import SLOTS
from gateway.domain.payment import FundsHolder, IdempotencyKey, Payment, PaymentId, PaymentState
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.enclosing import ENCLOSED_BYTES_MAX, Enclosing
from gateway.service.ports import (
    Decision,
    Delivery,
    MessageDirection,
    OutboundDelivery,
    RawMessage,
    Sealed,
    UnavailableError,
)
from gateway.service.submit import Submitted
from iso20022 import MessageId
from tests.fakes.store import InMemoryStore
from tests.unit.service.test_submitting import REQUEST
from tests.unit.service.world import ENCLOSING, TENANT, World, transfer, world


class Asked(InMemoryStore):
    """Counts what is loaded."""

    loads = 0

    async def load_with_message(
        self, wanted: Sequence[tuple[PaymentId, MessageDirection]]
    ) -> Mapping[PaymentId, tuple[Payment, RawMessage]]:
        """Count; see the port."""
        self.loads += 1
        return await super().load_with_message(wanted)


class Unversioned(InMemoryStore):
    """Saves against any version: for the control."""

    def _save_one(self, decision: Decision) -> bool:
        version = self.rows.payments[decision.payment.payment_id].version
        return super()._save_one(replace(decision, payment=replace(decision.payment, version=version)))


@pytest.fixture
def store(earth: World) -> Asked:
    """The store of this world, which counts."""
    earth.store.__class__ = Asked
    assert isinstance(earth.store, Asked)
    return earth.store


def handed_out(delivery: OutboundDelivery, *, attempt: int = 1) -> Delivery:
    """What a consumer gets of it."""
    return Delivery(
        delivery.delivery_id, delivery.queue, delivery.payment_id, delivery.deadline_at, attempt, delivery.enclosed
    )


async def test_what_is_enclosed_is_what_the_store_would_say(earth: World) -> None:
    """All of it: whoever decides on it cannot tell them apart."""
    earth.store.taken_over = {0: earth.clock.now() + timedelta(seconds=9)}
    earth.store.funds_holders[TENANT] = FundsHolder.CORE
    await earth.submit()
    asked = await earth.intake.submit_payment(
        TENANT, IdempotencyKey("a key"), REQUEST, b'{"a": "line\nor two"}', received_at=earth.clock.now()
    )
    assert isinstance(asked, Submitted)

    for delivery in earth.forwarded:
        stored = await earth.store.load_with_message([(delivery.payment_id, MessageDirection.CLIENT_IN)])
        assert ENCLOSING.opened(handed_out(delivery)) == stored[delivery.payment_id]
    assert len(earth.forwarded) == 2


async def test_a_first_delivery_is_sent_without_a_question_and_any_other_asks(earth: World, store: Asked) -> None:
    """A repeat is late by nature: what was enclosed is old then."""
    await earth.submit()
    [delivery] = earth.forwarded

    await earth.dispatcher.transfer(handed_out(delivery))
    assert (len(earth.rail.sent), store.loads) == (1, 0)

    await earth.dispatcher.transfer(handed_out(delivery, attempt=2))
    await earth.dispatcher.transfer(handed_out(replace(delivery, enclosed=None)))
    assert (len(earth.rail.sent), store.loads) == (1, 2)


async def test_what_is_enclosed_and_no_more_true_is_not_acted_upon(earth: World, store: Asked) -> None:
    """SENDING is saved against the version that was decided on; what was saved meanwhile is loaded."""
    payment = await earth.submit()
    [delivery] = earth.forwarded
    await earth.dispatcher.transfer(handed_out(replace(delivery, enclosed=None)))

    await earth.dispatcher.transfer(handed_out(delivery))

    assert (len(earth.rail.sent), (await earth.now(payment)).version) == (1, 2)


async def test_without_the_version_s_check_what_is_enclosed_would_be_sent_again() -> None:
    """The control: the rail hears twice, and the ledger says so."""

    async def sent_twice() -> None:
        async with world() as earth:
            earth.store.__class__ = Unversioned
            await earth.submit()
            [delivery] = earth.forwarded
            await earth.dispatcher.transfer(handed_out(replace(delivery, enclosed=None)))
            await earth.dispatcher.transfer(handed_out(delivery))
            assert len(earth.rail.sent) == 2

    with pytest.raises(AssertionError, match="the ledger says something else"):
        await sent_twice()


async def test_who_was_overtaken_looks_at_it_as_it_is_now(earth: World, store: Asked) -> None:
    """It waits to be sent again: what was found out about the enclosed payment says nothing of this one."""
    payment = await earth.submit()
    [delivery] = earth.forwarded
    await earth.dispatch(payment)
    await earth.hear_nothing_until_in_doubt(payment)
    resent = decide(await earth.now(payment), Event(EventKind.RESENDING_CHOSEN), at=earth.clock.now(), timing=Timing())
    assert await earth.store.save([resent]) == [True]

    await earth.dispatcher.transfer(handed_out(delivery))

    assert ((await earth.now(payment)).state, (await earth.now(payment)).transfers) == (PaymentState.SENDING, 2)
    assert (store.loads, len(earth.rail.sent)) == (2, 2)


async def test_what_may_have_expired_is_loaded(earth: World, store: Asked) -> None:
    """A timer has ended it, or this delivery does: to ask screening for ever would end nothing."""
    payment = await earth.submit()
    [delivery] = earth.forwarded
    earth.clock.advance(14.5)

    await earth.dispatcher.transfer(handed_out(delivery))

    assert ((await earth.now(payment)).state, store.loads, earth.rail.sent) == (PaymentState.REJECTED, 1, [])


async def test_the_world_s_fault_leaves_the_delivery_to_be_handled_again(earth: World) -> None:
    """Whether SENDING was saved is unknown then; the same delivery, in hand still, finds out."""
    await earth.submit()
    [delivery] = earth.forwarded
    earth.store.next_call_raises = UnavailableError("the store is away")

    with pytest.raises(UnavailableError):
        await earth.dispatcher.transfer(handed_out(delivery))
    await earth.dispatcher.transfer(handed_out(delivery))

    assert len(earth.rail.sent) == 1


async def test_what_does_not_open_or_is_of_another_payment_is_loaded_and_told(earth: World, store: Asked) -> None:
    """Whoever can write to the broker makes up no payment, and puts none in another's place."""
    await earth.submit()
    await earth.submit(replace(transfer(), message_id=MessageId(transfer().message_id[:-1] + "Z")))
    first, second = earth.forwarded
    assert first.enclosed is not None
    flipped = bytearray(first.enclosed.ciphertext)
    flipped[-1] ^= 1
    plaintext = ENCLOSING.cipher.open(first.enclosed)
    strange = [
        second.enclosed,
        replace(first.enclosed, ciphertext=bytes(flipped)),
        Sealed("clear", plaintext),
        Enclosing(delivery_cipher(b"another index key")).cipher.seal(plaintext),
        ENCLOSING.cipher.seal(plaintext.replace(b'"form":1', b'"form":2', 1)),
        ENCLOSING.cipher.seal(b"no JSON"),
    ]

    for enclosed in strange:
        await earth.dispatcher.transfer(handed_out(replace(first, enclosed=enclosed)))

    assert earth.recorder.faults == ["enclosed"] * len(strange)
    assert (store.loads, len(earth.rail.sent)) == (len(strange), 1)


async def test_a_message_beyond_the_bound_is_not_enclosed(earth: World) -> None:
    """The broker keeps what it carries in memory."""
    payment = await earth.submit()
    [bare] = [replace(delivery, enclosed=None) for delivery in earth.forwarded]
    messages = await earth.store.load_with_message([(payment.payment_id, MessageDirection.CLIENT_IN)])
    received = messages[payment.payment_id][1]

    assert ENCLOSING.enclose(bare, payment, replace(received, body=b"x" * ENCLOSED_BYTES_MAX)).enclosed is not None
    assert ENCLOSING.enclose(bare, payment, replace(received, body=b"x" * (ENCLOSED_BYTES_MAX + 1))) == bare


async def test_the_broker_is_told_nothing_of_a_payment_but_its_id(earth: World) -> None:
    """The canary: neither names and accounts of the message, nor the amount. The control shows them in the message."""
    payment = await earth.submit()
    [delivery] = earth.forwarded
    messages = await earth.store.load_with_message([(payment.payment_id, MessageDirection.CLIENT_IN)])
    canaries = [b"200000000001", payment.message_id.encode(), payment.debtor_agent.encode()]
    assert all(canary in messages[payment.payment_id][1].body for canary in canaries)

    body = body_with_enclosed(delivery)

    assert len(body) > len(body_of(delivery))
    assert not any(canary in body or canary in body_of(delivery) for canary in canaries)


async def test_a_slot_that_was_taken_over_is_asked_about_first(earth: World, store: Asked) -> None:
    """What the lost region may have sent under this key is known to the rail alone: the copy says so, too."""
    store.taken_over = dict.fromkeys(range(SLOTS), earth.clock.now() + timedelta(seconds=10))
    payment = await earth.submit()
    [delivery] = earth.forwarded

    await earth.dispatcher.transfer(handed_out(delivery))

    assert (await earth.now(payment)).state is PaymentState.IN_DOUBT
    assert (earth.rail.sent, store.loads) == ([], 0)


def test_the_cipher_of_deliveries_is_no_vault() -> None:
    """It opens nothing that is in clear, and has a key of its own."""
    cipher = delivery_cipher(b"index key")

    assert cipher.open(cipher.seal(b"a payment")) == b"a payment"
    with pytest.raises(LookupError, match="not in the settings"):
        cipher.open(Sealed("clear", b"a payment"))
    with pytest.raises(LookupError, match="or changed"):
        cipher.open(AesCipher({"delivery": b"k" * 32}).seal(b"a payment"))
