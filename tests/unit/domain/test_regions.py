"""Slots and leases as values."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.domain.identity import SLOTS
from gateway.domain.payment import RegionId
from gateway.domain.regions import LeaseTerms, SlotMap, SlotOwner

EAST, WEST = RegionId("use1"), RegionId("usw2")


def test_regions_begin_with_equal_shares_under_the_first_epoch() -> None:
    """Every slot has one owner, and no region has more than its share."""
    first = SlotMap.first([EAST, WEST])

    assert first.slots_of(EAST) == frozenset(range(128))
    assert first.slots_of(WEST) == frozenset(range(128, 256))
    assert {owner.epoch for owner in first.owners} == {1}
    assert SlotMap.first([EAST]).slots_of(EAST) == frozenset(range(SLOTS))


def test_a_slot_that_moves_gets_the_epoch_after_its_own_and_no_other_changes() -> None:
    """What the former owner still writes is older than what the new one does; who keeps a slot keeps its epoch."""
    first = SlotMap.first([EAST, WEST])

    moved = first.moved([0, 1, 200], to=WEST)

    assert moved.owners[0] == moved.owners[1] == SlotOwner(WEST, 2)
    assert moved.owners[200] == SlotOwner(WEST, 1)
    assert moved.owners[2:] == first.owners[2:]
    assert moved.moved([0], to=EAST).owners[0] == SlotOwner(EAST, 3)


def test_who_has_to_end_a_slot_is_named_until_it_moves_on() -> None:
    """The new owner waits for that word, whether or not who gives it ever read that it had the slot."""
    first = SlotMap.first([EAST, WEST])

    there_and_back = first.moved([200], to=EAST).handed_over([200], to=WEST)

    assert there_and_back.released_by(EAST) == {200}
    assert there_and_back.released_by(WEST) == first.released_by(EAST) == frozenset()
    assert there_and_back.handed_over([200], to=EAST).released_by(EAST) == frozenset()


def test_a_map_is_read_as_it_was_written() -> None:
    """The witness keeps text."""
    there_and_back = SlotMap.first([EAST, WEST]).moved(range(10, 20), to=WEST)

    assert SlotMap.read(there_and_back.as_text()) == there_and_back


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        json.dumps({"slots": [{"first": 0, "last": 254, "region": "use1", "epoch": 1}]}),
        json.dumps({"slots": [{"first": 0, "last": 255, "region": "a", "epoch": 1}] * 2}),
        json.dumps({"slots": [{"first": 1, "last": 256, "region": "a", "epoch": 1}]}),
    ],
)
def test_a_map_that_is_not_whole_is_no_map(text: str) -> None:
    """Half a map would leave keys without a home, or with two."""
    with pytest.raises(ValueError, match=r"slot|Expecting"):
        SlotMap.read(text)


def test_a_lease_is_read_as_it_was_written_and_anything_else_is_none() -> None:
    """Both sides reckon with the length that is in the record."""
    terms = LeaseTerms(EAST, 3, 10.0, fenced_by=WEST)

    for one in (terms, replace(terms, returns=True), replace(terms, to_be_taken=True)):
        assert LeaseTerms.read(one.as_text()) == one
    assert terms.holds_s < terms.length_s < terms.surely_over_s
    for text in ("{}", "[]", "null", "x"):
        with pytest.raises(ValueError, match=r"lease|Expecting"):
            LeaseTerms.read(text)
