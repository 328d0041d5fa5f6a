"""The wire between a client and a RabbitMQ node, on which faults happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from yarl import URL

from adapters.child_process import free_loopback_port

DELIVER: Final = bytes((0, 60, 0, 60))
CANCEL: Final = bytes((0, 60, 0, 30))
"""How the payloads of two methods of the class Basic begin (AMQP 0-9-1 section 1.8)."""

_METHOD: Final = 1
_FRAME_HEADER_BYTES: Final = 7


class FaultyWire:
    """Passes TCP on to a node, until told otherwise.

    Connections can be `cut`, or `frozen`: those stay open and say nothing more; new ones can be refused. Methods in
    `lost` vanish on the way to the client, with their content: a connection that lives, and a consumer that hears
    nothing.
    """

    def __init__(self, url: str) -> None:
        self.lost: set[bytes] = set()
        self.is_frozen = False
        self.is_refusing = False
        self._target = URL(url)
        self._port = free_loopback_port()
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return str(self._target.with_port(self._port))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        try:
            yield
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """Break every connection off."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_refusing:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._target.host, self._target.port)
        self._writers += [writer, back]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._to_node(reader, back))
            group.create_task(self._to_client(there, writer))

    async def _to_node(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._write(sink, data)
        except ConnectionError:
            return
        finally:
            sink.close()

    async def _to_client(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        losing = set[bytes]()
        try:
            while True:
                header = await source.readexactly(_FRAME_HEADER_BYTES)
                rest = await source.readexactly(int.from_bytes(header[3:]) + 1)
                channel = header[1:3]
                if header[0] == _METHOD:
                    (losing.add if rest[:4] in self.lost else losing.discard)(channel)
                if channel not in losing:
                    await self._write(sink, header + rest)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            sink.close()

    async def _write(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        if not self.is_frozen:
            sink.write(data)
            await sink.drain()
