"""A broker short of memory or disk: intake stops, says why, and goes on by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import aiohttp

from tests.acceptance.installation import HEADERS, Installation
from tests.acceptance.payments import message, transfer
from tests.acceptance.test_slice import until_final
from tests.servers.rabbitmq import RabbitMqNode

ALARM: Final = ("set_vm_memory_high_watermark", "0.00001")
NO_ALARM: Final = ("set_vm_memory_high_watermark", "0.4")
MOMENT_S: Final = 10.0
"""How long the gateway may take to hear of the alarm, or of its end: many times what it does."""

PAUSE_S: Final = 0.25
"""A low rate: no backlog shows within this test that nothing goes out."""


async def submit(installation: Installation) -> tuple[int, Any, str, str]:
    """Submit one payment, and return status, Retry-After, the problem's detail and the payment's UETR."""
    payment = transfer()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{installation.gateway_url}/v1/messages", data=message(payment), headers=HEADERS) as response,
    ):
        document = json.loads(await response.read())
        return response.status, response.headers.get("Retry-After"), document.get("detail", ""), str(payment.uetr)


async def until_status(installation: Installation, status: int) -> tuple[list[str], Any, str]:
    """Submit at a low rate until that is the answer; return what was accepted, and Retry-After and detail of it."""
    accepted: list[str] = []
    async with asyncio.timeout(MOMENT_S):
        while True:
            answered, retry_after, detail, uetr = await submit(installation)
            accepted += [uetr] if answered == 202 else []
            if answered == status:
                return accepted, retry_after, detail
            await asyncio.sleep(PAUSE_S)


async def test_under_an_alarm_the_gateway_takes_nothing_says_why_and_goes_on_when_it_is_over(
    install: Callable[..., AbstractContextManager[Installation]], rabbitmq_node: RabbitMqNode
) -> None:
    """503 with Retry-After instead of a 202 that ends as AB11; without the alarm the same is taken: the control.

    The gate of waiting payments is out of the way here: it would not see so few.
    """
    with install("rabbitmq", FIFTEEN_ADMISSION_WAIT_MAX_S="60") as installation:
        installation.start_worker()
        before, _, _ = await until_status(installation, 202)
        await asyncio.to_thread(rabbitmq_node.control, *ALARM)
        try:
            meanwhile, retry_after, detail = await until_status(installation, 503)
            still = [(await submit(installation))[0] for _ in range(3)]
        finally:
            await asyncio.to_thread(rabbitmq_node.control, *NO_ALARM)
        after, _, _ = await until_status(installation, 202)
        ended = [await until_final(installation, uetr) for uetr in (*before, *meanwhile, *after)]

    assert (retry_after, still) == ("1", [503, 503, 503])
    assert "short of memory or disk" in detail
    assert {payment["state"] for payment in ended} == {"SETTLED"}
