"""What a client wants back (``Accept``, ``Prefer``), and what it says that it sent (``Content-Type``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

JSON: Final = "application/json"
XML: Final = "application/xml"

_QUALITY: Final = re.compile(r"(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_WAIT: Final = re.compile(r"wait\s*=\s*\"?([0-9]{1,6})\"?", re.IGNORECASE)
_WHOLE: Final = 1000


@dataclass(frozen=True, slots=True)
class _Range:
    """One element of ``Accept``: a media range, how specific it is, and its quality in thousandths."""

    main: str
    sub: str
    quality: int

    @property
    def specificity(self) -> int:
        return (self.main != "*") + (self.sub != "*")

    def takes(self, media_type: str) -> bool:
        main, _, sub = media_type.partition("/")
        return self.main in ("*", main) and self.sub in ("*", sub)


def preferred(accept: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    """Return those of `offered` that the ``Accept`` headers take, best first (RFC 9110 section 12.5.1).

    Among equals the order of `offered` decides. Without a header, or with one in which nothing can be read, everything
    is taken. A media type parameter other than ``q`` does not narrow a range.
    """
    if not accept or accept[0] == "*/*":
        return tuple(offered)
    ranges = [found for value in accept for element in value.split(",") if (found := _range(element)) is not None]
    if not ranges:
        return tuple(offered)
    qualities = {media_type: _quality(ranges, media_type) for media_type in offered}
    return tuple(
        sorted((media_type for media_type in offered if qualities[media_type]), key=lambda taken: -qualities[taken])
    )


def _range(element: str) -> _Range | None:
    media_range, *parameters = (part.strip() for part in element.lower().split(";"))
    main, slash, sub = media_range.partition("/")
    if not (main and slash and sub) or (main == "*" and sub != "*"):
        return None
    quality = _WHOLE
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            if _QUALITY.fullmatch(value.strip()) is None:
                return None
            whole, _, fraction = value.strip().partition(".")
            quality = int(whole) * _WHOLE + int(fraction.ljust(3, "0"))
    return _Range(main, sub, quality)


def _quality(ranges: Sequence[_Range], media_type: str) -> int:
    taking = [found for found in ranges if found.takes(media_type)]
    return max(taking, key=lambda found: found.specificity).quality if taking else 0


def wait_s(prefer: Sequence[str], *, wait_max_s: int) -> int | None:
    """Return for how many seconds the client would wait (RFC 7240 section 4.3), at most `wait_max_s`.

    A preference is not a demand: one that cannot be read is as if it were not there, and the first one counts.
    """
    for value in prefer:
        for preference in value.split(","):
            match = _WAIT.fullmatch(preference.partition(";")[0].strip())
            if match is not None:
                return min(int(match[1]), wait_max_s)
    return None


def is_xml(content_type: str) -> bool:
    """Whether the ``Content-Type`` is an XML type (RFC 7303) in UTF-8, stated or left out."""
    media_type, charset = _content_type(content_type)
    named = media_type in (XML, "text/xml") or (media_type.startswith("application/") and media_type.endswith("+xml"))
    return named and charset in ("", "utf-8", "utf8")


def is_json(content_type: str) -> bool:
    """Whether the ``Content-Type`` is JSON (RFC 8259: always UTF-8)."""
    media_type, charset = _content_type(content_type)
    return media_type == JSON and charset in ("", "utf-8", "utf8")


def _content_type(value: str) -> tuple[str, str]:
    media_type, *parameters = value.lower().split(";")
    charset = ""
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        if name.strip() == "charset":
            charset = text.strip().strip('"')
    return media_type.strip(), charset
