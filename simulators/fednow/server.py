"""The FedNow simulator as a process; see `simulators.server`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from aiohttp import web

from simulators import server
from simulators.clock import Clock
from simulators.fednow.rail import fednow_rail
from simulators.fednow.settings import FedNowSimulatorSettings


def build_application(settings: FedNowSimulatorSettings, *, clock: Clock | None = None) -> web.Application:
    """The simulator as an aiohttp application."""
    return server.build_application(settings, partial(fednow_rail, settings), clock=clock)


def serving(settings: FedNowSimulatorSettings, *, clock: Clock | None = None) -> AbstractAsyncContextManager[str]:
    """Serve while the context is open; yields the base URL."""
    return server.serving(settings, partial(fednow_rail, settings), clock=clock)


async def run(settings: FedNowSimulatorSettings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until cancelled; `on_ready` is told the base URL once requests are taken."""
    await server.run(settings, partial(fednow_rail, settings), on_ready=on_ready)
