"""Receiving through the real stack: the rail has its answer inside its clock, and the money is right in every case."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.replay import replay
from gateway.settings import load_settings
from tests.acceptance.crashing_worker import AFTER_ANSWERING, BEFORE_ANSWERING
from tests.acceptance.installation import installed
from tests.acceptance.receiving import Receiver, receiving, until
from tests.acceptance.test_returns import ask
from tests.conftest import TENANT, Database, copy_database

RESERVE_MS: Final = 5_000
"""The reserve in the tests with the rail's own clock; the institution is waited for until one second before its end."""

OTHER_AGENT: Final = "990000204"
"""Connected by the same party, and received for by no tenant, where no test says otherwise."""

OTHERS_RESERVE: Final = {"FIFTEEN_FEDNOW__RECEIVER_RESERVES": f"{OTHER_AGENT}=5/0.5"}
"""This institution is waited for until 4.5 s: what it says after 3.9 s counts, also where the machine is busy."""


@pytest.fixture
def receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """A receiving installation on the rail's own clock, without a worker."""
    with (
        installed(database, tmp_path, rail_clock_s=20, status_request_wait_s=25, more=OTHERS_RESERVE) as installation,
        receiving(installation, database) as running,
    ):
        yield running


@pytest.fixture
def quick_receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """A receiving installation on a short clock, so that a doubt is resolved while a test waits; with a worker."""
    more = {"FIFTEEN_FEDNOW__RECEIVER_RESERVE_S": "1", "FIFTEEN_FEDNOW__RECEIVER_OWN_SHARE_S": "0.5"}
    with installed(database, tmp_path) as installation, receiving(installation, database, more=more) as running:
        running.installation.start_worker()
        yield running


Said = list[tuple[str, tuple[str, ...]]]
Ended = tuple[str, list[Any]]


Case = tuple[dict[str, Any], str, Said, Ended]
"""A payment as it is ordered; its state in the end, what the rail is answered, and what the rail makes of it."""

SMALL: Final[dict[str, Any]] = {"amount": "51.74"}
LARGE: Final[dict[str, Any]] = {"amount": "150.00"}
"""The stand-in accepts the one, and rejects the other."""

ACCEPTED: Final[Said] = [("ACTC", ())]
UNANSWERED: Final[Said] = [("RJCT", ("AC06",))]
REFUSED: Final[Said] = [("RJCT", ("AC04",))]
SETTLED: Final[Ended] = ("ACSC", [{"status": "ACCC", "reasons": []}])
REJECTED: Final[Ended] = ("RJCT", [])

LONG_IN_HAND: Final[list[Case]] = [
    ({**SMALL, "creditor_account": "SIMSLOW39"}, "POSTED", ACCEPTED, SETTLED),
    ({**SMALL, "creditor_account": "SIMSLOW41"}, "POSTED", ACCEPTED, SETTLED),
    ({**LARGE, "creditor_account": "SIMSLOW41"}, "REJECTED", UNANSWERED, REJECTED),
    ({**SMALL, "creditor_account": "SIMSILENT"}, "POSTED", ACCEPTED, SETTLED),
    ({**LARGE, "creditor_account": "SIMSILENT"}, "REJECTED", UNANSWERED, REJECTED),
]
ANSWERED_AT_ONCE: Final[list[Case]] = [
    ({**LARGE, "creditor_account": "SIMNONSENSE"}, "REJECTED", UNANSWERED, REJECTED),
    ({**LARGE, "creditor_account": "SIMERROR"}, "REJECTED", UNANSWERED, REJECTED),
    ({**LARGE, "creditor_account": "SIMREJECTAC04"}, "REJECTED", REFUSED, REJECTED),
    ({**SMALL}, "POSTED", ACCEPTED, SETTLED),
    ({**LARGE}, "POSTED", ACCEPTED, SETTLED),
]
"""What becomes of these is the same whether or not a worker dies over it."""


BROKEN: Final[dict[str, Any]] = {**SMALL, "writes": {"CdtTrfTxInf/ChrgBr": "DEBT"}, "copies": 2, "copy_after_s": 0.3}
"""A message that breaks a rule which the rail has let pass, and that it delivers twice."""

BEYOND_LIMIT: Final[dict[str, Any]] = {"amount": "10000000.01"}
"""More than either rail's limit: a rule that has a reason of its own."""


def sent_in(state: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a transfer is in this state, and nothing of ours is still to leave."""
    return lambda row: bool(row["state"] == state and row["unsent_at"] is None)


def answers(at_rail: dict[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """What the receiver has answered."""
    return [(answer["status"], tuple(answer["reasons"])) for answer in at_rail["answers"]]


WARMING: Final = 4
"""So many payments come before those that a test is about."""


async def warmed_up(receiver: Receiver, database: Database) -> None:
    """Every process has parsed and built its first message."""
    for message_id in [receiver.order()[0] for _ in range(WARMING)]:
        await until(database, message_id, lambda row: row["state"] == "POSTED")


async def test_whatever_the_institution_does_the_rail_has_its_answer_in_time_and_the_money_is_right(
    receiver: Receiver, database: Database
) -> None:
    """It answers in 0 s, 3.9 s, 4.1 s, never, twice, and with nonsense; two workers, every payment at once.

    So close to the end of its time (4 s) a machine that is busy may be late: at 3.9 s both ways lead to yes. Where half
    a second is ours, its own yes alone leads there. Which is taken when, to the millisecond, the simulation proves.
    """
    await receive_for(database, OTHER_AGENT)
    for _ in range(2):
        receiver.installation.start_worker()
    held: Case = ({**LARGE, "creditor_account": "SIMHOLD"}, "PENDING", [("ACWP", ())], ("ACWP", []))
    cases: list[Case] = [
        *LONG_IN_HAND,
        *ANSWERED_AT_ONCE,
        ({**LARGE, "creditor_account": "SIMSLOW30"}, "POSTED", ACCEPTED, SETTLED),
        *[held] * 4,
        ({**LARGE, "creditor_account": "SIMREFUSEAC06"}, "RETURNED", ACCEPTED, ("ACSC", [])),
        ({**LARGE, "creditor_account": "SIMBLOCKAC06"}, "BLOCKED", ACCEPTED, ("ACSC", [])),
        ({**LARGE, "creditor_agent": OTHER_AGENT, "creditor_account": "SIMSLOW39"}, "POSTED", ACCEPTED, SETTLED),
        ({**SMALL, "copies": 3, "copy_after_s": 0.3}, "POSTED", ACCEPTED, SETTLED),
        ({**SMALL, "again_after_s": 0.2}, "POSTED", ACCEPTED, SETTLED),
        ({**SMALL, "advice_copies": 3}, "POSTED", ACCEPTED, SETTLED),
        ({**SMALL, "advice_after_s": 2.0}, "POSTED", ACCEPTED, SETTLED),
        (BROKEN, "REJECTED", [("RJCT", ("NARR",))], REJECTED),
        (BEYOND_LIMIT, "REJECTED", [("RJCT", ("AM13",))], REJECTED),
    ]
    await warmed_up(receiver, database)

    (twice,) = receiver.order(**LARGE, creditor_account="SIMTWICE")
    ids = [receiver.order(**order)[0] for order, *_ in cases]
    await all_in_time_and_right(receiver, database, ids, cases)

    await one_of_two_answers_counts(receiver, database, twice, settled=SETTLED)
    await the_late_yes_is_kept(database, ids, cases)
    await what_breaks_a_rule_is_answered_without_asking(receiver, database, *ids[-2:])
    _, *to_decide = [
        each for each, (order, *_) in zip(ids, cases, strict=True) if order.get("creditor_account") == "SIMHOLD"
    ]
    await decided_on_held(receiver, database, *to_decide)


async def receive_for(database: Database, agent: str) -> None:
    """Have the tenant receive for this institution too; workers are to start after it."""
    await change(database, f"INSERT INTO receiving_agent VALUES ('{agent}', '{TENANT}')")


async def all_asked_about(receiver: Receiver, *, of: int) -> None:
    """Return once the institution was asked about so many payments."""
    async with asyncio.timeout(12):
        while len(receiver.at_institution()["asked"]) < of:
            await asyncio.sleep(0.01)


async def all_in_time_and_right(receiver: Receiver, database: Database, ids: list[str], cases: list[Case]) -> None:
    """Each has its answer in time, and the rail, the state and the credit agree with it: what is posted is credited."""
    rows = [
        await until(database, message_id, sent_in(state))
        for message_id, (_, state, _, _) in zip(ids, cases, strict=True)
    ]
    found = [receiver.at_rail(message_id) for message_id in ids]
    credited = receiver.at_institution()["credited"]

    assert [answers(each) for each in found] == [expected for _, _, expected, _ in cases]
    assert [(each["status"], each["posting"]) for each in found] == [expected for *_, expected in cases]
    assert all(answer["counts"] and answer["after_ms"] < RESERVE_MS for each in found for answer in each["answers"])
    assert [credited.get(str(row["payment_id"])) for row in rows] == [
        each["amount_cents"] if row["state"] == "POSTED" else None for each, row in zip(found, rows, strict=True)
    ]


async def the_late_yes_is_kept(database: Database, ids: list[str], cases: list[Case]) -> None:
    """The institution's yes after 4.1 s is in the history; of what was rejected meanwhile it calls a person."""
    agreed, contradicted = [
        number for number, (order, *_) in enumerate(cases) if order.get("creditor_account") == "SIMSLOW41"
    ]
    await until(database, ids[agreed], lambda row: row["kinds"].count("AcceptanceDecided") > 1)
    await until(database, ids[contradicted], lambda row: "AcceptanceDecided" in row["kinds"])
    rows = [await until(database, message_id, bool) for message_id in ids]
    assert [number for number, row in enumerate(rows) if row["contradictions"]] == [contradicted]
    assert [number for number, row in enumerate(rows) if row["contrary_word"]] == [contradicted]


async def what_breaks_a_rule_is_answered_without_asking(
    receiver: Receiver, database: Database, broken: str, beyond_limit: str
) -> None:
    """Its history says which rule, and where; the second copy has the same answer; nothing is in quarantine."""
    found = []
    for message_id, rule in ((broken, "CHARGE_BEARER"), (beyond_limit, "NETWORK_LIMIT")):
        row = await until(database, message_id, sent_in("REJECTED"))
        path = f"/v1/incoming-transfers/{row['payment_id']}"
        _, rejected, *_ = ask(receiver, f"{path}/events")["events"]
        assert rejected["details"]["decided_by"] == "gateway"
        assert f"_{rule} at /" in rejected["details"]["findings"]
        assert rejected["reason"]["text"]
        assert str(row["payment_id"]) not in receiver.at_institution()["asked"]
        found.append(row)
    assert "TransferReceivedAgain" in found[0]["kinds"]
    listed = ask(receiver, f"/v1/incoming-transfers/{found[0]['payment_id']}/messages")["messages"]
    (answer,) = {each["business_message_id"] for each in listed if each["direction"] == "rail_out"}
    async with asyncio.timeout(5):
        while len(receiver.installation.copies_on_the_wire(answer, rail=receiver.rail)) < 2:
            await asyncio.sleep(0.05)
    assert await quarantined(database) == 0


async def quarantined(database: Database) -> int:
    """How many payments nobody could answer."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM quarantine WHERE message_type LIKE 'pacs.008%'")
    finally:
        await connection.close()
    return count


async def one_of_two_answers_counts(receiver: Receiver, database: Database, twice: str, *, settled: Ended) -> None:
    """Who answers first, the money follows; where a second worker has asked, the other answer calls a person.

    Yes comes after 1.5 s; a worker that takes the transfer up before is told no at once. Which it was, chance decides.
    """
    ways: dict[str, tuple[Said, Ended]] = {
        "POSTED": (ACCEPTED, settled),
        "REJECTED": (REFUSED, REJECTED),
    }

    def is_over(row: dict[str, Any]) -> bool:
        asked: int = receiver.at_institution()["asked"][str(row["payment_id"])]
        return row["state"] in ways and row["unsent_at"] is None and bool(row["contradictions"] == asked - 1)

    row = await until(database, twice, is_over)
    at_rail = receiver.at_rail(twice)
    credited = receiver.at_institution()["credited"].get(str(row["payment_id"]))

    assert (answers(at_rail), (at_rail["status"], at_rail["posting"])) == ways[row["state"]]
    assert all(answer["counts"] and answer["after_ms"] < RESERVE_MS for answer in at_rail["answers"])
    assert credited == (at_rail["amount_cents"] if row["state"] == "POSTED" else None)


async def decided_on_held(receiver: Receiver, database: Database, *held: str) -> None:
    """Accepted without posting, their senders are told on: still looked into, then posted; blocked; and given back."""
    posted, blocked, refused = held
    rows = [await until(database, each, sent_in("PENDING")) for each in held]
    to_post, to_block, to_refuse = [f"/v1/incoming-transfers/{row['payment_id']}/posting" for row in rows]

    ask(receiver, to_post, {"outcome": "pending"})
    await until(database, posted, lambda row: row["version"] > rows[0]["version"] and row["unsent_at"] is None)
    ask(receiver, to_post, {"outcome": "posted"})
    ask(receiver, to_block, {"outcome": "blocked", "reason_code": "AC06"})
    ask(receiver, to_refuse, {"outcome": "refused", "reason_code": "AC04"})
    for message_id, state in ((posted, "POSTED"), (blocked, "BLOCKED"), (refused, "RETURNED")):
        await until(database, message_id, sent_in(state))

    told = [[each["status"] for each in receiver.at_rail(message_id)["posting"]] for message_id in held]
    assert told == [["PDNG", "ACCC"], ["BLCK"], ["RJCT"]]


async def test_a_worker_killed_between_question_and_answer_leaves_the_answer_to_another(
    receiver: Receiver, database: Database
) -> None:
    """The timer is durable: whoever finds it asks again under the same id, or stands in, inside the reserve.

    Of what is answered at once none need be in hand still when the worker dies; all that is long in hand was asked
    about, and undecided. Asked once more, the institution says yes in time, or no to what it would have accepted.
    """
    dying = receiver.installation.start_worker()
    await warmed_up(receiver, database)
    in_hand: list[Case] = [
        *LONG_IN_HAND,
        ({**SMALL, "creditor_account": "SIMSLOW15"}, "POSTED", ACCEPTED, SETTLED),
        ({**LARGE, "creditor_account": "SIMTWICE"}, "REJECTED", REFUSED, REJECTED),
        ({**LARGE, "creditor_account": "SIMSLOW10"}, "POSTED", ACCEPTED, SETTLED),
    ]
    cases = [*in_hand, *ANSWERED_AT_ONCE]
    ids = [receiver.order(**order)[0] for order, *_ in cases]
    await all_asked_about(receiver, of=len(ids) + WARMING)

    dying.kill()
    undecided = [await until(database, message_id, bool) for message_id in ids[: len(in_hand)]]
    receiver.installation.start_worker()
    await all_in_time_and_right(receiver, database, ids, cases)

    assert {row["state"] for row in undecided} == {"RECEIVED"}
    asked = receiver.at_institution()["asked"]
    assert {asked[str(row["payment_id"])] for row in undecided} == {2}
    await the_late_yes_is_kept(database, ids, cases)


@pytest.mark.parametrize("crash_at", [BEFORE_ANSWERING, AFTER_ANSWERING])
async def test_an_answer_that_was_saved_reaches_the_rail_though_its_worker_died(
    receiver: Receiver, database: Database, crash_at: str
) -> None:
    """The decision was saved, the process is gone: another sends it; the rail takes one of two."""
    receiver.installation.start_worker()
    await warmed_up(receiver, database)  # before the other dies: to start takes longer than the rail waits
    dying = receiver.installation.start_worker(crash_at=crash_at)
    message_ids = []
    async with asyncio.timeout(30):
        while dying.exit_code is None:
            message_ids += receiver.order()
            await asyncio.sleep(0.2)

    for message_id in message_ids:
        await until(database, message_id, lambda row: row["state"] == "POSTED" and row["unsent_at"] is None)

    at_rail = [receiver.at_rail(message_id) for message_id in message_ids]
    assert dying.exit_code == -signal.SIGKILL
    assert all([(each["status"], each["counts"]) for each in one["answers"]] == [("ACTC", True)] for one in at_rail)
    assert all(one["posting"] == [{"status": "ACCC", "reasons": []}] for one in at_rail)


async def test_money_whose_advice_never_came_is_asked_about_and_never_posted_on_a_guess(
    quick_receiver: Receiver, database: Database
) -> None:
    """Accepted, and silence: in doubt, pacs.028, and only the rail's word posts; late advice finds it posted."""
    (silent,) = quick_receiver.order(advice="none")
    (late,) = quick_receiver.order(advice_after_s=4.5)

    rows = [await until(database, each, lambda row: row["state"] == "POSTED") for each in (silent, late)]
    row = await until(database, late, lambda row: row["kinds"][-1] == "SettlementAdvised")

    assert "AdviceOverdue" in rows[0]["kinds"]
    assert rows[0]["kinds"].index("StatusRequested") < rows[0]["kinds"].index("SettlementAdvised")
    assert len(quick_receiver.at_institution()["credited"]) == 2
    assert row["contradictions"] == 0


async def test_a_payment_whose_time_is_over_is_rejected_and_what_did_not_settle_is_not_posted(
    quick_receiver: Receiver, database: Database
) -> None:
    """The rail's clock ran out before the answer; and a rail that says the contrary afterwards is reported."""
    (expired,) = quick_receiver.order(spent_s=1.95, creditor_account="SIMSLOW4")
    (contrary,) = quick_receiver.order(advice="opposite")

    gone = await until(database, expired, lambda row: row["state"] == "NOT_SETTLED")
    denied = await until(database, contrary, lambda row: row["state"] == "NOT_SETTLED")

    assert quick_receiver.at_institution()["credited"] == {}
    assert quick_receiver.at_rail(expired)["status"] == "RJCT"
    assert gone["answer"] is None
    assert denied["reason_code"] == "E997"


async def test_what_came_in_is_run_again_and_comes_out_the_same_or_is_named(
    quick_receiver: Receiver,
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it was; and with a byte of our answer, what the rail advised, and a state changed."""
    orders: list[tuple[dict[str, Any], str]] = [
        ({}, "POSTED"),
        ({"copies": 2, "copy_after_s": 0.1}, "POSTED"),
        ({"again_after_s": 0.1}, "POSTED"),
        ({"amount": "150.00", "creditor_account": "SIMSLOW6"}, "REJECTED"),
        ({"creditor_account": "SIMREJECTAC04"}, "REJECTED"),
        ({"creditor_account": "SIMHOLD"}, "PENDING"),
        ({"creditor_account": "SIMREFUSEAC06"}, "RETURNED"),
        ({"advice": "none"}, "POSTED"),
        ({"advice": "opposite"}, "NOT_SETTLED"),
        ({"creditor_agent": OTHER_AGENT}, "REJECTED"),
        (BROKEN, "REJECTED"),
    ]
    ids = [(quick_receiver.order(**order)[0], state) for order, state in orders]
    for message_id, state in ids:
        await until(database, message_id, sent_in(state))
    late = await until(database, ids[3][0], lambda row: row["contradictions"] == 1)
    assert late["contrary_word"] == "accept", "the institution's yes came too late: a person is called"
    for name, value in quick_receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into, into_changed = [await asyncio.to_thread(copy_database, postgres_server, template) for _ in range(2)]

    outcome = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)
    references = [message_id for message_id, _ in ids]
    await change(database, CHANGED.format(*references))
    changed = await replay(load_settings(), database.application_dsn, into_changed.owner_dsn, tell=lambda _: None)
    await change(database, RESTORED.format(*references))  # the audit would find it, as it should

    assert answers(quick_receiver.at_rail(ids[-2][0])) == [("RJCT", ("RC04",))], "nobody receives for it"
    assert outcome.diverged == {}
    assert outcome.is_good
    assert outcome.incoming_transfers == len(orders)
    assert len(changed.diverged) == 3
    said = " ".join(changed.diverged.values())
    assert "the bytes that left" in said
    assert "what the rail's message" in said
    assert "its transfer" in said


async def change(database: Database, statement: str) -> None:
    """Do as the owner what nobody may."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(statement)
    await connection.close()


CHANGED: Final = """
    CREATE TABLE kept AS SELECT message_id, body FROM message;
    UPDATE message SET body = replace(convert_from(body, 'UTF8'), 'ACTC', 'ACWP')::bytea
    FROM incoming_transfer AS fact
    WHERE direction = 'rail_out' AND fact.payment_id = message.payment_id AND fact.message_id = '{0}';
    UPDATE message SET body = replace(convert_from(body, 'UTF8'), 'ACSC', 'RJCT')::bytea
    FROM incoming_transfer AS fact
    WHERE direction = 'rail_in' AND fact.payment_id = message.payment_id AND fact.message_id = '{1}';
    UPDATE incoming_state AS now SET status = 'NONE'
    FROM incoming_transfer AS fact WHERE fact.payment_id = now.payment_id AND fact.message_id = '{4}'
"""

RESTORED: Final = """
    UPDATE message SET body = kept.body FROM kept WHERE kept.message_id = message.message_id;
    UPDATE incoming_state AS now SET status = 'RJCT'
    FROM incoming_transfer AS fact WHERE fact.payment_id = now.payment_id AND fact.message_id = '{4}'
"""
