"""The incoming value queue: whatever is to be done about money that has arrived, by where its transfer stands."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import ARRIVED, IncomingTransfer
from gateway.domain.payment import Payment, PaymentId
from gateway.domain.request import RequestState
from gateway.service.incoming.come_back import ComingBack
from gateway.service.incoming.give_back import GivingBack
from gateway.service.incoming.post import Posting
from gateway.service.incoming.requests import ReturnRequests
from gateway.service.ports import Delivery, IncomingStore, NotHomeError, PaymentStore


@dataclass(frozen=True, slots=True)
class SeeingToArrived:
    """Handles the deliveries of a rail's incoming value queue; each names a transfer, or a return of one."""

    store: IncomingStore
    payments: PaymentStore
    posting: Posting
    giving_back: GivingBack
    coming_back: ComingBack
    requests: ReturnRequests

    async def see_to(self, delivery: Delivery) -> None:
        """Have what has settled posted, and what is on its way back seen to; a repeat is safe.

        Of what came back its payment knows first, wherever the institution already has the money.

        Raises:
            LookupError: there is no such transfer.
            UnavailableError: store or institution do not answer; the delivery comes again.

        """
        transfer, payment = await self._named(delivery.payment_id)
        if transfer.returning_cents:
            await self.giving_back.see_to(transfer)
        if payment is not None:
            await self.giving_back.report(payment)
        if transfer.is_return and transfer.state in ARRIVED:
            with suppress(NotHomeError):  # where its payment is at home it is told, once the return is known there too
                await self.coming_back.tell_original(transfer)
        if transfer.state is IncomingState.SETTLED:
            await self.posting.post(delivery, loaded=transfer)

    async def see_to_words(self, delivery: Delivery) -> None:
        """See to a request for a transfer's return; tell the institution what did not settle, or how a return ended.

        Raises as `see_to`.
        """
        transfer, _ = await self._named(delivery.payment_id)
        if await self.posting.tell_of_return(delivery, loaded=transfer):
            return
        if transfer.request.state is not RequestState.NONE:
            await self.requests.see_to_theirs(transfer)
        await self.posting.tell_not_settled(delivery, loaded=transfer)

    async def _named(self, named: PaymentId) -> tuple[IncomingTransfer, Payment | None]:
        """The transfer that a delivery names, and the return of it, where it names that."""
        found = (await self.store.load([named])).get(named)
        if found is not None:
            return found, None
        payment = (await self.payments.load([named])).get(named)
        if payment is None or payment.original_id is None:
            raise LookupError(f"no incoming transfer {named}, and no return of one")
        return (await self.store.load([payment.original_id]))[payment.original_id], payment
