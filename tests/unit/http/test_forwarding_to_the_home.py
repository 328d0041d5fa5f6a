"""A submission whose key has its home in the other region: it goes there, once, and is answered as it is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from adapters.http.answers import PENDING_TYPE
from adapters.http.api import Sender
from adapters.http.headers import ANSWERED_IN, FORWARDED_FROM
from adapters.http.peer import Peer
from adapters.http.problems import LEASE_OVER
from adapters.http.serving import serving
from gateway.domain.identity import SLOTS
from gateway.domain.payment import RegionId
from gateway.service.ports import LeaseOverError, NotServingError, UnavailableError
from tests.unit.http.world import BEARER, Answer, World, json_payment, message, open_world

EAST, WEST = RegionId("use1"), RegionId("usw2")


def saved_or_not() -> UnavailableError:
    """What a store says whose lease ran out while it saved."""
    error = UnavailableError("saved, or not, and not acknowledged")
    error.__cause__ = LeaseOverError("run out")
    return error


@dataclass(frozen=True, slots=True)
class Two:
    """East, which owns no slot, and West, which owns them all."""

    east: World
    west: World


@asynccontextmanager
async def east_of(url: str) -> AsyncIterator[World]:
    """A region that owns nothing, and believes its peer to be at `url`."""
    async with Peer(url, own=EAST) as peer, open_world(peer=peer) as east:
        east.store.homes = dict.fromkeys(range(SLOTS), WEST)
        yield east


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    """Both, serving."""
    async with open_world(region=WEST) as west, east_of(f"http://127.0.0.1:{west.port}") as east:
        yield Two(east, west)


async def test_a_submission_is_answered_as_if_it_had_been_sent_to_its_home(two: Two) -> None:
    """XML and JSON, first and repeat, valid and not: the home's own answer, byte for byte."""
    sends: list[Callable[[World], Awaitable[Answer]]] = [
        lambda world: world.post_message(message(1)),
        lambda world: world.post_payment(json_payment(), key="key-2"),
        lambda world: world.post_payment(json_payment(amount="99.99"), key="key-2"),
        lambda world: world.post_payment(json_payment(amount="0.00"), key="key-3"),
    ]
    for send in sends:
        forwarded = await send(two.east)
        direct = await send(two.west)

        assert forwarded.status == direct.status
        assert forwarded.headers["Content-Type"] == direct.headers["Content-Type"]
        assert forwarded.headers.get("Location") == direct.headers.get("Location")
        if forwarded.status == 202:
            assert forwarded.body == direct.body
            assert "Idempotency-Replayed" not in forwarded.headers
            assert direct.headers["Idempotency-Replayed"] == "true"
    assert len(two.west.store.rows.payments) == 2
    assert not two.east.store.rows.payments


async def test_a_hundred_repeats_to_both_regions_at_once_are_one_payment(two: Two) -> None:
    """Whoever gets it, it has one home. Who is told that nothing was forwarded, on a busy machine, sends it again."""

    async def send(world: World) -> Answer:
        while (answer := await world.post_message(message())).status == 503:
            assert answer.json["code"] == "not_serving"
        return answer

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(send((two.east, two.west)[n % 2])) for n in range(100)]
    answers = [task.result() for task in tasks]

    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == 1
    assert len(two.west.store.rows.payments) == 1


async def test_an_address_that_is_none_is_no_doubt() -> None:
    """Nothing is ever sent there: refused, and not pending for ever."""
    async with east_of("gateway.usw2:8080") as east:
        answer = await east.post_message(message())

    assert (answer.status, answer.json["code"]) == (503, "not_serving")


async def test_what_was_surely_not_forwarded_is_refused_and_nothing_was_done(unused_tcp_port: int) -> None:
    """503 with a pause: the client may try again, here or there."""
    async with east_of(f"http://127.0.0.1:{unused_tcp_port}") as east:
        answer = await east.post_message(message())

    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "not_serving", "1")
    assert not east.store.rows.claims


@asynccontextmanager
async def home_that(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[World]:
    """East, with a home that does as it is told."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    async with serving(application, host="127.0.0.1", port=0) as port, east_of(f"http://127.0.0.1:{port}") as east:
        yield east


async def test_what_may_have_reached_its_home_is_pending_and_is_sent_once() -> None:
    """The home read it and fell silent: neither yes nor no, and not again by itself."""
    seen: list[bytes] = []

    async def breaks_off(request: web.Request) -> web.StreamResponse:
        seen.append(await request.read())
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with home_that(breaks_off) as east:
        answer = await east.post_payment(json_payment(), key="key-7")

    assert answer.status == 202
    assert answer.headers["Content-Type"] == PENDING_TYPE
    assert (answer.json["state"], answer.json["idempotency_key"], answer.json["home"]) == ("PENDING", "key-7", WEST)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("status", "region", "answered"),
    [
        *((status, None, 202) for status in (200, 301, 404, 413, 429, 502, 503, 504)),
        *((status, EAST, 202) for status in (202, 503)),
        *((status, WEST, 503) for status in (401, 403)),
        *((status, WEST, 202) for status in (500, 503)),
        (409, WEST, 409),
    ],
)
async def test_what_the_way_or_the_keys_answer_is_not_taken_for_the_homes_answer(
    status: int, region: RegionId | None, answered: int
) -> None:
    """A balancer's 503 may come after the home had it; a 401 there is a fault of ours, and no client's."""

    async def answers(request: web.Request) -> web.StreamResponse:
        headers = {} if region is None else {ANSWERED_IN: region}
        return web.Response(status=status, text="{}", content_type="application/problem+json", headers=headers)

    async with home_that(answers) as east:
        answer = await east.post_message(message())

    assert answer.status == answered


@pytest.mark.parametrize(
    ("code", "answered"),
    [("not_serving", 503), ("overloaded", 503), ("directory_stale", 503), ("unavailable", 202), ("another", 202)],
)
async def test_the_homes_own_503_is_handed_on_where_it_says_that_nothing_was_done(code: str, answered: int) -> None:
    """Its store that does not answer may have committed: who hears 503 of two regions is told that nothing was."""

    async def answers(request: web.Request) -> web.StreamResponse:
        return web.json_response({"code": code}, status=503, headers={ANSWERED_IN: WEST})

    async with home_that(answers) as east:
        answer = await east.post_message(message())

    assert (answer.status, answer.headers["Content-Type"] == PENDING_TYPE) == (answered, answered == 202)


@pytest.mark.parametrize(("announced", "answered"), [(3_000, (201, 3_000)), (4_000, (202, None))])
async def test_an_answer_in_pieces_is_whole_and_one_that_breaks_off_is_pending(
    announced: int, answered: tuple[int, int | None]
) -> None:
    """What is handed on is all that the home has said: a part of it would look like an answer."""

    async def answers(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=201, headers={"Content-Length": str(announced), ANSWERED_IN: WEST})
        await response.prepare(request)
        for _ in range(2):
            await response.write(b"x" * 1_500)
            await asyncio.sleep(0.02)
        if announced > 3_000:
            assert request.transport is not None
            request.transport.abort()
        return response

    async with home_that(answers) as east:
        answer = await east.post_message(message())

    status, size = answered
    assert answer.status == status
    assert size is None or len(answer.body) == size
    assert size is not None or answer.headers["Content-Type"] == PENDING_TYPE


async def test_a_request_is_forwarded_once_and_never_in_a_circle() -> None:
    """Both maps say that it is the other's, for a moment in a hand-over: it is refused, and nothing was done."""
    async with open_world(region=WEST) as west:
        west.store.homes = dict.fromkeys(range(SLOTS), EAST)
        async with east_of(f"http://127.0.0.1:{west.port}") as east:
            answer = await _while_time_passes(east, east.post_message(message()))
            direct = await west.post_message(message(2), {FORWARDED_FROM: EAST})

    for refused in (answer, direct):
        assert (refused.status, refused.json["code"]) == (503, "not_serving")
    assert not west.store.rows.claims


async def _while_time_passes(world: World, asked: Coroutine[None, None, Answer]) -> Answer:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asked)
        while not task.done():
            await asyncio.sleep(0.01)
            world.clock.advance(1)
    return task.result()


async def test_a_submission_waits_for_a_slot_that_is_being_handed_over() -> None:
    """For a moment neither region owns it: no client hears of that."""
    async with open_world(region=WEST) as west, east_of(f"http://127.0.0.1:{west.port}") as east:
        west.store.homes = dict.fromkeys(range(SLOTS), EAST)
        async with asyncio.TaskGroup() as group:
            asked = group.create_task(east.post_payment(json_payment(), key="key-9"))
            await east.clock.until_asleep(1)
            west.store.homes = {}
            east.clock.advance(1)

    assert asked.result().status == 202
    assert len(west.store.rows.payments) == 1


async def test_a_region_without_its_lease_refuses_and_nothing_was_done(two: Two) -> None:
    """It forwards nothing and accepts nothing: it may have been taken over."""
    two.west.store.next_call_raises = NotServingError("no lease")

    answer = await two.east.post_message(message())

    assert (answer.status, answer.json["code"]) == (503, "not_serving")
    assert not two.west.store.rows.claims


@pytest.mark.parametrize("error", [LeaseOverError("run out"), saved_or_not()])
async def test_a_refusal_says_where_the_lease_has_run_out(two: Two, error: UnavailableError) -> None:
    """Before the claim, and while it was made: whoever counts refusals knows that nothing else failed."""
    two.west.store.next_call_raises = error
    answer = await two.west.post_message(message())

    two.west.store.next_call_raises = UnavailableError("gone")
    other = await two.west.post_message(message())

    assert (answer.status, answer.json["detail"].startswith(LEASE_OVER)) == (503, True)
    assert (other.status, other.json["detail"].startswith(LEASE_OVER)) == (503, False)


async def test_reading_is_answered_where_it_is_asked(two: Two) -> None:
    """Reads are never forwarded: each region has a projection of the other's payments."""
    accepted = await two.east.post_message(message())

    answer = await two.east.get(f"/v1/payments/{accepted.json['payment_id']}")

    assert answer.status == 404


async def test_a_submission_is_in_progress_until_it_is_answered_by_who_has_sent_it(two: Two) -> None:
    """What is forwarded is so in both regions: there it is the peer's."""
    worlds = (two.east, two.west)
    expected = [Counter({Sender.CLIENT: 1}), Counter({Sender.CLIENT: 1, Sender.PEER: 1})]
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(world.post_message(message(number), {"Prefer": "wait=15"}))
            for number, world in enumerate(worlds)
        ]
        async with asyncio.timeout(5):
            while [world.in_progress for world in worlds] != expected:
                await asyncio.sleep(0.01)
        while not all(task.done() for task in asked):
            two.west.clock.advance(1)
            await asyncio.sleep(0.01)

    assert [task.result().status for task in asked] == [202, 202]
    assert [world.in_progress.total() for world in worlds] == [0, 0]


async def test_a_submission_is_not_in_progress_before_it_has_come_whole(two: Two) -> None:
    """The gateway has read its head, and says so: who counts arrivals must not count that."""
    body, west = json_payment(), two.west
    head = {**BEARER, "Content-Type": "application/json", "Idempotency-Key": "key-1", "Host": "gateway"}
    head |= {"Content-Length": str(len(body)), "Expect": "100-continue", "Connection": "close"}
    lines = ("POST /v1/payments HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", "")
    reader, writer = await asyncio.open_connection("127.0.0.1", west.port)
    try:
        writer.write("\r\n".join(lines).encode() + body[:20])
        invited = await reader.readuntil(b"\r\n\r\n")
        before = west.in_progress.total()
        writer.write(body[20:])
        answer = await reader.read()
    finally:
        writer.close()

    assert invited == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert (before, west.in_progress) == (0, {Sender.CLIENT: 0})
