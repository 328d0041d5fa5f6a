"""Conversations through the real stack, both ways: what is asked is answered once, in time, and linked to its money."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from adapters.postgres.server import EmbeddedPostgres
from tests.acceptance.bureau import (
    SECOND_AGENT,
    SECOND_KEY,
    arrived,
    asked_and_told,
    attended,
    paid_and_given_back,
    quarantined,
    register_second,
    requested_and_paid,
    requested_and_taken_back,
    with_second,
)
from tests.acceptance.due import everything_due
from tests.acceptance.installation import installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.receiving import AGENT, Receiver, befallen, delivered, receiving, register_operator, until
from tests.acceptance.talk import (
    THEIRS,
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
from tests.acceptance.test_returns import ask, asked_until, faults_of
from tests.conftest import TENANT, Database, copy_database, demand_balance

STRANGER = "990001203"
"""Hazelgate Sample Bank, which has sent us nothing."""


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """One database for all of this file: each test asks in conversations of its own."""
    fresh = copy_database(postgres_server, template)
    yield fresh
    asyncio.run(demand_balance(fresh))


@pytest.fixture(scope="module")
def receiver(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiving installation with one worker."""
    register_operator(database)
    directory = tmp_path_factory.mktemp("conversations")
    more = {
        "FIFTEEN_FEDNOW__LIQUIDITY_SENDERS": AGENT,
        "FIFTEEN_FEDNOW__LIQUIDITY_TENANTS": TENANT,
        "FIFTEEN_FEDNOW__TOTALS_INTERVAL_S": "",
        **with_second(directory),
    }
    with (
        installed(database, directory, more=more) as installation,
        receiving(installation, database, more=more) as running,
    ):
        register_second(database, running)
        running.installation.start_worker()
        yield running


async def test_what_we_ask_for_is_answered_as_it_may_be_and_linked_to_the_money_that_comes(
    receiver: Receiver, database: Database
) -> None:
    """Paid, refused, shown, never answered, refused by the rail, answered twice, and promised and refused at once."""
    accounts = {
        "200000000001": "PAID",
        "SIMREFUSE": "REFUSED",
        "SIMPRESENT": "PRESENTED",
        "SIMSILENT": "REQUESTED",
        "SIMUNREAD": "FAILED",
        "SIMTWICE": "ACCEPTED",
        "SIMCONTRADICT": "ACCEPTED",
    }

    asked = {account: asked_for(receiver, account) for account in accounts}
    ended = {
        account: await asked_until(receiver, path_of(asked[account]), is_in(state))
        for account, state in accounts.items()
    }
    await asked_until(receiver, f"{path_of(asked['SIMSILENT'])}/events", lambda shown: len(shown["events"]) == 2)
    await asked_until(receiver, path_of(asked["SIMCONTRADICT"]), lambda shown: bool(shown["attention"]))

    paid = ended["200000000001"]
    transfer_shown = ask(receiver, paid["links"]["paid_with"])
    assert transfer_shown["end_to_end_id"] == paid["end_to_end_id"]
    kinds = kinds_of(receiver, paid)
    assert (kinds[0], kinds[-1], kinds.count("Accepted")) == ("Opened", "Paid", 1)
    assert kinds_of(receiver, asked["SIMSILENT"]) == ["Opened", "ReceiptReported"]
    assert kinds_of(receiver, asked["SIMTWICE"]).count("Accepted") == 1
    assert kinds_of(receiver, asked["SIMCONTRADICT"])[-2:] == ["Accepted", "Refused"]
    listed = [each["conversation_id"] for each in ask(receiver, "/v1/conversations")["conversations"]]
    still_open = ("SIMPRESENT", "SIMSILENT", "SIMTWICE", "SIMCONTRADICT")
    ids = {shown["conversation_id"] for shown in asked.values()}
    assert set(listed) & ids == {asked[account]["conversation_id"] for account in still_open}
    for shown in asked.values():
        assert [verdicts for kind, verdicts in verdicts_of(receiver, shown) if kind == "pain.013"] == [["ignored"]]
    assert await faults_of(database) == 0


async def test_a_request_of_ours_is_taken_back_while_it_may_be(receiver: Receiver) -> None:
    """Agreed, refused, pending, never answered; then what is over cannot be taken back."""
    asked = {reason: asked_for(receiver, "SIMPROMISE") for reason in ("CUST", "DUPL", "TECH", "FRAD")}
    for shown in asked.values():
        await asked_until(receiver, path_of(shown), is_in("ACCEPTED"))

    for reason, shown in asked.items():
        ask(receiver, f"{path_of(shown)}/withdrawal", {"reason_code": reason})
    withdrawn = await asked_until(receiver, path_of(asked["CUST"]), is_in("WITHDRAWN"))
    kept = await asked_until(receiver, path_of(asked["DUPL"]), is_in("ACCEPTED"))
    await asked_until(
        receiver,
        f"{path_of(asked['TECH'])}/events",
        lambda shown: shown["events"][-1]["kind"] == "WithdrawalDeferred",
    )
    await asked_until(receiver, path_of(asked["FRAD"]), is_in("WITHDRAWING_ACCEPTED"))

    refused = ask(receiver, f"{path_of(asked['CUST'])}/withdrawal", {"reason_code": "CUST"}, expected=409)
    assert (refused["state"], withdrawn["may"], kept["may"]) == ("WITHDRAWN", [], ["withdraw", "ask_status"])
    waiting = [ask(receiver, path_of(asked[reason]))["state"] for reason in ("TECH", "FRAD")]
    assert waiting == ["WITHDRAWING_ACCEPTED"] * 2
    assert ("camt.055", ["ignored"]) in verdicts_of(receiver, asked["CUST"])


async def test_how_a_request_of_ours_stands_is_asked_and_told(receiver: Receiver) -> None:
    """The latest, said or not said before; not traceable, which refuses nothing; once; and not of what is over."""
    asked = {account: asked_for(receiver, account) for account in ("SIMSILENT", "SIMPRESENT", "SIMUNTRACED")}
    over = asked_for(receiver, "SIMREFUSE")
    await asked_until(receiver, path_of(over), is_in("REFUSED"))
    await asked_until(receiver, path_of(asked["SIMPRESENT"]), is_in("PRESENTED"))

    for shown in (*asked.values(), *asked.values()):
        ask(receiver, f"{path_of(shown)}/status-request", {})
    told = {"SIMSILENT": "Presented", "SIMPRESENT": "Presented", "SIMUNTRACED": "StatusNotTold"}
    for account, shown in asked.items():

        def is_told(now: dict[str, Any], kind: str = told[account]) -> bool:
            since = [each["kind"] for each in now["events"]]
            since = since[since.index("StatusAsked") :]
            return kind in since and since.count("ReceiptReported") == 2

        await asked_until(receiver, f"{path_of(shown)}/events", is_told)
    refused = ask(receiver, f"{path_of(over)}/status-request", {}, expected=409)

    ended = {account: ask(receiver, path_of(shown)) for account, shown in asked.items()}
    states = [shown["state"] for shown in ended.values()]
    assert (states, refused["state"]) == (["PRESENTED", "PRESENTED", "REQUESTED"], "REFUSED")
    assert not any(shown["attention"] for shown in ended.values())
    for shown in asked.values():
        assert [verdicts for kind, verdicts in verdicts_of(receiver, shown) if kind == "pacs.028"] == [["enquiry"]]
    (reason,) = [
        each["reason"]["code"]
        for each in ask(receiver, f"{path_of(asked['SIMUNTRACED'])}/events")["events"]
        if each["kind"] == "StatusNotTold"
    ]
    assert reason == "AG09"


async def test_what_is_asked_of_us_is_answered_once_and_linked_to_our_payment(
    receiver: Receiver, database: Database
) -> None:
    """Delivered three times, one request; refused, and accepted and paid; a second answer is refused."""
    first = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-FIRST", copies=3)
    second = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-SECOND")
    to_refuse, to_pay = await known_as(receiver, first), await known_as(receiver, second)

    unreasoned = ask(receiver, f"{path_of(to_refuse)}/answer", {"answer": "refused"}, expected=422)
    ask(receiver, f"{path_of(to_refuse)}/answer", {"answer": "refused", "reason_code": "AC04"})
    again = ask(receiver, f"{path_of(to_refuse)}/answer", {"answer": "accepted"}, expected=409)
    ask(receiver, f"{path_of(to_pay)}/answer", {"answer": "presented"})
    accepted = ask(receiver, f"{path_of(to_pay)}/answer", {"answer": "accepted"})
    payment = ask(
        receiver,
        "/v1/payments",
        payment_to("200000000001", receiver, end_to_end_id="E2E-SECOND"),
        key="pay-second",
    )
    paid = await asked_until(receiver, path_of(to_pay), is_in("PAID"))

    assert unreasoned["findings"][0]["pointer"] == "/reason_code"
    assert (again["state"], accepted["state"], accepted["due_at"]) == ("REFUSED", "ACCEPTED", accepted["pay_by"])
    assert paid["links"]["paid_with"] == f"/v1/payments/{payment['payment_id']}"
    about = ask(receiver, f"/v1/conversations?about={payment['payment_id']}")["conversations"]
    assert [each["conversation_id"] for each in about] == [paid["conversation_id"]]
    await asked_until(
        receiver, f"{path_of(to_refuse)}/messages", lambda _: all(v for _, v in verdicts_of(receiver, to_refuse))
    )
    assert verdicts_of(receiver, to_refuse) == [("admi.007", ["ignored"]), ("pain.014", ["ignored"])]
    sent = verdicts_of(receiver, to_pay)
    assert sent == [("admi.007", ["ignored"]), ("pain.014", ["ignored"]), ("pain.014", ["ignored"])]


async def test_an_expired_request_is_over_and_what_is_asked_of_another_tenant_is_not_shown(
    receiver: Receiver, database: Database
) -> None:
    """Expired when it came, expired while it waited, withdrawn when it was over; and one of the second tenant's."""
    late = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-LATE", expires_in_s=-5)
    brief = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-BRIEF", expires_in_s=2)
    foreign = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-FOREIGN", debtor_agent=SECOND_AGENT)

    refused, waiting = await known_as(receiver, late), await known_as(receiver, brief)
    expired = await asked_until(receiver, path_of(waiting), is_in("EXPIRED"))
    answered = ask(receiver, f"{path_of(waiting)}/answer", {"answer": "accepted"}, expected=409)
    asked_of_us(receiver, kind="withdrawal", message_id=brief, end_to_end_id="E2E-BRIEF")
    await asked_until(
        receiver,
        f"{path_of(waiting)}/events",
        lambda shown: shown["events"][-1]["kind"] == "WithdrawalAsked",
    )
    await asked_until(
        receiver, f"{path_of(waiting)}/messages", lambda _: all(v for _, v in verdicts_of(receiver, waiting))
    )

    assert (refused["state"], expired["may"], answered["state"]) == ("REFUSED", [], "EXPIRED")
    assert [kind for kind, _ in verdicts_of(receiver, refused)] == ["admi.007", "pain.014"]
    assert [kind for kind, _ in verdicts_of(receiver, waiting)] == ["admi.007", "admi.007", "camt.029"]
    listed = ask(receiver, "/v1/conversations?all=true")["conversations"]
    assert foreign not in {each["message_id"] for each in listed}
    assert (await known_as(replace(receiver, api_key=SECOND_KEY), foreign))["state"] == "REQUESTED"
    assert await refusal_of(receiver, database, late) == (["NARR"], ["ignored"])


async def test_a_request_that_waits_is_withdrawn_by_who_made_it(receiver: Receiver) -> None:
    """Taken back before we have decided, in three copies: we agree, and then it cannot be accepted."""
    asked = asked_of_us(receiver, kind="request_for_payment", end_to_end_id="E2E-BACK")
    request = await known_as(receiver, asked)
    asked_of_us(receiver, kind="withdrawal", message_id=asked, end_to_end_id="E2E-BACK", copies=3)
    withdrawing = await asked_until(receiver, path_of(request), is_in("WITHDRAWING"))
    ask(receiver, f"{path_of(request)}/answer", {"answer": "withdrawal_pending"})
    ended = ask(receiver, f"{path_of(request)}/answer", {"answer": "withdrawal_agreed"})
    refused = ask(receiver, f"{path_of(request)}/answer", {"answer": "accepted"}, expected=409)

    assert "withdrawal_agreed" in withdrawing["may"]
    assert (ended["state"], refused["state"]) == ("WITHDRAWN", "WITHDRAWN")
    await asked_until(
        receiver, f"{path_of(request)}/messages", lambda _: all(v for _, v in verdicts_of(receiver, request))
    )
    assert [kind for kind, _ in verdicts_of(receiver, request)] == ["admi.007", "admi.007", "camt.029", "camt.029"]


async def status_answers(database: Database, receiver: Receiver) -> list[list[str]]:
    """What the rail has said of each copy of our answers to questions about a status, once both are there at least."""
    connection = await asyncpg.connect(database.application_dsn)
    verdicts: list[list[str]] = []
    try:
        async with asyncio.timeout(15):
            while len(verdicts) < 2 or not all(verdicts):
                rows = await connection.fetch(
                    "SELECT business_message_id AS id FROM rail_event WHERE code = 'pacs.002'"
                )
                copies = [receiver.installation.copies_on_the_wire(row["id"]) for row in rows]
                verdicts = [[copy["verdict"] for copy in each] for each in copies]
                await asyncio.sleep(0.05)
    finally:
        await connection.close()
    return verdicts


async def test_information_is_asked_about_what_came_and_given_about_what_was_sent(
    receiver: Receiver, database: Database
) -> None:
    """Ours: informed, none, a duplicate, pending and never answered. Theirs: told in words, about our payment.

    Who has sent us money and asks for its status (pacs.028) is told ACCC, once; a stranger, that no such payment came.
    """
    (message_id,) = receiver.order(amount="20.00")
    row = await until(database, message_id, lambda row: row["state"] == "POSTED")
    path = f"/v1/incoming-transfers/{row['payment_id']}/information-request"
    cases = {"MS01": "INFORMED", "IN01": "NO_INFORMATION", "IN04": "DUPLICATE", "IN06": "PENDING"}
    sent = transfer()
    payment = ask(receiver, "/v1/messages", message(sent))
    await asked_until(receiver, f"/v1/payments/{payment['payment_id']}", lambda shown: shown["state"] == "SETTLED")

    ours = {code: ask(receiver, path, question(code), key=f"ask-{code}") for code in cases}
    silent = ask(receiver, path, {"incorrect": ["IN15"]}, key="ask-IN15")
    for code, state in cases.items():
        await asked_until(receiver, path_of(ours[code]), is_in(state))
    theirs = await known_as(
        receiver, asked_of_us(receiver, kind="information_request", message_id=sent.message_id, copies=3)
    )
    ask(receiver, f"{path_of(theirs)}/answer", {"answer": "pending"})
    told = ask(receiver, f"{path_of(theirs)}/answer", {"answer": "informed", "information": ["Invoice 4711"]})

    came = ask(receiver, f"/v1/incoming-transfers/{row['payment_id']}")
    for asker in (THEIRS, STRANGER):
        asked_of_us(
            receiver,
            kind="status_request",
            message_id=message_id,
            end_to_end_id=came["end_to_end_id"],
            creditor_agent=asker,
            copies=2,
        )
    answers = await status_answers(database, receiver)

    again = ask(receiver, path, {"missing": ["MS01"]}, key="ask-MS01")
    other = ask(receiver, path, {"incorrect": ["IN01"]}, expected=409, key="ask-MS01")
    (afterwards,) = receiver.order(amount="20.00")
    await until(database, afterwards, lambda row: row["state"] == "POSTED")
    await delivered(receiver)
    assert (again["conversation_id"], other["why"]) == (ours["MS01"]["conversation_id"], "key_reused")
    assert answers == [["answer"], ["answer"]], "each question has one answer, and the rail takes both"
    assert await status_answers(database, receiver) == answers, "and no other, though each has come twice"
    assert [each["status"] for each in receiver.at_rail(message_id)["posting"]] == ["ACCC", "ACCC"]
    asked = ask(receiver, f"/v1/incoming-transfers/{row['payment_id']}/events")["questions"]
    assert [(each["asked_by"], each["answers"][-1]["status"]) for each in asked] == [
        (THEIRS, "ACCC"),
        (STRANGER, "RJCT"),
    ]
    assert kinds_of(receiver, ours["MS01"])[-2:] == ["InformationGiven", "Informed"]
    assert (silent["state"], silent["links"]["about"]) == ("REQUESTED", f"/v1/incoming-transfers/{row['payment_id']}")
    assert told["links"]["about"] == f"/v1/payments/{payment['payment_id']}"
    await asked_until(
        receiver, f"{path_of(theirs)}/messages", lambda _: all(v for _, v in verdicts_of(receiver, theirs))
    )
    assert verdicts_of(receiver, theirs) == [
        ("admi.007", ["ignored"]),
        ("camt.029", ["ignored"]),
        ("camt.028", ["ignored"]),
        ("camt.029", ["ignored"]),
    ]


async def test_a_report_is_asked_for_kept_and_shown(receiver: Receiver) -> None:
    """The totals of the day come as a camt.052; one that failed says why, and one that the rules refuse is not sent."""
    asked = ask(receiver, "/v1/account-reports", {"kind": "IATR", "account": AGENT}, key="report-1")
    failed = ask(
        receiver,
        "/v1/account-reports",
        {"kind": "CADR", "account": AGENT, "from_date": "2026-01-02", "to_date": "2026-01-02"},
        expected=422,
        key="report-2",
    )
    reported = await asked_until(receiver, path_of(asked), is_in("REPORTED"))

    assert failed["type"].endswith("message_invalid")
    types = [each["message_type"][:8] for each in ask(receiver, f"{path_of(asked)}/messages")["messages"]]
    assert (types, reported["topic"], reported["due_at"]) == (["camt.060", "camt.052"], "IATR", None)


async def test_a_report_is_one_however_late_and_often_it_comes_and_what_never_comes_is_asked_for_again(
    receiver: Receiver,
) -> None:
    """Lost, refused by the rail, late, and twice; the one that was lost stays due, and a repeat is the same request.

    So with a notification (camt.054), for which nobody has asked.
    """

    def asked(key: str) -> dict[str, Any]:
        return ask(receiver, "/v1/account-reports", {"kind": "IATR", "account": AGENT}, key=key)

    receiver.switch_faults(messages={"camt.052": {"copies": 0}})
    lost = asked("report-lost")
    await befallen(receiver)
    receiver.switch_faults(refuse={"camt.060": "SIM-ORDERED"})
    refused = asked("report-refused")
    failed = await asked_until(receiver, path_of(refused), is_in("FAILED"))
    receiver.switch_faults(messages={"camt.052": {"delay_s": 2}})
    late = asked("report-late")
    await befallen(receiver)
    receiver.switch_faults(messages={"camt.052": {"copies": 2}, "camt.054": {"copies": 2}})
    twice = asked("report-twice")
    note = asked_of_us(receiver, kind="notification", message_id="20261120990001106NOTED", amount="20.00")
    await befallen(receiver)
    before = ask(receiver, path_of(late))
    for each in (twice, late, asked("report-again")):
        await asked_until(receiver, path_of(each), is_in("REPORTED"))
    await delivered(receiver)
    noted = await known_as(receiver, note)

    (why,) = [each["reason"]["code"] for each in ask(receiver, f"{path_of(failed)}/events")["events"] if each["reason"]]
    assert (before["state"], why) == ("REQUESTED", "SIM-ORDERED")
    assert (noted["state"], noted["kind"], noted["direction"]) == ("REPORTED", "account_report", "in")
    histories = [kinds_of(receiver, each) for each in (lost, late, twice, noted)]
    assert histories == [["Opened"], ["Opened", "Reported"], ["Opened", "Reported"], ["Opened"]]
    still = asked("report-lost")
    assert (still["conversation_id"], still["state"]) == (lost["conversation_id"], "REQUESTED")
    assert still["due_at"] is not None
    assert [verdicts for _, verdicts in verdicts_of(receiver, lost)] == [["ignored"]]


async def test_who_has_received_a_request_for_payment_asks_about_it(receiver: Receiver) -> None:
    """Either way, linked to the request: ours about theirs is answered, theirs about ours is due, and answered."""
    await asked_about_requests(receiver, asked_for)


async def test_all_that_is_due_is_one_list_and_is_done_from_it(receiver: Receiver, database: Database) -> None:
    """Requests, questions, a withdrawal, money to post, and a payment in doubt: each by its own deadline."""
    await everything_due(receiver, database, other=replace(receiver, api_key=SECOND_KEY))


async def test_what_comes_twice_is_in_the_histories_once(receiver: Receiver, database: Database) -> None:
    """Receipts, refusals, answers and requests, byte for byte; the control is the same once each."""
    once = await everything_said(receiver, database, asked_for)

    types = ("admi.002", "admi.007", "camt.026", "camt.028", "camt.029", "camt.056", "pain.014")
    receiver.switch_faults(messages={each: {"next": 99, "copies": 2} for each in types})
    try:
        twice = await everything_said(receiver, database, asked_for)
        left = receiver.rail_summary()["faults"]["messages"]
    finally:
        receiver.switch_faults()

    assert twice == once
    assert all(fault["next"] < 99 for fault in left.values()), "each type has come"
    assert await faults_of(database) == 0


async def test_two_institutions_of_one_gateway_talk_and_each_has_its_own_half(
    receiver: Receiver, database: Database
) -> None:
    """Paid and returned on request, asked about, asked for and paid, taken back, and liquidity: all over the rail."""
    before = await quarantined(database)
    with attended(receiver) as (first, second):
        await paid_and_given_back(first, second)
        await asked_and_told(first, second, "informed", "INFORMED")
        await asked_and_told(first, second, "no_information", "NO_INFORMATION")
        await requested_and_paid(first, second, pay_on=tomorrow())
        await requested_and_taken_back(first, second, pay_on=tomorrow())
        moved = ask(
            first,
            "/v1/liquidity-transfers",
            {
                "amount": "250000.00",
                "currency": "USD",
                "debtor_agent": AGENT,
                "creditor_agent": SECOND_AGENT,
                "end_to_end_id": "E2E-bureau-liquidity",
            },
            key="bureau-liquidity",
        )
        await arrived(second, "E2E-bureau-liquidity")

    assert moved["state"] == "SETTLED"
    positions = receiver.installation.ledger()["positions"]
    assert sum(positions.values()) == 0
    assert await quarantined(database) == before
    assert await faults_of(database) == 0
