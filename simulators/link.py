"""A link between two places on this machine, byte by byte: its delay can be set, and it can be cut.

It knows nothing of what goes through it. Told by ``PUT /link``; a cut link accepts connections and carries nothing, as
a network does that loses every packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

CHUNK_BYTES: Final = 65_536
CHUNKS_MAX: Final = 256
"""On their way at once in one direction of a connection: a sender that is quicker waits."""


@dataclass(slots=True)
class Link:
    """The state that every connection looks at, at every piece of what it carries."""

    delay_s: float = 0.0
    is_cut: bool = False
    mended: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, *, delay_s: float, is_cut: bool) -> None:
        """Change both; what is on its way keeps the delay that it left with."""
        self.delay_s, self.is_cut = delay_s, is_cut
        if is_cut:
            self.mended.clear()
        else:
            self.mended.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, target: int) -> None:
        """Carry one connection, both ways, until either side ends it."""
        try:
            await self._until_mended()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pour(reader, far_writer))
                group.create_task(self._pour(far_reader, writer))
        except* OSError:
            pass  # either side may break off; the other sees the end
        finally:
            for each in (writer, far_writer):
                each.close()

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_MAX)

        async def arrive() -> None:
            while True:
                due, chunk = await under_way.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                await self._until_mended()
                if not chunk:
                    writer.write_eof()
                    return
                writer.write(chunk)
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(arrive())
            while chunk := await reader.read(CHUNK_BYTES):
                await under_way.put((loop.time() + self.delay_s, chunk))
            await under_way.put((loop.time() + self.delay_s, b""))

    async def _until_mended(self) -> None:
        if self.is_cut:
            await self.mended.wait()


def link_application(link: Link) -> web.Application:
    """Return the application that the link is told by."""

    async def put(request: web.Request) -> web.Response:
        wanted: dict[str, Any] = await request.json()
        link.set(delay_s=float(wanted["delay_ms"]) / 1000, is_cut=bool(wanted["is_cut"]))
        return web.json_response(wanted)

    async def healthy(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    application = web.Application()
    application.router.add_put("/link", put)
    application.router.add_get("/healthz", healthy)
    return application


async def run_link(ways: Sequence[tuple[int, int]], *, port: int, delay_s: float) -> None:
    """Carry what comes to each way's first port to its second one, until cancelled; everything on 127.0.0.1."""
    link = Link()
    link.set(delay_s=delay_s, is_cut=False)
    runner = web.AppRunner(link_application(link), access_log=None)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        for listening, target in ways:

            async def carry(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, target: int = target
            ) -> None:
                await link.carry(reader, writer, target=target)

            await stack.enter_async_context(await asyncio.start_server(carry, "127.0.0.1", listening))
        await asyncio.Event().wait()
