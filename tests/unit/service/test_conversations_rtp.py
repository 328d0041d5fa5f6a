"""Conversations over RTP, against the simulated rail's own rules: what we build it takes, what it says we read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import pytest

from adapters.keys.clear import ClearVault
from adapters.system import SystemIdentifiers
from gateway.domain.conversation import Act, Conversation, ConversationState, Side
from gateway.domain.payment import IdempotencyKey, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.stand_in import REJECT_ALL
from gateway.domain.timing import Timing
from gateway.service.conversations.desk import ConversationDesk, NotStartedError
from gateway.service.conversations.hear import ConversationHearing, Outcome, Said
from gateway.service.conversations.rail import PaymentAsked, ReportAsked
from gateway.service.conversations.rtp import RtpConversations
from gateway.service.conversations.send import ConversationKeeping
from gateway.service.incoming.messages import ReceivedMessages
from gateway.service.incoming.tenants import ReceivingTenants
from gateway.service.ports import MessageClass, MessageDirection, RawMessage, ReceivingTenant
from gateway.service.rtp import RtpAddress, RtpDialect, rtp_protocol
from iso20022 import Amount, ConnectionPartyId, EndToEndId, MessageId, Personal, RoutingNumber, RtpProfile, StatusReason
from iso20022.messages.camt060 import ReportKind
from simulators.facts import Judged, Verdict
from simulators.message_ids import MessageIds
from simulators.rail import SimulatedRail
from simulators.rtp.answers import AnswerWriter, Arrived, agent
from simulators.rtp.rail import rtp_rail
from simulators.rtp.settings import RtpSimulatorSettings
from tests.fakes.clock import START, VirtualClock
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.rail import InMemoryRail
from tests.fakes.store import InMemoryStore
from tests.unit.http.world import RecordingObserver
from tests.unit.simulators.world import LinesJournal

TENANT: Final = TenantId("default")
PARTY: Final = ConnectionPartyId("990000107A1")
ADDRESS: Final = RtpAddress(participant=PARTY)
OWN, THEIRS = RoutingNumber("990000107"), RoutingNumber("990001106")
TAKEN: Final = {Verdict.IGNORED, Verdict.ANSWER}
REASON: Final = Reason("CUST", ReasonOrigin.INSTITUTION)
_S = ConversationState


@dataclass(slots=True)
class World:
    """The use cases in memory, and the simulated network, with nothing between them but the test."""

    withdrawal_agreed: str | None = "IPAY"
    clock: VirtualClock = field(default_factory=VirtualClock)
    link: InMemoryRail = field(default_factory=InMemoryRail)
    journal: LinesJournal = field(default_factory=LinesJournal)
    store: InMemoryConversations = field(
        default_factory=lambda: InMemoryConversations(InMemoryIncoming(InMemoryStore()))
    )
    simulated: SimulatedRail = field(init=False)
    rail: RtpConversations = field(init=False)
    hearing: ConversationHearing = field(init=False)

    def __post_init__(self) -> None:
        incoming = self.store.incoming
        incoming.tenants[OWN] = ReceivingTenant(TENANT, None, REJECT_ALL)
        self.simulated = rtp_rail(RtpSimulatorSettings(), self.journal, started_at=self.clock.now())
        self.rail = RtpConversations(RtpDialect(RtpProfile(), ADDRESS), withdrawal_agreed=self.withdrawal_agreed)
        self.link.answering = self._take
        tenants = ReceivingTenants(incoming, self.clock, RecordingObserver())
        self.hearing = ConversationHearing(
            self.store, incoming.store, incoming, tenants, self.rail, "RC04", self.clock, SystemIdentifiers()
        )

    @property
    def desk(self) -> ConversationDesk:
        received = ReceivedMessages(self.store.incoming, {})
        rails = {Rail.RTP: self.rail}
        return ConversationDesk(
            self.store, self.store.incoming, received, rails, self.clock, SystemIdentifiers(), ClearVault(b"test")
        )

    def _take(self, body: bytes, message_class: MessageClass) -> tuple[bytes, ...]:
        self.simulated.receive(body, connection_party=PARTY, message_class=message_class.value, now=self.clock.now())
        return ()

    async def work(self) -> list[Outcome]:
        """Have what is unsent sent, and hear what the rail says; what became of each message."""
        return [await self.hear(each) for each in await self.exchange()]

    async def exchange(self) -> list[bytes]:
        """Have what is unsent sent; what the rail says."""
        keeping = ConversationKeeping(self.store, {Rail.RTP: self.link}, self.clock)
        for delivery in list(self.store.rows.outbox):
            await keeping.send(delivery)  # type: ignore[arg-type]
        waiting = self.simulated.fetch(PARTY, messages_max=1_000, now=self.clock.now())
        self.simulated.acknowledge(PARTY, [each.receipt for each in waiting])
        return [each.body for each in waiting]

    async def hear(self, body: bytes) -> Outcome:
        """What becomes of a message of the rail's."""
        reading = rtp_protocol(RtpProfile(), address=ADDRESS, timing=Timing()).read(body)
        assert reading.codes == ()
        if reading.transfer is not None:
            return Outcome.APPLIED  # the money itself, which is none of conversations'
        raw = RawMessage(
            SystemIdentifiers().new_uuid(),
            MessageDirection.RAIL_IN,
            reading.message_type,
            reading.business_message_id,
            "application/xml",
            body,
            self.clock.now(),
        )
        known = await self.hearing.concerned([reading])
        assert self.hearing.is_of_conversations(reading, known), reading
        return await self.hearing.hear(Said(raw, reading, hashlib.sha256(body).digest()))

    async def ask(self, account: str = "SIMPROMISE", *, expires: date | None = date(2026, 11, 24)) -> Conversation:
        """Ask for a payment."""
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
            end_to_end_id=EndToEndId(f"E2E-{account}"),
            category_purpose="CONS",
        )
        return await self.desk.ask_for_payment(
            TENANT, IdempotencyKey(account), asked, rail=Rail.RTP, content=account.encode()
        )

    async def asked_of_us(self, kind: str = "request_for_payment", **asking: Any) -> Conversation:
        """What the network asks of us, once it was heard: the conversation that it opens, or is in."""
        message_id = self.simulated.ask({"kind": kind, **asking}, now=self.clock.now())
        await self.work()
        named = asking["message_id"] if kind == "withdrawal" else message_id
        return (await self.store.find_by_message_id(Rail.RTP, [named]))[named][Side.THEM]

    async def answer(self, conversation: Conversation, act: Act, reason: Reason | None = None) -> Conversation:
        """Answer, or take back."""
        return await self.desk.answer(conversation.conversation_id, act, tenant_id=TENANT, reason=reason, by="test")

    async def now(self, conversation: Conversation) -> Conversation:
        """It as it is now."""
        return await self.desk.show(conversation.conversation_id, tenant_id=None)

    async def acts(self, conversation: Conversation) -> list[str]:
        """What has befallen it."""
        return [each.act.value for each in await self.store.events(conversation.conversation_id)]

    def verdicts(self) -> set[Verdict]:
        """What the network made of what we sent: what it refuses is none of these two."""
        return {fact.verdict for fact in self.journal.load() if isinstance(fact, Judged)}

    async def types(self, conversation: Conversation) -> list[str]:
        """What we have said in it."""
        messages = await self.store.messages(conversation.conversation_id)
        return [each.message_type[:8] for each in messages if each.direction is MessageDirection.RAIL_OUT]


@pytest.mark.parametrize(
    ("account", "state", "acts"),
    [
        ("200000000001", _S.ACCEPTED, ["Opened", "ReceiptReported", "Accepted"]),
        ("SIMREFUSE", _S.REFUSED, ["Opened", "ReceiptReported", "Refused"]),
        ("SIMPRESENT", _S.REQUESTED, ["Opened", "ReceiptReported"]),
        ("SIMTWICE", _S.ACCEPTED, ["Opened", "ReceiptReported", "Accepted"]),
        ("SIMCONTRADICT", _S.ACCEPTED, ["Opened", "ReceiptReported", "Accepted", "Refused"]),
        ("SIMUNREAD", _S.FAILED, ["Opened", "OpeningRefused"]),
    ],
)
async def test_what_becomes_of_a_request_of_ours(account: str, state: ConversationState, acts: list[str]) -> None:
    """Accepted, refused, neither, accepted twice, contradicted, and refused by the rail."""
    world = World()
    asked = await world.ask(account)

    await world.work()
    ended = await world.now(asked)

    assert (ended.state, ended.needs_attention) == (state, account == "SIMCONTRADICT")
    assert await world.acts(asked) == acts
    assert world.verdicts() <= TAKEN, "the network took every message of ours"


async def test_a_request_without_an_end_is_refused_before_anything_is_saved() -> None:
    """RTP wants an expiry, and none is made up."""
    world = World()

    with pytest.raises(NotStartedError) as refused:
        await world.ask(expires=None)

    assert refused.value.code == "invalid"
    assert ["XpryDt" in each.rule for each in refused.value.findings] == [True]


async def test_a_request_of_ours_expires_and_a_late_answer_changes_nothing() -> None:
    """The acceptance is on its way for ten days: a person must look."""
    world = World()
    asked = await world.ask()
    late = await world.exchange()
    keeping = ConversationKeeping(world.store, {Rail.RTP: world.link}, world.clock)

    world.clock.advance(timedelta(days=10).total_seconds())
    await keeping.look()
    expired = await world.now(asked)
    outcomes = [await world.hear(each) for each in late]
    after = await world.now(asked)

    assert outcomes == [Outcome.APPLIED, Outcome.APPLIED]
    assert [(each.state, each.needs_attention) for each in (expired, after)] == [
        (_S.EXPIRED, False),
        (_S.EXPIRED, True),
    ]


@pytest.mark.parametrize(
    ("code", "state"), [("CUST", _S.WITHDRAWN), ("DUPL", _S.ACCEPTED), ("TECH", _S.WITHDRAWING_ACCEPTED)]
)
async def test_a_request_of_ours_is_taken_back_by_camt056(code: str, state: ConversationState) -> None:
    """Agreed to with the configured confirmation, refused (RJCR), and never answered."""
    world = World()
    asked = await world.ask()
    await world.work()

    await world.answer(await world.now(asked), Act.WITHDRAWAL_ASKED, Reason(code, ReasonOrigin.INSTITUTION))
    await world.work()

    assert (await world.now(asked)).state is state
    assert (await world.types(asked))[-1] != "camt.055"
    assert "camt.056" in await world.types(asked)
    assert world.verdicts() <= TAKEN


async def test_what_is_not_known_of_the_rail_is_refused_until_it_is_configured() -> None:
    """Which confirmation agrees to a withdrawal is in no public text: it is not asked for, agreed to or guessed."""
    world = World(withdrawal_agreed=None)
    asked = await world.ask()
    await world.work()
    theirs = await world.asked_of_us()
    withdrawing = await world.asked_of_us("withdrawal", message_id=theirs.message_id)

    with pytest.raises(NotStartedError) as refused:
        await world.answer(await world.now(asked), Act.WITHDRAWAL_ASKED, REASON)
    with pytest.raises(NotStartedError):
        await world.answer(withdrawing, Act.WITHDRAWAL_AGREED)
    with pytest.raises(NotStartedError) as unasked:
        await world.answer(await world.now(asked), Act.STATUS_ASKED)
    refusing = await world.answer(withdrawing, Act.REFUSED, REASON)

    assert "FIFTEEN_RTP__WITHDRAWAL_AGREED_CODE" in str(refused.value)
    assert unasked.value.code == "not_on_this_rail"
    assert not {Act.WITHDRAWAL_ASKED, Act.STATUS_ASKED} & world.desk.may(await world.now(asked))
    assert (withdrawing.state, refusing.state) == (_S.WITHDRAWING, _S.REFUSED)


@pytest.mark.parametrize(("act", "state"), [(Act.ACCEPTED, _S.ACCEPTED), (Act.REFUSED, _S.REFUSED)])
async def test_what_is_asked_of_us_is_answered_in_the_rails_form(act: Act, state: ConversationState) -> None:
    """One pacs.002 that it has come, one pain.014; and what RTP has no word for is refused, and not offered."""
    world = World()
    request = await world.asked_of_us()

    offered = world.desk.may(request)
    with pytest.raises(NotStartedError) as unsaid:
        await world.answer(request, Act.PRESENTED)
    answered = await world.answer(request, act, None if act is Act.ACCEPTED else REASON)
    await world.work()

    assert (unsaid.value.code, offered) == ("not_on_this_rail", frozenset({Act.ACCEPTED, Act.REFUSED}))
    assert (answered.state, await world.types(request)) == (state, ["pacs.002", "pain.014"])
    assert world.verdicts() <= TAKEN


async def test_a_request_that_comes_in_copies_is_one_request() -> None:
    """Three copies, alike to the byte."""
    world = World()
    world.simulated.ask({"kind": "request_for_payment", "copies": 3}, now=world.clock.now())

    assert sorted(await world.work()) == sorted([Outcome.APPLIED, Outcome.REPEATED, Outcome.REPEATED])


async def test_what_is_expired_or_for_nobody_here_is_refused_by_a_code_that_is_on_rtps_list() -> None:
    """The list has no RC04: it is told in words (NARR)."""
    world = World()

    late = await world.asked_of_us(expires_in_s=-60)
    foreign = await world.asked_of_us(debtor_agent="990000204")
    reasons = [(await world.store.events(each.conversation_id))[0].reason for each in (late, foreign)]
    await world.work()

    assert (late.state, foreign.state) == (_S.REFUSED, _S.REFUSED)
    assert [(each.code, each.text) for each in reasons if each is not None] == [
        ("NARR", "The request had expired when it arrived."),
        ("NARR", "Refused with RC04."),
    ]
    assert world.verdicts() <= TAKEN


@pytest.mark.parametrize(
    ("act", "state"), [(Act.WITHDRAWAL_AGREED, _S.WITHDRAWN), (Act.WITHDRAWAL_REFUSED, _S.REQUESTED)]
)
async def test_their_withdrawal_is_answered_by_camt029(act: Act, state: ConversationState) -> None:
    """Agreed to and refused; it cannot be put off."""
    world = World()
    request = await world.asked_of_us()
    withdrawing = await world.asked_of_us("withdrawal", message_id=request.message_id)

    offered = world.desk.may(withdrawing)
    answered = await world.answer(withdrawing, act, None if act is Act.WITHDRAWAL_AGREED else REASON)
    await world.work()

    assert offered == {Act.ACCEPTED, Act.REFUSED, Act.WITHDRAWAL_AGREED, Act.WITHDRAWAL_REFUSED}
    assert (answered.state, (await world.types(request))[-1]) == (state, "camt.029")
    assert world.verdicts() <= TAKEN


async def test_a_withdrawal_of_what_is_over_is_refused_by_a_code_that_is_on_rtps_list() -> None:
    """RJCR with NOOR, at once."""
    world = World()
    request = await world.asked_of_us()
    await world.answer(request, Act.REFUSED, REASON)

    over = await world.asked_of_us("withdrawal", message_id=request.message_id)
    await world.work()

    assert (over.state, (await world.types(request))[-2:]) == (_S.REFUSED, ["pacs.002", "camt.029"])
    assert world.verdicts() <= TAKEN


@pytest.mark.parametrize("act", [Act.NO_INFORMATION, Act.DUPLICATE, Act.WILL_PAY])
async def test_a_question_has_one_answer_on_rtp_and_what_has_no_code_is_told_in_words(act: Act) -> None:
    """A camt.028, whatever is told; it cannot be put off."""
    world = World()
    question = await world.asked_of_us("information_request", message_id=f"M20261122{PARTY}B00000000000001")

    offered = world.desk.may(question)
    await world.answer(question, act)
    await world.work()

    assert Act.DEFERRED not in offered
    assert await world.types(question) == ["pacs.002", "camt.028"]
    assert world.verdicts() <= TAKEN


async def test_rtp_has_no_account_reports() -> None:
    """Refused in words; nothing is there."""
    world = World()
    asked = ReportAsked(kind=ReportKind.IATR, account=OWN, from_date=None, to_date=None)

    with pytest.raises(NotStartedError) as refused:
        await world.desk.ask_for_report(TENANT, IdempotencyKey("key"), asked, rail=Rail.RTP, content=b"report")

    assert refused.value.code == "not_on_this_rail"
    assert not world.store.rows.conversations


async def test_the_rails_word_that_it_does_not_take_a_message_ends_what_the_message_opened() -> None:
    """A pacs.002 RJCT; one about a message that is none of conversations' is left to who else may know it."""
    world, other = World(), World()
    asked = await world.ask("SIMSILENT")
    (sent, *_) = await world.store.messages(asked.conversation_id)
    writer = AnswerWriter(RtpSimulatorSettings(), MessageIds(started_at=START))
    arrived = Arrived(
        message_id=MessageId(f"M{sent.business_message_id[1:]}"),
        message_type=sent.message_type,
        created_at=world.clock.now(),
        author=agent(OWN),
    )
    body = writer.taken_in(arrived, recipient=PARTY, now=world.clock.now(), reasons=(StatusReason(proprietary="NOAT"),))
    reading = rtp_protocol(RtpProfile(), address=ADDRESS, timing=Timing()).read(body)

    outcome = await world.hear(body)
    (_, refused) = await world.store.events(asked.conversation_id)

    assert (outcome, refused.state_after) == (Outcome.APPLIED, _S.FAILED)
    assert refused.reason == Reason("NOAT", ReasonOrigin.RAIL)
    assert not other.hearing.is_of_conversations(reading, await other.hearing.concerned([reading]))


async def test_a_withdrawal_that_names_no_institution_is_nobodys_word_and_no_fault() -> None:
    """The institution's number is optional in camt.056; without it nothing is taken back, nor acknowledged."""
    world = World()
    request = await world.asked_of_us()
    world.simulated.ask({"kind": "withdrawal", "message_id": request.message_id}, now=world.clock.now())
    (body,) = await world.exchange()
    nobody = re.sub(
        rb"(<(?:\w+:)?(Assgnr|Assgne)>).*?(</(?:\w+:)?\2>)",
        lambda found: found[1] + _party(found[1]) + found[3],
        body,
    )

    unsigned = await world.hear(nobody)

    assert (nobody != body, unsigned) == (True, Outcome.NOT_THEIRS)
    assert (await world.now(request)).state is _S.REQUESTED
    assert await world.hear(body) is Outcome.APPLIED


def _party(tag: bytes) -> bytes:
    prefix = tag[1 : tag.rindex(b":") + 1] if b":" in tag else b""
    return b"<%(p)sPty><%(p)sNm>Sample Name</%(p)sNm></%(p)sPty>" % {b"p": prefix}


async def test_the_rail_is_known_by_any_of_its_ids() -> None:
    """It may say what became of a message under another id than the one that ours go to."""
    profile = RtpProfile(rtp_ids=frozenset({ConnectionPartyId("990000001T1"), ConnectionPartyId("990000002T1")}))

    rail = RtpConversations(RtpDialect(profile, ADDRESS), withdrawal_agreed=None)

    assert rail.services == {"990000001", "990000002"}


@pytest.mark.parametrize(
    ("code", "is_received", "state", "needs_attention"),
    [
        ("DUPL", True, _S.REQUESTED, False),
        ("DUPL", False, _S.REQUESTED, False),
        ("NOAT", True, _S.REQUESTED, True),
        ("NOAT", False, _S.FAILED, False),
    ],
)
async def test_the_refusal_of_a_second_copy_does_not_fail_a_request_that_stands(
    code: str, *, is_received: bool, state: ConversationState, needs_attention: bool
) -> None:
    """A worker dies after sending, and the request goes again: asked anew it could be paid twice."""
    world = World()
    asked = await world.ask("SIMSILENT")
    (sent, *_) = await world.store.messages(asked.conversation_id)
    received = await world.exchange()
    if is_received:
        assert [await world.hear(each) for each in received] == [Outcome.APPLIED]
    arrived = Arrived(
        message_id=MessageId(f"M{sent.business_message_id[1:]}"),
        message_type=sent.message_type,
        created_at=world.clock.now(),
        author=agent(OWN),
    )
    reason = StatusReason(code=code) if code == "DUPL" else StatusReason(proprietary=code)
    writer = AnswerWriter(RtpSimulatorSettings(), MessageIds(started_at=START + timedelta(days=1)))
    refusal = writer.taken_in(arrived, recipient=PARTY, now=world.clock.now(), reasons=(reason,))

    outcome = await world.hear(refusal)
    after = await world.now(asked)

    assert (outcome, after.state, after.needs_attention) == (Outcome.APPLIED, state, needs_attention)


async def test_an_answer_to_our_request_is_ours_though_another_was_opened_under_its_id() -> None:
    """By another of our institutions, to whom it came, or by a peer that took the id: the answer is to what we sent."""
    world = World()
    asked = await world.ask()
    answers = await world.exchange()
    (sent, *_) = await world.store.messages(asked.conversation_id)
    named = world.simulated.ask({"kind": "request_for_payment"}, now=world.clock.now())
    (request,) = await world.exchange()

    taken = await world.hear(request.replace(named.encode(), b"M" + sent.business_message_id[1:].encode()))
    outcomes = [await world.hear(each) for each in answers]

    assert (taken, outcomes) == (Outcome.APPLIED, [Outcome.APPLIED, Outcome.APPLIED])
    assert len(world.store.rows.conversations) == 2
    assert (await world.now(asked)).state is _S.ACCEPTED
