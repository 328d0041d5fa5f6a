"""What a store of incoming transfers must do, held by PostgreSQL and by the one in memory alike."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.audit import open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import FirstTenant, upgrade
from adapters.system import SystemIdentifiers
from gateway.domain.identity import incoming_id_of, incoming_slot_of
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import LATE, IncomingFact, IncomingTransfer, InstitutionAnswer, Verdict
from gateway.domain.payment import Rail, Reason, ReasonOrigin, RegionId
from gateway.domain.stand_in import REJECT_ALL, AccountStanding
from gateway.service.dead_letters import ClosingOutcome, Consequence, DeadLetters
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import (
    DeadLetter,
    DeadLetterReason,
    Delivery,
    DueTimer,
    IncomingDecision,
    IncomingStore,
    MessageDirection,
    NewTransfer,
    NotHomeError,
    PartlyFaultyError,
    Queue,
    RawMessage,
    Unsent,
)
from gateway.service.verify_audit import verify
from iso20022 import Amount, EndToEndId, MessageId, RoutingNumber
from tests.conftest import REGION, TENANT, Database
from tests.fakes.clock import VirtualClock
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import receiving_rail
from tests.fakes.store import InMemoryStore
from tests.unit.domain.transfers import transfer as sample_transfer

NOW: Final = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
VAULT: Final = ClearVault(b"a-key-for-tests-only")
_numbers = count(1)


@dataclass(slots=True)
class Subject:
    """A store, and the decider whose decisions it saves."""

    store: IncomingStore
    decider: IncomingDecider

    async def admitted(self, **changes: Any) -> IncomingTransfer:
        """A transfer that was just received."""
        (admitted,) = await self.store.admit([new(**changes)])
        return admitted.transfer

    async def befalls(self, transfer: IncomingTransfer, kind: IncomingEvent, **more: Any) -> IncomingTransfer:
        """Save what befalls a transfer, and return it as it is then."""
        assert await self.store.save([self.decision(transfer, kind, **more)]) == [True]
        return (await self.store.load([transfer.payment_id]))[transfer.payment_id]

    def decision(self, transfer: IncomingTransfer, kind: IncomingEvent, **more: Any) -> IncomingDecision:
        """What a fact means."""
        fact = IncomingFact(kind, more.pop("reason", None), details={"by": "a test", **more.pop("details", {})})
        at = more.pop("at", NOW + timedelta(seconds=1))
        return self.decider.decide(transfer, fact, at=at, **more)


@pytest.fixture
async def subject(where: Database | None) -> AsyncIterator[Subject]:
    """One of the two."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    if where is None:
        yield Subject(InMemoryIncoming(InMemoryStore()), decider)
        return
    async with open_pool(where.application_dsn) as pool:
        yield Subject(PostgresIncoming(pool, region=REGION, vault=VAULT), decider)


def new(**changes: Any) -> NewTransfer:
    """A transfer from the rail, under ids of its own."""
    number = next(_numbers)
    message_id = MessageId(f"20261123990001106SAMPLE{number:06}")
    message = RawMessage(
        message_id=SystemIdentifiers().new_uuid(),
        direction=MessageDirection.RAIL_IN,
        message_type="pacs.008.001.08",
        business_message_id=f"HEADER{number}",
        content_type="application/xml",
        body=f"<transfer number='{number}'/>".encode(),
        at=NOW,
    )
    made = NewTransfer(
        payment_id=incoming_id_of(Rail.FEDNOW, message_id, NOW.date()),
        tenant_id=TENANT,
        slot=incoming_slot_of(Rail.FEDNOW, message_id),
        rail=Rail.FEDNOW,
        message_id=message_id,
        message_created_at=NOW,
        instruction_id=None,
        end_to_end_id=EndToEndId(f"E2E-{number}"),
        transaction_id=None,
        uetr=None,
        amount=Amount(5_174),
        instructing_agent=RoutingNumber("990001106"),
        instructed_agent=RoutingNumber("990000107"),
        debtor_agent=RoutingNumber("990001106"),
        creditor_agent=RoutingNumber("990000107"),
        debtor_account_index=b"debtor",
        creditor_account_index=b"creditor",
        forwarded_at=NOW,
        received_at=NOW,
        answer_by=NOW + timedelta(seconds=5),
        timer_at=NOW + timedelta(seconds=1),
        inbox_id=f"HEADER{number}",
        inbox_digest=f"digest {number}".encode(),
        message=message,
    )
    return replace(made, **changes)


async def test_a_transfer_is_durable_with_its_message_first_event_and_timer(subject: Subject) -> None:
    """What is acknowledged to the rail afterwards is all there."""
    transfer = await subject.admitted()

    loaded = (await subject.store.load([transfer.payment_id]))[transfer.payment_id]
    (event,) = await subject.store.events(transfer.payment_id)
    (message,) = await subject.store.messages(transfer.payment_id)
    assert loaded == transfer
    assert (event.fact.kind, event.state_after) == (IncomingEvent.RECEIVED, IncomingState.RECEIVED)
    assert message.direction is MessageDirection.RAIL_IN
    assert await subject.store.due_timers(NOW, limit=9) == []
    due = DueTimer(transfer.payment_id, NOW + timedelta(seconds=1))
    assert await subject.store.due_timers(NOW + timedelta(seconds=1), limit=9) == [due]


async def test_a_message_id_is_admitted_once_however_often_it_comes(subject: Subject) -> None:
    """In one call, in concurrent ones, under another header, and after it has moved on."""
    one = new()
    again = replace(one, inbox_id="ANOTHER-HEADER", inbox_digest=b"other")

    answers = await asyncio.gather(
        *(subject.store.admit([again, one] if number % 2 else [one, one]) for number in range(8))
    )
    moved = await subject.befalls(answers[0][0].transfer, IncomingEvent.ACCEPTANCE_DECIDED)
    (late,) = await subject.store.admit([again])

    assert sum(admitted.is_new for answer in answers for admitted in answer) == 1
    assert (late.is_new, late.transfer) == (False, moved)
    assert len(await subject.store.events(one.payment_id)) == 2


async def test_a_faulty_row_spoils_no_other(subject: Subject) -> None:
    """PostgreSQL takes no NUL in a text; the others of its batch are saved."""
    good, bad = new(), new(end_to_end_id=EndToEndId("a\0b"))

    with pytest.raises(PartlyFaultyError) as caught:
        await subject.store.admit([bad, good])

    assert [isinstance(outcome, Exception) for outcome in caught.value.outcomes] == [True, False]
    assert good.payment_id in await subject.store.load([good.payment_id, bad.payment_id])


async def test_of_two_decisions_on_one_version_one_holds(subject: Subject) -> None:
    """The institution's answer and the stand-in's at the same moment: the rail is told one of them."""
    transfer = await subject.admitted()
    accept = subject.decision(transfer, IncomingEvent.ACCEPTANCE_DECIDED)
    reject = subject.decision(
        transfer, IncomingEvent.REJECTION_DECIDED, reason=Reason("AC04", ReasonOrigin.INSTITUTION)
    )

    held = await asyncio.gather(*(subject.store.save([each]) for each in [accept, reject] * 4))

    now = (await subject.store.load([transfer.payment_id]))[transfer.payment_id]
    assert sum(each[0] for each in held) == 1
    assert (now.state, now.answer) in {(IncomingState.ACCEPTED, "ACTC"), (IncomingState.REJECTED, "RJCT")}
    assert len(await subject.store.messages(transfer.payment_id)) == 2


async def test_the_rails_word_counts_once_under_one_header(subject: Subject) -> None:
    """The inbox refuses the second; what it would have done is not done."""
    transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    heard = {"inbox_id": "ADVICE-1", "inbox_digest": b"advice"}

    settled = await subject.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED, **heard)
    again = await subject.store.save([subject.decision(settled, IncomingEvent.SETTLEMENT_ADVISED, **heard)])

    assert settled.state is IncomingState.SETTLED
    assert again == [False]


async def test_what_was_saved_to_be_sent_is_lent_to_one_until_it_is_known_to_have_left(subject: Subject) -> None:
    """Two workers look at once: one is given it; noted as sent, nobody is; noted by another's number, it stays."""
    transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    assert transfer.unsent_at is not None
    again_at = transfer.unsent_at + timedelta(seconds=5)

    early = await subject.store.take_unsent(transfer.unsent_at - timedelta(microseconds=1), again_at=again_at, limit=9)
    both = await asyncio.gather(
        *(subject.store.take_unsent(transfer.unsent_at, again_at=again_at, limit=9) for _ in range(4))
    )
    await subject.store.sent([Unsent(transfer.payment_id, transfer.unsent_at)])
    still = await subject.store.take_unsent(again_at, again_at=again_at, limit=9)
    await subject.store.sent([Unsent(transfer.payment_id, again_at)])
    gone = await subject.store.take_unsent(again_at, again_at=again_at, limit=9)

    assert early == []
    assert sum(map(len, both)) == 1
    assert [each.payment_id for each in still] == [transfer.payment_id]
    assert gone == []


async def test_an_undecided_transfer_is_taken_over_by_one(subject: Subject) -> None:
    """The timer is the lease: of several workers that find it due, one moves it."""
    transfer = await subject.admitted()
    due = DueTimer(transfer.payment_id, NOW + timedelta(seconds=1))

    taken = await asyncio.gather(*(subject.store.take_over(due, again_at=NOW + timedelta(seconds=4)) for _ in range(4)))

    assert sum(taken) == 1
    assert await subject.store.due_timers(NOW + timedelta(seconds=3), limit=9) == []


async def test_what_waits_for_people_is_no_timers(subject: Subject) -> None:
    """Until the institution has answered it is told again; what it holds is its own, and only the deadline is shown."""
    transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    settled = await subject.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)

    assert settled.next_step_at is not None
    assert await subject.store.due_timers(settled.next_step_at, limit=9) != []
    held = await subject.befalls(settled, IncomingEvent.PENDING_DECIDED)
    assert held.next_step_at is not None
    assert await subject.store.due_timers(held.next_step_at, limit=9) == []


async def test_a_transfer_is_found_by_the_senders_message_id_and_by_ours(subject: Subject) -> None:
    """The rail's advice names the former, its refusal of our answer the latter."""
    transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    ours = (await subject.store.messages(transfer.payment_id))[-1].business_message_id

    found = await subject.store.find_by_message_id(Rail.FEDNOW, [transfer.message_id, ours, "NOBODYS"])

    assert found == {transfer.message_id: transfer, ours: transfer}
    assert await subject.store.find_by_message_id(Rail.RTP, [transfer.message_id, ours]) == {}


async def test_transfers_are_listed_by_what_must_be_decided_first(subject: Subject) -> None:
    """Then the newest; a tenant sees its own alone; and states can be asked for."""
    held = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    settled = await subject.befalls(held, IncomingEvent.SETTLEMENT_ADVISED)
    older = await subject.admitted(received_at=NOW + timedelta(seconds=1))
    newer = await subject.admitted(received_at=NOW + timedelta(seconds=9))
    rejected = await subject.befalls(
        newer, IncomingEvent.REJECTION_DECIDED, reason=Reason("AC04", ReasonOrigin.INSTITUTION)
    )

    for tenant in (TENANT, None):
        assert await subject.store.find(tenant, states=(), limit=9) == [settled, rejected, older]
        assert await subject.store.find(tenant, states=(), limit=2) == [settled, rejected]
    assert await subject.store.find(None, states=(IncomingState.REJECTED,), limit=9) == [rejected]
    both = (IncomingState.RECEIVED, IncomingState.SETTLED)
    assert await subject.store.find(TENANT, states=both, limit=9) == [settled, older]
    assert await subject.store.find(type(TENANT)("another"), states=(), limit=9) == []


_HELD: Final = (IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_DECIDED, IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED)
_POSTED: Final = (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_CONFIRMED)


@pytest.mark.parametrize("states", [(), (IncomingState.PENDING,), (IncomingState.PENDING, IncomingState.POSTED)])
async def test_a_list_that_is_too_short_for_all_leaves_out_what_is_due_last(
    subject: Subject, states: tuple[IncomingState, ...]
) -> None:
    """However long ago something last befell it: with more than a page of it, what is due today must be on the page."""
    held: list[IncomingTransfer] = []
    for days in (3, 0, 1, 2):  # what is due first was brought three days ago, and nothing has befallen it since
        transfer = await subject.admitted(forwarded_at=NOW - timedelta(days=days))
        for kind in _HELD:
            transfer = await subject.befalls(transfer, kind, at=NOW + timedelta(minutes=len(held)))
        held.append(transfer)
    posted = await subject.admitted(received_at=NOW + timedelta(hours=1))
    for kind in _POSTED:
        posted = await subject.befalls(posted, kind, at=NOW + timedelta(hours=1))
    oldest, newest, third, second = held

    assert await subject.store.find(None, states=states, limit=2) == [oldest, second]
    assert await subject.store.find(TENANT, states=states, limit=3) == [oldest, second, third]
    assert (await subject.store.find(TENANT, states=states, limit=9))[:4] == [oldest, second, third, newest]


@pytest.mark.parametrize("states", [(), (IncomingState.NOT_SETTLED,)])
async def test_what_a_person_must_look_at_is_listed_first_however_many_are_newer(
    subject: Subject, states: tuple[IncomingState, ...]
) -> None:
    """Of those the newest first; a list that has no room for all of them leaves out the oldest."""
    contradicted: list[IncomingTransfer] = []
    for minutes in range(4):
        transfer = await subject.admitted(received_at=NOW + timedelta(minutes=minutes))
        kinds = (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.REJECTION_ADVISED)
        for kind in (*kinds, IncomingEvent.SETTLEMENT_ADVISED) if minutes < 3 else kinds:
            transfer = await subject.befalls(transfer, kind, at=NOW + timedelta(minutes=minutes))
        contradicted.append(transfer)
    first, second, third, plain = contradicted

    assert await subject.store.find(TENANT, states=states, limit=2) == [third, second]
    assert await subject.store.find(None, states=states, limit=9) == [third, second, first, plain]


@pytest.mark.parametrize("states", [(), (IncomingState.POSTED, IncomingState.REJECTED)])
async def test_a_late_verdict_that_contradicts_is_kept_listed_first_and_counted_until_somebody_has_seen_to_it(
    subject: Subject, states: tuple[IncomingState, ...]
) -> None:
    """It was in a log and a metric alone: an institution that thinks it has said no would wait for nothing."""
    posted = await subject.admitted()
    for kind in _POSTED:
        posted = await subject.befalls(posted, kind)
    plain = await subject.admitted(received_at=NOW + timedelta(minutes=1))
    for kind in _POSTED:
        plain = await subject.befalls(plain, kind, at=NOW + timedelta(minutes=1))
    before = await subject.store.backlog(NOW)

    late = await subject.befalls(posted, IncomingEvent.REJECTION_DECIDED, details={LATE: "yes"})
    listed = await subject.store.find(TENANT, states=states, limit=1)
    during = await subject.store.backlog(NOW)
    seen_to = await subject.befalls(late, IncomingEvent.OPERATOR_RECORDED_SETTLEMENT)

    assert (late.state, late.attention, late.contrary_word) == (IncomingState.POSTED, None, Verdict.REJECT)
    assert listed == [late]
    assert (before.attention, during.attention, (await subject.store.backlog(NOW)).attention) == (0, 1, 0)
    assert seen_to.contrary_word is None
    assert (await subject.store.find(TENANT, states=states, limit=9))[0] == plain


async def test_a_state_in_which_nothing_is_due_lists_what_came_there_last(subject: Subject) -> None:
    """Whatever was rejected a moment ago is there, though it was received first."""
    rejected: list[IncomingTransfer] = []
    for minutes in (0, 2, 1):
        transfer = await subject.admitted(received_at=NOW - timedelta(minutes=minutes))
        at = NOW + timedelta(minutes=minutes)
        rejected.append(await subject.befalls(transfer, IncomingEvent.REJECTION_DECIDED, at=at))
    first, last, between = rejected

    assert await subject.store.find(TENANT, states=(IncomingState.REJECTED,), limit=2) == [between, last]
    assert await subject.store.find(TENANT, states=(IncomingState.REJECTED,), limit=9) == [first, between, last]


async def test_what_is_not_at_its_end_is_counted_by_state_with_the_age_of_the_oldest(subject: Subject) -> None:
    """What the gauges show: what waits for us, or for people, and how many requests for returns are overdue."""
    older = await subject.admitted(received_at=NOW - timedelta(minutes=5), forwarded_at=NOW - timedelta(hours=7))
    await subject.admitted()
    settled = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    settled = await subject.befalls(settled, IncomingEvent.SETTLEMENT_ADVISED)
    blocked = await subject.befalls(settled, IncomingEvent.BLOCKING_DECIDED)
    await subject.befalls(blocked, IncomingEvent.RETURN_REQUESTED)
    await subject.befalls(await subject.admitted(), IncomingEvent.REJECTION_DECIDED)

    soon, later = await subject.store.backlog(NOW), await subject.store.backlog(NOW + timedelta(days=9))

    assert {state: each.count for state, each in soon.standing.items()} == {
        IncomingState.RECEIVED: 2,
        IncomingState.BLOCKED: 1,
    }
    received = soon.standing[IncomingState.RECEIVED]
    assert (received.oldest_at, received.forwarded_at) == (older.received_at, older.forwarded_at)
    assert (soon.requests_overdue, later.requests_overdue) == (0, 1)
    assert [each.payment_id for each in await subject.store.requested(TENANT, limit=9)] == [blocked.payment_id]


async def test_an_unknown_account_is_none_of_the_directory(subject: Subject) -> None:
    """The stand-in decides what that means."""
    assert await subject.store.account_standing(TENANT, b"nobody's") is AccountStanding.UNKNOWN


# --- PostgreSQL alone ---------------------------------------------------------------------------------------------


async def test_the_history_of_a_received_transfer_is_chained_and_tampering_is_seen(database: Database) -> None:
    """One chain for what is sent and received: a changed amount, and a changed event, are named."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    async with open_pool(database.application_dsn) as pool:
        subject = Subject(PostgresIncoming(pool, region=REGION, vault=VAULT), decider)
        transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
        await subject.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)

    async def violations() -> set[str]:
        async with open_audit_reader(database.application_dsn) as reader:
            return {violation.kind.value for violation in (await verify(reader, [], local=REGION)).violations}

    sound = await violations()
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE incoming_transfer SET amount_cents = amount_cents + 1")
    changed = await violations()
    await owner.execute("UPDATE incoming_transfer SET amount_cents = amount_cents - 1")
    await owner.execute("UPDATE incoming_state SET state = 'POSTED'")
    moved = await violations()
    await owner.execute("UPDATE incoming_state SET state = 'SETTLED'")
    await owner.close()

    assert (sound, changed, moved) == (set(), {"event_changed"}, {"state_differs"})


@pytest.mark.unbalanced("what is not booked is put right by hand at the end")
async def test_a_posting_that_is_not_what_the_state_says_is_found(database: Database) -> None:
    """The control of the balance that every test with a database ends with."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    async with open_pool(database.application_dsn) as pool:
        subject = Subject(PostgresIncoming(pool, region=REGION, vault=VAULT), decider)
        transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
        settled = subject.decision(transfer, IncomingEvent.SETTLEMENT_ADVISED)
        await subject.store.save([replace(settled, postings=())])
        (fault,) = await PostgresLedger(pool).faults(limit=9)

        await pool.execute(
            "INSERT INTO ledger_posting SELECT region, payment_id, tenant_id, 'fednow', epoch, sequence, 'arrive', "
            "'arrived', 'rail', 5174, at FROM payment_event WHERE payment_id = $1 AND sequence = 3",
            transfer.payment_id,
        )
        assert fault.payment_id == transfer.payment_id
        assert fault.state == "SETTLED"
        assert await PostgresLedger(pool).faults(limit=9) == []


async def test_the_inbox_is_that_of_outgoing_payments(database: Database) -> None:
    """One header's id has one effect, whatever it is about."""
    async with open_pool(database.application_dsn) as pool:
        transfer = new()
        await PostgresIncoming(pool, region=REGION, vault=VAULT).admit([transfer])

        seen = await PostgresStore(pool, region=REGION, vault=VAULT).seen(Rail.FEDNOW, [transfer.inbox_id])

    assert seen == {transfer.inbox_id: transfer.inbox_digest}


async def test_a_posting_instruction_that_died_can_be_redriven(database: Database) -> None:
    """It is about a transfer that was received, whose tenant it belongs to; it goes back on its queue."""
    async with open_pool(database.application_dsn) as pool:
        incoming = PostgresIncoming(pool, region=REGION, vault=VAULT)
        (admitted,) = await incoming.admit([new()])
        store = PostgresStore(pool, region=REGION, vault=VAULT)
        letters = PostgresDeadLetters(pool, region=REGION)
        desk = DeadLetters(letters, store, {}, VirtualClock(NOW), SystemIdentifiers())
        delivery_id = SystemIdentifiers().new_uuid()
        instruction = Delivery(delivery_id, Queue.FEDNOW_IN_VALUE, admitted.transfer.payment_id, NOW, attempt=10)
        await letters.keep([DeadLetter(instruction, DeadLetterReason.HANDLER_FAILED, None, NOW, NOW)], at=NOW)

        shown = await desk.show(delivery_id, tenant_id=TENANT)
        outcome = await desk.redrive(delivery_id, by="sample operator", note="The institution is back.")
        async with store.relay(limit=9) as queued:
            again = [(each.queue, each.payment_id) for each in queued]

    assert shown is not None
    assert shown.consequence is Consequence.IS_HANDLED_AGAIN
    assert outcome is ClosingOutcome.DONE
    assert again == [(Queue.FEDNOW_IN_VALUE, admitted.transfer.payment_id)]


async def test_a_tenant_with_a_broken_policy_rejects_and_the_others_receive(database: Database) -> None:
    """One slip in one tenant's rules stops nobody's answers; it is told with its place."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(
        "INSERT INTO tenant (tenant_id, name, created_at, stand_in) VALUES ('other', 'Other', now(), $1)",
        '{"rules": [{"decision": "accept_without_posting"}]}',
    )
    await owner.execute("UPDATE tenant SET stand_in = $1 WHERE tenant_id = $2", '{"reason_code": "AC06"}', TENANT)
    await owner.execute("INSERT INTO receiving_agent VALUES ('990000107', $1), ('990000204', 'other')", TENANT)
    await owner.close()

    async with open_pool(database.application_dsn) as pool:
        read = await PostgresIncoming(pool, region=REGION, vault=VAULT).receiving_tenants()

    sound, broken = (read.tenants[read.by_agent[RoutingNumber(agent)]] for agent in ("990000107", "990000204"))
    assert (sound.fault, sound.stand_in.reason_code) == (None, "AC06")
    assert broken.stand_in == REJECT_ALL
    assert broken.fault is not None
    assert "tenant other: rules[0].decision" in broken.fault


async def test_each_tenants_policy_is_read_from_its_own_row_and_decides_for_it_alone(database: Database) -> None:
    """The same payment to two institutions that say nothing: one tenant's rules accept it, the other's reject it."""
    within = {"rules": [{"decision": "accept", "amount_max": 10_000}], "reason_code": "AC06"}
    below = {"rules": [{"decision": "accept", "amount_max": 5_000}], "reason_code": "AM02"}
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(
        "INSERT INTO tenant (tenant_id, name, created_at, stand_in) VALUES ('other', 'Other', now(), $1)",
        json.dumps(below),
    )
    await owner.execute("UPDATE tenant SET stand_in = $1 WHERE tenant_id = $2", json.dumps(within), TENANT)
    await owner.execute("INSERT INTO receiving_agent VALUES ('990000107', $1), ('990000204', 'other')", TENANT)
    await owner.close()

    async with open_pool(database.application_dsn) as pool:
        read = await PostgresIncoming(pool, region=REGION, vault=VAULT).receiving_tenants()

    decided = [
        read.tenants[read.by_agent[RoutingNumber(agent)]].stand_in.decide(
            sample_transfer(), AccountStanding.OPEN, at=NOW
        )
        for agent in ("990000107", "990000204")
    ]
    assert decided == [InstitutionAnswer(Verdict.ACCEPT), InstitutionAnswer(Verdict.REJECT, "AM02")]


async def test_an_upgrade_without_an_address_leaves_the_institution_where_it_is(database: Database) -> None:
    """A job that does not know the institution must not make a tenant unreachable that has money to be posted."""
    told = FirstTenant(
        TENANT,
        "Sample",
        b"digest",
        receiving_agents=("990000107",),
        institution_url="https://x",
        stand_in={"rules": []},
    )
    for first in (told, FirstTenant(TENANT, "Sample", b"digest")):
        await upgrade(database.owner_dsn, regions=[REGION], first_tenant=first, now=NOW)

    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("DELETE FROM receiving_agent")
    await owner.close()
    async with open_pool(database.application_dsn) as pool:
        read = await PostgresIncoming(pool, region=REGION, vault=VAULT).receiving_tenants()

    assert read.by_agent == {}
    assert read.tenants[TENANT].institution_url == "https://x"


async def test_messages_come_in_the_order_of_their_events_whatever_clocks_said(subject: Subject) -> None:
    """The last that we said is the one to be sent again: a worker whose clock is behind must not change that."""
    transfer = await subject.befalls(await subject.admitted(), IncomingEvent.ACCEPTANCE_DECIDED)
    settled = await subject.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)
    behind = NOW - timedelta(minutes=1)
    posted = subject.decider.decide(settled, IncomingFact(IncomingEvent.POSTING_CONFIRMED), at=behind)
    assert await subject.store.save([posted]) == [True]

    kept = await subject.store.messages(transfer.payment_id)

    assert [message.message_type[:8] for message in kept] == ["pacs.008", "pacs.002", "pacs.002"]
    assert kept[-1].message_id == posted.messages[-1].message_id


async def test_a_transfer_whose_slot_is_another_regions_is_neither_admitted_nor_decided_on(
    where: Database | None, subject: Subject
) -> None:
    """Nothing is saved, and the others of the same call are."""
    mine, gone, coming = await subject.admitted(), await subject.admitted(), new()
    slots = {incoming_slot_of(Rail.FEDNOW, each.message_id) for each in (gone, coming)}
    while incoming_slot_of(Rail.FEDNOW, mine.message_id) in slots:
        mine = await subject.admitted()
    await give_away(where, subject, slots)
    decisions = [subject.decision(each, IncomingEvent.ACCEPTANCE_DECIDED) for each in (mine, gone)]

    with pytest.raises(PartlyFaultyError) as admitting:
        await subject.store.admit([coming])
    with pytest.raises(PartlyFaultyError) as saving:
        await subject.store.save(decisions)

    assert [type(each) for each in admitting.value.outcomes] == [NotHomeError]
    assert [type(each) for each in saving.value.outcomes] == [bool, NotHomeError]
    found = await subject.store.load([mine.payment_id, gone.payment_id, coming.payment_id])
    assert {each.payment_id: each.state for each in found.values()} == {
        mine.payment_id: IncomingState.ACCEPTED,
        gone.payment_id: IncomingState.RECEIVED,
    }


async def give_away(where: Database | None, subject: Subject, slots: set[int]) -> None:
    """Have another region own these slots."""
    if where is None:
        assert isinstance(subject.store, InMemoryIncoming)
        subject.store.store.homes = dict.fromkeys(slots, RegionId("elsewhere"))
        return
    connection = await asyncpg.connect(where.owner_dsn)
    await connection.execute("UPDATE slot SET region = 'elsewhere', epoch = 2 WHERE slot = ANY ($1)", list(slots))
    await connection.close()
