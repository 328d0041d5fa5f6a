"""Cost per payment with ten thousand and with a million payments stored: ``python -m tests.proofs.growth``.

The stored ones are made by SQL, in every table that a payment fills, and analysed; the report is docs/proofs/growth.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg

from adapters.postgres.connection import open_pool
from adapters.postgres.sealing import PostgresAudit
from adapters.system import SystemClock
from gateway.cli.bench.measure import Load, measure
from gateway.cli.installation import REGION, Installation, Plan, Servers, running_roles
from gateway.service.seal import Sealer
from tests.proofs.report import circumstances, part, table, write

SIZES: Final = (10_000, 1_000_000)
CHUNK: Final = 100_000
LOAD: Final = Load(rate=200.0, seconds=60, warmup_s=15)
GROWTH_MAX: Final = 1.15
"""The CPU per payment with a hundred times the payments stored, at most so many times what it was."""

SEED: Final = Path(__file__).with_name("seed.sql").read_text().partition("\n")[2]


async def seed(dsn: str, count: int) -> None:
    """Store `count` payments of days gone by, and let the planner know."""
    connection = await asyncpg.connect(dsn)
    try:
        for start in range(0, count, CHUNK):
            rows = f"{start + 1}, {min(start + CHUNK, count)}"
            await connection.execute(SEED.replace("1, {count}", rows), timeout=600)
            print(f"{min(start + CHUNK, count):,} stored", flush=True)
        await connection.execute("VACUUM ANALYZE", timeout=600)
    finally:
        await connection.close()


async def rest(dsn: str) -> None:
    """Write down what is stored, so that nobody does while it is measured."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


async def seal(dsn: str) -> None:
    """Seal what was stored: days gone by are sealed, and no worker is to do that while it is measured."""
    async with open_pool(dsn, connections_max=1) as pool:
        sealer = Sealer(PostgresAudit(pool, region=REGION), None, REGION, SystemClock())
        while sealed := await sealer.seal_once():
            print(f"{sealed:,} events sealed", flush=True)


def measured(count: int) -> dict[str, Any]:
    """The figures with `count` payments stored."""
    plan = Plan()
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        servers = Servers(plan, Path(name))
        with servers.running():
            asyncio.run(seed(servers.postgres.superuser_dsn, count))
            asyncio.run(seal(servers.postgres.application_dsn))
            asyncio.run(rest(servers.postgres.superuser_dsn))
            installation = Installation(plan, servers, Path(name))
            with running_roles(installation) as roles:
                return measure(installation, roles, LOAD).as_json()


_PAGE: Final = """# Proof: the cost of a payment does not grow with the payments stored

{circumstances}
{rate:g} payments a second for {seconds:g} s, on a database in which so many payments of days gone by lie in every table
(three events and three messages each, of 0.7 KB), made by `tests/proofs/seed.sql` and analysed. The bar: with a hundred
times the payments, at most {growth:g} times the CPU a payment.

{figures}
"""

_SHOWN: Final = (
    "settled", "p50_ms", "p99_ms", "ack_p99_ms", "cpu_us_per_payment", "cpu_us_per_payment_total", "rss_mib"
)  # fmt: skip


def page(found: Mapping[int, Mapping[str, Any]]) -> str:
    """Return the report."""
    headings = ("figure", *(f"{size:,} stored" for size in found))
    return _PAGE.format(
        circumstances=circumstances("make proof (python -m tests.proofs.growth)"),
        rate=LOAD.rate,
        seconds=LOAD.seconds,
        growth=GROWTH_MAX,
        figures=table(headings, [(name, *(one[name] for one in found.values())) for name in _SHOWN]),
    )


def main() -> None:
    """Measure what has not been measured at this commit, and write the report; exits 1 where the bar does not hold."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = {size: part("growth", str(size), lambda size=size: measured(size)) for size in SIZES}  # type: ignore[misc]
    write("growth", page(found))
    few, many = (found[size]["cpu_us_per_payment_total"] for size in SIZES)
    print(f"{many / few:.2f} times the CPU a payment")
    sys.exit(0 if many <= few * GROWTH_MAX else 1)


if __name__ == "__main__":
    main()
