"""The ledger of a store in memory."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.ledger import STANDS_IN, Account, balances
from gateway.domain.payment import Rail, TenantId
from gateway.service.ports import Balance, LedgerFault
from tests.fakes.store import InMemoryStore


class InMemoryLedger:
    """Implements `gateway.service.ports.Ledger` over what the store keeps."""

    def __init__(self, store: InMemoryStore) -> None:
        self._store = store

    async def balances(self, tenant_id: TenantId | None = None) -> Sequence[Balance]:
        """Return what the accounts hold; see the port."""
        rows = self._store.rows
        found: dict[tuple[TenantId, Rail, Account], int] = {}
        for payment_id, booked in rows.postings.items():
            payment = rows.payments[payment_id]
            for account in {side for posting in booked for side in (posting.debit, posting.credit)}:
                key = (payment.tenant_id, payment.rail, account)
                found[key] = found.get(key, 0) + balances(booked)[account]
        return [
            Balance(*key, amount_cents) for key, amount_cents in sorted(found.items()) if tenant_id in {None, key[0]}
        ]

    async def faults(self, *, limit: int) -> Sequence[LedgerFault]:
        """Return what is wrong; see the port."""
        rows, found = self._store.rows, []
        for payment_id, payment in sorted(rows.payments.items()):
            booked, stands_in = balances(rows.postings.get(payment_id, ())), STANDS_IN[payment.state]
            due = {
                account: payment.amount.cents if account is stands_in else 0
                for account in (Account.RESERVED, Account.RAIL)
            }
            if any(booked[account] != cents for account, cents in due.items()):
                found.append(LedgerFault(payment_id, payment.state, payment.amount.cents, booked))
        return found[:limit]
