"""Return requests in the OpenAPI document: paths, schemas and examples, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from adapters.http.incoming_forms import TEXT_MAX
from adapters.http.openapi_receipts import MISSING_RECEIPTS
from adapters.http.return_requests import ANSWERS
from gateway.domain.request import RequestState

_ID: Final = "000b4c1e-9d2a-8f31-9b7a-5c0e8f1d2a3b"
_STRING: Final = {"type": "string"}
_CODE: Final = {"type": "string", "pattern": "^[A-Z0-9]{4}$"}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX}
_MONEY: Final = {
    "type": "object",
    "properties": {"value": _STRING, "currency": {"const": "USD"}},
    "required": ["value", "currency"],
    "additionalProperties": False,
}


def _object(members: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


REQUEST_SCHEMAS: Final[dict[str, Any]] = {
    "StandingRequest": _object(
        {
            "state": {
                "type": "string",
                "enum": [state.value for state in RequestState if state is not RequestState.NONE],
            },
            "message_id": {"type": ["string", "null"], "description": "That of the camt.056."},
            "due_at": {
                "anyOf": [{"type": "null"}, {"type": "string", "format": "date-time"}],
                "description": "Until when what comes next is due; null where nothing is.",
            },
        }
    ),
    "ReturnRequests": _object(
        {
            "return_requests": {
                "type": "array",
                "items": _object(
                    {
                        "direction": {"type": "string", "enum": ["in", "out"]},
                        "id": {**_STRING, "format": "uuid"},
                        "region": _ref("Region"),
                        "request": _ref("StandingRequest"),
                        "amount": _MONEY,
                        "missing_receipts": MISSING_RECEIPTS,
                        "link": _STRING,
                    }
                ),
            },
            "more": {"type": "boolean"},
        }
    ),
    "ReturnAsking": _object({"reason_code": _CODE, "text": _TEXT}, optional=("text",)),
    "ReturnAnswer": _object(
        {
            "answer": {"type": "string", "enum": list(ANSWERS), "description": "RTP takes no `pending`."},
            "amount": {**_STRING, "description": "Where a part is given back: US dollars."},
            "reason_code": {**_CODE, "description": "Needed where it is refused, such as CUST or LEGL."},
            "text": _TEXT,
        },
        optional=("amount", "reason_code", "text"),
    ),
}
"""Every schema of return requests, by name."""

_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)
_LISTED: Final = {
    "return_requests": [
        {
            "direction": "in",
            "id": _ID,
            "region": "local",
            "request": {
                "state": "RECEIVED",
                "message_id": "20261120990001106EXAMPLE0003",
                "due_at": "2026-11-24T04:59:59.000Z",
            },
            "amount": {"value": "51.74", "currency": "USD"},
            "missing_receipts": [],
            "link": f"/v1/incoming-transfers/{_ID}",
        }
    ],
    "more": False,
}


def request_paths(
    problem_responses: Callable[..., dict[str, Any]], payment: dict[str, Any], transfer: dict[str, Any]
) -> dict[str, Any]:
    """Return the paths; `payment` and `transfer` are examples of what is shown."""

    def responses(schema: str, example: object, *said: problems.ProblemKind) -> dict[str, Any]:
        content = {"application/json": {"schema": _ref(schema), "example": example}}
        return {"200": {"description": "As it is then", "content": content}, **problem_responses(*_EVERYWHERE, *said)}

    def body(schema: str, example: object) -> dict[str, Any]:
        return {"required": True, "content": {"application/json": {"schema": _ref(schema), "example": example}}}

    return {
        "/v1/return-requests": {
            "get": {
                "operationId": "findReturnRequests",
                "tags": ["receive"],
                "summary": "Open requests for returns, ours and theirs: what is due first comes first",
                "description": "A tenant's key sees its own, an operator's all.",
                "responses": responses("ReturnRequests", _LISTED),
            }
        },
        "/v1/payments/{payment_id}/return-request": {
            "post": {
                "operationId": "requestReturn",
                "tags": ["send"],
                "summary": "Ask the receiver of a settled payment for its return",
                "description": (
                    "By a camt.056; once, while an answer is due (409). A request of which nobody has said that "
                    "it arrived is sent again in the same case. On FedNow within 60 days of settlement, 95 for "
                    "WNTB, for FRAD always; later it is refused (409)."
                ),
                "parameters": [{"name": "payment_id", "in": "path", "required": True, "schema": _STRING}],
                "requestBody": body("ReturnAsking", {"reason_code": "DUPL"}),
                "responses": responses(
                    "Payment",
                    payment,
                    *(*_BODY, problems.PAYMENT_NOT_FOUND, problems.RETURN_NOT_ASKABLE, problems.ACTION_INVALID),
                ),
            }
        },
        "/v1/payments/{payment_id}/status-request": {
            "post": {
                "operationId": "askAboutPosting",
                "tags": ["send"],
                "summary": "Ask the receiver of a payment that it has not posted what became of it",
                "description": (
                    "By a pacs.028 to the institution, without a body; FedNow alone carries it. The payment is "
                    "ACCEPTED_WITHOUT_POSTING, and the receiver's own time to say so is over: sooner it is refused "
                    "(409, `askable_from`). What it answers moves the payment like any word of the posting; that it "
                    "cannot tell is StatusRequestUnanswered in the history, and moves nothing. A repeat within five "
                    "minutes is the same question."
                ),
                "parameters": [{"name": "payment_id", "in": "path", "required": True, "schema": _STRING}],
                "responses": responses("Payment", payment, problems.PAYMENT_NOT_FOUND, problems.POSTING_NOT_ASKABLE),
            }
        },
        "/v1/incoming-transfers/{transfer_id}/return-answer": {
            "post": {
                "operationId": "answerReturnRequest",
                "tags": ["receive"],
                "summary": "Answer the request for a transfer's return; agreed, the money goes back with the answer",
                "description": "By a camt.029: IPAY, PECR for a part, PDCR or RJCR. A repeat finds it answered: 409.",
                "parameters": [{"name": "transfer_id", "in": "path", "required": True, "schema": _STRING}],
                "requestBody": body("ReturnAnswer", {"answer": "refused", "reason_code": "CUST"}),
                "responses": responses(
                    "IncomingTransfer",
                    transfer,
                    *(*_BODY, problems.INCOMING_TRANSFER_NOT_FOUND, problems.RETURN_NOT_ANSWERABLE),
                    *(problems.NOT_RETURNABLE, problems.ACTION_INVALID),
                ),
            }
        },
    }
