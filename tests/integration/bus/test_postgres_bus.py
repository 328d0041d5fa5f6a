"""What is particular to the bus on PostgreSQL: leases, order, concurrent publishers, durability."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

import asyncpg
import pytest

from adapters.postgres.bus_statements import BusDatabase, GivenBack
from adapters.postgres.connection import open_pool
from adapters.postgres.server import EmbeddedPostgres
from gateway.service.ports import DeadLetterReason, Delivery, OutboundDelivery, Queue, UnroutableError
from tests.fakes.clock import VirtualClock
from tests.integration.bus.harness import (
    DELIVERY_LIMIT,
    LEASE_S,
    Observed,
    PostgresStand,
    create_tables,
    empty_tables,
    eventually,
    outbound,
    postgres_bus,
    until_depth,
)

VALUE: Final = Queue.FEDNOW_OUT_VALUE
LEASE: Final = timedelta(seconds=5)


@pytest.fixture
async def pool(postgres_stand: PostgresStand, bus_postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Pool]:
    """Connections as the application, to empty tables."""
    async with open_pool(bus_postgres.application_dsn) as pool:
        yield pool


@pytest.fixture
def clock() -> VirtualClock:
    """Time that only the test moves."""
    return VirtualClock()


@pytest.fixture
async def database(pool: asyncpg.Pool, clock: VirtualClock) -> BusDatabase:
    """The bus's statements, with the queues declared."""
    database = BusDatabase(pool, clock, delivery_limit=DELIVERY_LIMIT)
    await database.declare(tuple(Queue))
    return database


async def claim(database: BusDatabase, deliveries_max: int = 10) -> list[Delivery]:
    return await database.claim(VALUE, deliveries_max=deliveries_max, lease=LEASE)


async def test_a_lease_keeps_others_away_until_it_ends(database: BusDatabase, clock: VirtualClock) -> None:
    """A delivery belongs to one consumer at a time; that of a dead consumer comes back when its lease is over."""
    await database.publish(outbound(1))
    [first] = await claim(database)

    clock.advance(4.9)
    during = await claim(database)
    clock.advance(0.1)
    [second] = await claim(database)

    assert during == []
    assert (second.delivery_id, second.attempt) == (first.delivery_id, 2)


async def test_a_renewed_lease_lasts_longer(database: BusDatabase, clock: VirtualClock) -> None:
    """Whoever still works keeps what it has. The control is the test above: not renewed, the lease ends."""
    await database.publish(outbound(1))
    held = await claim(database)
    clock.advance(4)

    await database.renew(held, lease=LEASE)

    clock.advance(4.9)
    assert await claim(database) == []
    clock.advance(0.1)
    assert len(await claim(database)) == 1


async def test_who_has_lost_a_lease_can_neither_renew_it_nor_give_it_back(
    database: BusDatabase, clock: VirtualClock
) -> None:
    """A consumer that wakes from a long pause must not disturb the one that has its delivery now."""
    await database.publish(outbound(1))
    [lost] = await claim(database)
    clock.advance(5)
    [current] = await claim(database)

    await database.give_back([GivenBack(lost, attempts=0, fault="late", pause=timedelta(0))])
    clock.advance(4)
    await database.renew([lost], lease=LEASE)

    assert await claim(database) == []
    clock.advance(1)
    [after] = await claim(database)
    assert after.attempt == current.attempt + 1


async def test_what_is_given_back_rests_before_it_is_handed_out_again(
    database: BusDatabase, clock: VirtualClock
) -> None:
    """A fault that lasts must not burn all attempts in a moment."""
    await database.publish(outbound(1))
    [held] = await claim(database)

    await database.give_back([GivenBack(held, attempts=1, fault="a fault", pause=timedelta(seconds=2))])

    clock.advance(1.9)
    assert await claim(database) == []
    clock.advance(0.1)
    assert [delivery.attempt for delivery in await claim(database)] == [2]


async def test_a_delivery_that_kills_every_consumer_becomes_a_dead_letter(
    database: BusDatabase, clock: VirtualClock
) -> None:
    """Nobody is left to report such a delivery: the next claim puts it aside."""
    [poison] = outbound(1)
    await database.publish([poison])

    attempts = []
    for _ in range(DELIVERY_LIMIT + 1):
        attempts += [delivery.attempt for delivery in await claim(database)]
        clock.advance(5)

    async with database.take_dead_letters(limit=10) as letters:
        [letter] = letters
    assert attempts == list(range(1, DELIVERY_LIMIT + 1))
    assert letter.delivery.delivery_id == poison.delivery_id
    assert (letter.reason, letter.fault) == (DeadLetterReason.CONSUMER_DIED, None)
    assert await database.depth(VALUE) == 0


async def test_a_dead_letter_of_a_dead_consumer_keeps_what_a_handler_raised_before(
    database: BusDatabase, clock: VirtualClock
) -> None:
    """The last thing that is known of a delivery is worth more than nothing."""
    await database.publish(outbound(1))
    [held] = await claim(database)
    await database.give_back([GivenBack(held, attempts=DELIVERY_LIMIT - 1, fault="ValueError: first")])

    await claim(database)
    clock.advance(5)
    await claim(database)

    async with database.take_dead_letters(limit=10) as letters:
        [letter] = letters
    assert (letter.reason, letter.fault) == (DeadLetterReason.CONSUMER_DIED, "ValueError: first")


async def test_a_dead_letter_that_a_former_revision_wrote_keeps_its_sentence(
    database: BusDatabase, pool: asyncpg.Pool
) -> None:
    """Its reason was a sentence; while old and new workers run side by side, both kinds are read."""
    [poison] = outbound(1)
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO bus_dead_letter (delivery_id, queue, payment_id, deadline_at, published_at, dead_at, attempt, "
            "reason) VALUES ($1, $2, $1, $3, $3, $3, 10, 'handed out 10 times: ValueError: x')",
            *(poison.delivery_id, poison.queue, poison.deadline_at),
        )

    async with database.take_dead_letters(limit=10) as letters:
        [letter] = letters

    assert (letter.reason, letter.fault) == (DeadLetterReason.HANDLER_FAILED, "handed out 10 times: ValueError: x")


async def test_two_collectors_share_dead_letters_and_neither_waits(database: BusDatabase, clock: VirtualClock) -> None:
    """Every worker runs one: what one has in hand is not shown to another."""
    await database.publish(outbound(4))
    held = await claim(database)
    await database.give_back([GivenBack(each, attempts=DELIVERY_LIMIT, fault="ValueError") for each in held])

    async with database.take_dead_letters(limit=2) as first, database.take_dead_letters(limit=10) as second:
        pass

    assert (len(first), len(second)) == (2, 2)
    assert len({letter.delivery.delivery_id for letter in (*first, *second)}) == 4


async def test_the_earliest_deadline_goes_first(database: BusDatabase) -> None:
    """What has least time left is taken first, whenever it was published."""
    published = [outbound(1, deadline_in_s=seconds)[0] for seconds in (30, 10, 20, 5)]
    await database.publish(published)

    first = await claim(database, deliveries_max=2)
    rest = await claim(database, deliveries_max=2)

    by_deadline = sorted(published, key=lambda delivery: delivery.deadline_at)
    assert [delivery.delivery_id for delivery in first + rest] == [delivery.delivery_id for delivery in by_deadline]


async def test_a_handler_that_outlasts_its_lease_keeps_its_delivery(pool: asyncpg.Pool) -> None:
    """The consumer renews what its handlers are working on, so that slow work is not done twice."""
    taken: list[Delivery] = []

    async def work_slowly(delivery: Delivery) -> None:
        taken.append(delivery)
        await asyncio.sleep(LEASE_S * 2.5)

    bus = postgres_bus(pool)
    await bus.declare()
    await bus.publish(outbound(1))
    async with (
        bus.consume(VALUE, work_slowly, prefetch=2, concurrency=2),
        bus.consume(VALUE, work_slowly, prefetch=2, concurrency=2),
    ):
        await until_depth(bus, VALUE, 0)

    assert len(taken) == 1


async def test_what_a_leaving_consumer_cannot_finish_is_given_back_at_once(pool: asyncpg.Pool) -> None:
    """A shutdown waits for its handlers so long and no longer, and nobody has to wait for the lease."""
    taken: list[int] = []

    async def never_end(delivery: Delivery) -> None:
        taken.append(delivery.attempt)
        await asyncio.Event().wait()

    async def end(delivery: Delivery) -> None:
        taken.append(delivery.attempt)

    bus = postgres_bus(pool, drain_s=0.1, lease_s=60.0)
    await bus.declare()
    await bus.publish(outbound(1))
    async with bus.consume(VALUE, never_end, prefetch=1, concurrency=1):
        await eventually(lambda: taken == [1])
    async with bus.consume(VALUE, end, prefetch=1, concurrency=1):
        await eventually(lambda: taken == [1, 2], within_s=2.0)


async def test_faults_are_told_to_the_observer(pool: asyncpg.Pool) -> None:
    """The bus goes on by itself after a fault; that it happened must be seen."""
    handled = asyncio.Event()

    async def fail_once(delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise ValueError("once")
        handled.set()

    observed = Observed()
    bus = postgres_bus(pool, observer=observed)
    await bus.declare()
    await bus.publish(outbound(1))
    async with bus.consume(VALUE, fail_once, prefetch=1, concurrency=1), asyncio.timeout(5):
        await handled.wait()

    assert [(where, str(error)) for where, error in observed.faults] == [(f"bus {VALUE}: handler", "once")]
    assert observed.taken[VALUE] == 2
    assert observed.active == set(), "a consumer that has left says so"


async def test_the_check_fails_before_any_queue_is_declared(pool: asyncpg.Pool) -> None:
    """A bus that can take nothing must not call itself ready."""
    bus = postgres_bus(pool)

    with pytest.raises(UnroutableError, match="declared"):
        await bus.check()
    await bus.declare()

    await bus.check()


async def test_publishers_of_the_same_deliveries_in_any_order_do_not_block_each_other(pool: asyncpg.Pool) -> None:
    """Relays may repeat each other's batches: rows are written in one order everywhere."""
    deliveries = outbound(4_000)
    bus = postgres_bus(pool)
    await bus.declare()

    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            group.create_task(bus.publish(deliveries))
            group.create_task(bus.publish(deliveries[::-1]))
        assert await bus.depth(VALUE) == len(deliveries)
        async with pool.acquire() as connection:
            await connection.execute("DELETE FROM bus_delivery")


async def test_control_rows_written_in_two_orders_deadlock(pool: asyncpg.Pool) -> None:
    """Without the one order PostgreSQL breaks one of two publishers off: the test above can fail."""
    first, second = outbound(2)
    statement = (
        "INSERT INTO bus_delivery (delivery_id, queue, payment_id, deadline_at, published_at, available_at, attempt) "
        "VALUES ($1, 'x', $1, $2, $2, $2, 0) ON CONFLICT DO NOTHING"
    )

    both_hold_one = asyncio.Barrier(2)
    deadlocks: list[str] = []

    async def insert_both(one: OutboundDelivery, other: OutboundDelivery) -> None:
        try:
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(statement, one.delivery_id, one.deadline_at)
                await both_hold_one.wait()
                await connection.execute(statement, other.delivery_id, other.deadline_at)
        except asyncpg.DeadlockDetectedError as error:
            deadlocks.append(str(error))

    async with asyncio.TaskGroup() as group:
        group.create_task(insert_both(first, second))
        group.create_task(insert_both(second, first))

    assert len(deadlocks) == 1


async def test_control_without_synchronous_commit_a_kill_loses_what_was_published(
    postgres_stand: PostgresStand, bus_postgres: EmbeddedPostgres
) -> None:
    """The setting that the pool insists on is what keeps a confirmed delivery through a kill of the server."""
    lost = 0

    off = {"synchronous_commit": "off"}
    for _ in range(5):
        async with asyncpg.create_pool(bus_postgres.application_dsn, min_size=1, server_settings=off) as pool:
            bus = postgres_bus(pool)
            await bus.declare()
            deliveries = outbound(50)
            await bus.publish(deliveries)
            bus_postgres.kill()
            await asyncio.to_thread(bus_postgres.start)
            lost = len(deliveries) - await bus.depth(VALUE)
        if lost:
            break
        await empty_tables(bus_postgres.owner_dsn)

    assert lost > 0


async def test_the_tables_can_be_made_by_the_owner_and_used_by_the_application_only(
    bus_postgres: EmbeddedPostgres, pool: asyncpg.Pool
) -> None:
    """The application may use the bus's tables and cannot change what they are."""
    with pytest.raises(asyncpg.DuplicateTableError):
        await create_tables(bus_postgres.owner_dsn)

    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("ALTER TABLE bus_delivery ADD COLUMN more text")
