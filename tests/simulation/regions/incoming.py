"""What the rail brings, as a region keeps it: each transfer at its home, and folded from its events in the other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import WAITED_FOR, IncomingTransfer, RecordedFact
from gateway.domain.ledger import Posting
from gateway.domain.payment import PaymentId, Rail
from gateway.service.ports import (
    Admitted,
    FaultyRowError,
    IncomingDecision,
    MessageDirection,
    NewTransfer,
    NotHomeError,
    ProjectedTransfer,
    RawMessage,
    UnavailableError,
    UnprojectedTransfer,
)
from tests.fakes.incoming import InMemoryIncoming
from tests.simulation.incoming import tenants
from tests.simulation.regions.booking import Bookings
from tests.simulation.regions.notes import Note

if TYPE_CHECKING:
    from tests.simulation.regions.store import RegionalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferChange:
    """What one transaction wrote of a transfer into this region's partitions, to be replicated."""

    payment_id: PaymentId
    slot: int
    facts: tuple[RecordedFact, ...]
    received: IncomingTransfer | None = None
    messages: tuple[RawMessage, ...] = ()
    postings: tuple[Posting, ...] = ()
    inbox: tuple[Rail, str, bytes] | None = None


class RegionalIncoming(InMemoryIncoming):
    """Implements `IncomingStore`, and the projection of transfers, as `adapters.postgres` does with partitions."""

    store: RegionalStore

    def __init__(self, store: RegionalStore) -> None:
        super().__init__(store)
        self.tenants.update(tenants())
        self.received: dict[PaymentId, IncomingTransfer] = {}
        """Every transfer as its first event has made it, whoever received it."""
        self.epochs: dict[PaymentId, int] = {}
        self.notes: dict[PaymentId, list[Note]] = {}
        self._bookings = Bookings()

    # --- at home ---

    def _admit_at_home(self, new: NewTransfer) -> Admitted | NotHomeError | FaultyRowError:
        owner = self.store.owner_of(new.slot)
        if owner.region != self.store.region:
            return NotHomeError(f"the home of this transfer is region {owner.region}")
        if new.payment_id in self.received and new.payment_id not in self.rows.transfers:
            raise UnavailableError("the transfer was received, and is not folded here yet")
        return self._admit_one(new)

    def _admit_one(self, new: NewTransfer) -> Admitted:
        admitted = super()._admit_one(new)
        if admitted.is_new:
            payment_id, rows = new.payment_id, self.rows
            self.received[payment_id] = replace(admitted.transfer, next_step_at=None)
            self.epochs[payment_id] = self.store.epoch_of(new.slot)
            self.store.write(
                TransferChange(
                    payment_id=payment_id,
                    slot=new.slot,
                    facts=tuple(rows.events[payment_id]),
                    received=self.received[payment_id],
                    messages=tuple(rows.messages[payment_id]),
                    inbox=(new.rail, new.inbox_id, new.inbox_digest),
                )
            )
        return admitted

    def _save_at_home(self, decision: IncomingDecision) -> bool | NotHomeError:
        payment_id = decision.transfer.payment_id
        now = self.rows.transfers.get(payment_id)
        if now is None or now.version != decision.transfer.version:
            return False
        owner = self.store.owner_of(self.rows.slots[payment_id])
        if owner.region != self.store.region:
            return NotHomeError(f"the home of incoming transfer {payment_id} is not region {self.store.region}")
        if owner.epoch > self.epochs[payment_id]:
            is_next = now.final_at is not None or decision.fact.kind is IncomingEvent.TAKEN_OVER
            return is_next and payment_id not in self.notes and self._save_one(decision)
        return owner.epoch == self.epochs[payment_id] and self._save_one(decision)

    def _save_one(self, decision: IncomingDecision) -> bool:
        payment_id, rows = decision.transfer.payment_id, self.rows
        if not super()._save_one(decision):
            return False
        event, inbox_id = rows.events[payment_id][-1], decision.inbox_id
        self.epochs[payment_id] = event.epoch
        self._book(payment_id, (event,), decision.postings)
        self.store.write(
            TransferChange(
                payment_id=payment_id,
                slot=rows.slots[payment_id],
                facts=(event,),
                messages=tuple(decision.messages),
                postings=tuple(decision.postings),
                inbox=None if inbox_id is None else (decision.transfer.rail, inbox_id, decision.inbox_digest or b""),
            )
        )
        return True

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, IncomingTransfer]:
        """Return transfers by the sender's ids and ours, as far as they are folded here; see the port."""
        await self.store.check()
        found: dict[str, IncomingTransfer] = {}
        for payment_id, transfer in self.rows.transfers.items():
            for message in self.rows.messages.get(payment_id, ()):
                if message.direction is MessageDirection.RAIL_OUT:
                    found[message.business_message_id] = transfer
        found |= {transfer.message_id: transfer for transfer in self.rows.transfers.values()}
        return {each: found[each] for each in message_ids if each in found and found[each].rail is rail}

    # --- what comes from the peer ---

    def apply(self, change: TransferChange) -> None:
        """Take over what the peer has written: facts as they are, and a note for whoever folds them."""
        rows, payment_id = self.rows, change.payment_id
        if change.received is not None:
            self._stands(change.received, epoch=change.facts[0].epoch)
        rows.slots.setdefault(payment_id, change.slot)
        rows.events.setdefault(payment_id, []).extend(change.facts)
        rows.messages.setdefault(payment_id, []).extend(change.messages)
        self._book(payment_id, change.facts, change.postings)
        if change.inbox is not None:
            rail, inbox_id, digest = change.inbox
            self.store.rows.inbox.setdefault((rail, inbox_id), digest)
        self.notes.setdefault(payment_id, []).append(self.store.note())

    def _book(self, payment_id: PaymentId, facts: Sequence[RecordedFact], postings: Sequence[Posting]) -> None:
        for fact in facts[-1:]:
            self._bookings.add(payment_id, fact, postings)
        self.rows.postings[payment_id] = self._bookings.standing(payment_id, self.rows.events[payment_id])

    def _stands(self, received: IncomingTransfer, *, epoch: int) -> None:
        """Show a transfer as it was received, unless a later region has: as every read of the real store does."""
        payment_id, transfers = received.payment_id, self.rows.transfers
        if any(event.sequence == 1 and event.epoch > epoch for event in self.rows.events.get(payment_id, ())):
            return
        self.received[payment_id] = received
        if payment_id in transfers:
            transfers[payment_id] = replace(
                transfers[payment_id],
                received_at=received.received_at,
                forwarded_at=received.forwarded_at,
                answer_by=received.answer_by,
            )

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[UnprojectedTransfer]:
        """Return what is to be folded anew; see `gateway.service.regions.Projections`."""
        await asyncio.sleep(0)
        found = []
        for payment_id, notes in list(self.notes.items())[:limit]:
            due = [note.position for note in notes if note.not_before is None or note.not_before <= now]
            if due:
                events = list(self.rows.events[payment_id])
                slot, digests = self.rows.slots[payment_id], [b""] * len(events)
                found.append(UnprojectedTransfer(self.received[payment_id], slot, events, digests, due))
        return found

    async def project(self, transfers: Sequence[ProjectedTransfer]) -> None:
        """Save projections, each unless a newer one is there."""
        await asyncio.sleep(0)
        for each in transfers:
            payment_id, made = each.source.payment_id, each.transfer
            now = self.rows.transfers.get(payment_id)
            if now is None or (each.epoch, made.version) > (self.epochs[payment_id], now.version):
                unsent_at = None if now is None else now.unsent_at
                if now is not None and self.epochs[payment_id] < each.epoch and now.answer != made.answer:
                    unsent_at = None  # a takeover has annulled that answer
                self.rows.transfers[payment_id] = replace(made, unsent_at=unsent_at, next_step_at=None)
                self.epochs[payment_id] = each.epoch
                self._stamp(payment_id)
                if self._is_to_be_taken_up(payment_id):
                    self._due(payment_id, made.updated_at)
            left = [note for note in self.notes.get(payment_id, ()) if note.position not in each.source.notes]
            self.notes.pop(payment_id, None)
            if left:
                self.notes[payment_id] = left

    async def postpone(self, transfers: Sequence[UnprojectedTransfer], *, until: datetime) -> None:
        """Leave transfers aside for a while."""
        await asyncio.sleep(0)
        for source in transfers:
            for note in self.notes.get(source.payment_id, ()):  # another may have folded it meanwhile
                if note.position in source.notes:
                    note.not_before = until

    # --- whose a transfer is ---

    def follow(self, *, changed: set[int]) -> None:
        """The map has changed: what was lost has no timer here any more."""
        for payment_id in list(self.rows.transfers):
            slot = self.rows.slots[payment_id]
            if slot in changed and self.store.owner_of(slot).region != self.store.region:
                self.rows.transfers[payment_id] = replace(self.rows.transfers[payment_id], next_step_at=None)
            self._stamp(payment_id)

    def take_up(self, now: datetime) -> None:
        """Make the timers of what another region has carried due."""
        for payment_id, transfer in list(self.rows.transfers.items()):
            if transfer.next_step_at is None and self._is_to_be_taken_up(payment_id):
                self._due(payment_id, now)

    @property
    def waits_to_be_taken_up(self) -> bool:
        """Whether there is such a transfer, and nobody has seen to it."""
        still = (pid for pid, transfer in self.rows.transfers.items() if transfer.next_step_at is None)
        return any(self._is_to_be_taken_up(payment_id) for payment_id in still)

    def is_at_home(self, payment_id: PaymentId) -> bool:
        """Whether this region decides on a transfer, by its copy of the map."""
        return self.store.is_at_home(self.rows.slots[payment_id], epoch=self.epochs[payment_id])

    def _stamp(self, payment_id: PaymentId) -> None:
        """Show of a transfer what the map says of it, as a read of the real store does."""
        owner, transfer = self.store.owner_of(self.rows.slots[payment_id]), self.rows.transfers[payment_id]
        is_taken_over = self.epochs[payment_id] < owner.epoch
        self.rows.transfers[payment_id] = replace(
            transfer, is_taken_over=is_taken_over, ask_after=owner.ask_after, region=owner.region
        )

    def _is_to_be_taken_up(self, payment_id: PaymentId) -> bool:
        """Whether a transfer has a next step of ours, and another region has carried it until now."""
        transfer = self.rows.transfers[payment_id]
        has_step = transfer.final_at is None and (
            transfer.state is not IncomingState.RETURN_DUE or transfer.attention is None
        )
        has_step = transfer.state in WAITED_FOR and (has_step or transfer.returning_cents > 0)
        return has_step and transfer.is_taken_over and self.is_at_home(payment_id)

    def _due(self, payment_id: PaymentId, at: datetime) -> None:
        self.rows.transfers[payment_id] = replace(self.rows.transfers[payment_id], next_step_at=at)

    # --- who compares two of them ---

    def truth(self) -> Mapping[str, Any]:
        """Return what both regions have in the same form once everything is replicated and folded, by its table."""
        rows = self.rows
        return {
            "incoming events": {pid: sorted(map(str, events)) for pid, events in rows.events.items()},
            "incoming messages": {
                pid: sorted(str(m.message_id) for m in kept) for pid, kept in rows.messages.items() if kept
            },
            "incoming postings": {pid: sorted(map(str, booked)) for pid, booked in rows.postings.items() if booked},
            "incoming states": {
                pid: replace(
                    transfer, next_step_at=None, unsent_at=None, is_taken_over=False, ask_after=None, region=None
                )
                for pid, transfer in rows.transfers.items()
            },
            "incoming epochs": self.epochs,
        }
