"""Conversations and rail operations over RTP through the real stack: fewer words than FedNow's, and the same desk."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import asyncpg
import pytest
from typer.testing import Result

from gateway.domain.payment import Rail
from gateway.service.rtp import RtpAddress, RtpDialect
from iso20022 import ConnectionPartyId, RtpProfile
from iso20022.messages.admn import SignOffRequest, SignOnRequest
from tests.acceptance.bureau import (
    SECOND_KEY,
    asked_and_told,
    attended,
    paid_and_given_back,
    quarantined,
    register_second,
    requested_and_paid,
    requested_and_taken_back,
    with_second,
)
from tests.acceptance.day import POSTED_LATER
from tests.acceptance.due import everything_due
from tests.acceptance.installation import RAIL_CLOCK_S, installed
from tests.acceptance.payments import json_payment, rtp_message, rtp_transfer
from tests.acceptance.receiving import AGENT, Receiver, befallen, delivered, receiving, register_operator, until
from tests.acceptance.talk import (
    asked_about_requests,
    asked_for,
    asked_of_us,
    everything_said,
    is_in,
    kinds_of,
    known_as,
    path_of,
    payment_to,
    question,
    refusal_of,
    tomorrow,
    verdicts_of,
)
from tests.acceptance.test_conversations import database
from tests.acceptance.test_liquidity import rows
from tests.acceptance.test_rail_operations import (
    PARTIES,
    answers_kept,
    asked_of_the_rail,
    fifteen_rail,
    is_now,
    status_of,
)
from tests.acceptance.test_receiving_rtp import SETTINGS
from tests.acceptance.test_returns import ask, asked_until, faults_of
from tests.conftest import Database

__all__ = ["database"]

ADVICE_WAIT_S: Final = RAIL_CLOCK_S + 1
SETTINGS_HERE: Final = {
    **SETTINGS,
    "FIFTEEN_RTP__WITHDRAWAL_AGREED_CODE": "IPAY",
    "FIFTEEN_RTP__ADVICE_WAIT_S": str(ADVICE_WAIT_S),
}
QUESTION_INTERVAL_S: Final = 2
"""Between the second question about a transfer and the third."""

SIGN_OFFS_MAX: Final = 5
"""So often is a sign-off tried that comes before the institutions' slow answers."""

OTHER: Final = ConnectionPartyId("990001504A1")
"""Copperfold Sample Bank."""


@pytest.fixture(scope="module")
def receiver(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """An installation that converses over RTP, with one worker."""
    register_operator(database)
    directory = tmp_path_factory.mktemp("conversations_rtp")
    with (
        installed(database, directory, rails=(Rail.RTP,), more=SETTINGS_HERE) as installation,
        receiving(installation, database, more={**SETTINGS_HERE, **with_second(directory)}, rail=Rail.RTP) as running,
    ):
        register_second(database, running)
        running.installation.start_worker()
        yield running


def requested(receiver: Receiver, account: str, **more: Any) -> dict[str, Any]:
    """A request for payment of ours over RTP, which wants an end."""
    return asked_for(receiver, account, rail="rtp", **{"expires": tomorrow(), **more})


async def echo_answers(database: Database) -> list[str]:
    """The message ids of our answers to the rail's echoes."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        rows = await connection.fetch("SELECT business_message_id FROM rail_event WHERE code = 'admn.006'")
    finally:
        await connection.close()
    return [row["business_message_id"] for row in rows]


def events(number: int) -> Any:
    """Whether a history has come so far."""
    return lambda shown: len(shown["events"]) >= number


async def test_what_we_ask_for_is_answered_and_linked_to_the_money_that_comes(
    receiver: Receiver, database: Database
) -> None:
    """Paid, refused, never answered, refused by the rail, answered twice, contradicted, expired; and endless."""
    accounts = {
        "200000000001": "PAID",
        "SIMREFUSE": "REFUSED",
        "SIMUNREAD": "FAILED",
        "SIMTWICE": "ACCEPTED",
        "SIMCONTRADICT": "ACCEPTED",
    }
    brief = (datetime.now(UTC) + timedelta(seconds=4)).isoformat(timespec="seconds")

    endless = asked_for(receiver, "SIMSILENT", rail="rtp", expected=422)
    silent, expiring = requested(receiver, "SIMPRESENT"), requested(receiver, "SIMSILENT", expires=brief)
    asked = {account: requested(receiver, account) for account in accounts}
    ended = {
        account: await asked_until(receiver, path_of(asked[account]), is_in(state))
        for account, state in accounts.items()
    }
    await asked_until(receiver, f"{path_of(silent)}/events", events(2))
    await asked_until(receiver, path_of(asked["SIMCONTRADICT"]), lambda shown: bool(shown["attention"]))
    expired = await asked_until(receiver, path_of(expiring), is_in("EXPIRED"))

    assert "XpryDt" in endless["findings"][0]["rule"]
    assert ask(receiver, ended["200000000001"]["links"]["paid_with"])["state"] in {"SETTLED", "POSTED"}
    assert kinds_of(receiver, silent) == ["Opened", "ReceiptReported"]
    assert kinds_of(receiver, asked["SIMTWICE"]).count("Accepted") == 1
    assert kinds_of(receiver, asked["SIMCONTRADICT"])[-2:] == ["Accepted", "Refused"]
    assert expired["may"] == []
    for shown in (*asked.values(), silent, expiring):
        assert [verdicts for kind, verdicts in verdicts_of(receiver, shown) if kind == "pain.013"] == [["ignored"]]
    assert await faults_of(database) == 0


async def test_a_request_of_ours_is_taken_back_by_the_message_that_asks_for_returns(receiver: Receiver) -> None:
    """Agreed, refused, and never answered: then it may still be paid, and cannot be taken back twice."""
    asked = {reason: requested(receiver, "SIMPROMISE") for reason in ("CUST", "DUPL", "TECH")}
    for reason, shown in asked.items():
        await asked_until(receiver, path_of(shown), is_in("ACCEPTED"))
        ask(receiver, f"{path_of(shown)}/withdrawal", {"reason_code": reason})
    await asked_until(receiver, path_of(asked["CUST"]), is_in("WITHDRAWN"))
    await asked_until(receiver, path_of(asked["DUPL"]), is_in("ACCEPTED"))
    await asked_until(receiver, f"{path_of(asked['TECH'])}/events", events(5))

    unlisted = ask(receiver, f"{path_of(asked['DUPL'])}/withdrawal", {"reason_code": "MD07"}, expected=422)

    assert ask(receiver, path_of(asked["TECH"]))["state"] == "WITHDRAWING_ACCEPTED"
    assert kinds_of(receiver, asked["DUPL"])[-1] == "WithdrawalRefused"
    assert unlisted["findings"][0]["code"] == "RTP_REASON_CODE"
    assert ("camt.056", ["ignored"]) in verdicts_of(receiver, asked["CUST"])


async def test_what_is_asked_of_us_is_answered_once_and_linked_to_our_payment(
    receiver: Receiver, database: Database
) -> None:
    """Three copies, one request, refused; accepted and paid; expired when it came; taken back, and over by then."""
    first = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-FIRST", copies=3)
    second = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-SECOND")
    late = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-LATE", expires_in_s=-5)
    third = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-THIRD")
    to_refuse, to_pay, to_leave = [await known_as(receiver, each) for each in (first, second, third)]

    shown = ask(receiver, f"{path_of(to_refuse)}/answer", {"answer": "presented"}, expected=409)
    ask(receiver, f"{path_of(to_refuse)}/answer", {"answer": "refused", "reason_code": "CUST"})
    again = ask(receiver, f"{path_of(to_refuse)}/answer", {"answer": "accepted"}, expected=409)
    ask(receiver, f"{path_of(to_pay)}/answer", {"answer": "accepted"})
    for message_id, end_to_end_id in ((first, "E2E-FIRST"), (third, "E2E-THIRD")):
        asked_of_us(receiver, kind="withdrawal", message_id=message_id, end_to_end_id=end_to_end_id, copies=2)
    withdrawing = await asked_until(receiver, path_of(to_leave), is_in("WITHDRAWING"))
    withdrawn = ask(receiver, f"{path_of(to_leave)}/answer", {"answer": "withdrawal_agreed"})
    payment = ask(
        receiver,
        "/v1/payments",
        payment_to("200000000001", receiver, end_to_end_id="E2E-SECOND"),
        key="pay-second-rtp",
    )
    paid = await asked_until(receiver, path_of(to_pay), is_in("PAID"))
    for each in (to_refuse, to_pay, to_leave):
        await asked_until(receiver, f"{path_of(each)}/messages", partial(_all_there, receiver, each))

    assert (shown["why"], again["state"]) == ("not_on_this_rail", "REFUSED")
    assert (await known_as(receiver, late))["state"] == "REFUSED"
    assert await refusal_of(receiver, database, late) == (["NARR"], ["ignored"])
    assert "withdrawal_pending" not in withdrawing["may"]
    assert withdrawn["state"] == "WITHDRAWN"
    assert paid["links"]["paid_with"] == f"/v1/payments/{payment['payment_id']}"
    assert [kind for kind, _ in verdicts_of(receiver, to_refuse)] == ["pacs.002", "pain.014", "pacs.002", "camt.029"]
    assert [kind for kind, _ in verdicts_of(receiver, to_pay)] == ["pacs.002", "pain.014"]
    assert [kind for kind, _ in verdicts_of(receiver, to_leave)] == ["pacs.002", "pacs.002", "camt.029"]


def _all_there(receiver: Receiver, conversation: dict[str, Any], _shown: dict[str, Any]) -> bool:
    """Whether the network has taken each message of ours in a conversation."""
    return all(
        verdicts and set(verdicts) <= {"ignored", "answer"} for _, verdicts in verdicts_of(receiver, conversation)
    )


async def test_information_is_asked_and_given_by_a_question_and_one_answer(
    receiver: Receiver, database: Database
) -> None:
    """Ours: told, not taken in, never answered. Theirs: told in words, once; and there are no reports."""
    (message_id,) = receiver.order(amount="20.00")
    row = await until(database, message_id, lambda row: row["state"] == "POSTED")
    path = f"/v1/incoming-transfers/{row['payment_id']}/information-request"
    sent = rtp_transfer()
    payment = ask(receiver, "/v1/messages", rtp_message(sent))
    await asked_until(receiver, f"/v1/payments/{payment['payment_id']}", lambda shown: shown["state"] == "SETTLED")

    ours = {code: ask(receiver, path, question(code), key=f"rtp-{code}") for code in ("MS01", "IN06", "IN15")}
    informed = await asked_until(receiver, path_of(ours["MS01"]), is_in("INFORMED"))
    await asked_until(receiver, path_of(ours["IN06"]), is_in("FAILED"))
    await asked_until(receiver, f"{path_of(ours['IN15'])}/events", events(2))
    theirs = await known_as(
        receiver, asked_of_us(receiver, kind="information_request", message_id=sent.message_id, copies=2)
    )
    put_off = ask(receiver, f"{path_of(theirs)}/answer", {"answer": "pending"}, expected=409)
    told = ask(receiver, f"{path_of(theirs)}/answer", {"answer": "no_information"})
    report = ask(
        receiver,
        "/v1/account-reports",
        {"kind": "IATR", "account": AGENT, "rail": "rtp"},
        expected=409,
        key="rtp-report",
    )
    await asked_until(receiver, f"{path_of(theirs)}/messages", partial(_all_there, receiver, theirs))

    assert informed["links"]["about"] == f"/v1/incoming-transfers/{row['payment_id']}"
    assert ask(receiver, path_of(ours["IN15"]))["state"] == "REQUESTED"
    assert (put_off["why"], report["why"]) == ("not_on_this_rail", "not_on_this_rail")
    assert (told["state"], told["links"]["about"]) == ("NO_INFORMATION", f"/v1/payments/{payment['payment_id']}")
    assert [kind for kind, _ in verdicts_of(receiver, theirs)] == ["pacs.002", "camt.028"]


def suspend(receiver: Receiver, *institutions: str, services: Sequence[str] = ()) -> None:
    """Have the rail let institutions do this much: nothing."""
    url = f"{receiver.installation.simulator_urls[Rail.RTP]}/simulator/v1/participants"
    order = {"services": {each: list(services) for each in institutions}, "publish": False}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(order).encode(), method="POST")) as response:
        assert response.status == 200


async def signed_off_in_mid_flight(
    receiver: Receiver, database: Database
) -> tuple[Result, dict[str, Any], dict[str, Any]]:
    """Sign off while a payment each way waits for its institution; returns what was sent, and what came, at its end."""
    payment = rtp_transfer(creditor_account="SIMSLOW1")
    (came,) = receiver.order(amount="20.00", creditor_account="SIMSLOW15")
    async with asyncio.TaskGroup() as group:
        sent = group.create_task(asyncio.to_thread(ask, receiver, "/v1/messages", rtp_message(payment)))
        await until(database, came, lambda row: str(row["payment_id"]) in receiver.at_institution()["asked"])
        while not receiver.installation.copies_on_the_wire(payment.message_id, rail=Rail.RTP):
            await asyncio.sleep(0.02)
        off = await fifteen_rail(receiver, "sign-off", "--note", "maintenance")
    ended = await until(database, came, lambda row: row["state"] in {"POSTED", "REJECTED", "NOT_SETTLED"})
    return off, sent.result(), ended


async def signed_off_before_they_ended(
    receiver: Receiver, database: Database
) -> tuple[Result, dict[str, Any], dict[str, Any]]:
    """The same, again where the sign-off took longer than the institutions: the machine was busy."""
    for _ in range(SIGN_OFFS_MAX):
        off, sent, came = await signed_off_in_mid_flight(receiver, database)
        off_at = datetime.fromisoformat((await status_of(receiver))["operations"][0]["ended_at"])
        if min(datetime.fromisoformat(sent["updated_at"]), came["updated_at"]) > off_at:
            return off, sent, came
        assert (await fifteen_rail(receiver, "sign-on", "--note", "it came too late")).exit_code == 0
    pytest.fail(f"in {SIGN_OFFS_MAX} tries nothing was in flight any more when the rail had signed us off")


async def test_a_participant_signs_off_and_on_and_what_rtp_does_not_have_is_refused(
    receiver: Receiver, database: Database
) -> None:
    """Nothing new is forwarded to who is signed off, nor taken from it; then all is as before. An echo is answered.

    What was in flight, both ways, ends right. Who is suspended does not sign on: the rail says why.
    """
    asked_of_us(receiver, kind="echo", copies=2)
    ping = await fifteen_rail(receiver, "ping")
    off, sent, came = await signed_off_before_they_ended(receiver, database)
    (refused,) = receiver.order(amount="20.00")
    payment = ask(receiver, "/v1/messages", rtp_message(rtp_transfer()))
    rejected = await asked_until(receiver, f"/v1/payments/{payment['payment_id']}", is_in("REJECTED"))
    while_off = await status_of(receiver)
    alone = await fifteen_rail(receiver, "sign-on", AGENT, "--note", "one institution")
    point = await fifteen_rail(receiver, "connect", "EAST", "--note", "there is none")
    on = await fifteen_rail(receiver, "sign-on", "--note", "maintenance is over")
    (after,) = receiver.order(amount="20.00")
    await until(database, after, lambda row: row["state"] == "POSTED")
    at_last = await status_of(receiver)

    suspend(receiver, "990000107", "990000204")
    suspended = await fifteen_rail(receiver, "sign-on", "--note", "the rail has suspended us")
    last = (await status_of(receiver))["operations"][0]
    suspend(receiver, "990000107", "990000204", services=["CTSR"])

    echoed = await echo_answers(database)
    assert [
        [copy["verdict"] for copy in receiver.installation.copies_on_the_wire(each, rail=Rail.RTP)] for each in echoed
    ] == [["ignored"]]
    assert [each.exit_code for each in (ping, off, on)] == [0, 0, 0], [each.output for each in (ping, off, on)]
    assert (receiver.at_rail(refused)["status"], receiver.at_rail(refused)["reasons"]) == ("RJCT", ["9910"])
    assert rejected["reason"]["code"] == "9934"
    assert (sent["state"], came["state"]) == ("SETTLED", "POSTED")
    assert (while_off["connection_party"], while_off["downtime"]) == ({"signed_on": False}, None)
    assert "as a whole" in alone.output
    assert "no connection points" in point.output
    assert at_last["connection_party"] == {"signed_on": True}
    assert (suspended.exit_code, "9946" in suspended.output) == (1, True), suspended.output
    assert (last["code"], last["state"]) == ("admn.001", "refused")
    done = [each["code"] for each in at_last["operations"] if each["state"] == "done"]
    assert (done[:2], "admn.005" in done) == (["admn.001", "admn.003"], True)


async def test_what_comes_twice_is_in_the_histories_once(receiver: Receiver, database: Database) -> None:
    """Statuses, refusals, answers and requests, byte for byte; the control is the same once each."""
    once = await everything_said(receiver, database, requested)

    types = ("admi.002", "camt.026", "camt.028", "camt.029", "camt.056", "pacs.002", "pain.014")
    receiver.switch_faults(messages={each: {"next": 99, "copies": 2} for each in types})
    try:
        twice = await everything_said(receiver, database, requested)
        left = receiver.rail_summary()["faults"]["messages"]
    finally:
        receiver.switch_faults()

    assert twice == once
    assert all(fault["next"] < 99 for fault in left.values()), "each type has come"
    assert await faults_of(database) == 0


async def test_who_has_received_a_request_for_payment_asks_about_it(receiver: Receiver) -> None:
    """Either way, linked to the request: ours about theirs is answered, theirs about ours is due, and answered."""
    await asked_about_requests(receiver, requested)


async def test_all_that_is_due_is_one_list_and_is_done_from_it(receiver: Receiver, database: Database) -> None:
    """Requests, questions, a withdrawal, money to post, and a payment in doubt: each by its own deadline."""
    await everything_due(receiver, database, other=replace(receiver, api_key=SECOND_KEY))


async def test_what_comes_after_a_request_has_expired_is_kept_and_changes_nothing(receiver: Receiver) -> None:
    """An acceptance, the answer to a withdrawal, and the rail's refusal, all late; and theirs, which nobody answers."""
    brief = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-BRIEF", expires_in_s=2)
    expires = (datetime.now(UTC) + timedelta(seconds=3)).isoformat(timespec="seconds")
    receiver.switch_faults(messages={each: {"delay_s": 4} for each in ("pain.014", "camt.029", "admi.002")})
    promised, unread = (requested(receiver, account, expires=expires) for account in ("SIMPROMISE", "SIMUNREAD"))
    silent = requested(receiver, "SIMSILENT", expires=expires)
    await asked_until(receiver, f"{path_of(silent)}/events", events(2))
    ask(receiver, f"{path_of(silent)}/withdrawal", {"reason_code": "CUST"})
    await befallen(receiver)

    theirs = await known_as(receiver, brief)
    expired = {"promised": promised, "unread": unread, "theirs": theirs}
    for shown in expired.values():
        await asked_until(receiver, path_of(shown), is_in("EXPIRED"))
    before = {name: kinds_of(receiver, shown) for name, shown in expired.items()}
    await delivered(receiver)
    late = await asked_until(receiver, path_of(promised), lambda shown: bool(shown["attention"]))
    ended = [ask(receiver, path_of(shown)) for shown in (silent, unread, theirs)]

    assert before == {
        "promised": ["Opened", "ReceiptReported", "Expired"],
        "unread": ["Opened", "Expired"],
        "theirs": ["Opened", "Expired"],
    }
    assert (late["state"], kinds_of(receiver, promised)[-1]) == ("EXPIRED", "Accepted")
    assert [each["state"] for each in ended] == ["EXPIRED"] * 3
    said = {"silent": silent, "unread": unread, "theirs": theirs}
    assert {name: kinds_of(receiver, shown)[-2:] for name, shown in said.items()} == {
        "silent": ["Expired", "WithdrawalAgreed"],
        "unread": ["Expired", "OpeningRefused"],
        "theirs": ["Opened", "Expired"],
    }


async def test_a_question_and_an_answer_that_are_refused_lost_late_or_repeated_decide_nothing_by_themselves(
    receiver: Receiver, database: Database
) -> None:
    """Of money without advice the rail is asked until it says; of an answer that it refuses none is posted."""
    (asked,) = receiver.order(amount="11.00", advice="none")
    await until(database, asked, lambda row: row["state"] == "ACCEPTED")
    receiver.switch_faults(refuse={"pacs.002": "690", "pacs.028": "690"})
    (refused,) = receiver.order(amount="12.00")
    await until(database, asked, has("StatusRequestUnanswered", 1))
    not_settled = await until(database, refused, lambda row: row["state"] == "NOT_SETTLED")
    receiver.switch_faults(messages={"pacs.002": {"delay_s": QUESTION_INTERVAL_S + 1, "copies": 2}})
    await befallen(receiver)
    receiver.switch_faults(messages={"pacs.002": {"copies": 0}})
    await befallen(receiver)
    await until(database, asked, lambda row: row["state"] == "POSTED")
    await delivered(receiver)

    ended = await until(database, asked, lambda row: row["unsent_at"] is None)
    questions = ["StatusRequested", "StatusRequestUnanswered", *["StatusRequestDue", "StatusRequested"] * 2]
    assert ended["kinds"][2:] == ["AdviceOverdue", *questions, "SettlementAdvised", "PostingConfirmed"]
    assert not_settled["kinds"][2:4] == ["AnswerRefused", "TimeOutAdvised"]
    assert (receiver.at_rail(refused)["status"], receiver.at_rail(refused)["answers"]) == ("RJCT", [])
    assert str(not_settled["payment_id"]) not in receiver.at_institution()["credited"]


def has(kind: str, number: int) -> Callable[[dict[str, Any]], bool]:
    """Whether this has befallen a transfer so often."""
    return lambda row: bool(row["kinds"].count(kind) >= number)


async def test_what_is_asked_of_the_rail_is_refused_never_answered_late_and_twice(
    receiver: Receiver, database: Database
) -> None:
    """The echo, the sign-off and the sign-on; and its news of another, twice."""

    async def asked(*actions: str) -> list[str]:
        paths = [asked_of_the_rail(receiver, action) for action in actions]
        await befallen(receiver)
        return paths

    both, answers = ("ping", "sign_off"), ("admn.006", "admn.004")
    receiver.switch_faults(refuse={"admn.003": "9948", "admn.005": "690"})
    refused = await asked(*both)
    shown = [await asked_until(receiver, path, is_now("refused")) for path in refused]
    kept: dict[str, list[str]] = {}
    for case, fault in (("lost", {"copies": 0}), ("late", {"delay_s": 2}), ("twice", {"copies": 2})):
        receiver.switch_faults(messages=dict.fromkeys(answers, fault))
        kept[case] = await asked(*both)
    before = [ask(receiver, path)["state"] for path in kept["late"]]
    for path in (*kept["late"], *kept["twice"]):
        await asked_until(receiver, path, is_now("done"))
    while_off = await status_of(receiver)
    for case, fault in (("lost", {"copies": 0}), ("late", {"delay_s": 1}), ("twice", {"copies": 2})):
        receiver.switch_faults(messages={"admn.002": fault})
        kept[case] += await asked("sign_on")
    receiver.switch_faults(messages={"admi.004": {"next": PARTIES - 1, "copies": 2}})
    another_says(receiver, SignOffRequest)
    await befallen(receiver)
    another_says(receiver, SignOnRequest)
    for path in (*kept["late"], *kept["twice"]):
        await asked_until(receiver, path, is_now("done"))
    await delivered(receiver)

    at_last = await status_of(receiver)
    assert [(each["code"], each["reason_code"]) for each in shown] == [("admn.005", "690"), ("admn.003", "9948")]
    assert before == ["asked", "asked"]
    assert [ask(receiver, path)["state"] for path in kept["lost"]] == ["asked"] * 3
    for case, number in (("lost", 0), ("late", 1), ("twice", 1)):
        assert [await answers_kept(database, receiver, path) for path in kept[case]] == [number] * 3
    assert (while_off["connection_party"], at_last["connection_party"]) == ({"signed_on": False}, {"signed_on": True})
    news = [(each["code"], each["subjects"]) for each in at_last["broadcasts"]]
    assert sorted(news) == [("982", [OTHER, "AVAILABLE"]), ("982", [OTHER, "UNAVAILABLE"])]


def another_says(receiver: Receiver, request: type[SignOnRequest | SignOffRequest]) -> None:
    """Let another participant sign itself on or off at the rail."""
    dialect = RtpDialect(RtpProfile(), RtpAddress(participant=OTHER))
    reference = f"0A1B2C3D4E5F6G7H{'ON' if request is SignOnRequest else 'OF'}"
    body = dialect.administration(request, reference, at=datetime.now(UTC)).body
    headers = {"Rail-Connection-Party": OTHER, "Rail-Message-Class": "system"}
    url = f"{receiver.installation.simulator_urls[Rail.RTP]}/rail/v1/messages"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as response:
        assert response.status == 202


async def test_the_word_that_it_was_posted_is_set_aside_where_it_leads_back_to_no_payment(
    receiver: Receiver, database: Database
) -> None:
    """A client's own instruction id does not: its payment stays as it is. The control: one of ours leads back."""
    theirs = ask(receiver, "/v1/messages", rtp_message(rtp_transfer(creditor_account=POSTED_LATER)))
    body = {**json_payment(creditor_account=POSTED_LATER), "rail": "rtp"}
    ours = ask(receiver, "/v1/payments", body, key="posted-later")
    paths = [f"/v1/payments/{each['payment_id']}" for each in (theirs, ours)]
    await asked_until(receiver, paths[1], is_in("SETTLED"))
    await delivered(receiver)

    kept = await rows(database, "SELECT message_type, codes FROM quarantine WHERE message_type LIKE 'camt.035%'")
    events = [[each["kind"] for each in ask(receiver, f"{path}/events")["events"]] for path in paths]
    assert [(each["message_type"], each["codes"]) for each in kept] == [("camt.035.001.05", ["UNMATCHED_MESSAGE"])]
    assert ask(receiver, paths[0])["state"] == "ACCEPTED_WITHOUT_POSTING"
    assert [each.count("PostingReported") for each in events] == [0, 1]
    assert await faults_of(database) == 0


async def test_two_institutions_of_one_gateway_talk_over_rtp_and_each_has_its_own_half(
    receiver: Receiver, database: Database
) -> None:
    """Paid and returned on request, asked about, asked for and paid, and taken back: all over the rail."""
    before = await quarantined(database)
    with attended(receiver) as (first, second):
        await paid_and_given_back(first, second)
        await asked_and_told(first, second, "informed", "INFORMED")
        await requested_and_paid(first, second, pay_on=tomorrow(), expires=tomorrow())
        await requested_and_taken_back(first, second, pay_on=tomorrow(), expires=tomorrow())

    assert await quarantined(database) == before
    assert await faults_of(database) == 0
