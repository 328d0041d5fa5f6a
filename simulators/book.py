"""The rail's memory: the fold of all facts. It decides nothing and is the same again after a restart."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, assert_never

from iso20022 import ConnectionPartyId, InstructionId, MessageId, TransactionStatus
from simulators.facts import (
    Acknowledged,
    AnswerLost,
    AnswerQueued,
    ClockChanged,
    DayRolled,
    Fact,
    ForwardingCompleted,
    ForwardingStatus,
    Judged,
    PaymentBooked,
    PaymentCompleted,
    ProfileChanged,
    Received,
    ReceiverAnswered,
    RequestTaken,
    StandingChanged,
    Started,
    TransferForwarded,
    Verdict,
)
from simulators.forwarding import Forwarded
from simulators.ledger import Ledger, Settlement
from simulators.outqueue import OutQueue, Waiting
from simulators.standing import DISCONNECT, NO_POINT, PointsByParty, Standing

_USES_UP_ITS_ID: Final = frozenset(
    {Verdict.ACCEPTED, Verdict.ENQUIRY, Verdict.ANSWER, Verdict.EVENT, Verdict.IGNORED, Verdict.REFUSED}
)


@dataclass(slots=True)
class Copy:
    """One copy of a message as it came, and what was made of it (None if this process died in between)."""

    received: Received
    judged: Judged | None = None


@dataclass(slots=True)
class PaymentRecord:
    """A payment as it stands; ``settlement_date`` is the cycle day of its completion, None until then."""

    booked: PaymentBooked
    settlement_date: date | None = None
    answers_lost: int = 0


@dataclass(frozen=True, slots=True)
class OpenBusiness:
    """What has begun and not ended: how much of each kind, and until when the last of it takes."""

    in_process: int
    unanswered: int
    undelivered: int
    until: datetime


class Book:
    """Everything the rail knows. `apply` is the only way to change it, but for the leases of what was fetched."""

    def __init__(self, *, visibility: timedelta, points: PointsByParty | None = None) -> None:
        self.ledger = Ledger()
        self.standing = Standing(points or {})
        self.last_started_at: datetime | None = None
        self.day: date | None = None
        self.clock_changes = 0
        """How often the rail's clock was set."""
        self._visibility = visibility
        self._copies: dict[int, Copy] = {}
        self._by_message_id: dict[str, list[Copy]] = {}
        self._by_uetr: dict[str, list[Copy]] = {}
        self._used_ids: set[str] = set()
        self._copies_lost: Counter[str] = Counter()
        self._payments: dict[int, PaymentRecord] = {}
        self._payment_by_message_id: dict[MessageId, PaymentRecord] = {}
        self._payment_by_instruction: dict[InstructionId, PaymentRecord] = {}
        self._pending: list[tuple[datetime, int]] = []
        self._queues: dict[tuple[ConnectionPartyId, str], OutQueue] = {}
        self._forwarded: dict[MessageId, Forwarded] = {}
        self._requests: dict[MessageId, RequestTaken] = {}
        self._open_forwardings: list[tuple[datetime, MessageId]] = []
        self._forwarded_by_instruction: dict[InstructionId, MessageId] = {}

    @property
    def next_copy(self) -> int:
        """The number of the copy that comes next; copies are counted from 1."""
        return len(self._copies) + 1

    def id_is_used(self, message_id: str) -> bool:
        """Whether a copy that reached the rail has used up this message id, even if it was refused."""
        return message_id in self._used_ids

    def copies_lost(self, message_id: str) -> int:
        """How many copies with this message id never reached the rail."""
        return self._copies_lost[message_id]

    def payment_of(self, copy: int) -> PaymentRecord | None:
        """The payment that this copy was booked as, if it was."""
        return self._payments.get(copy)

    def payment_with_id(self, message_id: MessageId) -> PaymentRecord | None:
        """The payment that was booked last under this message id."""
        return self._payment_by_message_id.get(message_id)

    def payment_with_instruction_id(self, instruction_id: InstructionId) -> PaymentRecord | None:
        """The payment that was booked last with this instruction id: so RTP tells copies."""
        return self._payment_by_instruction.get(instruction_id)

    def next_completion_at(self) -> datetime | None:
        """When the next booked payment completes."""
        return self._pending[0][0] if self._pending else None

    def due(self, now: datetime) -> PaymentRecord | None:
        """A payment that is due to complete, the one longest due first."""
        if self._pending and self._pending[0][0] <= now:
            return self._payments[self._pending[0][1]]
        return None

    @property
    def next_forwarding(self) -> int:
        """The number of the payment that is forwarded next; they are counted from 1."""
        return len(self._forwarded) + 1

    def forwarded_with_id(self, message_id: MessageId) -> Forwarded | None:
        """The payment that was forwarded under this message id."""
        return self._forwarded.get(message_id)

    def request_with_id(self, message_id: MessageId) -> RequestTaken | None:
        """The request for payment that was forwarded under this message id."""
        return self._requests.get(message_id)

    def forwarded_with_instruction_id(self, instruction_id: InstructionId) -> Forwarded | None:
        """The payment that was forwarded with this instruction id: so RTP's acknowledgements name it."""
        message_id = self._forwarded_by_instruction.get(instruction_id)
        return None if message_id is None else self._forwarded[message_id]

    def forwardings(self) -> Sequence[Forwarded]:
        """Every payment that was forwarded, oldest first."""
        return tuple(self._forwarded.values())

    def overdue_forwarding(self, now: datetime) -> Forwarded | None:
        """A forwarded payment whose clock has run out without an answer."""
        while self._open_forwardings and self._open_forwardings[0][0] <= now:
            record = self._forwarded[self._open_forwardings[0][1]]
            if record.completed is None:
                return record
            heapq.heappop(self._open_forwardings)
        return None

    def next_forwarding_end_at(self) -> datetime | None:
        """When the next clock of a forwarded payment runs out."""
        return self._open_forwardings[0][0] if self._open_forwardings else None

    def next_due_at(self) -> datetime | None:
        """When the next payment completes, or is given up."""
        instants = (self.next_completion_at(), self.next_forwarding_end_at())
        return min((instant for instant in instants if instant is not None), default=None)

    def open_business(self, now: datetime) -> OpenBusiness | None:
        """What has not ended now, or has been handed out and not acknowledged; None where nothing has."""
        completes = [completes_at for completes_at, _ in self._pending]
        ends = [at for at, message_id in self._open_forwardings if self._forwarded[message_id].completed is None]
        comes = [visible_at for queue in self._queues.values() for visible_at in queue.later_than(now)]
        instants = (*completes, *ends, *comes)
        return OpenBusiness(len(completes), len(ends), len(comes), max(instants)) if instants else None

    def queue_of(self, party: ConnectionPartyId, point: str = NO_POINT) -> OutQueue:
        """What waits for this connection party, at one of its points."""
        queue = self._queues.get((party, point))
        if queue is None:
            queue = self._queues[party, point] = OutQueue(visibility=self._visibility)
        return queue

    def waiting(self) -> dict[ConnectionPartyId, int]:
        """How many messages wait for each connection party."""
        found: Counter[ConnectionPartyId] = Counter()
        for (party, _), queue in self._queues.items():
            found[party] += len(queue)
        return dict(found)

    def copies(
        self, *, message_id: str | None = None, uetr: str | None = None, limit: int | None = None
    ) -> Sequence[Copy]:
        """The copies with this message id or UETR, oldest first; without either the latest, up to `limit`."""
        if message_id is not None:
            return tuple(self._by_message_id.get(message_id, ()))
        if uetr is not None:
            return tuple(self._by_uetr.get(uetr, ()))
        return tuple(self._copies.values()) if limit is None else tuple(deque(self._copies.values(), maxlen=limit))

    def payments(self) -> Sequence[PaymentRecord]:
        """Every payment ever booked, oldest first."""
        return tuple(self._payments.values())

    def verdicts(self) -> Counter[str]:
        """How many copies met each verdict."""
        return Counter(copy.judged.verdict if copy.judged else "unjudged" for copy in self._copies.values())

    def apply(self, fact: Fact) -> None:
        """Take a fact in; each counts once."""
        match fact:
            case Received():
                self._copies[fact.copy] = Copy(fact)
            case Judged():
                self._judge(fact)
            case PaymentBooked() | RequestTaken():
                self._book(fact)
            case PaymentCompleted():
                self._complete(fact)
            case AnswerQueued():
                queue = self.queue_of(fact.recipient, self.standing.next_point(fact.recipient))
                queue.put(Waiting(fact.receipt, fact.body, fact.signature), available_at=fact.available_at)
            case AnswerLost():
                self._payments[fact.copy].answers_lost += 1
            case Acknowledged():
                for point in self.standing.points_of(fact.recipient):
                    self.queue_of(fact.recipient, point).acknowledge(fact.receipts)
            case Started() | DayRolled() | ClockChanged():
                self._keep_time(fact)
            case TransferForwarded() | ReceiverAnswered() | ForwardingCompleted() | ForwardingStatus():
                self._forward(fact)
            case StandingChanged() | ProfileChanged():
                self._change_standing(fact)
            case _:
                assert_never(fact)

    def _keep_time(self, fact: Started | DayRolled | ClockChanged) -> None:
        """Where the clock goes back, what waits can be fetched then too, and the day begins anew."""
        match fact:
            case Started():
                self.last_started_at = fact.at
            case DayRolled():
                self.day = fact.day
            case ClockChanged():
                self.clock_changes += 1
                if fact.shows < fact.showed:
                    self.day = None
                    for queue in self._queues.values():
                        queue.bring_forward(fact.shows)
            case _:
                assert_never(fact)

    def _change_standing(self, fact: StandingChanged | ProfileChanged) -> None:
        """Change it; what waits at a point that has been disconnected goes to the party's other points."""
        if isinstance(fact, ProfileChanged):
            self.standing.change_profile(fact)
            return
        self.standing.apply(fact)
        if fact.event_code == DISCONNECT:
            left = self.queue_of(fact.connection_party, str(fact.parameter)).drain(fact.at)
            for waiting, available_at in left:
                queue = self.queue_of(fact.connection_party, self.standing.next_point(fact.connection_party))
                queue.put(waiting, available_at=available_at)

    def _judge(self, fact: Judged) -> None:
        copy = self._copies[fact.copy]
        copy.judged = fact
        if fact.uetr is not None:
            self._by_uetr.setdefault(fact.uetr, []).append(copy)
        if fact.message_id is None:
            return
        self._by_message_id.setdefault(fact.message_id, []).append(copy)
        if fact.verdict in _USES_UP_ITS_ID:
            self._used_ids.add(fact.message_id)
        if fact.verdict is Verdict.LOST:
            self._copies_lost[fact.message_id] += 1

    def _book(self, fact: PaymentBooked | RequestTaken) -> None:
        if isinstance(fact, RequestTaken):
            self._requests[fact.message_id] = fact
            return
        record = PaymentRecord(fact)
        self._payments[fact.copy] = record
        self._payment_by_message_id[fact.message_id] = record
        if fact.instruction_id is not None:
            self._payment_by_instruction[fact.instruction_id] = record
        heapq.heappush(self._pending, (fact.completes_at, fact.copy))

    def _complete(self, fact: PaymentCompleted) -> None:
        _, copy = heapq.heappop(self._pending)
        assert copy == fact.copy, f"payment {fact.copy} completed out of turn, before {copy}"
        record = self._payments[copy]
        record.settlement_date = fact.settlement_date
        if record.booked.status is not TransactionStatus.RJCT:
            self.ledger.settle(_settlement_of(record.booked))

    def _forward(self, fact: TransferForwarded | ReceiverAnswered | ForwardingCompleted | ForwardingStatus) -> None:
        match fact:
            case TransferForwarded():
                self._forwarded[fact.message_id] = Forwarded(fact)
                heapq.heappush(self._open_forwardings, (fact.clock_ends_at, fact.message_id))
                if fact.instruction_id is not None:
                    self._forwarded_by_instruction[fact.instruction_id] = fact.message_id
            case ReceiverAnswered():
                self._forwarded[fact.message_id].answers.append(fact)
            case ForwardingStatus():
                self._forwarded[fact.message_id].statuses.append(fact)
            case ForwardingCompleted():
                self._complete_forwarding(fact)
            case _:
                assert_never(fact)

    def _complete_forwarding(self, fact: ForwardingCompleted) -> None:
        record = self._forwarded[fact.message_id]
        assert record.completed is None, f"{fact.message_id} completed twice"
        record.completed = fact
        forwarded = record.forwarded
        if record.is_settled and forwarded.copy is None:  # what a participant has sent settles as that one's payment
            self.ledger.settle(
                Settlement(
                    copy=-forwarded.number,  # its own numbers, beside those of the copies that came
                    message_id=forwarded.message_id,
                    amount=forwarded.amount,
                    debtor_agent=forwarded.instructing_agent,
                    creditor_agent=forwarded.instructed_agent,
                    at=fact.at,
                )
            )


def _settlement_of(booked: PaymentBooked) -> Settlement:
    return Settlement(
        copy=booked.copy,
        message_id=booked.message_id,
        amount=booked.amount,
        debtor_agent=booked.instructing_agent,
        creditor_agent=booked.instructed_agent,
        at=booked.completes_at,
    )
