"""The map of slots and what runs under it, on one real database: nothing is accepted under a map that is gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, cast

import asyncpg
import pytest

from adapters.postgres import statements
from adapters.postgres.connection import open_pool
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import UpgradeError, upgrade
from gateway.domain.events import EventKind
from gateway.domain.identity import SLOTS
from gateway.domain.payment import RegionId
from gateway.domain.regions import SlotMap, SlotOwner
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    ContradictedMapError,
    NotHomeError,
    NotServingError,
    PartlyFaultyError,
    UnavailableError,
)
from tests.conftest import REGION, Database
from tests.integration.store.harness import NOW, VAULT, accepted, decision, new_payment, over_rtp
from tests.proofs.region_overlap import HOLD, claims_waiting

PEER: Final = RegionId("usw2")
ALL: Final = range(SLOTS)

_WAITING: Final = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

OLD_SNAPSHOT: Final = """
CREATE OR REPLACE FUNCTION owned_epoch(asking TEXT, wanted SMALLINT) RETURNS BIGINT LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('fifteen.slots', 0));
    RETURN (SELECT slot.epoch FROM slot WHERE slot.slot = wanted AND slot.region = asking);
END
$$
"""
"""The same function, but that its query sees what the statement that calls it sees."""


async def test_one_region_alone_owns_every_slot_from_the_start(database: Database) -> None:
    """Nothing has to be set, and no witness is asked."""
    async with open_pool(database.application_dsn) as pool:
        slots = await PostgresRegions(pool, region=REGION, vault=VAULT).slot_map()

    assert slots == SlotMap.first([REGION])


async def test_a_database_says_whether_its_region_has_ever_accepted_anything(database: Database) -> None:
    """Another region's payments, which were copied there, are no sign of it."""
    async with open_pool(database.application_dsn) as pool:
        own, other = (PostgresRegions(pool, region=name, vault=VAULT) for name in (REGION, PEER))
        before = await own.has_accepted()
        await PostgresStore(pool, region=REGION, vault=VAULT).accept([new_payment("THE-FIRST")])

        assert (before, await own.has_accepted(), await other.has_accepted()) == (False, True, False)


async def test_a_claim_that_waited_for_the_map_to_change_is_not_made_under_the_old_one(database: Database) -> None:
    """It waits for the lock, and then sees the map from after it: nothing is saved."""
    outcome = await _accept_while_the_slots_are_taken(database)

    assert isinstance(outcome, Accepted)
    assert (outcome.kind, outcome.home) == (AcceptKind.ELSEWHERE, PEER)
    assert await _claims(database) == 0


@dataclass(slots=True)
class _Listening:
    """A pool that writes down which statements are run."""

    pool: asyncpg.Pool[asyncpg.Record]
    heard: list[str] = field(default_factory=list)

    async def fetch(self, statement: str, *parameters: object) -> list[asyncpg.Record]:
        """Run it, and write it down."""
        self.heard.append(statement)
        return await self.pool.fetch(statement, *parameters)


async def test_beside_another_region_a_claim_is_one_statement(database: Database) -> None:
    """What the other has accepted is looked at within it: a statement more is a round trip more for every payment."""
    async with open_pool(database.application_dsn) as pool:
        first, second = new_payment("key-1"), new_payment("key-2")
        away = next(slot for slot in ALL if slot not in {first.slot, second.slot})
        await PostgresRegions(pool, region=REGION, vault=VAULT).adopt(SlotMap.first([REGION]).moved([away], to=PEER))
        listening = _Listening(pool)
        store = PostgresStore(cast("asyncpg.Pool[asyncpg.Record]", listening), region=REGION, vault=VAULT)
        await store.accept([first])
        listening.heard.clear()

        [outcome] = await store.accept([second])

    assert outcome.kind is AcceptKind.CREATED
    assert listening.heard == [statements.ACCEPT_BESIDE_ANOTHER]


async def test_who_forwards_looks_at_the_slot_again_and_at_no_other(database: Database) -> None:
    """The map is kept: what it says of a slot elsewhere is read anew, so that nobody is sent away by an old one."""
    async with open_pool(database.application_dsn) as pool:
        payment = new_payment("key-1")
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        away = SlotMap.first([REGION]).moved([payment.slot], to=PEER)
        await regions.adopt(away)
        listening = _Listening(pool)
        store = PostgresStore(cast("asyncpg.Pool[asyncpg.Record]", listening), region=REGION, vault=VAULT)

        assert await store.home_elsewhere(payment) == PEER
        assert await store.home_elsewhere(payment) == PEER
        await regions.adopt(away.moved([payment.slot], to=REGION))
        assert await store.home_elsewhere(payment) is None
        assert await store.home_elsewhere(payment) is None

    assert listening.heard == [statements.SLOTS, statements.SLOTS_NAMED, statements.SLOTS_NAMED]


async def test_of_a_slot_that_was_taken_over_the_rail_is_asked_first_and_of_no_other(database: Database) -> None:
    """However old the map is that is kept: what a lost region has accepted under the key is not known here."""
    async with open_pool(database.application_dsn) as pool:
        payment = new_payment("key-1")
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        ours = SlotMap.first([REGION])
        away = ours.moved([payment.slot], to=PEER)
        found = []
        for slots in (ours, away, away.taken_over(PEER, by=REGION, ask_after=NOW)):
            await regions.adopt(slots)
            found.append(await store.asks_first(payment))

    assert found == [False, False, True]


async def test_what_a_lost_region_may_have_named_on_another_day_is_claimed_once_its_day_was_chosen(
    database: Database,
) -> None:
    """In view of this takeover: the map that is kept may be older, and so may the one that the day was chosen by."""
    async with open_pool(database.application_dsn) as pool:
        named, chosen_by_client = replace(new_payment("key-1"), is_named_by_day=True), new_payment("key-2")
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        store = PostgresStore(pool, region=REGION, vault=VAULT, tenure=Standing())
        ours = SlotMap.first([REGION])
        await regions.adopt(ours)
        assert await store.home_elsewhere(named) is None
        away = ours.moved(ALL, to=PEER)
        await regions.adopt(away)
        await regions.adopt(away.taken_over(PEER, by=REGION, ask_after=NOW))

        outcomes = [
            *await store.accept([named, chosen_by_client]),
            *await store.accept([replace(named, day_known_to=NOW - timedelta(days=1))]),
        ]
        claims = await _claims(database)
        outcomes += await store.accept([replace(named, day_known_to=NOW), named])

    assert [outcome.kind for outcome in outcomes] == [
        AcceptKind.DAY_UNKNOWN,
        AcceptKind.CREATED,
        AcceptKind.DAY_UNKNOWN,
        AcceptKind.CREATED,
        AcceptKind.REPLAYED,
    ]
    assert [outcome.asked_from for outcome in outcomes if outcome.kind is AcceptKind.DAY_UNKNOWN] == [NOW, NOW]
    assert claims == 1


async def test_a_check_in_the_statements_own_snapshot_would_accept_under_the_old_map(database: Database) -> None:
    """The control of the test above: a snapshot from before the lock shows the map from before the takeover."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(OLD_SNAPSHOT)
    await owner.close()

    outcome = await _accept_while_the_slots_are_taken(database)

    assert isinstance(outcome, Accepted)
    assert outcome.kind is AcceptKind.CREATED
    assert await _claims(database) == 1


async def _accept_while_the_slots_are_taken(database: Database) -> object:
    """Submit while somebody holds the lock of the map; change the map, let go, and return what the submission heard."""
    async with open_pool(database.application_dsn) as pool, asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        async with pool.acquire() as taking, taking.transaction():
            await taking.execute(HOLD)
            answering = tasks.create_task(_accept(store))
            while not await pool.fetchval(_WAITING):
                await asyncio.sleep(0.005)
            await taking.execute("UPDATE slot SET region = $1, epoch = epoch + 1", PEER)
        return await answering


async def _accept(store: PostgresStore) -> object:
    return (await store.accept([new_payment("key-1")]))[0]


async def _claims(database: Database) -> int:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM claim"))
    finally:
        await connection.close()


async def test_a_claim_that_waits_for_the_lock_is_seen_and_what_else_waits_for_it_is_not(database: Database) -> None:
    """By it the proof of two regions knows that a claim has come as far as it can, and is not made."""
    shared = HOLD.replace("pg_advisory_xact_lock", "pg_advisory_xact_lock_shared")
    seen = []
    async with open_pool(database.application_dsn) as pool, asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        looking = await asyncpg.connect(database.application_dsn)
        async with pool.acquire() as taking, taking.transaction():
            await taking.execute(HOLD)
            for number, waits in enumerate((pool.execute(shared), _accept(store)), start=1):
                tasks.create_task(waits)
                while await looking.fetchval(_WAITING) < number:
                    await asyncio.sleep(0.005)
                seen.append(await claims_waiting(looking))
        while await looking.fetchval(_WAITING):
            await asyncio.sleep(0.005)
        seen.append(await claims_waiting(looking))
        await looking.close()

    assert seen == [0, 1, 0]


@pytest.mark.unbalanced("a payment is left where its region was told that it is another's")
async def test_a_map_that_changes_under_load_leaves_no_claim_under_an_old_epoch(database: Database) -> None:
    """Slots come and go thirty times while payments are accepted: every claim has an epoch that was this region's."""
    answers: list[Accepted] = []

    async def submit(store: PostgresStore, writer: int) -> None:
        for number in range(40):
            answers.extend(await store.accept([new_payment(f"load-{writer}-{number}")]))

    async with open_pool(database.application_dsn) as pool:
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        async with asyncio.TaskGroup() as group:
            for writer in range(4):
                group.create_task(submit(PostgresStore(pool, region=REGION, vault=VAULT), writer))
            slots = SlotMap.first([REGION])
            for turn in range(30):
                slots = slots.moved(ALL, to=(PEER, REGION)[turn % 2])
                await regions.adopt(slots)
        epochs = [row["epoch"] for row in await pool.fetch("SELECT DISTINCT epoch FROM claim")]

    created = [answer for answer in answers if answer.kind is AcceptKind.CREATED]
    assert {answer.kind for answer in answers} == {AcceptKind.CREATED, AcceptKind.ELSEWHERE}
    assert len(created) == await _claims(database)
    assert all(epoch % 2 == 1 for epoch in epochs), "an even epoch was the other region's"


async def test_the_copy_follows_to_higher_epochs_and_an_older_map_changes_nothing(database: Database) -> None:
    """Two processes follow the witness, and one of them read a moment earlier."""
    async with open_pool(database.application_dsn) as pool:
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        first = SlotMap.first([REGION])
        newer = first.moved([7], to=PEER)

        assert await regions.adopt(newer) == set()
        assert await regions.adopt(first) == set()
        assert await regions.slot_map() == newer
        assert await regions.adopt(newer.moved([7], to=REGION)) == {7}


async def test_a_map_that_gives_a_slot_to_another_under_the_same_epoch_is_a_fault_and_changes_nothing(
    database: Database,
) -> None:
    """No move makes such a map: two were begun. Both regions would accept the same keys."""
    async with open_pool(database.application_dsn) as pool:
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        with pytest.raises(ContradictedMapError):
            await regions.adopt(SlotMap.first([REGION, PEER]))

        assert await regions.slot_map() == SlotMap.first([REGION])


async def test_a_region_that_still_owns_slots_is_not_retired(database: Database) -> None:
    """It may be alive, and accept: what takes its slots is a takeover, which asks the witness."""
    async with open_pool(database.application_dsn) as pool:
        moved = SlotMap.first([REGION]).moved([7], to=PEER)
        await PostgresRegions(pool, region=REGION, vault=VAULT).adopt(moved)

        with pytest.raises(UpgradeError, match="fifteen region takeover"):
            await upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, now=NOW, retired=[PEER])

        assert await PostgresRegions(pool, region=REGION, vault=VAULT).slot_map() == moved


async def test_a_region_that_goes_on_under_another_name_carries_its_payments_on(database: Database) -> None:
    """After a restore from a dump (docs/runbooks/audit.md): the owner renames, and upgrades; nothing is taken over."""
    async with open_pool(database.application_dsn) as pool:
        under_way = await accepted(PostgresStore(pool, region=REGION, vault=VAULT))
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute("UPDATE slot SET region = $1", PEER)
        await owner.close()
        await upgrade(database.owner_dsn, regions=[PEER], first_tenant=None, now=NOW, retired=[REGION])

        renamed = PostgresStore(pool, region=PEER, vault=VAULT)

        assert await renamed.save([decision(under_way, EventKind.DEADLINE_PASSED)]) == [True]
        assert (await accepted(renamed, "key-2")).payment_id != under_way.payment_id


async def test_a_decision_on_a_payment_whose_slot_has_moved_is_refused_and_its_timer_stopped(
    database: Database,
) -> None:
    """Its new home carries it; a version that is out of date is still only that."""
    async with open_pool(database.application_dsn) as pool:
        store, regions = (
            PostgresStore(pool, region=REGION, vault=VAULT),
            PostgresRegions(pool, region=REGION, vault=VAULT),
        )
        payment = await accepted(store)
        stale = replace(payment, version=payment.version + 1)
        assert await store.save([decision(stale, EventKind.SENDING_STARTED)]) == [False]
        await regions.adopt(SlotMap.first([REGION]).moved(ALL, to=PEER))

        with pytest.raises(PartlyFaultyError) as refused:
            await store.save([decision(payment, EventKind.SENDING_STARTED)])
        due = await store.due_timers(payment.deadline_at, limit=10)
        shown = (await store.load([payment.payment_id]))[payment.payment_id]

    assert isinstance(refused.value.outcomes[0], NotHomeError)
    assert due == []
    assert (shown.version, shown.next_step_at) == (payment.version, None)


async def test_events_are_written_under_the_present_epoch_of_their_slot(database: Database) -> None:
    """A slot that went and came back has another epoch: a payment in it is taken over before anything else happens."""
    async with open_pool(database.application_dsn) as pool:
        store, regions = (
            PostgresStore(pool, region=REGION, vault=VAULT),
            PostgresRegions(pool, region=REGION, vault=VAULT),
        )
        payment = await accepted(store)
        back = SlotMap(tuple(SlotOwner(REGION, 3) for _ in ALL))
        await regions.adopt(back)

        assert await store.save([decision(payment, EventKind.SENDING_STARTED)]) == [False]
        assert await store.save([decision(payment, EventKind.TAKEN_OVER)]) == [True]
        events = await store.events(payment.payment_id)
        kinds = [outcome.kind for outcome in await store.accept([new_payment("key-2"), new_payment("key-1")])]

    assert [event.epoch for event in events] == [1, 3]
    assert kinds == [AcceptKind.CREATED, AcceptKind.REPLAYED]


class Standing:
    """A tenure that stands: as a region has that is not alone."""

    def demand(self) -> None:
        """Return."""


async def test_a_message_id_that_a_region_has_accepted_whose_slots_were_taken_over_is_taken(database: Database) -> None:
    """All slots are here again, and its facts beside ours: the rail would take the second payment for the first."""
    await upgrade(database.owner_dsn, regions=[REGION, PEER], first_tenant=None, now=NOW)
    async with open_pool(database.application_dsn) as pool:
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        away = SlotMap.first([REGION]).moved(ALL, to=PEER)
        await regions.adopt(away)
        await _accepted_by_the_peer(pool, "key-1", "ONE-ID")
        await regions.adopt(away.taken_over(PEER, by=REGION, ask_after=NOW))
        store = PostgresStore(pool, region=REGION, vault=VAULT)

        outcomes = await store.accept([new_payment("key-2", message_id="ONE-ID"), new_payment("key-3")])

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.MESSAGE_ID_TAKEN, AcceptKind.CREATED]


async def test_a_message_id_is_looked_for_in_a_slot_that_has_moved_since_the_map_was_read(database: Database) -> None:
    """A region that was alone keeps the map that it has read for as long as nobody asks for what has moved."""
    await upgrade(database.owner_dsn, regions=[REGION, PEER], first_tenant=None, now=NOW)
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT, tenure=Standing())
        await store.accept([new_payment("key-0")])
        first, second = new_payment("key-1", message_id="ONE-ID"), new_payment("key-2", message_id="ONE-ID")
        assert first.slot != second.slot
        moved = SlotMap.first([REGION]).moved([first.slot], to=PEER)
        await PostgresRegions(pool, region=REGION, vault=VAULT).adopt(moved)
        await _accepted_by_the_peer(pool, "key-1", "ONE-ID")

        [outcome] = await store.accept([second])

    assert outcome.kind is AcceptKind.MESSAGE_ID_TAKEN


async def test_an_instruction_id_that_the_other_region_has_used_is_taken(database: Database) -> None:
    """As a message id is: as far as its payments have come here."""
    await upgrade(database.owner_dsn, regions=[REGION, PEER], first_tenant=None, now=NOW)
    async with open_pool(database.application_dsn) as pool:
        regions = PostgresRegions(pool, region=REGION, vault=VAULT)
        first, second = over_rtp("key-1"), over_rtp("key-2")
        assert first.slot != second.slot
        await regions.adopt(SlotMap.first([REGION]).moved([first.slot], to=PEER))
        peer = PostgresStore(pool, region=PEER, vault=VAULT, tenure=Standing())
        await peer.accept([first])
        await pool.execute(
            "DELETE FROM instruction_claim"
        )  # which is the peer's own: what is replicated is its payment
        store = PostgresStore(pool, region=REGION, vault=VAULT, tenure=Standing())

        [outcome] = await store.accept([second])

    assert outcome.kind is AcceptKind.INSTRUCTION_ID_TAKEN


async def _accepted_by_the_peer(pool: asyncpg.Pool[asyncpg.Record], key: str, message_id: str) -> None:
    peer = PostgresStore(pool, region=PEER, vault=VAULT, tenure=Standing())
    [outcome] = await peer.accept([new_payment(key, message_id=message_id)])
    assert outcome.kind is AcceptKind.CREATED


class Fleeting:
    """A tenure that ends while what it allowed is being done."""

    def __init__(self) -> None:
        self.asked = 0

    def demand(self) -> None:
        self.asked += 1
        if self.asked > 1:
            raise NotServingError("the lease has run out")


async def test_what_was_saved_after_the_lease_had_run_out_is_not_acknowledged(database: Database) -> None:
    """Nobody who has taken over may have seen it: neither yes nor no."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT, tenure=Fleeting())

        with pytest.raises(UnavailableError) as unknown:
            await store.accept([new_payment("key-1")])

    assert not isinstance(unknown.value, NotServingError)
    assert await _claims(database) == 1


class Nobody:
    """A tenure that is over."""

    def demand(self) -> None:
        raise NotServingError("no lease")


async def test_a_region_without_its_lease_accepts_and_decides_nothing(database: Database) -> None:
    """Asked before the statement: nothing reaches the database."""
    async with open_pool(database.application_dsn) as pool:
        payment = await accepted(PostgresStore(pool, region=REGION, vault=VAULT))
        store = PostgresStore(pool, region=REGION, vault=VAULT, tenure=Nobody())

        with pytest.raises(NotServingError):
            await store.accept([new_payment("key-2")])
        with pytest.raises(NotServingError):
            await store.save([decision(payment, EventKind.SENDING_STARTED)])

    assert await _claims(database) == 1
    assert payment.accepted_at == NOW
