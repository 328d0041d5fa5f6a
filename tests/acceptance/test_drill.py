"""The drills, short: real processes are killed under load, and the money is counted; tests/proofs has long ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from gateway.cli.drill.chance import fresh_seed
from gateway.cli.drill.command import drill
from gateway.cli.drill.plants import Plant
from gateway.cli.drill.recount import recount
from gateway.cli.drill.supervisor import DrillPlan, say
from gateway.cli.zygote import start_forked
from tests.servers.rabbitmq import ensure_installed

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str]) -> int:
    """Where and when is killed: fresh, and printed; FIFTEEN_TEST_SEED repeats a run."""
    chosen = int(os.environ.get("FIFTEEN_TEST_SEED", "0")) or fresh_seed()
    with capsys.disabled():
        say(f"\nFIFTEEN_TEST_SEED={chosen}")
    return chosen


def test_whatever_is_killed_nothing_is_lost_doubled_or_stuck(tmp_path: Path, seed: int) -> None:
    """The four promises, on RabbitMQ: gateways and workers die at named points and at random, and both servers."""
    ensure_installed()
    plan = DrillPlan(seed=seed, payments=400, seconds=10, kills=10, server_kills=1, broker="rabbitmq")

    count, run = drill(plan, tmp_path, start=start_forked)

    assert count.as_json()["shown"] == {}
    assert count.is_good
    assert (count.acknowledged, count.settled + count.rejected, count.in_doubt) == (400, 400, 0)
    assert run["ended"] == []
    assert run["kills"] >= 3
    assert run["server_kills"] == {"postgres": 1, "rabbitmq": 1}


def test_without_any_guard_the_drill_sees_every_invariant_broken_and_money_doubled(tmp_path: Path, seed: int) -> None:
    """The control: the same drill, the same count, and every guard taken away. What is kept can be counted again."""
    plan = DrillPlan(
        seed=seed, payments=400, seconds=8, kills=4, server_kills=2, broker="embedded", plants=frozenset(Plant)
    )

    count, _ = drill(plan, tmp_path, start=start_forked)
    again = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "drill", "recount", str(tmp_path), "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert [plant for plant in Plant if not count.violations[plant]] == []
    assert count.doubled
    assert again.returncode == 1
    assert json.loads(again.stdout)["doubled"] == len(count.doubled)


def test_a_payment_whose_outbox_row_is_lost_is_found_in_calm_and_so_by_who_counts_again(tmp_path: Path) -> None:
    """It ends as a rejection, like any whose time has run out; nothing was killed, so nothing excuses that."""
    plan = DrillPlan(
        seed=1, payments=120, seconds=3, kills=0, broker="embedded", plants=frozenset({Plant.OUTBOX})
    )  # fmt: skip

    count, _ = drill(plan, tmp_path, start=start_forked)

    assert len(count.stuck) == len(count.unsent) == count.rejections["gateway AB11 DeadlinePassed"] > 0
    assert count.violations[Plant.OUTBOX]
    assert (count.lost, count.doubled, count.wrong) == ([], [], [])
    assert recount(tmp_path).stuck == count.stuck
