"""``make proof``: the intake measured three times, and the report written down with commit, command and machine."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Final

from adapters.system import SystemClock
from tests.benchmarks.intake import COMMITS_MAX, P99_MAX_MS, RATE_MIN, run

ROOT: Final = Path(__file__).parents[2]
REPORT: Final = ROOT / "docs" / "proofs" / "intake.md"
RUNS: Final = 3
SECONDS: Final = 20

_PAGE: Final = """# Proof: the intake of one gateway process

Command: `make proof` (or `make bench` for a single run of 10 s). Commit: `{commit}`. Date: {date}. Seed: none, ids are
counted.
Machine: {cores} cores, {machine}, {system}, CPython {python}; everything on it: gateway, PostgreSQL and the load.

A gateway alone, no worker; 32 clients, each submitting a pacs.008 of about 4 KB with an id of its own and waiting for
the 202. The bars: at least {rate:,}/s, p99 below {p99:g} ms, at most {commits:g} commits a payment. Machines differ:
the CPU per payment is the figure to compare.

| figure | {heads} |
|---|{lines}
{rows}
"""


def main() -> None:
    """Measure and write."""
    results = [run(SECONDS) for _ in range(RUNS)]
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    page = _PAGE.format(
        commit=commit.stdout.strip(),
        date=SystemClock().now().date().isoformat(),
        cores=os.cpu_count(),
        machine=platform.machine(),
        system=platform.system(),
        python=platform.python_version(),
        rate=RATE_MIN,
        p99=P99_MAX_MS,
        commits=COMMITS_MAX,
        heads=" | ".join(f"run {number}" for number in range(1, RUNS + 1)),
        lines="---|" * RUNS,
        rows="\n".join(f"| {name} | {' | '.join(f'{result[name]:,}' for result in results)} |" for name in results[0]),
    )
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
