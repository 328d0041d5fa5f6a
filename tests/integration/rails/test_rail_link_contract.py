"""The contract of `RailLink`, the same on the rail in memory and on HTTP with either rail's simulator behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

import pytest

from adapters.rails.http import HttpRailLink
from gateway.service.ports import MessageClass, NotSentError, RailDelivery, RailLink, UnavailableError
from iso20022 import MessageId
from simulators import fednow, rtp
from simulators.clock import SystemClock
from tests.acceptance.payments import rtp_message, rtp_transfer
from tests.fakes.rail import InMemoryRail
from tests.integration.rails.raw_server import Reply, raw_server
from tests.unit.simulators.world import SENDER, transfer_bytes

VISIBILITY_S = 0.3
LONG_ENOUGH_S = 5.0


@dataclass(frozen=True, slots=True)
class RailUnderTest:
    """Two links of one participant to one rail, and messages that the rail answers at once with one message each."""

    link: RailLink
    other: RailLink
    payment: Callable[[], bytes]


def payments() -> Callable[[], bytes]:
    """Messages that the simulator settles."""
    numbers = count(1)
    clock = SystemClock()

    def payment() -> bytes:
        now = clock.now()
        message_id = MessageId(f"{now:%Y%m%d}{SENDER.connection_party}CONTRACT{next(numbers):06d}")
        return transfer_bytes(now, message_id)

    return payment


@pytest.fixture(params=["in memory", "FedNow over HTTP", "RTP over HTTP"])
async def rail(request: pytest.FixtureRequest) -> AsyncIterator[RailUnderTest]:
    """Every way to a rail."""
    if request.param == "in memory":
        fake = InMemoryRail(answering=lambda body, _: [b"about " + body], visibility_s=VISIBILITY_S)
        yield RailUnderTest(fake, fake, payments())
        return
    async with AsyncExitStack() as stack:
        if request.param == "RTP over HTTP":
            simulator = rtp.serving(rtp.RtpSimulatorSettings(visibility_s=VISIBILITY_S))
            party, payment = rtp.PARTICIPANTS[0].connection_party, lambda: rtp_message(rtp_transfer())
        else:
            simulator = fednow.serving(fednow.FedNowSimulatorSettings(visibility_s=VISIBILITY_S))
            party, payment = SENDER.connection_party, payments()
        base_url = await stack.enter_async_context(simulator)
        links = [await stack.enter_async_context(HttpRailLink(base_url, connection_party=party)) for _ in range(2)]
        yield RailUnderTest(links[0], links[1], payment)


@pytest.fixture(params=["in memory", "over HTTP"])
async def link_to_nobody(request: pytest.FixtureRequest, unused_tcp_port: int) -> AsyncIterator[RailLink]:
    """A link whose rail is down."""
    if request.param == "in memory":
        fake = InMemoryRail()
        fake.reachable = False
        yield fake
        return
    async with HttpRailLink(f"http://127.0.0.1:{unused_tcp_port}", connection_party=SENDER.connection_party) as link:
        yield link


async def send(rail: RailUnderTest, *, times: int = 1) -> None:
    """Send so many payments."""
    for _ in range(times):
        await rail.link.send(rail.payment(), message_class=MessageClass.VALUE)


async def receive_one(link: RailLink) -> RailDelivery:
    """Fetch exactly one message."""
    (delivery,) = await link.receive(messages_max=10, wait_s=LONG_ENOUGH_S)
    return delivery


async def test_what_is_sent_is_answered(rail: RailUnderTest) -> None:
    """Sending returns once the rail has the message; the answer is fetched."""
    await send(rail)

    assert (await receive_one(rail.link)).body


async def test_what_is_not_acknowledged_comes_again(rail: RailUnderTest) -> None:
    """An answer survives the death of the worker that fetched it, with the same receipt and the same bytes."""
    await send(rail)
    first = await receive_one(rail.link)

    again = await receive_one(rail.other)

    assert again == first


async def test_what_is_acknowledged_does_not_come_again(rail: RailUnderTest) -> None:
    """Once saved, an answer is gone; the test above is the control."""
    await send(rail)
    delivery = await receive_one(rail.link)

    await rail.link.acknowledge([delivery.receipt])

    assert list(await rail.link.receive(messages_max=10, wait_s=2 * VISIBILITY_S)) == []


async def test_two_receivers_do_not_both_get_what_is_leased(rail: RailUnderTest) -> None:
    """What one is still saving is not handed to the other."""
    await send(rail, times=4)

    async with asyncio.TaskGroup() as group:
        polls = [
            group.create_task(link.receive(messages_max=3, wait_s=VISIBILITY_S / 3)) for link in (rail.link, rail.other)
        ]

    receipts = [delivery.receipt for poll in polls for delivery in poll.result()]
    assert len(receipts) == len(set(receipts)) == 4


async def test_a_poll_returns_as_soon_as_there_is_something(rail: RailUnderTest) -> None:
    """The wait is a limit and not a pause."""
    async with asyncio.TaskGroup() as group:
        poll = group.create_task(receive_one(rail.link))
        await asyncio.sleep(0.05)
        started_s = asyncio.get_running_loop().time()
        await send(rail)
        await poll

    assert asyncio.get_running_loop().time() - started_s < LONG_ENOUGH_S / 2


async def test_a_poll_without_anything_returns_empty(rail: RailUnderTest) -> None:
    """Nothing is not an error."""
    assert list(await rail.link.receive(messages_max=10, wait_s=0.02)) == []


async def test_no_more_comes_than_was_asked_for(rail: RailUnderTest) -> None:
    """A receiver takes only what it can save."""
    await send(rail, times=3)

    first = await rail.link.receive(messages_max=2, wait_s=LONG_ENOUGH_S)
    rest = await rail.link.receive(messages_max=2, wait_s=LONG_ENOUGH_S)

    assert (len(first), len(rest)) == (2, 1)


async def test_acknowledging_again_or_in_vain_is_safe(rail: RailUnderTest) -> None:
    """A receiver that died between its two steps repeats the second."""
    await send(rail)
    delivery = await receive_one(rail.link)

    await rail.link.acknowledge([delivery.receipt])
    await rail.link.acknowledge([delivery.receipt, "unheard-of"])
    await rail.link.acknowledge([])

    assert list(await rail.link.receive(messages_max=10, wait_s=2 * VISIBILITY_S)) == []


async def test_a_rail_that_is_up_passes_the_check(rail: RailUnderTest) -> None:
    """The control of the one below."""
    await rail.link.check()


async def test_where_nobody_listens_it_is_certain_that_nothing_was_sent(link_to_nobody: RailLink) -> None:
    """The same message may be tried again: no byte has left."""
    with pytest.raises(NotSentError):
        await link_to_nobody.send(b"payment", message_class=MessageClass.VALUE)


async def test_where_nobody_listens_everything_else_fails_too(link_to_nobody: RailLink) -> None:
    """A rail that is down is an ordinary fault of the world."""
    with pytest.raises(UnavailableError):
        await link_to_nobody.receive(messages_max=1, wait_s=0.01)
    with pytest.raises(UnavailableError):
        await link_to_nobody.acknowledge(["receipt"])
    with pytest.raises(UnavailableError):
        await link_to_nobody.check()


async def test_a_fake_that_fails_after_the_send_has_the_message() -> None:
    """As over HTTP (see the next module): what is not certain to be unsent may have arrived."""
    fake = InMemoryRail()
    fake.next_send_raises = UnavailableError("no acknowledgement")

    with pytest.raises(UnavailableError) as raised:
        await fake.send(b"payment", message_class=MessageClass.VALUE)

    assert type(raised.value) is UnavailableError
    assert [sent.body for sent in fake.sent] == [b"payment"]


async def test_a_server_that_dies_after_reading_the_request_may_have_it() -> None:
    """Money may have moved: it must never be taken for unsent."""
    async with (
        raw_server(Reply.HANG_UP) as server,
        HttpRailLink(server.base_url, connection_party=SENDER.connection_party) as link,
    ):
        with pytest.raises(UnavailableError) as raised:
            await link.send(b"payment", message_class=MessageClass.VALUE)

    assert type(raised.value) is UnavailableError
    assert server.requests == [b"payment"]


async def test_the_control_the_same_server_alive_takes_the_request() -> None:
    """It is the dying that makes the test above fail to send."""
    async with (
        raw_server(Reply.ANSWER) as server,
        HttpRailLink(server.base_url, connection_party=SENDER.connection_party) as link,
    ):
        await link.send(b"payment", message_class=MessageClass.VALUE)

    assert server.requests == [b"payment"]
