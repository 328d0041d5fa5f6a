"""Threads with a connection each: MQ's calls block, and a connection belongs to one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from adapters.rails.ibm_mq.connection import Channel, Connection, NoConnectionError

Done = TypeVar("Done")
Job = Callable[[Connection], Done]

PAUSE_FIRST_S = 0.1
PAUSE_MAX_S = 2.0
"""Between two tries to connect, doubled from the first on: short against the 15 seconds of a payment."""


class Pause:
    """How long nobody tries to reach a queue manager that did not answer; shared by all threads of a link."""

    def __init__(self) -> None:
        self._length_s = 0.0
        self._over_at_s = 0.0

    def demand_over(self) -> None:
        """Return if it may be tried now.

        Raises:
            NoConnectionError: it was tried a moment ago.

        """
        if (left_s := self._over_at_s - asyncio.get_running_loop().time()) > 0:
            raise NoConnectionError(f"the queue manager did not answer; tried again in {left_s:.1f} s")

    def begin(self) -> None:
        """Note a failure."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._over_at_s:  # what fails together is one failure
            self._length_s = min(max(PAUSE_FIRST_S, 2 * self._length_s), PAUSE_MAX_S)
            self._over_at_s = now_s + self._length_s

    def end(self) -> None:
        """Note a success."""
        self._length_s = self._over_at_s = 0.0


class Worker:
    """One thread with one connection; jobs run one after the other."""

    def __init__(self, channel: Channel, *, name: str) -> None:
        self._connection = Connection(channel)
        self._name = name
        self._thread: ThreadPoolExecutor | None = None

    def submit(self, job: Job[Done]) -> Future[Done]:
        """Run a job when those before it have ended."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        return self._thread.submit(job, self._connection)

    def close(self) -> Future[None] | None:
        """Disconnect after the last job and let the thread end; None if there was none. A later use starts another."""
        thread, self._thread = self._thread, None
        if thread is None:
            return None
        closing = thread.submit(self._connection.close)
        thread.shutdown(wait=False)
        return closing


class Crew:
    """Some workers for one kind of job. Who comes when all are busy waits; the one that was free last comes first."""

    def __init__(self, channel: Channel, *, name: str, size: int) -> None:
        self._workers = [Worker(channel, name=f"{name} {number}") for number in range(size)]
        self._free: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in reversed(self._workers):
            self._free.put_nowait(worker)

    async def run(self, job: Job[Done]) -> Done:
        """Run a job and return what it returns. Cancelled, it goes on in its thread if it has begun there."""
        worker = await self._free.get()
        loop = asyncio.get_running_loop()
        future = worker.submit(job)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._free.put_nowait, worker))
        return await asyncio.wrap_future(future)

    def close(self) -> list[Future[None]]:
        """Close every worker that has ever worked."""
        return [closing for worker in self._workers if (closing := worker.close()) is not None]
