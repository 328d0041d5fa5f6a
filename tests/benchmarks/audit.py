"""What the audit costs: ``python -m tests.benchmarks.audit``.

The same payments go through the store of this tree, with chain, sealer and anchor, and through the store of the commit
before there was an audit, each on a PostgreSQL of its own; rounds alternate, so that whatever else the machine does
befalls both. A payment is accepted, sent and settled: three events, three messages of 4 KB, in batches of 64 as the
group commit makes them, four batches at a time. The bar: at most a tenth fewer payments a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
BEFORE: Final = "0fa8ef8"
"""The last commit without an audit."""

ROUNDS: Final = 8
SECONDS: Final = 8.0
LOST_MAX: Final = 0.1
BATCH: Final = 64
WRITERS: Final = 4
BODY: Final = b"<Document>a message of some four kilobytes</Document>".ljust(4_000)


async def load(directory: Path, *, seconds: float, audited: bool) -> Mapping[str, float]:
    """Carry payments through the store for so long, on a server of its own; what both trees have is imported alone."""
    from adapters.postgres.connection import open_pool
    from adapters.postgres.server import EmbeddedPostgres
    from adapters.postgres.store import PostgresStore
    from adapters.postgres.upgrade import upgrade
    from tests.benchmarks.intake import cpu_s
    from tests.conftest import REGION
    from tests.integration.store.harness import NOW, VAULT

    done = 0
    with EmbeddedPostgres(directory / "postgres") as server:
        await upgrade(server.owner_dsn, regions=[REGION], first_tenant=None, now=NOW)
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(open_pool(server.application_dsn))
            store = PostgresStore(pool, region=REGION, vault=VAULT)

            async def write(writer: int, until: float) -> None:
                nonlocal done
                batch = 0
                while time.monotonic() < until:
                    await carry(store, f"{writer}-{until}-{batch}")
                    batch += 1
                    done += BATCH

            async def write_all(until: float) -> None:
                async with asyncio.TaskGroup() as tasks:
                    for writer in range(WRITERS):
                        tasks.create_task(write(writer, until))

            sealing = asyncio.create_task(seal(pool, directory)) if audited else None
            await write_all(time.monotonic() + 2.0)
            cpu = (time.process_time(), cpu_s(server.process_id))
            started, done = time.monotonic(), 0
            await write_all(started + seconds)
            elapsed = time.monotonic() - started
            client, postgres = time.process_time() - cpu[0], cpu_s(server.process_id) - cpu[1]
            if sealing is not None:
                sealing.cancel()
                with suppress(asyncio.CancelledError):
                    await sealing
    return {
        "rate": done / elapsed,
        "client_cpu_us": client / done * 1e6,
        "postgres_cpu_us": postgres / done * 1e6,
    }


async def carry(store: Any, key: str) -> None:
    """Accept, send and settle one batch."""
    from gateway.domain.events import EventKind
    from gateway.service.ports import MessageDirection
    from tests.integration.store.harness import decision, new_payment, raw_message

    accepted = await store.accept([new_payment(f"{key}-{number}", content=BODY.decode()) for number in range(BATCH)])
    ids = [outcome.payment.payment_id for outcome in accepted]
    for kind, direction in (
        (EventKind.SENDING_STARTED, MessageDirection.RAIL_OUT),
        (EventKind.SETTLEMENT_REPORTED, MessageDirection.RAIL_IN),
    ):
        payments = (await store.load(ids)).values()
        decisions = [
            decision(payment, kind, raw_message(direction, f"{kind}-{payment.message_id}", body=BODY))
            for payment in payments
        ]
        assert all(await store.save(decisions))


async def seal(pool: Any, directory: Path) -> None:
    """Seal and anchor, as a worker does."""
    from adapters.anchors.files import FileAnchor
    from adapters.postgres.sealing import PostgresAudit
    from adapters.system import SystemClock
    from gateway.service.seal import Sealer
    from tests.conftest import REGION

    await Sealer(PostgresAudit(pool, region=REGION), FileAnchor(directory), REGION, SystemClock()).run()


def measured(tree: Path, *, seconds: float, audited: bool) -> Mapping[str, float]:
    """One round, as a process of its own in one of the trees."""
    command = [sys.executable, __file__, "--load", "--seconds", str(seconds), *(("--audited",) if audited else ())]
    answer = subprocess.run(
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True, check=True
    )
    figures: Mapping[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def former_tree(directory: Path) -> Path:
    """The tree of the commit before, written out."""
    archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive, check=True)
    return directory


def compare(rounds: int, seconds: float) -> Mapping[str, Sequence[Mapping[str, float]]]:
    """Measure both in turn, the first of each round in turn as well."""
    found: dict[str, list[Mapping[str, float]]] = {"off": [], "on": []}
    with tempfile.TemporaryDirectory(prefix="fifteen-bench-") as name:
        trees = {"off": former_tree(Path(name)), "on": ROOT}
        for number in range(rounds):
            for which in ("off", "on") if number % 2 else ("on", "off"):
                found[which].append(measured(trees[which], seconds=seconds, audited=which == "on"))
                print(which, {key: round(value) for key, value in found[which][-1].items()}, flush=True)
    return found


def medians(rounds: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """The median of each figure."""
    return {name: round(statistics.median(one[name] for one in rounds), 1) for name in rounds[0]}


def main() -> None:
    """Print the medians, and whether the bar holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--load", action="store_true", help="one round, in the tree that PYTHONPATH names")
    parser.add_argument("--audited", action="store_true")
    arguments = parser.parse_args()
    if arguments.load:
        with tempfile.TemporaryDirectory(prefix="fifteen-bench-") as name:
            print(json.dumps(asyncio.run(load(Path(name), seconds=arguments.seconds, audited=arguments.audited))))
        return
    found = compare(arguments.rounds, arguments.seconds)
    off, on = medians(found["off"]), medians(found["on"])
    for name in off:
        print(f"{name:20} off {off[name]:>10,} on {on[name]:>10,} {on[name] / off[name]:6.3f}")
    holds = on["rate"] >= off["rate"] * (1 - LOST_MAX)
    print("holds" if holds else "DOES NOT HOLD")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
