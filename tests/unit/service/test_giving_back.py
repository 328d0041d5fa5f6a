"""What is owed back goes by a pacs.004, a payment like any other: sent once, doubted, tried again where it failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from adapters.http.submissions import _KEY
from gateway.domain.doubt import EXPIRED
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import Attention, IncomingFact, IncomingTransfer, PostingAnswer, PostingOutcome
from gateway.domain.ledger import Account, balances
from gateway.domain.payment import FundsHolder, Payment, PaymentId, PaymentState, Rail, Reason, ReasonOrigin
from gateway.domain.returns import return_key_of, returnable, returns_after
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.fednow import fednow_protocol
from gateway.service.incoming.desk import NotRecordableError, NotReturnableError, OtherReturnError
from gateway.service.incoming.give_back import INVALID
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.post import record_posting
from gateway.service.ports import Delivery, Queue, RailDelivery, RawMessage, RetentionOverError
from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    Direction,
    FedNowProfile,
    PaymentReturn,
    examine,
    read,
    unwrap,
)
from iso20022.messages import pacs004
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.integration.store.harness import new_payment
from tests.unit.domain.transfers import transfer
from tests.unit.service.incoming_world import IncomingWorld, desk_of_world, incoming_world
from tests.unit.service.statements import about

WHY = Reason("CUST", ReasonOrigin.INSTITUTION)
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

    async def befalls(self, *kinds: EventKind) -> None:
        """Save what befalls the newest return, one after the other."""
        for kind in kinds:
            reason = EXPIRED if kind is EventKind.DEADLINE_PASSED else None
            decision = decide(self.payments[-1], Event(kind, reason), at=self.earth.clock.now(), timing=Timing())
            assert await self.earth.store.store.save([decision]) == [True]

    def delivery(self) -> Delivery:
        """What is queued of the newest return."""
        newest = self.payments[-1]
        return Delivery(UUID(int=9), Queue.FEDNOW_OUT_VALUE, newest.payment_id, newest.deadline_at, attempt=1)

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


async def test_the_returns_of_a_transfer_are_shown_also_while_one_is_under_way() -> None:
    """Whoever must find out about one in doubt finds its message id with the transfer; no other's are among them."""
    async with incoming_world() as earth:
        case, desk = await owed(earth), desk_of_world(earth)
        not_begun = await desk.returns(case.now)
        await case.see_to()
        await case.befalls(EventKind.DEADLINE_PASSED)
        await case.see_to()
        assert case.now.next_step_at is not None
        await earth.fire_timers(after_s=(case.now.next_step_at - earth.clock.now()).total_seconds())
        await case.see_to()
        other = await owed(earth)
        await other.see_to()
        await case.dispatch()

        shown = await desk.returns(case.now)

        assert not_begun == []
        assert [each.state for each in shown] == [PaymentState.REJECTED, PaymentState.RECEIVED]
        assert {each.original_id for each in shown} == {case.transfer.payment_id}
        assert [each.state for each in await desk.returns(other.now)] == [PaymentState.SENDING]


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


async def test_a_return_that_left_and_was_rejected_waits_for_a_person_who_is_told() -> None:
    """The rail may yet contradict itself: no other follows by itself, and nobody need look for it."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")

        await earth.fire_timers(after_s=3_600)
        waiting, desk = case.now, desk_of_world(earth)
        (listed,) = await desk.find(None, states=(), limit=9)
        backlog = await earth.store.backlog(earth.clock.now())
        await desk.give_back(case.transfer.payment_id, None, key="again", reason=None, by="operator")
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        assert (waiting.state, waiting.returning_cents, waiting.next_step_at) == (IncomingState.RETURN_DUE, 0, None)
        assert (listed.attention, backlog.attention) == (Attention.RETURN_FAILED, 1)
        assert (case.now.state, case.now.attention) == (IncomingState.RETURNED, None)
        first, second = case.sent()
        assert first.message_id != second.message_id
        assert [payment.state for payment in case.payments] == [PaymentState.REJECTED, PaymentState.SETTLED]


@pytest.mark.parametrize(
    "kinds", [(EventKind.DEADLINE_PASSED,), (EventKind.SENDING_STARTED, EventKind.SENDING_ABANDONED)]
)
async def test_a_return_that_never_left_is_followed_by_another_however_long_the_rail_is_away(
    kinds: tuple[EventKind, ...],
) -> None:
    """A link that is down, or a planned window, of hours: the pauses grow, and what is owed is never out of sight."""
    async with incoming_world() as earth:
        case, began_at = await owed(earth), earth.clock.now()
        for _ in range(12):
            await case.see_to()
            await case.befalls(*kinds)
            await case.see_to()
            assert (case.now.returning_cents, case.now.attention) == (0, None)
            assert case.now.next_step_at is not None
            await earth.fire_timers(after_s=(case.now.next_step_at - earth.clock.now()).total_seconds())
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        assert (earth.clock.now() - began_at).total_seconds() > 4 * 3_600
        assert case.now.state is IncomingState.RETURNED
        assert len(case.sent()) == 1


async def test_a_return_that_was_taken_over_is_followed_by_no_other_by_itself() -> None:
    """Another region may have sent it, and its word may not have come here: what became of it a person finds out."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.befalls(EventKind.TAKEN_OVER, EventKind.QUESTIONS_EXHAUSTED, EventKind.OPERATOR_RECORDED_REJECTION)
        await case.see_to()
        await earth.fire_timers(after_s=7_200)

        assert (case.now.returning_cents, case.now.attention) == (0, Attention.RETURN_FAILED)
        assert len(case.payments) == 1


async def test_a_return_that_was_taken_over_between_two_tries_is_a_persons_who_is_told() -> None:
    """The lost region may have started the next one, of another day and so under other ids: none starts by itself."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.befalls(EventKind.DEADLINE_PASSED)
        await case.see_to()
        between = case.now
        earth.store.rows.transfers[between.payment_id] = replace(between, is_taken_over=True)
        await earth.fire_timers(after_s=7_200)

        assert (between.state, between.attention) == (IncomingState.RETURN_DUE, None)
        assert (case.now.attention, case.now.next_step_at) == (Attention.RETURN_FAILED, None)
        assert (case.now.returns, case.now.returning_cents, len(case.payments)) == (1, 0, 1)
        assert returnable(case.now) == case.transfer.amount, "a person may have it go"


async def test_what_the_rail_says_has_settled_after_it_was_rejected_is_not_sent_again() -> None:
    """RJCT, then ACSC: whatever is true, a second return would be one too many. Only who has asked the rail goes on."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        for _ in range(2):
            await case.rail_says("ACSC")

        await earth.fire_timers(after_s=3_600)
        await case.see_to()
        desk, transfer_id = desk_of_world(earth), case.transfer.payment_id
        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer_id, None, key="blindly", reason=None, by="operator")
        before = case.now

        assert (before.state, before.attention) == (IncomingState.RETURN_DUE, Attention.CONTRADICTED)
        assert len(case.payments) == len(case.sent()) == 1
        assert len(earth.recorder.contradictions) == 1
        queued = earth.queued(Queue.FEDNOW_IN_VALUE)
        assert queued.count(case.payments[0].payment_id) == 3, "its end, and each word against it"

        await desk.give_back(transfer_id, None, key="asked", reason=None, by="operator", note="Support: not settled.")
        await case.see_to()

        assert len(case.payments) == 2


async def test_a_return_that_was_started_before_the_contradiction_was_told_does_not_begin() -> None:
    """The delivery that tells of it may be late: who begins a return looks at the former ones itself."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        first = case.payments[0]
        said = about(first, "ACSC", at=earth.clock.now())
        await earth.sending.apply([RailDelivery("late", said)])
        await desk_of_world(earth).give_back(case.transfer.payment_id, None, key="2", reason=None, by="operator")

        await case.see_to()

        assert len(case.payments) == 1
        assert (case.now.returning_cents, case.now.attention) == (0, Attention.CONTRADICTED)


async def test_a_contradiction_of_a_former_return_ends_the_next_that_never_left() -> None:
    """Heard while another is under way: that one goes no further than it has gone, and none follows by itself."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        first, desk = case.payments[0], desk_of_world(earth)
        await desk.give_back(case.transfer.payment_id, None, key="2", reason=None, by="operator")
        await case.see_to()
        said = about(first, "ACSC", at=earth.clock.now())
        await earth.sending.apply([RailDelivery("late", said)])
        await earth.receiving.arrived.see_to(
            Delivery(UUID(int=8), Queue.FEDNOW_IN_VALUE, first.payment_id, first.deadline_at, attempt=1)
        )
        await case.befalls(EventKind.DEADLINE_PASSED)
        await case.see_to()
        for _ in range(3):
            await earth.fire_timers(after_s=3_600)
            await case.see_to()

        assert len(case.payments) == 2
        assert len(case.sent()) == 1
        assert (case.now.returning_cents, case.now.attention) == (0, Attention.CONTRADICTED)
        assert case.now.next_step_at is None


async def test_a_person_records_that_what_was_owed_has_gone_back_by_hand() -> None:
    """Not while a return is under way, which may go as well; afterwards none is started, and the money is gone once."""
    async with incoming_world() as earth:
        case, desk = await owed(earth), desk_of_world(earth)
        transfer_id = case.transfer.payment_id
        with pytest.raises(NotRecordableError):
            await desk.record_return(transfer_id, note="Too early.", by="operator")
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")

        ended = await desk.record_return(transfer_id, note="By the rail's portal.", by="operator")

        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer_id, None, key="again", reason=None, by="operator")
        with pytest.raises(NotRecordableError):
            await desk.record_return(transfer_id, note="Again.", by="operator")
        await earth.fire_timers(after_s=86_400)
        await case.see_to()
        assert (ended.state, ended.attention, ended.next_step_at) == (IncomingState.RETURNED_BY_HAND, None, None)
        assert len(case.sent()) == 1
        rows = earth.store.rows.postings[transfer_id], earth.store.store.rows.postings[case.payments[0].payment_id]
        assert set(balances([*rows[0], *rows[1]]).values()) == {0}, "what came has gone, and nobody has gained or lost"


async def test_a_return_that_settles_after_it_was_recorded_by_hand_is_a_contradiction() -> None:
    """The rail says, late, that the one it had rejected has gone: with the one by hand, two may have."""
    async with incoming_world() as earth:
        case, desk = await owed(earth), desk_of_world(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        await desk.record_return(case.transfer.payment_id, note="By the rail's portal.", by="operator")

        await case.rail_says("ACSC")

        assert (case.now.state, case.now.attention) == (IncomingState.RETURNED_BY_HAND, Attention.CONTRADICTED)
        assert len(earth.recorder.contradictions) == 1


async def test_what_the_rail_cannot_find_goes_again_under_its_own_ids_alone() -> None:
    """It is no certainty: the same ids are refused by the rail as a duplicate, were the first there after all."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        earth.clock.advance(60)
        await case.befalls(EventKind.DEADLINE_PASSED)
        await earth.dispatcher.enquiry(case.delivery())
        asked = examine(earth.rail.sent[-1].body, profile=FedNowProfile()).header
        assert asked is not None
        said = about(case.payments[0], "RJCT", proprietary="E400", at=earth.clock.now(), of=asked.business_message_id)
        await earth.sending.apply([RailDelivery("r", said)])
        between = case.payments[0].state
        await case.see_to()
        await case.dispatch()

        assert between is PaymentState.RESEND_DUE
        assert len(case.payments) == 1
        assert len({each.message_id for each in case.sent()}) == 1


async def test_the_institution_is_told_of_every_end_of_a_return_once() -> None:
    """It has taken the money from its customer: that it is here still, or has gone, must not be found by chance."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.POSTING_CONFIRMED)
        case, desk = Returning(earth, transfer), desk_of_world(earth)
        for number, (said, code) in enumerate((("RJCT", "AC03"), ("ACSC", None))):
            await desk.give_back(transfer.payment_id, Amount(2_000), key=f"{number}", reason=WHY, by="tenant")
            await case.see_to()
            await case.dispatch()
            await case.rail_says(said, code=code)
        told = [row.delivery for row in earth.store.store.rows.outbox if row.delivery.queue is Queue.FEDNOW_IN_NONVALUE]
        for each in told:
            delivery = Delivery(each.delivery_id, each.queue, each.payment_id, each.deadline_at, attempt=1)
            await earth.receiving.arrived.see_to_words(delivery)

        kinds = [kind for kind, _ in earth.institution.returns_told]
        assert kinds == [IncomingEvent.RETURN_FAILED, IncomingEvent.RETURN_SETTLED]
        assert len(set(earth.institution.returns_told)) == 2


@pytest.mark.parametrize("cents", [2_000, 2_001])
async def test_a_return_that_is_ordered_again_under_its_key_is_one(cents: int) -> None:
    """The answer was lost, and the first has settled: the same order shows the transfer, another content is refused."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.POSTING_CONFIRMED)
        case, desk = Returning(earth, transfer), desk_of_world(earth)
        await desk.give_back(transfer.payment_id, Amount(2_000), key="one", reason=WHY, by="tenant")
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        again = desk.give_back(transfer.payment_id, Amount(cents), key="one", reason=WHY, by="tenant")
        if cents == 2_000:
            assert (await again).returned_cents == 2_000
        else:
            with pytest.raises(OtherReturnError):
                await again
        assert len(case.payments) == 1

        await desk.give_back(transfer.payment_id, Amount(2_000), key="two", reason=WHY, by="tenant")
        await case.see_to()

        assert len(case.payments) == 2, "another key is another return"


async def test_a_return_that_cannot_begin_ends_and_a_person_is_told() -> None:
    """Its key is another payment's, by a fault of ours: nothing has left, and the money is not stuck behind it."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await earth.store.store.accept([new_payment(return_key_of(case.now))])

        await case.see_to()

        assert (case.now.returning_cents, case.now.attention) == (0, Attention.RETURN_FAILED)
        assert earth.recorder.parkings == [case.transfer.payment_id]
        assert case.sent() == []


async def test_a_return_that_breaks_the_rails_rules_does_not_leave_and_a_person_is_told_which() -> None:
    """It is looked at before it is accepted, as what a client sends is: the rail need not find it."""
    async with incoming_world() as earth:
        case, profile = await owed(earth), FedNowProfile(return_reasons=frozenset({"CUST"}))
        strict = {Rail.FEDNOW: fednow_protocol(profile, connection_party=PARTY, timing=Timing())}

        await replace(earth.receiving.arrived.giving_back, protocols=strict).see_to(case.now)

        ended = (await earth.store.events(case.transfer.payment_id))[-1].fact
        assert (case.now.returning_cents, case.now.attention) == (0, Attention.RETURN_FAILED)
        assert ended.reason is not None
        assert (ended.reason.code, "FEDNOW_REASON_LIST" in (ended.reason.text or "")) == (INVALID, True)
        assert not case.payments
        assert not case.sent()


@pytest.mark.parametrize(
    ("text", "words"), [("The account is closed.", "AC04: The account is closed."), (None, "AC04"), ("x" * 105, "AC04")]
)
async def test_a_reason_that_the_rail_does_not_take_goes_in_words(text: str | None, words: str) -> None:
    """The money goes back whatever the institution has said; its code is not lost."""
    async with incoming_world() as earth:
        transfer = await earth.settled()
        message = await earth.receiving.messages.of(transfer)
        assert isinstance(message, CustomerCreditTransfer)
        rail = receiving_rail(profile=FedNowProfile(return_reasons=frozenset({"CUST", "NARR"})))

        made = rail.return_of(
            transfer,
            message,
            amount=transfer.amount,
            reason=Reason("AC04", ReasonOrigin.INSTITUTION, text),
            reference="A",
            business_date=earth.clock.now().date(),
            at=earth.clock.now(),
        )

        document = unwrap(read(made.body)).document
        assert document is not None
        (reason,) = pacs004.parse(document).reasons
        assert reason.reason is not None
        assert (reason.reason.text, [each.reveal() for each in reason.additional]) == ("NARR", [words])


class _YearsLater(InMemoryIncoming):
    """Keeps the messages of transfers no more."""

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Raise; see the port."""
        raise RetentionOverError(str(payment_id))


@pytest.mark.parametrize("was_begun", [True, False])
async def test_a_return_whose_original_is_kept_no_more_ends_unless_it_was_begun(*, was_begun: bool) -> None:
    """It cannot be made any more, and is not stuck; of one that may have left nothing is guessed."""
    async with incoming_world() as earth:
        case = await owed(earth)
        if was_begun:
            await case.see_to()
        messages = ReceivedMessages(_YearsLater(earth.store.store), earth.receiving.rails)
        giving_back = replace(earth.receiving.arrived.giving_back, messages=messages)

        if was_begun:
            with pytest.raises(RetentionOverError):
                await giving_back.see_to(case.now)
        else:
            await giving_back.see_to(case.now)

        ended = (0, Attention.RETURN_FAILED)
        assert (case.now.returning_cents, case.now.attention) == ((5_174, None) if was_begun else ended)


def test_no_client_can_have_the_key_of_a_return() -> None:
    """A header's key has no space in it."""
    assert _KEY.fullmatch(return_key_of(transfer(state=IncomingState.RETURN_DUE))) is None


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


async def test_a_return_has_the_ids_of_the_day_on_which_it_was_started_whenever_it_begins() -> None:
    """A region that was lost may have sent it before the day's end: whoever takes it over has to ask about that id.

    The institution says once more that it refuses to post: that starts no other.
    """
    ids: list[str] = []
    for later_s in (0, 86_400):
        async with incoming_world() as earth:
            case = await owed(earth)
            earth.clock.advance(later_s)
            await earth.befalls(case.transfer, IncomingEvent.POSTING_REFUSED)
            await case.see_to()
            ids.append(case.payments[0].message_id)

    assert ids[0] == ids[1]


@pytest.mark.parametrize("cents", [5_174, 74])
async def test_what_was_posted_is_given_back_in_parts_and_never_more_than_was_paid(cents: int) -> None:
    """The rail checks a return against its limit alone: that parts do not exceed the payment is ours to see."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.POSTING_CONFIRMED)
        case, desk = Returning(earth, transfer), desk_of_world(earth)
        why = Reason("CUST", ReasonOrigin.INSTITUTION)

        await desk.give_back(transfer.payment_id, Amount(cents), key="1", reason=why, by="tenant")
        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer.payment_id, Amount(1), key="2", reason=why, by="tenant")
        await case.see_to()
        await case.dispatch()
        await case.rail_says("ACSC")

        assert (case.now.state, case.now.returned_cents) == (IncomingState.POSTED, cents)
        assert case.sent()[0].amount == Amount(cents)
        assert case.payments[0].funds_holder is FundsHolder.TENANT
        with pytest.raises(NotReturnableError):
            await desk.give_back(transfer.payment_id, Amount(5_175 - cents), key="3", reason=why, by="tenant")


async def test_money_that_was_never_posted_is_not_returned_by_hand_while_it_is_held() -> None:
    """PENDING: the institution decides first what becomes of it."""
    async with incoming_world() as earth:
        transfer = await earth.befalls(await earth.settled(), IncomingEvent.PENDING_DECIDED)

        with pytest.raises(NotReturnableError):
            await desk_of_world(earth).give_back(transfer.payment_id, None, key="1", reason=None, by="tenant")


async def test_a_fact_about_a_former_return_changes_nothing_of_the_next() -> None:
    """The delivery of a return's end may come late, when another is under way."""
    async with incoming_world() as earth:
        case = await owed(earth)
        await case.see_to()
        await case.dispatch()
        await case.rail_says("RJCT", code="AC03")
        await desk_of_world(earth).give_back(case.transfer.payment_id, None, key="2", reason=None, by="operator")
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
