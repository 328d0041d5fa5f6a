"""An archive in memory: obeys `Archive`, and can be told to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from gateway.service.ports import ObjectMissingError, Part, UnavailableError


@dataclass(slots=True)
class InMemoryArchive:
    """Implements `gateway.service.ports.Archive`; with `reachable` off everything raises."""

    objects: dict[str, bytes] = field(default_factory=dict)
    reachable: bool = True

    async def put(self, name: str, content: bytes) -> bool:
        """Keep it, unless the name is taken; see the port."""
        await self._reach()
        return self.objects.setdefault(name, content) is content

    async def read(self, name: str) -> bytes:
        """Return an object; see the port."""
        await self._reach()
        if name not in self.objects:
            raise ObjectMissingError(name)
        return self.objects[name]

    async def read_parts(self, name: str, parts: Sequence[Part]) -> Sequence[bytes]:
        """Return parts of it; see the port."""
        content = await self.read(name)
        return [content[part.start : part.start + part.size] for part in parts]

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """Return the names; see the port."""
        await self._reach()
        for name in sorted(self.objects):
            if name.startswith(prefix):
                yield name

    async def check(self) -> None:
        """Return if it can be reached; see the port."""
        await self._reach()

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if not self.reachable:
            raise UnavailableError("the archive in memory was told to be down")
