"""An event loop whose time is a number: it moves on only when nothing is left to be done at the present instant."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import count
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple, Unpack

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

_BEYOND_S: Final = 1e-9
"""Instants that are nearer to each other than this are the same instant."""


class StalledError(Exception):
    """Nothing is ready and nothing is scheduled: every task waits for another."""


class Owner(Protocol):
    """Whose steps the loop runs: a process, which may be dead, or stand still for a while."""

    @property
    def is_alive(self) -> bool:
        """Whether its steps still have an order that matters."""
        ...

    @property
    def stalled_until_s(self) -> float:
        """When it goes on."""
        ...


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is ready in an order that the seed chooses, then lets time jump to whatever comes next.

    Three liberties make a simulation quick and true, none of which the code under test can tell from a slow machine:

    * *Order.* What is ready at one instant runs in any order.
    * *Polls.* `poll_until` sleeps for those who look whether there is something to do. As long as `quiet_until_s` says
      that there is nothing, they are not woken.
    * *Owners.* `owner_of` names the process that a step belongs to. The steps of a process that stands still wait.
      Those of a dead one run apart, so that the order in which its tasks are torn down (asyncio keeps them in sets)
      cannot leak into the world.
    """

    _ready: deque[asyncio.Handle]

    def __init__(self, *, seed: int, owner_of: Callable[[Context], Owner | None]) -> None:
        super().__init__()
        self.quiet_until_s: Callable[[], float] = lambda: 0.0
        self.are_polls_patient = False
        """Whether those who look for work sleep on through what happens to others while it is quiet."""
        self._seed = seed
        self._owner_of = owner_of
        self._now_s = 0.0
        self._turns = 0
        self._outside = Context()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._polls: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now_s

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Arguments]], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run `callback` once time has come to `when`; of several at one instant, the one that was set first."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    async def poll_until(self, when_s: float) -> None:
        """Return at `when_s`, or later, when something may have happened at last."""
        bell = self.create_future()
        heapq.heappush(self._polls, (when_s, next(self._numbers), bell))
        await bell

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """Run `main` to its end, and close.

        Raises:
            StalledError: it waits for what can never come.

        """
        try:
            return self.run_until_complete(main)
        finally:
            self.close()

    def _run_once(self) -> None:
        if not self._ready:
            self._move_on()
        while self._timers and self._timers[0][0] <= self._now_s + _BEYOND_S:
            self._ready.append(heapq.heappop(self._timers)[2])
        handles = [handle for handle in self._ready if not handle.cancelled()]
        self._ready.clear()
        for handle in self._ordered(handles):
            if not handle.cancelled():
                handle._run()

    def _move_on(self) -> None:
        """Let time pass until something is due."""
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        while self._polls and self._polls[0][2].done():
            heapq.heappop(self._polls)
        next_s = self._timers[0][0] if self._timers else math.inf
        poll_s = self._polls[0][0] if self._polls else math.inf
        if poll_s < next_s:
            quiet_until_s = self.quiet_until_s()
            poll_s = max(poll_s, quiet_until_s if self.are_polls_patient else min(quiet_until_s, next_s))
        if math.isinf(next_s) and math.isinf(poll_s):
            raise StalledError(f"at {self._now_s:.3f} s nothing is ready and nothing is scheduled")
        self._now_s = max(self._now_s, min(next_s, poll_s))
        while self._polls and self._polls[0][0] <= self._now_s + _BEYOND_S and poll_s <= self._now_s + _BEYOND_S:
            _, _, bell = heapq.heappop(self._polls)
            if not bell.done():
                bell.set_result(None)

    def _ordered(self, handles: list[asyncio.Handle]) -> list[asyncio.Handle]:
        """Return the handles of this turn: the dead first, then the living in the seed's order; the stalled wait."""
        dead, living = [], []
        for handle in handles:
            owner = self._owner_of(handle._context)  # type: ignore[attr-defined]
            if owner is None or (owner.is_alive and owner.stalled_until_s <= self._now_s):
                living.append(handle)
            elif owner.is_alive:
                self.call_at(owner.stalled_until_s, self._ready.append, handle, context=self._outside)
            else:
                dead.append(handle)
        if len(living) > 1:
            self._turns += 1
            # A multiplicative mix: quick, and a function of seed, turn and place alone.
            mixed = (self._seed * 0x9E3779B1 + self._turns * 0x85EBCA6B) & 0xFFFFFFFF
            places = sorted(
                range(len(living)), key=lambda place: ((mixed ^ place * 0xC2B2AE35) * 0x27D4EB2F) & 0xFFFF_FFFF
            )
            living = [living[place] for place in places]
        return dead + living

    def _process_events(self, event_list: object) -> None:
        raise AssertionError("there is no outside")

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""
