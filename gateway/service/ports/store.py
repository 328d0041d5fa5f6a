"""The store: the database of one region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Protocol
from uuid import UUID

from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent, counts_transfer
from gateway.domain.ledger import Posting
from gateway.domain.payment import (
    FundsHolder,
    IdempotencyKey,
    Payment,
    PaymentId,
    PaymentState,
    Rail,
    Reason,
    RegionId,
    TenantId,
)
from gateway.domain.request import NO_REQUEST, Request
from gateway.domain.transitions import ACCEPTANCE
from gateway.service.ports.bus import OutboundDelivery
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, Uetr


class MessageDirection(StrEnum):
    """Whose message it is, and which way it went."""

    CLIENT_IN = "client_in"
    RAIL_OUT = "rail_out"
    RAIL_IN = "rail_in"


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as bytes, with what it was. ``message_id`` is ours; ``business_message_id`` is the header's."""

    message_id: UUID
    direction: MessageDirection
    message_type: str
    business_message_id: str
    content_type: str
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment that passed every check and waits to be claimed and committed.

    ``content_digest`` is equal for equal content (header and creation times do not count): it tells an honest retry
    from another payment under the same key. A return names what it gives back, and who holds that money.
    ``is_named_by_day``: the rail's ids of it are functions of its business date. Where the key was a lost region's,
    which may have named it on another day, its own is chosen in view of the slot's ``ask_after``: ``day_known_to``.
    """

    payment_id: PaymentId
    tenant_id: TenantId
    idempotency_key: IdempotencyKey
    slot: int
    content_digest: bytes
    rail: Rail
    message_id: MessageId
    end_to_end_id: EndToEndId
    instruction_id: InstructionId | None
    uetr: Uetr | None
    amount: Amount
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    debtor_account_index: bytes
    creditor_account_index: bytes
    business_date: date
    accepted_at: datetime
    deadline_at: datetime
    timer_at: datetime
    message: RawMessage
    outbox: tuple[OutboundDelivery, ...]
    original_id: PaymentId | None = None
    funds_holder: FundsHolder | None = None
    is_named_by_day: bool = False
    day_known_to: datetime | None = None

    def accepted(self, funds_holder: FundsHolder, *, region: RegionId) -> Payment:
        """Return the payment that this becomes once a region commits it; its tenant says who holds the debtor's money.

        Of a return it is known already, and what the tenant says does not count.
        """
        return Payment(
            payment_id=self.payment_id,
            tenant_id=self.tenant_id,
            rail=self.rail,
            state=ACCEPTANCE.state,
            version=1,
            message_id=self.message_id,
            end_to_end_id=self.end_to_end_id,
            instruction_id=self.instruction_id,
            uetr=self.uetr,
            amount=self.amount,
            debtor_agent=self.debtor_agent,
            creditor_agent=self.creditor_agent,
            business_date=self.business_date,
            accepted_at=self.accepted_at,
            deadline_at=self.deadline_at,
            updated_at=self.accepted_at,
            next_step_at=self.timer_at,
            funds_holder=self.funds_holder or funds_holder,
            original_id=self.original_id,
            region=region,
            accepted_in=region,
        )


class AcceptKind(StrEnum):
    """What became of a submission."""

    CREATED = "created"
    REPLAYED = "replayed"
    OTHER_CONTENT = "other_content"
    MESSAGE_ID_TAKEN = "message_id_taken"
    INSTRUCTION_ID_TAKEN = "instruction_id_taken"
    """Another payment has it, on a rail that tells copies by it."""
    ELSEWHERE = "elsewhere"
    DAY_UNKNOWN = "day_unknown"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The outcome of one submission; ``payment`` is the one that holds the key (none when an id is taken).

    A key whose slot another region owns is accepted there alone: nothing was saved, and ``home`` names that region.
    Nor was it where a lost region may have named the payment on another day (see `NewPayment`): ``asked_from`` is the
    ``ask_after`` of the slot, which was taken over.
    """

    kind: AcceptKind
    payment: Payment | None
    home: RegionId | None = None
    asked_from: datetime | None = None


TimerChange = datetime | Literal["stop"] | None
"""When to wake next; ``"stop"`` for never; None leaves the timer as it is."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One event of one payment with everything that is saved together with it.

    Saved only if the payment still has the version that `payment` shows. `inbox_id` is the header's message id when the
    event came from the rail, and makes it count once; `inbox_digest` tells a repeat from other bytes under the same id.
    ``status`` and ``reason`` are what the payment shows from now on. ``postings`` are what the ledger books;
    ``returned_cents`` is what has come back in all, and ``request`` the request for it, from now on.
    """

    payment: Payment
    event: Event
    state: PaymentState
    at: datetime
    timer: TimerChange = None
    outbox: tuple[OutboundDelivery, ...] = ()
    messages: tuple[RawMessage, ...] = ()
    inbox_id: str | None = None
    inbox_digest: bytes | None = None
    creation_time: datetime | None = None
    status: str | None = None
    reason: Reason | None = None
    contradiction: bool = False
    postings: tuple[Posting, ...] = ()
    returned_cents: int = 0
    request: Request = NO_REQUEST

    @property
    def outcome(self) -> Payment:
        """The payment as it is once this is saved."""
        payment, kind = self.payment, self.event.kind
        next_step_at = payment.next_step_at
        if self.timer is not None:
            next_step_at = self.timer if isinstance(self.timer, datetime) else None
        return replace(
            payment,
            state=self.state,
            version=payment.version + 1,
            is_taken_over=payment.is_taken_over and kind is not EventKind.TAKEN_OVER,
            status=self.status,
            reason=self.reason,
            creation_time=self.creation_time or payment.creation_time,
            transfers=payment.transfers + counts_transfer(kind),
            status_requests=payment.status_requests + (kind is EventKind.STATUS_REQUESTED),
            pings=payment.pings + (kind is EventKind.PINGED),
            next_step_at=next_step_at,
            updated_at=self.at,
            final_at=payment.final_at or (self.at if self.state.is_final else None),
            returned_cents=self.returned_cents,
            request=self.request,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """The fact that a request was refused: who, when, why, and the digest of what was sent; never the content."""

    refusal_id: UUID
    tenant_id: TenantId
    at: datetime
    content_digest: bytes
    size: int
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Bytes from the rail that could not be read or could not be matched with a payment: kept, with the reason."""

    message: RawMessage
    rail: Rail
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A payment whose time has come; ``due_at`` tells how late we are."""

    payment_id: PaymentId
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits in the store, and since when: what the metrics show."""

    outbox: int
    outbox_oldest_at: datetime | None
    open_payments: Mapping[PaymentState, int] = field(default_factory=dict)
    oldest_in_doubt_at: datetime | None = None
    contradictions: int = 0
    attention: int = 0
    """Payments of which something was said that contradicts what is certain, and nobody has seen to it."""


class ClaimStore(Protocol):
    """Who may accept a key: every idempotency key has one home, and is claimed there, once, with its payment."""

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        """Claim the keys and save payment, event, message, timer and outbox rows, all in one transaction.

        The answers are in the order of the submissions. Equal keys, in one call or in concurrent ones, have one effect
        and equal answers. A repeat is safe.

        Raises:
            PartlyFaultyError: some rows cannot be saved; the others are.
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def home_elsewhere(self, payment: NewPayment) -> RegionId | None:
        """Return the region that is the key's home where it is another; None where `accept` is to be asked.

        It is a look, so that what is forwarded does not wait for others: only `accept` is sure.

        Raises:
            NotServingError: this region may not act.

        """
        ...

    async def find_claim(self, payment: NewPayment) -> Accepted | None:
        """Return what `accept` would answer if the key is claimed already; None when it is free. Nothing is saved.

        Raises:
            ElsewhereError: another region is the key's home, and knows.

        """
        ...

    async def asks_first(self, payment: NewPayment) -> bool:
        """Whether the key was another region's that is lost: what it has accepted and sent may not be known here.

        Of such a key "nothing was accepted" is no answer: it is accepted, and the rail asked before anything is sent.
        """
        ...


class PaymentStore(ClaimStore, Protocol):
    """The database of one region. Facts and events are only ever added."""

    async def claimed(self, tenant_id: TenantId, keys: Sequence[IdempotencyKey]) -> Sequence[Payment]:
        """Return a tenant's payments that were accepted under these keys, in their order, as they are now.

        Keys that nothing is known of are left out.
        """
        ...

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, Payment]:
        """Return the payments as they are now; unknown ones are left out."""
        ...

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Save each decision if its payment still has the version that it was taken on; at most one per payment a call.

        Returns, in order, whether each was saved. What was not saved left nothing behind: load, decide again.
        A decision whose `inbox_id` has had its effect before is not saved either.

        Raises:
            PartlyFaultyError: some decisions cannot be saved; the others are, as far as they hold.
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def seen(self, rail: Rail, inbox_ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return those of the header message ids whose effect has been saved, each with the digest of its message."""
        ...

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Return payments by the id of the message (pacs.008, or a pacs.028 about it) that carried them to the rail."""
        ...

    async def find(
        self, tenant_id: TenantId, *, uetr: str | None = None, end_to_end_id: str | None = None, limit: int
    ) -> Sequence[Payment]:
        """Return the tenant's payments with these references, newest first."""
        ...

    async def load_with_message(
        self, wanted: Sequence[tuple[PaymentId, MessageDirection]]
    ) -> Mapping[PaymentId, tuple[Payment, RawMessage]]:
        """Return payments as they are now, each with its oldest raw message of that direction; a payment once a call.

        What is unknown, or has no such message, is left out.
        """
        ...

    async def final_since(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, datetime]:
        """Return those that are final, and since when: what waiting clients are polled by, one statement for all."""
        ...

    async def not_found_policy(self, tenant_id: TenantId) -> NotFoundPolicy:
        """Return what the tenant wants when the rail has no such message.

        Raises:
            LookupError: no such tenant.

        """
        ...

    async def waiting_since(self, *, behind: int) -> datetime | None:
        """Return when the payment was accepted that has waited longest to be sent but for `behind` others, if any."""
        ...

    async def requested(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return the payments with an open request for their return, what is due first: a tenant's, or (None) all."""
        ...

    async def held(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return the payments that screening has held, what expires first: a tenant's, or (None) all."""
        ...

    async def awaiting_operator(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return the payments that a person must look into, the longest accepted first: a tenant's, or (None) all.

        Those in AWAITING_OPERATOR, and those with a standing contradiction.
        """
        ...

    async def contradictions(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, RecordedEvent]:
        """Return, of those of which something contradicts what is certain, what it was; see `standing_contradiction`.

        It stands until a person has recorded what is so.
        """
        ...

    async def unposted(
        self, rail: Rail, *, after: tuple[datetime, PaymentId], until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Return payments that were accepted without posting in this time, and whose receiver was never asked.

        Those alone whose home is here, and not those of which it has said that they are blocked. The oldest first, of
        one instant by id; what comes after the last of them is the next page.
        """
        ...

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedEvent]:
        """Return the payment's history, oldest first."""
        ...

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return the payment's raw messages, oldest first."""
        ...

    async def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Keep the fact of refused requests; a repeat is safe."""
        ...

    async def quarantine(self, messages: Sequence[Quarantined]) -> None:
        """Keep bytes from the rail that found no payment; a repeat (same rail, same digest) is safe."""
        ...

    def relay(
        self, *, limit: int, created_before: datetime | None = None
    ) -> AbstractAsyncContextManager[Sequence[OutboundDelivery]]:
        """Claim up to `limit` outbox rows; leaving the context normally deletes them, an exception gives them back.

        `created_before` leaves younger rows alone. Several relays may run: none sees what another holds.
        """
        ...

    async def forget(self, delivery_ids: Sequence[UUID]) -> None:
        """Delete the outbox rows of deliveries that were published; those that are gone are no fault."""
        ...

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return timers that are due, the longest overdue first. They stay until a decision moves or stops them."""
        ...

    async def due_deadlines(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return those of `due_timers` whose payments time alone ends (`gateway.domain.doubt.ENDED_BY_TIME`)."""
        ...

    async def tenant_of_api_key(self, digest: bytes) -> TenantId | None:
        """Return whose API key has this SHA-256 digest, if it is valid."""
        ...

    async def backlog(self) -> Backlog:
        """Return what waits."""
        ...

    async def check(self) -> None:
        """Return if the database answers and has this program's schema.

        Raises:
            UnavailableError: it does not.

        """
        ...
