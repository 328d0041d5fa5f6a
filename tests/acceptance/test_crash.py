"""A worker killed (-9) while it sends: the payment ends right, and the rail saw it once at the most."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import pytest

from tests.acceptance.conftest import BUSES
from tests.acceptance.crashing_worker import AFTER_SENDING, BEFORE_SENDING, PATIENT, UNSAVED
from tests.acceptance.installation import Installation
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import post, until_final

SHORT_PROMISE_S: Final = 3
"""Of an installation in which a payment is to expire while a test waits."""


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


async def test_control_a_worker_that_sends_before_it_saves_doubles(
    install: Callable[..., AbstractContextManager[Installation]],
) -> None:
    """What the test above would find: nobody knows that it has left, and the next worker sends it again."""
    payment = transfer()
    with install("rabbitmq") as idle:
        dying = idle.start_worker(crash_at=UNSAVED)
        await post(idle, message(payment), wait_s=0)

        exit_code = dying.wait_until_ended(10)
        idle.start_worker()
        async with asyncio.timeout(10):
            while len(idle.copies_on_the_wire(payment.message_id)) < 2:
                await asyncio.sleep(0.1)

    assert exit_code == -signal.SIGKILL


@pytest.mark.parametrize("bus", BUSES)
async def test_a_payment_that_nobody_could_send_in_time_is_rejected_and_never_sent(
    install: Callable[..., AbstractContextManager[Installation]], bus: str
) -> None:
    """Before the bytes leave, an expired payment is rejected: the client may pay in another way."""
    payment = transfer()
    with install(bus, FIFTEEN_PROMISE_S=str(SHORT_PROMISE_S)) as idle:
        await post(idle, message(payment), wait_s=SHORT_PROMISE_S)

        idle.start_worker()
        ended = await until_final(idle, str(payment.uetr))
        copies = idle.copies_on_the_wire(payment.message_id)

    assert (ended["state"], ended["reason"]["code"]) == ("REJECTED", "AB11")
    assert copies == []


async def test_control_a_worker_that_is_never_late_sends_what_has_expired(
    install: Callable[..., AbstractContextManager[Installation]],
) -> None:
    """What the test above would find: the client may have paid in another way by then, and it settles all the same."""
    payment = transfer()
    with install("embedded", FIFTEEN_PROMISE_S="1.5") as idle:
        await post(idle, message(payment), wait_s=2)

        idle.start_worker(crash_at=PATIENT)
        ended = await until_final(idle, str(payment.uetr))
        copies = idle.copies_on_the_wire(payment.message_id)

    assert (ended["state"], len(copies)) == ("SETTLED", 1)
