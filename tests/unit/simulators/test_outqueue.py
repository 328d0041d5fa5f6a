"""Leases: what is fetched comes again until it is acknowledged, and to one receiver at a time."""

from datetime import UTC, datetime, timedelta

from simulators.outqueue import OutQueue, Waiting

START = datetime(2026, 3, 10, 16, 0, 0, tzinfo=UTC)
VISIBILITY = timedelta(seconds=5)


def queue_of(count: int) -> OutQueue:
    """A queue with so many messages."""
    queue = OutQueue(visibility=VISIBILITY)
    for number in range(count):
        queue.put(Waiting(f"receipt-{number}", b"%d" % number), available_at=START)
    return queue


def receipts(waiting: list[Waiting]) -> list[str]:
    """Only the receipts."""
    return [entry.receipt for entry in waiting]


def test_messages_come_in_their_order() -> None:
    """First in, first out, as far as everyone acknowledges."""
    queue = queue_of(3)

    assert receipts(queue.take(START, messages_max=2)) == ["receipt-0", "receipt-1"]
    assert receipts(queue.take(START, messages_max=2)) == ["receipt-2"]


def test_what_is_leased_is_handed_to_nobody_else() -> None:
    """Two receivers do not both get a message while the first may still be saving it."""
    queue = queue_of(1)
    queue.take(START, messages_max=10)

    assert queue.take(START + VISIBILITY - timedelta(microseconds=1), messages_max=10) == []
    assert queue.next_visible_at() == START + VISIBILITY


def test_what_is_not_acknowledged_comes_again_when_its_lease_ends() -> None:
    """An answer survives the death of the worker that fetched it."""
    queue = queue_of(1)
    queue.take(START, messages_max=10)

    assert receipts(queue.take(START + VISIBILITY, messages_max=10)) == ["receipt-0"]


def test_what_is_acknowledged_is_gone_for_good() -> None:
    """Once saved, never again; a repeat of the acknowledgement changes nothing."""
    queue = queue_of(2)
    queue.take(START, messages_max=10)

    first = queue.acknowledge(["receipt-0", "unheard-of"])
    again = queue.acknowledge(["receipt-0"])

    assert (first, again) == (["receipt-0"], [])
    assert receipts(queue.take(START + VISIBILITY, messages_max=10)) == ["receipt-1"]
    assert len(queue) == 1


def test_a_message_can_be_fetched_only_from_its_time_on() -> None:
    """A late answer is durable before it can be seen."""
    queue = OutQueue(visibility=VISIBILITY)
    queue.put(Waiting("late", b""), available_at=START + timedelta(seconds=30))

    assert queue.take(START + timedelta(seconds=29), messages_max=10) == []
    assert queue.next_visible_at() == START + timedelta(seconds=30)
    assert receipts(queue.take(START + timedelta(seconds=30), messages_max=10)) == ["late"]


def test_an_empty_queue_has_no_next_message() -> None:
    """Nobody is woken for what was acknowledged."""
    queue = queue_of(1)
    queue.acknowledge(["receipt-0"])

    assert queue.next_visible_at() is None
