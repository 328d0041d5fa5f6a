"""Receiving at a rate, written into docs/proofs/receiving.md: ``python -m tests.proofs.receiving``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.cli.bench.incoming import OWN_SHARE_P99_MAX_MS, STORED_P99_MAX_MS, IncomingFigures, measured
from gateway.cli.installation import Plan
from tests.proofs.report import INSTALLATION, circumstances, part, table, verdict, write

RUNS: Final = 3
RATE: Final = 200.0
SECONDS: Final = 60.0
WARMUP_S: Final = 10.0

_PAGE: Final = """# Proof: receiving at {rate:g} payments a second

{circumstances}
Each run has an installation of its own: one gateway, one worker, and an institution that answers at once. The simulated
rail forwards {rate:g} payments a second for {seconds:g} s; a single run is
`fifteen bench --incoming --rate {rate:g} --seconds {seconds:g} --json`.

`answer_*_ms` is the rail's own measure: from the creation time in its header to our answer there, with the time in its
queue and the institution's whole answer in it. `own_share_*_ms` is that of each payment without `institution_*_ms`: for
how long the institution, by its own clock, had the question in hand, from when the request was there until its answer
was ready to be written. So the way to the institution and back, and all waiting for the processors, is ours. `late`
counts answers that came after the rail's clock. `posted_*_ms` is from the arrival until everything is stored: the
rail's advice, the institution's posting and POSTED, committed.

The bars: p99 of our own share of the answer below {answer_max:g} ms, none late, p99 of what is stored below
{stored_max:g} ms, and every payment that was forwarded is received and posted.

{runs}

{verdict}
"""


def _run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        figures = measured(Plan(), Path(name), rate=RATE, seconds=SECONDS, warmup_s=WARMUP_S)
    return asdict(figures)


def page(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the report."""
    headings = ("figure", *(f"run {number + 1}" for number in range(len(runs))))
    broken = sorted({name for run in runs for name, holds in IncomingFigures(**run).bars().items() if not holds})
    return _PAGE.format(
        rate=RATE,
        seconds=SECONDS,
        answer_max=OWN_SHARE_P99_MAX_MS,
        stored_max=STORED_P99_MAX_MS,
        circumstances=circumstances(
            "make proof (python -m tests.proofs.receiving)", on_it=f"{INSTALLATION}, and the institution"
        ),
        runs=table(headings, [(name, *(run[name] for run in runs)) for name in runs[0]]),
        verdict=verdict(broken),
    )


def main() -> None:
    """Measure what has not been measured at this commit, and write the report; exits 1 where a bar does not hold."""
    runs = [part("receiving", f"run-{number + 1}", _run) for number in range(RUNS)]
    write("receiving", page(runs))
    sys.exit(0 if all(all(IncomingFigures(**run).bars().values()) for run in runs) else 1)


if __name__ == "__main__":
    main()
