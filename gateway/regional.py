"""What a region that has another beside it is composed of: lease, map, projection, and the way to the peer."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from adapters.http.peer import Peer, mutual_tls
from adapters.postgres.incoming_projection import PostgresTransferProjections
from adapters.postgres.peer_copy import PostgresPeerCopy
from adapters.postgres.regions import PostgresRegions
from adapters.telemetry.metrics import Metrics
from adapters.witness import WitnessAddressError, open_witness
from gateway.domain.payment import RegionId
from gateway.service.incoming.both_regions import BothRegions, PeerFence
from gateway.service.incoming.fold import TransferFold
from gateway.service.lease import RegionLease
from gateway.service.ports import (
    Alone,
    Clock,
    Observer,
    Projected,
    ProjectedTransfer,
    RegionStore,
    Tenure,
    UnavailableError,
    Unprojected,
    UnprojectedTransfer,
    Vault,
    Witness,
)
from gateway.service.regions import MapKeeper, Projector, Pulse, Successor, behind_s, folded
from gateway.service.steer import Guardian
from gateway.settings import Settings, SettingsError, witness_url_of

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Regional:
    """The parts of a region, where there are two."""

    lease: RegionLease
    keeper: MapKeeper
    projector: Projector[Unprojected, Projected]
    transfers: Projector[UnprojectedTransfer, ProjectedTransfer]
    both: BothRegions
    pulse: Pulse
    successor: Successor
    store: RegionStore
    peer: RegionId
    witness: Witness

    @property
    def loops_of_every_role(self) -> Mapping[str, Loop]:
        """What runs wherever something is accepted, decided or sent."""
        return {"lease": self.lease.run, "map of slots": self.keeper.run}

    @property
    def loops_of_a_worker(self) -> Mapping[str, Loop]:
        """What a worker runs besides."""
        return {
            **self.loops_of_every_role,
            "projection": self.projector.run,
            "projection of incoming transfers": self.transfers.run,
            "pulse": self.pulse.run,
            "successor": self.successor.run,
        }

    def guardian(self, own: RegionId, clock: Clock, *, after_s: float, ask_wait_s: float) -> Guardian:
        """Return what takes the other region over by itself."""
        return Guardian(self.witness, self.peer, own, self, clock, after_s, ask_wait_s)

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
        """Measure how far this region's view of its peer is behind."""
        behind = await behind_s(self.store, self.peer, clock)
        if behind is not None:
            metrics.region_behind_seconds.labels(self.peer).set(max(0.0, behind))


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
                Projector(store, folded, clock, observer),
                Projector(PostgresTransferProjections(pool, region=region), fold_transfer, clock, observer),
                BothRegions(PostgresPeerCopy(pool, region=region, peer=peer), PeerFence(witness, peer, clock), clock),
                Pulse(store, clock),
                Successor(store, clock),
                store,
                peer,
                witness,
            )
    except WitnessAddressError as error:
        raise SettingsError(f"FIFTEEN_WITNESS_URL: {error}") from error


def tenure_of(regional: Regional | None) -> Tenure:
    """Return what says whether this region may act."""
    return Alone() if regional is None else regional


@asynccontextmanager
async def open_peer(settings: Settings) -> AsyncIterator[Peer | None]:
    """Open the way to the other region's gateway; None where none is named.

    Raises:
        SettingsError: the files of its TLS cannot be used.

    """
    if settings.peer_url is None:
        yield None
        return
    async with Peer(settings.peer_url, own=RegionId(settings.region), tls=_tls_of(settings)) as peer:
        yield peer


def _tls_of(settings: Settings) -> ssl.SSLContext | None:
    authority, certificate, key = settings.peer_ca_file, settings.peer_certificate_file, settings.peer_key_file
    if authority is None or certificate is None or key is None:
        return None
    try:
        return mutual_tls(authority=authority, certificate=certificate, key=key)
    except OSError as error:
        raise SettingsError(f"FIFTEEN_PEER_CA_FILE, FIFTEEN_PEER_CERTIFICATE_FILE or its key: {error}") from error
