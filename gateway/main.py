"""The composition root: builds adapters, passes them to the use cases, and runs a role until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final, TypeVar

import asyncpg
import structlog
from aiohttp import web

from adapters.core.http import HttpCore
from adapters.http.api import Api, HttpLimits, ReadinessCheck, Served
from adapters.http.application import build_application
from adapters.http.serving import serving
from adapters.http.worker import build_worker_application
from adapters.postgres.archive import PostgresArchiveStore
from adapters.postgres.audit import PostgresAudit
from adapters.postgres.bus import PostgresBus
from adapters.postgres.connection import open_pool
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.rail_operations import PostgresRailEvents
from adapters.postgres.releases import PostgresReleases
from adapters.postgres.screening import PostgresScreening
from adapters.postgres.store import PostgresStore
from adapters.synthetic import SyntheticPayments
from adapters.system import SystemClock, SystemIdentifiers
from adapters.telemetry.logs import configure_logs
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import TelemetryObserver
from gateway.anchoring import anchor_of
from gateway.archiving import archiver_of, reader_of, vault_of
from gateway.conversing import Conversing, conversation_desk, conversation_store, converse
from gateway.domain.payment import Rail, RegionId, TenantId
from gateway.presence import directory_over, open_presence, operations_over
from gateway.rails import link_of, rail_operations, rail_reports, served_rails
from gateway.receiving import (
    POSTING_CONCURRENCY,
    POSTING_PREFETCH,
    Receiving,
    compose,
    desk_of,
    open_institution,
    receiving_rails,
)
from gateway.regional import Regional, open_peer, open_regional, serving_the_peer, takes_of, tenure_of, whole_of
from gateway.screening import open_screening
from gateway.service.admission import Admission
from gateway.service.archive import Archiver
from gateway.service.dead_letters import DeadLetters, collect
from gateway.service.decide import Decisions, grouped_saves, taking_over
from gateway.service.directory import ParticipantDirectory
from gateway.service.dispatch import Dispatcher, grouped_loads
from gateway.service.fencing import HeldLink, at_home
from gateway.service.funds import Funds, NoCore
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.incoming.fold import TransferFold
from gateway.service.operate import Operators
from gateway.service.peer_point import PeerPoint
from gateway.service.ports import (
    ArchiveStore,
    AuditAnchor,
    AuditStore,
    Bus,
    Clock,
    Core,
    DeadLetterStore,
    Decision,
    DeliveryHandler,
    IncomingStore,
    Institution,
    MessageClass,
    PaymentStore,
    Queue,
    QueueDirection,
    RailEventStore,
    RailLink,
    Vault,
)
from gateway.service.ports.conversations import ConversationStore
from gateway.service.rail_operations import RailNotices, RailOperations, RailOperationSender
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receive import Receiver
from gateway.service.reconcile import MissingDesk, Reconciler
from gateway.service.relay import Forwarder, relay
from gateway.service.screening import Screening
from gateway.service.seal import Sealer
from gateway.service.submit import Intake, grouped_accepts
from gateway.service.supervise import supervise
from gateway.service.timers import Timers
from gateway.service.waiting import Waiting
from gateway.settings import DEVELOPMENT_INDEX_KEY, Settings, SettingsError, database_url_of

Part = TypeVar("Part")

RAIL_GAUGES_PAUSE_S: Final = 15.0
GAUGES_PAUSE_S: Final = 5.0
"""Between two readings of what waits."""

INQUIRY_PREFETCH: Final = 32
INQUIRY_CONCURRENCY: Final = 16

SHUTDOWN_MAX_S: Final = 30.0
"""A role that was told to stop ends within this: requests are answered (20 s), deliveries given back (10 s)."""

EXIT_NOT_STOPPED: Final = 70
"""EX_SOFTWARE of sysexits: something did not stop when it should."""

GARBAGE_THRESHOLD: Final = 20_000
"""New containers between two young collections: the default, 700, collects at every other payment for nothing."""


def _as_it_is(part: Part) -> Part:
    return part


def _link_as_it_is(_rail: Rail, link: RailLink) -> RailLink:
    return link


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """What stands between the use cases and their ports: nothing, but where a drill watches, and kills."""

    pool: Callable[[asyncpg.Pool[asyncpg.Record]], asyncpg.Pool[asyncpg.Record]] = _as_it_is
    store: Callable[[PaymentStore], PaymentStore] = _as_it_is
    rail: Callable[[RailProtocol], RailProtocol] = _as_it_is
    bus: Callable[[Bus], Bus] = _as_it_is
    link: Callable[[Rail, RailLink], RailLink] = _link_as_it_is
    application: Callable[[web.Application], web.Application] = _as_it_is
    clock: Callable[[Clock], Clock] = _as_it_is


NOTHING_BETWEEN: Final = Between()


@dataclass(frozen=True, slots=True)
class Parts:
    """What every role is composed of."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    observer: TelemetryObserver
    pool: asyncpg.Pool[asyncpg.Record]
    releases: PostgresReleases
    store: PaymentStore
    incoming: IncomingStore
    conversations: ConversationStore
    rail_events: RailEventStore
    dead_letters: DeadLetterStore
    audit: AuditStore
    anchor: AuditAnchor | None
    archive: ArchiveStore
    archiver: Archiver | None
    vault: Vault
    rails: Mapping[Rail, RailProtocol]
    between: Between
    regional: Regional | None


@asynccontextmanager
async def open_parts(settings: Settings, *, role: str, between: Between = NOTHING_BETWEEN) -> AsyncIterator[Parts]:
    """Open what every role needs, and close it after the role; nothing is connected before it is used.

    Raises:
        SettingsError: no database is named.

    """
    configure_logs(role=role, level=settings.log_level)
    database_url = database_url_of(settings)
    clock, metrics = between.clock(SystemClock()), Metrics()
    if settings.index_key.get_secret_value() == DEVELOPMENT_INDEX_KEY:
        structlog.get_logger("fifteen").warning("development_index_key", remedy="set FIFTEEN_INDEX_KEY to a secret")
    metrics.build_info.labels(version("fifteen")).set(1)
    observer = TelemetryObserver(metrics, promise_s=settings.promise_s)
    vault, region = vault_of(settings), RegionId(settings.region)
    rails = {rail: between.rail(protocol) for rail, protocol in served_rails(settings).items()}
    fold_transfer = TransferFold(IncomingDecider(receiving_rails(settings, rails), SystemIdentifiers()))
    async with (
        open_pool(database_url) as opened,
        open_regional(
            settings, opened, clock, observer=observer, metrics=metrics, vault=vault, fold_transfer=fold_transfer
        ) as regional,
    ):
        pool = between.pool(opened)
        archive_reader, tenure = reader_of(settings, clock), tenure_of(regional)
        store = between.store(PostgresStore(pool, region=region, vault=vault, archive=archive_reader, tenure=tenure))
        dead_letters = PostgresDeadLetters(pool, region=region)
        audit = PostgresAudit(pool, region=region)
        archive = PostgresArchiveStore(pool, region=region)
        archiver = archiver_of(settings, archive, clock)
        anchor = anchor_of(settings)
        releases = PostgresReleases(
            opened, clock, instance_id=SystemIdentifiers().new_uuid(), role=role, release=release_of(settings)
        )
        parts = Parts(
            settings=settings,
            clock=clock,
            metrics=metrics,
            observer=observer,
            pool=pool,
            releases=releases,
            store=store,
            incoming=PostgresIncoming(pool, region=region, vault=vault, archive=archive_reader, tenure=tenure),
            rail_events=PostgresRailEvents(pool, region=region, vault=vault),
            conversations=conversation_store(pool, region=region, vault=vault),
            dead_letters=dead_letters,
            audit=audit,
            anchor=anchor,
            archive=archive,
            archiver=archiver,
            vault=vault,
            rails=rails,
            between=between,
            regional=regional,
        )
        try:
            yield parts
        finally:
            await releases.leave()


def release_of(settings: Settings) -> str:
    """Return what is deployed here, as it is shown and written down."""
    return settings.release or version("fifteen")


@asynccontextmanager
async def open_bus(parts: Parts) -> AsyncIterator[Bus]:
    """Open the bus that the settings name; it connects when it is used."""
    settings = parts.settings
    if not settings.broker_url:
        yield parts.between.bus(PostgresBus(parts.pool, parts.clock, observer=parts.observer))
        return
    from adapters.rabbitmq.bus import RabbitMqBus

    urls = [url.get_secret_value() for url in settings.broker_url]
    async with RabbitMqBus(
        urls,
        parts.clock,
        observer=parts.observer,
        namespace=settings.broker_namespace,
        queues=_queues_of(parts.rails),
    ) as bus:
        yield parts.between.bus(bus)


async def run_gateway(settings: Settings, *, ready: Callable[[str], None], between: Between = NOTHING_BETWEEN) -> None:
    """Serve the API until SIGTERM or SIGINT; `ready` is told the URL once it listens."""
    async with (
        open_parts(settings, role="gateway", between=between) as parts,
        open_bus(parts) as bus,
        open_peer(settings) as peer,
        open_presence(
            settings,
            events=parts.rail_events,
            workers=parts.releases,
            incoming=parts.incoming,
            clock=parts.clock,
            identifiers=SystemIdentifiers(),
            observer=parts.observer,
            tenure=tenure_of(parts.regional),
        ) as presence,
        asyncio.TaskGroup() as loops,
    ):
        forwarder = Forwarder(parts.store, bus, parts.clock, parts.observer)
        accepts = grouped_accepts(parts.store)
        waiting = Waiting(parts.store, parts.clock, parts.observer)
        saves = grouped_saves(parts.store)
        admission = Admission(parts.store, parts.clock, settings.admission_wait_max_s)
        decisions = _decisions(parts, saves)
        intake = Intake(
            rails=parts.rails,
            default_rail=settings.rail_of_others,
            store=parts.store,
            accepts=accepts,
            admission=admission,
            clock=parts.clock,
            identifiers=SystemIdentifiers(),
            vault=parts.vault,
            observer=parts.observer,
            forward=forwarder.take,
            durability=None if parts.regional is None else parts.regional.both,
            directory=presence.directory,
            liquidity_tenants=frozenset(map(TenantId, settings.fednow.liquidity_tenants)),
        )
        received = receiving_rails(settings, parts.rails)
        incoming, requests, incoming_saves = desk_of(
            rails=received,
            store=parts.incoming,
            payments=decisions,
            protocols=parts.rails,
            clock=parts.clock,
            identifiers=SystemIdentifiers(),
            observer=parts.observer,
        )
        api = Api(
            intake=intake,
            operators=Operators(decisions, parts.rails, parts.clock, PostgresScreening(parts.pool)),
            dead_letters=DeadLetters(
                parts.dead_letters,
                parts.store,
                {rail: protocol.timing for rail, protocol in parts.rails.items()},
                parts.clock,
                SystemIdentifiers(),
            ),
            incoming=incoming,
            rail_operations=presence.operations,
            directories={} if presence.directory is None else {presence.directory.rail: presence.directory},
            rail_missing=MissingDesk(parts.rail_events, parts.clock),
            requests=requests,
            conversations=conversation_desk(
                settings,
                parts.conversations,
                parts.incoming,
                received,
                clock=parts.clock,
                identifiers=SystemIdentifiers(),
                vault=parts.vault,
                directory=presence.directory,
            ),
            store=parts.store,
            waiting=waiting,
            clock=parts.clock,
            identifiers=SystemIdentifiers(),
            render_metrics=parts.metrics.render,
            record_request=_request_recorder(parts.metrics),
            report_fault=parts.observer.fault,
            promise_s=settings.promise_s,
            version=version("fifteen"),
            release=release_of(settings),
            readiness={"database": parts.store.check, **_lease_check(parts)},
            refused=parts.releases.refused,
            synthetic=SyntheticPayments(parts.clock, release_of(settings)).newest
            if settings.synthetic_payments
            else None,
            limits=HttpLimits(body_bytes_max=settings.body_bytes_max),
            peer=peer,
            region=None if peer is None else RegionId(settings.region),
            takes=takes_of(settings),
            is_whole=whole_of(parts.regional),
        )
        regional = {} if parts.regional is None else parts.regional.loops_of_a_gateway
        background = [
            loops.create_task(accepts.run()),
            loops.create_task(saves.run()),
            loops.create_task(incoming_saves.run()),
            loops.create_task(_supervised(parts, "forwarder", forwarder.publish)),
            loops.create_task(_supervised(parts, "outbox", forwarder.forget)),
            loops.create_task(_supervised(parts, "releases", parts.releases.run)),
            loops.create_task(_supervised(parts, "admission", admission.run)),
            loops.create_task(_supervised(parts, "waiting", waiting.run)),
            *(
                loops.create_task(_supervised(parts, name, loop))
                for name, loop in {**regional, **presence.loops}.items()
            ),
        ]
        application = between.application(build_application(api))
        async with serving_the_peer(settings, api):
            await _serve_until_stopped(application, settings.http_host, settings.http_port, ready=ready)
        for task in background:
            task.cancel()


async def run_worker(settings: Settings, *, ready: Callable[[str], None], between: Between = NOTHING_BETWEEN) -> None:
    """Relay, dispatch, receive and keep the timers until SIGTERM or SIGINT."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, role="worker", between=between))
        links = {
            rail: between.link(rail, await stack.enter_async_context(link_of(rail, settings))) for rail in parts.rails
        }
        core = await stack.enter_async_context(open_core(settings))
        institution = await stack.enter_async_context(open_institution(settings, parts.clock))
        await run_worker_loops(parts, links, core, institution, ready=ready)


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """Open the way to the institution's core, if it has one."""
    if settings.core_url is None:
        yield NoCore()
        return
    token = None if settings.core_token is None else settings.core_token.get_secret_value()
    async with HttpCore(settings.core_url, token=token) as core:
        yield core


async def run_worker_loops(
    parts: Parts,
    links: Mapping[Rail, RailLink],
    core: Core,
    institution: Institution,
    *,
    ready: Callable[[str], None],
) -> None:
    """Run a worker over the rails' links, a core and institutions, which somebody else opened and closes."""
    async with (
        open_bus(parts) as bus,
        open_screening(
            parts.settings, PostgresScreening(parts.pool), parts.vault, parts.clock, parts.observer
        ) as screening,
    ):
        await _run_worker_loops(parts, bus, links, core, institution, screening=screening, ready=ready)


async def _run_worker_loops(
    parts: Parts,
    bus: Bus,
    links: Mapping[Rail, RailLink],
    core: Core,
    institution: Institution,
    *,
    screening: Screening,
    ready: Callable[[str], None],
) -> None:
    identifiers, rails = SystemIdentifiers(), parts.rails
    links = {rail: HeldLink(link, tenure_of(parts.regional)) for rail, link in links.items()}
    saves = grouped_saves(parts.store)
    decisions = _decisions(parts, saves)
    loads = grouped_loads(parts.store)
    tenure = tenure_of(parts.regional)
    funds = Funds(core, parts.store, parts.clock, parts.observer, parts.settings.promise_s, tenure)
    directory = directory_over(parts.settings, parts.rail_events, parts.clock, parts.observer)
    dispatcher = Dispatcher(
        decisions,
        loads,
        rails,
        links,
        parts.clock,
        identifiers,
        parts.observer,
        funds,
        screening=screening,
        directory=directory,
    )
    regions = None if parts.regional is None else parts.regional.store
    forwarder = Forwarder(parts.store, bus, parts.clock, parts.observer)
    receiving = compose(
        rails=receiving_rails(parts.settings, rails),
        store=parts.incoming,
        payments=decisions,
        protocols=rails,
        vault=parts.vault,
        institution=institution,
        screening=screening,
        links=links,
        clock=parts.clock,
        identifiers=identifiers,
        observer=parts.observer,
        forward=forwarder.take,
        both=None if parts.regional is None else parts.regional.both,
    )
    conversing = converse(
        parts.settings,
        parts.conversations,
        receiving,
        payments=parts.store,
        incoming=parts.incoming,
        links=links,
        clock=parts.clock,
        identifiers=identifiers,
    )
    receivers = {
        rail: Receiver(
            decisions,
            protocol,
            links[rail],
            parts.vault,
            parts.clock,
            identifiers,
            parts.observer,
            receiving.hearing(rail, parts.store, parts.vault),
            regions,
            RailNotices(parts.rail_events, parts.observer, rail_operations(parts.settings)),
            conversing.hearings.get(rail),
        )
        for rail, protocol in rails.items()
    }
    operations = RailOperationSender(
        rail_operations(parts.settings), parts.rail_events, links, parts.clock, identifiers, parts.observer
    )
    timers = Timers(decisions, rails, parts.clock, parts.observer)
    sealer = Sealer(parts.audit, parts.anchor, RegionId(parts.settings.region), parts.clock)
    _warn_of_what_is_not_set(parts)
    receiving.warm_up()
    async with asyncio.TaskGroup() as group:
        grouping = [group.create_task(saves.run()), group.create_task(loads.run())]
        grouping += [group.create_task(each.run()) for each in receiving.groups]
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "consumers": lambda: _consume(parts, bus, dispatcher, funds, receiving=receiving, conversing=conversing),
            "conversations": conversing.keeping.run,
            "relay": lambda: relay(parts.store, bus, parts.clock, parts.observer),
            "dead letters": lambda: collect(bus, parts.dead_letters, parts.clock, parts.observer),
            **{f"receiver of {rail}": receiver.run for rail, receiver in receivers.items()},
            "timers": timers.run,
            "rail operations": operations.run,
            "screening": screening.run,
            "movements": screening.forget,
            **receiving.loops,
            "sealer": sealer.run,
            "gauges": lambda: _keep_gauges(parts, bus),
            "rail gauges": lambda: _keep_rail_gauges(parts, directory),
        }
        if directory is not None:
            loops["participant directory"] = directory.run
        if receiving.rails and parts.settings.fednow.totals_interval_s is not None:
            reconciler = Reconciler(
                rail_reports(parts.settings),
                parts.rail_events,
                parts.incoming,
                parts.clock,
                parts.observer,
                parts.settings.fednow.totals_interval_s,
                parts.settings.region,
            )
            loops["reconciliation"] = reconciler.run
            for rail in reconciler.dialects:  # a worker that never compares is one whose last time was its start
                parts.metrics.rails.totals_compared_timestamp_seconds.labels(rail).set_to_current_time()
        if receiving.rails:
            loops |= {"forwarder": forwarder.publish, "forwarded": forwarder.forget}
        if parts.archiver is not None:
            loops["archiver"] = parts.archiver.run
        if parts.regional is not None:
            loops |= parts.regional.loops_of_a_worker
            if parts.settings.takeover_after_s is not None:
                guardian = parts.regional.guardian(
                    RegionId(parts.settings.region),
                    parts.clock,
                    after_s=parts.settings.takeover_after_s,
                    ask_wait_s=max(rail.timing.status_request_wait_s for rail in rails.values()),
                )
                loops["guardian"] = guardian.run
            if parts.settings.fednow.peer_connection_point is not None and Rail.FEDNOW in rails:
                loops["peer's connection point"] = PeerPoint(
                    operations_of(parts),
                    Rail.FEDNOW,
                    parts.settings.fednow.peer_connection_point,
                    parts.regional.witness,
                    parts.regional.peer,
                    parts.regional,
                    parts.clock,
                ).run
            loops |= {
                f"receiver of {rail} for the other region": receiver.run_for_the_other_region
                for rail, receiver in receivers.items()
            }
        background = [group.create_task(_supervised(parts, "releases", parts.releases.run))]
        background += [group.create_task(_once_admitted(parts, name, loop)) for name, loop in loops.items()]
        checks: dict[str, ReadinessCheck] = {"database": parts.store.check, "bus": bus.check}
        checks |= {rail.value: link.check for rail, link in links.items()} | _lease_check(parts)
        application = build_worker_application(
            checks, parts.metrics.render, release=release_of(parts.settings), refused=parts.releases.refused
        )
        await _serve_until_stopped(application, parts.settings.http_host, parts.settings.worker_port, ready=ready)
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        for task in grouping:
            task.cancel()


def _warn_of_what_is_not_set(parts: Parts) -> None:
    if parts.anchor is None:
        structlog.get_logger("fifteen").warning(
            "audit_not_anchored", remedy="set FIFTEEN_AUDIT_ANCHORS (docs/audit.md)"
        )


async def _consume(
    parts: Parts, bus: Bus, dispatcher: Dispatcher, funds: Funds, *, receiving: Receiving, conversing: Conversing
) -> None:
    """Take what is for the rails, for the core, and for the institutions from their queues, until cancelled."""
    await bus.declare()
    settings = parts.settings
    out, core = QueueDirection.OUT, QueueDirection.CORE
    unhurried = conversing.keeping.or_else(receiving.arrived.requests.see_to_ours)
    handled: Sequence[tuple[QueueDirection, MessageClass, DeliveryHandler, int, int]] = (
        (out, MessageClass.VALUE, dispatcher.transfer, settings.dispatch_prefetch, settings.dispatch_concurrency),
        (out, MessageClass.INQUIRY, dispatcher.enquiry, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
        (out, MessageClass.SYSTEM, dispatcher.ping, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
        (out, MessageClass.NONVALUE, unhurried, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
        (core, MessageClass.VALUE, funds.tell, INQUIRY_PREFETCH, INQUIRY_CONCURRENCY),
    )
    received: Sequence[tuple[QueueDirection, MessageClass, DeliveryHandler, int, int]] = [
        (QueueDirection.IN, message_class, handler, POSTING_PREFETCH, POSTING_CONCURRENCY)
        for message_class, handler in receiving.handlers
    ]
    async with AsyncExitStack() as stack:
        for rail in parts.rails:
            of_rail = (*handled, *received) if rail in receiving.rails else handled
            for direction, message_class, handler, prefetch, concurrency in of_rail:
                queue = Queue.of(rail, direction, message_class)
                await stack.enter_async_context(
                    bus.consume(queue, at_home(handler), prefetch=prefetch, concurrency=concurrency)
                )
        await asyncio.Event().wait()


def operations_of(parts: Parts) -> RailOperations:
    """Return what takes rail operations: they are sent by a worker."""
    return operations_over(parts.settings, parts.rail_events, parts.clock, SystemIdentifiers())


def _decisions(parts: Parts, saves: GroupCommit[Decision, bool]) -> Decisions:
    timings = {rail: protocol.timing for rail, protocol in parts.rails.items()}
    take_over = None if parts.regional is None else taking_over(parts.clock, timings)
    return Decisions(parts.store, saves, parts.observer, take_over)


def _lease_check(parts: Parts) -> dict[str, ReadinessCheck]:
    return {} if parts.regional is None else {"lease": parts.regional.check}


async def _supervised(parts: Parts, name: str, loop: Callable[[], Awaitable[None]]) -> None:
    await supervise(name, loop, clock=parts.clock, observer=parts.observer)


async def _once_admitted(parts: Parts, name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop once the database has what this program needs: before that it would do its work wrongly, or half."""
    await parts.releases.admitted()
    await _supervised(parts, name, loop)


async def _keep_gauges(parts: Parts, bus: Bus) -> None:
    metrics = parts.metrics
    while True:
        backlog, now = await parts.store.backlog(), parts.clock.now()
        metrics.outbox_unsent.set(backlog.outbox)
        metrics.outbox_oldest_unsent_age_seconds.set(
            0 if backlog.outbox_oldest_at is None else (now - backlog.outbox_oldest_at).total_seconds()
        )
        metrics.contradictions.set(backlog.contradictions)
        metrics.payments_in_flight.clear()
        for state, count in backlog.open_payments.items():
            metrics.payments_in_flight.labels(state.value).set(count)
        metrics.payments_in_doubt_oldest_age_seconds.set(
            0 if backlog.oldest_in_doubt_at is None else (now - backlog.oldest_in_doubt_at).total_seconds()
        )
        parked = await parts.dead_letters.parked()
        for queue in _queues_of(parts.rails):
            letters = parked.get(queue)
            metrics.dead_letters.labels(queue.value).set(0 if letters is None else letters.count)
            metrics.dead_letter_oldest_age_seconds.labels(queue.value).set(
                0 if letters is None else (now - letters.oldest_at).total_seconds()
            )
            metrics.queue_depth.labels(queue.value).set(await bus.depth(queue))
        metrics.incoming.show(await parts.incoming.backlog(now), now=now)
        metrics.conversations_overdue.set(await parts.conversations.overdue(now))
        await _keep_audit_gauges(parts, now)
        if parts.regional is not None:
            await parts.regional.keep_gauge(metrics, parts.clock)
        await _keep_archive_gauges(parts, now)
        await asyncio.sleep(GAUGES_PAUSE_S)


async def _keep_rail_gauges(parts: Parts, directory: ParticipantDirectory | None) -> None:
    operations, desk = operations_of(parts), MissingDesk(parts.rail_events, parts.clock)
    while True:
        for rail in operations.dialects:
            parts.metrics.rails.show(rail, await operations.status(rail))
            parts.metrics.rails.show_missing(rail, await desk.missing(rail), parts.clock.now())
        if directory is not None:
            parts.metrics.rails.show_directory(directory.rail, directory.standing(), parts.clock.now())
        await asyncio.sleep(RAIL_GAUGES_PAUSE_S)


async def _keep_audit_gauges(parts: Parts, now: datetime) -> None:
    unsealed = await parts.audit.unsealed()
    anchored = 0 if parts.anchor is None else await parts.anchor.newest(RegionId(parts.settings.region))
    metrics = parts.metrics
    metrics.audit_unsealed_events.set(unsealed.events)
    metrics.audit_unsealed_age_seconds.set(
        0 if unsealed.oldest_at is None else (now - unsealed.oldest_at).total_seconds()
    )
    metrics.audit_unanchored_seals.set(unsealed.seals - anchored)


async def _keep_archive_gauges(parts: Parts, now: datetime) -> None:
    metrics, archiver, totals = parts.metrics, parts.archiver, await parts.archive.totals()
    if totals.months_until is not None:
        metrics.message_months_ahead_seconds.set((totals.months_until - now).total_seconds())
    metrics.archive_segments.set(totals.segments)
    if archiver is None:
        return
    metrics.archive_messages.set(archiver.messages)
    metrics.archive_left_age_seconds.set(0 if archiver.left_at is None else (now - archiver.left_at).total_seconds())
    if archiver.succeeded_at is not None:
        metrics.archive_last_success_timestamp_seconds.set(archiver.succeeded_at.timestamp())


def _queues_of(rails: Collection[Rail]) -> Sequence[Queue]:
    return tuple(queue for queue in Queue if queue.rail in rails)


def _request_recorder(metrics: Metrics) -> Callable[[Served], None]:
    def record(served: Served) -> None:
        labels = (served.method, served.route, str(served.status))
        metrics.http_request_duration_seconds.labels(*labels).observe(served.duration_s)

    return record


async def _serve_until_stopped(
    application: web.Application, host: str, port: int, *, ready: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(application, host=host, port=port) as bound:
        ready(f"http://{host}:{bound}")
        await stop.wait()
        _end_at_the_latest()


def _end_at_the_latest() -> None:
    """End the process when it has not stopped in time, whatever it waits for.

    What is in hand then is in the database: an end here is a crash, and crashes are recovered from.
    """
    alarm = threading.Timer(SHUTDOWN_MAX_S, os._exit, args=(EXIT_NOT_STOPPED,))
    alarm.daemon = True
    alarm.start()


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a role on the quickest loop there is.

    Raises:
        SettingsError: asserts are switched off: they state what is believed of money, and must hold.

    """
    if sys.flags.optimize:
        raise SettingsError("python -O removes the assertions that guard money: run without it")
    try:
        import uvloop
    except ImportError:
        factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    else:
        factory = uvloop.new_event_loop

    async def entry() -> None:
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        await main()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(entry())
