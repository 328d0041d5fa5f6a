"""A core in memory: accounts with as much money as they need, unless a test says how much."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.domain.payment import PaymentId
from gateway.service.ports import FundsRefused, Reservation, UnavailableError


class Held(StrEnum):
    """Where a reservation stands."""

    RESERVED = "reserved"
    POSTED = "posted"
    RELEASED = "released"
    REFUSED = "refused"


@dataclass(slots=True)
class InMemoryCore:
    """Implements `gateway.service.ports.Core`.

    `balances_cents` says how much an account has (no limit where it has no entry). With `reachable` off everything
    raises, as a core that is down; `answers_lost` is how many of the next calls have their effect and then raise.
    """

    balances_cents: dict[str, int] = field(default_factory=dict)
    held: dict[PaymentId, Held] = field(default_factory=dict)
    reachable: bool = True
    answers_lost: int = 0
    calls: list[tuple[str, PaymentId]] = field(default_factory=list)

    async def reserve(self, reservation: Reservation, *, within_s: float) -> FundsRefused | None:
        """Hold the money; see the port."""
        assert within_s > 0, "who has no time does not ask"
        refused = self._reserved(reservation) if await self._called("reserve", reservation.payment_id) else None
        await self._answered()
        return refused

    def _reserved(self, reservation: Reservation) -> FundsRefused | None:
        payment_id, account = reservation.payment_id, reservation.debtor_account.reveal()
        if payment_id not in self.held:
            balance = self.balances_cents.get(account)
            enough = balance is None or balance >= reservation.amount.cents
            self.held[payment_id] = Held.RESERVED if enough else Held.REFUSED
            if enough and balance is not None:
                self.balances_cents[account] = balance - reservation.amount.cents
        match self.held[payment_id]:
            case Held.RELEASED:
                return FundsRefused("AM04", "The reservation was released before.")
            case Held.REFUSED:
                return FundsRefused("AM04", "The account has not enough money.")
            case _:
                return None

    async def post(self, payment_id: PaymentId) -> None:
        """End the reservation; see the port."""
        await self._called("post", payment_id)
        if self.held.get(payment_id) not in {Held.RESERVED, Held.POSTED}:
            raise LookupError(f"{payment_id} is not reserved")
        self.held[payment_id] = Held.POSTED
        await self._answered()

    async def release(self, payment_id: PaymentId) -> None:
        """End the reservation; see the port."""
        await self._called("release", payment_id)
        if self.held.get(payment_id) is Held.POSTED:
            raise LookupError(f"{payment_id} is posted")
        self.held[payment_id] = Held.RELEASED
        await self._answered()

    async def _called(self, what: str, payment_id: PaymentId) -> bool:
        await asyncio.sleep(0)
        self.calls.append((what, payment_id))
        if not self.reachable:
            raise UnavailableError("the core in memory was told to be down")
        return True

    async def _answered(self) -> None:
        await asyncio.sleep(0)
        if self.answers_lost:
            self.answers_lost -= 1
            raise UnavailableError("the core in memory was told to lose this answer")
