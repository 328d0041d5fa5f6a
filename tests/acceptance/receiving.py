"""An installation that receives: the rail, the institution, gateway and workers as real processes."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from adapters.child_process import free_loopback_port
from adapters.postgres.upgrade import FirstOperator, digest_of_api_key, upgrade
from gateway.cli.processes import Role
from gateway.cli.zygote import start_forked
from gateway.domain.payment import Rail
from tests.acceptance.installation import CONNECTION_PARTY, RTP_PARTICIPANT, Installation
from tests.conftest import API_KEY, REGION, TENANT, Database
from tests.integration.store.harness import NOW

SECRET: Final = "whsec_dGhlLXNlY3JldC1vZi1hLXNhbXBsZS1pbnN0aXR1dGlvbg=="
AGENT: Final = "990000107"
"""Whose customers are paid: Quillmoor Sample Bank."""

OPERATOR_KEY: Final = "an-operators-key-for-tests-only"

STAND_IN: Final[Mapping[str, Any]] = {"rules": [{"decision": "accept", "amount_max": 10_000}], "reason_code": "AC06"}
"""The tenant's stand-in accepts up to 100 dollars."""


@dataclass(slots=True)
class Receiver:
    """The running installation, and what it is asked here."""

    installation: Installation
    institution_url: str
    rail: Rail = Rail.FEDNOW
    api_key: str = API_KEY

    def order(self, **order: Any) -> list[str]:
        """Have payments come from the network; returns their message ids."""
        url = f"{self.installation.simulator_urls[self.rail]}/simulator/v1/incoming"
        request = urllib.request.Request(url, json.dumps(order).encode(), method="POST")
        with urllib.request.urlopen(request) as response:
            ids: list[str] = json.load(response)["message_ids"]
        return ids

    def switch_faults(self, **faults: Any) -> None:
        """Have the rail do this, and nothing else, wrong with what it sends, and is sent, from now on."""
        url = f"{self.installation.simulator_urls[self.rail]}/simulator/v1/faults"
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(faults).encode(), method="POST")).close()

    def rail_summary(self) -> dict[str, Any]:
        """Which faults are left at the rail, and what waits there for whom."""
        with urllib.request.urlopen(f"{self.installation.simulator_urls[self.rail]}/simulator/v1/summary") as response:
            summary: dict[str, Any] = json.load(response)
        return summary

    def at_rail(self, message_id: str) -> dict[str, Any]:
        """What the rail knows of a payment that it has forwarded."""
        url = f"{self.installation.simulator_urls[self.rail]}/simulator/v1/incoming?message_id={message_id}"
        with urllib.request.urlopen(url) as response:
            shown: dict[str, Any] = json.load(response)
        return shown

    def at_institution(self) -> dict[str, Any]:
        """What the institution was asked, told, and has credited."""
        with urllib.request.urlopen(f"{self.institution_url}/simulator/v1/incoming") as response:
            shown: dict[str, Any] = json.load(response)
        return shown


@contextmanager
def receiving(
    installation: Installation,
    database: Database,
    *,
    more: Mapping[str, str] | None = None,
    rail: Rail = Rail.FEDNOW,
    options: Sequence[str] = (),
) -> Iterator[Receiver]:
    """Run an institution beside an installation, and have its tenant receive; workers are the test's to start.

    `options` are more of the institution's.
    """
    with ExitStack() as stack:
        port = free_loopback_port()
        institution = Role(
            "institution",
            ("simulator", "core", "--port", str(port), "--webhook-secret", SECRET, *options),
            environment={},
            log_file=installation.directory / "institution.log",
            start=start_forked,
        )
        stack.callback(institution.stop)
        url = f"http://127.0.0.1:{port}"
        institution.wait_until_ready(f"{url}/healthz")
        asyncio.run(register(database, f"{url}/v1/incoming-transfers"))
        installation.environment = {
            **installation.environment,
            "FIFTEEN_INSTITUTION_SECRET": SECRET,
            **(more or {}),
        }
        yield Receiver(installation, url, rail)


async def befallen(receiver: Receiver) -> None:
    """Return once what was switched on has befallen every message that it was for."""
    async with asyncio.timeout(15):
        while (await asyncio.to_thread(receiver.rail_summary))["faults"]["messages"]:
            await asyncio.sleep(0.05)


async def delivered(receiver: Receiver) -> None:
    """Return once the gateway has saved everything that the rail has for it, also what is late."""
    party = RTP_PARTICIPANT if receiver.rail is Rail.RTP else CONNECTION_PARTY
    async with asyncio.timeout(15):
        while (await asyncio.to_thread(receiver.rail_summary))["waiting"].get(party):
            await asyncio.sleep(0.05)


async def register(database: Database, url: str | None) -> None:
    """Have the tenant receive for the sample bank, at this address."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(
        "UPDATE tenant SET institution_url = $1, stand_in = $2::jsonb WHERE tenant_id = $3",
        url,
        json.dumps(STAND_IN),
        TENANT,
    )
    await connection.execute("INSERT INTO receiving_agent VALUES ($1, $2) ON CONFLICT DO NOTHING", AGENT, TENANT)
    await connection.close()


def register_operator(database: Database) -> None:
    """Register the operator's key."""
    operator = FirstOperator("sample operator", digest_of_api_key(OPERATOR_KEY))
    asyncio.run(upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, first_operator=operator, now=NOW))


async def state_of(database: Database, message_id: str) -> dict[str, Any] | None:
    """A transfer as the store has it, with the kinds of its events."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        row = await connection.fetchrow(
            """
            SELECT now.*, (SELECT array_agg(kind ORDER BY sequence) FROM payment_event AS event
                WHERE event.payment_id = fact.payment_id) AS kinds,
                (SELECT count(*) FROM payment_event AS event
                WHERE event.payment_id = fact.payment_id AND contradiction) AS contradictions
            FROM incoming_transfer AS fact JOIN incoming_state AS now USING (payment_id) WHERE fact.message_id = $1
            """,
            message_id,
        )
    finally:
        await connection.close()
    return None if row is None else dict(row)


async def until(
    database: Database, message_id: str, holds: Callable[[dict[str, Any]], bool], *, within_s: float = 12
) -> dict[str, Any]:
    """The transfer, once it is as expected."""
    found: dict[str, Any] | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = await state_of(database, message_id)
                if found is not None and holds(found):
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{message_id} is {found}") from None
