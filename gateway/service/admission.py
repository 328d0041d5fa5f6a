"""Admission: nothing is accepted that would surely miss its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.service.group_commit import OverloadedError
from gateway.service.ports import Clock, PaymentStore

PAUSE_S: Final = 0.2
"""Between two looks at how long payments wait; so much later than the truth the gate moves at the most."""

LEFT_OUT: Final = 4
"""So many may wait for long without closing the gate: what one stuck delivery holds up is no backlog."""


@dataclass(slots=True)
class Admission:
    """A gate before the intake; `run` must be running.

    It closes while accepted payments, more than a few, have waited for longer than `wait_max_s` to be sent: workers,
    relay or broker are behind, or gone, and whatever came now would wait longer still. It opens by itself once they
    have caught up.
    """

    store: PaymentStore
    clock: Clock
    wait_max_s: float
    waiting_since: datetime | None = None

    def admit(self) -> None:
        """Return if a payment may be accepted now.

        Raises:
            OverloadedError: it may not: nothing was done, and the same may be asked again in a moment.

        """
        if self.waiting_since is None:
            return
        waited = self.clock.now() - self.waiting_since
        if waited > timedelta(seconds=self.wait_max_s):
            raise OverloadedError(f"payments have waited {waited.total_seconds():.1f} s to be sent")

    async def run(self) -> None:
        """Keep looking until cancelled.

        Raises:
            UnavailableError: the store does not answer; the gate stays as it was.

        """
        while True:
            self.waiting_since = await self.store.waiting_since(behind=LEFT_OUT)
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=PAUSE_S))
