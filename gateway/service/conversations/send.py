"""What a worker does for conversations: it sends what was saved, ends what has expired, and finds what was paid."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.conversation import Act, Conversation, ConversationId
from gateway.domain.payment import Rail
from gateway.service.conversations.decide import decided
from gateway.service.ports import Clock, Delivery, MessageClass, RailLink, RawMessage, UnavailableError
from gateway.service.ports.conversations import ConversationStore
from gateway.service.ports.receipts import ReceiptOf
from gateway.service.receipts import AwaitedReceipts

LOOK_PAUSE_S: Final = 1.0
"""Between two looks for what has expired, and for what has settled."""

UNSENT_S: Final = 30.0
"""A message that was saved so long ago, and is not known to have left, is sent without a delivery."""

TAKEN_MAX: Final = 64
"""Conversations that one look ends, or links, or of one rail sends, at most."""

SOUGHT_DAYS: Final = 120
"""So long after it was opened a payment for a request is looked for; it may be asked for some months ahead. Ours."""

PUT_OFF_S: Final = 30.0
"""What could not be sent is left alone for so long by whoever keeps the time: others wait behind it."""

FAULTS_MAX: Final = 4
"""After so many conversations of one rail of which nothing can be sent a look takes it to be away: others go on."""

SENT_AT_ONCE_MAX: Final = 2
"""Messages that are lent at once for a rail: each holds a connection of the pool that payments are saved with."""

_CLASSES: Final[Mapping[str, MessageClass]] = {"camt.060": MessageClass.INQUIRY, "admi.007": MessageClass.SYSTEM}


@dataclass(frozen=True, slots=True)
class ConversationKeeping:
    """Sends and keeps time; any number of workers may."""

    store: ConversationStore
    links: Mapping[Rail, RailLink]
    clock: Clock
    receipts: AwaitedReceipts | None = None
    _turns: Mapping[Rail, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(SENT_AT_ONCE_MAX)), init=False
    )
    _put_off: dict[ConversationId, datetime] = field(default_factory=dict, init=False)

    async def send(self, delivery: Delivery) -> bool:
        """Send what a conversation has saved and what is not known to have left; False where it is of none.

        A repeat may send again, under the same ids: the rail refuses a second copy.

        Raises:
            UnavailableError: store or rail do not answer; the delivery comes again.

        """
        conversation = await self.store.load(ConversationId(delivery.payment_id))
        if conversation is None:
            return False
        await self._send_all(conversation)
        return True

    async def _send_all(self, conversation: Conversation) -> None:
        while await self._send_next(conversation):
            pass

    async def _send_next(self, conversation: Conversation) -> bool:
        async with self._turns[conversation.rail], self.store.sending(conversation.conversation_id) as message:
            if message is None:
                return False
            await self._send(conversation, message)
        return True

    async def _send(self, conversation: Conversation, message: RawMessage) -> None:
        message_class, rail = _CLASSES.get(message.message_type[:8], MessageClass.NONVALUE), conversation.rail
        if self.receipts is not None:
            named, tenant_id = conversation.conversation_id, conversation.tenant_id
            await self.receipts.expect(rail, message, tenant_id=tenant_id, of=ReceiptOf.CONVERSATION, of_id=named)
        await self.links[rail].send(message.body, message_class=message_class)
        if self.receipts is not None:
            await self.receipts.left(rail, message)

    async def run(self) -> None:
        """Keep time until cancelled; raises as `look`."""
        while True:
            await self.look()
            await self.clock.pause(LOOK_PAUSE_S)

    async def look(self) -> None:
        """End what has expired, link what was paid, and send what no delivery has brought out; a repeat is safe.

        Raises:
            UnavailableError: store or rail do not answer; what is due stays due.

        """
        now = self.clock.now()
        settled = await self.store.settled(now - timedelta(days=SOUGHT_DAYS), limit=TAKEN_MAX)
        claims = Counter(found.payment_id for found in settled)
        for found in {each.payment_id: each for each in reversed(settled)}.values():  # the first that claims it
            asked = found.conversation.amount
            is_strange = asked is None or asked.cents != found.amount_cents or claims[found.payment_id] > 1
            await self.store.save(
                decided(found.conversation, Act.PAID, at=now, payment_id=found.payment_id, is_strange=is_strange)
            )
        for expired in await self.store.expired(now, limit=TAKEN_MAX):
            await self.store.save(decided(expired, Act.EXPIRED, at=now))
        # A delivery is given up after some tries, and may be discarded: nothing that was said depends on it.
        await self._send_waiting(now)

    async def _send_waiting(self, now: datetime) -> None:
        """Send what has waited too long; what the rail does not take holds nobody else's, and raises at the end."""
        for named in [named for named, until in self._put_off.items() if until <= now]:
            del self._put_off[named]
        faults = [fault for rail in self.links for fault in await self._send_waiting_on(rail, now)]
        if faults:
            raise faults[0]

    async def _send_waiting_on(self, rail: Rail, now: datetime) -> Sequence[UnavailableError]:
        """Send what has waited too long for one rail; return the faults in which that ended."""
        faults: list[UnavailableError] = []
        before = now - timedelta(seconds=UNSENT_S)
        for waiting in await self.store.waiting(rail, before, but=self._put_off.keys(), limit=TAKEN_MAX):
            try:
                await self._send_all(waiting)
            except UnavailableError as fault:
                # From now on: a rail that answers slowly takes longer for one look than it is to be left alone.
                self._put_off[waiting.conversation_id] = self.clock.now() + timedelta(seconds=PUT_OFF_S)
                faults.append(fault)
                if len(faults) == FAULTS_MAX:
                    break
        return faults
