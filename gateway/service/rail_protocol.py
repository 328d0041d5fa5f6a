"""What the use cases need to know of a rail's messages. The payment itself does not know which rail carries it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol
from uuid import UUID

from gateway.domain.doubt import DoubtPolicy, placed
from gateway.domain.events import Event
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import IdempotencyKey, Payment, Rail, TenantId
from gateway.domain.timing import Timing
from gateway.service.liquidity import LiquidityRequest
from gateway.service.ports import MessageClass, MessageDirection, RawMessage
from gateway.service.requests import PaymentRequest
from iso20022 import (
    CustomerCreditTransfer,
    Finding,
    InstitutionCreditTransfer,
    InstructionId,
    MessageId,
    MessageReject,
    ParticipantFile,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentReturn,
    PaymentStatusReport,
    PaymentStatusRequest,
    ReceiptAcknowledgement,
    Report,
    Resolution,
    SystemEventAcknowledgement,
    SystemEventNotification,
)
from iso20022.messages.camt026 import InformationRequest
from iso20022.messages.camt028 import AdditionalPaymentInformation
from iso20022.messages.camt052 import AccountReportMessage
from iso20022.messages.camt054 import DebitCreditNotification
from iso20022.messages.camt055 import RequestForPaymentCancellation
from iso20022.messages.pain013 import RequestForPayment
from iso20022.messages.pain014 import RequestForPaymentResponse

XML_TYPE: Final = "application/xml"

Statement = (
    PaymentStatusReport
    | MessageReject
    | PaymentCancellationRequest
    | PaymentAcknowledgement
    | Resolution
    | ReceiptAcknowledgement
)
"""What a rail may say about a payment of ours, on one rail or another."""


@dataclass(frozen=True, slots=True)
class OperationAnswer:
    """A rail's answer to what it was asked about ourselves, by the code of that; refused where it has a reason."""

    code: str
    refusal: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class EchoAsked:
    """A rail's question whether we are there, by the instruction that the answer names."""

    instruction_id: InstructionId


Notice = SystemEventAcknowledgement | SystemEventNotification | ParticipantFile | OperationAnswer | EchoAsked
"""What a rail may say of itself, or of what it was asked about ourselves: events, who takes part."""


Value = CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer
"""What a rail brings money with."""

Talk = (
    RequestForPayment
    | RequestForPaymentResponse
    | RequestForPaymentCancellation
    | InformationRequest
    | AdditionalPaymentInformation
    | AccountReportMessage
    | DebitCreditNotification
)
"""What belongs to a conversation, and to no payment."""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """A message ready for the rail: its bytes, type, the header's message id, and in which class the rail takes it.

    ``settlement_date`` is that of a transfer that we made of a request; what a client made has its own.
    """

    body: bytes
    message_type: str
    business_message_id: str
    message_class: MessageClass
    settlement_date: date | None = None

    def kept(self, message_id: UUID, *, at: datetime) -> RawMessage:
        """Return it as it is kept, under an id of ours."""
        return RawMessage(
            message_id=message_id,
            direction=MessageDirection.RAIL_OUT,
            message_type=self.message_type,
            business_message_id=self.business_message_id,
            content_type=XML_TYPE,
            body=self.body,
            at=at,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message from the rail is about.

    ``about`` is the id of the message of ours that it answers; ``statement`` is None when it cannot be read or answers
    nothing, and then ``codes`` say why. What answers a PING is a sign of life, and about no payment. A credit transfer,
    a return or a liquidity transfer that the rail brings is ``transfer``; of that, and of a statement, ``created_at``
    says when the rail made its header. A header that says that it repeats an earlier one makes it a
    ``is_marked_repeat``. With ``gives_up`` it is the rail's word that a payment's time is over, which is true for its
    sender and its receiver alike. ``notice`` is what the rail says of itself, or of what it was asked about ourselves;
    ``talk`` belongs to a conversation; ``question`` asks us what became of something.

    A credit transfer or a return that breaks rules of the rail is ``transfer`` too, where it says all that an answer to
    it needs: ``broken`` are the rules, and ``codes`` theirs, for where nobody answers it.
    """

    business_message_id: str
    message_type: str
    about: str | None
    statement: Statement | None
    codes: tuple[str, ...] = ()
    is_sign_of_life: bool = False
    transfer: Value | None = None
    created_at: datetime | None = None
    is_marked_repeat: bool = False
    gives_up: bool = False
    talk: Talk | None = None
    notice: Notice | None = None
    question: PaymentStatusRequest | None = None
    broken: tuple[Finding, ...] = ()


class RailProtocol(Protocol):
    """One rail's messages, times and queues; pure, but for the schemas it reads once."""

    @property
    def rail(self) -> Rail:
        """Which rail."""
        ...

    @property
    def timing(self) -> Timing:
        """Its times."""
        ...

    @property
    def doubt(self) -> DoubtPolicy:
        """How it is asked what became of a payment."""
        ...

    def business_date(self, now: datetime) -> date:
        """Return the rail's calendar date."""
        ...

    def day_ends(self, now: datetime) -> datetime:
        """Return the instant at which that date ends."""
        ...

    def examine(self, body: bytes) -> Report:
        """Return what is to be said of a message that a client wants sent."""
        ...

    def explain(self, report: Report) -> Report:
        """Return the report of a refused message with all its findings; slow: not for the loop's thread."""
        ...

    def transfer_from_request(
        self,
        request: PaymentRequest,
        *,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: date,
        at: datetime,
    ) -> CustomerCreditTransfer:
        """Return the pacs.008 of a JSON request; ids that the client left out are derived from its key."""
        ...

    def liquidity_from_request(
        self,
        request: LiquidityRequest,
        *,
        tenant_id: TenantId,
        idempotency_key: IdempotencyKey,
        business_date: date,
        at: datetime,
    ) -> InstitutionCreditTransfer:
        """Return the pacs.009 of a JSON request, likewise; only where liquidity transfers are carried."""
        ...

    def check_transfer(self, transfer: CustomerCreditTransfer | InstitutionCreditTransfer) -> tuple[Finding, ...]:
        """Return what the rail would refuse in a transfer that we built."""
        ...

    @property
    def carries_liquidity(self) -> bool:
        """Whether liquidity transfers go over it by this gateway."""
        ...

    def check_liquidity_hours(self, *, at: datetime) -> tuple[Finding, ...]:
        """Return that the rail takes no liquidity transfer now, where its hours are known."""
        ...

    def check_date(self, message_id: MessageId, *, at: datetime) -> tuple[Finding, ...]:
        """Return what the rail would refuse in the date that a new transfer's message id carries."""
        ...

    def transfer_message(
        self, payment: Payment, received: RawMessage, *, at: datetime, settlement_date: date | None = None
    ) -> OutboundMessage:
        """Return the transfer as it goes to the rail under our own header, created `at`.

        What is made of a request settles on the day that the rail has `at`, or to make again what has left once, on
        the `settlement_date` with which it left. A Document that a client made keeps its own.
        """
        ...

    def enquiry(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return the next question after a transfer that was sent; the same payment as it is gives the same id.

        A pacs.028, or on a rail that is asked so the identical message, marked as a duplicate.
        """
        ...

    def posting_question(self, payment: Payment, sent: RawMessage, *, at: datetime) -> OutboundMessage | None:
        """Return the question to the receiver of a transfer, or a return, that was sent, what became of the posting.

        The same payment as it is gives the same id. None where the rail carries no such question.
        """
        ...

    def ping(self, payment: Payment, *, at: datetime) -> OutboundMessage:
        """Return the question whether the rail is there at all, asked once where `doubt` has a ``ping_after``."""
        ...

    def is_looked_back_to(self, payment: Payment, *, at: datetime) -> bool:
        """Whether the rail, asked `at`, still knows of the day on which the payment was sent.

        Where nothing has left from here another region may have sent it: on its business date, at the earliest.
        """
        ...

    def looks_back_to(self, day: date, *, at: datetime) -> bool:
        """Whether the rail, asked `at`, still knows of a day."""
        ...

    def is_of_today(self, payment: Payment, *, at: datetime) -> bool:
        """Whether the ids of the payment are of the rail's present day."""
        ...

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail says; never raises for bad input."""
        ...

    def mismatches(self, reading: Reading, payment: Payment) -> tuple[str, ...]:
        """Return codes for references in a reading that are not the payment's; none where all agree."""
        ...

    def event(self, reading: Reading, payment: Payment, *, at: datetime) -> Event:
        """Return what a reading with a statement means, heard `at`, for the payment that it is about."""
        ...

    def may_be_of_posting(self, statement: Statement) -> bool:
        """Whether an RJCT may refuse the posting of what has settled, and not the payment."""
        ...


def placed_by(
    rail: RailProtocol, reading: Reading, event: Event, payment: Payment, events: Sequence[RecordedEvent]
) -> Event:
    """Return what an event that `may_be_out_of_place` means, by what its rail says of the reading it was made of."""
    assert isinstance(reading.statement, PaymentStatusReport), "nothing else rejects, or says ACWP"
    return placed(
        event,
        events,
        report_id=reading.statement.message_id,
        may_be_of_posting=rail.may_be_of_posting(reading.statement),
        is_before_questions=rail.timing.is_before_questions(payment, reading.created_at),
    )


def differing(given: Iterable[tuple[str, object, object]]) -> tuple[str, ...]:
    """Return the codes of what is said and is not so; each is a code, what is said, if anything, and what is so."""
    return tuple(code for code, theirs, ours in given if theirs is not None and theirs != ours)
