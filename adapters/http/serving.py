"""Serving the application on a socket, with every bound of the protocol spelled out."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

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
    application: web.Application, *, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve while the context is open; yields the port, which the system chooses when `port` is 0.

    Without `tls` in clear.

    Leaving stops accepting, lets the requests that run be answered (bounded), and closes.

    Raises:
        OSError: the address cannot be had.

    """
    runner = web.AppRunner(application, shutdown_timeout=SHUTDOWN_MAX_S, **SERVER_OPTIONS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
