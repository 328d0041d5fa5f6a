"""Connections to PostgreSQL, and the translation of what goes wrong on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway.service.ports import UnavailableError

POOL_CONNECTIONS_MAX: Final = 8
"""Connections of one process; commits are grouped, so that few do much."""

KEPT_SHARE: Final = 4
"""Of so many connections `KeepingPool` keeps one in use."""

QUERIES_MAX: Final = 50_000
IDLE_MAX_S: Final = 300.0
"""After so many statements, and so long unused, a connection that is not kept is closed: asyncpg's own defaults."""

COMMAND_TIMEOUT_S: Final = 10.0
"""No statement of ours takes longer unless the database is in trouble."""

CONNECT_TIMEOUT_S: Final = 5.0
"""A server that does not answer a connection in this time is not there."""

SESSION_SETTINGS: Final = {
    "application_name": "fifteen",
    "synchronous_commit": "on",
    "jit": "off",
    # Every statement of ours names a few rows by their keys. A plan that was made, and kept, while the tables were
    # empty must hold when they are full: it walks from index to index, whatever the statistics say (or do not yet).
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # And it is made once. A plan for three payments looks cheaper than the kept one, which is for ten, and PostgreSQL
    # would plan anew for every small batch: at three a time that took longer than finding the rows.
    "plan_cache_mode": "force_generic_plan",
}


READS_MUCH: Final = (
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; "
    "SET LOCAL plan_cache_mode = auto"
)
"""For a transaction that reads many rows, or whole tables: the planner may choose there, by the values too."""


class KeepingPool(asyncpg.Pool):
    """A pool that lends `fetch` the same few connections again and again, and takes them back when it is closed.

    To lend a connection and take it back, with a task of its own, costs more than to send a short statement. What is
    kept is at most a quarter of the connections: whoever asks for one by `acquire` finds the others.
    """

    __slots__ = ("_is_leaving", "_kept", "_kept_max", "_waiting")

    def __init__(self, dsn: str, *, max_size: int, **options: Any) -> None:
        super().__init__(dsn, max_size=max_size, **options)
        self._kept: list[PoolConnectionProxy[asyncpg.Record]] = []
        self._kept_max = max_size // KEPT_SHARE
        self._is_leaving = False
        self._waiting = 0
        """So many statements wait for a connection of the pool's: while there are any, none is kept from them."""

    async def fetch(self, query: str, *arguments: object, **options: Any) -> list[Any]:
        """Run a statement on a connection that is kept, or on another; one that was lost is not kept."""
        connection, is_kept = await self._lent(), False
        try:
            rows: list[Any] = await connection.fetch(query, *arguments, **options)
            is_kept = not (self._is_leaving or self._waiting) and len(self._kept) < self._kept_max
        except asyncpg.InternalClientError:
            connection.terminate()  # the session has ended, and the end of the connection is not seen yet
            raise
        finally:
            if is_kept:
                self._kept.append(connection)
            else:
                await self.release(connection)
        return rows

    async def _lent(self) -> PoolConnectionProxy[asyncpg.Record]:
        while self._kept:
            connection = self._kept.pop()
            with suppress(asyncpg.InterfaceError):  # it was lost, and the pool has taken it back by itself
                if not connection.is_closed():
                    return connection
                await self.release(connection)
        self._waiting += 1
        try:
            return await self.acquire()
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Give back what is kept, and close every connection; see asyncpg."""
        self._is_leaving = True
        while self._kept:
            await self.release(self._kept.pop())
        await super().close()


def open_pool(dsn: str, *, connections_max: int = POOL_CONNECTIONS_MAX) -> asyncpg.Pool[asyncpg.Record]:
    """Return a pool that its user opens and closes as an async context.

    Commits are durable: ``synchronous_commit`` is set here, whatever the server's default.
    """
    return KeepingPool(
        dsn,
        min_size=0,  # connects when it is used: a process may start before its database
        max_size=connections_max,
        max_queries=QUERIES_MAX,
        max_inactive_connection_lifetime=IDLE_MAX_S,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        command_timeout=COMMAND_TIMEOUT_S,
        timeout=CONNECT_TIMEOUT_S,
        reset=_reset,
        server_settings=SESSION_SETTINGS,
    )


async def _reset(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Give a connection back as it is: we leave no session state behind, and asyncpg's reset costs a round trip.

    A transaction that was left open is a fault of ours; the full reset ends it.
    """
    if connection.is_in_transaction():
        await connection.reset()


@contextmanager
def translated() -> Iterator[None]:
    """Raise `UnavailableError` for what is the world's fault: a lost, refused or silent server, one that
    may only be read (a standby after a failover), a lost race.

    Of a session that the server ends just as a statement begins asyncpg says that the client's own state is wrong. What
    server or client say about the statement or its values is ours, and passes through.
    """
    try:
        yield
    except (
        OSError,
        TimeoutError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.TransactionRollbackError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ) as error:
        if isinstance(error, ValueError):  # asyncpg refuses a value in this guise; the connection is well
            raise
        raise UnavailableError(f"PostgreSQL: {type(error).__name__}: {error}") from error
