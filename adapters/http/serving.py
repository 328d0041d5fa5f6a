"""Serving the application on a socket, with every bound of the protocol spelled out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from aiohttp import web

from adapters.http.problems import OVERLOADED, PROBLEM_TYPE, SAFE_TO_REPEAT

LINE_BYTES_MAX: Final = 8_190
"""A request line, or one header: enough for any reference and key."""

HEADERS_MAX: Final = 64
"""Headers of one request; proxies and tracers add a dozen."""

IDLE_MAX_S: Final = 75.0
"""A connection without a whole request head for so long is closed; longer than a load balancer's usual 60 s."""

LINGER_MAX_S: Final = 2.0
"""How long the rest of a refused body is thrown away, so that the client sees the answer rather than a reset."""

SHUTDOWN_MAX_S: Final = 20.0
"""Requests that are being answered get so long when the server stops: more than the longest wait, 15 s."""

BACKLOG: Final = 1_024
"""Connections that wait to be accepted."""

CONNECTIONS_MAX: Final = 10_000
"""Connections that are served at one time: more than 600 clients a second make, each of which waits for its 15 s."""

TURNED_AWAY_MAX: Final = BACKLOG
"""Connections beyond those that are being told so; more are closed without a word."""

SERVER_OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,  # the application records each request itself
    "auto_decompress": False,  # encoded bodies are refused; a compressed bomb is never opened
    "handler_cancellation": False,  # a client that leaves changes nothing: what was begun is brought to its end
    "keepalive_timeout": IDLE_MAX_S,
    "lingering_time": LINGER_MAX_S,
    "max_field_size": LINE_BYTES_MAX,
    "max_headers": HEADERS_MAX,
    "max_line_size": LINE_BYTES_MAX,
}
"""The protocol's options; tests serve with the same."""


@asynccontextmanager
async def serving(
    application: web.Application,
    *,
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
    connections_max: int = CONNECTIONS_MAX,
) -> AsyncIterator[int]:
    """Serve while the context is open; yields the port, which the system chooses when `port` is 0.

    Without `tls` in clear. A connection beyond `connections_max` is answered 503, whatever it asks, and closed.

    Leaving stops accepting, lets the requests that run be answered (bounded), and closes.

    Raises:
        OSError: the address cannot be had.

    """
    runner = web.AppRunner(application, shutdown_timeout=SHUTDOWN_MAX_S, **SERVER_OPTIONS)
    await runner.setup()
    try:
        assert runner.server is not None, "it has been set up"
        door = _Door(runner.server, connections_max=connections_max)
        listening = await asyncio.get_running_loop().create_server(door, host, port, backlog=BACKLOG, ssl=tls)
        try:
            yield int(listening.sockets[0].getsockname()[1])
        finally:
            listening.close()
    finally:
        await runner.cleanup()


class _Door:
    """Makes the protocol of each new connection: the server's own, until so many are open."""

    def __init__(self, server: web.Server, *, connections_max: int) -> None:
        self._server = server
        self._connections_max = connections_max
        self._turned_away: set[asyncio.BaseTransport] = set()

    def __call__(self) -> asyncio.BaseProtocol:
        if len(self._server.connections) < self._connections_max:
            return self._server()
        return TurnedAway(self._turned_away)


class TurnedAway(asyncio.Protocol):
    """A connection that is told that there are too many, and closed once the client has gone, or soon.

    What it sends is thrown away: closed on bytes that nobody has read, it would be reset, and the answer lost.
    """

    def __init__(self, others: set[asyncio.BaseTransport]) -> None:
        self._others = others

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer before it has asked."""
        assert isinstance(transport, asyncio.Transport), "it is a stream's"
        self._transport = transport
        self._others.add(transport)
        if len(self._others) > TURNED_AWAY_MAX:
            transport.abort()
            return
        transport.write(_TOO_MANY)
        asyncio.get_running_loop().call_later(LINGER_MAX_S, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        del exc
        self._others.discard(self._transport)


def _too_many() -> bytes:
    """The answer to a connection too many, as bytes: it is given without the server."""
    document = {
        "type": OVERLOADED.type,
        "code": OVERLOADED.code,
        "status": OVERLOADED.status,
        "title": OVERLOADED.title,
        "detail": f"Too many connections are open; nothing was done. {SAFE_TO_REPEAT}",
        "advice": OVERLOADED.advice,
    }
    body = orjson.dumps(document)
    head = (
        f"HTTP/1.1 {OVERLOADED.status} Service Unavailable",
        f"Content-Type: {PROBLEM_TYPE}",
        f"Content-Length: {len(body)}",
        "Retry-After: 1",
        "Cache-Control: no-store",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode() + body


_TOO_MANY: Final = _too_many()
