"""The debtor's money in the institution's core, with every process real: reserved, posted, released, refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

import aiohttp
import asyncpg
import pytest

from adapters.child_process import free_loopback_port
from gateway.cli.processes import Role
from gateway.cli.zygote import start_forked
from gateway.domain.legs import Leg
from gateway.domain.timing import budget_s
from iso20022 import Personal
from tests.acceptance.installation import Installation
from tests.acceptance.metrics import observed
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import post
from tests.conftest import Database

REFUSED_ACCOUNT: Final = "100000009904"
REJECTED_BY_THE_RAIL: Final = "SIMRJCTAC04"


@pytest.fixture
def core_url(install: Callable[[str], AbstractContextManager[Installation]], database: Database) -> Iterator[Any]:
    """An installation whose tenant has its debtors' money held by a core, and that core's URL."""
    asyncio.run(_hold_by_core(database))
    with install("embedded") as installation:
        port = free_loopback_port()
        simulator = Role(
            "core",
            ("simulator", "core", "--port", str(port)),
            environment={},
            log_file=installation.directory / "core.log",
            start=start_forked,
        )
        installation.stack.callback(simulator.stop)
        url = f"http://127.0.0.1:{port}"
        simulator.wait_until_ready(f"{url}/healthz")
        installation.environment = {**installation.environment, "FIFTEEN_CORE_URL": url}
        installation.start_worker()
        yield installation, url


async def _hold_by_core(database: Database) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("UPDATE tenant SET funds_holder = 'core'")
    await connection.close()


async def reservations(url: str, **expected: int) -> dict[str, Any]:
    """What the core holds, once it is as expected: it is told after the client."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        while True:
            async with session.get(f"{url}/simulator/v1/summary") as response:
                summary: dict[str, Any] = await response.json()
            if summary["reservations"] == expected:
                return summary
            await asyncio.sleep(0.05)


async def test_the_core_holds_posts_and_releases_what_the_payments_become(core_url: tuple[Installation, str]) -> None:
    """One settles, one is rejected by the rail, one has no funds: the core's books say the same."""
    installation, url = core_url
    settled, rejected = transfer(), transfer(creditor_account=REJECTED_BY_THE_RAIL)
    unfunded = replace(transfer(), debtor_account=Personal(REFUSED_ACCOUNT))

    unasked = observed(installation.worker_url, "gateway_leg_duration_seconds")
    answers = [await post(installation, message(payment)) for payment in (settled, rejected, unfunded)]
    asked = observed(installation.worker_url, "gateway_leg_duration_seconds")[Leg.FUNDS]

    bodies = [body.decode() for _, body in answers]
    assert '"SETTLED"' in bodies[0]
    assert '"REJECTED"' in bodies[1]
    assert '"REJECTED"' in bodies[2]
    assert '"AM04"' in bodies[2]
    assert installation.copies_on_the_wire(unfunded.message_id) == []
    summary = await reservations(url, posted=1, released=1, refused=1)
    assert summary["cents"]["posted"] == settled.amount.cents
    assert Leg.FUNDS not in unasked
    assert asked.count == len(answers)
    assert 0 < asked.seconds < len(answers) * budget_s(Leg.FUNDS, promise_s=15)
