"""What is due, in memory: obeys the contract of `DueStore`, over the other stores in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.domain.conversation import Conversation
from gateway.domain.due import START, Due, DueKind, DuePlace, due_of, in_order
from gateway.domain.history import standing_contradiction
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import TenantId
from tests.fakes.conversations import InMemoryConversations

_IN_DOUBT = {DueKind.PAYMENT_IN_DOUBT, DueKind.TRANSFER_IN_DOUBT, DueKind.CONVERSATION_IN_DOUBT}
_ASKED = {IncomingEvent.RETURN_REQUESTED, IncomingEvent.RETURN_DEFERRED}


class InMemoryDue:
    """Implements `gateway.service.ports.due.DueStore`."""

    def __init__(self, conversations: InMemoryConversations) -> None:
        self._conversations = conversations
        self._incoming = conversations.incoming
        self._store = conversations.incoming.store

    async def find(
        self,
        tenant_id: TenantId | None,
        *,
        kinds: Collection[DueKind] = tuple(DueKind),
        after: DuePlace = START,
        limit: int,
    ) -> Sequence[Due]:
        await asyncio.sleep(0)
        await self._store.check()
        found = [each for each in self._all() if each.kind in kinds and tenant_id in {None, each.subject.tenant_id}]
        return [replace(each, since=self._since(each)) for each in in_order(found, after=after, limit=limit)]

    def _all(self) -> Iterator[Due]:
        for payment in self._store.rows.payments.values():
            said = standing_contradiction(self._store.rows.events.get(payment.payment_id, ()))
            yield from due_of(payment, is_contradicted=said is not None)
        for transfer in self._incoming.rows.transfers.values():
            yield from due_of(transfer)
        for conversation in self._conversations.rows.conversations.values():
            yield from due_of(conversation)

    def _since(self, due: Due) -> datetime | None:
        subject, is_doubt = due.subject, due.kind in _IN_DOUBT
        if isinstance(subject, Conversation):
            acts = self._conversations.rows.events[subject.conversation_id]
            return max(e.at for e in acts if e.state_before is not e.state_after or (is_doubt and e.is_strange))
        if not isinstance(subject, IncomingTransfer):
            events = self._store.rows.events[subject.payment_id]
            return max(e.at for e in events if e.state_before is not e.state_after or (is_doubt and e.contradiction))
        facts = self._incoming.rows.events[subject.payment_id]
        if due.kind is DueKind.RETURN_REQUEST:
            return max((e.at for e in facts if e.fact.kind in _ASKED), default=None)
        contradicted_at = self._incoming.rows.contradicted_at.get(subject.payment_id) if is_doubt else None
        stands = max(e.at for e in facts if e.state_before is not e.state_after)
        return max(stands, contradicted_at or stands)
