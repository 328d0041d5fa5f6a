"""What was said in conversations goes to the archive with what was paid, and is read here as before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from adapters.archive.directory import DirectoryArchive
from adapters.postgres.archive import PostgresArchiveIndex
from adapters.postgres.conversations import PostgresConversations
from gateway.domain.conversation import Act, Conversation
from gateway.domain.payment import PaymentId
from gateway.service.conversations.decide import decided
from gateway.service.ports import Sealed
from gateway.service.verify_audit import ViolationKind
from tests.conftest import REGION, Database
from tests.integration.archive.harness import KEYS, LATER, Place, open_place, reader_at
from tests.integration.audit.harness import settled
from tests.integration.store.test_conversations_contract import NOW, new, raw


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A database, and a directory."""
    async with open_place(database, DirectoryArchive(tmp_path)) as opened:
        yield opened


def talks(place: Place) -> PostgresConversations:
    """Where conversations are kept."""
    return PostgresConversations(place.pool, region=REGION, vault=KEYS)


async def asked(place: Place) -> Conversation:
    """A request for payment of ours."""
    return (await talks(place).open(new())).conversation


async def refused(place: Place, conversation: Conversation) -> Conversation:
    """The same, once it was refused."""
    assert await talks(place).save(decided(conversation, Act.REFUSED, at=NOW, received=raw()))
    found = await talks(place).load(conversation.conversation_id)
    assert found is not None
    return found


async def in_the_archive(place: Place, conversation: Conversation) -> Sequence[bytes]:
    """The bytes that the archive gives back of it, opened."""
    async with place.pool.acquire() as connection:
        found = await PostgresArchiveIndex(connection).of_payments([PaymentId(conversation.conversation_id)])
    bodies = await reader_at(place.archive, LATER).bodies(found)
    sealed = [Sealed(each.facts.key_id, body) for each, body in zip(found, bodies, strict=True)]
    return [KEYS.open(each) for each in sealed]


async def test_the_messages_of_conversations_are_archived_with_those_of_payments(place: Place) -> None:
    """In one object, verified, with their chain, and once; they are read here as before, and hold no month."""
    over, still_open = await refused(place, await asked(place)), await asked(place)
    await settled(place.store, "one")
    before = await talks(place).messages(over.conversation_id)

    passed = await place.archiver().archive_due()
    again = await place.archiver().archive_due()

    assert (passed.segments, passed.messages, passed.left_at) == (1, 3 + 2 + 1, None)
    assert (again.segments, again.messages) == (0, 0)
    assert [(verdict.messages, verdict.is_sound) for verdict in await place.verdicts()] == [(6, True)]
    assert sorted(await in_the_archive(place, over)) == sorted(each.body for each in before)
    assert len(await in_the_archive(place, still_open)) == 1
    [retired] = await place.retire()
    assert retired.is_dropped
    assert await talks(place).messages(over.conversation_id) == before
    trail = await place.audited()
    assert (trail.violations, trail.messages, trail.archived_messages) == ([], 6, 3)


async def test_what_is_said_later_goes_with_a_later_pass(place: Place) -> None:
    """That a conversation is open holds nothing back: its messages stay here as well."""
    open_one = await asked(place)
    first = await place.archiver().archive_due()

    await refused(place, open_one)

    assert (first.messages, (await place.archiver().archive_due()).messages) == (1, 1)
    assert len(await in_the_archive(place, open_one)) == 2


async def test_a_message_that_says_something_else_than_its_digest_is_left_and_an_archived_one_is_missed(
    place: Place,
) -> None:
    """What was changed here is no evidence for the archive; what was deleted here is still told, and found there."""
    over, changed = await refused(place, await asked(place)), await refused(place, await asked(place))
    named = f"conversation_id = '{changed.conversation_id}'"
    await place.execute(f"UPDATE conversation_message SET body = body || ' '::bytea WHERE {named}")

    assert (await place.archiver().archive_due()).messages == 2
    kept = [each.body for each in await talks(place).messages(over.conversation_id)]
    await place.execute(f"DELETE FROM conversation_message WHERE conversation_id = '{over.conversation_id}'")

    assert sorted(await in_the_archive(place, over)) == sorted(kept)
    trail = await place.audited()
    assert trail.archived_messages == 2
    assert {each.kind for each in trail.violations} == {ViolationKind.MESSAGE_CHANGED}
    assert all(str(changed.conversation_id) in each.place for each in trail.violations)
