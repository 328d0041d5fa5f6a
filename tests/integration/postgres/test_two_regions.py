"""Two regions on two servers: each publishes its own partitions, subscribes to the other's, and owns its slots.

It began as the spike behind ADR 3, which showed that the first schema replicates both ways as it is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, count
from typing import Final

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.audit import open_audit_reader
from adapters.postgres.bus_tables import BUS_TABLES
from adapters.postgres.connection import open_pool
from adapters.postgres.logins import Login
from adapters.postgres.partitions import PostgresMonths
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.replication.connection import PUBLICATION, ReplicationError, subscription_of
from adapters.postgres.replication.follow import join
from adapters.postgres.replication.publish import prepare
from adapters.postgres.replication.status import Inward, Outward, status
from adapters.postgres.sealing import PostgresAudit
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.tables import REPLICATED, outbox
from adapters.postgres.upgrade import upgrade
from adapters.system import SystemIdentifiers
from gateway.domain.events import Event, EventKind
from gateway.domain.history import fold
from gateway.domain.identity import delivery_id_of, payment_id_of, slot_of, uetr_of
from gateway.domain.payment import IdempotencyKey, PaymentId, PaymentState, Rail, RegionId, TenantId
from gateway.domain.regions import SlotMap, SlotOwner
from gateway.domain.request import RequestState
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.freshness import AsOf, Freshness
from gateway.service.ports import (
    AcceptKind,
    Alone,
    Anchor,
    MessageDirection,
    NewPayment,
    NotHomeError,
    OutboundDelivery,
    PartlyFaultyError,
    Projected,
    Queue,
    RawMessage,
    Unprojected,
)
from gateway.service.regions import Projector, behind_s, folded, two_contents
from gateway.service.verify_audit import verify
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber
from tests.fakes.clock import VirtualClock
from tests.unit.http.world import RecordingObserver

REGIONS: Final = (RegionId("use1"), RegionId("usw2"))
PAIRS: Final = (REGIONS, (REGIONS[1], REGIONS[0]))
NOW: Final = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
LATER: Final = NOW + timedelta(days=1)
TENANT: Final = TenantId("default")
OTHER_TENANT: Final = TenantId("another")
FOLLOWER: Final = Login("fifteen_peer", "an-invented-password")


@dataclass(frozen=True, slots=True)
class Region:
    """One region: its server, and what it has of it."""

    name: RegionId
    server: EmbeddedPostgres
    store: PostgresStore
    own: PostgresRegions
    projector: Projector[Unprojected, Projected]

    async def settle(self) -> None:
        """Fold what has arrived."""
        while await self.projector.project():
            pass


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmbeddedPostgres]]:
    """Two servers that replicate to each other."""
    with (
        EmbeddedPostgres(tmp_path_factory.mktemp("use1")) as east,
        EmbeddedPostgres(tmp_path_factory.mktemp("usw2")) as west,
    ):
        asyncio.run(replicate([east, west]))
        yield [east, west]


async def replicate(servers: list[EmbeddedPostgres]) -> None:
    """Set two regions up as `fifteen db upgrade`, `fifteen region init` and `fifteen region join` do, twice.

    Both join at the same moment (`test_subscriptions_that_make_their_slots_themselves_wait_for_one_another`).
    The first copy is waited for: whichever test comes first would see tables that are not there yet.
    """
    for server in servers:
        await upgrade(server.owner_dsn, regions=REGIONS, first_tenant=None, now=NOW)
        await keep_wal(server, "4GB")
    for _ in range(2):
        for server, (region, peer) in zip(servers, PAIRS, strict=True):
            await prepare(server.superuser_dsn, region=region, peer=peer, follower=FOLLOWER)
        async with asyncio.TaskGroup() as group:
            for server, other, (region, peer) in zip(servers, reversed(servers), PAIRS, strict=True):
                group.create_task(join(server.superuser_dsn, followed_at(other), region=region, peer=peer))
    for server, (region, peer) in zip(servers, PAIRS, strict=True):
        async with asyncio.timeout(30):
            while (await status(server.superuser_dsn, region=region, peer=peer))[1].tables_waiting:
                await asyncio.sleep(0.05)


def followed_at(server: EmbeddedPostgres) -> str:
    """A server's address for the other region: with no more rights than it needs."""
    return f"postgresql://{FOLLOWER.name}:{FOLLOWER.password}@{server.superuser_dsn.rpartition('@')[2]}"


async def test_the_role_that_a_region_is_followed_as_can_read_what_is_published_and_nothing_else(
    regions: list[Region],
) -> None:
    """`fifteen region init` makes it, as `FIFTEEN_PEER_DATABASE_URL` names it; a password that somebody set stays."""
    east, west = regions
    connection = await asyncpg.connect(followed_at(east.server))
    try:
        await connection.fetch(f"SELECT * FROM claim_{east.name}")
        for forbidden in (f"SELECT * FROM claim_{west.name}", "SELECT * FROM tenant", f"DELETE FROM claim_{east.name}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()
    other = Login(FOLLOWER.name, "another password")
    await prepare(east.server.superuser_dsn, region=east.name, peer=west.name, follower=other)
    await (await asyncpg.connect(followed_at(east.server))).close()


async def execute(server: EmbeddedPostgres, statement: str) -> None:
    """Run a statement with all rights."""
    connection = await asyncpg.connect(server.superuser_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def keep_wal(server: EmbeddedPostgres, size: str) -> None:
    """Bound what is kept for a peer that stays away."""
    await execute(server, f"ALTER SYSTEM SET max_slot_wal_keep_size = '{size}'")
    await execute(server, "SELECT pg_reload_conf()")


async def _count(server: EmbeddedPostgres, table: str, *, is_superuser: bool = False) -> int:
    connection = await asyncpg.connect(server.superuser_dsn if is_superuser else server.owner_dsn)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


@asynccontextmanager
async def opened(servers: list[EmbeddedPostgres]) -> AsyncIterator[list[Region]]:
    """The two regions, each with its stores."""
    async with AsyncExitStack() as stack:
        found = []
        for name, server in zip(REGIONS, servers, strict=True):
            pool = await stack.enter_async_context(open_pool(server.application_dsn))
            own = PostgresRegions(pool, region=name, vault=ClearVault(b"test"))
            store = PostgresStore(pool, region=name, vault=ClearVault(b"test"))
            projector = Projector(own, folded, VirtualClock(NOW), RecordingObserver(), two_contents)
            found.append(Region(name, server, store, own, projector))
        yield found


@pytest.fixture
async def regions(servers: list[EmbeddedPostgres]) -> AsyncIterator[list[Region]]:
    """The two regions, with the map that they begin with; a test that moves slots raises their epochs for good."""
    async with opened(servers) as found:
        for region in found:
            if await region.own.slot_map() is None:
                await region.own.adopt(SlotMap.first(REGIONS))
        yield found


def key_at(region: RegionId, name: str) -> str:
    """A key that has its home in this region under the first map."""
    slots = SlotMap.first(REGIONS).slots_of(region)
    return next(key for number in count() if slot_of(IdempotencyKey(key := f"{name}{number}".upper())) in slots)


def new_payment(key: str) -> NewPayment:
    """A payment under a key."""
    idempotency_key = IdempotencyKey(key)
    payment_id = payment_id_of(TENANT, idempotency_key, NOW.date())
    return NewPayment(
        payment_id=payment_id,
        tenant_id=TENANT,
        idempotency_key=idempotency_key,
        slot=slot_of(idempotency_key),
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
        keys = [key_at(region.name, f"{region.name}{number}X") for number in range(20)]
        await region.store.accept([new_payment(key) for key in keys])

    for region in regions:
        for fact in ("claim", "payment", "payment_event", "message"):
            await until(partial(_count, region.server, fact), 40)

    for region in regions:
        for table in (outbox, *BUS_TABLES):
            assert await _count(region.server, table.name) in {0, 20}
        assert await _count(region.server, "payment_state") == 20


async def test_a_region_reads_the_other_regions_payments_from_a_projection_of_its_own(regions: list[Region]) -> None:
    """Facts are replicated, states are folded from them: the same payment, shown in both regions; timers stay home."""
    east, west = regions
    accepted = await east.store.accept([new_payment(key_at(east.name, "FOLD"))])
    payment = accepted[0].payment
    assert payment is not None
    sending = decide(payment, Event(EventKind.SENDING_STARTED), at=NOW + timedelta(seconds=1), timing=Timing())
    assert await east.store.save([sending]) == [True]

    await until(lambda: _number_of_events(west.store, payment.payment_id), 2)
    made = fold(await west.store.events(payment.payment_id))
    await west.settle()
    here = (await east.store.load([payment.payment_id]))[payment.payment_id]
    there = (await west.store.load([payment.payment_id]))[payment.payment_id]

    assert made.state is PaymentState.SENDING
    assert there == replace(here, next_step_at=None)
    assert await west.own.unprojected(NOW, limit=10) == []
    with pytest.raises(PartlyFaultyError) as refused:
        await west.store.save([decide(there, Event(EventKind.DEADLINE_PASSED), at=NOW, timing=Timing())])
    assert isinstance(refused.value.outcomes[0], NotHomeError)


async def test_what_came_back_of_a_payment_and_what_was_asked_is_seen_in_the_other_region_too(
    regions: list[Region],
) -> None:
    """A part that was returned, and a request for the rest, are in the projection that the other region folds."""
    east, west = regions
    accepted = await east.store.accept([new_payment(key_at(east.name, "BACK"))])
    assert accepted[0].payment is not None
    payment_id = accepted[0].payment.payment_id
    for event in (
        Event(EventKind.SENDING_STARTED),
        Event(EventKind.SETTLEMENT_REPORTED, status="ACSC"),
        Event(EventKind.PART_RETURNED, details={"amount_cents": "40"}),
        Event(EventKind.RETURN_ASKED, business_message_id="20261120990000107ASKED"),
    ):
        current = (await east.store.load([payment_id]))[payment_id]
        assert await east.store.save([decide(current, event, at=NOW, timing=Timing())]) == [True]

    await until(lambda: _number_of_events(west.store, payment_id), 5)
    await west.settle()
    here = (await east.store.load([payment_id]))[payment_id]
    there = (await west.store.load([payment_id]))[payment_id]

    assert there == here
    assert (there.returned_cents, there.request.state) == (40, RequestState.REQUESTED)


async def test_what_an_owner_does_with_the_months_is_not_replicated(regions: list[Region]) -> None:
    """What lay apart is put right, and a month dropped, in one region: the other loses nothing, and goes on receiving.

    A DELETE that the other applied, or an INSERT that it had already, would lose messages or stop replication.
    """
    east, west = regions
    far = datetime(2031, 5, 3, tzinfo=UTC)
    apart_key, after_key = key_at(east.name, "APART"), key_at(east.name, "AFTER")
    apart, after = (f"message WHERE business_message_id = '{key}'" for key in (apart_key, after_key))
    await east.store.accept([replace(new_payment(apart_key), accepted_at=far)])
    await until(lambda: _count(west.server, apart), 1)
    assert await _count(west.server, "message_use1_default") == 1
    months = PostgresMonths(east.server.owner_dsn, regions=REGIONS)

    made = await months.create(NOW)
    [month] = [each for each in await months.past(datetime(2031, 6, 1, tzinfo=UTC)) if each.name == made[0]]
    await execute(east.server, f"ALTER TABLE message_use1 DETACH PARTITION {month.name}")
    await east.store.accept([new_payment(after_key)])
    await until(lambda: _count(west.server, after), 1)

    assert made == ["message_use1_y2031m05"]
    assert await _count(west.server, apart) == 1
    assert await _count(east.server, apart) == 0
    assert await _count(east.server, month.name) == 1
    await execute(
        east.server,
        f"ALTER TABLE message_use1 ATTACH PARTITION {month.name} "
        "FOR VALUES FROM ('2031-05-01 00:00:00+00') TO ('2031-06-01 00:00:00+00')",
    )


async def test_a_month_that_was_made_since_is_in_the_other_region_too(regions: list[Region]) -> None:
    """Its rows go under the name of the region's table, and lie there in whatever month that region has for them."""
    east, west = regions
    begun, key = datetime(2033, 7, 10, tzinfo=UTC), key_at(east.name, "SINCEMADE")
    made = await PostgresMonths(east.server.owner_dsn, regions=REGIONS).create(begun)

    await east.store.accept([replace(new_payment(key), accepted_at=begun)])
    await until(lambda: _count(west.server, f"message WHERE business_message_id = '{key}'"), 1)

    assert "message_use1_y2033m07" in made
    assert await _count(east.server, f"message_use1_y2033m07 WHERE business_message_id = '{key}'") == 1
    assert await _count(west.server, f"message_use1_default WHERE business_message_id = '{key}'") == 1


async def test_without_the_root_a_month_is_silently_not_replicated_and_that_is_said_and_mended(
    regions: list[Region],
) -> None:
    """The control of the test above: `publish_via_partition_root = false`, the month being there in both regions.

    Seen on PostgreSQL 18: the payment's other facts arrive, its message does not, and no log says so: it goes under the
    month's name, which nothing is subscribed to. That holds of months from before, too. Where the other region lacks
    the month, its copying stops with an error. What was written meanwhile does not come after the mend: it is copied.
    """
    east, west = regions
    begun = datetime(2034, 7, 10, tzinfo=UTC)
    for region in regions:
        await PostgresMonths(region.server.owner_dsn, regions=REGIONS).create(begun)
    meanwhile, since = (key_at(east.name, name) for name in ("NOTROOT", "ROOTAGAIN"))

    async def seen(key: str) -> tuple[int, int]:
        await until(lambda: _claimed(west.server, key), 1)
        message = f"message_use1_y2034m07 WHERE business_message_id = '{key}'"
        return await _count(east.server, message), await _count(west.server, message)

    try:
        await execute(east.server, f"ALTER PUBLICATION {PUBLICATION} SET (publish_via_partition_root = false)")
        await east.store.accept([replace(new_payment(meanwhile), accepted_at=begun)])
        while_false = await seen(meanwhile)
        broken, _ = await status(east.server.superuser_dsn, region=east.name, peer=west.name)
    finally:
        await prepare(east.server.superuser_dsn, region=east.name, peer=west.name)
    await east.store.accept([replace(new_payment(since), accepted_at=begun)])
    once_true = [await seen(key) for key in (since, meanwhile)]
    await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name, anew=True)
    await until_sound(west)

    assert while_false == (1, 0)
    assert ["publish_via_partition_root" in fault for fault in broken.faults] == [True]
    assert once_true == [(1, 1), (1, 0)]
    assert [await seen(key) for key in (since, meanwhile)] == [(1, 1)] * 2


async def test_a_row_that_is_moved_by_deleting_it_is_deleted_in_the_other_region_too(regions: list[Region]) -> None:
    """The control of the test above: how months must not be put right."""
    east, west = regions
    await execute(
        east.server,
        "INSERT INTO message VALUES ('use1', gen_random_uuid(), 'default', gen_random_uuid(), 'rail_in', 'none', "
        "'MOVED', 'application/xml', 'clear', '', sha256(''), '2032-01-01')",
    )
    await until(lambda: _count(west.server, "message WHERE business_message_id = 'MOVED'"), 1)

    await execute(east.server, "DELETE FROM message_use1_default WHERE business_message_id = 'MOVED'")

    await until(lambda: _count(west.server, "message WHERE business_message_id = 'MOVED'"), 0)


async def _number_of_events(store: PostgresStore, payment_id: PaymentId) -> int:
    return len(await store.events(payment_id))


async def test_two_tenants_that_send_one_message_id_at_the_same_moment_meet_in_one_region(
    regions: list[Region],
) -> None:
    """The rail would move money once, and its one answer would be about either: the second tenant is refused.

    Nothing that one has accepted is replicated yet when the other asks: only that both have one home helps.
    """
    keys = [key_at(home.name, f"SHARED{number}X") for number, home in enumerate(regions * 2)]
    for key in keys:
        ours = new_payment(key)
        theirs_id = payment_id_of(OTHER_TENANT, ours.idempotency_key, NOW.date())
        raw = replace(ours.message, message_id=SystemIdentifiers().new_uuid())
        theirs = replace(ours, tenant_id=OTHER_TENANT, payment_id=theirs_id, message=raw, outbox=())

        async def submitted(new: NewPayment, first: Region) -> AcceptKind:
            [there] = await first.store.accept([new])
            if there.kind is not AcceptKind.ELSEWHERE:
                return there.kind
            [home] = [region for region in regions if region.name == there.home]
            return (await home.store.accept([new]))[0].kind

        kinds = await asyncio.gather(*map(submitted, (ours, theirs), regions))

        assert sorted(kinds) == [AcceptKind.CREATED, AcceptKind.MESSAGE_ID_TAKEN]


async def test_a_key_whose_home_is_the_other_region_is_not_accepted(regions: list[Region]) -> None:
    """Nothing is saved, and the answer names the home."""
    east, west = regions
    key = key_at(east.name, "ELSEWHERE")

    outcomes = await west.store.accept([new_payment(key), new_payment(key_at(west.name, "HERE"))])

    assert [(outcome.kind, outcome.home) for outcome in outcomes] == [
        (AcceptKind.ELSEWHERE, east.name),
        (AcceptKind.CREATED, None),
    ]
    assert await _claimed(west.server, key) == 0


async def test_a_key_that_was_claimed_before_its_slot_moved_is_answered_with_the_same_payment(
    regions: list[Region],
) -> None:
    """What has been replicated is seen: the claim looks at every partition before it writes its own."""
    east, west = regions
    key = key_at(east.name, "MOVED")
    first = await east.store.accept([new_payment(key)])
    await until(lambda: _claimed(west.server, key), 1)
    await west.settle()
    slots = await east.own.slot_map()
    assert slots is not None
    moved = slots.moved({new_payment(key).slot}, to=west.name)
    assert await east.own.adopt(moved) == set()
    assert await west.own.adopt(moved) == {new_payment(key).slot}

    outcomes = [(await region.store.accept([new_payment(key)]))[0] for region in (east, west)]

    assert first[0].kind is AcceptKind.CREATED
    assert [outcome.kind for outcome in outcomes] == [AcceptKind.REPLAYED] * 2
    assert await _claimed(west.server, key) == 1
    payment = first[0].payment
    assert payment is not None
    sending = decide(payment, Event(EventKind.SENDING_STARTED), at=NOW, timing=Timing())
    with pytest.raises(PartlyFaultyError):
        await east.store.save([sending])
    assert payment.payment_id not in {t.payment_id for t in await east.store.due_timers(LATER, limit=1_000)}


async def _claimed(server: EmbeddedPostgres, key: str) -> int:
    connection = await asyncpg.connect(server.owner_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM claim WHERE idempotency_key = $1", key))
    finally:
        await connection.close()


async def test_a_payment_is_the_other_regions_also_where_its_slot_is_not_known(regions: list[Region]) -> None:
    """One from before there were slots: it is decided on where its fact was written."""
    east, west = regions
    accepted = await east.store.accept([new_payment(key_at(east.name, "UNSLOTTED"))])
    payment = accepted[0].payment
    assert payment is not None
    await until(lambda: _number_of_events(west.store, payment.payment_id), 1)
    await west.settle()
    for region in regions:
        await execute(region.server, f"UPDATE payment_state SET slot = NULL WHERE payment_id = '{payment.payment_id}'")
    sending = decide(payment, Event(EventKind.SENDING_STARTED), at=NOW, timing=Timing())

    with pytest.raises(PartlyFaultyError) as refused:
        await west.store.save([sending])
    assert isinstance(refused.value.outcomes[0], NotHomeError)
    assert await east.store.save([sending]) == [True]


async def test_a_history_that_cannot_be_folded_is_kept_and_tried_again(regions: list[Region]) -> None:
    """This region's release may not know what the other's has written: the note stays, and so does the slot."""
    east, west = regions
    key = key_at(east.name, "UNFOLDED")
    accepted = await east.store.accept([new_payment(key)])
    payment = accepted[0].payment
    assert payment is not None
    await until(lambda: _number_of_events(west.store, payment.payment_id), 1)
    kind = "UPDATE payment_event SET kind = '{}' WHERE payment_id = '{}'"
    replica = "SET session_replication_role = replica"
    await execute(west.server, f"{replica}; {kind.format('OfTomorrow', payment.payment_id)}")

    await west.settle()
    at_once = await west.own.unprojected(NOW, limit=1_000)
    await execute(west.server, f"{replica}; {kind.format('PaymentAccepted', payment.payment_id)}")
    [again] = await west.own.unprojected(LATER, limit=1_000)

    assert at_once == []
    assert (again.payment_id, again.slot) == (payment.payment_id, new_payment(key).slot)
    await Projector(west.own, folded, VirtualClock(LATER), RecordingObserver()).project()
    assert (await west.store.load([payment.payment_id]))[payment.payment_id].version == 1


async def test_an_answer_finds_the_other_regions_payment_once_its_facts_are_folded(regions: list[Region]) -> None:
    """What comes over the link together is there together: whoever finds nothing catches up before it looks again."""
    east, west = regions
    new = new_payment(key_at(east.name, "CAUGHTUP"))
    await east.store.accept([new])
    await until(lambda: _claimed(west.server, new.idempotency_key), 1)

    at_once = await west.store.find_by_message_id(Rail.FEDNOW, [new.message_id])
    await Projector(west.own, folded, VirtualClock(NOW), RecordingObserver()).catch_up()
    then = await west.store.find_by_message_id(Rail.FEDNOW, [new.message_id])

    assert at_once == {}
    assert [payment.payment_id for payment in then.values()] == [new.payment_id]


async def test_a_message_id_that_the_other_region_has_accepted_is_taken(regions: list[Region]) -> None:
    """The rail would take the second for a copy of the first, and its answer would be about both."""
    east, west = regions
    first = new_payment(key_at(east.name, "TAKENID"))
    await east.store.accept([first])
    await until(lambda: _claimed(west.server, first.idempotency_key), 1)
    second = replace(new_payment(key_at(west.name, "OTHERKEY")), message_id=first.message_id)

    [taken] = await west.store.accept([second])

    assert taken.kind is AcceptKind.MESSAGE_ID_TAKEN
    assert await _claimed(west.server, second.idempotency_key) == 0


async def test_an_answer_about_an_id_that_two_payments_have_is_taken_for_neither(regions: list[Region]) -> None:
    """Accepted in both regions at the same moment, before either could know."""
    east, west = regions
    first = new_payment(key_at(east.name, "TWINA"))
    second = replace(new_payment(key_at(west.name, "TWINB")), message_id=first.message_id)
    for one, other in ((east, west), (west, east)):
        await execute(one.server, f"ALTER SUBSCRIPTION {subscription_of(one.name, other.name)} DISABLE")
    try:
        kinds = [
            (await region.store.accept([new]))[0].kind for region, new in zip(regions, (first, second), strict=True)
        ]
    finally:
        for one, other in ((east, west), (west, east)):
            await execute(one.server, f"ALTER SUBSCRIPTION {subscription_of(one.name, other.name)} ENABLE")
    await until(lambda: _number_of_events(east.store, second.payment_id), 1)
    await until(lambda: _number_of_events(west.store, first.payment_id), 1)
    for region in regions:
        await region.settle()

    assert kinds == [AcceptKind.CREATED] * 2
    assert await east.store.find_by_message_id(Rail.FEDNOW, [first.message_id]) == {}


async def test_bytes_that_cannot_be_opened_here_hold_up_nothing_behind_them(regions: list[Region]) -> None:
    """They were sealed with a key that this region does not have yet: they wait, and the others are applied."""
    east, west = regions
    closed, good = b"<sealed with another key/>", b"<sealed with a key that both have/>"
    for body in (closed, good):
        await east.own.hand_over(Rail.RTP, body, at=NOW, came_by=None)
    waiting = "handed_over_due WHERE rail = 'rtp'"
    await until(lambda: _count(west.server, waiting), 2)
    digest = "sha256('<sealed with another key/>')"
    await execute(
        west.server,
        f"SET session_replication_role = replica; UPDATE handed_over SET key_id = 'new' WHERE digest = {digest}",
    )

    found = await west.own.handed_over(Rail.RTP, NOW, limit=10)
    [fault] = [each for each in found if isinstance(each.body, LookupError)]
    await west.own.postpone_handed_over([fault.position], until=LATER)

    assert [each.body for each in found if each is not fault] == [good]
    assert fault.position not in {each.position for each in await west.own.handed_over(Rail.RTP, NOW, limit=10)}
    later = await west.own.handed_over(Rail.RTP, LATER, limit=10)
    assert fault.position in {each.position for each in later}
    await west.own.applied([each.position for each in later])
    await west.own.postpone_handed_over([fault.position], until=NOW)  # another has applied it meanwhile
    assert await west.own.handed_over(Rail.RTP, LATER, limit=10) == []


async def test_a_slot_that_is_handed_over_is_taken_once_its_owner_has_released_it(regions: list[Region]) -> None:
    """The release comes after everything that was done under the old epoch: the new owner sees all of it."""
    east, west = regions
    slots = await east.own.slot_map()
    assert slots is not None
    key = next(k for k in (f"HANDED{n}" for n in count()) if slots.owners[new_payment(k).slot].region == east.name)
    slot = new_payment(key).slot
    moved = slots.handed_over([slot], to=west.name)

    assert await west.own.adopt(moved) == set()
    [first] = await east.store.accept([new_payment(key)])
    assert await east.own.adopt(moved) == set()
    async with asyncio.timeout(20):
        while await west.own.adopt(moved) != {slot}:
            await asyncio.sleep(0.02)
    await west.settle()
    [again] = await west.store.accept([new_payment(key)])

    assert (first.kind, again.kind) == (AcceptKind.CREATED, AcceptKind.REPLAYED)
    assert (await east.store.accept([new_payment(key)]))[0].kind is AcceptKind.REPLAYED
    await give_back(regions, moved, {slot})


async def test_a_slot_is_released_by_who_slept_through_having_it(regions: list[Region]) -> None:
    """Simulation, regions, seed 1032: taken over and handed back while the heir was down, it waited for ever."""
    east, west = regions
    slots = await east.own.slot_map()
    assert slots is not None
    slot = min(slots.slots_of(west.name))
    back = slots.moved([slot], to=east.name).handed_over([slot], to=west.name)

    assert await west.own.adopt(back) == set(), "the control: it waits for the word of who had it"
    assert await east.own.adopt(back) == set()
    async with asyncio.timeout(20):
        while await west.own.adopt(back) != {slot}:
            await asyncio.sleep(0.02)
    await give_back(regions, back, {slot})


async def test_payments_that_were_under_way_in_a_lost_region_are_taken_over_in_doubt(regions: list[Region]) -> None:
    """Their timers are due at once; nothing else is decided before; late events of the lost region change nothing."""
    east, west = regions
    slots = await east.own.slot_map()
    assert slots is not None
    keys = [f"LOST{n}" for n in range(400) if slots.owners[new_payment(f"LOST{n}").slot].region == east.name][:2]
    received, sent = [accepted.payment for accepted in await east.store.accept([new_payment(key) for key in keys])]
    assert received is not None
    assert sent is not None
    sending = decide(sent, Event(EventKind.SENDING_STARTED), at=NOW, timing=Timing())
    assert await east.store.save([sending]) == [True]
    await until(lambda: _number_of_events(west.store, sent.payment_id), 2)
    await west.settle()
    ask_after = NOW + timedelta(seconds=60)
    taken = {new_payment(key).slot for key in keys}
    moved = SlotMap(
        tuple(
            SlotOwner(west.name, owner.epoch + 1, None, ask_after) if slot in taken else owner
            for slot, owner in enumerate(slots.owners)
        )
    )

    assert await west.own.adopt(moved) == taken
    await west.own.take_up(NOW)
    due = {timer.payment_id for timer in await west.store.due_timers(NOW, limit=1_000)}
    found = await west.store.load([received.payment_id, sent.payment_id])
    early = [decide(found[sent.payment_id], Event(EventKind.DEADLINE_PASSED), at=NOW, timing=Timing())]
    take = [decide(payment, Event(EventKind.TAKEN_OVER), at=NOW, timing=Timing()) for payment in found.values()]

    assert due >= found.keys()
    assert all(payment.is_taken_over and payment.ask_after == ask_after for payment in found.values())
    assert await west.store.save(early) == [False]
    assert await west.store.save(take) == [True, True]
    now = await west.store.load(list(found))
    assert {payment.state for payment in now.values()} == {PaymentState.IN_DOUBT}
    assert {payment.next_step_at for payment in now.values()} == {ask_after}
    assert not any(payment.is_taken_over for payment in now.values())

    # The lost region still writes under its old map, and is replicated late.
    late = decide(
        replace(sent, version=2, state=PaymentState.SENDING),
        Event(EventKind.SETTLEMENT_REPORTED),
        at=NOW,
        timing=Timing(),
    )
    assert await east.store.save([late]) == [True]
    await until(lambda: _number_of_events(west.store, sent.payment_id), 4)
    await west.settle()
    await until(lambda: _number_of_events(east.store, sent.payment_id), 4)
    await east.settle()
    for region in regions:
        shown = (await region.store.load([sent.payment_id]))[sent.payment_id]
        assert (shown.state, shown.version) == (PaymentState.IN_DOUBT, 3)
    await give_back(regions, moved, taken)


async def give_back(regions: list[Region], slots: SlotMap, moved: set[int]) -> None:
    """Leave the map to the next test as its keys expect it."""
    for region in regions:
        await region.own.adopt(slots.moved(moved, to=REGIONS[0]))


async def test_a_region_does_not_follow_one_that_owns_its_slots_too(regions: list[Region]) -> None:
    """Two maps were begun: neither is believed before a person has looked."""
    east, west = regions
    slot = new_payment(key_at(west.name, "SAME")).slot
    await execute(east.server, f"UPDATE slot SET region = '{east.name}' WHERE slot = {slot}")
    try:
        with pytest.raises(ReplicationError, match="1 slots are owned by region use1 here and by region usw2 there"):
            await join(east.server.superuser_dsn, west.server.superuser_dsn, region=east.name, peer=west.name)
    finally:
        await execute(east.server, f"UPDATE slot SET region = '{west.name}' WHERE slot = {slot}")


async def test_a_region_knows_when_it_has_copied_what_its_peer_had(regions: list[Region]) -> None:
    """Before that it could accept a key anew that the peer has accepted."""
    east, west = regions

    assert await east.own.is_copied(west.name)
    assert not await east.own.is_copied(RegionId("euw1"))


async def test_two_regions_that_both_believe_to_own_a_slot_double_a_key_under_one_identity(
    regions: list[Region],
) -> None:
    """The control: without one home for a key, replication alone cannot refuse; but the ids show that it is one."""
    east, west = regions
    key = key_at(west.name, "TWICE")
    slot = new_payment(key).slot
    await execute(east.server, f"UPDATE slot SET region = '{east.name}' WHERE slot = {slot}")
    await execute(west.server, f"ALTER SUBSCRIPTION {subscription_of(west.name, east.name)} DISABLE")
    await execute(east.server, f"ALTER SUBSCRIPTION {subscription_of(east.name, west.name)} DISABLE")
    try:
        outcomes = [(await region.store.accept([new_payment(key)]))[0] for region in regions]
    finally:
        await execute(west.server, f"ALTER SUBSCRIPTION {subscription_of(west.name, east.name)} ENABLE")
        await execute(east.server, f"ALTER SUBSCRIPTION {subscription_of(east.name, west.name)} ENABLE")
        await execute(east.server, f"UPDATE slot SET region = '{west.name}' WHERE slot = {slot}")
    await until(lambda: _claimed(east.server, key), 2)
    await until(lambda: _claimed(west.server, key), 2)

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.CREATED] * 2
    assert len({outcome.payment.message_id for outcome in outcomes if outcome.payment}) == 1
    assert len({outcome.payment.payment_id for outcome in outcomes if outcome.payment}) == 1


@pytest.mark.parametrize("second_cents", [200, 100])
async def test_a_key_that_was_lost_and_came_again_with_another_amount_is_told_once_the_lost_region_is_back(
    regions: list[Region], second_cents: int
) -> None:
    """Nothing else says so: the ids are the same, and the rail's answer names no amount. Control: the same amount."""
    east, west = regions
    first = new_payment(key_at(east.name, f"LOSTKEY{second_cents}I"))
    second = replace(first, amount=Amount(second_cents), message=new_payment(first.idempotency_key).message)
    slots = await east.own.slot_map()
    assert slots is not None
    for one, other in ((east, west), (west, east)):
        await execute(one.server, f"ALTER SUBSCRIPTION {subscription_of(one.name, other.name)} DISABLE")
    taken = slots.moved([first.slot], to=west.name)
    try:
        kinds = [(await east.store.accept([first]))[0].kind]
        await west.own.adopt(taken)
        kinds.append((await west.store.accept([second]))[0].kind)
    finally:
        for one, other in ((east, west), (west, east)):
            await execute(one.server, f"ALTER SUBSCRIPTION {subscription_of(one.name, other.name)} ENABLE")
    told = []
    for region in regions:
        await until(partial(_number_of_events, region.store, first.payment_id), 2)
        await region.settle()
        observer = region.projector.observer
        assert isinstance(observer, RecordingObserver)
        told.append([each for each in observer.parks if each == first.payment_id])

    assert kinds == [AcceptKind.CREATED] * 2
    assert [bool(each) for each in told] == [second_cents != 100] * 2
    await give_back(regions, taken, {first.slot})


async def test_a_key_that_both_regions_get_at_the_same_moment_is_one_payment(regions: list[Region]) -> None:
    """Each accepts the keys of its own slots and no other: 300 keys, both regions at once, 300 claims."""
    keys = [f"BOTH{number}" for number in range(300)]
    barrier = asyncio.Barrier(2)
    kinds: dict[RegionId, list[AcceptKind]] = {}

    async def take(region: Region) -> None:
        await barrier.wait()
        batches = [keys[start : start + 50] for start in range(0, len(keys), 50)]
        answers = [await region.store.accept([new_payment(key) for key in batch]) for batch in batches]
        kinds[region.name] = [outcome.kind for outcome in chain.from_iterable(answers)]

    async with asyncio.TaskGroup() as group:
        for region in regions:
            group.create_task(take(region))

    for here, there in zip(*kinds.values(), strict=True):
        assert {here, there} == {AcceptKind.CREATED, AcceptKind.ELSEWHERE}
    for region in regions:
        claims = "(SELECT FROM claim WHERE idempotency_key LIKE 'BOTH%') AS both_regions"
        await until(partial(_count, region.server, claims), len(keys))


async def test_a_region_cannot_write_another_regions_rows(regions: list[Region]) -> None:
    """Not by a fault of ours, and not by hand: only what the other region replicates gets into its partitions."""
    east, west = regions
    as_west = PostgresStore(east.store._pool, region=west.name, vault=ClearVault(b"test"))
    key = key_at(west.name, "FOREIGN")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="region use1 does not write rows of region usw2"):
        await as_west.accept([new_payment(key)])

    assert await _claimed(east.server, key) == 0


async def test_each_region_sees_how_old_its_view_of_the_other_is(regions: list[Region]) -> None:
    """A time that is written every second, and replicated like any other row."""
    east, west = regions
    await west.settle()
    for second in range(3):
        await east.own.pulse(NOW + timedelta(seconds=second))

    async with asyncio.timeout(20):
        while (await west.own.pulses()).get(east.name) != NOW + timedelta(seconds=2):
            await asyncio.sleep(0.02)

    clock = VirtualClock(NOW + timedelta(seconds=5))
    assert await behind_s(west.own, east.name, clock) == 3.0
    freshness = Freshness(west.own, west.name, east.name, Alone(), lambda: True, clock)
    await freshness.look()
    assert freshness.stated() == (AsOf(west.name, clock.now(), 0.0), AsOf(east.name, NOW + timedelta(seconds=2), 3.0))


async def test_what_has_come_and_is_not_folded_is_not_said_to_be_known(regions: list[Region]) -> None:
    """A read would show it as it was: the other region is as old as the oldest such event, until it is folded."""
    east, west = regions
    clock = VirtualClock(NOW + timedelta(seconds=5))
    freshness = Freshness(west.own, west.name, east.name, Alone(), lambda: True, clock)
    await west.settle()
    [accepted] = await east.store.accept([new_payment(key_at(east.name, "FRESHNESS"))])
    assert accepted.payment is not None
    await east.own.pulse(NOW + timedelta(seconds=4))
    async with asyncio.timeout(20):
        while (await west.own.pulses()).get(east.name) != NOW:
            await asyncio.sleep(0.02)
    payment_id = accepted.payment.payment_id

    await freshness.look()
    unfolded, unseen = freshness.stated()[1], await west.store.load([payment_id])
    await west.settle()
    await freshness.look()
    folded_by_now, seen = freshness.stated()[1], await west.store.load([payment_id])

    assert (unfolded, unseen) == (AsOf(east.name, NOW, 5.0), {})
    assert folded_by_now == AsOf(east.name, NOW + timedelta(seconds=4), 1.0)
    assert (seen[payment_id].region, seen[payment_id].accepted_in) == (east.name, east.name)


async def test_what_the_rail_says_in_one_region_is_kept_for_the_other_until_it_has_applied_it(
    regions: list[Region],
) -> None:
    """Durable where it arrived, seen once in the other region, sealed on the way; a repeat adds nothing."""
    east, west = regions
    body = b"<FedNowOutgoing>an answer about a payment of the other region</FedNowOutgoing>"

    for _ in range(2):
        await east.own.hand_over(Rail.FEDNOW, body, at=NOW, came_by=None)
    await east.own.hand_over(Rail.FEDNOW, b"<the last/>", at=NOW, came_by=None)
    await until(lambda: _count(west.server, "handed_over_due WHERE rail = 'fednow'"), 2)
    waiting = await west.own.handed_over(Rail.FEDNOW, NOW, limit=10)
    await west.own.applied([each.position for each in waiting])

    assert [each.body for each in waiting] == [body, b"<the last/>"]
    assert {each.at for each in waiting} == {NOW}, "when it came to the other region"
    assert await west.own.handed_over(Rail.RTP, NOW, limit=10) == []
    assert await west.own.handed_over(Rail.FEDNOW, NOW, limit=10) == []
    assert await east.own.handed_over(Rail.FEDNOW, NOW, limit=10) == []


async def test_what_the_rail_says_goes_to_and_fro_while_its_slot_moves(regions: list[Region]) -> None:
    """The same bytes, there and back and there again: each time they are seen, once, however often it is tried."""
    body, came_by = b"<a message that both regions believe to be the other's/>", None
    for here, there in [regions, regions[::-1]] * 2:
        for _ in range(2):
            await here.own.hand_over(Rail.FEDNOW, body, at=NOW, came_by=came_by)
        await until(partial(_count, there.server, "handed_over_due WHERE rail = 'fednow'"), 1)
        (waiting,) = await there.own.handed_over(Rail.FEDNOW, NOW, limit=10)
        await there.own.applied([waiting.position])
        came_by = str(waiting.position)

        assert waiting.body == body


async def test_the_state_of_replication_is_shown_with_what_is_wrong(regions: list[Region]) -> None:
    """Sound: no faults. With a guard taken away and the way cut: each is named, with its remedy."""
    east, west = regions
    sound = await until_sound(east)

    await execute(east.server, f"DROP TRIGGER refuse_foreign_rows ON claim_{west.name}")
    await execute(east.server, f"ALTER SUBSCRIPTION {subscription_of(east.name, west.name)} DISABLE")
    await execute(east.server, f"ALTER PUBLICATION {PUBLICATION} DROP TABLE refusal_{east.name}")
    broken = await status(east.server.superuser_dsn, region=east.name, peer=west.name)
    await prepare(east.server.superuser_dsn, region=east.name, peer=west.name)
    await join(east.server.superuser_dsn, west.server.superuser_dsn, region=east.name, peer=west.name)
    await join(west.server.superuser_dsn, east.server.superuser_dsn, region=west.name, peer=east.name)
    mended = await until_sound(east)

    assert [*sound[0].faults, *sound[1].faults, *mended[0].faults, *mended[1].faults] == []
    assert any("fifteen region init" in fault for fault in broken[0].faults)
    assert any("switched off" in fault for fault in broken[1].faults)
    assert any("guarded" in fault for fault in broken[1].faults)


async def test_a_right_that_the_peer_needs_here_and_has_not_is_named_with_its_remedy(regions: list[Region]) -> None:
    """Without it nothing is copied, and only the other region's log would say why."""
    east, west = regions
    asked = partial(status, east.server.superuser_dsn, region=east.name, peer=west.name, follower=FOLLOWER.name)
    sound = (await asked())[0].faults
    try:
        await execute(east.server, f"REVOKE SELECT ON rail_event_{east.name}, slot FROM fifteen_replication")
        lacking = (await asked())[0].faults
    finally:
        await prepare(east.server.superuser_dsn, region=east.name, peer=west.name)
    mended = (await asked())[0].faults
    await execute(east.server, f"REVOKE fifteen_replication FROM {FOLLOWER.name}")
    no_member = (await asked())[0].faults
    await execute(east.server, f"GRANT fifteen_replication TO {FOLLOWER.name}")
    nobody, _ = await status(east.server.superuser_dsn, region=east.name, peer=west.name, follower="nobody")

    assert (sound, mended) == ([], [])
    assert [f"may not use rail_event_{east.name}, slot: fifteen region init" in each for each in lacking] == [True]
    more = f"and {len(REPLICATED)} more: "  # three are named; beside the tables: the database, `slot`, `region_pulse`
    assert [more in each and "GRANT that to it" in each for each in no_member] == [True], no_member
    assert nobody.faults == ["there is no role nobody, as which the peer follows: fifteen region init"]


async def test_a_right_that_is_missing_in_the_peers_database_is_asked_for_there(regions: list[Region]) -> None:
    """Not this region's owner is to be given more: the role that the peer is followed as is."""
    east, west = regions
    await execute(east.server, "REVOKE SELECT ON slot FROM fifteen_replication")
    try:
        with pytest.raises(ReplicationError, match=r"in the peer's database: .*slot.* that FIFTEEN_PEER_DATABASE_URL"):
            await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)
    finally:
        await prepare(east.server.superuser_dsn, region=east.name, peer=west.name)

    again = await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)
    assert again == "refreshed"


async def until_sound(region: Region) -> tuple[Outward, Inward]:
    """The state of a region's replication once it has none of the faults that pass."""
    peer = next(name for name in REGIONS if name != region.name)
    async with asyncio.timeout(20):
        while True:
            await region.settle()
            found = await status(region.server.superuser_dsn, region=region.name, peer=peer)
            if not [*found[0].faults, *found[1].faults]:
                return found
            await asyncio.sleep(0.05)


async def test_a_region_whose_slot_was_lost_is_copied_anew(regions: list[Region]) -> None:
    """WAL is not kept for ever for a peer that stays away: its slot is given up, that is seen, and mended."""
    east, west = regions
    name = subscription_of(west.name, east.name)
    await execute(west.server, f"ALTER SUBSCRIPTION {name} DISABLE")
    missed = key_at(east.name, "MISSED")
    try:
        await keep_wal(east.server, "1MB")
        await east.store.accept([new_payment(missed)])
        async with asyncio.timeout(30):
            while (await status(east.server.superuser_dsn, region=east.name, peer=west.name))[0].wal_status != "lost":
                await execute(east.server, "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 20000000))")
                await execute(east.server, "SELECT pg_switch_wal()")
                await execute(east.server, "CHECKPOINT")
        lost, _ = await status(east.server.superuser_dsn, region=east.name, peer=west.name)
        retained = {each.slot: each for each in await east.own.retention(west.name)}
    finally:
        await keep_wal(east.server, "4GB")
    sound = {each.slot: each for each in await west.own.retention(east.name)}

    done = await join(west.server.superuser_dsn, east.server.superuser_dsn, region=west.name, peer=east.name, anew=True)
    await until(lambda: _claimed(west.server, missed), 1)
    await until_sound(east)
    await west.settle()

    assert any("--anew" in fault for fault in lost.faults)
    assert retained[name].is_lost
    other = sound[subscription_of(east.name, west.name)]
    assert (other.is_lost, other.kept_bytes < other.left_bytes < math.inf) == (False, True)
    assert done == "copied anew"
    for fact in ("claim", "payment", "payment_event", "message"):
        copied, own = f"{fact}_{east.name}", f"{fact}_{east.name}"
        await until(partial(_count, west.server, copied), await _count(east.server, own))


async def test_a_regions_trail_is_verified_in_the_other_region(regions: list[Region]) -> None:
    """Chain, numbers of transactions and seals are replicated as they are: the other region is a second witness.

    Only the region that wrote seals: the other's transactions have numbers of their own.
    """
    east, west = regions
    keys = [key_at(east.name, f"TRAIL{number}X") for number in range(5)]
    await east.store.accept([new_payment(key) for key in keys])
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


async def test_a_copy_that_has_what_the_peer_has_lost_is_not_dropped(regions: list[Region]) -> None:
    """A peer that was restored from before: its only rows may be here."""
    east, west = regions
    key = key_at(east.name, "ONLYCOPY")
    await east.store.accept([new_payment(key)])
    await until(lambda: _claimed(west.server, key), 1)
    await execute(east.server, f"ALTER PUBLICATION {PUBLICATION} SET (publish = 'insert, update')")
    await execute(east.server, f"DELETE FROM claim WHERE idempotency_key = '{key}'")

    await east.store.accept([new_payment(key_at(east.name, f"SINCE{number}")) for number in range(3)])

    with pytest.raises(ReplicationError, match=f"claim of region use1 has {TENANT} {key} here and not there"):
        await join(west.server.superuser_dsn, east.server.superuser_dsn, region=west.name, peer=east.name, anew=True)

    assert await _claimed(west.server, key) == 1
    assert (await status(west.server.superuser_dsn, region=west.name, peer=east.name))[1].is_enabled


async def test_a_copy_that_nothing_continues_is_not_copied_into(regions: list[Region]) -> None:
    """Every row that is there already would stop the copying, again and again."""
    east, west = regions
    name, key = subscription_of(west.name, east.name), key_at(east.name, "COPIED")
    await east.store.accept([new_payment(key)])
    await until(lambda: _claimed(west.server, key), 1)
    await execute(west.server, f"ALTER SUBSCRIPTION {name} DISABLE")
    await execute(west.server, f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
    await execute(west.server, f"DROP SUBSCRIPTION {name}")

    with pytest.raises(ReplicationError, match="fifteen region join --anew"):
        await join(west.server.superuser_dsn, east.server.superuser_dsn, region=west.name, peer=east.name)


async def test_subscriptions_that_make_their_slots_themselves_wait_for_one_another(regions: list[Region]) -> None:
    """The control of both joining at once: a slot begins when all that is under way at its server has ended.

    A transaction that is open at both servers has both statements wait; when it ends, they have each other left.
    """

    async def subscribed(here: Region, there: Region) -> None:
        connection = await asyncpg.connect(here.server.superuser_dsn)
        try:
            await connection.execute("SET statement_timeout = '1500ms'")
            await connection.execute(
                f"CREATE SUBSCRIPTION inside CONNECTION '{there.server.superuser_dsn}' PUBLICATION {PUBLICATION} "
                f"WITH (slot_name = inside_{here.name}, enabled = false)"
            )
        finally:
            await connection.close()

    async with AsyncExitStack() as stack:
        for region in regions:
            under_way = await asyncpg.connect(region.server.superuser_dsn)
            stack.push_async_callback(under_way.close)
            await under_way.execute("BEGIN; SELECT pg_current_xact_id()")
        east, west = (asyncio.ensure_future(subscribed(*pair)) for pair in (regions, regions[::-1]))
        for region in regions:
            await until(partial(_count, region.server, "pg_replication_slots WHERE slot_name LIKE 'inside%'"), 1)
    outcomes = await asyncio.gather(east, west, return_exceptions=True)

    assert any(isinstance(outcome, asyncpg.QueryCanceledError) for outcome in outcomes), outcomes
    for region in regions:
        if await _count(region.server, "pg_subscription WHERE subname = 'inside'"):
            await execute(region.server, "ALTER SUBSCRIPTION inside SET (slot_name = NONE)")
            await execute(region.server, "DROP SUBSCRIPTION inside")
    for region in regions:
        drop = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'inside%'"
        await execute(region.server, drop)


async def test_a_slot_by_which_nothing_here_follows_is_not_taken(regions: list[Region]) -> None:
    """It may be of another database of this region; where it is what a broken attempt has left, the text says how."""
    east, west = regions
    name = subscription_of(west.name, east.name)
    await forget_the_copy(west, east)

    with pytest.raises(ReplicationError, match=f"the peer has a slot {name}, by which nothing here follows"):
        await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)

    await execute(east.server, f"SELECT pg_drop_replication_slot('{name}')")
    done = await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)
    assert done == "subscribed"


async def forget_the_copy(here: Region, there: Region) -> None:
    """Follow no more, keep nothing of what was copied, and leave the slot as it is."""
    name = subscription_of(here.name, there.name)
    if await _count(here.server, f"pg_subscription WHERE subname = '{name}'"):
        for statement in ("ALTER {} DISABLE", "ALTER {} SET (slot_name = NONE)", "DROP {}"):
            await execute(here.server, statement.format(f"SUBSCRIPTION {name}"))
    await execute(here.server, f"TRUNCATE {', '.join(f'{table.name}_{there.name}' for table in REPLICATED)}")


async def test_a_subscription_that_was_made_and_whose_answer_was_lost_keeps_its_slot(regions: list[Region]) -> None:
    """The server waits for a standby that there is not, and the connection is ended then: it has committed.

    Its slot is what it follows by. Where that is gone all the same, the next attempt does not say that all is well.
    """
    east, west = regions
    name = subscription_of(west.name, east.name)
    followed = f"pg_replication_slots WHERE slot_name = '{name}' AND active"
    drop = f"SELECT pg_drop_replication_slot('{name}')"
    waiting = "pg_stat_activity WHERE query LIKE 'CREATE SUBSCRIPTION%' AND wait_event = 'SyncRep'"
    await forget_the_copy(west, east)
    await execute(east.server, drop)
    await execute(west.server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await execute(west.server, "SELECT pg_reload_conf()")
    try:
        joining = asyncio.create_task(
            join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)
        )
        await until(partial(_count, west.server, waiting, is_superuser=True), 1)
        await execute(west.server, f"SELECT pg_terminate_backend(pid) FROM {waiting}")
        with pytest.raises(ReplicationError):
            await joining
    finally:
        await execute(west.server, "ALTER SYSTEM RESET synchronous_standby_names")
        await execute(west.server, "SELECT pg_reload_conf()")
    again = await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)
    await until(partial(_count, east.server, followed), 1)
    await execute(west.server, f"ALTER SUBSCRIPTION {name} DISABLE")
    await until(partial(_count, east.server, followed), 0)
    await execute(east.server, drop)

    assert again == "refreshed"
    with pytest.raises(ReplicationError, match=f"the peer has no slot {name}.*--anew"):
        await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)

    await forget_the_copy(west, east)
    done = await join(west.server.superuser_dsn, followed_at(east.server), region=west.name, peer=east.name)
    assert done == "subscribed"
