"""What is missing on the broker is made anew: an operator may delete a queue, and a broker may come back empty.

Whoever publishes, consumes, or counts finds it out, and says so here: nothing looks for it, and nothing runs for it.
What is not published meanwhile stays in the outbox. What was on a queue that is gone does not come again: the payments'
timers see to it (docs/runbooks/dead-letters.md says which).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from adapters.amqp.connection import NoSuchQueueError
from adapters.rabbitmq.topology import TopologyMismatchError
from gateway.service.ports import BusObserver, Clock, UnavailableError

FORGOTTEN_S: Final = 3.0
"""After so long without being missed again a queue counts as there: longer than a loop that failed rests."""

Declare = Callable[[Collection[str]], Awaitable[None]]
"""Makes what has these names and is not there."""


@dataclass(slots=True)
class Missed:
    """Since when, and when last, something was not there, in seconds of the clock."""

    since_s: float
    last_s: float


class Mender:
    """Has `declare` make anew what of `ours` has been missed for `missing_for_s`; no more often, and nothing else."""

    def __init__(
        self,
        ours: Collection[str],
        declare: Declare,
        clock: Clock,
        observer: BusObserver,
        *,
        missing_for_s: float,
    ) -> None:
        self._ours = frozenset(ours)
        self._declare = declare
        self._missing_for_s = missing_for_s
        self._clock = clock
        self._observer = observer
        self._missed: dict[str, Missed] = {}
        self._mending = asyncio.Lock()

    @asynccontextmanager
    async def noticing(self) -> AsyncIterator[None]:
        """Take notice of what is missed in this context, and perhaps make it anew; the error goes on as it is."""
        try:
            yield
        except NoSuchQueueError as error:
            await self._notice(error.names)
            raise

    async def _notice(self, names: frozenset[str]) -> None:
        """Note what is not there; make anew what was not there for long enough. What fails is said, and tried again."""
        now_s = self._clock.monotonic_s()
        for name in names & self._ours:
            missed = self._missed.setdefault(name, Missed(now_s, now_s))
            if now_s - missed.last_s > FORGOTTEN_S:
                missed.since_s = now_s
            missed.last_s = now_s
        due = {name for name, missed in self._missed.items() if self._is_due(missed, now_s)}
        if not due or self._mending.locked():
            return
        async with self._mending:
            for name in due:
                del self._missed[name]
            try:
                await self._declare(due)
            except (UnavailableError, TopologyMismatchError) as error:
                self._observer.fault("bus: topology", error)

    def _is_due(self, missed: Missed, now_s: float) -> bool:
        return now_s - missed.since_s >= self._missing_for_s and now_s - missed.last_s <= FORGOTTEN_S
