"""A server that speaks just enough HTTP to do what no decent server does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Reply(Enum):
    """What happens after a whole request has been read."""

    ANSWER = auto()
    """202, and the connection stays open."""

    ANSWER_AND_CLOSE = auto()
    """202, which promises an open connection, and then it is closed."""

    HANG_UP = auto()
    """The connection is closed without a word."""

    SILENCE = auto()
    """Nothing, ever."""


@dataclass(slots=True)
class RawServer:
    """Answers each request with the next of its replies; counts the requests that it has read."""

    replies: Sequence[Reply]
    base_url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        self.requests.append(await reader.readexactly(length))
        reply = self.replies[len(self.requests) - 1]
        if reply is Reply.SILENCE:
            await reader.read()
        if reply in {Reply.ANSWER, Reply.ANSWER_AND_CLOSE}:
            writer.write(ACCEPTED)
            await writer.drain()
        return reply is Reply.ANSWER


@asynccontextmanager
async def raw_server(*replies: Reply) -> AsyncIterator[RawServer]:
    """A server with these replies on a free port."""
    raw = RawServer(replies)
    server = await asyncio.start_server(raw.handle, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        raw.base_url = f"http://{host}:{port}"
        yield raw
