"""What a region does beside another: keeps its copy of the map, folds what it is sent, and writes down its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

from gateway.domain import conversation_history
from gateway.domain.history import fold
from gateway.domain.identity import SLOTS
from gateway.domain.payment import PaymentId, RegionId
from gateway.domain.regions import FIRST_EPOCH, SlotMap
from gateway.service.ports import (
    Clock,
    ContradictedMapError,
    LeaseOverError,
    NotServingError,
    Observer,
    Projected,
    RegionStore,
    TakenMap,
    UnavailableError,
    Unprojected,
    Witness,
)
from gateway.service.ports.conversations import ProjectedConversation, UnprojectedConversation
from gateway.service.supervise import Verdict

SLOTS_RECORD: Final = "slots"
"""The name of the map at the witness."""

MAP_PAUSE_S: Final = 1.0
RELEASE_PAUSE_S: Final = 0.1
"""While a slot has yet to be released by its old owner, clients wait."""

PULSE_PAUSE_S: Final = 1.0
PROJECT_PAUSE_S: Final = 0.1
"""How old a payment of the other region looks here, at the least and beside the way; idle, that is one query each."""

GIVEN_UP_PAUSE_S: Final = 60.0
"""What could not be folded is tried again after so long."""

PROJECT_MAX: Final = 200


@dataclass(slots=True)
class MapKeeper:
    """Keeps this region's copy of the map like the witness's. The witness's counts: a copy only ever follows it.

    A process whose map is not sound serves nothing, nor one whose region has not yet copied what the peer had: it could
    accept a key anew that the peer has accepted.
    """

    store: RegionStore
    witness: Witness
    clock: Clock
    peer: RegionId
    fault: str | None = "the map of slots has not been read yet"
    read_at_s: float = -math.inf
    """Since when, by the monotonic clock, the copy is what the witness had, or newer."""
    has_copied: bool = False
    """Whether all that the peer had is here; at the last look."""

    async def run(self) -> None:
        """Follow until cancelled; without the witness the copy stays as it is, and the lease runs out by itself."""
        while True:
            slots, copy = await self.follow(), await self.store.slot_map()
            waits = copy is None or copy.epochs != slots.epochs
            await self.clock.pause(RELEASE_PAUSE_S if waits else MAP_PAUSE_S)

    async def follow(self) -> SlotMap:
        """Make the copy like the witness's map once, and return the map.

        Raises:
            NotServingError: the two maps contradict each other, or the copy is ahead: the witness was restored, or is
                another one.
            UnavailableError: the witness or the store does not answer, or the witness has no map.

        """
        started_s = self.clock.monotonic_s()
        copy = await self.store.slot_map()  # first: the witness's map, read after it, is no older
        record = await self.witness.read(SLOTS_RECORD)
        if record is None:
            raise UnavailableError("the witness has no map of slots: fifteen region init --first")
        slots = SlotMap.read(record.text)
        if copy is not None and copy.is_ahead_of(slots):
            self.fault = "this region's copy of the map is ahead of the witness's: is it the right witness?"
            raise NotServingError(self.fault)
        if copy is None or copy.epochs != slots.epochs:
            try:
                await self.store.adopt(slots)
            except ContradictedMapError as error:
                self.fault = str(error)
                raise
        self.has_copied = await self.store.is_copied(self.peer)
        self.fault = None if self.has_copied else f"what region {self.peer} has is not all copied: fifteen region join"
        self.read_at_s = started_s
        return slots

    def demand(self, *, held_since_s: float) -> None:
        """Return if this process may act by its map: it is sound, and was read since the lease was gained.

        While the lease was not held the slots may have gone to the other region.

        Raises:
            NotServingError: it may not.

        """
        if self.fault is not None:
            raise NotServingError(self.fault)
        if self.read_at_s < held_since_s:
            raise LeaseOverError("the map of slots has not been read since the lease was gained")


@dataclass(slots=True)
class Successor:
    """Takes up the payments of slots that have become this region's, as soon as they have."""

    store: RegionStore
    clock: Clock
    seen: Sequence[tuple[RegionId, int]] = tuple((RegionId(""), FIRST_EPOCH) for _ in range(SLOTS))
    """The map of the last turn: at first none of whose slots has ever moved."""

    async def run(self) -> None:
        """Look at the map until cancelled."""
        while True:
            copy = await self.store.slot_map()
            if copy is not None and any(new[1] > old[1] for new, old in zip(copy.epochs, self.seen, strict=True)):
                await self.store.take_up(self.clock.now())
                self.seen = copy.epochs
            await self.clock.pause(PROJECT_PAUSE_S)


class Noted(Protocol):
    """Something of which events were replicated; `notes` say so, until its projection has them."""

    @property
    def payment_id(self) -> PaymentId:
        """Its id."""
        ...

    @property
    def notes(self) -> Sequence[int]:
        """Which notes."""
        ...


Source = TypeVar("Source", bound=Noted)
Made = TypeVar("Made")
Made_contra = TypeVar("Made_contra", contravariant=True)


class Projections(Protocol[Source, Made_contra]):
    """The projection of payments, or of incoming transfers; see `RegionStore`."""

    async def unprojected(self, now: datetime, *, limit: int) -> Sequence[Source]:
        """Return what is to be folded anew."""
        ...

    async def project(self, payments: Sequence[Made_contra], /) -> None:
        """Save projections."""
        ...

    async def postpone(self, payments: Sequence[Source], /, *, until: datetime) -> None:
        """Leave what could not be folded aside for a while."""
        ...


@dataclass(frozen=True, slots=True)
class Projector(Generic[Source, Made]):
    """Folds the other region's events into this region's projection, so that reads here show its payments."""

    store: Projections[Source, Made]
    fold: Callable[[Source], Made]
    clock: Clock
    observer: Observer
    contradiction: Callable[[Source], str | None] = lambda _: None
    """Says what a person has to see of something that is folded all the same."""

    async def run(self) -> None:
        """Project until cancelled."""
        while True:
            if await self.project() < PROJECT_MAX:
                await self.clock.pause(PROJECT_PAUSE_S)

    async def catch_up(self) -> None:
        """Fold all that is here by now, but for what cannot be folded; a repeat is safe."""
        while await self.project() >= PROJECT_MAX:
            continue

    async def project(self) -> int:
        """Fold what waits, up to a limit, and return how many notes that were; a repeat is safe.

        A history that cannot be folded stops that payment alone: a person is told, and it is tried again, after a pause
        or with its next event. It may be that this region's release does not know what the other's has written.
        """
        now = self.clock.now()
        waiting = await self.store.unprojected(now, limit=PROJECT_MAX)
        made: list[Made] = []
        given_up: list[Source] = []
        for source in waiting:
            verdict = Verdict()
            async with verdict:
                made.append(self.fold(source))
            if verdict.fault is not None:
                given_up.append(source)
                self.observer.fault("projection", verdict.fault)
                self.observer.parked(source.payment_id, str(verdict.fault))
        for source in waiting:  # before the notes are dropped: told twice, if need be, and never not at all
            contradiction = self.contradiction(source)
            if contradiction is not None:
                self.observer.parked(source.payment_id, contradiction)
        if made:
            await self.store.project(made)
        if given_up:
            await self.store.postpone(given_up, until=now + timedelta(seconds=GIVEN_UP_PAUSE_S))
        return sum(len(source.notes) for source in waiting)


def folded(source: Unprojected) -> Projected:
    """Return what a payment's events make of it.

    Raises:
        ValueError: they cannot be read, or contradict each other.

    """
    if isinstance(source.events, ValueError):
        raise source.events
    made = fold(source.events)
    digest = next(
        digest
        for event, digest in zip(source.events, source.digests, strict=True)
        if (event.epoch, event.sequence) == (made.epoch, made.version)
    )
    return Projected(source, made, digest)


def two_contents(source: Unprojected) -> str | None:
    """Return what is wrong with a payment that both regions have accepted, under one key, with other content.

    The second could not know of the first, which was lost with its region. To the rail both are one: what it says has
    settled may be the one or the other.
    """
    if source.is_one:
        return None
    return "both regions accepted this key, of other amounts or parties: the rail's word may be of either payment"


def folded_conversation(source: UnprojectedConversation) -> ProjectedConversation:
    """Return what a conversation's acts make of it; raises as `folded`."""
    if isinstance(source.acts, ValueError):
        raise source.acts
    last = conversation_history.last_of(source.acts)
    made = conversation_history.fold(source.opened, source.acts)
    return ProjectedConversation(source, made, source.acts[last].epoch, source.digests[last])


@dataclass(frozen=True, slots=True)
class Pulse:
    """Writes down this region's time every second: how old the other region's view of it is."""

    store: RegionStore
    clock: Clock

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self.store.pulse(self.clock.now())
            await self.clock.pause(PULSE_PAUSE_S)


async def behind_s(store: RegionStore, peer: RegionId, clock: Clock) -> float | None:
    """Return how old what this region knows of its peer is, clocks' difference included; None before it knows any."""
    at = (await store.pulses()).get(peer)
    return None if at is None else (clock.now() - at).total_seconds()


@dataclass(frozen=True, slots=True)
class Loss:
    """A takeover: what the lost region did from `heard_until` on is unknown here; it did nothing after `ask_after`."""

    heard_until: datetime
    ask_after: datetime


async def last_loss(store: TakenMap, own: RegionId, peer: RegionId) -> Loss | None:
    """Return the last takeover by which this region has slots; None where it has had all of its slots in peace.

    Raises:
        UnavailableError: the store does not answer.

    """
    copy = await store.slot_map()
    taken = [] if copy is None else [owner.ask_after for owner in copy.owners if owner.region == own]
    ask_after = max((at for at in taken if at is not None), default=None)
    if ask_after is None:
        return None
    return Loss(min((await store.pulses()).get(peer, ask_after), ask_after), ask_after)
