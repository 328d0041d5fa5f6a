"""The messages of transfers, as the rail has brought them: kept for a while by who received them, else read again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import PaymentId, Rail
from gateway.service.incoming.rail import Brought, Received, ReceivingRail
from gateway.service.ports import IncomingStore, MessageDirection
from gateway.service.rail_protocol import Reading

KEPT_MAX: Final = 4_096
"""Messages that are kept: those of some ten seconds, from the question until the posting."""


@dataclass(slots=True)
class ReceivedMessages:
    """Knows the message of a transfer: who asks about it, and has it posted, mostly is who received it."""

    store: IncomingStore
    rails: Mapping[Rail, ReceivingRail]
    _kept: OrderedDict[PaymentId, Received] = field(default_factory=OrderedDict)

    def keep(self, payment_id: PaymentId, received: Received) -> None:
        """Keep a message that was just received."""
        self._kept[payment_id] = received
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    async def of(self, transfer: IncomingTransfer) -> Brought:
        """Return a transfer's message. Raises UnavailableError: the store does not answer."""
        return (await self.received(transfer)).message

    async def received(self, transfer: IncomingTransfer) -> Received:
        """Return a transfer's message, and which rules it breaks.

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
        received = received_in(self.rails[transfer.rail].read(raw.body))
        self.keep(transfer.payment_id, received)
        return received


def received_in(reading: Reading) -> Received:
    """Return what a reading brings; one that brings something. Pure."""
    assert reading.transfer is not None, "what was received was read before"
    return Received(reading.transfer, reading.broken)
