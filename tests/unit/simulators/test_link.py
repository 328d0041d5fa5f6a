"""The link between two places: what a cut loses, which way, and what comes once it is mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest
from aiohttp.test_utils import TestClient, TestServer

from adapters.child_process import free_loopback_port
from simulators.link import RESENT_AFTER_S, Chance, Link, Way, link_application, run_link

EAST_TO_WEST: Final = "east>west"
WEST_TO_EAST: Final = "west>east"
LOST_AFTER_S: Final = 0.1
"""What has not come by then on this machine was lost."""


class Echo:
    """A server at the west that answers each line with itself, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.arrived = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the other side ends."""
        while line := await reader.readline():
            self.asked.append(line)
            self.arrived.set()
            writer.write(line)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def linked(link: Link, echo: Echo) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection from the east through the link to the echo."""
    way = link.ways[0]
    carried: list[asyncio.Task[None]] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried.append(asyncio.current_task())  # type: ignore[arg-type]
        with suppress(asyncio.CancelledError):
            await link.carry(reader, writer, way=way)

    async with (
        await asyncio.start_server(echo.serve, "127.0.0.1", way.target),
        await asyncio.start_server(carry, "127.0.0.1", way.listening),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", way.listening)
        try:
            yield reader, writer
        finally:
            writer.close()
            for task in carried:
                task.cancel()
            if carried:
                await asyncio.wait(carried)


def a_link() -> Link:
    """A link with one way, from the east to the west."""
    return Link([Way("east", "west", free_loopback_port(), free_loopback_port())], Chance(7))


async def is_lost(reader: asyncio.StreamReader) -> bool:
    """Whether no answer comes."""
    try:
        async with asyncio.timeout(LOST_AFTER_S):
            await reader.readline()
    except TimeoutError:
        return True
    return False


async def test_a_link_that_is_whole_carries_both_ways() -> None:
    """The control of those below."""
    link, echo = a_link(), Echo()
    async with linked(link, echo) as (reader, writer):
        writer.write(b"one\n")

        assert await reader.readline() == b"one\n"


async def test_a_cut_link_carries_nothing_and_a_mended_one_all_that_was_held_up() -> None:
    """As packets that are sent again until they arrive."""
    link, echo = a_link(), Echo()
    link.set(delay_s=0.0, is_cut=True)
    async with linked(link, echo) as (reader, writer):
        writer.write(b"one\n")
        assert await is_lost(reader)
        assert echo.asked == []
        link.set(delay_s=0.0, is_cut=False)

        assert await reader.readline() == b"one\n"


async def test_what_is_cut_one_way_is_asked_and_done_and_its_answer_does_not_come() -> None:
    """The cruel half of a cut: who asked cannot know that it was done."""
    link, echo = a_link(), Echo()
    link.set(delay_s=0.0, is_cut=True, only=[WEST_TO_EAST])
    async with linked(link, echo) as (reader, writer):
        writer.write(b"one\n")
        assert await is_lost(reader)
        assert echo.asked == [b"one\n"]
        link.set(delay_s=0.0, is_cut=False)

        assert await reader.readline() == b"one\n"


async def test_what_is_cut_the_other_way_never_arrives() -> None:
    """A connection from before the cut, over which nothing goes there any more."""
    link, echo = a_link(), Echo()
    async with linked(link, echo) as (reader, writer):
        writer.write(b"one\n")
        await reader.readline()
        link.set(delay_s=0.0, is_cut=True, only=[EAST_TO_WEST])
        writer.write(b"two\n")

        assert await is_lost(reader)
        assert echo.asked == [b"one\n"]


def test_a_direction_in_which_nothing_goes_is_refused() -> None:
    """A slip of the pen would cut nothing, and a drill show nothing."""
    with pytest.raises(ValueError, match="no north>south: there are east>west, west>east"):
        a_link().set(delay_s=0.0, is_cut=True, only=["north>south"])


@pytest.mark.parametrize("loss_percent", [-1.0, 100.0])
def test_a_loss_of_all_is_refused(loss_percent: float) -> None:
    """Nothing would ever come: that is a cut."""
    with pytest.raises(ValueError, match="from 0 to below 100"):
        a_link().set(delay_s=0.0, is_cut=False, loss_percent=loss_percent)


async def test_a_piece_that_is_lost_comes_when_it_has_been_sent_again_and_what_is_behind_it_waits() -> None:
    """In a stream of bytes loss is a pause, and never another order."""
    link, echo = a_link(), Echo()
    link.set(delay_s=0.0, is_cut=False, loss_percent=60.0)
    loop = asyncio.get_running_loop()
    async with linked(link, echo) as (reader, writer):
        started_s = loop.time()
        for line in (b"one\n", b"two\n", b"three\n"):
            writer.write(line)
            assert await reader.readline() == line

    assert loop.time() - started_s >= RESENT_AFTER_S


def test_what_is_lost_is_a_function_of_the_seed() -> None:
    """As often as was asked, and the same again with the same seed."""
    one, again, other = Chance(1), Chance(1), Chance(2)
    drawn = [one.comes_true(20.0) for _ in range(1_000)]

    assert drawn == [again.comes_true(20.0) for _ in range(1_000)]
    assert drawn != [other.comes_true(20.0) for _ in range(1_000)]
    assert 150 < sum(drawn) < 250


@pytest.mark.parametrize("text", ["8031:8000", "east:west:8031", "east:west:8031:here"])
def test_a_way_that_is_none_is_refused(text: str) -> None:
    """Two places and two ports."""
    with pytest.raises(ValueError, match=r"unpack|int\(\)"):
        Way.read(text)


async def test_the_link_is_told_over_http_and_says_what_it_does_not_know() -> None:
    """What a person types."""
    link = a_link()
    async with TestClient(TestServer(link_application(link))) as client:
        taken = await client.put("/link", json={"delay_ms": 5, "is_cut": True, "only": [EAST_TO_WEST]})
        refused = await client.put("/link", json={"delay_ms": 5, "is_cut": True, "only": ["north>south"]})

        assert (taken.status, link.delay_s, link.cut) == (200, 0.005, frozenset({EAST_TO_WEST}))
        assert refused.status == 400
        assert "no north>south" in await refused.text()


async def test_a_link_that_runs_listens_on_all_its_ways() -> None:
    """Until it is cancelled."""
    link, port = a_link(), free_loopback_port()
    running = asyncio.ensure_future(run_link(link.ways, port=port, delay_s=0.0))
    try:
        async with asyncio.timeout(5):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", link.ways[0].listening)
                    break
                await asyncio.sleep(0)
        writer.close()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
