"""The page that says what is tested where, as a value: rows, cells, and the tests and reasons that they name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeGuard

from tests.unit.docs.documents import ROOT, Document

PAGE: Final = "docs/coverage.md"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
"""What has a name, and may have a docstring."""

_ROW: Final = re.compile(r"^\| *(.+?) *\|$")
_LABEL: Final = re.compile(r"\b[A-WYZ]\d+\b")
_REASON: Final = re.compile(r"\bX\d+\b")
_CODE: Final = re.compile(r"`([^`]+)`")


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

    def parts(self) -> Iterator[tuple[list[str], list[str]]]:
        """Labels, with the pieces of code that each of them shows: parts are set off by semicolons."""
        for part in self.text.split(";"):
            yield _LABEL.findall(_CODE.sub("", part)), _CODE.findall(part)


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


@dataclass(frozen=True, slots=True)
class Module:
    """A file of tests: what is defined at its top, by name, and what it takes from other files of tests, and whence."""

    defined: Mapping[str, ast.stmt]
    taken: Mapping[str, tuple[Path, str]]


@lru_cache
def module_of(path: Path) -> Module:
    """A file of tests as it is written, but for its docstrings: what they promise shows nothing."""
    defined: dict[str, ast.stmt] = {}
    taken: dict[str, tuple[Path, str]] = {}
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                defined[node.name] = _without_docstrings(node)
            case ast.Assign(targets=targets):
                defined |= {each.id: node for target in targets for each in ast.walk(target) if _is_name(each)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                defined[name] = node
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("tests."):
                source = ROOT / f"{module.replace('.', '/')}.py"
                taken |= {each.asname or each.name: (source, each.name) for each in names if source.is_file()}
    return Module(defined, taken)


@lru_cache
def shown_by(path: Path, name: str) -> str:
    """The code of a test and of everything that it names, in turn: helpers, fixtures, constants; no more of any file.

    It is said as `ast.unparse` says it: without comments, in single quotes.
    """
    found: dict[tuple[Path, str], str] = {}
    following = [(path, name)]
    while following:
        place = following.pop()
        module = module_of(place[0])
        if place[1] in module.taken:
            following.append(module.taken[place[1]])
        elif place[1] in module.defined and place not in found:
            node = module.defined[place[1]]
            found[place] = ast.unparse(node)
            following += [(place[0], each) for each in _named_by(node)]
    return "\n".join(found.values())


def _named_by(node: ast.AST) -> Iterator[str]:
    """What code names, its parameters too: a fixture is one. Of which type something is shows nothing."""
    if _is_name(node):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    for field, value in ast.iter_fields(node):
        if field not in {"annotation", "returns"}:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    yield from _named_by(each)


def _is_name(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name)


def _without_docstrings(node: Definition) -> Definition:
    for each in ast.walk(node):
        if isinstance(each, Definition) and ast.get_docstring(each):
            each.body = each.body[1:] or [ast.Pass()]
    return node
