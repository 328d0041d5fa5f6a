"""Who receives: the tenant of each creditor's agent, read from the database and kept for a few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import TenantId
from gateway.domain.stand_in import StandInPolicy
from gateway.service.incoming.observer import IncomingObserver
from gateway.service.ports import Clock, IncomingStore, ReceivingTenant
from iso20022 import RoutingNumber

NOBODYS: Final = TenantId("_nobody")
"""Under this a transfer is kept whose creditor's agent receives nowhere here: no tenant has such an id, so only
operators see it."""

REFRESH_S: Final = 5.0
"""How old what is known of tenants may be: a policy that was changed holds after it."""


@dataclass(slots=True)
class ReceivingTenants:
    """Knows who receives, once `refresh` has read it; `run` keeps it fresh.

    Whose a transfer is, is decided once, when it is made durable: who is asked and told about it is that tenant from
    then on, even if its creditor's agent moves to another.
    """

    store: IncomingStore
    clock: Clock
    observer: IncomingObserver
    known: Mapping[RoutingNumber, TenantId] = field(default_factory=dict)
    tenants: Mapping[TenantId, ReceivingTenant] = field(default_factory=dict)
    is_read: bool = False

    async def run(self) -> None:
        """Keep it fresh until cancelled."""
        while True:
            await self.refresh()
            await self.clock.pause(REFRESH_S)

    async def refresh(self) -> None:
        """Read it anew, and report a tenant whose stand-in policy is none: it rejects until that is mended.

        Raises:
            UnavailableError: the database does not answer; what was known stays.

        """
        read = await self.store.receiving_tenants()
        self.known, self.tenants, self.is_read = read.by_agent, read.tenants, True
        for fault in sorted(tenant.fault for tenant in self.tenants.values() if tenant.fault is not None):
            self.observer.fault("tenants", ValueError(fault))

    async def ensure(self) -> None:
        """Read it if it was never read: nobody is turned away because we do not know yet. Raises as `refresh`."""
        if not self.is_read:
            await self.refresh()

    def keeper_of(self, creditor_agent: RoutingNumber) -> TenantId:
        """Return under whom a transfer for this agent is kept."""
        return self.known.get(creditor_agent, NOBODYS)

    def of(self, transfer: IncomingTransfer) -> ReceivingTenant:
        """Return whose a transfer is; one that is not known any more has no address, and its stand-in rejects."""
        return self.tenants.get(transfer.tenant_id) or ReceivingTenant(transfer.tenant_id, None, StandInPolicy())
