"""SIGTERM under load: what was taken is answered or handed back, and nothing is lost or sent twice."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from iso20022 import CustomerCreditTransfer
from tests.acceptance.installation import HEADERS, Installation
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import count, until_final
from tests.conftest import Database
from tests.servers.rabbitmq import RabbitMqNode

PAYMENTS: Final = 60
APART_S: Final = 0.03
"""Between two submissions: some are answered, some under way and some not yet sent when the signal comes."""

SLOW: Final = "SIMSLOW1"
"""The creditor's institution takes a second: a whole second's submissions wait for their end at any moment."""

STOPPED_WITHIN_S: Final = 30.0
PATIENT: Final = {"FIFTEEN_PROMISE_S": "120", "FIFTEEN_ADMISSION_WAIT_MAX_S": "60"}
"""No payment expires, and the gate stays open, while a test starts a role again: nothing here is about deadlines."""

Install = Callable[..., AbstractContextManager[Installation]]


@dataclass(frozen=True, slots=True)
class Submission:
    """A payment that was submitted, with the whole answer: None where the connection ended without one."""

    payment: CustomerCreditTransfer
    answer: tuple[int, dict[str, Any]] | None


async def submit(installation: Installation, *, wait_s: int) -> Submission:
    """Submit one on a connection of its own."""
    payment = transfer(creditor_account=SLOW)
    headers = {**HEADERS, "Accept": "application/json", "Prefer": f"wait={wait_s}"}
    url = f"{installation.gateway_url}/v1/messages"
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=message(payment), headers=headers) as response,
        ):
            return Submission(payment, (response.status, json.loads(await response.read())))
    except aiohttp.ClientError:
        return Submission(payment, None)


async def loaded(installation: Installation, midway: Callable[[], None], *, wait_s: int) -> list[Submission]:
    """Submit all, and do something when half are on their way."""
    async with asyncio.TaskGroup() as group:
        submitting = []
        for number in range(PAYMENTS):
            if number == PAYMENTS // 2:
                midway()
            submitting.append(group.create_task(submit(installation, wait_s=wait_s)))
            await asyncio.sleep(APART_S)
    return [task.result() for task in submitting]


async def is_known(installation: Installation, submission: Submission) -> bool:
    """Whether the gateway has accepted a payment."""
    url = f"{installation.gateway_url}/v1/payments/{submission.payment.uetr}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=HEADERS) as response:
        return response.status == 200


async def stopped_gateway(
    installation: Installation, number: signal.Signals
) -> tuple[int, list[Submission], list[Submission]]:
    """End the gateway by a signal under load, and start it again; return how, the answered, and the accepted others."""
    submissions = await loaded(installation, lambda: installation.gateway.signal(number), wait_s=15)
    code = await asyncio.to_thread(installation.gateway.wait_until_ended, STOPPED_WITHIN_S)
    await asyncio.to_thread(installation.restart_gateway)
    answered = [each for each in submissions if each.answer is not None]
    silent = [each for each in submissions if each.answer is None]
    return code, answered, [each for each in silent if await is_known(installation, each)]


async def ends(installation: Installation, submissions: list[Submission]) -> tuple[set[str], set[int]]:
    """The states in which these have ended, and how many copies of each reached the rail."""
    states = {(await until_final(installation, str(each.payment.uetr)))["state"] for each in submissions}
    return states, {len(installation.copies_on_the_wire(each.payment.message_id)) for each in submissions}


async def test_a_gateway_that_is_told_to_stop_answers_whatever_it_has_accepted(install: Install) -> None:
    """Intake stops; every client that waits hears the end of its payment, and what is turned away leaves nothing."""
    with install("rabbitmq", **PATIENT) as installation:
        installation.start_worker()

        code, answered, unanswered = await stopped_gateway(installation, signal.SIGTERM)
        states, copies = await ends(installation, answered)

    assert code == 0
    assert unanswered == [], "accepted, and its client was told nothing"
    assert 0 < len(answered) < PAYMENTS, "some came before the signal, and some after intake had stopped"
    assert {(each.answer[0], each.answer[1]["state"]) for each in answered if each.answer} == {(200, "SETTLED")}
    assert (states, copies) == ({"SETTLED"}, {1})


async def test_control_a_gateway_that_is_killed_leaves_accepted_payments_unanswered_and_loses_none(
    install: Install,
) -> None:
    """What the test above would find: without a drain clients are told nothing of what was accepted."""
    with install("rabbitmq", **PATIENT) as installation:
        installation.start_worker()

        code, answered, unanswered = await stopped_gateway(installation, signal.SIGKILL)
        states, copies = await ends(installation, [*answered, *unanswered])

    assert code == -signal.SIGKILL
    assert unanswered != []
    assert (states, copies) == ({"SETTLED"}, {1})


async def test_a_worker_that_is_told_to_stop_finishes_or_hands_back_what_it_has(
    install: Install, rabbitmq_node: RabbitMqNode, database: Database
) -> None:
    """Nothing stays in its hands; whoever comes next brings each payment to its end, and none is sent twice."""
    with install("rabbitmq", **PATIENT) as installation:
        worker = installation.start_worker()

        submissions = await loaded(installation, lambda: worker.signal(signal.SIGTERM), wait_s=0)
        code = await asyncio.to_thread(worker.wait_until_ended, STOPPED_WITHIN_S)
        held = await asyncio.to_thread(in_somebodys_hands, rabbitmq_node)
        on_their_way = [each for each in submissions if each.answer is not None and each.answer[0] == 202]
        await asyncio.to_thread(installation.start_worker)
        states, copies = await ends(installation, on_their_way)

    assert code == 0
    assert held == 0
    assert len(on_their_way) == PAYMENTS, "the gateway goes on while a worker is exchanged"
    assert (states, copies) == ({"SETTLED"}, {1})
    assert await count(database, "dead_letter") == 0


async def test_control_a_worker_that_hands_nothing_back_holds_deliveries(
    install: Install, rabbitmq_node: RabbitMqNode
) -> None:
    """What the test above would find: a worker that is frozen in the place of its end."""
    with install("rabbitmq", **PATIENT) as installation:
        worker = installation.start_worker()
        await loaded(installation, lambda: worker.signal(signal.SIGSTOP), wait_s=0)

        held = await asyncio.to_thread(in_somebodys_hands, rabbitmq_node)
        worker.signal(signal.SIGKILL)

    assert held > 0


def in_somebodys_hands(node: RabbitMqNode) -> int:
    """How many deliveries are handed out, and neither settled nor given back.

    Asked of the channels: what a quorum queue says of itself is as of its last tick, up to five seconds ago.
    """
    listed = node.control("list_channels", "--quiet", "--no-table-headers", "messages_unacknowledged")
    return sum(int(line) for line in listed.split())
