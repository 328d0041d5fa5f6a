"""Money between the participants: every movement has two equal and opposite entries, and happens once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from iso20022 import Amount, MessageId, RoutingNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A movement of money from the debtor's to the creditor's institution, for one copy of one message."""

    copy: int
    message_id: MessageId
    amount: Amount
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a settlement: the change of one participant's position, in cents (less is negative)."""

    copy: int
    message_id: MessageId
    routing_number: RoutingNumber
    change_cents: int
    at: datetime


class Ledger:
    """What has been settled; positions start at zero, and their sum stays there."""

    def __init__(self) -> None:
        self._settlements: dict[int, Settlement] = {}
        self._positions: dict[RoutingNumber, int] = {}

    def settle(self, settlement: Settlement) -> None:
        """Move the money. The same copy twice is a fault of ours (AssertionError): finality happens once."""
        assert settlement.copy not in self._settlements, f"copy {settlement.copy} has been settled before"
        self._settlements[settlement.copy] = settlement
        for entry in _entries(settlement):
            self._positions[entry.routing_number] = self._positions.get(entry.routing_number, 0) + entry.change_cents

    @property
    def positions(self) -> dict[RoutingNumber, int]:
        """Each participant's position in cents, where it has ever changed."""
        return dict(self._positions)

    @property
    def sum_cents(self) -> int:
        """The sum over all positions: always zero."""
        return sum(self._positions.values())

    @property
    def settlements(self) -> tuple[Settlement, ...]:
        """Every movement, oldest first."""
        return tuple(self._settlements.values())

    def entries(self) -> tuple[Entry, ...]:
        """Both entries of every movement, oldest first."""
        return tuple(entry for settlement in self._settlements.values() for entry in _entries(settlement))


def _entries(settlement: Settlement) -> tuple[Entry, Entry]:
    return (
        Entry(settlement.copy, settlement.message_id, settlement.debtor_agent, -settlement.amount.cents, settlement.at),
        Entry(
            settlement.copy, settlement.message_id, settlement.creditor_agent, settlement.amount.cents, settlement.at
        ),
    )
