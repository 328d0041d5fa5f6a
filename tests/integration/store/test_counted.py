"""What rides on a payment, or on a decision, is saved with it, all of it: a row that is lost takes the rest along.

A trigger that drops rows without a word is planted in the database: so would a join that does not find its partner.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final

import asyncpg
import pytest

from adapters.postgres import statements
from adapters.postgres.connection import open_pool
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.rows import save_parameters
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact
from gateway.domain.payment import Payment, PaymentId, Rail
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import (
    Accepted,
    Decision,
    FaultyRowError,
    MessageDirection,
    OutboundDelivery,
    PartlyFaultyError,
)
from tests.conftest import REGION, Database
from tests.fakes.incoming_rail import receiving_rail
from tests.integration.store.harness import (
    NOW,
    VAULT,
    accepted,
    decision,
    delivery,
    new_payment,
    now_of,
    outbox_of,
    over_rtp,
    raw_message,
    saved,
)
from tests.integration.store.test_incoming_contract import new

RIDING: Final = ("payment_event", "message", "outbox", "inbox", "ledger_posting")
"""What is saved with a decision."""

EVER: Final = timedelta(days=1)

_LOSES: Final = """
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF to_json(coalesce(NEW, OLD))->>'payment_id' = TG_ARGV[0] THEN RETURN NULL; END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER lose BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION lose('{payment_id}')
"""


@asynccontextmanager
async def losing(database: Database, table: str, payment_id: PaymentId, what: str = "INSERT") -> AsyncIterator[None]:
    """The slip: rows of one payment are dropped meanwhile."""
    owner = await asyncpg.connect(database.owner_dsn)
    try:
        await owner.execute(_LOSES.format(table=table, payment_id=payment_id, what=what))
        yield
        await owner.execute(f"DROP TRIGGER lose ON {table}; DROP FUNCTION lose()")
    finally:
        await owner.close()


async def rows_of(database: Database, payment_id: PaymentId) -> Mapping[str, int]:
    """How many rows a payment has in each table that rides."""
    owner = await asyncpg.connect(database.owner_dsn)
    try:
        return {
            table: await owner.fetchval(f"SELECT count(*) FROM {table} WHERE payment_id = $1", payment_id)
            for table in RIDING
        }
    finally:
        await owner.close()


def everything(payment: Payment) -> Decision:
    """A decision with a row for every table that rides."""
    key = str(payment.payment_id)
    settled = decision(
        payment,
        EventKind.SETTLEMENT_REPORTED,
        raw_message(MessageDirection.RAIL_IN, f"IN-{key}"),
        status="ACSC",
        inbox_id=f"IN-{key}",
    )
    assert settled.postings
    return replace(settled, outbox=(delivery(payment.payment_id, deadline_at=payment.deadline_at, version=3),))


def uncounted(statement: str, count: str) -> str:
    """The statement as it was without its count."""
    assert statement.count(count) == 1
    return statement.replace(count, "true")


def of_the_lost_one(raised: pytest.ExceptionInfo[PartlyFaultyError]) -> str:
    """What is said of the second of two, of which the first is well."""
    first, second = raised.value.outcomes
    assert first is True or isinstance(first, Accepted)
    assert isinstance(second, FaultyRowError)
    return str(second)


async def test_a_payment_is_accepted_with_all_that_rides_on_it_or_not_at_all(database: Database) -> None:
    """Its fact, instruction id, first event, message, state and delivery; another one of the batch is well."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        for table in ("payment", "instruction_claim", "payment_event", "message", "payment_state", "outbox"):
            good = over_rtp(f"good-{table}", instruction_id=f"GOOD-{table}")
            bad = over_rtp(f"bad-{table}", instruction_id=f"BAD-{table}")
            async with losing(database, table, bad.payment_id):
                with pytest.raises(PartlyFaultyError) as raised:
                    await store.accept([good, bad])

            said, kept = of_the_lost_one(raised), await store.find_claim(bad)
            (again,) = await store.accept([bad])

            assert "were sent" in said, table
            assert kept is None, table
            assert again.payment is not None, table


async def test_a_decision_is_saved_with_all_that_rides_on_it_or_not_at_all(database: Database) -> None:
    """Its event, inbox row, messages, deliveries and postings; another one of the batch is well."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        for table in RIDING:
            good = await saved(store, await accepted(store, f"good-{table}"), EventKind.SENDING_STARTED)
            bad = await saved(store, await accepted(store, f"bad-{table}"), EventKind.SENDING_STARTED)
            before = await rows_of(database, bad.payment_id)
            async with losing(database, table, bad.payment_id):
                with pytest.raises(PartlyFaultyError) as raised:
                    await store.save([everything(good), everything(bad)])

            said, kept, rows = (
                of_the_lost_one(raised),
                await now_of(store, bad),
                await rows_of(database, bad.payment_id),
            )
            again = await store.save([everything(bad)])

            assert "were sent" in said, table
            assert (kept, rows) == (bad, before), table
            assert again == [True], table


@pytest.mark.unbalanced("a posting is lost, to show that nobody else would have noticed")
async def test_without_the_count_a_row_is_lost_in_silence(database: Database) -> None:
    """The control of the test above, on each table: the decision is saved, and what rode on it is gone."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        statement = uncounted(statements.SAVE, statements.SAVED_WHOLE)
        for table in RIDING:
            payment = await saved(store, await accepted(store, table), EventKind.SENDING_STARTED)
            before = await rows_of(database, payment.payment_id)
            parameters = save_parameters([everything(payment)], VAULT, region=REGION)
            async with losing(database, table, payment.payment_id):
                rows = await pool.fetch(statement, REGION, payment.rail.value, *parameters)

            assert [row["is_ours"] for row in rows] == [True]
            assert (await rows_of(database, payment.payment_id))[table] == before[table]
            assert (await now_of(store, payment)).version == payment.version + 1


async def test_a_row_that_names_no_payment_of_the_batch_is_not_dropped_by_its_join(database: Database) -> None:
    """Each kind, in turn, is filed under a stranger: the statement fails, and says how many there were."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        payment = await saved(store, await accepted(store), EventKind.SENDING_STARTED)
        stranger = new_payment("stranger")
        rows, *parameters = save_parameters([everything(payment)], VAULT, region=REGION)
        for place, name in ((0, "raw"), (2, "queued"), (3, "booked")):
            planted = list(parameters)
            planted[place] = planted[place].replace(str(payment.payment_id), str(stranger.payment_id))
            with pytest.raises(asyncpg.DataError, match=f'"{name}":0'):
                await pool.fetch(statements.SAVE, REGION, payment.rail.value, rows, *planted)
        kept = await now_of(store, payment)
        saved_rows = await pool.fetch(statements.SAVE, REGION, payment.rail.value, rows, *parameters)

    assert kept == payment
    assert [row["is_ours"] for row in saved_rows] == [True], "the control: as it was, it is saved"


async def test_what_is_received_and_what_befalls_it_is_saved_whole_or_not_at_all(database: Database) -> None:
    """An incoming transfer with its event, message, inbox row and state; a decision on it with what rides on that."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    async with open_pool(database.application_dsn) as pool:
        store = PostgresIncoming(pool, region=REGION, vault=VAULT)
        transfer = new()
        for table in ("payment_event", "message", "inbox", "incoming_state"):
            async with losing(database, table, transfer.payment_id):
                with pytest.raises(PartlyFaultyError) as raised:
                    await store.admit([transfer])
            assert "were sent" in str(raised.value.outcomes), table
        (admitted,) = await store.admit([transfer])
        accepting = decider.decide(admitted.transfer, IncomingFact(IncomingEvent.ACCEPTANCE_DECIDED), at=NOW)
        assert accepting.messages
        for table in ("payment_event", "message"):
            async with losing(database, table, transfer.payment_id):
                with pytest.raises(PartlyFaultyError) as raised:
                    await store.save([accepting])
            assert "were sent" in str(raised.value.outcomes), table

        assert await store.save([accepting]) == [True]


async def test_what_a_relay_has_claimed_it_deletes_or_hands_nothing_out(database: Database) -> None:
    """Who deletes what was published likewise. The control: without their counts nobody is told of the row less."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        good, bad = await accepted(store, "good"), await accepted(store, "bad")
        ids = [row.delivery_id for row in await outbox_of(store)]
        handed_out: list[OutboundDelivery] = []
        async with losing(database, "outbox", bad.payment_id, "DELETE"):
            with pytest.raises(asyncpg.DataError, match=re.escape('"relayed":2} were sent, {"relayed":1}')):
                async with store.relay(limit=10) as deliveries:
                    handed_out += deliveries
            with pytest.raises(asyncpg.DataError, match=re.escape('"forgotten":2} were sent, {"forgotten":1}')):
                await store.forget(ids)
            left = await outbox_left(pool)
            relayed = await pool.fetch(uncounted(statements.RELAY, statements.RELAYED_WHOLE), 10, NOW + EVER)
            await pool.fetch(uncounted(statements.FORGET, statements.FORGOTTEN_WHOLE), ids)
            left_in_silence = await outbox_left(pool)

    assert (handed_out, left) == ([], {good.payment_id, bad.payment_id})
    assert ([row["payment_id"] for row in relayed], left_in_silence) == ([good.payment_id], {bad.payment_id})


async def outbox_left(pool: asyncpg.Pool[asyncpg.Record]) -> set[PaymentId]:
    """Whose deliveries are in the outbox."""
    return {PaymentId(row["payment_id"]) for row in await pool.fetch("SELECT payment_id FROM outbox")}
