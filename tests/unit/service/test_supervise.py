"""Loops that go on, and stop when they are told to."""

from __future__ import annotations

import asyncio

import pytest

from gateway.service.ports import UnavailableError
from gateway.service.supervise import Verdict, supervise
from tests.fakes.clock import VirtualClock
from tests.unit.service.world import Recorder


async def test_a_loop_that_fails_is_reported_and_run_again() -> None:
    """The world's faults are waited out, with a pause that grows."""
    clock, recorder, runs = VirtualClock(), Recorder(), 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        raise UnavailableError("gone")

    task = asyncio.ensure_future(supervise("loop", loop, clock=clock, observer=recorder))
    for _ in range(50):
        await asyncio.sleep(0)
        clock.advance(1)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert runs >= 5
    assert recorder.faults == ["loop"] * runs


async def test_a_cancellation_that_a_library_turns_into_an_error_still_ends_the_loop() -> None:
    """Seen with asyncpg: cancelled on a dying connection, it raised an error of its own, and a worker never ended."""
    clock, recorder, started = VirtualClock(), Recorder(), asyncio.Event()

    async def loop() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("another operation is in progress") from None

    task = asyncio.ensure_future(supervise("loop", loop, clock=clock, observer=recorder))
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorder.faults == ["loop"]


async def test_a_verdict_keeps_a_fault_and_lets_through_what_is_none() -> None:
    """One piece of work is parked; an outage, and a cancellation, are everybody's."""
    verdict = Verdict(but=(UnavailableError,))
    async with verdict:
        raise AssertionError("ours")

    assert isinstance(verdict.fault, AssertionError)
    with pytest.raises(UnavailableError):
        async with Verdict(but=(UnavailableError,)):
            raise UnavailableError("the world's")
    with pytest.raises(asyncio.CancelledError):
        async with Verdict():
            raise asyncio.CancelledError
