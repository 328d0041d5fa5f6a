"""What befalls the regions: each scenario does its harm under load, and mends it again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from adapters.system import SystemClock
from gateway.cli.drill.region.count import Result, claimed_keys, fetched
from gateway.cli.drill.region.load import Load
from gateway.cli.two_regions import TwoRegions

BEFORE: Final = 70
"""So many keys have their payment before the harm is done."""

AFTER: Final = 140
"""And so many while it lasts, and after it, at the least."""

_SETTLED_HERE: Final = """
SELECT EXISTS (
    SELECT FROM payment_state AS state JOIN slot USING (slot)
    WHERE slot.ask_after IS NOT NULL AND state.epoch = slot.epoch AND state.state = 'SETTLED'
)
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario plays."""

    two: TwoRegions
    load: Load
    result: Result

    async def lose(self, since_s: float) -> None:
        """Have the first region take over from the second; note what is missing there, and when it goes on."""
        east, _ = self.two.regions
        at = SystemClock().now()
        acknowledged = {key for key, told in self.load.acknowledged.items() if told[0].at <= at}
        await asyncio.to_thread(east.demand, "region", "takeover")
        self.result.rpo_payments = len(acknowledged - await claimed_keys(east, self.load.prefix))
        while not (await fetched(east, _SETTLED_HERE))[0][0]:
            await asyncio.sleep(0.05)
        self.result.rto_s = round(SystemClock().monotonic_s() - since_s, 2)

    async def cut(self, *, is_cut: bool) -> None:
        """Cut the link between the regions, or mend it."""
        async with aiohttp.ClientSession() as session:
            settings = {"delay_ms": self.two.plan.delay_ms, "is_cut": is_cut}
            async with session.put(f"{self.two.link_url}/link", json=settings) as response:
                response.raise_for_status()


async def killed(stage: Stage) -> None:
    """A region is lost with its server and taken over; it comes back with its old map, and has its slots back."""
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    started_s = SystemClock().monotonic_s()
    await asyncio.to_thread(west.kill)
    await stage.lose(started_s)
    await stage.load.until(BEFORE + AFTER)
    await asyncio.to_thread(west.server.start)
    await asyncio.to_thread(west.start)
    await asyncio.to_thread(west.demand, "region", "rejoin")
    await asyncio.to_thread(west.wait_until_serving)


async def frozen(stage: Stage) -> None:
    """A region's processes stand still for longer than the lease, are taken over, and go on where they were."""
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    started_s = SystemClock().monotonic_s()
    west.signal(signal.SIGSTOP)
    try:
        await stage.lose(started_s)
        await stage.load.until(BEFORE + AFTER)
    finally:
        west.signal(signal.SIGCONT)
    await asyncio.to_thread(west.demand, "region", "rejoin")
    await asyncio.to_thread(west.wait_until_serving)


async def cut(stage: Stage) -> None:
    """The link is cut while both serve: each its own keys, the others wait."""
    await stage.load.until(BEFORE)
    await stage.cut(is_cut=True)
    try:
        await stage.load.until(BEFORE + AFTER // 2)
    finally:
        await stage.cut(is_cut=False)
    await stage.load.until(BEFORE + AFTER)


async def witness(stage: Stage) -> None:
    """The witness is lost, and comes back within the lease."""
    await stage.load.until(BEFORE)
    await asyncio.to_thread(stage.two.witness.kill)
    await asyncio.sleep(stage.two.plan.lease_s / 4)
    await asyncio.to_thread(stage.two.witness.start)
    await stage.load.until(BEFORE + AFTER)


async def both(stage: Stage) -> None:
    """Both regions crash, and come back."""
    await stage.load.until(BEFORE)
    for region in stage.two.regions:
        await asyncio.to_thread(region.kill)
    for region in stage.two.regions:
        await asyncio.to_thread(region.server.start)
    for region in stage.two.regions:
        await asyncio.to_thread(region.start)
    for region in stage.two.regions:
        await asyncio.to_thread(region.wait_until_serving)
    await stage.load.until(BEFORE + AFTER)


Scenario = Callable[[Stage], Awaitable[None]]

SCENARIOS: Final[Mapping[str, Scenario]] = {
    "killed": killed,
    "cut": cut,
    "witness": witness,
    "frozen": frozen,
    "both": both,
}
"""By the name that the command takes."""

QUICK: Final = ("killed", "cut", "witness")
"""What the drill runs where none is named."""
