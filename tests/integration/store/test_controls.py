"""The contract can fail: stores with the faults that it was written against, each caught by its test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

import asyncpg
import pytest

from adapters.postgres import statements
from adapters.postgres.connection import open_pool
from adapters.postgres.rows import accept_parameters
from adapters.postgres.store import PostgresStore
from gateway.domain.regions import FIRST_EPOCH
from gateway.service.ports import Accepted, AcceptKind, Decision, NewPayment, OutboundDelivery
from tests.conftest import REGION, Database
from tests.fakes.store import InMemoryStore
from tests.integration.store.checks import (
    check_that_a_held_row_is_nobody_elses,
    check_that_an_instruction_id_is_one_payments,
    check_that_equal_keys_are_one_payment,
    check_that_one_of_two_decisions_holds,
    check_that_time_decides_once,
)
from tests.integration.store.harness import NOW, VAULT, new_payment, over_rtp, renewed


class LookingFirstStore(InMemoryStore):
    """Looks whether a key is free, and claims it a moment later."""

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        free = [(new.tenant_id, new.idempotency_key) not in self.rows.claims for new in payments]
        await asyncio.sleep(0)
        return [self._accept_seen(new, is_free=is_free) for new, is_free in zip(payments, free, strict=True)]

    def _accept_seen(self, new: NewPayment, *, is_free: bool) -> Accepted:
        if is_free:
            self.rows.claims.pop((new.tenant_id, new.idempotency_key), None)
            self.rows.message_ids.discard((new.rail, new.message_id))
            self.rows.instruction_ids.discard((new.rail, new.instruction_id))
        return self._accept_one(new)


class UnguardedStore(InMemoryStore):
    """Saves a decision whatever has happened since it was taken."""

    def _save_one(self, decision: Decision) -> bool:
        version = self.rows.payments[decision.payment.payment_id].version
        return super()._save_one(replace(decision, payment=replace(decision.payment, version=version)))


class ForgetfulRelayStore(InMemoryStore):
    """Hands outbox rows out without holding them."""

    @asynccontextmanager
    async def relay(
        self, *, limit: int, created_before: datetime | None = None
    ) -> AsyncIterator[Sequence[OutboundDelivery]]:
        yield [row.delivery for row in self.rows.outbox][:limit]


async def test_a_store_that_looks_before_it_claims_is_caught() -> None:
    """Between the look and the claim another copy comes through: two payments."""
    with pytest.raises(AssertionError):
        await check_that_equal_keys_are_one_payment([LookingFirstStore()])


async def test_a_store_that_looks_before_it_claims_an_instruction_id_is_caught() -> None:
    """Between the look and the claim another payment with it comes through."""
    with pytest.raises(AssertionError):
        await check_that_an_instruction_id_is_one_payments([LookingFirstStore()])


async def test_a_store_without_a_version_guard_is_caught() -> None:
    """Both workers would send."""
    store = UnguardedStore()

    with pytest.raises(AssertionError):
        await check_that_one_of_two_decisions_holds(store, store)


async def test_a_store_without_a_version_guard_is_caught_where_time_decides_too() -> None:
    """What was rejected would be sent, or rejected twice."""
    store = UnguardedStore()

    with pytest.raises(AssertionError):
        await check_that_time_decides_once([store, store])


async def test_a_store_that_does_not_hold_what_it_hands_out_is_caught() -> None:
    """Both relays would publish."""
    store = ForgetfulRelayStore()

    with pytest.raises(AssertionError):
        await check_that_a_held_row_is_nobody_elses(store, store)


# --- The snapshot trap, made to happen ----------------------------------------------------------------------------

SAME_STATEMENT: Final = (
    statements.ACCEPT + " UNION SELECT claim.tenant_id, claim.idempotency_key, 'tenant' FROM claim JOIN input USING "
    "(tenant_id, idempotency_key)"
)


class SameStatementStore(PostgresStore):
    """Reads what others have claimed in the statement that failed to claim it: in a snapshot from before."""

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        parameters = accept_parameters(payments, VAULT, region=REGION, epochs=[FIRST_EPOCH] * len(payments))
        rows = await self._pool.fetch(SAME_STATEMENT, REGION, *parameters)
        return [Accepted(AcceptKind.REPLAYED, None) for _ in rows]


async def answers_to_a_repeat_whose_rival_commits_meanwhile(
    database: Database, store_type: type[PostgresStore]
) -> Sequence[Accepted]:
    """Submit a copy while another one of it is inserted and not yet committed; commit; return what the copy hears."""
    rival, copy = new_payment("key-1"), renewed(new_payment("key-1"), accepted_at=NOW)
    async with open_pool(database.application_dsn) as pool, asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        store = store_type(pool, region=REGION, vault=VAULT)
        async with pool.acquire() as connection, connection.transaction():
            parameters = accept_parameters([rival], VAULT, region=REGION, epochs=[FIRST_EPOCH])
            await connection.fetch(statements.ACCEPT, REGION, *parameters)
            answering = tasks.create_task(_accept(store, copy))
            await until_somebody_waits_for_a_lock(pool)
        return await answering


async def answers_to_another_payment_with_an_instruction_id_that_is_being_claimed(
    database: Database,
) -> Sequence[Accepted]:
    """Submit it while the one that has the id is inserted and not yet committed; commit; return what it hears."""
    async with open_pool(database.application_dsn) as pool, asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        async with pool.acquire() as connection, connection.transaction():
            parameters = accept_parameters([over_rtp("key-1")], VAULT, region=REGION, epochs=[FIRST_EPOCH])
            await connection.fetch(statements.ACCEPT, REGION, *parameters)
            answering = tasks.create_task(_accept(store, over_rtp("key-2")))
            await until_somebody_waits_for_a_lock(pool, or_is_done=answering)
        return await answering


async def test_an_instruction_id_that_is_claimed_at_the_same_moment_is_waited_for(database: Database) -> None:
    """A look alone does not see what is not committed: the claim's key does."""
    [outcome] = await answers_to_another_payment_with_an_instruction_id_that_is_being_claimed(database)

    assert outcome.kind is AcceptKind.INSTRUCTION_ID_TAKEN


async def test_without_the_claims_key_both_payments_go_to_the_rail(database: Database) -> None:
    """The control: the look into the payments was too early."""
    await _as_owner(database, "ALTER TABLE instruction_claim DROP CONSTRAINT instruction_claim_pk")

    [outcome] = await answers_to_another_payment_with_an_instruction_id_that_is_being_claimed(database)

    assert outcome.kind is AcceptKind.CREATED


async def test_what_was_accepted_without_a_claim_is_found_in_the_payments(database: Database) -> None:
    """By a program of the former revision, or by another region."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        await store.accept([over_rtp("key-1")])
        await pool.execute("DELETE FROM instruction_claim")

        outcomes = await store.accept([over_rtp("key-2"), over_rtp("key-3", instruction_id="OTHER")])

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.INSTRUCTION_ID_TAKEN, AcceptKind.CREATED]


async def _as_owner(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _accept(store: PostgresStore, new: NewPayment) -> Sequence[Accepted]:
    return await store.accept([new])


async def until_somebody_waits_for_a_lock(
    pool: asyncpg.Pool, *, or_is_done: asyncio.Task[Sequence[Accepted]] | None = None
) -> None:
    """Return once a statement of this database waits for another's transaction, or where it never does, is done."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await pool.fetchval(waiting) and not (or_is_done is not None and or_is_done.done()):
        await asyncio.sleep(0.005)


async def test_a_claim_that_is_committed_while_we_wait_for_it_is_answered(database: Database) -> None:
    """The read is a statement of its own: it sees what the insert waited for."""
    outcomes = await answers_to_a_repeat_whose_rival_commits_meanwhile(database, PostgresStore)

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.REPLAYED]


async def test_a_store_that_reads_in_the_same_statement_leaves_it_unanswered(database: Database) -> None:
    """The control: this is how 1,405 of 4,800 equal keys went without an answer once."""
    outcomes = await answers_to_a_repeat_whose_rival_commits_meanwhile(database, SameStatementStore)

    assert outcomes == []
