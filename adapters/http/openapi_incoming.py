"""Incoming transfers in the OpenAPI document: paths, schemas and examples, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from adapters.http.incoming_forms import TEXT_MAX
from adapters.http.incoming_representation import ARRIVED
from adapters.http.notes import NOTE_MAX
from adapters.http.openapi_examples import PAYMENT_ACCEPTED_EXAMPLE
from adapters.http.openapi_questions import QUESTIONS
from adapters.http.openapi_requests import REQUEST_SCHEMAS
from adapters.http.problems import ProblemKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import ANSWERED_AS, CONTRARY_WORD, Attention, PostingOutcome, Verdict
from gateway.domain.payment import Rail

_ID: Final = "000b4c1e-9d2a-8f31-9b7a-5c0e8f1d2a3b"
_LINK: Final = f"/v1/incoming-transfers/{_ID}"
_MESSAGE_ID: Final = "019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5d"

TRANSFER_EXAMPLE: Final[dict[str, Any]] = {
    "transfer_id": _ID,
    "state": "PENDING",
    "final": False,
    "money": "arrived",
    "answer": "ACWP",
    "status": "ACWP",
    "reason": None,
    "rail": "fednow",
    "region": "local",
    "message_id": "20261120990001106EXAMPLE0001",
    "end_to_end_id": "EXAMPLE-INVOICE-2",
    "instruction_id": "EXAMPLE-INSTRUCTION-2",
    "uetr": "7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4e",
    "attention": None,
    "contrary_word": None,
    "message_type": "pacs.008.001.08",
    "amount": {"value": "51.74", "currency": "USD"},
    "debtor_agent": "990001106",
    "creditor_agent": "990000107",
    "received_at": "2026-11-20T15:15:00.120Z",
    "answer_by": "2026-11-20T15:15:05.100Z",
    "updated_at": "2026-11-20T15:15:00.310Z",
    "return_of": None,
    "return_request": None,
    "returned": {"value": "0.00", "currency": "USD"},
    "returning": {"value": "0.00", "currency": "USD"},
    "returnable": None,
    "decidable": ["blocked", "pending", "posted", "refused"],
    "decide_by": "2026-11-24T04:59:59.000Z",
    "links": {
        "self": _LINK,
        "events": f"{_LINK}/events",
        "messages": f"{_LINK}/messages",
        "returns": f"{_LINK}/returns",
    },
}

_RETURN_EXAMPLE: Final = {**PAYMENT_ACCEPTED_EXAMPLE, "kind": "return", "return_of": _ID}

_EVENTS_EXAMPLE: Final[dict[str, Any]] = {
    "transfer_id": _ID,
    "events": [
        {
            "sequence": 1,
            "kind": "TransferReceived",
            "state_before": None,
            "state_after": "RECEIVED",
            "status": None,
            "reason": None,
            "business_message_id": "20261120021150706EXAMPLE0002",
            "details": {},
            "at": "2026-11-20T15:15:00.120Z",
            "region": "local",
            "epoch": 1,
        }
    ],
    "questions": [],
}

_MESSAGES_EXAMPLE: Final[dict[str, Any]] = {
    "transfer_id": _ID,
    "messages": [
        {
            "message_id": _MESSAGE_ID,
            "direction": "rail_in",
            "message_type": "pacs.008.001.08",
            "business_message_id": "20261120021150706EXAMPLE0002",
            "content_type": "application/xml",
            "size": 1812,
            "sha256": "0" * 64,
            "at": "2026-11-20T15:15:00.120Z",
            "link": f"{_LINK}/messages/{_MESSAGE_ID}",
        }
    ],
}

_STRING: Final = {"type": "string"}
_NULLABLE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_UUID: Final = {"type": "string", "format": "uuid"}
_STATE: Final = {"type": "string", "enum": [state.value for state in IncomingState]}
_CODE: Final = {"type": "string", "pattern": "^[A-Z0-9]{4}$"}


def _object(members: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


_MONEY: Final = _object({"value": _STRING, "currency": {"const": "USD"}})

INCOMING_SCHEMAS: Final[dict[str, Any]] = {
    "IncomingTransfer": _object(
        {
            "transfer_id": _UUID,
            "state": _STATE,
            "final": {"type": "boolean"},
            "money": {"type": "string", "enum": sorted(set(ARRIVED.values()))},
            "answer": {"type": ["string", "null"], "enum": [*ANSWERED_AS.values(), None]},
            "status": {**_NULLABLE, "description": "The last status that either side has told, ISO 20022."},
            "reason": _ref("NullableReason"),
            "rail": {"type": "string", "enum": [rail.value for rail in Rail]},
            "region": _ref("Region"),
            "message_id": _STRING,
            "end_to_end_id": _STRING,
            "instruction_id": _NULLABLE,
            "uetr": _NULLABLE,
            "attention": {
                "type": ["string", "null"],
                "enum": [*(each.value for each in Attention), CONTRARY_WORD, None],
                "description": "Why a person must look at it, where its state does not say so.",
            },
            "contrary_word": {
                "type": ["string", "null"],
                "enum": [*(each.value for each in (*Verdict, *PostingOutcome)), None],
                "description": "What the institution has said against what is so, too late or of the posting, until "
                "somebody has seen to it.",
            },
            "message_type": {**_STRING, "description": "What brought it: pacs.008, or pacs.004 for a return."},
            "amount": _MONEY,
            "debtor_agent": _STRING,
            "creditor_agent": _STRING,
            "received_at": _INSTANT,
            "answer_by": {**_INSTANT, "description": "The end of the receiver's reserve at the rail."},
            "updated_at": _INSTANT,
            "return_of": {
                "type": ["string", "null"],
                "format": "uuid",
                "description": "Of a return: the payment of yours that comes back.",
            },
            "return_request": {
                "anyOf": [{"type": "null"}, _ref("StandingRequest")],
                "description": "The sender's request for its return, if there was one.",
            },
            "returned": {**_MONEY, "description": "What of it has gone back."},
            "returning": {**_MONEY, "description": "What is on its way back."},
            "returnable": {"anyOf": [{"type": "null"}, _MONEY], "description": "How much may be given back now."},
            "decidable": {
                "type": "array",
                "items": {"type": "string", "enum": [outcome.value for outcome in PostingOutcome]},
                "description": "What may be decided of the posting now.",
            },
            "decide_by": {"anyOf": [{"type": "null"}, _INSTANT], "description": "By when it must be."},
            "links": _object({"self": _STRING, "events": _STRING, "messages": _STRING, "returns": _STRING}),
        }
    ),
    "IncomingTransfers": _object(
        {"incoming_transfers": {"type": "array", "items": _ref("IncomingTransfer")}, "more": {"type": "boolean"}}
    ),
    "IncomingEvents": _object(
        {
            "transfer_id": _UUID,
            "events": {
                "type": "array",
                "items": _object(
                    {
                        "sequence": {"type": "integer", "minimum": 1},
                        "kind": {"type": "string", "enum": [kind.value for kind in IncomingEvent]},
                        "state_before": _NULLABLE,
                        "state_after": _STATE,
                        "status": _NULLABLE,
                        "reason": _ref("NullableReason"),
                        "business_message_id": _NULLABLE,
                        "details": {"type": "object"},
                        "at": _INSTANT,
                        "region": _STRING,
                        "epoch": {"type": "integer", "minimum": 1},
                    }
                ),
            },
            "questions": QUESTIONS,
        }
    ),
    "IncomingReturns": _object({"transfer_id": _UUID, "returns": {"type": "array", "items": _ref("Payment")}}),
    "IncomingMessages": _object({"transfer_id": _UUID, "messages": {"type": "array", "items": _ref("Message")}}),
    "PostingDecision": _object(
        {
            "outcome": {"type": "string", "enum": [outcome.value for outcome in PostingOutcome]},
            "reason_code": {**_CODE, "description": "Needed where it is refused or blocked."},
            "text": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX},
        },
        optional=("reason_code", "text"),
    ),
    **REQUEST_SCHEMAS,
    "ReturnOrder": _object(
        {
            "amount": {**_STRING, "description": "US dollars; all that is left where it is not said."},
            "reason_code": {**_CODE, "description": "Needed where the money was posted."},
            "text": {"type": "string", "minLength": 1, "maxLength": TEXT_MAX},
            "note": {
                "type": "string",
                "minLength": 1,
                "maxLength": NOTE_MAX,
                "description": "An operator's alone, where attention is contradicted: who has said that no former "
                "return has moved money.",
            },
        },
        optional=("amount", "reason_code", "text", "note"),
    ),
    "ReturnRecord": _object({"note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX}}),
    "SettlementRecord": _object(
        {
            "settled": {"type": "boolean", "description": "Whether the rail has settled it."},
            "note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX},
        }
    ),
}
"""Every schema of incoming transfers, by name."""

_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)
_TRANSFER_ID: Final = {"name": "transfer_id", "in": "path", "required": True, "schema": _STRING}
_MESSAGE: Final = {"name": "message_id", "in": "path", "required": True, "schema": _STRING}
_STATES: Final = {
    "name": "state",
    "in": "query",
    "description": "Transfers in this state; repeated, in one of these.",
    "schema": {"type": "array", "items": _STATE},
}

ProblemResponses = Callable[..., dict[str, Any]]


def incoming_paths(problem_responses: ProblemResponses) -> dict[str, Any]:
    """Return the paths; `problem_responses` makes the responses of problem kinds."""

    def operation(
        operation_id: str, summary: str, content: dict[str, Any], *said: ProblemKind, **more: Any
    ) -> dict[str, Any]:
        return {
            "operationId": operation_id,
            "tags": ["receive"],
            "summary": summary,
            **more,
            "responses": {
                "200": {"description": summary, "content": content},
                **problem_responses(*_EVERYWHERE, *said),
            },
        }

    def shown(schema: str, example: object) -> dict[str, Any]:
        return {"application/json": {"schema": _ref(schema), "example": example}}

    one, not_found = {"parameters": [_TRANSFER_ID]}, problems.INCOMING_TRANSFER_NOT_FOUND
    decision = {"schema": _ref("PostingDecision"), "example": {"outcome": "posted"}}
    posted = {
        **TRANSFER_EXAMPLE,
        "state": "POSTED",
        "final": True,
        "status": "ACCC",
        "decidable": [],
        "decide_by": None,
    }
    return {
        "/v1/incoming-transfers": {
            "get": operation(
                "findIncomingTransfers",
                "Incoming transfers: what must be decided first, then the newest",
                shown("IncomingTransfers", {"incoming_transfers": [TRANSFER_EXAMPLE], "more": False}),
                problems.QUERY_INVALID,
                description="A tenant's key sees its own, an operator's all.",
                parameters=[_STATES],
            )
        },
        "/v1/incoming-transfers/{transfer_id}": {
            "get": operation(
                "getIncomingTransfer", "One", shown("IncomingTransfer", TRANSFER_EXAMPLE), not_found, **one
            )
        },
        "/v1/incoming-transfers/{transfer_id}/events": {
            "get": operation(
                "getIncomingEvents", "Its history", shown("IncomingEvents", _EVENTS_EXAMPLE), not_found, **one
            )
        },
        "/v1/incoming-transfers/{transfer_id}/returns": {
            "get": operation(
                "getIncomingReturns",
                "The payments that give it back, also the one under way",
                shown("IncomingReturns", {"transfer_id": _ID, "returns": [_RETURN_EXAMPLE]}),
                not_found,
                **one,
            )
        },
        "/v1/incoming-transfers/{transfer_id}/messages": {
            "get": operation(
                "getIncomingMessages",
                "The list of its raw messages",
                shown("IncomingMessages", _MESSAGES_EXAMPLE),
                *(not_found, problems.MESSAGES_EXPIRED),
                **one,
            )
        },
        "/v1/incoming-transfers/{transfer_id}/messages/{message_id}": {
            "get": operation(
                "getIncomingMessage",
                "A raw message, byte for byte",
                {"application/xml": {"schema": _STRING}},
                *(not_found, problems.MESSAGE_NOT_FOUND, problems.MESSAGES_EXPIRED),
                parameters=[_TRANSFER_ID, _MESSAGE],
            )
        },
        "/v1/incoming-transfers/{transfer_id}/posting": {
            "post": operation(
                "decidePosting",
                "Say what became of money that has arrived; the rail is told",
                shown("IncomingTransfer", posted),
                *(*_BODY, not_found, problems.POSTING_NOT_DECIDABLE, problems.ACTION_INVALID),
                description="A repeat finds it decided: 409, and nothing is done twice.",
                requestBody={"required": True, "content": {"application/json": decision}},
                **one,
            )
        },
        "/v1/incoming-transfers/{transfer_id}/return": {
            "post": operation(
                "returnTransfer",
                "Give money back that was posted, all of it or a part, or try again what is owed back",
                shown("IncomingTransfer", {**posted, "returning": {"value": "20.00", "currency": "USD"}}),
                *(*_BODY, not_found, problems.NOT_RETURNABLE, problems.RETURN_DIFFERS, problems.ACTION_INVALID),
                *(problems.IDEMPOTENCY_KEY_MISSING, problems.HEADER_INVALID, problems.OPERATOR_NEEDED),
                description="By a pacs.004, one at a time. A repeat under the same key starts none.",
                requestBody={
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _ref("ReturnOrder"),
                            "example": {"amount": "20.00", "reason_code": "CUST"},
                        }
                    },
                },
                **one,
            )
        },
        "/v1/incoming-transfers/{transfer_id}/return-record": {
            "post": operation(
                "recordReturn",
                "Record that what was owed has gone back beside this gateway",
                shown("IncomingTransfer", {**posted, "state": "RETURNED_BY_HAND", "money": "given_back"}),
                *(*_BODY, not_found, problems.NOT_RECORDABLE, problems.ACTION_INVALID, problems.OPERATOR_NEEDED),
                description="With an operator's key, for a transfer in RETURN_DUE, while no return of it is under way.",
                requestBody={
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _ref("ReturnRecord"),
                            "example": {"note": "Returned by the rail's own portal, 15:20."},
                        }
                    },
                },
                **one,
            )
        },
        "/v1/incoming-transfers/{transfer_id}/settlement": {
            "post": operation(
                "recordSettlement",
                "Record the rail's word on a transfer that waits for a person",
                shown("IncomingTransfer", TRANSFER_EXAMPLE),
                *(*_BODY, not_found, problems.NOT_RECORDABLE, problems.ACTION_INVALID),
                description="With an operator's key. Money that arrived is held until somebody decides of its posting.",
                requestBody={
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": _ref("SettlementRecord"),
                            "example": {"settled": True, "note": "Support says: settled."},
                        }
                    },
                },
                **one,
            )
        },
    }
