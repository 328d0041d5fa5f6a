"""In what two messages differ, element by element, under the names that findings use.

Repeated elements are aligned before they are compared: one that was inserted is one difference, not a shift of all that
follow. White space between elements, comments, prefixes and the XML declaration are no differences.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

from lxml import etree

from iso20022.envelope import unwrap
from iso20022.errors import RemoteProtocolError
from iso20022.paths import child_elements, line_of, local_name, namespace_of
from iso20022.personal import masked_at
from iso20022.reader import LIMITS, Limits, read

_WHITESPACE: Final = " \t\r\n"


class Change(StrEnum):
    """What became of an element, seen from the first message to the second."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference. Lines count from 1; a value is None where the element has none of its own.

    ``xpath`` is that of the first message, or of the second for what was added. An element that was added or removed
    stands for all that is below it.
    """

    change: Change
    xpath: str
    before: str | None = None
    after: str | None = None
    line_before: int | None = None
    line_after: int | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The stable JSON form; keys are only ever added."""
        return {
            "change": self.change.value,
            "xpath": self.xpath,
            "before": self.before,
            "after": self.after,
            "line_before": self.line_before,
            "line_after": self.line_after,
        }


def differences(
    before: bytes, after: bytes, *, show_personal: bool = False, limits: Limits = LIMITS
) -> tuple[Difference, ...]:
    """Every difference, in document order; empty when both say the same.

    Personal values are masked unless ``show_personal``. Raises RemoteProtocolError for a body that is not even
    hardened XML. The same two bodies always give the same answer.
    """
    return tuple(_Comparison(show_personal=show_personal).bodies(read(before, limits), read(after, limits)))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a body is, and its parts: each with the name that it has in the text. RTP's ``Document`` has another."""

    kind: str
    names: Mapping[str, str]
    elements: Mapping[str, etree._Element]


def _parts(root: etree._Element) -> _Parts:
    """Header and Document; a body of another kind is one part by itself."""
    try:
        envelope = unwrap(root)
    except RemoteProtocolError:
        name = local_name(str(root.tag))
        return _Parts("unknown", {name: name}, {name: root})
    elements = {"AppHdr": envelope.header, "Document": envelope.document}
    return _Parts(
        envelope.kind.value,
        {"AppHdr": "AppHdr", "Document": envelope.document_name},
        {part: element for part, element in elements.items() if element is not None},
    )


class _Comparison:
    """Two messages, compared; ``show_personal`` decides what values look like."""

    def __init__(self, *, show_personal: bool) -> None:
        self._show_personal: Final = show_personal

    def bodies(self, before: etree._Element, after: etree._Element) -> Iterator[Difference]:
        ours, theirs = _parts(before), _parts(after)
        if ours.kind != theirs.kind:
            yield Difference(change=Change.CHANGED, xpath="/", before=ours.kind, after=theirs.kind)
        for part in dict.fromkeys((*ours.elements, *theirs.elements)):
            paths = (f"/{names.get(part, part)}" for names in (ours.names, theirs.names))
            yield from self._pair(ours.elements.get(part), theirs.elements.get(part), *paths)

    def _pair(
        self, before: etree._Element | None, after: etree._Element | None, path: str, path_after: str
    ) -> Iterator[Difference]:
        if before is None or after is None:
            yield self._alone(before, after, path if after is None else path_after)
            return
        lines = (line_of(before), line_of(after))
        if _namespace_changed(before, after):
            yield self._changed(path, namespace_of(str(before.tag)), namespace_of(str(after.tag)), lines)
        for name in dict.fromkeys((*map(str, before.attrib), *map(str, after.attrib))):
            yield from self._texts(f"{path}/@{local_name(name)}", before.get(name), after.get(name), lines)
        yield from self._texts(path, _own_text(before), _own_text(after), lines)
        yield from self._children(before, after, path, path_after)

    def _texts(
        self, path: str, before: str | None, after: str | None, lines: tuple[int | None, int | None]
    ) -> Iterator[Difference]:
        if before != after:
            yield self._changed(path, before, after, lines)

    def _changed(
        self, path: str, before: str | None, after: str | None, lines: tuple[int | None, int | None]
    ) -> Difference:
        return Difference(
            change=Change.CHANGED,
            xpath=path,
            before=self._shown(path, before),
            after=self._shown(path, after),
            line_before=lines[0],
            line_after=lines[1],
        )

    def _alone(self, before: etree._Element | None, after: etree._Element | None, path: str) -> Difference:
        return Difference(
            change=Change.ADDED if before is None else Change.REMOVED,
            xpath=path,
            before=None if before is None else self._shown(path, _own_text(before)),
            after=None if after is None else self._shown(path, _own_text(after)),
            line_before=None if before is None else line_of(before),
            line_after=None if after is None else line_of(after),
        )

    def _shown(self, path: str, value: str | None) -> str | None:
        if value is None or self._show_personal:
            return value
        return masked_at(path, value)

    def _children(
        self, before: etree._Element, after: etree._Element, path: str, path_after: str
    ) -> Iterator[Difference]:
        groups_before, groups_after = _by_name(before), _by_name(after)
        common = [name for name in groups_before if name in groups_after]
        if common != [name for name in groups_after if name in groups_before]:
            yield Difference(
                change=Change.MOVED,
                xpath=path,
                before=", ".join(common),
                after=", ".join(name for name in groups_after if name in groups_before),
                line_before=line_of(before),
                line_after=line_of(after),
            )
        for name in dict.fromkeys((*groups_before, *groups_after)):
            ours, theirs = groups_before.get(name, []), groups_after.get(name, [])
            for left, right in _aligned(ours, theirs):
                yield from self._pair(
                    None if left is None else ours[left],
                    None if right is None else theirs[right],
                    _step(path, name, left, ours),
                    _step(path_after, name, right, theirs),
                )


def _by_name(element: etree._Element) -> dict[str, list[etree._Element]]:
    groups: dict[str, list[etree._Element]] = {}
    for child in child_elements(element):
        groups.setdefault(local_name(str(child.tag)), []).append(child)
    return groups


def _namespace_changed(before: etree._Element, after: etree._Element) -> bool:
    """Whether the two are of different namespaces, and not only because their parents are."""
    pair = _namespaces(before, after)
    parents = (before.getparent(), after.getparent())
    if pair[0] == pair[1]:
        return False
    return parents[0] is None or parents[1] is None or _namespaces(parents[0], parents[1]) != pair


def _namespaces(before: etree._Element, after: etree._Element) -> tuple[str, str]:
    return namespace_of(str(before.tag)), namespace_of(str(after.tag))


def _step(path: str, name: str, index: int | None, same: list[etree._Element]) -> str:
    number = "" if index is None or len(same) < 2 else f"[{index + 1}]"
    return f"{path}/{name}{number}"


def _aligned(ours: list[etree._Element], theirs: list[etree._Element]) -> Iterator[tuple[int | None, int | None]]:
    """Pairs of indexes: equal elements first of all belong together, then those that stand between them, in order."""
    if len(ours) == len(theirs) == 1:
        yield 0, 0
        return
    matcher = SequenceMatcher(None, [_content(each) for each in ours], [_content(each) for each in theirs])
    for _, start, stop, start_theirs, stop_theirs in matcher.get_opcodes():
        for offset in range(max(stop - start, stop_theirs - start_theirs)):
            left, right = start + offset, start_theirs + offset
            yield left if left < stop else None, right if right < stop_theirs else None


_Content = tuple[str, str | None, tuple[tuple[str, str], ...], tuple["_Content", ...]]


def _content(element: etree._Element) -> _Content:
    attributes = tuple(sorted((str(name), str(element.get(name))) for name in element.attrib))
    name = local_name(str(element.tag))
    return name, _own_text(element), attributes, tuple(_content(each) for each in child_elements(element))


def _own_text(element: etree._Element) -> str | None:
    """The text of a leaf; of an element with children None, unless stray text stands between them."""
    if not len(element):
        return element.text
    text = "".join((element.text or "", *(child.tail or "" for child in element))).strip(_WHITESPACE)
    return text or None
