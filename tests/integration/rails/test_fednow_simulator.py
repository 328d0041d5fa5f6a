"""The simulator as a process on a socket: journal, restart, kill, control side, faults on demand."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.rails.http import HttpRailLink
from gateway.service.ports import MessageClass, UnavailableError
from iso20022 import Direction, FedNowProfile, MessageId, PaymentStatusReport, examine
from simulators.clock import SystemClock
from simulators.fednow import FedNowSimulatorSettings, serving
from tests.unit.simulators.world import RECEIVER, SENDER, transfer_bytes

WAIT_S = 5.0


def payment(number: int, account: str = "SIMSETTLE") -> tuple[MessageId, bytes]:
    """A payment that is sent now."""
    now = SystemClock().now()
    message_id = MessageId(f"{now:%Y%m%d}{SENDER.connection_party}SOCKET{number:06d}")
    return message_id, transfer_bytes(now, message_id, account=account)


async def send(link: HttpRailLink, body: bytes) -> None:
    """Send a message of value."""
    await link.send(body, message_class=MessageClass.VALUE)


async def statuses(link: HttpRailLink, *, wait_s: float = WAIT_S) -> list[tuple[str, str]]:
    """Fetch and acknowledge: the original's message id and its status."""
    deliveries = await link.receive(messages_max=100, wait_s=wait_s)
    await link.acknowledge([delivery.receipt for delivery in deliveries])
    messages = [
        examine(delivery.body, profile=FedNowProfile(), direction=Direction.FROM_RAIL).message
        for delivery in deliveries
    ]
    return [(m.original_message_id, m.status) for m in messages if isinstance(m, PaymentStatusReport)]


@asynccontextmanager
async def linked(base_url: str) -> AsyncIterator[HttpRailLink]:
    """A link of the first sender."""
    async with HttpRailLink(base_url, connection_party=SENDER.connection_party) as link:
        yield link


async def ask_json(url: str, *, content: object = None, status: int = 200) -> Any:
    """GET, or POST with `content`; the answer's JSON where there is one."""
    async with aiohttp.ClientSession() as session:
        method = "GET" if content is None else "POST"
        async with session.request(method, url, json=content) as response:
            assert response.status == status, await response.text()
            return await response.json() if response.content_type == "application/json" else None


async def test_a_payment_settles_end_to_end() -> None:
    """A pacs.008 goes in, its pacs.002 ACSC comes out."""
    message_id, body = payment(1)

    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        await send(link, body)
        told = await statuses(link)

    assert told == [(message_id, "ACSC")]


async def test_the_control_side_counts_every_copy_on_the_wire() -> None:
    """A hundred copies of one message are a hundred on the wire, one of them booked, and money moves once."""
    message_id, body = payment(1)

    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        for _ in range(100):
            await send(link, body)
        by_id = await ask_json(f"{base_url}/simulator/v1/messages?message_id={message_id}")
        by_uetr = await ask_json(f"{base_url}/simulator/v1/messages?uetr={by_id[0]['uetr']}")
        latest = await ask_json(f"{base_url}/simulator/v1/messages")
        ledger = await ask_json(f"{base_url}/simulator/v1/ledger")
        summary = await ask_json(f"{base_url}/simulator/v1/summary")

    assert by_id == by_uetr == latest
    assert [copy["verdict"] for copy in by_id] == ["accepted"] + ["duplicate"] * 99
    assert len({copy["digest"] for copy in by_id}) == 1
    assert by_id[0]["payment"]["status"] == "ACSC"
    assert ledger["positions"] == {SENDER.routing_number: -5174, RECEIVER.routing_number: 5174}
    assert (len(ledger["entries"]), ledger["sum_cents"]) == (2, 0)
    assert summary["verdicts"] == {"accepted": 1, "duplicate": 99}
    assert (summary["copies"], summary["settlements"], summary["payments"]) == (100, 1, {"ACSC": 1})


async def test_a_restarted_simulator_remembers(tmp_path: Path) -> None:
    """What was settled stays settled, and what waited still waits; the journal is a file."""
    settings = FedNowSimulatorSettings(journal=tmp_path / "journal")
    message_id, body = payment(1)

    async with serving(settings) as base_url, linked(base_url) as link:
        await send(link, body)
    async with serving(settings) as base_url, linked(base_url) as link:
        told = await statuses(link)
        await send(link, body)
        ledger = await ask_json(f"{base_url}/simulator/v1/ledger")

    assert told == [(message_id, "ACSC")]
    assert len(ledger["entries"]) == 2


SIMULATOR_PROGRAM = """
import asyncio, sys
from pathlib import Path
from simulators.fednow import FedNowSimulatorSettings, run
settings = FedNowSimulatorSettings(journal=Path(sys.argv[1]))
asyncio.run(run(settings, on_ready=lambda url: print(url, flush=True)))
"""


@asynccontextmanager
async def simulator_process(journal: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The simulator as a process of its own, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SIMULATOR_PROGRAM, str(journal), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_simulator_has_kept_whatever_it_acknowledged(tmp_path: Path) -> None:
    """kill -9 right after the last acknowledgement: every payment is settled once, every answer comes."""
    journal = tmp_path / "journal"
    sent = [payment(number) for number in range(50)]

    async with simulator_process(journal) as (process, base_url), linked(base_url) as link:
        for _, body in sent:
            await send(link, body)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with simulator_process(journal) as (_, base_url), linked(base_url) as link:
        told = await statuses(link)
        ledger = await ask_json(f"{base_url}/simulator/v1/ledger")

    assert told == [(message_id, "ACSC") for message_id, _ in sent]
    assert (len(ledger["entries"]), ledger["sum_cents"]) == (100, 0)


async def test_the_simulator_ends_at_once_although_polls_are_open() -> None:
    """A poll that waits does not hold up the shutdown."""
    async with asyncio.timeout(WAIT_S):
        async with asyncio.TaskGroup() as group:
            async with serving(FedNowSimulatorSettings()) as base_url:
                link = HttpRailLink(base_url, connection_party=SENDER.connection_party)
                poll = group.create_task(link.receive(messages_max=1, wait_s=50))
                await asyncio.sleep(0.05)
            assert list(await poll) == []
            await link.close()


async def test_dropped_answers_are_lost_and_the_next_ones_are_not() -> None:
    """A test can lose an answer whatever the account says."""
    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        await ask_json(f"{base_url}/simulator/v1/faults", content={"drop_answers": 1})
        lost, body = payment(1)
        await send(link, body)
        kept, body = payment(2)
        await send(link, body)
        told = await statuses(link)
        copies = await ask_json(f"{base_url}/simulator/v1/messages?message_id={lost}")

    assert told == [(kept, "ACSC")]
    assert copies[0]["payment"]["status"] == "ACSC"


async def test_delayed_answers_come_later() -> None:
    """A slow network, whatever the account says."""
    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        await ask_json(f"{base_url}/simulator/v1/faults", content={"delay_answers_s": 0.2})
        message_id, body = payment(1)
        await send(link, body)
        early = await statuses(link, wait_s=0.05)
        late = await statuses(link)

    assert (early, late) == ([], [(message_id, "ACSC")])


async def test_refused_connections_are_refused_until_they_are_not() -> None:
    """The participants' side answers 503, health included; the control side goes on answering."""
    async with serving(FedNowSimulatorSettings()) as base_url, linked(base_url) as link:
        faults = f"{base_url}/simulator/v1/faults"
        _, body = payment(1)
        on = await ask_json(faults, content={"refuse_connections": True})
        with pytest.raises(UnavailableError, match="503"):
            await send(link, body)
        with pytest.raises(UnavailableError, match="503"):
            await link.check()
        off = await ask_json(faults, content={})
        await send(link, body)
        summary = await ask_json(f"{base_url}/simulator/v1/summary")

    assert (on["refuse_connections"], off["refuse_connections"]) == (True, False)
    assert summary["copies"] == 1


@pytest.mark.parametrize(
    "content",
    [
        [],
        "all",
        {"drop": 1},
        {"drop_answers": -1},
        {"drop_receipts": 1},
        {"drop_answers": True},
        {"drop_answers": "1"},
        {"delay_answers_s": -0.1},
        {"delay_answers_s": "1"},
        {"delay_answers_s": 1e9},
        {"refuse_connections": 1},
        {"messages": []},
        {"messages": {"camt.029": 1}},
        {"messages": {"camt": {}}},
        {"messages": {"camt.029": {"lost": 1}}},
        {"messages": {"camt.029": {"next": 0}}},
        {"messages": {"camt.029": {"copies": -1}}},
        {"messages": {"camt.029": {"delay_s": -1}}},
        {"messages": {"camt.029": {"unreadable": 1}}},
        {"refuse": ["camt.060"]},
        {"refuse": {"camt.060": 1}},
        {"refuse": {"camt": "E301"}},
    ],
    ids=json.dumps,
)
async def test_faults_that_do_not_exist_are_refused(content: object) -> None:
    """A misspelt fault must not leave a test without any."""
    async with serving(FedNowSimulatorSettings()) as base_url:
        await ask_json(f"{base_url}/simulator/v1/faults", content=content, status=400)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Rail-Connection-Party": "990000107"}, 400),
        ({"Rail-Message-Class": "value"}, 400),
        ({"Rail-Connection-Party": "990000107", "Rail-Message-Class": "gold"}, 400),
        ({"Rail-Connection-Party": "123456789", "Rail-Message-Class": "value"}, 403),
        ({"Rail-Connection-Party": "990000107", "Rail-Message-Class": "value"}, 202),
    ],
)
async def test_the_transport_wants_to_know_who_sends_and_on_which_queue(headers: dict[str, str], status: int) -> None:
    """What is wrong with the transport is said by it; what is wrong with the message, by a message."""
    async with (
        serving(FedNowSimulatorSettings()) as base_url,
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{base_url}/rail/v1/messages", data=b"garbage") as response,
    ):
        assert response.status == status


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ([{"message_class": "value", "body": "garbage"}, {"message_class": "inquiry", "body_base64": "/w=="}], 202),
        ([{"message_class": "value", "body": "garbage"}, {"message_class": "gold", "body": "garbage"}], 400),
        ([{"message_class": "value", "body": "garbage"}, {"message_class": "value", "body_base64": "?"}], 400),
        ([{"message_class": "value", "body": "garbage"}, "garbage"], 400),
        ([], 400),
        ({"message_class": "value", "body": "garbage"}, 400),
    ],
)
async def test_several_messages_are_taken_all_or_none(content: object, status: int) -> None:
    """Whoever sent them together learns one fate for all."""
    headers = {"Rail-Connection-Party": "990000107"}
    async with (
        serving(FedNowSimulatorSettings()) as base_url,
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{base_url}/rail/v1/messages", json=content) as response,
    ):
        summary = await ask_json(f"{base_url}/simulator/v1/summary")

    assert response.status == status
    assert summary["copies"] == (2 if status == 202 else 0)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("connection_party=123456789", 403),
        ("connection_party=990000107&max=0", 400),
        ("connection_party=990000107&max=x", 400),
        ("connection_party=990000107&wait=x", 400),
        ("connection_party=990000107&wait=nan", 400),
        ("connection_party=990000107&wait=-1", 200),
        ("connection_party=990000107", 200),
    ],
)
async def test_a_poll_states_its_party_and_its_limits(query: str, status: int) -> None:
    """A wrong poll is refused at once rather than held open."""
    async with serving(FedNowSimulatorSettings()) as base_url:
        await ask_json(f"{base_url}/rail/v1/messages?{query}", status=status)


@pytest.mark.parametrize(
    "content", [{}, [], {"receipts": []}, {"connection_party": "990000107", "receipts": [1]}], ids=json.dumps
)
async def test_an_acknowledgement_names_the_party_and_the_receipts(content: object) -> None:
    """What is not understood acknowledges nothing."""
    async with serving(FedNowSimulatorSettings()) as base_url:
        await ask_json(f"{base_url}/rail/v1/acknowledgements", content=content, status=400)
