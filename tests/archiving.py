"""Moves what a database keeps to the archive, as a worker and the owner's job would in a year."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from adapters.postgres.archive import PostgresArchiveIndex, PostgresArchiveStore
from adapters.postgres.connection import open_pool
from adapters.postgres.partitions import PostgresMonths
from adapters.system import SystemClock
from gateway.archiving import aes_vault_of, archive_of, archiver_of
from gateway.domain.payment import RegionId
from gateway.service.archive import Passed
from gateway.service.retire import retire
from gateway.service.verify_archive import ArchiveVerifier
from gateway.settings import Settings
from tests.fakes.clock import VirtualClock

A_YEAR = timedelta(days=365)


async def move_to_archive(settings: Settings, application_dsn: str, owner_dsn: str) -> Passed:
    """Archive every message, drop every month that holds one, and demand that the database has none any more."""
    later = SystemClock().now() + A_YEAR
    async with open_pool(application_dsn) as pool:
        store = PostgresArchiveStore(pool, region=RegionId(settings.region))
        archiver = archiver_of(settings, store, VirtualClock(later))
        assert archiver is not None
        passed = await archiver.archive_due()
        archive, keys = archive_of(settings), aes_vault_of(settings)
        assert archive is not None
        assert keys is not None
        async with pool.acquire() as connection:
            verifier = ArchiveVerifier(PostgresArchiveIndex(connection), archive, keys)
            months = PostgresMonths(owner_dsn, regions=[RegionId(settings.region)])
            retired = await retire(months, verifier, before=later)
    assert all(month.is_dropped for month in retired), retired
    owner = await asyncpg.connect(owner_dsn)
    assert await owner.fetchval("SELECT count(*) FROM message") == 0
    await owner.close()
    return passed
