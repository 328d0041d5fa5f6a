"""RabbitMQ: what exists on it, and connections to it; each trap that was fallen into, with its control."""

from __future__ import annotations

import asyncio
import json
from itertools import product
from typing import Final

import aio_pika
import aiormq
import pytest
from aiormq import spec
from aiormq.abc import ChannelFrame

from adapters.amqp.connection import BrokerLink, translated
from adapters.child_process import free_loopback_port
from adapters.rabbitmq.server import WAL_BYTES_MAX
from adapters.rabbitmq.topology import TopologyMismatchError
from gateway.domain.payment import Rail
from gateway.service.ports import MessageClass, Queue, QueueDirection, UnavailableError, UnroutableError
from tests.integration.bus.harness import (
    Observed,
    Taken,
    eventually,
    outbound,
    publish_until_confirmed,
    rabbitmq_bus,
    until_depth,
)
from tests.integration.bus.wire import FaultyWire
from tests.servers import RabbitMqNode

VALUE: Final = Queue.FEDNOW_OUT_VALUE


# --- Queues -----------------------------------------------------------------------------------------------------


def test_there_is_a_queue_for_each_rail_direction_and_class() -> None:
    """Reports never stand before money, nor outgoing before incoming, nor one rail before the other."""
    on_the_rail = set(product(Rail, (QueueDirection.OUT, QueueDirection.IN), MessageClass))
    for_the_core = set(product(Rail, (QueueDirection.CORE,), (MessageClass.VALUE,)))

    assert {(queue.rail, queue.direction, queue.message_class) for queue in Queue} == on_the_rail | for_the_core
    assert {Queue.of(*which) for which in on_the_rail | for_the_core} == set(Queue)


async def test_every_queue_is_a_durable_quorum_queue_with_its_limits_spelled_out(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Defaults differ between versions and providers: nothing that matters is left to them."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace, queues=tuple(Queue)) as bus:
        await bus.declare()

    listed = json.loads(
        rabbitmq_node.control("-q", "--formatter", "json", "list_queues", "name", "durable", "arguments")
    )
    ours = {queue["name"]: queue for queue in listed if queue["name"].startswith(f"{namespace}.")}
    assert set(ours) == {f"{namespace}.{name}" for name in (*Queue, "dead-letters", "unreadable")}
    for queue in ours.values():
        arguments = {name: value for name, _, value in queue["arguments"]}
        assert queue["durable"]
        assert arguments["x-queue-type"] == "quorum"
        assert "x-delivery-limit" in arguments


async def test_a_queue_that_exists_with_other_arguments_is_said_to_be_so(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """A changed limit cannot be put on an existing queue: an operator must know, a retry would never help."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, delivery_limit=7) as bus:
        with pytest.raises(TopologyMismatchError, match="x-delivery-limit"):
            await bus.declare()


async def test_declaring_declares_nothing_anew(rabbitmq_node: RabbitMqNode, namespace: str) -> None:
    """Nothing in the program deletes a queue; a second process that starts leaves what waits as it is."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus, rabbitmq_bus([rabbitmq_node.url], namespace) as two:
        await bus.declare()
        await bus.publish(outbound(3))
        await two.declare()

        await until_depth(two, VALUE, 3)


def test_a_node_of_ours_keeps_no_more_of_its_log_in_memory_than_it_was_told(rabbitmq_node: RabbitMqNode) -> None:
    """By default it would be eight times as much, whatever was settled long ago."""
    told = rabbitmq_node.control("eval", "application:get_env(ra, wal_max_size_bytes).")

    assert told.strip() == f"{{ok,{WAL_BYTES_MAX}}}"


# --- Connections ------------------------------------------------------------------------------------------------


async def test_the_next_broker_is_used_when_the_first_does_not_answer(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Several URLs are several chances."""
    nobody = f"amqp://guest:guest@127.0.0.1:{free_loopback_port()}/"
    taken = Taken()

    async with rabbitmq_bus([nobody, rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await eventually(lambda: len(taken.deliveries) == 1)


async def test_without_any_broker_everything_is_unavailable(namespace: str) -> None:
    """No library's exception leaves the adapter, and the text names the address without the password."""
    nobody = f"amqp://guest:secret-word@127.0.0.1:{free_loopback_port()}/"

    async with rabbitmq_bus([nobody], namespace) as bus:
        for call in (bus.declare, bus.check, lambda: bus.publish(outbound(1)), lambda: bus.depth(VALUE)):
            with pytest.raises(UnavailableError, match=r"127\.0\.0\.1") as raised:
                await call()
            assert "secret-word" not in str(raised.value)


async def test_a_dead_broker_is_left_for_a_live_one(rabbitmq_node: RabbitMqNode, namespace: str) -> None:
    """The first of two brokers dies while it is in use: publisher and consumer go on with the second."""
    wire, taken, observed = FaultyWire(rabbitmq_node.url), Taken(), Observed()

    async with wire.running(), rabbitmq_bus([wire.url, rabbitmq_node.url], namespace, observer=observed) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 1)
            wire.is_frozen = True  # nothing can be made through it any more
            wire.cut()
            await publish_until_confirmed(bus, outbound(1))
            await eventually(lambda: len(taken.deliveries) >= 2)  # the first again, if its answer was lost

    assert observed.restarted[VALUE] == 1


async def test_a_cancellation_that_nobody_asked_for_is_a_lost_connection() -> None:
    """The library ends waits on a dead connection with `CancelledError`: taken for ours, it would end the consumer."""
    with pytest.raises(UnavailableError, match="lost"), translated("wait"):
        raise asyncio.CancelledError


async def test_a_cancellation_that_was_asked_for_passes_through() -> None:
    """A shutdown, or a time-out of ours, must not be taken for a fault of the broker. The control of the test above."""

    async def wait_for_ever() -> None:
        with translated("wait"):
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(wait_for_ever())
        await asyncio.sleep(0)
        waiting.cancel()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await wait_for_ever()

    assert waiting.cancelled()


# --- Controls: the traps themselves -----------------------------------------------------------------------------


async def test_control_a_connection_that_its_broker_has_dropped_does_not_know_that_it_is_closed(
    rabbitmq_node: RabbitMqNode,
) -> None:
    """`is_closed` stays False for ever: why liveness is read from the connection's reader and writer instead.

    That our consumers come back after the kill of a node is in the contract.
    """
    wire = FaultyWire(rabbitmq_node.url)
    async with wire.running():
        connection = await aio_pika.connect(wire.url)
        transport = connection.transport
        assert transport is not None

        wire.cut()
        await eventually(lambda: not transport.connection.is_opened, within_s=5.0)
        await asyncio.sleep(0.2)

        assert connection.is_closed is False
        await connection.close()


async def test_a_queue_is_counted_as_it_is_now(rabbitmq_node: RabbitMqNode, namespace: str) -> None:
    """Depth and watchdog ask the broker. The control: a robust channel answers a passive declaration from memory."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        robust = await aio_pika.connect_robust(rabbitmq_node.url)
        async with robust, robust.channel() as channel:
            await channel.declare_queue(f"{namespace}.{VALUE}", passive=True)
            await bus.publish(outbound(3))

            await until_depth(bus, VALUE, 3)
            remembered = await channel.declare_queue(f"{namespace}.{VALUE}", passive=True)

    assert remembered.declaration_result.message_count == 0


async def test_the_depth_of_a_queue_that_nobody_declared_is_no_outage(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The broker closes a channel on which it is asked for what is not there: the next question has another."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        with pytest.raises(UnroutableError):
            await bus.depth(VALUE)
        await bus.declare()

        assert await bus.depth(VALUE) == 0


async def test_leaving_consumers_in_the_middle_of_work_keeps_their_connection(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Cancel, answer, close, in this order: others' consumers live on the same connection."""
    taken, stays, observed = Taken(), Taken(), Observed()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, observer=observed) as bus:
        await bus.declare()
        async with bus.consume(Queue.FEDNOW_IN_VALUE, stays, prefetch=1, concurrency=1):
            for _ in range(5):
                deliveries = outbound(200)
                await bus.publish(deliveries)
                async with bus.consume(VALUE, taken, prefetch=50, concurrency=20):
                    await eventually(lambda: len(taken.deliveries) % 200 > 20)
            await bus.publish(outbound(1, queue=Queue.FEDNOW_IN_VALUE))
            await eventually(lambda: len(stays.deliveries) == 1)

    assert observed.faults == []


async def test_control_an_answer_on_a_channel_that_was_closed_takes_the_connection_with_it(
    rabbitmq_node: RabbitMqNode,
) -> None:
    """RabbitMQ answers 504 to the connection: every other channel on it is gone too."""
    connection = await aiormq.connect(rabbitmq_node.url)
    channel, other = await connection.channel(), await connection.channel()

    assert isinstance(channel, aiormq.Channel)
    await channel.close()
    late = ChannelFrame.marshall(channel_number=channel.number, frames=[spec.Basic.Ack(delivery_tag=1)])
    await channel.write_queue.put(late)

    await eventually(lambda: other.is_closed, within_s=5.0)
    assert not connection.is_opened


async def test_a_link_needs_an_address() -> None:
    """An empty list of brokers is a fault of the settings, and is said at once."""
    with pytest.raises(ValueError, match="URL"):
        BrokerLink([], purpose="test")
