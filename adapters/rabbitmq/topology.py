"""What exists on the broker: names and arguments, as code.

Durable quorum queues only, and every argument that matters is spelled out: defaults differ between RabbitMQ 3.10, 4.x
and Amazon MQ, and what one of those refuses (streams, mirrored classic queues, transient queues, global prefetch) is
not used.

Each queue has a dead-letter queue of its own behind one direct exchange:

    <namespace>.<queue>  --delivery limit-->  <namespace>.dead (exchange)  -->  <namespace>.<queue>.dead
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aio_pika.abc import AbstractChannel, ExchangeType
from aio_pika.exceptions import ChannelPreconditionFailed

from gateway.service.ports import Queue

PEEKS_MAX: Final = 2_000_000_000
"""How often a dead letter may be looked at. Each look counts as a delivery, and RabbitMQ 4 would drop it after 20."""


class TopologyMismatchError(Exception):
    """A queue or exchange exists with other arguments: an operator must move its content and delete it."""


class Topology:
    """The names of one installation's queues; several may share a broker under different namespaces.

    `delivery_limit` is how often a delivery is handed out before it becomes a dead letter.
    """

    def __init__(self, *, namespace: str, delivery_limit: int) -> None:
        if delivery_limit < 1:
            raise ValueError(f"delivery_limit must be at least 1, not {delivery_limit}")
        self.delivery_limit: Final = delivery_limit
        self.dead_letter_exchange: Final = f"{namespace}.dead"
        self._namespace = namespace

    def name(self, queue: Queue) -> str:
        """Return the broker's name of a queue."""
        return f"{self._namespace}.{queue}"

    def dead_letter_name(self, queue: Queue) -> str:
        """Return the name of the queue's dead-letter queue."""
        return f"{self.name(queue)}.dead"

    def arguments(self, queue: Queue) -> Mapping[str, str | int]:
        """Return the arguments of a queue.

        ``x-delivery-limit`` counts repeats, so that it is one less than the times a delivery is handed out. Dead
        letters move at least once (the default strategy may lose them), which needs ``reject-publish``.
        """
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": self.delivery_limit - 1,
            "x-dead-letter-exchange": self.dead_letter_exchange,
            "x-dead-letter-routing-key": self.name(queue),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    def dead_letter_arguments(self) -> Mapping[str, str | int]:
        """Return the arguments of every dead-letter queue."""
        return {"x-queue-type": "quorum", "x-delivery-limit": PEEKS_MAX}

    async def declare(self, channel: AbstractChannel) -> None:
        """Make all that is missing, dead-letter queues first; a repeat is safe.

        Raises:
            TopologyMismatchError: something of that name exists with other arguments.

        """
        try:
            exchange = await channel.declare_exchange(self.dead_letter_exchange, ExchangeType.DIRECT, durable=True)
            for queue in Queue:
                dead = await channel.declare_queue(
                    self.dead_letter_name(queue), durable=True, arguments=dict(self.dead_letter_arguments())
                )
                await dead.bind(exchange, routing_key=self.name(queue))
                await channel.declare_queue(self.name(queue), durable=True, arguments=dict(self.arguments(queue)))
        except ChannelPreconditionFailed as error:
            raise TopologyMismatchError(str(error)) from error
