"""Health, readiness, metrics, the index and the kinds of problems: for everyone, and with nothing of a tenant's."""

from __future__ import annotations

import asyncio

import pytest

from adapters.http.problems import PROBLEMS
from gateway.service.ports import UnavailableError
from tests.unit.http.world import World, always_ready, open_world

NOBODY = {"Authorization": ""}


async def test_a_process_that_answers_is_healthy_whatever_else_is_down(world: World) -> None:
    """Liveness: restarting this process does not mend a database."""
    world.store.reachable = False

    answer = await world.get("/healthz", NOBODY)

    assert (answer.status, answer.json) == (200, {"status": "ok", "release": "2026.11.1"})


async def test_a_process_that_the_schema_refuses_is_not_healthy() -> None:
    """Whoever deployed it in the wrong order takes it back; the control is the test above."""
    async with open_world(refused=lambda: True) as world:
        answer = await world.get("/healthz", NOBODY)

    assert (answer.status, answer.json["code"]) == (503, "not_ready")


async def test_a_gateway_whose_parts_answer_is_ready(world: World) -> None:
    """Readiness names each part."""
    answer = await world.get("/readyz", NOBODY)

    assert (answer.status, answer.json) == (200, {"status": "ok", "checks": {"database": "ok"}})


async def test_a_gateway_with_a_part_that_does_not_answer_is_not_ready() -> None:
    """503 names the part; why it does not answer is for our logs, not for whoever asks."""

    async def down() -> None:
        raise UnavailableError("postgresql://user:secret@host")

    async with open_world(readiness={"database": down, "bus": always_ready}) as world:
        answer = await world.get("/readyz", NOBODY)

    assert (answer.status, answer.json["code"]) == (503, "not_ready")
    assert answer.json["checks"] == {"database": "unavailable", "bus": "ok"}
    assert b"secret" not in answer.body
    assert [where for where, _ in world.observer.faults] == ["readiness"]


async def test_a_fault_of_ours_in_a_check_is_told_as_one() -> None:
    """Only what a part may say is taken for its answer."""

    async def broken() -> None:
        await asyncio.sleep(0)
        raise ValueError("secret")

    async with open_world(readiness={"database": broken}) as world:
        answer = await world.get("/readyz", NOBODY)

    assert (answer.status, answer.json["code"]) == (500, "internal_error")


async def test_metrics_are_shown_as_they_are_rendered(world: World) -> None:
    """With the renderer's own content type."""
    answer = await world.get("/metrics", NOBODY)

    assert (answer.status, answer.body) == (200, b"gateway_up 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_the_index_leads_everywhere_it_says(world: World) -> None:
    """Every link of it is a route."""
    index = await world.get("/", NOBODY)

    statuses = {name: (await world.get(link)).status for name, link in index.json["links"].items()}
    assert index.json["name"] == "Fifteen"
    assert statuses.pop("messages") == 405, "it takes POST alone"
    assert statuses.pop("payments") == 400, "it takes a query"
    assert set(statuses.values()) == {200}


@pytest.mark.parametrize("code", sorted(PROBLEMS))
async def test_the_type_of_a_problem_leads_to_its_description(world: World, code: str) -> None:
    """RFC 9457: a type that is an address can be followed."""
    kind = PROBLEMS[code]

    answer = await world.get(kind.type, NOBODY)

    assert (answer.status, answer.json["code"], answer.json["advice"]) == (200, code, kind.advice)
