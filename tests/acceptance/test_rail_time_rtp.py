"""Days and deadlines over RTP through the real stack: what the rail has no limit for, and what comes after its day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest

from gateway.domain.payment import Rail
from tests.acceptance.installation import ON_RAIL_TIME, installed
from tests.acceptance.overdue import AFTER
from tests.acceptance.payments import EASTERN
from tests.acceptance.rail_clock import MORNING, leap_to, long_weekend
from tests.acceptance.receiving import Receiver, befallen, delivered, receiving, until
from tests.acceptance.talk import asked_of_us, is_in, kinds_of, known_as, path_of, question, verdicts_of
from tests.acceptance.test_conversations import database
from tests.acceptance.test_rail_time import paid, submitted
from tests.acceptance.test_receiving import sent_in
from tests.acceptance.test_receiving_rtp import SETTINGS
from tests.acceptance.test_returns import (
    answered_with,
    answers_taken,
    ask,
    asked_back,
    asked_until,
    faults_of,
    request_is,
)
from tests.conftest import Database

__all__ = ["database"]


@pytest.fixture(scope="module")
def receiver(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """An installation that sends and receives over RTP on its rail's time, with one worker."""
    directory = tmp_path_factory.mktemp("rail-time-rtp")
    with (
        installed(database, directory, rails=(Rail.RTP,), module=ON_RAIL_TIME) as installation,
        receiving(installation, database, more=SETTINGS, rail=Rail.RTP) as running,
    ):
        running.installation.start_worker()
        yield running


async def test_a_return_is_asked_for_whenever_there_is_money_and_never_of_what_did_not_settle(
    receiver: Receiver, database: Database
) -> None:
    """RTP is not known to have FedNow's 60 days: people answer, either way. Of what never settled nobody is asked."""
    friday = long_weekend(receiver)
    await leap_to(receiver, friday)
    ours = [await submitted(receiver, creditor_account="SIMRJCTAC04"), await paid(receiver)]
    (rejected,) = receiver.order(amount="150.00", creditor_account="SIMREJECTAC04")
    (posted,) = receiver.order()
    rows = [
        await until(database, message_id, sent_in(state))
        for message_id, state in ((rejected, "REJECTED"), (posted, "POSTED"))
    ]
    sent = [f"/v1/payments/{each['payment_id']}" for each in ours]
    came = [f"/v1/incoming-transfers/{each['payment_id']}" for each in rows]

    unsettled = ask(receiver, f"{sent[0]}/return-request", {"reason_code": "CUST"}, expected=409)
    asked_back(receiver, rejected, reason="DUPL")
    await answers_taken(receiver, came[:1])
    await leap_to(receiver, friday + timedelta(days=61))
    ask(receiver, f"{sent[1]}/return-request", {"reason_code": "CUST"})
    asked_back(receiver, posted, reason="DUPL", days_later=61)
    await asked_until(receiver, sent[1], request_is("REFUSED"))
    await asked_until(receiver, came[1], request_is("RECEIVED"))
    ask(receiver, f"{came[1]}/return-answer", {"answer": "refused", "reason_code": "CUST"})
    await answers_taken(receiver, came)

    assert (ours[0]["state"], unsettled["why"]) == ("REJECTED", "not_settled")
    assert [answered_with(receiver, each) for each in came] == [["RJCR", "NOOR"], ["RJCR", "CUST"]]
    asked = [[each["message_type"][:8] for each in ask(receiver, f"{path}/messages")["messages"]] for path in sent]
    assert [types.count("camt.056") for types in asked] == [0, 1]
    assert await faults_of(database) == 0


async def test_information_that_comes_after_its_day_counts_when_it_comes(
    receiver: Receiver, database: Database
) -> None:
    """Until then a question is open, and overdue, ours and theirs; an answer ends it like one in time, once.

    Nobody has to look, though theirs to us comes twice.
    """
    friday = long_weekend(receiver)
    await leap_to(receiver, friday)
    (came,) = receiver.order()
    row = await until(database, came, lambda row: row["state"] == "POSTED")
    sent = await paid(receiver)
    receiver.switch_faults(messages={"camt.028": {"copies": 2, "delay_s": AFTER.total_seconds()}})
    information = f"/v1/incoming-transfers/{row['payment_id']}/information-request"
    asked = ask(receiver, information, question("MS01"), key="late")
    about = {"message_id": sent["message_id"], "copies": 2}
    theirs = await known_as(receiver, asked_of_us(receiver, kind="information_request", **about))
    await befallen(receiver)

    looked_at = await leap_to(receiver, friday + AFTER, time(MORNING.hour - 1))
    overdue, before = [ask(receiver, path_of(each)) for each in (asked, theirs)], kinds_of(receiver, asked)
    told = ask(receiver, f"{path_of(theirs)}/answer", {"answer": "informed", "information": ["Invoice 4711"]})
    again = ask(receiver, f"{path_of(theirs)}/answer", {"answer": "no_information"}, expected=409)
    await asked_until(receiver, path_of(theirs), lambda shown: all(said for _, said in verdicts_of(receiver, shown)))
    await leap_to(receiver, friday + AFTER, time(MORNING.hour + 1))
    informed = await asked_until(receiver, path_of(asked), is_in("INFORMED"))
    await delivered(receiver)

    due = {datetime.fromisoformat(each["due_at"]) for each in overdue}
    assert {each.astimezone(EASTERN).date() for each in due} == {friday + timedelta(days=4)}
    assert max(due) < looked_at <= datetime.fromisoformat(informed["updated_at"])
    assert [each["state"] for each in overdue] == ["REQUESTED"] * 2
    assert before == ["Opened", "ReceiptReported"]
    assert kinds_of(receiver, asked) == [*before, "Informed"]
    assert (informed["attention"], informed["due_at"]) == (False, None)
    assert (told["state"], again["state"]) == ("INFORMED", "INFORMED")
    assert verdicts_of(receiver, theirs) == [("pacs.002", ["answer"]), ("camt.028", ["ignored"])]
