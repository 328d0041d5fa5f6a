"""The trail of a running installation: a worker seals and anchors by itself, and says how far it is."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager

from typer.testing import CliRunner

from gateway.cli.application import application
from tests.acceptance.installation import ANCHORS, Installation
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import post
from tests.conftest import Database


def metric(installation: Installation, name: str) -> float:
    """A gauge of the worker."""
    with urllib.request.urlopen(f"{installation.worker_url}/metrics") as response:
        lines = response.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), -1.0)


async def test_a_worker_seals_and_anchors_what_was_paid(
    install: Callable[[str], AbstractContextManager[Installation]], database: Database
) -> None:
    """Two payments settle; some seconds later nothing is unsealed, and the command says so."""
    with install("embedded") as installation:
        installation.start_worker()
        for _ in range(2):
            await post(installation, message(transfer()))
        async with asyncio.timeout(30):
            while metric(installation, "fifteen_audit_unsealed_events") or not list(
                (installation.directory / ANCHORS).iterdir()
            ):
                await asyncio.sleep(0.2)

        unanchored = metric(installation, "fifteen_audit_unanchored_seals")
        arguments = ["--database-url", database.application_dsn, "--anchors", str(installation.directory / ANCHORS)]
        result = await asyncio.to_thread(CliRunner().invoke, application, ["audit", "verify", "--json", *arguments])

    region = json.loads(result.output)["regions"]["local"]
    assert (result.exit_code, region["unsealed_events"], unanchored) == (0, 0, 0)
    assert region["sealed_events"] >= 6
    assert region["anchored_seals"] == region["seals"] >= 1
