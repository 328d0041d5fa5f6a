"""A worker that kills itself (-9) while it sends: before a byte has left, or after all have, before any answer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from gateway.cli.processes import end_with_parent
from gateway.main import run, run_worker_loops
from gateway.parts import open_parts
from gateway.rails import link_of
from gateway.receiving import open_institution
from gateway.service.funds import NoCore
from gateway.service.ports import MessageClass, RailDelivery, RailLink
from gateway.settings import load_settings

BEFORE_SENDING = "before-sending"
AFTER_SENDING = "after-sending"
BEFORE_ANSWERING = "before-answering"
AFTER_ANSWERING = "after-answering"
"""The same two points for a worker that receives: it dies at its first answer to a payment from the rail."""


class CrashingLink:
    """The real link, but for one point at which the process dies."""

    def __init__(self, link: RailLink, *, crash_at: str) -> None:
        self._link = link
        self._crash_at = crash_at

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Send, and die on the way."""
        if self._crash_at in {AFTER_SENDING, AFTER_ANSWERING}:
            await self._link.send(body, message_class=message_class)
        os.kill(os.getpid(), signal.SIGKILL)

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch nothing, for so long: an answer that was applied before the crash would prove nothing."""
        if self._crash_at in {BEFORE_ANSWERING, AFTER_ANSWERING}:
            return await self._link.receive(messages_max=messages_max, wait_s=wait_s)
        await asyncio.sleep(wait_s)
        return []

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge."""
        await self._link.acknowledge(receipts)

    async def check(self) -> None:
        """Check."""
        await self._link.check()


async def main(crash_at: str) -> None:
    """Run the worker until it dies."""
    settings = load_settings()
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, role="worker"))
        links = {
            rail: CrashingLink(
                await stack.enter_async_context(link_of(rail, settings, parts.clock, parts.observer)),
                crash_at=crash_at,
            )
            for rail in parts.rails
        }
        institution = await stack.enter_async_context(open_institution(settings, parts.clock))
        await run_worker_loops(parts, links, NoCore(), institution, ready=lambda _url: None)


if __name__ == "__main__":
    end_with_parent()
    run(lambda: main(sys.argv[1]))
