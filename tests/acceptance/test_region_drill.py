"""The drill of two regions, short: a region is lost under load; and the same without a guard."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

import pytest

DRILL: Final = (sys.executable, "-m", "gateway.cli", "drill", "region", "--json", "--seed", "7")


def drilled(*arguments: str) -> tuple[int, dict[str, Any]]:
    """The drill's exit code, and its one result."""
    ended = subprocess.run((*DRILL, *arguments), capture_output=True, text=True, timeout=200, check=False)
    [result] = json.loads(ended.stdout)
    return ended.returncode, result


@pytest.mark.parametrize("plant", ["home"])
def test_without_one_home_for_a_key_the_drill_finds_money_doubled(plant: str) -> None:
    """The control: a drill that finds nothing whatever is taken away proves nothing."""
    code, result = drilled("--scenario", "witness", "--plant", plant)

    assert code == 1
    assert result["acknowledged"] >= 200
    assert result["doubled"] > 0
