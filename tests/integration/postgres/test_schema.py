"""The schema: what the migrations make is what the code believes, and facts are only ever added."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from typing import Final

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Text, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.postgres.migrations import HEAD
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.tables import CONFIGURATION, FACTS, LOCAL, payment
from adapters.postgres.upgrade import UpgradeError, prepare_for_replay, upgrade
from gateway.domain.payment import RegionId
from gateway.service.ports import UnavailableError
from tests.conftest import REGION, Database

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def _differences(connection: Connection) -> list[object]:
    partitions = set(connection.execute(text("SELECT inhrelid::regclass::text FROM pg_inherits")).scalars())
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or name not in {*partitions, "alembic_version"},
        },
    )
    differences: list[object] = compare_metadata(context, payment.metadata)
    return differences


async def compare(database: Database) -> list[object]:
    engine = create_async_engine(database.owner_dsn.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_differences)
    finally:
        await engine.dispose()


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(database: Database) -> None:
    """Two descriptions of one schema are proved equal, or one of them is a lie."""
    assert await compare(database) == []


async def test_the_comparison_sees_a_column_that_is_missing_or_of_another_type(database: Database) -> None:
    """The control of the test above."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(
        "ALTER TABLE payment DROP COLUMN uetr; ALTER TABLE tenant ALTER COLUMN name TYPE varchar(99)"
    )
    await connection.close()

    assert len(await compare(database)) >= 2
    assert isinstance(payment.c.uetr.type, Text)


async def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    """Whoever deploys may always run it."""
    assert await upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, now=NOW) == HEAD


async def test_a_new_region_gets_its_partition_of_every_fact(database: Database) -> None:
    """Regions are added by a setting and an upgrade."""
    await upgrade(database.owner_dsn, regions=[REGION, RegionId("usw2")], first_tenant=None, now=NOW)

    connection = await asyncpg.connect(database.owner_dsn)
    partitions = await connection.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits")
    await connection.close()

    assert {f"{table.name}_usw2" for table in FACTS} <= {row["name"] for row in partitions}


@pytest.mark.parametrize("name", ["", "US-West", "x; DROP TABLE payment", "a" * 32])
async def test_a_region_whose_name_cannot_be_a_partitions_is_refused(database: Database, name: str) -> None:
    """The name becomes SQL: it is held against a pattern first."""
    with pytest.raises(UpgradeError, match="small letter"):
        await upgrade(database.owner_dsn, regions=[RegionId(name)], first_tenant=None, now=NOW)


@pytest.mark.parametrize("table", [table.name for table in FACTS])
@pytest.mark.parametrize("statement", ["UPDATE {} SET region = region", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_applications_role_can_neither_change_nor_delete_a_fact(
    database: Database, table: str, statement: str
) -> None:
    """Not even a fault of ours, or a stolen password, rewrites history."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement.format(table))
    finally:
        await connection.close()


async def test_the_applications_role_may_do_what_it_must(database: Database) -> None:
    """The control of the test above: the same statements on local tables pass."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        for table in LOCAL:
            await connection.execute(f"DELETE FROM {table.name}")
        for table in (*FACTS, *CONFIGURATION):
            await connection.fetch(f"SELECT * FROM {table.name}")
    finally:
        await connection.close()


async def test_a_database_of_another_revision_is_not_ready(database: Database, postgres_store: PostgresStore) -> None:
    """A gateway that was deployed before its migration says so, rather than fail on the first payment."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    await connection.close()

    with pytest.raises(UnavailableError, match="fifteen db upgrade"):
        await postgres_store.check()


async def test_a_database_with_payments_is_left_as_it_is_by_a_replay(
    postgres_server: EmbeddedPostgres, database: Database
) -> None:
    """Named by mistake: it is refused before anything in it is migrated."""
    superuser = await asyncpg.connect(postgres_server.superuser_dsn)
    await superuser.execute("CREATE DATABASE somebodys OWNER fifteen_owner")
    await superuser.close()
    dsn = f"{postgres_server.owner_dsn.rpartition('/')[0]}/somebodys"
    somebodys = await asyncpg.connect(dsn)
    await somebodys.execute("CREATE TABLE payment AS SELECT 1 AS payment_id")

    with pytest.raises(UpgradeError, match="holds payments"):
        await prepare_for_replay(database.application_dsn, dsn, regions=[REGION], now=NOW)

    tables = await somebodys.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await somebodys.close()
    assert [row["tablename"] for row in tables] == ["payment"]


async def test_what_is_added_to_large_tables_is_checked_after_the_commit_and_left_unchecked_by_nobody(
    database: Database,
) -> None:
    """Old rows are read under a lock that stops no writer, in a step of its own that an interrupted upgrade repeats."""
    connection = await asyncpg.connect(database.owner_dsn)
    unchecked = "SELECT conname FROM pg_constraint WHERE contype = 'c' AND NOT convalidated"
    assert await connection.fetch(unchecked) == []
    await connection.execute(
        "ALTER TABLE payment_event DROP CONSTRAINT payment_event_state_after_ck;"
        "ALTER TABLE payment_event ADD CONSTRAINT payment_event_state_after_ck CHECK (state_after <> '') NOT VALID"
    )
    assert await connection.fetch(unchecked) != []

    await upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, now=NOW)

    assert await connection.fetch(unchecked) == []
    await connection.close()


def test_a_migration_reads_no_large_table_through_under_its_lock() -> None:
    """The rules that 0010 has widened are added without looking at old rows, and it waits for its locks briefly."""
    widened = import_module("adapters.postgres.migrations.versions.0010_incoming").WIDENED

    added = [statement for statement in widened if " ADD CONSTRAINT " in statement]
    assert len(added) == 5
    assert all(statement.endswith(" NOT VALID") for statement in added)
    assert widened[0].startswith("SET LOCAL lock_timeout")


_UNREADABLE: Final = """
SELECT array_agg(relation::regclass::text ORDER BY relation::regclass::text) FROM pg_locks
WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock'
    AND relation IN ('payment_state'::regclass, 'incoming_state'::regclass)
"""


async def test_the_look_through_the_payments_is_over_before_incoming_transfers_cannot_be_read(
    database: Database,
) -> None:
    """All of 0030 is one transaction: who begins with the column keeps the rail waiting for the other index too."""
    contrary_words = import_module("adapters.postgres.migrations.versions.0030_contrary_words")
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("DROP INDEX payment_state_unposted_ix; ALTER TABLE incoming_state DROP COLUMN contrary_word")

    unreadable = []
    async with owner.transaction():
        for statement in contrary_words.STATEMENTS:
            await owner.execute(statement)
            unreadable.append(await owner.fetchval(_UNREADABLE))

    await owner.close()
    looked = next(at for at, each in enumerate(contrary_words.STATEMENTS) if "payment_state_unposted_ix" in each)
    assert unreadable[: looked + 1] == [None] * (looked + 1)
    assert unreadable[looked + 1] == ["incoming_state"], "the control: from the column on"
