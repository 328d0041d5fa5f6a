"""A worker that kills itself (-9) while it sends: before a byte has left, or after all have, before any answer.

And two with a guard removed, each the control of a test of the whole ones.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, cast

from gateway.cli.processes import end_with_parent
from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.domain.timing import Timing
from gateway.main import run, run_worker_loops
from gateway.parts import Parts, open_parts
from gateway.rails import link_of
from gateway.receiving import open_institution
from gateway.service.funds import NoCore
from gateway.service.ports import (
    Decision,
    DueTimer,
    Leg,
    MessageClass,
    PaymentStore,
    RailDelivery,
    RailLink,
)
from gateway.service.rail_protocol import RailProtocol
from gateway.settings import load_settings

BEFORE_SENDING = "before-sending"
AFTER_SENDING = "after-sending"
BEFORE_ANSWERING = "before-answering"
AFTER_ANSWERING = "after-answering"
"""The same two points for a worker that receives: it dies at its first answer to a payment from the rail."""

UNSAVED = "unsaved"
"""A guard removed: the bytes leave first, and before SENDING is saved it dies."""

PATIENT = "patient"
"""Two guards removed: it sends what has expired, and hears no timer that would say so. It does not die."""


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


class SendingFirst:
    """The real store, but that a transfer leaves before it is saved that it does; and then nothing is."""

    def __init__(self, store: PaymentStore, links: Mapping[Rail, RailLink]) -> None:
        self._store = store
        self._links = links

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Send, and die."""
        for decision in decisions:
            if decision.state is PaymentState.SENDING:
                (sent,) = decision.messages
                await self._links[decision.payment.rail].send(sent.body, message_class=MessageClass.VALUE)
                os.kill(os.getpid(), signal.SIGKILL)
        return await self._store.save(decisions)


class Untimed:
    """The real store, of which no timer is ever due."""

    def __init__(self, store: PaymentStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return nothing."""
        return []


class Late(Timing):
    """A rail's times, but that a payment may be sent for an hour after its time."""

    def latest_start(self, leg: Leg, payment: Payment) -> datetime:
        """Return an instant that is far off."""
        return super().latest_start(leg, payment) + timedelta(hours=1)


class Unhurried:
    """The real rail, at which there is always time."""

    def __init__(self, rail: RailProtocol) -> None:
        self._rail = rail
        self.timing = Late(**{each.name: getattr(rail.timing, each.name) for each in fields(rail.timing)})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rail, name)


def unguarded(parts: Parts, links: Mapping[Rail, RailLink], without: str) -> Parts:
    """What the worker is composed of, less the guard that is named; with every guard where none is."""
    if without == UNSAVED:
        return replace(parts, store=cast("PaymentStore", SendingFirst(parts.store, links)))
    if without == PATIENT:
        rails = {rail: cast("RailProtocol", Unhurried(protocol)) for rail, protocol in parts.rails.items()}
        return replace(parts, store=cast("PaymentStore", Untimed(parts.store)), rails=rails)
    return parts


async def main(crash_at: str) -> None:
    """Run the worker until it dies."""
    settings = load_settings()
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(open_parts(settings, role="worker"))
        real = {
            rail: await stack.enter_async_context(link_of(rail, settings, parts.clock, parts.observer))
            for rail in parts.rails
        }
        crashing = {rail: CrashingLink(link, crash_at=crash_at) for rail, link in real.items()}
        links: Mapping[Rail, RailLink] = real if crash_at in {UNSAVED, PATIENT} else crashing
        institution = await stack.enter_async_context(open_institution(settings, parts.clock))
        parts = unguarded(parts, real, crash_at)
        await run_worker_loops(parts, links, NoCore(), institution, ready=lambda _url: None)


if __name__ == "__main__":
    end_with_parent()
    run(lambda: main(sys.argv[1]))
