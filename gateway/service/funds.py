"""Funds: the debtor's money is reserved before the bytes leave, posted on settlement, released on a definite rejection.

While a payment is in doubt its money stays reserved. A tenant that has debited its debtors already needs none of this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.doubt import EXPIRED
from gateway.domain.ledger import STANDS_IN, Account
from gateway.domain.legs import Leg
from gateway.domain.payment import FundsHolder, Payment, PaymentId, Reason, ReasonOrigin
from gateway.domain.timing import budget_s
from gateway.service.ports import (
    Alone,
    Clock,
    Core,
    Delivery,
    FundsRefused,
    Observer,
    PaymentStore,
    RawMessage,
    Reservation,
    Tenure,
    UnavailableError,
)
from gateway.service.requests import PaymentRequest
from gateway.service.submit import JSON_TYPE
from iso20022 import Personal, read, unwrap
from iso20022.messages import pacs008


@dataclass(frozen=True, slots=True)
class Funds:
    """Asks and tells the core, for the payments whose money it holds. `promise_s` is what the budgets are shares of."""

    core: Core
    store: PaymentStore
    clock: Clock
    observer: Observer
    promise_s: float
    tenure: Tenure = field(default_factory=Alone)

    async def reserve(self, payment: Payment, received: RawMessage, *, until: datetime) -> Reason | None:
        """Have the money of a payment reserved that is about to be sent for the first time; else return why it is not.

        A repeat is safe. A core that has not answered within its leg's budget has not answered; with less than that
        left, `until` the next leg has to begin, it is not asked.

        Raises:
            NotServingError: this region may not act now: the core was not asked.
            UnavailableError: it did not; the money may be held, and is released when the payment is rejected.

        """
        if payment.funds_holder is not FundsHolder.CORE or payment.transfers or payment.state.is_final:
            return None
        self.tenure.demand()
        within_s = budget_s(Leg.FUNDS, promise_s=self.promise_s)
        if until - self.clock.now() <= timedelta(seconds=within_s):
            return EXPIRED  # said here: a clock that is set back meanwhile must not have it sent unreserved
        started_s = self.clock.monotonic_s()
        refused = await self.core.reserve(_reservation(payment, received), within_s=within_s)
        self.observer.leg(Leg.FUNDS, self.clock.monotonic_s() - started_s)
        return None if refused is None else Reason(refused.reason_code, ReasonOrigin.CORE, refused.text)

    async def tell(self, delivery: Delivery) -> None:
        """Tell the core what became of a payment whose money it holds; a repeat is safe.

        Raises:
            LookupError: there is no such payment, or the core holds its money no more: a person must look.
            UnavailableError: store or core do not answer; the delivery comes again.

        """
        payment = (await self.store.load([delivery.payment_id])).get(delivery.payment_id)
        if payment is None:
            raise LookupError(f"no payment {delivery.payment_id}")
        match STANDS_IN[payment.state]:
            case Account.RAIL:
                await self.core.post(payment.payment_id)
            case Account.FUNDS if payment.state.is_final:
                await self.core.release(payment.payment_id)
            case _:
                raise AssertionError(f"the core is told of the end alone, and {payment.payment_id} is open")


class NoCore:
    """Implements `Core` where none is set: nobody can reserve anything, and nothing is sent without."""

    async def reserve(self, reservation: Reservation, *, within_s: float) -> FundsRefused | None:  # noqa: ARG002
        """Raise; see the port."""
        raise UnavailableError(_NO_CORE)

    async def post(self, payment_id: PaymentId) -> None:  # noqa: ARG002
        """Raise; see the port."""
        raise UnavailableError(_NO_CORE)

    async def release(self, payment_id: PaymentId) -> None:  # noqa: ARG002
        """Raise; see the port."""
        raise UnavailableError(_NO_CORE)


_NO_CORE = "a tenant has its debtors' money held by the core, and FIFTEEN_CORE_URL names none"


def _reservation(payment: Payment, received: RawMessage) -> Reservation:
    return Reservation(
        payment_id=payment.payment_id,
        tenant_id=payment.tenant_id,
        rail=payment.rail,
        amount=payment.amount,
        debtor_agent=payment.debtor_agent,
        debtor_account=_debtor_account(received),
        end_to_end_id=payment.end_to_end_id,
        uetr=payment.uetr,
    )


def _debtor_account(received: RawMessage) -> Personal:
    """Whose money it is, from what the client sent: the gateway itself keeps no account in clear."""
    if received.content_type == JSON_TYPE:
        return PaymentRequest.from_json(json.loads(received.body)).debtor_account
    document = unwrap(read(received.body)).document
    assert document is not None, "a payment was accepted from a message without a Document"
    return pacs008.parse(document).debtor_account
