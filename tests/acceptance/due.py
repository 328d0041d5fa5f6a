"""All that is due over one rail: listed in one order, done by what the list itself says, and gone from it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, Final

from typer.testing import CliRunner

from gateway.cli.application import application
from gateway.domain.payment import Rail
from tests.acceptance.payments import message, rtp_message, rtp_transfer, transfer
from tests.acceptance.receiving import OPERATOR_KEY, Receiver, until
from tests.acceptance.talk import asked_of_us, is_in, known_as, path_of, payment_to
from tests.acceptance.test_returns import ask, asked_back, asked_until, request_is
from tests.conftest import Database

DONE_BY: Final[dict[str, dict[str, str]]] = {
    "payment_in_doubt": {"action": "record_settlement", "note": "Their support says: settled."},
    "posting": {"outcome": "posted"},
    "return_request": {"answer": "refused", "reason_code": "CUST"},
    "withdrawal": {"answer": "withdrawal_agreed"},
    "information_request": {"answer": "no_information"},
    "request_for_payment": {"answer": "refused", "reason_code": "CUST"},
}
"""What is done of each kind: every one is among what the list says is expected."""


async def waiting(receiver: Receiver, database: Database) -> dict[str, str]:
    """One of each that people and institutions must do: kinds by their ids; of money that was asked for two."""
    sent = rtp_transfer() if receiver.rail is Rail.RTP else transfer()
    ours = ask(receiver, "/v1/messages", rtp_message(sent) if receiver.rail is Rail.RTP else message(sent))
    doubted = ask(receiver, "/v1/payments", payment_to("SIMCONTRADICT", receiver), key="due-doubted")
    (held,), (posted,) = receiver.order(amount="20.00", creditor_account="SIMHOLD"), receiver.order(amount="20.00")
    names = ("E2E-DUE-ASKED", "E2E-DUE-PROMISED", "E2E-DUE-BACK")
    asked, promised, taken_back = [
        await known_as(receiver, asked_of_us(receiver, kind="request_for_payment", end_to_end_id=name))
        for name in names
    ]
    ask(receiver, f"{path_of(promised)}/answer", {"answer": "accepted"})
    asked_of_us(receiver, kind="withdrawal", message_id=taken_back["message_id"], end_to_end_id=names[2])
    holding = await until(database, held, lambda row: row["state"] == "PENDING")
    given = await until(database, posted, lambda row: row["state"] == "POSTED")
    asked_back(receiver, posted, reason="DUPL")
    await asked_until(receiver, f"/v1/incoming-transfers/{given['payment_id']}", request_is("RECEIVED"))
    await asked_until(receiver, f"/v1/payments/{ours['payment_id']}", is_in("SETTLED"))
    question = await known_as(receiver, asked_of_us(receiver, kind="information_request", message_id=sent.message_id))
    await asked_until(receiver, path_of(taken_back), is_in("WITHDRAWING"))
    path = f"/v1/payments/{doubted['payment_id']}"
    await asked_until(receiver, path, lambda shown: shown["attention"] == "contradicted")
    return {
        doubted["payment_id"]: "payment_in_doubt",
        str(holding["payment_id"]): "posting",
        str(given["payment_id"]): "return_request",
        asked["conversation_id"]: "request_for_payment",
        promised["conversation_id"]: "request_for_payment",
        taken_back["conversation_id"]: "withdrawal",
        question["conversation_id"]: "information_request",
    }


async def listed_until(receiver: Receiver, expected: dict[str, str]) -> list[dict[str, Any]]:
    """The entries of these ids, once there is one of each kind that is expected of them."""

    def of_these(shown: dict[str, Any]) -> list[dict[str, Any]]:
        return [each for each in shown["due"] if each["id"] in expected]

    def is_there(shown: dict[str, Any]) -> bool:
        return {each["id"]: each["kind"] for each in of_these(shown)} == expected

    return of_these(await asked_until(receiver, "/v1/due", is_there))


async def everything_due(receiver: Receiver, database: Database, *, other: Receiver) -> None:
    """Every entry leads to its thing, and to where what is expected is done; then it is gone. None is the other's."""
    expected = await waiting(receiver, database)

    entries = await listed_until(receiver, expected)
    foreign = ask(other, "/v1/due")
    things = {each["id"]: ask(receiver, each["links"]["self"]) for each in entries}

    deadlines = [each["by"] for each in entries]
    assert deadlines == sorted(deadlines)
    assert not {each["id"] for each in foreign["due"]} & set(expected)
    for entry in entries:
        thing = things[entry["id"]]
        said = {thing.get(name) for name in ("deadline_at", "decide_by", "due_at")}
        request = thing.get("return_request") or {}
        assert entry["by"] in {*said, request.get("due_at")}
        assert entry["since"] < entry["by"] or entry["overdue"]
    shown = await fifteen_due(receiver, "--all", "--json")
    assert {each["id"] for each in shown["due"]} >= set(expected)

    for entry in entries:
        _do(receiver, entry)
    kinds = {each["kind"] for each in entries}
    left = await asked_until(receiver, "/v1/due", lambda now: not {each["id"] for each in now["due"]} & set(expected))
    assert kinds == set(DONE_BY)
    assert left["more"] is False


def _do(receiver: Receiver, entry: dict[str, Any]) -> None:
    """Do what is expected, where the list says."""
    if entry["expected"] == ["pay"]:
        paying = payment_to("200000000001", receiver, end_to_end_id="E2E-DUE-PROMISED")
        ask(receiver, entry["links"]["do"], paying, key="due-promised")
        return
    said = DONE_BY[entry["kind"]]
    word = said.get("answer") or said.get("outcome") or said["action"]
    assert word in entry["expected"]
    is_operators = entry["kind"] == "payment_in_doubt"
    who = replace(receiver, api_key=OPERATOR_KEY) if is_operators else receiver
    ask(who, entry["links"]["do"], said)


async def fifteen_due(receiver: Receiver, *options: str) -> dict[str, Any]:
    """What the command lists for an operator; some of it is late: it exits with 1."""
    environment = {"FIFTEEN_GATEWAY_URL": receiver.installation.gateway_url, "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY}
    command = ["due", *options]
    result = await asyncio.to_thread(lambda: CliRunner().invoke(application, command, env=environment))
    assert result.exit_code in {0, 1}, result.output
    listed: dict[str, Any] = json.loads(result.output)
    return listed
