"""A worker that is held up between a save and the bytes: what may move money does not leave once it is decided on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import fields, replace

import pytest

from gateway.domain.events import EventKind
from gateway.domain.payment import Payment, PaymentState
from gateway.service.dispatch import Dispatcher
from gateway.service.group_commit import GroupCommit
from gateway.service.operate import OperatorAction, Operators
from gateway.service.ports import Decision, Queue
from gateway.service.rtp import DEFAULT_DOUBT, RtpAddress, rtp_protocol
from iso20022 import RtpProfile
from tests.unit.service.test_rtp import PARTICIPANT, TIMING, in_doubt
from tests.unit.service.world import World, world


class Heedless(Dispatcher):
    """Sends a repeat that was saved whatever has happened since: what the tests below are controlled with."""

    async def _demand_open(self, decision: Decision) -> None:
        """Return."""


@pytest.fixture
async def earth() -> AsyncIterator[World]:
    """A world whose one rail is asked by a repeat."""
    protocol = rtp_protocol(RtpProfile(), address=RtpAddress(participant=PARTICIPANT), timing=TIMING)
    async with world(protocol=protocol) as made:
        yield made


def heedless(earth: World) -> None:
    """Take the look away."""
    earth.dispatcher = Heedless(*(getattr(earth.dispatcher, field.name) for field in fields(Dispatcher)))


def hold_up(earth: World, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Have something happen once the next repeat is saved, before whoever has saved it goes on."""
    decisions = earth.dispatcher.decisions
    waiting = [meanwhile]

    class HeldUp(GroupCommit[Decision, bool]):
        async def submit(self, item: Decision) -> bool:
            held = await decisions.saves.submit(item)
            if item.event.kind is EventKind.TRANSFER_REPEATED and waiting:
                await waiting.pop()()
            return held

    saves = HeldUp(earth.store.save, window_s=0, batch_max=1)
    earth.dispatcher = replace(earth.dispatcher, decisions=replace(decisions, saves=saves))


def rejecting(earth: World, payment: Payment) -> Callable[[], Awaitable[None]]:
    """A person who has been told by the rail that it never had the payment."""
    operators = Operators(earth.dispatcher.decisions, earth.dispatcher.rails, earth.clock)

    async def reject() -> None:
        await operators.act(payment.payment_id, OperatorAction.RECORD_REJECTION, note="never came", by="key:operations")

    return reject


async def awaiting_a_person(earth: World) -> Payment:
    """A payment that was repeated in vain so often that a person is called; it may still be repeated."""
    payment = await in_doubt(earth, repeats=DEFAULT_DOUBT.ping_after)
    await earth.fire_timers(after_s=120)
    await earth.dispatcher.ping(earth.delivery(payment, Queue.RTP_OUT_SYSTEM))
    for _ in range(DEFAULT_DOUBT.questions_max):
        await earth.fire_timers(after_s=120)
        await earth.ask(payment)
    called = await earth.now(payment)
    assert called.state is PaymentState.AWAITING_OPERATOR
    return called


async def test_what_a_person_has_rejected_meanwhile_is_not_repeated(earth: World) -> None:
    """The repeat may be the first copy to arrive: it would settle what the client was told is rejected."""
    payment = await awaiting_a_person(earth)
    before = len(earth.rail.sent)
    hold_up(earth, rejecting(earth, payment))

    await earth.ask(payment)

    assert (await earth.now(payment)).state is PaymentState.REJECTED
    assert len(earth.rail.sent) == before
    assert "question" in earth.recorder.faults


async def test_a_repeat_that_was_held_up_for_longer_than_the_rails_clock_does_not_leave(earth: World) -> None:
    """Whoever looks at the payment meanwhile sees a repeat that left long ago; its timer asks again."""
    payment = await in_doubt(earth)
    await earth.fire_timers(after_s=120)
    before = len(earth.rail.sent)

    async def time_passes() -> None:
        earth.clock.advance(TIMING.rail_clock_s)

    hold_up(earth, time_passes)
    await earth.ask(payment)
    assert len(earth.rail.sent) == before
    await earth.fire_timers(after_s=120)
    await earth.ask(payment)

    assert len(earth.rail.sent) == before + 1
    assert (await earth.now(payment)).state is PaymentState.IN_DOUBT


async def test_a_repeat_that_is_not_held_up_leaves(earth: World) -> None:
    """Neither look stands in its way."""
    payment = await awaiting_a_person(earth)
    before = len(earth.rail.sent)

    await earth.ask(payment)

    assert len(earth.rail.sent) == before + 1


async def test_without_the_look_a_rejected_payment_would_be_repeated(earth: World) -> None:
    """The control of the tests above."""
    payment = await awaiting_a_person(earth)
    before = len(earth.rail.sent)
    heedless(earth)
    hold_up(earth, rejecting(earth, payment))

    await earth.ask(payment)

    assert (await earth.now(payment)).state is PaymentState.REJECTED
    assert len(earth.rail.sent) == before + 1
