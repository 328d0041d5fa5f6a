"""The simulator's own face, for tests and people. No real rail has it.

``GET /simulator/v1/messages?uetr=…|message_id=…``
    Every copy of a message that came, counted before any duplicate check, with its time, digest and verdict, and the
    payment it was booked as. Without either, the latest ones.

``GET /simulator/v1/ledger``
    Every entry, each participant's position, and their sum (zero).

``GET /simulator/v1/summary``
    Counts: copies by verdict, payments by status, messages that wait.

``POST /simulator/v1/incoming``
    Payments from the network: ``{"creditor_account": …, …}``, each member optional and those of
    `simulators.forwarding.Order` (``amount`` as text), with ``count``. 201 with the message ids.

``GET /simulator/v1/incoming?message_id=…``
    What became of forwarded payments: every answer with its time, the end, and what was said of the posting. Without
    an id, counts and how long receivers took; ``?after=n`` leaves out the first n.

``GET /simulator/v1/incoming/answers?after=n``
    How long the receiver of each took for the answer that counted, in ms, by message id.

``POST /simulator/v1/return-requests``
    ``{"message_id": …, "reason": …}``: the sender of a forwarded payment asks for its return, ``days_later`` by what it
    says of the settlement; ``unknown``: about a payment that nobody has sent.

``POST /simulator/v1/conversations``
    ``{"kind": "request_for_payment" | "withdrawal" | "information_request", …}`` with the members of
    `simulators.conversations.Asking`, on FedNow also `status_request` and `notification`, on RTP `echo`: the network
    asks a participant, or tells it;
    201 with the message id.

``POST /simulator/v1/participants``
    ``{"services": {"990001203": ["CTRO"], …}, "publish": false}``, each optional: changes what these institutions may
    do (nothing: they take no part in customers' transfers; on RTP they are suspended), and on FedNow sends every
    connection party the participant file, as each day's roll does.

``POST /simulator/v1/attended``
    ``{"institutions": ["990000107", …]}``: these answer for themselves, whoever speaks to them: what one participant
    says to another is relayed (`simulators.relay`). All others are played by the network, as all are at the beginning.

``POST /simulator/v1/faults``
    ``{"drop_answers": n, "delay_answers_s": s, "messages": {"camt.029": {"next": n, "copies": n, "delay_s": s,
    "unreadable": true|false}, …}, "refuse": {"pacs.028": code, …}, "refuse_connections": true|false}``, each optional
    (`simulators.faults`): switches these on and everything else off; answers what is on now.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from iso20022 import MessageId, RoutingNumber
from simulators.book import Book, Copy, PaymentRecord
from simulators.faults import faults_from
from simulators.forwarding import Forwarded
from simulators.orders import answered_ms, orders_from, shown, summary_of
from simulators.service import SERVICE

PREFIX: Final = "/simulator/v1/"
"""Where this side's paths begin."""

LATEST_MAX: Final = 100
"""How many copies are shown where nothing is asked for in particular."""


async def _show_messages(request: web.Request) -> web.Response:
    book = request.app[SERVICE].current_rail().book
    copies = book.copies(message_id=request.query.get("message_id"), uetr=request.query.get("uetr"), limit=LATEST_MAX)
    return web.json_response([_copy_as_json(copy, book) for copy in copies])


async def _show_ledger(request: web.Request) -> web.Response:
    ledger = request.app[SERVICE].current_rail().book.ledger
    return web.json_response(
        {
            "entries": [{**asdict(entry), "at": entry.at.isoformat()} for entry in ledger.entries()],
            "positions": ledger.positions,
            "sum_cents": ledger.sum_cents,
        }
    )


async def _show_summary(request: web.Request) -> web.Response:
    book = request.app[SERVICE].current_rail().book
    return web.json_response(
        {
            "copies": book.next_copy - 1,
            "verdicts": book.verdicts(),
            "payments": Counter(_status_shown(record) for record in book.payments()),
            "waiting": book.waiting(),
            "settlements": len(book.ledger.settlements),
            "sum_cents": book.ledger.sum_cents,
            "faults": asdict(request.app[SERVICE].faults),
        }
    )


async def _order_incoming(request: web.Request) -> web.Response:
    try:
        order, count = orders_from(json.loads(await request.read()))
        forwarded = [request.app[SERVICE].originate(order) for _ in range(count)]
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no such order: {error}") from error
    return web.json_response({"message_ids": [each.message_id for each in forwarded]}, status=201)


async def _request_return(request: web.Request) -> web.Response:
    try:
        message_id, reason, days_later, is_unknown = _asking_from(json.loads(await request.read()))
        request.app[SERVICE].ask_back(message_id, reason, days_later=days_later, is_unknown=is_unknown)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no such request: {error}") from error
    return web.json_response({}, status=201)


async def _ask(request: web.Request) -> web.Response:
    try:
        message_id = request.app[SERVICE].ask(json.loads(await request.read()))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no such request: {error}") from error
    return web.json_response({"message_id": message_id}, status=201)


async def _change_profiles(request: web.Request) -> web.Response:
    try:
        services, publish = _profiles_from(json.loads(await request.read()))
        told = request.app[SERVICE].change_profiles(services, publish=publish)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no such profiles: {error}") from error
    return web.json_response({"told": told})


async def _show_incoming(request: web.Request) -> web.Response:
    book = request.app[SERVICE].current_rail().book
    message_id = request.query.get("message_id")
    if message_id is None:
        return web.json_response(summary_of(_forwarded_after(request, book)))
    record = book.forwarded_with_id(MessageId(message_id))
    if record is None:
        raise web.HTTPNotFound(text="no payment was forwarded under this message id")
    return web.json_response(shown(record))


async def _show_answers(request: web.Request) -> web.Response:
    return web.json_response(answered_ms(_forwarded_after(request, request.app[SERVICE].current_rail().book)))


def _forwarded_after(request: web.Request, book: Book) -> Sequence[Forwarded]:
    after = request.query.get("after", "0")
    if not (after.isascii() and after.isdigit()):
        raise web.HTTPBadRequest(text="after is the number of the last payment that is not counted")
    return book.forwardings()[int(after) :]


async def _attend(request: web.Request) -> web.Response:
    try:
        institutions = _attended_from(json.loads(await request.read()))
        request.app[SERVICE].attend(institutions)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no such institutions: {error}") from error
    return web.json_response({"institutions": sorted(institutions)})


async def _switch_faults(request: web.Request) -> web.Response:
    try:
        faults = faults_from(json.loads(await request.read()))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no such faults: {error}") from error
    request.app[SERVICE].switch_faults(faults)
    return web.json_response(asdict(faults))


ROUTES: Final = (
    web.get(f"{PREFIX}messages", _show_messages),
    web.get(f"{PREFIX}ledger", _show_ledger),
    web.get(f"{PREFIX}summary", _show_summary),
    web.post(f"{PREFIX}faults", _switch_faults),
    web.post(f"{PREFIX}incoming", _order_incoming),
    web.get(f"{PREFIX}incoming", _show_incoming),
    web.get(f"{PREFIX}incoming/answers", _show_answers),
    web.post(f"{PREFIX}return-requests", _request_return),
    web.post(f"{PREFIX}conversations", _ask),
    web.post(f"{PREFIX}participants", _change_profiles),
    web.post(f"{PREFIX}attended", _attend),
)
"""The routes of this side."""


def _asking_from(content: Any) -> tuple[MessageId, str, int, bool]:
    match content:
        case {"message_id": str(message_id), "reason": str(reason), **others}:
            days_later, is_unknown = others.get("days_later", 0), others.get("unknown", False)
            if type(days_later) is int and type(is_unknown) is bool:
                return MessageId(message_id), reason, days_later, is_unknown
        case _:
            pass
    raise ValueError("message_id and reason are texts, days_later counts, unknown is true or false")


def _profiles_from(content: Any) -> tuple[dict[RoutingNumber, tuple[str, ...]], bool]:
    match content:
        case {**members} if members.keys() <= {"services", "publish"}:
            services, publish = members.get("services", {}), members.get("publish", True)
        case _:
            raise ValueError("services by routing number, and whether to publish")
    if type(publish) is not bool or not isinstance(services, dict):
        raise ValueError("services by routing number, and publish is true or false")
    return {RoutingNumber(number): tuple(names) for number, names in services.items()}, publish


def _attended_from(content: Any) -> frozenset[RoutingNumber]:
    match content:
        case {"institutions": [*numbers]} if len(content) == 1 and all(isinstance(each, str) for each in numbers):
            return frozenset(map(RoutingNumber, numbers))
        case _:
            raise ValueError("institutions is a list of routing numbers")


def _status_shown(record: PaymentRecord) -> str:
    return "in_process" if record.settlement_date is None else record.booked.status


def _copy_as_json(copy: Copy, book: Book) -> dict[str, Any]:
    received, judged = copy.received, copy.judged
    shown: dict[str, Any] = {**asdict(received), "at": received.at.isoformat()}
    if judged is not None:
        shown |= asdict(judged)
    record = book.payment_of(received.copy)
    if record is not None:
        shown["payment"] = {
            "behaviour": record.booked.behaviour,
            "status": _status_shown(record),
            "reasons": record.booked.reasons,
            "amount_cents": record.booked.amount.cents,
            "completes_at": record.booked.completes_at.isoformat(),
        }
    return shown
