"""The load on both regions: honest, and stubborn; each key is sent until its payment is acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from adapters.http.problems import LEASE_OVER
from adapters.system import SystemClock
from gateway.cli.demo import SCENARIOS
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.region.arrivals import Arrivals
from gateway.cli.two_regions import Region

PER_SECOND: Final = 50
MANY: Final = 220
PER_SECOND_LATER: Final = 5
"""Once so many keys were sent, fewer: enough to see that clients are served all the time."""

TRY_MAX_S: Final = 8.0
LOOK_PAUSE_S: Final = 0.1
TRY_PAUSE_S: Final = 0.2
TRY_PAUSE_MAX_S: Final = 1.0
"""A client that was refused tries the other region after this time, which doubles up to a limit: hundreds do so while a
region is lost."""

BOTH_EVERY: Final = 5
"""One key in so many goes to both regions at the same moment."""

LOST_EVERY: Final = 12
"""Of one payment in so many the rail's answer is lost: it is under way when a region is lost, and asked about."""

ALL_ANSWERED: Final = 150
"""Of the last so many of the many none is: who waits for the end would wait for the rail's clock again."""

_PENDING: Final = 202
_TAKEN: Final = frozenset({200, _PENDING})


_SETTLED, _ANSWER_LOST = SCENARIOS[0], SCENARIOS[3]


def prefix_of(scenario: str, seed: int) -> str:
    """Return what a scenario's keys begin with, and no other's: the first key of `cut-60` is not one of `cut`'s."""
    return f"{scenario}.{seed}"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a client was told: the payment of its key, and by which region."""

    payment_id: str
    region: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that was no acknowledgement, and when its question left, by the monotonic clock."""

    region: str
    status: int
    asked_s: float
    detail: str = ""
    """Why, in the region's own words."""

    @property
    def is_pending(self) -> bool:
        """Whether it is no error: the same key is to be asked for again."""
        return self.status == _PENDING

    @property
    def is_of_a_lapse(self) -> bool:
        """Whether the region says that its lease had run out: nobody renewed it in time."""
        return self.detail.startswith(LEASE_OVER)


@dataclass(slots=True)
class Load:
    """Keys that begin with `prefix`, to both regions; one that refuses or does not answer is left for the other."""

    regions: Sequence[Region]
    api_key: str
    prefix: str
    dice: Dice
    arrivals: Arrivals
    """What the rail brings meanwhile."""
    acknowledged: dict[str, list[Acknowledged]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    _quick_until: int = MANY
    _lost_until: int = MANY - ALL_ANSWERED
    _number: int = 0
    _ends: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def count(self) -> int:
        """How many keys have their payment."""
        return len(self.acknowledged)

    @property
    def refused(self) -> Counter[str]:
        """How many answers were no acknowledgement, by region and status; 0 is none at all."""
        return Counter(f"{each.region} {each.status}" for each in self.refusals)

    def errors_of(self, *regions: Region, since_s: float) -> Sequence[Refusal]:
        """Return how regions have refused what they were asked since then, or have not answered it."""
        names = {region.name for region in regions}
        asked = [each for each in self.refusals if each.region in names and each.asked_s >= since_s]
        return [each for each in asked if not each.is_pending]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send, and have the rail bring, while the context is open; and then send until every key has its payment."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session, asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(session))
            try:
                async with self.arrivals.running():
                    yield
            finally:
                self._ends.set()
                await sending

    async def until(self, count: int) -> None:
        """Return once so many keys have their payment."""
        while self.count < count:
            await asyncio.sleep(LOOK_PAUSE_S)

    def more(self, count: int) -> None:
        """Have so many more keys come quickly, from now on."""
        self._quick_until = self._lost_until = self._number + count

    async def _send(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            while not self._ends.is_set():
                self._number += 1
                first = self.dice.below(len(self.regions))
                places = (0, 1) if self._number % BOTH_EVERY == 0 else (first,)
                is_quick = self._number < self._quick_until
                scenario = (
                    _ANSWER_LOST if self._number < self._lost_until and self._number % LOST_EVERY == 0 else _SETTLED
                )
                for place in places:
                    group.create_task(self._pay(session, f"{self.prefix}-{self._number}", scenario.payment(), place))
                await asyncio.sleep(1 / (PER_SECOND if is_quick else PER_SECOND_LATER))

    async def _pay(self, session: aiohttp.ClientSession, key: str, payment: dict[str, Any], place: int) -> None:
        tries = 0
        while True:
            region = self.regions[(place + tries) % len(self.regions)]
            asked_s = SystemClock().monotonic_s()
            status, payment_id, detail = await self._try(session, region, key, payment)
            if payment_id is not None:
                self.acknowledged.setdefault(key, []).append(Acknowledged(payment_id, region.name))
                return
            self.refusals.append(Refusal(region.name, status, asked_s, detail))
            await asyncio.sleep(min(TRY_PAUSE_S * 2**tries, TRY_PAUSE_MAX_S))
            tries += 1

    async def _try(
        self, session: aiohttp.ClientSession, region: Region, key: str, payment: dict[str, Any]
    ) -> tuple[int, str | None, str]:
        """Return the status, 0 for none, the payment, where it was acknowledged, and else why not.

        Pending is no acknowledgement.
        """
        try:
            async with asyncio.timeout(TRY_MAX_S):
                async with session.post(
                    f"{region.gateway_url}/v1/payments", json=payment, headers={"Idempotency-Key": key}
                ) as response:
                    document = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0, None, ""
        payment_id = document.get("payment_id") if response.status in _TAKEN else None
        return response.status, payment_id, document.get("detail", "")
