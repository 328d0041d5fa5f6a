"""What every `ReceiptStore` must do, in memory and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.receipts import PostgresReceipts
from gateway.domain.payment import Rail
from gateway.service.ports.receipts import AwaitedReceipt, MissingReceipts, ReceiptOf, ReceiptStore
from tests.conftest import TENANT, Database
from tests.fakes.receipts import InMemoryReceipts
from tests.integration.store.harness import NOW

SOON, LATER = NOW + timedelta(seconds=2), NOW + timedelta(seconds=60)
FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Database | None:
    """A database of its own, or none."""
    return None if request.param == "memory" else request.getfixturevalue("database")


@pytest.fixture
async def store(place: Database | None) -> AsyncIterator[ReceiptStore]:
    """A store on it."""
    if place is None:
        yield InMemoryReceipts()
        return
    async with open_pool(place.application_dsn) as pool:
        yield PostgresReceipts(pool)


def awaited(message_id: str, of_id: UUID = FIRST, **more: Any) -> AwaitedReceipt:
    """A request that is about to leave."""
    return AwaitedReceipt(
        rail=Rail.FEDNOW,
        message_id=message_id,
        message_type="pain.013.001.07",
        tenant_id=TENANT,
        of=ReceiptOf.CONVERSATION,
        of_id=of_id,
        **more,
    )


async def missing(store: ReceiptStore) -> list[str]:
    """The ids of what is missing."""
    return [each.message_id for each in await store.missing(Rail.FEDNOW, limit=9)]


async def test_what_has_left_and_was_not_named_is_late_and_then_missing(store: ReceiptStore) -> None:
    """The oldest first; the control: what is not known to have left, and what was named, is neither."""
    for message_id, of_id in (("SECOND", SECOND), ("FIRST", FIRST), ("UNSENT", FIRST), ("NAMED", FIRST)):
        await store.expect(awaited(message_id, of_id))
    await store.left(Rail.FEDNOW, "FIRST", at=NOW)
    await store.left(Rail.FEDNOW, "SECOND", at=SOON)
    await store.left(Rail.FEDNOW, "NAMED", at=NOW)
    await store.heard(Rail.FEDNOW, ["NAMED", "OTHER"])

    late = await store.late(Rail.FEDNOW, before=LATER, limit=9)
    none = await store.late(Rail.FEDNOW, before=NOW, limit=9)
    for each in late:
        await store.missed(each, at=LATER)

    assert [each.message_id for each in late] == ["FIRST", "SECOND"]
    assert late[0] == awaited("FIRST", sent_at=NOW)
    assert (none, await store.late(Rail.FEDNOW, before=LATER, limit=9)) == ([], [])
    assert await missing(store) == ["FIRST", "SECOND"]
    found = [await store.find_missing(Rail.FEDNOW, each) for each in ("SECOND", "NONE")]
    assert [each and each.message_id for each in found] == ["SECOND", None]
    assert await store.missing_of([SECOND]) == {SECOND: [awaited("SECOND", SECOND, sent_at=SOON, missed_at=LATER)]}
    assert await store.count(Rail.FEDNOW) == MissingReceipts(2, NOW)
    assert await store.count(Rail.RTP) == MissingReceipts(0, None)
    assert await store.missed_since(Rail.FEDNOW, LATER) == 2
    assert await store.missed_since(Rail.FEDNOW, LATER + timedelta(seconds=1)) == 0


async def test_a_receipt_that_comes_late_is_missing_no_more(store: ReceiptStore) -> None:
    """And what was found missing and is sent once more, by a worker that starts again, stays so."""
    for message_id in ("FIRST", "SECOND"):
        await store.expect(awaited(message_id))
        await store.left(Rail.FEDNOW, message_id, at=NOW)
        await store.missed(awaited(message_id), at=SOON)
    await store.expect(awaited("SECOND"))
    await store.left(Rail.FEDNOW, "SECOND", at=LATER)

    await store.heard(Rail.FEDNOW, ["FIRST"])
    await store.heard(Rail.RTP, ["SECOND"])

    (kept,) = await store.missing(Rail.FEDNOW, limit=9)
    assert (kept.message_id, kept.sent_at) == ("SECOND", NOW)


async def test_a_receipt_that_came_before_it_was_noted_that_the_message_left_is_not_waited_for(
    store: ReceiptStore,
) -> None:
    """The rail may answer before we have written down that it has the message."""
    await store.expect(awaited("FIRST"))
    await store.heard(Rail.FEDNOW, ["FIRST"])
    await store.left(Rail.FEDNOW, "FIRST", at=NOW)

    assert await store.late(Rail.FEDNOW, before=LATER, limit=9) == []


@pytest.mark.parametrize("named", ["FIRST", "AGAIN", "ONCE-MORE"])
@pytest.mark.parametrize("is_expected", [True, False])
async def test_what_names_any_copy_of_a_message_counts_for_all(
    store: ReceiptStore, named: str, *, is_expected: bool
) -> None:
    """Sent again twice, whether the worker or the desk was the first to write it down."""
    await store.expect(awaited("FIRST"))
    await store.left(Rail.FEDNOW, "FIRST", at=NOW)
    await store.missed(awaited("FIRST"), at=SOON)
    late = awaited("FIRST")
    for before, again in (("FIRST", "AGAIN"), ("AGAIN", "ONCE-MORE")):
        if is_expected:
            await store.expect(awaited(again))
        await store.sent_again(awaited(before), again)
        await store.expect(awaited(again))
        await store.left(Rail.FEDNOW, again, at=SOON)
        assert await missing(store) == []
        (late,) = await store.late(Rail.FEDNOW, before=LATER, limit=9)
        await store.missed(late, at=LATER)
        assert await missing(store) == [again]

    await store.heard(Rail.FEDNOW, [named])

    assert await store.count(Rail.FEDNOW) == MissingReceipts(0, None)
    assert (late.message_id, late.copies) == ("ONCE-MORE", ("FIRST", "AGAIN"))


async def test_a_message_whose_receipt_came_meanwhile_is_not_waited_for_by_a_copys_order(store: ReceiptStore) -> None:
    """The copy that has left all the same is waited for by itself."""
    await store.expect(awaited("FIRST"))
    await store.heard(Rail.FEDNOW, ["FIRST"])

    await store.sent_again(awaited("FIRST"), "AGAIN")

    assert await store.late(Rail.FEDNOW, before=LATER, limit=9) == []
