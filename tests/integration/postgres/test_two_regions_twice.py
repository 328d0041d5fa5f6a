"""What two regions have both accepted: the first was lost before it was replicated, the second was asked again.

The ids are functions of the key, so both facts are of one payment; every read shows it once, and both regions alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.history import PostgresHistory
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.incoming_projection import PostgresTransferProjections
from adapters.postgres.ledger import _HAS_MOVED, PostgresLedger
from adapters.postgres.rail_operations import PostgresRailEvents
from adapters.postgres.regions import PostgresRegions
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.tables import REPLICATED
from adapters.system import SystemIdentifiers
from gateway.cli.drill.region.count import DIGESTED, differing
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import incoming_slot_of
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact
from gateway.domain.ledger import Account
from gateway.domain.payment import FundsHolder, Payment, PaymentId, PaymentState, Rail, RegionId
from gateway.domain.reconciliation import Arrivals, Here
from gateway.domain.regions import SlotMap, SlotOwner
from gateway.domain.returns import AMOUNT
from gateway.domain.screening import HELD_UNTIL
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.incoming.fold import TransferFold
from gateway.service.ports import AcceptKind, MessageDirection, NewPayment, NewTransfer, Refusal
from gateway.service.regions import Projector, folded
from iso20022 import Amount, RoutingNumber
from tests.conftest import demand_balance
from tests.fakes.clock import VirtualClock
from tests.integration.postgres.test_two_regions import NOW, REGIONS, TENANT, key_at, new_payment, servers
from tests.integration.postgres.test_two_regions_receive import DECIDER, not_following
from tests.integration.store.test_incoming_contract import NOW as RECEIVED_AT
from tests.integration.store.test_incoming_contract import new
from tests.unit.http.world import RecordingObserver

__all__ = ["servers"]

ASK_AFTER: Final = NOW + timedelta(seconds=60)
AGAIN: Final = timedelta(seconds=30)
"""So much later the region that was left was asked."""

VAULT: Final = ClearVault(b"test")
LATER: Final = NOW + timedelta(days=9)


@dataclass(frozen=True, slots=True)
class Region:
    """One region, with what reads in it."""

    name: RegionId
    server: EmbeddedPostgres
    pool: asyncpg.Pool[asyncpg.Record]
    store: PostgresStore
    incoming: PostgresIncoming
    own: PostgresRegions
    rail: PostgresRailEvents
    projectors: Sequence[Projector[Any, Any]]

    async def settle(self) -> None:
        """Fold what has arrived."""
        for projector in self.projectors:
            while await projector.project():
                pass

    async def until_known(self, payment_id: PaymentId, *, events: int) -> None:
        """Wait until so many of its events have come, and fold them."""
        async with asyncio.timeout(20):
            while await self.count("payment_event", payment_id) < events:
                await asyncio.sleep(0.02)
        await self.settle()

    async def befalls(self, payment_id: PaymentId, *events: EventKind | Event) -> Payment:
        """Save what befalls a payment here, one after the other."""
        for each in events:
            now = (await self.store.load([payment_id]))[payment_id]
            event = each if isinstance(each, Event) else Event(each)
            assert await self.store.save([decide(now, event, at=NOW, timing=Timing())]) == [True]
        return (await self.store.load([payment_id]))[payment_id]

    async def receives(self, payment_id: PaymentId, *kinds: IncomingEvent) -> None:
        """Save what befalls a transfer here, one after the other."""
        for kind in kinds:
            now = (await self.incoming.load([payment_id]))[payment_id]
            decision = DECIDER.decide(now, IncomingFact(kind, details={"by": "a test", AMOUNT: "100"}), at=RECEIVED_AT)
            assert await self.incoming.save([decision]) == [True]

    async def count(self, table: str, payment_id: PaymentId) -> int:
        """How many rows of a payment a table has."""
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {table} WHERE payment_id = $1", payment_id))


@pytest.fixture
async def regions(servers: list[EmbeddedPostgres]) -> AsyncIterator[list[Region]]:
    """The two regions; a test that moves slots raises their epochs for good. In the end both ledgers balance."""
    async with AsyncExitStack() as stack:
        found = []
        for name, server in zip(REGIONS, servers, strict=True):
            pool = await stack.enter_async_context(open_pool(server.application_dsn))
            own = PostgresRegions(pool, region=name, vault=VAULT)
            if await own.slot_map() is None:
                await own.adopt(SlotMap.first(REGIONS))
            clock, observer = VirtualClock(NOW), RecordingObserver()
            transfers = PostgresTransferProjections(pool, region=name)
            found.append(
                Region(
                    name,
                    server,
                    pool,
                    PostgresStore(pool, region=name, vault=VAULT),
                    PostgresIncoming(pool, region=name, vault=VAULT),
                    own,
                    PostgresRailEvents(pool, region=name, vault=VAULT),
                    [
                        Projector(own, folded, clock, observer),
                        Projector(transfers, TransferFold(DECIDER), clock, observer),
                    ],
                )
            )
        yield found
        for region in found:
            await region.settle()
    for server in servers:
        await demand_balance(server)


async def taken_over(regions: Sequence[Region], slots: Collection[int]) -> SlotMap:
    """Have the second region take slots over, as the witness says after the first was lost; return the map."""
    _, west = regions
    known = await west.own.slot_map()
    assert known is not None
    moved = SlotMap(
        tuple(
            SlotOwner(west.name, owner.epoch + 1, None, ASK_AFTER) if slot in slots else owner
            for slot, owner in enumerate(known.owners)
        )
    )
    assert await west.own.adopt(moved) == set(slots)
    return moved


async def given_back(regions: Sequence[Region], slots: SlotMap, moved: Collection[int]) -> None:
    """The first region is back: it follows the map, and has its slots again."""
    for region in regions:
        await region.own.adopt(slots)
        await region.own.adopt(slots.moved(moved, to=REGIONS[0]))


async def accepted_twice(
    regions: Sequence[Region],
    name: str,
    *events: EventKind | Event,
    first: NewPayment | None = None,
    **changes: Any,
) -> tuple[NewPayment, NewPayment]:
    """A payment that the first region accepts and does not replicate, and then the second; everything has come over.

    The second is of the same key, later, with `changes`, and befallen there by `events`.
    """
    east, west = regions
    first = first or new_payment(key_at(east.name, name))
    at = first.accepted_at + AGAIN
    message = replace(first.message, message_id=SystemIdentifiers().new_uuid(), at=at)
    second = replace(first, accepted_at=at, timer_at=at, deadline_at=first.deadline_at + AGAIN, message=message)
    second = replace(second, outbox=(), **changes)
    async with not_following(regions):
        outcomes = await east.store.accept([first])
        moved = await taken_over(regions, {first.slot})
        outcomes = [*outcomes, *await west.store.accept([second])]
        homes = [(await region.store.load([first.payment_id]))[first.payment_id].region for region in regions]
        await west.befalls(first.payment_id, *events)
    for region in regions:
        await region.until_known(first.payment_id, events=2 + len(events))
    await given_back(regions, moved, {first.slot})

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.CREATED] * 2
    assert homes == [east.name, west.name], "each by its own map: the first was lost, and knows of no takeover"
    assert [await region.count("payment", first.payment_id) for region in regions] == [2, 2], "one payment, two facts"
    return first, second


def brought_to(region: Region, **changes: Any) -> NewTransfer:
    """A transfer whose home is this region under the first map."""
    slots = SlotMap.first(REGIONS).slots_of(region.name)
    return next(made for made in iter(partial(new, **changes), None) if made.slot in slots)


async def received_twice(regions: Sequence[Region], *kinds: IncomingEvent, **changes: Any) -> NewTransfer:
    """A transfer that the rail brings to the first region, and once more to the second, which knows nothing of it."""
    east, west = regions
    first = brought_to(east, **changes)
    message = replace(first.message, message_id=SystemIdentifiers().new_uuid())
    second = replace(first, received_at=first.received_at + AGAIN, message=message)
    async with not_following(regions):
        [there] = await east.incoming.admit([first])
        moved = await taken_over(regions, {first.slot})
        [here] = await west.incoming.admit([second])
        await west.receives(first.payment_id, *kinds)
    for region in regions:
        await region.until_known(first.payment_id, events=2 + len(kinds))
    await given_back(regions, moved, {first.slot})

    assert (there.is_new, here.is_new) == (True, True)
    assert [await region.count("incoming_transfer", first.payment_id) for region in regions] == [2, 2]
    return second


async def test_a_payment_that_both_regions_have_accepted_is_found_as_one_and_is_what_the_second_made_of_it(
    regions: list[Region],
) -> None:
    """By id, reference, key or message id, in either region: never two, and never one fact here and the other there."""
    _, second = await accepted_twice(regions, "FOUND")
    assert second.uetr is not None

    shown = []
    for region in regions:
        store = region.store
        shown += [
            *(await store.load([second.payment_id])).values(),
            *await store.find(TENANT, uetr=second.uetr, limit=9),
            *await store.find(TENANT, end_to_end_id=second.end_to_end_id, limit=9),
            *(await store.find_by_message_id(Rail.FEDNOW, [second.message_id])).values(),
            *await store.claimed(TENANT, [second.idempotency_key]),
            *[each.payment for each in await PostgresHistory(region.pool, vault=VAULT).of([second.payment_id])],
        ]

    assert [payment.payment_id for payment in shown] == [second.payment_id] * 12
    assert {payment.accepted_at for payment in shown} == {second.accepted_at}
    assert {payment.deadline_at for payment in shown} == {second.deadline_at}
    east, west = REGIONS
    assert {(payment.region, payment.accepted_in) for payment in shown} == {(east, west)}, "its slot was handed back"


async def test_a_page_of_the_history_has_a_payment_of_two_facts_once(regions: list[Region]) -> None:
    """A page is as many payments as were asked for, however many facts they have."""
    for name in ("PAGEA", "PAGEB"):
        await accepted_twice(regions, name)
        await received_twice(regions)

    for region in regions:
        history = PostgresHistory(region.pool, vault=VAULT)
        payments, transfers = await history.page(None, limit=2), await history.incoming_page(None, limit=2)

        assert len({each.payment.payment_id for each in payments}) == len(payments) == 2
        assert len({each.transfer.payment_id for each in transfers}) == len(transfers) == 2


async def test_what_is_under_one_key_in_both_regions_is_answered_and_sent_as_it_was_accepted_where_it_stands(
    regions: list[Region],
) -> None:
    """The client asked for another amount under the key that was lost: what it was told last is what leaves."""
    first, second = await accepted_twice(regions, "AMOUNT", amount=Amount(200), content_digest=b"another content")

    for region in regions:
        wanted = (second.payment_id, MessageDirection.CLIENT_IN)
        payment, message = (await region.store.load_with_message([wanted]))[second.payment_id]
        repeated, other = [await region.store.find_claim(each) for each in (second, first)]

        assert (payment.amount, message.message_id) == (Amount(200), second.message.message_id)
        assert repeated is not None
        assert other is not None
        assert (repeated.kind, other.kind) == (AcceptKind.REPLAYED, AcceptKind.OTHER_CONTENT)


Listed = Callable[[PostgresStore], Awaitable[Sequence[Payment]]]

WAYS: Final[Mapping[str, tuple[Sequence[EventKind | Event], Listed]]] = {
    "held": (
        [Event(EventKind.SCREENING_HELD, details={HELD_UNTIL: LATER.isoformat()})],
        lambda store: store.held(TENANT, limit=9),
    ),
    "awaiting": (
        [EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED, EventKind.QUESTIONS_EXHAUSTED],
        lambda store: store.awaiting_operator(TENANT, limit=9),
    ),
    "requested": (
        [EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED, EventKind.RETURN_ASKED],
        lambda store: store.requested(TENANT, limit=9),
    ),
}
"""What puts a payment on each list of what a person sees to, and the list."""


@pytest.mark.parametrize("name", WAYS)
async def test_a_list_of_what_a_person_sees_to_has_a_payment_of_two_facts_once(
    regions: list[Region], name: str
) -> None:
    """Two lines of one payment would be two decisions about it."""
    events, listed = WAYS[name]
    _, second = await accepted_twice(regions, name.upper(), *events)

    for region in regions:
        found = [each for each in await listed(region.store) if each.payment_id == second.payment_id]

        assert [each.accepted_at for each in found] == [second.accepted_at]


ARRIVES: Final = (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED)


async def test_a_transfer_that_both_regions_have_admitted_counts_once(regions: list[Region]) -> None:
    """In what the rail's totals are held against, in what is not at its end, and in every list and look."""
    day = (RECEIVED_AT - timedelta(hours=1), RECEIVED_AT + timedelta(hours=1))
    before = [await region.incoming.backlog(NOW) for region in regions]
    agent = RoutingNumber("990000204")  # of this test alone
    transfer = await received_twice(regions, *ARRIVES, instructed_agent=agent)

    for region, stood in zip(regions, before, strict=True):
        store, settled = region.incoming, IncomingState.SETTLED
        arrived = await region.rail.arrivals(Rail.FEDNOW, agent, since=day[0], until=day[1])
        known = await region.rail.known_here(Rail.FEDNOW, [transfer.message_id])
        stands = (await store.backlog(NOW)).standing
        listed = [
            *await store.find(TENANT, states=(settled,), limit=9),
            *await store.find(TENANT, states=(), limit=99),
            *(await store.load([transfer.payment_id])).values(),
            *(await store.find_by_message_id(Rail.FEDNOW, [transfer.message_id])).values(),
        ]
        shown = [each for each in listed if each.payment_id == transfer.payment_id]

        assert arrived == Arrivals(1, 5_174)
        assert known == {transfer.message_id: Here(5_174, has_settled=True, received_at=transfer.received_at)}
        assert stands[settled].count == (stood.standing[settled].count if settled in stood.standing else 0) + 1
        assert [each.received_at for each in shown] == [transfer.received_at] * 4
        assert {each.region for each in shown} == {REGIONS[0]}, "its slot was handed back"


async def test_a_return_of_two_facts_has_gone_once(regions: list[Region]) -> None:
    """Else the ledger would find fault with every return that was asked for in both regions."""
    east, west = regions
    [admitted] = await east.incoming.admit([brought_to(east)])
    kept = admitted.transfer.payment_id
    goes_back = (IncomingEvent.POSTING_CONFIRMED, IncomingEvent.RETURN_STARTED, IncomingEvent.RETURN_SETTLED)
    await east.receives(kept, *ARRIVES, *goes_back)
    await west.until_known(kept, events=6)
    returned = replace(new_payment(key_at(east.name, "RETURN")), original_id=kept, funds_holder=FundsHolder.TENANT)

    await accepted_twice(regions, "", EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED, first=returned)

    for region in regions:
        assert await PostgresLedger(region.pool).return_faults(told_until=LATER, limit=9) == []


class Blind(PostgresLedger):
    """The control: a ledger that knows of no slot that has moved, to which every posting counts."""

    async def _read(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        return await super()._read(statement.replace(_HAS_MOVED, "false"), *arguments)


async def test_what_a_lost_region_has_booked_of_what_was_taken_over_does_not_count(regions: list[Region]) -> None:
    """It comes with the lower epoch once the region is back: each payment is booked once, as its state says."""
    east, west = regions
    before = [await balances(PostgresLedger(region.pool)) for region in regions]
    keys = [key_at(east.name, name) for name in ("SETTLED", "REFUSED", "OPEN")]
    settled, refused, is_open = [new.payment_id for new in map(new_payment, keys)]
    await east.store.accept([new_payment(key) for key in keys])
    for sent in (settled, is_open):
        await east.befalls(sent, EventKind.SENDING_STARTED)
    [admitted] = await east.incoming.admit([brought_to(east)])
    arrived = admitted.transfer.payment_id
    await east.receives(arrived, IncomingEvent.ACCEPTANCE_DECIDED)
    for payment_id, events in ((settled, 2), (refused, 1), (is_open, 2), (arrived, 2)):
        await west.until_known(payment_id, events=events)
    slots = {*(new_payment(key).slot for key in keys), incoming_slot_of(Rail.FEDNOW, admitted.transfer.message_id)}

    async with not_following(regions):
        await east.befalls(settled, EventKind.SETTLEMENT_REPORTED)
        await east.befalls(refused, EventKind.SENDING_STARTED, EventKind.REJECTION_REPORTED)
        await east.befalls(is_open, EventKind.SETTLEMENT_REPORTED)
        await east.receives(arrived, IncomingEvent.SETTLEMENT_ADVISED)
        moved = await taken_over(regions, slots)
        await west.befalls(settled, EventKind.TAKEN_OVER, EventKind.SETTLEMENT_REPORTED)
        await west.befalls(refused, EventKind.TAKEN_OVER, EventKind.REJECTION_REPORTED)
        await west.befalls(is_open, EventKind.TAKEN_OVER)
        kinds = (IncomingEvent.TAKEN_OVER, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_CONFIRMED)
        await west.receives(arrived, *kinds)
    for region in regions:
        for payment_id, events in ((settled, 5), (refused, 5), (is_open, 4), (arrived, 6)):
            await region.until_known(payment_id, events=events)
    await given_back(regions, moved, slots)

    for region, at_first in zip(regions, before, strict=True):
        states = [each.state for each in (await region.store.load([settled, refused, is_open])).values()]
        booked, blind = [await balances(kind(region.pool)) for kind in (PostgresLedger, Blind)]
        faults = [await kind(region.pool).faults(limit=99) for kind in (PostgresLedger, Blind)]

        assert sorted(states) == [PaymentState.IN_DOUBT, PaymentState.REJECTED, PaymentState.SETTLED]
        assert _since(at_first, booked) == {
            Account.FUNDS: 5_174 - 200,
            Account.RESERVED: 100,
            Account.RAIL: 100 - 5_174,
            Account.ARRIVED: 0,
        }
        assert faults[0] == []
        # Booked once more by the lost region: one settlement, the one that is open yet, and the arrival.
        assert _since(booked, blind)[Account.RAIL] == 200 - 5_174
        assert {settled, is_open, arrived} <= {fault.payment_id for fault in faults[1]}


async def balances(ledger: PostgresLedger) -> Mapping[Account, int]:
    """What each account holds."""
    found = dict.fromkeys(Account, 0)
    for balance in await ledger.balances(TENANT):
        found[balance.account] += balance.amount_cents
    return found


def _since(before: Mapping[Account, int], after: Mapping[Account, int]) -> Mapping[Account, int]:
    return {account: after[account] - before[account] for account in Account}


async def test_every_table_that_is_replicated_is_compared_by_the_drill(regions: list[Region]) -> None:
    """Alike once all has come; what one region has alone is named by its table."""
    east, _ = regions
    async with AsyncExitStack() as stack:
        both = []
        for region in regions:
            both.append(await asyncpg.connect(region.server.superuser_dsn))
            stack.push_async_callback(both[-1].close)
        async with asyncio.timeout(20):
            while await differing(both):
                await asyncio.sleep(0.05)
        refused = Refusal(SystemIdentifiers().new_uuid(), TENANT, NOW, b"digest", 1, ("F1",))
        async with not_following(regions):
            await east.store.refuse([refused])
            told = await differing(both)

    assert told == ["refusal"]
    assert {table.name for table in REPLICATED} - set(DIGESTED) == {"region_pulse"}
