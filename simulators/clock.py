"""The simulators' time: the only place in `simulators` that reads a clock or waits.

A rail has a clock of its own. It shows the machine's time until somebody sets it; from then on it is ahead of the
machine's, behind it, or stands still. What a client is kept waiting for stays the machine's time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from simulators.facts import ClockChanged, Fact


class Clock(Protocol):
    """A machine's clock; a test may bring its own."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some instant; never goes back."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds since some instant, in steps far below the millisecond of the loop's own time; never goes back."""
        return time.monotonic()


class RailClock:
    """The clock of one rail: virtual, over the machine's. Who changes it sets whatever waits on it going again."""

    def __init__(self, machine: Clock, changed: ClockChanged | None = None) -> None:
        self._machine = machine
        self._changed = changed

    @property
    def runs(self) -> bool:
        """Whether time passes on it."""
        return self._changed is None or self._changed.runs

    @property
    def ahead_s(self) -> float:
        """By how many seconds it is ahead of the machine's now; negative behind it."""
        machine_now = self._machine.now()
        return (self._at(machine_now) - machine_now).total_seconds()

    def now(self) -> datetime:
        """The present instant on the rail, aware, in UTC."""
        return self._at(self._machine.now())

    def monotonic_s(self) -> float:
        """Seconds of the machine's time, however the clock is set."""
        return self._machine.monotonic_s()

    def moved(self, *, at: datetime | None = None, by: timedelta = timedelta(0), runs: bool = True) -> ClockChanged:
        """The change to this instant, or by so much from now; the rail is told of it first, then `follow` makes it."""
        machine_now = self._machine.now()
        showed = self._at(machine_now)
        return ClockChanged(machine_now, showed, showed + by if at is None else at, runs)

    def reset(self) -> ClockChanged:
        """The change back to the machine's time; see `moved`."""
        machine_now = self._machine.now()
        return ClockChanged(machine_now, self._at(machine_now), machine_now, runs=True)

    def follow(self, changed: ClockChanged) -> None:
        """Show from now on what this change says."""
        self._changed = changed

    async def wait(self, event: asyncio.Event, *, until: datetime | None, timeout_s: float) -> None:
        """Return once `event` is set, `until` has come on the rail, or so much of the machine's time is over."""
        if until is not None and self.runs:
            timeout_s = min(timeout_s, (until - self.now()).total_seconds())
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return

    def _at(self, machine_now: datetime) -> datetime:
        changed = self._changed
        if changed is None:
            return machine_now
        return changed.shows + (machine_now - changed.machine_at) if changed.runs else changed.shows


def clock_after(facts: Iterable[Fact], machine: Clock) -> RailClock:
    """The clock as a journal's facts have left it: a restart does not set it back."""
    changes = [fact for fact in facts if isinstance(fact, ClockChanged)]
    return RailClock(machine, changes[-1] if changes else None)
