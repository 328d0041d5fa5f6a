"""FedNow and RTP through one gateway and one worker: a day of traffic ends as both rails' ledgers have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.domain.payment import Rail
from tests.acceptance.day import ENDS, faults, orders, send_all
from tests.acceptance.installation import Installation, installed
from tests.conftest import Database

COUNT: Final = 44
SEED: Final = 20261122


@pytest.fixture
def both_rails(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """A gateway and a worker that serve both rails."""
    with installed(database, tmp_path, rails=tuple(Rail)) as running:
        running.start_worker()
        yield running


async def test_a_day_of_both_rails_ends_as_their_ledgers_have_it(both_rails: Installation) -> None:
    """Settled, rejected, not posted, timed out, unanswered and repeated, twice: every cent is where we say."""
    day = orders(seed=SEED, count=COUNT)

    outcomes = await send_all(both_rails, day)

    assert faults(both_rails, outcomes) == []
    assert {outcome.order.rail for outcome in outcomes} == set(Rail)


def test_every_behaviour_of_either_rail_is_in_the_mix() -> None:
    """A mix that leaves one out would prove less than it says."""
    mixed = Counter((order.rail, order.account.partition("-")[0]) for order in orders(seed=SEED, count=COUNT))

    assert {(rail, account) for rail, ends in ENDS.items() for account in ends} <= mixed.keys()


async def test_a_fault_in_the_account_would_be_seen(both_rails: Installation) -> None:
    """The control: one payment that ended in another way than we say, and one that the ledger does not know."""
    (order,) = orders(seed=SEED, count=1)
    (outcome,) = await send_all(both_rails, [order])
    assert faults(both_rails, [outcome]) == []

    outcome.payment["state"] = "REJECTED" if outcome.payment["state"] != "REJECTED" else "SETTLED"

    assert len(faults(both_rails, [outcome])) >= 2
