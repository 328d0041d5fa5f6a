"""A simulator as a process: a rail in memory behind HTTP on the loopback interface.

The participants' side is in `simulators.transport` and, over a broker's queues, in `simulators.amqp`; the one for tests
and people in `simulators.control` and `simulators.clock_control`.
``GET /healthz`` answers 200 with ``{"status": "ok"}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, nullcontext
from datetime import datetime
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from simulators import clock_control, control, transport
from simulators.clock import Clock, SystemClock, clock_after
from simulators.facts import Fact
from simulators.journal import Journal, JournalFile, NoJournal
from simulators.rail import SimulatedRail, SimulatorSettings
from simulators.service import SERVICE, RailService

SHUTDOWN_S: Final = 2
"""How long open requests may take to end at shutdown; polls end at once."""

IDLE_CONNECTION_S: Final = 75
"""How long an idle connection is kept: well above a client's own limit, so that it is the client that closes it."""


class MakeRail(Protocol):
    """Makes a rail anew from a journal's facts."""

    def __call__(self, journal: Journal, *, started_at: datetime, facts: Iterable[Fact]) -> SimulatedRail:
        """Return the rail, begun to run at `started_at`."""
        ...


def build_application(
    settings: SimulatorSettings, make_rail: MakeRail, *, clock: Clock | None = None
) -> web.Application:
    """The simulator as an aiohttp application; its rail is made, and its journal read, when it starts."""
    application = web.Application(middlewares=[_refuse_on_demand], client_max_size=transport.BODY_BYTES_MAX)
    application.cleanup_ctx.append(_open_rail(settings, make_rail, clock or SystemClock()))
    application.on_shutdown.append(_end_polls)
    application.add_routes(transport.ROUTES)
    application.add_routes(control.ROUTES)
    application.add_routes(clock_control.ROUTES)
    application.router.add_get("/healthz", _health)
    return application


@asynccontextmanager
async def serving(
    settings: SimulatorSettings, make_rail: MakeRail, *, clock: Clock | None = None
) -> AsyncIterator[str]:
    """Serve while the context is open; yields the base URL, with the port that was really taken."""
    runner = web.AppRunner(
        build_application(settings, make_rail, clock=clock),
        access_log=None,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=IDLE_CONNECTION_S,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        async with _over_amqp(settings, runner.app[SERVICE]):
            yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def run(
    settings: SimulatorSettings, make_rail: MakeRail, *, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve until cancelled; `on_ready` is told the base URL once requests are taken."""
    async with serving(settings, make_rail) as base_url:
        if on_ready is not None:
            on_ready(base_url)
        await asyncio.Event().wait()


def _open_rail(
    settings: SimulatorSettings, make_rail: MakeRail, clock: Clock
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def opened(application: web.Application) -> AsyncIterator[None]:
        with nullcontext() if settings.journal is None else closing(JournalFile(settings.journal)) as file:
            facts = file.load() if file else []
            rail_clock = clock_after(facts, clock)
            rail = make_rail(file or NoJournal(), started_at=rail_clock.now(), facts=facts)
            application[SERVICE] = RailService(rail, rail_clock)
            yield

    return opened


def _over_amqp(settings: SimulatorSettings, service: RailService) -> AbstractAsyncContextManager[None]:
    if settings.amqp_url is None:
        return nullcontext()
    from simulators import amqp

    if settings.connection_points:
        raise ValueError("named connection points are played over HTTP alone: over AMQP a party has one")
    parties = {participant.connection_party for participant in settings.participants}
    return amqp.serving(service, settings.amqp_url, network=settings.network, parties=parties)


async def _end_polls(application: web.Application) -> None:
    application[SERVICE].close()


@web.middleware
async def _refuse_on_demand(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what participants ask while a test has switched that on; the control side always answers."""
    if request.app[SERVICE].faults.refuse_connections and not request.path.startswith(control.PREFIX):
        raise web.HTTPServiceUnavailable(text="connections are refused on demand")
    return await handler(request)


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
