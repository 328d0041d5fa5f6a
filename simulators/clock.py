"""The simulators' time: the only place in `simulators` that reads a clock or waits."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time and waiting; a test may run it virtually."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    async def wait(self, event: asyncio.Event, *, until: datetime) -> None:
        """Return once `event` is set or `until` has come, whichever is first."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds since some instant, in steps far below the millisecond of the loop's own time; never goes back."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, *, until: datetime) -> None:
        """Return once `event` is set or `until` has come, whichever is first."""
        try:
            async with asyncio.timeout((until - self.now()).total_seconds()):
                await event.wait()
        except TimeoutError:
            return
