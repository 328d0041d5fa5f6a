"""The receiver of a payment that was not posted is asked, through the real stack, and what it says is what counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.acceptance.bureau import SECOND_AGENT, arrived, attended, quarantined, register_second, with_second
from tests.acceptance.installation import installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.receiving import AGENT, Receiver, receiving, until
from tests.acceptance.test_conversations import database
from tests.acceptance.test_returns import Replayed, ask, asked_until, faults_of, replayed
from tests.conftest import Database

__all__ = ["database", "replayed"]

WAIT_S = 2
"""In place of the receiver's own time, which ends at midnight: so long after the acceptance it may be asked."""

_keys = count(1)


@pytest.fixture(scope="module")
def receiver(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """An installation that sends and receives, with one worker."""
    directory = tmp_path_factory.mktemp("posting")
    more = {"FIFTEEN_FEDNOW__POSTING_QUESTION_WAIT_S": str(WAIT_S), **with_second(directory)}
    with (
        installed(database, directory, more=more) as installation,
        receiving(installation, database, more=more) as running,
    ):
        register_second(database, running)
        running.installation.start_worker()
        yield running


def unposted(receiver: Receiver, account: str) -> str:
    """Where a payment is shown that its receiver has taken without posting it; its account says what it answers."""
    payment = ask(receiver, "/v1/messages", message(transfer(creditor_account=f"{account}-{next(_keys)}")))
    assert (payment["state"], payment["status"]) == ("ACCEPTED_WITHOUT_POSTING", "ACWP"), payment
    return f"/v1/payments/{payment['payment_id']}"


def events_of(receiver: Receiver, path: str) -> list[dict[str, Any]]:
    """A payment's history."""
    events: list[dict[str, Any]] = ask(receiver, f"{path}/events")["events"]
    return events


def kinds_of(receiver: Receiver, path: str) -> list[str]:
    """What has befallen a payment."""
    return [each["kind"] for each in events_of(receiver, path)]


def has(*kinds: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a history has all of these, each as often as it is named here."""

    def holds(shown: dict[str, Any]) -> bool:
        found = [each["kind"] for each in shown["events"]]
        return all(found.count(kind) == kinds.count(kind) for kind in kinds)

    return holds


def questions_of(receiver: Receiver, path: str) -> list[list[dict[str, Any]]]:
    """The copies of each question about a payment that have reached the rail."""
    return [
        receiver.installation.copies_on_the_wire(each["business_message_id"])
        for each in ask(receiver, f"{path}/messages")["messages"]
        if each["message_type"] == "pacs.028.001.03" and each["direction"] == "rail_out"
    ]


async def ask_receiver(receiver: Receiver, path: str) -> dict[str, Any]:
    """Have the receiver of a payment asked, as soon as it may be."""
    await asyncio.sleep(WAIT_S)
    return ask(receiver, f"{path}/status-request", {})


async def test_what_the_receiver_answers_moves_the_payment_and_what_refuses_the_question_does_not(
    receiver: Receiver, database: Database, replayed: Replayed
) -> None:
    """Each status, each refusal of the question, silence, and an answer that comes twice; asked twice it is once.

    Both receipts stand in the one timeline. What is in the histories comes out the same when it is run again.
    """
    expected = {
        "SIMASKACCC": ("SETTLED", "ACCC"),
        "SIMASKPDNG": ("ACCEPTED_WITHOUT_POSTING", "PDNG"),
        "SIMASKBLCK": ("ACCEPTED_WITHOUT_POSTING", "BLCK"),
        "SIMASKRJCT": ("RETURN_DUE", "RJCT"),
        "SIMACWP": ("ACCEPTED_WITHOUT_POSTING", "ACWP"),
        "SIMASKAG09": ("ACCEPTED_WITHOUT_POSTING", "ACWP"),
        "SIMASKNARR": ("ACCEPTED_WITHOUT_POSTING", "ACWP"),
        "SIMASKNONE": ("ACCEPTED_WITHOUT_POSTING", "ACWP"),
        "SIMASKTWICE": ("SETTLED", "ACCC"),
    }
    paths = {account: unposted(receiver, account) for account in expected}

    early = ask(receiver, f"{unposted(receiver, 'SIMASKACCC')}/status-request", {}, expected=409)
    await asyncio.sleep(WAIT_S)
    for path in paths.values():
        ask(receiver, f"{path}/status-request", {})
        ask(receiver, f"{path}/status-request", {})
    heard = {
        "SIMASKAG09": "StatusRequestUnanswered",
        "SIMASKNARR": "StatusRequestUnanswered",
        "SIMASKPDNG": "PostingPendingReported",
        "SIMASKBLCK": "PostingPendingReported",
        "SIMASKRJCT": "RejectionReported",
        "SIMASKACCC": "PostingReported",
        "SIMASKTWICE": "PostingReported",
    }
    for account, path in paths.items():
        answer = (heard[account],) if account in heard else ()
        asked = ("PostingAsked", "PostingQuestionReceived", "PostingQuestionReceived")
        await asked_until(receiver, f"{path}/events", has(*asked, *answer))

    shown = {account: ask(receiver, path) for account, path in paths.items()}
    assert (early["why"], early["type"].rpartition("/")[2]) == ("too_early", "posting_not_askable")
    assert {account: (each["state"], each["status"]) for account, each in shown.items()} == expected
    for account, path in paths.items():
        ((copy,),) = questions_of(receiver, path)
        assert (copy["verdict"], copy["message_class"]) == ("enquiry", "nonvalue"), account
    reasons = [
        each["reason"]["code"] for path in paths.values() for each in events_of(receiver, path) if each["reason"]
    ]
    assert {"AG09", "NARR", "AC06"} <= set(reasons)
    settled = ask(receiver, f"{paths['SIMASKACCC']}/status-request", {})
    assert settled["state"] == "SETTLED", "a repeat shows what became of it, and asks nothing"
    assert len(questions_of(receiver, paths["SIMASKACCC"])) == 1
    assert await quarantined(database) == 0
    assert await faults_of(database) == 0
    assert (await replayed(receiver)).diverged == {}


async def test_an_answer_that_comes_late_counts_when_it_comes(receiver: Receiver) -> None:
    """Until then nothing is known, and nothing is guessed."""
    path = unposted(receiver, "SIMASKRJCT")

    receiver.switch_faults(delay_answers_s=3)
    try:
        asked = await ask_receiver(receiver, path)
        await asyncio.sleep(1)
        before = ask(receiver, path)
    finally:
        receiver.switch_faults()
    ended = await asked_until(receiver, path, lambda shown: shown["state"] == "RETURN_DUE")

    assert (asked["state"], before["state"]) == ("ACCEPTED_WITHOUT_POSTING", "ACCEPTED_WITHOUT_POSTING")
    assert (ended["status"], ended["reason"]["code"]) == ("RJCT", "AC06")


async def test_of_a_return_that_was_not_posted_its_receiver_is_asked_too(
    receiver: Receiver, database: Database
) -> None:
    """What has come was refused and went back: whether its sender's institution has posted it, that one knows."""
    (message_id,) = receiver.order(amount="150.00", creditor_account="SIMREFUSEAC06", debtor_account="SIMASKACCC")
    row = await until(database, message_id, lambda row: row["state"] == "RETURNED" and row["unsent_at"] is None)
    (returned,) = ask(receiver, f"/v1/incoming-transfers/{row['payment_id']}/returns")["returns"]
    path = f"/v1/payments/{returned['payment_id']}"
    before = ask(receiver, path)

    await ask_receiver(receiver, path)
    ended = await asked_until(receiver, path, lambda shown: shown["state"] == "SETTLED")

    assert (before["state"], before["kind"]) == ("ACCEPTED_WITHOUT_POSTING", "return")
    assert ended["status"] == "ACCC"
    ((copy,),) = questions_of(receiver, path)
    assert copy["verdict"] == "enquiry"


async def test_nothing_is_asked_of_what_was_posted_nor_by_a_stranger(receiver: Receiver) -> None:
    """409 for what has settled outright; 404 for another tenant's, and for what there is not."""
    payment = ask(receiver, "/v1/messages", message(transfer()))
    settled = f"/v1/payments/{payment['payment_id']}"
    path = unposted(receiver, "SIMASKACCC")

    refused = ask(receiver, f"{settled}/status-request", {}, expected=409)
    await asyncio.sleep(WAIT_S)
    with attended(receiver) as (_, second):
        ask(second, f"{path}/status-request", {}, expected=404)
    ask(receiver, f"/v1/payments/{'0' * 8}-0000-8000-8000-{'0' * 12}/status-request", {}, expected=404)

    assert refused["why"] == "not_without_posting"
    assert "askable_from" not in refused
    assert "PostingAsked" not in {*kinds_of(receiver, settled), *kinds_of(receiver, path)}


async def test_between_two_institutions_of_one_gateway_the_other_half_answers(
    receiver: Receiver, database: Database
) -> None:
    """The payee's institution holds the money: the question goes over the rail, and comes back as its word, PDNG."""
    before = await quarantined(database)
    with attended(receiver) as (first, second):
        body = {
            "amount": "150.00",
            "currency": "USD",
            "debtor": {"name": "Sample Debtor"},
            "debtor_account": "100000007777",
            "debtor_agent": AGENT,
            "creditor": {"name": "Sample Creditor"},
            "creditor_account": "SIMHOLD",
            "creditor_agent": SECOND_AGENT,
            "end_to_end_id": "E2E-bureau-posting",
        }
        payment = ask(first, "/v1/payments", body, key="bureau-posting")
        path = f"/v1/payments/{payment['payment_id']}"
        came = await arrived(second, "E2E-bureau-posting", "PENDING")

        await ask_receiver(first, path)
        heard = has("PostingAsked", "PostingQuestionReceived", "PostingPendingReported")
        await asked_until(first, f"{path}/events", heard)
        pending = ask(first, path)
        ask(second, f"{came['links']['self']}/posting", {"outcome": "posted"})
        ended = await asked_until(first, path, lambda shown: shown["state"] == "SETTLED")

    assert (payment["status"], pending["status"], ended["status"]) == ("ACWP", "PDNG", "ACCC")
    assert await quarantined(database) == before
    assert await faults_of(database) == 0
