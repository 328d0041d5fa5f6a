"""The ledger, as it is read: balances, and what is wrong with it. It is written with the decisions that it books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.ledger import Account
from gateway.domain.payment import PaymentId, Rail, TenantId


@dataclass(frozen=True, slots=True)
class Balance:
    """What one account of a tenant on a rail holds, in cents: debits less credits."""

    tenant_id: TenantId
    rail: Rail
    account: Account
    amount_cents: int


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """A payment, sent or received, whose postings are not what its state says.

    ``booked`` has the cents that stand in each account; ``state`` is None where there is no such payment at all.
    """

    payment_id: PaymentId
    state: str | None
    amount_cents: int
    booked: dict[Account, int]


class Ledger(Protocol):
    """The postings of one region's database."""

    async def balances(self, tenant_id: TenantId | None = None) -> Sequence[Balance]:
        """Return every account's balance, a tenant's or (None) all, by tenant, rail and account.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...

    async def faults(self, *, limit: int) -> Sequence[LedgerFault]:
        """Return payments whose postings do not say what their states say, up to `limit`: there must be none.

        All is seen as at one moment, so that payments on their way do not disturb it; it reads every posting.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...
