"""FedNow's rules: what it makes of a message, in the order of its public procedures, and how it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Final, assert_never

from iso20022 import (
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    InstitutionCreditTransfer,
    MessageId,
    PaymentCancellationRequest,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    Report,
    Resolution,
    examine,
)
from iso20022.messages.admi002 import NOT_AVAILABLE
from iso20022.messages.admi004 import PING, SystemEventNotification
from iso20022.messages.admi998 import Participant, ParticipantFile
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.camt060 import AccountReportingRequest
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse
from simulators.behaviours import Answer, Told
from simulators.book import Book
from simulators.conversations import asking_from
from simulators.facts import AnswerLost, Fact, Judged, PaymentBooked, RequestTaken, Verdict
from simulators.faults import GARBAGE
from simulators.fednow import decide
from simulators.fednow.answers import AnswerWriter
from simulators.fednow.behaviours import TABLE
from simulators.fednow.conversations import ConversationWriter
from simulators.fednow.events import CHANGES, standing_change, told_of
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.questions import QuestionAnswers
from simulators.fednow.relay import FedNowRelay
from simulators.fednow.reports import ReportWriter
from simulators.fednow.requests import RequestWriter
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.fednow.value import value_of
from simulators.forwarding import Forwarded, queued_on
from simulators.journal import Journal
from simulators.message_ids import MessageIds
from simulators.rail import Arrival, Judgement, SimulatedRail, is_lost, loses_answer
from simulators.refusals import TechnicalFault
from simulators.standing import Standing


class FedNowRules:
    """Implements `simulators.rail.RailRules` for FedNow."""

    behaviours: Final = TABLE

    def __init__(self, settings: FedNowSimulatorSettings, ids: MessageIds) -> None:
        self._settings = settings
        self._writer = AnswerWriter(settings.profile, ids)
        self.forwarding = FedNowForwarding(settings, ids)
        self._relay = FedNowRelay(settings, self.forwarding)
        self.requests = RequestWriter(settings, ids)
        self._reports = ReportWriter(settings, ids)
        self.conversations = ConversationWriter(settings, ids)
        self._questions = QuestionAnswers(self._writer, self.conversations)

    def judge(self, body: bytes, arrival: Arrival, book: Book) -> Judgement:
        """What one copy of a message leads to: the verdict, and what follows from it."""
        report = examine(body, profile=self._settings.profile, direction=Direction.TO_RAIL)
        header, message = report.header, report.message
        message_id = header.business_message_id if header else None
        uetr = _uetr_of(report)

        def judged(verdict: Verdict, code: str | None = None) -> Judged:
            return Judged(arrival.copy, verdict, report.message_type, message_id, uetr, code)

        if arrival.unverified is not None:
            unsigned = TechnicalFault(self._settings.codes.signature, arrival.unverified)
            return self._refused(unsigned, judged, message_id or NOT_AVAILABLE, arrival)
        if (
            message_id
            and isinstance(message, CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer)
            and report.valid
            and is_lost(message_id, decide.behaviour_of(value_of(message)), book)
        ):
            return Judgement((judged(Verdict.LOST),))
        fault = arrival.faults.refusal_of(report.message_type) or decide.find_technical_fault(
            report,
            connection_party=arrival.connection_party,
            message_class=arrival.message_class,
            id_is_used=message_id is not None and book.id_is_used(message_id),
            settings=self._settings,
        )
        if fault is not None:
            return self._refused(fault, judged, message_id or NOT_AVAILABLE, arrival)
        relayed = self._relay.relayed(report, body, judged, arrival, book)
        return relayed or self._taken(report, body, judged, arrival, book)

    def _taken(
        self, report: Report, body: bytes, judged: Callable[..., Judged], arrival: Arrival, book: Book
    ) -> Judgement:
        """What a message leads to that the network answers itself, in the name of whoever it is for."""
        header, message = report.header, report.message
        assert header is not None, "a message without a header has a technical fault"
        match message:
            case CustomerCreditTransfer() | PaymentReturn() | InstitutionCreditTransfer():
                value = value_of(message)
                booked = decide.book(
                    value,
                    header,
                    copy=arrival.copy,
                    now=arrival.at,
                    settings=self._settings,
                    standing=book.standing,
                )
                return Judgement((judged(Verdict.ACCEPTED), booked))
            case PaymentCancellationRequest():
                original = None if message.original_message is None else message.original_message.message_id
                record = None if original is None else book.payment_with_id(original)
                booked_original = None if record is None else record.booked
                further, order = self.requests.answered(message, booked_original, now=arrival.at)
                return Judgement((judged(Verdict.IGNORED),), further=further, order=order)
            case AccountReportingRequest():
                return self._report(message, header.business_message_id, judged, arrival, book)
            case RequestForPayment() | RequestForPaymentCancellation() | InformationRequest():
                further, order = self.conversations.answered(message, arrival.connection_party, now=arrival.at)
                is_request = isinstance(message, RequestForPayment)
                taken = (RequestTaken(message.message_id, body),) if is_request else ()
                return Judgement((judged(Verdict.IGNORED), *taken), further=further, order=order)
            case RequestForPaymentResponse() | Resolution() | AdditionalPaymentInformation():
                receipt = self.conversations.receipt(
                    message.message_id, header.message_type, arrival.connection_party, now=arrival.at
                )
                return Judgement((judged(Verdict.IGNORED),), receipt)
            case PaymentStatusReport():
                return self._answered(message, judged(Verdict.ANSWER), arrival, book)
            case PaymentStatusRequest() if decide.is_to_institution(message, self._settings):
                told = self._questions.answered(message, arrival.connection_party, book, now=arrival.at)
                return Judgement((judged(Verdict.ENQUIRY),), further=told)
            case PaymentStatusRequest() if forwarded := _forwarded_to(message, book):
                return self._asked_by_receiver(
                    message, header.message_type, judged(Verdict.ENQUIRY), arrival, forwarded
                )
            case PaymentStatusRequest():
                return self._enquiry(message, header.message_type, judged(Verdict.ENQUIRY), arrival, book)
            case SystemEventNotification():
                return self._event(message, header.business_message_id, judged, arrival, book)
            case _:
                return Judgement((judged(Verdict.IGNORED),))

    def _report(
        self,
        request: AccountReportingRequest,
        reference: str,
        judged: Callable[..., Judged],
        arrival: Arrival,
        book: Book,
    ) -> Judgement:
        """A report on what was booked, or why there is none."""
        reported = self._reports.report(request, party=arrival.connection_party, book=book, now=arrival.at)
        if isinstance(reported, TechnicalFault):
            return self._refused(reported, judged, reference, arrival)
        return Judgement((judged(Verdict.IGNORED),), reported)

    def asked(self, asking: object, *, now: datetime) -> tuple[ConnectionPartyId, tuple[bytes, ...], MessageId]:
        """A request that comes from the network, as JSON orders it. Raises ValueError where it orders none."""
        return self.conversations.asked(asking_from(asking), now=now)

    has_directory: Final = True

    def directory(self, standing: Standing, *, now: datetime) -> Sequence[tuple[ConnectionPartyId, bytes]]:
        """The participant file, admi.998: who takes no part in customers' transfers is left out of it."""
        participants = self._settings.participants
        listed = [(each, services) for each in participants if (services := standing.services_of(each))]
        file = ParticipantFile(
            business_day=decide.cycle_day(now),
            participants=tuple(
                Participant(routing_number=each.routing_number, name=each.name, services=services)
                for each, services in listed
            ),
        )
        parties = tuple(dict.fromkeys(each.connection_party for each in participants))
        return self._writer.participant_file(file, recipients=parties, now=now)

    def completion_date(self, instant: datetime) -> date:
        """The network's cycle day."""
        return decide.cycle_day(instant)

    def body(self, answer: Answer, booked: PaymentBooked, *, settlement_date: date, at: datetime) -> bytes:
        """A pacs.002, or what is none."""
        match answer.told:
            case Told.TRUTH | Told.TRUTH_BY_STATUS:
                return self._writer.status(booked, settlement_date=settlement_date, now=booked.completes_at)
            case Told.OPPOSITE:
                return self._writer.opposite(booked, code=self._settings.codes.timed_out, now=at)
            case Told.UNKNOWN_CODE:
                return self._writer.rejected(booked, code=self._settings.codes.unknown, now=at)
            case Told.LATER_STATUS:
                assert answer.status is not None, "a later status is named"
                return self._writer.later_status(booked, answer.status, now=at)
            case Told.GARBAGE | Told.SAME_AGAIN:
                return GARBAGE
            case _:
                assert_never(answer.told)

    def _event(
        self,
        event: SystemEventNotification,
        reference: str,
        judged: Callable[..., Judged],
        arrival: Arrival,
        book: Book,
    ) -> Judgement:
        """A ping, a sign-on or sign-off, or a connection point's: acknowledged, and broadcast; or refused."""
        if event.event_code == PING:
            answer = self._writer.acknowledge(
                event, reference=reference, recipient=arrival.connection_party, now=arrival.at
            )
            return Judgement((judged(Verdict.PING),), answer)
        if event.event_code not in CHANGES:
            return Judgement((judged(Verdict.IGNORED),))
        change = standing_change(
            event,
            party=arrival.connection_party,
            at=arrival.at,
            standing=book.standing,
            settings=self._settings,
        )
        if isinstance(change, TechnicalFault):
            return self._refused(change, judged, reference, arrival)
        reply = self._writer.acknowledge(event, reference=reference, recipient=arrival.connection_party, now=arrival.at)
        broadcast = replace(event, parameters=(change.parameter or change.connection_party,))
        told = self._writer.broadcast(broadcast, recipients=told_of(change, self._settings), now=arrival.at)
        return Judgement((judged(Verdict.EVENT), change), reply, broadcasts=told)

    def _refused(
        self, fault: TechnicalFault, judged: Callable[..., Judged], reference: str, arrival: Arrival
    ) -> Judgement:
        reject = self._writer.reject(
            related_reference=reference,
            code=fault.code,
            description=fault.description,
            recipient=arrival.connection_party,
            now=arrival.at,
        )
        return Judgement((judged(fault.verdict, fault.code),), reject)

    def _answered(self, report: PaymentStatusReport, judged: Judged, arrival: Arrival, book: Book) -> Judgement:
        """What a receiver says of a payment that was forwarded to it."""
        record = book.forwarded_with_id(report.original_message_id)
        if record is None or record.forwarded.recipient != arrival.connection_party:
            return Judgement((judged,))
        return Judgement((judged, *queued_on(report, record, at=arrival.at, rules=self.forwarding)))

    def _asked_by_receiver(
        self,
        request: PaymentStatusRequest,
        message_type: str,
        judged: Judged,
        arrival: Arrival,
        record: Forwarded,
    ) -> Judgement:
        """A receiver asks what became of a payment: not before the clock's end."""
        completed = record.completed
        if completed is None or arrival.at < record.forwarded.clock_ends_at:
            refusal = self._writer.enquiry_refused(
                request,
                message_type=message_type,
                code=self._settings.codes.still_in_process,
                recipient=arrival.connection_party,
                now=arrival.at,
            )
            return Judgement((judged,), refusal)
        advice = self.forwarding.advice(
            record.forwarded,
            completed.status,
            completed.reasons,
            settlement_date=completed.settlement_date,
            at=arrival.at,
        )
        return Judgement((judged,), advice)

    def _enquiry(
        self, request: PaymentStatusRequest, message_type: str, judged: Judged, arrival: Arrival, book: Book
    ) -> Judgement:
        record = book.payment_with_id(request.original_message_id)
        decision = decide.answer_enquiry(
            request,
            record.booked if record else None,
            connection_party=arrival.connection_party,
            now=arrival.at,
            settings=self._settings,
        )
        if isinstance(decision, decide.EnquiryRefused):
            refusal = self._writer.enquiry_refused(
                request,
                message_type=message_type,
                code=decision.code,
                recipient=arrival.connection_party,
                now=arrival.at,
            )
            return Judgement((judged,), refusal)
        assert record is not None, "only a payment that was found has a status"
        assert record.settlement_date is not None, "only a completed payment has a status"
        if loses_answer(record, self.behaviours):
            return Judgement((judged, AnswerLost(record.booked.copy)))
        status = self._writer.status(
            record.booked, settlement_date=record.settlement_date, now=arrival.at, is_asked=True
        )
        return Judgement((judged,), status)


def fednow_rail(
    settings: FedNowSimulatorSettings, journal: Journal, *, started_at: datetime, facts: Iterable[Fact] = ()
) -> SimulatedRail:
    """FedNow in memory, made anew from a journal's facts."""
    return SimulatedRail(settings, partial(FedNowRules, settings), journal, started_at=started_at, facts=facts)


def _forwarded_to(request: PaymentStatusRequest, book: Book) -> Forwarded | None:
    """The payment that was forwarded to who asks about it."""
    record = book.forwarded_with_id(request.original_message_id)
    is_receivers = record is not None and request.instructing_agent == record.forwarded.instructed_agent
    return record if is_receivers else None


def _uetr_of(report: Report) -> str | None:
    match report.message:
        case (
            CustomerCreditTransfer(uetr=uetr)
            | PaymentStatusRequest(original_uetr=uetr)
            | PaymentReturn(original_uetr=uetr)
            | InstitutionCreditTransfer(uetr=uetr)
        ):
            return uetr
        case _:
            return None
