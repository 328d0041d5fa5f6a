"""The way to a rail over AMQP, as the simulators speak it: a pair of queues for each class and connection party.

    <network>.<connection party>.out.<class>   what we put, and the rail takes
    <network>.<connection party>.in.<class>    what the rail puts, and we take

"Out" and "in" are the participant's words, as they are FedNow's. The rail declares the queues; a link never does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, NamedTuple, Self

from aiormq import PublishError, spec
from aiormq.abc import AbstractChannel, DeliveredMessage

from adapters.amqp.connection import BrokerLink, translated, unbroken
from adapters.amqp.session import Session
from adapters.rails.hand import Hand
from gateway.service.ports import MessageClass, NotSentError, RailDelivery, UnavailableError

SEND_TIMEOUT_S: Final = 5.0
"""How long the broker may take to confirm a message: what is longer is better asked about than waited for."""

PREFETCH: Final = 64
"""Messages of one class in hand, unacknowledged: what a receiver fetches at once."""

LEASE_S: Final = 10.0
"""How long a message may be in hand before it is given back: saving takes milliseconds."""

SIGNATURE_HEADER: Final = "rail-signature"
"""What travels beside a message, where the rail signs so (docs/signatures.md)."""

PERSISTENT: Final = 2
"""The delivery mode of a message that survives the broker (AMQP 0-9-1, basic.delivery-mode)."""


class _Answerable(NamedTuple):
    """What answers a message: it is worth something only while its session lives."""

    session: Session
    tag: int


class AmqpRailLink:
    """A RailLink over queues of a broker. Use it as a context manager; it connects when first used.

    It never sends a message twice: a publish is tried once, and the library repeats nothing. What the broker did not
    confirm may be on its queue: `UnavailableError`. What it returned, because no queue took it, is surely on none.
    """

    def __init__(
        self,
        url: str,
        *,
        network: str,
        connection_party: str,
        send_timeout_s: float = SEND_TIMEOUT_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._name = f"{network}.{connection_party}"
        self._send_timeout_s = send_timeout_s
        # A broker in need stops reading from connections that publish: acknowledgements have one of their own.
        self._out = BrokerLink([url], purpose=f"{self._name} out")
        self._in = BrokerLink([url], purpose=f"{self._name} in")
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._sessions: dict[MessageClass, Session] = {}
        self._consuming = asyncio.Lock()
        self._hand: Hand[_Answerable] = Hand(lease_s=lease_s)
        self._open_parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._open_parts.push_async_callback(self.close)
        await self._open_parts.enter_async_context(self._hand.leases_kept(self._give_back))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open_parts.aclose()

    async def send(self, body: bytes, *, message_class: MessageClass, signature: str | None = None) -> None:
        """Hand a message to the rail, and its signature beside it; returns once the broker has it. Never repeats.

        Raises:
            NotSentError: no channel could be opened, or no queue took the message.
            UnavailableError: the rail may have it: it was not confirmed.

        """
        channel = await self._open_channel()
        queue = f"{self._name}.out.{message_class}"
        properties = spec.Basic.Properties(
            delivery_mode=PERSISTENT,
            content_type="application/xml",
            headers={} if signature is None else {SIGNATURE_HEADER: signature},
        )
        try:
            async with asyncio.timeout(self._send_timeout_s):
                with translated(f"publish to {queue}"):
                    await channel.basic_publish(
                        body, exchange="", routing_key=queue, properties=properties, mandatory=True
                    )
        except TimeoutError as error:
            self._channel = None
            await self._out.drop()  # a connection that has gone silent may never say so
            raise UnavailableError(f"the broker did not confirm within {self._send_timeout_s:g} s") from error
        except UnavailableError as error:
            if isinstance(error.__cause__, PublishError):
                raise NotSentError(f"no queue {queue}") from error
            raise

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, waiting up to `wait_s` for a first one.

        Raises:
            UnavailableError: no broker answers, or a queue is not there.

        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while True:
            await unbroken(self._consume())
            deliveries = self._hand.take(messages_max)
            if deliveries or loop.time() >= until_s:
                return deliveries
            await self._hand.wait(until_s=until_s)

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Tell the rail that these are saved; a repeat is safe, and so is a receipt that is unknown.

        Raises:
            UnavailableError: not certain; they may come again.

        """
        await unbroken(self._consume())
        sessions = set()
        for session, tag in self._hand.settle(receipts):
            session.settle(tag)
            sessions.add(session)
        for session in sessions:
            await session.send_answers()

    async def check(self) -> None:
        """Return if the broker can be reached now and takes what is published.

        Raises:
            UnavailableError: it cannot, or does not.

        """
        await self._open_channel()

    async def close(self) -> None:
        """Give back what is in hand and close the connections; a repeat is safe, and a later use opens new ones."""
        sessions, self._sessions, self._channel = self._sessions, {}, None
        self._hand.withdraw(lambda _: True)
        for session in sessions.values():
            await session.close()
        await self._in.close()
        await self._out.close()

    async def _open_channel(self) -> AbstractChannel:
        """Return the channel for sending.

        Raises:
            NotSentError: there is none, or the broker has stopped taking messages: nothing has left.

        """
        try:
            async with self._opening:
                channel = self._channel
                if channel is None or channel.is_closed or not self._out.is_open:
                    channel = self._channel = await self._out.open_channel()
        except UnavailableError as error:
            raise NotSentError(f"no connection to the rail: {error}") from error
        if await self._out.is_blocked():
            raise NotSentError("the broker has blocked publishers: it is short of memory or disk")
        return channel

    async def _consume(self) -> None:
        """Consume from every class, anew where a session was lost; its messages come again."""
        async with self._consuming:
            for message_class in MessageClass:
                session = self._sessions.get(message_class)
                if session is None or session.is_lost:
                    await self._end(message_class)
                    self._sessions[message_class] = await Session.opened(
                        self._in,
                        f"{self._name}.in.{message_class}",
                        prefetch=PREFETCH,
                        on_message=self._take,
                        wake=self._hand.changed,
                    )

    def _take(self, session: Session, message: DeliveredMessage) -> None:
        assert message.delivery_tag is not None, "what is delivered has a tag"
        signature = (message.header.properties.headers or {}).get(SIGNATURE_HEADER)
        self._hand.put(
            message.body,
            _Answerable(session, message.delivery_tag),
            signature=signature if isinstance(signature, str) else None,
        )

    async def _end(self, message_class: MessageClass) -> None:
        session = self._sessions.pop(message_class, None)
        if session is not None:
            self._hand.withdraw(lambda held: held.session is session)
            await session.close()

    async def _give_back(self, overdue: Sequence[_Answerable]) -> None:
        self._hand.withdraw(set(overdue).__contains__)
        for session, tag in overdue:
            if not session.is_lost:
                session.give_back(tag)
        for session in {session for session, _ in overdue}:
            try:
                await session.send_answers()
            except UnavailableError:
                continue  # the session is lost: the broker hands out again what was not answered
