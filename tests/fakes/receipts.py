"""Receipts that are waited for, in memory: obeys the contract of `ReceiptStore`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from gateway.domain.payment import Rail
from gateway.service.ports.receipts import AwaitedReceipt, MissingReceipts


class InMemoryReceipts:
    """Implements `gateway.service.ports.receipts.ReceiptStore`."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Rail, str], AwaitedReceipt] = {}

    async def expect(self, awaited: AwaitedReceipt) -> None:
        await asyncio.sleep(0)
        self.rows.setdefault((awaited.rail, awaited.message_id), awaited)

    async def left(self, rail: Rail, message_id: str, *, at: datetime) -> None:
        await asyncio.sleep(0)
        known = self.rows.get((rail, message_id))
        if known is not None and known.missed_at is None:
            self.rows[rail, message_id] = replace(known, sent_at=at)

    async def heard(self, rail: Rail, message_ids: Collection[str]) -> None:
        await asyncio.sleep(0)
        named = set(message_ids)
        self.rows = {
            key: each
            for key, each in self.rows.items()
            if each.rail is not rail or not named & {each.message_id, *each.copies}
        }

    async def late(self, rail: Rail, *, before: datetime, limit: int) -> Sequence[AwaitedReceipt]:
        await asyncio.sleep(0)
        found = [each for each in self._of(rail) if each.missed_at is None]
        return [each for each in found if each.sent_at is not None and each.sent_at < before][:limit]

    async def missed(self, awaited: AwaitedReceipt, *, at: datetime) -> None:
        await asyncio.sleep(0)
        known = self.rows.get((awaited.rail, awaited.message_id))
        if known is not None and known.missed_at is None:
            self.rows[awaited.rail, awaited.message_id] = replace(known, missed_at=at)

    async def sent_again(self, awaited: AwaitedReceipt, message_id: str) -> None:
        await asyncio.sleep(0)
        before = self.rows.pop((awaited.rail, awaited.message_id), None)
        if before is None:
            return
        known = self.rows.get((awaited.rail, message_id)) or replace(
            before, message_id=message_id, sent_at=None, missed_at=None
        )
        copies = (*before.copies, before.message_id)
        self.rows[awaited.rail, message_id] = replace(known, copies=copies)

    async def missing(self, rail: Rail, *, limit: int) -> Sequence[AwaitedReceipt]:
        await asyncio.sleep(0)
        return [each for each in self._of(rail) if each.missed_at is not None][:limit]

    async def find_missing(self, rail: Rail, message_id: str) -> AwaitedReceipt | None:
        await asyncio.sleep(0)
        found = [each for each in self._of(rail) if each.missed_at is not None and each.message_id == message_id]
        return found[0] if found else None

    async def missing_of(self, of_ids: Collection[UUID]) -> Mapping[UUID, Sequence[AwaitedReceipt]]:
        await asyncio.sleep(0)
        found: dict[UUID, list[AwaitedReceipt]] = defaultdict(list)
        for each in (each for rail in Rail for each in self._of(rail)):
            if each.of_id in of_ids and each.missed_at is not None:
                found[each.of_id].append(each)
        return found

    async def missed_since(self, rail: Rail, since: datetime) -> int:
        await asyncio.sleep(0)
        return sum(each.missed_at is not None and each.missed_at >= since for each in self._of(rail))

    async def count(self, rail: Rail) -> MissingReceipts:
        missing = await self.missing(rail, limit=len(self.rows))
        return MissingReceipts(len(missing), missing[0].sent_at if missing else None)

    def _of(self, rail: Rail) -> list[AwaitedReceipt]:
        """Those of a rail, the oldest first; what is not known to have left comes last."""
        of_rail = [each for each in self.rows.values() if each.rail is rail]
        return sorted(
            of_rail, key=lambda each: (each.sent_at is None, each.sent_at and each.sent_at.timestamp(), each.message_id)
        )
