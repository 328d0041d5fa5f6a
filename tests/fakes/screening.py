"""Screening in memory: tenants' rules and movements under the store's contract, and one who looks and can be told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.payment import TenantId
from gateway.domain.screening import Screened, ScreeningHit, ScreeningPolicy, ScreeningRules, Source, Subject, Way
from gateway.service.ports import Moved, Movement, UnavailableError

HIT: Final = ScreeningHit(Source.LISTS, "own.csv SAMPLE-1", "creditor name", 100, "every word of the entry")


@dataclass(slots=True)
class InMemoryScreening:
    """Implements `gateway.service.ports.ScreeningStore`; unreachable it raises, as a database that is down."""

    policies: dict[TenantId, ScreeningPolicy] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    is_reachable: bool = True

    async def screening_policies(self) -> Mapping[TenantId, ScreeningPolicy]:
        """Return the rules; see the port."""
        await self._reached()
        return dict(self.policies)

    async def count_movement(self, movement: Movement, windows_s: Sequence[int]) -> Sequence[Moved]:
        """Count; see the port."""
        await self._reached()
        of_account = [
            each
            for each in self.movements
            if (each.tenant_id, each.way, each.account_index)
            == (movement.tenant_id, movement.way, movement.account_index)
        ]
        ids = [each.payment_id for each in of_account]
        if movement.payment_id in ids:
            of_account = of_account[: ids.index(movement.payment_id) + 1]
        else:
            self.movements.append(movement)
            of_account.append(movement)
        own = of_account[-1]
        found = []
        for window_s in windows_s:
            within = [each for each in of_account if each.at > own.at - timedelta(seconds=window_s)]
            found.append(Moved(len(within), sum(each.amount.cents for each in within)))
        return found

    async def forget_movements(self, before: datetime) -> None:
        """Forget; see the port."""
        await self._reached()
        self.movements = [each for each in self.movements if each.at >= before]

    async def _reached(self) -> None:
        await asyncio.sleep(0)
        if not self.is_reachable:
            raise UnavailableError("the database of screening was told to be down")


@dataclass(slots=True)
class InMemoryScreener:
    """Implements `gateway.service.ports.Screener`: finds what it was told to, of whom it was told to."""

    hits: Sequence[ScreeningHit] = ()
    is_down: bool = False
    is_silent: bool = False
    raises: Exception | None = None
    asked: list[Subject] = field(default_factory=list)

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:
        """Look; see the port."""
        self.asked.append(subject)
        await asyncio.sleep(3600 if self.is_silent else 0)
        if self.raises is not None:
            raise self.raises
        if self.is_down or within_s <= 0:
            raise UnavailableError("whoever looks was told to be down")
        return self.hits


@dataclass(slots=True)
class ScreeningRecorder:
    """Remembers what screening told."""

    outcomes: list[tuple[Way, Screened]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def screened(self, way: Way, screened: Screened, seconds: float) -> None:
        self.outcomes.append((way, screened))

    def fault(self, where: str, error: BaseException) -> None:
        self.faults.append(str(error))
