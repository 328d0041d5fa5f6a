"""What the trail is tested with: a store and its trail, in memory and real, and payments that have come some way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from adapters.postgres.audit import open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.sealing import PostgresAudit
from adapters.postgres.store import PostgresStore
from gateway.domain.events import EventKind
from gateway.domain.payment import Payment
from gateway.service.ports import Anchor, AuditReader, AuditStore, MessageDirection, PaymentStore
from gateway.service.verify_audit import Trail, verify
from tests.conftest import REGION, Database
from tests.fakes.audit import InMemoryAudit
from tests.fakes.store import InMemoryStore
from tests.integration.store.harness import NOW, VAULT, accepted, decision, now_of, raw_message


@dataclass(frozen=True, slots=True)
class Opened:
    """A store, and the trail of what it saves."""

    store: PaymentStore
    audit: AuditStore


class Place(Protocol):
    """Where payments are stored: any number of processes may open it."""

    def open(self, processes: int = 1) -> AbstractAsyncContextManager[Sequence[Opened]]:
        """Open store and trail once for each process."""
        ...

    def reader(self) -> AbstractAsyncContextManager[AuditReader]:
        """Open the whole trail as it is now."""
        ...


class MemoryPlace:
    """The fakes."""

    def __init__(self) -> None:
        self._store = InMemoryStore()
        self._audit = InMemoryAudit(self._store)

    @asynccontextmanager
    async def open(self, processes: int = 1) -> AsyncIterator[Sequence[Opened]]:
        """The same for all."""
        yield [Opened(self._store, self._audit)] * processes

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AuditReader]:
        """The fake itself."""
        yield self._audit


class PostgresPlace:
    """A database, and a pool of its own for each process."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def open(self, processes: int = 1) -> AsyncIterator[Sequence[Opened]]:
        """Store and trail on one pool, as a role has them."""
        async with AsyncExitStack() as stack:
            pools = [
                await stack.enter_async_context(open_pool(self.database.application_dsn, connections_max=4))
                for _ in range(processes)
            ]
            yield [
                Opened(PostgresStore(pool, region=REGION, vault=VAULT), PostgresAudit(pool, region=REGION))
                for pool in pools
            ]

    def reader(self) -> AbstractAsyncContextManager[AuditReader]:
        """As the application's role: it may read all."""
        return open_audit_reader(self.database.application_dsn)


async def settled(store: PaymentStore, key: str) -> Payment:
    """A payment that was sent and settled: three events, three messages."""
    payment = await accepted(store, key)
    sent = decision(
        payment, EventKind.SENDING_STARTED, raw_message(MessageDirection.RAIL_OUT, f"SENT-{key}", after_s=1.0)
    )
    assert await store.save([sent]) == [True]
    answered = decision(
        await now_of(store, payment),
        EventKind.SETTLEMENT_REPORTED,
        raw_message(MessageDirection.RAIL_IN, f"ANSWER-{key}", body=b"<Document>ACSC</Document>", after_s=2.0),
        status="ACSC",
        inbox_id=f"ANSWER-{key}",
        after_s=2.0,
    )
    assert await store.save([answered]) == [True]
    return await now_of(store, payment)


async def sealed_all(audit: AuditStore, *, events_max: int = 10_000) -> list[Anchor]:
    """Seal all that there is, and return the anchors."""
    while await audit.seal(at=NOW + timedelta(minutes=1), events_max=events_max) is not None:
        pass
    return [Anchor.of(seal) for seal in await audit.seals_after(0, limit=10_000)]


async def verified(place: Place, anchors: Sequence[Anchor] = ()) -> Trail:
    """What a verification of all of it finds."""
    async with place.reader() as reader:
        return await verify(reader, anchors, local=REGION)
