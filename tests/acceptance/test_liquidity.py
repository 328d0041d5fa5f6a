"""Liquidity transfers through the real stack, both ways: each moves once, nobody is asked, and every book agrees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.replay import replay
from gateway.settings import load_settings
from iso20022 import (
    FEDNOW_ID,
    FEDNOW_PRACTICE,
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    EndToEndId,
    EnvelopeKind,
    InstitutionCreditTransfer,
    Personal,
    RoutingNumber,
    Uetr,
    fednow_message_id,
    header,
    wrap,
)
from iso20022.messages import pacs009
from iso20022.messages.actors import Account, Agent, OtherIdentification
from iso20022.messages.original import PaymentType
from iso20022.messages.shape import Proprietary
from tests.acceptance.installation import CONNECTION_PARTY, installed
from tests.acceptance.payments import EASTERN, SENDER, json_payment
from tests.acceptance.receiving import Receiver, receiving, until
from tests.acceptance.test_returns import ask, asked_until, faults_of
from tests.conftest import TENANT, Database, copy_database

RECEIVES_ONLY: Final = "990000204"
"""An institution of ours that the rail lets receive liquidity, and not send it."""

OTHER: Final = "990001106"
NOT_ENABLED: Final = "990001300"
SETTLEMENT_ONLY: Final = "990001805"
LIQUIDITY_ONLY: Final = "990001902"
NOBODY: Final = "990002008"

MORE: Final = {
    "FIFTEEN_FEDNOW__LIQUIDITY_SENDERS": f"{SENDER},{RECEIVES_ONLY}",
    "FIFTEEN_FEDNOW__LIQUIDITY_TENANTS": TENANT,
    "FIFTEEN_FEDNOW__RECEIVE_ONLY": RECEIVES_ONLY,
    "FIFTEEN_FEDNOW__LIQUIDITY_LIMIT_CENTS": "500000000",
    "FIFTEEN_FEDNOW__SENDER_LIMIT_CENTS": "100000000000",
    "FIFTEEN_FEDNOW__TOTALS_INTERVAL_S": "2",
}


OPEN, CLOSED = (-2, 2), (2, 4)
"""Hours of liquidity transfers, from now."""


@pytest.fixture
def receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """An installation on a short clock that sends and receives, with one worker; it asks for totals every 2 s."""
    with (
        installed(database, tmp_path, more=MORE) as installation,
        receiving(installation, database, more=MORE) as running,
    ):
        running.installation.start_worker()
        yield running


def liquidity(amount: str = "250000.00", *, debtor: str = SENDER, creditor: str = OTHER) -> dict[str, Any]:
    """A liquidity transfer as the JSON API takes it."""
    return {"amount": amount, "currency": "USD", "debtor_agent": debtor, "creditor_agent": creditor}


def pacs009_to(account: str, number: int) -> bytes:
    """A pacs.009 in FedNow's envelope; the simulator does with it what the creditor's account says."""
    now = datetime.now(UTC).astimezone(EASTERN).replace(microsecond=0)
    ours, theirs = Agent(member_id=RoutingNumber(SENDER)), Agent(member_id=RoutingNumber(OTHER))
    transfer = InstitutionCreditTransfer(
        message_id=fednow_message_id(
            business_date=now.date(), connection_party=ConnectionPartyId(CONNECTION_PARTY), reference=f"LMT{number:04}"
        ),
        creation_time=now,
        end_to_end_id=EndToEndId(f"LMT-E2E-{number:04}"),
        uetr=Uetr(f"00000000-0000-4000-8000-00009{number:07}"),
        payment_type=PaymentType(local_instrument=Proprietary("LMT1")),
        amount=Amount(1_000_000_00),
        settlement_date=now.date(),
        instructing_agent=ours,
        instructed_agent=theirs,
        debtor=ours,
        creditor=theirs,
        creditor_account=Account(id=OtherIdentification(id=Personal(account))),
    )
    app_header = BusinessHeader(
        sender=ConnectionPartyId(CONNECTION_PARTY),
        receiver=FEDNOW_ID,
        business_message_id=BusinessMessageId(transfer.message_id),
        message_type=pacs009.MESSAGE_TYPE,
        market_practice=FEDNOW_PRACTICE,
        creation_time=now,
    )
    return wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(app_header), pacs009.build(transfer))


async def rows(database: Database, query: str, *arguments: object) -> list[dict[str, Any]]:
    """What the store has."""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


async def ended(receiver: Receiver, submitted: dict[str, Any]) -> dict[str, Any]:
    """A payment, once it is final."""
    path = f"/v1/payments/{submitted['payment_id']}"
    return await asked_until(receiver, path, lambda shown: bool(shown["final"]), within_s=30)


def is_in(state: str) -> Any:
    """Whether a transfer is in this state."""
    return lambda row: row["state"] == state


async def test_what_we_send_moves_once_whatever_becomes_of_its_answer(receiver: Receiver, database: Database) -> None:
    """Settled at once, said twice, late, lost, unreadable, or never arrived; and every refusal, the rail's and ours.

    A doubt is ended by a pacs.028 about the pacs.009. A repeat is answered with the first, other content refused. What
    our own profile does not let us send is refused before anything is stored (the control: what the profile of the
    receiver forbids is stored, sent, and rejected by the rail).
    """
    amounts = {"1500.07": "SETTLED", "1500.08": "REJECTED", "1500.10": "SETTLED", "1500.13": "SETTLED"}
    first = ask(receiver, "/v1/liquidity-transfers", liquidity(), key="plain", expected=200)
    again = ask(receiver, "/v1/liquidity-transfers", liquidity(), key="plain", expected=200)
    other = ask(receiver, "/v1/liquidity-transfers", liquidity("1.00"), key="plain", expected=409)
    refused = {
        "FEDNOW_LMT_SENDER": ask(
            receiver, "/v1/liquidity-transfers", liquidity(debtor=OTHER), key="not-ours", expected=422
        ),
        "FEDNOW_LMT_LIMIT": ask(
            receiver, "/v1/liquidity-transfers", liquidity("5000000.01"), key="too-much", expected=422
        ),
        "FEDNOW_RECEIVES_ONLY": ask(
            receiver, "/v1/payments", {**json_payment(), "debtor_agent": RECEIVES_ONLY}, key="customer", expected=422
        ),
        "FORM_UNKNOWN_MEMBER": ask(
            receiver, "/v1/liquidity-transfers", {**liquidity(), "debtor_account": "1"}, key="form", expected=422
        ),
        "RAIL_NOT_SERVED": ask(
            receiver, "/v1/liquidity-transfers", {**liquidity(), "rail": "rtp"}, key="rtp", expected=422
        ),
    }
    by_rail = {
        "E980": liquidity(debtor=RECEIVES_ONLY),
        "E981": liquidity(creditor=NOBODY),
        "E982": liquidity(creditor=NOT_ENABLED),
        "E990": liquidity("2500000.01"),
    }

    async def submitted(key: str, body: Any, path: str = "/v1/liquidity-transfers") -> dict[str, Any]:
        shown = await asyncio.to_thread(ask_any, receiver, path, body, key)
        return await ended(receiver, shown)

    async with asyncio.TaskGroup() as group:
        doubted = {amount: group.create_task(submitted(amount, liquidity(amount))) for amount in amounts}
        late = group.create_task(submitted_xml(receiver, pacs009_to("SIMLATE6", 1)))
        contradicted = group.create_task(submitted_xml(receiver, pacs009_to("SIMCONTRADICT", 2)))
        rejected = {code: group.create_task(submitted(code, body)) for code, body in by_rail.items()}
        customers = {
            agent: group.create_task(submitted(agent, {**json_payment(), "creditor_agent": agent}, "/v1/payments"))
            for agent in (SETTLEMENT_ONLY, LIQUIDITY_ONLY)
        }

    assert (first["state"], first["kind"], first["status"]) == ("SETTLED", "liquidity", "ACSC")
    assert again == first
    assert other["type"].endswith("idempotency_key_reused")
    assert {code: [each["code"] for each in shown["findings"]] for code, shown in refused.items()} == {
        code: [code] for code in refused
    }
    assert {amount: task.result()["state"] for amount, task in doubted.items()} == amounts
    assert (late.result()["state"], contradicted.result()["state"]) == ("SETTLED", "SETTLED")
    assert {code: task.result()["reason"]["code"] for code, task in rejected.items()} == {
        code: code for code in by_rail
    }
    assert {task.result()["state"] for task in rejected.values()} == {"REJECTED"}
    assert {agent: task.result()["reason"]["code"] for agent, task in customers.items()} == {
        SETTLEMENT_ONLY: "E982",
        LIQUIDITY_ONLY: "E982",
    }
    stored = await rows(database, "SELECT message_id, funds_holder FROM payment WHERE funds_holder = 'institution'")
    assert len(stored) == 1 + len(amounts) + 2 + len(by_rail), "what was refused is not stored"
    copies = {each["message_id"]: receiver.installation.copies_on_the_wire(each["message_id"]) for each in stored}
    assert {len(each) for each in copies.values()} == {1}
    assert {each["message_type"] for (each,) in copies.values()} == {"pacs.009.001.08"}
    settled = [each for (each,) in copies.values() if each.get("payment", {}).get("status") == "ACSC"]
    assert len(settled) == 1 + 3 + 2
    questions = await rows(database, "SELECT count(*) AS n FROM message WHERE message_type = 'pacs.028.001.03'")
    assert questions[0]["n"] >= 3
    assert await faults_of(database) == 0


async def test_what_comes_is_credited_once_and_without_question_and_counts_in_the_totals(
    receiver: Receiver,
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three copies and one under another header: one credit. What cannot be posted is held, and never returned.

    The rail hears nothing of it. For an institution that receives nowhere here it is kept, and an operator told. The
    rail's totals agree with ours, and all that is kept comes out the same when it is run again.
    """
    (plain,) = receiver.order(liquidity=True, amount="250000.00", copies=3, copy_after_s=0.1, again_after_s=0.3)
    (held,) = receiver.order(liquidity=True, amount="1.00", creditor_account="SIMREFUSEAC06")
    (blocked,) = receiver.order(liquidity=True, amount="2.00", creditor_account="SIMBLOCKAC06")
    (nobodys,) = receiver.order(liquidity=True, amount="3.00", creditor_agent=RECEIVES_ONLY)

    posted = await until(database, plain, is_in("POSTED"))
    pending = await until(database, held, is_in("PENDING"))
    await until(database, blocked, is_in("BLOCKED"))
    kept = await until(database, nobodys, is_in("SETTLED"))
    await until(database, plain, lambda row: row["kinds"].count("TransferReceivedAgain") >= 1)
    path = f"/v1/incoming-transfers/{pending['payment_id']}"
    shown = await asyncio.to_thread(ask, receiver, path)
    refused = await asyncio.to_thread(
        lambda: ask(receiver, f"{path}/return", {"reason_code": "CUST"}, key="no", expected=409)
    )
    async with asyncio.timeout(20):
        while not await rows(
            database,
            "SELECT 1 FROM rail_event WHERE kind = 'reported' AND at > $1::timestamptz + interval '1 second'",
            kept["updated_at"],
        ):
            await asyncio.sleep(0.1)
    for name, value in receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into = await asyncio.to_thread(copy_database, postgres_server, template)
    replayed = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)

    institution = receiver.at_institution()
    assert institution["credited"] == {str(posted["payment_id"]): 25_000_000}
    assert institution["asked"] == {}, "nobody is asked about money that is here"
    assert posted["kinds"][:2] == ["TransferReceived", "CreditAdvised"]
    assert posted["kinds"].count("PostingConfirmed") == 1
    assert {posted["answer"], pending["answer"]} == {None}
    assert all(receiver.at_rail(each)["answers"] == [] for each in (plain, held, blocked, nobodys))
    assert all(receiver.at_rail(each)["posting"] == [] for each in (plain, held, blocked, nobodys))
    assert (shown["message_type"], shown["decidable"]) == ("pacs.009.001.08", ["blocked", "pending", "posted"])
    assert shown["returnable"] is None
    assert refused["type"].endswith("not_returnable")
    assert (kept["tenant_id"], kept["contradictions"]) == ("_nobody", 1)
    assert await rows(database, "SELECT * FROM payment WHERE original_id IS NOT NULL") == []
    assert await rows(database, "SELECT * FROM quarantine") == []
    assert await rows(database, "SELECT about, description FROM rail_event WHERE kind = 'missing'") == []
    assert replayed.diverged == {}
    assert await faults_of(database) == 0


@dataclass(frozen=True, slots=True)
class Hours:
    """When liquidity transfers are taken here and by the rail, from now, and what becomes of one that is submitted."""

    ours: tuple[int, int] | None
    rails: tuple[int, int]
    end: str
    code: str | None = None


@pytest.fixture(
    params=[
        Hours(OPEN, OPEN, "SETTLED"),
        Hours(None, CLOSED, "REJECTED", "SIM-LMT-HOURS"),
        Hours(CLOSED, OPEN, "refused", "FEDNOW_LMT_HOURS"),
    ],
    ids=["within", "outside-the-rails", "outside-ours"],
)
def timed(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[tuple[Receiver, Hours]]:
    """An installation whose rail takes liquidity transfers at some hours alone, with one worker."""
    hours: Hours = request.param
    more = {**MORE, "FIFTEEN_FEDNOW__LIQUIDITY_HOURS": "" if hours.ours is None else hours_of(hours.ours)}
    options = ("--liquidity-hours", hours_of(hours.rails))
    with (
        installed(database, tmp_path, more=more, simulator_options=options) as installation,
        receiving(installation, database, more=more) as running,
    ):
        installation.start_worker()
        yield running, hours


async def test_outside_the_hours_a_liquidity_transfer_is_refused_here_or_by_the_rail_and_nothing_moves(
    timed: tuple[Receiver, Hours], database: Database
) -> None:
    """In JSON and in XML: refused before anything is stored, or rejected with the rail's code, sent and booked once.

    A customer's payment goes at that hour all the same. The control: within both sides' hours the same two settle.
    """
    receiver, hours = timed
    is_taken, before = hours.end != "refused", receiver.installation.ledger()["positions"]

    found = [
        await told(receiver, "/v1/liquidity-transfers", liquidity(), is_taken=is_taken),
        await told(receiver, "/v1/messages", pacs009_to("SIMSETTLE", 1), is_taken=is_taken),
    ]
    moved = receiver.installation.ledger()["positions"]
    customers = await told(receiver, "/v1/payments", json_payment())

    kept = await rows(database, "SELECT message_id FROM payment WHERE funds_holder = 'institution'")
    copies = [receiver.installation.copies_on_the_wire(each["message_id"]) for each in kept]
    assert found == [(hours.end, hours.code)] * 2
    assert customers == ("SETTLED", None)
    assert [[copy["message_type"] for copy in each] for each in copies] == [["pacs.009.001.08"]] * 2 * is_taken
    assert (moved == before) is (hours.end != "SETTLED")
    assert await faults_of(database) == 0


def hours_of(span: tuple[int, int]) -> str:
    """Hours of the rail's zone, so many before or after now."""
    now = datetime.now(UTC).astimezone(EASTERN)
    return "-".join(f"{now + timedelta(hours=hours):%H:%M}" for hours in span)


async def told(receiver: Receiver, path: str, body: Any, *, is_taken: bool = True) -> tuple[str, str | None]:
    """How what is submitted ends, and for which reason; ``refused`` with the one finding where it is not taken."""
    if not is_taken:
        answer = await asyncio.to_thread(lambda: ask(receiver, path, body, key=keyed(path), expected=422))
        (finding,) = answer["findings"]
        return "refused", finding["code"]
    submitted = await asyncio.to_thread(ask_any, receiver, path, body, keyed(path))
    shown = await ended(receiver, submitted)
    return shown["state"], None if shown["reason"] is None else shown["reason"]["code"]


def keyed(path: str) -> str | None:
    """The key that JSON needs; a message's is its own id."""
    return None if path == "/v1/messages" else path


def ask_any(receiver: Receiver, path: str, body: Any, key: str | None) -> dict[str, Any]:
    """Submit; the answer may be final, or not yet."""
    try:
        return ask(receiver, path, body, key=key)
    except AssertionError as error:
        (shown,) = error.args
        if not (isinstance(shown, dict) and "payment_id" in shown):
            raise
        return shown


async def submitted_xml(receiver: Receiver, body: bytes) -> dict[str, Any]:
    """Submit a message, and wait for its end."""
    return await ended(receiver, await asyncio.to_thread(ask, receiver, "/v1/messages", body))
