"""Loops that go on: the world's faults are waited out, ours are reported, and nothing is swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

from gateway.service.ports import Clock, Observer

PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 2.0
"""The pause after a fault doubles from the first to the last, and starts over after a minute without one."""

CALM_S: Final = 60.0


async def supervise(name: str, loop: Callable[[], Awaitable[None]], *, clock: Clock, observer: Observer) -> None:
    """Run `loop` until cancelled; after a fault, tell the observer, pause, and run it again."""
    pause_s = PAUSE_FIRST_S
    while True:
        started_s = clock.monotonic_s()
        try:
            await loop()
        except Exception as error:  # noqa: BLE001 - the one loop that parks: whatever failed, the others go on
            observer.fault(name, error)
        if clock.monotonic_s() - started_s > CALM_S:
            pause_s = PAUSE_FIRST_S
        await clock.sleep_until(clock.now() + timedelta(seconds=pause_s))
        pause_s = min(pause_s * 2, PAUSE_MAX_S)


async def each(steps: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all at once and return when all are done.

    Raises:
        Exception: the first that failed, after the others were cancelled; a group of one is not shown as a group.

    """
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except* Exception as failures:
        raise failures.exceptions[0] from failures
