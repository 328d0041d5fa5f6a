"""``fifteen up --regions 2``: two regions that say where they are and serve, and nothing of them after Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Final

from gateway.cli.demo import SCENARIOS
from gateway.cli.processes import answers
from gateway.cli.two_regions import NAMES
from tests.acceptance.test_demo import FIFTEEN, processes_of, until_gone

ROLES: Final = 7
"""A gateway and a worker for each region, the institution, the rail, the link."""

SERVERS: Final = 3
STOPPED_WITHIN_S: Final = 60


def settled(gateway_url: str, api_key: str, key: str) -> str:
    """The state of a payment that is sent to a region, and waited for."""
    headers = {
        "Authorization": f"Bearer {api_key}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
        "Prefer": "wait=15",
    }
    content = json.dumps(SCENARIOS[0].payment()).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{gateway_url}/v1/payments", content, headers)) as response:
        return str(json.load(response)["state"])


def test_both_regions_settle_payments_where_they_say_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """All that it prints is true: addresses and key while it runs, "nothing is left running" when it has ended."""
    up = subprocess.Popen(
        [*FIFTEEN, "up", "--regions", "2", "--keep", str(tmp_path / "kept")],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own: what a terminal's Ctrl-C reaches
    )
    with up:
        try:
            assert up.stdout is not None
            said = ""
            while "Ctrl-C stops everything" not in said:
                line = up.stdout.readline()
                assert line, f"it has ended: {said}"
                said += line
            gateways = dict(re.findall(r"^region (\w+): (\S+)$", said, re.MULTILINE))
            [api_key] = re.findall(r"^the tenant's API key, in both: (\S+)$", said, re.MULTILINE)
            healthy = [answers(f"{url}/healthz") for url in gateways.values()]
            states = [settled(url, api_key, f"up-{region}") for region, url in gateways.items()]
            running = len(processes_of(tmp_path))

            os.killpg(up.pid, signal.SIGINT)
            last, _ = up.communicate(timeout=STOPPED_WITHIN_S)
            left = [answers(f"{url}/healthz") for url in gateways.values()]
        finally:
            up.kill()

    assert tuple(gateways) == NAMES
    assert (healthy, states) == ([True, True], ["SETTLED", "SETTLED"])
    assert running >= 1 + ROLES + SERVERS
    assert (up.returncode, last) == (0, "stopped; nothing is left running\n")
    assert left == [False, False]
    until_gone(tmp_path)
