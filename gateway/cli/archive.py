"""``fifteen archive``: messages go to the archive, are found there, verified, and removed when their years are over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
from rich.markup import escape
from rich.table import Table

from adapters.postgres.archive import PostgresArchiveIndex, PostgresArchiveStore, messages_of
from adapters.postgres.connection import open_pool
from adapters.system import SystemClock
from gateway.archiving import aes_vault_of, archive_of, archiver_of, directory_of, reader_of, vault_of
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT, stop
from gateway.cli.desk import print_line
from gateway.domain.payment import RegionId, TenantId
from gateway.service.archive import Passed, expired_before
from gateway.service.ports import (
    ArchiveDamagedError,
    ArchivedMessage,
    Clock,
    ForeignObjectError,
    RawMessage,
    UnavailableError,
)
from gateway.service.segment import segment_name
from gateway.service.verify_archive import ArchiveVerifier, Verdict
from gateway.settings import Settings, SettingsError, database_url_of

Answer = TypeVar("Answer")

SHOWN_MAX: Final = 100
"""So many things that do not fit are shown in words; ``--json`` has all."""

PAYMENTS_MAX: Final = 100
"""So many payments that share a UETR are looked for: more is no slip, and needs another tool."""


def run_archiver(settings: Settings, clock: Clock, *, as_json: bool) -> int:
    """Archive what is due now, as a worker does every day.

    Raises:
        SettingsError: there is no archive, or it or the database cannot be used.

    """

    async def run() -> Passed:
        async with open_pool(database_url_of(settings), connections_max=2) as pool:
            store = PostgresArchiveStore(pool, region=RegionId(settings.region))
            archiver = archiver_of(settings, store, clock)
            if archiver is None:
                raise _no_archive()
            return await archiver.archive_due()

    passed = _answered(run())
    if as_json:
        left = None if passed.left_at is None else passed.left_at.isoformat()
        OUT.print_json(json.dumps({"segments": passed.segments, "messages": passed.messages, "left_at": left}))
    elif passed.is_turned_away:
        print_line("another process of this region is at it")
    else:
        print_line(f"{passed.messages:,} messages archived in {passed.segments:,} objects")
        if passed.left_at is not None:
            print_line(f"the oldest that had to stay is of {passed.left_at.isoformat()}: its payment is not final")
    return EXIT_OK


@dataclass(frozen=True, slots=True)
class Found:
    """A message of a payment, and where it is: in the database, in an object of the archive, or in both."""

    payment_id: str
    message: RawMessage
    archived: ArchivedMessage | None

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        if self.archived is None:
            return "database"
        return f"{segment_name(self.archived.region, self.archived.segment)}#{self.archived.position}"

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        message = self.message
        return {
            "payment_id": self.payment_id,
            "message_id": str(message.message_id),
            "at": message.at.isoformat(),
            "direction": message.direction.value,
            "message_type": message.message_type,
            "business_message_id": message.business_message_id,
            "bytes": len(message.body),
            "place": self.place,
        }


def find_messages(settings: Settings, *, uetr: str, tenant: str | None, output: Path | None, as_json: bool) -> int:
    """List the messages of payments, sent or received, with a UETR, wherever they are; write their bytes where asked.

    Returns 1 when there is no such payment. Raises as `run_archiver`.
    """

    async def find() -> Sequence[Found]:
        async with open_pool(database_url_of(settings), connections_max=2) as pool:
            vault, archive = vault_of(settings), reader_of(settings, SystemClock())
            async with pool.acquire() as connection:
                index = PostgresArchiveIndex(connection)
                owner = TenantId(tenant or settings.tenant_id)
                payment_ids = await index.of_uetr(owner, uetr.lower(), limit=PAYMENTS_MAX)
                places = {each.facts.message_id: each for each in await index.of_payments(payment_ids)}
            found = []
            for payment_id in payment_ids:
                found += [
                    Found(str(payment_id), message, places.get(message.message_id))
                    for message in await messages_of(pool, payment_id, vault=vault, archive=archive)
                ]
            return found

    found = _answered(find())
    if output is not None:
        _write(found, output)
    if as_json:
        OUT.print_json(json.dumps([each.as_json() for each in found]))
    elif found:
        OUT.print(_table(found))
    else:
        print_line(f"no payment of tenant {tenant or settings.tenant_id} has the UETR {escape(uetr)}")
    return EXIT_OK if found else EXIT_FINDINGS


def _write(found: Sequence[Found], output: Path) -> None:
    output.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in found:
        file = output / f"{each.message.message_id}.{each.message.direction.value}"
        file.touch(mode=0o600)  # names and accounts are in it
        file.write_bytes(each.message.body)


def _table(found: Sequence[Found]) -> Table:
    table = Table()
    for heading in ("at", "direction", "type", "id", "bytes", "where"):
        table.add_column(heading, overflow="fold")
    for each in found:
        message = each.message
        table.add_row(
            message.at.isoformat(),
            message.direction.value,
            message.message_type,
            message.business_message_id,
            str(len(message.body)),
            each.place,
        )
    return table


def verify_all(settings: Settings, clock: Clock, *, as_json: bool) -> int:
    """Read every object, and hold all that is in it against the index; return 1 when something does not fit.

    Raises as `run_archiver`.
    """
    started_s = clock.monotonic_s()
    verdicts = _answered(verdicts_of(settings, database_url_of(settings), now=clock.now()))
    violations = [violation for verdict in verdicts for violation in verdict.violations]
    messages, expired = sum(verdict.messages for verdict in verdicts), sum(verdict.is_expired for verdict in verdicts)
    seconds = clock.monotonic_s() - started_s
    if as_json:
        told = [{"kind": each.kind, "place": each.place, "text": each.text} for each in violations]
        document = {"sound": not violations, "objects": len(verdicts), "messages": messages, "expired": expired}
        OUT.print_json(json.dumps({**document, "violations": told, "seconds": round(seconds, 3)}))
    else:
        for each in violations[:SHOWN_MAX]:
            print_line(f"[red]{each.kind}[/]  [bold]{escape(each.place)}[/]: {escape(each.text)}")
        print_line(f"{len(verdicts):,} objects, {messages:,} messages verified in {seconds:.1f} s; {expired:,} expired")
        print_line("[green]all fits[/]" if not violations else f"[red]{len(violations):,} violations[/]")
    return EXIT_FINDINGS if violations else EXIT_OK


async def verdicts_of(settings: Settings, dsn: str, *, now: datetime) -> Sequence[Verdict]:
    """Verify the archive of every region that the database at `dsn` has an index of.

    Raises:
        SettingsError: there is no archive.
        UnavailableError: database or archive do not answer.

    """
    async with _verifier(settings, dsn, expired_before=expired_before(now, settings.archive_years)) as verifier:
        return [
            verdict for region in await verifier.index.regions() for verdict in await verifier.verify_region(region)
        ]


@asynccontextmanager
async def _verifier(settings: Settings, dsn: str, *, expired_before: datetime | None) -> AsyncIterator[ArchiveVerifier]:
    archive, keys = archive_of(settings), aes_vault_of(settings)
    if archive is None or keys is None:
        raise _no_archive()
    async with open_pool(dsn, connections_max=1) as pool, pool.acquire() as connection:
        yield ArchiveVerifier(PostgresArchiveIndex(connection), archive, keys, expired_before)


def expire(settings: Settings, clock: Clock, *, is_trial: bool) -> int:
    """Remove the objects whose newest message is older than the years that are set.

    Raises:
        SettingsError: the archive is no directory: a bucket has a lifecycle rule for this; or as `run_archiver`.

    """
    directory = directory_of(settings)
    if directory is None:
        raise SettingsError(
            "FIFTEEN_ARCHIVE_URL is not a directory: a bucket removes by its own lifecycle rule (docs/archive.md)"
        )
    before = expired_before(clock.now(), settings.archive_years)

    async def run() -> Sequence[str]:
        gone = []
        async with open_pool(database_url_of(settings), connections_max=1) as pool, pool.acquire() as connection:
            index = PostgresArchiveIndex(connection)
            there = {name async for name in directory.names("")}
            for region in await index.regions():
                async for segment in index.segments(region):
                    name = segment_name(region, segment.number)
                    if segment.last_at < before and name in there:
                        gone.append(name)
                        if not is_trial:
                            await directory.remove(name)
        return gone

    gone = _answered(run())
    for name in gone:
        print_line(name)
    print_line(f"{len(gone):,} objects of before {before:%Y-%m-%d} {'would go' if is_trial else 'are removed'}")
    return EXIT_OK


def _no_archive() -> SettingsError:
    return SettingsError("there is no archive: set FIFTEEN_ARCHIVE_URL and FIFTEEN_KEYS_FILE (docs/archive.md)")


def _answered(work: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return asyncio.run(work)
    except (UnavailableError, OSError, asyncpg.PostgresError) as error:
        raise SettingsError(f"database or archive cannot be used: {error}") from error
    except (ArchiveDamagedError, ForeignObjectError) as error:
        stop(f"{error} (docs/runbooks/archive.md)", code=EXIT_FINDINGS)
