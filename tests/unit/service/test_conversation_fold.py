"""What is folded of a conversation's acts is what its home has decided, to the last column."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.conversation import (
    TABLES,
    Act,
    Conversation,
    ConversationKind,
    ConversationState,
    RecordedAct,
    Side,
    due_after,
    first_state,
)
from gateway.domain.conversation_history import fold, last_of
from gateway.domain.payment import PaymentId, RegionId
from gateway.service.conversations.decide import decided
from gateway.service.conversations.hear import ConversationHearing
from gateway.service.ports import NotHomeError, RailDelivery, RegionStore
from gateway.service.ports.conversations import NewConversation, UnprojectedConversation
from gateway.service.regions import folded_conversation
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.store import InMemoryStore
from tests.integration.store.test_conversations_contract import NOW, raw
from tests.unit.domain.test_conversation import conversation
from tests.unit.service.incoming_world import incoming_world
from tests.unit.service.test_incoming_two_regions import HandedOverStore

ACTS_MAX: Final = 12


async def held(
    kind: ConversationKind, side: Side, acts: list[Act], *, expires: bool
) -> tuple[Conversation, list[RecordedAct]]:
    """A conversation as its home has it after these acts, as far as each could befall it, and its history."""
    store = InMemoryConversations(InMemoryIncoming(InMemoryStore()))
    times = {"pay_by": NOW + timedelta(days=3), "expires_at": NOW + timedelta(days=1) if expires else None}
    opened = conversation(kind, side, opened_at=NOW, updated_at=NOW, state=first_state(kind, side), **times)
    opened = replace(opened, due_at=due_after(kind, opened.state, at=NOW, **times))
    now = (await store.open(NewConversation(opened, b"content", (raw(),)))).conversation
    for number, act in enumerate(acts, start=1):
        if (now.state, act) not in TABLES[kind]:
            continue
        is_our_withdrawal = act is Act.WITHDRAWAL_ASKED and side is Side.US
        message = raw()
        decision = decided(
            now,
            act,
            at=NOW + timedelta(hours=number),
            said=[message] if is_our_withdrawal else [],
            withdrawal_id=message.business_message_id if is_our_withdrawal else None,
            payment_id=PaymentId(UUID(int=number)) if act is Act.PAID else None,
        )
        assert await store.save(decision)
        found = await store.load(now.conversation_id)
        assert found is not None
        now = found
    return now, store.rows.events[now.conversation_id]


@given(
    kind=st.sampled_from(ConversationKind),
    side=st.sampled_from(Side),
    acts=st.lists(st.sampled_from([act for act in Act if act is not Act.OPENED]), max_size=ACTS_MAX),
    expires=st.booleans(),
    chance=st.randoms(use_true_random=False),
)
def test_the_fold_is_what_the_home_has_in_whatever_order_the_acts_come(
    kind: ConversationKind, side: Side, acts: list[Act], *, expires: bool, chance: Any
) -> None:
    """State, days, money, withdrawal and mark are computed from the acts; one that is missing shows."""
    now, history = asyncio.run(held(kind, side, acts, expires=expires))
    came = list(history)
    chance.shuffle(came)

    assert fold(replace(now, state=ConversationState.FAILED, due_at=None), came) == now
    assert came[last_of(came)] is history[-1]
    if len(history) > 1:
        assert fold(now, history[:-1]) != now


def test_what_a_region_still_wrote_after_its_conversation_had_been_taken_over_does_not_count() -> None:
    """The highest epoch wins, as of payments; and two writers under one epoch are not believed, either of them."""
    now, (opened, accepted, refused) = asyncio.run(
        held(ConversationKind.REQUEST_FOR_PAYMENT, Side.THEM, [Act.ACCEPTED, Act.REFUSED], expires=False)
    )
    other = RegionId("usw2")
    taken = replace(accepted, region=other, epoch=2, act=Act.REFUSED, state_after=ConversationState.REFUSED)

    assert fold(now, [opened, accepted, refused, taken]).state is ConversationState.REFUSED
    assert fold(now, [opened, accepted, refused, taken]).version == accepted.sequence
    with pytest.raises(ValueError, match="was written by"):
        fold(now, [opened, accepted, replace(accepted, region=other)])


def test_an_act_that_this_release_cannot_read_stops_that_conversation_alone() -> None:
    """The fault stands in the place of the acts, and is raised where one of them would be folded."""
    unread = UnprojectedConversation(conversation(), ValueError("an act of a later release"), [], [1])

    with pytest.raises(ValueError, match="later release"):
        folded_conversation(unread)


class _OfTheOtherRegion:
    """Hears nothing: every message is about a conversation of the other region's."""

    async def concerned(self, readings: object) -> dict[str, object]:
        return {}

    def is_of_conversations(self, reading: object, known: object) -> bool:
        return True

    async def hear(self, message: object) -> None:
        raise NotHomeError("it goes on in the other region")


async def test_what_is_said_in_the_other_region_s_conversation_is_kept_for_it() -> None:
    """Durable where it came, byte for byte; what came from there goes back by the note that brought it."""
    regions = HandedOverStore()
    async with incoming_world(regions=cast("RegionStore", regions)) as earth:
        receiver = replace(earth.sending, conversations=cast("ConversationHearing", _OfTheOtherRegion()))
        body = b"<a/>"
        await receiver.apply([RailDelivery("", body)])
        await receiver.apply([RailDelivery("7", body)], is_handed_over=True)

        assert (regions.kept, regions.came_by) == ([body, body], [None, "7"])
        assert earth.store.store.rows.quarantine == {}
