"""Durable timers: what is due is decided on; a restart forgets none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.domain.doubt import due_event
from gateway.domain.payment import Payment, PaymentId, Rail
from gateway.service.decide import Decisions, decide
from gateway.service.group_commit import OverloadedError
from gateway.service.ports import Clock, Decision, DueTimer, Observer, UnavailableError
from gateway.service.rail_protocol import RailProtocol
from gateway.service.supervise import Verdict, each

PAUSE_S: Final = 0.05
"""How often the timers are looked at; a timer is late by this at the most when the process keeps up."""

BATCH_MAX: Final = 100


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
        while True:
            found = await self.decisions.store.due_timers(self.clock.now(), limit=BATCH_MAX + len(self.parked))
            due = [timer for timer in found if timer.payment_id not in self.parked]
            await each([self._fire_or_park(timer) for timer in due])
            if len(due) < BATCH_MAX:
                await self.clock.sleep_until(self.clock.now() + timedelta(seconds=PAUSE_S))

    async def _fire_or_park(self, timer: DueTimer) -> None:
        """Fire one timer; a fault of ours stops that payment alone."""
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            await self.fire(timer)
        if verdict.fault is not None:
            self.parked.add(timer.payment_id)
            self.observer.fault("timers", verdict.fault)
            self.observer.parked(timer.payment_id, str(verdict.fault))

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
