"""Both rails sign, and so do we: what is anybody else's moves no money, here or at the rail."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from gateway.domain.payment import Rail
from iso20022 import CustomerCreditTransfer
from tests.acceptance.installation import CONNECTION_PARTY, RTP_PARTICIPANT, Installation, installed
from tests.acceptance.payments import message, rtp_message, rtp_transfer, transfer
from tests.acceptance.receiving import Receiver, receiving, state_of, until
from tests.acceptance.test_receiving import sent_in
from tests.acceptance.test_slice import get, post, until_final
from tests.conftest import Database
from tests.rail_keys import OLD, STRANGER, rail_keys, signing

ALTERED: Final = "altered"
UNSIGNED: Final = "no"
FORGED: Final = (UNSIGNED, ALTERED, STRANGER, OLD)
PARTIES: Final = {Rail.FEDNOW: CONNECTION_PARTY, Rail.RTP: RTP_PARTICIPANT}
REFUSALS: Final = {Rail.FEDNOW: "SIM-SIGNATURE", Rail.RTP: "690"}


@pytest.fixture
def signed(database: Database, tmp_path: Path) -> Iterator[dict[Rail, Receiver]]:
    """An installation that sends and receives on both rails, where everybody signs; with a worker."""
    options, more = signing(rail_keys(datetime.now(UTC)), tmp_path)
    with ExitStack() as stack:
        installation = stack.enter_context(
            installed(database, tmp_path, rails=tuple(Rail), simulator_options=options, more=more)
        )
        reserve = {"FIFTEEN_FEDNOW__RECEIVER_RESERVE_S": "1", "FIFTEEN_FEDNOW__RECEIVER_OWN_SHARE_S": "0.5"}
        receiver = stack.enter_context(receiving(installation, database, more=reserve))
        installation.start_worker()
        yield {rail: Receiver(installation, receiver.institution_url, rail) for rail in Rail}


def payment_of(rail: Rail) -> tuple[CustomerCreditTransfer, bytes]:
    """A payment, and its message."""
    if rail is Rail.RTP:
        payment = rtp_transfer()
        return payment, rtp_message(payment)
    payment = transfer()
    return payment, message(payment)


def put_at_the_rail(receiver: Receiver, body: bytes) -> None:
    """Send a message in our name, without our key."""
    headers = {
        "Rail-Connection-Party": PARTIES[receiver.rail],
        "Rail-Message-Class": "value",
        "Content-Type": "application/xml",
    }
    url = f"{receiver.installation.simulator_urls[receiver.rail]}/rail/v1/messages"
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="POST")).close()


async def set_aside(database: Database, rail: Rail, *, until_there_are: int) -> list[str]:
    """The codes with which unverified messages of a rail were put in quarantine, once there are so many."""
    query = "SELECT codes FROM quarantine WHERE message_type = 'unverified' AND rail = $1"
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        async with asyncio.timeout(10):
            while True:
                rows = await connection.fetch(query, rail.value)
                if len(rows) >= until_there_are:
                    return [code for row in rows for code in row["codes"]]
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def unverified(installation: Installation, rail: Rail) -> float:
    """What the worker has counted."""
    text = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{installation.worker_url}/metrics").read().decode())
    lines = [line for line in text.splitlines() if line.startswith("gateway_rail_unverified_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if f'rail="{rail}"' in line)


async def test_what_is_signed_by_anybody_else_moves_no_money(signed: dict[Rail, Receiver], database: Database) -> None:
    """Forged answers, forged payments, forged payments of ours; in between, what is genuine goes through."""
    installation = signed[Rail.RTP].installation
    await asyncio.gather(*(settles(receiver) for receiver in signed.values()))
    await asyncio.gather(*(receives(receiver, database) for receiver in signed.values()))
    assert [await unverified(installation, rail) for rail in Rail] == [0, 0]

    for receiver in signed.values():
        refused_by_the_rail(receiver)
        await forged_money(receiver, database)
    await asyncio.gather(*(forged_answer(receiver) for receiver in signed.values()))

    for rail in Rail:
        codes = await set_aside(database, rail, until_there_are=len(FORGED) + 1)
        assert {"SIGNATURE_MISSING", "SIGNATURE_KEY_UNKNOWN", "SIGNATURE_KEY_EXPIRED"} <= set(codes)
        assert await unverified(installation, rail) >= len(FORGED) + 1
    await asyncio.gather(*(receives(receiver, database) for receiver in signed.values()))


async def settles(receiver: Receiver) -> None:
    """A payment of ours, and the answer as it is kept: what was signed, without the signature."""
    payment, body = payment_of(receiver.rail)
    await post(receiver.installation, body)

    ended = await until_final(receiver.installation, str(payment.uetr))

    kept = await get(receiver.installation, f"/v1/payments/{ended['payment_id']}/messages")
    assert (ended["state"], ended["rail"]) == ("SETTLED", receiver.rail)
    assert [each["direction"] for each in kept["messages"]] == ["client_in", "rail_out", "rail_in"]
    assert "Sgntr" not in json.dumps(kept)
    copies = receiver.installation.copies_on_the_wire(payment.message_id, rail=receiver.rail)
    assert [copy["verdict"] for copy in copies] == ["accepted"]


async def receives(receiver: Receiver, database: Database) -> None:
    """A payment from the network is asked about, answered, settled and posted."""
    (message_id,) = receiver.order(amount="51.74")

    await until(database, message_id, sent_in("POSTED"))


def refused_by_the_rail(receiver: Receiver) -> None:
    """A pacs.008 in our name that we have not signed: it is refused as such, and nothing is booked."""
    before = receiver.installation.ledger(receiver.rail)["entries"]
    payment, body = payment_of(receiver.rail)

    put_at_the_rail(receiver, body)

    (copy,) = receiver.installation.copies_on_the_wire(payment.message_id, rail=receiver.rail)
    assert (copy["verdict"], copy["code"]) == ("refused", REFUSALS[receiver.rail])
    assert receiver.installation.ledger(receiver.rail)["entries"] == before


async def forged_money(receiver: Receiver, database: Database) -> None:
    """Payments that are not the rail's: nobody is asked, and nothing is answered, until they are genuine."""
    asked = len(receiver.at_institution()["asked"])
    ids = []
    for number, forged in enumerate(FORGED, start=1):
        receiver.switch_faults(signatures={"pacs.008": {"signed": forged}})
        ids += receiver.order(amount="51.74")
        await set_aside(database, receiver.rail, until_there_are=number)

    assert [receiver.at_rail(each)["answers"] for each in ids] == [[]] * len(FORGED)
    assert [await state_of(database, each) for each in ids] == [None] * len(FORGED)
    assert len(receiver.at_institution()["asked"]) == asked


async def forged_answer(receiver: Receiver) -> None:
    """An answer with a stranger's signature settles nothing; the rail is asked, and its own answer does."""
    payment, body = payment_of(receiver.rail)
    receiver.switch_faults(signatures={"pacs.002": {"signed": STRANGER}})
    await post(receiver.installation, body, wait_s=0)

    ended = await until_final(receiver.installation, str(payment.uetr))

    history: list[dict[str, Any]] = (await get(receiver.installation, f"/v1/payments/{ended['payment_id']}/events"))[
        "events"
    ]
    kinds = [event["kind"] for event in history]
    asked = {Rail.FEDNOW: "StatusRequested", Rail.RTP: "TransferRepeated"}[receiver.rail]
    assert ended["state"] == "SETTLED"
    assert kinds.index(asked) < kinds.index("SettlementReported")
