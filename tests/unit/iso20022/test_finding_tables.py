"""What is said about hand-made faults, word for word: the texts are part of the product."""

from __future__ import annotations

import pytest

from tests.unit.iso20022.finding_tables import PlantedFault, rows, tables

ROWS = [row for path in tables() for row in rows(path)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.table}: {row.planted}")
def test_all_that_is_said_about_a_fault_is_what_the_table_says(row: PlantedFault) -> None:
    """Changed on purpose only: `python -m tests.unit.iso20022.finding_tables` writes the texts anew."""
    assert row.said == row.findings


def test_the_tables_are_long_enough_and_every_row_has_a_fault() -> None:
    """At least 60 rows, ten of them on RTP; a row whose message is valid would prove nothing."""
    assert len(ROWS) >= 60
    assert sum(row.rail == "rtp" for row in ROWS) >= 10
    assert [row.planted for row in ROWS if row.findings == "valid\n"] == []
    assert len({(row.table, row.planted) for row in ROWS}) == len(ROWS)
