"""Incoming transfers in memory: obeys the contract of `IncomingStore`, beside the payments of an `InMemoryStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    TO_BE_DECIDED,
    UNENDED,
    WAITED_FOR,
    IncomingFact,
    IncomingTransfer,
    RecordedFact,
)
from gateway.domain.ledger import Posting
from gateway.domain.payment import Payment, PaymentId, Rail, TenantId
from gateway.domain.receiving_time import in_order_of_deciding
from gateway.domain.stand_in import AccountStanding
from gateway.service.incoming.decide import decided
from gateway.service.ports import (
    Admitted,
    DueTimer,
    FaultyRowError,
    IncomingBacklog,
    IncomingDecision,
    MessageDirection,
    NewTransfer,
    NotHomeError,
    PartlyFaultyError,
    RawMessage,
    Receivers,
    ReceivingTenant,
    Standing,
    Unsent,
)
from iso20022 import RoutingNumber
from tests.fakes.store import InMemoryStore


@dataclass(slots=True)
class IncomingRows:
    """Everything that is kept."""

    transfers: dict[PaymentId, IncomingTransfer] = field(default_factory=dict)
    slots: dict[PaymentId, int] = field(default_factory=dict)
    events: dict[PaymentId, list[RecordedFact]] = field(default_factory=dict)
    messages: dict[PaymentId, list[RawMessage]] = field(default_factory=dict)
    postings: dict[PaymentId, list[Posting]] = field(default_factory=dict)
    contradictions: int = 0
    contradicted_at: dict[PaymentId, datetime] = field(default_factory=dict)
    """When something was saved of each last that contradicts what was known of it."""


class InMemoryIncoming:
    """Implements `gateway.service.ports.IncomingStore`; inbox and outbox are those of the payments' store.

    Each call gives the other tasks a turn, then acts at once; it is down when that store is.
    """

    def __init__(self, store: InMemoryStore) -> None:
        self.store = store
        self.rows = IncomingRows()
        self.tenants: dict[RoutingNumber, ReceivingTenant] = {}
        self.others: list[ReceivingTenant] = []
        """Tenants that no agent belongs to."""
        self.directory: dict[tuple[TenantId, bytes], AccountStanding] = {}

    async def receiving_tenants(self) -> Receivers:
        """Return who receives; see the port."""
        await self.store.check()
        by_agent = {agent: tenant.tenant_id for agent, tenant in self.tenants.items()}
        return Receivers(by_agent, {each.tenant_id: each for each in (*self.others, *self.tenants.values())})

    async def account_standing(self, tenant_id: TenantId, account_index: bytes) -> AccountStanding:
        """Return what the directory says; see the port."""
        await self.store.check()
        return self.directory.get((tenant_id, account_index), AccountStanding.UNKNOWN)

    async def admit(self, transfers: Sequence[NewTransfer]) -> Sequence[Admitted]:
        """Make durable what is new; see the port."""
        await self.store.check()
        outcomes = [self._admit_at_home(new) for new in transfers]
        admitted = [outcome for outcome in outcomes if isinstance(outcome, Admitted)]
        if len(admitted) < len(outcomes):
            raise PartlyFaultyError(outcomes)
        return admitted

    def _admit_at_home(self, new: NewTransfer) -> Admitted | NotHomeError | FaultyRowError:
        if new.slot in self.store.homes:
            return NotHomeError("the other region's")
        return FaultyRowError("a NUL") if "\0" in new.end_to_end_id else self._admit_one(new)

    def _admit_one(self, new: NewTransfer) -> Admitted:
        known = self._by_message_id(new.rail).get(new.message_id)
        if known is not None:
            return Admitted(known, is_new=False)
        transfer, rows = new.received(region=self.store.region), self.rows
        rows.transfers[new.payment_id] = replace(transfer, ask_after=self.store.asked_from(new.slot))
        rows.slots[new.payment_id] = new.slot
        fact = IncomingFact(IncomingEvent.RECEIVED, business_message_id=new.inbox_id)
        region, epoch = self.store.region, self.store.epoch_of(new.slot)
        rows.events[new.payment_id] = [RecordedFact(1, fact, None, transfer.state, new.received_at, region, epoch)]
        rows.messages[new.payment_id] = [replace(new.message, at=new.received_at)]
        self.store.rows.inbox[new.rail, new.inbox_id] = new.inbox_digest
        return Admitted(transfer, is_new=True)

    async def backlog(self, now: datetime) -> IncomingBacklog:
        """Return what is not at its end; see the port."""
        await self.store.check()
        came: dict[IncomingState, list[IncomingTransfer]] = {}
        for each in self.rows.transfers.values():
            if each.state in UNENDED:
                came.setdefault(each.state, []).append(each)
        requests = [
            *(each.request for each in self.rows.transfers.values()),
            *(each.request for each in self.store.rows.payments.values()),
        ]
        overdue = sum(request.due_at is not None and request.due_at < now for request in requests)
        attention = sum(each.shown_attention is not None for each in self.rows.transfers.values())
        standing = {
            state: Standing(
                len(found), min(each.received_at for each in found), min(each.forwarded_at for each in found)
            )
            for state, found in came.items()
        }
        return IncomingBacklog(standing, overdue, attention)

    async def requested(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[IncomingTransfer]:
        """Return what is asked back; see the port."""
        await self.store.check()
        found = [each for each in self.rows.transfers.values() if tenant_id in {None, each.tenant_id}]
        due = [(each.request.due_at, each.payment_id, each) for each in found if each.request.due_at is not None]
        return [each for _, _, each in sorted(due, key=lambda row: row[:2])][:limit]

    async def returns_of(self, payment: Payment) -> Sequence[IncomingTransfer]:
        """Return what came back of a payment; see the port."""
        await self.store.check()
        return [each for each in self.rows.transfers.values() if each.original_id == payment.payment_id]

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, IncomingTransfer]:
        """Return transfers as they are now; see the port."""
        await self.store.check()
        return {each: self.rows.transfers[each] for each in payment_ids if each in self.rows.transfers}

    async def save(self, decisions: Sequence[IncomingDecision]) -> Sequence[bool]:
        """Save what still holds; see the port."""
        ids = [decision.transfer.payment_id for decision in decisions]
        if len(set(ids)) != len(ids):
            raise AssertionError("a batch names a transfer twice: one of its two decisions would silently win")
        await self.store.check()
        outcomes = [self._save_at_home(decision) for decision in decisions]
        saved = [outcome for outcome in outcomes if isinstance(outcome, bool)]
        if len(saved) < len(outcomes):
            raise PartlyFaultyError(outcomes)
        return saved

    def _save_at_home(self, decision: IncomingDecision) -> bool | NotHomeError:
        if self.rows.slots.get(decision.transfer.payment_id) in self.store.homes:
            return NotHomeError("the other region's")
        return self._save_one(decision)

    def _save_one(self, decision: IncomingDecision) -> bool:
        rows, payment_id = self.rows, decision.transfer.payment_id
        now = rows.transfers.get(payment_id)
        if now is None or now.version != decision.transfer.version:
            return False
        if decision.inbox_id is not None:
            received = (now.rail, decision.inbox_id)
            if received in self.store.rows.inbox:
                return False
            self.store.rows.inbox[received] = decision.inbox_digest or b""
        rows.transfers[payment_id] = decided(replace(decision, transfer=now))
        if decision.contradiction:
            rows.contradictions += 1
            rows.contradicted_at[payment_id] = decision.at
        region, epoch = self.store.region, self.store.epoch_of(rows.slots[payment_id])
        rows.events[payment_id].append(
            RecordedFact(now.version + 1, decision.fact, now.state, decision.state, decision.at, region, epoch)
        )
        rows.messages[payment_id] += decision.messages
        rows.postings.setdefault(payment_id, []).extend(decision.postings)
        for delivery in decision.outbox:
            self.store.queue(delivery, at=decision.at)
        return True

    async def sent(self, unsent: Sequence[Unsent]) -> None:
        """Note what has left; see the port."""
        await self.store.check()
        for each in unsent:
            transfer = self.rows.transfers[each.payment_id]
            if transfer.unsent_at == each.unsent_at:
                self.rows.transfers[each.payment_id] = replace(transfer, unsent_at=None)

    async def take_unsent(self, now: datetime, *, again_at: datetime, limit: int) -> Sequence[Unsent]:
        """Lend what may not have left; see the port."""
        await self.store.check()
        due = [each for each in self.rows.transfers.values() if each.unsent_at is not None and each.unsent_at <= now]
        taken = sorted(due, key=lambda each: each.unsent_at or now)[:limit]
        for transfer in taken:
            self.rows.transfers[transfer.payment_id] = replace(transfer, unsent_at=again_at)
        return [Unsent(transfer.payment_id, again_at) for transfer in taken]

    async def take_over(self, due: DueTimer, *, again_at: datetime) -> bool:
        """Move a timer, if it is still where it was; see the port."""
        await self.store.check()
        transfer = self.rows.transfers[due.payment_id]
        if transfer.next_step_at != due.due_at:
            return False
        self.rows.transfers[due.payment_id] = replace(transfer, next_step_at=again_at)
        return True

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return what is due; see the port."""
        await self.store.check()
        due = [
            DueTimer(transfer.payment_id, transfer.next_step_at)
            for transfer in self.rows.transfers.values()
            if transfer.state in WAITED_FOR and transfer.next_step_at is not None and transfer.next_step_at <= now
        ]
        return sorted(due, key=lambda timer: timer.due_at)[:limit]

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, IncomingTransfer]:
        """Return transfers by the sender's ids and ours; see the port."""
        await self.store.check()
        sent = {
            message.business_message_id: self.rows.transfers[payment_id]
            for payment_id, messages in self.rows.messages.items()
            for message in messages
            if message.direction is MessageDirection.RAIL_OUT and self.rows.transfers[payment_id].rail is rail
        }
        known = sent | self._by_message_id(rail)
        return {each: known[each] for each in message_ids if each in known}

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return the raw messages; see the port."""
        await self.store.check()
        return list(self.rows.messages.get(payment_id, ()))  # kept in the order of the events

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedFact]:
        """Return the history; see the port."""
        await self.store.check()
        return list(self.rows.events.get(payment_id, ()))

    async def find(
        self, tenant_id: TenantId | None, *, states: Sequence[IncomingState], limit: int
    ) -> Sequence[IncomingTransfer]:
        """Return a tenant's transfers; see the port."""
        await self.store.check()
        found = [
            transfer
            for transfer in self.rows.transfers.values()
            if tenant_id in {None, transfer.tenant_id} and (not states or transfer.state in states)
        ]
        if not states:
            return in_order_of_deciding(found)[:limit]
        listed = [each for each in found if each.shown_attention is not None or each.state in TO_BE_DECIDED]
        for state in set(states) - TO_BE_DECIDED:
            there = [each for each in found if each.state is state and each.shown_attention is None]
            listed += sorted(there, key=lambda each: each.updated_at, reverse=True)[:limit]
        return in_order_of_deciding(listed)[:limit]

    def _by_message_id(self, rail: Rail) -> dict[str, IncomingTransfer]:
        return {each.message_id: each for each in self.rows.transfers.values() if each.rail is rail}
