"""``fifteen drill region``: the scenarios in turn, on one installation, each with a count of its own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table

from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.upgrade import UpgradeError
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT, stop
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.region.count import Result, count, differing, fetched, still_open
from gateway.cli.drill.region.load import Load
from gateway.cli.drill.region.role import ANYWHERE, PLANTS_VARIABLE
from gateway.cli.drill.region.scenarios import SCENARIOS, Stage
from gateway.cli.drill.supervisor import say
from gateway.cli.processes import RoleError
from gateway.cli.two_regions import Plan, TwoRegions

LEASE_S: Final = 3.0
RAIL_CLOCK_S: Final = 2
STATUS_REQUEST_WAIT_S: Final = 3
"""Quick, so that doubts end while one watches; on the real rail they last ten times as long."""

DELAY_MS: Final = 5.0
SCENARIO_MAX_S: Final = 120.0
DRAIN_MAX_S: Final = 40.0
_PAUSE_S: Final = 0.2


def run_region_drill(
    names: Sequence[str], *, seed: int, plants: Sequence[str], as_json: bool, keep: Path | None
) -> int:
    """Run scenarios, print what they came to, and return the exit code: 1 where a promise was broken."""
    say(f"seed {seed}")
    try:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            results = _drilled(names, seed, plants, keep.resolve())
            (keep / "results.json").write_text(json.dumps([each.as_json() for each in results], indent=2) + "\n")
        else:
            with tempfile.TemporaryDirectory(prefix="fifteen-drill-") as directory:
                results = _drilled(names, seed, plants, Path(directory))
    except (RoleError, PostgresServerError, UpgradeError) as error:
        stop(str(error), code=EXIT_FINDINGS)
    if as_json:
        print(json.dumps([each.as_json() for each in results], indent=2))
    else:
        OUT.print(_table(results))
        for result in results:
            for what in result.as_json()["wrong"]:
                OUT.print(f"{result.scenario}: {what}", highlight=False)
    return EXIT_OK if all(each.is_good for each in results) else EXIT_FINDINGS


def _drilled(names: Sequence[str], seed: int, plants: Sequence[str], directory: Path) -> list[Result]:
    plan = Plan(
        delay_ms=DELAY_MS,
        lease_s=LEASE_S,
        rail_clock_s=RAIL_CLOCK_S,
        status_request_wait_s=STATUS_REQUEST_WAIT_S,
        books_every_copy=True,
        role_module="gateway.cli.drill.region.role" if plants else "gateway.cli",
        settings={PLANTS_VARIABLE: ",".join(plants)} if plants else {},
    )
    two = TwoRegions(plan, directory)
    with two.running():
        if "home" in plants:
            for region in two.regions:
                asyncio.run(fetched(region, ANYWHERE))
        return [asyncio.run(_played(two, name, seed)) for name in names]


async def _played(two: TwoRegions, name: str, seed: int) -> Result:
    result = Result(name, seed)
    load = Load(two.regions, two.api_key, f"{name}-{seed}", Dice(seed, purpose=name))
    say(f"{name}: {(SCENARIOS[name].__doc__ or '').strip()}")
    try:
        async with asyncio.timeout(SCENARIO_MAX_S), load.running():
            await SCENARIOS[name](Stage(two, load, result))
    except TimeoutError:
        result.wrong.append(f"it did not come to its end in {SCENARIO_MAX_S:g} s")
    give_up_s = asyncio.get_running_loop().time() + DRAIN_MAX_S
    while asyncio.get_running_loop().time() < give_up_s:
        if not await still_open(two.regions) and not await differing(two.regions):
            break
        await asyncio.sleep(_PAUSE_S)
    result.open = await still_open(two.regions)
    await count(result, load, two.regions, two.journal)
    return result


def _table(results: Sequence[Result]) -> Table:
    table = Table(title="What became of it", title_justify="left")
    table.add_column("what")
    for result in results:
        table.add_column(result.scenario)
    shown = [result.as_json() for result in results]
    for name in (
        "acknowledged",
        "accounted",
        "doubled",
        "diverged",
        "rpo_payments",
        "rto_s",
        "in_doubt_resolved",
        "open",
    ):
        table.add_row(name, *(str(each[name]) for each in shown))
    return table
