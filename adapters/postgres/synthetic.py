"""The database of synthetic payments: beside the books, on the same server, and never the books (docs/adr/0019)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

import asyncpg

from adapters.postgres.connection import CONNECT_TIMEOUT_S, translated
from adapters.postgres.upgrade import APPLICATION_GROUP_ROLE, UpgradeError
from gateway.service.ports import UnavailableError

SUFFIX: Final = "_synthetic"
"""The one database is named as the other with this at the end: no setting can make them the same."""

TURN_MAX_S: Final = 20.0
"""How long a rehearsal waits for another one's end: each takes a second or two."""

_TURN: Final = "SELECT pg_advisory_lock(hashtextextended('fifteen.synthetic', 0))"


def synthetic_dsn(dsn: str) -> str:
    """Return the address of the synthetic payments' database that lies beside the one of `dsn`.

    Raises:
        ValueError: `dsn` names no database.

    """
    parts = urlsplit(dsn)
    if parts.path in {"", "/"}:
        raise ValueError("a database's URL ends with its name: postgresql://…/fifteen")
    return parts._replace(path=parts.path + SUFFIX).geturl()


async def ensure_database(owner_dsn: str) -> None:
    """Make the synthetic payments' database beside the one of `owner_dsn`, where it is missing.

    Raises:
        UpgradeError: it is missing, and the owner may not make it.

    """
    name = unquote(urlsplit(synthetic_dsn(owner_dsn)).path.removeprefix("/"))
    quoted = '"' + name.replace('"', '""') + '"'
    connection = await asyncpg.connect(owner_dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is not None:
            return
        await connection.execute(f"CREATE DATABASE {quoted}")
        await connection.execute(f"REVOKE ALL ON DATABASE {quoted} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {quoted} TO {APPLICATION_GROUP_ROLE}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise UpgradeError(
            f"the owner may not make the database of synthetic payments: as one who may, CREATE DATABASE {quoted} "
            "OWNER the owner of the books, and GRANT CONNECT on it to fifteen_application"
        ) from error
    finally:
        await connection.close()


@asynccontextmanager
async def turn(dsn: str) -> AsyncIterator[None]:
    """Hold the turn on the synthetic payments' database: two rehearsals at once would carry each other's payments.

    Raises:
        UnavailableError: no turn within `TURN_MAX_S`, the database does not answer, or it is not the right one.

    """
    try:
        with translated():
            connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=TURN_MAX_S)
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        remedy = "fifteen db upgrade makes it where FIFTEEN_SYNTHETIC_PAYMENTS is true"
        raise UnavailableError(f"the database of synthetic payments: {error}; {remedy}") from error
    try:
        with translated():
            name = await connection.fetchval("SELECT current_database()")
            if not name.endswith(SUFFIX):
                raise UnavailableError(f"the database {name} holds no synthetic payments: its name ends otherwise")
            await connection.execute(_TURN)
        yield
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)
