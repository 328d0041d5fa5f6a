"""The link to a rail that signs: what leaves is signed, and what comes is verified before anybody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Self

from adapters.rails.carrier import Carrier
from gateway.domain.payment import Rail
from gateway.service.large_messages import LARGE_BYTES, split
from gateway.service.ports import Clock, Leg, MessageClass, NotSentError, Observer, RailDelivery
from iso20022 import LocalProtocolError, RemoteProtocolError
from iso20022.signatures import Signed, SignedTraffic

LARGE_LOOK_S: Final = 0.2
"""While something large is verified nobody waits for longer than this for what comes next."""


@dataclass(frozen=True, slots=True)
class SignedLink:
    """A `RailLink` over another. Nothing but this signs or verifies, on either rail. Use as an async context manager.

    What does not verify comes with the finding instead of being left out: whoever receives keeps it, acts upon nothing
    in it, and acknowledges it, so that it does not come for ever.
    """

    rail: Rail
    link: Carrier
    traffic: SignedTraffic
    clock: Clock
    observer: Observer
    large_bytes: int = LARGE_BYTES
    """What is larger is verified in a thread, one at a time, and handed out with what is fetched after that."""
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1), init=False)
    _verifying: list[asyncio.Future[RailDelivery]] = field(default_factory=list, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of what is being verified: nobody has acknowledged it, and the rail brings it again."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Sign a message and hand it to the rail; see the port.

        Raises:
            NotSentError: no key of ours counts now, so nothing was sent; or as the link beneath says.
            UnavailableError: the rail may have it.

        """
        signed = self._signed(body)
        await self.link.send(signed.body, message_class=message_class, signature=signed.signature)

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, each message as its signature covers it; see the port.

        What is large holds nothing up: it comes with a later fetch, once it is verified.
        """
        wait_s = min(wait_s, LARGE_LOOK_S) if self._verifying else wait_s
        prompt, large = split(
            await self.link.receive(messages_max=messages_max, wait_s=wait_s), large_bytes=self.large_bytes
        )
        loop = asyncio.get_running_loop()
        self._verifying.extend(loop.run_in_executor(self._thread, self._judged, each) for each in large)
        judged = []
        for each in prompt:
            await asyncio.sleep(0)  # a fetch brings many: others have their turn in between
            judged.append(self._judged(each))
        while self._verifying and self._verifying[0].done():
            judged.append(self._verifying.pop(0).result())
        for each in judged:
            if each.unverified is not None:
                self.observer.unverified(self.rail, each.unverified, signature=each.signature)
        return judged

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

    def _judged(self, delivery: RailDelivery) -> RailDelivery:
        """What may be read of it; or as it came, with what is wrong."""
        try:
            body = self.traffic.verify(delivery.body, delivery.signature, at=self.clock.now())
        except RemoteProtocolError as error:
            return replace(delivery, unverified=error.findings[0])
        return replace(delivery, body=body)
