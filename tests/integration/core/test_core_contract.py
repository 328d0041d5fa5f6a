"""What every `Core` must do, in memory and over HTTP with the core simulator behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Final
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web

from adapters.core.http import HttpCore
from gateway.domain.payment import PaymentId, Rail, TenantId
from gateway.service.ports import Core, Reservation, UnavailableError
from iso20022 import Amount, EndToEndId, Personal, RoutingNumber
from simulators.core import CoreSimulatorSettings, serving
from tests.fakes.core import InMemoryCore

POOR: Final = "000229904"
"""An account that has too little."""

TOKEN: Final = "a-token-for-tests-only"
_numbers = count(1)


def reservation(*, account: str = "000111222") -> Reservation:
    """A reservation that no other test makes."""
    return Reservation(
        payment_id=PaymentId(UUID(int=next(_numbers))),
        tenant_id=TenantId("default"),
        rail=Rail.FEDNOW,
        amount=Amount(5174),
        debtor_agent=RoutingNumber("990000107"),
        debtor_account=Personal(account),
        end_to_end_id=EndToEndId("SAMPLE-INVOICE"),
        uetr=None,
    )


@asynccontextmanager
async def over_http(*, token: str | None = TOKEN) -> AsyncIterator[tuple[str, HttpCore]]:
    """The simulator, and an adapter that shows this token."""
    async with (
        serving(CoreSimulatorSettings(token=TOKEN, balance_cents=100_000)) as base_url,
        HttpCore(base_url, token=token) as core,
    ):
        yield base_url, core


async def switch(base_url: str, faults: dict[str, object]) -> None:
    """Switch the simulator's faults."""
    async with aiohttp.ClientSession() as session, session.post(f"{base_url}/simulator/v1/faults", json=faults) as said:
        assert said.status == 200


@pytest.fixture(params=["in memory", "over HTTP"])
async def core(request: pytest.FixtureRequest) -> AsyncIterator[Core]:
    """Both kinds, with one poor account."""
    if request.param == "in memory":
        yield InMemoryCore(balances_cents={POOR: 1})
        return
    async with over_http() as (_, http):
        yield http


async def test_a_reservation_is_the_same_when_it_is_repeated(core: Core) -> None:
    """Whoever did not hear the answer asks again."""
    wanted = reservation()

    assert [await core.reserve(wanted, within_s=1) for _ in range(3)] == [None] * 3


async def test_a_refusal_says_why_and_stays(core: Core) -> None:
    """An ISO reason, in a code that the payment's status can carry."""
    wanted = reservation(account=POOR)

    first, second = [await core.reserve(wanted, within_s=1) for _ in range(2)]

    assert first is not None
    assert first.reason_code == "AM04"
    assert first == second


@pytest.mark.parametrize("times", [1, 2])
async def test_what_is_reserved_can_be_posted_or_released_again_and_again(core: Core, times: int) -> None:
    """A delivery may come twice; the second time changes nothing."""
    posted, released = reservation(), reservation()
    for wanted in (posted, released):
        await core.reserve(wanted, within_s=1)

    for _ in range(times):
        await core.post(posted.payment_id)
        await core.release(released.payment_id)

    assert await core.reserve(posted, within_s=1) is None
    assert await core.reserve(released, within_s=1) is not None


async def test_a_release_that_comes_first_is_remembered(core: Core) -> None:
    """The reservation that it overtook is refused, and nothing stays held for ever."""
    wanted = reservation()
    await core.release(wanted.payment_id)

    assert await core.reserve(wanted, within_s=1) is not None


async def test_what_contradicts_what_was_done_is_a_persons_to_look_at(core: Core) -> None:
    """Posted cannot be released, released cannot be posted, nor can what was never held."""
    posted, released = reservation(), reservation()
    for wanted in (posted, released):
        await core.reserve(wanted, within_s=1)
    await core.post(posted.payment_id)
    await core.release(released.payment_id)

    with pytest.raises(LookupError):
        await core.release(posted.payment_id)
    for payment_id in (released.payment_id, reservation().payment_id):
        with pytest.raises(LookupError):
            await core.post(payment_id)


# --- Over HTTP ----------------------------------------------------------------------------------------------------


async def test_money_is_held_once_however_often_it_is_asked_for() -> None:
    """The account loses the amount once, and gets it back with the release."""
    async with over_http() as (base_url, core):
        wanted = reservation()
        for _ in range(2):
            await core.reserve(wanted, within_s=1)
        assert await balance_of(base_url, "000111222") == 100_000 - 5174

        for _ in range(2):
            await core.release(wanted.payment_id)
        assert await balance_of(base_url, "000111222") == 100_000


async def balance_of(base_url: str, account: str) -> int:
    """What the simulator says that an account has."""
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/simulator/v1/summary") as said:
        balance: int = (await said.json())["balances"][account]
        return balance


async def test_a_lost_answer_is_no_answer_and_has_had_its_effect() -> None:
    """The caller cannot know; asked again, the core says what it has done."""
    async with over_http() as (base_url, core):
        wanted = reservation()
        await core.reserve(wanted, within_s=1)
        await switch(base_url, {"lose_answers": 1})
        with pytest.raises(UnavailableError):
            await core.post(wanted.payment_id)

        with pytest.raises(LookupError):
            await core.release(wanted.payment_id)


async def test_a_core_that_is_down_or_silent_or_lets_us_in_with_no_token_is_unavailable(unused_tcp_port: int) -> None:
    """None of it is an answer, and none of it is taken for one."""
    async with over_http() as (base_url, core):
        with pytest.raises(UnavailableError, match="within"):
            await core.reserve(reservation(account="0009999"), within_s=0.1)
        await switch(base_url, {"refuse_connections": True})
        with pytest.raises(UnavailableError, match="503"):
            await core.reserve(reservation(), within_s=1)
    async with over_http(token=None) as (_, stranger):
        with pytest.raises(UnavailableError, match="401"):
            await stranger.release(reservation().payment_id)
    async with HttpCore(f"http://127.0.0.1:{unused_tcp_port}", token=None) as nobody:
        with pytest.raises(UnavailableError, match="reached"):
            await nobody.reserve(reservation(), within_s=1)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "no JSON"),
        (200, '{"status": "perhaps"}'),
        (200, '{"status": "refused"}'),
        (200, '{"status": "refused", "reason_code": ""}'),
        (200, f'{{"status": "refused", "reason_code": "{"X" * 36}"}}'),
        (202, '{"status": "reserved"}'),
        (500, '{"status": "reserved"}'),
    ],
)
async def test_what_is_no_answer_is_never_taken_for_one(status: int, text: str) -> None:
    """No answer is ever guessed."""
    async with serving_always(status, text) as base_url, HttpCore(base_url, token=None) as core:
        with pytest.raises(UnavailableError):
            await core.reserve(reservation(), within_s=1)


@asynccontextmanager
async def serving_always(status: int, text: str) -> AsyncIterator[str]:
    """A core that says the same to everything."""

    async def say(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", say)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def test_another_content_under_the_same_id_is_not_reserved() -> None:
    """It can only be a fault of ours: the core says no, and nothing is sent."""
    async with over_http() as (_, core):
        wanted = reservation()
        await core.reserve(wanted, within_s=1)

        with pytest.raises(UnavailableError, match="409"):
            await core.reserve(replace(wanted, amount=Amount(9)), within_s=1)
