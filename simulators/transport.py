"""The participants' way to the rail and back, over HTTP.

It stands in for the real one (IBM MQ queues), and is as asynchronous: a message is acknowledged when the rail has it,
answers are fetched and acknowledged.

``POST /rail/v1/messages``
    Body: a message in the rail's envelope. Headers: ``Rail-Connection-Party`` (FedNow: 9 characters, RTP: 11) and
    ``Rail-Message-Class`` (value, nonvalue, inquiry, system). 202 once it is in the journal, whatever it says: what is
    wrong with a message is answered by a message. 400 where a header is missing, 403 for a connection party that the
    network does not know. Several messages go together as ``application/json``, a list of
    ``{"message_class", "body"}`` (or ``body_base64`` for bytes that are no UTF-8): all are taken, in order, or none.
    Where FedNow signs, the signature is the header ``Rail-Signature``, or the member ``signature``.

``GET /rail/v1/messages?connection_party=…&connection_point=…&max=…&wait=seconds&acknowledge=receipt&acknowledge=…``
    A long poll: 200 with a JSON list of ``{"receipt", "body"}``, empty after `wait` seconds. Bytes that are no UTF-8
    come as ``body_base64`` instead of ``body``; a signature that goes beside a message comes as ``signature``. What is
    not acknowledged within the visibility time comes again. What was saved before can be acknowledged with it: that
    counts at once, however long the poll is open. A party with named connection points says at which it is (403 for
    any other); a disconnected one gets nothing.

``POST /rail/v1/acknowledgements``
    Body: ``{"connection_party": …, "receipts": […]}``. 204, also for receipts that are gone: a repeat is safe.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from iso20022 import ConnectionPartyId
from simulators.outqueue import Waiting
from simulators.service import SERVICE, RailService
from simulators.standing import NO_POINT

PARTY_HEADER: Final = "Rail-Connection-Party"
"""Who is connected."""

CLASS_HEADER: Final = "Rail-Message-Class"
"""The class of queue on which the message was put."""

SIGNATURE_HEADER: Final = "Rail-Signature"
"""What travels beside the message, where the rail signs so."""

MESSAGE_CLASSES: Final = frozenset({"value", "nonvalue", "inquiry", "system"})
"""How the rail separates its traffic (FedNow Operating Procedures v2.1, section 14)."""

WAIT_MAX_S: Final = 60
"""The longest that one poll is held open."""

BATCH_MAX: Final = 1_000
"""The most messages that one poll hands out."""

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
"""The transport's own limit, well above that of the rail, which answers what is too large with an admi.002."""


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    message_class: str
    signature: str | None


async def _take_message(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    party = _known_party(service, request.headers.get(PARTY_HEADER))
    if request.content_type == "application/json":
        taken = _list_of_messages(await _json_of(request))
    else:
        message_class = _known_class(request.headers.get(CLASS_HEADER))
        taken = [_Message(await request.read(), message_class, request.headers.get(SIGNATURE_HEADER))]
    for each in taken:
        service.receive(each.body, connection_party=party, message_class=each.message_class, signature=each.signature)
    return web.Response(status=202)


def _list_of_messages(content: object) -> list[_Message]:
    match content:
        case [*entries] if entries:
            return [_listed(entry) for entry in entries]
        case _:
            raise web.HTTPBadRequest(text='several messages are a list of {"message_class", "body"}')


def _listed(entry: object) -> _Message:
    match entry:
        case {"message_class": str(message_class), "body": str(body), **others}:
            return _Message(body.encode("utf-8", "surrogatepass"), _known_class(message_class), _signature(others))
        case {"message_class": str(message_class), "body_base64": str(encoded), **others}:
            try:
                body_bytes = base64.b64decode(encoded, validate=True)
                return _Message(body_bytes, _known_class(message_class), _signature(others))
            except ValueError as error:
                raise web.HTTPBadRequest(text="body_base64 is no Base64") from error
        case _:
            raise web.HTTPBadRequest(text='each message is {"message_class", "body"}, or has body_base64 instead')


def _signature(entry: Mapping[Any, object]) -> str | None:
    signature = entry.get("signature")
    return signature if isinstance(signature, str) else None


def _known_class(message_class: str | None) -> str:
    if message_class not in MESSAGE_CLASSES:
        raise web.HTTPBadRequest(text=f"{CLASS_HEADER} is one of {', '.join(sorted(MESSAGE_CLASSES))}")
    return message_class


async def _give_messages(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    party = _known_party(service, request.query.get("connection_party"))
    messages_max = _whole_number(request, "max", default=BATCH_MAX, most=BATCH_MAX)
    point = _known_point(service, party, request.query.get("connection_point", NO_POINT))
    service.acknowledge(party, request.query.getall("acknowledge", []))
    waiting = await service.fetch(party, messages_max=messages_max, wait=_wait(request), point=point)
    return web.json_response([_as_json(entry) for entry in waiting])


async def _forget_messages(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    match await _json_of(request):
        case {"connection_party": str(party), "receipts": [*receipts]} if all(
            isinstance(receipt, str) for receipt in receipts
        ):
            service.acknowledge(_known_party(service, party), receipts)
            return web.Response(status=204)
        case _:
            raise web.HTTPBadRequest(text="connection_party and receipts, a list of texts, are required")


ROUTES: Final = (
    web.post("/rail/v1/messages", _take_message),
    web.get("/rail/v1/messages", _give_messages, allow_head=False),
    web.post("/rail/v1/acknowledgements", _forget_messages),
)
"""The routes of this side."""


def _known_party(service: RailService, party: str | None) -> ConnectionPartyId:
    if not party:
        raise web.HTTPBadRequest(text=f"the connection party is required ({PARTY_HEADER} or connection_party)")
    known = ConnectionPartyId(party)
    if not service.knows(known):
        raise web.HTTPForbidden(text="the network does not know this connection party")
    return known


def _known_point(service: RailService, party: ConnectionPartyId, point: str) -> str:
    if not service.has_point(party, point):
        raise web.HTTPForbidden(text=f"{party} has no connection point {point!r}: name one of its own")
    return point


def _whole_number(request: web.Request, name: str, *, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise web.HTTPBadRequest(text=f"{name} is a whole number from 1 on")
    return min(int(text), most)


def _wait(request: web.Request) -> timedelta:
    try:
        wait = timedelta(seconds=float(request.query.get("wait", "0")))
    except (ValueError, OverflowError) as error:
        raise web.HTTPBadRequest(text="wait is a number of seconds") from error
    return min(max(wait, timedelta(0)), timedelta(seconds=WAIT_MAX_S))


async def _json_of(request: web.Request) -> object:
    try:
        content: object = json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is JSON") from error
    return content


def _as_json(waiting: Waiting) -> dict[str, str]:
    entry = {"receipt": waiting.receipt}
    if waiting.signature is not None:
        entry["signature"] = waiting.signature
    try:
        return {**entry, "body": waiting.body.decode()}
    except UnicodeDecodeError:
        return {**entry, "body_base64": base64.b64encode(waiting.body).decode()}
