"""One side of a broker that a simulator plays: a connection at a time, made anew until the simulator ends."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiormq

RECONNECT_S: Final = 0.2
"""Before a broker that did not answer, or was lost, is called again."""

ANSWER_TIMEOUT_S: Final = 5.0
"""How long the broker may take for one question, the confirmation of a message included."""

FAULTS_OF_THE_WORLD: Final = (aiormq.AMQPError, OSError, TimeoutError, RuntimeError)
"""What a broker that is away, or goes away, raises through the library."""


class BrokerSide(ABC):
    """Serves over one connection after the other. ``declared`` is set once it has served for the first time."""

    def __init__(self, url: str) -> None:
        self.declared = asyncio.Event()
        self._url = url

    async def run(self) -> None:
        """Serve until cancelled; a broker that is away is waited for."""
        while True:
            connection = aiormq.Connection(self._url)
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await connection.connect()
                await self._serve(connection)
            except* FAULTS_OF_THE_WORLD:
                await asyncio.sleep(RECONNECT_S)
            finally:
                await _close(connection)

    @abstractmethod
    async def _serve(self, connection: aiormq.Connection) -> None:
        """Set `declared` when everything is taken from, and raise ConnectionError when the connection is lost."""


@asynccontextmanager
async def serving(side: BrokerSide) -> AsyncIterator[None]:
    """Serve while the context is open; waits for a broker that is away."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(side.run())
        try:
            await side.declared.wait()
            yield
        finally:
            running.cancel()


async def _close(connection: aiormq.Connection) -> None:
    try:
        async with asyncio.timeout(1):
            await connection.close()
    except FAULTS_OF_THE_WORLD:
        return  # it was lost already
