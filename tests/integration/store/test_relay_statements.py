"""What the relay costs: as many statements for a batch as for one row, on the store and on the embedded bus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from adapters.postgres.bus import PostgresBus
from adapters.postgres.connection import open_pool
from adapters.postgres.store import PostgresStore
from adapters.system import SystemClock
from gateway.service.relay import BATCH_MAX, relay_once
from tests.conftest import REGION, Database
from tests.integration.bus.harness import Observed
from tests.integration.store.harness import VAULT, new_payment

STATEMENTS_MAX: Final = 6
"""Of one batch: a look, begin, claim and delete, commit; and the bus's one, in a transaction of its own or in none."""


@asynccontextmanager
async def counted(database: Database, said: list[str]) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    """A pool of one connection, every statement of which is kept in `said`."""

    def keep(query: Any) -> None:
        said.append(query.query)

    async with open_pool(database.application_dsn, connections_max=1) as pool:
        async with pool.acquire() as connection:
            connection.add_query_logger(keep)
        yield pool


async def test_a_batch_is_relayed_and_forgotten_in_as_many_statements_as_one_row(database: Database) -> None:
    """Row by row, an outbox is the slowest part of everything. The control is a relay that takes one row at a time."""
    said: list[str] = []

    async def statements_of(work: Awaitable[object]) -> int:
        said.clear()
        await work
        return len(said)

    async with counted(database, said) as of_store, counted(database, said) as of_bus:
        store = PostgresStore(of_store, region=REGION, vault=VAULT)
        bus = PostgresBus(of_bus, SystemClock(), observer=Observed())
        await bus.declare()
        many = [new_payment(f"many-{number}") for number in range(BATCH_MAX)]
        by_row = [new_payment(f"by-row-{number}") for number in range(20)]
        await store.accept([new_payment("first")])
        await relay_once(store, bus)  # the driver asks for the types of what it has not met before
        await store.forget([])
        await store.accept([new_payment("alone")])
        one = await statements_of(relay_once(store, bus))
        await store.accept(many)
        batch = await statements_of(relay_once(store, bus))
        left = (await store.backlog()).outbox
        await store.accept(by_row)
        one_by_one = sum([await statements_of(relay_once(store, bus, batch_max=1)) for _ in by_row])
        forgotten = await statements_of(store.forget([row.delivery_id for new in many for row in new.outbox]))

    assert left == 0
    assert 0 < one <= STATEMENTS_MAX
    assert batch == one
    assert forgotten == 1
    assert one_by_one >= len(by_row) * one, "the control: a statement that runs for each row is counted for each"
