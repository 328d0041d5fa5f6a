"""Durable timers: what is due is decided on; a restart forgets none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerWatch:
    """How late a timer is when it is fired, and how often there is a look at what is due; in seconds.

    A look sees ahead by as much as the longest pause exceeds the shortest: the next comes when the first of what it has
    seen is to be fired.
    """

    late_by_s: float = 0.0
    pause_min_s: float = PAUSE_S
    pause_max_s: float = PAUSE_S

    def sees_until(self, now: datetime) -> datetime:
        """Return until when a timer is due that a look sees."""
        return self.fires_until(now) + timedelta(seconds=self.pause_max_s - self.pause_min_s)

    def fires_until(self, now: datetime) -> datetime:
        """Return until when a timer is due that is fired now."""
        return now - timedelta(seconds=self.late_by_s)

    def pause_s(self, coming: Sequence[DueTimer], now: datetime) -> float:
        """Return the pause before the next look, of which `coming` is what it will find: the first to come first."""
        if not coming:
            return self.pause_max_s
        left = coming[0].due_at - self.fires_until(now)
        return min(max(left.total_seconds(), self.pause_min_s), self.pause_max_s)


AT_ONCE: Final = TimerWatch()
"""The watch of whose work it is."""

WHEN_NOBODY_ELSE_DOES: Final = TimerWatch(late_by_s=0.1, pause_min_s=0.05, pause_max_s=1.0)
"""A worker has looked by then, and the deadline (`TELLING_MARGIN_S`) is still to come. Where nothing is late it costs a
look a second."""


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
    watch: TimerWatch = AT_ONCE,
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
        now = clock.now()
        seen = await due_timers(watch.sees_until(now), limit=BATCH_MAX + len(parked))
        found = [timer for timer in seen if timer.payment_id not in parked]
        due = [timer for timer in found if timer.due_at <= watch.fires_until(now)]
        await each([fire_or_park(timer) for timer in due])
        if len(due) < BATCH_MAX:
            await clock.pause(watch.pause_s(found[len(due) :], clock.now()))


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
        """Fire timers until cancelled: for a worker."""
        await self._run("timers", self.decisions.store.due_timers, AT_ONCE)

    async def run_when_nobody_else_does(self) -> None:
        """Fire what is late, of payments that time alone ends, until cancelled: for a gateway, with workers or without.

        A question to the rail is left to the workers: without them it would be queued again and again, and never put.
        Beside those who fire on time it finds nothing; at the same moment as they it is safe (`fire`).
        """
        await self._run("deadlines", self.decisions.store.due_deadlines, WHEN_NOBODY_ELSE_DOES)

    async def _run(self, name: str, due_timers: DueTimers, watch: TimerWatch) -> None:
        parked, clock, observer = self.parked, self.clock, self.observer
        await fire_due(name, due_timers, self.fire, parked=parked, clock=clock, observer=observer, watch=watch)

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
