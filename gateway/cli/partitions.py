"""``fifteen db partitions``: the months of messages, made ahead and dropped behind, by the database's owner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import DBAPIError

from adapters.postgres.archive import PostgresArchiveIndex
from adapters.postgres.connection import open_pool
from adapters.postgres.partitions import PostgresMonths
from gateway.archiving import aes_vault_of, archive_of
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.desk import print_line
from gateway.domain.payment import RegionId
from gateway.service.ports import Clock, MonthBusyError, UnavailableError
from gateway.service.retire import Retired, retire
from gateway.service.verify_archive import ArchiveVerifier
from gateway.settings import Settings, SettingsError


def keep_partitions(settings: Settings, clock: Clock, *, drop_archived: bool) -> int:
    """Make the months that are missing and, if asked, drop those that are archived; return 1 when one should have gone.

    Raises:
        SettingsError: the owner's URL is missing, or the database or the archive cannot be used.

    """
    if settings.database_owner_url is None:
        raise SettingsError("FIFTEEN_DATABASE_OWNER_URL is not set: months are made and dropped by the owner")
    dsn, now = settings.database_owner_url.get_secret_value(), clock.now()
    months = PostgresMonths(
        dsn, regions=[RegionId(region) for region in (*settings.regions, *settings.retired_regions)]
    )
    try:
        made = asyncio.run(months.create(now))
        retired = asyncio.run(_retire(settings, dsn, months, now)) if drop_archived else ()
    except (MonthBusyError, UnavailableError, DBAPIError, OSError) as error:
        raise SettingsError(f"the months cannot be kept: {error}") from error
    print_line(f"made: {', '.join(made) or 'none, all are there'}")
    for each in retired:
        print_line(_told(each))
        for violation in each.violations:
            print_line(f"  [red]{violation.kind}[/]  {violation.place}: {violation.text}")
    return EXIT_OK if all(each.is_dropped for each in retired) else EXIT_FINDINGS


async def _retire(settings: Settings, dsn: str, months: PostgresMonths, now: datetime) -> Sequence[Retired]:
    archive, keys = archive_of(settings), aes_vault_of(settings)
    if archive is None or keys is None:
        raise SettingsError(
            "--drop-archived needs FIFTEEN_ARCHIVE_URL and FIFTEEN_KEYS_FILE: the archive is read first"
        )
    before = now.astimezone(UTC) - timedelta(days=settings.archive_after_days)
    async with open_pool(dsn, connections_max=1) as pool, pool.acquire() as connection:
        verifier = ArchiveVerifier(PostgresArchiveIndex(connection), archive, keys)
        return await retire(months, verifier, before=before)


def _told(retired: Retired) -> str:
    name, objects = retired.month.name, len(retired.month.segments)
    if retired.is_dropped:
        return f"dropped: {name}; all of it is in {objects:,} objects, which were read again"
    if retired.busy is not None:
        return f"[yellow]kept[/]: {name}: {retired.busy}: try again"
    return f"[yellow]kept[/]: {name}: {retired.left:,} messages are not in the archive (docs/runbooks/archive.md)"
