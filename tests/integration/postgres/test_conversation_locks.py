"""Conversations while their tables are migrated: who opens one locks them in one order, and the migration does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.migrations import HEAD
from adapters.postgres.phases import MIGRATIONS, Phase
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import upgrade
from gateway.service.ports import UnavailableError
from gateway.service.ports.conversations import OpenKind
from tests.conftest import REGION, Database
from tests.integration.store.test_conversations_contract import NOW, new


@pytest.fixture
async def before(postgres_server: EmbeddedPostgres, template: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database as the former release left it, without the migrations from 0025 on: its owner's address."""
    assert template, "roles and rights are the server's, and are there"
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__", "002[5-9]_*", "00[3-9]?_*"))
    superuser = await asyncpg.connect(postgres_server.superuser_dsn)
    await superuser.execute("CREATE DATABASE former_release OWNER fifteen_owner")
    owner_dsn = f"{postgres_server.owner_dsn.rpartition('/')[0]}/former_release"
    await upgrade(owner_dsn, regions=[REGION], first_tenant=None, now=NOW, folder=folder)
    yield owner_dsn
    await superuser.execute("DROP DATABASE former_release WITH (FORCE)")
    await superuser.close()


async def test_the_migration_waits_for_who_opens_a_conversation_and_neither_brings_the_other_down(before: str) -> None:
    """It locks the tables in the program's order, fact first: otherwise each would hold what the other wants."""
    program, watch = await asyncpg.connect(before), await asyncpg.connect(before)
    async with asyncio.TaskGroup() as group, program.transaction():
        await program.execute("LOCK TABLE conversation IN ROW EXCLUSIVE MODE")  # what its INSERT takes
        migrated = group.create_task(upgrade(before, regions=[REGION], first_tenant=None, now=NOW, phase=Phase.PRE))
        await until_somebody_waits(watch)

        for following in ("conversation_state", "conversation_event", "conversation_message"):
            await program.execute(f"LOCK TABLE {following} IN ROW EXCLUSIVE MODE")
    await program.close()
    await watch.close()

    assert migrated.result() == HEAD


async def test_a_deadlock_says_nothing_of_what_is_opened(database: Database, postgres_server: EmbeddedPostgres) -> None:
    """It is the world's fault, and tried again: as a faulty row, what the rail has brought would be set aside."""
    asked = new()
    superuser_dsn = f"{postgres_server.superuser_dsn.rpartition('/')[0]}/{database.owner_dsn.rpartition('/')[2]}"
    other, watch = await asyncpg.connect(superuser_dsn), await asyncpg.connect(database.owner_dsn)
    await other.execute("SET deadlock_timeout = '30s'")  # the victim is who looks first
    async with open_pool(database.application_dsn) as pool:
        store = PostgresConversations(pool, region=REGION, vault=ClearVault(b"a-key-for-tests-only"))
        async with other.transaction():
            await other.execute("LOCK TABLE conversation_state IN ACCESS EXCLUSIVE MODE")
            opening = asyncio.create_task(store.open(asked))
            await until_somebody_waits(watch)

            await other.execute("LOCK TABLE conversation IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(UnavailableError, match="DeadlockDetectedError"):
                await opening

        assert (await store.open(asked)).kind is OpenKind.OPENED
    await other.close()
    await watch.close()


async def until_somebody_waits(watch: asyncpg.Connection[asyncpg.Record]) -> None:
    """Return once a session of this database waits for a lock on one of the tables of conversations."""
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
        "WHERE NOT granted AND relname LIKE 'conversation%' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(20):
        while not await watch.fetchval(query):
            await asyncio.sleep(0.01)
