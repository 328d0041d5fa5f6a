"""The rail's clock as tests and people set it, beside `simulators.control`. No real rail has it.

``GET /simulator/v1/clock``
    ``{"now", "runs", "ahead_s", "changes"}``: what it shows (RFC 3339), whether it runs, by how many seconds it is
    ahead of the machine's (negative behind it), and how often it was set. ``?unless=n&wait=seconds`` holds the answer
    back while it was set n times, 60 s at most.

``PUT /simulator/v1/clock``
    ``{"at": instant}`` sets it, ``{"ahead_s": seconds}`` moves it on by so much; ``"runs": false``, alone or with one
    of them, has it stand still, and true run again. All that falls due on the way is done, each under its own instant.

``DELETE /simulator/v1/clock``
    It shows the machine's time again.

Both answer as GET does. 409 where time would go back while payments are in process, or messages come later or were
fetched and not acknowledged: the clock stays as it was. 400 where nothing of this is said, or an instant that is more
than ten years from the machine's.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from simulators.clock import RailClock
from simulators.control import PREFIX
from simulators.facts import ClockChanged
from simulators.rail import ClockHeldError
from simulators.service import SERVICE, RailService

FARTHEST: Final = timedelta(days=3_653)
"""How far from the machine's time the clock may be set: ten years, for no certificate or schedule looks further."""

WAIT_MAX_S: Final = 60
"""The longest that one look is held open."""


async def _show(request: web.Request) -> web.Response:
    unless, wait_s = request.query.get("unless", ""), request.query.get("wait", "0")
    if not all(text.isascii() and text.isdigit() for text in (unless or "0", wait_s)):
        raise web.HTTPBadRequest(text="unless is how often the clock was set, wait is in whole seconds")
    service, wait = request.app[SERVICE], timedelta(seconds=min(int(wait_s), WAIT_MAX_S))
    changes = await service.clock_changes(unless=int(unless) if unless else None, wait=wait)
    return _shown(service.clock, changes)


async def _set(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    try:
        change = _wanted(json.loads(await request.read()), service.clock)
    except (ValueError, OverflowError) as error:
        raise web.HTTPBadRequest(text=f"no such time: {error}") from error
    return await _changed(service, change)


async def _reset(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    return await _changed(service, service.clock.reset())


ROUTES: Final = (
    web.get(f"{PREFIX}clock", _show, allow_head=False),
    web.put(f"{PREFIX}clock", _set),
    web.delete(f"{PREFIX}clock", _reset),
)
"""The routes of the clock."""


async def _changed(service: RailService, change: ClockChanged) -> web.Response:
    try:
        service.change_clock(change)
    except ClockHeldError as error:
        raise web.HTTPConflict(text=_refusal(error)) from error
    return _shown(service.clock, await service.clock_changes(wait=timedelta(0)))


def _refusal(error: ClockHeldError) -> str:
    until = error.business.until.isoformat(timespec="milliseconds")
    return (
        f"the clock does not go back while business is open: {error}. Have what waits fetched and acknowledged, and "
        f"set the clock to {until} or later, when the last of it ends; or start the simulator anew, without a journal "
        "or with another"
    )


def _wanted(content: Any, clock: RailClock) -> ClockChanged:
    match content:
        case {"at": _, "ahead_s": _}:
            raise ValueError("at and ahead_s exclude each other")
        case {**members} if members and members.keys() <= {"at", "ahead_s", "runs"}:
            runs = members.get("runs", clock.runs)
        case _:
            raise ValueError("at or ahead_s, and runs, are known")
    if type(runs) is not bool:
        raise ValueError("runs is true or false")
    match members:
        case {"at": str(text)}:
            change = clock.moved(at=_instant(text), runs=runs)
        case {"ahead_s": int() | float() as seconds} if type(seconds) is not bool:
            change = clock.moved(by=timedelta(seconds=seconds), runs=runs)
        case {"at": _} | {"ahead_s": _}:
            raise ValueError("at is an instant (RFC 3339), ahead_s is in seconds")
        case _:
            change = clock.moved(runs=runs)
    if abs(change.shows - change.machine_at) > FARTHEST:
        raise ValueError(f"it is more than {FARTHEST.days} days from the machine's")
    return change


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("at says its offset from UTC")
    return instant.astimezone(UTC)


def _shown(clock: RailClock, changes: int) -> web.Response:
    return web.json_response(
        {"now": clock.now().isoformat(), "runs": clock.runs, "ahead_s": clock.ahead_s, "changes": changes}
    )
