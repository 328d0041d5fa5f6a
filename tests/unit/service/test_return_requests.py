"""Requests for returns through the use cases: asked once, answered by table, judged where nobody is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import pytest

from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, PaymentState, Rail, Reason, ReasonOrigin
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.domain.receiving_time import business_days_later
from gateway.domain.request import RequestState
from gateway.domain.return_request import REQUEST_ID
from gateway.service.incoming.desk import NotReturnableError
from gateway.service.incoming.requests import NotAnswerableError, NotAskableError, ReturnRequests
from gateway.service.ports import Decision, Delivery, Queue, RailDelivery, UnavailableError
from gateway.service.questions import QuestionDesk
from iso20022 import (
    Amount,
    Direction,
    FedNowProfile,
    PaymentCancellationRequest,
    ReceiptAcknowledgement,
    Resolution,
    examine,
)
from iso20022.messages.original import Reason as Stated
from iso20022.messages.shape import Code
from simulators.facts import TransferForwarded
from simulators.fednow.requests import RequestWriter
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.forwarding import Order
from simulators.message_ids import MessageIds
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming_rail import PARTY
from tests.unit.service.incoming_world import AGENT, IncomingWorld, desk_of_world, incoming_world
from tests.unit.service.test_coming_back import SETTLING, Sent, befall, booked_as, sent

WHY = Reason("DUPL", ReasonOrigin.INSTITUTION, "It was sent twice.")


def requests_of(earth: IncomingWorld) -> ReturnRequests:
    """The use case."""
    return earth.receiving.arrived.requests


def said(earth: IncomingWorld) -> list[object]:
    """What has left, read as the rail reads it; all of it valid."""
    profile = FedNowProfile(own_connection_party=PARTY)
    reports = [examine(each.body, profile=profile, direction=Direction.TO_RAIL) for each in earth.rail.sent]
    assert all(report.valid for report in reports), [report.findings for report in reports]
    return [report.message for report in reports]


# --- Ours ---------------------------------------------------------------------------------------------------------


class Asking:
    """A settled payment whose return is asked for."""

    def __init__(self, case: Sent) -> None:
        self.case, self.earth = case, case.earth

    @property
    def now(self) -> Payment:
        return self.case.now

    async def ask(self, reason: Reason = WHY) -> Payment:
        return await requests_of(self.earth).ask(self.now.payment_id, reason, tenant_id=None, by="a test")

    @property
    def delivery(self) -> Delivery:
        return Delivery(UUID(int=5), Queue.FEDNOW_OUT_NONVALUE, self.now.payment_id, self.now.deadline_at, attempt=1)

    async def see_to(self) -> None:
        await requests_of(self.earth).see_to_ours(self.delivery)
        await self.earth.send_kept()

    async def hears(self, code: str) -> None:
        """What the network says to the request that left last."""
        request = next(each for each in reversed(said(self.earth)) if isinstance(each, PaymentCancellationRequest))
        writer = RequestWriter(FedNowSimulatorSettings(), MessageIds(started_at=self.earth.clock.now()))
        told, _ = writer.answered(
            _with_reason(request, code), booked_as(self.now, now=self.earth.clock.now()), now=self.earth.clock.now()
        )
        await self.delivered(told)

    async def delivered(self, told: Sequence[bytes]) -> None:
        """The rail brings this."""
        await self.earth.sending.apply([RailDelivery(str(number), body) for number, body in enumerate(told)])


def _with_reason(request: PaymentCancellationRequest, code: str) -> PaymentCancellationRequest:
    return replace(request, reasons=(Stated(reason=Code(code)),))


async def asking(earth: IncomingWorld, *kinds: EventKind) -> Asking:
    """A payment on which this has befallen, with the message that was sent."""
    return Asking(await sent(earth, *kinds))


async def test_a_return_is_asked_for_and_what_is_answered_stands_with_the_payment() -> None:
    """One timeline: asked, received, agreed; then a pacs.004 ends it."""
    async with incoming_world() as earth:
        case = await asking(earth, *SETTLING)

        asked = await case.ask()
        await case.see_to()
        await case.hears("DUPL")
        agreed = case.now
        await case.see_to()
        await case.case.came_back()

        assert asked.request.state is RequestState.REQUESTED
        assert asked.request.due_at is not None
        assert agreed.request.state is RequestState.AGREED
        assert case.now.request.state is RequestState.RETURNED
        assert case.now.state is PaymentState.RETURNED
        kinds = [type(each) for each in said(earth)]
        assert kinds[:2] == [PaymentCancellationRequest, ReceiptAcknowledgement]
        events = [each.event.kind for each in await earth.store.store.events(case.now.payment_id)]
        assert events[3:6] == [
            *(EventKind.RETURN_ASKED, EventKind.RETURN_RECEIPT_REPORTED, EventKind.RETURN_AGREED_REPORTED)
        ]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("AM09", RequestState.AGREED),
        ("TECH", RequestState.PENDING),
        ("CUST", RequestState.REFUSED),
        ("FRAD", RequestState.REQUESTED),
    ],
)
async def test_each_answer_has_its_state(code: str, state: RequestState) -> None:
    """IPAY and PECR, PDCR, RJCR, and none at all."""
    async with incoming_world() as earth:
        case = await asking(earth, *SETTLING)
        await case.ask()
        await case.see_to()

        await case.hears(code)

        assert case.now.request.state is state
        assert case.now.state is PaymentState.SETTLED


async def test_what_is_remembered_of_the_sending_says_nothing_of_a_request() -> None:
    """Another worker has heard of the settlement: this one still has the payment as it was when it was sent."""
    async with incoming_world() as earth:
        case = await asking(earth, EventKind.SENDING_STARTED)
        remembered = case.now
        await befall(earth, remembered.payment_id, *SETTLING[1:])
        await case.ask()
        await case.see_to()
        earth.sending.decisions.sent.remember(
            cast("Decision", SimpleNamespace(state=PaymentState.SENDING, outcome=remembered))
        )

        await case.hears("AM09")

        assert case.now.request.state is RequestState.AGREED
        assert not earth.store.store.rows.quarantine


async def test_what_was_asked_is_asked_again_only_when_its_answer_is_overdue() -> None:
    """Under a new message id; the former answer is then another case's."""
    async with incoming_world() as earth:
        case = await asking(earth, *SETTLING)
        first = await case.ask()
        with pytest.raises(NotAskableError) as refused:
            await case.ask()
        earth.clock.advance(6 * 86_400)

        second = await case.ask()

        assert refused.value.code == "already_asked"
        assert first.request.message_id != second.request.message_id


@pytest.mark.parametrize(
    ("kinds", "days", "code"),
    [
        ((EventKind.SENDING_STARTED,), 0, "not_settled"),
        ((EventKind.SENDING_STARTED, EventKind.REJECTION_REPORTED), 0, "not_settled"),
        ((*SETTLING, EventKind.RETURNED), 0, "already_returned"),
        (SETTLING, 61, "too_late"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_before_anything_leaves(
    kinds: tuple[EventKind, ...], days: int, code: str
) -> None:
    """A payment that has not settled, one that came back, and one of more than 60 days ago."""
    async with incoming_world() as earth:
        case = await asking(earth, *kinds)
        earth.clock.advance(days * 86_400)

        with pytest.raises(NotAskableError) as refused:
            await case.ask()

        assert refused.value.code == code
        assert earth.rail.sent == []


async def test_an_answer_to_another_case_is_kept_for_a_person() -> None:
    """It says nothing of the request that stands now."""
    async with incoming_world() as earth:
        case = await asking(earth, *SETTLING)
        await case.ask()
        await case.see_to()
        earth.clock.advance(6 * 86_400)
        await case.ask()

        await case.hears("CUST")

        assert case.now.request.state is RequestState.REQUESTED
        assert [each.codes for each in earth.store.store.rows.quarantine.values()] == [("CASE_DIFFERS",)]


# --- Theirs -------------------------------------------------------------------------------------------------------


class Asked:
    """A transfer that came, and whose sender asks for it back."""

    def __init__(self, earth: IncomingWorld) -> None:
        self.earth = earth
        order = Order(debtor_agent=AGENT, creditor_agent=AGENT)
        self.forwarded: TransferForwarded = earth.writer.forward(order, 1, recipient=PARTY, now=earth.clock.now())
        self.transfer: IncomingTransfer | None = None

    @property
    def now(self) -> IncomingTransfer:
        assert self.transfer is not None
        return self.earth.now(self.transfer)

    async def stands(self, *kinds: IncomingEvent) -> None:
        """It was received, and this has befallen it."""
        assert await self.earth.hearing.arrive([self.earth.read(self.forwarded.body)]) == [None]
        (self.transfer,) = self.earth.store.rows.transfers.values()
        await self.earth.befalls(self.transfer, *kinds)

    async def is_asked(self, reason: str = "DUPL", *, is_unknown: bool = False) -> None:
        """The rail brings the request, and it is seen to."""
        body = self.earth.writer.ask_back(
            self.forwarded, reason, days_later=0, is_unknown=is_unknown, now=self.earth.clock.now()
        )
        await self.earth.sending.apply([RailDelivery("r", body)])
        await self.see_to()

    async def see_to(self) -> None:
        if self.transfer is not None:
            await self.earth.receiving.arrived.see_to_words(self.earth.instruction(self.transfer))
        await self.earth.send_kept()

    async def answer(self, kind: IncomingEvent, *, cents: int | None = None, code: str | None = None) -> None:
        reason = None if code is None else Reason(code, ReasonOrigin.INSTITUTION)
        amount = None if cents is None else Amount(cents)
        await requests_of(self.earth).answer(self.now.payment_id, kind, amount=amount, reason=reason, by="a test")
        await self.see_to()

    def answers(self) -> list[tuple[str, list[str]]]:
        """What we have answered."""
        found = [each for each in said(self.earth) if isinstance(each, Resolution)]
        return [
            (
                each.confirmation or "",
                [reason.reason.text for one in each.payments for reason in one.reasons if reason.reason is not None],
            )
            for each in found
        ]


POSTED = (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_CONFIRMED)


async def test_a_request_is_acknowledged_and_waits_for_the_institution() -> None:
    """admi.007 at once; RECEIVED until midnight of the next standard business day."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)

        await case.is_asked()

        assert case.now.request.state is RequestState.RECEIVED
        assert case.now.request.due_at is not None
        assert [type(each) for each in said(earth)] == [ReceiptAcknowledgement]


@pytest.mark.parametrize(("reason", "days"), [("DUPL", 1), ("FRAD", 1), ("WNTB", 20)])
async def test_an_answer_is_due_by_the_reason_and_a_final_one_ten_days_after_it_was_put_off(
    reason: str, days: int
) -> None:
    """FedNow: one standard business day, for a warranty claim twenty; PDCR gives ten, whatever was asked for."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)

        await case.is_asked(reason)
        asked = case.now.request
        earth.clock.advance(3_600)
        await case.answer(IncomingEvent.RETURN_DEFERRED)

        assert (asked.state, asked.due_at) == (RequestState.RECEIVED, business_days_later(earth.clock.now(), days))
        pending = case.now.request
        assert (pending.state, pending.due_at) == (RequestState.PENDING, business_days_later(earth.clock.now(), 10))


@pytest.mark.parametrize(("cents", "confirmation"), [(None, "IPAY"), (5_174, "IPAY"), (2_000, "PECR")])
async def test_agreed_the_return_begins_with_the_answer(cents: int | None, confirmation: str) -> None:
    """One commit: no IPAY without its pacs.004 under way, and none without its answer."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        await case.is_asked()

        await case.answer(IncomingEvent.RETURN_AGREED, cents=cents)
        started = case.now
        await earth.receiving.arrived.see_to(earth.instruction(started))
        await earth.befalls(started, IncomingEvent.RETURN_SETTLED)

        assert case.answers() == [(confirmation, [])]
        assert started.request.state is RequestState.AGREED
        assert started.returning_cents == (cents or 5_174)
        assert len(earth.store.store.rows.payments) == 1
        assert case.now.request.state is RequestState.RETURNED
        with pytest.raises(NotAnswerableError):
            await case.answer(IncomingEvent.RETURN_REFUSED, code="CUST")


async def test_pending_then_refused() -> None:
    """PDCR, and within ten standard business days RJCR with its reason."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        await case.is_asked()
        soon = case.now.request.due_at

        await case.answer(IncomingEvent.RETURN_DEFERRED)
        later = case.now.request.due_at
        await case.answer(IncomingEvent.RETURN_REFUSED, code="CUST")

        assert case.answers() == [("PDCR", []), ("RJCR", ["CUST"])]
        assert soon is not None
        assert later is not None
        assert later > soon + timedelta(days=9)
        assert (case.now.request.state, case.now.request.due_at) == (RequestState.REFUSED, None)
        assert case.now.returning_cents == 0


@pytest.mark.parametrize(
    ("kinds", "state", "answer"),
    [
        ((IncomingEvent.REJECTION_DECIDED,), RequestState.REFUSED, ("RJCR", ["NOOR"])),
        ((IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.REJECTION_ADVISED), RequestState.REFUSED, ("RJCR", ["NOOR"])),
        (
            (*POSTED[:2], IncomingEvent.POSTING_REFUSED, IncomingEvent.RETURN_SETTLED),
            RequestState.REFUSED,
            ("RJCR", ["ARDT"]),
        ),
        ((*POSTED[:2], IncomingEvent.POSTING_REFUSED), RequestState.AGREED, ("IPAY", [])),
    ],
)
async def test_what_needs_nobody_is_answered_at_once(
    kinds: tuple[IncomingEvent, ...], state: RequestState, answer: tuple[str, list[str]]
) -> None:
    """No money came; it has gone back already; it is on its way back."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*kinds)

        await case.is_asked()
        await case.see_to()

        assert case.now.request.state is state
        assert answer in case.answers()


_E = IncomingEvent
OWED = (*POSTED[:2], _E.POSTING_REFUSED)


@pytest.mark.parametrize(
    "kinds",
    [
        (_E.ACCEPTANCE_DECIDED, _E.REJECTION_ADVISED, _E.SETTLEMENT_ADVISED),
        (_E.REJECTION_DECIDED, _E.SETTLEMENT_ADVISED),
        (*OWED, _E.RETURN_CONTRADICTED),
        (),
    ],
)
async def test_what_is_not_certain_of_the_money_is_not_answered_by_the_gateway(
    kinds: tuple[IncomingEvent, ...],
) -> None:
    """The rail has contradicted itself, or nobody has decided yet: NOOR or IPAY would be a guess. A receipt is none."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*kinds)

        await case.is_asked()

        assert (case.now.request.state, case.answers()) == (RequestState.RECEIVED, [])
        assert [type(each) for each in said(earth)] == [ReceiptAcknowledgement]
        with pytest.raises(NotReturnableError, match="contradicts itself" if kinds else "nothing of it"):
            await case.answer(_E.RETURN_AGREED)


async def test_who_has_found_out_that_no_money_came_answers_so() -> None:
    """What was left to a person is theirs to answer, once the contradiction is ended."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(_E.ACCEPTANCE_DECIDED, _E.REJECTION_ADVISED, _E.SETTLEMENT_ADVISED)
        await case.is_asked()
        await desk_of_world(earth).record_settlement(case.now.payment_id, settled=False, note="Case 1", by="a test")

        await case.answer(_E.RETURN_REFUSED, code="NOOR")

        assert case.answers() == [("RJCR", ["NOOR"])]


@pytest.mark.parametrize("is_unknown", [True, False])
async def test_what_the_rail_has_settled_and_is_missing_here_is_not_denied(*, is_unknown: bool) -> None:
    """It never came, or came and did not settle here: NOOR is no guess only once a person has closed it."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(_E.ACCEPTANCE_DECIDED, _E.REJECTION_ADVISED)
        body = earth.writer.ask_back(case.forwarded, "DUPL", days_later=0, is_unknown=is_unknown, now=earth.clock.now())
        named = earth.hearing.rail.read(body).about
        for kind in (RailEventKind.MISSING, RailEventKind.CLOSED):
            event_id = UUID(int=900 + len(earth.events.kept))
            at = earth.clock.now()
            await earth.events.note(
                RailEvent(event_id=event_id, rail=Rail.FEDNOW, kind=kind, code="", about=named, at=at)
            )
            await case.is_asked(is_unknown=is_unknown)
            await case.see_to()
            earth.clock.advance(1)
            if kind is RailEventKind.MISSING:
                assert [type(each) for each in said(earth)] == [ReceiptAcknowledgement]

        assert case.answers() == [("RJCR", ["NOOR"])]


async def failed(earth: IncomingWorld) -> Asked:
    """Money that is owed back, whose return was rejected: no other follows by itself."""
    case = Asked(earth)
    await case.stands(*OWED, _E.RETURNS_ENDED)
    return case


async def test_no_return_is_promised_that_nobody_has_started() -> None:
    """RETURN_DUE alone is no promise: neither the gateway says IPAY nor the institution, before a return is started."""
    async with incoming_world() as earth:
        case = await failed(earth)
        await case.is_asked()
        waiting = case.now.request.state
        with pytest.raises(NotReturnableError, match="start one"):
            await case.answer(_E.RETURN_AGREED)
        unanswered = case.answers()

        await desk_of_world(earth).give_back(case.now.payment_id, None, key="k", reason=None, by="a test")
        await case.answer(_E.RETURN_AGREED)

        assert (waiting, unanswered) == (RequestState.RECEIVED, [])
        assert case.answers() == [("IPAY", [])]
        assert case.now.returning_cents == case.now.amount.cents


async def test_a_return_whose_next_try_is_scheduled_is_promised() -> None:
    """The control: the last one never left, and another follows by itself."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*OWED, _E.RETURN_FAILED)

        await case.is_asked()
        await case.see_to()

        assert (case.now.returning_cents, case.now.attention) == (0, None)
        assert case.answers()[0] == ("IPAY", [])


@pytest.mark.parametrize("answers", [(), (_E.RETURN_DEFERRED,), (_E.RETURN_AGREED,), (_E.RETURN_REFUSED,)])
async def test_every_request_is_acknowledged_once_whatever_was_answered_before(
    answers: tuple[IncomingEvent, ...],
) -> None:
    """Two, each under an id of its own, each with one receipt however often it is seen to."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        await case.is_asked()
        for kind in answers:
            await case.answer(kind, code="CUST" if kind is _E.RETURN_REFUSED else None)
        earth.clock.advance(1)

        await case.is_asked()
        await case.see_to()

        asked = [
            each.fact.details[REQUEST_ID]
            for each in await earth.store.events(case.now.payment_id)
            if each.fact.kind is _E.RETURN_REQUESTED
        ]
        receipts = [each for each in said(earth) if isinstance(each, ReceiptAcknowledgement)]
        assert len(set(asked)) == 2
        assert [each.receipts[0].related_reference for each in receipts] == asked


async def test_a_receipt_and_an_answer_about_nothing_are_saved_before_they_leave_and_leave_after_an_outage() -> None:
    """Decide, save, act: the rail takes nothing for an hour, and both are in the history and leave then, once."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        body = earth.writer.ask_back(case.forwarded, "DUPL", days_later=0, is_unknown=True, now=earth.clock.now())

        await earth.sending.apply([RailDelivery("r", body)])
        before = list(earth.rail.sent)
        kept = {each.code: each for each in earth.events.kept.values()}
        earth.rail.next_send_raises = UnavailableError("the rail is away")
        await earth.send_kept()
        earth.clock.advance(3_600)
        await earth.sending.apply([RailDelivery("again", body)])
        await earth.send_kept()

        (shown,) = await QuestionDesk(
            earth.events, earth.store.store, earth.store, InMemoryConversations(earth.store)
        ).about_nothing_here(Rail.FEDNOW)
        assert (shown.message_type, shown.asked_by) == ("camt.056", case.forwarded.instructing_agent)
        assert [(each.status, each.reason_code) for each in shown.answers] == [("RJCR", "NOOR")]
        assert before == []
        assert {each.kind for each in kept.values()} == {RailEventKind.REQUESTED}
        assert sorted(kept) == ["admi.007", "camt.029"]
        assert len({each.about for each in kept.values()}) == 1
        assert {type(each) for each in said(earth)} == {ReceiptAcknowledgement, Resolution}
        assert len({each.body for each in earth.rail.sent}) == 2
        assert (earth.events.due, list(earth.events.kept.values())) == ({}, list(kept.values()))


async def test_a_request_after_sixty_days_is_refused_and_a_report_of_fraud_is_not() -> None:
    """The rail's time for it is over; for FRAD there is none."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        earth.clock.advance(61 * 86_400)

        await case.is_asked("FRAD")
        open_one = case.now.request.state
        await case.answer(IncomingEvent.RETURN_REFUSED, code="LEGL")
        await case.is_asked("CUST")
        await case.see_to()

        assert open_one is RequestState.RECEIVED
        assert case.answers()[-1] == ("RJCR", ["NARR"])


async def test_a_request_about_nothing_that_came_is_answered_and_kept() -> None:
    """RJCR, NOOR; the request lies in quarantine, where a person sees it."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)

        await case.is_asked(is_unknown=True)

        assert case.answers() == [("RJCR", ["NOOR"])]
        assert case.now.request.state is RequestState.NONE
        assert len(earth.store.store.rows.quarantine) == 1


async def test_the_same_request_again_is_one() -> None:
    """Byte for byte under one header: it counts once."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        body = earth.writer.ask_back(case.forwarded, "DUPL", days_later=0, is_unknown=False, now=earth.clock.now())

        await earth.sending.apply([RailDelivery("1", body), RailDelivery("2", body)])
        await earth.sending.apply([RailDelivery("3", body)])

        kinds = [each.fact.kind for each in await earth.store.events(case.now.payment_id)]
        assert kinds.count(IncomingEvent.RETURN_REQUESTED) == 1


async def test_a_request_that_another_replaces_while_it_is_answered_is_not_answered() -> None:
    """The answer would name a case that nobody waits for, and the newer one would have none."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED)
        await case.is_asked()

        class AskedAgainMeanwhile(ReturnRequests):
            async def _request_of(self, payment_id: PaymentId) -> PaymentCancellationRequest | None:
                found = await super()._request_of(payment_id)
                earth.clock.advance(1)
                await case.is_asked()
                return found

        ours = requests_of(earth)
        overtaken = AskedAgainMeanwhile(ours.incoming, ours.payments, ours.protocols, ours.links, ours.events)
        with pytest.raises(NotAnswerableError, match="in its place"):
            await overtaken.answer(
                case.now.payment_id, IncomingEvent.RETURN_AGREED, amount=None, reason=None, by="a test"
            )

        assert (case.answers(), case.now.returning_cents) == ([], 0)
        await case.answer(IncomingEvent.RETURN_AGREED)
        assert case.answers() == [("IPAY", [])]


async def test_more_than_is_left_is_not_agreed_to_and_what_is_held_is_decided_first() -> None:
    """The sum of parts never exceeds the payment; money that was not posted is posted or refused first."""
    async with incoming_world() as earth:
        case = Asked(earth)
        await case.stands(*POSTED[:2], IncomingEvent.PENDING_DECIDED)
        await case.is_asked()
        with pytest.raises(NotReturnableError):
            await case.answer(IncomingEvent.RETURN_AGREED)
        await earth.befalls(case.now, IncomingEvent.POSTING_CONFIRMED)

        with pytest.raises(NotReturnableError):
            await case.answer(IncomingEvent.RETURN_AGREED, cents=5_175)

        assert case.now.state is IncomingState.POSTED
        assert case.answers() == []
