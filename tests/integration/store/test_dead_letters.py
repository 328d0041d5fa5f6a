"""What every `DeadLetterStore` must do, in memory and on PostgreSQL; and a dead letter's way, there and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import FirstOperator, digest_of_api_key, upgrade
from gateway.domain.payment import PaymentId
from gateway.service.dead_letters import ClosingOutcome, DeadLetters, collect_once
from gateway.service.ports import (
    Closing,
    DeadLetter,
    DeadLetterReason,
    DeadLetterState,
    DeadLetterStore,
    Delivery,
    ParkedLetters,
    PaymentStore,
    Queue,
    UnavailableError,
)
from gateway.service.relay import relay_once
from tests.conftest import REGION, TENANT, Database
from tests.fakes.bus import InMemoryBus
from tests.fakes.clock import VirtualClock
from tests.fakes.dead_letters import InMemoryDeadLetters
from tests.fakes.store import InMemoryStore
from tests.integration.store.harness import NOW, OTHER_TENANT, TIMING, VAULT, accepted, outbox_of, uuid
from tests.unit.http.world import RecordingObserver

OPERATOR = "sample operator"
OPERATOR_DIGEST = digest_of_api_key("an-operators-key-for-tests-only")


@dataclass(frozen=True, slots=True)
class Region:
    """A region's two stores, once for each process that opens them."""

    letters: list[DeadLetterStore]
    payments: PaymentStore


@asynccontextmanager
async def opened(database: Database | None, *, processes: int = 1) -> AsyncIterator[Region]:
    """A region in memory or on a database, as so many processes see it."""
    if database is None:
        store = InMemoryStore()
        yield Region([InMemoryDeadLetters(store, operator_keys={OPERATOR_DIGEST: OPERATOR})] * processes, store)
        return
    await upgrade(
        database.owner_dsn,
        regions=[REGION],
        first_tenant=None,
        first_operator=FirstOperator(OPERATOR, OPERATOR_DIGEST),
        now=NOW,
    )
    async with AsyncExitStack() as stack:
        pools = [
            await stack.enter_async_context(open_pool(database.application_dsn, connections_max=2))
            for _ in range(processes)
        ]
        yield Region(
            [PostgresDeadLetters(pool, region=REGION) for pool in pools],
            PostgresStore(pools[0], region=REGION, vault=VAULT),
        )


@pytest.fixture
async def region(where: Database | None) -> AsyncIterator[Region]:
    """Each kind in turn."""
    async with opened(where) as region:
        yield region


def letter(
    payment_id: PaymentId | None = None, *, queue: Queue = Queue.FEDNOW_OUT_VALUE, after_s: float = 0.0
) -> DeadLetter:
    """A dead letter about a payment, or about none."""
    delivery = Delivery(uuid(), queue, payment_id or PaymentId(uuid()), NOW + timedelta(seconds=15), attempt=10)
    return DeadLetter(
        delivery=delivery,
        reason=DeadLetterReason.HANDLER_FAILED,
        fault="ValueError: …",
        published_at=NOW,
        died_at=NOW + timedelta(seconds=after_s),
    )


def closing(*, redriven_as: UUID | None = None) -> Closing:
    """An operator's decision."""
    return Closing(at=NOW + timedelta(minutes=1), by=OPERATOR, note="the cause is mended", redriven_as=redriven_as)


# --- The store --------------------------------------------------------------------------------------------------


async def test_a_letter_is_kept_as_it_died_with_its_payments_tenant(region: Region) -> None:
    """Everything that the bus knew of it; whose it is, the database knows."""
    [store] = region.letters
    payment = await accepted(region.payments)
    own, nobodys = letter(payment.payment_id), letter()

    fresh = await store.keep([own, nobodys], at=NOW)

    kept = [await store.load(each.delivery.delivery_id) for each in (own, nobodys)]
    assert set(fresh) == {own.delivery.delivery_id, nobodys.delivery.delivery_id}
    assert [each and each.letter for each in kept] == [own, nobodys]
    assert [each and each.tenant_id for each in kept] == [TENANT, None]
    assert {each and each.state for each in kept} == {DeadLetterState.PARKED}


async def test_a_letter_that_is_kept_again_changes_nothing(region: Region) -> None:
    """A collector that is killed between commit and acknowledgement brings it again, perhaps after it was closed."""
    [store] = region.letters
    first = letter()
    await store.keep([first], at=NOW)
    await store.close(first.delivery.delivery_id, closing())

    again = await store.keep([replace(first, fault="another"), replace(first, fault="and another")], at=NOW)

    kept = await store.load(first.delivery.delivery_id)
    assert again == []
    assert kept is not None
    assert (kept.letter, kept.state) == (first, DeadLetterState.DISCARDED)


async def test_letters_are_found_by_tenant_queue_and_state_the_longest_dead_first(region: Region) -> None:
    """What an operator asks for, and no more than the limit."""
    [store] = region.letters
    payment = await accepted(region.payments)
    late, early = letter(payment.payment_id, after_s=2), letter(payment.payment_id, after_s=1)
    other = letter(queue=Queue.RTP_IN_VALUE, after_s=3)
    await store.keep([late, early, other], at=NOW)
    await store.close(late.delivery.delivery_id, closing())

    async def found(**asked: object) -> list[DeadLetter]:
        every: dict[str, object] = {"tenant_id": None, "queue": None, "state": None, "limit": 10}
        return [kept.letter for kept in await store.find(**every | asked)]  # type: ignore[arg-type]

    assert await found() == [early, late, other]
    assert await found(limit=1) == [early]
    assert await found(tenant_id=TENANT) == [early, late]
    assert await found(tenant_id=OTHER_TENANT) == []
    assert await found(queue=Queue.RTP_IN_VALUE) == [other]
    assert await found(state=DeadLetterState.PARKED) == [early, other]
    assert await found(state=DeadLetterState.DISCARDED) == [late]
    assert await found(state=DeadLetterState.REDRIVEN) == []


async def test_what_is_parked_is_counted_by_queue_with_the_oldest(region: Region) -> None:
    """What the gauges show, and alerts watch."""
    [store] = region.letters
    letters = [letter(after_s=seconds) for seconds in (3, 1, 2)]
    await store.keep([*letters, letter(queue=Queue.FEDNOW_OUT_INQUIRY, after_s=5)], at=NOW)
    await store.close(letters[1].delivery.delivery_id, closing())

    assert await store.parked() == {
        Queue.FEDNOW_OUT_VALUE: ParkedLetters(2, NOW + timedelta(seconds=2)),
        Queue.FEDNOW_OUT_INQUIRY: ParkedLetters(1, NOW + timedelta(seconds=5)),
    }


async def test_a_redrive_puts_the_same_delivery_into_the_outbox_under_its_fresh_id(region: Region) -> None:
    """Decision and outbox row in one transaction: never one without the other."""
    [store] = region.letters
    payment = await accepted(region.payments)
    dead, again = letter(payment.payment_id, queue=Queue.FEDNOW_OUT_INQUIRY), uuid()
    await store.keep([dead], at=NOW)

    done = await store.close(dead.delivery.delivery_id, closing(redriven_as=again))

    kept = await store.load(dead.delivery.delivery_id)
    [queued] = [row for row in await outbox_of(region.payments) if row.delivery_id == again]
    assert done
    assert kept is not None
    assert kept.closing == closing(redriven_as=again)
    assert (queued.queue, queued.payment_id) == (Queue.FEDNOW_OUT_INQUIRY, payment.payment_id)
    assert queued.deadline_at == dead.delivery.deadline_at


async def test_what_cannot_be_closed_leaves_nothing_behind(region: Region) -> None:
    """Unknown, closed before, or without a payment: no decision and no outbox row."""
    [store] = region.letters
    nobodys, closed = letter(), letter((await accepted(region.payments)).payment_id)
    await store.keep([nobodys, closed], at=NOW)
    await store.close(closed.delivery.delivery_id, closing())
    before = await outbox_of(region.payments)

    outcomes = [
        await store.close(delivery_id, closing(redriven_as=uuid()))
        for delivery_id in (uuid(), nobodys.delivery.delivery_id, closed.delivery.delivery_id)
    ]

    assert outcomes == [False, False, False]
    assert await outbox_of(region.payments) == before
    assert (await store.parked()).keys() == {Queue.FEDNOW_OUT_VALUE}


async def test_an_operator_is_known_by_the_keys_digest_alone(region: Region) -> None:
    """Whose key it is not, has no name."""
    [store] = region.letters

    assert await store.operator_of_key(OPERATOR_DIGEST) == OPERATOR
    assert await store.operator_of_key(digest_of_api_key("nobody's")) is None


async def test_of_operators_at_the_same_moment_one_alone_redrives(where: Database | None) -> None:
    """Eight processes, ten letters: each letter is closed once, and queued once or never."""
    async with opened(where, processes=8) as region:
        payment = await accepted(region.payments)
        letters = [letter(payment.payment_id) for _ in range(10)]
        await region.letters[0].keep(letters, at=NOW)
        before = len(await outbox_of(region.payments))

        for dead in letters:
            async with asyncio.TaskGroup() as group:
                tries = [
                    group.create_task(
                        store.close(dead.delivery.delivery_id, closing(redriven_as=uuid() if number % 2 else None))
                    )
                    for number, store in enumerate(region.letters)
                ]
            assert sum(task.result() for task in tries) == 1

        redriven = await region.letters[0].find(tenant_id=None, queue=None, state=DeadLetterState.REDRIVEN, limit=99)
        assert len(await outbox_of(region.payments)) == before + len(redriven)
        assert await region.letters[0].parked() == {}


async def test_control_who_looks_first_and_acts_afterwards_redrives_twice(
    database: Database, postgres_store: PostgresStore
) -> None:
    """The same race without the key that lets one alone in: the test above can fail."""
    payment = await accepted(postgres_store)
    looked = asyncio.Barrier(2)

    async def redrive() -> None:
        connection = await asyncpg.connect(database.application_dsn)
        try:
            closed = await connection.fetchval("SELECT count(*) FROM dead_letter_closing")
            await looked.wait()
            if not closed:
                await connection.execute(
                    "INSERT INTO outbox (delivery_id, queue, tenant_id, payment_id, deadline_at, created_at) "
                    "VALUES ($1, 'fednow.out.value', $2, $3, $4, $4)",
                    *(uuid(), TENANT, payment.payment_id, NOW),
                )
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(redrive())
        group.create_task(redrive())

    assert len(await outbox_of(postgres_store)) == 3


async def test_the_application_can_neither_change_nor_delete_a_decision(database: Database) -> None:
    """Who redrove what, and why, stays as it was said. (That every fact is so is in the schema's tests.)"""
    connection = await asyncpg.connect(database.application_dsn)
    try:
        for statement in ("UPDATE dead_letter_closing SET note = ''", "DELETE FROM dead_letter"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


# --- The way there and back -------------------------------------------------------------------------------------


async def test_a_dead_letter_goes_from_the_bus_into_the_database_and_back_onto_its_queue(region: Region) -> None:
    """Poison is collected; once the cause is mended an operator redrives it, and the handler is given it again."""
    [store] = region.letters
    clock, observer = VirtualClock(NOW), RecordingObserver()
    bus = InMemoryBus(clock=clock, delivery_limit=2)
    await accepted(region.payments)
    is_mended = asyncio.Event()
    handled: list[Delivery] = []

    async def handle(delivery: Delivery) -> None:
        if not is_mended.is_set():
            raise ValueError("the cause")
        handled.append(delivery)

    await relay_once(region.payments, bus)
    async with bus.consume(Queue.FEDNOW_OUT_VALUE, handle, prefetch=1, concurrency=1):
        async with asyncio.timeout(5):
            while not await collect_once(bus, store, clock, observer):
                await asyncio.sleep(0.01)
        [parked] = await store.find(tenant_id=None, queue=None, state=DeadLetterState.PARKED, limit=9)
        is_mended.set()
        desk = DeadLetters(store, region.payments, {parked.letter.delivery.queue.rail: TIMING}, clock, _Fresh())
        outcome = await desk.redrive(parked.letter.delivery.delivery_id, by=OPERATOR, note="mended")
        await relay_once(region.payments, bus)
        async with asyncio.timeout(5):
            while not handled:
                await asyncio.sleep(0.01)

    [again] = handled
    kept = await store.load(parked.letter.delivery.delivery_id)
    assert outcome is ClosingOutcome.DONE
    assert (parked.letter.fault, parked.letter.delivery.attempt) == ("ValueError: the cause", 2)
    assert kept is not None
    assert kept.closing is not None
    assert again.delivery_id == kept.closing.redriven_as != parked.letter.delivery.delivery_id
    assert (again.payment_id, again.attempt) == (parked.letter.delivery.payment_id, 1)


class _Fresh:
    """Identifiers that have never been given out."""

    def new_uuid(self) -> UUID:
        return uuid()


async def test_a_collector_whose_database_is_away_leaves_the_letters_on_the_bus() -> None:
    """They are off the bus only after they were committed."""
    store, clock, observer = InMemoryStore(), VirtualClock(NOW), RecordingObserver()
    letters, bus = InMemoryDeadLetters(store), InMemoryBus(clock=clock, delivery_limit=1)
    await accepted(store)

    async def fail(_: Delivery) -> None:
        raise ValueError("the cause")

    await relay_once(store, bus)
    async with bus.consume(Queue.FEDNOW_OUT_VALUE, fail, prefetch=1, concurrency=1), asyncio.timeout(5):
        while await bus.depth(Queue.FEDNOW_OUT_VALUE):
            await asyncio.sleep(0.01)
    store.reachable = False
    with pytest.raises(UnavailableError):
        await collect_once(bus, letters, clock, observer)
    store.reachable = True
    counts = [await collect_once(bus, letters, clock, observer) for _ in range(2)]

    assert counts == [1, 0]
    assert len(letters.letters) == 1
