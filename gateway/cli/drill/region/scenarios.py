"""What befalls the regions: each scenario does its harm under load, and mends it again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp

from adapters.system import SystemClock
from gateway.cli.drill.region.count import Result, asking, claimed_keys, fetched, unknown_here
from gateway.cli.drill.region.faults import sprung, trap_of
from gateway.cli.drill.region.load import Load
from gateway.cli.drill.region.received import RailAnswers
from gateway.cli.drill.region.role import CLOCK_VARIABLE
from gateway.cli.two_regions import WITNESS, Region, TwoRegions

BEFORE: Final = 70
"""So many keys have their payment before the harm is done."""

AFTER: Final = 140
"""And so many while it lasts, and after it, at the least."""

APART: Final = 60
"""So many keys come while two regions may both believe that they own them."""

CLOCK_OFF_S: Final = 5.0
LONG_S: Final = 60.0
ONE_WAY_S: Final = 8.0
LOSS_PERCENT: Final = 5.0
OLD_MAP_S: Final = 4.0
"""For so long a region that has come back with its old map is asked to accept payments: longer than its lease."""

RECEIVER_RESERVE_S: Final = 2.0
RECEIVER_OWN_SHARE_S: Final = 0.5
"""What a receiver has of the rail's clock, which is short here; and what of that the gateway keeps for itself."""

_LOOK_PAUSE_S: Final = 0.05

_SETTLED_HERE: Final = """
SELECT EXISTS (
    SELECT FROM payment_state AS state JOIN slot USING (slot)
    WHERE slot.ask_after IS NOT NULL AND state.epoch = slot.epoch AND state.state = 'SETTLED'
)
"""

_MOVED: Final = "SELECT max(ask_after) FROM slot HAVING bool_and(region = $1) AND max(ask_after) IS NOT NULL"
"""From when on the rail is asked: `status_request_wait_s` after the slots have moved."""

_CLAIMED_SINCE: Final = "SELECT count(*) FROM claim WHERE region = $1 AND claimed_at > $2"


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
                await asyncio.sleep(_LOOK_PAUSE_S)
        self.result.moved_at = ask_after - timedelta(seconds=self.two.plan.status_request_wait_s)
        acknowledged = set(self.load.acknowledged)  # the lost region acknowledges nothing any more
        self.result.unknown = acknowledged - await claimed_keys(east, self.load.prefix)
        journal = await asyncio.to_thread(self.two.journal.read_bytes)  # nor does it accept anything of the rail's
        accepted = RailAnswers.read(journal.splitlines()).accepted(self.load.arrivals.message_ids)
        self.result.missed = await unknown_here(east, accepted)
        async with asking(east) as connection:
            while not await connection.fetchval(_SETTLED_HERE):
                await asyncio.sleep(_LOOK_PAUSE_S)
        self.result.rto_s = round(SystemClock().monotonic_s() - since_s, 2)

    async def come_back(self) -> None:
        """Have the second region start again, and have its slots back: it is asked for while its roles start."""
        _, west = self.two.regions
        await asyncio.to_thread(west.server.start)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(west.start))
            group.create_task(self.regain())

    async def regain(self) -> None:
        """Have the second region serve again, and have its slots back; count what clients of the first see of it."""
        east, west = self.two.regions
        before = self.load.errors_of(east)
        await asyncio.to_thread(west.demand, "region", "rejoin")
        await asyncio.to_thread(west.wait_until_serving)
        self.result.errors_in_hand_over += self.load.errors_of(east) - before

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


async def killed(stage: Stage, *, by_itself: bool = False) -> None:
    """A region is lost with its server and taken over; it comes back, and has its slots back."""
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    started_s = SystemClock().monotonic_s()
    await asyncio.to_thread(west.kill)
    await stage.lose(started_s, by_itself=by_itself)
    await stage.come_back()
    await stage.load.until(BEFORE + AFTER)


async def frozen(stage: Stage, *, for_s: float) -> None:
    """A region stands still exactly between its look at the lease and the write to the rail, and goes on later."""
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    trap = trap_of(stage.two.directory, west.name)
    trap.touch()
    worker = west.process_id("worker")
    while not await asyncio.to_thread(_stands_still, worker):
        await asyncio.sleep(_LOOK_PAUSE_S)
    west.signal(signal.SIGSTOP, "gateway")
    started_s = SystemClock().monotonic_s()
    stage.result.stale.append(sprung(trap).read_text())
    sprung(trap).unlink()

    async def go_on() -> None:
        try:
            await asyncio.sleep(for_s - (SystemClock().monotonic_s() - started_s))
        finally:
            west.signal(signal.SIGCONT)

    async with asyncio.TaskGroup() as group:
        group.create_task(go_on())
        group.create_task(stage.lose(started_s))
    await stage.regain()
    await stage.load.until(BEFORE + AFTER)


def _stands_still(process_id: int) -> bool:
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def cut(stage: Stage, *, for_s: float) -> None:
    """The link is cut while both serve: each its own keys, the others wait."""
    await stage.load.until(BEFORE)
    await stage.cut(*stage.between)
    await asyncio.sleep(for_s)
    await stage.load.until(BEFORE + AFTER // 2)
    await stage.cut()
    await stage.load.until(BEFORE + AFTER)


async def one_way(stage: Stage) -> None:
    """The link loses what goes one way, then what goes the other way: what is asked is done, and no answer comes."""
    for number, direction in enumerate(stage.between, start=1):
        await stage.load.until(BEFORE * number)
        stage.load.more(BEFORE * 2)
        await stage.cut(direction)
        await asyncio.sleep(ONE_WAY_S)
        await stage.cut()
    await stage.load.until(BEFORE + AFTER)


async def lossy(stage: Stage) -> None:
    """The link loses pieces of what it carries, which come when they have been sent again."""
    await tell_link(stage.two, loss_percent=LOSS_PERCENT)
    await stage.load.until(BEFORE + AFTER)
    await stage.cut()


async def isolated(stage: Stage) -> None:
    """A region reaches neither the other nor the witness, and its clients reach it; the other takes it over."""
    await stage.load.until(BEFORE)
    started_s = SystemClock().monotonic_s()
    await stage.cut(*stage.between, *stage.to_the_witness)
    await stage.lose(started_s)
    stage.load.more(APART)
    await asyncio.sleep(stage.two.plan.lease_s)
    await stage.cut()
    await stage.regain()
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


async def old_map(stage: Stage) -> None:
    """A lost region comes back with its old map, alone at first, then let in by force: it accepts nothing."""
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    started_s = SystemClock().monotonic_s()
    await asyncio.to_thread(west.kill)
    await stage.lose(started_s)
    await stage.cut(*stage.between, *stage.to_the_witness)
    back_at = SystemClock().now()
    await asyncio.to_thread(west.server.start)
    await asyncio.to_thread(west.start)
    stage.load.more(APART)
    await asyncio.sleep(OLD_MAP_S)
    await stage.cut(*stage.between)
    await asyncio.to_thread(west.demand, "region", "readmit", "--alone")
    stage.load.more(APART)
    await asyncio.sleep(OLD_MAP_S)
    if claims := (await fetched(west, _CLAIMED_SINCE, west.name, back_at))[0][0]:
        stage.result.wrong.append(f"{claims} keys were accepted under the old map")
    await stage.cut()
    await stage.regain()
    await stage.load.until(BEFORE + AFTER)


async def clock(stage: Stage) -> None:
    """A region's clock is behind by 5 s, and it is lost and taken over; then its clock is ahead by 5 s."""
    _, west = stage.two.regions
    await _with_clock(west, -CLOCK_OFF_S)
    await killed(stage)
    await _with_clock(west, CLOCK_OFF_S)
    stage.load.more(APART)
    await stage.load.until(stage.load.count + APART)
    await _with_clock(west, 0.0)


async def _with_clock(region: Region, ahead_s: float) -> None:
    await asyncio.to_thread(region.stop)
    await asyncio.to_thread(partial(region.start, **{CLOCK_VARIABLE: f"{ahead_s:g}"}))
    await asyncio.to_thread(region.wait_until_serving)


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the regions are set up; scenarios of equal conditions share them.

    The rail's time-out clock, and the time after which the rail is asked, are short, so that doubts end while one
    watches; on the real rail they last ten times as long.
    """

    rail_clock_s: int = 2
    status_request_wait_s: int = 3
    takeover_after_s: float | None = None
    """After which silence a region takes the other over by itself."""

    is_synchronous: bool = False
    """Whether every tenant is answered only when both regions have its payment."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of both regions."""
        settings = {
            "FIFTEEN_FEDNOW__RECEIVER_RESERVE_S": f"{RECEIVER_RESERVE_S:g}",
            "FIFTEEN_FEDNOW__RECEIVER_OWN_SHARE_S": f"{RECEIVER_OWN_SHARE_S:g}",
        }
        if self.takeover_after_s is not None:
            settings["FIFTEEN_TAKEOVER_AFTER_S"] = f"{self.takeover_after_s:g}"
        if self.is_synchronous:
            settings["FIFTEEN_SYNCHRONOUS_TENANTS"] = "*"
        return settings


@dataclass(frozen=True, slots=True)
class Scenario:
    """What befalls the regions."""

    play: Callable[[Stage], Awaitable[None]]
    sentence: str
    conditions: Conditions = Conditions()


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "killed": Scenario(killed, "A region is lost with its server and taken over; it comes back."),
    "cut": Scenario(partial(cut, for_s=0.0), "The link is cut for a moment while both serve."),
    "witness": Scenario(witness, "The witness is lost, and comes back within the lease."),
    "one-way": Scenario(one_way, "The link loses what goes one way, then what goes the other way."),
    "lossy": Scenario(lossy, "The link loses 5 % of what it carries, which is sent again."),
    "cut-60": Scenario(partial(cut, for_s=LONG_S), "The link is cut for 60 s while both serve."),
    "isolated": Scenario(isolated, "A region reaches neither the other nor the witness, and is taken over."),
    "frozen-5": Scenario(
        partial(frozen, for_s=5.0), "A region stands still for 5 s between its look at the lease and the write."
    ),
    "frozen-60": Scenario(
        partial(frozen, for_s=LONG_S), "A region stands still for 60 s between its look at the lease and the write."
    ),
    "both": Scenario(both, "Both regions crash, and come back."),
    "old-map": Scenario(old_map, "A lost region comes back with its old map, and cannot reach the other."),
    "unattended": Scenario(
        partial(killed, by_itself=True),
        "A region is lost, and the other takes over by itself after 5 s of silence.",
        Conditions(takeover_after_s=5.0),
    ),
    "clock": Scenario(
        clock,
        "A region's clock is behind by 5 s, and it is lost; then it is ahead by 5 s.",
        Conditions(rail_clock_s=7, status_request_wait_s=8),
    ),
    "synchronous": Scenario(
        isolated,
        "As `isolated`, with every tenant answered only when both regions have its payment.",
        Conditions(is_synchronous=True),
    ),
}
"""By the name that the command takes."""

QUICK: Final = ("killed", "cut", "witness")
"""What the drill runs where none is named."""

ALL: Final = "all"
"""The name of all of them."""
