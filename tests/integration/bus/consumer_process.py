"""A consumer as a process of its own, to be killed: ``python -m tests.integration.bus.consumer_process OPTIONS``."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from typing import Any

from adapters.postgres.connection import open_pool
from gateway.service.ports import Bus, Delivery, Queue
from tests.integration.bus.harness import postgres_bus, rabbitmq_bus


async def main(options: dict[str, Any]) -> None:
    """Consume until killed."""

    async def handle(delivery: Delivery) -> None:
        print(delivery.delivery_id, delivery.attempt, flush=True)  # noqa: T201 - the test reads it
        if options["settles"] == "after":
            await asyncio.Event().wait()

    async with AsyncExitStack() as stack:
        bus: Bus
        if "dsn" in options:
            bus = postgres_bus(await stack.enter_async_context(open_pool(options["dsn"])))
        else:
            bus = await stack.enter_async_context(rabbitmq_bus([options["url"]], options["namespace"]))
        await stack.enter_async_context(bus.consume(Queue.FEDNOW_OUT_VALUE, handle, prefetch=1, concurrency=1))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
