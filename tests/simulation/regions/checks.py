"""What must hold of two regions together, and which of the promises of one region hold in each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentId, PaymentState
from gateway.service.incoming.send import ACCEPTING
from gateway.service.lease import lease_name
from gateway.service.ports import Quarantined
from tests.fakes.store import Chained
from tests.simulation.check import Check
from tests.simulation.checks import (
    FINAL,
    MAY_FOLLOW,
    AppliedBeforeAcknowledged,
    DoubtHasANextStep,
    FinalsStayFinal,
    HandledBeforeSettled,
    HistoriesFold,
    MessagesCountOnce,
    MoneyMovesOnce,
    NothingContradicts,
    NothingExpiredIsSent,
    NothingIsRefused,
    NothingIsStuck,
    SavedBeforeSent,
    StatesTellTheTruth,
    TheChainIsIntact,
    TheLedgerSaysTheSame,
    WhatWaitsHasADelivery,
    given_up,
)
from tests.simulation.clients import TENANTS
from tests.simulation.regions.check import RegionsCheck
from tests.simulation.regions.incoming_checks import INCOMING_OF_EACH, incoming_of_both, is_out
from tests.simulation.witness import Leaving, Told, Witnessed

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region
    from tests.simulation.regions.world import RegionsWorld
    from tests.simulation.world import World


class NothingIsRefusedInEither(NothingIsRefused):
    """Nor set aside; but for the rail's word that time ran out, where that was quicker than the transfer.

    The transfer, or that word, may have come to the region in which it is not at home, and go over the link: then the
    transfer is past its time at its home, and nobody has accepted it. And but for what is said of something that was
    on one disk alone, which is gone: a person finds it in quarantine.
    """

    def came_before_its_transfer(self, world: World, quarantined: Quarantined) -> bool:
        is_given_up = any(each.answer not in ACCEPTING for each in given_up(world, quarantined))
        return is_given_up or cast("Any", world).world.losses.names(quarantined.message.body)


class NothingContradictsInEither(NothingContradicts):
    """But of a payment that was on one disk alone, which is gone: a client has sent it again, and the rail knows more.

    It has decided on what the lost region had sent. What it says of that counts, and a person is told.
    """

    def was_forgotten(self, world: World, payment_id: PaymentId) -> bool:
        return payment_id in cast("Any", world).world.losses.gone


class TheChainIsIntactInEither(TheChainIsIntact):
    """But of a payment whose claim was lost and made anew: it has a chain in each region (`verify_audit`).

    What a lost region wrote last comes after what was written by who took over, and follows from what it knew itself.
    """

    def link_before(self, link: Chained, earlier: Sequence[Chained]) -> Chained:
        known = [each for each in earlier if each.epoch <= link.epoch and each.facts.sequence < link.facts.sequence]
        return max(known, key=lambda each: (each.facts.sequence, each.epoch), default=earlier[-1])

    def begins_once(self, world: World, payment_id: PaymentId) -> bool:
        return not cast("Any", world).store.is_claimed_in_both(payment_id)


EACH_REGION: Final[tuple[type[Check], ...]] = (
    StatesTellTheTruth,
    FinalsStayFinal,
    NothingContradictsInEither,
    SavedBeforeSent,
    NothingExpiredIsSent,
    AppliedBeforeAcknowledged,
    HandledBeforeSettled,
    NothingIsRefusedInEither,
    HistoriesFold,
    TheLedgerSaysTheSame,
    TheChainIsIntactInEither,
    MessagesCountOnce,
    DoubtHasANextStep,
    WhatWaitsHasADelivery,
    NothingIsStuck,
    *INCOMING_OF_EACH,
)
"""The promises of one region, looked at in each: its own payments, and what is projected there of the other's."""


class AKeyHasOneClaim(RegionsCheck):
    """Whichever region was asked, and in whatever hands the slot was; but for one whose claim was lost.

    That is claimed once more by who has taken it over: that money moves once all the same is watched by others.
    """

    promise = "a key is claimed in one region"

    def on_step(self, world: RegionsWorld) -> Iterator[str]:
        east, west = (region.store.own_claims for region in world.both)
        if not any(each.loses for each in world.scenario.fencings) and not world.scenario.losses:
            yield from (f"the key {key[1]} is claimed in both regions" for key in east.keys() & west.keys())


class MoneyMovesOnceInBoth(RegionsCheck):
    """Counted over every copy that reached the rail, from either region."""

    promise = MoneyMovesOnce.promise

    def __init__(self) -> None:
        self._inner = MoneyMovesOnce()

    def on_step(self, world: RegionsWorld) -> Iterator[str]:
        yield from self._inner.on_step(cast("Any", world), ())


class NothingIsSentTwiceByBoth(RegionsCheck):
    """A second copy needs the rail's word that it has none, and a tenant that wants it sent again."""

    promise = "nothing is sent twice, by whichever region"

    def on_step(self, world: RegionsWorld) -> Iterator[str]:
        for plan in world.scenario.payments:
            copies = world.rail.account_of(world.reference(plan.number)).copies
            if copies > 1 and copies > 1 + self._chosen(world, plan.number):
                yield f"payment {plan.number}: {copies} copies have reached the rail"

    def _chosen(self, world: RegionsWorld, number: int) -> int:
        """How often a region itself has saved that it is to be sent again, on whichever disk."""
        chosen = {
            (event.region, event.epoch, event.sequence)
            for region in world.both
            for store in (region.store, *region.lost_stores)
            for payment_id, fact in store.facts.items()
            if fact.end_to_end_id == world.reference(number)
            for event in store.rows.events[payment_id]
            if event.event.kind is EventKind.RESENDING_CHOSEN and event.region == region.name
        }
        return len(chosen)


class AnEventHasOneWriter(RegionsCheck):
    """One region decides on a payment at a time: the same step of it is never written twice under one epoch."""

    promise = "one region at a time decides on a payment"

    def on_step(self, world: RegionsWorld) -> Iterator[str]:
        for region in world.both:
            for payment_id, events in region.store.rows.events.items():
                writers: dict[tuple[int, int], str] = {}
                for event in events:
                    if writers.setdefault((event.epoch, event.sequence), event.region) != event.region:
                        yield f"{region.words(payment_id)}: event {event.sequence} was written by both regions"


class NothingLeavesBeyondTheLease(RegionsCheck):
    """By true time, and as the witness knows the lease: whoever waits for its end may rely on it."""

    promise = "no region sends when its lease has run out"

    def on_witnessed(self, world: RegionsWorld, region: Region, witnessed: Witnessed) -> Iterator[str]:
        if isinstance(witnessed, Leaving) and not region.may_act:
            renewed = world.witness_store.renewed_at_s.get(lease_name(region.name))
            when = "never" if renewed is None else f"at {renewed:.3f} s"
            yield f"{witnessed.process} sends, and the lease of {region.name} was renewed {when}"


class NothingToldIsLost(RegionsCheck):
    """What was acknowledged is in a store, for ever; at the end in both, and as it was told."""

    promise = "what was acknowledged to a client is kept, by both regions in the end"

    def __init__(self) -> None:
        self._told: dict[int, PaymentId] = {}
        self._told_at_s: dict[PaymentId, float] = {}
        self._finals: dict[PaymentId, PaymentState] = {}

    def on_told(self, world: RegionsWorld, told: Told) -> Iterator[str]:
        payment_id = told.payment.payment_id
        self._told_at_s[payment_id] = world.loop.time()
        if not any(payment_id in region.store.rows.payments for region in world.both):
            yield f"payment {told.number} was acknowledged, and is in no store"
        if self._told.setdefault(told.number, payment_id) != payment_id:
            yield f"payment {told.number} was acknowledged as two payments"
        if told.payment.state in FINAL:
            self._finals[payment_id] = told.payment.state

    def on_end(self, world: RegionsWorld) -> Iterator[str]:
        for region in world.standing:
            payments = region.store.rows.payments
            for number, payment_id in self._told.items():
                if payment_id not in payments and not self._is_gone(world, payment_id):
                    yield f"payment {number} was acknowledged, and is not in {region.name}"
            for payment_id, told in self._finals.items():
                now = payments[payment_id].state if payment_id in payments else told
                if now is not told and (told, now) not in MAY_FOLLOW:
                    yield f"{region.words(payment_id)}: its client was told {told}, and it is {now}"
            references = Counter(payment.end_to_end_id for payment in payments.values())
            yield from (f"{reference} is {count} payments" for reference, count in references.items() if count > 1)

    def _is_gone(self, world: RegionsWorld, payment_id: PaymentId) -> bool:
        """Whether it was on a disk alone that is gone, and no client has asked for it since."""
        return self._told_at_s[payment_id] <= world.losses.gone.get(payment_id, -1.0)


class SynchronousInBoth(RegionsCheck):
    """Whoever is lost afterwards, with its disk: the other has it."""

    promise = "a synchronous tenant is answered when both regions have its payment, or one is fenced off"

    def on_told(self, world: RegionsWorld, told: Told) -> Iterator[str]:
        if told.payment.tenant_id in {TENANTS[policy] for policy in world.scenario.synchronous}:
            for region in world.both:
                if told.payment.payment_id not in region.store.facts and not is_out(world, region):
                    yield f"payment {told.number} is acknowledged, and {region.name} does not have it"


class BothSayTheSame(RegionsCheck):
    """After everything has healed: every table that is replicated, and the projections of both."""

    promise = "healed, both regions say the same"

    def on_end(self, world: RegionsWorld) -> Iterator[str]:
        if world.losses.lost:
            return
        east, west = (region.store.truth() for region in world.both)
        for table, rows in east.items():
            others = west[table]
            differing = [key for key in {**rows, **others} if rows.get(key) != others.get(key)]
            yield from (f"the {table} of {len(differing)} differ, of {key} first" for key in differing[:1])


def regions_checks() -> list[RegionsCheck]:
    """Return every promise about both, in the order in which they are looked at."""
    return [
        MoneyMovesOnceInBoth(),
        AKeyHasOneClaim(),
        NothingIsSentTwiceByBoth(),
        AnEventHasOneWriter(),
        NothingLeavesBeyondTheLease(),
        NothingToldIsLost(),
        SynchronousInBoth(),
        BothSayTheSame(),
        *incoming_of_both(),
    ]
