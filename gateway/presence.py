"""Rail operations, composed: what operators ask, whether we are ready, and the guard that signs us off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.domain.downtime import DowntimeRules
from gateway.domain.payment import Rail
from gateway.rails import link_of, rail_operations
from gateway.receiving import open_institution
from gateway.service.directory import DirectoryReasons, DirectoryUse, ParticipantDirectory
from gateway.service.fednow_operations import CODES as FEDNOW_CODES
from gateway.service.fencing import HeldLink
from gateway.service.ports import Clock, Identifiers, IncomingStore, Observer, RailEventStore, RailLink, Tenure
from gateway.service.rail_operations import RailOperations, RailOperationSender, Readiness
from gateway.service.rail_presence import Answerers, RailGuard, WorkerPresence
from gateway.service.supervise import Loop
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class RailPresence:
    """What a gateway has of the rails: operators' operations, and loops where somebody guards them."""

    operations: RailOperations
    directory: ParticipantDirectory | None
    loops: Mapping[str, Loop]


def operations_over(
    settings: Settings,
    events: RailEventStore,
    clock: Clock,
    identifiers: Identifiers,
    *,
    readiness: Readiness | None = None,
) -> RailOperations:
    """Return what takes rail operations, which a worker sends."""
    fednow = settings.fednow
    rules = DowntimeRules(
        at_once=timedelta(hours=fednow.downtime_hours_at_once),
        per_quarter=timedelta(hours=fednow.downtime_hours_per_quarter),
        per_year=timedelta(hours=fednow.downtime_hours_per_year),
    )
    return RailOperations(rail_operations(settings), events, clock, identifiers, rules, readiness)


def directory_over(
    settings: Settings, events: RailEventStore, clock: Clock, observer: Observer
) -> ParticipantDirectory | None:
    """Return FedNow's participant directory, which `run` keeps fresh; None where FedNow is not served."""
    fednow = settings.fednow
    if Rail.FEDNOW not in settings.rails:
        return None
    return ParticipantDirectory(
        rail=Rail.FEDNOW,
        store=events,
        codes=FEDNOW_CODES,
        clock=clock,
        observer=observer,
        use=DirectoryUse(fednow.directory),
        reasons=DirectoryReasons(
            sender=fednow.sender_profile_code,
            receiver=fednow.receiver_profile_code,
            signed_off=fednow.receiver_signed_off_code,
            stale=fednow.directory_stale_code,
        ),
    )


@asynccontextmanager
async def open_presence(
    settings: Settings,
    *,
    events: RailEventStore,
    workers: WorkerPresence,
    incoming: IncomingStore,
    clock: Clock,
    identifiers: Identifiers,
    observer: Observer,
    tenure: Tenure,
) -> AsyncIterator[RailPresence]:
    """Open what a gateway needs of the rails. A guard has links of its own: who it guards may be all dead.

    Raises:
        SettingsError: a secret, a certificate or a rail's address cannot be used.

    """
    async with AsyncExitStack() as stack:
        institution = await stack.enter_async_context(open_institution(settings, clock))
        answerers = Answerers(workers, institution, incoming, clock)
        operations = operations_over(settings, events, clock, identifiers, readiness=answerers)
        directory = directory_over(settings, events, clock, observer)
        guarded = {
            Rail.FEDNOW: (settings.fednow.protective_sign_off_after_s, settings.fednow.connection_point),
            Rail.RTP: (settings.rtp.protective_sign_off_after_s, None),
        }
        times = {rail: (after_s, point) for rail, (after_s, point) in guarded.items() if rail in settings.rails}
        loops: dict[str, Loop] = {} if directory is None else {"participant directory": directory.run}
        if any(after_s is not None for after_s, _ in times.values()):
            # Whoever sends takes what is for any rail, and gives up what it has no way to.
            links: dict[Rail, RailLink] = {
                rail: HeldLink(await stack.enter_async_context(link_of(rail, settings, clock, observer)), tenure)
                for rail in operations.dialects
            }
            sender = RailOperationSender(operations.dialects, events, links, clock, identifiers, observer)
            loops["rail operations"] = sender.run
            loops |= {
                f"protective sign-off of {rail}": RailGuard(
                    rail,
                    operations,
                    answerers,
                    clock,
                    after_s,
                    has_peer=settings.peer is not None,
                    own_point=point,
                    signs_off_institutions=operations.dialects[rail].signs_off_institutions,
                    link=links[rail],
                ).run
                for rail, (after_s, point) in times.items()
                if after_s is not None
            }
        yield RailPresence(operations, directory, loops)
