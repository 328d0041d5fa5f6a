"""The region drill's ledgers, the rail's and both regions': each way in which they can differ is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from gateway.cli.drill.region.count import Result
from gateway.cli.drill.region.ledgers import Ledgers, settled_cents
from gateway.cli.two_regions import NAMES

EAST, WEST = NAMES
MESSAGES: Final = ("sent", "rejected", "brought")
CENTS: Final = {"sent": 5174, "brought": -900}
SOUND: Final = Ledgers(CENTS, {EAST: CENTS, WEST: CENTS})


def test_ledgers_that_say_the_same_of_every_message_have_no_fault() -> None:
    """The control of those below: settled, brought, and what has not settled."""
    assert SOUND.faults(MESSAGES) == []


DIFFERING: Final[Mapping[str, tuple[Ledgers, str]]] = {
    "unbooked in both regions": (
        replace(SOUND, regions={EAST: {"brought": -900}, WEST: {"brought": -900}}),
        "sent: the rail has settled 5174 cents, use1 has booked 0, usw2 has booked 0",
    ),
    "unbooked in one region": (
        replace(SOUND, regions={EAST: {"sent": 5174}, WEST: CENTS}),
        "brought: the rail has settled -900 cents, use1 has booked 0, usw2 has booked -900",
    ),
    "booked with another amount": (
        replace(SOUND, regions={EAST: CENTS, WEST: {**CENTS, "sent": 5175}}),
        "sent: the rail has settled 5174 cents, use1 has booked 5174, usw2 has booked 5175",
    ),
    "settled twice at the rail": (
        replace(SOUND, rail={**CENTS, "sent": 2 * 5174}),
        "sent: the rail has settled 10348 cents, use1 has booked 5174, usw2 has booked 5174",
    ),
    "booked, and not settled at the rail": (
        replace(SOUND, regions={EAST: {**CENTS, "rejected": 1}, WEST: {**CENTS, "rejected": 1}}),
        "rejected: the rail has settled 0 cents, use1 has booked 1, usw2 has booked 1",
    ),
}


@pytest.mark.parametrize("how", DIFFERING)
def test_ledgers_that_differ_are_named_with_what_each_says(how: str) -> None:
    """Each alone: money that one has and another has not."""
    ledgers, fault = DIFFERING[how]

    assert ledgers.faults(MESSAGES) == [fault]


def test_a_drill_whose_ledgers_differ_is_not_good_and_says_so() -> None:
    """It exits with 1, though every payment is accounted for."""
    good = Result("cut", 7, acknowledged=200, accounted=200)
    faulty = replace(good, ledger_faults=["sent: the rail has settled 5174 cents, use1 has booked 0"])

    assert (good.is_good, good.remarks) == (True, [])
    assert (faulty.is_good, faulty.remarks) == (False, faulty.ledger_faults)


def test_the_rails_ledger_is_read_from_its_journal_copy_by_copy() -> None:
    """Only what has settled counts; what it has brought is money that came."""
    facts: list[dict[str, Any]] = [
        {"fact": "PaymentBooked", "copy": 1, "message_id": "sent", "amount": 5174, "status": "ACSC"},
        {"fact": "PaymentBooked", "copy": 2, "message_id": "sent", "amount": 5174, "status": "ACWP"},
        {"fact": "PaymentBooked", "copy": 3, "message_id": "rejected", "amount": 1, "status": "RJCT"},
        {"fact": "PaymentBooked", "copy": 4, "message_id": "under way", "amount": 1, "status": "ACSC"},
        {"fact": "TransferForwarded", "message_id": "brought", "amount": 900},
        {"fact": "TransferForwarded", "message_id": "refused", "amount": 900},
        *({"fact": "PaymentCompleted", "copy": copy} for copy in (1, 2, 3)),
        {"fact": "ForwardingCompleted", "message_id": "brought", "status": "ACSC"},
        {"fact": "ForwardingCompleted", "message_id": "refused", "status": "RJCT"},
        {"fact": "Judged", "message_id": "sent", "amount": 1},
    ]

    settled = settled_cents(json.dumps(fact, separators=(",", ":")).encode() for fact in facts)

    assert {message_id: cents for message_id, cents in settled.items() if cents} == {"sent": 2 * 5174, "brought": -900}
