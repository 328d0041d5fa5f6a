"""Loops that go on, and stop when they are told to."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from gateway.service.ports import UnavailableError
from gateway.service.supervise import Verdict, each, supervise
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


async def run_for_a_while(loop: Callable[[], Awaitable[None]]) -> tuple[int, Recorder]:
    """How often a loop is run that ends every time, and what was observed."""
    clock, recorder, runs = VirtualClock(), Recorder(), 0

    async def counted() -> None:
        nonlocal runs
        runs += 1
        await loop()

    task = asyncio.ensure_future(supervise("loop", counted, clock=clock, observer=recorder))
    for _ in range(100):
        await asyncio.sleep(0)
        clock.advance(1)
    assert not task.done(), "the loop ended, and nobody had told it to"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return runs, recorder


async def gone() -> None:
    await asyncio.sleep(0)
    raise UnavailableError("gone")


async def grouped() -> None:
    """What any library may do within a loop: a group whose child fails, and its failure made one of ours."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(gone())
    except ExceptionGroup:  # and not except*, which on some Python 3.11 wraps what is raised there once more
        raise UnavailableError("gone") from None


async def test_a_loop_whose_parts_fail_together_is_run_again_and_again() -> None:
    """What a database that dies does to every message in hand; the receiver must outlive it, however often."""
    runs, _ = await run_for_a_while(lambda: each([gone(), gone(), asyncio.sleep(0)]))

    assert runs >= 5


async def test_a_loop_with_a_group_that_failed_within_it_is_run_again_and_again() -> None:
    """On Python 3.11 the request of a group to its parent stays on the parent, and must not look like an order."""
    runs, recorder = await run_for_a_while(grouped)

    assert runs >= 5
    assert recorder.faults == ["loop"] * runs


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="later Pythons take the request back")
async def test_control_a_group_leaves_its_request_on_the_task_that_it_ran_in() -> None:
    """Why each run has a task of its own."""

    async def run() -> int:
        with pytest.raises(UnavailableError):
            await grouped()
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert await asyncio.create_task(run()) == 1


async def test_a_loop_that_is_cancelled_by_nobody_who_may_is_reported_and_run_again() -> None:
    """A loop that dies without a word would leave its payments to nobody."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    runs, recorder = await run_for_a_while(cancelled)

    assert runs >= 5
    assert recorder.faults == ["loop"] * runs


async def test_each_runs_all_and_tells_the_first_failure() -> None:
    """One that fails stops no other."""
    done: list[int] = []

    async def step(number: int) -> None:
        await asyncio.sleep(0)
        if number == 1:
            raise UnavailableError("1")
        done.append(number)

    with pytest.raises(UnavailableError, match="1"):
        await each([step(number) for number in range(4)])

    assert done == [0, 2, 3]


async def test_what_waits_for_all_is_cancelled_with_its_parts() -> None:
    """An order to stop reaches everyone, and is not taken for a failure."""
    stopped: list[int] = []

    async def wait(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(number)

    task = asyncio.ensure_future(each([wait(number) for number in range(3)]))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(stopped) == [0, 1, 2]
