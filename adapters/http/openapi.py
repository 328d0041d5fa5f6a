"""The OpenAPI 3.1 document of the API, assembled by hand from data; a test holds it against the routes and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from adapters.http import problems
from adapters.http.answers import PENDING_TYPE
from adapters.http.api import HttpLimits
from adapters.http.freshness import FRESHNESS_HEADER, stating_freshness
from adapters.http.headers import FRESHNESS
from adapters.http.openapi_conversations import CONVERSATION_SCHEMAS, conversation_paths
from adapters.http.openapi_conversations import EXAMPLE as CONVERSATION_EXAMPLE
from adapters.http.openapi_dead_letters import DEAD_LETTER_SCHEMAS, dead_letter_paths
from adapters.http.openapi_due import DUE_SCHEMAS, due_paths
from adapters.http.openapi_examples import (
    EVENTS_EXAMPLE,
    JSON_PAYMENT_EXAMPLE,
    LIQUIDITY_EXAMPLE,
    MESSAGES_EXAMPLE,
    PAYMENT_ACCEPTED_EXAMPLE,
    PAYMENT_SETTLED_EXAMPLE,
    PENDING_EXAMPLE,
    XML_MESSAGE_EXAMPLE,
    XML_REPORT_EXAMPLE,
)
from adapters.http.openapi_incoming import INCOMING_SCHEMAS, TRANSFER_EXAMPLE, incoming_paths
from adapters.http.openapi_questions import QUESTION_SCHEMAS, question_paths
from adapters.http.openapi_rails import RAIL_SCHEMAS, rail_paths
from adapters.http.openapi_receipts import receipt_paths
from adapters.http.openapi_requests import request_paths
from adapters.http.openapi_schemas import SCHEMAS, ref
from adapters.http.problems import PROBLEM_TYPE, PROBLEMS, ProblemError, ProblemKind, problem_document
from gateway.domain.payment import Rail

_EXAMPLE_INSTANCE: Final = UUID("01890000-0000-7000-8000-000000000000")

_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE, problems.NOT_SERVING)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.HEADER_INVALID, problems.NOT_ACCEPTABLE, problems.REQUEST_TIMEOUT),
    *(problems.IDEMPOTENCY_KEY_REUSED, problems.MESSAGE_ID_TAKEN, problems.INSTRUCTION_ID_TAKEN),
    *(problems.BODY_TOO_LARGE, problems.OVERLOADED),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)
_ONE_PAYMENT: Final = (problems.PAYMENT_NOT_FOUND, problems.AMBIGUOUS_REFERENCE, problems.NOT_ACCEPTABLE)

_REFERENCE: Final = {
    "name": "reference",
    "in": "path",
    "required": True,
    "description": "The payment's id, else its UETR, else its end-to-end id (percent-encoded).",
    "schema": {"type": "string", "maxLength": 128},
}
_PAYMENT_ID: Final = {
    "name": "payment_id",
    "in": "path",
    "required": True,
    "description": "The payment's id.",
    "schema": {"type": "string", "format": "uuid"},
}
_MESSAGE_ID: Final = {
    "name": "message_id",
    "in": "path",
    "required": True,
    "description": "The id of a message in the payment's list of messages.",
    "schema": {"type": "string", "format": "uuid"},
}
_CODE: Final = {"name": "code", "in": "path", "required": True, "schema": {"type": "string", "enum": sorted(PROBLEMS)}}
_UETR: Final = {"name": "uetr", "in": "query", "schema": {"type": "string"}}
_RAIL: Final = {
    "name": "rail",
    "in": "query",
    "description": "The rail that the message goes over, where it shows none itself; without it the gateway's default.",
    "schema": {"type": "string", "enum": [rail.value for rail in Rail]},
}
_END_TO_END_ID: Final = {"name": "end_to_end_id", "in": "query", "schema": {"type": "string"}}

_WAITED: Final = {
    "Preference-Applied": {"description": "The wait that was granted.", "schema": {"type": "string"}},
}
_SUBMITTED: Final = {
    "Location": {"description": "The payment's own address.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {
        "description": "true when this is the repeat of an earlier submission; else not sent.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


def openapi_document(*, version: str, limits: HttpLimits) -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fifteen: instant payments on FedNow and RTP",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": _DESCRIPTION.format(body_bytes_max=limits.body_bytes_max, wait_max_s=limits.wait_max_s),
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"api_key": []}],
        "tags": [
            {"name": "submit", "description": "Send a payment."},
            {"name": "read", "description": "Know where the money is."},
            {"name": "operate", "description": "Health, readiness, metrics, and this document."},
        ],
        "paths": stating_freshness(_paths()),
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The API key."},
                "api_key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
            "parameters": {"wait": _wait(limits)},
            "headers": {FRESHNESS: FRESHNESS_HEADER},
            "schemas": {
                **(SCHEMAS | DEAD_LETTER_SCHEMAS | INCOMING_SCHEMAS),
                **(CONVERSATION_SCHEMAS | DUE_SCHEMAS | RAIL_SCHEMAS | QUESTION_SCHEMAS),
            },
            "responses": {kind.code: _problem_response(kind) for kind in PROBLEMS.values()},
        },
    }


_DESCRIPTION: Final = """\
A payment is claimed under a key that the client makes: an ISO 20022 message under its own message id, a payment in
JSON under the header `Idempotency-Key`. The same key with the same payment is one payment, however often and from
wherever it is sent, and gets the first answer again, byte for byte; so after a time-out, a lost connection, 500 or 503,
**send the same request again**. The same key with another payment is refused (409) and changes nothing.

Without `Prefer: wait`, the answer to a submission is the payment as it was accepted (202), also when a repeat comes
later: read the payment to know how far it is. With `Prefer: wait=N` (at most {wait_max_s} seconds, never past the
payment's deadline) it is the payment as it is then: 200 once `final` is true, else 202. With `Accept: application/xml`
a final answer is the rail's own pacs.002; where the rail gave none (the gateway rejected the payment itself, or the
rail refused the message), it is JSON. What was accepted is never answered with 406.

Decide on `final` and `money` alone: `moved` and `not_moved` are certain and never change; `may_have_moved` is neither.
Bodies have at most {body_bytes_max} bytes, uncompressed.
"""


def _paths() -> dict[str, Any]:
    return {
        "/v1/messages": {"post": _post_message()},
        "/v1/payments": {"post": _post_payment(), "get": _find_payments()},
        "/v1/liquidity-transfers": {"post": _post_liquidity_transfer()},
        "/v1/payments/{reference}": {"get": _get_payment()},
        "/v1/payments/{reference}/events": {
            "get": _read(
                "getEvents",
                "A payment's history",
                schema=ref("Events"),
                example=EVENTS_EXAMPLE,
                said=_ONE_PAYMENT,
                parameters=[_REFERENCE],
            )
        },
        "/v1/payments/{reference}/messages": {
            "get": _read(
                "getMessages",
                "The list of a payment's raw messages",
                schema=ref("Messages"),
                example=MESSAGES_EXAMPLE,
                said=(*_ONE_PAYMENT, problems.MESSAGES_EXPIRED),
                parameters=[_REFERENCE],
            )
        },
        "/v1/payments/{reference}/messages/{message_id}": {"get": _get_message()},
        "/v1/payments/{payment_id}/operator-actions": {"post": _post_operator_action()},
        "/v1/operator/payments": {
            "get": _read(
                "getOperatorPayments",
                "The payments that wait for a person, the longest open first: a tenant's own, or for an operator all",
                schema=ref("Payments"),
                example={"payments": [], "more": False},
                said=(),
                parameters=[],
            )
        },
        "/v1/held-payments": {
            "get": _read(
                "getHeldPayments",
                "The payments that screening holds, what expires first: a tenant's own, or for an operator all",
                schema=ref("HeldPayments"),
                example={"held": [], "more": False},
                said=(),
                parameters=[],
            )
        },
        "/v1/payments/{payment_id}/hold-decision": {"post": _post_hold_decision()},
        **dead_letter_paths(_problem_responses),
        **incoming_paths(_problem_responses),
        **conversation_paths(_problem_responses),
        **due_paths(_problem_responses),
        **receipt_paths(_problem_responses, CONVERSATION_EXAMPLE),
        **rail_paths(_problem_responses),
        **question_paths(_problem_responses),
        **request_paths(_problem_responses, PAYMENT_SETTLED_EXAMPLE, TRANSFER_EXAMPLE),
        "/": {"get": _open("getIndex", "What there is", ref("Index"))},
        "/healthz": {"get": _open("getHealth", "Whether the process answers", ref("Health"), (problems.NOT_READY,))},
        "/readyz": {
            "get": _open("getReadiness", "Whether payments can be taken", ref("Readiness"), (problems.NOT_READY,))
        },
        "/synthetic": {
            "post": _open(
                "postSynthetic",
                "What became of synthetic payments, made now: to a simulator, without money, outside the books",
                ref("Synthetic"),
                (problems.NOT_FOUND,),
            )
        },
        "/metrics": {"get": _open("getMetrics", "Metrics for Prometheus", {"type": "string"}, form="text/plain")},
        "/openapi.json": {"get": _open("getOpenapi", "This document", {"type": "object"})},
        "/problems": {"get": _open("getProblems", "Every kind of problem", ref("ProblemKinds"))},
        "/problems/{code}": {
            "get": {
                **_open("getProblem", "One kind of problem", ref("ProblemKind"), (problems.NOT_FOUND,)),
                "parameters": [_CODE],
            }
        },
    }


def _post_message() -> dict[str, Any]:
    return {
        "operationId": "postMessage",
        "tags": ["submit"],
        "summary": "Submit an ISO 20022 message (pacs.008.001.08, over FedNow also pacs.009.001.08)",
        "description": (
            "A bare Document, a header and Document, or the envelope of FedNow or RTP; UTF-8. Any application/*+xml is "
            "taken. The message shows its rail by envelope, header, clearing system or id; else `rail` names it."
        ),
        "parameters": [
            _key(required=False, description="May be left out; if it is sent, it equals the message's own id."),
            _RAIL,
            {"$ref": "#/components/parameters/wait"},
        ],
        "requestBody": {
            "required": True,
            "content": {
                media_type: {"schema": {"type": "string"}, "example": XML_MESSAGE_EXAMPLE}
                for media_type in ("application/xml", "text/xml")
            },
        },
        "responses": {
            **_submitted_responses(),
            **_problem_responses(
                *_EVERYWHERE,
                *_BODY,
                problems.MESSAGE_UNREADABLE,
                problems.MESSAGE_INVALID,
                problems.QUERY_INVALID,
                problems.RAIL_NOT_SERVED,
                problems.NOT_REACHED,
                problems.DIRECTORY_STALE,
                problems.IDEMPOTENCY_KEY_DIFFERS,
                problems.LIQUIDITY_NOT_ALLOWED,
            ),
        },
    }


def _post_payment() -> dict[str, Any]:
    return _post_json(
        "postPayment",
        "Submit a payment in JSON; the gateway makes the pacs.008",
        {"schema": ref("PaymentRequest"), "example": JSON_PAYMENT_EXAMPLE},
    )


def _post_liquidity_transfer() -> dict[str, Any]:
    return _post_json(
        "postLiquidityTransfer",
        "Submit a liquidity transfer in JSON; the gateway makes the pacs.009. It is a payment from then on",
        {"schema": ref("LiquidityRequest"), "example": LIQUIDITY_EXAMPLE},
        problems.LIQUIDITY_NOT_ALLOWED,
    )


def _post_json(
    operation_id: str, summary: str, content: dict[str, Any], *further: problems.ProblemKind
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "tags": ["submit"],
        "summary": summary,
        "parameters": [
            _key(required=True, description="One unique value for each payment, the same for each repeat of it."),
            {"$ref": "#/components/parameters/wait"},
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": content},
        },
        "responses": {
            **_submitted_responses(),
            **_problem_responses(
                *_EVERYWHERE,
                *_BODY,
                problems.IDEMPOTENCY_KEY_MISSING,
                problems.JSON_UNREADABLE,
                problems.PAYMENT_INVALID,
                problems.RAIL_NOT_SERVED,
                problems.NOT_REACHED,
                problems.DIRECTORY_STALE,
                *further,
            ),
        },
    }


def _post_operator_action() -> dict[str, Any]:
    return _decided_by_a_person(
        "postOperatorAction",
        "Have the rail asked once more, or record its word heard on another way",
        state="AWAITING_OPERATOR",
        schema="OperatorAction",
        example={"action": "ask", "note": "The rail's support, case 15: ask once more."},
        refused=problems.NOT_AWAITING_OPERATOR,
    )


def _post_hold_decision() -> dict[str, Any]:
    return _decided_by_a_person(
        "postHoldDecision",
        "Release or reject a payment that screening holds",
        state="HELD",
        schema="HoldDecision",
        example={"decision": "release", "note": "Case 15: another person of the same name."},
        refused=problems.NOT_HELD,
    )


def _decided_by_a_person(
    operation_id: str, summary: str, *, state: str, schema: str, example: dict[str, str], refused: ProblemKind
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "tags": ["operate"],
        "summary": summary,
        "description": f"Needs an operator's key, and a payment in the state {state}. The note stays in the payment's "
        "history.",
        "parameters": [_PAYMENT_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref(schema), "example": example}},
        },
        "responses": {
            "200": {
                "description": "The payment as it is then.",
                "content": {"application/json": {"schema": ref("Payment"), "example": PAYMENT_SETTLED_EXAMPLE}},
            },
            **_problem_responses(
                *_EVERYWHERE,
                *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT),
                *(problems.BODY_TOO_LARGE, problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING),
                *(problems.EXPECTATION_FAILED, problems.PAYMENT_NOT_FOUND, problems.OPERATOR_NEEDED),
                *(refused, problems.ACTION_INVALID),
            ),
        },
    }


def _find_payments() -> dict[str, Any]:
    found = {"payments": [PAYMENT_SETTLED_EXAMPLE], "more": False}
    said = (problems.QUERY_INVALID, problems.NOT_ACCEPTABLE)
    operation = _read(
        "findPayments",
        "Payments by reference, newest first",
        schema=ref("Payments"),
        example=found,
        said=said,
        parameters=[_UETR, _END_TO_END_ID],
    )
    return operation | {"description": "One of the two parameters, or both; nothing found is an empty list."}


def _get_payment() -> dict[str, Any]:
    operation = _read(
        "getPayment",
        "One payment, as it is now",
        schema=ref("Payment"),
        example=PAYMENT_SETTLED_EXAMPLE,
        said=_ONE_PAYMENT,
        parameters=[_REFERENCE, {"$ref": "#/components/parameters/wait"}],
    )
    answer = operation["responses"]["200"]
    answer["content"]["application/xml"] = {"schema": {"type": "string"}, "example": XML_REPORT_EXAMPLE}
    answer["headers"] = _WAITED
    return operation


def _get_message() -> dict[str, Any]:
    operation = _read(
        "getMessage",
        "A raw message, byte for byte",
        schema={"type": "string"},
        example=XML_REPORT_EXAMPLE,
        said=(
            *(problems.PAYMENT_NOT_FOUND, problems.AMBIGUOUS_REFERENCE),
            *(problems.MESSAGE_NOT_FOUND, problems.MESSAGES_EXPIRED),
        ),
        parameters=[_REFERENCE, _MESSAGE_ID],
    )
    operation["responses"]["200"]["content"] = {
        "application/xml": {"schema": {"type": "string"}, "example": XML_REPORT_EXAMPLE},
        "application/json": {"schema": {"type": "object"}},
    }
    return operation


def _submitted_responses() -> dict[str, Any]:
    return {
        "200": {
            "description": "With Prefer: wait: the payment is final.",
            "headers": _SUBMITTED | _WAITED,
            "content": {
                "application/json": {"schema": ref("Payment"), "example": PAYMENT_SETTLED_EXAMPLE},
                "application/xml": {"schema": {"type": "string"}, "example": XML_REPORT_EXAMPLE},
            },
        },
        "202": {
            "description": "Accepted: durable, and it will be brought to its end. A repeat gets the same answer. Or, "
            f"as {PENDING_TYPE}: another region is the key's home and did not answer; repeat under the same key.",
            "headers": _SUBMITTED | _WAITED,
            "content": {
                "application/json": {"schema": ref("Payment"), "example": PAYMENT_ACCEPTED_EXAMPLE},
                PENDING_TYPE: {"schema": ref("Pending"), "example": PENDING_EXAMPLE},
            },
        },
    }


def _read(
    operation_id: str,
    summary: str,
    *,
    schema: Mapping[str, Any],
    example: object,
    said: Sequence[ProblemKind],
    parameters: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "tags": ["read"],
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": {
                "description": summary,
                "content": {"application/json": {"schema": schema, "example": example}},
            },
            **_problem_responses(*_EVERYWHERE, *said),
        },
    }


def _open(
    operation_id: str,
    summary: str,
    schema: Mapping[str, Any],
    said: Sequence[ProblemKind] = (),
    *,
    form: str = "application/json",
) -> dict[str, Any]:
    return {
        "operationId": operation_id,
        "tags": ["operate"],
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": summary, "content": {form: {"schema": schema}}},
            **_problem_responses(problems.INTERNAL_ERROR, *said),
        },
    }


def _key(*, required: bool, description: str) -> dict[str, Any]:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }


def _wait(limits: HttpLimits) -> dict[str, Any]:
    return {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": f"wait=N: answer when the payment is final, or after N seconds (at most {limits.wait_max_s}).",
        "schema": {"type": "string"},
        "example": f"wait={limits.wait_max_s}",
    }


def _problem_responses(*kinds: ProblemKind) -> dict[str, Any]:
    """Return one response for each status; statuses that several kinds share name them all."""
    by_status: dict[str, list[ProblemKind]] = {}
    for kind in kinds:
        by_status.setdefault(str(kind.status), []).append(kind)
    return {status: _shared_response(group) for status, group in sorted(by_status.items())}


def _shared_response(kinds: Sequence[ProblemKind]) -> dict[str, Any]:
    if len(kinds) == 1:
        return {"$ref": f"#/components/responses/{kinds[0].code}"}
    return {
        "description": " Or: ".join(f"{kind.title} (`{kind.code}`)." for kind in kinds),
        "content": {
            PROBLEM_TYPE: {
                "schema": ref("Problem"),
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
            }
        },
    }


def _problem_response(kind: ProblemKind) -> dict[str, Any]:
    return {
        "description": f"{kind.title} (`{kind.code}`). {kind.advice}",
        "content": {PROBLEM_TYPE: {"schema": ref("Problem"), "example": _example(kind)}},
    }


def _example(kind: ProblemKind) -> dict[str, Any]:
    return problem_document(ProblemError(kind, f"{kind.title}."), _EXAMPLE_INSTANCE)
