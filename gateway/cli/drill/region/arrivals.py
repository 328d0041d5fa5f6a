"""What the rail brings meanwhile: transfers to both connection points, some twice, some of which are decided slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from gateway.cli.two_regions import INSTITUTION

PER_SECOND: Final = 8
MANY: Final = 40
PER_SECOND_LATER: Final = 2
"""Once so many have come, fewer: enough for one to be on its way whenever something breaks."""

TWICE_EVERY: Final = 2
"""One in so many comes twice: the rail's delivery is at least once, and its connection points are two."""

AGAIN_EVERY: Final = 7
"""One in so many comes once more, later, under another header."""

AGAIN_AFTER_S: Final = 0.7

SLOW_EVERY: Final = 3
"""On one in so many the institution decides slowly: it is between question and answer when a region is lost."""

SLOW_ACCOUNT: Final = "SIMSLOW8"
AMOUNT: Final = "51.74"
AMOUNT_CENTS: Final = 5174


@dataclass(slots=True)
class Arrivals:
    """Orders of payments at the simulated rail, which brings them to whichever region asks for more."""

    simulator_url: str
    institution_url: str
    prefix: str
    message_ids: list[str] = field(default_factory=list)
    """Those that were ordered, by the ids that the rail gave them."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have them come while the context is open."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            coming = group.create_task(self._order(session))
            try:
                yield
            finally:
                coming.cancel()

    async def credited(self) -> Mapping[str, int]:
        """Return what the institution has credited, in cents, by the transfer's id."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.institution_url}/simulator/v1/incoming") as answer,
        ):
            credited: Mapping[str, int] = (await answer.json())["credited"]
        return credited

    async def _order(self, session: aiohttp.ClientSession) -> None:
        number = 0
        while True:
            number += 1
            async with session.post(
                f"{self.simulator_url}/simulator/v1/incoming", json=order_of(self.prefix, number)
            ) as answer:
                answer.raise_for_status()
                self.message_ids += (await answer.json())["message_ids"]
            await asyncio.sleep(1 / (PER_SECOND if number < MANY else PER_SECOND_LATER))


def order_of(prefix: str, number: int) -> dict[str, Any]:
    """Return one order, as the simulator takes it."""
    order: dict[str, Any] = {
        "creditor_agent": INSTITUTION,
        "amount": AMOUNT,
        "end_to_end_id": f"{prefix}-{number}",
        "copies": 1 if number % TWICE_EVERY else 2,
    }
    if number % AGAIN_EVERY == 0:
        order["again_after_s"] = AGAIN_AFTER_S
    if number % SLOW_EVERY == 0:
        order["creditor_account"] = SLOW_ACCOUNT
    return order
