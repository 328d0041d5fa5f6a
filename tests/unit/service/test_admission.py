"""The gate before the intake: what would miss its deadline is refused before it is accepted."""

from __future__ import annotations

import asyncio

import pytest

from gateway.service.admission import LEFT_OUT, Admission
from gateway.service.group_commit import OverloadedError
from tests.unit.service.world import World


async def look(admission: Admission) -> None:
    """Let the gate look at the store once."""
    async with asyncio.timeout(1), asyncio.TaskGroup() as group:
        looking = group.create_task(admission.run())
        for _ in range(5):
            await asyncio.sleep(0)
        looking.cancel()


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
