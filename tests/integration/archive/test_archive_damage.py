"""What is done to the archive, or to its index, is found: by verifying it, by the audit, and by whoever reads."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from adapters.archive.directory import DirectoryArchive
from adapters.postgres.archive import PostgresArchiveIndex
from gateway.cli.application import application
from gateway.cli.archive import expire, run_archiver, verify_all
from gateway.cli.partitions import keep_partitions
from gateway.domain.payment import Payment
from gateway.service.ports import ArchiveDamagedError
from gateway.service.segment import read_segment, write_segment
from gateway.service.verify_archive import ArchiveVerifier
from gateway.service.verify_audit import ViolationKind
from gateway.settings import load_settings
from tests.conftest import REGION, Database
from tests.fakes.clock import VirtualClock
from tests.integration.archive.harness import KEYS, LATER, Place, open_place
from tests.integration.audit.harness import settled
from tests.integration.store.harness import NOW

FIRST, SECOND = "local/0000000001.segment", "local/0000000002.segment"


@dataclass(frozen=True, slots=True)
class Archived:
    """Two payments in an object each, and out of the database."""

    place: Place
    directory: Path
    payments: Sequence[Payment]

    def content(self, name: str = FIRST) -> bytes:
        """The bytes of an object."""
        return (self.directory / name).read_bytes()

    def put(self, content: bytes, name: str = FIRST) -> None:
        """Put other bytes in the place of an object."""
        file = self.directory / name
        file.unlink(missing_ok=True)
        file.write_bytes(content)


@pytest.fixture
async def archived(database: Database, tmp_path: Path) -> AsyncIterator[Archived]:
    """Archived one after the other, and the month dropped."""
    async with open_place(database, DirectoryArchive(tmp_path)) as place:
        payments = []
        for number in range(2):
            payments.append(await settled(place.store, f"key-{number}"))
            await place.archiver().archive_due()
        [retired] = await place.retire()
        assert retired.is_dropped
        yield Archived(place, tmp_path, payments)


def edited(archived: Archived) -> None:
    """One byte of the last record."""
    content = bytearray(archived.content())
    content[-40] ^= 1
    archived.put(bytes(content))


def edited_with_its_digest(archived: Archived) -> None:
    """One byte in the first record, and the digest at the end made anew: as who knows the form would do it."""
    content = bytearray(archived.content())
    start = int.from_bytes(content[16:20], "big") + 20
    content[start + 40] ^= 1
    whole = bytes(content[:-32])
    archived.put(whole + hashlib.sha256(whole).digest())


def cut_off(archived: Archived) -> None:
    """Half of it: the first record begins before the cut."""
    archived.put(archived.content()[: len(archived.content()) // 4])


def emptied(archived: Archived) -> None:
    """A file of no bytes."""
    archived.put(b"")


def missing(archived: Archived) -> None:
    """No file."""
    (archived.directory / FIRST).unlink()


def swapped(archived: Archived) -> None:
    """Each in the place of the other, whole as they are."""
    first, second = archived.content(FIRST), archived.content(SECOND)
    archived.put(second, FIRST)
    archived.put(first, SECOND)


DAMAGES: Final = [edited, edited_with_its_digest, cut_off, emptied, missing, swapped]


async def test_damage_is_found_by_verifying_and_by_whoever_reads(archived: Archived) -> None:
    """And it is said which object; nobody gets a byte of it. One damage after the other, and each mended."""
    whole = {name: archived.content(name) for name in (FIRST, SECOND)}
    for damage in DAMAGES:
        assert [each.is_sound for each in await archived.place.verdicts()] == [True, True]

        damage(archived)

        found = {each.place: each.kind for verdict in await archived.place.verdicts() for each in verdict.violations}
        kind = ViolationKind.ARCHIVE_OBJECT_MISSING if damage is missing else ViolationKind.ARCHIVE_OBJECT_CHANGED
        assert found[FIRST] == kind, damage
        with pytest.raises(ArchiveDamagedError, match=FIRST):
            await archived.place.messages(archived.payments[0])
        if damage is not swapped:
            assert set(found) == {FIRST}
            assert len(await archived.place.messages(archived.payments[1])) == 3
        for name, content in whole.items():
            archived.put(content, name)


async def test_an_object_that_was_made_anew_with_the_real_key_is_found(archived: Archived) -> None:
    """The same messages under a fresh key: the index has the digest of the very bytes that were read back."""
    _, messages, _ = read_segment(archived.content(), KEYS, region="local", number=1)
    archived.put(write_segment("local", 1, messages, KEYS.new_data_key()).content)

    [violation] = [each for verdict in await archived.place.verdicts() for each in verdict.violations]
    assert violation.kind is ViolationKind.ARCHIVE_OBJECT_CHANGED
    assert "another was put in its place" in violation.text


INDEX_EDITS: Final = {
    "UPDATE archived_message SET digest = sha256(digest) WHERE segment = 1": {"archive_index_differs"},
    "UPDATE archived_message SET direction = 'rail_in' WHERE direction = 'rail_out'": {"archive_index_differs"},
    "UPDATE archived_message SET starts_at = starts_at + 1 WHERE segment = 2": {"archive_index_differs"},
    "UPDATE archived_message SET event_sequence = NULL WHERE segment = 2": {"archive_index_differs"},
    "UPDATE archive_segment SET digest = sha256(digest) WHERE number = 1": {"archive_object_changed"},
    "UPDATE archive_segment SET messages = 2 WHERE number = 1": {"archive_index_differs"},
    "DELETE FROM archived_message WHERE position = 0 AND segment = 1": {"archive_index_differs"},
    "DELETE FROM archive_segment WHERE number = 1": {"archive_object_missing", "archive_object_unknown"},
}


async def test_an_index_that_was_changed_is_found(archived: Archived) -> None:
    """It is held against what the objects hold; each change is taken back."""
    owner = await asyncpg.connect(archived.place.database.owner_dsn)
    verifier = ArchiveVerifier(PostgresArchiveIndex(owner), archived.place.archive, KEYS)
    for statement, kinds in INDEX_EDITS.items():
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(statement)

        found = {each.kind for verdict in await verifier.verify_region(REGION) for each in verdict.violations}

        await transaction.rollback()
        assert found == kinds, statement
    await owner.close()


async def test_index_and_objects_cut_off_together_are_found_by_the_audit(archived: Archived) -> None:
    """Nothing of the archive can tell that; but the payments' chains hold the digests of their messages."""
    await archived.place.execute(
        "DELETE FROM archived_message WHERE segment = 2", "DELETE FROM archive_segment WHERE number = 2"
    )
    (archived.directory / SECOND).unlink()

    verdicts, trail = await archived.place.verdicts(), await archived.place.audited()

    assert [verdict.is_sound for verdict in verdicts] == [True]
    assert {violation.kind for violation in trail.violations} == {ViolationKind.EVENT_CHANGED}


async def test_an_object_that_nobody_knows_of_is_told(archived: Archived) -> None:
    """But for the one that comes next, which a crash may have left."""
    archived.put(b"x", "local/0000000003.segment")
    assert all(verdict.is_sound for verdict in await archived.place.verdicts())

    archived.put(b"x", "local/0000000004.segment")
    [violation] = [each for verdict in await archived.place.verdicts() for each in verdict.violations]

    assert (violation.kind, violation.place) == (ViolationKind.ARCHIVE_OBJECT_UNKNOWN, "local/0000000004.segment")


async def test_an_object_that_is_gone_is_missing_until_its_years_are_over(archived: Archived) -> None:
    """What a lifecycle rule has removed is no loss; what somebody removed before its time is."""
    missing(archived)

    early = await archived.place.verdicts(expired_before=NOW)
    expired = await archived.place.verdicts(expired_before=NOW + timedelta(days=1))

    assert [verdict.is_expired for verdict in early] == [False, False]
    assert early[0].violations
    assert [verdict.is_expired for verdict in expired] == [True, False]
    assert not expired[0].violations


async def test_a_month_is_not_dropped_on_the_word_of_an_index(database: Database, tmp_path: Path) -> None:
    """The control of retention: the index says that all is archived, and an object has gone bad since."""
    async with open_place(database, DirectoryArchive(tmp_path)) as place:
        payments = [await settled(place.store, "one")]
        await place.archiver().archive_due()
        archived = Archived(place, tmp_path, payments)
        edited(archived)

        [kept] = await place.retire()

        assert (kept.is_dropped, kept.left) == (False, 3)
        assert [violation.kind for violation in kept.violations] == [ViolationKind.ARCHIVE_OBJECT_CHANGED]
        assert len(await place.messages(payments[0])) == 3


# --- As it is typed ---------------------------------------------------------------------------------------------


@contextmanager
def environment(monkeypatch: pytest.MonkeyPatch, database: Database, directory: Path) -> Iterator[None]:
    """The settings of an installation with this archive."""
    keys = directory.parent / "keys"
    keys.write_text("2026-01 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    keys.chmod(0o600)
    for name, value in {
        "FIFTEEN_DATABASE_URL": database.application_dsn,
        "FIFTEEN_DATABASE_OWNER_URL": database.owner_dsn,
        "FIFTEEN_ARCHIVE_URL": directory.as_uri(),
        "FIFTEEN_ARCHIVE_AFTER_DAYS": "1",
        "FIFTEEN_KEYS_FILE": str(keys),
        "FIFTEEN_INDEX_KEY": "a-key-for-tests-only",
    }.items():
        monkeypatch.setenv(name, value)
    yield


def typed(*words: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(application, list(words), env={"COLUMNS": "200"})


async def _pay(database: Database, directory: Path) -> None:
    async with open_place(database, DirectoryArchive(directory)) as place:
        await settled(place.store, "one")


def test_an_installation_archives_finds_verifies_and_removes(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that an operator types; what depends on the day is done on a clock that a test sets."""
    directory = tmp_path / "archive"
    directory.mkdir()
    asyncio.run(_pay(database, directory))
    uetr = "7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"

    with environment(monkeypatch, database, directory):
        settings, clock = load_settings(), VirtualClock(LATER)
        assert run_archiver(settings, clock, as_json=True) == 0
        run = capsys.readouterr().out
        found = typed("archive", "find", "--uetr", uetr, "--json", "--output", str(tmp_path / "out"))
        nobodys = typed("archive", "find", "--uetr", "none")
        listed = typed("archive", "find", "--uetr", uetr)
        verified = typed("archive", "verify", "--json")
        audited = typed("audit", "verify", "--json")
        expired = typed("archive", "expire", "--trial")
        made = typed("db", "partitions")
        assert keep_partitions(settings, clock, drop_archived=True) == 0
        months = capsys.readouterr().out
        left = typed("audit", "verify", "--json")
        edited(Archived(None, directory, ()))  # type: ignore[arg-type]
        damaged, refused = typed("archive", "verify"), typed("audit", "verify")

    assert json.loads(run) == {"segments": 1, "messages": 3, "left_at": None}
    assert [each["place"] for each in json.loads(found.output)] == [f"{FIRST}#{number}" for number in range(3)]
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert (nobodys.exit_code, "has the UETR none" in nobodys.output) == (1, True)
    assert FIRST in listed.output
    assert (verified.exit_code, json.loads(verified.output)["messages"]) == (0, 3)
    document = json.loads(audited.output)
    assert (document["sound"], document["archive_segments"], document["archived_messages"]) == (True, 1, 0)
    assert "0 objects of before" in expired.output
    assert (made.exit_code, "made: " in made.output) == (0, True)
    assert "dropped: message_local_y2026m11; all of it is in 1 objects" in months
    assert json.loads(left.output)["archived_messages"] == 3
    for result in (damaged, refused):
        assert result.exit_code == 1
        assert "archive_object_changed" in result.output
        assert FIRST in result.output


def test_commands_that_need_an_archive_say_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the settings that are missing."""
    monkeypatch.setenv("FIFTEEN_DATABASE_URL", database.application_dsn)
    monkeypatch.setenv("FIFTEEN_DATABASE_OWNER_URL", database.owner_dsn)

    for words in (
        ("archive", "run"),
        ("archive", "verify"),
        ("archive", "expire"),
        ("db", "partitions", "--drop-archived"),
    ):
        result = typed(*words)
        assert result.exit_code == 2
        assert "FIFTEEN_ARCHIVE_URL" in result.output


def test_what_was_kept_for_its_years_is_removed_and_nothing_else(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten years hence, by a clock that a test sets; a repeat removes nothing."""
    clock = VirtualClock(LATER + timedelta(days=3_650))
    directory = tmp_path / "archive"
    directory.mkdir()
    asyncio.run(_pay(database, directory))

    with environment(monkeypatch, database, directory):
        settings = load_settings()
        run_archiver(settings, VirtualClock(LATER), as_json=False)
        outcomes = [
            (expire(settings, clock, is_trial=is_trial), (directory / FIRST).exists())
            for is_trial in (True, False, False)
        ]
        verified = verify_all(settings, clock, as_json=False)

    assert outcomes == [(0, True), (0, False), (0, False)]
    assert verified == 0
    told = capsys.readouterr().out
    assert [f"{count} objects of before" in told for count in (1, 0)] == [True, True]
    assert "1 expired" in told
