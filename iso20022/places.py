"""Where each element of a body stands, to the byte.

The parser tells lines alone, and many messages have but one. This looks at the bytes of what was read before: without
DOCTYPE, CDATA and processing instructions, start tags, end tags and comments are all the markup there is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# The repeated group is not possessive: before Python 3.11.5 such a group loses what it has matched, and every empty
# element with it. Its branches begin differently and none takes a "<", so that a search stays linear.
_MARKUP: Final = re.compile(
    rb"<!--.*?-->|<\?[^>]*\?>"
    rb"|</(?P<close>[^\s<>]++)\s*+>"
    rb"|<(?P<open>[^\s/<>!?][^\s/<>]*+)(?:[^<>\"'/]|/(?!>)|\"[^<\"]*\"|'[^<']*')*(?P<empty>/?)>",
    re.DOTALL,
)
_ENVELOPE_DEPTH_MAX: Final = 5  # header and Document are never deeper in an envelope
_INDEX: Final = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<number>[0-9]{1,6})\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An element's bytes: the tag begins at ``start``, its content at ``inside``, its end tag at ``closing``.

    ``end`` is the first byte after it. ``parent`` is the index of the element around it, -1 for the root; ``number``
    counts siblings of the same name from 1.
    """

    name: str
    parent: int
    depth: int
    number: int
    start: int
    inside: int
    closing: int
    end: int


@dataclass(slots=True)
class _Open:
    """An element whose end has not been seen yet."""

    index: int
    start: int
    inside: int
    counts: dict[str, int]


def places(body: bytes) -> tuple[Place, ...]:
    """Every element in document order; empty for what is no well-formed XML. Linear in the body."""
    found: dict[int, Place] = {}
    opened: list[_Open] = [_Open(-1, 0, 0, {})]
    names: list[tuple[str, int, int]] = []  # name, number, parent
    for match in _MARKUP.finditer(body):
        if match["open"] is not None:
            name = _local(match["open"])
            counts = opened[-1].counts
            counts[name] = counts.get(name, 0) + 1
            names.append((name, counts[name], opened[-1].index))
            opened.append(_Open(len(names) - 1, match.start(), match.end(), {}))
            if match["empty"]:
                element = opened.pop()
                found[element.index] = _place(names, element, len(opened), match.end(), match.end())
        elif match["close"] is not None:
            if len(opened) == 1 or names[opened[-1].index][0] != _local(match["close"]):
                return ()
            element = opened.pop()
            found[element.index] = _place(names, element, len(opened), match.start(), match.end())
    return tuple(found[index] for index in range(len(names))) if len(opened) == 1 else ()


def _place(names: Sequence[tuple[str, int, int]], element: _Open, depth: int, closing: int, end: int) -> Place:
    name, number, parent = names[element.index]
    return Place(
        name=name,
        parent=parent,
        depth=depth,
        number=number,
        start=element.start,
        inside=element.inside,
        closing=closing,
        end=end,
    )


def _local(name: bytes) -> str:
    return name.rpartition(b":")[2].decode()


class Plan:
    """The places of one body, by the named XPaths of findings. The body must be one that was read without a finding."""

    __slots__ = ("_below", "_children", "_tops", "body", "places")

    def __init__(self, body: bytes) -> None:
        self.body: Final = body
        self.places: Final = places(body)
        children: dict[int, list[int]] = {}
        below: dict[tuple[int, str], list[int]] = {}
        tops: dict[str, int] = {}
        for index, place in enumerate(self.places):
            if place.depth <= _ENVELOPE_DEPTH_MAX:
                tops.setdefault(place.name, index)
            children.setdefault(place.parent, []).append(index)
            below.setdefault((place.parent, place.name), []).append(index)
        self._children: Final = children
        self._below: Final = below
        self._tops: Final = tops

    def find(self, xpath: str) -> Place | None:
        """The element at a named XPath whose first step may be anywhere in the envelope; an attribute's own element."""
        index = self.index_of(xpath)
        return None if index is None else self.places[index]

    def index_of(self, xpath: str) -> int | None:
        """The element's number in document order, from 0; None where there is none."""
        steps = [_INDEX.fullmatch(step) for step in xpath.strip("/").split("/") if not step.startswith("@")]
        if not steps or None in steps:
            return None
        names = [(step["name"], int(step["number"] or 1)) for step in steps if step is not None]
        top = self._tops.get(names[0][0])
        return None if top is None else self._descend(top, names[1:])

    def nearest(self, xpath: str) -> Place | None:
        """As :meth:`find`; for an element that is not there, the nearest one above it that is."""
        path = xpath
        while path:
            place = self.find(path)
            if place is not None:
                return place
            path = path.rpartition("/")[0]
        return None

    def attribute(self, place: Place, name: str) -> int | None:
        """Where an attribute of an element begins, by its local name; None where it has none."""
        match = re.compile(rb"[\s:]" + re.escape(name.encode()) + rb"\s*=").search(self.body, place.start, place.inside)
        return None if match is None else match.start() + 1

    def children(self, index: int) -> tuple[Place, ...]:
        """The elements directly below an element, in document order."""
        return tuple(self.places[child] for child in self._children.get(index, ()))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a byte, both from 1; a column counts characters."""
        line_start = self.body.rfind(b"\n", 0, offset) + 1
        return self.body.count(b"\n", 0, offset) + 1, len(self.body[line_start:offset].decode("utf-8", "replace")) + 1

    def _descend(self, index: int, names: list[tuple[str, int]]) -> int | None:
        for name, number in names:
            same = self._below.get((index, name), [])
            if number > len(same):
                return None
            index = same[number - 1]
        return index
