"""Just enough of HCL: the blocks of a file with their labels, and the plain arguments in them.

It reads what `terraform fmt` has formatted, and nothing else: a block begins at the line's start and ends with a brace
there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEAD: Final = re.compile(r'^(\w+)((?: "[^"]+")*) \{(\})?$')
_LABEL: Final = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level block: its kind, its labels, and the lines between its braces."""

    kind: str
    labels: tuple[str, ...]
    body: str

    def argument(self, name: str) -> str | None:
        """Return an argument's text as it is written, over as many lines as it has; None: it is not there."""
        found = re.search(rf"^  {name} += (.*(?:\n(?:    .*|  [\])}}].*))*)", self.body, re.MULTILINE)
        return None if found is None else found[1]

    def text(self, name: str) -> str:
        """Return an argument that is a string.

        Raises:
            ValueError: it is missing, or no plain string.

        """
        value = self.argument(name)
        if value is None or not value.startswith('"'):
            raise ValueError(f"{self.kind} {' '.join(self.labels)} has no {name}")
        return value[1:-1].replace('\\"', '"')

    def has_block(self, name: str) -> bool:
        """Return whether a nested block of this name is in it."""
        return re.search(rf"^  {name} \{{", self.body, re.MULTILINE) is not None


def blocks(folder: Path, *kinds: str) -> Iterator[Block]:
    """Yield the blocks of these kinds in a folder's files, file by file."""
    for file in sorted(folder.glob("*.tf")):
        yield from (block for block in blocks_of(file.read_text()) if block.kind in kinds)


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the top-level blocks of a file."""
    lines = iter(text.splitlines())
    for line in lines:
        head = _HEAD.match(line)
        if head is None:
            continue
        body: list[str] = []
        if head[3] is None:
            for inner in lines:
                if inner == "}":
                    break
                body.append(inner)
        yield Block(head[1], tuple(_LABEL.findall(head[2])), "\n".join(body))
