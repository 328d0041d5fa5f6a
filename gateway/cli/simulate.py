"""``fifteen simulator``: the rails that we play."""

from __future__ import annotations

import asyncio
from pathlib import Path

import uvloop
from rich.table import Table

from gateway.cli.console import OUT
from simulators.fednow.behaviours import help_rows
from simulators.fednow.server import run
from simulators.fednow.settings import FedNowSimulatorSettings


def run_fednow(*, host: str, port: int, journal: Path | None, rail_clock_s: float, check_duplicates: bool) -> None:
    """Play FedNow until SIGTERM or Ctrl-C."""
    settings = FedNowSimulatorSettings(
        host=host, port=port, journal=journal, rail_clock_s=rail_clock_s, check_duplicates=check_duplicates
    )
    OUT.print(behaviour_table())
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
