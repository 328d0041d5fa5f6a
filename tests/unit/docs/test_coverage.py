"""The page that says what is tested where is true: nothing is left out of it, and each test that it names is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from iso20022.codes import Direction
from iso20022.wrappers import FEDNOW_WRAPPERS, RTP_WRAPPERS, Wrapper, directions_of
from tests.unit.docs.coverage import PAGE, Cell, Coverage, collected, shown_by
from tests.unit.docs.documents import ROOT, document

COVERAGE: Final = Coverage(document(PAGE))
RAILS: Final = {"FedNow": FEDNOW_WRAPPERS, "RTP": RTP_WRAPPERS}
WAYS: Final = {Direction.TO_RAIL: "sent", Direction.FROM_RAIL: "comes"}
CASES: Final = ["done", "refused", "no answer", "late", "twice"]
BARS: Final = ["A receiver that is slow, silent, or talks nonsense", "What must not go wrong on the way", "Screening"]
_STAND_IN: Final = "U"


def missing_rows(coverage: Coverage, rail: str, wrappers: tuple[Wrapper, ...]) -> set[tuple[str, str]]:
    """Which message types and ways of a rail have no row, or are no row's."""
    known = {(message_type[:8], WAYS[way]) for message_type, ways in directions_of(wrappers).items() for way in ways}
    return known ^ {(row[0], row[1]) for row in coverage.rows(rail)}


def faults_of(coverage: Coverage) -> list[str]:
    """What is wrong with the page: a cell that says nothing, a name that is nobody's, a test of something else."""
    tests, reasons = coverage.tests(), coverage.reasons()
    found = [f"{label}: {test} is not collected" for label, test in tests.items() if not is_collected(test)]
    for label, test in tests.items():
        if label.startswith(_STAND_IN) == is_of_the_real(test):
            found.append(f"{label}: {test} is none of its kind")
    named: set[str] = set()
    for cell in cells_of(coverage):
        where = f"{cell.row}, {cell.column}"
        named |= {*cell.labels, *cell.reasons}
        if not cell.labels and not cell.reasons:
            found.append(f"{where}: neither a test nor a reason")
        unknown = (set(cell.labels) - tests.keys()) | (set(cell.reasons) - reasons.keys())
        found += [f"{where}: {label} is nowhere" for label in sorted(unknown)]
        for labels, codes in cell.parts():
            known = [label for label in labels if label in tests]
            found += [
                f"{where}: {label} shows nothing" for label in known if not codes and is_of_the_real(tests[label])
            ]
            found += [
                f"{where}: {code} is not in {label}"
                for label in known
                for code in codes
                if not shows(tests[label], code)
            ]
    return found + [f"{label} is named by no cell" for label in sorted({*tests, *reasons} - named)]


def is_collected(test: str) -> bool:
    """Whether pytest finds a test."""
    path, _, name = test.partition("::")
    return name in collected(ROOT / path)


def is_of_the_real(test: str) -> bool:
    """Whether a test is an acceptance test: of many cases, so that a cell says which it is about."""
    return test.startswith("tests/acceptance/")


def shows(test: str, code: str) -> bool:
    """Whether a test, or what it calls, has this in its code."""
    path, _, name = test.partition("::")
    return code.replace('"', "'") in shown_by(ROOT / path, name)


def cells_of(coverage: Coverage) -> list[Cell]:
    """Every cell that must name a test, or why there is none."""
    of_messages = [cell for rail in RAILS for cell in coverage.cells(rail, named_by=2)]
    return of_messages + [cell for bar in BARS for cell in coverage.cells(bar, named_by=1)]


@pytest.mark.parametrize("rail", RAILS)
def test_every_message_type_of_a_rail_is_a_row_each_way(rail: str) -> None:
    """All that stands in the rail's envelopes, the way in which it travels, and nothing that does not."""
    assert missing_rows(COVERAGE, rail, RAILS[rail]) == set()
    assert COVERAGE.headings(rail) == ["message", "way", *CASES]


def test_each_cell_names_a_test_that_is_there_and_shows_it_or_says_why_there_is_none() -> None:
    """Certification goes by this page: a name in it that leads nowhere would be worse than a gap that is told."""
    assert faults_of(COVERAGE) == []


def test_a_page_that_is_not_true_is_seen() -> None:
    """The control: a row less, an empty cell, a test that is gone or shows something else, a reason that is none."""
    text = COVERAGE.page.text
    (first, *_) = [line for line in text.splitlines() if line.startswith("| pacs.008 | sent |")]
    (test, *_) = COVERAGE.tests().values()

    def changed(old: str, new: str) -> Coverage:
        assert old in text
        return Coverage(replace(COVERAGE.page, text=text.replace(old, new, 1)))

    assert missing_rows(changed(first + "\n", ""), "FedNow", FEDNOW_WRAPPERS) == {("pacs.008", "sent")}
    emptied = faults_of(changed(first, "| pacs.008 | sent | - | - | - | - | - |"))
    assert "pacs.008 sent, done: neither a test nor a reason" in emptied
    assert any("is not collected" in each for each in faults_of(changed(test, f"{test}_gone")))
    assert any("SIMNOTHING" in each for each in faults_of(changed("`SIMSILENT`", "`SIMNOTHING`")))
    assert any("X99 is nowhere" in each for each in faults_of(changed(first, first.replace("S1", "X99", 1))))


def test_a_word_of_another_test_of_the_file_shows_nothing_nor_does_one_of_a_docstring() -> None:
    """The control of what a test shows: its own code, and that of helpers and fixtures, here or in another file."""
    tests = COVERAGE.tests()

    assert shows(tests["S1"], "SIMGARBAGE"), "it stands in a decorator"
    assert not shows(tests["S2"], "SIMGARBAGE"), "it stands in another test of that file"
    assert shows(tests["S2"], "copies_on_the_wire")
    assert not shows(tests["S2"], "Never pay twice"), "it stands in a docstring"
    assert not shows(tests["C10"], "SIMUNTRACED"), "it stands in another test of that file"
    assert shows(tests["C10"], "withdrawal"), "it stands in a helper of another file"
    assert shows(tests["L3"], "SIM-LMT-HOURS"), "it stands with a fixture"


def test_an_acceptance_test_without_a_word_of_what_it_shows_is_seen() -> None:
    """The control: of many cases a cell says which; and each test of a part of a cell shows it."""
    (first, *_) = [line for line in COVERAGE.page.text.splitlines() if line.startswith("| pacs.008 | sent |")]

    def found_with(cell: str) -> list[str]:
        changed = first.replace("S1 `SETTLED`", cell, 1)
        assert changed != first
        return faults_of(Coverage(replace(COVERAGE.page, text=COVERAGE.page.text.replace(first, changed, 1))))

    assert found_with("S1") == ["pacs.008 sent, done: S1 shows nothing"]
    assert found_with("S1 K1 `SIMGARBAGE`") == ["pacs.008 sent, done: SIMGARBAGE is not in K1"]
