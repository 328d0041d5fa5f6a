"""The journal: facts as JSON lines, only ever appended, read again at the start.

A line is handed to the operating system before anything is answered, so it survives the kill of this process; nothing
is synchronised to the disk, because a simulator need not survive the loss of its machine. A last line that a kill has
cut short is dropped: whatever it said was answered to no one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, get_type_hints

from iso20022 import Amount, TransactionStatus
from simulators.facts import FACTS, Fact, ReasonSource, Verdict


class Journal(Protocol):
    """Where facts go before anyone is told."""

    def append(self, facts: Iterable[Fact]) -> None:
        """Keep these facts, in this order; returns once they would survive a kill."""
        ...


class NoJournal:
    """Keeps nothing: a simulator without a journal forgets everything at its end."""

    def append(self, facts: Iterable[Fact]) -> None:
        """Drop the facts."""


class JournalFile:
    """A journal in a file, made where it is missing. Close it at the end; `load` what it has before appending."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cut_torn_line()
        self._file = path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def append(self, facts: Iterable[Fact]) -> None:
        """Write these facts and hand them to the operating system."""
        self._file.write(b"".join(encode(fact) for fact in facts))
        self._file.flush()

    def load(self) -> list[Fact]:
        """Every fact so far, oldest first.

        Raises:
            ValueError: a line is no fact; it names the line.

        """
        with self._path.open("rb") as lines:
            return [_decode_line(number, line) for number, line in enumerate(lines, start=1)]

    def close(self) -> None:
        """Close the file; a repeat is safe."""
        self._file.close()

    def _cut_torn_line(self) -> None:
        with self._path.open("a+b") as file:
            file.seek(0)
            written = file.read()
            whole = written.rfind(b"\n") + 1
            if whole < len(written):
                file.truncate(whole)


def encode(fact: Fact) -> bytes:
    """The fact as one line of JSON."""
    kind = type(fact)
    line = {"fact": kind.__name__}
    for name, (write, _) in _CODECS[kind.__name__].items():
        line[name] = write(getattr(fact, name))
    return _ENCODE(line).encode() + b"\n"


def decode(line: bytes) -> Fact:
    """The fact that this line holds.

    Raises:
        ValueError: it holds none.

    """
    try:
        values = json.loads(line)
        kind = values.pop("fact")
        codecs = _CODECS[kind]
        return _KINDS[kind](**{name: codecs[name][1](value) for name, value in values.items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no fact: {error!r}") from error


def _decode_line(number: int, line: bytes) -> Fact:
    try:
        return decode(line)
    except ValueError as error:
        raise ValueError(f"line {number} of the journal holds no fact") from error


_Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]


def _same(value: Any) -> Any:
    return value


_SAME: Final[_Codec] = (_same, _same)
_BY_TYPE: Final[dict[Any, _Codec]] = {
    datetime: (datetime.isoformat, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    date | None: (
        lambda day: None if day is None else day.isoformat(),
        lambda text: None if text is None else date.fromisoformat(text),
    ),
    Amount: (lambda amount: amount.cents, Amount),
    # Bytes that are no UTF-8 survive as lone surrogates; the rest stays readable.
    bytes: (lambda body: body.decode("utf-8", "surrogateescape"), lambda text: text.encode("utf-8", "surrogateescape")),
    tuple[str, ...]: (list, tuple),
    Verdict: (str, Verdict),
    ReasonSource: (str, ReasonSource),
    TransactionStatus: (str, TransactionStatus),
}


def _codec_of(hint: Any) -> _Codec:
    return _BY_TYPE.get(hint, _SAME)


_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
_KINDS: Final[dict[str, type[Fact]]] = {kind.__name__: kind for kind in FACTS}
_CODECS: Final[dict[str, dict[str, _Codec]]] = {
    kind.__name__: {field.name: _codec_of(get_type_hints(kind)[field.name]) for field in fields(kind)} for kind in FACTS
}
