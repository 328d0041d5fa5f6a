"""Choices that follow from a number: the same number chooses the same, another one something else."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from iso20022.amount import Amount
from iso20022.identifiers import Uetr

T = TypeVar("T")

_DIGITS: Final = "0123456789"
_CAPITALS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Variation:
    """One of many samples of a message. Number 0 is the plain one: it takes the first of all alternatives.

    Each choice has a name, and depends on nothing but that and the number.
    """

    number: int = 0

    def pick(self, name: str, alternatives: Sequence[T]) -> T:
        """One of the alternatives."""
        return alternatives[self._draw(name) % len(alternatives) if self.number else 0]

    def often(self, name: str, value: T) -> T | None:
        """The value, or, in one of three samples but not in the plain one, None."""
        return self.pick(name, (value, value, None))

    def seldom(self, name: str, value: T) -> T | None:
        """The value in one of three samples, but not in the plain one; else None."""
        return self.pick(name, (None, None, value))

    def several(self, name: str, values: Sequence[T]) -> tuple[T, ...]:
        """Some of the values from the first on, or none; in the plain sample one."""
        return tuple(values[: self.pick(name, (1, *range(len(values) + 1)))])

    def digits(self, name: str, count: int) -> str:
        """So many digits."""
        return self._text(name, _DIGITS, count)

    def reference(self, name: str, count: int) -> str:
        """So many capitals and digits."""
        return self._text(name, _CAPITALS + _DIGITS, count)

    def uetr(self, name: str) -> Uetr:
        """A version 4 UUID in lower case."""
        return Uetr(str(UUID(int=self._draw(name) % 2**128, version=4)))

    def amount(self, name: str, *, most_cents: int = 100_000_00) -> Amount:
        """An amount from one cent up; in the plain sample 51.74."""
        return self.pick(name, (Amount(51_74), Amount(1), Amount(1 + self._draw(f"{name} in cents") % most_cents)))

    def _text(self, name: str, alphabet: str, count: int) -> str:
        number, characters = self._draw(name), []
        for _ in range(count):
            number, index = divmod(number, len(alphabet))
            characters.append(alphabet[index])
        return "".join(characters)

    def _draw(self, name: str) -> int:
        digest = hashlib.sha256(f"{self.number} {name}".encode()).digest()
        return int.from_bytes(digest, "big")
