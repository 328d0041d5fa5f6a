"""The store as far as incoming transfers need it: the same database, the same history, tables of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.incoming import ARRIVAL, IncomingState
from gateway.domain.incoming_transfer import Attention, ContraryWord, IncomingFact, IncomingTransfer, RecordedFact
from gateway.domain.ledger import Posting
from gateway.domain.payment import Payment, PaymentId, Rail, Reason, RegionId, TenantId
from gateway.domain.request import NO_REQUEST, Request
from gateway.domain.returns import NO_RETURNS, Returns
from gateway.domain.stand_in import AccountStanding, StandInPolicy
from gateway.service.ports.bus import OutboundDelivery
from gateway.service.ports.store import DueTimer, RawMessage, TimerChange
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, TransactionId, Uetr
from iso20022.messages import pacs008


@dataclass(frozen=True, slots=True)
class ReceivingTenant:
    """Whose money it is that comes, where it is asked about it, and what stands in for it.

    ``fault`` says what is wrong with the stand-in policy that is registered: until it is mended, the stand-in rejects.
    """

    tenant_id: TenantId
    institution_url: str | None
    stand_in: StandInPolicy
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Receivers:
    """Whose each creditor's agent is, and every tenant, those included that no agent belongs to any more."""

    by_agent: Mapping[RoutingNumber, TenantId]
    tenants: Mapping[TenantId, ReceivingTenant]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTransfer:
    """A transfer that the rail has brought, and that waits to be made durable.

    `slot` is the one whose owner alone may make it durable, and decide on it. `inbox_id` is the id of the header under
    which it came; `inbox_digest` tells a repeat from other bytes under it.
    """

    payment_id: PaymentId
    tenant_id: TenantId
    slot: int
    rail: Rail
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
    debtor_account_index: bytes
    creditor_account_index: bytes
    forwarded_at: datetime
    received_at: datetime
    answer_by: datetime
    timer_at: datetime
    inbox_id: str
    inbox_digest: bytes
    message: RawMessage
    message_type: str = pacs008.MESSAGE_TYPE
    original_id: PaymentId | None = None

    def received(self, *, region: RegionId) -> IncomingTransfer:
        """Return the transfer that this becomes once a region commits it."""
        return IncomingTransfer(
            payment_id=self.payment_id,
            tenant_id=self.tenant_id,
            rail=self.rail,
            state=ARRIVAL.state,
            version=1,
            message_id=self.message_id,
            message_created_at=self.message_created_at,
            instruction_id=self.instruction_id,
            end_to_end_id=self.end_to_end_id,
            transaction_id=self.transaction_id,
            uetr=self.uetr,
            amount=self.amount,
            instructing_agent=self.instructing_agent,
            instructed_agent=self.instructed_agent,
            debtor_agent=self.debtor_agent,
            creditor_agent=self.creditor_agent,
            creditor_account_index=self.creditor_account_index,
            forwarded_at=self.forwarded_at,
            received_at=self.received_at,
            answer_by=self.answer_by,
            updated_at=self.received_at,
            next_step_at=self.timer_at,
            message_type=self.message_type,
            original_id=self.original_id,
            region=region,
        )


@dataclass(frozen=True, slots=True)
class Admitted:
    """What became of a transfer that the rail brought: made durable now, or known from before, as it stands."""

    transfer: IncomingTransfer
    is_new: bool


@dataclass(frozen=True, slots=True)
class IncomingDecision:
    """One fact about one incoming transfer with everything that is saved together with it.

    Saved only if the transfer still has the version that `transfer` shows. ``unsent_at`` belongs to a message that is
    to be sent now: then it is looked at again, unless it is known to have left. Otherwise as `Decision`.
    """

    transfer: IncomingTransfer
    fact: IncomingFact
    state: IncomingState
    at: datetime
    timer: TimerChange = None
    unsent_at: datetime | None = None
    outbox: tuple[OutboundDelivery, ...] = ()
    messages: tuple[RawMessage, ...] = ()
    inbox_id: str | None = None
    inbox_digest: bytes | None = None
    answer: str | None = None
    status: str | None = None
    reason: Reason | None = None
    contradiction: bool = False
    postings: tuple[Posting, ...] = ()
    returns: Returns = NO_RETURNS
    request: Request = NO_REQUEST
    attention: Attention | None = None
    contrary_word: ContraryWord | None = None


@dataclass(frozen=True, slots=True)
class UnprojectedTransfer:
    """An incoming transfer of which events were replicated that its projection may not have yet; as `Unprojected`.

    `received` is the transfer as its first event has made it.
    """

    received: IncomingTransfer
    slot: int
    events: Sequence[RecordedFact] | ValueError
    digests: Sequence[bytes | None]
    notes: Sequence[int]

    @property
    def payment_id(self) -> PaymentId:
        """The transfer's id."""
        return self.received.payment_id


@dataclass(frozen=True, slots=True)
class ProjectedTransfer:
    """What was folded, under which epoch, and the digest of the event that stands last."""

    source: UnprojectedTransfer
    transfer: IncomingTransfer
    epoch: int
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Unsent:
    """A transfer with a message of ours that was saved, and of which it is not known that it left."""

    payment_id: PaymentId
    unsent_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How many transfers stand in a state, when the oldest came, and what the first header says of its forwarding."""

    count: int
    oldest_at: datetime
    forwarded_at: datetime


@dataclass(frozen=True, slots=True)
class IncomingBacklog:
    """What of the incoming transfers is not at its end, by state, and how many requests for returns are overdue.

    ``attention`` counts those that a person must look at though their state does not say so.
    """

    standing: Mapping[IncomingState, Standing]
    requests_overdue: int
    attention: int = 0


class IncomingStore(Protocol):
    """Incoming transfers in the database of one region. Facts and events are only ever added."""

    async def receiving_tenants(self) -> Receivers:
        """Return who receives.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...

    async def account_standing(self, tenant_id: TenantId, account_index: bytes) -> AccountStanding:
        """Return what the tenant's account directory says of an account."""
        ...

    async def admit(self, transfers: Sequence[NewTransfer]) -> Sequence[Admitted]:
        """Make each durable, with its message, first event and timer, unless its message id is known on its rail.

        The answers are in the order of the transfers; equal message ids have one effect. A repeat is safe.

        Raises:
            PartlyFaultyError: some cannot be saved, or are another region's (`NotHomeError`); the others are.
            NotServingError: this region may not act now; nothing was done.
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def returns_of(self, payment: Payment) -> Sequence[IncomingTransfer]:
        """Return what the rail has brought as returns of a payment of ours, whatever became of them."""
        ...

    async def backlog(self, now: datetime) -> IncomingBacklog:
        """Return what is not at its end: what the metrics show."""
        ...

    async def requested(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[IncomingTransfer]:
        """Return the transfers with an open request for their return, what is due first: a tenant's, or (None) all."""
        ...

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, IncomingTransfer]:
        """Return the transfers as they are now; unknown ones are left out."""
        ...

    async def save(self, decisions: Sequence[IncomingDecision]) -> Sequence[bool]:
        """Save each decision if its transfer still has the version that it was taken on; one per transfer a call.

        Returns, in order, whether each was saved; raises as `PaymentStore.save`.
        """
        ...

    async def sent(self, unsent: Sequence[Unsent]) -> None:
        """Note that these messages have left; what was saved since is not concerned. A repeat is safe."""
        ...

    async def take_unsent(self, now: datetime, *, again_at: datetime, limit: int) -> Sequence[Unsent]:
        """Return transfers whose message may not have left and is due; nobody else is given them before `again_at`."""
        ...

    async def take_over(self, due: DueTimer, *, again_at: datetime) -> bool:
        """Whether the due timer of a transfer was moved to `again_at` by this call: of several, one moves it."""
        ...

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return the timers that are due of transfers whose next step is the gateway's, the longest overdue first."""
        ...

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, IncomingTransfer]:
        """Return transfers by the sender's message id, or by the id of a message of ours about them."""
        ...

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return a transfer's raw messages in the order of its events, whatever clocks said."""
        ...

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedFact]:
        """Return a transfer's history, oldest first."""
        ...

    async def find(
        self, tenant_id: TenantId | None, *, states: Sequence[IncomingState], limit: int
    ) -> Sequence[IncomingTransfer]:
        """Return a tenant's transfers (None: all tenants') in these states (none: in any).

        What a person must look at comes first, then what must be decided first, by its deadline, then the newest; where
        states are asked for, those that have come there last. Never is what is listed cut before it is in this order.
        """
        ...
