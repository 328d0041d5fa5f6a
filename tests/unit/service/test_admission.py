"""The gate before the intake: what would miss its deadline is refused before it is accepted."""

from __future__ import annotations

import asyncio

import pytest

from gateway.service.admission import LEFT_OUT, Admission, BusAwayError, BusBlockedError
from gateway.service.group_commit import OverloadedError
from gateway.service.ports import Queue, UnavailableError, UnroutableError
from tests.fakes.bus import InMemoryBus
from tests.unit.service.world import World


async def look(admission: Admission) -> None:
    """Let the gate look at the store once."""
    async with asyncio.timeout(1), asyncio.TaskGroup() as group:
        looking = group.create_task(admission.run())
        for _ in range(5):
            await asyncio.sleep(0)
        looking.cancel()


async def ask(admission: Admission, bus: InMemoryBus) -> None:
    """Let the gate ask the bus once."""
    async with asyncio.timeout(1), asyncio.TaskGroup() as group:
        asking = group.create_task(admission.watch(bus))
        for _ in range(3):
            await asyncio.sleep(0)
        asking.cancel()


async def test_the_gate_closes_while_a_payment_has_waited_too_long_and_opens_by_itself(earth: World) -> None:
    """Workers, relay or broker are behind: nothing more is promised until they have caught up."""
    admission = Admission(earth.store, earth.clock, wait_max_s=1.5)
    payments = [await earth.submit() for _ in range(LEFT_OUT + 1)]
    await look(admission)
    admission.admit()

    earth.clock.advance(2)
    with pytest.raises(OverloadedError, match=r"have waited 2\.0 s"):
        admission.admit()

    await earth.dispatch(payments[0])
    await look(admission)
    admission.admit()


async def test_one_stuck_payment_does_not_close_the_gate_for_all(earth: World) -> None:
    """A delivery that nobody can handle waits for its dead-letter limit; that is no backlog."""
    admission = Admission(earth.store, earth.clock, wait_max_s=1.5)
    for _ in range(LEFT_OUT):
        await earth.submit()
    earth.clock.advance(10)

    await look(admission)

    admission.admit()


async def test_payments_that_have_left_do_not_close_the_gate(earth: World) -> None:
    """A silent rail is not our backlog: what waits for it has been sent."""
    admission = Admission(earth.store, earth.clock, wait_max_s=1.5)
    for _ in range(LEFT_OUT + 1):
        await earth.dispatch(await earth.submit())
    earth.clock.advance(10)

    await look(admission)

    admission.admit()


async def test_nothing_is_done_with_what_the_gate_refuses(earth: World) -> None:
    """No claim, no refusal on record: the same request may come again in a moment."""
    await earth.submit()
    earth.admission.waiting_since = earth.clock.now()
    earth.clock.advance(2)

    with pytest.raises(OverloadedError):
        await earth.submit()

    assert len(earth.store.rows.payments) == 1
    assert earth.recorder.refusals == []


async def test_the_gate_closes_at_once_when_the_bus_says_that_it_takes_nothing(earth: World) -> None:
    """A memory or disk alarm, at a rate at which no payment has waited yet: what was accepted now would end as AB11."""
    admission, bus = Admission(earth.store, earth.clock, wait_max_s=1.5), InMemoryBus(clock=earth.clock)
    await ask(admission, bus)
    admission.admit()

    bus.blocked = True
    with pytest.raises(UnavailableError):
        await admission.watch(bus)
    with pytest.raises(BusBlockedError):
        admission.admit()

    bus.blocked = False
    await ask(admission, bus)
    admission.admit()


async def test_the_gate_closes_when_the_bus_has_not_answered_for_longer_than_a_moment(earth: World) -> None:
    """A broker that starts again is waited for; one that stays away is not, counted from the first question."""
    admission, bus = Admission(earth.store, earth.clock, wait_max_s=1.5), InMemoryBus(clock=earth.clock)
    bus.reachable = False
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await admission.watch(bus)
        admission.admit()
        earth.clock.advance(1)

    with pytest.raises(BusAwayError, match=r"not answered for 2\.0 s"):
        admission.admit()

    bus.reachable = True
    await ask(admission, bus)
    admission.admit()


async def test_a_gateway_that_starts_before_the_first_worker_takes_payments(earth: World) -> None:
    """Queues that nobody has declared yet are no fault of the bus: the worker that declares them may be on its way."""

    class Undeclared(InMemoryBus):
        async def check(self) -> None:
            raise UnroutableError(f"not declared: {Queue.FEDNOW_OUT_VALUE}")

    admission = Admission(earth.store, earth.clock, wait_max_s=1.5)

    with pytest.raises(UnroutableError):
        await admission.watch(Undeclared(declared=False))
    earth.clock.advance(10)

    admission.admit()
