"""``fifteen simulator``: the rails that we play."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Final

import uvloop
from rich.table import Table

from gateway.cli.console import OUT
from simulators.fednow.behaviours import help_rows
from simulators.fednow.server import run
from simulators.fednow.settings import FedNowSimulatorSettings

GARBAGE_THRESHOLD: Final = 20_000
"""New containers between two young collections: the rail forgets nothing, so that there is little to collect."""


def run_fednow(
    *, host: str, port: int, amqp: str | None, journal: Path | None, rail_clock_s: float, check_duplicates: bool
) -> None:
    """Play FedNow until SIGTERM or Ctrl-C."""
    settings = FedNowSimulatorSettings(
        host=host,
        port=port,
        amqp_url=amqp,
        journal=journal,
        rail_clock_s=rail_clock_s,
        check_duplicates=check_duplicates,
    )
    OUT.print(behaviour_table())
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, on_ready=lambda url: OUT.print(f"The FedNow simulator listens on {url}")))


def behaviour_table() -> Table:
    """Return what the simulator does with which payment."""
    table = Table(title="What happens to a payment", title_justify="left")
    for heading in ("creditor account", "or amount", "what happens"):
        table.add_column(heading)
    for row in help_rows():
        table.add_row(*row)
    return table
