"""Conversations in a world: the other side's words, our institution's, and one process's way to where they are kept."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.domain.conversation import (
    MAY_EXPIRE,
    Act,
    Conversation,
    ConversationId,
    RecordedAct,
    Side,
)
from gateway.domain.payment import IdempotencyKey, Rail, Reason, ReasonOrigin
from gateway.service.conversations.desk import NotNowError, NotStartedError
from gateway.service.conversations.rail import PaymentAsked
from gateway.service.conversations.send import UNSENT_S
from gateway.service.ports import OutboundDelivery, RawMessage, UnavailableError
from gateway.service.ports.conversations import ConversationStore
from iso20022 import (
    Amount,
    BusinessHeader,
    EndToEndId,
    MessageId,
    Personal,
    ReceiptAcknowledgement,
    RequestForPaymentCancellation,
    Resolution,
)
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse, RequestStatus
from simulators.conversations import Asking
from simulators.fednow.conversations import ConversationWriter
from simulators.message_ids import MessageIds
from tests.acceptance.payments import RECEIVER
from tests.fakes.conversations import InMemoryConversations
from tests.simulation import ports
from tests.simulation.incoming import CREDITOR_AGENT, DEBTOR_AGENT, SMALL, TENANT
from tests.simulation.processes import Life
from tests.simulation.scenario import Part
from tests.simulation.talk_plans import Closing, Reply, TalkPlan
from tests.simulation.witness import Asked

if TYPE_CHECKING:
    from tests.simulation.build import GatewayLife
    from tests.simulation.rail import SimulatedRail
    from tests.simulation.world import World

TRIES_MAX: Final = 16
"""How often somebody of ours tries to get an answer before they give up."""

PAUSE_MAX_S: Final = 10.0
LOOK_PAUSE_S: Final = 1.0
"""How often an institution looks what it has been asked."""

ANSWER_GAP_S: Final = 0.4
"""Between two answers of the other side's."""

NO_ANSWER: Final = (UnavailableError, ConnectionError, TimeoutError)

_REASON: Final = Reason("CUST", ReasonOrigin.INSTITUTION)

ACCOUNTS: Final = {
    Reply.ACCEPTS: "SIMPROMISE",
    Reply.REFUSES: "SIMREFUSE",
    Reply.PRESENTS: "SIMPRESENT",
    Reply.IS_SILENT: "SIMSILENT",
    Reply.CONTRADICTS: "SIMCONTRADICT",
    Reply.IS_NOT_REACHED: "SIMUNREAD",
}
"""The debtor's account by which the simulated network is told what to answer."""

REASONS: Final = {Closing.AGREES: "CUST", Closing.REFUSES: "DUPL", Closing.DEFERS: "TECH", Closing.IS_SILENT: "FRAD"}
"""The reason of a withdrawal, by which it is told the same."""

SAYS: Final = {
    Reply.ACCEPTS: (Act.ACCEPTED,),
    Reply.REFUSES: (Act.REFUSED,),
    Reply.PRESENTS: (Act.PRESENTED,),
    Reply.IS_SILENT: (),
    Reply.CONTRADICTS: (Act.ACCEPTED, Act.REFUSED),
    Reply.IS_NOT_REACHED: (),
}
"""What our institution does with what it is asked; of two acts each is done by somebody else, at the same moment."""

CLOSES: Final = {
    Closing.AGREES: Act.WITHDRAWAL_AGREED,
    Closing.REFUSES: Act.WITHDRAWAL_REFUSED,
    Closing.DEFERS: Act.WITHDRAWAL_DEFERRED,
}
WITH_REASON: Final = {Act.REFUSED, Act.WITHDRAWAL_REFUSED, Act.WITHDRAWAL_ASKED}
DECISIONS: Final = {RequestStatus.ACTC, RequestStatus.RJCT}


# --- The store ------------------------------------------------------------------------------------------------------


class WitnessedConversations(InMemoryConversations):
    """Where all processes keep conversations; what is to be sent is in the outbox that all share."""

    def _keep(
        self,
        conversation: Conversation,
        recorded: RecordedAct,
        messages: Sequence[RawMessage],
        outbox: Sequence[OutboundDelivery],
    ) -> None:
        super()._keep(conversation, recorded, messages, ())
        for delivery in outbox:
            self.incoming.store.queue(delivery, at=recorded.at)

    def waits_until(self) -> datetime | None:
        """Return when whoever keeps the time next has something to do; the past, where it has."""
        instants = [
            message.at + timedelta(seconds=UNSENT_S) for unsent in self.rows.unsent.values() for message in unsent
        ]
        instants += [each.expires_at for each in may_expire(self) if each.expires_at is not None]
        instants += [found.conversation.opened_at for found in self.settled_now()]
        return min(instants, default=None)


class _ConversationsSide(ports.Side):
    @asynccontextmanager
    async def sending(self, conversation_id: ConversationId) -> AsyncIterator[RawMessage | None]:
        """Lend a message; that it has left is noted by a call of its own."""
        life = self._life
        life.demand_alive()
        if life.world.is_down(Part.STORE):
            raise UnavailableError("the store is down")
        lent = cast("InMemoryConversations", self._inner).sending(conversation_id)
        message = await lent.__aenter__()
        is_noted = False

        async def note() -> None:
            nonlocal is_noted
            is_noted = True
            await lent.__aexit__(None, None, None)

        try:
            yield message
            await (note() if message is None else life.call(Part.STORE, "store.sent", note))
        except BaseException as error:
            if not is_noted:
                await _given_back(lent, error)
            raise


async def _given_back(lent: Any, error: BaseException) -> None:
    try:
        await lent.__aexit__(type(error), error, error.__traceback__)
    except BaseException as raised:
        if raised is not error:
            raise


def conversations_side(life: Life, store: InMemoryConversations) -> ConversationStore:
    """Return conversations as a process sees them."""
    return cast("ConversationStore", _ConversationsSide(life, Part.STORE, store))


# --- The rail -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Spoken:
    """What the rail knows of one request: the messages that opened it, what was decided, and what was acknowledged."""

    plan: TalkPlan
    openings: list[MessageId] = field(default_factory=list)
    decisions: dict[MessageId, RequestStatus] = field(default_factory=dict)
    closings: dict[MessageId, str] = field(default_factory=dict)
    receipts: set[MessageId] = field(default_factory=set)
    withdrawal_id: MessageId | None = None
    reply_lost: int = 0


@dataclass(slots=True)
class Talks:
    """The other side of every conversation."""

    rail: SimulatedRail
    references: dict[int, EndToEndId]
    writer: ConversationWriter
    spoken: dict[int, Spoken] = field(default_factory=dict)
    used_ids: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, rail: SimulatedRail, requests: Mapping[TalkPlan, EndToEndId]) -> Talks:
        """Return those of a rail on which nothing was said yet; each request has an end-to-end id of its own."""
        from tests.simulation.rail import SETTINGS

        writer = ConversationWriter(SETTINGS, MessageIds(started_at=rail.now() + timedelta(milliseconds=11)))
        references = {plan.number: reference for plan, reference in requests.items()}
        return cls(rail, references, writer, {plan.number: Spoken(plan) for plan in requests})

    def of_reference(self, reference: str | None) -> Spoken:
        """Return the request with this end-to-end id."""
        return next(self.spoken[number] for number, known in self.references.items() if known == reference)

    def of_message(self, message_id: str) -> Spoken | None:
        """Return the request that was made, or taken back, by this message."""
        return next(
            (each for each in self.spoken.values() if message_id in {*each.openings, each.withdrawal_id}),
            None,
        )

    # --- what the other side asks ---

    def ask(self, plan: TalkPlan, *, cents: int) -> None:
        """Bring a request, as often as its plan says; and take it back, where the plan does."""
        asking = Asking(
            kind="request_for_payment",
            debtor_agent=CREDITOR_AGENT,
            creditor_agent=_RECEIVER,
            amount=Amount(cents),
            end_to_end_id=self.references[plan.number],
            expires_in_s=plan.expires_in_s,
        )
        _, (body, *_), message_id = self.writer.asked(asking, now=self.rail.now())
        self.spoken[plan.number].openings.append(message_id)
        for copy in range(plan.copies):
            self.rail.tell(body, f"{plan.words}, delivery {copy + 1}", late_s=copy * 1.5)
        if plan.withdrawn_after_s is not None:
            self.rail.do_later(plan.withdrawn_after_s, lambda: self._take_back(plan, asking, message_id))

    def _take_back(self, plan: TalkPlan, asked: Asking, message_id: MessageId) -> None:
        asking = Asking(
            kind="withdrawal",
            message_id=message_id,
            debtor_agent=asked.debtor_agent,
            creditor_agent=asked.creditor_agent,
            end_to_end_id=asked.end_to_end_id,
        )
        _, (body, *_), withdrawal_id = self.writer.asked(asking, now=self.rail.now())
        self.spoken[plan.number].withdrawal_id = withdrawal_id
        # Nobody takes back what the asked has not been told of yet: it comes after the request, as a queue has it.
        for copy in range(plan.copies):
            self.rail.tell(body, f"the withdrawal of {plan.words}, delivery {copy + 1}", late_s=0.25 + copy * 1.5)

    # --- what it hears ---

    def hear(self, said: object, header: BusinessHeader) -> bool:
        """Take a message of ours; False where it is a second copy."""
        if header.business_message_id in self.used_ids:
            return False
        self.used_ids.add(header.business_message_id)
        match said:
            case RequestForPayment():
                spoken = self.of_reference(said.end_to_end_id)
                spoken.openings.append(said.message_id)
                self._answer(spoken, said)
            case RequestForPaymentCancellation():
                spoken = self.of_reference(said.original_end_to_end_id)
                spoken.withdrawal_id = said.message_id
                self._answer(spoken, said)
            case RequestForPaymentResponse():
                if said.status in DECISIONS:
                    self._asked(said.original_message_id).decisions[said.message_id] = said.status
                self.rail.say(f"hears {said.status} about {self._asked(said.original_message_id).plan.words}")
            case Resolution():
                about = said.resolved_case
                assert about is not None, "we name the case"
                self._asked(about.id).closings[said.message_id] = said.confirmation or ""
                self.rail.say(f"hears {said.confirmation} about {self._asked(about.id).plan.words}")
            case ReceiptAcknowledgement():
                for receipt in said.receipts:
                    if (found := self.of_message(receipt.related_reference)) is not None:
                        found.receipts.add(MessageId(receipt.related_reference))
            case _:
                raise AssertionError(f"{said} is nothing that we say in a conversation")
        return True

    def _asked(self, message_id: str) -> Spoken:
        found = self.of_message(message_id)
        assert found is not None, "we answer what was asked"
        return found

    def _answer(self, spoken: Spoken, said: RequestForPayment | RequestForPaymentCancellation) -> None:
        from tests.simulation.rail import PARTY

        plan, what = spoken.plan, "withdrawal" if isinstance(said, RequestForPaymentCancellation) else "request"
        self.rail.say(f"hears the {what} of {plan.words}")
        told, _ = self.writer.answered(said, PARTY, now=self.rail.now())
        for number, body in enumerate(told):
            if number and spoken.reply_lost < plan.answers_lost:
                spoken.reply_lost += 1
                self.rail.say(f"loses an answer to the {what} of {plan.words}")
                continue
            late_s = plan.replies_after_s + (number - 1) * ANSWER_GAP_S if number else 0.0
            for copy in range(2 if plan.is_told_twice else 1):
                self.rail.tell(body, f"word {number} about the {what} of {plan.words}", late_s=late_s + 1.5 * copy)

    def each(self) -> Iterator[Spoken]:
        """Return every request."""
        yield from self.spoken.values()


_RECEIVER: Final = cast("Any", RECEIVER)


def reference_of(world: World, plan: TalkPlan) -> EndToEndId:
    """Return the end-to-end id of a request: that of the payment of ours which pays it, if one does."""
    paid_with = next((each.number for each in world.scenario.payments if each.answers == plan.number), None)
    return EndToEndId(f"REQUEST-{plan.number}") if paid_with is None else world.reference(paid_with)


def cents_of(world: World, plan: TalkPlan) -> int:
    """Return how much is asked for."""
    if plan.is_ours:
        return SMALL
    paid_with = next((each.number for each in world.scenario.payments if each.answers == plan.number), 0)
    return 1000 + paid_with + (1 if plan.is_of_other_amount else 0)


# --- Our own people -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class People:
    """What our institution asks and answers; what it was told of it."""

    world: World
    answered: dict[int, list[Act]] = field(default_factory=lambda: defaultdict(list))
    _asked: dict[int, PaymentAsked] = field(default_factory=dict)

    def conversation(self, plan: TalkPlan) -> Conversation | None:
        """Return what was made of a request, if it is known."""
        side, reference = Side.US if plan.is_ours else Side.THEM, self.world.rail.talks.references[plan.number]
        kept = self.world.conversations.rows.conversations.values()
        return next((each for each in kept if (each.side, each.end_to_end_id) == (side, reference)), None)

    async def asking(self, plan: TalkPlan) -> None:
        """Ask for a payment, as often as the plan says, and take it back, where it does."""
        await asyncio.sleep(plan.at_s)
        for turn in range(plan.copies):
            self._asked.setdefault(plan.number, self._request(plan))
            asked = await self._try(plan, "asks", lambda at: _ask(at, plan, self._asked[plan.number]), turn=turn)
            if asked is None:
                return
            self.world.witness(Asked(plan, asked))
            await asyncio.sleep(self.world.chance.delay_s(0.01, 5, "asks", plan.number, turn))
        if plan.withdrawn_after_s is not None:
            await asyncio.sleep(plan.withdrawn_after_s)
            await self._do(plan, Act.WITHDRAWAL_ASKED, code=REASONS[plan.closing])

    def _request(self, plan: TalkPlan) -> PaymentAsked:
        now = self.world.now()
        return PaymentAsked(
            debtor_agent=DEBTOR_AGENT,
            debtor_name=Personal("Sample Debtor"),
            debtor_account=Personal(ACCOUNTS[plan.reply]),
            creditor_agent=CREDITOR_AGENT,
            creditor_name=Personal("Sample Creditor"),
            creditor_account=Personal("100000007777"),
            amount=Amount(SMALL),
            pay_on=(now + timedelta(days=3)).date(),
            expires=None if plan.expires_in_s is None else now + timedelta(seconds=plan.expires_in_s),
            end_to_end_id=self.world.rail.talks.references[plan.number],
            category_purpose="CONS",
        )

    async def answering(self, plan: TalkPlan) -> None:
        """Answer what has come, as the plan says; and its withdrawal, unless a person has to see to that."""
        while self.conversation(plan) is None:
            await asyncio.sleep(LOOK_PAUSE_S)
        await asyncio.sleep(plan.replies_after_s)
        async with asyncio.TaskGroup() as group:
            for number, act in enumerate(SAYS[plan.reply]):
                group.create_task(self._do(plan, act, by=number))
        if plan.withdrawn_after_s is None or plan.closing is Closing.IS_SILENT:
            return
        while not self._is_taken_back(plan):
            if self._is_set_aside(plan):
                return
            await asyncio.sleep(LOOK_PAUSE_S)
        await self._do(plan, CLOSES[plan.closing])

    def _is_taken_back(self, plan: TalkPlan) -> bool:
        known = self.conversation(plan)
        assert known is not None, "it was there"
        events = self.world.conversations.rows.events[known.conversation_id]
        return any(event.act is Act.WITHDRAWAL_ASKED for event in events)

    def _is_set_aside(self, plan: TalkPlan) -> bool:
        withdrawal_id = self.world.rail.talks.spoken[plan.number].withdrawal_id
        kept = self.world.store.rows.quarantine.values()
        return withdrawal_id is not None and any(withdrawal_id.encode() in each.message.body for each in kept)

    async def _do(self, plan: TalkPlan, act: Act, *, code: str | None = None, by: int = 0) -> None:
        known = self.conversation(plan)
        assert known is not None, "it was there"
        reason = Reason(code, ReasonOrigin.INSTITUTION) if code else _REASON if act in WITH_REASON else None
        done = await self._try(plan, f"says {act}", lambda at: _act(at, known, act, reason), turn=by)
        if done is not None:
            self.answered[plan.number].append(act)

    async def _try(self, plan: TalkPlan, what: str, work: Any, *, turn: int) -> Conversation | None:
        """Have something done until it is, or is refused."""
        world, who = self.world, f"who sees to {plan.words}"
        for attempt in range(TRIES_MAX):
            gateway = world.gateways[(plan.number + turn + attempt) % len(world.gateways)]
            world.trace.tell(who, f"{what}, at {gateway.name}")
            try:
                done: Conversation | NotNowError | NotStartedError = await gateway.ask(f"{what} {plan.words}", work)
            except NO_ANSWER as error:
                world.trace.tell(who, f"has no answer: {type(error).__name__}")
                await asyncio.sleep(min(0.1 * 2**attempt, PAUSE_MAX_S))
                continue
            if isinstance(done, Conversation):
                world.trace.tell(who, f"is told: {done.state}")
                return done
            world.trace.tell(who, f"is refused: {done}")
            return None
        return None


async def _ask(at: GatewayLife, plan: TalkPlan, asked: PaymentAsked) -> Conversation | NotStartedError:
    assert at.talking is not None, "in a world with conversations"
    content, key = f"request {plan.number}".encode(), IdempotencyKey(f"request-{plan.number}")
    try:
        return await at.talking.ask_for_payment(TENANT, key, asked, rail=Rail.FEDNOW, content=content)
    except NotStartedError as error:
        return error


async def _act(at: GatewayLife, known: Conversation, act: Act, reason: Reason | None) -> Conversation | NotNowError:
    assert at.talking is not None, "in a world with conversations"
    try:
        return await at.talking.answer(
            known.conversation_id, act, tenant_id=TENANT, reason=reason, by="the institution"
        )
    except NotNowError as error:
        return error


def may_expire(store: InMemoryConversations) -> list[Conversation]:
    """Return the conversations that end when their time is over."""
    known = store.rows.conversations.values()
    return [each for each in known if each.expires_at is not None and each.state in MAY_EXPIRE]


def is_at_rest(world: World) -> bool:
    """Whether nothing more happens by itself in any conversation."""
    rows = world.conversations.rows
    return not (may_expire(world.conversations) or any(rows.unsent.values()) or world.conversations.settled_now())
