"""``fifteen simulator``: the rails that we play."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import uvloop
from rich.table import Table

from gateway.cli.console import OUT
from simulators import fednow, rtp
from simulators.core.books import CoreSimulatorSettings
from simulators.core.server import run as serve_core

GARBAGE_THRESHOLD: Final = 20_000
"""New containers between two young collections: the rail forgets nothing, so that there is little to collect."""


def run_fednow(
    *, host: str, port: int, amqp: str | None, journal: Path | None, rail_clock_s: float, check_duplicates: bool
) -> None:
    """Play FedNow until SIGTERM or Ctrl-C."""
    settings = fednow.FedNowSimulatorSettings(
        host=host,
        port=port,
        amqp_url=amqp,
        journal=journal,
        rail_clock_s=rail_clock_s,
        check_duplicates=check_duplicates,
    )
    _play("fednow", fednow.run(settings, on_ready=_ready("FedNow")))


def run_rtp(
    *, host: str, port: int, amqp: str | None, journal: Path | None, rail_clock_s: float, check_duplicates: bool
) -> None:
    """Play RTP until SIGTERM or Ctrl-C."""
    settings = rtp.RtpSimulatorSettings(
        host=host,
        port=port,
        amqp_url=amqp,
        journal=journal,
        rail_clock_s=rail_clock_s,
        check_duplicates=check_duplicates,
    )
    _play("rtp", rtp.run(settings, on_ready=_ready("RTP")))


def behaviour_table(rail: str) -> Table:
    """Return what the simulator of a rail does with which payment."""
    name, behaviours = {"fednow": ("FedNow", fednow.TABLE), "rtp": ("RTP", rtp.TABLE)}[rail]
    table = Table(title=f"What happens to a payment on {name}", title_justify="left")
    for heading in ("creditor account", "or amount", "what happens"):
        table.add_column(heading)
    for row in behaviours.help_rows():
        table.add_row(*row)
    return table


def _ready(name: str) -> Callable[[str], None]:
    return lambda url: OUT.print(f"The {name} simulator listens on {url}")


def _play(rail: str, running: Coroutine[Any, Any, None]) -> None:
    OUT.print(behaviour_table(rail))
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(running)


def run_core(*, host: str, port: int, balance_cents: int) -> None:
    """Play a bank's core until SIGTERM or Ctrl-C."""
    settings = CoreSimulatorSettings(host=host, port=port, balance_cents=balance_cents)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_core(settings, on_ready=lambda url: OUT.print(f"The core simulator listens on {url}")))
