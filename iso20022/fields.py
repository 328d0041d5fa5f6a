"""Texts of a message into values: required or optional, identifiers, times and dates."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Final, TypeVar

from lxml import etree

from iso20022.errors import RemoteProtocolError
from iso20022.findings import Finding
from iso20022.layout import Fields, Layout
from iso20022.paths import line_of, local_name
from iso20022.personal import masked_at

T = TypeVar("T")

_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_XML_WHITESPACE: Final = " \t\r\n"


NOT_PROVIDED: Final = "NOTPROVIDED"
"""ISO 20022's word for what its author has left out."""


class FieldReader:
    """The fields of one element, read into values; every method raises RemoteProtocolError naming the element.

    A text that must be there, and is among the ``spared`` fields, is `NOT_PROVIDED` where it is not.
    """

    __slots__ = ("element", "fields", "layout", "spared", "texts")

    def __init__(
        self,
        layout: Layout,
        element: etree._Element,
        fields: Fields | None = None,
        *,
        spared: frozenset[str] = frozenset(),
    ) -> None:
        self.layout: Final = layout
        self.spared: Final = spared
        self.element: Final = element
        self.fields: Final = layout.read(element) if fields is None else fields
        self.texts: Final = self.fields.texts
        if element.tag != layout.tag:
            raise RemoteProtocolError(_wrong_root(str(element.tag), layout.tag))

    def text(self, field: str) -> str:
        """The text of a field that must be there."""
        text = self.texts[field]
        if not text:
            if field in self.spared:
                return NOT_PROVIDED
            raise RemoteProtocolError(self._missing(field))
        return text

    def optional(self, kind: Callable[[str], T], field: str) -> T | None:
        """The text of a field as an identifier of this kind, None where it is absent."""
        text = self.texts[field]
        return kind(text) if text else None

    def required_time(self, field: str) -> datetime:
        """The point in time at a field that must be there; it must state its offset from UTC."""
        return self._time(field, self.text(field))

    def optional_time(self, field: str) -> datetime | None:
        """The point in time at a field, None where it is absent."""
        text = self.texts[field]
        return self._time(field, text) if text else None

    def required_date(self, field: str) -> date:
        """The date at a field that must be there."""
        return self._date(field, self.text(field))

    def optional_date(self, field: str) -> date | None:
        """The date at a field, None where it is absent."""
        text = self.texts[field]
        return self._date(field, text) if text else None

    def refuse(self, field: str, *, code: str, rule: str, hint: str) -> RemoteProtocolError:
        """The error that says why a field's text cannot be read."""
        path = self.layout.paths[field]
        found = self.layout.elements(self.element, path)
        return RemoteProtocolError(
            Finding(
                code=code,
                xpath=self.layout.xpath_of(field),
                line=line_of(found[0]) if found else None,
                value=masked_at(path, self.texts[field]) if self.texts[field] else None,
                rule=rule,
                hint=hint,
            )
        )

    def _time(self, field: str, text: str) -> datetime:
        value = read_date_time(text)
        if value is None:
            raise self.refuse(
                field,
                code="VALUE_TIME",
                rule="A date and time that exists.",
                hint="Write it as 2026-01-31T09:30:00-05:00.",
            )
        if value.tzinfo is None:
            raise self.refuse(
                field,
                code="VALUE_TIME_OFFSET",
                rule="A time states its offset from UTC.",
                hint="Append Z or an offset such as -05:00.",
            )
        return value

    def _date(self, field: str, text: str) -> date:
        value = read_date(text)
        if value is None:
            raise self.refuse(
                field, code="VALUE_DATE", rule="A calendar date without a time zone.", hint="Write it as 2026-01-31."
            )
        return value

    def _missing(self, field: str) -> Finding:
        return Finding(
            code="VALUE_MISSING",
            xpath=self.layout.xpath_of(field),
            line=line_of(self.element),
            rule=f"{local_name(self.layout.xpath_of(field))} is needed to read the message.",
            hint="Add the element.",
        )


@lru_cache(maxsize=256)  # a rule looks at a time first, then the value reads it; most times of a message are one
def read_date_time(text: str) -> datetime | None:
    """The ``xs:dateTime`` text as a datetime, naive where it states no offset; None where it names no point in time.

    Digits beyond the microsecond are cut off. 24:00:00, which XML Schema allows, names no unambiguous date: None.
    """
    stripped = text.strip(_XML_WHITESPACE)
    if _DATE_TIME.fullmatch(stripped) is None:
        return None
    try:
        return datetime.fromisoformat(stripped)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def read_date(text: str) -> date | None:
    """The ``xs:date`` text as a date; None where it names no day or carries a time zone."""
    stripped = text.strip(_XML_WHITESPACE)
    if _DATE.fullmatch(stripped) is None:
        return None
    try:
        return date.fromisoformat(stripped)
    except ValueError:
        return None


def _wrong_root(found: str, expected: str) -> Finding:
    return Finding(
        code="MESSAGE_TYPE",
        rule=f"The element to read is {expected}.",
        hint=f"Hand over that element; this one is {found[:120]}.",
    )
