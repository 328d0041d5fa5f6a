"""Durable timers of incoming transfers: undecided ones are taken over, unanswered ones are asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import PaymentId, Reason, ReasonOrigin
from gateway.service.group_commit import OverloadedError
from gateway.service.incoming.ask import Asker
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.ports import Clock, DueTimer, IncomingDecision, UnavailableError
from gateway.service.supervise import Verdict, each

PAUSE_S: Final = 0.05
"""How often the timers are looked at."""

BATCH_MAX: Final = 100

HOLD_S: Final = 1.0
"""Who takes an undecided transfer over has so long before the next may."""

LOOK_BACK: Final = timedelta(days=1)
"""FedNow answers no question about a day before yesterday: after a day a person finds out."""

ASKED_IN_VAIN: Final = Reason(
    "ASKED_IN_VAIN", ReasonOrigin.GATEWAY, "The rail was asked as often as foreseen and did not tell; ask its support."
)


@dataclass(frozen=True, slots=True)
class IncomingTimers:
    """Fires what is due."""

    decisions: IncomingDecisions
    asker: Asker
    messages: ReceivedMessages
    clock: Clock
    observer: IncomingObserver
    parked: set[PaymentId] = field(default_factory=set)
    """Transfers that a fault of ours stopped; looked at again by the next process."""

    async def run(self) -> None:
        """Fire timers until cancelled."""
        while True:
            found = await self.decisions.store.due_timers(self.clock.now(), limit=BATCH_MAX + len(self.parked))
            due = [timer for timer in found if timer.payment_id not in self.parked]
            await each([self._fire_or_park(timer) for timer in due])
            if len(due) < BATCH_MAX:
                await self.clock.sleep_until(self.clock.now() + timedelta(seconds=PAUSE_S))

    async def _fire_or_park(self, timer: DueTimer) -> None:
        """Fire one timer; a fault of ours stops that transfer alone."""
        verdict = Verdict(but=(UnavailableError, OverloadedError))
        async with verdict:
            await self.fire(timer)
        if verdict.fault is not None:
            self.parked.add(timer.payment_id)
            self.observer.fault("incoming timers", verdict.fault)
            self.observer.parked(timer.payment_id, str(verdict.fault))

    async def fire(self, timer: DueTimer) -> None:
        """Do what the passing of time means for one transfer; a repeat finds the timer moved and does nothing."""
        transfer = (await self.decisions.store.load([timer.payment_id])).get(timer.payment_id)
        if transfer is None or transfer.next_step_at != timer.due_at:
            return
        if transfer.state is IncomingState.RECEIVED:
            await self._take_over(transfer, timer)
        else:
            await self.decisions.take(transfer.payment_id, self._choose, loaded=transfer)

    async def _take_over(self, transfer: IncomingTransfer, timer: DueTimer) -> None:
        """See to an undecided transfer, whoever has received it: ask while there is time, then stand in."""
        await self.asker.tenants.ensure()
        now = self.clock.now()
        ask_until = self.decisions.decider.rails[transfer.rail].timing.ask_until(transfer)
        has_time = now < ask_until
        again_at = ask_until if has_time else now + timedelta(seconds=HOLD_S)
        if not await self.decisions.store.take_over(timer, again_at=again_at):
            return
        if not has_time:
            await self.asker.stand_in(transfer)
        elif transfer.payment_id not in self.asker.in_hand:
            self.asker.take_up(transfer, await self.messages.of(transfer))

    async def _choose(self, transfer: IncomingTransfer) -> IncomingDecision | None:
        now = self.clock.now()
        if transfer.next_step_at is None or transfer.next_step_at > now:
            return None
        timing = self.decisions.decider.rails[transfer.rail].timing
        match transfer.state:
            case IncomingState.ACCEPTED | IncomingState.ACCEPTED_WITHOUT_POSTING:
                fact = IncomingFact(IncomingEvent.ADVICE_OVERDUE)
            case IncomingState.IN_DOUBT:
                is_over = transfer.status_requests >= timing.questions_max or now - transfer.forwarded_at > LOOK_BACK
                kind = IncomingEvent.QUESTIONS_ENDED if is_over else IncomingEvent.STATUS_REQUEST_DUE
                fact = IncomingFact(kind, ASKED_IN_VAIN if is_over else None)
            case IncomingState.SETTLED:
                fact = IncomingFact(IncomingEvent.POSTING_OVERDUE)
            case _:
                return None  # what arrived waits for people, and what did not is at its end
        return self.decisions.decider.decide(transfer, fact, at=now)
