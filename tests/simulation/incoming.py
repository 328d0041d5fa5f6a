"""Receiving in a world: payments that the rail brings, an institution that is asked, and one process's way to both."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import (
    IncomingTransfer,
    InstitutionAnswer,
    PostingAnswer,
    PostingOutcome,
    RecordedFact,
    Verdict,
)
from gateway.domain.payment import PaymentId, TenantId
from gateway.domain.stand_in import StandInPolicy, policy_from
from gateway.service.ports import IncomingStore, Question, ReceivingTenant, UnavailableError
from iso20022 import (
    Amount,
    BusinessHeader,
    MessageId,
    PaymentStatusReport,
    PaymentStatusRequest,
    RoutingNumber,
    TransactionStatus,
)
from simulators.facts import Fact, ForwardingCompleted, ForwardingStatus, PaymentBooked, ReceiverAnswered
from simulators.fednow.forward import FedNowForwarding
from simulators.forwarding import Forwarded, Order, queued_on
from simulators.message_ids import MessageIds
from tests.acceptance.payments import SENDER
from tests.fakes.incoming import InMemoryIncoming
from tests.simulation.ports import Side
from tests.simulation.scenario import IncomingPlan, Part, Word

if TYPE_CHECKING:
    from tests.simulation.processes import Life
    from tests.simulation.rail import SimulatedRail
    from tests.simulation.world import World

DEBTOR_AGENT: Final = RoutingNumber("990001106")
CREDITOR_AGENT: Final = RoutingNumber(SENDER)
TENANT: Final = TenantId("institution")

SMALL: Final = 5_000
LARGE: Final = 50_000
POLICY: Final[StandInPolicy] = policy_from(
    {"rules": [{"decision": "accept", "amount_max": SMALL}], "reason_code": "AC06"}
)
"""The stand-in accepts what is small, and rejects what is large."""

VERDICTS: Final = {
    Word.ACCEPTS: InstitutionAnswer(Verdict.ACCEPT),
    Word.REJECTS: InstitutionAnswer(Verdict.REJECT, "AC04"),
    Word.HOLDS: InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING),
}

ENDS: Final = frozenset(
    {
        IncomingState.POSTED,
        IncomingState.PENDING,
        IncomingState.BLOCKED,
        IncomingState.RETURNED,
        IncomingState.REJECTED,
        IncomingState.NOT_SETTLED,
        IncomingState.AWAITING_OPERATOR,
    }
)
"""Where nothing more is to be done by the gateway itself."""


def tenants() -> dict[RoutingNumber, ReceivingTenant]:
    """Who receives in every world: what comes back is the tenant's who had sent it."""
    senders = {
        RoutingNumber(f"99000999{number}"): ReceivingTenant(TenantId(policy.value), "the institution", POLICY)
        for number, policy in enumerate(NotFoundPolicy)
    }
    return {CREDITOR_AGENT: ReceivingTenant(TENANT, "the institution", POLICY), **senders}


@dataclass(slots=True)
class Institution:
    """What the institution does about each payment, as its plan says; it posts once, however often it is told."""

    world: World
    asked: Counter[str] = field(default_factory=Counter)
    credits: Counter[str] = field(default_factory=Counter)
    told_of_no_settlement: set[str] = field(default_factory=set)
    told_of_returns: dict[PaymentId, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Of which events of each transfer, that a return has ended with, it was told."""
    _credited_ids: set[object] = field(default_factory=set)

    async def decide(self, _tenant: ReceivingTenant, question: Question, *, within_s: float) -> InstitutionAnswer:
        """Answer after a while; the first answer and every repeat of it are the same."""
        plan = self.world.rail.forwarding.plan_of(question.transfer)
        self.asked[question.transfer.message_id] += 1
        if plan.word is Word.IS_DOWN:
            raise UnavailableError("the institution is down")
        if plan.answers_after_s >= within_s:
            await asyncio.sleep(within_s)
            raise UnavailableError("the institution is slow")
        await asyncio.sleep(plan.answers_after_s)
        return VERDICTS[plan.word]

    async def post(self, _tenant: ReceivingTenant, question: Question) -> PostingAnswer:
        """Post, once for each transfer's id; or refuse."""
        if self.world.rail.forwarding.plan_of(question.transfer).refuses:
            return PostingAnswer(PostingOutcome.REFUSED, "AC04")
        if question.transfer.payment_id not in self._credited_ids:
            self._credited_ids.add(question.transfer.payment_id)
            self.credits[question.transfer.message_id] += 1
        return PostingAnswer(PostingOutcome.POSTED)

    async def not_settled(self, _tenant: ReceivingTenant, transfer: IncomingTransfer) -> None:
        """Take note."""
        self.told_of_no_settlement.add(transfer.message_id)

    async def return_ended(self, _tenant: ReceivingTenant, transfer: IncomingTransfer, end: RecordedFact) -> None:
        """Take note."""
        self.told_of_returns[transfer.payment_id].add(end.sequence)


class InstitutionSide:
    """Implements `gateway.service.ports.Institution` for one life: takes time both ways; the dead get no further."""

    def __init__(self, life: Life, institution: Institution) -> None:
        self._life = life
        self._institution = institution

    async def decide(self, tenant: ReceivingTenant, question: Question, *, within_s: float) -> InstitutionAnswer:
        """Ask."""
        await self._pass("decide", question.transfer)
        answer = await self._institution.decide(tenant, question, within_s=within_s)
        await self._pass("decided", question.transfer)
        return answer

    async def post(self, tenant: ReceivingTenant, question: Question) -> PostingAnswer:
        """Tell."""
        await self._pass("post", question.transfer)
        answer = await self._institution.post(tenant, question)
        self._life.world.judge()
        await self._pass("posted", question.transfer)
        return answer

    async def not_settled(self, tenant: ReceivingTenant, transfer: IncomingTransfer) -> None:
        """Tell."""
        await self._pass("not settled", transfer)
        await self._institution.not_settled(tenant, transfer)

    async def return_ended(self, tenant: ReceivingTenant, transfer: IncomingTransfer, end: RecordedFact) -> None:
        """Tell."""
        await self._pass("return ended", transfer)
        await self._institution.return_ended(tenant, transfer, end)

    async def _pass(self, what: str, transfer: IncomingTransfer) -> None:
        self._life.demand_alive()
        chance = self._life.world.chance
        await asyncio.sleep(chance.delay_s(0.001, 0.05, self._life.key, "institution", what, transfer.end_to_end_id))
        self._life.demand_alive()


def incoming_side(life: Life, store: InMemoryIncoming) -> IncomingStore:
    """Return the store of incoming transfers as a process sees it."""
    return cast("IncomingStore", Side(life, Part.STORE, store))


@dataclass(slots=True)
class Forwardings:
    """The payments that the rail brings, what it made of their answers, and what it tells of the end."""

    rail: SimulatedRail
    writer: FedNowForwarding
    plans: dict[MessageId, IncomingPlan] = field(default_factory=dict)
    records: dict[MessageId, Forwarded] = field(default_factory=dict)
    replies: Counter[MessageId] = field(default_factory=Counter)
    used_ids: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, rail: SimulatedRail) -> Forwardings:
        """Return those of a rail that has brought nothing yet."""
        from tests.simulation.rail import SETTINGS

        return cls(rail, FedNowForwarding(SETTINGS, MessageIds(started_at=rail.now() + timedelta(milliseconds=7))))

    def plan_of(self, transfer: IncomingTransfer) -> IncomingPlan:
        """Return the plan of a payment."""
        return self.plans[transfer.message_id]

    def received_as(self, end_to_end_id: str) -> Forwarded:
        """Return the payment that was brought under this end-to-end id, and is no return."""
        return next(
            record
            for plan, record in self.each()
            if record.forwarded.end_to_end_id == end_to_end_id and plan.of is None
        )

    def record_of(self, transfer: IncomingTransfer) -> Forwarded:
        """Return what the rail knows of a transfer."""
        return self.records[transfer.message_id]

    def each(self) -> Iterator[tuple[IncomingPlan, Forwarded]]:
        """Return every payment that was brought, with its plan."""
        for record in self.records.values():
            yield self.plans[record.forwarded.message_id], record

    def bring(self, plan: IncomingPlan, original: PaymentBooked | None = None) -> None:
        """Forward a payment, or the return of `original`, as often as its plan says."""
        from tests.simulation.rail import PARTY

        order = Order(
            amount=Amount(SMALL if plan.is_small else LARGE),
            debtor_agent=DEBTOR_AGENT,
            creditor_agent=CREDITOR_AGENT,
            spent_s=plan.spent_s,
            end_to_end_id=None if plan.answers is None else self.rail.talks.references[plan.answers],
            returns=None if original is None else original.message_id,
            returned=Amount(plan.cents) if plan.cents else None,
        )
        forwarded = self.writer.forward(order, plan.number, recipient=PARTY, now=self.rail.now(), original=original)
        self.plans[forwarded.message_id] = plan
        self.records[forwarded.message_id] = Forwarded(forwarded)
        for copy in range(plan.copies):
            self.rail.tell(forwarded.body, f"{plan.words}, delivery {copy + 1}", late_s=copy * 2.5)
        if plan.comes_again:
            body = self.writer.again(forwarded, now=self.rail.now())
            self.rail.tell(body, f"{plan.words}, under another header", late_s=1.2)
        ends_in_s = (forwarded.clock_ends_at - self.rail.now()).total_seconds()
        self.rail.do_later(ends_in_s, lambda: self._expire(forwarded.message_id))

    def _expire(self, message_id: MessageId) -> None:
        record = self.records[message_id]
        if record.completed is None:
            reasons = (self.writer.timed_out(),)
            self._complete(ForwardingCompleted(message_id, self.rail.now(), TransactionStatus.RJCT, reasons, None))

    def hear_answer(self, report: PaymentStatusReport, header: BusinessHeader) -> bool:
        """Take a receiver's pacs.002; False where its id was used before."""
        if header.business_message_id in self.used_ids:
            return False
        self.used_ids.add(header.business_message_id)
        record = self.records[report.original_message_id]
        for fact in queued_on(report, record, at=self.rail.now(), rules=self.writer):
            self._take(record, fact)
        return True

    def _take(self, record: Forwarded, fact: Fact) -> None:
        match fact:
            case ReceiverAnswered():
                record.answers.append(fact)
            case ForwardingStatus():
                record.statuses.append(fact)
            case ForwardingCompleted():
                self._complete(fact)
            case _:
                raise AssertionError(f"{fact} does not follow from an answer")

    def _complete(self, completed: ForwardingCompleted) -> None:
        record = self.records[completed.message_id]
        record.completed = completed
        plan = self.plans[record.forwarded.message_id]
        self.rail.say(f"{'moves the money of' if record.is_settled else 'rejects'} {plan.words}")
        if plan.advice_is_lost:
            self.rail.say(f"loses its advice about {plan.words}")
        else:
            for copy in range(plan.advice_copies):
                words = f"pacs.002 {completed.status} about {plan.words}"
                self.rail.tell(self._advice(record, completed), words, late_s=plan.advice_late_s + copy * 2.0)
        self.rail.changed()

    def hear_question(self, request: PaymentStatusRequest) -> str | None:
        """Answer a receiver's pacs.028; returns the code with which it is refused."""
        record = self.records[request.original_message_id]
        plan = self.plans[record.forwarded.message_id]
        self.replies[record.forwarded.message_id] += 1
        if self.replies[record.forwarded.message_id] <= plan.replies_lost:
            self.rail.say(f"loses its reply about {plan.words}")
            return ""
        if record.completed is None:
            return "in process"
        self.rail.tell(
            self._advice(record, record.completed), f"pacs.002 {record.completed.status} about {plan.words}, asked"
        )
        return None

    def _advice(self, record: Forwarded, completed: ForwardingCompleted) -> bytes:
        return self.writer.advice(
            record.forwarded,
            completed.status,
            completed.reasons,
            settlement_date=completed.settlement_date,
            at=self.rail.now(),
        )
