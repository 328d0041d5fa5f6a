"""An incoming credit transfer: what the rail brought, what is certain of it, what the institution may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.domain.incoming import INCOMING_TRANSITIONS, IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.payment import PaymentId, Rail, Reason, RegionId, TenantId
from gateway.domain.request import NO_REQUEST, Request
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr
from iso20022.messages import pacs004, pacs008, pacs009


class Attention(StrEnum):
    """Why a person must look at a transfer whose state does not say so."""

    RETURN_FAILED = "return_failed"
    """A return has failed, and no other follows by itself."""

    CONTRADICTED = "contradicted"
    """The rail has said of the money, or of a return of it, that it moved and that it did not. Nothing goes back."""


CONTRARY_WORD: Final = "contrary_word"
"""So lists and the API name it where nothing else calls a person: the institution says what contradicts what is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingTransfer:
    """An incoming credit transfer as its events have made it: the projection that decisions are taken on.

    ``message_id`` and ``message_created_at`` are the sender's Document's; ``forwarded_at`` is the creation time of the
    header under which the rail brought it: from there the receiver's reserve runs, which ends at ``answer_by``.
    ``answer`` is what we have answered (ACTC, ACWP, RJCT). ``unsent_at`` says that a message of ours was saved of which
    it is not known that it left, and when that is looked at again. ``is_taken_over`` says that another region has
    carried the transfer until now, and ``ask_after`` from when on the rail may be asked about it then. ``region`` is
    where it goes on: its home, by the map of slots; None before it is kept.

    A return (pacs.004, see ``message_type``; on RTP a pacs.008 that refers to it) names in ``original_id`` the payment
    of ours that comes back; None where we know of none. Of what goes back from here, ``returns`` counts the returns
    that were started, ``returning_cents`` is the one under way, ``returned_cents`` what has gone. ``attention`` says
    why a person must look. ``contrary_word`` is what the institution has said against what is so, too late or of the
    posting, until somebody has seen to it.
    """

    payment_id: PaymentId
    tenant_id: TenantId
    rail: Rail
    state: IncomingState
    version: int
    message_id: MessageId
    message_created_at: datetime
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None
    uetr: Uetr | None
    amount: Amount
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    creditor_account_index: bytes
    forwarded_at: datetime
    received_at: datetime
    answer_by: datetime
    updated_at: datetime
    answer: str | None = None
    status: str | None = None
    reason: Reason | None = None
    status_requests: int = 0
    next_step_at: datetime | None = None
    unsent_at: datetime | None = None
    final_at: datetime | None = None
    is_taken_over: bool = False
    ask_after: datetime | None = None
    message_type: str = pacs008.MESSAGE_TYPE
    original_id: PaymentId | None = None
    returns: int = 0
    returning_cents: int = 0
    returned_cents: int = 0
    request: Request = NO_REQUEST
    attention: Attention | None = None
    region: RegionId | None = None
    contrary_word: ContraryWord | None = None

    @property
    def shown_attention(self) -> str | None:
        """Why a person must look at it, as lists and the API name it; None where nobody must."""
        if self.attention is not None:
            return self.attention.value
        return None if self.contrary_word is None else CONTRARY_WORD

    @property
    def is_return(self) -> bool:
        """Whether money comes back that was sent from here."""
        return self.original_id is not None or self.message_type == pacs004.MESSAGE_TYPE

    @property
    def is_liquidity(self) -> bool:
        """Whether it is between institutions for their own account: it has settled when it comes, and is not answered.

        What has come by it goes back by another such transfer, never by a return (FedNow Operating Procedures v2.1).
        """
        return self.message_type == pacs009.MESSAGE_TYPE


@dataclass(frozen=True, slots=True)
class IncomingFact:
    """One thing that befell an incoming transfer, with the reason, ISO status and message id that came with it.

    ``details`` holds what else the record needs, as plain text; never names, accounts or remittance text.
    """

    kind: IncomingEvent
    reason: Reason | None = None
    status: str | None = None
    business_message_id: str | None = None
    details: dict[str, str] = field(default_factory=dict)


CONTRADICTS: Final = "contradicts"
"""Under this a fact's details say "yes" where what was found cannot be, as far as is known here."""


LATE: Final = "late"
"""Under this a fact's details say "yes" where an institution's verdict came after somebody had decided in its place."""


WITH_SCREENING: Final = "with_screening"
"""Under this the details of a late answer say what it comes to with what screening has found, where that is another
verdict than its own."""


@dataclass(frozen=True, slots=True)
class RecordedFact:
    """A fact as the history keeps it: `sequence` counts a transfer's events from 1."""

    sequence: int
    fact: IncomingFact
    state_before: IncomingState | None
    state_after: IncomingState
    at: datetime
    region: str
    epoch: int


class Verdict(StrEnum):
    """What an institution, or who stands in for it, decides on an incoming transfer."""

    ACCEPT = "accept"
    REJECT = "reject"
    ACCEPT_WITHOUT_POSTING = "accept_without_posting"
    """Only for doubt about entitlement or compliance, never for an outage (12 CFR 210.44(b)(3))."""


@dataclass(frozen=True, slots=True)
class InstitutionAnswer:
    """The verdict; a rejection has an ISO 20022 external status reason.

    With ``contradicts`` what was asked about cannot be, as far as is known here: a person must look.
    """

    verdict: Verdict
    reason_code: str | None = None
    text: str | None = None
    contradicts: bool = False


class PostingOutcome(StrEnum):
    """What became of the money that arrived."""

    POSTED = "posted"
    REFUSED = "refused"
    """The creditor does not get it: it is owed back."""

    PENDING = "pending"
    """The institution still looks into it."""

    BLOCKED = "blocked"
    """It may neither be posted nor given back."""


ContraryWord = Verdict | PostingOutcome
"""What an institution says against what is so: its verdict after another was answered, or of a posting."""


def contrary_word_from(text: str) -> ContraryWord:
    """Return the word with this value.

    Raises:
        ValueError: there is no such word.

    """
    return Verdict(text) if text in {each.value for each in Verdict} else PostingOutcome(text)


@dataclass(frozen=True, slots=True)
class PostingAnswer:
    """What the institution says of the posting; what is not posted has a reason."""

    outcome: PostingOutcome
    reason_code: str | None = None
    text: str | None = None


DECIDED_AS: Final[Mapping[Verdict, IncomingEvent]] = MappingProxyType(
    {
        Verdict.ACCEPT: IncomingEvent.ACCEPTANCE_DECIDED,
        Verdict.REJECT: IncomingEvent.REJECTION_DECIDED,
        Verdict.ACCEPT_WITHOUT_POSTING: IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_DECIDED,
    }
)
"""What each verdict is in the table of states."""

POSTED_AS: Final[Mapping[PostingOutcome, IncomingEvent]] = MappingProxyType(
    {
        PostingOutcome.POSTED: IncomingEvent.POSTING_CONFIRMED,
        PostingOutcome.REFUSED: IncomingEvent.POSTING_REFUSED,
        PostingOutcome.PENDING: IncomingEvent.PENDING_DECIDED,
        PostingOutcome.BLOCKED: IncomingEvent.BLOCKING_DECIDED,
    }
)
"""What each outcome of a posting is in the table of states."""

ANSWERED_AS: Final[Mapping[IncomingState, str]] = MappingProxyType(
    {
        IncomingState.ACCEPTED: "ACTC",
        IncomingState.ACCEPTED_WITHOUT_POSTING: "ACWP",
        IncomingState.REJECTED: "RJCT",
    }
)
"""The status of the pacs.002 with which a transfer comes into a state from RECEIVED."""

WAITED_FOR: Final = frozenset(
    {
        IncomingState.RECEIVED,
        IncomingState.ACCEPTED,
        IncomingState.ACCEPTED_WITHOUT_POSTING,
        IncomingState.IN_DOUBT,
        IncomingState.SETTLED,
        IncomingState.POSTED,
        IncomingState.RETURN_DUE,
    }
)
"""The states in which the gateway itself does the next step, at the time of the timer; later ones wait for people."""

ARRIVED: Final = frozenset(
    {
        IncomingState.SETTLED,
        IncomingState.PENDING,
        IncomingState.POSTED,
        IncomingState.BLOCKED,
        IncomingState.RETURN_DUE,
        IncomingState.RETURNED,
        IncomingState.RETURNED_BY_HAND,
    }
)
"""The states in which the rail has settled: the money is here, or was."""

NEVER_ARRIVED: Final = frozenset({IncomingState.REJECTED, IncomingState.NOT_SETTLED})
"""The states in which no money has come, and none can."""

GOING_BACK: Final = frozenset({IncomingState.RETURN_DUE, IncomingState.RETURNED, IncomingState.RETURNED_BY_HAND})
"""The states of those in which the money was here, and is not to stay."""

UNENDED: Final = tuple(state for state in IncomingState if not state.is_final or state is IncomingState.BLOCKED)
"""The states in which something is still to come, or to be done: also by a person, for what is blocked."""

_IN_DOUBT: Final = frozenset({IncomingState.IN_DOUBT, IncomingState.AWAITING_OPERATOR})
"""The states into which every acceptance comes, whatever it was."""

TO_BE_DECIDED: Final = frozenset({IncomingState.SETTLED, IncomingState.PENDING, IncomingState.RETURN_DUE})
"""The states in which the money must be somewhere else by a deadline: posted, blocked, or given back."""

ASKABLE: Final = frozenset(state for state, kind in INCOMING_TRANSITIONS if kind is IncomingEvent.STATUS_REQUESTED)
"""The states in which the rail is asked."""


def is_contradicted(answer: str | None, verdict: Verdict) -> bool:
    """Whether an institution's late verdict is another than what was answered in its place."""
    given = {"ACTC": Verdict.ACCEPT, "ACWP": Verdict.ACCEPT_WITHOUT_POSTING, "RJCT": Verdict.REJECT}
    return answer is not None and given.get(answer) is not verdict


def as_heard(transfer: IncomingTransfer, fact: IncomingFact) -> IncomingFact:
    """Return what the rail's word means of a transfer of which the state alone does not say what we have answered.

    A settlement that no acceptance of ours is known to have led to is no reason to post: a lost region may have
    accepted, with or without posting. One of which we have said that we accept it without posting is none either.
    """
    if fact.kind is not IncomingEvent.SETTLEMENT_ADVISED or transfer.state not in _IN_DOUBT:
        return fact
    if transfer.answer is None:
        return replace(fact, kind=IncomingEvent.SETTLEMENT_WITHOUT_ANSWER_ADVISED)
    if transfer.answer == ANSWERED_AS[IncomingState.ACCEPTED_WITHOUT_POSTING]:
        return replace(fact, kind=IncomingEvent.ACCEPTANCE_WITHOUT_POSTING_ADVISED)
    return fact


def tells_incoming(
    state: IncomingState, fact: IncomingFact, *, after: IncomingState, effects: Sequence[object]
) -> bool:
    """Whether the fact's status and reason are what the transfer shows from now on; a contradiction never is."""
    if after is not state:
        return True
    return fact.status is not None and IncomingEffect.REPORT_CONTRADICTION not in effects
