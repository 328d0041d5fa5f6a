"""Screening: who looks at a payment before money moves, and what tenants want looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.payment import PaymentId, TenantId
from gateway.domain.screening import ScreeningHit, ScreeningPolicy, ScreeningRules, Subject, Way
from iso20022 import Amount


class Screener(Protocol):
    """One who looks. A call may be repeated, whatever became of it: the same subject is the same question."""

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:
        """Return what was found of what the rules name; nothing: it was looked at whole, and is clear.

        Raises:
            UnavailableError: not looked at, or not whole, within that time. That is never to be taken for clear.

        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One payment as the limits of an account count it, under its own id: counted twice, it is one."""

    tenant_id: TenantId
    way: Way
    account_index: bytes
    payment_id: PaymentId
    amount: Amount
    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """How many payments of an account there were in a window, and how many cents, the one that is asked about too."""

    count: int
    cents: int


class ScreeningStore(Protocol):
    """What the database of one region has for screening."""

    async def screening_policies(self) -> Mapping[TenantId, ScreeningPolicy]:
        """Return what each tenant wants looked at; a tenant that wants nothing may be left out.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...

    async def count_movement(self, movement: Movement, windows_s: Sequence[int]) -> Sequence[Moved]:
        """Count a payment, and return what its account has moved in each of the windows that end with it.

        Of payments of one account that are counted at once, each sees those that were counted before it. A repeat
        changes nothing, and returns what it did.

        Raises:
            UnavailableError: the database does not answer; it may be counted.

        """
        ...

    async def forget_movements(self, before: datetime) -> None:
        """Forget what is older than any window."""
        ...
