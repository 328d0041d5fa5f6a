"""Conversations in memory: obeys the contract of `ConversationStore`; inbox and outbox are the payments' store's."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.domain.conversation import (
    MAY_EXPIRE,
    NO_REFERENCE,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    RecordedAct,
    Side,
)
from gateway.domain.incoming_transfer import ARRIVED, GOING_BACK
from gateway.domain.payment import PaymentId, PaymentState, Rail, RegionId, TenantId
from gateway.domain.regions import FIRST_EPOCH
from gateway.service.ports import FaultyRowError, MessageDirection, NotHomeError, OutboundDelivery, RawMessage
from gateway.service.ports.conversations import (
    ConversationDecision,
    Counted,
    NewConversation,
    Opened,
    OpenKind,
    SettledFor,
)
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.receipts import InMemoryReceipts

_ARRIVED = ARRIVED - GOING_BACK
EVER = datetime.min.replace(tzinfo=UTC)
_SETTLED = {PaymentState.SETTLED, PaymentState.ACCEPTED_WITHOUT_POSTING}


@dataclass(slots=True)
class ConversationRows:
    """Everything that is kept."""

    conversations: dict[ConversationId, Conversation] = field(default_factory=dict)
    digests: dict[ConversationId, bytes] = field(default_factory=dict)
    events: dict[ConversationId, list[RecordedAct]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[ConversationId, list[RawMessage]] = field(default_factory=lambda: defaultdict(list))
    unsent: dict[ConversationId, list[RawMessage]] = field(default_factory=lambda: defaultdict(list))
    outbox: list[OutboundDelivery] = field(default_factory=list)


class InMemoryConversations:
    """Implements `gateway.service.ports.conversations.ConversationStore` beside an `InMemoryIncoming`."""

    def __init__(self, incoming: InMemoryIncoming, receipts: InMemoryReceipts | None = None) -> None:
        self.incoming = incoming
        self.receipts = receipts or InMemoryReceipts()
        self.rows = ConversationRows()
        self._locks: dict[ConversationId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self, new: NewConversation) -> Opened:
        await asyncio.sleep(0)
        conversation = new.conversation
        for known in self.rows.conversations.values():
            if known.conversation_id == conversation.conversation_id or _opening(known) == _opening(conversation):
                is_same = self.rows.digests[known.conversation_id] == new.content_digest
                return Opened(OpenKind.REPEATED if is_same else OpenKind.OTHER_CONTENT, known)
        if not self._count(new.counted, conversation):
            raise FaultyRowError("the message has had an effect, and opened no conversation")
        region = self.incoming.store.region
        conversation = replace(conversation, region=region)
        self.rows.conversations[conversation.conversation_id] = conversation
        self.rows.digests[conversation.conversation_id] = new.content_digest
        first = new.messages[0].business_message_id if new.messages else None
        recorded = RecordedAct(
            1,
            Act.OPENED,
            None,
            conversation.state,
            new.reason,
            first,
            is_strange=False,
            at=conversation.opened_at,
            region=region,
            epoch=FIRST_EPOCH,
        )
        self._keep(conversation, recorded, new.messages, new.outbox)
        return Opened(OpenKind.OPENED, conversation)

    async def save(self, decision: ConversationDecision) -> bool:
        await asyncio.sleep(0)
        before = decision.conversation
        if before.region not in {None, self.incoming.store.region}:
            raise NotHomeError(f"the conversation's home is region {before.region}")
        known = self.rows.conversations.get(before.conversation_id)
        if known is None or known.version != before.version or not self._count(decision.counted, before):
            return False
        self.rows.conversations[before.conversation_id] = replace(
            known,
            state=decision.state,
            version=known.version + 1,
            due_at=decision.due_at,
            payment_id=known.payment_id or decision.payment_id,
            withdrawal_id=decision.withdrawal_id or known.withdrawal_id,
            needs_attention=decision.needs_attention,
            updated_at=decision.at,
        )
        recorded = RecordedAct(
            known.version + 1,
            decision.act,
            known.state,
            decision.state,
            decision.reason,
            decision.business_message_id,
            decision.is_strange,
            decision.at,
            self.incoming.store.region,
            FIRST_EPOCH,
            decision.payment_id,
        )
        self._keep(before, recorded, decision.messages, decision.outbox)
        return True

    def _count(self, counted: Counted | None, conversation: Conversation) -> bool:
        if counted is None:
            return True
        inbox = self.incoming.store.rows.inbox
        if (conversation.rail, counted.inbox_id) in inbox:
            return False
        inbox[conversation.rail, counted.inbox_id] = counted.digest
        return True

    def _keep(
        self,
        conversation: Conversation,
        recorded: RecordedAct,
        messages: Sequence[RawMessage],
        outbox: Sequence[OutboundDelivery],
    ) -> None:
        named = conversation.conversation_id
        self.rows.events[named].append(recorded)
        self.rows.messages[named] += messages
        self.rows.unsent[named] += [each for each in messages if each.direction is MessageDirection.RAIL_OUT]
        self.rows.outbox += outbox

    async def load(self, conversation_id: ConversationId) -> Conversation | None:
        await asyncio.sleep(0)
        return self.rows.conversations.get(conversation_id)

    async def find_by_message_id(
        self, rail: Rail, message_ids: Sequence[str]
    ) -> Mapping[str, Mapping[Side, Conversation]]:
        await asyncio.sleep(0)
        found: dict[str, dict[Side, Conversation]] = defaultdict(dict)
        for conversation in self.rows.conversations.values():
            sent = [
                each.business_message_id
                for each in self.rows.messages[conversation.conversation_id]
                if each.direction is MessageDirection.RAIL_OUT
            ]
            if conversation.rail is rail:
                for each in {conversation.message_id, *sent} & set(message_ids):
                    found[each][conversation.side] = conversation
        return dict(found)

    async def find(
        self,
        tenant_id: TenantId | None,
        *,
        kind: ConversationKind | None = None,
        about: PaymentId | None = None,
        is_open: bool = True,
        limit: int,
    ) -> Sequence[Conversation]:
        await asyncio.sleep(0)
        missing = {each.of_id for each in self.receipts.rows.values() if each.missed_at is not None}
        found = [
            each
            for each in self.rows.conversations.values()
            if tenant_id in {None, each.tenant_id}
            and kind in {None, each.kind}
            and (about is None or about in {each.about_id, each.payment_id})
            and (not is_open or each.due_at is not None or each.needs_attention or each.conversation_id in missing)
        ]
        newest = sorted(found, key=lambda each: each.opened_at, reverse=True)
        return sorted(newest, key=lambda each: (each.due_at is None, each.due_at or each.opened_at))[:limit]

    async def events(self, conversation_id: ConversationId) -> Sequence[RecordedAct]:
        await asyncio.sleep(0)
        return tuple(self.rows.events[conversation_id])

    async def messages(self, conversation_id: ConversationId) -> Sequence[RawMessage]:
        await asyncio.sleep(0)
        return tuple(self.rows.messages[conversation_id])

    @asynccontextmanager
    async def sending(self, conversation_id: ConversationId) -> AsyncIterator[RawMessage | None]:
        async with self._locks[conversation_id]:
            unsent = self.rows.unsent[conversation_id]
            lent = unsent[0] if unsent else None
            yield lent
            if lent is not None:
                del unsent[0]

    async def waiting(
        self, rail: Rail, before: datetime, *, but: Collection[ConversationId], limit: int
    ) -> Sequence[Conversation]:
        await asyncio.sleep(0)
        return [
            self.rows.conversations[named]
            for named, unsent in self.rows.unsent.items()
            if self.rows.conversations[named].rail is rail and named not in but
            if any(message.at < before for message in unsent)
        ][:limit]

    async def expired(self, now: datetime, *, limit: int) -> Sequence[Conversation]:
        await asyncio.sleep(0)
        return [
            each
            for each in self.rows.conversations.values()
            if each.expires_at is not None and each.expires_at < now and each.state in MAY_EXPIRE
        ][:limit]

    async def settled(self, since: datetime, *, limit: int) -> Sequence[SettledFor]:
        await asyncio.sleep(0)
        return self.settled_now(since)[:limit]

    def settled_now(self, since: datetime = EVER) -> Sequence[SettledFor]:
        """All of `settled`, at this moment."""
        linked = {each.payment_id for each in self.rows.conversations.values()}
        found = []
        for each in self.rows.conversations.values():
            is_sought = each.kind is ConversationKind.REQUEST_FOR_PAYMENT and each.payment_id is None
            if is_sought and each.opened_at >= since and each.end_to_end_id != NO_REFERENCE:
                money = [known for known in self._money_for(each) if known[0] not in linked]
                found += [SettledFor(each, *one) for one in sorted(money, key=_is_other_than(each))[:1]]
        return sorted(found, key=lambda one: _is_other_than(one.conversation)((one.payment_id, one.amount_cents)))

    def _money_for(self, asked: Conversation) -> Iterator[tuple[PaymentId, int]]:
        if asked.side is Side.US:
            for came in self.incoming.rows.transfers.values():
                names = (came.tenant_id, came.rail, came.end_to_end_id, came.creditor_agent, came.debtor_agent)
                if names == _names(asked) and came.received_at >= asked.opened_at and came.state in _ARRIVED:
                    yield came.payment_id, came.amount.cents
            return
        for went in self.incoming.store.rows.payments.values():
            payment = went
            names = (
                payment.tenant_id,
                payment.rail,
                payment.end_to_end_id,
                payment.debtor_agent,
                payment.creditor_agent,
            )
            if names == _names(asked) and payment.accepted_at >= asked.opened_at and payment.state in _SETTLED:
                yield payment.payment_id, payment.amount.cents

    async def overdue(self, now: datetime) -> Mapping[RegionId, int]:
        await asyncio.sleep(0)
        late = [each for each in self.rows.conversations.values() if each.due_at is not None and each.due_at < now]
        own = self.incoming.store.region
        return {own: 0} | Counter(each.region or own for each in late)


def _opening(conversation: Conversation) -> tuple[object, ...]:
    """What opens one conversation, and no other."""
    return conversation.rail, conversation.message_id, conversation.side


def _is_other_than(asked: Conversation) -> Callable[[tuple[PaymentId, int]], bool]:
    """What is of the amount that was asked for comes first."""
    return lambda money: asked.amount is None or asked.amount.cents != money[1]


def _names(asked: Conversation) -> tuple[object, ...]:
    return asked.tenant_id, asked.rail, asked.end_to_end_id, asked.own_agent, asked.counterparty
