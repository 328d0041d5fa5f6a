"""The checks that broken stores are held to as well, so that they are known to catch something."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentId, PaymentState, Rail
from gateway.service.decide import SAVE_WINDOW_S, Decisions, grouped_saves
from gateway.service.fednow import fednow_protocol
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    Decision,
    MessageDirection,
    NewPayment,
    PaymentStore,
)
from gateway.service.timers import Timers
from iso20022 import FedNowProfile
from tests.fakes.clock import VirtualClock
from tests.integration.store.harness import (
    NOW,
    TIMING,
    accepted,
    decision,
    new_payment,
    now_of,
    outbox_of,
    over_rtp,
    raw_message,
    renewed,
)
from tests.unit.service.world import PARTY, Recorder

PROCESSES = 4


async def accept_at_once(
    stores: Sequence[PaymentStore], batches: Sequence[Sequence[NewPayment]]
) -> list[Sequence[Accepted]]:
    """Submit all batches at the same moment, dealt out to the stores."""
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_accept(stores[number % len(stores)], batch)) for number, batch in enumerate(batches)
        ]
    return [task.result() for task in running]


async def _accept(store: PaymentStore, batch: Sequence[NewPayment]) -> Sequence[Accepted]:
    return await store.accept(batch)


async def check_that_equal_keys_are_one_payment(stores: Sequence[PaymentStore]) -> None:
    """A hundred copies at the same moment: one is created, and every other one is answered with it."""
    copies = [[renewed(new_payment("key-1"), accepted_at=NOW)] for _ in range(100)]

    outcomes = [outcome for batch in await accept_at_once(stores, copies) for outcome in batch]

    assert Counter(outcome.kind for outcome in outcomes) == {AcceptKind.CREATED: 1, AcceptKind.REPLAYED: 99}
    (payment,) = {outcome.payment for outcome in outcomes}
    assert payment is not None
    assert len(await stores[0].messages(payment.payment_id)) == 1
    assert len(await outbox_of(stores[0])) == 1


async def check_that_an_instruction_id_is_one_payments(stores: Sequence[PaymentStore]) -> None:
    """Fifty payments with one instruction id at the same moment: one is created, and every other one refused."""
    rivals = [[over_rtp(f"key-{number}")] for number in range(50)]

    outcomes = [outcome for batch in await accept_at_once(stores, rivals) for outcome in batch]

    assert Counter(outcome.kind for outcome in outcomes) == {
        AcceptKind.CREATED: 1,
        AcceptKind.INSTRUCTION_ID_TAKEN: 49,
    }
    assert len(await outbox_of(stores[0])) == 1


async def check_that_one_of_two_decisions_holds(first: PaymentStore, second: PaymentStore) -> None:
    """Two workers hold the same payment: one sends, the other does not, and leaves nothing behind."""
    payment = await accepted(first)
    rivals = [
        decision(payment, EventKind.SENDING_STARTED, raw_message(MessageDirection.RAIL_OUT, f"SENT-{number}"))
        for number in range(2)
    ]

    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_save_one(store, rival)) for store, rival in zip((first, second), rivals, strict=True)
        ]
    held = [task.result() for task in running]

    sent = [m for m in await first.messages(payment.payment_id) if m.direction is MessageDirection.RAIL_OUT]
    assert sorted(held) == [False, True]
    assert [message.business_message_id for message in sent] == [f"SENT-{held.index(True)}"]
    assert len(await first.events(payment.payment_id)) == 2
    assert (await now_of(first, payment)).version == 2


async def _save_one(store: PaymentStore, wanted: Decision, *, after_s: float = 0.0) -> bool:
    await asyncio.sleep(after_s)
    (held,) = await store.save([wanted])
    return held


async def check_that_a_held_row_is_nobody_elses(first: PaymentStore, second: PaymentStore) -> None:
    """While one relay publishes, another sees the rest and not that."""
    await first.accept([new_payment(f"key-{number}") for number in range(3)])

    async with first.relay(limit=2) as held, second.relay(limit=10) as rest:
        assert (len(held), len(rest)) == (2, 1)
        assert not {row.delivery_id for row in held} & {row.delivery_id for row in rest}


RACING = 40
"""Payments on which time and a sender decide at the same moment."""


async def check_that_time_decides_once(stores: Sequence[PaymentStore]) -> None:
    """Processes fire the timers of the same payments while a straggler saves that it sends them: each decides once."""
    await stores[0].accept([new_payment(f"key-{number}") for number in range(RACING)])
    due = await stores[0].due_deadlines(NOW + timedelta(seconds=15), limit=RACING)
    payments = await stores[0].load([timer.payment_id for timer in due])
    recorder, clock = Recorder(), VirtualClock(NOW + timedelta(seconds=14.9))
    protocol = fednow_protocol(FedNowProfile(own_connection_party=PARTY), connection_party=PARTY, timing=TIMING)
    all_saves = [grouped_saves(store) for store in stores]
    processes = [
        Timers(Decisions(store, saves, recorder), {Rail.FEDNOW: protocol}, clock, recorder)
        for store, saves in zip(stores, all_saves, strict=True)
    ]

    async with asyncio.TaskGroup() as running:
        saving = [running.create_task(saves.run()) for saves in all_saves]
        async with asyncio.TaskGroup() as rivals:
            for number, timer in enumerate(due):
                sent = raw_message(MessageDirection.RAIL_OUT, f"SENT-{timer.payment_id}")
                sending = decision(payments[timer.payment_id], EventKind.SENDING_STARTED, sent)
                rivals.create_task(_save_one(stores[-1], sending, after_s=number % 3 * SAVE_WINDOW_S))
                for timers in processes:
                    rivals.create_task(timers.fire(timer))
        for task in saving:
            task.cancel()

    assert len(due) == RACING
    assert len(recorder.lateness_s) == RACING
    await _demand_one_decision_of_time(stores[0], list(payments))


async def _demand_one_decision_of_time(store: PaymentStore, ids: Sequence[PaymentId]) -> None:
    """Rejected and never sent, or sent and in doubt."""
    unsent = [EventKind.ACCEPTED, EventKind.DEADLINE_PASSED]
    sent = [EventKind.ACCEPTED, EventKind.SENDING_STARTED, EventKind.DEADLINE_PASSED]
    for payment_id in ids:
        events = [recorded.event.kind for recorded in await store.events(payment_id)]
        left = [each for each in await store.messages(payment_id) if each.direction is MessageDirection.RAIL_OUT]
        now = (await store.load([payment_id]))[payment_id]
        expected = (PaymentState.IN_DOUBT, sent, 1) if left else (PaymentState.REJECTED, unsent, 0)
        assert (now.state, events, len(left)) == expected
