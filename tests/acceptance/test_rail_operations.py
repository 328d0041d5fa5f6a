"""Rail operations through the real stack: the command, the gateway, a worker, and the rail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from adapters.child_process import free_loopback_port
from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.application import application
from gateway.service.rail_presence import NO_STORE
from tests.acceptance.bureau import SECOND_AGENT
from tests.acceptance.installation import installed
from tests.acceptance.payments import message, transfer
from tests.acceptance.receiving import (
    AGENT,
    OPERATOR_KEY,
    Receiver,
    befallen,
    delivered,
    receiving,
    register,
    register_operator,
    state_of,
    until,
)
from tests.acceptance.test_receiving import answers, sent_in
from tests.acceptance.test_returns import ask, asked_until
from tests.acceptance.test_slice import post
from tests.conftest import Database

OVER_THE_RESERVE_S: Final = 5.5
"""What came so long ago we must not accept any more: the receiver's reserve is 5 s."""

PARTIES: Final = 6
"""The simulated network's connection parties: each is told of an institution that signs on or off."""


@pytest.fixture
def two_points(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """A receiving installation at the one of two connection points, as a region is; at the other one nobody is."""
    register_operator(database)
    points = ("--points", "990000107=EAST,WEST")
    more = {"FIFTEEN_FEDNOW__CONNECTION_POINT": "WEST"}
    with (
        installed(
            database, tmp_path, rail_clock_s=20, status_request_wait_s=25, simulator_options=points
        ) as installation,
        receiving(installation, database, more=more) as running,
    ):
        running.installation.start_worker()
        yield running


async def fifteen_rail(receiver: Receiver, *arguments: str) -> Result:
    """Run the command in a thread of its own: it brings a loop of its own."""
    environment = {
        "FIFTEEN_GATEWAY_URL": receiver.installation.gateway_url,
        "FIFTEEN_OPERATOR_KEY": OPERATOR_KEY,
        "COLUMNS": "300",
    }
    command = ["rail", *arguments, "--rail", receiver.rail.value]
    return await asyncio.to_thread(lambda: CliRunner().invoke(application, command, env=environment))


async def status_of(receiver: Receiver) -> dict[str, Any]:
    """How we stand, as the command shows it."""
    shown = await fifteen_rail(receiver, "status", "--json")
    assert shown.exit_code == 0, shown.output
    status: dict[str, Any] = json.loads(shown.output)
    return status


async def test_a_lost_regions_messages_come_here_once_its_point_is_disconnected_and_a_sign_off_stops_what_is_new_alone(
    two_points: Receiver, database: Database
) -> None:
    """Two connection points, one of a region that is dead; then sign-off in mid-flight, and sign-on.

    Until the point is disconnected its messages are in its own queue (the control): nobody here sees them. What waited
    there for longer than the receiver's reserve is rejected, by us, and what we had accepted is posted. While we are
    signed off the rail rejects what is new to us, under a code of its own; what was under way is posted, and what
    we send settles.
    """
    ping = await fifteen_rail(two_points, "ping")
    ids = two_points.order(count=4)
    await asyncio.sleep(OVER_THE_RESERVE_S)
    before = await states_of(database, ids)
    lost = await fifteen_rail(two_points, "disconnect", "EAST", "--note", "the region is lost")
    await accepted_and_posted_or_rejected(two_points, database, dict(zip(ids, before, strict=True)))

    (slow,) = two_points.order(creditor_account="SIMSLOW20")
    off = await fifteen_rail(two_points, "sign-off", "--note", "maintenance")
    (refused,) = two_points.order()
    code, sent = await post(two_points.installation, message(transfer()))
    await until(database, slow, lambda row: row["state"] == "POSTED")
    while_off = await status_of(two_points)
    on = await fifteen_rail(two_points, "sign-on", "--note", "maintenance is over")
    (after,) = two_points.order()
    await until(database, after, lambda row: row["state"] == "POSTED")
    last = await fifteen_rail(two_points, "disconnect", "WEST", "--note", "nobody may do this")

    assert [each.exit_code for each in (ping, lost, off, on)] == [0, 0, 0, 0], [each.output for each in (ping, lost)]
    assert (two_points.at_rail(refused)["status"], two_points.at_rail(refused)["reasons"]) == (
        "RJCT",
        ["SIM-SIGNED-OFF"],
    )
    assert (code, json.loads(sent)["state"]) == (200, "SETTLED")
    assert while_off["connection_party"] == {"signed_on": False}
    assert while_off["connection_points"] == [{"connection_point": "EAST", "connected": False}]
    assert (last.exit_code, "SIM-LAST-POINT" in last.output) == (1, True)
    assert [(each["code"], each["state"]) for each in (await status_of(two_points))["operations"]] == [
        ("FPCD", "refused"),
        ("FPON", "done"),
        ("FPOF", "done"),
        ("FPCD", "done"),
        ("PING", "done"),
    ]
    await answered_never_late_and_twice(two_points, database)


async def answered_never_late_and_twice(receiver: Receiver, database: Database) -> None:
    """What is not answered stays asked; late it counts by its own time, as the rail's news does; twice it is one."""
    receiver.switch_faults(messages={"admi.011": {"copies": 0}})
    lost = asked_of_the_rail(receiver, "ping")
    await befallen(receiver)
    receiver.switch_faults(messages={"admi.011": {"delay_s": 2}, "admi.004": {"next": PARTIES, "delay_s": 2}})
    late = asked_of_the_rail(receiver, "sign_off", SECOND_AGENT)
    await befallen(receiver)
    receiver.switch_faults(messages={"admi.011": {"copies": 2}, "admi.004": {"next": PARTIES, "copies": 2}})
    twice = asked_of_the_rail(receiver, "sign_on", SECOND_AGENT)
    await befallen(receiver)
    await asked_until(receiver, twice, is_now("done"))
    before = ask(receiver, late)
    await asked_until(receiver, late, is_now("done"))
    await delivered(receiver)

    status = await status_of(receiver)
    assert (before["state"], ask(receiver, lost)["state"]) == ("asked", "asked")
    assert [await answers_kept(database, receiver, each) for each in (lost, late, twice)] == [0, 1, 1]
    assert status["institutions"] == [{"routing_number": SECOND_AGENT, "signed_on": True, "reached": True}]
    news = [each["code"] for each in status["broadcasts"] if each["subjects"] == [SECOND_AGENT]]
    assert sorted(news) == ["FPOF", "FPON"]


def asked_of_the_rail(receiver: Receiver, action: str, subject: str | None = None) -> str:
    """Have an operator ask something about ourselves, and not wait for the answer; returns where it is shown."""
    body = {"action": action, "note": "a sample", **({} if subject is None else {"subject": subject})}
    operator = replace(receiver, api_key=OPERATOR_KEY)
    operation = ask(operator, f"/v1/rails/{receiver.rail}/operations", body, expected=202)
    path: str = operation["links"]["self"]
    return path


def is_now(state: str) -> Callable[[dict[str, Any]], bool]:
    """Whether an operation stands so."""
    return lambda shown: bool(shown["state"] == state)


async def answers_kept(database: Database, receiver: Receiver, path: str) -> int:
    """How many answers to what was asked are kept."""
    about = ask(receiver, path)["message_id"]
    connection = await asyncpg.connect(database.application_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM rail_event WHERE about = $1", about))
    finally:
        await connection.close()


async def accepted_and_posted_or_rejected(
    receiver: Receiver, database: Database, before: Mapping[str, str | None]
) -> None:
    """What was accepted here is posted once, its advice come from the lost point; what only then came is rejected.

    Each is answered once, of neither is another word said, and the institution is not asked about what is too late.
    """
    lost = [message_id for message_id, state in before.items() if state is None]
    kept = [message_id for message_id in before if message_id not in lost]
    assert len(lost) == len(kept), "the points are served in turn"
    assert {before[each] for each in kept} <= {"ACCEPTED", "POSTED"}
    for each in lost:
        await until(database, each, sent_in("REJECTED"))
    rows = [await until(database, each, sent_in("POSTED")) for each in kept]

    shown = {each: receiver.at_rail(each) for each in before}
    assert [answers(shown[each]) for each in lost] == [[("RJCT", ("AB05",))]] * len(lost)
    assert [answers(shown[each]) for each in kept] == [[("ACTC", ())]] * len(kept)
    assert all(answer["counts"] for each in before for answer in shown[each]["answers"])
    assert [(shown[each]["status"], shown[each]["posting"]) for each in lost] == [("RJCT", [])] * len(lost)
    posted = ("ACSC", [{"status": "ACCC", "reasons": []}])
    assert [(shown[each]["status"], shown[each]["posting"]) for each in kept] == [posted] * len(kept)
    institution, ours = receiver.at_institution(), [str(row["payment_id"]) for row in rows]
    assert institution["credited"] == {mine: shown[each]["amount_cents"] for mine, each in zip(ours, kept, strict=True)}
    assert institution["asked"] == institution["told_to_post"] == dict.fromkeys(ours, 1)


async def states_of(database: Database, ids: Sequence[str]) -> list[str | None]:
    """Where transfers stand; None of what has not come."""
    rows = [await state_of(database, each) for each in ids]
    return [None if row is None else row["state"] for row in rows]


@pytest.fixture
def guarded(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """A receiving installation whose gateway signs off whoever has not answered for a second; without a worker."""
    register_operator(database)
    more = {"FIFTEEN_FEDNOW__PROTECTIVE_SIGN_OFF_AFTER_S": "1", "FIFTEEN_FEDNOW__TOTALS_INTERVAL_S": "2"}
    with (
        installed(database, tmp_path, rail_clock_s=20, status_request_wait_s=25, more=more) as installation,
        receiving(installation, database) as running,
    ):
        yield running


async def test_who_is_gone_is_signed_off_until_they_answer_and_what_never_came_is_found_in_the_rails_totals(
    guarded: Receiver, database: Database, postgres_server: EmbeddedPostgres
) -> None:
    """First no worker runs, then the institution is gone: the gateway's guard signs off, over a link of its own.

    At last the database is gone, and with it everybody who could save an answer: the guard signs off all the same.

    Nobody is signed on before those who must answer do. Meanwhile totals are compared every two seconds: what came is
    no difference, what the rail has settled and nobody here knows of is named, until a person has looked at it.
    """
    refused_at_first = await fifteen_rail(guarded, "sign-on", "--note", "too early")
    await until_rejected(guarded)
    guarded.installation.start_worker()
    everybody = await fifteen_rail(guarded, "sign-on", "--note", "a worker runs")
    (first,) = guarded.order()
    await until(database, first, lambda row: row["state"] == "POSTED")

    await register(database, f"http://127.0.0.1:{free_loopback_port()}/nobody")
    await until_rejected(guarded)
    refused = await fifteen_rail(guarded, "sign-on", AGENT, "--note", "too early")
    await register(database, f"{guarded.institution_url}/v1/incoming-transfers")
    institution = await fifteen_rail(guarded, "sign-on", AGENT, "--note", "it is back")
    (last,) = guarded.order()
    await until(database, last, lambda row: row["state"] == "POSTED")

    assert (refused_at_first.exit_code, "no worker runs" in refused_at_first.output) == (1, True)
    assert (everybody.exit_code, institution.exit_code) == (0, 0)
    assert (refused.exit_code, "does not answer" in refused.output) == (1, True)
    status = await status_of(guarded)
    assert [(each["code"], each["subject"], each["asked_by"]) for each in reversed(status["operations"])] == [
        ("FPOF", None, "protective sign-off"),
        ("FPON", None, "sample operator"),
        ("FPOF", AGENT, "protective sign-off"),
        ("FPON", AGENT, "sample operator"),
    ]
    assert status["missing"] == []
    assert used_by(status, AGENT)["year_s"] in range(1, 60)

    (lost,) = guarded.order(swallowed=True, amount="12.34")
    async with asyncio.timeout(20):
        while not (found := (await status_of(guarded))["missing"]):
            await asyncio.sleep(0.5)
    closed = await fifteen_rail(guarded, "close", lost, "--note", "the sender has it back")

    assert [(each["message_id"], each["routing_number"]) for each in found] == [(lost, AGENT)]
    assert "12.34" in found[0]["description"]
    assert (closed.exit_code, (await status_of(guarded))["missing"]) == (0, [])

    async with unreachable(postgres_server, database):
        await until_rejected(guarded)
    async with asyncio.timeout(30):
        while (newest := (await status_of(guarded))["operations"][0])["state"] != "done" or newest["code"] != "FPOF":
            await asyncio.sleep(0.5)
    assert (newest["subject"], newest["asked_by"], newest["note"]) == (None, "protective sign-off", NO_STORE)


@asynccontextmanager
async def unreachable(server: EmbeddedPostgres, database: Database) -> AsyncIterator[None]:
    """While the context is open nobody gets to a database, and whoever was there has lost it."""
    name = urlsplit(database.application_dsn).path.lstrip("/")
    owner, last = [await asyncpg.connect(dsn) for dsn in (server.owner_dsn, database.application_dsn)]
    others = "FROM pg_stat_activity WHERE datname = $1 AND usename = current_user AND pid <> pg_backend_pid()"
    try:
        await owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        await last.execute(f"SELECT pg_terminate_backend(pid) {others}", name)
        await last.close()
        yield
    finally:
        await owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
        await owner.close()


def used_by(status: dict[str, Any], institution: str) -> dict[str, Any]:
    """An institution's downtime."""
    (used,) = [each for each in status["downtime"]["institutions"] if each["routing_number"] == institution]
    return dict(used)


async def until_rejected(receiver: Receiver) -> None:
    """Return once the rail rejects payments to us: we are signed off."""
    async with asyncio.timeout(15):
        while True:
            (message_id,) = receiver.order()
            if receiver.at_rail(message_id)["reasons"] == ["SIM-SIGNED-OFF"]:
                return
            await asyncio.sleep(0.5)
