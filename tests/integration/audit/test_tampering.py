"""Whatever the owner of the database does to the history is found; and what the application's role may do is little."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from adapters.postgres.upgrade import upgrade
from gateway.domain.payment import RegionId
from gateway.service.verify_audit import ViolationKind
from tests.conftest import REGION, Database
from tests.integration.audit.harness import PostgresPlace, sealed_all, settled, verified
from tests.integration.audit.tampering import (
    EVENT_EDITS,
    MESSAGE_EDITS,
    PAYMENT_EDITS,
    SEAL_EDITS,
    STATE_EDITS,
    Act,
    History,
    Tamper,
    Tamperer,
    applied_and_looked_for,
    history_of,
)
from tests.integration.store.harness import NOW

PAYMENTS: Final = 40
SEAL_EVENTS: Final = 10
TAMPERS: Final = 150
SEED: Final = 20261122


@pytest.fixture
async def place(database: Database) -> PostgresPlace:
    """A database with payments, all sealed, and the last seals small."""
    place = PostgresPlace(database)
    async with place.open() as [opened]:
        for number in range(PAYMENTS):
            await settled(opened.store, f"key-{number}")
        await sealed_all(opened.audit, events_max=SEAL_EVENTS)
    return place


@pytest.fixture
async def owner(place: PostgresPlace) -> AsyncIterator[asyncpg.Connection]:
    """Who can do everything."""
    connection = await asyncpg.connect(place.database.owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def history(owner: asyncpg.Connection) -> History:
    """What is there before anything is done to it."""
    return await history_of(owner)


async def test_what_nobody_has_touched_is_sound(place: PostgresPlace, history: History) -> None:
    """The control of all tests here."""
    trail = await verified(place, history.anchors)

    assert trail.violations == []
    assert trail.regions[REGION].sealed_events == trail.events == 3 * PAYMENTS
    assert trail.regions[REGION].seals == len(history.seals) >= 3 * PAYMENTS / SEAL_EVENTS


async def test_the_change_of_any_column_is_found(owner: asyncpg.Connection, history: History) -> None:
    """Of events, payments, messages, projection and seals: none is left out of what digests cover."""
    payment_id = history.payments[7]
    unseen = []
    for table, edits in (
        ("payment_event", EVENT_EDITS),
        ("payment", PAYMENT_EDITS),
        ("message", MESSAGE_EDITS),
        ("payment_state", STATE_EDITS),
        ("audit_seal", SEAL_EDITS),
    ):
        for column, value in edits.items():
            edit = _edit(table, column, value, payment_id)
            _, trail = await applied_and_looked_for(owner, history, edit)
            if trail.is_sound:
                unseen.append(f"{table}.{column}")

    assert unseen == []


def test_no_column_is_forgotten_in_the_test_above() -> None:
    """Not there: the keys that find the row, the region, which is its partition, and the slot, a digest of the key."""
    from adapters.postgres import tables

    for table, edits, keys in (
        (tables.payment_event, EVENT_EDITS, {"region", "payment_id"}),
        (tables.payment, PAYMENT_EDITS, {"region", "payment_id", "slot"}),
        (tables.message, MESSAGE_EDITS, {"region", "payment_id"}),
        (tables.audit_seal, SEAL_EDITS, {"region"}),
    ):
        assert {*edits, *keys} == {column.name for column in table.columns}


async def test_details_that_are_no_details_any_more_are_found(owner: asyncpg.Connection, history: History) -> None:
    """A column that takes any JSON: the verifier reads whatever is there, and does not stumble."""
    for value in ("[1, 2]", '"text"', "null", "17.5", '{"note": {"b": [true], "a": 1e400}}'):
        edit = _edit("payment_event", "details", f"'{value}'::jsonb", history.payments[7])
        _, trail = await applied_and_looked_for(owner, history, edit)
        assert [violation.kind for violation in trail.violations] == [ViolationKind.EVENT_CHANGED]


async def test_a_row_that_is_put_into_another_region_or_payment_is_found(
    place: PostgresPlace, owner: asyncpg.Connection, history: History
) -> None:
    """The keys themselves."""
    await upgrade(place.database.owner_dsn, regions=[REGION, RegionId("usw2")], first_tenant=None, now=NOW)
    one, other = history.payments[3], history.payments[4]
    unseen = []
    for table in ("payment_event", "payment", "message"):
        for change in ("region = 'usw2'", f"payment_id = '{UUID(int=other.int ^ 1)}'"):
            statement = f"UPDATE {table} SET {change} WHERE payment_id = '{one}'"
            _, trail = await applied_and_looked_for(
                owner, history, _executes(statement, {one, UUID(int=other.int ^ 1)})
            )
            if trail.is_sound:
                unseen.append(statement)

    assert unseen == []


@pytest.mark.parametrize("kind", ["edit", "delete", "insert", "reorder", "cut"])
async def test_each_way_to_tamper_is_found(owner: asyncpg.Connection, history: History, kind: str) -> None:
    """Also by who computes the payment's digests anew, and (with the anchors) the seals'."""
    tamperer = Tamperer(SEED)
    unseen = []
    for tamper in tamperer.kinds[kind]:
        done, trail = await applied_and_looked_for(owner, history, tamper)
        if trail.is_sound:
            unseen.append(done)

    assert unseen == []


async def test_random_tampers_are_all_found(owner: asyncpg.Connection, history: History) -> None:
    """A modest number; `python -m tests.proofs.audit` does a thousand in a million events."""
    tamperer = Tamperer(SEED)
    unseen = []
    for _ in range(TAMPERS):
        done, trail = await applied_and_looked_for(owner, history, tamperer.draw)
        if trail.is_sound:
            unseen.append(done)

    assert unseen == []


@pytest.mark.unbalanced("the history is tampered with")
async def test_a_whole_verification_finds_what_the_partial_one_finds(
    place: PostgresPlace, owner: asyncpg.Connection, history: History
) -> None:
    """Tampers are looked for where they were made: that is what a verification of everything comes to as well."""
    tamper = await Tamperer(SEED).edit_event_and_rechain(owner, history)

    trail = await verified(place, history.anchors)

    [violation] = trail.violations
    assert violation.kind is ViolationKind.SEALED_EVENTS_DIFFER
    assert violation.place == f"region {REGION}, seal {tamper.seals[0]}"


@pytest.mark.unbalanced("the history is tampered with")
async def test_without_anchors_a_history_that_was_cut_looks_sound(
    owner: asyncpg.Connection, history: History, place: PostgresPlace
) -> None:
    """The control: it is the anchors that find it, and nothing in the database could."""
    last = history.seals[-1].transactions_from
    await owner.execute(f"DELETE FROM audit_seal WHERE number = {len(history.seals)}")
    rows = await owner.fetch("DELETE FROM payment_event WHERE sql_transaction >= $1 RETURNING payment_id", last)
    for table in ("payment_event", "payment", "message", "payment_state"):
        await owner.execute(
            f"DELETE FROM {table} WHERE payment_id = ANY ($1::uuid[])", [row["payment_id"] for row in rows]
        )
    covered = {row["payment_id"] for row in await owner.fetch("SELECT payment_id FROM payment_event")}

    found = await verified(place, history.anchors)
    unseen = await verified(place)

    assert ViolationKind.HISTORY_CUT in {violation.kind for violation in found.violations}
    assert ViolationKind.HISTORY_CUT not in {violation.kind for violation in unseen.violations}
    assert len(covered) < PAYMENTS


# --- What the application's role may do ---------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["payment_event", "audit_seal", "message", "payment_event_local", "audit_seal_local"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET at = at", "DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"]
)
async def test_the_applications_role_cannot_change_the_trail(
    place: PostgresPlace, owner: asyncpg.Connection, table: str, statement: str
) -> None:
    """Neither through the table nor through its partition; and the owner can, so that the test can fail."""
    application = await asyncpg.connect(place.database.application_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute(statement.format(table))
    finally:
        await application.close()
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(statement.format(table))
    await transaction.rollback()


def _edit(table: str, column: str, value: str, payment_id: UUID) -> Act:
    where = "number = 5" if table == "audit_seal" else f"payment_id = '{payment_id}'"
    if table == "payment_event":
        where += " AND sequence = 2"

    async def edit(connection: asyncpg.Connection, history: History) -> Tamper:
        transaction = await connection.fetchval(
            "SELECT sql_transaction FROM payment_event WHERE payment_id = $1 AND sequence = 2", payment_id
        )
        number = 5 if table == "audit_seal" else history.seal_of(transaction)
        await connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {where}")
        return Tamper("edit", f"{table}.{column}", frozenset({payment_id}), (number, number + 1))

    return edit


def _executes(statement: str, payments: set[UUID]) -> Act:
    async def execute(connection: asyncpg.Connection, history: History) -> Tamper:
        await connection.execute(statement)
        return Tamper("edit", statement, frozenset(payments), (1, len(history.seals)))

    return execute
