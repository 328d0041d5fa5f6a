"""Real servers for every test that wants one: one PostgreSQL a session, one fresh migrated database a test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Final

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from gateway.domain.payment import RegionId, TenantId

API_KEY: Final = "an-api-key-for-tests-only"
TENANT: Final = TenantId("default")
REGION: Final = RegionId("local")
_numbers = count(1)


def pytest_configure() -> None:
    """Tests that look at a command's output say how wide it is; a test process among several is told another width.

    How long Hypothesis takes to think of something says what else the machine has to do, and nothing of what is tested.
    """
    os.environ.pop("COLUMNS", None)
    settings.register_profile("on any machine", suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("on any machine")


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database of its own, with one tenant and one API key."""

    owner_dsn: str
    application_dsn: str


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres_server: EmbeddedPostgres) -> str:
    """The server's own database, migrated: what the others are copied from."""
    first = FirstTenant(TENANT, "Test institution", digest_of_api_key(API_KEY))
    asyncio.run(
        upgrade(postgres_server.owner_dsn, regions=[REGION], first_tenant=first, now=datetime(2026, 11, 20, tzinfo=UTC))
    )
    return "fifteen"


def copy_database(server: EmbeddedPostgres, template: str) -> Database:
    """Make a database by copying the migrated one; nobody may be connected to that."""
    name = f"test_{next(_numbers)}"
    asyncio.run(_execute(server.superuser_dsn, f"CREATE DATABASE {name} TEMPLATE {template} OWNER fifteen_owner"))
    return Database(_named(server.owner_dsn, name), _named(server.application_dsn, name))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(_named(dsn, "postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _named(dsn: str, database: str) -> str:
    return f"{dsn.rpartition('/')[0]}/{database}"


@pytest.fixture
def database(request: pytest.FixtureRequest, postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """A fresh database for one test; when it ends, the ledger must say what the payments' states say.

    ``@pytest.mark.unbalanced("why")`` is for a test that writes around the store.
    """
    fresh = copy_database(postgres_server, template)
    yield fresh
    if request.node.get_closest_marker("unbalanced") is None:
        asyncio.run(demand_balance(fresh))


async def demand_balance(database: Database | EmbeddedPostgres) -> None:
    """Fail when a posting has one side, or a payment's postings, or its returns, do not say what is kept of it."""
    async with open_pool(database.application_dsn, connections_max=1) as pool:
        ledger = PostgresLedger(pool)
        balances, faults = await ledger.balances(), await ledger.faults(limit=10)
        sums = await ledger.return_faults(told_until=datetime.min.replace(tzinfo=UTC), limit=10)
    assert not sums, sums
    assert sum(balance.amount_cents for balance in balances) == 0, balances
    assert not faults, faults


@pytest.fixture
async def postgres_store(database: Database) -> AsyncIterator[PostgresStore]:
    """A store on a fresh database."""
    async with open_pool(database.application_dsn) as pool:
        yield PostgresStore(pool, region=REGION, vault=ClearVault(b"a-key-for-tests-only"))
