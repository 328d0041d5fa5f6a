"""HTTP/1.1 as load generators speak it: kept-alive connections, bytes prepared beforehand, nothing repeated.

A client library costs more CPU per request than the gateway under test has to spare on a small machine; this one writes
what it is given, and reads status, length and body.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, cast

ANSWER_BYTES_MAX: Final = 1_000_000
"""A head, or a body, past this is no answer of ours."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Status and body of an answer, and how long to wait before the next request, where it says so (Retry-After)."""

    status: int
    body: bytes
    retry_after_s: int = 0


class BrokenOffError(Exception):
    """The connection could not be made, or ended before the answer was whole: what was sent may have been read."""


def get(path: str, *, api_key: str) -> bytes:
    """Return the bytes of a request that asks."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api_key}\r\n"
    return f"{head}Accept: application/json\r\n\r\n".encode()


def post(path: str, body: bytes, *, content_type: str, api_key: str, wait_s: int = 0, key: str | None = None) -> bytes:
    """Return the bytes of a request that submits `body`, under `key` where the body does not name its own."""
    prefer = f"Prefer: wait={wait_s}\r\n" if wait_s else ""
    prefer += f"Idempotency-Key: {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api_key}\r\n"
        f"Content-Type: {content_type}\r\nAccept: application/json\r\n{prefer}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


CONNECTIONS_MAX: Final = 400
"""Connections to one port; who comes when all are busy waits for one, and that counts in its latency."""


class Connections:
    """Connections to one port of 127.0.0.1, each with one request at a time, opened when all others are busy."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)
        self._idle: deque[_Connection] = deque()
        self._all: set[_Connection] = set()

    async def ask(self, request: bytes) -> Answered:
        """Send a request and return its answer; never sends it twice.

        Raises:
            BrokenOffError: no whole answer came.

        """
        async with self._free:
            connection = self._take() or await self._open()
            try:
                answered = await connection.ask(request)
            except BaseException:
                self._drop(connection)
                raise
            if connection.is_open:
                self._idle.append(connection)
            else:
                self._drop(connection)
            return answered

    def close(self) -> None:
        """Close every connection."""
        for connection in tuple(self._all):
            self._drop(connection)

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            self._drop(connection)
        return None

    async def _open(self) -> _Connection:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self._port)
        except OSError as error:
            raise BrokenOffError(str(error)) from error
        self._all.add(connection)
        return connection

    def _drop(self, connection: _Connection) -> None:
        self._all.discard(connection)
        connection.close()


class _Connection(asyncio.Protocol):
    """One connection; at most one request is under way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[Answered] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answered:
        assert self._answer is None, "one request at a time"
        if self._transport is None or self._transport.is_closing():
            raise BrokenOffError("closed before it was used")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own classes are none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(f"the connection ended: {exc}")

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end >= 0:
            self._read(head_end)
        elif len(self._received) > ANSWER_BYTES_MAX:
            self.close()

    def _read(self, head_end: int) -> None:
        head = bytes(self._received[:head_end]).lower()
        length = _number_in(head, b"content-length:")
        end = head_end + 4 + length
        if length > ANSWER_BYTES_MAX:
            self.close()
        if len(self._received) < end or self._answer is None:
            return
        retry_after_s = _number_in(head, b"retry-after:")
        answered = Answered(int(head[9:12]), bytes(self._received[head_end + 4 : end]), retry_after_s)
        del self._received[:end]
        answer, self._answer = self._answer, None
        if b"connection: close" in head:
            self.close()
        if not answer.done():
            answer.set_result(answered)

    def _fail(self, why: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(BrokenOffError(why))


def _number_in(head: bytes, field: bytes) -> int:
    """The number that a field of a head, in small letters, holds; 0 where there is no such field."""
    _, found, rest = head.partition(field)
    return int(rest.partition(b"\r\n")[0]) if found else 0
