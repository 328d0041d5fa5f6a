"""Synthetic payments over HTTP: switched off they are nothing, and the answer is that of the program that made them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.synthetic import FRESH_S, SyntheticPayments
from tests.fakes.clock import VirtualClock
from tests.unit.http.world import World, open_world

NOBODY = {"Authorization": ""}


def made_by(program: str) -> SyntheticPayments:
    """Synthetic payments made by a program of a line or two."""
    return SyntheticPayments(VirtualClock(), "2026.11.1", command=(sys.executable, "-c", program))


async def test_without_the_setting_there_are_no_synthetic_payments(world: World) -> None:
    """A gateway that was not told to make any does nothing for strangers."""
    answer = await world.request("POST", "/synthetic", headers=NOBODY)

    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert "FIFTEEN_SYNTHETIC_PAYMENTS" in answer.json["detail"]


async def test_the_answer_is_shown_as_it_was_made() -> None:
    """With what became of each payment, the release and the age."""
    told = {"settled": True, "release": "7", "payments": [{"rail": "rtp", "state": "SETTLED", "seconds": 0.2}]}

    async def newest() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {**told, "age_s": 0.0}

    async with open_world(synthetic=newest) as world:
        answer = await world.request("POST", "/synthetic", headers=NOBODY)

    assert (answer.status, answer.json) == (200, {**told, "age_s": 0.0})


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("", "it ended with 0"),
        ("import sys; sys.exit('fifteen: no synthetic payment could be made: no database')", "no database"),
        ("print('no JSON')", "it ended with 0"),
        ("print('{}')", "it ended with 0"),
        ("print('[]')", "it ended with 0"),
        ("""print('{"settled": true, "payments": []}')""", "it ended with 0"),
    ],
)
async def test_whatever_is_no_answer_is_no_proof(program: str, fault: str) -> None:
    """A deployment goes on with a proof alone: a silent, broken or empty answer is none."""
    answer = await made_by(program).newest()

    assert answer["settled"] is False
    assert fault in answer["fault"]


@pytest.mark.parametrize(
    ("settled", "payments", "code", "proved"),
    [
        ("true", '[{"rail": "rtp"}]', 0, True),
        ("true", "[]", 0, False),
        ("true", '[{"rail": "rtp"}]', 1, False),
        ('"yes"', '[{"rail": "rtp"}]', 0, False),
        ("false", '[{"rail": "rtp"}]', 0, False),
    ],
)
async def test_settled_is_said_only_of_payments_by_a_program_that_ended_well(
    settled: str, payments: str, code: int, *, proved: bool
) -> None:
    """Nothing is taken for true that merely looks like it. The first row is the control."""
    text = f'{{"settled": {settled}, "release": "7", "payments": {payments}}}'

    answer = await made_by(f"import sys; print('a line of a library'); print({text!r}); sys.exit({code})").newest()

    assert answer["settled"] is proved


async def test_who_asks_often_has_one_made_and_only_that(tmp_path: Path) -> None:
    """The door is open to anyone who reaches the gateway: what it costs is bounded."""
    told = '{"settled": true, "release": "7", "payments": [{"rail": "rtp"}]}'
    clock, count = VirtualClock(), tmp_path / "count"
    program = f"open({str(count)!r}, 'a').write('1'); print({told!r})"
    payments = SyntheticPayments(clock, "7", command=(sys.executable, "-c", program))

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(payments.newest()) for _ in range(20)]
    clock.advance(FRESH_S)
    again = await payments.newest()
    clock.advance(0.1)
    later = await payments.newest()

    assert {task.result()["age_s"] for task in asked} == {0.0}
    assert (again["age_s"], later["age_s"]) == (FRESH_S, 0.0)
    assert count.read_text() == "11"
