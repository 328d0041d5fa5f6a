"""Rail operations in the OpenAPI document: paths, schemas and examples, as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from adapters.http import problems
from adapters.http.notes import NOTE_MAX
from adapters.http.openapi_receipts import MISSING_RECEIPTS, RECEIPT_EXAMPLE, RECEIPT_SCHEMAS
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import OperationState, RailAction
from gateway.service.directory import DirectoryUse

_ID: Final = "019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5d"

OPERATION_EXAMPLE: Final[dict[str, Any]] = {
    "operation_id": _ID,
    "rail": "fednow",
    "code": "FPON",
    "subject": "990000107",
    "state": "done",
    "reason_code": None,
    "description": None,
    "message_id": "20261120990000107K3J5L7M9N1P3Q5R7S9",
    "asked_at": "2026-11-20T15:15:00.000Z",
    "asked_by": "operator",
    "note": "The maintenance is over.",
    "ended_at": "2026-11-20T15:15:00.734Z",
    "links": {"self": f"/v1/rails/fednow/operations/{_ID}"},
}

MISSING_EXAMPLE: Final[dict[str, Any]] = {
    "message_id": "20261120990001106K3J5L7M9N1P3Q5R7S9",
    "routing_number": "990000107",
    "description": "51.74 dollars were settled to us, and the message never came.",
    "found_at": "2026-11-20T15:20:00.734Z",
}

STATUS_EXAMPLE: Final[dict[str, Any]] = {
    "rail": "fednow",
    "connection_party": {"signed_on": None},
    "institutions": [{"routing_number": "990000107", "signed_on": True, "reached": True}],
    "connection_points": [{"connection_point": "EAST", "connected": True}],
    "downtime": {
        "window": {"opens_at": "2026-11-22T07:00:00.000Z", "closes_at": "2026-11-22T11:00:00.000Z", "open": False},
        "allowed_s": {"at_once": 7_200, "quarter": 86_400, "year": 345_600},
        "institutions": [
            {
                "routing_number": "990000107",
                "quarter_s": 3_600,
                "year_s": 7_200,
                "unplanned_s": 0,
                "longest_s": 3_600,
                "current_s": 0,
                "faults": [],
            }
        ],
    },
    "directory": {
        "use": "fresh",
        "business_day": "2026-11-20",
        "heard_at": "2026-11-20T00:04:31.120Z",
        "age_s": 54_629,
        "fresh": True,
        "participants": 1_504,
        "signed_off": 3,
    },
    "missing": [MISSING_EXAMPLE],
    "missing_receipts": [RECEIPT_EXAMPLE],
    "operations": [OPERATION_EXAMPLE],
    "broadcasts": [
        {
            "code": "ROLL",
            "subjects": ["20261121"],
            "description": None,
            "event_time": "2026-11-21T00:00:59.000Z",
            "heard_at": "2026-11-21T00:01:00.120Z",
            "message_id": "20261120021150706ROLL1",
        }
    ],
}

_STRING: Final = {"type": "string"}
_NULLABLE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_SECONDS: Final = {"type": "integer", "minimum": 0}
_MAYBE: Final = {"type": ["boolean", "null"], "description": "null: never heard."}


def _maybe_object(members: dict[str, Any]) -> dict[str, Any]:
    return {**_object(members), "type": ["object", "null"], "description": "null: what the rail allows is not known."}


def _object(members: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


RAIL_SCHEMAS: Final[dict[str, Any]] = {
    "RailOperation": _object(
        {
            "operation_id": {"type": "string", "format": "uuid"},
            "rail": {"type": "string", "enum": [rail.value for rail in Rail]},
            "code": {**_STRING, "description": "The rail's own code for the event."},
            "subject": {**_NULLABLE, "description": "null: the whole connection party."},
            "state": {"type": "string", "enum": [state.value for state in OperationState]},
            "reason_code": {**_NULLABLE, "description": "The rail's own, where it refuses."},
            "description": _NULLABLE,
            "message_id": _NULLABLE,
            "asked_at": _INSTANT,
            "asked_by": _NULLABLE,
            "note": _NULLABLE,
            "ended_at": {**_NULLABLE, "format": "date-time"},
            "links": _object({"self": _STRING}),
        }
    ),
    "RailStatus": _object(
        {
            "rail": {"type": "string", "enum": [rail.value for rail in Rail]},
            "connection_party": _object({"signed_on": _MAYBE}),
            "institutions": _list(_object({"routing_number": _STRING, "signed_on": _MAYBE, "reached": _MAYBE})),
            "connection_points": _list(_object({"connection_point": _STRING, "connected": {"type": "boolean"}})),
            "downtime": _maybe_object(
                {
                    "window": _object({"opens_at": _INSTANT, "closes_at": _INSTANT, "open": {"type": "boolean"}}),
                    "allowed_s": _object({"at_once": _SECONDS, "quarter": _SECONDS, "year": _SECONDS}),
                    "institutions": _list(
                        _object(
                            {
                                "routing_number": _STRING,
                                "quarter_s": _SECONDS,
                                "year_s": _SECONDS,
                                "unplanned_s": {**_SECONDS, "description": "Of the year, outside the windows."},
                                "longest_s": _SECONDS,
                                "current_s": _SECONDS,
                                "faults": _list(_STRING),
                            }
                        )
                    ),
                }
            ),
            "directory": {
                "anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/ParticipantDirectory"}],
                "description": "null: nobody keeps one of this rail.",
            },
            "missing": _list({"$ref": "#/components/schemas/MissingMessage"}),
            "missing_receipts": MISSING_RECEIPTS,
            "operations": _list({"$ref": "#/components/schemas/RailOperation"}),
            "broadcasts": _list(
                _object(
                    {
                        "code": _STRING,
                        "subjects": _list(_STRING),
                        "description": _NULLABLE,
                        "event_time": {**_NULLABLE, "format": "date-time"},
                        "heard_at": _INSTANT,
                        "message_id": _NULLABLE,
                    }
                )
            ),
        }
    ),
    "ParticipantDirectory": _object(
        {
            "use": {"type": "string", "enum": [use.value for use in DirectoryUse]},
            "business_day": {**_NULLABLE, "format": "date", "description": "As the file has it; null: never heard."},
            "heard_at": {**_NULLABLE, "format": "date-time"},
            "age_s": {"type": ["integer", "null"], "minimum": 0},
            "fresh": {
                "type": "boolean",
                "description": "Of the cycle day under way, or the one before until it is due.",
            },
            "participants": {"type": "integer", "minimum": 0},
            "signed_off": {
                "type": "integer",
                "minimum": 0,
                "description": "Whom the rail has told to be signed off, in the last seven days.",
            },
        }
    ),
    **RECEIPT_SCHEMAS,
    "MissingMessage": _object(
        {
            "message_id": {**_STRING, "description": "The sender's, as the rail reports it."},
            "routing_number": _STRING,
            "description": _NULLABLE,
            "found_at": _INSTANT,
        }
    ),
    "RailOperationRequest": _object(
        {
            "action": {"type": "string", "enum": [action.value for action in RailAction]},
            "subject": {
                **_NULLABLE,
                "description": "sign_on, sign_off: an institution's routing number, or nothing for the whole "
                "connection party; connect, disconnect: a connection point; ping: nothing.",
            },
            "note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX},
        },
        optional=("subject",),
    ),
}
"""Every schema of rail operations, by name."""

_EVERYWHERE: Final = (problems.UNAUTHENTICATED, problems.INTERNAL_ERROR, problems.UNAVAILABLE)
_BODY: Final = (
    *(problems.BODY_INCOMPLETE, problems.JSON_UNREADABLE, problems.REQUEST_TIMEOUT, problems.BODY_TOO_LARGE),
    *(problems.UNSUPPORTED_MEDIA_TYPE, problems.UNSUPPORTED_CONTENT_ENCODING, problems.EXPECTATION_FAILED),
)
_RAIL: Final = {"name": "rail", "in": "path", "required": True, "schema": _STRING}
_OPERATION_ID: Final = {"name": "operation_id", "in": "path", "required": True, "schema": _STRING}

ProblemResponses = Callable[..., dict[str, Any]]


def rail_paths(problem_responses: ProblemResponses) -> dict[str, Any]:
    """Return the paths; `problem_responses` makes the responses of problem kinds."""

    def answer(schema: str, example: object, summary: str) -> dict[str, Any]:
        content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}
        return {"description": summary, "content": {"application/json": content}}

    status = "How we stand on a rail: who is signed on, what is connected, what was asked, and the rail's news"
    asked = "Something that was asked of a rail, and how it ended"
    request = {"action": "sign_on", "subject": "990000107", "note": "The maintenance is over."}
    return {
        "/v1/rails/{rail}": {
            "get": {
                "operationId": "getRail",
                "tags": ["operate"],
                "summary": status,
                "parameters": [_RAIL],
                "responses": {
                    "200": answer("RailStatus", STATUS_EXAMPLE, status),
                    **problem_responses(*_EVERYWHERE, problems.NOT_FOUND, problems.RAIL_NOT_SERVED),
                },
            }
        },
        "/v1/rails/{rail}/operations": {
            "post": {
                "operationId": "postRailOperation",
                "tags": ["operate"],
                "summary": "Ask something of a rail: a ping, a sign-on or sign-off, a connection point",
                "description": "Needs an operator's key. 202 once it is saved; a worker sends it. A repeat asks again. "
                "A sign-on is refused (409) while no worker runs, or an institution that is asked does not answer.",
                "parameters": [_RAIL],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/RailOperationRequest"},
                            "example": request,
                        }
                    },
                },
                "responses": {
                    "202": {
                        **answer("RailOperation", {**OPERATION_EXAMPLE, "state": "asked", "ended_at": None}, asked),
                        "headers": {"Location": {"description": "Its own address.", "schema": _STRING}},
                    },
                    **problem_responses(
                        *(*_EVERYWHERE, *_BODY, problems.NOT_FOUND, problems.RAIL_NOT_SERVED),
                        *(problems.OPERATOR_NEEDED, problems.ACTION_INVALID, problems.NOT_READY_TO_ANSWER),
                    ),
                },
            }
        },
        "/v1/rails/{rail}/missing/{message_id}/close": {
            "post": {
                "operationId": "postMissingClosing",
                "tags": ["operate"],
                "summary": "Keep that a person has looked at a message that the rail has settled and that never came",
                "description": "Needs an operator's key. Of two people one closes it; the other gets 404.",
                "parameters": [_RAIL, {"name": "message_id", "in": "path", "required": True, "schema": _STRING}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Note"},
                            "example": {"note": "The sender has it back (case 15)."},
                        }
                    },
                },
                "responses": {
                    "200": answer("MissingMessage", MISSING_EXAMPLE, "What was missing"),
                    **problem_responses(
                        *(*_EVERYWHERE, *_BODY, problems.NOT_FOUND, problems.OPERATOR_NEEDED, problems.ACTION_INVALID)
                    ),
                },
            }
        },
        "/v1/rails/{rail}/operations/{operation_id}": {
            "get": {
                "operationId": "getRailOperation",
                "tags": ["operate"],
                "summary": asked,
                "parameters": [_RAIL, _OPERATION_ID],
                "responses": {
                    "200": answer("RailOperation", OPERATION_EXAMPLE, asked),
                    **problem_responses(*_EVERYWHERE, problems.NOT_FOUND),
                },
            }
        },
    }
