"""Questions of other institutions in the OpenAPI document: path, schemas and example, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from gateway.domain.payment import Rail

_STRING: Final = {"type": "string"}
_NULLABLE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}

QUESTION_EXAMPLE: Final[dict[str, Any]] = {
    "message_type": "pacs.028",
    "message_id": "20261120021150706K3J5L7M9N1P3Q5R7S9",
    "asked_by": "990001106",
    "about": "20261120990001106EXAMPLE0001",
    "at": "2026-11-20T16:20:00.734Z",
    "answers": [
        {
            "message_type": "admi.007",
            "message_id": "20261120990000107K3J5L7M9N1P3Q5R7S9",
            "status": None,
            "reason_code": None,
            "at": "2026-11-20T16:20:00.734Z",
        },
        {
            "message_type": "pacs.002",
            "message_id": "20261120990000107T5V7W9X1Y3Z5A7B9C1",
            "status": "RJCT",
            "reason_code": "AG09",
            "at": "2026-11-20T16:20:00.734Z",
        },
    ],
}


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


QUESTION_SCHEMAS: Final[dict[str, Any]] = {
    "Question": _object(
        {
            "message_type": {**_STRING, "description": "pacs.028, or camt.056."},
            "message_id": {**_NULLABLE, "description": "Theirs."},
            "asked_by": {**_NULLABLE, "description": "The institution's routing number."},
            "about": {**_NULLABLE, "description": "The message that it asks about; null: it names none."},
            "at": _INSTANT,
            "answers": {
                "type": "array",
                "items": _object(
                    {
                        "message_type": _STRING,
                        "message_id": _NULLABLE,
                        "status": {**_NULLABLE, "description": "null: it says that the question has arrived."},
                        "reason_code": _NULLABLE,
                        "at": _INSTANT,
                    }
                ),
                "description": "Ours; the gateway gives them by itself.",
            },
        }
    ),
    "Questions": _object(
        {
            "questions": {"type": "array", "items": {"$ref": "#/components/schemas/Question"}},
            "more": {"type": "boolean"},
        }
    ),
}
"""Every schema of questions, by name."""

QUESTIONS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/Question"},
    "description": "What other institutions have asked about it, and were told, the oldest first.",
}
"""The member of a history that they stand beside."""


def question_paths(problem_responses: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return the path."""
    summary = "What other institutions have asked about nothing that is known here, and were told, the newest first"
    rail = {"type": "string", "enum": [each.value for each in Rail]}
    content = {
        "schema": {"$ref": "#/components/schemas/Questions"},
        "example": {"questions": [QUESTION_EXAMPLE], "more": False},
    }
    return {
        "/v1/rails/{rail}/questions": {
            "get": {
                "operationId": "getQuestions",
                "tags": ["operate"],
                "summary": summary,
                "description": "Needs an operator's key.",
                "parameters": [{"name": "rail", "in": "path", "required": True, "schema": rail}],
                "responses": {
                    "200": {"description": summary, "content": {"application/json": content}},
                    **problem_responses(
                        *(problems.UNAUTHENTICATED, problems.OPERATOR_NEEDED, problems.NOT_FOUND),
                        *(problems.INTERNAL_ERROR, problems.UNAVAILABLE),
                    ),
                },
            }
        }
    }
