"""What is due in the OpenAPI document: path, schema and example, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from gateway.domain.due import DueKind
from gateway.domain.payment import Rail

_ID: Final = "000b4c1e-9d2a-8f31-9b7a-5c0e8f1d2a3b"
_LINK: Final = f"/v1/incoming-transfers/{_ID}"
_STRING: Final = {"type": "string"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_OR_NULL: Final = {"anyOf": [{"type": "null"}, _INSTANT]}
_KINDS: Final = {"type": "string", "enum": [kind.value for kind in DueKind]}


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


DUE_SCHEMAS: Final[dict[str, Any]] = {
    "Due": _object(
        {
            "kind": {**_KINDS, "description": "What is to be done."},
            "id": {**_STRING, "format": "uuid", "description": "Of the payment, the transfer or the conversation."},
            "rail": {"type": "string", "enum": [rail.value for rail in Rail]},
            "region": {"$ref": "#/components/schemas/Region"},
            "state": {**_STRING, "description": "Where it stands; of a request for a return, the request."},
            "amount": {
                "anyOf": [{"type": "null"}, _object({"value": _STRING, "currency": {"const": "USD"}})],
            },
            "expected": {
                "type": "array",
                "items": _STRING,
                "description": "The words of what may be done, as the path `links.do` takes them; what has no word is "
                "the last part of its path, or `pay`.",
            },
            "by": {**_OR_NULL, "description": "By when; null where no rule names a time, or its clock runs elsewhere."},
            "overdue": {"type": "boolean"},
            "since": {**_OR_NULL, "description": "Since when it waits as it does."},
            "links": _object(
                {
                    "self": {**_STRING, "description": "The thing itself, with its history and messages."},
                    "do": {**_STRING, "description": "Where what is expected is posted."},
                    "payment": {"type": ["string", "null"], "description": "The payment or transfer it is about."},
                }
            ),
        }
    ),
    "DueList": _object(
        {
            "due": {"type": "array", "items": {"$ref": "#/components/schemas/Due"}},
            "more": {"type": "boolean"},
            "next": {"type": ["string", "null"], "description": "What `after` names for the next page."},
        }
    ),
}
"""Every schema of what is due, by name."""

_LISTED: Final = {
    "due": [
        {
            "kind": "return_request",
            "id": _ID,
            "rail": "fednow",
            "region": "local",
            "state": "RECEIVED",
            "amount": {"value": "51.74", "currency": "USD"},
            "expected": ["agreed", "pending", "refused"],
            "by": "2026-11-24T04:59:59.000Z",
            "overdue": False,
            "since": "2026-11-20T16:00:00.000Z",
            "links": {"self": _LINK, "do": f"{_LINK}/return-answer", "payment": _LINK},
        }
    ],
    "more": False,
    "next": None,
}
_SAID: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE, problems.QUERY_INVALID)


def due_paths(problem_responses: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return the path."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/DueList"}, "example": _LISTED}}
    return {
        "/v1/due": {
            "get": {
                "operationId": "findDue",
                "tags": ["read"],
                "summary": "Whatever waits for a person or an institution here, of every kind: what expires first "
                "comes first",
                "description": "A tenant's key sees its own, an operator's all. Not what the gateway does by itself, "
                "nor what others are to answer. A page at a time: the next begins after the place of the last entry, "
                "whatever was done meanwhile.",
                "parameters": [
                    {
                        "name": "kind",
                        "in": "query",
                        "schema": {"type": "array", "items": _KINDS},
                        "description": "These alone; as often as you like.",
                    },
                    {"name": "after", "in": "query", "schema": _STRING, "description": "`next` of the page before."},
                ],
                "responses": {
                    "200": {"description": "What is due now", "content": content},
                    **problem_responses(*_SAID),
                },
            }
        }
    }
