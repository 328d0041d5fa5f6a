"""RTP's times: US Eastern, written without a zone. Values are aware always; what stands on the wire is turned here.

Source: the public schemas of RTP's releases 2.9 and 3.0 and an integrator's public guide ("US Eastern, no UTC"). In the
hour that autumn repeats, a local time is read as the first of its two instants, under daylight saving; that is our
choice, since nothing public says it. A time that spring skips names no instant and is refused.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, tzinfo
from functools import cache
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from lxml import etree

from iso20022.findings import Finding
from iso20022.namespaces import message_type_of
from iso20022.paths import child_elements, line_of, named_xpath, namespace_of
from iso20022.schemas import RTP_SCHEMAS, model
from iso20022.schemas.model import BuiltIn, Schema

EASTERN: Final = "America/New_York"
"""The zone of both rails' business days, and of every time in a message of RTP's."""

_LOCAL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")
_XML_WHITESPACE: Final = " \t\r\n"
_FINDINGS_MAX: Final = 200  # what a person can read; hostile input makes thousands
_SHOWN_MAX: Final = 40

_Steps = dict[str, dict[str, str]]


def instant_of(text: str, zone: tzinfo) -> datetime | None:
    """The UTC instant that a local time without an offset names; None for any other text, or a time that never was."""
    stripped = text.strip(_XML_WHITESPACE)
    if _LOCAL.fullmatch(stripped) is None:
        return None
    try:
        local = datetime.fromisoformat(stripped).replace(tzinfo=zone)
        instant = local.astimezone(UTC)
        again = instant.astimezone(zone)
    except (ValueError, OverflowError):  # no such day, or one at the end of all calendars
        return None
    return instant if again.replace(tzinfo=None) == local.replace(tzinfo=None) else None


def local_text(instant: datetime, zone: tzinfo) -> str:
    """The instant as a local time without an offset, cut off to the second: RTP has no fractions."""
    return instant.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")


def time_elements(element: etree._Element, schema_id: str) -> Iterator[etree._Element]:
    """The elements of a Document or an AppHdr that hold a point in time by their schema, in document order."""
    yield from _times(element, model(schema_id).root.type_name, _steps_to_times(schema_id))


def with_offsets(element: etree._Element, schema_id: str, zone: tzinfo) -> etree._Element:
    """A copy whose local times are written as UTC instants; what is none is left as it is, and is refused when read."""
    copy = deepcopy(element)
    for time in time_elements(copy, schema_id):
        instant = instant_of(time.text or "", zone)
        if instant is not None:
            time.text = instant.isoformat()
    return copy


def in_local_time(element: etree._Element) -> etree._Element:
    """A copy of a Document or an AppHdr whose times are US Eastern ones without an offset, as RTP has them.

    A time that has no offset already, and what is no time, is left as it is.
    """
    message_type = message_type_of(namespace_of(str(element.tag)))
    copy = deepcopy(element)
    if message_type is None:
        return copy
    zone = ZoneInfo(EASTERN)
    for time in time_elements(copy, RTP_SCHEMAS.get(message_type, message_type)):
        try:
            instant = datetime.fromisoformat((time.text or "").strip(_XML_WHITESPACE))
            if instant.tzinfo is not None:
                time.text = local_text(instant, zone)
        except (ValueError, OverflowError):  # no time, or one at the end of all calendars: the rail's rules say so
            continue
    return copy


def in_universal_time(element: etree._Element) -> etree._Element:
    """A copy of a Document whose times without an offset, as RTP has them, are written as UTC instants.

    A time that has its offset is left as it is: so is every Document of FedNow's.
    """
    message_type = message_type_of(namespace_of(str(element.tag)))
    if message_type is None:
        return element
    return with_offsets(element, RTP_SCHEMAS.get(message_type, message_type), ZoneInfo(EASTERN))


def time_findings(element: etree._Element, schema_id: str, zone: tzinfo) -> list[Finding]:
    """A finding for each time of a Document or an AppHdr that is not a local one, or never was on any clock."""
    wrong = (time for time in time_elements(element, schema_id) if instant_of(time.text or "", zone) is None)
    return [_time_finding(time, element) for time in islice(wrong, _FINDINGS_MAX)]


def _time_finding(time: etree._Element, element: etree._Element) -> Finding:
    text = time.text or ""
    is_local = _LOCAL.fullmatch(text.strip(_XML_WHITESPACE)) is not None
    return Finding(
        code="RTP_LOCAL_TIME",
        xpath=named_xpath(time, element),
        line=line_of(time),
        value=text[:_SHOWN_MAX],
        rule="A time on RTP is US Eastern time, without an offset or a Z, and stands on the clock.",
        hint=(
            "That hour is skipped in spring: check the time."
            if is_local
            else "Write the local time as 2026-01-31T09:30:00."
        ),
    )


def _times(element: etree._Element, type_name: str, steps: _Steps) -> Iterator[etree._Element]:
    below = steps.get(type_name, {})
    for child in child_elements(element):
        child_type = below.get(str(child.tag))
        if child_type is None:
            continue
        if child_type in steps:
            yield from _times(child, child_type, steps)
        else:
            yield child


@cache
def _steps_to_times(schema_id: str) -> _Steps:
    """For each type that may hold a point in time: the elements that lead there, each with its type."""
    schema = model(schema_id)
    leading = {name for name in schema.simple_types if _is_time(schema, name)} | {"xs:dateTime"}
    while True:
        further = {
            name
            for name, kind in schema.complex_types.items()
            if name not in leading and any(use.type_name in leading for use in kind.elements)
        }
        if not further:
            break
        leading |= further
    return {
        name: {f"{{{schema.namespace}}}{use.name}": use.type_name for use in kind.elements if use.type_name in leading}
        for name, kind in schema.complex_types.items()
        if name in leading
    }


def _is_time(schema: Schema, name: str) -> bool:
    return schema.simple(name).base is BuiltIn.DATE_TIME
