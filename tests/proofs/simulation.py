"""The long simulation, written into docs/proofs/simulation.md: ``python -m tests.proofs.simulation``.

Ten thousand seeds of one region and as many of two, a thousand in which one is lost under load, each planted bug until
it is found, and the same seeds in two processes with other hash seeds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import process_time
from types import MappingProxyType
from typing import Any, Final

from tests.proofs.report import ROOT, circumstances, part, table, write
from tests.simulation.__main__ import Tally, tally, tally_regions
from tests.simulation.plants import SENTENCES, Plant
from tests.simulation.regions.plants import REGIONS_SENTENCES, RegionsPlant
from tests.simulation.regions.scenario import LOSSES_FROM, LOST_FROM, regions_scenario_of
from tests.simulation.regions.world import run_regions
from tests.simulation.scenario import scenario_of
from tests.simulation.shrink import shortest
from tests.simulation.world import run

SEEDS: Final = 10_000
FOUND_WITHIN: Final = 1_000
LOST_WORLDS: Final = LOSSES_FROM - LOST_FROM
"""After the ten thousand worlds of two regions come those in which one is lost around midnight: so many are run."""

LOSSES_WORLDS: Final = 1_000
"""And after those the ones in which a region is lost under load: so many are run, on a page of their own."""

SAME_TWICE: Final = 100
PROCESSES: Final = 2
CHUNK: Final = 100
"""Worlds of two regions take thrice as long: they are run in so many processes, so many seeds at a time."""

_OF_LOSSES: Final = (
    RegionsPlant.TAKEN_OVER_UNASKED,
    RegionsPlant.ACKNOWLEDGED_BY_ONE,
    RegionsPlant.TOTALS_NOT_COMPARED,
)
"""Planted bugs that only a loss under load shows."""

_STARTS: Final = {RegionsPlant.NAMED_BY_TODAY: LOST_FROM, **dict.fromkeys(_OF_LOSSES, LOSSES_FROM)}
PARTS_OF_IT: Final = "everything in one process: gateways, workers, store, bus, rail and clients"

_PAGE: Final = """# Proof: ten thousand worlds, and no promise is broken in any of them

{circumstances}
What a seed decides, what is looked at, and how to run one again: [simulation.md](../simulation.md).

## The run

{run}

What became of the payments: {states}.

What happened in these worlds:

{happened}

## The controls: planted bugs

A simulation that finds nothing proves nothing. Each line ran seeds from 1 on, with one bug planted.

{plants}

## The same seed, the same run

{same}
"""

_REGIONS_PAGE: Final = """# Proof: ten thousand worlds of two regions, and no promise is broken in any of them

{circumstances}
What a seed decides, what is looked at, and how to run one again: [simulation.md](../simulation.md).

## The run

{run}

What became of the payments: {states}.

What happened in these worlds:

{happened}

## The controls: planted bugs

A simulation that finds nothing proves nothing. Each line ran seeds from 1 on, with one bug planted; the one of
another day from 10,001 on, where a region is lost around midnight, and the last three from 10,201 on, where one is lost
under load.

{plants}

## The same seed, the same run

{same}
"""

_LOSSES_PAGE: Final = """# Proof: a region is lost with what it had not replicated, and no promise is broken

{circumstances}
What a seed decides, what is looked at, and how to run one again: [simulation.md](../simulation.md#two-regions).

## The run

{run}

What became of the payments, in the regions that were left: {states}.

What happened in these worlds:

{happened}

## The controls: planted bugs

A simulation that finds nothing proves nothing. Each line ran seeds from 10,201 on, with one bug planted.

{plants}

## The same seed, the same run

{same}
"""


def again(seeds: Sequence[int], *, hash_seed: str, regions: bool = False) -> list[str]:
    """Return the digests of seeds as a process of its own gets them."""
    scenario, run_it = ("regions_scenario_of", "run_regions") if regions else ("scenario_of", "run")
    where = "tests.simulation.regions" if regions else "tests.simulation"
    code = (
        f"import sys; from {where}.scenario import {scenario}; from {where}.world import {run_it}\n"
        f"for seed in sys.argv[1:]: print({run_it}({scenario}(int(seed))).digest)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, *map(str, seeds)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return answer.stdout.split()


def first_failures(
    plants: Iterable[Any],
    sentences: Mapping[Any, str],
    tally_of: Callable[..., Tally],
    *,
    starts: Mapping[Any, int] = MappingProxyType({}),
) -> list[tuple[str, str, int | str, str]]:
    """Return each planted bug with the first seed that finds it, and how; `starts`: where not from 1 on."""
    rows: list[tuple[str, str, int | str, str]] = []
    for plant in plants:
        start = starts.get(plant, 1)
        total = tally_of(range(start, start + FOUND_WITHIN), plant=plant, failures_max=1)
        seed, words = next(iter(total.failed.items()), ("none", "not found"))
        rows.append((plant.value, sentences[plant], seed, words))
        print(f"{plant}: {seed}", flush=True)
    return rows


def page(
    total: Tally,
    cpu_s: float,
    plants: Sequence[Sequence[object]],
    same: str,
    circumstances_of_it: str,
    *,
    template: str = _PAGE,
    first: int = 1,
) -> str:
    """Return the report."""
    failed = ", ".join(map(str, total.failed)) or "none"
    return template.format(
        circumstances=circumstances_of_it,
        run=table(
            ("seeds", "violations", "seeds that failed", "payments", "calls of ports", "lives", "virtual s", "CPU s"),
            [
                (
                    f"{first:,} to {first + total.seeds - 1:,}",
                    len(total.failed),
                    failed,
                    sum(total.states.values()),
                    total.calls,
                    total.lives,
                    round(total.virtual_s),
                    round(cpu_s),
                )
            ],
        ),
        states=", ".join(f"{count:,} {state}" for state, count in sorted(total.states.items())),
        happened=table(("what", "times"), sorted(total.happened.items())),
        plants=table(("planted bug", "what is wrong", "first seed", "the promise that it broke"), plants),
        same=same,
    )


def prove_one_region(seeds: int) -> bool:
    """Run worlds of one region, write the report, and return whether all is as it should be."""
    at_the_start = circumstances("make proof (python -m tests.proofs.simulation)", on_it=PARTS_OF_IT)
    plants = first_failures(Plant, SENTENCES, tally)
    started_s = process_time()
    total = tally(range(1, seeds + 1))
    cpu_s = process_time() - started_s
    wanted = range(1, SAME_TWICE + 1)
    here = [run(scenario_of(seed)).digest for seed in wanted]
    there = [again(wanted, hash_seed=hash_seed) for hash_seed in ("1", "2")]
    write("simulation", page(total, cpu_s, plants, _same(here, there), at_the_start))
    for seed in total.failed:
        smallest = shortest(run, run(scenario_of(seed)))
        print(f"seed {seed}: {smallest.violations[0]}, {len(smallest.lines)} steps")
    return _is_proved(total, plants, here, there)


def in_processes(seeds: range) -> tuple[Tally, float]:
    """Run worlds of two regions in several processes; return what they came to, and the CPU seconds that it took.

    What a run that was broken off has finished at this commit is not run again.
    """
    total, cpu_s = Tally(), 0.0
    chunks = [range(first, min(first + CHUNK, seeds.stop)) for first in range(seeds.start, seeds.stop, CHUNK)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        for counted, used_s in pool.map(_counted, chunks):
            total.include(counted)
            cpu_s += used_s
            print(f"{total.seeds:,} seeds, {cpu_s:,.0f} CPU s, failed: {total.failed}", flush=True)
    return total, cpu_s


def _counted(chunk: range) -> tuple[Tally, float]:
    kept = part("simulation-regions", f"seeds-{chunk.start}-{chunk.stop - 1}", partial(_run_chunk, chunk))
    return Tally.of(kept["tally"]), kept["cpu_s"]


def _run_chunk(chunk: range) -> Mapping[str, Any]:
    started_s = process_time()
    counted = tally_regions(chunk).as_json()
    return {"tally": counted, "cpu_s": process_time() - started_s}


def prove_two_regions(seeds: int) -> bool:
    """Run worlds of two regions, write the report, and return whether all is as it should be."""
    command = "make proof (python -m tests.proofs.simulation --part regions)"
    at_the_start = circumstances(
        command, on_it=f"{PARTS_OF_IT}, of two regions, and a witness; two such processes at a time"
    )
    kept = part("simulation-regions", "plants", _plants_of_two_regions)
    plants = [(plant, sentence, seed, words) for plant, sentence, seed, words in kept["plants"]]
    total, cpu_s = in_processes(range(1, seeds + LOST_WORLDS + 1))
    wanted = range(1, SAME_TWICE + 1)
    here = [run_regions(regions_scenario_of(seed)).digest for seed in wanted]
    there = [again(wanted, hash_seed=hash_seed, regions=True) for hash_seed in ("1", "2")]
    write("simulation-regions", page(total, cpu_s, plants, _same(here, there), at_the_start, template=_REGIONS_PAGE))
    for seed, words in total.failed.items():
        print(f"seed {seed}: {words}")
    return _is_proved(total, plants, here, there)


def prove_losses(seeds: int) -> bool:
    """Run worlds in which a region is lost under load, write the report, and return whether all is as it should be."""
    command = "make proof (python -m tests.proofs.simulation --part losses)"
    at_the_start = circumstances(
        command, on_it=f"{PARTS_OF_IT}, of two regions, and a witness; two such processes at a time"
    )
    kept = part("simulation-regions", "plants-losses", lambda: _plants_found(_OF_LOSSES))
    plants = [(plant, sentence, seed, words) for plant, sentence, seed, words in kept["plants"]]
    wanted = range(LOSSES_FROM, LOSSES_FROM + min(seeds, LOSSES_WORLDS))
    total, cpu_s = in_processes(wanted)
    twice = wanted[:SAME_TWICE]
    here = [run_regions(regions_scenario_of(seed)).digest for seed in twice]
    there = [again(twice, hash_seed=hash_seed, regions=True) for hash_seed in ("1", "2")]
    same, report = _same(here, there, first=LOSSES_FROM), partial(page, template=_LOSSES_PAGE, first=LOSSES_FROM)
    write("simulation-losses", report(total, cpu_s, plants, same, at_the_start))
    for seed, words in total.failed.items():
        print(f"seed {seed}: {words}")
    return _is_proved(total, plants, here, there)


def _plants_of_two_regions() -> Mapping[str, Any]:
    return _plants_found(RegionsPlant)


def _plants_found(plants: Iterable[RegionsPlant]) -> Mapping[str, Any]:
    return {"plants": first_failures(plants, REGIONS_SENTENCES, tally_regions, starts=_STARTS)}


def _same(here: Sequence[str], there: Sequence[Sequence[str]], *, first: int = 1) -> str:
    is_same, seeds = all(digests == here for digests in there), f"{first:,} to {first + len(here) - 1:,}"
    return (
        f"Seeds {seeds}, in this process and in two others with `PYTHONHASHSEED` 1 and 2: "
        f"{'all digests are equal' if is_same else 'DIGESTS DIFFER'}; that of seed {first:,} is `{here[0]}`."
    )


def _is_proved(
    total: Tally,
    plants: Sequence[tuple[str, str, int | str, str]],
    here: Sequence[str],
    there: Sequence[Sequence[str]],
) -> bool:
    is_found = all(seed != "none" for _, _, seed, _ in plants)
    return is_found and not total.failed and all(digests == here for digests in there)


def main() -> None:
    """Run everything and write the reports; exits 1 where a promise was broken, or a planted bug was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--part", choices=tuple(PARTS), help="one of them; all without it")
    arguments = parser.parse_args()
    wanted = [arguments.part] if arguments.part else list(PARTS)
    proved = [PARTS[part](arguments.seeds) for part in wanted]  # all of them, whatever the first has found
    sys.exit(0 if all(proved) else 1)


PARTS: Final = {"one-region": prove_one_region, "regions": prove_two_regions, "losses": prove_losses}
"""What is proved, each with a page of its own."""


if __name__ == "__main__":
    main()
