"""What every role is composed of: the store and the other adapters, the rails, and the other region."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import Final, TypeVar

import asyncpg
import structlog
from aiohttp import web

from adapters.core.http import HttpCore
from adapters.http.api import ReadinessCheck
from adapters.postgres.archive import PostgresArchiveStore
from adapters.postgres.bus import PostgresBus
from adapters.postgres.connection import open_pool
from adapters.postgres.dead_letters import PostgresDeadLetters
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.rail_operations import PostgresRailEvents
from adapters.postgres.receipts import PostgresReceipts
from adapters.postgres.releases import PostgresReleases
from adapters.postgres.sealing import PostgresAudit
from adapters.postgres.store import PostgresStore
from adapters.system import SystemClock, SystemIdentifiers
from adapters.telemetry.logs import configure_logs
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import TelemetryObserver
from gateway.anchoring import anchor_of
from gateway.archiving import archiver_of, reader_of, vault_of
from gateway.conversing import conversation_store
from gateway.domain.payment import Rail, RegionId
from gateway.presence import operations_over
from gateway.rails import served_rails
from gateway.receiving import receiving_rails
from gateway.regional import Regional, open_regional, tenure_of
from gateway.service.archive import Archiver
from gateway.service.decide import Decisions, taking_over
from gateway.service.funds import NoCore
from gateway.service.group_commit import GroupCommit
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.incoming.fold import TransferFold
from gateway.service.ports import (
    ArchiveStore,
    AuditAnchor,
    AuditStore,
    Bus,
    Clock,
    Core,
    DeadLetterStore,
    Decision,
    IncomingStore,
    PaymentStore,
    Queue,
    RailEventStore,
    RailLink,
    Vault,
)
from gateway.service.ports.conversations import ConversationStore
from gateway.service.ports.receipts import ReceiptStore
from gateway.service.posting_questions import PostingQuestions
from gateway.service.rail_operations import RailOperations
from gateway.service.rail_protocol import RailProtocol
from gateway.service.receipts import AwaitedReceipts
from gateway.settings import DEVELOPMENT_INDEX_KEY, Settings, database_url_of

Part = TypeVar("Part")


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
    receipts: ReceiptStore
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
    clock, metrics = between.clock(SystemClock()), Metrics(RegionId(settings.region))
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
            receipts=PostgresReceipts(pool),
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
        queues=queues_of(parts.rails),
    ) as bus:
        yield parts.between.bus(bus)


@asynccontextmanager
async def open_core(settings: Settings) -> AsyncIterator[Core]:
    """Open the way to the institution's core, if it has one."""
    if settings.core_url is None:
        yield NoCore()
        return
    token = None if settings.core_token is None else settings.core_token.get_secret_value()
    async with HttpCore(settings.core_url, token=token) as core:
        yield core


def release_of(settings: Settings) -> str:
    """Return what is deployed here, as it is shown and written down."""
    return settings.release or version("fifteen")


def operations_of(parts: Parts) -> RailOperations:
    """Return what takes rail operations: they are sent by a worker."""
    return operations_over(parts.settings, parts.rail_events, parts.clock, SystemIdentifiers())


def decisions_of(parts: Parts, saves: GroupCommit[Decision, bool]) -> Decisions:
    """Return what decides over outgoing payments; the group commit of its saves must be run."""
    timings = {rail: protocol.timing for rail, protocol in parts.rails.items()}
    take_over = None if parts.regional is None else taking_over(parts.clock, timings)
    return Decisions(parts.store, saves, parts.observer, take_over)


def posting_questions(
    parts: Parts,
    decisions: Decisions,
    links: Mapping[Rail, RailLink],
    *,
    receipts: AwaitedReceipts | None = None,
) -> PostingQuestions:
    """Return what asks receivers about payments that they have not posted; it sends over `links`, in a worker."""
    wait_s = parts.settings.fednow.posting_question_wait_s
    waits = {} if wait_s is None else {Rail.FEDNOW: timedelta(seconds=wait_s)}
    asked = {Rail.FEDNOW} & set(parts.rails)  # RTP carries no such question
    return PostingQuestions(decisions, parts.rails, waits, links, parts.clock, SystemIdentifiers(), asked, receipts)


def lease_check(parts: Parts) -> dict[str, ReadinessCheck]:
    """Return the check of the lease; there is none for a region alone."""
    return {} if parts.regional is None else {"lease": parts.regional.check}


def queues_of(rails: Collection[Rail]) -> Sequence[Queue]:
    """Return every queue of the rails."""
    return tuple(queue for queue in Queue if queue.rail in rails)
