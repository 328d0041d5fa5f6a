"""Servers for the bus, one of each a session; empty queues for every test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from adapters.postgres.server import EmbeddedPostgres
from tests.integration.bus.harness import (
    MemoryStand,
    PostgresStand,
    RabbitMqStand,
    ServerStand,
    Stand,
    create_tables,
    empty_tables,
)
from tests.servers import RabbitMqNode

_namespaces = count(1)


@pytest.fixture(scope="session")
def bus_postgres(server_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL with the bus's tables, which tests may kill and start again."""
    with EmbeddedPostgres(server_directory / "bus-postgres") as server:
        asyncio.run(create_tables(server.owner_dsn))
        yield server


@pytest.fixture
def postgres_stand(bus_postgres: EmbeddedPostgres) -> PostgresStand:
    """The bus on PostgreSQL, empty."""
    asyncio.run(empty_tables(bus_postgres.owner_dsn))
    return PostgresStand(bus_postgres)


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has used."""
    return f"test-{next(_namespaces)}"


@pytest.fixture
def rabbitmq_stand(rabbitmq_node: RabbitMqNode, namespace: str) -> RabbitMqStand:
    """The bus on RabbitMQ, empty."""
    return RabbitMqStand(rabbitmq_node, namespace)


@pytest.fixture(params=["memory", "postgres", "rabbitmq"])
def stand(request: pytest.FixtureRequest) -> Stand:
    """Each bus in turn."""
    if request.param == "memory":
        return MemoryStand()
    found: Stand = request.getfixturevalue(f"{request.param}_stand")
    return found


@pytest.fixture(params=["postgres", "rabbitmq"])
def server_stand(request: pytest.FixtureRequest) -> ServerStand:
    """Each bus that lives on a server."""
    found: ServerStand = request.getfixturevalue(f"{request.param}_stand")
    return found
