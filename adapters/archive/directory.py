"""An archive in a directory: a file for each object, written beside its place, synced, and linked to it.

The directory belongs on a medium of its own, and into the backups. Who is killed while writing leaves a file that
begins with a dot, and no object.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.durable import sync_directory
from gateway.service.ports import ObjectMissingError, Part, UnavailableError

READ_ONLY: Final = 0o440
"""Objects are never changed, and are nobody else's to read."""


class DirectoryArchive:
    """Implements `gateway.service.ports.Archive`; what `put` has returned from is on the disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put(self, name: str, content: bytes) -> bool:
        """Write, sync, and link to its name, which fails where the name is taken; see the port."""
        with _translated():
            return await asyncio.to_thread(self._put, name, content)

    async def read(self, name: str) -> bytes:
        """Return an object; see the port."""
        with _translated(name):
            return await asyncio.to_thread(self._read, name)

    async def read_parts(self, name: str, parts: Sequence[Part]) -> Sequence[bytes]:
        """Return parts of an object; see the port."""
        with _translated(name):
            return await asyncio.to_thread(self._read_parts, name, parts)

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """Return the names of the objects; see the port."""
        with _translated():
            found = await asyncio.to_thread(self._names, prefix)
        for name in found:
            yield name

    async def check(self) -> None:
        """Return if the directory can be written to; see the port."""
        if not await asyncio.to_thread(os.access, self._directory, os.R_OK | os.W_OK | os.X_OK):
            raise UnavailableError(f"archive: {self._directory} is not there, or cannot be written to")

    async def remove(self, name: str) -> None:
        """Remove an object that has been kept for long enough; one that is gone already is no fault.

        Raises:
            UnavailableError: it cannot be removed.

        """
        with _translated():
            await asyncio.to_thread((self._directory / name).unlink, missing_ok=True)

    def _put(self, name: str, content: bytes) -> bool:
        place = self._directory / name
        self._demand_directory()
        if not place.parent.exists():
            place.parent.mkdir(mode=0o750, exist_ok=True)
            sync_directory(self._directory)
        descriptor, beside = tempfile.mkstemp(prefix=".", dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(descriptor, READ_ONLY)
                os.fsync(descriptor)
            os.link(beside, place)
            is_new = True
        except FileExistsError:
            is_new = False
        finally:
            Path(beside).unlink()
        sync_directory(place.parent)  # that of another, too: who linked it may have died before this
        return is_new

    def _read(self, name: str) -> bytes:
        self._demand_directory()
        return (self._directory / name).read_bytes()

    def _read_parts(self, name: str, parts: Sequence[Part]) -> Sequence[bytes]:
        self._demand_directory()
        with (self._directory / name).open("rb") as file:
            return [os.pread(file.fileno(), part.size, part.start) for part in parts]

    def _demand_directory(self) -> None:
        """A directory that is not there is never made: what was meant may be a medium that is not mounted."""
        if not self._directory.is_dir():
            raise NotADirectoryError(f"{self._directory} is not there")

    def _names(self, prefix: str) -> Sequence[str]:
        self._demand_directory()
        files = (file for file in self._directory.rglob("*") if file.is_file() and not file.name.startswith("."))
        names = (file.relative_to(self._directory).as_posix() for file in files)
        return sorted(name for name in names if name.startswith(prefix))


@contextmanager
def _translated(name: str | None = None) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if name is not None:
            raise ObjectMissingError(name) from error
        raise UnavailableError(f"archive: {error}") from error
    except OSError as error:
        raise UnavailableError(f"archive: {type(error).__name__}: {error}") from error
