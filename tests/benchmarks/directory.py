"""What looking into the participant directory costs a payment, and reading a file the loop.

``python -m tests.benchmarks.directory``
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Final

from adapters.system import SystemClock
from gateway.domain.payment import Rail
from gateway.domain.reconciliation import cycle_day
from gateway.domain.timing import Timing
from gateway.service.fednow import fednow_protocol
from iso20022 import FedNowProfile
from tests.acceptance.payments import RECEIVER, SENDER, transfer
from tests.fakes.directory import directory_over, heard, told
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.unit.service.world import PARTY, Recorder

SIZES: Final = (1_500, 15_000)
"""Participants: about as many as there are, and ten times as many."""

LOOKS: Final = 100_000


async def measure(size: int) -> str:
    """What a directory of this size costs."""
    clock, events = SystemClock(), InMemoryRailEvents()
    directory = directory_over(events, clock, Recorder())
    now = clock.now()
    services = {SENDER: "CTSR RFPR", RECEIVER: "CTRO"} | {f"98{number:07}": "CTSR RFPR" for number in range(size - 2)}
    file = heard(events, cycle_day(now), services, at=now)
    for number in range(size // 10):
        told(events, "FPOF", f"98{number:07}", at=now - timedelta(hours=1))
    started = time.process_time()
    await directory.refresh()
    read_ms = (time.process_time() - started) * 1_000
    assert directory.standing().participants == size
    protocol = fednow_protocol(FedNowProfile(), connection_party=PARTY, timing=Timing())
    protocol.read(events.bodies[file.event_id])  # the first reads the schemas
    started = time.process_time()
    assert protocol.read(events.bodies[file.event_id]).notice is not None
    heard_ms = (time.process_time() - started) * 1_000
    payment = transfer()
    started = time.process_time()
    for _ in range(LOOKS):
        assert directory.of_transfer(Rail.FEDNOW, payment) is None
    look_us = (time.process_time() - started) / LOOKS * 1_000_000
    return (
        f"{size:>7,} participants, a file of {len(events.bodies[file.event_id]):>9,} bytes: "
        f"examined in {heard_ms:6.1f} ms where it arrives, read in {read_ms:6.1f} ms, in a thread, by each process; "
        f"a look is {look_us:.2f} us"
    )


if __name__ == "__main__":
    for each in SIZES:
        print(asyncio.run(measure(each)))
