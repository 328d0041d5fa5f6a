"""What a store of conversations must do, held by PostgreSQL and by the one in memory alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final
from uuid import UUID

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.conversations import PostgresConversations
from adapters.system import SystemIdentifiers
from gateway.domain.conversation import Act, Conversation, ConversationId, ConversationKind, ConversationState, Side
from gateway.domain.identity import conversation_id_of
from gateway.domain.payment import PaymentId, Rail, TenantId
from gateway.service.conversations.decide import decided, delivery_of
from gateway.service.ports import FaultyRowError, MessageDirection, RawMessage
from gateway.service.ports.conversations import ConversationStore, Counted, NewConversation, OpenKind
from iso20022 import EndToEndId, MessageId
from tests.conftest import REGION, TENANT, Database
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.store import InMemoryStore
from tests.unit.domain.test_conversation import conversation

NOW: Final = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
_S = ConversationState
_numbers = count(1)
_ids = SystemIdentifiers()


@pytest.fixture
async def store(where: Database | None) -> AsyncIterator[ConversationStore]:
    """A store, of either kind."""
    if where is None:
        yield InMemoryConversations(InMemoryIncoming(InMemoryStore()))
        return
    async with open_pool(where.application_dsn) as pool:
        yield PostgresConversations(pool, region=REGION, vault=ClearVault(b"a-key-for-tests-only"))


def raw(direction: MessageDirection = MessageDirection.RAIL_OUT, name: str | None = None) -> RawMessage:
    """A message."""
    number = next(_numbers)
    return RawMessage(
        _ids.new_uuid(), direction, "pain.013.001.07", name or f"MESSAGE{number}", "application/xml", b"<a/>", NOW
    )


def new(*, counted: Counted | None = None, content: bytes = b"content", **changes: object) -> NewConversation:
    """A conversation that is to be opened, with a message of ours."""
    name = f"20261123990000107EXAMPLE{next(_numbers):04d}"
    made = replace(
        conversation(side=Side.US),
        conversation_id=ConversationId(conversation_id_of("test", name)),
        tenant_id=TenantId(TENANT),
        message_id=MessageId(name),
        end_to_end_id=EndToEndId("E2E-1"),
        opened_at=NOW,
        updated_at=NOW,
        due_at=NOW + timedelta(days=1),
        **{"rail": Rail.FEDNOW, **changes},  # type: ignore[arg-type]
    )
    message = raw(name=made.message_id)
    return NewConversation(made, content, (message,), (delivery_of(made, version=1, at=NOW),), counted)


async def opened(store: ConversationStore, **changes: object) -> Conversation:
    """A conversation that was just opened."""
    return (await store.open(new(**changes))).conversation  # type: ignore[arg-type]


async def test_a_conversation_is_opened_once_however_often_and_at_once(store: ConversationStore) -> None:
    """Eight at the same moment: one is new, the others find it; other content under the same id is told."""
    asked = new()

    outcomes = await asyncio.gather(*(store.open(asked) for _ in range(8)))
    other = await store.open(replace(asked, content_digest=b"other"))

    kinds = [outcome.kind for outcome in outcomes]
    assert (kinds.count(OpenKind.OPENED), kinds.count(OpenKind.REPEATED)) == (1, 7)
    assert other.kind is OpenKind.OTHER_CONTENT
    named = asked.conversation.conversation_id
    assert await store.load(named) == replace(asked.conversation, region=REGION)
    assert [each.act for each in await store.events(named)] == [Act.OPENED]
    assert tuple(await store.messages(named)) == asked.messages


async def test_a_question_is_about_a_request_for_payment_or_about_money(store: ConversationStore) -> None:
    """Which of the two is what the store has under that id; both are found by it."""
    kind, request = ConversationKind.INFORMATION_REQUEST, await opened(store)
    of_request = await opened(store, kind=kind, about_id=request.conversation_id, is_about_request=True)
    of_money = await opened(store, kind=kind, about_id=PaymentId(UUID(int=4_711)))

    for asked in (request, of_request, of_money):
        assert await store.load(asked.conversation_id) == asked
    for asked in (of_request, of_money):
        assert asked.about_id is not None
        assert await store.find(None, about=PaymentId(asked.about_id), is_open=True, limit=9) == [asked]


def heard(asked: NewConversation, *, content: bytes = b"content") -> NewConversation:
    """The same message as the other institution hears it, which is ours as well."""
    opened = replace(
        asked.conversation,
        conversation_id=ConversationId(conversation_id_of("heard", asked.conversation.message_id)),
        side=Side.THEM,
        own_agent=asked.conversation.counterparty,
        counterparty=asked.conversation.own_agent,
    )
    return NewConversation(opened, content, (raw(MessageDirection.RAIL_IN, opened.message_id),))


async def test_between_two_institutions_of_ours_a_message_opens_one_conversation_on_each_side(
    store: ConversationStore,
) -> None:
    """Heard four times while it is asked four times, all at once: two conversations, each found by its side."""
    asked = new()
    brought = heard(asked)

    outcomes = await asyncio.gather(*(store.open(each) for each in (asked, brought) * 4))
    other = await store.open(heard(asked, content=b"other"))
    found = await store.find_by_message_id(Rail.FEDNOW, [asked.conversation.message_id])

    assert [outcome.kind for outcome in outcomes].count(OpenKind.OPENED) == 2
    assert {outcome.kind for outcome in outcomes} == {OpenKind.OPENED, OpenKind.REPEATED}
    assert other.kind is OpenKind.OTHER_CONTENT, "the control: on one side a message opens one"
    halves = {side: each.conversation_id for side, each in found[asked.conversation.message_id].items()}
    assert halves == {
        Side.US: asked.conversation.conversation_id,
        Side.THEM: brought.conversation.conversation_id,
    }


async def test_under_the_constraint_of_before_the_second_half_cannot_be_opened(database: Database) -> None:
    """The control, on PostgreSQL: what lets both halves stand is the constraint, and nothing else."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(
        "ALTER TABLE conversation DROP CONSTRAINT conversation_rail_message_id_side_region_uq, "
        "ADD CONSTRAINT conversation_rail_message_id_region_uq UNIQUE (rail, message_id, region)"
    )
    await owner.close()
    asked = new()

    async with open_pool(database.application_dsn) as pool:
        store = PostgresConversations(pool, region=REGION, vault=ClearVault(b"a-key-for-tests-only"))
        await store.open(asked)
        with pytest.raises(FaultyRowError):
            await store.open(heard(asked))


async def test_one_message_opens_one_conversation_on_a_side_whatever_its_own_id(store: ConversationStore) -> None:
    """Two tenants' keys, or two ways of hearing, lead to one message: one opens, however many try at once."""
    asked = new()
    ids = [ConversationId(conversation_id_of("race", str(number))) for number in range(8)]
    others = [replace(asked, conversation=replace(asked.conversation, conversation_id=each)) for each in ids]

    outcomes = await asyncio.gather(*(store.open(each) for each in others))

    assert [outcome.kind for outcome in outcomes].count(OpenKind.OPENED) == 1
    assert len({outcome.conversation.conversation_id for outcome in outcomes}) == 1


async def test_of_two_acts_at_once_one_holds(store: ConversationStore) -> None:
    """The version decides: what was not saved left nothing behind."""
    asked = await opened(store)
    acts = [decided(asked, act, at=NOW, said=[raw()]) for act in (Act.ACCEPTED, Act.REFUSED) * 4]

    held = await asyncio.gather(*(store.save(act) for act in acts))

    assert sum(held) == 1
    now = await store.load(asked.conversation_id)
    assert now is not None
    assert (now.version, now.state) == (2, acts[held.index(True)].state)
    assert len(await store.messages(asked.conversation_id)) == 2
    assert len(await store.events(asked.conversation_id)) == 2


async def test_a_message_of_the_rails_counts_once(store: ConversationStore) -> None:
    """Under one header's id there is one effect: in this conversation, and in any other."""
    asked, another = await opened(store), await opened(store)
    counted = Counted("HEADER-1", b"digest")

    first = await store.save(decided(asked, Act.PRESENTED, at=NOW, counted=counted))
    now = await store.load(asked.conversation_id)
    assert now is not None
    again = await store.save(decided(now, Act.ACCEPTED, at=NOW, counted=counted))
    elsewhere = await store.save(decided(another, Act.ACCEPTED, at=NOW, counted=counted))

    assert (first, again, elsewhere) == (True, False, False)
    assert len(await store.events(asked.conversation_id)) == 2


async def test_what_is_to_be_sent_is_lent_to_one_at_a_time_and_in_its_order(store: ConversationStore) -> None:
    """Two workers at once send each message once; one that fails gives it back."""
    asked = await opened(store)
    await store.save(decided(asked, Act.RECEIPT, at=NOW, said=[raw(), raw()]))
    left: list[str] = []

    async def fail() -> None:
        async with store.sending(asked.conversation_id) as message:
            assert message is not None
            raise RuntimeError("the rail does not answer")

    async def send() -> None:
        while True:
            async with store.sending(asked.conversation_id) as message:
                if message is None:
                    return
                await asyncio.sleep(0)
                left.append(message.business_message_id)

    with pytest.raises(RuntimeError):
        await fail()
    await asyncio.gather(send(), send(), send())

    messages = await store.messages(asked.conversation_id)
    assert left == [message.business_message_id for message in messages]
    assert len(left) == 3


async def test_what_does_not_leave_is_found_without_its_delivery(store: ConversationStore) -> None:
    """After a while, and only while something of it is unsent."""
    asked = await opened(store)

    later = NOW + timedelta(seconds=31)

    early = await store.waiting(Rail.FEDNOW, NOW, but=(), limit=9)
    late = await store.waiting(Rail.FEDNOW, later, but=(), limit=9)
    async with store.sending(asked.conversation_id):
        pass
    sent = await store.waiting(Rail.FEDNOW, later, but=(), limit=9)

    assert (early, sent) == ([], [])
    assert [each.conversation_id for each in late] == [asked.conversation_id]


async def test_what_waits_for_one_rail_or_was_put_off_takes_no_place_of_what_waits_for_another(
    store: ConversationStore,
) -> None:
    """With room for one of each: the backlog of the one, and what stands at its head, hide nothing."""
    backlog = [await opened(store) for _ in range(3)]
    other = await opened(store, rail=Rail.RTP)
    later, first = NOW + timedelta(seconds=31), backlog[0].conversation_id

    found = [
        [each.conversation_id for each in await store.waiting(rail, later, but=but, limit=1)]
        for rail, but in ((Rail.FEDNOW, ()), (Rail.FEDNOW, {first}), (Rail.RTP, {first}), (Rail.RTP, ()))
    ]

    assert found == [[first], [backlog[1].conversation_id], [other.conversation_id], [other.conversation_id]]


async def test_a_conversation_is_found_by_its_opening_and_by_whatever_we_have_said(store: ConversationStore) -> None:
    """An answer names our message, a withdrawal theirs; another rail's is not found."""
    asked = await opened(store)
    said = raw()
    await store.save(decided(asked, Act.WITHDRAWAL_ASKED, at=NOW, said=[said], withdrawal_id=said.business_message_id))

    found = await store.find_by_message_id(Rail.FEDNOW, [asked.message_id, said.business_message_id, "NOBODYS"])

    assert set(found) == {asked.message_id, said.business_message_id}
    assert {each[Side.US].conversation_id for each in found.values()} == {asked.conversation_id}
    assert found[asked.message_id][Side.US].withdrawal_id == said.business_message_id
    assert await store.find_by_message_id(Rail.RTP, [asked.message_id]) == {}


async def test_what_is_due_first_is_listed_first_and_what_is_over_is_not(store: ConversationStore) -> None:
    """Open ones by their deadlines, and what a person must look at; another tenant's never."""
    later, sooner, over = await opened(store), await opened(store, expires_at=NOW), await opened(store)
    await store.save(replace(decided(sooner, Act.PRESENTED, at=NOW), due_at=NOW + timedelta(hours=1)))
    await store.save(decided(over, Act.REFUSED, at=NOW))
    refused = await store.load(over.conversation_id)
    assert refused is not None

    listed = await store.find(TenantId(TENANT), limit=9)
    everything = await store.find(None, is_open=False, limit=9)
    await store.save(decided(refused, Act.ACCEPTED, at=NOW))
    strange = await store.find(TenantId(TENANT), limit=9)
    await store.save(decided(strange[-1], Act.NOTED, at=NOW))
    noted = await store.find(TenantId(TENANT), limit=9)

    assert [each.conversation_id for each in listed] == [sooner.conversation_id, later.conversation_id]
    assert len(everything) == 3
    assert [each.needs_attention for each in strange] == [False, False, True]
    assert [each.needs_attention for each in noted] == [False, False]
    assert await store.find(TenantId("other"), is_open=False, limit=9) == []
    assert await store.overdue(NOW) == {REGION: 0}
    assert await store.overdue(NOW + timedelta(hours=2)) == {REGION: 1}


async def test_an_undecided_request_expires_and_a_decided_one_does_not(store: ConversationStore) -> None:
    """What was accepted is owed, whenever it would have expired."""
    waiting = await opened(store, expires_at=NOW + timedelta(minutes=1))
    promised = await opened(store, expires_at=NOW + timedelta(minutes=1))
    await store.save(decided(promised, Act.ACCEPTED, at=NOW))

    before = await store.expired(NOW, limit=9)
    after = await store.expired(NOW + timedelta(minutes=2), limit=9)
    await store.save(decided(after[0], Act.EXPIRED, at=NOW))

    assert before == []
    assert [each.conversation_id for each in after] == [waiting.conversation_id]
    assert await store.expired(NOW + timedelta(minutes=2), limit=9) == []


async def test_what_was_paid_is_linked_for_good(store: ConversationStore) -> None:
    """Found by the payment that settled for it, and never sought again."""
    asked, payment = await opened(store), PaymentId(_ids.new_uuid())
    await store.save(decided(asked, Act.PAID, at=NOW, payment_id=payment))

    (found,) = await store.find(None, about=payment, is_open=False, limit=9)

    assert (found.state, found.payment_id) == (_S.PAID, payment)
    assert await store.settled(NOW - timedelta(days=1), limit=9) == []
