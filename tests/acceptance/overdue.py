"""What nobody answers until it is overdue: requests for returns, questions and withdrawals, ours and theirs."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, Final

from tests.acceptance.payments import EASTERN
from tests.acceptance.rail_clock import MORNING, clock_of
from tests.acceptance.receiving import Receiver, befallen, until
from tests.acceptance.talk import asked_for, asked_of_us, is_in, kinds_of, known_as, path_of, question, verdicts_of
from tests.acceptance.test_returns import answered_with, answers_taken, ask, asked_back, asked_until, request_is
from tests.conftest import REGION, Database

AFTER: Final = timedelta(days=5)
"""From a Friday before a Monday that is no business day: what is due by the end of the next one is overdue since."""

_keys = count(1)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Where each is that nobody has answered: a request for a return and a question, ours and theirs."""

    asked_back: str
    silent: str
    asked: str
    to_give_back: str
    to_tell: str

    @property
    def requests(self) -> list[str]:
        """The payments whose return is asked for."""
        return [self.asked_back, self.silent, self.to_give_back]

    @property
    def questions(self) -> list[str]:
        """The conversations."""
        return [self.asked, self.to_tell]


async def left_unanswered(receiver: Receiver, database: Database, payments: Sequence[dict[str, Any]]) -> Unanswered:
    """Ask for two payments back and for information, and be asked the same; each comes, and will be answered, twice.

    The answers to the first and to the question come when they are overdue, the one to the second never.
    """
    late, silent = [f"/v1/payments/{each['payment_id']}" for each in payments]
    (came,) = receiver.order()
    row = await until(database, came, lambda row: row["state"] == "POSTED")
    arrived = f"/v1/incoming-transfers/{row['payment_id']}"
    answers = {"copies": 2, "delay_s": AFTER.total_seconds()}
    receiver.switch_faults(
        messages={"camt.029": {"next": 2, **answers}, "camt.028": answers, "camt.056": {"copies": 2}}
    )
    ask(receiver, f"{late}/return-request", {"reason_code": "CUST"})
    asked = ask(receiver, f"{arrived}/information-request", question("MS01"), key=f"question-{next(_keys)}")
    asked_back(receiver, came, reason="DUPL")
    about = {"message_id": payments[0]["message_id"], "copies": 2}
    theirs = asked_of_us(receiver, kind="information_request", **about)
    await befallen(receiver)
    ask(receiver, f"{silent}/return-request", {"reason_code": "FRAD"})
    await asked_until(receiver, arrived, request_is("RECEIVED"))
    return Unanswered(late, silent, path_of(asked), arrived, path_of(await known_as(receiver, theirs)))


async def counted_as_overdue(receiver: Receiver) -> bool:
    """Whether the worker comes to count as overdue what the lists show as due before now, neither more nor less."""
    now = datetime.fromisoformat(clock_of(receiver)["now"])
    listed = {
        "gateway_return_requests_overdue": [
            each["request"]["due_at"] for each in ask(receiver, "/v1/return-requests")["return_requests"]
        ],
        "gateway_conversations_overdue": [
            each["due_at"] for each in ask(receiver, "/v1/conversations")["conversations"]
        ],
    }
    counts = {
        gauge: sum(datetime.fromisoformat(due_at) < now for due_at in due if due_at) for gauge, due in listed.items()
    }
    expected = {f'{gauge}{{region="{REGION}"}} {float(count)}' for gauge, count in counts.items()}

    def said() -> set[str]:
        with urllib.request.urlopen(f"{receiver.installation.worker_url}/metrics") as response:
            return set(response.read().decode().splitlines())

    async with asyncio.timeout(15):
        while not expected <= await asyncio.to_thread(said):
            await asyncio.sleep(0.2)
    return True


async def answered_all_the_same(receiver: Receiver, left: Unanswered) -> None:
    """Ask for the one return anew, which then comes; give the other back, and tell what was asked: once, and taken."""
    ask(receiver, f"{left.silent}/return-request", {"reason_code": "DUPL"})
    ask(receiver, f"{left.to_give_back}/return-answer", {"answer": "agreed"})
    ask(receiver, f"{left.to_tell}/answer", {"answer": "informed", "information": ["Invoice 4711"]})
    for path in (left.silent, left.to_give_back):
        await asked_until(receiver, path, request_is("RETURNED"))
    told = await asked_until(
        receiver, left.to_tell, lambda shown: kinds_of(receiver, shown).count("ReceiptReported") == 2
    )
    await answers_taken(receiver, [left.to_give_back])
    returned = ask(receiver, f"{left.to_give_back}/return-answer", {"answer": "agreed"}, expected=409)
    informed = ask(receiver, f"{left.to_tell}/answer", {"answer": "no_information"}, expected=409)

    assert returned["type"].endswith("return_not_answerable")
    assert informed["state"] == "INFORMED"
    assert answered_with(receiver, left.to_give_back) == ["IPAY"]
    assert verdicts_of(receiver, told) == [(name, ["ignored"]) for name in ("admi.007", "camt.028", "camt.029")]


async def taken_back(receiver: Receiver, friday: date) -> list[str]:
    """Where four requests are that were taken back: ours and theirs, undecided until Sunday, then accepted until then.

    Both of our withdrawals are answered, twice, when all of them are over; theirs come twice.
    """
    sunday, references = friday + timedelta(days=2), ("E2E-UNSAID", "E2E-SAID")
    expires = datetime.combine(sunday, MORNING, tzinfo=EASTERN).isoformat()
    pay_on = (friday + timedelta(days=9)).isoformat()
    ours = [
        asked_for(receiver, "SIMSILENT", expires=expires, pay_on=pay_on),
        asked_for(receiver, "SIMPROMISE", pay_on=sunday.isoformat()),
    ]
    until_when = [{"expires_in_s": 2 * 86_400, "pay_in_days": 9}, {"pay_in_days": 2}]
    ids = [
        asked_of_us(receiver, kind="request_for_payment", end_to_end_id=reference, **until)
        for reference, until in zip(references, until_when, strict=True)
    ]
    theirs = [await known_as(receiver, each) for each in ids]
    ask(receiver, f"{path_of(theirs[1])}/answer", {"answer": "accepted"})
    await asked_until(receiver, path_of(ours[1]), is_in("ACCEPTED"))

    receiver.switch_faults(messages={"camt.029": {"next": 2, "copies": 2, "delay_s": AFTER.total_seconds()}})
    for each in ours:
        ask(receiver, f"{path_of(each)}/withdrawal", {"reason_code": "CUST"})
    for message_id, reference in zip(ids, references, strict=True):
        asked_of_us(receiver, kind="withdrawal", message_id=message_id, end_to_end_id=reference, copies=2)
    await befallen(receiver)
    paths = [path_of(each) for each in (*ours, *theirs)]
    for path in paths:
        await asked_until(receiver, path, is_in("WITHDRAWING", "WITHDRAWING_ACCEPTED"))
    return paths
