"""Claims: one key, one payment, whoever comes with it at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState, Rail
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    FaultyRowError,
    NewPayment,
    PartlyFaultyError,
    PaymentStore,
)
from gateway.service.submit import grouped_accepts
from iso20022 import EndToEndId, MessageId
from tests.integration.store.checks import (
    PROCESSES,
    accept_at_once,
    check_that_an_instruction_id_is_one_payments,
    check_that_equal_keys_are_one_payment,
)
from tests.integration.store.harness import (
    NOW,
    OTHER_TENANT,
    TIMING,
    Stand,
    accepted,
    new_payment,
    now_of,
    outbox_of,
    over_rtp,
    renewed,
    saved,
)


async def test_an_accepted_payment_is_stored_whole(store: PaymentStore) -> None:
    """Payment, event, raw message, timer and outbox row: all, or nothing."""
    new = new_payment("key-1")

    (outcome,) = await store.accept([new])

    payment = outcome.payment
    assert outcome.kind is AcceptKind.CREATED
    assert payment is not None
    assert (payment.state, payment.version, payment.amount) == (PaymentState.RECEIVED, 1, new.amount)
    assert (payment.accepted_at, payment.deadline_at, payment.updated_at) == (NOW, TIMING.deadline(NOW), NOW)
    assert await now_of(store, payment) == payment
    assert [event.event.kind for event in await store.events(payment.payment_id)] == [EventKind.ACCEPTED]
    assert await store.messages(payment.payment_id) == [new.message]
    assert await outbox_of(store) == list(new.outbox)
    assert await store.final_since([payment.payment_id]) == {}
    assert payment.next_step_at == TIMING.decided_by(payment.deadline_at)


async def test_equal_keys_in_one_batch_are_one_payment_with_equal_answers(store: PaymentStore) -> None:
    """The group commit puts the copies of an impatient client into one call."""
    outcomes = await store.accept([renewed(new_payment("key-1"), accepted_at=NOW) for _ in range(100)])

    assert Counter(outcome.kind for outcome in outcomes) == {AcceptKind.CREATED: 1, AcceptKind.REPLAYED: 99}
    assert len({outcome.payment for outcome in outcomes}) == 1
    assert len(await outbox_of(store)) == 1


async def test_equal_keys_at_the_same_moment_are_one_payment_with_equal_answers(stand: Stand) -> None:
    """Through several processes, on connections of their own."""
    async with stand.open(PROCESSES) as stores:
        await check_that_equal_keys_are_one_payment(stores)


async def test_thousands_in_overlapping_unsorted_batches_are_all_answered(stand: Stand) -> None:
    """4,800 submissions of 1,600 keys, each batch in another order: nobody waits for ever, nobody is left out."""
    keys, batch_size = 1_600, 64
    shuffled = [(number * step) % keys for step in (1, 1_337, 989) for number in range(keys)]
    batches = [
        [new_payment(f"key-{number}") for number in shuffled[start : start + batch_size]]
        for start in range(0, len(shuffled), batch_size)
    ]

    async with stand.open(PROCESSES) as stores, asyncio.timeout(60):
        answered = [outcome for batch in await accept_at_once(stores, batches) for outcome in batch]

        assert Counter(outcome.kind for outcome in answered) == {AcceptKind.CREATED: 1_600, AcceptKind.REPLAYED: 3_200}
        assert [outcome.payment and outcome.payment.message_id for outcome in answered] == [
            new.message_id for batch in batches for new in batch
        ]
        assert len(await outbox_of(stores[0])) == keys


async def test_a_repeat_is_answered_with_the_payment_as_it_is_now(store: PaymentStore) -> None:
    """What happened since is not forgotten, and nothing is made again."""
    payment = await accepted(store)
    sending = await saved(store, payment, EventKind.SENDING_STARTED)

    (outcome,) = await store.accept([renewed(new_payment("key-1"), accepted_at=NOW + timedelta(hours=1))])

    assert (outcome.kind, outcome.payment) == (AcceptKind.REPLAYED, sending)
    assert len(await store.messages(payment.payment_id)) == 1


async def test_other_content_under_a_key_is_refused_and_leaves_nothing(store: PaymentStore) -> None:
    """The answer holds the payment that has the key, unchanged."""
    payment = await accepted(store)

    (outcome,) = await store.accept([new_payment("key-1", content="another amount")])

    assert (outcome.kind, outcome.payment) == (AcceptKind.OTHER_CONTENT, payment)
    assert len(await store.messages(payment.payment_id)) == 1
    assert len(await outbox_of(store)) == 1


async def test_other_content_in_the_same_batch_is_refused_too(store: PaymentStore) -> None:
    """The first of a batch has the key; a later one with other content has not."""
    outcomes = await store.accept([new_payment("key-1"), new_payment("key-1", content="another amount")])

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.CREATED, AcceptKind.OTHER_CONTENT]


async def test_of_two_contents_at_the_same_moment_one_has_the_key(stand: Stand) -> None:
    """Whoever is first: the other is refused, and never stored."""
    async with stand.open(PROCESSES) as stores:
        batches = [[new_payment("key-1", content=f"content {number}")] for number in range(20)]

        outcomes = [batch[0] for batch in await accept_at_once(stores, batches)]

        kinds = Counter(outcome.kind for outcome in outcomes)
        assert kinds == {AcceptKind.CREATED: 1, AcceptKind.OTHER_CONTENT: 19}
        assert len({outcome.payment for outcome in outcomes}) == 1


async def test_what_was_accepted_under_keys_is_found_by_them_in_their_order(store: PaymentStore) -> None:
    """A tenant's own alone; what nobody has claimed is left out."""
    first, second, other = new_payment("key-1"), new_payment("key-2"), new_payment("key-3")
    await store.accept([first, second, replace(other, tenant_id=OTHER_TENANT)])

    keys = [second.idempotency_key, other.idempotency_key, first.idempotency_key]
    found = await store.claimed(first.tenant_id, keys)

    assert [payment.payment_id for payment in found] == [second.payment_id, first.payment_id]
    assert found[1] == await now_of(store, found[1])


async def test_one_key_of_two_tenants_is_two_payments(store: PaymentStore) -> None:
    """A key belongs to its tenant."""
    outcomes = await store.accept([new_payment("key-1"), new_payment("key-1", tenant_id=OTHER_TENANT)])

    assert [outcome.kind for outcome in outcomes] == [AcceptKind.CREATED] * 2
    assert len({outcome.payment for outcome in outcomes}) == 2


async def test_a_message_id_that_goes_to_the_rail_already_is_refused_alone(store: PaymentStore) -> None:
    """Under another key, and with nobody else in the call."""
    await store.accept([new_payment("key-1", message_id="SAME")])

    (outcome,) = await store.accept([new_payment("key-2", message_id="SAME")])

    assert (outcome.kind, outcome.payment) == (AcceptKind.MESSAGE_ID_TAKEN, None)
    assert len(await outbox_of(store)) == 1


async def test_a_message_id_that_is_taken_does_not_spoil_the_batch(store: PaymentStore) -> None:
    """Its neighbours are accepted, each told its own outcome, in order."""
    await store.accept([new_payment("key-1", message_id="SAME")])

    outcomes = await store.accept(
        [new_payment("key-0"), new_payment("key-2", message_id="SAME"), new_payment("key-1", message_id="SAME")]
    )

    assert [outcome.kind for outcome in outcomes] == [
        AcceptKind.CREATED,
        AcceptKind.MESSAGE_ID_TAKEN,
        AcceptKind.REPLAYED,
    ]


async def test_a_key_whose_message_id_was_taken_stays_free(store: PaymentStore) -> None:
    """A refusal claims nothing: the same key with another message id is accepted."""
    await store.accept([new_payment("key-1", message_id="SAME")])
    await store.accept([new_payment("key-2", message_id="SAME")])

    (outcome,) = await store.accept([new_payment("key-2", message_id="ANOTHER")])

    assert outcome.kind is AcceptKind.CREATED


async def test_an_instruction_id_by_which_the_rail_tells_copies_is_one_payments_alone(store: PaymentStore) -> None:
    """The rail would take the second payment for a repeat of the first, and answer for it what became of that."""
    first, second = over_rtp("key-1"), over_rtp("key-2")
    await store.accept([first])

    (outcome,) = await store.accept([second])

    assert (outcome.kind, outcome.payment) == (AcceptKind.INSTRUCTION_ID_TAKEN, None)
    assert len(await outbox_of(store)) == 1


async def test_an_instruction_id_that_is_taken_spoils_neither_batch_nor_key(store: PaymentStore) -> None:
    """In one batch the first has it; a repeat is answered, and the key of who was refused stays free."""
    outcomes = await store.accept(
        [new_payment("key-0"), over_rtp("key-1"), over_rtp("key-2"), over_rtp("key-3", instruction_id="OTHER")]
    )
    again, freed = await store.accept(
        [renewed(over_rtp("key-1"), accepted_at=NOW), over_rtp("key-2", instruction_id="A-THIRD")]
    )

    assert [outcome.kind for outcome in outcomes] == [
        AcceptKind.CREATED,
        AcceptKind.CREATED,
        AcceptKind.INSTRUCTION_ID_TAKEN,
        AcceptKind.CREATED,
    ]
    assert (again.kind, again.payment) == (AcceptKind.REPLAYED, outcomes[1].payment)
    assert freed.kind is AcceptKind.CREATED


async def test_a_message_id_that_is_taken_is_told_before_the_instruction_id(store: PaymentStore) -> None:
    """Who sends another's whole message hears the same on every rail."""
    await store.accept([replace(over_rtp("key-1"), message_id=MessageId("SAME"))])

    (outcome,) = await store.accept([replace(over_rtp("key-2"), message_id=MessageId("SAME"))])

    assert outcome.kind is AcceptKind.MESSAGE_ID_TAKEN


async def test_where_the_rail_does_not_tell_copies_by_it_an_instruction_id_may_come_again(store: PaymentStore) -> None:
    """FedNow goes by the message id: an institution numbers its instructions as it likes."""
    shared = [replace(over_rtp(key), rail=Rail.FEDNOW) for key in ("key-1", "key-2")]
    without = [replace(over_rtp(key), instruction_id=None) for key in ("key-3", "key-4")]

    outcomes = await store.accept([*shared, over_rtp("key-5"), *without])

    assert {outcome.kind for outcome in outcomes} == {AcceptKind.CREATED}


async def test_of_payments_with_one_instruction_id_at_the_same_moment_one_is_accepted(stand: Stand) -> None:
    """Through several processes, on connections of their own: whoever is first."""
    async with stand.open(PROCESSES) as stores:
        await check_that_an_instruction_id_is_one_payments(stores)


async def test_a_row_that_the_database_refuses_spoils_no_other(store: PaymentStore) -> None:
    """A NUL is no text to PostgreSQL: its caller is told, its neighbours are accepted, and nothing of it is left."""
    good = [new_payment("key-1"), new_payment("key-3")]
    bad = replace(new_payment("key-2"), end_to_end_id=EndToEndId("A\0B"))

    with pytest.raises(PartlyFaultyError) as raised:
        await store.accept([good[0], bad, good[1]])

    first, faulty, third = raised.value.outcomes
    assert isinstance(faulty, FaultyRowError)
    assert [outcome.kind for outcome in (first, third) if isinstance(outcome, Accepted)] == [AcceptKind.CREATED] * 2
    assert await store.load([bad.payment_id]) == {}
    assert {row.payment_id for row in await outbox_of(store)} == {new.payment_id for new in good}


async def test_the_callers_of_a_batch_with_a_row_that_is_refused_are_told_apart(store: PaymentStore) -> None:
    """Through the group commit: one caller fails, the others do not notice."""
    group = grouped_accepts(store)

    async def submit(new: NewPayment) -> AcceptKind | None:
        try:
            return (await group.submit(new)).kind
        except FaultyRowError:
            return None

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(group.run())
        bad = replace(new_payment("key-2"), end_to_end_id=EndToEndId("A\0B"))
        submitted = [tasks.create_task(submit(new)) for new in (new_payment("key-1"), bad, new_payment("key-3"))]
        kinds = [await task for task in submitted]
        running.cancel()

    assert kinds == [AcceptKind.CREATED, None, AcceptKind.CREATED]
