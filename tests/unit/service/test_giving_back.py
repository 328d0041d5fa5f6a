"""What is owed back goes by a pacs.004, a payment like any other: sent once, doubted, tried again where it failed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer, PostingAnswer, PostingOutcome
from gateway.domain.ledger import Account, balances
from gateway.domain.payment import FundsHolder, Payment, PaymentState, Reason, ReasonOrigin
from gateway.domain.returns import RETURNS_MAX, return_key_of, returns_after
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.incoming.desk import NotReturnableError, OtherReturnError
from gateway.service.incoming.post import record_posting
from gateway.service.ports import Delivery, Queue, RailDelivery
from iso20022 import Amount, Direction, FedNowProfile, PaymentReturn, examine
from tests.fakes.incoming_rail import PARTY
from tests.unit.domain.transfers import transfer
from tests.unit.service.incoming_world import IncomingWorld, desk_of_world, fresh, incoming_world
from tests.unit.service.statements import about

REFUSED = PostingAnswer(PostingOutcome.REFUSED, "AC04", "The account is closed.")


@dataclass(slots=True)
class Returning:
    """A world, and a transfer that is owed back."""

    earth: IncomingWorld
    transfer: IncomingTransfer

    @property
    def now(self) -> IncomingTransfer:
        return self.earth.now(self.transfer)

    @property
    def payments(self) -> list[Payment]:
        """The returns, oldest first."""
        return list(self.earth.store.store.rows.payments.values())

    async def see_to(self) -> None:
        """Hand out what the incoming value queue has about the transfer."""
        await self.earth.receiving.arrived.see_to(self.earth.instruction(self.transfer))

    async def dispatch(self) -> Payment:
        """Send the newest return, and return it as it is then."""
        newest = self.payments[-1]
        await self.earth.dispatcher.transfer(
            Delivery(UUID(int=9), Queue.FEDNOW_OUT_VALUE, newest.payment_id, newest.deadline_at, attempt=1)
        )
        return self.payments[-1]

    async def rail_says(self, status: str, *, code: str | None = None) -> None:
        """The rail says this of the newest return, and what it leads to is seen to."""
        newest = self.payments[-1]
        await self.earth.sending.apply([RailDelivery("r", about(newest, status, code=code, at=self.earth.clock.now()))])
        await self.earth.receiving.arrived.see_to(
            Delivery(UUID(int=8), Queue.FEDNOW_IN_VALUE, newest.payment_id, newest.deadline_at, attempt=1)
        )

    async def rail_says_of_question(self, code: str) -> None:
        """The rail refuses the question about the newest return with this code."""
        newest, asked = self.payments[-1], self.earth.rail.sent[-1]
        report = examine(asked.body, profile=FedNowProfile(own_connection_party=PARTY), direction=Direction.TO_RAIL)
        assert report.header is not None
        body = about(newest, "RJCT", at=self.earth.clock.now(), proprietary=code, of=report.header.business_message_id)
        await self.earth.sending.apply([RailDelivery("r", body)])

    def sent(self) -> list[PaymentReturn]:
        """The returns that have left."""
        profile = FedNowProfile(own_connection_party=PARTY)
        reports = [examine(sent.body, profile=profile, direction=Direction.TO_RAIL) for sent in self.earth.rail.sent]
        assert all(report.valid for report in reports), [report.findings for report in reports]
        return [report.message for report in reports if isinstance(report.message, PaymentReturn)]


async def owed(earth: IncomingWorld) -> Returning:
    """A transfer that settled, and that the institution refuses to post."""
    transfer = await earth.settled()
    await record_posting(earth.receiving.decisions, transfer.payment_id, REFUSED)
    return Returning(earth, transfer)


async def in_doubt(case: Returning) -> PaymentState:
    """Nothing is heard of the newest return, and the rail is asked."""
    earth, payment = case.earth, case.payments[-1]
    for kind in (EventKind.DEADLINE_PASSED, EventKind.STATUS_REQUEST_DUE):
        current = earth.store.store.rows.payments[payment.payment_id]
        decision = decide(current, Event(kind), at=earth.clock.now(), timing=Timing())
        assert await earth.store.store.save([decision]) == [True]
    delivery = Delivery(UUID(int=6), Queue.FEDNOW_OUT_INQUIRY, payment.payment_id, payment.deadline_at, attempt=1)
    await earth.dispatcher.enquiry(delivery)
    return case.payments[-1].state


async def test_a_refused_posting_sends_the_money_back_once_and_ends_with_the_rails_word() -> None:
    """RETURN_DUE: one pacs.004 with all of the amount, in the original's words; RETURNED once it has settled."""
    async with incoming_world() as earth:
        case = await owed(earth)
        for _ in range(3):
            await case.see_to()
        await case.dispatch()
        await case.dispatch()
        open_state, between = case.now.state, case.payments[0].state

        await case.rail_says("ACSC")

        (returned,) = case.sent()
        assert (open_state, between) == (IncomingState.RETURN_DUE, PaymentState.SENDING)
        assert (returned.amount, returned.original_amount) == (case.transfer.amount, case.transfer.amount)
        assert returned.original_message is not None
        assert returned.original_message.message_id == case.transfer.message_id
        assert returned.original_uetr == case.transfer.uetr
        assert [reason.reason.text for reason in returned.reasons if reason.reason is not None] == ["AC04"]
        assert case.now.state is IncomingState.RETURNED
        assert (case.now.returned_cents, case.now.returning_cents) == (5_174, 0)
        assert case.payments[0].funds_holder is FundsHolder.ARRIVED
        rows = earth.store.rows.postings[case.transfer.payment_id], earth.store.store.rows.postings
        booked = [*rows[0], *rows[1][case.payments[0].payment_id]]
        assert set(balances(booked).values()) == {0}, "what came has gone, and nobody has gained or lost"


async def test_while_the_return_is_under_way_the_money_is_reserved() -> None:
    """The ledger has it neither with the institution nor gone: and gives it back to what had arrived when it fails."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        payment = case.payments[0].payment_id

        sending = balances(earth.store.store.rows.postings[payment])
        await case.rail_says("RJCT", code="AC03")

        assert (sending[Account.ARRIVED], sending[Account.RESERVED]) == (-5_174, 5_174)
        assert set(balances(earth.store.store.rows.postings[payment]).values()) == {0}


async def test_a_return_that_was_rejected_is_followed_by_another_under_new_ids() -> None:
    """It is certain that no money moved: the money is owed all the same."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        waiting = case.now

        await earth.fire_timers(after_s=120)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        assert (waiting.state, waiting.returning_cents) == (IncomingState.RETURN_DUE, 0)
        assert case.now.state is IncomingState.RETURNED
        first, second = case.sent()
        assert first.message_id != second.message_id
        assert [payment.state for payment in case.payments] == [PaymentState.REJECTED, PaymentState.SETTLED]


async def test_control_a_return_in_doubt_is_not_followed_by_another() -> None:
    """Money may have moved: the rail is asked, and however often the timer fires no second return leaves."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()

        for _ in range(6):
            await earth.fire_timers(after_s=3_600)
            await case.see_to()

        assert len(case.payments) == 1
        assert len(case.sent()) == 1
        assert case.now.returning_cents == 5_174


async def test_a_return_that_never_left_is_tried_again_a_few_times_and_then_a_person_is_called() -> None:
    """Each try has failed for certain; what goes on failing is for someone to look at before the day ends."""
    async with incoming_world() as earth:
        case = await owed(earth)
        for _ in range(RETURNS_MAX):
            await case.see_to()
            await case.dispatch()
            await case.rail_says("RJCT", code="AC03")
            await earth.fire_timers(after_s=3_600)

        assert len(case.payments) == RETURNS_MAX
        assert (case.now.state, case.now.next_step_at) == (IncomingState.RETURN_DUE, None)
        kinds = [each.fact.kind for each in await earth.store.events(case.transfer.payment_id)]
        assert kinds[-1] is IncomingEvent.RETURNS_ENDED

        await desk_of_world(earth).give_back(case.transfer.payment_id, None, key=fresh(), reason=None, by="operator")
        await case.see_to()

        assert len(case.payments) == RETURNS_MAX + 1


async def test_the_worker_that_dies_between_two_commits_leaves_one_return() -> None:
    """The return is accepted under a key: another worker, at another instant, finds it."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()

        await earth.fire_timers(after_s=60)
        await case.see_to()

        assert len(case.payments) == 1
        assert [row.delivery.payment_id for row in earth.store.store.rows.outbox].count(
            case.payments[0].payment_id
        ) == 1


@pytest.mark.parametrize("cents", [5_174, 74])
async def test_what_was_posted_is_given_back_in_parts_and_never_more_than_was_paid(cents: int) -> None:
    """The rail checks a return against its limit alone: that parts do not exceed the payment is ours to see."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.POSTING_CONFIRMED)
        case, desk = Returning(earth, transfer), desk_of_world(earth)
        why = Reason("CUST", ReasonOrigin.INSTITUTION)

        await desk.give_back(transfer.payment_id, Amount(cents), key=fresh(), reason=why, by="tenant")
        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer.payment_id, Amount(1), key=fresh(), reason=why, by="tenant")
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        assert (case.now.state, case.now.returned_cents) == (IncomingState.POSTED, cents)
        assert case.sent()[0].amount == Amount(cents)
        assert case.payments[0].funds_holder is FundsHolder.TENANT
        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer.payment_id, Amount(5_175 - cents), key=fresh(), reason=why, by="tenant")


async def test_money_that_was_never_posted_is_not_returned_by_hand_while_it_is_held() -> None:
    """PENDING: the institution decides first what becomes of it."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.PENDING_DECIDED)

        with pytest.raises(NotReturnableError):
            await desk_of_world(earth).give_back(transfer.payment_id, None, key=fresh(), reason=None, by="tenant")


async def test_a_fact_about_a_former_return_changes_nothing_of_the_next() -> None:
    """The delivery of a return's end may come late, when another is under way."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        await earth.fire_timers(after_s=120)
        await case.see_to()
        await case.dispatch()
        first, before = case.payments[0], case.now

        await earth.receiving.arrived.see_to(
            Delivery(UUID(int=8), Queue.FEDNOW_IN_VALUE, first.payment_id, first.deadline_at, attempt=2)
        )

        assert (case.now.returns, case.now.returning_cents) == (before.returns, 5_174)
        assert case.now.version == before.version


def test_more_than_was_paid_cannot_even_be_decided() -> None:
    """The control below the desk: the decision itself raises."""
    posted = transfer(state=IncomingState.POSTED)
    fact = IncomingFact(IncomingEvent.RETURN_STARTED, details={"amount_cents": str(posted.amount.cents + 1)})

    with pytest.raises(AssertionError):
        returns_after(posted, fact, (IncomingEffect.START_RETURN,))


async def test_the_same_order_again_starts_no_second_return_whatever_became_of_the_first() -> None:
    """A client that got no answer repeats: the return has settled meanwhile, and enough would be left for another."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.POSTING_CONFIRMED)
        case, desk, why = Returning(earth, transfer), desk_of_world(earth), Reason("CUST", ReasonOrigin.INSTITUTION)
        await desk.give_back(transfer.payment_id, Amount(2_000), key="k", reason=why, by="tenant")
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        again = await desk.give_back(transfer.payment_id, Amount(2_000), key="k", reason=why, by="tenant")

        assert (again.returned_cents, again.returning_cents, again.returns) == (2_000, 0, 1)
        with pytest.raises(OtherReturnError):
            await desk.give_back(transfer.payment_id, Amount(1_000), key="k", reason=why, by="tenant")


async def test_a_return_of_which_the_rail_says_that_it_settled_after_all_is_followed_by_none() -> None:
    """RJCT, then ACSC: the money may be gone. No second copy, neither by the timer nor by hand: a person must look."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        await case.rail_says("ACSC")

        await earth.fire_timers(after_s=3_600)
        await case.see_to()

        assert len(case.payments) == 1
        assert (case.now.state, case.now.next_step_at) == (IncomingState.RETURN_DUE, None)
        assert earth.recorder.contradictions
        with pytest.raises(NotReturnableError):
            await desk_of_world(earth).give_back(case.transfer.payment_id, None, key="k", reason=None, by="operator")


async def test_a_return_that_the_rail_does_not_find_goes_again_under_the_same_ids_and_no_other() -> None:
    """In doubt, and "not found": had it been there after all, the rail would refuse the second as a duplicate."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        doubted = await in_doubt(case)

        await case.rail_says_of_question("E400")

        assert doubted is PaymentState.IN_DOUBT
        assert case.payments[0].state is PaymentState.RESEND_DUE
        await case.dispatch()
        assert len(case.payments) == 1
        assert len({each.message_id for each in case.sent()}) == 1


async def test_an_outage_of_hours_loses_no_return() -> None:
    """What never left does not count as tried: it is tried until it leaves."""
    async with incoming_world() as earth:
        case = await owed(earth)
        for _ in range(3 * RETURNS_MAX):
            await case.see_to()
            earth.clock.advance(60)
            await case.dispatch()
            await case.see_to()
            await earth.fire_timers(after_s=3_600)

        assert case.sent() == []
        assert case.now.next_step_at is not None
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")
        assert case.now.state is IncomingState.RETURNED


def test_no_client_can_take_the_key_of_a_return() -> None:
    """An idempotency key in a header has no blanks."""
    assert " " in return_key_of(transfer(state=IncomingState.RETURN_DUE))
