"""The rail itself, without sockets: messages and the present instant go in, facts and messages come out.

Nothing here waits or reads a clock. What falls due is done when the next caller brings a later instant, in its order
and under its own time, so the outcome is the same whether someone polls all the time or comes back in an hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, assert_never

from iso20022 import ConnectionPartyId, CustomerCreditTransfer, Direction, PaymentStatusRequest, Report, examine
from iso20022.messages.admi002 import NOT_AVAILABLE
from iso20022.messages.admi004 import PING, SystemEventNotification
from simulators.fednow import decide
from simulators.fednow.answers import GARBAGE, AnswerWriter, MessageIds
from simulators.fednow.behaviours import Answer, Told, behaviour_named
from simulators.fednow.book import Book, PaymentRecord
from simulators.fednow.facts import (
    Acknowledged,
    AnswerLost,
    AnswerQueued,
    Fact,
    Judged,
    PaymentBooked,
    PaymentCompleted,
    Received,
    Started,
    Verdict,
)
from simulators.fednow.journal import Journal
from simulators.fednow.outqueue import Waiting
from simulators.fednow.settings import FedNowSimulatorSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What a test has switched on; forgotten at a restart.

    ``drop_answers``: so many of the next messages to participants are lost. ``delay_answers_s``: every message to a
    participant can be fetched only so much later. ``refuse_connections``: every request of a participant gets 503.
    """

    drop_answers: int = 0
    delay_answers_s: float = 0
    refuse_connections: bool = False


NO_FAULTS: Final = Faults()

_MILLISECOND: Final = timedelta(milliseconds=1)


class FedNowRail:
    """One rail in memory. A fact is journalled before it takes effect; make it anew from a journal's facts."""

    def __init__(
        self,
        settings: FedNowSimulatorSettings,
        journal: Journal,
        *,
        started_at: datetime,
        facts: Iterable[Fact] = (),
    ) -> None:
        self.settings = settings
        self.faults = NO_FAULTS
        self.book = Book(visibility=timedelta(seconds=settings.visibility_s))
        self._journal = journal
        for fact in facts:
            self.book.apply(fact)
        earliest = self.book.last_started_at + _MILLISECOND if self.book.last_started_at else started_at
        self._record(Started(max(started_at, earliest)))
        self._ids = MessageIds(started_at=max(started_at, earliest))
        self._writer = AnswerWriter(settings.profile, self._ids)

    def receive(self, body: bytes, *, connection_party: ConnectionPartyId, message_class: str, now: datetime) -> None:
        """Take one copy of a message: journal it, judge it, and do what follows at once."""
        self.advance(now)
        copy = self.book.next_copy
        digest = hashlib.sha256(body).hexdigest()
        self._record(Received(copy, now, connection_party, message_class, digest, len(body)))
        report = examine(body, profile=self.settings.profile, direction=Direction.TO_RAIL)
        self._record(
            *self._judge(report, copy, connection_party=connection_party, message_class=message_class, now=now)
        )
        self.advance(now)

    def advance(self, now: datetime) -> None:
        """Complete the payments that are due by `now`; a repeat changes nothing."""
        while (record := self.book.due(now)) is not None:
            settlement_date = decide.cycle_day(record.booked.completes_at)
            self._record(PaymentCompleted(record.booked.copy, settlement_date), *self._answers(record, settlement_date))

    def fetch(self, party: ConnectionPartyId, *, messages_max: int, now: datetime) -> Sequence[Waiting]:
        """Hand out what waits for `party`; what is not acknowledged within the visibility time comes again."""
        self.advance(now)
        return self.book.queue_of(party).take(now, messages_max=messages_max)

    def acknowledge(self, party: ConnectionPartyId, receipts: Sequence[str]) -> None:
        """Forget what `party` has saved; receipts that are unknown or gone change nothing."""
        if receipts:
            self._record(Acknowledged(party, tuple(receipts)))

    def next_change_at(self, party: ConnectionPartyId) -> datetime | None:
        """When there may be something for `party` without anyone sending anything; None for never."""
        instants = (self.book.next_completion_at(), self.book.queue_of(party).next_visible_at())
        return min((instant for instant in instants if instant is not None), default=None)

    def _record(self, *facts: Fact) -> None:
        self._journal.append(facts)
        for fact in facts:
            self.book.apply(fact)

    def _judge(
        self, report: Report, copy: int, *, connection_party: ConnectionPartyId, message_class: str, now: datetime
    ) -> list[Fact]:
        """What one copy of a message leads to: the verdict, and what follows from it."""
        header, message = report.header, report.message
        message_id = header.business_message_id if header else None
        uetr = _uetr_of(report)

        def judged(verdict: Verdict, code: str | None = None) -> Judged:
            return Judged(copy, verdict, report.message_type, message_id, uetr, code)

        if message_id and isinstance(message, CustomerCreditTransfer) and self._is_lost(message, message_id):
            return [judged(Verdict.LOST)]
        fault = decide.find_technical_fault(
            report,
            connection_party=connection_party,
            message_class=message_class,
            id_is_used=message_id is not None and self.book.id_is_used(message_id),
            settings=self.settings,
        )
        if fault is not None:
            body = self._writer.reject(
                related_reference=message_id or NOT_AVAILABLE,
                code=fault.code,
                description=fault.description,
                recipient=connection_party,
                now=now,
            )
            return [judged(fault.verdict, fault.code), *self._queued(body, connection_party, now)]
        assert header is not None, "a message without a header has a technical fault"
        match message:
            case CustomerCreditTransfer():
                booked = decide.book(message, header, copy=copy, now=now, settings=self.settings)
                return [judged(Verdict.ACCEPTED), booked]
            case PaymentStatusRequest():
                return [
                    judged(Verdict.ENQUIRY),
                    *self._enquiry_answer(message, header.message_type, connection_party=connection_party, now=now),
                ]
            case SystemEventNotification(event_code=code) if code == PING:
                body = self._writer.acknowledge(
                    message, reference=header.business_message_id, recipient=connection_party, now=now
                )
                return [judged(Verdict.PING), *self._queued(body, connection_party, now)]
            case _:
                return [judged(Verdict.IGNORED)]

    def _is_lost(self, transfer: CustomerCreditTransfer, message_id: str) -> bool:
        return self.book.copies_lost(message_id) < decide.behaviour_of(transfer).copies_lost

    def _enquiry_answer(
        self, request: PaymentStatusRequest, message_type: str, *, connection_party: ConnectionPartyId, now: datetime
    ) -> list[Fact]:
        record = self.book.payment_with_id(request.original_message_id)
        decision = decide.answer_enquiry(
            request,
            record.booked if record else None,
            connection_party=connection_party,
            now=now,
            settings=self.settings,
        )
        if isinstance(decision, decide.EnquiryRefused):
            body = self._writer.enquiry_refused(
                request, message_type=message_type, code=decision.code, recipient=connection_party, now=now
            )
            return self._queued(body, connection_party, now)
        assert record is not None, "only a payment that was found has a status"
        assert record.settlement_date is not None, "only a completed payment has a status"
        if _loses_answer(record):
            return [AnswerLost(record.booked.copy)]
        body = self._writer.status(record.booked, settlement_date=record.settlement_date, now=now)
        return self._queued(body, connection_party, now)

    def _answers(self, record: PaymentRecord, settlement_date: date) -> list[Fact]:
        """What the sender is told about a payment that completes: by its behaviour, all of it durable at once."""
        booked = record.booked
        if _loses_answer(record):
            return [AnswerLost(booked.copy)]
        facts: list[Fact] = []
        body = GARBAGE
        for answer in behaviour_named(booked.behaviour).answers:
            at = booked.completes_at + answer.after
            if answer.told is not Told.SAME_AGAIN:
                body = self._body(answer, booked, settlement_date=settlement_date, at=at)
            facts += self._queued(body, booked.connection_party, at)
        return facts

    def _body(self, answer: Answer, booked: PaymentBooked, *, settlement_date: date, at: datetime) -> bytes:
        match answer.told:
            case Told.TRUTH:
                return self._writer.status(booked, settlement_date=settlement_date, now=booked.completes_at)
            case Told.OPPOSITE:
                return self._writer.opposite(booked, code=self.settings.codes.timed_out, now=at)
            case Told.LATER_STATUS:
                assert answer.status is not None, "a later status is named"
                return self._writer.later_status(booked, answer.status, now=at)
            case Told.GARBAGE:
                return GARBAGE
            case Told.SAME_AGAIN:
                raise AssertionError("the same answer again has no body of its own")
            case _:
                assert_never(answer.told)

    def _queued(self, body: bytes, recipient: ConnectionPartyId, at: datetime) -> list[Fact]:
        """The fact that puts a message in the recipient's queue; none where a fault that was switched on drops it."""
        if self.faults.drop_answers > 0:
            self.faults = replace(self.faults, drop_answers=self.faults.drop_answers - 1)
            return []
        available_at = at + timedelta(seconds=self.faults.delay_answers_s)
        return [AnswerQueued(self._ids.next_reference(), recipient, available_at, body)]


def _loses_answer(record: PaymentRecord) -> bool:
    return record.answers_lost < behaviour_named(record.booked.behaviour).answers_lost


def _uetr_of(report: Report) -> str | None:
    match report.message:
        case CustomerCreditTransfer(uetr=uetr) | PaymentStatusRequest(original_uetr=uetr):
            return uetr
        case _:
            return None
