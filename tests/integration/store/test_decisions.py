"""Decisions: saved against the version that they were taken on, whole or not at all, and counted once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState, Rail
from gateway.service.ports import (
    MessageDirection,
    PaymentStore,
)
from tests.integration.store.checks import (
    check_that_one_of_two_decisions_holds,
)
from tests.integration.store.harness import (
    NOW,
    Stand,
    accepted,
    decision,
    now_of,
    outbox_of,
    raw_message,
    saved,
)


async def test_a_saved_decision_shows_in_payment_history_messages_and_outbox(store: PaymentStore) -> None:
    """All of it together."""
    payment = await accepted(store)
    sent = raw_message(MessageDirection.RAIL_OUT, "SENT-1", after_s=1)

    sending = await saved(store, payment, EventKind.SENDING_STARTED, sent)

    history = await store.events(payment.payment_id)
    assert (sending.state, sending.version, sending.creation_time) == (PaymentState.SENDING, 2, sending.updated_at)
    assert [(event.sequence, event.state_before, event.state_after) for event in history] == [
        (1, None, PaymentState.RECEIVED),
        (2, PaymentState.RECEIVED, PaymentState.SENDING),
    ]
    assert [message.business_message_id for message in await store.messages(payment.payment_id)] == ["key-1", "SENT-1"]


async def test_a_final_answer_keeps_status_and_reason_and_stops_the_timer(store: PaymentStore) -> None:
    """What the client will be shown."""
    payment = await saved(store, await accepted(store), EventKind.SENDING_STARTED)

    await store.save([decision(payment, EventKind.SETTLEMENT_REPORTED, status="ACSC", inbox_id="IN-1")])

    settled = await now_of(store, payment)
    assert (settled.state, settled.status, settled.next_step_at) == (PaymentState.SETTLED, "ACSC", None)
    assert settled.creation_time == payment.creation_time
    assert await store.due_timers(NOW + timedelta(days=1), limit=10) == []


@pytest.mark.parametrize(
    "way",
    [
        (EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED),
        (
            EventKind.SENDING_STARTED,
            EventKind.DEADLINE_PASSED,
            EventKind.STATUS_REQUESTED,
            EventKind.REJECTION_REPORTED,
        ),
        (EventKind.DEADLINE_PASSED,),
    ],
)
async def test_what_a_decision_says_of_its_outcome_is_what_the_store_then_has(
    store: PaymentStore, way: tuple[EventKind, ...]
) -> None:
    """Whoever goes on from it need not read it."""
    payment = await accepted(store)
    for kind in way:
        taken = decision(payment, kind)
        assert await store.save([taken]) == [True]

        payment = await now_of(store, payment)

        assert taken.outcome == payment


async def test_of_two_decisions_on_one_version_one_holds(stand: Stand) -> None:
    """The version is the guard: SENDING is saved once, so the bytes leave once."""
    async with stand.open(2) as stores:
        await check_that_one_of_two_decisions_holds(*stores)


async def test_a_decision_on_an_old_version_leaves_nothing_behind(store: PaymentStore) -> None:
    """No event, no message, no delivery, no mark in the inbox."""
    payment = await accepted(store)
    await saved(store, payment, EventKind.SENDING_STARTED)
    before = await outbox_of(store)

    answer = raw_message(MessageDirection.RAIL_IN, "IN-1")
    held = await store.save([decision(payment, EventKind.SETTLEMENT_REPORTED, answer, inbox_id="IN-1")])

    assert held == [False]
    assert len(await store.events(payment.payment_id)) == 2
    assert len(await store.messages(payment.payment_id)) == 1
    assert await outbox_of(store) == before
    assert await store.seen(Rail.FEDNOW, ["IN-1"]) == {}


async def test_of_several_payments_decisions_each_has_its_own_fate(store: PaymentStore) -> None:
    """They share a commit, not an outcome; answers come in order."""
    stale, fresh = await accepted(store, "key-1"), await accepted(store, "key-2")
    await saved(store, stale, EventKind.SENDING_STARTED)

    held = await store.save([decision(stale, EventKind.SENDING_STARTED), decision(fresh, EventKind.SENDING_STARTED)])

    assert held == [False, True]
    assert (await now_of(store, fresh)).state is PaymentState.SENDING


async def test_a_batch_that_names_a_payment_twice_is_a_fault_of_ours(store: PaymentStore) -> None:
    """One of the two would silently win: it raises, and saves neither."""
    payment = await accepted(store)
    twice = [decision(payment, EventKind.SENDING_STARTED), decision(payment, EventKind.DEADLINE_PASSED)]

    with pytest.raises(AssertionError):
        await store.save(twice)

    assert await now_of(store, payment) == payment


async def test_a_message_of_the_rail_counts_once(store: PaymentStore) -> None:
    """Its second delivery, decided on the payment as it then is, is not saved either."""
    payment = await saved(store, await accepted(store), EventKind.SENDING_STARTED)
    await store.save([decision(payment, EventKind.SETTLEMENT_REPORTED, status="ACSC", inbox_id="IN-1")])
    settled = await now_of(store, payment)

    held = await store.save([decision(settled, EventKind.SETTLEMENT_REPORTED, status="ACSC", inbox_id="IN-1")])

    assert held == [False]
    assert len(await store.events(payment.payment_id)) == 3
    assert await store.seen(Rail.FEDNOW, ["IN-1", "IN-2"]) == {"IN-1": b"IN-1"}


async def test_a_message_of_the_rail_that_counts_already_does_not_spoil_its_neighbours(store: PaymentStore) -> None:
    """A repeat in a batch is refused alone."""
    first = await saved(store, await accepted(store, "key-1"), EventKind.SENDING_STARTED)
    other = await saved(store, await accepted(store, "key-2"), EventKind.SENDING_STARTED)
    await store.save([decision(first, EventKind.SETTLEMENT_REPORTED, inbox_id="IN-1")])
    settled = await now_of(store, first)

    held = await store.save(
        [
            decision(settled, EventKind.SETTLEMENT_REPORTED, inbox_id="IN-1"),
            decision(other, EventKind.SETTLEMENT_REPORTED, inbox_id="IN-2"),
        ]
    )

    assert held == [False, True]


async def test_a_question_is_counted(store: PaymentStore) -> None:
    """The number of a status request is part of its id: it must not be forgotten."""
    payment = await saved(store, await accepted(store), EventKind.SENDING_STARTED)
    in_doubt = await saved(store, payment, EventKind.DEADLINE_PASSED)

    asked = await saved(store, in_doubt, EventKind.STATUS_REQUESTED, raw_message(MessageDirection.RAIL_OUT, "ASK-1"))

    assert (in_doubt.status_requests, asked.status_requests) == (0, 1)
    assert asked.state is PaymentState.IN_DOUBT
