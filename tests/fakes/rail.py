"""A rail in memory, for unit tests: obeys the contract of `RailLink`, and its answers and faults are scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.service.ports import MessageClass, NotSentError, RailDelivery, UnavailableError

Answering = Callable[[bytes, MessageClass], Sequence[bytes]]


def no_answer(_body: bytes, _message_class: MessageClass) -> Sequence[bytes]:
    """A rail that takes everything and says nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as the rail got it."""

    body: bytes
    message_class: MessageClass
    signature: str | None = None


@dataclass(slots=True)
class _Waiting:
    delivery: RailDelivery
    leased_until_s: float = 0.0


class InMemoryRail:
    """Keeps what it is sent in `sent`, and queues what `answering` says to it.

    `next_send_raises` is raised by the next send only: `NotSentError` before the message is kept, any other
    `UnavailableError` after it. `reachable` off makes everything raise, as a rail that is down. Leases
    run in loop time.
    """

    def __init__(self, *, answering: Answering = no_answer, visibility_s: float = 5.0) -> None:
        self.sent: list[Sent] = []
        self.answering = answering
        self.reachable = True
        self.next_send_raises: UnavailableError | None = None
        self._visibility_s = visibility_s
        self._waiting: dict[str, _Waiting] = {}
        self._receipts = 0
        self._arrived = asyncio.Event()

    @property
    def unacknowledged(self) -> int:
        """How many messages are still to be fetched or acknowledged."""
        return len(self._waiting)

    def deliver(self, body: bytes, *, signature: str | None = None) -> str:
        """Queue a message of the rail's own accord, with what goes beside it; returns its receipt."""
        self._receipts += 1
        receipt = f"receipt-{self._receipts}"
        self._waiting[receipt] = _Waiting(RailDelivery(receipt, body, signature))
        self._arrived.set()
        return receipt

    async def send(self, body: bytes, *, message_class: MessageClass, signature: str | None = None) -> None:
        """Keep the message and queue its answers."""
        if not self.reachable:
            raise NotSentError("the rail is down")
        fault, self.next_send_raises = self.next_send_raises, None
        if isinstance(fault, NotSentError):
            raise fault
        self.sent.append(Sent(body, message_class, signature))
        for answer in self.answering(body, message_class):
            self.deliver(answer)
        if fault is not None:
            raise fault

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Hand out and lease what waits; wait for a first one in loop time."""
        try:
            async with asyncio.timeout(wait_s):
                return await self._take(messages_max)
        except TimeoutError:
            return ()

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Forget these."""
        self._demand_reachable()
        for receipt in receipts:
            self._waiting.pop(receipt, None)

    async def check(self) -> None:
        """Return if the rail is up."""
        self._demand_reachable()

    async def _take(self, messages_max: int) -> Sequence[RailDelivery]:
        while True:
            self._demand_reachable()
            now_s = asyncio.get_running_loop().time()
            visible = [entry for entry in self._waiting.values() if entry.leased_until_s <= now_s][:messages_max]
            for entry in visible:
                entry.leased_until_s = now_s + self._visibility_s
            if visible:
                return [entry.delivery for entry in visible]
            self._arrived.clear()
            await self._wait_for_more(now_s)

    async def _wait_for_more(self, now_s: float) -> None:
        """Return when something arrives or the next lease ends."""
        next_s = min((entry.leased_until_s for entry in self._waiting.values()), default=None)
        try:
            async with asyncio.timeout(None if next_s is None else next_s - now_s):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _demand_reachable(self) -> None:
        if not self.reachable:
            raise UnavailableError("the rail is down")
