"""Returns on a real PostgreSQL: one at a time whoever starts it, one payment whoever begins it, both links chained."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import asyncpg
import pytest

from adapters.keys.clear import ClearVault
from adapters.postgres.audit import open_audit_reader
from adapters.postgres.connection import open_pool
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingFact, IncomingTransfer, Verdict
from gateway.domain.payment import FundsHolder, Payment, PaymentState, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.timing import Timing
from gateway.service.decide import Decisions, decide, grouped_saves
from gateway.service.fednow import fednow_protocol
from gateway.service.incoming.come_back import ComingBack
from gateway.service.incoming.decide import IncomingDecider, IncomingDecisions, grouped_incoming_saves
from gateway.service.incoming.desk import IncomingDesk, NotRecordableError, NotReturnableError
from gateway.service.incoming.give_back import GivingBack
from gateway.service.incoming.hear import Arrived, new_transfer
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.rail import Received
from gateway.service.ports import NewTransfer
from gateway.service.verify_audit import verify
from iso20022 import Amount, CustomerCreditTransfer, FedNowProfile, PaymentReturn
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from tests.conftest import REGION, Database
from tests.fakes.clock import VirtualClock
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.integration.store.harness import new_payment
from tests.integration.store.test_incoming_contract import NOW, new
from tests.unit.service.incoming_world import AGENT, IncomingRecorder, fresh
from tests.unit.service.test_coming_back import booked_as
from tests.unit.service.world import Recorder

VAULT = ClearVault(b"a-key-for-tests-only")
WHY = Reason("CUST", ReasonOrigin.INSTITUTION)


@dataclass(slots=True)
class Process:
    """One process of several on a database."""

    store: PostgresIncoming
    payments: PostgresStore
    desk: IncomingDesk
    giving_back: GivingBack

    async def begin(self, transfer: IncomingTransfer) -> None:
        """See to the return that is under way."""
        await self.giving_back.see_to((await self.store.load([transfer.payment_id]))[transfer.payment_id])


@asynccontextmanager
async def processes(database: Database, count: int) -> AsyncIterator[list[Process]]:
    """So many, each with a pool of its own."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        made, loops, clock = [], [], VirtualClock()
        for _ in range(count):
            pool = await stack.enter_async_context(open_pool(database.application_dsn, connections_max=2))
            store, payments = (kind(pool, region=REGION, vault=VAULT) for kind in (PostgresIncoming, PostgresStore))
            assert isinstance(store, PostgresIncoming)
            assert isinstance(payments, PostgresStore)
            protocol = fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=Timing())
            rails, saves = {Rail.FEDNOW: receiving_rail(protocol)}, grouped_incoming_saves(store)
            decider = IncomingDecider(rails, SystemIdentifiers())
            decisions = IncomingDecisions(store, saves, decider, clock, IncomingRecorder())
            messages = ReceivedMessages(store, rails)
            giving_back = GivingBack(decisions, payments, {Rail.FEDNOW: protocol}, messages, VAULT)
            saving, protocols = grouped_saves(payments), {Rail.FEDNOW: protocol}
            coming_back = ComingBack(store, Decisions(payments, saving, Recorder()), protocols, messages, clock)
            made.append(Process(store, payments, IncomingDesk(decisions, coming_back), giving_back))
            loops.append(group.create_task(saves.run()))
        yield made
        for loop in loops:
            loop.cancel()


async def brought(process: Process) -> IncomingTransfer:
    """A transfer as the rail brings it, durable."""
    writer = FedNowForwarding(FedNowSimulatorSettings(), MessageIds(started_at=NOW))
    order = Order(amount=Amount(5_174), debtor_agent=new().debtor_agent, creditor_agent=AGENT)
    body = writer.forward(order, 1, recipient=PARTY, now=NOW).body
    message = receiving_rail().read(body).transfer
    assert isinstance(message, CustomerCreditTransfer)
    waiting = new(message_id=message.message_id, end_to_end_id=message.end_to_end_id, uetr=message.uetr)
    (admitted,) = await process.store.admit([replace(waiting, message=replace(waiting.message, body=body))])
    return admitted.transfer


async def befalls(process: Process, transfer: IncomingTransfer, *kinds: IncomingEvent) -> IncomingTransfer:
    """Save what befalls a transfer, one after the other."""
    decider = process.desk.decisions.decider
    for number, kind in enumerate(kinds, 1):
        at = NOW + timedelta(seconds=number)
        assert await process.store.save([decider.decide(transfer, IncomingFact(kind), at=at)]) == [True]
        transfer = (await process.store.load([transfer.payment_id]))[transfer.payment_id]
    return transfer


SETTLED = (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED)


async def returns_in(database: Database) -> list[asyncpg.Record]:
    """The returns that were accepted."""
    connection = await asyncpg.connect(database.application_dsn)
    rows = await connection.fetch("SELECT * FROM payment WHERE original_id IS NOT NULL")
    await connection.close()
    return list(rows)


async def test_of_many_returns_that_are_started_at_once_one_is(database: Database) -> None:
    """The version decides: the sum of two would exceed the payment, and the rail would not see it."""
    async with processes(database, 4) as made:
        transfer = await befalls(made[0], await brought(made[0]), *SETTLED, IncomingEvent.POSTING_CONFIRMED)

        outcomes = await asyncio.gather(
            *(
                each.desk.give_back(transfer.payment_id, Amount(3_000), key=fresh(), reason=WHY, by="a test")
                for each in made
            ),
            return_exceptions=True,
        )

        now = (await made[0].store.load([transfer.payment_id]))[transfer.payment_id]
        assert sum(isinstance(outcome, IncomingTransfer) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, NotReturnableError) for outcome in outcomes) == 3
        assert (now.returns, now.returning_cents) == (1, 3_000)


async def test_a_return_that_every_process_begins_at_once_is_one_payment(database: Database) -> None:
    """Its key is a function of the transfer and its number; its money is taken from what had arrived."""
    async with processes(database, 4) as made:
        transfer = await befalls(made[0], await brought(made[0]), *SETTLED, IncomingEvent.POSTING_REFUSED)

        await asyncio.gather(*(each.begin(transfer) for each in made))

        (row,) = await returns_in(database)
        assert (row["original_id"], row["funds_holder"]) == (transfer.payment_id, "arrived")
        loaded: Payment = (await made[1].payments.load([row["payment_id"]]))[row["payment_id"]]
        assert loaded.original_id == transfer.payment_id
        assert (loaded.state, loaded.funds_holder) == (PaymentState.RECEIVED, FundsHolder.ARRIVED)
        connection = await asyncpg.connect(database.application_dsn)
        queued = await connection.fetchval("SELECT count(*) FROM outbox WHERE payment_id = $1", row["payment_id"])
        await connection.close()
        assert queued == 1


@pytest.mark.unbalanced("the end of a return is saved that no payment has")
async def test_how_much_has_gone_back_is_kept_and_timers_find_what_is_owed(database: Database) -> None:
    """RETURN_DUE is the gateway's to see to; what has been posted is, while a return is under way."""
    async with processes(database, 1) as (process,):
        transfer = await befalls(process, await brought(process), *SETTLED, IncomingEvent.POSTING_REFUSED)
        due = await process.store.due_timers(NOW + timedelta(hours=1), limit=9)
        failed = await befalls(process, transfer, IncomingEvent.RETURN_FAILED)
        again = await befalls(process, failed, IncomingEvent.RETURN_STARTED)
        ended = await befalls(process, again, IncomingEvent.RETURN_SETTLED)

        assert [timer.payment_id for timer in due] == [transfer.payment_id]
        assert (transfer.returns, transfer.returning_cents, transfer.returned_cents) == (1, 5_174, 0)
        assert (failed.returns, failed.returning_cents, failed.returned_cents) == (1, 0, 0)
        assert (again.returns, again.returning_cents, again.returned_cents) == (2, 5_174, 0)
        assert (ended.state, ended.returns, ended.returned_cents) == (IncomingState.RETURNED, 2, 5_174)
        assert await process.store.due_timers(NOW + timedelta(days=9), limit=9) == []


async def test_what_went_back_by_hand_is_recorded_once_and_the_ledger_has_it_no_more(database: Database) -> None:
    """Of two operators at once one has recorded it; the books are in balance (the fixture looks)."""
    async with processes(database, 2) as made:
        transfer = await befalls(made[0], await brought(made[0]), *SETTLED, IncomingEvent.POSTING_REFUSED)
        await befalls(made[0], transfer, IncomingEvent.RETURNS_ENDED)

        outcomes = await asyncio.gather(
            *(each.desk.record_return(transfer.payment_id, note="By hand.", by="a test") for each in made),
            return_exceptions=True,
        )

        assert sum(isinstance(outcome, NotRecordableError) for outcome in outcomes) == 1
        now = (await made[0].store.load([transfer.payment_id]))[transfer.payment_id]
        assert (now.state, now.next_step_at) == (IncomingState.RETURNED_BY_HAND, None)


async def test_what_was_owed_and_had_never_come_is_taken_out_of_the_ledger(database: Database) -> None:
    """The rail says no after its yes, and nothing of the return had left; the fixture looks at the books."""
    async with processes(database, 1) as (process,):
        transfer = await befalls(process, await brought(process), *SETTLED, IncomingEvent.POSTING_REFUSED)
        await befalls(process, transfer, IncomingEvent.RETURNS_ENDED, IncomingEvent.REJECTION_ADVISED)

        now = await process.desk.record_settlement(transfer.payment_id, settled=False, note="Never.", by="a test")

        assert (now.state, now.attention, now.next_step_at) == (IncomingState.NOT_SETTLED, None, None)


async def test_what_a_person_must_look_at_is_kept_listed_first_and_counted(database: Database) -> None:
    """A return that failed for good leaves the state as it was: nobody would find it."""
    async with processes(database, 1) as (process,):
        transfer = await befalls(process, await brought(process), *SETTLED, IncomingEvent.POSTING_REFUSED)
        before = await process.store.backlog(NOW)
        ended = await befalls(process, transfer, IncomingEvent.RETURNS_ENDED)
        await process.store.admit([new(), new()])

        (first, *_) = await process.store.find(None, states=(), limit=9)
        others = await process.store.find(TenantId("another"), states=(), limit=9)
        during = await process.store.backlog(NOW)
        again = await befalls(process, ended, IncomingEvent.RETURN_STARTED)
        after = await process.store.backlog(NOW)
        strange = await befalls(process, again, IncomingEvent.RETURN_CONTRADICTED)

        assert (first.payment_id, first.attention) == (transfer.payment_id, Attention.RETURN_FAILED)
        assert others == []
        assert (before.attention, during.attention) == (0, 1)
        assert (ended.next_step_at, strange.attention) == (None, Attention.CONTRADICTED)
        assert (again.attention, after.attention) == (None, 0)
        assert strange.next_step_at == again.next_step_at, "what is under way is seen to"


async def went_back(process: Process) -> tuple[IncomingTransfer, Payment]:
    """A transfer that was owed, and the return of it, which has settled."""
    transfer = await befalls(process, await brought(process), *SETTLED, IncomingEvent.POSTING_REFUSED)
    await process.begin(transfer)
    (payment,) = await process.desk.returns(transfer)
    for kind in (EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED):
        assert await process.payments.save([decide(payment, Event(kind), at=NOW, timing=Timing())]) == [True]
        payment = (await process.payments.load([payment.payment_id]))[payment.payment_id]
    return transfer, payment


@pytest.mark.unbalanced("sums are planted that no return makes")
@pytest.mark.parametrize("cents", [0, 5_173, 5_175])
async def test_a_sum_that_its_returns_do_not_make_is_found(database: Database, cents: int) -> None:
    """On it the next return is decided. Between the two commits of a return's end nothing is wrong yet."""
    async with processes(database, 1) as (process,), open_pool(database.application_dsn) as pool:
        transfer, payment = await went_back(process)
        sums = PostgresLedger(pool)
        between = await sums.return_faults(told_until=NOW, limit=9)
        await process.begin(transfer)
        before = await sums.return_faults(told_until=NOW, limit=9)
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute("UPDATE incoming_state SET returned_cents = $1", cents)
        await owner.close()

        found = await sums.return_faults(told_until=NOW, limit=9)

        assert between == before == []
        assert payment.amount == transfer.amount
        assert [(each.payment_id, each.kept_cents, each.found_cents) for each in found] == [
            (transfer.payment_id, cents, 5_174)
        ]


@pytest.mark.unbalanced("a payment is planted that does not know what came back of it")
async def test_money_that_came_back_and_is_not_booked_with_its_payment_is_found(database: Database) -> None:
    """Whatever its own transfer says, the payment must know; at first it need not, as that is another transaction."""
    async with processes(database, 1) as (process,), open_pool(database.application_dsn) as pool:
        payment = await settled_payment(process, "sent")
        waiting = new(original_id=payment.payment_id, end_to_end_id=payment.end_to_end_id)
        waiting = replace(waiting, message_type="pacs.004.001.10", amount=Amount(1_000))
        (admitted,) = await process.store.admit([waiting])
        arrived = await befalls(process, admitted.transfer, *SETTLED, IncomingEvent.POSTING_CONFIRMED)
        sums = PostgresLedger(pool)

        at_first = await sums.return_faults(told_until=NOW - timedelta(hours=1), limit=9)
        found = await sums.return_faults(told_until=arrived.updated_at, limit=9)
        event = Event(EventKind.PART_RETURNED, details={"amount_cents": "1000"})
        booked = decide(payment, event, at=NOW, timing=Timing(), inbox_id=f"return:{arrived.payment_id}")
        assert await process.payments.save([replace(booked, inbox_digest=b"told")]) == [True]
        afterwards = await sums.return_faults(told_until=arrived.updated_at, limit=9)

        assert at_first == afterwards == []
        assert [(each.payment_id, each.kept_cents, each.found_cents) for each in found] == [
            (payment.payment_id, 0, 1_000)
        ]


async def settled_payment(process: Process, key: str) -> Payment:
    """A payment of ours that the rail has settled."""
    (accepted,) = await process.payments.accept([new_payment(key)])
    payment = accepted.payment
    assert payment is not None
    for kind in (EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED):
        assert await process.payments.save([decide(payment, Event(kind), at=NOW, timing=Timing())]) == [True]
        payment = (await process.payments.load([payment.payment_id]))[payment.payment_id]
    return payment


def part_of(payment: Payment, cents: int, writer: FedNowForwarding) -> NewTransfer:
    """A return of a part of it as the rail brings it."""
    order = Order(debtor_agent=AGENT, creditor_agent=AGENT, returns=payment.message_id, returned=Amount(cents))
    original = booked_as(payment, now=NOW)
    body = writer.forward(order, 1, recipient=PARTY, now=NOW, original=original).body
    rail = receiving_rail()
    reading = rail.read(body)
    assert isinstance(reading.transfer, PaymentReturn), reading.codes
    raw = replace(new().message, message_type=reading.message_type, body=body, at=NOW)
    return new_transfer(
        rail,
        Arrived(raw, reading, b"digest"),
        reading.transfer,
        keeper=payment.tenant_id,
        vault=VAULT,
        original_id=payment.payment_id,
        end_to_end_id=payment.end_to_end_id,
    )


@pytest.mark.parametrize("is_durable_first", [True, False])
async def test_of_two_returns_at_once_that_are_together_too_much_not_both_are_taken(
    database: Database, *, is_durable_first: bool
) -> None:
    """Each is durable before it is judged, so one of two sees the other. The control judges first: both are taken."""
    taken, writer = [], FedNowForwarding(FedNowSimulatorSettings(), MessageIds(started_at=NOW))
    async with processes(database, 2) as made:

        async def bring(process: Process, payment: Payment) -> Verdict:
            brought = part_of(payment, 4_000, writer)
            transfer = brought.received(region=REGION)
            if is_durable_first:
                (admitted,) = await process.store.admit([brought])
                answer = await process.desk.coming_back.judge(admitted.transfer)
            else:
                process.desk.coming_back.messages.keep(transfer.payment_id, Received(_message_in(brought)))
                answer = await process.desk.coming_back.judge(transfer)
                await process.store.admit([brought])
            assert answer is not None
            return answer.verdict

        for number in range(10):
            payment = await settled_payment(made[0], f"paid-{number}")
            verdicts = await asyncio.gather(*(bring(process, payment) for process in made))
            taken.append(verdicts.count(Verdict.ACCEPT))

            assert len(await made[0].store.returns_of(payment)) == 2

    assert (max(taken) < 2) is is_durable_first


def _message_in(brought: NewTransfer) -> PaymentReturn:
    message = receiving_rail().read(brought.message.body).transfer
    assert isinstance(message, PaymentReturn)
    return message


async def test_what_came_back_is_found_by_its_payment(database: Database) -> None:
    """Whatever became of it; and no other payment's."""
    async with processes(database, 1) as (process,):
        (accepted,) = await process.payments.accept([new_payment("sent")])
        payment = accepted.payment
        assert payment is not None
        references = {"end_to_end_id": payment.end_to_end_id, "message_type": "pacs.004.001.10"}
        waiting = new(original_id=payment.payment_id, **references)
        waiting = replace(waiting, message=replace(waiting.message, message_type="pacs.004.001.10"))
        await process.store.admit([waiting, new(end_to_end_id=payment.end_to_end_id)])

        (found,) = await process.store.returns_of(payment)

        assert (found.payment_id, found.original_id) == (waiting.payment_id, payment.payment_id)
        assert found.is_return


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE payment SET original_id = gen_random_uuid() WHERE original_id IS NOT NULL",
        "UPDATE payment SET original_id = NULL WHERE original_id IS NOT NULL",
        "UPDATE incoming_transfer SET original_id = gen_random_uuid() WHERE original_id IS NOT NULL",
        "UPDATE incoming_transfer SET original_id = gen_random_uuid() WHERE original_id IS NULL",
        "UPDATE incoming_transfer SET original_id = NULL, message_type = 'pacs.008.001.08'",
    ],
)
async def test_the_links_between_returns_and_originals_are_chained(database: Database, edit: str) -> None:
    """Which payment came back, and what was given back, cannot be changed unseen."""
    async with processes(database, 1) as (process,), open_pool(database.application_dsn) as pool:
        transfer = await befalls(process, await brought(process), *SETTLED, IncomingEvent.POSTING_REFUSED)
        await process.begin(transfer)
        waiting = new(original_id=transfer.payment_id, message_type="pacs.004.001.10")
        await process.store.admit([replace(waiting, message=replace(waiting.message, message_type="pacs.004.001.10"))])

        async def violations() -> int:
            async with open_audit_reader(database.application_dsn) as reader:
                return len((await verify(reader, [], local=REGION)).violations)

        before = await violations()
        owner = await asyncpg.connect(database.owner_dsn)
        await owner.execute(edit)
        after = await violations()
        await owner.close()

        assert (before, after > 0) == (0, True)
        assert await PostgresLedger(pool).faults(limit=9) == []
