"""RTP's rules: what it makes of a message, a repeat marked DUPL included, and how it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Final, assert_never

from iso20022 import (
    BusinessHeader,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EchoRequest,
    MessageId,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    PaymentStatusRequest,
    Report,
    TransactionStatus,
    examine,
)
from iso20022.messages.admi002 import NOT_AVAILABLE
from iso20022.messages.admn import SignOffRequest, SignOnRequest
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.pain013 import RequestForPayment
from simulators.behaviours import Answer, Told
from simulators.book import Book, PaymentRecord
from simulators.conversations import asking_from
from simulators.facts import AnswerLost, Fact, ForwardingStatus, Judged, PaymentBooked, StandingChanged, Verdict
from simulators.faults import GARBAGE
from simulators.forwarding import queued_on
from simulators.journal import Journal
from simulators.message_ids import MessageIds
from simulators.rail import Arrival, Judgement, SimulatedRail, is_lost, loses_answer
from simulators.refusals import TechnicalFault
from simulators.rtp import decide
from simulators.rtp.answers import AnswerWriter
from simulators.rtp.behaviours import TABLE
from simulators.rtp.conversations import ConversationWriter, Talk, is_about_request
from simulators.rtp.forward import RtpForwarding
from simulators.rtp.relay import RtpRelay
from simulators.rtp.requests import RequestWriter
from simulators.rtp.settings import RtpSimulatorSettings
from simulators.standing import SIGN_OFF, SIGN_ON, Standing

SIGNED: Final = "982"
"""The event code of a sign-on or sign-off (public guide of IBM FTM); its parameters here are this simulator's."""


class RtpRules:
    """Implements `simulators.rail.RailRules` for RTP."""

    behaviours: Final = TABLE

    def __init__(self, settings: RtpSimulatorSettings, ids: MessageIds) -> None:
        self._settings = settings
        self._writer = AnswerWriter(settings, ids)
        self.forwarding = RtpForwarding(settings, self._writer)
        self._relay = RtpRelay(settings, self.forwarding)
        self.requests = RequestWriter(self._writer)
        self.conversations = ConversationWriter(settings, self._writer)

    def judge(self, body: bytes, arrival: Arrival, book: Book) -> Judgement:
        """What one copy of a message leads to: the verdict, and what follows from it."""
        report = examine(body, profile=self._settings.profile, direction=Direction.TO_RAIL)
        header, message = report.header, report.message
        transfer_id = message.message_id if isinstance(message, CustomerCreditTransfer) else None
        message_id = transfer_id or (header.business_message_id if header else None)

        def judged(verdict: Verdict, code: str | None = None) -> Judged:
            return Judged(arrival.copy, verdict, report.message_type, message_id, _uetr_of(report), code)

        if arrival.unverified is not None:
            unsigned = TechnicalFault(self._settings.codes.signature, arrival.unverified)
            return self._refused(unsigned, judged, header.business_message_id if header else NOT_AVAILABLE, arrival)
        if isinstance(message, CustomerCreditTransfer) and is_lost(
            message.message_id, decide.behaviour_of(message), book
        ):
            return Judgement((judged(Verdict.LOST),))
        ordered = arrival.faults.refusal_of(report.message_type)
        if ordered is not None and isinstance(message, SignOnRequest | SignOffRequest):
            refusal = self._writer.signed(message, ordered.code, recipient=arrival.connection_party, now=arrival.at)
            return Judgement((judged(ordered.verdict, ordered.code),), refusal)
        fault = ordered or decide.find_technical_fault(
            report,
            connection_party=arrival.connection_party,
            message_class=arrival.message_class,
            settings=self._settings,
        )
        if fault is not None:
            reference = header.business_message_id if header else NOT_AVAILABLE
            return self._refused(fault, judged, reference, arrival)
        relayed = self._relay.relayed(report, body, judged, arrival, book)
        return relayed or self._taken(report, judged, arrival, book)

    def _taken(self, report: Report, judged: Callable[..., Judged], arrival: Arrival, book: Book) -> Judgement:
        """What a message leads to that the network answers itself, in the name of whoever it is for."""
        header, message = report.header, report.message
        assert header is not None, "a message without a header has a technical fault"
        match message:
            case CustomerCreditTransfer():
                known = decide.known_payment(message, book)
                if known is not None and decide.is_repeat(header):
                    return self._repeated(known, message, judged(Verdict.REPEATED), arrival)
                if known is not None and self._settings.check_duplicates:
                    return self._refused(self._duplicate, judged, header.business_message_id, arrival)
                booked = decide.book(
                    message,
                    header,
                    copy=arrival.copy,
                    now=arrival.at,
                    settings=self._settings,
                    standing=book.standing,
                )
                return Judgement((judged(Verdict.ACCEPTED), booked))
            case PaymentStatusReport():
                return self._answered(message, judged(Verdict.ANSWER), arrival, book)
            case PaymentAcknowledgement():
                return _posted(message, judged(Verdict.ANSWER), arrival, book)
            case PaymentStatusRequest():
                return self._asked(message, judged(Verdict.ENQUIRY), arrival, book)
            case PaymentCancellationRequest() | RequestForPayment() | InformationRequest():
                return self._talked(message, header, judged, arrival, book)
            case EchoRequest() | SignOnRequest() | SignOffRequest():
                return self._administered(message, judged, arrival, book.standing)
            case _:
                return Judgement((judged(Verdict.IGNORED),))

    @property
    def _duplicate(self) -> TechnicalFault:
        return TechnicalFault(
            self._settings.codes.duplicate, "the message id, or the instruction id, has been used", Verdict.DUPLICATE
        )

    def asked(self, asking: object, *, now: datetime) -> tuple[ConnectionPartyId, tuple[bytes, ...], MessageId]:
        """A request that comes from the network, as JSON orders it. Raises ValueError where it orders none."""
        return self.conversations.asked(asking_from(asking), now=now)

    has_directory: Final = False

    def directory(self, standing: Standing, *, now: datetime) -> Sequence[tuple[ConnectionPartyId, bytes]]:  # noqa: ARG002
        """Nothing: RTP's directory is not a message."""
        return ()

    def completion_date(self, instant: datetime) -> date:
        """The calendar day in the network's zone."""
        return decide.business_day(instant)

    def body(self, answer: Answer, booked: PaymentBooked, *, settlement_date: date, at: datetime) -> bytes:
        """A pacs.002, a camt.056 for a time-out, a camt.035 for a posting, or what is none."""
        match answer.told:
            case Told.TRUTH:
                return self._writer.truth(booked, settlement_date=settlement_date, now=booked.completes_at)
            case Told.TRUTH_BY_STATUS:
                return self._writer.status(booked, settlement_date=settlement_date, now=booked.completes_at)
            case Told.OPPOSITE:
                return self._writer.opposite(booked, settlement_date=settlement_date, now=at)
            case Told.UNKNOWN_CODE:
                return self._writer.unknown(booked, settlement_date=settlement_date, now=at)
            case Told.LATER_STATUS:
                return self._writer.posted(booked, now=at)
            case Told.GARBAGE | Told.SAME_AGAIN:
                return GARBAGE
            case _:
                assert_never(answer.told)

    def _administered(
        self,
        request: EchoRequest | SignOnRequest | SignOffRequest,
        judged: Callable[..., Judged],
        arrival: Arrival,
        standing: Standing,
    ) -> Judgement:
        """An echo, or a participant that signs on or off: under its own id alone, and news to the others.

        Who is suspended does not sign on.
        """
        party, at = arrival.connection_party, arrival.at
        if isinstance(request, EchoRequest):
            return Judgement((judged(Verdict.PING),), self._writer.echo(request, recipient=party, now=at))
        codes = self._settings.codes
        reason = codes.wrong_participant if request.instructing_agent != party else None
        if isinstance(request, SignOnRequest) and self._is_suspended(party, standing):
            reason = reason or codes.sender_suspended
        if reason is not None:
            refusal = self._writer.signed(request, reason, recipient=party, now=at)
            return Judgement((judged(Verdict.IGNORED),), refusal)
        is_on = isinstance(request, SignOnRequest)
        change = StandingChanged(at, party, SIGN_ON if is_on else SIGN_OFF, None)
        parameters = (party, "AVAILABLE" if is_on else "UNAVAILABLE")
        others = dict.fromkeys(each.connection_party for each in self._settings.participants)
        news = tuple(
            (other, self._writer.notice(SIGNED, parameters, recipient=other, now=at))
            for other in others
            if other != party
        )
        reply = self._writer.signed(request, None, recipient=party, now=at)
        return Judgement((judged(Verdict.EVENT), change), reply, broadcasts=news)

    def _is_suspended(self, party: ConnectionPartyId, standing: Standing) -> bool:
        """Whether no institution behind a participant's id takes part any more."""
        behind = [each for each in self._settings.participants if each.connection_party == party]
        return all(decide.is_suspended(each, standing) for each in behind)

    def _talked(
        self, said: Talk, header: BusinessHeader, judged: Callable[..., Judged], arrival: Arrival, book: Book
    ) -> Judgement:
        """What is asked without money: the return of a payment, or in a conversation; a second copy is refused."""
        party, at = arrival.connection_party, arrival.at
        is_known = book.id_is_used(header.business_message_id) and self._settings.check_duplicates
        if is_known and not decide.is_repeat(header):
            return self._refused(self._duplicate, judged, header.business_message_id, arrival)
        if isinstance(said, PaymentCancellationRequest) and not is_about_request(said):
            group = said.original_message or said.original_group
            record = None if group is None else book.payment_with_id(group.message_id)
            original = None if record is None else record.booked
            further, order = self.requests.answered(said, original, recipient=party, now=at)
        else:
            further, order = self.conversations.answered(said, party, now=at)
        return Judgement((judged(Verdict.IGNORED),), further=further, order=order)

    def _answered(self, report: PaymentStatusReport, judged: Judged, arrival: Arrival, book: Book) -> Judgement:
        """What a receiver says of a payment that was forwarded to it; an acceptance after its end is rejected."""
        record = book.forwarded_with_id(report.original_message_id)
        if record is None or record.forwarded.recipient != arrival.connection_party:
            return Judgement((judged,))
        facts = (judged, *queued_on(report, record, at=arrival.at, rules=self.forwarding))
        is_acceptance = report.status in {TransactionStatus.ACTC, TransactionStatus.ACWP}
        if not is_acceptance or record.completed is None or record.is_settled:
            return Judgement(facts)
        codes = (self.forwarding.timed_out(),)
        return Judgement(facts, self.forwarding.status(record.forwarded, TransactionStatus.RJCT, codes, at=arrival.at))

    def _asked(self, request: PaymentStatusRequest, judged: Judged, arrival: Arrival, book: Book) -> Judgement:
        """A receiver asks what became of a payment: it is told, or that it is in process, or that none is known."""
        record = book.forwarded_with_id(request.original_message_id)
        if record is None or record.forwarded.recipient != arrival.connection_party:
            refusal = self.forwarding.question_refused(request, recipient=arrival.connection_party, at=arrival.at)
            return Judgement((judged,), refusal)
        completed = record.completed
        if completed is None:
            return Judgement(
                (judged,), self.forwarding.status(record.forwarded, TransactionStatus.RCVD, (), at=arrival.at)
            )
        told = self.forwarding.status(
            record.forwarded,
            completed.status,
            completed.reasons,
            settlement_date=completed.settlement_date,
            at=arrival.at,
        )
        return Judgement((judged,), told)

    def _repeated(
        self, known: PaymentRecord, repeat: CustomerCreditTransfer, judged: Judged, arrival: Arrival
    ) -> Judgement:
        """The status once more, under the id of what asks; nothing while there is none: it is still to come."""
        if known.settlement_date is None:
            return Judgement((judged,))
        if loses_answer(known, self.behaviours):
            return Judgement((judged, AnswerLost(known.booked.copy)))
        asked_about = replace(known.booked, message_id=repeat.message_id)
        status = self._writer.status(asked_about, settlement_date=known.settlement_date, now=arrival.at)
        return Judgement((judged,), status)

    def _refused(
        self, fault: TechnicalFault, judged: Callable[[Verdict, str], Judged], reference: str, arrival: Arrival
    ) -> Judgement:
        reject = self._writer.reject(
            related_reference=reference,
            code=fault.code,
            description=fault.description,
            recipient=arrival.connection_party,
            now=arrival.at,
        )
        return Judgement((judged(fault.verdict, fault.code),), reject)


def rtp_rail(
    settings: RtpSimulatorSettings, journal: Journal, *, started_at: datetime, facts: Iterable[Fact] = ()
) -> SimulatedRail:
    """RTP in memory, made anew from a journal's facts."""
    return SimulatedRail(settings, partial(RtpRules, settings), journal, started_at=started_at, facts=facts)


def _posted(message: PaymentAcknowledgement, judged: Judged, arrival: Arrival, book: Book) -> Judgement:
    """A receiver says that the creditor has the money, of a payment that it names by its instruction id."""
    record = book.forwarded_with_instruction_id(message.original_instruction_id)
    if record is None or not record.is_settled or record.forwarded.recipient != arrival.connection_party:
        return Judgement((judged,))
    posted = ForwardingStatus(record.forwarded.message_id, arrival.at, TransactionStatus.ACCC, ())
    return Judgement((judged, posted))


def _uetr_of(report: Report) -> str | None:
    return report.message.uetr if isinstance(report.message, CustomerCreditTransfer) else None
