"""What a rail's queues have handed out to us and we have not answered yet."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from gateway.service.ports import RailDelivery

Held = TypeVar("Held")


LEASE_LOOKS: Final = 5
"""How often in the time of a lease is looked for those that have ended."""


def receipt_of(body: bytes, signature: str | None = None) -> str:
    """Return the receipt of a message: the digest of its bytes, and of what came beside them.

    It is the same however often the message comes, and over whichever connection. A rail's own ids would not do: under
    one that it used twice, acknowledging one message would lose another. Who has saved these bytes has saved them all;
    but who has set them aside, for the signature beside them was another's, has not saved the rail's own.
    """
    beside = b"" if signature is None else b"\x01" + signature.encode("utf-8", "surrogatepass")
    return hashlib.sha256(hashlib.sha256(body).digest() + beside).hexdigest()


@dataclass(slots=True, eq=False)
class _Entry(Generic[Held]):
    delivery: RailDelivery
    held: Held
    leased_until_s: float


class Hand(Generic[Held]):
    """Messages in hand, in the order in which they came: ready to be taken, or taken and not acknowledged yet.

    ``held`` is what the link answers a message with. What nobody takes, or acknowledges once it is taken, within
    `lease_s` is overdue: the link gives it back to the rail, so that somebody else gets it. Times are the loop's.
    """

    def __init__(self, *, lease_s: float) -> None:
        self.changed = asyncio.Event()
        """Set when something has come, and by the link when it has news."""
        self._lease_s = lease_s
        self._ready: deque[_Entry[Held]] = deque()
        self._entries: dict[str, list[_Entry[Held]]] = {}

    def put(self, body: bytes, held: Held, *, signature: str | None = None) -> None:
        """Take a message in, with what came beside it."""
        delivery = RailDelivery(receipt_of(body, signature), body, signature)
        entry = _Entry(delivery, held, self._lease_end_s())
        self._ready.append(entry)
        self._entries.setdefault(entry.delivery.receipt, []).append(entry)
        self.changed.set()

    def take(self, messages_max: int) -> Sequence[RailDelivery]:
        """Hand out what is ready, oldest first."""
        taken = [self._ready.popleft() for _ in range(min(messages_max, len(self._ready)))]
        for entry in taken:
            entry.leased_until_s = self._lease_end_s()
        return [entry.delivery for entry in taken]

    def settle(self, receipts: Sequence[str]) -> Sequence[Held]:
        """Forget the messages with these receipts, ready ones too; return what they are answered with."""
        settled = [entry for receipt in dict.fromkeys(receipts) for entry in self._entries.get(receipt, ())]
        self._forget(settled)
        return [entry.held for entry in settled]

    def withdraw(self, is_gone: Callable[[Held], bool]) -> Sequence[Held]:
        """Forget every message of which `is_gone` is true: the rail hands it out again, or has been told to."""
        gone = [entry for entry in self._all() if is_gone(entry.held)]
        self._forget(gone)
        return [entry.held for entry in gone]

    def overdue(self) -> Sequence[Held]:
        """Return what the messages whose lease has ended are answered with; they stay in hand."""
        now_s = asyncio.get_running_loop().time()
        return [entry.held for entry in self._all() if entry.leased_until_s <= now_s]

    def holds(self, held: Held) -> bool:
        """Return whether a message that is answered with this is in hand."""
        return any(entry.held == held for entry in self._all())

    async def wait(self, *, until_s: float) -> None:
        """Return when something has changed, or at that time of the loop's."""
        self.changed.clear()
        try:
            async with asyncio.timeout_at(until_s):
                await self.changed.wait()
        except TimeoutError:
            return

    @asynccontextmanager
    async def leases_kept(self, give_back: Callable[[Sequence[Held]], Awaitable[None]]) -> AsyncIterator[None]:
        """Look for what is overdue while the context is open; `give_back` withdraws it and tells the rail."""
        async with asyncio.TaskGroup() as background:
            keeper = background.create_task(self._keep_leases(give_back))
            try:
                yield
            finally:
                keeper.cancel()

    async def _keep_leases(self, give_back: Callable[[Sequence[Held]], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(self._lease_s / LEASE_LOOKS)
            if overdue := self.overdue():
                await give_back(overdue)

    def _all(self) -> Iterator[_Entry[Held]]:
        return (entry for entries in self._entries.values() for entry in entries)

    def _forget(self, entries: Sequence[_Entry[Held]]) -> None:
        for entry in entries:
            same = self._entries[entry.delivery.receipt]
            same.remove(entry)
            if not same:
                del self._entries[entry.delivery.receipt]
        if any(entry in self._ready for entry in entries):
            self._ready = deque(entry for entry in self._ready if entry not in entries)

    def _lease_end_s(self) -> float:
        return asyncio.get_running_loop().time() + self._lease_s
