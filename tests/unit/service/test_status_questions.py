"""Another institution asks what became of what it has sent us: told once, in the rail's form, and strangers nothing."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID

import pytest

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Rail, Reason, ReasonOrigin
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.hear import ConversationHearing, Outcome, Said
from gateway.service.fednow import FedNowDialect
from gateway.service.fednow_operations import FedNowOperations
from gateway.service.fednow_statuses import FedNowStatuses
from gateway.service.ports import RegionStore
from gateway.service.questions import LISTED_MAX, QuestionDesk
from gateway.service.rail_operations import RailOperationSender
from gateway.service.status_questions import StatusQuestions
from iso20022 import (
    Direction,
    FedNowProfile,
    PaymentStatusReport,
    ReceiptAcknowledgement,
    RoutingNumber,
    examine,
)
from iso20022.messages import pacs028, pain013
from iso20022.messages.pain014 import RequestForPaymentResponse, RequestStatus
from simulators.conversations import Asking
from simulators.fednow.conversations import ConversationWriter
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.message_ids import MessageIds
from tests.fakes.clock import START
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming_rail import PARTY
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.unit.service.incoming_world import AGENT, IncomingWorld, incoming_world
from tests.unit.service.test_incoming_two_regions import HandedOverStore
from tests.unit.service.world import Numbered, Recorder

ASKER: Final = RoutingNumber("990001106")
STRANGER: Final = RoutingNumber("990001203")
PROFILE: Final = FedNowProfile(own_connection_party=PARTY)
_E = IncomingEvent


@dataclass(slots=True)
class Place:
    """An incoming world in which questions are answered."""

    earth: IncomingWorld
    events: InMemoryRailEvents
    conversations: InMemoryConversations
    writer: ConversationWriter = field(
        default_factory=lambda: ConversationWriter(
            FedNowSimulatorSettings(), MessageIds(started_at=START - timedelta(seconds=1))
        )
    )

    async def asked(self, message_id: str, *, copies: int = 1, **asking: Any) -> str:
        """Have the rail bring a question, and a worker send what is to be said to it; returns the question's id."""
        ordered = Asking(kind="status_request", message_id=message_id, copies=copies, **asking)  # type: ignore[arg-type]
        _, bodies, question_id = self.writer.asked(ordered, now=self.earth.clock.now())
        for body in bodies:
            self.earth.rail.deliver(body)
        await self.heard()
        return question_id

    async def heard(self) -> None:
        """Hear what the rail has for us, and send what is due."""
        deliveries = await self.earth.rail.receive(messages_max=64, wait_s=0)
        await self.earth.sending.apply(deliveries)
        rail = Rail.FEDNOW
        dialect = FedNowOperations(FedNowDialect(PROFILE, PARTY), party=PARTY, institutions=frozenset({AGENT}))
        clock, told = self.earth.clock, Recorder()
        sender = RailOperationSender({rail: dialect}, self.events, {rail: self.earth.rail}, clock, Numbered(), told)
        await sender.send_due()

    def said(self) -> list[Any]:
        """What has left, each of it valid."""
        reports = [examine(sent.body, profile=PROFILE, direction=Direction.TO_RAIL) for sent in self.earth.rail.sent]
        assert all(each.valid for each in reports), [each.findings for each in reports]
        return [each.message for each in reports]

    def statuses(self) -> list[PaymentStatusReport]:
        """The reports among it."""
        return [each for each in self.said() if isinstance(each, PaymentStatusReport)]

    def receipts(self) -> list[ReceiptAcknowledgement]:
        """The acknowledgements among it."""
        return [each for each in self.said() if isinstance(each, ReceiptAcknowledgement)]

    def request(self) -> tuple[bytes, str]:
        """A request for payment that the rail brings, and its id."""
        ordered = Asking(kind="request_for_payment", debtor_agent=AGENT, creditor_agent=ASKER)
        _, (body, *_), message_id = self.writer.asked(ordered, now=self.earth.clock.now())
        return body, message_id

    async def requested(self) -> str:
        """The id of a request for payment that the rail has brought."""
        body, message_id = self.request()
        arrived = self.earth.read(body)
        said = Said(arrived.raw, arrived.reading, hashlib.sha256(body).digest())
        assert await self.hearing().hear(said) is Outcome.APPLIED
        return message_id

    def hearing(self) -> ConversationHearing:
        """What hears conversations."""
        earth = self.earth
        return ConversationHearing(
            self.conversations,
            earth.store.store,
            earth.store,
            earth.receiving.tenants,
            FedNowConversations(FedNowDialect(PROFILE, PARTY)),
            "RC04",
            earth.clock,
            Numbered(),
        )


@asynccontextmanager
async def place(*, regions: HandedOverStore | None = None) -> AsyncIterator[Place]:
    """The world."""
    async with incoming_world(regions=cast("RegionStore | None", regions)) as earth:
        events, conversations = InMemoryRailEvents(), InMemoryConversations(earth.store)
        statuses = {Rail.FEDNOW: FedNowStatuses(FedNowDialect(PROFILE, PARTY))}
        questions = StatusQuestions(earth.store, conversations, events, statuses)
        earth.sending = replace(earth.sending, questions=questions)
        yield Place(earth, events, conversations)


async def held(earth: IncomingWorld) -> IncomingTransfer:
    """A transfer that was accepted without posting, and has settled so."""
    return await earth.befalls(
        await earth.received(), _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED
    )


async def test_who_has_sent_a_payment_is_told_its_latest_status_once_however_often_it_asks() -> None:
    """Accepted without posting, then posted: PDNG, and ACCC when it is asked anew; copies of a question are one."""
    async with place() as here:
        transfer = await held(here.earth)
        await here.asked(transfer.message_id, copies=3, end_to_end_id=transfer.end_to_end_id)
        await here.heard()
        (receipt,), (pending,) = here.receipts(), here.statuses()
        await here.earth.befalls(transfer, _E.POSTING_CONFIRMED)
        await here.asked(transfer.message_id, end_to_end_id=transfer.end_to_end_id)

        assert [each.related_message_name for each in receipt.receipts] == [pacs028.MESSAGE_TYPE]
        assert (pending.status, pending.original_message_id) == ("PDNG", transfer.message_id)
        assert (pending.instructing_agent, pending.instructed_agent) == (AGENT, ASKER)
        assert [each.status for each in here.statuses()] == ["PDNG", "ACCC"]
        assert len(here.receipts()) == 2
        assert here.earth.now(transfer).state is IncomingState.POSTED
        kept = [each for each in here.events.kept.values() if each.code == "pacs.028"]
        assert [each.kind for each in kept] == [RailEventKind.REQUESTED] * 2


async def test_while_the_rail_alone_knows_the_question_is_refused_and_nothing_is_said_of_the_money() -> None:
    """Nobody has decided yet, or nobody knows whether it has settled: whoever asks must ask the service."""
    async with place() as here:
        undecided = await here.earth.received()
        doubtful = await here.earth.befalls(await here.earth.received(), _E.ACCEPTANCE_DECIDED, _E.ADVICE_OVERDUE)
        questions = [
            await here.asked(each.message_id, end_to_end_id=each.end_to_end_id) for each in (undecided, doubtful)
        ]

        reports = here.statuses()
        assert [(each.status, each.original_message_id) for each in reports] == [("RJCT", each) for each in questions]
        assert {each.original_message_name for each in reports} == {pacs028.MESSAGE_TYPE}
        assert {each.reasons[0].code for each in reports} == {"NARR"}
        assert here.earth.now(undecided).state is IncomingState.RECEIVED


@pytest.mark.parametrize("comes", [True, False])
async def test_what_the_rail_has_settled_and_is_missing_here_is_neither_denied_nor_untraceable(*, comes: bool) -> None:
    """It came and did not settle here, or never came: who asks must ask the service, until a person has closed it."""
    async with place() as here:
        received = await here.earth.received()
        refused = await here.earth.befalls(received, _E.ACCEPTANCE_DECIDED, _E.REJECTION_ADVISED)
        named, at = (refused.message_id if comes else "20261122990001106NEVERCAME"), here.earth.clock.now()
        codes = []
        for number, kind in enumerate((RailEventKind.MISSING, RailEventKind.CLOSED)):
            event_id = UUID(int=900 + number)
            await here.events.note(
                RailEvent(event_id=event_id, rail=Rail.FEDNOW, kind=kind, code="", about=named, at=at)
            )
            await here.asked(named, end_to_end_id=refused.end_to_end_id)
            report = here.statuses()[-1]
            codes.append((report.original_message_id == named, report.reasons[0].code, report.reasons[0].additional))

        assert codes[0][:2] == (False, "NARR")
        assert "under way" in str(codes[0][2])
        assert codes[1][:2] == ((True, "NARR") if comes else (False, "AG09"))


@pytest.mark.parametrize(
    ("asker", "end_to_end_id", "message_id"),
    [(STRANGER, None, None), (ASKER, "E2E-OF-ANOTHER", None), (ASKER, None, "20261122990001106NEVERCAME")],
)
async def test_who_has_not_sent_it_or_names_another_is_told_that_it_never_came(
    asker: RoutingNumber, end_to_end_id: str | None, message_id: str | None
) -> None:
    """AG09, about the question: a stranger learns no more than of what is not there (the control is the sender)."""
    async with place() as here:
        transfer = await held(here.earth)
        question = await here.asked(
            message_id or transfer.message_id,
            creditor_agent=asker,
            end_to_end_id=end_to_end_id or transfer.end_to_end_id,
        )

        (report,) = here.statuses()
        assert (report.status, report.reasons[0].code, report.original_message_id) == ("RJCT", "AG09", question)


async def test_a_rejection_is_told_with_its_reason() -> None:
    """RJCT, once more, and about the transfer: it says what our answer said."""
    async with place() as here:
        received = await here.earth.received()
        decider = here.earth.receiving.decisions.decider
        fact = IncomingFact(_E.REJECTION_DECIDED, Reason("AC04", ReasonOrigin.INSTITUTION))
        assert await here.earth.store.save([decider.decide(received, fact, at=here.earth.clock.now())]) == [True]
        await here.asked(received.message_id, end_to_end_id=received.end_to_end_id)

        (report,) = here.statuses()
        assert (report.status, report.reasons[0].code) == ("RJCT", "AC04")
        assert report.original_message_id == received.message_id


async def test_of_a_request_for_payment_its_latest_response_is_told() -> None:
    """pain.014 RCVD while nobody has decided; who did not make the request learns nothing."""
    async with place() as here:
        request_id = await here.requested()
        await here.asked(request_id, original=pain013.MESSAGE_TYPE)
        await here.asked(request_id, original=pain013.MESSAGE_TYPE, creditor_agent=STRANGER)

        (response,) = [each for each in here.said() if isinstance(each, RequestForPaymentResponse)]
        (refused,) = here.statuses()
        assert (response.status, response.original_message_id) == (RequestStatus.RCVD, request_id)
        assert (refused.status, refused.reasons[0].code) == ("RJCT", "AG09")


async def test_a_question_in_one_fetch_with_what_it_is_about_is_answered_of_that() -> None:
    """After an outage both wait at the rail: to say that the request never came would be wrong, and final."""
    async with place() as here:
        here.earth.sending = replace(here.earth.sending, conversations=here.hearing())
        body, request_id = here.request()
        here.earth.rail.deliver(body)
        await here.asked(request_id, original=pain013.MESSAGE_TYPE)

        (response,) = [each for each in here.said() if isinstance(each, RequestForPaymentResponse)]
        assert (response.status, response.original_message_id) == (RequestStatus.RCVD, request_id)
        assert here.statuses() == []


async def test_a_question_is_shown_with_what_it_is_about_and_the_others_in_a_list() -> None:
    """The sender's, a stranger's, and one about nothing here: who asked, and what each was told; copies are one."""
    async with place() as here:
        transfer = await held(here.earth)
        desk = QuestionDesk(here.events, here.earth.store.store, here.earth.store, here.conversations)
        first = await here.asked(transfer.message_id, copies=2, end_to_end_id=transfer.end_to_end_id)
        here.earth.clock.advance(1)
        await here.asked(transfer.message_id, creditor_agent=STRANGER)
        nowhere = await here.asked("20261122990001106NEVERCAME")

        theirs, strangers = await desk.about(Rail.FEDNOW, transfer.message_id, since=START)
        (other,) = await desk.about_nothing_here(Rail.FEDNOW)

        assert (theirs.asked_by, strangers.asked_by, theirs.about) == (ASKER, STRANGER, transfer.message_id)
        assert [(each.message_type, each.status) for each in theirs.answers] == [
            ("admi.007", None),
            ("pacs.002", "PDNG"),
        ]
        assert [(each.status, each.reason_code) for each in strangers.answers] == [(None, None), ("RJCT", "AG09")]
        assert {each.message_id for each in theirs.answers} <= {said.message_id for said in kept_of(here)}
        assert first != nowhere
        assert (other.about, other.answers[-1].reason_code) == ("20261122990001106NEVERCAME", "AG09")
        assert await desk.about(Rail.FEDNOW, "20261122990001106NOBODYASKED", since=START) == []
        assert await desk.about(Rail.FEDNOW, transfer.message_id, since=START + timedelta(days=1)) == []


def kept_of(here: Place) -> list[Any]:
    """What has left under a message id of its own."""
    return [each for each in here.said() if hasattr(each, "message_id")]


async def test_of_more_questions_than_are_shown_the_newest_are() -> None:
    """One more than the list has says that there are more."""
    async with place() as here:
        desk = QuestionDesk(here.events, here.earth.store.store, here.earth.store, here.conversations)
        for number in range(LISTED_MAX + 2):
            event_id = UUID(int=5_000 + number)
            asked = RailEvent(
                event_id=event_id,
                rail=Rail.FEDNOW,
                kind=RailEventKind.REQUESTED,
                code="pacs.028",
                subjects=(ASKER, f"NEVERCAME{number}"),
                business_message_id=f"QUESTION{number}",
                at=here.earth.clock.now() + timedelta(seconds=number),
            )
            await here.events.note(asked)

        found = await desk.about_nothing_here(Rail.FEDNOW)

        assert len(found) == LISTED_MAX + 1
        assert found[0].message_id == f"QUESTION{LISTED_MAX + 1}"


async def test_what_is_not_here_is_handed_over_to_the_other_region_and_answered_there() -> None:
    """What came to the other region may be on its way here: AG09 would be a guess."""
    regions = HandedOverStore()
    async with place(regions=regions) as here:
        await here.asked("20261122990001106ELSEWHERE")
        transfer = await held(here.earth)
        await here.asked(transfer.message_id, end_to_end_id=transfer.end_to_end_id)

        assert len(regions.kept) == 1
        assert ([each.status for each in here.statuses()], len(here.receipts())) == (["PDNG"], 1)


async def test_without_who_answers_a_question_is_set_aside() -> None:
    """The control: as on a rail of which nobody knows who asks whom."""
    async with place() as here:
        transfer = await held(here.earth)
        here.earth.sending = replace(here.earth.sending, questions=None)
        await here.asked(transfer.message_id)

        assert here.said() == []
        assert len(here.earth.store.store.rows.quarantine) == 1
