"""Receiving over RTP through the real stack: its answer, its time-outs, its repeats, and money that is right always."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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
    BEYOND_LIMIT,
    BROKEN,
    OTHER_AGENT,
    WARMING,
    Ended,
    Said,
    all_asked_about,
    answers,
    sent_in,
    warmed_up,
    what_breaks_a_rule_is_answered_without_asking,
)
from tests.acceptance.test_returns import ask
from tests.conftest import Database, copy_database

RAIL_CLOCK_S: Final = 6
ADVICE_WAIT_S: Final = 7
RESERVE_MS: Final = 4_000
"""A clock shorter than RTP's own, so that a doubt ends while a test waits. RTP's headers have no fractions of a second:
of the reserve so much as a second may be over when a payment comes."""

GIVEN_UP: Final[dict[str, Any]] = {
    "amount": "150.00",
    "spent_s": RAIL_CLOCK_S - 0.5,
    "creditor_account": "SIMSLOW25",
}
"""The rail's clock ends while the institution is asked: DS24, and its yes comes too late."""

SETTINGS: Final = {
    "FIFTEEN_RTP__RECEIVER_RESERVE_S": "4",
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
    """Accepted, refused, held, silent, nonsense; repeats marked DUPL; the rail late, silent, unreadable, contrary.

    What was held is acknowledged by camt.035 once it is posted; all that is kept, run again, comes out the same.
    """
    for _ in range(2):
        receiver.installation.start_worker()
    small, large = {"amount": "51.74"}, {"amount": "150.00"}
    accepted: Said = [("ACTC", ())]
    unanswered: Said = [("RJCT", ("AC06",))]
    settled: Ended = ("ACTC", [])
    rejected: Ended = ("RJCT", [])
    cases: list[tuple[dict[str, Any], str, Said, Ended]] = [
        ({**small}, "POSTED", accepted, settled),
        ({**large}, "POSTED", accepted, settled),
        ({**large, "creditor_account": "SIMSLOW10"}, "POSTED", accepted, settled),
        ({**small, "creditor_account": "SIMSILENT"}, "POSTED", accepted, settled),
        ({**large, "creditor_account": "SIMSILENT"}, "REJECTED", unanswered, rejected),
        ({**large, "creditor_account": "SIMNONSENSE"}, "REJECTED", unanswered, rejected),
        ({**large, "creditor_account": "SIMERROR"}, "REJECTED", unanswered, rejected),
        ({**large, "creditor_account": "SIMREJECTAC04"}, "REJECTED", [("RJCT", ("AC04",))], rejected),
        ({**large, "creditor_account": "SIMREJECTMS03"}, "REJECTED", [("RJCT", ("NARR",))], rejected),
        ({**large, "creditor_account": "SIMHOLD"}, "PENDING", [("ACWP", ())], ("ACWP", [])),
        ({**large, "creditor_account": "SIMBLOCKAC06"}, "BLOCKED", accepted, settled),
        ({**large, "creditor_agent": OTHER_AGENT}, "REJECTED", [("RJCT", ("RC04",))], rejected),
        ({**small, "copies": 3, "copy_after_s": 0.3}, "POSTED", accepted, settled),
        ({**small, "again_after_s": 0.2}, "POSTED", accepted, settled),
        ({**small, "advice_copies": 3}, "POSTED", accepted, settled),
        ({**small, "advice_after_s": 2.0}, "POSTED", accepted, settled),
        ({**small, "advice": "none"}, "POSTED", accepted, settled),
        ({**small, "advice": "unreadable"}, "POSTED", accepted, settled),
        ({**small, "advice": "opposite"}, "NOT_SETTLED", accepted, settled),
        (BROKEN, "REJECTED", [("RJCT", ("NARR",))], rejected),
        (BEYOND_LIMIT, "REJECTED", [("RJCT", ("AM13",))], rejected),
        (GIVEN_UP, "NOT_SETTLED", [("RCVD", ())], rejected),
    ]
    await warmed_up(receiver, database)

    ids = [receiver.order(**order)[0] for order, *_ in cases]
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
    posting = f"/v1/incoming-transfers/{rows[9]['payment_id']}/posting"
    ask(receiver, posting, {"outcome": "posted"})
    await until(database, ids[9], sent_in("POSTED"))
    twice = ask(receiver, posting, {"outcome": "posted"}, expected=409)
    assert twice["type"].endswith("posting_not_decidable")
    assert receiver.at_rail(ids[9])["posting"] == [{"status": "ACCC", "reasons": []}]
    for name, value in receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into = await asyncio.to_thread(copy_database, postgres_server, template)
    again = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)
    assert again.diverged == {}
    assert again.incoming_transfers == len(cases) + WARMING


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
