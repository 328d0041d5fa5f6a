"""Money as whole cents: no float, no currency arithmetic, no sign."""

import re
from dataclasses import dataclass
from typing import Final, Self

CURRENCY: Final = "USD"
"""The only currency of both rails."""

_PLAIN: Final = re.compile(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,2}))?")
_XML_DECIMAL: Final = re.compile(r"\+?([0-9]*)(?:\.([0-9]*))?")
_XML_WHITESPACE: Final = " \t\r\n"
_DIGITS_MAX: Final = 18  # ISO 20022 amounts have at most 18 digits; beyond it nothing is money


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """A non-negative amount of US dollars in whole cents.

    Direction is debtor to creditor, never a sign. Raises ValueError for a negative or non-integer number of cents.
    """

    cents: int

    def __post_init__(self) -> None:
        """Refuse what is not a non-negative int (a bool or a float would pass for one unnoticed)."""
        if type(self.cents) is not int:
            raise ValueError(f"cents are a whole number, not {type(self.cents).__name__}")
        if self.cents < 0:
            raise ValueError(f"an amount is never negative: {self.cents} cents")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The amount written as plain text: ``51.74``, ``51.7`` or ``51``.

        Strict: no sign, no exponent, no leading zero, no white space, two decimals at most. Raises ValueError.
        """
        match = _PLAIN.fullmatch(text)
        if match is None:
            raise ValueError(f"not an amount with at most two decimals: {text[:40]!r}")
        return cls(_cents(match[1], match[2] or ""))

    @classmethod
    def from_xml_decimal(cls, text: str) -> Self:
        """The exact amount of an ``xs:decimal`` text, whose form is looser than :meth:`parse` allows.

        XML Schema permits ``+1.0``, ``1.``, ``.5``, more zeros at both ends and white space around; the value counts.
        Raises ValueError where the value is not a whole, non-negative number of cents.
        """
        match = _XML_DECIMAL.fullmatch(text.strip(_XML_WHITESPACE))
        if match is None or not (match[1] or match[2]):
            raise ValueError(f"not an unsigned decimal number: {text[:40]!r}")
        units, fraction = match[1].lstrip("0"), (match[2] or "").rstrip("0")
        if len(fraction) > 2 or len(units) + len(fraction) > _DIGITS_MAX:
            raise ValueError(f"not a whole number of cents: {text[:40]!r}")
        return cls(_cents(units or "0", fraction))

    @property
    def text(self) -> str:
        """The amount as messages carry it, always with two decimals: ``51.74``."""
        return f"{self.cents // 100}.{self.cents % 100:02d}"

    def __str__(self) -> str:
        return self.text


def _cents(units: str, fraction: str) -> int:
    return int(units) * 100 + int(fraction.ljust(2, "0"))
