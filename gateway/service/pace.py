"""Pace: who comes while others have just gone on waits for a moment, and goes on together with who comes meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque

from gateway.service.group_commit import OverloadedError


class Pace:
    """A gate that lets callers on in bursts, at least `every_s` seconds apart; 0 lets everybody on at once.

    Who comes to an idle gate goes on at once; who comes sooner than `every_s` after the last burst waits for the next.
    Work that one process hands to another finds its caches cold, and is cheaper by the burst (ADR 54). A burst is of at
    most `burst_max`, so that what else the process does comes between; more than `waiting_max` do not wait.
    """

    def __init__(self, every_s: float, *, burst_max: int, waiting_max: int) -> None:
        self._every_s = every_s
        self._burst_max = burst_max
        self._waiting_max = waiting_max
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next_s = 0.0

    async def turn(self) -> None:
        """Return when it is the caller's turn: now, or with a burst, in the order in which they came.

        Raises:
            OverloadedError: so many wait that it would not come soon.

        """
        loop = asyncio.get_running_loop()
        if not self._waiting:
            if (now_s := loop.time()) >= self._next_s:
                self._next_s = now_s + self._every_s
                return
            loop.call_at(self._next_s, self._open)
        if len(self._waiting) >= self._waiting_max:
            raise OverloadedError(f"{self._waiting_max} submissions wait to be looked at")
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _open(self) -> None:
        """Let a burst on; who waits longer goes on with the next."""
        loop = asyncio.get_running_loop()
        self._next_s = loop.time() + self._every_s
        let_on = 0
        while self._waiting and let_on < self._burst_max:
            turn = self._waiting.popleft()
            if not turn.done():  # else it has given up
                turn.set_result(None)
                let_on += 1
        if self._waiting:
            loop.call_at(self._next_s, self._open)
