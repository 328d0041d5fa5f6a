"""Pace: who comes while others have just gone on waits for a moment, and goes on together with who comes meanwhile."""

from __future__ import annotations

import asyncio


class Pace:
    """A gate that lets callers on in bursts, at least `every_s` seconds apart; 0 lets everybody on at once.

    Who comes to an idle gate goes on at once; who comes sooner than `every_s` after the last burst waits for the next.
    Work that one process hands to another finds its caches cold, and is cheaper by the burst (ADR 56).
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s = 0.0
        self._opening: asyncio.Event | None = None

    async def turn(self) -> None:
        """Return when it is the caller's turn: now, or with the next burst."""
        loop = asyncio.get_running_loop()
        if self._opening is None:
            if (now_s := loop.time()) >= self._next_s:
                self._next_s = now_s + self._every_s
                return
            self._opening = asyncio.Event()
            loop.call_at(self._next_s, self._open, self._opening)
        await self._opening.wait()

    def _open(self, opening: asyncio.Event) -> None:
        self._next_s = asyncio.get_running_loop().time() + self._every_s
        self._opening = None
        opening.set()
