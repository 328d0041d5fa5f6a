"""What every store and its trail must do: chain what they save, seal it in order, and read it as it was saved."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from gateway.domain.events import EventKind
from gateway.service.ports import Anchor, AuditStore, MessageDirection
from gateway.service.seal import Sealer
from gateway.service.verify_audit import Trail
from tests.conftest import REGION
from tests.fakes.audit import InMemoryAnchor
from tests.fakes.clock import VirtualClock
from tests.integration.audit.harness import Place, sealed_all, settled, verified
from tests.integration.store.harness import NOW, accepted, decision, new_payment, raw_message

LATER = NOW + timedelta(minutes=1)


async def test_what_is_saved_is_chained(place: Place) -> None:
    """Acceptances in a batch, decisions with messages and without: each event follows from the one before."""
    async with place.open() as [opened]:
        await opened.store.accept([new_payment(f"batch-{number}") for number in range(5)])
        await settled(opened.store, "settled")
        payment = await accepted(opened.store, "late")
        await opened.store.save([decision(payment, EventKind.DEADLINE_PASSED)])

        trail = await verified(place)

    assert (trail.payments, trail.events, trail.messages, trail.unchained_events) == (7, 10, 9, 0)
    assert trail.violations == []


async def test_a_decision_that_did_not_hold_leaves_the_chain_as_it_was(place: Place) -> None:
    """The loser of two has no event, and the winner's follows what both had seen."""
    async with place.open() as [opened]:
        payment = await accepted(opened.store)
        rivals = [
            decision(payment, EventKind.SENDING_STARTED, raw_message(MessageDirection.RAIL_OUT, f"SENT-{number}"))
            for number in range(2)
        ]
        assert [await opened.store.save([rival]) for rival in rivals] == [[True], [False]]

        trail = await verified(place)

    assert (trail.events, trail.messages, trail.violations) == (2, 2, [])


async def test_seals_follow_one_another_and_cover_every_event_once(place: Place) -> None:
    """In batches, with events that come between two; what is left is stated."""
    async with place.open() as [opened]:
        await settled(opened.store, "first")
        first = await opened.audit.seal(at=LATER, events_max=2)
        second = await opened.audit.seal(at=LATER, events_max=2)
        assert await opened.audit.seal(at=LATER, events_max=2) is None
        await settled(opened.store, "second")
        unsealed = await opened.audit.unsealed()
        third = await opened.audit.seal(at=LATER, events_max=2)

        trail = await verified(place)

        assert first is not None
        assert second is not None
        assert third is not None
        assert [seal.number for seal in (first, second, third)] == [1, 2, 3]
        assert [seal.events for seal in (first, second, third)] == [2, 1, 2]
        assert (second.previous, second.transactions_from) == (first.digest(), first.transactions_before)
        assert list(await opened.audit.seals_after(1, limit=1)) == [second]
    assert (unsealed.events, unsealed.oldest_at, unsealed.seals) == (3, NOW, 2)
    found = trail.regions[REGION]
    assert (found.seals, found.sealed_events, found.unsealed_events) == (3, 5, 1)
    assert found.unsealed_oldest_at == NOW + timedelta(seconds=2)
    assert trail.violations == []


async def test_nothing_is_sealed_where_nothing_was_written(place: Place) -> None:
    """An idle night leaves no row, and no line in an anchor."""
    async with place.open() as [opened]:
        assert await opened.audit.seal(at=LATER, events_max=10) is None
        assert await opened.audit.seals_after(0, limit=10) == []
        unsealed = await opened.audit.unsealed()

    assert (unsealed.events, unsealed.oldest_at, unsealed.seals) == (0, None, 0)


async def test_sealers_that_run_at_once_do_no_harm(place: Place) -> None:
    """Several workers, while payments are written: one chain of seals, every event under one of them."""
    async with place.open(4) as processes:

        async def write(process: int) -> None:
            for number in range(10):
                await settled(processes[process].store, f"{process}-{number}")

        async def seal(audit: AuditStore) -> None:
            for _ in range(40):
                await audit.seal(at=LATER, events_max=5)
                await asyncio.sleep(0.002)

        async with asyncio.TaskGroup() as tasks:
            for process, opened in enumerate(processes):
                tasks.create_task(write(process))
                tasks.create_task(seal(opened.audit))
        anchors = await sealed_all(processes[0].audit)

        trail = await verified(place, anchors)

    assert trail.violations == []
    assert trail.regions[REGION].sealed_events == trail.events == 120
    assert trail.regions[REGION].seals == len(anchors) > 1


async def test_the_sealer_writes_every_head_down_also_after_it_could_not(place: Place) -> None:
    """The anchor is out of reach for a while, or a process died between seal and anchor: the next one catches up."""
    anchor = InMemoryAnchor()
    async with place.open() as [opened]:
        sealer = Sealer(opened.audit, anchor, REGION, VirtualClock())
        await settled(opened.store, "sealed by who died then")
        await opened.audit.seal(at=LATER, events_max=10)
        await settled(opened.store, "next")

        assert await sealer.seal_once() == 3
        assert await sealer.seal_once() == 0

        trail: Trail = await verified(place, anchor.written)
        assert anchor.written == [Anchor.of(seal) for seal in await opened.audit.seals_after(0, limit=10)]
    assert (trail.violations, trail.regions[REGION].anchored_seals) == ([], 2)


async def test_one_payment_is_read_by_itself(place: Place) -> None:
    """What is looked at after a finding."""
    async with place.open() as [opened]:
        payments = [await settled(opened.store, f"key-{number}") for number in range(3)]

        async with place.reader() as reader:
            parts = [part async for part in reader.payments((payments[1].payment_id, payments[1].payment_id))]

    assert [payment.payment_id for part in parts for payment in part] == [payments[1].payment_id]
