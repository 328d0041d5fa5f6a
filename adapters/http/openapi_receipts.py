"""Missing receipts in the OpenAPI document: paths, schemas and examples, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from gateway.domain.payment import Rail

_STRING: Final = {"type": "string"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_MEMBERS: Final = {
    "message_id": {**_STRING, "description": "Ours."},
    "message_type": _STRING,
    "sent_at": {**_INSTANT, "description": "When it is known to have left."},
    "link": {**_STRING, "description": "The conversation, payment or incoming transfer that it is part of."},
}

RECEIPT_EXAMPLE: Final[dict[str, Any]] = {
    "message_id": "20261120990000107K3J5L7M9N1P3Q5R7S9",
    "message_type": "pain.013.001.07",
    "sent_at": "2026-11-20T15:15:00.734Z",
    "link": "/v1/conversations/000b4c1e-9d2a-8f31-9b7a-5c0e8f1d2a3b",
}

RECEIPT_SCHEMAS: Final[dict[str, Any]] = {
    "MissingReceipt": {
        "type": "object",
        "properties": _MEMBERS,
        "required": list(_MEMBERS),
        "additionalProperties": False,
    },
}
"""Every schema of missing receipts, by name."""

MISSING_RECEIPTS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/MissingReceipt"},
    "description": "Messages of ours of which nobody has said that they arrived, as far as this region has sent them.",
}
"""The member of what is shown with them."""

_RAIL: Final = {
    "name": "rail",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "enum": [rail.value for rail in Rail]},
}
_MESSAGE: Final = {"name": "message_id", "in": "path", "required": True, "schema": _STRING}
_ONE: Final = {"name": "conversation_id", "in": "path", "required": True, "schema": {**_STRING, "format": "uuid"}}
_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)


def receipt_paths(problem_responses: Callable[..., dict[str, Any]], conversation: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `conversation` is an example of one."""

    def answered(schema: str, example: object, *said: problems.ProblemKind) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}}
        return {"200": {"description": "As it is then", "content": content}, **problem_responses(*_EVERYWHERE, *said)}

    note = {"schema": {"$ref": "#/components/schemas/Note"}, "example": {"note": "Their support has it (case 16)."}}
    return {
        "/v1/conversations/{conversation_id}/resend": {
            "post": {
                "operationId": "resendRequest",
                "tags": ["send"],
                "summary": "Send a request of ours again of which nobody has said that it arrived",
                "description": "Under another message id; its other references stay. The other side may get it twice. "
                "Refused (409) where no receipt of a request is missing: an answer is never sent again.",
                "parameters": [_ONE],
                "responses": answered(
                    "Conversation",
                    conversation,
                    *(problems.BODY_INCOMPLETE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
                    *(problems.CONVERSATION_NOT_FOUND, problems.CONVERSATION_NOT_WAITING),
                    problems.CONVERSATION_NOT_STARTED,
                ),
            }
        },
        "/v1/rails/{rail}/missing-receipts/{message_id}/close": {
            "post": {
                "operationId": "postReceiptClosing",
                "tags": ["operate"],
                "summary": "Keep that a person has looked into a receipt that is missing",
                "description": "Needs an operator's key, in the region that has sent the message. A repeat gets 404.",
                "parameters": [_RAIL, _MESSAGE],
                "requestBody": {"required": True, "content": {"application/json": note}},
                "responses": answered(
                    "MissingReceipt",
                    RECEIPT_EXAMPLE,
                    *(*_BODY, problems.NOT_FOUND, problems.OPERATOR_NEEDED, problems.ACTION_INVALID),
                ),
            }
        },
    }
