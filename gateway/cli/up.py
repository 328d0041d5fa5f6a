"""``fifteen up``: two regions on this machine, until Ctrl-C."""

from __future__ import annotations

import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.upgrade import UpgradeError
from gateway.cli import EXIT_FINDINGS
from gateway.cli.console import OUT, stop
from gateway.cli.processes import RoleError
from gateway.cli.two_regions import Plan, TwoRegions


def run_up(*, delay_ms: float, loss_percent: float, lease_s: float, keep: Path | None) -> None:
    """Run two regions until interrupted, and say where they are."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fifteen-up-")))
            plan = Plan(delay_ms=delay_ms, loss_percent=loss_percent, lease_s=lease_s)
            two = TwoRegions(plan, directory if keep is None else keep.resolve())
            OUT.print("starting three PostgreSQL servers, two regions, the link and the simulator", style="dim")
            stack.enter_context(two.running())
            _tell(two)
            signal.pause()
    except (RoleError, PostgresServerError, UpgradeError) as error:
        stop(str(error), code=EXIT_FINDINGS)
    except KeyboardInterrupt:
        OUT.print("stopped; nothing is left running")


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _tell(two: TwoRegions) -> None:
    for region in two.regions:
        OUT.print(f"region {region.name}: {region.gateway_url}", highlight=False)
    OUT.print(f"the tenant's API key, in both: {two.api_key}", highlight=False)
    OUT.print(f"the rail: {two.simulator_url}", highlight=False)
    OUT.print(
        f'cut the link: curl -X PUT {two.link_url}/link -d \'{{"delay_ms": 0, "is_cut": true}}\'', highlight=False
    )
    OUT.print("Ctrl-C stops everything")
