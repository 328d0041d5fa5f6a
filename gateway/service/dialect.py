"""What every rail's messages have in common, written once; how one rail says it differently is its `Dialect`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Protocol, TypeGuard
from zoneinfo import ZoneInfo

from gateway.domain.doubt import DoubtPolicy
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import reference_of, uetr_of
from gateway.domain.payment import IdempotencyKey, Payment, Rail, Reason, ReasonOrigin, TenantId
from gateway.domain.timing import Timing
from gateway.service.incoming.money import names_institutions
from gateway.service.liquidity import LIQUIDITY_REQUEST_TYPE, LiquidityRequest
from gateway.service.ports import RawMessage
from gateway.service.rail_protocol import Notice, OutboundMessage, Reading, Statement, Talk, Value, differing
from gateway.service.requests import PaymentRequest
from gateway.service.resolutions import resolution_mismatches
from gateway.service.submit import JSON_TYPE
from gateway.service.transfer_form import TransferForm, TransferIds, customer_transfer, institution_transfer
from iso20022 import (
    RAIL_LIMITS,
    BusinessHeader,
    CopyDuplicate,
    CustomerCreditTransfer,
    Direction,
    Element,
    EndToEndId,
    Finding,
    InstitutionCreditTransfer,
    InstructionId,
    Message,
    MessageId,
    MessageReject,
    PaymentCancellationRequest,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    Profile,
    ReceiptAcknowledgement,
    Report,
    Resolution,
    Severity,
    TransactionStatus,
    examine,
    explain,
    read,
    serialise,
    unwrap,
)
from iso20022.local_time import in_universal_time
from iso20022.messages import pacs008, pacs009

_UNREADABLE: Final = "unreadable"
_NO_HEADER: Final = "NO_HEADER"
_NOT_FOR_US: Final = "HEADER_NOT_FOR_US"
"""The quarantine's codes for what comes without a header, or under one that is not from the rail to us."""

_NOT_OURS_TO_RETURN: Final = "REQUEST_FOR_OWN_PAYMENT"
"""The quarantine's code for a request to return what we have sent: it is ours to ask for."""

_MESSAGE_ID_PATH: Final = "/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Of what a statement speaks: of the transfer itself or of a question, and of a day that the rail still knows.

    ``is_about_posting_question``: of a question to the receiver, not to the rail. ``was_asked``: the rail was asked
    about the payment before, so that it may be an answer to that.
    """

    is_about_transfer: bool
    is_looked_back_to: bool
    is_about_posting_question: bool = False
    was_asked: bool = False


class Dialect(Protocol):
    """How one rail says it: its ids, envelope and questions, and what its answers mean. Pure."""

    @property
    def rail(self) -> Rail:
        """Which rail."""
        ...

    @property
    def profile(self) -> Profile:
        """Its rules, as this installation knows them."""
        ...

    @property
    def form(self) -> TransferForm:
        """What its transfers say beyond the request."""
        ...

    @property
    def days_looked_back(self) -> int:
        """On how many days after the one on which a payment was sent the rail may be asked about it."""
        ...

    def message_id(self, business_date: date, reference: str) -> MessageId:
        """Return the id of a message made of a reference of 18 capital letters and digits."""
        ...

    def date_of(self, message_id: MessageId) -> str:
        """Return the date, YYYYMMDD, that a message id carries."""
        ...

    def document(self, transfer: CustomerCreditTransfer | InstitutionCreditTransfer) -> Element:
        """Return the transfer as the rail's Document."""
        ...

    def closed_to_liquidity(self, at: datetime) -> Finding | None:
        """Return that the rail takes no liquidity transfer now, where its hours are known."""
        ...

    def transfer_message(
        self, message_id: MessageId, document: Element, *, at: datetime, message_type: str = pacs008.MESSAGE_TYPE
    ) -> OutboundMessage:
        """Return a Document that moves money under our own header, created `at`, in the rail's envelope."""
        ...

    def enquiry(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return the next question after a transfer that was sent."""
        ...

    def posting_question(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage | None:
        """Return the question to the receiver what became of the posting; None where the rail carries none."""
        ...

    def ping(self, payment: Payment, *, at: datetime) -> OutboundMessage:
        """Return the question whether the rail is there at all."""
        ...

    def is_for_us(self, header: BusinessHeader) -> bool:
        """Whether a header is from the rail, and to us."""
        ...

    def is_sign_of_life(self, message: Message | None) -> bool:
        """Whether a message answers a PING."""
        ...

    def notice(self, message: Message | None) -> Notice | None:
        """Return what the rail says of itself, or of what it was asked about ourselves; None for all else."""
        ...

    @property
    def unanswerable(self) -> frozenset[str]:
        """The findings that leave open which money a transfer brings: nobody can say no to that."""
        ...

    def about(self, message: Message | None) -> str | None:
        """Return the id of the message of ours that a `Statement` is about; None for what says nothing to us."""
        ...

    def gives_up(self, statement: Statement) -> bool:
        """Whether it is the rail's notice to sender and receiver that a payment's time is over."""
        ...

    def case_id_of(self, payment: Payment) -> str | None:
        """Return the id of the case under which a payment's return was asked for, if it was."""
        ...

    def names_transfer(self, about: str, payment: Payment) -> bool:
        """Whether this is the id of the payment's transfer, not of a question about it."""
        ...

    def names_posting_question(self, about: str, payment: Payment) -> bool:
        """Whether this is the id of a question to the payment's receiver."""
        ...

    def event(self, statement: Statement, heard: Heard) -> Event:
        """Return what a statement that is no refusal (admi.002) means for the payment."""
        ...

    def may_be_of_posting(self, statement: Statement) -> bool:
        """Whether an RJCT may refuse the posting of what has settled, and not the payment."""
        ...


class DialectProtocol:
    """Implements `gateway.service.rail_protocol.RailProtocol` for a rail by its dialect."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        timing: Timing,
        doubt: DoubtPolicy,
        definite_refusals: frozenset[str] = frozenset(),
    ) -> None:
        self._dialect = dialect
        self._timing = timing
        self._doubt = doubt
        self._definite_refusals = definite_refusals
        self._zone = ZoneInfo(dialect.profile.time_zone)

    @property
    def rail(self) -> Rail:
        """The dialect's."""
        return self._dialect.rail

    @property
    def timing(self) -> Timing:
        """Its times."""
        return self._timing

    @property
    def doubt(self) -> DoubtPolicy:
        """How it is asked."""
        return self._doubt

    def business_date(self, now: datetime) -> date:
        """Return the calendar date in the rail's zone: what its message ids carry."""
        return now.astimezone(self._zone).date()

    def day_ends(self, now: datetime) -> datetime:
        """Return the instant at which that date ends: midnight in the rail's zone."""
        return datetime.combine(self.business_date(now) + timedelta(days=1), time(), tzinfo=self._zone)

    # --- what clients send ---

    def examine(self, body: bytes) -> Report:
        """Return the verdict on a message that a client wants sent."""
        return examine(body, profile=self._dialect.profile, direction=Direction.TO_RAIL)

    def explain(self, report: Report) -> Report:
        """Return the report with all its findings."""
        return explain(report)

    def transfer_from_request(
        self,
        request: PaymentRequest,
        *,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: date,
        at: datetime,
    ) -> CustomerCreditTransfer:
        """Return the pacs.008 of a JSON request; ids that the client left out are functions of its key."""
        ids, created_at = self._ids(request, tenant_id, idempotency_key, business_date), rail_time(at, self._zone)
        settlement_date = self._settlement_date(business_date, at=at)
        return customer_transfer(
            request, ids, self._dialect.form, settlement_date=settlement_date, created_at=created_at
        )

    def liquidity_from_request(
        self,
        request: LiquidityRequest,
        *,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: date,
        at: datetime,
    ) -> InstitutionCreditTransfer:
        """Return the pacs.009 of a JSON request, with ids as those of `transfer_from_request`."""
        ids, created_at = self._ids(request, tenant_id, idempotency_key, business_date), rail_time(at, self._zone)
        settlement_date = self._settlement_date(business_date, at=at)
        return institution_transfer(
            request, ids, self._dialect.form, settlement_date=settlement_date, created_at=created_at
        )

    def _settlement_date(self, business_date: date, *, at: datetime) -> date:
        """The settlement date of what is made, and created `at`, of what was submitted on a business date."""
        settlement_day = self._dialect.form.settlement_day
        return business_date if settlement_day is None else settlement_day(at)

    def _ids(
        self,
        request: PaymentRequest | LiquidityRequest,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: date,
    ) -> TransferIds:
        def reference(purpose: str) -> str:
            return reference_of(purpose, tenant_id, idempotency_key, business_date)

        message_id = self._dialect.message_id(business_date, reference("message"))
        of_message_id = self._dialect.form.instruction_id_of
        derived = of_message_id(message_id) if of_message_id else InstructionId(reference("instruction"))
        return TransferIds(
            message_id=message_id,
            end_to_end_id=request.end_to_end_id or EndToEndId(reference("end-to-end")),
            instruction_id=request.instruction_id or derived,
            uetr=request.uetr or uetr_of(tenant_id, idempotency_key, business_date),
        )

    def check_transfer(self, transfer: CustomerCreditTransfer | InstitutionCreditTransfer) -> tuple[Finding, ...]:
        """Return what the rail would refuse in a transfer that we built: schema and profile, as for any message."""
        return explain(self.examine(serialise(self._dialect.document(transfer)))).findings

    @property
    def carries_liquidity(self) -> bool:
        """Whether liquidity transfers go over the rail by this gateway."""
        return self._dialect.form.liquidity_instrument is not None

    def check_liquidity_hours(self, *, at: datetime) -> tuple[Finding, ...]:
        """Return a finding when the rail takes no liquidity transfer now."""
        closed = self._dialect.closed_to_liquidity(at)
        return () if closed is None else (closed,)

    def check_date(self, message_id: MessageId, *, at: datetime) -> tuple[Finding, ...]:
        """Return a finding when the message id's date is neither today nor yesterday in the rail's zone."""
        today = self.business_date(at)
        if self._dialect.date_of(message_id) in _dates_taken(today):
            return ()
        return (
            Finding(
                code=self._dialect.form.date_code,
                xpath=_MESSAGE_ID_PATH,
                value=message_id,
                rule="A new payment's message id carries the date on which it is sent: the rail answers no question "
                "about an id of another day than today and yesterday.",
                hint=f"Make a new message id of {today:%Y%m%d}.",
            ),
        )

    # --- what goes to the rail ---

    def transfer_message(
        self, payment: Payment, received: RawMessage, *, at: datetime, settlement_date: date | None = None
    ) -> OutboundMessage:
        """Return the transfer under our own header; a client's Document goes out as it came in."""
        if received.content_type != JSON_TYPE:
            document, message_type = document_in(received), received.message_type
            return self._dialect.transfer_message(payment.message_id, document, at=at, message_type=message_type)
        ids = TransferIds(
            message_id=payment.message_id,
            end_to_end_id=payment.end_to_end_id,
            instruction_id=payment.instruction_id,
            uetr=payment.uetr,
        )
        stored, form = json.loads(received.body), self._dialect.form
        day = settlement_date or self._settlement_date(payment.business_date, at=at)
        created_at = rail_time(at, self._zone)
        made: CustomerCreditTransfer | InstitutionCreditTransfer
        if received.message_type == LIQUIDITY_REQUEST_TYPE:
            asked, message_type = LiquidityRequest.from_json(stored), pacs009.MESSAGE_TYPE
            made = institution_transfer(asked, ids, form, settlement_date=day, created_at=created_at)
        else:
            request, message_type = PaymentRequest.from_json(stored), pacs008.MESSAGE_TYPE
            made = customer_transfer(request, ids, form, settlement_date=day, created_at=created_at)
        document = self._dialect.document(made)
        message = self._dialect.transfer_message(payment.message_id, document, at=at, message_type=message_type)
        return replace(message, settlement_date=day)

    def enquiry(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return the next question after a transfer that was sent."""
        return self._dialect.enquiry(payment, sent, at=at)

    def posting_question(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage | None:
        """Return the question to the receiver, where the rail carries one."""
        return self._dialect.posting_question(payment, sent, at=at)

    def ping(self, payment: Payment, *, at: datetime) -> OutboundMessage:
        """Return the question whether the rail is there at all."""
        return self._dialect.ping(payment, at=at)

    def is_looked_back_to(self, payment: Payment, *, at: datetime) -> bool:
        """Whether the rail may still be asked about the day on which the payment was sent."""
        sent_on = payment.business_date if payment.creation_time is None else self.business_date(payment.creation_time)
        return self.looks_back_to(sent_on, at=at)

    def looks_back_to(self, day: date, *, at: datetime) -> bool:
        """Whether the rail may still be asked about a day."""
        return self.business_date(at) - day <= timedelta(days=self._dialect.days_looked_back)

    def is_of_today(self, payment: Payment, *, at: datetime) -> bool:
        """Whether the payment's message id carries the rail's present day."""
        return self._dialect.date_of(payment.message_id) == f"{self.business_date(at):%Y%m%d}"

    # --- what the rail says ---

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail is about; what cannot be read keeps its findings' codes."""
        report = examine(body, profile=self._dialect.profile, direction=Direction.FROM_RAIL, limits=RAIL_LIMITS)
        header, message = report.header, report.message
        broken = tuple(finding for finding in report.findings if finding.severity is Severity.ERROR)
        codes = tuple(finding.code for finding in broken)
        message_type = report.message_type or _UNREADABLE
        if header is None:
            return Reading("", message_type, None, None, codes or (_NO_HEADER,))
        if not self._dialect.is_for_us(header):
            codes = (*codes, _NOT_FOR_US)
        if codes:  # only what is valid, from the rail and for us, is acted upon; the rest is a person's to look at
            refused = message or report.refusable
            if _NOT_FOR_US not in codes and self._is_answerable(refused, codes):
                return replace(_brought(header, message_type, refused), codes=codes, broken=broken)
            return Reading(header.business_message_id, message_type, None, None, codes)
        notice = self._dialect.notice(message)
        is_alive = self._dialect.is_sign_of_life(message)
        if is_alive or notice is not None:
            of = None if notice is None else self._dialect.about(message)
            return Reading(header.business_message_id, message_type, of, None, is_sign_of_life=is_alive, notice=notice)
        if self._is_value(message):
            return _brought(header, message_type, message)
        if isinstance(message, Talk):
            return Reading(header.business_message_id, message_type, None, None, talk=message)
        if isinstance(message, PaymentStatusRequest):
            return Reading(header.business_message_id, message_type, None, None, question=message)
        about = self._dialect.about(message)
        if about is None or not isinstance(message, Statement):
            return Reading(header.business_message_id, message_type, None, None)
        gives_up = self._dialect.gives_up(message)
        return Reading(
            header.business_message_id,
            message_type,
            about,
            message,
            created_at=header.creation_time,
            gives_up=gives_up,
        )

    def mismatches(self, reading: Reading, payment: Payment) -> tuple[str, ...]:
        """Return the references of a statement that are given and are not the payment's."""
        said = reading.statement
        if said is None or isinstance(said, MessageReject | ReceiptAcknowledgement):
            return ()
        if isinstance(said, Resolution):
            return resolution_mismatches(said, payment, case_id=self._dialect.case_id_of(payment))
        if isinstance(said, PaymentCancellationRequest) and not reading.gives_up:
            return (_NOT_OURS_TO_RETURN,)
        return differing(
            [
                ("ORIGINAL_UETR_DIFFERS", said.original_uetr, payment.uetr),
                ("ORIGINAL_END_TO_END_ID_DIFFERS", said.original_end_to_end_id, payment.end_to_end_id),
                ("ORIGINAL_INSTRUCTION_ID_DIFFERS", said.original_instruction_id, payment.instruction_id),
                ("ORIGINAL_AMOUNT_DIFFERS", getattr(said, "original_amount", None), payment.amount),
            ]
        )

    def event(self, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        """Return what a reading means for the payment that it is about."""
        said, about = reading.statement, reading.about
        assert said is not None, "a reading without a statement is quarantined, not interpreted"
        assert about is not None, "a statement is about something"
        is_about_transfer = self._dialect.names_transfer(about, payment)
        if isinstance(said, MessageReject):
            event = self._refusal(said, payment, is_about_transfer=is_about_transfer)
        else:
            heard = Heard(
                is_about_transfer=is_about_transfer,
                is_looked_back_to=self.is_looked_back_to(payment, at=at),
                is_about_posting_question=self._is_about_posting_question(said, about, payment),
                was_asked=payment.status_requests > 0,
            )
            event = self._dialect.event(said, heard)
        return Event(event.kind, event.reason, event.status, reading.business_message_id, event.details)

    def may_be_of_posting(self, statement: Statement) -> bool:
        """Whether an RJCT may refuse the posting of what has settled, and not the payment."""
        return self._dialect.may_be_of_posting(statement)

    def _is_about_posting_question(self, said: Statement, about: str, payment: Payment) -> bool:
        """Whether it is: looked for only where it makes a difference, and where there can be one."""
        is_refusal = isinstance(said, PaymentStatusReport) and said.status is TransactionStatus.RJCT
        may_be = payment.state.is_final and (is_refusal or isinstance(said, ReceiptAcknowledgement))
        return may_be and self._dialect.names_posting_question(about, payment)

    def _refusal(self, reject: MessageReject, payment: Payment, *, is_about_transfer: bool) -> Event:
        if reject.related_reference == payment.request.message_id:
            kind = EventKind.RETURN_REQUEST_REFUSED
        elif not is_about_transfer:
            kind = EventKind.STATUS_REQUEST_UNANSWERED
        elif reject.reason_code in self._definite_refusals and payment.transfers <= 1:
            kind = EventKind.TRANSFER_REFUSED
        else:
            kind = EventKind.REFUSAL_UNEXPLAINED  # it may mean "duplicate id": the other copy counts
        return Event(kind, reason=Reason(reject.reason_code, ReasonOrigin.RAIL))

    def _is_value(self, message: Message | None) -> TypeGuard[Value]:
        is_liquidity = isinstance(message, InstitutionCreditTransfer) and self.carries_liquidity
        return is_liquidity or isinstance(message, CustomerCreditTransfer | PaymentReturn)

    def _is_answerable(
        self, message: Message | None, codes: tuple[str, ...]
    ) -> TypeGuard[CustomerCreditTransfer | PaymentReturn]:
        """Whether it can be answered though it breaks rules; a liquidity transfer nobody answers."""
        is_asked = isinstance(message, CustomerCreditTransfer | PaymentReturn) and names_institutions(message)
        return is_asked and self._dialect.unanswerable.isdisjoint(codes)


def _brought(header: BusinessHeader, message_type: str, message: Value) -> Reading:
    """Money that the rail brings."""
    return Reading(
        header.business_message_id,
        message_type,
        None,
        None,
        transfer=message,
        created_at=header.creation_time,
        is_marked_repeat=header.copy_duplicate is CopyDuplicate.DUPL,
    )


def rail_time(at: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant in the rail's zone, to the millisecond."""
    return at.astimezone(zone).replace(microsecond=at.microsecond // 1000 * 1000)


def readable_document_in(message: RawMessage) -> Element:
    """Return the Document in such a message to be read into a value: every time in it names an instant."""
    return in_universal_time(document_in(message))


def document_in(message: RawMessage) -> Element:
    """Return the Document in a message that was accepted, or that we sent, as it stands there."""
    document = unwrap(read(message.body, RAIL_LIMITS)).document
    assert document is not None, "what was accepted, or sent, had a Document"
    return document


@lru_cache(maxsize=4)
def _dates_taken(today: date) -> frozenset[str]:
    """The dates that a new message id may carry."""
    return frozenset(f"{day:%Y%m%d}" for day in (today, today - timedelta(days=1)))
