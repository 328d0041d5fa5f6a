"""Speed, memory and cost of a whole installation, written into docs/proofs/load.md: ``python -m tests.proofs.load``."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from gateway.cli.bench.accounting import costs_of
from gateway.cli.bench.command import bars
from gateway.cli.bench.measure import Figures, Load, measure, process_ids
from gateway.cli.installation import Installation, Plan, Roles, Servers, running_roles
from tests.benchmarks.caches import measure as measure_caches
from tests.benchmarks.guards import measure as measure_guards
from tests.benchmarks.skeleton import measured as measure_skeleton
from tests.proofs.report import circumstances, part, table, verdict, write

RUNS: Final = 3
RATE: Final = 300.0
MINUTES: Final = 10
GROWTH_MAX: Final = 1.10
"""Memory after ten minutes may be so much larger than after one, in gateway and worker."""


@contextmanager
def installed(plan: Plan) -> Iterator[tuple[Installation, Roles]]:
    """A running installation of its own."""
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        servers = Servers(plan, Path(name))
        with servers.running():
            installation = Installation(plan, servers, Path(name))
            with running_roles(installation) as roles:
                yield installation, roles


def one(load: Load) -> Figures:
    """One run on a fresh installation."""
    with installed(Plan()) as (installation, roles):
        return measure(installation, roles, load)


def judged(runs: Sequence[Figures]) -> dict[str, Any]:
    """The runs, and the bars that do not hold in every one of them."""
    broken = sorted({name for run in runs for name, holds in bars(run).items() if not holds})
    return {"runs": [run.as_json() for run in runs], "broken": broken, "good": not broken}


def steady() -> dict[str, Any]:
    """The bar: 300 a second for a minute."""
    return judged([one(Load(rate=RATE, seconds=60, warmup_s=10)) for _ in range(RUNS)])


def peak() -> dict[str, Any]:
    """As much as goes through."""
    return judged([one(Load(rate=0, seconds=30, warmup_s=10)) for _ in range(RUNS)])


def memory() -> dict[str, Any]:
    """Ten minutes at 300 a second: the memory of each process, minute by minute."""
    minutes: list[Mapping[str, float]] = []
    with installed(Plan()) as (installation, roles):
        for minute in range(1, MINUTES + 1):
            measure(installation, roles, Load(rate=RATE, seconds=60, warmup_s=0))
            costs = costs_of(process_ids(installation, roles))
            minutes.append({name: round(cost.memory_mib, 1) for name, cost in costs.items()})
            print(f"minute {minute}: {minutes[-1]}", flush=True)
    ours = ("gateway", "worker")
    return {"minutes": minutes, "good": all(minutes[-1][name] <= minutes[0][name] * GROWTH_MAX for name in ours)}


def skeleton() -> dict[str, Any]:
    """The same parts without any of the safety, on the same machine at the same time."""
    held = measure_skeleton(Load(rate=RATE, seconds=60, warmup_s=10))
    most = measure_skeleton(Load(rate=0, seconds=30, warmup_s=10))
    return {"runs": [held.as_json(), most.as_json()], "good": True}


def guards() -> dict[str, Any]:
    """What single guards cost in a hot loop."""
    return {"figures": measure_guards(), "good": True}


def caches() -> dict[str, Any]:
    """What the same work costs with cold caches."""
    return {"figures": measure_caches(), "good": True}


MAKERS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "steady": steady,
    "peak": peak,
    "skeleton": skeleton,
    "guards": guards,
    "caches": caches,
    "memory": memory,
}
"""The parts of the proof, in the order in which they are run."""

_PAGE: Final = """# Proof: speed, cost and memory

{circumstances}
Each run has an installation of its own: one gateway, one worker. `p*_ms` is accepted to settled, `ack_*` from the
instant at which the payment was meant to be submitted to its 202, `told_*` from there to the final status in the answer
to a client that waits (one in a hundred). CPU counts all of a process's children; the load generator is apart.

## 300 payments a second, a minute long

The bars: p99 below 50 ms, 202 p99 below 25 ms. The goal: at most 2,500 µs of CPU a payment, everything included.

{steady}

{steady_verdict}

## As many as go through

64 clients, each submitting the next payment when it has its 202; the time until the last one is settled counts. The
bar: 600 a second.

{peak}

{peak_verdict}

## Where the difference to a skeleton goes

A skeleton of the same parts without any of the safety (`python -m tests.benchmarks.skeleton`), under the same load on
the same machine; run 1 at 300 a second, run 2 as many as go through:

{skeleton}

At 300 a second a payment of ours costs {ratio:.1f} times one of the skeleton's, and its p99 is {p99_ratio:.1f} times as
long. What is on top is the price of the promise; what a hot loop tells of it (`python -m tests.benchmarks.guards`), in
µs of CPU a payment, PostgreSQL's included:

{guards}

The chain of digests with its sealer is in the first row: [audit.md](audit.md) has it measured apart. On the way come
quorum queues with confirms and acknowledgements after the commit ([the bus's benchmark](../../tests/benchmarks/bus.py)
has what that costs us; the broker's own share is above), a rail that is asked, fetched from and acknowledged to over
requests of their own, and a simulator that journals every copy before it answers.

At 300 a second payments come one at a time, and whatever runs finds the caches as others left them: the same work costs
up to twice what it does at the peak. What that is on this machine, for one message that is examined
(`python -m tests.benchmarks.caches`), in µs of CPU:

{caches}

So the CPU a payment is no constant: where payments come slower than the processors could take them, more is spent on
each, until they queue, share batches and cost less.

## Memory over ten minutes

MiB of each process (shared pages in proportion), at 300 payments a second. The bar: gateway and worker after ten
minutes at most a tenth above what they had after one. The simulator remembers every payment of its life, on purpose.

{memory}
"""

_SHOWN: Final = (
    *("accepted", "settled", "throughput", "p50_ms", "p95_ms", "p99_ms", "ack_p99_ms", "told_p50_ms", "told_p99_ms"),
    *("cpu_us_per_payment", "cpu_us_per_payment_total", "client_cpu_us_per_payment", "rss_mib"),
)


def _runs(found: Mapping[str, Any]) -> str:
    headings = ("figure", *(f"run {number + 1}" for number in range(len(found["runs"]))))
    return table(headings, [(name, *(run[name] for run in found["runs"])) for name in _SHOWN])


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the report."""
    minutes = found["memory"]["minutes"]
    bare = found["skeleton"]["runs"][0]

    def ratio(name: str) -> float:
        return float(statistics.median(run[name] for run in found["steady"]["runs"]) / bare[name])

    return _PAGE.format(
        circumstances=circumstances("make proof (python -m tests.proofs.load)"),
        steady=_runs(found["steady"]),
        steady_verdict=verdict(found["steady"]["broken"]),
        peak=_runs(found["peak"]),
        peak_verdict=verdict(found["peak"]["broken"]),
        skeleton=_runs(found["skeleton"]),
        ratio=ratio("cpu_us_per_payment_total"),
        p99_ratio=ratio("p99_ms"),
        guards=table(("what", "µs"), list(found["guards"]["figures"].items())),
        caches=table(("examined", "µs"), list(found["caches"]["figures"].items())),
        memory=table(("minute", *minutes[0]), [(at + 1, *minute.values()) for at, minute in enumerate(minutes)]),
    )


def main() -> None:
    """Run what has not been run at this commit, and write the report; exits 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=tuple(MAKERS))
    arguments = parser.parse_args()
    wanted = (arguments.only,) if arguments.only else tuple(MAKERS)
    found = {name: part("load", name, MAKERS[name]) for name in wanted}
    if not arguments.only:
        write("load", page(found))
    for name, part_found in found.items():
        print(f"{name}: {'good' if part_found['good'] else 'NOT GOOD'}")
    sys.exit(0 if all(part_found["good"] for part_found in found.values()) else 1)


if __name__ == "__main__":
    main()
