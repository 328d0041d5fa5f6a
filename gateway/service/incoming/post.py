"""After the rail has settled the institution posts, or says why not; where we do not know, the rail is asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.identity import delivery_id_of
from gateway.domain.incoming import IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    ASKABLE,
    POSTED_AS,
    IncomingFact,
    IncomingTransfer,
    PostingAnswer,
    PostingOutcome,
)
from gateway.domain.payment import PaymentId, Rail, Reason, ReasonOrigin, TenantId
from gateway.service.group_commit import OverloadedError
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.incoming.send import IncomingSender
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.ports import (
    Clock,
    Delivery,
    IncomingDecision,
    Institution,
    Question,
    RailLink,
    UnavailableError,
)
from gateway.service.rail_protocol import OutboundMessage

DECIDABLE: Mapping[IncomingState, frozenset[PostingOutcome]] = {
    IncomingState.SETTLED: frozenset(PostingOutcome),
    IncomingState.PENDING: frozenset(PostingOutcome),
    IncomingState.BLOCKED: frozenset({PostingOutcome.POSTED, PostingOutcome.REFUSED}),
}
"""What an institution may decide of the posting, and in which state."""


TENANT_UNDER_WAY_MAX: Final = 64
"""Posting instructions to one institution that a process has under way at once: half of what it handles."""

UNDER_WAY_S: Final = 60.0
"""An instruction that was told so long ago, and was not tried again since, is under way no more."""


def decidable(transfer: IncomingTransfer) -> frozenset[PostingOutcome]:
    """Return what may be decided of a transfer's posting now; what comes back to us, or to the institution, is kept."""
    outcomes = DECIDABLE.get(transfer.state, frozenset())
    return outcomes - {PostingOutcome.REFUSED} if _is_kept(transfer) else outcomes


def _is_kept(transfer: IncomingTransfer) -> bool:
    """Whether no pacs.004 can give it back: a return is not returned, and no liquidity transfer is by one."""
    return transfer.is_return or transfer.is_liquidity


class NotDecidableError(Exception):
    """Nothing is to be decided of the posting: nothing was done. ``state`` says where the transfer stands."""

    def __init__(self, state: IncomingState) -> None:
        super().__init__(f"the transfer is {state}")
        self.state = state


async def record_posting(
    decisions: IncomingDecisions,
    payment_id: PaymentId,
    answer: PostingAnswer,
    *,
    was_told: bool = False,
    by: str | None = None,
    loaded: IncomingTransfer | None = None,
) -> IncomingDecision | None:
    """Save what became of the posting, and return the decision, whose message is still to be sent.

    With `was_told` it is the answer to our instruction: where somebody has decided before, what agrees is a repeat, and
    None is returned; what does not agree goes through the table, which reports what contradicts.

    Raises:
        LookupError: there is no such transfer.
        NotDecidableError: it does not stand where this can be decided.
        UnavailableError: the store does not answer.

    """

    async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
        is_second = was_told and transfer.state is not IncomingState.SETTLED
        outcome = answer.outcome
        if was_told and _is_kept(transfer) and outcome is PostingOutcome.REFUSED:
            outcome = PostingOutcome.PENDING  # no return can send it back: it is held until somebody decides
        if not is_second and outcome not in decidable(transfer):
            raise NotDecidableError(transfer.state)
        code = answer.reason_code
        reason = None if code is None else Reason(code, ReasonOrigin.INSTITUTION, answer.text)
        fact = IncomingFact(POSTED_AS[outcome], reason, details={} if by is None else {"by": by})
        decision = decisions.decider.decide(transfer, fact, at=decisions.clock.now())
        is_repeat = is_second and decision.state is transfer.state and not decision.contradiction
        return None if is_repeat else decision

    return await decisions.take(payment_id, choose, loaded=loaded)


@dataclass(frozen=True, slots=True)
class Posting:
    """Handles the deliveries of a rail's incoming queues, and what an institution decides later."""

    decisions: IncomingDecisions
    institution: Institution
    tenants: ReceivingTenants
    sender: IncomingSender
    messages: ReceivedMessages
    links: Mapping[Rail, RailLink]
    clock: Clock
    observer: IncomingObserver
    _told: defaultdict[TenantId, dict[PaymentId, float]] = field(default_factory=lambda: defaultdict(dict))
    """When each tenant was last told of what it has not answered; a delivery that is tried again keeps its place."""

    async def post(self, delivery: Delivery, *, loaded: IncomingTransfer | None = None) -> None:
        """Tell the institution to post what has arrived; a repeat is safe.

        An institution without an address is told nothing: it reads the list, and says itself what it has done. One that
        has `TENANT_UNDER_WAY_MAX` instructions under way is told later, by the transfer's timer: it stops no other.

        Raises:
            LookupError: there is no such transfer.
            UnavailableError: store or institution do not answer; the delivery comes again.

        """
        transfer = await self._load(delivery) if loaded is None else loaded
        await self.tenants.ensure()
        tenant = self.tenants.of(transfer)
        if transfer.state is not IncomingState.SETTLED or tenant.institution_url is None:
            return
        if not self._has_place(transfer):
            self.observer.fault("posting", OverloadedError(f"tenant {tenant.tenant_id} is slow to post"))
            return
        question = Question(transfer, await self.messages.of(transfer), transfer.answer_by)
        answer = await self.institution.post(tenant, question)
        self._told[transfer.tenant_id].pop(transfer.payment_id, None)
        decision = await record_posting(self.decisions, transfer.payment_id, answer, was_told=True, loaded=transfer)
        if decision is not None:
            await self.sender.send(decision)

    def _has_place(self, transfer: IncomingTransfer) -> bool:
        """Whether the transfer is among those that its tenant may have under way; it is from now on."""
        told, now_s = self._told[transfer.tenant_id], self.clock.monotonic_s()
        if transfer.payment_id not in told and len(told) >= TENANT_UNDER_WAY_MAX:
            for payment_id in [each for each, at_s in told.items() if now_s - at_s > UNDER_WAY_S]:
                del told[payment_id]
            if len(told) >= TENANT_UNDER_WAY_MAX:
                return False
        told[transfer.payment_id] = now_s
        return True

    async def tell_of_return(self, delivery: Delivery, *, loaded: IncomingTransfer) -> bool:
        """Tell the institution what became of the return whose end put this delivery on its queue; raises as `post`.

        False where the delivery is about something else.
        """
        for each in await self.decisions.store.events(loaded.payment_id):
            version = each.sequence - 1  # on which the end was decided
            if delivery_id_of(loaded.payment_id, IncomingEffect.TELL_RETURN, version) != delivery.delivery_id:
                continue
            await self.tenants.ensure()
            tenant = self.tenants.of(loaded)
            if tenant.institution_url is not None:
                await self.institution.return_ended(tenant, loaded, each)
            return True
        return False

    async def tell_not_settled(self, delivery: Delivery, *, loaded: IncomingTransfer | None = None) -> None:
        """Tell the institution that the money did not come; raises as `post`."""
        transfer = await self._load(delivery) if loaded is None else loaded
        await self.tenants.ensure()
        tenant = self.tenants.of(transfer)
        was_asked = not transfer.is_return  # of what comes back nobody was asked
        if transfer.state is IncomingState.NOT_SETTLED and tenant.institution_url is not None and was_asked:
            await self.institution.not_settled(tenant, transfer)

    async def enquire(self, delivery: Delivery) -> None:
        """Ask the rail what became of a transfer in doubt; raises as `post`. A lost question is put again later."""
        message: OutboundMessage | None = None
        brought = await self.messages.of(await self._load(delivery))

        async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            nonlocal message
            if transfer.state not in ASKABLE:
                return None
            now, decider = self.clock.now(), self.decisions.decider
            message = decider.rails[transfer.rail].enquiry(transfer, brought, at=now)
            fact = IncomingFact(IncomingEvent.STATUS_REQUESTED, business_message_id=message.business_message_id)
            return decider.decide(transfer, fact, at=now, messages=(decider.raw(message, at=now),))

        decision = await self.decisions.take(delivery.payment_id, choose)
        if decision is None or message is None:
            return
        try:
            await self.links[decision.transfer.rail].send(message.body, message_class=message.message_class)
        except UnavailableError as error:
            self.observer.fault("question", error)

    async def _load(self, delivery: Delivery) -> IncomingTransfer:
        transfer = (await self.decisions.store.load([delivery.payment_id])).get(delivery.payment_id)
        if transfer is None:
            raise LookupError(f"no incoming transfer {delivery.payment_id}")
        return transfer
