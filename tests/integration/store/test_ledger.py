"""What every `Ledger` must tell, in memory and on PostgreSQL; and that the database takes no one-sided posting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module

import asyncpg
import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.ledger import PostgresLedger
from gateway.domain.events import EventKind
from gateway.domain.ledger import Account
from gateway.domain.payment import Rail
from gateway.service.ports import Ledger, PaymentStore
from tests.conftest import TENANT, Database, demand_balance
from tests.fakes.ledger import InMemoryLedger
from tests.fakes.store import InMemoryStore
from tests.integration.store.harness import (
    OTHER_TENANT,
    MemoryStand,
    PostgresStand,
    accepted,
    decision,
    new_payment,
    saved,
)

AMOUNT = 5174


@asynccontextmanager
async def opened(database: Database | None) -> AsyncIterator[tuple[PaymentStore, Ledger]]:
    """A store and its ledger, in memory or on a database."""
    if database is None:
        memory = InMemoryStore()
        async with MemoryStand(memory).open(1) as stores:
            yield stores[0], InMemoryLedger(memory)
        return
    async with PostgresStand(database).open(1) as stores, open_pool(database.application_dsn) as pool:
        yield stores[0], PostgresLedger(pool)


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Database | None:
    """A database, or none for memory."""
    return None if request.param == "memory" else request.getfixturevalue("database")


@pytest.fixture
async def books(place: Database | None) -> AsyncIterator[tuple[PaymentStore, Ledger]]:
    """Both kinds."""
    async with opened(place) as both:
        yield both


async def held(ledger: Ledger) -> dict[Account, int]:
    """What each account of the one tenant holds that was ever booked on."""
    balances = await ledger.balances(TENANT)
    assert balances == await ledger.balances()
    assert {(balance.tenant_id, balance.rail) for balance in balances} <= {(TENANT, Rail.FEDNOW)}
    return {balance.account: balance.amount_cents for balance in balances}


async def test_nothing_is_booked_before_a_payment_is_sent(books: tuple[PaymentStore, Ledger]) -> None:
    """Accepted is not reserved; and there is nothing to balance."""
    store, ledger = books
    await accepted(store)

    assert await ledger.balances() == []
    assert await ledger.faults(limit=10) == []


async def test_a_payment_is_reserved_posted_and_voided_as_its_state_says(books: tuple[PaymentStore, Ledger]) -> None:
    """Reserved with SENDING, posted with the settlement, given back with the rejection."""
    store, ledger = books
    first = await saved(store, await accepted(store, "key-1"), EventKind.SENDING_STARTED)
    second = await saved(store, await accepted(store, "key-2"), EventKind.SENDING_STARTED)
    assert await held(ledger) == {Account.FUNDS: -2 * AMOUNT, Account.RESERVED: 2 * AMOUNT}

    await saved(store, first, EventKind.SETTLEMENT_REPORTED)
    assert await held(ledger) == {Account.FUNDS: -2 * AMOUNT, Account.RESERVED: AMOUNT, Account.RAIL: AMOUNT}

    await saved(store, second, EventKind.REJECTION_REPORTED)
    assert await held(ledger) == {Account.FUNDS: -AMOUNT, Account.RESERVED: 0, Account.RAIL: AMOUNT}
    assert await ledger.balances(OTHER_TENANT) == []
    assert await ledger.faults(limit=10) == []


async def test_what_loses_the_race_books_nothing(books: tuple[PaymentStore, Ledger]) -> None:
    """A decision that is not saved leaves no posting behind."""
    store, ledger = books
    payment = await accepted(store)
    both = [decision(payment, EventKind.SENDING_STARTED), decision(payment, EventKind.SETTLEMENT_REPORTED)]

    assert [(await store.save([one]))[0] for one in both] == [True, False]
    assert await held(ledger) == {Account.FUNDS: -AMOUNT, Account.RESERVED: AMOUNT}


@pytest.mark.unbalanced("a decision without its postings is planted")
async def test_a_forgotten_posting_is_found(books: tuple[PaymentStore, Ledger]) -> None:
    """The control: a settled payment whose settlement was not booked is named, with what is booked."""
    store, ledger = books
    sent = await saved(store, await accepted(store), EventKind.SENDING_STARTED)
    assert await store.save([replace(decision(sent, EventKind.SETTLEMENT_REPORTED), postings=())]) == [True]

    (fault,) = await ledger.faults(limit=10)

    assert fault.payment_id == sent.payment_id
    assert fault.state is not None
    assert fault.booked == {Account.FUNDS: -AMOUNT, Account.RESERVED: AMOUNT, Account.RAIL: 0, Account.ARRIVED: 0}


@pytest.mark.parametrize(
    ("debit", "credit", "constraint"),
    [("'rail'", "'rail'", "two_sides"), ("'rail'", "NULL", "credit"), ("'pocket'", "'funds'", "debit")],
)
async def test_the_database_takes_no_one_sided_posting(
    database: Database, debit: str, credit: str, constraint: str
) -> None:
    """Whatever a program believes: both sides, and both known."""
    connection = await asyncpg.connect(database.application_dsn)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
        await _plant(connection, debit=debit, credit=credit)
    await connection.close()


@pytest.mark.unbalanced("a one-sided posting is planted")
async def test_a_one_sided_posting_is_caught_where_the_guard_is_gone(database: Database) -> None:
    """The control of the check that ends every test on a database."""
    await demand_balance(database)
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("ALTER TABLE ledger_posting ALTER COLUMN credit DROP NOT NULL")
    await _plant(owner, debit="'rail'", credit="NULL")
    await owner.close()

    with pytest.raises(AssertionError, match="amount_cents=100"):
        await demand_balance(database)


async def _plant(connection: asyncpg.Connection[asyncpg.Record], *, debit: str, credit: str) -> None:
    await connection.execute(
        "INSERT INTO ledger_posting VALUES ('local', gen_random_uuid(), 'default', 'fednow', 1, 2, 'post', "
        f"{debit}, {credit}, 100, now())"
    )


async def test_the_upgrade_books_what_was_paid_before_there_was_a_ledger(database: Database) -> None:
    """From the history alone, the same postings as the program has made."""
    async with opened(database) as (store, _):
        await saved(store, await accepted(store, "waits"), EventKind.SENDING_STARTED)
        settled = await saved(store, await accepted(store, "settled"), EventKind.SENDING_STARTED)
        await saved(store, settled, EventKind.SETTLEMENT_REPORTED)
        rejected = await saved(store, await accepted(store, "rejected"), EventKind.SENDING_STARTED)
        await saved(store, rejected, EventKind.REJECTION_REPORTED)
        await saved(store, await accepted(store, "strange"), EventKind.SETTLEMENT_REPORTED)
        await store.accept([new_payment("untouched")])
    owner = await asyncpg.connect(database.owner_dsn)
    everything = "SELECT * FROM ledger_posting ORDER BY payment_id, sequence, kind"
    booked = await owner.fetch(everything)
    await owner.execute("DELETE FROM ledger_posting")
    await owner.execute(import_module("adapters.postgres.migrations.versions.0005_ledger").BOOK)

    assert [tuple(row) for row in await owner.fetch(everything)] == [tuple(row) for row in booked]
    assert len(booked) == 7
    await owner.close()
