"""What a person may do about a request of ours of whose arrival nobody has told: have it sent once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.conversation import MAY_EXPIRE, WITHDRAWING, Act, Conversation, ConversationId, ConversationState
from gateway.domain.payment import Rail, TenantId
from gateway.service.conversations.decide import ATTEMPTS_MAX, decided, kept
from gateway.service.conversations.desk import NotNowError, NotStartedError
from gateway.service.conversations.rail import RequestCopies
from gateway.service.ports import Clock, Identifiers, UnavailableError
from gateway.service.ports.conversations import ConversationStore
from gateway.service.ports.receipts import AwaitedReceipt, ReceiptStore


@dataclass(frozen=True, slots=True)
class SendingAgain:
    """Sends another copy of a request whose receipt is missing; a worker sends it. Nothing is sent by itself."""

    store: ConversationStore
    receipts: ReceiptStore
    copies: Mapping[Rail, RequestCopies]
    clock: Clock
    identifiers: Identifiers

    async def send_again(self, conversation_id: ConversationId, *, tenant_id: TenantId | None, by: str) -> Conversation:
        """Have the request sent that left last of those without a receipt, and return the conversation as it is then.

        It goes under another message id, and the other side may get it twice. A repeat is refused, until the receipt of
        that copy is missing, too.

        Raises:
            LookupError: there is no such conversation.
            NotStartedError: no receipt is missing of what may be sent again; nothing was done.
            NotNowError: nothing is to be expected of it any more; nothing was done.
            UnavailableError: the store does not answer; look at the conversation before repeating.

        """
        for _ in range(ATTEMPTS_MAX):
            conversation = await self.store.load(conversation_id)
            if conversation is None or tenant_id not in {None, conversation.tenant_id}:
                raise LookupError(f"no conversation {conversation_id}")
            missing, now = await self._without_receipt(conversation), self.clock.now()
            _demand_awaited(conversation, missing, at=now)
            sent = await self.store.messages(conversation_id)
            (message,) = (each for each in sent if each.business_message_id == missing.message_id)
            copy = self.copies[conversation.rail].again(conversation, message, at=now)
            said = kept([copy], self.identifiers, at=now)
            if await self.store.save(decided(conversation, Act.ASKED_AGAIN, at=now, said=said, by=by)):
                await self.receipts.sent_again(missing, copy.business_message_id)
                return await self.store.load(conversation_id) or conversation
        raise UnavailableError(f"other acts were saved first {ATTEMPTS_MAX} times")

    async def _without_receipt(self, conversation: Conversation) -> AwaitedReceipt:
        copies, named = self.copies.get(conversation.rail), conversation.conversation_id
        missing = (await self.receipts.missing_of([named])).get(named, ())
        requests = [each for each in missing if copies is not None and each.message_type in copies.types]
        if not requests:
            why = "No receipt of a request of ours is missing in it, and an answer is never sent again."
            raise NotStartedError("no_receipt_missing", f"{why} Nothing was done.")
        return requests[-1]


def _demand_awaited(conversation: Conversation, missing: AwaitedReceipt, *, at: datetime) -> None:
    """Demand that something is still to be expected: of the withdrawal, or of what was asked."""
    is_over = conversation.expires_at is not None and at > conversation.expires_at
    if is_over and conversation.state in MAY_EXPIRE:
        raise NotNowError(ConversationState.EXPIRED)
    is_opening = conversation.message_id in {missing.message_id, *missing.copies}
    if conversation.state not in ({ConversationState.REQUESTED} if is_opening else WITHDRAWING):
        raise NotNowError(conversation.state)
