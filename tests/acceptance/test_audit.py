"""The trail of a running installation: a worker seals, anchors and archives by itself, and says how far it is."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import asyncpg
from typer.testing import CliRunner

from adapters.postgres.connection import open_pool
from adapters.postgres.store import PostgresStore
from gateway.cli.application import application
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment
from gateway.service.decide import decide
from tests.acceptance.installation import ANCHORS, HEADERS, Installation, installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import post
from tests.conftest import REGION, Database
from tests.integration.store.harness import TIMING, VAULT, new_payment, renewed


def metric(installation: Installation, name: str) -> float:
    """A gauge of the worker."""
    with urllib.request.urlopen(f"{installation.worker_url}/metrics") as response:
        lines = response.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name}{{")), -1.0)


async def rejected_years_ago(database: Database) -> Payment:
    """A payment of 2020, whose message is in clear."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        [outcome] = await store.accept([renewed(new_payment("old"), accepted_at=datetime(2020, 2, 29, tzinfo=UTC))])
        assert outcome.payment is not None
        event = Event(EventKind.DEADLINE_PASSED)
        rejected = decide(outcome.payment, event, at=outcome.payment.deadline_at, timing=TIMING)
        assert await store.save([rejected]) == [True]
        return outcome.payment


async def test_a_worker_seals_anchors_and_archives_what_was_paid(database: Database, tmp_path: Path) -> None:
    """Two payments settle; some seconds later nothing is unsealed, and the command says so.

    Their messages are encrypted. What is years old has gone to the archive, and is shown as before when it has left.
    """
    old = await rejected_years_ago(database)
    with installed(database, tmp_path, archives=True) as installation:
        installation.start_worker()
        for _ in range(2):
            await post(installation, message(transfer()))
        async with asyncio.timeout(30):
            while metric(installation, "fifteen_audit_unsealed_events") or not list(
                (installation.directory / ANCHORS).iterdir()
            ):
                await asyncio.sleep(0.2)

        async with asyncio.timeout(30):
            while metric(installation, "fifteen_archive_messages") < 1:
                await asyncio.sleep(0.2)
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute("DELETE FROM message WHERE payment_id = $1", old.payment_id)
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            url = f"{installation.gateway_url}/v1/payments/{old.payment_id}/messages"
            async with session.get(url) as response:
                shown = await response.json()
        clear = await owner.fetchval("SELECT count(*) FROM message WHERE key_id <> '2026-01'")
        await owner.close()
        archived = [
            metric(installation, f"fifteen_{name}")
            for name in ("archive_segments", "archive_messages", "archive_left_age_seconds")
        ]
        months_ahead_s = metric(installation, "fifteen_message_months_ahead_seconds")
        arguments = ["--database-url", database.application_dsn, "--anchors", str(installation.directory / ANCHORS)]
        async with asyncio.timeout(30):  # the gauge is of some seconds ago
            while True:
                verify = ["audit", "verify", "--json", *arguments]
                result = await asyncio.to_thread(CliRunner().invoke, application, verify)
                region = json.loads(result.output)["regions"]["local"]
                unanchored = metric(installation, "fifteen_audit_unanchored_seals")  # one is, between its two writes
                if not region["unsealed_events"] and not unanchored:
                    break

    assert (result.exit_code, region["unsealed_events"], unanchored) == (0, 0, 0)
    assert region["sealed_events"] >= 6
    assert (archived, clear) == ([1, 1, 0], 0)
    assert [message["direction"] for message in shown["messages"]] == ["client_in"], shown
    assert months_ahead_s > 0
    assert region["anchored_seals"] == region["seals"] >= 1
