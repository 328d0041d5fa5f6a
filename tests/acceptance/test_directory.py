"""The participant directory through the real stack: heard from the rail, shown, and gone by before anything is sent."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EnvelopeKind,
    fednow_message_id,
    header,
    wrap,
)
from iso20022.messages import admi004
from iso20022.messages.admi004 import SystemEventNotification
from tests.acceptance.bureau import quarantined
from tests.acceptance.installation import Installation, installed
from tests.acceptance.payments import EASTERN, RECEIVER, SENDER, message, transfer
from tests.acceptance.receiving import Receiver, delivered, register_operator
from tests.acceptance.test_rail_operations import PARTIES, status_of
from tests.acceptance.test_slice import post
from tests.conftest import Database

LOOKED_WITHIN_S: Final = 20
LATE_S: Final = 1.5


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """A gateway, a worker and the rail."""
    register_operator(database)
    with installed(database, tmp_path) as running:
        running.start_worker()
        yield running


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

    The control comes first: while the file says otherwise the payment is sent, and the rail refuses it with the same
    code. In each case no money moves, and nothing is lost: every payment that was accepted has its end.
    """
    shown = Receiver(installation, "")
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

    another_says(installation, "FPOF")
    signed_off = await answered(installation, status=422)
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
