"""Durable timers of incoming transfers: undecided ones are taken over, unanswered ones are asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import PaymentId, Reason, ReasonOrigin
from gateway.service.incoming.ask import Asker
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.ports import Clock, DueTimer, IncomingDecision
from gateway.service.timers import fire_due

HOLD_S: Final = 1.0
"""Who takes an undecided transfer over has so long before the next may."""

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
        due_timers = self.decisions.store.due_timers
        await fire_due(
            "incoming timers", due_timers, self.fire, parked=self.parked, clock=self.clock, observer=self.observer
        )

    async def fire(self, timer: DueTimer) -> None:
        """Do what the passing of time means for one transfer; a repeat finds the timer moved and does nothing."""
        transfer = (await self.decisions.store.load([timer.payment_id])).get(timer.payment_id)
        if transfer is None or transfer.next_step_at != timer.due_at:
            return
        if transfer.state is IncomingState.RECEIVED and not transfer.is_taken_over:
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
            self.asker.take_up(transfer, await self.messages.received(transfer))

    async def _choose(self, transfer: IncomingTransfer) -> IncomingDecision | None:
        now = self.clock.now()
        if transfer.next_step_at is None or transfer.next_step_at > now:
            return None
        rail = self.decisions.decider.rails[transfer.rail]
        match transfer.state:
            case IncomingState.ACCEPTED | IncomingState.ACCEPTED_WITHOUT_POSTING:
                fact = IncomingFact(IncomingEvent.ADVICE_OVERDUE)
            case IncomingState.IN_DOUBT:
                is_over = transfer.status_requests >= rail.timing.questions_max or not rail.is_looked_back_to(
                    transfer, at=now
                )
                kind = IncomingEvent.QUESTIONS_ENDED if is_over else IncomingEvent.STATUS_REQUEST_DUE
                fact = IncomingFact(kind, ASKED_IN_VAIN if is_over else None)
            case IncomingState.SETTLED:
                fact = IncomingFact(IncomingEvent.POSTING_OVERDUE)
            case IncomingState.RETURN_DUE | IncomingState.POSTED if transfer.returning_cents:
                fact = IncomingFact(IncomingEvent.RETURN_OVERDUE)
            case IncomingState.RETURN_DUE if transfer.returns:
                fact = IncomingFact(IncomingEvent.RETURN_STARTED)
            case _:
                return None  # what arrived waits for people, and what did not is at its end
        return self.decisions.decider.decide(transfer, fact, at=now)
