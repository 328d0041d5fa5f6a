"""Ids of what a simulated rail sends: unique over all its runs, because each begins at another millisecond."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_RUN_LENGTH: Final = 8
_NUMBER_LENGTH: Final = 10


class MessageIds:
    """References in the order in which they are asked for."""

    def __init__(self, *, started_at: datetime) -> None:
        self._run = base36(int(started_at.timestamp() * 1000), length=_RUN_LENGTH)
        self._count = 0

    def next_reference(self) -> str:
        """A reference of 18 letters and digits that has not been used before."""
        self._count += 1
        return self._run + base36(self._count, length=_NUMBER_LENGTH)


def base36(number: int, *, length: int) -> str:
    """The number in digits and small letters, with leading zeros."""
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    assert number == 0, f"a number has outgrown its {length} places"
    return digits
