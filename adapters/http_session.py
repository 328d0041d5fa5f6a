"""The client side of HTTP, as every adapter that asks somebody over it needs it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp

from gateway.service.ports import UnavailableError


class LazySession:
    """An aiohttp session that is made inside the running loop when it is first needed, and anew after `close`.

    It keeps no cookies. `limit` is how many requests may be under way at once; beyond it they wait for a connection.
    """

    def __init__(
        self, *, limit: int, keepalive_timeout_s: float = 15.0, tls: ssl.SSLContext | None = None, **options: Any
    ) -> None:
        self._limit = limit
        self._keepalive_timeout_s = keepalive_timeout_s
        self._tls = tls
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    def opened(self) -> aiohttp.ClientSession:
        """Return the session."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=self._limit,
                keepalive_timeout=self._keepalive_timeout_s,
                ssl=True if self._tls is None else self._tls,
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), **self._options
            )
        return self._session

    async def close(self) -> None:
        """Close every connection; a repeat is safe."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


@asynccontextmanager
async def answered(
    asking: AbstractAsyncContextManager[aiohttp.ClientResponse], *, by: str, within_s: float
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Hand out the answer to a request; `by` is who gives it.

    Raises:
        UnavailableError: there is none, whatever the world did.

    """
    try:
        async with asking as response:
            yield response
    except TimeoutError as error:
        raise UnavailableError(f"{by} did not answer within {within_s:.2f} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UnavailableError(f"{by} cannot be reached: {error!r}") from error
