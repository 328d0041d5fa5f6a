"""What left in an evening is made again from the database: its settlement date is another than that of its ids."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from adapters.postgres.connection import open_pool
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.archiving import vault_of
from gateway.cli.replay import Outcome, replay
from gateway.domain.payment import IdempotencyKey, Rail
from gateway.rails import served_rails
from gateway.service.admission import Admission
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.dispatch import Dispatcher, grouped_loads
from gateway.service.funds import Funds
from gateway.service.ports import Delivery, Queue
from gateway.service.submit import Intake, Submitted, grouped_accepts
from gateway.settings import FedNowSettings, Settings
from iso20022 import CustomerCreditTransfer, FedNowProfile, examine
from tests.conftest import REGION, TENANT, Database, copy_database
from tests.fakes.clock import VirtualClock
from tests.fakes.core import InMemoryCore
from tests.fakes.rail import InMemoryRail
from tests.unit.service.test_settlement_dates import REQUEST
from tests.unit.service.world import PARTY, Recorder

EVENING: Final = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
"""Friday, 20:00 in New York."""

SETTINGS: Final = Settings(
    region=REGION, fednow=FedNowSettings(connection_party=PARTY, url="memory:", routing_number_severity="warning")
)


async def _sent(database: Database) -> bytes:
    """Submit a payment in JSON in the evening, and return what left of it."""
    clock, rail, told, vault = VirtualClock(EVENING), InMemoryRail(), Recorder(), vault_of(SETTINGS)
    rails = served_rails(SETTINGS)
    async with open_pool(database.application_dsn) as pool, asyncio.TaskGroup() as group:
        store = PostgresStore(pool, region=REGION, vault=vault)
        accepts, saves, loads = grouped_accepts(store), grouped_saves(store), grouped_loads(store)
        loops = [group.create_task(run()) for run in (accepts.run, saves.run, loads.run)]
        intake = Intake(
            rails=rails,
            default_rail=Rail.FEDNOW,
            store=store,
            accepts=accepts,
            admission=Admission(store, clock, wait_max_s=1.5),
            clock=clock,
            identifiers=SystemIdentifiers(),
            vault=vault,
            observer=told,
        )
        dispatcher = Dispatcher(
            *(Decisions(store, saves, told), loads, rails, {Rail.FEDNOW: rail}, clock, SystemIdentifiers(), told),
            Funds(InMemoryCore(), store, clock, told, promise_s=15.0),
        )
        body = json.dumps({**REQUEST.as_json(), "currency": "USD"}).encode()
        submitted = await intake.submit_payment(TENANT, IdempotencyKey("one"), REQUEST, body, received_at=EVENING)
        assert isinstance(submitted, Submitted), submitted
        payment = submitted.payment
        delivery = Delivery(UUID(int=7), Queue.FEDNOW_OUT_VALUE, payment.payment_id, payment.deadline_at, attempt=1)
        await dispatcher.transfer(delivery)
        for loop in loops:
            loop.cancel()
    (sent,) = rail.sent
    return sent.body


def _run_again(database: Database, into: Database) -> Outcome:
    return asyncio.run(replay(SETTINGS, database.application_dsn, into.owner_dsn, tell=lambda _: None))


async def _forget(database: Database) -> None:
    """Take the date out of the event, as the owner."""
    connection = await asyncpg.connect(database.owner_dsn)
    changed = await connection.execute("UPDATE payment_event SET details = '{}' WHERE kind = 'SendingStarted'")
    await connection.close()
    assert changed == "UPDATE 1"


def test_the_event_keeps_the_date_with_which_the_transfer_left_and_replay_makes_it_again(
    database: Database, postgres_server: EmbeddedPostgres, template: str
) -> None:
    """Through the database and back; without the date there, the control, the bytes are named as others."""
    copies = [copy_database(postgres_server, template) for _ in range(2)]
    said = examine(asyncio.run(_sent(database)), profile=FedNowProfile()).message
    assert isinstance(said, CustomerCreditTransfer)

    outcome = _run_again(database, copies[0])
    asyncio.run(_forget(database))
    forgetful = _run_again(database, copies[1])

    assert (said.message_id[:8], said.settlement_date) == ("20261120", date(2026, 11, 21))
    assert (outcome.payments, outcome.diverged, outcome.is_good) == (1, {}, True)
    assert [text for text in forgetful.diverged.values() if "the bytes that left" in text]
