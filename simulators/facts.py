"""What has happened on the simulated rail, as facts: the journal holds them, and the state is their fold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, Self

from iso20022 import (
    Amount,
    BusinessHeader,
    ConnectionPartyId,
    CustomerCreditTransfer,
    EndToEndId,
    InstructionId,
    MessageId,
    RoutingNumber,
    TransactionId,
    TransactionStatus,
    Uetr,
)


class Verdict(StrEnum):
    """What the rail made of one copy of a message."""

    ACCEPTED = "accepted"
    """A payment taken in hand; what becomes of it is in its completion."""

    ENQUIRY = "enquiry"
    """A status request, answered."""

    REPEATED = "repeated"
    """A message that is known and marked as a duplicate: its status is told once more. So RTP is asked."""

    PING = "ping"
    """The question whether the rail is there, answered with admi.011, on RTP admn.006."""

    IGNORED = "ignored"
    """A message that the rail takes and does nothing about."""

    DUPLICATE = "duplicate"
    """Its message id had been used: admi.002."""

    REFUSED = "refused"
    """A technical fault: admi.002."""

    ANSWER = "answer"
    """A receiver's pacs.002 about a payment that was forwarded to it."""

    LOST = "lost"
    """It never reached the rail: no record but this."""

    EVENT = "event"
    """A sign-on or sign-off, or a connection point that connects or disconnects: acknowledged."""


class ReasonSource(StrEnum):
    """Who gave a reason: the rail (``Rsn/Prtry``) or the creditor's institution (``Rsn/Cd``)."""

    RAIL = "rail"
    CREDITOR_AGENT = "creditor_agent"


class ValueMessage(Protocol):
    """What moves money, as far as its booking needs it."""

    @property
    def message_id(self) -> MessageId:
        """Its own id."""
        ...

    @property
    def creation_time(self) -> datetime:
        """When it was made."""
        ...

    @property
    def instruction_id(self) -> InstructionId | None:
        """The references that statuses about it have."""
        ...

    @property
    def end_to_end_id(self) -> EndToEndId:
        """The customers' reference."""
        ...

    @property
    def transaction_id(self) -> TransactionId | None:
        """The institutions' reference."""
        ...

    @property
    def uetr(self) -> Uetr | None:
        """The unique one."""
        ...

    @property
    def amount(self) -> Amount:
        """How much it moves."""
        ...

    @property
    def instructing_agent(self) -> RoutingNumber:
        """From whom."""
        ...

    @property
    def instructed_agent(self) -> RoutingNumber:
        """To whom."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """The rail has begun to run, at an instant (to the millisecond) that no earlier run has begun at."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Received:
    """A copy of a message has come, whatever it is: counted before anything is checked."""

    copy: int
    at: datetime
    connection_party: ConnectionPartyId
    message_class: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What was made of a copy; ``code`` is that of the refusal."""

    copy: int
    verdict: Verdict
    message_type: str | None
    message_id: str | None
    uetr: str | None
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentBooked:
    """A credit transfer taken in hand, with the outcome that was decided for it and when that takes effect.

    ``status`` is ACSC (on RTP ACTC), ACWP or RJCT. Nobody can see it before ``completes_at``; from then on it is final.
    """

    copy: int
    message_id: MessageId
    connection_party: ConnectionPartyId
    message_type: str
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None
    uetr: Uetr | None
    amount: Amount
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    document_creation_time: datetime
    received_at: datetime
    clock_ends_at: datetime
    behaviour: str
    completes_at: datetime
    status: TransactionStatus
    reasons: tuple[str, ...]
    reason_source: ReasonSource

    @classmethod
    def of(
        cls,
        transfer: CustomerCreditTransfer | ValueMessage,
        header: BusinessHeader,
        *,
        copy: int,
        received_at: datetime,
        clock_ends_at: datetime,
        behaviour: str,
        completes_at: datetime,
        status: TransactionStatus,
        reasons: tuple[str, ...],
        reason_source: ReasonSource,
    ) -> Self:
        """The booking of a copy of a transfer, whatever was decided for it."""
        return cls(
            copy=copy,
            message_id=transfer.message_id,
            connection_party=header.sender,
            message_type=header.message_type,
            instruction_id=transfer.instruction_id,
            end_to_end_id=transfer.end_to_end_id,
            transaction_id=transfer.transaction_id,
            uetr=transfer.uetr,
            amount=transfer.amount,
            instructing_agent=transfer.instructing_agent,
            instructed_agent=transfer.instructed_agent,
            document_creation_time=transfer.creation_time,
            received_at=received_at,
            clock_ends_at=clock_ends_at,
            behaviour=behaviour,
            completes_at=completes_at,
            status=status,
            reasons=reasons,
            reason_source=reason_source,
        )


@dataclass(frozen=True, slots=True)
class PaymentCompleted:
    """The outcome of a booked payment has taken effect; if it is a settlement, money has moved."""

    copy: int
    settlement_date: date


@dataclass(frozen=True, slots=True)
class AnswerQueued:
    """A message to a connection party is durable and can be fetched from ``available_at`` on."""

    receipt: str
    recipient: ConnectionPartyId
    available_at: datetime
    body: bytes
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """An answer about a payment was lost on its way to the sender."""

    copy: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """These messages have been saved by their recipient and are gone."""

    recipient: ConnectionPartyId
    receipts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferForwarded:
    """A payment from the network was forwarded to its receiver, whose answer counts until ``clock_ends_at``.

    ``advice`` and what follows is what its order says of the end; ``body`` is the message. One that a participant has
    sent is this ``copy`` of that party's, its ``sender``, and is booked with its completion.
    """

    number: int
    message_id: MessageId
    message_type: str
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None
    uetr: Uetr | None
    amount: Amount
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    document_creation_time: datetime
    recipient: ConnectionPartyId
    forwarded_at: datetime
    clock_ends_at: datetime
    copies: int
    copy_after_s: float
    again_after_s: float | None
    advice: str
    advice_after_s: float
    advice_copies: int
    body: bytes
    copy: int | None = None
    sender: ConnectionPartyId | None = None


@dataclass(frozen=True, slots=True)
class ReceiverAnswered:
    """The receiver has answered; only one answer counts, and only in time."""

    message_id: MessageId
    at: datetime
    status: TransactionStatus
    reasons: tuple[str, ...]
    counts: bool


@dataclass(frozen=True, slots=True)
class ForwardingCompleted:
    """What became of a forwarded payment; if it is a settlement, money has moved."""

    message_id: MessageId
    at: datetime
    status: TransactionStatus
    reasons: tuple[str, ...]
    settlement_date: date | None


@dataclass(frozen=True, slots=True)
class ForwardingStatus:
    """What the receiver has said of the posting afterwards."""

    message_id: MessageId
    at: datetime
    status: TransactionStatus
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestTaken:
    """A participant's request for payment that was forwarded to who was asked; ``body`` is the message."""

    message_id: MessageId
    body: bytes


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """A connection party has signed on or off, for itself or one institution, or has connected or disconnected a point.

    ``parameter`` is the institution's routing number, or the connection point; None: the whole party.
    """

    at: datetime
    connection_party: ConnectionPartyId
    event_code: str
    parameter: str | None


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """The rail has changed what an institution may do: its services, as the participant file names them; none: out."""

    at: datetime
    routing_number: RoutingNumber
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DayRolled:
    """A cycle day has begun; with its beginning the participant file went out, unless it is the first of all."""

    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class ClockChanged:
    """The rail's clock was set at this instant of the machine's: from what it showed to what it shows; it may stand."""

    machine_at: datetime
    showed: datetime
    shows: datetime
    runs: bool


Fact = (
    Started
    | Received
    | Judged
    | PaymentBooked
    | PaymentCompleted
    | AnswerQueued
    | AnswerLost
    | Acknowledged
    | TransferForwarded
    | ReceiverAnswered
    | ForwardingCompleted
    | ForwardingStatus
    | RequestTaken
    | StandingChanged
    | ProfileChanged
    | DayRolled
    | ClockChanged
)
"""One line of the journal."""

FACTS: tuple[type[Fact], ...] = (
    Started,
    Received,
    Judged,
    PaymentBooked,
    PaymentCompleted,
    AnswerQueued,
    AnswerLost,
    Acknowledged,
    TransferForwarded,
    ReceiverAnswered,
    ForwardingCompleted,
    ForwardingStatus,
    RequestTaken,
    StandingChanged,
    ProfileChanged,
    DayRolled,
    ClockChanged,
)
"""Every kind of fact."""
