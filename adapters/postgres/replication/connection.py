"""Connections to the databases of two regions, their faults in words, and what things are called in both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg

from gateway.domain.payment import RegionId

PUBLICATION: Final = "fifteen_facts"

OWNERS_RIGHTS: Final = (
    "the owner's URL must name a superuser, or on PostgreSQL 16 and later the tables' owner with CREATE on the "
    "database and a member of pg_create_subscription"
)

_CONNECT_TIMEOUT_S: Final = 10.0


class ReplicationError(Exception):
    """Replication cannot be made as asked; the text says why, and what to do."""


def subscription_of(region: RegionId, peer: RegionId) -> str:
    """Return the name of a region's subscription to its peer, which is the name of its slot there."""
    return f"fifteen_{region}_from_{peer}"


@asynccontextmanager
async def connected(
    dsn: str, *, connection_class: type[asyncpg.Connection[asyncpg.Record]] = asyncpg.Connection
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Open a connection for as long as the context lasts.

    Raises:
        ReplicationError: the server cannot be reached, or refuses what is asked of it.

    """
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_TIMEOUT_S, connection_class=connection_class)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        raise ReplicationError(f"the database {_place_of(dsn)} cannot be reached: {error}") from error
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise ReplicationError(f"the database {_place_of(dsn)}: {error}: {OWNERS_RIGHTS}") from error
    except asyncpg.PostgresError as error:
        raise ReplicationError(f"PostgreSQL: {error}") from error
    finally:
        await connection.close(timeout=_CONNECT_TIMEOUT_S)


def peer_connected(dsn: str) -> AbstractAsyncContextManager[asyncpg.Connection[asyncpg.Record]]:
    """Open a connection to the peer's database, as `connected`; a fault of the role's rights there is said to be there.

    Raises:
        ReplicationError: as of `connected`.

    """
    return connected(dsn, connection_class=_PeerConnection)


class _PeerConnection(asyncpg.Connection):
    """A connection to the peer's database: a right that is missing is one that the role lacks there, and not here."""

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        with _of_the_peer():
            return await super().fetch(*arguments, **options)

    async def fetchval(self, *arguments: Any, **options: Any) -> Any:
        with _of_the_peer():
            return await super().fetchval(*arguments, **options)

    async def execute(self, *arguments: Any, **options: Any) -> str:
        with _of_the_peer():
            return await super().execute(*arguments, **options)


@contextmanager
def _of_the_peer() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise ReplicationError(
            f"in the peer's database: {error}: the role that FIFTEEN_PEER_DATABASE_URL names has not the rights that "
            "fifteen region init gives it, there"
        ) from error


def _place_of(dsn: str) -> str:
    """Return host and port, and nothing else, of a URL that may hold a password."""
    return dsn.rsplit("@", 1)[-1].split("/", 1)[0]
