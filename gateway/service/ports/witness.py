"""The witness: a few small records outside every region; and the leave to act that a region has of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WitnessRecord:
    """A record's text, and the version that it has: 1 when it is made, one more with every write."""

    text: str
    version: int


class OvertakenError(Exception):
    """The record no longer has the version that the write expected: somebody else was first. Nothing was written."""


class Witness(Protocol):
    """Conditional writes, each linearizable: who reads after a write was answered sees it, or a later one."""

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record as it is now; None where there is none.

        Raises:
            UnavailableError: the witness does not answer.

        """
        ...

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if it has the version `expected` (None: if there is none), and return its new version.

        Raises:
            OvertakenError: it has another version.
            UnavailableError: the witness does not answer; whether it was written is unknown: read.

        """
        ...


class Tenure(Protocol):
    """Says whether this region may act: asked before anything is accepted, decided or sent."""

    def demand(self) -> None:
        """Return if it may act now.

        Raises:
            NotServingError: it may not.

        """
        ...


class Alone:
    """The tenure of a region that has none beside it: it may always act."""

    def demand(self) -> None:
        """Return."""
