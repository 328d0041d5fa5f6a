"""What is large is read in a thread, and after what is not: so reports never delay money."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from gateway.service.ports import Observer, RailDelivery
from gateway.service.supervise import Verdict

LARGE_BYTES: Final = 32 * 1024
"""No message about one payment comes near it; a report of a day, or a file of who takes part, goes far beyond.

While it is read everything else waits.
"""


def split(
    deliveries: Sequence[RailDelivery], *, large_bytes: int = LARGE_BYTES
) -> tuple[Sequence[RailDelivery], Sequence[RailDelivery]]:
    """Return those that are read at once, and the large ones, each in the order in which they came."""
    large = [each for each in deliveries if len(each.body) > large_bytes]
    return [each for each in deliveries if len(each.body) <= large_bytes], large


class Aside:
    """Work on large messages, beside the loop that fetches: one fetch's at a time, and the next waits its turn.

    A context: leaving it ends what is at work, of which nothing was acknowledged then.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._tasks = asyncio.TaskGroup()
        self._task: asyncio.Task[None] | None = None
        self._working = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        await self._tasks.__aexit__(None, None, None)  # what the loop itself ended with goes on as it is

    async def put(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin it, once what was put before is done. What it raises is told: the rail brings the messages again."""
        await self._working.acquire()
        self._task = self._tasks.create_task(self._do(work))

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            verdict = Verdict()
            async with verdict:
                await work()
            if verdict.fault is not None:
                self._observer.fault("large message", verdict.fault)
        finally:
            self._working.release()
