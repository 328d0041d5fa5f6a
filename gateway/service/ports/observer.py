"""What the shell sees: facts for logs and metrics."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.domain.legs import Leg
from gateway.domain.payment import PaymentId, Rail
from gateway.domain.rail_operations import RailEvent
from gateway.domain.reconciliation import Arrivals
from gateway.service.ports.bus import DeadLetter
from gateway.service.ports.store import Accepted, Decision, Quarantined, Refusal
from iso20022 import Finding


class KeySide(StrEnum):
    """Whose keys, of the two sides of a rail's link."""

    OURS = "ours"
    RAILS = "rails"


class Observer(Protocol):
    """Is told facts; turns them into logs and metrics. It never raises and never sees personal data in clear."""

    def payment_accepted(self, accepted: Accepted) -> None:
        """A submission was committed, or found committed."""
        ...

    def request_refused(self, refusal: Refusal) -> None:
        """A submission was refused."""
        ...

    def state_changed(self, decision: Decision) -> None:
        """A decision was saved."""
        ...

    def contradiction(self, decision: Decision) -> None:
        """The rail contradicts what is certain: a person must look."""
        ...

    def duplicate_ignored(self, rail: Rail, inbox_id: str) -> None:
        """The rail delivered a message again."""
        ...

    def quarantined(self, message: Quarantined) -> None:
        """Bytes from the rail found no payment."""
        ...

    def unverified(self, rail: Rail, finding: Finding, *, signature: str | None) -> None:
        """Bytes came whose signature does not hold, with what was beside them: somebody else may have sent them."""
        ...

    def rail_keys(self, rail: Rail, whose: KeySide, *, until: datetime) -> None:
        """From when on no key that is known here counts any more: nothing is sent then, or nothing believed."""
        ...

    def dead_lettered(self, letter: DeadLetter) -> None:
        """A delivery that no handler settles was kept as a dead letter, for the first time."""
        ...

    def parked(self, payment_id: PaymentId, reason: str) -> None:
        """A fault of ours stopped one payment; the others go on."""
        ...

    def fault(self, where: str, error: BaseException) -> None:
        """The world failed somewhere, or we did; the loop goes on."""
        ...

    def leg(self, leg: Leg, seconds: float) -> None:
        """A part of the way took this long."""
        ...

    def rail_answered(self, rail: Rail) -> None:
        """The rail answered a PING: it is there."""
        ...

    def rail_event(self, event: RailEvent) -> None:
        """The rail has said something of itself, or of what it was asked about ourselves."""
        ...

    def totals_compared(self, rail: Rail, *, theirs: Arrivals, ours: Arrivals, different_s: float) -> None:
        """The rail's totals of an institution were held against ours.

        For `different_s` those of one institution at least have differed every time; 0 where all were equal last.
        """
        ...

    def timer_fired(self, lateness_s: float) -> None:
        """A timer fired this much after its time."""
        ...
