"""Pace: who comes to an idle gate goes on at once; who comes sooner goes on in a burst with the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.service.pace import Pace

EVERY_S = 0.1


@dataclass
class Rounds:
    """How often the loop has gone round: who passes in the same round passes in the same burst."""

    number: int = 0

    async def count(self) -> None:
        while True:
            self.number += 1
            await asyncio.sleep(0)

    async def passed(self, pace: Pace, *, after: int) -> tuple[int, float]:
        """In which round, and when, a caller that comes after so many rounds is let on."""
        for _ in range(after):
            await asyncio.sleep(0)
        await pace.turn()
        return self.number, asyncio.get_running_loop().time()


@asynccontextmanager
async def counted() -> AsyncIterator[Rounds]:
    """Rounds that are counted for as long as the context is open."""
    rounds = Rounds()
    async with asyncio.TaskGroup() as group:
        counting = group.create_task(rounds.count())
        yield rounds
        counting.cancel()


@pytest.mark.parametrize("every_s", [EVERY_S, 0.0])
async def test_who_comes_to_an_idle_gate_goes_on_at_once(every_s: float) -> None:
    """A payment that comes alone pays nothing: `turn` does not even suspend. Without a pace it never does."""
    pace = Pace(every_s)

    for _ in range(1 if every_s else 3):
        turn = pace.turn()
        with pytest.raises(StopIteration):
            turn.send(None)


async def test_who_comes_after_others_goes_on_with_the_next_burst() -> None:
    """They come in different rounds of the loop and pass in one: what follows finds the processor's caches warm."""
    pace = Pace(EVERY_S)

    async with counted() as rounds:
        first, *others = await asyncio.gather(*(rounds.passed(pace, after=number) for number in range(6)))
        next_burst = await rounds.passed(pace, after=0)

    (burst,) = {number for number, _ in others}
    assert burst > first[0] + 6, "it is not the round in which the last of them came"
    assert min(at for _, at in others) - first[1] >= EVERY_S * 0.99
    assert next_burst[1] - min(at for _, at in others) >= EVERY_S * 0.9


async def test_without_a_pace_each_goes_on_by_itself() -> None:
    """The control of the test above: the same callers, and no burst."""
    pace = Pace(0.0)

    async with counted() as rounds:
        passed = await asyncio.gather(*(rounds.passed(pace, after=number) for number in range(6)))

    assert len({number for number, _ in passed}) == 6


async def test_who_gives_up_holds_up_nobody() -> None:
    """A client that has gone while it waited: the others of its burst go on, and so does the next."""
    pace = Pace(EVERY_S)
    await pace.turn()
    gone, stays = (asyncio.create_task(pace.turn()) for _ in range(2))
    await asyncio.sleep(0)

    gone.cancel()

    async with asyncio.timeout(10):
        await stays
        await pace.turn()
    assert gone.cancelled()
