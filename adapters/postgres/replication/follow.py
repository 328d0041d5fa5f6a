"""How a region follows the other: `join`, anew too, and `catch_up`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import asyncpg

from adapters.postgres.replication.connection import (
    PUBLICATION,
    ReplicationError,
    connected,
    peer_connected,
    subscription_of,
)
from adapters.postgres.replication.publish import published
from adapters.postgres.tables import FACTS, REPLICATED
from gateway.domain.payment import RegionId
from gateway.service.both_regions import COPIED_WITHIN_S

ORIGIN_SINCE: Final = 160_000
"""``origin = none`` is known from PostgreSQL 16 on; before it, that each publishes its own partitions has to do."""

COMPARED: Final = tuple(table for table in FACTS if table.name not in {"message", "archived_message"})
"""What a copy must have no more of than its origin before it is made anew."""

_ROWS_AT_ONCE: Final = 10_000

_SEEN_S: Final = 3.0
"""By then every process of this region has seen that nothing is followed (`MAP_PAUSE_S`), and serves nothing."""

_STOP_MAX_S: Final = 30.0
_STOP_PAUSE_S: Final = 0.05


async def join(dsn: str, peer_dsn: str, *, region: RegionId, peer: RegionId, anew: bool = False) -> str:
    """Follow the peer, and return what was done. `anew` drops what was copied before, and copies everything again.

    Raises:
        ReplicationError: the peer does not publish; there is a copy already, which nothing continues; its slot there
            is gone; or the copy has what the peer has lost. Nothing was changed.

    """
    name = subscription_of(region, peer)
    async with peer_connected(peer_dsn) as peers, connected(dsn) as connection:
        there = await published(peers)
        if missing := {f"{table.name}_{peer}" for table in REPLICATED} - there:
            raise ReplicationError(f"region {peer} does not publish {', '.join(sorted(missing))}: fifteen region init")
        await _demand_one_map(connection, peers, region=region, peer=peer)
        await _keep_out_of_the_log(connection)
        exists = await connection.fetchval("SELECT count(*) > 0 FROM pg_subscription WHERE subname = $1", name)
        if exists and not anew:
            await _demand_slot(peers, name)
            await connection.execute(f"ALTER SUBSCRIPTION {name} CONNECTION {_quoted(peer_dsn)}")
            await connection.execute(f"ALTER SUBSCRIPTION {name} ENABLE")
            await connection.execute(f"ALTER SUBSCRIPTION {name} REFRESH PUBLICATION")
            return "refreshed"
        if anew:
            try:
                await _pause(connection, name, exists=exists)
                await _demand_nothing_lost(connection, peers, peer)
            except BaseException:  # broken off too, it is followed as before
                if exists:
                    await connection.execute(f"ALTER SUBSCRIPTION {name} ENABLE")
                raise
            await _take_back_the_word(connection, peers, region)
            await _drop(connection, peers, name, exists=exists)
            await asyncio.sleep(_SEEN_S)
            await connection.execute(f"TRUNCATE {', '.join(f'{table.name}_{peer}' for table in REPLICATED)}")
        elif await connection.fetchval(f"SELECT EXISTS (SELECT FROM claim_{peer})"):
            raise ReplicationError(
                f"there is a copy of region {peer} here, and nothing that continues it: fifteen region join --anew"
            )
        await _make_slot(peers, name)
        try:
            await connection.execute(_subscribe(name, peer_dsn, server=connection.get_server_version().major * 10_000))
        except BaseException:
            if await _is_surely_missing(dsn, name):
                await _drop_slot(peers, name)  # nobody follows by it: it would keep the peer's log for ever
            raise
        return "copied anew" if anew else "subscribed"


async def _is_surely_missing(dsn: str, name: str) -> bool:
    """Whether there is no subscription of this name; not where the server cannot be asked.

    It may have been made, and the answer lost. Asked over a connection of its own: the other one's may be over.
    """
    try:
        async with connected(dsn) as connection:
            return not await connection.fetchval("SELECT count(*) > 0 FROM pg_subscription WHERE subname = $1", name)
    except ReplicationError:
        return False


async def _demand_slot(peers: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """Refuse where a subscription follows by a slot that the peer has not: what it has missed nobody brings it."""
    there = "SELECT count(*) > 0 FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()"
    if not await peers.fetchval(there, name):
        raise ReplicationError(f"the peer has no slot {name}, by which this one followed: fifteen region join --anew")


async def catch_up(peer_dsn: str, *, region: RegionId, peer: RegionId) -> None:
    """Return once this region has on its disk what its peer had written when this was called.

    Raises:
        ReplicationError: the peer's database cannot be asked.

    """
    confirmed = (
        "SELECT coalesce(bool_or((confirmed_flush_lsn - '0/0')::bigint >= $1), false) FROM pg_replication_slots "
        "WHERE slot_name = $2 AND database = current_database()"
    )
    async with peer_connected(peer_dsn) as peers:
        written = await peers.fetchval("SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint")
        while not await peers.fetchval(confirmed, written, subscription_of(region, peer)):
            await asyncio.sleep(_STOP_PAUSE_S)


async def _take_back_the_word(
    connection: asyncpg.Connection[asyncpg.Record], peers: asyncpg.Connection[asyncpg.Record], region: RegionId
) -> None:
    """Say that the copy here is not complete any more, and wait until the peer has heard it, or relies on it no more.

    It relies on the newest word for some seconds, and acknowledges by it what is in both regions.
    """
    async with connection.transaction():
        # Whoever is writing that it is complete has looked before; it has written when the lock is had.
        await connection.execute("LOCK TABLE region_pulse IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute("UPDATE region_pulse SET is_copied = false WHERE region = $1", region)
    try:
        async with asyncio.timeout(COPIED_WITHIN_S * 1.1 + _SEEN_S):
            while await peers.fetchval("SELECT count(*) > 0 FROM region_pulse WHERE region = $1 AND is_copied", region):
                await asyncio.sleep(_STOP_PAUSE_S)
    except TimeoutError:
        pass  # the way is cut: nothing new has come there for longer than a word counts


async def _keep_out_of_the_log(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Have the server log no statement of this connection: the peer's URL, with its password, stands in one of them.

    Only a superuser may: for another role the password belongs into a file of the server's (``passfile=`` in the URL).
    """
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        await connection.execute("SET log_min_error_statement = panic")
        await connection.execute("SET log_statement = none")
        await connection.execute("SET log_min_duration_statement = -1")


async def _demand_one_map(
    connection: asyncpg.Connection[asyncpg.Record],
    peers: asyncpg.Connection[asyncpg.Record],
    *,
    region: RegionId,
    peer: RegionId,
) -> None:
    """Refuse to follow a region that owns, by its own copy, what this one owns by its: both would accept its keys."""
    owned = "SELECT slot FROM slot WHERE region = $1 ORDER BY slot"
    here = {row["slot"] for row in await connection.fetch(owned, region)}
    there = {row["slot"] for row in await peers.fetch(owned, peer)}
    if both := here & there:
        raise ReplicationError(
            f"{len(both)} slots are owned by region {region} here and by region {peer} there: fifteen region init, in "
            "both, follows the witness's map; where it refuses, the map was not begun in the region that has accepted "
            "payments (docs/runbooks/regions.md)"
        )


def _subscribe(name: str, peer_dsn: str, *, server: int) -> str:
    origin = ", origin = none" if server >= ORIGIN_SINCE else ""
    return (
        f"CREATE SUBSCRIPTION {name} CONNECTION {_quoted(peer_dsn)} PUBLICATION {PUBLICATION} "
        # What is confirmed is on this disk, and waits for nobody else (docs/regions.md, "Acknowledged by both").
        f"WITH (copy_data = true, create_slot = false, slot_name = {name}, synchronous_commit = local{origin})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


async def _drop(
    connection: asyncpg.Connection[asyncpg.Record],
    peers: asyncpg.Connection[asyncpg.Record],
    name: str,
    *,
    exists: bool,
) -> None:
    """Drop the subscription and its slot there, whatever state that is in."""
    if exists:
        await connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
        await connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
        await connection.execute(f"DROP SUBSCRIPTION {name}")
    await _drop_slot(peers, name)


async def _make_slot(peers: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """Make the slot at the peer, with no transaction open here.

    A slot begins when all that was under way at its server has ended. Made by ``CREATE SUBSCRIPTION``, inside the
    transaction of that, two regions that join at once would each wait for the other's, for ever.
    """
    try:
        await peers.execute("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", name)
    except asyncpg.DuplicateObjectError as error:
        raise ReplicationError(
            f"the peer has a slot {name}, by which nothing here follows: an attempt that was broken off has left it, "
            "or another database of this region follows by it. Where no other does: fifteen region join --anew"
        ) from error


async def _drop_slot(peers: asyncpg.Connection[asyncpg.Record], name: str) -> None:
    """Drop a slot at the peer, where there is one, whoever follows by it."""
    slots = await peers.fetch(
        "SELECT slot_name, active_pid FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()",
        name,
    )
    for slot in slots:
        if slot["active_pid"] is not None:
            await peers.execute("SELECT pg_terminate_backend($1)", slot["active_pid"])
        await peers.execute("SELECT pg_drop_replication_slot($1)", slot["slot_name"])


async def _pause(connection: asyncpg.Connection[asyncpg.Record], name: str, *, exists: bool) -> None:
    """Have nothing more applied, so that the copy stands still while it is looked at."""
    if not exists:
        return
    await connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
    try:
        async with asyncio.timeout(_STOP_MAX_S):
            while await connection.fetchval("SELECT count(pid) > 0 FROM pg_stat_subscription WHERE subname = $1", name):
                await asyncio.sleep(_STOP_PAUSE_S)
    except TimeoutError as error:
        raise ReplicationError(
            f"what arrives is still applied {_STOP_MAX_S:g} s after it was to stop: give the command again"
        ) from error


async def _demand_nothing_lost(
    connection: asyncpg.Connection[asyncpg.Record], peers: asyncpg.Connection[asyncpg.Record], peer: RegionId
) -> None:
    """Refuse where the copy has a row that the peer has not, of whatever age: then the copy is all that is left of it.

    Raw messages are not looked at: each was written together with an event, and archived ones leave the database.
    """
    for table in COMPARED:
        key = ", ".join(f"{column.name}::text" for column in table.primary_key if column.name != "region")
        listed = (
            f"SELECT row_key FROM (SELECT concat_ws(chr(31), {key}) AS row_key FROM {table.name}_{peer}) AS listed "
            'ORDER BY row_key COLLATE "C"'
        )
        async with connection.transaction(readonly=True), peers.transaction(readonly=True):
            for one in (connection, peers):
                await one.execute("SET LOCAL TimeZone = 'UTC'")  # both write an instant in the same way
            here = aiter(connection.cursor(listed, prefetch=_ROWS_AT_ONCE))
            there = aiter(peers.cursor(listed, prefetch=_ROWS_AT_ONCE))
            lost = await _first_missing(here, there)
        if lost is not None:
            raise ReplicationError(
                f"{table.name} of region {peer} has {lost.replace(chr(31), ' ')} here and not there: the peer has lost "
                "rows, and this copy has them. Do not copy anew before they are back (docs/runbooks/regions.md)"
            )


async def _first_missing(here: AsyncIterator[asyncpg.Record], there: AsyncIterator[asyncpg.Record]) -> str | None:
    """Return the first of two sorted lists' rows that the second has not; both are walked through once."""
    other = await anext(there, None)
    async for row in here:
        while other is not None and other[0].encode() < row[0].encode():
            other = await anext(there, None)
        if other is None or other[0] != row[0]:
            return str(row[0])
    return None
