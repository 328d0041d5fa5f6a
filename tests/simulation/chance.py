"""Chance as a function: the same seed and the same name give the same number, in whatever order they are asked for.

So a fault that is taken out of a scenario leaves every other delay as it was, and a failure can be made smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Chance:
    """What one seed draws."""

    seed: int

    def number(self, *name: object) -> float:
        """Return a number from 0 up to, but not including, 1."""
        return int.from_bytes(self._digest(8, name), "big") / 2**64

    def below(self, limit: int, *name: object) -> int:
        """Return a whole number from 0 to `limit` - 1."""
        return int(self.number(*name) * limit)

    def delay_s(self, least_s: float, most_s: float, *name: object) -> float:
        """Return a delay: mostly near the least, seldom near the most."""
        return least_s + (most_s - least_s) * self.number(*name) ** 4

    def identifiers(self, name: str) -> Numbered:
        """Return the identifiers that a process of this name draws."""
        return Numbered(self, name)

    def _digest(self, size: int, name: tuple[object, ...]) -> bytes:
        return blake2b("|".join(map(str, (self.seed, *name))).encode(), digest_size=size).digest()


class Numbered:
    """Implements `gateway.service.ports.Identifiers`."""

    def __init__(self, chance: Chance, name: str) -> None:
        self._chance = chance
        self._name = name
        self._numbers = count(1)

    def new_uuid(self) -> UUID:
        """Return the next identifier."""
        return UUID(bytes=self._chance._digest(16, ("identifier", self._name, next(self._numbers))))
