"""The way to a rail over HTTP, as the simulators speak it: messages are posted, answers fetched by long poll."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from adapters.http_session import LazySession
from gateway.service.ports import MessageClass, NotSentError, RailDelivery, UnavailableError
from gateway.service.supervise import Verdict

CONNECT_TIMEOUT_S: Final = 2.0
"""How long a connection may take, waiting for a free one included: a rail on a private line answers in milliseconds."""

SEND_TIMEOUT_S: Final = 5.0
"""How long the rail may take to acknowledge a message: what is longer is better asked about than waited for."""

POLL_MARGIN_S: Final = 5.0
"""How much longer than it was asked to wait the rail may hold a poll open."""

IDLE_CONNECTION_S: Final = 15.0
"""How long an idle connection is kept: well below the rail's own limit (75 s), so that we are the one to close it."""

CONNECTIONS_MAX: Final = 64
"""How many requests may be under way at once; beyond it they wait for a connection, unsent."""

WRITTEN_AT_ONCE_MAX: Final = 256 * 1024
"""Bytes of a message that are written in one piece: more would hold up the loop."""

BATCH_BYTES_MAX: Final = 128 * 1024
"""Messages that are sent at the same moment share a request, up to so many bytes; a larger one goes alone."""

RIDING_MAX: Final = 200
"""Receipts that go with a fetch, in its query; more go by themselves."""

PARTY_HEADER: Final = "Rail-Connection-Party"
"""Who we are on the rail."""

CLASS_HEADER: Final = "Rail-Message-Class"
"""The class of queue on which a message is put."""

SIGNATURE_HEADER: Final = "Rail-Signature"
"""What travels beside a message, where the rail signs so (docs/signatures.md)."""

_ACCEPTED: Final = 202
_OK: Final = frozenset({200, 204})


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    message_class: MessageClass
    signature: str | None


@dataclass(slots=True, eq=False)
class _Batch:
    """Messages that leave together, and what became of them: None, or the fault that they share."""

    sent: asyncio.Future[Exception | None]
    messages: list[_Message] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True, eq=False)
class _Acknowledgement:
    """Receipts to be acknowledged; ``taken`` is there once a fetch has taken them along, and says how that ended."""

    receipts: Sequence[str]
    taken: asyncio.Future[Exception | None] | None = None


class HttpRailLink:
    """A RailLink over a pool of kept-alive connections. Use it as a context manager; it connects when first used.

    Decisions that were committed together send at the same moment: what is handed over in one turn of the loop shares
    a request, and its fate. Whoever is cancelled while it sends takes nobody with it. What is acknowledged in the turn
    in which a fetch has begun goes with that, and is certain when the fetch has its answer.

    It never sends a message twice. aiohttp itself repeats a request whose kept-alive connection turned out closed, but
    only for idempotent methods, and a message is a POST; redirects are not followed. A message that was written to a
    connection which the rail had just closed may or may not have been read: `UnavailableError`, never `NotSentError`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connection_party: str,
        connection_point: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._connection_party = connection_party
        self._connection_point = connection_point
        self._connect_timeout_s = connect_timeout_s
        self._send_timeout_s = send_timeout_s
        self._session = LazySession(limit=CONNECTIONS_MAX, keepalive_timeout_s=IDLE_CONNECTION_S)
        self._gathering: _Batch | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._acknowledging: list[_Acknowledgement] = []
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._sending:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        await self.close()

    async def send(self, body: bytes, *, message_class: MessageClass, signature: str | None = None) -> None:
        """Hand a message to the rail, and its signature beside it; returns once it is acknowledged. Never repeats.

        Raises:
            NotSentError: no connection was made, so no byte has left.
            UnavailableError: the rail may have it: no acknowledgement came, or it was not 202.

        """
        batch = self._gathering
        if batch is None or batch.size + len(body) > BATCH_BYTES_MAX:
            batch = self._gathering = _Batch(asyncio.get_running_loop().create_future())
            task = self._group.create_task(self._send_batch(batch))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        batch.messages.append(_Message(body, message_class, signature))
        batch.size += len(body)
        fault = await asyncio.shield(batch.sent)
        if fault is not None:
            raise type(fault)(*fault.args) from fault

    async def _send_batch(self, batch: _Batch) -> None:
        """Send what has gathered: this begins in the loop's next turn."""
        if self._gathering is batch:
            self._gathering = None
        verdict = Verdict()
        fault: Exception | None = UnavailableError("the link was closed while it sent")
        try:
            async with verdict:
                await self._post(batch.messages)
            fault = verdict.fault
        finally:
            batch.sent.set_result(fault)

    async def _post(self, messages: Sequence[_Message]) -> None:
        headers = {PARTY_HEADER: self._connection_party, "Content-Type": "application/json"}
        data: bytes | BytesIO
        if len(messages) == 1:
            message, *_ = messages
            headers |= {CLASS_HEADER: message.message_class, "Content-Type": "application/xml"}
            if message.signature is not None:
                headers[SIGNATURE_HEADER] = message.signature
            data = _payload(message.body)
        else:
            data = json.dumps([_entry(message) for message in messages]).encode()
        async with self._request(
            "POST", "/rail/v1/messages", timeout_s=self._send_timeout_s, data=data, headers=headers
        ) as response:
            await _demand(response, {_ACCEPTED})

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, waiting up to `wait_s` for a first one.

        Raises:
            UnavailableError: the rail cannot be reached, or what it says cannot be understood.

        """
        await asyncio.sleep(0)  # what is acknowledged in this turn goes along
        riding = self._take_along()
        fault: Exception | None = UnavailableError("the fetch that it went with was given up")
        try:
            deliveries = await self._fetch(messages_max, wait_s, [each for _, receipts in riding for each in receipts])
            fault = None
        except UnavailableError as error:
            fault = error
            raise
        finally:
            for taken, _ in riding:
                if not taken.done():  # nobody waits for it any more
                    taken.set_result(fault)
        return deliveries

    def _take_along(self) -> Sequence[tuple[asyncio.Future[Exception | None], Sequence[str]]]:
        """The receipts that wait to be acknowledged, as many as a query holds, and who is to be told how that ended."""
        riding: list[tuple[asyncio.Future[Exception | None], Sequence[str]]] = []
        count = 0
        for each in [waiting for waiting in self._acknowledging if waiting.taken is None]:
            count += len(each.receipts)
            if count > RIDING_MAX:
                break
            each.taken = asyncio.get_running_loop().create_future()
            riding.append((each.taken, each.receipts))
        return riding

    async def _fetch(self, messages_max: int, wait_s: float, saved: Sequence[str]) -> Sequence[RailDelivery]:
        query = [("connection_party", self._connection_party), ("max", str(messages_max)), ("wait", str(wait_s))]
        if self._connection_point is not None:
            query.append(("connection_point", self._connection_point))
        query += [("acknowledge", receipt) for receipt in saved]
        async with self._request(
            "GET", "/rail/v1/messages", timeout_s=wait_s + POLL_MARGIN_S, params=query
        ) as response:
            await _demand(response, _OK)
            try:
                entries: object = await response.json()
            except ValueError as error:
                raise UnavailableError("the rail's answer is no JSON") from error
        if not isinstance(entries, list):
            raise UnavailableError("the rail's answer is no list of messages")
        return [_delivery(entry) for entry in entries]

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Tell the rail that these are saved; a repeat is safe.

        Raises:
            UnavailableError: not certain; they may come again.

        """
        waiting = _Acknowledgement(receipts)
        self._acknowledging.append(waiting)
        try:
            await asyncio.sleep(0)
        finally:
            self._acknowledging.remove(waiting)
        if waiting.taken is None:
            await self._acknowledge(receipts)
        elif (fault := await waiting.taken) is not None:
            raise UnavailableError(f"the acknowledgement went with a fetch: {fault}") from fault

    async def _acknowledge(self, receipts: Sequence[str]) -> None:
        content = {"connection_party": self._connection_party, "receipts": list(receipts)}
        async with self._request(
            "POST", "/rail/v1/acknowledgements", timeout_s=self._send_timeout_s, json=content
        ) as response:
            await _demand(response, _OK)

    async def check(self) -> None:
        """Return if the rail can be reached now.

        Raises:
            UnavailableError: it cannot.

        """
        async with self._request("GET", "/healthz", timeout_s=self._send_timeout_s) as response:
            await _demand(response, _OK)

    async def close(self) -> None:
        """Close every connection; a repeat is safe, and a later use opens new ones."""
        await self._session.close()

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        *,
        timeout_s: float,
        data: bytes | BytesIO | None = None,
        json: object = None,
        params: Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request, its answer read inside the context; every fault of the world leaves as one of the port's."""
        try:
            async with self._session.opened().request(
                method,
                self._base_url + path,
                data=data,
                json=json,
                params=params,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s, connect=self._connect_timeout_s),
                allow_redirects=False,
            ) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(f"no connection to the rail: {error}") from error
        except TimeoutError as error:
            raise UnavailableError(f"the rail did not answer within {timeout_s} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"the rail broke off: {error!r}") from error


def _payload(body: bytes) -> bytes | BytesIO:
    """What is posted: aiohttp writes bytes at once, and a file of them in pieces, so that others have their turn."""
    return body if len(body) <= WRITTEN_AT_ONCE_MAX else BytesIO(body)


def _entry(message: _Message) -> Mapping[str, str]:
    """One message of a list, as text where it is text."""
    entry = {"message_class": str(message.message_class)}
    if message.signature is not None:
        entry["signature"] = message.signature
    try:
        return {**entry, "body": message.body.decode()}
    except UnicodeDecodeError:
        return {**entry, "body_base64": base64.b64encode(message.body).decode()}


async def _demand(response: aiohttp.ClientResponse, statuses: Collection[int]) -> None:
    if response.status not in statuses:
        reason = (await response.content.read(_REASON_BYTES_MAX)).decode(errors="replace")
        raise UnavailableError(f"the rail answered {response.status}: {reason}")


_REASON_BYTES_MAX: Final = 500
"""How much of a refusal is quoted."""


def _delivery(entry: object) -> RailDelivery:
    match entry:
        case {"receipt": str(receipt), "body": str(body), **others}:
            return RailDelivery(receipt, body.encode("utf-8", "surrogatepass"), _signature(others))
        case {"receipt": str(receipt), "body_base64": str(encoded), **others}:
            return RailDelivery(receipt, _decoded(encoded), _signature(others))
        case _:
            raise UnavailableError("the rail handed out something that is no message")


def _signature(entry: Mapping[Any, object]) -> str | None:
    """What came beside a message; anything but text is nothing, which does not verify where a signature is wanted."""
    signature = entry.get("signature")
    return signature if isinstance(signature, str) else None


def _decoded(encoded: str) -> bytes:
    """What Base64 holds, or the text itself where it is none: whoever reads it finds no message, and keeps it."""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return encoded.encode("utf-8", "surrogatepass")
