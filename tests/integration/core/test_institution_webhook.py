"""The webhook to institutions: signed, understood strictly, and bounded in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import pytest
from aiohttp import web

from adapters.institution.webhook import WebhookInstitution
from adapters.system import SystemClock
from adapters.webhooks import ANSWER_BYTES_MAX, SecretError
from gateway.domain.incoming_transfer import InstitutionAnswer, PostingAnswer, PostingOutcome, Verdict
from gateway.domain.payment import TenantId
from gateway.domain.stand_in import StandInPolicy
from gateway.service.ports import Question, ReceivingTenant, UnavailableError
from simulators.core import CoreSimulatorSettings, serving
from simulators.core.incoming import is_signed
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.message_ids import MessageIds
from simulators.orders import order_from
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.unit.domain.transfers import ARRIVED, transfer

SECRET: Final = "whsec_dGhlLXNlY3JldC1vZi1hLXNhbXBsZS1pbnN0aXR1dGlvbg=="
TENANT: Final = TenantId("default")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def question() -> Question:
    """A question about a sample transfer."""
    rules = FedNowForwarding(FedNowSimulatorSettings(), MessageIds(started_at=ARRIVED))
    message = receiving_rail().read(rules.forward(order_from({}), 1, recipient=PARTY, now=ARRIVED).body).transfer
    assert message is not None
    asked = transfer()
    return Question(asked, message, asked.answer_by)


@asynccontextmanager
async def institution(handler: Handler) -> AsyncIterator[ReceivingTenant]:
    """An institution that answers so, as a tenant."""
    application = web.Application()
    application.router.add_post("/", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        yield ReceivingTenant(TENANT, f"http://{host}:{port}/", StandInPolicy())
    finally:
        await runner.cleanup()


def answering(content: Any, status: int = 200) -> Handler:
    """What answers always the same."""

    async def handler(_: web.Request) -> web.Response:
        body = content if isinstance(content, str) else json.dumps(content)
        return web.Response(text=body, status=status, content_type="application/json")

    return handler


async def test_what_is_asked_is_signed_after_the_standard_and_names_the_question() -> None:
    """The same id when it is repeated; a byte changed, or another secret, and it does not hold."""
    seen: list[tuple[dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.json_response({"decision": "accept"})

    async with institution(handler) as tenant, WebhookInstitution({TENANT: SECRET}, SystemClock()) as webhook:
        for _ in range(2):
            await webhook.decide(tenant, question(), within_s=2)

    headers, body = seen[0]
    signed = {
        "webhook_id": headers["webhook-id"],
        "timestamp": headers["webhook-timestamp"],
        "signature": headers["webhook-signature"],
    }
    content = json.loads(body)
    assert seen[1][0]["webhook-id"] == headers["webhook-id"]
    assert is_signed(SECRET, body=body, **signed)
    assert not is_signed(SECRET, body=body + b" ", **signed)
    assert not is_signed("whsec_" + "A" * 32, body=body, **signed)
    assert content["type"] == "incoming_transfer.decide"
    assert content["data"]["transfer_id"] == str(transfer().payment_id)
    assert content["data"]["amount"] == {"value": "51.74", "currency": "USD"}
    assert content["data"]["creditor_account"]


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"decision": "accept"}, InstitutionAnswer(Verdict.ACCEPT)),
        ({"decision": "reject", "reason_code": "AC04"}, InstitutionAnswer(Verdict.REJECT, "AC04")),
        (
            {"decision": "reject", "reason_code": "AC06", "text": "Blocked."},
            InstitutionAnswer(Verdict.REJECT, "AC06", "Blocked."),
        ),
        (
            {"decision": "reject", "reason_code": "AC06", "text": " Blocked\x07\nsince\u200b May.\x00 "},
            InstitutionAnswer(Verdict.REJECT, "AC06", "Blocked since May."),
        ),
        ({"decision": "reject", "reason_code": "AC06", "text": "\x00"}, InstitutionAnswer(Verdict.REJECT, "AC06")),
        ({"decision": "accept_without_posting"}, InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING)),
    ],
)
async def test_a_decision_is_understood(content: Any, answer: InstitutionAnswer) -> None:
    """One of three."""
    async with (
        institution(answering(content)) as tenant,
        WebhookInstitution({TENANT: SECRET}, SystemClock()) as webhook,
    ):
        assert await webhook.decide(tenant, question(), within_s=2) == answer


@pytest.mark.parametrize(
    "handler",
    [
        answering({"decision": "perhaps"}),
        answering({"decision": "reject"}),
        answering({"decision": "reject", "reason_code": "closed"}),
        answering(["accept"]),
        answering("accept"),
        answering(json.dumps({"decision": "accept"}) + " " * ANSWER_BYTES_MAX),
        answering({"decision": "accept"}, status=202),
        answering({"decision": "accept"}, status=500),
        answering({"decision": "accept"}, status=302),
    ],
)
async def test_nonsense_is_no_answer(handler: Handler) -> None:
    """Nothing is read into it: the stand-in decides."""
    async with institution(handler) as tenant, WebhookInstitution({TENANT: SECRET}, SystemClock()) as webhook:
        with pytest.raises(UnavailableError):
            await webhook.decide(tenant, question(), within_s=2)


async def test_an_answer_in_pieces_is_one_answer() -> None:
    """TCP has no messages: what is there first is not all of it."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in (b'{"decision": "rej', b'ect", "reason_', b'code": "AC04"}'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    async with institution(handler) as tenant, WebhookInstitution({TENANT: SECRET}, SystemClock()) as webhook:
        assert await webhook.decide(tenant, question(), within_s=2) == InstitutionAnswer(Verdict.REJECT, "AC04")


async def test_an_institution_that_is_silent_or_gone_is_waited_for_no_longer_than_it_may_take() -> None:
    """The budget is the rail's."""

    async def silent(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    clock = SystemClock()
    async with WebhookInstitution({TENANT: SECRET}, clock) as webhook:
        async with institution(silent) as tenant:
            started = clock.now()
            with pytest.raises(UnavailableError, match=r"within 0\.20 s"):
                await webhook.decide(tenant, question(), within_s=0.2)
            assert clock.now() - started < timedelta(seconds=2)
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await webhook.decide(tenant, question(), within_s=0.2)


async def test_without_a_secret_nobody_is_asked() -> None:
    """An unsigned question would teach an institution to answer anybody."""
    async with (
        institution(answering({"decision": "accept"})) as tenant,
        WebhookInstitution({}, SystemClock()) as webhook,
    ):
        with pytest.raises(UnavailableError, match="no signing secret"):
            await webhook.decide(tenant, question(), within_s=2)
    for wrong in ("whsec_short", "whsec_" + "A" * 8, "whsec_%%%"):
        with pytest.raises(SecretError, match="tenant default") as caught:
            WebhookInstitution({TENANT: wrong}, SystemClock())
        assert wrong not in str(caught.value)


async def test_the_simulated_institution_takes_it_and_posts_once() -> None:
    """The other side of the contract: asked, told twice, credited once, told of what did not come."""
    async with (
        serving(CoreSimulatorSettings(webhook_secret=SECRET)) as url,
        WebhookInstitution({TENANT: SECRET}, SystemClock()) as webhook,
    ):
        tenant = ReceivingTenant(TENANT, f"{url}/v1/incoming-transfers", StandInPolicy())
        asked = question()
        assert await webhook.decide(tenant, asked, within_s=2) == InstitutionAnswer(Verdict.ACCEPT)
        for _ in range(2):
            assert await webhook.post(tenant, asked) == PostingAnswer(PostingOutcome.POSTED)
        await webhook.not_settled(tenant, asked.transfer)
    async with (
        serving(CoreSimulatorSettings(webhook_secret="whsec_" + "A" * 32)) as url,
        WebhookInstitution({TENANT: SECRET}, SystemClock()) as webhook,
    ):
        stranger = ReceivingTenant(TENANT, f"{url}/v1/incoming-transfers", StandInPolicy())
        with pytest.raises(UnavailableError, match="401"):
            await webhook.decide(stranger, asked, within_s=2)
