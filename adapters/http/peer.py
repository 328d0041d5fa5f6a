"""The way to the other region's gateway: a submission whose key has its home there goes there, as it came.

One round trip on a kept connection. What was surely not sent is refused here with 503; what may have arrived is
answered 202 and pending, until a repeat under the same key hears the home's own answer.
"""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp import web

from adapters.http.headers import ANSWERED_IN, FORWARDED_FROM, NOT_HOME
from adapters.http.problems import DIRECTORY_STALE, NOT_SERVING, OVERLOADED
from adapters.http_session import LazySession
from gateway.domain.payment import RegionId
from gateway.service.ports import NotHomeError, NotSentError, UnavailableError

ANSWER_TIME_S: Final = 5.0
"""How long the home may take beyond what the client said that it would wait."""

CONNECT_TIMEOUT_S: Final = 1.0
"""How long a connection may take, waiting for a free one included: nothing has been sent by then."""

CONNECTIONS_MAX: Final = 256
IDLE_MAX_S: Final = 10.0
"""A kept connection is closed by us before the other side does: a request that meets a closing one is in doubt."""

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024

_TAKEN: Final = ("Accept", "Authorization", "Content-Type", "Idempotency-Key", "Prefer", "X-Api-Key")
_GIVEN: Final = (
    *("Content-Location", "Content-Type", "Idempotency-Replayed", "Location", "Preference-Applied", "Retry-After"),
    "Vary",
)
_NO_ADDRESS: Final = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
_OTHER_KEYS: Final = {401, 403}
_MISDIRECTED: Final = 421
_FAILED: Final = 500
_NOTHING_DONE: Final = frozenset(kind.code for kind in (DIRECTORY_STALE, NOT_SERVING, OVERLOADED))
"""With these the home says that it has done nothing; of any other failure it does not know that itself."""


class Peer:
    """The other region's gateway. Use it as a context manager; it connects when first used."""

    def __init__(self, url: str, *, own: RegionId, tls: ssl.SSLContext | None = None) -> None:
        self._url = url.rstrip("/")
        self._own = own
        self._session = LazySession(
            limit=CONNECTIONS_MAX,
            keepalive_timeout_s=IDLE_MAX_S,
            tls=tls,
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding", "User-Agent"),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def forward(self, request: web.Request, body: bytes, *, home: RegionId, wait_s: int) -> web.Response:
        """Return the home's answer to this request, as it is.

        Raises:
            NotHomeError: certain that the home has nothing of it: it is not the home, or not yet.
            NotSentError: certain that the home has nothing of it.
            UnavailableError: the home may have it; its answer is not known.

        """
        headers = {name: value for name in _TAKEN for value in request.headers.getall(name, ())}
        headers[FORWARDED_FROM] = self._own
        timeout = aiohttp.ClientTimeout(
            total=wait_s + ANSWER_TIME_S, connect=CONNECT_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S
        )
        try:
            async with self._session.opened().post(
                self._url + request.rel_url.raw_path_qs,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                answer = await _whole(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, *_NO_ADDRESS) as error:
            raise NotSentError(f"the other region cannot be reached: {error!r}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnavailableError(f"the other region did not answer: {error!r}") from error
        if response.headers.get(ANSWERED_IN) != home:
            raise UnavailableError(f"something on the way to region {home} answered {response.status}")
        if NOT_HOME in response.headers:
            raise NotHomeError(
                f"region {home} says that it is not the key's home either: the slot is being handed over"
            )
        if response.status in _OTHER_KEYS:
            raise NotSentError(
                f"the other region answered {response.status}: it does not know the API keys of this one"
            )
        if response.status == _MISDIRECTED:
            raise NotSentError("the other region takes what is forwarded at another address: FIFTEEN_PEER_URL")
        if response.status >= _FAILED and _code_of(answer) not in _NOTHING_DONE:
            raise UnavailableError(f"region {home} answered {response.status}, and may have done it")
        given = [(name, value) for name in _GIVEN for value in response.headers.getall(name, ())]
        return web.Response(body=answer, status=response.status, headers=given)


def _code_of(answer: bytes) -> str | None:
    """Return which problem an answer names."""
    try:
        problem = json.loads(answer)
    except ValueError:
        return None
    return problem.get("code") if isinstance(problem, dict) else None


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """Return the answer's body to its end.

    Raises:
        aiohttp.ClientError: it ends before its time, or is too large.

    """
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise aiohttp.ClientPayloadError(f"the answer is larger than {ANSWER_BYTES_MAX:,} bytes")
    return bytes(body)


def mutual_tls(*, authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a connection to the peer needs where both sides show a certificate.

    Raises:
        OSError: a file is not there, or is none (`ssl.SSLError`).

    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def listener_tls(*, authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what the listener for the peer needs: nobody comes in without a certificate of this authority.

    Raises:
        OSError: a file is not there, or is none (`ssl.SSLError`).

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # trusts nobody by itself, the system's authorities included
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    return context
