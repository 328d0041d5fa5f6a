"""Lists of names and accounts, in files: sanctions, and an institution's own.

Each line is ``id,kind,value``: the kind is ``name`` or ``account``, an account's value is its number, or routing number
and number with a colon between them. A file is read again when it has changed. One that cannot be read, or has no
entry, lets nothing pass until it is mended.
"""

from __future__ import annotations

import asyncio
import csv
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from rapidfuzz import fuzz, process

from gateway.domain.screening import ScreeningHit, ScreeningRules, Source, Subject
from gateway.service.ports import UnavailableError

ENTRIES_MAX: Final = 1_000_000
"""Entries of one list."""

MATCHES_MAX: Final = 5
"""Entries of one list that are named for one name: the likest."""

WORDS_MIN: Final = 2
"""An entry of fewer words is held against a name as a whole: one word alone is in too many names."""

LETTERS: Final = 3
"""In a row, they are what entries are found by that may be alike."""

COMPARED_AT_ONCE: Final = 2_000
"""Names; other threads wait meanwhile, the loop's too."""

_COLUMNS: Final = 3
_UNSEEN: Final = "Cf"
"""Unicode's category of characters that show nothing: a name is not another for them."""

_SAME: Final = 100

_Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class NameMatch:
    """How a name is like an entry: the entry's id, the score of 100, and why."""

    entry_id: str
    score: int
    why: str


@dataclass(frozen=True, slots=True)
class NameList:
    """A list as it is looked at: names normalised, and indexes of words, of three letters in a row, and of accounts."""

    entry_ids: Sequence[str] = ()
    names: Sequence[str] = ()
    by_word: Mapping[str, Sequence[int]] = field(default_factory=dict)
    by_letters: Mapping[str, Sequence[int]] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)

    def matches(self, name: str, threshold: int) -> Sequence[NameMatch]:
        """Return the entries that a name is like, the likest first.

        An entry of two words or more whose words all are in the name is one, in whatever order and with whatever
        between them. So is one whose letters are alike, both with their words in order of the alphabet.
        """
        words = words_of(name)
        found: dict[int, NameMatch] = {}
        for number, score, why in (*self._whole(words), *self._alike(words, threshold)):
            known = found.get(number)
            if known is None or score > known.score:
                found[number] = NameMatch(self.entry_ids[number], score, why)
        return sorted(found.values(), key=lambda match: (-match.score, match.entry_id))[:MATCHES_MAX]

    def _whole(self, words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        counted: dict[int, int] = {}
        for word in set(words):
            for number in self.by_word.get(word, ()):
                counted[number] = counted.get(number, 0) + 1
        for number, count in counted.items():
            of_entry = len(set(self.names[number].split()))
            if count == of_entry >= WORDS_MIN:
                yield number, _SAME, "every word of the entry"

    def _alike(self, words: Sequence[str], threshold: int) -> Iterator[tuple[int, int, str]]:
        joined = " ".join(words)
        numbers = self._candidates(joined, threshold)
        for start in range(0, len(numbers), COMPARED_AT_ONCE):
            some = numbers[start : start + COMPARED_AT_ONCE]
            for _, score, place in process.extract(
                joined,
                [self.names[number] for number in some],
                scorer=fuzz.ratio,
                score_cutoff=threshold,
                limit=MATCHES_MAX,
            ):
                yield some[place], int(score), "alike"

    def _candidates(self, joined: str, threshold: int) -> Sequence[int]:
        """Every entry that can be so alike: none is left out, and most are.

        So alike, two names of lengths m and n differ by (1 - threshold) * (m + n) letters put in or left out at the
        most, and n is at most m * (2 - threshold) / threshold. Cut into one piece more than there are such letters, one
        piece is in both as it is; where the pieces have three letters, those are looked up. Where they would be
        shorter, all that are long enough are compared.
        """
        longest = len(joined) * (200 - threshold) // threshold
        pieces = (100 - threshold) * (len(joined) + longest) // 100 + 1
        size = len(joined) // pieces
        if size < LETTERS:
            shortest = len(joined) * threshold // (200 - threshold)
            return [number for number, name in enumerate(self.names) if shortest <= len(name) <= longest]
        found: set[int] = set()
        for piece in range(pieces):
            cut = joined[piece * size : piece * size + size]
            letters = (cut[start : start + LETTERS] for start in range(len(cut) - LETTERS + 1))
            listed: list[Sequence[int]] = [self.by_letters.get(each, ()) for each in letters]
            rarest = min(listed, key=len)
            found.update(rarest)
        return sorted(found)


def words_of(name: str) -> list[str]:
    """Return a name as it is compared: letters and digits, without case and accents, words in order of the alphabet."""
    # Twice: what is written in letters of another form is a capital only once they are taken apart.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    plain = "".join(
        character
        for character in apart
        if not unicodedata.combining(character) and unicodedata.category(character) != _UNSEEN
    )
    return sorted("".join(character if character.isalnum() else " " for character in plain).split())


def account_of(value: str) -> str:
    """Return an account as it is compared: letters and digits alone, after the routing number where one is said."""
    agent, colon, number = value.rpartition(":")
    kept = "".join(character for character in number.upper() if character.isalnum()).lstrip("0")
    return f"{agent.strip()}{colon}{kept}"


def list_of(
    names: Sequence[str], *, entry_ids: Sequence[str] = (), accounts: Mapping[str, str] | None = None
) -> NameList:
    """Return the list of these names, as they are compared; without ids of their own entries have their places."""
    by_word: dict[str, list[int]] = {}
    by_letters: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        for word in set(name.split()):
            by_word.setdefault(word, []).append(number)
        for letters in {name[start : start + LETTERS] for start in range(len(name) - LETTERS + 1)}:
            by_letters.setdefault(letters, []).append(number)
    ids = entry_ids or tuple(map(str, range(len(names))))
    return NameList(ids, names, by_word, by_letters, accounts or {})


def read_list(path: Path) -> NameList:
    """Return the list in a file.

    Raises:
        ValueError: it is none; the text names the line.
        OSError: it cannot be read.

    """
    entry_ids: list[str] = []
    names: list[str] = []
    accounts: dict[str, str] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in _rows_in(file):
            if not row:
                continue
            entry_id, kind, value = _entry(row, line)
            if len(names) + len(accounts) >= ENTRIES_MAX:
                raise ValueError(f"line {line}: more than {ENTRIES_MAX} entries")
            if kind == "account":
                accounts[account_of(value)] = entry_id
                continue
            words = words_of(value)
            if not words:
                raise ValueError(f"line {line}: the name has no letter and no digit")
            entry_ids.append(entry_id)
            names.append(" ".join(words))
    if not names and not accounts:
        raise ValueError("it has no entry; a list that is not wanted is left out of the rules")
    return list_of(names, entry_ids=entry_ids, accounts=accounts)


def _rows_in(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the number of its last line; a quotation mark that is not closed swallows nothing."""
    rows = csv.reader(file, strict=True)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error}") from error


def _entry(row: Sequence[str], line: int) -> tuple[str, str, str]:
    if len(row) != _COLUMNS:
        raise ValueError(f"line {line}: an id, a kind and a value are meant, with a comma between them")
    if any(character in each for each in row for character in "\r\n"):
        raise ValueError(f"line {line}: an entry is one line; a quotation mark before it is not closed")
    entry_id, kind, value = (each.strip() for each in row)
    if not entry_id or not entry_id.isprintable() or len(entry_id) > 40:
        raise ValueError(f"line {line}: the id is 1 to 40 characters long")
    if kind not in {"name", "account"}:
        raise ValueError(f"line {line}: the kind is name or account")
    if not value or (kind == "account" and not account_of(value).rpartition(":")[2]):
        raise ValueError(f"line {line}: the value is empty")
    return entry_id, kind, value


@dataclass(slots=True)
class ListScreener:
    """Implements `gateway.service.ports.Screener` with the lists of a folder; None: there is none, nothing passes."""

    folder: Path | None
    _known: dict[str, tuple[_Version, NameList]] = field(default_factory=dict)
    _reading: dict[str, tuple[_Version, asyncio.Future[NameList]]] = field(default_factory=dict)

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:  # noqa: ARG002
        """Look every name and account up; see the port."""
        hits: list[ScreeningHit] = []
        for name in rules.lists:
            hits += await asyncio.to_thread(_looked_up, await self._list(name), name, rules.threshold, subject)
        return hits

    async def _list(self, name: str) -> NameList:
        """The list as it is now. While another is read in its place, the one that was there stands.

        A reading outlives who has begun it: a list may take longer to read than anyone waits.
        """
        if self.folder is None:
            raise UnavailableError(f"list {name}: no folder of lists is set (FIFTEEN_SCREENING_LISTS_FOLDER)")
        path = self.folder / name
        try:
            version = _version_of(path)
            known = self._known.get(name)
            if known is not None and known[0] == version:
                return known[1]
            if name not in self._reading or self._reading[name][0] != version:
                reading = asyncio.get_running_loop().run_in_executor(None, read_list, path)
                self._reading[name] = (version, reading)
            _, reading = self._reading[name]
            if known is not None and not reading.done():
                return known[1]
            listed = await asyncio.shield(reading)
        except OSError as error:
            self._reading.pop(name, None)  # it may be readable the next time, and looks the same
            raise UnavailableError(f"list {name} cannot be read: {error}") from error
        except ValueError as error:
            raise UnavailableError(f"list {name} cannot be used: {error}") from error
        self._known[name] = (version, listed)
        self._reading.pop(name, None)
        return listed


def _version_of(path: Path) -> _Version:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _looked_up(listed: NameList, name_of_list: str, threshold: int, subject: Subject) -> list[ScreeningHit]:
    hits: list[ScreeningHit] = []
    names = [("debtor", subject.debtor), ("creditor", subject.creditor)]
    seen = {subject.debtor.reveal(), subject.creditor.reveal()}
    names += [("other party", name) for name in subject.other_names if name.reveal() not in seen]
    for about, name in names:
        hits += [
            ScreeningHit(Source.LISTS, f"{name_of_list} {match.entry_id}", f"{about} name", match.score, match.why)
            for match in listed.matches(name.reveal(), threshold)
        ]
    accounts = (
        ("debtor", subject.debtor_agent, subject.debtor_account),
        ("creditor", subject.creditor_agent, subject.creditor_account),
    )
    for about, agent, account in accounts:
        for value in (account.reveal(), f"{agent}:{account.reveal()}"):
            entry_id = listed.accounts.get(account_of(value))
            if entry_id is not None:
                hits.append(ScreeningHit(Source.LISTS, f"{name_of_list} {entry_id}", f"{about} account"))
    return hits
