"""Durable timers: what is due is decided on; a restart forgets none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from gateway.domain.doubt import due_event
from gateway.domain.payment import Payment, PaymentId, Rail
from gateway.service.decide import Decisions, decide
from gateway.service.group_commit import OverloadedError
from gateway.service.ports import Clock, Decision, DueTimer, Observer, UnavailableError
from gateway.service.rail_protocol import RailProtocol
from gateway.service.supervise import Verdict, each

PAUSE_S: Final = 0.1
"""How often the timers are looked at; a timer is late by this at the most when the process keeps up.

They are of seconds; and every worker looks, whether anything is due or not."""

BATCH_MAX: Final = 100


class TimerObserver(Protocol):
    """Is told of timers that could not be fired."""

    def fault(self, where: str, error: BaseException) -> None:
        """Something failed there."""
        ...

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        """A fault of ours has stopped this one."""
        ...


class DueTimers(Protocol):
    """What is due now, the longest overdue first."""

    async def __call__(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return it; see the stores."""
        ...


async def fire_due(
    name: str,
    due_timers: DueTimers,
    fire: Callable[[DueTimer], Awaitable[object]],
    *,
    parked: set[PaymentId],
    clock: Clock,
    observer: TimerObserver,
) -> None:
    """Fire what is due, until cancelled; a fault of ours stops that one alone, and puts it among `parked`."""

    async def fire_or_park(timer: DueTimer) -> None:
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            await fire(timer)
        if verdict.fault is not None:
            parked.add(timer.payment_id)
            observer.fault(name, verdict.fault)
            observer.parked(timer.payment_id, str(verdict.fault))

    while True:
        found = await due_timers(clock.now(), limit=BATCH_MAX + len(parked))
        due = [timer for timer in found if timer.payment_id not in parked]
        await each([fire_or_park(timer) for timer in due])
        if len(due) < BATCH_MAX:
            await clock.pause(PAUSE_S)


@dataclass(frozen=True, slots=True)
class Timers:
    """Fires what is due."""

    decisions: Decisions
    rails: Mapping[Rail, RailProtocol]
    clock: Clock
    observer: Observer
    parked: set[PaymentId] = field(default_factory=set)
    """Payments that a fault of ours stopped; looked at again by the next process."""

    async def run(self) -> None:
        """Fire timers until cancelled."""
        due_timers = self.decisions.store.due_timers
        await fire_due("timers", due_timers, self.fire, parked=self.parked, clock=self.clock, observer=self.observer)

    async def fire(self, timer: DueTimer) -> Decision | None:
        """Decide what the passing of time means for one payment; a repeat finds the timer moved and does nothing."""
        decision = await self.decisions.take(timer.payment_id, self._choose)
        if decision is not None:
            self.observer.timer_fired((decision.at - timer.due_at).total_seconds())
        return decision

    async def _choose(self, payment: Payment) -> Decision | None:
        now = self.clock.now()
        if payment.next_step_at is None or payment.next_step_at > now:
            return None
        rail = self.rails[payment.rail]
        event = due_event(payment, policy=rail.doubt, is_looked_back_to=rail.is_looked_back_to(payment, at=now))
        return decide(payment, event, at=now, timing=rail.timing)
