"""The line that a finding is about, fit for people to see: of the values in it, only the finding's own is shown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from iso20022.findings import Finding

_WIDTH: Final = 120  # a longer line is cut around its column
_LEAD: Final = 40
_HIDDEN: Final = "***"
_TAG: Final = re.compile(
    r"</?(?P<name>[\w:.\-]+)(?P<attributes>(?:\s+[\w:.\-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'))*)\s*/?>"
)
_ATTRIBUTE: Final = re.compile(r"(?P<name>[\w:.\-]+)(?P<equals>\s*=\s*)(?:\"[^\"<]*\"|'[^'<]*')")
_SHOWN_ATTRIBUTES: Final = re.compile(r"Ccy|xmlns(?::[\w.\-]+)?")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line without the blanks before it, and where in it the finding's column is: None where that is unknown."""

    text: str
    caret: int | None


def excerpt(body: bytes, finding: Finding) -> Excerpt | None:
    """The finding's line; None for a finding without one.

    Names of elements are shown, and every value but the finding's own, where that is not personal, is ``***``: so the
    line can go into a ticket whatever stands in it, even where the XML is broken.
    """
    if finding.line is None:
        return None
    lines = body.split(b"\n", finding.line)
    if len(lines) < finding.line:
        return None
    line = lines[finding.line - 1].decode("utf-8", "replace").replace("\t", " ").rstrip("\r")
    column = None if finding.column is None else finding.column - 1
    shown, caret = _masked(line, column, finding.value)
    blanks = len(shown) - len(shown.lstrip())
    return _cut(shown[blanks:], None if caret is None else max(caret - blanks, 0))


def _masked(line: str, column: int | None, value: str | None) -> tuple[str, int | None]:
    """The line with its values hidden, and where its column went: into a hidden piece, to where that begins."""
    shown, caret = "", None
    for start, piece, replacement in _pieces(line, column, value):
        if column is not None and start <= column < start + len(piece):
            caret = len(shown) + (min(column - start, len(replacement)) if replacement != _HIDDEN else 0)
        shown += replacement
    return shown, len(shown) if column is not None and caret is None else caret


def _pieces(line: str, column: int | None, value: str | None) -> Iterator[tuple[int, str, str]]:
    """Tags and the texts between them: where each begins, what it is, and what is shown of it."""
    reached = 0
    is_own = False  # whether the tag before was the finding's: then the text after it is the finding's value
    for match in (*_TAG.finditer(line), None):
        text = line[reached:] if match is None else line[reached : match.start()]
        is_shown = not text.strip() or (is_own and text.strip() == value)
        yield reached, text, text if is_shown else _HIDDEN
        if match is None:
            return
        yield match.start(), match.group(), _ATTRIBUTE.sub(_attribute, match.group())
        reached = match.end()
        is_own = column is not None and match.start() <= column < reached


def _attribute(match: re.Match[str]) -> str:
    return (
        match.group() if _SHOWN_ATTRIBUTES.fullmatch(match["name"]) else f'{match["name"]}{match["equals"]}"{_HIDDEN}"'
    )


def _cut(text: str, caret: int | None) -> Excerpt:
    if len(text) <= _WIDTH:
        return Excerpt(text, caret)
    start = max((caret or 0) - _LEAD, 0)
    before, after = "…" if start else "", "…" if start + _WIDTH < len(text) else ""
    cut = before + text[start : start + _WIDTH] + after
    return Excerpt(cut, None if caret is None else caret - start + len(before))
