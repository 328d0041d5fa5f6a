"""A clock that stands still until the test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 15, 15, tzinfo=UTC)
"""When every test begins: a Friday morning in New York."""


class VirtualClock:
    """Implements `gateway.service.ports.Clock`; `advance` is the only thing that makes time pass."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []
        self._changed = asyncio.Condition()

    def now(self) -> datetime:
        """Return the present instant."""
        return self._now

    def monotonic_s(self) -> float:
        """Return seconds since the start."""
        return (self._now - self._start).total_seconds()

    async def sleep_until(self, instant: datetime) -> None:
        """Return once the test has moved time to `instant`; the other tasks get a turn in any case."""
        await asyncio.sleep(0)
        if instant <= self._now:
            return
        sleeper = (instant, asyncio.Event())
        self._sleepers.append(sleeper)
        async with self._changed:
            self._changed.notify_all()
        try:
            await sleeper[1].wait()
        finally:
            self._sleepers.remove(sleeper)

    async def pause(self, seconds: float) -> None:
        """Return once the test has moved time on by so many seconds; the other tasks get a turn in any case."""
        await self.sleep_until(self._now + timedelta(seconds=seconds))

    def advance(self, seconds: float) -> None:
        """Move time on, and wake whoever's time has come, the earliest first."""
        self._now += timedelta(seconds=seconds)
        for instant, bell in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if instant <= self._now:
                bell.set()

    @property
    def sleepers(self) -> int:
        """How many tasks sleep."""
        return len(self._sleepers)

    async def until_asleep(self, count: int, *, timeout_s: float = 5.0) -> None:
        """Return once `count` tasks sleep at least; in the loop's own time, for a test that would hang otherwise."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self.sleepers >= count)
