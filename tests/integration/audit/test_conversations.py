"""What is said in conversations stands in the same chain, and under the same seals, as what is paid."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

import asyncpg
import pytest

from adapters.postgres.audit import PostgresAuditReader
from adapters.postgres.connection import open_pool
from adapters.postgres.conversation_tables import conversation, conversation_event, conversation_message
from adapters.postgres.conversations import PostgresConversations
from gateway.domain.conversation import Act, ConversationId
from gateway.service.conversations.decide import decided
from gateway.service.ports import MessageDirection
from gateway.service.verify_audit import Trail, ViolationKind, verify
from tests.conftest import REGION, Database
from tests.integration.audit.harness import PostgresPlace, sealed_all, settled, verified
from tests.integration.store.harness import VAULT
from tests.integration.store.test_conversations_contract import NOW, new, raw

FACT_EDITS: Final[Mapping[str, str]] = {
    "tenant_id": "tenant_id || 'x'",
    "rail": "'rtp'",
    "kind": "'account_report'",
    "side": "CASE side WHEN 'in' THEN 'out' ELSE 'in' END",
    "message_id": "message_id || 'X'",
    "content_digest": "sha256(content_digest)",
    "own_agent": "own_agent || 'X'",
    "counterparty": "counterparty || 'X'",
    "topic": "coalesce(topic, '') || 'X'",
    "amount_cents": "coalesce(amount_cents, 0) + 1",
    "end_to_end_id": "end_to_end_id || 'X'",
    "about_id": "gen_random_uuid()",
    "opened_at": "opened_at + interval '1 microsecond'",
    "pay_by": "coalesce(pay_by, opened_at) + interval '1 microsecond'",
    "expires_at": "coalesce(expires_at, opened_at) + interval '1 microsecond'",
}
EVENT_EDITS: Final[Mapping[str, str]] = {
    "tenant_id": "tenant_id || 'x'",
    "sequence": "sequence + 100",
    "act": "act || 'X'",
    "state_before": "coalesce(state_before, '') || 'X'",
    "state_after": "CASE state_after WHEN 'PAID' THEN 'REFUSED' ELSE 'PAID' END",
    "reason_code": "coalesce(reason_code, '') || 'X'",
    "reason_origin": "coalesce(reason_origin, '') || 'X'",
    "reason_text": "coalesce(reason_text, '') || 'X'",
    "business_message_id": "coalesce(business_message_id, '') || 'X'",
    "payment_id": "gen_random_uuid()",
    "decided_by": "coalesce(decided_by, '') || 'X'",
    "strange": "NOT strange",
    "at": "at + interval '1 microsecond'",
    "epoch": "epoch + 1",
    "digest": "sha256(digest)",
    "sql_transaction": "sql_transaction + 1",
}
MESSAGE_EDITS: Final[Mapping[str, str]] = {
    "message_id": "gen_random_uuid()",
    "tenant_id": "tenant_id || 'x'",
    "direction": "CASE direction WHEN 'rail_in' THEN 'rail_out' ELSE 'rail_in' END",
    "message_type": "message_type || 'X'",
    "business_message_id": "business_message_id || 'X'",
    "content_type": "content_type || 'X'",
    "key_id": "key_id || 'X'",
    "body": "body || ' '::bytea",
    "digest": "sha256(digest)",
    "sequence": "sequence + 100",
    "at": "at + interval '1 microsecond'",
}
STATE_EDITS: Final[Mapping[str, str]] = {
    "state": "CASE state WHEN 'PAID' THEN 'REFUSED' ELSE 'PAID' END",
    "version": "version + 1",
    "updated_at": "updated_at + interval '1 microsecond'",
    "event_digest": "sha256(event_digest)",
}


async def _talk(database: Database) -> ConversationId:
    """A request of ours that was accepted, and paid by somebody's word: three acts."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresConversations(pool, region=REGION, vault=VAULT)
        asked = (await store.open(new())).conversation
        assert await store.save(decided(asked, Act.ACCEPTED, at=NOW, received=raw(MessageDirection.RAIL_IN)))
        accepted = await store.load(asked.conversation_id)
        assert accepted is not None
        assert await store.save(decided(accepted, Act.WITHDRAWAL_ASKED, at=NOW, said=[raw(), raw()], by="tenant"))
    return asked.conversation_id


@pytest.fixture
async def place(database: Database) -> PostgresPlace:
    """Two conversations between payments, all sealed."""
    place = PostgresPlace(database)
    async with place.open() as [opened]:
        await settled(opened.store, "before")
        await _talk(database)
        await settled(opened.store, "between")
        await _talk(database)
        await sealed_all(opened.audit, events_max=4)
    return place


@pytest.fixture
async def owner(place: PostgresPlace) -> AsyncIterator[asyncpg.Connection]:
    """Who can do everything."""
    connection = await asyncpg.connect(place.database.owner_dsn)
    yield connection
    await connection.close()


async def _looked_at(owner: asyncpg.Connection, statement: str) -> Trail:
    """What a verification finds once this was done, which is taken back."""
    undone = owner.transaction(isolation="repeatable_read")
    await undone.start()
    try:
        assert await owner.execute(statement) not in {"UPDATE 0", "DELETE 0"}
        return await verify(PostgresAuditReader(owner), (), local=REGION)
    finally:
        await undone.rollback()


async def test_conversations_are_under_the_seals_of_payments(place: PostgresPlace) -> None:
    """The control: untouched it is sound, and nothing of it is unsealed or unchained."""
    trail = await verified(place)

    assert trail.violations == []
    assert (trail.payments, trail.events, trail.unchained_events) == (4, 12, 0)
    assert (trail.regions[REGION].sealed_events, trail.regions[REGION].unsealed_events) == (12, 0)


async def test_the_change_of_any_column_of_a_conversation_is_found(owner: asyncpg.Connection) -> None:
    """Of its facts, acts, messages and state; and of none is it forgotten here."""
    first = "(SELECT min(conversation_id::text)::uuid FROM conversation)"
    unseen = []
    for table, edits in (
        ("conversation", FACT_EDITS),
        ("conversation_event", EVENT_EDITS),
        ("conversation_message", MESSAGE_EDITS),
        ("conversation_state", STATE_EDITS),
    ):
        one = " AND sequence = 2" if table == "conversation_event" else ""
        for column, value in edits.items():
            edit = f"UPDATE {table} SET {column} = {value} WHERE conversation_id = {first}{one}"
            if (await _looked_at(owner, edit)).is_sound:
                unseen.append(f"{table}.{column}")

    assert unseen == []
    key = {"region", "conversation_id"}
    assert {*FACT_EDITS, *key} == set(conversation.columns.keys())
    assert {*EVENT_EDITS, *key} == set(conversation_event.columns.keys())
    assert {*MESSAGE_EDITS, *key, "position"} == set(conversation_message.columns.keys())


async def test_an_act_that_lost_its_digest_or_its_transaction_is_reported(owner: asyncpg.Connection) -> None:
    """The table takes neither; whoever may take the table's rule away is found out, and nothing dies of it."""
    first = "(SELECT min(conversation_id::text)::uuid FROM conversation)"
    found = {}
    for column in ("digest", "sql_transaction"):
        edit = f"UPDATE conversation_event SET {column} = NULL WHERE conversation_id = {first} AND sequence = 2"
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(edit)
        undone = owner.transaction(isolation="repeatable_read")
        await undone.start()
        await owner.execute("ALTER TABLE conversation_event DROP CONSTRAINT conversation_event_sealed_if_chained_ck")
        await owner.execute(edit)
        trail = await verify(PostgresAuditReader(owner), (), local=REGION)
        await undone.rollback()
        found[column] = {violation.kind for violation in trail.violations}

    assert {ViolationKind.EVENT_UNCHAINED, ViolationKind.SEALED_EVENTS_DIFFER} <= found["digest"]
    assert found["sql_transaction"] == {ViolationKind.EVENT_UNSEALABLE, ViolationKind.SEALED_EVENTS_DIFFER}


async def test_an_act_that_was_never_under_a_seal_for_want_of_a_transaction_is_reported(database: Database) -> None:
    """Chained, and put there before it was sealed: no seal misses it, so it is named by itself."""
    place = PostgresPlace(database)
    talk = await _talk(database)
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("ALTER TABLE conversation_event DROP CONSTRAINT conversation_event_sealed_if_chained_ck")
    await owner.execute(
        "UPDATE conversation_event SET sql_transaction = NULL WHERE conversation_id = $1 AND sequence = 3", talk
    )
    await owner.close()
    async with place.open() as [opened]:
        await sealed_all(opened.audit, events_max=4)

    trail = await verified(place)

    assert [(each.kind, each.place) for each in trail.violations] == [
        (ViolationKind.EVENT_UNSEALABLE, f"payment {talk}, event 3")
    ]


async def test_a_part_ends_between_conversations_as_between_payments(owner: asyncpg.Connection) -> None:
    """Of an institution with few payments and many conversations not everything is read at once."""
    ids = await owner.fetch("SELECT DISTINCT conversation_id AS id FROM conversation_event")
    async with owner.transaction(isolation="repeatable_read"):
        spans = await PostgresAuditReader(owner).spans(events=3)

    ends = {last.int for _, last in spans}
    assert len(spans) >= 4
    assert ends & {row["id"].int for row in ids}


async def test_an_act_with_a_transaction_and_no_digest_does_not_stop_the_sealer(database: Database) -> None:
    """It lies under the seal with what its facts give."""
    place = PostgresPlace(database)
    talk = await _talk(database)
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("ALTER TABLE conversation_event DROP CONSTRAINT conversation_event_sealed_if_chained_ck")
    await owner.execute("UPDATE conversation_event SET digest = NULL WHERE conversation_id = $1 AND sequence = 2", talk)
    await owner.close()

    async with place.open() as [opened]:
        seal = await opened.audit.seal(at=NOW + timedelta(minutes=1), events_max=100)

    assert seal is not None
    assert seal.events == 3


async def test_what_is_taken_out_of_a_conversation_is_found(owner: asyncpg.Connection) -> None:
    """Facts, acts, messages or the state, of all conversations."""
    tables = ("conversation", "conversation_event", "conversation_message", "conversation_state")

    unseen = [table for table in tables if (await _looked_at(owner, f"DELETE FROM {table}")).is_sound]

    assert unseen == []


async def test_a_conversation_that_is_gone_without_a_trace_is_missed_under_the_seals(owner: asyncpg.Connection) -> None:
    """No chain is left to break: that is what seals are for."""
    gone = """
        WITH events AS (DELETE FROM conversation_event), messages AS (DELETE FROM conversation_message),
            states AS (DELETE FROM conversation_state)
        DELETE FROM conversation
    """

    trail = await _looked_at(owner, gone)

    assert {violation.kind for violation in trail.violations} == {ViolationKind.SEALED_EVENTS_DIFFER}


async def test_a_seal_of_a_former_release_covers_no_conversation(database: Database) -> None:
    """While programs are rolled out the old ones seal payments alone: no false alarm, for good."""
    place = PostgresPlace(database)
    async with place.open() as [opened]:
        await settled(opened.store, "one")
        await _talk(database)
        await settled(opened.store, "two")
    owner = await asyncpg.connect(database.owner_dsn)
    before = await verified(place)
    await owner.execute("UPDATE conversation_event SET sql_transaction = sql_transaction + 1000000")  # seen by none
    async with place.open() as [opened]:
        seal = await opened.audit.seal(at=NOW + timedelta(minutes=1), events_max=100)
    assert seal is not None
    await owner.execute("UPDATE conversation_event SET sql_transaction = sql_transaction - 1000000")

    alarmed = await verified(place)
    former = replace(seal, covers_conversations=False)
    await owner.execute("UPDATE audit_seal SET covers_conversations = false, digest = $1", former.digest())
    after = await verified(place)
    await owner.close()

    assert before.is_sound
    assert {violation.kind for violation in alarmed.violations} == {ViolationKind.SEALED_EVENTS_DIFFER}
    assert after.violations == []
