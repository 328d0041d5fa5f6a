"""The machine's clock: what is waited for by the wall, and what is not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from adapters.system import SystemClock


class SetBackWhenAsked(SystemClock):
    """Its wall time is set back by an hour once it has been read."""

    reads = 0

    def now(self) -> datetime:
        self.reads += 1
        return super().now() - timedelta(hours=self.reads > 1)


async def test_a_pause_lasts_as_long_as_it_was_meant_to_whatever_the_wall_clock_is_set_to() -> None:
    """The control: who waits for an instant waits until the wall clock shows it."""
    clock = SetBackWhenAsked()
    started_s = clock.monotonic_s()

    async with asyncio.timeout(5):
        await clock.pause(0.05)

    assert clock.monotonic_s() - started_s >= 0.05
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await clock.sleep_until(clock.now() + timedelta(seconds=0.05))
