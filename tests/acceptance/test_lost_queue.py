"""A queue is deleted while payments are on it and on their way to it: none is lost, and nothing is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import aiormq

from tests.acceptance.installation import Installation
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import count, post, until_final
from tests.conftest import Database
from tests.servers.rabbitmq import RabbitMqNode

QUEUE: Final = "fednow.out.value"
PROMISE_S: Final = 5
"""Short, so that the test need not wait for the time of a payment to run out."""


async def submitted(installation: Installation) -> str:
    """Submit one payment and return its UETR."""
    payment = transfer()
    status, _ = await post(installation, message(payment), wait_s=0)
    assert status == 202
    return str(payment.uetr)


async def until_published(database: Database) -> None:
    """Return once the broker has confirmed all, and nothing but its queues knows of it."""
    async with asyncio.timeout(10):
        while await count(database, "outbox"):
            await asyncio.sleep(0.05)


async def delete_queue(installation: Installation, node: RabbitMqNode) -> int:
    """Do what an operator should not; return how many deliveries were on it."""
    connection = await aiormq.connect(node.url)
    try:
        channel = await connection.channel()
        deleted = await channel.queue_delete(f"{installation.environment['FIFTEEN_BROKER_NAMESPACE']}.{QUEUE}")
    finally:
        await connection.close()
    return deleted.message_count or 0


async def test_a_payment_whose_delivery_is_lost_ends_in_time_and_those_after_it_are_sent(
    install: Callable[..., AbstractContextManager[Installation]], rabbitmq_node: RabbitMqNode, database: Database
) -> None:
    """The broker had confirmed it, and the outbox knows of it no more: the payment's own timer rejects it, unsent.

    The same worker makes the queue anew when it is deleted once more, and sends what comes then.
    """
    with install("rabbitmq", FIFTEEN_PROMISE_S=str(PROMISE_S)) as installation:
        worker = installation.start_worker()
        await until_final(installation, await submitted(installation))
        worker.stop()
        lost = await submitted(installation)
        await until_published(database)
        on_the_queue = await delete_queue(installation, rabbitmq_node)
        installation.start_worker()
        before = await until_final(installation, await submitted(installation))
        await delete_queue(installation, rabbitmq_node)
        after = await until_final(installation, await submitted(installation))
        ended = await until_final(installation, lost)
        copies = [len(installation.copies_on_the_wire(each["message_id"])) for each in (before, ended, after)]

    assert on_the_queue == 1, "the control: it was nowhere else"
    assert (before["state"], after["state"]) == ("SETTLED", "SETTLED")
    assert (ended["state"], ended["reason"]["code"]) == ("REJECTED", "AB11")
    assert copies == [1, 0, 1]
