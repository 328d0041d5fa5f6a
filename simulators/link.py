"""A link between places on this machine, byte by byte: delay and loss can be set, and it can be cut, one way too.

It knows nothing of what goes through it. Told by ``PUT /link`` with ``{"delay_ms": …, "is_cut": …}``; a cut link
accepts connections and carries nothing, as a network does that loses every packet. With ``"only": ["use1>usw2"]``
nothing but what goes from the one place to the other is lost: questions are acted upon, and no answer comes.

With ``"loss_percent": …`` pieces are lost now and then. In a stream of bytes that is a pause: a piece comes when it has
been sent again, and what is behind it waits.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Self

from aiohttp import web

CHUNK_BYTES: Final = 65_536
CHUNKS_MAX: Final = 256
"""On their way at once in one direction of a connection: a sender that is quicker waits."""

RESENT_AFTER_S: Final = 0.2
RESENT_AFTER_MAX_S: Final = 120.0
"""A piece that was lost is sent again after this time, which doubles as often as it is lost again: as Linux does it,
and RFC 6298 sections 2.4 and 5.5."""

_FINE: Final = 1_000_000


@dataclass(slots=True)
class Chance:
    """Draws from a seed, one after the other."""

    seed: int
    drawn: int = 0

    def comes_true(self, percent: float) -> bool:
        """Whether something that happens so often happens now."""
        self.drawn += 1
        digest = hashlib.sha256(f"{self.seed}:{self.drawn}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % _FINE < percent / 100 * _FINE


@dataclass(frozen=True, slots=True)
class Way:
    """Who connects to the port `listening`, at the place `source`, is carried to the port `target` at `destination`."""

    source: str
    destination: str
    listening: int
    target: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the way that ``source:destination:listening:target`` names.

        Raises:
            ValueError: it names none.

        """
        source, destination, listening, target = text.split(":")
        return cls(source, destination, int(listening), int(target))

    @property
    def there(self) -> str:
        """The direction of what is asked."""
        return f"{self.source}>{self.destination}"

    @property
    def back(self) -> str:
        """The direction of what is answered."""
        return f"{self.destination}>{self.source}"


@dataclass(slots=True)
class Link:
    """The state that every connection looks at, at every piece of what it carries."""

    ways: Sequence[Way]
    chance: Chance
    delay_s: float = 0.0
    loss_percent: float = 0.0
    """How many pieces of a hundred are lost, and sent again."""
    cut: frozenset[str] = frozenset()
    """The directions in which everything is lost."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(
        self, *, delay_s: float, is_cut: bool, only: Collection[str] | None = None, loss_percent: float = 0.0
    ) -> None:
        """Change all of it; what is on its way keeps the delay that it left with.

        Raises:
            ValueError: `only` names a direction in which nothing goes, or all would be lost.

        """
        if not 0 <= loss_percent < 100:
            raise ValueError(f"a loss of {loss_percent:g} %: from 0 to below 100; a link that loses all of it is cut")
        known = {direction for way in self.ways for direction in (way.there, way.back)}
        cut = known if only is None else set(only)
        if unknown := cut - known:
            raise ValueError(f"no {', '.join(sorted(unknown))}: there are {', '.join(sorted(known))}")
        self.delay_s, self.loss_percent, self.cut = delay_s, loss_percent, frozenset(cut if is_cut else ())
        self._changed.set()
        self._changed = asyncio.Event()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, way: Way) -> None:
        """Carry one connection, both ways, until either side ends it."""
        try:
            await self._until_open(way.there)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", way.target)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pour(reader, far_writer, way.there))
                group.create_task(self._pour(far_reader, writer, way.back))
        except* OSError:
            pass  # either side may break off; the other sees the end
        finally:
            for each in (writer, far_writer):
                each.close()

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)

        async def arrive() -> None:
            while True:
                due, chunk = await under_way.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._until_open(direction)
                if not chunk:
                    writer.write_eof()
                    return
                writer.write(chunk)
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(arrive())
            while chunk := await reader.read(CHUNK_BYTES):
                await under_way.put((loop.time() + self._way_s(), chunk))
            await under_way.put((loop.time() + self._way_s(), b""))

    def _way_s(self) -> float:
        """Return for how long a piece is under way: until it was sent for the last time, and then the delay."""
        held_up_s, again_s = 0.0, RESENT_AFTER_S
        while self.chance.comes_true(self.loss_percent):
            held_up_s, again_s = held_up_s + again_s, min(2 * again_s, RESENT_AFTER_MAX_S)
        return held_up_s + self.delay_s

    async def _until_open(self, direction: str) -> None:
        while direction in self.cut:
            await self._changed.wait()


def link_application(link: Link) -> web.Application:
    """Return the application that the link is told by."""

    async def put(request: web.Request) -> web.Response:
        wanted: dict[str, Any] = await request.json()
        delay_s, is_cut = float(wanted["delay_ms"]) / 1000, bool(wanted["is_cut"])
        try:
            loss_percent = float(wanted.get("loss_percent", 0))
            link.set(delay_s=delay_s, is_cut=is_cut, only=wanted.get("only"), loss_percent=loss_percent)
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.json_response(wanted)

    async def healthy(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    application = web.Application()
    application.router.add_put("/link", put)
    application.router.add_get("/healthz", healthy)
    return application


async def run_link(ways: Sequence[Way], *, port: int, delay_s: float, loss_percent: float = 0.0, seed: int = 1) -> None:
    """Carry what comes to each way's port to its target, until cancelled; everything on 127.0.0.1."""
    link = Link(ways, Chance(seed))
    link.set(delay_s=delay_s, is_cut=False, loss_percent=loss_percent)
    runner = web.AppRunner(link_application(link), access_log=None)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        for way in ways:

            async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, way: Way = way) -> None:
                await link.carry(reader, writer, way=way)

            await stack.enter_async_context(await asyncio.start_server(carry, "127.0.0.1", way.listening))
        await asyncio.Event().wait()
