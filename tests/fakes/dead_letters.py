"""Dead letters in memory, over a store in memory: obeys the contract of `DeadLetterStore`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.domain.payment import TenantId
from gateway.service.ports import (
    Closing,
    DeadLetter,
    DeadLetterState,
    KeptDeadLetter,
    OutboundDelivery,
    ParkedLetters,
    Queue,
    UnavailableError,
)
from tests.fakes.store import InMemoryStore


class InMemoryDeadLetters:
    """Implements `gateway.service.ports.DeadLetterStore`; out of reach whenever the store is.

    `operator_keys` maps SHA-256 digests to operators' names.
    """

    def __init__(self, store: InMemoryStore, *, operator_keys: Mapping[bytes, str] | None = None) -> None:
        self.letters: dict[UUID, KeptDeadLetter] = {}
        self._store = store
        self._operator_keys = dict(operator_keys or {})

    async def keep(self, letters: Sequence[DeadLetter], *, at: datetime) -> Sequence[UUID]:
        """Keep what is not kept yet; see the port."""
        await self._reached()
        fresh = []
        for letter in letters:
            delivery = letter.delivery
            if delivery.delivery_id not in self.letters:
                payment = self._store.rows.payments.get(delivery.payment_id)
                tenant_id = None if payment is None else payment.tenant_id
                self.letters[delivery.delivery_id] = KeptDeadLetter(letter, tenant_id, closing=None)
                fresh.append(delivery.delivery_id)
        return fresh

    async def find(
        self, *, tenant_id: TenantId | None, queue: Queue | None, state: DeadLetterState | None, limit: int
    ) -> Sequence[KeptDeadLetter]:
        """Return dead letters, the longest dead first; see the port."""
        await self._reached()
        found = [
            kept
            for kept in self.letters.values()
            if (tenant_id is None or kept.tenant_id == tenant_id)
            and (queue is None or kept.letter.delivery.queue is queue)
            and (state is None or kept.state is state)
        ]
        return sorted(found, key=lambda kept: (kept.letter.died_at, kept.letter.delivery.delivery_id))[:limit]

    async def load(self, delivery_id: UUID) -> KeptDeadLetter | None:
        """Return one; see the port."""
        await self._reached()
        return self.letters.get(delivery_id)

    async def close(self, delivery_id: UUID, closing: Closing) -> bool:
        """Close one that is open; see the port."""
        await self._reached()
        kept = self.letters.get(delivery_id)
        if kept is None or kept.closing is not None:
            return False
        if closing.redriven_as is not None:
            if kept.tenant_id is None:
                return False
            delivery = kept.letter.delivery
            again = OutboundDelivery(closing.redriven_as, delivery.queue, delivery.payment_id, delivery.deadline_at)
            self._store.queue(again, at=closing.at)
        self.letters[delivery_id] = replace(kept, closing=closing)
        return True

    async def parked(self) -> Mapping[Queue, ParkedLetters]:
        """Return what nobody has acted on; see the port."""
        found = await self.find(tenant_id=None, queue=None, state=DeadLetterState.PARKED, limit=len(self.letters))
        parked: dict[Queue, ParkedLetters] = {}
        for letter in (kept.letter for kept in found):
            before = parked.get(letter.delivery.queue, ParkedLetters(0, letter.died_at))
            parked[letter.delivery.queue] = ParkedLetters(before.count + 1, before.oldest_at)
        return parked

    async def operator_of_key(self, digest: bytes) -> str | None:
        """Return whose key it is; see the port."""
        await self._reached()
        return self._operator_keys.get(digest)

    async def _reached(self) -> None:
        await asyncio.sleep(0)
        if not self._store.reachable:
            raise UnavailableError("the store in memory was told to be down")
