"""FedNow as receivers speak to it, and an institution that answers as a test wants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import (
    IncomingTransfer,
    InstitutionAnswer,
    PostingAnswer,
    PostingOutcome,
    RecordedFact,
    Verdict,
)
from gateway.domain.payment import PaymentId, TenantId
from gateway.domain.receiving_time import ReceivingTiming
from gateway.domain.timing import Timing
from gateway.service.fednow import FedNowDialect, fednow_protocol
from gateway.service.incoming.fednow import FedNowReceiving
from gateway.service.incoming.rail import ReasonCodes
from gateway.service.ports import Question, ReceivingTenant, UnavailableError
from gateway.service.rail_protocol import RailProtocol
from iso20022 import ConnectionPartyId, FedNowProfile

PARTY: Final = ConnectionPartyId("990000107")
REASONS: Final = ReasonCodes(unanswered="AB05", unknown_agent="RC04")
REFUSALS: Final = frozenset({"E760", "E890", "E891"})
ACCEPTED: Final = InstitutionAnswer(Verdict.ACCEPT)
POSTED: Final = PostingAnswer(PostingOutcome.POSTED)


def receiving_rail(
    protocol: RailProtocol | None = None,
    *,
    timing: ReceivingTiming | None = None,
    profile: FedNowProfile | None = None,
    reasons: ReasonCodes = REASONS,
) -> FedNowReceiving:
    """FedNow's receiving side beside its sending one."""
    dialect = FedNowDialect(profile or FedNowProfile(), PARTY)
    protocol = protocol or fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=Timing())
    return FedNowReceiving(
        dialect, protocol, timing=timing or ReceivingTiming(), reasons=reasons, answer_refused=REFUSALS
    )


@dataclass(slots=True)
class InMemoryInstitution:
    """Implements `gateway.service.ports.Institution`; answers a repeated question as it answered first, posts once."""

    answer_to: Callable[[Question], InstitutionAnswer] = lambda _: ACCEPTED
    posting_of: Callable[[Question], PostingAnswer] = lambda _: POSTED
    before_posting: Callable[[Question], Awaitable[PostingAnswer]] | None = None
    """What happens, and is answered, while an instruction to post is under way."""
    after_s: float = 0.0
    is_down: bool = False
    asked: Counter[PaymentId] = field(default_factory=Counter)
    told_to_post: Counter[PaymentId] = field(default_factory=Counter)
    tenants_told: set[TenantId] = field(default_factory=set)
    credited: dict[PaymentId, int] = field(default_factory=dict)
    returns_told: list[tuple[IncomingEvent, int]] = field(default_factory=list)
    """How each return ended that it was told of, and which event of its transfer that was."""
    not_settled_ids: set[PaymentId] = field(default_factory=set)

    async def decide(self, tenant: ReceivingTenant, question: Question, *, within_s: float) -> InstitutionAnswer:
        """Answer; see the port."""
        self.asked[question.transfer.payment_id] += 1
        if self.is_down:
            raise UnavailableError("the institution is down")
        if self.after_s >= within_s:
            await asyncio.sleep(within_s)
            raise UnavailableError("the institution is slow")
        await asyncio.sleep(self.after_s)
        return self.answer_to(question)

    async def post(self, tenant: ReceivingTenant, question: Question) -> PostingAnswer:
        """Post; see the port."""
        self.told_to_post[question.transfer.payment_id] += 1
        self.tenants_told.add(tenant.tenant_id)
        await asyncio.sleep(0)
        if self.is_down:
            raise UnavailableError("the institution is down")
        answer = self.posting_of(question) if self.before_posting is None else await self.before_posting(question)
        if answer.outcome is PostingOutcome.POSTED:
            self.credited.setdefault(question.transfer.payment_id, question.transfer.amount.cents)
        return answer

    async def return_ended(self, tenant: ReceivingTenant, transfer: IncomingTransfer, end: RecordedFact) -> None:
        """Take note; see the port."""
        await asyncio.sleep(0)
        self.returns_told.append((end.fact.kind, end.sequence))

    async def not_settled(self, tenant: ReceivingTenant, transfer: IncomingTransfer) -> None:
        """Take note; see the port."""
        await asyncio.sleep(0)
        self.not_settled_ids.add(transfer.payment_id)
