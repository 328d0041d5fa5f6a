"""A day of outgoing traffic over both rails through one gateway: a seeded mix, and what must have come of it.

Whatever a payment's rail did, its end with us is the one in the rail's own ledger: what is settled here moved money
there, once, and what is not settled here moved none.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from gateway.domain.payment import Rail
from tests.acceptance.installation import HEADERS, Installation
from tests.acceptance.payments import json_payment, message, rtp_message, rtp_transfer, transfer

PLAIN: Final = "200000000001"
AT_ONCE: Final = 16
"""Submissions under way at once."""

POLL_S: Final = 0.25
PATIENCE_S: Final = 60.0
"""How long after the last submission everything has ended: far more than the rails' short clocks need."""


@dataclass(frozen=True, slots=True)
class End:
    """How a payment must end: state, status and reason with us, and what became of each copy at the rail."""

    state: str
    status: str | None
    reason: str | None
    copies: tuple[str, ...] = ("accepted",)


ENDS: Final[Mapping[Rail, Mapping[str, End]]] = {
    Rail.FEDNOW: {
        PLAIN: End("SETTLED", "ACSC", None),
        "SIMRJCTAC04": End("REJECTED", "RJCT", "AC04"),
        "SIMACWP": End("ACCEPTED_WITHOUT_POSTING", "ACWP", None),
        "SIMACWPACCC": End("SETTLED", "ACCC", None),
        "SIMACWPRJCT": End("RETURN_DUE", "RJCT", "AC06"),
        "SIMACWPBLCK": End("ACCEPTED_WITHOUT_POSTING", "BLCK", "AC06"),
        "SIMACWPPDNG": End("ACCEPTED_WITHOUT_POSTING", "PDNG", None),
        "SIMACCC": End("SETTLED", "ACCC", None),
        "SIMSLOW1": End("SETTLED", "ACSC", None),
        "SIMSLOW9": End("REJECTED", "RJCT", "E997"),
        "SIMLATE5": End("SETTLED", "ACSC", None),
        "SIMCONTRADICT": End("SETTLED", "ACSC", None),
        "SIMSILENT": End("REJECTED", "RJCT", "E997"),
        "SIMLOSTANSWER": End("SETTLED", "ACSC", None),
        "SIMLOSTMESSAGE": End("REJECTED", None, "E400", ("lost",)),
        "SIMTWICE": End("SETTLED", "ACSC", None),
        "SIMGARBAGE": End("SETTLED", "ACSC", None),
        "SIMUNKNOWN": End("SETTLED", "ACSC", None),
    },
    Rail.RTP: {
        PLAIN: End("SETTLED", "ACTC", None),
        "SIMRJCTAC04": End("REJECTED", "RJCT", "AC04"),
        "SIMACWP": End("ACCEPTED_WITHOUT_POSTING", "ACWP", None),
        "SIMSILENT": End("REJECTED", None, "DS24"),
        "SIMSILENTRJCT": End("REJECTED", "RJCT", "DS24"),
        "SIMSLOW1": End("SETTLED", "ACTC", None),
        "SIMSLOW9": End("REJECTED", None, "DS24"),
        "SIMLATE5": End("SETTLED", "ACTC", None, ("accepted", "repeated")),
        "SIMCONTRADICT": End("SETTLED", "ACTC", None),
        "SIMLOSTANSWER": End("SETTLED", "ACTC", None, ("accepted", "repeated")),
        "SIMLOSTANSWER2": End("SETTLED", "ACTC", None, ("accepted", "repeated", "repeated")),
        "SIMLOSTMESSAGE": End("SETTLED", "ACTC", None, ("lost", "accepted")),
        "SIMTWICE": End("SETTLED", "ACTC", None),
        "SIMUNKNOWN": End("SETTLED", "ACTC", None, ("accepted", "repeated")),
        "SIMGARBAGE": End("SETTLED", "ACTC", None, ("accepted", "repeated")),
    },
}
"""What the simulated creditor's institution and rail do, by account, and how it must end."""

POSTED_LATER: Final = "SIMACWPACK"
"""RTP's camt.035 names a payment by its instruction id: what a client chose itself does not lead back (JSON alone)."""

SETTLED: Final = frozenset({"SETTLED", "ACCEPTED_WITHOUT_POSTING", "RETURN_DUE"})
"""Money has moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One payment: over which rail, in which form, how often it is submitted, and how it must end."""

    number: int
    rail: Rail
    account: str
    end: End
    in_json: bool
    submissions: int
    cents: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order: the answers to its submissions, and the payment as it was last seen."""

    order: Order
    answers: tuple[tuple[int, bytes], ...]
    payment: dict[str, Any]


def orders(*, seed: int, count: int) -> list[Order]:
    """A mix in which every behaviour of either rail occurs, as far as `count` reaches; the rest settles, mostly."""
    chance = random.Random(seed)
    every = [(rail, account) for rail, ends in ENDS.items() for account in ends] + [(Rail.RTP, POSTED_LATER)]
    rest = [(chance.choice(list(Rail)), PLAIN) for _ in range(max(0, count - len(every)))]
    for index in range(0, len(rest), 3):
        rest[index] = chance.choice(every)
    mixed = (every + rest)[:count]
    chance.shuffle(mixed)
    return [_order(number, rail, account, chance) for number, (rail, account) in enumerate(mixed)]


def _order(number: int, rail: Rail, account: str, chance: random.Random) -> Order:
    is_posted_later = account == POSTED_LATER
    return Order(
        number=number,
        rail=rail,
        account=f"{account}-{number}" if account.startswith("SIM") else account,
        end=End("SETTLED", "ACWP", None) if is_posted_later else ENDS[rail][account],
        in_json=is_posted_later or chance.random() < 0.5,
        submissions=chance.choice((1, 1, 1, 2, 5)),
        cents=chance.randint(1, 99_999),
    )


async def send_all(installation: Installation, day: Sequence[Order]) -> list[Outcome]:
    """Submit everything, each as often as its order says, and wait until all have ended as they must, or too long."""
    async with _session() as session:
        turn = asyncio.Semaphore(AT_ONCE)

        async def submitted(order: Order) -> Outcome:
            body, path, headers = _request(order)
            async with turn:
                answers = [
                    await _post(session, installation.gateway_url + path, body, headers)
                    for _ in range(order.submissions)
                ]
            return Outcome(order, tuple(answers), json.loads(answers[0][1]))

        outcomes = await asyncio.gather(*(submitted(order) for order in day))
        return await _until_ended(session, installation, outcomes)


async def _until_ended(
    session: aiohttp.ClientSession, installation: Installation, outcomes: Sequence[Outcome]
) -> list[Outcome]:
    seen = list(outcomes)
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + PATIENCE_S
    while loop.time() < give_up_s:
        for index, outcome in enumerate(seen):
            if "payment_id" in outcome.payment and not _ended(outcome):
                url = f"{installation.gateway_url}/v1/payments/{outcome.payment['payment_id']}"
                async with session.get(url) as response:
                    seen[index] = Outcome(outcome.order, outcome.answers, await response.json())
        if all(_ended(outcome) for outcome in seen):
            break
        await asyncio.sleep(POLL_S)
    return seen


def faults(installation: Installation, outcomes: Sequence[Outcome]) -> list[str]:
    """Everything that is wrong: an end that is not the order's, money that moved otherwise, a copy too many."""
    found = [fault for outcome in outcomes for fault in _faults_of(installation, outcome)]
    for rail in installation.simulator_urls:
        ledger = installation.ledger(rail)
        moved = Counter(entry["message_id"] for entry in ledger["entries"] if entry["change_cents"] > 0)
        amounts = {
            entry["message_id"]: entry["change_cents"] for entry in ledger["entries"] if entry["change_cents"] > 0
        }
        due = {
            outcome.payment["message_id"]: outcome.order.cents
            for outcome in outcomes
            if outcome.order.rail is rail and outcome.payment.get("state") in SETTLED
        }
        found += [f"{rail}: {message_id} moved money {times} times" for message_id, times in moved.items() if times > 1]
        if amounts != due:
            found.append(
                f"{rail}: the ledger has {amounts.items() - due.items()}, the payments {due.items() - amounts.items()}"
            )
        if ledger["sum_cents"] != 0:
            found.append(f"{rail}: money was made or lost: {ledger['sum_cents']}")
    return found


def _faults_of(installation: Installation, outcome: Outcome) -> list[str]:
    order, payment = outcome.order, outcome.payment
    if len(set(outcome.answers)) != 1 or outcome.answers[0][0] != 202:
        return [f"{order}: answered {outcome.answers}"]
    wrong = [] if _ended(outcome) else [f"{order}: ended {payment}"]
    if payment["rail"] != order.rail:
        wrong.append(f"{order}: went over {payment['rail']}")
    copies = installation.copies_on_the_wire(payment["message_id"], rail=order.rail)
    verdicts = tuple(copy["verdict"] for copy in copies)
    if verdicts != order.end.copies:
        wrong.append(f"{order}: the rail saw {verdicts}")
    return wrong


def _ended(outcome: Outcome) -> bool:
    payment, end = outcome.payment, outcome.order.end
    reason = (payment.get("reason") or {}).get("code")
    return (payment.get("state"), payment.get("status"), reason) == (end.state, end.status, end.reason)


def _request(order: Order) -> tuple[bytes, str, dict[str, str]]:
    """Body, path and headers: JSON names its rail, a message shows it by its envelope."""
    if order.in_json:
        amount = f"{order.cents // 100}.{order.cents % 100:02}"
        payment = {**json_payment(creditor_account=order.account, amount=amount), "rail": order.rail.value}
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"order-{order.number}"}
        return json.dumps(payment).encode(), "/v1/payments", headers
    made = {Rail.FEDNOW: (transfer, message), Rail.RTP: (rtp_transfer, rtp_message)}[order.rail]
    make_transfer, make_message = made
    body = make_message(make_transfer(creditor_account=order.account, cents=order.cents))
    return body, "/v1/messages", {"Content-Type": "application/xml"}


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    async with session.post(url, data=body, headers=headers) as response:
        return response.status, await response.read()


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": HEADERS["Authorization"]}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session
