"""Two institutions of one gateway, each a tenant of its own: what a service bureau has every day."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg

from adapters.postgres.upgrade import digest_of_api_key
from tests.acceptance.receiving import AGENT, SECRET, STAND_IN, Receiver
from tests.acceptance.test_returns import ask, asked_until
from tests.conftest import Database

SECOND: Final = "second"
SECOND_KEY: Final = "a-key-of-the-second-tenant-for-tests"
SECOND_AGENT: Final = "990000204"
"""Tarnbrook Sample Credit Union: on the rails it is connected by the same party as `AGENT`."""


def register_second(database: Database, receiver: Receiver) -> None:
    """Have a second tenant send and receive for the second institution; its people are asked where the first's are."""

    async def register() -> None:
        connection = await asyncpg.connect(database.owner_dsn)
        await connection.execute(
            "INSERT INTO tenant (tenant_id, name, created_at, institution_url, stand_in) "
            "SELECT $1, 'Second institution', created_at, $2, $3::jsonb FROM tenant LIMIT 1",
            SECOND,
            f"{receiver.institution_url}/v1/incoming-transfers",
            json.dumps(STAND_IN),
        )
        await connection.execute(
            "INSERT INTO api_key (key_digest, tenant_id, name, created_at) "
            "SELECT $1, $2, 'second', created_at FROM tenant LIMIT 1",
            digest_of_api_key(SECOND_KEY),
            SECOND,
        )
        await connection.execute("INSERT INTO receiving_agent VALUES ($1, $2)", SECOND_AGENT, SECOND)
        await connection.close()

    asyncio.run(register())


def with_second(directory: Path) -> dict[str, str]:
    """The settings with which what the second tenant's institution is asked is signed."""
    secrets = directory / "institution-secrets.json"
    secrets.write_text(json.dumps({SECOND: SECRET}))
    secrets.chmod(0o600)
    return {"FIFTEEN_INSTITUTION_SECRETS_FILE": str(secrets)}


@contextmanager
def attended(receiver: Receiver) -> Iterator[tuple[Receiver, Receiver]]:
    """While both institutions answer for themselves: what each of the two tenants asks the gateway."""
    _attend(receiver, (AGENT, SECOND_AGENT))
    try:
        yield receiver, replace(receiver, api_key=SECOND_KEY)
    finally:
        _attend(receiver, ())


def _attend(receiver: Receiver, institutions: Sequence[str]) -> None:
    url = f"{receiver.installation.simulator_urls[receiver.rail]}/simulator/v1/attended"
    request = urllib.request.Request(url, json.dumps({"institutions": institutions}).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def paid(payer: Receiver, key: str, *, by: str = AGENT, to: str = SECOND_AGENT, **more: Any) -> dict[str, Any]:
    """A payment from one institution to the other, settled."""
    body = {
        "amount": "51.74",
        "currency": "USD",
        "debtor": {"name": "Sample Debtor"},
        "debtor_account": "100000007777",
        "debtor_agent": by,
        "creditor": {"name": "Sample Creditor"},
        "creditor_account": "200000000001",
        "creditor_agent": to,
        "rail": payer.rail.value,
        "end_to_end_id": f"E2E-{key}",
        **more,
    }
    payment = ask(payer, "/v1/payments", body, key=key)
    assert payment["state"] == "SETTLED", payment
    return payment


async def quarantined(database: Database) -> int:
    """How many messages of the rail were set aside."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM quarantine"))
    finally:
        await connection.close()


async def arrived(payee: Receiver, end_to_end_id: str, state: str = "POSTED") -> dict[str, Any]:
    """The transfer that has come to a tenant under this reference, in that state."""

    def found(listed: dict[str, Any]) -> list[dict[str, Any]]:
        each = [one for one in listed["incoming_transfers"] if one["end_to_end_id"] == end_to_end_id]
        return [one for one in each if one["state"] == state]

    listed = await asked_until(payee, "/v1/incoming-transfers", lambda shown: bool(found(shown)))
    (transfer,) = found(listed)
    return transfer


async def in_conversation(tenant: Receiver, kind: str, state: str, side: str, message_id: str) -> dict[str, Any]:
    """A tenant's conversation of this kind and side with this opening message, once it stands so."""

    def found(listed: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            each
            for each in listed["conversations"]
            if (each["kind"], each["state"], each["direction"]) == (kind, state, side)
            and each["message_id"][1:] == message_id[1:]
        ]

    listed = await asked_until(tenant, "/v1/conversations?all=true", lambda shown: bool(found(shown)))
    (conversation,) = found(listed)
    return conversation


async def paid_and_given_back(first: Receiver, second: Receiver) -> None:
    """The first pays, and asks for it back; the second agrees, and it returns: two timelines, one for each."""
    payment = paid(first, "bureau-return")
    path = f"/v1/payments/{payment['payment_id']}"
    came = await arrived(second, "E2E-bureau-return")
    there = came["links"]["self"]

    ask(first, f"{path}/return-request", {"reason_code": "DUPL"})
    await asked_until(second, there, lambda shown: (shown["return_request"] or {}).get("state") == "RECEIVED")
    ask(second, f"{there}/return-answer", {"answer": "agreed", "amount": "51.74"})
    ends = [
        await asked_until(tenant, shown, lambda now: now["return_request"]["state"] == "RETURNED")
        for tenant, shown in ((first, path), (second, there))
    ]

    assert [each["returned"]["value"] for each in ends] == ["51.74", "51.74"]
    assert ends[0]["state"] == "RETURNED"
    kinds = {each["kind"] for each in ask(first, f"{path}/events")["events"]}
    assert {"ReturnAsked", "ReturnReceiptReported", "ReturnAgreedReported", "PaymentReturned"} <= kinds
    for tenant, foreign in ((second, path), (first, there)):
        ask(tenant, foreign, expected=404)


async def asked_and_told(first: Receiver, second: Receiver, answer: str, ended_as: str) -> None:
    """The second, which was paid, asks the first about it; the first answers: a conversation of each, its own."""
    payment = paid(first, f"bureau-question-{answer}")
    came = await arrived(second, f"E2E-bureau-question-{answer}")

    body = {"missing": ["MS01"]}
    asked = ask(second, f"{came['links']['self']}/information-request", body, key=f"question-{answer}")
    heard = await in_conversation(first, "information_request", "REQUESTED", "in", asked["message_id"])
    information = {"information": ["Invoice 4711"]} if answer == "informed" else {}
    ask(first, f"{heard['links']['self']}/answer", {"answer": answer, **information})
    told = await asked_until(second, asked["links"]["self"], lambda shown: shown["state"] == ended_as)

    assert heard["links"]["about"] == f"/v1/payments/{payment['payment_id']}"
    assert told["links"]["about"] == came["links"]["self"]
    demand_apart(first, second, heard, asked)


async def requested(first: Receiver, second: Receiver, key: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first asks the second for a payment: the conversation of each."""
    body = {
        "amount": "51.74",
        "currency": "USD",
        "debtor": {"name": "Sample Debtor"},
        "debtor_account": "200000000001",
        "debtor_agent": SECOND_AGENT,
        "creditor": {"name": "Sample Creditor"},
        "creditor_account": "100000007777",
        "creditor_agent": AGENT,
        "end_to_end_id": f"E2E-{key}",
        "rail": first.rail.value,
        **more,
    }
    asked = ask(first, "/v1/requests-for-payment", body, key=key)
    heard = await in_conversation(second, "request_for_payment", "REQUESTED", "in", asked["message_id"])
    demand_apart(second, first, heard, asked)
    return asked, heard


async def requested_and_paid(first: Receiver, second: Receiver, **more: Any) -> None:
    """Accepted by the second, and paid: both conversations know it, each with the money as its tenant sees it."""
    asked, heard = await requested(first, second, "bureau-paid", **more)

    ask(second, f"{heard['links']['self']}/answer", {"answer": "accepted"})
    await asked_until(first, asked["links"]["self"], lambda shown: shown["state"] == "ACCEPTED")
    payment = paid(second, "bureau-paid", by=SECOND_AGENT, to=AGENT)
    came = await arrived(first, "E2E-bureau-paid")
    ends = [
        await asked_until(tenant, shown["links"]["self"], lambda now: now["state"] == "PAID")
        for tenant, shown in ((first, asked), (second, heard))
    ]

    assert [each["links"]["paid_with"] for each in ends] == [
        came["links"]["self"],
        f"/v1/payments/{payment['payment_id']}",
    ]
    assert not any(each["attention"] for each in ends)


async def requested_and_taken_back(first: Receiver, second: Receiver, **more: Any) -> None:
    """Refused once, and then agreed: each of the two hears the other's word, and acknowledges it."""
    asked, heard = await requested(first, second, "bureau-withdrawn", **more)

    ask(first, f"{asked['links']['self']}/withdrawal", {"reason_code": "CUST"})
    await asked_until(second, heard["links"]["self"], lambda shown: shown["state"] == "WITHDRAWING")
    ask(second, f"{heard['links']['self']}/answer", {"answer": "withdrawal_agreed"})
    ended = await asked_until(first, asked["links"]["self"], lambda shown: shown["state"] == "WITHDRAWN")
    theirs = ask(second, heard["links"]["self"])
    kinds = [
        [each["kind"] for each in ask(tenant, f"{shown['links']['self']}/events")["events"]]
        for tenant, shown in ((first, asked), (second, heard))
    ]

    assert (ended["direction"], theirs["direction"], theirs["state"]) == ("out", "in", "WITHDRAWN")
    assert [sorted(set(each) - {"ReceiptReported"}) for each in kinds] == [
        ["Opened", "WithdrawalAgreed", "WithdrawalAsked"]
    ] * 2


def demand_apart(first: Receiver, second: Receiver, of_first: dict[str, Any], of_second: dict[str, Any]) -> None:
    """Demand that each tenant sees its own conversation alone, in its list and by its path."""
    ids = {each["conversation_id"] for each in (of_first, of_second)}
    assert len(ids) == 2
    for tenant, own, foreign in ((first, of_first, of_second), (second, of_second, of_first)):
        listed = {each["conversation_id"] for each in ask(tenant, "/v1/conversations?all=true")["conversations"]}
        assert listed & ids == {own["conversation_id"]}
        ask(tenant, foreign["links"]["self"], expected=404)
