"""The gauges that a worker keeps: what waits, what is in doubt, what the rails are said to do."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from gateway.domain.payment import RegionId
from gateway.parts import Parts, operations_of, queues_of
from gateway.service.directory import ParticipantDirectory
from gateway.service.ports import Bus
from gateway.service.reconcile import MissingDesk

GAUGES_PAUSE_S: Final = 5.0
"""Between two readings of what waits."""

RAIL_GAUGES_PAUSE_S: Final = 15.0


async def keep_gauges(parts: Parts, bus: Bus) -> None:
    """Measure what waits, every few seconds, until cancelled."""
    metrics = parts.metrics
    while True:
        backlog, now = await parts.store.backlog(), parts.clock.now()
        metrics.outbox_unsent.set(backlog.outbox)
        metrics.outbox_oldest_unsent_age_seconds.set(
            0 if backlog.outbox_oldest_at is None else (now - backlog.outbox_oldest_at).total_seconds()
        )
        metrics.contradictions.set(backlog.contradictions)
        metrics.payments_attention.set(backlog.attention)
        metrics.payments_in_flight.clear()
        for state, count in backlog.open_payments.items():
            metrics.payments_in_flight.labels(state.value).set(count)
        metrics.payments_in_doubt_oldest_age_seconds.set(
            0 if backlog.oldest_in_doubt_at is None else (now - backlog.oldest_in_doubt_at).total_seconds()
        )
        parked = await parts.dead_letters.parked()
        for queue in queues_of(parts.rails):
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


async def keep_rail_gauges(parts: Parts, directory: ParticipantDirectory | None) -> None:
    """Measure what is known of the rails: where we are signed on, what is missing, how fresh the directory is."""
    operations, desk = operations_of(parts), MissingDesk(parts.rail_events, parts.clock)
    while True:
        for rail in operations.dialects:
            parts.metrics.rails.show(rail, await operations.status(rail))
            parts.metrics.rails.show_missing(rail, await desk.missing(rail), parts.clock.now())
            parts.metrics.rails.show_receipts(rail, await parts.receipts.count(rail), parts.clock.now())
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
