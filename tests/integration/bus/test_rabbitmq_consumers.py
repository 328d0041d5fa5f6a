"""Consumers on RabbitMQ: silent ones, cancelled ones, messages that are no deliveries, and dead letters."""

from __future__ import annotations

import asyncio
from typing import Final

import aio_pika
import pytest

from gateway.service.ports import DeadLetterReason, Queue, UnavailableError
from tests.integration.bus.harness import (
    DELIVERY_LIMIT,
    Observed,
    Taken,
    dead_letters_of,
    eventually,
    outbound,
    rabbitmq_bus,
    until_depth,
)
from tests.integration.bus.wire import CANCEL, DELIVER, FaultyWire
from tests.servers import RabbitMqNode

VALUE: Final = Queue.FEDNOW_OUT_VALUE


# --- Silence ----------------------------------------------------------------------------------------------------


async def test_a_consumer_that_hears_nothing_while_deliveries_are_ready_is_made_anew(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Connection and channel live, and heartbeats go to and fro: only what is missing tells."""
    wire, taken, observed = FaultyWire(rabbitmq_node.url), Taken(), Observed()
    deliveries = outbound(3)

    async with wire.running(), rabbitmq_bus([wire.url], namespace, observer=observed) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await eventually(lambda: VALUE in observed.active)
            wire.lost = {DELIVER}
            await bus.publish(deliveries)
            await eventually(lambda: observed.restarted[VALUE] == 1)
            assert not taken.deliveries
            wire.lost = set()
            await eventually(lambda: taken.ids == {delivery.delivery_id for delivery in deliveries})

    assert f"bus {VALUE}: consumer" in observed.places


async def test_control_without_the_watchdog_a_silent_consumer_stays_silent(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The same silence with a watchdog that never looks: nothing ever comes, though nothing is lost any more."""
    wire, taken, observed = FaultyWire(rabbitmq_node.url), Taken(), Observed()

    async with wire.running(), rabbitmq_bus([wire.url], namespace, observer=observed, silence_s=600.0) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await eventually(lambda: VALUE in observed.active)
            wire.lost = {DELIVER}
            await bus.publish(outbound(3))
            await asyncio.sleep(0.3)
            wire.lost = set()
            await asyncio.sleep(2.0)

    assert (taken.deliveries, observed.restarted[VALUE]) == ([], 0)


async def test_a_consumer_with_its_hands_full_is_not_silent(rabbitmq_node: RabbitMqNode, namespace: str) -> None:
    """A slow handler is no fault: what it holds must not be handed out again."""
    observed, gate, attempts = Observed(), asyncio.Event(), list[int]()

    async def hold(delivery: object) -> None:
        attempts.append(getattr(delivery, "attempt", 0))
        await gate.wait()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, observer=observed) as bus:
        await bus.declare()
        await bus.publish(outbound(4))
        async with bus.consume(VALUE, hold, prefetch=2, concurrency=2):
            await asyncio.sleep(2.0)
            gate.set()
            await eventually(lambda: len(attempts) == 4)

    assert (attempts, observed.restarted[VALUE]) == ([1, 1, 1, 1], 0)


async def test_a_consumer_that_is_told_that_it_was_cancelled_comes_back(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """A deleted and restored queue must not leave a consumer that listens to nothing for ever."""
    taken, observed = Taken(), Observed()

    async with rabbitmq_bus([rabbitmq_node.url], namespace, observer=observed, silence_s=600.0) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 1)
            await _delete_queue(rabbitmq_node, f"{namespace}.{VALUE}")
            await eventually(lambda: observed.restarted[VALUE] == 1)
            await bus.declare()
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 2)


async def test_a_consumer_that_is_not_told_that_it_was_cancelled_comes_back(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The broker's word is lost on the way: the watchdog finds a queue without consumers.

    (The pause: RabbitMQ 3.10 swallows what a queue that is deleted and declared again within milliseconds is given.)
    """
    wire, taken, observed = FaultyWire(rabbitmq_node.url), Taken(), Observed()

    async with wire.running(), rabbitmq_bus([wire.url], namespace, observer=observed) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await eventually(lambda: VALUE in observed.active)
            wire.lost = {CANCEL}
            await _delete_queue(rabbitmq_node, f"{namespace}.{VALUE}")
            await asyncio.sleep(0.2)
            await bus.declare()
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 1)

    assert observed.restarted[VALUE] >= 1


async def _delete_queue(node: RabbitMqNode, name: str) -> None:
    connection = await aio_pika.connect(node.url)
    async with connection, connection.channel() as channel:
        await channel.queue_delete(name)


async def test_a_consumer_on_a_connection_that_has_gone_silent_connects_anew(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Nothing tells us that a route has died: the watchdog asks, and moves the consumer to another broker."""
    wire, taken, observed = FaultyWire(rabbitmq_node.url), Taken(), Observed()

    async with (
        wire.running(),
        rabbitmq_bus([wire.url, rabbitmq_node.url], namespace, observer=observed) as bus,
        rabbitmq_bus([rabbitmq_node.url], namespace) as other,
    ):
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await bus.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) == 1)
            wire.is_frozen = True
            await other.publish(outbound(1))
            await eventually(lambda: len(taken.deliveries) >= 2)  # the first again, if its answer was lost

    assert f"bus {VALUE}: watchdog" in observed.places


# --- Dead letters -----------------------------------------------------------------------------------------------


async def test_a_message_that_is_no_delivery_is_put_aside_and_stops_nobody(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Whatever somebody puts on our queue: it is refused, told, kept on the broker, and the next one is handled."""
    taken, observed = Taken(), Observed()
    strange = (b"", b"[]", b"{}", b'{"delivery_id": 1, "payment_id": null, "deadline_at": ""}')

    async with rabbitmq_bus([rabbitmq_node.url], namespace, observer=observed) as bus:
        await bus.declare()
        connection = await aio_pika.connect(rabbitmq_node.url)
        async with connection, connection.channel() as channel:
            for body in strange:
                await channel.default_exchange.publish(aio_pika.Message(body), f"{namespace}.{VALUE}")
            await bus.publish(outbound(1))
            async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
                await eventually(lambda: len(taken.deliveries) == 1)
            await until_depth(bus, VALUE, 0)
            aside = await channel.get_queue(f"{namespace}.unreadable")
            bodies: list[bytes] = []
            async with asyncio.timeout(10):
                while len(bodies) < len(strange):
                    async with bus.take_dead_letters(limit=10) as letters:
                        assert not letters
                    if (message := await aside.get(fail=False)) is not None:
                        bodies.append(message.body)
                        await message.ack()

    assert observed.places == [f"bus {VALUE}: message"] * 4 + ["bus: dead letter"] * 4
    assert sorted(bodies) == sorted(strange)


async def test_a_process_that_dies_with_every_attempt_leaves_a_dead_letter_of_the_brokers(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The broker's own limit is the second net: nobody is left to report a delivery that kills its consumers."""
    [poison] = outbound(1)

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.publish([poison])
        for _ in range(DELIVERY_LIMIT):
            await _take_and_hang_up(rabbitmq_node, f"{namespace}.{VALUE}")
        [letter] = await dead_letters_of(bus, 1)

    assert (letter.delivery.delivery_id, letter.delivery.queue) == (poison.delivery_id, VALUE)
    assert (letter.delivery.attempt, letter.reason) == (DELIVERY_LIMIT, DeadLetterReason.CONSUMER_DIED)
    assert letter.fault is None


async def _take_and_hang_up(node: RabbitMqNode, name: str) -> None:
    connection = await aio_pika.connect(node.url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(name, ensure=False)
        async with asyncio.timeout(5):
            while await queue.get(no_ack=False, fail=False) is None:
                await asyncio.sleep(0.02)


async def test_a_delivery_that_died_twice_is_lent_once(rabbitmq_node: RabbitMqNode, namespace: str) -> None:
    """A relay may have published it twice; and a process may be killed between burying and acknowledging."""
    [poison] = outbound(1)

    async def fail(_: object) -> None:
        raise ValueError("poison")

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.publish([poison])
        await bus.publish([poison])
        async with bus.consume(VALUE, fail, prefetch=2, concurrency=2):
            await until_depth(bus, VALUE, 0)
        async with bus.take_dead_letters(limit=10) as letters:
            assert [letter.delivery.delivery_id for letter in letters] == [poison.delivery_id]
        async with bus.take_dead_letters(limit=10) as rest:
            assert not rest


async def test_a_dead_letter_that_cannot_be_published_is_left_to_the_broker(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Publishers are blocked, consumers are not: the delivery is given back, and the broker's own limit buries it."""
    [poison] = outbound(1)

    async def fail(_: object) -> None:
        raise ValueError("poison")

    async with rabbitmq_bus([rabbitmq_node.url], namespace, confirm_timeout_s=0.3) as bus:
        await bus.declare()
        await bus.publish([poison])
        await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.00001")
        try:
            with pytest.raises(UnavailableError):
                await bus.check()
            async with bus.consume(VALUE, fail, prefetch=1, concurrency=1):
                await until_depth(bus, VALUE, 0)
        finally:
            await asyncio.to_thread(rabbitmq_node.control, "set_vm_memory_high_watermark", "0.4")
        [letter] = await dead_letters_of(bus, 1)

    assert (letter.delivery.delivery_id, letter.reason) == (poison.delivery_id, DeadLetterReason.CONSUMER_DIED)
