"""Finding, relaying, timers, and what is kept besides payments."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.postgres.upgrade import digest_of_api_key
from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.events import EventKind
from gateway.domain.history import standing_contradiction
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail
from gateway.service.ports import (
    MessageDirection,
    PaymentStore,
    Quarantined,
    Refusal,
)
from tests.conftest import API_KEY, TENANT
from tests.integration.store.checks import (
    PROCESSES,
    check_that_a_held_row_is_nobody_elses,
    check_that_time_decides_once,
)
from tests.integration.store.harness import (
    NOW,
    OTHER_TENANT,
    TIMING,
    Stand,
    accepted,
    decision,
    new_payment,
    now_of,
    outbox_of,
    raw_message,
    renewed,
    saved,
    uuid,
)

# --- Finding ------------------------------------------------------------------------------------------------------


async def test_an_answer_finds_its_payment_by_what_was_sent_about_it(store: PaymentStore) -> None:
    """By the transfer's message id, and by a question's; never by what a client sent."""
    payment = await accepted(store)
    sending = await saved(
        store, payment, EventKind.SENDING_STARTED, raw_message(MessageDirection.RAIL_OUT, "SENT-1", after_s=1)
    )
    in_doubt = await saved(store, sending, EventKind.DEADLINE_PASSED)
    asked = await saved(store, in_doubt, EventKind.STATUS_REQUESTED, raw_message(MessageDirection.RAIL_OUT, "ASK-1"))

    found = await store.find_by_message_id(Rail.FEDNOW, ["SENT-1", "ASK-1", "key-1", "NOBODY'S"])

    assert found == {"SENT-1": asked, "ASK-1": asked}


async def test_payments_are_found_by_reference_newest_first_and_for_their_tenant_alone(store: PaymentStore) -> None:
    """Both references together narrow; the limit holds."""
    for number in range(3):
        await store.accept([renewed(new_payment(f"key-{number}"), accepted_at=NOW + timedelta(seconds=number))])
    await store.accept([new_payment("key-0", tenant_id=OTHER_TENANT)])
    uetr = new_payment("key-0").uetr

    by_uetr = await store.find(TENANT, uetr=uetr, limit=10)
    by_both = await store.find(TENANT, uetr=uetr, end_to_end_id="SAMPLE-INVOICE", limit=2)
    none = await store.find(TENANT, uetr=uetr, end_to_end_id="ANOTHER", limit=10)

    assert [payment.message_id for payment in by_uetr] == ["default-key-2", "default-key-1", "default-key-0"]
    assert by_both == by_uetr[:2]
    assert none == []
    assert len(await store.find(OTHER_TENANT, end_to_end_id="SAMPLE-INVOICE", limit=10)) == 1


async def test_what_is_not_there_is_left_out(store: PaymentStore) -> None:
    """An unknown payment is no fault."""
    nobody = PaymentId(uuid())

    assert await store.load([nobody]) == {}
    assert await store.final_since([nobody]) == {}
    assert await store.load_with_message([(nobody, MessageDirection.CLIENT_IN)]) == {}
    assert await store.events(nobody) == []
    assert await store.messages(nobody) == []


# --- Outbox and timers --------------------------------------------------------------------------------------------


async def test_several_relays_never_hold_the_same_row_and_lose_none(stand: Stand) -> None:
    """Each row is handed to one relay, and deleted when that one is done."""
    async with stand.open(PROCESSES) as stores:
        await stores[0].accept([new_payment(f"key-{number}") for number in range(200)])
        relayed: list[PaymentId] = []

        async def relay(store: PaymentStore) -> None:
            while True:
                async with store.relay(limit=7) as rows:
                    relayed.extend(row.payment_id for row in rows)
                    await asyncio.sleep(0)
                if not rows:
                    return

        async with asyncio.TaskGroup() as tasks:
            for store in stores:
                tasks.create_task(relay(store))

        assert len(relayed) == len(set(relayed)) == 200
        assert await outbox_of(stores[0]) == []


async def test_what_a_relay_holds_another_does_not_see(stand: Stand) -> None:
    """Nothing is published twice for no reason, and nobody waits for a slow relay."""
    async with stand.open(2) as stores:
        await check_that_a_held_row_is_nobody_elses(*stores)


async def test_a_relay_that_fails_gives_its_rows_back(store: PaymentStore) -> None:
    """Published or not: they come again, and consumers stand that."""
    await accepted(store)

    with pytest.raises(ConnectionError):
        async with store.relay(limit=10) as rows:
            raise ConnectionError(f"{len(rows)} not confirmed")

    assert len(await outbox_of(store)) == 1


async def test_a_relay_leaves_to_others_what_is_younger_than_it_asks_for(store: PaymentStore) -> None:
    """Who commits a row forwards it; the relay takes what was left."""
    old, young = NOW - timedelta(seconds=1), NOW
    await store.accept([renewed(new_payment("old"), accepted_at=old), renewed(new_payment("young"), accepted_at=young)])

    async with store.relay(limit=10, created_before=young) as rows:
        relayed = [row.payment_id for row in rows]

    assert relayed == [new_payment("old").payment_id]
    assert [row.payment_id for row in await outbox_of(store)] == [new_payment("young").payment_id]


async def test_what_was_published_is_forgotten_and_nothing_else(store: PaymentStore) -> None:
    """A repeat, and one that is gone already, change nothing."""
    await store.accept([new_payment("key-1"), new_payment("key-2")])
    gone = [delivery.delivery_id for delivery in new_payment("key-1").outbox]

    for _ in range(2):
        await store.forget([*gone, uuid()])

    assert [row.payment_id for row in await outbox_of(store)] == [new_payment("key-2").payment_id]


async def test_forgetting_does_not_wait_for_a_relay_that_holds_the_row(store: PaymentStore) -> None:
    """The relay deletes what it holds, or gives it back: then it comes twice, which consumers stand."""
    await store.accept([new_payment("key-1")])

    async with store.relay(limit=10) as rows:
        await store.forget([row.delivery_id for row in rows])

    assert len(rows) == 1
    assert await outbox_of(store) == []


async def test_timers_are_due_in_order_until_a_decision_moves_them(store: PaymentStore) -> None:
    """Not before their time, the longest overdue first, at most as many as asked for."""
    due_at = TIMING.decided_by(TIMING.deadline(NOW))
    late = await accepted(store, "key-1")
    await store.accept([renewed(new_payment("key-2"), accepted_at=NOW)])
    await saved(store, late, EventKind.SENDING_STARTED)

    before = await store.due_timers(due_at - timedelta(microseconds=1), limit=10)
    due = await store.due_timers(due_at, limit=10)
    one = await store.due_timers(due_at, limit=1)

    assert before == []
    assert len(due) == 2
    assert one == due[:1]
    assert {timer.due_at for timer in due} == {due_at}


async def test_deadlines_are_the_timers_of_what_time_alone_ends(store: PaymentStore) -> None:
    """What is to be sent, and what was; not what the rail is to be asked about. In order, and as many as asked for."""
    received, sending = await accepted(store, "key-1"), await accepted(store, "key-2")
    await saved(store, sending, EventKind.SENDING_STARTED)
    asked = await saved(store, await accepted(store, "key-3"), EventKind.SENDING_STARTED)
    await saved(store, asked, EventKind.DEADLINE_PASSED)
    due_at, later = TIMING.decided_by(TIMING.deadline(NOW)), NOW + timedelta(days=1)

    before = await store.due_deadlines(due_at - timedelta(microseconds=1), limit=10)
    due = await store.due_deadlines(later, limit=10)
    one = await store.due_deadlines(later, limit=1)

    assert before == []
    assert {timer.payment_id for timer in due} == {received.payment_id, sending.payment_id}
    assert one == due[:1]
    assert len(await store.due_timers(later, limit=10)) == 3, "the control: the third has a timer too"


async def test_several_processes_decide_at_once_what_time_means_and_each_payment_has_one_decision(stand: Stand) -> None:
    """A gateway beside the workers, and a worker that sends at that moment: the version is the guard."""
    async with stand.open(PROCESSES) as stores:
        await check_that_time_decides_once(stores)


async def test_the_backlog_counts_what_waits(store: PaymentStore) -> None:
    """Rows, their age, and open payments by state."""
    payment = await saved(store, await accepted(store, "key-1"), EventKind.SENDING_STARTED)
    in_doubt = await saved(store, payment, EventKind.DEADLINE_PASSED)
    await accepted(store, "key-2")

    backlog = await store.backlog()

    assert (backlog.outbox, backlog.outbox_oldest_at) == (2, NOW)
    assert backlog.open_payments == {PaymentState.IN_DOUBT: 1, PaymentState.RECEIVED: 1}
    assert backlog.oldest_in_doubt_at == in_doubt.updated_at


# --- What is kept besides payments --------------------------------------------------------------------------------


async def test_a_refusal_can_be_kept_twice_without_harm(store: PaymentStore) -> None:
    """A repeat is safe, and none means none."""
    refusal = Refusal(uuid(), TENANT, NOW, b"\0" * 32, 10, ("XML_SYNTAX", "XML_EMPTY"))

    await store.refuse([refusal])
    await store.refuse([refusal, refusal])
    await store.refuse([])


async def test_bytes_of_the_rail_can_be_quarantined_twice_without_harm(store: PaymentStore) -> None:
    """The rail delivers again; the bytes need not even be text."""
    raw = raw_message(MessageDirection.RAIL_IN, "", body=b"\xff\0\xfe")

    await store.quarantine([Quarantined(raw, Rail.FEDNOW, ("XML_NUL",))])
    await store.quarantine([Quarantined(raw_message(MessageDirection.RAIL_IN, "", body=raw.body), Rail.FEDNOW, ("X",))])


async def test_an_api_key_is_known_by_its_digest_alone(store: PaymentStore) -> None:
    """The key of the first tenant, and nobody's."""
    assert await store.tenant_of_api_key(digest_of_api_key(API_KEY)) == TENANT
    assert await store.tenant_of_api_key(digest_of_api_key("nobody's")) is None


async def test_a_store_that_answers_says_so(store: PaymentStore) -> None:
    """The readiness check."""
    await store.check()


# --- What workers, waiting clients and people ask for ---------------------------------------------------------------


async def test_a_payment_comes_with_the_oldest_of_its_messages_of_a_direction(store: PaymentStore) -> None:
    """A worker sends what the client sent; a question is put in the words of the first copy that left."""
    payment = await accepted(store)
    first, second = (raw_message(MessageDirection.RAIL_OUT, f"SENT-{number}", after_s=number) for number in (1, 2))
    sending = await saved(store, payment, EventKind.SENDING_STARTED, first)
    in_doubt = await saved(store, sending, EventKind.DEADLINE_PASSED)
    asked = await saved(store, in_doubt, EventKind.STATUS_REQUESTED, second)

    received = await store.load_with_message([(payment.payment_id, MessageDirection.CLIENT_IN)])
    sent = await store.load_with_message([(payment.payment_id, MessageDirection.RAIL_OUT)])
    heard = await store.load_with_message([(payment.payment_id, MessageDirection.RAIL_IN)])

    assert received[payment.payment_id][0] == asked
    assert received[payment.payment_id][1].direction is MessageDirection.CLIENT_IN
    assert sent == {payment.payment_id: (asked, first)}
    assert heard == {}


@pytest.mark.parametrize("message_type", ["pacs.008.001.08", "pacs.009.001.08", "pacs.004.001.10"])
async def test_of_what_was_sent_a_question_is_put_about_what_moves_the_money(
    store: PaymentStore, message_type: str
) -> None:
    """A transfer, a liquidity transfer or a return; a question of another region may be older, and is none of it."""
    payment = await accepted(store)
    question = replace(raw_message(MessageDirection.RAIL_OUT, "QUESTION", after_s=1), message_type="pacs.028.001.03")
    moving = replace(raw_message(MessageDirection.RAIL_OUT, "SENT", after_s=2), message_type=message_type)
    sending = await saved(store, payment, EventKind.SENDING_STARTED, question, moving)

    sent = await store.load_with_message([(payment.payment_id, MessageDirection.RAIL_OUT)])

    assert sent == {payment.payment_id: (sending, moving)}


async def test_only_final_payments_are_told_to_those_who_wait(store: PaymentStore) -> None:
    """And since when, so that it is known how long the telling took."""
    open_one, ended = await accepted(store, "key-1"), await accepted(store, "key-2")
    ended = await saved(store, ended, EventKind.DEADLINE_PASSED)

    final = await store.final_since([open_one.payment_id, ended.payment_id])

    assert final == {ended.payment_id: NOW + timedelta(seconds=1)}


async def test_the_longest_waiting_payment_is_the_oldest_that_has_not_left(store: PaymentStore) -> None:
    """What the gate before the intake goes by: what has left, or ended, waits no more."""
    assert await store.waiting_since(behind=0) is None
    first = await accepted(store, "key-1")
    await store.accept([renewed(new_payment("key-2"), accepted_at=NOW + timedelta(seconds=2))])

    assert await store.waiting_since(behind=0) == NOW
    assert await store.waiting_since(behind=1) == NOW + timedelta(seconds=2)
    assert await store.waiting_since(behind=2) is None
    await saved(store, first, EventKind.SENDING_STARTED)
    assert await store.waiting_since(behind=0) == NOW + timedelta(seconds=2)


async def test_a_tenants_payments_that_a_person_must_look_into(store: PaymentStore) -> None:
    """Those alone, for their tenant alone, or all for an operator."""
    payment = await accepted(store)
    await accepted(store, "key-2")
    sending = await saved(store, payment, EventKind.SENDING_STARTED)
    in_doubt = await saved(store, sending, EventKind.DEADLINE_PASSED)
    called = await saved(store, in_doubt, EventKind.LOOK_BACK_ENDED)

    assert await store.awaiting_operator(TENANT, limit=10) == [called]
    assert await store.awaiting_operator(OTHER_TENANT, limit=10) == []
    assert await store.awaiting_operator(None, limit=10) == [called]


async def test_what_contradicts_an_end_stands_until_a_person_has_recorded_what_is_so(store: PaymentStore) -> None:
    """It is found, listed beside what is in doubt, and counted; another one that comes later is found again."""
    waiting, plain = await accepted(store), await accepted(store, "key-2")
    for kind in (EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED):
        waiting, plain = await saved(store, waiting, kind), await saved(store, plain, kind)
    both = [waiting.payment_id, plain.payment_id]
    assert await store.contradictions(both) == {}

    waiting = await saved(store, waiting, EventKind.REJECTION_REPORTED)
    waiting = await saved(store, waiting, EventKind.TIME_OUT_REPORTED)

    events = await store.events(waiting.payment_id)
    assert await store.contradictions(both) == {waiting.payment_id: events[-1]}
    assert [each.contradiction for each in events] == [False, False, False, True, True]
    assert [len(await store.awaiting_operator(whose, limit=9)) for whose in (TENANT, OTHER_TENANT, None)] == [1, 0, 1]
    assert await store.awaiting_operator(None, limit=9) == [waiting]
    assert ((await store.backlog()).attention, (await store.backlog()).contradictions) == (1, 2)

    waiting = await saved(store, waiting, EventKind.OPERATOR_RECORDED_SETTLEMENT)

    assert (await store.contradictions(both), await store.awaiting_operator(None, limit=9)) == ({}, [])
    assert ((await store.backlog()).attention, (await store.backlog()).contradictions) == (0, 2)

    waiting = await saved(store, waiting, EventKind.NOT_FOUND_REPORTED)

    last = (await store.events(waiting.payment_id))[-1]
    assert await store.contradictions(both) == {waiting.payment_id: last}
    assert await store.contradictions(both) == {waiting.payment_id: standing_contradiction([last])}
    assert await store.awaiting_operator(TENANT, limit=9) == [waiting]


async def test_what_a_receiver_has_not_posted_is_found_until_it_was_asked_or_has_said_why(store: PaymentStore) -> None:
    """Of that time, and that rail, alone: the receiver of each is asked once without anybody's order."""
    found: dict[str, Payment] = {}
    for key in ("silent", "asked", "blocked", "posted", "pending"):
        payment = await saved(store, await accepted(store, key), EventKind.SENDING_STARTED)
        acwp = decision(payment, EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED, status="ACWP")
        assert await store.save([acwp]) == [True]
        found[key] = await now_of(store, payment)
    await saved(store, found["asked"], EventKind.POSTING_ASKED)
    await saved(store, found["posted"], EventKind.POSTING_REPORTED)
    for key, status in (("blocked", "BLCK"), ("pending", "PDNG")):
        assert await store.save([decision(found[key], EventKind.POSTING_PENDING_REPORTED, status=status)]) == [True]

    async def unposted(rail: Rail, *, since_s: int, limit: int = 9) -> set[PaymentId]:
        after, until = (NOW + timedelta(seconds=since_s), PaymentId(UUID(int=0))), NOW + timedelta(hours=1)
        return {each.payment_id for each in await store.unposted(rail, after=after, until=until, limit=limit)}

    assert await unposted(Rail.FEDNOW, since_s=0) == {found["silent"].payment_id, found["pending"].payment_id}
    assert len(await unposted(Rail.FEDNOW, since_s=0, limit=1)) == 1
    assert await unposted(Rail.FEDNOW, since_s=60) == await unposted(Rail.RTP, since_s=0) == set()


async def test_what_a_receiver_has_not_posted_is_read_page_by_page(store: PaymentStore) -> None:
    """Each once, the oldest first, also those of one instant: whoever passes over some finds what is behind them."""
    expected = []
    for number in range(5):
        payment = await saved(store, await accepted(store, f"key-{number}"), EventKind.SENDING_STARTED)
        kind, after_s = EventKind.ACCEPTANCE_WITHOUT_POSTING_REPORTED, 2.0 if number == 0 else 1.0
        assert await store.save([decision(payment, kind, status="ACWP", after_s=after_s)]) == [True]
        expected.append((NOW + timedelta(seconds=after_s), payment.payment_id))

    found: list[Payment] = []
    after = (NOW, PaymentId(UUID(int=0)))
    for _ in range(4):
        page = await store.unposted(Rail.FEDNOW, after=after, until=NOW + timedelta(hours=1), limit=2)
        found += page
        after = (page[-1].final_at or NOW, page[-1].payment_id) if page else after

    assert [(each.final_at, each.payment_id) for each in found] == sorted(expected)


async def test_copies_questions_and_pings_are_counted(store: PaymentStore) -> None:
    """What is decided next depends on how often each was done: the counts survive with the payment."""
    payment = await accepted(store)
    for kind in (
        EventKind.SENDING_STARTED,
        EventKind.DEADLINE_PASSED,
        EventKind.STATUS_REQUESTED,
        EventKind.STATUS_REQUESTED,
        EventKind.PINGED,
        EventKind.RESENDING_CHOSEN,
        EventKind.SENDING_STARTED,
    ):
        payment = await saved(store, payment, kind)

    assert (payment.transfers, payment.status_requests, payment.pings) == (2, 2, 1)


async def test_a_tenant_rejects_what_the_rail_has_not_found_unless_it_has_chosen(store: PaymentStore) -> None:
    """The default guesses nothing and repeats nothing."""
    assert await store.not_found_policy(TENANT) is NotFoundPolicy.REJECT
