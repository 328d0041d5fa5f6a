"""What screening needs of the database, in memory and on PostgreSQL: rules, and limits that two at once cannot pass."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.screening import PostgresScreening
from gateway.domain.payment import PaymentId, TenantId
from gateway.domain.screening import ScreeningRules, Side, Source, VelocityRule, Way, screening_from
from gateway.service.ports import Moved, Movement, ScreeningStore
from gateway.service.screening import VelocityScreener
from iso20022 import Amount
from tests.conftest import TENANT, Database
from tests.fakes.screening import InMemoryScreening
from tests.integration.screening.test_screener_contract import subject

NOON: Final = datetime(2026, 11, 20, 17, tzinfo=UTC)
AT_ONCE: Final = 16


def movement(
    number: int, *, cents: int = 100, at_s: float = 0, account: bytes = b"a", way: Way = Way.OUTGOING
) -> Movement:
    """One payment of an account."""
    return Movement(
        tenant_id=TENANT,
        way=way,
        account_index=account,
        payment_id=PaymentId(UUID(int=number)),
        amount=Amount(cents),
        at=NOON + timedelta(seconds=at_s),
    )


@pytest.fixture(params=["in memory", "PostgreSQL"])
def database_or_none(request: pytest.FixtureRequest) -> Database | None:
    """The database of the real one."""
    return None if request.param == "in memory" else request.getfixturevalue("database")


@pytest.fixture
async def store(database_or_none: Database | None) -> AsyncIterator[ScreeningStore]:
    """The fake, and the real one."""
    if database_or_none is None:
        yield InMemoryScreening()
        return
    async with open_pool(database_or_none.application_dsn) as pool:
        yield PostgresScreening(pool)


async def test_a_window_counts_what_was_counted_before_and_ends_with_its_payment(store: ScreeningStore) -> None:
    """Its own included; another account, another way and what is older are not."""
    await store.count_movement(movement(1, cents=1, at_s=-100), [60])
    await store.count_movement(movement(2, cents=10, at_s=-50), [60])
    await store.count_movement(movement(3, account=b"b"), [60])
    await store.count_movement(movement(4, way=Way.INCOMING), [60])

    found = await store.count_movement(movement(5, cents=1000), [60, 3600, 1])

    assert list(found) == [Moved(2, 1010), Moved(3, 1011), Moved(1, 1000)]


async def test_a_payment_that_is_looked_at_again_is_counted_once_and_found_as_it_was(store: ScreeningStore) -> None:
    """Its delivery may come any number of times, and others in between."""
    first = await store.count_movement(movement(1), [60])
    await store.count_movement(movement(2), [60])

    again = await store.count_movement(movement(1), [60])
    third = await store.count_movement(movement(3), [60])

    assert (list(first), list(again), list(third)) == ([Moved(1, 100)], [Moved(1, 100)], [Moved(3, 300)])


async def test_of_payments_at_once_each_sees_those_that_were_counted_before_it(store: ScreeningStore) -> None:
    """A limit of ten passes ten of sixteen, whoever comes first: not one more."""
    found = await asyncio.gather(*(store.count_movement(movement(number), [60]) for number in range(AT_ONCE)))

    assert sorted(moved.count for (moved,) in found) == list(range(1, AT_ONCE + 1))


UNLOCKED: Final = """
WITH counted AS (
    INSERT INTO movement (tenant_id, way, account_index, payment_id, amount_cents, at) VALUES ($1, $2, $3, $4, $5, $6)
)
SELECT 1 + count(*) FROM movement WHERE tenant_id = $1 AND way = $2 AND account_index = $3
"""


async def test_a_count_without_the_lock_passes_more_than_the_limit(database: Database) -> None:
    """The control: two that count at once do not see one another."""
    rows = [movement(number) for number in range(2)]
    async with open_pool(database.application_dsn) as pool, pool.acquire() as one, pool.acquire() as other:
        counts = []
        async with one.transaction(), other.transaction():
            for connection, row in zip((one, other), rows, strict=True):
                values = (row.tenant_id, row.way.value, row.account_index, row.payment_id, row.amount.cents, row.at)
                counts.append(await connection.fetchval(UNLOCKED, *values))

    assert counts == [1, 1]


async def test_what_no_window_reaches_is_forgotten(store: ScreeningStore) -> None:
    """And what one reaches is not."""
    await store.count_movement(movement(1, at_s=-100), [3600])
    await store.count_movement(movement(2), [3600])

    await store.forget_movements(NOON)

    assert list(await store.count_movement(movement(3), [3600])) == [Moved(2, 200)]


async def test_rules_are_read_as_they_are_registered_and_a_fault_is_told(database: Database) -> None:
    """A tenant that has registered none is left out; one whose rules are none keeps its fault."""
    rules = {"outgoing": {"lists": ["own.csv"]}}
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE tenant SET screening = $1::jsonb WHERE tenant_id = $2", json.dumps(rules), TENANT)
    await owner.execute(
        "INSERT INTO tenant (tenant_id, name, created_at, screening) VALUES ('slip', 'Slip', now(), '{\"both\": {}}'), "
        "('none', 'None', now(), '{}')"
    )
    await owner.close()
    async with open_pool(database.application_dsn) as pool:
        found = await PostgresScreening(pool).screening_policies()

    assert found[TENANT] == screening_from(rules)
    assert found[TenantId("slip")].fault == "the policy: nothing is known of both"
    assert TenantId("none") not in found


async def test_a_limit_finds_what_is_above_it_and_says_which_and_by_how_much(store: ScreeningStore) -> None:
    """Counts and sums, of either side's account; the side that pays is not the side that is paid."""
    screener = VelocityScreener(store, ClearVault(b"test"))
    limits = (
        VelocityRule(account=Side.DEBTOR, window_s=60, count_max=1),
        VelocityRule(account=Side.CREDITOR, window_s=60, cents_max=10_000),
    )
    rules = ScreeningRules(velocity=limits)

    first = await screener.screen(rules, subject(), within_s=1)
    again = await screener.screen(rules, subject(), within_s=1)
    second = await screener.screen(rules, replace(subject(), payment_id=PaymentId(UUID(int=16))), within_s=1)

    assert (list(first), list(again)) == ([], [])
    assert [(hit.source, hit.rule, hit.about, hit.text) for hit in second] == [
        (Source.VELOCITY, "limit 1", "debtor account", "2 payments of at most 1 in 60 s"),
        (Source.VELOCITY, "limit 2", "creditor account", "103.48 USD of at most 100.00 in 60 s"),
    ]
