"""What waits to be fetched by one connection party: leased when handed out, gone when acknowledged."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message that waits: the receipt that acknowledges it, its bytes, and the signature that goes beside them."""

    receipt: str
    body: bytes
    signature: str | None = None


class OutQueue:
    """Messages for one recipient, in the order in which they become visible.

    What is taken stays out of sight for the visibility time and then comes again, until it is acknowledged.
    """

    def __init__(self, *, visibility: timedelta) -> None:
        self._visibility = visibility
        self._waiting: dict[str, Waiting] = {}
        self._order: list[tuple[datetime, int, str]] = []
        self._leased: set[str] = set()
        self._count = 0

    def put(self, waiting: Waiting, *, available_at: datetime) -> None:
        """Let `waiting` be fetched from `available_at` on."""
        self._waiting[waiting.receipt] = waiting
        self._push(available_at, waiting.receipt)

    def take(self, now: datetime, *, messages_max: int) -> list[Waiting]:
        """Hand out and lease what is visible now, oldest first."""
        taken: list[Waiting] = []
        while self._order and len(taken) < messages_max and self._order[0][0] <= now:
            _, _, receipt = heapq.heappop(self._order)
            waiting = self._waiting.get(receipt)
            if waiting is not None:
                taken.append(waiting)
        for waiting in taken:
            self._leased.add(waiting.receipt)
            self._push(now + self._visibility, waiting.receipt)
        return taken

    def later_than(self, now: datetime) -> list[datetime]:
        """When that comes in sight which cannot be fetched now: it comes later, or was handed out."""
        return [visible_at for visible_at, _, receipt in self._order if visible_at > now and receipt in self._waiting]

    def bring_forward(self, now: datetime) -> None:
        """Let everything that waits be fetched from `now` on: time has gone back."""
        self._order = [(min(visible_at, now), number, receipt) for visible_at, number, receipt in self._order]
        heapq.heapify(self._order)

    def drain(self, now: datetime) -> list[tuple[Waiting, datetime]]:
        """Take out everything that waits, with when it may be fetched: what is leased at once, it was for another."""
        drained = [
            (waiting, now if waiting.receipt in self._leased else visible_at)
            for visible_at, _, receipt in sorted(self._order)
            if (waiting := self._waiting.get(receipt)) is not None
        ]
        self._waiting.clear()
        self._order.clear()
        self._leased.clear()
        return drained

    def acknowledge(self, receipts: Iterable[str]) -> list[str]:
        """Forget these for good and return those that were still here; a repeat changes nothing."""
        gone = [receipt for receipt in receipts if self._waiting.pop(receipt, None) is not None]
        self._leased.difference_update(gone)
        return gone

    def next_visible_at(self) -> datetime | None:
        """When the next message comes in sight; None while nothing waits."""
        while self._order and self._order[0][2] not in self._waiting:
            heapq.heappop(self._order)
        return self._order[0][0] if self._order else None

    def __len__(self) -> int:
        return len(self._waiting)

    def _push(self, visible_at: datetime, receipt: str) -> None:
        self._count += 1
        heapq.heappush(self._order, (visible_at, self._count, receipt))
