"""What befalls the regions: each scenario does its harm under load, and mends it again."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from adapters.system import SystemClock
from gateway.cli.drill.region.count import fetched
from gateway.cli.drill.region.faults import sprung, trap_of
from gateway.cli.drill.region.role import CLOCK_VARIABLE
from gateway.cli.drill.region.stage import LOOK_PAUSE_S, Stage, tell_link
from gateway.cli.two_regions import Region
from gateway.domain.regions import LeaseTerms
from gateway.service.lease import RENEWALS_PER_LEASE

BEFORE: Final = 70
"""So many keys have their payment before the harm is done."""

AFTER: Final = 125
"""And so many while it lasts, and after it, at the least."""

APART: Final = 60
"""So many keys come while two regions may both believe that they own them."""

CLOCK_OFF_S: Final = 5.0
AHEAD_FOR_S: Final = CLOCK_OFF_S + 0.3
"""So long after a clock that is ahead has stamped a message the rail takes it: its own clock has just begun."""

LONG_S: Final = 60.0
BEYOND_THE_LEASE_S: Final = 3.0
ONE_WAY_S: Final = 8.0
LOSS_PERCENT: Final = 5.0
OLD_MAP_S: Final = 4.0
"""For so long a region that has come back with its old map is asked to accept payments: longer than its lease."""

RECEIVER_RESERVE_S: Final = 2.0
RECEIVER_OWN_SHARE_S: Final = 0.5
"""What a receiver has of the rail's clock, which is short here; and what of that the gateway keeps for itself."""

_CLAIMED_SINCE: Final = "SELECT count(*) FROM claim WHERE region = $1 AND claimed_at > $2"


async def killed(stage: Stage, *, by_itself: bool = False) -> None:
    """A region is lost with its server and taken over; it comes back, and has its slots back."""
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    started_s = SystemClock().monotonic_s()
    await asyncio.to_thread(west.kill)
    await stage.lose(started_s, by_itself=by_itself)
    await stage.come_back()
    await stage.load.until(BEFORE + AFTER)


async def frozen(stage: Stage, *, for_s: float, is_timely: bool = False) -> None:
    """A region stands still exactly between its look at the lease and the write to the rail, and goes on later.

    What it writes then is too old for the rail, and settles nothing; or, where it is timely, the rail takes it after
    the region was taken over: it has to be found by the question, and not sent again.
    """
    _, west = stage.two.regions
    await stage.load.until(BEFORE)
    trap = trap_of(stage.two.directory, west.name)
    trap.touch()
    worker = west.process_id("worker")
    while not await asyncio.to_thread(_stands_still, worker):
        await asyncio.sleep(LOOK_PAUSE_S)
    west.signal(signal.SIGSTOP, "gateway")
    started_s = SystemClock().monotonic_s()
    (stage.result.timely if is_timely else stage.result.stale).append(sprung(trap).read_text())
    sprung(trap).unlink()

    async def go_on() -> None:
        try:
            await asyncio.sleep(for_s - (SystemClock().monotonic_s() - started_s))
            if is_timely and stage.result.moved_at is None:
                stage.result.wrong.append(f"it was not taken over within {for_s:g} s: nothing was shown")
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
    """The witness is lost, and comes back within the lease: nobody is refused for that."""
    await stage.load.until(BEFORE)
    lease = LeaseTerms(stage.two.regions[0].name, 1, stage.two.plan.lease_s)
    lost_s = SystemClock().monotonic_s()
    await asyncio.to_thread(stage.two.witness.kill)
    await asyncio.sleep(lease.length_s / 4)
    await asyncio.to_thread(stage.two.witness.start)
    was_away_s = SystemClock().monotonic_s() - lost_s
    refused = len(stage.load.errors_of(*stage.two.regions, since_s=lost_s))
    if refused and was_away_s < lease.holds_s - lease.length_s / RENEWALS_PER_LEASE:
        stage.result.wrong.append(
            f"{refused} submissions were refused while the witness was away for {was_away_s:.1f} s"
        )
    await stage.load.until(BEFORE + AFTER)


async def witness_for_long(stage: Stage) -> None:
    """The witness is lost for longer than the lease: neither region may act, and both go on by themselves."""
    await stage.load.until(BEFORE)
    lost_s = SystemClock().monotonic_s()
    await asyncio.to_thread(stage.two.witness.kill)
    await asyncio.sleep(stage.two.plan.lease_s + BEYOND_THE_LEASE_S)
    for region in stage.two.regions:
        if not stage.load.errors_of(region, since_s=lost_s):
            stage.result.wrong.append(f"{region.name} refused nobody, though its lease had run out")
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


async def frozen_ahead(stage: Stage) -> None:
    """A region whose clock is ahead by 5 s stands still until it was taken over, and is in time for the rail then."""
    _, west = stage.two.regions
    await _with_clock(west, CLOCK_OFF_S)
    await frozen(stage, for_s=AHEAD_FOR_S, is_timely=True)
    await _with_clock(west, 0.0)


async def _with_clock(region: Region, ahead_s: float) -> None:
    await asyncio.to_thread(region.stop)
    await asyncio.to_thread(partial(region.start, **{CLOCK_VARIABLE: f"{ahead_s:g}"}))
    await asyncio.to_thread(region.wait_until_serving)


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the regions are set up; scenarios of equal conditions share them.

    The rail's time-out clock, and the time after which the rail is asked, are short, so that doubts end while one
    watches; on the real rail they last ten times as long. So is the lease.
    """

    lease_s: float = 3.0
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
    "witness-long": Scenario(
        witness_for_long, "The witness is lost for longer than the lease: neither region acts until it is back."
    ),
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
    "frozen-timely": Scenario(
        partial(frozen, for_s=5.5, is_timely=True),
        "A region stands still until it was taken over, and writes then what the rail still takes.",
        Conditions(rail_clock_s=7, status_request_wait_s=8),
    ),
    "frozen-ahead": Scenario(
        frozen_ahead,
        "As `frozen-timely`, with a clock that is ahead by 5 s: the rail takes for as much longer what it writes.",
        Conditions(rail_clock_s=2, status_request_wait_s=8),
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
