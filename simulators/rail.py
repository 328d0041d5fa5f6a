"""A rail in memory, without sockets: messages and the present instant go in, facts and messages come out.

Nothing here waits or reads a clock. What falls due is done when the next caller brings a later instant, in its order
and under its own time, so the outcome is the same whether someone polls all the time or comes back in an hour. What a
network makes of a message, and how it says so, are its `RailRules`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from iso20022 import ConnectionPartyId, MessageId, RoutingNumber, TransactionStatus
from iso20022.messages.admi998 import ParticipantService
from simulators.behaviours import Answer, Behaviour, BehaviourTable, Told
from simulators.book import Book, OpenBusiness, PaymentRecord
from simulators.facts import (
    Acknowledged,
    AnswerLost,
    AnswerQueued,
    ClockChanged,
    DayRolled,
    Fact,
    ForwardingCompleted,
    ForwardingStatus,
    PaymentBooked,
    PaymentCompleted,
    ProfileChanged,
    Received,
    Started,
    TransferForwarded,
)
from simulators.faults import GARBAGE, NO_FAULTS, Faults, fate_of, signed_as
from simulators.forwarding import (
    NONE,
    OPPOSITE,
    UNREADABLE,
    Forwarded,
    ForwardingRules,
    Order,
    deliveries,
    opposite_of,
)
from simulators.journal import Journal
from simulators.message_ids import MessageIds
from simulators.outqueue import Waiting
from simulators.participants import Participant, participant_of
from simulators.relay import NOBODY, booked_as
from simulators.standing import NO_POINT, PointsByParty, Standing

if TYPE_CHECKING:  # who signs nothing needs none of it
    from simulators.signatures import RailSignatures

_MILLISECOND: Final = timedelta(milliseconds=1)


class ClockHeldError(Exception):
    """The clock cannot go back: something is under way, and would end before it began."""

    def __init__(self, business: OpenBusiness) -> None:
        super().__init__(
            f"{business.in_process} payments are in process, {business.unanswered} forwarded and unanswered, "
            f"{business.undelivered} messages come later or were fetched and not acknowledged"
        )
        self.business = business


class SimulatorSettings(Protocol):
    """What a simulator of any network is told."""

    @property
    def host(self) -> str:
        """Where it listens."""
        ...

    @property
    def port(self) -> int:
        """Its port; 0 takes a free one."""
        ...

    @property
    def network(self) -> str:
        """Its name, which begins those of queues."""
        ...

    @property
    def amqp_url(self) -> str | None:
        """A broker over whose queues participants may come too."""
        ...

    @property
    def journal(self) -> Path | None:
        """Where it remembers; nowhere without one."""
        ...

    @property
    def visibility_s(self) -> float:
        """How long what was fetched stays out of sight."""
        ...

    @property
    def participants(self) -> tuple[Participant, ...]:
        """Who is on the network."""
        ...

    @property
    def signatures(self) -> RailSignatures | None:
        """What it signs and verifies with; nothing without."""
        ...

    @property
    def connection_points(self) -> PointsByParty:
        """The connection points of those parties that have named ones."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A copy of a message as it came: its number, who sent it in which class, and when."""

    copy: int
    connection_party: ConnectionPartyId
    message_class: str
    at: datetime
    attended: frozenset[RoutingNumber] = NOBODY
    """The institutions that answer for themselves."""
    faults: Faults = NO_FAULTS
    """What a test has switched on."""
    unverified: str | None = None
    """What is wrong with its signature, where the rail verifies: it is not processed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one copy leads to: facts, perhaps a message to its sender, further ones, money that follows, and news."""

    facts: tuple[Fact, ...]
    reply: bytes | None = None
    further: tuple[bytes, ...] = ()
    order: Order | None = None
    broadcasts: tuple[tuple[ConnectionPartyId, bytes], ...] = ()


class RailRules(Protocol):
    """What one network makes of messages, and how it tells; pure, but for the ids that it gives out."""

    @property
    def behaviours(self) -> BehaviourTable:
        """What happens to which payment."""
        ...

    @property
    def forwarding(self) -> ForwardingRules | None:
        """How payments from the network are forwarded; None where there are none."""
        ...

    def judge(self, body: bytes, arrival: Arrival, book: Book) -> Judgement:
        """Decide what becomes of one copy of a message."""
        ...

    def asked(self, asking: object, *, now: datetime) -> tuple[ConnectionPartyId, tuple[bytes, ...], MessageId]:
        """Whom the network asks something, with which messages, and the request's own id; ValueError if it does not."""
        ...

    def completion_date(self, instant: datetime) -> date:
        """The settlement date of what completes at this instant."""
        ...

    @property
    def has_directory(self) -> bool:
        """Whether the network tells its participants who takes part, at the beginning of each day."""
        ...

    def directory(self, standing: Standing, *, now: datetime) -> Sequence[tuple[ConnectionPartyId, bytes]]:
        """The file that tells it, as it goes to every connection party."""
        ...

    def body(self, answer: Answer, booked: PaymentBooked, *, settlement_date: date, at: datetime) -> bytes:
        """The message that says `answer` to the sender of a payment."""
        ...


class SimulatedRail:
    """One rail in memory. A fact is journalled before it takes effect; make it anew from a journal's facts."""

    def __init__(
        self,
        settings: SimulatorSettings,
        make_rules: Callable[[MessageIds], RailRules],
        journal: Journal,
        *,
        started_at: datetime,
        facts: Iterable[Fact] = (),
    ) -> None:
        self.settings = settings
        self.faults = NO_FAULTS
        self.attended = NOBODY
        """The institutions that answer for themselves, as a test has said; forgotten at a restart."""
        self.book = Book(visibility=timedelta(seconds=settings.visibility_s), points=settings.connection_points)
        self._journal = journal
        for fact in facts:
            self.book.apply(fact)
        earliest = self.book.last_started_at + _MILLISECOND if self.book.last_started_at else started_at
        self._record(Started(max(started_at, earliest)))
        self._ids = MessageIds(started_at=max(started_at, earliest))
        self._rules = make_rules(self._ids)

    def receive(
        self,
        body: bytes,
        *,
        connection_party: ConnectionPartyId,
        message_class: str,
        now: datetime,
        signature: str | None = None,
    ) -> None:
        """Take one copy of a message: journal it, judge it, and do what follows at once."""
        self.advance(now)
        copy, unverified = self.book.next_copy, None
        if self.settings.signatures is not None:
            body, unverified = self.settings.signatures.verified(body, signature, at=now)
        digest = hashlib.sha256(body).hexdigest()
        self._record(Received(copy, now, connection_party, message_class, digest, len(body)))
        arrival = Arrival(
            copy=copy,
            connection_party=connection_party,
            message_class=message_class,
            at=now,
            attended=self.attended,
            faults=self.faults,
            unverified=unverified,
        )
        judgement = self._rules.judge(body, arrival, self.book)
        told = (*(() if judgement.reply is None else (judgement.reply,)), *judgement.further)
        replies = [fact for body in told for fact in self._queued(body, connection_party, now)]
        news = [fact for party, told in judgement.broadcasts for fact in self._queued(told, party, now)]
        self._record(*judgement.facts, *replies, *news)
        for fact in judgement.facts:
            if isinstance(fact, ForwardingCompleted):
                self._advise(fact)
            if isinstance(fact, ForwardingStatus):
                self._tell_sender(fact)
        self.advance(now)
        if judgement.order is not None:
            self.originate(judgement.order, now=now)

    def ask_back(self, message_id: MessageId, reason: str, *, days_later: int, is_unknown: bool, now: datetime) -> None:
        """Have the sender of a forwarded payment ask for its return.

        Raises:
            ValueError: none was forwarded under this id.

        """
        record = self.book.forwarded_with_id(message_id)
        if record is None:
            raise ValueError(f"no payment was forwarded under {message_id}")
        forwarded = record.forwarded
        body = self._forwarding.ask_back(forwarded, reason, days_later=days_later, is_unknown=is_unknown, now=now)
        self._record(*self._queued(body, forwarded.recipient, now))

    def ask(self, asking: object, *, now: datetime) -> MessageId:
        """Have the network ask a participant something, and return the request's message id.

        Raises:
            ValueError: this network asks nothing, or what it is about is not known.

        """
        self.advance(now)
        party, bodies, message_id = self._rules.asked(asking, now=now)
        self._record(*(fact for body in bodies for fact in self._queued(body, party, now)))
        return message_id

    def change_profile(self, number: RoutingNumber, services: Sequence[str], *, now: datetime) -> None:
        """Change what an institution may do. The participants hear of it by the next file.

        Raises:
            ValueError: it is no participant, or one of these is no service.

        """
        self.advance(now)
        if participant_of(number, self.settings.participants) is None:
            raise ValueError(f"{number} is no participant")
        self._record(ProfileChanged(now, number, tuple(map(ParticipantService, services))))

    def publish_directory(self, *, now: datetime) -> int:
        """Tell every connection party who takes part; says how many were told."""
        self.advance(now)
        return self._publish(now)

    def _publish(self, now: datetime) -> int:
        told = self._rules.directory(self.book.standing, now=now)
        self._record(*(fact for party, body in told for fact in self._queued(body, party, now)))
        return len(told)

    def _roll(self, now: datetime) -> None:
        """Begin the network's day where it has begun, and tell who takes part in it."""
        day, before = self._rules.completion_date(now), self.book.day
        if before is not None and day <= before:
            return
        self._record(DayRolled(now, day))
        if before is not None:
            self._publish(now)

    def originate(self, order: Order, *, now: datetime) -> TransferForwarded:
        """Forward a payment from the network to its receiver; one that is signed off gets none, and it is rejected.

        Raises:
            ValueError: the creditor's agent is no participant, or what is to be returned was never sent.

        """
        self.advance(now)
        record = None if order.returns is None else self.book.payment_with_id(MessageId(order.returns))
        if order.returns is not None and record is None:
            raise ValueError(f"no payment was sent under {order.returns}")
        original = None if record is None else record.booked
        agent = order.creditor_agent if original is None else original.instructing_agent
        receiver = participant_of(agent, self.settings.participants)
        if receiver is None:
            raise ValueError(f"{agent} is no participant")
        rules, number = self._forwarding, self.book.next_forwarding
        forwarded = rules.forward(order, number, recipient=receiver.connection_party, now=now, original=original)
        if not order.liquidity and not self.book.standing.is_reached(receiver):
            refusal = (rules.not_reached(),)
            rejected = ForwardingCompleted(forwarded.message_id, now, TransactionStatus.RJCT, refusal, None)
            self._record(forwarded, rejected)
            return forwarded
        settled = ForwardingCompleted(forwarded.message_id, now, TransactionStatus.ACSC, (), rules.completion_date(now))
        if order.swallowed:
            self._record(forwarded, settled)
            return forwarded
        again = None if order.again_after_s is None else rules.again(forwarded, now=now)
        receipts = [self._ids.next_reference() for _ in range(order.copies + 1)]
        self._record(forwarded, *([settled] if order.liquidity else []), *deliveries(forwarded, receipts, again))
        return forwarded

    @property
    def _forwarding(self) -> ForwardingRules:
        rules = self._rules.forwarding
        if rules is None:
            raise ValueError(f"no payments come from {self.settings.network}")
        return rules

    def _advise(self, completed: ForwardingCompleted) -> None:
        """Tell the receiver what became of a payment, as its order says; a participant's is booked for its sender."""
        record = self.book.forwarded_with_id(completed.message_id)
        assert record is not None, "what was completed was forwarded"
        forwarded = record.forwarded
        is_relayed = forwarded.copy is not None
        booked = [booked_as(forwarded, completed, timed_out=self._forwarding.timed_out())] if is_relayed else []
        self._record(*booked, *self._advices(record, completed))

    def _tell_sender(self, status: ForwardingStatus) -> None:
        """Relay what a receiver says of the posting to the participant that has sent the payment."""
        record = self.book.forwarded_with_id(status.message_id)
        known = None if record is None or record.forwarded.copy is None else self.book.payment_of(record.forwarded.copy)
        if known is None:
            return
        answer = Answer(Told.LATER_STATUS, status=status.status)
        body = self._rules.body(answer, known.booked, settlement_date=status.at.date(), at=status.at)
        self._record(*self._queued(body, known.booked.connection_party, status.at))

    def _advices(self, record: Forwarded, completed: ForwardingCompleted) -> list[Fact]:
        forwarded, status = record.forwarded, completed.status
        if forwarded.advice == NONE:
            return []
        if forwarded.advice == OPPOSITE:
            status = opposite_of(status, settled=self._forwarding.settled)
        at = completed.at + timedelta(seconds=forwarded.advice_after_s)
        body = self._forwarding.advice(
            forwarded, status, completed.reasons, settlement_date=completed.settlement_date, at=at
        )
        if forwarded.advice == UNREADABLE:
            body = GARBAGE
        return [fact for _ in range(forwarded.advice_copies) for fact in self._queued(body, forwarded.recipient, at)]

    def change_clock(self, change: ClockChanged) -> None:
        """Set the clock, which says so from now on; a leap does all that falls due on the way.

        Raises:
            ClockHeldError: time would go back while something is under way.

        """
        self.advance(change.showed)
        if change.shows < change.showed and (business := self.book.open_business(change.showed)) is not None:
            raise ClockHeldError(business)
        self._record(change)
        self.advance(change.shows)

    def advance(self, now: datetime) -> None:
        """Do what is due by `now`, in the order of its instants and each under its own; a repeat changes nothing."""
        while (due_at := self.book.next_due_at()) is not None and due_at <= now:
            self._complete_due(due_at)
            self._give_up(due_at)
        if self._rules.has_directory:
            self._roll(now)

    def _give_up(self, now: datetime) -> None:
        """Reject what was forwarded and nobody has answered in time; a participant's is booked with it, and due."""
        while (unanswered := self.book.overdue_forwarding(now)) is not None:
            forwarded, reasons = unanswered.forwarded, (self._forwarding.timed_out(),)
            completed = ForwardingCompleted(
                forwarded.message_id, forwarded.clock_ends_at, TransactionStatus.RJCT, reasons, None
            )
            self._record(completed)
            self._advise(completed)

    def _complete_due(self, now: datetime) -> None:
        while (record := self.book.due(now)) is not None:
            settlement_date = self._rules.completion_date(record.booked.completes_at)
            self._record(PaymentCompleted(record.booked.copy, settlement_date), *self._answers(record, settlement_date))

    def fetch(
        self, party: ConnectionPartyId, *, messages_max: int, now: datetime, point: str = NO_POINT
    ) -> Sequence[Waiting]:
        """Hand out what waits for `party` at a point; what is not acknowledged within the visibility time comes again.

        A point that is disconnected gets nothing.
        """
        self.advance(now)
        return self.book.queue_of(party, point).take(now, messages_max=messages_max)

    def acknowledge(self, party: ConnectionPartyId, receipts: Sequence[str]) -> None:
        """Forget what `party` has saved; receipts that are unknown or gone change nothing."""
        if receipts:
            self._record(Acknowledged(party, tuple(receipts)))

    def next_change_at(self, party: ConnectionPartyId, point: str = NO_POINT) -> datetime | None:
        """When there may be something for `party` without anyone sending anything; None for never."""
        instants = (self.book.next_due_at(), self.book.queue_of(party, point).next_visible_at())
        return min((instant for instant in instants if instant is not None), default=None)

    def _record(self, *facts: Fact) -> None:
        if self.settings.signatures is not None:
            facts = tuple(self._signed(fact) if isinstance(fact, AnswerQueued) else fact for fact in facts)
        self._journal.append(facts)
        for fact in facts:
            self.book.apply(fact)

    def _signed(self, answer: AnswerQueued) -> AnswerQueued:
        """A message as it goes to its recipient: signed once, however often it is fetched."""
        assert self.settings.signatures is not None, "only a rail that signs comes here"
        fault, self.faults = signed_as(answer.body, self.faults)
        signed = self.settings.signatures.signed(answer.body, at=answer.available_at, fault=fault)
        return replace(answer, body=signed.body, signature=signed.signature)

    def _answers(self, record: PaymentRecord, settlement_date: date) -> list[Fact]:
        """What the sender is told about a payment that completes: by its behaviour, all of it durable at once."""
        booked, table = record.booked, self._rules.behaviours
        if loses_answer(record, table):
            return [AnswerLost(booked.copy)]
        facts: list[Fact] = []
        body = GARBAGE
        for answer in table.named(booked.behaviour).answers:
            at = booked.completes_at + answer.after
            if answer.told is Told.GARBAGE:
                body = GARBAGE
            elif answer.told is not Told.SAME_AGAIN:
                body = self._rules.body(answer, booked, settlement_date=settlement_date, at=at)
            facts += self._queued(body, booked.connection_party, at)
        return facts

    def _queued(self, body: bytes, recipient: ConnectionPartyId, at: datetime) -> list[Fact]:
        """The facts that put a message in the recipient's queue: one, but for what a test has switched on."""
        fate, self.faults = fate_of(body, self.faults)
        available_at = at + timedelta(seconds=fate.delay_s)
        return [
            AnswerQueued(self._ids.next_reference(), recipient, available_at, fate.body) for _ in range(fate.copies)
        ]


def is_lost(message_id: str, behaviour: Behaviour, book: Book) -> bool:
    """Whether the next copy of a payment's message never reaches the rail."""
    return book.copies_lost(message_id) < behaviour.copies_lost


def loses_answer(record: PaymentRecord, table: BehaviourTable) -> bool:
    """Whether the next answer about this payment is lost on its way."""
    return record.answers_lost < table.named(record.booked.behaviour).answers_lost
