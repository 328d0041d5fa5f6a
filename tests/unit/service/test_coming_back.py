"""A pacs.004 for what we have sent: held against its payment, answered, and booked with it once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingTransfer, PostingAnswer, PostingOutcome, Verdict
from gateway.domain.payment import Payment, PaymentId, PaymentState
from gateway.domain.screening import ScreeningHit, ScreeningPolicy, ScreeningRules, Source
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.fednow import FedNowDialect
from gateway.service.incoming.come_back import DIFFERS, NOT_SETTLED, TOO_MUCH, UNKNOWN
from gateway.service.incoming.hear import FAULT, Arrived
from gateway.service.incoming.post import NotDecidableError
from gateway.service.ports import Delivery, Queue, RawMessage, UnavailableError
from gateway.service.screening import UNNAMED, Screening
from iso20022 import (
    Amount,
    ConnectionPartyId,
    FedNowProfile,
    PaymentReturn,
    RoutingNumber,
    TransactionStatus,
    pacs008,
)
from iso20022.messages.actors import PartyDetails
from simulators.facts import PaymentBooked, ReasonSource
from simulators.forwarding import Order
from tests.acceptance.payments import transfer
from tests.fakes.incoming_rail import PARTY
from tests.fakes.screening import HIT, InMemoryScreener, InMemoryScreening, ScreeningRecorder
from tests.integration.store.harness import new_payment
from tests.unit.service.incoming_world import AGENT, TENANT, IncomingWorld, desk_of_world, incoming_world

SETTLING = (EventKind.SENDING_STARTED, EventKind.SETTLEMENT_REPORTED)


@dataclass(slots=True)
class Sent:
    """A world, and a payment that was sent."""

    earth: IncomingWorld
    payment: Payment

    @property
    def now(self) -> Payment:
        return self.earth.store.store.rows.payments[self.payment.payment_id]

    def brought(self, *, cents: int | None = None, **other: Any) -> Arrived:
        """A return of it as the rail brings it now."""
        booked = replace(booked_as(self.payment, now=self.earth.clock.now()), **other)
        order = Order(
            debtor_agent=AGENT,
            creditor_agent=AGENT,
            returns=booked.message_id,
            returned=None if cents is None else Amount(cents),
        )
        now, number = self.earth.clock.now(), len(self.earth.store.rows.transfers) + 1
        return self.earth.read(self.earth.writer.forward(order, number, recipient=PARTY, now=now, original=booked).body)

    async def received(self, arrived: Arrived) -> IncomingTransfer:
        """The return, durable, and not judged yet."""
        assert await self.earth.hearing.arrive([arrived]) == [None]
        assert isinstance(arrived.reading.transfer, PaymentReturn)
        return next(
            each
            for each in self.earth.store.rows.transfers.values()
            if each.message_id == arrived.reading.transfer.message_id
        )

    async def judged(self, **brought: Any) -> IncomingTransfer:
        """A return of it, received and answered."""
        transfer = await self.received(self.brought(**brought))
        await self.earth.receiving.asker.stand_in(transfer)
        return self.earth.now(transfer)

    async def came_back(self, **brought: Any) -> IncomingTransfer:
        """A return of it that has settled, and is seen to."""
        transfer = await self.judged(**brought)
        await self.earth.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)
        await self.earth.receiving.arrived.see_to(self.earth.instruction(transfer))
        return self.earth.now(transfer)


def booked_as(payment: Payment, *, now: datetime) -> PaymentBooked:
    """The payment as the rail has it."""
    return PaymentBooked(
        copy=1,
        message_id=payment.message_id,
        connection_party=ConnectionPartyId(PARTY),
        message_type="pacs.008.001.08",
        instruction_id=payment.instruction_id,
        end_to_end_id=payment.end_to_end_id,
        transaction_id=None,
        uetr=payment.uetr,
        amount=payment.amount,
        instructing_agent=payment.debtor_agent,
        instructed_agent=payment.creditor_agent,
        document_creation_time=now,
        received_at=now,
        clock_ends_at=now,
        behaviour="SIMSETTLE",
        completes_at=now,
        status=TransactionStatus.ACSC,
        reasons=(),
        reason_source=ReasonSource.RAIL,
    )


def as_sent(payment: Payment, earth: IncomingWorld) -> RawMessage:
    """The payment's message, as it left."""
    now = earth.clock.now()
    message = replace(
        transfer(created=now),
        message_id=payment.message_id,
        end_to_end_id=payment.end_to_end_id,
        uetr=payment.uetr,
        amount=payment.amount,
        instructed_agent=payment.creditor_agent,
        creditor_agent=payment.creditor_agent,
    )
    dialect = FedNowDialect(FedNowProfile(), PARTY)
    made = dialect.transfer_message(payment.message_id, pacs008.build(message), at=now)
    return made.kept(UUID(int=77), at=now)


async def sent(earth: IncomingWorld, *kinds: EventKind) -> Sent:
    """A payment of ours on which this has befallen."""
    store = earth.store.store
    new = new_payment("ORIGINAL", message_id="20261120990000107ORIGINAL")
    (accepted,) = await store.accept([new])
    assert accepted.payment is not None
    return await befall(earth, new.payment_id, *kinds)


async def befall(earth: IncomingWorld, payment_id: PaymentId, *kinds: EventKind) -> Sent:
    """Save what befalls a payment, one after the other, with what it sends."""
    store = earth.store.store
    for kind in kinds:
        current = store.rows.payments[payment_id]
        messages = (as_sent(current, earth),) if kind is EventKind.SENDING_STARTED else ()
        event = Event(kind, details={"amount_cents": "5174"} if kind is EventKind.RETURNED else {})
        decision = decide(current, event, at=earth.clock.now(), timing=Timing(), messages=messages)
        assert await store.save([decision]) == [True]
    return Sent(earth, store.rows.payments[payment_id])


async def test_a_return_of_all_is_accepted_without_asking_posted_and_booked_with_its_payment_once() -> None:
    """It is money of ours: the payment is RETURNED, the institution credits its customer once, however often told."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)

        transfer = await case.came_back()
        await earth.receiving.arrived.see_to(earth.instruction(transfer))
        await earth.receiving.arrived.coming_back.tell_original(transfer)

        assert (transfer.state, transfer.original_id) == (IncomingState.POSTED, case.payment.payment_id)
        assert (case.now.state, case.now.returned_cents) == (PaymentState.RETURNED, 5_174)
        assert [reason.code for reason in [case.now.reason] if reason] == ["AC03"]
        assert earth.institution.credited == {transfer.payment_id: 5_174}
        assert not earth.institution.asked
        assert earth.sent() == ["ACTC", "ACCC"]
        kinds = [each.event.kind for each in await earth.store.store.events(case.payment.payment_id)]
        assert kinds.count(EventKind.RETURNED) == 1


async def test_parts_come_back_until_all_has() -> None:
    """The payment stays settled until the last cent is back."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)

        await case.came_back(cents=5_000)
        between = case.now
        await case.came_back(cents=174)

        assert (between.state, between.returned_cents) == (PaymentState.SETTLED, 5_000)
        assert (case.now.state, case.now.returned_cents) == (PaymentState.RETURNED, 5_174)


async def test_returns_that_together_exceed_the_payment_are_refused() -> None:
    """The rail looks at each alone; we at their sum."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        await case.came_back(cents=5_000)

        refused = await case.judged(cents=175)

        assert refused.state is IncomingState.REJECTED
        assert refused.reason is not None
        assert (refused.reason.code, refused.reason.text) == ("NARR", TOO_MUCH)
        assert case.now.returned_cents == 5_000


async def test_of_two_at_once_that_together_exceed_it_not_both_are_taken() -> None:
    """Both are durable before either is judged: each sees the other."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        first, second = [await case.received(case.brought(cents=cents)) for cents in (5_000, 4_000)]

        await asyncio.gather(*(earth.receiving.asker.stand_in(each) for each in (first, second)))

        states = [earth.now(each).state for each in (first, second)]
        assert states.count(IncomingState.ACCEPTED) <= 1


async def test_control_a_return_that_was_rejected_or_did_not_settle_takes_nothing_from_another() -> None:
    """Only what may move money counts."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        first = await case.judged()
        await earth.befalls(first, IncomingEvent.REJECTION_ADVISED)

        second = await case.judged()

        assert second.state is IncomingState.ACCEPTED


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"message_id": "20261120990000107NOTOURS"}, UNKNOWN),
        ({"uetr": "11111111-1111-4111-8111-111111111111"}, DIFFERS),
        ({"end_to_end_id": "ANOTHER"}, DIFFERS),
        ({"amount": Amount(999_999)}, DIFFERS),
        ({"instructed_agent": RoutingNumber("990001203")}, DIFFERS),
    ],
)
async def test_a_return_of_nothing_that_we_sent_is_refused(other: dict[str, Any], text: str) -> None:
    """Only a payment that is ours, in all that is said of it, can come back."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)

        refused = await case.judged(**other)

        assert refused.state is IncomingState.REJECTED
        assert refused.reason is not None
        assert refused.reason.text == text
        assert earth.sent() == ["RJCT"]
        assert case.now.state is PaymentState.SETTLED


@pytest.mark.parametrize(
    ("kinds", "is_strange"),
    [
        ((EventKind.SENDING_STARTED,), False),
        ((EventKind.SENDING_STARTED, EventKind.REJECTION_REPORTED), True),
    ],
)
async def test_what_is_not_known_to_have_settled_does_not_come_back(
    kinds: tuple[EventKind, ...], *, is_strange: bool
) -> None:
    """In doubt: nobody guesses that it had. Rejected: if money moved all the same, a person must know."""
    async with incoming_world() as earth:
        case = await sent(earth, *kinds)

        refused = await case.judged()

        assert refused.state is IncomingState.REJECTED
        assert refused.reason is not None
        assert refused.reason.text == NOT_SETTLED
        assert bool(earth.recorder.contradictions) is is_strange


async def test_the_same_return_again_is_one() -> None:
    """The rail delivers again, under the same header or another: one transfer, and one booking with its payment."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        arrived = case.brought()
        header_id = arrived.reading.business_message_id
        another = earth.read(arrived.raw.body.replace(header_id.encode(), f"{header_id[:-1]}Z".encode(), 1))
        first = await case.received(arrived)
        for again in (arrived, another):
            await case.received(again)
        await earth.receiving.asker.stand_in(first)
        await earth.befalls(first, IncomingEvent.SETTLEMENT_ADVISED)
        for _ in range(2):
            await earth.receiving.arrived.see_to(earth.instruction(first))

        assert another.reading.business_message_id != header_id
        assert len(earth.store.rows.transfers) == 1
        assert earth.recorder.duplicates == [header_id, another.reading.business_message_id]
        assert case.now.returned_cents == first.amount.cents


async def test_a_fault_in_reading_the_payment_of_one_return_stops_no_other_transfer() -> None:
    """A row that this release cannot read: that one return is set aside, and all that came with it is taken."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        await earth.received()
        batch = [case.brought(), earth.brought()]
        earth.store.store.next_call_raises = ValueError("'whoever' is not a valid FundsHolder")

        codes = await earth.hearing.arrive(batch)

        assert codes == [FAULT, None]
        assert earth.recorder.faults == ["arrive"]


async def test_what_came_back_and_cannot_be_posted_is_held_and_not_sent_back_again() -> None:
    """A return is not returned: whoever it belongs to, the institution finds out."""
    async with incoming_world() as earth:
        earth.institution.posting_of = lambda _: PostingAnswer(PostingOutcome.REFUSED, "AC04")
        case = await sent(earth, *SETTLING)

        transfer = await case.came_back()

        assert transfer.state is IncomingState.PENDING
        assert case.now.state is PaymentState.RETURNED
        with pytest.raises(NotDecidableError):
            await desk_of_world(earth).decide_posting(
                transfer.payment_id, PostingAnswer(PostingOutcome.REFUSED, "AC04"), by="tenant"
            )


async def test_an_institution_that_is_down_does_not_keep_the_payment_from_knowing() -> None:
    """What has settled is booked; that the customer is credited is told again until it is."""
    async with incoming_world() as earth:
        earth.institution.is_down = True
        case = await sent(earth, *SETTLING)

        with pytest.raises(UnavailableError):
            await case.came_back()
        earth.institution.is_down = False
        (transfer,) = earth.store.rows.transfers.values()
        await earth.receiving.arrived.see_to(earth.instruction(transfer))

        assert (case.now.state, case.now.returned_cents) == (PaymentState.RETURNED, 5_174)
        assert earth.now(transfer).state is IncomingState.POSTED


@pytest.mark.parametrize(
    "kinds",
    [
        (IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED,),
        (IncomingEvent.ADVICE_OVERDUE, IncomingEvent.QUESTIONS_ENDED, IncomingEvent.OPERATOR_RECORDED_SETTLEMENT),
    ],
)
async def test_whichever_way_it_arrives_its_payment_knows(kinds: tuple[IncomingEvent, ...]) -> None:
    """Held at once, or by a person's word: its delivery is in the same commit."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        transfer = await earth.befalls(await case.judged(), *kinds)

        queued = earth.queued(Queue.FEDNOW_IN_VALUE)
        await earth.receiving.arrived.see_to(earth.instruction(transfer))

        assert transfer.payment_id in queued
        assert earth.now(transfer).state is IncomingState.PENDING
        assert (case.now.state, case.now.returned_cents) == (PaymentState.RETURNED, 5_174)


async def test_a_decision_before_the_delivery_does_not_keep_the_payment_from_knowing() -> None:
    """The institution, or an operator, may be quicker than the queue."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        transfer = await earth.befalls(await case.judged(), IncomingEvent.SETTLEMENT_ADVISED)

        await desk_of_world(earth).decide_posting(
            transfer.payment_id, PostingAnswer(PostingOutcome.POSTED), by="tenant"
        )

        assert case.now.state is PaymentState.RETURNED


async def test_money_that_the_rail_says_has_come_all_the_same_is_not_taken_again() -> None:
    """Recorded as not settled, and then the rail's ACSC: a person looks; another return of all is refused."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        first = await case.judged()
        await earth.befalls(
            first,
            *(IncomingEvent.ADVICE_OVERDUE, IncomingEvent.QUESTIONS_ENDED),
            *(IncomingEvent.OPERATOR_RECORDED_NO_SETTLEMENT, IncomingEvent.SETTLEMENT_ADVISED),
        )

        second = await case.judged()

        assert second.state is IncomingState.REJECTED
        assert second.reason is not None
        assert second.reason.text == TOO_MUCH


async def test_a_return_that_comes_before_the_rails_word_on_its_payment_waits_for_it() -> None:
    """The rail hands both out at once: the return is no reason to say that its payment had not settled."""
    async with incoming_world() as earth:
        case = await sent(earth, EventKind.SENDING_STARTED)
        arrived = case.brought()
        transfer = await case.received(arrived)
        before = await earth.receiving.arrived.coming_back.judge(transfer)

        await befall(earth, case.payment.payment_id, EventKind.SETTLEMENT_REPORTED)
        after = await earth.receiving.arrived.coming_back.judge(transfer)

        assert before is None
        assert after is not None
        assert after.verdict is Verdict.ACCEPT


async def test_nobody_is_told_that_a_return_did_not_settle_of_which_nobody_was_asked() -> None:
    """It is no transfer that an institution knows."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        transfer = await earth.befalls(await case.judged(), IncomingEvent.REJECTION_ADVISED)

        await earth.receiving.arrived.see_to_words(earth.instruction(transfer))

        assert earth.institution.not_settled_ids == set()


POSTED = PostingAnswer(PostingOutcome.POSTED)
IN_VAIN = (IncomingEvent.ADVICE_OVERDUE, IncomingEvent.QUESTIONS_ENDED)


async def hand_out(earth: IncomingWorld) -> None:
    """Hand out everything that the incoming value queue has."""
    for row in list(earth.store.store.rows.outbox):
        if row.delivery.queue is Queue.FEDNOW_IN_VALUE:
            due = row.delivery
            await earth.receiving.arrived.see_to(
                Delivery(due.delivery_id, due.queue, due.payment_id, due.deadline_at, attempt=1)
            )


@pytest.mark.parametrize("kinds", [IN_VAIN, (IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED,), None])
async def test_on_whatever_way_a_return_arrived_its_payment_knows(kinds: tuple[IncomingEvent, ...] | None) -> None:
    """By an operator's record, by ACWP, before it was answered: and though it was posted before anybody saw to it."""
    async with incoming_world() as earth:
        case, desk = await sent(earth, *SETTLING), desk_of_world(earth)
        if kinds is None:
            transfer = await case.received(case.brought())
            await earth.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)
        else:
            transfer = await case.judged()
            await earth.befalls(transfer, *kinds)
        if kinds is IN_VAIN:
            await desk.record_settlement(transfer.payment_id, settled=True, note="Support says so.", by="operator")
        await desk.decide_posting(transfer.payment_id, POSTED, by="operator")

        for _ in range(2):
            await hand_out(earth)

        assert (case.now.state, case.now.returned_cents) == (PaymentState.RETURNED, 5_174)
        assert earth.now(transfer).state is IncomingState.POSTED


async def test_a_return_that_is_posted_before_the_instruction_is_handled_is_told_to_its_payment() -> None:
    """The institution reads the list and is quicker than our delivery."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        transfer = await case.judged()
        await earth.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)
        await desk_of_world(earth).decide_posting(transfer.payment_id, POSTED, by="tenant")

        await hand_out(earth)

        assert case.now.returned_cents == 5_174


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_money_that_came_back_against_our_record_comes_back_once_and_is_booked_by_a_person(
    *, is_recorded: bool
) -> None:
    """Recorded as not settled, or rejected by us; then the rail says it settled: it counts, and nobody is stuck."""
    async with incoming_world() as earth:
        case, desk = await sent(earth, *SETTLING), desk_of_world(earth)
        transfer = await case.judged()
        if is_recorded:
            await earth.befalls(transfer, *IN_VAIN)
            await desk.record_settlement(transfer.payment_id, settled=False, note="Support says so.", by="operator")
        else:
            await earth.befalls(transfer, IncomingEvent.REJECTION_ADVISED)
        await earth.befalls(transfer, IncomingEvent.SETTLEMENT_ADVISED)

        second = await case.judged()
        (listed, *_) = await desk.find(None, states=(), limit=9)
        await desk.record_settlement(transfer.payment_id, settled=True, note="It did.", by="operator")
        await hand_out(earth)

        assert second.reason is not None
        assert second.reason.text == TOO_MUCH
        assert (listed.payment_id, listed.attention) == (transfer.payment_id, Attention.CONTRADICTED)
        assert (case.now.returned_cents, earth.now(transfer).state) == (5_174, IncomingState.PENDING)
        assert earth.now(transfer).attention is None


async def test_a_person_may_find_that_it_did_not_come_back_after_all() -> None:
    """Then it takes nothing from another return."""
    async with incoming_world() as earth:
        case, desk = await sent(earth, *SETTLING), desk_of_world(earth)
        transfer = await earth.befalls(
            await case.judged(), IncomingEvent.REJECTION_ADVISED, IncomingEvent.SETTLEMENT_ADVISED
        )
        await desk.record_settlement(transfer.payment_id, settled=False, note="A fault of theirs.", by="operator")

        assert (await case.judged()).state is IncomingState.ACCEPTED


async def returned_while_screened(
    earth: IncomingWorld, *, hits: tuple[ScreeningHit, ...] = (), **fault: Any
) -> tuple[Sent, IncomingTransfer, InMemoryScreener]:
    """A return that has come to a tenant who has everything looked at, decided on."""
    case, screener, store = await sent(earth, *SETTLING), InMemoryScreener(hits=hits, **fault), InMemoryScreening()
    store.policies[TENANT] = ScreeningPolicy(incoming=ScreeningRules(lists=("own.csv",)))
    asker = earth.receiving.asker
    asker.screening = Screening(store, {Source.LISTS: screener}, earth.clock, ScreeningRecorder())
    plain = case.brought().raw.body
    ultimate = b"<UltmtDbtr><Pty><Nm>Ultimate Sample</Nm></Pty></UltmtDbtr>"
    transfer = await case.received(earth.read(plain.replace(b"<RtrChain>", b"<RtrChain>" + ultimate)))
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(asker.run())
        await asyncio.sleep(0)
        asker.take_up(transfer, await earth.receiving.messages.received(transfer))
        async with asyncio.timeout(5):
            while earth.now(transfer).state is IncomingState.RECEIVED or asker.in_hand:
                await asyncio.sleep(0)
        loop.cancel()
    return case, earth.now(transfer), screener


async def test_what_comes_back_is_looked_at_by_who_pays_it_back_and_is_paid_back() -> None:
    """The names and accounts that the return itself states; where nobody finds anything it is accepted as ever."""
    async with incoming_world() as earth:
        _, transfer, screener = await returned_while_screened(earth)

        (subject,) = screener.asked
        assert (subject.debtor.reveal(), subject.creditor.reveal()) == ("Sample Creditor", "Sample Debtor")
        assert "Ultimate Sample" in {name.reveal() for name in subject.other_names}
        assert transfer.state is IncomingState.ACCEPTED
        details = (await earth.store.events(transfer.payment_id))[-1].fact.details
        assert details == {"decided_by": "gateway", "screened_by": "lists"}


async def test_money_of_who_is_found_on_a_list_comes_back_and_is_held_for_a_person() -> None:
    """ACWP: the payment knows that it came back, the customer is not credited, and nothing is given back again."""
    async with incoming_world() as earth:
        case, transfer, _ = await returned_while_screened(earth, hits=(HIT,))
        await earth.befalls(transfer, IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED)
        await earth.receiving.arrived.see_to(earth.instruction(transfer))

        assert (transfer.state, transfer.answer) == (IncomingState.ACCEPTED_WITHOUT_POSTING, "ACWP")
        assert earth.now(transfer).state is IncomingState.PENDING
        assert case.now.state is PaymentState.RETURNED
        assert earth.institution.credited == {}


async def test_what_comes_back_is_rejected_where_nobody_could_look() -> None:
    """An outage is no doubt about entitlement: the money stays where it is, also in the timers' hands."""
    async with incoming_world() as earth:
        _, down, _ = await returned_while_screened(earth, is_down=True)
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        store = InMemoryScreening()
        store.policies[TENANT] = ScreeningPolicy(incoming=ScreeningRules(lists=("own.csv",)))
        earth.receiving.asker.screening = Screening(store, {}, earth.clock, ScreeningRecorder())
        late = await case.judged()

    assert [down.state, late.state] == [IncomingState.REJECTED] * 2


async def test_a_return_that_does_not_name_who_pays_back_is_not_accepted_where_it_is_to_be_looked_at() -> None:
    """Nobody can look for a name that is not there."""
    async with incoming_world() as earth:
        case = await sent(earth, *SETTLING)
        message = case.brought().reading.transfer
        assert isinstance(message, PaymentReturn)
        assert message.return_chain is not None
        nameless = replace(message, return_chain=replace(message.return_chain, debtor=PartyDetails()))
        screening = Screening(InMemoryScreening(), {Source.LISTS: InMemoryScreener()}, earth.clock, ScreeningRecorder())
        screening.policies = {TENANT: ScreeningPolicy(incoming=ScreeningRules(lists=("own.csv",)))}
        screening.is_read = True
        transfer = await case.received(case.brought())

        looked = [await screening.incoming(transfer, each, (), within_s=1) for each in (nameless, message)]

    assert [each.fault for each in looked] == [UNNAMED, None]
