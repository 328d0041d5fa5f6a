"""Days, hours and deadlines through the real stack in a second: gateway and worker follow the clock of their rail."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any, Final

import pytest

from adapters.postgres.server import EmbeddedPostgres
from tests.acceptance.installation import ON_RAIL_TIME, installed
from tests.acceptance.overdue import AFTER, answered_all_the_same, counted_as_overdue, left_unanswered, taken_back
from tests.acceptance.payments import EASTERN, json_payment
from tests.acceptance.rail_clock import MORNING, clock_of, leap_to, long_weekend
from tests.acceptance.receiving import AGENT, Receiver, befallen, delivered, receiving, until
from tests.acceptance.talk import (
    asked_for,
    asked_of_us,
    is_in,
    kinds,
    kinds_of,
    known_as,
    path_of,
    verdicts_of,
)
from tests.acceptance.test_liquidity import ask_any, liquidity
from tests.acceptance.test_liquidity import ended as ended_payment
from tests.acceptance.test_returns import (
    answered_with,
    ask,
    asked_back,
    asked_until,
    faults_of,
    found_in,
    request_is,
)
from tests.conftest import TENANT, Database, copy_database, demand_balance

OPENS, CLOSES = time(7), time(18, 30)
"""When this rail takes liquidity transfers; the gateway has not been told."""

ADVICE_WAIT_S: Final = 25
"""The rail's own, as its clock of 20 s is: on its time nobody waits for either."""

LATE_S: Final = 2 * 3_600
OVER: Final = ["Opened", "ReceiptReported", "Expired"]

_keys = count(1)
_SETTLEMENT_DAY: Final = re.compile(rb"<(?:\w+:)?IntrBkSttlmDt>([\d-]+)<")
_SETTLED_ON: Final = re.compile(rb"<(?:\w+:)?FctvIntrBkSttlmDt>\s*<(?:\w+:)?Dt>([\d-]+)<")
_ENTRIES: Final = re.compile(rb"<(?:\w+:)?NbOfNtries>(\d+)<")


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    """One database for all of this file, whose time only goes on."""
    fresh = copy_database(postgres_server, template)
    yield fresh
    asyncio.run(demand_balance(fresh))


@pytest.fixture(scope="module")
def receiver(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """An installation that sends and receives on its rail's time, with one worker."""
    more = {"FIFTEEN_FEDNOW__LIQUIDITY_SENDERS": AGENT, "FIFTEEN_FEDNOW__LIQUIDITY_TENANTS": TENANT}
    options = ("--liquidity-hours", f"{OPENS:%H:%M}-{CLOSES:%H:%M}")
    directory = tmp_path_factory.mktemp("rail-time")
    with (
        installed(
            database,
            directory,
            rail_clock_s=20,
            status_request_wait_s=ADVICE_WAIT_S,
            module=ON_RAIL_TIME,
            simulator_options=options,
            more=more,
        ) as installation,
        receiving(installation, database, more=more) as running,
    ):
        running.installation.start_worker()
        yield running


async def submitted(receiver: Receiver, **more: Any) -> dict[str, Any]:
    """A payment of ours, at its end."""
    key, body = f"payment-{next(_keys)}", {**json_payment(**more), "rail": receiver.rail.value}
    return await ended_payment(receiver, await asyncio.to_thread(ask_any, receiver, "/v1/payments", body, key))


async def paid(receiver: Receiver) -> dict[str, Any]:
    """A payment of ours, settled."""
    shown = await submitted(receiver)
    assert shown["state"] == "SETTLED", shown
    return shown


async def moved(receiver: Receiver) -> str:
    """What becomes of a liquidity transfer that is submitted now: its state, or the rail's reason."""
    key = f"liquidity-{next(_keys)}"
    submitted = await asyncio.to_thread(ask_any, receiver, "/v1/liquidity-transfers", liquidity(), key)
    shown = await ended_payment(receiver, submitted)
    return str(shown["reason"]["code"] if shown["reason"] else shown["state"])


def settlement_days(receiver: Receiver, payment: dict[str, Any]) -> list[str]:
    """Under which day a payment left, and under which the rail has booked it."""
    path = f"/v1/payments/{payment['payment_id']}"
    return found_in(receiver, path, "pacs.008", _SETTLEMENT_DAY) + found_in(receiver, path, "pacs.002", _SETTLED_ON)


async def totals(receiver: Receiver) -> list[str]:
    """How many credits and debits the rail's totals of the day under way have (camt.052)."""
    body = {"kind": "IATR", "account": AGENT}
    asked = await asyncio.to_thread(lambda: ask(receiver, "/v1/account-reports", body, key=f"report-{next(_keys)}"))
    await asked_until(receiver, path_of(asked), is_in("REPORTED"))
    return found_in(receiver, path_of(asked), "camt.052", _ENTRIES)


async def test_over_the_roll_payments_are_of_the_next_day_on_the_wire_in_the_books_and_in_the_totals(
    receiver: Receiver, database: Database
) -> None:
    """At 7 p.m. Eastern of a Friday it is Saturday, a day like any other; nothing of Friday is counted in it."""
    friday = long_weekend(receiver)
    await leap_to(receiver, friday, time(18, 59))
    before = await paid(receiver)
    (came,) = receiver.order()
    await until(database, came, lambda row: row["state"] == "POSTED")
    of_friday = await totals(receiver)

    await leap_to(receiver, friday, time(19))
    of_none = await totals(receiver)
    after = await paid(receiver)
    of_saturday = await totals(receiver)

    saturday = friday + timedelta(days=1)
    assert settlement_days(receiver, before) == [friday.isoformat()] * 2
    assert settlement_days(receiver, after) == [saturday.isoformat()] * 2
    assert (of_friday, of_none, of_saturday) == (["1", "1"], ["0", "0"], ["0", "1"])
    assert await faults_of(database) == 0


async def test_liquidity_transfers_are_taken_while_the_rail_is_open_for_them(receiver: Receiver) -> None:
    """To the evening and from the morning on, also of a Saturday; in between the rail says that it is closed."""
    friday = long_weekend(receiver)
    ends = []
    for day, at in (
        (friday, time(18, 29)),
        (friday, time(18, 31)),
        (friday + timedelta(days=1), time(6, 58)),
        (friday + timedelta(days=1), OPENS),
    ):
        await leap_to(receiver, day, at)
        ends.append(await moved(receiver))

    assert ends == ["SETTLED", "SIM-LMT-HOURS", "SIM-LMT-HOURS", "SETTLED"]


async def test_a_return_is_asked_for_on_the_sixtieth_day_and_not_on_the_next(
    receiver: Receiver, database: Database
) -> None:
    """Of what we have sent it is refused here; of what we have received we refuse it at once, without anybody."""
    friday = long_weekend(receiver)
    await leap_to(receiver, friday)
    ours = [f"/v1/payments/{(await paid(receiver))['payment_id']}" for _ in range(2)]
    theirs = receiver.order(count=2)
    rows = [await until(database, each, lambda row: row["state"] == "POSTED") for each in theirs]
    paths = [f"/v1/incoming-transfers/{row['payment_id']}" for row in rows]

    await leap_to(receiver, friday + timedelta(days=60))
    ask(receiver, f"{ours[0]}/return-request", {"reason_code": "CUST"})
    in_time = await asked_until(receiver, ours[0], request_is("REFUSED"))
    asked_back(receiver, theirs[0], reason="DUPL", days_later=60)
    await asked_until(receiver, paths[0], request_is("RECEIVED"))

    await leap_to(receiver, friday + timedelta(days=61))
    late = ask(receiver, f"{ours[1]}/return-request", {"reason_code": "CUST"}, expected=409)
    asked_back(receiver, theirs[1], reason="DUPL", days_later=61)
    await asked_until(receiver, paths[1], request_is("REFUSED"))

    assert answered_with(receiver, paths[1]) == ["RJCR", "NARR"]
    assert in_time["state"] == "SETTLED", "whoever has the money keeps it, as the simulator does for CUST"
    assert late["why"] == "too_late"
    assert await faults_of(database) == 0


async def test_over_a_long_weekend_a_request_expires_and_a_decision_is_due_after_the_holiday(
    receiver: Receiver, database: Database
) -> None:
    """Requests for payment lapse on their Sunday; money on hold is decided on by Tuesday night, for Monday is none.

    Ours, which is accepted two hours after that, stays expired, and a person is told.
    """
    friday = long_weekend(receiver)
    await leap_to(receiver, friday)
    asked = await asyncio.to_thread(
        lambda: asked_of_us(
            receiver, kind="request_for_payment", end_to_end_id="E2E-LEAP", expires_in_s=2 * 86_400, pay_in_days=9
        )
    )
    request = await known_as(receiver, asked)
    receiver.switch_faults(messages={"pain.014": {"delay_s": 2 * 86_400 + LATE_S}})
    ours = asked_for(
        receiver,
        "SIMPROMISE",
        expires=datetime.combine(friday + timedelta(days=2), MORNING, tzinfo=EASTERN).isoformat(),
        pay_on=(friday + timedelta(days=9)).isoformat(),
    )
    await befallen(receiver)
    (held,) = receiver.order(creditor_account="SIMHOLD")
    row = await until(database, held, lambda row: row["state"] == "PENDING")
    path = f"/v1/incoming-transfers/{row['payment_id']}"

    await leap_to(receiver, friday + timedelta(days=2), time(9, 59))
    still = ask(receiver, path_of(request))
    await leap_to(receiver, friday + timedelta(days=2), time(10, 1))
    for each in (request, ours):
        await asked_until(receiver, path_of(each), is_in("EXPIRED"))
    before = kinds_of(receiver, ours)
    answered = ask(receiver, f"{path_of(request)}/answer", {"answer": "accepted"}, expected=409)

    await leap_to(receiver, friday + timedelta(days=2), time(12, 1))
    late = await asked_until(receiver, path_of(ours), lambda shown: bool(shown["attention"]))

    due = datetime.fromisoformat(ask(receiver, path)["decide_by"]).astimezone(EASTERN)
    assert (still["state"], answered["state"]) == ("REQUESTED", "EXPIRED")
    assert (before, kinds_of(receiver, ours)) == (OVER, [*OVER, "Accepted"])
    assert late["state"] == "EXPIRED"
    assert (due.date(), due.time()) == (friday + timedelta(days=4), time(23, 59, 59))


async def test_a_question_and_a_request_for_a_return_that_nobody_answers_in_time_are_overdue_and_still_open(
    receiver: Receiver, database: Database
) -> None:
    """Both ways, from Tuesday midnight on, for Monday is no business day: listed and counted, and nothing else.

    What is late counts, once: theirs here, ours there. A return that nobody has answered for is asked for anew.
    """
    friday = long_weekend(receiver)
    await leap_to(receiver, friday)
    left = await left_unanswered(receiver, database, [await paid(receiver) for _ in range(2)])
    early = ask(receiver, f"{left.silent}/return-request", {"reason_code": "DUPL"}, expected=409)

    looked_at = await leap_to(receiver, friday + AFTER, time(MORNING.hour - 1))
    requests = [ask(receiver, path)["return_request"] for path in left.requests]
    questions = [ask(receiver, path) for path in left.questions]
    before = {path: Counter(kinds(receiver, path)) for path in (*left.requests, *left.questions)}
    assert await counted_as_overdue(receiver)
    await answered_all_the_same(receiver, left)
    await leap_to(receiver, friday + AFTER, time(MORNING.hour + 1))
    await asked_until(receiver, left.asked_back, request_is("REFUSED"))
    informed = await asked_until(receiver, left.asked, is_in("INFORMED"))
    await delivered(receiver)

    due = [datetime.fromisoformat(each["due_at"]).astimezone(EASTERN) for each in (*requests, *questions)]
    since = {path: Counter(kinds(receiver, path)) - before[path] for path in before}
    assert {(each.date(), each.time()) for each in due} == {(friday + timedelta(days=4), time(23, 59, 59))}
    assert max(due) < looked_at
    assert (early["why"], informed["attention"]) == ("already_asked", False)
    assert [each["state"] for each in (*requests, *questions)] == [
        *("REQUESTED", "REQUESTED", "RECEIVED"),
        *("REQUESTED", "REQUESTED"),
    ]
    assert since == {
        left.asked_back: Counter(["ReturnRefusedReported"]),
        left.silent: Counter(["ReturnAsked", "ReturnReceiptReported", "ReturnAgreedReported", "PaymentReturned"]),
        left.to_give_back: Counter(["ReturnAgreed", "ReturnSettled"]),
        left.asked: Counter(["InformationGiven", "Informed"]),
        left.to_tell: Counter(["Informed", "ReceiptReported", "ReceiptReported"]),
    }
    assert await faults_of(database) == 0


async def test_a_withdrawal_that_nobody_answers_is_over_with_the_expiry_and_overdue_after_the_day_of_payment(
    receiver: Receiver, database: Database
) -> None:
    """What was undecided has expired, whatever is said then; what was accepted may be paid until either side answers.

    A late answer of theirs counts once, and one of ours; of what is over we are not asked any more.
    """
    friday = long_weekend(receiver)
    await leap_to(receiver, friday)
    ours_expiring, ours, expiring, theirs = paths = await taken_back(receiver, friday)

    looked_at = await leap_to(receiver, friday + AFTER, time(MORNING.hour - 1))
    for path in (ours_expiring, expiring):
        await asked_until(receiver, path, is_in("EXPIRED"))
    overdue = [ask(receiver, path) for path in (ours, theirs)]
    before = {path: Counter(kinds(receiver, path)) for path in paths}
    assert await counted_as_overdue(receiver)
    refused = ask(receiver, f"{expiring}/answer", {"answer": "withdrawal_agreed"}, expected=409)
    agreed = ask(receiver, f"{theirs}/answer", {"answer": "withdrawal_agreed"})
    again = ask(receiver, f"{theirs}/answer", {"answer": "withdrawal_refused", "reason_code": "CUST"}, expected=409)
    await leap_to(receiver, friday + AFTER, time(MORNING.hour + 1))
    withdrawn = await asked_until(receiver, ours, is_in("WITHDRAWN"))
    await asked_until(receiver, f"{theirs}/events", lambda shown: shown["events"][-1]["kind"] == "ReceiptReported")
    await delivered(receiver)

    since = {path: Counter(kinds(receiver, path)) - before[path] for path in paths}
    assert {each["state"] for each in overdue} == {"WITHDRAWING_ACCEPTED"}
    assert {datetime.fromisoformat(each["due_at"]) for each in overdue} == {
        datetime.combine(friday + timedelta(days=2), time(23, 59, 59), tzinfo=EASTERN)
    }
    assert [each["may"] for each in overdue] == [
        ["ask_status"],
        ["withdrawal_agreed", "withdrawal_refused", "withdrawal_pending"],
    ]
    assert looked_at > datetime.fromisoformat(overdue[0]["due_at"])
    assert [each["state"] for each in (refused, agreed, again)] == ["EXPIRED", "WITHDRAWN", "WITHDRAWN"]
    assert since == {
        ours_expiring: Counter(["WithdrawalAgreed"]),
        ours: Counter(["WithdrawalAgreed"]),
        expiring: Counter(),
        theirs: Counter(["WithdrawalAgreed", "ReceiptReported"]),
    }
    over = ask(receiver, ours_expiring)
    assert [(each["state"], each["attention"]) for each in (over, withdrawn)] == [
        ("EXPIRED", False),
        ("WITHDRAWN", False),
    ]
    assert verdicts_of(receiver, agreed)[-1] == ("camt.029", ["ignored"])
    assert await faults_of(database) == 0


async def standing_at(receiver: Receiver, day: date, *, seconds: float) -> datetime:
    """Have the clock stand so many seconds after ten, and return that instant once everybody has looked at it.

    A payment that comes then and is posted shows it: by then all timers that are due have been taken up.
    """
    at = (datetime.combine(day, MORNING) + timedelta(seconds=seconds)).time()
    return await leap_to(receiver, day, at, runs=False)


async def befell(receiver: Receiver, row: dict[str, Any], kind: str) -> list[datetime]:
    """When this befell a transfer, each time that it did."""
    events = ask(receiver, f"/v1/incoming-transfers/{row['payment_id']}/events")["events"]
    return [datetime.fromisoformat(each["at"]) for each in events if each["kind"] == kind]


async def test_the_rail_is_asked_for_its_advice_25_s_after_its_header_whenever_we_accepted(
    receiver: Receiver, database: Database
) -> None:
    """Not 24.9 s after it, but 25.1 s; then what came two seconds later, and was accepted as early, is not due yet.

    While the clock stands each event is of one of its instants, so that none is taken for another.
    """
    friday = long_weekend(receiver)
    await standing_at(receiver, friday, seconds=0)
    (slow,) = receiver.order(advice="none", creditor_account="SIMSLOW15")
    await until(database, slow, lambda row: row["state"] == "RECEIVED")
    accepted_at = await standing_at(receiver, friday, seconds=2)
    (later,) = receiver.order(advice="none")
    rows = [await until(database, each, lambda row: row["state"] == "ACCEPTED") for each in (slow, later)]

    instants = []
    for seconds, asked in ((24.9, None), (25.1, slow), (26.9, None), (27.1, later)):
        instants.append(await standing_at(receiver, friday, seconds=seconds))
        (between,) = receiver.order()
        await until(database, asked or between, lambda row: row["state"] == "POSTED")

    ended = [await until(database, each, bool) for each in (slow, later)]
    assert [await befell(receiver, row, "AcceptanceDecided") for row in rows] == [[accepted_at]] * 2
    overdue = [await befell(receiver, row, "AdviceOverdue") for row in rows]
    assert overdue == [[instants[1]], [instants[3]]]
    assert overdue == [await befell(receiver, row, "StatusRequested") for row in rows]
    assert [row["kinds"][2:] for row in ended] == [
        ["AdviceOverdue", "StatusRequested", "SettlementAdvised", "PostingConfirmed"]
    ] * 2
    assert await faults_of(database) == 0


async def test_while_the_clock_stands_payments_settle_all_the_same_each_at_that_instant(
    receiver: Receiver, database: Database
) -> None:
    """Both ways: the loops of gateway and worker go on, and no two instants differ."""
    instant = await leap_to(receiver, long_weekend(receiver), runs=False)

    payments = [await paid(receiver) for _ in range(2)]
    (came,) = receiver.order()
    row = await until(database, came, lambda row: row["state"] == "POSTED")
    shown = clock_of(receiver)

    accepted_at = {datetime.fromisoformat(each["accepted_at"]) for each in payments}
    assert (accepted_at, row["updated_at"]) == ({instant}, instant)
    assert (shown["runs"], datetime.fromisoformat(shown["now"])) == (False, instant)
