"""The pool that keeps a few connections for `fetch`: the same ones again, none that was lost, and all given back."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import asyncpg
import pytest

from adapters.postgres.connection import KEPT_SHARE, POOL_CONNECTIONS_MAX, open_pool, translated
from gateway.service.ports import UnavailableError
from tests.conftest import Database

KEPT = POOL_CONNECTIONS_MAX // KEPT_SHARE

WHO = "SELECT pg_backend_pid() AS pid"
ASLEEP = """
    SELECT count(*) FROM pg_stat_activity
    WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%' AND datname = current_database()
"""


async def test_a_statement_goes_over_a_connection_that_is_kept(database: Database) -> None:
    """Also after many at once: what is more than is kept goes back, and is lent to whoever asks."""
    async with open_pool(database.application_dsn) as pool:
        at_once = await asyncio.gather(*(pool.fetch(WHO) for _ in range(4 * POOL_CONNECTIONS_MAX)))
        one_by_one = Counter([(await pool.fetch(WHO))[0]["pid"] for _ in range(20)])

        assert len({rows[0]["pid"] for rows in at_once}) <= POOL_CONNECTIONS_MAX
        assert list(one_by_one.values()) == [20]
        others = [await pool.acquire() for _ in range(POOL_CONNECTIONS_MAX - KEPT)]
        assert one_by_one.keys().isdisjoint(other.get_server_pid() for other in others)
        for other in others:
            await pool.release(other)


async def test_a_pool_of_one_keeps_none(database: Database) -> None:
    """Else whoever asks for it would wait for ever. The control: as many as there are can be asked for at once."""
    async with asyncio.timeout(10), open_pool(database.application_dsn, connections_max=1) as pool:
        await pool.fetch(WHO)
        async with pool.acquire() as connection:
            assert connection.get_server_pid() > 0


@pytest.mark.parametrize("seen_after_s", [0.0, 0.0005, 0.001, 0.1])
async def test_a_connection_that_was_lost_is_not_kept(database: Database, seen_after_s: float) -> None:
    """As after a restart of the server: one statement may find out, as the world's fault; the next has a new one."""
    async with open_pool(database.application_dsn) as pool:
        killer = await asyncpg.connect(database.application_dsn)
        for _ in range(2 * POOL_CONNECTIONS_MAX):
            [[lost]] = await pool.fetch(WHO)
            killing = asyncio.ensure_future(killer.fetch("SELECT pg_terminate_backend($1, 1000)", lost))
            await asyncio.sleep(seen_after_s)
            with suppress(UnavailableError), translated():
                await pool.fetch(WHO)
            await killing
            with suppress(UnavailableError), translated():
                await pool.fetch(WHO)  # where the one before was quicker than the server

            assert (await pool.fetch(WHO))[0]["pid"] != lost
        await killer.close()
        others = [await pool.acquire() for _ in range(POOL_CONNECTIONS_MAX - KEPT)]
        for other in others:
            await pool.release(other)


async def test_a_session_that_ends_just_as_a_statement_begins_is_the_worlds_fault(database: Database) -> None:
    """Whoever has asked for the connection is told the same as by `fetch`: unavailable, which may be tried again."""
    seen: Counter[str] = Counter()
    async with open_pool(database.application_dsn) as pool:
        killer = await asyncpg.connect(database.application_dsn)
        for turn in range(24):
            async with pool.acquire() as connection:
                lost = connection.get_server_pid()
                killing = asyncio.ensure_future(killer.fetch("SELECT pg_terminate_backend($1, 1000)", lost))
                await asyncio.sleep(turn % 6 * 0.0002)
                try:
                    with translated():
                        await connection.fetch(WHO)
                except UnavailableError as error:
                    seen[type(error.__cause__).__name__] += 1
                await killing
        await killer.close()
    assert seen


async def test_a_statement_that_fails_or_is_given_up_leaves_the_pool_whole(database: Database) -> None:
    """Its connection goes back by the pool's own way, which closes what is in the middle of something."""
    async with asyncio.timeout(20), open_pool(database.application_dsn) as pool:
        for _ in range(2 * POOL_CONNECTIONS_MAX):
            with pytest.raises(asyncpg.DivisionByZeroError):
                await pool.fetch("SELECT 1 / 0")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await pool.fetch("SELECT pg_sleep(60)")

        everything = await asyncio.gather(*(pool.fetch("SELECT 1 AS one") for _ in range(4 * POOL_CONNECTIONS_MAX)))
        assert [rows[0]["one"] for rows in everything] == [1] * 4 * POOL_CONNECTIONS_MAX


async def test_what_is_under_way_when_the_pool_is_closed_ends_first(database: Database) -> None:
    """And its connection is given back, not kept: closing waits for every one."""
    async with asyncio.timeout(10):
        async with open_pool(database.application_dsn) as pool:
            await pool.fetch(WHO)
            running = [asyncio.ensure_future(pool.fetch("SELECT pg_sleep(1)")) for _ in range(4)]
            while await pool.fetchval(ASLEEP) < len(running):
                assert not any(task.done() for task in running)
        assert all(task.done() and task.exception() is None for task in running)
