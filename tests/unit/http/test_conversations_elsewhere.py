"""What is done in a conversation that goes on in the other region goes there, once, and is answered as it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from aiohttp import web

from adapters.http.application import ACTS_PREFIX, build_peer_application
from adapters.http.headers import FORWARDED_FROM
from adapters.http.serving import serving
from gateway.domain.conversation import Act
from gateway.domain.payment import RegionId
from tests.unit.http.test_conversations import ASKED, ask
from tests.unit.http.test_forwarding_to_the_home import EAST, WEST, east_of
from tests.unit.http.world import BEARER, OPERATOR, OTHER_BEARER, World, open_world

REASON = {"reason_code": "CUST"}


def seen_in(east: World, west: World, *, home: RegionId = WEST) -> None:
    """East has of West's conversations what replication has brought."""
    for named, known in list(west.conversations.rows.conversations.items()):
        east.conversations.rows.conversations[named] = replace(known, region=home)
        east.conversations.rows.messages[named] = west.conversations.rows.messages[named]


async def test_what_is_done_in_the_other_region_is_done_at_home() -> None:
    """Withdrawn and noted there, by its tenant and by an operator; another tenant's is as if it were not there."""
    async with open_world(region=WEST) as west, east_of(f"http://127.0.0.1:{west.port}") as east:
        link = (await ask(west, ASKED)).json["links"]["self"]
        seen_in(east, west)

        shown = await east.get(link, BEARER)
        foreign = await east.post_json(f"{link}/withdrawal", REASON, OTHER_BEARER)
        withdrawn = await east.post_json(f"{link}/withdrawal", REASON, BEARER)
        again = await east.post_json(f"{link}/withdrawal", REASON, BEARER)
        noted = await east.post_json(f"{link}/note", {"note": "They were told by telephone."}, OPERATOR)

        (home,) = west.conversations.rows.events.values()
        assert (shown.json["region"], shown.json["state"]) == (WEST, "REQUESTED")
        assert foreign.status == 404
        assert (withdrawn.status, withdrawn.json["state"]) == (200, "WITHDRAWING")
        assert (again.status, again.json["code"]) == (409, "conversation_not_waiting")
        assert noted.status == 200
        assert [each.act for each in home] == [Act.OPENED, Act.WITHDRAWAL_ASKED, Act.NOTED]
        assert not east.conversations.rows.events


ACTS = ("answer", "withdrawal", "resend", "information-request", "status-request", "note")


@pytest.mark.parametrize("act", ACTS)
async def test_whatever_is_done_in_a_conversation_is_taken_at_the_listener_of_the_other_region(act: str) -> None:
    """What was not found there would be answered as if the conversation were not; what only reads is not forwarded."""
    async with (
        open_world(region=WEST) as west,
        serving(build_peer_application(west.api), host="127.0.0.1", port=0) as port,
        east_of(f"http://127.0.0.1:{port}") as east,
    ):
        link = (await ask(west, ASKED)).json["links"]["self"]
        seen_in(east, west)

        answer = await east.post_json(f"{link}/{act}", REASON, OPERATOR if act == "note" else BEARER)

        assert answer.json.get("code") != "not_found", answer.json


async def test_no_act_is_left_out() -> None:
    """The control of the list above: it is all that is posted in a conversation."""
    async with open_world() as world:
        routes = [route for resource in world.application.router.resources() for route in resource]
    posted = {route.resource.canonical for route in routes if route.method == "POST" and route.resource is not None}

    assert {path.removeprefix(ACTS_PREFIX) for path in posted if path.startswith(ACTS_PREFIX)} == set(ACTS)


async def test_what_was_forwarded_goes_no_further() -> None:
    """Each believes it to be the other's: refused, nothing was done, and no circle."""
    async with open_world(region=WEST) as west, east_of(f"http://127.0.0.1:{west.port}") as east:
        link = (await ask(west, ASKED)).json["links"]["self"]
        seen_in(east, west)
        seen_in(west, east, home=EAST)

        answer = await east.post_json(f"{link}/withdrawal", REASON, BEARER)
        marked = await east.post_json(f"{link}/withdrawal", REASON, BEARER | {FORWARDED_FROM: EAST})

        assert [(each.status, each.json["code"]) for each in (answer, marked)] == [(503, "not_serving")] * 2
        assert [len(each) for each in west.conversations.rows.events.values()] == [1]


async def breaks_off(request: web.Request) -> web.StreamResponse:
    """The home reads it, and falls silent."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def is_no_region(_: web.Request) -> web.StreamResponse:
    """Something on the way answers in the home's stead."""
    return web.Response(status=200, text="{}")


@pytest.mark.parametrize(
    ("home", "code"), [(None, "not_serving"), (breaks_off, "unavailable"), (is_no_region, "unavailable")]
)
async def test_whether_the_home_has_done_it_is_never_guessed(
    home: Callable[[web.Request], Awaitable[web.StreamResponse]] | None, code: str, unused_tcp_port: int
) -> None:
    """Surely not, or perhaps: the second says that one looks before one repeats it."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", home or is_no_region)
    async with (
        open_world(region=WEST) as west,
        serving(application, host="127.0.0.1", port=0) as port,
        east_of(f"http://127.0.0.1:{unused_tcp_port if home is None else port}") as east,
    ):
        link = (await ask(west, ASKED)).json["links"]["self"]
        seen_in(east, west)

        answer = await east.post_json(f"{link}/withdrawal", REASON, BEARER)

        assert (answer.status, answer.json["code"]) == (503, code)
