"""The benchmark's own parts: its messages, its HTTP, its accounting, and when it calls a bar held."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest
from rich.console import Console

from adapters.child_process import free_loopback_port
from gateway.cli.bench.accounting import costs_of
from gateway.cli.bench.command import bars, figures_table
from gateway.cli.bench.incoming import IncomingFigures
from gateway.cli.bench.load import Load as GeneratedLoad
from gateway.cli.bench.load import LoadOrder, Observations, open_loop_instants
from gateway.cli.bench.measure import Figures, percentile
from gateway.cli.traffic import MESSAGE_BYTES, Messages
from gateway.cli.wire import Answered, BrokenOffError, Connections, get, post
from iso20022 import CustomerCreditTransfer, FedNowProfile, examine
from tests.proofs.overload import refuses_quickly

NOON: Final = datetime(2026, 11, 20, 17, tzinfo=UTC)


def test_every_message_is_valid_and_distinct_in_each_of_its_ids() -> None:
    """What is measured is what a gateway does with good payments."""
    messages = Messages(created=NOON)
    reports = [examine(messages.body(number), profile=FedNowProfile()) for number in (1, 999_999_999_999)]

    transfers = [report.message for report in reports]

    assert all(report.valid for report in reports)
    assert all(isinstance(transfer, CustomerCreditTransfer) for transfer in transfers)
    for name in ("message_id", "end_to_end_id", "uetr"):
        assert len({getattr(transfer, name) for transfer in transfers}) == 2
    assert getattr(transfers[0], "message_id", None) == messages.message_id(1)
    assert abs(len(messages.body(1)) - MESSAGE_BYTES) < 200


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[Connections]:
    """Connections to a server that gives these answers, each in two pieces, and then breaks off."""
    left, ended = list(answers), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left and await reader.readline():
            while (await reader.readline()).strip():
                pass
            answer = left.pop(0)
            for piece in (answer[:20], answer[20:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        connections = Connections(server.sockets[0].getsockname()[1])
        yield connections
        connections.close()
        await ended.wait()


async def test_an_answer_that_comes_in_pieces_is_read_whole_and_the_connection_kept() -> None:
    """Two answers over one connection, bodies of their stated length."""
    answers = (
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nfirst",
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond",
    )

    async with serving(*answers) as connections:
        first = await connections.ask(get("/v1/payments/1", api_key="key"))
        second = await connections.ask(get("/v1/payments/2", api_key="key"))

    assert (first, second) == (Answered(202, b"first"), Answered(200, b"second"))


async def test_how_long_an_answer_asks_to_be_left_alone_is_read() -> None:
    """Retry-After, in seconds."""
    answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"

    async with serving(answer) as connections:
        assert await connections.ask(get("/", api_key="key")) == Answered(503, b"no", retry_after_s=7)


@pytest.mark.parametrize(
    ("status", "asks_once"),
    [(b"503 Service Unavailable", True), (b"429 Too Many Requests", True), (b"202 Accepted", False)],
)
async def test_a_client_that_is_refused_comes_again_no_sooner_than_it_was_told(
    status: bytes, *, asks_once: bool
) -> None:
    """The peak is what goes through where clients do as they are asked; one that is accepted goes on at once."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (head := await reader.readline()) and head.startswith(b"POST"):
            length = 0
            while line := (await reader.readline()).strip():
                name, _, value = line.lower().partition(b":")
                length = int(value) if name == b"content-length" else length
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 " + status + b"\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        seen = await GeneratedLoad(LoadOrder(ports=(port,), rate=0, seconds=0.2, clients=1, first=1)).run()
        await ended.wait()

    assert (seen.sent == 1) is asks_once


async def test_an_answer_that_breaks_off_is_no_answer() -> None:
    """Whoever drills must know what was answered and what was not."""
    async with serving(b"HTTP/1.1 202 Accepted\r\nContent-Length: 50\r\n\r\nnot whole") as connections:
        with pytest.raises(BrokenOffError):
            await connections.ask(get("/", api_key="key"))


async def test_where_nobody_listens_nothing_was_sent() -> None:
    """A gateway that is being started again."""
    with pytest.raises(BrokenOffError):
        await Connections(free_loopback_port()).ask(get("/", api_key="key"))


def test_a_request_names_its_length_its_key_and_how_long_it_waits() -> None:
    """The bytes on the wire."""
    request = post("/v1/payments", b"{}", content_type="application/json", api_key="K", wait_s=15, key="mine")

    head, _, body = request.partition(b"\r\n\r\n")

    assert body == b"{}"
    for line in (b"Content-Length: 2", b"Idempotency-Key: mine", b"Prefer: wait=15", b"Authorization: Bearer K"):
        assert line in head.split(b"\r\n")


def test_the_instants_of_an_open_loop_do_not_depend_on_any_answer() -> None:
    """Coordinated omission is left out: a payment's latency counts from the instant at which it was meant to leave."""
    order = LoadOrder(ports=(1,), rate=4.0, seconds=1.5, clients=1, first=10)

    assert list(open_loop_instants(order, started_s=100.0)) == [
        (10, 100.0),
        (11, 100.25),
        (12, 100.5),
        (13, 100.75),
        (14, 101.0),
        (15, 101.25),
    ]


def test_the_cost_of_a_process_grows_with_what_it_computes() -> None:
    """CPU and memory of this very process, as the kernel counts them."""
    before = costs_of({"this": os.getpid()})["this"]
    sum(number * number for number in range(3_000_000))

    after = costs_of({"this": os.getpid(), "gone": 2**22 + 1})

    assert after["this"].cpu_s > before.cpu_s
    assert 5 < after["this"].memory_mib < 10_000
    assert after["gone"].cpu_s == 0


def test_a_percentile_is_a_value_that_was_measured() -> None:
    """None where nothing was."""
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


GOOD: Final = Figures(
    rate=300.0,
    accepted=100,
    settled=100,
    p50_ms=10.0,
    p95_ms=20.0,
    p99_ms=49.0,
    max_ms=60.0,
    ack_p50_ms=5.0,
    ack_p99_ms=24.0,
    refusal_p99_ms=None,
    told_p50_ms=20.0,
    told_p99_ms=40.0,
    throughput=299.0,
    cpu_us_per_payment={"gateway": 2_500},
    cpu_us_per_payment_total=2_500,
    client_cpu_us_per_payment=200,
    rss_mib={"gateway": 50.0},
    generator_late_ms=1.0,
    faults={},
)


def test_a_refusal_is_timed_and_never_counts_as_an_acknowledgement_nor_another_fault_as_a_refusal() -> None:
    """How quickly a gateway says no is told apart from what it accepts, and from faults."""
    seen = Observations()
    for took_ms, status in ((10.0, 202), (400.0, 503), (200.0, 429), (9_000.0, 500), (20.0, 202)):
        seen.answered(Answered(status, b""), took_ms=took_ms, is_sample=False)
    seen.failed("BrokenOffError")

    assert (seen.accepted, seen.acknowledged_ms, seen.refused_ms) == (2, [10.0, 20.0], [400.0, 200.0])
    assert seen.faults == {"503": 1, "429": 1, "500": 1, "BrokenOffError": 1}


def test_refusals_have_a_bar_of_their_own_and_an_overload_that_refuses_nothing_shows_nothing() -> None:
    """The proof of three times the capacity fails where a refusal takes its time."""
    verdicts = {p99_ms: refuses_quickly(replace(GOOD, refusal_p99_ms=p99_ms)) for p99_ms in (250.0, 250.1, None)}

    assert verdicts == {250.0: True, 250.1: False, None: False}


def test_a_figure_that_there_is_none_of_is_shown_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was refused, nobody waited: the table is shown all the same."""
    Console(width=120).print(figures_table(replace(GOOD, told_p50_ms=None)))

    lines = [line for line in capsys.readouterr().out.splitlines() if "refusal_p99_ms" in line or "told_p50_ms" in line]
    assert len(lines) == 2
    assert all("none" in line for line in lines)


def test_the_bars_hold_where_they_are_met_and_each_fails_alone() -> None:
    """At a rate the times count, at the peak the throughput; a lost payment always does. The cost is a goal, no bar.

    At the peak more is asked than goes through, and a gateway may say so.
    """
    faulty = (
        replace(GOOD, settled=99),
        replace(GOOD, faults={"503": 1}),
        replace(GOOD, p99_ms=50.0),
        replace(GOOD, ack_p99_ms=25.0),
        replace(GOOD, rate=0.0, throughput=599.9),
        replace(GOOD, rate=0.0, throughput=600.0, faults={"503": 1, "500": 1}),
    )

    assert all(bars(GOOD).values())
    assert all(bars(replace(GOOD, cpu_us_per_payment_total=5_000)).values())
    assert all(bars(replace(GOOD, rate=0.0, throughput=600.0, faults={"503": 9, "429": 1})).values())
    assert [list(bars(figures).values()).count(False) for figures in faulty] == [1] * len(faulty)


def test_receiving_is_good_when_all_are_posted_none_is_late_and_the_times_are_short() -> None:
    """Each bar alone can fail."""
    good = IncomingFigures(
        rate=200.0,
        forwarded=10,
        received=10,
        posted=10,
        late=0,
        own_share_p50_ms=9.0,
        own_share_p95_ms=18.0,
        own_share_p99_ms=49.9,
        institution_p50_ms=1.0,
        institution_p99_ms=20.0,
        answer_p50_ms=10.0,
        answer_p95_ms=20.0,
        answer_p99_ms=69.9,
        answer_max_ms=60.0,
        fetched_p99_ms=5.0,
        posted_p50_ms=30.0,
        posted_p99_ms=499.9,
        throughput=200.0,
        cpu_us_per_payment={},
    )

    assert all(good.bars().values())
    for worse in ({"posted": 9}, {"late": 1}, {"own_share_p99_ms": 50.0}, {"posted_p99_ms": 500.0}):
        assert list(replace(good, **worse).bars().values()).count(False) == 1
