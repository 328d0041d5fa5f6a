"""Reports never delay money: what is large is read aside, after what is not. Order is told by events, not by time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from gateway.domain.payment import Payment, PaymentState
from gateway.service.large_messages import LARGE_BYTES, split
from gateway.service.ports import RailDelivery, UnavailableError
from gateway.service.rail_protocol import RailProtocol, Reading
from gateway.service.receive import Receiver
from iso20022 import TransactionStatus
from tests.unit.service.world import World

LARGE = b"<Report>" + b" " * LARGE_BYTES + b"</Report>"
PATIENCE_S = 10.0


class Watched:
    """The rail's protocol, which tells what is read, and holds up who reads what is large until it is let go."""

    def __init__(self, protocol: RailProtocol, told: list[str]) -> None:
        self._protocol, self._told = protocol, told
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)

    def read(self, body: bytes) -> Reading:
        """Read it, and tell."""
        if body == LARGE:
            self._told.append("large is read")
            assert self.goes_on.wait(PATIENCE_S)
        return self._protocol.read(body)


def watched(earth: World, **changes: Any) -> tuple[Receiver, Watched, list[str]]:
    """A receiver that tells in which order it reads what is large, and saves what the rail says of a payment."""
    told: list[str] = []
    rail = Watched(earth.receiver.rail, told)
    keep = earth.recorder.state_changed

    def state_changed(decision: Any) -> None:
        keep(decision)
        told.append(f"saved {decision.state}")

    decisions = replace(earth.receiver.decisions, observer=_Telling(earth.recorder, state_changed))
    return replace(earth.receiver, rail=cast("RailProtocol", rail), decisions=decisions, **changes), rail, told


class _Telling:
    """The recorder, but for what it does when a state changes."""

    def __init__(self, recorder: object, state_changed: Callable[[Any], None]) -> None:
        self._recorder, self.state_changed = recorder, state_changed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorder, name)


async def sent(earth: World) -> Payment:
    """A payment that waits for the rail's word."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    return payment


def both(earth: World, payment: Payment) -> list[RailDelivery]:
    """One fetch: a large report first, and then the word about the payment."""
    answer = earth.report(payment.message_id, TransactionStatus.ACSC)
    return [RailDelivery("report", LARGE), RailDelivery("answer", answer)]


async def test_a_payments_answer_is_saved_before_a_large_report_of_the_same_fetch_is_read(earth: World) -> None:
    """Whichever came first."""
    payment = await sent(earth)
    receiver, _, told = watched(earth)

    await receiver.apply(both(earth, payment))

    assert told == ["saved SETTLED", "large is read"]
    assert [each.message.body for each in earth.recorder.quarantines] == [LARGE], "it is heard all the same"


async def test_where_nothing_is_large_everything_is_read_first(earth: World) -> None:
    """The control of the test above: so a report kept a payment waiting."""
    payment = await sent(earth)
    receiver, _, told = watched(earth, large_bytes=len(LARGE))

    await receiver.apply(both(earth, payment))

    assert told == ["large is read", "saved SETTLED"]


async def test_what_comes_while_a_large_message_is_read_does_not_wait_for_it(earth: World) -> None:
    """The next fetch is applied and acknowledged meanwhile; the large one when it is done, and not before."""
    payment = await sent(earth)
    receiver, rail, told = watched(earth)
    rail.goes_on.clear()
    earth.rail.deliver(LARGE)

    async with running(receiver):
        await until(lambda: told == ["large is read"])
        earth.rail.deliver(earth.report(payment.message_id, TransactionStatus.ACSC))
        await until(lambda: told == ["large is read", "saved SETTLED"])
        await until(lambda: earth.rail.unacknowledged == 1)
        assert earth.recorder.quarantines == []
        rail.goes_on.set()
        await until(lambda: earth.rail.unacknowledged == 0)

    assert (await earth.now(payment)).state is PaymentState.SETTLED
    assert len(earth.recorder.quarantines) == 1


async def test_a_large_message_that_cannot_be_saved_is_told_and_not_acknowledged(earth: World) -> None:
    """The rail brings it again; the loop goes on meanwhile."""
    payment = await sent(earth)
    receiver, rail, told = watched(earth)
    rail.goes_on.clear()
    earth.rail.deliver(LARGE)

    async with running(receiver):
        await until(lambda: told == ["large is read"])
        earth.store.next_call_raises = UnavailableError("the database is gone")
        rail.goes_on.set()
        await until(lambda: "large message" in earth.recorder.faults)
        earth.rail.deliver(earth.report(payment.message_id, TransactionStatus.ACSC))
        await until(lambda: told[-1] == "saved SETTLED")

    assert earth.rail.unacknowledged >= 1


async def test_what_the_loop_itself_ends_with_is_not_changed(earth: World) -> None:
    """Whoever runs it tells a store that does not answer from a fault of ours."""
    receiver, _, _ = watched(earth)
    earth.rail.reachable = False

    with pytest.raises(UnavailableError):
        await receiver.run()


def test_a_message_is_large_from_one_byte_above_the_bound() -> None:
    """And each keeps its place among its like."""
    deliveries = [RailDelivery(str(size), b"x" * size) for size in (11, 3, 10, 12)]

    prompt, large = split(deliveries, large_bytes=10)

    assert ([each.receipt for each in prompt], [each.receipt for each in large]) == (["3", "10"], ["11", "12"])


@asynccontextmanager
async def running(receiver: Receiver) -> AsyncIterator[None]:
    """Run the receiver's loop meanwhile."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(receiver.run())
        yield
        task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Return once something holds; a thread may be at work on it."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.001)
