"""What was booked with which event, and which of it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.domain.history import Recorded
from gateway.domain.ledger import Posting
from gateway.domain.payment import PaymentId


@dataclass(slots=True)
class Bookings:
    """Every posting with the event by which it was made, as `ledger_posting` has them."""

    made: dict[PaymentId, list[tuple[Recorded, tuple[Posting, ...]]]] = field(default_factory=dict)

    def add(self, payment_id: PaymentId, event: Recorded, postings: Sequence[Posting]) -> None:
        """Keep what was booked with an event."""
        if postings:
            self.made.setdefault(payment_id, []).append((event, tuple(postings)))

    def standing(self, payment_id: PaymentId, events: Sequence[Recorded]) -> list[Posting]:
        """Return what counts: not what a region still booked of a payment that another had taken over."""
        return [
            posting
            for event, postings in self.made.get(payment_id, ())
            if not any(later.epoch > event.epoch and later.sequence <= event.sequence for later in events)
            for posting in postings
        ]
