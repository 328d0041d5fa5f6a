"""Returns through the real stack, both ways: the money goes back once, and comes back once, and every book agrees."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.replay import Outcome, replay
from gateway.settings import load_settings
from tests.acceptance.installation import HEADERS, installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.receiving import OPERATOR_KEY, Receiver, receiving, register_operator, until
from tests.conftest import Database, copy_database

_ANSWER: Final = re.compile(rb"<(?:\w+:)?(?:Conf|Rsn>\s*<(?:\w+:)?Cd)>([A-Z]+)<")


@pytest.fixture
def receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """A receiving installation on a short clock, with one worker."""
    more = {"FIFTEEN_FEDNOW__RECEIVER_RESERVE_S": "1", "FIFTEEN_FEDNOW__RECEIVER_OWN_SHARE_S": "0.5"}
    with installed(database, tmp_path) as installation, receiving(installation, database, more=more) as running:
        running.installation.start_worker()
        yield running


def ask(
    receiver: Receiver, path: str, body: Any = None, *, expected: int = 200, key: str | None = None
) -> dict[str, Any]:
    """What the gateway answers the tenant."""
    request = urllib.request.Request(
        f"{receiver.installation.gateway_url}{path}",
        None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {receiver.api_key}",
            "Content-Type": "application/xml" if isinstance(body, bytes) else "application/json",
            "Prefer": "wait=10",
            **({} if key is None else {"Idempotency-Key": key}),
        },
    )
    try:
        with urllib.request.urlopen(request) as response:
            status, answer = response.status, json.load(response)
    except urllib.error.HTTPError as error:
        status, answer = error.code, json.load(error)
    assert status == expected, answer
    shown: dict[str, Any] = answer
    return shown


async def asked_until(
    receiver: Receiver, path: str, holds: Callable[[dict[str, Any]], bool], *, within_s: float = 15
) -> dict[str, Any]:
    """What the gateway shows, once it is as expected."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = await asyncio.to_thread(ask, receiver, path)
                if holds(found):
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{path} is {found}") from None


async def returns_of(database: Database) -> list[str]:
    """The message ids of the returns that were accepted here."""
    connection = await asyncpg.connect(database.application_dsn)
    rows = await connection.fetch("SELECT message_id FROM payment WHERE original_id IS NOT NULL ORDER BY accepted_at")
    await connection.close()
    return [row["message_id"] for row in rows]


async def faults_of(database: Database) -> int:
    """How many payments' postings are not what their states say."""
    async with open_pool(database.application_dsn) as pool:
        return len(await PostgresLedger(pool).faults(limit=9))


async def test_what_the_institution_refuses_to_post_goes_back_whatever_befalls_the_return(
    receiver: Receiver, database: Database, replayed: Replayed
) -> None:
    """Settled at once; its answer lost, late, or said twice: each goes back once.

    One that the rail rejects is not sent again by itself: the money is here still, and a person is told.
    """
    refused = {"amount": "150.00", "creditor_account": "SIMREFUSEAC06"}
    cases = [{}, {"debtor_account": "SIMLOSTANSWER"}, {"debtor_account": "SIMTWICE"}, {"debtor_account": "SIMLATE5"}]

    (unreturned,) = receiver.order(**refused, debtor_account="SIMRJCTAC04")
    ids = [receiver.order(**refused, **case)[0] for case in cases]
    rows = [
        await until(database, each, lambda row: row["state"] == "RETURNED" and row["unsent_at"] is None, within_s=25)
        for each in ids
    ]
    left = await until(database, unreturned, lambda row: row["attention"] == "return_failed")

    assert [row["returned_cents"] for row in rows] == [15_000] * len(cases)
    assert (left["state"], left["returned_cents"]) == ("RETURN_DUE", 0)
    returns = await returns_of(database)
    copies = [receiver.installation.copies_on_the_wire(each) for each in returns]
    assert [len(each) for each in copies] == [1] * (len(cases) + 1)
    assert {each["message_type"] for (each,) in copies} == {"pacs.004.001.10"}
    assert sorted(each["payment"]["status"] for (each,) in copies) == ["ACSC"] * len(cases) + ["RJCT"]
    positions = receiver.installation.ledger()["positions"]
    assert positions["990000107"] == 15_000, "what had come has gone back, but for one"
    assert sum(positions.values()) == 0
    assert await faults_of(database) == 0
    assert not set(receiver.at_institution()["credited"]) & {str(row["payment_id"]) for row in [*rows, left]}
    assert (await replayed(receiver)).diverged == {}


async def test_what_was_posted_is_given_back_in_parts_and_no_further(receiver: Receiver, database: Database) -> None:
    """20 dollars, of which the institution is told; then more than is left: refused by us, the rail would not."""
    (message_id,) = receiver.order(amount="51.74")
    row = await until(database, message_id, lambda row: row["state"] == "POSTED")
    path = f"/v1/incoming-transfers/{row['payment_id']}"

    ask(receiver, f"{path}/return", {"amount": "20.00"}, expected=422, key="one")
    started = ask(receiver, f"{path}/return", {"amount": "20.00", "reason_code": "CUST"}, key="one")
    ended = await asked_until(receiver, path, lambda shown: shown["returned"]["value"] == "20.00")
    again = ask(receiver, f"{path}/return", {"amount": "20.00", "reason_code": "CUST"}, key="one")
    refused = ask(receiver, f"{path}/return", {"amount": "31.75", "reason_code": "CUST"}, expected=409, key="two")

    async with asyncio.timeout(15):
        while [str(row["payment_id"]), "returned"] not in receiver.at_institution()["returns"]:
            await asyncio.sleep(0.05)

    assert started["returning"]["value"] == "20.00"
    assert (ended["state"], ended["returnable"]["value"]) == ("POSTED", "31.74")
    assert again == ended
    assert refused["type"].endswith("not_returnable")
    assert len(await returns_of(database)) == 1
    assert await faults_of(database) == 0


async def test_a_payment_comes_back_once_and_in_parts_and_never_by_more_than_was_paid(
    receiver: Receiver, database: Database
) -> None:
    """Linked to its payment, booked, and credited to its customer once, though the rail delivers it three times.

    Of one whose advice never comes the rail is asked; one that comes too late has not settled; and where the rail
    refuses our answer, to any transfer, nothing is posted.
    """
    sent = transfer()
    payment = ask(receiver, "/v1/messages", message(sent))
    path = f"/v1/payments/{payment['payment_id']}"
    await asked_until(receiver, path, lambda shown: shown["state"] == "SETTLED")

    (first,) = receiver.order(returns=sent.message_id, returned="31.74", copies=3, copy_after_s=0.1, advice_copies=2)
    row = await until(database, first, lambda row: row["state"] == "POSTED" and row["unsent_at"] is None)
    between = await asked_until(receiver, path, lambda shown: shown["returned"]["value"] == "31.74")
    (second,) = receiver.order(returns=sent.message_id, returned="20.01")
    await until(database, second, lambda row: row["state"] == "REJECTED" and row["unsent_at"] is None)
    (broken,) = receiver.order(returns=sent.message_id, returned="5.00", writes={"TxInf/ChrgBr": "DEBT"})
    await until(database, broken, lambda row: row["state"] == "REJECTED" and row["unsent_at"] is None)
    (late,) = receiver.order(returns=sent.message_id, returned="1.00", spent_s=30)
    await until(database, late, is_in("NOT_SETTLED"))
    receiver.switch_faults(refuse={"pacs.002": "SIM-ORDERED"})
    (unheard,) = receiver.order(amount="7.00")
    await until(database, unheard, lambda row: "AnswerRefused" in row["kinds"])
    receiver.switch_faults()
    (third,) = receiver.order(returns=sent.message_id, returned="20.00", advice="none")
    doubted = await until(database, third, lambda row: row["state"] == "POSTED" and row["unsent_at"] is None)
    await until(database, unheard, is_in("NOT_SETTLED"))
    ended = await asked_until(receiver, path, lambda shown: shown["state"] == "RETURNED")

    assert between["state"] == "SETTLED"
    assert "StatusRequested" in doubted["kinds"], "it was asked about"
    assert (ended["returned"]["value"], ended["reason"]["code"]) == ("51.74", "AC03")
    for refused in (second, broken):
        (answer,) = receiver.at_rail(refused)["answers"]
        assert (answer["status"], answer["reasons"], answer["counts"]) == ("RJCT", ["NARR"], True)
    assert [each["status"] for each in receiver.at_rail(first)["answers"]] == ["ACTC"]
    institution = receiver.at_institution()
    assert institution["credited"][str(row["payment_id"])] == 3_174
    assert len(institution["credited"]) == 2
    assert all(cents == 0 for cents in receiver.installation.ledger()["positions"].values())
    kinds = [each["kind"] for each in ask(receiver, f"{path}/events")["events"]]
    assert (kinds.count("PartReturned"), kinds.count("PaymentReturned")) == (1, 1)
    assert await faults_of(database) == 0


Replayed = Callable[[Receiver], Awaitable[Outcome]]


@pytest.fixture
def replayed(
    database: Database, postgres_server: EmbeddedPostgres, template: str, monkeypatch: pytest.MonkeyPatch
) -> Replayed:
    """What comes out when everything that an installation has kept is run again."""
    into = copy_database(postgres_server, template)

    async def run(receiver: Receiver) -> Outcome:
        for name, value in receiver.installation.environment.items():
            monkeypatch.setenv(name, value)
        return await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)

    return run


def request_is(state: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the request for a return stands so."""
    return lambda shown: bool(shown["return_request"]) and shown["return_request"]["state"] == state


def is_in(state: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a transfer is in this state."""
    return lambda row: bool(row["state"] == state)


def asked_back(receiver: Receiver, message_id: str, **said: Any) -> None:
    """Have the sender of a payment ask for it."""
    url = f"{receiver.installation.simulator_urls[receiver.rail]}/simulator/v1/return-requests"
    body = json.dumps({"message_id": message_id, **said}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, method="POST")) as response:
        assert response.status == 201


def found_in(receiver: Receiver, path: str, message_type: str, pattern: re.Pattern[bytes]) -> list[str]:
    """What a kept message of this type says."""
    listed = ask(receiver, f"{path}/messages")["messages"]
    (kept,) = [each for each in listed if each["message_type"].startswith(message_type)]
    url = f"{receiver.installation.gateway_url}{path}/messages/{kept['message_id']}"
    with urllib.request.urlopen(urllib.request.Request(url, headers=HEADERS)) as response:
        return [match.decode() for match in pattern.findall(response.read())]


def answered_with(receiver: Receiver, path: str) -> list[str]:
    """What our answer to a request for a return says on the wire: the confirmation, and the reason."""
    return found_in(receiver, path, "camt.029", _ANSWER)


async def answers_taken(receiver: Receiver, paths: Sequence[str]) -> None:
    """Return once the rail has our one camt.029 of each, and has found it valid."""

    async def verdicts(path: str) -> list[str]:
        found = []
        for each in (await asyncio.to_thread(ask, receiver, f"{path}/messages"))["messages"]:
            if each["message_type"].startswith("camt.029") and each["direction"] == "rail_out":
                copies = receiver.installation.copies_on_the_wire(each["business_message_id"], rail=receiver.rail)
                found += [copy["verdict"] for copy in copies]
        return found

    async with asyncio.timeout(10):
        while [await verdicts(path) for path in paths] != [["ignored"]] * len(paths):
            await asyncio.sleep(0.05)


async def test_what_is_asked_back_of_us_is_answered_and_goes_back_with_the_answer(
    receiver: Receiver, database: Database, replayed: Replayed
) -> None:
    """Agreed in part, refused, and without anybody: what never came (NOOR) and what is on its way back."""
    (posted,) = receiver.order(amount="51.74")
    (refused,) = receiver.order(amount="12.00")
    (rejected,) = receiver.order(amount="150.00", creditor_account="SIMREJECTAC04")
    rows = [
        await until(database, message_id, is_in(state))
        for message_id, state in ((posted, "POSTED"), (refused, "POSTED"), (rejected, "REJECTED"))
    ]
    paths = [f"/v1/incoming-transfers/{row['payment_id']}" for row in rows]
    for message_id in (posted, refused, rejected):
        asked_back(receiver, message_id, reason="DUPL")
    asked_back(receiver, posted, reason="DUPL", unknown=True)
    for path, state in zip(paths, ("RECEIVED", "RECEIVED", "REFUSED"), strict=True):
        await asked_until(receiver, path, request_is(state))
    listed = ask(receiver, "/v1/return-requests")["return_requests"]
    await asyncio.to_thread(register_operator, database)
    operator = replace(receiver, api_key=OPERATOR_KEY)
    others = await asked_until(operator, "/v1/rails/fednow/questions", lambda shown: bool(shown["questions"]))
    (unknown,) = others["questions"]
    assert (unknown["message_type"], unknown["answers"][0]["reason_code"]) == ("camt.056", "NOOR")

    ask(receiver, f"{paths[0]}/return-answer", {"answer": "agreed", "amount": "20.00"})
    ask(receiver, f"{paths[1]}/return-answer", {"answer": "refused", "reason_code": "CUST"})
    again = ask(receiver, f"{paths[1]}/return-answer", {"answer": "agreed"}, expected=409)

    ended = [
        await asked_until(receiver, path, request_is(state))
        for path, state in zip(paths, ("RETURNED", "REFUSED", "REFUSED"), strict=True)
    ]
    assert {each["id"] for each in listed} == {str(row["payment_id"]) for row in rows[:2]}
    assert [each["direction"] for each in listed] == ["in", "in"]
    assert again["type"].endswith("return_not_answerable")
    assert [each["returned"]["value"] for each in ended] == ["20.00", "0.00", "0.00"]
    await answers_taken(receiver, paths)
    assert [answered_with(receiver, path) for path in paths] == [["PECR"], ["RJCR", "CUST"], ["RJCR", "NOOR"]]
    assert await faults_of(database) == 0
    assert (await replayed(receiver)).diverged == {}


async def test_what_we_ask_back_is_answered_and_comes_back(
    receiver: Receiver, database: Database, replayed: Replayed
) -> None:
    """IPAY with all of it, PECR with half, PDCR, RJCR, and silence; one timeline.

    Asked twice it is refused here, and so is what never settled.
    """
    asked = {"DUPL": "RETURNED", "TECH": "PENDING", "CUST": "REFUSED", "AM09": "RETURNED", "FRAD": "REQUESTED"}
    paths = {}
    for code in asked:
        payment = ask(receiver, "/v1/messages", message(transfer()))
        paths[code] = f"/v1/payments/{payment['payment_id']}"
        await asked_until(receiver, paths[code], lambda shown: shown["state"] == "SETTLED")

    for code, path in paths.items():
        ask(receiver, f"{path}/return-request", {"reason_code": code})
    ended = {code: await asked_until(receiver, paths[code], request_is(state)) for code, state in asked.items()}
    await asked_until(receiver, f"{paths['FRAD']}/events", ends_with("ReturnReceiptReported"))
    again = ask(receiver, f"{paths['TECH']}/return-request", {"reason_code": "TECH"}, expected=409)
    listed = ask(receiver, "/v1/return-requests")["return_requests"]
    rejected = ask(receiver, "/v1/messages", message(transfer(creditor_account="SIMRJCTAC04")))
    unsettled = f"/v1/payments/{rejected['payment_id']}/return-request"
    nothing = ask(receiver, unsettled, {"reason_code": "CUST"}, expected=409)

    assert {code: shown["returned"]["value"] for code, shown in ended.items()} == {
        "DUPL": "51.74", "TECH": "0.00", "CUST": "0.00", "AM09": "25.87", "FRAD": "0.00",
    }  # fmt: skip
    assert [shown["state"] for shown in ended.values()] == ["RETURNED", *["SETTLED"] * 4]
    waiting = {paths[code].rpartition("/")[2] for code in ("TECH", "FRAD")}
    assert (again["why"], {each["id"] for each in listed}) == ("already_asked", waiting)
    assert (rejected["state"], nothing["why"]) == ("REJECTED", "not_settled")
    kinds = [each["kind"] for each in ask(receiver, f"{paths['DUPL']}/events")["events"]]
    assert kinds[-4:] == ["ReturnAsked", "ReturnReceiptReported", "ReturnAgreedReported", "PaymentReturned"]
    for path in paths.values():
        messages = ask(receiver, f"{path}/messages")["messages"]
        (request,) = [each for each in messages if each["message_type"] == "camt.056.001.08"]
        assert len(receiver.installation.copies_on_the_wire(request["business_message_id"])) == 1
    assert await faults_of(database) == 0
    assert (await replayed(receiver)).diverged == {}


def ends_with(kind: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a history ends with this."""
    return lambda shown: bool(shown["events"][-1]["kind"] == kind)
