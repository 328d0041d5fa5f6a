"""``fifteen bench``, short: the figures are there and add up; whether the bars hold is for a quiet machine to say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PROCESSES: Final = {"gateway", "worker", "simulator", "postgres"}


def test_a_short_measurement_accounts_for_every_payment_and_every_process() -> None:
    """The stable form of the result, and each payment accepted and settled."""
    command = ("bench", "--rate", "20", "--seconds", "3", "--warmup", "0", "--broker", "embedded", "--json")

    answer = subprocess.run(
        [sys.executable, "-m", "gateway.cli", *command],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    figures = json.loads(answer.stdout)

    assert answer.returncode in {0, 1}, answer.stderr
    assert (figures["rate"], figures["accepted"], figures["settled"], figures["faults"]) == (20.0, 60, 60, {})
    assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    assert 0 < figures["ack_p50_ms"] <= figures["ack_p99_ms"]
    assert 0 < figures["throughput"] < 60
    assert set(figures["cpu_us_per_payment"]) == set(figures["rss_mib"]) == PROCESSES
    assert all(cost > 0 for cost in figures["cpu_us_per_payment"].values())
    assert sum(figures["cpu_us_per_payment"].values()) == figures["cpu_us_per_payment_total"]
