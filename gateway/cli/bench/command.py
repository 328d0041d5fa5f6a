"""The command: runs an installation of its own, measures it, and says whether the bars hold."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.upgrade import UpgradeError
from adapters.rabbitmq.server import RabbitMqMissingError, RabbitMqNodeError
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.bench.load import REFUSED
from gateway.cli.bench.measure import Figures, Load, NotDrainedError, measure
from gateway.cli.console import OUT, stop
from gateway.cli.installation import Installation, Plan, Servers, running_roles
from gateway.cli.processes import RoleError

WAY_P99_MAX_MS: Final = 50.0
ACKNOWLEDGED_P99_MAX_MS: Final = 25.0
PEAK_MIN: Final = 600.0
"""The bars, on two cores with everything on them."""

CPU_GOAL_US: Final = 2_500
"""What a payment is to cost one day, everything included: shown, and no bar."""


def run_bench(plan: Plan, load: Load, *, as_json: bool, keep: Path | None) -> int:
    """Measure, print, and return the exit code: 1 where a bar does not hold or a payment was lost on the way."""
    try:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            figures = _measured(plan, load, keep.resolve())
        else:
            with tempfile.TemporaryDirectory(prefix="fifteen-bench-") as directory:
                figures = _measured(plan, load, Path(directory))
    except RabbitMqMissingError as error:
        stop(f"{error}; or measure with the bus in PostgreSQL: --broker embedded")
    except (RoleError, PostgresServerError, RabbitMqNodeError, UpgradeError, NotDrainedError) as error:
        stop(str(error), code=EXIT_FINDINGS)
    if as_json:
        print(json.dumps(figures.as_json(), indent=2))
    else:
        OUT.print(figures_table(figures))
    return EXIT_OK if all(bars(figures).values()) else EXIT_FINDINGS


def bars(figures: Figures) -> dict[str, bool]:
    """Return which bars hold; the times are for an open loop, the throughput for a closed one.

    In a closed loop a gateway may refuse what is more than goes through: it is asked for just that.
    """
    settled = figures.accepted == figures.settled
    if not figures.rate:
        is_well = set(figures.faults) <= {str(status) for status in REFUSED}
        return {"settled": settled and is_well, "throughput": figures.throughput >= PEAK_MIN}
    return {
        "settled": settled and not figures.faults,
        "p99_ms": figures.p99_ms < WAY_P99_MAX_MS,
        "ack_p99_ms": figures.ack_p99_ms < ACKNOWLEDGED_P99_MAX_MS,
    }


def _measured(plan: Plan, load: Load, directory: Path) -> Figures:
    servers = Servers(plan, directory)
    with servers.running():
        installation = Installation(plan, servers, directory)
        with running_roles(installation) as roles:
            return measure(installation, roles, load)


def figures_table(figures: Figures) -> Table:
    """Return the figures with what is said of their bars."""
    verdicts = {name: "holds" if held else "does not hold" for name, held in bars(figures).items()}
    if figures.rate:
        reached = figures.cpu_us_per_payment_total <= CPU_GOAL_US
        verdicts["cpu_us_per_payment_total"] = f"goal {CPU_GOAL_US:,}: {'reached' if reached else 'not reached'}"
    table = Table(title="Accepted to settled, everything on this machine", title_justify="left")
    for heading in ("figure", "value", "bar"):
        table.add_column(heading)
    for name, value in figures.as_json().items():
        table.add_row(name, _shown(value) or "none", verdicts.get(name, ""))
    return table


def _shown(value: Any) -> str:
    """A figure as text; empty where there is none."""
    if isinstance(value, dict):
        return "  ".join(f"{key} {each:,}" for key, each in value.items())
    return "" if value is None else f"{value:,}"
