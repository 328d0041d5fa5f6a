"""Whose a key is: what a store says of its home, in memory, in the simulation of two regions, and real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.store import PostgresStore
from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentId, Rail, RegionId
from gateway.domain.regions import SlotMap
from gateway.service.ports import AcceptKind, ElsewhereError, PaymentStore
from tests.conftest import REGION, Database
from tests.fakes.store import InMemoryStore
from tests.integration.store.harness import NOW, VAULT, accepted, decision, new_payment, renewed, saved
from tests.simulation.regions.store import RegionalStore

PEER: Final = RegionId("usw2")
OURS: Final = SlotMap.first([REGION])


class Standing:
    """A tenure that stands: as a region has that is not alone."""

    def demand(self) -> None:
        """Return."""


Adopt = Callable[[SlotMap], Awaitable[object]]
Opened = tuple[PaymentStore, Adopt]


@asynccontextmanager
async def _in_memory() -> AsyncIterator[Opened]:
    store = InMemoryStore()

    async def adopt(slots: SlotMap) -> None:
        store.homes = {slot: owner.region for slot, owner in enumerate(slots.owners) if owner.region != REGION}
        owners = [(slot, owner) for slot, owner in enumerate(slots.owners) if owner.region == REGION]
        store.taken_over = {slot: owner.ask_after for slot, owner in owners if owner.ask_after is not None}

    yield store, adopt


@asynccontextmanager
async def _simulated() -> AsyncIterator[Opened]:
    region = SimpleNamespace(
        name=REGION,
        scenario=SimpleNamespace(forwards_by_map=True),
        witness=lambda _: None,
        written=asyncio.Event(),
        incoming=SimpleNamespace(follow=lambda *, changed: changed),
    )
    store = RegionalStore(cast("Any", region))
    store.slots = OURS
    yield store, store.adopt


@asynccontextmanager
async def _postgres(database: Database) -> AsyncIterator[Opened]:
    async with open_pool(database.application_dsn) as pool:
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        await regions.adopt(OURS)
        yield PostgresStore(pool, region=REGION, vault=VAULT, tenure=Standing()), regions.adopt


@pytest.fixture(params=["memory", "simulated", "postgres"])
def stand(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Opened]:
    """A store that owns every slot, and what has it follow a map."""
    if request.param == "postgres":
        return _postgres(request.getfixturevalue("database"))
    return _in_memory() if request.param == "memory" else _simulated()


@pytest.fixture
async def opened(stand: AbstractAsyncContextManager[Opened]) -> AsyncIterator[Opened]:
    """It, open."""
    async with stand as found:
        yield found


async def test_a_key_is_elsewhere_while_its_slot_is_and_is_claimed_there_alone(opened: Opened) -> None:
    """The look that spares a forwarded submission the window, and the claim itself, say the same."""
    store, adopt = opened
    new = new_payment("key-1")
    away = OURS.moved([new.slot], to=PEER)

    await adopt(away)
    homes = [await store.home_elsewhere(new)]
    (refused,) = await store.accept([new])
    await adopt(away.moved([new.slot], to=REGION))
    homes.append(await store.home_elsewhere(new))
    (taken,) = await store.accept([new])

    assert homes == [PEER, None]
    assert (refused.kind, refused.home) == (AcceptKind.ELSEWHERE, PEER)
    assert taken.kind is AcceptKind.CREATED


async def test_of_a_key_elsewhere_nobody_says_that_it_is_free(opened: Opened) -> None:
    """Its home alone knows; what is claimed here is known here, wherever its slot has gone since."""
    store, adopt = opened
    known, free = new_payment("key-1"), new_payment("key-2")
    await store.accept([known])

    here = await store.find_claim(free)
    await adopt(OURS.moved([known.slot, free.slot], to=PEER))
    found = await store.find_claim(renewed(known, accepted_at=NOW))
    with pytest.raises(ElsewhereError) as elsewhere:
        await store.find_claim(free)

    assert here is None
    assert found is not None
    assert found.kind is AcceptKind.REPLAYED
    assert elsewhere.value.home == PEER


async def test_of_a_slot_that_was_taken_over_the_rail_is_asked_first_and_of_no_other(opened: Opened) -> None:
    """What a lost region has accepted under its keys is not known here; handed back, it is its owner's to ask."""
    store, adopt = opened
    new = new_payment("key-1")
    away = OURS.moved([new.slot], to=PEER)
    taken = away.taken_over(PEER, by=REGION, ask_after=NOW)

    found = [await store.asks_first(new)]
    for slots in (away, taken, taken.moved([new.slot], to=PEER)):
        await adopt(slots)
        found.append(await store.asks_first(new))

    assert found == [False, False, True, False]


async def test_whose_receiver_is_to_be_asked_is_listed_at_the_payments_home_alone(opened: Opened) -> None:
    """The other region has the same list, and its own to ask: here they would come first, and nothing be saved."""
    store, adopt = opened
    payment = await saved(store, await accepted(store), EventKind.SENDING_STARTED)
    acwp = decision(payment, EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED, status="ACWP")
    assert await store.save([acwp]) == [True]

    found = []
    for slots in (OURS, OURS.moved(range(len(OURS.owners)), to=PEER)):
        await adopt(slots)
        after, until = (NOW, PaymentId(UUID(int=0))), NOW + timedelta(hours=1)
        found.append([each.payment_id for each in await store.unposted(Rail.FEDNOW, after=after, until=until, limit=9)])

    assert found == [[payment.payment_id], []]
