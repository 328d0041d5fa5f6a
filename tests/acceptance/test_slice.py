"""One payment's whole way, with every process real: in over HTTP, out to the rail, and its status back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Any, Final

import aiohttp
import asyncpg
import pytest

from gateway.domain.legs import Leg
from gateway.domain.timing import budget_s
from iso20022 import FedNowProfile, PaymentStatusReport, examine
from tests.acceptance.installation import HEADERS, Installation
from tests.acceptance.metrics import legs_of
from tests.acceptance.payments import json_payment, message, transfer
from tests.conftest import Database


async def post(
    installation: Installation, body: bytes, *, wait_s: int = 15, accept: str = "application/json"
) -> tuple[int, bytes]:
    """Submit a message and return status and body of the answer."""
    headers = {**HEADERS, "Accept": accept, **({"Prefer": f"wait={wait_s}"} if wait_s else {})}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{installation.gateway_url}/v1/messages", data=body, headers=headers) as response,
    ):
        return response.status, await response.read()


async def get(installation: Installation, path: str) -> Any:
    """Get a JSON document."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(installation.gateway_url + path, headers=HEADERS) as response,
    ):
        return await response.json()


async def until_final(installation: Installation, reference: str) -> dict[str, Any]:
    """Ask for a payment until it is final."""
    async with asyncio.timeout(30):
        while True:
            payment: dict[str, Any] = await get(installation, f"/v1/payments/{reference}")
            if payment["final"]:
                return payment
            await asyncio.sleep(0.05)


async def count(database: Database, table: str) -> int:
    """Count a table's rows."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


async def test_a_pacs_008_comes_back_as_the_rails_own_pacs_002(installation: Installation) -> None:
    """The main job: accepted, committed, routed, settled within the clock, answered as ISO 20022, and measured."""
    payment, started_s = transfer(), time.monotonic()

    status, body = await post(installation, message(payment), accept="application/xml")

    await demand_legs(installation, first_took_s=time.monotonic() - started_s)
    assert status == 200
    report = examine(body, profile=FedNowProfile())
    assert isinstance(report.message, PaymentStatusReport)
    assert (report.message.status, report.message.original_message_id) == ("ACSC", payment.message_id)
    assert len(installation.copies_on_the_wire(payment.message_id)) == 1


SLOW_S: Final = 1.0
"""So long the receiver of `SIMSLOW1` takes."""

OF_ONE_PAYMENT: Final = (Leg.INTAKE, Leg.COMMIT, Leg.QUEUE, Leg.SIGN, Leg.RAIL, Leg.ANSWER, Leg.NOTIFY)
"""What is measured once of each payment whose client waits; a relayed batch may have several, and may go twice."""


async def demand_legs(installation: Installation, *, first_took_s: float) -> None:
    """Demand that each leg of a payment was measured once, and that of the next one it is the rail's that takes long.

    That one is the control: what is measured is that leg, and nothing that goes on beside it.
    """
    first = await legs_of(installation, payments=1)
    await post(installation, message(transfer(creditor_account="SIMSLOW1")))
    both = await legs_of(installation, payments=2)

    assert {leg: first[leg].count for leg in OF_ONE_PAYMENT} == dict.fromkeys(OF_ONE_PAYMENT, 1)
    assert set(first) == {*OF_ONE_PAYMENT, Leg.RELAY}, "no core is asked"
    assert all(0 < first[leg].seconds < first_took_s for leg in OF_ONE_PAYMENT), first
    assert first[Leg.COMMIT].seconds <= first[Leg.INTAKE].seconds
    assert first[Leg.QUEUE].seconds + first[Leg.RAIL].seconds + first[Leg.ANSWER].seconds < first_took_s
    assert {leg: both[leg].count for leg in OF_ONE_PAYMENT} == dict.fromkeys(OF_ONE_PAYMENT, 2)
    slower_s = {leg: both[leg].seconds - first[leg].seconds for leg in OF_ONE_PAYMENT}
    assert max(slower_s, key=lambda leg: slower_s[leg]) is Leg.RAIL
    assert SLOW_S <= slower_s[Leg.RAIL] < budget_s(Leg.RAIL, promise_s=15)


async def test_every_reference_finds_the_payment_its_events_and_its_raw_messages(installation: Installation) -> None:
    """By id, UETR or end-to-end id; the history is whole, and what came and went is kept as bytes."""
    payment = transfer()
    await post(installation, message(payment))

    found = [await get(installation, f"/v1/payments/{payment.uetr}")]
    found.append(await get(installation, f"/v1/payments/{found[0]['payment_id']}"))
    found.append(await get(installation, f"/v1/payments/{payment.end_to_end_id}"))
    events = (await get(installation, f"/v1/payments/{found[0]['payment_id']}/events"))["events"]
    raw = (await get(installation, f"/v1/payments/{found[0]['payment_id']}/messages"))["messages"]

    assert found[0] == found[1] == found[2]
    assert [event["kind"] for event in events] == ["PaymentAccepted", "SendingStarted", "SettlementReported"]
    assert [(item["direction"], item["message_type"]) for item in raw] == [
        ("client_in", "pacs.008.001.08"),
        ("rail_out", "pacs.008.001.08"),
        ("rail_in", "pacs.002.001.10"),
    ]


@pytest.mark.parametrize(
    ("creditor_account", "state", "status", "reason"),
    [
        ("200000000001", "SETTLED", "ACSC", None),
        ("SIMRJCTAC04", "REJECTED", "RJCT", "AC04"),
        ("SIMACWP", "ACCEPTED_WITHOUT_POSTING", "ACWP", None),
        ("SIMSILENT", "REJECTED", "RJCT", "E997"),
        ("SIMLOSTANSWER", "SETTLED", "ACSC", None),
        ("SIMLOSTMESSAGE", "REJECTED", None, "E400"),
        ("SIMTWICE", "SETTLED", "ACSC", None),
        ("SIMGARBAGE", "SETTLED", "ACSC", None),
        ("SIMUNKNOWN", "SETTLED", "ACSC", None),
    ],
)
async def test_whatever_the_rail_does_the_payment_ends_right(
    installation: Installation, creditor_account: str, state: str, status: str | None, reason: str | None
) -> None:
    """Settled, rejected, not posted, silent, lost on the way there or back, twice, unreadable, for no known reason."""
    payment = transfer(creditor_account=creditor_account)

    await post(installation, message(payment), wait_s=0)
    ended = await until_final(installation, str(payment.uetr))

    assert (ended["state"], ended["status"], ended["reason"] and ended["reason"]["code"]) == (state, status, reason)
    assert len(installation.copies_on_the_wire(payment.message_id)) == 1


async def test_json_goes_the_same_way_under_the_clients_own_key(installation: Installation) -> None:
    """Ids that the client leaves out are derived from its key: a repeat is the same payment."""
    async with aiohttp.ClientSession(headers={"Authorization": HEADERS["Authorization"]}) as session:
        answers = []
        for _ in range(2):
            async with session.post(
                f"{installation.gateway_url}/v1/payments",
                json=json_payment(),
                headers={"Idempotency-Key": "order-1", "Prefer": "wait=15"},
            ) as response:
                answers.append(await response.json())

    assert answers[0]["state"] == "SETTLED"
    assert answers[0] == answers[1]
    assert len(installation.copies_on_the_wire(answers[0]["message_id"])) == 1


async def test_a_hundred_equal_submissions_at_once_are_one_payment(
    installation: Installation, database: Database
) -> None:
    """Never pay twice: one payment, a hundred equal answers, one message on the wire."""
    payment = transfer()
    body = message(payment)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session:

        async def submit() -> tuple[int, bytes]:
            async with session.post(f"{installation.gateway_url}/v1/messages", data=body, headers=HEADERS) as response:
                return response.status, await response.read()

        answers = Counter(await asyncio.gather(*(submit() for _ in range(100))))
    ended = await until_final(installation, str(payment.uetr))

    assert ended["state"] == "SETTLED"
    assert list(answers.values()) == [100]
    assert next(iter(answers))[0] == 202
    assert await count(database, "payment") == 1
    assert len(installation.copies_on_the_wire(payment.message_id)) == 1


async def test_an_honest_retry_differs_in_its_creation_times_and_is_the_same_payment(
    installation: Installation, database: Database
) -> None:
    """A client's outbox stamps anew what it sends again: the content is the same."""
    payment = transfer()
    later = payment.creation_time + timedelta(seconds=1)

    first = await post(installation, message(payment))
    again = await post(installation, message(payment, created=later))

    assert first == again
    assert await count(database, "payment") == 1


async def test_the_same_key_with_other_content_is_refused_and_stores_no_payment(
    installation: Installation, database: Database
) -> None:
    """A key names one payment for ever."""
    payment = transfer()
    await post(installation, message(payment))

    status, body = await post(installation, message(payment).replace(b">51.74<", b">51.75<"))

    assert status == 409
    assert b"other_content" in body or b"other content" in body
    assert await count(database, "payment") == 1
    assert await count(database, "message") == 3


async def test_no_log_line_shows_a_name_an_account_or_a_remittance_text(installation: Installation) -> None:
    """Canaries through every path: settled, rejected, refused, in doubt."""
    payments = [transfer(creditor_account=account) for account in ("200000007777", "SIMRJCTAC04", "SIMLOSTANSWER")]
    for payment in payments:
        await post(installation, message(payment), wait_s=0)
        await until_final(installation, str(payment.uetr))
    await post(installation, message(transfer()).replace(b"FDNA", b"Canary"))

    logs = installation.logs()

    assert all(str(payment.uetr) in logs for payment in payments)
    assert "Canary" not in logs
    assert "00007777" not in logs
