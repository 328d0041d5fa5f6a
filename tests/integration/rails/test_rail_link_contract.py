"""The contract of `RailLink`, the same on every way to a rail.

In memory (the unit tests' fake); over HTTP and over AMQP with either rail's simulator behind; over IBM MQ with a queue
manager in memory under the package's real Python part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from adapters.rails.http import HttpRailLink
from gateway.service.ports import MessageClass, NotSentError, RailDelivery, RailLink, UnavailableError
from tests.fakes.rail import InMemoryRail
from tests.integration.rails.raw_server import Reply, raw_server
from tests.integration.rails.stands import PARTY, VISIBILITY_S, RailStand, digest, receive_into, receive_until

LONG_ENOUGH_S = 5.0
MANY = 20


@pytest.fixture
async def link(rail: RailStand) -> AsyncIterator[RailLink]:
    """A link to the rail under test."""
    async with rail.link() as link:
        yield link


async def send(rail: RailStand, link: RailLink, *, times: int = 1) -> None:
    """Send so many payments."""
    for _ in range(times):
        await link.send(rail.payment(), message_class=MessageClass.VALUE)


async def receive_one(link: RailLink) -> RailDelivery:
    """Fetch exactly one message."""
    (delivery,) = await link.receive(messages_max=10, wait_s=LONG_ENOUGH_S)
    return delivery


async def until_nothing_comes(link: RailLink) -> None:
    """Check that nothing comes any more, not even what was leased before."""
    assert list(await link.receive(messages_max=10, wait_s=3 * VISIBILITY_S)) == []


# --- Sending ----------------------------------------------------------------------------------------------------


async def test_what_is_sent_is_answered(rail: RailStand, link: RailLink) -> None:
    """Sending returns once the rail has the message; the answer is fetched."""
    await send(rail, link)

    assert (await receive_one(link)).body


async def test_each_message_is_sent_once(rail: RailStand, link: RailLink) -> None:
    """As many copies as sends, all under way at once, each on the queue of its class."""
    bodies = [rail.payment() for _ in range(MANY)]
    classes = [list(MessageClass)[number % len(MessageClass)] for number in range(MANY)]

    async with asyncio.TaskGroup() as group:
        for body, message_class in zip(bodies, classes, strict=True):
            group.create_task(link.send(body, message_class=message_class))
    await receive_until(link, MANY)

    expected = sorted((str(each), digest(body)) for body, each in zip(bodies, classes, strict=True))
    assert sorted(await rail.taken()) == expected


@pytest.mark.parametrize("body", [b"\xff\xfe\x00 no text", b"x" * (4 * 1024 * 1024)], ids=["no UTF-8", "4 MiB"])
async def test_bytes_arrive_as_they_are(rail: RailStand, link: RailLink, body: bytes) -> None:
    """In both directions, whatever they are: what cannot be read has to arrive to be kept."""
    await link.send(body, message_class=MessageClass.NONVALUE)
    await receive_until(link, 1)

    await rail.deliver(body)
    received = await receive_until(link, 1)

    assert [taken for _, taken in await rail.taken()] == [digest(body)]
    assert received == [body]


async def test_a_cancelled_send_is_sent_once_or_not_at_all(rail: RailStand, link: RailLink) -> None:
    """Who cancels does not know; the rail sees at most one copy, and the link goes on."""
    await send(rail, link)
    bodies = [rail.payment() for _ in range(MANY)]

    async with asyncio.TaskGroup() as group:
        sends = [group.create_task(link.send(body, message_class=MessageClass.VALUE)) for body in bodies]
        for number, each in enumerate(sends):
            if number % 2:
                await asyncio.sleep(0)
            each.cancel()
    await send(rail, link)
    await asyncio.sleep(VISIBILITY_S / 2)

    taken = [copy for _, copy in await rail.taken()]
    assert len(taken) == len(set(taken)) >= 2


# --- Receiving and acknowledging --------------------------------------------------------------------------------


async def test_what_is_not_acknowledged_comes_again(rail: RailStand, link: RailLink) -> None:
    """An answer survives a worker that fetched it and got stuck, with the same receipt and the same bytes."""
    await send(rail, link)
    first = await receive_one(link)

    async with rail.link() as other:
        again = await receive_one(other)

    assert again == first


async def test_what_a_closed_link_had_in_hand_comes_again(rail: RailStand, link: RailLink) -> None:
    """Whether it was handed out or not: a worker that stops keeps nothing."""
    async with rail.link() as closed:
        await send(rail, closed, times=3)
        first = await closed.receive(messages_max=1, wait_s=LONG_ENOUGH_S)

    again = await receive_until(link, 3)

    assert len(again) == len(set(again)) == 3
    assert first[0].body in again


async def test_what_is_acknowledged_does_not_come_again(rail: RailStand, link: RailLink) -> None:
    """Once saved, an answer is gone; the tests above are the control."""
    await send(rail, link)
    delivery = await receive_one(link)

    await link.acknowledge([delivery.receipt])

    await until_nothing_comes(link)
    async with rail.link() as other:
        await until_nothing_comes(other)


async def test_two_receivers_do_not_both_get_what_is_leased(rail: RailStand, link: RailLink) -> None:
    """What one is still saving is not handed to the other, and nothing is left out."""
    await send(rail, link, times=MANY)

    async with rail.link() as other, asyncio.TaskGroup() as group:
        received = [group.create_task(receive_until(each, MANY, messages_max=3)) for each in (link, other)]

    bodies = [body for each in received for body in each.result()]
    assert len(bodies) == len(set(bodies)) == MANY


async def test_a_poll_returns_as_soon_as_there_is_something(rail: RailStand, link: RailLink) -> None:
    """The wait is a limit and not a pause."""
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(receive_one(link))
        await asyncio.sleep(0.05)
        started_s = asyncio.get_running_loop().time()
        await send(rail, link)
        await poll

    assert asyncio.get_running_loop().time() - started_s < LONG_ENOUGH_S / 2


async def test_a_poll_without_anything_returns_empty(rail: RailStand, link: RailLink) -> None:
    """Nothing is not an error."""
    assert list(await link.receive(messages_max=10, wait_s=0.02)) == []


async def test_no_more_comes_than_was_asked_for(rail: RailStand, link: RailLink) -> None:
    """A receiver takes only what it can save."""
    await send(rail, link, times=5)

    bodies = await receive_until(link, 5, messages_max=2)

    assert len(set(bodies)) == 5


async def test_a_cancelled_poll_loses_nothing(rail: RailStand, link: RailLink) -> None:
    """A worker that stops in the middle of a fetch has not swallowed what was on its way."""
    async with asyncio.TaskGroup() as group:
        for pause_s in (0.0, 0.001, 0.005, 0.02):
            poll = group.create_task(link.receive(messages_max=10, wait_s=LONG_ENOUGH_S))
            await send(rail, link)
            await asyncio.sleep(pause_s)
            poll.cancel()

    assert len(set(await receive_until(link, 4))) == 4


async def test_one_class_does_not_block_another(rail: RailStand, link: RailLink) -> None:
    """More system messages than anybody takes do not hold back an answer about money, nor its acknowledgement."""
    for number in range(MANY):
        await rail.deliver(f"broadcast {number}".encode(), message_class=MessageClass.SYSTEM)
    held = await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)

    await rail.deliver(b"settled", message_class=MessageClass.VALUE)
    bodies = await receive_until(link, MANY, messages_max=MANY)

    assert held
    assert b"settled" in bodies


async def test_what_is_acknowledged_while_a_fetch_begins_does_not_come_again(rail: RailStand, link: RailLink) -> None:
    """A receiver does both at once: the link may make one request of them."""
    await send(rail, link)
    delivery = await receive_one(link)

    async with asyncio.TaskGroup() as group:
        group.create_task(link.receive(messages_max=10, wait_s=0.02))
        group.create_task(link.acknowledge([delivery.receipt]))

    await until_nothing_comes(link)
    async with rail.link() as other:
        await until_nothing_comes(other)


async def test_acknowledging_again_or_in_vain_is_safe(rail: RailStand, link: RailLink) -> None:
    """A receiver that died between its two steps repeats the second."""
    await send(rail, link)
    delivery = await receive_one(link)

    await link.acknowledge([delivery.receipt])
    await link.acknowledge([delivery.receipt, "unheard-of"])
    await link.acknowledge([])

    await until_nothing_comes(link)


# --- A rail that is not there -----------------------------------------------------------------------------------


async def test_a_rail_that_is_up_passes_the_check(rail: RailStand, link: RailLink) -> None:
    """The control of the one below."""
    await link.check()


async def test_where_nobody_listens_it_is_certain_that_nothing_was_sent(rail: RailStand) -> None:
    """The same message may be tried again: no byte has left."""
    await rail.go_away()

    async with rail.link() as link:
        with pytest.raises(NotSentError):
            await send(rail, link)

    await rail.come_back()
    assert await rail.taken() == []


async def test_where_nobody_listens_everything_else_fails_too(rail: RailStand) -> None:
    """A rail that is down is an ordinary fault of the world."""
    await rail.go_away()

    async with rail.link() as link:
        with pytest.raises(UnavailableError):
            await link.receive(messages_max=1, wait_s=0.01)
        with pytest.raises(UnavailableError):
            await link.acknowledge(["receipt"])
        with pytest.raises(UnavailableError):
            await link.check()

    await rail.come_back()


async def test_a_link_comes_back_with_its_rail(rail: RailStand, link: RailLink) -> None:
    """Nobody has to start a worker again; what waited at the rail is still there, and nothing was sent twice."""
    await send(rail, link, times=2)
    await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)
    await rail.go_away()
    with suppress(UnavailableError):
        await link.receive(messages_max=1, wait_s=0.1)  # what is in hand may be handed out, and comes again
    with pytest.raises(UnavailableError):
        await link.receive(messages_max=1, wait_s=2 * VISIBILITY_S)
    with pytest.raises(UnavailableError):
        await send(rail, link)

    await rail.come_back()
    async with asyncio.timeout(LONG_ENOUGH_S):
        while True:
            with suppress(NotSentError):
                await send(rail, link)
                break
            await asyncio.sleep(0.05)
    received: list[bytes] = []
    async with asyncio.timeout(2 * LONG_ENOUGH_S):
        while len(set(received)) < 3:
            with suppress(UnavailableError):  # a receiver is supervised: it fetches again
                await receive_into(received, link, messages_max=10, wait_s=1.0)

    taken = [copy for _, copy in await rail.taken()]
    assert len(taken) == len(set(taken)) == 3


# --- Bytes that may have left -----------------------------------------------------------------------------------


async def test_a_fake_that_fails_after_the_send_has_the_message() -> None:
    """As over HTTP (see below): what is not certain to be unsent may have arrived."""
    fake = InMemoryRail()
    fake.next_send_raises = UnavailableError("no acknowledgement")

    with pytest.raises(UnavailableError) as raised:
        await fake.send(b"payment", message_class=MessageClass.VALUE)

    assert type(raised.value) is UnavailableError
    assert [sent.body for sent in fake.sent] == [b"payment"]


async def test_a_server_that_dies_after_reading_the_request_may_have_it() -> None:
    """Money may have moved: it must never be taken for unsent. For the other links see their own modules."""
    async with raw_server(Reply.HANG_UP) as server, HttpRailLink(server.base_url, connection_party=PARTY) as link:
        with pytest.raises(UnavailableError) as raised:
            await link.send(b"payment", message_class=MessageClass.VALUE)

    assert type(raised.value) is UnavailableError
    assert server.requests == [b"payment"]


async def test_the_control_the_same_server_alive_takes_the_request() -> None:
    """It is the dying that makes the test above fail to send."""
    async with raw_server(Reply.ANSWER) as server, HttpRailLink(server.base_url, connection_party=PARTY) as link:
        await link.send(b"payment", message_class=MessageClass.VALUE)

    assert server.requests == [b"payment"]
