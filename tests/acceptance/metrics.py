"""What a role tells at /metrics."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from gateway.domain.legs import Leg
from tests.acceptance.installation import Installation

WITHIN_S: Final = 10.0
"""What a worker has done is told a moment after the client has seen it."""


@dataclass(frozen=True, slots=True)
class Observed:
    """How often something was measured, and the sum of it in seconds."""

    count: int = 0
    seconds: float = 0.0

    def __add__(self, other: Observed) -> Observed:
        return Observed(self.count + other.count, self.seconds + other.seconds)


def observed(url: str, name: str) -> Mapping[str, Observed]:
    """A histogram of the role at `url`, by leg; what has no leg is under no name."""
    with urllib.request.urlopen(f"{url}/metrics") as response:
        text = response.read().decode()
    found: dict[str, Observed] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples if family.name == name else ():
            leg = sample.labels.get("leg", "")
            if sample.name == f"{name}_count":
                found[leg] = found.get(leg, Observed()) + Observed(count=int(sample.value))
            if sample.name == f"{name}_sum":
                found[leg] = found.get(leg, Observed()) + Observed(seconds=sample.value)
    return found


async def legs_of(installation: Installation, *, payments: int) -> Mapping[Leg, Observed]:
    """The legs that gateway and worker have measured, once as many payments have come to their end."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            legs: dict[Leg, Observed] = {}
            for url in (installation.gateway_url, installation.worker_url):
                for leg, one in observed(url, "gateway_leg_duration_seconds").items():
                    legs[Leg(leg)] = legs.get(Leg(leg), Observed()) + one
            if legs.get(Leg.NOTIFY, Observed()).count == legs.get(Leg.ANSWER, Observed()).count == payments:
                return legs
            await asyncio.sleep(0.05)


def lateness_of(url: str) -> Observed:
    """How late the timers were that a role has fired."""
    return observed(url, "gateway_timer_lateness_seconds").get("", Observed())
