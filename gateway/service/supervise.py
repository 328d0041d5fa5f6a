"""Loops that go on: the world's faults are waited out, ours are reported, and nothing is swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

from gateway.service.ports import Clock, Observer

PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 2.0
"""The pause after a fault doubles from the first to the last, and starts over after a minute without one."""

CALM_S: Final = 60.0


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


async def supervise(name: str, loop: Callable[[], Awaitable[None]], *, clock: Clock, observer: Observer) -> None:
    """Run `loop` until cancelled; after a fault, tell the observer, pause, and run it again.

    A cancellation that a library lost on the way (asyncpg raises an error of its own when one meets a dying
    connection) is found again here.
    """
    pause_s = PAUSE_FIRST_S
    task = asyncio.current_task()
    while True:
        started_s = clock.monotonic_s()
        verdict = Verdict()
        async with verdict:
            await loop()
        if verdict.fault is not None:
            observer.fault(name, verdict.fault)
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from verdict.fault
        if clock.monotonic_s() - started_s > CALM_S:
            pause_s = PAUSE_FIRST_S
        await clock.sleep_until(clock.now() + timedelta(seconds=pause_s))
        pause_s = min(pause_s * 2, PAUSE_MAX_S)


async def each(steps: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at once and return when all are done; one that fails stops no other.

    The failure is kept until the end: a child that fails in a `TaskGroup` makes it cancel its parent, and on Python
    3.11 that request stays on the parent's count for good. `supervise` would take it for the order to stop, and the
    loop would end without a word: so ten thousand payments were once left in doubt by a drill.

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
