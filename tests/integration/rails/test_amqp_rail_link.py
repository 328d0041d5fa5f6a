"""What is particular to AMQP: confirms, returns, a wire that goes silent; and the simulator's side of the queues."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import aiohttp
import pytest

from adapters.rails.amqp import AmqpRailLink
from gateway.service.ports import MessageClass, NotSentError, RailLink, UnavailableError
from simulators.fednow import FedNowSimulatorSettings, serving
from tests.integration.bus.wire import FaultyWire
from tests.integration.rails.stands import (
    PARTY,
    VISIBILITY_S,
    amqp_stand,
    digest,
    journalled,
    payment,
    receive_into,
    receive_until,
)
from tests.servers import RabbitMqNode

CONFIRM: Final = bytes((0, 60, 0, 80))
"""How the payload of the method Basic.Ack begins, by which a broker confirms (AMQP 0-9-1 section 1.8)."""

LONG_ENOUGH_S: Final = 10.0


def link_over(url: str) -> AmqpRailLink:
    """A link that loses patience quickly."""
    return AmqpRailLink(url, network="fednow", connection_party=PARTY, send_timeout_s=0.5, lease_s=VISIBILITY_S)


async def send(link: RailLink) -> bytes:
    """Send a payment; return its bytes."""
    body = payment()
    await link.send(body, message_class=MessageClass.VALUE)
    return body


async def test_what_no_queue_takes_is_certainly_not_sent(rabbitmq_node: RabbitMqNode) -> None:
    """The broker returns it: no rail is behind it, or not for us."""
    async with AmqpRailLink(rabbitmq_node.url, network="nowhere", connection_party=PARTY) as link:
        with pytest.raises(NotSentError, match="nowhere"):
            await send(link)
        with pytest.raises(UnavailableError):
            await link.receive(messages_max=1, wait_s=0)
        await link.check()


async def test_what_is_not_confirmed_may_have_arrived(rabbitmq_node: RabbitMqNode) -> None:
    """The broker has it, and its word is lost on the way: in doubt, and not published again."""
    wire = FaultyWire(rabbitmq_node.url)
    async with amqp_stand(rabbitmq_node.url) as rail, wire.running(), link_over(wire.url) as link:
        await send(link)
        wire.lost.add(CONFIRM)
        with pytest.raises(UnavailableError, match="did not confirm") as raised:
            await send(link)
        wire.lost.clear()
        await send(link)
        await receive_until(link, 3)

        taken = [copy for _, copy in await rail.taken()]

    assert type(raised.value) is UnavailableError
    assert len(taken) == len(set(taken)) == 3


async def test_a_connection_that_has_gone_silent_is_given_up(rabbitmq_node: RabbitMqNode) -> None:
    """What was written into it is in doubt; the next message has a new connection."""
    wire = FaultyWire(rabbitmq_node.url)
    async with amqp_stand(rabbitmq_node.url), wire.running(), link_over(wire.url) as link:
        await send(link)
        wire.is_frozen = True
        with pytest.raises(UnavailableError):
            await send(link)
        wire.is_frozen = False

        await send(link)


async def test_the_simulator_takes_up_its_queues_again(rabbitmq_node: RabbitMqNode) -> None:
    """A lost connection of the rail's: what participants put meanwhile waits, and each message is taken once."""
    wire = FaultyWire(rabbitmq_node.url)
    async with wire.running(), amqp_stand(rabbitmq_node.url, rail_url=wire.url) as rail, rail.link() as link:
        bodies = []
        for number in range(20):
            bodies.append(await send(link))
            if number in {5, 12}:
                wire.cut()
        answers: list[bytes] = []
        async with asyncio.timeout(LONG_ENOUGH_S):  # one whose confirm was cut off comes twice: at least once
            while len(set(answers)) < len(bodies):
                await receive_into(answers, link, messages_max=10, wait_s=1)

        taken = [copy for _, copy in await rail.taken()]

    assert len(set(answers)) == len(bodies)
    assert sorted(taken) == sorted(digest(body) for body in bodies)


async def test_a_rail_that_refuses_leaves_messages_in_the_queue(rabbitmq_node: RabbitMqNode) -> None:
    """Refused on demand, it takes nothing and gives nothing; the broker has it, as a queue manager would."""
    async with amqp_stand(rabbitmq_node.url) as rail, rail.link() as link, aiohttp.ClientSession() as session:
        faults = f"{rail.base_url}/simulator/v1/faults"
        await (await session.post(faults, json={"refuse_connections": True})).read()
        body = await send(link)
        nothing = await link.receive(messages_max=1, wait_s=0.2)
        untaken = await rail.taken()
        await (await session.post(faults, json={})).read()
        await receive_until(link, 1)

        assert (list(nothing), list(untaken)) == ([], [])
        assert await rail.taken() == [("value", digest(body))]


async def test_the_simulator_starts_while_its_broker_is_away(rabbitmq_node: RabbitMqNode) -> None:
    """It serves once the broker is there; until then it waits, and ends when it is told to."""
    wire = FaultyWire(rabbitmq_node.url)
    async with asyncio.TaskGroup() as group:
        started = asyncio.Event()

        async def serve() -> None:
            async with serving(FedNowSimulatorSettings(amqp_url=wire.url)) as base_url:
                assert await journalled(base_url) == []
                started.set()
                await asyncio.Event().wait()

        running = group.create_task(serve())
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await started.wait()
        was_started = started.is_set()
        async with wire.running():
            async with asyncio.timeout(10):
                await started.wait()
            running.cancel()

    assert not was_started


async def test_a_poll_that_is_given_up_while_it_connects_leaves_nothing_deaf(rabbitmq_node: RabbitMqNode) -> None:
    """The library reads a channel no further whose question is cancelled; what waits there blocked the connection.

    Each pause ends the first poll somewhere else on its way: connecting, opening, asking for the prefetch, consuming.
    What it was handed meanwhile is of a channel that is there, and can be acknowledged.
    """
    async with amqp_stand(rabbitmq_node.url) as rail:
        for number in range(50):
            await rail.deliver(f"waits {number}".encode())

        for pause_ms in range(40):
            async with rail.link() as link:
                poll = asyncio.create_task(link.receive(messages_max=1, wait_s=LONG_ENOUGH_S))
                await asyncio.sleep(pause_ms / 1000)
                poll.cancel()
                async with asyncio.timeout(LONG_ENOUGH_S):
                    [delivery] = await link.receive(messages_max=1, wait_s=LONG_ENOUGH_S)
                    await link.acknowledge([delivery.receipt])
