"""The commands: run a drill, list the points, count again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.upgrade import UpgradeError
from adapters.rabbitmq.server import RabbitMqMissingError, RabbitMqNodeError
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT, stop
from gateway.cli.drill.evidence import RESULTS, RUN
from gateway.cli.drill.kept import REMEDY, DamagedError, read_object
from gateway.cli.drill.plants import SENTENCES
from gateway.cli.drill.points import POINTS
from gateway.cli.drill.recount import Count, recount
from gateway.cli.drill.supervisor import DrillPlan, Supervisor, installed, say
from gateway.cli.processes import RoleError, Start, start_anew


def run_drill(plan: DrillPlan, *, as_json: bool, keep: Path | None) -> int:
    """Run a drill, print the count, and return the exit code: 1 where anything is wrong."""
    say(f"seed {plan.seed}")
    try:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            return _shown(drill(plan, keep.resolve()), as_json=as_json)
        with tempfile.TemporaryDirectory(prefix="fifteen-drill-") as directory:
            return _shown(drill(plan, Path(directory)), as_json=as_json)
    except RabbitMqMissingError as error:
        stop(f"{error}; or drill with the bus in PostgreSQL: --broker embedded")
    except (RoleError, PostgresServerError, RabbitMqNodeError, UpgradeError) as error:
        stop(str(error), code=EXIT_FINDINGS)


def drill(plan: DrillPlan, directory: Path, *, start: Start = start_anew) -> tuple[Count, Mapping[str, Any]]:
    """Run a drill in a directory; returns the count, and how it was run. `start` says how roles become processes."""
    with installed(plan, directory, start=start) as installation:
        Supervisor(plan, installation, tell=say).run(directory)
    count, run = counted(directory)
    whole = {**result(count, run), **count.whole()}
    (directory / RESULTS).write_text(json.dumps(whole, indent=2) + "\n")
    return count, run


def counted(directory: Path) -> tuple[Count, Mapping[str, Any]]:
    """Count what a drill has left; returns the count, and how it was run."""
    return recount(directory), read_object(directory / RUN)


def run_recount(directory: Path, *, as_json: bool) -> int:
    """Count again what a drill has kept, print it, and return the exit code."""
    try:
        return _shown(counted(directory), as_json=as_json)
    except FileNotFoundError as error:
        stop(f"{error.filename} is missing: {directory} is not what a drill with --keep has left")
    except DamagedError as error:
        stop(f"{error}; {REMEDY}")


def result(count: Count, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a drill prints."""
    shown = count.as_json()
    return {
        **{name: shown[name] for name in ("acknowledged", "settled", "rejected", "in_doubt")},
        **{name: shown[name] for name in ("lost", "doubled", "stuck")},
        "kills": run["kills"],
        "seed": run["seed"],
        "wrong": shown["wrong"],
        "violations": shown["violations"],
        "server_kills": run["server_kills"],
        "kills_by_point": run["kills_by_point"],
        "ended": run["ended"],
        "plants": run["plants"],
        "shown": shown["shown"],
    }


def _shown(counted: tuple[Count, Mapping[str, Any]], *, as_json: bool) -> int:
    count, run = counted
    shown = result(count, run)
    if as_json:
        print(json.dumps(shown, indent=2))
    else:
        table = Table(title="What became of it", title_justify="left")
        table.add_column("what")
        table.add_column("count")
        for name, value in shown.items():
            table.add_row(name, json.dumps(value) if isinstance(value, dict | list) else f"{value:,}")
        OUT.print(table)
    for remark in count.remarks():
        say(remark)
    return EXIT_OK if count.is_good and not run["ended"] else EXIT_FINDINGS


def points_table() -> Table:
    """Return the table of points, and what each is."""
    table = Table(title=f"{len(POINTS)} points at which a drill kills", title_justify="left")
    for heading in ("stage", "process", "point", "the moment"):
        table.add_column(heading)
    for point in POINTS:
        table.add_row(point.stage, point.place, point.name, point.sentence)
    return table


def plants_table() -> Table:
    """Return the table of plants: what each takes away, and what the drill looks at."""
    table = Table(title="Guards that --plant takes away", title_justify="left")
    for heading in ("plant", "what is gone", "what the drill looks at"):
        table.add_column(heading)
    for plant, (gone, invariant) in SENTENCES.items():
        table.add_row(plant, gone, invariant)
    return table
