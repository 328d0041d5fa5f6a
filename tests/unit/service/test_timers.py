"""Timers: fired on time by whoever's work it is, and by a gateway where nobody has; how late is measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import pytest

from gateway.domain.doubt import ENDED_BY_TIME, DoubtPolicy, due_event
from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState
from gateway.domain.timing import TELLING_MARGIN_S
from gateway.service.ports import DueTimer
from gateway.service.supervise import Loop
from gateway.service.timers import BATCH_MAX, WHEN_NOBODY_ELSE_DOES
from tests.fakes.store import InMemoryStore
from tests.unit.domain.test_transitions import payment_in
from tests.unit.service.world import World, world

STEP_S: Final = 0.01
"""Time passes in steps in which every loop has its turn."""

DUE_S: Final = 15 - TELLING_MARGIN_S


class _Counting(InMemoryStore):
    """Counts the looks at deadlines."""

    looks: int = 0

    async def due_deadlines(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        self.looks += 1
        return await super().due_deadlines(now, limit=limit)


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """Run loops while the context is open."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(loop)) for loop in loops]
        yield
        for task in tasks:
            task.cancel()


async def _run(loop: Loop) -> None:
    await loop()


async def pass_time(earth: World, seconds: float) -> None:
    """Let time pass step by step."""
    for _ in range(round(seconds / STEP_S)):
        earth.clock.advance(STEP_S)
        for _ in range(12):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("is_sent", "state"), [(False, PaymentState.REJECTED), (True, PaymentState.IN_DOUBT)], ids=["unsent", "sent"]
)
async def test_without_a_worker_a_gateway_decides_by_the_deadline(
    earth: World, *, is_sent: bool, state: PaymentState
) -> None:
    """The client is told by 15 s: rejected, for nothing was sent; or in doubt, and when the rail is asked."""
    payment = await earth.submit()
    if is_sent:
        await earth.dispatch(payment)

    async with running(earth.timers.run_when_nobody_else_does):
        await pass_time(earth, 15)

    now = await earth.now(payment)
    assert now.state is state
    assert now.updated_at <= payment.deadline_at
    assert now.next_step_at == (payment.accepted_at + timedelta(seconds=25) if is_sent else None)
    assert now.reason is None if is_sent else (now.reason is not None and now.reason.code == "AB11")
    (lateness_s,) = earth.recorder.lateness_s
    assert WHEN_NOBODY_ELSE_DOES.late_by_s <= lateness_s < TELLING_MARGIN_S


async def test_control_without_anybody_a_payment_stays_as_it_is(earth: World) -> None:
    """What the loop is for: nothing was sent, and nobody says so."""
    payment = await earth.submit()

    await pass_time(earth, 60)

    assert (await earth.now(payment)).state is PaymentState.RECEIVED


async def test_beside_a_worker_a_gateway_finds_nothing_to_decide(earth: World) -> None:
    """Whose work it is comes first: each timer is fired once, and within a look of its time."""
    payments = [await earth.submit() for _ in range(3)]

    async with running(earth.timers.run, earth.timers.run_when_nobody_else_does):
        await pass_time(earth, 16)

    assert {(await earth.now(payment)).state for payment in payments} == {PaymentState.REJECTED}
    assert len(earth.recorder.lateness_s) == len(payments)
    assert max(earth.recorder.lateness_s) < WHEN_NOBODY_ELSE_DOES.late_by_s


async def test_a_gateway_leaves_the_questions_to_the_workers() -> None:
    """Nobody would put them: they would be queued again and again. The control: a worker's timers queue one."""
    store = _Counting()
    async with world(store=store) as earth:
        payment = await earth.submit()
        await earth.dispatch(payment)

        async with running(earth.timers.run_when_nobody_else_does):
            await pass_time(earth, 40)
        alone = [recorded.event.kind for recorded in await store.events(payment.payment_id)]
        async with running(earth.timers.run):
            await pass_time(earth, 1)
        with_a_worker = [recorded.event.kind for recorded in await store.events(payment.payment_id)]

    assert alone == [EventKind.ACCEPTED, EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED]
    assert with_a_worker == [*alone, EventKind.STATUS_REQUEST_DUE]


async def test_where_nothing_is_late_a_gateway_looks_once_a_second() -> None:
    """It costs next to nothing; one payment that comes to its end has it look once more, at the right moment."""
    store = _Counting()
    async with world(store=store) as earth, running(earth.timers.run_when_nobody_else_does):
        await pass_time(earth, 30)
        idle = store.looks
        await earth.submit()
        await pass_time(earth, 30)

    assert 29 <= idle <= 31
    assert store.looks - idle <= 35


async def test_more_than_a_batch_that_is_late_is_decided_at_once(earth: World) -> None:
    """After an outage: nobody waits for the next look."""
    payments = [await earth.submit() for _ in range(BATCH_MAX + 5)]
    earth.clock.advance(60)

    async with running(earth.timers.run_when_nobody_else_does):
        for _ in range(200):
            await asyncio.sleep(0)

    assert {(await earth.now(payment)).state for payment in payments} == {PaymentState.REJECTED}
    assert min(earth.recorder.lateness_s) == 60 - DUE_S, "late by as much as nobody was there"


@pytest.mark.parametrize("state", [state for state in PaymentState if not state.is_final])
def test_time_alone_ends_what_it_passes_for_and_of_what_is_in_doubt_the_rail_is_asked(state: PaymentState) -> None:
    """The states of the statement are those of the rule."""
    event = due_event(payment_in(state), policy=DoubtPolicy(), is_looked_back_to=True)

    assert (event.kind is EventKind.DEADLINE_PASSED) == (state in ENDED_BY_TIME)
