"""Where a scenario of two regions plays: what is done to them, and noted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import aiohttp

from adapters.system import SystemClock
from gateway.cli.drill.region.count import Result, asking, claimed_keys, unknown_here
from gateway.cli.drill.region.load import Load
from gateway.cli.drill.region.received import RailAnswers
from gateway.cli.two_regions import WITNESS, TwoRegions

LOOK_PAUSE_S: Final = 0.05

_SETTLED_HERE: Final = """
SELECT EXISTS (
    SELECT FROM payment_state AS state JOIN slot USING (slot)
    WHERE slot.ask_after IS NOT NULL AND state.epoch = slot.epoch AND state.state = 'SETTLED'
)
"""

_MOVED: Final = "SELECT max(ask_after) FROM slot HAVING bool_and(region = $1) AND max(ask_after) IS NOT NULL"
"""From when on the rail is asked: `status_request_wait_s` after the slots have moved."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario plays."""

    two: TwoRegions
    load: Load
    result: Result

    async def lose(self, since_s: float, *, by_itself: bool = False) -> None:
        """Have the first region take over from the second; note what is missing there, and when it goes on.

        By itself it does where it was told after which silence; else by command.
        """
        east, _ = self.two.regions
        if not by_itself:
            await asyncio.to_thread(east.demand, "region", "takeover")
        async with asking(east) as connection:
            while (ask_after := await connection.fetchval(_MOVED, east.name)) is None:
                await asyncio.sleep(LOOK_PAUSE_S)
        self.result.moved_at = ask_after - timedelta(seconds=self.two.plan.status_request_wait_s)
        acknowledged = set(self.load.acknowledged)  # the lost region acknowledges nothing any more
        self.result.unknown = acknowledged - await claimed_keys(east, self.load.prefix)
        journal = await asyncio.to_thread(self.two.journal.read_bytes)  # nor does it accept anything of the rail's
        accepted = RailAnswers.read(journal.splitlines()).accepted(self.load.arrivals.message_ids)
        self.result.missed = await unknown_here(east, accepted)
        async with asking(east) as connection:
            while not await connection.fetchval(_SETTLED_HERE):
                await asyncio.sleep(LOOK_PAUSE_S)
        self.result.rto_s = round(SystemClock().monotonic_s() - since_s, 2)

    async def come_back(self) -> None:
        """Have the second region start again, and have its slots back: it is asked for while its roles start."""
        _, west = self.two.regions
        await asyncio.to_thread(west.server.start)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(west.start))
            group.create_task(self.regain())

    async def regain(self) -> None:
        """Have the second region serve again, and have its slots back; count what clients see of it.

        Those of the first region see nothing from the command on, those of the second from when it says that it serves.
        """
        east, west = self.two.regions
        async with asking(east) as connection:
            self.result.handed_back_from = await connection.fetchval("SELECT max(epoch) FROM slot")
        began_s = SystemClock().monotonic_s()

        async def wait_until_serving() -> float:
            while not await asyncio.to_thread(west.serves):
                await asyncio.sleep(LOOK_PAUSE_S)
            return SystemClock().monotonic_s()

        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(west.demand, "region", "rejoin"))
            serving = group.create_task(wait_until_serving())
        errors = [
            *self.load.errors_of(east, since_s=began_s),
            *self.load.errors_of(west, since_s=serving.result()),
        ]
        lapses = sum(each.is_of_a_lapse for each in errors)
        self.result.lapses_in_hand_over += lapses
        self.result.errors_in_hand_over += len(errors) - lapses

    async def cut(self, *directions: str) -> None:
        """Lose what goes in these directions of the link, and carry everything else."""
        await tell_link(self.two, *directions)

    @property
    def between(self) -> tuple[str, str]:
        """The link's directions between the regions."""
        east, west = self.two.regions
        return f"{east.name}>{west.name}", f"{west.name}>{east.name}"

    @property
    def to_the_witness(self) -> tuple[str, str]:
        """The link's directions between the second region and the witness."""
        west = self.two.regions[1].name
        return f"{west}>{WITNESS}", f"{WITNESS}>{west}"


async def tell_link(two: TwoRegions, *directions: str, loss_percent: float = 0.0) -> None:
    """Have the link lose what goes in these directions, and carry everything else, losing so much of it at first."""
    settings = {
        "delay_ms": two.plan.delay_ms,
        "is_cut": bool(directions),
        "only": directions,
        "loss_percent": loss_percent,
    }
    async with aiohttp.ClientSession() as session, session.put(f"{two.link_url}/link", json=settings) as response:
        response.raise_for_status()
