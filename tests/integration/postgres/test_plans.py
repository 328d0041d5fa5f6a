"""What a payment costs must not grow with the payments stored: the rows that each hot statement reads are counted.

A planner that has statistics may choose another index than one that has none, and one whose statistics are of a smaller
table another again: autovacuum analyses a young table half a minute after its first payments, and not soon again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import asyncpg
import pytest

from adapters.postgres import statements
from adapters.postgres.connection import open_pool
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.due import PostgresDue
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.rail_operations import PostgresRailEvents
from adapters.postgres.receipts import PostgresReceipts
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.domain.due import DueKind, Source
from gateway.domain.events import EventKind
from gateway.domain.identity import SLOTS
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.payment import PaymentId, Rail
from gateway.domain.rail_operations import RailEventKind
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import MessageDirection, Unsent
from iso20022 import EndToEndId
from tests.conftest import REGION, TENANT, Database
from tests.fakes.incoming_rail import receiving_rail
from tests.integration.store.harness import NOW, VAULT, accepted, decision, now_of, over_rtp, raw_message
from tests.integration.store.test_incoming_contract import Subject, new
from tests.proofs.growth import SEED

STORED: Final = 4_000
KNOWN: Final = 40
"""Payments that were there when the tables were analysed for the last time."""

ROWS_MAX: Final = 60
"""Of one statement about one payment: its own rows in every table, found by several keys; far below what is stored."""

_ROWS_READ: Final = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
_IN_ONE_PROCESS: Final = "SET LOCAL max_parallel_workers_per_gather = 0"
"""What a parallel worker reads stands in no count of the transaction that it reads for."""


@dataclass(slots=True)
class CountingPool:
    """A pool whose every statement is a transaction of its own, of which the rows that it reads are counted."""

    pool: asyncpg.Pool[asyncpg.Record]
    read: dict[str, int] = field(default_factory=dict)
    """The most rows that a statement has read, by the statement."""

    async def fetch(self, statement: str, *parameters: object) -> list[asyncpg.Record]:
        """Run it, and count."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(_IN_ONE_PROCESS)
            before = int(await connection.fetchval(_ROWS_READ))  # what earlier transactions have not reported yet
            rows = await connection.fetch(statement, *parameters)
            read = int(await connection.fetchval(_ROWS_READ)) - before
        self.read[statement] = max(read, self.read.get(statement, 0))
        return rows

    async def fetchval(self, statement: str, *parameters: object) -> object:
        """Run it, and count."""
        rows = await self.fetch(statement, *parameters)
        return rows[0][0] if rows else None

    async def execute(self, statement: str, *parameters: object) -> None:
        """Run it, and count."""
        await self.fetch(statement, *parameters)

    def acquire(self) -> Any:
        """Lend a connection, uncounted."""
        return self.pool.acquire()


@pytest.fixture(params=["known", "outgrown"])
async def counting(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[CountingPool]:
    """A database in which thousands of older payments lie, and of which the planner knows all, or the first few."""
    older = SEED.replace("now()", f"timestamptz '{NOW.isoformat()}'")
    known = STORED if request.param == "known" else KNOWN
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(older.replace("{count}", str(known)))
    await connection.execute("VACUUM ANALYZE")
    if known < STORED:
        await connection.execute(older.replace("1, {count}", f"{known + 1}, {STORED}"))
    await connection.close()
    async with open_pool(database.application_dsn, connections_max=2) as pool:
        yield CountingPool(pool)


def large(read: dict[str, int]) -> dict[str, int]:
    """The statements that have read more than belongs to a payment, by their beginnings."""
    return {
        " ".join(statement.split())[:80]: rows
        for statement, rows in read.items()
        if rows > (SLOTS if statement == statements.SLOTS else ROWS_MAX)
    }


async def test_what_is_done_for_a_payment_reads_its_own_rows_alone(counting: CountingPool) -> None:
    """Accepted, taken up, sent, answered, asked about, forwarded, found: several times, as plans are kept."""
    store = PostgresStore(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION, vault=VAULT)
    for number in range(8):
        payment = await accepted(store, f"key-{number}")
        await store.accept([over_rtp(f"rtp-{number}", instruction_id=f"OWN-{number}"), over_rtp(f"taken-{number}")])
        [(taken_up, _)] = (await store.load_with_message([(payment.payment_id, MessageDirection.CLIENT_IN)])).values()
        sent = raw_message(MessageDirection.RAIL_OUT, f"sent-{number}")
        assert await store.save([decision(taken_up, EventKind.SENDING_STARTED, sent)]) == [True]
        about = await store.find_by_message_id(Rail.FEDNOW, [f"sent-{number}"])
        assert list(about) == [f"sent-{number}"]
        assert not await store.seen(Rail.FEDNOW, [f"heard-{number}"])
        heard = raw_message(MessageDirection.RAIL_IN, f"heard-{number}")
        settled = decision(about[f"sent-{number}"], EventKind.SETTLEMENT_REPORTED, heard, inbox_id=f"heard-{number}")
        assert await store.save([settled]) == [True]
        assert (await now_of(store, payment)).state.is_final
        await store.final_since([payment.payment_id])
        await store.due_timers(NOW + timedelta(days=1), limit=100)
        await store.due_deadlines(NOW + timedelta(days=1), limit=100)
        await store.waiting_since(behind=4)
        await store.events(payment.payment_id)
        await store.messages(payment.payment_id)
        async with store.relay(limit=100) as rows:
            await store.forget([row.delivery_id for row in rows])

    assert statements.LOAD_WITH_MESSAGE in counting.read
    assert len(counting.read) >= 12
    assert large(counting.read) == {}


async def test_what_is_done_for_an_incoming_transfer_reads_its_own_rows_alone(counting: CountingPool) -> None:
    """Received, answered, noted as sent, advised, posted, found."""
    store = PostgresIncoming(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION, vault=VAULT)
    subject = Subject(store, IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers()))
    for _ in range(8):
        transfer = await subject.admitted()
        transfer = await subject.befalls(transfer, IncomingEvent.ACCEPTANCE_DECIDED)
        assert transfer.unsent_at is not None
        await store.take_unsent(transfer.unsent_at, again_at=transfer.unsent_at + timedelta(seconds=1), limit=100)
        await store.sent([Unsent(transfer.payment_id, transfer.unsent_at)])
        assert await store.find_by_message_id(Rail.FEDNOW, [transfer.message_id])
        transfer = await subject.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)
        transfer = await subject.befalls(transfer, IncomingEvent.POSTING_CONFIRMED)
        await store.due_timers(NOW + timedelta(days=1), limit=100)
        await store.messages(transfer.payment_id)
        transfer = await subject.befalls(transfer, IncomingEvent.RETURN_REQUESTED)
        await store.requested(None, limit=10)
        await subject.befalls(transfer, IncomingEvent.RETURN_STARTED)

    assert len(counting.read) >= 9
    assert large(counting.read) == {}


async def test_what_is_due_reads_what_waits_alone(counting: CountingPool) -> None:
    """Of thousands of payments that are over none is walked through for the one that is held, or in doubt."""
    pool = cast("asyncpg.Pool[asyncpg.Record]", counting)
    store, due = PostgresStore(pool, region=REGION, vault=VAULT), PostgresDue(pool, region=REGION)
    payment = await accepted(store)
    for kind in (EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED, EventKind.LOOK_BACK_ENDED):
        assert await store.save([decision(await now_of(store, payment), kind)]) == [True]
    counting.read.clear()

    for tenant in (TENANT, None):
        for _ in range(8):
            (found,) = await due.find(tenant, limit=100)
            assert found.subject == await now_of(store, payment)

    assert len(counting.read) == 2 * len(Source) + 2
    assert large(counting.read) == {}


_REJECTED_BEFORE: Final = """
INSERT INTO incoming_transfer
SELECT (jsonb_populate_record(fact, jsonb_build_object('payment_id', md5(n::text)::uuid, 'message_id', 'OLDER' || n))).*
FROM incoming_transfer AS fact, generate_series($2::int, $3::int) AS n WHERE fact.payment_id = $1;
"""
_REJECTED_BEFORE_STATES: Final = """
INSERT INTO incoming_state
SELECT (jsonb_populate_record(now, jsonb_build_object('payment_id', md5(n::text)::uuid))).*
FROM incoming_state AS now, generate_series($2::int, $3::int) AS n WHERE now.payment_id = $1;
"""
_REJECTED_BEFORE_EVENTS: Final = """
INSERT INTO payment_event
SELECT (jsonb_populate_record(event, jsonb_build_object('payment_id', md5(n::text)::uuid))).*
FROM payment_event AS event, generate_series($2::int, $3::int) AS n WHERE event.payment_id = $1 AND event.sequence = 1;
"""


@pytest.mark.parametrize("known", [STORED, KNOWN])
async def test_a_list_of_incoming_transfers_reads_what_it_shows_and_what_is_to_be_decided_alone(
    database: Database, known: int
) -> None:
    """Of thousands that were rejected none is walked through for the few that are held, or that a person looks at."""
    owner = await asyncpg.connect(database.owner_dsn)
    async with open_pool(database.application_dsn, connections_max=2) as pool:
        counting = CountingPool(pool)
        store = PostgresIncoming(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION, vault=VAULT)
        subject = Subject(store, IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers()))
        rejected = await subject.befalls(await subject.admitted(), IncomingEvent.REJECTION_DECIDED)
        for first, last in ((1, known), (known + 1, STORED)):
            for statement in (_REJECTED_BEFORE, _REJECTED_BEFORE_STATES, _REJECTED_BEFORE_EVENTS):
                await owner.execute(statement, rejected.payment_id, first, last)
            if first == 1:
                await owner.execute("VACUUM ANALYZE incoming_transfer, incoming_state, payment_event")
        held = []
        for kind in (IncomingEvent.PENDING_DECIDED, IncomingEvent.PENDING_DECIDED, IncomingEvent.POSTING_REFUSED):
            settled = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
            settled = await subject.befalls(settled, IncomingEvent.SETTLEMENT_ADVISED)
            held.append(await subject.befalls(settled, kind))
        await subject.befalls(held[-1], IncomingEvent.RETURNS_ENDED)
        counting.read.clear()

        for tenant in (TENANT, None):
            for states in ((), (IncomingState.PENDING,), (IncomingState.REJECTED, IncomingState.RETURN_DUE)):
                assert await store.find(tenant, states=states, limit=10)
            due = PostgresDue(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION)
            assert len(await due.find(tenant, limit=10)) == len(held)

    await owner.close()
    assert len(counting.read) >= 7
    assert large(counting.read) == {}


async def test_what_comes_back_is_found_by_its_payment_alone(counting: CountingPool) -> None:
    """However many transfers have the reference that is given where there is none."""
    pool = cast("asyncpg.Pool[asyncpg.Record]", counting)
    store, payments = (kind(pool, region=REGION, vault=VAULT) for kind in (PostgresIncoming, PostgresStore))
    assert isinstance(store, PostgresIncoming)
    assert isinstance(payments, PostgresStore)
    payment = await accepted(payments)
    await store.admit([new(end_to_end_id=EndToEndId("NOTPROVIDED")) for _ in range(200)])
    returned = new(end_to_end_id=EndToEndId("NOTPROVIDED"), original_id=payment.payment_id)
    await store.admit([returned])
    counting.read.clear()

    for _ in range(8):
        assert [each.payment_id for each in await store.returns_of(payment)] == [returned.payment_id]
        await payments.requested(None, limit=10)

    assert large(counting.read) == {}


_REPORTED: Final = """
INSERT INTO rail_event (region, event_id, rail, kind, code, subjects, at)
SELECT $1, gen_random_uuid(), 'fednow', 'reported', 'RPRT', '{990000107}', $2::timestamptz + n * interval '1 second'
FROM generate_series($3::int, $4::int) AS n
"""


async def test_a_look_at_the_rails_events_reads_what_it_shows_alone(database: Database) -> None:
    """Every process looks every few seconds; the rail's reports of days lie between what it looks for."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(_REPORTED, REGION, NOW, 1, STORED)
    await owner.execute("VACUUM ANALYZE rail_event")
    await owner.close()
    async with open_pool(database.application_dsn, connections_max=2) as pool:
        counting = CountingPool(pool)
        store = PostgresRailEvents(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION, vault=VAULT)
        for _ in range(8):
            assert await store.events(Rail.FEDNOW, kinds={RailEventKind.DIRECTORY}, limit=8) == []
            shown = await store.events(Rail.FEDNOW, kinds={RailEventKind.REPORTED, RailEventKind.BROADCAST}, limit=8)
            assert len(shown) == 8
            asked = await store.events(Rail.FEDNOW, codes={"FPON"}, kinds={RailEventKind.ASKED}, limit=8)
            assert asked == []
            about = {"20261120990001106ASKED"}
            codes, kinds = {"pacs.028", "camt.029"}, {RailEventKind.REQUESTED}
            assert await store.events(Rail.FEDNOW, codes=codes, kinds=kinds, subjects=about, limit=100) == []
            assert await store.with_ids([UUID(int=1)]) == {}

    assert len(counting.read) == 3
    assert large(counting.read) == {}


_OVER: Final = """
WITH known AS (
    INSERT INTO conversation (region, conversation_id, tenant_id, rail, kind, side, message_id, content_digest,
        own_agent, counterparty, opened_at)
    SELECT $1, gen_random_uuid(), $2, 'fednow', 'request_for_payment', 'out', 'OVER' || n, '', '990000107', '990001203',
        $3
    FROM generate_series(1, $4::int) AS n RETURNING conversation_id
)
INSERT INTO conversation_state (conversation_id, tenant_id, state, version, seeks_payment, updated_at)
SELECT conversation_id, $2, 'EXPIRED', 2, false, $3 FROM known
"""


async def test_what_is_open_and_what_is_about_a_payment_is_listed_without_a_walk_through_what_is_over(
    database: Database,
) -> None:
    """Whoever works through what is due asks again and again."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(_OVER, REGION, TENANT, NOW, STORED)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    async with open_pool(database.application_dsn, connections_max=2) as pool:
        counting = CountingPool(pool)
        store = PostgresConversations(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION, vault=VAULT)
        for about in (None, PaymentId(UUID(int=1))):
            assert await store.find(None, about=about, limit=100) == []
        due = PostgresDue(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION)
        for tenant in (None, TENANT):
            assert await due.find(tenant, kinds=[DueKind.WITHDRAWAL], limit=100) == []

    assert len(counting.read) == 4
    assert large(counting.read) == {}


_AWAITED: Final = """
INSERT INTO awaited_receipt (rail, message_id, message_type, tenant_id, of_kind, of_id, sent_at, missed_at, copies)
SELECT 'fednow', kind || n, 'pain.013.001.07', $1, 'conversation', gen_random_uuid(), $2::timestamptz,
    CASE kind WHEN 'MISSED' THEN $2::timestamptz END, CASE kind WHEN 'MISSED' THEN ARRAY['COPY' || n] ELSE '{}' END
FROM generate_series(1, $3::int) AS n CROSS JOIN (VALUES ('MISSED'), ('WAITS')) AS each (kind)
"""


async def test_a_look_at_receipts_and_what_is_heard_of_one_read_what_they_concern_alone(database: Database) -> None:
    """A rail that has acknowledged nothing for a day is no reason to read a day's messages every second."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(_AWAITED, TENANT, NOW, STORED)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    async with open_pool(database.application_dsn, connections_max=2) as pool:
        counting = CountingPool(pool)
        store = PostgresReceipts(cast("asyncpg.Pool[asyncpg.Record]", counting))
        assert await store.late(Rail.FEDNOW, before=NOW, limit=8) == []
        assert len(await store.late(Rail.FEDNOW, before=NOW + timedelta(seconds=1), limit=8)) == 8
        assert await store.missed_since(Rail.FEDNOW, NOW + timedelta(seconds=1)) == 0
        assert await store.missing_of([UUID(int=1)]) == {}
        await store.heard(Rail.FEDNOW, ["MISSED1", "COPY2"])
        await store.left(Rail.FEDNOW, "WAITS1", at=NOW)

    assert large(counting.read) == {}


@pytest.mark.parametrize("counting", ["outgrown"], indirect=True)
async def test_a_page_of_whose_receiver_is_to_be_asked_reads_what_it_shows_alone(
    database: Database, counting: CountingPool
) -> None:
    """However many come before it and after it: on a bad day nobody has posted anything."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE payment_state SET state = 'ACCEPTED_WITHOUT_POSTING', status = 'ACWP'")
    await owner.close()
    store = PostgresStore(cast("asyncpg.Pool[asyncpg.Record]", counting), region=REGION, vault=VAULT)
    middle = NOW - timedelta(days=1, seconds=STORED / 20)

    after = (middle, PaymentId(UUID(int=0)))
    for _ in range(8):
        page = await store.unposted(Rail.FEDNOW, after=after, until=NOW, limit=4)
        after = (page[-1].final_at or NOW, page[-1].payment_id)
        assert len(page) == 4

    assert large(counting.read) == {}


@pytest.mark.parametrize("counting", ["known"], indirect=True)
async def test_a_statement_is_planned_once_on_a_connection_whatever_it_asks_for(counting: CountingPool) -> None:
    """One payment or twelve: planning this one takes longer than finding the rows. PostgreSQL's own way plans anew."""
    planned = "SELECT sum(custom_plans) FROM pg_prepared_statements WHERE statement = $1"
    async with counting.pool.acquire() as connection:

        async def loaded(times: int) -> int:
            for number in range(times):
                ids = [str(UUID(int=each)) for each in range(number + 1)]
                await connection.fetch(statements.LOAD_WITH_MESSAGE, ids, ["client_in"] * len(ids))
            return int(await connection.fetchval(planned, statements.LOAD_WITH_MESSAGE))

        assert await loaded(12) == 0
        await connection.execute("SET plan_cache_mode = auto")
        assert await loaded(3) == 3


@pytest.mark.parametrize("counting", ["known"], indirect=True)
async def test_a_statement_that_walks_through_what_is_stored_is_seen(counting: CountingPool) -> None:
    """The control: a payment's messages, asked for in a way that no index helps."""
    payment = await accepted(PostgresStore(counting.pool, region=REGION, vault=VAULT))

    rows = await counting.fetch("SELECT * FROM message WHERE payment_id::text = $1", str(payment.payment_id))

    assert len(rows) == 1
    assert min(large(counting.read).values()) > STORED
