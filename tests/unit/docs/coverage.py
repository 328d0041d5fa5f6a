"""The page that says what is tested where, as a value: rows, cells, and the tests and reasons that they name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from tests.unit.docs.documents import ROOT, Document

PAGE: Final = "docs/coverage.md"

_ROW: Final = re.compile(r"^\| *(.+?) *\|$")
_LABEL: Final = re.compile(r"\b[A-WYZ]\d+\b")
_REASON: Final = re.compile(r"\bX\d+\b")
_CODE: Final = re.compile(r"`([^`]+)`")
_IMPORTED: Final = re.compile(r"^from (tests\.acceptance\.\w+) import", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table: labels of tests, what these must contain, why there are none."""

    row: str
    column: str
    text: str

    @property
    def labels(self) -> list[str]:
        """The tests that it names, by label."""
        return _LABEL.findall(_CODE.sub("", self.text))

    @property
    def reasons(self) -> list[str]:
        """The reasons that it names."""
        return _REASON.findall(_CODE.sub("", self.text))

    def contents(self) -> Iterator[tuple[list[str], str]]:
        """Each piece of code, with the labels of its part of the cell: parts are set off by semicolons."""
        for part in self.text.split(";"):
            labels = _LABEL.findall(_CODE.sub("", part))
            yield from ((labels, code) for code in _CODE.findall(part))


@dataclass(frozen=True, slots=True)
class Coverage:
    """The page."""

    page: Document

    def rows(self, heading: str) -> list[list[str]]:
        """The rows of the table below a heading, its own heading left out."""
        _, _, below = self.page.text.partition(f"\n## {heading}\n")
        section = below.partition("\n## ")[0]
        lines = [match[1] for line in section.splitlines() if (match := _ROW.match(line))]
        return [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]

    def headings(self, heading: str) -> list[str]:
        """The table's own heading."""
        _, _, below = self.page.text.partition(f"\n## {heading}\n")
        return [cell.strip() for cell in below.partition("\n|")[2].partition("\n")[0].strip("| ").split(" | ")]

    def cells(self, heading: str, *, named_by: int) -> list[Cell]:
        """Every cell of a table but those that name its rows, which are so many."""
        columns = self.headings(heading)
        return [
            Cell(" ".join(row[:named_by]), column, text)
            for row in self.rows(heading)
            for column, text in zip(columns[named_by:], row[named_by:], strict=True)
        ]

    def tests(self) -> dict[str, str]:
        """The tests by label, each as file and function."""
        return {row[0]: row[1].strip("`") for row in self.rows("The tests")}

    def reasons(self) -> dict[str, str]:
        """The reasons by label."""
        return {row[0]: row[1] for row in self.rows("Why a cell names no test")}


@lru_cache
def collected(path: Path) -> frozenset[str]:
    """The tests that pytest collects from a file: functions at its top whose name begins with test, none skipped."""
    if not path.name.startswith("test_") or not path.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any("skip" in ast.unparse(each) or "xfail" in ast.unparse(each) for each in node.decorator_list)
    )


@lru_cache
def source_of(path: Path) -> str:
    """The text of a file of tests, and of those of the acceptance tests that it takes something from."""
    text = path.read_text()
    modules = [ROOT / f"{name.replace('.', '/')}.py" for name in _IMPORTED.findall(text)]
    return "\n".join([text, *(each.read_text() for each in modules)])
