"""Dead letters in the OpenAPI document: paths, schemas and examples, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from adapters.http.notes import NOTE_MAX
from adapters.http.problems import ProblemKind
from gateway.domain.payment import PaymentState
from gateway.service.dead_letters import Consequence
from gateway.service.ports import DeadLetterReason, DeadLetterState, Queue

_ID: Final = "019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c"
_PAYMENT_ID: Final = "000b4c1e-6f2a-8d31-9b7a-5c0e8f1d2a3b"

LETTER_EXAMPLE: Final[dict[str, Any]] = {
    "delivery_id": _ID,
    "state": "parked",
    "queue": "fednow.out.value",
    "payment_id": _PAYMENT_ID,
    "attempts": 10,
    "reason": "handler_failed",
    "fault": "LookupError: no payment with a message client_in",
    "published_at": "2026-11-20T15:15:00.000Z",
    "died_at": "2026-11-20T15:15:21.734Z",
    "deadline_at": "2026-11-20T15:15:15.120Z",
    "closing": None,
    "links": {"self": f"/v1/dead-letters/{_ID}", "payment": f"/v1/payments/{_PAYMENT_ID}"},
}

SHOWN_EXAMPLE: Final[dict[str, Any]] = {
    **LETTER_EXAMPLE,
    "payment": {
        "state": "REJECTED",
        "final": True,
        "region": "local",
        "uetr": "7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d",
        "deadline_at": "2026-11-20T15:15:15.120Z",
    },
    "redrive": {
        "would": "nothing",
        "meaning": "The payment has moved on: the delivery would be settled without any effect.",
    },
}

_STRING: Final = {"type": "string"}
_NULLABLE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_UUID: Final = {"type": "string", "format": "uuid"}


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, schema]}


_LETTER: Final[dict[str, Any]] = {
    "delivery_id": {**_UUID, "description": "Its name here."},
    "state": {"type": "string", "enum": [state.value for state in DeadLetterState]},
    "queue": {"type": "string", "enum": [queue.value for queue in Queue]},
    "payment_id": _UUID,
    "attempts": {"type": "integer", "minimum": 1, "description": "How often it was handed out."},
    "reason": {"type": "string", "enum": [reason.value for reason in DeadLetterReason]},
    "fault": {**_NULLABLE, "description": "The last exception: class and message, values masked."},
    "published_at": _INSTANT,
    "died_at": _INSTANT,
    "deadline_at": _INSTANT,
    "closing": _or_null(
        _object({"at": _INSTANT, "by": _STRING, "note": _STRING, "redriven_as": {**_NULLABLE, "format": "uuid"}})
    ),
    "links": _object({"self": _STRING, "payment": _STRING}),
}

DEAD_LETTER_SCHEMAS: Final[dict[str, Any]] = {
    "DeadLetter": _object(_LETTER),
    "DeadLetters": _object(
        {
            "dead_letters": {"type": "array", "items": {"$ref": "#/components/schemas/DeadLetter"}},
            "more": {"type": "boolean"},
        }
    ),
    "ShownDeadLetter": _object(
        {
            **_LETTER,
            "payment": _or_null(
                _object(
                    {
                        "state": {"type": "string", "enum": [state.value for state in PaymentState]},
                        "final": {"type": "boolean"},
                        "region": {"$ref": "#/components/schemas/Region"},
                        "uetr": _NULLABLE,
                        "deadline_at": _INSTANT,
                    }
                )
            ),
            "redrive": _or_null(
                _object(
                    {
                        "would": {"type": "string", "enum": [consequence.value for consequence in Consequence]},
                        "meaning": _STRING,
                    }
                )
            ),
        }
    ),
    "Note": _object({"note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX}}),
}
"""Every schema of dead letters, by name."""

_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)
_DELIVERY_ID: Final = {"name": "delivery_id", "in": "path", "required": True, "schema": _STRING}
_QUEUE: Final = {"name": "queue", "in": "query", "schema": _LETTER["queue"]}
_STATE: Final = {
    "name": "state",
    "in": "query",
    "description": "parked where it is left out; any for every state.",
    "schema": {"type": "string", "enum": [*(state.value for state in DeadLetterState), "any"]},
}

ProblemResponses = Callable[..., dict[str, Any]]


def dead_letter_paths(problem_responses: ProblemResponses) -> dict[str, Any]:
    """Return the paths; `problem_responses` makes the responses of problem kinds."""

    def operation(
        operation_id: str, summary: str, schema: str, example: object, *said: ProblemKind, **more: Any
    ) -> dict[str, Any]:
        content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
        return {
            "operationId": operation_id,
            "tags": ["operate"],
            "summary": summary,
            **more,
            "responses": {
                "200": {"description": summary, "content": {"application/json": content}},
                **problem_responses(*_EVERYWHERE, *said),
            },
        }

    def closing(operation_id: str, summary: str, *said: ProblemKind) -> dict[str, Any]:
        example = {"note": "The cause is mended (change 1515)."}
        body = {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}, "example": example}}
        return operation(
            operation_id,
            summary,
            "ShownDeadLetter",
            {**SHOWN_EXAMPLE, "redrive": None},
            *(*_BODY, problems.OPERATOR_NEEDED, problems.DEAD_LETTER_NOT_FOUND, problems.DEAD_LETTER_CLOSED),
            *(problems.ACTION_INVALID, *said),
            description="Needs an operator's key. A repeat, or a second operator, gets 409, and nothing is done twice.",
            parameters=[_DELIVERY_ID],
            requestBody={"required": True, "content": body},
        )

    listed = {"dead_letters": [LETTER_EXAMPLE], "more": False}
    return {
        "/v1/dead-letters": {
            "get": operation(
                "findDeadLetters",
                "Deliveries that no handler settled, the longest dead first",
                "DeadLetters",
                listed,
                problems.QUERY_INVALID,
                description="A tenant's key sees those of its own payments, an operator's all.",
                parameters=[_QUEUE, _STATE],
            )
        },
        "/v1/dead-letters/{delivery_id}": {
            "get": operation(
                "getDeadLetter",
                "One, with its payment as it is now and what a redrive would do",
                "ShownDeadLetter",
                SHOWN_EXAMPLE,
                problems.DEAD_LETTER_NOT_FOUND,
                parameters=[_DELIVERY_ID],
            )
        },
        "/v1/dead-letters/{delivery_id}/redrive": {
            "post": closing(
                "redriveDeadLetter",
                "Put the delivery on its queue again, under a fresh id",
                problems.DEAD_LETTER_WITHOUT_PAYMENT,
            )
        },
        "/v1/dead-letters/{delivery_id}/discard": {
            "post": closing("discardDeadLetter", "Decide that nothing is to be done")
        },
    }
