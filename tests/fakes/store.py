"""A store in memory: obeys the contract of `PaymentStore`, and can be told to fail."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.domain.audit import EventFacts, MessageFacts, PaymentFacts, chained
from gateway.domain.doubt import ENDED_BY_TIME, NotFoundPolicy
from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent, standing_contradiction
from gateway.domain.ledger import Posting
from gateway.domain.payment import (
    KNOWN_BY_INSTRUCTION_ID,
    FundsHolder,
    IdempotencyKey,
    Payment,
    PaymentId,
    PaymentState,
    Rail,
    RegionId,
    TenantId,
)
from gateway.service.chain import acceptance_facts, decision_facts, first_digests, message_facts, payment_facts
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    Backlog,
    Decision,
    DueTimer,
    ElsewhereError,
    FaultyRowError,
    MessageDirection,
    NewPayment,
    OutboundDelivery,
    PartlyFaultyError,
    Quarantined,
    RawMessage,
    Refusal,
    Sealed,
    UnavailableError,
)

REGION: Final = RegionId("local")
EPOCH: Final = 1
MOVES_MONEY: Final = ("pacs.008.", "pacs.009.", "pacs.004.")
_NUL: Final = "\0"
_Key = tuple[TenantId, IdempotencyKey]


@dataclass(frozen=True, slots=True)
class Claim:
    payment_id: PaymentId
    content_digest: bytes


@dataclass(slots=True)
class _Outbox:
    delivery: OutboundDelivery
    created_at: datetime
    held: bool = False


@dataclass(frozen=True, slots=True)
class Chained:
    """An event with its messages, and the digest that makes it a link of its payment's chain."""

    facts: EventFacts
    messages: Sequence[MessageFacts]
    digest: bytes
    sql_transaction: int
    epoch: int = EPOCH


@dataclass(slots=True)
class _Rows:
    """Everything that is kept."""

    claims: dict[_Key, Claim] = field(default_factory=dict)
    message_ids: set[tuple[Rail, str]] = field(default_factory=set)
    instruction_ids: set[tuple[Rail, str | None]] = field(default_factory=set)
    """Of rails that tell copies by them."""
    payments: dict[PaymentId, Payment] = field(default_factory=dict)
    events: dict[PaymentId, list[RecordedEvent]] = field(default_factory=dict)
    messages: dict[PaymentId, list[RawMessage]] = field(default_factory=dict)
    facts: dict[PaymentId, PaymentFacts] = field(default_factory=dict)
    chain: list[Chained] = field(default_factory=list)
    """The events as they are audited, in the order in which they were saved."""
    heads: dict[PaymentId, bytes] = field(default_factory=dict)
    """The digest of each payment's newest event, which the next one follows."""
    outbox: list[_Outbox] = field(default_factory=list)
    inbox: dict[tuple[Rail, str], bytes] = field(default_factory=dict)
    postings: dict[PaymentId, list[Posting]] = field(default_factory=dict)
    contradictions: Counter[PaymentId] = field(default_factory=Counter)
    """How often something was saved of each payment that contradicts what was known of it."""
    refusals: dict[UUID, Refusal] = field(default_factory=dict)
    quarantine: dict[tuple[Rail, bytes], Quarantined] = field(default_factory=dict)


class InMemoryStore:
    """Implements `gateway.service.ports.PaymentStore`; each call gives the other tasks a turn, then acts at once.

    `api_keys` maps SHA-256 digests to tenants. With `reachable` off everything raises, as a database that is down;
    `next_call_raises` is raised by the next call only, `archive_raises` whenever messages are read. `region` is who
    writes, under the epochs that `epoch_of` gives.
    """

    def __init__(self, *, api_keys: Mapping[bytes, TenantId] | None = None, region: RegionId = REGION) -> None:
        self.region = region
        self.api_keys: dict[bytes, TenantId] = dict(api_keys or {})
        self.not_found_policies: dict[TenantId, NotFoundPolicy] = {}
        self.funds_holders: dict[TenantId, FundsHolder] = {}
        self.homes: dict[int, RegionId] = {}
        self.taken_over: dict[int, datetime] = {}
        """Slots that another region owns."""
        self.reachable = True
        self.next_call_raises: Exception | None = None
        self.archive_raises: Exception | None = None
        self.rows = _Rows()

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        """Claim and save; see the port."""
        await self._reached()
        outcomes = [FaultyRowError("a NUL") if _is_faulty(new) else self._accept_one(new) for new in payments]
        accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
        if len(accepted) < len(outcomes):
            raise PartlyFaultyError(outcomes)
        return accepted

    def _accept_one(self, new: NewPayment) -> Accepted:
        rows, key = self.rows, (new.tenant_id, new.idempotency_key)
        if (known := self._claimed(new)) is not None:
            return known
        if (home := self.home_of(new.slot)) is not None:
            return Accepted(AcceptKind.ELSEWHERE, None, home)
        if (new.rail, new.message_id) in rows.message_ids:
            return Accepted(AcceptKind.MESSAGE_ID_TAKEN, None)
        if (new.rail, new.instruction_id) in rows.instruction_ids:
            return Accepted(AcceptKind.INSTRUCTION_ID_TAKEN, None)
        asked_from = self.asked_from(new.slot) if new.is_named_by_day else None
        if asked_from is not None and asked_from != new.day_known_to:
            return Accepted(AcceptKind.DAY_UNKNOWN, None, asked_from=asked_from)
        payment = new.accepted(self.funds_holders.get(new.tenant_id, FundsHolder.TENANT), region=self.region)
        payment = replace(payment, ask_after=self.asked_from(new.slot))
        region, epoch = self.region, self.epoch_of(new.slot)
        rows.claims[key] = Claim(new.payment_id, new.content_digest)
        rows.message_ids.add((new.rail, new.message_id))
        if new.rail in KNOWN_BY_INSTRUCTION_ID and new.instruction_id is not None:
            rows.instruction_ids.add((new.rail, new.instruction_id))
        rows.payments[new.payment_id] = payment
        accepted = Event(EventKind.ACCEPTED)
        rows.events[new.payment_id] = [
            RecordedEvent(1, accepted, None, PaymentState.RECEIVED, new.accepted_at, region, epoch)
        ]
        rows.messages[new.payment_id] = [replace(new.message, at=new.accepted_at)]
        kept = message_facts(new.message, _sealed(new.message), at=new.accepted_at)
        rows.facts[new.payment_id] = payment_facts(new, payment.funds_holder, region=region)
        digest = first_digests(new, kept, region=region, epoch=epoch)[payment.funds_holder]
        self._chain(Chained(acceptance_facts(new, region=region), (kept,), digest, len(rows.chain) + 1, epoch))
        rows.outbox += [_Outbox(delivery, new.accepted_at) for delivery in new.outbox]
        return Accepted(AcceptKind.CREATED, payment)

    def _claimed(self, new: NewPayment) -> Accepted | None:
        """Return what is answered where the key is claimed."""
        claim = self.rows.claims.get((new.tenant_id, new.idempotency_key))
        if claim is None:
            return None
        same = claim.content_digest == new.content_digest
        return Accepted(AcceptKind.REPLAYED if same else AcceptKind.OTHER_CONTENT, self.rows.payments[claim.payment_id])

    def slot_of(self, _payment_id: PaymentId) -> int:
        """Return the slot that a payment's key belongs to."""
        return 0

    def asked_from(self, slot: int) -> datetime | None:
        """Return from when on the rail is asked about a slot that was taken over."""
        return self.taken_over.get(slot)

    def epoch_of(self, _slot: int) -> int:
        """Return the epoch under which this region owns a slot."""
        return EPOCH

    def home_of(self, slot: int) -> RegionId | None:
        """Return the region that owns a slot, where that is another one."""
        return self.homes.get(slot)

    async def home_elsewhere(self, payment: NewPayment) -> RegionId | None:
        """Return the home, where it is another region; see the port."""
        return self.home_of(payment.slot)

    async def find_claim(self, payment: NewPayment) -> Accepted | None:
        """Look, and save nothing; see the port."""
        await self._reached()
        known, home = self._claimed(payment), self.home_of(payment.slot)
        if known is None and home is not None:
            raise ElsewhereError(home, payment.idempotency_key, payment.message.body)
        return known

    async def asks_first(self, payment: NewPayment) -> bool:
        """Look at the slot; see the port."""
        await self._reached()
        return self.asked_from(payment.slot) is not None

    async def claimed(self, tenant_id: TenantId, keys: Sequence[IdempotencyKey]) -> Sequence[Payment]:
        """Return what was accepted under keys; see the port."""
        await self._reached()
        claims = [self.rows.claims[tenant_id, key] for key in keys if (tenant_id, key) in self.rows.claims]
        return [self.rows.payments[claim.payment_id] for claim in claims]

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, Payment]:
        """Return payments as they are now; see the port."""
        await self._reached()
        return {
            payment_id: self.rows.payments[payment_id] for payment_id in payment_ids if payment_id in self.rows.payments
        }

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Save what still holds; see the port."""
        ids = [decision.payment.payment_id for decision in decisions]
        if len(set(ids)) != len(ids):
            raise AssertionError("a batch names a payment twice: one of its two decisions would silently win")
        await self._reached()
        return [self._save_one(decision) for decision in decisions]

    def _save_one(self, decision: Decision) -> bool:
        rows, payment_id, region = self.rows, decision.payment.payment_id, self.region
        now = rows.payments.get(payment_id)
        if now is None or now.version != decision.payment.version:
            return False
        if decision.inbox_id is not None:
            received = (now.rail, decision.inbox_id)
            if received in rows.inbox:
                return False
            rows.inbox[received] = decision.inbox_digest or b""
        epoch = self.epoch_of(self.slot_of(payment_id))
        rows.payments[payment_id] = replace(decision, payment=now).outcome
        rows.contradictions[payment_id] += decision.contradiction
        rows.events[payment_id].append(
            RecordedEvent(
                now.version + 1,
                decision.event,
                now.state,
                decision.state,
                decision.at,
                region,
                epoch,
                contradiction=decision.contradiction,
            )
        )
        rows.messages[payment_id] += decision.messages
        rows.postings.setdefault(payment_id, []).extend(decision.postings)
        kept = [message_facts(message, _sealed(message)) for message in decision.messages]
        facts = decision_facts(decision, region=region)
        digest = chained(rows.heads[payment_id], epoch=epoch, facts=facts.digest(kept))
        self._chain(Chained(facts, kept, digest, len(rows.chain) + 1, epoch))
        rows.outbox += [_Outbox(delivery, decision.at) for delivery in decision.outbox]
        return True

    def _chain(self, link: Chained) -> None:
        self.rows.chain.append(link)
        self.rows.heads[PaymentId(link.facts.payment_id)] = link.digest

    async def seen(self, rail: Rail, inbox_ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return what has had its effect; see the port."""
        await self._reached()
        inbox = self.rows.inbox
        return {inbox_id: inbox[rail, inbox_id] for inbox_id in inbox_ids if (rail, inbox_id) in inbox}

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Return payments by what was sent about them; see the port."""
        await self._reached()
        sent: dict[str, Payment] = {payment.message_id: payment for payment in self.rows.payments.values()}
        sent |= {
            message.business_message_id: self.rows.payments[payment_id]
            for payment_id, messages in self.rows.messages.items()
            for message in messages
            if message.direction is MessageDirection.RAIL_OUT and self.rows.payments[payment_id].rail is rail
        }
        return {message_id: sent[message_id] for message_id in message_ids if message_id in sent}

    async def find(
        self, tenant_id: TenantId, *, uetr: str | None = None, end_to_end_id: str | None = None, limit: int
    ) -> Sequence[Payment]:
        """Return the tenant's payments by reference; see the port."""
        await self._reached()
        found = [
            payment
            for payment in self.rows.payments.values()
            if payment.tenant_id == tenant_id
            and (uetr is None or payment.uetr == uetr)
            and (end_to_end_id is None or payment.end_to_end_id == end_to_end_id)
        ]
        return sorted(found, key=lambda payment: payment.accepted_at, reverse=True)[:limit]

    async def load_with_message(
        self, wanted: Sequence[tuple[PaymentId, MessageDirection]]
    ) -> Mapping[PaymentId, tuple[Payment, RawMessage]]:
        """Return payments with a raw message each; see the port."""
        await self._reached()
        found = {}
        for payment_id, direction in wanted:
            messages = [
                message
                for message in self.rows.messages.get(payment_id, ())
                if message.direction is direction
                # Of what was sent, what moves the money: a question may have come before it.
                and (direction is not MessageDirection.RAIL_OUT or message.message_type.startswith(MOVES_MONEY))
            ]
            if payment_id in self.rows.payments and messages:
                oldest = min(messages, key=lambda message: (message.at, message.message_id))
                found[payment_id] = (self.rows.payments[payment_id], oldest)
        return found

    async def final_since(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, datetime]:
        """Return those that are final; see the port."""
        await self._reached()
        known = [self.rows.payments[payment_id] for payment_id in payment_ids if payment_id in self.rows.payments]
        return {payment.payment_id: payment.final_at for payment in known if payment.final_at is not None}

    async def not_found_policy(self, tenant_id: TenantId) -> NotFoundPolicy:
        """Return what the test has set; see the port."""
        await self._reached()
        return self.not_found_policies.get(tenant_id, NotFoundPolicy.REJECT)

    async def waiting_since(self, *, behind: int) -> datetime | None:
        """Return since when a payment waits that has so many before it; see the port."""
        await self._reached()
        payments = self.rows.payments.values()
        waiting = sorted(payment.updated_at for payment in payments if payment.state is PaymentState.RECEIVED)
        return waiting[behind] if len(waiting) > behind else None

    async def requested(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return what is asked back; see the port."""
        await self._reached()
        found = [each for each in self.rows.payments.values() if tenant_id in {None, each.tenant_id}]
        due = [(each.request.due_at, each.payment_id, each) for each in found if each.request.due_at is not None]
        return [each for _, _, each in sorted(due, key=lambda row: row[:2])][:limit]

    async def held(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return what screening has held; see the port."""
        await self._reached()
        found = [
            (payment.next_step_at, payment.payment_id, payment)
            for payment in self.rows.payments.values()
            if tenant_id in {None, payment.tenant_id} and payment.state is PaymentState.HELD and payment.next_step_at
        ]
        return [payment for _, _, payment in sorted(found, key=lambda row: row[:2])][:limit]

    async def unposted(
        self, rail: Rail, *, after: tuple[datetime, PaymentId], until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Return what its receiver is to be asked about; see the port."""
        await self._reached()
        found = [
            (payment.final_at, payment.payment_id, payment)
            for payment in self.rows.payments.values()
            if payment.rail is rail
            and payment.state is PaymentState.ACCEPTED_WITHOUT_POSTING
            and payment.status != "BLCK"
            and payment.final_at is not None
            and (payment.final_at, payment.payment_id) > after
            and payment.final_at <= until
            and self.home_of(self.slot_of(payment.payment_id)) is None
            and all(each.event.kind is not EventKind.POSTING_ASKED for each in self.rows.events[payment.payment_id])
        ]
        return [payment for _, _, payment in sorted(found, key=lambda row: row[:2])][:limit]

    async def awaiting_operator(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return what a person must look into; see the port."""
        await self._reached()
        contradicted = self._contradictions(self.rows.payments)
        waiting = [
            payment
            for payment in self.rows.payments.values()
            if tenant_id in {None, payment.tenant_id}
            and (payment.state is PaymentState.AWAITING_OPERATOR or payment.payment_id in contradicted)
        ]
        return sorted(waiting, key=lambda payment: payment.accepted_at)[:limit]

    async def contradictions(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, RecordedEvent]:
        """Return what contradicts what is certain; see the port."""
        await self._reached()
        return self._contradictions(payment_ids)

    def _contradictions(self, payment_ids: Iterable[PaymentId]) -> Mapping[PaymentId, RecordedEvent]:
        found = {payment_id: standing_contradiction(self.rows.events.get(payment_id, ())) for payment_id in payment_ids}
        return {payment_id: said for payment_id, said in found.items() if said is not None}

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedEvent]:
        """Return the history; see the port."""
        await self._reached()
        return list(self.rows.events.get(payment_id, ()))

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return the raw messages; see the port."""
        await self._reached()
        if self.archive_raises is not None:
            raise self.archive_raises
        return sorted(self.rows.messages.get(payment_id, ()), key=lambda message: (message.at, message.message_id))

    async def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Keep the fact; see the port."""
        await self._reached()
        for refusal in refusals:
            self.rows.refusals.setdefault(refusal.refusal_id, refusal)

    async def quarantine(self, messages: Sequence[Quarantined]) -> None:
        """Keep the bytes; see the port."""
        await self._reached()
        for item in messages:
            digest = hashlib.sha256(item.message.body).digest()
            self.rows.quarantine.setdefault((item.rail, digest), item)

    def queue(self, delivery: OutboundDelivery, *, at: datetime) -> None:
        """Put a row into the outbox, as whoever shares this store's transactions does."""
        self.rows.outbox.append(_Outbox(delivery, at))

    @asynccontextmanager
    async def relay(
        self, *, limit: int, created_before: datetime | None = None
    ) -> AsyncIterator[Sequence[OutboundDelivery]]:
        """Hold outbox rows around the caller's publish; see the port."""
        await self._reached()
        old = [row for row in self.rows.outbox if created_before is None or row.created_at < created_before]
        held = [row for row in old if not row.held][:limit]
        for row in held:
            row.held = True
        try:
            yield [row.delivery for row in held]
        except BaseException:
            for row in held:
                row.held = False
            raise
        self.rows.outbox = [row for row in self.rows.outbox if not any(row is gone for gone in held)]

    async def forget(self, delivery_ids: Sequence[UUID]) -> None:
        """Delete outbox rows; see the port."""
        await self._reached()
        gone = set(delivery_ids)
        self.rows.outbox = [row for row in self.rows.outbox if row.held or row.delivery.delivery_id not in gone]

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return what is due; see the port."""
        return await self._overdue(now, frozenset(PaymentState), limit=limit)

    async def due_deadlines(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return what is due, and ended by time alone; see the port."""
        return await self._overdue(now, ENDED_BY_TIME, limit=limit)

    async def _overdue(self, now: datetime, states: Set[PaymentState], *, limit: int) -> Sequence[DueTimer]:
        await self._reached()
        due = [
            DueTimer(payment.payment_id, payment.next_step_at)
            for payment in self.rows.payments.values()
            if payment.next_step_at is not None and payment.next_step_at <= now and payment.state in states
        ]
        return sorted(due, key=lambda timer: timer.due_at)[:limit]

    async def tenant_of_api_key(self, digest: bytes) -> TenantId | None:
        """Return whose key it is; see the port."""
        await self._reached()
        return self.api_keys.get(digest)

    async def backlog(self) -> Backlog:
        """Return what waits; see the port."""
        await self._reached()
        open_payments: dict[PaymentState, int] = {}
        waiting = [payment for payment in self.rows.payments.values() if payment.next_step_at is not None]
        for payment in waiting:
            open_payments[payment.state] = open_payments.get(payment.state, 0) + 1
        in_doubt = [
            payment.creation_time
            for payment in waiting
            if payment.state is PaymentState.IN_DOUBT and payment.creation_time is not None
        ]
        return Backlog(
            outbox=len(self.rows.outbox),
            outbox_oldest_at=min((row.created_at for row in self.rows.outbox), default=None),
            open_payments=open_payments,
            oldest_in_doubt_at=min(in_doubt, default=None),
            contradictions=self.rows.contradictions.total(),
            attention=len(self._contradictions(self.rows.payments)),
        )

    async def check(self) -> None:
        """Return unless the store was told to be down; see the port."""
        await self._reached()

    async def _reached(self) -> None:
        await asyncio.sleep(0)
        error, self.next_call_raises = self.next_call_raises, None
        if error is not None:
            raise error
        if not self.reachable:
            raise UnavailableError("the store in memory was told to be down")


def _sealed(message: RawMessage) -> Sealed:
    return Sealed("clear", message.body)


def _is_faulty(new: NewPayment) -> bool:
    """Whether PostgreSQL would refuse the row: it takes no NUL in a text."""
    return _NUL in f"{new.idempotency_key}{new.message_id}{new.end_to_end_id}{new.instruction_id}{new.uetr}"
