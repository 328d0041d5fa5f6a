"""Asking the institution, with what is left of the rail's reserve; in its place, the stand-in decides."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from gateway.domain.events import FINDINGS
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    CONTRADICTS,
    LATE,
    WITH_SCREENING,
    IncomingFact,
    IncomingTransfer,
    InstitutionAnswer,
    Verdict,
    is_contradicted,
)
from gateway.domain.payment import PaymentId, Reason, ReasonOrigin, TenantId
from gateway.domain.screening import PASSED, Screened, Way, answered_with
from gateway.service.group_commit import OverloadedError
from gateway.service.incoming.come_back import STILL_OPEN, ComingBack
from gateway.service.incoming.decide import IncomingDecisions, credited
from gateway.service.incoming.decided import decided_fact, with_details
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.incoming.rail import Brought, Received, findings_text
from gateway.service.incoming.send import IncomingSender
from gateway.service.incoming.tenants import NOBODYS, ReceivingTenants
from gateway.service.ports import (
    Clock,
    IncomingDecision,
    Institution,
    MessageDirection,
    Question,
    ReceivingTenant,
    UnavailableError,
)
from gateway.service.screening import Screening
from gateway.service.supervise import Verdict as Outcome
from iso20022 import CustomerCreditTransfer, Finding, PaymentReturn

IN_HAND_MAX: Final = 2_000
TENANT_IN_HAND_MAX: Final = 500
"""Transfers that one process has in hand at once, and how many of one tenant: a slow institution stops no other. What
comes beyond is left to the timers of all."""

TRIES_MAX: Final = 3
"""How often an institution is asked that could not be reached, or answered nonsense, before the stand-in decides."""

RETRY_PAUSE_S: Final = 0.2
"""Between two of these."""

LATE_S: Final = 10.0
LATE_MAX: Final = 100
"""How long after its time an institution's answer is still listened to, and recorded; so many of one tenant at once."""

COPIES_FOR: Final = timedelta(days=1)
"""Copies of a message come for so long, and senders' clocks are no further apart."""

UNKNOWN_AGENT: Final = "No institution receives here for this creditor's agent."
NO_TIME: Final = "no time was left for it"
"""Why nobody has looked at a transfer."""

UNDECIDED: Final = "The institution did not decide in time."


@dataclass(frozen=True, slots=True)
class _Taken:
    """A transfer that is to be decided on, and its message."""

    transfer: IncomingTransfer
    received: Received


@dataclass(slots=True)
class Asker:
    """Decides on transfers that were received: asks, waits, and answers the rail. `run` must be running."""

    decisions: IncomingDecisions
    institution: Institution
    tenants: ReceivingTenants
    sender: IncomingSender
    coming_back: ComingBack
    messages: ReceivedMessages
    clock: Clock
    observer: IncomingObserver
    screening: Screening | None = None
    in_hand: set[PaymentId] = field(default_factory=set)
    _of_tenant: Counter[TenantId] = field(default_factory=Counter)
    _late_of_tenant: Counter[TenantId] = field(default_factory=Counter)
    _waiting: list[_Taken] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Take up what is passed to `take_up`, until cancelled: what is in hand then is left to the timers."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                while True:
                    await self._arrived.wait()
                    self._arrived.clear()
                    waiting, self._waiting = self._waiting, []
                    for taken in waiting:
                        group.create_task(self._decide_or_park(taken))
        finally:
            self._waiting.clear()
            self.in_hand.clear()
            self._of_tenant.clear()
            self._late_of_tenant.clear()

    def take_up(self, transfer: IncomingTransfer, received: Received) -> None:
        """Have a transfer decided on; one that is in hand already, or one too many, is left as it is."""
        is_full = len(self.in_hand) >= IN_HAND_MAX or self._of_tenant[transfer.tenant_id] >= TENANT_IN_HAND_MAX
        if transfer.payment_id in self.in_hand or is_full:
            return
        self.in_hand.add(transfer.payment_id)
        self._of_tenant[transfer.tenant_id] += 1
        self._waiting.append(_Taken(transfer, received))
        self._arrived.set()

    async def stand_in(self, transfer: IncomingTransfer) -> None:
        """Decide in the institution's place, and answer the rail; there is no time left for anyone to look at it."""
        if transfer.is_liquidity:
            await self.credit(transfer)
            return
        if broken := (await self.messages.received(transfer)).broken:
            await self._refuse(transfer, broken)
            return
        answer = await self._in_its_place(self.tenants.of(transfer), transfer)
        screened = Screened(fault=NO_TIME) if await self._is_screened(transfer) else PASSED
        await self._answer(transfer, answer, by=ReasonOrigin.GATEWAY, asked_s=0.0, screened=screened)

    async def _is_screened(self, transfer: IncomingTransfer) -> bool:
        """Whether a transfer, or a return, is looked at before it is accepted: where its institution wants it."""
        if self.screening is None:
            return False
        return await self.screening.wants(transfer.tenant_id, Way.INCOMING)

    async def _screened(self, transfer: IncomingTransfer, message: Brought, within_s: float) -> Screened:
        """What screening says; where it cannot say it, also by a fault of ours, nothing has passed."""
        screened, outcome = Screened(fault=NO_TIME), Outcome()
        async with outcome:
            assert self.screening is not None, "it is asked where there is one"
            assert isinstance(message, CustomerCreditTransfer | PaymentReturn), "customers' money alone is screened"
            bodies: tuple[bytes, ...] = ()
            if not message.carries_all or isinstance(message, PaymentReturn):  # which has further parties in its chain
                kept = await self.decisions.store.messages(transfer.payment_id)
                bodies = tuple(raw.body for raw in kept if raw.direction is MessageDirection.RAIL_IN)
            screened = await self.screening.incoming(transfer, message, bodies, within_s=within_s)
        if outcome.fault is not None:
            self.observer.fault("screening", outcome.fault)
        return screened

    async def _decide_or_park(self, taken: _Taken) -> None:
        """Decide on one; a fault of ours stops that one alone, and the world's are left to the timers."""
        outcome = Outcome()
        try:
            async with outcome:
                await self._decide(taken.transfer, taken.received)
        finally:
            self._let_go(taken.transfer)
        if outcome.fault is not None:
            self.observer.fault("ask", outcome.fault)
            if not isinstance(outcome.fault, UnavailableError | OverloadedError):
                self.observer.parked(taken.transfer.payment_id, str(outcome.fault))

    def _let_go(self, transfer: IncomingTransfer) -> None:
        if transfer.payment_id in self.in_hand:
            self.in_hand.remove(transfer.payment_id)
            self._of_tenant[transfer.tenant_id] -= 1

    async def credit(self, transfer: IncomingTransfer) -> None:
        """Save that the money of a liquidity transfer is here: nobody is asked, and nothing is answered; repeatable.

        Raises:
            UnavailableError: the store does not answer.

        """

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            if current.state is not IncomingState.RECEIVED:
                return None
            fact = credited(current)
            return self.decisions.decider.decide(
                current, fact, at=self.clock.now(), is_strange=CONTRADICTS in fact.details
            )

        await self.decisions.take(transfer.payment_id, choose, loaded=transfer)

    async def _refuse(self, transfer: IncomingTransfer, broken: Sequence[Finding]) -> None:
        """Reject what breaks rules of its rail; nobody is asked, and the history has what was found."""
        rail = self.decisions.decider.rails[transfer.rail]
        reason = rail.refusal(transfer, broken, at=self.clock.now())
        assert reason is not None, "what cannot be answered is not taken"
        answer = InstitutionAnswer(Verdict.REJECT, reason.code, reason.text)
        found = {FINDINGS: findings_text(broken)}
        await self._answer(transfer, answer, by=ReasonOrigin.GATEWAY, asked_s=0.0, screened=PASSED, found=found)

    async def _decide(self, transfer: IncomingTransfer, received: Received) -> None:
        if transfer.is_liquidity:
            await self.credit(transfer)
            return
        if received.broken:
            await self._refuse(transfer, received.broken)
            return
        await self.tenants.ensure()
        tenant, rail = self.tenants.of(transfer), self.decisions.decider.rails[transfer.rail]
        ask_until = rail.timing.ask_until(transfer)
        if transfer.is_return:
            while await self.coming_back.judge(transfer) is None and self.clock.now() < ask_until:
                await self.clock.pause(RETRY_PAUSE_S)
        is_screened = await self._is_screened(transfer)
        within_s = (ask_until - self.clock.now()).total_seconds()
        if within_s <= 0:
            await self.stand_in(transfer)
            return
        started_s = self.clock.monotonic_s()
        assert self._group is not None, "transfers are decided on while `run` runs"
        looking = self._group.create_task(self._screened(transfer, received.message, within_s)) if is_screened else None
        if transfer.is_return or tenant.institution_url is None:
            standing_in = await self._in_its_place(tenant, transfer)
            screened = await _seen(looking, standing_in)
            await self._answer(transfer, standing_in, by=ReasonOrigin.GATEWAY, asked_s=0.0, screened=screened)
            return
        question = Question(transfer, received.message, ask_until)
        asking = self._group.create_task(self._asked_or_reported(tenant, question, within_s))
        await asyncio.wait([asking], timeout=within_s)
        answer = asking.result() if asking.done() else None
        by = ReasonOrigin.GATEWAY if answer is None else ReasonOrigin.INSTITUTION
        answer = answer or await self._in_its_place(tenant, transfer)
        screened = await _seen(looking, answer)
        asked_s = self.clock.monotonic_s() - started_s
        await self._answer(transfer, answer, by=by, asked_s=asked_s, screened=screened)
        if by is ReasonOrigin.GATEWAY:
            self._let_go(transfer)
            await self._listen(transfer, asking, screened)

    async def _listen(
        self, transfer: IncomingTransfer, asking: asyncio.Task[InstitutionAnswer | None], screened: Screened
    ) -> None:
        """Wait for what an institution says after its time, and keep it; where too many are waited for, for none."""
        if self._late_of_tenant[transfer.tenant_id] >= LATE_MAX:
            asking.cancel()
            return
        self._late_of_tenant[transfer.tenant_id] += 1
        try:
            late = await asking
        finally:
            self._late_of_tenant[transfer.tenant_id] -= 1
        if late is not None:
            await self._record_late(transfer.payment_id, late, screened)

    async def _asked_or_reported(
        self, tenant: ReceivingTenant, question: Question, within_s: float
    ) -> InstitutionAnswer | None:
        """The institution's answer, late or not; None where there is none, also by a fault of ours."""
        answer: InstitutionAnswer | None = None
        outcome = Outcome()
        async with outcome:
            answer = await self._asked(tenant, question, within_s)
        if outcome.fault is not None:
            self.observer.fault("institution", outcome.fault)
        return answer

    async def _asked(self, tenant: ReceivingTenant, question: Question, within_s: float) -> InstitutionAnswer | None:
        """The institution's answer, late or not; None where it cannot be reached, or answers nonsense."""
        ends_s = self.clock.monotonic_s() + within_s
        for _ in range(TRIES_MAX):
            left_s = ends_s - self.clock.monotonic_s()
            if left_s <= 0:
                return None
            try:
                return await self.institution.decide(tenant, question, within_s=left_s + LATE_S)
            except UnavailableError as error:
                self.observer.fault("institution", error)
            await self.clock.pause(RETRY_PAUSE_S)
        return None

    async def _in_its_place(self, tenant: ReceivingTenant, transfer: IncomingTransfer) -> InstitutionAnswer:
        now, reasons = self.clock.now(), self.decisions.decider.rails[transfer.rail].reasons
        if transfer.is_return:
            return await self.coming_back.judge(transfer) or STILL_OPEN
        if transfer.tenant_id == NOBODYS:
            return InstitutionAnswer(Verdict.REJECT, reasons.unknown_agent, UNKNOWN_AGENT)
        standing = await self.decisions.store.account_standing(tenant.tenant_id, transfer.creditor_account_index)
        answer = tenant.stand_in.decide(transfer, standing, at=now)
        if answer.verdict is Verdict.REJECT and answer.reason_code is None:
            return InstitutionAnswer(Verdict.REJECT, reasons.unanswered, UNDECIDED)
        return answer

    async def _answer(
        self,
        transfer: IncomingTransfer,
        answer: InstitutionAnswer,
        *,
        by: ReasonOrigin,
        asked_s: float,
        screened: Screened,
        found: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Save the decision, and only then let the answer leave; whoever was first has decided.

        What screening has not passed is not accepted, whoever says so. `found` is what the history keeps with it.
        """
        rails = self.decisions.decider.rails
        final = answered_with(answer, screened, unanswered=rails[transfer.rail].reasons.unanswered)
        decided_by = by if final is answer else ReasonOrigin.SCREENING
        is_late = False

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            nonlocal is_late
            now = self.clock.now()
            if current.state is not IncomingState.RECEIVED:
                late = self._late(current, answer, screened) if by is ReasonOrigin.INSTITUTION else None
                return None if late is None or not late.contradiction else late
            if now >= current.answer_by:
                was_late, is_late = is_late, True
                too_late = with_details(self._too_late(current), found)
                return self.decisions.decider.decide(current, too_late, at=now) if was_late else None
            is_ours = current.is_return or FINDINGS in found
            fact = decided_fact(final, decided_by, is_ours=is_ours, screened=screened, found=found)
            return self.decisions.decider.decide(current, fact, at=now, is_strange=answer.contradicts)

        decision = await self.decisions.take(transfer.payment_id, choose, loaded=transfer)
        if is_late:  # whenever that was: as it came it does not say whose slot it is now, and the store does
            decision = await self.decisions.take(transfer.payment_id, choose)
        if decision is None or decision.transfer.state is not IncomingState.RECEIVED or decision.answer is None:
            return
        if not await self.sender.send(decision):
            return
        answered_at = self.clock.now()
        self.observer.incoming_answered(
            transfer.rail,
            own_s=max((answered_at - transfer.received_at).total_seconds() - asked_s, 0.0),
            left_s=(transfer.answer_by - answered_at).total_seconds(),
        )

    def _too_late(self, transfer: IncomingTransfer) -> IncomingFact:
        """What it means that a transfer's time was over before anybody decided.

        It is rejected; but in a slot that was taken over it may be a copy of what the lost region had accepted, while
        that one was alone: then the rail is asked first, as about all it had. What was made a day later is no copy.
        """
        if transfer.ask_after is not None and transfer.message_created_at < transfer.ask_after + COPIES_FOR:
            return IncomingFact(IncomingEvent.TAKEN_OVER)
        unanswered = self.decisions.decider.rails[transfer.rail].reasons.unanswered
        return IncomingFact(IncomingEvent.ANSWER_TIME_PASSED, Reason(unanswered, ReasonOrigin.GATEWAY, UNDECIDED))

    async def _record_late(self, payment_id: PaymentId, answer: InstitutionAnswer, screened: Screened) -> None:
        """Keep what an institution said after somebody had decided in its place; another verdict shows as such."""

        async def choose(current: IncomingTransfer) -> IncomingDecision | None:
            return self._late(current, answer, screened)

        await self.decisions.take(payment_id, choose)

    def _late(self, current: IncomingTransfer, answer: InstitutionAnswer, screened: Screened) -> IncomingDecision:
        """What it means; a verdict that screening has taken back is no contradiction of the one that was answered."""
        with_screening = answered_with(answer, screened, unanswered="")
        fact = decided_fact(answer, ReasonOrigin.INSTITUTION)
        details = {**fact.details, LATE: "yes", "answered": current.answer or ""}
        if with_screening.verdict is not answer.verdict:
            details[WITH_SCREENING] = with_screening.verdict.value
        return self.decisions.decider.decide(
            current,
            IncomingFact(fact.kind, fact.reason, details=details),
            at=self.clock.now(),
            is_strange=is_contradicted(current.answer, with_screening.verdict),
        )


async def _seen(looking: asyncio.Task[Screened] | None, answer: InstitutionAnswer) -> Screened:
    """What screening says, where it is asked at all; of what is rejected anyway it is not waited for."""
    if looking is None:
        return PASSED
    if answer.verdict is Verdict.REJECT:
        looking.cancel()
        return PASSED
    return await looking
