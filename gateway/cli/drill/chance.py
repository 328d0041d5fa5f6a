"""Chance that can be had again: the same seed draws the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, TypeVar

from adapters.system import SystemIdentifiers

Choice = TypeVar("Choice")

_SEEDS: Final = 1_000_000_000
_FINE: Final = 1_000_000


def fresh_seed() -> int:
    """Return a seed that nobody chose; print it, so that the run can be had again."""
    return SystemIdentifiers().new_uuid().int % _SEEDS


class Dice:
    """Draws from a seed, one after the other; two dice with equal seed and purpose draw alike."""

    def __init__(self, seed: int, *, purpose: str) -> None:
        self._source = f"{seed}:{purpose}"
        self._drawn = 0

    def below(self, bound: int) -> int:
        """Return a number from 0 up to, not including, `bound`."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._source}:{self._drawn}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % bound

    def between(self, lowest: float, highest: float) -> float:
        """Return a number of this range."""
        return lowest + (highest - lowest) * self.below(_FINE) / _FINE

    def shuffled(self, choices: Sequence[Choice]) -> list[Choice]:
        """Return all choices in an order of chance."""
        left, drawn = list(choices), []
        while left:
            drawn.append(left.pop(self.below(len(left))))
        return drawn
