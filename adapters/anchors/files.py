"""Anchors in a directory: one file a region, one line a head, appended and never rewritten.

The directory belongs on another machine or medium than the database, under another administrator: whoever can rewrite
both can rewrite history.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from adapters.durable import sync_directory
from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, UnavailableError

SUFFIX: Final = ".anchors.jsonl"

_TAIL_BYTES: Final = 4_096
"""The newest anchor is found within so many bytes of the end: a line has some 200."""


@dataclass(frozen=True, slots=True)
class UnreadableAnchor:
    """A line that is no anchor, and is not the beginning of the next one, as a crash would leave it."""

    file: str
    line: int


class FileAnchor:
    """Implements `gateway.service.ports.AuditAnchor`; what `append` has returned from is on the disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def newest(self, region: RegionId) -> int:
        """Return the number of the newest anchor; see the port."""
        with _translated():
            return await asyncio.to_thread(self._newest, region)

    async def append(self, anchors: Sequence[Anchor]) -> None:
        """Append and sync; see the port."""
        with _translated():
            await asyncio.to_thread(self._append, anchors)

    def _newest(self, region: str) -> int:
        try:
            with self._file(region).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return 0
        whole = (_anchor_from(region, line) for line in reversed(lines) if line.endswith(b"\n"))
        return next((anchor.number for anchor in whole if anchor is not None), 0)

    def _append(self, anchors: Sequence[Anchor]) -> None:
        for region in sorted({anchor.region for anchor in anchors}):
            text = b"".join(line_of(anchor) for anchor in anchors if anchor.region == region)
            is_new = not self._file(region).exists()
            with self._file(region).open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                torn = _ends_torn(file.fileno())
                file.write(b"\n" + text if torn else text)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_directory(self._directory)

    def _file(self, region: str) -> Path:
        return self._directory / f"{region}{SUFFIX}"


def read_anchors(directory: Path) -> Iterator[Anchor | UnreadableAnchor]:
    """Return every anchor of a directory, as they were appended; what a crash broke off in the middle is left out.

    Raises:
        UnavailableError: it cannot be read, or is none.

    """
    with _translated():
        for file in sorted(directory.iterdir()):
            if file.name.endswith(SUFFIX):
                yield from _anchors_of(file)


def _anchors_of(file: Path) -> Iterator[Anchor | UnreadableAnchor]:
    region = file.name.removesuffix(SUFFIX)
    with file.open("rb") as lines:
        for number, (line, after) in enumerate(pairwise((*lines, b"")), start=1):
            anchor = _anchor_from(region, line) if line.endswith(b"\n") else None
            if anchor is not None:
                yield anchor
            elif after and not after.startswith(line.rstrip(b"\n")):
                yield UnreadableAnchor(file.name, number)


def line_of(anchor: Anchor) -> bytes:
    """Return an anchor as it is written: a line of JSON."""
    members = {
        "number": anchor.number,
        "digest": anchor.digest.hex(),
        "events": anchor.events,
        "at": anchor.at.isoformat(),
    }
    return json.dumps(members).encode() + b"\n"


def _anchor_from(region: str, line: bytes) -> Anchor | None:
    try:
        members = json.loads(line)
        return Anchor(
            region,
            members["number"],
            bytes.fromhex(members["digest"]),
            members["events"],
            datetime.fromisoformat(members["at"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _ends_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"anchors: {type(error).__name__}: {error}") from error
