"""What exists on the broker: names and arguments, as code.

Durable quorum queues only, and every argument that matters is spelled out: by their documentation defaults differ
between RabbitMQ 3.10, 4.x and Amazon MQ, and what one of those refuses (streams, mirrored classic queues, transient
queues, global prefetch) is not used. Proven on 3.10 alone (`adapters/rabbitmq/bus.py`). Nothing here, nor anywhere in
the program, deletes a queue that anything was ever put on (docs/runbooks/dead-letters.md says why).

    <namespace>.<queue>  --delivery limit-->  <namespace>.dead-letters (fanout)  -->  <namespace>.dead-letters
    what is no dead letter of ours, found there                                  -->  <namespace>.unreadable

A dead letter keeps the routing key under which it was published: its queue's name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from aiormq import ChannelPreconditionFailed
from aiormq.abc import AbstractChannel

from gateway.service.ports import Queue

RETURNS_MAX: Final = 2_000_000_000
"""How often a dead letter may be put back. Each time counts as a delivery, and RabbitMQ 4 would drop it after 20."""


SETTLING_EXPIRES_MS: Final = 60_000
"""How long the queue of a declaration stands at the most; it is deleted at once by whoever lives to do it."""


class TopologyMismatchError(Exception):
    """A queue or exchange exists with other arguments: an operator must move its content and delete it."""


class Topology:
    """The names of one installation's queues; several may share a broker under different namespaces.

    `delivery_limit` is how often a delivery is handed out before it becomes a dead letter; `queues` are those that are
    declared here.
    """

    def __init__(self, *, namespace: str, delivery_limit: int, queues: Sequence[Queue] = tuple(Queue)) -> None:
        if delivery_limit < 1:
            raise ValueError(f"delivery_limit must be at least 1, not {delivery_limit}")
        self.delivery_limit: Final = delivery_limit
        self.dead_letters: Final = f"{namespace}.dead-letters"
        """The name of the exchange that takes dead letters, and of the queue behind it."""
        self.unreadable: Final = f"{namespace}.unreadable"
        """The queue of what was found among the dead letters and is none."""
        self.nowhere: Final = f"{namespace}.nowhere"
        """A routing key that no queue has: what a check publishes."""
        self._settling = f"{namespace}.settling"
        self._names = {queue: f"{namespace}.{queue}" for queue in Queue}
        self._working = {self._names[queue] for queue in queues}
        self.declared: Final = frozenset({self.dead_letters, self.unreadable, *self._working})
        """The names of what is declared here."""
        self._queues = {name: queue for queue, name in self._names.items()}

    def name(self, queue: Queue) -> str:
        """Return the broker's name of a queue."""
        return self._names[queue]

    def queue_of(self, name: str | None) -> Queue | None:
        """Return the queue of that name, if it is one of ours."""
        return None if name is None else self._queues.get(name)

    def arguments(self) -> Mapping[str, str | int]:
        """Return the arguments of every queue.

        ``x-delivery-limit`` counts repeats, so that it is one less than the times a delivery is handed out. Dead
        letters move at least once (the default strategy may lose them), which needs ``reject-publish``.
        """
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": self.delivery_limit - 1,
            "x-dead-letter-exchange": self.dead_letters,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    def resting_arguments(self) -> Mapping[str, str | int]:
        """Return the arguments of the two queues in which dead letters, and what is none, rest."""
        return {"x-queue-type": "quorum", "x-delivery-limit": RETURNS_MAX}

    async def declare(self, channel: AbstractChannel, *, at: datetime, only: Collection[str] | None = None) -> None:
        """Make all that is missing, or `only` what has these names, dead letters' place first; a repeat is safe.

        Whatever a broker says it has made, it has not lost when it is killed after this (`_settle`).

        Raises:
            TopologyMismatchError: something of that name exists with other arguments.

        """
        wanted = self.declared if only is None else self.declared & set(only)
        try:
            if self.dead_letters in wanted:
                await channel.exchange_declare(self.dead_letters, exchange_type="fanout", durable=True)
            for name in sorted(wanted & {self.dead_letters, self.unreadable}):
                await channel.queue_declare(name, durable=True, arguments=dict(self.resting_arguments()))
            if self.dead_letters in wanted:
                await channel.queue_bind(self.dead_letters, self.dead_letters)
            for name in sorted(wanted & self._working):
                await channel.queue_declare(name, durable=True, arguments=dict(self.arguments()))
            await self._settle(channel, at=at)
        except ChannelPreconditionFailed as error:
            raise TopologyMismatchError(str(error)) from error

    async def _settle(self, channel: AbstractChannel, *, at: datetime) -> None:
        """Have the broker write down what it has made, by making one queue more, and deleting it.

        RabbitMQ 3.10 writes a quorum queue's entry in its directory when the next one is made, or a second later. Of a
        node that is killed in between, the last queue is there and has no leader: it can be counted and declared, and
        neither confirms nor hands out anything, for good. So the last one is none of ours. Its name is of the instant:
        one that several processes make and delete at once ends their connections.
        """
        name = f"{self._settling}-{at:%Y%m%dT%H%M%S.%f}"
        passing: Mapping[str, str | int] = {"x-queue-type": "quorum", "x-expires": SETTLING_EXPIRES_MS}
        await channel.queue_declare(name, durable=True, arguments=dict(passing))
        await channel.queue_delete(name)
