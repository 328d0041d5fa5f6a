"""``fifteen simulator clock``: looks at the clock of a simulated rail, and sets it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT, stop
from gateway.cli.running import find_running

SIMULATOR_URL: Final = "http://127.0.0.1:8020"
"""Where ``fifteen simulator fednow`` listens unless it is told otherwise."""

ANSWER_TIMEOUT_S: Final = 10.0
"""How long a simulator may take: a leap over a day does all that falls due on the way."""

_EASTERN: Final = ZoneInfo("America/New_York")
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_UNITS_S: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked of the clock: the method, and what goes with it."""

    method: str
    content: Mapping[str, Any] | None = None


def change_of(*, at: str | None, ahead: str | None, freeze: bool, run: bool, system: bool) -> Change:
    """Return what the options ask; to look at it, where they ask nothing.

    Raises:
        ValueError: they contradict each other, or one is no instant or no duration.

    """
    if (freeze and run) or (at is not None and ahead is not None):
        raise ValueError("it stands or runs, and is set by --at or by --ahead: one of each")
    content: dict[str, Any] = {}
    if at is not None:
        instant = datetime.fromisoformat(at)
        content["at"] = (instant if instant.tzinfo else instant.replace(tzinfo=_EASTERN)).isoformat()
    if ahead is not None:
        content["ahead_s"] = duration_of(ahead).total_seconds()
    if freeze or run:
        content["runs"] = run
    if system and content:
        raise ValueError("--system says all there is to say")
    if system:
        return Change("DELETE")
    return Change("PUT", content) if content else Change("GET")


def duration_of(text: str) -> timedelta:
    """Return how long ``60d``, ``1h30m`` or ``2.5s`` is.

    Raises:
        ValueError: it is no duration.

    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration: days, hours, minutes and seconds are meant, as in 60d or 1h30m")
    return timedelta(seconds=sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text)))


def set_clock(change: Change, *, url: str | None, as_json: bool) -> int:
    """Do it, and print what the clock shows then; return 1 where it is refused."""
    demo = find_running()
    base_url = url or (SIMULATOR_URL if demo is None else demo.simulator_url)
    try:
        status, answer = asyncio.run(_ask(base_url, change))
    except (aiohttp.ClientError, TimeoutError) as error:
        stop(f"no simulator answers at {base_url} ({error}): start one with `fifteen simulator fednow`, or name it")
    if status != 200:
        OUT.print(f"refused ({status}): {answer}", markup=False, soft_wrap=True)
        return EXIT_FINDINGS
    shown = json.loads(answer)
    if as_json:
        print(json.dumps(shown, indent=2))
    else:
        OUT.print(described(shown), markup=False, soft_wrap=True)
    return EXIT_OK


def described(shown: Mapping[str, Any]) -> str:
    """Return what a clock shows, for people: in the rail's zone, and against the machine's."""
    now = datetime.fromisoformat(shown["now"])
    off = timedelta(seconds=round(abs(shown["ahead_s"])))
    against = f"{off} {'ahead of' if shown['ahead_s'] > 0 else 'behind'} the machine's" if off else "the machine's time"
    moves = "it runs" if shown["runs"] else "it stands still"
    eastern, utc = now.astimezone(_EASTERN), now.astimezone(UTC)
    return f"{eastern:%A, %Y-%m-%d %H:%M:%S %Z} ({utc:%Y-%m-%dT%H:%M:%SZ}), {against}; {moves}"


async def _ask(base_url: str, change: Change) -> tuple[int, str]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(change.method, f"{base_url.rstrip('/')}/simulator/v1/clock", json=change.content) as response,
    ):
        return response.status, await response.text()
