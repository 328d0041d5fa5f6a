"""The core's books: accounts, and what is held of them under which id. Pure: no clock, no I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

BEHAVIOURS: Final = {
    "9901": ("AC01", "There is no such account."),
    "9904": ("AM04", "The account has not enough money."),
    "9906": ("AC06", "The account is blocked."),
}
"""What is refused whatever the balance, by the account's last four digits: the ISO 20022 reason, and words for it."""

SILENT: Final = "9999"
"""The last four digits of an account about which the core never answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreSimulatorSettings:
    """``balance_cents`` is what every account has at first; with a ``token`` every request must bring it.

    With a ``webhook_secret`` every question about an incoming payment must be signed with it. With an ``amqp_url`` it
    is asked over the queues ``<queue>.questions`` and ``<queue>.instructions`` of that broker too.
    """

    host: str = "127.0.0.1"
    port: int = 0
    balance_cents: int = 100_000_000_00
    token: str | None = None
    webhook_secret: str | None = None
    amqp_url: str | None = None
    queue: str = "institution"


class Standing(StrEnum):
    """Where a reservation stands."""

    RESERVED = "reserved"
    POSTED = "posted"
    RELEASED = "released"
    REFUSED = "refused"


@dataclass(slots=True)
class Held:
    """A reservation; of one that was released before it came nothing is known but that."""

    standing: Standing
    account: str = ""
    amount_cents: int = 0
    reason_code: str | None = None
    text: str | None = None


class CannotError(Exception):
    """What is asked contradicts what was done; the text says what that was."""


@dataclass(slots=True)
class Books:
    """All accounts and reservations. Every call may be repeated under the same id, to the same end."""

    settings: CoreSimulatorSettings
    balances: dict[str, int] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def reserve(self, reservation_id: str, *, account: str, amount_cents: int) -> Held:
        """Hold the amount if the account has it, and return how the reservation stands.

        Raises:
            CannotError: under this id another account or amount is held.

        """
        self.calls["reserve"] += 1
        known = self.held.get(reservation_id)
        if known is not None:
            if known.account and (known.account, known.amount_cents) != (account, amount_cents):
                raise CannotError("under this id another account or amount is held")
            return known
        held = self.held[reservation_id] = self._new(account, amount_cents)
        if held.standing is Standing.RESERVED:
            self.balances[account] = self.balance(account) - amount_cents
        return held

    def _new(self, account: str, amount_cents: int) -> Held:
        refusal = BEHAVIOURS.get(account[-4:])
        if refusal is None and self.balance(account) < amount_cents:
            refusal = BEHAVIOURS["9904"]
        if refusal is None:
            return Held(Standing.RESERVED, account, amount_cents)
        return Held(Standing.REFUSED, account, amount_cents, *refusal)

    def post(self, reservation_id: str) -> None:
        """The rail has settled: the money has left.

        Raises:
            CannotError: it is not held.

        """
        self.calls["post"] += 1
        held = self.held.get(reservation_id)
        if held is None or held.standing not in {Standing.RESERVED, Standing.POSTED}:
            raise CannotError(f"it is {'not known' if held is None else held.standing.value}")
        held.standing = Standing.POSTED

    def release(self, reservation_id: str) -> None:
        """The money is the debtor's again; what was never held is remembered, and refused if it comes late.

        Raises:
            CannotError: it has left.

        """
        self.calls["release"] += 1
        held = self.held.setdefault(
            reservation_id, Held(Standing.RELEASED, reason_code="AM04", text="It was released before it came.")
        )
        if held.standing is Standing.POSTED:
            raise CannotError("it is posted")
        if held.standing is Standing.RESERVED:
            self.balances[held.account] = self.balance(held.account) + held.amount_cents
            held.standing, held.reason_code, held.text = Standing.RELEASED, "AM04", "It was released before."

    def balance(self, account: str) -> int:
        """What the account has that is not held, in cents."""
        return self.balances.get(account, self.settings.balance_cents)

    def summary(self) -> dict[str, object]:
        """Counts and cents by standing, and how often what was asked."""
        standings = Counter(held.standing.value for held in self.held.values())
        cents: Counter[str] = Counter()
        for held in self.held.values():
            cents[held.standing.value] += held.amount_cents
        return {"reservations": standings, "cents": cents, "calls": self.calls, "balances": self.balances}
