"""What the contract suite needs of whatever stands behind a bus."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.postgres.bus import PostgresBus
from adapters.postgres.bus_tables import BUS_TABLES
from adapters.postgres.cluster import APPLICATION_GROUP_ROLE
from adapters.postgres.connection import open_pool
from adapters.postgres.server import EmbeddedPostgres
from adapters.rabbitmq.bus import RabbitMqBus
from adapters.system import SystemClock, SystemIdentifiers
from gateway.domain.payment import PaymentId
from gateway.service.ports import Bus, OutboundDelivery, Queue, UnavailableError
from tests.fakes.bus import InMemoryBus
from tests.servers import RabbitMqNode

DELIVERY_LIMIT: Final = 3
LEASE_S: Final = 1.0
PATIENCE_S: Final = 20.0
"""What has not happened by then will not: longer than any lease, back-off and restart in these tests."""

_POLL_S: Final = 0.02
_REPOSITORY: Final = Path(__file__).parents[3]


class DeclaringBus(Bus, Protocol):
    """A bus whose queues are made by a call."""

    async def declare(self) -> None:
        """Make all queues."""
        ...


class Stand(Protocol):
    """A bus with everything under it; each call of `bus` is another process's view of the same queues."""

    def bus(self) -> AbstractAsyncContextManager[DeclaringBus]:
        """Open the bus; its queues are not declared by this."""
        ...


class ServerStand(Stand, Protocol):
    """A bus that lives on a server of its own."""

    def process_options(self) -> dict[str, Any]:
        """What `consumer_process` needs to open the same bus."""
        ...

    def kill_server(self) -> None:
        """Kill the server with SIGKILL."""
        ...

    def start_server(self) -> None:
        """Start it again on the same data and address."""
        ...


class MemoryStand:
    """The bus in memory."""

    def __init__(self) -> None:
        self._bus = InMemoryBus(delivery_limit=DELIVERY_LIMIT, declared=False)

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[DeclaringBus]:
        """Lend the one bus there is."""
        yield self._bus


class PostgresStand:
    """The bus on PostgreSQL, as the application role."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[DeclaringBus]:
        """Open a pool and a bus on it."""
        async with open_pool(self._server.application_dsn) as pool:
            yield postgres_bus(pool)

    def process_options(self) -> dict[str, Any]:
        """The DSN."""
        return {"dsn": self._server.application_dsn}

    def kill_server(self) -> None:
        """Kill postmaster and children."""
        self._server.kill()

    def start_server(self) -> None:
        """Recover."""
        self._server.start()


class RabbitMqStand:
    """The bus on RabbitMQ, in a namespace of its own."""

    def __init__(self, node: RabbitMqNode, namespace: str) -> None:
        self._node = node
        self._namespace = namespace

    def bus(self) -> AbstractAsyncContextManager[DeclaringBus]:
        """Open a bus."""
        return rabbitmq_bus([self._node.url], self._namespace)

    def process_options(self) -> dict[str, Any]:
        """URL and namespace."""
        return {"url": self._node.url, "namespace": self._namespace}

    def kill_server(self) -> None:
        """Kill the node."""
        self._node.kill()

    def start_server(self) -> None:
        """Recover."""
        self._node.start()


def postgres_bus(pool: asyncpg.Pool, **changes: Any) -> PostgresBus:
    """A bus with the tests' limits."""
    options = {"lease_s": LEASE_S, "delivery_limit": DELIVERY_LIMIT, "retry_s": 0.01, "drain_s": 5.0, **changes}
    return PostgresBus(pool, SystemClock(), **options)


def rabbitmq_bus(urls: list[str], namespace: str, **changes: Any) -> RabbitMqBus:
    """A bus with the tests' limits."""
    options = {"delivery_limit": DELIVERY_LIMIT, "retry_s": 0.01, "drain_s": 5.0, "watch_s": 0.5, **changes}
    return RabbitMqBus(urls, SystemClock(), namespace=namespace, **options)


async def create_tables(owner_dsn: str) -> None:
    """Make the bus's tables and let the application use them."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    connection = await asyncpg.connect(owner_dsn)
    try:
        for table in BUS_TABLES:
            await connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in table.indexes:
                await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
            await connection.execute(
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.name} TO {APPLICATION_GROUP_ROLE}"
            )
    finally:
        await connection.close()


async def empty_tables(owner_dsn: str) -> None:
    """Forget every queue and delivery."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute(f"TRUNCATE {', '.join(table.name for table in BUS_TABLES)}")
    finally:
        await connection.close()


def outbound(
    count: int, *, queue: Queue = Queue.FEDNOW_OUT_VALUE, deadline_in_s: float = 15.0
) -> list[OutboundDelivery]:
    """Deliveries that have never been published."""
    identifiers, clock = SystemIdentifiers(), SystemClock()
    return [
        OutboundDelivery(
            delivery_id=identifiers.new_uuid(),
            queue=queue,
            payment_id=PaymentId(identifiers.new_uuid()),
            deadline_at=clock.now() + timedelta(seconds=deadline_in_s),
        )
        for _ in range(count)
    ]


async def eventually(condition: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Return once the condition holds; fail the test if it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(_POLL_S)


async def until_depth(bus: Bus, queue: Queue, expected: int) -> None:
    """Return once the queue holds that many deliveries."""
    async with asyncio.timeout(PATIENCE_S):
        while await bus.depth(queue) != expected:
            await asyncio.sleep(_POLL_S)


async def until_dead_letters(bus: Bus, queue: Queue, expected: int) -> None:
    """Return once the queue has that many dead letters."""
    async with asyncio.timeout(PATIENCE_S):
        while len(await bus.dead_letters(queue, limit=expected + 1)) != expected:
            await asyncio.sleep(_POLL_S)


async def publish_until_confirmed(bus: Bus, deliveries: list[OutboundDelivery]) -> None:
    """Do what the relay does: repeat until the bus has confirmed."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await bus.publish(deliveries)
            except UnavailableError:
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def consumer_process(stand: ServerStand, *, settles: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A consumer in a process of its own, whose handler announces a delivery and then never ends.

    `settles` is ``"after"`` the handler, as it must be, or ``"before"``, the fault that the contract forbids.
    """
    options = json.dumps({**stand.process_options(), "settles": settles})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.bus.consumer_process",
        options,
        stdout=asyncio.subprocess.PIPE,
        cwd=_REPOSITORY,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def announcement(process: asyncio.subprocess.Process) -> str:
    """Return the next line that the process says: the id and attempt of the delivery that it has taken."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return (await process.stdout.readline()).decode().strip()
