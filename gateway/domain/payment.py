"""The payment: its identity, its states, and what each state says is certain about the money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, NewType, TypeGuard
from uuid import UUID

from gateway.domain.request import NO_REQUEST, Request
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, Uetr

PaymentId = NewType("PaymentId", UUID)
TenantId = NewType("TenantId", str)
IdempotencyKey = NewType("IdempotencyKey", str)
RegionId = NewType("RegionId", str)


class Rail(StrEnum):
    """The network that carries a payment."""

    FEDNOW = "fednow"
    RTP = "rtp"


KNOWN_BY_INSTRUCTION_ID: Final = frozenset({Rail.RTP})
"""Rails that tell a repeat from a new payment by the instruction id: no two payments of ours may share one there.

The public RTP guide of IBM (FTM): a known ``InstrId`` gets the answer that was given before.
"""


class PaymentState(StrEnum):
    """Where an outgoing credit transfer stands. Each member says what is certain about the money."""

    RECEIVED = "RECEIVED"
    """Accepted and durable; nothing has left. No money can have moved: safe to reject."""

    HELD = "HELD"
    """Screening found something, or could not look: a person decides. Nothing has left: no money can have moved, and
    none will before it is released."""

    RELEASED = "RELEASED"
    """A person has released what was held; nothing has left yet. No money can have moved: safe to reject."""

    SENDING = "SENDING"
    """Saved before the bytes leave. Money may move at any moment: not safe to reject, never to be sent again."""

    IN_DOUBT = "IN_DOUBT"
    """No answer in time. Money may have moved; the rail is asked, and nothing is guessed."""

    AWAITING_OPERATOR = "AWAITING_OPERATOR"
    """In doubt, and the rail could not tell when it was asked. Money may have moved: a person finds out. The rail's own
    word still ends it, whenever it comes."""

    RESEND_DUE = "RESEND_DUE"
    """The rail was asked, has no such message, and its clock has run out for every copy that left: no money has moved.
    The tenant wants it sent again, under the same ids."""

    SETTLED = "SETTLED"
    """Final. The rail has settled: the money is with the creditor's institution and cannot be called back."""

    ACCEPTED_WITHOUT_POSTING = "ACCEPTED_WITHOUT_POSTING"
    """Final between the institutions: the rail has settled; the creditor's institution has yet to post or return."""

    RETURN_DUE = "RETURN_DUE"
    """The rail has settled and the creditor's institution then refused to post: it owes the money back (pacs.004)."""

    RETURNED = "RETURNED"
    """Final. The payment had settled, and all of it has come back by payments of their own (pacs.004)."""

    REJECTED = "REJECTED"
    """Final. The payment did not settle and cannot settle any more: no money has moved."""

    @property
    def is_final(self) -> bool:
        """Whether the client holds a final status: the 15 seconds are kept or broken by this."""
        return self not in _OPEN


_OPEN = frozenset(
    {
        PaymentState.RECEIVED,
        PaymentState.HELD,
        PaymentState.RELEASED,
        PaymentState.SENDING,
        PaymentState.IN_DOUBT,
        PaymentState.AWAITING_OPERATOR,
        PaymentState.RESEND_DUE,
    }
)


class FundsHolder(StrEnum):
    """Who holds the debtor's money while a payment is under way; fixed with its acceptance."""

    TENANT = "tenant"
    """The tenant has debited the debtor already: to submit the payment is to say so."""

    CORE = "core"
    """The institution's core reserves it before the bytes leave; then posts it, or releases it."""

    ARRIVED = "arrived"
    """No customer: it has arrived with the transfer that this payment gives back, and was never posted."""

    INSTITUTION = "institution"
    """No customer: the institution's own, in its account at the reserve bank; a liquidity transfer moves it."""


class ReasonOrigin(StrEnum):
    """Who gave a reason."""

    CORE = "core"
    GATEWAY = "gateway"
    RAIL = "rail"
    OPERATOR = "operator"
    INSTITUTION = "institution"
    SCREENING = "screening"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a payment is where it is: an ISO external code (``AC04``), a rail's own (``E997``), or one of ours."""

    code: str
    origin: ReasonOrigin
    text: str | None = None


def is_reason_code(value: object) -> TypeGuard[str]:
    """Whether a value has the form of an ISO external code: four capital letters and digits."""
    return isinstance(value, str) and len(value) == 4 and value.isascii() and value.isalnum() and value.isupper()


@dataclass(frozen=True, slots=True)
class Payment:
    """An outgoing credit transfer as its events have made it: the projection that decisions are taken on.

    ``version`` counts its events; a decision is saved only against the version that it was taken on.
    ``final_at`` is when it first became final: what comes later (ACCC after ACSC) does not move it.
    ``creation_time`` is stamped with SENDING and never refreshed while the message is on its way: the rail's clock
    starts from it. ``is_taken_over``: another region carried it until now, and this one has decided nothing since.
    ``ask_after``: its key was another region's, and not before then the rail is asked; before it is sent, it is.
    ``region`` is where it goes on: its home, by the map of slots; ``accepted_in`` is the region that accepted it. Both
    are None before it is kept.
    ``transfers`` counts the copies that may have left, ``status_requests`` and ``pings`` the questions.
    A return (pacs.004) names in ``original_id`` the incoming transfer that it gives back, all of it or a part;
    ``returned_cents`` is what of a transfer has come back. A liquidity transfer (pacs.009) is one whose money is the
    institution's own.
    """

    payment_id: PaymentId
    tenant_id: TenantId
    rail: Rail
    state: PaymentState
    version: int
    message_id: MessageId
    end_to_end_id: EndToEndId
    instruction_id: InstructionId | None
    uetr: Uetr | None
    amount: Amount
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    business_date: date
    accepted_at: datetime
    deadline_at: datetime
    updated_at: datetime
    creation_time: datetime | None = None
    status: str | None = None
    reason: Reason | None = None
    transfers: int = 0
    status_requests: int = 0
    pings: int = 0
    next_step_at: datetime | None = None
    final_at: datetime | None = None
    funds_holder: FundsHolder = FundsHolder.TENANT
    is_taken_over: bool = False
    ask_after: datetime | None = None
    original_id: PaymentId | None = None
    returned_cents: int = 0
    request: Request = NO_REQUEST
    region: RegionId | None = None
    accepted_in: RegionId | None = None

    @property
    def is_return(self) -> bool:
        """Whether it gives back what was received."""
        return self.original_id is not None

    @property
    def is_liquidity(self) -> bool:
        """Whether it moves an institution's own money to another (pacs.009), and no customer's."""
        return self.funds_holder is FundsHolder.INSTITUTION
