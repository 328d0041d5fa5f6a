"""How a region follows the other: what keeps it from being let in, and what only waits until it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from adapters.postgres.replication.status import WAITING_MAX_S, Inward

GOOD: Final = Inward(
    is_subscribed=True,
    is_enabled=True,
    is_running=True,
    tables_waiting=0,
    unprojected=0,
    guarded=True,
    copying_failed=0,
    noted=True,
    applying_failed=0,
    oldest_note_s=0.0,
    handed_over=0,
    oldest_handed_over_s=0.0,
    older_code=[],
)


def test_what_was_handed_over_to_a_region_that_was_away_does_not_keep_it_away() -> None:
    """It is applied by a region that serves: one that stood still for a minute would never be let in again."""
    waits = replace(GOOD, handed_over=17, oldest_handed_over_s=WAITING_MAX_S + 1)

    assert not GOOD.faults
    assert len(waits.faults) == 1
    assert not waits.hindrances


def test_what_is_not_folded_keeps_a_region_away() -> None:
    """What the other has accepted alone must be known before anything is decided here."""
    unfolded = replace(GOOD, oldest_note_s=WAITING_MAX_S + 1)

    assert len(unfolded.hindrances) == 1
    assert unfolded.faults == unfolded.hindrances
