"""Loops that go on: the world's faults are waited out, ours are reported, and nothing is swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self

from gateway.service.ports import Clock, Observer

PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 2.0
"""The pause after a fault doubles from the first to the last, and starts over after a minute without one."""

CALM_S: Final = 60.0

Loop = Callable[[], Awaitable[None]]
"""What runs until it is cancelled."""


class Verdict:
    """What one piece of work ended with: a context that keeps whatever it raised, and stops nothing else.

    This is the one place that parks (house style, section 6): a loop over many cannot know what one of them may raise.
    What is passed in `but` is no fault of that one piece, and goes through; so does a cancellation.
    """

    def __init__(self, *, but: tuple[type[Exception], ...] = ()) -> None:
        self.fault: Exception | None = None
        self._but = but

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception) and not isinstance(error, self._but):
            self.fault = error
            return True
        return False


async def supervise(name: str, loop: Loop, *, clock: Clock, observer: Observer) -> None:
    """Run `loop` until cancelled; after a fault, tell the observer, pause, and run it again.

    Each run is a task of its own. On Python 3.11 a `TaskGroup` whose child fails asks the task that it runs in to
    cancel, and leaves that request there for good: ten thousand payments were once left in doubt by a drill, because
    two receivers took it for the order to stop. Here the order is what is asked of *this* task, and of no other; and
    it is found again where a library lost it on the way (asyncpg raises an error of its own when a cancellation meets
    a dying connection).
    """
    pause_s = PAUSE_FIRST_S
    own = asyncio.current_task()
    assert own is not None, "a coroutine runs in a task"
    while True:
        started_s = clock.monotonic_s()
        fault = await _fault_of_a_run(loop, own)
        if fault is not None:
            observer.fault(name, fault)
        if own.cancelling():
            raise asyncio.CancelledError from fault
        if clock.monotonic_s() - started_s > CALM_S:
            pause_s = PAUSE_FIRST_S
        await clock.pause(pause_s)
        pause_s = min(pause_s * 2, PAUSE_MAX_S)


async def _fault_of_a_run(loop: Loop, supervisor: asyncio.Task[Any]) -> Exception | None:
    """What one run of the loop ended with; a run that was cancelled though nobody told it to stop has a fault too."""

    async def run() -> None:
        await loop()

    verdict = Verdict()
    try:
        async with verdict:
            await asyncio.create_task(run())
    except asyncio.CancelledError as error:
        if supervisor.cancelling():
            raise
        return RuntimeError(f"the loop was cancelled, and was not told to stop: {error!r}")
    return verdict.fault


async def each(steps: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at once and return when all are done; one that fails stops no other.

    Raises:
        Exception: the first that failed.

    """
    failures: list[Exception] = []

    async def kept(step: Coroutine[Any, Any, None]) -> None:
        verdict = Verdict()
        async with verdict:
            await step
        if verdict.fault is not None:
            failures.append(verdict.fault)

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(kept(step))
    if failures:
        raise failures[0]
