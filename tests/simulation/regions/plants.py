"""Planted bugs of two regions: each builds one part wrongly, as a plausible slip would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from gateway.domain.payment import IdempotencyKey, PaymentId, PaymentState, RegionId
from gateway.domain.regions import SlotOwner
from gateway.service.both_regions import Durability, OneRegion
from gateway.service.days import LostDays
from gateway.service.incoming.both_regions import Acceptances, NoOtherRegion
from gateway.service.lease import RegionLease
from gateway.service.ports import (
    Admitted,
    Decision,
    FaultyRowError,
    NewTransfer,
    NotHomeError,
    NotSentError,
    UnavailableError,
)
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receive import UNMATCHED, Receiver
from gateway.service.regions import MapKeeper
from tests.simulation.build import Loop
from tests.simulation.plants import IdsDrawn
from tests.simulation.processes import Life
from tests.simulation.regions.build import RegionsBuild, TenuredStore
from tests.simulation.regions.incidents import RegionClock
from tests.simulation.regions.incoming import RegionalIncoming
from tests.simulation.regions.link import SimulatedPeer
from tests.simulation.regions.store import Change, RegionalStore, Written
from tests.simulation.scenario import PaymentPlan

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region


class RegionsPlant(StrEnum):
    """A planted bug of two regions."""

    TWO_WRITERS = "two-writers"
    FENCE_OFF = "fence-off"
    IDS_DRAWN_IN_EACH = "ids-drawn-in-each"
    LEASE_BELIEVED = "lease-believed"
    EPOCH_UNCHECKED_IN_SAVE = "epoch-unchecked-in-save"
    LOWER_EPOCH_PROJECTED = "lower-epoch-projected"
    FORWARD_GUESSED_AS_FAILED = "forward-guessed-as-failed"
    NOT_HANDED_OVER = "not-handed-over"
    OLD_MAP_BELIEVED = "old-map-believed"
    CLAIMS_NOT_REPLICATED = "claims-not-replicated"
    TAKEN_OVER_WITHOUT_DOUBT = "taken-over-without-doubt"
    RECEIVED_ANYWHERE = "received-anywhere"
    ACCEPTED_IN_ONE = "accepted-in-one"
    HANDED_BACK_UNRELEASED = "handed-back-unreleased"
    MOVING_NOT_WAITED_FOR = "moving-not-waited-for"
    CLOCKS_BEYOND_THE_MARGIN = "clocks-beyond-the-margin"
    NAMED_BY_TODAY = "named-by-today"
    TAKEN_OVER_UNASKED = "taken-over-unasked"
    ACKNOWLEDGED_BY_ONE = "acknowledged-by-one"
    TOTALS_NOT_COMPARED = "totals-not-compared"


REGIONS_SENTENCES: Final[Mapping[RegionsPlant, str]] = {
    RegionsPlant.TWO_WRITERS: "Both regions own every slot: either accepts, and decides on what it sees.",
    RegionsPlant.FENCE_OFF: "Slots move while their old owner still serves.",
    RegionsPlant.IDS_DRAWN_IN_EACH: "The ids of a payment that leaves them to us are drawn anew at every try.",
    RegionsPlant.LEASE_BELIEVED: "A lease is believed for a while after it has run out.",
    RegionsPlant.EPOCH_UNCHECKED_IN_SAVE: "A decision is saved in whichever region it was taken.",
    RegionsPlant.LOWER_EPOCH_PROJECTED: "A projection that is there gives way only to one of a lower epoch.",
    RegionsPlant.FORWARD_GUESSED_AS_FAILED: "A forwarded submission without an answer is taken for one not sent.",
    RegionsPlant.NOT_HANDED_OVER: "What the rail says of the other region's payment is set aside, not handed over.",
    RegionsPlant.OLD_MAP_BELIEVED: "The map is read now and then, and believed meanwhile by who was let in again.",
    RegionsPlant.CLAIMS_NOT_REPLICATED: "Payments are replicated, and the claims of their keys are not.",
    RegionsPlant.TAKEN_OVER_WITHOUT_DOUBT: "What was taken over is gone on with as if nothing of it could have left.",
    RegionsPlant.RECEIVED_ANYWHERE: "What the rail brings is received in whichever region it comes to.",
    RegionsPlant.ACCEPTED_IN_ONE: "An acceptance leaves as soon as one region has it.",
    RegionsPlant.HANDED_BACK_UNRELEASED: "Who has slots back begins before their owner has said that it has ended.",
    RegionsPlant.MOVING_NOT_WAITED_FOR: "A submission does not wait for a slot that is being handed over.",
    RegionsPlant.CLOCKS_BEYOND_THE_MARGIN: "Monotonic clocks are slower by a third: more than the margin of a lease.",
    RegionsPlant.NAMED_BY_TODAY: "A key that a lost region may have accepted yesterday is named by the present day.",
    RegionsPlant.TAKEN_OVER_UNASKED: "A key that a lost region may have sent is sent, and the rail not asked about it.",
    RegionsPlant.ACKNOWLEDGED_BY_ONE: "A synchronous tenant is answered when one region has its payment.",
    RegionsPlant.TOTALS_NOT_COMPARED: "After a takeover the rail is not asked what it has settled to us.",
}
"""What is wrong, in a sentence."""


class _Shared(RegionalStore):
    def owner_of(self, slot: int) -> SlotOwner:
        return replace(super().owner_of(slot), region=RegionId(self.region))


class TwoWriters(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _Shared(region)


class FenceOff(RegionsBuild):
    is_drained_before_it_moves = False


class IdsDrawnInEach(RegionsBuild):
    fednow = IdsDrawn.fednow


class _Believing(RegionLease):
    def demand(self) -> None:
        self._held_until_s, believed = self._held_until_s + 20.0, self._held_until_s
        try:
            super().demand()
        finally:
            self._held_until_s = believed


class LeaseBelieved(RegionsBuild):
    def lease(self, *parts: Any) -> RegionLease:
        return _Believing(*parts)


class _AnybodySaves(RegionalStore):
    def _save_at_home(self, decision: Decision) -> bool | NotHomeError:
        return self._save_one(decision)


class EpochUncheckedInSave(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _AnybodySaves(region)


class _Backwards(RegionalStore):
    def _is_newer(self, made: tuple[int, int], known: tuple[int, int]) -> bool:
        return (-made[0], made[1]) > (-known[0], known[1])


class LowerEpochProjected(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _Backwards(region)


class _Guessing(SimulatedPeer):
    async def forward(self, request: web.Request, body: bytes, *, home: RegionId, wait_s: int) -> web.Response:
        try:
            return await super().forward(request, body, home=home, wait_s=wait_s)
        except UnavailableError as error:
            raise NotSentError(str(error)) from error


class ForwardGuessedAsFailed(RegionsBuild):
    def peer(self, life: Life, plan: PaymentPlan, token: int) -> SimulatedPeer:
        return _Guessing(life, plan, token)


class _KeepsForItself(Receiver):
    async def _hand_over(self, one: Any) -> None:
        await self._quarantine(one, (UNMATCHED,))


class NotHandedOver(RegionsBuild):
    def receiver(self, **parts: Any) -> Receiver:
        return _KeepsForItself(**parts)


class _OldMapKeeper(MapKeeper):
    async def run(self) -> None:
        while True:
            await self.follow()
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=30))

    def demand(self, *, held_since_s: float) -> None:
        """The map that is there will do."""


class OldMapBelieved(RegionsBuild):
    def keeper(self, *parts: Any) -> MapKeeper:
        return _OldMapKeeper(*parts)


class _WithoutClaims(RegionalStore):
    def apply(self, change: Written) -> None:
        super().apply(change)
        if isinstance(change, Change) and change.claim is not None:
            self.rows.claims.pop(change.claim.key, None)
            self.foreign_claims.pop(change.claim.key, None)


class ClaimsNotReplicated(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _WithoutClaims(region)


class _Undoubting(RegionalStore):
    def _stamp(self, payment_id: PaymentId) -> None:
        super()._stamp(payment_id)
        payment, owner = self.rows.payments[payment_id], self.owner_of(self.slots_of[payment_id])
        if payment.is_taken_over and owner.region == self.region:
            self.epochs[payment_id] = owner.epoch
            self.rows.payments[payment_id] = replace(
                payment,
                state=PaymentState.RECEIVED if payment.final_at is None else payment.state,
                is_taken_over=False,
                ask_after=None,
                next_step_at=payment.next_step_at or payment.deadline_at,
            )


class TakenOverWithoutDoubt(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _Undoubting(region)


class _ReceivesAnywhere(RegionalIncoming):
    def _admit_at_home(self, new: NewTransfer) -> Admitted | NotHomeError | FaultyRowError:
        return self._admit_one(new)


class ReceivedAnywhere(RegionsBuild):
    def regional_incoming(self, region: Region) -> RegionalIncoming:
        return _ReceivesAnywhere(region.store)


class AcceptedInOne(RegionsBuild):
    def acceptances(self, life: Life) -> Acceptances:
        return Acceptances(NoOtherRegion())


class _Impatient(RegionalStore):
    def _may_have(self, slot: int, new: SlotOwner) -> bool:
        return True


class HandedBackUnreleased(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _Impatient(region)


class MovingNotWaitedFor(RegionsBuild):
    moving_max_s = 0.0


class ClocksBeyondTheMargin(RegionsBuild):
    def drift(self, clock: RegionClock) -> float:
        return -1 / 3


class _OfToday(LostDays):
    async def day_of(self, rail: RailProtocol, key: IdempotencyKey, *, asked_from: datetime, at: datetime) -> date:
        del key, asked_from
        return rail.business_date(at)


class NamedByToday(RegionsBuild):
    def days(self, store: TenuredStore) -> LostDays:
        named = store.days
        return _OfToday(named.store, named.own, named.peer)


class _Unasking(RegionalStore):
    def asked_from(self, slot: int) -> datetime | None:
        return None

    def _stamp(self, payment_id: PaymentId) -> None:
        super()._stamp(payment_id)
        payment = self.rows.payments[payment_id]
        if not payment.is_taken_over:  # accepted here, under a key that is known to nobody
            self.rows.payments[payment_id] = replace(payment, ask_after=None)


class TakenOverUnasked(RegionsBuild):
    def regional_store(self, region: Region) -> RegionalStore:
        return _Unasking(region)


class AcknowledgedByOne(RegionsBuild):
    def durability(self, store: TenuredStore) -> Durability:
        del store
        return OneRegion()


class TotalsNotCompared(RegionsBuild):
    def loops_of_reports(self, life: Life) -> Mapping[str, Loop]:
        del life
        return {}


REGIONS_BUILDS: Final[Mapping[RegionsPlant, type[RegionsBuild]]] = {
    RegionsPlant.TWO_WRITERS: TwoWriters,
    RegionsPlant.FENCE_OFF: FenceOff,
    RegionsPlant.IDS_DRAWN_IN_EACH: IdsDrawnInEach,
    RegionsPlant.LEASE_BELIEVED: LeaseBelieved,
    RegionsPlant.EPOCH_UNCHECKED_IN_SAVE: EpochUncheckedInSave,
    RegionsPlant.LOWER_EPOCH_PROJECTED: LowerEpochProjected,
    RegionsPlant.FORWARD_GUESSED_AS_FAILED: ForwardGuessedAsFailed,
    RegionsPlant.NOT_HANDED_OVER: NotHandedOver,
    RegionsPlant.OLD_MAP_BELIEVED: OldMapBelieved,
    RegionsPlant.CLAIMS_NOT_REPLICATED: ClaimsNotReplicated,
    RegionsPlant.TAKEN_OVER_WITHOUT_DOUBT: TakenOverWithoutDoubt,
    RegionsPlant.RECEIVED_ANYWHERE: ReceivedAnywhere,
    RegionsPlant.ACCEPTED_IN_ONE: AcceptedInOne,
    RegionsPlant.HANDED_BACK_UNRELEASED: HandedBackUnreleased,
    RegionsPlant.MOVING_NOT_WAITED_FOR: MovingNotWaitedFor,
    RegionsPlant.CLOCKS_BEYOND_THE_MARGIN: ClocksBeyondTheMargin,
    RegionsPlant.NAMED_BY_TODAY: NamedByToday,
    RegionsPlant.TAKEN_OVER_UNASKED: TakenOverUnasked,
    RegionsPlant.ACKNOWLEDGED_BY_ONE: AcknowledgedByOne,
    RegionsPlant.TOTALS_NOT_COMPARED: TotalsNotCompared,
}
