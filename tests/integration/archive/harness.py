"""What archiving is tested with: payments of a past month, an archiver whose clock a test sets, and what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from adapters.keys.aes import AesVault
from adapters.postgres.archive import PostgresArchiveIndex, PostgresArchiveStore
from adapters.postgres.audit import open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.partitions import PostgresMonths
from adapters.postgres.store import PostgresStore
from gateway.domain.payment import Payment
from gateway.service.archive import Archiver, Reader
from gateway.service.ports import Archive, ArchiveStore, RawMessage
from gateway.service.retire import Retired, retire
from gateway.service.verify_archive import ArchiveVerifier, Verdict
from gateway.service.verify_audit import Trail, verify
from tests.conftest import REGION, Database
from tests.fakes.clock import VirtualClock
from tests.integration.audit.harness import settled
from tests.integration.store.harness import NOW, accepted

KEYS: Final = AesVault({"2026-01": bytes(range(32))}, index_key=b"a-key-for-tests-only")
AFTER: Final = timedelta(days=90)
LATER: Final = NOW + timedelta(days=200)
"""Long after everything: the month of `NOW` is over, and old enough."""
MONTH_END: Final = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """A database and an archive."""

    database: Database
    archive: Archive
    pool: asyncpg.Pool[asyncpg.Record]
    store: PostgresStore

    def archiver(
        self, *, now: datetime = LATER, store: ArchiveStore | None = None, archive: Archive | None = None
    ) -> Archiver:
        """An archiver as a worker has it, at some time."""
        index = store or PostgresArchiveStore(self.pool, region=REGION)
        return Archiver(index, archive or self.archive, KEYS, REGION, VirtualClock(now), AFTER)

    async def messages(self, payment: Payment) -> Sequence[RawMessage]:
        """A payment's messages, wherever they are."""
        return await self.store.messages(payment.payment_id)

    async def value(self, query: str) -> object:
        """What the database's owner reads."""
        connection = await asyncpg.connect(self.database.owner_dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def execute(self, *statements: str) -> None:
        """What the database's owner may do."""
        connection = await asyncpg.connect(self.database.owner_dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def verdicts(self, *, expired_before: datetime | None = None) -> Sequence[Verdict]:
        """What verifying the archive finds."""
        async with self.pool.acquire() as connection:
            index = PostgresArchiveIndex(connection)
            return await ArchiveVerifier(index, self.archive, KEYS, expired_before).verify_region(REGION)

    async def retire(self, *, before: datetime = MONTH_END) -> Sequence[Retired]:
        """What the owner's job does with the months up to that of `NOW`."""
        async with self.pool.acquire() as connection:
            verifier = ArchiveVerifier(PostgresArchiveIndex(connection), self.archive, KEYS)
            return await retire(PostgresMonths(self.database.owner_dsn, regions=[REGION]), verifier, before=before)

    async def audited(self) -> Trail:
        """What a verification of the audit finds."""
        async with open_audit_reader(self.database.application_dsn) as reader:
            return await verify(reader, (), local=REGION)


def reader_at(archive: Archive, now: datetime) -> Reader:
    """Return what reads an archive that keeps for seven years, at that time."""
    return Reader(archive, KEYS, VirtualClock(now), 7)


@asynccontextmanager
async def open_place(database: Database, archive: Archive) -> AsyncIterator[Place]:
    """Open a store that knows of the archive."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=KEYS, archive=reader_at(archive, NOW))
        yield Place(database, archive, pool, store)


async def some_payments(place: Place, *, settled_ones: int = 4) -> list[Payment]:
    """Payments that are final, and one that is not: which must stay."""
    payments = [await settled(place.store, f"key-{number}") for number in range(settled_ones)]
    await accepted(place.store, "open")
    return payments
