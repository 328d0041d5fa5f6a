"""What the contract suite needs of whatever stands behind a bus."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

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
from gateway.service.ports import Bus, DeadLetter, Delivery, OutboundDelivery, Queue, UnavailableError
from tests.fakes.bus import InMemoryBus
from tests.servers import RabbitMqNode

DELIVERY_LIMIT: Final = 3
LEASE_S: Final = 1.0
PATIENCE_S: Final = 20.0
"""What has not happened by then will not: longer than any lease, back-off and restart in these tests."""

SILENCE_S: Final = 0.5
"""How long a consumer on RabbitMQ may be silent in these tests."""

QUEUES: Final = (Queue.FEDNOW_OUT_VALUE, Queue.FEDNOW_OUT_INQUIRY, Queue.FEDNOW_IN_VALUE)
"""The queues that these tests make on RabbitMQ: all of them, for every test, would make a node's restart slow."""

_LIMITS: Final = {"delivery_limit": DELIVERY_LIMIT, "retry_s": 0.01, "drain_s": 5.0}
_POLL_S: Final = 0.02
_LOOKS: Final = 3
_REPOSITORY: Final = Path(__file__).parents[3]


@dataclass(slots=True)
class Observed:
    """A `BusObserver` that keeps what it is told."""

    faults: list[tuple[str, BaseException]] = field(default_factory=list)
    restarted: Counter[Queue] = field(default_factory=Counter)
    taken: Counter[Queue] = field(default_factory=Counter)
    active: set[Queue] = field(default_factory=set)

    def fault(self, where: str, error: BaseException) -> None:
        """Keep it."""
        self.faults.append((where, error))

    def consumer_active(self, queue: Queue, *, is_active: bool) -> None:
        """Keep it."""
        (self.active.add if is_active else self.active.discard)(queue)

    def consumer_restarted(self, queue: Queue) -> None:
        """Count it."""
        self.restarted[queue] += 1

    def delivery_taken(self, queue: Queue) -> None:
        """Count it."""
        self.taken[queue] += 1

    @property
    def places(self) -> list[str]:
        """Where something failed."""
        return [where for where, _ in self.faults]


class Taken:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        """Keep it."""
        self.deliveries.append(delivery)

    @property
    def ids(self) -> set[UUID]:
        """What has come at least once."""
        return {delivery.delivery_id for delivery in self.deliveries}


class Stand(Protocol):
    """A bus with everything under it; each call of `bus` is another process's view of the same queues."""

    def bus(self) -> AbstractAsyncContextManager[Bus]:
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
    async def bus(self) -> AsyncIterator[Bus]:
        """Lend the one bus there is."""
        yield self._bus


class PostgresStand:
    """The bus on PostgreSQL, as the application role."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
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

    def bus(self) -> AbstractAsyncContextManager[Bus]:
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
    options = {"lease_s": LEASE_S, **_LIMITS, "observer": Observed(), **changes}
    return PostgresBus(pool, SystemClock(), **options)


def rabbitmq_bus(urls: list[str], namespace: str, **changes: Any) -> RabbitMqBus:
    """A bus with the tests' limits."""
    options = {"silence_s": SILENCE_S, "queues": QUEUES, **_LIMITS, "observer": Observed(), **changes}
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
    """Return once the queue holds that many deliveries, at several looks in a row.

    A delivery that was given back and is on its way to a consumer again is for a moment counted by nobody.
    """
    looks = 0
    async with asyncio.timeout(PATIENCE_S):
        while looks < _LOOKS:
            looks = looks + 1 if await bus.depth(queue) == expected else 0
            await asyncio.sleep(_POLL_S)


async def dead_letters_of(bus: Bus, expected: int) -> list[DeadLetter]:
    """Return the dead letters once there are that many, and take them off the bus."""
    letters: list[DeadLetter] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(letters) < expected:
            async with bus.take_dead_letters(limit=expected) as taken:
                letters += taken
            await asyncio.sleep(_POLL_S)
    return letters


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
