"""What a claim costs with two regions, held against one alone: in its own region, and forwarded to its home.

All three run on the machine at the same time, and are asked in turns, each time in another order: what the machine
does besides is in all of them alike. What is said of a difference is the median of the turns' differences.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from itertools import count, permutations
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

TURNS: Final = 240
WARMING_UP: Final = 30
PAUSE_S: Final = 0.06
"""Between two requests: what is measured is the way, not the queue, nor what is left of the payment before."""

OWN_MORE_MAX_MS: Final = 2.0
FORWARDED_MORE_MAX_MS: Final = 5.0
"""More than the round trip."""

_EAST: Final = SlotMap.first(NAMES).slots_of(NAMES[0])

Ask = Callable[[], Awaitable[None]]
Turn = Mapping[str, float]
"""Milliseconds of each kind of request."""


def in_turns(delay_ms: float) -> dict[str, float]:
    """Return medians in milliseconds: of each kind of claim, of what each is more, and of the link's round trip.

    Raises:
        SystemExit: a submission was not accepted.

    """
    with ExitStack() as stack:
        alone_in, two_in = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fifteen-proof-"))) for _ in range(2)
        )
        plan, two = Plan(broker="embedded"), TwoRegions(PlanOfTwo(delay_ms=delay_ms), two_in)
        servers = Servers(plan, alone_in)
        stack.enter_context(servers.running())
        alone = Installation(plan, servers, alone_in)
        stack.enter_context(running_roles(alone))
        stack.enter_context(two.running())
        return summary(asyncio.run(_turns(f"http://127.0.0.1:{alone.addresses.gateways[0]}", two)))


def summary(turns: Sequence[Turn]) -> dict[str, float]:
    """Return the medians, and the medians of the differences within a turn."""

    def median(of: Callable[[Turn], float]) -> float:
        return statistics.median(map(of, turns))

    return {
        "turns": len(turns),
        "alone": median(lambda turn: turn["alone"]),
        "own": median(lambda turn: turn["own"]),
        "forwarded": median(lambda turn: turn["forwarded"]),
        "own more": median(lambda turn: turn["own"] - turn["alone"]),
        "forwarded more": median(lambda turn: turn["forwarded"] - turn["own"]),
        "round trip": median(lambda turn: turn["through the link"] - turn["directly"]),
    }


async def _turns(alone_url: str, two: TwoRegions) -> Sequence[Turn]:
    east, west = two.regions
    clock, turns = SystemClock(), []
    async with _asking(alone_url, API_KEY) as alone, _asking(east.gateway_url, two.api_key) as regional:
        asks: dict[str, Ask] = {
            "alone": _submitting(alone, _keys("alone", lambda _slot: True)),
            "own": _submitting(regional, _keys("own", lambda slot: slot in _EAST)),
            "forwarded": _submitting(regional, _keys("forwarded", lambda slot: slot not in _EAST)),
            "through the link": _looking(regional, f"http://127.0.0.1:{west.ports.to_gateway}/healthz"),
            "directly": _looking(regional, f"{west.gateway_url}/healthz"),
        }
        orders = list(permutations(asks))
        for number in range(WARMING_UP + TURNS):
            turn = {}
            for name in orders[number * 7 % len(orders)]:  # each follows each of the others
                await asyncio.sleep(PAUSE_S)
                started_s = clock.monotonic_s()
                await asks[name]()
                turn[name] = (clock.monotonic_s() - started_s) * 1000
            turns.append(turn)
    return turns[WARMING_UP:]


@asynccontextmanager
async def _asking(url: str, api_key: str) -> AsyncIterator[ClientSession]:
    async with ClientSession(url, headers={"Authorization": f"Bearer {api_key}"}) as session:
        yield session


def _submitting(session: ClientSession, keys: Iterator[str]) -> Ask:
    async def submit() -> None:
        headers = {"Idempotency-Key": next(keys)}
        async with session.post("/v1/payments", json=SCENARIOS[0].payment(), headers=headers) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
        if response.status != 202 or "payment_id" not in answer:
            raise SystemExit(f"{headers}: {response.status} {answer}")

    return submit


def _looking(session: ClientSession, url: str) -> Ask:
    async def look() -> None:
        async with session.get(url) as response:
            await response.read()

    return look


def _keys(prefix: str, is_wanted: Callable[[int], bool]) -> Iterator[str]:
    every = (f"{prefix}-{number}" for number in count())
    return (key for key in every if is_wanted(slot_of(IdempotencyKey(key))))
