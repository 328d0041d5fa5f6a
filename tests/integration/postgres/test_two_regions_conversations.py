"""Two regions on two servers, and conversations of which each begins in one of them and is seen in both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import import_module
from typing import Final
from uuid import UUID

import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.audit import open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.conversation_projection import PostgresConversationProjections
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.replication.connection import subscription_of
from adapters.postgres.replication.status import status
from adapters.postgres.server import EmbeddedPostgres
from gateway.domain.conversation import Act, Conversation, Side
from gateway.domain.payment import PaymentId, RegionId
from gateway.service.conversations.decide import decided
from gateway.service.ports import NotHomeError
from gateway.service.ports.conversations import (
    Counted,
    NewConversation,
    OpenKind,
    ProjectedConversation,
    UnprojectedConversation,
)
from gateway.service.regions import Projector, folded_conversation
from gateway.service.verify_audit import Trail, verify_payments
from tests.fakes.clock import VirtualClock
from tests.integration.postgres.test_two_regions import REGIONS, execute, servers
from tests.integration.store.test_conversations_contract import NOW, new, raw
from tests.unit.http.world import RecordingObserver

__all__ = ["servers"]

MONEY: Final = PaymentId(UUID(int=7))
SAID: Final = (Act.RECEIPT, Act.PRESENTED, Act.WITHDRAWAL_ASKED, Act.ACCEPTED, Act.PAID, Act.REFUSED)
"""What befalls a request for payment of ours, the last of it contrary to what was said before."""


@dataclass(frozen=True, slots=True)
class Region:
    """One region, as far as it converses."""

    name: RegionId
    server: EmbeddedPostgres
    store: PostgresConversations
    projector: Projector[UnprojectedConversation, ProjectedConversation]

    async def until_known(self, asked: Conversation, *, acts: int) -> Conversation:
        """The conversation as it is seen here, once so many of its acts have come, and are folded."""
        async with asyncio.timeout(20):
            await self.settle()
            while len(await self.store.events(asked.conversation_id)) < acts:
                await asyncio.sleep(0.02)
                await self.settle()
        return await self.shown(asked)

    async def settle(self) -> None:
        """Fold what has come."""
        while await self.projector.project():
            pass

    async def shown(self, asked: Conversation) -> Conversation:
        """The conversation as it is seen here, once what has come is folded."""
        await self.settle()
        found = await self.store.load(asked.conversation_id)
        assert found is not None
        return found


@pytest.fixture
async def regions(servers: list[EmbeddedPostgres]) -> AsyncIterator[list[Region]]:
    """The two regions."""
    async with AsyncExitStack() as stack:
        found = []
        for name, server in zip(REGIONS, servers, strict=True):
            pool = await stack.enter_async_context(open_pool(server.application_dsn))
            projections = PostgresConversationProjections(pool, region=name)
            found.append(
                Region(
                    name,
                    server,
                    PostgresConversations(pool, region=name, vault=ClearVault(b"test")),
                    Projector(projections, folded_conversation, VirtualClock(NOW), RecordingObserver()),
                )
            )
        yield found


async def said(region: Region) -> Conversation:
    """A conversation in which everything has been said that is in `SAID`."""
    asked = (await region.store.open(asking())).conversation
    for number, act in enumerate(SAID, start=1):
        at = NOW + timedelta(seconds=number)
        if act is Act.WITHDRAWAL_ASKED:
            message = raw(name=taken_back_by(asked))
            decision = decided(asked, act, at=at, said=[message], withdrawal_id=message.business_message_id)
        else:
            decision = decided(asked, act, at=at, payment_id=MONEY if act is Act.PAID else None)
        assert await region.store.save(decision)
        asked = await region.shown(asked)
    return asked


def asking(**changes: object) -> NewConversation:
    """A request for payment that is to be opened."""
    return new(pay_by=NOW + timedelta(days=1), **changes)  # type: ignore[arg-type]


def taken_back_by(asked: Conversation) -> str:
    """The id of the message that takes it back."""
    return f"{asked.message_id}-BACK"


def brought(asked: NewConversation) -> NewConversation:
    """The same opening as the rail brings it to the other region."""
    return replace(asked, counted=Counted(f"HEADER-{asked.conversation.message_id}", asked.content_digest), outbox=())


async def test_a_conversation_is_seen_in_the_other_region_as_it_stands_in_its_own(regions: list[Region]) -> None:
    """To the last member: whoever is asked in the other region shows state, days, money, marks, history and bytes."""
    for here, there in (regions, regions[::-1]):
        asked = await said(here)

        shown = await there.until_known(asked, acts=len(SAID) + 1)

        assert shown == asked
        withdrawal_id = taken_back_by(asked)
        assert (shown.region, shown.needs_attention, shown.withdrawal_id) == (here.name, True, withdrawal_id)
        named = asked.conversation_id
        assert await there.store.events(named) == await here.store.events(named)
        assert {each.region for each in await there.store.events(named)} == {here.name}
        assert await there.store.messages(named) == await here.store.messages(named)
        assert shown in await there.store.find(None, limit=100)
        found = await there.store.find_by_message_id(asked.rail, [withdrawal_id])
        assert found == {withdrawal_id: {Side.US: asked}}


async def test_each_act_shows_as_it_comes_and_an_older_one_changes_nothing(regions: list[Region]) -> None:
    """Folded once more, or from what was read before a newer act had come, the projection stays as it is."""
    here, there = regions
    asked = (await here.store.open(asking())).conversation
    assert (await there.until_known(asked, acts=1)).version == 1
    note = f"INSERT INTO projection_due (payment_id, at) VALUES ('{asked.conversation_id}', now())"
    await execute(there.server, note)
    store = there.projector.store
    (old,) = await store.unprojected(NOW, limit=10)

    await here.store.save(decided(asked, Act.ACCEPTED, at=NOW))
    assert (await there.until_known(asked, acts=2)).version == 2
    await store.project([folded_conversation(old)])

    assert await there.shown(asked) == await here.shown(asked)


async def test_a_note_of_what_the_other_region_has_not_opened_is_dropped(regions: list[Region]) -> None:
    """Nothing can be folded from it: it neither stands in the way of what can be, nor is waited for ever after."""
    here, there = regions
    own = (await there.store.open(asking())).conversation
    asked = (await here.store.open(asking())).conversation
    await there.until_known(asked, acts=1)
    for noted in (own, asked):
        note = f"INSERT INTO projection_due (payment_id, at) VALUES ('{noted.conversation_id}', now())"
        await execute(there.server, note)

    found = await there.projector.store.unprojected(NOW, limit=1)

    assert [each.payment_id for each in found] == [asked.conversation_id]
    await there.shown(asked)
    _, inward = await status(there.server.superuser_dsn, region=there.name, peer=here.name)
    assert inward.unprojected == 0
    assert await there.shown(own) == own


async def test_the_other_region_neither_acts_nor_keeps_time(regions: list[Region]) -> None:
    """One home: what is said is refused, nothing expires or is sent; what is late is counted as its home's, in both."""
    here, there = regions
    expires = NOW + timedelta(minutes=5)
    asked = (await here.store.open(asking(expires_at=expires))).conversation
    shown = await there.until_known(asked, acts=1)
    late = NOW + timedelta(days=2)

    with pytest.raises(NotHomeError):
        await there.store.save(decided(shown, Act.ACCEPTED, at=NOW))

    named = asked.conversation_id

    async def due(region: Region) -> tuple[bool, bool]:
        expired = {each.conversation_id for each in await region.store.expired(late, limit=100)}
        unsent = await region.store.waiting(asked.rail, late, but=(), limit=100)
        waiting = {each.conversation_id for each in unsent}
        return named in expired, named in waiting

    assert (await due(here), await due(there)) == ((True, True), (False, False))
    overdue = (await here.store.overdue(late))[here.name]
    seen = await there.store.overdue(late)
    assert seen[here.name] == overdue, "while its own region is lost, the other tells what is due there"
    assert await here.store.save(decided(asked, Act.EXPIRED, at=late))
    assert (await there.until_known(asked, acts=2)).state == "EXPIRED"
    assert (await here.store.overdue(late))[here.name] == overdue - 1
    assert await there.store.overdue(late) == {**seen, here.name: overdue - 1}


async def test_what_the_rail_brings_again_to_the_other_region_is_its_home_s_to_hear(regions: list[Region]) -> None:
    """No second one is opened; a client that asks again there is shown the first; other content is told."""
    here, there = regions
    asked = asking()
    opened = (await here.store.open(asked)).conversation
    async with asyncio.timeout(20):
        while opened.conversation_id not in {
            each.payment_id for each in await there.projector.store.unprojected(NOW, limit=100)
        }:
            await asyncio.sleep(0.02)

    with pytest.raises(NotHomeError):
        await there.store.open(brought(asked))
    with pytest.raises(NotHomeError):  # known, and not folded yet: nothing is shown that is not known
        await there.store.open(asked)
    shown = await there.shown(opened)
    again = await there.store.open(asked)
    other = await there.store.open(replace(asked, content_digest=b"other"))

    assert (again.kind, again.conversation) == (OpenKind.REPEATED, shown)
    assert other.kind is OpenKind.OTHER_CONTENT
    assert len(await there.store.events(opened.conversation_id)) == 1


async def test_what_both_have_opened_each_shows_as_it_has_gone_on_with_it(regions: list[Region]) -> None:
    """Opened in both before either knew: neither history nor messages show what the other has said in its own."""
    pairs = (regions, regions[::-1])
    asked = asking()
    named = asked.conversation.conversation_id
    for here, there in pairs:
        await execute(here.server, f"ALTER SUBSCRIPTION {subscription_of(here.name, there.name)} DISABLE")
    try:
        east, west = [(await region.store.open(asked)).conversation for region in regions]
        assert await regions[1].store.save(decided(west, Act.REFUSED, at=NOW, said=[raw()]))
        own = [(await each.store.events(named), await each.store.messages(named)) for each in regions]
    finally:
        for here, there in pairs:
            await execute(here.server, f"ALTER SUBSCRIPTION {subscription_of(here.name, there.name)} ENABLE")
    for here, there in pairs:
        later = (await there.store.open(asking())).conversation
        await here.until_known(later, acts=1)  # and so all that was before it

    shown = [(await each.store.events(named), await each.store.messages(named)) for each in regions]

    assert shown == own
    assert [[act.region for act in events] for events, _ in shown] == [[regions[0].name], [regions[1].name] * 2]
    assert [len(messages) for _, messages in shown] == [1, 2]
    assert await regions[0].shown(east) == east


async def test_what_was_replicated_before_is_noted_by_the_migration(regions: list[Region]) -> None:
    """An installation of before shows the other region's from its first worker on, with no command besides."""
    here, there = regions
    asked = await said(here)
    await there.until_known(asked, acts=len(SAID) + 1)
    table = f"conversation_event_{here.name}"
    await execute(there.server, f"DROP TRIGGER note_replicated_act ON {table}")
    await execute(there.server, "DELETE FROM conversation_state WHERE region IS NOT NULL")
    assert await there.store.load(asked.conversation_id) is None
    _, inward = await status(there.server.superuser_dsn, region=there.name, peer=here.name)
    assert not inward.noted

    migration = import_module("adapters.postgres.migrations.versions.0025_conversations_everywhere")
    await execute(there.server, migration.STATEMENTS[-1])

    assert await there.shown(asked) == asked
    _, inward = await status(there.server.superuser_dsn, region=there.name, peer=here.name)
    assert inward.noted
    later = (await here.store.open(asking())).conversation
    assert await there.until_known(later, acts=1) == later


async def test_the_audit_finds_nothing_in_either_region_and_a_projection_that_was_changed(
    regions: list[Region],
) -> None:
    """What is folded here must be what the other region's chain says."""
    here, there = regions
    asked = await said(here)
    await there.until_known(asked, acts=len(SAID) + 1)

    async def faults(region: Region) -> Sequence[str]:
        async with open_audit_reader(region.server.superuser_dsn) as reader:
            trail = Trail()
            await verify_payments(reader, trail, local=region.name)
        return [each.place for each in trail.violations if str(asked.conversation_id) in each.place]

    assert await faults(here) == await faults(there) == []
    named = f"conversation_id = '{asked.conversation_id}'"
    await execute(there.server, f"UPDATE conversation_state SET state = 'ACCEPTED' WHERE {named}")
    assert len(await faults(there)) == 1
