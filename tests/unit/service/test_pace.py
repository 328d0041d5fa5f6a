"""Pace: who comes to an idle gate goes on at once; who comes sooner goes on in a burst with the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.service.group_commit import OverloadedError
from gateway.service.pace import Pace

EVERY_S = 0.1


def paced(every_s: float = EVERY_S, *, burst_max: int = 100, waiting_max: int = 100) -> Pace:
    """A gate for a test, wide unless it says otherwise."""
    return Pace(every_s, burst_max=burst_max, waiting_max=waiting_max)


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
    pace = paced(every_s)

    for _ in range(1 if every_s else 3):
        turn = pace.turn()
        with pytest.raises(StopIteration):
            turn.send(None)


async def test_who_comes_after_others_goes_on_with_the_next_burst() -> None:
    """They come in different rounds of the loop and pass in one: what follows finds the processor's caches warm."""
    pace = paced()

    async with counted() as rounds:
        first, *others = await asyncio.gather(*(rounds.passed(pace, after=number) for number in range(6)))
        next_burst = await rounds.passed(pace, after=0)

    (burst,) = {number for number, _ in others}
    assert burst > first[0] + 6, "it is not the round in which the last of them came"
    assert min(at for _, at in others) - first[1] >= EVERY_S * 0.99
    assert next_burst[1] - min(at for _, at in others) >= EVERY_S * 0.9


async def test_without_a_pace_each_goes_on_by_itself() -> None:
    """The control of the test above: the same callers, and no burst."""
    pace = paced(0.0)

    async with counted() as rounds:
        passed = await asyncio.gather(*(rounds.passed(pace, after=number) for number in range(6)))

    assert len({number for number, _ in passed}) == 6


async def test_who_gives_up_holds_up_nobody() -> None:
    """A client that has gone while it waited: the others of its burst go on, and so does the next."""
    pace = paced()
    await pace.turn()
    gone, stays = (asyncio.create_task(pace.turn()) for _ in range(2))
    await asyncio.sleep(0)

    gone.cancel()

    async with asyncio.timeout(10):
        await stays
        await pace.turn()
    assert gone.cancelled()


async def test_a_burst_is_bounded_and_whoever_came_first_goes_first() -> None:
    """What else the process does comes between: its loop is never held up by all who have come at once."""
    pace = paced(burst_max=2)
    order: list[int] = []

    async def caller(number: int) -> int:
        passed_in, _ = await rounds.passed(pace, after=number)
        order.append(number)
        return passed_in

    async with counted() as rounds:
        first, *others = await asyncio.gather(*(caller(number) for number in range(6)))

    assert order == sorted(order)
    assert others[0] == others[1] < others[2] == others[3] < others[4]
    assert first < others[0]


async def test_more_than_may_wait_are_turned_away_at_once_and_the_others_are_not() -> None:
    """Over capacity the answer is quick: it waits behind nobody. With room for one more, nobody is turned away."""
    pace = paced(waiting_max=2)
    await pace.turn()
    waiting = [asyncio.create_task(pace.turn()) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(OverloadedError):
        pace.turn().send(None)

    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
        await pace.turn()
