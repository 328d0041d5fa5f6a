"""The contract of `Archive`, on the fake, on a directory, and on a stand-in for S3."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.archive.directory import READ_ONLY, DirectoryArchive
from adapters.archive.s3 import WHOLE_FROM, S3Archive
from gateway.service.ports import Archive, ObjectMissingError, Part, UnavailableError
from tests.fakes.archive import InMemoryArchive

CONTENT = bytes(range(256)) * 40


async def names_of(archive: Archive, prefix: str = "") -> list[str]:
    """All the names."""
    return [name async for name in archive.names(prefix)]


async def test_what_was_put_is_given_back(archive: Archive) -> None:
    """Byte for byte, under its name."""
    assert await archive.put("local/0000000001.segment", CONTENT)

    assert await archive.read("local/0000000001.segment") == CONTENT


async def test_an_object_is_never_written_over(archive: Archive) -> None:
    """The second is told so, and the first stays."""
    assert await archive.put("local/1", b"first")

    assert not await archive.put("local/1", b"second")
    assert await archive.read("local/1") == b"first"
    assert await names_of(archive) == ["local/1"]


async def test_of_many_that_put_one_name_at_once_one_alone_succeeds(archive: Archive) -> None:
    """Two archivers that were let through both write the same number."""
    contents = [bytes([number]) * 50_000 for number in range(6)]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_put(archive, content)) for content in contents]

    won = [content for content, task in zip(contents, tasks, strict=True) if task.result()]
    assert len(won) == 1
    assert await archive.read("local/raced") == won[0]


async def _put(archive: Archive, content: bytes) -> bool:
    try:
        return await archive.put("local/raced", content)
    except UnavailableError:  # S3 may say that another is writing at this moment
        return False


async def test_parts_come_in_the_order_asked_for_and_end_where_the_object_does(archive: Archive) -> None:
    """A message is read without the others; of an object that was cut off, less comes than was asked for."""
    await archive.put("local/1", CONTENT)

    parts = await archive.read_parts("local/1", [Part(300, 5), Part(0, 2), Part(len(CONTENT) - 3, 10)])
    beyond = await archive.read_parts("local/1", [Part(len(CONTENT) + 5, 10)])

    assert parts == [CONTENT[300:305], CONTENT[:2], CONTENT[-3:]]
    assert beyond == [b""]


async def test_many_parts_are_the_same_as_few(archive: Archive) -> None:
    """An adapter may read the object whole for many."""
    await archive.put("local/1", CONTENT)
    wanted = [Part(start, 7) for start in range(0, 7 * WHOLE_FROM, 7)]

    assert await archive.read_parts("local/1", wanted) == [CONTENT[each.start : each.start + 7] for each in wanted]


async def test_what_is_not_there_is_said(archive: Archive) -> None:
    """Never an empty object."""
    with pytest.raises(ObjectMissingError, match="local/none"):
        await archive.read("local/none")
    with pytest.raises(ObjectMissingError):
        await archive.read_parts("local/none", [Part(0, 1)])


async def test_names_are_found_by_how_they_begin_in_their_order(archive: Archive) -> None:
    """A region's objects, the oldest first."""
    for name in ("usw2/1", "use1/2", "use1/1"):
        await archive.put(name, b"x")

    assert await names_of(archive, "use1/") == ["use1/1", "use1/2"]
    assert await names_of(archive) == ["use1/1", "use1/2", "usw2/1"]


async def test_an_archive_that_is_there_says_so(archive: Archive) -> None:
    """What readiness asks."""
    await archive.check()


# --- What each does when it is not there, or is disturbed --------------------------------------------------------


@pytest.fixture(params=["memory", "directory", "s3"])
def broken(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive of each kind that does not answer."""
    if request.param == "memory":
        return InMemoryArchive(reachable=False)
    if request.param == "directory":
        return DirectoryArchive(tmp_path / "not-mounted")
    request.getfixturevalue("bucket")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return S3Archive("none", "")


async def test_an_archive_that_does_not_answer_is_the_worlds_fault(broken: Archive) -> None:
    """The loop waits and tries again; nothing is taken for missing."""
    with pytest.raises(UnavailableError):
        await broken.put("local/1", b"x")
    with pytest.raises(UnavailableError):
        await broken.read("local/1")
    with pytest.raises(UnavailableError):
        await names_of(broken)
    with pytest.raises(UnavailableError):
        await broken.check()


async def test_a_bucket_that_is_not_there_is_not_an_object_that_is_missing(bucket: str) -> None:
    """A slip in the setting must not look like a loss."""
    with pytest.raises(UnavailableError, match="NoSuchBucket"):
        await S3Archive(f"{bucket}-other", "").read("local/1")


async def test_s3_keeps_the_digest_of_what_came(bucket: str) -> None:
    """The bucket's own check, and what an auditor may ask S3 for."""
    import boto3

    await S3Archive(bucket, "p").put("local/1", CONTENT)

    head = boto3.client("s3").head_object(Bucket=bucket, Key="p/local/1", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"]


async def test_a_file_is_read_only_and_nothing_else_is_left_beside_it(tmp_path: Path) -> None:
    """Neither others nor a slip of ours change it."""
    await DirectoryArchive(tmp_path).put("local/1", CONTENT)
    await DirectoryArchive(tmp_path).put("local/1", b"again")

    assert [file.name for file in (tmp_path / "local").iterdir()] == ["1"]
    assert (tmp_path / "local" / "1").stat().st_mode & 0o777 == READ_ONLY


async def test_what_a_crash_left_beside_an_object_is_none(tmp_path: Path) -> None:
    """Killed while it wrote: a file with a dot, which nobody takes for an object."""
    archive = DirectoryArchive(tmp_path)
    await archive.put("local/1", CONTENT)
    (tmp_path / "local" / ".half").write_bytes(CONTENT[:100])

    assert await names_of(archive) == ["local/1"]
    assert await archive.put("local/half", CONTENT)


async def test_an_object_that_was_kept_long_enough_can_be_removed_and_again(tmp_path: Path) -> None:
    """`archive expire` may be repeated."""
    archive = DirectoryArchive(tmp_path)
    await archive.put("local/1", CONTENT)

    await archive.remove("local/1")
    await archive.remove("local/1")

    assert await names_of(archive) == []
