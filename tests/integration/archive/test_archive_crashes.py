"""An archiver that dies anywhere, two at once, and objects that are in the way: nothing is lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.archive.directory import DirectoryArchive
from adapters.postgres.archive import PostgresArchiveStore, PostgresArchiveTurn
from gateway.service.ports import (
    Archive,
    ArchiveDamagedError,
    ArchivedSegment,
    ArchiveTurn,
    ForeignObjectError,
    KeptMessage,
    Part,
    UnavailableError,
)
from gateway.service.segment import segment_name, write_segment
from tests.conftest import REGION, Database
from tests.fakes.archive import InMemoryArchive
from tests.integration.archive.harness import KEYS, Place, open_place
from tests.integration.audit.harness import settled


class KilledError(BaseException):
    """Ends everything where it stands, as a kill does: nothing of ours catches it."""


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A database with nine messages that are due, and a directory."""
    async with open_place(database, DirectoryArchive(tmp_path)) as opened:
        for number in range(3):
            await settled(opened.store, f"key-{number}")
        yield opened


async def demand_each_once(place: Place) -> None:
    """Every message is in the archive once, under the index, and can leave the database."""
    verdicts = await place.verdicts()
    assert [violation for verdict in verdicts for violation in verdict.violations] == []
    assert sum(verdict.messages for verdict in verdicts) == 9
    assert await place.value("SELECT count(*) FROM archived_message") == 9
    assert all(retired.is_dropped for retired in await place.retire())
    assert (await place.audited()).violations == []


class KillingArchive:
    """An archive in whose hands the process dies: before it has written, or after."""

    def __init__(self, archive: Archive, *, after_writing: bool) -> None:
        self._archive = archive
        self._after_writing = after_writing

    async def put(self, name: str, content: bytes) -> bool:
        """Die."""
        if self._after_writing:
            await self._archive.put(name, content)
        raise KilledError

    def __getattr__(self, name: str) -> object:
        return getattr(self._archive, name)


@pytest.mark.parametrize("after_writing", [False, True])
async def test_killed_before_or_after_the_object_is_written(place: Place, *, after_writing: bool) -> None:
    """An object without an index is taken in by the next, as it is: no second copy, and no gap in the numbers."""
    dying = KillingArchive(place.archive, after_writing=after_writing)
    with pytest.raises(KilledError):
        await place.archiver(archive=dying).archive_due()  # type: ignore[arg-type]
    left_behind = [name async for name in place.archive.names("")]

    passed = await place.archiver().archive_due()

    assert len(left_behind) == int(after_writing)
    assert (passed.segments, passed.messages) == (1, 9)
    assert [name async for name in place.archive.names("")] == ["local/0000000001.segment"]
    await demand_each_once(place)


class DyingStore(PostgresArchiveStore):
    """Dies when it records: before the index is written, in the middle of it, or when it has been committed."""

    def __init__(self, place: Place, at: str) -> None:
        super().__init__(place.pool, region=REGION)
        self.at = at

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[ArchiveTurn | None]:
        """Die on the way out, or hand out a turn that dies."""
        async with super().turn() as turn:
            assert isinstance(turn, PostgresArchiveTurn)
            yield _DyingTurn(turn._connection, REGION) if self.at == "recorded" else turn
            if self.at == "uncommitted":
                raise KilledError
        raise KilledError


class _DyingTurn(PostgresArchiveTurn):
    async def record(self, segment: ArchivedSegment, messages: Sequence[KeptMessage], records: Sequence[Part]) -> None:
        await super().record(segment, messages, records)
        raise KilledError


@pytest.mark.parametrize("at", ["recorded", "uncommitted", "committed"])
async def test_killed_between_object_and_index(place: Place, at: str) -> None:
    """The index is written with one transaction: it is there whole, or the next takes the object in."""
    with pytest.raises(KilledError):
        await place.archiver(store=DyingStore(place, at)).archive_due()
    indexed = await place.value("SELECT count(*) FROM archived_message")

    passed = await place.archiver().archive_due()

    assert indexed == (9 if at == "committed" else 0)
    assert passed.messages == (0 if at == "committed" else 9)
    await demand_each_once(place)


async def test_an_object_that_was_left_behind_is_taken_in_though_other_messages_are_due_by_now(place: Place) -> None:
    """It is not what the next archiver would have gathered: it is taken as it is, and the rest follows."""
    with pytest.raises(KilledError):
        await place.archiver(archive=KillingArchive(place.archive, after_writing=True)).archive_due()  # type: ignore[arg-type]
    await settled(place.store, "meanwhile")

    passed = await place.archiver().archive_due()

    assert (passed.segments, passed.messages) == (2, 12)
    assert [verdict.messages for verdict in await place.verdicts()] == [9, 3]


async def test_of_two_archivers_one_alone_works(place: Place) -> None:
    """The other is turned away, and does not wait."""
    async with PostgresArchiveStore(place.pool, region=REGION).turn() as turn:
        assert turn is not None

        passed = await place.archiver().archive_due()

    assert passed.is_turned_away
    assert passed.messages == 0


class LocklessStore(PostgresArchiveStore):
    """Lets everybody through: as if the lock had been lost with its connection."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[ArchiveTurn | None]:
        """A turn, whoever else has one."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield PostgresArchiveTurn(connection, self._region)


async def test_two_archivers_that_both_were_let_through_double_nothing(place: Place) -> None:
    """The name of the object, and the key of its number, each let one alone in; the other starts over."""

    async def until_nothing_is_due() -> None:
        for _ in range(20):
            with suppress(ForeignObjectError, UnavailableError):
                if not (await place.archiver(store=LocklessStore(place.pool, region=REGION)).archive_due()).messages:
                    return
            await asyncio.sleep(0)
        raise AssertionError("something is due for ever")

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(until_nothing_is_due())

    await demand_each_once(place)


class ForgetfulArchive(InMemoryArchive):
    """Says that it has kept an object, and has kept another: a disk that lies."""

    async def put(self, name: str, content: bytes) -> bool:
        """Keep it with a byte changed."""
        return await super().put(name, content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])


async def test_what_does_not_read_back_as_it_was_written_is_not_archived(place: Place) -> None:
    """The control of reading back: without it the index would vouch for an object that holds nothing."""
    with pytest.raises(ArchiveDamagedError, match="it was changed"):
        await place.archiver(archive=ForgetfulArchive()).archive_due()

    assert await place.value("SELECT count(*) FROM archived_message") == 0


@pytest.mark.parametrize("tenant_id", ["default", "another"])
async def test_an_object_of_another_database_in_the_way_stops_the_archiver(place: Place, tenant_id: str) -> None:
    """Two installations were given one archive, or a backup was restored: a person must look, nothing is guessed.

    Its messages are unlike ours by one column or by a reference, though the bytes are the same.
    """
    foreign = InMemoryArchive()
    async with PostgresArchiveStore(place.pool, region=REGION).turn() as turn:
        assert turn is not None
        walked = await turn.walk(None, before=place.archiver().clock.now(), bytes_max=1_000_000)
    strange = [replace(walked.due[0], tenant_id=tenant_id, uetr=None), *walked.due[1:]]
    written = write_segment(REGION, 1, strange, KEYS.new_data_key())
    await foreign.put(segment_name(REGION, 1), written.content)

    with pytest.raises(ForeignObjectError, match="does not keep"):
        await place.archiver(archive=foreign).archive_due()

    assert await place.value("SELECT count(*) FROM archived_message") == 0


async def test_an_archive_that_is_down_stops_nothing_else(place: Place) -> None:
    """The loop is supervised; what was due stays due."""
    down = InMemoryArchive(reachable=False)

    with pytest.raises(UnavailableError):
        await place.archiver(archive=down).archive_due()

    assert (await place.archiver().archive_due()).messages == 9
