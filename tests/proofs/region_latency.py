"""What a claim costs with two regions, held against one alone: in its own region, and forwarded to its home."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession

from adapters.system import SystemClock
from gateway.cli.demo import SCENARIOS
from gateway.cli.installation import API_KEY, Installation, Plan, Servers, running_roles
from gateway.cli.two_regions import NAMES, TwoRegions
from gateway.cli.two_regions import Plan as PlanOfTwo
from gateway.domain.identity import slot_of
from gateway.domain.payment import IdempotencyKey
from gateway.domain.regions import SlotMap

SUBMISSIONS: Final = 300
WARMING_UP: Final = 40
PAUSE_S: Final = 0.02
"""One client, one submission after the other: what is measured is the way, not the queue."""

OWN_MORE_MAX_MS: Final = 2.0
FORWARDED_MORE_MAX_MS: Final = 5.0

_EAST: Final = SlotMap.first(NAMES).slots_of(NAMES[0])


def one_alone() -> dict[str, Any]:
    """The median in milliseconds until one region alone, its bus in PostgreSQL, has acknowledged a payment."""
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        plan = Plan(broker="embedded")
        servers = Servers(plan, Path(name))
        with servers.running():
            installation = Installation(plan, servers, Path(name))
            with running_roles(installation):
                url = f"http://127.0.0.1:{installation.addresses.gateways[0]}"
                keys = _keys("alone", lambda _slot: True)
                return {"alone": asyncio.run(_median_ms(url, API_KEY, keys))}


def of_two(delay_ms: float) -> dict[str, Any]:
    """The medians of two regions: of keys that are at home where they are sent, and of those that are forwarded."""
    with tempfile.TemporaryDirectory(prefix="fifteen-proof-") as name:
        two = TwoRegions(PlanOfTwo(delay_ms=delay_ms), Path(name))
        with two.running():
            url = two.regions[0].gateway_url
            own = _keys("own", lambda slot: slot in _EAST)
            others = _keys("forwarded", lambda slot: slot not in _EAST)
            return {
                "own": asyncio.run(_median_ms(url, two.api_key, own)),
                "forwarded": asyncio.run(_median_ms(url, two.api_key, others)),
            }


def _keys(prefix: str, is_wanted: Callable[[int], bool]) -> list[str]:
    def all_keys() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            if is_wanted(slot_of(IdempotencyKey(f"{prefix}-{number}"))):
                yield f"{prefix}-{number}"

    keys = all_keys()
    return [next(keys) for _ in range(WARMING_UP + SUBMISSIONS)]


async def _median_ms(url: str, api_key: str, keys: list[str]) -> float:
    clock, found = SystemClock(), []
    async with ClientSession(headers={"Authorization": f"Bearer {api_key}"}) as session:
        for key in keys:
            started_s = clock.monotonic_s()
            async with session.post(
                f"{url}/v1/payments", json=SCENARIOS[0].payment(), headers={"Idempotency-Key": key}
            ) as response:
                answer = await response.json(content_type=None)
            found.append((clock.monotonic_s() - started_s) * 1000)
            if response.status != 202 or "payment_id" not in answer:
                raise SystemExit(f"{key}: {response.status} {answer}")
            await asyncio.sleep(PAUSE_S)
    return statistics.median(found[WARMING_UP:])
