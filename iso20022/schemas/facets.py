"""Whether a text is a value of a simple type, and if not, which facet it breaks, in plain words.

The verdict agrees with libxml2's, which a test compares on thousands of values; the words are for people.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Final

from iso20022.schemas.model import BuiltIn, SimpleType


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken facet: a stable code, the rule with ``{name}`` for the element's name, and how to mend it."""

    code: str
    rule: str
    hint: str


_DECIMAL: Final = re.compile(r"[+-]?(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))")
_TIME_OF_DAY: Final = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?|24:00:00(?:\.0+)?)"
_ZONE: Final = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
_YEAR: Final = r"(-?(?:[1-9][0-9]{3,}|0[0-9]{3}))"
_LEXICAL: Final[dict[BuiltIn, re.Pattern[str]]] = {
    BuiltIn.DECIMAL: _DECIMAL,
    BuiltIn.BOOLEAN: re.compile("true|false|1|0"),
    BuiltIn.DATE: re.compile(rf"{_YEAR}-([0-9]{{2}})-([0-9]{{2}}){_ZONE}"),
    BuiltIn.DATE_TIME: re.compile(rf"{_YEAR}-([0-9]{{2}})-([0-9]{{2}})T{_TIME_OF_DAY}{_ZONE}"),
    BuiltIn.TIME: re.compile(_TIME_OF_DAY + _ZONE),
    BuiltIn.YEAR: re.compile(_YEAR + _ZONE),
    BuiltIn.YEAR_MONTH: re.compile(rf"{_YEAR}-(?:0[1-9]|1[0-2]){_ZONE}"),
    BuiltIn.BINARY: re.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?"),
}
# XML Schema lets white space around every value but text; libxml2 refuses it around dates and times, which is well.
_COLLAPSED: Final = frozenset({BuiltIn.DECIMAL, BuiltIn.BOOLEAN})
_NOT_BASE64: Final = re.compile("[^A-Za-z0-9+/=]+")  # libxml2 reads past such characters
_DATED: Final = frozenset({BuiltIn.DATE, BuiltIn.DATE_TIME})
_WORDS: Final[dict[BuiltIn, tuple[str, str]]] = {
    BuiltIn.DECIMAL: ("a decimal number", "Write digits and a point, for example 51.74."),
    BuiltIn.BOOLEAN: ("true or false", "Write true or false."),
    BuiltIn.DATE: ("a calendar date", "Write it as 2026-01-31."),
    BuiltIn.DATE_TIME: ("a date and time", "Write it as 2026-01-31T09:30:00-05:00."),
    BuiltIn.TIME: ("a time of day", "Write it as 09:30:00-05:00."),
    BuiltIn.YEAR: ("a year", "Write it as 2026."),
    BuiltIn.YEAR_MONTH: ("a month of a year", "Write it as 2026-01."),
    BuiltIn.BINARY: ("bytes in Base64", "Encode the bytes as Base64."),
    BuiltIn.STRING: ("text", "Write text."),
}
# The types whose pattern has a better name than the pattern.
_PATTERN_WORDS: Final = {
    "CurrencyCode": "a currency code of three capital letters, such as USD",
    "CountryCode": "a country code of two capital letters, such as US",
    "BICIdentifier": "a BIC of 8 or 11 letters and digits",
    "LEIIdentifier": "an LEI of 18 capitals or digits and two digits",
    "IBANIdentifier": "an IBAN",
    "UUIDv4Identifier": "a version 4 UUID in lower case, such as 8a562c67-ca16-48ba-b074-65581be6f011",
    "Exact4AlphaNumericText": "exactly four letters or digits",
    "Max4AlphaNumericText": "one to four letters or digits",
    "Max15NumericText": "one to fifteen digits",
    "Exact2NumericText": "exactly two digits",
    "PhoneNumber": "a telephone number such as +1-5550100",
}
_CODES_SHOWN_MAX: Final = 20
# The schema does not say what a number counts: of money nothing may be rounded away.
_TOO_FINE: Final = "State it with fewer decimals; an amount of money must be right, not rounded."
_EMPTY: Final = "Fill the element; leave it out only where it is optional."
_XML_WHITESPACE: Final = " \t\r\n"


def fault_of(simple_type: SimpleType, type_name: str, text: str) -> Fault | None:
    """The first facet of the type that the text breaks; None where the text is a value of the type."""
    value = text.strip(_XML_WHITESPACE) if simple_type.base in _COLLAPSED else text
    if simple_type.base is BuiltIn.BINARY:
        value = _NOT_BASE64.sub("", text)
    for check in (_form, _enumeration, _length, _number):
        fault = check(simple_type, value)
        if fault is not None:
            return fault
    return _pattern(simple_type, type_name, value)


def _form(simple_type: SimpleType, value: str) -> Fault | None:
    lexical = _LEXICAL.get(simple_type.base)
    if lexical is None:
        return None
    match = lexical.fullmatch(value)
    if match is not None and (simple_type.base not in _DATED or _is_day(match[1], match[2], match[3])):
        return None
    words, hint = _WORDS[simple_type.base]
    return Fault("XSD_TYPE", f"{{name}} is {words}.", hint)


def _is_day(year: str, month: str, day: str) -> bool:
    """Whether the proleptic Gregorian calendar has the day, in any year but 0, which XML Schema does not have."""
    if not year.strip("-0"):
        return False
    # The calendar repeats every 400 years, so that four digits of a year are enough; Python reads 4,300 at most.
    last_digits = int(year[-4:]) * (-1 if year.startswith("-") else 1)
    try:
        date(last_digits % 400 + 400, int(month), int(day))
    except ValueError:
        return False
    return True


def _enumeration(simple_type: SimpleType, value: str) -> Fault | None:
    codes = simple_type.enumeration
    if not codes or value in codes:
        return None
    shown = ", ".join(codes[:_CODES_SHOWN_MAX]) + (", …" if len(codes) > _CODES_SHOWN_MAX else "")
    return Fault("XSD_ENUMERATION", f"{{name}} is one of {shown}.", "Use one of these code words.")


def _length(simple_type: SimpleType, value: str) -> Fault | None:
    least, most = simple_type.min_length, simple_type.max_length
    is_binary = simple_type.base is BuiltIn.BINARY
    length, unit = (len(value) * 3 // 4 - value.count("="), "byte") if is_binary else (len(value), "character")
    if least is not None and length < least:
        hint = _EMPTY if not length else f"Complete it: {least - length} are missing."
        return Fault("XSD_LENGTH", f"{{name}} has at least {_counted(least, unit)}.", hint)
    if most is not None and length > most:
        hint = f"Shorten it by {_counted(length - most, unit)}."
        return Fault("XSD_LENGTH", f"{{name}} has at most {_counted(most, unit)}.", hint)
    return None


def _pattern(simple_type: SimpleType, type_name: str, value: str) -> Fault | None:
    pattern = simple_type.pattern
    if pattern is None or _compiled(pattern).fullmatch(value):
        return None
    words = _PATTERN_WORDS.get(type_name)
    rule = f"{{name}} is {words}." if words else f"{{name}} has the form {_braced(pattern)}."
    return Fault("XSD_PATTERN", rule, "Write it in that form, without spaces around.")


def _number(simple_type: SimpleType, value: str) -> Fault | None:
    if simple_type.base is not BuiltIn.DECIMAL:
        return None
    match = _DECIMAL.fullmatch(value)
    assert match is not None, "the form was checked before"
    units, fraction = (match[1] or "").lstrip("0"), (match[2] or match[3] or "").rstrip("0")
    least, digits, decimals = simple_type.min_inclusive, simple_type.total_digits, simple_type.fraction_digits
    if decimals is not None and len(fraction) > decimals:
        return Fault("XSD_DIGITS", f"{{name}} has at most {decimals} decimals.", _TOO_FINE)
    if digits is not None and len(units) + len(fraction) > digits:
        return Fault("XSD_DIGITS", f"{{name}} has at most {digits} digits in all.", "Correct the number.")
    if least is not None and Decimal(value) < least:
        return Fault("XSD_RANGE", f"{{name}} is at least {least}.", "Correct the number.")
    return None


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" + ("" if count == 1 else "s")


def _braced(pattern: str) -> str:
    return pattern.replace("{", "{{").replace("}", "}}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of a schema as Python's: for what ISO 20022 uses of either, they are the same."""
    return re.compile(pattern, re.ASCII)
