"""Anchors in files: what was appended is there, in order, whatever a crash leaves behind."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from adapters.anchors.files import SUFFIX, FileAnchor, UnreadableAnchor, read_anchors
from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, UnavailableError

REGION: Final = RegionId("use1")
NOW: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def anchor(number: int, *, region: str = REGION) -> Anchor:
    """A head."""
    return Anchor(region, number, bytes([number]) * 32, 10 * number, NOW)


async def test_what_was_appended_is_read_in_order(tmp_path: Path) -> None:
    """One file for each region; the newest number is asked for before every append."""
    place = FileAnchor(tmp_path)
    assert await place.newest(REGION) == 0

    await place.append([anchor(1), anchor(2)])
    await place.append([anchor(1, region="usw2"), anchor(3)])

    assert list(read_anchors(tmp_path)) == [anchor(1), anchor(2), anchor(3), anchor(1, region="usw2")]
    assert (await place.newest(REGION), await place.newest(RegionId("usw2"))) == (3, 1)


async def test_the_newest_of_many_is_found_at_the_end(tmp_path: Path) -> None:
    """The sealer asks every second: the file is not read from its beginning."""
    place = FileAnchor(tmp_path)
    await place.append([anchor(number % 250 + 1) for number in range(1_000)])

    assert await place.newest(REGION) == 250


@pytest.mark.parametrize("kept", [1, 40, -1])
async def test_a_line_that_a_crash_broke_off_is_written_again(tmp_path: Path, kept: int) -> None:
    """At whatever byte, also just before the end of the line: nothing is missing, and nothing is called unreadable."""
    place, file = FileAnchor(tmp_path), tmp_path / f"{REGION}{SUFFIX}"
    await place.append([anchor(1), anchor(2)])
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[:kept])

    assert list(read_anchors(tmp_path)) == [anchor(1)]
    assert await place.newest(REGION) == 1
    await place.append([anchor(2)])

    assert list(read_anchors(tmp_path)) in ([anchor(1), anchor(2)], [anchor(1), anchor(2), anchor(2)])
    assert await place.newest(REGION) == 2


async def test_a_line_that_is_no_anchor_is_named(tmp_path: Path) -> None:
    """Somebody wrote over it, or the medium failed: that is no crash."""
    place, file = FileAnchor(tmp_path), tmp_path / f"{REGION}{SUFFIX}"
    await place.append([anchor(1), anchor(2)])
    first, second = file.read_bytes().splitlines(keepends=True)
    members = {name: value for name, value in json.loads(first).items() if name != "digest"}
    file.write_bytes(json.dumps(members).encode() + b"\n" + second)

    assert list(read_anchors(tmp_path)) == [UnreadableAnchor(file.name, 1), anchor(2)]


async def test_two_workers_on_one_directory_do_not_mix_their_lines(tmp_path: Path) -> None:
    """A repeat is the same line twice, which says the same."""
    places = [FileAnchor(tmp_path) for _ in range(4)]

    async with asyncio.TaskGroup() as tasks:
        for place in places:
            tasks.create_task(place.append([anchor(number) for number in range(1, 100)]))

    found = list(read_anchors(tmp_path))
    assert len(found) == 4 * 99
    assert set(found) == {anchor(number) for number in range(1, 100)}


async def test_a_directory_that_is_not_there_is_the_worlds_fault(tmp_path: Path) -> None:
    """Unmounted, perhaps: the sealer tries again, and the heads wait in the database."""
    place = FileAnchor(tmp_path / "unmounted")

    assert await place.newest(REGION) == 0
    with pytest.raises(UnavailableError, match="unmounted"):
        await place.append([anchor(1)])
    with pytest.raises(UnavailableError, match="unmounted"):
        list(read_anchors(tmp_path / "unmounted"))
