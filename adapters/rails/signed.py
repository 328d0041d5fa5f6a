"""The link to a rail that signs: what leaves is signed, and what comes is verified before anybody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.rails.carrier import Carrier
from gateway.domain.payment import Rail
from gateway.service.large_messages import LARGE_BYTES
from gateway.service.ports import Clock, Leg, MessageClass, NotSentError, Observer, RailDelivery
from iso20022 import LocalProtocolError, RemoteProtocolError
from iso20022.signatures import Signed, SignedTraffic


@dataclass(frozen=True, slots=True)
class SignedLink:
    """A `RailLink` over another. Nothing but this signs or verifies, on either rail.

    What does not verify comes with the finding instead of being left out: whoever receives keeps it, acts upon nothing
    in it, and acknowledges it, so that it does not come for ever.
    """

    rail: Rail
    link: Carrier
    traffic: SignedTraffic
    clock: Clock
    observer: Observer
    large_bytes: int = LARGE_BYTES
    """What is larger is verified in a thread: while it is done everything else would wait."""

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Sign a message and hand it to the rail; see the port.

        Raises:
            NotSentError: no key of ours counts now, so nothing was sent; or as the link beneath says.
            UnavailableError: the rail may have it.

        """
        signed = self._signed(body)
        await self.link.send(signed.body, message_class=message_class, signature=signed.signature)

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, each message as its signature covers it; see the port."""
        fetched = await self.link.receive(messages_max=messages_max, wait_s=wait_s)
        return [await self._judged(delivery) for delivery in fetched]

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge; see the port."""
        await self.link.acknowledge(receipts)

    async def check(self) -> None:
        """Return if the rail can be reached; see the port."""
        await self.link.check()

    def _signed(self, body: bytes) -> Signed:
        started_s = self.clock.monotonic_s()
        try:
            signed = self.traffic.sign(body, at=self.clock.now())
        except LocalProtocolError as error:
            raise NotSentError(f"not signed: {error}") from error
        self.observer.leg(Leg.SIGN, self.clock.monotonic_s() - started_s)
        return signed

    async def _judged(self, delivery: RailDelivery) -> RailDelivery:
        try:
            if len(delivery.body) > self.large_bytes:
                return await asyncio.to_thread(self._verified, delivery)
            await asyncio.sleep(0)  # a fetch brings many: others have their turn in between
            return self._verified(delivery)
        except RemoteProtocolError as error:
            unverified = error.findings[0]
            self.observer.unverified(self.rail, unverified, signature=delivery.signature)
            return replace(delivery, unverified=unverified)

    def _verified(self, delivery: RailDelivery) -> RailDelivery:
        body = self.traffic.verify(delivery.body, delivery.signature, at=self.clock.now())
        return replace(delivery, body=body)
