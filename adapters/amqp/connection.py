"""The one place where connections and channels to RabbitMQ are made, and their faults translated.

Traps that were fallen into, each defended by a test: without ``on_return_raises`` a message that no queue takes is
published "successfully"; after a broker is killed, ``is_closed`` of a connection may stay False for ever; what waits on
a connection that dies may be ended with a ``CancelledError`` that nobody has asked for; a question that is given up
half way may leave a connection deaf; a library that reconnects by itself answers a passive declaration from memory
(docs/adr/0006).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiormq
from aiormq.abc import AbstractChannel
from yarl import URL

from gateway.service.ports import UnavailableError, UnroutableError

CONNECT_TIMEOUT_S: Final = 3.0
"""A broker that has not shaken hands in this time is not there; the next one is tried."""

ANSWER_TIMEOUT_S: Final = 3.0
"""How long any question to a connected broker may take: to open a channel, to declare, to count."""

CLOSE_TIMEOUT_S: Final = 1.0
"""How long is waited for a broker's goodbye."""

HEARTBEAT_S: Final = 10
"""Both sides give a silent connection up after two to three of these."""

_Result = TypeVar("_Result")

_FAULTS_OF_THE_WORLD: Final = (aiormq.AMQPError, OSError, TimeoutError, RuntimeError, StopAsyncIteration)
"""What the library ends a wait with when the broker is the cause; a connection that is closed is a RuntimeError."""


class NoSuchQueueError(UnroutableError):
    """A broker that answers has no queue, or exchange, of these `names`."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(f"RabbitMQ has no queue {', '.join(sorted(names))}")
        self.names: Final = frozenset(names)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise `UnavailableError` for what is the world's fault: a lost, refused, closed or silent connection.

    A cancellation passes through if this task is being cancelled; otherwise the library has ended a wait of ours
    because its connection died.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling() > 0:
            raise
        raise UnavailableError(f"RabbitMQ: {what}: the connection was lost") from error
    except _FAULTS_OF_THE_WORLD as error:
        raise UnavailableError(f"RabbitMQ: {what}: {error!r}") from error


async def unbroken(
    work: Coroutine[Any, Any, _Result], *, undo: Callable[[_Result], Awaitable[None]] | None = None
) -> _Result:
    """Return what `work` returns; if this task is cancelled meanwhile, let the work end, `undo` it, and be cancelled.

    The library closes a channel whose question is cancelled and reads it no further; what the broker has delivered on
    it by then fills the channel's buffer, and the whole connection hears nothing any more.
    """
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        if undo is not None and not working.cancelled() and working.exception() is None:
            await undo(working.result())
        raise


@dataclass(frozen=True, slots=True)
class QueueLook:
    """What a broker says of a queue: deliveries that wait, and consumers that it knows."""

    ready: int
    consumers: int


class BrokerLink:
    """A connection to the first broker that answers, made on demand and made anew when it is lost.

    Publishers and consumers each need one of their own: a broker in need (memory or disk alarm) stops reading from
    connections that publish, and acknowledgements would be stuck behind.
    """

    def __init__(self, urls: Sequence[str], *, purpose: str, tls: ssl.SSLContext | None = None) -> None:
        if not urls:
            raise ValueError("at least one broker URL is needed")
        self._urls = deque(urls)
        self._purpose = purpose
        self._tls = tls
        self._connection: aiormq.Connection | None = None
        self._asking: AbstractChannel | None = None
        self._lock = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, and it is not known to be lost."""
        # Its reader and writer run: unlike ``is_closed`` this is true of live ones only.
        return self._connection is not None and self._connection.is_opened

    async def open_channel(self) -> AbstractChannel:
        """Return a new channel that confirms what is published and raises for what no queue takes.

        Raises:
            UnavailableError: no broker answers.

        """
        return await unbroken(self._opened_channel(), undo=close_channel)

    async def look_at(self, name: str) -> QueueLook:
        """Return what the broker says of a queue.

        Raises:
            UnavailableError: no broker answers.
            NoSuchQueueError: there is no such queue.

        """
        return await unbroken(self._looked_at(name))

    async def is_blocked(self) -> bool:
        """Return whether the broker has told this connection to stop publishing (it is short of memory or disk).

        A broker says so only to a connection that publishes, and only once it does: `RabbitMqBus.check` publishes.
        """
        if self._connection is None:
            return False
        try:
            # `ready` waits only while the connection is blocked.
            async with asyncio.timeout(0):
                await self._connection.ready()
        except TimeoutError:
            return True
        return False

    async def drop(self) -> None:
        """Give this connection up, because it no longer answers; the next use makes a new one, elsewhere first."""
        async with self._lock:
            await self._give_up()

    async def close(self) -> None:
        """Say goodbye, within `CLOSE_TIMEOUT_S`; repeat-safe."""
        async with self._lock:
            await self._discard()

    async def _opened_channel(self) -> AbstractChannel:
        async with self._lock:
            return await self._open_channel()

    async def _looked_at(self, name: str) -> QueueLook:
        async with self._lock:
            if self._asking is None or self._asking.is_closed:
                self._asking = await self._open_channel()
            try:
                with translated(f"look at {name}"):
                    async with asyncio.timeout(ANSWER_TIMEOUT_S):
                        told = await self._asking.queue_declare(name, passive=True)
            except UnavailableError as error:
                self._asking = None
                demand_there(name, error)
                raise
        return QueueLook(ready=told.message_count or 0, consumers=told.consumer_count or 0)

    async def _open_channel(self) -> AbstractChannel:
        connection = await self._connected()
        try:
            with translated("open a channel"):
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    return await connection.channel(publisher_confirms=True, on_return_raises=True)
        except UnavailableError:
            await self._give_up()
            raise

    async def _connected(self) -> aiormq.Connection:
        if self._connection is not None and self.is_open:
            return self._connection
        await self._discard()
        refusals = []
        for _ in range(len(self._urls)):
            try:
                self._connection = await self._connect(self._urls[0])
            except UnavailableError as error:
                refusals.append(str(error))
                self._urls.rotate(-1)
            else:
                return self._connection
        raise UnavailableError("; ".join(refusals))

    async def _connect(self, url: str) -> aiormq.Connection:
        address = URL(url)
        connection = aiormq.Connection(
            address.update_query(heartbeat=HEARTBEAT_S),
            context=self._tls,  # None: amqps as the URL says
            client_properties={"connection_name": self._purpose},
        )
        with translated(f"connect to {address.host}:{address.port}"):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connection.connect()  # closes what it has opened when it fails
        return connection

    async def _give_up(self) -> None:
        self._urls.rotate(-1)
        await self._discard()

    async def _discard(self) -> None:
        connection, self._connection, self._asking = self._connection, None, None
        if connection is None:
            return
        try:
            with translated("close"):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await connection.close()
        except UnavailableError:
            return  # it was lost: that is why it is discarded


def demand_there(name: str, error: UnavailableError) -> None:
    """Return if a question about a queue failed for another reason than that there is none of that name.

    Raises:
        NoSuchQueueError: the broker has said so.

    """
    if isinstance(error.__cause__, aiormq.ChannelNotFoundEntity):
        raise NoSuchQueueError({name}) from error.__cause__


async def close_channel(channel: AbstractChannel) -> None:
    """Close a channel within `CLOSE_TIMEOUT_S`; one that has died is closed already."""
    try:
        with translated("close a channel"):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await channel.close()
    except UnavailableError:
        return
