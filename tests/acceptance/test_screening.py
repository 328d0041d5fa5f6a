"""Screening through the real stack, both ways: a hit, an outage, a limit; released, rejected, killed in between."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from adapters.child_process import free_loopback_port
from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.replay import replay
from gateway.settings import load_settings
from iso20022 import Party, Personal
from simulators.core.incoming import is_signed
from tests.acceptance.installation import installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.receiving import SECRET, Receiver, receiving, until
from tests.acceptance.test_slice import get, post
from tests.conftest import TENANT, Database, copy_database

OPERATOR: Final = {"Authorization": "Bearer an-operators-key-for-tests-only", "Content-Type": "application/json"}
LISTED: Final = "Quillmoor Wexley"
SUSPECT: Final = "Tarnholt Bramwick"
"""Whom the list finds, and whom the service."""

UNSEEN: Final = "Oldacre Brindle"
"""About whom the service has no answer."""

LIMIT: Final = 3
CLEAR_INCOMING: Final = 2


class Service:
    """A screening service that checks who asks."""

    def __init__(self) -> None:
        self.unsigned = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Look."""
        body = await request.read()
        signed = is_signed(
            SECRET,
            body=body,
            webhook_id=request.headers["webhook-id"],
            timestamp=request.headers["webhook-timestamp"],
            signature=request.headers["webhook-signature"],
        )
        self.unsigned += not signed
        data = json.loads(body)["data"]
        names = {data["debtor"]["name"], data["creditor"]["name"]}
        if UNSEEN in names:
            return web.Response(status=503)
        if SUSPECT in names:
            return web.json_response({"result": "hit", "hits": [{"rule": "case 15", "about": "creditor name"}]})
        return web.json_response({"result": "clear"})


@asynccontextmanager
async def serving(service: Service, port: int) -> AsyncIterator[None]:
    """The service, at that port."""
    application = web.Application()
    application.router.add_post("/", service.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
def screened(database: Database, tmp_path: Path) -> Iterator[tuple[Receiver, int]]:
    """An installation whose tenant has everything screened, both ways, and the port where its service is expected."""
    lists, port = tmp_path / "lists", free_loopback_port()
    lists.mkdir()
    (lists / "own.csv").write_text(f"S-1,name,{LISTED}\n")
    shared = {"lists": ["own.csv"], "webhook": f"http://127.0.0.1:{port}/", "budget_ms": 1500}
    limit = {"account": "creditor", "window_s": 600, "count_max": LIMIT}
    asyncio.run(_register(database, {"outgoing": {**shared, "velocity": [limit]}, "incoming": shared}))
    more = {"FIFTEEN_SCREENING_LISTS_FOLDER": str(lists), "FIFTEEN_SCREENING_SECRET": SECRET}
    with (
        installed(database, tmp_path, rail_clock_s=20, status_request_wait_s=25) as installation,
        receiving(installation, database, more=more) as running,
    ):
        yield running, port


async def _register(database: Database, rules: dict[str, Any]) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("UPDATE tenant SET screening = $1::jsonb WHERE tenant_id = $2", json.dumps(rules), TENANT)
    key = OPERATOR["Authorization"].removeprefix("Bearer ")
    await connection.execute(
        "INSERT INTO operator_key (key_digest, name, created_at) VALUES ($1, 'sample operator', now())",
        hashlib.sha256(key.encode()).digest(),
    )
    await connection.close()


async def held(receiver: Receiver, *, count: int) -> dict[str, dict[str, str]]:
    """What was found of each payment that is held, by its id, once there are so many."""
    async with aiohttp.ClientSession(headers=OPERATOR) as session, asyncio.timeout(15):
        while True:
            async with session.get(f"{receiver.installation.gateway_url}/v1/held-payments") as response:
                listed = await response.json()
            if len(listed["held"]) == count:
                await demand_due(session, receiver, listed["held"])
                return {each["payment"]["payment_id"]: each["screening"] for each in listed["held"]}
            await asyncio.sleep(0.05)


async def demand_due(session: aiohttp.ClientSession, receiver: Receiver, held: list[dict[str, Any]]) -> None:
    """Demand that what is held is due, until it is rejected by itself: the first first, and of those at once any."""
    async with session.get(f"{receiver.installation.gateway_url}/v1/due?kind=held_payment") as response:
        due = (await response.json())["due"]
    assert {each["id"]: each["by"] for each in due} == {
        each["payment"]["payment_id"]: each["payment"]["next_step"]["at"] for each in held
    }
    assert [each["by"] for each in due] == sorted(each["by"] for each in due)
    assert {tuple(each["expected"]) for each in due} == {("release", "reject")}


async def decide(receiver: Receiver, payment_id: str, decision: str) -> dict[str, Any]:
    """Release or reject as an operator."""
    url = f"{receiver.installation.gateway_url}/v1/payments/{payment_id}/hold-decision"
    body = {"decision": decision, "note": "Case 15: another person of the same name."}
    async with aiohttp.ClientSession(headers=OPERATOR) as session, session.post(url, json=body) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def state_of(receiver: Receiver, payment_id: str, state: str) -> dict[str, Any]:
    """A payment, once it is in that state."""
    async with asyncio.timeout(20):
        while True:
            payment: dict[str, Any] = await get(receiver.installation, f"/v1/payments/{payment_id}")
            if payment["state"] == state:
                return payment
            await asyncio.sleep(0.05)


async def submitted(receiver: Receiver, *, account: str, name: str = "Sample Creditor") -> tuple[str, str]:
    """The id of a payment that was accepted, and its message id."""
    payment = replace(transfer(creditor_account=account), creditor=Party(name=Personal(name)))
    _, body = await post(receiver.installation, message(payment), wait_s=0)
    return json.loads(body)["payment_id"], payment.message_id


async def test_what_is_sent_and_received_waits_for_a_person_on_a_hit_and_is_rejected_when_nobody_could_look(
    screened: tuple[Receiver, int],
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list, a service, a limit; a worker is killed while payments are held; and it is run again, and comes out so.

    The institution accepts everything here, and all of it is one stack's: what it costs to start one is most of this.
    """
    receiver, port = screened
    service = Service()
    async with serving(service, port):
        unseen, unseen_message = await submitted(receiver, account="000000000004", name=UNSEEN)
        await sent(receiver)
        await received(receiver, database)
        (unseen_incoming,) = receiver.order(debtor_name=UNSEEN)
        rejected = await until(database, unseen_incoming, lambda row: row["state"] == "REJECTED")
        history = await get(receiver.installation, f"/v1/incoming-transfers/{rejected['payment_id']}/events")
        ended = await state_of(receiver, unseen, "REJECTED")
    for name, value in receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into = await asyncio.to_thread(copy_database, postgres_server, template)
    outcome = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)

    assert ended["reason"]["code"] == "AB11"
    assert receiver.installation.copies_on_the_wire(unseen_message) == []
    assert [each["status"] for each in receiver.at_rail(unseen_incoming)["answers"]] == ["RJCT"]
    assert [each["details"]["decided_by"] for each in history["events"] if each["kind"] == "RejectionDecided"] == [
        "screening"
    ]
    assert len(receiver.at_institution()["credited"]) == CLEAR_INCOMING
    assert service.unsigned == 0
    assert LISTED not in receiver.installation.logs()
    assert outcome.diverged == {}
    assert outcome.is_good


async def sent(receiver: Receiver) -> None:
    """Three are held, for three reasons; one is released, one rejected, and one left to its time."""
    installation = receiver.installation
    worker = installation.start_worker()
    clear = [await submitted(receiver, account="000000000001") for _ in range(LIMIT)]
    for payment_id, _ in clear:
        await state_of(receiver, payment_id, "SETTLED")
    listed, listed_message = await submitted(receiver, account="000000000002", name=f"Dr. {LISTED}")
    suspect, suspect_message = await submitted(receiver, account="000000000003", name=SUSPECT)
    quick, quick_message = await submitted(receiver, account="000000000001")

    found = await held(receiver, count=3)
    worker.kill()
    installation.start_worker()
    released = await decide(receiver, listed, "release")
    rejected = await decide(receiver, suspect, "reject")

    assert found[listed]["hit_1"].startswith("lists own.csv S-1, creditor name, 100 of 100")
    assert found[suspect]["hit_1"] == "webhook case 15, creditor name"
    assert found[quick]["hit_1"].startswith(f"velocity limit 1, creditor account: {LIMIT + 1} payments of at most")
    assert (released["state"], rejected["state"]) == ("RELEASED", "REJECTED")
    await state_of(receiver, listed, "SETTLED")
    copies = [installation.copies_on_the_wire(each) for each in (listed_message, suspect_message, quick_message)]
    assert [len(each) for each in copies] == [1, 0, 0]
    assert (await state_of(receiver, quick, "HELD"))["next_step"]["what"] == "reject_unless_released"


async def received(receiver: Receiver, database: Database) -> None:
    """Two are accepted without posting, as is money that a listed name pays back; what nobody finds is posted."""
    ids = [receiver.order()[0] for _ in range(CLEAR_INCOMING)]
    rows = [await until(database, each, lambda row: row["state"] == "POSTED") for each in ids]
    suspects = [receiver.order(debtor_name=LISTED)[0], receiver.order(creditor_name=SUSPECT)[0]]
    rows += [await until(database, each, lambda row: row["state"] == "PENDING") for each in suspects]

    assert [row["answer"] for row in rows] == ["ACTC"] * CLEAR_INCOMING + ["ACWP", "ACWP"]
    assert all("AcceptanceWithoutPostingDecided" in row["kinds"] for row in rows[CLEAR_INCOMING:])

    paid, message_id = await submitted(receiver, account="000000000005")
    await state_of(receiver, paid, "SETTLED")
    (came_back,) = receiver.order(returns=message_id, creditor_name=LISTED)
    held_back = await until(database, came_back, lambda row: row["state"] == "PENDING")
    assert (held_back["answer"], (await state_of(receiver, paid, "RETURNED"))["final"]) == ("ACWP", True)
