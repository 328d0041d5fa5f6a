"""The spike behind ADR 3: the first schema replicates both ways as it is, and nothing of it must change for that.

Two servers, each with its own region's store, publish their own partitions and subscribe to the other's: PostgreSQL's
own logical replication, as the two-region issue will set it up for good.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.audit import PostgresAudit, open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.partitions import PostgresMonths
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.tables import FACTS, LOCAL
from adapters.postgres.upgrade import upgrade
from adapters.system import SystemIdentifiers
from gateway.domain.events import Event, EventKind
from gateway.domain.history import fold
from gateway.domain.identity import delivery_id_of, payment_id_of, slot_of, uetr_of
from gateway.domain.payment import IdempotencyKey, PaymentId, PaymentState, Rail, RegionId, TenantId
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.ports import (
    AcceptKind,
    Anchor,
    MessageDirection,
    NewPayment,
    OutboundDelivery,
    Queue,
    RawMessage,
    UnavailableError,
)
from gateway.service.verify_audit import verify
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber

REGIONS: Final = (RegionId("use1"), RegionId("usw2"))
NOW: Final = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
TENANT: Final = TenantId("default")


@dataclass(frozen=True, slots=True)
class Region:
    """One region: its server and its store."""

    name: RegionId
    server: EmbeddedPostgres
    store: PostgresStore


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmbeddedPostgres]]:
    """Two servers that replicate to each other."""
    with (
        EmbeddedPostgres(tmp_path_factory.mktemp("use1")) as east,
        EmbeddedPostgres(tmp_path_factory.mktemp("usw2")) as west,
    ):
        asyncio.run(_replicate([east, west]))
        yield [east, west]


async def _replicate(servers: list[EmbeddedPostgres]) -> None:
    for server in servers:
        await upgrade(server.owner_dsn, regions=REGIONS, first_tenant=None, now=NOW)
    for region, server in zip(REGIONS, servers, strict=True):
        partitions = ", ".join(f"{table.name}_{region}" for table in FACTS)
        await _execute(
            server, f"CREATE PUBLICATION facts FOR TABLE {partitions} WITH (publish_via_partition_root = true)"
        )
    for server, peer in zip(servers, reversed(servers), strict=True):
        await _execute(
            server,
            f"CREATE SUBSCRIPTION peer CONNECTION '{peer.superuser_dsn.rpartition('/')[0]}/fifteen' PUBLICATION facts "
            "WITH (copy_data = true)",
        )


async def _execute(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(f"{server.superuser_dsn.rpartition('/')[0]}/fifteen")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _count(server: EmbeddedPostgres, table: str) -> int:
    connection = await asyncpg.connect(server.owner_dsn)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


@pytest.fixture
async def regions(servers: list[EmbeddedPostgres]) -> AsyncIterator[list[Region]]:
    """The two regions with a store each."""
    async with AsyncExitStack() as stack:
        found = []
        for name, server in zip(REGIONS, servers, strict=True):
            pool = await stack.enter_async_context(open_pool(server.application_dsn))
            found.append(Region(name, server, PostgresStore(pool, region=name, vault=ClearVault(b"test"))))
        yield found


def new_payment(key: str) -> NewPayment:
    """A payment under a key."""
    idempotency_key = IdempotencyKey(key)
    payment_id = payment_id_of(TENANT, idempotency_key, NOW.date())
    return NewPayment(
        payment_id=payment_id,
        tenant_id=TENANT,
        idempotency_key=idempotency_key,
        slot=slot_of(TENANT, idempotency_key),
        content_digest=b"content",
        rail=Rail.FEDNOW,
        message_id=MessageId(f"20261120990000107{key}"),
        end_to_end_id=EndToEndId(key),
        instruction_id=None,
        uetr=uetr_of(TENANT, idempotency_key, NOW.date()),
        amount=Amount(100),
        debtor_agent=RoutingNumber("990000107"),
        creditor_agent=RoutingNumber("990001203"),
        debtor_account_index=b"debtor",
        creditor_account_index=b"creditor",
        business_date=NOW.date(),
        accepted_at=NOW,
        deadline_at=NOW + timedelta(seconds=15),
        timer_at=NOW + timedelta(seconds=15),
        message=RawMessage(
            SystemIdentifiers().new_uuid(),
            MessageDirection.CLIENT_IN,
            "pacs.008.001.08",
            key,
            "application/xml",
            b"<Document/>",
            NOW,
        ),
        outbox=(OutboundDelivery(delivery_id_of(payment_id, "q", 1), Queue.FEDNOW_OUT_VALUE, payment_id, NOW),),
    )


async def until(count: Callable[[], Awaitable[int]], wanted: int) -> None:
    """Wait for replication."""
    async with asyncio.timeout(20):
        while await count() != wanted:
            await asyncio.sleep(0.02)


async def test_facts_written_in_either_region_are_in_both_and_local_rows_are_not(regions: list[Region]) -> None:
    """Each region writes and publishes its own partitions: no conflict can arise, whatever they do at the same time."""
    for region in regions:
        await region.store.accept([new_payment(f"{region.name.upper()}{number}") for number in range(20)])

    for region in regions:
        for fact in ("claim", "payment", "payment_event", "message"):
            await until(partial(_count, region.server, fact), 40)

    for region in regions:
        for table in LOCAL:
            assert await _count(region.server, table.name) in {0, 20}
        assert await _count(region.server, "payment_state") == 20


async def test_a_payments_state_folds_from_its_events_in_the_region_that_did_not_write_them(
    regions: list[Region],
) -> None:
    """The projection is local and never replicated: whoever takes over builds it from the events."""
    east, west = regions
    accepted = await east.store.accept([new_payment("FOLD")])
    payment = accepted[0].payment
    assert payment is not None
    sending = decide(
        payment,
        Event(EventKind.SENDING_STARTED),
        at=NOW + timedelta(seconds=1),
        timing=Timing(),
    )
    assert await east.store.save([sending]) == [True]

    await until(lambda: _number_of_events(west.store, payment.payment_id), 2)
    folded = fold(await west.store.events(payment.payment_id))

    assert folded.state is PaymentState.SENDING
    assert folded.version == 2
    assert folded.creation_time == NOW + timedelta(seconds=1)
    assert await west.store.load([payment.payment_id]) == {}


async def test_what_an_owner_does_with_the_months_is_not_replicated(regions: list[Region]) -> None:
    """What lay apart is put right, and a month dropped, in one region: the other loses nothing, and goes on receiving.

    A DELETE that the other applied, or an INSERT that it had already, would lose messages or stop replication.
    """
    east, west = regions
    far = datetime(2031, 5, 3, tzinfo=UTC)
    await east.store.accept([replace(new_payment("APART"), accepted_at=far)])
    await until(lambda: _count(west.server, "message WHERE business_message_id = 'APART'"), 1)
    assert await _count(west.server, "message_use1_default") == 1
    months = PostgresMonths(east.server.owner_dsn, regions=REGIONS)

    made = await months.create(NOW)
    [month] = [each for each in await months.past(datetime(2031, 6, 1, tzinfo=UTC)) if each.name == made[0]]
    await _execute(east.server, f"ALTER TABLE message_use1 DETACH PARTITION {month.name}")
    await east.store.accept([new_payment("AFTER")])
    await until(lambda: _count(west.server, "message WHERE business_message_id = 'AFTER'"), 1)

    assert made == ["message_use1_y2031m05"]
    assert await _count(west.server, "message WHERE business_message_id = 'APART'") == 1
    assert await _count(east.server, "message WHERE business_message_id = 'APART'") == 0
    assert await _count(east.server, month.name) == 1
    await _execute(
        east.server,
        f"ALTER TABLE message_use1 ATTACH PARTITION {month.name} "
        "FOR VALUES FROM ('2031-05-01 00:00:00+00') TO ('2031-06-01 00:00:00+00')",
    )


async def test_a_row_that_is_moved_by_deleting_it_is_deleted_in_the_other_region_too(regions: list[Region]) -> None:
    """The control of the test above: how months must not be put right."""
    east, west = regions
    await _execute(
        east.server,
        "INSERT INTO message VALUES ('use1', gen_random_uuid(), 'default', gen_random_uuid(), 'rail_in', 'none', "
        "'MOVED', 'application/xml', 'clear', '', sha256(''), '2032-01-01')",
    )
    await until(lambda: _count(west.server, "message WHERE business_message_id = 'MOVED'"), 1)

    await _execute(east.server, "DELETE FROM message_use1_default WHERE business_message_id = 'MOVED'")

    await until(lambda: _count(west.server, "message WHERE business_message_id = 'MOVED'"), 0)


async def _number_of_events(store: PostgresStore, payment_id: PaymentId) -> int:
    return len(await store.events(payment_id))


async def test_a_key_that_was_claimed_in_the_other_region_is_not_claimed_again(regions: list[Region]) -> None:
    """What has been replicated is seen: the claim looks at every partition before it writes its own."""
    east, west = regions
    first = await east.store.accept([new_payment("CLAIMED")])
    await until(lambda: _claimed(west.server, "CLAIMED"), 1)

    with pytest.raises(UnavailableError, match="neither ours nor anybody's"):
        await west.store.accept([new_payment("CLAIMED")])

    assert first[0].kind is AcceptKind.CREATED
    assert await _claimed(west.server, "CLAIMED") == 1


async def _claimed(server: EmbeddedPostgres, key: str) -> int:
    connection = await asyncpg.connect(server.owner_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM claim WHERE idempotency_key = $1", key))
    finally:
        await connection.close()


async def test_the_same_key_at_the_same_moment_in_both_regions_is_two_claims_of_one_identity(
    regions: list[Region],
) -> None:
    """Why a key needs one home (the two-region issue): replication alone cannot refuse, but ids show that it is one."""
    east, west = regions
    await _execute(west.server, "ALTER SUBSCRIPTION peer DISABLE")
    await _execute(east.server, "ALTER SUBSCRIPTION peer DISABLE")
    try:
        outcomes = [(await region.store.accept([new_payment("TWICE")]))[0] for region in regions]
    finally:
        await _execute(west.server, "ALTER SUBSCRIPTION peer ENABLE")
        await _execute(east.server, "ALTER SUBSCRIPTION peer ENABLE")
    await until(lambda: _claimed(east.server, "TWICE"), 2)
    await until(lambda: _claimed(west.server, "TWICE"), 2)

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.CREATED] * 2
    assert len({outcome.payment.message_id for outcome in outcomes if outcome.payment}) == 1
    assert len({outcome.payment.payment_id for outcome in outcomes if outcome.payment}) == 1


async def test_a_regions_trail_is_verified_in_the_other_region(regions: list[Region]) -> None:
    """Chain, numbers of transactions and seals are replicated as they are: the other region is a second witness.

    Only the region that wrote seals: the other's transactions have numbers of their own.
    """
    east, west = regions
    await east.store.accept([new_payment(f"TRAIL{number}") for number in range(5)])
    async with open_pool(east.server.application_dsn) as pool:
        audit = PostgresAudit(pool, region=east.name)
        while await audit.seal(at=NOW, events_max=10) is not None:
            pass
        seals = await audit.seals_after(0, limit=1_000)
    async with open_pool(west.server.application_dsn) as pool:
        copy = PostgresAudit(pool, region=east.name)
        await until(lambda: _number_of_seals(copy), len(seals))

    async with open_audit_reader(west.server.application_dsn) as reader:
        trail = await verify(reader, [Anchor.of(seal) for seal in seals], local=west.name)

    assert trail.violations == []
    assert trail.regions[east.name].sealed_events == sum(seal.events for seal in seals) >= 5


async def _number_of_seals(audit: PostgresAudit) -> int:
    return len(await audit.seals_after(0, limit=1_000))
