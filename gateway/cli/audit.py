"""``fifteen audit``: the history is verified, from the database and the anchors alone; no role has to run."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any, Final

from rich.markup import escape
from rich.progress import Progress, TimeElapsedColumn

from adapters.anchors.files import UnreadableAnchor
from adapters.postgres.audit import open_audit_reader
from adapters.system import SystemClock
from gateway.anchoring import anchors_at
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.archive import verdicts_of
from gateway.cli.console import ERROR, OUT
from gateway.cli.desk import print_line
from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, Span, UnavailableError
from gateway.service.verify_audit import (
    RegionTrail,
    Trail,
    Violation,
    ViolationKind,
    verify,
    verify_payments,
    verify_regions,
)
from gateway.settings import Settings, SettingsError

SPAN_EVENTS: Final = 25_000
"""Events that a process verifies before it takes the next; fewer than that are verified without further processes."""

SHOWN_MAX: Final = 100
"""So many violations are shown in words; ``--json`` has more, and both count all."""


def verify_trail(
    settings: Settings,
    *,
    database_url: str | None,
    anchors: Sequence[str] | None,
    as_json: bool,
    span_events: int = SPAN_EVENTS,
) -> int:
    """Verify and print; return 1 when something does not fit.

    Raises:
        SettingsError: no database is named, or it or an anchor cannot be read.

    """
    dsn = database_url or (settings.database_url and settings.database_url.get_secret_value())
    if not dsn:
        raise SettingsError("give --database-url, or set FIFTEEN_DATABASE_URL: any role that may read will do")
    places = anchors or ([] if settings.audit_anchors is None else [settings.audit_anchors])
    clock = SystemClock()
    started_s = clock.monotonic_s()
    try:
        # The anchors first: a seal is in the database before it is written down, so that none is younger than these.
        written = [anchor for place in places for anchor in anchors_at(place)]
        readable = [anchor for anchor in written if isinstance(anchor, Anchor)]
        with _progress(is_shown=not as_json) as progress, _uncollected():
            trail = asyncio.run(
                _verified(dsn, readable, RegionId(settings.region), progress=progress, span_events=span_events)
            )
            if settings.archive_url is not None:
                verdicts = asyncio.run(verdicts_of(settings, dsn, now=clock.now()))
                trail.archive_segments = sum(verdict.is_sound for verdict in verdicts)
                trail.report(violation for verdict in verdicts for violation in verdict.violations)
        trail.report(_unreadable(anchor) for anchor in written if isinstance(anchor, UnreadableAnchor))
    except UnavailableError as error:
        raise SettingsError(f"the trail cannot be verified: {error}") from error
    seconds = clock.monotonic_s() - started_s
    if as_json:
        OUT.print_json(json.dumps({**_as_json(trail), "anchored": bool(places), "seconds": round(seconds, 3)}))
    else:
        _print(trail, seconds=seconds, is_anchored=bool(places), clock=clock)
    return EXIT_OK if trail.is_sound else EXIT_FINDINGS


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows in their millions, and no cycle among them: looking for any took a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Progress]:
    """Show on a terminal how far it is."""
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=ERROR, transient=True, disable=not (is_shown and ERROR.is_terminal)) as progress:
        yield progress


async def _verified(
    dsn: str, anchors: Sequence[Anchor], local: RegionId, *, progress: Progress, span_events: int
) -> Trail:
    async with open_audit_reader(dsn) as reader:
        advance = partial(progress.advance, progress.add_task("verifying", total=2 * await reader.count()))
        spans = await reader.spans(events=span_events)
        if len(spans) == 1:
            return await verify(reader, anchors, local=local, progress=advance)
        trail = Trail()
        async with _payments_verified(dsn, await reader.snapshot(), spans, local) as parts:
            await verify_regions(reader, anchors, trail, progress=advance)
            for part in asyncio.as_completed(parts):
                found = await part
                trail.add(found)
                advance(found.events)
        return trail


@asynccontextmanager
async def _payments_verified(
    dsn: str, snapshot: str, spans: Sequence[Span], local: RegionId
) -> AsyncIterator[Sequence[asyncio.Future[Trail]]]:
    """Verify the payments in a process for each core: it is computing that takes the time."""
    pool = ProcessPoolExecutor(mp_context=get_context("spawn"))
    loop = asyncio.get_running_loop()
    try:
        yield [loop.run_in_executor(pool, _verified_part, dsn, snapshot, span, local) for span in spans]
    finally:
        pool.shutdown(cancel_futures=True)


def _verified_part(dsn: str, snapshot: str, between: Span, local: RegionId) -> Trail:
    """Verify a span, in a process of its own."""

    async def part() -> Trail:
        trail = Trail()
        async with open_audit_reader(dsn, snapshot=snapshot) as reader:
            await verify_payments(reader, trail, local=local, between=between)
        return trail

    with _uncollected():
        return asyncio.run(part())


def _unreadable(anchor: UnreadableAnchor) -> Violation:
    place = f"{anchor.file}, line {anchor.line}"
    return Violation(ViolationKind.ANCHOR_UNREADABLE, place, "it is no anchor: it was changed, or the medium failed")


def _as_json(trail: Trail) -> dict[str, Any]:
    return {
        "sound": trail.is_sound,
        "payments": trail.payments,
        "events": trail.events,
        "unchained_events": trail.unchained_events,
        "messages": trail.messages,
        "archived_messages": trail.archived_messages,
        "archive_segments": trail.archive_segments,
        "regions": {name: _region_as_json(region) for name, region in trail.regions.items()},
        "violations_count": trail.violations_count,
        "violations": [{"kind": each.kind, "place": each.place, "text": each.text} for each in trail.violations],
    }


def _region_as_json(region: RegionTrail) -> dict[str, Any]:
    oldest_at = region.unsealed_oldest_at
    return {
        "seals": region.seals,
        "sealed_events": region.sealed_events,
        "anchored_seals": region.anchored_seals,
        "unsealed_events": region.unsealed_events,
        "unsealed_oldest_at": None if oldest_at is None else oldest_at.isoformat(),
    }


def _print(trail: Trail, *, seconds: float, is_anchored: bool, clock: SystemClock) -> None:
    for violation in trail.violations[:SHOWN_MAX]:
        print_line(f"[red]{violation.kind}[/]  [bold]{escape(violation.place)}[/]: {escape(violation.text)}")
    if trail.violations_count > SHOWN_MAX:
        print_line(f"… and {trail.violations_count - SHOWN_MAX:,} more")
    counts = f"{trail.payments:,} payments, {trail.events:,} events and {trail.messages:,} messages"
    print_line(f"{counts} verified in {seconds:.1f} s")
    if trail.archive_segments is not None:
        print_line(f"{trail.archive_segments:,} objects of the archive verified, with every message in them")
    elif trail.archived_messages:
        told = f"{trail.archived_messages:,} messages are in the archive alone"
        print_line(f"[yellow]{told}[/]: their digests fit; set FIFTEEN_ARCHIVE_URL to have their bytes verified")
    if trail.unchained_events:
        print_line(f"{trail.unchained_events:,} events are from before there were chains: their seals alone hold them")
    for name, region in trail.regions.items():
        print_line(f"region {name}: {region.seals:,} seals over {region.sealed_events:,} events")
        if region.unsealed_events and region.unsealed_oldest_at is not None:
            age_s = (clock.now() - region.unsealed_oldest_at).total_seconds()
            print_line(f"  not sealed yet: {region.unsealed_events:,} events, the oldest {age_s:,.1f} s old")
        if is_anchored:
            print_line(f"  written down outside the database: up to seal {region.anchored_seals:,}")
    if not is_anchored:
        print_line("[yellow]no anchors were given[/]: who owns the database could have rewritten all of it")
    verdict = "[green]all fits[/]" if trail.is_sound else f"[red]{trail.violations_count:,} violations[/]"
    print_line(f"{verdict} (docs/audit.md says what that proves)")
