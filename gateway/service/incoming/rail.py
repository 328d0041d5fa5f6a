"""What receiving needs to know of a rail's messages; how one rail says it is in `gateway.service.incoming.fednow`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Payment, Rail, Reason
from gateway.domain.receiving_time import ReceivingTiming
from gateway.service.rail_protocol import OutboundMessage, Reading
from iso20022 import Amount, CustomerCreditTransfer, MessageId, PaymentCancellationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCodes:
    """The ISO reasons of rejections that are the gateway's own: an institution's list may differ, so they are settings.

    ``unanswered``: nobody has decided in time, or no rule of the stand-in fits. ``unknown_agent``: the creditor's agent
    is none that receives here.
    """

    unanswered: str
    unknown_agent: str


@dataclass(frozen=True, slots=True)
class MadeReturn:
    """A return's Document as bytes, and its message id."""

    message_id: MessageId
    body: bytes


class RequestMessages(Protocol):
    """The messages of return requests; pure. Made of the same things they have the same ids."""

    def ask(self, payment: Payment, sent: CustomerCreditTransfer, reason: Reason, *, at: datetime) -> OutboundMessage:
        """Return the camt.056 that asks for a payment of ours back."""
        ...

    def answer(
        self, request: PaymentCancellationRequest, confirmation: str, reason: Reason | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our camt.029 to a request."""
        ...

    def receipt(self, message_id: str, message_type: str, *, at: datetime) -> OutboundMessage:
        """Return our admi.007: a message has arrived."""
        ...


class ReceivingRail(Protocol):
    """One rail as its receivers speak to it; pure."""

    @property
    def rail(self) -> Rail:
        """Which rail."""
        ...

    @property
    def timing(self) -> ReceivingTiming:
        """Its times."""
        ...

    @property
    def reasons(self) -> ReasonCodes:
        """The gateway's own rejections."""
        ...

    @property
    def return_reasons(self) -> frozenset[str]:
        """The ISO reasons that a return may have; empty where any may."""
        ...

    @property
    def requests(self) -> RequestMessages:
        """How returns are asked for, and answered."""
        ...

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail says; never raises for bad input."""
        ...

    def answer(
        self, transfer: IncomingTransfer, status: str, reason_code: str | None, text: str | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our pacs.002 about a transfer as it is; made of the same transfer it has the same id."""
        ...

    def return_of(
        self,
        transfer: IncomingTransfer,
        message: CustomerCreditTransfer,
        *,
        amount: Amount,
        reason: Reason,
        reference: str,
        business_date: date,
        at: datetime,
    ) -> MadeReturn:
        """Return the pacs.004 that gives a transfer back, all of it or a part; `reference` makes its id."""
        ...

    def carries(self, text: str) -> bool:
        """Whether the words beside a reason can be sent as they are."""
        ...

    def enquiry(self, transfer: IncomingTransfer, *, at: datetime) -> OutboundMessage:
        """Return the next question what became of a transfer that we accepted."""
        ...

    def is_looked_back_to(self, transfer: IncomingTransfer, *, at: datetime) -> bool:
        """Whether the rail, asked `at`, still knows of the day on which it brought the transfer."""
        ...

    def tells_posting(self, transfer: IncomingTransfer, status: str) -> bool:
        """Whether the rail takes this status of what became of the posting (ACCC, PDNG, BLCK, RJCT)."""
        ...

    def mismatches(self, reading: Reading, transfer: IncomingTransfer) -> tuple[str, ...]:
        """Return codes for references in a reading that are not the transfer's; none where all agree."""
        ...

    def fact(self, reading: Reading, transfer: IncomingTransfer) -> IncomingFact:
        """Return what a reading with a statement means for the transfer that it is about."""
        ...
