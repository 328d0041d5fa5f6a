"""What every way to an institution must do: signed, understood strictly, and bounded in time; webhooks and queues."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from aiohttp import web

from adapters.system import SystemClock
from adapters.webhooks import ANSWER_BYTES_MAX, SecretError
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    IncomingFact,
    InstitutionAnswer,
    PostingAnswer,
    PostingOutcome,
    RecordedFact,
    Verdict,
)
from gateway.domain.payment import PaymentId
from gateway.domain.returns import AMOUNT
from gateway.service.ports import Question, UnavailableError
from iso20022 import CustomerCreditTransfer, Personal
from simulators.core.incoming import is_signed
from simulators.fednow.forward import FedNowForwarding
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.message_ids import MessageIds
from simulators.orders import order_from
from tests.fakes.incoming_rail import PARTY, receiving_rail
from tests.integration.core.institution_stands import (
    ANOTHER_SECRET,
    SECRET,
    TENANT,
    QueueStand,
    Said,
    Stand,
    WebhookStand,
    saying,
    serving_at,
    tenant_at,
)
from tests.servers import RabbitMqNode
from tests.unit.domain.transfers import ARRIVED, transfer

BUDGET_S: Final = 3.0
"""What is left of the rail's time, where a test does not say otherwise."""


def question(*, account: str | None = None, number: int = 1, left_s: float = BUDGET_S) -> Question:
    """A question about a sample transfer, to this account."""
    rules = FedNowForwarding(FedNowSimulatorSettings(), MessageIds(started_at=ARRIVED))
    message = receiving_rail().read(rules.forward(order_from({}), 1, recipient=PARTY, now=ARRIVED).body).transfer
    assert isinstance(message, CustomerCreditTransfer)
    if account is not None:
        message = replace(message, creditor_account=Personal(account))
    asked = replace(transfer(), payment_id=PaymentId(UUID(int=number)))
    return Question(asked, message, SystemClock().now() + timedelta(seconds=left_s))


@pytest.fixture(params=["webhook", "queue"])
def stand(request: pytest.FixtureRequest, unused_tcp_port: int) -> Stand:
    """Each way in turn."""
    if request.param == "webhook":
        return WebhookStand(unused_tcp_port)
    node: RabbitMqNode = request.getfixturevalue("rabbitmq_node")
    return QueueStand(node.url)


async def test_what_is_asked_is_signed_after_the_standard_and_names_the_question(stand: Stand) -> None:
    """The same id when it is repeated; a byte changed, or another secret, and it does not hold."""
    seen: list[tuple[Mapping[str, str], bytes]] = []

    def handler(headers: Mapping[str, str], body: bytes) -> Said:
        seen.append((headers, body))
        return Said([{"decision": "accept"}])

    async with stand.institution(handler) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        for _ in range(2):
            await institutions.decide(tenant, question(), within_s=2)

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
    assert not is_signed(ANOTHER_SECRET, body=body, **signed)
    assert content["type"] == "incoming_transfer.decide"
    assert content["data"]["transfer_id"] == str(question().transfer.payment_id)
    assert content["data"]["amount"] == {"value": "51.74", "currency": "USD"}
    assert content["data"]["creditor_account"]
    assert content["data"]["answer_by"]


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"decision": "accept"}, InstitutionAnswer(Verdict.ACCEPT)),
        ({"decision": "reject", "reason_code": "AC04"}, InstitutionAnswer(Verdict.REJECT, "AC04")),
        (
            {"decision": "reject", "reason_code": "AC06", "text": " Blocked\x07\nsince\u200b May.\x00 "},
            InstitutionAnswer(Verdict.REJECT, "AC06", "Blocked since May."),
        ),
        ({"decision": "reject", "reason_code": "AC06", "text": "\x00"}, InstitutionAnswer(Verdict.REJECT, "AC06")),
        ({"decision": "accept_without_posting"}, InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING)),
    ],
)
async def test_a_decision_is_understood(stand: Stand, content: Any, answer: InstitutionAnswer) -> None:
    """One of three."""
    async with stand.institution(saying(content)) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        assert await institutions.decide(tenant, question(), within_s=2) == answer


@pytest.mark.parametrize(
    "content",
    [
        {"decision": "perhaps"},
        {"decision": "reject"},
        {"decision": "reject", "reason_code": "closed"},
        {"posting": "posted"},
        {"taken": True},
        ["accept"],
        "accept",
        json.dumps({"decision": "accept"}) + " " * ANSWER_BYTES_MAX,
    ],
)
async def test_nonsense_is_no_answer(stand: Stand, content: Any) -> None:
    """Nothing is read into it: the stand-in decides."""
    async with stand.institution(saying(content)) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        with pytest.raises(UnavailableError, match="answer"):
            await institutions.decide(tenant, question(), within_s=2)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ({"posting": "posted"}, PostingAnswer(PostingOutcome.POSTED)),
        ({"posting": "pending", "text": "Soon."}, PostingAnswer(PostingOutcome.PENDING, None, "Soon.")),
        ({"posting": "refused", "reason_code": "AC06"}, PostingAnswer(PostingOutcome.REFUSED, "AC06")),
        ({"posting": "blocked", "reason_code": "AC06"}, PostingAnswer(PostingOutcome.BLOCKED, "AC06")),
        ({"posting": "refused"}, None),
        ({"decision": "accept"}, None),
    ],
)
async def test_what_became_of_the_posting_is_understood_or_is_told_again(
    stand: Stand, content: Any, answer: PostingAnswer | None
) -> None:
    """A decision is no posting, and a refusal without a reason none."""
    async with stand.institution(saying(content)) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        if answer is not None:
            assert await institutions.post(tenant, question()) == answer
            return
        with pytest.raises(UnavailableError, match="nothing of the posting"):
            await institutions.post(tenant, question())


async def test_an_institution_that_is_silent_or_gone_is_waited_for_no_longer_than_it_may_take(stand: Stand) -> None:
    """The budget is the rail's."""
    clock = SystemClock()
    async with stand.institution(saying()) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        started = clock.now()
        with pytest.raises(UnavailableError, match=r"within 0\.\d\d s"):
            await institutions.decide(tenant, question(), within_s=0.2)
        with pytest.raises(UnavailableError, match=r"cannot be reached|has no queue"):
            await institutions.decide(stand.gone(), question(), within_s=0.5)
        with pytest.raises(UnavailableError):
            await institutions.reach(stand.gone())
        await institutions.reach(tenant)
        assert clock.now() - started < timedelta(seconds=2)


async def test_a_late_answer_is_heard_as_long_as_it_is_listened_to(stand: Stand) -> None:
    """It is reconciled with what the stand-in has said meanwhile."""
    async with (
        stand.institution(saying({"decision": "accept"}, after_s=0.5)) as tenant,
        stand.asking({TENANT: SECRET}) as institutions,
    ):
        asked = question(left_s=0.3)
        assert await institutions.decide(tenant, asked, within_s=3) == InstitutionAnswer(Verdict.ACCEPT)
        assert SystemClock().now() > asked.answer_until


async def test_without_a_secret_nobody_is_asked(stand: Stand) -> None:
    """An unsigned question would teach an institution to answer anybody."""
    async with stand.institution(saying({"decision": "accept"})) as tenant, stand.asking({}) as institutions:
        with pytest.raises(UnavailableError, match="no signing secret"):
            await institutions.decide(tenant, question(), within_s=2)
    for wrong in ("whsec_short", "whsec_" + "A" * 8, "whsec_%%%"):
        with pytest.raises(SecretError, match="tenant default") as caught:
            async with stand.asking({TENANT: wrong}):
                raise AssertionError
        assert wrong not in str(caught.value)


async def test_the_simulated_institution_takes_it_and_posts_once(stand: Stand) -> None:
    """The other side of the contract: asked, told twice, told of what did not come, and of a return."""
    async with stand.simulated(secret=SECRET) as tenant, stand.asking({TENANT: SECRET}) as institutions:
        asked = question()
        assert await institutions.decide(tenant, asked, within_s=2) == InstitutionAnswer(Verdict.ACCEPT)
        for _ in range(2):
            assert await institutions.post(tenant, asked) == PostingAnswer(PostingOutcome.POSTED)
        await institutions.not_settled(tenant, asked.transfer)
        settled = IncomingFact(IncomingEvent.RETURN_SETTLED, details={AMOUNT: "5174"})
        ended = RecordedFact(4, settled, IncomingState.SETTLED, IncomingState.RETURNED, ARRIVED, "local", 1)
        await institutions.return_ended(tenant, asked.transfer, ended)


async def test_the_simulated_institution_does_as_the_account_says(stand: Stand) -> None:
    """Accepts, rejects with a code, accepts without posting, is slow, talks nonsense, is silent, refuses to post."""
    async with stand.simulated(secret=SECRET) as tenant, stand.asking({TENANT: SECRET}) as institutions:

        async def decided(account: str, number: int) -> Verdict | None:
            asked = question(account=account, number=number)
            try:
                return (await institutions.decide(tenant, asked, within_s=0.7)).verdict
            except UnavailableError:
                return None

        accounts = ("000111222", "SIMREJECTAC04", "SIMHOLD", "SIMSLOW3", "SIMNONSENSE", "SIMERROR", "SIMSILENT")
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(decided(account, number)) for number, account in enumerate(accounts)]
        refused = await institutions.post(tenant, question(account="SIMREFUSEAC06", number=20))

    accepted, rejected, held = Verdict.ACCEPT, Verdict.REJECT, Verdict.ACCEPT_WITHOUT_POSTING
    assert [each.result() for each in asking] == [accepted, rejected, held, accepted, None, None, None]
    assert refused == PostingAnswer(PostingOutcome.REFUSED, "AC06")


async def test_an_institution_with_another_secret_refuses_and_is_not_believed(stand: Stand) -> None:
    """Whoever cannot read the signature has not been asked by us."""
    async with stand.simulated(secret=ANOTHER_SECRET) as stranger, stand.asking({TENANT: SECRET}) as institutions:
        with pytest.raises(UnavailableError, match=r"401|not signed"):
            await institutions.decide(stranger, question(), within_s=2)
        with pytest.raises(UnavailableError, match=r"401|not signed"):
            await institutions.not_settled(stranger, question().transfer)


# --- Webhooks alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [202, 302, 500])
async def test_a_decision_under_another_status_than_200_is_none(status: int, unused_tcp_port: int) -> None:
    """Whatever else its body says."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"decision": "accept"}, status=status)

    async with serving_at(answer) as url, WebhookStand(unused_tcp_port).asking({TENANT: SECRET}) as institutions:
        with pytest.raises(UnavailableError, match=str(status)):
            await institutions.decide(tenant_at(url), question(), within_s=2)


async def test_an_answer_in_pieces_is_one_answer(unused_tcp_port: int) -> None:
    """TCP has no messages: what is there first is not all of it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in (b'{"decision": "rej', b'ect", "reason_', b'code": "AC04"}'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    async with serving_at(answer) as url, WebhookStand(unused_tcp_port).asking({TENANT: SECRET}) as institutions:
        said = await institutions.decide(tenant_at(url), question(), within_s=2)

    assert said == InstitutionAnswer(Verdict.REJECT, "AC04")


async def test_an_address_that_nobody_knows_the_way_to_is_not_asked(unused_tcp_port: int) -> None:
    """A tenant's row may say anything."""
    async with WebhookStand(unused_tcp_port).asking({TENANT: SECRET}) as institutions:
        with pytest.raises(UnavailableError, match="no way"):
            await institutions.decide(tenant_at("pigeon:loft"), question(), within_s=1)
