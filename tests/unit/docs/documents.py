"""The repository's Markdown as values: its links, headings, code, and what it says in tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]

_FENCED: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK: Final = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code: its language (empty where none is said), and what stands in it."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown file: where it is, and its text."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCED.sub("", self.text)

    @property
    def blocks(self) -> list[Block]:
        """Its fenced blocks."""
        return [Block(match[1], match[2]) for match in _FENCED.finditer(self.text)]

    @property
    def inline_code(self) -> list[str]:
        """Its inline code, each piece on one line."""
        return [" ".join(match[1].split()) for match in _INLINE.finditer(self.prose)]

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return [match[1] for match in _LINK.finditer(self.prose)]

    @property
    def anchors(self) -> set[str]:
        """What a link may point to inside it: its headings, as they are made into anchors."""
        return {anchor(match[1]) for match in _HEADING.finditer(self.prose)}

    @property
    def code(self) -> str:
        """All its code, inline and fenced, line by line; continued lines are joined."""
        pieces = chain(self.inline_code, (block.text for block in self.blocks))
        return "\n".join(pieces).replace("\\\n", " ")


def documents() -> list[Document]:
    """Every Markdown file of the repository, by name."""
    found = chain(ROOT.glob("*.md"), *(folder.rglob("*.md") for folder in map(ROOT.joinpath, ("docs", "terraform"))))
    return [Document(path, path.read_text("utf-8")) for path in sorted(found)]


def document(name: str) -> Document:
    """One Markdown file by its path in the repository."""
    path = ROOT / name
    return Document(path, path.read_text("utf-8"))


def anchor(heading: str) -> str:
    """The anchor of a heading: small letters, hyphens for spaces, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken_links(text: Document) -> Iterator[str]:
    """The relative links of a document that lead nowhere."""
    for link in text.links:
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        path = (text.path.parent / target).resolve()
        reached = document(str(path.relative_to(ROOT))) if target and path.is_file() else text
        if (target and not path.exists()) or (fragment and fragment not in reached.anchors):
            yield link
