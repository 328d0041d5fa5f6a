"""Coming back: a return of a payment that we have sent. It is held against that payment, and booked with it once.

On FedNow it is a pacs.004, on RTP a pacs.008 that names the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingTransfer, InstitutionAnswer, Verdict
from gateway.domain.payment import Payment, PaymentState, Rail, Reason, ReasonOrigin
from gateway.domain.returns import AMOUNT
from gateway.service.decide import Decisions, decide
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.money import reason_codes
from gateway.service.incoming.rail import Brought
from gateway.service.ports import Clock, Decision, IncomingStore
from gateway.service.rail_protocol import RailProtocol
from iso20022 import CustomerCreditTransfer, PaymentReturn

NARRATIVE: Final = "NARR"
"""The ISO reason that is told in words: which code a rail wants for a return that cannot be is not public."""

RETURNABLE: Final = frozenset(
    {
        PaymentState.SETTLED,
        PaymentState.ACCEPTED_WITHOUT_POSTING,
        PaymentState.RETURN_DUE,
        PaymentState.RETURNED,
    }
)
"""The states in which money can come back: the rail has settled."""

_GONE: Final = frozenset({IncomingState.REJECTED, IncomingState.NOT_SETTLED})

UNKNOWN: Final = "No payment of ours is known by these references."
DIFFERS: Final = "The return's references or institutions are not those of the payment."
NOT_SETTLED: Final = "The payment is not known to have settled."
STILL_OPEN: Final = InstitutionAnswer(Verdict.REJECT, NARRATIVE, NOT_SETTLED)
"""What is answered where the rail's word on the payment has not come in time."""

TOO_MUCH: Final = "More would be returned than was paid."


@dataclass(frozen=True, slots=True)
class ComingBack:
    """Judges returns that the rail brings, and has their payments know of them."""

    incoming: IncomingStore
    payments: Decisions
    protocols: Mapping[Rail, RailProtocol]
    messages: ReceivedMessages
    clock: Clock

    async def judge(self, transfer: IncomingTransfer) -> InstitutionAnswer | None:
        """Return whether a return is taken; None while the payment is open: the rail's word may be on its way.

        Nobody is asked: it is money of ours, or it is none. Every other return of the payment counts that was not
        rejected, or of which the rail has said that it settled all the same, so that of two at once, which together
        exceed it, not both are taken: each is durable before it is judged.

        Raises:
            UnavailableError: the store does not answer.

        """
        if transfer.original_id is None:
            return InstitutionAnswer(Verdict.REJECT, NARRATIVE, UNKNOWN)
        payment = (await self.payments.store.load([transfer.original_id]))[transfer.original_id]
        message = await self.messages.of(transfer)
        whole = message.original_amount if isinstance(message, PaymentReturn) else None
        if not _agrees(transfer, message, payment) or whole not in {None, payment.amount}:
            return InstitutionAnswer(Verdict.REJECT, NARRATIVE, DIFFERS)
        if not payment.state.is_final:
            return None
        if payment.state not in RETURNABLE:
            # Rejected is final: if money moved all the same, a person must know.
            is_strange = payment.state is PaymentState.REJECTED
            return InstitutionAnswer(Verdict.REJECT, NARRATIVE, NOT_SETTLED, contradicts=is_strange)
        others = [
            each.amount.cents
            for each in await self.incoming.returns_of(payment)
            if each.payment_id != transfer.payment_id
            and (each.state not in _GONE or each.attention is Attention.CONTRADICTED)
        ]
        if sum(others) + transfer.amount.cents > payment.amount.cents:
            return InstitutionAnswer(Verdict.REJECT, NARRATIVE, TOO_MUCH)
        return InstitutionAnswer(Verdict.ACCEPT)

    async def tell_original(self, transfer: IncomingTransfer) -> None:
        """Save with its payment that a return has settled: once, however often it is told.

        Raises:
            UnavailableError: the store does not answer; tell it again.

        """
        assert transfer.original_id is not None, "a return without its payment is rejected"
        inbox_id = f"return:{transfer.payment_id}"
        if inbox_id in await self.payments.store.seen(transfer.rail, [inbox_id]):
            return
        message = await self.messages.of(transfer)
        codes = reason_codes(message)
        reason = Reason(codes[0], ReasonOrigin.RAIL) if codes else None

        async def choose(payment: Payment) -> Decision | None:
            if inbox_id in await self.payments.store.seen(transfer.rail, [inbox_id]):
                return None
            is_whole = payment.returned_cents + transfer.amount.cents >= payment.amount.cents
            event = Event(
                EventKind.RETURNED if is_whole else EventKind.PART_RETURNED,
                reason,
                business_message_id=transfer.message_id,
                details={"return_id": str(transfer.payment_id), AMOUNT: str(transfer.amount.cents)},
            )
            return decide(
                payment,
                event,
                at=self.clock.now(),
                timing=self.protocols[payment.rail].timing,
                inbox_id=inbox_id,
                inbox_digest=transfer.payment_id.bytes,
            )

        await self.payments.take(transfer.original_id, choose)


def _agrees(transfer: IncomingTransfer, message: Brought, payment: Payment) -> bool:
    """Whether what the return says of its payment is so; what it leaves out is not held against it.

    A pacs.004 has its original's references; a pacs.008 that returns has its own, and names the original in one.
    """
    if isinstance(message, CustomerCreditTransfer):
        swapped = (transfer.creditor_agent, transfer.debtor_agent) == (payment.debtor_agent, payment.creditor_agent)
        return swapped and message.returned_instruction_id == payment.instruction_id
    said: tuple[tuple[object, object], ...] = (
        (transfer.end_to_end_id, payment.end_to_end_id),
        (transfer.uetr, payment.uetr),
        (transfer.instruction_id, payment.instruction_id),
        (transfer.creditor_agent, payment.debtor_agent),
        (transfer.debtor_agent, payment.creditor_agent),
    )
    return all(theirs is None or theirs == ours for theirs, ours in said)
