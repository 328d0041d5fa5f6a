"""What tenants see of incoming transfers, and what they decide later: after acceptance without posting, and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, PostingAnswer, RecordedFact
from gateway.domain.payment import PaymentId, TenantId
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.post import record_posting
from gateway.service.ports import RawMessage


@dataclass(frozen=True, slots=True)
class IncomingDesk:
    """The incoming transfers of this region, each for the tenant whose it is (None: for operators, who see all)."""

    decisions: IncomingDecisions

    async def find(
        self, tenant_id: TenantId | None, *, states: Sequence[IncomingState], limit: int
    ) -> Sequence[IncomingTransfer]:
        """Return transfers: what must be decided first comes first, then the newest. Raises UnavailableError."""
        return await self.decisions.store.find(tenant_id, states=states, limit=limit)

    async def show(self, payment_id: PaymentId, *, tenant_id: TenantId | None) -> IncomingTransfer | None:
        """Return one; None when there is none, or it is another tenant's. Raises UnavailableError."""
        transfer = (await self.decisions.store.load([payment_id])).get(payment_id)
        return None if transfer is None or tenant_id not in {None, transfer.tenant_id} else transfer

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedFact]:
        """Return its history. Raises UnavailableError."""
        return await self.decisions.store.events(payment_id)

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return its raw messages. Raises UnavailableError."""
        return await self.decisions.store.messages(payment_id)

    async def decide_posting(self, payment_id: PaymentId, answer: PostingAnswer, *, by: str) -> IncomingTransfer:
        """Save what the institution has decided, and return the transfer as it is then; a worker tells the rail.

        Raises:
            LookupError: there is no such transfer.
            NotDecidableError: it does not stand where this can be decided; nothing was done.
            UnavailableError: the store does not answer; look at the transfer before repeating.

        """
        await record_posting(self.decisions, payment_id, answer, by=by)
        return (await self.decisions.store.load([payment_id]))[payment_id]
