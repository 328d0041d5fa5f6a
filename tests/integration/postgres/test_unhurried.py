"""What is promised is on disk before anybody is told; notes whose loss repeats what may be repeated do not wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import asyncpg

from adapters.postgres import incoming_statements, statements
from adapters.postgres.connection import open_pool
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.domain.incoming import IncomingEvent
from gateway.domain.payment import Rail
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import Unsent
from tests.conftest import REGION, Database
from tests.fakes.incoming_rail import receiving_rail
from tests.integration.store.harness import VAULT
from tests.integration.store.test_incoming_contract import Subject


@dataclass(slots=True)
class WatchedPool:
    """A pool whose every statement is a transaction of its own, which says how it is about to be committed."""

    pool: asyncpg.Pool[asyncpg.Record]
    commits: dict[str, set[str]] = field(default_factory=dict)
    after: set[str] = field(default_factory=set)

    async def fetch(self, statement: str, *parameters: object) -> list[asyncpg.Record]:
        """Run it, and note the setting with which its transaction ends, and the one that it leaves."""
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                rows = await connection.fetch(statement, *parameters)
                self.commits.setdefault(statement, set()).add(await connection.fetchval("SHOW synchronous_commit"))
            self.after.add(await connection.fetchval("SHOW synchronous_commit"))
        return rows

    async def fetchval(self, statement: str, *parameters: object) -> object:
        """As `fetch`."""
        rows = await self.fetch(statement, *parameters)
        return rows[0][0] if rows else None

    async def execute(self, statement: str, *parameters: object) -> None:
        """As `fetch`."""
        await self.fetch(statement, *parameters)


async def test_only_what_may_be_done_again_is_committed_without_the_disk(database: Database) -> None:
    """That a message has left, and that a delivery was published; an arrival and every decision are the control."""
    async with open_pool(database.application_dsn, connections_max=1) as pool:
        watched = WatchedPool(pool)
        seen = cast("asyncpg.Pool[asyncpg.Record]", watched)
        store = PostgresIncoming(seen, region=REGION, vault=VAULT)
        subject = Subject(store, IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers()))
        transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
        assert transfer.unsent_at is not None
        await store.sent([Unsent(transfer.payment_id, transfer.unsent_at)])
        await subject.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)
        queued = await pool.fetch("SELECT delivery_id FROM outbox")
        await PostgresStore(seen, region=REGION, vault=VAULT).forget([row["delivery_id"] for row in queued])

        assert len(queued) == 1
        assert await pool.fetchval("SELECT count(*) FROM outbox") == 0

    unhurried = {statement for statement, found in watched.commits.items() if "off" in found}
    assert unhurried == {incoming_statements.SENT, statements.FORGET}
    assert watched.commits[incoming_statements.ADMIT] == watched.commits[incoming_statements.SAVE] == {"on"}
    assert watched.after == {"on"}, "the next transaction of the connection waits again"
