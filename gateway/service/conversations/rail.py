"""What conversations need to know of a rail's messages; each rail's are in a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from gateway.domain.conversation import Act, Conversation, ConversationId, ConversationKind
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail, Reason
from gateway.service.ports import RawMessage
from gateway.service.rail_protocol import OutboundMessage, Statement, Talk
from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    EndToEndId,
    Finding,
    InstructionId,
    MessageId,
    PaymentReturn,
    Personal,
    RoutingNumber,
    Uetr,
)
from iso20022.messages.camt060 import ReportKind
from iso20022.messages.pain013 import RequestForPayment


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAsked:
    """What a request for payment asks: who is to pay whom how much, until when, and until when the request stands."""

    debtor_agent: RoutingNumber
    debtor_name: Personal
    debtor_account: Personal
    creditor_agent: RoutingNumber
    creditor_name: Personal
    creditor_account: Personal
    amount: Amount
    pay_on: date
    expires: date | datetime | None
    end_to_end_id: EndToEndId
    instruction_id: InstructionId | None = None
    uetr: Uetr | None = None
    category_purpose: str
    remittance: tuple[Personal, ...] = ()


@dataclass(frozen=True, slots=True)
class Came:
    """A transfer that has come, with what brought it."""

    transfer: IncomingTransfer
    brought: CustomerCreditTransfer | PaymentReturn


AskedAbout = Came | RequestForPayment
"""What its sender is asked about: a transfer, or a request for payment, that has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationAsked:
    """What is missing in, and what is wrong with, what has come; words where the code is NARR."""

    missing: tuple[str, ...]
    incorrect: tuple[str, ...]
    text: Personal | None

    @property
    def topic(self) -> str:
        """What is asked, in codes."""
        return " ".join((*self.missing, *self.incorrect))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAsked:
    """Which report of whose account, and of which cycle days; none for the day that is under way."""

    kind: ReportKind
    account: RoutingNumber
    from_date: date | None
    to_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A message of the rail's that opens a conversation, as far as facts are made of it.

    ``about`` is the message id of the payment, or of the request for payment, that is asked about, as messages name it
    and as a header has it.
    """

    kind: ConversationKind
    message_id: MessageId
    own_agent: RoutingNumber
    counterparty: RoutingNumber
    topic: str | None = None
    amount: Amount | None = None
    end_to_end_id: EndToEndId | None = None
    about: tuple[str, ...] = ()
    pay_by: datetime | None = None
    expires_at: datetime | None = None


class ConversationRail(Protocol):
    """The messages of one rail's conversations; pure. Made of the same things they have the same ids."""

    @property
    def rail(self) -> Rail:
        """Which rail."""
        ...

    @property
    def service(self) -> RoutingNumber:
        """The rail itself, as who is asked."""
        ...

    @property
    def services(self) -> frozenset[RoutingNumber]:
        """The rail itself, where it is who answers, under any of its ids."""
        ...

    def unsaid(self, kind: ConversationKind, act: Act | None) -> str | None:
        """Return why an act of ours, or (None) anything in such a conversation, cannot be said here; None: it can."""
        ...

    def own_reason(self, act: Act, reason: Reason) -> Reason:
        """Return a reason that is the gateway's own as the rail's list for this act has it."""
        ...

    def opening(self, talk: Talk, *, business_message_id: str) -> Opening | None:
        """Return what a message opens, if it does: a report that nobody has asked for opens one as well."""
        ...

    def about(self, said: Talk | Statement) -> Sequence[str]:
        """Return the ids of messages by which the conversation is found that something is said in."""
        ...

    def speaker(self, said: Talk | Statement) -> str | None:
        """Return the institution that says it, by its number; None where the message names none."""
        ...

    def act(self, said: Talk | Statement, conversation: Conversation) -> Act | None:
        """Return what a message means in a conversation; None where it has no meaning there."""
        ...

    def reason(self, said: Talk | Statement) -> Reason | None:
        """Return the reason that a message states, in codes alone: words may quote the customer."""
        ...

    def receipt(self, said: Talk | Statement, *, message_type: str, at: datetime) -> OutboundMessage | None:
        """Return our acknowledgement of a message, where its sender wants one."""
        ...

    def request(self, asked: PaymentAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the request for payment."""
        ...

    def question(
        self,
        asked: InformationAsked,
        about: AskedAbout,
        conversation_id: ConversationId,
        *,
        at: datetime,
    ) -> OutboundMessage:
        """Return the information request about what has come."""
        ...

    def report_request(self, asked: ReportAsked, conversation_id: ConversationId, *, at: datetime) -> OutboundMessage:
        """Return the request for a report."""
        ...

    def withdrawal(
        self, conversation: Conversation, messages: Sequence[RawMessage], reason: Reason, *, at: datetime
    ) -> OutboundMessage:
        """Return the message that takes our request for payment back."""
        ...

    def status_question(
        self, conversation: Conversation, messages: Sequence[RawMessage], *, at: datetime
    ) -> OutboundMessage:
        """Return the question how our request for payment stands."""
        ...

    def answer(
        self,
        conversation: Conversation,
        act: Act,
        messages: Sequence[RawMessage],
        *,
        reason: Reason | None,
        information: Sequence[Personal],
        at: datetime,
    ) -> Sequence[OutboundMessage]:
        """Return what says an act of ours to the other side, given the conversation's messages; in this order."""
        ...

    def findings(self, message: OutboundMessage) -> Sequence[Finding]:
        """Return what the rail would refuse in a message of ours."""
        ...


class RequestCopies(Protocol):
    """Another copy of what was asked, on a rail whose missing receipts let it be sent; pure."""

    @property
    def types(self) -> frozenset[str]:
        """The message types of requests: all else is never sent again."""
        ...

    def again(self, conversation: Conversation, message: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return another copy of a request of ours, under another message id; all its other references are kept."""
        ...
