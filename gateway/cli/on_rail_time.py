"""A gateway or worker whose wall time is that of the simulated rail it is linked to: for tests and certification.

It is a composition of its own, as a drill's is (`gateway.cli.drill.role`), started as a module with the name of the
role. No setting, and no option of ``fifteen gateway`` or ``fifteen worker``, leads here: nothing that an installation
is configured with can shift its clock. It does not start unless its one rail is a simulator on the loopback interface.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import structlog

from adapters.system import SystemClock
from gateway.cli.console import stop
from gateway.cli.processes import end_with_parent
from gateway.main import run, run_gateway, run_worker
from gateway.parts import Between
from gateway.service.ports import Clock
from gateway.settings import Settings, SettingsError, load_settings
from gateway.settings.reading import https_or_loopback

LOOK_S: Final = 20
"""How long a look at the rail's clock is held open: whoever sets it is followed at once."""

LOOK_MARGIN_S: Final = 5.0
"""How much longer than that the answer may take."""

AGAIN_S: Final = 0.1
"""Before a simulator that did not answer is asked again; its last word counts until then."""

RECHECK_S: Final = 1.0
"""How long a sleeper trusts the loop's time before it looks at the clock again: the machine's may be stepped."""

_ROLES: Final = {"gateway": run_gateway, "worker": run_worker}


class RailTime:
    """Implements `gateway.service.ports.Clock`: the wall time that a simulated rail shows, as far as it was told.

    Elapsed time is the machine's, and so are pauses: while the rail's clock stands still loops go on, and every instant
    is the same.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._ahead = timedelta(0)
        self._stands_at: datetime | None = None
        self._changed = asyncio.Event()

    def now(self) -> datetime:
        """Return the rail's present instant; see the port."""
        return self._stands_at or self._machine.now() + self._ahead

    def monotonic_s(self) -> float:
        """Return seconds of the machine's; see the port."""
        return self._machine.monotonic_s()

    async def sleep_until(self, instant: datetime) -> None:
        """Return once the rail's clock shows the instant, also when it is set meanwhile; see the port.

        While that clock stands still this lasts as long as it would if it ran: a client that waits is answered.
        """
        while (left_s := (instant - self.now()).total_seconds()) > 0:
            stands, changed = self._stands_at is not None, self._changed
            try:
                async with asyncio.timeout(left_s if stands else min(left_s, RECHECK_S)):
                    await changed.wait()
            except TimeoutError:
                if stands:
                    return

    async def pause(self, seconds: float) -> None:
        """Return once so many of the machine's seconds have passed; see the port."""
        await self._machine.pause(seconds)

    def follow(self, shown: Mapping[str, Any]) -> None:
        """Show what the rail's clock was just said to show, and wake whoever sleeps; the same again changes nothing."""
        ahead = timedelta(seconds=shown["ahead_s"]) if shown["runs"] else timedelta(0)
        stands_at = None if shown["runs"] else datetime.fromisoformat(shown["now"])
        if (ahead, stands_at) == (self._ahead, self._stands_at):
            return
        self._ahead, self._stands_at = ahead, stands_at
        self._changed.set()
        self._changed = asyncio.Event()


def followed_rail(settings: Settings) -> str:
    """Return the address of the simulator whose clock is followed.

    Raises:
        SettingsError: it is not the one rail of an installation that is simulated, whole, on this machine.

    """
    urls = [url for url in (settings.fednow.url, settings.rtp.url) if url is not None]
    if len(urls) != 1 or settings.peer is not None:
        raise SettingsError(
            "the clock of one rail is followed, in one region: leave FIFTEEN_FEDNOW__URL or …RTP__URL empty"
        )
    try:
        is_here = urlsplit(urls[0]).scheme == "http" and https_or_loopback(urls[0]) is not None
    except ValueError:
        is_here = False
    if not is_here:
        raise SettingsError(
            "the clock of a simulator at http:// on the loopback is followed, and the rail's URL is another"
        )
    return urls[0].rstrip("/")


async def run_on_rail_time(role: str, settings: Settings) -> None:
    """Run the role until it is told to stop, on the clock of its rail, which is asked before anything begins."""
    url, clock = followed_rail(settings), RailTime(SystemClock())
    timeout = aiohttp.ClientTimeout(total=LOOK_S + LOOK_MARGIN_S)
    async with aiohttp.ClientSession(url, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
        first = await _shown(session, unless=None)
        clock.follow(first)

        def composed(_machine: Clock) -> Clock:
            _tell(first)
            return clock

        following = tasks.create_task(_follow(session, clock, first))
        await _ROLES[role](settings, ready=_listening, between=Between(clock=composed))
        following.cancel()


async def _follow(session: aiohttp.ClientSession, clock: RailTime, known: Mapping[str, Any]) -> None:
    while True:
        shown = await _shown(session, unless=known["changes"])
        clock.follow(shown)
        if shown["changes"] != known["changes"]:
            _tell(shown)
        known = shown


async def _shown(session: aiohttp.ClientSession, *, unless: int | None) -> Mapping[str, Any]:
    """Return what the rail's clock shows, once it was set another time than that; waits while the rail is away."""
    query = {} if unless is None else {"unless": str(unless), "wait": str(LOOK_S)}
    while True:
        try:
            async with session.get("/simulator/v1/clock", params=query, raise_for_status=True) as response:
                shown: Mapping[str, Any] = await response.json()
                return shown
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
            query = {}  # another simulator may have been set as often
            await asyncio.sleep(AGAIN_S)


def _tell(shown: Mapping[str, Any]) -> None:
    """Log what is followed: as a warning, for it is the time of no machine."""
    structlog.get_logger("fifteen").warning("rail_time", **{f"rail_{name}": value for name, value in shown.items()})


def _listening(url: str) -> None:
    structlog.get_logger("fifteen").info("listening", url=url)


def main() -> None:
    """Run the role that the argument names."""
    end_with_parent()
    role = sys.argv[1] if len(sys.argv) == 2 else ""
    if role not in _ROLES:
        stop(f"one role is named: {' or '.join(_ROLES)}")
    try:
        settings = load_settings()
        followed_rail(settings)
        run(lambda: run_on_rail_time(role, settings))
    except* SettingsError as errors:
        stop(str(errors.exceptions[0]))


if __name__ == "__main__":
    main()
