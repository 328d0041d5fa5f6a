"""``fifteen replay``: history run again from its raw messages, into an empty database, and compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from adapters.keys.kept import KeptVault
from adapters.postgres.connection import open_pool
from adapters.postgres.history import PostgresHistory
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.ledger import PostgresLedger
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import UpgradeError, prepare_for_replay, remove_outbox
from adapters.system import SystemClock
from adapters.telemetry.logs import configure_logs
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import TelemetryObserver
from gateway.archiving import reader_of, vault_of
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT, stop
from gateway.domain.payment import PaymentId, RegionId
from gateway.domain.transitions import IllegalTransitionError
from gateway.rails import served_rails
from gateway.receiving import receiving_rails
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.incoming.decide import grouped_incoming_saves
from gateway.service.incoming.replay import IncomingReplay, comparable
from gateway.service.ports import ArchiveDamagedError, UnavailableError, Vault
from gateway.service.replay import DivergedError, History, Replay, demand_equal
from gateway.service.submit import grouped_accepts
from gateway.service.supervise import each
from gateway.settings import Settings, SettingsError, database_url_of

PAGE: Final = 256
"""Payments that are read, run and compared together; their saves share commits."""

DIVERGED_MAX: Final = 100
"""How many payments that came out otherwise are named."""


@dataclass(slots=True)
class Outcome:
    """What became of a replay."""

    payments: int = 0
    events: int = 0
    messages: int = 0
    postings: int = 0
    diverged: dict[PaymentId, str] = field(default_factory=dict)
    """What is first found otherwise, by payment."""
    is_ledger_equal: bool = False
    incoming_transfers: int = 0

    @property
    def is_good(self) -> bool:
        """Whether everything came out as it is kept."""
        return not self.diverged and self.is_ledger_equal

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "payments": self.payments,
            "incoming_transfers": self.incoming_transfers,
            "events": self.events,
            "messages": self.messages,
            "postings": self.postings,
            "diverged": list(self.diverged.values())[:DIVERGED_MAX],
            "diverged_count": len(self.diverged),
            "ledger_equal": self.is_ledger_equal,
            "good": self.is_good,
        }


def replay_history(settings: Settings, *, into: str, as_json: bool) -> int:
    """Replay everything that the settings' database keeps; return 1 when something comes out otherwise.

    Raises:
        SettingsError: a database is missing, does not answer, or the one to fill is not empty; or it is one of two
            regions, whose events bear two names and more than one epoch.

    """
    if settings.peer is not None:
        raise SettingsError("FIFTEEN_REGIONS names two: history is run again for one region alone (docs/replay.md)")
    source = database_url_of(settings)

    def tell(outcome: Outcome) -> None:
        if not as_json:
            OUT.print(
                f"{outcome.payments:,} payments, {outcome.incoming_transfers:,} incoming transfers, "
                f"{len(outcome.diverged):,} diverged"
            )

    configure_logs(role="replay", level="error")
    try:
        outcome = asyncio.run(replay(settings, source, into, tell=tell))
    except (UnavailableError, UpgradeError, OSError) as error:
        raise SettingsError(f"a database cannot be used: {error}") from error
    except ArchiveDamagedError as error:
        stop(f"the archive cannot be believed: {error} (fifteen archive verify says all)", code=EXIT_FINDINGS)
    if as_json:
        print(json.dumps(outcome.as_json(), indent=2))
    else:
        _print(outcome)
    return EXIT_OK if outcome.is_good else EXIT_FINDINGS


async def replay(settings: Settings, source_dsn: str, into: str, *, tell: Callable[[Outcome], None]) -> Outcome:
    """Fill the database `into`, of which the URL is the owner's, from `source_dsn`, and compare.

    Raises:
        ArchiveDamagedError: messages are in the archive, and it does not give them back.
        UnavailableError: a database or the archive does not answer.
        UpgradeError: the one to fill is not empty, or cannot be brought up to date.

    """
    try:
        return await _replay(settings, source_dsn, into, tell)
    except ExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None


async def _replay(settings: Settings, source_dsn: str, into: str, tell: Callable[[Outcome], None]) -> Outcome:
    region = RegionId(settings.region)
    await prepare_for_replay(source_dsn, into, regions=[region], now=SystemClock().now())
    vault = KeptVault(vault_of(settings))
    outcome = Outcome()
    async with open_pool(source_dsn) as source, open_pool(into) as target:
        kept = PostgresHistory(source, vault=vault, archive=reader_of(settings, SystemClock()))
        found = PostgresHistory(target, vault=vault)
        async with _running(settings, target, vault) as (payments, transfers):
            async for count in _run_again(kept.page, found.of, payments.run, outcome):
                outcome.payments += count
                vault.forget()
                tell(outcome)
            async for count in _run_again(
                kept.incoming_page, found.incoming_of, transfers.run, outcome, compared_as=comparable
            ):
                outcome.incoming_transfers += count
                vault.forget()
                tell(outcome)
        balances = [await PostgresLedger(pool).balances() for pool in (source, target)]
        outcome.is_ledger_equal = balances[0] == balances[1]
    await remove_outbox(into)
    return outcome


@asynccontextmanager
async def _running(
    settings: Settings, pool: asyncpg.Pool[asyncpg.Record], vault: Vault
) -> AsyncIterator[tuple[Replay, IncomingReplay]]:
    """The replays of both directions, with their group commits running."""
    region = RegionId(settings.region)
    store, incoming = (
        PostgresStore(pool, region=region, vault=vault),
        PostgresIncoming(pool, region=region, vault=vault),
    )
    observer = TelemetryObserver(Metrics(), promise_s=settings.promise_s)
    accepts, saves, incoming_saves = grouped_accepts(store), grouped_saves(store), grouped_incoming_saves(incoming)
    rails = served_rails(settings)
    receiving = receiving_rails(settings, rails)
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(run()) for run in (accepts.run, saves.run, incoming_saves.run)]
        yield (
            Replay(rails, Decisions(store, saves, observer), accepts, vault, observer, receiving),
            IncomingReplay(receiving, incoming, incoming_saves, vault),
        )
        for loop in loops:
            loop.cancel()


async def _run_again(
    page: Callable[..., Awaitable[Sequence[History]]],
    found: Callable[[Sequence[PaymentId]], Awaitable[Sequence[History]]],
    run: Callable[[History], Awaitable[None]],
    outcome: Outcome,
    *,
    compared_as: Callable[[History], History] = lambda history: history,
) -> AsyncIterator[int]:
    """Run everything that is kept, page by page, and compare what came out; yields how many histories each had."""
    after: PaymentId | None = None
    while histories := await page(after, limit=PAGE):
        after = histories[-1].payment_id
        await each([_run(run, history, outcome) for history in histories])
        again = await found([history.payment_id for history in histories])
        came_out = {history.payment_id: history for history in again}
        for history in histories:
            outcome.events += len(history.events)
            outcome.messages += len(history.messages)
            outcome.postings += len(history.postings)
            if history.payment_id not in outcome.diverged:  # otherwise it was said where it went astray
                _compare(compared_as(history), compared_as(came_out[history.payment_id]), outcome)
        yield len(histories)


async def _run(run: Callable[[History], Awaitable[None]], history: History, outcome: Outcome) -> None:
    try:
        await run(history)
    except (DivergedError, IllegalTransitionError) as error:
        outcome.diverged[history.payment_id] = str(error)


def _compare(kept: History, found: History, outcome: Outcome) -> None:
    try:
        demand_equal(kept, found)
    except DivergedError as error:
        outcome.diverged[kept.payment_id] = str(error)


def _print(outcome: Outcome) -> None:
    for line in list(outcome.diverged.values())[:DIVERGED_MAX]:
        OUT.print(line, style="red", markup=False, soft_wrap=True)
    OUT.print(
        f"{outcome.payments:,} payments and {outcome.incoming_transfers:,} incoming transfers, {outcome.events:,} "
        f"events, {outcome.messages:,} messages, {outcome.postings:,} postings run again."
    )
    if outcome.is_good:
        OUT.print("All came out as they are kept: states, events, the bytes that were sent, and the ledger.")
    else:
        OUT.print(f"[red]{len(outcome.diverged):,} came out otherwise[/]; ledger equal: {outcome.is_ledger_equal}")
