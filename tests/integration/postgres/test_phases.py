"""A blue/green deployment on a real database: expand, deploy, end the old code, contract; and in no other order."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from typer.testing import CliRunner

from adapters.postgres.connection import open_pool
from adapters.postgres.migrations import HEAD
from adapters.postgres.phases import MIGRATIONS, PRESENT_S, Phase, UpgradeError
from adapters.postgres.releases import PostgresReleases, demand_schema
from adapters.postgres.upgrade import upgrade
from adapters.system import SystemClock
from gateway.cli.application import application
from gateway.service.ports import UnavailableError
from tests.conftest import REGION, Database

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OLD: Final = UUID(int=1)
GATE: Final = 4_711
"""An advisory lock: while a test holds it, the contraction stands half done."""

MIGRATION: Final = """
from alembic import op
revision, down_revision, branch_labels, depends_on = {revision!r}, {below!r}, None, None
phase = {phase!r}


def upgrade():
    for statement in {statements!r}:
        op.execute(statement)
"""


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The migrations of a release after this one: a column is added, and later another is taken away."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    steps = (
        ("9001", HEAD, "pre", ["ALTER TABLE payment_state ADD COLUMN of_the_next_release TEXT"]),
        (
            "9002",
            "9001",
            "post",
            [f"SELECT pg_advisory_xact_lock({GATE})", "ALTER TABLE payment_state DROP COLUMN pings"],
        ),
    )
    for revision, below, phase, statements in steps:
        text = MIGRATION.format(revision=revision, below=below, phase=phase, statements=statements)
        (folder / "versions" / f"{revision}.py").write_text(text)
    return folder


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    """The application's connections."""
    async with open_pool(database.application_dsn) as pool:
        yield pool


def old_code(pool: asyncpg.Pool[asyncpg.Record], release: str = "old") -> PostgresReleases:
    """A process of this release, which the next one will replace."""
    return PostgresReleases(pool, SystemClock(), instance_id=OLD, role="worker", release=release)


async def migrate(database: Database, folder: Path, phase: Phase | None, *, now: datetime = NOW) -> str:
    """Run the next release's migrations."""
    return await upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, now=now, phase=phase, folder=folder)


@pytest.mark.unbalanced("the contraction is of a column that the check reads")
async def test_the_right_order_goes_through_and_the_old_code_serves_until_the_end(
    database: Database, pool: asyncpg.Pool[asyncpg.Record], next_release: Path
) -> None:
    """Expand; both run; the old code ends; contract."""
    old = old_code(pool)
    await old.beat(NOW)

    assert await migrate(database, next_release, Phase.PRE) == "9001"
    await old.beat(NOW)
    await demand_schema(pool)  # a database ahead of the code: it is ready still
    await old.leave()

    assert await migrate(database, next_release, Phase.POST) == "9002"


async def test_a_contraction_is_refused_while_older_code_runs(
    database: Database, pool: asyncpg.Pool[asyncpg.Record], next_release: Path
) -> None:
    """Who runs is named, and nothing is changed; without a phase it is no different."""
    await old_code(pool, "2026.11.1").beat(NOW)
    await migrate(database, next_release, Phase.PRE)

    for phase in (Phase.POST, None):
        with pytest.raises(UpgradeError, match=rf"worker 2026\.11\.1 \(knows {HEAD}, seen 0 s ago\).*repeat"):
            await migrate(database, next_release, phase)

    assert await pool.fetchval("SELECT version_num FROM alembic_version") == "9001"
    await pool.fetch("SELECT pings FROM payment_state")


async def test_what_older_code_does_not_survive_waits_for_its_end_also_before_the_new_code(
    database: Database, pool: asyncpg.Pool[asyncpg.Record], tmp_path: Path
) -> None:
    """New code needs it and writes what the old cannot read: the old is ended first, and does not come back."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = MIGRATION.format(revision="9001", below=HEAD, phase="pre", statements=["SELECT 1"])
    (folder / "versions" / "9001.py").write_text(f"{text}\n\nends_older_code = True\n")
    old = old_code(pool, "2026.11.1")
    await old.beat(NOW)

    for phase in (Phase.PRE, None):
        with pytest.raises(UpgradeError, match=rf"9001 .pre. is not survived.*worker 2026\.11\.1 \(knows {HEAD}"):
            await migrate(database, folder, phase)
    await old.leave()

    assert await migrate(database, folder, Phase.PRE) == "9001"
    with pytest.raises(UnavailableError, match="9001 took away what this program uses"):
        await old.beat(NOW)


@pytest.mark.unbalanced("the contraction is of a column that the check reads")
async def test_who_has_been_silent_for_long_is_taken_for_ended_and_refused_when_it_comes_back(
    database: Database, pool: asyncpg.Pool[asyncpg.Record], next_release: Path
) -> None:
    """A process that was cut off, or asleep, for a minute must not go on with a schema that it does not know."""
    old = old_code(pool)
    await old.beat(NOW)
    later = NOW + timedelta(seconds=PRESENT_S + 1)

    await migrate(database, next_release, None, now=later)

    with pytest.raises(UnavailableError, match=f"9002 took away what this program uses .it knows {HEAD}"):
        await old.beat(later)
    with pytest.raises(UnavailableError, match="deploy a release that knows 9002"):
        await demand_schema(pool)
    assert await pool.fetch("SELECT FROM running_release") == []
    code, shown = await _check(database)
    assert code == 1
    assert "migration 9002 took away what this program uses" in shown


@pytest.mark.unbalanced("the contraction is of a column that the check reads")
async def test_old_code_that_starts_while_the_contraction_runs_is_not_admitted(
    database: Database, pool: asyncpg.Pool[asyncpg.Record], next_release: Path
) -> None:
    """The race: it must write itself down first, and so waits for the contraction, and then sees it.

    The control stands in the middle: a process that only looked would be let in at that moment.
    """
    await migrate(database, next_release, Phase.PRE)
    gate = await asyncpg.connect(database.owner_dsn)
    await gate.execute("SELECT pg_advisory_lock($1)", GATE)
    async with asyncio.TaskGroup() as group:
        contraction = group.create_task(migrate(database, next_release, Phase.POST))
        await _until_blocked(gate, "locktype = 'advisory'")
        old = group.create_task(_refusal_of(old_code(pool)))
        await _until_blocked(gate, "relation = 'running_release'::regclass")

        await demand_schema(pool)
        assert not old.done()
        await gate.execute("SELECT pg_advisory_unlock($1)", GATE)
    await gate.close()

    assert contraction.result() == "9002"
    assert "9002 took away" in old.result()


async def _refusal_of(code: PostgresReleases) -> str:
    with pytest.raises(UnavailableError) as caught:
        await code.beat(NOW)
    return str(caught.value)


async def _until_blocked(connection: asyncpg.Connection[asyncpg.Record], which: str) -> None:
    async with asyncio.timeout(10):
        while not await connection.fetchval(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND {which}"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("lacks", ["nothing", "running_release, applied_migration"])
async def test_new_code_on_a_database_without_its_migrations_is_not_admitted(
    database: Database, pool: asyncpg.Pool[asyncpg.Record], lacks: str
) -> None:
    """It says what to run; and it does no work: nobody is admitted."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE alembic_version SET version_num = '0006'")
    if lacks != "nothing":
        await owner.execute(f"DROP TABLE {lacks}")
    await owner.close()
    code = old_code(pool)

    with pytest.raises(UnavailableError, match=f"schema 0006, this program needs {HEAD}: fifteen db upgrade --phase"):
        await code.beat(NOW)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await code.admitted()
    assert code.refused()


async def test_a_process_is_admitted_when_the_missing_migration_comes(
    database: Database, pool: asyncpg.Pool[asyncpg.Record]
) -> None:
    """A deployment whose order is mended needs no restart."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE alembic_version SET version_num = '0006'")
    code = old_code(pool)
    with pytest.raises(UnavailableError):
        await code.beat(NOW)

    await owner.execute("UPDATE alembic_version SET version_num = $1", HEAD)
    await owner.close()
    running = asyncio.create_task(code.run())
    async with asyncio.timeout(5):
        await code.admitted()
    running.cancel()
    assert not code.refused()


async def test_the_command_says_what_is_missing_and_who_runs(
    database: Database, pool: asyncpg.Pool[asyncpg.Record]
) -> None:
    """What a pipeline asks before it goes on: 0 where the program can serve, 1 where not."""
    await old_code(pool, "2026.11.1").beat(SystemClock().now())

    code, shown = await _check(database)
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE alembic_version SET version_num = '0006'")
    await owner.close()
    code_before, shown_before = await _check(database)

    assert code == 0
    assert f"schema {HEAD}; this program needs {HEAD} and knows {HEAD}" in shown
    assert re.search(rf"runs: worker 2026\.11\.1, knows {HEAD}, seen \d+ s ago", shown)
    assert code_before == 1
    assert f"pending: {HEAD} (pre)" in shown_before
    assert "fifteen db upgrade --phase pre" in shown_before


async def _check(database: Database) -> tuple[int, str]:
    environment = {"FIFTEEN_DATABASE_URL": database.application_dsn, "COLUMNS": "200"}
    result = await asyncio.to_thread(CliRunner().invoke, application, ["db", "check"], env=environment)
    return result.exit_code, result.output
