"""Two regions on two servers, and one rail that brings transfers to either, or to both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol

import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.incoming_projection import PostgresTransferProjections
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.replication.connection import subscription_of
from adapters.postgres.replication.publish import prepare
from adapters.postgres.server import EmbeddedPostgres
from adapters.system import SystemClock, SystemIdentifiers
from gateway.domain.identity import incoming_slot_of
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Rail, RegionId
from gateway.domain.regions import LeaseTerms, SlotMap, SlotOwner
from gateway.service.both_regions import BothRegions, PeerFence
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.incoming.fold import TransferFold
from gateway.service.lease import lease_name
from gateway.service.ports import (
    Admitted,
    NewTransfer,
    NotHomeError,
    PartlyFaultyError,
    ProjectedTransfer,
    UnprojectedTransfer,
)
from gateway.service.regions import Projector, Pulse
from tests.fakes.clock import VirtualClock
from tests.fakes.incoming_rail import receiving_rail
from tests.fakes.witness import InMemoryWitness
from tests.integration.postgres.test_two_regions import REGIONS, execute, servers
from tests.integration.store.test_incoming_contract import NOW, new
from tests.unit.http.world import RecordingObserver

__all__ = ["servers"]

DELIVERIES: Final = 200
DECIDER: Final = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())


@dataclass(frozen=True, slots=True)
class Region:
    """One region, as far as it receives."""

    name: RegionId
    server: EmbeddedPostgres
    store: PostgresIncoming
    own: PostgresRegions
    projector: Projector[UnprojectedTransfer, ProjectedTransfer]

    async def until_known(self, transfer: IncomingTransfer, *, events: int) -> IncomingTransfer:
        """The transfer as it is seen here, once so many of its events have come, and are folded."""
        async with asyncio.timeout(20):
            while len(await self.store.events(transfer.payment_id)) < events:
                await asyncio.sleep(0.02)
        while await self.projector.project():
            pass
        return (await self.store.load([transfer.payment_id]))[transfer.payment_id]

    async def befalls(self, transfer: IncomingTransfer, *kinds: IncomingEvent) -> IncomingTransfer:
        """Save what befalls a transfer here, one after the other."""
        for kind in kinds:
            transfer = (await self.store.load([transfer.payment_id]))[transfer.payment_id]
            decision = DECIDER.decide(transfer, IncomingFact(kind), at=NOW + timedelta(seconds=1))
            assert await self.store.save([decision]) == [True]
        return (await self.store.load([transfer.payment_id]))[transfer.payment_id]


@pytest.fixture
async def regions(servers: list[EmbeddedPostgres]) -> AsyncIterator[list[Region]]:
    """The two regions, with the map that they begin with; a test that moves slots raises their epochs for good."""
    async with AsyncExitStack() as stack:
        found = []
        for name, server in zip(REGIONS, servers, strict=True):
            pool = await stack.enter_async_context(open_pool(server.application_dsn))
            own = PostgresRegions(pool, region=name, vault=ClearVault(b"test"))
            if await own.slot_map() is None:
                await own.adopt(SlotMap.first(REGIONS))
            projections = PostgresTransferProjections(pool, region=name)
            found.append(
                Region(
                    name,
                    server,
                    PostgresIncoming(pool, region=name, vault=ClearVault(b"test")),
                    own,
                    Projector(projections, TransferFold(DECIDER), VirtualClock(NOW), RecordingObserver()),
                )
            )
        yield found


def outcomes_of(error: PartlyFaultyError) -> list[type[object]]:
    """What became of each."""
    return [type(outcome) for outcome in error.outcomes]


async def at_home(region: Region, **changes: Any) -> NewTransfer:
    """A transfer whose home is this region by the map as it is."""
    slots = await region.own.slot_map()
    assert slots is not None
    while True:
        made = new(**changes)
        if slots.owners[made.slot].region == region.name:
            return made


async def admitted(region: Region) -> IncomingTransfer:
    """One that was admitted in its home."""
    (outcome,) = await region.store.admit([await at_home(region)])
    return outcome.transfer


class Placed(Protocol):
    """A region that has a server."""

    @property
    def name(self) -> RegionId:
        """Its name."""
        ...

    @property
    def server(self) -> EmbeddedPostgres:
        """Its database's server."""
        ...


@asynccontextmanager
async def not_following(regions: Sequence[Placed]) -> AsyncIterator[None]:
    """Neither region hears of the other meanwhile."""
    pairs = list(zip(regions, reversed(regions), strict=True))
    for one, other in pairs:
        await execute(one.server, f"ALTER SUBSCRIPTION {subscription_of(one.name, other.name)} DISABLE")
    try:
        yield
    finally:
        for one, other in pairs:
            await execute(one.server, f"ALTER SUBSCRIPTION {subscription_of(one.name, other.name)} ENABLE")


async def facts_of(region: Region, transfers: Sequence[NewTransfer]) -> int:
    """How many facts there are here of these transfers, whoever wrote them."""
    pool = region.store._pool
    ids = [each.payment_id for each in transfers]
    return int(await pool.fetchval("SELECT count(*) FROM incoming_transfer WHERE payment_id = ANY ($1)", ids))


async def test_a_transfer_that_both_regions_are_brought_at_the_same_moment_is_one(regions: list[Region]) -> None:
    """Each region admits those of its own slots and no other: so many deliveries, twice, and so many transfers."""
    transfers = [new() for _ in range(DELIVERIES)]
    barrier = asyncio.Barrier(2)

    async def bring(region: Region) -> list[object]:
        await barrier.wait()
        found: list[object] = []
        for start in range(0, DELIVERIES, 40):
            try:
                found += await region.store.admit(transfers[start : start + 40])
            except PartlyFaultyError as error:
                found += error.outcomes
        return found

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bring(region)) for region in regions]
    east, west = (task.result() for task in tasks)

    for here, there in zip(east, west, strict=True):
        assert {type(here), type(there)} == {Admitted, NotHomeError}
        assert next(each for each in (here, there) if isinstance(each, Admitted)).is_new
    for region in regions:
        async with asyncio.timeout(20):
            while await facts_of(region, transfers) < DELIVERIES:
                await asyncio.sleep(0.02)
        assert await facts_of(region, transfers) == DELIVERIES


async def test_two_regions_that_both_believe_to_own_a_slot_admit_one_transfer_twice(regions: list[Region]) -> None:
    """The control: without one home, replication alone refuses nothing; the two have one id, and so it shows."""
    east, west = regions
    transfer = await at_home(west)
    slot = f"slot = {transfer.slot}"
    async with not_following(regions):
        await execute(east.server, f"UPDATE slot SET region = '{east.name}' WHERE {slot}")
        outcomes = [(await region.store.admit([transfer]))[0] for region in regions]
        await execute(east.server, f"UPDATE slot SET region = '{west.name}' WHERE {slot}")

    assert [outcome.is_new for outcome in outcomes] == [True, True]
    for region in regions:
        async with asyncio.timeout(20):
            while await facts_of(region, [transfer]) < 2:
                await asyncio.sleep(0.02)


async def test_the_other_region_sees_a_transfer_as_its_home_does_and_decides_nothing_on_it(
    regions: list[Region],
) -> None:
    """Facts and events are replicated, the state is folded from them by the same decisions; timers stay at home."""
    east, west = regions
    transfer = await admitted(east)
    here = await east.befalls(
        transfer,
        IncomingEvent.ACCEPTANCE_DECIDED,
        IncomingEvent.ADVICE_OVERDUE,
        IncomingEvent.STATUS_REQUESTED,
        IncomingEvent.SETTLEMENT_ADVISED,
        IncomingEvent.POSTING_CONFIRMED,
    )

    there = await west.until_known(transfer, events=6)

    assert (there.state, there.answer, there.status_requests) == (IncomingState.POSTED, "ACTC", 1)
    assert there == replace(here, next_step_at=None, unsent_at=None)
    decision = DECIDER.decide(there, IncomingFact(IncomingEvent.RECEIVED_AGAIN), at=NOW)
    with pytest.raises(PartlyFaultyError) as refused:
        await west.store.save([decision])
    assert outcomes_of(refused.value) == [NotHomeError]
    easts = await at_home(east)
    with pytest.raises(PartlyFaultyError) as elsewhere:
        await west.store.admit([easts])
    assert outcomes_of(elsewhere.value) == [NotHomeError]


async def test_transfers_that_a_lost_region_had_are_taken_over_in_doubt_and_nothing_else_is_decided_before(
    regions: list[Region],
) -> None:
    """Undecided and accepted ones are asked about, not before the rail may be; what had settled is posted on."""
    east, west = regions
    undecided, accepted, settled = [await admitted(east) for _ in range(3)]
    await east.befalls(accepted, IncomingEvent.ACCEPTANCE_DECIDED)
    await east.befalls(settled, IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED)
    between, ended = [await admitted(east) for _ in range(2)]
    owed = (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_REFUSED)
    await east.befalls(between, *owed, IncomingEvent.RETURN_FAILED)
    await east.befalls(ended, *owed, IncomingEvent.RETURNS_ENDED)
    for transfer, events in ((undecided, 1), (accepted, 2), (settled, 3), (between, 5), (ended, 5)):
        await west.until_known(transfer, events=events)
    slots = await west.own.slot_map()
    assert slots is not None
    ask_after = NOW + timedelta(seconds=60)
    lost = (undecided, accepted, settled, between, ended)
    taken = {incoming_slot_of(Rail.FEDNOW, each.message_id) for each in lost}
    moved = SlotMap(
        tuple(
            SlotOwner(west.name, owner.epoch + 1, None, ask_after) if slot in taken else owner
            for slot, owner in enumerate(slots.owners)
        )
    )
    ids = [each.payment_id for each in (undecided, accepted, settled)]

    assert await west.own.adopt(moved) == taken
    await west.own.take_up(NOW)
    due = {timer.payment_id for timer in await west.store.due_timers(NOW, limit=1_000)}
    found = await west.store.load(ids)
    early = DECIDER.decide(found[undecided.payment_id], IncomingFact(IncomingEvent.ANSWER_TIME_PASSED), at=NOW)
    take = [DECIDER.decide(each, IncomingFact(IncomingEvent.TAKEN_OVER), at=NOW) for each in found.values()]

    assert due >= {*ids, between.payment_id}, "a return that would have been tried again is seen to here"
    assert ended.payment_id not in due, "a person is called already"
    assert all(each.is_taken_over and each.ask_after == ask_after for each in found.values())
    assert await west.store.save([early]) == [False]
    assert await west.store.save(take) == [True] * 3
    now = await west.store.load(ids)
    assert [now[each].state for each in ids] == [IncomingState.IN_DOUBT, IncomingState.IN_DOUBT, IncomingState.SETTLED]
    assert {now[each].next_step_at for each in ids[:2]} == {ask_after}
    assert not any(each.is_taken_over for each in now.values())

    # The lost region still writes under its old map, and is replicated late.
    late = await east.befalls(undecided, IncomingEvent.REJECTION_DECIDED)
    assert late.state is IncomingState.REJECTED
    assert (await west.until_known(undecided, events=3)).state is IncomingState.IN_DOUBT
    assert (await east.until_known(undecided, events=3)).state is IncomingState.IN_DOUBT
    for region in regions:
        await region.own.adopt(moved.moved(taken, to=east.name))


async def test_an_answer_that_a_takeover_has_annulled_is_sent_no_more(regions: list[Region]) -> None:
    """Accepted here alone, and not sent; taken over undecided there. Once that is known here nothing is to be sent."""
    east, west = regions
    annulled, known = await admitted(east), await admitted(east)
    await east.befalls(known, IncomingEvent.ACCEPTANCE_DECIDED)
    await west.until_known(annulled, events=1)
    await west.until_known(known, events=2)
    slots = await west.own.slot_map()
    assert slots is not None
    taken = {incoming_slot_of(Rail.FEDNOW, each.message_id) for each in (annulled, known)}
    moved = SlotMap(
        tuple(
            SlotOwner(west.name, owner.epoch + 1, None, NOW) if slot in taken else owner
            for slot, owner in enumerate(slots.owners)
        )
    )
    async with not_following(regions):
        await east.befalls(annulled, IncomingEvent.ACCEPTANCE_DECIDED)
        before = await east.store.load([annulled.payment_id])
        await west.own.adopt(moved)
        for transfer in (annulled, known):
            await west.befalls(transfer, IncomingEvent.TAKEN_OVER, IncomingEvent.TIME_OUT_ADVISED)
    late = await east.until_known(annulled, events=4)
    other = await east.until_known(known, events=4)

    assert before[annulled.payment_id].unsent_at is not None
    assert (late.state, late.answer, late.unsent_at) == (IncomingState.NOT_SETTLED, None, None)
    assert other.answer == "ACTC"
    assert other.unsent_at is not None, "the control: its answer stands, and its own time ends it"
    for region in regions:
        await region.own.adopt(moved.moved(taken, to=east.name))


async def test_what_was_accepted_is_known_to_be_in_both_regions_or_not(regions: list[Region]) -> None:
    """By the peer's own word: while it follows, soon; while it does not, never, until it is fenced off."""
    east, west = regions
    witness, clock = InMemoryWitness(), SystemClock()
    await witness.write(lease_name(west.name), LeaseTerms(west.name, 1, 10.0).as_text(), expected=None)
    fence = PeerFence(witness, west.name, clock)
    both = BothRegions(east.own, east.name, west.name, clock, fence, lambda _: False)
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(each.run()) for each in (both, Pulse(west.own, clock))]
        async with asyncio.timeout(20):
            while both.unconfirmed_s > 1:
                await asyncio.sleep(0.05)
        first = await admitted(east)
        followed = await both.is_there(both.ask(), within_s=10)
        is_there = len(await west.store.events(first.payment_id))
        async with not_following(regions):
            second = await admitted(east)
            asked = both.ask()
            silent = await both.is_there(asked, within_s=0.5)
            not_there = len(await west.store.events(second.payment_id))
            terms = LeaseTerms(west.name, 1, 10.0, fenced_by=east.name)
            await witness.write(lease_name(west.name), terms.as_text(), expected=1)
            await fence.look()
            fenced = await both.is_there(asked, within_s=0.5)
        for loop in loops:
            loop.cancel()

    assert (followed, is_there) == (True, 1)
    assert (silent, not_there) == (False, 0)
    assert fenced


async def test_transfers_from_before_there_were_slots_are_given_theirs_when_a_region_is_begun(
    regions: list[Region],
) -> None:
    """They are functions of the message ids; until then they are of the region that wrote them.

    What was posted too: it may be given back, and the other region computes its slot in the same way.
    """
    east, west = regions
    accepted, posted = await admitted(east), await admitted(east)
    ids = [each.payment_id for each in (accepted, posted)]
    for each in ids:
        await execute(east.server, f"UPDATE incoming_state SET slot = NULL WHERE payment_id = '{each}'")
    await east.befalls(accepted, IncomingEvent.ACCEPTANCE_DECIDED)
    await east.befalls(
        posted, IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_CONFIRMED
    )

    await prepare(east.server.superuser_dsn, region=east.name, peer=west.name)

    query = "SELECT slot FROM incoming_state WHERE payment_id = $1"
    found = [await east.store._pool.fetchval(query, each) for each in ids]
    assert found == [incoming_slot_of(Rail.FEDNOW, each.message_id) for each in (accepted, posted)]
