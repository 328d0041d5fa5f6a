"""Planted bugs of conversations: each builds one part wrongly, as a plausible slip would. The simulation finds each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.domain.conversation import (
    REQUEST_FOR_PAYMENT,
    TABLES,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    ConversationState,
    ConversationStep,
)
from gateway.domain.payment import IdempotencyKey, PaymentId, TenantId
from gateway.service.conversations.desk import ConversationDesk
from gateway.service.ports import RawMessage
from gateway.service.ports.conversations import ConversationDecision, Counted
from tests.simulation.build import Build
from tests.simulation.talks import WitnessedConversations

if TYPE_CHECKING:
    from tests.simulation.world import World


class _CountsEachTime(WitnessedConversations):
    def _count(self, counted: Counted | None, conversation: Conversation) -> bool:
        if counted is not None:
            self.incoming.store.rows.inbox.pop((conversation.rail, counted.inbox_id), None)
        return super()._count(counted, conversation)


class _SeenNothing:
    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def seen(self, *_arguments: Any) -> dict[str, bytes]:
        return {}


class WordsNotCounted(Build):
    def conversations(self, world: World) -> WitnessedConversations:
        return _CountsEachTime(world.incoming)

    def heard_before(self, store: Any) -> Any:
        return _SeenNothing(store)


class _SavesWhatever(WitnessedConversations):
    async def save(self, decision: ConversationDecision) -> bool:
        known = self.rows.conversations[decision.conversation.conversation_id]
        return await super().save(replace(decision, conversation=replace(decision.conversation, version=known.version)))


class TalksVersionCheckOff(Build):
    def conversations(self, world: World) -> WitnessedConversations:
        return _SavesWhatever(world.incoming)


class _NotesFirst(WitnessedConversations):
    @asynccontextmanager
    async def sending(self, conversation_id: ConversationId) -> AsyncIterator[RawMessage | None]:
        async with super().sending(conversation_id) as message:
            pass
        yield message


class SentNotedFirst(Build):
    def conversations(self, world: World) -> WitnessedConversations:
        return _NotesFirst(world.incoming)


class _AnswersTheExpired(ConversationDesk):
    async def show(self, conversation_id: ConversationId, *, tenant_id: TenantId | None) -> Conversation:
        found = await super().show(conversation_id, tenant_id=tenant_id)
        return replace(found, expires_at=None)


class ExpiredRequestAccepted(Build):
    def conversation_desk(self, *parts: Any) -> ConversationDesk:
        return _AnswersTheExpired(*parts)


class _AsksEachTime(ConversationDesk):
    async def ask_for_payment(
        self, tenant_id: TenantId, key: IdempotencyKey, *parts: Any, **named: Any
    ) -> Conversation:
        drawn = IdempotencyKey(f"{key} {self.clock.monotonic_s()}")
        return await super().ask_for_payment(tenant_id, drawn, *parts, **named)


class RequestsWithoutKeys(Build):
    def conversation_desk(self, *parts: Any) -> ConversationDesk:
        return _AsksEachTime(*parts)


class _PromisedIsPaid(WitnessedConversations):
    def _money_for(self, asked: Conversation) -> Iterator[tuple[PaymentId, int]]:
        yield from super()._money_for(asked)
        for went in self.incoming.store.rows.payments.values():
            if went.end_to_end_id == asked.end_to_end_id and went.accepted_at >= asked.opened_at:
                yield went.payment_id, went.amount.cents


class UnsettledCountsAsPaid(Build):
    def conversations(self, world: World) -> WitnessedConversations:
        return _PromisedIsPaid(world.incoming)


class LateYesBelieved(Build):
    """An acceptance after the expiry makes the request ACCEPTED."""

    def planted(self) -> AbstractContextManager[None]:
        return _with_row(ConversationState.EXPIRED, Act.ACCEPTED, ConversationStep(ConversationState.ACCEPTED))


@contextmanager
def _with_row(state: ConversationState, act: Act, step: ConversationStep) -> Iterator[None]:
    tables: Any = TABLES
    before = tables[ConversationKind.REQUEST_FOR_PAYMENT]
    tables[ConversationKind.REQUEST_FOR_PAYMENT] = {**REQUEST_FOR_PAYMENT, (state, act): step}
    try:
        yield
    finally:
        tables[ConversationKind.REQUEST_FOR_PAYMENT] = before
