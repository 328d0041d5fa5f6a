"""The socket's bounds: so many connections are served, and one more is told that it is one too many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from adapters.http.serving import LINGER_MAX_S, TURNED_AWAY_MAX, TurnedAway, serving

REQUEST = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def index(_request: web.Request) -> web.Response:
    return web.Response(text="served")


@asynccontextmanager
async def port_for(connections_max: int) -> AsyncIterator[int]:
    """A server of one address."""
    application = web.Application()
    application.router.add_get("/", index)
    async with serving(application, host="127.0.0.1", port=0, connections_max=connections_max) as port:
        yield port


async def ask(streams: Streams) -> tuple[bytes, bytes]:
    """Send a request and return the first line of the answer, and the rest up to the end of its body."""
    reader, writer = streams
    writer.write(REQUEST)
    async with asyncio.timeout(5):
        status = await reader.readline()
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length")
        )
        return status, head + await reader.readexactly(length)


async def test_a_connection_too_many_is_told_so_and_closed_and_the_others_go_on() -> None:
    """Bounded: memory and files of a gateway do not grow with the connections that somebody opens."""
    async with port_for(2) as port:
        kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        served = [(await ask(streams))[0] for streams in kept]

        too_many = await asyncio.open_connection("127.0.0.1", port)
        status, rest = await ask(too_many)
        again = [(await ask(streams))[0] for streams in kept]
        for _, writer in (*kept, too_many):
            writer.close()

    head, _, body = rest.partition(b"\r\n\r\n")
    assert served == again == [b"HTTP/1.1 200 OK\r\n"] * 2
    assert status == b"HTTP/1.1 503 Service Unavailable\r\n"
    assert {b"Retry-After: 1", b"Connection: close"} <= set(head.splitlines())
    assert json.loads(body)["code"] == "overloaded"
    assert "Too many connections" in json.loads(body)["detail"]


async def test_a_place_is_free_again_once_a_connection_has_gone() -> None:
    """The cap counts what is open, not what was opened."""
    async with port_for(1) as port:
        for _ in range(3):
            streams = await asyncio.open_connection("127.0.0.1", port)
            status, _ = await ask(streams)
            streams[1].close()
            await streams[1].wait_closed()
            await asyncio.sleep(0.01)
            assert status == b"HTTP/1.1 200 OK\r\n"


async def test_who_is_turned_away_and_stays_is_closed_soon() -> None:
    """A client that neither asks nor leaves holds its connection for a moment alone."""
    async with port_for(0) as port, asyncio.timeout(LINGER_MAX_S + 5):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        status = await reader.readline()
        with suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    assert status == b"HTTP/1.1 503 Service Unavailable\r\n"


class Closing(asyncio.Transport):
    """A connection that keeps what is done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data[:12]).decode())

    def abort(self) -> None:
        self.done.append("abort")


@pytest.mark.parametrize(("others", "done"), [(TURNED_AWAY_MAX - 1, ["HTTP/1.1 503"]), (TURNED_AWAY_MAX, ["abort"])])
async def test_even_those_who_are_told_are_no_more_than_so_many(others: int, done: list[str]) -> None:
    """Whoever opens connections without end is closed without a word in the end."""
    transport = Closing()

    TurnedAway({asyncio.Transport() for _ in range(others)}).connection_made(transport)

    assert transport.done == done
