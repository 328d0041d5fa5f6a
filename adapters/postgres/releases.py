"""A process on the database: whether it may serve there, and that it is known while it does (docs/adr/0020)."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from adapters.postgres import statements
from adapters.postgres.connection import translated
from adapters.postgres.migrations import HEAD, NEEDED
from gateway.service.ports import Clock, UnavailableError

BEAT_S: Final = 5.0
"""Between two signs of life; `adapters.postgres.phases.PRESENT_S` is twelve of them."""

LEAVE_MAX_S: Final = 2.0
"""A process that ends says so for at most this long; otherwise it is believed to run for a minute more."""


async def demand_schema(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    """Return if the database has what this program needs, and still has what this program uses.

    Raises:
        UnavailableError: a migration is missing, or one has been made that this program does not know of and cannot
            live with; or the database does not answer.

    """
    fault = await _fault_of_schema(pool)
    if fault is not None:
        raise UnavailableError(fault)


async def _fault_of_schema(pool: asyncpg.Pool[asyncpg.Record]) -> str | None:
    with translated():
        revision = await pool.fetchval(statements.SCHEMA_VERSION)
        if revision is None or revision < NEEDED:
            return f"the database has schema {revision}, this program needs {NEEDED}: fifteen db upgrade --phase pre"
        taken_away = None if revision <= HEAD else await pool.fetchval(statements.TAKEN_AWAY_SINCE, HEAD)
    if taken_away is None:
        return None
    return (
        f"the database has schema {revision}, whose migration {taken_away} took away what this program uses (it knows "
        f"{HEAD}): deploy a release that knows {taken_away}"
    )


class PostgresReleases:
    """Writes one process down while it serves. `run` must be kept running; `leave` is its last word."""

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], clock: Clock, *, instance_id: UUID, role: str, release: str
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._instance_id = instance_id
        self._role = role
        self._release = release
        self._admitted = asyncio.Event()
        self._is_written = False
        self._refusal: str | None = None

    def refused(self) -> bool:
        """Whether the schema has refused the process, when it was last looked at; a silent database refuses nobody."""
        return self._refusal is not None

    async def admitted(self) -> None:
        """Return once the process is written down on a schema that it can live with: nothing may be done before."""
        await self._admitted.wait()

    async def run(self) -> None:
        """Write the process down every few seconds, until cancelled."""
        while True:
            await self.beat(self._clock.now())
            self._admitted.set()
            await asyncio.sleep(BEAT_S)

    async def beat(self, now: datetime) -> None:
        """Write the process down, then look at the schema: in this order, each in a transaction of its own.

        Whoever takes something away locks the table first and looks who stands in it. So either it sees this row and
        refuses, or this row waits for it and then sees what it did.

        Raises:
            UnavailableError: the process cannot serve on this schema, and is not written down; or no answer.

        """
        with translated():
            revision = await self._pool.fetchval(statements.SCHEMA_VERSION)
            if revision is not None and revision >= NEEDED:  # before that there may be no table to be written into
                known = (self._instance_id, self._role, self._release, HEAD, now)
                self._is_written = True
                await self._pool.execute(statements.WRITE_RELEASE, *known)
        self._refusal = await _fault_of_schema(self._pool)
        if self._refusal is not None:
            await self.leave()
            raise UnavailableError(self._refusal)

    async def workers_seen(self, since: datetime) -> int:
        """Return how many workers have written themselves down since then. Raises UnavailableError."""
        with translated():
            return int(await self._pool.fetchval(statements.WORKERS_SEEN, since))

    async def leave(self) -> None:
        """Say that the process ends. Where that cannot be said, it is believed to run for a minute more."""
        if not self._is_written:
            return
        try:
            async with asyncio.timeout(LEAVE_MAX_S):
                await self._pool.execute(statements.REMOVE_RELEASE, self._instance_id)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return
