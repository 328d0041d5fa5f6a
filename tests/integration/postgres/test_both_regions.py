"""What is acknowledged only when both regions have it, on two real servers: never without the other's word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.replication.follow import catch_up, join
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.system import SystemClock
from gateway.domain.payment import IdempotencyKey
from gateway.domain.regions import SlotMap
from gateway.service.both_regions import FOLLOWED_WITHIN_S, BothRegions, PeerFence
from gateway.service.ports import NotInBothError, NotServingError, UnavailableError
from gateway.service.steer import announce, begin, fence
from tests.fakes.witness import InMemoryWitness
from tests.integration.postgres.test_two_regions import (
    REGIONS,
    TENANT,
    execute,
    followed_at,
    key_at,
    new_payment,
    servers,
)

__all__ = ["servers"]

EAST, WEST = REGIONS


@pytest.fixture
async def pair(servers: list[EmbeddedPostgres]) -> list[EmbeddedPostgres]:
    """The two servers, both up; a test may stop them."""
    for server in servers:
        await asyncio.to_thread(server.start)
    return servers


@dataclass(slots=True)
class Both:
    """The eastern region as its gateway sees it, and what the western one has."""

    store: PostgresStore
    east: PostgresRegions
    west: PostgresRegions
    both: BothRegions
    witness: InMemoryWitness
    servers: list[EmbeddedPostgres]

    async def accept(self, key: str) -> None:
        """Accept as the intake does: a prospect, the commit, and the word of the other region."""
        self.both.demand(TENANT)
        await self.store.accept([new_payment(key)])
        await self.both.wait(TENANT, IdempotencyKey(key))

    async def repeated(self, key: str) -> None:
        """Submit it as a client does, until it is acknowledged."""
        async with asyncio.timeout(20):
            while True:
                try:
                    return await self.accept(key)
                except UnavailableError:
                    await self.west.pulse(SystemClock().now())

    async def is_in_the_west(self, key: str) -> bool:
        """Whether the other region's database has the claim."""
        connection = await asyncpg.connect(self.servers[1].owner_dsn)
        try:
            return bool(await connection.fetchval("SELECT count(*) FROM claim WHERE idempotency_key = $1", key))
        finally:
            await connection.close()

    async def ready(self) -> None:
        """Wait until acceptances are possible; the western worker says every second that its copy is complete."""
        async with asyncio.timeout(20):
            while True:
                await self.west.pulse(SystemClock().now())
                await asyncio.sleep(0.05)
                try:
                    return self.both.demand(TENANT)
                except NotServingError:
                    continue


@asynccontextmanager
async def followed(servers: list[EmbeddedPostgres]) -> AsyncIterator[Both]:
    """Both regions' parts; the loops of the eastern gateway run, as often again as they fail."""
    clock, witness = SystemClock(), InMemoryWitness()
    await begin(witness, REGIONS, lease_s=10, held=None, is_first=True)
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(open_pool(server.application_dsn)) for server in servers]
        east, west = (
            PostgresRegions(pool, region=name, vault=ClearVault(b"test"))
            for pool, name in zip(pools, REGIONS, strict=True)
        )
        for region in (east, west):
            if await region.slot_map() is None:
                await region.adopt(SlotMap.first(REGIONS))
        both = BothRegions(east, EAST, WEST, clock, PeerFence(witness, WEST, clock), lambda _tenant: True, 1.0)
        store = PostgresStore(pools[0], region=EAST, vault=ClearVault(b"test"))

        async def again() -> None:
            while True:
                try:
                    await both.run()
                except UnavailableError:
                    await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(again()), group.create_task(both.fence.run())]
            world = Both(store, east, west, both, witness, servers)
            await world.ready()
            yield world
            for loop in loops:
                loop.cancel()


async def test_what_is_acknowledged_is_in_the_other_region_and_without_the_wait_it_may_not_be(
    pair: list[EmbeddedPostgres],
) -> None:
    """RPO 0: of a peer that is away nobody's payment is acknowledged. The control is committed here alone, and lost."""
    acknowledged = [key_at(EAST, f"BOTH{number}X") for number in range(20)]
    unknown, control = key_at(EAST, "UNKNOWN"), key_at(EAST, "CONTROL")
    async with followed(pair) as world:
        await asyncio.gather(*(world.accept(key) for key in acknowledged))
        await asyncio.to_thread(pair[1].stop)

        with pytest.raises(NotInBothError):
            await world.accept(unknown)
        with pytest.raises(NotInBothError):
            await world.both.wait(TENANT, IdempotencyKey(unknown))  # a repeat finds the claim, and is not told either
        await world.store.accept([new_payment(control)])
        await asyncio.to_thread(pair[0].stop)
        await asyncio.to_thread(pair[1].start)

        assert all([await world.is_in_the_west(key) for key in acknowledged])
        assert not await world.is_in_the_west(control)
        await asyncio.to_thread(pair[0].start)
        await world.repeated(unknown)
        assert await world.is_in_the_west(unknown)
        assert await world.is_in_the_west(control)  # it comes back with its region


async def test_a_region_goes_on_alone_once_the_other_is_fenced_off_and_until_that_is_to_return(
    pair: list[EmbeddedPostgres],
) -> None:
    """A region that is fenced off takes nobody over; before it is let in it has what was accepted alone."""
    refused, alone, between = (key_at(EAST, name) for name in ("REFUSED", "FENCED", "BETWEEN"))
    async with followed(pair) as world:
        await asyncio.to_thread(pair[1].stop)
        async with asyncio.timeout(10):
            while world.both.unconfirmed_s < FOLLOWED_WITHIN_S:
                await world.east.pulse(SystemClock().now())  # as a worker does every second
                await asyncio.sleep(0.05)
        with pytest.raises(NotServingError):  # seen by now: nothing is begun
            await world.accept(refused)

        await fence(world.witness, WEST, by=EAST, clock=SystemClock())
        await world.both.fence.look()
        await world.accept(alone)
        await announce(world.witness, WEST)
        await world.both.fence.look()
        with pytest.raises(NotInBothError):  # it is waited for, as its word may be on the way
            await world.accept(between)

        await asyncio.to_thread(pair[1].start)
        async with asyncio.timeout(20):
            await catch_up(pair[0].superuser_dsn, region=WEST, peer=EAST)
        assert await world.is_in_the_west(alone)
        assert not await world.is_in_the_west(refused)


async def test_a_peer_that_is_copying_anew_confirms_what_it_does_not_have_and_is_not_believed(
    pair: list[EmbeddedPostgres],
) -> None:
    """Its subscription goes on while a table is being copied: PostgreSQL's own synchronous mode would believe it."""
    held, there = key_at(EAST, "COPYING"), key_at(EAST, "COPIED")
    async with followed(pair) as world, _copy_held_up(pair[1]):
        await join(pair[1].superuser_dsn, followed_at(pair[0]), region=WEST, peer=EAST, anew=True)

        await world.store.accept([new_payment(held)])
        await world.west.pulse(SystemClock().now())
        async with asyncio.timeout(20):
            await catch_up(pair[0].superuser_dsn, region=WEST, peer=EAST)
        with pytest.raises(NotInBothError):
            await world.both.wait(TENANT, IdempotencyKey(held))

        assert not await world.is_in_the_west(held)
    async with followed(pair) as world:
        await world.accept(there)
        assert await world.is_in_the_west(there)
        assert await world.is_in_the_west(held)


@asynccontextmanager
async def _copy_held_up(server: EmbeddedPostgres) -> AsyncIterator[None]:
    """Have the copy of one table wait for as long as the context lasts."""
    await execute(
        server,
        """
        CREATE FUNCTION held_up() RETURNS TRIGGER LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$;
        CREATE TRIGGER held_up BEFORE INSERT ON claim_use1 FOR EACH ROW EXECUTE FUNCTION held_up();
        ALTER TABLE claim_use1 ENABLE REPLICA TRIGGER held_up
        """,
    )
    holder = await asyncpg.connect(server.superuser_dsn)
    await holder.execute("SELECT pg_advisory_lock(4711)")
    try:
        yield
    finally:
        await holder.close()
        await execute(server, "DROP FUNCTION held_up CASCADE")
