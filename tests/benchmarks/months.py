"""What the months of `message` cost the database: ``python -m tests.benchmarks.months``.

The hot statements on one PostgreSQL, in batches of 64 payments, on three schemas: one partition for the region, with
the key that it had before the archive; months as an installation has them; and two years of months. Every database has
the same messages at rest. Printed is the CPU of the database's process for each payment, in microseconds, the median of
the rounds, by statement.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.partitions import PostgresMonths
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import upgrade
from adapters.system import SystemClock, SystemIdentifiers
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, Rail
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.ports import MessageDirection, RawMessage
from tests.conftest import REGION
from tests.integration.store.harness import new_payment

BATCH: Final = 64
BODY: Final = b"x" * 4_000
AT_REST: Final = 100_000
SCHEMAS: Final = ("one partition", "months", "two years")

_numbers = count(1)
_TICKS: Final = os.sysconf("SC_CLK_TCK")

SEED: Final = """
    INSERT INTO message (region, message_id, tenant_id, payment_id, direction, message_type, business_message_id,
        content_type, key_id, body, digest, at)
    SELECT 'local', gen_random_uuid(), 'default', gen_random_uuid(), 'rail_out', 'seed', 'SEED' || n, 'application/xml',
        'clear', convert_to(repeat('at rest ', 25), 'UTF8'), sha256(n::text::bytea),
        $1::timestamptz - n * interval '60 seconds'
    FROM generate_series(1, $2) AS n
"""

AS_BEFORE: Final = """
    DROP TABLE message_local;
    ALTER TABLE message DROP CONSTRAINT message_pk;
    ALTER TABLE message ADD CONSTRAINT message_pk PRIMARY KEY (message_id, tenant_id, region);
    CREATE TABLE message_local PARTITION OF message FOR VALUES IN ('local');
    ALTER TABLE message_local SET (toast_tuple_target = 8160);
"""


class Schema:
    """A database of one shape, and a store on a single connection to it."""

    def __init__(self, name: str, pool: asyncpg.Pool[asyncpg.Record], pid: int) -> None:
        self.name = name
        self.store = PostgresStore(pool, region=REGION, vault=ClearVault(b"benchmark"))
        self.pid = pid
        self.cpu_us: dict[str, list[float]] = {}

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    async def measured(self, what: str, payments: int, act: Callable[[], Awaitable[None]]) -> None:
        """Run it, and write down the CPU of the backend for each payment."""
        before = self._cpu_s()
        await act()
        self.cpu_us.setdefault(what, []).append((self._cpu_s() - before) / payments * 1e6)


def message(direction: MessageDirection, business_message_id: str, at: datetime) -> RawMessage:
    """A message of 4 KB."""
    identifiers = SystemIdentifiers()
    return RawMessage(identifiers.new_uuid(), direction, "type", business_message_id, "application/xml", BODY, at)


async def one_round(schema: Schema, batches: int) -> None:
    """Accept, send, find and settle so many batches."""
    now, store, sent = SystemClock().now(), schema.store, count(next(_numbers) * 1_000_000)
    waiting = [
        [
            replace(new, accepted_at=now, message=message(MessageDirection.CLIENT_IN, new.message_id, now))
            for new in (new_payment(f"B{next(_numbers)}") for _ in range(BATCH))
        ]
        for _ in range(batches)
    ]
    payments: list[list[Payment]] = []

    async def accept() -> None:
        for batch in waiting:
            accepted = await store.accept(batch)
            payments.append([each.payment for each in accepted if each.payment is not None])

    async def save(kind: EventKind, direction: MessageDirection) -> None:
        for number, batch in enumerate(payments):
            decisions = [
                decide(
                    payment,
                    Event(kind, status="ACSC" if direction is MessageDirection.RAIL_IN else None),
                    at=now,
                    timing=Timing(),
                    messages=(message(direction, f"M{next(sent)}", now),),
                    inbox_id=f"I{next(sent)}" if direction is MessageDirection.RAIL_IN else None,
                    inbox_digest=b"digest" if direction is MessageDirection.RAIL_IN else None,
                )
                for payment in batch
            ]
            assert all(await store.save(decisions))
            names[number] = [decision.messages[0].business_message_id for decision in decisions]
            found = await store.load([payment.payment_id for payment in batch])
            payments[number] = list(found.values())

    names: dict[int, list[str]] = {}

    async def find() -> None:
        for batch in names.values():
            assert len(await store.find_by_message_id(Rail.FEDNOW, batch)) == BATCH

    async def load() -> None:
        for batch in payments:
            wanted = [(payment.payment_id, MessageDirection.CLIENT_IN) for payment in batch]
            assert len(await store.load_with_message(wanted)) == BATCH

    number = batches * BATCH
    await schema.measured("accept", number, accept)
    await schema.measured("load with message", number, load)
    await schema.measured("save, sent", number, lambda: save(EventKind.SENDING_STARTED, MessageDirection.RAIL_OUT))
    await schema.measured("find by message id", number, find)
    await schema.measured(
        "save, settled", number, lambda: save(EventKind.SETTLEMENT_REPORTED, MessageDirection.RAIL_IN)
    )


async def prepare(server: EmbeddedPostgres, name: str, now: datetime) -> str:
    """A database of one shape; return its URL for the application."""
    database = name.replace(" ", "_")
    base = server.superuser_dsn.rpartition("/")[0]
    superuser = await asyncpg.connect(f"{base}/postgres")
    await superuser.execute(f"CREATE DATABASE {database} OWNER fifteen_owner")
    await superuser.close()
    owner_dsn = f"{server.owner_dsn.rpartition('/')[0]}/{database}"
    begin = now - timedelta(days=600) if name == "two years" else now - timedelta(days=90)
    await upgrade(owner_dsn, regions=[REGION], first_tenant=None, now=begin)
    owner = await asyncpg.connect(owner_dsn)
    if name == "one partition":
        await owner.execute(AS_BEFORE)
    else:
        months = PostgresMonths(owner_dsn, regions=[REGION])
        for days in range((now - begin).days, -31, -31):
            await months.create(now - timedelta(days=days))
    await owner.execute(SEED, now, AT_REST, timeout=120)
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    return f"{server.application_dsn.rpartition('/')[0]}/{database}"


async def measure(rounds: int, batches: int) -> dict[str, dict[str, float]]:
    """Return the median CPU in microseconds by schema and statement."""
    now = SystemClock().now()
    with tempfile.TemporaryDirectory(prefix="fifteen-bench-") as name, EmbeddedPostgres(Path(name)) as server:
        async with AsyncExitStack() as stack:
            schemas = []
            for shape in SCHEMAS:
                dsn = await prepare(server, shape, now)
                pool = await stack.enter_async_context(open_pool(dsn, connections_max=1))
                schemas.append(Schema(shape, pool, await pool.fetchval("SELECT pg_backend_pid()")))
            for _ in range(rounds):
                for schema in schemas:
                    await one_round(schema, batches)
    return {
        schema.name: {what: round(median(found[1:] or found), 1) for what, found in schema.cpu_us.items()}
        for schema in schemas
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batches", type=int, default=30)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(arguments.rounds, arguments.batches)), indent=2))


if __name__ == "__main__":
    main()
