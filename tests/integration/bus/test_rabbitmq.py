"""What is particular to RabbitMQ: the traps that were fallen into, each with the control that shows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aio_pika
import pytest
from yarl import URL

from adapters.postgres.child_process import free_loopback_port
from adapters.rabbitmq.connection import translated
from adapters.rabbitmq.topology import TopologyMismatchError
from gateway.service.ports import Delivery, Queue, UnavailableError
from tests.integration.bus.harness import eventually, outbound, rabbitmq_bus, until_dead_letters
from tests.servers import RabbitMqNode

VALUE: Final = Queue.FEDNOW_OUT_VALUE


class Taken:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


class FaultyRelay:
    """Passes TCP on to a node, until connections are cut, or frozen: those stay open and say nothing more."""

    def __init__(self, target: URL) -> None:
        self.port = free_loopback_port()
        self._target = target
        self._is_frozen = False
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            self.cut()

    def freeze(self) -> None:
        self._is_frozen = True

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.host, self._target.port)
        self._writers += [writer, back]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass_on(reader, back))
            group.create_task(self._pass_on(there, writer))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if not self._is_frozen:
                    sink.write(data)
                    await sink.drain()
        except ConnectionError:
            return
        finally:
            sink.close()


async def test_control_a_channel_that_does_not_raise_returns_loses_unroutable_messages(
    rabbitmq_node: RabbitMqNode,
) -> None:
    """By the library's default a publish that no queue takes looks like any other: why ours spells the flags out."""
    connection = await aio_pika.connect(rabbitmq_node.url)
    async with connection:
        careless = await connection.channel()
        careful = await connection.channel(publisher_confirms=True, on_return_raises=True)
        message = aio_pika.Message(b"{}")

        answer = await careless.default_exchange.publish(message, "no.such.queue", mandatory=True)
        with pytest.raises(aio_pika.exceptions.PublishError):
            await careful.default_exchange.publish(message, "no.such.queue", mandatory=True)

    assert answer is not None


async def test_every_queue_is_a_durable_quorum_queue_with_its_limits_spelled_out(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Defaults differ between versions and providers: nothing that matters is left to them."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()

    listed = json.loads(
        rabbitmq_node.control("-q", "--formatter", "json", "list_queues", "name", "durable", "arguments")
    )
    ours = {queue["name"]: queue for queue in listed if queue["name"].startswith(f"{namespace}.")}
    assert set(ours) == {f"{namespace}.{queue}{suffix}" for queue in Queue for suffix in ("", ".dead")}
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


async def test_the_next_broker_is_used_when_the_first_does_not_answer(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Several URLs are several chances."""
    nobody = f"amqp://guest:guest@127.0.0.1:{free_loopback_port()}/"
    taken = Taken()

    async with rabbitmq_bus([nobody, rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        async with bus.consume(VALUE, taken, prefetch=1):
            await eventually(lambda: len(taken.deliveries) == 1)


async def test_without_any_broker_everything_is_unavailable(namespace: str) -> None:
    """No library's exception leaves the adapter, and the text names the address without the password."""
    nobody = f"amqp://guest:secret-word@127.0.0.1:{free_loopback_port()}/"

    async with rabbitmq_bus([nobody], namespace) as bus:
        for call in (bus.declare, bus.check, lambda: bus.publish(outbound(1)), lambda: bus.depth(VALUE)):
            with pytest.raises(UnavailableError, match=r"127\.0\.0\.1") as raised:
                await call()
            assert "secret-word" not in str(raised.value)


async def test_a_consumer_that_the_broker_cancels_comes_back(rabbitmq_node: RabbitMqNode, namespace: str) -> None:
    """A deleted and restored queue must not leave a consumer that listens to nothing for ever.

    (The broker needs a moment between the two: RabbitMQ 3.10 swallows what a queue that is deleted and declared again
    within some milliseconds is given.)
    """
    taken, faults = Taken(), list[str]()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, on_fault=lambda where, _: faults.append(where)) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1):
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 1)
            await _delete_queue(rabbitmq_node, f"{namespace}.{VALUE}")
            await eventually(lambda: f"bus {VALUE}: consumer" in faults)
            await bus.declare()
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 2)


async def _delete_queue(node: RabbitMqNode, name: str) -> None:
    connection = await aio_pika.connect(node.url)
    async with connection, connection.channel() as channel:
        await channel.queue_delete(name)


async def test_a_consumer_on_a_connection_that_has_gone_silent_connects_anew(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Nothing tells us that a route has died: the watchdog asks, and moves the consumer to another broker."""
    relay = FaultyRelay(URL(rabbitmq_node.url))
    through_relay = f"amqp://guest:guest@127.0.0.1:{relay.port}/"
    taken, faults = Taken(), list[str]()

    async with relay.running():
        urls = [through_relay, rabbitmq_node.url]
        async with rabbitmq_bus(urls, namespace, on_fault=lambda where, _: faults.append(where)) as bus:
            await bus.declare()
            async with bus.consume(VALUE, taken, prefetch=1):
                await bus.publish(outbound(1))
                await eventually(lambda: len(taken.deliveries) == 1)
                relay.freeze()
                async with rabbitmq_bus([rabbitmq_node.url], namespace) as other:
                    await other.publish(outbound(1))
                await eventually(lambda: len(taken.deliveries) == 2)

    assert f"bus {VALUE}: watchdog" in faults


async def test_a_broker_short_of_memory_blocks_publishers_and_not_consumers(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Under an alarm intake must stop, quickly and by name, while what is on the queues is still worked off."""
    taken = Taken()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, confirm_timeout_s=0.5) as bus:
        await bus.declare()
        await bus.publish(outbound(3))
        await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.00001")
        try:
            with pytest.raises(UnavailableError):
                await bus.publish(outbound(1))
            with pytest.raises(UnavailableError, match="blocked"):
                await bus.check()
            with pytest.raises(UnavailableError, match="blocked"):
                await bus.publish(outbound(1))
            async with bus.consume(VALUE, taken, prefetch=1):
                await eventually(lambda: len(taken.deliveries) >= 3)
        finally:
            await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.4")
        await _until_it_returns(bus.check)
        await bus.publish(outbound(1))


async def _until_it_returns(check: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while True:
            answer = check()
            assert asyncio.iscoroutine(answer)
            try:
                await answer
            except UnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_message_that_is_no_delivery_is_put_aside_and_stops_nobody(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Whatever somebody puts on our queue: it is refused, told, and the next delivery is handled."""
    taken, faults = Taken(), list[str]()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, on_fault=lambda where, _: faults.append(where)) as bus:
        await bus.declare()
        connection = await aio_pika.connect(rabbitmq_node.url)
        async with connection, connection.channel() as channel:
            for body in (b"", b"[]", b"{}", b'{"delivery_id": 1, "payment_id": null, "deadline_at": ""}'):
                await channel.default_exchange.publish(aio_pika.Message(body), f"{namespace}.{VALUE}")
        await bus.publish(outbound(1))
        async with bus.consume(VALUE, taken, prefetch=1):
            await eventually(lambda: len(taken.deliveries) == 1)

        assert faults == [f"bus {VALUE}: message"] * 4
        assert await bus.depth(VALUE) == 0
        assert not await bus.dead_letters(VALUE, limit=10)


async def test_a_process_that_dies_with_every_attempt_leaves_a_dead_letter_of_the_brokers(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The broker's own limit is the second net: nobody is left to report a delivery that kills its consumers."""
    [poison] = outbound(1)

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.publish([poison])
        for _ in range(3):
            await _take_and_hang_up(rabbitmq_node, f"{namespace}.{VALUE}")
        await until_dead_letters(bus, VALUE, 1)
        [letter] = await bus.dead_letters(VALUE, limit=10)

    assert (letter.delivery.delivery_id, letter.delivery.attempt) == (poison.delivery_id, 3)
    assert letter.reason == "handed out 3 times and never settled: its consumer died"


async def _take_and_hang_up(node: RabbitMqNode, name: str) -> None:
    connection = await aio_pika.connect(node.url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(name, ensure=False)
        async with asyncio.timeout(5):
            while await queue.get(no_ack=False, fail=False) is None:
                await asyncio.sleep(0.02)


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


async def test_control_a_connection_that_its_broker_has_dropped_does_not_know_that_it_is_closed(
    rabbitmq_node: RabbitMqNode,
) -> None:
    """`is_closed` stays False for ever: why liveness is read from the connection's reader and writer instead."""
    relay = FaultyRelay(URL(rabbitmq_node.url))
    async with relay.running():
        connection = await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{relay.port}/")
        transport = connection.transport
        assert transport is not None

        relay.cut()
        await eventually(lambda: not transport.connection.is_opened, within_s=5.0)
        await asyncio.sleep(0.2)

        assert connection.is_closed is False
        await connection.close()
