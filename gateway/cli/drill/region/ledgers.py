"""The rail's ledger and both regions' own, held against each other: what has settled of each message, and is booked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.postgres.ledger import STANDING
from gateway.domain.ledger import Account
from gateway.domain.payment import RegionId

_SETTLED: Final = frozenset({"ACSC", "ACWP"})

BOOKED: Final = f"""
SELECT fact.message_id, sum(booked.amount_cents * CASE '{Account.RAIL}'
    WHEN booked.debit THEN 1 WHEN booked.credit THEN -1 ELSE 0 END)::bigint AS cents
FROM (
    SELECT payment_id, message_id FROM payment UNION SELECT payment_id, message_id FROM incoming_transfer
) AS fact
JOIN (SELECT posting.* FROM {STANDING}) AS booked USING (payment_id)
GROUP BY fact.message_id
"""  # noqa: S608 - ours
"""What stands in a region's ledger as settled, by the message's id: sent, or less than nothing where it has arrived."""


def settled_cents(journal: Iterable[bytes]) -> Mapping[str, int]:
    """Return what the rail has settled, by the message's id: what was sent to it, less what it has brought."""
    amounts: dict[int, Mapping[str, Any]] = {}
    brought: dict[str, int] = {}
    settled: Counter[str] = Counter()
    for line in journal:
        if line.startswith((b'{"fact":"Payment', b'{"fact":"TransferForwarded"', b'{"fact":"ForwardingCompleted"')):
            match fact := json.loads(line):
                case {"fact": "PaymentBooked", "copy": copy}:
                    amounts[copy] = fact
                case {"fact": "PaymentCompleted", "copy": copy} if amounts[copy]["status"] in _SETTLED:
                    settled[amounts[copy]["message_id"]] += amounts[copy]["amount"]
                case {"fact": "TransferForwarded", "message_id": message_id, "amount": cents}:
                    brought[message_id] = cents
                case {"fact": "ForwardingCompleted", "message_id": message_id, "status": status} if status in _SETTLED:
                    settled[message_id] -= brought[message_id]
    return settled


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What the rail has settled, and what each region has booked as settled, in cents by the message's id."""

    rail: Mapping[str, int]
    regions: Mapping[RegionId, Mapping[str, int]]

    def faults(self, message_ids: Collection[str]) -> Sequence[str]:
        """Return of which of these messages not all ledgers say the same."""
        found = []
        for message_id in sorted(message_ids):
            settled = self.rail.get(message_id, 0)
            booked = {name: cents.get(message_id, 0) for name, cents in self.regions.items()}
            if set(booked.values()) != {settled}:
                shown = ", ".join(f"{name} has booked {cents}" for name, cents in booked.items())
                found.append(f"{message_id}: the rail has settled {settled} cents, {shown}")
        return found
