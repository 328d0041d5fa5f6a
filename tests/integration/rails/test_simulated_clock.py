"""The simulators' clock on a socket: set, refused, looked at by who follows it, remembered, and on the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from gateway.cli.application import application
from simulators import rtp
from simulators.fednow import FedNowSimulatorSettings, serving
from tests.integration.rails.test_fednow_simulator import ask_json, linked, payment, send, statuses

HOUR_S = 3_600


async def asked(method: str, base_url: str, content: Any = None, *, query: str = "") -> tuple[int, Any]:
    """What the control side answers about the clock: the status, and the document or the refusal."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{base_url}/simulator/v1/clock{query}", json=content) as response,
    ):
        return response.status, await (response.json() if response.status == 200 else response.text())


async def test_what_comes_in_an_hour_comes_when_the_clock_is_moved_on_and_a_poll_that_is_open_gets_it() -> None:
    """Nobody waits, and whoever does is woken; the payment was in time, for it was sent before the leap."""
    message_id, body = payment(1, "SIMLATE30")

    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link, asyncio.TaskGroup() as tasks:
        await send(link, body)
        early = await statuses(link, wait_s=0)
        polling = tasks.create_task(statuses(link, wait_s=20))
        _, shown = await asked("PUT", base_url, {"ahead_s": HOUR_S})

    assert (early, polling.result()) == ([], [(message_id, "ACSC")])
    assert (shown["ahead_s"], shown["runs"], shown["changes"]) == (HOUR_S, True, 1)


async def test_while_the_clock_stands_a_poll_ends_all_the_same() -> None:
    """What the client waits is the machine's time; a clock that stands would hold it for ever."""
    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        await asked("PUT", base_url, {"runs": False})
        await send(link, payment(1, "SIMSLOW1")[1])
        async with asyncio.timeout(5):
            held = await statuses(link, wait_s=0.05)
        _, stepped = await asked("PUT", base_url, {"ahead_s": 1})
        told = await statuses(link)

    assert (held, stepped["runs"], [status for _, status in told]) == ([], False, ["ACSC"])


async def test_it_goes_back_once_nothing_is_open_and_says_what_is() -> None:
    """409, with what is open and until when, and what to do; and the clock is as it was."""
    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        await send(link, payment(1, "SIMLATE30")[1])
        refused, refusal = await asked("PUT", base_url, {"ahead_s": -1})
        _, ahead = await asked("PUT", base_url, {"ahead_s": HOUR_S})
        await statuses(link)
        taken, back = await asked("DELETE", base_url)

    assert (refused, "1 messages come later" in refusal, "anew" in refusal) == (409, True, True)
    assert (ahead["ahead_s"], ahead["changes"]) == (HOUR_S, 1)
    assert (taken, back["ahead_s"], back["runs"], back["changes"]) == (200, 0, True, 2)


async def test_who_follows_the_clock_is_told_at_once_when_it_is_set() -> None:
    """A look is held open while nobody sets it, and no longer than was asked."""
    async with serving(FedNowSimulatorSettings()) as base_url, asyncio.TaskGroup() as tasks:
        unset = await asked("GET", base_url, query="?unless=0&wait=0")
        looking = tasks.create_task(asked("GET", base_url, query="?unless=0&wait=20"))
        await asked("PUT", base_url, {"at": "2026-11-25T19:00:00-05:00", "runs": False})

    assert unset[1]["changes"] == 0
    assert looking.result()[1] | {"ahead_s": None} == {
        "now": "2026-11-26T00:00:00+00:00",
        "runs": False,
        "ahead_s": None,
        "changes": 1,
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "known"),
        ([], "known"),
        ({"at": "2026-11-25T19:00:00Z", "ahead_s": 1}, "exclude"),
        ({"at": "tomorrow"}, "tomorrow"),
        ({"at": "2026-11-25T19:00:00"}, "offset"),
        ({"at": 5}, "RFC 3339"),
        ({"at": "1969-01-01T00:00:00Z"}, "days"),
        ({"at": "9999-12-31T23:59:59-23:59"}, "no such time"),
        ({"ahead_s": True}, "seconds"),
        ({"ahead_s": float("nan")}, "no such time"),
        ({"ahead_s": 1e300}, "no such time"),
        ({"ahead_s": 4e8}, "days"),
        ({"runs": "no"}, "true or false"),
    ],
    ids=str,
)
async def test_what_is_no_time_is_refused_and_said(content: Any, says: str) -> None:
    """400, and the clock is as it was."""
    async with serving(FedNowSimulatorSettings()) as base_url:
        status, refusal = await asked("PUT", base_url, content)
        _, shown = await asked("GET", base_url)

    assert (status, shown["changes"], shown["ahead_s"]) == (400, 0, 0)
    assert says in refusal


async def test_a_restarted_simulator_has_the_clock_it_had(tmp_path: Path) -> None:
    """Of both rails; the control: without the journal it has the machine's."""
    journal = tmp_path / "journal"
    for serve in (
        partial(serving, FedNowSimulatorSettings(journal=journal)),
        partial(rtp.serving, rtp.RtpSimulatorSettings(journal=tmp_path / "rtp")),
    ):
        async with serve() as base_url:
            await asked("PUT", base_url, {"ahead_s": HOUR_S})
        async with serve() as base_url:
            _, again = await asked("GET", base_url)
        assert (again["ahead_s"], again["changes"]) == (HOUR_S, 1)
    journal.unlink()

    async with serving(FedNowSimulatorSettings(journal=journal)) as base_url:
        _, anew = await asked("GET", base_url)

    assert (anew["ahead_s"], anew["changes"]) == (0, 0)


async def test_the_command_line_shows_sets_and_says_why_not() -> None:
    """Exits 0 and says what the clock shows; 1 where it is refused, 2 where nobody answers or nothing is meant."""

    async def fifteen(*options: str) -> tuple[int, str]:
        runner = CliRunner()
        result = await asyncio.to_thread(runner.invoke, application, ["simulator", "clock", *options])
        return result.exit_code, result.output

    async with serving(FedNowSimulatorSettings()) as base_url:
        shown = await fifteen("--url", base_url)
        later = datetime.now(UTC) + timedelta(days=60, hours=1, minutes=30)
        moved = await fifteen("--ahead", "60d1h30m", "--freeze", "--url", base_url)
        set_to = await fifteen("--at", f"{later + timedelta(days=1):%Y-%m-%d}T19:00", "--run", "--url", base_url)
        await ask_json(f"{base_url}/simulator/v1/incoming", content={}, status=201)
        refused = await fifteen("--system", "--url", base_url)
        await fifteen("--ahead", "30s", "--url", base_url)
        back = await fifteen("--system", "--url", base_url)
    gone = await fifteen("--url", base_url)

    assert [each[0] for each in (shown, moved, set_to, refused, back, gone)] == [0, 0, 0, 1, 0, 2]
    assert "the machine's time; it runs" in shown[1]
    assert "60 days, 1:30:00 ahead" in moved[1]
    assert "stands still" in moved[1]
    assert "19:00:0" in set_to[1]
    assert "while business is open" in refused[1]
