"""The participant directory through the real stack: heard from the rail, shown, and gone by before anything is sent."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from gateway.cli.processes import Role
from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EnvelopeKind,
    Party,
    Personal,
    fednow_message_id,
    header,
    wrap,
)
from iso20022.messages import admi004
from iso20022.messages.admi004 import SystemEventNotification
from tests.acceptance.bureau import quarantined
from tests.acceptance.installation import Installation, installed
from tests.acceptance.payments import EASTERN, RECEIVER, SENDER, message, transfer
from tests.acceptance.receiving import Receiver, delivered, register, register_operator
from tests.acceptance.talk import asked_for, path_of
from tests.acceptance.test_rail_operations import PARTIES, status_of
from tests.acceptance.test_receipts import taken_by_the_rail
from tests.acceptance.test_returns import ask, asked_until
from tests.acceptance.test_screening import decide, held
from tests.acceptance.test_slice import post
from tests.conftest import TENANT, Database

LOOKED_WITHIN_S: Final = 20
LATE_S: Final = 1.5

LISTED: Final = "Sample Screened"
"""A name on the tenant's list: its payment waits for a person."""


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """A gateway and the rail, without a worker; the tenant receives too, and has what it sends screened by a list."""
    register_operator(database)
    asyncio.run(register(database, None))
    asyncio.run(have_screened(database, {"outgoing": {"lists": ["own.csv"], "budget_ms": 1500}}))
    (tmp_path / "own.csv").write_text(f"S-1,name,{LISTED}\n")
    with installed(database, tmp_path, more={"FIFTEEN_SCREENING_LISTS_FOLDER": str(tmp_path)}) as running:
        yield running


async def have_screened(database: Database, rules: dict[str, Any]) -> None:
    """Have the tenant's payments screened by these rules."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute("UPDATE tenant SET screening = $1::jsonb WHERE tenant_id = $2", json.dumps(rules), TENANT)
    await connection.close()


def order(installation: Installation, **order: Any) -> None:
    """Change what institutions may do at the rail, and have it tell everybody, or not."""
    (url,) = installation.simulator_urls.values()
    request = urllib.request.Request(f"{url}/simulator/v1/participants", json.dumps(order).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def another_says(installation: Installation, event_code: str) -> None:
    """Let the receiver sign itself on or off at the rail."""
    (url,) = installation.simulator_urls.values()
    now = datetime.now(UTC).astimezone(EASTERN).replace(microsecond=0)
    party = ConnectionPartyId(RECEIVER)
    message_id = fednow_message_id(business_date=now.date(), connection_party=party, reference=f"OTHER{event_code}")
    outgoing = BusinessHeader(
        sender=party,
        receiver=ConnectionPartyId(FEDNOW_ID),
        business_message_id=BusinessMessageId(message_id),
        message_type=admi004.MESSAGE_TYPE,
        market_practice=FEDNOW_PRACTICE,
        creation_time=now,
    )
    event = SystemEventNotification(event_code=event_code, parameters=(RECEIVER,), event_time=now)
    body = wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(outgoing), admi004.build(event))
    headers = {"Rail-Connection-Party": party, "Rail-Message-Class": "system"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/rail/v1/messages", body, headers)) as response:
        assert response.status == 202


async def answered(installation: Installation, *, status: int) -> dict[str, Any]:
    """Submit payments until one is answered like this: the gateway looks for a newer file every five seconds."""
    async with asyncio.timeout(LOOKED_WITHIN_S):
        while True:
            code, body = await post(installation, message(transfer()))
            if code == status:
                found: dict[str, Any] = json.loads(body)
                return found
            await asyncio.sleep(0.5)


async def test_whom_the_rail_would_refuse_is_refused_here_and_what_is_not_known_the_rail_decides(
    installation: Installation, database: Database
) -> None:
    """Never heard, late, twice and unreadable; a receiver that has left, or signs off; ours, which may only receive.

    A receiver that signs off in mid-flight too, and one that takes no requests for payment. The control comes first:
    while the file says otherwise the payment is sent, and the rail refuses it with the same code. In each case no money
    moves, and nothing is lost: every payment that was accepted has its end.
    """
    worker, shown = installation.start_worker(), Receiver(installation, "")
    never_heard = (await status_of(shown))["directory"]
    order(installation, services={RECEIVER: []}, publish=False)
    by_the_rail = await answered(installation, status=200)

    shown.switch_faults(messages={"admi.998": {"next": PARTIES, "copies": 2, "delay_s": LATE_S}})
    order(installation)
    while_late = await answered(installation, status=200)
    left = await answered(installation, status=422)
    heard = (await status_of(shown))["directory"]
    shown.switch_faults(messages={"admi.998": {"next": PARTIES, "unreadable": True}})
    order(installation, services={RECEIVER: ["CTRO"]})
    await delivered(shown)
    unread = await answered(installation, status=422)
    order(installation, services={RECEIVER: ["CTRO"], SENDER: ["CTRO", "RFPR"]})
    receive_only = await until_code(installation, "DIRECTORY_SENDER")
    order(installation, services={SENDER: ["CTSR", "RFPR"]})
    settled = await until_settled(installation)

    await asked_to_pay_who_can_be(shown)
    waiting = await held_back(shown)
    another_says(installation, "FPOF")
    signed_off = await answered(installation, status=422)
    await released_in_vain(shown, worker, waiting)
    another_says(installation, "FPON")
    settled_again = await until_settled(installation)

    assert (never_heard["use"], never_heard["heard_at"], never_heard["fresh"]) == ("fresh", None, False)
    assert (by_the_rail["state"], by_the_rail["reason"]["code"]) == ("REJECTED", "E981")
    assert (while_late["state"], while_late["reason"]["code"]) == ("REJECTED", "E981")
    assert (heard["fresh"], heard["participants"]) == (True, 6)
    assert (await files_kept(database), await quarantined(database)) == (3, 1)
    for refused, code, reject_code, value in (
        (left, "DIRECTORY_RECEIVER", "E981", RECEIVER),
        (unread, "DIRECTORY_RECEIVER", "E981", RECEIVER),
        (receive_only, "DIRECTORY_SENDER", "E980", SENDER),
        (signed_off, "DIRECTORY_SIGNED_OFF", None, RECEIVER),
    ):
        (finding,) = refused["findings"]
        assert (refused["type"], finding["code"]) == ("/problems/not_reached", code)
        assert (finding["reject_code"], finding["value"], bool(finding["hint"])) == (reject_code, value, True)
    assert settled["rejected_meanwhile"] | settled_again["rejected_meanwhile"] <= {"E980", "E981", "AB08"}
    assert installation.ledger()["sum_cents"] == 0


async def asked_to_pay_who_can_be(receiver: Receiver) -> None:
    """Ask for payment where none can be asked for (no RFPR): refused here, and nothing leaves. The control is asked."""
    refused = asked_for(receiver, "SIMSILENT", debtor_agent=RECEIVER, expected=422)
    asked = asked_for(receiver, "SIMSILENT")
    await asked_until(receiver, f"{path_of(asked)}/events", lambda shown: len(shown["events"]) == 2)

    (finding,) = refused["findings"]
    assert (refused["type"], finding["code"], finding["value"]) == (
        "/problems/not_reached",
        "DIRECTORY_RECEIVER",
        RECEIVER,
    )
    listed = ask(receiver, "/v1/conversations?all=true")["conversations"]
    assert [each["conversation_id"] for each in listed] == [asked["conversation_id"]]
    assert await taken_by_the_rail(receiver, "pain.013") == ["ignored"]


async def held_back(receiver: Receiver) -> CustomerCreditTransfer:
    """A payment that was accepted while its receiver was there, and that waits for a person before it is sent."""
    payment = replace(transfer(), debtor=Party(name=Personal(LISTED)))
    code, body = await post(receiver.installation, message(payment), wait_s=0)
    assert code == 202, body
    await held(receiver, count=1)
    return payment


async def released_in_vain(receiver: Receiver, worker: Role, payment: CustomerCreditTransfer) -> None:
    """Released after its receiver has signed off it is rejected, and nothing leaves: no money moves, and none waits.

    The worker that would send it is a new one: the one before looks for the rail's news every few seconds alone.
    """
    worker.stop()
    receiver.installation.start_worker()
    (waiting,) = await held(receiver, count=1)
    await decide(receiver, waiting, "release")
    path = f"/v1/payments/{waiting}"
    rejected = await asked_until(receiver, path, lambda shown: shown["state"] == "REJECTED")

    assert rejected["reason"]["code"] == "AB08"
    assert receiver.installation.copies_on_the_wire(payment.message_id) == []
    kinds = [each["kind"] for each in ask(receiver, f"{path}/events")["events"]]
    assert kinds == ["PaymentAccepted", "ScreeningHeld", "HoldReleased", "DirectoryRefused"]


async def files_kept(database: Database) -> int:
    """How many participant files of the rail's are kept."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM rail_event WHERE kind = 'directory'"))
    finally:
        await connection.close()


async def until_settled(installation: Installation) -> dict[str, Any]:
    """Submit payments until one settles: the worker looks for a newer file at other moments than the gateway."""
    rejected: set[str] = set()
    async with asyncio.timeout(LOOKED_WITHIN_S):
        while True:
            payment = await answered(installation, status=200)
            if payment["state"] == "SETTLED":
                return {**payment, "rejected_meanwhile": rejected}
            rejected.add(payment["reason"]["code"])
            await asyncio.sleep(0.5)


async def until_code(installation: Installation, code: str) -> dict[str, Any]:
    """Submit payments until one is refused with this finding."""
    async with asyncio.timeout(LOOKED_WITHIN_S):
        while True:
            refused = await answered(installation, status=422)
            if refused["findings"][0]["code"] == code:
                return refused
            await asyncio.sleep(0.5)
