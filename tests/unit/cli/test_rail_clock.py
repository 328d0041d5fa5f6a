"""A rail's clock from the command line, and a gateway that follows it: what is meant, what is refused, who is woken."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.application import application
from gateway.cli.on_rail_time import RailTime, followed_rail
from gateway.cli.rail_clock import Change, change_of, described, duration_of
from gateway.settings import SettingsError, load_settings
from tests.fakes.clock import START, VirtualClock

NOTHING: dict[str, Any] = {"at": None, "ahead": None, "freeze": False, "run": False, "system": False}


@pytest.mark.parametrize(("text", "seconds"), [("60d", 5_184_000), ("1h30m", 5_400), ("2.5s", 2.5), ("1d0h5s", 86_405)])
def test_a_duration_is_days_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    """As people write it."""
    assert duration_of(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "60", "-1d", "1w", "1h 30m", "h", "1.d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """With the way to write one."""
    with pytest.raises(ValueError, match="60d or 1h30m"):
        duration_of(text)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({}, Change("GET")),
        ({"system": True}, Change("DELETE")),
        ({"freeze": True}, Change("PUT", {"runs": False})),
        ({"run": True, "ahead": "1m"}, Change("PUT", {"ahead_s": 60.0, "runs": True})),
        ({"at": "2026-07-02T19:00"}, Change("PUT", {"at": "2026-07-02T19:00:00-04:00"})),
        ({"at": "2026-12-31T19:00:00Z"}, Change("PUT", {"at": "2026-12-31T19:00:00+00:00"})),
    ],
    ids=str,
)
def test_what_the_options_ask_of_the_clock(options: dict[str, Any], change: Change) -> None:
    """An instant without an offset is the rail's, US Eastern, in summer and in winter."""
    assert change_of(**{**NOTHING, **options}) == change


@pytest.mark.parametrize(
    "options",
    [
        ("--freeze", "--run"),
        ("--at", "2026-07-02T19:00", "--ahead", "1d"),
        ("--system", "--freeze"),
        ("--at", "soon"),
        ("--ahead", "soon"),
    ],
    ids=" ".join,
)
def test_options_that_contradict_each_other_are_refused(options: tuple[str, ...]) -> None:
    """Nobody is asked."""
    assert CliRunner().invoke(application, ["simulator", "clock", *options]).exit_code == 2


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (
            {"ahead_s": 0.0, "runs": True},
            "Wednesday, 2026-11-25 19:00:00 EST (2026-11-26T00:00:00Z), the machine's time",
        ),
        ({"ahead_s": 90_000.4, "runs": True}, "1 day, 1:00:00 ahead of the machine's; it runs"),
        ({"ahead_s": -60.0, "runs": False}, "0:01:00 behind the machine's; it stands still"),
    ],
)
def test_what_a_clock_shows_is_said_for_people(shown: dict[str, Any], says: str) -> None:
    """The day of the week too: weekends and holidays are what it is set for."""
    assert says in described({"now": "2026-11-26T00:00:00+00:00", **shown})


@pytest.mark.parametrize(
    "variables",
    [
        {"FIFTEEN_FEDNOW__URL": "http://10.0.0.7:8020"},
        {"FIFTEEN_FEDNOW__URL": "https://rail.invalid"},
        {"FIFTEEN_FEDNOW__URL": "amqp://name:canary@127.0.0.1"},
        {"FIFTEEN_RTP__URL": "http://127.0.0.1:8021"},
        {"FIFTEEN_REGIONS": "use1,usw2", "FIFTEEN_REGION": "use1"},
    ],
    ids=str,
)
def test_no_clock_is_followed_but_that_of_the_one_simulator_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """A rail elsewhere, another link, a second rail, a second region: refused. The control: one at the loopback is."""
    monkeypatch.setenv("FIFTEEN_FEDNOW__URL", "http://127.0.0.1:8020/")
    assert followed_rail(load_settings()) == "http://127.0.0.1:8020"
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match="followed") as refused:
        followed_rail(load_settings())
    assert "canary" not in str(refused.value)


def test_a_demo_of_two_rails_follows_neither() -> None:
    """Each has a clock of its own."""
    assert CliRunner().invoke(application, ["demo", "--rtp", "--rail-time"]).exit_code == 2


def shown(*, ahead_s: float = 0.0, stands_at: datetime | None = None) -> dict[str, Any]:
    """What a rail's clock says of itself."""
    return {"ahead_s": ahead_s, "runs": stands_at is None, "now": (stands_at or START).isoformat()}


def test_a_gateway_that_follows_shows_the_rails_time_and_counts_the_machines_seconds() -> None:
    """Ahead of it, and standing still."""
    machine = VirtualClock()
    clock = RailTime(machine)
    seen = [clock.now()]
    for said in (shown(ahead_s=3_600), shown(stands_at=datetime(2027, 1, 1, tzinfo=UTC)), shown()):
        clock.follow(said)
        machine.advance(1)
        seen.append(clock.now())

    assert seen == [
        START,
        START + timedelta(seconds=3_601),
        datetime(2027, 1, 1, tzinfo=UTC),
        START + timedelta(seconds=3),
    ]
    assert clock.monotonic_s() == 3


async def test_whoever_sleeps_is_woken_by_a_leap_and_not_by_the_same_word_again() -> None:
    """A timer of next month is due at once. The control: what is said twice sets nobody going."""
    clock = RailTime(VirtualClock())
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        sleeping = tasks.create_task(clock.sleep_until(START + timedelta(days=30)))
        await asyncio.sleep(0)
        clock.follow(shown())
        await asyncio.sleep(0)
        slept_on = not sleeping.done()
        clock.follow(shown(ahead_s=31 * 86_400))

    assert slept_on


async def test_while_the_rails_clock_stands_pauses_end_all_the_same() -> None:
    """Loops that wait between two looks go on, and a client that waits is answered: else nothing would be sent."""
    machine = VirtualClock()
    clock = RailTime(machine)
    clock.follow(shown(stands_at=START))

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(clock.pause(1))
        await machine.until_asleep(1)
        machine.advance(1)
        await clock.sleep_until(START + timedelta(milliseconds=1))

    assert clock.now() == START
