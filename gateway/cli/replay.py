"""``fifteen replay``: history run again from its raw messages, into an empty database, and compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.keys.kept import KeptVault
from adapters.postgres.connection import open_pool
from adapters.postgres.history import PostgresHistory
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
from gateway.service.decide import Decisions, grouped_saves
from gateway.service.ports import ArchiveDamagedError, PaymentHistory, UnavailableError, Vault
from gateway.service.replay import DivergedError, Replay, demand_equal
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
    """Kept, and not run again: what came in is a history of its own, which this does not replay."""

    @property
    def is_good(self) -> bool:
        """Whether everything came out as it is kept."""
        return not self.diverged and self.is_ledger_equal

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "payments": self.payments,
            "events": self.events,
            "messages": self.messages,
            "postings": self.postings,
            "diverged": list(self.diverged.values())[:DIVERGED_MAX],
            "diverged_count": len(self.diverged),
            "ledger_equal": self.is_ledger_equal,
            "incoming_transfers_left_out": self.incoming_transfers,
            "good": self.is_good,
        }


def replay_history(settings: Settings, *, into: str, as_json: bool) -> int:
    """Replay everything that the settings' database keeps; return 1 when something comes out otherwise.

    Raises:
        SettingsError: a database is missing, does not answer, or the one to fill is not empty.

    """
    source = database_url_of(settings)

    def tell(outcome: Outcome) -> None:
        if not as_json:
            OUT.print(f"{outcome.payments:,} payments, {len(outcome.diverged):,} diverged")

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
        kept = PostgresHistory(source, vault=vault, archive=reader_of(settings))
        found = PostgresHistory(target, vault=vault)
        async with _running(settings, PostgresStore(target, region=region, vault=vault), vault) as running:
            after: PaymentId | None = None
            while page := await kept.page(after, limit=PAGE):
                await each([_run(running, history, outcome) for history in page])
                _compare(page, await found.of([history.payment.payment_id for history in page]), outcome)
                after = page[-1].payment.payment_id
                vault.forget()
                tell(outcome)
        balances = [await PostgresLedger(pool).balances_of_payments() for pool in (source, target)]
        outcome.is_ledger_equal = balances[0] == balances[1]
        outcome.incoming_transfers = await kept.incoming_transfers()
    await remove_outbox(into)
    return outcome


@asynccontextmanager
async def _running(settings: Settings, store: PostgresStore, vault: Vault) -> AsyncIterator[Replay]:
    """A replay with its group commits running."""
    observer = TelemetryObserver(Metrics(), promise_s=settings.promise_s)
    accepts, saves = grouped_accepts(store), grouped_saves(store)
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(grouping.run()) for grouping in (accepts, saves)]
        yield Replay(served_rails(settings), Decisions(store, saves, observer), accepts, vault, observer)
        for loop in loops:
            loop.cancel()


async def _run(running: Replay, history: PaymentHistory, outcome: Outcome) -> None:
    try:
        await running.run(history)
    except (DivergedError, IllegalTransitionError) as error:
        outcome.diverged[history.payment.payment_id] = str(error)


def _compare(page: Sequence[PaymentHistory], found: Sequence[PaymentHistory], outcome: Outcome) -> None:
    by_id = {history.payment.payment_id: history for history in found}
    for kept in page:
        outcome.payments += 1
        outcome.events += len(kept.events)
        outcome.messages += len(kept.messages)
        outcome.postings += len(kept.postings)
        payment_id = kept.payment.payment_id
        if payment_id in outcome.diverged:
            continue  # it was said where it went astray
        try:
            demand_equal(kept, by_id[payment_id])
        except DivergedError as error:
            outcome.diverged[payment_id] = str(error)


def _print(outcome: Outcome) -> None:
    for line in list(outcome.diverged.values())[:DIVERGED_MAX]:
        OUT.print(line, style="red", markup=False, soft_wrap=True)
    OUT.print(
        f"{outcome.payments:,} payments, {outcome.events:,} events, {outcome.messages:,} messages, "
        f"{outcome.postings:,} postings run again."
    )
    if outcome.incoming_transfers:
        OUT.print(f"{outcome.incoming_transfers:,} incoming transfers are kept, and were left out.")
    if outcome.is_good:
        OUT.print("All came out as they are kept: states, events, the bytes that were sent, and the ledger.")
    else:
        OUT.print(f"[red]{len(outcome.diverged):,} came out otherwise[/]; ledger equal: {outcome.is_ledger_equal}")
