"""Receipts that never come, through the real stack: found, told, counted, pinged for, and sent again by a person."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.application import application
from gateway.cli.replay import replay
from gateway.settings import load_settings
from tests.acceptance.bureau import quarantined
from tests.acceptance.installation import installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.receiving import OPERATOR_KEY, Receiver, delivered, receiving, register_operator, until
from tests.acceptance.talk import (
    asked_for,
    asked_of_us,
    is_in,
    kinds_of,
    known_as,
    path_of,
    question,
    refusal_of,
    verdicts_of,
)
from tests.acceptance.test_returns import ask, asked_until, faults_of, request_is
from tests.conftest import REGION, Database, copy_database

WAIT_S: Final = 2
LATE_S: Final = 8
"""So late the first copy's answers come: after it was found to be without a receipt, and sent again."""

NOT_RECEIVED_FOR: Final = "990000204"
"""Connected by the same party, and received for by no tenant."""

MANY: Final = 4
MORE: Final = {
    "FIFTEEN_FEDNOW__RECEIPT_WAIT_S": str(WAIT_S),
    "FIFTEEN_FEDNOW__RECEIPT_PING_AFTER": str(MANY),
}


@pytest.fixture
def receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """A receiving installation with one worker, which does not wait for receipts for long."""
    register_operator(database)
    with (
        installed(database, tmp_path, more=MORE) as installation,
        receiving(installation, database, more=MORE) as running,
    ):
        running.installation.start_worker()
        yield running


async def fifteen(receiver: Receiver, *command: str) -> Result:
    """Run a command in a thread of its own, as an operator."""
    environment = {
        "FIFTEEN_GATEWAY_URL": receiver.installation.gateway_url,
        "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY,
        "COLUMNS": "300",
    }
    return await asyncio.to_thread(lambda: CliRunner().invoke(application, [*command], env=environment))


def has_missing(*types: str) -> Callable[[dict[str, Any]], bool]:
    """Whether the receipts of these, and of no other messages, are missing."""
    return lambda shown: sorted(each["message_type"][:8] for each in shown["missing_receipts"]) == sorted(types)


def pings(status: dict[str, Any]) -> list[tuple[str, str]]:
    """Who has had the rail pinged, and whether it has answered."""
    return [(each["asked_by"], each["state"]) for each in status["operations"] if each["code"] == "PING"]


async def test_what_is_without_a_receipt_is_sent_again_and_the_late_answer_to_the_first_is_the_same_conversations(
    receiver: Receiver, database: Database
) -> None:
    """The first copy had come: both are answered, the second first. The control: before, it is not sent again.

    A request for payment, its withdrawal, a question, and a request for a return. What the rail refuses (admi.002) has
    no receipt either, and fails when the refusal comes.
    """
    (came,) = receiver.order()
    about = await until(database, came, lambda row: row["state"] == "POSTED")
    payment = ask(receiver, "/v1/messages", message(transfer()))
    paid = f"/v1/payments/{payment['payment_id']}"
    await asked_until(receiver, paid, is_in("SETTLED"))
    promised = asked_for(receiver, "SIMPROMISE")
    await asked_until(receiver, path_of(promised), is_in("ACCEPTED"))

    receiver.switch_faults(delay_answers_s=LATE_S)
    asked, unread = asked_for(receiver, "SIMPROMISE"), asked_for(receiver, "SIMUNREAD")
    path = path_of(asked)
    early = ask(receiver, f"{path}/resend", {}, expected=409)
    ask(receiver, f"{path_of(promised)}/withdrawal", {"reason_code": "CUST"})
    information = f"/v1/incoming-transfers/{about['payment_id']}/information-request"
    questioned = ask(receiver, information, question("MS01"), key="late")
    ask(receiver, f"{paid}/return-request", {"reason_code": "CUST"})
    missing = await asked_until(receiver, path, has_missing("pain.013"))
    everything = ("camt.026", "camt.055", "camt.056", "pain.013", "pain.013")
    await asked_until(receiver, "/v1/rails/fednow", has_missing(*everything))
    refused_late = ask(receiver, path_of(unread))
    receiver.switch_faults()

    again = ask(receiver, f"{path}/resend", {})
    twice = ask(receiver, f"{path}/resend", {}, expected=409)
    for each in (promised, questioned):
        ask(receiver, f"{path_of(each)}/resend", {})
    ask(receiver, f"{paid}/return-request", {"reason_code": "CUST"})
    accepted = await asked_until(receiver, path, is_in("ACCEPTED"))
    before = kinds_of(receiver, asked)
    await asked_until(receiver, path_of(promised), is_in("WITHDRAWN"))
    await asked_until(receiver, path_of(questioned), is_in("INFORMED"))
    await asked_until(receiver, paid, request_is("REFUSED"))
    await asked_until(
        receiver,
        f"{path}/events",
        lambda shown: [each["kind"] for each in shown["events"]].count("Accepted") == 2,
        within_s=LATE_S + 5,
    )
    await asked_until(receiver, path_of(unread), is_in("FAILED"))
    await delivered(receiver)
    answered = {
        "WithdrawalAgreed": kinds_of(receiver, promised),
        "Informed": kinds_of(receiver, questioned),
        "InformationGiven": kinds_of(receiver, questioned),
        "ReturnRefusedReported": [each["kind"] for each in ask(receiver, f"{paid}/events")["events"]],
    }
    ended = [ask(receiver, path_of(each)) for each in (promised, questioned, unread)]

    shown = ask(receiver, path)
    assert (early["why"], twice["why"]) == ("no_receipt_missing", "no_receipt_missing")
    assert [each["message_id"] for each in missing["missing_receipts"]] == [asked["message_id"]]
    assert (again["state"], accepted["missing_receipts"]) == ("REQUESTED", [])
    assert refused_late["state"] == "REQUESTED"
    assert before[:3] == ["Opened", "ReceiptMissed", "AskedAgain"]
    assert before.count("Accepted") == 1
    assert (shown["state"], shown["attention"], shown["missing_receipts"]) == ("ACCEPTED", False, [])
    sent = [verdicts for kind, verdicts in verdicts_of(receiver, asked) if kind == "pain.013"]
    assert sent == [["ignored"], ["ignored"]]
    assert {kind: kinds.count(kind) for kind, kinds in answered.items()} == dict.fromkeys(answered, 2)
    assert [(each["state"], each["attention"]) for each in ended] == [
        ("WITHDRAWN", False),
        ("INFORMED", False),
        ("FAILED", False),
    ]
    assert request_is("REFUSED")(ask(receiver, paid))
    assert kinds_of(receiver, unread) == ["Opened", "ReceiptMissed", "OpeningRefused"]
    assert await quarantined(database) == 0


async def test_what_nobody_has_said_to_have_arrived_is_told_counted_pinged_for_and_sent_again_or_closed(
    receiver: Receiver,
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request for payment, a question, a request for a return, and an answer of ours, whose receipts are all lost.

    Three are few, and four are many: the rail is pinged once. The requests go again under another id by a person's
    order, the answer does not. The control: what was acknowledged is nowhere, nor is what was answered at once: a
    question, and a request for payment, to an institution that nobody receives for.
    """
    heard = asked_for(receiver, "SIMSILENT")
    (came,) = receiver.order()
    about = await until(database, came, lambda row: row["state"] == "POSTED")
    payment = ask(receiver, "/v1/messages", message(transfer()))
    paid = f"/v1/payments/{payment['payment_id']}"
    await asked_until(receiver, paid, lambda shown: shown["state"] == "SETTLED")
    await asked_until(receiver, f"{path_of(heard)}/events", lambda shown: len(shown["events"]) == 2)
    of_theirs = await known_as(receiver, asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-THEIRS"))
    of_nobodys = {"message_id": payment["message_id"], "debtor_agent": NOT_RECEIVED_FOR}
    asked_of_us(receiver, kind="information_request", **of_nobodys)
    unreached = asked_of_us(receiver, kind="request_for_payment", debtor_agent=NOT_RECEIVED_FOR)
    assert await taken_by_the_rail(receiver, "camt.029") == ["ignored"]
    assert await refusal_of(receiver, database, unreached) == (["RC04"], ["ignored"])

    receiver.switch_faults(messages={"admi.007": {"next": 1_000, "copies": 0}})
    request = asked_for(receiver, "SIMSILENT")
    asked = ask(
        receiver,
        f"/v1/incoming-transfers/{about['payment_id']}/information-request",
        question("IN15"),
        key="question",
    )
    ask(receiver, f"{paid}/return-request", {"reason_code": "FRAD"})
    few = await asked_until(receiver, "/v1/rails/fednow", has_missing("camt.026", "camt.056", "pain.013"))
    ask(receiver, f"{path_of(of_theirs)}/answer", {"answer": "refused", "reason_code": "AC04"})
    await asked_until(receiver, "/v1/rails/fednow", has_missing("camt.026", "camt.056", "pain.013", "pain.014"))
    many = await asked_until(receiver, "/v1/rails/fednow", lambda shown: pings(shown) == [("missing receipts", "done")])
    listed = await fifteen(receiver, "rail", "status")
    waiting = ask(receiver, "/v1/conversations")["conversations"]
    unanswered = ask(receiver, "/v1/return-requests")["return_requests"]
    shown_in_metrics = await metric(receiver, "gateway_rail_missing_receipts", 4.0)

    receiver.switch_faults()
    refused = ask(receiver, f"{path_of(of_theirs)}/resend", {}, expected=409)
    for each in (request, asked):
        resent = await fifteen(receiver, "conversations", "resend", each["conversation_id"])
        assert resent.exit_code == 0, resent.output
    ask(receiver, f"{paid}/return-request", {"reason_code": "FRAD"})
    left = await asked_until(receiver, "/v1/rails/fednow", has_missing("pain.014"))
    for each in (request, asked):
        await asked_until(receiver, f"{path_of(each)}/events", lambda shown: len(shown["events"]) == 4)
    (answer,) = left["missing_receipts"]
    closings = [
        await fifteen(receiver, "rail", "close-receipt", answer["message_id"], "--note", "They have it.")
        for _ in range(2)
    ]
    closed = ask(receiver, "/v1/rails/fednow")
    for name, value in receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into = await asyncio.to_thread(copy_database, postgres_server, template)
    replayed = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)

    assert (pings(few), pings(many), pings(closed)) == ([], *[[("missing receipts", "done")]] * 2)
    assert listed.output.count("no receipt of") == MANY
    without = {each["conversation_id"] for each in waiting if each["missing_receipts"]}
    assert without == {each["conversation_id"] for each in (request, asked, of_theirs)}
    assert [[each["message_type"] for each in one["missing_receipts"]] for one in unanswered] == [["camt.056.001.08"]]
    assert shown_in_metrics
    assert refused["why"] == "no_receipt_missing"
    assert ([each.exit_code == 0 for each in closings], closed["missing_receipts"]) == ([True, False], [])
    assert kinds_of(receiver, heard) == ["Opened", "ReceiptReported"]
    for each in (request, asked):
        assert kinds_of(receiver, each) == ["Opened", "ReceiptMissed", "AskedAgain", "ReceiptReported"]
    assert kinds_of(receiver, of_theirs) == ["Opened", "Refused", "ReceiptMissed"]
    befallen = [each["kind"] for each in ask(receiver, f"{paid}/events")["events"] if "Return" in each["kind"]]
    assert befallen == ["ReturnAsked", "ReturnReceiptMissed", "ReturnAsked", "ReturnReceiptReported"]
    for each, kind in ((request, "pain.013"), (asked, "camt.026")):
        assert verdicts_of(receiver, each) == [(kind, ["ignored"])] * 2
    sent = [each for each in ask(receiver, f"{paid}/messages")["messages"] if each["message_type"][:8] == "camt.056"]
    copies = [receiver.installation.copies_on_the_wire(each["business_message_id"]) for each in sent]
    assert [[copy["verdict"] for copy in each] for each in copies] == [["ignored"]] * 2
    assert replayed.diverged == {}
    assert await faults_of(database) == 0
    assert await quarantined(database) == 0


async def taken_by_the_rail(receiver: Receiver, name: str) -> list[str]:
    """What the rail has said of each of our messages of a type, once one has come."""

    def verdicts() -> list[str]:
        url = f"{receiver.installation.simulator_urls[receiver.rail]}/simulator/v1/messages"
        with urllib.request.urlopen(url) as response:
            copies = json.load(response)
        return [each["verdict"] for each in copies if (each.get("message_type") or "").startswith(name)]

    async with asyncio.timeout(15):
        while not (found := await asyncio.to_thread(verdicts)):
            await asyncio.sleep(0.05)
    return found


async def metric(receiver: Receiver, name: str, value: float) -> bool:
    """Whether the worker comes to say that a gauge of the rail has this value: it reads them every 15 s."""

    def said() -> str:
        with urllib.request.urlopen(f"{receiver.installation.worker_url}/metrics") as response:
            text: str = response.read().decode()
        return text

    async with asyncio.timeout(25):
        while f'{name}{{rail="{receiver.rail}",region="{REGION}"}} {value}' not in await asyncio.to_thread(said):
            await asyncio.sleep(0.5)
    return True
