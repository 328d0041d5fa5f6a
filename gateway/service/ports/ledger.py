"""The ledger, as it is read: balances, and what is wrong with it. It is written with the decisions that it books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class ReturnFault:
    """A payment, sent or received, of which not so much has gone or come back as its returns say.

    ``kept_cents`` is the sum that is kept with it, and on which the next return is decided; ``found_cents`` is what its
    returns make.
    """

    payment_id: PaymentId
    state: str
    amount_cents: int
    kept_cents: int
    found_cents: int


class ReturnSums(Protocol):
    """What has gone back and come back, held against the returns themselves."""

    async def return_faults(self, *, told_until: datetime, limit: int) -> Sequence[ReturnFault]:
        """Return the payments whose sums differ from their returns, or exceed them, up to `limit`: there must be none.

        A return that came after `told_until` need not be booked with its payment yet: that is another transaction.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...


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
