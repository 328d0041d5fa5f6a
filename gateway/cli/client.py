"""A small client of our own API, for the commands."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

ANSWER_MARGIN_S: Final = 10.0
"""How much longer than the server was asked to wait we wait for its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered: the status code and the JSON document."""

    status: int
    document: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether there is a payment, final or not."""
        return self.status in {200, 202}


class GatewayClient:
    """Talks to one gateway as one tenant; an async context manager."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def send_message(self, body: bytes, *, wait_s: int) -> Answer:
        """Send an ISO 20022 message; its message id is the idempotency key, so that a repeat is safe."""
        return await self._request(
            "POST", "/v1/messages", wait_s=wait_s, data=body, headers={"Content-Type": "application/xml"}
        )

    async def send_payment(self, payment: dict[str, Any], *, key: str, wait_s: int) -> Answer:
        """Send a payment as JSON under a key; a repeat under the same key is safe."""
        return await self._request(
            "POST", "/v1/payments", wait_s=wait_s, json=payment, headers={"Idempotency-Key": key}
        )

    async def payment(self, reference: str) -> Answer:
        """Ask for a payment by its id, UETR or end-to-end id."""
        return await self._request("GET", f"/v1/payments/{reference}", wait_s=0)

    async def _request(
        self, method: str, path: str, *, wait_s: int, headers: dict[str, str] | None = None, **content: Any
    ) -> Answer:
        assert self._session is not None, "the client is used inside its context"
        sent = dict(headers or {})
        if wait_s > 0:
            sent["Prefer"] = f"wait={wait_s}"
        timeout = aiohttp.ClientTimeout(total=wait_s + ANSWER_MARGIN_S)
        async with self._session.request(
            method, self._url + path, headers=sent, timeout=timeout, **content
        ) as response:
            return Answer(response.status, await response.json(content_type=None))
