"""What tenants see of incoming transfers, and what they decide later: after acceptance without posting, and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.domain.attention import is_recordable
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    ARRIVED,
    IncomingFact,
    IncomingTransfer,
    PostingAnswer,
    RecordedFact,
)
from gateway.domain.payment import Payment, PaymentId, Reason, ReasonOrigin, TenantId
from gateway.domain.returns import AMOUNT, NOTE, has_never_left, return_keys_of, returnable, returnable_all_the_same
from gateway.service.incoming.come_back import ComingBack
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.post import record_posting
from gateway.service.ports import IncomingDecision, RawMessage
from iso20022 import Amount


class NotReturnableError(Exception):
    """Nothing, or not so much, may be given back: nothing was done. ``returnable`` is what may be."""

    def __init__(self, state: IncomingState, returnable: Amount | None, *, why: str | None = None) -> None:
        super().__init__(
            f"the transfer is {state}, and " + (why or f"{returnable or 'nothing'} of it may be given back")
        )
        self.state = state
        self.returnable = returnable


class OtherReturnError(Exception):
    """Under this key another return was asked for: nothing was done."""


class NotRecordableError(Exception):
    """The transfer does not wait for the rail's word: nothing was done. ``state`` says where it stands."""

    def __init__(self, state: IncomingState) -> None:
        super().__init__(f"the transfer is {state}, and waits for nobody's word")
        self.state = state


RECORDED: Final = "OPERATOR_RECORDED"
"""The reason's code of what a person has recorded; its text is the note."""


@dataclass(frozen=True, slots=True)
class IncomingDesk:
    """The incoming transfers of this region, each for the tenant whose it is (None: for operators, who see all)."""

    decisions: IncomingDecisions
    coming_back: ComingBack

    def return_reasons(self, transfer: IncomingTransfer) -> frozenset[str]:
        """Return the ISO reasons for which a transfer may be given back; empty where its rail takes any."""
        return self.decisions.decider.rails[transfer.rail].return_reasons

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

    async def returns(self, transfer: IncomingTransfer) -> Sequence[Payment]:
        """Return the payments that give it back, the first one first; also one under way. Raises UnavailableError."""
        found = await self.coming_back.payments.store.claimed(transfer.tenant_id, return_keys_of(transfer))
        return [payment for payment in found if payment.original_id == transfer.payment_id]

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
        transfer = (await self.decisions.store.load([payment_id])).get(payment_id)
        if transfer is not None and transfer.is_return and transfer.state in ARRIVED:
            await self.coming_back.tell_original(transfer)  # first: what was decided of is looked at by nobody again
        await record_posting(self.decisions, payment_id, answer, by=by)
        return (await self.decisions.store.load([payment_id]))[payment_id]

    async def record_settlement(self, payment_id: PaymentId, *, settled: bool, note: str, by: str) -> IncomingTransfer:
        """Save the rail's word that a person has heard on another way, and return the transfer as it is then.

        What arrived is held until somebody decides of its posting; what did not is told to the institution. Also of a
        transfer of which the rail has said that it arrived and that it did not; and of one that is certain, where the
        institution has contradicted it: then it says that somebody has seen to that. See `is_recordable`.

        Raises:
            LookupError: there is no such transfer.
            NotRecordableError: it does not wait for a person; of two at once, one wins.
            UnavailableError: the store does not answer; look at the transfer before repeating.

        """
        kind = IncomingEvent.OPERATOR_RECORDED_SETTLEMENT if settled else IncomingEvent.OPERATOR_RECORDED_NO_SETTLEMENT

        async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            facts = {each.fact.kind for each in await self.decisions.store.events(payment_id)}
            is_of_return = IncomingEvent.RETURN_CONTRADICTED in facts
            may_have_left = IncomingEvent.TAKEN_OVER in facts or await self._may_have_left(transfer)
            if not is_recordable(transfer, settled=settled, is_of_return=is_of_return, may_have_left=may_have_left):
                raise NotRecordableError(transfer.state)
            fact = IncomingFact(kind, Reason(RECORDED, ReasonOrigin.OPERATOR, note), details={"by": by})
            return self.decisions.decider.decide(transfer, fact, at=self.decisions.clock.now())

        await self.decisions.take(payment_id, choose)
        return (await self.decisions.store.load([payment_id]))[payment_id]

    async def _may_have_left(self, transfer: IncomingTransfer) -> bool:
        """Whether the rail may have a byte of any return of a transfer, as far as this region knows."""
        store = self.coming_back.payments.store
        for payment in await self.returns(transfer):
            if not has_never_left(await store.events(payment.payment_id)):
                return True
        return False

    async def record_return(self, payment_id: PaymentId, *, note: str, by: str) -> IncomingTransfer:
        """Save that what was owed has gone back, as a person has found out, and return the transfer as it is then.

        Not while a return of the gateway's own is under way, which may go as well.

        Raises:
            LookupError: there is no such transfer.
            NotRecordableError: nothing of it is owed, or a return is under way; nothing was done.
            UnavailableError: the store does not answer; look at the transfer before repeating.

        """

        async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            if transfer.state is not IncomingState.RETURN_DUE or transfer.returning_cents:
                raise NotRecordableError(transfer.state)
            reason = Reason(RECORDED, ReasonOrigin.OPERATOR, note)
            fact = IncomingFact(IncomingEvent.OPERATOR_RECORDED_RETURN, reason, details={"by": by})
            return self.decisions.decider.decide(transfer, fact, at=self.decisions.clock.now())

        await self.decisions.take(payment_id, choose)
        return (await self.decisions.store.load([payment_id]))[payment_id]

    async def give_back(
        self,
        payment_id: PaymentId,
        amount: Amount | None,
        *,
        key: str,
        reason: Reason | None,
        by: str,
        note: str | None = None,
    ) -> IncomingTransfer:
        """Have a transfer returned, all that is left of it or this amount; a worker sends the pacs.004.

        Of what was posted any part may be; what is owed back goes whole, and needs no reason. A repeat under the same
        `key` starts nothing, whatever has become of the return meanwhile. Where the rail contradicts itself about a
        former return an operator's `note` says what was found out: that none has moved money.

        Raises:
            LookupError: there is no such transfer.
            NotReturnableError: nothing may be given back now, or not so much; nothing was done.
            OtherReturnError: under this key another amount was asked for, or another reason.
            UnavailableError: the store does not answer; look at the transfer before repeating.

        """
        asked = {"key": key, "asked_cents": "" if amount is None else str(amount.cents)}

        async def choose(transfer: IncomingTransfer) -> IncomingDecision | None:
            for each in await self.decisions.store.events(payment_id):
                if each.fact.details.get("key") == key:
                    if each.fact.details["asked_cents"] != asked["asked_cents"] or each.fact.reason != reason:
                        raise OtherReturnError
                    return None
            left = returnable(transfer) if note is None else returnable_all_the_same(transfer)
            is_part = amount is not None and amount != left
            is_owed = transfer.state is IncomingState.RETURN_DUE
            if left is None or (amount is not None and amount > left) or (is_owed and is_part):
                raise NotReturnableError(transfer.state, left)
            details = {"by": by, AMOUNT: str((amount or left).cents), **asked}
            if note is not None:
                details[NOTE] = note
            fact = IncomingFact(IncomingEvent.RETURN_STARTED, reason, details=details)
            return self.decisions.decider.decide(transfer, fact, at=self.decisions.clock.now())

        await self.decisions.take(payment_id, choose)
        return (await self.decisions.store.load([payment_id]))[payment_id]
