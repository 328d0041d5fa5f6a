"""Installations for the acceptance tests: on the embedded bus and on RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.anchors.files import read_anchors
from adapters.keys.clear import ClearVault
from adapters.postgres.audit import open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.synthetic import SUFFIX, synthetic_dsn
from gateway.domain.history import fold
from gateway.domain.payment import PaymentId
from gateway.service.ports import Anchor
from gateway.service.verify_audit import Violation, verify
from tests.acceptance.installation import ANCHORS, Installation, installed
from tests.conftest import REGION, Database
from tests.servers.rabbitmq import RabbitMqNode, ensure_installed

BUSES: Final = ("embedded", "rabbitmq")
_namespaces = count(1)


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMqNode]:
    """A private RabbitMQ node; installed where it is missing."""
    ensure_installed()
    with RabbitMqNode(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq_node: RabbitMqNode) -> str:
    """Where that node is."""
    return rabbitmq_node.url


async def unfolded(database: Database) -> list[PaymentId]:
    """The payments whose projection is not what their events make."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=ClearVault(b"any"))
        found = []
        for row in await pool.fetch("SELECT payment_id FROM payment"):
            payment_id = PaymentId(row["payment_id"])
            payment = (await store.load([payment_id]))[payment_id]
            folded = fold(await store.events(payment_id))
            if any(
                getattr(payment, name.name) != getattr(folded, name.name)
                for name in fields(folded)
                if name.name != "epoch"
            ):
                found.append(payment_id)
    return found


@pytest.fixture(autouse=True)
def the_state_is_what_the_events_make(database: Database) -> Iterator[None]:
    """After every acceptance test: the projection can be built anew from the history alone."""
    yield
    assert asyncio.run(unfolded(database)) == []


@pytest.fixture(autouse=True)
def the_trail_is_sound(database: Database, tmp_path: Path) -> Iterator[None]:
    """After every acceptance test: the history is chained, sealed and anchored, whatever was killed meanwhile."""
    yield
    directory = tmp_path / ANCHORS
    anchors = [each for each in read_anchors(directory) if isinstance(each, Anchor)] if directory.exists() else []
    assert asyncio.run(unsound(database, anchors)) == []


async def unsound(database: Database, anchors: list[Anchor]) -> list[Violation]:
    """What does not fit in the history."""
    async with open_audit_reader(database.application_dsn) as reader:
        return (await verify(reader, anchors, local=REGION)).violations


@pytest.fixture
def install(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., AbstractContextManager[Installation]]:
    """Install on one of `BUSES`, with more settings."""

    def on(bus: str, **more: str) -> AbstractContextManager[Installation]:
        broker_url = request.getfixturevalue("rabbitmq_url") if bus == "rabbitmq" else None
        namespace = f"acceptance{next(_namespaces)}"
        return installed(database, tmp_path, broker_url=broker_url, broker_namespace=namespace, more=more)

    return on


@pytest.fixture(params=BUSES)
def installation(
    request: pytest.FixtureRequest, install: Callable[..., AbstractContextManager[Installation]]
) -> Iterator[Installation]:
    """A running installation with one worker, on either bus."""
    with install(request.param) as running:
        running.start_worker()
        yield running


@pytest.fixture(params=BUSES)
def idle_installation(
    request: pytest.FixtureRequest, install: Callable[..., AbstractContextManager[Installation]]
) -> Iterator[Installation]:
    """A running installation without a worker, on either bus."""
    with install(request.param) as running:
        yield running


@pytest.fixture
def beside(postgres_server: EmbeddedPostgres, database: Database) -> Database:
    """The database of synthetic payments beside the test's own, empty; its owner may not make it."""
    name = f"{database.owner_dsn.rpartition('/')[2]}{SUFFIX}"
    statements = (
        f"CREATE DATABASE {name} OWNER fifteen_owner",
        f"GRANT CONNECT ON DATABASE {name} TO fifteen_application",
    )

    async def create() -> None:
        connection = await asyncpg.connect(postgres_server.superuser_dsn)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(create())
    return Database(synthetic_dsn(database.owner_dsn), synthetic_dsn(database.application_dsn))
