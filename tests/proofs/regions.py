"""``make proof``: keys that go to both regions at the same moment; and the control, in which both own every slot."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiohttp import ClientSession, TCPConnector

from gateway.cli.demo import SCENARIOS
from gateway.cli.drill.region.role import ANYWHERE, PLANTS_VARIABLE
from gateway.cli.two_regions import Plan, TwoRegions
from tests.proofs.report import circumstances, part, table, write

KEYS: Final = 3_000
CONTROL_KEYS: Final = 300
AT_ONCE: Final = 64
DELAY_MS: Final = 30.0
FINAL_WITHIN_S: Final = 60.0
CONTROL_FINAL_WITHIN_S: Final = 10.0
"""What the control has doubled may be in doubt for long: it is not waited for."""

OPEN: Final = "SELECT count(*) FROM payment_state WHERE timer_at IS NOT NULL"

_PAGE: Final = """# Proof: a key has one home

{circumstances}

Two complete regions on one machine (`fifteen up`), {delay:g} ms one way between them. Each key is sent to both
regions at the same moment: both requests have left before either is answered. The rail counts every copy that reaches
it. The control is the same, but that either region accepts any key.

{table}

`claims` are rows in either region's database: one for each key, or it was accepted twice. `payments` are different ids
that clients were told; these are functions of the key, and so alike even where it was accepted twice. `copies` are what
came to the rail. Whoever was `not answered with a payment` was refused, or told that it is pending, and may ask again.
"""


async def _measure(two: TwoRegions, keys: int, *, prefix: str, within_s: float) -> dict[str, int]:
    turn = asyncio.Semaphore(AT_ONCE)
    ids: dict[int, set[str]] = {key: set() for key in range(keys)}
    unanswered = 0

    async def send(session: ClientSession, url: str, key: int, barrier: asyncio.Barrier) -> None:
        nonlocal unanswered
        await barrier.wait()
        headers = {"Idempotency-Key": f"{prefix}-{key}"}
        async with session.post(f"{url}/v1/payments", json=SCENARIOS[0].payment(), headers=headers) as response:
            answer = await response.json(content_type=None)
        if "payment_id" in answer:
            ids[key].add(answer["payment_id"])
        else:
            unanswered += 1

    async def both(session: ClientSession, key: int) -> None:
        barrier = asyncio.Barrier(2)
        async with turn, asyncio.TaskGroup() as pair:
            for region in two.regions:
                pair.create_task(send(session, region.gateway_url, key, barrier))

    headers = {"Authorization": f"Bearer {two.api_key}"}
    connector = TCPConnector(limit=0)  # none of a pair waits for a free connection
    async with ClientSession(headers=headers, connector=connector) as session, asyncio.TaskGroup() as group:
        for key in range(keys):
            group.create_task(both(session, key))
    claims, still_open = await _until_final(two, prefix, within_s=within_s)
    copies = _copies(two)
    return {
        "keys": keys,
        "payments": len(set().union(*ids.values())),
        "not answered with a payment": unanswered,
        "not final in the end": still_open,
        "claims": claims,
        "doubled claims": claims - keys,
        "copies more than payments": sum(copies.values()) - len(copies),
    }


async def _until_final(two: TwoRegions, prefix: str, *, within_s: float) -> tuple[int, int]:
    """Wait until nothing is open in either region; return the claims that both have written, and what stayed open."""
    claims = still_open = 0
    for region in two.regions:
        connection = await asyncpg.connect(region.server.superuser_dsn)
        try:
            async with asyncio.timeout(within_s):
                while await connection.fetchval(OPEN):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            still_open += await connection.fetchval(OPEN)
        finally:
            counted = "SELECT count(*) FROM claim WHERE region = $1 AND idempotency_key LIKE $2"
            claims += await connection.fetchval(counted, region.name, f"{prefix}-%")
            await connection.close()
    return claims, still_open


def _copies(two: TwoRegions) -> Counter[str]:
    copies: Counter[str] = Counter()
    for line in (two.directory / "fednow-journal.jsonl").read_text().splitlines():
        fact: dict[str, Any] = json.loads(line)
        if "verdict" in fact and str(fact["message_type"]).startswith("pacs.008"):
            copies[fact["message_id"]] += 1
    return copies


async def _own_everything(two: TwoRegions) -> None:
    """Plant the fault in the databases too: whoever asks owns the slot."""
    for region in two.regions:
        connection = await asyncpg.connect(region.server.superuser_dsn)
        await connection.execute(ANYWHERE)
        await connection.close()


def _run(keys: int, *, is_control: bool) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as directory:
        plan = Plan(delay_ms=DELAY_MS)
        if is_control:
            plan = replace(plan, role_module="gateway.cli.drill.region.role", settings={PLANTS_VARIABLE: "home"})
        two = TwoRegions(plan, Path(directory))
        with two.running():
            if is_control:
                asyncio.run(_own_everything(two))
                return asyncio.run(_measure(two, keys, prefix="control", within_s=CONTROL_FINAL_WITHIN_S))
            return asyncio.run(_measure(two, keys, prefix="both", within_s=FINAL_WITHIN_S))


def main() -> None:
    """Measure and write."""
    sound = part("regions", "both", lambda: _run(KEYS, is_control=False))
    control = part("regions", "control", lambda: _run(CONTROL_KEYS, is_control=True))
    page = _PAGE.format(
        circumstances=circumstances(
            "python -m tests.proofs.regions", on_it="both regions, the witness, the rail, the load"
        ),
        delay=DELAY_MS,
        table=table(("figure", "regions", "control"), [(name, sound[name], control[name]) for name in sound]),
    )
    write("regions", page)
    if (
        sound["claims"] != KEYS
        or sound["payments"] != KEYS
        or sound["copies more than payments"]
        or sound["not final in the end"]
    ):
        raise SystemExit("a key was accepted twice, or not at all")
    if not control["doubled claims"]:
        raise SystemExit("the control shows nothing: the fault was not planted")


if __name__ == "__main__":
    main()
