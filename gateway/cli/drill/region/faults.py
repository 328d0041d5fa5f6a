"""What stands between a role and its ports in the drill of two regions: what can go wrong there."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from adapters.system import SystemClock, SystemIdentifiers
from gateway.domain.payment import IdempotencyKey
from gateway.service.ports import Clock, MessageClass, RailLink
from gateway.service.rail_protocol import RailProtocol
from iso20022 import CustomerCreditTransfer

_CREATED: Final = re.compile(rb"<CreDt>[^<]+")
"""The header's creation time, from which the rail's clock runs."""

_EASTERN: Final = ZoneInfo("America/New_York")
_ID_OPENS: Final = b"<MsgId>"
_ID_CLOSES: Final = b"</MsgId>"


def trap_of(folder: Path, region: str) -> Path:
    """Return the file of a region's trap: while it is there, the next transfer freezes the worker (`FreezingLink`)."""
    return folder / f"freeze-{region}"


def sprung(trap: Path) -> Path:
    """Return the file in which a trap names the message that it has caught."""
    return trap.with_suffix(".sprung")


@dataclass(frozen=True, slots=True)
class OffClock:
    """A clock whose wall time is off. Its monotonic time is not: no time server sets that."""

    clock: Clock
    ahead: timedelta

    def now(self) -> datetime:
        """Return the wrong time; see the port."""
        return self.clock.now() + self.ahead

    def monotonic_s(self) -> float:
        """Return seconds; see the port."""
        return self.clock.monotonic_s()

    async def sleep_until(self, instant: datetime) -> None:
        """Return once the wrong clock shows the instant; see the port."""
        await self.clock.sleep_until(instant - self.ahead)

    async def pause(self, seconds: float) -> None:
        """Return once so many seconds have passed; see the port."""
        await self.clock.pause(seconds)


@dataclass(frozen=True, slots=True)
class FreezingLink:
    """A `RailLink` that stops its process (SIGSTOP) where the lease has been looked at, and no byte been written."""

    link: RailLink
    trap: Path
    stamps_anew: bool = False
    """Whether what was held up is given a new creation time: a plant."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.link, name)

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Freeze if the trap is set, and send when the process goes on; see the port."""
        if message_class is MessageClass.VALUE and self.trap.exists():
            self.trap.write_bytes(body.partition(_ID_OPENS)[2].partition(_ID_CLOSES)[0])
            self.trap.rename(sprung(self.trap))
            os.kill(os.getpid(), signal.SIGSTOP)
            if self.stamps_anew:
                now = SystemClock().now().astimezone(_EASTERN).isoformat(timespec="milliseconds")
                body = _CREATED.sub(f"<CreDt>{now}".encode(), body, count=1)
        await self.link.send(body, message_class=message_class)


@dataclass(frozen=True, slots=True)
class ForgetfulRail:
    """A `RailProtocol` that draws the ids of what it makes."""

    protocol: RailProtocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)

    def transfer_from_request(self, request: Any, **named: Any) -> CustomerCreditTransfer:
        """Make a transfer with other ids each time; see the protocol."""
        drawn = IdempotencyKey(str(SystemIdentifiers().new_uuid()))
        return self.protocol.transfer_from_request(request, **{**named, "idempotency_key": drawn})
