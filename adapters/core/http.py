"""The core over HTTP, as `docs/core.md` asks an institution to offer it.

``PUT /v1/reservations/{payment id}`` reserves, and answers 200 with ``{"status": "reserved"}``, or with ``{"status":
"refused", "reason_code": …, "text": …}``; ``POST …/post`` and ``POST …/release`` end a reservation with 204, or with
409 where the core knows that it cannot. Every other answer is none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

import aiohttp

from adapters.http_session import LazySession, answered
from gateway.domain.payment import PaymentId
from gateway.service.ports import FundsRefused, Reservation, UnavailableError

TELL_TIMEOUT_S: Final = 5.0
"""How long the core may take to post or release: nobody waits for it."""

CONNECT_TIMEOUT_S: Final = 1.0
"""How long a connection may take, waiting for a free one included."""

CONNECTIONS_MAX: Final = 64
"""How many requests may be under way at once."""

REASON_CHARACTERS_MAX: Final = 35
"""The longest reason code that ISO 20022 knows (a proprietary one)."""

TEXT_CHARACTERS_MAX: Final = 105
"""How much of the core's words is kept: as much as ISO 20022 carries beside a reason."""

_OK: Final = 200
_DONE: Final = 204
_CANNOT: Final = 409
_QUOTED_MAX: Final = 200


class HttpCore:
    """Implements `gateway.service.ports.Core`. Use it as a context manager; it connects when first used.

    Repeating is safe, and aiohttp may do it by itself where a kept connection had been closed: a PUT under the same id
    is the same reservation.
    """

    def __init__(self, base_url: str, *, token: str | None, tell_timeout_s: float = TELL_TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._tell_timeout_s = tell_timeout_s
        self._session = LazySession(limit=CONNECTIONS_MAX)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def reserve(self, reservation: Reservation, *, within_s: float) -> FundsRefused | None:
        """Have the money held; see the port."""
        content = {
            "tenant_id": reservation.tenant_id,
            "rail": reservation.rail.value,
            "amount": {"value": reservation.amount.text, "currency": "USD"},
            "debtor_agent": reservation.debtor_agent,
            "debtor_account": reservation.debtor_account.reveal(),
            "end_to_end_id": reservation.end_to_end_id,
            "uetr": reservation.uetr,
        }
        path = f"/v1/reservations/{reservation.payment_id}"
        async with self._request("PUT", path, content, timeout_s=within_s) as response:
            if response.status != _OK:
                raise await _no_answer(response)
            try:
                answer: object = await response.json()
            except ValueError as error:
                raise UnavailableError("the core's answer is no JSON") from error
        match answer:
            case {"status": "reserved"}:
                return None
            case {"status": "refused", "reason_code": str(code), "text": str(text)} if _is_code(code):
                return FundsRefused(code, text[:TEXT_CHARACTERS_MAX])
            case {"status": "refused", "reason_code": str(code)} if _is_code(code):
                return FundsRefused(code)
            case _:
                raise UnavailableError("the core's answer is neither reserved nor refused with a reason_code")

    async def post(self, payment_id: PaymentId) -> None:
        """Tell of the settlement; see the port."""
        await self._end(payment_id, "post")

    async def release(self, payment_id: PaymentId) -> None:
        """Tell of the rejection; see the port."""
        await self._end(payment_id, "release")

    async def _end(self, payment_id: PaymentId, how: str) -> None:
        path = f"/v1/reservations/{payment_id}/{how}"
        async with self._request("POST", path, None, timeout_s=self._tell_timeout_s) as response:
            if response.status == _CANNOT:
                raise LookupError(f"the core cannot {how} {payment_id}: {await _quoted(response)}")
            if response.status != _DONE:
                raise await _no_answer(response)

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, content: Mapping[str, object] | None, *, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request; every fault of the world leaves as the port's."""
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        asking = self._session.opened().request(
            method,
            self._base_url + path,
            json=content,
            headers=self._headers,
            timeout=timeout,
            allow_redirects=False,
        )
        async with answered(asking, by="the core", within_s=timeout_s) as response:
            yield response


def _is_code(text: str) -> bool:
    return 0 < len(text) <= REASON_CHARACTERS_MAX


async def _no_answer(response: aiohttp.ClientResponse) -> UnavailableError:
    return UnavailableError(f"the core answered {response.status}: {await _quoted(response)}")


async def _quoted(response: aiohttp.ClientResponse) -> str:
    return (await response.content.read(_QUOTED_MAX)).decode(errors="replace")
