"""The audit trail in memory, over a store in memory: obeys `AuditStore`, `AuditReader` and `AuditAnchor`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from gateway.domain.audit import UNCHAINED, Seal, sealed_entry
from gateway.domain.payment import PaymentId, RegionId
from gateway.service.ports import (
    Anchor,
    AuditedEvent,
    AuditedMessage,
    AuditedPayment,
    AuditedState,
    HistoryBeganAnewError,
    SealedEntry,
    Span,
    UnavailableError,
    Unsealed,
)
from tests.fakes.store import EPOCH, REGION, Chained, InMemoryStore


class InMemoryAudit:
    """Implements `gateway.service.ports.AuditStore` and `AuditReader`; out of reach whenever the store is.

    `oldest_running` is the SQL transaction that has not ended yet, if a test wants one: nothing from it on is sealed.
    """

    def __init__(self, store: InMemoryStore) -> None:
        self.kept: list[Seal] = []
        self.oldest_running: int | None = None
        self._store = store

    # --- AuditStore ---

    async def seal(self, *, at: datetime, events_max: int) -> Seal | None:
        """Seal the oldest that is not sealed; see the port."""
        await self._reached()
        chain = self._store.rows.chain
        since = self.kept[-1].transactions_before if self.kept else 0
        before = self.oldest_running if self.oldest_running is not None else len(chain) + 1
        if before < since:
            raise HistoryBeganAnewError(f"{since - 1} is sealed, {before} is running")
        batch = [link for link in chain if since <= link.sql_transaction < before][:events_max]
        if not batch:
            return None
        seal = Seal(
            region=REGION,
            number=len(self.kept) + 1,
            previous=self.kept[-1].digest() if self.kept else UNCHAINED,
            entries=sha256(b"".join(sealed_entry(link.sql_transaction, link.digest) for link in batch)).digest(),
            events=len(batch),
            transactions_from=since,
            transactions_before=batch[-1].sql_transaction + 1 if len(batch) == events_max else before,
            at=at,
            covers_conversations=True,
        )
        self.kept.append(seal)
        return seal

    async def seals_after(self, number: int, *, limit: int) -> Sequence[Seal]:
        """Return the seals that follow; see the port."""
        await self._reached()
        return self.kept[number : number + limit]

    async def unsealed(self) -> Unsealed:
        """Return what no seal covers; see the port."""
        await self._reached()
        since = self.kept[-1].transactions_before if self.kept else 0
        rest = [link.facts.at for link in self._store.rows.chain if link.sql_transaction >= since]
        return Unsealed(events=len(rest), oldest_at=min(rest, default=None), seals=len(self.kept))

    # --- AuditReader ---

    async def regions(self) -> Sequence[RegionId]:
        """Return the one region, once it has events; see the port."""
        return [REGION] if self._store.rows.chain else []

    async def count(self) -> int:
        """Return how many events there are; see the port."""
        return len(self._store.rows.chain)

    async def payments(self, between: Span | None = None) -> AsyncIterator[Sequence[AuditedPayment]]:
        """Read the payments, one in each part; see the port."""
        for payment_id in sorted(self._store.rows.facts):
            if between is None or between[0] <= payment_id <= between[1]:
                yield [self._payment(payment_id)]

    def _payment(self, payment_id: PaymentId) -> AuditedPayment:
        rows = self._store.rows
        chain = [link for link in rows.chain if link.facts.payment_id == payment_id]
        payment = rows.payments[payment_id]
        return AuditedPayment(
            payment_id,
            [rows.facts[payment_id]],
            [AuditedEvent(EPOCH, link.facts, link.digest) for link in chain],
            [message for link in chain for message in _messages(link)],
            AuditedState(payment.state.value, payment.version, EPOCH, payment.updated_at, chain[-1].digest),
        )

    async def seals(self, region: RegionId, *, after: int = 0) -> AsyncIterator[Sequence[tuple[Seal, bytes]]]:
        """Read the seals; see the port."""
        yield [(seal, seal.digest()) for seal in self.kept[after:] if seal.region == region]

    async def entries(
        self, region: RegionId, *, since: int = 0, before: int | None = None
    ) -> AsyncIterator[Sequence[SealedEntry]]:
        """Read what the seals cover; see the port."""
        yield [
            SealedEntry(link.sql_transaction, link.facts.payment_id, link.digest, link.facts.at)
            for link in self._store.rows.chain
            if since <= link.sql_transaction and (before is None or link.sql_transaction < before)
        ]

    async def _reached(self) -> None:
        await asyncio.sleep(0)
        if not self._store.reachable:
            raise UnavailableError("the store in memory was told to be down")


def _messages(link: Chained) -> list[AuditedMessage]:
    facts = link.facts
    return [
        AuditedMessage(each, facts.region, facts.tenant_id, facts.sequence, is_intact=True) for each in link.messages
    ]


@dataclass(slots=True)
class InMemoryAnchor:
    """Implements `gateway.service.ports.AuditAnchor`; can be told to be out of reach."""

    written: list[Anchor] = field(default_factory=list)
    reachable: bool = True

    async def newest(self, region: RegionId) -> int:
        """Return the number of the newest anchor; see the port."""
        self._reach()
        return max((anchor.number for anchor in self.written if anchor.region == region), default=0)

    async def append(self, anchors: Sequence[Anchor]) -> None:
        """Write them down; see the port."""
        self._reach()
        self.written += anchors

    def _reach(self) -> None:
        if not self.reachable:
            raise UnavailableError("the anchor in memory was told to be down")
