"""The institution's core: who holds the debtor's money while a payment is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.domain.payment import PaymentId, Rail, TenantId
from iso20022 import Amount, EndToEndId, Personal, RoutingNumber, Uetr


@dataclass(frozen=True, slots=True)
class Reservation:
    """What the core is to hold: under the payment's own id, so that a repeat is the same reservation."""

    payment_id: PaymentId
    tenant_id: TenantId
    rail: Rail
    amount: Amount
    debtor_agent: RoutingNumber
    debtor_account: Personal
    end_to_end_id: EndToEndId
    uetr: Uetr | None


@dataclass(frozen=True, slots=True)
class FundsRefused:
    """The core does not reserve: an ISO 20022 external status reason (``AM04``: insufficient funds), and its words."""

    reason_code: str
    text: str | None = None


class Core(Protocol):
    """The institution's books, as far as a payment needs them. Every call may be repeated, whatever became of it.

    * `reserve`, repeated under the same id, answers as it did.
    * `post` and `release` end a reservation; repeated they change nothing.
    * `release` of what was never reserved is remembered: a reservation that comes late under that id is refused.
    """

    async def reserve(self, reservation: Reservation, *, within_s: float) -> FundsRefused | None:
        """Have the debtor's money held; None when it is.

        Raises:
            UnavailableError: no answer within that time; it may be held.

        """
        ...

    async def post(self, payment_id: PaymentId) -> None:
        """Tell the core that the rail has settled.

        Raises:
            LookupError: the core knows of no such reservation, or has released it: a person must look.
            UnavailableError: not certain; tell it again.

        """
        ...

    async def release(self, payment_id: PaymentId) -> None:
        """Tell the core that the payment did not settle and cannot any more.

        Raises:
            LookupError: the core has posted it: a person must look.
            UnavailableError: not certain; tell it again.

        """
        ...
