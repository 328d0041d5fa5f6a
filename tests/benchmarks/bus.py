"""What the bus costs this program: ``python -m tests.benchmarks.bus [--deliveries N] [--json]``.

A private RabbitMQ node; one process publishes deliveries in the relay's batches, consumes and acknowledges them.
CPU is this process's own (user and system), so that it nearly holds on a machine that others use too; rates do not.
The bar: 150 µs for publish, consume and acknowledge together. (One publish and one task at a time, through aio-pika,
they cost 244 µs; with batches written at once and acknowledgements gathered, 97 to 125 µs on the same busy machine.)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from adapters.rabbitmq.bus import RabbitMqBus
from adapters.system import SystemClock
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.observer import TelemetryObserver
from gateway.service.ports import Delivery, OutboundDelivery, Queue
from gateway.service.relay import BATCH_MAX
from tests.integration.bus.harness import outbound
from tests.servers import RabbitMqNode, ensure_installed

PREFETCH: Final = 128
CONCURRENCY: Final = 64
WARM_UP: Final = 2_000
"""Deliveries that are not measured: imports, first allocations, the broker's own start."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Client CPU per delivery in microseconds, and how many went through in a second."""

    deliveries: int
    publish_us: float
    consume_us: float
    publish_per_s: int
    consume_per_s: int

    @property
    def total_us(self) -> float:
        """Publish, consume and acknowledge."""
        return self.publish_us + self.consume_us


class Spent:
    """CPU and time since it was made."""

    def __init__(self) -> None:
        self._cpu_s, self._at_s = _cpu_s(), time.perf_counter()

    def per_delivery(self, deliveries: int) -> tuple[float, int]:
        """Microseconds of CPU for each, and how many a second."""
        cpu_s, elapsed_s = _cpu_s() - self._cpu_s, time.perf_counter() - self._at_s
        return cpu_s / deliveries * 1e6, round(deliveries / elapsed_s)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def publish(bus: RabbitMqBus, deliveries: list[OutboundDelivery]) -> None:
    """Publish as the relay does."""
    for start in range(0, len(deliveries), BATCH_MAX):
        await bus.publish(deliveries[start : start + BATCH_MAX])


async def consume(bus: RabbitMqBus, count: int) -> None:
    """Take `count` deliveries with a handler that does nothing."""
    taken, all_taken = 0, asyncio.Event()

    async def handle(_: Delivery) -> None:
        nonlocal taken
        taken += 1
        if taken >= count:
            all_taken.set()

    async with bus.consume(Queue.FEDNOW_OUT_VALUE, handle, prefetch=PREFETCH, concurrency=CONCURRENCY):
        await all_taken.wait()


@asynccontextmanager
async def open_bus(url: str) -> AsyncIterator[RabbitMqBus]:
    """The bus as a worker opens it."""
    async with RabbitMqBus([url], SystemClock(), observer=TelemetryObserver(Metrics()), namespace="benchmark") as bus:
        await bus.declare()
        yield bus


async def measure(url: str, count: int) -> Cost:
    """Publish and consume `count` deliveries."""
    async with open_bus(url) as bus:
        await publish(bus, outbound(WARM_UP))
        await consume(bus, WARM_UP)
        deliveries = outbound(count)
        publishing = Spent()
        await publish(bus, deliveries)
        publish_us, publish_per_s = publishing.per_delivery(count)
        consuming = Spent()
        await consume(bus, count)
        consume_us, consume_per_s = consuming.per_delivery(count)
    return Cost(count, publish_us, consume_us, publish_per_s, consume_per_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ensure_installed()
    with (
        tempfile.TemporaryDirectory(prefix="fifteen-") as folder,
        RabbitMqNode(Path(folder) / "node") as node,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        cost = runner.run(measure(node.url, options.deliveries))
    if options.json:
        print(
            json.dumps(
                {
                    "deliveries": cost.deliveries,
                    "publish_us": round(cost.publish_us, 1),
                    "consume_us": round(cost.consume_us, 1),
                    "total_us": round(cost.total_us, 1),
                    "publish_per_s": cost.publish_per_s,
                    "consume_per_s": cost.consume_per_s,
                }
            )
        )
        return
    print(f"{cost.deliveries} deliveries on quorum queues, batches of {BATCH_MAX}, prefetch {PREFETCH}")
    print(f"publish + confirm      {cost.publish_us:6.1f} µs CPU each   {cost.publish_per_s:6d}/s")
    print(f"consume + acknowledge  {cost.consume_us:6.1f} µs CPU each   {cost.consume_per_s:6d}/s")
    print(f"together               {cost.total_us:6.1f} µs CPU each")


if __name__ == "__main__":
    main()
