"""The clock of a simulated rail, which a test sets, and which the gateway and the worker of its installation follow."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import asyncpg

from gateway.domain.receiving_time import is_business_day
from tests.acceptance.payments import EASTERN
from tests.acceptance.receiving import Receiver

MORNING: Final = time(10)
FRIDAY: Final = 4


async def leap_to(receiver: Receiver, day: date, at: time = MORNING, *, runs: bool = True) -> datetime:
    """Have the rail's clock show this time of its zone, and return it once gateway and worker show it too.

    First everything leaves that is about to, and is done with: what waits in the outbox, or is in hand, while seconds
    are leapt over leaves twice.
    """
    instant = datetime.combine(day, at, tzinfo=EASTERN)
    await nothing_queued(receiver)
    shown = await asyncio.to_thread(clock_of, receiver, {"at": instant.isoformat(), "runs": runs})
    followed, folder = f'"rail_changes":{shown["changes"]},', receiver.installation.directory
    async with asyncio.timeout(10):
        while not all(followed in (folder / name).read_text() for name in ("gateway.log", "worker-1.log")):
            await asyncio.sleep(0.02)
    return instant


async def nothing_queued(receiver: Receiver) -> None:
    """Return once no delivery waits to be published, to be forgotten, or to be done with."""
    queued = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM bus_delivery)"
    connection = await asyncpg.connect(receiver.installation.environment["FIFTEEN_DATABASE_URL"])
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval(queued):
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


def clock_of(receiver: Receiver, content: Any = None) -> dict[str, Any]:
    """What the rail's clock shows, once it was set as is wanted."""
    url = f"{receiver.installation.simulator_urls[receiver.rail]}/simulator/v1/clock"
    data = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method="PUT" if data else "GET")) as response:
        shown: dict[str, Any] = json.load(response)
    return shown


def long_weekend(receiver: Receiver) -> date:
    """The next Friday on the rail after which a Monday is no business day: so each test is ahead of those before."""
    day = datetime.fromisoformat(clock_of(receiver)["now"]).astimezone(EASTERN).date() + timedelta(days=1)
    while day.weekday() != FRIDAY or not is_business_day(day) or is_business_day(day + timedelta(days=3)):
        day += timedelta(days=1)
    return day
