"""The participants' way to the rail and back over AMQP, beside the one over HTTP: a pair of queues for each class.

``<network>.<connection party>.out.<class>``
    What participants put. A message is acknowledged once it is in the journal, whatever it says: what is wrong with a
    message is answered by a message. One that comes again, because its acknowledgement was lost, is known by its AMQP
    message id and taken once; a simulator that was killed in between takes it twice, as a rail that found a duplicate.

``<network>.<connection party>.in.<class>``
    What the rail says: system messages (admi, admn) in their own class, all else in ``value``. Which class the real
    ones use for their answers is not public. A message leaves the rail's own queue once the broker has confirmed it.

The queues are durable quorum queues, declared here for every connection party of the network.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from typing import Final

import aiormq
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage, FieldTable

from iso20022 import ConnectionPartyId
from simulators import broker
from simulators.broker import ANSWER_TIMEOUT_S, BrokerSide
from simulators.service import RailService
from simulators.transport import BATCH_MAX, MESSAGE_CLASSES, WAIT_MAX_S

REFUSING_LOOK_S: Final = 0.05
"""How often is looked whether connections are still refused on demand."""

PREFETCH: Final = 64
REMEMBERED_MAX: Final = 10_000
"""Messages that were taken and may come again, because their acknowledgement was lost."""

QUEUE_ARGUMENTS: Final = {"x-queue-type": "quorum"}
PERSISTENT: Final = 2

SIGNATURE_HEADER: Final = "rail-signature"
"""What travels beside a message, where the rail signs so."""

_MESSAGE_TYPE: Final = re.compile(rb"<(?:\w+:)?MsgDefIdr>\s*([a-z]+)\.")
_SYSTEM: Final = {b"admi", b"admn"}


def serving(
    service: RailService, url: str, *, network: str, parties: Collection[ConnectionPartyId]
) -> AbstractAsyncContextManager[None]:
    """Take from and put onto the queues of `parties` while the context is open; waits for a broker that is away."""
    return broker.serving(_Transport(service, url, network, sorted(set(parties))))


class _Transport(BrokerSide):
    """The rail's side of the queues of its parties."""

    def __init__(self, service: RailService, url: str, network: str, parties: Collection[ConnectionPartyId]) -> None:
        super().__init__(url)
        self._service = service
        self._network = network
        self._parties = parties
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def _serve(self, connection: aiormq.Connection) -> None:
        """Take and give until the connection is lost."""
        lost = asyncio.Event()
        async with asyncio.timeout(ANSWER_TIMEOUT_S * len(self._parties)):
            taking = await connection.channel()
            giving = await connection.channel(publisher_confirms=True, on_return_raises=True)
            for channel in (taking, giving):
                channel.closing.add_done_callback(lambda _: lost.set())
            await self._declare(taking)
            await taking.basic_qos(prefetch_count=PREFETCH)
            for party in self._parties:
                for message_class in MESSAGE_CLASSES:
                    take = partial(self._take, taking, party, message_class)
                    await taking.basic_consume(f"{self._network}.{party}.out.{message_class}", take)
        self.declared.set()
        async with asyncio.TaskGroup() as group:
            givers = [group.create_task(self._give(giving, party)) for party in self._parties]
            await lost.wait()
            for giver in givers:
                giver.cancel()
        raise ConnectionError("the connection to the broker was lost")

    async def _declare(self, channel: AbstractChannel) -> None:
        for party in self._parties:
            for direction in ("out", "in"):
                for message_class in MESSAGE_CLASSES:
                    name = f"{self._network}.{party}.{direction}.{message_class}"
                    await channel.queue_declare(name, durable=True, arguments=dict(QUEUE_ARGUMENTS))

    async def _take(
        self, channel: AbstractChannel, party: ConnectionPartyId, message_class: str, message: DeliveredMessage
    ) -> None:
        await self._allowed()
        assert message.delivery_tag is not None
        message_id = f"{party}/{message.header.properties.message_id}"
        if not message.redelivered or message_id not in self._taken:
            beside = (message.header.properties.headers or {}).get(SIGNATURE_HEADER)
            self._service.receive(
                message.body,
                connection_party=party,
                message_class=message_class,
                signature=beside if isinstance(beside, str) else None,
            )
            self._taken[message_id] = None
            if len(self._taken) > REMEMBERED_MAX:
                self._taken.popitem(last=False)
        await channel.basic_ack(message.delivery_tag, wait=False)

    async def _give(self, channel: AbstractChannel, party: ConnectionPartyId) -> None:
        while True:
            await self._allowed()
            waiting = await self._service.fetch(party, messages_max=BATCH_MAX, wait=timedelta(seconds=WAIT_MAX_S))
            for entry in waiting:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await channel.basic_publish(
                        entry.body,
                        routing_key=f"{self._network}.{party}.in.{_class_of(entry.body)}",
                        properties=_properties(entry.signature),
                        mandatory=True,
                    )
                self._service.acknowledge(party, [entry.receipt])

    async def _allowed(self) -> None:
        """Return when connections are not refused on demand: what participants put waits at the broker meanwhile."""
        while self._service.faults.refuse_connections:
            await asyncio.sleep(REFUSING_LOOK_S)


def _properties(signature: str | None) -> spec.Basic.Properties:
    headers: FieldTable = {} if signature is None else {SIGNATURE_HEADER: signature}
    return spec.Basic.Properties(delivery_mode=PERSISTENT, content_type="application/xml", headers=headers)


def _class_of(body: bytes) -> str:
    found = _MESSAGE_TYPE.search(body)
    return "system" if found is not None and found[1] in _SYSTEM else "value"
