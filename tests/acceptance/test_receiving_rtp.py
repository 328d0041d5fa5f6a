"""Receiving over RTP through the real stack: its answer, its time-outs, its repeats, and money that is right always."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.replay import replay
from gateway.domain.payment import Rail
from gateway.settings import load_settings
from tests.acceptance.installation import installed
from tests.acceptance.receiving import Receiver, receiving, until
from tests.acceptance.test_receiving import (
    ACCEPTED,
    BEYOND_LIMIT,
    BROKEN,
    LARGE,
    OTHER_AGENT,
    REFUSED,
    REJECTED,
    SMALL,
    UNANSWERED,
    WARMING,
    Case,
    Ended,
    all_asked_about,
    answers,
    one_of_two_answers_counts,
    sent_in,
    warmed_up,
    what_breaks_a_rule_is_answered_without_asking,
)
from tests.acceptance.test_returns import ask
from tests.conftest import Database, copy_database

RAIL_CLOCK_S: Final = 6
ADVICE_WAIT_S: Final = 7
RESERVE_MS: Final = 5_500
"""A clock shorter than RTP's own, so that a doubt ends while a test waits. RTP's headers have no fractions of a second:
of the reserve so much as a second may be over when a payment comes."""

TOP_OF_A_SECOND_S: Final = 0.1
"""So soon after a second has begun next to nothing of the reserve is over: what comes after 3.9 s is waited for."""

GIVEN_UP: Final[dict[str, Any]] = {
    "amount": "150.00",
    "spent_s": RAIL_CLOCK_S - 0.5,
    "creditor_account": "SIMSLOW25",
}
"""The rail's clock ends while the institution is asked: DS24, and its yes comes too late."""

TOO_SLOW: Final[dict[str, Any]] = {"creditor_account": "SIMSLOW50"}
"""The reserve ends, but for our share of it, after 4.5 s."""

SETTINGS: Final = {
    "FIFTEEN_RTP__RECEIVER_RESERVE_S": str(RESERVE_MS / 1_000),
    "FIFTEEN_RTP__RECEIVER_OWN_SHARE_S": "1",
    "FIFTEEN_RTP__ADVICE_WAIT_S": str(ADVICE_WAIT_S),
    "FIFTEEN_RTP__STATUS_REQUEST_INTERVAL_S": "1",
}


@pytest.fixture
def receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """An installation that receives over RTP, without a worker."""
    with (
        installed(
            database, tmp_path, rails=(Rail.RTP,), rail_clock_s=RAIL_CLOCK_S, status_request_wait_s=ADVICE_WAIT_S
        ) as installation,
        receiving(installation, database, more=SETTINGS, rail=Rail.RTP) as running,
    ):
        yield running


async def test_whatever_the_institution_and_the_rail_do_the_answer_is_in_time_and_the_money_is_right(
    receiver: Receiver,
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Accepted, refused, held, silent, nonsense, twice, after 3.9 s and too late; the rail late, silent, contrary.

    Repeats are marked DUPL, and one word of the rail's cannot be read. What was held is acknowledged by camt.035 once
    it is posted; all that is kept, run again, comes out the same.
    """
    for _ in range(2):
        receiver.installation.start_worker()
    settled: Ended = ("ACTC", [])
    cases: list[Case] = [
        ({**SMALL}, "POSTED", ACCEPTED, settled),
        ({**LARGE}, "POSTED", ACCEPTED, settled),
        ({**LARGE, "creditor_account": "SIMSLOW39"}, "POSTED", ACCEPTED, settled),
        ({**LARGE, "creditor_account": "SIMSLOW10"}, "POSTED", ACCEPTED, settled),
        ({**SMALL, **TOO_SLOW}, "POSTED", ACCEPTED, settled),
        ({**LARGE, **TOO_SLOW}, "REJECTED", UNANSWERED, REJECTED),
        ({**SMALL, "creditor_account": "SIMSILENT"}, "POSTED", ACCEPTED, settled),
        ({**LARGE, "creditor_account": "SIMSILENT"}, "REJECTED", UNANSWERED, REJECTED),
        ({**LARGE, "creditor_account": "SIMNONSENSE"}, "REJECTED", UNANSWERED, REJECTED),
        ({**LARGE, "creditor_account": "SIMERROR"}, "REJECTED", UNANSWERED, REJECTED),
        ({**LARGE, "creditor_account": "SIMREJECTAC04"}, "REJECTED", REFUSED, REJECTED),
        ({**LARGE, "creditor_account": "SIMREJECTMS03"}, "REJECTED", [("RJCT", ("NARR",))], REJECTED),
        ({**LARGE, "creditor_account": "SIMHOLD"}, "PENDING", [("ACWP", ())], ("ACWP", [])),
        ({**LARGE, "creditor_account": "SIMBLOCKAC06"}, "BLOCKED", ACCEPTED, settled),
        ({**LARGE, "creditor_agent": OTHER_AGENT}, "REJECTED", [("RJCT", ("RC04",))], REJECTED),
        ({**SMALL, "copies": 3, "copy_after_s": 0.3}, "POSTED", ACCEPTED, settled),
        ({**SMALL, "again_after_s": 0.2}, "POSTED", ACCEPTED, settled),
        ({**SMALL, "advice_copies": 3}, "POSTED", ACCEPTED, settled),
        ({**SMALL, "advice_after_s": 2.0}, "POSTED", ACCEPTED, settled),
        ({**SMALL, "advice": "none"}, "POSTED", ACCEPTED, settled),
        ({**SMALL, "advice": "unreadable"}, "POSTED", ACCEPTED, settled),
        ({**SMALL, "advice": "opposite"}, "NOT_SETTLED", ACCEPTED, settled),
        (BROKEN, "REJECTED", [("RJCT", ("NARR",))], REJECTED),
        (BEYOND_LIMIT, "REJECTED", [("RJCT", ("AM13",))], REJECTED),
        (GIVEN_UP, "NOT_SETTLED", [("RCVD", ())], REJECTED),
    ]
    await warmed_up(receiver, database)

    await second_begun()
    ids = [receiver.order(**order)[0] for order, *_ in cases]
    (twice,) = receiver.order(**LARGE, creditor_account="SIMTWICE")
    rows = [
        await until(database, message_id, sent_in(state), within_s=20)
        for message_id, (_, state, _, _) in zip(ids, cases, strict=True)
    ]

    found = [receiver.at_rail(message_id) for message_id in ids]
    assert [answers(each)[:1] for each in found] == [expected for _, _, expected, _ in cases]
    assert [(each["status"], each["posting"]) for each in found] == [expected for *_, expected in cases]
    assert all(each["answers"][0]["counts"] and each["answers"][0]["after_ms"] < RESERVE_MS for each in found[:-1])
    assert (rows[-1]["answer"], rows[-1]["reason_code"]) == (None, "DS24")
    credited = receiver.at_institution()["credited"]
    assert {str(row["payment_id"]) for row in rows if row["state"] == "POSTED"} <= set(credited)
    assert not {str(row["payment_id"]) for row in rows if row["state"] != "POSTED"} & set(credited)
    in_doubt = {number for number, row in enumerate(rows) if "StatusRequested" in row["kinds"]}
    assert in_doubt == {
        number for number, (order, *_) in enumerate(cases) if order.get("advice") in {"none", "unreadable"}
    }
    assert {str(row["payment_id"]) for row in rows if row["state"] == "NOT_SETTLED"} == set(
        receiver.at_institution()["not_settled"]
    )
    await what_breaks_a_rule_is_answered_without_asking(receiver, database, *ids[-3:-1])
    await one_of_two_answers_counts(receiver, database, twice, settled=settled)
    await the_late_yes_calls_a_person(database, ids, cases)
    (held,) = [each for each, row in zip(ids, rows, strict=True) if row["state"] == "PENDING"]
    await acknowledged_once_posted(receiver, database, held)
    for name, value in receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into = await asyncio.to_thread(copy_database, postgres_server, template)
    again = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)
    assert again.diverged == {}
    assert again.incoming_transfers == len(cases) + WARMING + 1


async def second_begun() -> None:
    """Return soon after a second has begun, as whole seconds are counted."""
    while datetime.now(UTC).microsecond > TOP_OF_A_SECOND_S * 1e6:
        await asyncio.sleep(TOP_OF_A_SECOND_S / 2)


async def the_late_yes_calls_a_person(database: Database, ids: list[str], cases: list[Case]) -> None:
    """What the institution says of what was rejected meanwhile is in the history, and of nothing else."""
    (late,) = [each for each, case in zip(ids, cases, strict=True) if case[:2] == ({**LARGE, **TOO_SLOW}, "REJECTED")]
    await until(database, late, lambda row: row["contrary_word"] == "accept")
    rows = [await until(database, each, bool) for each in ids]
    assert [each for each, row in zip(ids, rows, strict=True) if row["contrary_word"]] == [late]


async def acknowledged_once_posted(receiver: Receiver, database: Database, held: str) -> None:
    """What was accepted without posting is posted by a person, once, and the sender hears of it."""
    row = await until(database, held, sent_in("PENDING"))
    posting = f"/v1/incoming-transfers/{row['payment_id']}/posting"
    ask(receiver, posting, {"outcome": "posted"})
    await until(database, held, sent_in("POSTED"))
    twice = ask(receiver, posting, {"outcome": "posted"}, expected=409)

    assert twice["type"].endswith("posting_not_decidable")
    assert receiver.at_rail(held)["posting"] == [{"status": "ACCC", "reasons": []}]


async def test_a_worker_killed_between_question_and_answer_leaves_the_answer_to_another(
    receiver: Receiver, database: Database
) -> None:
    """The timer is durable, whatever the rail: another asks again under the same id, inside the reserve.

    The other starts when the first is gone: nobody else can have asked first.
    """
    dying = receiver.installation.start_worker()
    await warmed_up(receiver, database)
    (message_id,) = receiver.order(creditor_account="SIMSLOW15")
    await all_asked_about(receiver, of=WARMING + 1)

    dying.kill()
    undecided = await until(database, message_id, bool)
    receiver.installation.start_worker()
    ended = await until(database, message_id, sent_in("POSTED"))

    (answer,) = receiver.at_rail(message_id)["answers"]
    assert undecided["state"] == "RECEIVED"
    assert receiver.at_institution()["asked"][str(ended["payment_id"])] == 2
    assert (answer["status"], answer["counts"]) == ("ACTC", True)
    assert answer["after_ms"] < RESERVE_MS
    assert receiver.at_institution()["credited"][str(ended["payment_id"])] == 5174
