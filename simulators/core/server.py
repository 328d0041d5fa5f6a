"""The core simulator as a process: `simulators.core.books` behind HTTP on the loopback interface.

``PUT /v1/reservations/{id}``
    ``{"amount": {"value": "51.74", "currency": "USD"}, "debtor_account": …, …}``: 200 with ``{"status": "reserved"}``,
    or with ``{"status": "refused", "reason_code": …, "text": …}``; 409 where the id holds something else.

``POST /v1/reservations/{id}/post``, ``POST /v1/reservations/{id}/release``
    204, also when repeated; 409 where the money is not held any more, or has left.

``POST /v1/incoming-transfers``
    The institution's address for signed webhooks: it is asked whether an incoming payment is accepted, told to post it,
    or told that it did not come; see `simulators.core.incoming`.

    Over a queue the same comes and goes as `simulators.core.queue` says, where a broker is named.

``GET /simulator/v1/incoming``
    What was asked, told and credited, by the transfer's id; and ``answered_ms``, how long each question was in hand:
    from when the request was here until its answer was ready to be written.

``GET /simulator/v1/summary``, ``POST /simulator/v1/faults``
    For tests and people: counts; and ``{"refuse_connections": true|false, "lose_answers": n}``, each optional: a lost
    answer has had its effect.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from iso20022 import Amount
from simulators.clock import SystemClock
from simulators.core.books import SILENT, Books, CannotError, CoreSimulatorSettings, Held, Standing
from simulators.core.incoming import IncomingBooks, is_signed, reply_to
from simulators.core.queue import taking_from_queues

PREFIX: Final = "/simulator/"
"""Where the paths for tests and people begin."""

_CLOCK: Final = SystemClock()
_MS: Final = 1_000


@dataclass(slots=True)
class Faults:
    """What is switched on."""

    refuse_connections: bool = False
    lose_answers: int = 0


BOOKS: Final = web.AppKey("BOOKS", Books)
FAULTS: Final = web.AppKey("FAULTS", Faults)
INCOMING: Final = web.AppKey("INCOMING", IncomingBooks)


def build_application(settings: CoreSimulatorSettings) -> web.Application:
    """The simulator as an aiohttp application."""
    application = web.Application(middlewares=[_guarded])
    application[BOOKS], application[FAULTS] = Books(settings), Faults()
    application[INCOMING] = IncomingBooks()
    application.add_routes(
        [
            web.put("/v1/reservations/{id}", _reserve),
            web.post("/v1/reservations/{id}/post", _post),
            web.post("/v1/reservations/{id}/release", _release),
            web.post("/v1/incoming-transfers", _incoming),
            web.get("/simulator/v1/incoming", _show_incoming),
            web.get("/simulator/v1/summary", _summary),
            web.post("/simulator/v1/faults", _switch_faults),
            web.get("/healthz", _health),
        ]
    )
    return application


@asynccontextmanager
async def serving(settings: CoreSimulatorSettings) -> AsyncIterator[str]:
    """Serve while the context is open; yields the base URL, with the port that was really taken."""
    application = build_application(settings)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        async with AsyncExitStack() as stack:
            if settings.amqp_url is not None:
                await stack.enter_async_context(taking_from_queues(settings, application[INCOMING]))
            await web.TCPSite(runner, settings.host, settings.port).start()
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def run(settings: CoreSimulatorSettings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `on_ready` is told the base URL once requests are taken."""
    async with serving(settings) as base_url:
        on_ready(base_url)
        await asyncio.Event().wait()


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse whoever has no token, and lose what a test wants lost."""
    if request.path.startswith(PREFIX):
        return await handler(request)
    faults, token = request.app[FAULTS], request.app[BOOKS].settings.token
    if faults.refuse_connections:
        raise web.HTTPServiceUnavailable(text="connections are refused on demand")
    if token is not None and request.path != "/healthz" and request.headers.get("Authorization") != f"Bearer {token}":
        raise web.HTTPUnauthorized(text="the bearer token is missing, or another")
    response = await handler(request)
    if faults.lose_answers > 0 and request.path != "/healthz":
        faults.lose_answers -= 1
        assert request.transport is not None, "a request that is answered has a connection"
        request.transport.abort()
    return response


async def _reserve(request: web.Request) -> web.Response:
    match await _json_of(request):
        case {"amount": {"value": str(value), "currency": "USD"}, "debtor_account": str(account)} if account:
            amount_cents = _cents(value)
        case _:
            raise web.HTTPBadRequest(text="amount (value, currency USD) and debtor_account are required")
    if account.endswith(SILENT):
        await asyncio.Event().wait()
    with _answered():
        held = request.app[BOOKS].reserve(request.match_info["id"], account=account, amount_cents=amount_cents)
    return web.json_response(_as_json(held))


async def _post(request: web.Request) -> web.Response:
    with _answered():
        request.app[BOOKS].post(request.match_info["id"])
    return web.Response(status=204)


async def _release(request: web.Request) -> web.Response:
    with _answered():
        request.app[BOOKS].release(request.match_info["id"])
    return web.Response(status=204)


async def _incoming(request: web.Request) -> web.Response:
    arrived_s, body, books = _CLOCK.monotonic_s(), await request.read(), request.app[INCOMING]
    _demand_signature(request, body)
    try:
        reply = reply_to(books, await _json_of(request), request_id=request.headers.get("webhook-id", ""))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"amount: {error}") from error
    if reply is None:
        raise web.HTTPBadRequest(text="nothing is known of this webhook")
    if reply.after_s is None:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(reply.after_s)
    response = (
        web.Response(status=204) if reply.status == 204 else web.json_response(reply.content, status=reply.status)
    )
    if reply.question is not None:
        books.answered_ms.setdefault(reply.question, (_CLOCK.monotonic_s() - arrived_s) * _MS)
    return response


def _demand_signature(request: web.Request, body: bytes) -> None:
    secret, headers = request.app[BOOKS].settings.webhook_secret, request.headers
    if secret is not None and not is_signed(
        secret,
        webhook_id=headers.get("webhook-id", ""),
        timestamp=headers.get("webhook-timestamp", ""),
        signature=headers.get("webhook-signature", ""),
        body=body,
    ):
        raise web.HTTPUnauthorized(text="the webhook's signature is missing, or does not hold")


async def _show_incoming(request: web.Request) -> web.Response:
    return web.json_response(request.app[INCOMING].summary())


async def _summary(request: web.Request) -> web.Response:
    return web.json_response(request.app[BOOKS].summary())


async def _switch_faults(request: web.Request) -> web.Response:
    faults = request.app[FAULTS]
    match await _json_of(request):
        case {**wanted} if wanted.keys() <= {"refuse_connections", "lose_answers"}:
            faults.refuse_connections = wanted.get("refuse_connections") is True
            lost = wanted.get("lose_answers", 0)
            faults.lose_answers = lost if isinstance(lost, int) else 0
        case _:
            raise web.HTTPBadRequest(text="known are refuse_connections and lose_answers")
    return web.json_response({"refuse_connections": faults.refuse_connections, "lose_answers": faults.lose_answers})


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _json_of(request: web.Request) -> object:
    try:
        content: object = json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is JSON") from error
    return content


def _cents(value: str) -> int:
    try:
        return Amount.parse(value).cents
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"amount: {error}") from error


def _as_json(held: Held) -> dict[str, object]:
    if held.standing in {Standing.RESERVED, Standing.POSTED}:
        return {"status": "reserved"}
    return {"status": "refused", "reason_code": held.reason_code, "text": held.text}


@contextmanager
def _answered() -> Iterator[None]:
    """What contradicts what was done is a 409."""
    try:
        yield
    except CannotError as error:
        raise web.HTTPConflict(text=str(error)) from error
