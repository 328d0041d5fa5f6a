"""The OpenAPI document is true: of its routes, of its examples, and of what the running application answers."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from adapters.http.api import LIMITS
from adapters.http.openapi import openapi_document
from adapters.http.openapi_examples import JSON_PAYMENT_EXAMPLE, XML_MESSAGE_EXAMPLE
from adapters.http.payment_form import REMITTANCE, TEXTS, read_payment_request
from adapters.http.problems import PROBLEM_TYPE, PROBLEMS
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.payment import Rail
from gateway.service.ports import RetentionOverError
from gateway.service.ports.receipts import AwaitedReceipt, ReceiptOf
from iso20022 import Direction, FedNowProfile, examine
from tests.conftest import TENANT
from tests.unit.http.schema_check import SchemaCheck
from tests.unit.http.test_dead_letters import dead
from tests.unit.http.test_held import decided as decide_hold
from tests.unit.http.test_held import held
from tests.unit.http.test_incoming import (
    answered,
    arrived,
    asked_for,
    decide,
    give_back,
    recorded,
    recorded_as_returned,
)
from tests.unit.http.test_questions import asked_by_another
from tests.unit.http.world import BEARER, OPERATOR, Answer, World, json_payment, message, receives

DOCUMENT = openapi_document(version="0.0.0", limits=LIMITS)
CHECK = SchemaCheck(DOCUMENT)
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [
    (method, path, item[method]) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item
]


def content_of(answer: Answer, method: str, path: str) -> Mapping[str, Any]:
    """What the document says of an answer's body; fails where it says nothing."""
    operation = DOCUMENT["paths"][path][method.lower()]
    response = CHECK.resolved(operation["responses"][str(answer.status)])
    media_type = answer.headers["Content-Type"].partition(";")[0]
    content: Mapping[str, Any] = response["content"][media_type]
    return content


async def test_the_document_is_served(world: World) -> None:
    """What is served is what is tested here."""
    answer = await world.get("/openapi.json", {"Authorization": ""})

    assert answer.status == 200
    assert answer.json == json.loads(json.dumps(DOCUMENT))


async def test_every_route_is_in_the_document_and_every_path_of_it_is_a_route(world: World) -> None:
    """Neither an undocumented route nor a promise that nobody keeps; HEAD comes with every GET."""
    routes = {
        (route.method.lower(), resource.canonical)
        for resource in world.application.router.resources()
        for route in resource
        if route.method != "HEAD"
    }

    assert routes == {(method, path) for method, path, _ in OPERATIONS}


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[o["operationId"] for _, _, o in OPERATIONS])
def test_every_operation_is_described_whole(method: str, path: str, operation: Mapping[str, Any]) -> None:
    """Parameters for each placeholder, a response for success, problems for the rest."""
    declared = {
        parameter["name"]
        for parameter in map(CHECK.resolved, operation.get("parameters", ()))
        if parameter["in"] == "path"
    }

    assert declared == set(re.findall(r"{(\w+)}", path))
    assert operation["summary"]
    assert {"200", "202"} & set(operation["responses"])
    assert "500" in operation["responses"]
    assert ("401" in operation["responses"]) == path.startswith("/v1/")


def test_every_operation_has_a_name_of_its_own() -> None:
    """Generated clients make functions of them."""
    names = [operation["operationId"] for _, _, operation in OPERATIONS]

    assert len(set(names)) == len(names)


def test_every_example_fits_its_schema() -> None:
    """Requests, responses and every problem."""
    faults = []
    for _, path, operation in OPERATIONS:
        bodies = [operation.get("requestBody", {}), *map(CHECK.resolved, operation["responses"].values())]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            examples = [content["example"]] if "example" in content else []
            examples += [example["value"] for example in content.get("examples", {}).values()]
            faults += [f"{path} {fault}" for example in examples for fault in CHECK.faults(content["schema"], example)]

    assert not faults


def test_every_problem_has_a_response_with_an_example() -> None:
    """A client's author sees each problem before meeting it."""
    responses = DOCUMENT["components"]["responses"]

    assert set(responses) == set(PROBLEMS)
    assert all(responses[code]["content"][PROBLEM_TYPE]["example"]["code"] == code for code in PROBLEMS)


def test_the_submissions_that_are_shown_as_examples_are_valid() -> None:
    """Whoever copies an example gets a payment."""
    report = examine(XML_MESSAGE_EXAMPLE.encode(), profile=FedNowProfile(), direction=Direction.TO_RAIL)

    assert report.findings == ()
    assert read_payment_request(json.dumps(JSON_PAYMENT_EXAMPLE).encode()).amount.text == "51.74"


def test_the_form_and_its_schema_name_the_same_members() -> None:
    """A member that the form takes is documented, and the other way round."""
    schema = DOCUMENT["components"]["schemas"]["PaymentRequest"]
    parties = {
        f"/{party}/{name}" for party in ("debtor", "creditor") for name in schema["properties"][party]["properties"]
    }
    plain = {f"/{name}" for name in schema["properties"]} - {"/debtor", "/creditor"}

    assert plain | parties == {REMITTANCE, *TEXTS}
    required = {pointer for pointer, text in TEXTS.items() if text.required and pointer.count("/") == 1}
    assert {f"/{name}" for name in schema["required"]} - {"/debtor", "/creditor"} == required


async def ask_of_incoming(world: World, ask: Callable[..., Awaitable[Answer]]) -> None:
    """One of each that is asked of incoming transfers."""
    transfer = await arrived(world, state=IncomingState.PENDING)
    base = "/v1/incoming-transfers"
    link, path = f"{base}/{transfer.payment_id}", f"{base}/{{transfer_id}}"
    await ask(base, await world.get(base))
    await ask(base, await world.get(f"{base}?state=NONE"))
    await ask(path, await world.get(link))
    await ask(path, await world.get(f"{base}/nonsense"))
    await ask(f"{path}/events", await world.get(f"{link}/events"))
    messages = await ask(f"{path}/messages", await world.get(f"{link}/messages"))
    await ask(f"{path}/messages/{{message_id}}", await world.get(messages.json["messages"][0]["link"]))
    for outcome in ("gone", "posted", "posted"):
        await ask(f"{path}/posting", await decide(world, transfer, outcome=outcome), method="POST")
    for order in ({}, {"amount": "60.00", "reason_code": "CUST"}, {"amount": "20.00", "reason_code": "CUST"}):
        await ask(f"{path}/return", await give_back(world, transfer, **order), method="POST")
    await ask(f"{path}/returns", await world.get(f"{link}/returns"))
    await asked_for(world, transfer)
    await ask("/v1/return-requests", await world.get("/v1/return-requests"))
    for query in ("", "?kind=return_request&kind=posting", "?kind=nonsense"):
        await ask("/v1/due", await world.get(f"/v1/due{query}"))
    for answer in ({}, {"answer": "pending"}, {"answer": "agreed"}, {"answer": "refused", "reason_code": "CUST"}):
        await ask(f"{path}/return-answer", await answered(world, transfer, **answer), method="POST")
    await ask(f"{path}/return-record", await recorded_as_returned(world, transfer), method="POST")
    await ask(f"{path}/return-record", await recorded_as_returned(world, transfer, note="By hand."), method="POST")
    for record in ({}, {"settled": True, "note": "Support says so."}):
        await ask(f"{path}/settlement", await recorded(world, transfer, **record), method="POST")


async def ask_of_held(world: World, ask: Callable[..., Awaitable[Answer]]) -> None:
    """One of each that is asked of what screening holds."""
    payment, path = await held(world, 15), "/v1/payments/{payment_id}/hold-decision"
    await ask("/v1/held-payments", await world.get("/v1/held-payments"))
    for body in ({}, {"decision": "release", "note": "Case 15"}, {"decision": "reject", "note": "Case 15"}):
        await ask(path, await decide_hold(world, payment, body), method="POST")


async def ask_about_posting(world: World, ask: Callable[..., Awaitable[Answer]]) -> None:
    """What is not there, not accepted without posting, and asked about too early."""
    accepted = await world.post_payment(json_payment(), key="not-posted")
    payment = world.payment(accepted.json["payment_id"])
    path = "/v1/payments/{payment_id}/status-request"
    where = f"/v1/payments/{payment.payment_id}/status-request"
    await ask(path, await world.post_json("/v1/payments/nonsense/status-request", {}, BEARER), method="POST")
    await ask(path, await world.post_json(where, {}, BEARER), method="POST")
    await world.is_not_posted(payment)
    early = await ask(path, await world.post_json(where, {}, BEARER), method="POST")
    assert (early.status, early.json["why"]) == (409, "too_early")
    assert early.json["askable_from"] > accepted.json["accepted_at"]


async def ask_of_conversations(world: World, ask: Callable[..., Awaitable[Answer]]) -> None:
    """One of each that is started, looked at and answered."""
    transfer = await arrived(world, state=IncomingState.PENDING)
    for agent in (JSON_PAYMENT_EXAMPLE["creditor_agent"], "990000107"):
        receives(world, agent)
    starts = (
        ("/v1/requests-for-payment", "/v1/requests-for-payment", {**JSON_PAYMENT_EXAMPLE, "pay_on": "2026-11-24"}),
        ("/v1/account-reports", "/v1/account-reports", {"kind": "IATR", "account": "990000107"}),
        (
            "/v1/incoming-transfers/{transfer_id}/information-request",
            f"/v1/incoming-transfers/{transfer.payment_id}/information-request",
            {"missing": ["MS01"]},
        ),
    )
    for path, where, body in starts:
        for key, said in (("one", body), ("two", {}), ("", body)):
            keyed = {"Idempotency-Key": f"{path}-{key}"} if key else {}
            await ask(path, await world.post_json(where, said, {**BEARER, **keyed}), method="POST")
    listed = await ask("/v1/conversations", await world.get("/v1/conversations?kind=request_for_payment"))
    await ask("/v1/conversations", await world.get("/v1/conversations?kind=nonsense"))
    link, path = listed.json["conversations"][0]["links"]["self"], "/v1/conversations/{conversation_id}"
    await ask(path, await world.get(link))
    await ask(path, await world.get("/v1/conversations/nonsense"))
    await ask(f"{path}/events", await world.get(f"{link}/events"))
    messages = await ask(f"{path}/messages", await world.get(f"{link}/messages"))
    await ask(f"{path}/messages/{{message_id}}", await world.get(messages.json["messages"][0]["link"]))
    await ask(f"{path}/messages/{{message_id}}", await world.get(f"{link}/messages/{transfer.payment_id}"))
    for where in (link, "/v1/conversations/nonsense"):
        question = await world.post_json(
            f"{where}/information-request", {"missing": ["MS01"]}, {**BEARER, "Idempotency-Key": "q"}
        )
        await ask(f"{path}/information-request", question, method="POST")
    await without_receipt(world, listed.json["conversations"][0])
    await ask("/v1/conversations", await world.get("/v1/conversations?kind=request_for_payment"))
    for where in (link, link, "/v1/conversations/nonsense"):
        await ask(f"{path}/resend", await world.request("POST", f"{where}/resend", b"", BEARER), method="POST")
    for _ in range(2):
        await ask(f"{path}/status-request", await world.post_json(f"{link}/status-request", {}, BEARER), method="POST")
    for said in ({"answer": "accepted"}, {"answer": "guess"}):
        await ask(f"{path}/answer", await world.post_json(f"{link}/answer", said, BEARER), method="POST")
    for said in ({"note": "Looked at."}, {"note": ""}):
        await ask(f"{path}/note", await world.post_json(f"{link}/note", said, BEARER), method="POST")
    for said in ({"reason_code": "CUST"}, {"reason_code": "CUST"}, {}):
        await ask(f"{path}/withdrawal", await world.post_json(f"{link}/withdrawal", said, BEARER), method="POST")


async def without_receipt(world: World, shown: dict[str, Any]) -> None:
    """Nobody has said that the request that opened a conversation arrived."""
    receipts, now = world.conversations.receipts, world.clock.now()
    awaited = AwaitedReceipt(
        rail=Rail.FEDNOW,
        message_id=shown["message_id"],
        message_type="pain.013.001.07",
        tenant_id=TENANT,
        of=ReceiptOf.CONVERSATION,
        of_id=UUID(shown["conversation_id"]),
    )
    await receipts.expect(awaited)
    await receipts.left(Rail.FEDNOW, awaited.message_id, at=now)
    await receipts.missed(awaited, at=now)


async def ask_of_rails(world: World, ask: Callable[..., Awaitable[Answer]]) -> None:
    """One of each that is asked of the rails."""
    path, operations = "/v1/rails/{rail}", "/v1/rails/{rail}/operations"
    asked = {"action": "sign_on", "subject": "990000107", "note": "Case 15"}
    for key in (OPERATOR, BEARER):
        await ask(operations, await world.post_json("/v1/rails/fednow/operations", asked, key), method="POST")
    wrong = {"action": "sign_on", "subject": "99"}
    await ask(operations, await world.post_json("/v1/rails/fednow/operations", wrong, OPERATOR), method="POST")
    for rail in ("fednow", "rtp", "nonsense"):
        status = await ask(path, await world.get(f"/v1/rails/{rail}"))
        if status.status == 200:
            link = status.json["operations"][0]["links"]["self"]
            await ask(f"{operations}/{{operation_id}}", await world.get(link))
    await ask(f"{operations}/{{operation_id}}", await world.get("/v1/rails/fednow/operations/nonsense"))
    closing = "/v1/rails/fednow/missing/NOTHING/close"
    for key in (BEARER, OPERATOR):
        answer = await world.post_json(closing, {"note": "Case 15"}, key)
        await ask("/v1/rails/{rail}/missing/{message_id}/close", answer, method="POST")
    unheard = {"message_id": "UNHEARD", "conversation_id": "000b4c1e-9d2a-8f31-9b7a-5c0e8f1d2a3b"}
    await without_receipt(world, unheard)
    await ask(path, await world.get("/v1/rails/fednow"))
    await asked_by_another(world, about="20261120990001106NEVERCAME")
    for key in (BEARER, OPERATOR):
        for rail in ("fednow", "nonsense"):
            await ask(f"{path}/questions", await world.get(f"/v1/rails/{rail}/questions", key))
    for key in (BEARER, OPERATOR, OPERATOR):
        answer = await world.post_json("/v1/rails/fednow/missing-receipts/UNHEARD/close", {"note": "Case 16"}, key)
        await ask("/v1/rails/{rail}/missing-receipts/{message_id}/close", answer, method="POST")


async def test_the_answers_of_the_running_application_fit_the_document(world: World) -> None:
    """One of each: accepted, refused, open, in doubt, settled, rejected, lists, raw messages, operations."""
    asked: list[tuple[str, str, Answer]] = []

    async def ask(path: str, answer: Answer, *, method: str = "GET") -> Answer:
        asked.append((method, path, answer))
        return answer

    accepted = await ask("/v1/messages", await world.post_message(message()), method="POST")
    link = accepted.headers["Location"]
    await ask("/v1/messages", await world.post_message(message(old="51.74", new="1.00")), method="POST")
    await ask("/v1/messages", await world.post_message(message(old="FDNA", new="CASH")), method="POST")
    await ask("/v1/messages", await world.post_message(b"<"), method="POST")
    await ask("/v1/messages", await world.post_message(b"<a/>", {"Content-Type": "text/plain"}), method="POST")
    await ask("/v1/payments", await world.post_payment(json_payment()), method="POST")
    await ask("/v1/payments", await world.post_payment(json_payment(amount=1)), method="POST")
    await ask(
        "/v1/payments", await world.post_payment(json_payment(creditor_agent="990001107"), key="k"), method="POST"
    )
    for amount in ("250000.00", "2500000.01"):
        liquidity = {"amount": amount, "currency": "USD", "debtor_agent": "990000107", "creditor_agent": "990001106"}
        submitted = await world.post_json("/v1/liquidity-transfers", liquidity, {"Idempotency-Key": amount})
        await ask("/v1/liquidity-transfers", submitted, method="POST")
    await ask("/v1/payments/{reference}", await world.get(link))
    await ask("/v1/payments/{reference}", await world.get("/v1/payments/EXAMPLE-INVOICE-1"))
    payment = await world.befalls(world.payment(accepted.json["payment_id"]), Event(EventKind.SENDING_STARTED))
    await world.befalls(payment, Event(EventKind.DEADLINE_PASSED))
    await ask("/v1/payments/{reference}", await world.get(link))
    await world.befalls(payment, Event(EventKind.SETTLEMENT_REPORTED, status="ACSC"), world.report())
    await ask("/v1/payments/{reference}", await world.get(link))
    await ask("/v1/payments/{reference}", await world.get(link, {"Accept": "application/xml"}))
    for asking in ({}, {"reason_code": "DUPL"}, {"reason_code": "DUPL"}):
        asked_back = await world.request(
            "POST", f"{link}/return-request", json.dumps(asking).encode(), {"Content-Type": "application/json"}
        )
        await ask("/v1/payments/{payment_id}/return-request", asked_back, method="POST")
    await ask_about_posting(world, ask)
    await ask("/v1/messages", await world.post_message(message(), {"Prefer": "wait=1"}), method="POST")
    await ask("/v1/payments", await world.get("/v1/payments?end_to_end_id=EXAMPLE-INVOICE-1"))
    await ask("/v1/payments", await world.get("/v1/payments"))
    await ask("/v1/payments/{reference}/events", await world.get(f"{link}/events"))
    listed = await ask("/v1/payments/{reference}/messages", await world.get(f"{link}/messages"))
    raw = await world.get(listed.json["messages"][0]["link"])
    await ask("/v1/payments/{reference}/messages/{message_id}", raw)
    world.store.archive_raises = RetentionOverError("local/0000000001.segment")
    expired = await ask("/v1/payments/{reference}/messages", await world.get(f"{link}/messages"))
    assert (expired.status, expired.json["code"]) == (410, "messages_expired")
    world.store.archive_raises = None
    action = "/v1/payments/{payment_id}/operator-actions"
    await ask(action, await world.act(payment, {"action": "ask", "note": "Case 15"}), method="POST")
    await ask(action, await world.act(payment, {"action": "guess"}), method="POST")
    await ask("/v1/operator/payments", await world.get("/v1/operator/payments"))
    await ask_of_held(world, ask)
    letter = await dead(world, payment)
    await ask("/v1/dead-letters", await world.get("/v1/dead-letters"))
    await ask("/v1/dead-letters", await world.get("/v1/dead-letters?state=nonsense"))
    for key in (BEARER, OPERATOR, OPERATOR):
        for action in ("redrive", "discard"):
            path = f"/v1/dead-letters/{{delivery_id}}/{action}"
            await ask(path, await world.post_json(f"{letter}/{action}", {"note": "why"}, key), method="POST")
        await ask("/v1/dead-letters/{delivery_id}", await world.get(letter))
    await ask_of_incoming(world, ask)
    await ask_of_conversations(world, ask)
    await ask_of_rails(world, ask)
    for path in ("/", "/healthz", "/readyz", "/metrics", "/problems", "/openapi.json"):
        await ask(path, await world.get(path))
    await ask("/synthetic", await world.post_json("/synthetic", {}, {}), method="POST")
    await ask("/problems/{code}", await world.get("/problems/message_invalid"))
    await ask("/problems/{code}", await world.get("/problems/nonsense"))

    faults = []
    for method, path, answer in asked:
        schema = content_of(answer, method, path)["schema"]
        value = answer.json if "json" in answer.headers["Content-Type"] else answer.body.decode()
        faults += [f"{method} {path} {answer.status} {fault}" for fault in CHECK.faults(schema, value)]
    assert not faults
    assert {path for _, path, _ in asked} == set(DOCUMENT["paths"])


async def test_an_answer_that_does_not_fit_is_noticed(world: World) -> None:
    """The control: a member too many, one missing, one of another type."""
    answer = (await world.post_message(message())).json
    schema = {"$ref": "#/components/schemas/Payment"}

    assert CHECK.faults(schema, answer) == []
    assert CHECK.faults(schema, {**answer, "surprise": 1})
    assert CHECK.faults(schema, {**answer, "amount": {"value": 51.74, "currency": "USD"}})
    assert CHECK.faults(schema, {name: value for name, value in answer.items() if name != "money"})
