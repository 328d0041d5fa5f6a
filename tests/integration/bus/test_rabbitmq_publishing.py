"""Publishing on RabbitMQ: what is not confirmed raises, whatever the reason; alarms; and the relay that goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import aio_pika
import pytest

from adapters.amqp.connection import NoSuchQueueError
from adapters.rabbitmq.bus import CHECK_TIMEOUT_S
from gateway.service.ports import Bus, NewPayment, OutboundDelivery, Queue, UnavailableError, UnroutableError
from gateway.service.relay import relay_once
from tests.fakes.store import InMemoryStore
from tests.integration.bus.harness import Taken, eventually, outbound, rabbitmq_bus, until_depth
from tests.integration.bus.wire import FaultyWire
from tests.integration.store.harness import new_payment
from tests.servers import RabbitMqNode

VALUE: Final = Queue.FEDNOW_OUT_VALUE

ALARMS: Final = {
    "memory": (("set_vm_memory_high_watermark", "0.00001"), ("set_vm_memory_high_watermark", "0.4")),
    "disk": (("set_disk_free_limit", "900000GB"), ("set_disk_free_limit", "50MB")),
}
"""How each alarm is set off on the private node, and cleared."""


# --- Confirmations ----------------------------------------------------------------------------------------------


async def test_a_batch_with_a_delivery_that_no_queue_takes_raises_and_the_others_are_published(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """What no queue takes must never look published, wherever in a batch it stands."""
    deliveries = [*outbound(3), *outbound(1, queue=Queue.RTP_OUT_VALUE), *outbound(3)]

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        with pytest.raises(UnroutableError, match=r"rtp\.out\.value"):
            await bus.publish(deliveries)

        await until_depth(bus, VALUE, 6)


async def test_every_queue_that_a_batch_misses_is_named_and_no_other(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """What is named is made anew: a return that is laid at another message's door would heal nothing."""
    missing = (Queue.RTP_OUT_VALUE, Queue.RTP_IN_VALUE)
    deliveries = [*outbound(2), *outbound(2, queue=missing[0]), *outbound(1, queue=missing[1]), *outbound(2)]

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        with pytest.raises(NoSuchQueueError) as raised:
            await bus.publish(deliveries)

        await until_depth(bus, VALUE, 4)
    assert raised.value.names == {f"{namespace}.{queue}" for queue in missing}


async def test_control_a_channel_that_does_not_raise_returns_loses_unroutable_messages(
    rabbitmq_node: RabbitMqNode,
) -> None:
    """By the usual library's default a publish that no queue takes looks like any other: why ours spells flags out."""
    connection = await aio_pika.connect(rabbitmq_node.url)
    async with connection:
        careless = await connection.channel()
        message = aio_pika.Message(b"{}")

        answer = await careless.default_exchange.publish(message, "no.such.queue", mandatory=True)

    assert answer is not None


async def test_what_is_not_confirmed_in_time_is_unavailable_and_the_next_publish_connects_anew(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """A route that has died says nothing: the wait is bounded, and the next broker is tried."""
    wire = FaultyWire(rabbitmq_node.url)

    async with wire.running(), rabbitmq_bus([wire.url, rabbitmq_node.url], namespace, confirm_timeout_s=0.5) as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        wire.is_frozen = True
        with pytest.raises(UnavailableError, match=rf"not confirmed within 0\.5 s by {namespace}\.{VALUE}"):
            await bus.publish(outbound(2))
        await bus.publish(outbound(1))


async def test_a_connection_that_breaks_off_before_the_confirmation_is_unavailable(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """At once, and not after the time-out."""
    wire = FaultyWire(rabbitmq_node.url)

    async with wire.running(), rabbitmq_bus([wire.url], namespace, confirm_timeout_s=60.0) as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        wire.is_frozen = True
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            publishing = group.create_task(_publish_and_fail(bus))
            await asyncio.sleep(0.1)
            wire.cut()
        assert publishing.done()
        wire.is_frozen = False
        await bus.publish(outbound(1))


async def _publish_and_fail(bus: Bus) -> None:
    with pytest.raises(UnavailableError):
        await bus.publish(outbound(300))


async def test_a_publish_that_is_cancelled_leaves_the_channel_in_order(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Client and broker count publishes on a channel: if one side were one off, confirmations would go astray."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        for turns in range(12):
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(bus.publish(outbound(100)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                publishing.cancel()
            await bus.publish(outbound(1))

        assert await bus.depth(VALUE) >= 12


async def test_many_publishers_at_once_each_get_their_own_confirmations(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Relay and consumers that bury share one channel; batches of more than the limit of open confirmations too."""
    taken, batches = Taken(), [outbound(count) for count in (1, 700, 3, 200, 1_100, 1)]

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        async with asyncio.TaskGroup() as group:
            for batch in batches:
                group.create_task(bus.publish(batch))
        async with bus.consume(VALUE, taken, prefetch=200, concurrency=50):
            await eventually(lambda: len(taken.ids) == sum(map(len, batches)))


@dataclass(frozen=True, slots=True)
class Careless:
    """The fault that is planted: a bus that says "published" of what the broker has not confirmed."""

    bus: Bus

    async def publish(self, deliveries: Sequence[OutboundDelivery]) -> None:
        """Publish, and raise nothing."""
        try:
            await self.bus.publish(deliveries)
        except UnavailableError:
            return


async def relayed_carelessly(bus: Bus) -> NewPayment:
    """Relay a payment over a broker that takes nothing, with the fault planted; it has left the outbox then."""
    store, lost = InMemoryStore(), new_payment("key-careless")
    await store.accept([lost])
    await relay_once(store, cast("Bus", Careless(bus)))
    assert (await store.backlog()).outbox == 0, "the control: a row that is kept below is kept by its confirmation"
    return lost


# --- Alarms -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def alarm(node: RabbitMqNode, kind: str) -> AsyncIterator[None]:
    """Have the broker short of memory or disk."""
    on, off = ALARMS[kind]
    await asyncio.to_thread(node.control, *on)
    try:
        yield
    finally:
        await asyncio.to_thread(node.control, *off)


@pytest.mark.parametrize("kind", ALARMS)
async def test_a_broker_short_of_memory_or_disk_is_found_out_without_a_delivery(
    rabbitmq_node: RabbitMqNode, namespace: str, kind: str
) -> None:
    """Readiness must not wait for the next payment to run into it; when the alarm clears, so does the check."""
    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.check()
        async with alarm(rabbitmq_node, kind):
            started_s = time.monotonic()
            with pytest.raises(UnavailableError):
                await bus.check()
            first_s = time.monotonic() - started_s
            with pytest.raises(UnavailableError, match="blocked"):
                await bus.check()
        await _until_it_returns(bus.check)

    assert first_s < CHECK_TIMEOUT_S + 0.2


async def test_under_an_alarm_the_relay_waits_consumers_work_and_then_everything_goes_on(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Rows stay in the outbox and do not pile up on the way; what is on the queues is still worked off."""
    store, taken = InMemoryStore(), Taken()
    payments = [new_payment(f"key-{number}") for number in range(20)]

    async with rabbitmq_bus([rabbitmq_node.url], namespace, confirm_timeout_s=30.0) as bus:
        await bus.declare()
        await bus.publish(outbound(3))
        async with alarm(rabbitmq_node, "memory"):
            await store.accept(payments)
            refused = 0
            async with asyncio.timeout(10):
                while refused < 20:
                    try:
                        await relay_once(store, bus, batch_max=5)
                    except UnavailableError:
                        refused += 1
            waiting = (await store.backlog()).outbox
            lost = await relayed_carelessly(bus)
            async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
                await eventually(lambda: len(taken.deliveries) >= 3)
        await _until_it_returns(bus.check)
        while await relay_once(store, bus):
            pass
        async with bus.consume(VALUE, taken, prefetch=10, concurrency=10):
            await eventually(lambda: {row.delivery_id for new in payments for row in new.outbox} <= taken.ids)
            await until_depth(bus, VALUE, 0)

    assert lost.outbox[0].delivery_id not in taken.ids, "the control: what was not confirmed does not come by itself"
    assert waiting >= len(payments) - 5, "the broker takes one more batch before it says that it takes none"
    assert len(taken.deliveries) <= 3 + len(payments) + 5, "and that one may be published again"


async def _until_it_returns(check: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await check()
            except UnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


# --- Restarts ---------------------------------------------------------------------------------------------------


async def test_the_first_publish_after_a_restart_fails_and_the_relay_repeats_it(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The connection that was does not know yet that it is dead: the rows stay, and the next round publishes them."""
    store, taken = InMemoryStore(), Taken()
    new = new_payment("key-1")

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        rabbitmq_node.kill()
        await store.accept([new])
        with pytest.raises(UnavailableError):
            await relay_once(store, bus)
        assert (await store.backlog()).outbox == 1
        lost = await relayed_carelessly(bus)
        await asyncio.to_thread(rabbitmq_node.start)
        await _until_it_returns(lambda: _relayed(store, bus))
        async with bus.consume(VALUE, taken, prefetch=10, concurrency=10):
            await eventually(lambda: new.outbox[0].delivery_id in taken.ids)

    assert (await store.backlog()).outbox == 0
    assert lost.outbox[0].delivery_id not in taken.ids, "the control: what was not confirmed does not come by itself"


async def _relayed(store: InMemoryStore, bus: Bus) -> None:
    await relay_once(store, bus)
