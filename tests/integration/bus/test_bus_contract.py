"""What every `Bus` must do: the same tests on the bus in memory, on PostgreSQL and on RabbitMQ, with real servers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from gateway.service.ports import (
    Bus,
    DeadLetterReason,
    Delivery,
    OutboundDelivery,
    Queue,
    UnavailableError,
    UnroutableError,
)
from tests.integration.bus.harness import (
    DELIVERY_LIMIT,
    LEASE_S,
    ServerStand,
    Stand,
    announcement,
    consumer_process,
    dead_letters_of,
    eventually,
    outbound,
    publish_until_confirmed,
    until_depth,
)

VALUE = Queue.FEDNOW_OUT_VALUE
INQUIRY = Queue.FEDNOW_OUT_INQUIRY
INCOMING = Queue.FEDNOW_IN_VALUE


class Handler:
    """Keeps what it is given; `fault` is raised by the first `failures` calls, and `gate` holds every call."""

    def __init__(self, *, failures: int = 0, fault: Exception | None = None) -> None:
        self.taken: list[Delivery] = []
        self.finished: list[Delivery] = []
        self.running = 0
        self.running_max = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._failures = failures
        self._fault = fault or RuntimeError("the handler fails")

    async def __call__(self, delivery: Delivery) -> None:
        self.taken.append(delivery)
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            await self.gate.wait()
            if len(self.taken) <= self._failures:
                raise self._fault
            self.finished.append(delivery)
        finally:
            self.running -= 1

    @property
    def finished_ids(self) -> set[UUID]:
        return {delivery.delivery_id for delivery in self.finished}


def ids(deliveries: list[OutboundDelivery]) -> set[UUID]:
    return {delivery.delivery_id for delivery in deliveries}


async def test_a_published_delivery_is_consumed_as_it_was_published(stand: Stand) -> None:
    """Nothing of a delivery changes on its way; the first handing out is attempt 1."""
    [sent] = outbound(1)
    handler = Handler()

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish([sent])
        async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
            await eventually(lambda: len(handler.finished) == 1)

    expected = Delivery(sent.delivery_id, sent.queue, sent.payment_id, sent.deadline_at, attempt=1)
    assert handler.taken == [expected]


async def test_a_settled_delivery_is_gone(stand: Stand) -> None:
    """Settled means gone: neither this consumer nor the next one sees it again."""
    handler = Handler()

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(3))
        async with bus.consume(VALUE, handler, prefetch=2, concurrency=2):
            await eventually(lambda: len(handler.finished) == 3)
        async with bus.consume(VALUE, handler, prefetch=2, concurrency=2):
            await asyncio.sleep(LEASE_S * 1.2)

        assert await bus.depth(VALUE) == 0
    assert len(handler.taken) == 3


async def test_queues_are_apart(stand: Stand) -> None:
    """A consumer of one queue never sees what is on another."""
    handler = Handler()
    value, inquiry = outbound(2), outbound(1, queue=INQUIRY)

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish([*value, *inquiry])
        async with bus.consume(INQUIRY, handler, prefetch=5, concurrency=5):
            await eventually(lambda: len(handler.finished) == 1)

        await until_depth(bus, VALUE, 2)
    assert handler.finished_ids == ids(inquiry)


async def test_a_handler_that_raises_gets_the_delivery_again_with_a_higher_attempt(stand: Stand) -> None:
    """A fault gives the delivery back, and stops no other."""
    handler = Handler(failures=2)

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
            await eventually(lambda: len(handler.finished) == 1)

        assert [delivery.attempt for delivery in handler.taken] == [1, 2, 3]
        async with bus.take_dead_letters(limit=10) as letters:
            assert not letters


async def test_after_the_delivery_limit_a_delivery_is_a_dead_letter_with_the_reason(stand: Stand) -> None:
    """Poison is put aside with what it did, and holds nobody up."""
    [poison] = outbound(1)
    handler = Handler(failures=DELIVERY_LIMIT, fault=ValueError("no such payment"))

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish([poison])
        async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
            [letter] = await dead_letters_of(bus, 1)
            await bus.publish(outbound(1))
            await eventually(lambda: len(handler.finished) == 1)

        assert await bus.depth(VALUE) == 0
    assert letter.delivery == Delivery(
        poison.delivery_id, VALUE, poison.payment_id, poison.deadline_at, attempt=DELIVERY_LIMIT
    )
    assert (letter.reason, letter.fault) == (DeadLetterReason.HANDLER_FAILED, "ValueError: no such payment")
    assert letter.published_at <= letter.died_at


async def test_dead_letters_come_the_longest_dead_first_from_every_queue_and_no_more_than_asked_for(
    stand: Stand,
) -> None:
    """What has waited longest is kept first."""
    poison = [*outbound(1), *outbound(1, queue=INQUIRY), *outbound(1)]
    handler = Handler(failures=3 * DELIVERY_LIMIT)

    async with stand.bus() as bus:
        await bus.declare()
        async with (
            bus.consume(VALUE, handler, prefetch=1, concurrency=1),
            bus.consume(INQUIRY, handler, prefetch=1, concurrency=1),
        ):
            for delivery in poison:
                await bus.publish([delivery])
                await eventually(lambda: len(handler.taken) % DELIVERY_LIMIT == 0 and handler.running == 0)
                await until_depth(bus, delivery.queue, 0)
        first, rest = await dead_letters_of(bus, 2), await dead_letters_of(bus, 1)

    assert [letter.delivery.delivery_id for letter in first + rest] == [delivery.delivery_id for delivery in poison]
    assert [letter.delivery.queue for letter in first + rest] == [VALUE, INQUIRY, VALUE]


async def test_dead_letters_that_could_not_be_kept_come_again(stand: Stand) -> None:
    """They are off the bus only once whoever took them has come to the end. The control: then they are gone."""
    [poison] = outbound(1)

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish([poison])
        async with bus.consume(VALUE, Handler(failures=DELIVERY_LIMIT), prefetch=1, concurrency=1):
            await until_depth(bus, VALUE, 0)
        for _ in range(3):
            with pytest.raises(LookupError, match="the database"):
                await _take_and_fail(bus)
        again = await dead_letters_of(bus, 1)
        async with bus.take_dead_letters(limit=10) as gone:
            pass

    assert [letter.delivery.delivery_id for letter in again] == [poison.delivery_id]
    assert not gone


async def _take_and_fail(bus: Bus) -> None:
    async with asyncio.timeout(5):
        while True:
            async with bus.take_dead_letters(limit=10) as letters:
                if letters:
                    raise LookupError("the database is away")


async def test_the_worlds_faults_cost_no_attempt(stand: Stand) -> None:
    """A database that is away for a while must not make dead letters of what it could not be asked about."""
    handler = Handler(failures=2 * DELIVERY_LIMIT, fault=UnavailableError("the database is away"))

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
            await eventually(lambda: len(handler.finished) == 1)
        async with bus.take_dead_letters(limit=10) as letters:
            assert not letters

    assert {delivery.attempt for delivery in handler.taken} == {1}


async def test_of_what_is_in_hand_the_earliest_deadline_goes_first(stand: Stand) -> None:
    """What came first and has time waits for what came later and has none left."""
    async with stand.bus() as bus:
        await bus.declare()

        assert await _order_of(bus, (60, 5, 30)) == [5, 30, 60]


async def test_control_where_all_have_the_same_time_they_go_as_they_came(stand: Stand) -> None:
    """The same check of deliveries that all tell one deadline: it is the deadline that decides above."""
    async with stand.bus() as bus:
        await bus.declare()

        assert await _order_of(bus, (60, 5, 30), told_in_s=60) == [60, 5, 30]


async def _order_of(bus: Bus, deadlines_s: Sequence[float], *, told_in_s: float | None = None) -> list[float]:
    """Publish deliveries with these deadlines while a handler is at work; return in which order it gets them.

    With `told_in_s` each of them tells that deadline instead.
    """
    [first] = outbound(1)
    named: dict[UUID, float] = {}
    handler = Handler()
    handler.gate.clear()
    await bus.publish([first])
    async with bus.consume(VALUE, handler, prefetch=4, concurrency=1):
        await eventually(lambda: handler.running == 1)
        for deadline_s in deadlines_s:
            [delivery] = outbound(1, deadline_in_s=deadline_s if told_in_s is None else told_in_s)
            named[delivery.delivery_id] = deadline_s
            await bus.publish([delivery])
        await asyncio.sleep(0.3)
        handler.gate.set()
        await eventually(lambda: len(handler.finished) == 1 + len(deadlines_s))
    return [named[delivery.delivery_id] for delivery in handler.taken[1:]]


async def test_what_comes_from_the_rail_never_waits_for_what_goes_to_it(stand: Stand) -> None:
    """An incoming payment has one to five seconds: full hands of outgoing ones must not cost it any of them."""
    async with stand.bus() as bus:
        await bus.declare()

        await _handled_beside_full_hands(bus, INCOMING, within_s=1.0)


async def test_control_what_shares_a_queue_with_full_hands_waits_for_them(stand: Stand) -> None:
    """The same check of a delivery on the queue of what goes to the rail: the queues' being apart is what helps."""
    async with stand.bus() as bus:
        await bus.declare()

        with pytest.raises(TimeoutError):
            await _handled_beside_full_hands(bus, VALUE, within_s=0.5)


async def _handled_beside_full_hands(bus: Bus, queue: Queue, *, within_s: float) -> None:
    """Fill the hands of who takes what goes to the rail, then publish to `queue`; return once that is handled."""
    outgoing, incoming = Handler(), Handler()
    outgoing.gate.clear()
    sent, [late] = outbound(50), outbound(1, queue=queue)
    async with (
        bus.consume(VALUE, outgoing, prefetch=4, concurrency=2),
        bus.consume(INCOMING, incoming, prefetch=1, concurrency=1),
    ):
        await bus.publish(sent)
        await eventually(lambda: outgoing.running == 2)
        await bus.publish([late])
        try:
            await eventually(
                lambda: late.delivery_id in outgoing.finished_ids | incoming.finished_ids, within_s=within_s
            )
            assert (outgoing.running, len(outgoing.finished)) == (2, 0)
        finally:
            outgoing.gate.set()
            await eventually(lambda: outgoing.finished_ids | incoming.finished_ids == ids([*sent, late]))


@pytest.mark.parametrize(("prefetch", "concurrency"), [(0, 0), (1, 0), (1, 2)])
async def test_hands_that_could_hold_nothing_are_refused(stand: Stand, prefetch: int, concurrency: int) -> None:
    """A consumer that never takes anything would look like a queue that nobody serves."""
    async with stand.bus() as bus:
        with pytest.raises(ValueError, match="concurrency"):
            bus.consume(VALUE, Handler(), prefetch=prefetch, concurrency=concurrency)


async def test_no_more_than_the_concurrency_is_handled_at_once(stand: Stand) -> None:
    """It is the bound on what a worker does at once."""
    handler = Handler()
    handler.gate.clear()

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(10))
        async with bus.consume(VALUE, handler, prefetch=8, concurrency=3):
            await eventually(lambda: handler.running == 3)
            await asyncio.sleep(0.2)
            handler.gate.set()
            await eventually(lambda: len(handler.finished) == 10)

    assert handler.running_max == 3


async def test_a_publish_to_a_queue_that_nobody_declared_raises(stand: Stand) -> None:
    """A delivery that no queue takes must never look published. (The control is in test_rabbitmq.)"""
    async with stand.bus() as bus:
        with pytest.raises(UnroutableError):
            await bus.publish(outbound(2))
        await bus.declare()

        assert await bus.depth(VALUE) == 0


async def test_declaring_twice_changes_nothing(stand: Stand) -> None:
    """Every process declares at its start; what waits stays."""
    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(2))
        await bus.declare()

        await until_depth(bus, VALUE, 2)


async def test_publishing_nothing_is_allowed(stand: Stand) -> None:
    """A relay may find an empty batch."""
    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish([])

        assert await bus.depth(VALUE) == 0


async def test_a_repeated_publish_is_safe(stand: Stand) -> None:
    """A relay that was not sure repeats: each delivery is handled at least once, and the queue ends empty."""
    deliveries = outbound(5)
    handler = Handler()

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(deliveries)
        await bus.publish([*deliveries[2:], *deliveries])
        async with bus.consume(VALUE, handler, prefetch=5, concurrency=5):
            await eventually(lambda: handler.finished_ids == ids(deliveries))
            await until_depth(bus, VALUE, 0)


async def test_a_thousand_deliveries_to_four_consumers_are_all_handled(stand: Stand) -> None:
    """None is lost between concurrent consumers with views of their own, and in peace none is handled twice."""
    deliveries = outbound(1_000)
    handler = Handler()

    async with AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(stand.bus()) for _ in range(4)]
        await buses[0].declare()
        for bus in buses:
            await stack.enter_async_context(bus.consume(VALUE, handler, prefetch=20, concurrency=20))
        async with asyncio.TaskGroup() as publishers:
            for start in range(0, 1_000, 100):
                publishers.create_task(buses[start % 4].publish(deliveries[start : start + 100]))
        await eventually(lambda: handler.finished_ids == ids(deliveries))

    times = Counter(delivery.delivery_id for delivery in handler.taken)
    assert set(times.values()) == {1}


async def test_leaving_the_context_drains(stand: Stand) -> None:
    """What runs is finished and settled before the context ends; what has not been begun is left for others."""
    deliveries = outbound(5)
    handler, other = Handler(), Handler()
    handler.gate.clear()

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(deliveries)
        async with asyncio.TaskGroup() as group, bus.consume(VALUE, handler, prefetch=2, concurrency=2):
            await eventually(lambda: handler.running == 2)
            group.create_task(_open_later(handler.gate))
        assert len(handler.finished) == 2
        async with bus.consume(VALUE, other, prefetch=5, concurrency=5):
            await eventually(lambda: len(other.finished) == 3)

        assert await bus.depth(VALUE) == 0
    assert handler.finished_ids | other.finished_ids == ids(deliveries)
    assert not handler.finished_ids & other.finished_ids


async def _open_later(gate: asyncio.Event) -> None:
    await asyncio.sleep(0.3)
    gate.set()


async def test_what_the_body_raises_leaves_the_context_as_it_is(stand: Stand) -> None:
    """A caller's own exception is not wrapped, and the consumer is drained all the same."""
    handler = Handler()

    async with stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        with pytest.raises(LookupError, match="the caller's own"):
            await _consume_and_raise(bus, handler)

        assert await bus.depth(VALUE) == 0


async def _consume_and_raise(bus: Bus, handler: Handler) -> None:
    async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
        await eventually(lambda: len(handler.taken) == 1)
        raise LookupError("the caller's own")


async def test_a_consumer_process_that_is_killed_gives_its_deliveries_back(server_stand: ServerStand) -> None:
    """Kill -9 in the middle of a handler loses nothing: another consumer gets the delivery, with a higher attempt."""
    [delivery] = outbound(1)
    handler = Handler()

    async with server_stand.bus() as bus:
        await bus.declare()
        await bus.publish([delivery])
        async with consumer_process(server_stand, settles="after") as process:
            taken = await announcement(process)
            process.kill()
            await process.wait()
        async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
            await eventually(lambda: len(handler.finished) == 1)

    assert taken == f"{delivery.delivery_id} 1"
    assert [(again.delivery_id, again.attempt) for again in handler.taken] == [(delivery.delivery_id, 2)]


async def test_control_a_consumer_that_settles_before_its_work_loses_it_when_it_is_killed(
    server_stand: ServerStand,
) -> None:
    """The same crash with the forbidden order loses the delivery: the test above can fail."""
    handler = Handler()

    async with server_stand.bus() as bus:
        await bus.declare()
        await bus.publish(outbound(1))
        async with consumer_process(server_stand, settles="before") as process:
            await announcement(process)
            await until_depth(bus, VALUE, 0)
            await asyncio.sleep(0.2)
            process.kill()
            await process.wait()
        async with bus.consume(VALUE, handler, prefetch=1, concurrency=1):
            await asyncio.sleep(LEASE_S * 1.5)

        assert await bus.depth(VALUE) == 0
    assert not handler.taken


async def test_confirmed_deliveries_survive_the_death_of_the_server_and_consumers_resume(
    server_stand: ServerStand,
) -> None:
    """Kill -9 of the server in the middle of work: all that was confirmed is handled, by the same consumer."""
    before, after = outbound(100), outbound(20)
    handler = Handler()
    handler.gate.clear()

    async with server_stand.bus() as bus:
        await bus.declare()
        await bus.publish(before)
        async with bus.consume(VALUE, handler, prefetch=10, concurrency=10):
            await eventually(lambda: handler.running == 10)
            server_stand.kill_server()
            with pytest.raises(UnavailableError):
                await bus.publish(after)
            with pytest.raises(UnavailableError):
                await bus.check()
            await asyncio.to_thread(server_stand.start_server)
            handler.gate.set()
            await publish_until_confirmed(bus, after)
            await eventually(lambda: handler.finished_ids == ids(before + after))
            await bus.check()
            await until_depth(bus, VALUE, 0)
