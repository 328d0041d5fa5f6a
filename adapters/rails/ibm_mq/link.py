"""The rail link over IBM MQ: an out-queue for each class, in-queues, and a unit of work for everything that moves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from adapters.rails.hand import Hand
from adapters.rails.ibm_mq.connection import Channel, Gate, NoConnectionError
from adapters.rails.ibm_mq.threads import Crew, Job, Pause, Worker
from gateway.service.ports import MessageClass, NotSentError, RailDelivery, UnavailableError

SEND_TIMEOUT_S: Final = 5.0
"""How long a message may take to be committed: what is longer is better asked about than waited for."""

ANSWER_TIMEOUT_S: Final = 5.0
"""How long a commit of what was received, or a check, may take; and a get beyond the wait that it was asked for."""

LEASE_S: Final = 10.0
"""How long a message may be in hand before its unit of work is backed out: saving takes milliseconds."""

CLOSE_TIMEOUT_S: Final = 5.0
"""How long is waited for threads at the end; one that hangs in a call ends with the process, and loses nothing."""

SENDERS: Final = 8
"""Connections for each out-queue: what is sent takes four round trips on one of them."""

UNITS: Final = 4
"""Connections for each in-queue, and so units of work in hand: one being got, one being saved, two spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """The queues' names, as the rail has given them; several classes may share one."""

    outgoing: Mapping[MessageClass, str]
    incoming: Mapping[MessageClass, str]


class IbmMqRailLink:
    """A RailLink over a queue manager. Use it as a context manager; it connects when first used.

    *Sending*: MQPUT in a unit of work, then MQCMIT; nothing is on a queue before that. Which failures are certain is
    in `adapters.rails.ibm_mq.reasons`.

    *Receiving*: what one fetch got from a queue is one unit of work. It is committed when the last of its messages is
    acknowledged, and backed out when one of them is overdue: then all come again, on whichever connection asks first.
    Backout counts are not looked at: what cannot be read or applied is saved in the receiver's quarantine and
    acknowledged, so that no message comes for ever.
    """

    def __init__(
        self,
        channel: Channel,
        queues: Queues,
        *,
        send_timeout_s: float = SEND_TIMEOUT_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._queues = queues
        self._send_timeout_s = send_timeout_s
        self._pause = Pause()
        self._hand: Hand[_Unit] = Hand(lease_s=lease_s)
        self._senders = {each: Crew(channel, name=f"mq out {each}", size=SENDERS) for each in MessageClass}
        self._checking = Crew(channel, name="mq check", size=1)
        names = dict.fromkeys(queues.incoming.values())
        self._inboxes = [_Inbox(channel, name, self._hand, self._pause) for name in names]
        self._open_parts = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._open_parts.push_async_callback(self.close)
        await self._open_parts.enter_async_context(self._hand.leases_kept(self._back_out))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open_parts.aclose()

    async def send(self, body: bytes, *, message_class: MessageClass, signature: str | None = None) -> None:
        """Hand a message to the rail; returns once it is committed. Never repeats by itself.

        Nothing travels beside it: where FedNow's signature goes over IBM MQ is not public, and settings that want one
        are refused at the start.

        Cancelled before the thread has put it, it is not put any more.

        Raises:
            NotSentError: certain that the message is on no queue.
            UnavailableError: the rail may have it.

        """
        assert signature is None, "nobody has said where it travels"
        gate = Gate()
        queue = self._queues.outgoing[message_class]
        self._pause.demand_over()
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._senders[message_class].run(lambda connection: connection.put(queue, body, gate))
        except TimeoutError as error:
            if gate.shut():
                raise NotSentError(f"no connection within {self._send_timeout_s:g} s") from error
            raise UnavailableError(f"not committed within {self._send_timeout_s:g} s") from error
        except asyncio.CancelledError:
            gate.shut()
            raise
        except NoConnectionError:
            self._pause.begin()
            raise
        self._pause.end()

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, waiting up to `wait_s` for a first one.

        A get that this call began and did not wait for goes on; what it brings is for the next call.

        Raises:
            UnavailableError: a queue cannot be read; what the others have comes with the next call.

        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        asked: list[_Inbox] | None = None
        while not (deliveries := self._hand.take(messages_max)):
            if faults := [fault for inbox in self._inboxes if (fault := inbox.take_fault()) is not None]:
                raise faults[0]  # what breaks one connection breaks them all: told once
            late = [inbox for inbox in self._inboxes if inbox.is_late]
            left_s = until_s - loop.time()
            if left_s > 0 or asked is None:
                begun = [each for each in self._inboxes if each.ask(messages_max=messages_max, wait_s=max(left_s, 0.0))]
                asked = [*(asked or ()), *begun]
            is_asking = any(inbox.is_asking for inbox in asked if inbox not in late)
            if left_s <= 0 and not is_asking:
                if late:  # only now: the other queues have been asked meanwhile
                    raise UnavailableError(f"MQGET from {late[0].queue_name} does not come back")
                break
            await self._hand.wait(until_s=until_s + ANSWER_TIMEOUT_S if is_asking else until_s)
        return deliveries

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Tell the rail that these are saved; a repeat is safe, and so is a receipt that is unknown.

        Raises:
            UnavailableError: not certain; they may come again. So it is while others of their unit of work are not
                acknowledged.

        """
        settled = set(self._hand.settle(receipts))
        if receipts and not settled:
            await self.check()  # gone, or to come again: that is certain only while the queue manager is there
        # All commits are begun before any is waited for: a cancellation leaves no unit of work open.
        commits = [unit.commit() for unit in settled if not self._hand.holds(unit)]
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                for commit in commits:
                    await asyncio.shield(asyncio.wrap_future(commit))
        except TimeoutError as error:
            raise UnavailableError(f"not committed within {ANSWER_TIMEOUT_S:g} s") from error
        if len(commits) < len(settled):
            raise UnavailableError("other messages of the same unit of work are not acknowledged yet")

    async def check(self) -> None:
        """Return if the queue for payments can be opened now.

        Raises:
            UnavailableError: it cannot.

        """
        queue = self._queues.outgoing[MessageClass.VALUE]
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._checking.run(lambda connection: connection.check(queue))
        except TimeoutError as error:
            raise UnavailableError(f"the queue manager did not answer within {ANSWER_TIMEOUT_S:g} s") from error

    async def close(self) -> None:
        """Back out what is in hand and disconnect; a repeat is safe, and a later use connects anew."""
        self._hand.withdraw(lambda _: True)
        crews = [*self._senders.values(), self._checking]
        closing = [each for crew in crews for each in crew.close()]
        closing += [each for inbox in self._inboxes for each in inbox.close()]
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for each in closing:
                    await asyncio.wrap_future(each)
        except TimeoutError:
            return  # a call hangs: its connection ends with the process, and what was not committed is undone

    async def _back_out(self, overdue: Sequence[_Unit]) -> None:
        units = set(overdue)
        self._hand.withdraw(units.__contains__)
        for unit in units:
            unit.back_out()


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """One unit of work with messages in it: the worker whose connection has it is busy until it ends."""

    inbox: _Inbox
    worker: Worker

    def commit(self) -> Future[None]:
        return self._end(lambda connection: connection.commit())

    def back_out(self) -> None:
        self._end(lambda connection: connection.back_out())

    def _end(self, job: Job[None]) -> Future[None]:
        loop = asyncio.get_running_loop()
        future = self.worker.submit(job)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self.inbox.take_back, self.worker))
        return future


class _Inbox:
    """One in-queue: at most one get is under way, and up to `UNITS` units of work are in hand."""

    def __init__(self, channel: Channel, queue_name: str, hand: Hand[_Unit], pause: Pause) -> None:
        self.is_asking = False
        self.queue_name: Final = queue_name
        self._hand = hand
        self._pause = pause
        self._workers = [Worker(channel, name=f"mq in {queue_name} {number}") for number in range(UNITS)]
        self._free = list(self._workers)
        self._fault: BaseException | None = None
        self._late_at_s = 0.0
        self._stopped = threading.Event()

    def ask(self, *, messages_max: int, wait_s: float) -> bool:
        """Begin a get, unless one is under way or every unit of work is in hand; return whether it was begun.

        Raises:
            UnavailableError: the queue manager did not answer a moment ago.

        """
        if self.is_asking or not self._free:
            return False
        self._pause.demand_over()
        loop = asyncio.get_running_loop()
        self.is_asking, self._late_at_s = True, loop.time() + wait_s + ANSWER_TIMEOUT_S
        self._stopped.clear()
        worker = self._free.pop()
        future = worker.submit(
            lambda connection: connection.get(
                self.queue_name, messages_max=messages_max, wait_s=wait_s, is_stopped=self._stopped.is_set
            )
        )
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._asked, worker, done))
        return True

    @property
    def is_late(self) -> bool:
        """Whether a get is under way that ought to have ended."""
        return self.is_asking and asyncio.get_running_loop().time() >= self._late_at_s

    def take_fault(self) -> BaseException | None:
        """Return what the last get ended with, once."""
        fault, self._fault = self._fault, None
        return fault

    def take_back(self, worker: Worker) -> None:
        """Have a worker again whose unit of work has ended."""
        self._free.append(worker)
        self._hand.changed.set()

    def close(self) -> Sequence[Future[None]]:
        """End the get that is under way and disconnect."""
        self._stopped.set()
        return [closing for worker in self._workers if (closing := worker.close()) is not None]

    def _asked(self, worker: Worker, future: Future[Sequence[bytes]]) -> None:
        """Take what a get has brought."""
        self.is_asking = False
        self._fault = future.exception()
        if self._fault is None:
            self._pause.end()
        elif isinstance(self._fault, NoConnectionError):
            self._pause.begin()
        if self._fault is not None or not future.result() or self._stopped.is_set():
            self.take_back(worker)  # a fault, or the closing of the link, has undone what was got
            return
        unit = _Unit(self, worker)
        for body in future.result():
            self._hand.put(body, unit)
