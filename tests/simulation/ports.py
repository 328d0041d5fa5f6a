"""The ports as one process sees them: the fakes that everybody shares, reached through `Life.call`.

Methods are passed on by name, so that a port that grows is simulated without a line here. What is written out is what
is more than one call: the relay's transaction, and a consumer's side of the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Final, cast

from gateway.domain.payment import RegionId
from gateway.service.consuming import Consumer, Handout, Patience
from gateway.service.ports import (
    Bus,
    BusObserver,
    DeadLetter,
    DeliveryHandler,
    MessageClass,
    NewPayment,
    OutboundDelivery,
    PaymentStore,
    Queue,
    RailLink,
    UnavailableError,
)
from tests.fakes.bus import InMemoryBus, Waiting
from tests.fakes.store import InMemoryStore
from tests.simulation.processes import LEASE_S, Life
from tests.simulation.scenario import Part
from tests.simulation.witness import Leaving, Settling

PATIENCE: Final = Patience(retry_s=0.05, retry_max_s=5.0, drain_s=10.0)


class Side:
    """One process's way to a part of the world."""

    def __init__(self, life: Life, part: Part, inner: object) -> None:
        self._life = life
        self._part = part
        self._inner = inner

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._inner, name)

        def call(*arguments: Any, **named: Any) -> Coroutine[Any, Any, Any]:
            return self._life.call(self._part, f"{self._part}.{name}", partial(method, *arguments, **named))

        return call


class _StoreSide(Side):
    async def home_elsewhere(self, payment: NewPayment) -> RegionId | None:
        """Look at the map that this process keeps, which is no call; the store's own answer is `accept`'s."""
        self._life.demand_alive()
        return await cast("InMemoryStore", self._inner).home_elsewhere(payment)

    @asynccontextmanager
    async def relay(self, **named: Any) -> AsyncIterator[Sequence[OutboundDelivery]]:
        """Hold rows, lend them, delete them: the end of the transaction is a call of its own."""
        life = self._life
        life.demand_alive()
        if life.world.is_down(Part.STORE):
            raise UnavailableError("the store is down")
        transaction = cast("InMemoryStore", self._inner).relay(**named)
        deliveries = await transaction.__aenter__()
        is_committed = False

        async def commit() -> None:
            nonlocal is_committed
            is_committed = True
            await transaction.__aexit__(None, None, None)

        try:
            yield deliveries
            await (life.call(Part.STORE, "store.relayed", commit) if deliveries else commit())
        except BaseException as error:
            if not is_committed:
                await transaction.__aexit__(type(error), error, error.__traceback__)
            raise


def store_side(life: Life, store: object) -> PaymentStore:
    """Return the store as a process sees it."""
    return cast("PaymentStore", _StoreSide(life, Part.STORE, store))


class _LinkSide(Side):
    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Hand a message to the rail; whoever watches sees it first."""
        life, rail, swallowed = self._life, cast("RailLink", self._inner), self._life.world.rail.swallowed
        arrived: list[bytes] = []

        async def arrive() -> None:
            arrived.append(body)
            swallowed.discard(body)
            await rail.send(body, message_class=message_class)

        life.demand_alive()
        life.world.witness(Leaving(life.name, body, message_class))
        await life.call(Part.RAIL, "rail.send", arrive)
        if not arrived:
            swallowed.add(body)


def link_side(life: Life, rail: object) -> RailLink:
    """Return the rail as a process sees it."""
    return cast("RailLink", _LinkSide(life, Part.RAIL, rail))


class _BusSide(Side):
    def consume(
        self, queue: Queue, handler: DeliveryHandler, *, prefetch: int, concurrency: int
    ) -> AbstractAsyncContextManager[None]:
        """Hand deliveries to `handler` through the real consumer."""
        life = self._life
        supply = life.world.build.supply(life, queue)
        life.leases.append(supply.lose_all)
        return Consumer(
            queue,
            handler,
            supply,
            prefetch=prefetch,
            concurrency=concurrency,
            patience=PATIENCE,
            observer=cast("BusObserver", life.world.observer_of(life)),
        )

    @asynccontextmanager
    async def take_dead_letters(self, *, limit: int) -> AsyncIterator[Sequence[DeadLetter]]:
        """Lend dead letters."""
        self._life.demand_alive()
        async with cast("InMemoryBus", self._inner).take_dead_letters(limit=limit) as letters:
            yield letters


def bus_side(life: Life, bus: InMemoryBus) -> Bus:
    """Return the bus as a process sees it."""
    return cast("Bus", _BusSide(life, Part.BUS, bus))


class SimulatedSupply:
    """Implements `gateway.service.consuming.Supply`: hands over in any order, and may lose what it is told."""

    def __init__(self, life: Life, bus: InMemoryBus, queue: Queue) -> None:
        self.life = life
        self.bus = bus
        self.queue = queue
        self._held: list[Waiting] = []
        self._answers: list[tuple[Handout[Waiting], Exception | None]] = []
        self._changed = asyncio.Event()
        self._is_leaving = False
        self._is_finished = False

    def loops(self, consumer: Consumer[Waiting]) -> Sequence[Coroutine[Any, Any, None]]:
        """Return what hands deliveries over, and what brings answers back."""
        return [self._hand_over(consumer), self._answer()]

    def leave(self) -> None:
        """Take no more."""
        self._is_leaving = True
        self.bus.changed.set()

    def finish(self) -> None:
        """End."""
        self._is_finished = True
        self._changed.set()

    def settle(self, handout: Handout[Waiting]) -> None:
        """The delivery is done: tell the bus."""
        self._tell(handout, None)

    def give_back(self, handout: Handout[Waiting], *, is_begun: bool) -> None:
        """The consumer leaves."""
        self._tell(handout, UnavailableError("its consumer left"))

    async def fail(self, handout: Handout[Waiting], fault: Exception) -> None:
        """Let the delivery rest, then give it back."""
        await asyncio.sleep(PATIENCE.pause_s(handout.delivery.attempt))
        self._tell(handout, fault)

    def lose_all(self) -> None:
        """The process has died: what it had in hand comes again."""
        for waiting in self._held:
            self.come_again(waiting)

    def come_again(self, waiting: Waiting, *, after_s: float | None = None) -> None:
        """Hand the delivery out once more, when its lease has ended."""
        world = self.life.world

        def again() -> None:
            waiting.is_handed_out = False
            self.bus.changed.set()

        lease_s = world.chance.delay_s(0.01, LEASE_S, "lease", waiting.outbound.delivery_id, waiting.attempt)
        world.later(lease_s if after_s is None else after_s, again)

    def _tell(self, handout: Handout[Waiting], fault: Exception | None) -> None:
        self._answers.append((handout, fault))
        self._changed.set()

    async def _hand_over(self, consumer: Consumer[Waiting]) -> None:
        while not self._is_leaving:
            ready = self.bus.ready(self.queue)
            if not ready or consumer.in_hand >= consumer.prefetch or not self.life.is_alive:
                self.bus.changed.clear()
                await self.bus.changed.wait()
                continue
            waiting = ready[self.life.world.chance.below(len(ready), "next", self.queue, self.life.world.loop.time())]
            await self._take(waiting, consumer)

    async def _take(self, waiting: Waiting, consumer: Consumer[Waiting]) -> None:
        waiting.is_handed_out = True
        waiting.attempt += 1
        self._held.append(waiting)
        delivery = waiting.delivery
        try:
            await self.life.call(
                Part.BUS, "bus.hand_over", _nothing, again=lambda after_s: self.come_again(waiting, after_s=after_s)
            )
        except UnavailableError:
            self.come_again(waiting)
            return
        self.pass_on(Handout(delivery, waiting), consumer)

    def pass_on(self, handout: Handout[Waiting], consumer: Consumer[Waiting]) -> None:
        """The delivery has come: the consumer has it from now on."""
        consumer.take(handout)

    async def _answer(self) -> None:
        while not (self._is_finished and not self._answers):
            if not self._answers:
                self._changed.clear()
                await self._changed.wait()
                continue
            handout, fault = self._answers.pop(0)
            try:
                await self.life.call(Part.BUS, "bus.settle", partial(self._conclude, handout, fault))
            except UnavailableError:
                self.come_again(handout.receipt)
            if handout.receipt in self._held:
                self._held.remove(handout.receipt)

    async def _conclude(self, handout: Handout[Waiting], fault: Exception | None) -> None:
        if fault is None:
            self.life.world.witness(Settling(self.life.name, handout.delivery))
        self.bus.conclude(handout.receipt, fault)


async def _nothing() -> None:
    return None
