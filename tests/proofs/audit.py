"""A chain of a million events, and a thousand random tampers: ``python -m tests.proofs.audit``.

The events are saved through the store and sealed by the sealer's own way, `SEAL_EVENTS` at a time. Then
`fifteen audit verify` goes through all of it, as a process of its own; then each tamper is applied in a transaction,
looked for in it, and rolled back; then some are applied together and looked for by a verification of everything. The
report is docs/proofs/audit.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import asyncpg

from adapters.anchors.files import FileAnchor
from adapters.postgres.audit import PostgresAuditReader
from adapters.postgres.connection import open_pool
from adapters.postgres.sealing import PostgresAudit
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import upgrade
from gateway.domain.events import EventKind
from gateway.service.ports import Anchor, MessageDirection
from gateway.service.verify_audit import verify
from tests.benchmarks.audit import BEFORE, LOST_MAX, ROUNDS, SECONDS, compare, medians
from tests.conftest import REGION
from tests.integration.audit.tampering import History, Tamper, Tamperer, applied_and_looked_for, history_of
from tests.integration.store.harness import NOW, VAULT, decision, new_payment, raw_message
from tests.proofs.report import circumstances, part, table, write

EVENTS: Final = 1_000_200
TAMPERS: Final = 1_000
TOGETHER: Final = 100
SEAL_EVENTS: Final = 1_000
BATCH: Final = 500
SECONDS_MAX: Final = 60.0
BODY: Final = b"<Document>a message of some seven hundred bytes</Document>".ljust(700)


async def stored(dsn: str, events: int) -> None:
    """Save payments of three events and three messages each, and seal now and then."""
    async with open_pool(dsn) as pool:
        store, audit = PostgresStore(pool, region=REGION, vault=VAULT), PostgresAudit(pool, region=REGION)
        for start in range(0, events // 3, BATCH):
            numbers = range(start, min(start + BATCH, events // 3))
            accepted = await store.accept([new_payment(f"key-{number}", content=BODY.decode()) for number in numbers])
            payments = [outcome.payment for outcome in accepted if outcome.payment is not None]
            for kind, direction, status in (
                (EventKind.SENDING_STARTED, MessageDirection.RAIL_OUT, None),
                (EventKind.SETTLEMENT_REPORTED, MessageDirection.RAIL_IN, "ACSC"),
            ):
                saved = await store.save(
                    [
                        decision(
                            payment,
                            kind,
                            raw_message(direction, f"{kind}-{payment.message_id}", body=BODY),
                            status=status,
                            inbox_id=f"{payment.message_id}" if status else None,
                        )
                        for payment in payments
                    ]
                )
                assert all(saved)
                loaded = await store.load([payment.payment_id for payment in payments])
                payments = [loaded[payment.payment_id] for payment in payments]
            while await audit.seal(at=NOW, events_max=SEAL_EVENTS) is not None:
                pass
            if start % 50_000 == 0:
                print(f"{3 * start:,} events", flush=True)


async def write_anchors(dsn: str, directory: Path) -> None:
    """Write every head down, as the sealer does."""
    anchor = FileAnchor(directory)
    async with open_pool(dsn) as pool:
        audit = PostgresAudit(pool, region=REGION)
        while seals := await audit.seals_after(await anchor.newest(REGION), limit=1_000):
            await anchor.append([Anchor.of(seal) for seal in seals])


def verified(dsn: str, directory: Path) -> dict[str, Any]:
    """What `fifteen audit verify` says, with its time and its largest memory."""
    started = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "audit", "verify", "--json", "--anchors", str(directory)],
        env={**os.environ, "FIFTEEN_DATABASE_URL": dsn}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(answer.stdout)
    return {
        "exit": answer.returncode,
        "seconds": round(time.monotonic() - started, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "rss_mib": round(after.ru_maxrss / 1024),
        "events": found["events"],
        "messages": found["messages"],
        "seals": found["regions"][REGION]["seals"],
        "violations": found["violations_count"],
        "load": round(os.getloadavg()[0], 1),
    }


async def tampered(dsn: str, seed: int, tampers: int) -> dict[str, Any]:
    """How many tampers of which kind were found, each alone."""
    connection = await asyncpg.connect(dsn)
    try:
        history, tamperer = await history_of(connection), Tamperer(seed)
        tried, found, unseen = Counter[str](), Counter[str](), []
        started = time.monotonic()
        for number in range(tampers):
            done, trail = await applied_and_looked_for(connection, history, tamperer.draw)
            tried[done.kind] += 1
            found[done.kind] += not trail.is_sound
            if trail.is_sound:
                unseen.append(f"{done.kind}: {done.what}")
            if number % 100 == 99:
                print(f"{number + 1} tampers, {found.total()} found", flush=True)
        together = await _together(connection, history, tamperer)
        return {
            "tried": dict(sorted(tried.items())), "found": dict(sorted(found.items())), "unseen": unseen,
            "seconds": round(time.monotonic() - started, 1), "together": together,
        }  # fmt: skip
    finally:
        await connection.close()


async def _together(connection: asyncpg.Connection, history: History, tamperer: Tamperer) -> dict[str, Any]:
    """Apply many at once and verify everything: is each of the places named?"""
    places: list[Tamper] = []
    transaction = connection.transaction()
    await transaction.start()
    try:
        for _ in range(TOGETHER):
            act = [tamperer.edit_event, tamperer.delete_event, tamperer.insert_event, tamperer.delete_payment]
            with suppress(asyncpg.UniqueViolationError):
                places.append(await act[len(places) % len(act)](connection, history))
        trail = await verify(PostgresAuditReader(connection), history.anchors, local=REGION)
    finally:
        await transaction.rollback()
    named = {violation.place.partition(",")[0] for violation in trail.violations}
    seals = {violation.place for violation in trail.violations if ", seal " in violation.place}
    seen = [
        each
        for each in places
        if f"region {REGION}, seal {each.seals[0]}" in seals or any(f"payment {one}" in named for one in each.payments)
    ]
    return {"tampers": len(places), "named": len(seen), "violations": trail.violations_count}


def measured(events: int, seed: int, tampers: int) -> Mapping[str, Any]:
    """Everything, on a server of its own."""
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        anchors = Path(name) / "anchors"
        anchors.mkdir()
        with EmbeddedPostgres(Path(name) / "postgres") as server:
            asyncio.run(upgrade(server.owner_dsn, regions=[REGION], first_tenant=None, now=NOW))
            asyncio.run(stored(server.application_dsn, events))
            asyncio.run(_analysed(server.owner_dsn))
            asyncio.run(write_anchors(server.application_dsn, anchors))
            runs = [verified(server.application_dsn, anchors) for _ in range(3)]
            print(json.dumps(runs), flush=True)
            return {"runs": runs, **asyncio.run(tampered(server.owner_dsn, seed, tampers))}


async def _analysed(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()


_PAGE: Final = """# Proof: tampering with the history is found

{circumstances}
Seed of the tampers: {seed}.

{events:,} events of {payments:,} payments (three events and three messages of 0.7 KB each), saved through the store,
sealed {seal_events:,} at a time, the heads in an anchor file. The bars: 1,000 random tampers, 1,000 found; the
verification of all under {seconds_max:g} s.

## Verifying everything

`fifteen audit verify --json --anchors DIR`, three times, on as many processes as there are cores. `cpu_s` is theirs
together, without PostgreSQL's; `rss_mib` that of the largest; `load` the machine's load average at the end.

{runs}

## {tampers:,} tampers

Each is applied by the database's owner in a transaction, looked for in it with the verifier's functions at the
payments and seals that it touched (a verification of everything comes to them as well, and does the same there), and
rolled back. Half of the ways compute the payment's digests anew, as `docs/audit.md` tells how; two of them the seals'
too, or cut off events, seals and all: these are found by the anchors alone.

{kinds}

{unseen}

Together: {together_tampers} tampers (edit, delete, insert, a whole payment deleted) applied in one transaction,
then everything verified in it: {together_named} named by payment or seal, {together_violations:,} violations.

## What it costs

`python -m tests.benchmarks.audit`: the same payments (three events, three messages of 4 KB, batches of 64) through the
store with chain, sealer and anchor, and through the store of commit `{before}`, in turn, {rounds} rounds of
{seconds:g} s each, on the same two cores. Medians; the bar: at most a tenth fewer payments a second.

{cost}
"""


def cost() -> Mapping[str, Mapping[str, float]]:
    """What the audit costs the store, as its benchmark measures it."""
    return {which: medians(rounds) for which, rounds in compare(ROUNDS, SECONDS).items()}


def page(found: Mapping[str, Any], costs: Mapping[str, Mapping[str, float]], *, events: int, seed: int) -> str:
    """Return the report."""
    runs, together = found["runs"], found["together"]
    figures = [name for name in runs[0] if name != "exit"]
    return _PAGE.format(
        circumstances=circumstances("python -m tests.proofs.audit"),
        seed=seed,
        events=events,
        payments=events // 3,
        seal_events=SEAL_EVENTS,
        seconds_max=SECONDS_MAX,
        runs=table(
            ("figure", *(f"run {number}" for number in range(1, len(runs) + 1))),
            [(name, *(run[name] for run in runs)) for name in figures],
        ),
        tampers=sum(found["tried"].values()),
        kinds=table(
            ("kind", "tried", "found"),
            [(kind, count, found["found"].get(kind, 0)) for kind, count in found["tried"].items()],
        ),
        unseen="None was left unseen." if not found["unseen"] else "Unseen: " + "; ".join(found["unseen"]) + ".",
        before=BEFORE,
        rounds=ROUNDS,
        seconds=SECONDS,
        cost=table(
            ("figure", "off", "on", "on / off"),
            [(name, off, costs["on"][name], f"{costs['on'][name] / off:.3f}") for name, off in costs["off"].items()],
        ),
        **{f"together_{name}": value for name, value in together.items()},
    )


def main() -> None:
    """Prove what has not been proved at this commit, and write the report; exits 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--tampers", type=int, default=TAMPERS)
    parser.add_argument("--seed", type=int, default=20261122)
    arguments = parser.parse_args()
    events = arguments.events // 3 * 3
    found = part("audit", f"{events}", lambda: measured(events, arguments.seed, arguments.tampers))
    costs = part("audit", "cost", cost)
    report = page(found, costs, events=events, seed=arguments.seed)
    if arguments.events == EVENTS:
        write("audit", report)
    else:
        print(report)
    best = min(run["seconds"] for run in found["runs"])
    sound = all(run["violations"] == 0 for run in found["runs"])
    is_cheap = costs["on"]["rate"] >= costs["off"]["rate"] * (1 - LOST_MAX)
    sys.exit(0 if not found["unseen"] and sound and best < SECONDS_MAX and is_cheap else 1)


if __name__ == "__main__":
    main()
