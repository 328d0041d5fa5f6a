"""When the proof of two regions says that submissions have arrived in both and that none is claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from gateway.cli.two_regions import NAMES
from gateway.domain.payment import RegionId
from tests.proofs.region_overlap import InHand, have_arrived

EAST, WEST = NAMES
KEYS: Final = 64
HOMES: Final[Mapping[RegionId, int]] = {EAST: 30, WEST: 34}
ALL: Final[Mapping[RegionId, InHand]] = {EAST: InHand(KEYS, 30, 1), WEST: InHand(KEYS, 34, 1)}


def test_a_wave_has_arrived_once_each_region_has_all_of_it_in_hand() -> None:
    """Every key of its clients, those of its own that the other has forwarded, and a claim that waits."""
    assert have_arrived(ALL, keys=KEYS, homes=HOMES)
    assert have_arrived({name: InHand(KEYS, 0, 1) for name in NAMES}, keys=KEYS, homes=dict.fromkeys(NAMES, 0))


NOT_ALL: Final[Mapping[str, Mapping[RegionId, InHand]]] = {
    "one of the second's clients is on its way": {**ALL, WEST: InHand(KEYS - 1, 34, 1)},
    "the second's were held back": {**ALL, WEST: InHand(0, 34, 1)},
    "nothing was forwarded, as the second's were held back": {**ALL, EAST: InHand(KEYS, 0, 1)},
    "one that was forwarded is on its way": {**ALL, EAST: InHand(KEYS, 29, 1)},
    "the first makes no claim": {**ALL, EAST: InHand(KEYS, 30, 0)},
    "the second makes no claim": {**ALL, WEST: InHand(KEYS, 34, 0)},
    "one region was not looked at": {EAST: ALL[EAST]},
    "something else is in hand": {**ALL, EAST: InHand(KEYS + 1, 30, 1)},
}


@pytest.mark.parametrize("why", NOT_ALL)
def test_a_wave_of_which_anything_is_missing_has_not_arrived(why: str) -> None:
    """Each alone: what is counted as overlapped must have been in both."""
    assert not have_arrived(NOT_ALL[why], keys=KEYS, homes=HOMES)
