"""What the rail brings is made durable, whatever one message of it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.service.incoming.hear import FAULT, ID_REUSED
from tests.unit.service.incoming_world import incoming_world


@pytest.mark.parametrize("created", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
async def test_a_header_out_of_time_stops_nothing_and_moves_no_deadline(created: datetime) -> None:
    """A time from the future counts from its arrival, one from long ago as a day; the others go on all the same."""
    async with incoming_world() as earth:
        strange, sound = earth.brought(), earth.brought()
        strange = replace(strange, reading=replace(strange.reading, created_at=created))

        assert await earth.hearing.arrive([strange, sound]) == [None, None]

        now = earth.clock.now()
        kept, other = earth.store.rows.transfers.values()
        assert now - timedelta(days=1) <= kept.forwarded_at <= now
        assert kept.answer_by <= now + timedelta(seconds=5) == other.answer_by


async def test_a_header_of_a_while_ago_counts_from_its_own_time() -> None:
    """The control of the test above: time in the rail's queues is gone."""
    async with incoming_world() as earth:
        await earth.hearing.arrive([earth.brought(late_s=2)])

        (kept,) = earth.store.rows.transfers.values()
        assert kept.answer_by == earth.clock.now() + timedelta(seconds=3)


async def test_a_fault_of_ours_in_one_transfer_stops_that_one_alone() -> None:
    """It goes to quarantine; the others, and all answers, go on."""
    async with incoming_world() as earth:
        broken, sound = earth.brought(), earth.brought()
        broken = replace(broken, reading=replace(broken.reading, created_at=None))

        assert await earth.hearing.arrive([broken, sound]) == [FAULT, None]

        assert earth.recorder.faults == ["arrive"]
        assert len(earth.store.rows.transfers) == 1


async def test_other_bytes_under_a_header_that_is_known_are_told_of() -> None:
    """The same money, but not the same message: a repeat is the same bytes."""
    async with incoming_world() as earth:
        arrived = earth.brought()
        await earth.hearing.arrive([arrived])

        same = await earth.hearing.arrive([arrived])
        other = await earth.hearing.arrive([replace(arrived, digest=b"another")])

        assert (same, other) == ([None], [ID_REUSED])
