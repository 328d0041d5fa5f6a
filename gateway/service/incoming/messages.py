"""The messages of transfers, as the rail has brought them: kept for a while by who received them, else read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import PaymentId, Rail
from gateway.service.incoming.rail import Brought, ReceivingRail
from gateway.service.ports import IncomingStore, MessageDirection

KEPT_MAX: Final = 4_096
"""Messages that are kept: those of some ten seconds, from the question until the posting."""


@dataclass(slots=True)
class ReceivedMessages:
    """Knows the message of a transfer: who asks about it, and has it posted, mostly is who received it."""

    store: IncomingStore
    rails: Mapping[Rail, ReceivingRail]
    _kept: OrderedDict[PaymentId, Brought] = field(default_factory=OrderedDict)

    def keep(self, payment_id: PaymentId, message: Brought) -> None:
        """Keep a message that was just received."""
        self._kept[payment_id] = message
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    async def of(self, transfer: IncomingTransfer) -> Brought:
        """Return a transfer's message.

        Raises:
            UnavailableError: the store does not answer.

        """
        if (kept := self._kept.get(transfer.payment_id)) is not None:
            return kept
        messages = await self.store.messages(transfer.payment_id)
        raw = next(
            each
            for each in messages
            if each.direction is MessageDirection.RAIL_IN and each.message_type == transfer.message_type
        )
        message = self.rails[transfer.rail].read(raw.body).transfer
        assert message is not None, "what was received was read before"
        self.keep(transfer.payment_id, message)
        return message
