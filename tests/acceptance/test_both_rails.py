"""FedNow and RTP through one gateway and one worker: a day of traffic ends as both rails' ledgers have it."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from adapters.postgres.server import EmbeddedPostgres
from gateway.domain.payment import Rail
from gateway.settings import load_settings
from tests.acceptance.crashing_worker import AFTER_SENDING, BEFORE_SENDING
from tests.acceptance.day import ENDS, faults, orders, send_all
from tests.acceptance.installation import Installation, installed
from tests.acceptance.payments import rtp_message, rtp_transfer
from tests.acceptance.test_replay import run
from tests.acceptance.test_slice import post, until_final
from tests.conftest import Database, copy_database
from tests.rail_keys import rail_keys, signing

COUNT: Final = 44
SEED: Final = 20261122


@pytest.fixture
def rtp_alone(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """A gateway that serves RTP and nothing else, and no worker yet."""
    with installed(database, tmp_path, rails=(Rail.RTP,)) as running:
        yield running


@pytest.fixture
def both_rails(database: Database, tmp_path: Path) -> Iterator[Installation]:
    """A gateway and a worker that serve both rails."""
    with installed(database, tmp_path, rails=tuple(Rail)) as running:
        running.start_worker()
        yield running


@pytest.fixture
def queued_rails(database: Database, tmp_path: Path, rabbitmq_url: str) -> Iterator[Installation]:
    """The same, with both rails behind a broker's queues, and everybody signing."""
    options, more = signing(rail_keys(datetime.now(UTC)), tmp_path)
    with installed(
        database, tmp_path, rails=tuple(Rail), amqp_url=rabbitmq_url, simulator_options=options, more=more
    ) as running:
        running.start_worker()
        yield running


def test_a_day_of_both_rails_ends_as_their_ledgers_have_it_and_comes_out_the_same_when_it_is_run_again(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_server: EmbeddedPostgres,
    template: str,
) -> None:
    """Settled, rejected, not posted, timed out, unanswered and repeated, twice: every cent is where we say."""
    with installed(database, tmp_path, rails=tuple(Rail)) as running:
        running.start_worker()
        outcomes = asyncio.run(send_all(running, orders(seed=SEED, count=COUNT)))
        found = faults(running, outcomes)

    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    again = run(load_settings(), database, copy_database(postgres_server, template))

    assert found == []
    assert {outcome.order.rail for outcome in outcomes} == set(Rail)
    assert (again.payments, again.diverged) == (COUNT, {})
    assert again.is_good


async def test_a_day_over_a_brokers_queues_ends_as_their_ledgers_have_it(queued_rails: Installation) -> None:
    """The way to a rail is the link's affair: nothing else of the day knows which it is, or that it signs."""
    outcomes = await send_all(queued_rails, orders(seed=SEED, count=COUNT))

    assert faults(queued_rails, outcomes) == []


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


@pytest.mark.parametrize(
    ("crash_at", "verdicts"), [(BEFORE_SENDING, ["accepted"]), (AFTER_SENDING, ["accepted", "repeated"])]
)
async def test_a_worker_that_dies_while_it_sends_over_rtp_neither_doubles_nor_loses(
    rtp_alone: Installation, crash_at: str, verdicts: list[str]
) -> None:
    """SENDING was saved, the process is gone: the next one repeats the identical message, and it settles once."""
    dying = rtp_alone.start_worker(crash_at=crash_at)
    payment = rtp_transfer(creditor_account="SIMLOSTANSWER" if crash_at == AFTER_SENDING else "200000000001")
    await post(rtp_alone, rtp_message(payment), wait_s=0)

    exit_code = dying.wait_until_ended(10)
    rtp_alone.start_worker()
    ended = await until_final(rtp_alone, str(payment.uetr))

    copies = rtp_alone.copies_on_the_wire(payment.message_id, rail=Rail.RTP)
    assert exit_code == -signal.SIGKILL
    assert (ended["state"], ended["rail"]) == ("SETTLED", "rtp")
    assert [copy["verdict"] for copy in copies] == verdicts
    assert [entry["change_cents"] for entry in rtp_alone.ledger(Rail.RTP)["entries"]] == [-5174, 5174]
