"""Admission: nothing is accepted that would surely miss its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from gateway.service.group_commit import OverloadedError
from gateway.service.ports import BlockedError, Bus, Clock, PaymentStore, UnavailableError

PAUSE_S: Final = 0.2
"""Between two looks at how long payments wait; so much later than the truth the gate moves at the most."""

BUS_PAUSE_S: Final = 0.5
"""Between two questions to the bus, which cost it something each."""

LEFT_OUT: Final = 4
"""So many may wait for long without closing the gate: what one stuck delivery holds up is no backlog."""


class BusBlockedError(OverloadedError):
    """The bus has said that it takes nothing."""

    shown: ClassVar[str] = "The message bus is short of memory or disk and takes nothing"


class BusAwayError(OverloadedError):
    """The bus has not answered for a while."""

    shown: ClassVar[str] = "The message bus does not answer"


@dataclass(slots=True)
class Admission:
    """A gate before the intake; `run` and `watch` must be running.

    It closes while accepted payments, more than a few, have waited for longer than `wait_max_s` to be sent: workers,
    relay or broker are behind, or gone, and whatever came now would wait longer still. It closes too while the bus
    itself takes nothing, which at a low rate no payment would show in time: at once where the bus says so, and after
    `wait_max_s` where it says nothing. It opens by itself once they have caught up.
    """

    store: PaymentStore
    clock: Clock
    wait_max_s: float
    waiting_since: datetime | None = None
    bus_fails_since: datetime | None = None
    is_bus_blocked: bool = False

    def admit(self) -> None:
        """Return if a payment may be accepted now; asks nobody.

        Raises:
            BusBlockedError, BusAwayError: the bus takes nothing.
            OverloadedError: it may not: nothing was done, and the same may be asked again in a moment.

        """
        if self.is_bus_blocked:
            raise BusBlockedError("the bus has blocked publishers")
        if (failed_s := self._seconds_since(self.bus_fails_since)) > self.wait_max_s:
            raise BusAwayError(f"the bus has not answered for {failed_s:.1f} s")
        if (waited_s := self._seconds_since(self.waiting_since)) > self.wait_max_s:
            raise OverloadedError(f"payments have waited {waited_s:.1f} s to be sent")

    async def run(self) -> None:
        """Keep looking until cancelled.

        Raises:
            UnavailableError: the store does not answer; the gate stays as it was.

        """
        while True:
            self.waiting_since = await self.store.waiting_since(behind=LEFT_OUT)
            await self.clock.pause(PAUSE_S)

    async def watch(self, bus: Bus) -> None:
        """Keep asking the bus whether it takes deliveries, until cancelled.

        Raises:
            UnavailableError: it takes none; the gate knows since when.
            UnroutableError: no queue has been declared yet; the gate stays as it was.

        """
        while True:
            asked_at = self.clock.now()
            try:
                await bus.check()
            except UnavailableError as error:
                self.bus_fails_since = self.bus_fails_since or asked_at
                self.is_bus_blocked = isinstance(error, BlockedError)
                raise
            self.bus_fails_since, self.is_bus_blocked = None, False
            await self.clock.pause(BUS_PAUSE_S)

    def _seconds_since(self, instant: datetime | None) -> float:
        return 0.0 if instant is None else (self.clock.now() - instant).total_seconds()
