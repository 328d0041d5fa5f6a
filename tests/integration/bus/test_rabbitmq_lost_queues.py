"""Queues that are lost while the system runs: an operator deletes one, a node is killed or comes back empty."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiormq
import pytest
from aiormq import spec
from aiormq.abc import AbstractChannel

from gateway.service.ports import Bus, DeadLetter, NewPayment, Queue, UnavailableError, UnroutableError
from gateway.service.relay import relay_once
from tests.fakes.store import InMemoryStore
from tests.integration.bus.harness import (
    QUEUES,
    Observed,
    Taken,
    eventually,
    outbound,
    rabbitmq_bus,
)
from tests.integration.store.harness import new_payment
from tests.servers import RabbitMqNode

VALUE: Final = Queue.FEDNOW_OUT_VALUE
TRANSIENT: Final = spec.Basic.Properties(delivery_mode=1)
HEALED_S: Final = 10.0
"""Many times what a queue that is missing takes to be there again."""

NEVER_S: Final = 600.0
NOT_HEALED_S: Final = 2.5
"""How long the control waits for what must not happen: twice what it takes."""


@asynccontextmanager
async def operator(node: RabbitMqNode) -> AsyncIterator[AbstractChannel]:
    """A channel of somebody else's."""
    connection = await aiormq.connect(node.url)
    try:
        yield await connection.channel(publisher_confirms=True, on_return_raises=True)
    finally:
        await connection.close()


async def relayed(store: InMemoryStore, bus: Bus, payments: list[NewPayment], taken: Taken, *, within_s: float) -> None:
    """Relay, as a worker does, until a consumer has all of these; what fails is tried again."""
    await store.accept(payments)
    wanted = {row.delivery_id for payment in payments for row in payment.outbox}
    async with asyncio.timeout(within_s):
        while not wanted <= taken.ids:
            try:
                await relay_once(store, bus)
            except (UnavailableError, UnroutableError):
                assert (await store.backlog()).outbox > 0, "what was not published is still there"
            await asyncio.sleep(0.1)


async def consumed_after_a_deletion(
    node: RabbitMqNode, namespace: str, observed: Observed, *, missing_for_s: float, within_s: float
) -> None:
    """Delete a queue under its consumer; then publish to it from the outbox until the same consumer has it.

    The watchdog is out of the way: it finds out what nobody is told.
    """
    store, taken = InMemoryStore(), Taken()
    async with rabbitmq_bus(
        [node.url], namespace, observer=observed, silence_s=NEVER_S, missing_for_s=missing_for_s
    ) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=10, concurrency=10):
            await relayed(store, bus, [new_payment("before")], taken, within_s=HEALED_S)
            async with operator(node) as channel:
                await channel.queue_delete(f"{namespace}.{VALUE}")
            await relayed(store, bus, [new_payment(f"key-{n}") for n in range(20)], taken, within_s=within_s)


async def test_a_queue_that_is_deleted_is_made_anew_and_its_consumer_comes_back(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """No process is started again, and nobody declares: what waits in the outbox arrives, at a consumer of before."""
    observed = Observed()

    await consumed_after_a_deletion(rabbitmq_node, namespace, observed, missing_for_s=1.0, within_s=HEALED_S)

    assert observed.restarted[VALUE] == 1
    assert "bus: topology" not in observed.places


async def test_control_where_nothing_is_made_anew_a_deleted_queue_stays_away(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """The same deletion with a bus that waits too long: nothing arrives, and all of it is in the outbox."""
    with pytest.raises(TimeoutError):
        await consumed_after_a_deletion(
            rabbitmq_node, namespace, Observed(), missing_for_s=NEVER_S, within_s=NOT_HEALED_S
        )


@pytest.mark.parametrize("is_exchange_alone", [False, True])
async def test_the_place_of_dead_letters_is_made_anew(
    rabbitmq_node: RabbitMqNode, namespace: str, *, is_exchange_alone: bool
) -> None:
    """Who collects finds the queue missing, and who buries the exchange: what dies after that is lent as ever.

    (What has died before the broker keeps, and moves by itself within three minutes.)
    """
    letters: Sequence[DeadLetter] = ()

    async def fail(_: object) -> None:
        raise ValueError("poison")

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        async with operator(rabbitmq_node) as channel:
            await channel.exchange_delete(f"{namespace}.dead-letters")
            if not is_exchange_alone:
                await channel.queue_delete(f"{namespace}.dead-letters")
        async with bus.consume(VALUE, fail, prefetch=10, concurrency=10), asyncio.timeout(HEALED_S):
            while not letters:
                await bus.publish(outbound(1))
                letters = await collected(bus)


async def collected(bus: Bus) -> Sequence[DeadLetter]:
    """Do what the collector does now and then."""
    await asyncio.sleep(0.3)
    try:
        async with bus.take_dead_letters(limit=1) as letters:
            return letters
    except UnroutableError:
        return ()


async def test_a_broker_that_comes_back_empty_is_filled_again(
    rabbitmq_node: RabbitMqNode, namespace: str, server_directory: Path
) -> None:
    """Its disk is lost: every queue is made anew, whoever uses it, and the consumer of before goes on."""
    store, taken = InMemoryStore(), Taken()

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        await bus.declare()
        async with bus.consume(VALUE, taken, prefetch=10, concurrency=10):
            await relayed(store, bus, [new_payment("before")], taken, within_s=HEALED_S)
            rabbitmq_node.kill()
            shutil.rmtree(server_directory / "rabbitmq" / "mnesia")
            await asyncio.to_thread(rabbitmq_node.start)
            await relayed(store, bus, [new_payment("after")], taken, within_s=HEALED_S)


async def test_a_node_that_is_killed_right_after_a_declaration_has_lost_no_queue_and_no_delivery(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """What was confirmed at once is there, and every queue takes more, the one that was made last too.

    The control of what is durable: a queue and messages of the other kind are gone after the same kill.
    """
    taken, [sent], passing = Taken(), outbound(1), f"{namespace}.passing"

    async with rabbitmq_bus([rabbitmq_node.url], namespace) as bus:
        async with operator(rabbitmq_node) as channel:
            await channel.queue_declare(passing, durable=True, arguments={"x-queue-type": "classic"})
            await channel.basic_publish(b"", routing_key=passing, properties=TRANSIENT, mandatory=True)
            assert (await channel.queue_declare(passing, passive=True)).message_count == 1
        await bus.declare()
        await bus.publish([sent])
        rabbitmq_node.kill()
        await asyncio.to_thread(rabbitmq_node.start)
        async with operator(rabbitmq_node) as channel, asyncio.timeout(HEALED_S):
            assert (await channel.queue_declare(passing, passive=True)).message_count == 0
            for name in (*QUEUES, "dead-letters", "unreadable"):
                await channel.basic_publish(b"", routing_key=f"{namespace}.{name}", mandatory=True)
        async with bus.consume(VALUE, taken, prefetch=1, concurrency=1):
            await eventually(lambda: taken.ids == {sent.delivery_id})


async def test_control_the_queue_that_was_made_last_before_a_kill_takes_nothing_until_it_has_a_leader(
    rabbitmq_node: RabbitMqNode, namespace: str
) -> None:
    """Declared as anyone would: it is there, can be counted and declared, and confirms nothing; all others do.

    And the way out, which the runbook names: an election.
    """
    names = [f"{namespace}.{number}" for number in range(3)]
    async with operator(rabbitmq_node) as channel:
        for name in names:
            await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
        rabbitmq_node.kill()
    await asyncio.to_thread(rabbitmq_node.start)

    async with operator(rabbitmq_node) as channel, asyncio.timeout(HEALED_S):
        for name in names[:-1]:
            await channel.basic_publish(b"", routing_key=name, mandatory=True)
        assert (await channel.queue_declare(names[-1], passive=True)).message_count == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await channel.basic_publish(b"", routing_key=names[-1], mandatory=True)
    election = f'ra:trigger_election({{list_to_atom("%2F_{names[-1]}"), node()}}).'
    await asyncio.to_thread(rabbitmq_node.control, "eval", election)
    async with operator(rabbitmq_node) as channel, asyncio.timeout(HEALED_S):
        await channel.basic_publish(b"", routing_key=names[-1], mandatory=True)
