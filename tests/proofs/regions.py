"""Keys that go to both regions at the same moment, and what a claim costs: ``python -m tests.proofs.regions``.

The control is the same, but that both own every slot. Latency is held against one region alone.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiohttp import ClientSession, TCPConnector, TraceConfig

from gateway.cli.demo import SCENARIOS
from gateway.cli.drill.region.count import asking, fetched
from gateway.cli.drill.region.plants import Plant, plant_in_databases
from gateway.cli.drill.region.role import PLANTS_VARIABLE, TRAPS_VARIABLE
from gateway.cli.two_regions import Plan, TwoRegions
from tests.proofs.region_latency import (
    FORWARDED_MORE_MAX_MS,
    OWN_MORE_MAX_MS,
    in_turns,
)
from tests.proofs.report import circumstances, part, table, write

KEYS: Final = 3_000
CONTROL_KEYS: Final = 300
AT_ONCE: Final = 64
ARRIVED_S: Final = 0.1
"""By then a request whose last byte has left is in its gateway, and at the other region's too: three times the way."""

DELAY_MS: Final = 30.0
FINAL_WITHIN_S: Final = 60.0
CONTROL_FINAL_WITHIN_S: Final = 10.0
"""What the control has doubled may be in doubt for long: it is not waited for."""

OPEN: Final = "SELECT count(*) FROM payment_state WHERE timer_at IS NOT NULL"

_PAGE: Final = """# Proof: a key has one home

{circumstances}

Two complete regions on one machine (`fifteen up`), {delay:g} ms one way between them. Each key is sent to both
regions at the same moment: {at_once} keys at a time, while the lock that every claim takes is held in both databases.
It is let go {arrived_ms:g} ms after the last byte of the last request has left, when no claim of theirs has been
committed and none is answered: those are `sent to both before either had committed`. The rail counts every copy that
reaches it. The control is the same, but that either region accepts any key.

{table}

`claims` are rows in either region's database: one for each key, or it was accepted twice. `payments` are different ids
that clients were told; these are functions of the key, and so alike even where it was accepted twice. `copies` are what
came to the rail. Whoever was `not answered with a payment` was refused, or told that it is pending, and may ask again.

## What a claim costs

From the request to its 202, in milliseconds; one client, one request after the other. One region alone and the two
regions run on the machine at the same time, and are asked in turns: a key for the one alone, one at home where it is
sent, one that is forwarded, in another order each time, {turns} turns. The link's round trip is measured in the same
turns: the same short request through it and directly. So each figure has the same machine around it. Measured one
after the other, as it was at first, `in its own region` has the processes of both regions beside it on two cores, and
`of one alone` has not: at commit 6dd64ee 5.3 ms lay between them, and in turns, on a busy machine, 2.5 ms. Of these a
statement of its own was taken out, in which it was looked whether the other region has accepted the message id; and
what is forwarded does not wait for the window of 4 ms in which submissions are gathered here any more.

{latency}

What is more is the median of the turns' own differences. The other region's work for a payment, copying and folding
it, is on the same two cores, and in the figure. The link is a process that carries bytes in clear, {delay:g} ms one
way; what it takes beyond that is its own, and no gateway's.
"""


@dataclass(slots=True)
class Wave:
    """Keys that are sent to both regions while neither can commit a claim."""

    two: TwoRegions
    prefix: str
    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    overlapped: int = 0
    """Keys of which both requests had been sent when no claim had been committed yet."""
    payments: set[str] = field(default_factory=set)

    def session(self) -> ClientSession:
        """Return a session that counts the requests whose last byte has been sent."""
        tracing = TraceConfig()

        async def sent(*_: object) -> None:
            self.sent += 1

        tracing.on_request_chunk_sent.append(sent)
        headers = {"Authorization": f"Bearer {self.two.api_key}"}
        connector = TCPConnector(limit=0)  # none of a pair waits for a free connection
        return ClientSession(headers=headers, connector=connector, trace_configs=[tracing])

    async def send(self, session: ClientSession, keys: Sequence[int]) -> None:
        """Send each key to both regions, and let the claims go once all have arrived."""
        self.sent = self.answered = 0
        async with asyncio.TaskGroup() as group, _held(self.two):
            before = await _claims(self.two, self.prefix)
            for key in keys:
                for region in self.two.regions:
                    group.create_task(self._pay(session, region.gateway_url, key))
            async with asyncio.timeout(FINAL_WITHIN_S):
                while self.sent < len(keys) * len(self.two.regions):
                    await asyncio.sleep(0)
            await asyncio.sleep(ARRIVED_S)
            if not self.answered and await _claims(self.two, self.prefix) == before:
                self.overlapped += len(keys)

    async def _pay(self, session: ClientSession, url: str, key: int) -> None:
        headers = {"Idempotency-Key": f"{self.prefix}-{key}"}
        async with session.post(f"{url}/v1/payments", json=SCENARIOS[0].payment(), headers=headers) as response:
            answer = await response.json(content_type=None)
        self.answered += 1
        if "payment_id" in answer:
            self.payments.add(answer["payment_id"])
        else:
            self.unanswered += 1


@asynccontextmanager
async def _held(two: TwoRegions) -> AsyncIterator[None]:
    """Hold the lock that every claim takes, as a change of the map does, in both databases: nobody commits one."""
    async with AsyncExitStack() as stack:
        for region in two.regions:
            connection = await asyncpg.connect(region.server.superuser_dsn)
            stack.push_async_callback(connection.close)
            await stack.enter_async_context(connection.transaction())
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('fifteen.slots', 0))")
        yield


async def _claims(two: TwoRegions, prefix: str) -> int:
    """How many claims both regions have committed, each its own."""
    claims = 0
    for region in two.regions:
        counted = "SELECT count(*) FROM claim WHERE region = $1 AND idempotency_key LIKE $2"
        claims += (await fetched(region, counted, region.name, f"{prefix}-%"))[0][0]
    return claims


async def _measure(two: TwoRegions, keys: int, *, prefix: str, within_s: float) -> dict[str, int]:
    wave = Wave(two, prefix)
    async with wave.session() as session:
        for first in range(0, keys, AT_ONCE):
            await wave.send(session, range(first, min(first + AT_ONCE, keys)))
    still_open = await _until_final(two, within_s=within_s)
    claims, copies = await _claims(two, prefix), _copies(two)
    return {
        "keys": keys,
        "sent to both before either had committed": wave.overlapped,
        "payments": len(wave.payments),
        "not answered with a payment": wave.unanswered,
        "not final in the end": still_open,
        "claims": claims,
        "doubled claims": claims - keys,
        "copies more than payments": sum(copies.values()) - len(copies),
    }


async def _until_final(two: TwoRegions, *, within_s: float) -> int:
    """Wait until nothing is open in either region, and return what stayed open."""
    still_open = 0
    for region in two.regions:
        async with asking(region) as connection:
            try:
                async with asyncio.timeout(within_s):
                    while await connection.fetchval(OPEN):
                        await asyncio.sleep(0.2)
            except TimeoutError:
                still_open += (await fetched(region, OPEN))[0][0]
    return still_open


def _copies(two: TwoRegions) -> Counter[str]:
    copies: Counter[str] = Counter()
    for line in two.journal.read_text().splitlines():
        fact: dict[str, Any] = json.loads(line)
        if "verdict" in fact and str(fact["message_type"]).startswith("pacs.008"):
            copies[fact["message_id"]] += 1
    return copies


def _run(keys: int, *, is_control: bool) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as directory:
        plan = Plan(delay_ms=DELAY_MS)
        if is_control:
            settings = {PLANTS_VARIABLE: Plant.HOME, TRAPS_VARIABLE: directory}
            plan = replace(plan, role_module="gateway.cli.drill.region.role", settings=settings)
        two = TwoRegions(plan, Path(directory))
        with two.running():
            if is_control:
                asyncio.run(plant_in_databases(two, frozenset({Plant.HOME})))
                return asyncio.run(_measure(two, keys, prefix="control", within_s=CONTROL_FINAL_WITHIN_S))
            return asyncio.run(_measure(two, keys, prefix="both", within_s=FINAL_WITHIN_S))


def main() -> None:
    """Measure and write."""
    sound = part("regions", "both", lambda: _run(KEYS, is_control=False))
    control = part("regions", "control", lambda: _run(CONTROL_KEYS, is_control=True))
    latency = {name: round(ms, 1) for name, ms in part("regions", "latency", lambda: in_turns(DELAY_MS)).items()}
    own_more, forwarded_more, round_trip = latency["own more"], latency["forwarded more"], latency["round trip"]
    forwarded_max_ms = round(round_trip + FORWARDED_MORE_MAX_MS, 1)
    costs = [
        ("the link's round trip", round_trip, "", "", ""),
        ("of one region alone", latency["alone"], "", "", ""),
        ("in its own region", latency["own"], "of one alone", own_more, OWN_MORE_MAX_MS),
        ("forwarded to its home", latency["forwarded"], "in its own", forwarded_more, forwarded_max_ms),
    ]
    page = _PAGE.format(
        circumstances=circumstances(
            "python -m tests.proofs.regions", on_it="both regions, the witness, the rail, the load"
        ),
        delay=DELAY_MS,
        at_once=AT_ONCE,
        arrived_ms=ARRIVED_S * 1000,
        table=table(("figure", "regions", "control"), [(name, sound[name], control[name]) for name in sound]),
        turns=int(latency["turns"]),
        latency=table(("claim", "median, ms", "more than", "ms", "at the most"), costs),
    )
    write("regions", page)
    if (
        sound["claims"] != KEYS
        or sound["sent to both before either had committed"] != KEYS
        or sound["payments"] != KEYS
        or sound["copies more than payments"]
        or sound["not final in the end"]
    ):
        raise SystemExit("a key was accepted twice, or not at all")
    if not control["doubled claims"] or not control["copies more than payments"]:
        raise SystemExit("the control shows nothing: the fault was not planted")
    if own_more > OWN_MORE_MAX_MS or forwarded_more > forwarded_max_ms:
        raise SystemExit("a claim costs more than it may")


if __name__ == "__main__":
    main()
