"""Conversations as they are heard, sent and kept in time: late, twice, contradictory, and by the wrong side."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

import pytest

from adapters.keys.clear import ClearVault
from adapters.system import SystemIdentifiers
from gateway.domain.conversation import (
    STATUS_ASKED_AGAIN_S,
    Act,
    Conversation,
    ConversationKind,
    ConversationState,
    Side,
)
from gateway.domain.payment import IdempotencyKey, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.stand_in import REJECT_ALL
from gateway.domain.timing import Timing
from gateway.service.conversations.desk import ConversationDesk, NotNowError, NotStartedError
from gateway.service.conversations.fednow import FedNowConversations
from gateway.service.conversations.hear import ConversationHearing, Outcome, Said
from gateway.service.conversations.rail import PaymentAsked, ReportAsked
from gateway.service.conversations.send import FAULTS_MAX, TAKEN_MAX, UNSENT_S, ConversationKeeping
from gateway.service.dialect import document_in
from gateway.service.fednow import FedNowDialect, fednow_protocol
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.ports import MessageClass, MessageDirection, RawMessage, ReceivingTenant, UnavailableError
from iso20022 import (
    Amount,
    Direction,
    EndToEndId,
    FedNowProfile,
    MessageId,
    PaymentStatusRequest,
    Personal,
    RoutingNumber,
    examine,
)
from iso20022.messages import pain013
from iso20022.messages.camt060 import ReportKind
from iso20022.messages.pain014 import RequestStatus
from iso20022.sample import sample
from simulators.conversations import Asking
from simulators.fednow.answers import AnswerWriter
from simulators.fednow.conversations import ConversationWriter
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.message_ids import MessageIds
from tests.fakes.clock import START, VirtualClock
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.fakes.rail import InMemoryRail
from tests.fakes.store import InMemoryStore
from tests.integration.store.test_conversations_contract import NOW, new
from tests.unit.http.world import RecordingObserver

TENANT: Final = TenantId("default")
OWN, THEIRS = RoutingNumber("990000107"), RoutingNumber("990001106")
REASON: Final = Reason("CUST", ReasonOrigin.INSTITUTION)
_S = ConversationState


@dataclass(slots=True)
class World:
    """Everything around conversations, in memory, with the other side in the test's hands."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    link: InMemoryRail = field(default_factory=InMemoryRail)
    writer: ConversationWriter = field(
        default_factory=lambda: ConversationWriter(FedNowSimulatorSettings(), MessageIds(started_at=START))
    )
    store: InMemoryConversations = field(
        default_factory=lambda: InMemoryConversations(InMemoryIncoming(InMemoryStore()))
    )
    rail: FedNowConversations = field(
        default_factory=lambda: FedNowConversations(FedNowDialect(FedNowProfile(), PARTY))
    )

    def __post_init__(self) -> None:
        self.store.incoming.tenants[OWN] = ReceivingTenant(TENANT, None, REJECT_ALL)

    @property
    def desk(self) -> ConversationDesk:
        incoming = self.store.incoming
        received = ReceivedMessages(incoming, {Rail.FEDNOW: receiving_rail()})
        rails = {Rail.FEDNOW: self.rail}
        return ConversationDesk(
            self.store, incoming, received, rails, self.clock, SystemIdentifiers(), ClearVault(b"test")
        )

    @property
    def keeping(self) -> ConversationKeeping:
        return ConversationKeeping(self.store, {Rail.FEDNOW: self.link}, self.clock)

    async def hear(self, body: bytes) -> Outcome:
        """What becomes of a message of the rail's."""
        protocol = fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=Timing())
        reading = protocol.read(body)
        assert reading.codes == ()
        incoming = self.store.incoming
        hearing = ConversationHearing(
            self.store,
            incoming.store,
            incoming,
            ReceivingTenants(incoming, self.clock, RecordingObserver()),
            self.rail,
            "RC04",
            self.clock,
            SystemIdentifiers(),
        )
        raw = RawMessage(
            SystemIdentifiers().new_uuid(),
            MessageDirection.RAIL_IN,
            reading.message_type,
            reading.business_message_id,
            "application/xml",
            body,
            self.clock.now(),
        )
        known = await hearing.concerned([reading])
        assert hearing.is_of_conversations(reading, known) or reading.talk is None
        return await hearing.hear(Said(raw, reading, hashlib.sha256(body).digest()))

    async def ask(self, *, account: str = "SIMPROMISE", expires_in_s: float | None = None) -> Conversation:
        """Ask for a payment, and send it."""
        expires = None if expires_in_s is None else self.clock.now() + timedelta(seconds=expires_in_s)
        asked = PaymentAsked(
            debtor_agent=THEIRS,
            debtor_name=Personal("Sample Debtor"),
            debtor_account=Personal(account),
            creditor_agent=OWN,
            creditor_name=Personal("Sample Creditor"),
            creditor_account=Personal("100000007777"),
            amount=Amount(5174),
            pay_on=date(2026, 11, 24),
            expires=expires,
            end_to_end_id=EndToEndId("E2E-1"),
            category_purpose="CONS",
        )
        return await self.desk.ask_for_payment(
            TENANT, IdempotencyKey(f"key {account}"), asked, rail=Rail.FEDNOW, content=account.encode()
        )

    async def answers_to(self, asked: Conversation) -> list[bytes]:
        """What the other side says to a request of ours, its acknowledgement first."""
        (sent, *_) = await self.store.messages(asked.conversation_id)
        request = pain013.parse(document_in(sent))
        told, _ = self.writer.answered(request, PARTY, now=self.clock.now())
        return list(told)

    async def asked_of_us(self, **asking: Any) -> tuple[bytes, Conversation]:
        """A request that has come: its bytes, and the conversation."""
        _, (body, *_), message_id = self.writer.asked(
            Asking(kind="request_for_payment", **asking), now=self.clock.now()
        )
        assert await self.hear(body) is Outcome.APPLIED
        return body, (await self.store.find_by_message_id(Rail.FEDNOW, [message_id]))[message_id][Side.THEM]

    async def now(self, conversation: Conversation) -> Conversation:
        """It as it is now."""
        found = await self.store.load(conversation.conversation_id)
        assert found is not None
        return found

    async def sent(self, conversation: Conversation) -> list[str]:
        """Have what is unsent sent; returns the types of all that the rail has got."""
        delivery = next(each for each in self.store.rows.outbox if each.payment_id == conversation.conversation_id)
        await self.keeping.send(delivery)  # type: ignore[arg-type]
        return [type_of(each.body) for each in self.link.sent]


def type_of(body: bytes) -> str:
    """What a message is."""
    return body.partition(b"<MsgDefIdr>")[2][:8].decode() or body.partition(b"MsgDefIdr>")[2][:8].decode()


async def test_a_question_is_linked_to_our_request_where_who_was_asked_puts_it() -> None:
    """Another institution that knows its id, or names nothing of ours, is answered; but it is about nothing here."""
    world = World()
    request = await world.ask()
    about = []

    for author, named in ((THEIRS, request.message_id), ("990001203", request.message_id), (THEIRS, "NOTHING")):
        asking = Asking(
            kind="information_request",
            message_id=MessageId(named),
            original=pain013.MESSAGE_TYPE,
            creditor_agent=RoutingNumber(author),
        )
        _, (body, *_), message_id = world.writer.asked(asking, now=world.clock.now())
        assert await world.hear(body) is Outcome.APPLIED
        heard = (await world.store.find_by_message_id(Rail.FEDNOW, [message_id]))[message_id][Side.THEM]
        about.append((heard.about_id, heard.is_about_request))

    assert about == [(request.conversation_id, True), (None, False), (None, False)]


async def test_an_answer_after_the_expiry_is_kept_and_changes_nothing() -> None:
    """Expired by the clock, once; then ACTC comes: a person must look, and RJCT would say nothing new."""
    world = World()
    asked = await world.ask(expires_in_s=60)
    _, accepted = await world.answers_to(asked)

    await world.keeping.look()
    before = await world.now(asked)
    world.clock.advance(61)
    await world.keeping.look()
    await world.keeping.look()
    expired = await world.now(asked)
    outcome = await world.hear(accepted)
    after = await world.now(asked)

    assert (before.state, expired.state, expired.version, expired.due_at) == (_S.REQUESTED, _S.EXPIRED, 2, None)
    assert (outcome, after.state, after.needs_attention) == (Outcome.APPLIED, _S.EXPIRED, True)
    with pytest.raises(NotNowError):
        await world.desk.answer(asked.conversation_id, Act.WITHDRAWAL_ASKED, tenant_id=TENANT, reason=REASON, by="test")


async def test_the_same_message_counts_once_and_other_bytes_under_its_id_are_set_aside() -> None:
    """Delivered twice; then an answer of another content under the first one's header."""
    world = World()
    asked = await world.ask()
    _, accepted = await world.answers_to(asked)

    outcomes = [await world.hear(accepted), await world.hear(accepted)]
    forged = await world.hear(accepted.replace(b"ACTC", b"PRES"))

    assert (*outcomes, forged) == (Outcome.APPLIED, Outcome.REPEATED, Outcome.ID_REUSED)
    assert (await world.now(asked)).version == 2


async def test_a_request_that_comes_again_is_the_same_request() -> None:
    """Its bytes again open nothing; and we answer it once."""
    world = World()
    body, request = await world.asked_of_us()

    again = await world.hear(body)
    answered = await world.desk.answer(request.conversation_id, Act.ACCEPTED, tenant_id=TENANT, reason=None, by="test")

    assert again is Outcome.REPEATED
    assert (answered.state, answered.side) == (_S.ACCEPTED, Side.THEM)
    with pytest.raises(NotNowError):
        await world.desk.answer(request.conversation_id, Act.REFUSED, tenant_id=TENANT, reason=REASON, by="test")
    assert await world.sent(request) == ["admi.007", "pain.014"]


async def test_what_is_ours_to_say_is_no_word_of_the_other_sides() -> None:
    """Who asks us for a payment does not accept it for us; and an answer to what nobody asked is set aside."""
    world, other = World(), World()
    _, request = await world.asked_of_us()
    (received, *_) = await world.store.messages(request.conversation_id)
    theirs = pain013.parse(document_in(received))
    told, _ = world.writer.answered(theirs, PARTY, now=world.clock.now())

    outcomes = {await world.hear(each) for each in told if type_of(each) == "pain.014"}

    assert outcomes == {Outcome.NOT_THEIRS}
    assert (await world.now(request)).state is _S.REQUESTED
    unknown = [each for each in await world.answers_to(await world.ask()) if type_of(each) == "pain.014"]
    assert {await other.hear(each) for each in unknown} == {Outcome.UNKNOWN}


async def test_between_two_institutions_of_ours_each_hears_what_is_said_to_it() -> None:
    """One message has opened both: receipt and answer are the asker's; where that half is elsewhere, nobody's."""
    world, elsewhere = World(), World()
    forwarding = FedNowForwarding(FedNowSimulatorSettings(), MessageIds(started_at=START))
    asked = await world.ask()
    (sent, *_) = await world.store.messages(asked.conversation_id)
    header = examine(sent.body, profile=FedNowProfile(), direction=Direction.TO_RAIL).header
    assert header is not None
    relayed = forwarding.handed_on(header, sent.body, recipient=PARTY, now=world.clock.now())
    receipt, accepted = await world.answers_to(asked)
    for each in (world, elsewhere):
        each.store.incoming.tenants[THEIRS] = ReceivingTenant(TenantId("second"), None, REJECT_ALL)

    outcomes = [await each.hear(body) for each in (world, elsewhere) for body in (relayed, receipt, accepted)]
    halves = (await world.store.find_by_message_id(Rail.FEDNOW, [asked.message_id]))[asked.message_id]
    (other,) = elsewhere.store.rows.conversations.values()

    assert outcomes == [*[Outcome.APPLIED] * 4, Outcome.UNKNOWN, Outcome.NOT_THEIRS]
    assert {side: (each.tenant_id, each.state, each.version) for side, each in halves.items()} == {
        Side.US: (TENANT, _S.ACCEPTED, 3),
        Side.THEM: (TenantId("second"), _S.REQUESTED, 1),
    }
    assert (other.side, other.version) == (Side.THEM, 1)


async def test_a_request_that_was_expired_or_is_for_nobody_here_is_refused_with_its_arrival() -> None:
    """RJCT with NARR, RJCT with RC04: saved with the request, and nobody is asked."""
    world = World()

    _, late = await world.asked_of_us(expires_in_s=-1)
    _, foreign = await world.asked_of_us(debtor_agent=RoutingNumber("990000204"), end_to_end_id=EndToEndId("E2E-2"))

    assert (late.state, foreign.state, late.due_at) == (_S.REFUSED, _S.REFUSED, None)
    reasons = [(await world.store.events(each.conversation_id))[0].reason for each in (late, foreign)]
    assert [reason.code for reason in reasons if reason is not None] == ["NARR", "RC04"]
    assert foreign.tenant_id != TENANT
    assert await world.sent(late) == ["admi.007", "pain.014"]


@pytest.mark.parametrize(("agent", "outcome"), [("990000204", Outcome.NOT_THEIRS), (THEIRS, Outcome.APPLIED)])
async def test_another_institution_than_who_asked_does_not_take_the_request_back(agent: str, outcome: Outcome) -> None:
    """Whoever knows the request's id could end it."""
    world = World()
    _, request = await world.asked_of_us()
    withdrawal = Asking(kind="withdrawal", message_id=request.message_id, creditor_agent=RoutingNumber(agent))
    _, (body, *_), _ = world.writer.asked(withdrawal, now=world.clock.now())

    assert await world.hear(body) is outcome


async def test_what_did_not_leave_for_certain_is_sent_again_and_what_left_is_not() -> None:
    """The link fails after the first message: the delivery comes again, and sends the second one alone."""
    world = World()
    _, request = await world.asked_of_us()
    await world.desk.answer(request.conversation_id, Act.PRESENTED, tenant_id=TENANT, reason=None, by="test")

    def fail_next(_body: bytes, _class: MessageClass) -> tuple[bytes, ...]:
        world.link.next_send_raises = UnavailableError("the line is cut")
        world.link.answering = lambda _body, _class: ()
        return ()

    world.link.answering = fail_next
    with pytest.raises(UnavailableError):
        await world.sent(request)

    assert (await world.sent(request))[-1] == "pain.014"
    assert await world.sent(request) == ["admi.007", "pain.014", "pain.014"]
    assert [each.message_class for each in world.link.sent][:2] == [MessageClass.SYSTEM, MessageClass.NONVALUE]


async def test_while_a_rail_is_slow_few_messages_are_lent_at_once_and_all_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each that is lent holds a connection of the pool that payments are saved with."""
    world = World()
    asked = [await world.ask(account=f"SIMPROMISE{number}") for number in range(16)]
    lent, most, answers = 0, 0, asyncio.Event()
    real_send = world.link.send

    async def slow_send(body: bytes, *, message_class: MessageClass) -> None:
        nonlocal lent, most
        lent, most = lent + 1, max(most, lent + 1)
        await answers.wait()
        await real_send(body, message_class=message_class)
        lent -= 1

    monkeypatch.setattr(InMemoryRail, "send", lambda _self, body, **more: slow_send(body, **more))
    keeping = world.keeping
    deliveries = [each for each in world.store.rows.outbox if each.payment_id in {one.conversation_id for one in asked}]
    async with asyncio.TaskGroup() as group:
        for delivery in deliveries:
            group.create_task(keeping.send(delivery))  # type: ignore[arg-type]
        for _ in range(100):
            await asyncio.sleep(0)
        answers.set()

    assert (len(world.link.sent), most) == (16, 2)


async def test_what_no_delivery_brought_out_is_sent_all_the_same() -> None:
    """The delivery was given up and discarded: the message leaves once whoever keeps the time finds it."""
    world = World()
    await world.ask()

    await world.keeping.look()
    before = len(world.link.sent)
    world.clock.advance(31)
    await world.keeping.look()
    await world.keeping.look()

    assert (before, [type_of(each.body) for each in world.link.sent]) == (0, ["pain.013"])


async def test_what_the_rail_never_takes_does_not_hold_what_waits_behind_it() -> None:
    """The first raises at every look that tries it: the others leave all the same, and it is left alone for a while."""
    world = World()
    first, *others = [await world.ask(account=f"SIMPROMISE{number}") for number in range(3)]
    (poison, *_) = await world.store.messages(first.conversation_id)
    tries = 0

    def refuse(body: bytes, _class: MessageClass) -> tuple[bytes, ...]:
        nonlocal tries
        if body == poison.body:
            tries += 1
            world.link.sent.pop()
            raise UnavailableError("the queue does not take it")
        return ()

    world.link.answering = refuse
    keeping = world.keeping
    world.clock.advance(31)
    with pytest.raises(UnavailableError):
        await keeping.look()
    await keeping.look()

    assert (len(world.link.sent), len(others), tries) == (2, 2, 1)
    world.clock.advance(31)
    with pytest.raises(UnavailableError):
        await keeping.look()
    assert tries == 2


async def test_a_rail_that_is_away_with_a_long_backlog_costs_the_other_nothing() -> None:
    """More waits for it than one look takes: a few are tried and put off, the next look tries others."""
    world, other = World(), InMemoryRail()
    backlog = [await world.store.open(new()) for _ in range(TAKEN_MAX + 1)]
    await world.store.open(new(rail=Rail.RTP))
    tried: list[bytes] = []

    def refuse(body: bytes, _class: MessageClass) -> tuple[bytes, ...]:
        tried.append(body)
        raise UnavailableError("the queue does not take it")

    world.link.answering = refuse
    keeping = ConversationKeeping(world.store, {Rail.FEDNOW: world.link, Rail.RTP: other}, world.clock)
    world.clock.advance((NOW - world.clock.now()).total_seconds() + UNSENT_S + 1)
    seen = []
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await keeping.look()
        seen.append((len(tried), len(other.sent)))
    for _ in range(len(backlog) // FAULTS_MAX - 1):
        with pytest.raises(UnavailableError):
            await keeping.look()

    assert seen == [(FAULTS_MAX, 1), (2 * FAULTS_MAX, 1)]
    assert len(tried) == len(backlog), "each was tried once, the last of them behind a whole look's others"
    await keeping.look()


async def test_the_rails_rules_refuse_before_anything_is_saved() -> None:
    """A report of a day that is too long ago: the findings say where; nothing is there, and the key stays free."""
    world = World()
    asked = ReportAsked(kind=ReportKind.AATR, account=OWN, from_date=date(2026, 1, 2), to_date=date(2026, 1, 2))
    whole = ReportAsked(kind=ReportKind.AATR, account=OWN, from_date=date(2026, 11, 19), to_date=date(2026, 11, 19))

    with pytest.raises(NotStartedError) as refused:
        await world.desk.ask_for_report(TENANT, IdempotencyKey("key"), asked, rail=Rail.FEDNOW, content=b"half")
    started = await world.desk.ask_for_report(TENANT, IdempotencyKey("key"), whole, rail=Rail.FEDNOW, content=b"whole")

    assert (refused.value.code, bool(refused.value.findings)) == ("invalid", True)
    assert (started.kind, started.counterparty) == (ConversationKind.ACCOUNT_REPORT, "021150706")


@pytest.mark.parametrize("others", [TenantId("another"), None])
async def test_nobody_asks_in_the_name_of_anothers_institution_nor_sees_its_account(others: TenantId | None) -> None:
    """A report says what the institution has: it is its tenant's, and nobody's where the institution is nobody's."""
    world = World()
    await world.ask()
    world.store.incoming.tenants.clear()
    if others is not None:
        world.store.incoming.tenants[OWN] = ReceivingTenant(others, None, REJECT_ALL)
    asked = ReportAsked(kind=ReportKind.IATR, account=OWN, from_date=None, to_date=None)

    with pytest.raises(NotStartedError) as report:
        await world.desk.ask_for_report(TENANT, IdempotencyKey("report"), asked, rail=Rail.FEDNOW, content=b"report")
    with pytest.raises(NotStartedError) as payment:
        await world.ask(account="SIMOTHER")

    assert (report.value.code, payment.value.code) == ("not_yours", "not_yours")
    assert (await world.ask()).tenant_id == TENANT  # what was started while it was ours is repeated


async def test_a_request_whose_day_is_over_is_not_sent_and_its_repeat_still_answers() -> None:
    """Asked in time it is there, and a repeat finds it afterwards; asked anew it is refused."""
    world = World()
    asked = await world.ask()
    world.clock.advance(10 * 86_400)

    again = await world.ask()
    with pytest.raises(NotStartedError) as refused:
        await world.ask(account="SIMOTHER")

    assert again.conversation_id == asked.conversation_id
    assert refused.value.code == "too_late"


@pytest.mark.parametrize(("agent", "outcome"), [("990000204", Outcome.NOT_THEIRS), (THEIRS, Outcome.APPLIED)])
async def test_another_institution_than_was_asked_does_not_answer_the_request(agent: str, outcome: Outcome) -> None:
    """Whoever knows the request's id could refuse it in the other's name."""
    world = World()
    asked = await world.ask()
    (answer,) = [each for each in await world.answers_to(asked) if type_of(each) == "pain.014"]

    assert await world.hear(answer.replace(THEIRS.encode(), agent.encode())) is outcome


@pytest.mark.parametrize("is_being_withdrawn", [False, True])
async def test_a_request_is_over_with_its_expiry_before_anybody_has_said_so(*, is_being_withdrawn: bool) -> None:
    """Whoever keeps the time may be late, or not run at all; an answer after the expiry does not leave."""
    world = World()
    _, request = await world.asked_of_us(expires_in_s=60)
    if is_being_withdrawn:
        _, (body, *_), _ = world.writer.asked(
            Asking(kind="withdrawal", message_id=request.message_id), now=world.clock.now()
        )
        assert await world.hear(body) is Outcome.APPLIED
    world.clock.advance(61)

    with pytest.raises(NotNowError):
        await world.desk.answer(request.conversation_id, Act.ACCEPTED, tenant_id=TENANT, reason=None, by="test")


async def test_what_names_nobody_who_says_it_is_nobodys_word() -> None:
    """The answer's institution is optional in pain.014, and has an id of another kind at will: nothing changes."""
    world = World()
    asked = await world.ask()
    (answer,) = [each for each in await world.answers_to(asked) if type_of(each) == "pain.014"]
    start, end = answer.index(b"<DbtrAgt>"), answer.index(b"</DbtrAgt>") + len(b"</DbtrAgt>")

    unsigned = await world.hear(answer[:start] + answer[end:])
    after = await world.now(asked)

    assert (unsigned, after.state, after.version) == (Outcome.NOT_THEIRS, _S.REQUESTED, 1)
    assert await world.hear(answer) is Outcome.APPLIED


@pytest.mark.parametrize(
    ("is_received", "state"), [(True, _S.REQUESTED), (False, _S.FAILED)], ids=["arrived", "not heard of"]
)
async def test_a_request_that_has_arrived_does_not_fail_by_the_refusal_of_a_copy(
    *, is_received: bool, state: ConversationState
) -> None:
    """It stands, and a person must look; without an admi.007 the same refusal says that it did not arrive."""
    world = World()
    asked, unread = await world.ask(account="SIMSILENT"), World()
    received, *_ = await world.answers_to(asked)
    refused = await unread.ask(account="SIMUNREAD")
    (refusal,) = await unread.answers_to(refused)
    if is_received:
        assert await world.hear(received) is Outcome.APPLIED

    refusal = refusal.replace(refused.message_id.encode(), asked.message_id.encode())
    outcome = await world.hear(refusal)
    after = await world.now(asked)

    assert (outcome, after.state, after.needs_attention) == (Outcome.APPLIED, state, is_received)


async def test_a_slow_rail_holds_nothing_of_another() -> None:
    """Eight that RTP takes long to refuse, before one on FedNow: four are tried at a look, the others at the next."""
    world = World()
    slow = [await world.ask(account=f"SIMPROMISE{number}") for number in range(8)]
    for each in slow:
        world.store.rows.conversations[each.conversation_id] = replace(each, rail=Rail.RTP)
    last = await world.ask(account="SIMPRESENT")
    tried: list[bytes] = []

    async def fail(_self: InMemoryRail, body: bytes, **_more: object) -> None:
        tried.append(body)
        world.clock.advance(9)
        raise UnavailableError("the line is slow")

    class SlowRail(InMemoryRail):
        send = fail

    keeping = ConversationKeeping(world.store, {Rail.FEDNOW: world.link, Rail.RTP: SlowRail()}, world.clock)
    world.clock.advance(31)
    with pytest.raises(UnavailableError):
        await keeping.look()

    assert (len(tried), len(world.link.sent)) == (4, 1)
    assert world.store.rows.unsent[last.conversation_id] == []
    with pytest.raises(UnavailableError):
        await keeping.look()
    assert (len(tried), len(set(tried))) == (8, 8)


async def test_a_notification_that_nobody_has_asked_for_is_a_report_once_however_often_it_comes() -> None:
    """camt.054, to a correspondent: kept as a report of our institution's account; nobody answers it."""
    world = World()
    made = sample("camt.054", rail="fednow", direction=Direction.FROM_RAIL)
    body = made.replace(b"990000013", str(PARTY).encode())

    outcomes = [await world.hear(body) for _ in range(2)]

    (report,) = world.store.rows.conversations.values()
    assert outcomes == [Outcome.APPLIED, Outcome.REPEATED]
    assert (report.kind, report.state) == (ConversationKind.ACCOUNT_REPORT, _S.REPORTED)
    assert (report.side, report.due_at) == (Side.THEM, None)
    assert [each.direction for each in await world.store.messages(report.conversation_id)] == [MessageDirection.RAIL_IN]


def question_in(world: World) -> PaymentStatusRequest:
    """The last pacs.028 that has left, valid, and in the class of what has no money."""
    sent = world.link.sent[-1]
    report = examine(sent.body, profile=FedNowProfile(own_connection_party=PARTY), direction=Direction.TO_RAIL)
    assert report.valid, report.findings
    assert isinstance(report.message, PaymentStatusRequest)
    assert sent.message_class is MessageClass.NONVALUE
    return report.message


async def asked_how_it_stands(world: World, asked: Conversation) -> Conversation:
    """Have it asked how a request of ours stands, and sent."""
    act = Act.STATUS_ASKED
    shown = await world.desk.answer(asked.conversation_id, act, tenant_id=TENANT, reason=None, by="test")
    await world.sent(asked)
    return shown


@pytest.mark.parametrize(
    ("status", "state"), [("RCVD", _S.PRESENTED), ("PRES", _S.PRESENTED), ("ACTC", _S.ACCEPTED), ("RJCT", _S.REFUSED)]
)
async def test_how_our_request_stands_is_told_as_any_answer_is(status: str, state: ConversationState) -> None:
    """By pain.014 about the request; the question itself names it, and changes nothing."""
    world = World()
    asked = await world.ask(account="SIMSILENT")
    shown = await asked_how_it_stands(world, asked)

    question = question_in(world)
    request = pain013.parse(document_in((await world.store.messages(asked.conversation_id))[0]))
    answer = world.writer.response(request, RequestStatus(status), PARTY, now=world.clock.now())
    assert await world.hear(answer) is Outcome.APPLIED

    assert (question.original_message_id, question.original_message_name) == (asked.message_id, pain013.MESSAGE_TYPE)
    assert (question.instructing_agent, question.instructed_agent) == (OWN, THEIRS)
    assert shown.state is _S.REQUESTED
    assert (await world.now(asked)).state is state


@pytest.mark.parametrize("code", ["AG09", "NARR"])
@pytest.mark.parametrize(("by", "outcome"), [(THEIRS, Outcome.APPLIED), ("990001203", Outcome.NOT_THEIRS)])
async def test_that_it_is_not_traceable_refuses_nothing(code: str, by: str, outcome: Outcome) -> None:
    """RJCT of the question is no RJCT of the request; and it is theirs alone to say. The control is the test above."""
    world = World()
    asked = await world.ask(account="SIMSILENT")
    await asked_how_it_stands(world, asked)
    answers = AnswerWriter(FedNowSimulatorSettings().profile, MessageIds(started_at=START))
    question = replace(question_in(world), instructed_agent=RoutingNumber(by))

    refusal = answers.question_refused(question, code=code, recipient=PARTY, now=world.clock.now())

    assert await world.hear(refusal) is outcome
    assert (await world.now(asked)).state is _S.REQUESTED
    last = (await world.store.events(asked.conversation_id))[-1]
    assert (last.act is Act.STATUS_NOT_TOLD) == (outcome is Outcome.APPLIED)


async def test_a_repeat_of_the_question_is_the_same_and_after_a_while_another() -> None:
    """Asked twice at once it leaves once; who hears nothing may ask again, under another id."""
    world = World()
    asked = await world.ask(account="SIMSILENT")
    act = Act.STATUS_ASKED

    await asyncio.gather(
        *(world.desk.answer(asked.conversation_id, act, tenant_id=TENANT, reason=None, by="test") for _ in range(2))
    )
    types = await world.sent(asked)
    first = question_in(world)
    world.clock.advance(STATUS_ASKED_AGAIN_S)
    await asked_how_it_stands(world, asked)

    assert types.count("pacs.028") == 1
    assert question_in(world).message_id != first.message_id


async def test_what_is_over_or_not_ours_is_not_asked_about() -> None:
    """A request that was refused, and one that was made to us."""
    world = World()
    asked = await world.ask(account="SIMREFUSE")
    for answer in await world.answers_to(asked):
        await world.hear(answer)
    _, theirs = await world.asked_of_us()

    for each in (asked, theirs):
        with pytest.raises(NotNowError):
            await world.desk.answer(each.conversation_id, Act.STATUS_ASKED, tenant_id=TENANT, reason=None, by="test")
    assert Act.STATUS_ASKED not in world.desk.may(await world.now(asked))
