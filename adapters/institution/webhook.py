"""Institutions over HTTP: every request is a POST to the institution's one address, answered in its response."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

import aiohttp

from adapters.http_session import LazySession, answered
from adapters.institution.way import Request
from adapters.webhooks import json_answer
from gateway.service.ports import ReceivingTenant, UnavailableError

CONNECT_TIMEOUT_S: Final = 1.0
"""How long a connection may take, waiting for a free one included."""

REACH_TIMEOUT_S: Final = 2.0
"""How long an institution may take to answer at all."""

CONNECTIONS_MAX: Final = 4_000
"""How many requests may be under way at once: more than are asked and told at once, so that none waits for another
tenant's. How many one institution may hold is bounded by who asks and tells."""

_TAKEN: Final = frozenset({200, 202, 204})


class WebhookWay:
    """Implements `adapters.institution.way.Way`. Use it as a context manager; it connects when first used.

    Whose an answer is, is said by the certificate of who gives it.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._session = LazySession(limit=CONNECTIONS_MAX, tls=tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def reach(self, tenant: ReceivingTenant) -> None:
        """Return if the institution's address answers, whatever it says; see the protocol."""
        assert tenant.institution_url is not None, "who has no address is not asked"
        timeout = aiohttp.ClientTimeout(total=REACH_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._session.opened().head(tenant.institution_url, timeout=timeout, allow_redirects=False):
                return
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error

    async def ask(self, tenant: ReceivingTenant, request: Request, *, within_s: float) -> object:
        """Return the JSON of a response with 200; see the protocol."""
        async with self._posted(tenant, request, within_s=within_s) as response:
            return await json_answer(response, of="the institution")

    async def tell(self, tenant: ReceivingTenant, request: Request, *, within_s: float) -> None:
        """Return after 200, 202 or 204; see the protocol."""
        async with self._posted(tenant, request, within_s=within_s) as response:
            if response.status not in _TAKEN:
                raise UnavailableError(f"the institution answered {response.status}")

    @asynccontextmanager
    async def _posted(
        self, tenant: ReceivingTenant, request: Request, *, within_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; every fault of the world leaves as the port's."""
        assert tenant.institution_url is not None, "who has no address is not asked"
        asking = self._session.opened().post(
            tenant.institution_url,
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(total=within_s, connect=min(within_s, CONNECT_TIMEOUT_S)),
            allow_redirects=False,
        )
        async with answered(asking, by="the institution", within_s=within_s) as response:
            yield response
