"""Days, hours and deadlines through the real stack in a second: gateway and worker follow the clock of their rail."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any, Final

import asyncpg
import pytest

from adapters.postgres.server import EmbeddedPostgres
from gateway.domain.receiving_time import is_business_day
from tests.acceptance.installation import ON_RAIL_TIME, installed
from tests.acceptance.payments import EASTERN, json_payment
from tests.acceptance.receiving import AGENT, Receiver, befallen, receiving, until
from tests.acceptance.talk import asked_for, asked_of_us, is_in, kinds_of, known_as, path_of
from tests.acceptance.test_liquidity import ask_any, liquidity
from tests.acceptance.test_liquidity import ended as ended_payment
from tests.acceptance.test_returns import answered_with, ask, asked_back, asked_until, faults_of, found_in, request_is
from tests.conftest import TENANT, Database, copy_database, demand_balance

OPENS, CLOSES = time(7), time(18, 30)
"""When this rail takes liquidity transfers; the gateway has not been told."""

MORNING: Final = time(10)
FRIDAY: Final = 4

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
        installed(database, directory, module=ON_RAIL_TIME, simulator_options=options, more=more) as installation,
        receiving(installation, database, more=more) as running,
    ):
        running.installation.start_worker()
        yield running


async def leap_to(receiver: Receiver, day: date, at: time = MORNING, *, runs: bool = True) -> datetime:
    """Have the rail's clock show this time of its zone, and return it once gateway and worker show it too.

    First everything leaves that is about to: what waits in the outbox while half a second is leapt over leaves twice.
    """
    instant = datetime.combine(day, at, tzinfo=EASTERN)
    await outbox_empty(receiver)
    shown = await asyncio.to_thread(clock_of, receiver, {"at": instant.isoformat(), "runs": runs})
    followed, folder = f'"rail_changes":{shown["changes"]},', receiver.installation.directory
    async with asyncio.timeout(10):
        while not all(followed in (folder / name).read_text() for name in ("gateway.log", "worker-1.log")):
            await asyncio.sleep(0.02)
    return instant


async def outbox_empty(receiver: Receiver) -> None:
    """Return once no delivery waits to be published, or to be forgotten."""
    connection = await asyncpg.connect(receiver.installation.environment["FIFTEEN_DATABASE_URL"])
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval("SELECT count(*) FROM outbox"):
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


def clock_of(receiver: Receiver, content: Any = None) -> dict[str, Any]:
    """What the rail's clock shows, once it was set as is wanted."""
    url = f"{receiver.installation.simulator_urls[receiver.rail]}/simulator/v1/clock"
    data = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method="PUT" if data else "GET")) as response:
        shown: dict[str, Any] = json.load(response)
    return shown


def long_weekend(receiver: Receiver) -> date:
    """The next Friday on the rail after which a Monday is no business day: so each test is ahead of those before."""
    day = datetime.fromisoformat(clock_of(receiver)["now"]).astimezone(EASTERN).date() + timedelta(days=1)
    while day.weekday() != FRIDAY or not is_business_day(day) or is_business_day(day + timedelta(days=3)):
        day += timedelta(days=1)
    return day


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
