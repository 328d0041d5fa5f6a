"""What a region that has another beside it is composed of: lease, map, projection, and the way to the peer."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from adapters.http.api import Api, Takes
from adapters.http.application import build_peer_application
from adapters.http.peer import Peer, listener_tls, mutual_tls
from adapters.http.serving import serving
from adapters.postgres.conversation_projection import PostgresConversationProjections
from adapters.postgres.incoming_projection import PostgresTransferProjections
from adapters.postgres.regions import PostgresRegions
from adapters.telemetry.metrics import Metrics
from adapters.witness import WitnessAddressError, open_witness
from gateway.domain.payment import RegionId, TenantId
from gateway.service.both_regions import BothRegions, PeerFence
from gateway.service.days import LostDays
from gateway.service.freshness import Freshness
from gateway.service.incoming.fold import TransferFold
from gateway.service.lease import RegionLease
from gateway.service.ports import (
    Alone,
    Clock,
    Observer,
    Projected,
    ProjectedTransfer,
    Tenure,
    UnavailableError,
    Unprojected,
    UnprojectedTransfer,
    Vault,
    Witness,
)
from gateway.service.ports.conversations import ProjectedConversation, UnprojectedConversation
from gateway.service.regions import (
    Loss,
    MapKeeper,
    Projector,
    Pulse,
    Successor,
    behind_s,
    folded,
    folded_conversation,
    last_loss,
    two_contents,
)
from gateway.service.steer import Guardian
from gateway.service.supervise import Loop
from gateway.settings import Settings, SettingsError, witness_url_of

EVERY_TENANT: Final = "*"


@dataclass(frozen=True, slots=True)
class Regional:
    """The parts of a region, where there are two."""

    lease: RegionLease
    keeper: MapKeeper
    projector: Projector[Unprojected, Projected]
    transfers: Projector[UnprojectedTransfer, ProjectedTransfer]
    conversations: Projector[UnprojectedConversation, ProjectedConversation]
    pulse: Pulse
    successor: Successor
    store: PostgresRegions
    peer: RegionId
    witness: Witness
    both: BothRegions
    has_synchronous_tenants: bool
    days: LostDays

    @property
    def loops_of_every_role(self) -> Mapping[str, Loop]:
        """What runs wherever something is accepted, decided or sent."""
        return {"lease": self.lease.run, "map of slots": self.keeper.run}

    @property
    def loops_of_a_gateway(self) -> Mapping[str, Loop]:
        """What a gateway runs besides."""
        return {**self.loops_of_every_role, **(self._loops_of_both if self.has_synchronous_tenants else {})}

    @property
    def _loops_of_both(self) -> Mapping[str, Loop]:
        return {"peer's fence": self.both.fence.run, "peer's copy": self.both.run}

    @property
    def loops_of_a_worker(self) -> Mapping[str, Loop]:
        """What a worker runs besides."""
        return {
            **self.loops_of_every_role,
            **self._loops_of_both,
            "projection": self.projector.run,
            "projection of incoming transfers": self.transfers.run,
            "projection of conversations": self.conversations.run,
            "pulse": self.pulse.run,
            "successor": self.successor.run,
        }

    @property
    def folding(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What folds all that the other region has written of payments and transfers by now."""
        return (self.projector.catch_up, self.transfers.catch_up)

    def guardian(self, own: RegionId, clock: Clock, *, after_s: float, ask_wait_s: float) -> Guardian:
        """Return what takes the other region over by itself."""
        return Guardian(self.witness, self.peer, own, self, clock, self.store, after_s, ask_wait_s)

    def freshness(self, own: RegionId, clock: Clock) -> Freshness:
        """Return what says as of when either region is known here; it must be run."""
        return Freshness(self.store, own, self.peer, self, lambda: self.keeper.has_copied, clock)

    def demand(self) -> None:
        """Return if this process may act at this very moment; see `gateway.service.ports.Tenure`."""
        self.lease.demand()
        self.keeper.demand(held_since_s=self.lease.held_since_s)

    async def check(self) -> None:
        """Return if this region serves.

        Raises:
            NotServingError: it holds no lease, or its map is not sound.

        """
        self.demand()

    async def keep_gauge(self, metrics: Metrics, clock: Clock) -> None:
        """Measure how far this region's view of its peer is behind, and what is kept for the peer."""
        behind = await behind_s(self.store, self.peer, clock)
        if behind is not None:
            metrics.regions.behind_seconds.labels(self.peer).set(max(0.0, behind))
        kept = await self.store.retention(self.peer)
        for gauge in (
            metrics.regions.slot_kept_bytes,
            metrics.regions.slot_left_bytes,
            metrics.regions.slot_lost,
        ):
            gauge.clear()
        for each in kept:
            metrics.regions.slot_kept_bytes.labels(each.slot).set(each.kept_bytes)
            metrics.regions.slot_left_bytes.labels(each.slot).set(each.left_bytes)
            metrics.regions.slot_lost.labels(each.slot).set(each.is_lost)


@asynccontextmanager
async def open_regional(
    settings: Settings,
    pool: asyncpg.Pool[asyncpg.Record],
    clock: Clock,
    *,
    observer: Observer,
    metrics: Metrics,
    vault: Vault,
    fold_transfer: TransferFold,
) -> AsyncIterator[Regional | None]:
    """Open what a region needs beside another; None for one alone.

    Raises:
        SettingsError: there are two, and no witness, or none at that address.

    """
    if settings.peer is None:
        yield None
        return
    region, peer = RegionId(settings.region), RegionId(settings.peer)
    store = PostgresRegions(pool, region=region, vault=vault)
    try:
        async with open_witness(witness_url_of(settings)) as witness:
            lease = RegionLease(witness, region, clock, observer)
            metrics.lease_left_seconds.set_function(lambda: lease.left_s)
            metrics.witness_silent_seconds.set_function(lambda: lease.witness_silent_s)
            keeper = MapKeeper(store, witness, clock, peer)
            try:
                await lease.renew()  # a role that starts while the witness answers serves from its first request on
                await keeper.follow()
            except UnavailableError as error:
                observer.fault("lease", error)
            yield Regional(
                lease,
                keeper,
                Projector(store, folded, clock, observer, two_contents),
                Projector(PostgresTransferProjections(pool, region=region), fold_transfer, clock, observer),
                Projector(PostgresConversationProjections(pool, region=region), folded_conversation, clock, observer),
                Pulse(store, clock),
                Successor(store, clock),
                store,
                peer,
                witness,
                _both_of(settings, store, witness, clock, metrics),
                bool(settings.synchronous_tenants),
                LostDays(store, region, peer, settings.keys_repeated_within_s),
            )
    except WitnessAddressError as error:
        raise SettingsError(f"FIFTEEN_WITNESS_URL: {error}") from error


def _both_of(
    settings: Settings, store: PostgresRegions, witness: Witness, clock: Clock, metrics: Metrics
) -> BothRegions:
    assert settings.peer is not None, "there are two"
    region, peer, tenants = RegionId(settings.region), RegionId(settings.peer), frozenset(settings.synchronous_tenants)

    def concerns(tenant_id: TenantId) -> bool:
        return tenant_id in tenants or EVERY_TENANT in tenants

    both = BothRegions(store, region, peer, clock, PeerFence(witness, peer, clock), concerns)
    metrics.regions.unconfirmed_seconds.set_function(lambda: both.unconfirmed_s)
    metrics.regions.alone.set_function(lambda: both.fence.holds)
    return both


def tenure_of(regional: Regional | None) -> Tenure:
    """Return what says whether this region may act."""
    return Alone() if regional is None else regional


def loss_of(regional: Regional | None, own: RegionId) -> Callable[[], Awaitable[Loss | None]]:
    """Return what says whether the other region was taken over last, and when; one alone takes nobody over."""

    async def loss() -> Loss | None:
        return None if regional is None else await last_loss(regional.store, own, regional.peer)

    return loss


def whole_of(regional: Regional | None) -> Callable[[], bool]:
    """Return what says whether all that the other region had is here."""
    return lambda: regional is None or regional.keeper.has_copied


@asynccontextmanager
async def open_peer(settings: Settings) -> AsyncIterator[Peer | None]:
    """Open the way to the other region's gateway; None where none is named.

    Raises:
        SettingsError: the files of its TLS cannot be used.

    """
    if settings.peer_url is None:
        yield None
        return
    async with Peer(settings.peer_url, own=RegionId(settings.region), tls=_tls_of(settings, mutual_tls)) as peer:
        yield peer


@asynccontextmanager
async def serving_the_peer(settings: Settings, api: Api) -> AsyncIterator[int | None]:
    """Serve what the other region forwards at an address of its own, where one is set; yields its port.

    Raises:
        SettingsError: the files of its TLS cannot be used.
        OSError: the address cannot be had.

    """
    if settings.peer_listen_port is None:
        yield None
        return
    application, tls = build_peer_application(api), _tls_of(settings, listener_tls)
    assert tls is not None, "the settings demand it"
    async with serving(application, host=settings.peer_listen_host, port=settings.peer_listen_port, tls=tls) as port:
        yield port


def takes_of(settings: Settings) -> Takes:
    """Return which submissions clients' own listener takes."""
    return Takes.EITHER if settings.peer_listen_port is None else Takes.OWN


def _tls_of(settings: Settings, make: Callable[..., ssl.SSLContext]) -> ssl.SSLContext | None:
    authority, certificate, key = settings.peer_ca_file, settings.peer_certificate_file, settings.peer_key_file
    if authority is None or certificate is None or key is None:
        return None
    try:
        return make(authority=authority, certificate=certificate, key=key)
    except OSError as error:
        raise SettingsError(f"FIFTEEN_PEER_CA_FILE, FIFTEEN_PEER_CERTIFICATE_FILE or its key: {error}") from error
