"""A worker killed (-9) while it sends: the payment ends right, and the rail saw it once at the most."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import asyncpg
import pytest

from gateway.service.timers import WHEN_NOBODY_ELSE_DOES
from iso20022 import CustomerCreditTransfer
from tests.acceptance.conftest import BUSES
from tests.acceptance.crashing_worker import AFTER_SENDING, BEFORE_SENDING
from tests.acceptance.installation import Installation
from tests.acceptance.metrics import lateness_of
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import post, until_final
from tests.conftest import Database

SHORT_PROMISE_S: Final = 3
"""Of an installation in which a payment is to expire while a test waits."""

AWAY_S: Final = 1.0
"""After the deadline, the time in which there is nobody."""


@pytest.mark.parametrize(
    ("crash_at", "state", "copies"), [(BEFORE_SENDING, "REJECTED", 0), (AFTER_SENDING, "SETTLED", 1)]
)
async def test_a_worker_that_dies_between_saving_sending_and_the_answer_never_doubles_or_loses(
    idle_installation: Installation, crash_at: str, state: str, copies: int
) -> None:
    """SENDING was saved, the process is gone: nobody sends again; the rail's answer, or its word if asked, decides."""
    dying = idle_installation.start_worker(crash_at=crash_at)
    payment = transfer()
    await post(idle_installation, message(payment), wait_s=0)

    exit_code = dying.wait_until_ended(10)
    idle_installation.start_worker()
    ended = await until_final(idle_installation, str(payment.uetr))

    assert exit_code == -signal.SIGKILL
    assert ended["state"] == state
    assert len(idle_installation.copies_on_the_wire(payment.message_id)) == copies


@pytest.mark.parametrize("bus", BUSES)
async def test_a_payment_that_nobody_could_send_in_time_is_rejected_by_its_deadline_and_never_sent(
    install: Callable[..., AbstractContextManager[Installation]], bus: str
) -> None:
    """All workers are dead: the gateway says by the deadline that nothing was sent, and the client may pay otherwise.

    The worker that comes back finds its delivery, and sends what came after it alone.
    """
    late = transfer()
    with install(bus, FIFTEEN_PROMISE_S=str(SHORT_PROMISE_S)) as idle:
        killed = idle.start_worker()
        killed.signal(signal.SIGKILL)
        killed.wait_until_ended(10)

        await post(idle, message(late), wait_s=SHORT_PROMISE_S)
        ended = await until_final(idle, str(late.uetr))
        lateness = lateness_of(idle.gateway_url)
        idle.start_worker()
        await one_settles(idle)
        copies = idle.copies_on_the_wire(late.message_id)

    assert (ended["state"], ended["reason"]["code"]) == ("REJECTED", "AB11")
    assert lateness.count == 1
    assert WHEN_NOBODY_ELSE_DOES.late_by_s <= lateness.seconds < AWAY_S
    assert copies == []


async def one_settles(installation: Installation) -> None:
    """Submit payments until one settles: the worker has taken up what was there before."""
    async with asyncio.timeout(30):
        while True:
            payment = transfer()
            await post(installation, message(payment), wait_s=SHORT_PROMISE_S)
            if (await until_final(installation, str(payment.uetr)))["state"] == "SETTLED":
                return


async def test_control_without_a_gateway_too_it_stays_accepted_and_how_late_it_is_decided_is_measured(
    install: Callable[..., AbstractContextManager[Installation]], database: Database
) -> None:
    """Nobody decides; the gateway that comes back does at once, and says how late that was."""
    payment = transfer()
    with install("embedded", FIFTEEN_PROMISE_S=str(SHORT_PROMISE_S)) as idle:
        await post(idle, message(payment), wait_s=0)
        idle.gateway.signal(signal.SIGKILL)
        idle.gateway.wait_until_ended(10)
        await asyncio.sleep(SHORT_PROMISE_S + AWAY_S)
        nobody = await state_of(database, payment)

        idle.restart_gateway()
        ended = await until_final(idle, str(payment.uetr))
        lateness = lateness_of(idle.gateway_url)

    assert nobody == "RECEIVED"
    assert (ended["state"], ended["reason"]["code"]) == ("REJECTED", "AB11")
    assert lateness.count == 1
    assert lateness.seconds >= AWAY_S


async def state_of(database: Database, payment: CustomerCreditTransfer) -> str:
    """The state of a payment, as the database has it."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        query = "SELECT state FROM payment_state JOIN payment USING (payment_id) WHERE message_id = $1"
        return str(await connection.fetchval(query, payment.message_id))
    finally:
        await connection.close()
