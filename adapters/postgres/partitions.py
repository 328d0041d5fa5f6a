"""The months of `message`: made ahead of time, and dropped once the archive has all that is in them.

Below each region's partition lie one for every month (UTC), and one that takes what no month is there for: an insert
never fails because a month is missing. Everything here runs as the owner; a repeat changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.domain.payment import RegionId
from gateway.service.ports import Month, MonthBusyError, UnavailableError

Result = TypeVar("Result")

MONTHS_AHEAD: Final = 3
"""Months that are there beside the present one: an owner's job that fails has so long to be noticed."""

LOCK_MAX_S: Final = 0.5
"""Nobody waits longer than this for those who read or write the region: whoever comes next waits behind it. A payment
can spare it; a verification of the audit that reads for minutes must not stop the payments of those minutes.
"""

_DEFAULT: Final = "default"
"""How a partition that takes the rest is bounded, and what the name of ours ends with."""

_BOUNDS: Final = re.compile(r"FROM \((?:MINVALUE|'([^']*)')\) TO \('([^']*)'\)")

_RANGES: Final = """
    SELECT child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bounds
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = to_regclass(:table)
"""


@dataclass(frozen=True, slots=True)
class Range:
    """A partition of a region's messages by time: from `since` (None: from ever) until before `until`."""

    name: str
    since: datetime | None
    until: datetime

    def covers(self, instant: datetime) -> bool:
        """Whether what happens at this instant is kept there."""
        return (self.since is None or self.since <= instant) and instant < self.until


class PostgresMonths:
    """Implements `gateway.service.ports.Months` as the owner of the database; each call is a transaction."""

    def __init__(self, owner_dsn: str, *, regions: Sequence[RegionId], lock_max_s: float = LOCK_MAX_S) -> None:
        self._dsn = for_asyncpg(owner_dsn)
        self._regions = regions
        self._lock_max_s = lock_max_s

    async def create(self, now: datetime) -> Sequence[str]:
        """Make the months that are missing; see the port."""
        return await self._do(
            lambda connection: create_ahead(connection, self._regions, now, lock_max_s=self._lock_max_s)
        )

    async def past(self, before: datetime) -> Sequence[Month]:
        """Return the months that have ended; see the port."""

        def past(connection: Connection) -> Sequence[Month]:
            return [
                Month(region, each.name, each.until, _segments_of(connection, each.name))
                for region in self._regions
                for each in ranges(connection, region)
                if each.until <= before
            ]

        return await self._do(past)

    async def drop(self, month: Month, *, verified: Sequence[int]) -> int:
        """Drop a month that is archived; see the port."""
        return await self._do(lambda connection: _drop(connection, month, verified, self._lock_max_s))

    async def _do(self, act: Callable[[Connection], Result]) -> Result:
        engine = create_async_engine(self._dsn)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(act)
        except OSError as error:
            raise UnavailableError(f"PostgreSQL: {type(error).__name__}: {error}") from error
        except DBAPIError as error:
            if is_busy(error):
                raise MonthBusyError(f"others are at work on it: {error.orig}") from error
            raise
        finally:
            await engine.dispose()


def for_asyncpg(dsn: str) -> str:
    """Return the URL as SQLAlchemy wants it."""
    return dsn.replace("postgresql://", "postgresql+asyncpg://", 1)


def is_busy(error: DBAPIError) -> bool:
    """Whether others were at work on what was to be changed, for longer than it may be waited for."""
    return getattr(error.orig, "sqlstate", None) in _BUSY


def create_ahead(
    connection: Connection, regions: Sequence[RegionId], now: datetime, *, lock_max_s: float = LOCK_MAX_S
) -> Sequence[str]:
    """Make the months from now on that are missing, and those of what had no month; return their names."""
    connection.execute(text("SET LOCAL timezone = 'UTC'"))
    _wait_at_most(connection, lock_max_s)
    return [name for region in regions for name in _create(connection, region, now)]


def _create(connection: Connection, region: RegionId, now: datetime) -> Sequence[str]:
    table = f"message_{region}"
    apart = f"{table}_{_DEFAULT}"
    if connection.execute(text("SELECT to_regclass(:table)"), {"table": apart}).scalar_one() is None:
        _attach(connection, table, apart, _DEFAULT)
    covered = ranges(connection, region)
    months = [_month(now, ahead) for ahead in range(MONTHS_AHEAD + 1)]
    found = connection.execute(text(f"SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM {apart}"))
    astray = sorted(month.replace(tzinfo=UTC) for month in found.scalars())
    if astray:
        _put_right(connection, table, apart, astray)
    missing = [month for month in months if month not in astray and not any(each.covers(month) for each in covered)]
    for month in missing:
        _attach(connection, table, _named(table, month), _bounds(month))
    return [_named(table, month) for month in sorted((*astray, *missing))]


def _put_right(connection: Connection, table: str, apart: str, astray: Sequence[datetime]) -> None:
    """Make the months of what lies apart, and move it there.

    Where messages are replicated, none of this is: rows are copied between tables that are no partitions at that
    moment, and so not published. The other region has them already, and its owner puts its own copy right.
    """
    connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {apart}"))
    connection.execute(text(f"ALTER TABLE {apart} RENAME TO {apart}_before"))
    for month in astray:
        values = {"since": month, "until": _month(month, 1)}
        moved = f"SELECT * FROM {apart}_before WHERE at >= :since AND at < :until"
        _attach(connection, table, _named(table, month), _bounds(month), filled_by=moved, values=values)
    _attach(connection, table, apart, _DEFAULT)
    names = ", ".join(_named(table, month) for month in astray)
    left: int = connection.execute(text(f"SELECT count(*) FROM {apart}_before")).scalar_one()
    for month in astray:
        left -= connection.execute(text(f"SELECT count(*) FROM {_named(table, month)}")).scalar_one()
    assert left == 0, f"{left} messages of {apart} are not in {names}"
    connection.execute(text(f"DROP TABLE {apart}_before"))


def _attach(
    connection: Connection,
    table: str,
    name: str,
    bounds: str,
    *,
    filled_by: str | None = None,
    values: Mapping[str, datetime] | None = None,
) -> None:
    """Make a table and attach it: that locks the parent less than making a partition of it at once would."""
    columns = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE"
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} {columns})"))
    connection.execute(text(f"ALTER TABLE {name} SET (toast_tuple_target = 8160)"))
    if filled_by is not None:
        connection.execute(text(f"INSERT INTO {name} {filled_by}"), values)
    connection.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} {bounds}"))


def _named(table: str, month: datetime) -> str:
    return f"{table}_y{month:%Y}m{month:%m}"


def _bounds(month: datetime) -> str:
    return f"FOR VALUES FROM ('{month.isoformat()}') TO ('{_month(month, 1).isoformat()}')"


def ranges(connection: Connection, region: RegionId) -> Sequence[Range]:
    """Return a region's partitions by time, the oldest first, without the one that takes what has no month."""
    connection.execute(text("SET LOCAL timezone = 'UTC'"))
    found = []
    for row in connection.execute(text(_RANGES), {"table": f"message_{region}"}):
        if (bounds := _BOUNDS.search(row.bounds)) is not None:
            since, until = bounds.groups()
            begin = None if since is None else datetime.fromisoformat(since)
            found.append(Range(row.name, begin, datetime.fromisoformat(until)))
    return sorted(found, key=lambda each: each.until)


_NOT_ARCHIVED: Final = """
    SELECT count(*) FROM {partition} AS message
    WHERE NOT EXISTS (
        SELECT FROM archived_message AS archived
        WHERE archived.message_id = message.message_id AND archived.tenant_id = message.tenant_id
            AND archived.region = message.region AND archived.at = message.at AND archived.digest = message.digest
            AND archived.payment_id = message.payment_id AND archived.segment = ANY (:segments)
    )
"""

_SEGMENTS: Final = """
    SELECT DISTINCT archived.segment FROM {partition} AS message
    JOIN archived_message AS archived USING (message_id, tenant_id, region)
"""


def _segments_of(connection: Connection, partition: str) -> Sequence[int]:
    return sorted(connection.execute(text(_SEGMENTS.format(partition=partition))).scalars())


def _drop(connection: Connection, month: Month, verified: Sequence[int], lock_max_s: float) -> int:
    """Look under a lock that lets nobody add to the month (reading goes on), and drop it if nothing is left.

    The lock waits for whoever has added to the month and has not committed: what they added is looked at, too.
    """
    _wait_at_most(connection, lock_max_s)
    connection.execute(text(f"LOCK TABLE ONLY {month.name} IN EXCLUSIVE MODE"))
    statement = text(_NOT_ARCHIVED.format(partition=month.name))
    left: int = connection.execute(statement, {"segments": list(verified)}).scalar_one()
    if left == 0:
        connection.execute(text(f"ALTER TABLE message_{month.region} DETACH PARTITION {month.name}"))
        connection.execute(text(f"DROP TABLE {month.name}"))
    return left


def _wait_at_most(connection: Connection, seconds: float) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {round(seconds * 1_000)}"))


_BUSY: Final = ("55P03", "40P01")
"""lock_not_available, deadlock_detected."""


def _month(instant: datetime, ahead: int) -> datetime:
    """The beginning of the month of an instant, or of one that comes so many months after it."""
    months = instant.astimezone(UTC).year * 12 + instant.astimezone(UTC).month - 1 + ahead
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
