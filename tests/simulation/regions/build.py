"""How the processes of a region that has another beside it are composed, as ``gateway.worker`` does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from adapters.http.submissions import MOVING_MAX_S
from gateway.domain.payment import Rail, RegionId
from gateway.domain.timing import Timing
from gateway.service.both_regions import BothRegions, Durability, PeerFence
from gateway.service.days import LostDays
from gateway.service.decide import Decisions, taking_over
from gateway.service.fednow import FedNowDialect
from gateway.service.fednow_operations import FedNowOperations
from gateway.service.fencing import HeldLink
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.both_regions import Acceptances
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.incoming.fold import TransferFold
from gateway.service.lease import RegionLease
from gateway.service.ports import (
    Accepted,
    Admitted,
    Decision,
    IncomingDecision,
    IncomingStore,
    NewPayment,
    NewTransfer,
    NotServingError,
    Observer,
    PaymentStore,
    Projected,
    ProjectedTransfer,
    RailEventStore,
    RailLink,
    ReachStore,
    RegionStore,
    RegionTimes,
    UnavailableError,
    Unprojected,
    UnprojectedTransfer,
)
from gateway.service.rail_operations import RailNotices, RailOperationSender
from gateway.service.receive import Receiver
from gateway.service.reconcile import Reconciler
from gateway.service.regions import Loss, MapKeeper, Projector, Pulse, Successor, folded, last_loss
from gateway.service.steer import Guardian
from gateway.service.submit import Intake
from tests.fakes.incoming_rail import receiving_rail
from tests.simulation.build import Build, LifeObserver, Loop
from tests.simulation.clients import TENANTS
from tests.simulation.incoming import incoming_side
from tests.simulation.ports import Side, link_side, store_side
from tests.simulation.processes import Life
from tests.simulation.rail import PARTY, profile
from tests.simulation.regions.incidents import RegionClock
from tests.simulation.regions.incoming import RegionalIncoming
from tests.simulation.regions.link import SimulatedPeer, WitnessSide
from tests.simulation.regions.reports import RegionalRailEvents
from tests.simulation.regions.store import RegionalStore
from tests.simulation.scenario import Part, PaymentPlan

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region


@dataclass(frozen=True, slots=True)
class Regional:
    """The parts of one life, as `gateway.regional.Regional` has them."""

    lease: RegionLease
    keeper: MapKeeper
    both: BothRegions

    def demand(self) -> None:
        """Return if this life may act now; see `gateway.service.ports.Tenure`."""
        self.lease.demand()
        self.keeper.demand(held_since_s=self.lease.held_since_s)


class TenuredStore:
    """The store as `adapters.postgres.store` guards it: the lease is asked before a statement, and after a claim's."""

    def __init__(self, store: PaymentStore, regional: Regional, region: Region) -> None:
        self._store = store
        self._regional = regional
        self._region = region

    @property
    def days(self) -> LostDays:
        """On which day the other region may have accepted a key, once it is lost."""
        return LostDays(cast("RegionStore", self._store), self._region.name, self._region.peer.name)

    @property
    def durability(self) -> Durability:
        """What the acceptances of this life wait for."""
        return self._regional.both

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def home_elsewhere(self, payment: NewPayment) -> RegionId | None:
        """Look at the map, while the lease is held; see the port."""
        if self._region.scenario.forwards_by_map:
            self._regional.demand()
        return await self._store.home_elsewhere(payment)

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        """Claim and save, while the lease is held; see the port."""
        self._regional.demand()
        accepted = await self._region.under_way(self._store.accept(payments))
        try:
            self._regional.demand()
        except NotServingError as error:
            raise UnavailableError(f"saved, or not, and not acknowledged: {error}") from error
        return accepted

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Save what still holds, while the lease is held; see the port."""
        self._regional.demand()
        return await self._region.under_way(self._store.save(decisions))


class TenuredIncoming:
    """The store of incoming transfers as `adapters.postgres.incoming` guards it."""

    def __init__(self, store: IncomingStore, regional: Regional, region: Region) -> None:
        self._store = store
        self._regional = regional
        self._region = region

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def admit(self, transfers: Sequence[NewTransfer]) -> Sequence[Admitted]:
        """Make durable what is new, while the lease is held; see the port."""
        self._regional.demand()
        return await self._region.under_way(self._store.admit(transfers))

    async def save(self, decisions: Sequence[IncomingDecision]) -> Sequence[bool]:
        """Save what still holds, while the lease is held; see the port."""
        self._regional.demand()
        return await self._region.under_way(self._store.save(decisions))


class RegionsBuild(Build):
    """What is built in a world of two regions."""

    def __init__(self) -> None:
        self._regional: dict[str, Regional] = {}

    def regional_store(self, region: Region) -> RegionalStore:
        """Return the store of a region."""
        return RegionalStore(region)

    def regional(self, life: Life) -> Regional:
        """Return the lease and the map of one life."""
        if life.key not in self._regional:
            region = cast("Region", life.world)
            witness, observer = WitnessSide(region, life.key, life), cast("Any", LifeObserver(life))
            store = cast("RegionStore", store_side(life, region.store))
            lease = self.lease(witness, region.name, life.clock, observer)
            fence = PeerFence(witness, region.peer.name, life.clock)
            synchronous = {TENANTS[policy] for policy in region.scenario.synchronous}
            parts = (region.name, region.peer.name, life.clock, fence, synchronous.__contains__)
            both = BothRegions(cast("ReachStore", store), *parts)
            keeper = self.keeper(store, witness, life.poll_clock, region.peer.name)
            self._regional[life.key] = Regional(lease, keeper, both)
        return self._regional[life.key]

    def regional_incoming(self, region: Region) -> RegionalIncoming:
        """Return where a region keeps what the rail brings."""
        return RegionalIncoming(region.store)

    def incoming_side(self, life: Life) -> IncomingStore:
        """Return that as one life sees it."""
        region = cast("Region", life.world)
        inner = incoming_side(life, region.incoming)
        return cast("IncomingStore", TenuredIncoming(inner, self.regional(life), region))

    def acceptances(self, life: Life) -> Acceptances:
        """Return what the acceptances of one life wait for: that both regions have them."""
        return Acceptances(self.regional(life).both)

    def drift(self, clock: RegionClock) -> float:
        """Return by how much a region's monotonic clocks are too fast."""
        return clock.drift

    def lease(self, *parts: Any) -> RegionLease:
        """Return one life's share in its region's lease."""
        return RegionLease(*parts)

    def keeper(self, *parts: Any) -> MapKeeper:
        """Return what keeps the copy of the map."""
        return MapKeeper(*parts)

    def projector(self, store: Any, *parts: Any) -> Projector[Unprojected, Projected]:
        """Return what folds the other region's events."""
        return Projector(store, folded, *parts)

    def peer(self, life: Life, plan: PaymentPlan, token: int) -> SimulatedPeer:
        """Return the way to the other region's gateway."""
        return SimulatedPeer(life, plan, token)

    def intake(self, **parts: Any) -> Intake:
        """Return the use case that takes payments in."""
        store: TenuredStore = parts["store"]
        return Intake(**parts, days=self.days(store), durability=self.durability(store))

    def durability(self, store: TenuredStore) -> Durability:
        """Return what says when a tenant may be answered."""
        return store.durability

    def days(self, store: TenuredStore) -> LostDays:
        """Return what says on which day a lost region may have accepted a key."""
        return store.days

    is_drained_before_it_moves = True
    """Whether slots move only once their old owner has surely ended."""

    moving_max_s: float = MOVING_MAX_S
    """So long a submission waits for a slot that is being handed over."""

    def decisions(
        self, life: Life, store: PaymentStore, saves: GroupCommit[Decision, bool], observer: Observer, timing: Timing
    ) -> Decisions:
        """Return what takes events through the table, and takes over what another region has carried."""
        return Decisions(store, saves, observer, taking_over(life.clock, {Rail.FEDNOW: timing}))

    def store_side(self, life: Life) -> PaymentStore:
        """Return the store as one life sees it."""
        region = cast("Region", life.world)
        inner = store_side(life, region.store)
        return cast("PaymentStore", TenuredStore(inner, self.regional(life), region))

    def link_side(self, life: Life) -> RailLink:
        """Return the rail as one life sees it: at its region's connection point, while the lease is held."""
        return HeldLink(link_side(life, cast("Region", life.world).point), self.regional(life))

    def region_store(self, life: Life) -> RegionStore | None:
        """Return what one life knows of the other region."""
        return cast("RegionStore", store_side(life, life.world.store))

    def loops_of_every_role(self, life: Life) -> Mapping[str, Loop]:
        """Return what keeps lease and map."""
        regional, scenario = self.regional(life), cast("Region", life.world).scenario
        waits = bool(scenario.synchronous) and "gateway" in life.name
        loops = self._loops_of_both(regional) if waits else {}
        return {"lease": regional.lease.run, "map of slots": regional.keeper.run, **loops}

    def _loops_of_both(self, regional: Regional) -> Mapping[str, Loop]:
        """Return what finds out what the other region has of ours."""
        return {"peer's fence": regional.both.fence.run, "peer's copy": regional.both.run}

    def loops_of_a_worker(self, life: Life, receiver: Receiver) -> Mapping[str, Loop]:
        """Return what folds the other region's payments, and what it handed over."""
        store = cast("RegionStore", self.region_store(life))
        clock: Any = life.poll_clock
        observer = LifeObserver(life)
        projector, transfers = self.projector(store, clock, observer), self._transfers(life, clock)
        folding = (projector.catch_up, transfers.catch_up)
        return {
            **(self._loops_of_incoming(life, transfers) if life.world.scenario.incoming else {}),
            **self._loops_of_a_guardian(life),
            **self.loops_of_reports(life),
            "projection": projector.run,
            "pulse": Pulse(store, clock).run,
            "successor": Successor(store, clock).run,
            "receiver for the other region": replace(receiver, clock=clock, folding=folding).run_for_the_other_region,
        }

    def _transfers(self, life: Life, clock: Any) -> Projector[UnprojectedTransfer, ProjectedTransfer]:
        """Return what folds the other region's incoming transfers."""
        rail = receiving_rail(self.protocol(life.world))
        fold = TransferFold(IncomingDecider({rail.rail: rail}, life.world.chance.identifiers(f"{life.key}.fold")))
        projections = cast("Any", incoming_side(life, cast("Region", life.world).incoming))
        return Projector(projections, fold, clock, cast("Observer", LifeObserver(life)))

    def _loops_of_incoming(
        self, life: Life, transfers: Projector[UnprojectedTransfer, ProjectedTransfer]
    ) -> Mapping[str, Loop]:
        """Return what follows the other region's incoming transfers, and finds out what it has of ours."""
        return {"projection of incoming transfers": transfers.run, **self._loops_of_both(self.regional(life))}

    def _loops_of_a_guardian(self, life: Life) -> Mapping[str, Loop]:
        """Return what takes the other region over by itself, in the peer of the one that is lost."""
        region = cast("Region", life.world)
        after_s, lost = region.scenario.takeover_after_s, {loss.region for loss in region.scenario.losses}
        if after_s is None or region.peer.name not in lost:
            return {}
        regional, store = self.regional(life), cast("RegionTimes", self.region_store(life))
        witness, ask_wait_s = WitnessSide(region, life.key, life), Timing().status_request_wait_s
        parts = (region.peer.name, region.name, regional, life.clock, store, after_s, ask_wait_s)
        return {"guardian": Guardian(witness, *parts).run}

    # --- what the rail says that it has settled ---

    def rail_events(self, region: Region) -> RegionalRailEvents:
        """Return where a region keeps what the rail says of itself, and of what it was asked."""
        return RegionalRailEvents(region)

    def notices(self, life: Life) -> RailNotices | None:
        """Return what hears the rail's reports, in a world where somebody asks for them."""
        if cast("Region", life.world).scenario.totals_every_s is None:
            return None
        return RailNotices(self._rail_events_side(life), cast("Observer", LifeObserver(life)), {})

    def _rail_events_side(self, life: Life) -> RailEventStore:
        return cast("RailEventStore", Side(life, Part.STORE, cast("Region", life.world).rail_events))

    def loops_of_reports(self, life: Life) -> Mapping[str, Loop]:
        """Return what compares the rail's totals with ours, and what sends its questions."""
        region, observer = cast("Region", life.world), cast("Observer", LifeObserver(life))
        every_s = region.scenario.totals_every_s
        if every_s is None:
            return {}
        dialect = FedNowOperations(FedNowDialect(profile(), PARTY), party=PARTY, institutions=frozenset({PARTY}))
        events, store = self._rail_events_side(life), cast("RegionStore", self.region_store(life))
        identifiers, dialects = region.chance.identifiers(f"{life.key}.reports"), {Rail.FEDNOW: dialect}

        async def loss() -> Loss | None:
            return await last_loss(store, region.name, region.peer.name)

        parts = (events, self.incoming_side(life), life.clock, observer, every_s, region.name, loss)
        links = {Rail.FEDNOW: self.link_side(life)}
        sender = RailOperationSender(dialects, events, links, life.clock, identifiers, observer)
        return {"reconciliation": Reconciler(dialects, *parts).run, "rail operations": sender.run}
