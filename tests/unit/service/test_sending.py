"""Sending: once, only in time, and never guessed about."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from gateway.domain.payment import Payment, PaymentId, PaymentState
from gateway.domain.timing import Timing
from gateway.service.dispatch import Dispatcher
from gateway.service.ports import (
    DeadLetter,
    Delivery,
    MessageClass,
    NotSentError,
    OutboundDelivery,
    Queue,
    UnavailableError,
)
from iso20022 import Direction, FedNowProfile, examine
from tests.fakes.bus import InMemoryBus
from tests.fakes.rail import Sent
from tests.unit.service.world import World, seconds, world


async def test_sending_is_saved_before_the_first_byte_leaves(earth: World) -> None:
    """A state in which money may have moved is never entered after the fact."""
    payment = await earth.submit()
    states: list[PaymentState] = []

    class Watching(type(earth.rail)):  # type: ignore[misc]
        async def send(self, body: bytes, **options: object) -> None:
            states.append((await earth.now(payment)).state)
            await super().send(body, **options)

    earth.rail.__class__ = Watching
    await earth.dispatch(payment)

    assert states == [PaymentState.SENDING]


async def test_the_rail_gets_the_clients_document_under_our_own_header(earth: World) -> None:
    """The clock of the rail starts from our header's creation time, stamped with SENDING."""
    payment = await earth.submit()
    earth.clock.advance(2)

    await earth.dispatch(payment)

    sent: Sent = earth.rail.sent[0]
    report = examine(sent.body, profile=FedNowProfile(), direction=Direction.TO_RAIL)
    assert report.valid, report.findings
    assert report.header is not None
    assert report.header.creation_time == (await earth.now(payment)).creation_time == earth.clock.now()
    assert str(report.header.business_message_id) == str(payment.message_id)


async def test_a_delivery_that_comes_again_sends_nothing(earth: World) -> None:
    """Any broker, relay or worker may repeat itself at any moment: the rail sees one payment."""
    payment = await earth.submit()

    await asyncio.gather(*(earth.dispatch(payment) for _ in range(10)))
    await earth.dispatch(payment)

    assert len(earth.rail.sent) == 1


async def handed_out(earth: World, payment: Payment) -> tuple[int, list[DeadLetter]]:
    """Hand the payment's delivery out until a bus is done with it; return how often that was, and the dead letters."""
    bus, times = InMemoryBus(clock=earth.clock), 0
    delivery = earth.delivery(payment, Queue.FEDNOW_OUT_VALUE)

    async def handle(delivered: Delivery) -> None:
        nonlocal times
        times += 1
        await earth.dispatcher.transfer(delivered)

    await bus.publish(
        [OutboundDelivery(delivery.delivery_id, delivery.queue, delivery.payment_id, delivery.deadline_at)]
    )
    async with bus.consume(delivery.queue, handle, prefetch=1, concurrency=1), asyncio.timeout(5):
        while await bus.depth(delivery.queue):
            await asyncio.sleep(0)
    async with bus.take_dead_letters(limit=10) as letters:
        return times, list(letters)


async def test_a_fault_of_ours_after_the_bytes_have_left_repeats_the_delivery_and_never_the_payment(
    earth: World,
) -> None:
    """ADR 6: the handler looks again, finds that it was sent, and leaves it to the rail's answer and the timer."""
    payment = await earth.submit()

    class Faulty(type(earth.rail)):  # type: ignore[misc]
        async def send(self, body: bytes, **options: object) -> None:
            await super().send(body, **options)
            raise ValueError("a fault of ours, after the fact")

    earth.rail.__class__ = Faulty
    times, letters = await handed_out(earth, payment)

    assert (times, letters) == (2, [])
    assert len(earth.rail.sent) == 1
    assert (await earth.now(payment)).state is PaymentState.SENDING


async def test_poison_is_a_dead_letter_with_its_reason_and_nothing_of_it_has_left(earth: World) -> None:
    """What fails before anything is saved fails ten times, and is for a person."""
    payment = replace(await earth.submit(), payment_id=PaymentId(UUID(int=404)))

    times, letters = await handed_out(earth, payment)

    assert times == 10
    assert [letter.fault.partition(":")[0] for letter in letters if letter.fault] == ["LookupError"]
    assert earth.rail.sent == []


async def test_a_payment_with_too_little_time_left_is_rejected_and_never_sent(earth: World) -> None:
    """The rail needs a second at least: what cannot make it does not try."""
    payment = await earth.submit()
    earth.clock.advance(14.5)

    await earth.dispatch(payment)

    ended = await earth.now(payment)
    assert (ended.state, ended.reason and ended.reason.code) == (PaymentState.REJECTED, "AB11")
    assert earth.rail.sent == []


async def test_what_surely_never_left_is_tried_again_and_in_the_end_rejected(earth: World) -> None:
    """Nobody listens: no byte left, so the same worker tries on; when time is up, no money can have moved."""
    payment = await earth.submit()
    earth.rail.reachable = False

    dispatching = asyncio.ensure_future(earth.dispatch(payment))
    while not dispatching.done():
        await asyncio.sleep(0)
        earth.clock.advance(0.1)

    ended = await earth.now(payment)
    assert (ended.state, ended.reason and ended.reason.code) == (PaymentState.REJECTED, "AB11")
    assert len(earth.recorder.faults) > 10
    assert seconds(ended.updated_at, payment.accepted_at) < 15


async def test_a_rail_that_comes_back_in_time_gets_the_payment(earth: World) -> None:
    """A restart of the other side is not a reason to reject."""
    payment = await earth.submit()
    earth.rail.reachable = False
    dispatching = asyncio.ensure_future(earth.dispatch(payment))
    for _ in range(200):
        await asyncio.sleep(0)
        earth.clock.advance(0.01)

    earth.rail.reachable = True
    while not dispatching.done():
        await asyncio.sleep(0)
        earth.clock.advance(0.1)

    assert len(earth.rail.sent) == 1
    assert (await earth.now(payment)).state is PaymentState.SENDING


@pytest.mark.parametrize("failure", [UnavailableError("reset")])
async def test_what_may_have_left_is_never_tried_again(earth: World, failure: UnavailableError) -> None:
    """A connection that broke while sending: the rail may have it. Only its answer can tell, or asking."""
    payment = await earth.submit()
    earth.rail.next_send_raises = failure

    await earth.dispatch(payment)
    await earth.fire_timers(after_s=15)

    assert (await earth.now(payment)).state is PaymentState.IN_DOUBT
    assert len(earth.rail.sent) <= 1


def test_the_two_failures_are_told_apart_by_their_types() -> None:
    """The control: a link that mixed them up would resend or would give up too early."""
    assert issubclass(NotSentError, UnavailableError)
    assert not issubclass(UnavailableError, NotSentError)


async def test_nothing_leaves_any_more_once_the_rail_could_have_been_asked() -> None:
    """Unreachable, in doubt, asked, "not found", rejected, and then reachable: the first worker must not send."""
    timing = Timing(rail_clock_s=4, status_request_wait_s=5)
    async with world(timing=timing) as earth:
        payment = await earth.submit()
        earth.rail.reachable = False
        dispatching = asyncio.ensure_future(earth.dispatch(payment))
        for _ in range(60):
            await asyncio.sleep(0)
            earth.clock.advance(0.1)

        earth.rail.reachable = True
        await dispatching

        ended = await earth.now(payment)
        assert ended.state is PaymentState.REJECTED
        assert seconds(ended.final_at, payment.accepted_at) <= 4
        assert earth.rail.sent == []


async def test_a_worker_that_retries_stops_when_the_payment_is_no_longer_its_to_send(earth: World) -> None:
    """A timer came first: it is certain that nothing left, and that is what is said."""
    payment = await earth.submit()
    earth.rail.reachable = False
    dispatching = asyncio.ensure_future(earth.dispatch(payment))
    while (await earth.now(payment)).state is PaymentState.RECEIVED:
        await asyncio.sleep(0)
    await earth.hear_nothing_until_in_doubt(payment)

    earth.rail.reachable = True
    while not dispatching.done():
        await asyncio.sleep(0)
        earth.clock.advance(0.1)

    assert (await earth.now(payment)).state is PaymentState.REJECTED
    assert earth.rail.sent == []


class _Forgetful(Dispatcher):
    """The dispatcher with its guards taken out: it sends whatever it is handed, and saves nothing first."""

    async def transfer(self, delivery: Delivery) -> None:
        (payment,) = (await self.decisions.store.load([delivery.payment_id])).values()
        received = (await self.decisions.store.messages(payment.payment_id))[0]
        message = self.rails[payment.rail].transfer_message(payment, received, at=self.clock.now())
        await self.links[payment.rail].send(message.body, message_class=MessageClass.VALUE)


async def test_control_a_dispatcher_without_guards_sends_twice_and_before_it_saves(earth: World) -> None:
    """The tests above can fail: the same deliveries, through a dispatcher that asks and saves nothing."""
    payment = await earth.submit()
    guarded = earth.dispatcher
    earth.dispatcher = _Forgetful(
        guarded.decisions,
        guarded.loads,
        guarded.rails,
        guarded.links,
        guarded.clock,
        guarded.identifiers,
        guarded.observer,
        guarded.funds,
    )

    for _ in range(2):
        await earth.dispatch(payment)

    assert len(earth.rail.sent) == 2
    assert (await earth.now(payment)).state is PaymentState.RECEIVED
