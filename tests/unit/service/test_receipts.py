"""Receipts that never come: found, told, pinged for, and what a person may send again then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, cast

import pytest

from adapters.system import SystemIdentifiers
from gateway.domain.conversation import Act, Conversation, ConversationId, ConversationState, RecordedAct
from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent
from gateway.domain.payment import Payment, Rail, RegionId
from gateway.domain.rail_operations import RailEventKind
from gateway.domain.request import RequestState
from gateway.domain.timing import Timing
from gateway.service.conversations.desk import NotNowError, NotStartedError
from gateway.service.conversations.fednow_copies import ACKNOWLEDGED, FedNowCopies
from gateway.service.conversations.hear import Outcome
from gateway.service.conversations.send import ConversationKeeping
from gateway.service.conversations.send_again import SendingAgain
from gateway.service.decide import Decisions
from gateway.service.dialect import document_in
from gateway.service.fednow import FedNowDialect, fednow_protocol
from gateway.service.fednow_operations import FedNowOperations
from gateway.service.incoming.decide import IncomingDecisions
from gateway.service.incoming.requests import NotAskableError, ReturnRequests
from gateway.service.ports import MessageDirection, RawMessage, UnavailableError
from gateway.service.ports.receipts import AwaitedReceipt
from gateway.service.rail_operations import RailOperations
from gateway.service.receipts import (
    WATCH,
    AwaitedReceipts,
    NoReceiptMissingError,
    ReceiptDesk,
    ReceiptRules,
    ReceiptWatch,
)
from iso20022 import FedNowProfile, PaymentCancellationRequest, Resolution
from iso20022.messages import camt055, pacs028, pain013
from simulators.fednow.requests import RequestWriter
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.message_ids import MessageIds
from tests.fakes.incoming_rail import PARTY
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.fakes.receipts import InMemoryReceipts
from tests.unit.http.world import RecordingObserver
from tests.unit.service.incoming_world import IncomingWorld, incoming_world
from tests.unit.service.test_coming_back import SETTLING, booked_as
from tests.unit.service.test_conversations import REASON, TENANT, World, type_of
from tests.unit.service.test_return_requests import POSTED, WHY, Asked, Asking, asking, requests_of, said

WAIT: Final = timedelta(seconds=300)
RULES: Final = ReceiptRules(wait=WAIT, ping_after=3, window=timedelta(hours=1))
PROTOCOL: Final = fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=Timing())
DIALECT: Final = FedNowDialect(FedNowProfile(), PARTY)
_S = ConversationState


@dataclass(slots=True)
class Watched:
    """Conversations with receipts that are waited for."""

    world: World = field(default_factory=World)
    events: InMemoryRailEvents = field(default_factory=InMemoryRailEvents)
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    @property
    def receipts(self) -> InMemoryReceipts:
        return self.world.store.receipts

    @property
    def awaited(self) -> AwaitedReceipts:
        return AwaitedReceipts(self.receipts, {Rail.FEDNOW: ACKNOWLEDGED}, self.world.clock)

    @property
    def watch(self) -> ReceiptWatch:
        dialect = FedNowOperations(DIALECT, party=PARTY, institutions=frozenset())
        operations = RailOperations({Rail.FEDNOW: dialect}, self.events, self.world.clock, SystemIdentifiers())
        payments, incoming = cast("Decisions", None), cast("IncomingDecisions", None)  # nothing here is about either
        return ReceiptWatch(
            self.receipts,
            {Rail.FEDNOW: RULES},
            self.world.store,
            payments,
            incoming,
            {},
            operations,
            RegionId("a"),
            self.world.clock,
            self.observer,
        )

    @property
    def again(self) -> SendingAgain:
        copies = {Rail.FEDNOW: FedNowCopies(DIALECT)}
        return SendingAgain(self.world.store, self.receipts, copies, self.world.clock, SystemIdentifiers())

    async def send(self) -> None:
        """Have everything sent that waits."""
        keeping = ConversationKeeping(self.world.store, {Rail.FEDNOW: self.world.link}, self.world.clock, self.awaited)
        self.world.clock.advance(31)
        await keeping.look()

    async def asked(self, **asking: object) -> Conversation:
        """A request for payment that has left."""
        asked = await self.world.ask(**asking)  # type: ignore[arg-type]
        await self.send()
        return asked

    async def hears(self, body: bytes) -> Outcome:
        """What becomes of a message, and what it names is not waited for any more."""
        outcome = await self.world.hear(body)
        reading = PROTOCOL.read(body)
        named = reading.talk or reading.statement
        assert named is not None
        await self.awaited.heard(Rail.FEDNOW, self.world.rail.about(named))
        return outcome

    async def late(self) -> None:
        """Wait for too long, and look."""
        self.world.clock.advance(WAIT.total_seconds() + 1)
        await self.watch.look()

    async def missing(self) -> list[str]:
        """The messages whose receipts are missing."""
        return [each.message_type[:8] for each in await self.receipts.missing(Rail.FEDNOW, limit=9)]

    async def acts(self, conversation: Conversation) -> list[Act]:
        """Its history."""
        return [each.act for each in await self.world.store.events(conversation.conversation_id)]

    async def copies(self, conversation: Conversation) -> list[RawMessage]:
        """Our messages in it."""
        messages = await self.world.store.messages(conversation.conversation_id)
        return [each for each in messages if each.direction is MessageDirection.RAIL_OUT]

    async def send_again(self, conversation: Conversation) -> Conversation:
        """Have it sent again, and sent."""
        sent = await self.again.send_again(conversation.conversation_id, tenant_id=TENANT, by="test")
        await self.send()
        return sent

    def told(self, message: RawMessage) -> Sequence[bytes]:
        """What the other side says to a copy of a request for payment: a receipt, and ACTC."""
        request = pain013.parse(document_in(message))
        told, _ = self.world.writer.answered(request, PARTY, now=self.world.clock.now())
        return told

    def pings(self) -> list[str | None]:
        """Who has had the rail pinged."""
        asked = [each for each in self.events.kept.values() if each.kind is RailEventKind.ASKED]
        return [each.asked_by for each in asked if each.code == "PING"]


async def test_what_nobody_has_said_to_have_arrived_is_told_once_and_listed_until_somebody_does() -> None:
    """Two workers look, and look again; the history says it once. Its receipt comes late, and nothing is missing."""
    place = Watched()
    asked, heard = await place.asked(account="SIMPROMISE"), await place.asked(account="SIMSILENT")
    receipt, _ = await place.world.answers_to(asked)
    await place.hears((await place.world.answers_to(heard))[0])
    before = await place.missing()

    await place.late()
    await place.watch.look()
    listed = await place.receipts.missing_of([asked.conversation_id, heard.conversation_id])

    assert (before, await place.missing(), list(listed)) == ([], ["pain.013"], [asked.conversation_id])
    assert await place.acts(asked) == [Act.OPENED, Act.RECEIPT_MISSED]
    assert await place.acts(heard) == [Act.OPENED, Act.RECEIPT]  # the control
    assert (await place.world.now(asked)).needs_attention is False

    await place.hears(receipt)

    assert await place.missing() == []
    assert await place.acts(asked) == [Act.OPENED, Act.RECEIPT_MISSED, Act.RECEIPT]


async def test_what_is_over_is_listed_while_the_receipt_of_our_answer_is_missing() -> None:
    """A refusal of ours: nothing is to be expected any more, but who asked may not know it. It is not sent again."""
    place = Watched()
    _, request = await place.world.asked_of_us()
    await place.world.desk.answer(request.conversation_id, Act.REFUSED, tenant_id=TENANT, reason=REASON, by="test")
    await place.send()
    before = await place.world.store.find(None, limit=9)

    await place.late()

    assert before == []
    assert [each.conversation_id for each in await place.world.store.find(None, limit=9)] == [request.conversation_id]
    assert await place.missing() == ["pain.014"]  # and no admi.007: nobody acknowledges that
    with pytest.raises(NotStartedError) as refused:
        await place.send_again(request)
    assert refused.value.code == "no_receipt_missing"


async def test_an_answer_or_a_refusal_says_that_a_message_has_arrived() -> None:
    """Its receipt was lost, and nobody misses it."""
    place = Watched()
    answered, refused = await place.asked(account="SIMPROMISE"), await place.asked(account="SIMUNREAD")

    await place.hears((await place.world.answers_to(answered))[1])
    await place.hears((await place.world.answers_to(refused))[0])
    await place.late()

    assert await place.missing() == []
    assert Act.RECEIPT_MISSED not in [*await place.acts(answered), *await place.acts(refused)]


async def test_a_request_is_sent_again_by_a_persons_order_as_the_same_under_another_id() -> None:
    """All references but the message id and its time are kept; a second order is refused, until that copy is late."""
    place = Watched()
    asked = await place.asked()
    with pytest.raises(NotStartedError):
        await place.send_again(asked)
    await place.late()

    await place.send_again(asked)

    first, second = [pain013.parse(document_in(each)) for each in await place.copies(asked)]
    assert first.message_id != second.message_id
    assert replace(second, message_id=first.message_id, creation_time=first.creation_time) == first
    assert [type_of(each.body) for each in place.world.link.sent] == ["pain.013", "pain.013"]
    assert (await place.acts(asked))[-1] is Act.ASKED_AGAIN
    with pytest.raises(NotStartedError):
        await place.send_again(asked)
    assert len(await place.copies(asked)) == 2
    await place.late()
    assert await place.missing() == ["pain.013"]
    await place.send_again(asked)
    assert len(await place.copies(asked)) == 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0,), (1,)])
async def test_whichever_copy_is_answered_and_when_it_is_the_same_conversation(order: tuple[int, ...]) -> None:
    """The first copy's answer comes late, or before the second's, or alone: one decision, and nothing is missing."""
    place = Watched()
    asked = await place.asked()
    await place.late()
    await place.send_again(asked)
    copies = await place.copies(asked)

    outcomes = [await place.hears(body) for number in order for body in place.told(copies[number])]
    await place.late()

    now = await place.world.now(asked)
    assert set(outcomes) == {Outcome.APPLIED}
    assert (now.state, now.needs_attention, await place.missing()) == (_S.ACCEPTED, False, [])


@pytest.mark.parametrize("refused", [0, 1])
async def test_a_refusal_of_one_copy_does_not_end_a_request_of_which_another_is_on_its_way(refused: int) -> None:
    """The control: of a request that was sent once it does."""
    place = Watched()
    asked, once = await place.asked(), await place.asked(account="SIMUNREAD")
    await place.late()
    await place.send_again(asked)
    request = pain013.parse(document_in((await place.copies(asked))[refused]))
    unread = replace(request, debtor_account=pain013.parse(document_in((await place.copies(once))[0])).debtor_account)
    (rejected,), _ = place.world.writer.answered(unread, PARTY, now=place.world.clock.now())

    await place.hears(rejected)
    await place.hears((await place.world.answers_to(once))[0])

    states = [(await place.world.now(each)).state for each in (asked, once)]
    assert states == [_S.REQUESTED, _S.FAILED]
    assert (await place.world.now(asked)).needs_attention is True


async def test_what_is_over_or_was_taken_back_is_not_sent_again() -> None:
    """The receipt is missing, but the time is over; or who was asked knows that it does not count any more."""
    place = Watched()
    expiring, withdrawn = await place.asked(expires_in_s=WAIT.total_seconds()), await place.asked(account="SIMSILENT")
    await place.late()
    await place.world.desk.answer(
        withdrawn.conversation_id, Act.WITHDRAWAL_ASKED, tenant_id=TENANT, reason=REASON, by="test"
    )
    await place.send()
    withdrawal = camt055.parse(document_in((await place.copies(withdrawn))[-1]))
    await place.hears(place.world.writer.answered(withdrawal, PARTY, now=place.world.clock.now())[0][0])
    assert await place.missing() == ["pain.013", "pain.013"]

    for each, copies in ((expiring, 1), (withdrawn, 2)):
        with pytest.raises(NotNowError):
            await place.send_again(each)
        assert len(await place.copies(each)) == copies


async def test_a_worker_that_dies_when_it_has_told_leaves_it_told_once() -> None:
    """It was to note that it is told: whoever looks next finds it in the history."""

    class Dying(InMemoryReceipts):
        has_died = False

        async def missed(self, awaited: AwaitedReceipt, *, at: datetime) -> None:
            if not self.has_died:
                self.has_died = True
                raise UnavailableError("gone")
            await super().missed(awaited, at=at)

    place = Watched()
    place.world.store.receipts = Dying()
    asked = await place.asked()

    with pytest.raises(UnavailableError):
        await place.late()
    await place.watch.look()

    assert (await place.acts(asked), await place.missing()) == ([Act.OPENED, Act.RECEIPT_MISSED], ["pain.013"])


async def test_a_history_that_cannot_be_written_stops_no_other_and_its_message_is_listed() -> None:
    """Of one conversation the store cannot read the events: a person is told, and the other is told in its history."""
    place = Watched()
    broken, sound = await place.asked(account="SIMPROMISE"), await place.asked(account="SIMSILENT")
    read = place.world.store.events

    async def events(conversation_id: ConversationId) -> Sequence[RecordedAct]:
        if conversation_id == broken.conversation_id:
            raise ValueError("an event that this release does not know")
        return await read(conversation_id)

    place.world.store.events = events  # type: ignore[method-assign]
    await place.late()
    await place.watch.look()
    place.world.store.events = read  # type: ignore[method-assign]

    assert await place.missing() == ["pain.013", "pain.013"]
    assert await place.acts(sound) == [Act.OPENED, Act.RECEIPT_MISSED]
    assert [where for where, _ in place.observer.faults] == [WATCH]


async def test_a_withdrawal_names_the_copy_that_the_other_side_knows_and_is_sent_again_itself() -> None:
    """Of two copies the second was acknowledged; its withdrawal is lost, and goes again in the same case."""
    place = Watched()
    asked = await place.asked()
    await place.late()
    await place.send_again(asked)
    _, known = await place.copies(asked)
    await place.hears(place.told(known)[0])

    await place.world.desk.answer(
        asked.conversation_id, Act.WITHDRAWAL_ASKED, tenant_id=TENANT, reason=REASON, by="test"
    )
    await place.send()
    await place.late()
    await place.send_again(asked)

    first, second = [camt055.parse(document_in(each)) for each in (await place.copies(asked))[2:]]
    assert first.original_message is not None
    assert first.original_message.message_id == known.business_message_id
    assert replace(second, message_id=first.message_id, creation_time=first.creation_time) == first
    (agreed,) = place.world.writer.answered(first, PARTY, now=place.world.clock.now())[0][1:]
    await place.hears(agreed)
    await place.late()
    assert ((await place.world.now(asked)).state, await place.missing()) == (_S.WITHDRAWN, [])


async def test_where_many_are_missing_the_rail_is_pinged_once_in_a_window() -> None:
    """Two are few, three are many; an hour later they are old. Three others then are many again."""
    place = Watched()
    for number in range(2):
        await place.asked(account=f"FIRST{number}")
    await place.late()
    few = place.pings()
    await place.asked(account="THIRD")

    await place.late()
    for _ in range(5):  # over the full hour, too
        place.world.clock.advance(600)
        await place.watch.look()
    once = place.pings()
    place.world.clock.advance(3_600)
    await place.watch.look()
    old = place.pings()
    for number in range(3):
        await place.asked(account=f"MORE{number}")
    await place.late()

    assert (few, once, old, place.pings()) == ([], [WATCH], [WATCH], [WATCH, WATCH])


async def test_two_workers_ping_once() -> None:
    """Both see that many are missing, and neither has seen the other's ping."""
    place = Watched()
    for number in range(3):
        await place.asked(account=f"FIRST{number}")
    place.world.clock.advance(WAIT.total_seconds() + 1)
    unseen = InMemoryRailEvents()
    other = place.watch
    await replace(other, operations=replace(other.operations, store=unseen)).look()

    (asked,) = unseen.kept.values()
    await place.watch.look()

    assert [each.event_id for each in place.events.kept.values()] == [asked.event_id]


async def test_a_person_closes_what_was_looked_into_once() -> None:
    """It is missing no more; who closed it, and why, is kept."""
    place = Watched()
    asked = await place.asked()
    await place.late()
    desk = ReceiptDesk(place.receipts, place.events, place.world.clock)

    closed = await desk.close(Rail.FEDNOW, asked.message_id, by="sample operator", note="Case 16")

    assert (closed.message_id, await place.missing()) == (asked.message_id, [])
    (kept,) = place.events.kept.values()
    assert (kept.kind, kept.about, kept.note) == (RailEventKind.CLOSED, asked.message_id, "Case 16")
    with pytest.raises(NoReceiptMissingError):
        await desk.close(Rail.FEDNOW, asked.message_id, by="another", note="Case 16")


# --- requests for a return ------------------------------------------------------------------------------------------


class OfReturns:
    """Requests for returns, either way, with receipts that are waited for."""

    def __init__(self, earth: IncomingWorld) -> None:
        self.earth, self.receipts = earth, InMemoryReceipts()
        self.awaited = AwaitedReceipts(self.receipts, {Rail.FEDNOW: ACKNOWLEDGED}, earth.clock)
        self.requests: ReturnRequests = replace(requests_of(earth), receipts=self.awaited)
        dialect = FedNowOperations(DIALECT, party=PARTY, institutions=frozenset())
        operations = RailOperations({Rail.FEDNOW: dialect}, InMemoryRailEvents(), earth.clock, SystemIdentifiers())
        self.watch = ReceiptWatch(
            self.receipts,
            {Rail.FEDNOW: RULES},
            World().store,
            earth.sending.decisions,
            earth.receiving.decisions,
            {Rail.FEDNOW: earth.sending.rail},
            operations,
            RegionId("a"),
            earth.clock,
            RecordingObserver(),
        )

    async def late(self) -> None:
        """Wait for too long, and look twice."""
        self.earth.clock.advance(WAIT.total_seconds() + 1)
        await self.watch.look()
        await self.watch.look()


class Returning(OfReturns):
    """A settled payment whose return is asked for."""

    def __init__(self, earth: IncomingWorld, case: Asking) -> None:
        super().__init__(earth)
        self.case = case

    async def ask(self) -> Payment:
        """Ask for it, and have it sent."""
        case = self.case
        asked = await self.requests.ask(case.now.payment_id, WHY, tenant_id=None, by="a test")
        await self.requests.see_to_ours(case.delivery)
        return asked

    def asked(self) -> list[PaymentCancellationRequest]:
        """What has left."""
        return [each for each in said(self.earth) if isinstance(each, PaymentCancellationRequest)]

    async def kinds(self) -> list[EventKind]:
        """What has befallen the payment since it settled."""
        events = await self.earth.store.store.events(self.case.now.payment_id)
        return [each.event.kind for each in events if "Return" in each.event.kind]


@pytest.mark.parametrize("answered", [0, 1])
async def test_a_return_is_asked_for_again_in_the_same_case_where_its_receipt_is_missing(answered: int) -> None:
    """Whichever copy is answered, it is the answer. The control: before, it is refused as asked already."""
    async with incoming_world() as earth:
        place = Returning(earth, await asking(earth, *SETTLING))
        await place.ask()
        with pytest.raises(NotAskableError):
            await place.ask()
        await place.late()

        again = await place.ask()

        first, second = place.asked()
        assert first.message_id != second.message_id
        assert replace(second, message_id=first.message_id, creation_time=first.creation_time) == first
        assert (again.request.state, again.request.message_id) == (RequestState.REQUESTED, first.message_id)
        with pytest.raises(NotAskableError):
            await place.ask()
        writer = RequestWriter(FedNowSimulatorSettings(), MessageIds(started_at=earth.clock.now()))
        original = booked_as(place.case.now, now=earth.clock.now())
        told, _ = writer.answered((first, second)[answered], original, now=earth.clock.now())
        await place.case.delivered(told)
        assert place.case.now.request.state is RequestState.AGREED
        assert not earth.store.store.rows.quarantine
        assert await place.kinds() == [
            *(EventKind.RETURN_ASKED, EventKind.RETURN_RECEIPT_MISSED, EventKind.RETURN_ASKED),
            *(EventKind.RETURN_RECEIPT_REPORTED, EventKind.RETURN_AGREED_REPORTED),
        ]


async def test_a_return_that_was_put_off_is_not_asked_for_again_though_a_receipt_is_missing_here() -> None:
    """The other region has heard the answer: the request has arrived."""
    async with incoming_world() as earth:
        place = Returning(earth, await asking(earth, *SETTLING))
        await place.ask()
        await place.late()
        await place.case.hears("TECH")

        with pytest.raises(NotAskableError):
            await place.ask()

        assert (place.case.now.request.state, len(place.asked())) == (RequestState.PENDING, 1)


async def test_a_return_that_was_answered_meanwhile_has_no_missing_receipt_in_its_history() -> None:
    """The other region has heard the answer, and this one's note of the receipt is old."""
    async with incoming_world() as earth:
        place = Returning(earth, await asking(earth, *SETTLING))
        await place.ask()
        await place.case.hears("CUST")

        await place.late()

        assert EventKind.RETURN_RECEIPT_MISSED not in await place.kinds()


async def test_our_answer_to_a_request_for_a_return_is_told_to_be_without_a_receipt() -> None:
    """PDCR was acknowledged (the control), RJCR not: the history says it once, and nothing is sent again."""
    async with incoming_world() as earth:
        place, case = OfReturns(earth), Asked(earth)
        await case.stands(*POSTED)
        await case.is_asked()
        answered = place.requests.answer
        for kind, reason in ((IncomingEvent.RETURN_DEFERRED, None), (IncomingEvent.RETURN_REFUSED, WHY)):
            await answered(case.now.payment_id, kind, amount=None, reason=reason, by="a test")
            await place.requests.see_to_theirs(case.now)
        deferred, refused = [each for each in said(earth) if isinstance(each, Resolution)]
        await place.awaited.heard(Rail.FEDNOW, [deferred.message_id])

        await place.late()

        facts = [each.fact for each in await earth.store.events(case.now.payment_id)]
        missed = [each for each in facts if each.kind is IncomingEvent.RETURN_RECEIPT_MISSED]
        assert [each.business_message_id for each in missed] == [refused.message_id]
        assert len(case.answers()) == 2
        assert case.now.request.state is RequestState.REFUSED


async def test_how_a_request_stands_is_asked_about_the_copy_that_the_other_side_knows() -> None:
    """Of two copies the second was acknowledged: it can say nothing of the one that was lost."""
    place = Watched()
    asked = await place.asked()
    await place.late()
    await place.send_again(asked)
    _, known = await place.copies(asked)
    await place.hears(place.told(known)[0])

    await place.world.desk.answer(asked.conversation_id, Act.STATUS_ASKED, tenant_id=TENANT, reason=None, by="test")

    question = (await place.copies(asked))[-1]
    assert pacs028.parse(document_in(question)).original_message_id == known.business_message_id
