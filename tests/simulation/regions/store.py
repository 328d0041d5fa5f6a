"""A region's store in memory: what the branch of two regions adds to the contract, and what it writes for its peer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.domain.audit import PaymentFacts
from gateway.domain.events import EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.ledger import Posting
from gateway.domain.payment import IdempotencyKey, Payment, PaymentId, Rail, RegionId, TenantId
from gateway.domain.regions import SlotMap, SlotOwner
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    ContradictedMapError,
    Decision,
    HandedOver,
    MessageDirection,
    NewPayment,
    NotHomeError,
    PartlyFaultyError,
    Projected,
    RawMessage,
    Reach,
    UnavailableError,
    Unprojected,
)
from tests.fakes.store import Chained, Claim, InMemoryStore
from tests.simulation.regions.booking import Bookings
from tests.simulation.regions.incidents import REGIONS
from tests.simulation.regions.incoming import TransferChange
from tests.simulation.regions.notes import Note
from tests.simulation.regions.reports import RailEventChange
from tests.simulation.witness import Accepting

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region

FIRST_MAP: Final = SlotMap.first(REGIONS)

Key = tuple[TenantId, IdempotencyKey]


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """A claim as it is replicated: whose key, which payment, in which slot, and which region wrote it."""

    key: Key
    payment_id: PaymentId
    content_digest: bytes
    slot: int
    region: RegionId
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one transaction wrote into this region's partitions, to be replicated: in the order of the commits."""

    payment_id: PaymentId | None = None
    claim: KeptClaim | None = None
    fact: Payment | None = None
    audited: PaymentFacts | None = None
    events: tuple[RecordedEvent, ...] = ()
    chain: tuple[Chained, ...] = ()
    messages: tuple[RawMessage, ...] = ()
    postings: tuple[Posting, ...] = ()
    inbox: tuple[str, bytes] | None = None
    handed_over: tuple[Rail, bytes, datetime] | None = None
    pulse: datetime | None = None
    released: Mapping[int, int] | None = None
    """Slots that this region has ended with, each with the epoch of its new owner."""


Written = Change | TransferChange | RailEventChange


class RegionalStore(InMemoryStore):
    """Implements `PaymentStore` and `RegionStore`, as `adapters.postgres` does with partitions and a projection.

    `rows` is everything that can be read here, whoever wrote it; `written` is what this region has committed.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region=region.name)
        self.world = region
        self.written: list[Written] = []
        self.applied_from_peer = 0
        """How much of what the peer has written is here."""
        self.confirmed = 0
        """How much of what is written here the peer has said that it has."""
        self.slots = FIRST_MAP
        self.own_claims: dict[Key, KeptClaim] = {}
        self.foreign_claims: dict[Key, KeptClaim] = {}
        self.facts: dict[PaymentId, Payment] = {}
        self.slots_of: dict[PaymentId, int] = {}
        self.epochs: dict[PaymentId, int] = {}
        self.notes: dict[PaymentId, list[Note]] = {}
        self.handed: dict[tuple[bytes, str | None], tuple[Rail, bytes]] = {}
        self.to_apply: dict[int, tuple[Rail, HandedOver, Note]] = {}
        self.times: dict[RegionId, datetime] = {}
        self.released: dict[tuple[RegionId, int], int] = {}
        """Under which epoch each region has ended with a slot."""
        self._positions = 0
        self._bookings = Bookings()
        self._copies = 0
        """How much of what the peer had written is to be copied before this region may act."""

    # --- what differs where there is another region ---

    def slot_of(self, payment_id: PaymentId) -> int:
        """Return the slot that a payment's key belongs to."""
        return self.slots_of[payment_id]

    def epoch_of(self, slot: int) -> int:
        """Return the epoch under which a slot is owned, by this region's copy of the map."""
        return self.slots.owners[slot].epoch

    def asked_from(self, slot: int) -> datetime | None:
        """Return from when on the rail is asked about a slot that was taken over."""
        return self.slots.owners[slot].ask_after

    def owner_of(self, slot: int) -> SlotOwner:
        """Return the owner of a slot, by this region's copy of the map."""
        return self.slots.owners[slot]

    def home_of(self, slot: int) -> RegionId | None:
        """Return the region that owns a slot, where that is another one."""
        owner = self.owner_of(slot)
        return None if owner.region == self.region else owner.region

    async def home_elsewhere(self, payment: NewPayment) -> RegionId | None:
        """Return the home, where it is another region; see the port."""
        if not self.world.scenario.forwards_by_map:
            return None
        return await super().home_elsewhere(payment)

    async def asks_first(self, payment: NewPayment) -> bool:
        """Look at the slot; see the port."""
        return self.home_of(payment.slot) is None and await super().asks_first(payment)

    def is_at_home(self, slot: int, *, epoch: int) -> bool:
        """Whether this region has the slot, as far as it knows: what has a higher epoch than its map is another's."""
        owner = self.owner_of(slot)
        return owner.region == self.region and epoch <= owner.epoch

    def _accept_one(self, new: NewPayment) -> Accepted:
        self.world.witness(Accepting((new,)))
        owner = self.owner_of(new.slot)
        if owner.region != self.region:
            return Accepted(AcceptKind.ELSEWHERE, None, owner.region)
        outcome = super()._accept_one(new)
        if outcome.kind is not AcceptKind.CREATED:
            return outcome
        self._wrote_claim(new, owner.epoch)
        self._stamp(new.payment_id)
        return replace(outcome, payment=self.rows.payments[new.payment_id])

    def _claimed(self, new: NewPayment) -> Accepted | None:
        claim = self.rows.claims.get((new.tenant_id, new.idempotency_key))
        if claim is not None and claim.payment_id not in self.rows.payments:
            raise UnavailableError("the claim is here, and its payment is not projected yet")
        return super()._claimed(new)

    def _stamp(self, payment_id: PaymentId) -> None:
        """Show of a payment what the map says of it, as a read of the real store does."""
        owner, payment = self.owner_of(self.slots_of[payment_id]), self.rows.payments[payment_id]
        is_taken_over = self.epochs[payment_id] < owner.epoch
        self.rows.payments[payment_id] = replace(
            payment, is_taken_over=is_taken_over, ask_after=owner.ask_after, region=owner.region
        )

    def _wrote_claim(self, new: NewPayment, epoch: int) -> None:
        rows, key = self.rows, (new.tenant_id, new.idempotency_key)
        claim = KeptClaim(key, new.payment_id, new.content_digest, new.slot, self.region, epoch)
        self.own_claims[key] = claim
        self.facts[new.payment_id] = replace(rows.payments[new.payment_id], next_step_at=None)
        self.slots_of[new.payment_id], self.epochs[new.payment_id] = new.slot, epoch
        self.write(
            Change(
                payment_id=new.payment_id,
                claim=claim,
                fact=self.facts[new.payment_id],
                audited=rows.facts[new.payment_id],
                events=tuple(rows.events[new.payment_id][-1:]),
                chain=tuple(rows.chain[-1:]),
                messages=tuple(rows.messages[new.payment_id][-1:]),
            )
        )

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Save what still holds, each where its payment is at home; see the port."""
        await self._reached()
        outcomes = [self._save_at_home(decision) for decision in decisions]
        saved = [outcome for outcome in outcomes if isinstance(outcome, bool)]
        if len(saved) < len(outcomes):
            raise PartlyFaultyError(outcomes)
        return saved

    def _save_at_home(self, decision: Decision) -> bool | NotHomeError:
        payment_id = decision.payment.payment_id
        now = self.rows.payments.get(payment_id)
        if now is None or now.version != decision.payment.version:
            return False
        owner = self.owner_of(self.slots_of[payment_id])
        if owner.region != self.region:
            return NotHomeError(f"the home of payment {payment_id} is not region {self.region}")
        if owner.epoch > self.epochs[payment_id]:
            is_next = now.final_at is not None or decision.event.kind is EventKind.TAKEN_OVER
            return is_next and payment_id not in self.notes and self._save_one(decision)
        return owner.epoch == self.epochs[payment_id] and self._save_one(decision)

    def _save_one(self, decision: Decision) -> bool:
        payment_id = decision.payment.payment_id
        if not super()._save_one(decision):
            return False
        rows, event = self.rows, self.rows.events[payment_id][-1]
        self.epochs[payment_id] = event.epoch
        self._book(payment_id, (event,), decision.postings)
        inbox = None if decision.inbox_id is None else (decision.inbox_id, decision.inbox_digest or b"")
        self.write(
            Change(
                payment_id=payment_id,
                events=(event,),
                chain=tuple(rows.chain[-1:]),
                messages=tuple(decision.messages),
                postings=tuple(decision.postings),
                inbox=inbox,
            )
        )
        return True

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Return payments by what was sent about them, as far as they are projected; see the port."""
        await self._reached()
        payments, wanted = self.rows.payments, set(message_ids)
        found: dict[str, Payment] = {
            payment.message_id: payment for payment in payments.values() if payment.message_id in wanted
        }
        for payment_id in payments:
            for message in self.rows.messages.get(payment_id, ()):
                if message.direction is MessageDirection.RAIL_OUT and message.business_message_id in wanted:
                    found[message.business_message_id] = payments[payment_id]
        return found

    def _book(self, payment_id: PaymentId, events: Sequence[RecordedEvent], postings: Sequence[Posting]) -> None:
        for event in events[-1:]:
            self._bookings.add(payment_id, event, postings)
        self.rows.postings[payment_id] = self._bookings.standing(payment_id, self.rows.events[payment_id])

    def write(self, change: Written) -> None:
        """Commit what is to be replicated."""
        self.written.append(change)
        self.world.written.set()

    # --- what comes from the peer ---

    def apply(self, change: Written) -> None:
        """Take over what the peer has written: facts as they are, and a note for whoever projects."""
        self.applied_from_peer += 1
        self._take(change)

    def restore(self, own: Sequence[Written], *, slots: SlotMap, copies: int) -> None:
        """Fill an empty store with what the peer has of this region's, as it was written; it is folded like the peer's.

        So much is to be copied of what the peer has written itself.
        """
        for change in own:
            foreign = isinstance(change, Change) and (change.handed_over or change.pulse or change.released)
            if not foreign:
                self._take(change)
            if isinstance(change, Change) and change.handed_over is not None:
                rail, body, _ = change.handed_over
                self.handed[hashlib.sha256(body).digest(), None] = (rail, body)
        self.own_claims, self.foreign_claims = self.foreign_claims, {}
        self.written, self.confirmed = list(own), len(own)
        self.slots, self._copies = slots, copies

    def _take(self, change: Written) -> None:
        if isinstance(change, TransferChange):
            self.world.incoming.apply(change)
            return
        if isinstance(change, RailEventChange):
            self.world.rail_events.apply(change)
            return
        rows, payment_id = self.rows, change.payment_id
        if change.claim is not None:
            self._apply_claim(change.claim, change.fact)
        if payment_id is not None:
            if change.audited is not None:
                rows.facts.setdefault(payment_id, change.audited)
            rows.events.setdefault(payment_id, []).extend(change.events)
            rows.messages.setdefault(payment_id, []).extend(change.messages)
            self._book(payment_id, change.events, change.postings)
            rows.chain.extend(change.chain)
            if change.inbox is not None:
                rows.inbox.setdefault((Rail.FEDNOW, change.inbox[0]), change.inbox[1])
            self.notes.setdefault(payment_id, []).append(self.note())
        if change.handed_over is not None:
            note, (rail, body, at) = self.note(), change.handed_over
            self.to_apply[note.position] = (rail, HandedOver(note.position, body, at), note)
        if change.pulse is not None:
            self.times[self.world.peer.name] = change.pulse
        for slot, epoch in (change.released or {}).items():
            self.released[self.world.peer.name, slot] = epoch

    def _apply_claim(self, claim: KeptClaim, fact: Payment | None) -> None:
        assert fact is not None, "a claim comes with its payment"
        self.foreign_claims[claim.key] = claim
        self.rows.message_ids.add((fact.rail, fact.message_id))
        self.slots_of[claim.payment_id] = claim.slot
        known = self.own_claims.get(claim.key)
        if known is None or known.epoch < claim.epoch:
            self.rows.claims[claim.key] = Claim(claim.payment_id, claim.content_digest)
            self._stands(fact)

    def _stands(self, fact: Payment) -> None:
        """Show a payment with this fact: of two, that of the later acceptance, as every read of the real store does."""
        payment_id, payments = fact.payment_id, self.rows.payments
        self.facts[payment_id] = fact
        if payment_id in payments:
            now = payments[payment_id]
            payments[payment_id] = replace(
                now, accepted_at=fact.accepted_at, deadline_at=fact.deadline_at, accepted_in=fact.accepted_in
            )

    def note(self) -> Note:
        """Return a note that something is to be looked at."""
        self._positions += 1
        return Note(self._positions)

    # --- RegionStore ---

    async def slot_map(self) -> SlotMap | None:
        """Return the copy of the map; see the port."""
        await asyncio.sleep(0)
        return self.slots

    async def adopt(self, slots: SlotMap) -> Collection[int]:
        """Follow the map; see the port."""
        await asyncio.sleep(0)
        if contradicted := self.slots.contradicts(slots):
            raise ContradictedMapError(f"{len(contradicted)} slots have two owners under one epoch")
        pairs = list(zip(self.slots.owners, slots.owners, strict=True))
        was_ours = self.slots.slots_of(self.world.name)
        changed = {slot for slot, (old, new) in enumerate(pairs) if old.epoch < new.epoch and self._may_have(slot, new)}
        self.slots = SlotMap(tuple(new if slot in changed else old for slot, (old, new) in enumerate(pairs)))
        if lost := changed & (was_ours | slots.released_by(self.region)):
            self.write(Change(released={slot: self.epoch_of(slot) for slot in lost}))
        for payment_id, payment in list(self.rows.payments.items()):
            slot = self.slots_of[payment_id]
            if slot in changed and self.owner_of(slot).region != self.region:
                self.rows.payments[payment_id] = replace(payment, next_step_at=None)
            self._stamp(payment_id)
        self.world.incoming.follow(changed=changed)
        return {slot for slot in changed if self.owner_of(slot).region == self.region}

    def _may_have(self, slot: int, new: SlotOwner) -> bool:
        """Whether a change of the map holds here: who gains a slot as planned waits for its old owner's word."""
        if new.region != self.region or new.released_by in {None, self.region}:
            return True
        return self.released.get((new.released_by, slot), 0) >= new.epoch

    async def take_up(self, now: datetime) -> None:
        """Make the timers of what another region has carried due; see the port."""
        await asyncio.sleep(0)
        for payment_id, payment in list(self.rows.payments.items()):
            if payment.next_step_at is None and self._is_to_be_taken_up(payment_id):
                self._due(payment_id, now)
        self.world.incoming.take_up(now)

    def _is_to_be_taken_up(self, payment_id: PaymentId) -> bool:
        """Whether a payment is open, this region's, and carried by another until now."""
        payment, owner = self.rows.payments[payment_id], self.owner_of(self.slots_of[payment_id])
        return payment.final_at is None and payment.is_taken_over and owner.region == self.region

    def _due(self, payment_id: PaymentId, at: datetime) -> None:
        self.rows.payments[payment_id] = replace(self.rows.payments[payment_id], next_step_at=at)

    @property
    def waits_to_be_taken_up(self) -> bool:
        """Whether there is such a payment, and nobody has seen to it."""
        if self.slots is FIRST_MAP:
            return False
        for payment_id, payment in self.rows.payments.items():
            if payment.next_step_at is None and payment.final_at is None and self._is_to_be_taken_up(payment_id):
                return True
        return self.world.incoming.waits_to_be_taken_up

    async def reach(self, peer: RegionId) -> Reach:
        """Return how far the peer follows; see `gateway.service.ports.ReachStore`."""
        await self._reached()
        return Reach(len(self.written), self.confirmed, self.times.get(peer))

    async def is_copied(self, _peer: RegionId) -> bool:
        """Whether the copy is complete: it is made anew where a disk is gone."""
        await asyncio.sleep(0)
        return self.applied_from_peer >= self._copies

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[Unprojected]:
        """Return what is to be folded anew; see the port."""
        await asyncio.sleep(0)
        found = []
        for payment_id, notes in list(self.notes.items())[:limit]:
            due = [note.position for note in notes if note.not_before is None or note.not_before <= now]
            if due:
                fact, events = self.facts[payment_id], list(self.rows.events[payment_id])
                slot = self.slots_of[payment_id]
                digests = [link.digest for link in self.rows.chain if link.facts.payment_id == payment_id]
                found.append(Unprojected(payment_id, fact.tenant_id, slot, events, digests, due))
        return found

    async def project(self, payments: Sequence[Projected]) -> None:
        """Save projections, each unless a newer one is there; see the port."""
        await asyncio.sleep(0)
        for each in payments:
            payment_id, made = each.source.payment_id, each.projection
            now = self.rows.payments.get(payment_id)
            if now is None or self._is_newer((made.epoch, made.version), (self.epochs[payment_id], now.version)):
                self.rows.payments[payment_id] = self._projection(now or self.facts[payment_id], each)
                self.epochs[payment_id] = made.epoch
                if each.digest is not None:
                    self.rows.heads[payment_id] = each.digest
                self._stamp(payment_id)
                if self._is_to_be_taken_up(payment_id):
                    self._due(payment_id, made.updated_at)
            self._drop(payment_id, each.source.notes)

    def _is_newer(self, made: tuple[int, int], known: tuple[int, int]) -> bool:
        """Whether a projection of that epoch and version takes the place of another."""
        return made > known

    def _projection(self, fact: Payment, each: Projected) -> Payment:
        made = each.projection
        return replace(
            fact,
            state=made.state,
            version=made.version,
            status=made.status,
            reason=made.reason,
            creation_time=made.creation_time,
            transfers=made.transfers,
            status_requests=made.status_requests,
            pings=made.pings,
            updated_at=made.updated_at,
            final_at=made.final_at,
            returned_cents=made.returned_cents,
            request=made.request,
            next_step_at=None,
        )

    def _drop(self, payment_id: PaymentId, positions: Sequence[int]) -> None:
        left = [note for note in self.notes.get(payment_id, ()) if note.position not in positions]
        if left:
            self.notes[payment_id] = left
        else:
            self.notes.pop(payment_id, None)

    async def postpone(self, payments: Sequence[Unprojected], *, until: datetime) -> None:
        """Leave payments aside for a while; see the port."""
        await asyncio.sleep(0)
        for source in payments:
            for note in self.notes.get(source.payment_id, ()):  # another may have folded it meanwhile
                if note.position in source.notes:
                    note.not_before = until

    async def hand_over(self, rail: Rail, body: bytes, *, at: datetime, came_by: str | None) -> None:
        """Keep bytes for the other region; see the port."""
        await asyncio.sleep(0)
        key = (hashlib.sha256(body).digest(), came_by)
        if key not in self.handed:
            self.handed[key] = (rail, body)
            self.write(Change(handed_over=(rail, body, at)))

    async def handed_over(self, rail: Rail, now: datetime, *, limit: int) -> Sequence[HandedOver]:
        """Return what waits to be applied; see the port."""
        await asyncio.sleep(0)
        waiting = [each for each in self.to_apply.values() if each[0] is rail]
        due = [each for each in waiting if each[2].not_before is None or each[2].not_before <= now]
        return [handed for _, handed, _ in due[:limit]]

    async def postpone_handed_over(self, positions: Sequence[int], *, until: datetime) -> None:
        """Leave bytes aside for a while; see the port."""
        await asyncio.sleep(0)
        for position in self.to_apply.keys() & set(positions):  # another may have applied some meanwhile
            self.to_apply[position][2].not_before = until

    async def applied(self, positions: Sequence[int]) -> None:
        """Drop notes; see the port."""
        await asyncio.sleep(0)
        for position in positions:
            self.to_apply.pop(position, None)

    async def pulse(self, at: datetime) -> None:
        """Write down the time; see the port."""
        await asyncio.sleep(0)
        self.times[self.region] = at
        self.write(Change(pulse=at))

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """Return the regions' times; see the port."""
        await asyncio.sleep(0)
        return dict(self.times)

    # --- who compares two of them ---

    def truth(self) -> Mapping[str, Any]:
        """Return what both regions have in the same form once everything is replicated and projected, by its table."""
        rows = self.rows
        return {
            "claims": {(*each.key, each.region): each for each in (*self.own_claims.values(), *self._foreign())},
            "events": {pid: sorted(map(str, events)) for pid, events in rows.events.items()},
            "digests": {pid: sorted(c.digest for c in rows.chain if c.facts.payment_id == pid) for pid in rows.events},
            "messages": {pid: sorted(str(m.message_id) for m in kept) for pid, kept in rows.messages.items() if kept},
            "postings": {pid: sorted(map(str, booked)) for pid, booked in rows.postings.items() if booked},
            "inbox": {received: digest for (_, received), digest in rows.inbox.items()},
            "states": {pid: _as_both_see(payment) for pid, payment in rows.payments.items()},
            "epochs": self.epochs,
            **self.world.incoming.truth(),
        }

    def is_claimed_in_both(self, payment_id: PaymentId) -> bool:
        """Whether both regions have accepted a payment: the first one's claim was lost, and has come back."""
        return all(
            any(claim.payment_id == payment_id for claim in claims)
            for claims in (self.own_claims.values(), self.foreign_claims.values())
        )

    def _foreign(self) -> Collection[KeptClaim]:
        return self.foreign_claims.values()


def _as_both_see(payment: Payment) -> Payment:
    """Return what does not depend on whose the payment is."""
    return replace(payment, next_step_at=None, is_taken_over=False, ask_after=None, region=None)
