"""Dead letters, once they are off the bus: kept in the database until an operator closes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from gateway.domain.payment import TenantId
from gateway.service.ports.bus import DeadLetter, Queue


class DeadLetterState(StrEnum):
    """What became of a dead letter."""

    PARKED = "parked"
    """Nobody has acted on it."""

    REDRIVEN = "redriven"
    """An operator has put it on its queue again, under a fresh delivery id."""

    DISCARDED = "discarded"
    """An operator has decided that nothing is to be done with it."""


@dataclass(frozen=True, slots=True)
class Closing:
    """An operator's decision on a dead letter: a fact, at most one for each.

    ``redriven_as`` is the id of the delivery that was made of it; None when it was discarded.
    """

    at: datetime
    by: str
    note: str
    redriven_as: UUID | None


@dataclass(frozen=True, slots=True)
class KeptDeadLetter:
    """A dead letter as the database has it. ``tenant_id`` is None when no payment of that id exists."""

    letter: DeadLetter
    tenant_id: TenantId | None
    closing: Closing | None

    @property
    def state(self) -> DeadLetterState:
        """What became of it."""
        if self.closing is None:
            return DeadLetterState.PARKED
        return DeadLetterState.DISCARDED if self.closing.redriven_as is None else DeadLetterState.REDRIVEN


@dataclass(frozen=True, slots=True)
class ParkedLetters:
    """How many dead letters of a queue nobody has acted on, and since when the oldest of them is dead."""

    count: int
    oldest_at: datetime


class DeadLetterStore(Protocol):
    """The dead letters of one region. Letters and closings are only ever added; each names its delivery once."""

    async def keep(self, letters: Sequence[DeadLetter], *, at: datetime) -> Sequence[UUID]:
        """Keep them in one transaction and return the ids of those that were not kept before; a repeat is safe.

        Raises:
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def find(
        self, *, tenant_id: TenantId | None, queue: Queue | None, state: DeadLetterState | None, limit: int
    ) -> Sequence[KeptDeadLetter]:
        """Return dead letters, the oldest first. `tenant_id` None means: of every tenant and of none."""
        ...

    async def load(self, delivery_id: UUID) -> KeptDeadLetter | None:
        """Return the dead letter of a delivery."""
        ...

    async def close(self, delivery_id: UUID, closing: Closing) -> bool:
        """Save an operator's decision and, for a redrive, the outbox row, in one transaction; return whether it holds.

        The row is the same delivery, with the same deadline, under the id ``closing.redriven_as``.

        Of several operators at the same moment one alone succeeds. False leaves nothing behind: the letter is closed,
        or there is none, or none with a payment to redrive.

        Raises:
            UnavailableError: the database does not answer; whether it has committed is unknown: `load` tells.

        """
        ...

    async def parked(self) -> Mapping[Queue, ParkedLetters]:
        """Return what nobody has acted on; queues without any are left out."""
        ...

    async def operator_of_key(self, digest: bytes) -> str | None:
        """Return the name of the operator whose API key has this SHA-256 digest, if it is valid."""
        ...
