"""Many callers, one transaction: concurrent items are gathered and committed together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar, cast

from gateway.service.ports import PartlyFaultyError, UnavailableError

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

WAITING_MAX: Final = 4_096
"""Items that may wait for a commit; past that the caller is told at once, rather than late."""


class OverloadedError(Exception):
    """More is asked than can be done in time: nothing was done; ask again later.

    ``shown`` is what a client is told: the cause, and nothing of ours.
    """

    shown: ClassVar[str] = "More is asked than can be done in time"


@dataclass(slots=True)
class _Waiting(Generic[Item, Outcome]):
    item: Item
    outcome: asyncio.Future[Outcome]
    since_s: float


class GroupCommit(Generic[Item, Outcome]):
    """Commits what `submit` is given, in batches; `run` must be running while it is used.

    A batch begins with its first item and closes `window_s` seconds after that came, or with `batch_max` items; while a
    commit is on its way, the next batch gathers. Items with equal `key` never share a batch. A commit that raises fails
    its whole batch, but for `PartlyFaultyError`, which says for each item what became of it.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]],
        *,
        window_s: float,
        batch_max: int,
        key: Callable[[Item], Hashable] | None = None,
    ) -> None:
        self._commit = commit
        self._window_s = window_s
        self._batch_max = batch_max
        self._key = key
        self._waiting: deque[_Waiting[Item, Outcome]] = deque()
        self._gathered: list[_Waiting[Item, Outcome]] = []
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()

    async def submit(self, item: Item) -> Outcome:
        """Return what the commit made of `item`; raises what the commit raised, or `OverloadedError`."""
        if len(self._waiting) >= WAITING_MAX:
            raise OverloadedError(f"{WAITING_MAX} items wait for a commit")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append(_Waiting(item, outcome, loop.time()))
        self._arrived.set()
        if len(self._waiting) + len(self._gathered) >= self._batch_max:
            self._full.set()
        return await outcome

    async def run(self) -> None:
        """Commit batches until cancelled; what waits then is committed first."""
        try:
            while True:
                await self._gather()
                await self._commit_gathered()
        finally:
            while self._take():
                await self._commit_gathered()

    async def _gather(self) -> None:
        """Wait for a first item, and then for the rest of its window, or until the batch is full."""
        while not self._take():
            self._arrived.clear()
            await self._arrived.wait()
        left_s = self._gathered[0].since_s + self._window_s - asyncio.get_running_loop().time()
        if left_s > 0 and len(self._gathered) < self._batch_max:
            self._full.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._full.wait()
            except TimeoutError:
                pass  # the window is over: what has come until now is the batch
            self._take()

    def _take(self) -> list[_Waiting[Item, Outcome]]:
        """Add what waits to the gathered batch, up to its bound, and return the batch; equal keys wait for the next."""
        postponed: list[_Waiting[Item, Outcome]] = []
        keys = set() if self._key is None else {self._key(waiting.item) for waiting in self._gathered}
        while self._waiting and len(self._gathered) < self._batch_max:
            waiting = self._waiting.popleft()
            if self._key is not None:
                key = self._key(waiting.item)
                if key in keys:
                    postponed.append(waiting)
                    continue
                keys.add(key)
            self._gathered.append(waiting)
        self._waiting.extendleft(reversed(postponed))
        return self._gathered

    async def _commit_gathered(self) -> None:
        batch, self._gathered = self._gathered, []
        outcomes: Sequence[object]
        try:
            outcomes = await self._commit([waiting.item for waiting in batch])
        except PartlyFaultyError as error:
            outcomes = error.outcomes
        except BaseException as error:
            failure = error if isinstance(error, Exception) else UnavailableError("stopped before the commit was known")
            for waiting in batch:
                if not waiting.outcome.done():
                    waiting.outcome.set_exception(failure)
            if not isinstance(error, Exception):
                raise
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.outcome.done():
                continue
            if isinstance(outcome, Exception):
                waiting.outcome.set_exception(outcome)
            else:
                waiting.outcome.set_result(cast("Outcome", outcome))
