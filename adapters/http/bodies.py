"""Bodies of requests, bounded in bytes and in time; nothing is decompressed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import HttpVersion11, web

from adapters.http.api import HttpLimits
from adapters.http.problems import (
    BODY_INCOMPLETE,
    BODY_TOO_LARGE,
    EXPECTATION_FAILED,
    REQUEST_TIMEOUT,
    UNSUPPORTED_CONTENT_ENCODING,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemError,
)

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_ECHO_MAX: Final = 80
"""Characters of a client's header that are quoted back to it."""


def require_type(request: web.Request, is_taken: Callable[[str], bool], *, taken: str) -> None:
    """Return if the body's type is one that `is_taken`, and the body is not encoded.

    Raises:
        ProblemError: 415.

    """
    headers = request.headers
    content_type = headers.get("Content-Type", "")
    if not is_taken(content_type):
        said = f"It says {content_type[:_ECHO_MAX]!r}." if content_type else "It has no Content-Type."
        raise ProblemError(
            UNSUPPORTED_MEDIA_TYPE, f"The body must be {taken}, in UTF-8. {said}", headers={"Accept-Post": taken}
        )
    encoding = headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise ProblemError(
            UNSUPPORTED_CONTENT_ENCODING,
            f"The body is encoded as {encoding[:_ECHO_MAX]!r}.",
            headers={"Accept-Encoding": "identity"},
        )


async def read_body(request: web.Request, limits: HttpLimits) -> bytes:
    """Return the whole body. What a client announces as too large is refused before it is sent.

    Raises:
        ProblemError: 400, 408, 413 or 417.

    """
    declared = request.content_length
    if declared is not None and declared > limits.body_bytes_max:
        raise _too_large(limits, b"")
    if "Expect" in request.headers:
        await _invite(request)
    chunks: list[bytes] = []
    left = limits.body_bytes_max
    try:
        async with asyncio.timeout(limits.body_time_max_s):
            while chunk := await request.content.readany():
                chunks.append(chunk)
                left -= len(chunk)
                if left < 0:
                    raise _too_large(limits, b"".join(chunks))
    except TimeoutError:
        detail = f"The body had {limits.body_time_max_s:g} seconds to arrive."
        raise ProblemError(REQUEST_TIMEOUT, detail, received=b"".join(chunks), closes=True) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        detail = "The body ended before its time, or its chunks cannot be read."
        raise ProblemError(BODY_INCOMPLETE, detail, received=b"".join(chunks), closes=True) from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def leave_expectation(request: web.Request) -> None:
    """Postpone the answer to ``Expect``: a body that will be refused is never invited (RFC 9110 section 10.1.1)."""


async def _invite(request: web.Request) -> None:
    expectation = request.headers["Expect"]
    if expectation.lower() != "100-continue":
        raise ProblemError(EXPECTATION_FAILED, f"Expect: {expectation[:_ECHO_MAX]!r} is not known.", closes=True)
    if request.version == HttpVersion11:
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0


def _too_large(limits: HttpLimits, received: bytes) -> ProblemError:
    detail = f"A body has at most {limits.body_bytes_max} bytes."
    return ProblemError(BODY_TOO_LARGE, detail, received=received, closes=True)
