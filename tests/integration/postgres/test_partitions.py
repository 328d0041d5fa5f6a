"""The months of `message`: what is there becomes the first, none is ever missing, and none is dropped too early."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

import adapters.postgres.migrations
from adapters.archive.directory import DirectoryArchive
from adapters.postgres.connection import open_pool
from adapters.postgres.partitions import PostgresMonths, for_asyncpg
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.tables import FACTS
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from gateway.service.ports import MonthBusyError
from tests.conftest import API_KEY, REGION, TENANT, Database
from tests.integration.archive.harness import MONTH_END, Place, open_place
from tests.integration.audit.harness import PostgresPlace, settled, verified
from tests.integration.postgres.test_schema import compare
from tests.integration.store.harness import NOW, VAULT, accepted, new_payment, renewed

ADDED_SINCE = (
    "CREATE TABLE slot AS SELECT n::int2 AS slot, 'local' AS region, 1::int8 AS epoch FROM generate_series(0, 255) n",
    "ALTER TABLE slot ADD COLUMN ask_after TIMESTAMPTZ",
    "GRANT SELECT ON slot TO fifteen_application",
    "ALTER TABLE payment ADD COLUMN slot SMALLINT",
    "ALTER TABLE payment_state ADD COLUMN slot SMALLINT",
    "ALTER TABLE payment ADD COLUMN original_id UUID",
    "CREATE TABLE instruction_claim (rail TEXT, instruction_id TEXT, payment_id UUID)",
    "ALTER TABLE instruction_claim ADD PRIMARY KEY (rail, instruction_id)",
    "GRANT SELECT, INSERT ON instruction_claim TO fifteen_application",
    "CREATE FUNCTION owned_epoch(TEXT, SMALLINT) RETURNS BIGINT LANGUAGE sql AS 'SELECT 1::bigint'",
)
REMOVED_AGAIN = (
    "DROP TABLE slot",
    "DROP TABLE instruction_claim",
    "ALTER TABLE payment DROP COLUMN slot",
    "ALTER TABLE payment DROP COLUMN original_id",
    "ALTER TABLE payment_state DROP COLUMN slot",
    "DROP FUNCTION owned_epoch",
)
OLD_PARTITION = "CREATE TABLE {0}_{1} PARTITION OF {0} FOR VALUES IN ('{1}')"


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A database, and an archive."""
    async with open_place(database, DirectoryArchive(tmp_path)) as opened:
        yield opened


def migrated_to_0007(connection: Connection) -> None:
    """The schema before there were months, with a region that has messages, and one that has none."""
    config = Config()
    config.set_main_option("script_location", str(Path(adapters.postgres.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "0007")
    there = set(inspect(connection).get_table_names())
    for table in FACTS:
        if table.name in there:
            for region in (REGION, "empty"):
                connection.execute(text(OLD_PARTITION.format(table.name, region)))


async def _with_slots(old: Database, writing: Awaitable[object]) -> None:
    """Let a program of today write what one of the former revision would have written: without what was added since."""
    owner = await asyncpg.connect(old.owner_dsn)
    for statement in ADDED_SINCE:
        await owner.execute(statement)
    await writing
    for statement in REMOVED_AGAIN:
        await owner.execute(statement)
    await owner.close()


async def test_what_is_stored_becomes_the_first_range_and_nothing_of_it_changes(
    postgres_server: EmbeddedPostgres, template: str
) -> None:
    """A database of the former revision is brought up to date: the same rows, chains and answers, and months after."""
    superuser = await asyncpg.connect(postgres_server.superuser_dsn)
    await superuser.execute("CREATE DATABASE from_0007 OWNER fifteen_owner")
    await superuser.close()
    old = Database(
        *(f"{dsn.rpartition('/')[0]}/from_0007" for dsn in (postgres_server.owner_dsn, postgres_server.application_dsn))
    )
    engine = create_async_engine(for_asyncpg(old.owner_dsn))
    async with engine.begin() as connection:
        await connection.run_sync(migrated_to_0007)
    await engine.dispose()
    async with open_pool(old.application_dsn) as pool:
        written = PostgresStore(pool, region=REGION, vault=VAULT)
        await _with_slots(old, written.accept([new_payment("before")]))
    owner = await asyncpg.connect(old.owner_dsn)
    before = await owner.fetch("SELECT * FROM message")

    first = FirstTenant(TENANT, "Test institution", digest_of_api_key(API_KEY))
    await upgrade(old.owner_dsn, regions=[REGION], first_tenant=first, now=NOW)
    after = await owner.fetch("SELECT * FROM message")
    async with open_pool(old.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        payment = await settled(store, "after")
        messages = await store.messages(payment.payment_id)
    partitions = {
        row["name"]: row["bounds"]
        for row in await owner.fetch(
            "SELECT relname AS name, pg_get_expr(relpartbound, oid) AS bounds "
            "FROM pg_inherits JOIN pg_class ON oid = inhrelid "
            "WHERE inhparent IN ('message_local'::regclass, 'message_empty'::regclass)"
        )
    }
    await owner.close()

    assert [tuple(row) for row in before] == [tuple(row) for row in after]
    assert len(messages) == 3
    assert await compare(old) == []
    assert (await verified(PostgresPlace(old))).violations == []
    assert partitions == {
        "message_local_whole": "FOR VALUES FROM (MINVALUE) TO ('2026-12-01 00:00:00+00')",
        "message_local_default": "DEFAULT",
        "message_local_y2026m12": "FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')",
        "message_local_y2027m01": "FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-02-01 00:00:00+00')",
        "message_local_y2027m02": "FOR VALUES FROM ('2027-02-01 00:00:00+00') TO ('2027-03-01 00:00:00+00')",
    }


async def test_months_are_made_ahead_and_a_repeat_makes_none(place: Place) -> None:
    """This month and three more, by an upgrade; a job goes on from there."""
    months = PostgresMonths(place.database.owner_dsn, regions=[REGION])

    assert await months.create(NOW) == []
    assert await months.create(NOW + timedelta(days=31)) == ["message_local_y2027m03"]
    assert await months.create(NOW + timedelta(days=31)) == []


async def test_a_month_that_is_missing_fails_no_payment_and_is_made_with_what_it_should_have_had(place: Place) -> None:
    """A clock years ahead, or a job that nobody ran: what came lies apart, and is put right without a change."""
    far = datetime(2031, 5, 31, 23, 59, 59, tzinfo=UTC)
    for key, at in (("in", far), ("next", far + timedelta(seconds=1))):
        [outcome] = await place.store.accept([renewed(new_payment(key), accepted_at=at)])
        assert outcome.payment is not None
    apart = await place.value("SELECT count(*) FROM message_local_default")
    before = await place.value("SELECT array_agg(message ORDER BY at) FROM message")

    made = await PostgresMonths(place.database.owner_dsn, regions=[REGION]).create(NOW)

    assert apart == 2
    assert made == ["message_local_y2031m05", "message_local_y2031m06"]
    assert await place.value("SELECT count(*) FROM message_local_default") == 0
    assert await place.value("SELECT array_agg(message ORDER BY at) FROM message") == before
    assert await place.value("SELECT count(*) FROM message_local_y2031m06") == 1
    assert await compare(place.database) == []


async def test_a_month_is_not_dropped_while_somebody_adds_to_it(place: Place) -> None:
    """What is not committed cannot be seen, and must not go with the month: the owner waits, and gives up."""
    await settled(place.store, "one")
    await place.archiver().archive_due()
    months = PostgresMonths(place.database.owner_dsn, regions=[REGION], lock_max_s=0.1)
    [month] = await months.past(MONTH_END)
    writer = await asyncpg.connect(place.database.application_dsn)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute(ANOTHER)

    with pytest.raises(MonthBusyError):
        await months.drop(month, verified=[1])
    await transaction.commit()
    left = await months.drop(month, verified=[1])
    await writer.close()

    assert left == 1
    assert await place.value("SELECT count(*) FROM message") == 4


ANOTHER = """
    INSERT INTO message
    SELECT region, gen_random_uuid(), tenant_id, payment_id, direction, message_type, business_message_id, content_type,
        key_id, body, digest, at, event_sequence
    FROM message WHERE direction = 'rail_in' LIMIT 1
"""


async def test_who_looks_without_the_lock_drops_what_was_just_added(place: Place) -> None:
    """The control: the same steps, without it, lose a message."""
    await settled(place.store, "one")
    await place.archiver().archive_due()
    owner = await asyncpg.connect(place.database.owner_dsn)
    writer = await asyncpg.connect(place.database.application_dsn)
    adding, dropping = writer.transaction(), owner.transaction()
    await adding.start()
    await writer.execute(ANOTHER)
    await dropping.start()

    left = await owner.fetchval(
        "SELECT count(*) FROM message WHERE message_id NOT IN (SELECT message_id FROM archived_message)"
    )
    await adding.commit()
    await owner.execute("ALTER TABLE message_local DETACH PARTITION message_local_y2026m11")
    await owner.execute("DROP TABLE message_local_y2026m11")
    await dropping.commit()
    await writer.close()
    await owner.close()

    assert left == 0
    assert await place.value("SELECT count(*) FROM message") == 0
    assert await place.value("SELECT count(*) FROM archived_message") == 3


async def test_months_wait_for_no_long_reader_and_stop_nobody(place: Place) -> None:
    """A verification of the audit reads for minutes: who waited for it would hold up every payment behind itself."""
    months = PostgresMonths(place.database.owner_dsn, regions=[REGION], lock_max_s=0.1)
    reader = await asyncpg.connect(place.database.application_dsn)
    transaction = reader.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    await reader.fetch("SELECT count(*) FROM message")

    with pytest.raises(MonthBusyError):
        await months.create(NOW + timedelta(days=31))
    payment = await accepted(place.store, "meanwhile")
    await transaction.rollback()
    await reader.close()

    assert len(await place.messages(payment)) == 1
    assert await months.create(NOW + timedelta(days=31)) == ["message_local_y2027m03"]


async def test_a_month_goes_while_payments_are_taken_in(place: Place) -> None:
    """The region is held for a moment: what is being written meanwhile is written."""
    await settled(place.store, "one")
    await place.archiver().archive_due()

    [retired] = await place.retire()
    payment = await accepted(place.store, "meanwhile")

    assert retired.is_dropped
    assert len(await place.messages(payment)) == 1  # of the same month, by the clock of this test: it lies apart
    assert await place.value("SELECT count(*) FROM message_local_default") == 1
