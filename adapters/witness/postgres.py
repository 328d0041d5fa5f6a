"""A witness in a PostgreSQL that neither region's fate touches: a third, tiny one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg

from gateway.service.ports import OvertakenError, UnavailableError, WitnessRecord

TIMEOUT_S: Final = 2.0
"""An answer that takes longer is none: a lease is renewed several times within its length."""

CONNECTIONS_MAX: Final = 2

TABLE: Final = """
CREATE TABLE IF NOT EXISTS witness_record (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0)
)
"""
READ: Final = "SELECT text, version FROM witness_record WHERE name = $1"
MAKE: Final = """
INSERT INTO witness_record (name, text, version) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING RETURNING version
"""
CHANGE: Final = """
UPDATE witness_record SET text = $2, version = version + 1 WHERE name = $1 AND version = $3 RETURNING version
"""

SETTINGS: Final = {
    "application_name": "fifteen-witness",
    "synchronous_commit": "on",  # a promise that the witness forgets is none
    "default_transaction_isolation": "read committed",
}


class PostgresWitness:
    """Implements `gateway.service.ports.Witness`; the caller opens and closes the pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record; see the port."""
        with _translated():
            row = await self._pool.fetchrow(READ, name)
        return None if row is None else WitnessRecord(row["text"], row["version"])

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if nobody else has; see the port."""
        with _translated():
            version: int | None = (
                await self._pool.fetchval(MAKE, name, text)
                if expected is None
                else await self._pool.fetchval(CHANGE, name, text, expected)
            )
        if version is None:
            raise OvertakenError(f"{name} does not have version {expected}")
        return version


@asynccontextmanager
async def open_postgres_witness(dsn: str) -> AsyncIterator[PostgresWitness]:
    """Open a pool for the witness alone; nothing is connected before it is used."""
    async with asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=CONNECTIONS_MAX,
        command_timeout=TIMEOUT_S,
        timeout=TIMEOUT_S,
        server_settings=SETTINGS,
    ) as pool:
        yield PostgresWitness(pool)


async def make_table(dsn: str) -> None:
    """Make the table, if there is none.

    Raises:
        UnavailableError: the server does not answer.

    """
    with _translated():
        connection = await asyncpg.connect(dsn, timeout=TIMEOUT_S)
        try:
            await connection.execute(TABLE)
        finally:
            await connection.close(timeout=TIMEOUT_S)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise `UnavailableError` for whatever keeps the witness from answering; a missing table is that, too."""
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise UnavailableError(f"witness: {type(error).__name__}: {error}") from error
