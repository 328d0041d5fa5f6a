"""Sealing on PostgreSQL: what commits late is sealed and never skipped, and a trail outlives a dump."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres import statements
from adapters.postgres.cluster import find_programs
from adapters.postgres.connection import open_pool
from adapters.postgres.rows import accept_parameters
from adapters.postgres.sealing import PostgresAudit
from adapters.postgres.server import EmbeddedPostgres
from gateway.domain.audit import chained
from gateway.domain.events import EventKind
from gateway.domain.payment import FundsHolder
from gateway.domain.regions import FIRST_EPOCH
from gateway.service.chain import acceptance_facts, message_facts, payment_facts
from gateway.service.ports import Anchor, HistoryBeganAnewError, NewPayment
from gateway.service.verify_audit import Trail, ViolationKind
from tests.conftest import REGION, Database
from tests.integration.audit.harness import PostgresPlace, sealed_all, settled, verified
from tests.integration.store.harness import NOW, VAULT, accepted, decision, new_payment, now_of

LATER = NOW + timedelta(minutes=1)
WRITERS = 12
PAYMENTS = 15


class BySequenceAudit(PostgresAudit):
    """Seals up to the highest number that it sees: as one does who goes by a sequence."""

    async def _before(self, connection: object) -> int:
        assert isinstance(connection, asyncpg.pool.PoolConnectionProxy)
        return int(await connection.fetchval("SELECT coalesce(max(sql_transaction), 0) + 1 FROM payment_event"))


async def save(connection: asyncpg.Connection, payments: Sequence[NewPayment]) -> None:
    """Save new payments as the store does, in a transaction that the caller ends."""
    parameters = accept_parameters(payments, VAULT, region=REGION, epochs=[FIRST_EPOCH] * len(payments))
    await connection.fetch(statements.ACCEPT, REGION, *parameters)


async def late_commit(database: Database, audit_type: type[PostgresAudit]) -> Trail:
    """One transaction writes and waits; others write and commit; all that can be is sealed; then the first commits."""
    place = PostgresPlace(database)
    slow = await asyncpg.connect(database.application_dsn)
    async with open_pool(database.application_dsn) as pool, place.open() as [opened]:
        audit = audit_type(pool, region=REGION)
        transaction = slow.transaction()
        await transaction.start()
        await save(slow, [new_payment("late")])
        await settled(opened.store, "early")
        await sealed_all(audit)
        await transaction.commit()
        await settled(opened.store, "after")
        anchors = await sealed_all(audit)
    await slow.close()
    return await verified(place, anchors)


async def test_an_event_that_commits_late_is_sealed(database: Database) -> None:
    """It has a lower number than events that were committed before it: the seal waits for it."""
    trail = await late_commit(database, PostgresAudit)

    assert trail.violations == []
    assert trail.regions[REGION].sealed_events == trail.events == 7


async def test_a_sealer_that_goes_by_a_sequence_misses_it(database: Database) -> None:
    """The control: what was sealed is not what is there, for good."""
    trail = await late_commit(database, BySequenceAudit)

    assert {violation.kind for violation in trail.violations} == {ViolationKind.SEALED_EVENTS_DIFFER}
    assert trail.regions[REGION].sealed_events == trail.events  # and it is under no seal's digest


async def test_nothing_from_a_running_transaction_on_is_sealed(database: Database) -> None:
    """The window that is not sealed is stated while somebody holds it open."""
    place = PostgresPlace(database)
    slow = await asyncpg.connect(database.application_dsn)
    async with place.open() as [opened]:
        await settled(opened.store, "before")
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetchval("SELECT pg_current_xact_id()")
        await settled(opened.store, "beside")

        await sealed_all(opened.audit)
        during = await opened.audit.unsealed()
        await transaction.rollback()
        await sealed_all(opened.audit)
        after = await opened.audit.unsealed()
    await slow.close()

    assert (during.events, during.oldest_at) == (3, NOW)
    assert (after.events, after.oldest_at) == (0, None)


async def test_writers_that_commit_in_any_order_are_sealed_whole(database: Database) -> None:
    """Twelve at once, some slow, some rolled back, while two sealers run: every event under exactly one seal."""
    place = PostgresPlace(database)
    drawn = random.Random(20261122)
    written = 0

    async def write(writer: int, waits_s: Sequence[float]) -> None:
        nonlocal written
        connection = await asyncpg.connect(database.application_dsn)
        try:
            for number, wait_s in enumerate(waits_s):
                transaction = connection.transaction()
                await transaction.start()
                await save(connection, [new_payment(f"{writer}-{number}")])
                await asyncio.sleep(wait_s)
                if number % 5 == 4:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    written += 1
        finally:
            await connection.close()

    async def seal(audit: PostgresAudit, until: asyncio.Event) -> None:
        while not until.is_set():
            await audit.seal(at=LATER, events_max=7)
            await asyncio.sleep(0.003)

    async with open_pool(database.application_dsn) as pool:
        done = asyncio.Event()
        async with asyncio.TaskGroup() as sealers:
            for _ in range(2):
                sealers.create_task(seal(PostgresAudit(pool, region=REGION), done))
            async with asyncio.TaskGroup() as writers:
                for writer in range(WRITERS):
                    waits = [drawn.choice((0.0, 0.002, 0.03)) for _ in range(PAYMENTS)]
                    writers.create_task(write(writer, waits))
            done.set()
        anchors = await sealed_all(PostgresAudit(pool, region=REGION))

    trail = await verified(place, anchors)

    assert trail.violations == []
    assert trail.regions[REGION].sealed_events == trail.events == written == WRITERS * PAYMENTS * 4 // 5
    assert trail.regions[REGION].seals > 5


async def test_a_database_that_counts_its_transactions_anew_is_not_sealed(database: Database) -> None:
    """As after a restore from a dump: what is written then would fall among what is sealed."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("INSERT INTO audit_seal VALUES ('local', 1, '', '', 0, 0, 1000000000000, now(), sha256(''))")
    await owner.close()
    async with PostgresPlace(database).open() as [opened]:
        await settled(opened.store, "after the restore")

        with pytest.raises(HistoryBeganAnewError, match="restored from a dump"):
            await opened.audit.seal(at=LATER, events_max=10)

        assert (await opened.audit.unsealed()).seals == 1


async def test_a_trail_outlives_dump_and_restore(
    database: Database, postgres_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """What is hashed is what PostgreSQL gives back: instants, JSON and bytes are the same in another database."""
    place = PostgresPlace(database)
    async with place.open() as [opened]:
        for number in range(5):
            await settled(opened.store, f"key-{number}")
        anchors = await sealed_all(opened.audit, events_max=4)
    server, name = postgres_server.superuser_dsn.rpartition("/")[0], database.owner_dsn.rpartition("/")[2]
    connection = await asyncpg.connect(f"{server}/postgres")
    await connection.execute(f"CREATE DATABASE {name}_restored OWNER fifteen_owner")
    await connection.close()

    programs = find_programs(None, tmp_path)
    dump = await asyncio.to_thread(programs.run, "pg_dump", f"{server}/{name}", directory=tmp_path)
    restored = f"{server}/{name}_restored"
    await asyncio.to_thread(
        programs.run, "psql", "--quiet", "--set=ON_ERROR_STOP=1", restored, directory=tmp_path, text=dump
    )

    trail = await verified(PostgresPlace(Database(restored, restored)), anchors)
    assert trail.violations == []
    assert (trail.events, trail.regions[REGION].anchored_seals) == (15, len(anchors))


# --- What was written before there were chains ----------------------------------------------------------------------


async def made_old(database: Database, place: PostgresPlace) -> None:
    """A payment as revision 0003 has left it, and the migration found it."""
    async with place.open() as [opened]:
        await settled(opened.store, "old")
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE payment_event SET digest = NULL, sql_transaction = 0")
    await owner.execute("UPDATE payment_state SET event_digest = NULL")
    await owner.execute("UPDATE message SET event_sequence = NULL")
    await owner.close()


async def test_events_from_before_the_chains_are_under_the_first_seal(database: Database) -> None:
    """Unchained, and counted as such; what follows them is chained; a later change of theirs is found."""
    place = PostgresPlace(database)
    await made_old(database, place)
    async with place.open() as [opened]:
        open_payment = await accepted(opened.store, "new")
        await opened.store.save([decision(open_payment, EventKind.DEADLINE_PASSED)])
        anchors = await sealed_all(opened.audit)

    sound = await verified(place, anchors)
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE payment_event SET state_after = 'REJECTED' WHERE sequence = 3")
    await owner.close()
    changed = await verified(place, anchors)

    assert (sound.violations, sound.unchained_events, sound.regions[REGION].sealed_events) == ([], 3, 5)
    kinds = {violation.kind for violation in changed.violations}
    assert kinds == {ViolationKind.SEALED_EVENTS_DIFFER, ViolationKind.STATE_DIFFERS}


async def test_the_chain_of_an_old_payment_begins_with_its_next_event(database: Database) -> None:
    """It follows nothing, and everything after it follows it."""
    place = PostgresPlace(database)
    await made_old(database, place)
    async with place.open() as [opened]:
        payment = (await opened.store.accept([new_payment("old")]))[0].payment
        assert payment is not None
        payment = await now_of(opened.store, payment)
        for after_s in (5.0, 6.0):
            late = decision(payment, EventKind.POSTING_REPORTED, after_s=after_s)
            assert await opened.store.save([late]) == [True]
            payment = await now_of(opened.store, payment)
        anchors: Sequence[Anchor] = await sealed_all(opened.audit)

    trail = await verified(place, anchors)

    assert (trail.violations, trail.events, trail.unchained_events) == ([], 5, 3)


async def test_an_event_of_a_former_release_in_a_chained_payment_is_named(database: Database) -> None:
    """It is under a seal, but nothing says that its predecessor was what it is: stop the old workers first."""
    place = PostgresPlace(database)
    async with place.open() as [opened]:
        payment = await settled(opened.store, "mixed")
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(
        "INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_before, state_after, "
        "details, contradiction, at) "
        "SELECT region, payment_id, tenant_id, epoch, 4, 'PostingReported', 'SETTLED', 'SETTLED', '{}', false, at "
        "FROM payment_event WHERE sequence = 3"
    )
    await owner.execute("UPDATE payment_state SET version = 4")
    await owner.close()

    trail = await verified(place)

    [violation] = trail.violations
    assert violation.kind is ViolationKind.EVENT_UNCHAINED
    assert violation.place == f"payment {payment.payment_id}, event 4"


async def test_a_payment_whose_first_digest_has_the_former_form_is_sound(database: Database) -> None:
    """It was written before the form had who holds the money: that alone nobody can vouch for."""
    place = PostgresPlace(database)
    async with place.open() as [opened]:
        new = new_payment("former")
        await opened.store.accept([new])
    owner = await asyncpg.connect(database.owner_dsn)
    facts = payment_facts(new, FundsHolder.TENANT, region=REGION)
    kept = message_facts(new.message, VAULT.seal(new.message.body), at=new.accepted_at)
    acceptance = acceptance_facts(new, region=REGION).digest([kept])
    former = chained(hashlib.sha256(facts.former_canonical()).digest(), epoch=1, facts=acceptance)
    await owner.execute("UPDATE payment_event SET digest = $1", former)
    await owner.execute("UPDATE payment_state SET event_digest = $1", former)

    sound = await verified(place)
    await owner.execute("UPDATE payment SET amount_cents = amount_cents + 1")
    changed = await verified(place)
    await owner.close()

    assert sound.violations == []
    assert [violation.kind for violation in changed.violations] == [ViolationKind.EVENT_CHANGED]
