"""Reading what a drill has kept, so that what is damaged is told by its file and line, and never counted as good."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

_READ_AS: Final[Mapping[str, Callable[[str], object]]] = {
    **dict.fromkeys(("amount_cents", "cents", "epoch", "sequence", "version"), int),
    **dict.fromkeys(("accepted_at", "at", "claimed_at"), datetime.fromisoformat),
}
"""Columns that are no plain text, in whatever table, and how they are read."""

REMEDY: Final = "put it back as the drill left it, or drill again with --keep"


class DamagedError(Exception):
    """A file is not as a drill leaves it: which, where, and what is wrong."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(f"{place} is damaged: {what}")


class Record(dict[str, Any]):
    """A line of a file, or the whole of one: what it lacks is told with its place."""

    def __init__(self, members: Mapping[str, Any], *, place: str) -> None:
        super().__init__(members)
        self.place = place

    def __missing__(self, name: str) -> Any:
        """Tell that it lacks a member.

        Raises:
            DamagedError: always.

        """
        raise DamagedError(self.place, f"it has no {name}")


def read_object(file: Path) -> Record:
    """Return the members of a file that is one JSON object.

    Raises:
        FileNotFoundError: it is missing.
        DamagedError: it is none.

    """
    return _object(file.read_bytes(), place=str(file))


def read_lines(file: Path) -> Iterator[Record]:
    """Return the objects of a file that has one in each line; raises as `read_object`."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            yield _object(line, place=f"{file}, line {number},")


def read_table(file: Path) -> Iterator[Record]:
    """Return the rows of a table, by the columns of its first line; raises as `read_object`."""
    with file.open(newline="", errors="replace") as lines:
        rows = csv.DictReader(lines)
        while (row := _row(rows, file)) is not None:
            yield row


def _row(rows: csv.DictReader[str], file: Path) -> Record | None:
    place = f"{file}, after line {rows.line_num},"
    try:
        row = next(rows, None)
    except csv.Error as error:
        raise DamagedError(place, str(error)) from error
    if row is None:
        return None
    place = f"{file}, line {rows.line_num},"
    if None in row or None in row.values():
        raise DamagedError(place, f"it has not the {len(rows.fieldnames or ())} columns of the first line")
    for name in row.keys() & _READ_AS.keys():
        try:
            _READ_AS[name](row[name])
        except ValueError as error:
            raise DamagedError(place, f"{name} cannot be read: {error}") from error
    return Record(row, place=place)


def _object(text: bytes, *, place: str) -> Record:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DamagedError(place, f"it is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise DamagedError(place, "it is no JSON object")
    return Record(value, place=place)
