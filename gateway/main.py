"""The composition root: opens what a role is made of, runs the role, and ends it when it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import web

from adapters.http.application import build_application
from adapters.http.serving import serving
from adapters.http.worker import build_worker_application
from adapters.postgres.screening import PostgresScreening
from adapters.system import SystemIdentifiers
from gateway.api import compose_api
from gateway.domain.payment import Rail
from gateway.parts import NOTHING_BETWEEN, Between, Parts, open_bus, open_core, open_parts, release_of
from gateway.presence import open_presence
from gateway.rails import link_of
from gateway.receiving import open_institution
from gateway.regional import open_peer, serving_the_peer, tenure_of
from gateway.screening import open_screening
from gateway.service.ports import Core, Institution, RailLink
from gateway.service.supervise import Loop, supervise
from gateway.settings import Settings, SettingsError
from gateway.worker import compose_worker

SHUTDOWN_MAX_S: Final = 30.0
"""A role that was told to stop ends within this: requests are answered (20 s), deliveries given back (10 s)."""

EXIT_NOT_STOPPED: Final = 70
"""EX_SOFTWARE of sysexits: something did not stop when it should."""

GARBAGE_THRESHOLD: Final = 20_000
"""New containers between two young collections: the default, 700, collects at every other payment for nothing."""


async def run_gateway(settings: Settings, *, ready: Callable[[str], None], between: Between = NOTHING_BETWEEN) -> None:
    """Serve the API until SIGTERM or SIGINT; `ready` is told the URL once it listens."""
    async with (
        open_parts(settings, role="gateway", between=between) as parts,
        open_bus(parts) as bus,
        open_peer(settings) as peer,
        open_presence(
            settings,
            events=parts.rail_events,
            workers=parts.releases,
            incoming=parts.incoming,
            clock=parts.clock,
            identifiers=SystemIdentifiers(),
            observer=parts.observer,
            tenure=tenure_of(parts.regional),
        ) as presence,
        asyncio.TaskGroup() as tasks,
    ):
        composed = compose_api(parts, bus, presence, peer)
        background = [tasks.create_task(each.run()) for each in composed.groups]
        background += [tasks.create_task(_supervised(parts, name, loop)) for name, loop in composed.loops.items()]
        application = between.application(build_application(composed.api))
        async with serving_the_peer(settings, composed.api):
            await _serve_until_stopped(application, settings.http_host, settings.http_port, ready=ready)
        for task in background:
            task.cancel()


async def run_worker(settings: Settings, *, ready: Callable[[str], None], between: Between = NOTHING_BETWEEN) -> None:
    """Relay, dispatch, receive and keep the timers until SIGTERM or SIGINT."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, role="worker", between=between))
        links = {
            rail: between.link(
                rail, await stack.enter_async_context(link_of(rail, settings, parts.clock, parts.observer))
            )
            for rail in parts.rails
        }
        core = await stack.enter_async_context(open_core(settings))
        institution = await stack.enter_async_context(open_institution(settings, parts.clock))
        await run_worker_loops(parts, links, core, institution, ready=ready)


async def run_worker_loops(
    parts: Parts,
    links: Mapping[Rail, RailLink],
    core: Core,
    institution: Institution,
    *,
    ready: Callable[[str], None],
) -> None:
    """Run a worker over the rails' links, a core and institutions, which somebody else opened and closes."""
    settings = parts.settings
    async with (
        open_bus(parts) as bus,
        open_screening(settings, PostgresScreening(parts.pool), parts.vault, parts.clock, parts.observer) as screening,
    ):
        worker = compose_worker(parts, bus, links, core, institution, screening=screening)
        application = build_worker_application(
            worker.checks, parts.metrics.render, release=release_of(settings), refused=parts.releases.refused
        )
        async with asyncio.TaskGroup() as tasks:
            grouping = [tasks.create_task(each.run()) for each in worker.groups]
            background = [tasks.create_task(_supervised(parts, "releases", parts.releases.run))]
            background += [tasks.create_task(_once_admitted(parts, name, loop)) for name, loop in worker.loops.items()]
            await _serve_until_stopped(application, settings.http_host, settings.worker_port, ready=ready)
            for task in background:
                task.cancel()
            await asyncio.wait(background)
            for task in grouping:
                task.cancel()


async def _supervised(parts: Parts, name: str, loop: Loop) -> None:
    await supervise(name, loop, clock=parts.clock, observer=parts.observer)


async def _once_admitted(parts: Parts, name: str, loop: Loop) -> None:
    """Run a loop once the database has what this program needs: before that it would do its work wrongly, or half."""
    await parts.releases.admitted()
    await _supervised(parts, name, loop)


async def _serve_until_stopped(
    application: web.Application, host: str, port: int, *, ready: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(application, host=host, port=port) as bound:
        ready(f"http://{host}:{bound}")
        await stop.wait()
        _end_at_the_latest()


def _end_at_the_latest() -> None:
    """End the process when it has not stopped in time, whatever it waits for.

    What is in hand then is in the database: an end here is a crash, and crashes are recovered from.
    """
    alarm = threading.Timer(SHUTDOWN_MAX_S, os._exit, args=(EXIT_NOT_STOPPED,))
    alarm.daemon = True
    alarm.start()


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a role on the quickest loop there is.

    Raises:
        SettingsError: asserts are switched off: they state what is believed of money, and must hold.

    """
    if sys.flags.optimize:
        raise SettingsError("python -O removes the assertions that guard money: run without it")
    try:
        import uvloop
    except ImportError:
        factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    else:
        factory = uvloop.new_event_loop

    async def entry() -> None:
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        await main()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(entry())
