"""The machine's clock and its randomness: the only place where either is read."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

_SUSPENDED_TIME_TOO = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_CLOCK_RECHECK_S = 1.0
"""How long a sleeper trusts the loop's time before it looks at the clock again: the wall clock may have been stepped,
and the loop's time stands still while the machine is suspended."""


class SystemClock:
    """The machine's own time: the `Clock` of everything that runs outside tests."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC; it may step when the machine's clock is set."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return seconds since some fixed instant; they never step back, and only differences mean something.

        Where the system has such a clock (Linux), the time in which the machine was suspended counts too: a lease runs
        out meanwhile.
        """
        return time.clock_gettime(_SUSPENDED_TIME_TOO)

    async def sleep_until(self, instant: datetime) -> None:
        """Return once the wall clock shows `instant`, also when it is set meanwhile; at once if it has passed."""
        while (remaining_s := (instant - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(remaining_s, _CLOCK_RECHECK_S))

    async def pause(self, seconds: float) -> None:
        """Return once so many seconds have passed, to whatever the wall clock is set; time suspended counts too."""
        until_s = self.monotonic_s() + seconds
        while (remaining_s := until_s - self.monotonic_s()) > 0:
            await asyncio.sleep(min(remaining_s, _CLOCK_RECHECK_S))


class SystemIdentifiers:
    """Fresh identifiers from the machine's clock and its secure randomness."""

    def new_uuid(self) -> UUID:
        """Return a UUID of version 7: later ones sort after earlier ones, to a quarter of a microsecond.

        48 bits are milliseconds since 1970, 12 bits the fraction of the millisecond, 62 bits are random
        (RFC 9562 section 5.7, with the fraction as in section 6.2, method 3). A clock that steps back costs the
        order, never the uniqueness.
        """
        milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
        fraction = (nanoseconds << 12) // 1_000_000
        version, variant = 0x7, 0b10
        return UUID(int=milliseconds << 80 | version << 76 | fraction << 64 | variant << 62 | secrets.randbits(62))
