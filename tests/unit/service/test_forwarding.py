"""From the outbox to the bus: what was just committed at once, and whatever was left a little later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from gateway.domain.payment import PaymentId
from gateway.service.ports import Observer, OutboundDelivery, Queue, UnavailableError
from gateway.service.relay import FORGET_S, FORWARDED_WITHIN_S, WAITING_MAX, Forwarder, relay_once
from tests.fakes.bus import InMemoryBus
from tests.fakes.clock import START, VirtualClock
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import Recorder


def delivery(number: int) -> OutboundDelivery:
    """One of several."""
    return OutboundDelivery(UUID(int=number), Queue.FEDNOW_OUT_VALUE, PaymentId(UUID(int=number)), START)


class Outbox:
    """A forwarder at work between a store and a bus, in which rows were just committed."""

    def __init__(self, bus: InMemoryBus) -> None:
        self.clock = VirtualClock()
        self.store = InMemoryStore()
        self.bus = bus
        self.forwarder = Forwarder(self.store, bus, self.clock, cast("Observer", Recorder()))

    def commit(self, *deliveries: OutboundDelivery) -> None:
        """What an intake does: the rows are there, and the forwarder is told."""
        for one in deliveries:
            self.store.queue(one, at=self.clock.now())
        self.forwarder.take(deliveries)

    @property
    def rows(self) -> list[OutboundDelivery]:
        """What the outbox holds."""
        return [row.delivery for row in self.store.rows.outbox]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Forward while the context is open."""
        tasks = [asyncio.create_task(loop()) for loop in (self.forwarder.publish, self.forwarder.forget)]
        await asyncio.sleep(0)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def runs_into(self, *deliveries: OutboundDelivery) -> None:
        """Publish, with these committed a moment later, until a fault."""
        asyncio.get_running_loop().call_soon(self.commit, *deliveries)
        async with asyncio.timeout(5):
            await self.forwarder.publish()


async def test_what_was_committed_is_on_the_bus_before_anybody_looks_for_it() -> None:
    """And its rows go a moment later, all with one statement."""
    outbox = Outbox(InMemoryBus())
    async with outbox.running():
        outbox.commit(delivery(1), delivery(2))
        await outbox.clock.until_asleep(1)

        assert await outbox.bus.depth(Queue.FEDNOW_OUT_VALUE) == 2
        assert outbox.rows == [delivery(1), delivery(2)]

        outbox.clock.advance(FORGET_S)
        await asyncio.sleep(0.01)
        assert outbox.rows == []


async def test_what_could_not_be_published_stays_for_the_relay() -> None:
    """The forwarder promises nothing: the row is the promise."""
    outbox = Outbox(InMemoryBus())
    outbox.bus.reachable = False

    with pytest.raises(UnavailableError):
        await outbox.runs_into(delivery(1))
    outbox.bus.reachable = True
    too_young = await relay_once(outbox.store, outbox.bus, created_before=START)
    relayed = await relay_once(outbox.store, outbox.bus, created_before=START + timedelta(seconds=FORWARDED_WITHIN_S))

    assert (too_young, relayed) == (0, 1)
    assert outbox.rows == []


async def test_what_waited_at_a_fault_is_not_published_late() -> None:
    """The relay has it by then, and every one of them would come twice."""
    outbox = Outbox(InMemoryBus())
    outbox.bus.reachable = False
    with pytest.raises(UnavailableError):
        await outbox.runs_into(delivery(1))
    outbox.commit(delivery(2))
    outbox.bus.reachable = True

    async with outbox.running():
        outbox.commit(delivery(3))
        await outbox.clock.until_asleep(1)

    assert [row.outbound for row in outbox.bus.ready(Queue.FEDNOW_OUT_VALUE)] == [delivery(3)]


async def test_no_more_waits_than_the_relay_would_have_taken_over_anyway() -> None:
    """Behind a slow bus the newest are forwarded; nothing is lost, for all have their rows."""
    outbox = Outbox(InMemoryBus())
    async with outbox.running():
        outbox.commit(*(delivery(number) for number in range(WAITING_MAX + 5)))
        await outbox.clock.until_asleep(1)
        outbox.clock.advance(FORGET_S)
        await asyncio.sleep(0.01)

    assert outbox.rows == [delivery(number) for number in range(5)]
    assert await outbox.bus.depth(Queue.FEDNOW_OUT_VALUE) == WAITING_MAX


class _PublishesNothing(InMemoryBus):
    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Say that it was done."""


async def test_the_look_at_the_bus_can_fail() -> None:
    """Control: a bus that keeps nothing has rows forgotten that nobody published."""
    outbox = Outbox(_PublishesNothing())
    async with outbox.running():
        outbox.commit(delivery(1))
        await outbox.clock.until_asleep(1)

        assert await outbox.bus.depth(Queue.FEDNOW_OUT_VALUE) == 0
