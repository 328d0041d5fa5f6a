"""What the shell sees of receiving: facts for logs and metrics."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.payment import PaymentId, Rail
from gateway.service.ports import IncomingDecision, Quarantined


class IncomingObserver(Protocol):
    """Is told facts; turns them into logs and metrics. It never raises and never sees personal data in clear."""

    def incoming_changed(self, decision: IncomingDecision) -> None:
        """A decision on an incoming transfer was saved."""
        ...

    def incoming_answered(self, rail: Rail, *, own_s: float, left_s: float) -> None:
        """The rail has our answer: how long the gateway itself took, and how much of the reserve was left."""
        ...

    def acceptance_waited(self, rail: Rail, seconds: float) -> None:
        """An acceptance has waited so long for the other region to have it; next to nothing where there is none."""
        ...

    def duplicate_ignored(self, rail: Rail, inbox_id: str) -> None:
        """The rail delivered a message again."""
        ...

    def quarantined(self, message: Quarantined) -> None:
        """Bytes from the rail found no place."""
        ...

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        """A fault of ours stopped one transfer; the others go on."""
        ...

    def fault(self, where: str, error: BaseException) -> None:
        """The world failed somewhere, or we did; the loop goes on."""
        ...
