"""What keeps a region that may not act from acting: at the last moment before the rail, and on its queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.service.ports import (
    Delivery,
    DeliveryHandler,
    MessageClass,
    NotHomeError,
    NotSentError,
    NotServingError,
    RailDelivery,
    RailLink,
    Tenure,
)


@dataclass(frozen=True, slots=True)
class HeldLink:
    """A rail's link that sends only while the region may act. Receiving is no act: saving what was received is."""

    link: RailLink
    tenure: Tenure

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Send, if the region may act at this moment; see the port."""
        try:
            self.tenure.demand()
        except NotServingError as error:
            raise NotSentError(str(error)) from error
        await self.link.send(body, message_class=message_class)

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch; see the port."""
        return await self.link.receive(messages_max=messages_max, wait_s=wait_s)

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge; see the port."""
        await self.link.acknowledge(receipts)

    async def check(self) -> None:
        """Return if the rail can be reached; see the port."""
        await self.link.check()


def at_home(handler: DeliveryHandler) -> DeliveryHandler:
    """Return a handler to which a delivery about another region's payment is settled: its home carries it."""

    async def handle(delivery: Delivery) -> None:
        try:
            await handler(delivery)
        except NotHomeError:
            return

    return handle
