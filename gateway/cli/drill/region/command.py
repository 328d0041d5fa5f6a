"""``fifteen drill region``: the scenarios in turn, on one installation, each with a count of its own."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from rich.table import Table

from adapters.postgres.cluster import PostgresServerError
from adapters.postgres.upgrade import UpgradeError
from gateway.cli import EXIT_FINDINGS, EXIT_OK, EXIT_UNREADABLE
from gateway.cli.console import OUT, stop
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.evidence import RESULTS
from gateway.cli.drill.kept import REMEDY, DamagedError
from gateway.cli.drill.region.arrivals import Arrivals
from gateway.cli.drill.region.count import Result, asking, differing, still_open
from gateway.cli.drill.region.keeping import keep_scenario
from gateway.cli.drill.region.load import Load, prefix_of
from gateway.cli.drill.region.plants import Plant, plant_in_databases
from gateway.cli.drill.region.recount import kept_scenarios, recounted
from gateway.cli.drill.region.role import PLANTS_VARIABLE, TRAPS_VARIABLE
from gateway.cli.drill.region.scenarios import SCENARIOS, Conditions
from gateway.cli.drill.region.stage import Stage, tell_link
from gateway.cli.drill.supervisor import say
from gateway.cli.processes import RoleError
from gateway.cli.two_regions import Plan, TwoRegions
from gateway.cli.zygote import start_forked

DELAY_MS: Final = 5.0
SCENARIO_MAX_S: Final = 180.0
DRAIN_MAX_S: Final = 90.0
"""Longer than the longest pause between two questions about one payment, which is a minute."""

PLANTED_FOLLOW_MAX_S: Final = 40.0
"""With a guard taken away the regions may never have the same rows: where nothing is to be done any more, they have
them by then. A connection that was cut resumes after as long again as it was cut, as the link sends like TCP."""

_PAUSE_S: Final = 0.2


def _own_conditions(name: str) -> Conditions:
    return SCENARIOS[name].conditions


def run_region_drill(
    names: Sequence[str], *, seed: int, plants: frozenset[Plant], as_json: bool, keep: Path | None
) -> int:
    """Run scenarios, print what they came to, and return the exit code: 1 where a promise was broken."""
    say(f"seed {seed}")
    try:
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            if any(keep.iterdir()):
                stop(f"{keep} is not empty: name a directory for this drill alone", code=EXIT_UNREADABLE)
            results = drilled(names, seed=seed, plants=plants, directory=keep.resolve())
            (keep / RESULTS).write_text(json.dumps([each.whole() for each in results], indent=2) + "\n")
        else:
            with tempfile.TemporaryDirectory(prefix="fifteen-drill-") as directory:
                results = drilled(names, seed=seed, plants=plants, directory=Path(directory))
    except (RoleError, PostgresServerError, UpgradeError) as error:
        stop(str(error), code=EXIT_FINDINGS)
    return _shown(results, as_json=as_json)


def run_region_recount(directory: Path, *, as_json: bool) -> int:
    """Count again what a drill has kept, print it, and return the exit code."""
    try:
        return _shown([recounted(folder) for folder in kept_scenarios(directory)], as_json=as_json)
    except FileNotFoundError as error:
        stop(f"{error.filename} is missing: {directory} is not what a drill with --keep has left")
    except DamagedError as error:
        stop(f"{error}; {REMEDY}")


def _shown(results: Sequence[Result], *, as_json: bool) -> int:
    if as_json:
        print(_as_json(results))
    else:
        OUT.print(_table(results))
    for result in results:
        for what in result.remarks:
            say(f"{result.scenario}: {what}")
    return EXIT_OK if all(each.is_good for each in results) else EXIT_FINDINGS


def drilled(
    names: Sequence[str],
    *,
    seed: int,
    plants: frozenset[Plant],
    directory: Path,
    conditions_of: Callable[[str], Conditions] = _own_conditions,
) -> list[Result]:
    """Run scenarios, those of equal conditions on one installation, and return what each came to.

    A scenario's conditions may be others than its own: a proof measures with the product's default clocks.

    Raises:
        RoleError: a role does not start.
        PostgresServerError: a server does not start.

    """
    results = []
    for number, (conditions, some) in enumerate(groupby(names, conditions_of), start=1):
        installation = directory / f"{number}"
        installation.mkdir()
        plan = Plan(
            delay_ms=DELAY_MS,
            lease_s=conditions.lease_s,
            rail_clock_s=conditions.rail_clock_s,
            status_request_wait_s=conditions.status_request_wait_s,
            books_every_copy=True,
            witness_on_link=True,
            role_module="gateway.cli.drill.region.role",
            start=start_forked,
            settings={
                **conditions.settings,
                PLANTS_VARIABLE: ",".join(sorted(plants)),
                TRAPS_VARIABLE: str(installation),
            },
        )
        two = TwoRegions(plan, installation)
        with two.running():
            results += asyncio.run(_drilled(two, list(some), seed, plants, directory))
    return results


async def _drilled(
    two: TwoRegions, names: Sequence[str], seed: int, plants: frozenset[Plant], directory: Path
) -> list[Result]:
    await plant_in_databases(two, plants)
    follow_max_s = PLANTED_FOLLOW_MAX_S if plants else DRAIN_MAX_S
    return await played(two, names, seed=seed, directory=directory, follow_max_s=follow_max_s)


async def played(
    two: TwoRegions, names: Sequence[str], *, seed: int, directory: Path, follow_max_s: float = DRAIN_MAX_S
) -> list[Result]:
    """Play scenarios on regions that run, and return what each came to: the count of what it leaves in `directory`.

    What one has left undone may meet the harm of the next; when the last is over all is waited for, and counted. What
    is still to be done then, and a table whose rows differ, may be of any of them, and stands in each one's count.
    """
    scenes = [await _play(two, name, seed) for name in names]
    still_to_do, tables = await _drained(two, follow_max_s=follow_max_s)
    results = []
    for load, result in scenes:
        result.open = still_to_do
        await keep_scenario(directory / result.scenario, two, load, result, tables=tables)
        results.append(await asyncio.to_thread(recounted, directory / result.scenario))
    return results


async def _play(two: TwoRegions, name: str, seed: int) -> tuple[Load, Result]:
    result = Result(name, seed, is_synchronous=SCENARIOS[name].conditions.is_synchronous)
    prefix = prefix_of(name, seed)
    arrivals = Arrivals(two.simulator_url, two.institution_url, prefix)
    load = Load(two.regions, two.api_key, prefix, Dice(seed, purpose=name), arrivals)
    say(f"{name}: {SCENARIOS[name].sentence}")
    try:
        async with asyncio.timeout(SCENARIO_MAX_S), load.running():
            await SCENARIOS[name].play(Stage(two, load, result))
    except* TimeoutError:
        result.wrong.append(f"it did not come to its end in {SCENARIO_MAX_S:g} s")
        await _mended(two)
    except* RoleError as broken:
        result.wrong.append(f"it was broken off: {_first(broken)}")
        await _mended(two)
    return load, result


def _first(broken: BaseExceptionGroup[RoleError]) -> BaseException:
    """Return the first error of a group, however deep."""
    error: BaseException = broken
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _drained(two: TwoRegions, *, follow_max_s: float) -> tuple[int, Sequence[str]]:
    """Return once nothing is on its way any more, or goes on being so; how much that is, and the tables that differ."""
    now_s = asyncio.get_running_loop().time
    east, west = two.regions
    async with asking(east) as here, asking(west) as there:
        give_up_s, busy_s = now_s() + DRAIN_MAX_S, now_s()
        while True:
            still_to_do = await still_open([here, there])
            busy_s = now_s() if still_to_do else busy_s
            is_over = now_s() >= give_up_s
            if is_over or not still_to_do:
                tables = await differing([here, there])
                if is_over or not tables or now_s() >= busy_s + follow_max_s:
                    return still_to_do, tables
            await asyncio.sleep(_PAUSE_S)


async def _mended(two: TwoRegions) -> None:
    """Mend what a scenario that was broken off has left: the count needs both databases."""
    await tell_link(two)
    await asyncio.to_thread(two.witness.start)
    for region in two.regions:
        await asyncio.to_thread(region.server.start)
        await asyncio.to_thread(region.start)


def _as_json(results: Sequence[Result]) -> str:
    return json.dumps([each.as_json() for each in results], indent=2)


def _table(results: Sequence[Result]) -> Table:
    table = Table(title="What became of it", title_justify="left")
    shown = [{**result.as_json(), **result.of_hand_over()} for result in results]
    table.add_column("what")
    for result in results:
        table.add_column(result.scenario)
    for name in shown[0]:
        if name not in {"scenario", "seed"}:
            table.add_row(name, *(str(each[name]) for each in shown))
    return table
