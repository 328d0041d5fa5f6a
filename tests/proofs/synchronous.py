"""``make proof``: what it costs to be acknowledged only when both regions have it; the control asks one alone."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, TCPConnector

from adapters.postgres.replication.connection import connected
from gateway.cli.demo import SCENARIOS
from gateway.cli.two_regions import Plan, TwoRegions
from gateway.domain.identity import slot_of
from gateway.domain.payment import IdempotencyKey, RegionId
from gateway.domain.regions import SlotMap
from tests.proofs.report import circumstances, part, table, write

ONE_AFTER_THE_OTHER: Final = 300
AT_ONCE: Final = 64
TOGETHER: Final = 3_000
DELAY_MS: Final = 30.0
READY_WITHIN_S: Final = 30.0

_PAGE: Final = """# Proof: what both regions cost

{circumstances}

Two complete regions on one machine, {delay:g} ms one way between them; keys that have their home where they are sent.
First {alone} payments one after the other, then {together} by {at_once} clients at once. `synchronous` has
`FIFTEEN_SYNCHRONOUS_TENANTS=*`: an answer leaves when the other region has confirmed it, one round trip of
{round_trip:g} ms later at the least. `in the other region` counts, right after the last answer, the acknowledged
claims that the other region's database has. Whoever was `not answered with a payment` was told that it is pending or
that nothing was begun, and may ask again.

{table}
"""


async def _measure(two: TwoRegions) -> dict[str, float]:
    region, peer = two.regions
    own = SlotMap.first([RegionId(each.name) for each in two.regions]).slots_of(RegionId(region.name))
    keys = (f"both-{number}" for number in count())
    at_home = (key for key in keys if slot_of(IdempotencyKey(key)) in own)
    acknowledged: list[str] = []
    sent = 0

    async def send(session: ClientSession) -> float | None:
        nonlocal sent
        key, sent = next(at_home), sent + 1
        started_s = time.perf_counter()
        async with session.post(
            f"{region.gateway_url}/v1/payments", json=SCENARIOS[0].payment(), headers={"Idempotency-Key": key}
        ) as response:
            answer = await response.json(content_type=None)
        if "payment_id" not in answer:
            return None
        acknowledged.append(key)
        return (time.perf_counter() - started_s) * 1000

    headers = {"Authorization": f"Bearer {two.api_key}"}
    async with ClientSession(headers=headers, connector=TCPConnector(limit=0)) as session:
        async with asyncio.timeout(READY_WITHIN_S):
            while await send(session) is None:
                await asyncio.sleep(0.2)
        sent = 1  # what was asked before the regions followed each other is none of it
        alone = [await send(session) for _ in range(ONE_AFTER_THE_OTHER)]
        left = iter(range(TOGETHER))
        started_s = time.perf_counter()
        together: list[float | None] = []

        async def client() -> None:
            together.extend([await send(session) for _ in left])

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(client())
        took_s = time.perf_counter() - started_s
    async with connected(peer.server.superuser_dsn) as connection:
        there = await connection.fetchval("SELECT count(*) FROM claim WHERE idempotency_key = ANY ($1)", acknowledged)
    answered = sorted(ms for ms in alone if ms is not None)
    busy = sorted(ms for ms in together if ms is not None)
    return {
        "acknowledged": len(acknowledged),
        "not answered with a payment": sent - len(acknowledged),
        "in the other region": there,
        "one after the other: median ms": round(statistics.median(answered), 1),
        "one after the other: 99 % ms": round(answered[len(answered) * 99 // 100], 1),
        f"{AT_ONCE} at once: median ms": round(statistics.median(busy), 1),
        f"{AT_ONCE} at once: 99 % ms": round(busy[len(busy) * 99 // 100], 1),
        f"{AT_ONCE} at once: acknowledged per second": round(len(busy) / took_s),
    }


def _run(settings: dict[str, str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as directory:
        two = TwoRegions(Plan(delay_ms=DELAY_MS, settings=settings), Path(directory))
        with two.running():
            return asyncio.run(_measure(two))


def main() -> None:
    """Measure and write."""
    synchronous = part("synchronous", "both", lambda: _run({"FIFTEEN_SYNCHRONOUS_TENANTS": "*"}))
    control = part("synchronous", "control", lambda: _run({}))
    write(
        "synchronous",
        _PAGE.format(
            circumstances=circumstances(
                "python -m tests.proofs.synchronous", on_it="both regions, the witness, the rail, the load"
            ),
            delay=DELAY_MS,
            round_trip=2 * DELAY_MS,
            alone=ONE_AFTER_THE_OTHER,
            together=TOGETHER,
            at_once=AT_ONCE,
            table=table(("figure", "synchronous", "asynchronous"), [(n, synchronous[n], control[n]) for n in control]),
        ),
    )
    if synchronous["in the other region"] < synchronous["acknowledged"]:
        raise SystemExit("a payment was acknowledged that the other region does not have")


if __name__ == "__main__":
    main()
