"""A release's migrations while two regions follow each other, and both accept.

A server applies no row of a table of which its peer sends a column that it lacks. So for each region's rows the one
that reads them is to have the column first. Both regions write, and one of them is first: its own rows wait in the
other until that one has had its turn. The order that suits the rows of the second region is the control for those of
the first. Away goes a column that nobody sends any more.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from adapters.postgres.migrations import HEAD
from adapters.postgres.phases import MIGRATIONS, Phase
from adapters.postgres.replication.connection import PUBLICATION
from adapters.postgres.replication.follow import catch_up
from adapters.postgres.replication.status import status
from adapters.postgres.upgrade import upgrade
from gateway.service.ports import AcceptKind
from tests.integration.postgres.test_phases import MIGRATION
from tests.integration.postgres.test_two_regions import (
    NOW,
    REGIONS,
    Region,
    execute,
    key_at,
    new_payment,
    regions,
    servers,
    until_sound,
)

__all__ = ["regions", "servers"]

BATCH: Final = 4
PAUSE_S: Final = 0.02
EACH_TIME: Final = 60
"""So many payments are accepted in each region between two steps."""

FACTS: Final = ("claim", "payment", "payment_event", "message")


@pytest.fixture
def next_release(tmp_path: Path) -> Path:
    """The migrations of a release that adds a column to what is replicated, and of one that drops it."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for revision, below, phase, change in (
        ("9001", HEAD, "pre", "ADD COLUMN of_the_next_release TEXT"),
        ("9002", "9001", "post", "DROP COLUMN of_the_next_release"),
    ):
        statements = [f"ALTER TABLE payment {change}"]
        text = MIGRATION.format(revision=revision, below=below, phase=phase, statements=statements)
        (folder / "versions" / f"{revision}.py").write_text(text)
    return folder


async def migrate(region: Region, folder: Path, phase: Phase) -> str:
    """Do in one region what `fifteen db upgrade --phase` does."""
    dsn = region.server.owner_dsn
    return await upgrade(dsn, regions=REGIONS, first_tenant=None, now=NOW, phase=phase, folder=folder)


async def retried_soon(regions: Sequence[Region]) -> None:
    """Have what could not be applied tried again at once, not after five seconds."""
    for region in regions:
        await execute(region.server, "ALTER SYSTEM SET wal_retrieve_retry_interval = '200ms'")
        await execute(region.server, "SELECT pg_reload_conf()")


async def published_without(column: str, regions: Sequence[Region]) -> None:
    """Do what docs/regions.md says comes before a column is dropped: nobody publishes it, and nobody has it to come."""
    for region in regions:
        await execute(
            region.server,
            f"""
            DO $$ BEGIN EXECUTE (
                SELECT format('ALTER PUBLICATION {PUBLICATION} DROP TABLE %1$I; '
                    'ALTER PUBLICATION {PUBLICATION} ADD TABLE %1$I (%2$s)',
                    'payment_{region.name}', string_agg(quote_ident(attname), ', ' ORDER BY attnum))
                FROM pg_attribute
                WHERE attrelid = 'payment_{region.name}'::regclass AND attnum > 0 AND NOT attisdropped
                    AND attname <> '{column}'
            ); END $$
            """,
        )
    for reader, writer in (regions, regions[::-1]):
        await catch_up(writer.server.superuser_dsn, region=reader.name, peer=writer.name)


async def published_as_it_is(regions: Sequence[Region]) -> None:
    """Publish every column again."""
    for region in regions:
        table = f"TABLE payment_{region.name}"
        await execute(
            region.server, f"ALTER PUBLICATION {PUBLICATION} DROP {table}; ALTER PUBLICATION {PUBLICATION} ADD {table}"
        )


@dataclass(slots=True)
class Load:
    """Payments that are accepted in both regions, in a loop; one that is not fails the test."""

    regions: Sequence[Region]
    name: str
    accepted: dict[str, int] = field(default_factory=dict)
    is_over: bool = False

    async def submit(self, region: Region) -> None:
        """Submit to one region until it is over."""
        self.accepted[region.name] = 0
        for batch in count():
            if self.is_over:
                return
            keys = [key_at(region.name, f"{self.name}{batch}I{number}X") for number in range(BATCH)]
            outcomes = await region.store.accept([new_payment(key) for key in keys])
            assert [outcome.kind for outcome in outcomes] == [AcceptKind.CREATED] * BATCH
            self.accepted[region.name] += BATCH
            await asyncio.sleep(PAUSE_S)

    async def goes_on(self) -> None:
        """Return once both regions have accepted more."""
        before = {region.name: self.accepted.get(region.name, 0) for region in self.regions}
        async with asyncio.timeout(20):
            while any(self.accepted.get(name, 0) < number + EACH_TIME for name, number in before.items()):
                await asyncio.sleep(PAUSE_S)


@asynccontextmanager
async def under_load(regions: Sequence[Region], name: str) -> AsyncIterator[Load]:
    """Both regions accept, under keys that begin with a name."""
    load = Load(regions, name)
    async with asyncio.TaskGroup() as group:
        for region in regions:
            group.create_task(load.submit(region))
        await load.goes_on()
        yield load
        load.is_over = True


async def payments(where: Region, of: Region, which: str = "true") -> int:
    """How many payments of a region's own are in a region's database."""
    connection = await asyncpg.connect(where.server.owner_dsn)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM payment_{of.name} WHERE {which}"))
    finally:
        await connection.close()


async def digests(region: Region) -> list[bytes]:
    """What all rows of a region's facts come to, whoever wrote them."""
    connection = await asyncpg.connect(region.server.owner_dsn)
    try:
        rows = "string_agg(fact::text, '|' ORDER BY fact::text)"
        return [await connection.fetchval(f"SELECT sha256({rows}::bytea) FROM {fact} AS fact") for fact in FACTS]
    finally:
        await connection.close()


async def until_more(where: Region, of: Region) -> None:
    """Return once a region has got payments of another that were accepted after this was asked."""
    before = await payments(of, of)
    async with asyncio.timeout(20):
        while await payments(where, of) <= before:
            await asyncio.sleep(PAUSE_S)


async def test_a_column_comes_and_goes_under_load_and_only_who_reads_the_region_that_is_ahead_waits(
    regions: list[Region], next_release: Path
) -> None:
    """Of the second region's rows the reader has the column first: they never stop.

    Those of the first are the control: they wait, that is said, and they come by themselves once the other region has
    had its migration. What is not published any more may be dropped in either order. No submission fails in either
    region, and nothing is lost.
    """
    first, second = regions
    await retried_soon(regions)

    async with under_load(regions, "COMES") as load:
        assert await migrate(first, next_release, Phase.PRE) == "9001"
        await execute(first.server, f"UPDATE payment_{first.name} SET of_the_next_release = 'used'")
        used = await payments(first, first, "of_the_next_release = 'used'")
        async with waiting(second, first):
            await load.goes_on()
            await until_more(first, second)
        assert await migrate(second, next_release, Phase.PRE) == "9001"
        await until_more(second, first)
        assert await payments(second, first, "of_the_next_release = 'used'") == used >= EACH_TIME
        failed = [(await until_sound(region))[1].applying_failed for region in regions]

        await published_without("of_the_next_release", regions)
        for region in (second, first):
            assert await migrate(region, next_release, Phase.POST) == "9002"
            await load.goes_on()
        await published_as_it_is(regions)
        await load.goes_on()

    assert await payments(first, first) >= load.accepted[first.name] >= 4 * EACH_TIME
    await until_alike(regions)
    states = [(await until_sound(region))[1] for region in regions]
    assert [state.applying_failed for state in states] == failed
    assert [number > 0 for number in failed] == [False, True]


async def test_a_list_of_columns_that_was_left_is_said_with_its_remedy_as_no_column_that_comes_later_is_replicated(
    regions: list[Region],
) -> None:
    """The way to drop a column ends without one. Before it, and after the remedy that is said: the control."""
    first, second = regions
    table = f"payment_{first.name}"
    before = [(await until_sound(region))[0].faults for region in regions]

    await published_without("no_column_of_this_name", regions)
    counted = [await region.own.listed() for region in regions]
    complete, _ = await status(first.server.superuser_dsn, region=first.name, peer=second.name)
    for region in regions:
        await execute(region.server, "ALTER TABLE payment ADD COLUMN came_later TEXT")
    with_list = await came_later(first, second, "WITHLIST")
    (left,) = (await status(first.server.superuser_dsn, region=first.name, peer=second.name))[0].faults
    await execute(first.server, left.partition("BEGIN; ")[2].partition("; COMMIT")[0])
    without_list = await came_later(first, second, "NOLIST")
    after, _ = await until_sound(first)

    await published_without("came_later", regions)
    for region in regions:
        await execute(region.server, "ALTER TABLE payment DROP COLUMN came_later")
    await published_as_it_is(regions)

    assert before == [[], []]
    assert [fault.startswith(f"{table} is published with a list") for fault in complete.faults] == [True]
    assert (complete.listed, complete.hindrances) == ({table: []}, [])
    assert left.startswith(f"{table} is published with a list of columns, without came_later: ")
    assert "--anew" in left
    assert (with_list, without_list) == (0, 1)
    assert (after.faults, await first.own.listed()) == ([], [])
    assert counted == [[f"payment_{region.name}"] for region in regions]


async def came_later(writer: Region, reader: Region, name: str) -> int:
    """How many of one payments that say something in a column that came later say so in the other region too."""
    key = key_at(writer.name, name)
    await writer.store.accept([new_payment(key)])
    said = f"came_later = '{name}'"
    chosen = f"(SELECT payment_id FROM claim WHERE idempotency_key = '{key}')"
    await execute(writer.server, f"UPDATE payment_{writer.name} SET {said} WHERE payment_id = {chosen}")
    await catch_up(writer.server.superuser_dsn, region=reader.name, peer=writer.name)
    assert await payments(reader, writer, f"payment_id = {chosen}") == 1
    return await payments(reader, writer, said)


async def test_what_was_written_with_a_column_stands_still_where_that_was_dropped_until_it_is_there_again(
    regions: list[Region],
) -> None:
    """The control of how a column is dropped: that its writer drops it too is of no help, for its log names it."""
    first, second = regions
    add, drop = (f"ALTER TABLE payment {verb} COLUMN dropped_at_once" for verb in ("ADD", "DROP"))
    await retried_soon(regions)
    for region in regions:
        await execute(region.server, f"{add} TEXT")

    async with under_load(regions, "GONE") as load:
        await until_more(second, first)
        await execute(second.server, drop)
        async with waiting(second, first):
            await load.goes_on()
            await execute(first.server, drop)
            await load.goes_on()
        async with waiting(second, first):
            await until_more(first, second)
        for region in regions:
            await execute(region.server, f"{add} TEXT")
        await until_more(second, first)
        await published_without("dropped_at_once", regions)
        for region in regions:
            await execute(region.server, drop)
        await published_as_it_is(regions)

    await until_alike(regions)


async def applying_failed(reader: Region, writer: Region) -> int:
    """How often applying has failed, where `fifteen region status` says so of what is not applied; else 0."""
    _, inward = await status(reader.server.superuser_dsn, region=reader.name, peer=writer.name)
    is_said = any(fault.startswith("applying has failed") for fault in inward.faults)
    return inward.applying_failed if is_said else 0


@asynccontextmanager
async def waiting(reader: Region, writer: Region) -> AsyncIterator[None]:
    """Begin once a region applies nothing of another's, as `fifteen region status` says, and see that it stays so."""
    before = await applying_failed(reader, writer)
    async with asyncio.timeout(20):
        while await applying_failed(reader, writer) <= before:
            await asyncio.sleep(PAUSE_S)
    had = await payments(reader, writer)
    yield
    assert await payments(reader, writer) == had


async def until_alike(regions: Sequence[Region]) -> None:
    """Return once both regions' facts have the same digests."""
    async with asyncio.timeout(20):
        while True:
            here, there = [await digests(region) for region in regions]
            if here == there:
                return
            await asyncio.sleep(PAUSE_S)
