"""Group commit: many callers, one transaction, each with its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from gateway.service.group_commit import GroupCommit, OverloadedError
from gateway.service.ports import FaultyRowError, PartlyFaultyError


class Ledger:
    """Records the batches; fails when told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failure: Exception | None = None

    async def commit(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return [item * 10 for item in items]


@asynccontextmanager
async def running(group: GroupCommit[int, int]) -> AsyncIterator[None]:
    """The group commit's loop, for as long as the context is open."""
    async with asyncio.TaskGroup() as tasks:
        loop = tasks.create_task(group.run())
        yield
        loop.cancel()


async def test_concurrent_items_share_commits_and_get_their_own_outcomes() -> None:
    """The reason of it all: far fewer commits than payments."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=0.001, batch_max=50)

    async with running(group):
        outcomes = await asyncio.gather(*(group.submit(item) for item in range(200)))

    assert outcomes == [item * 10 for item in range(200)]
    assert sum(map(len, ledger.batches)) == 200
    assert len(ledger.batches) <= 10
    assert max(map(len, ledger.batches)) <= 50


async def test_items_with_equal_keys_never_share_a_batch_and_none_is_lost() -> None:
    """An UPDATE from a batch with two rows of one payment would silently apply one of them."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=0.001, batch_max=50, key=lambda item: item % 3)

    async with running(group):
        outcomes = await asyncio.gather(*(group.submit(item) for item in range(30)))

    assert sorted(outcomes) == [item * 10 for item in range(30)]
    assert all(len({item % 3 for item in batch}) == len(batch) for batch in ledger.batches)


async def test_without_a_key_the_same_items_do_share_a_batch() -> None:
    """The control of the test above."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=0.001, batch_max=50)

    async with running(group):
        await asyncio.gather(*(group.submit(item) for item in range(30)))

    assert any(len({item % 3 for item in batch}) < len(batch) for batch in ledger.batches)


async def test_a_failed_commit_fails_its_callers_and_not_the_next_ones() -> None:
    """The world's fault is each caller's to hear; the loop goes on."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=0.001, batch_max=50)

    async with running(group):
        ledger.failure = ConnectionError("gone")
        with pytest.raises(ConnectionError):
            await group.submit(1)
        ledger.failure = None

        assert await group.submit(2) == 20


async def test_a_faulty_row_fails_its_own_caller_alone() -> None:
    """One bad row never spoils the others of its batch."""

    async def commit(items: Sequence[int]) -> Sequence[int]:
        raise PartlyFaultyError([FaultyRowError("bad") if item == 1 else item * 10 for item in items])

    group = GroupCommit(commit, window_s=0.001, batch_max=50)

    async with running(group):
        outcomes = await asyncio.gather(*(group.submit(item) for item in range(3)), return_exceptions=True)

    assert (outcomes[0], outcomes[2]) == (0, 20)
    assert isinstance(outcomes[1], FaultyRowError)


async def test_a_caller_that_goes_away_does_not_take_the_others_with_it() -> None:
    """A client that hangs up is not a reason to lose its neighbours."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=0.001, batch_max=50)

    async with running(group):
        leaving = asyncio.ensure_future(group.submit(1))
        staying = asyncio.ensure_future(group.submit(2))
        await asyncio.sleep(0)
        leaving.cancel()

        assert await staying == 20


async def test_what_waits_at_the_end_is_committed_before_the_loop_ends() -> None:
    """A stopping gateway finishes what it has taken in."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=60, batch_max=50)

    async with running(group):
        waiting = [asyncio.ensure_future(group.submit(item)) for item in range(3)]
        await asyncio.sleep(0)

    assert [await outcome for outcome in waiting] == [0, 10, 20]


async def test_what_was_gathered_when_the_end_comes_is_committed_too() -> None:
    """Cancelled within the window: neither in the queue nor in a commit, and answered all the same."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=60, batch_max=3)

    async with running(group):
        assert await asyncio.gather(*(group.submit(item) for item in range(3))) == [0, 10, 20]
        waiting = [asyncio.ensure_future(group.submit(item)) for item in range(2)]
        for _ in range(5):
            await asyncio.sleep(0)

    assert [await outcome for outcome in waiting] == [0, 10]


async def test_past_its_bound_a_caller_is_told_at_once() -> None:
    """Bounded everything: rather an honest 503 than a late answer."""
    ledger = Ledger()
    group = GroupCommit(ledger.commit, window_s=0.001, batch_max=50)
    waiting = [asyncio.ensure_future(group.submit(item)) for item in range(4_096)]
    await asyncio.sleep(0)

    with pytest.raises(OverloadedError):
        await group.submit(1)

    for outcome in waiting:
        outcome.cancel()
