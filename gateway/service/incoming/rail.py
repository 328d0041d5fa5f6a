"""What receiving needs to know of a rail's messages; how one rail says it is in `gateway.service.incoming.fednow`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingFact, IncomingTransfer
from gateway.domain.payment import Payment, Rail, Reason, ReasonOrigin
from gateway.domain.receiving_time import ReceivingTiming
from gateway.domain.return_request import REQUEST_ID
from gateway.service.rail_protocol import OutboundMessage, RailProtocol, Reading, Value, differing
from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    EndToEndId,
    Finding,
    InstructionId,
    MessageId,
    PaymentCancellationRequest,
    PaymentStatusReport,
    Resolution,
    Uetr,
)

Brought = Value
"""What a rail brings money with."""

FINDINGS_MAX: Final = 20
"""So many findings of one message its history keeps; all are found anew in the message, which is kept too."""

TEXT_MAX: Final = 105
"""Characters of a line beside a reason (ISO 20022, Max105Text; both rails' schemas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonCodes:
    """The ISO reasons of rejections that are the gateway's own: an institution's list may differ, so they are settings.

    ``unanswered``: nobody has decided in time, or no rule of the stand-in fits. ``unknown_agent``: the creditor's agent
    is none that receives here. ``broken_rule``: the message breaks a rule of its rail that no public code is about.
    """

    unanswered: str
    unknown_agent: str
    broken_rule: str = "NARR"


CodesOfRules = Mapping[tuple[str, str], str]
"""The ISO reason for each rule that has one: by the finding's code and an element in its path, or "" for anywhere."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a message has brought, as it was read; ``broken`` are the rules of its rail that the message breaks."""

    message: Brought
    broken: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeReturn:
    """A return's Document as bytes, its type, and the references under which the rail will speak of it."""

    message_id: MessageId
    message_type: str
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId
    uetr: Uetr | None
    body: bytes


class RequestMessages(Protocol):
    """The messages of return requests; pure. Made of the same things they have the same ids."""

    @property
    def reasons(self) -> frozenset[str]:
        """For which ISO reasons the rail takes a request; empty where that is not public."""
        ...

    @property
    def refusals(self) -> frozenset[str]:
        """For which ISO reasons the rail takes a refusal; empty where that is not public."""
        ...

    @property
    def defers(self) -> bool:
        """Whether the rail knows an answer that puts off the decision (PDCR)."""
        ...

    def is_in_time(self, *, settled_at: datetime, asked_at: datetime, reason_code: str | None) -> bool:
        """Whether the rail lets a return be asked for so long after settlement."""
        ...

    def ask(
        self,
        payment: Payment,
        sent: CustomerCreditTransfer,
        reason: Reason,
        *,
        case_id: str | None = None,
        at: datetime,
    ) -> OutboundMessage:
        """Return the camt.056 that asks for a payment of ours back: in a new case, or once more in this one."""
        ...

    def answer(
        self, request: PaymentCancellationRequest, confirmation: str, reason: Reason | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our camt.029 to a request."""
        ...

    def receipt(self, message: PaymentCancellationRequest | Resolution, *, at: datetime) -> OutboundMessage | None:
        """Return our word that a message has arrived: an admi.007, on RTP a pacs.002; None: there is nobody to tell."""
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

    @property
    def brings(self) -> tuple[str, ...]:
        """The business areas and numbers of what it brings and says of money: ``pacs.008`` and others."""
        ...

    def read(self, body: bytes) -> Reading:
        """Return what a message from the rail says; never raises for bad input."""
        ...

    def answer(
        self, transfer: IncomingTransfer, status: str, reason_code: str | None, text: str | None, *, at: datetime
    ) -> OutboundMessage:
        """Return our pacs.002 about a transfer as it is; made of the same transfer it has the same id."""
        ...

    def refusal(self, transfer: IncomingTransfer, broken: Sequence[Finding], *, at: datetime) -> Reason | None:
        """Return the reason for which a transfer that breaks these rules is rejected.

        None where our answer would break the rail's rules itself: such a transfer cannot be answered.
        """
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
        """Return what gives a transfer back, or a part: a pacs.004, on RTP a pacs.008; `reference` makes its id."""
        ...

    def returned_message_id(self, message: Brought) -> str | None:
        """Return the id of the message of ours that sent what `message` gives back; None where it does not say one."""
        ...

    def forwarded_at(self, created_at: datetime, *, received_at: datetime) -> datetime:
        """Return the instant that a header's creation time names; one that arrived at `received_at`."""
        ...

    def enquiry(self, transfer: IncomingTransfer, message: Brought, *, at: datetime) -> OutboundMessage:
        """Return the next question what became of a transfer that we accepted, and that came with this message."""
        ...

    def is_looked_back_to(self, transfer: IncomingTransfer, *, at: datetime) -> bool:
        """Whether the rail, asked `at`, still knows of the day on which it brought the transfer."""
        ...

    def posting_status(
        self, transfer: IncomingTransfer, status: str, reason_code: str | None, text: str | None, *, at: datetime
    ) -> OutboundMessage | None:
        """Return what tells the rail of the posting (ACCC, PDNG, BLCK, RJCT); None where it wants no such word."""
        ...

    def time_out_confirmed(self, transfer: IncomingTransfer, *, at: datetime) -> OutboundMessage | None:
        """Return what tells the rail that its giving a transfer up has come here; None where it wants no such word."""
        ...

    def mismatches(self, reading: Reading, transfer: IncomingTransfer) -> tuple[str, ...]:
        """Return codes for references in a reading that are not the transfer's; none where all agree."""
        ...

    def fact(self, reading: Reading, transfer: IncomingTransfer) -> IncomingFact:
        """Return what a reading with a statement means for the transfer that it is about."""
        ...


def requested(said: PaymentCancellationRequest, reading: Reading) -> IncomingFact:
    """Return the request to give a transfer back; its words may quote the customer: they stay in the message."""
    code = next((each.reason.text for each in said.reasons if each.reason is not None), None)
    return IncomingFact(
        IncomingEvent.RETURN_REQUESTED,
        reason=None if code is None else Reason(code, ReasonOrigin.RAIL),
        business_message_id=reading.business_message_id,
        details={REQUEST_ID: said.message_id},
    )


def objection(broken: Sequence[Finding], codes: CodesOfRules, *, otherwise: str) -> Reason:
    """Return the reason for the first finding that has a code, else for the first, in the words of its rule. Pure."""
    coded = ((finding, _code_of(finding, codes)) for finding in broken)
    finding, code = next(((each, code) for each, code in coded if code is not None), (broken[0], otherwise))
    place = f"{finding.code} at {finding.xpath}"[-TEXT_MAX:]
    return Reason(code, ReasonOrigin.GATEWAY, finding.rule if carries(finding.rule) else place)


def _code_of(finding: Finding, codes: CodesOfRules) -> str | None:
    steps = ("", *finding.xpath.split("/"))
    return next((codes[finding.code, step] for step in steps if (finding.code, step) in codes), None)


def findings_text(broken: Sequence[Finding]) -> str:
    """Return what a history keeps of the rules that a message breaks: each by its code, and where. Pure."""
    return "; ".join(f"{finding.code} at {finding.xpath}" for finding in broken[:FINDINGS_MAX])


def carries(text: str) -> bool:
    """Whether the words beside a reason can be sent as they are: a line of both rails' Max105Text."""
    return 1 <= len(text) <= TEXT_MAX and text.isprintable()


def references_of_another(
    reading: Reading, transfer: IncomingTransfer, *, states_amount: bool = False
) -> tuple[str, ...]:
    """Return the references that a status or a request for return gives, and that are not the transfer's."""
    said = reading.statement
    if not isinstance(said, PaymentStatusReport | PaymentCancellationRequest):
        return ()
    given: list[tuple[str, object, object]] = [
        ("ORIGINAL_UETR_DIFFERS", said.original_uetr, transfer.uetr),
        ("ORIGINAL_END_TO_END_ID_DIFFERS", said.original_end_to_end_id, transfer.end_to_end_id),
        ("ORIGINAL_INSTRUCTION_ID_DIFFERS", said.original_instruction_id, transfer.instruction_id),
    ]
    if states_amount:
        given.append(("ORIGINAL_AMOUNT_DIFFERS", said.original_amount, transfer.amount))
    return differing(given)


def was_brought_within(days: int, protocol: RailProtocol, transfer: IncomingTransfer, *, at: datetime) -> bool:
    """Whether the rail has brought a transfer on the business day of `at`, or at most so many calendar days before."""
    brought_on, today = (protocol.business_date(instant) for instant in (transfer.forwarded_at, at))
    return today - brought_on <= timedelta(days=days)
