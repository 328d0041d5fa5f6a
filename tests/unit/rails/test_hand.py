"""The hand of a rail link: receipts are of the bytes, and what is overdue is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

from adapters.rails.hand import Hand, receipt_of

LEASE_S = 0.1


def hand_with(*bodies: bytes) -> Hand[int]:
    """A hand with these messages, answered with their numbers."""
    hand: Hand[int] = Hand(lease_s=LEASE_S)
    for number, body in enumerate(bodies):
        hand.put(body, number)
    return hand


async def test_messages_are_handed_out_in_the_order_in_which_they_came() -> None:
    """And no more than are asked for."""
    hand = hand_with(b"a", b"b", b"c")

    assert [each.body for each in hand.take(2)] == [b"a", b"b"]
    assert [each.body for each in hand.take(2)] == [b"c"]
    assert list(hand.take(2)) == []


async def test_a_receipt_is_of_the_bytes() -> None:
    """The same message has the same receipt however often it comes; other bytes have another."""
    first, again, other = hand_with(b"a", b"a", b"b").take(3)

    assert first.receipt == again.receipt == receipt_of(b"a")
    assert other.receipt != first.receipt


async def test_a_receipt_is_of_the_signature_beside_the_bytes_too() -> None:
    """Who acknowledges a copy that a stranger signed has not acknowledged the rail's own."""
    hand: Hand[int] = Hand(lease_s=LEASE_S)
    for number, signature in enumerate(("forged", "genuine", None)):
        hand.put(b"a", number, signature=signature)
    forged, genuine, bare = hand.take(3)

    assert list(hand.settle([forged.receipt])) == [0]
    assert (genuine.signature, bare.receipt) == ("genuine", receipt_of(b"a"))
    assert genuine.receipt != bare.receipt


async def test_no_bytes_have_the_receipt_of_others_with_a_signature() -> None:
    """Not even those that its receipt is made of: to acknowledge them would lose the rail's message unread."""
    made_of = hashlib.sha256(b"a").digest() + b"genuine"

    assert receipt_of(made_of) != receipt_of(b"a", "genuine")
    assert receipt_of(hashlib.sha256(b"a").digest() + b"\x01genuine") != receipt_of(b"a", "genuine")


async def test_who_has_saved_the_bytes_has_saved_every_copy() -> None:
    """One acknowledgement answers both deliveries of them, taken or not, and nothing else."""
    hand = hand_with(b"a", b"b", b"a")
    hand.take(1)

    assert list(hand.settle([receipt_of(b"a"), receipt_of(b"a"), "unheard-of"])) == [0, 2]
    assert [each.body for each in hand.take(9)] == [b"b"]


async def test_what_is_withdrawn_is_neither_handed_out_nor_settled() -> None:
    """Its session is lost: the rail hands it out again by itself."""
    hand = hand_with(b"a", b"b")

    assert list(hand.withdraw(lambda number: number == 0)) == [0]
    assert not hand.holds(0)
    assert [each.body for each in hand.take(9)] == [b"b"]
    assert list(hand.settle([receipt_of(b"a")])) == []


async def test_a_lease_begins_anew_when_a_message_is_taken() -> None:
    """What has waited in hand for long is not overdue the moment a receiver gets it."""
    hand = hand_with(b"a", b"b")
    await asyncio.sleep(1.5 * LEASE_S)

    hand.take(1)

    assert list(hand.overdue()) == [1]


async def test_what_is_overdue_is_given_back() -> None:
    """Taken or not."""
    hand = hand_with(b"a", b"b")
    hand.take(1)
    given_back: list[int] = []

    async def give_back(overdue: Sequence[int]) -> None:
        hand.withdraw(set(overdue).__contains__)
        given_back.extend(overdue)

    async with hand.leases_kept(give_back):
        await asyncio.sleep(2 * LEASE_S)

    assert given_back == [0, 1]


async def test_a_wait_ends_when_something_comes() -> None:
    """And at its time otherwise."""
    hand = hand_with()
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    await hand.wait(until_s=started_s + 0.05)
    assert loop.time() >= started_s + 0.05

    loop.call_soon(hand.put, b"a", 0)
    await hand.wait(until_s=started_s + 60)
    assert loop.time() < started_s + 30
