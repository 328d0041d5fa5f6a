"""The JSON Schemas of what the API takes and gives, as data. Keys are only ever added."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from adapters.http.held import DECISIONS
from adapters.http.notes import NOTE_MAX
from adapters.http.openapi_questions import QUESTIONS
from adapters.http.payment_form import CURRENCY, REMITTANCE_LINES_MAX
from adapters.http.problems import PROBLEMS
from adapters.http.representation import CONTRADICTED, MONEY, NEXT_STEPS
from gateway.domain.conversation import ConversationState
from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingState
from gateway.domain.payment import PaymentState, Rail, ReasonOrigin
from gateway.domain.request import RequestState
from gateway.service.operate import OperatorAction
from gateway.service.ports import MessageDirection


def ref(name: str) -> dict[str, str]:
    """Return a reference to a schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(members: dict[str, Any], *, optional: tuple[str, ...] = (), description: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }
    return schema | ({"description": description} if description else {})


def _text(longest: int, description: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": longest}
    return schema | ({"description": description} if description else {})


def _values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


_STRING: Final = {"type": "string"}
_NULLABLE: Final = {"type": ["string", "null"]}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_ROUTING_NUMBER: Final = {"type": "string", "pattern": "^[0-9]{9}$"}
_STATE: Final = {"type": "string", "enum": _values(PaymentState)}
_UUID: Final = {"type": "string", "format": "uuid"}
_AMOUNT_TEXT: Final = {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,15})(\.[0-9]{1,2})?$"}

_FINDING: Final = {
    **_object(
        {
            "code": {"type": "string", "description": "Stable; what programs decide on."},
            "severity": {"type": "string", "enum": ["error", "warning"]},
            "xpath": {"type": "string", "description": "Where in an XML message."},
            "pointer": {**_NULLABLE, "description": "Where in a JSON body (RFC 6901)."},
            "line": {"type": ["integer", "null"]},
            "value": {**_NULLABLE, "description": "What stands there; masked where it is personal."},
            "rule": {"type": "string", "description": "What holds, in plain words."},
            "hint": {"type": "string", "description": "How to mend it."},
            "reject_code": {**_NULLABLE, "description": "What the rail would answer, where that is public."},
        },
        optional=("xpath", "pointer", "line", "reject_code"),
        description="One fault. All faults are listed at once.",
    ),
}

_PAYMENT: Final = _object(
    {
        "payment_id": _UUID,
        "state": {**_STATE, "description": "Where the payment stands with us."},
        "final": {"type": "boolean", "description": "Whether this is the end; then money is certain."},
        "money": {"type": "string", "enum": sorted(set(MONEY.values()))},
        "status": {**_NULLABLE, "description": "The rail's last word on the payment, an ISO transaction status."},
        "reason": ref("NullableReason"),
        "attention": {
            "type": ["string", "null"],
            "enum": [CONTRADICTED, None],
            "description": "Why a person must look at it, where its state does not say so.",
        },
        "contradiction": ref("NullableContradiction"),
        "rail": {"type": "string", "enum": _values(Rail)},
        "region": ref("Region"),
        "message_id": {"type": "string", "description": "The id under which the rail gets it."},
        "end_to_end_id": _STRING,
        "instruction_id": _NULLABLE,
        "uetr": _NULLABLE,
        "amount": _object({"value": _AMOUNT_TEXT, "currency": {"const": CURRENCY}}),
        "returned": {
            **_object({"value": {"type": "string"}, "currency": {"const": CURRENCY}}),
            "description": "What of a settled payment has come back.",
        },
        "kind": {
            "type": "string",
            "enum": ["customer", "return", "liquidity"],
            "description": "A customer's transfer, a return of one, or an institution's own money (pacs.009).",
        },
        "return_of": {
            "type": ["string", "null"],
            "format": "uuid",
            "description": "Of a return: the incoming transfer that it gives back.",
        },
        "return_request": {
            "anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/StandingRequest"}],
            "description": "The request for its return, if there was one.",
        },
        "debtor_agent": _ROUTING_NUMBER,
        "creditor_agent": _ROUTING_NUMBER,
        "accepted_at": _INSTANT,
        "deadline_at": {**_INSTANT, "description": "By then it is final, or in doubt with its next step."},
        "updated_at": _INSTANT,
        "elapsed_ms": {"type": ["integer", "null"], "description": "From acceptance to the last update, once final."},
        "next_step": ref("NullableNextStep"),
        "links": _object({"self": _STRING, "events": _STRING, "messages": _STRING}),
        "warnings": {
            "type": "array",
            "items": ref("Finding"),
            "description": "In the answer to a submission: what is allowed and yet odd.",
        },
    },
    optional=("warnings",),
)

_EVENT: Final = _object(
    {
        "sequence": {"type": "integer", "minimum": 1},
        "kind": {"type": "string", "enum": _values(EventKind)},
        "state_before": {"type": ["string", "null"]},
        "state_after": _STATE,
        "status": _NULLABLE,
        "reason": ref("NullableReason"),
        "business_message_id": _NULLABLE,
        "details": {"type": "object"},
        "contradiction": {"type": "boolean", "description": "It says what cannot be, given what was certain."},
        "at": _INSTANT,
        "region": _STRING,
        "epoch": {"type": "integer", "minimum": 1},
    }
)

_MESSAGE: Final = _object(
    {
        "message_id": _UUID,
        "direction": {"type": "string", "enum": _values(MessageDirection)},
        "message_type": _STRING,
        "business_message_id": _STRING,
        "content_type": _STRING,
        "size": {"type": "integer", "minimum": 0},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "at": _INSTANT,
        "link": _STRING,
    }
)

_PAYMENT_REQUEST: Final = _object(
    {
        "amount": {**_AMOUNT_TEXT, "description": "A string, never a JSON number.", "examples": ["51.74"]},
        "currency": {"const": CURRENCY},
        "debtor": _object({"name": _text(140)}),
        "debtor_account": _text(34),
        "debtor_agent": _ROUTING_NUMBER,
        "creditor": _object({"name": _text(140)}),
        "creditor_account": _text(34),
        "creditor_agent": _ROUTING_NUMBER,
        "rail": {
            "type": ["string", "null"],
            "enum": [*_values(Rail), None],
            "description": "Over which rail; without it over the gateway's default.",
        },
        "category_purpose": {
            **_text(35),
            "type": ["string", "null"],
            "default": "CONS",
            "description": "CONS and BIZZ on both rails: RTP gets its own words, CONSUMER and BUSINESS.",
        },
        "end_to_end_id": {**_text(35), "type": ["string", "null"]},
        "instruction_id": {**_text(35), "type": ["string", "null"]},
        "uetr": {"type": ["string", "null"], "description": "A UUID of version 4 in lower case."},
        "remittance": {"type": ["array", "null"], "items": _text(140), "maxItems": REMITTANCE_LINES_MAX},
    },
    optional=("rail", "category_purpose", "end_to_end_id", "instruction_id", "uetr", "remittance"),
)

_LIQUIDITY_REQUEST: Final = _object(
    {
        name: schema
        for name, schema in _PAYMENT_REQUEST["properties"].items()
        if name not in {"debtor", "debtor_account", "creditor", "creditor_account", "category_purpose"}
    },
    optional=("rail", "end_to_end_id", "instruction_id", "uetr", "remittance"),
    description="From one institution's own account to another's: no customer on either side.",
)

_CANDIDATE: Final = _object(
    {
        "payment_id": _UUID,
        "state": _STATE,
        "region": ref("Region"),
        "end_to_end_id": _STRING,
        "uetr": _NULLABLE,
        "accepted_at": _INSTANT,
        "link": _STRING,
    }
)

_PROBLEM: Final = _object(
    {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _STRING,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _STRING,
        "instance": {"type": "string", "format": "uri", "description": "This one occurrence: tell it to support."},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "advice": {"type": "string", "description": "What to do now."},
        "findings": {"type": "array", "items": ref("Finding")},
        "payment": {"type": "string", "description": "Where a key was used before: the payment that has it."},
        "state": {
            "type": "string",
            "enum": sorted(
                {
                    *_values(PaymentState),
                    *_values(IncomingState),
                    *_values(RequestState),
                    *_values(ConversationState),
                }
            ),
            "description": "Where nothing was to be done: where the payment, sent or received, or its request stands.",
        },
        "why": {"type": "string", "description": "Where something cannot be asked: the reason, for programs."},
        "askable_from": {"type": "string", "format": "date-time", "description": "Where it may be asked later: when."},
        "candidates": {"type": "array", "items": _CANDIDATE},
        "checks": {"type": "object", "additionalProperties": _STRING},
    },
    optional=("payment", "state", "why", "askable_from", "candidates", "checks"),
    description="RFC 9457.",
)

_PROBLEM_KIND: Final = _object(
    {
        "type": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "status": {"type": "integer"},
        "title": _STRING,
        "advice": _STRING,
    }
)

_PENDING: Final = _object(
    {
        "state": {"type": "string", "const": "PENDING"},
        "idempotency_key": _STRING,
        "home": {"type": "string", "description": "The region that knows, and did not answer."},
        "detail": _STRING,
    },
    description="The payment may have been accepted in the other region. Repeat it under the same key.",
)

SCHEMAS: Final[dict[str, Any]] = {
    "Region": {
        "type": "string",
        "description": "The region in which it goes on, its home; in what a submission is answered with, that in "
        "which it was accepted. The header Fifteen-Freshness says how fresh what is read of it is.",
    },
    "Payment": _PAYMENT,
    "Pending": _PENDING,
    "PaymentRequest": _PAYMENT_REQUEST,
    "LiquidityRequest": _LIQUIDITY_REQUEST,
    "OperatorAction": _object(
        {
            "action": {"type": "string", "enum": [action.value for action in OperatorAction]},
            "note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX},
        }
    ),
    "HeldPayments": _object(
        {
            "held": {
                "type": "array",
                "items": _object(
                    {
                        "payment": ref("Payment"),
                        "screening": {
                            "type": "object",
                            "additionalProperties": {"type": "string"},
                            "description": "Who looked, and what was found: `hit_1`, `hit_2`, …",
                        },
                    }
                ),
            },
            "more": {"type": "boolean"},
        }
    ),
    "HoldDecision": _object(
        {
            "decision": {"type": "string", "enum": list(DECISIONS)},
            "note": {"type": "string", "minLength": 1, "maxLength": NOTE_MAX},
            "reason_code": {
                "type": "string",
                "pattern": "^[A-Z0-9]{4}$",
                "description": "Of a rejection alone; left out: what the tenant's rules say.",
            },
        },
        optional=("reason_code",),
    ),
    "Payments": _object({"payments": {"type": "array", "items": ref("Payment")}, "more": {"type": "boolean"}}),
    "NullableReason": {
        "anyOf": [
            {"type": "null"},
            _object(
                {
                    "code": _STRING,
                    "origin": {"type": "string", "enum": [origin.value for origin in ReasonOrigin]},
                    "text": _NULLABLE,
                }
            ),
        ]
    },
    "NullableContradiction": {
        "anyOf": [
            {"type": "null"},
            _object(
                {
                    "sequence": {"type": "integer", "minimum": 1, "description": "Which event of its history."},
                    "kind": {"type": "string", "enum": _values(EventKind)},
                    "status": _NULLABLE,
                    "reason": ref("NullableReason"),
                    "business_message_id": _NULLABLE,
                    "at": _INSTANT,
                    "may": {
                        "type": "array",
                        "items": {"type": "string", "enum": [action.value for action in OperatorAction]},
                        "description": "What an operator may do about the payment now: a record of what is so ends it.",
                    },
                },
                description="What was said last against what is certain, until a person has recorded what is so.",
            ),
        ]
    },
    "NullableNextStep": {
        "anyOf": [
            {"type": "null"},
            _object({"what": {"type": "string", "enum": list(NEXT_STEPS.values())}, "at": _INSTANT}),
        ]
    },
    "Events": _object({"payment_id": _UUID, "events": {"type": "array", "items": _EVENT}, "questions": QUESTIONS}),
    "Messages": _object({"payment_id": _UUID, "messages": {"type": "array", "items": ref("Message")}}),
    "Message": _MESSAGE,
    "Finding": _FINDING,
    "Problem": _PROBLEM,
    "ProblemKind": _PROBLEM_KIND,
    "ProblemKinds": _object({"problems": {"type": "array", "items": ref("ProblemKind")}}),
    "Health": _object({"status": {"const": "ok"}, "release": _STRING}),
    "Synthetic": _object(
        {
            "settled": {"type": "boolean"},
            "release": _STRING,
            "payments": {
                "type": "array",
                "items": _object({"rail": _STRING, "state": _STRING, "seconds": {"type": "number"}}),
            },
            "age_s": {"type": "number"},
            "fault": _STRING,
        },
        optional=("fault",),
    ),
    "Readiness": _object(
        {"status": {"const": "ok"}, "checks": {"type": "object", "additionalProperties": {"const": "ok"}}}
    ),
    "Index": _object(
        {
            "name": _STRING,
            "version": _STRING,
            "promise": _STRING,
            "links": {"type": "object", "additionalProperties": _STRING},
        }
    ),
}
"""Every schema, by name."""
