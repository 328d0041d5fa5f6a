"""What is asked and answered about payments, over either rail; and one of everything, with what its histories say."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import asyncpg

from gateway.domain.payment import Rail
from tests.acceptance.payments import message, rtp_message, rtp_transfer, transfer
from tests.acceptance.receiving import AGENT, Receiver, delivered, until
from tests.acceptance.test_returns import ask, asked_back, asked_until, request_is
from tests.conftest import Database

THEIRS: Final = "990001106"
"""Oldferry Sample Savings."""

Requested = Callable[[Receiver, str], dict[str, Any]]
"""Asks for payment from an account whose name says what becomes of it."""

Histories = Mapping[str, list[str]]
"""The kinds of the events of each, in the order of the alphabet: of two messages either may be heard first."""

UNCHANGED_S: Final = 0.4
"""A history in which nothing has happened for so long is whole, once everything has been delivered."""

_REASON: Final = re.compile(rb"<(?:\w+:)?Rsn>\s*<(?:\w+:)?(?:Cd|Prtry)>(\w+)<")

_keys = count(1)
_numbers = count(1)


def tomorrow() -> str:
    """A day until which may be paid."""
    return (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


def asked_for(receiver: Receiver, account: str, *, expected: int = 200, **more: Any) -> dict[str, Any]:
    """A request for payment of ours, to an account whose name says what becomes of it."""
    body = {
        "amount": "51.74",
        "currency": "USD",
        "debtor": {"name": "Sample Debtor"},
        "debtor_account": account,
        "debtor_agent": THEIRS,
        "creditor": {"name": "Sample Creditor"},
        "creditor_account": "100000007777",
        "creditor_agent": AGENT,
        "pay_on": tomorrow(),
        **more,
    }
    return ask(receiver, "/v1/requests-for-payment", body, expected=expected, key=f"request-{next(_keys)}")


def question(code: str) -> dict[str, Any]:
    """An information request for what a code names: missing, or incorrect."""
    return {"missing" if code.startswith("MS") else "incorrect": [code]}


def asked_of_us(receiver: Receiver, **asking: Any) -> str:
    """Have the network ask us; returns the message id."""
    url = f"{receiver.installation.simulator_urls[receiver.rail]}/simulator/v1/conversations"
    request = urllib.request.Request(url, json.dumps(asking).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        message_id: str = json.load(response)["message_id"]
    return message_id


def path_of(shown: dict[str, Any]) -> str:
    """Where a conversation is."""
    path: str = shown["links"]["self"]
    return path


def is_in(*states: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a conversation stands so."""
    return lambda shown: shown["state"] in states


async def known_as(receiver: Receiver, message_id: str) -> dict[str, Any]:
    """The conversation that a message of the network's has opened."""

    def found(listed: dict[str, Any]) -> list[dict[str, Any]]:
        return [each for each in listed["conversations"] if each["message_id"] == message_id]

    listed = await asked_until(receiver, "/v1/conversations?all=true", lambda listed: bool(found(listed)))
    (conversation,) = found(listed)
    return conversation


def verdicts_of(receiver: Receiver, shown: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Our messages in a conversation, with what the network has said of each copy that came."""
    listed = ask(receiver, f"{path_of(shown)}/messages")["messages"]
    return [
        (
            each["message_type"][:8],
            [
                copy["verdict"]
                for copy in receiver.installation.copies_on_the_wire(each["business_message_id"], rail=receiver.rail)
            ],
        )
        for each in listed
        if each["direction"] == "rail_out"
    ]


def kinds_of(receiver: Receiver, shown: dict[str, Any]) -> list[str]:
    """What has befallen a conversation."""
    return [each["kind"] for each in ask(receiver, f"{path_of(shown)}/events")["events"]]


async def refusal_of(receiver: Receiver, database: Database, message_id: str) -> tuple[list[str], list[str]]:
    """The reasons in our one pain.014 to a request, whoever's it is, and what the network has said of each copy."""
    query = """
        SELECT said.business_message_id, said.body FROM conversation AS asked JOIN conversation_message AS said
        USING (conversation_id) WHERE asked.message_id = $1 AND said.direction = 'rail_out'
        AND starts_with(said.message_type, 'pain.014')
    """
    connection = await asyncpg.connect(database.application_dsn)
    try:
        async with asyncio.timeout(15):
            while True:
                for row in await connection.fetch(query, message_id):
                    copies = receiver.installation.copies_on_the_wire(row["business_message_id"], rail=receiver.rail)
                    if copies:
                        reasons = [reason.decode() for reason in _REASON.findall(row["body"])]
                        return reasons, [copy["verdict"] for copy in copies]
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def everything_said(receiver: Receiver, database: Database, requested: Requested) -> Histories:
    """Ask for money, take it back, ask about what came, ask it back, and answer the same of the other side's."""
    number = next(_numbers)
    sent = rtp_transfer() if receiver.rail is Rail.RTP else transfer()
    body = rtp_message(sent) if receiver.rail is Rail.RTP else message(sent)
    paid = f"/v1/payments/{ask(receiver, '/v1/messages', body)['payment_id']}"
    (came,) = receiver.order(amount="20.00")
    row = await until(database, came, lambda row: row["state"] == "POSTED")
    received = f"/v1/incoming-transfers/{row['payment_id']}"
    await asked_until(receiver, paid, is_in("SETTLED"))

    promised, unread = requested(receiver, "SIMPROMISE"), requested(receiver, "SIMUNREAD")
    await asked_until(receiver, path_of(promised), is_in("ACCEPTED"))
    ask(receiver, f"{path_of(promised)}/withdrawal", {"reason_code": "CUST"})
    asked = ask(receiver, f"{received}/information-request", question("MS01"), key=f"{receiver.rail}-{number}")
    ask(receiver, f"{paid}/return-request", {"reason_code": "CUST"})
    asked_back(receiver, came, reason="DUPL")
    theirs = await known_as(
        receiver, asked_of_us(receiver, kind="information_request", message_id=sent.message_id, end_to_end_id="E2E")
    )
    ask(receiver, f"{path_of(theirs)}/answer", {"answer": "informed", "information": ["Invoice 4711"]})
    await asked_until(receiver, received, request_is("RECEIVED"))
    ask(receiver, f"{received}/return-answer", {"answer": "refused", "reason_code": "CUST"})
    for shown, state in ((promised, "WITHDRAWN"), (unread, "FAILED"), (asked, "INFORMED"), (theirs, "INFORMED")):
        ended = await asked_until(receiver, path_of(shown), is_in(state))
        assert not ended["attention"], ended
    for path in (paid, received):
        await asked_until(receiver, path, request_is("REFUSED"))
    await delivered(receiver)
    last = requested(receiver, "SIMREFUSE")
    await asked_until(receiver, path_of(last), is_in("REFUSED"))
    await delivered(receiver)
    subjects = {"promised": promised, "unread": unread, "asked": asked, "theirs": theirs, "last": last}
    paths = {name: path_of(shown) for name, shown in subjects.items()} | {"paid": paid, "received": received}
    return await whole(receiver, paths)


async def whole(receiver: Receiver, paths: Mapping[str, str]) -> Histories:
    """The histories, once nothing happens any more."""
    found: Histories = {}
    async with asyncio.timeout(15):
        while True:
            before, found = found, {name: kinds(receiver, path) for name, path in paths.items()}
            if found == before:
                return found
            await asyncio.sleep(UNCHANGED_S)


def kinds(receiver: Receiver, path: str) -> list[str]:
    """What has befallen something."""
    return sorted(each["kind"] for each in ask(receiver, f"{path}/events")["events"])


async def asked_about_requests(receiver: Receiver, requested: Requested) -> None:
    """About a request for payment of theirs we ask, once under one key; about one of ours we are asked, and tell."""
    theirs = await known_as(receiver, asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-DOUBTFUL"))
    ours = requested(receiver, "SIMPROMISE")
    path = f"{path_of(theirs)}/information-request"

    asked = ask(receiver, path, question("MS01"), key="about-theirs")
    again = ask(receiver, path, question("MS01"), key="about-theirs")
    refused = ask(receiver, f"{path_of(ours)}/information-request", question("MS01"), expected=409, key="about-ours")
    told = await asked_until(receiver, path_of(asked), is_in("INFORMED"))
    named = f"M{ours['message_id'][1:]}" if receiver.rail is Rail.RTP else ours["message_id"]
    asking = {"message_id": named, "original": "pain.013.001.07", "end_to_end_id": ours["end_to_end_id"]}
    heard = await known_as(receiver, asked_of_us(receiver, kind="information_request", copies=2, **asking))
    due = [
        each
        for each in ask(receiver, "/v1/due?kind=information_request")["due"]
        if each["id"] == heard["conversation_id"]
    ]
    ask(receiver, f"{path_of(heard)}/answer", {"answer": "informed", "information": ["Invoice 4711"]})

    def is_taken(_: dict[str, Any]) -> bool:
        return all(verdicts for _, verdicts in verdicts_of(receiver, heard))

    await asked_until(receiver, f"{path_of(heard)}/messages", is_taken)
    assert (again["conversation_id"], refused["why"]) == (asked["conversation_id"], "not_received")
    assert [told["links"]["about"], heard["links"]["about"]] == [path_of(theirs), path_of(ours)]
    assert [each["links"]["payment"] for each in due] == [path_of(ours)]
    assert verdicts_of(receiver, asked)[0] == ("camt.026", ["ignored"])
    assert ("camt.028", ["ignored"]) in verdicts_of(receiver, heard)
    assert kinds_of(receiver, heard).count("Informed") == 1
    for request, of in ((theirs, asked), (ours, heard)):
        listed = ask(receiver, f"/v1/conversations?about={request['conversation_id']}")["conversations"]
        assert [each["conversation_id"] for each in listed] == [of["conversation_id"]]


def payment_to(account: str, receiver: Receiver, **more: Any) -> dict[str, Any]:
    """A payment to the other institution."""
    return {
        "amount": "51.74",
        "currency": "USD",
        "debtor": {"name": "Sample Debtor"},
        "debtor_account": "100000007777",
        "debtor_agent": AGENT,
        "creditor": {"name": "Sample Creditor"},
        "creditor_account": account,
        "creditor_agent": THEIRS,
        "rail": receiver.rail.value,
        **more,
    }
