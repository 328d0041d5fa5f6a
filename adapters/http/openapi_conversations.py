"""Conversations in the OpenAPI document: paths, schemas and examples, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from adapters.http.conversation_forms import CODES_MAX, EVERY_ANSWER, LINE_MAX, LINES_MAX
from adapters.http.incoming_forms import TEXT_MAX
from adapters.http.notes import NOTE_MAX
from adapters.http.openapi_examples import JSON_PAYMENT_EXAMPLE
from adapters.http.openapi_questions import QUESTIONS
from adapters.http.openapi_receipts import MISSING_RECEIPTS
from adapters.http.openapi_schemas import SCHEMAS
from gateway.domain.conversation import Act, ConversationKind, ConversationState, Side
from gateway.domain.payment import Rail, ReasonOrigin
from iso20022.messages.camt060 import ReportKind

_ID: Final = "7c1b5a52-6d0e-8f31-9b7a-5c0e8f1d2a3b"
_LINK: Final = f"/v1/conversations/{_ID}"
_STRING: Final = {"type": "string"}
_UUID: Final = {"type": "string", "format": "uuid"}
_CODE: Final = {"type": "string", "pattern": "^[A-Z0-9]{4}$"}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX}
_DAY: Final = {"type": "string", "format": "date"}
_INSTANT: Final = {"type": "string", "format": "date-time"}


def _object(members: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, schema]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_STATE: Final = {"type": "string", "enum": [state.value for state in ConversationState]}
_MONEY: Final = _object({"value": _STRING, "currency": {"const": "USD"}})
_REASON: Final = _object(
    {
        "code": _STRING,
        "origin": {"type": "string", "enum": [origin.value for origin in ReasonOrigin]},
        "text": {"type": ["string", "null"]},
    }
)
_CODES: Final = {"type": "array", "items": _CODE, "maxItems": CODES_MAX}
_PAYMENT_REQUEST: Final = SCHEMAS["PaymentRequest"]

CONVERSATION_SCHEMAS: Final[dict[str, Any]] = {
    "Conversation": _object(
        {
            "conversation_id": _UUID,
            "kind": {"type": "string", "enum": [kind.value for kind in ConversationKind]},
            "direction": {
                "type": "string",
                "enum": [side.value for side in Side],
                "description": "out: we opened it; in: the other side.",
            },
            "rail": {"type": "string", "enum": [rail.value for rail in Rail]},
            "state": _STATE,
            "attention": {"type": "boolean", "description": "What was said contradicts itself: a person must look."},
            "missing_receipts": MISSING_RECEIPTS,
            "region": {
                **_STRING,
                "description": "Where it goes on; what is done in it in the other region is forwarded there.",
            },
            "due_at": {
                **_or_null(_INSTANT),
                "description": "Until when what comes next is due; null where nothing is.",
            },
            "may": {
                "type": "array",
                "items": {"type": "string", "enum": [*EVERY_ANSWER, "withdraw", "ask_status"]},
                "description": "What is ours to do in it now.",
            },
            "message_id": {**_STRING, "description": "That of the message that opened it."},
            "own_agent": _STRING,
            "counterparty": _STRING,
            "topic": {"type": ["string", "null"], "description": "A question's codes, or a report's kind."},
            "amount": _or_null(_MONEY),
            "end_to_end_id": {"type": ["string", "null"]},
            "pay_by": _or_null(_INSTANT),
            "expires_at": _or_null(_INSTANT),
            "opened_at": _INSTANT,
            "updated_at": _INSTANT,
            "links": _object(
                {
                    "self": _STRING,
                    "events": _STRING,
                    "messages": _STRING,
                    "about": {
                        "type": ["string", "null"],
                        "description": "The payment, or request for payment, that is asked about.",
                    },
                    "paid_with": {"type": ["string", "null"], "description": "The payment that settled for it."},
                }
            ),
        }
    ),
    "Conversations": _object(
        {"conversations": {"type": "array", "items": _ref("Conversation")}, "more": {"type": "boolean"}}
    ),
    "ConversationEvents": _object(
        {
            "conversation_id": _UUID,
            "events": {
                "type": "array",
                "items": _object(
                    {
                        "sequence": {"type": "integer"},
                        "kind": {"type": "string", "enum": [act.value for act in Act]},
                        "state_before": _or_null(_STATE),
                        "state_after": _STATE,
                        "reason": _or_null(_REASON),
                        "business_message_id": {"type": ["string", "null"]},
                        "attention": {"type": "boolean"},
                        "at": _INSTANT,
                        "region": _STRING,
                    }
                ),
            },
            "questions": QUESTIONS,
        }
    ),
    "ConversationMessages": _object(
        {"conversation_id": _UUID, "messages": {"type": "array", "items": _ref("Message")}}
    ),
    "RequestForPayment": {
        **_PAYMENT_REQUEST,
        "properties": {
            **_PAYMENT_REQUEST["properties"],
            "pay_on": {**_DAY, "description": "Until the end of this day, US Eastern, is to be paid."},
            "expires": {
                "anyOf": [_DAY, _INSTANT],
                "description": "Until then the request stands; a day ends at 23:59:59 US Eastern.",
            },
        },
        "required": [*_PAYMENT_REQUEST["required"], "pay_on"],
    },
    "InformationRequest": _object(
        {
            "missing": {**_CODES, "description": "ISO 20022 codes of what is missing, such as MS01."},
            "incorrect": {**_CODES, "description": "ISO 20022 codes of what is wrong, such as IN01."},
            "text": {**_TEXT, "description": "With the code NARR, and with it alone."},
        },
        optional=("missing", "incorrect", "text"),
    ),
    "ReportRequest": _object(
        {
            "kind": {"type": "string", "enum": [kind.value for kind in ReportKind]},
            "account": {**_STRING, "pattern": "^[0-9]{9}$"},
            "from_date": _DAY,
            "to_date": _DAY,
            "rail": {"type": "string", "enum": [rail.value for rail in Rail]},
        },
        optional=("from_date", "to_date", "rail"),
    ),
    "ConversationAnswer": _object(
        {
            "answer": {"type": "string", "enum": list(EVERY_ANSWER)},
            "reason_code": {**_CODE, "description": "Needed where it is refused, such as AC04 or CUST."},
            "text": _TEXT,
            "information": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": LINE_MAX},
                "maxItems": LINES_MAX,
                "description": "What is told, with the answer informed.",
            },
        },
        optional=("reason_code", "text", "information"),
    ),
    "ConversationNote": _object({"note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX}}),
    "Withdrawal": _object({"reason_code": _CODE, "text": _TEXT}, optional=("text",)),
}
"""Every schema of conversations, by name."""

EXAMPLE: Final[dict[str, Any]] = {
    "conversation_id": _ID,
    "kind": "request_for_payment",
    "direction": "in",
    "rail": "fednow",
    "state": "REQUESTED",
    "attention": False,
    "missing_receipts": [],
    "region": "local",
    "due_at": "2026-11-25T04:59:59.000Z",
    "may": ["presented", "accepted", "refused"],
    "message_id": "20261120990001106EXAMPLE0003",
    "own_agent": "990000107",
    "counterparty": "990001106",
    "topic": None,
    "amount": {"value": "51.74", "currency": "USD"},
    "end_to_end_id": "EXAMPLE-INVOICE-1",
    "pay_by": "2026-11-25T04:59:59.000Z",
    "expires_at": None,
    "opened_at": "2026-11-20T16:00:00.000Z",
    "updated_at": "2026-11-20T16:00:00.000Z",
    "links": {
        "self": _LINK,
        "events": f"{_LINK}/events",
        "messages": f"{_LINK}/messages",
        "about": None,
        "paid_with": None,
    },
}
_EVENTS_EXAMPLE: Final = {
    "conversation_id": _ID,
    "events": [
        {
            "sequence": 1,
            "kind": "Opened",
            "state_before": None,
            "state_after": "REQUESTED",
            "reason": None,
            "business_message_id": "20261120021150706EXAMPLE9003",
            "attention": False,
            "at": "2026-11-20T16:00:00.000Z",
            "region": "local",
        }
    ],
    "questions": [],
}
_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)
_STARTING: Final = (
    *(*_BODY, problems.IDEMPOTENCY_KEY_MISSING, problems.HEADER_INVALID, problems.MESSAGE_INVALID),
    problems.CONVERSATION_NOT_STARTED,
)
_ONE: Final = {"name": "conversation_id", "in": "path", "required": True, "schema": _UUID}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "One unique value for each conversation, the same for each repeat.",
    "schema": _STRING,
}


def conversation_paths(problem_responses: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return the paths."""

    def shown(schema: str, example: object, *said: problems.ProblemKind) -> dict[str, Any]:
        content = {"application/json": {"schema": _ref(schema), "example": example}}
        return {"200": {"description": "As it is then", "content": content}, **problem_responses(*_EVERYWHERE, *said)}

    def body(schema: str, example: object) -> dict[str, Any]:
        return {"required": True, "content": {"application/json": {"schema": _ref(schema), "example": example}}}

    def starting(
        name: str, summary: str, schema: str, example: object, *said: problems.ProblemKind, path: str | None = None
    ) -> dict[str, Any]:
        named = [] if path is None else [{"name": path, "in": "path", "required": True, "schema": _UUID}]
        return {
            "operationId": name,
            "tags": ["send"],
            "summary": summary,
            "description": "Once under one key; a worker sends it. A repeat shows the conversation as it is then.",
            "parameters": [*named, _KEY],
            "requestBody": body(schema, example),
            "responses": shown("Conversation", EXAMPLE, *_STARTING, *said),
        }

    def looking(
        name: str, summary: str, responses: dict[str, Any], parameters: list[dict[str, Any]], description: str = ""
    ) -> dict[str, Any]:
        said = {"description": description} if description else {}
        return {
            "operationId": name,
            "tags": ["read"],
            "summary": summary,
            **said,
            "parameters": parameters,
            "responses": responses,
        }

    def going_on(name: str, summary: str, schema: str, example: object) -> dict[str, Any]:
        return {
            "operationId": name,
            "tags": ["send"],
            "summary": summary,
            "description": "A worker sends it. A repeat finds it done: 409, and sends nothing; `pending` and "
            "`withdrawal_pending` may be said again, and are sent again.",
            "parameters": [_ONE],
            "requestBody": body(schema, example),
            "responses": shown(
                "Conversation",
                EXAMPLE,
                *(*_BODY, unknown, problems.CONVERSATION_NOT_WAITING, problems.ACTION_INVALID),
                *(problems.MESSAGE_INVALID, problems.CONVERSATION_NOT_STARTED),
            ),
        }

    unknown = problems.CONVERSATION_NOT_FOUND
    asked = {**JSON_PAYMENT_EXAMPLE, "pay_on": "2026-11-24"}
    kinds = {"type": "string", "enum": [kind.value for kind in ConversationKind]}
    message = {"name": "message_id", "in": "path", "required": True, "schema": _UUID}
    raw = {"application/xml": {"schema": {"type": "string"}}}
    return {
        "/v1/requests-for-payment": {
            "post": starting(
                "requestPayment",
                "Ask a debtor for a payment, through both institutions (pain.013)",
                "RequestForPayment",
                asked,
                problems.PAYMENT_INVALID,
            )
        },
        "/v1/account-reports": {
            "post": starting(
                "requestReport",
                "Ask the rail for a report on an account (camt.060)",
                "ReportRequest",
                {"kind": "IATR", "account": "990000107"},
                problems.ACTION_INVALID,
            )
        },
        "/v1/incoming-transfers/{transfer_id}/information-request": {
            "post": starting(
                "requestInformation",
                "Ask the sender of a transfer about it (camt.026)",
                "InformationRequest",
                {"missing": ["MS01"]},
                *(problems.INCOMING_TRANSFER_NOT_FOUND, problems.ACTION_INVALID),
                path="transfer_id",
            )
        },
        "/v1/conversations/{conversation_id}/information-request": {
            "post": starting(
                "requestInformationAboutRequest",
                "Ask who has asked us for a payment about the request (camt.026)",
                "InformationRequest",
                {"missing": ["MS01"]},
                *(unknown, problems.ACTION_INVALID),
                path="conversation_id",
            )
        },
        "/v1/conversations": {
            "get": looking(
                "findConversations",
                "Conversations of which something is to be expected: what is due first comes first",
                shown("Conversations", {"conversations": [EXAMPLE], "more": False}, problems.QUERY_INVALID),
                [
                    {"name": "kind", "in": "query", "schema": kinds},
                    {
                        "name": "about",
                        "in": "query",
                        "schema": _UUID,
                        "description": "The id of a payment, a transfer, or a request for payment.",
                    },
                    {"name": "all", "in": "query", "schema": {"const": "true"}, "description": "Those at an end too."},
                ],
                "A tenant's key sees its own, an operator's all.",
            )
        },
        "/v1/conversations/{conversation_id}": {
            "get": looking("getConversation", "One conversation", shown("Conversation", EXAMPLE, unknown), [_ONE])
        },
        "/v1/conversations/{conversation_id}/events": {
            "get": looking(
                "getConversationEvents",
                "A conversation's history",
                shown("ConversationEvents", _EVENTS_EXAMPLE, unknown),
                [_ONE],
            )
        },
        "/v1/conversations/{conversation_id}/messages": {
            "get": looking(
                "getConversationMessages",
                "The list of a conversation's messages",
                shown("ConversationMessages", {"conversation_id": _ID, "messages": []}, unknown),
                [_ONE],
            )
        },
        "/v1/conversations/{conversation_id}/messages/{message_id}": {
            "get": looking(
                "getConversationMessage",
                "A message, byte for byte as it was received or sent",
                {
                    "200": {"description": "The message", "content": raw},
                    **problem_responses(*_EVERYWHERE, unknown, problems.MESSAGE_NOT_FOUND),
                },
                [_ONE, message],
            )
        },
        "/v1/conversations/{conversation_id}/answer": {
            "post": going_on(
                "answerConversation",
                "Answer what we are asked (pain.014, camt.029, camt.028)",
                "ConversationAnswer",
                {"answer": "refused", "reason_code": "AC04"},
            )
        },
        "/v1/conversations/{conversation_id}/withdrawal": {
            "post": going_on(
                "withdrawRequest",
                "Take a request for payment of ours back (camt.055)",
                "Withdrawal",
                {"reason_code": "CUST"},
            )
        },
        "/v1/conversations/{conversation_id}/status-request": {
            "post": {
                "operationId": "askAboutRequest",
                "tags": ["send"],
                "summary": "Ask who was asked for a payment how our request stands (pacs.028)",
                "description": "Without a body; FedNow alone carries it. A worker sends it. The answer is a pain.014, "
                "as ever; that the request is not known there is StatusNotTold in the history. A repeat within five "
                "minutes is the same question.",
                "parameters": [_ONE],
                "responses": shown(
                    "Conversation",
                    EXAMPLE,
                    *(problems.BODY_INCOMPLETE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE, unknown),
                    *(problems.CONVERSATION_NOT_WAITING, problems.CONVERSATION_NOT_STARTED),
                ),
            }
        },
        "/v1/conversations/{conversation_id}/note": {
            "post": {
                "operationId": "noteConversation",
                "tags": ["send"],
                "summary": "Say what was found out about a conversation that needs attention: it needs none any more",
                "description": "Nothing is sent; the note stays in the history.",
                "parameters": [_ONE],
                "requestBody": body("ConversationNote", {"note": "Their support says: the RJCT was a slip."}),
                "responses": shown("Conversation", EXAMPLE, *_BODY, unknown, problems.ACTION_INVALID),
            }
        },
    }
