"""What must hold in two regions of what the rail brings: in each as in one alone, and in both together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.domain.history import events_that_count
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import ANSWERED_AS
from gateway.domain.payment import PaymentId
from gateway.domain.regions import LeaseTerms
from gateway.service.incoming.send import ACCEPTING
from gateway.service.lease import lease_name
from gateway.service.ports import MessageDirection
from simulators.forwarding import Forwarded
from tests.simulation.check import Check
from tests.simulation.incoming_checks import (
    IncomingContradictsOnlyItsStandIn,
    IncomingHistoriesFold,
    IncomingStatesTellTheTruth,
    MoneyIsPostedOnce,
    NobodyAcceptsForTheInstitution,
    NothingReceivedIsStuck,
    ReceivedOnce,
    TheLedgerHasWhatArrived,
    WeSayOneThing,
    WhatArrivedHasItsInstruction,
)
from tests.simulation.regions.check import RegionsCheck
from tests.simulation.witness import Leaving, Witnessed

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region
    from tests.simulation.regions.world import RegionsWorld
    from tests.simulation.world import World


def is_known_to_be_lost(world: RegionsWorld, record: Forwarded) -> bool:
    """Whether what the rail has brought came to a lost region alone, and is no money, or listed as missing.

    By the rail's book it is at its end then.
    """
    if not world.scenario.losses or record.completed is None:
        return False
    message_id = record.forwarded.message_id
    return not record.is_settled or any(region.rail_events.lists(message_id) for region in world.standing)


class IncomingContradictsOnlyWhatIsGone(IncomingContradictsOnlyItsStandIn):
    """Or what a region had accepted alone, whose disk is gone: that it has settled is for a person to look at."""

    def answered_by_the_lost(self, world: World) -> int:
        if not cast("Any", world).world.scenario.losses:
            return 0
        histories = world.incoming.rows.events.values()
        kinds = [event.fact.kind for events in histories for event in events_that_count(events)]
        return kinds.count(IncomingEvent.SETTLEMENT_WITHOUT_ANSWER_ADVISED)


class NothingReceivedIsStuckInEither(NothingReceivedIsStuck):
    """But for what came to a lost region alone: no money, or a person is told that it is missing."""

    def may_be_unknown(self, world: World, record: Forwarded) -> bool:
        return is_known_to_be_lost(cast("Any", world).world, record)


INCOMING_OF_EACH: Final[tuple[type[Check], ...]] = (
    IncomingStatesTellTheTruth,
    IncomingHistoriesFold,
    ReceivedOnce,
    TheLedgerHasWhatArrived,
    WhatArrivedHasItsInstruction,
    IncomingContradictsOnlyWhatIsGone,
    NothingReceivedIsStuckInEither,
)
"""The promises about what the rail brings that are looked at in each region."""


class MoneyIsPostedOnceByBoth(RegionsCheck):
    """The institution is one, whichever region tells it."""

    promise = MoneyIsPostedOnce.promise
    inner: Check = MoneyIsPostedOnce()

    def on_step(self, world: RegionsWorld) -> Iterator[str]:
        yield from self.inner.on_step(cast("Any", world), ())


class BothSayOneThing(MoneyIsPostedOnceByBoth):
    """The rail is one, whichever region answers it."""

    promise = WeSayOneThing.promise
    inner = WeSayOneThing()


class NobodyAcceptsInEither(MoneyIsPostedOnceByBoth):
    """Whichever region a payment came to."""

    promise = NobodyAcceptsForTheInstitution.promise
    inner = NobodyAcceptsForTheInstitution()


class ATransferHasOneHome(RegionsCheck):
    """Wherever the rail delivers it, and however often, one region at a time receives it, and decides on it."""

    promise = "one region at a time decides on what the rail brings"

    def on_step(self, world: RegionsWorld) -> Iterator[str]:
        east, west = (region.incoming for region in world.both)
        for payment_id, transfer in {**east.received, **west.received}.items():
            writers: dict[tuple[int, int], str] = {}
            events = (*east.rows.events.get(payment_id, ()), *west.rows.events.get(payment_id, ()))
            for event in events:
                if writers.setdefault((event.epoch, event.sequence), event.region) != event.region:
                    plan = world.rail.forwarding.plan_of(transfer)
                    yield f"{plan.words}: event {event.sequence} was written by both regions"


class AcceptedOnlyInBoth(RegionsCheck):
    """Whoever takes over knows of every acceptance, or it never left."""

    promise = "a payment is accepted when both regions have that, or the other is fenced off"

    def on_witnessed(self, world: RegionsWorld, region: Region, witnessed: Witnessed) -> Iterator[str]:
        if not isinstance(witnessed, Leaving):
            return
        payment_id = _accepted_with(region, witnessed.body)
        if payment_id is None or is_out(world, region.peer):
            return
        there = region.peer.incoming.rows.events.get(payment_id, ())
        if not any(ANSWERED_AS.get(event.state_after) in ACCEPTING for event in there):
            plan = world.rail.forwarding.plan_of(region.incoming.received[payment_id])
            yield f"{witnessed.process} accepts {plan.words}, and {region.peer.name} does not have that"


def _accepted_with(region: Region, body: bytes) -> PaymentId | None:
    """Return the transfer that a message accepts, if it is such an answer."""
    if not any(f">{status}<".encode() in body for status in ACCEPTING):
        return None
    for payment_id, messages in region.incoming.rows.messages.items():
        if any(each.body == body and each.direction is MessageDirection.RAIL_OUT for each in messages):
            return payment_id
    return None


def is_out(world: RegionsWorld, region: Region) -> bool:
    """Whether a region is fenced off: it acts no more, or has ended by the time that another acts alone."""
    record = world.witness_store.records[lease_name(region.name)]
    return LeaseTerms.read(record.text).fenced_by is not None


def incoming_of_both() -> list[RegionsCheck]:
    """Return every promise about both regions and what the rail brings."""
    return [
        MoneyIsPostedOnceByBoth(),
        BothSayOneThing(),
        NobodyAcceptsInEither(),
        ATransferHasOneHome(),
        AcceptedOnlyInBoth(),
    ]
