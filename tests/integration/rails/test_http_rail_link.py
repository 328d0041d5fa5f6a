"""What is particular to HTTP: kept-alive connections, time-outs, refusals, and answers that make no sense."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from adapters.rails.http import BATCH_BYTES_MAX, RIDING_MAX, HttpRailLink
from gateway.service.ports import MessageClass, NotSentError, UnavailableError
from simulators.transport import CLASS_HEADER, PARTY_HEADER
from tests.integration.rails.raw_server import RawServer, Reply, raw_server
from tests.unit.simulators.world import SENDER


@asynccontextmanager
async def link_to(*replies: Reply) -> AsyncIterator[tuple[RawServer, HttpRailLink]]:
    """A raw server and a link to it that loses patience quickly."""
    async with (
        raw_server(*replies) as server,
        HttpRailLink(server.base_url, connection_party=SENDER.connection_party, send_timeout_s=0.3) as link,
    ):
        yield server, link


async def send(link: HttpRailLink, body: bytes = b"payment") -> None:
    """Send a message of value."""
    await link.send(body, message_class=MessageClass.VALUE)


async def test_connections_are_kept_alive() -> None:
    """A connection per message would cost more than the message."""
    async with link_to(Reply.ANSWER, Reply.ANSWER) as (server, link):
        await send(link)
        await send(link)

    assert (len(server.requests), server.connections) == (2, 1)


async def test_a_connection_that_was_closed_while_idle_is_not_used_again() -> None:
    """The rail's restart between two messages is no fault at all: the second goes over a new connection."""
    async with link_to(Reply.ANSWER_AND_CLOSE, Reply.ANSWER) as (server, link):
        await send(link, b"first")
        await asyncio.sleep(0.05)
        await send(link, b"second")

    assert (server.requests, server.connections) == ([b"first", b"second"], 2)


async def test_a_message_on_a_connection_that_dies_is_neither_repeated_nor_called_unsent() -> None:
    """The rail may have read it: a repeat could pay twice, and so could calling it unsent."""
    async with link_to(Reply.ANSWER, Reply.HANG_UP, Reply.ANSWER) as (server, link):
        await send(link, b"first")

        with pytest.raises(UnavailableError) as raised:
            await send(link, b"second")

    assert type(raised.value) is UnavailableError
    assert server.requests == [b"first", b"second"]


async def test_the_control_a_poll_on_such_a_connection_is_repeated() -> None:
    """The counting above can fail: for a GET aiohttp does repeat the request, and the server sees it."""
    async with link_to(Reply.ANSWER, Reply.HANG_UP, Reply.ANSWER) as (server, link):
        await send(link)

        with pytest.raises(UnavailableError, match="202"):
            await link.receive(messages_max=1, wait_s=0.1)

    assert len(server.requests) == 3


async def send_together(link: HttpRailLink, *bodies: bytes) -> list[UnavailableError | None]:
    """Send all in one turn of the loop; returns what each ended with."""

    async def fault_of(body: bytes) -> UnavailableError | None:
        try:
            await send(link, body)
        except UnavailableError as error:
            return error
        return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fault_of(body)) for body in bodies]
    return [task.result() for task in tasks]


async def test_what_is_sent_in_one_turn_of_the_loop_shares_a_request() -> None:
    """Decisions that were committed together cost the rail, and us, one request."""
    async with link_to(Reply.ANSWER, Reply.ANSWER) as (server, link):
        faults = await send_together(link, b"first", b"\xff", b"third")
        await send(link, b"later")

    assert faults == [None] * 3
    assert json.loads(server.requests[0]) == [
        {"message_class": "value", "body": "first"},
        {"message_class": "value", "body_base64": "/w=="},
        {"message_class": "value", "body": "third"},
    ]
    assert server.requests[1:] == [b"later"]


async def test_a_large_message_goes_alone() -> None:
    """A request that is long on its way would hold up the small ones, and their fates with it."""
    large = b"x" * BATCH_BYTES_MAX
    async with link_to(*[Reply.ANSWER] * 3) as (server, link):
        await send_together(link, b"first", large, b"third")

    assert sorted(map(len, server.requests)) == [len(b"first"), len(b"third"), len(large)]


async def test_messages_that_share_a_request_share_its_fate() -> None:
    """The rail may have read all of them: none is repeated, none is called unsent, each caller is told."""
    async with link_to(Reply.HANG_UP) as (server, link):
        faults = await send_together(link, b"first", b"second")

    assert [type(fault) for fault in faults] == [UnavailableError, UnavailableError]
    assert len(server.requests) == 1


async def test_whoever_is_cancelled_while_it_sends_takes_nobody_with_it() -> None:
    """It does not know whether its message left; the others' messages leave, and they are told."""
    async with link_to(Reply.ANSWER) as (server, link), asyncio.TaskGroup() as group:
        first, second = (group.create_task(send(link, body)) for body in (b"first", b"second"))
        await asyncio.sleep(0)
        first.cancel()
        await second

    assert [entry["body"] for entry in json.loads(server.requests[0])] == ["first", "second"]


async def test_a_rail_that_does_not_acknowledge_in_time_may_have_the_message() -> None:
    """Every wait has a limit; what it leaves is doubt."""
    async with link_to(Reply.SILENCE) as (server, link):
        with pytest.raises(UnavailableError) as raised:
            await send(link)

    assert type(raised.value) is UnavailableError
    assert server.requests == [b"payment"]


async def test_a_connection_that_is_not_made_in_time_has_carried_nothing() -> None:
    """A rail whose queue of new connections is full lets them hang: no byte can have left."""
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(3):
            caller = stack.enter_context(socket.socket())
            caller.settimeout(0)
            caller.connect_ex(address)
        link = await stack.enter_async_context(
            HttpRailLink(f"http://127.0.0.1:{address[1]}", connection_party="990000107", connect_timeout_s=0.2)
        )

        with pytest.raises(NotSentError):
            await send(link)


@asynccontextmanager
async def answering(response: web.Response) -> AsyncIterator[HttpRailLink]:
    """A link to a rail that answers everything like this."""

    async def answer(_: web.Request) -> web.Response:
        return response

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    async with serving(application) as link:
        yield link


@asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[HttpRailLink]:
    """A link to a rail that is this application."""
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with HttpRailLink(f"http://{host}:{port}/", connection_party=SENDER.connection_party) as link:
            yield link
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [200, 302, 400, 403, 413, 500, 503])
async def test_whatever_is_not_202_leaves_a_message_in_doubt(status: int) -> None:
    """A refusal by the transport says nothing certain about what is behind it; redirects are not followed."""
    async with answering(web.Response(status=status, text="no", headers={"Location": "/elsewhere"})) as link:
        with pytest.raises(UnavailableError, match=str(status)) as raised:
            await send(link)

    assert type(raised.value) is UnavailableError


@pytest.mark.parametrize("text", ["garbage", "{}", "null", "[1]", '[{"receipt": "r"}]', '[{"receipt": 1, "body": ""}]'])
async def test_an_answer_that_makes_no_sense_is_a_fault_of_the_world(text: str) -> None:
    """A poll gives messages or `UnavailableError`, nothing else."""
    async with answering(web.Response(text=text, content_type="application/json")) as link:
        with pytest.raises(UnavailableError):
            await link.receive(messages_max=1, wait_s=0)


@asynccontextmanager
async def counting(status: int = 200) -> AsyncIterator[tuple[list[tuple[str, list[str]]], HttpRailLink]]:
    """A rail that has nothing and answers fetches with `status`; what was asked of it, with the receipts, in order."""
    asked: list[tuple[str, list[str]]] = []

    async def fetch(request: web.Request) -> web.Response:
        asked.append(("fetch", request.query.getall("acknowledge", [])))
        return web.json_response([], status=status)

    async def acknowledge(request: web.Request) -> web.Response:
        asked.append(("acknowledge", (await request.json())["receipts"]))
        return web.Response(status=204)

    application = web.Application()
    application.router.add_get("/rail/v1/messages", fetch)
    application.router.add_post("/rail/v1/acknowledgements", acknowledge)
    async with serving(application) as link:
        yield asked, link


async def fetch_and_acknowledge(link: HttpRailLink, *acknowledged: list[str]) -> None:
    """As a receiver does: the next is fetched while the last are acknowledged."""
    async with asyncio.TaskGroup() as group:
        group.create_task(link.receive(messages_max=1, wait_s=0))
        for receipts in acknowledged:
            group.create_task(link.acknowledge(receipts))


async def test_what_is_acknowledged_as_a_fetch_begins_goes_with_it() -> None:
    """A request in three is saved, to us and to the rail."""
    async with counting() as (asked, link):
        await fetch_and_acknowledge(link, ["a", "b"], ["c,d&e"])
        await link.acknowledge(["later"])
        await link.receive(messages_max=1, wait_s=0)

    assert asked == [("fetch", ["a", "b", "c,d&e"]), ("acknowledge", ["later"]), ("fetch", [])]


async def test_more_than_a_query_holds_goes_by_itself() -> None:
    """A request line has a limit, and a refused fetch would stop everything."""
    many = [f"receipt-{number}" for number in range(RIDING_MAX + 1)]

    async with counting() as (asked, link):
        await fetch_and_acknowledge(link, many, ["one"])

    assert sorted(asked) == [("acknowledge", ["one"]), ("acknowledge", many), ("fetch", [])]


async def test_an_acknowledgement_is_as_uncertain_as_the_fetch_that_it_went_with() -> None:
    """Nobody is told that something is certain when the answer to it was a fault."""
    async with counting(status=503) as (_, link):
        poll = asyncio.create_task(link.receive(messages_max=1, wait_s=0))
        acknowledgement = asyncio.create_task(link.acknowledge(["a"]))

        with pytest.raises(UnavailableError, match="went with a fetch"):
            await acknowledgement
        with pytest.raises(UnavailableError, match="503"):
            await poll


async def test_a_fetch_that_is_given_up_leaves_its_acknowledgement_uncertain() -> None:
    """Whoever waits for it is told, and waits no longer; whoever gave up waiting disturbs nobody."""
    async with link_to(Reply.SILENCE) as (_, link):
        poll = asyncio.create_task(link.receive(messages_max=1, wait_s=60))
        kept, given_up = (asyncio.create_task(link.acknowledge([each])) for each in "ab")
        await asyncio.sleep(0.05)
        given_up.cancel()
        poll.cancel()

        with pytest.raises(UnavailableError, match="given up"):
            await kept
        await asyncio.wait([poll, given_up])

    assert poll.cancelled()
    assert given_up.cancelled()


async def test_an_answer_that_is_no_text_comes_as_it_is() -> None:
    """What cannot be read is kept as bytes, so it has to arrive as bytes."""
    entries = '[{"receipt": "a", "body_base64": "//4A"}, {"receipt": "b", "body": "Gr\\u00fc\\u00dfe"}]'

    async with answering(web.Response(text=entries, content_type="application/json")) as link:
        deliveries = await link.receive(messages_max=2, wait_s=0)

    assert [delivery.body for delivery in deliveries] == [b"\xff\xfe\x00", "Grüße".encode()]


async def test_a_message_states_who_sends_it_and_its_class() -> None:
    """The transport's headers are the same words on both sides, though neither imports the other."""
    seen: dict[str, str] = {}

    async def remember(request: web.Request) -> web.Response:
        seen.update(request.headers)
        return web.Response(status=202)

    application = web.Application()
    application.router.add_post("/rail/v1/messages", remember)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with HttpRailLink(f"http://127.0.0.1:{runner.addresses[0][1]}", connection_party="990000107") as link:
            await link.send(b"enquiry", message_class=MessageClass.INQUIRY)
    finally:
        await runner.cleanup()

    assert (seen[PARTY_HEADER], seen[CLASS_HEADER]) == ("990000107", "inquiry")


async def test_a_closed_link_can_be_closed_again_and_used_again() -> None:
    """Closing is safe to repeat; a later use opens new connections."""
    async with link_to(Reply.ANSWER, Reply.ANSWER) as (server, link):
        await send(link)
        await link.close()
        await link.close()
        await send(link)

    assert server.connections == 2
