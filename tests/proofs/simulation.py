"""The long simulation, written into docs/proofs/simulation.md: ``python -m tests.proofs.simulation``.

Ten thousand seeds, each planted bug until it is found, and the same seeds in two processes with other hash seeds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from time import process_time
from typing import Final

from tests.proofs.report import ROOT, circumstances, table, write
from tests.simulation.__main__ import Tally, tally
from tests.simulation.plants import SENTENCES, Plant
from tests.simulation.scenario import scenario_of
from tests.simulation.shrink import shortest
from tests.simulation.world import run

SEEDS: Final = 10_000
FOUND_WITHIN: Final = 1_000
SAME_TWICE: Final = 100
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


def again(seeds: Sequence[int], *, hash_seed: str) -> list[str]:
    """Return the digests of seeds as a process of its own gets them."""
    code = (
        "import sys; from tests.simulation.scenario import scenario_of; from tests.simulation.world import run\n"
        "for seed in sys.argv[1:]: print(run(scenario_of(int(seed))).digest)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, *map(str, seeds)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return answer.stdout.split()


def first_failures() -> list[tuple[str, str, int | str, str]]:
    """Return each planted bug with the first seed that finds it, and how."""
    rows: list[tuple[str, str, int | str, str]] = []
    for plant in Plant:
        total = tally(range(1, FOUND_WITHIN + 1), plant=plant, failures_max=1)
        seed, words = next(iter(total.failed.items()), ("none", "not found"))
        rows.append((plant.value, SENTENCES[plant], seed, words))
        print(f"{plant}: {seed}", flush=True)
    return rows


def page(total: Tally, cpu_s: float, plants: Sequence[Sequence[object]], same: str, circumstances_of_it: str) -> str:
    """Return the report."""
    failed = ", ".join(map(str, total.failed)) or "none"
    return _PAGE.format(
        circumstances=circumstances_of_it,
        run=table(
            ("seeds", "violations", "seeds that failed", "payments", "calls of ports", "lives", "virtual s", "CPU s"),
            [
                (
                    f"1 to {total.seeds:,}",
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


def main() -> None:
    """Run everything and write the report; exits 1 where a promise was broken, or a planted bug was not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds: int = parser.parse_args().seeds
    at_the_start = circumstances("make proof (python -m tests.proofs.simulation)", on_it=PARTS_OF_IT)
    plants = first_failures()
    started_s = process_time()
    total = tally(range(1, seeds + 1))
    cpu_s = process_time() - started_s
    wanted = range(1, SAME_TWICE + 1)
    here, *there = (
        [run(scenario_of(seed)).digest for seed in wanted],
        again(wanted, hash_seed="1"),
        again(wanted, hash_seed="2"),
    )
    is_same = all(digests == here for digests in there)
    same = (
        f"Seeds 1 to {SAME_TWICE}, in this process and in two others with `PYTHONHASHSEED` 1 and 2: "
        f"{'all digests are equal' if is_same else 'DIGESTS DIFFER'}; that of seed 1 is `{here[0]}`."
    )
    write("simulation", page(total, cpu_s, plants, same, at_the_start))
    for seed in total.failed:
        smallest = shortest(run, run(scenario_of(seed)))
        print(f"seed {seed}: {smallest.violations[0]}, {len(smallest.lines)} steps")
    found = all(seed != "none" for _, _, seed, _ in plants)
    sys.exit(0 if is_same and found and not total.failed else 1)


if __name__ == "__main__":
    main()
